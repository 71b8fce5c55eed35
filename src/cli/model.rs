//! `crackscope model`: the architecture, layer by layer.

use std::path::Path;

use clap::{Args, ValueEnum};
use serde_json::json;

use super::{Outcome, Session, table};
use crate::error::{Error, Result};
use crate::format;
use crate::nn::summary::{self, Layer};
use crate::train::config::Backbone;
use crate::train::run_dir::{self, Run};

#[derive(Args, Debug)]
pub(super) struct Options {
    /// The name of a network, or a run folder
    #[arg(value_name = "NAME|RUN")]
    model: String,
}

pub(super) fn run(options: &Options, _: &Session) -> Result<Outcome> {
    let backbone = backbone(&options.model)?;
    let layers = summary::layers(backbone);
    let json = json!({
        "backbone": backbone.name(),
        "parameters": parameters(&layers),
        "trained_parameters": parameters(layers.iter().filter(|layer| layer.trained)),
        "multiply_adds": multiply_adds(&layers),
        "layers": layers,
    });
    Ok(Outcome::new(text(backbone, &layers), json))
}

fn backbone(model: &str) -> Result<Backbone> {
    if let Ok(backbone) = Backbone::from_str(model, true) {
        return Ok(backbone);
    }
    if run_dir::is_bundled(Path::new(model)) {
        return Ok(Backbone::Resnet18);
    }
    if Path::new(model).exists() {
        return Ok(Run::open(Path::new(model))?.record.train.backbone);
    }
    let names: Vec<&str> = Backbone::value_variants().iter().map(|backbone| backbone.name()).collect();
    Err(Error::usage(format!("{model} is neither a network nor a run folder"))
        .hint(format!("networks: {}", names.join(", "))))
}

fn parameters<'a>(layers: impl IntoIterator<Item = &'a Layer>) -> usize {
    layers.into_iter().map(|layer| layer.parameters).sum()
}

fn multiply_adds(layers: &[Layer]) -> usize {
    layers.iter().map(|layer| layer.multiply_adds).sum()
}

fn text(backbone: Backbone, layers: &[Layer]) -> String {
    let count = |n: usize| format::count(n as u64);
    let mut rows = vec![["layer", "kind", "output", "parameters", "multiply-adds", ""].map(str::to_owned).to_vec()];
    for layer in layers {
        let [channels, height, width] = layer.output;
        let parameters = if layer.parameters == 0 { String::new() } else { count(layer.parameters) };
        let multiply_adds = if layer.multiply_adds == 0 { String::new() } else { count(layer.multiply_adds) };
        let state = match (layer.trained, layer.parameters) {
            (true, _) => "trained",
            (false, 0) => "",
            (false, _) => "frozen",
        };
        let output = format!("{channels} × {height} × {width}");
        rows.push(vec![layer.name.clone(), layer.kind.clone(), output, parameters, multiply_adds, state.into()]);
    }
    let trained = parameters(layers.iter().filter(|layer| layer.trained));
    format!(
        "{}, 3 × 224 × 224 to 2 classes\n\n{}\n{} parameters, {} of them trained; {} multiply-adds a photo\n",
        backbone.name(),
        table::columns(&rows),
        count(parameters(layers)),
        count(trained),
        count(multiply_adds(layers))
    )
}
