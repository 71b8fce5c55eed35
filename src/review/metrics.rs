//! How good a model is on labelled photos.

use serde::{Deserialize, Serialize};

use super::calibration::bin_of;
use super::confusion::Confusion;
use super::predictions::Prediction;
use super::ranking::Ranking;
use super::threshold::{Band, Threshold};
use crate::dataset::Class;

/// Bins of the calibration error.
pub(super) const CALIBRATION_BINS: usize = 15;

/// The figures of one evaluation. A figure is absent where it has no meaning, such as recall without cracked photos.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Labelled photos.
    pub photos: usize,
    /// Probability from which a photo counts as cracked.
    pub threshold: f32,
    /// Photos within this band are left to a person and count for nothing that depends on the threshold.
    #[serde(default)]
    pub unsure_band: Option<Band>,
    /// How many these are.
    #[serde(default)]
    pub unsure: usize,
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
    pub fn of<'a>(predictions: impl IntoIterator<Item = &'a Prediction>, threshold: impl Into<Threshold>) -> Self {
        let labelled: Vec<&Prediction> = predictions.into_iter().filter(|p| p.truth.is_some()).collect();
        Self::unparted(&labelled).at(&Ranking::of(labelled.iter().copied()), threshold.into())
    }

    /// The figures that do not depend on a threshold, over labelled predictions.
    pub fn unparted(labelled: &[&Prediction]) -> Self {
        let scores = scores(labelled);
        let losses: Vec<f64> = labelled.iter().filter_map(|p| p.loss()).map(f64::from).collect();
        Self {
            photos: labelled.len(),
            threshold: 0.0,
            unsure_band: None,
            unsure: 0,
            accuracy: None,
            balanced_accuracy: None,
            precision: None,
            recall: None,
            f1: None,
            mcc: None,
            auroc: auroc(&scores),
            average_precision: average_precision(&scores),
            ece: calibration_error(&scores),
            loss: (!losses.is_empty()).then(|| losses.iter().sum::<f64>() / losses.len() as f64),
            confusion: Confusion::default(),
        }
    }

    /// These figures at another threshold; `ranking` holds the photos that they are of. Takes no longer for many photos.
    #[must_use]
    pub fn at(&self, ranking: &Ranking, threshold: Threshold) -> Self {
        let confusion = ranking.confusion(threshold);
        Self {
            threshold: threshold.at,
            unsure_band: threshold.unsure,
            unsure: ranking.len() - confusion.total(),
            accuracy: confusion.accuracy(),
            balanced_accuracy: confusion.balanced_accuracy(),
            precision: confusion.precision(),
            recall: confusion.recall(),
            f1: confusion.f1(),
            mcc: confusion.mcc(),
            confusion,
            ..*self
        }
    }
}

/// One point of a ROC curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RocPoint {
    /// Of the intact photos, the share called cracked.
    pub false_positive_rate: f64,
    /// Of the cracked photos, the share called cracked.
    pub true_positive_rate: f64,
    /// The probability from which a photo is called cracked here.
    pub threshold: f32,
}

/// A model's receiver operating characteristic on labelled photos.
#[derive(Clone, Debug, PartialEq)]
pub struct RocCurve {
    /// From (0, 0) to (1, 1), see [`roc`].
    pub points: Vec<RocPoint>,
    /// The area under it.
    pub auroc: f64,
    /// Where the model's own threshold lies.
    pub chosen: RocPoint,
}

impl RocCurve {
    /// The curve over the labelled ones among `predictions`; `None` unless both classes occur.
    pub fn of<'a>(
        predictions: impl IntoIterator<Item = &'a Prediction>,
        threshold: impl Into<Threshold>,
    ) -> Option<Self> {
        let threshold = threshold.into();
        let predictions: Vec<_> = predictions.into_iter().collect();
        // The curve has every photo, those for a person as well.
        let confusion = Confusion::of(predictions.iter().copied(), threshold.at);
        let scores = scores(&predictions);
        let chosen = RocPoint {
            false_positive_rate: confusion.rate(Class::Negative, Class::Positive)?,
            true_positive_rate: confusion.recall()?,
            threshold: threshold.at,
        };
        Some(Self { points: roc(&scores)?, auroc: auroc(&scores)?, chosen })
    }
}

/// Probability and whether cracked, of the labelled ones.
pub fn scores(predictions: &[&Prediction]) -> Vec<(f32, bool)> {
    predictions.iter().filter_map(|p| Some((p.p_positive, p.truth? == Class::Positive))).collect()
}

/// The ROC curve by falling threshold, from (0, 0), where nothing is called cracked, to (1, 1); without the points that
/// lie evenly between their neighbours, as scikit-learn's `roc_curve`. `None` unless both classes occur.
pub fn roc(scores: &[(f32, bool)]) -> Option<Vec<RocPoint>> {
    let positives = scores.iter().filter(|s| s.1).count();
    let negatives = scores.len() - positives;
    if positives == 0 || negatives == 0 {
        return None;
    }
    let (mut found, mut seen) = (0, 0);
    let mut counts = Vec::new(); // false positives, true positives, threshold
    for tied in by_falling_score(scores).chunk_by(|a, b| a.0 == b.0) {
        found += tied.iter().filter(|s| s.1).count();
        seen += tied.len();
        counts.extend(tied.first().map(|first| (seen - found, found, first.0)));
    }
    let point = |(false_positives, true_positives, threshold)| RocPoint {
        false_positive_rate: false_positives as f64 / negatives as f64,
        true_positive_rate: true_positives as f64 / positives as f64,
        threshold,
    };
    let bends = counts.windows(3).filter_map(|three| match *three {
        [a, b, c] if b.0 - a.0 == c.0 - b.0 && b.1 - a.1 == c.1 - b.1 => None,
        [_, b, _] => Some(b),
        _ => None,
    });
    let ends = (counts.first().copied(), counts.last().copied().filter(|_| counts.len() > 1));
    let kept = std::iter::once((0, 0, f32::INFINITY)).chain(ends.0).chain(bends).chain(ends.1);
    Some(kept.map(point).collect())
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
        // Divided by the positives at the end, so that a perfect ranking comes to exactly one.
        sum += here as f64 * found as f64 / seen as f64;
    }
    Some(sum / positives as f64)
}

/// Expected calibration error over fifteen equal bins of the probability of being cracked: the mean, weighted by
/// photos, of |mean probability − share cracked|.
pub fn calibration_error(scores: &[(f32, bool)]) -> Option<f64> {
    if scores.is_empty() {
        return None;
    }
    let mut bins = [(0.0, 0.0); CALIBRATION_BINS]; // (sum of p, number cracked)
    for &(p, cracked) in scores {
        if let Some(bin) = bins.get_mut(bin_of(p)) {
            bin.0 += f64::from(p);
            bin.1 += f64::from(u8::from(cracked));
        }
    }
    Some(bins.iter().map(|(p, cracked)| (p - cracked).abs()).sum::<f64>() / scores.len() as f64)
}

/// A point of a precision-recall curve: recall, precision.
pub type RecallPrecision = [f64; 2];

/// The precision-recall curve by falling threshold, as scikit-learn's `precision_recall_curve` turned round: recall and
/// precision for each distinct score; `None` without a cracked photo.
pub fn precision_recall(scores: &[(f32, bool)]) -> Option<Vec<RecallPrecision>> {
    let positives = scores.iter().filter(|s| s.1).count();
    if positives == 0 {
        return None;
    }
    let (mut found, mut seen) = (0, 0);
    let points = by_falling_score(scores);
    let points = points.chunk_by(|a, b| a.0 == b.0).map(|tied| {
        found += tied.iter().filter(|s| s.1).count();
        seen += tied.len();
        [found as f64 / positives as f64, found as f64 / seen as f64]
    });
    Some(points.collect())
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
    fn the_roc_curve_agrees_with_scikit_learn() {
        let file: serde_json::Value = serde_json::from_str(include_str!("../../tests/data/roc_case.json")).unwrap();
        for case in file["cases"].as_array().unwrap() {
            let (count, levels) = (case["count"].as_u64().unwrap(), case["levels"].as_u64().unwrap());
            let score = |index: u64| {
                let level = (index * 7919 + 13) % levels;
                (level as f32 / levels as f32, (index * 104_729) % levels < level)
            };
            let scores: Vec<_> = (0..count).map(score).collect();
            let numbers =
                |name: &str| case[name].as_array().unwrap().iter().map(|n| n.as_f64().unwrap_or(f64::INFINITY));
            let expected: Vec<[f64; 3]> = numbers("false_positive_rate")
                .zip(numbers("true_positive_rate"))
                .zip(numbers("threshold"))
                .map(|((x, y), threshold)| [x, y, threshold])
                .collect();
            let points = roc(&scores).unwrap();
            assert_eq!(points.len(), expected.len());
            for (point, [x, y, threshold]) in points.iter().zip(expected) {
                assert!((point.false_positive_rate - x).abs() < 1e-12 && (point.true_positive_rate - y).abs() < 1e-12);
                assert_eq!(point.threshold, threshold as f32);
            }
            assert!((auroc(&scores).unwrap() - case["auroc"].as_f64().unwrap()).abs() < 1e-12);
        }
    }

    #[test]
    fn the_chosen_threshold_lies_on_the_curve() {
        let prediction = |(p_positive, cracked): &(f32, bool)| Prediction {
            sample: 0,
            file: String::new(),
            path: Default::default(),
            part: None,
            truth: Some(if *cracked { Class::Positive } else { Class::Negative }),
            p_positive: *p_positive,
            group: None,
        };
        let predictions: Vec<_> = SCORES.iter().map(prediction).collect();
        let curve = RocCurve::of(&predictions, 0.4).unwrap();
        let same = |p: &&RocPoint| p.threshold == 0.4;
        assert_eq!(curve.points.iter().find(same), Some(&curve.chosen));
        assert_eq!((curve.points[0].threshold, curve.points.last().unwrap().true_positive_rate), (f32::INFINITY, 1.0));
        assert_eq!(RocCurve::of(&predictions[..2], 0.4), None, "intact photos alone");
    }

    #[test]
    fn figures_without_meaning_are_absent() {
        assert_eq!(auroc(&[(0.3, true)]), None);
        assert_eq!(roc(&[(0.3, true)]), None);
        assert_eq!(average_precision(&[(0.3, false)]), None);
        assert_eq!(calibration_error(&[]), None);
    }

    #[test]
    fn calibration_error_is_the_gap_between_said_and_seen() {
        let scores = [(0.9, true), (0.9, true), (0.9, true), (0.9, false)];
        assert!((calibration_error(&scores).unwrap() - 0.15).abs() < 1e-6);
    }
}
