//! A training run from photos to run folder.

mod examples;
mod finish;
mod resume;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::Device;

use self::examples::Varied;
use self::finish::{finish, record, set_threshold};
use self::resume::Begun;
use super::config::TrainConfig;
use super::epochs::{EpochLoop, Epochs};
use super::features::{self, Features};
use super::ground::{Ground, Input};
use super::grouping::{Grouping, GroupsRecord};
use super::learner::{DeepLearner, HeadLearner, Learner, Maps, Photos, Source};
use super::map_cache::MapCache;
use super::observer::{EpochRecord, Event, FeatureReport, Observer};
use super::predict::predict;
use super::run_dir::RunDir;
use super::sides::taking_part;
use crate::dataset::Dataset;
use crate::dataset::group::ContentKey;
use crate::dataset::keep_out::keep_out;
use crate::dataset::split::{self, Part, Split};
use crate::error::Result;
use crate::job::{Progress, Watch};
use crate::nn::architecture::Start;
use crate::nn::head::Head;
use crate::nn::network::{Model, Network};
use crate::places::Places;
use crate::review::metrics::Metrics;
use crate::review::predictions::Prediction;
use crate::review::threshold::Threshold;

/// What a training run came to.
#[derive(Clone, Debug)]
pub struct TrainOutcome {
    /// The run folder.
    pub run: PathBuf,
    /// Whether the user stopped it before its last epoch; the best one is kept all the same.
    pub stopped: bool,
    /// The epoch whose weights were kept, from 1.
    pub best_epoch: usize,
    /// The figures of each epoch.
    pub epochs: Vec<EpochRecord>,
    /// What the best epoch's model says of each photo that can be read.
    pub predictions: Vec<Prediction>,
    /// Probability from which a photo counts as cracked.
    pub threshold: Threshold,
    /// Figures over the validation photos; over the training photos where there are no others.
    pub metrics: Metrics,
    /// How the features came about.
    pub features: FeatureReport,
    /// How those of the variants of training photos came about, if there are any.
    pub variants: Option<FeatureReport>,
    /// The groups that were kept together.
    pub groups: GroupsRecord,
}

/// Trains on `dataset` and writes the run folder `out`. With `resume`, goes on with the run in `out`, which must be
/// of the same photos and settings.
///
/// The thread that calls this opens the device and keeps it.
///
/// # Errors
/// Where settings make no sense, weights cannot be had, photos are too few, or the run folder cannot be written;
/// [`Error::cancelled`](crate::error::Error::cancelled) where the user stops it before the first epoch is done.
pub fn train(
    dataset: &Dataset,
    config: &TrainConfig,
    places: &Places,
    out: &Path,
    resume: bool,
    observer: &dyn Observer,
) -> Result<TrainOutcome> {
    config.validate()?;
    keep_out(out, &dataset.roots)?;
    let begun = if resume { Some(Begun::take_up(out, config)?) } else { None };
    if begun.is_none() {
        RunDir::check_free(out)?;
    }
    let ground = Ground::lay(dataset, config, places, Some(out), observer)?;
    let order = Order { out, groups: None, before: None, write: Write::AsItGoes };
    train_from(ground, dataset, places, &order, begun, observer)
}

/// How a run is trained on ground that is laid.
pub struct Order<'a> {
    /// The run folder.
    pub out: &'a Path,
    /// Which photos belong together, where that is known already.
    pub groups: Option<Arc<Grouping>>,
    /// The side that each photo was on in a run before: it stays there. See [`split::split_again`].
    pub before: Option<&'a [Option<Part>]>,
    /// When the run folder is written.
    pub write: Write,
}

/// When a run folder is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write {
    /// After each epoch, so that a run that is interrupted can go on.
    AsItGoes,
    /// After [`Event::Predicted`] has told what the run says of the photos: for trainings of less than a second.
    AtTheEnd,
}

/// As [`train`], on ground that is laid already, with the settings it was laid with.
///
/// # Errors
/// As [`train`].
pub fn train_on(
    ground: Ground,
    dataset: &Dataset,
    places: &Places,
    order: &Order<'_>,
    observer: &dyn Observer,
) -> Result<TrainOutcome> {
    keep_out(order.out, &dataset.roots)?;
    RunDir::check_free(order.out)?;
    train_from(ground, dataset, places, order, None, observer)
}

/// Trains, or goes on with what has `begun`.
fn train_from(
    ground: Ground,
    dataset: &Dataset,
    places: &Places,
    order: &Order<'_>,
    begun: Option<Begun>,
    observer: &dyn Observer,
) -> Result<TrainOutcome> {
    let Ground { network, config, device, keys, prepared } = ground;
    let (config, out, resumes) = (&config, order.out, begun.is_some());
    let by = (config.split.kind, &config.groups);
    let groups = match &order.groups {
        Some(groups) => Arc::clone(groups),
        None => Arc::new(Grouping::for_split(dataset, &keys, by, places, observer)?),
    };
    let samples = taking_part(dataset, &prepared.readable);
    let split = match order.before {
        Some(before) => split::split_again(&samples, &groups.groups, &config.split, before)?,
        None => split::split(&samples, &groups.groups, &config.split)?,
    };
    let job = Job { dataset, config, places, observer, keys: &keys, split: &split, write: order.write };
    let (varied, variants) = job.vary(&network)?;
    let record = record(dataset, &keys, config, &network, &device, (&split, &groups), &prepared.report);
    let (run, record) = match begun {
        Some(begun) => {
            let (run, record) = begun.go_on(record)?;
            run.write_record(&record)?;
            (run, record)
        }
        None => {
            let run = RunDir::create(out)?;
            run.begin(&record, &groups.to_csv(dataset)?)?;
            (run, record)
        }
    };
    let resumed = if resumes { Some(&run) } else { None };
    let (mut model, epochs, features) = match prepared.input {
        Input::Features(features) => {
            let (head, epochs) = job.train_head(&features, &varied, &run, resumed)?;
            (Model::trained(network, head), epochs, features)
        }
        Input::Source(start, cache) => job.train_deeper(&network, start, (cache, varied), &run, resumed)?,
    };
    let predictions = set_threshold(&mut model, config, observer, |model| {
        predict(model, dataset, &features, (&split, &groups.groups))
    })?;
    if order.write == Write::AtTheEnd {
        let threshold = model.threshold;
        observer.event(Event::Predicted { run: out.to_path_buf(), predictions: predictions.clone(), threshold });
        epochs.write(&run, &model.head)?;
    }
    let metrics = finish(&run, &record, &model, &epochs, &predictions, observer)?;
    Ok(TrainOutcome {
        run: out.to_path_buf(),
        stopped: epochs.stopped,
        best_epoch: epochs.best_epoch,
        epochs: epochs.records,
        predictions,
        threshold: model.threshold,
        metrics,
        features: prepared.report,
        variants,
        groups: groups.record(dataset),
    })
}

/// What does not change while a run is trained.
struct Job<'a> {
    dataset: &'a Dataset,
    config: &'a TrainConfig,
    places: &'a Places,
    observer: &'a dyn Observer,
    keys: &'a [Option<ContentKey>],
    split: &'a Split,
    write: Write,
}

impl Job<'_> {
    fn train_head(
        &self,
        features: &Features,
        varied: &Varied,
        run: &RunDir,
        resumed: Option<&RunDir>,
    ) -> Result<(Head, Epochs)> {
        let (training, validation) =
            (self.training_examples(features, varied), self.examples(features, Part::Validation));
        let mut learner = HeadLearner::new(self.config, training, validation)?;
        let epochs = self.epochs(&mut learner, &Device::Cpu, run, resumed)?;
        Ok((learner.into_best()?, epochs))
    }

    /// Trains the layers from `start` on, then computes the features that they give now.
    fn train_deeper(
        &self,
        network: &Network,
        start: Start,
        (cache, varied): (Option<MapCache>, Varied),
        run: &RunDir,
        resumed: Option<&RunDir>,
    ) -> Result<(Model, Epochs, Arc<Features>)> {
        let photos = Photos { samples: &self.dataset.samples, keys: self.keys, variants: self.variants() };
        let varied = match varied {
            Varied::Maps(variants) => Some(variants),
            Varied::Nothing | Varied::Features(_) => None,
        };
        let source = source(photos, network, cache, varied);
        let training = self.labelled(Part::Train, self.config.augment.computed_ahead(self.config.tune));
        let validation = self.labelled(Part::Validation, 0);
        let weights = network.weights();
        let mut learner =
            DeepLearner::new(self.config, network.device(), weights, start, source, training, validation)?
                .stopped_by(self.observer.flag());
        let epochs = self.epochs(&mut learner, network.device(), run, resumed)?;
        let (weights, head) = learner.into_best()?;
        let network = network.with_weights(weights)?;
        // The epochs are done: whoever stops them still gets the best one, but for who leaves.
        let watch = Finishing(self.observer);
        let (features, _, _) = features::extract(&network, self.dataset, self.keys, self.places, &watch)?;
        Ok((Model::trained(network, head), epochs, Arc::new(features)))
    }

    fn epochs(
        &self,
        learner: &mut dyn Learner,
        device: &Device,
        run: &RunDir,
        resumed: Option<&RunDir>,
    ) -> Result<Epochs> {
        let sides = [Part::Train, Part::Validation].map(|part| self.split.indices(part).count());
        let mut epochs = EpochLoop::new(self.config, self.observer, learner);
        if let Some(run) = resumed {
            epochs.restore(run, device)?;
        }
        self.observer.event(Event::Divided {
            train: sides[0],
            validation: sides[1],
            epochs: self.config.epochs,
            resumed: epochs.records().to_vec(),
        });
        epochs.run((self.write == Write::AsItGoes).then_some(run))
    }
}

/// Passes progress on, and stops only for whoever leaves.
struct Finishing<'a>(&'a dyn Observer);

impl Watch for Finishing<'_> {
    fn progress(&self, progress: Progress) {
        self.0.progress(progress);
    }

    fn is_cancelled(&self) -> bool {
        self.0.is_left()
    }
}

/// Where deeper layers take photos from: the maps that are kept, those of variants with them, or else the files.
pub(super) fn source<'a>(
    photos: Photos<'a>,
    network: &'a Network,
    cache: Option<MapCache>,
    variants: Option<MapCache>,
) -> Source<'a> {
    match cache {
        Some(cache) => Source::Maps(Box::new(Maps { photos, network, cache, variants })),
        None => Source::Photos(photos),
    }
}
