//! The architecture, layer by layer.

use serde::Serialize;

use super::architecture::{Backbone, ConvSpec, Shortcut};
use crate::photo::INPUT_SIZE;

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
    let architecture = backbone.architecture();
    let mut layers = Vec::new();
    let mut side = convolution(&architecture.stem, INPUT_SIZE, &mut layers);
    if architecture.max_pool {
        side = side.div_ceil(2);
        layers.push(layer("maxpool", "maximum 3×3, step 2".into(), [architecture.stem.outputs, side, side], 0, 0));
    }
    for block in &architecture.blocks {
        let from = side;
        for spec in &block.path {
            side = convolution(spec, side, &mut layers);
        }
        if let Shortcut::Projection(spec) = &block.shortcut {
            convolution(spec, from, &mut layers);
        }
    }
    let features = backbone.features();
    layers.push(layer("avgpool", "mean over each map".into(), [features, 1, 1], 0, 0));
    let kind = "linear, the swapped head".into();
    let head = layer(backbone.head(), kind, [2, 1, 1], 2 * features + 2, 2 * features);
    layers.push(Layer { trained: true, ..head });
    layers
}

/// Adds a convolution with its batch norm; gives the side of what comes out.
fn convolution(spec: &ConvSpec, side: usize, layers: &mut Vec<Layer>) -> usize {
    let side = spec.side(side);
    let weights: usize = spec.kernel_shape().iter().product();
    let depthwise = if spec.depthwise { "depthwise " } else { "" };
    let kind = format!("{depthwise}convolution {0}×{0}, step {1}", spec.kernel, spec.stride);
    let output = [spec.outputs, side, side];
    layers.push(layer(&spec.conv, kind, output, weights, weights * side * side));
    layers.push(layer(&spec.norm, "batch norm".into(), output, 2 * spec.outputs, 0));
    side
}

fn layer(name: &str, kind: String, output: [usize; 3], parameters: usize, multiply_adds: usize) -> Layer {
    Layer { name: name.to_owned(), kind, output, parameters, multiply_adds, trained: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_are_those_of_torchvision() {
        // Parameters of the models with two classes; multiply-adds that torch.utils.flop_counter counts (halved) for
        // those with 1000, less 998 of them.
        let expected = [
            (Backbone::Resnet18, 11_177_538, 1_814_073_344 - 998 * 512),
            (Backbone::MobilenetV2, 2_226_434, 300_774_272 - 998 * 1280),
        ];
        for (backbone, parameters, multiply_adds) in expected {
            let layers = layers(backbone);
            assert_eq!(layers.iter().map(|l| l.parameters).sum::<usize>(), parameters);
            assert_eq!(layers.iter().map(|l| l.multiply_adds).sum::<usize>(), multiply_adds);
            assert_eq!(layers.last().map(|l| l.output), Some([2, 1, 1]));
        }
    }
}
