//! The run of this session, as far as it has got.

use std::path::PathBuf;

use super::steps::Steps;
use crate::app::worker::jobs::Trained;
use crate::dataset::split::Part;
use crate::error::Error;
use crate::job::{Phase, Progress};
use crate::train::observer::{EpochRecord, Event};

/// A run that was started in this window.
pub(super) struct Live {
    /// What it learns from.
    pub(super) photos: String,
    /// Epochs asked for.
    pub(super) planned: usize,
    /// Its folder, once it has one.
    pub(super) run: Option<PathBuf>,
    /// Photos to train on and to validate on.
    pub(super) divided: Option<(usize, usize)>,
    /// The figures of each epoch so far.
    pub(super) epochs: Vec<EpochRecord>,
    /// The best epoch so far.
    pub(super) best: Option<usize>,
    /// The loss of each step.
    pub(super) steps: Steps,
    /// How it ended.
    pub(super) end: Option<End>,
}

/// How a run ended.
pub(super) enum End {
    /// With a model.
    Finished {
        /// Whether the user ended it.
        stopped: bool,
        /// Share of the validation photos that are right.
        accuracy: Option<f64>,
        /// Validation photos that are wrong.
        wrong: usize,
        /// The epoch that was kept.
        best_epoch: usize,
        /// How long the epochs took.
        seconds: f64,
    },
    /// Without one.
    Failed(Error),
}

impl Live {
    pub(super) fn new(photos: String, planned: usize) -> Self {
        Self {
            photos,
            planned,
            run: None,
            divided: None,
            epochs: Vec::new(),
            best: None,
            steps: Steps::default(),
            end: None,
        }
    }

    pub(super) fn take(&mut self, event: &Event) {
        match event {
            Event::Started { run, .. } => self.run = Some(run.clone()),
            Event::Divided { train, validation, epochs, resumed } => {
                self.divided = Some((*train, *validation));
                self.planned = *epochs;
                self.epochs.clone_from(resumed);
            }
            Event::Epoch { record, best } => {
                self.epochs.push(*record);
                if *best {
                    self.best = Some(record.epoch);
                }
            }
            Event::Note(_) | Event::Features(_) | Event::Variants(_) | Event::Step { .. } | Event::Tried(_) => {}
            Event::Predicted { .. } => {}
        }
    }

    pub(super) fn finish(&mut self, trained: &Trained) {
        let verdict = &trained.verdict;
        let validated = |p: &&crate::review::predictions::Prediction| p.part == Some(Part::Validation);
        let best = trained.epochs.iter().find(|record| record.epoch == trained.best_epoch);
        self.best = Some(trained.best_epoch);
        self.end = Some(End::Finished {
            stopped: trained.stopped,
            accuracy: best.and_then(|record| record.val_accuracy),
            wrong: verdict.predictions.iter().filter(validated).filter(|p| p.is_wrong(verdict.threshold)).count(),
            best_epoch: trained.best_epoch,
            seconds: trained.epochs.last().map_or(0.0, |record| record.seconds),
        });
        self.epochs.clone_from(&trained.epochs);
        self.run.clone_from(&verdict.run);
    }

    /// The name of its folder.
    pub(super) fn name(&self) -> String {
        let name = self.run.as_ref().and_then(|run| run.file_name());
        name.map_or_else(|| "this run".to_owned(), |name| name.to_string_lossy().into_owned())
    }

    /// What it is doing.
    pub(super) fn phase(&self, progress: Option<Progress>) -> &'static str {
        progress.map_or("Preparing", |progress: Progress| match progress.phase {
            Phase::Train => "Training",
            phase => phase.title(),
        })
    }
}
