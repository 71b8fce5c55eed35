//! Confident learning: which labels the others contradict. Northcutt, Jiang and Chuang, Confident learning: estimating
//! uncertainty in dataset labels (2021).

use crate::dataset::Class;

/// What is said of a labelled photo by models that have not seen it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judged {
    /// Its number in the data set.
    pub photo: usize,
    /// What it is said to show.
    pub label: Class,
    /// Probability of being cracked, from 0 to 1.
    pub p_positive: f32,
}

impl Judged {
    /// Probability of its own label: the self-confidence.
    pub fn of_label(&self) -> f32 {
        match self.label {
            Class::Positive => self.p_positive,
            Class::Negative => 1.0 - self.p_positive,
        }
    }

    /// The other class.
    pub fn other(&self) -> Class {
        match self.label {
            Class::Positive => Class::Negative,
            Class::Negative => Class::Positive,
        }
    }
}

/// For each class the mean self-confidence of the photos that are said to be of it: what is usual for it. One half for a
/// class without photos.
pub fn thresholds(judged: &[Judged]) -> [f32; 2] {
    Class::ALL.map(|class| {
        let (sum, count) = judged
            .iter()
            .filter(|judged| judged.label == class)
            .fold((0.0_f64, 0_usize), |(sum, count), judged| (sum + f64::from(judged.of_label()), count + 1));
        if count == 0 { 0.5 } else { (sum / count as f64) as f32 }
    })
}

/// The photos off the diagonal of the confident joint: as sure to be of the other class as is usual for that, and surer
/// of it than of their own. The least sure of its label comes first, of equal ones the first photo.
///
/// Where the models are very sure of themselves the usual is close to one, and a photo that they clearly call the other
/// class may stay below it; such photos follow after the confident ones, as long as their label is the less likely one.
pub fn contradicted(judged: &[Judged]) -> Vec<Judged> {
    let thresholds = thresholds(judged);
    let usual = |class: Class| thresholds.get(class.index()).copied().unwrap_or(0.5);
    let confident = |judged: &Judged| 1.0 - judged.of_label() >= usual(judged.other());
    let mut found: Vec<Judged> = judged.iter().filter(|judged| judged.of_label() < 0.5).copied().collect();
    found.sort_by(|a, b| {
        let by_confidence = confident(b).cmp(&confident(a));
        by_confidence.then(a.of_label().total_cmp(&b.of_label())).then(a.photo.cmp(&b.photo))
    });
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use Class::{Negative as N, Positive as P};

    fn judged(list: &[(Class, f32)]) -> Vec<Judged> {
        let judged = |(photo, &(label, p_positive))| Judged { photo, label, p_positive };
        list.iter().enumerate().map(judged).collect()
    }

    #[test]
    fn the_usual_is_the_mean_self_confidence() {
        let judged = judged(&[(N, 0.1), (N, 0.3), (P, 0.9), (P, 0.5), (P, 1.0)]);
        let [intact, cracked] = thresholds(&judged);
        assert!((intact - 0.8).abs() < 1e-6 && (cracked - 0.8).abs() < 1e-6);
        assert_eq!(thresholds(&[]), [0.5, 0.5]);
    }

    /// Photo 2 is as surely cracked as cracked photos are; photo 3 a little less, so it comes after it, and after it photo
    /// 6, which is hardly more likely to be cracked than not.
    #[test]
    fn confident_ones_come_first_and_then_the_less_likely_label() {
        let judged = judged(&[(N, 0.1), (N, 0.0), (N, 0.95), (N, 0.7), (P, 0.9), (P, 0.8), (N, 0.51), (P, 0.6)]);
        let found: Vec<usize> = contradicted(&judged).iter().map(|judged| judged.photo).collect();
        assert_eq!(found, [2, 3, 6]);
    }

    #[test]
    fn labels_that_all_agree_contradict_nothing() {
        assert!(contradicted(&judged(&[(N, 0.2), (P, 0.5), (P, 0.99)])).is_empty());
    }
}
