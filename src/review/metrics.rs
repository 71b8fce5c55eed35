//! How good a model is on labelled photos.

use serde::{Deserialize, Serialize};

use super::confusion::Confusion;
use super::predictions::Prediction;
use crate::dataset::Class;

/// Bins of the calibration error.
const CALIBRATION_BINS: usize = 15;

/// The figures of one evaluation. A figure is absent where it has no meaning, such as recall without cracked photos.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Labelled photos counted.
    pub photos: usize,
    /// Probability from which a photo counts as cracked.
    pub threshold: f32,
    /// Share that agrees with the label.
    pub accuracy: Option<f64>,
    /// Mean of the two classes' recalls.
    pub balanced_accuracy: Option<f64>,
    /// Of those called cracked, the share that is.
    pub precision: Option<f64>,
    /// Of the cracked ones, the share found.
    pub recall: Option<f64>,
    /// Harmonic mean of precision and recall.
    pub f1: Option<f64>,
    /// Matthews' correlation coefficient.
    pub mcc: Option<f64>,
    /// Area under the receiver operating characteristic.
    pub auroc: Option<f64>,
    /// Average precision: the area under the precision-recall curve, as a sum of steps.
    pub average_precision: Option<f64>,
    /// Expected calibration error of the probability of being cracked.
    pub ece: Option<f64>,
    /// Mean cross entropy, in nats.
    pub loss: Option<f64>,
    /// The confusion matrix `[[tn, fp], [fn, tp]]`.
    pub confusion: Confusion,
}

impl Metrics {
    /// Computes all figures over the labelled ones among `predictions`.
    pub fn of<'a>(predictions: impl IntoIterator<Item = &'a Prediction>, threshold: f32) -> Self {
        let labelled: Vec<&Prediction> = predictions.into_iter().filter(|p| p.truth.is_some()).collect();
        let confusion = Confusion::of(labelled.iter().copied(), threshold);
        let scores: Vec<(f32, bool)> =
            labelled.iter().map(|p| (p.p_positive, p.truth == Some(Class::Positive))).collect();
        let losses: Vec<f64> = labelled.iter().filter_map(|p| p.loss()).map(f64::from).collect();
        Self {
            photos: labelled.len(),
            threshold,
            accuracy: confusion.accuracy(),
            balanced_accuracy: confusion.balanced_accuracy(),
            precision: confusion.precision(),
            recall: confusion.recall(),
            f1: confusion.f1(),
            mcc: confusion.mcc(),
            auroc: auroc(&scores),
            average_precision: average_precision(&scores),
            ece: calibration_error(&scores),
            loss: (!losses.is_empty()).then(|| losses.iter().sum::<f64>() / losses.len() as f64),
            confusion,
        }
    }
}

/// Area under the ROC curve by ranks (Mann and Whitney), ties counted half; `None` unless both classes occur.
pub fn auroc(scores: &[(f32, bool)]) -> Option<f64> {
    let positives = scores.iter().filter(|s| s.1).count();
    let negatives = scores.len() - positives;
    if positives == 0 || negatives == 0 {
        return None;
    }
    let mut below = 0; // negatives with a lower score
    let mut area = 0.0;
    for tied in by_falling_score(scores).chunk_by(|a, b| a.0 == b.0).rev() {
        let here = tied.iter().filter(|s| s.1).count();
        let others = tied.len() - here;
        area += here as f64 * (below as f64 + others as f64 / 2.0);
        below += others;
    }
    Some(area / (positives as f64 * negatives as f64))
}

/// Σ (Rₙ − Rₙ₋₁) Pₙ over the distinct scores from the highest down, as scikit-learn's `average_precision_score`;
/// `None` without a cracked photo.
pub fn average_precision(scores: &[(f32, bool)]) -> Option<f64> {
    let positives = scores.iter().filter(|s| s.1).count();
    if positives == 0 {
        return None;
    }
    let (mut found, mut seen, mut sum) = (0, 0, 0.0);
    for tied in by_falling_score(scores).chunk_by(|a, b| a.0 == b.0) {
        let here = tied.iter().filter(|s| s.1).count();
        found += here;
        seen += tied.len();
        sum += here as f64 / positives as f64 * found as f64 / seen as f64;
    }
    Some(sum)
}

/// Expected calibration error over fifteen equal bins of the probability of being cracked: the mean, weighted by
/// photos, of |mean probability − share cracked|.
pub fn calibration_error(scores: &[(f32, bool)]) -> Option<f64> {
    if scores.is_empty() {
        return None;
    }
    let mut bins = [(0.0, 0.0); CALIBRATION_BINS]; // (sum of p, number cracked)
    for &(p, cracked) in scores {
        let index = ((p * CALIBRATION_BINS as f32) as usize).min(CALIBRATION_BINS - 1);
        if let Some(bin) = bins.get_mut(index) {
            bin.0 += f64::from(p);
            bin.1 += f64::from(u8::from(cracked));
        }
    }
    Some(bins.iter().map(|(p, cracked)| (p - cracked).abs()).sum::<f64>() / scores.len() as f64)
}

fn by_falling_score(scores: &[(f32, bool)]) -> Vec<(f32, bool)> {
    let mut sorted = scores.to_vec();
    sorted.sort_by(|a, b| b.0.total_cmp(&a.0));
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;

    /// scikit-learn 1.x: y = [0, 0, 1, 1, 0, 1]; s = [0.1, 0.4, 0.35, 0.8, 0.4, 0.4]
    const SCORES: [(f32, bool); 6] = [(0.1, false), (0.4, false), (0.35, true), (0.8, true), (0.4, false), (0.4, true)];

    #[test]
    fn ranking_figures_agree_with_scikit_learn() {
        assert!((auroc(&SCORES).unwrap() - 5.0 / 9.0 - 1.0 / 9.0).abs() < 1e-12);
        let expected = 1.0 / 3.0 + 1.0 / 3.0 * 2.0 / 4.0 + 1.0 / 3.0 * 3.0 / 5.0;
        assert!((average_precision(&SCORES).unwrap() - expected).abs() < 1e-12);
    }

    #[test]
    fn figures_without_meaning_are_absent() {
        assert_eq!(auroc(&[(0.3, true)]), None);
        assert_eq!(average_precision(&[(0.3, false)]), None);
        assert_eq!(calibration_error(&[]), None);
    }

    #[test]
    fn calibration_error_is_the_gap_between_said_and_seen() {
        let scores = [(0.9, true), (0.9, true), (0.9, true), (0.9, false)];
        assert!((calibration_error(&scores).unwrap() - 0.15).abs() < 1e-6);
    }
}
