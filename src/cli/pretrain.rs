//! `crackscope pretrain`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::{Outcome, Session};
use crate::dataset::sample::{SampleConfig, write_samples};
use crate::error::{Error, Result};
use crate::format;
use crate::nn::device;
use crate::train::config::Backbone;
use crate::train::pretrain::{self, Mixture, PretrainConfig};

/// Trains weights from random values. Takes hours; started again after Ctrl-C it goes on where it was, after a crash at
/// most 250 steps before.
#[derive(Args, Debug)]
pub(super) struct Options {
    /// Folders of labelled photos, each of another place
    #[arg(required = true, value_name = "FOLDER")]
    folders: Vec<PathBuf>,
    /// The network
    #[arg(long, default_value = "resnet18")]
    backbone: Backbone,
    /// The folder to write
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Procedural photos to learn from as well
    #[arg(long, value_name = "N", default_value_t = PretrainConfig::default().samples)]
    samples: usize,
    /// So many times the usual steps: less for a trial
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0)]
    steps: f64,
}

pub(super) fn run(options: &Options, session: &Session) -> Result<Outcome> {
    if !(options.steps > 0.0 && options.steps <= 100.0) {
        return Err(Error::usage("--steps must be above 0 and at most 100"));
    }
    let seed = session.shared.seed.unwrap_or_default();
    let config =
        PretrainConfig { backbone: options.backbone, seed, samples: options.samples, ..PretrainConfig::default() }
            .scaled(options.steps);
    let (device, report) = device::open(session.compute.device)?;
    let terminal = &session.terminal;
    let samples = options.out.join("samples");
    let sample_config = SampleConfig { photos: config.samples, seed, ..SampleConfig::default() };
    write_samples(&samples, &sample_config, terminal)?;
    let folders = options.folders.iter().chain([&samples]);
    let datasets =
        folders.map(|folder| super::listed(std::slice::from_ref(folder), session)).collect::<Result<Vec<_>>>()?;
    let mixture = Mixture::new(&datasets, terminal)?;
    terminal.say(&format!("Training on {}", report.name));
    for source in mixture.summary() {
        let (train, held_back) = (format::photos(source.train), format::count(source.held_back as u64));
        terminal.say(&format!("{}: {train} to learn from, {held_back} held back", source.name));
    }
    let say = |line: String| terminal.say(&line);
    let trained = pretrain::pretrain(&mixture, &config, &device, &options.out, terminal, &say)?;
    let mut text = format!("Weights: {}\nTemperature: {:.3}\n", trained.weights.display(), trained.temperature);
    for (name, metrics) in &trained.held_back {
        if let Some(accuracy) = metrics.balanced_accuracy {
            text += &format!("{name}: balanced accuracy {:.2} % on photos held back\n", accuracy * 100.0);
        }
    }
    let held_back: serde_json::Map<_, _> =
        trained.held_back.iter().map(|(name, metrics)| (name.clone(), json!(metrics))).collect();
    let json = json!({
        "weights": trained.weights,
        "temperature": trained.temperature,
        "held_back": held_back,
        "stopped": trained.stopped,
    });
    Ok(Outcome { text, json, interrupted: trained.stopped })
}
