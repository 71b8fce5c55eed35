//! The model card within the report: what the model is, what it was made from, what was measured.

use std::collections::BTreeMap;
use std::path::Path;

use clap::ValueEnum;

use super::document::{Block, Section, Topic};
use super::markdown;
use crate::bounded;
use crate::dataset::split::Part;
use crate::nn::architecture::Backbone;
use crate::nn::network::ModelFile;
use crate::nn::{bundled, state_dict};
use crate::review::metrics::Metrics;
use crate::review::predictions::Prediction;
use crate::train::run_dir::{self, CARD, Run};

/// Who looked at the photos.
#[derive(Clone, Debug, Default)]
pub struct ModelCard {
    /// What people call the network.
    pub network: Option<&'static str>,
    /// SHA-256 of the model's file, in hexadecimal.
    pub sha256: Option<String>,
    /// The card in Markdown; empty where the model has none.
    pub(super) text: String,
    /// What it said of photos that were held back in training.
    pub(super) validation: Vec<Prediction>,
}

impl ModelCard {
    /// What is known of the model of a run, of a model file, or of the program's own; what is not known is left out.
    pub fn of(run: &Path) -> Self {
        let file = run_dir::model_file(run).ok();
        let (network, text) = match &file {
            Some(ModelFile::File(path)) => {
                let notes = state_dict::read_metadata(path).unwrap_or_default();
                let backbone = notes.get("backbone").and_then(|name| Backbone::from_str(name, false).ok());
                let text =
                    bounded::read_to_string(&run.join(CARD), bounded::NOTES).unwrap_or_else(|_| said_by_file(&notes));
                (backbone, text)
            }
            Some(ModelFile::Bundled) => (Some(bundled::BACKBONE), bundled_card().to_owned()),
            None => (None, String::new()),
        };
        let sha256 = file.and_then(|file| file.sha256().ok());
        let mut validation = Run::open(run).map(|run| run.predictions).unwrap_or_default();
        validation.retain(|prediction| prediction.part == Some(Part::Validation));
        Self { network: network.map(Backbone::title), sha256, text, validation }
    }

    /// A card and nothing else.
    #[cfg(test)]
    pub(super) fn from_text(text: &str) -> Self {
        Self { text: text.to_owned(), ..Self::default() }
    }

    /// Figures of the photos that were held back, at a threshold; `None` where there are none.
    pub(super) fn at(&self, threshold: f32) -> Option<Metrics> {
        let metrics = Metrics::of(&self.validation, threshold);
        (metrics.photos > 0).then_some(metrics)
    }

    pub(super) fn section(&self) -> Option<Section> {
        let mut blocks = vec![Block::section("The model")];
        blocks.extend(markdown::blocks(&self.text));
        (blocks.len() > 1).then(|| Section::new(Topic::Model, blocks))
    }
}

/// What is said of the file that comes with the program, from its heading on.
pub(super) fn bundled_card() -> &'static str {
    bundled::CARD
        .split_once("\n## ")
        .and_then(|(_, rest)| rest.split_once('\n'))
        .map_or(bundled::CARD, |(_, card)| card)
}

/// What a model file says of itself, as a table.
fn said_by_file(notes: &BTreeMap<String, String>) -> String {
    let row = |(name, value): (&String, &String)| format!("| {} | {} |\n", cell(name), cell(value));
    let rows: String = notes.iter().map(row).collect();
    if rows.is_empty() {
        return "The model's file says nothing of where it comes from or how good it is.\n".to_owned();
    }
    format!("No card lies beside the model. Its file says of itself:\n\n| | |\n|---|---|\n{rows}")
}

/// A cell of a Markdown table: in it, nothing is marked up.
fn cell(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_alphanumeric() || c == ' ' { c.to_string() } else { format!("&#{};", c as u32) })
        .collect()
}
