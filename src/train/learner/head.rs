//! The last layer alone, on features that are there already.

use candle_core::{Device, Result as CandleResult, Tensor};

use super::{Figures, Learner, Step, cannot_train, class_indices, class_weights, count_right};
use crate::dataset::Class;
use crate::error::{Error, Result};
use crate::job::{Phase, Watch};
use crate::nn::head::{self, Head};
use crate::nn::optimizer::Optimizer;
use crate::nn::state_dict::StateDict;
use crate::train::config::TrainConfig;

/// Features and classes of one side of the split.
#[derive(Clone, Debug, Default)]
pub struct Examples {
    /// Features (N, F) row by row.
    pub values: Vec<f32>,
    /// The class of each row.
    pub classes: Vec<Class>,
}

impl Examples {
    /// Adds one, if it has features.
    pub fn add(&mut self, features: Option<&[f32]>, class: Class) {
        if let Some(features) = features {
            self.values.extend_from_slice(features);
            self.classes.push(class);
        }
    }
}

/// The same on the device.
struct Side {
    features: Tensor,
    classes: Tensor,
    count: usize,
}

/// Trains a head.
pub struct HeadLearner<'a> {
    config: &'a TrainConfig,
    device: &'a Device,
    train: Side,
    validation: Option<Side>,
    class_weights: Option<Tensor>,
    head: Head,
    optimizer: Optimizer,
    best: Option<Head>,
}

impl<'a> HeadLearner<'a> {
    /// A head of random values, to be trained on `train`.
    ///
    /// # Errors
    /// Where the device has no room.
    pub fn new(config: &'a TrainConfig, device: &'a Device, train: Examples, validation: Examples) -> Result<Self> {
        let columns = train.values.len() / train.classes.len().max(1);
        let head = Head::random(columns, config.seed, device)?;
        let class_weights = config.balance_classes.then(|| class_weights(&train.classes, device)).transpose();
        let side = |examples| Side::new(examples, device).map_err(cannot_train);
        let validation = Some(validation).filter(|validation| !validation.classes.is_empty());
        Ok(Self {
            config,
            device,
            train: side(train)?,
            validation: validation.map(side).transpose()?,
            class_weights: class_weights.map_err(cannot_train)?,
            optimizer: optimizer(&head, config)?,
            head,
            best: None,
        })
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
        self.train.count
    }

    fn phase(&self) -> Phase {
        Phase::Train
    }

    fn photos_per_epoch(&self) -> usize {
        self.train.count + self.validation.as_ref().map_or(0, |side| side.count)
    }

    fn step(&mut self, rows: &[u32], learning_rate: f64) -> Result<Step> {
        let forward = || {
            let rows = Tensor::new(rows, self.device)?;
            let classes = self.train.classes.index_select(&rows, 0)?;
            let logits = self.head.logits(&self.train.features.index_select(&rows, 0)?)?;
            let loss = head::cross_entropy(&logits, &classes, self.class_weights.as_ref())?;
            let gradients = loss.backward()?;
            Ok((Step { loss: loss.to_scalar()?, right: count_right(&logits, &classes)? }, gradients))
        };
        let (step, gradients) = forward().map_err(cannot_train)?;
        self.optimizer.step(&gradients, learning_rate)?;
        Ok(step)
    }

    fn evaluate(&mut self, _: &dyn Watch) -> Result<Option<Figures>> {
        let Some(side) = &self.validation else { return Ok(None) };
        let figures = || {
            let logits = self.head.logits(&side.features)?;
            let loss: f32 = head::cross_entropy(&logits, &side.classes, self.class_weights.as_ref())?.to_scalar()?;
            let accuracy = f64::from(count_right(&logits, &side.classes)?) / side.count as f64;
            Ok(Figures { loss: f64::from(loss), accuracy })
        };
        figures().map(Some).map_err(cannot_train)
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

impl Side {
    /// Takes the examples over, since there may be hundreds of megabytes of them.
    fn new(examples: Examples, device: &Device) -> CandleResult<Self> {
        let count = examples.classes.len();
        let columns = examples.values.len() / count.max(1);
        Ok(Self {
            features: Tensor::from_vec(examples.values, (count, columns), device)?,
            classes: Tensor::from_vec(class_indices(&examples.classes), count, device)?,
            count,
        })
    }
}
