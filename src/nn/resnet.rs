//! ResNet18 (He, Zhang, Ren and Sun 2016), with torchvision's names and shapes.

use candle_core::{D, DType, Device, Result as CandleResult, Tensor};

use super::failed;
use super::random;
use super::state_dict::StateDict;
use crate::error::Result;

/// Features that go into the last layer.
pub const FEATURES: usize = 512;
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

    fn forward(&self, photos: &Tensor, statistics: Statistics) -> CandleResult<Tensor> {
        let stem = self.stem.forward(photos, statistics)?.relu()?;
        let mut maps = stem_pool(&stem)?;
        for block in &self.blocks {
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
        self.forward_updating(photos).map_err(failed("run the network"))
    }

    fn forward_updating(&mut self, photos: &Tensor) -> CandleResult<Tensor> {
        let stem = self.stem.forward_updating(photos)?.relu()?;
        let mut maps = stem_pool(&stem)?;
        for block in &mut self.blocks {
            maps = block.forward_updating(&maps)?;
        }
        Ok(maps)
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
fn stem_pool(maps: &Tensor) -> CandleResult<Tensor> {
    let padded = maps.pad_with_zeros(2, 1, 1)?.pad_with_zeros(3, 1, 1)?;
    padded.max_pool2d_with_stride(3, 2)
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
