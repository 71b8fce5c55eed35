//! What a model says of the photos whose features are there.

use super::features::Features;
use crate::dataset::Dataset;
use crate::dataset::group::Groups;
use crate::dataset::split::Split;
use crate::error::Result;
use crate::nn::network::Model;
use crate::review::predictions::Prediction;

/// What `model` says of every photo of `dataset` that has features and is not excluded. The split says which side each
/// was on, the groups what was kept together.
///
/// # Errors
/// Where the device fails.
pub fn predict(
    model: &Model,
    dataset: &Dataset,
    features: &Features,
    (split, groups): (&Split, &Groups),
) -> Result<Vec<Prediction>> {
    let shared = groups.shared();
    let probabilities = model.p_positive(&features.values)?;
    let taking_part = dataset.samples.iter().enumerate().filter(|(_, sample)| !sample.is_excluded());
    let predictions = taking_part.filter_map(|(index, sample)| {
        let row = (*features.row_of.get(index)?)? as usize;
        Some(Prediction {
            sample: index,
            file: sample.file.clone(),
            path: sample.path.clone(),
            part: split.parts.get(index).copied().flatten(),
            truth: sample.label,
            p_positive: *probabilities.get(row)?,
            group: shared.get(index).copied().flatten(),
        })
    });
    Ok(predictions.collect())
}
