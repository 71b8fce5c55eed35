//! The files of a run that follow from what its model says: tables, plots and card.

use std::path::Path;

use super::observer::EpochRecord;
use super::run_dir::{self, RunRecord};
use crate::atomic_file::{self, Staged};
use crate::error::Result;
use crate::export::card;
use crate::export::plots::{self, Picture};
use crate::review::bootstrap;
use crate::review::metrics::Metrics;
use crate::review::predictions::{self, Prediction};
use crate::review::threshold::Threshold;

/// A run whose epochs are done.
pub(super) struct Finished<'a> {
    pub(super) record: &'a RunRecord,
    pub(super) epochs: &'a [EpochRecord],
    /// The epoch that was kept, from 1.
    pub(super) best_epoch: usize,
    /// What the model says of each photo.
    pub(super) predictions: &'a [Prediction],
    pub(super) threshold: Threshold,
}

/// A file of a run: its name and what it holds.
pub(super) type File = (String, Vec<u8>);

impl Finished<'_> {
    /// `predictions.csv`, `misclassified.csv` and the card, and the validation figures, or the training figures where no
    /// photos were held back.
    ///
    /// # Errors
    /// Where a table cannot be written, which does not happen in memory.
    pub(super) fn tables(&self) -> Result<(Vec<File>, Metrics)> {
        let judged = predictions::judged(self.predictions);
        let metrics = Metrics::of(judged.iter().copied(), self.threshold);
        let intervals = bootstrap::of_predictions(&judged, self.threshold, self.record.train.seed);
        let wrong = predictions::misclassified(self.predictions, self.threshold);
        let facts = card::CardFacts {
            record: self.record,
            metrics: &metrics,
            intervals: Some(&intervals),
            epochs: self.epochs,
            best_epoch: self.best_epoch,
        };
        let files = vec![
            (run_dir::PREDICTIONS.to_owned(), predictions::to_csv(self.predictions, self.threshold)?),
            (run_dir::MISCLASSIFIED.to_owned(), predictions::to_csv(&wrong, self.threshold)?),
            (run_dir::CARD.to_owned(), card::card(&facts).into_bytes()),
        ];
        Ok((files, metrics))
    }

    /// The plots.
    ///
    /// # Errors
    /// Where one cannot be drawn, which does not happen in memory.
    pub(super) fn pictures(&self) -> Result<Vec<Picture>> {
        plots::of_run(self.epochs, self.best_epoch, &predictions::judged(self.predictions), self.threshold)
    }
}

/// The files of plots.
pub(super) fn of_pictures(pictures: &[Picture]) -> Vec<File> {
    let both = |picture: &Picture| {
        let (svg, png) = (picture.svg.clone().into_bytes(), picture.png.clone());
        [(format!("{}.svg", picture.name), svg), (format!("{}.png", picture.name), png)]
    };
    pictures.iter().flat_map(both).collect()
}

/// Writes files of the run folder `run`, and puts others beside them that are written already: all of them or, where that
/// fails or the program is ended, none.
///
/// # Errors
/// Where one cannot be written.
pub(super) fn write(run: &Path, files: &[File], others: Vec<Staged>) -> Result<()> {
    let mut staged = atomic_file::stage_all(run, files)?;
    staged.extend(others);
    atomic_file::put(run, staged)
}
