//! `crackscope model`: the architecture, layer by layer, and a look into the weights.

mod look;

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

use super::{Outcome, Session, table};
use crate::dataset::keep_out::keep_out;
use crate::error::{Error, Result};
use crate::export::architecture;
use crate::format;
use crate::nn::drawing::{Drawing, Fold};
use crate::nn::inspect::Inspector;
use crate::nn::network::ModelFile;
use crate::nn::summary::{Part, Summary};
use crate::train::config::{Backbone, Tune};
use crate::train::run_dir::{self, RunRecord};

#[derive(Args, Debug)]
pub(super) struct Options {
    /// The name of a network, a run folder, a file of weights, or `bundled`
    #[arg(value_name = "NAME|RUN")]
    model: PathBuf,
    /// Which layers are marked as trained [default: those of the run, or the head]
    #[arg(long, value_enum, value_name = "LAYERS", hide_possible_values = true)]
    tune: Option<Tune>,
    /// Draw the network into an .svg or .png file
    #[arg(long, value_name = "FILE")]
    drawing: Option<PathBuf>,
    /// How the weights of each layer are spread
    #[arg(long)]
    histograms: bool,
    /// The kernels of the first layer as pictures, into a .png file
    #[arg(long, value_name = "FILE")]
    filters: Option<PathBuf>,
    /// The feature maps of a photo after each block, as pictures
    #[arg(long, value_name = "PHOTO", requires = "to")]
    maps: Option<PathBuf>,
    /// The folder that --maps writes to, outside the photo's
    #[arg(long, value_name = "DIR", requires = "maps")]
    to: Option<PathBuf>,
}

/// What was given.
struct Given {
    backbone: Backbone,
    tune: Tune,
    /// What holds the weights, where there are any; and where not, why.
    weights: Result<ModelFile>,
    /// Opened already, to find out which network it is.
    inspector: Option<Inspector>,
    /// Folders of photos that a run was trained on: nothing is written there.
    photos: Vec<PathBuf>,
}

pub(super) fn run(options: &Options, session: &Session) -> Result<Outcome> {
    options.check()?;
    let Given { backbone, tune, weights, inspector, photos } = given(&options.model)?;
    let tune = options.tune.unwrap_or(tune);
    let summary = Summary::of(backbone, tune.start());
    let mut text = text(&summary);
    let mut json = Map::new();
    json.insert("backbone".into(), json!(backbone.name()));
    json.insert("tune".into(), json!(tune));
    json.insert("parameters".into(), json!(summary.parameters()));
    json.insert("trained_parameters".into(), json!(summary.trained_parameters()));
    json.insert("multiply_adds".into(), json!(summary.multiply_adds()));
    json.insert("layers".into(), json!(summary.layers().collect::<Vec<_>>()));
    json.insert("parts".into(), Value::Array(summary.parts.iter().map(part_json).collect()));
    if let Some(path) = &options.drawing {
        keep_out(path, &photos)?;
        architecture::write(&Drawing::of(&summary, Fold::Sheet, true), path)?;
        text += &format!("\nDrawing: {}\n", path.display());
        json.insert("drawing".into(), json!(path));
    }
    if options.looks_inside() {
        let inspector = match inspector {
            Some(inspector) => inspector,
            None => Inspector::open(&weights?)?,
        };
        look::run(options, &inspector, &summary, (session, &photos), (&mut text, &mut json))?;
    }
    Ok(Outcome::new(text, Value::Object(json)))
}

impl Options {
    /// Whether weights are needed.
    fn looks_inside(&self) -> bool {
        self.histograms || self.filters.is_some() || self.maps.is_some()
    }

    /// Refuses names of files that cannot be meant, before anything is computed.
    fn check(&self) -> Result<()> {
        if let Some(path) = &self.drawing {
            architecture::Format::of(path)?;
        }
        match &self.filters {
            Some(path) if architecture::Format::of(path) != Ok(architecture::Format::Png) => {
                Err(Error::usage(format!("{} is not the name of a PNG file", path.display()))
                    .hint("let the file of --filters end in .png"))
            }
            _ => Ok(()),
        }
    }
}

fn given(model: &Path) -> Result<Given> {
    if let Some(backbone) = model.to_str().and_then(|name| Backbone::from_str(name, true).ok()) {
        let weights = Err(Error::usage(format!("{} by itself has no weights", backbone.name()))
            .hint("give a run folder, a file of weights, or `bundled`"));
        return Ok(Given { backbone, tune: Tune::Head, weights, inspector: None, photos: Vec::new() });
    }
    if model.is_dir() {
        let RunRecord { train, data, .. } = RunRecord::read(model)?;
        let weights = run_dir::model_file(model);
        let photos = data.folders;
        return Ok(Given { backbone: train.backbone, tune: train.tune, weights, inspector: None, photos });
    }
    let Ok(file) = run_dir::model_file(model) else {
        let names: Vec<&str> = Backbone::value_variants().iter().map(|backbone| backbone.name()).collect();
        let title = format!("{} is neither a network nor a run folder nor a file of weights", model.display());
        return Err(Error::usage(title).hint(format!("networks: {}; their trained weights: bundled", names.join(", "))));
    };
    let inspector = Inspector::open(&file)?;
    let backbone = inspector.backbone();
    Ok(Given { backbone, tune: Tune::Head, weights: Ok(file), inspector: Some(inspector), photos: Vec::new() })
}

fn part_json(part: &Part) -> Value {
    json!({
        "name": part.name,
        "kind": part.kind,
        "output": part.output,
        "parameters": part.parameters(),
        "multiply_adds": part.multiply_adds(),
        "trained": part.trained,
        "layers": part.layers.iter().map(|layer| &layer.name).collect::<Vec<_>>(),
    })
}

fn text(summary: &Summary) -> String {
    let headings = ["layer", "kind", "output", "parameters", "multiply-adds", ""];
    let mut rows = vec![headings.map(str::to_owned).to_vec()];
    for part in &summary.parts {
        let several = part.layers.len() > 1;
        if several {
            let (parameters, multiply_adds) = (part.parameters(), part.multiply_adds());
            rows.push(row(&part.name, part.kind.title(), (part.output, parameters, multiply_adds), part.trained));
        }
        let indent = if several { "  " } else { "" };
        rows.extend(part.layers.iter().map(|layer| {
            let name = format!("{indent}{}", layer.name);
            row(&name, &layer.kind, (layer.output, layer.parameters, layer.multiply_adds), layer.trained)
        }));
    }
    format!(
        "{}, 3 × 224 × 224 to 2 classes\n\n{}\n{} parameters, {} of them trained; {} multiply-adds a photo\n",
        summary.backbone.name(),
        table::columns(&rows),
        count(summary.parameters()),
        count(summary.trained_parameters()),
        count(summary.multiply_adds())
    )
}

/// A row of the table; what is zero is left out.
fn row(
    name: &str,
    kind: &str,
    (output, parameters, multiply_adds): ([usize; 3], usize, usize),
    trained: bool,
) -> Vec<String> {
    let [channels, height, width] = output;
    let number = |n: usize| if n == 0 { String::new() } else { count(n) };
    let state = match (trained, parameters) {
        (true, _) => "trained",
        (false, 0) => "",
        (false, _) => "frozen",
    };
    let output = format!("{channels} × {height} × {width}");
    vec![name.to_owned(), kind.to_owned(), output, number(parameters), number(multiply_adds), state.to_owned()]
}

fn count(n: usize) -> String {
    format::count(n as u64)
}
