//! The confusion matrix.

use serde::{Deserialize, Serialize};

use super::interval::{Bounds, wilson};
use super::predictions::{Outcome, Prediction};
use super::threshold::Threshold;
use crate::dataset::Class;

/// Counts of label against prediction. Written as `[[tn, fp], [fn, tp]]`: rows are labels, columns predictions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "[[usize; 2]; 2]", from = "[[usize; 2]; 2]")]
pub struct Confusion {
    /// Intact, and said so.
    pub true_negative: usize,
    /// Intact, called cracked.
    pub false_positive: usize,
    /// Cracked, called intact.
    pub false_negative: usize,
    /// Cracked, and said so.
    pub true_positive: usize,
}

impl Confusion {
    /// Counts the labelled predictions at `threshold`; those that are left to a person are not counted.
    pub fn of<'a>(predictions: impl IntoIterator<Item = &'a Prediction>, threshold: impl Into<Threshold>) -> Self {
        let threshold = threshold.into();
        let mut counts = Self::default();
        for outcome in predictions.into_iter().filter_map(|p| p.outcome(threshold)) {
            match outcome {
                Outcome::TrueNegative => counts.true_negative += 1,
                Outcome::FalsePositive => counts.false_positive += 1,
                Outcome::FalseNegative => counts.false_negative += 1,
                Outcome::TruePositive => counts.true_positive += 1,
            }
        }
        counts
    }

    /// The count in one cell.
    pub fn get(&self, truth: Class, predicted: Class) -> usize {
        match Outcome::of(truth, predicted) {
            Outcome::TrueNegative => self.true_negative,
            Outcome::FalsePositive => self.false_positive,
            Outcome::FalseNegative => self.false_negative,
            Outcome::TruePositive => self.true_positive,
        }
    }

    /// Photos with this label.
    pub fn with_label(&self, truth: Class) -> usize {
        Class::ALL.into_iter().map(|predicted| self.get(truth, predicted)).sum()
    }

    /// Share of the photos labelled `truth` that were called `predicted`; `None` where there are none.
    pub fn rate(&self, truth: Class, predicted: Class) -> Option<f64> {
        ratio(self.get(truth, predicted), self.with_label(truth))
    }

    /// All photos counted.
    pub fn total(&self) -> usize {
        self.true_negative + self.false_positive + self.false_negative + self.true_positive
    }

    /// Photos on which label and prediction disagree.
    pub fn wrong(&self) -> usize {
        self.false_positive + self.false_negative
    }

    /// Share that agrees.
    pub fn accuracy(&self) -> Option<f64> {
        ratio(self.true_positive + self.true_negative, self.total())
    }

    /// Mean of the two classes' recalls; `None` unless both occur.
    pub fn balanced_accuracy(&self) -> Option<f64> {
        let cracked = self.recall()?;
        let intact = self.rate(Class::Negative, Class::Negative)?;
        Some((cracked + intact) / 2.0)
    }

    /// Of those called cracked, the share that is.
    pub fn precision(&self) -> Option<f64> {
        ratio(self.true_positive, self.true_positive + self.false_positive)
    }

    /// Of the cracked ones, the share found.
    pub fn recall(&self) -> Option<f64> {
        self.rate(Class::Positive, Class::Positive)
    }

    /// Harmonic mean of precision and recall: 2tp / (2tp + fp + fn).
    pub fn f1(&self) -> Option<f64> {
        ratio(2 * self.true_positive, 2 * self.true_positive + self.wrong())
    }

    /// Matthews' correlation coefficient, −1 to 1; 0 where a row or column is empty, as scikit-learn has it.
    pub fn mcc(&self) -> Option<f64> {
        if self.total() == 0 {
            return None;
        }
        let [tn, fp, fn_, tp] =
            [self.true_negative, self.false_positive, self.false_negative, self.true_positive].map(|n| n as f64);
        let denominator = ((tp + fp) * (tp + fn_) * (tn + fp) * (tn + fn_)).sqrt();
        Some(if denominator == 0.0 { 0.0 } else { (tp * tn - fp * fn_) / denominator })
    }

    /// What calling all of these photos `class` would come to: a floor that no model should stay below.
    #[must_use]
    pub fn floor(&self, class: Class) -> Self {
        let [intact, cracked] = Class::ALL.map(|truth| self.with_label(truth));
        match class {
            Class::Positive => Self { false_positive: intact, true_positive: cracked, ..Self::default() },
            Class::Negative => Self { true_negative: intact, false_negative: cracked, ..Self::default() },
        }
    }

    /// The precision to be expected where a share `prevalence` of the photos is cracked, by Bayes' rule from recall and
    /// false positive rate, which do not depend on that share.
    pub fn precision_at(&self, prevalence: f64) -> Option<f64> {
        precision_at(prevalence, self.recall()?, self.rate(Class::Negative, Class::Positive)?)
    }

    /// Lower and upper end of [`Confusion::precision_at`]: with both ends of Wilson's intervals of recall and false
    /// positive rate, so wider than 95 % would have it.
    pub fn precision_at_bounds(&self, prevalence: f64) -> Option<Bounds> {
        let found = wilson(self.true_positive, self.with_label(Class::Positive))?;
        let alarms = wilson(self.false_positive, self.with_label(Class::Negative))?;
        Some(Bounds {
            low: precision_at(prevalence, found.low, alarms.high)?,
            high: precision_at(prevalence, found.high, alarms.low)?,
        })
    }
}

fn precision_at(prevalence: f64, recall: f64, false_positive_rate: f64) -> Option<f64> {
    let (found, alarms) = (recall * prevalence, false_positive_rate * (1.0 - prevalence));
    (found + alarms > 0.0).then(|| found / (found + alarms))
}

fn ratio(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

impl From<Confusion> for [[usize; 2]; 2] {
    fn from(c: Confusion) -> Self {
        [[c.true_negative, c.false_positive], [c.false_negative, c.true_positive]]
    }
}

impl From<[[usize; 2]; 2]> for Confusion {
    fn from([[true_negative, false_positive], [false_negative, true_positive]]: [[usize; 2]; 2]) -> Self {
        Self { true_negative, false_positive, false_negative, true_positive }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// scikit-learn: y = [0]*50 + [1]*10; said = [0]*47 + [1]*3 + [0]*2 + [1]*8
    #[test]
    fn agrees_with_scikit_learn() {
        let c = Confusion::from([[47, 3], [2, 8]]);
        let close = |value: Option<f64>, expected: f64| (value.unwrap() - expected).abs() < 1e-9;
        assert!(close(c.accuracy(), 55.0 / 60.0));
        assert!(close(c.balanced_accuracy(), 0.87));
        assert!(close(c.precision(), 8.0 / 11.0));
        assert!(close(c.recall(), 0.8));
        assert!(close(c.f1(), 0.761_904_761_904_761_9));
        assert!(close(c.mcc(), 0.712_725_568_9));
    }

    #[test]
    fn floors_know_the_photos_and_nothing_else() {
        let c = Confusion::from([[47, 3], [2, 8]]);
        let (always, never) = (c.floor(Class::Positive), c.floor(Class::Negative));
        assert_eq!((always, never), (Confusion::from([[0, 50], [0, 10]]), Confusion::from([[50, 0], [10, 0]])));
        assert_eq!((always.recall(), always.mcc(), never.precision()), (Some(1.0), Some(0.0), None));
        assert_eq!((always.balanced_accuracy(), never.accuracy()), (Some(0.5), Some(50.0 / 60.0)));
    }

    #[test]
    fn rare_cracks_make_alarms_less_precise() {
        let c = Confusion::from([[90, 10], [20, 80]]);
        assert!((c.precision_at(0.5).unwrap() - 8.0 / 9.0).abs() < 1e-12, "as among these photos");
        // 0.8 · 0.01 / (0.8 · 0.01 + 0.1 · 0.99)
        assert!((c.precision_at(0.01).unwrap() - 0.008 / 0.107).abs() < 1e-12);
        let bounds = c.precision_at_bounds(0.01).unwrap();
        assert!(bounds.low < 0.07 && bounds.high > 0.08, "{bounds:?}");
        assert_eq!(Confusion::default().precision_at(0.01), None);
    }

    #[test]
    fn an_empty_matrix_has_no_rates() {
        let c = Confusion::default();
        assert_eq!((c.accuracy(), c.precision(), c.mcc()), (None, None, None));
    }
}
