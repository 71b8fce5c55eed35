//! A training run from photos to run folder.

mod examples;
mod resume;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::Device;

use self::examples::Varied;
pub(super) use self::examples::{examples, labelled};
use self::resume::Begun;
use super::config::{TrainConfig, Tune, WeightsSource};
use super::epochs::{EpochLoop, Epochs};
use super::features::{self, Features};
use super::grouping::{Grouping, GroupsRecord};
use super::learner::{DeepLearner, HeadLearner, Learner, Maps, Photos, Source};
use super::map_cache::MapCache;
use super::observer::{EpochRecord, Event, FeatureReport, Observer};
use super::run_dir::{self, DataRecord, RunDir, RunRecord, WeightsRecord};
use super::run_files::{self, Finished};
use super::run_threshold::{self, Fitted, Wanted};
use crate::dataset::group::{self, ContentKey, Groups};
use crate::dataset::keep_out::keep_out;
use crate::dataset::split::{self, Part, Split};
use crate::dataset::{Class, Dataset, Problem, Sample};
use crate::error::Result;
use crate::export::tensorboard::EventLog;
use crate::job::{Progress, Watch};
use crate::nn::architecture::Start;
use crate::nn::device::{self, DeviceReport};
use crate::nn::head::Head;
use crate::nn::network::{Model, Network};
use crate::nn::trainable;
use crate::photo::check::check;
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
        Some(begun) => begun.go_on(record)?,
        None => {
            let run = RunDir::create(out)?;
            run.write(run_dir::GROUPS, &groups.to_csv(dataset)?)?;
            (run, record)
        }
    };
    run.write_record(&record)?;
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

/// What training stands on, whatever it is for: weights on a device, and what their frozen layers make of the photos.
/// Stays in the thread that laid it.
pub struct Ground {
    pub(super) network: Network,
    /// The settings as this device carries them out.
    pub(super) config: TrainConfig,
    pub(super) device: DeviceReport,
    /// The contents of the photos.
    pub(super) keys: Vec<Option<ContentKey>>,
    pub(super) prepared: Prepared,
}

impl Ground {
    /// Opens the device and the weights and has the frozen layers look at every photo. What is worth knowing is told;
    /// that a run begins, too, where `run` is its folder.
    ///
    /// # Errors
    /// Where the device or weights cannot be had, or the user stops it.
    pub fn lay(
        dataset: &Dataset,
        config: &TrainConfig,
        places: &Places,
        run: Option<&Path>,
        observer: &dyn Observer,
    ) -> Result<Self> {
        let (device, report) = device::open(config.device)?;
        let precision = device::precision(config.precision_of_features(), &device)?;
        let on = (&device, precision);
        let network = Network::open(config.backbone, &config.weights, config.seed, on, places, observer)?;
        // The run says what its features were computed in, so that it goes on with the same.
        let config = TrainConfig { precision: precision.into(), ..config.clone() };
        announce(run, &config, &report, observer);
        let config = trusted(&config, &device, &report, observer)?;

        let contents = group::content_keys(&dataset.samples, observer)?;
        let mut prepared = prepare(&network, dataset, &contents.keys, &config, places, observer)?;
        prepared.report.unreadable.splice(0..0, contents.problems);
        if config.tune == Tune::All {
            for Problem { file, reason } in &prepared.report.unreadable {
                observer.event(Event::Note(format!("Left out {file}: {reason}")));
            }
        } else {
            observer.event(Event::Features(prepared.report.clone()));
        }
        Ok(Self { network, config, device: report, keys: contents.keys, prepared })
    }

    /// The same ground for other settings of the last layer, which alone is trained on it; none where deeper layers
    /// were to be trained, since nothing of them is kept.
    pub(super) fn again(&self, config: &TrainConfig) -> Option<Self> {
        let Input::Features(features) = &self.prepared.input else { return None };
        let Prepared { readable, report, .. } = &self.prepared;
        let prepared = Prepared {
            input: Input::Features(Arc::clone(features)),
            readable: readable.clone(),
            report: report.clone(),
        };
        let config = TrainConfig { precision: self.config.precision, ..config.clone() };
        Some(Self {
            network: self.network.clone(),
            config,
            device: self.device.clone(),
            keys: self.keys.clone(),
            prepared,
        })
    }

    /// Tells that a run begins in the folder `run`, where the ground was laid for another.
    pub(super) fn announce_again(&self, run: Option<&Path>, observer: &dyn Observer) {
        if let Some(run) = run {
            observer.event(Event::Started { run: run.to_path_buf(), device: self.device.name.clone() });
        }
    }

    /// The contents of the photos.
    pub fn keys(&self) -> &[Option<ContentKey>] {
        &self.keys
    }

    /// How the features came about.
    pub fn report(&self) -> &FeatureReport {
        &self.prepared.report
    }

    /// The features of the photos; none where deeper layers are to be trained.
    pub fn features(&self) -> Option<&Arc<Features>> {
        match &self.prepared.input {
            Input::Features(features) => Some(features),
            Input::Source(..) => None,
        }
    }
}

/// What is there before the first epoch.
pub(super) struct Prepared {
    pub(super) input: Input,
    /// For each photo whether it can be read.
    pub(super) readable: Vec<bool>,
    pub(super) report: FeatureReport,
}

/// What the layers to be trained take in.
pub(super) enum Input {
    /// Features, for the head alone.
    Features(Arc<Features>),
    /// From this layer on: photos, or the maps that are kept.
    Source(Start, Option<MapCache>),
}

/// Computes all that the frozen layers have to say.
fn prepare(
    network: &Network,
    dataset: &Dataset,
    keys: &[Option<ContentKey>],
    config: &TrainConfig,
    places: &Places,
    observer: &dyn Observer,
) -> Result<Prepared> {
    let tell = |note: Option<&str>| note.into_iter().for_each(|note| observer.event(Event::Note(note.to_owned())));
    match config.tune.start() {
        None => {
            let (features, report, note) = features::extract(network, dataset, keys, places, observer)?;
            tell(note.as_deref());
            let readable = features.row_of.iter().map(Option::is_some).collect();
            Ok(Prepared { input: Input::Features(Arc::new(features)), readable, report })
        }
        Some(Start::LastBlock) => {
            let (cache, readable, report) = features::extract_maps(network, dataset, keys, places, observer)?;
            tell(cache.note());
            Ok(Prepared { input: Input::Source(Start::LastBlock, Some(cache)), readable, report })
        }
        Some(Start::Photos) => {
            let begun = std::time::Instant::now();
            let unreadable = check(&dataset.samples, observer)?.problems;
            let bad: HashSet<&str> = unreadable.iter().map(|problem| problem.file.as_str()).collect();
            let known = dataset.samples.iter().zip(keys);
            let readable = known.map(|(sample, key)| key.is_some() && !bad.contains(sample.file.as_str())).collect();
            // What could not even be read as a file was reported with the contents.
            let of_content = |problem: &Problem| {
                dataset.samples.iter().zip(keys).any(|(sample, key)| sample.file == problem.file && key.is_some())
            };
            let unreadable = unreadable.iter().filter(|problem| of_content(problem)).cloned().collect();
            let report = FeatureReport { unreadable, seconds: begun.elapsed().as_secs_f64(), ..Default::default() };
            Ok(Prepared { input: Input::Source(Start::Photos, None), readable, report })
        }
    }
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
            DeepLearner::new(self.config, network.device(), weights, start, source, training, validation)?;
        let epochs = self.epochs(&mut learner, network.device(), run, resumed)?;
        let (weights, head) = learner.into_best()?;
        let network = network.with_weights(weights)?;
        // The epochs are done: whoever stops them still gets the best one.
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

/// Passes progress on and does not stop.
struct Finishing<'a>(&'a dyn Observer);

impl Watch for Finishing<'_> {
    fn progress(&self, progress: Progress) {
        self.0.progress(progress);
    }
}

/// Divides the labelled photos that can be read; says by which groups.
pub(super) fn divide(
    dataset: &Dataset,
    keys: &[Option<ContentKey>],
    readable: &[bool],
    config: &TrainConfig,
    places: &Places,
    watch: &dyn Watch,
) -> Result<(Split, Grouping)> {
    let groups = Grouping::for_split(dataset, keys, (config.split.kind, &config.groups), places, watch)?;
    let split = split::split(&taking_part(dataset, readable), &groups.groups, &config.split)?;
    Ok((split, groups))
}

/// The photos, without the labels of those that cannot be read: they take no part.
pub(super) fn taking_part(dataset: &Dataset, readable: &[bool]) -> Vec<Sample> {
    let mut samples = dataset.samples.clone();
    for (sample, readable) in samples.iter_mut().zip(readable) {
        if !readable {
            sample.label = None;
        }
    }
    samples
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

/// What `model` says of every photo of `dataset` that has features and is not excluded. The split says which side each
/// was on, the groups what was kept together.
///
/// # Errors
/// Where the device fails.
pub fn predict(
    model: &Model,
    dataset: &Dataset,
    features: &Features,
    (split, groups): (&Split, &Groups),
) -> Result<Vec<Prediction>> {
    let shared = groups.shared();
    let probabilities = model.p_positive(&features.values)?;
    let taking_part = dataset.samples.iter().enumerate().filter(|(_, sample)| !sample.is_excluded());
    let predictions = taking_part.filter_map(|(index, sample)| {
        let row = (*features.row_of.get(index)?)? as usize;
        Some(Prediction {
            sample: index,
            file: sample.file.clone(),
            path: sample.path.clone(),
            part: split.parts.get(index).copied().flatten(),
            truth: sample.label,
            p_positive: *probabilities.get(row)?,
            group: shared.get(index).copied().flatten(),
        })
    });
    Ok(predictions.collect())
}

/// Chooses temperature and threshold on the validation photos, as the settings have it; gives what the model then says.
fn set_threshold(
    model: &mut Model,
    config: &TrainConfig,
    observer: &dyn Observer,
    predict: impl Fn(&Model) -> Result<Vec<Prediction>>,
) -> Result<Vec<Prediction>> {
    let mut predictions = predict(model)?;
    let fitted = run_threshold::fit(&predictions, config.into());
    match fitted {
        Ok(Fitted { threshold, scaling }) => {
            model.threshold = threshold;
            if let Some(scaling) = scaling {
                model.divide_logits(scaling.temperature)?;
                predictions = predict(model)?;
                // What the device makes of the divided logits may differ in the last digit.
                let again = Wanted { calibrate: false, ..config.into() };
                model.threshold = run_threshold::fit(&predictions, again)?.threshold;
            }
        }
        Err(error) => {
            let note = format!("The threshold stays at {}: {}", model.threshold, error.one_line());
            observer.event(Event::Note(note));
        }
    }
    Ok(predictions)
}

/// Writes what remains of the run; gives the validation figures.
fn finish(
    run: &RunDir,
    record: &RunRecord,
    model: &Model,
    epochs: &Epochs,
    predictions: &[Prediction],
    observer: &dyn Observer,
) -> Result<Metrics> {
    let threshold = model.threshold;
    let finished = Finished { record, epochs: &epochs.records, best_epoch: epochs.best_epoch, predictions, threshold };
    let (tables, metrics) = finished.tables()?;
    for (name, bytes) in &tables {
        run.write(name, bytes)?;
    }
    // A plot that cannot be made must not cost the model.
    if let Err(error) = draw(run, &finished) {
        observer.event(Event::Note(format!("Some plots are missing: {}", error.one_line())));
    }
    // The model comes last: a folder that has one is complete.
    run.write(run_dir::MODEL, &model.to_file(epochs.best_epoch)?)?;
    Ok(metrics)
}

/// Draws the run, for its folder and for TensorBoard.
fn draw(run: &RunDir, finished: &Finished<'_>) -> Result<()> {
    let pictures = finished.pictures()?;
    for (name, bytes) in run_files::of_pictures(&pictures) {
        run.write(&name, &bytes)?;
    }
    let judged = judged(finished.predictions);
    EventLog::reopen(run.path())?.add_pictures(finished.best_epoch, &pictures, &judged, finished.threshold)
}

/// The validation photos among `predictions`, or the training photos where there are no others.
pub fn judged(predictions: &[Prediction]) -> Vec<&Prediction> {
    let on = |part| predictions.iter().filter(move |p| p.part == Some(part));
    if on(Part::Validation).next().is_some() { on(Part::Validation).collect() } else { on(Part::Train).collect() }
}

fn record(
    dataset: &Dataset,
    keys: &[Option<ContentKey>],
    config: &TrainConfig,
    network: &Network,
    device: &DeviceReport,
    (split, groups): (&Split, &Grouping),
    features: &FeatureReport,
) -> RunRecord {
    let origin = network.origin();
    let sides = (split.indices(Part::Train).count(), split.indices(Part::Validation).count());
    RunRecord {
        program: format!("crackscope {}", env!("CARGO_PKG_VERSION")),
        created: humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string(),
        device: device.name.clone(),
        data: DataRecord {
            groups: Some(groups.record(dataset)),
            ..DataRecord::of(dataset, digest(dataset, keys), features.unreadable.len(), sides)
        },
        weights: WeightsRecord {
            source: origin.source.clone(),
            sha256: origin.sha256.clone(),
            fingerprint: origin.fingerprint.clone(),
        },
        train: config.clone(),
    }
}

/// Digest of names, labels and contents of the photos, in hexadecimal.
fn digest(dataset: &Dataset, keys: &[Option<ContentKey>]) -> String {
    let mut hasher = blake3::Hasher::new();
    for (sample, key) in dataset.samples.iter().zip(keys) {
        hasher.update(sample.file.as_bytes());
        hasher.update(sample.label.map_or("?", Class::name).as_bytes());
        hasher.update(key.as_ref().map_or(&[0; 32], |key| &key.0));
    }
    hasher.finalize().to_hex().to_string()
}

/// The settings, with the head alone to be trained where the device computes wrong gradients.
fn trusted(
    config: &TrainConfig,
    device: &Device,
    report: &DeviceReport,
    observer: &dyn Observer,
) -> Result<TrainConfig> {
    if config.tune == Tune::Head || trainable::gradients_are_right(config.backbone, device)? {
        return Ok(config.clone());
    }
    observer.event(Event::Note(format!(
        "{} computes wrong gradients: only the last layer is trained. Choose the CPU to train deeper layers.",
        report.name
    )));
    Ok(TrainConfig { tune: Tune::Head, ..config.clone() })
}

fn announce(run: Option<&Path>, config: &TrainConfig, report: &DeviceReport, observer: &dyn Observer) {
    if let Some(run) = run {
        observer.event(Event::Started { run: run.to_path_buf(), device: report.name.clone() });
    }
    if let Some(note) = &report.note {
        observer.event(Event::Note(note.clone()));
    }
    if config.weights == WeightsSource::Random {
        observer.event(Event::Note("Random weights: these are untrained features, so expect little of them.".into()));
    }
}
