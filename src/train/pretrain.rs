//! Weights from random values: ResNet18 on photos of several places and on procedural ones, from small pictures to
//! large, varied so strongly that what it learns is cracks and not one camera's concrete.

mod calibration;
mod data;

use std::path::{Path, PathBuf};

use candle_core::{D, Device, Result as CandleResult, Tensor};
use serde::{Deserialize, Serialize};

pub use self::data::{Mixture, SourceSummary};
use super::config::{Backbone, OptimizerKind};
use super::schedule;
use crate::atomic_file;
use crate::dataset::Class;
use crate::error::{Context, Error, Result};
use crate::job::{Meter, Phase, Watch};
use crate::nn::architecture::{Start, Statistics};
use crate::nn::head::{self, Head};
use crate::nn::network::Network;
use crate::nn::optimizer::{Optimizer, OptimizerConfig};
use crate::nn::state_dict::StateDict;
use crate::nn::trainable::Trainable;
use crate::photo::augment::Augmentation;
use crate::review::calibration::temperature as fitted_temperature;
use crate::review::metrics::Metrics;
use crate::review::predictions::DEFAULT_THRESHOLD;

/// What an interrupted training goes on from.
const STATE: &str = "state.safetensors";
/// Steps from one saved state to the next.
const SAVE_EVERY: usize = 250;
/// Steps from one contribution to the average of the weights to the next.
const AVERAGE_EVERY: usize = 20;
/// What stays of the average at each.
const AVERAGE_KEEPS: f64 = 0.93;
/// The share of each target that goes evenly to both classes, so that the network is not pushed to be too sure.
const SMOOTHING: f64 = 0.05;

/// How photos are varied: as the bundled weights were made, which is with less of each photo in the frame than where
/// people train on their own labels.
const VARIATION: Augmentation = Augmentation { visible_share: 0.81, ..Augmentation::strong() };

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PretrainConfig {
    /// The network.
    #[serde(default)]
    pub backbone: Backbone,
    /// Seed of everything random.
    pub seed: u64,
    /// Procedural photos among those to learn from.
    pub samples: usize,
    /// From small pictures to large.
    pub stages: Vec<Stage>,
    /// The highest learning rate of the one cycle.
    pub learning_rate: f64,
    /// The share of the steps in which it rises.
    pub rise: f64,
    /// Decoupled decay of the weights.
    pub weight_decay: f64,
}

/// Some steps with pictures of one size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// Pixels on a side.
    pub side: usize,
    /// Photos a step.
    pub batch: usize,
    /// Steps.
    pub steps: usize,
}

/// What it came to.
#[derive(Clone, Debug)]
pub struct Pretrained {
    /// The file.
    pub weights: PathBuf,
    /// What logits were divided by, so that probabilities are honest on the photos that were held back.
    pub temperature: f64,
    /// Figures on the photos that were held back, for each source.
    pub held_back: Vec<(String, Metrics)>,
    /// Whether the user stopped it; it can be gone on with.
    pub stopped: bool,
}

impl Default for PretrainConfig {
    fn default() -> Self {
        let stage = |side, batch, steps| Stage { side, batch, steps };
        Self {
            backbone: Backbone::default(),
            seed: 0,
            samples: 4000,
            stages: vec![stage(96, 64, 2500), stage(128, 64, 1400), stage(160, 48, 850), stage(224, 32, 500)],
            learning_rate: 1.5e-3,
            rise: 0.48,
            weight_decay: 0.02,
        }
    }
}

impl PretrainConfig {
    /// The same, with so many times the steps.
    pub fn scaled(mut self, factor: f64) -> Self {
        for stage in &mut self.stages {
            stage.steps = ((stage.steps as f64 * factor).round() as usize).max(1);
        }
        self
    }

    fn steps(&self) -> usize {
        self.stages.iter().map(|stage| stage.steps).sum()
    }

    fn photos(&self) -> usize {
        self.stages.iter().map(|stage| stage.steps * stage.batch).sum()
    }

    /// The stage of step `step`, counted from 0 over all stages.
    fn stage(&self, step: usize) -> Option<Stage> {
        let mut first = 0;
        self.stages.iter().copied().find(|stage| {
            first += stage.steps;
            step < first
        })
    }

    /// What the optimiser is set up by.
    fn optimizer(&self) -> OptimizerConfig {
        OptimizerConfig {
            kind: OptimizerKind::AdamW,
            weight_decay: self.weight_decay,
            clip_norm: Some(5.0),
            ..OptimizerConfig::default()
        }
    }
}

/// Trains on `mixture` into the folder `out`, going on from what is there if it was begun with the same settings.
///
/// # Errors
/// Where the folder cannot be written, or holds a training with other settings.
pub fn pretrain(
    mixture: &Mixture,
    config: &PretrainConfig,
    device: &Device,
    out: &Path,
    watch: &dyn Watch,
    say: &dyn Fn(String),
) -> Result<Pretrained> {
    std::fs::create_dir_all(out).on_file("make the folder", out)?;
    let mut training = Training::begin(config, device)?;
    training.take_up(&out.join(STATE))?;
    let stopped = training.run(mixture, out, watch, say)?;
    let (weights, head) = training.averaged()?;
    let blank = Network::from_weights(config.backbone, training.backbone.weights()?, device, "pretrained")?;
    let network = blank.with_weights(weights)?;
    let judged = data::judge(mixture, &network, &head, watch)?;
    let all: Vec<(f64, Class)> = judged.iter().flat_map(|(_, photos)| photos.iter().copied()).collect();
    let temperature = fitted_temperature(&all);
    let head = head.divided_by(temperature)?;
    let held_back: Vec<(String, Metrics)> = judged
        .into_iter()
        .map(|(name, photos)| (name, calibration::metrics(&photos, temperature, DEFAULT_THRESHOLD)))
        .collect();
    let path = out.join(format!("{}_concrete.safetensors", config.backbone.name()));
    let notes = [("temperature", temperature.to_string()), ("steps", training.step.to_string())];
    atomic_file::write(&path, &network.to_half_model_file(&head, DEFAULT_THRESHOLD, &notes)?)?;
    Ok(Pretrained { weights: path, temperature, held_back, stopped })
}

/// A training between two steps.
struct Training<'a> {
    config: &'a PretrainConfig,
    device: &'a Device,
    backbone: Trainable,
    head: Head,
    optimizer: Optimizer,
    average: StateDict,
    step: usize,
}

impl<'a> Training<'a> {
    fn begin(config: &'a PretrainConfig, device: &'a Device) -> Result<Self> {
        let backbone = Trainable::new(
            config.backbone,
            &config.backbone.architecture().random_weights(config.seed, device)?,
            Start::Photos,
        )?;
        let head = Head::random(config.backbone.features(), config.seed, device)?;
        let optimizer = optimizer(&backbone, &head, config)?;
        let mut training = Self { config, device, backbone, head, optimizer, average: StateDict::default(), step: 0 };
        training.average = training.weights()?;
        Ok(training)
    }

    /// Whether the user stopped it.
    fn run(&mut self, mixture: &Mixture, out: &Path, watch: &dyn Watch, say: &dyn Fn(String)) -> Result<bool> {
        let mut meter = Meter::new(watch, Phase::Tune, Some(self.config.photos() as u64));
        let done = (0..self.step).filter_map(|step| self.config.stage(step)).map(|stage| stage.batch as u64);
        meter.resume(done.sum());
        let (mut loss, mut counted) = (0.0, 0);
        while let Some(stage) = self.config.stage(self.step) {
            if watch.is_cancelled() {
                self.save(&out.join(STATE))?;
                return Ok(true);
            }
            loss += self.take_step(mixture, stage)?;
            counted += 1;
            meter.add(stage.batch as u64);
            if self.step.is_multiple_of(SAVE_EVERY) || self.step == self.config.steps() {
                self.save(&out.join(STATE))?;
                let mean = loss / f64::from(counted);
                let (all, side) = (self.config.steps(), stage.side);
                say(format!("Step {} of {all}, {side}×{side} pixels: mean loss {mean:.4}", self.step));
                (loss, counted) = (0.0, 0);
            }
        }
        Ok(false)
    }

    /// One step; gives the loss before it.
    fn take_step(&mut self, mixture: &Mixture, stage: Stage) -> Result<f64> {
        let (values, classes) = mixture.batch(self.config.seed, self.step, stage.batch, stage.side, &VARIATION)?;
        let shape = (classes.len(), 3, stage.side, stage.side);
        let input = Tensor::from_vec(values, shape, self.device).map_err(cannot)?;
        let features = self.backbone.features(input, Statistics::Batch)?;
        let backward = || {
            let loss = smoothed(&self.head.logits(&features)?, &classes, self.device)?;
            Ok((f64::from(loss.to_scalar::<f32>()?), loss.backward()?))
        };
        let (loss, mut gradients) = backward().map_err(cannot)?;
        self.backbone.collect(&mut gradients)?;
        let PretrainConfig { learning_rate, rise, .. } = *self.config;
        let rate = schedule::one_cycle(learning_rate, self.step, self.config.steps(), rise);
        self.optimizer.step(|variable| gradients.get(variable), rate * schedule::warmup(self.step, 50.0))?;
        self.step += 1;
        if self.step.is_multiple_of(AVERAGE_EVERY) {
            self.average()?;
        }
        Ok(loss)
    }

    /// Lets the present weights contribute to the average. Early on the average follows faster, so that it does not
    /// remember the random values that training began with.
    fn average(&mut self) -> Result<()> {
        let contributions = (self.step / AVERAGE_EVERY) as f64;
        let keep = AVERAGE_KEEPS.min(contributions / (contributions + 10.0));
        let mix = |old: &Tensor, new: &Tensor| (old * keep)? + (new * (1.0 - keep))?;
        for (name, tensor) in self.weights()?.iter() {
            let mixed = mix(self.average.get(name)?, tensor).map_err(cannot)?;
            self.average.insert(name, mixed);
        }
        Ok(())
    }

    fn weights(&self) -> Result<StateDict> {
        let mut weights = self.backbone.weights()?;
        self.head.snapshot()?.store(&mut weights, self.config.backbone);
        Ok(weights)
    }

    /// The averaged backbone and head.
    fn averaged(&self) -> Result<(StateDict, Head)> {
        let mut weights = self.average.clone();
        let head = Head::from_weights(&weights, self.config.backbone)?;
        weights.retain(|name| !head::is_head(name));
        Ok((weights, head))
    }

    fn save(&self, path: &Path) -> Result<()> {
        let mut state = StateDict::default();
        state.insert_under("", &self.weights()?);
        state.insert_under("average.", &self.average);
        self.optimizer.store(&mut state)?;
        let config = serde_json::to_string(self.config).context("Cannot note the settings")?;
        state.metadata.insert("config".into(), config);
        state.metadata.insert("step".into(), self.step.to_string());
        atomic_file::write_with(path, |file| state.write_safetensors(file))
    }

    /// Goes on from a saved state, if there is one.
    fn take_up(&mut self, path: &Path) -> Result<()> {
        if !path.exists() {
            return Ok(());
        }
        let state = StateDict::load(path, self.device)?;
        let note = |key: &str| state.metadata.get(key).cloned().unwrap_or_default();
        if serde_json::from_str::<PretrainConfig>(&note("config")).ok().as_ref() != Some(self.config) {
            return Err(Error::new(format!("{} was begun with other settings", path.display()))
                .hint("give the settings it was begun with, or another folder"));
        }
        self.step = note("step").parse().context("Cannot go on with the training")?;
        self.average = state.under("average.");
        let mut weights = state.under("");
        weights.retain(|name| !name.starts_with("average.") && !name.starts_with("optimizer."));
        self.head = Head::from_weights(&weights, self.config.backbone)?;
        weights.retain(|name| !head::is_head(name));
        self.backbone = Trainable::new(self.config.backbone, &weights, Start::Photos)?;
        self.optimizer = optimizer(&self.backbone, &self.head, self.config)?;
        self.optimizer.restore(&state)
    }
}

fn optimizer(backbone: &Trainable, head: &Head, config: &PretrainConfig) -> Result<Optimizer> {
    let variables: Vec<_> =
        backbone.variables().into_iter().chain(head.variables()).map(|variable| (variable, 1.0)).collect();
    Optimizer::new(&variables, config.optimizer())
}

/// Mean cross entropy against targets that leave [`SMOOTHING`] to both classes.
fn smoothed(logits: &Tensor, classes: &[Class], device: &Device) -> CandleResult<Tensor> {
    let indices: Vec<u32> = classes.iter().map(|class| class.index() as u32).collect();
    let sharp = head::cross_entropy(logits, &Tensor::from_vec(indices, classes.len(), device)?, None)?;
    let even = candle_nn::ops::log_softmax(logits, D::Minus1)?.mean_all()?.neg()?;
    (sharp * (1.0 - SMOOTHING))? + (even * SMOOTHING)?
}

fn cannot(cause: candle_core::Error) -> Error {
    let text = cause.to_string();
    Error::new("Cannot train").detail(text.lines().next().unwrap_or_default().to_owned())
}
