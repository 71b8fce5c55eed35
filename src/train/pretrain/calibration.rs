//! The temperature by which logits are divided (Guo, Pleiss, Sun and Weinberger 2017), and figures at it.

use std::path::PathBuf;

use super::data::Judged;
use crate::dataset::Class;
use crate::review::metrics::Metrics;
use crate::review::predictions::Prediction;

/// Between these the temperature is sought.
const RANGE: (f64, f64) = (0.05, 20.0);
/// Halvings of the range, by the golden section.
const NARROWINGS: usize = 60;

/// The temperature at which the mean cross entropy of `photos` is least; 1 without photos.
pub(super) fn temperature(photos: impl Iterator<Item = Judged>) -> f64 {
    let photos: Vec<Judged> = photos.collect();
    if photos.is_empty() {
        return 1.0;
    }
    // The loss falls and then rises along the logarithm of the temperature.
    let golden = (5f64.sqrt() - 1.0) / 2.0;
    let (mut low, mut high) = (RANGE.0.ln(), RANGE.1.ln());
    for _ in 0..NARROWINGS {
        let (left, right) = (high - golden * (high - low), low + golden * (high - low));
        if loss(&photos, left.exp()) <= loss(&photos, right.exp()) {
            high = right;
        } else {
            low = left;
        }
    }
    ((low + high) / 2.0).exp()
}

/// Mean cross entropy.
fn loss(photos: &[Judged], temperature: f64) -> f64 {
    let of = |&(logit, class): &Judged| {
        let against = if class == Class::Positive { -logit } else { logit } / temperature;
        // ln(1 + e^x), without overflow.
        against.max(0.0) + (-against.abs()).exp().ln_1p()
    };
    photos.iter().map(of).sum::<f64>() / photos.len() as f64
}

/// Figures over `photos` with their logits divided by `temperature`.
pub(super) fn metrics(photos: &[Judged], temperature: f64, threshold: f32) -> Metrics {
    let prediction = |(sample, &(logit, class)): (usize, &Judged)| Prediction {
        sample,
        file: String::new(),
        path: PathBuf::new(),
        part: None,
        truth: Some(class),
        p_positive: (1.0 / (1.0 + (-logit / temperature).exp())) as f32,
    };
    let predictions: Vec<Prediction> = photos.iter().enumerate().map(prediction).collect();
    Metrics::of(predictions.iter(), threshold)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logits_that_are_three_times_too_sure_are_divided_by_three() {
        // Of photos whose honest logit is x, a share of 1 / (1 + e^-x) is cracked.
        let photos = (-40..=40).flat_map(|tenth| {
            let honest = f64::from(tenth) / 10.0;
            let cracked = (1000.0 / (1.0 + (-honest).exp())).round() as usize;
            (0..1000).map(move |n| (3.0 * honest, if n < cracked { Class::Positive } else { Class::Negative }))
        });
        let found = temperature(photos);
        assert!((found - 3.0).abs() < 0.01, "{found}");
        assert_eq!(temperature(std::iter::empty()), 1.0);
    }
}
