//! How far the probabilities can be taken at their word, and the temperature that makes them more honest.

use serde::Serialize;

use super::interval::{Bounds, wilson};
use super::metrics::CALIBRATION_BINS;
use super::predictions::Prediction;
use crate::dataset::Class;

/// Between these the temperature is sought.
const RANGE: (f64, f64) = (0.05, 20.0);
/// Halvings of the range, by the golden section.
const NARROWINGS: usize = 60;
/// The highest probability below 1 in single precision: what was rounded to 1 counts as this.
const HIGHEST: f64 = 1.0 - 1.0 / (1u64 << 25) as f64;
/// The lowest probability that counts.
const LOWEST: f64 = f32::MIN_POSITIVE as f64;

/// The photos of which the model said about the same.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Bin {
    /// Lowest probability.
    pub from: f64,
    /// Highest probability, itself in the next bin but for the last.
    pub to: f64,
    /// Labelled photos.
    pub photos: usize,
    /// Mean probability of being cracked.
    pub said: f64,
    /// Share that is cracked.
    pub seen: f64,
    /// Wilson's interval of that share.
    pub bounds: Bounds,
}

/// What dividing the logits by a temperature comes to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Scaling {
    /// What the logits are divided by.
    pub temperature: f64,
    /// Expected calibration error before, over the photos that it was fitted to.
    pub ece_before: f64,
    /// The same after.
    pub ece_after: f64,
    /// Mean cross entropy before, in nats.
    pub loss_before: f64,
    /// The same after.
    pub loss_after: f64,
}

/// The reliability diagram: fifteen equal bins of probability, those without photos left out. `scores` are probabilities
/// and whether the photos are cracked.
pub fn reliability(scores: &[(f32, bool)]) -> Vec<Bin> {
    let mut bins = [(0usize, 0usize, 0.0f64); CALIBRATION_BINS]; // photos, cracked, sum of p
    for &(p, cracked) in scores {
        if let Some(bin) = bins.get_mut(bin_of(p)) {
            *bin = (bin.0 + 1, bin.1 + usize::from(cracked), bin.2 + f64::from(p));
        }
    }
    let width = 1.0 / CALIBRATION_BINS as f64;
    let bin = |(index, &(photos, cracked, sum)): (usize, &(usize, usize, f64))| {
        Some(Bin {
            from: index as f64 * width,
            to: (index + 1) as f64 * width,
            photos,
            said: sum / photos.max(1) as f64,
            seen: cracked as f64 / photos.max(1) as f64,
            bounds: wilson(cracked, photos)?,
        })
    };
    bins.iter().enumerate().filter_map(bin).collect()
}

/// The bin of a probability.
pub(super) fn bin_of(p: f32) -> usize {
    ((p * CALIBRATION_BINS as f32) as usize).min(CALIBRATION_BINS - 1)
}

/// ln(p / (1 − p)). What was rounded to 1 or 0 counts as the nearest number that is neither.
pub fn logit(p_positive: f32) -> f64 {
    let p = f64::from(p_positive).clamp(LOWEST, HIGHEST);
    (p / (1.0 - p)).ln()
}

/// 1 / (1 + e⁻ˣ).
pub fn sigmoid(logit: f64) -> f64 {
    1.0 / (1.0 + (-logit).exp())
}

/// A probability whose logit is divided by `temperature`.
pub fn scaled(p_positive: f32, temperature: f64) -> f32 {
    if temperature == 1.0 { p_positive } else { sigmoid(logit(p_positive) / temperature) as f32 }
}

/// The temperature by which logits are divided (Guo, Pleiss, Sun and Weinberger 2017): that at which the mean cross
/// entropy of `photos`, logits and classes, is least; 1 without photos.
pub fn temperature(photos: &[(f64, Class)]) -> f64 {
    if photos.is_empty() {
        return 1.0;
    }
    // The loss falls and then rises along the logarithm of the temperature.
    let golden = (5f64.sqrt() - 1.0) / 2.0;
    let (mut low, mut high) = (RANGE.0.ln(), RANGE.1.ln());
    for _ in 0..NARROWINGS {
        let (left, right) = (high - golden * (high - low), low + golden * (high - low));
        if loss(photos, left.exp()) <= loss(photos, right.exp()) {
            high = right;
        } else {
            low = left;
        }
    }
    ((low + high) / 2.0).exp()
}

/// Logits and classes of the labelled ones among `predictions`.
pub fn logits<'a>(predictions: impl IntoIterator<Item = &'a Prediction>) -> Vec<(f64, Class)> {
    predictions.into_iter().filter_map(|p| Some((logit(p.p_positive), p.truth?))).collect()
}

/// The temperature that fits the labelled ones among `predictions` best, and what it comes to on them. `None` unless both
/// classes occur among them.
pub fn scaling<'a>(predictions: impl IntoIterator<Item = &'a Prediction>) -> Option<Scaling> {
    let photos = logits(predictions);
    if !Class::ALL.iter().all(|class| photos.iter().any(|photo| photo.1 == *class)) {
        return None;
    }
    let fitted = temperature(&photos);
    let ece = |temperature: f64| {
        let scores: Vec<(f32, bool)> =
            photos.iter().map(|(x, class)| (sigmoid(x / temperature) as f32, *class == Class::Positive)).collect();
        super::metrics::calibration_error(&scores)
    };
    Some(Scaling {
        temperature: fitted,
        ece_before: ece(1.0)?,
        ece_after: ece(fitted)?,
        loss_before: loss(&photos, 1.0),
        loss_after: loss(&photos, fitted),
    })
}

/// Mean cross entropy of logits divided by `temperature`, in nats.
fn loss(photos: &[(f64, Class)], temperature: f64) -> f64 {
    let of = |&(logit, class): &(f64, Class)| {
        let against = if class == Class::Positive { -logit } else { logit } / temperature;
        // ln(1 + e^x), without overflow.
        against.max(0.0) + (-against.abs()).exp().ln_1p()
    };
    photos.iter().map(of).sum::<f64>() / photos.len() as f64
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
        let found = temperature(&photos.collect::<Vec<_>>());
        assert!((found - 3.0).abs() < 0.01, "{found}");
        assert_eq!(temperature(&[]), 1.0);
    }

    #[test]
    fn scaling_keeps_order_and_one_half() {
        assert_eq!(scaled(0.5, 2.0), 0.5);
        assert_eq!(scaled(0.73, 1.0), 0.73);
        assert!((scaled(0.9, 2.0) - 0.75).abs() < 1e-6, "√9 to 1");
        let ps = [0.0, 1e-30, 0.3, 0.9, 0.999_999_9, 1.0].map(|p| scaled(p, 3.0));
        assert!(ps.windows(2).all(|pair| pair[0] < pair[1]) && ps[5] < 1.0, "{ps:?}");
    }
}
