//! What a network is made of: its convolutions, how they hang together, and what torchvision calls them.
//!
//! All else is written over this description: the network on candle's operators, the fast one on the processor, the one
//! that is trained, the table of layers and the files that leave the program.

use candle_core::{Device, Tensor};
use serde::{Deserialize, Serialize};

use super::state_dict::StateDict;
use super::{failed, mobilenet, random, resnet};
use crate::error::Result;

/// What PyTorch adds to the variance in batch norm.
pub(super) const EPSILON: f64 = 1e-5;

/// The network whose last layer is swapped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Backbone {
    /// ResNet18, 512 features.
    #[default]
    #[value(name = "resnet18")]
    Resnet18,
    /// MobileNetV2, 1280 features.
    #[value(name = "mobilenet_v2")]
    MobilenetV2,
}

/// What a value becomes after convolution, batch norm and residual.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// Itself.
    Linear,
    /// Zero where it is negative.
    Relu,
    /// The same, and at most 6.
    Relu6,
}

/// One convolution, without bias, with the batch norm and the activation that follow.
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
    /// Side of the kernel; the padding is half of it.
    pub kernel: usize,
    /// Step of the kernel.
    pub stride: usize,
    /// Whether each channel is convolved by itself, with a kernel of its own.
    pub depthwise: bool,
    /// What follows; in the last convolution of a block, after the shortcut was added.
    pub activation: Activation,
}

/// What is added to what comes out of a block's convolutions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shortcut {
    /// Nothing.
    None,
    /// What went into the block.
    Identity,
    /// The same after a convolution of its own.
    Projection(ConvSpec),
}

/// Convolutions one after the other, with a way around.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Its name, such as `layer1.0`.
    pub name: String,
    /// The convolutions in their order; at least one.
    pub path: Vec<ConvSpec>,
    /// The way around.
    pub shortcut: Shortcut,
}

/// A network without its last layer: a stem, blocks, and the mean over each of the last maps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Architecture {
    /// Which one.
    pub backbone: Backbone,
    /// The first convolution.
    pub stem: ConvSpec,
    /// Whether a 3×3 maximum with step 2 follows the stem.
    pub max_pool: bool,
    /// The blocks in their order.
    pub blocks: Vec<Block>,
    /// The first block of the last group: what `--tune last-block` trains.
    pub last_block: usize,
}

/// Where training begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At the stem: every layer is trained.
    Photos,
    /// At the last group of blocks: what goes in are the maps before it.
    LastBlock,
}

/// Which statistics batch norm divides by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statistics {
    /// The running ones, as they are.
    Frozen,
    /// Those of the batch.
    Batch,
}

impl Backbone {
    /// The name in files and on the command line, torchvision's.
    pub fn name(self) -> &'static str {
        match self {
            Self::Resnet18 => "resnet18",
            Self::MobilenetV2 => "mobilenet_v2",
        }
    }

    /// The name that people use.
    pub fn title(self) -> &'static str {
        match self {
            Self::Resnet18 => "ResNet18",
            Self::MobilenetV2 => "MobileNetV2",
        }
    }

    /// Features that go into the last layer.
    pub fn features(self) -> usize {
        match self {
            Self::Resnet18 => resnet::FEATURES,
            Self::MobilenetV2 => mobilenet::FEATURES,
        }
    }

    /// The name of the last layer, such as `fc`.
    pub fn head(self) -> &'static str {
        match self {
            Self::Resnet18 => "fc",
            Self::MobilenetV2 => "classifier.1",
        }
    }

    /// What it is made of.
    pub fn architecture(self) -> Architecture {
        match self {
            Self::Resnet18 => resnet::architecture(),
            Self::MobilenetV2 => mobilenet::architecture(),
        }
    }
}

impl Activation {
    /// What values are cut at from above, where they are cut from below.
    pub fn ceiling(self) -> Option<f32> {
        match self {
            Self::Linear => None,
            Self::Relu => Some(f32::INFINITY),
            Self::Relu6 => Some(6.0),
        }
    }
}

impl ConvSpec {
    /// The shape of its kernel: (outputs, inputs of one output, size, size).
    pub fn kernel_shape(&self) -> [usize; 4] {
        let inputs = if self.depthwise { 1 } else { self.inputs };
        [self.outputs, inputs, self.kernel, self.kernel]
    }

    /// Pixels on a side of what comes out, from those of what goes in.
    pub fn side(&self, input: usize) -> usize {
        (input - 1) / self.stride + 1
    }
}

impl Block {
    /// Its convolutions, that of the way around last.
    pub fn convolutions(&self) -> impl Iterator<Item = &ConvSpec> {
        let around = match &self.shortcut {
            Shortcut::Projection(spec) => Some(spec),
            Shortcut::None | Shortcut::Identity => None,
        };
        self.path.iter().chain(around)
    }

    /// The activation that its values come out of.
    pub fn activation(&self) -> Activation {
        self.path.last().map_or(Activation::Linear, |spec| spec.activation)
    }
}

impl Architecture {
    /// Every convolution, from the stem to the last block; that of a block's way around comes last in it.
    pub fn convolutions(&self) -> impl Iterator<Item = &ConvSpec> {
        std::iter::once(&self.stem).chain(self.blocks.iter().flat_map(Block::convolutions))
    }

    /// The convolutions from `start` on, in the same order.
    pub fn convolutions_from(&self, start: Start) -> Vec<&ConvSpec> {
        match start {
            Start::Photos => self.convolutions().collect(),
            Start::LastBlock => self.blocks.iter().skip(self.last_block).flat_map(Block::convolutions).collect(),
        }
    }

    /// Blocks that come before `start`.
    pub fn blocks_before(&self, start: Start) -> usize {
        match start {
            Start::Photos => 0,
            Start::LastBlock => self.last_block,
        }
    }

    /// Channels of the maps that go into block `index`; after the last one, of those that come out.
    pub fn channels_before(&self, index: usize) -> usize {
        let before = self.blocks.iter().take(index).flat_map(|block| &block.path).last();
        before.map_or(self.stem.outputs, |spec| spec.outputs)
    }

    /// The activation that the values come out of which go into block `index`.
    pub fn activation_before(&self, index: usize) -> Activation {
        let before = index.checked_sub(1).and_then(|before| self.blocks.get(before));
        before.map_or(self.stem.activation, Block::activation)
    }

    /// Channels, rows and columns of the maps that go into the last group of blocks, for photos of this side.
    pub fn maps_before_last_block(&self, side: usize) -> [usize; 3] {
        let stem = self.stem.side(side);
        let before = self.blocks.iter().take(self.last_block).flat_map(|block| &block.path);
        let side =
            before.clone().fold(if self.max_pool { stem.div_ceil(2) } else { stem }, |side, spec| spec.side(side));
        let channels = before.last().map_or(self.stem.outputs, |spec| spec.outputs);
        [channels, side, side]
    }

    /// Names and shapes of the tensors.
    pub fn tensor_shapes(&self) -> Vec<(String, Vec<usize>)> {
        let of_layer = |spec: &ConvSpec| {
            let norm = ["weight", "bias", "running_mean", "running_var"];
            let norm = norm.map(|part| (format!("{}.{part}", spec.norm), vec![spec.outputs]));
            std::iter::once((format!("{}.weight", spec.conv), spec.kernel_shape().to_vec())).chain(norm)
        };
        self.convolutions().flat_map(of_layer).collect()
    }

    /// Untrained weights: He's initial values for the kernels, as torchvision draws them.
    ///
    /// # Errors
    /// Where the device has no room for them.
    pub fn random_weights(&self, seed: u64, device: &Device) -> Result<StateDict> {
        let mut rng = random::generator(seed, 0);
        let mut dict = StateDict::default();
        for spec in self.convolutions() {
            // PyTorch counts all outputs of a depthwise kernel into its fan as well.
            let fan_out = (spec.outputs * spec.kernel * spec.kernel) as f64;
            let kernel = random::normal(&spec.kernel_shape(), (2.0 / fan_out).sqrt(), &mut rng, device)?;
            dict.insert(format!("{}.weight", spec.conv), kernel);
            for (part, value) in [("weight", 1f32), ("bias", 0.0), ("running_mean", 0.0), ("running_var", 1.0)] {
                let tensor = Tensor::full(value, spec.outputs, device).map_err(failed("make random weights"))?;
                dict.insert(format!("{}.{part}", spec.norm), tensor);
            }
        }
        Ok(dict)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(backbone: Backbone) -> usize {
        let shapes = backbone.architecture().tensor_shapes();
        let trained = shapes.iter().filter(|(name, _)| !name.contains("running"));
        trained.map(|(_, shape)| shape.iter().product::<usize>()).sum()
    }

    #[test]
    fn the_architectures_have_torchvisions_tensors() {
        // sum(p.numel() for p in torchvision.models.resnet18(num_classes=2).parameters()) − (512·2 + 2)
        assert_eq!(parameters(Backbone::Resnet18), 11_177_538 - 1026);
        let shapes = Backbone::Resnet18.architecture().tensor_shapes();
        assert!(shapes.contains(&("layer3.0.downsample.0.weight".into(), vec![256, 128, 1, 1])));
        // The same of torchvision.models.mobilenet_v2(num_classes=2), − (1280·2 + 2)
        assert_eq!(parameters(Backbone::MobilenetV2), 2_226_434 - 2562);
        let shapes = Backbone::MobilenetV2.architecture().tensor_shapes();
        assert!(shapes.contains(&("features.2.conv.1.0.weight".into(), vec![96, 1, 3, 3])));
        assert!(shapes.contains(&("features.18.1.running_var".into(), vec![1280])));
    }

    #[test]
    fn maps_before_the_last_group_have_a_sixteenth_of_the_photos_side() {
        for (backbone, channels) in [(Backbone::Resnet18, 256), (Backbone::MobilenetV2, 96)] {
            let architecture = backbone.architecture();
            assert_eq!(architecture.maps_before_last_block(224), [channels, 14, 14]);
            assert_eq!(architecture.maps_before_last_block(50), [channels, 4, 4]);
        }
    }

    #[test]
    fn a_seed_gives_the_same_weights_again() {
        for backbone in [Backbone::Resnet18, Backbone::MobilenetV2] {
            let architecture = backbone.architecture();
            let print = |seed| architecture.random_weights(seed, &Device::Cpu).unwrap().fingerprint().unwrap();
            assert_eq!(print(3), print(3));
            assert_ne!(print(3), print(4));
        }
    }
}
