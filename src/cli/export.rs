//! `crackscope export`: what a run leaves for others.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::{Outcome, Session};
use crate::dataset::split::Part;
use crate::error::{Error, Result};
use crate::export::{self, Contents, ExportRequest, Exported, Source, onnx};
use crate::format;
use crate::job::Watch;
use crate::review::predictions::Prediction;
use crate::train::run_dir::{self, Run};

#[derive(Args, Debug)]
pub(super) struct Options {
    /// A run folder; for the model alone also a model file, or `bundled`, the model that comes with the program
    run: PathBuf,
    /// The folder to write to, outside the photos
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// misclassified.csv and predictions.csv
    #[arg(long)]
    csv: bool,
    /// Copies of misclassified photos in false_positive and false_negative
    #[arg(long)]
    copies: bool,
    /// A picture of the misclassified photos
    #[arg(long)]
    contact_sheet: bool,
    /// A page to read in a browser
    #[arg(long)]
    report: bool,
    /// model.safetensors, single precision: `load_state_dict` of torchvision's network with two classes takes it
    #[arg(long)]
    safetensors: bool,
    /// model.onnx: normalised photos (N, 3, 224, 224) to logits (N, 2) and p_positive (N)
    #[arg(long)]
    onnx: bool,
    /// model.onnx that takes 8-bit RGB, 0 to 255 (uint8), and normalises it itself
    #[arg(long)]
    onnx_normalize: bool,
    /// Which photos: those the run was validated on, or all
    #[arg(long, value_enum, default_value = "validation")]
    scope: Scope,
    /// Replace files of the same name
    #[arg(long)]
    overwrite: bool,
}

/// Which photos of a run are exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Scope {
    /// Those it was not trained on
    Validation,
    /// Those it was trained on as well
    All,
}

pub(super) fn run(options: &Options, session: &Session) -> Result<Outcome> {
    let request = ExportRequest { what: options.contents(), folder: options.to.clone(), overwrite: options.overwrite };
    let exported = if request.what.has_results() || options.run.join(run_dir::CONFIG).is_file() {
        refuse_model_alone(&options.run)?;
        let mut run = Run::open(&options.run)?;
        if request.what.has_results()
            && let Err(error) = run.reach_photos(&session.places, &session.terminal)
        {
            // The tables can be written without.
            session.terminal.say(&error.one_line());
            session.terminal.check()?;
        }
        let predictions = options.scope.of(&run.predictions);
        let source = Source { predictions: &predictions, ..Source::of_run(&run) };
        export::export(&request, &source, &session.terminal)?
    } else {
        export::export(&request, &Source::of_model(&options.run), &session.terminal)?
    };
    Ok(Outcome::new(text(&options.to, &exported), json(&options.to, &exported)))
}

/// A model without a run around it has said nothing of photos.
fn refuse_model_alone(run: &Path) -> Result<()> {
    if !run_dir::is_bundled(run) && !run.is_file() {
        return Ok(());
    }
    Err(Error::usage(format!("There are no results of {} to export", run_dir::name(run)))
        .hint("give --safetensors or --onnx for the model alone; for a table of photos, `crackscope classify --csv`"))
}

impl Options {
    /// What was asked for; all results, but not the model, where nothing was.
    fn contents(&self) -> Contents {
        let asked = Contents {
            misclassified: self.csv,
            predictions: self.csv,
            copies: self.copies,
            contact_sheet: self.contact_sheet,
            report: self.report,
            safetensors: self.safetensors,
            onnx: match (self.onnx, self.onnx_normalize) {
                (_, true) => Some(onnx::Input::Pixels),
                (true, false) => Some(onnx::Input::Normalised),
                (false, false) => None,
            },
        };
        if asked == Contents::NONE { Contents::RESULTS } else { asked }
    }
}

impl Scope {
    fn of(self, predictions: &[Prediction]) -> Vec<Prediction> {
        let validation = |p: &&Prediction| p.part == Some(Part::Validation);
        match self {
            Self::Validation if predictions.iter().any(|p| validation(&p)) => {
                predictions.iter().filter(validation).cloned().collect()
            }
            // A run without validation photos has only the others.
            _ => predictions.to_vec(),
        }
    }
}

/// What was written.
pub(super) fn text(folder: &Path, exported: &Exported) -> String {
    let files = format::counted(exported.files, "file", "files");
    let problems = exported.problems.iter().map(|p| format!("  {}: {}\n", p.file, p.reason)).collect::<String>();
    format!("Exported {files} to {}\n{problems}", folder.display())
}

fn json(folder: &Path, exported: &Exported) -> serde_json::Value {
    json!({ "folder": folder, "files": exported.files, "problems": exported.problems })
}
