//! A search for the learning rate: a few steps on mini-batches, each at a higher rate than the one before, and the loss
//! of each (Smith 2017, "Cyclical learning rates for training neural networks").
//!
//! Nothing is kept of the network that it trains, and no run folder is written.

mod curve;

use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};

use self::curve::{Curve, suggest};
pub use self::curve::{Suggestion, rounded};
use super::config::{TrainConfig, Tune};
use super::ground::{Ground, Input};
use super::learner::{DeepLearner, HeadLearner, Learner, Photos};
use super::observer::{Event, Observer};
use super::{sides, trainer};
use crate::dataset::Dataset;
use crate::dataset::split::Part;
use crate::error::{Context, Error, Result};
use crate::job::{Meter, Phase};
use crate::nn::random;
use crate::places::Places;

/// First stream of random numbers for the order of photos, far from those of the epochs.
const ORDER_STREAM: u64 = 1 << 40;

/// What it means that a search suggests nothing, for people.
pub const NO_FALL: &str =
    "the loss fell at none of these rates. Try more photos a step or more steps, or other initial weights.";

/// Which rates are tried.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SweepConfig {
    /// The rate of the first step.
    pub lowest: f64,
    /// The rate of the last step, if the loss does not diverge before.
    pub highest: f64,
    /// Steps from one to the other, each at as many times the rate of the one before.
    pub steps: usize,
}

impl SweepConfig {
    /// What suits these layers: where a step costs next to nothing, more of them make the curve smoother.
    pub fn for_tune(tune: Tune) -> Self {
        let steps = if tune == Tune::Head { 300 } else { 100 };
        Self { lowest: 1e-6, highest: 10.0, steps }
    }

    /// Checks what types cannot.
    ///
    /// # Errors
    /// A usage error that names what is out of its range.
    pub fn validate(&self) -> Result<()> {
        let bad = |what: &str| Err(Error::usage(what.to_owned()));
        match self {
            c if !(c.lowest > 0.0 && c.lowest < c.highest) => {
                bad("The lowest learning rate must be above 0 and below the highest")
            }
            c if c.highest > 10.0 || c.highest.is_nan() => bad("The highest learning rate must be at most 10"),
            c if !(20..=10_000).contains(&c.steps) => bad("The number of steps must lie between 20 and 10,000"),
            _ => Ok(()),
        }
    }

    /// The rate of step `step`, from 0.
    fn rate(&self, step: usize) -> f64 {
        let share = step as f64 / (self.steps - 1).max(1) as f64;
        self.lowest * (self.highest / self.lowest).powf(share)
    }
}

/// One step of the search.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// The rate of the step.
    pub learning_rate: f64,
    /// Mean cross entropy over its photos, before the step.
    pub loss: f64,
    /// The same, averaged over this step and those before it.
    pub smoothed: f64,
}

/// What a search came to.
#[derive(Clone, Debug, PartialEq)]
pub struct RateSearch {
    /// The steps, by rising rate.
    pub readings: Vec<Reading>,
    /// The rate to train with; none where the loss fell nowhere.
    pub suggestion: Option<Suggestion>,
    /// Whether the loss diverged before the highest rate was reached.
    pub diverged: bool,
    /// The layers that learned.
    pub tune: Tune,
    /// Photos that the steps were taken on: those of the training side.
    pub photos: usize,
}

impl RateSearch {
    /// Every step as CSV: `learning_rate,loss,smoothed`.
    ///
    /// # Errors
    /// Where a row cannot be written, which does not happen in memory.
    pub fn to_csv(&self) -> Result<Vec<u8>> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        self.readings.iter().try_for_each(|reading| writer.serialize(reading)).context("Cannot write the steps")?;
        writer.into_inner().map_err(|e| e.into_error()).context("Cannot write the steps")
    }
}

/// Tries rates on the photos that a run with these settings would train on.
///
/// The thread that calls this opens the device and keeps it.
///
/// # Errors
/// Where settings make no sense, weights cannot be had, photos are too few, the device fails, or the user stops it.
pub fn find(
    dataset: &Dataset,
    config: &TrainConfig,
    sweep: &SweepConfig,
    places: &Places,
    observer: &dyn Observer,
) -> Result<RateSearch> {
    config.validate()?;
    sweep.validate()?;
    let Ground { network, config, keys, prepared, .. } = Ground::lay(dataset, config, places, None, observer)?;
    let (split, _) = sides::divide(dataset, &keys, &prepared.readable, &config, places, observer)?;
    let photos = split.indices(Part::Train).count();
    let trial = Trial { sweep, config: &config, observer };
    let (readings, diverged) = match prepared.input {
        Input::Features(features) => {
            let training = sides::examples(dataset, &features, &split, Part::Train);
            trial.run(&mut HeadLearner::new(&config, training, Vec::new())?)?
        }
        Input::Source(start, cache) => {
            // Rates are tried on the photos themselves, however they will be varied.
            let photos = Photos { samples: &dataset.samples, keys: &keys, variants: None };
            let source = trainer::source(photos, &network, cache, None);
            let training = sides::labelled(dataset, &split, Part::Train, 0);
            let (device, weights) = (network.device(), network.weights());
            let learner = DeepLearner::new(&config, device, weights, start, source, training, Vec::new())?;
            trial.run(&mut learner.stopped_by(observer.flag()))?
        }
    };
    let suggestion = suggest(&readings, sweep.steps, diverged);
    Ok(RateSearch { readings, suggestion, diverged, tune: config.tune, photos })
}

/// What does not change while rates are tried.
struct Trial<'a> {
    sweep: &'a SweepConfig,
    config: &'a TrainConfig,
    observer: &'a dyn Observer,
}

impl Trial<'_> {
    /// Takes the steps, until the loss diverges; says whether it did.
    fn run(&self, learner: &mut dyn Learner) -> Result<(Vec<Reading>, bool)> {
        let mut meter = Meter::new(self.observer, Phase::Rates, Some(self.sweep.steps as u64));
        let mut curve = Curve::new(self.sweep.steps);
        let mut batches = Batches::new(self.config, learner.count());
        for step in 0..self.sweep.steps {
            self.observer.check()?;
            let learning_rate = self.sweep.rate(step);
            let found = learner.step(&batches.next(), learning_rate)?;
            let goes_on = curve.add(learning_rate, f64::from(found.loss));
            if let Some(reading) = curve.readings.get(step) {
                self.observer.event(Event::Tried(*reading));
            }
            if !goes_on {
                return Ok((curve.readings, true));
            }
            meter.add(1);
        }
        Ok((curve.readings, false))
    }
}

/// Mini-batches without end: all photos in one order, then in another.
struct Batches {
    order: Vec<u32>,
    at: usize,
    round: u64,
    size: usize,
    seed: u64,
}

impl Batches {
    fn new(config: &TrainConfig, count: usize) -> Self {
        let order = (0..count as u32).collect();
        Self { order, at: count, round: 0, size: config.batch_size.min(count), seed: config.seed }
    }

    /// The next whole batch; what is left of a round when it is too little for one is passed over.
    fn next(&mut self) -> Vec<u32> {
        if self.at + self.size > self.order.len() {
            self.order.shuffle(&mut random::generator(self.seed, ORDER_STREAM + self.round));
            (self.at, self.round) = (0, self.round + 1);
        }
        let batch = self.order.iter().skip(self.at).take(self.size).copied().collect();
        self.at += self.size;
        batch
    }
}
