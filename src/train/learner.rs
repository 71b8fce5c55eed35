//! What the epochs train: the head alone on features that are there already, or deeper layers on photos.

mod deep;
mod head;
mod source;

use candle_core::{D, DType, Result as CandleResult, Tensor};

pub use self::deep::DeepLearner;
pub use self::head::HeadLearner;
pub use self::source::{Example, Maps, Photos, Source};
use crate::dataset::Class;
use crate::error::{Error, Result};
use crate::job::{Phase, Watch};
use crate::nn::head::Head;
use crate::nn::state_dict::StateDict;

/// Something that learns from numbered training photos and is judged by validation photos.
pub trait Learner {
    /// Training photos.
    fn count(&self) -> usize;

    /// What progress is counted in: [`Phase::Train`] for epochs, [`Phase::Tune`] for photos.
    fn phase(&self) -> Phase;

    /// Photos that go through the network in an epoch, those of the validation included.
    fn photos_per_epoch(&self) -> usize;

    /// An epoch begins, counted from 1: training photos that are varied anew in each change now.
    fn begin_epoch(&mut self, _epoch: usize) {}

    /// One step on these training photos.
    ///
    /// # Errors
    /// Where the device fails, or the user stops it.
    fn step(&mut self, rows: &[u32], learning_rate: f64) -> Result<Step>;

    /// How the validation photos fare now; nothing without validation photos.
    ///
    /// # Errors
    /// Where the device fails, or the user stops it.
    fn evaluate(&mut self, watch: &dyn Watch) -> Result<Option<Figures>>;

    /// The last layer as it stands.
    fn head(&self) -> &Head;

    /// Keeps what has been learned up to now as the best.
    ///
    /// # Errors
    /// Where the device has no room.
    fn keep(&mut self) -> Result<()>;

    /// Stores all that the next step depends on, and the best.
    ///
    /// # Errors
    /// Where the device fails.
    fn store(&self, state: &mut StateDict) -> Result<()>;

    /// Takes up what [`Learner::store`] stored.
    ///
    /// # Errors
    /// Where it was stored by another kind of run.
    fn restore(&mut self, state: &StateDict) -> Result<()>;
}

/// What a step found before it moved.
#[derive(Clone, Copy, Debug, Default)]
pub struct Step {
    /// Mean cross entropy over its photos.
    pub loss: f32,
    /// How many were right.
    pub right: f32,
}

/// Figures over all validation photos.
#[derive(Clone, Copy, Debug)]
pub struct Figures {
    /// Mean cross entropy.
    pub loss: f64,
    /// Share that is right.
    pub accuracy: f64,
}

fn count_right(logits: &Tensor, classes: &Tensor) -> CandleResult<f32> {
    logits.argmax(D::Minus1)?.eq(classes)?.to_dtype(DType::F32)?.sum_all()?.to_scalar()
}

fn class_indices(classes: &[Class]) -> Vec<u32> {
    classes.iter().map(|class| class.index() as u32).collect()
}

fn cannot_train(cause: candle_core::Error) -> Error {
    let text = cause.to_string();
    Error::new("Cannot train").detail(text.lines().next().unwrap_or_default().to_owned())
}
