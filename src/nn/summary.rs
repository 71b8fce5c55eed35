//! The architecture, layer by layer.

use serde::Serialize;

use super::resnet;
use crate::photo::INPUT_SIZE;
use crate::train::config::Backbone;

/// One layer with what it costs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Layer {
    /// Name of its tensors.
    pub name: String,
    /// What it does.
    pub kind: String,
    /// Channels, height and width of what comes out, for one photo of 224×224.
    pub output: [usize; 3],
    /// Values that can be trained.
    pub parameters: usize,
    /// Multiplications with additions, for one photo.
    pub multiply_adds: usize,
    /// Whether training changes it when only the head is trained.
    pub trained: bool,
}

/// The layers of a network with its head of two classes. Additions and activations, which hold nothing, are left out.
pub fn layers(backbone: Backbone) -> Vec<Layer> {
    match backbone {
        Backbone::Resnet18 => resnet18(),
    }
}

fn resnet18() -> Vec<Layer> {
    let mut layers = Vec::new();
    let mut side = INPUT_SIZE;
    let mut input_side = INPUT_SIZE;
    for spec in resnet::conv_specs() {
        // A block's downsampling works on what the block was given.
        let from = if spec.conv.contains("downsample") { input_side } else { side };
        if spec.conv.ends_with("conv1") {
            input_side = side;
        }
        let out = from.div_ceil(spec.stride);
        let weights = spec.outputs * spec.inputs * spec.kernel * spec.kernel;
        let kind = format!("convolution {0}×{0}, step {1}", spec.kernel, spec.stride);
        layers.push(layer(&spec.conv, kind, [spec.outputs, out, out], weights, weights * out * out));
        layers.push(layer(&spec.norm, "batch norm".into(), [spec.outputs, out, out], 2 * spec.outputs, 0));
        side = out;
        if spec.conv == "conv1" {
            side = out.div_ceil(2);
            layers.push(layer("maxpool", "maximum 3×3, step 2".into(), [spec.outputs, side, side], 0, 0));
        }
    }
    let features = resnet::FEATURES;
    layers.push(layer("avgpool", "mean over each map".into(), [features, 1, 1], 0, 0));
    let head = layer("fc", "linear, the swapped head".into(), [2, 1, 1], 2 * features + 2, 2 * features);
    layers.push(Layer { trained: true, ..head });
    layers
}

fn layer(name: &str, kind: String, output: [usize; 3], parameters: usize, multiply_adds: usize) -> Layer {
    Layer { name: name.to_owned(), kind, output, parameters, multiply_adds, trained: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_are_those_of_the_paper() {
        let layers = layers(Backbone::Resnet18);
        assert_eq!(layers.iter().map(|l| l.parameters).sum::<usize>(), 11_177_538);
        let multiply_adds: usize = layers.iter().map(|l| l.multiply_adds).sum();
        // fvcore's count for torchvision's resnet18, 1,814,073,344, less 998 of its 1000 classes
        assert_eq!(multiply_adds, 1_814_073_344 - 998 * 512);
        assert_eq!(layers.last().map(|l| l.output), Some([2, 1, 1]));
    }
}
