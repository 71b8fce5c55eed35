//! The epochs: trains the head on features that are there already.

use std::time::{Duration, Instant};

use candle_core::{D, DType, Device, Result as CandleResult, Tensor};
use rand::seq::SliceRandom;

use super::config::TrainConfig;
use super::observer::{EpochRecord, Event, Observer};
use super::run_dir::{self, Results, RunDir};
use crate::dataset::Class;
use crate::error::{Error, Result};
use crate::job::{Meter, Phase};
use crate::nn::head::{self, Head};
use crate::nn::optimizer::Optimizer;
use crate::nn::random;
use crate::nn::state_dict::StateDict;

/// First stream of random numbers for the order of photos; each epoch has its own, so that a resumed run goes on as
/// the uninterrupted one would have.
const ORDER_STREAM: u64 = 1000;
/// How often a paused run looks whether it may go on.
const PAUSE: Duration = Duration::from_millis(20);

/// Features and classes of one side of the split.
pub struct Examples {
    /// Features (N, F) row by row.
    pub values: Vec<f32>,
    /// The class of each row.
    pub classes: Vec<Class>,
}

/// The head and how it came to be, after the epochs.
pub struct Trained {
    /// The best epoch's head.
    pub best: Head,
    /// That epoch, from 1.
    pub best_epoch: usize,
    /// The figures of each epoch.
    pub epochs: Vec<EpochRecord>,
    /// Whether the user stopped it before the last epoch.
    pub stopped: bool,
}

/// The same on the device.
struct Side {
    features: Tensor,
    classes: Tensor,
    count: usize,
}

/// A training run between two epochs.
pub struct HeadLoop<'a> {
    config: &'a TrainConfig,
    observer: &'a dyn Observer,
    device: &'a Device,
    train: Side,
    validation: Option<Side>,
    class_weights: Option<Tensor>,
    head: Head,
    optimizer: Optimizer,
    best: Option<(Head, EpochRecord)>,
    records: Vec<EpochRecord>,
}

/// Sums over the steps of an epoch.
#[derive(Default)]
struct Tally {
    loss: f64,
    right: f64,
    learning_rate: f64,
}

impl<'a> HeadLoop<'a> {
    /// Sets a run up with a head of random values.
    pub fn new(
        config: &'a TrainConfig,
        observer: &'a dyn Observer,
        device: &'a Device,
        train: &Examples,
        validation: &Examples,
    ) -> Result<Self> {
        let columns = train.values.len() / train.classes.len().max(1);
        let head = Head::random(columns, config.seed, device)?;
        let class_weights = config.balance_classes.then(|| class_weights(&train.classes, device)).transpose();
        Ok(Self {
            config,
            observer,
            device,
            train: Side::new(train, device).map_err(cannot_train)?,
            validation: (!validation.classes.is_empty())
                .then(|| Side::new(validation, device))
                .transpose()
                .map_err(cannot_train)?,
            class_weights: class_weights.map_err(cannot_train)?,
            optimizer: Optimizer::new(&head.variables(), config)?,
            head,
            best: None,
            records: Vec::new(),
        })
    }

    /// The figures of the epochs done so far.
    pub fn records(&self) -> &[EpochRecord] {
        &self.records
    }

    /// Trains until the last epoch, until it no longer helps, or until the user stops it.
    pub fn run(mut self, run: &RunDir) -> Result<Trained> {
        let mut results = run.begin_results(&self.records)?;
        let mut meter = Meter::new(self.observer, Phase::Train, Some(self.config.epochs as u64));
        meter.set(self.records.len() as u64);
        let mut stopped = false;
        while self.records.len() < self.config.epochs && !self.is_stuck() {
            if !self.epoch(run, &mut results)? {
                stopped = true;
                break;
            }
            meter.set(self.records.len() as u64);
        }
        let (best, record) = self.best.ok_or_else(Error::cancelled)?;
        Ok(Trained { best, best_epoch: record.epoch, epochs: self.records, stopped })
    }

    /// One epoch; false where the user stopped it half-way.
    fn epoch(&mut self, run: &RunDir, results: &mut Results) -> Result<bool> {
        let epoch = self.records.len() + 1;
        let before = self.records.last().map_or(0.0, |record| record.seconds);
        let begun = Instant::now();
        let Some((tally, paused)) = self.steps(epoch)? else { return Ok(false) };
        let (val_loss, val_accuracy) = match &self.validation {
            Some(side) => self.evaluate(side).map(|(loss, accuracy)| (Some(loss), Some(accuracy)))?,
            None => (None, None),
        };
        let count = self.train.count as f64;
        let record = EpochRecord {
            epoch,
            seconds: before + (begun.elapsed() - paused).as_secs_f64(),
            learning_rate: tally.learning_rate,
            train_loss: tally.loss / count,
            train_accuracy: tally.right / count,
            val_loss,
            val_accuracy,
        };
        if !judged(&record).is_finite() {
            return Err(Error::new("The loss is no longer a number").hint("train again with a lower learning rate"));
        }
        let best = self.best.as_ref().is_none_or(|(_, best)| judged(&record) < judged(best));
        if best {
            self.best = Some((self.head.snapshot()?, record));
        }
        self.records.push(record);
        self.save(run)?;
        results.add(&record)?;
        self.observer.event(Event::Epoch { record, best });
        Ok(true)
    }

    /// All steps of an epoch, with the time spent paused; `None` where the user stopped it.
    fn steps(&mut self, epoch: usize) -> Result<Option<(Tally, Duration)>> {
        let order = self.order(epoch);
        let steps_per_epoch = order.len().div_ceil(self.config.batch_size);
        let all_steps = steps_per_epoch * self.config.epochs;
        let mut tally = Tally::default();
        let mut paused = Duration::ZERO;
        for (index, batch) in order.chunks(self.config.batch_size).enumerate() {
            paused += self.wait_while_paused();
            if self.observer.is_cancelled() {
                return Ok(None);
            }
            let step = (epoch - 1) * steps_per_epoch + index;
            tally.learning_rate = self.config.schedule.rate(self.config.learning_rate, step, all_steps);
            let (loss, right) = self.step(batch, tally.learning_rate)?;
            tally.loss += f64::from(loss) * batch.len() as f64;
            tally.right += f64::from(right);
            self.observer.event(Event::Step { step: step + 1, steps_per_epoch, loss });
        }
        Ok(Some((tally, paused)))
    }

    fn order(&self, epoch: usize) -> Vec<u32> {
        let mut order: Vec<u32> = (0..self.train.count as u32).collect();
        order.shuffle(&mut random::generator(self.config.seed, ORDER_STREAM + epoch as u64));
        order
    }

    /// One step on these rows: the loss before it, and how many were right.
    fn step(&mut self, rows: &[u32], learning_rate: f64) -> Result<(f32, f32)> {
        let forward = || {
            let rows = Tensor::new(rows, self.device)?;
            let classes = self.train.classes.index_select(&rows, 0)?;
            let logits = self.head.logits(&self.train.features.index_select(&rows, 0)?)?;
            let loss = head::cross_entropy(&logits, &classes, self.class_weights.as_ref())?;
            let gradients = loss.backward()?;
            Ok((loss.to_scalar()?, count_right(&logits, &classes)?, gradients))
        };
        let (loss, right, gradients) = forward().map_err(cannot_train)?;
        self.optimizer.step(&gradients, learning_rate)?;
        Ok((loss, right))
    }

    fn evaluate(&self, side: &Side) -> Result<(f64, f64)> {
        let figures = || {
            let logits = self.head.logits(&side.features)?;
            let loss: f32 = head::cross_entropy(&logits, &side.classes, self.class_weights.as_ref())?.to_scalar()?;
            Ok((f64::from(loss), f64::from(count_right(&logits, &side.classes)?) / side.count as f64))
        };
        figures().map_err(cannot_train)
    }

    fn wait_while_paused(&self) -> Duration {
        let begun = Instant::now();
        while self.observer.is_paused() && !self.observer.is_cancelled() {
            std::thread::sleep(PAUSE);
        }
        begun.elapsed()
    }

    /// Whether the validation loss has not become better for as long as the user is willing to wait.
    fn is_stuck(&self) -> bool {
        let (Some(patience), Some((_, best))) = (self.config.patience, &self.best) else { return false };
        self.records.len() >= best.epoch + patience
    }

    /// Writes all that the next epoch depends on.
    fn save(&self, run: &RunDir) -> Result<()> {
        let mut state = StateDict::default();
        self.head.store(&mut state);
        self.optimizer.store(&mut state)?;
        if let Some((best, record)) = &self.best {
            let mut kept = StateDict::default();
            best.store(&mut kept);
            for (name, tensor) in kept.iter() {
                state.insert(format!("best.{name}"), tensor.clone());
            }
            state.metadata.insert("best_epoch".into(), record.epoch.to_string());
        }
        let records = serde_json::to_string(&self.records).map_err(|e| Error::new(e.to_string()))?;
        state.metadata.insert("epochs".into(), records);
        run.write(run_dir::LAST, &state.to_safetensors()?)
    }

    /// Takes up what [`HeadLoop::save`] wrote.
    pub fn restore(&mut self, run: &RunDir) -> Result<()> {
        let path = run.path().join(run_dir::LAST);
        if !path.exists() {
            return Ok(()); // stopped before its first epoch was done
        }
        let state = StateDict::load(&path, self.device)?;
        let damaged = || Error::new(format!("Cannot resume from {}", path.display())).hint("train anew");
        let note = |key: &str| state.metadata.get(key).ok_or_else(damaged);
        self.records = serde_json::from_str(note("epochs")?).map_err(|_| damaged())?;
        let best_epoch: usize = note("best_epoch")?.parse().map_err(|_| damaged())?;
        let best = self.records.iter().find(|record| record.epoch == best_epoch).copied().ok_or_else(damaged)?;
        self.head = Head::new(state.get("fc.weight")?, state.get("fc.bias")?)?;
        self.best = Some((Head::new(state.get("best.fc.weight")?, state.get("best.fc.bias")?)?, best));
        self.optimizer = Optimizer::new(&self.head.variables(), self.config)?;
        self.optimizer.restore(&state)
    }
}

impl Side {
    fn new(examples: &Examples, device: &Device) -> CandleResult<Self> {
        let count = examples.classes.len();
        let columns = examples.values.len() / count.max(1);
        let classes: Vec<u32> = examples.classes.iter().map(|class| class.index() as u32).collect();
        Ok(Self {
            features: Tensor::from_slice(&examples.values, (count, columns), device)?,
            classes: Tensor::from_vec(classes, count, device)?,
            count,
        })
    }
}

/// What an epoch is judged by: the validation loss, or without validation photos the training loss.
fn judged(record: &EpochRecord) -> f64 {
    record.val_loss.unwrap_or(record.train_loss)
}

fn count_right(logits: &Tensor, classes: &Tensor) -> CandleResult<f32> {
    logits.argmax(D::Minus1)?.eq(classes)?.to_dtype(DType::F32)?.sum_all()?.to_scalar()
}

/// Weights (2) that make both classes count alike: photos / (2 · photos of the class).
fn class_weights(classes: &[Class], device: &Device) -> CandleResult<Tensor> {
    let weights = Class::ALL.map(|class| {
        let count = classes.iter().filter(|c| **c == class).count();
        classes.len() as f32 / (2.0 * count.max(1) as f32)
    });
    Tensor::new(&weights, device)
}

fn cannot_train(cause: candle_core::Error) -> Error {
    let text = cause.to_string();
    Error::new("Cannot train the head").detail(text.lines().next().unwrap_or_default().to_owned())
}
