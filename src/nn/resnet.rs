//! ResNet18 (He, Zhang, Ren and Sun 2016), as torchvision has it.

use super::architecture::{Activation, Architecture, Backbone, Block, ConvSpec, Shortcut};

/// Features that go into the last layer.
pub const FEATURES: usize = 512;
/// Channels of the four groups of blocks.
const CHANNELS: [usize; 4] = [64, 128, 256, 512];
/// Blocks in each group.
const BLOCKS: usize = 2;

/// The architecture without its last layer.
pub fn architecture() -> Architecture {
    let stem = spec(("conv1", "bn1"), (3, CHANNELS[0]), (7, 2), Activation::Relu);
    let mut inputs = CHANNELS[0];
    let mut blocks = Vec::new();
    for (group, outputs) in CHANNELS.into_iter().enumerate() {
        for index in 0..BLOCKS {
            let stride = if group > 0 && index == 0 { 2 } else { 1 };
            blocks.push(block(format!("layer{}.{index}", group + 1), inputs, outputs, stride));
            inputs = outputs;
        }
    }
    let last_block = blocks.len() - BLOCKS;
    Architecture { backbone: Backbone::Resnet18, stem, max_pool: true, blocks, last_block }
}

/// Two 3×3 convolutions around which the input is led.
fn block(name: String, inputs: usize, outputs: usize, stride: usize) -> Block {
    let names = |conv: &str, norm: &str| (format!("{name}.{conv}"), format!("{name}.{norm}"));
    let (first, second, around) = (names("conv1", "bn1"), names("conv2", "bn2"), names("downsample.0", "downsample.1"));
    let shortcut = if stride == 1 && inputs == outputs {
        Shortcut::Identity
    } else {
        Shortcut::Projection(spec(around, (inputs, outputs), (1, stride), Activation::Linear))
    };
    let path = vec![
        spec(first, (inputs, outputs), (3, stride), Activation::Relu),
        spec(second, (outputs, outputs), (3, 1), Activation::Relu),
    ];
    Block { name, path, shortcut }
}

fn spec(
    (conv, norm): (impl Into<String>, impl Into<String>),
    (inputs, outputs): (usize, usize),
    (kernel, stride): (usize, usize),
    activation: Activation,
) -> ConvSpec {
    let (conv, norm) = (conv.into(), norm.into());
    ConvSpec { conv, norm, inputs, outputs, kernel, stride, depthwise: false, activation }
}
