//! Figures as people read them.

use crate::dataset::Class;
pub use crate::format::figure;
use crate::review::confusion::Confusion;
use crate::review::interval::Bounds;
use crate::review::metrics::Metrics;

/// A probability with two decimals.
pub fn probability(p: f32) -> String {
    format!("{p:.2}")
}

/// A share as a percentage with one decimal, or a dash where it has no meaning. Few never read as none, and almost all
/// never as all.
pub fn percent(share: Option<f64>) -> String {
    match share {
        None => "–".to_owned(),
        Some(share) if share > 0.0 && share < 0.0005 => "<0.1 %".to_owned(),
        Some(share) if share > 0.9995 && share < 1.0 => ">99.9 %".to_owned(),
        Some(share) => format!("{:.1} %", 100.0 * share),
    }
}

/// The ends of an interval, `0.9861 to 0.9948`.
pub fn interval(bounds: Bounds) -> String {
    format!("{} to {}", figure(Some(bounds.low)), figure(Some(bounds.high)))
}

/// A figure, by its key in files, where all photos are called alike: `floor` is what that comes to. The order of the
/// photos says nothing then.
pub fn floor(key: &str, floor: &Confusion) -> Option<f64> {
    match key {
        "accuracy" => floor.accuracy(),
        "balanced_accuracy" => floor.balanced_accuracy(),
        "precision" => floor.precision(),
        "recall" => floor.recall(),
        "f1" => floor.f1(),
        "mcc" => floor.mcc(),
        "auroc" => floor.balanced_accuracy(),
        "average_precision" => Some(floor.with_label(Class::Positive) as f64 / floor.total().max(1) as f64),
        _ => None,
    }
}

/// How probable something is if chance alone is at work.
pub fn p_value(p: f64) -> String {
    if p < 0.001 { "< 0.001".to_owned() } else { format!("{p:.3}") }
}

/// The figures of [`rows`] by their keys in files.
pub const KEYS: [&str; 10] =
    ["accuracy", "balanced_accuracy", "precision", "recall", "f1", "mcc", "auroc", "average_precision", "ece", "loss"];

/// Name, value and meaning of every figure of an evaluation.
pub fn rows(m: &Metrics) -> [(&'static str, String, &'static str); 10] {
    [
        ("Accuracy", figure(m.accuracy), "share that agrees with the label"),
        ("Balanced accuracy", figure(m.balanced_accuracy), "mean of the two classes' recalls"),
        ("Precision", figure(m.precision), "of those called cracked, the share that is"),
        ("Recall", figure(m.recall), "of the cracked ones, the share found"),
        ("F1", figure(m.f1), "harmonic mean of precision and recall"),
        ("Matthews' correlation", figure(m.mcc), "−1 to 1; 0 is guessing"),
        ("Area under the ROC curve", figure(m.auroc), "how well probabilities rank; 0.5 is guessing"),
        ("Average precision", figure(m.average_precision), "area under the precision-recall curve"),
        ("Calibration error", figure(m.ece), "how far probabilities are from shares; 0 is best"),
        ("Loss", figure(m.loss), "mean cross entropy in nats; 0 is best"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_meaning_is_a_dash() {
        assert_eq!((figure(None), percent(None)), ("–".to_owned(), "–".to_owned()));
        assert_eq!((figure(Some(0.99128)), percent(Some(0.9874))), ("0.9913".to_owned(), "98.7 %".to_owned()));
    }

    #[test]
    fn one_error_among_many_is_not_rounded_away() {
        assert_eq!(percent(Some(39_999.0 / 40_000.0)), ">99.9 %");
        assert_eq!(percent(Some(1.0 / 40_000.0)), "<0.1 %");
        assert_eq!(figure(Some(39_999.0 / 40_000.0)), ">0.9999");
        assert_eq!((percent(Some(1.0)), figure(Some(1.0))), ("100.0 %".to_owned(), "1.0000".to_owned()));
        assert_eq!((percent(Some(0.0)), figure(Some(0.0))), ("0.0 %".to_owned(), "0.0000".to_owned()));
    }
}
