//! The architecture, part by part and layer by layer, with what each costs.

use serde::Serialize;

use super::architecture::{Architecture, Backbone, ConvSpec, Shortcut, Start};
use crate::photo::INPUT_SIZE;

/// A network with its head of two classes, for one photo of 224×224.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Which network.
    pub backbone: Backbone,
    /// What it is made of.
    pub architecture: Architecture,
    /// Stem, blocks, mean and head, in the order in which a photo goes through them.
    pub parts: Vec<Part>,
}

/// Layers that belong together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Part {
    /// `stem`, the name of a block such as `layer1.0`, `avgpool`, or the name of the last layer.
    pub name: String,
    /// What it is.
    pub kind: PartKind,
    /// Channels, height and width of what comes out.
    pub output: [usize; 3],
    /// Whether training changes it.
    pub trained: bool,
    /// Its layers.
    pub layers: Vec<Layer>,
}

/// What a part of a network is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PartKind {
    /// The first convolution, with what makes its maps smaller.
    Stem,
    /// Convolutions with nothing around them.
    Block,
    /// Convolutions around which the input is led.
    ResidualBlock,
    /// The mean over each of the last maps.
    Pool,
    /// The last layer, the one that is swapped.
    Head,
}

/// One layer with what it costs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Layer {
    /// Name of its tensors.
    pub name: String,
    /// What it does.
    pub kind: String,
    /// Channels, height and width of what comes out.
    pub output: [usize; 3],
    /// Values that can be trained.
    pub parameters: usize,
    /// Multiplications with additions, for one photo.
    pub multiply_adds: usize,
    /// Whether training changes it.
    pub trained: bool,
}

impl PartKind {
    /// In words.
    pub fn title(self) -> &'static str {
        match self {
            Self::Stem => "stem",
            Self::Block => "block",
            Self::ResidualBlock => "residual block",
            Self::Pool => "mean over each map",
            Self::Head => "the swapped head",
        }
    }
}

impl Part {
    /// Values that can be trained.
    pub fn parameters(&self) -> usize {
        self.layers.iter().map(|layer| layer.parameters).sum()
    }

    /// Multiplications with additions, for one photo.
    pub fn multiply_adds(&self) -> usize {
        self.layers.iter().map(|layer| layer.multiply_adds).sum()
    }
}

impl Summary {
    /// The network `backbone`, where training begins at `start`, or at the head where that is `None`. Additions and
    /// activations, which hold nothing, are left out.
    pub fn of(backbone: Backbone, start: Option<Start>) -> Self {
        let architecture = backbone.architecture();
        // Blocks from here on are trained; the stem is where all of them are.
        let first = start.map(|start| architecture.blocks_before(start));
        let mut builder = Builder { side: INPUT_SIZE, parts: Vec::new() };
        builder.stem(&architecture, start == Some(Start::Photos));
        for (index, block) in architecture.blocks.iter().enumerate() {
            let (before, mut layers) = (builder.side, Vec::new());
            let mut side = before;
            for spec in &block.path {
                side = convolution(spec, side, &mut layers);
            }
            if let Shortcut::Projection(spec) = &block.shortcut {
                convolution(spec, before, &mut layers);
            }
            builder.side = side;
            let kind = if block.shortcut == Shortcut::None { PartKind::Block } else { PartKind::ResidualBlock };
            let channels = block.path.last().map_or(0, |spec| spec.outputs);
            builder.add(&block.name, kind, channels, layers, first.is_some_and(|first| index >= first));
        }
        builder.head(backbone);
        Self { backbone, architecture, parts: builder.parts }
    }

    /// The layers of all parts.
    pub fn layers(&self) -> impl Iterator<Item = &Layer> {
        self.parts.iter().flat_map(|part| &part.layers)
    }

    /// Values that can be trained.
    pub fn parameters(&self) -> usize {
        self.layers().map(|layer| layer.parameters).sum()
    }

    /// Those that are.
    pub fn trained_parameters(&self) -> usize {
        self.layers().filter(|layer| layer.trained).map(|layer| layer.parameters).sum()
    }

    /// Multiplications with additions, for one photo.
    pub fn multiply_adds(&self) -> usize {
        self.layers().map(|layer| layer.multiply_adds).sum()
    }

    /// How many blocks a photo has gone through after part `part`; `None` where no feature maps come out of it.
    pub fn blocks_through(&self, part: usize) -> Option<usize> {
        (part <= self.architecture.blocks.len()).then_some(part)
    }
}

/// Adds part after part.
struct Builder {
    /// The side of the maps so far.
    side: usize,
    parts: Vec<Part>,
}

impl Builder {
    fn stem(&mut self, architecture: &Architecture, trained: bool) {
        let mut layers = Vec::new();
        self.side = convolution(&architecture.stem, self.side, &mut layers);
        let channels = architecture.stem.outputs;
        if architecture.max_pool {
            self.side = self.side.div_ceil(2);
            layers.push(layer("maxpool", "maximum 3×3, step 2".into(), [channels, self.side, self.side], 0, 0));
        }
        self.add("stem", PartKind::Stem, channels, layers, trained);
    }

    fn head(&mut self, backbone: Backbone) {
        let features = backbone.features();
        self.side = 1;
        let mean = layer("avgpool", "mean over each map".into(), [features, 1, 1], 0, 0);
        self.add("avgpool", PartKind::Pool, features, vec![mean], false);
        let kind = "linear, the swapped head".into();
        let head = layer(backbone.head(), kind, [2, 1, 1], 2 * features + 2, 2 * features);
        self.add(backbone.head(), PartKind::Head, 2, vec![head], true);
    }

    fn add(&mut self, name: &str, kind: PartKind, channels: usize, mut layers: Vec<Layer>, trained: bool) {
        layers.iter_mut().for_each(|layer| layer.trained = trained && layer.parameters > 0);
        let output = [channels, self.side, self.side];
        self.parts.push(Part { name: name.to_owned(), kind, output, trained, layers });
    }
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
            let summary = Summary::of(backbone, None);
            assert_eq!((summary.parameters(), summary.multiply_adds()), (parameters, multiply_adds));
            assert_eq!(summary.layers().last().map(|layer| layer.output), Some([2, 1, 1]));
        }
    }

    #[test]
    fn trained_parameters_follow_what_is_trained() {
        // sum(p.numel() for name, p in model.named_parameters() if name.startswith(...)) over torchvision's models with
        // two classes: ("layer4.", "fc.") of resnet18, ("features.14." to "features.18.", "classifier.") of mobilenet_v2.
        let expected = [
            (Backbone::Resnet18, [1_026, 8_394_754, 11_177_538]),
            (Backbone::MobilenetV2, [2_562, 1_683_906, 2_226_434]),
        ];
        for (backbone, trained) in expected {
            let starts = [None, Some(Start::LastBlock), Some(Start::Photos)];
            assert_eq!(starts.map(|start| Summary::of(backbone, start).trained_parameters()), trained);
        }
    }

    #[test]
    fn parts_are_stem_blocks_mean_and_head() {
        let summary = Summary::of(Backbone::Resnet18, Some(Start::LastBlock));
        let names: Vec<&str> = summary.parts.iter().map(|part| part.name.as_str()).collect();
        assert_eq!(names[..3], ["stem", "layer1.0", "layer1.1"]);
        assert_eq!(names[7..], ["layer4.0", "layer4.1", "avgpool", "fc"]);
        assert_eq!(summary.parts[0].output, [64, 56, 56]);
        assert_eq!([6, 7, 9].map(|part: usize| summary.parts[part].trained), [false, true, false]);
        assert_eq!([0, 8, 9].map(|part| summary.blocks_through(part)), [Some(0), Some(8), None]);
        assert_eq!(Summary::of(Backbone::MobilenetV2, None).parts.len(), 1 + 18 + 2);
    }
}
