//! What is open in the window: the photos, and what a model said of them. Plain data, shared by the tabs.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use super::worker::curation::Grouped;
use crate::app::tabs::browse::SavedView;
use crate::dataset::labels::{Changed, Labels};
use crate::dataset::split::Part;
use crate::dataset::{Class, Dataset, Problem, Sample};
use crate::review::predictions::{Outcome, Prediction};
use crate::review::threshold::Threshold;

/// The photos that are open and the predictions laid over them.
#[derive(Clone, Default)]
pub struct Session {
    /// The open photos, if any.
    pub dataset: Option<Arc<Dataset>>,
    /// What a run said of them, if a run is open.
    pub verdict: Option<Arc<Verdict>>,
    /// A threshold that is tried in the window; the run's own holds where none is.
    pub tried: Option<Threshold>,
    /// What belongs together among the photos, where that was looked for.
    pub groups: Option<Arc<Grouped>>,
    /// What was done to the labels of the open photos, to be undone.
    pub labels: Labels,
    /// Views of these photos that were saved.
    pub views: Vec<SavedView>,
    /// Photos found to be unreadable, by their name in the data set.
    pub unreadable: HashMap<String, Problem>,
    /// Grows whenever folders are listed.
    pub listed: u64,
    /// Grows with every change, so that views know when their lists are stale.
    pub revision: u64,
    /// Grows with every run that is opened, so that what one model says is not taken for what another does: a run may
    /// have the path of one that was deleted.
    pub opened: u64,
}

/// What one run, or a cross-validation, said of the open photos.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The run folder; none where no single model said it, as in a cross-validation.
    pub run: Option<PathBuf>,
    /// Its short name.
    pub name: String,
    /// Probability from which a photo counts as cracked, as the run has it.
    pub threshold: Threshold,
    /// Every prediction, as stored in the run or made now.
    pub predictions: Vec<Prediction>,
    /// Index into `predictions` for each photo of the data set; `None` where the run says nothing of it.
    pub of_sample: Vec<Option<usize>>,
    /// Whether these predictions were made for an unlabelled folder rather than by training.
    pub classified: bool,
}

/// One photo with everything that is known of it.
#[derive(Clone, Copy)]
pub struct Item<'a> {
    /// Its index in the data set.
    pub index: usize,
    /// The photo.
    pub sample: &'a Sample,
    /// What the model said, if anything.
    pub prediction: Option<&'a Prediction>,
    /// The threshold that holds.
    pub threshold: Threshold,
}

impl Session {
    /// Number of open photos.
    pub fn len(&self) -> usize {
        self.dataset.as_ref().map_or(0, |dataset| dataset.samples.len())
    }

    /// Whether no photo is open.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether one model said what lies over the photos, so that it can be asked why.
    pub fn has_model(&self) -> bool {
        self.verdict.as_ref().is_some_and(|verdict| verdict.run.is_some())
    }

    /// Does something to the labels; what follows from them is brought up to date. `None` where nothing came of it.
    pub fn relabel(&mut self, act: impl FnOnce(&mut Labels, &mut Dataset) -> Option<Changed>) -> Option<Changed> {
        // A job that looks at the photos keeps them as they were; without one, nothing is copied.
        let dataset = Arc::make_mut(self.dataset.as_mut()?);
        let changed = act(&mut self.labels, dataset)?;
        if let Some(verdict) = &mut self.verdict {
            let verdict = Arc::make_mut(verdict);
            for &index in &changed.photos {
                verdict.follow(dataset, index);
            }
        }
        self.revision += 1;
        Some(changed)
    }

    /// Lets what lies over the photos go by the labels in force.
    pub fn follow_labels(&mut self) {
        let (Some(dataset), Some(verdict)) = (&self.dataset, &mut self.verdict) else { return };
        let other = |index: &usize| {
            let prediction = verdict.of_sample.get(*index).and_then(|at| verdict.predictions.get((*at)?));
            prediction
                .is_some_and(|prediction| dataset.samples.get(*index).is_some_and(|s| s.label != prediction.truth))
        };
        let others: Vec<usize> = (0..dataset.samples.len()).filter(other).collect();
        if !others.is_empty() {
            let verdict = Arc::make_mut(verdict);
            others.into_iter().for_each(|index| verdict.follow(dataset, index));
        }
    }

    /// Every tag on the open photos, with the number of photos that have it.
    pub fn tags(&self) -> BTreeMap<String, usize> {
        let mut tags = BTreeMap::new();
        for tag in self.dataset.iter().flat_map(|dataset| &dataset.samples).flat_map(|sample| &sample.tags) {
            match tags.get_mut(tag) {
                Some(count) => *count += 1,
                None => _ = tags.insert(tag.clone(), 1),
            }
        }
        tags
    }

    /// The photo at `index` with its prediction.
    pub fn item(&self, index: usize) -> Option<Item<'_>> {
        let sample = self.dataset.as_ref()?.samples.get(index)?;
        let verdict = self.verdict.as_deref();
        let prediction = verdict.and_then(|v| v.predictions.get((*v.of_sample.get(index)?)?));
        Some(Item { index, sample, prediction, threshold: self.threshold() })
    }

    /// The threshold that holds: the one that is tried, or else the run's own.
    pub fn threshold(&self) -> Threshold {
        self.tried.or(self.verdict.as_ref().map(|verdict| verdict.threshold)).unwrap_or_default()
    }
}

impl Verdict {
    /// Takes the label of one photo for the truth.
    fn follow(&mut self, dataset: &Dataset, index: usize) {
        let prediction = self.of_sample.get(index).and_then(|at| self.predictions.get_mut((*at)?));
        if let (Some(prediction), Some(sample)) = (prediction, dataset.samples.get(index)) {
            prediction.truth = sample.label;
        }
    }
}

impl Item<'_> {
    /// The class that the model says, if it says anything and no person is to decide.
    pub fn predicted(&self) -> Option<Class> {
        self.prediction.and_then(|p| p.said(self.threshold))
    }

    /// Whether a person is to decide.
    pub fn is_unsure(&self) -> bool {
        self.prediction.is_some_and(|p| self.threshold.is_unsure(p.p_positive))
    }

    /// Probability of being cracked.
    pub fn p_positive(&self) -> Option<f32> {
        self.prediction.map(|p| p.p_positive)
    }

    /// How label and prediction compare.
    pub fn outcome(&self) -> Option<Outcome> {
        Some(Outcome::of(self.sample.label?, self.predicted()?))
    }

    /// The side of the split that the photo was on.
    pub fn part(&self) -> Option<Part> {
        self.prediction.and_then(|p| p.part)
    }

    /// Cross entropy of the prediction, where the photo has a label.
    pub fn loss(&self) -> Option<f32> {
        self.prediction.and_then(Prediction::loss)
    }
}
