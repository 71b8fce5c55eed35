//! ResNet18's backbone with frozen weights on the processor: features of many photos, fast.
//!
//! candle's convolution unrolls every window into a matrix, which costs more than the products themselves. Here a map
//! keeps the channels of a pixel together and carries a border of zeros, so that a window's row is one contiguous run
//! and nothing is ever unrolled; batch norm is folded into the weights, and bias, residual and ReLU happen while a
//! result is still in registers. Photos are worked on in parallel, a few by each thread.

mod conv;
mod kernel;
mod map;

use rayon::prelude::*;

pub use self::kernel::Instructions;

use self::conv::{Convolution, Norm};
use self::map::Map;
use super::failed;
use super::resnet::{self, ConvSpec, FEATURES};
use super::state_dict::StateDict;
use crate::error::Result;

/// Photos that a thread takes through the network together. The last layers' weights are larger than a core's cache,
/// so that it pays to use each part of them for several photos.
const GROUP: usize = 4;
/// Blocks whose maps are so large that each photo goes through them alone, while its map stays in the cache.
const LARGE_MAPS: usize = 4;
/// Border of the photo: half of the first convolution's window.
const PHOTO_BORDER: usize = 3;

/// The backbone, ready to run.
pub struct FrozenResNet18 {
    stem: Convolution,
    blocks: Vec<Block>,
}

struct Block {
    first: Convolution,
    second: Convolution,
    downsample: Option<Convolution>,
}

/// What a thread keeps between photos, so that nothing is allocated while it runs.
#[derive(Default)]
struct Scratch {
    photo: [Map; 1],
    stem: [Map; 1],
    current: [Map; GROUP],
    inner: [Map; GROUP],
    around: [Map; GROUP],
    next: [Map; GROUP],
}

/// The last feature maps of one photo.
#[derive(Clone, Debug, PartialEq)]
pub struct LastMaps {
    /// Channels, rows, columns.
    pub values: Vec<f32>,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl FrozenResNet18 {
    /// Takes the weights over, folded, for the best instructions that the processor has.
    ///
    /// # Errors
    /// One error that lists every missing, misshapen and unexpected tensor.
    pub fn new(weights: &StateDict) -> Result<Self> {
        Self::with_instructions(weights, Instructions::detect())
    }

    /// The same for given instructions.
    ///
    /// # Errors
    /// As [`FrozenResNet18::new`].
    pub fn with_instructions(weights: &StateDict, instructions: Instructions) -> Result<Self> {
        weights.check(&resnet::tensor_shapes())?;
        let specs = resnet::conv_specs();
        let mut folded = specs.iter().map(|spec| folded(spec, weights, instructions)).collect::<Result<Vec<_>>>()?;
        let stem = folded.remove(0);
        let mut convolutions = specs.iter().skip(1).zip(folded).peekable();
        let mut blocks = Vec::new();
        while let (Some((_, first)), Some((_, second))) = (convolutions.next(), convolutions.next()) {
            let downsample = convolutions.next_if(|(spec, _)| spec.kernel == 1).map(|(_, convolution)| convolution);
            blocks.push(Block { first, second, downsample });
        }
        Ok(Self { stem, blocks })
    }

    /// Photos (N, 3, `height`, `width`) to features (N, 512), row by row.
    pub fn features(&self, photos: &[f32], height: usize, width: usize) -> Vec<f32> {
        let photo = 3 * height * width;
        let groups = photos.par_chunks(GROUP * photo);
        let of_groups = groups.map_init(Scratch::default, |scratch, group| {
            let count = self.run(group, height, width, scratch);
            scratch.current.iter().take(count).flat_map(Map::means).collect::<Vec<f32>>()
        });
        let features: Vec<f32> = of_groups.flatten_iter().collect();
        debug_assert_eq!(features.len(), photos.len() / photo * FEATURES);
        features
    }

    /// The last feature maps of one photo (3, `height`, `width`).
    pub fn last_maps(&self, photo: &[f32], height: usize, width: usize) -> LastMaps {
        let mut scratch = Scratch::default();
        self.run(photo, height, width, &mut scratch);
        let [map, ..] = &scratch.current;
        LastMaps { values: map.to_planes(), height: map.height, width: map.width }
    }

    /// Takes at most [`GROUP`] photos through; their last maps are then `scratch.current`. Gives their number.
    fn run(&self, photos: &[f32], height: usize, width: usize, scratch: &mut Scratch) -> usize {
        let Scratch { photo, stem, current, inner, around, next } = scratch;
        let planes = photos.chunks_exact(3 * height * width);
        let count = planes.len().min(GROUP);
        for (planes, pooled) in planes.zip(current.iter_mut()) {
            photo[0].fill_from_planes(planes, 3, height, width, PHOTO_BORDER);
            self.stem.run(photo, stem, None, true);
            stem[0].max_pool_into(pooled, 1);
        }
        for (index, block) in self.blocks.iter().enumerate() {
            let together = if index < LARGE_MAPS { 1 } else { GROUP };
            let maps = current[..count].chunks(together).zip(inner[..count].chunks_mut(together));
            let others = around[..count].chunks_mut(together).zip(next[..count].chunks_mut(together));
            for ((current, inner), (around, next)) in maps.zip(others) {
                block.run(current, inner, around, next);
            }
            std::mem::swap(current, next);
        }
        count
    }
}

impl Block {
    fn run(&self, input: &[Map], inner: &mut [Map], around: &mut [Map], output: &mut [Map]) {
        self.first.run(input, inner, None, true);
        let residuals: &[Map] = match &self.downsample {
            Some(downsample) => {
                downsample.run(input, around, None, false);
                around
            }
            None => input,
        };
        self.second.run(inner, output, Some(residuals), true);
    }
}

fn folded(spec: &ConvSpec, weights: &StateDict, instructions: Instructions) -> Result<Convolution> {
    let values = |name: String| {
        weights.get(&name)?.flatten_all().and_then(|t| t.to_vec1::<f32>()).map_err(failed("read the weights"))
    };
    let part = |part: &str| values(format!("{}.{part}", spec.norm));
    let norm = Norm {
        weight: part("weight")?,
        bias: part("bias")?,
        mean: part("running_mean")?,
        variance: part("running_var")?,
        epsilon: resnet::EPSILON as f32,
    };
    let kernel = values(format!("{}.weight", spec.conv))?;
    Ok(Convolution::new(&kernel, [spec.outputs, spec.inputs, spec.kernel], spec.stride, &norm, instructions))
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Tensor};

    use super::super::resnet::{ResNet18, Statistics};
    use super::*;

    /// Any weights will do, but with statistics that are not those of a fresh network.
    fn weights() -> StateDict {
        let mut weights = resnet::random_weights(1, &Device::Cpu).unwrap();
        for (name, shape) in resnet::tensor_shapes() {
            let spread = |n: usize| ((n * 7919 + name.len() * 31) % 100) as f32 / 100.0;
            let value = |n: usize| match name.rsplit('.').next() {
                Some("running_var") => 0.5 + spread(n),
                Some("running_mean" | "bias") => 0.2 * spread(n) - 0.1,
                _ => 0.8 + 0.4 * spread(n),
            };
            if let [count] = shape[..] {
                let values: Vec<f32> = (0..count).map(value).collect();
                weights.insert(name, Tensor::from_vec(values, count, &Device::Cpu).unwrap());
            }
        }
        weights
    }

    #[test]
    fn agrees_with_candle_at_any_size_and_number_of_photos() {
        let weights = weights();
        let plain = ResNet18::new(&weights).unwrap();
        for (count, height, width) in [(1, 224, 224), (5, 65, 33), (2, 32, 100), (9, 40, 40)] {
            let photos: Vec<f32> =
                (0..count * 3 * height * width).map(|n| ((n * 7907) % 1000) as f32 / 250.0 - 2.0).collect();
            let tensor = Tensor::from_slice(&photos, (count, 3, height, width), &Device::Cpu).unwrap();
            let maps = plain.feature_maps(&tensor, Statistics::Frozen).unwrap();
            let expected = resnet::pool(&maps).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
            for instructions in Instructions::available() {
                let fast = FrozenResNet18::with_instructions(&weights, instructions).unwrap();
                let features = fast.features(&photos, height, width);
                assert_eq!(features.len(), expected.len());
                for (got, expected) in features.iter().zip(&expected) {
                    let room = 1e-4 * expected.abs().max(1.0);
                    assert!((got - expected).abs() <= room, "{instructions} {height}×{width}: {got}, not {expected}");
                }
                let last = fast.last_maps(&photos, height, width);
                assert_eq!(maps.dims()[1..], [FEATURES, last.height, last.width]);
                let first = maps.get(0).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
                for (got, expected) in last.values.iter().zip(&first) {
                    assert!(
                        (got - expected).abs() <= 1e-4 * expected.abs().max(1.0),
                        "{instructions}: {got}, {expected}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_photo_gives_the_same_features_in_any_company() {
        let fast = FrozenResNet18::new(&weights()).unwrap();
        let photos: Vec<f32> = (0..6 * 3 * 48 * 48).map(|n| ((n * 7907) % 1000) as f32 / 250.0 - 2.0).collect();
        let together = fast.features(&photos, 48, 48);
        for (photo, expected) in photos.chunks(3 * 48 * 48).zip(together.chunks(FEATURES)) {
            assert_eq!(fast.features(photo, 48, 48), expected);
        }
    }
}
