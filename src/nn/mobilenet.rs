//! MobileNetV2 (Sandler, Howard, Zhu, Zhmoginov and Chen 2018), as torchvision has it.

use super::architecture::{Activation, Architecture, Backbone, Block, ConvSpec, Shortcut};

/// Features that go into the last layer.
pub const FEATURES: usize = 1280;
/// Channels after the stem.
const STEM: usize = 32;
/// Factor of expansion, output channels, number of blocks and first step of each group: table 2 of the paper.
const GROUPS: [(usize, usize, usize, usize); 7] =
    [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)];
/// The group from which on maps have a thirty-second of the photo's side.
const LAST_GROUP: usize = 5;

/// The architecture without its last layer.
pub fn architecture() -> Architecture {
    let stem = spec("features.0.0", "features.0.1", (3, STEM), (3, 2), Activation::Relu6);
    let mut inputs = STEM;
    let mut blocks = Vec::new();
    let mut last_block = 0;
    for (group, (expansion, outputs, count, stride)) in GROUPS.into_iter().enumerate() {
        if group == LAST_GROUP {
            last_block = blocks.len();
        }
        for index in 0..count {
            let stride = if index == 0 { stride } else { 1 };
            blocks.push(inverted_residual(blocks.len() + 1, (inputs, outputs), expansion, stride));
            inputs = outputs;
        }
    }
    blocks.push(last_convolution(blocks.len() + 1, inputs));
    Architecture { backbone: Backbone::MobilenetV2, stem, max_pool: false, blocks, last_block }
}

/// The name that torchvision gives a tensor that timm calls `name`, if timm does. timm's `mobilenetv2_100` is the same
/// network.
pub fn name_from_timm(name: &str) -> Option<String> {
    let (layer, part) = name.rsplit_once('.')?;
    let known = match layer {
        "conv_stem" => Some("features.0.0".to_owned()),
        "bn1" => Some("features.0.1".to_owned()),
        "conv_head" => Some("features.18.0".to_owned()),
        "bn2" => Some("features.18.1".to_owned()),
        "classifier" => Some("classifier.1".to_owned()),
        _ => block_layer_from_timm(layer),
    };
    known.map(|layer| format!("{layer}.{part}"))
}

/// The same for a layer within a block, such as `blocks.1.0.conv_pw`.
fn block_layer_from_timm(layer: &str) -> Option<String> {
    let mut parts = layer.strip_prefix("blocks.")?.split('.');
    let (group, index, layer) =
        (parts.next()?.parse::<usize>().ok()?, parts.next()?.parse::<usize>().ok()?, parts.next()?);
    let before: usize = GROUPS.get(..group)?.iter().map(|group| group.2).sum();
    let (expansion, ..) = *GROUPS.get(group)?;
    let layers = ["conv.0.0", "conv.0.1", "conv.1.0", "conv.1.1", "conv.2", "conv.3"];
    let place = match (expansion, layer) {
        (1, "conv_dw") => "conv.0.0",
        (1, "bn1") => "conv.0.1",
        (1, "conv_pw") => "conv.1",
        (1, "bn2") => "conv.2",
        _ => layers[["conv_pw", "bn1", "conv_dw", "bn2", "conv_pwl", "bn3"].iter().position(|name| *name == layer)?],
    };
    Some(format!("features.{}.{place}", before + index + 1))
}

/// 1×1 to more channels, 3×3 in each of them, and 1×1 to fewer, after which nothing is cut.
fn inverted_residual(number: usize, (inputs, outputs): (usize, usize), expansion: usize, stride: usize) -> Block {
    let name = format!("features.{number}");
    let inner = inputs * expansion;
    let mut path = Vec::new();
    let cut = |place: usize| (format!("{name}.conv.{place}.0"), format!("{name}.conv.{place}.1"));
    if expansion > 1 {
        let (conv, norm) = cut(0);
        path.push(spec(conv, norm, (inputs, inner), (1, 1), Activation::Relu6));
    }
    let (conv, norm) = cut(path.len());
    let depthwise = spec(conv, norm, (inner, inner), (3, stride), Activation::Relu6);
    path.push(ConvSpec { depthwise: true, ..depthwise });
    let place = path.len();
    let (conv, norm) = (format!("{name}.conv.{place}"), format!("{name}.conv.{}", place + 1));
    path.push(spec(conv, norm, (inner, outputs), (1, 1), Activation::Linear));
    let shortcut = if stride == 1 && inputs == outputs { Shortcut::Identity } else { Shortcut::None };
    Block { name, path, shortcut }
}

fn last_convolution(number: usize, inputs: usize) -> Block {
    let name = format!("features.{number}");
    let (conv, norm) = (format!("{name}.0"), format!("{name}.1"));
    let path = vec![spec(conv, norm, (inputs, FEATURES), (1, 1), Activation::Relu6)];
    Block { name, path, shortcut: Shortcut::None }
}

fn spec(
    conv: impl Into<String>,
    norm: impl Into<String>,
    (inputs, outputs): (usize, usize),
    (kernel, stride): (usize, usize),
    activation: Activation,
) -> ConvSpec {
    let (conv, norm) = (conv.into(), norm.into());
    ConvSpec { conv, norm, inputs, outputs, kernel, stride, depthwise: false, activation }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Some of `zip(timm.create_model("mobilenetv2_100").state_dict(), torchvision.models.mobilenet_v2().state_dict())`,
    /// which are in the same order.
    #[test]
    fn timms_names_become_torchvisions() {
        let pairs = [
            ("conv_stem.weight", "features.0.0.weight"),
            ("bn1.running_mean", "features.0.1.running_mean"),
            ("blocks.0.0.conv_dw.weight", "features.1.conv.0.0.weight"),
            ("blocks.0.0.bn2.running_var", "features.1.conv.2.running_var"),
            ("blocks.0.0.conv_pw.weight", "features.1.conv.1.weight"),
            ("blocks.1.0.conv_pw.weight", "features.2.conv.0.0.weight"),
            ("blocks.1.1.bn2.bias", "features.3.conv.1.1.bias"),
            ("blocks.6.0.conv_pwl.weight", "features.17.conv.2.weight"),
            ("blocks.6.0.bn3.running_mean", "features.17.conv.3.running_mean"),
            ("conv_head.weight", "features.18.0.weight"),
            ("bn2.bias", "features.18.1.bias"),
            ("classifier.weight", "classifier.1.weight"),
        ];
        for (timm, torchvision) in pairs {
            assert_eq!(name_from_timm(timm).as_deref(), Some(torchvision));
        }
        for other in ["features.0.0.weight", "classifier.1.weight", "blocks.7.0.bn1.bias", "fc.bias", "blocks.1.0.se"] {
            assert_eq!(name_from_timm(other), None, "{other}");
        }
    }
}
