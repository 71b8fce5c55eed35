//! `crackscope bench`.

use std::time::Duration;

use clap::Args;
use serde_json::json;

use super::{Outcome, Session};
use crate::error::{Error, Result};
use crate::nn::device;
use crate::nn::network::Network;
use crate::train::config::{Backbone, WeightsSource};
use crate::train::speed;

/// Photos of the larger batches.
const BATCH: usize = 32;

/// How many photos a second this machine manages. Random weights and values: the time does not depend on them.
#[derive(Args, Debug)]
pub(super) struct Options {
    /// Seconds for each figure; the median of the runs in that time is given
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0)]
    seconds: f64,
}

pub(super) fn run(options: &Options, session: &Session) -> Result<Outcome> {
    if !(options.seconds > 0.0 && options.seconds <= 3600.0) {
        return Err(Error::usage("--seconds must be above 0 and at most 3600"));
    }
    let (device, report) = device::open(session.device)?;
    let watch = &session.terminal;
    let random = WeightsSource::Random;
    let network = Network::open(Backbone::Resnet18, &random, 0, &device, &session.places, watch)?;
    let time = Duration::from_secs_f64(options.seconds);
    let alone = speed::forward(&network, 1, time, watch)?;
    let together = speed::forward(&network, BATCH, time, watch)?;
    let step = speed::training_step(&network, BATCH, time, watch)?;
    let rows = [
        ("forward_f32_b1", "Forward, one photo at a time", alone),
        ("forward_f32_b32", "Forward, 32 photos at a time", together),
        ("train_step_b32", "Training step of all layers, 32 photos", step),
    ];
    let mut text = format!("{}\n\n", report.name);
    let mut figures = json!({ "device": report.name, "threads": rayon::current_num_threads() });
    for (name, title, rate) in rows {
        text += &format!("{title:<40} {rate:>8.1} photos/s\n");
        figures[name] = json!((rate * 10.0).round() / 10.0);
    }
    figures["forward_bf16_b32"] = json!(null);
    Ok(Outcome::new(text, figures))
}
