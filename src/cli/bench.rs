//! `crackscope bench`.

use std::time::{Duration, Instant};

use candle_core::Tensor;
use clap::Args;
use serde_json::json;

use super::{Outcome, Session};
use crate::dataset::Class;
use crate::error::{Error, Result};
use crate::job::Watch;
use crate::nn::network::{INPUT_VALUES, Network};
use crate::nn::{device, failed};
use crate::train::config::{Backbone, TrainConfig, Tune, WeightsSource};
use crate::train::learner::{DeepLearner, Learner, Source};

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
    let forward = |photos: usize| {
        let values = vec![0.5; photos * INPUT_VALUES];
        rate(photos, time, watch, || network.features(&values, photos).map(drop))
    };
    let (alone, together) = (forward(1)?, forward(BATCH)?);
    let step = training_step(&network, time, watch)?;
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

/// A step of all layers with batch statistics, loss, gradients and Adam included.
fn training_step(network: &Network, time: Duration, watch: &dyn Watch) -> Result<f64> {
    let config = TrainConfig { train_statistics: true, ..TrainConfig::for_tune(Tune::All) };
    let Some(start) = config.tune.start() else { return Ok(0.0) };
    let [channels, side] = [3, crate::photo::INPUT_SIZE];
    let photos = Tensor::rand(-1f32, 1f32, (BATCH, channels, side, side), &candle_core::Device::Cpu);
    let source = Source::Fixed(photos.map_err(failed("make photos"))?);
    let train = (0..BATCH).map(|index| (index, if index % 2 == 0 { Class::Negative } else { Class::Positive }));
    let (train, rows) = (train.collect(), (0..BATCH as u32).collect::<Vec<_>>());
    let mut learner = DeepLearner::new(&config, network.device(), network.weights(), start, source, train, vec![])?;
    rate(BATCH, time, watch, || learner.step(&rows, 1e-4).map(drop))
}

/// Photos a second: the median over calls of `work`, made for about `time` after one that does not count.
fn rate(photos: usize, time: Duration, watch: &dyn Watch, mut work: impl FnMut() -> Result<()>) -> Result<f64> {
    work()?;
    let (begun, mut seconds) = (Instant::now(), Vec::new());
    while seconds.len() < 3 || begun.elapsed() < time {
        watch.check()?;
        let call = Instant::now();
        work()?;
        seconds.push(call.elapsed().as_secs_f64());
    }
    seconds.sort_by(f64::total_cmp);
    let median = seconds.get(seconds.len() / 2).copied().unwrap_or(f64::INFINITY);
    Ok(photos as f64 / median)
}
