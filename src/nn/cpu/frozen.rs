//! ResNet18's backbone with frozen weights: features of many photos, fast.
//!
//! Batch norm is folded into the kernels once. Photos are worked on in parallel, a few by each thread; where there are
//! fewer photos than threads, each photo's rows are.

use rayon::prelude::*;

use super::super::resnet::{self, ConvSpec, FEATURES};
use super::super::state_dict::StateDict;
use super::conv::{ConvShape, Convolution};
use super::idle::Idle;
use super::kernel::{Instructions, Precision};
use super::map::{Layout, Map};
use super::norm::Running;
use super::pool;
use crate::error::Result;

/// Photos that a thread takes through the network together. The last layers' weights are larger than a core's cache,
/// so that it pays to use each part of them for several photos.
const GROUP: usize = 4;
/// Blocks whose maps are so large that each photo goes through them alone, while its map stays in the cache.
const LARGE_MAPS: usize = 4;

/// The backbone, ready to run.
pub struct FrozenResNet18 {
    stem: Convolution,
    blocks: Vec<Block>,
    /// Maps of earlier calls, so that nothing is allocated again.
    idle: Idle<Scratch>,
}

struct Block {
    first: Convolution,
    second: Convolution,
    downsample: Option<Convolution>,
}

/// The maps of photos on their way through the network.
#[derive(Default)]
struct Scratch {
    photo: [Map; 1],
    stem: [Map; 1],
    current: [Map; GROUP],
    inner: [Map; GROUP],
    around: [Map; GROUP],
    next: [Map; GROUP],
}

/// The feature maps of one photo.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureMaps {
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
    pub fn new(weights: &StateDict, precision: Precision) -> Result<Self> {
        Self::with_instructions(weights, Instructions::detect(), precision)
    }

    /// The same for given instructions.
    ///
    /// # Errors
    /// As [`FrozenResNet18::new`].
    pub fn with_instructions(weights: &StateDict, instructions: Instructions, precision: Precision) -> Result<Self> {
        weights.check(&resnet::tensor_shapes())?;
        let specs = resnet::conv_specs();
        let mut folded =
            specs.iter().map(|spec| folded(spec, weights, instructions, precision)).collect::<Result<Vec<_>>>()?;
        let stem = folded.remove(0);
        let mut convolutions = specs.iter().skip(1).zip(folded).peekable();
        let mut blocks = Vec::new();
        while let (Some((_, first)), Some((_, second))) = (convolutions.next(), convolutions.next()) {
            let downsample = convolutions.next_if(|(spec, _)| spec.kernel == 1).map(|(_, convolution)| convolution);
            blocks.push(Block { first, second, downsample });
        }
        Ok(Self { stem, blocks, idle: Idle::default() })
    }

    /// Photos (N, 3, `height`, `width`) to features (N, 512), row by row.
    pub fn features(&self, photos: &[f32], height: usize, width: usize) -> Vec<f32> {
        let features = self.of_groups(photos, (height, width), self.blocks.len(), pool::means);
        debug_assert_eq!(features.len(), photos.len() / (3 * height * width) * FEATURES);
        features
    }

    /// The feature maps of photos (N, 3, `height`, `width`) that go into block `block`, counted from 0, one after the
    /// other: (N, channels, rows, columns).
    pub fn maps_before(&self, block: usize, photos: &[f32], height: usize, width: usize) -> Vec<f32> {
        self.of_groups(photos, (height, width), block, Map::to_planes)
    }

    /// The last feature maps of one photo (3, `height`, `width`).
    pub fn last_maps(&self, photo: &[f32], height: usize, width: usize) -> FeatureMaps {
        self.idle.lend(|scratch| {
            self.run_alone(photo, (height, width), self.blocks.len(), scratch);
            let [map, ..] = &scratch.current;
            let Layout { height, width, .. } = map.layout();
            FeatureMaps { values: map.to_planes(), height, width }
        })
    }

    /// What `read` makes of the maps of each photo after `blocks` blocks.
    fn of_groups(
        &self,
        photos: &[f32],
        size: (usize, usize),
        blocks: usize,
        read: impl Fn(&Map) -> Vec<f32> + Sync,
    ) -> Vec<f32> {
        let photo = 3 * size.0 * size.1;
        let (count, threads) = (photos.len() / photo, rayon::current_num_threads());
        if count < threads {
            let of_photo = |photo, scratch: &mut Scratch| {
                self.run_alone(photo, size, blocks, scratch);
                read(&scratch.current[0])
            };
            let photos = photos.chunks_exact(photo);
            return self.idle.lend(|scratch| photos.flat_map(|photo| of_photo(photo, scratch)).collect());
        }
        let of_group = |group: &[f32]| {
            self.idle.lend(|scratch| {
                let count = self.run_group(group, size, blocks, scratch);
                scratch.current.iter().take(count).flat_map(&read).collect::<Vec<f32>>()
            })
        };
        let group = GROUP.min(count.div_ceil(threads));
        photos.par_chunks(group * photo).map(of_group).flatten_iter().collect()
    }

    /// Takes at most [`GROUP`] photos through in this thread; what comes out is then `scratch.current`. Gives their
    /// number.
    fn run_group(&self, photos: &[f32], size: (usize, usize), blocks: usize, scratch: &mut Scratch) -> usize {
        let Scratch { photo, stem, current, inner, around, next } = scratch;
        let planes = photos.chunks_exact(3 * size.0 * size.1);
        let count = planes.len().min(GROUP);
        for (planes, pooled) in planes.zip(current.iter_mut()) {
            photo[0].fill_from_planes(planes, photo_layout(size));
            self.stem.run(photo, stem, None, true);
            pool::max_pool(&stem[0], pooled);
        }
        for (index, block) in self.blocks.iter().take(blocks).enumerate() {
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

    /// Takes one photo through in all threads; what comes out is then the first of `scratch.current`.
    fn run_alone(&self, planes: &[f32], size: (usize, usize), blocks: usize, scratch: &mut Scratch) {
        let Scratch { photo: [photo], stem: [stem], current, inner, around, next } = scratch;
        photo.fill_from_planes(planes, photo_layout(size));
        self.stem.run_in_bands(photo, stem, None, true);
        pool::max_pool(stem, &mut current[0]);
        for block in self.blocks.iter().take(blocks) {
            block.run_in_bands(&current[0], &mut inner[0], &mut around[0], &mut next[0]);
            std::mem::swap(current, next);
        }
    }
}

/// How a photo lies as a map: with half of the first convolution's window around it.
pub(super) fn photo_layout((height, width): (usize, usize)) -> Layout {
    Layout { height, width, channels: 3, border: 3 }
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

    fn run_in_bands(&self, input: &Map, inner: &mut Map, around: &mut Map, output: &mut Map) {
        self.first.run_in_bands(input, inner, None, true);
        let residual: &Map = match &self.downsample {
            Some(downsample) => {
                downsample.run_in_bands(input, around, None, false);
                around
            }
            None => input,
        };
        self.second.run_in_bands(inner, output, Some(residual), true);
    }
}

fn folded(
    spec: &ConvSpec,
    weights: &StateDict,
    instructions: Instructions,
    precision: Precision,
) -> Result<Convolution> {
    let part = |part: &str| weights.values(&format!("{}.{part}", spec.norm));
    let running = Running { mean: part("running_mean")?, variance: part("running_var")? };
    let affine = running.statistics(resnet::EPSILON).affine(&part("weight")?, &part("bias")?);
    let mut convolution = Convolution::new(ConvShape::of(spec), instructions, precision);
    convolution.set(&weights.values(&format!("{}.weight", spec.conv))?, &affine.scale, &affine.shift);
    Ok(convolution)
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Tensor};

    use super::super::super::resnet::{ResNet18, Statistics};
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
        for (count, height, width) in [(1, 224, 224), (5, 65, 33), (2, 32, 100), (9, 40, 40), (64, 33, 47)] {
            let photos: Vec<f32> =
                (0..count * 3 * height * width).map(|n| ((n * 7907) % 1000) as f32 / 250.0 - 2.0).collect();
            let tensor = Tensor::from_slice(&photos, (count, 3, height, width), &Device::Cpu).unwrap();
            let maps = plain.feature_maps(&tensor, Statistics::Frozen).unwrap();
            let expected = resnet::pool(&maps).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
            for instructions in Instructions::available() {
                let fast = FrozenResNet18::with_instructions(&weights, instructions, Precision::F32).unwrap();
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
    fn bf16_moves_features_by_less_than_two_percent() {
        let photos: Vec<f32> = (0..3 * 3 * 96 * 96).map(|n| ((n * 7907) % 1000) as f32 / 250.0 - 2.0).collect();
        let of = |precision, instructions| {
            let network = FrozenResNet18::with_instructions(&weights(), instructions, precision).unwrap();
            network.features(&photos, 96, 96)
        };
        let single = of(Precision::F32, Instructions::detect());
        let length = |values: &[f32]| values.iter().map(|v| v * v).sum::<f32>().sqrt();
        let fast = Instructions::available().into_iter().filter(|instructions| instructions.multiply_bf16());
        for instructions in fast.chain([Instructions::Portable]) {
            let half = of(Precision::Bf16, instructions);
            let apart: Vec<f32> = half.iter().zip(&single).map(|(half, single)| half - single).collect();
            let moved = length(&apart) / length(&single);
            assert!(moved > 1e-5 && moved < 0.02, "{instructions}: {moved}");
        }
    }

    #[test]
    fn a_photo_gives_the_same_features_in_any_company() {
        for precision in [Precision::F32, Precision::Bf16] {
            alone_and_together(&FrozenResNet18::with_instructions(&weights(), best(precision), precision).unwrap());
        }
    }

    /// The best instructions that compute in this precision.
    fn best(precision: Precision) -> Instructions {
        let best = Instructions::detect();
        if precision == Precision::F32 || best.multiply_bf16() { best } else { Instructions::Portable }
    }

    fn alone_and_together(fast: &FrozenResNet18) {
        let photos: Vec<f32> = (0..6 * 3 * 48 * 48).map(|n| ((n * 7907) % 1000) as f32 / 250.0 - 2.0).collect();
        let together = fast.features(&photos, 48, 48);
        for (photo, expected) in photos.chunks(3 * 48 * 48).zip(together.chunks(FEATURES)) {
            assert_eq!(fast.features(photo, 48, 48), expected);
        }
    }
}
