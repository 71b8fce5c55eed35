//! `crackscope export`: what a run leaves for others.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::{Outcome, Session};
use crate::dataset::split::Part;
use crate::error::Result;
use crate::export::{self, Contents, ExportRequest, Exported, Source};
use crate::format;
use crate::job::Watch;
use crate::review::predictions::Prediction;
use crate::train::run_dir::Run;

#[derive(Args, Debug)]
pub(super) struct Options {
    /// A run folder
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
    let mut run = Run::open(&options.run)?;
    if let Err(error) = run.reach_photos(&session.places, &session.terminal) {
        // The tables can be written without.
        session.terminal.say(&error.one_line());
        session.terminal.check()?;
    }
    let request = ExportRequest { what: options.contents(), folder: options.to.clone(), overwrite: options.overwrite };
    let predictions = options.scope.of(&run.predictions);
    let source = Source { predictions: &predictions, ..Source::of_run(&run) };
    let exported = export::export(&request, &source, &session.terminal)?;
    Ok(Outcome::new(text(&options.to, &exported), json(&options.to, &exported)))
}

impl Options {
    /// What was asked for; everything where nothing was.
    fn contents(&self) -> Contents {
        if !(self.csv || self.copies || self.contact_sheet || self.report) {
            return Contents::ALL;
        }
        Contents {
            misclassified: self.csv,
            predictions: self.csv,
            copies: self.copies,
            contact_sheet: self.contact_sheet,
            report: self.report,
        }
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
pub(super) fn text(folder: &std::path::Path, exported: &Exported) -> String {
    let files = format::counted(exported.files, "file", "files");
    let problems = exported.problems.iter().map(|p| format!("  {}: {}\n", p.file, p.reason)).collect::<String>();
    format!("Exported {files} to {}\n{problems}", folder.display())
}

fn json(folder: &std::path::Path, exported: &Exported) -> serde_json::Value {
    json!({ "folder": folder, "files": exported.files, "problems": exported.problems })
}
