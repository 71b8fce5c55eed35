//! The epochs: steps, validation, the best epoch, and what is kept to go on with.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rand::seq::SliceRandom;

use super::config::TrainConfig;
use super::learner::Learner;
use super::observer::{EpochRecord, Event, Observer};
use super::run_dir::{self, Results, RunDir};
use super::schedule;
use crate::error::{Error, Result};
use crate::export::tensorboard::EventLog;
use crate::job::{Flag, Meter, Phase, Progress, Watch, wait_while};
use crate::nn::head::Head;
use crate::nn::random;
use crate::nn::state_dict::StateDict;

/// First stream of random numbers for the order of photos; each epoch has its own, so that a resumed run goes on as
/// the uninterrupted one would have.
const ORDER_STREAM: u64 = 1000;

/// How the epochs went.
pub struct Epochs {
    /// The best one, from 1.
    pub best_epoch: usize,
    /// The figures of each.
    pub records: Vec<EpochRecord>,
    /// Whether the user stopped before the last.
    pub stopped: bool,
    /// All that the next epoch would depend on, where it was not written.
    last: Option<StateDict>,
}

impl Epochs {
    /// Writes what a run folder keeps of the epochs, for those that ran without one. Of the last layer the events hold
    /// the values of `head` alone, in the best epoch.
    ///
    /// # Errors
    /// Where the run folder cannot be written.
    pub fn write(&self, run: &RunDir, head: &Head) -> Result<()> {
        let Some(last) = &self.last else { return Ok(()) };
        run.write_state(last)?;
        let (before, after) = self.records.split_at(self.best_epoch.saturating_sub(1).min(self.records.len()));
        let mut written = Written::begin(run, before)?;
        after.iter().enumerate().try_for_each(|(i, record)| match i {
            0 => written.add(record, head),
            _ => written.add_figures(record),
        })
    }
}

/// A training run between two epochs.
pub struct EpochLoop<'a> {
    config: &'a TrainConfig,
    observer: &'a dyn Observer,
    learner: &'a mut dyn Learner,
    best: Option<EpochRecord>,
    records: Vec<EpochRecord>,
}

/// The observer as validation sees it: asked whether to go on, it first waits for as long as the user holds the run.
struct Holding<'a> {
    observer: &'a dyn Observer,
    held: Mutex<Duration>,
}

/// Sums over the steps of an epoch.
#[derive(Default)]
struct Tally {
    loss: f64,
    right: f64,
    learning_rate: f64,
    held: Duration,
}

/// What grows in the run folder by an epoch at a time.
struct Written<'a> {
    run: &'a RunDir,
    results: Results,
    events: EventLog,
}

impl<'a> Written<'a> {
    /// Begins the files with the epochs that are done.
    fn begin(run: &'a RunDir, done: &[EpochRecord]) -> Result<Self> {
        let (results, events) = (run.begin_results(done)?, EventLog::begin(run.path(), done)?);
        Ok(Self { run, results, events })
    }

    /// Adds an epoch whose last layer is not known.
    fn add_figures(&mut self, record: &EpochRecord) -> Result<()> {
        self.results.add(record)?;
        self.events.add_epoch(record, &[])
    }

    /// Adds an epoch, and the last layer after it.
    fn add(&mut self, record: &EpochRecord, head: &Head) -> Result<()> {
        self.results.add(record)?;
        let (weight, bias) = head.values()?;
        self.events.add_epoch(record, &[("weight", weight), ("bias", bias)])
    }
}

impl<'a> EpochLoop<'a> {
    /// A run that has not begun.
    pub fn new(config: &'a TrainConfig, observer: &'a dyn Observer, learner: &'a mut dyn Learner) -> Self {
        Self { config, observer, learner, best: None, records: Vec::new() }
    }

    /// The figures of the epochs done so far.
    pub fn records(&self) -> &[EpochRecord] {
        &self.records
    }

    /// Trains until the last epoch, until it no longer helps, or until the user stops it. The learner has then kept the
    /// best epoch. Without a run folder nothing is written.
    ///
    /// # Errors
    /// Where the device or the run folder fails, the loss is no longer a number, or the user stops it before the first
    /// epoch is done.
    pub fn run(mut self, run: Option<&RunDir>) -> Result<Epochs> {
        let mut written = run.map(|run| Written::begin(run, &self.records)).transpose()?;
        let phase = self.learner.phase();
        let unit = if phase == Phase::Train { 1 } else { self.learner.photos_per_epoch() };
        let mut meter = Meter::new(self.observer, phase, Some((self.config.epochs * unit) as u64));
        if !self.records.is_empty() {
            meter.resume((self.records.len() * unit) as u64);
        }
        let mut stopped = false;
        while self.records.len() < self.config.epochs && !self.is_stuck() {
            if !self.epoch(written.as_mut(), &mut meter)? {
                stopped = true;
                break;
            }
            meter.set((self.records.len() * unit) as u64);
        }
        let last = if run.is_none() && self.best.is_some() { Some(self.state()?) } else { None };
        let best = self.best.ok_or_else(Error::cancelled)?;
        Ok(Epochs { best_epoch: best.epoch, records: self.records, stopped, last })
    }

    /// One epoch; false where the user stopped it half-way.
    fn epoch(&mut self, written: Option<&mut Written<'_>>, meter: &mut Meter<'_>) -> Result<bool> {
        let epoch = self.records.len() + 1;
        let before = self.records.last().map_or(0.0, |record| record.seconds);
        let begun = Instant::now();
        let Some(tally) = self.steps(epoch, meter)? else { return Ok(false) };
        let holding = Holding::new(self.observer);
        let figures = match self.learner.evaluate(&holding) {
            Err(error) if error.is_cancelled() => return Ok(false),
            figures => figures?,
        };
        meter.leave_out(holding.held());
        let count = self.learner.count() as f64;
        let record = EpochRecord {
            epoch,
            seconds: before + begun.elapsed().saturating_sub(tally.held + holding.held()).as_secs_f64(),
            learning_rate: tally.learning_rate,
            train_loss: tally.loss / count,
            train_accuracy: tally.right / count,
            val_loss: figures.map(|figures| figures.loss),
            val_accuracy: figures.map(|figures| figures.accuracy),
        };
        if !judged(&record).is_finite() {
            return Err(Error::new("The loss is no longer a number").hint("train again with a lower learning rate"));
        }
        let best = self.best.as_ref().is_none_or(|best| judged(&record) < judged(best));
        if best {
            self.learner.keep()?;
            self.best = Some(record);
        }
        self.records.push(record);
        if let Some(written) = written {
            self.save(written.run)?;
            written.add(&record, self.learner.head())?;
        }
        self.observer.event(Event::Epoch { record, best });
        Ok(true)
    }

    /// All steps of an epoch; `None` where the user stopped it.
    fn steps(&mut self, epoch: usize, meter: &mut Meter<'_>) -> Result<Option<Tally>> {
        self.learner.begin_epoch(epoch);
        let order = self.order(epoch);
        let steps_per_epoch = order.len().div_ceil(self.config.batch_size);
        let mut tally = Tally::default();
        for (index, batch) in order.chunks(self.config.batch_size).enumerate() {
            let held = wait_while_held(self.observer);
            tally.held += held;
            meter.leave_out(held);
            if self.observer.is_cancelled() {
                return Ok(None);
            }
            let step = (epoch - 1) * steps_per_epoch + index;
            tally.learning_rate = self.learning_rate(step, steps_per_epoch);
            let found = match self.learner.step(batch, tally.learning_rate) {
                Err(error) if error.is_cancelled() => return Ok(None),
                found => found?,
            };
            tally.loss += f64::from(found.loss) * batch.len() as f64;
            tally.right += f64::from(found.right);
            if self.learner.phase() == Phase::Tune {
                meter.add(batch.len() as u64);
            }
            self.observer.event(Event::Step { step: step + 1, steps_per_epoch, loss: found.loss });
        }
        Ok(Some(tally))
    }

    fn learning_rate(&self, step: usize, steps_per_epoch: usize) -> f64 {
        let config = self.config;
        let rate = config.schedule.rate(config.learning_rate, step, steps_per_epoch * config.epochs);
        rate * schedule::warmup(step, config.warmup_epochs * steps_per_epoch as f64)
    }

    fn order(&self, epoch: usize) -> Vec<u32> {
        let mut order: Vec<u32> = (0..self.learner.count() as u32).collect();
        order.shuffle(&mut random::generator(self.config.seed, ORDER_STREAM + epoch as u64));
        order
    }

    /// Whether the validation loss has not become better for as long as the user is willing to wait.
    fn is_stuck(&self) -> bool {
        let (Some(patience), Some(best)) = (self.config.patience, &self.best) else { return false };
        self.records.len() >= best.epoch + patience
    }

    /// Writes all that the next epoch depends on.
    fn save(&self, run: &RunDir) -> Result<()> {
        run.write_state(&self.state()?)
    }

    fn state(&self) -> Result<StateDict> {
        let mut state = StateDict::default();
        self.learner.store(&mut state)?;
        if let Some(best) = &self.best {
            state.metadata.insert("best_epoch".into(), best.epoch.to_string());
        }
        let records = serde_json::to_string(&self.records).map_err(|e| Error::new(e.to_string()))?;
        state.metadata.insert("epochs".into(), records);
        Ok(state)
    }

    /// Takes up what an earlier part of the run left; nothing where it was stopped before its first epoch was done.
    ///
    /// # Errors
    /// Where what it left is damaged.
    pub fn restore(&mut self, run: &RunDir, device: &candle_core::Device) -> Result<()> {
        let path = run.path().join(run_dir::LAST);
        if !path.exists() {
            return Ok(());
        }
        let state = StateDict::load(&path, device)?;
        let damaged = || Error::new(format!("Cannot resume from {}", path.display())).hint("train anew");
        let note = |key: &str| state.metadata.get(key).ok_or_else(damaged);
        self.records = serde_json::from_str(note("epochs")?).map_err(|_| damaged())?;
        let best_epoch: usize = note("best_epoch")?.parse().map_err(|_| damaged())?;
        let best = self.records.iter().find(|record| record.epoch == best_epoch).copied().ok_or_else(damaged)?;
        self.best = Some(best);
        self.learner.restore(&state)
    }
}

impl<'a> Holding<'a> {
    fn new(observer: &'a dyn Observer) -> Self {
        Self { observer, held: Mutex::default() }
    }

    /// How long it has waited.
    fn held(&self) -> Duration {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watch for Holding<'_> {
    fn progress(&self, progress: Progress) {
        self.observer.progress(progress);
    }

    fn is_cancelled(&self) -> bool {
        self.observer.is_cancelled()
    }

    fn flag(&self) -> Flag {
        self.observer.flag()
    }

    fn check(&self) -> Result<()> {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) += wait_while_held(self.observer);
        self.observer.check()
    }
}

fn wait_while_held(observer: &dyn Observer) -> Duration {
    wait_while(|| observer.is_paused() && !observer.is_cancelled())
}

/// What an epoch is judged by: the validation loss, or without validation photos the training loss.
fn judged(record: &EpochRecord) -> f64 {
    record.val_loss.unwrap_or(record.train_loss)
}
