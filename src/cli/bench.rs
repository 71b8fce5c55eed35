//! `crackscope bench`.

use std::time::Duration;

use clap::Args;
use serde_json::json;

use super::{Outcome, Session};
use crate::error::{Error, Result};
use crate::nn::cpu::Precision;
use crate::nn::device;
use crate::nn::network::Network;
use crate::train::config::{Backbone, PrecisionChoice, WeightsSource};
use crate::train::speed;

/// Photos of the larger batches.
const BATCH: usize = 32;

/// How many photos a second this machine manages. Random weights and values: the time does not depend on them.
#[derive(Args, Debug)]
pub(super) struct Options {
    /// The network
    #[arg(long, default_value = "resnet18")]
    backbone: Backbone,
    /// Seconds for each figure; the median of the runs in that time is given
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0)]
    seconds: f64,
}

pub(super) fn run(options: &Options, session: &Session) -> Result<Outcome> {
    if !(options.seconds > 0.0 && options.seconds <= 3600.0) {
        return Err(Error::usage("--seconds must be above 0 and at most 3600"));
    }
    let (device, report) = device::open(session.compute.device)?;
    let watch = &session.terminal;
    let open = |precision| {
        let random = WeightsSource::Random;
        Network::open(options.backbone, &random, 0, (&device, precision), &session.places, watch)
    };
    let single = open(Precision::F32)?;
    // No figure where the processor lacks it.
    let half = device::precision(PrecisionChoice::Bf16, &device).ok().map(open).transpose()?;
    let time = Duration::from_secs_f64(options.seconds);
    let alone = speed::forward(&single, 1, time, watch)?;
    let together = speed::forward(&single, BATCH, time, watch)?;
    let in_halves = half.map(|half| speed::forward(&half, BATCH, time, watch)).transpose()?;
    let step = speed::training_step(&single, BATCH, time, watch)?;
    let rows = [
        ("forward_f32_b1", "Forward, one photo at a time", Some(alone)),
        ("forward_f32_b32", "Forward, 32 photos at a time", Some(together)),
        ("forward_bf16_b32", "The same in bf16", in_halves),
        ("train_step_b32", "Training step of all layers, 32 photos", Some(step)),
    ];
    let mut text = format!("{} on {}\n\n", options.backbone.title(), report.name);
    let mut figures =
        json!({ "device": report.name, "backbone": options.backbone.name(), "threads": rayon::current_num_threads() });
    for (name, title, rate) in rows {
        text += &match rate {
            Some(rate) => format!("{title:<40} {rate:>8.1} photos/s\n"),
            None => format!("{title:<40} not on this device\n"),
        };
        figures[name] = json!(rate.map(|rate| (rate * 10.0).round() / 10.0));
    }
    Ok(Outcome::new(text, figures))
}
