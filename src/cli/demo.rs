//! `crackscope demo`: the whole job with no data, network or window.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use serde_json::json;

use super::{Outcome, Session, export, train};
use crate::dataset::sample::{self, SampleConfig};
use crate::dataset::scan;
use crate::error::Result;
use crate::export::{Contents, ExportRequest, Source};
use crate::format;
use crate::review::predictions;
use crate::train::config::TrainConfig;
use crate::train::run_dir::{Run, free_name};
use crate::train::trainer;

/// Photos of the demonstration: enough to learn from, few enough for a minute on a laptop without a GPU.
const PHOTOS: usize = 600;

#[derive(Args, Debug)]
pub(super) struct Options {
    /// Folder for the photos, the run and the export
    #[arg(long, value_name = "DIR", default_value = "crackscope-demo")]
    out: PathBuf,
}

pub(super) fn run(options: &Options, session: &Session) -> Result<Outcome> {
    let begun = Instant::now();
    let seed = session.shared.seed.unwrap_or_default();
    // Other photos than those that the program's own weights were trained on: these are of seed 0.
    let samples = SampleConfig { photos: PHOTOS, seed: seed.saturating_add(1), ..SampleConfig::default() };
    let photos = options.out.join(samples.folder_name());
    session.terminal.say(&format!("Making {} of concrete in {}", format::photos(PHOTOS), photos.display()));
    sample::write_samples(&photos, &samples, &session.terminal)?;
    let dataset = scan::scan(&photos, &session.terminal)?;

    let mut config = TrainConfig {
        seed,
        device: session.compute.device,
        precision: session.compute.precision,
        ..TrainConfig::default()
    };
    config.split.seed = seed;
    let out = free_name(&options.out, "run");
    let trained = trainer::train(&dataset, &config, &session.places, &out, false, &session.terminal)?;
    if trained.stopped {
        return Ok(Outcome { text: train::text(&trained), json: train::json(&trained), interrupted: true });
    }

    let run = Run::open(&trained.run)?;
    let judged: Vec<_> = predictions::judged(&run.predictions).into_iter().cloned().collect();
    let source = Source { predictions: &judged, ..Source::of_run(&run) };
    let folder = trained.run.join("export");
    let request = ExportRequest { what: Contents::RESULTS, folder: folder.clone(), overwrite: false };
    let exported = crate::export::export(&request, &source, &session.terminal)?;

    let text = format!(
        "{}{}\nDone in {}. Next: see these photos in the window with\n  crackscope {}\nor train on photos of \
         your own with\n  crackscope train FOLDER --out RUN\nThese photos are drawn by the program, whose weights were trained on others of \
         the kind: take the\nfigures for a test of the program, not of what it finds on real concrete.\n",
        train::text(&trained),
        export::text(&folder, &exported),
        format::duration(begun.elapsed()),
        photos.display()
    );
    let json = json!({ "photos": photos, "train": train::json(&trained), "export": folder, "files": exported.files });
    Ok(Outcome::new(text, json))
}
