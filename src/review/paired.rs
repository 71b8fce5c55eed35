//! Two runs on the same photos: what the second mended and what it broke.

use std::collections::HashMap;

use serde::Serialize;

use super::interval::{Bounds, NORMAL};
use super::predictions::Prediction;
use super::threshold::Threshold;
use crate::dataset::Class;
use crate::dataset::split::Part;

/// How two runs stand to the label of one photo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pair {
    /// Both are right.
    BothRight,
    /// The first was wrong, the second is right.
    Mended,
    /// The first was right, the second is wrong.
    Broken,
    /// Both are wrong.
    BothWrong,
}

impl Pair {
    /// All of them: by rows first right, first wrong; by columns second right, second wrong.
    pub const ALL: [[Self; 2]; 2] = [[Self::BothRight, Self::Broken], [Self::Mended, Self::BothWrong]];

    fn of(first: bool, second: bool) -> Self {
        match (first, second) {
            (true, true) => Self::BothRight,
            (true, false) => Self::Broken,
            (false, true) => Self::Mended,
            (false, false) => Self::BothWrong,
        }
    }

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::BothRight => "both right",
            Self::Mended => "mended",
            Self::Broken => "broken",
            Self::BothWrong => "both wrong",
        }
    }
}

/// A photo that two runs speak of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Compared {
    /// Index of the photo among the second run's predictions.
    pub index: usize,
    /// Its label.
    pub truth: Class,
    /// How the runs stand to it.
    pub pair: Pair,
}

/// Two runs on the photos that both speak of.
#[derive(Clone, Debug, PartialEq)]
pub struct Paired {
    /// The photos.
    pub photos: Vec<Compared>,
    /// Photos that either run leaves to a person; they are not among `photos`.
    pub unsure: usize,
}

/// Counts, and what can be concluded from them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Photos compared.
    pub photos: usize,
    /// Photos that either run leaves to a person.
    pub unsure: usize,
    /// Both right.
    pub both_right: usize,
    /// First wrong, second right.
    pub mended: usize,
    /// First right, second wrong.
    pub broken: usize,
    /// Both wrong.
    pub both_wrong: usize,
    /// Accuracy of the second less that of the first.
    pub difference: Option<f64>,
    /// Its interval.
    pub interval: Option<Bounds>,
    /// McNemar's exact test: how probable so uneven a count of mended and broken ones is if neither run is better.
    pub p_value: Option<f64>,
}

/// Which photos two runs are compared on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// Those that neither was trained on.
    #[default]
    Held,
    /// All that both speak of.
    All,
}

impl Paired {
    /// Compares two runs on the labelled photos that both speak of, found by name. `label` gives the label in force of the
    /// photo at an index of the second run's predictions.
    pub fn of(
        (first, first_threshold): (&[Prediction], Threshold),
        (second, second_threshold): (&[Prediction], Threshold),
        scope: Scope,
        label: impl Fn(usize) -> Option<Class>,
    ) -> Self {
        let by_name: HashMap<&str, &Prediction> = first.iter().map(|p| (p.file.as_str(), p)).collect();
        let held = |p: &Prediction| scope == Scope::All || p.part != Some(Part::Train);
        let mut paired = Self { photos: Vec::new(), unsure: 0 };
        for (index, after) in second.iter().enumerate().filter(|(_, p)| held(p)) {
            let Some(before) = by_name.get(after.file.as_str()).filter(|p| held(p)) else { continue };
            let Some(truth) = label(index) else { continue };
            match (first_threshold.said(before.p_positive), second_threshold.said(after.p_positive)) {
                (Some(one), Some(other)) => {
                    paired.photos.push(Compared { index, truth, pair: Pair::of(one == truth, other == truth) });
                }
                _ => paired.unsure += 1,
            }
        }
        paired
    }

    /// Photos that both runs stand to so; of one label, or of any.
    pub fn count(&self, pair: Pair, truth: Option<Class>) -> usize {
        let same = |photo: &&Compared| photo.pair == pair && truth.is_none_or(|truth| photo.truth == truth);
        self.photos.iter().filter(same).count()
    }

    /// Counts, and what can be concluded from them.
    pub fn summary(&self) -> Summary {
        let [both_right, mended, broken, both_wrong] =
            [Pair::BothRight, Pair::Mended, Pair::Broken, Pair::BothWrong].map(|pair| self.count(pair, None));
        let photos = self.photos.len();
        let difference = (photos > 0).then(|| (mended as f64 - broken as f64) / photos as f64);
        Summary {
            photos,
            unsure: self.unsure,
            both_right,
            mended,
            broken,
            both_wrong,
            difference,
            interval: difference_bounds(mended, broken, photos),
            p_value: (photos > 0).then(|| mcnemar(mended, broken)),
        }
    }
}

/// McNemar's exact test, both sides: twice the smaller tail of a binomial distribution of one half, at most 1.
pub fn mcnemar(mended: usize, broken: usize) -> f64 {
    let n = mended + broken;
    // ln of (n over k) / 2ⁿ, from k = 0 on.
    let mut term = -(n as f64) * std::f64::consts::LN_2;
    let mut tail = 0.0;
    for k in 0..=mended.min(broken) {
        tail += term.exp();
        term += ((n - k) as f64).ln() - ((k + 1) as f64).ln();
    }
    (2.0 * tail).min(1.0)
}

/// The interval of a difference of two paired shares, at 95 %: Wald's with one photo added to each of the two counts that
/// differ (Bonett and Price 2012, "Adjusted Wald confidence interval for a difference of binomial proportions").
pub fn difference_bounds(mended: usize, broken: usize, photos: usize) -> Option<Bounds> {
    if photos == 0 {
        return None;
    }
    let n = photos as f64 + 2.0;
    let (up, down) = ((mended + 1) as f64 / n, (broken + 1) as f64 / n);
    let half = NORMAL * ((up + down - (up - down).powi(2)) / n).sqrt();
    let centre = up - down;
    Some(Bounds { low: (centre - half).max(-1.0), high: (centre + half).min(1.0) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::review::threshold::Band;

    /// Name, label, side and probability of a photo.
    type Row<'a> = (&'a str, Option<Class>, Option<Part>, f32);

    fn said(table: &[Row<'_>]) -> Vec<Prediction> {
        let one = |(sample, &(file, truth, part, p_positive)): (usize, &Row<'_>)| Prediction {
            sample,
            file: file.into(),
            path: file.into(),
            part,
            truth,
            p_positive,
            group: None,
        };
        table.iter().enumerate().map(one).collect()
    }

    #[test]
    fn photos_are_found_by_name_and_those_trained_on_are_left_out() {
        let (n, p) = (Some(Class::Negative), Some(Class::Positive));
        let (v, t) = (Some(Part::Validation), Some(Part::Train));
        let first = said(&[("a", p, v, 0.2), ("b", n, v, 0.1), ("c", p, t, 0.9), ("d", p, v, 0.9), ("x", p, v, 0.1)]);
        let second = said(&[("d", p, v, 0.3), ("c", p, v, 0.1), ("b", n, v, 0.2), ("a", p, v, 0.8), ("y", n, v, 0.1)]);
        let compare = |scope, threshold: Threshold| {
            Paired::of((&first, 0.5.into()), (&second, threshold), scope, |index| second[index].truth)
        };
        let held = compare(Scope::Held, 0.5.into());
        let found: Vec<(usize, Pair)> = held.photos.iter().map(|photo| (photo.index, photo.pair)).collect();
        assert_eq!(found, [(0, Pair::Broken), (2, Pair::BothRight), (3, Pair::Mended)]);
        assert_eq!((held.count(Pair::Mended, p), held.count(Pair::Mended, n)), (1, 0));
        assert_eq!(compare(Scope::All, 0.5.into()).summary().broken, 2);
        let unsure = Threshold { at: 0.5, unsure: Some(Band { from: 0.25, to: 0.85 }) };
        let fewer = compare(Scope::Held, unsure);
        assert_eq!((fewer.unsure, fewer.photos.len()), (2, 1));
    }

    #[test]
    fn nothing_in_common_concludes_nothing() {
        let none = Paired::of((&[], 0.5.into()), (&[], 0.5.into()), Scope::All, |_| None).summary();
        assert_eq!((none.photos, none.difference, none.interval, none.p_value), (0, None, None, None));
    }
}
