//! A model file: what it is made of, and what it says of itself.

use std::collections::BTreeMap;

use clap::ValueEnum;

use super::architecture::Backbone;
use super::head::Head;
use super::state_dict::StateDict;
use crate::error::{Error, Result};
use crate::photo::{INPUT_SIZE, MEAN, PREPROCESSING, STD};
use crate::review::predictions::DEFAULT_THRESHOLD;

/// The classes in the order of the outputs.
const CLASSES: &str = "Negative,Positive";

/// The backbone, head and threshold of a model file's tensors.
///
/// # Errors
/// Where it has no head of two classes, or says that its classes are others.
pub(super) fn parts(weights: &StateDict) -> Result<(Backbone, Head, f32)> {
    let backbone = backbone_of(weights)?;
    let head = Head::from_weights(weights, backbone)?;
    let classes = weights.metadata.get("classes").map_or(CLASSES, String::as_str);
    if classes != CLASSES {
        return Err(Error::new(format!("Its classes are {classes}, not {CLASSES}"))
            .hint("give a model of intact (Negative, first) and cracked (Positive) photos"));
    }
    let threshold = weights.metadata.get("threshold").and_then(|t| t.parse().ok()).unwrap_or(DEFAULT_THRESHOLD);
    Ok((backbone, head, threshold))
}

/// What every model file says of itself: what it takes, and what its outputs mean.
pub(super) fn notes(kind: Backbone, threshold: f32) -> BTreeMap<String, String> {
    let list = |values: [f32; 3]| values.map(|v| v.to_string()).join(",");
    [
        ("format", "pt".to_owned()),
        ("program", format!("crackscope {}", env!("CARGO_PKG_VERSION"))),
        ("backbone", kind.name().to_owned()),
        ("classes", CLASSES.to_owned()),
        ("threshold", threshold.to_string()),
        ("input_size", INPUT_SIZE.to_string()),
        ("mean", list(MEAN)),
        ("std", list(STD)),
        ("preprocessing", PREPROCESSING.to_owned()),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into()
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
