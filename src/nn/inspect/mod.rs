//! A look into a trained network: its weights as histograms, its first filters, its feature maps of a photo.
//!
//! What comes out is plain data. Everything is computed on the processor in single precision, whatever a run was
//! trained with.

mod statistics;

use candle_core::Device;
use clap::ValueEnum;

use super::architecture::Backbone;
use super::model_file::backbone_of;
use super::network::{ModelFile, Network};
use super::state_dict::StateDict;
use super::summary::Summary;
use super::{bundled, head, mobilenet};
use crate::error::{Error, Result};

pub use statistics::{BINS, Histogram, TensorStatistics};

/// A network that is looked into. Stays in the thread that opened it.
pub struct Inspector {
    network: Network,
    head: StateDict,
}

/// The kernels of the first convolution.
#[derive(Clone, Debug, PartialEq)]
pub struct Filters {
    /// How many there are.
    pub count: usize,
    /// Pixels on a side.
    pub side: usize,
    /// The values (`count`, 3, `side`, `side`): red, green and blue of the photo.
    pub values: Vec<f32>,
}

/// What comes out of a part of the network for one photo.
#[derive(Clone, Debug, PartialEq)]
pub struct Maps {
    /// How many maps there are.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// The values (`channels`, `height`, `width`).
    pub values: Vec<f32>,
}

impl Inspector {
    /// Opens a model file, or any weights of a network that is known here, whatever their head.
    ///
    /// # Errors
    /// Where it cannot be read or does not fit.
    pub fn open(file: &ModelFile) -> Result<Self> {
        let weights = match file {
            ModelFile::Bundled => bundled::load(&Device::Cpu)?,
            ModelFile::File(path) => StateDict::load(path, &Device::Cpu)?,
        };
        Self::from_weights(weights).map_err(|error| match file {
            ModelFile::Bundled => error,
            ModelFile::File(path) => {
                let named = Error::new(format!("Cannot look into the weights in {}", path.display()));
                let named = error.details().iter().cloned().fold(named.detail(error.title()), Error::detail);
                named.hint("give the weights of resnet18 or mobilenet_v2, with torchvision's names")
            }
        })
    }

    /// The same for weights that are at hand.
    ///
    /// # Errors
    /// Where they do not fit.
    pub fn from_weights(weights: StateDict) -> Result<Self> {
        let (backbone, mut weights) = fitting(weights)?;
        let mut head = weights.clone();
        head.retain(head::is_head);
        weights.retain(|name| !head::is_head(name));
        Ok(Self { network: Network::from_weights(backbone, weights, &Device::Cpu, "inspected")?, head })
    }

    /// Which network it is.
    pub fn backbone(&self) -> Backbone {
        self.network.kind()
    }

    /// Figures of every tensor that can be trained, in the order of the layers. A file without a head has none there.
    ///
    /// # Errors
    /// Where a tensor is missing.
    pub fn tensors(&self) -> Result<Vec<TensorStatistics>> {
        let summary = Summary::of(self.backbone(), None);
        let mut tensors = Vec::new();
        for layer in summary.layers() {
            for name in ["weight", "bias"].map(|part| format!("{}.{part}", layer.name)) {
                let weights = if head::is_head(&name) { &self.head } else { self.network.weights() };
                if weights.contains(&name) {
                    let shape = weights.get(&name)?.dims().to_vec();
                    tensors.push(TensorStatistics::of(&name, shape, &weights.values(&name)?));
                }
            }
        }
        Ok(tensors)
    }

    /// The kernels of the first convolution.
    ///
    /// # Errors
    /// Where they are missing.
    pub fn filters(&self) -> Result<Filters> {
        let stem = self.backbone().architecture().stem;
        let values = self.network.weights().values(&format!("{}.weight", stem.conv))?;
        Ok(Filters { count: stem.outputs, side: stem.kernel, values })
    }

    /// The feature maps of a photo (3, 224, 224) after the stem and `blocks` blocks.
    ///
    /// # Errors
    /// Where the photo is of another size, or the network has fewer blocks.
    pub fn maps(&self, photo: &[f32], blocks: usize) -> Result<Maps> {
        let summary = Summary::of(self.backbone(), None);
        let part = summary.parts.get(blocks).filter(|_| summary.blocks_through(blocks).is_some());
        let [channels, height, width] = part
            .map(|part| part.output)
            .ok_or_else(|| Error::new(format!("{} has no {blocks} blocks", self.backbone().title())))?;
        Ok(Maps { channels, height, width, values: self.network.maps_after(blocks, photo)? })
    }
}

impl Filters {
    /// The values (3, side, side) of one kernel.
    pub fn filter(&self, index: usize) -> &[f32] {
        let size = 3 * self.side * self.side;
        self.values.get(index * size..(index + 1) * size).unwrap_or_default()
    }
}

impl Maps {
    /// The values (height, width) of one channel.
    pub fn channel(&self, index: usize) -> &[f32] {
        let size = self.height * self.width;
        self.values.get(index * size..(index + 1) * size).unwrap_or_default()
    }
}

/// The backbone that the weights fit, and the weights under torchvision's names.
fn fitting(weights: StateDict) -> Result<(Backbone, StateDict)> {
    for backbone in Backbone::value_variants().iter().copied() {
        let mut named = weights.clone();
        if backbone == Backbone::MobilenetV2 {
            named.rename(mobilenet::name_from_timm);
        }
        let mut body = named.clone();
        body.retain(|name| !head::is_head(name));
        if body.check(&backbone.architecture().tensor_shapes()).is_ok() {
            return Ok((backbone, named));
        }
    }
    // Nothing fits: what is missing is said of the network that the file says it is.
    backbone_of(&weights).map(|backbone| (backbone, weights))
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Tensor};

    use super::super::candle_network::CandleNetwork;
    use super::*;
    use crate::photo::INPUT_SIZE;

    const SIZE: usize = 3 * INPUT_SIZE * INPUT_SIZE;

    fn photo() -> Vec<f32> {
        (0..SIZE).map(|n| ((n * 7907) % 1000) as f32 / 250.0 - 2.0).collect()
    }

    fn random(backbone: Backbone) -> StateDict {
        backbone.architecture().random_weights(5, &Device::Cpu).unwrap()
    }

    #[test]
    fn maps_after_each_part_are_candles() {
        for backbone in [Backbone::Resnet18, Backbone::MobilenetV2] {
            let (weights, architecture) = (random(backbone), backbone.architecture());
            let candle = CandleNetwork::new(architecture.clone(), &weights).unwrap();
            let inspector = Inspector::from_weights(weights).unwrap();
            assert_eq!(inspector.backbone(), backbone);
            let photo = photo();
            let tensor = Tensor::from_slice(&photo, (1, 3, INPUT_SIZE, INPUT_SIZE), &Device::Cpu).unwrap();
            for blocks in [0, 1, architecture.blocks.len()] {
                let maps = inspector.maps(&photo, blocks).unwrap();
                let expected = candle.maps_before(blocks, &tensor).unwrap();
                assert_eq!(expected.dims(), [1, maps.channels, maps.height, maps.width]);
                let expected = expected.flatten_all().unwrap().to_vec1::<f32>().unwrap();
                assert_eq!(maps.values.len(), expected.len());
                for (got, expected) in maps.values.iter().zip(&expected) {
                    assert!((got - expected).abs() <= 1e-3 * expected.abs().max(1.0), "{got}, not {expected}");
                }
            }
            assert!(inspector.maps(&photo, architecture.blocks.len() + 1).is_err());
            assert!(inspector.maps(&photo[1..], 0).is_err(), "a photo of another size");
        }
    }

    #[test]
    fn every_weight_is_in_its_histogram() {
        let inspector = Inspector::open(&ModelFile::Bundled).unwrap();
        let tensors = inspector.tensors().unwrap();
        assert_eq!(tensors.iter().map(|tensor| tensor.count).sum::<usize>(), 11_177_538);
        for tensor in &tensors {
            assert_eq!(tensor.shape.iter().product::<usize>(), tensor.count, "{}", tensor.name);
            let counted: u64 = tensor.histogram.counts.iter().sum();
            assert_eq!(counted as usize + tensor.not_finite, tensor.count, "{}", tensor.name);
        }
        assert_eq!(tensors[0].name, "conv1.weight");
        assert_eq!(tensors.last().map(|tensor| tensor.name.as_str()), Some("fc.bias"));
    }

    #[test]
    fn filters_are_the_first_kernels() {
        let weights = random(Backbone::MobilenetV2);
        let kernel = weights.values("features.0.0.weight").unwrap();
        let filters = Inspector::from_weights(weights).unwrap().filters().unwrap();
        assert_eq!((filters.count, filters.side), (32, 3));
        assert_eq!(filters.filter(2), &kernel[2 * 27..3 * 27]);
        assert!(filters.filter(32).is_empty());
    }

    /// Weights of other programs have heads of other sizes, or none.
    #[test]
    fn any_head_will_do_and_no_other_network() {
        let mut weights = random(Backbone::Resnet18);
        assert_eq!(Inspector::from_weights(weights.clone()).unwrap().tensors().unwrap().len(), 60);
        weights.insert("fc.weight", Tensor::zeros((1000, 512), DType::F32, &Device::Cpu).unwrap());
        let tensors = Inspector::from_weights(weights.clone()).unwrap().tensors().unwrap();
        assert_eq!(tensors.last().map(|tensor| tensor.shape.clone()), Some(vec![1000, 512]));
        weights.retain(|name| name != "layer3.0.bn1.bias");
        let error = Inspector::from_weights(weights).err().unwrap();
        assert_eq!(error.details(), ["missing (1): layer3.0.bn1.bias"]);
    }
}
