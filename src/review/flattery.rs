//! What did it flatter? The same head under random and under grouped splits, and how far their figures are apart.

use serde::Serialize;

use super::cross_validation::{FIGURES, LEVEL};
use super::interval::Interval;
use super::metrics::Metrics;
use super::predictions::DEFAULT_THRESHOLD;
use crate::dataset::split::SplitKind;
use crate::train::leaks::Trial;

/// What is to be known of the intervals, for people.
pub const ABOUT_DIFFERENCES: &str = "95 % intervals over the seeds by the corrected resampled t-test (Nadeau and Bengio \
     2003); the difference is taken seed by seed. An interval that holds 0 leaves open whether anything was flattered.";

/// What is to be known where the features come from the program's own weights, for people.
pub const ABOUT_BUNDLED: &str = "The bundled weights were themselves trained on photos of concrete, METU's among them; on \
     such photos less flattery shows than there is.";

/// One figure under both kinds of split.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Flattered {
    /// Its name in files.
    #[serde(skip)]
    pub key: &'static str,
    /// Its name.
    #[serde(skip)]
    pub name: &'static str,
    /// The mean under random splits, with its interval; none where it has a meaning for fewer than two seeds.
    pub random: Option<Interval>,
    /// The same under grouped splits.
    pub grouped: Option<Interval>,
    /// Random less grouped: what the random split flattered, where more is better.
    pub difference: Option<Interval>,
}

/// All figures under both kinds of split, over the validation photos.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Flattery {
    /// Seeds, each of which divided the photos both ways.
    pub seeds: usize,
    /// The figures.
    pub figures: Vec<Flattered>,
}

impl Flattery {
    /// Works out the figures of pairs of trials; none where there are none.
    pub fn of(trials: &[Trial]) -> Option<Self> {
        let metrics = |kind| -> Vec<Metrics> {
            let of_kind = trials.iter().filter(|trial| trial.kind == kind);
            of_kind.map(|trial| Metrics::of(&trial.predictions, DEFAULT_THRESHOLD)).collect()
        };
        let (random, grouped) = (metrics(SplitKind::Random), metrics(SplitKind::Grouped));
        let record = trials.first()?.record;
        let ratio = record.held_back as f64 / record.train.max(1) as f64;
        let figures = FIGURES.iter().map(|&(key, name, read, (least, most))| {
            let pairs: Vec<(f64, f64)> =
                random.iter().zip(&grouped).filter_map(|(a, b)| Some((read(a)?, read(b)?))).collect();
            let interval = |value: fn(&(f64, f64)) -> f64| {
                Interval::corrected(&pairs.iter().map(value).collect::<Vec<_>>(), ratio, LEVEL)
            };
            Flattered {
                key,
                name,
                random: interval(|pair| pair.0).map(|interval| interval.within(least, most)),
                grouped: interval(|pair| pair.1).map(|interval| interval.within(least, most)),
                difference: interval(|pair| pair.0 - pair.1),
            }
        });
        Some(Self { seeds: random.len().min(grouped.len()), figures: figures.collect() })
    }

    /// What it comes to, in a sentence.
    pub fn verdict(&self) -> String {
        let accuracy = self.figures.iter().find(|figure| figure.key == "accuracy").and_then(|figure| figure.difference);
        match accuracy {
            Some(Interval { low, mean, .. }) if low > 0.0 => {
                format!("A random split flatters the accuracy by {:.2} percentage points.", mean * 100.0)
            }
            Some(Interval { high, mean, .. }) if high < 0.0 => {
                format!("A random split makes the accuracy {:.2} percentage points worse.", -mean * 100.0)
            }
            Some(Interval { low, high, .. }) => format!(
                "No flattery of the accuracy is shown: the difference lies between {:+.2} and {:+.2} percentage points.",
                low * 100.0,
                high * 100.0
            ),
            None => "Too few seeds to tell.".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Class;
    use crate::review::predictions::Prediction;
    use crate::train::folds::FoldRecord;

    /// A trial in which so many of ten photos are called rightly.
    fn trial(kind: SplitKind, seed: u64, right: usize) -> Trial {
        let photo = |sample: usize| {
            let truth = Class::ALL[sample % 2];
            let says = if (sample < right) == (truth == Class::Positive) { 0.9 } else { 0.1 };
            Prediction {
                sample,
                file: sample.to_string(),
                path: "x".into(),
                part: None,
                truth: Some(truth),
                p_positive: says,
                group: None,
            }
        };
        let record = FoldRecord { train: 40, validation: 10, held_back: 10, best_epoch: 1 };
        Trial { kind, seed, record, predictions: (0..10).map(photo).collect() }
    }

    fn flattery(right: &[(usize, usize)]) -> Option<Flattery> {
        let pairs = right.iter().zip(0..).flat_map(|((random, grouped), seed)| {
            [trial(SplitKind::Random, seed, *random), trial(SplitKind::Grouped, seed, *grouped)]
        });
        Flattery::of(&pairs.collect::<Vec<_>>())
    }

    #[test]
    fn the_difference_is_taken_seed_by_seed() {
        let found = flattery(&[(10, 8), (9, 7), (8, 6)]).unwrap();
        let accuracy = &found.figures[0];
        assert_eq!((found.seeds, accuracy.key), (3, "accuracy"));
        let mean = |interval: Option<Interval>| interval.unwrap().mean;
        assert!((mean(accuracy.random) - 0.9).abs() < 1e-12 && (mean(accuracy.grouped) - 0.7).abs() < 1e-12);
        let difference = accuracy.difference.unwrap();
        assert!((difference.low - 0.2).abs() < 1e-9 && (difference.high - 0.2).abs() < 1e-9, "{difference:?}");
        assert_eq!(found.verdict(), "A random split flatters the accuracy by 20.00 percentage points.");
    }

    #[test]
    fn what_is_not_shown_is_not_claimed() {
        assert!(flattery(&[(10, 8), (8, 10)]).unwrap().verdict().starts_with("No flattery of the accuracy is shown"));
        assert_eq!(flattery(&[(10, 8)]).unwrap().verdict(), "Too few seeds to tell.");
        assert_eq!(flattery(&[]), None);
    }
}
