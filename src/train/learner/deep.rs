//! The last block, or every layer, together with the head.

use candle_core::{Device, Tensor};

use super::{Example, Figures, Learner, Source, Step, cannot_train, class_indices, count_right};
use crate::error::{Error, Result};
use crate::job::{Flag, Phase, Watch};
use crate::nn::architecture::{Start, Statistics};
use crate::nn::head::{self, Head, class_weights};
use crate::nn::optimizer::Optimizer;
use crate::nn::state_dict::StateDict;
use crate::nn::trainable::Trainable;
use crate::train::config::TrainConfig;

/// Validation photos that go through the network together.
const EVALUATED: usize = 32;

/// Trains a backbone, from some layer on, and its head.
pub struct DeepLearner<'a> {
    config: &'a TrainConfig,
    device: &'a Device,
    start: Start,
    source: Source<'a>,
    train: Vec<Example>,
    validation: Vec<Example>,
    class_weights: Option<Tensor>,
    backbone: Trainable,
    head: Head,
    optimizer: Optimizer,
    best: Option<StateDict>,
    stop: Flag,
}

impl<'a> DeepLearner<'a> {
    /// Layers of `weights` from `start` on, and a head of random values. `train` and `validation` are photos by their
    /// number in the data set, as `source` knows them; which variants those of `train` are is overridden where `source`
    /// varies photos in every epoch.
    ///
    /// # Errors
    /// Where the device has no room.
    pub fn new(
        config: &'a TrainConfig,
        device: &'a Device,
        weights: &StateDict,
        start: Start,
        source: Source<'a>,
        train: Vec<Example>,
        validation: Vec<Example>,
    ) -> Result<Self> {
        let backbone = Trainable::new(config.backbone, weights, start)?;
        let head = Head::random(config.backbone.features(), config.seed, device)?;
        let weights = || class_weights(train.iter().map(|example| example.class.index()));
        let class_weights = config.balance_classes.then(|| Tensor::new(&weights(), device)).transpose();
        Ok(Self {
            optimizer: optimizer(&backbone, &head, config)?,
            class_weights: class_weights.map_err(cannot_train)?,
            best: None,
            stop: Flag::default(),
            config,
            device,
            start,
            source,
            train,
            validation,
            backbone,
            head,
        })
    }

    /// Ends steps and evaluations as cancelled, within a part of a second, once this is set.
    pub fn stopped_by(mut self, stop: Flag) -> Self {
        self.backbone.stopped_by(stop.clone());
        self.stop = stop;
        self
    }

    /// What was found, or, where it was stopped meanwhile, that it was.
    fn unless_stopped<T>(&self, found: Result<T>) -> Result<T> {
        if found.is_err() && self.stop.get() { Err(Error::cancelled()) } else { found }
    }

    /// All tensors of the best epoch's backbone, and its head.
    ///
    /// # Errors
    /// Where no epoch was done.
    pub fn into_best(self) -> Result<(StateDict, Head)> {
        let mut best = self.best.ok_or_else(Error::cancelled)?;
        let head = Head::from_weights(&best, self.config.backbone)?;
        best.retain(|name| !head::is_head(name));
        Ok((best, head))
    }

    /// Backbone and head as they stand, under torchvision's names.
    fn weights(&self) -> Result<StateDict> {
        let mut weights = self.backbone.weights()?;
        self.head.snapshot()?.store(&mut weights, self.config.backbone);
        Ok(weights)
    }

    /// Classes and logits of some examples, those that can still be read; none where none can.
    fn logits(&mut self, examples: &[Example], statistics: Statistics) -> Result<Option<(Tensor, Tensor)>> {
        let (input, classes) = self.source.batch(examples, &self.stop)?;
        if classes.is_empty() {
            return Ok(None);
        }
        if self.stop.get() {
            return Err(Error::cancelled());
        }
        let input = input.to_device(self.device).map_err(cannot_train)?;
        let features = self.backbone.features(input, statistics);
        let features = self.unless_stopped(features)?;
        let run = || {
            let classes = Tensor::from_vec(class_indices(&classes), classes.len(), self.device)?;
            Ok((classes, self.head.logits(&features)?))
        };
        run().map(Some).map_err(cannot_train)
    }
}

impl Learner for DeepLearner<'_> {
    fn count(&self) -> usize {
        self.train.len()
    }

    fn phase(&self) -> Phase {
        Phase::Tune
    }

    fn photos_per_epoch(&self) -> usize {
        self.train.len() + self.validation.len()
    }

    fn begin_epoch(&mut self, epoch: usize) {
        if self.source.varies_by_epoch() {
            self.train.iter_mut().for_each(|example| example.variant = epoch as u32);
        }
    }

    fn step(&mut self, rows: &[u32], learning_rate: f64) -> Result<Step> {
        let photos: Vec<_> = rows.iter().filter_map(|row| self.train.get(*row as usize).copied()).collect();
        let statistics = if self.config.train_statistics { Statistics::Batch } else { Statistics::Frozen };
        let Some((classes, logits)) = self.logits(&photos, statistics)? else { return Ok(Step::default()) };
        let backward = || {
            let loss = head::cross_entropy(&logits, &classes, self.class_weights.as_ref())?;
            let step = Step { loss: loss.to_scalar()?, right: count_right(&logits, &classes)? };
            Ok((step, loss.backward()?))
        };
        let derived = backward().map_err(cannot_train);
        let (step, mut gradients) = self.unless_stopped(derived)?;
        self.backbone.collect(&mut gradients)?;
        self.optimizer.step(|variable| gradients.get(variable), learning_rate)?;
        Ok(step)
    }

    fn evaluate(&mut self, watch: &dyn Watch) -> Result<Option<Figures>> {
        let validation = std::mem::take(&mut self.validation);
        let sums = validation.chunks(EVALUATED).try_fold([0.0; 4], |[loss, weight, right, count], photos| {
            watch.check()?;
            let Some((classes, logits)) = self.logits(photos, Statistics::Frozen)? else {
                return Ok([loss, weight, right, count]);
            };
            let part = || {
                let weights = self.class_weights.as_ref();
                let mean: f32 = head::cross_entropy(&logits, &classes, weights)?.to_scalar()?;
                let share: f32 = match weights {
                    Some(weights) => weights.index_select(&classes, 0)?.sum_all()?.to_scalar()?,
                    None => classes.elem_count() as f32,
                };
                Ok((f64::from(mean), f64::from(share), f64::from(count_right(&logits, &classes)?)))
            };
            let (mean, share, correct) = part().map_err(cannot_train)?;
            Ok([loss + mean * share, weight + share, right + correct, count + classes.elem_count() as f64])
        });
        self.validation = validation;
        let [loss, weight, right, count] = sums?;
        Ok((count > 0.0).then(|| Figures { loss: loss / weight, accuracy: right / count }))
    }

    fn head(&self) -> &Head {
        &self.head
    }

    fn keep(&mut self) -> Result<()> {
        self.best = Some(self.weights()?);
        Ok(())
    }

    fn store(&self, state: &mut StateDict) -> Result<()> {
        state.insert_under("", &self.weights()?);
        if let Some(best) = &self.best {
            state.insert_under("best.", best);
        }
        self.optimizer.store(state)
    }

    fn restore(&mut self, state: &StateDict) -> Result<()> {
        self.best = Some(state.under("best."));
        let mut weights = state.under("");
        weights.retain(|name| !name.starts_with("best.") && !name.starts_with("optimizer."));
        self.head = Head::from_weights(&weights, self.config.backbone)?;
        weights.retain(|name| !head::is_head(name));
        self.backbone = Trainable::new(self.config.backbone, &weights, self.start)?;
        self.backbone.stopped_by(self.stop.clone());
        self.optimizer = optimizer(&self.backbone, &self.head, self.config)?;
        self.optimizer.restore(state)
    }
}

fn optimizer(backbone: &Trainable, head: &Head, config: &TrainConfig) -> Result<Optimizer> {
    let factor = config.backbone_learning_rate / config.learning_rate;
    let of_backbone = backbone.variables().into_iter().map(|variable| (variable, factor));
    let of_head = head.variables().map(|variable| (variable, 1.0));
    Optimizer::new(&of_backbone.chain(of_head).collect::<Vec<_>>(), config.optimizer())
}
