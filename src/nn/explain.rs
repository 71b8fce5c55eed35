//! Which parts of a photo speak for a crack: class activation maps.

use std::path::Path;

use super::cpu::FeatureMaps;
use super::network::{Model, ModelFile};
use crate::error::Result;
use crate::nn::choice::Compute;
use crate::photo::transform;

/// What each cell of the last feature map says for a crack.
///
/// The head is linear and the features are means over the map, so the map is exact (Zhou et al. 2016): the mean of
/// the values plus `bias` is the logit of cracked minus that of intact.
#[derive(Clone, Debug, PartialEq)]
pub struct Cam {
    /// Cells in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Row by row, each cell's share in (cracked − intact).
    pub values: Vec<f32>,
    /// What the head adds whatever it sees.
    pub bias: f32,
    /// Probability of being cracked.
    pub p_positive: f32,
}

/// Keeps a model at hand to explain one photo after another. Stays in the thread that opened it.
pub struct Explainer {
    model: Model,
    weight: Vec<f32>,
    bias: f32,
}

impl Explainer {
    /// Opens the model file of a run.
    ///
    /// # Errors
    /// As [`Model::open`].
    pub fn open(model: &ModelFile, compute: Compute) -> Result<Self> {
        let model = Model::open(model, compute)?;
        let (weight, bias) = model.head.contrast().map_err(super::failed("read the last layer"))?;
        Ok(Self { model, weight, bias })
    }

    /// Explains one photo.
    ///
    /// # Errors
    /// Where the photo cannot be read or the device fails.
    pub fn explain(&self, photo: &Path) -> Result<Cam> {
        self.explain_input(&transform::load_input(photo)?)
    }

    /// Explains a photo (3, 224, 224) that is ready for the network.
    ///
    /// # Errors
    /// Where the device fails.
    pub fn explain_input(&self, input: &[f32]) -> Result<Cam> {
        let FeatureMaps { values: maps, height, width } = self.model.last_maps(input)?;
        let mut values = vec![0.0; height * width];
        for (map, weight) in maps.chunks_exact(height * width).zip(&self.weight) {
            for (value, activation) in values.iter_mut().zip(map) {
                *value += weight * activation;
            }
        }
        let logit = values.iter().sum::<f32>() / values.len() as f32 + self.bias;
        let p_positive = 1.0 / (1.0 + (-logit).exp());
        Ok(Cam { width, height, values, bias: self.bias, p_positive })
    }
}
