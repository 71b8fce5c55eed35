//! A network on candle's own operators: what GPUs compute with, and what the fast one on the processor is held against.

use candle_core::{D, DType, Result as CandleResult, Tensor};

use super::architecture::{Activation, Architecture, Block, ConvSpec, EPSILON, Shortcut, Start, Statistics};
use super::failed;
use super::state_dict::StateDict;
use crate::error::Result;

/// The share of the newest batch in the running statistics.
const MOMENTUM: f64 = 0.1;

/// A network without its last layer.
#[derive(Clone, Debug)]
pub struct CandleNetwork {
    architecture: Architecture,
    stem: ConvNorm,
    blocks: Vec<Residual>,
}

/// Convolutions around which the input may be led.
#[derive(Clone, Debug)]
struct Residual {
    path: Vec<ConvNorm>,
    around: Around,
    activation: Activation,
}

#[derive(Clone, Debug)]
enum Around {
    None,
    Identity,
    Projection(ConvNorm),
}

/// A convolution without bias, followed by batch norm.
#[derive(Clone, Debug)]
struct ConvNorm {
    spec: ConvSpec,
    kernel: Tensor,
    norm: BatchNorm,
}

#[derive(Clone, Debug)]
struct BatchNorm {
    weight: Tensor,
    bias: Tensor,
    running_mean: Tensor,
    running_var: Tensor,
}

impl CandleNetwork {
    /// Builds the network over the tensors of `weights`, which it shares.
    ///
    /// # Errors
    /// One error that lists every missing, misshapen and unexpected tensor.
    pub fn new(architecture: Architecture, weights: &StateDict) -> Result<Self> {
        weights.check(&architecture.tensor_shapes())?;
        let stem = ConvNorm::new(&architecture.stem, weights)?;
        let blocks = architecture.blocks.iter().map(|block| Residual::new(block, weights)).collect::<Result<_>>()?;
        Ok(Self { architecture, stem, blocks })
    }

    /// Photos (N, 3, H, W) to the last feature maps (N, C, ⌈H/32⌉, ⌈W/32⌉).
    ///
    /// # Errors
    /// Where the device fails or the shape is not as said.
    pub fn feature_maps(&self, photos: &Tensor, statistics: Statistics) -> Result<Tensor> {
        let run = || self.through(0..self.blocks.len(), self.stem(photos, statistics)?, statistics);
        run().map_err(failed("run the network"))
    }

    /// The same from `start` on, with frozen statistics: what goes in are photos, or the maps before the last group of
    /// blocks.
    ///
    /// # Errors
    /// As [`CandleNetwork::feature_maps`].
    pub fn maps_from(&self, start: Start, input: &Tensor) -> Result<Tensor> {
        let blocks = self.architecture.blocks_before(start)..self.blocks.len();
        let run = || match start {
            Start::Photos => self.through(blocks, self.stem(input, Statistics::Frozen)?, Statistics::Frozen),
            Start::LastBlock => self.through(blocks, input.clone(), Statistics::Frozen),
        };
        run().map_err(failed("run the network"))
    }

    /// The maps (N, C, ⌈H/16⌉, ⌈W/16⌉) of photos (N, 3, H, W) before the last group of blocks.
    ///
    /// # Errors
    /// As [`CandleNetwork::feature_maps`].
    pub fn maps_before_last_block(&self, photos: &Tensor) -> Result<Tensor> {
        self.maps_before(self.architecture.last_block, photos)
    }

    /// The maps of photos (N, 3, H, W) that go into block `block`, counted from 0; after the last one, what comes out.
    ///
    /// # Errors
    /// As [`CandleNetwork::feature_maps`].
    pub fn maps_before(&self, block: usize, photos: &Tensor) -> Result<Tensor> {
        let run = || self.through(0..block, self.stem(photos, Statistics::Frozen)?, Statistics::Frozen);
        run().map_err(failed("run the network"))
    }

    /// What goes into the first block.
    fn stem(&self, photos: &Tensor, statistics: Statistics) -> CandleResult<Tensor> {
        let maps = activate(self.stem.forward(photos, statistics)?, self.stem.spec.activation)?;
        if self.architecture.max_pool { stem_pool(&maps) } else { Ok(maps) }
    }

    fn through(
        &self,
        blocks: std::ops::Range<usize>,
        mut maps: Tensor,
        statistics: Statistics,
    ) -> CandleResult<Tensor> {
        for block in self.blocks.get(blocks).unwrap_or_default() {
            maps = block.forward(&maps, statistics)?;
        }
        Ok(maps)
    }

    /// Moves the running statistics towards those of `photos`, as a training step of PyTorch's does, and gives the
    /// feature maps normalised by the batch's own.
    ///
    /// # Errors
    /// Where the device fails.
    pub fn update_statistics(&mut self, photos: &Tensor) -> Result<Tensor> {
        self.update_statistics_from(Start::Photos, photos)
    }

    /// The same from `start` on.
    ///
    /// # Errors
    /// Where the device fails.
    pub fn update_statistics_from(&mut self, start: Start, input: &Tensor) -> Result<Tensor> {
        self.forward_updating(start, input).map_err(failed("run the network"))
    }

    fn forward_updating(&mut self, start: Start, input: &Tensor) -> CandleResult<Tensor> {
        let mut maps = match start {
            Start::Photos => {
                let maps = activate(self.stem.forward_updating(input)?, self.stem.spec.activation)?;
                if self.architecture.max_pool { stem_pool(&maps)? } else { maps }
            }
            Start::LastBlock => input.clone(),
        };
        for block in self.blocks.iter_mut().skip(self.architecture.blocks_before(start)) {
            maps = block.forward_updating(&maps)?;
        }
        Ok(maps)
    }

    /// Running mean and variance of the first batch norm, for checks.
    pub fn stem_statistics(&self) -> (&Tensor, &Tensor) {
        (&self.stem.norm.running_mean, &self.stem.norm.running_var)
    }

    /// Stores the running statistics under torchvision's names.
    pub fn store_statistics(&self, weights: &mut StateDict) {
        let blocks = self.blocks.iter().flat_map(|block| {
            let around = match &block.around {
                Around::Projection(around) => Some(around),
                Around::None | Around::Identity => None,
            };
            block.path.iter().chain(around)
        });
        for layer in std::iter::once(&self.stem).chain(blocks) {
            weights.insert(format!("{}.running_mean", layer.spec.norm), layer.norm.running_mean.clone());
            weights.insert(format!("{}.running_var", layer.spec.norm), layer.norm.running_var.clone());
        }
    }
}

/// Feature maps (N, C, H, W) to features (N, C): the mean over each map.
///
/// # Errors
/// Where the device fails.
pub fn pool(maps: &Tensor) -> Result<Tensor> {
    maps.flatten_from(2).and_then(|flat| flat.mean(D::Minus1)).map_err(failed("pool the feature maps"))
}

/// 3×3 maximum with step 2 and a border of 1. What goes in is never negative, so zeros serve as the border.
///
/// candle's own pooling has no gradient where windows overlap, so this is the maximum of nine shifted copies.
fn stem_pool(maps: &Tensor) -> CandleResult<Tensor> {
    let (_, _, height, width) = maps.dims4()?;
    let (rows, columns) = (height.div_ceil(2), width.div_ceil(2));
    // After the border of one before, as many behind as make pairs: window y begins at pair y.
    let padded = maps.pad_with_zeros(2, 1, 2 * rows + 1 - height)?.pad_with_zeros(3, 1, 2 * columns + 1 - width)?;
    let across = every_second(&padded, 3, columns)?;
    every_second(&across, 2, rows)
}

/// What becomes of maps after batch norm and residual.
fn activate(maps: Tensor, activation: Activation) -> CandleResult<Tensor> {
    match activation {
        Activation::Linear => Ok(maps),
        Activation::Relu => maps.relu(),
        Activation::Relu6 => maps.clamp(0f32, 6f32),
    }
}

/// Each channel convolved with a 3×3 kernel (C, 1, 3, 3) of its own: the sum of nine shifted copies, because candle
/// would take the channels one by one.
fn depthwise(maps: &Tensor, kernel: &Tensor, stride: usize) -> CandleResult<Tensor> {
    let (_, _, height, width) = maps.dims4()?;
    let [rows, columns] = [height, width].map(|side| (side - 1) / stride + 1);
    // After the border of one before, as many behind as make whole steps of every tap.
    let behind = |count: usize, side: usize| (count + 2) * stride - 1 - side;
    let padded = maps.pad_with_zeros(2, 1, behind(rows, height))?.pad_with_zeros(3, 1, behind(columns, width))?;
    let mut sum: Option<Tensor> = None;
    for (dy, dx) in (0..3).flat_map(|dy| (0..3).map(move |dx| (dy, dx))) {
        let seen = every(&every(&padded, 2, (dy, stride, rows))?, 3, (dx, stride, columns))?;
        let weight = kernel.narrow(2, dy, 1)?.narrow(3, dx, 1)?.reshape((1, (), 1, 1))?;
        let part = seen.broadcast_mul(&weight)?;
        sum = Some(match sum {
            Some(sum) => (sum + part)?,
            None => part,
        });
    }
    sum.map_or_else(|| maps.zeros_like(), Ok)
}

/// In dimension `dim`, `count` places from `first` on, `step` apart.
fn every(maps: &Tensor, dim: usize, (first, step, count): (usize, usize, usize)) -> CandleResult<Tensor> {
    if step == 1 {
        return maps.narrow(dim, first, count);
    }
    let mut groups = maps.dims().to_vec();
    groups.splice(dim..=dim, [count, step]);
    maps.narrow(dim, first, count * step)?.contiguous()?.reshape(groups)?.narrow(dim + 1, 0, 1)?.squeeze(dim + 1)
}

/// The maximum of three neighbours in dimension `dim`, at every second place, `count` times.
fn every_second(maps: &Tensor, dim: usize, count: usize) -> CandleResult<Tensor> {
    let mut pairs = maps.dims().to_vec();
    pairs.splice(dim..=dim, [count + 1, 2]);
    let pairs = maps.reshape(pairs)?;
    let at = |pair: usize, place: usize| pairs.narrow(dim, pair, count)?.narrow(dim + 1, place, 1)?.squeeze(dim + 1);
    at(0, 0)?.maximum(&at(0, 1)?)?.maximum(&at(1, 0)?)
}

impl Residual {
    fn new(block: &Block, weights: &StateDict) -> Result<Self> {
        let path = block.path.iter().map(|spec| ConvNorm::new(spec, weights)).collect::<Result<_>>()?;
        let around = match &block.shortcut {
            Shortcut::None => Around::None,
            Shortcut::Identity => Around::Identity,
            Shortcut::Projection(spec) => Around::Projection(ConvNorm::new(spec, weights)?),
        };
        Ok(Self { path, around, activation: block.activation() })
    }

    fn forward(&self, input: &Tensor, statistics: Statistics) -> CandleResult<Tensor> {
        let mut maps = input.clone();
        for (place, layer) in self.path.iter().enumerate() {
            maps = layer.forward(&maps, statistics)?;
            if place + 1 < self.path.len() {
                maps = activate(maps, layer.spec.activation)?;
            }
        }
        let maps = match &self.around {
            Around::None => maps,
            Around::Identity => (maps + input)?,
            Around::Projection(around) => (maps + around.forward(input, statistics)?)?,
        };
        activate(maps, self.activation)
    }

    fn forward_updating(&mut self, input: &Tensor) -> CandleResult<Tensor> {
        let (mut maps, last) = (input.clone(), self.path.len());
        for (place, layer) in self.path.iter_mut().enumerate() {
            maps = layer.forward_updating(&maps)?;
            if place + 1 < last {
                maps = activate(maps, layer.spec.activation)?;
            }
        }
        let maps = match &mut self.around {
            Around::None => maps,
            Around::Identity => (maps + input)?,
            Around::Projection(around) => (maps + around.forward_updating(input)?)?,
        };
        activate(maps, self.activation)
    }
}

impl ConvNorm {
    fn new(spec: &ConvSpec, weights: &StateDict) -> Result<Self> {
        let norm = |part: &str| weights.get(&format!("{}.{part}", spec.norm)).cloned();
        Ok(Self {
            kernel: weights.get(&format!("{}.weight", spec.conv))?.clone(),
            spec: spec.clone(),
            norm: BatchNorm {
                weight: norm("weight")?,
                bias: norm("bias")?,
                running_mean: norm("running_mean")?,
                running_var: norm("running_var")?,
            },
        })
    }

    fn convolve(&self, input: &Tensor, kernel: &Tensor) -> CandleResult<Tensor> {
        if self.spec.depthwise {
            return depthwise(input, kernel, self.spec.stride);
        }
        input.conv2d(kernel, self.spec.kernel / 2, self.spec.stride, 1, 1)
    }

    fn forward(&self, input: &Tensor, statistics: Statistics) -> CandleResult<Tensor> {
        match statistics {
            // The running statistics are constants: they go into the kernel, and a pass over the maps is saved.
            Statistics::Frozen => {
                let (scale, shift) = self.norm.affine(&self.norm.running_mean, &self.norm.running_var)?;
                let kernel = self.kernel.broadcast_mul(&scale.reshape(((), 1, 1, 1))?)?;
                self.convolve(input, &kernel)?.broadcast_add(&shift.reshape((1, (), 1, 1))?)
            }
            Statistics::Batch => {
                let maps = self.convolve(input, &self.kernel)?;
                let (mean, var) = batch_statistics(&maps)?;
                self.norm.apply(&maps, &mean, &var)
            }
        }
    }

    fn forward_updating(&mut self, input: &Tensor) -> CandleResult<Tensor> {
        let maps = self.convolve(input, &self.kernel)?;
        let (mean, var) = batch_statistics(&maps)?;
        let count = (maps.elem_count() / maps.dim(1)?) as f64;
        // PyTorch normalises by the biased variance and remembers the unbiased one.
        let unbiased = (&var * (count / (count - 1.0).max(1.0)))?;
        self.norm.running_mean = ((&self.norm.running_mean * (1.0 - MOMENTUM))? + (&mean * MOMENTUM)?)?.detach();
        self.norm.running_var = ((&self.norm.running_var * (1.0 - MOMENTUM))? + (unbiased * MOMENTUM)?)?.detach();
        self.norm.apply(&maps, &mean, &var)
    }
}

impl BatchNorm {
    /// Scale and shift per channel: y = x · scale + shift.
    fn affine(&self, mean: &Tensor, var: &Tensor) -> CandleResult<(Tensor, Tensor)> {
        let scale = (&self.weight / (var + EPSILON)?.sqrt()?)?;
        let shift = (&self.bias - (mean * &scale)?)?;
        Ok((scale, shift))
    }

    fn apply(&self, maps: &Tensor, mean: &Tensor, var: &Tensor) -> CandleResult<Tensor> {
        let (scale, shift) = self.affine(mean, var)?;
        maps.broadcast_mul(&scale.reshape((1, (), 1, 1))?)?.broadcast_add(&shift.reshape((1, (), 1, 1))?)
    }
}

/// Mean and biased variance per channel of maps (N, C, H, W).
fn batch_statistics(maps: &Tensor) -> CandleResult<(Tensor, Tensor)> {
    let channels_first = maps.transpose(0, 1)?.flatten_from(1)?.to_dtype(DType::F32)?;
    let mean = channels_first.mean(1)?;
    let centred = channels_first.broadcast_sub(&mean.unsqueeze(1)?)?;
    Ok((mean, centred.sqr()?.mean(1)?))
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::super::architecture::Backbone;
    use super::*;

    #[test]
    fn odd_sizes_round_up() {
        for backbone in [Backbone::Resnet18, Backbone::MobilenetV2] {
            let architecture = backbone.architecture();
            let weights = architecture.random_weights(0, &Device::Cpu).unwrap();
            let network = CandleNetwork::new(architecture, &weights).unwrap();
            let photos = Tensor::zeros((1, 3, 65, 33), DType::F32, &Device::Cpu).unwrap();
            let maps = network.feature_maps(&photos, Statistics::Frozen).unwrap();
            assert_eq!(maps.dims(), [1, backbone.features(), 3, 2]);
            assert_eq!(pool(&maps).unwrap().dims(), [1, backbone.features()]);
        }
    }

    #[test]
    fn a_depthwise_convolution_is_candles_with_a_group_for_each_channel() {
        let values = |count: usize| (0..count).map(|n| ((n * 7907) % 1000) as f32 / 250.0 - 2.0).collect::<Vec<_>>();
        for (height, width, stride) in [(7, 7, 1), (6, 9, 2), (1, 5, 2), (9, 8, 2), (4, 1, 1)] {
            let maps = Tensor::from_vec(values(2 * 5 * height * width), (2, 5, height, width), &Device::Cpu).unwrap();
            let kernel = Tensor::from_vec(values(45), (5, 1, 3, 3), &Device::Cpu).unwrap();
            let expected = maps.conv2d(&kernel, 1, stride, 1, 5).unwrap();
            let got = depthwise(&maps, &kernel, stride).unwrap();
            assert_eq!(got.dims(), expected.dims());
            let apart = (got - expected).unwrap().abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
            assert!(apart < 1e-4, "{height}×{width}, step {stride}: {apart}");
        }
    }
}
