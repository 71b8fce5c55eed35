//! The last layer alone, on features that are there already.

use candle_core::Device;

use super::{Figures, Learner, Step, class_weights};
use crate::error::{Error, Result};
use crate::job::{Phase, Watch};
use crate::nn::head::{Fit, Head, Labelled};
use crate::nn::optimizer::Optimizer;
use crate::nn::state_dict::StateDict;
use crate::train::config::TrainConfig;

/// Trains a head, on the processor whatever the device.
pub struct HeadLearner<'a> {
    config: &'a TrainConfig,
    train: Vec<Labelled<'a>>,
    validation: Vec<Labelled<'a>>,
    class_weights: [f32; 2],
    head: Head,
    optimizer: Optimizer,
    best: Option<Head>,
}

impl<'a> HeadLearner<'a> {
    /// A head of random values, to be trained on `train`.
    ///
    /// # Errors
    /// Where there is no room.
    pub fn new(config: &'a TrainConfig, train: Vec<Labelled<'a>>, validation: Vec<Labelled<'a>>) -> Result<Self> {
        let columns = train.first().map_or(0, |(features, _)| features.len());
        let head = Head::random(columns, config.seed, &Device::Cpu)?;
        let classes = train.iter().map(|(_, class)| *class);
        let class_weights = if config.balance_classes { class_weights(classes) } else { [1.0; 2] };
        Ok(Self { optimizer: optimizer(&head, config)?, config, train, validation, class_weights, head, best: None })
    }

    /// The best epoch's head.
    ///
    /// # Errors
    /// Where no epoch was done.
    pub fn into_best(self) -> Result<Head> {
        self.best.ok_or_else(Error::cancelled)
    }
}

impl Learner for HeadLearner<'_> {
    fn count(&self) -> usize {
        self.train.len()
    }

    fn phase(&self) -> Phase {
        Phase::Train
    }

    fn photos_per_epoch(&self) -> usize {
        self.train.len() + self.validation.len()
    }

    fn step(&mut self, rows: &[u32], learning_rate: f64) -> Result<Step> {
        let photos = rows.iter().filter_map(|row| self.train.get(*row as usize).copied());
        let (Fit { loss, right }, slope) = self.head.slope(photos, self.class_weights)?;
        self.optimizer.step_head(&self.head, &slope, learning_rate)?;
        Ok(Step { loss: loss as f32, right: right as f32 })
    }

    fn evaluate(&mut self, _: &dyn Watch) -> Result<Option<Figures>> {
        if self.validation.is_empty() {
            return Ok(None);
        }
        let Fit { loss, right } = self.head.fit(&self.validation, self.class_weights)?;
        Ok(Some(Figures { loss, accuracy: right as f64 / self.validation.len() as f64 }))
    }

    fn head(&self) -> &Head {
        &self.head
    }

    fn keep(&mut self) -> Result<()> {
        self.best = Some(self.head.snapshot()?);
        Ok(())
    }

    fn store(&self, state: &mut StateDict) -> Result<()> {
        self.head.store(state, self.config.backbone);
        if let Some(best) = &self.best {
            let mut kept = StateDict::default();
            best.store(&mut kept, self.config.backbone);
            state.insert_under("best.", &kept);
        }
        self.optimizer.store(state)
    }

    fn restore(&mut self, state: &StateDict) -> Result<()> {
        self.head = Head::from_weights(state, self.config.backbone)?;
        self.best = Some(Head::from_weights(&state.under("best."), self.config.backbone)?);
        self.optimizer = optimizer(&self.head, self.config)?;
        self.optimizer.restore(state)
    }
}

fn optimizer(head: &Head, config: &TrainConfig) -> Result<Optimizer> {
    Optimizer::new(&head.variables().map(|variable| (variable, 1.0)), config)
}
