//! The command line.
//!
//! Results go to standard output, as text or with `--json` as one JSON object; progress and messages go to standard
//! error. The exit status is 0 when done, 1 when something failed, 2 for wrong arguments and 130 when interrupted.

mod bench;
mod classify;
mod cross_validate;
mod demo;
mod duplicates;
mod evaluate;
mod export;
mod find_lr;
mod inspect;
mod labels;
mod leaks;
mod model;
mod over;
mod pair;
mod pretrain;
mod runs;
mod scan_folder;
mod sites;
mod suspects;
mod table;
mod terminal;
mod threshold;
mod train;
mod weights;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use clap::{Args, Parser, Subcommand};

use crate::app;
use crate::dataset::keep_out::keep_out;
use crate::dataset::{Dataset, labels as corrections, scan};
use crate::error::{Context, Error, Kind, Result};
use crate::format;
use crate::places::Places;
use crate::train::config::{Compute, DeviceChoice, PrecisionChoice};
use terminal::Terminal;

/// Exit status of a job that the user interrupted: 128 and the number of SIGINT, as shells count.
const INTERRUPTED: u8 = 130;

/// Find cracks in photos of concrete: browse a folder, train on your labels, see what was wrong.
///
/// Without a command this opens the window.
#[derive(Debug, Parser)]
#[command(name = "crackscope", version, max_term_width = 100, subcommand_value_name = "COMMAND")]
#[command(after_help = "Run `crackscope COMMAND --help` for the options of a command.")]
struct Arguments {
    /// A folder or .zip of photos to open in the window
    folder: Option<PathBuf>,
    #[command(flatten)]
    shared: Shared,
    #[command(subcommand)]
    command: Option<Command>,
}

/// Options that several commands share.
#[derive(Args, Clone, Debug)]
struct Shared {
    /// Where to compute [default: auto]
    #[arg(long, global = true, value_enum, value_name = "DEVICE", help_heading = "Shared options")]
    device: Option<DeviceChoice>,
    /// What a frozen backbone multiplies on the CPU [default: auto]
    #[arg(long, global = true, value_enum, value_name = "PRECISION", help_heading = "Shared options")]
    precision: Option<PrecisionChoice>,
    /// Threads to compute with [default: one a core]
    #[arg(long, global = true, value_name = "N", help_heading = "Shared options")]
    threads: Option<usize>,
    /// Folder for features of photos, to be computed once only [default: the system's cache folder]
    #[arg(long, global = true, value_name = "DIR", help_heading = "Shared options")]
    cache: Option<PathBuf>,
    /// Seed of everything random [default: 0]
    #[arg(long, global = true, value_name = "N", help_heading = "Shared options")]
    seed: Option<u64>,
    /// Take labels as they are found, without the corrections made in the window or with `labels`
    #[arg(long, global = true, help_heading = "Shared options")]
    ignore_corrections: bool,
    /// Print one JSON object instead of text
    #[arg(long, global = true, help_heading = "Shared options")]
    json: bool,
    /// Print no progress
    #[arg(long, global = true, help_heading = "Shared options")]
    quiet: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The whole job with no data, network or window: sample photos, training, errors, export
    Demo(demo::Options),
    /// What a folder holds: layout, classes, unreadable files, duplicates
    Scan(scan_folder::Options),
    /// Corrected labels of a folder: list, change, and export them
    Labels(labels::Options),
    /// Train on labelled photos; leaves a run folder
    Train(Box<train::Options>),
    /// Try learning rates on labelled photos, and suggest one to train with
    FindLr(Box<find_lr::Options>),
    /// What to expect of a model trained on these photos: figures over the folds, with intervals
    CrossValidate(Box<cross_validate::Options>),
    /// How a model does at places it has not seen: each folder is a site, judged by a head trained on the others
    Sites(Box<sites::Options>),
    /// Exact and near copies among photos, mirrored and turned ones too, and what else belongs together
    Duplicates(duplicates::Options),
    /// Photos on both sides of a split that are alike, and by how much that flatters the figures
    Leaks(Box<leaks::Options>),
    /// Photos whose label the others contradict, and photos that are bad themselves, ranked
    Suspects(Box<suspects::Options>),
    /// How good a run is on another folder of labelled photos
    Evaluate(evaluate::Options),
    /// From which probability on a run calls a photo cracked: by cost, by target, with a band for a person
    Threshold(threshold::Options),
    /// The probability of a crack for each photo of a folder
    Classify(classify::Options),
    /// Whole photos of any size: where the cracks are, how long, and how sure that is
    Inspect(Box<inspect::Options>),
    /// Tables, copies of misclassified photos, contact sheet, report and model of a run
    Export(export::Options),
    /// Runs side by side, sorted; rename and delete them
    Runs(runs::Options),
    /// Initial weights: which there are, fetch them, check them
    Weights(weights::Options),
    /// The architecture, layer by layer
    Model(model::Options),
    /// Train weights from random values, on photos of several places; takes hours
    Pretrain(pretrain::Options),
    /// Photos a second on this machine: forward, and a training step of all layers
    Bench(bench::Options),
}

/// What a command needs besides its own options.
struct Session {
    terminal: Terminal,
    places: Places,
    compute: Compute,
    shared: Shared,
    /// Corrected labels in force, once photos were listed.
    corrected: Mutex<Option<usize>>,
}

impl Session {
    /// Counts corrected labels that are in force; says how many they are so far, if photos were listed.
    fn add_corrected(&self, more: Option<usize>) -> Option<usize> {
        let mut corrected = self.corrected.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(more) = more {
            *corrected = Some(corrected.unwrap_or(0) + more);
        }
        *corrected
    }
}

/// What a finished command leaves.
struct Outcome {
    text: String,
    json: serde_json::Value,
    /// Whether the user stopped it and got only part of what was asked for.
    interrupted: bool,
}

impl Outcome {
    fn new(text: String, json: serde_json::Value) -> Self {
        Self { text, json, interrupted: false }
    }

    /// Says how many corrected labels were in force, where photos were listed.
    fn with_corrections(mut self, corrected: Option<usize>) -> Self {
        let Some(corrected) = corrected else { return self };
        if let Some(all) = self.json.as_object_mut()
            && !all.contains_key("corrected")
        {
            all.insert("corrected".into(), corrected.into());
            if corrected > 0 {
                self.text +=
                    &format!("{} applied.\n", format::counted(corrected, "corrected label", "corrected labels"));
            }
        }
        self
    }
}

/// Carries out the arguments of this process.
pub fn run() -> ExitCode {
    // clap prints help and wrong arguments itself, and exits with 0 or 2.
    let arguments = Arguments::parse();
    match carry_out(arguments) {
        Ok(status) => status,
        Err(error) => {
            eprintln!("crackscope: {error}");
            match error.kind() {
                Kind::Failed => ExitCode::FAILURE,
                Kind::Usage => ExitCode::from(2),
                Kind::Cancelled => ExitCode::from(INTERRUPTED),
            }
        }
    }
}

fn carry_out(arguments: Arguments) -> Result<ExitCode> {
    let Arguments { folder, shared, command } = arguments;
    if let Some(threads) = shared.threads {
        set_threads(threads)?;
    }
    let places = places(&shared)?;
    let compute =
        Compute { device: shared.device.unwrap_or_default(), precision: shared.precision.unwrap_or_default() };
    let Some(command) = command else {
        app::run(app::WindowOptions { folder, run: None, device: shared.device, precision: shared.precision, places })?;
        return Ok(ExitCode::SUCCESS);
    };
    if let Some(folder) = folder {
        return Err(Error::usage(format!("{} stands before the command", folder.display()))
            .hint("write the command first, its folders after it"));
    }
    let terminal = Terminal::new(shared.quiet);
    terminal.obey_interrupts()?;
    let session = Session { terminal, places, compute, shared, corrected: Mutex::default() };
    let outcome = command.run(&session);
    session.terminal.finish();
    print(&outcome?.with_corrections(session.add_corrected(None)), session.shared.json)
}

impl Command {
    fn run(self, session: &Session) -> Result<Outcome> {
        match self {
            Self::Demo(options) => demo::run(&options, session),
            Self::Scan(options) => scan_folder::run(&options, session),
            Self::Labels(options) => labels::run(&options, session),
            Self::Train(options) => train::run(&options, session),
            Self::FindLr(options) => find_lr::run(&options, session),
            Self::CrossValidate(options) => cross_validate::run(&options, session),
            Self::Sites(options) => sites::run(&options, session),
            Self::Duplicates(options) => duplicates::run(&options, session),
            Self::Leaks(options) => leaks::run(&options, session),
            Self::Suspects(options) => suspects::run(&options, session),
            Self::Evaluate(options) => evaluate::run(&options, session),
            Self::Threshold(options) => threshold::run(&options, session),
            Self::Classify(options) => classify::run(&options, session),
            Self::Inspect(options) => inspect::run(&options, session),
            Self::Export(options) => export::run(&options, session),
            Self::Runs(options) => runs::run(&options, session),
            Self::Weights(options) => weights::run(&options, session),
            Self::Model(options) => model::run(&options, session),
            Self::Pretrain(options) => pretrain::run(&options, session),
            Self::Bench(options) => bench::run(&options, session),
        }
    }
}

/// Lists folders, with the labels that people have corrected unless these are to be ignored.
fn listed(folders: &[PathBuf], session: &Session) -> Result<Dataset> {
    let mut dataset = scan::open(folders, &session.places, &session.terminal)?;
    session.add_corrected(Some(0));
    if !session.shared.ignore_corrections {
        let opened = corrections::open(&mut dataset, &session.places)?;
        session.add_corrected(Some(opened.applied.corrected));
        opened.strangers().iter().for_each(|strangers| session.terminal.say(strangers));
        dataset.problems.extend(opened.applied.problems);
    }
    Ok(dataset)
}

/// Lists folders that a command needs photos from.
fn photos(folders: &[PathBuf], session: &Session) -> Result<Dataset> {
    let dataset = listed(folders, session)?;
    if !dataset.samples.is_empty() {
        return Ok(dataset);
    }
    let folders = folders.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(", ");
    let skipped = dataset.skipped.hidden + dataset.skipped.other;
    let error = Error::new(format!("There are no photos in {folders}"));
    let passed_over = format!("{} passed over", format::counted(skipped, "other file", "other files"));
    Err(if skipped > 0 { error.detail(passed_over) } else { error }
        .hint("give a folder with JPEG, PNG, WebP, TIFF or BMP files, at any depth"))
}

/// As [`photos`], where at least one must carry a label.
fn labelled_photos(folders: &[PathBuf], session: &Session) -> Result<Dataset> {
    let dataset = photos(folders, session)?;
    if dataset.labelled() > 0 {
        return Ok(dataset);
    }
    Err(Error::new(format!("None of the {} carries a label", format::photos(dataset.samples.len())))
        .hint("put them into folders named Positive and Negative, or add a labels.csv (file,label)"))
}

/// Checks where the table that `--csv` asks for would be written, before anything is computed for it.
fn check_table(path: Option<&Path>, dataset: &Dataset) -> Result<()> {
    let Some(path) = path else { return Ok(()) };
    if path.is_dir() {
        return Err(Error::usage(format!("{} is a folder", path.display())).hint("give the file to write with --csv"));
    }
    keep_out(path, &dataset.roots)
}

fn set_threads(threads: usize) -> Result<()> {
    if threads == 0 {
        return Err(Error::usage("--threads must be at least 1"));
    }
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global().context("Cannot start the threads")
}

fn places(shared: &Shared) -> Result<Places> {
    match (&shared.cache, Places::standard()) {
        (Some(cache), Ok(places)) => Ok(Places { cache: cache.clone(), ..places }),
        (Some(cache), Err(_)) => Ok(Places { cache: cache.clone(), ..Places::below(cache) }),
        (None, places) => places,
    }
}

fn print(outcome: &Outcome, json: bool) -> Result<ExitCode> {
    let text = if json { format!("{}\n", outcome.json) } else { outcome.text.clone() };
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        // Whoever reads may stop reading, as `head` does.
        Err(cause) if cause.kind() != std::io::ErrorKind::BrokenPipe => {
            return Err(Error::new("Cannot write to standard output").detail(cause.to_string()));
        }
        _ => {}
    }
    Ok(if outcome.interrupted { ExitCode::from(INTERRUPTED) } else { ExitCode::SUCCESS })
}
