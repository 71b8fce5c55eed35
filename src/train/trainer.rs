//! A training run from photos to run folder.

mod examples;
mod resume;

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use self::examples::Varied;
pub(super) use self::examples::{examples, labelled};
use self::resume::Begun;
use super::config::{TrainConfig, Tune, WeightsSource};
use super::epochs::{EpochLoop, Epochs};
use super::features::{self, Features};
use super::learner::{DeepLearner, HeadLearner, Learner, Maps, Photos, Source};
use super::map_cache::MapCache;
use super::observer::{EpochRecord, Event, FeatureReport, Observer};
use super::run_dir::{self, DataRecord, RunDir, RunRecord, WeightsRecord};
use crate::dataset::group::{self, ContentKey, Groups};
use crate::dataset::keep_out::keep_out;
use crate::dataset::split::{self, Part, Split, SplitConfig, SplitKind};
use crate::dataset::{Class, Dataset, Problem, Sample};
use crate::error::Result;
use crate::export::tensorboard::EventLog;
use crate::export::{card, plots};
use crate::job::{Progress, Watch};
use crate::nn::architecture::Start;
use crate::nn::device::{self, DeviceReport};
use crate::nn::head::Head;
use crate::nn::network::{Model, Network};
use crate::nn::trainable;
use crate::photo::check::check;
use crate::places::Places;
use crate::review::metrics::Metrics;
use crate::review::predictions::{self, DEFAULT_THRESHOLD, Prediction};

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
    pub threshold: f32,
    /// Figures over the validation photos; over the training photos where there are no others.
    pub metrics: Metrics,
    /// How the features came about.
    pub features: FeatureReport,
    /// How those of the variants of training photos came about, if there are any.
    pub variants: Option<FeatureReport>,
}

/// Trains on `dataset` and writes the run folder `out`. With `resume`, goes on with the run in `out`, which must be
/// of the same photos and settings.
///
/// The thread that calls this opens the device and keeps it.
///
/// # Errors
/// Where settings make no sense, weights cannot be had, photos are too few, or the run folder cannot be written;
/// [`Error::cancelled`] where the user stops it before the first epoch is done.
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
    let Ground { network, config, device, keys, prepared } = Ground::lay(dataset, config, places, Some(out), observer)?;
    let config = &config;

    let split = divide(dataset, &keys, &prepared.readable, &config.split)?;
    let job = Job { dataset, config, places, observer, keys: &keys, split: &split };
    let (varied, variants) = job.vary(&network)?;
    let record = record(dataset, &keys, config, &network, &device, &split, &prepared.report);
    let (run, record) = match begun {
        Some(begun) => begun.go_on(record)?,
        None => (RunDir::create(out)?, record),
    };
    run.write_record(&record)?;
    let resumed = if resume { Some(&run) } else { None };
    let (model, epochs, features) = match prepared.input {
        Input::Features(features) => {
            let (head, epochs) = job.train_head(&network, &features, varied, &run, resumed)?;
            (Model { network, head, threshold: DEFAULT_THRESHOLD }, epochs, features)
        }
        Input::Source(start, cache) => job.train_deeper(&network, start, (cache, varied), &run, resumed)?,
    };
    let predictions = predict(&model, dataset, &features, &split)?;
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
    })
}

/// What training stands on, whatever it is for: weights on a device, and what their frozen layers make of the photos.
pub(super) struct Ground {
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
    pub(super) fn lay(
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
    Features(Features),
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
            Ok(Prepared { input: Input::Features(features), readable, report })
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
}

impl Job<'_> {
    fn train_head(
        &self,
        network: &Network,
        features: &Features,
        varied: Varied,
        run: &RunDir,
        resumed: Option<&RunDir>,
    ) -> Result<(Head, Epochs)> {
        let (training, validation) =
            (self.training_examples(features, varied), self.examples(features, Part::Validation));
        let mut learner = HeadLearner::new(self.config, network.device(), training, validation)?;
        let epochs = self.epochs(&mut learner, network, run, resumed)?;
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
    ) -> Result<(Model, Epochs, Features)> {
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
        let epochs = self.epochs(&mut learner, network, run, resumed)?;
        let (weights, head) = learner.into_best()?;
        let network = network.with_weights(weights)?;
        // The epochs are done: whoever stops them still gets the best one.
        let watch = Finishing(self.observer);
        let (features, _, _) = features::extract(&network, self.dataset, self.keys, self.places, &watch)?;
        Ok((Model { network, head, threshold: DEFAULT_THRESHOLD }, epochs, features))
    }

    fn epochs(
        &self,
        learner: &mut dyn Learner,
        network: &Network,
        run: &RunDir,
        resumed: Option<&RunDir>,
    ) -> Result<Epochs> {
        let sides = [Part::Train, Part::Validation].map(|part| self.split.indices(part).count());
        let mut epochs = EpochLoop::new(self.config, self.observer, learner);
        if let Some(run) = resumed {
            epochs.restore(run, network.device())?;
        }
        self.observer.event(Event::Divided {
            train: sides[0],
            validation: sides[1],
            epochs: self.config.epochs,
            resumed: epochs.records().to_vec(),
        });
        epochs.run(Some(run))
    }
}

/// Passes progress on and does not stop.
struct Finishing<'a>(&'a dyn Observer);

impl Watch for Finishing<'_> {
    fn progress(&self, progress: Progress) {
        self.0.progress(progress);
    }
}

/// Divides the labelled photos that can be read.
pub(super) fn divide(
    dataset: &Dataset,
    keys: &[Option<ContentKey>],
    readable: &[bool],
    config: &SplitConfig,
) -> Result<Split> {
    split::split(&taking_part(dataset, readable), &groups(dataset, keys, config.kind), config)
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

/// What this kind of split keeps together.
pub(super) fn groups(dataset: &Dataset, keys: &[Option<ContentKey>], kind: SplitKind) -> Groups {
    let identical = Groups::identical(keys);
    match kind {
        SplitKind::Grouped => identical.with_sdnet_photos(dataset),
        SplitKind::Random | SplitKind::ByFolder => identical,
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

/// What `model` says of every photo of `dataset` that has features and is not excluded. `split` says which side each was on.
///
/// # Errors
/// Where the device fails.
pub fn predict(model: &Model, dataset: &Dataset, features: &Features, split: &Split) -> Result<Vec<Prediction>> {
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
        })
    });
    Ok(predictions.collect())
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
    let judged = judged(predictions);
    let metrics = Metrics::of(judged.iter().copied(), threshold);
    let wrong = predictions::misclassified(predictions, threshold);
    run.write(run_dir::PREDICTIONS, &predictions::to_csv(predictions, threshold)?)?;
    run.write(run_dir::MISCLASSIFIED, &predictions::to_csv(&wrong, threshold)?)?;
    let facts = card::CardFacts::of(record, &metrics, &epochs.records, epochs.best_epoch);
    run.write(run_dir::CARD, card::card(&facts).as_bytes())?;
    // A plot that cannot be made must not cost the model.
    if let Err(error) = draw(run, epochs, &judged, threshold) {
        observer.event(Event::Note(format!("Some plots are missing: {}", error.one_line())));
    }
    // The model comes last: a folder that has one is complete.
    let file = model.network.to_model_file(&model.head, threshold, epochs.best_epoch)?;
    run.write(run_dir::MODEL, &file)?;
    Ok(metrics)
}

/// Draws the run, for its folder and for TensorBoard.
fn draw(run: &RunDir, epochs: &Epochs, judged: &[&Prediction], threshold: f32) -> Result<()> {
    let pictures = plots::of_run(&epochs.records, epochs.best_epoch, judged, threshold)?;
    for picture in &pictures {
        run.write(&format!("{}.svg", picture.name), picture.svg.as_bytes())?;
        run.write(&format!("{}.png", picture.name), &picture.png)?;
    }
    EventLog::reopen(run.path())?.add_pictures(epochs.best_epoch, &pictures, judged, threshold)
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
    split: &Split,
    features: &FeatureReport,
) -> RunRecord {
    let origin = network.origin();
    let sides = (split.indices(Part::Train).count(), split.indices(Part::Validation).count());
    RunRecord {
        program: format!("crackscope {}", env!("CARGO_PKG_VERSION")),
        created: humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string(),
        device: device.name.clone(),
        data: DataRecord::of(dataset, digest(dataset, keys), features.unreadable.len(), sides),
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
    device: &candle_core::Device,
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
