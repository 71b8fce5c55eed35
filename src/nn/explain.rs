//! Which parts of a photo speak for a crack: class activation maps.
//!
//! A map explains the very probability that the model gives to the photo, so it is of what the network saw: the photo
//! stretched to 224 × 224 pixels, whatever its size. What a photo of many megapixels shows at its own resolution is
//! another question, which [`inspect`](crate::inspect) answers.

use std::path::Path;

use super::cpu::FeatureMaps;
use super::network::{Model, ModelFile};
use crate::error::Result;
use crate::nn::choice::Compute;
use crate::photo::transform;

/// What each cell of the last feature map says for a crack.
///
/// The head is linear and the features are means over the map, so the map is exact (Zhou et al. 2016): the mean of
/// the values plus `bias` is the logit of cracked minus that of intact. Cell (row i, column j) stands for the part of the
/// photo from (i / height, j / width) on, of its own height and width.
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

impl Cam {
    /// What the photo itself says for a crack: the mean of the values.
    pub fn evidence(&self) -> f32 {
        self.values.iter().sum::<f32>() / self.values.len().max(1) as f32
    }

    /// Logit of cracked minus that of intact: what the photo says and what the head adds.
    pub fn logit(&self) -> f32 {
        self.evidence() + self.bias
    }
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
        Self::of(Model::open(model, compute)?)
    }

    /// Takes a model that is open.
    ///
    /// # Errors
    /// Where its head cannot be read.
    pub fn of(model: Model) -> Result<Self> {
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
        let mut cam = Cam { width, height, values, bias: self.bias, p_positive: 0.0 };
        cam.p_positive = 1.0 / (1.0 + (-cam.logit()).exp());
        Ok(cam)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Tensor};
    use image::{Rgb, RgbImage};

    use super::*;
    use crate::nn::architecture::Backbone;
    use crate::nn::head::Head;
    use crate::nn::network::Network;

    /// Grey with grain, and, where it is wanted, a dark wavering line from (x, y) on, both in pixels.
    fn concrete((width, height): (u32, u32), line: Option<[u32; 2]>) -> RgbImage {
        let grain = |x: u32, y: u32| {
            150 + (x.wrapping_mul(7919) ^ y.wrapping_mul(104_729)).wrapping_mul(2_654_435_761) as i32 % 9
        };
        let mut photo = RgbImage::from_fn(width, height, |x, y| Rgb([grain(x, y) as u8; 3]));
        if let Some([left, top]) = line {
            for step in 0..112 {
                let x = left + step;
                let y = top + 40 + ((f64::from(step) / 9.0).sin() * 9.0 + f64::from(step) / 4.0) as u32;
                (y..y + 5).for_each(|y| photo.put_pixel(x, y, Rgb([35; 3])));
            }
        }
        photo
    }

    #[test]
    fn a_map_and_the_bias_come_to_the_logit_that_the_head_gives() {
        for backbone in [Backbone::Resnet18, Backbone::MobilenetV2] {
            let weights = backbone.architecture().random_weights(3, &Device::Cpu).unwrap();
            let network = Network::from_weights(backbone, weights, &Device::Cpu, "random").unwrap();
            let model = Model::trained(network.clone(), Head::random(backbone.features(), 4, &Device::Cpu).unwrap());
            // Stretched to a square on the way.
            let input = transform::to_input(&concrete((500, 260), Some([120, 60])));
            let features = network.features(&input, 1).unwrap();
            let rows = Tensor::from_slice(&features, (1, features.len()), &Device::Cpu).unwrap();
            let logits = model.head.logits(&rows).unwrap().to_vec2::<f32>().unwrap();
            let expected = logits[0][1] - logits[0][0];
            let p = model.p_positive(&features).unwrap()[0];
            let cam = Explainer::of(model).unwrap().explain_input(&input).unwrap();
            assert_eq!((cam.width, cam.height, cam.values.len()), (7, 7, 49));
            // What random weights say may be faint: all is measured by the strongest cell.
            let strongest = cam.values.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
            let close =
                |a: f32, b: f32, what| assert!((a - b).abs() < 1e-3 * strongest, "{backbone:?} {what}: {a} {b}");
            close(cam.logit(), expected, "logit");
            close(cam.values.iter().sum::<f32>() / 49.0 + cam.bias, expected, "sum");
            assert!((cam.p_positive - p).abs() < 1e-5, "{backbone:?}: {} {p}", cam.p_positive);
            let farthest = cam.values.iter().fold(0.0_f32, |most, value| most.max((value - cam.evidence()).abs()));
            assert!(farthest > 0.01 * strongest, "{backbone:?}: a map that is flat says nothing");
        }
    }

    #[test]
    fn what_speaks_for_a_crack_lies_where_the_crack_is_in_photos_of_any_shape() {
        let explainer = Explainer::open(&ModelFile::Bundled, Compute::default()).unwrap();
        let cam = |photo: &RgbImage| explainer.explain_input(&transform::to_input(photo)).unwrap();
        for (size, [left, top]) in
            [((448, 448), [224, 224]), ((448, 448), [64, 64]), ((448, 896), [96, 640]), ((600, 300), [400, 60])]
        {
            let (with, without) = (cam(&concrete(size, Some([left, top]))), cam(&concrete(size, None)));
            assert!(with.logit() > without.logit() + 1.0, "{size:?}: {} {}", with.logit(), without.logit());
            let gain = |cell: &usize| with.values[*cell] - without.values[*cell];
            let peak = (0..49).max_by(|a, b| gain(a).total_cmp(&gain(b))).unwrap();
            // The cell that holds the middle of the line, in sevenths of the photo's own width and height.
            let cell = |at: u32, side: u32| ((at + 56) * 7 / side) as usize;
            let (column, row) = (cell(left, size.0), cell(top, size.1));
            let apart = (peak % 7).abs_diff(column).max((peak / 7).abs_diff(row));
            assert!(apart <= 1, "{size:?}: the peak lies in cell {peak}, the line in column {column}, row {row}");
        }
    }
}
