//! ResNet18 (He, Zhang, Ren and Sun 2016), with torchvision's names and shapes.

use candle_core::{D, DType, Device, Result as CandleResult, Tensor};

use super::failed;
use super::random;
use super::state_dict::StateDict;
use crate::error::Result;

/// Features that go into the last layer.
pub const FEATURES: usize = 512;
/// Channels of the maps before the last group of blocks.
pub const CHANNELS_BEFORE_LAST_BLOCK: usize = 256;
/// Pixels of the photo from one pixel to the next of the maps before the last group of blocks.
pub const STEP_BEFORE_LAST_BLOCK: usize = 16;
/// Channels of the four groups of blocks.
const CHANNELS: [usize; 4] = [64, 128, 256, 512];
/// Blocks in each group.
const BLOCKS: usize = 2;
/// What PyTorch adds to the variance.
pub(super) const EPSILON: f64 = 1e-5;
/// The share of the newest batch in the running statistics.
const MOMENTUM: f64 = 0.1;

/// Which statistics batch norm divides by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statistics {
    /// The running ones, as they are.
    Frozen,
    /// Those of the batch.
    Batch,
}

/// ResNet18 without its last layer.
#[derive(Clone, Debug)]
pub struct ResNet18 {
    stem: ConvNorm,
    blocks: Vec<BasicBlock>,
}

/// Two 3×3 convolutions around which the input is led.
#[derive(Clone, Debug)]
struct BasicBlock {
    first: ConvNorm,
    second: ConvNorm,
    /// 1×1, where the shape changes on the way.
    downsample: Option<ConvNorm>,
}

/// A convolution without bias, followed by batch norm.
#[derive(Clone, Debug)]
struct ConvNorm {
    kernel: Tensor,
    stride: usize,
    padding: usize,
    norm: BatchNorm,
}

#[derive(Clone, Debug)]
struct BatchNorm {
    weight: Tensor,
    bias: Tensor,
    running_mean: Tensor,
    running_var: Tensor,
}

/// One convolution with batch norm, as it stands in the architecture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConvSpec {
    /// Name of the convolution, such as `layer1.0.conv1`.
    pub conv: String,
    /// Name of the batch norm that follows it.
    pub norm: String,
    /// Input channels.
    pub inputs: usize,
    /// Output channels.
    pub outputs: usize,
    /// Side of the kernel.
    pub kernel: usize,
    /// Step of the kernel.
    pub stride: usize,
}

/// Every convolution of the backbone, from the stem to the last block; a block's downsampling comes last in it.
pub fn conv_specs() -> Vec<ConvSpec> {
    let spec = |conv: String, norm: String, inputs, outputs, kernel, stride| ConvSpec {
        conv,
        norm,
        inputs,
        outputs,
        kernel,
        stride,
    };
    let mut specs = vec![spec("conv1".into(), "bn1".into(), 3, 64, 7, 2)];
    let mut inputs = 64;
    for (group, outputs) in CHANNELS.into_iter().enumerate() {
        for block in 0..BLOCKS {
            let at = format!("layer{}.{block}", group + 1);
            let stride = if group > 0 && block == 0 { 2 } else { 1 };
            specs.push(spec(format!("{at}.conv1"), format!("{at}.bn1"), inputs, outputs, 3, stride));
            specs.push(spec(format!("{at}.conv2"), format!("{at}.bn2"), outputs, outputs, 3, 1));
            if stride != 1 || inputs != outputs {
                let (conv, norm) = (format!("{at}.downsample.0"), format!("{at}.downsample.1"));
                specs.push(spec(conv, norm, inputs, outputs, 1, stride));
            }
            inputs = outputs;
        }
    }
    specs
}

/// Where training begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At the stem: every layer is trained.
    Photos,
    /// At the last group of blocks, `layer4`: what goes in are the maps before it.
    LastBlock,
}

impl Start {
    /// Blocks that come before.
    pub fn blocks_before(self) -> usize {
        match self {
            Self::Photos => 0,
            Self::LastBlock => (CHANNELS.len() - 1) * BLOCKS,
        }
    }
}

/// The convolutions from `start` on, as in [`conv_specs`].
pub fn conv_specs_from(start: Start) -> Vec<ConvSpec> {
    let mut specs = conv_specs();
    if start == Start::LastBlock {
        specs.retain(|spec| spec.conv.starts_with("layer4."));
    }
    specs
}

/// Names and shapes of the backbone's tensors.
pub fn tensor_shapes() -> Vec<(String, Vec<usize>)> {
    conv_specs()
        .into_iter()
        .flat_map(|c| {
            let norm = ["weight", "bias", "running_mean", "running_var"];
            let norm = norm.map(|part| (format!("{}.{part}", c.norm), vec![c.outputs]));
            std::iter::once((format!("{}.weight", c.conv), vec![c.outputs, c.inputs, c.kernel, c.kernel])).chain(norm)
        })
        .collect()
}

/// Untrained weights: He's initial values for the kernels, as torchvision draws them.
///
/// # Errors
/// Where the device has no room for them.
pub fn random_weights(seed: u64, device: &Device) -> Result<StateDict> {
    let mut rng = random::generator(seed, 0);
    let mut dict = StateDict::default();
    for c in conv_specs() {
        let fan_out = (c.outputs * c.kernel * c.kernel) as f64;
        let shape = [c.outputs, c.inputs, c.kernel, c.kernel];
        let kernel = random::normal(&shape, (2.0 / fan_out).sqrt(), &mut rng, device)?;
        dict.insert(format!("{}.weight", c.conv), kernel);
        for (part, value) in [("weight", 1f32), ("bias", 0.0), ("running_mean", 0.0), ("running_var", 1.0)] {
            let tensor = Tensor::full(value, c.outputs, device).map_err(failed("make random weights"))?;
            dict.insert(format!("{}.{part}", c.norm), tensor);
        }
    }
    Ok(dict)
}

impl ResNet18 {
    /// Builds the network over the tensors of `weights`, which it shares.
    ///
    /// # Errors
    /// One error that lists every missing, misshapen and unexpected tensor.
    pub fn new(weights: &StateDict) -> Result<Self> {
        weights.check(&tensor_shapes())?;
        let mut convs = conv_specs().iter().map(|spec| ConvNorm::new(spec, weights)).collect::<Result<Vec<_>>>()?;
        let stem = convs.remove(0);
        let mut convs = convs.into_iter().peekable();
        let mut blocks = Vec::with_capacity(CHANNELS.len() * BLOCKS);
        while let (Some(first), Some(second)) = (convs.next(), convs.next()) {
            blocks.push(BasicBlock { first, second, downsample: convs.next_if(|c| c.padding == 0) });
        }
        Ok(Self { stem, blocks })
    }

    /// Photos (N, 3, H, W) to the last feature maps (N, 512, ⌈H/32⌉, ⌈W/32⌉).
    ///
    /// # Errors
    /// Where the device fails or the shape is not as said.
    pub fn feature_maps(&self, photos: &Tensor, statistics: Statistics) -> Result<Tensor> {
        self.forward(photos, statistics).map_err(failed("run the network"))
    }

    /// The same from `start` on: what goes in are photos, or the maps before the last group of blocks.
    ///
    /// # Errors
    /// As [`ResNet18::feature_maps`].
    pub fn maps_from(&self, start: Start, input: &Tensor) -> Result<Tensor> {
        let maps = match start {
            Start::Photos => self.forward(input, Statistics::Frozen),
            Start::LastBlock => self.blocks_from(start, input, Statistics::Frozen),
        };
        maps.map_err(failed("run the network"))
    }

    /// The maps (N, 256, ⌈H/16⌉, ⌈W/16⌉) of photos (N, 3, H, W) before the last group of blocks.
    ///
    /// # Errors
    /// As [`ResNet18::feature_maps`].
    pub fn maps_before_last_block(&self, photos: &Tensor) -> Result<Tensor> {
        let run = || {
            let mut maps = stem_pool(&self.stem.forward(photos, Statistics::Frozen)?.relu()?)?;
            for block in self.blocks.iter().take(Start::LastBlock.blocks_before()) {
                maps = block.forward(&maps, Statistics::Frozen)?;
            }
            Ok(maps)
        };
        run().map_err(failed("run the network"))
    }

    fn forward(&self, photos: &Tensor, statistics: Statistics) -> CandleResult<Tensor> {
        let stem = self.stem.forward(photos, statistics)?.relu()?;
        self.blocks_from(Start::Photos, &stem_pool(&stem)?, statistics)
    }

    fn blocks_from(&self, start: Start, input: &Tensor, statistics: Statistics) -> CandleResult<Tensor> {
        let mut maps = input.clone();
        for block in self.blocks.iter().skip(start.blocks_before()) {
            maps = block.forward(&maps, statistics)?;
        }
        Ok(maps)
    }

    /// Running mean and variance of the first batch norm, for checks.
    pub fn stem_statistics(&self) -> (&Tensor, &Tensor) {
        (&self.stem.norm.running_mean, &self.stem.norm.running_var)
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
            Start::Photos => stem_pool(&self.stem.forward_updating(input)?.relu()?)?,
            Start::LastBlock => input.clone(),
        };
        for block in self.blocks.iter_mut().skip(start.blocks_before()) {
            maps = block.forward_updating(&maps)?;
        }
        Ok(maps)
    }

    /// Stores the running statistics under torchvision's names.
    pub fn store_statistics(&self, weights: &mut StateDict) {
        let blocks = self.blocks.iter().flat_map(|b| [&b.first, &b.second].into_iter().chain(&b.downsample));
        for (spec, layer) in conv_specs().iter().zip(std::iter::once(&self.stem).chain(blocks)) {
            weights.insert(format!("{}.running_mean", spec.norm), layer.norm.running_mean.clone());
            weights.insert(format!("{}.running_var", spec.norm), layer.norm.running_var.clone());
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

/// The maximum of three neighbours in dimension `dim`, at every second place, `count` times.
fn every_second(maps: &Tensor, dim: usize, count: usize) -> CandleResult<Tensor> {
    let mut pairs = maps.dims().to_vec();
    pairs.splice(dim..=dim, [count + 1, 2]);
    let pairs = maps.reshape(pairs)?;
    let at = |pair: usize, place: usize| pairs.narrow(dim, pair, count)?.narrow(dim + 1, place, 1)?.squeeze(dim + 1);
    at(0, 0)?.maximum(&at(0, 1)?)?.maximum(&at(1, 0)?)
}

impl BasicBlock {
    fn forward(&self, input: &Tensor, statistics: Statistics) -> CandleResult<Tensor> {
        let inner = self.first.forward(input, statistics)?.relu()?;
        let inner = self.second.forward(&inner, statistics)?;
        let around = match &self.downsample {
            Some(downsample) => downsample.forward(input, statistics)?,
            None => input.clone(),
        };
        (inner + around)?.relu()
    }

    fn forward_updating(&mut self, input: &Tensor) -> CandleResult<Tensor> {
        let inner = self.first.forward_updating(input)?.relu()?;
        let inner = self.second.forward_updating(&inner)?;
        let around = match &mut self.downsample {
            Some(downsample) => downsample.forward_updating(input)?,
            None => input.clone(),
        };
        (inner + around)?.relu()
    }
}

impl ConvNorm {
    fn new(spec: &ConvSpec, weights: &StateDict) -> Result<Self> {
        let norm = |part: &str| weights.get(&format!("{}.{part}", spec.norm)).cloned();
        Ok(Self {
            kernel: weights.get(&format!("{}.weight", spec.conv))?.clone(),
            stride: spec.stride,
            padding: spec.kernel / 2,
            norm: BatchNorm {
                weight: norm("weight")?,
                bias: norm("bias")?,
                running_mean: norm("running_mean")?,
                running_var: norm("running_var")?,
            },
        })
    }

    fn convolve(&self, input: &Tensor) -> CandleResult<Tensor> {
        input.conv2d(&self.kernel, self.padding, self.stride, 1, 1)
    }

    fn forward(&self, input: &Tensor, statistics: Statistics) -> CandleResult<Tensor> {
        match statistics {
            // The running statistics are constants: they go into the kernel, and a pass over the maps is saved.
            Statistics::Frozen => {
                let (scale, shift) = self.norm.affine(&self.norm.running_mean, &self.norm.running_var)?;
                let kernel = self.kernel.broadcast_mul(&scale.reshape(((), 1, 1, 1))?)?;
                let maps = input.conv2d(&kernel, self.padding, self.stride, 1, 1)?;
                maps.broadcast_add(&shift.reshape((1, (), 1, 1))?)
            }
            Statistics::Batch => {
                let maps = self.convolve(input)?;
                let (mean, var) = batch_statistics(&maps)?;
                self.norm.apply(&maps, &mean, &var)
            }
        }
    }

    fn forward_updating(&mut self, input: &Tensor) -> CandleResult<Tensor> {
        let maps = self.convolve(input)?;
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
    use super::*;

    #[test]
    fn the_architecture_has_torchvisions_tensors() {
        let shapes = tensor_shapes();
        let parameters: usize = shapes
            .iter()
            .filter(|(name, _)| !name.contains("running"))
            .map(|(_, shape)| shape.iter().product::<usize>())
            .sum();
        // sum(p.numel() for p in torchvision.models.resnet18(num_classes=2).parameters()) − (512·2 + 2)
        assert_eq!(parameters, 11_177_538 - 1026);
        assert!(shapes.contains(&("layer3.0.downsample.0.weight".into(), vec![256, 128, 1, 1])));
    }

    #[test]
    fn odd_sizes_round_up() {
        let network = ResNet18::new(&random_weights(0, &Device::Cpu).unwrap()).unwrap();
        let photos = Tensor::zeros((1, 3, 65, 33), DType::F32, &Device::Cpu).unwrap();
        let maps = network.feature_maps(&photos, Statistics::Frozen).unwrap();
        assert_eq!(maps.dims(), [1, FEATURES, 3, 2]);
        assert_eq!(pool(&maps).unwrap().dims(), [1, FEATURES]);
    }

    #[test]
    fn a_seed_gives_the_same_weights_again() {
        let print = |seed| random_weights(seed, &Device::Cpu).unwrap().fingerprint().unwrap();
        assert_eq!(print(3), print(3));
        assert_ne!(print(3), print(4));
    }
}
