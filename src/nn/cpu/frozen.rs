//! A backbone with frozen weights: features of many photos, fast.
//!
//! Batch norm is folded into the kernels once. Photos are worked on in parallel, a few by each thread; where there are
//! fewer photos than threads, each photo's rows are.

use rayon::prelude::*;

use super::super::architecture::{Activation, Architecture, Backbone, ConvSpec, EPSILON, Shortcut};
use super::super::state_dict::StateDict;
use super::conv::{ConvShape, Convolution, InvertedResidual, Stage};
use super::idle::Idle;
use super::kernel::{Instructions, Precision};
use super::map::{Layout, Map};
use super::norm::Running;
use super::pool;
use crate::error::Result;
use crate::nn::reach::Reach;

/// Photos that a thread takes through the network together. The last layers' weights are larger than a core's cache,
/// so that it pays to use each part of them for several photos.
const GROUP: usize = 4;
/// Pixels of maps that are so large that each photo goes through a block alone, while its map stays in the cache.
const LARGE: usize = 400;

/// A backbone, ready to run.
pub struct FrozenNetwork {
    backbone: Backbone,
    stem: Layer,
    max_pool: bool,
    blocks: Vec<Block>,
    /// Maps of earlier calls, so that nothing is allocated again.
    idle: Idle<Scratch>,
}

struct Layer {
    convolution: Convolution,
    activation: Activation,
}

struct Block {
    path: Vec<Layer>,
    around: Around,
}

/// What is added to what comes out of a block's convolutions.
enum Around {
    None,
    Identity,
    Projection(Convolution),
}

/// The maps of photos on their way through the network.
#[derive(Default)]
struct Scratch {
    photo: [Map; 1],
    stem: [Map; 1],
    current: [Map; GROUP],
    inner: Inner,
    around: [Map; GROUP],
    next: [Map; GROUP],
    alone: Working,
}

/// The maps within the part of the network that a photo is in.
#[derive(Default)]
pub(super) struct Working {
    stem: Map,
    inner: Inner,
    around: Map,
}

/// What comes out of the convolutions of a block but the last, in turn.
type Inner = [[Map; GROUP]; 2];

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

impl FrozenNetwork {
    /// Takes the weights over, folded, for the best instructions that the processor has.
    ///
    /// # Errors
    /// One error that lists every missing, misshapen and unexpected tensor.
    pub fn new(backbone: Backbone, weights: &StateDict, precision: Precision) -> Result<Self> {
        Self::with_instructions(backbone, weights, Instructions::detect(), precision)
    }

    /// The same for given instructions.
    ///
    /// # Errors
    /// As [`FrozenNetwork::new`].
    pub fn with_instructions(
        backbone: Backbone,
        weights: &StateDict,
        instructions: Instructions,
        precision: Precision,
    ) -> Result<Self> {
        let architecture = backbone.architecture();
        weights.check(&architecture.tensor_shapes())?;
        let folder = Folder { weights, instructions, precision };
        let stem = folder.layer(&architecture.stem, border_before(&architecture, 0))?;
        let blocks = (0..architecture.blocks.len()).map(|index| Block::new(&architecture, index, &folder));
        let blocks = blocks.collect::<Result<_>>()?;
        Ok(Self { backbone, stem, max_pool: architecture.max_pool, blocks, idle: Idle::default() })
    }

    /// Photos (N, 3, `height`, `width`) to features (N, F), row by row.
    pub fn features(&self, photos: &[f32], height: usize, width: usize) -> Vec<f32> {
        let features = self.of_groups(photos, (height, width), self.blocks.len(), pool::means);
        debug_assert_eq!(features.len(), photos.len() / (3 * height * width) * self.backbone.features());
        features
    }

    /// The feature maps of photos (N, 3, `height`, `width`) that go into block `block`, counted from 0, one after the
    /// other: (N, channels, rows, columns).
    pub fn maps_before(&self, block: usize, photos: &[f32], height: usize, width: usize) -> Vec<f32> {
        let channels = self.backbone.architecture().channels_before(block);
        self.of_groups(photos, (height, width), block, |map| planes_of(map, channels))
    }

    /// The last feature maps of one photo (3, `height`, `width`).
    pub fn last_maps(&self, photo: &[f32], height: usize, width: usize) -> FeatureMaps {
        self.idle.lend(|scratch| {
            rayon::scope(|_| self.run_alone(photo, (height, width), self.blocks.len(), scratch));
            let [map, ..] = &scratch.current;
            let Layout { height, width, .. } = map.layout();
            FeatureMaps { values: planes_of(map, self.backbone.features()), height, width }
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
            // Within the threads' pool, so that they need not be woken for each layer.
            let run = |scratch: &mut Scratch| photos.flat_map(|photo| of_photo(photo, scratch)).collect();
            return self.idle.lend(|scratch| rayon::scope(|_| run(scratch)));
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
        let Scratch { photo, stem, current, inner, around, next, .. } = scratch;
        let planes = photos.chunks_exact(3 * size.0 * size.1);
        let count = planes.len().min(GROUP);
        for (planes, first) in planes.zip(current.iter_mut()) {
            photo[0].fill_from_planes(planes, photo_layout(size, self.stem.convolution.shape()));
            if self.max_pool {
                self.stem.run(photo, stem, None);
                pool::max_pool(&stem[0], first);
            } else {
                self.stem.run(photo, std::slice::from_mut(first), None);
            }
        }
        for block in self.blocks.iter().take(blocks) {
            let together = if current[0].layout().pixels() >= LARGE { 1 } else { GROUP };
            for begin in (0..count).step_by(together) {
                let photos = begin..count.min(begin + together);
                block.run(&current[photos.clone()], inner, around, &mut next[photos]);
            }
            std::mem::swap(current, next);
        }
        count
    }

    /// Takes one photo through in all threads; what comes out is then the first of `scratch.current`.
    fn run_alone(&self, planes: &[f32], size: (usize, usize), blocks: usize, scratch: &mut Scratch) {
        let Scratch { photo: [photo], current: [current, ..], next: [next, ..], alone, .. } = scratch;
        photo.fill_from_planes(planes, photo_layout(size, self.stem.convolution.shape()));
        self.run_part(0, photo, alone, current);
        for part in 1..=blocks.min(self.blocks.len()) {
            self.run_part(part, current, alone, next);
            std::mem::swap(current, next);
        }
    }

    /// Fills `output` with what one part of the network makes of a map, in all threads: part 0 is the stem with the
    /// maximum behind it, part n block n.
    pub(super) fn run_part(&self, part: usize, input: &Map, working: &mut Working, output: &mut Map) {
        let Working { stem, inner, around } = working;
        match part.checked_sub(1).map(|block| self.blocks.get(block)) {
            None if self.max_pool => {
                self.stem.run_in_bands(input, stem, None);
                pool::max_pool_in_bands(stem, output);
            }
            None => self.stem.run_in_bands(input, output, None),
            Some(Some(block)) => block.run_in_bands(input, inner, around, output),
            Some(None) => {}
        }
    }

    /// How a photo of this size lies as what goes into part 0.
    pub(super) fn photo_layout(&self, height: usize, width: usize) -> Layout {
        photo_layout((height, width), self.stem.convolution.shape())
    }

    /// How what comes out of a part lies, from what goes in.
    pub(super) fn layout_after(&self, part: usize, input: Layout) -> Layout {
        match part.checked_sub(1).map(|block| self.blocks.get(block)) {
            None if self.max_pool => pool::layout_after(self.stem.convolution.layout_after(input)),
            None => self.stem.convolution.layout_after(input),
            Some(Some(block)) => block.path.iter().fold(input, |layout, layer| layer.convolution.layout_after(layout)),
            Some(None) => input,
        }
    }

    /// What of its input each part sees.
    pub(super) fn reaches(&self) -> Vec<Reach> {
        self.backbone.architecture().reaches()
    }
}

/// How a photo lies as a map: with half of the stem's window around it.
pub(super) fn photo_layout((height, width): (usize, usize), stem: ConvShape) -> Layout {
    Layout { height, width, channels: stem.inputs, border: stem.padding() }
}

/// The first channels of a map (channels, height, width); behind them lie those that fill it up to what the kernels take
/// together.
fn planes_of(map: &Map, channels: usize) -> Vec<f32> {
    let mut planes = map.to_planes();
    planes.truncate(channels * map.layout().pixels());
    planes
}

impl Layer {
    fn stage(&self) -> Stage<'_> {
        Stage { convolution: &self.convolution, activation: self.activation }
    }

    fn run(&self, input: &[Map], output: &mut [Map], residuals: Option<&[Map]>) {
        self.convolution.run(input, output, residuals, self.activation);
    }

    fn run_in_bands(&self, input: &Map, output: &mut Map, residual: Option<&Map>) {
        self.convolution.run_in_bands(input, output, residual, self.activation);
    }
}

impl Block {
    fn new(architecture: &Architecture, index: usize, folder: &Folder<'_>) -> Result<Self> {
        let block = &architecture.blocks[index];
        let after = border_before(architecture, index + 1);
        // What the next convolution's windows reach beyond the edge lies around its input.
        let borders = block.path.iter().skip(1).map(|spec| spec.kernel / 2).chain([after]);
        let path =
            block.path.iter().zip(borders).map(|(spec, border)| folder.layer(spec, border)).collect::<Result<_>>();
        let around = match &block.shortcut {
            Shortcut::None => Around::None,
            Shortcut::Identity => Around::Identity,
            Shortcut::Projection(spec) => Around::Projection(folder.layer(spec, after)?.convolution),
        };
        Ok(Self { path: path?, around })
    }

    /// The block as one pass over the rows, where it is such a one and its maps are so large that this pays.
    fn in_one_pass(&self, input: &Map) -> Option<InvertedResidual<'_>> {
        let (expansion, depthwise, projection) = match self.path.as_slice() {
            [expansion, depthwise, projection] => (Some(expansion), depthwise, projection),
            [depthwise, projection] => (None, depthwise, projection),
            _ => return None,
        };
        let fits = depthwise.convolution.shape().depthwise && input.layout().pixels() >= LARGE;
        fits.then(|| InvertedResidual {
            expansion: expansion.map(Layer::stage),
            depthwise: depthwise.stage(),
            projection: projection.stage(),
        })
    }

    /// Fills `output` from `input`, of as many photos.
    fn run(&self, input: &[Map], inner: &mut Inner, around: &mut [Map], output: &mut [Map]) {
        let around = &mut around[..input.len()];
        let residuals: Option<&[Map]> = match &self.around {
            Around::None => None,
            Around::Identity => Some(input),
            Around::Projection(projection) => {
                projection.run(input, around, None, Activation::Linear);
                Some(around)
            }
        };
        if let Some(pass) = input.first().and_then(|first| self.in_one_pass(first)) {
            for (photo, (input, output)) in input.iter().zip(output).enumerate() {
                pass.run(input, output, residuals.and_then(|maps| maps.get(photo)));
            }
            return;
        }
        let (mut from, mut free) = (input, &mut inner[..]);
        let Some((last, before)) = self.path.split_last() else { return };
        for layer in before {
            let Some((to, others)) = std::mem::take(&mut free).split_first_mut() else { return };
            layer.run(from, &mut to[..input.len()], None);
            (from, free) = (&to[..input.len()], others);
        }
        last.run(from, output, residuals);
    }

    fn run_in_bands(&self, input: &Map, inner: &mut Inner, around: &mut Map, output: &mut Map) {
        let residual: Option<&Map> = match &self.around {
            Around::None => None,
            Around::Identity => Some(input),
            Around::Projection(projection) => {
                projection.run_in_bands(input, around, None, Activation::Linear);
                Some(around)
            }
        };
        if let Some(pass) = self.in_one_pass(input) {
            return pass.run_in_bands(input, output, residual);
        }
        let (mut from, mut free) = (input, &mut inner[..]);
        let Some((last, before)) = self.path.split_last() else { return };
        for layer in before {
            let Some(([to, ..], others)) = std::mem::take(&mut free).split_first_mut() else { return };
            layer.run_in_bands(from, to, None);
            (from, free) = (to, others);
        }
        last.run_in_bands(from, output, residual);
    }
}

/// Turns layers into convolutions.
struct Folder<'a> {
    weights: &'a StateDict,
    instructions: Instructions,
    precision: Precision,
}

impl Folder<'_> {
    /// A convolution with its batch norm folded in, and `border` around what comes out.
    fn layer(&self, spec: &ConvSpec, border: usize) -> Result<Layer> {
        let shape = ConvShape::of(spec);
        let part = |part: &str| self.weights.values(&format!("{}.{part}", spec.norm));
        let running = Running { mean: part("running_mean")?, variance: part("running_var")? };
        let mut affine = running.statistics(EPSILON).affine(&part("weight")?, &part("bias")?);
        affine.scale.resize(shape.outputs, 0.0);
        affine.shift.resize(shape.outputs, 0.0);
        let mut convolution = Convolution::new(shape, self.instructions, self.precision).with_border(border);
        let kernel = self.weights.values(&format!("{}.weight", spec.conv))?;
        convolution.set(&shape.fill_up(&kernel, spec), &affine.scale, &affine.shift);
        Ok(Layer { convolution, activation: spec.activation })
    }
}

/// What the windows of block `index` reach beyond the edge of what goes into it; after the last block, as before it.
fn border_before(architecture: &Architecture, index: usize) -> usize {
    let block = architecture.blocks.get(index).or(architecture.blocks.last());
    block.and_then(|block| block.path.first()).map_or(0, |spec| spec.kernel / 2)
}

#[cfg(test)]
pub(super) mod tests {
    use candle_core::{Device, Tensor};

    use super::super::super::architecture::Statistics;
    use super::super::super::candle_network::{self, CandleNetwork};
    use super::*;

    /// Any weights will do, but with statistics that are not those of a fresh network.
    pub fn weights(backbone: Backbone) -> StateDict {
        let mut weights = backbone.architecture().random_weights(1, &Device::Cpu).unwrap();
        for (name, shape) in backbone.architecture().tensor_shapes() {
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

    pub const BACKBONES: [Backbone; 2] = [Backbone::Resnet18, Backbone::MobilenetV2];

    pub fn photos(count: usize, height: usize, width: usize) -> Vec<f32> {
        (0..count * 3 * height * width).map(|n| ((n * 7907) % 1000) as f32 / 250.0 - 2.0).collect()
    }

    /// Within 1e-4 of the value, or of one.
    fn assert_close(got: &[f32], expected: &Tensor, what: &str) {
        let expected = expected.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(got.len(), expected.len(), "{what}");
        for (got, expected) in got.iter().zip(&expected) {
            assert!((got - expected).abs() <= 1e-4 * expected.abs().max(1.0), "{what}: {got}, not {expected}");
        }
    }

    #[test]
    fn agrees_with_candle_at_any_size_and_number_of_photos() {
        for backbone in BACKBONES {
            let weights = weights(backbone);
            let plain = CandleNetwork::new(backbone.architecture(), &weights).unwrap();
            for (count, height, width) in [(1, 224, 224), (5, 65, 33), (2, 32, 100), (9, 40, 40), (64, 33, 47)] {
                let photos = photos(count, height, width);
                let tensor = Tensor::from_slice(&photos, (count, 3, height, width), &Device::Cpu).unwrap();
                let maps = plain.feature_maps(&tensor, Statistics::Frozen).unwrap();
                let expected = candle_network::pool(&maps).unwrap();
                for instructions in Instructions::available() {
                    let what = format!("{} {instructions} {count}×{height}×{width}", backbone.name());
                    let fast = FrozenNetwork::with_instructions(backbone, &weights, instructions, Precision::F32);
                    let fast = fast.unwrap();
                    assert_close(&fast.features(&photos, height, width), &expected, &what);
                    let last = fast.last_maps(&photos[..3 * height * width], height, width);
                    assert_eq!(maps.dims()[1..], [backbone.features(), last.height, last.width]);
                    assert_close(&last.values, &maps.get(0).unwrap(), &what);
                }
            }
        }
    }

    #[test]
    fn maps_on_the_way_agree_with_candles() {
        for backbone in BACKBONES {
            let (weights, architecture) = (weights(backbone), backbone.architecture());
            let plain = CandleNetwork::new(architecture.clone(), &weights).unwrap();
            let photos = photos(2, 64, 50);
            let tensor = Tensor::from_slice(&photos, (2, 3, 64, 50), &Device::Cpu).unwrap();
            let fast = FrozenNetwork::new(backbone, &weights, Precision::F32).unwrap();
            for block in 0..=architecture.blocks.len() {
                let expected = plain.maps_before(block, &tensor).unwrap();
                let what = format!("{} before block {block}", backbone.name());
                assert_close(&fast.maps_before(block, &photos, 64, 50), &expected, &what);
            }
        }
    }

    #[test]
    fn bf16_moves_features_by_less_than_two_percent() {
        let photos = photos(3, 96, 96);
        for backbone in BACKBONES {
            let of = |precision, instructions| {
                let weights = weights(backbone);
                let network = FrozenNetwork::with_instructions(backbone, &weights, instructions, precision).unwrap();
                network.features(&photos, 96, 96)
            };
            let single = of(Precision::F32, Instructions::detect());
            let length = |values: &[f32]| values.iter().map(|v| v * v).sum::<f32>().sqrt();
            let fast = Instructions::available().into_iter().filter(|instructions| instructions.multiply_bf16());
            for instructions in fast.chain([Instructions::Portable]) {
                let half = of(Precision::Bf16, instructions);
                let apart: Vec<f32> = half.iter().zip(&single).map(|(half, single)| half - single).collect();
                let moved = length(&apart) / length(&single);
                assert!(moved > 1e-5 && moved < 0.02, "{} {instructions}: {moved}", backbone.name());
            }
        }
    }

    #[test]
    fn a_photo_gives_the_same_features_in_any_company() {
        for backbone in BACKBONES {
            for precision in [Precision::F32, Precision::Bf16] {
                let (weights, best) = (weights(backbone), best(precision));
                let fast = FrozenNetwork::with_instructions(backbone, &weights, best, precision).unwrap();
                let photos = photos(6, 48, 48);
                let together = fast.features(&photos, 48, 48);
                for (photo, expected) in photos.chunks(3 * 48 * 48).zip(together.chunks(backbone.features())) {
                    assert_eq!(fast.features(photo, 48, 48), expected);
                }
            }
        }
    }

    /// The best instructions that compute in this precision.
    fn best(precision: Precision) -> Instructions {
        let best = Instructions::detect();
        if precision == Precision::F32 || best.multiply_bf16() { best } else { Instructions::Portable }
    }
}
