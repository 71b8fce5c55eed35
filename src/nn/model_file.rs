//! A model file: what it is made of, and what it says of itself.

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::Device;
use clap::ValueEnum;

use super::architecture::Backbone;
use super::head::Head;
use super::state_dict::StateDict;
use crate::error::{Error, Result};
use crate::nn::threshold::Threshold;
use crate::photo::{INPUT_SIZE, MEAN, PREPROCESSING, STD};

/// The note that says what the logits were divided by.
pub(super) const TEMPERATURE: &str = "temperature";

/// The classes in the order of the outputs.
const CLASSES: &str = "Negative,Positive";

/// The backbone, head and threshold of a model file's tensors.
///
/// # Errors
/// Where it has no head of two classes, or says that its classes are others.
pub(super) fn parts(weights: &StateDict) -> Result<(Backbone, Head, Threshold)> {
    let backbone = backbone_of(weights)?;
    let head = Head::from_weights(weights, backbone)?;
    let classes = weights.metadata.get("classes").map_or(CLASSES, String::as_str);
    if classes != CLASSES {
        return Err(Error::new(format!("Its classes are {classes}, not {CLASSES}"))
            .hint("give a model of intact (Negative, first) and cracked (Positive) photos"));
    }
    Ok((backbone, head, Threshold::from_notes(&weights.metadata)))
}

/// What every model file says of itself: what it takes, and what its outputs mean.
pub(super) fn notes(kind: Backbone, threshold: Threshold) -> BTreeMap<String, String> {
    let list = |values: [f32; 3]| values.map(|v| v.to_string()).join(",");
    let mut notes: BTreeMap<String, String> = [
        ("format", "pt".to_owned()),
        ("program", format!("crackscope {}", env!("CARGO_PKG_VERSION"))),
        ("backbone", kind.name().to_owned()),
        ("classes", CLASSES.to_owned()),
        ("input_size", INPUT_SIZE.to_string()),
        ("mean", list(MEAN)),
        ("std", list(STD)),
        ("preprocessing", PREPROCESSING.to_owned()),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into();
    threshold.write_notes(&mut notes);
    notes
}

/// The temperature that the logits of a model were divided by, as it says itself.
pub(super) fn temperature(weights: &StateDict) -> f64 {
    weights.metadata.get(TEMPERATURE).and_then(|text| text.parse().ok()).filter(|t| *t > 0.0).unwrap_or(1.0)
}

/// The bytes of the model file at `path` with another threshold, and with its logits divided by `temperature` on top of
/// what they were divided by.
///
/// # Errors
/// Where it cannot be read, or is no model.
pub fn with_threshold(path: &Path, threshold: Threshold, temperature: f64) -> Result<Vec<u8>> {
    let mut weights = StateDict::load(path, &Device::Cpu)?;
    let (backbone, head, _) = parts(&weights)?;
    threshold.write_notes(&mut weights.metadata);
    if temperature != 1.0 {
        head.divided_by(temperature)?.store(&mut weights, backbone);
        let all = temperature * self::temperature(&weights);
        weights.metadata.insert(TEMPERATURE.to_owned(), all.to_string());
    }
    weights.to_safetensors()
}

/// Which backbone a model is, by its notes, or else by the name of its last layer.
pub(super) fn backbone_of(weights: &StateDict) -> Result<Backbone> {
    if let Some(name) = weights.metadata.get("backbone") {
        return Backbone::from_str(name, false).map_err(|_| {
            Error::new(format!("Its network is {name}")).hint("give a model of resnet18 or mobilenet_v2")
        });
    }
    let backbones = Backbone::value_variants().iter().copied();
    let has_head = |backbone: &Backbone| weights.get(&format!("{}.weight", backbone.head())).is_ok();
    Ok(backbones.clone().find(has_head).unwrap_or_default())
}
