//! What a training run tells whoever watches it.
//!
//! The window, the terminal and the tests implement [`Observer`]; training knows nothing of them.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::rate_finder::Reading;
use crate::dataset::Problem;
use crate::format;
use crate::job::Watch;
use crate::review::predictions::Prediction;
use crate::review::threshold::Threshold;

/// Watches a training run, can pause it and, as a [`Watch`], stop it. Stopping during epochs keeps the best one.
pub trait Observer: Watch {
    /// Something happened. Called from the training thread.
    fn event(&self, event: Event);

    /// Whether the run should wait before its next step.
    fn is_paused(&self) -> bool {
        false
    }
}

/// What happened. How far a phase is comes through [`Watch::progress`].
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The run has its folder, its device and its weights.
    Started {
        /// The run folder.
        run: PathBuf,
        /// The device, for people.
        device: String,
    },
    /// Something that the user should know, such as a fall-back to another device.
    Note(String),
    /// Every photo has its features.
    Features(FeatureReport),
    /// Every variant of a training photo has its features.
    Variants(FeatureReport),
    /// The photos are divided and training begins.
    Divided {
        /// Photos to train on.
        train: usize,
        /// Photos to validate on.
        validation: usize,
        /// Epochs to come, those of a resumed run included.
        epochs: usize,
        /// Epochs already done by an earlier part of a resumed run.
        resumed: Vec<EpochRecord>,
    },
    /// One step was taken.
    Step {
        /// Steps since the beginning of the run, from 1.
        step: usize,
        /// Steps in one epoch.
        steps_per_epoch: usize,
        /// Mean cross entropy over the batch, before the step.
        loss: f32,
    },
    /// A step of a search for the learning rate was taken.
    Tried(Reading),
    /// An epoch ended.
    Epoch {
        /// Its figures.
        record: EpochRecord,
        /// Whether it is the best so far.
        best: bool,
    },
    /// What the best epoch's model says, before the run folder is written.
    Predicted {
        /// The run folder.
        run: PathBuf,
        /// Of each photo that can be read.
        predictions: Vec<Prediction>,
        /// Probability from which a photo counts as cracked.
        threshold: Threshold,
    },
}

/// How the features of photos, or of their variants, came about.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FeatureReport {
    /// Photos whose features were computed now.
    pub computed: usize,
    /// Photos whose features were in the cache.
    pub cached: usize,
    /// Photos that are copies of one whose features were computed now.
    pub copies: usize,
    /// Photos that cannot be read.
    pub unreadable: Vec<Problem>,
    /// How long it took, in seconds.
    pub seconds: f64,
}

impl FeatureReport {
    /// The report in one sentence, for people.
    pub fn summary(&self) -> String {
        self.summary_of("Features")
    }

    /// The same of `what`: "Features", "Variants".
    pub fn summary_of(&self, what: &str) -> String {
        let count = |n: usize| format::count(n as u64);
        if self.computed == 0 {
            return format!("{what}: all {} from the cache, none computed", count(self.cached));
        }
        let rate = if self.seconds > 0.0 { self.computed as f64 / self.seconds } else { 0.0 };
        let mut text = format!("{what}: {} computed at {}", count(self.computed), format::rate(rate));
        if self.cached > 0 {
            text += &format!(", {} from the cache", count(self.cached));
        }
        if self.copies > 0 {
            text += &format!(", {} shared by identical files", count(self.copies));
        }
        text
    }
}

/// The figures of one epoch: a line of `results.csv`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// Counted from 1.
    pub epoch: usize,
    /// Seconds since training began, pauses left out.
    pub seconds: f64,
    /// Learning rate of the last step.
    pub learning_rate: f64,
    /// Mean cross entropy over the training photos, each taken before its step.
    pub train_loss: f64,
    /// Share of the training photos that were right before their step.
    pub train_accuracy: f64,
    /// Mean cross entropy over the validation photos after the epoch; none without validation photos.
    pub val_loss: Option<f64>,
    /// Share of the validation photos that are right after the epoch.
    pub val_accuracy: Option<f64>,
}
