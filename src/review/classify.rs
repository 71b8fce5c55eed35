//! A trained model over a folder of photos: labelled ones to evaluate it, unlabelled ones to classify.

use std::path::Path;

use super::bootstrap::{self, Intervals};
use super::predictions::Prediction;
use super::threshold::Threshold;
use crate::dataset::group::{self, Groups};
use crate::dataset::split::Split;
use crate::dataset::{Dataset, Problem};
use crate::error::Result;
use crate::nn::network::Model;
use crate::places::Places;
use crate::train::config::Compute;
use crate::train::features;
use crate::train::observer::{Event, FeatureReport, Observer};
use crate::train::predict::predict;
use crate::train::run_dir;

/// What a model says of a folder.
#[derive(Clone, Debug)]
pub struct Classified {
    /// One for each photo that can be read, in the order of the data set. Files of one content, and tiles cut from one
    /// photo, belong together.
    pub predictions: Vec<Prediction>,
    /// Probability from which a photo counts as cracked, as stored with the model.
    pub threshold: Threshold,
    /// How the features came about.
    pub features: FeatureReport,
}

impl Classified {
    /// The intervals of all figures over the labelled photos.
    pub fn intervals(&self, seed: u64) -> Intervals {
        let all: Vec<&Prediction> = self.predictions.iter().collect();
        bootstrap::of_predictions(&all, self.threshold, seed)
    }

    /// Photos that could not be read.
    pub fn unreadable(&self) -> &[Problem] {
        &self.features.unreadable
    }
}

/// Runs the model of `run` (a run folder or a model file) over `dataset`.
///
/// # Errors
/// Where there is no model, the device fails, or the user stops the job. Photos that cannot be read are listed in the
/// report; that features cannot be kept is a note.
pub fn classify(
    run: &Path,
    dataset: &Dataset,
    places: &Places,
    compute: Compute,
    observer: &dyn Observer,
) -> Result<Classified> {
    let model = Model::open(&run_dir::model_file(run)?, compute)?;
    let contents = group::content_keys(&dataset.samples, observer)?;
    if !contents.problems.is_empty() {
        dataset.check_there()?;
    }
    let (values, mut report, note) = features::extract(&model.network, dataset, &contents.keys, places, observer)?;
    note.into_iter().for_each(|note| observer.event(Event::Note(note)));
    report.unreadable.splice(0..0, contents.problems);
    let none = Split { parts: vec![None; dataset.samples.len()] };
    let together = Groups::identical(&contents.keys).with_sdnet_photos(dataset);
    let predictions = predict(&model, dataset, &values, (&none, &together))?;
    Ok(Classified { predictions, threshold: model.threshold, features: report })
}
