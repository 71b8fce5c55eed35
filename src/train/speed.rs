//! How many photos a second this machine manages. Random weights and values: the time does not depend on them.

use std::time::{Duration, Instant};

use candle_core::{Device, Tensor};

use super::config::{TrainConfig, Tune};
use super::learner::{DeepLearner, Example, Learner, Source};
use crate::dataset::Class;
use crate::error::Result;
use crate::job::Watch;
use crate::nn::architecture::Start;
use crate::nn::failed;
use crate::nn::network::{INPUT_VALUES, Network};
use crate::photo::INPUT_SIZE;

/// Photos a second from pixels to features, `photos` at a time; measured for about `time`.
///
/// # Errors
/// Where the device fails, or the user stops it.
pub fn forward(network: &Network, photos: usize, time: Duration, watch: &dyn Watch) -> Result<f64> {
    let values = vec![0.5; photos * INPUT_VALUES];
    rate(photos, time, watch, || network.features(&values, photos).map(drop))
}

/// Photos a second through a training step of all layers with `photos` each: batch statistics, loss, gradients and
/// Adam included.
///
/// # Errors
/// As [`forward`].
pub fn training_step(network: &Network, photos: usize, time: Duration, watch: &dyn Watch) -> Result<f64> {
    let config = TrainConfig { backbone: network.kind(), train_statistics: true, ..TrainConfig::for_tune(Tune::All) };
    let shape = (photos, 3, INPUT_SIZE, INPUT_SIZE);
    let values = Tensor::rand(-1f32, 1f32, shape, &Device::Cpu).map_err(failed("make photos"))?;
    let photo = |(photo, class)| Example { photo, class, variant: 0 };
    let train = (0..photos).zip(Class::ALL.into_iter().cycle()).map(photo).collect();
    let (device, weights, source) = (network.device(), network.weights(), Source::Fixed(values));
    let mut learner = DeepLearner::new(&config, device, weights, Start::Photos, source, train, Vec::new())?;
    let rows: Vec<u32> = (0..photos as u32).collect();
    rate(photos, time, watch, || learner.step(&rows, 1e-4).map(drop))
}

/// The median over calls of `work`, made for about `time` after one that does not count.
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
