//! Figures at a temperature.

use std::path::PathBuf;

use super::data::Judged;
use crate::review::metrics::Metrics;
use crate::review::predictions::Prediction;

/// Figures over `photos` with their logits divided by `temperature`.
pub(super) fn metrics(photos: &[Judged], temperature: f64, threshold: f32) -> Metrics {
    let prediction = |(sample, &(logit, class)): (usize, &Judged)| Prediction {
        sample,
        file: String::new(),
        path: PathBuf::new(),
        part: None,
        truth: Some(class),
        p_positive: (1.0 / (1.0 + (-logit / temperature).exp())) as f32,
        group: None,
    };
    let predictions: Vec<Prediction> = photos.iter().enumerate().map(prediction).collect();
    Metrics::of(predictions.iter(), threshold)
}
