//! A head for each fold of the photos, trained without them, and what it says of them: the training for a
//! cross-validation, on features that are computed once.

use super::config::{TrainConfig, Tune};
use super::epochs::EpochLoop;
use super::features::Features;
use super::ground::{Ground, Input};
use super::grouping::Grouping;
use super::learner::HeadLearner;
use super::observer::{Event, FeatureReport, Observer};
use super::sides;
use crate::dataset::group::Groups;
use crate::dataset::split::folds::{self, Folds};
use crate::dataset::split::{self, Part, SplitConfig, SplitKind};
use crate::dataset::{Dataset, Sample};
use crate::error::{Error, Result};
use crate::job::{Phase, Progress, Watch};
use crate::places::Places;
use crate::review::predictions::Prediction;

/// What the heads of all folds came to.
#[derive(Clone, Debug)]
pub struct OutOfFold {
    /// What is said of each labelled photo that can be read, by the head that has not seen it; in the order of the data
    /// set.
    pub predictions: Vec<Prediction>,
    /// The fold of each prediction, from 0.
    pub fold_of: Vec<usize>,
    /// How each fold went.
    pub folds: Vec<FoldRecord>,
    /// How the features came about.
    pub features: FeatureReport,
}

/// How one fold went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct FoldRecord {
    /// Photos that its head learned from.
    pub train: usize,
    /// Photos that its best epoch was chosen by.
    pub validation: usize,
    /// Photos held back from both.
    pub held_back: usize,
    /// The epoch whose head was kept, from 1.
    pub best_epoch: usize,
}

/// Why these layers cannot be cross-validated, if so.
pub fn why_not(tune: Tune) -> Option<&'static str> {
    (tune != Tune::Head).then_some(
        "Cross-validation trains the last layer alone, on features computed once; deeper layers would take a full \
         training for each fold",
    )
}

/// Divides the labelled photos into `count` folds and trains a head for each, with the settings of a run: of the photos
/// outside of the fold some are held back to choose the best epoch by, as the split of the settings says, and it learns
/// from the others. The fold itself plays no part in the training. A split by folder has no meaning here: groups are
/// kept together instead.
///
/// The thread that calls this opens the device and keeps it.
///
/// # Errors
/// Where settings make no sense, more than the last layer is to be trained, weights cannot be had, photos are too few,
/// the device fails, or the user stops it.
pub fn out_of_fold(
    dataset: &Dataset,
    config: &TrainConfig,
    count: usize,
    places: &Places,
    observer: &dyn Observer,
) -> Result<OutOfFold> {
    config.validate()?;
    folds::check_count(count)?;
    if let Some(reason) = why_not(config.tune) {
        return Err(Error::usage("Only a frozen backbone can be cross-validated").detail(reason));
    }
    let ground = Ground::lay(dataset, config, places, None, observer)?;
    let by = (kind(config.split.kind), &config.groups);
    let groups = Grouping::for_split(dataset, &ground.keys, by, places, observer)?.groups;
    out_of_fold_on(ground, dataset, &groups, count, observer)
}

/// As [`out_of_fold`], on ground that is laid already, with the settings it was laid with; `groups` stay together.
///
/// # Errors
/// As [`out_of_fold`].
pub fn out_of_fold_on(
    ground: Ground,
    dataset: &Dataset,
    groups: &Groups,
    count: usize,
    observer: &dyn Observer,
) -> Result<OutOfFold> {
    let Ground { config, prepared, .. } = ground;
    let Input::Features(features) = prepared.input else { return Err(Error::new("There are no features")) };
    let split = SplitConfig { kind: kind(config.split.kind), ..config.split };
    let samples = sides::taking_part(dataset, &prepared.readable);
    let folds = Folds::divide(&samples, groups, count, split.seed)?;
    let phase = Phase::Folds;
    let job = Job { dataset, config: &config, features: &features, observer, phase, count };
    let mut records = Vec::with_capacity(count);
    let mut predictions = Vec::with_capacity(samples.len());
    for fold in 0..count {
        let held_back: Vec<usize> = folds.indices(fold).collect();
        let sides = split::split(&without(&samples, &held_back), groups, &split)?;
        let (record, said) = job.fold(fold, &held_back, &sides)?;
        records.push(record);
        predictions.extend(said.into_iter().map(|prediction| (prediction, fold)));
    }
    predictions.sort_by_key(|(prediction, _)| prediction.sample);
    let (predictions, fold_of) = predictions.into_iter().unzip();
    Ok(OutOfFold { predictions, fold_of, folds: records, features: prepared.report })
}

/// How photos are divided into folds by these settings: by folders there is no way.
pub fn kind(kind: SplitKind) -> SplitKind {
    if kind == SplitKind::Random { SplitKind::Random } else { SplitKind::Grouped }
}

/// The photos, without the labels of those that are held back.
pub(super) fn without(samples: &[Sample], held_back: &[usize]) -> Vec<Sample> {
    let mut rest = samples.to_vec();
    for index in held_back {
        if let Some(sample) = rest.get_mut(*index) {
            sample.label = None;
        }
    }
    rest
}

/// What does not change from fold to fold.
pub(super) struct Job<'a> {
    pub(super) dataset: &'a Dataset,
    pub(super) config: &'a TrainConfig,
    pub(super) features: &'a Features,
    pub(super) observer: &'a dyn Observer,
    /// What this is for, as it is told.
    pub(super) phase: Phase,
    /// How many folds, or other turns, there are in all.
    pub(super) count: usize,
}

impl Job<'_> {
    /// Trains the head of a fold and has it look at the photos that are held back.
    pub(super) fn fold(
        &self,
        fold: usize,
        held_back: &[usize],
        sides: &split::Split,
    ) -> Result<(FoldRecord, Vec<Prediction>)> {
        let [training, validation] =
            [Part::Train, Part::Validation].map(|part| sides::examples(self.dataset, self.features, sides, part));
        let [train, validated] = [&training, &validation].map(Vec::len);
        let mut learner = HeadLearner::new(self.config, training, validation)?;
        let epochs = self.config.epochs as u64;
        let (before, total) = (fold as u64 * epochs, self.count as u64 * epochs);
        let turn = Turn { observer: self.observer, phase: self.phase, before, total };
        let epochs = EpochLoop::new(self.config, &turn, &mut learner).run(None)?;
        self.observer.check()?; // a training that is stopped ends with what it has, a cross-validation has nothing yet
        let head = learner.into_best()?;

        let rows = held_back.iter().filter_map(|index| self.features.get(*index));
        let said = head.p_positive(&rows.flatten().copied().collect::<Vec<f32>>())?;
        let record =
            FoldRecord { train, validation: validated, held_back: held_back.len(), best_epoch: epochs.best_epoch };
        let predictions = held_back.iter().zip(said).filter_map(|(&index, p_positive)| {
            let sample = self.dataset.samples.get(index)?;
            Some(Prediction {
                sample: index,
                file: sample.file.clone(),
                path: sample.path.clone(),
                part: Some(Part::Validation),
                truth: sample.label,
                p_positive,
                group: None,
            })
        });
        Ok((record, predictions.collect()))
    }
}

/// The observer as the training of one fold sees it: its epochs are some of all epochs, and nothing else is told.
struct Turn<'a> {
    observer: &'a dyn Observer,
    phase: Phase,
    /// Epochs of the folds before.
    before: u64,
    /// Epochs of all folds.
    total: u64,
}

impl Watch for Turn<'_> {
    fn progress(&self, progress: Progress) {
        let (done, total) = (self.before + progress.done, Some(self.total));
        self.observer.progress(Progress { phase: self.phase, done, total, ..progress });
    }

    fn is_cancelled(&self) -> bool {
        self.observer.is_cancelled()
    }
}

impl Observer for Turn<'_> {
    fn event(&self, _: Event) {}
}
