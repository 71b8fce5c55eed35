//! A training run from photos to run folder.

use std::path::{Path, PathBuf};

use super::config::{TrainConfig, WeightsSource};
use super::features::{self, Features};
use super::head_loop::{Examples, HeadLoop, Trained};
use super::observer::{EpochRecord, Event, FeatureReport, Observer};
use super::run_dir::{self, DataRecord, RunDir, RunRecord, WeightsRecord};
use crate::dataset::group::{self, ContentKey, Groups};
use crate::dataset::keep_out::keep_out;
use crate::dataset::split::{self, Part, Split, SplitKind};
use crate::dataset::{Class, Dataset};
use crate::error::{Error, Result};
use crate::export::{card, plots, tensorboard};
use crate::nn::device::{self, DeviceReport};
use crate::nn::network::{Model, Network};
use crate::places::Places;
use crate::review::confusion::Confusion;
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
    if !resume {
        RunDir::check_free(out)?;
    }
    keep_out(out, &dataset.roots)?;
    let (device, report) = device::open(config.device)?;
    let network = Network::open(config.backbone, &config.weights, config.seed, &device, places, observer)?;
    announce(out, config, &report, observer);

    let contents = group::content_keys(&dataset.samples, observer)?;
    let (features, mut feature_report, note) = features::extract(&network, dataset, &contents.keys, places, observer)?;
    feature_report.unreadable.splice(0..0, contents.problems);
    note.into_iter().for_each(|note| observer.event(Event::Note(note)));
    observer.event(Event::Features(feature_report.clone()));

    let split = divide(dataset, &contents.keys, &features, config)?;
    let record = record(dataset, &contents.keys, config, &network, &report, &split, &feature_report);
    let run = open_run(out, &record, resume)?;
    let [training, validation] = [Part::Train, Part::Validation].map(|part| examples(dataset, &features, &split, part));
    let mut head_loop = HeadLoop::new(config, observer, network.device(), &training, &validation)?;
    if resume {
        head_loop.restore(&run)?;
    }
    observer.event(Event::Divided {
        train: training.classes.len(),
        validation: validation.classes.len(),
        epochs: config.epochs,
        resumed: head_loop.records().to_vec(),
    });
    let trained = head_loop.run(&run)?;
    let model = Model { network, head: trained.best.snapshot()?, threshold: DEFAULT_THRESHOLD };
    let predictions = predict(&model, dataset, &features, &split)?;
    let metrics = finish(&run, &record, &model, &trained, &predictions)?;
    Ok(TrainOutcome {
        run: out.to_path_buf(),
        stopped: trained.stopped,
        best_epoch: trained.best_epoch,
        epochs: trained.epochs,
        predictions,
        threshold: model.threshold,
        metrics,
        features: feature_report,
    })
}

/// Divides the labelled photos that can be read.
fn divide(dataset: &Dataset, keys: &[Option<ContentKey>], features: &Features, config: &TrainConfig) -> Result<Split> {
    let mut samples = dataset.samples.clone();
    for (sample, row) in samples.iter_mut().zip(&features.row_of) {
        if row.is_none() {
            sample.label = None; // what cannot be read takes no part
        }
    }
    let identical = Groups::identical(keys);
    let groups = match config.split.kind {
        SplitKind::Grouped => identical.with_sdnet_photos(dataset),
        SplitKind::Random | SplitKind::ByFolder => identical,
    };
    split::split(&samples, &groups, &config.split)
}

fn examples(dataset: &Dataset, features: &Features, split: &Split, part: Part) -> Examples {
    let mut examples = Examples { values: Vec::new(), classes: Vec::new() };
    for index in split.indices(part) {
        let label = dataset.samples.get(index).and_then(|sample| sample.label);
        if let (Some(row), Some(class)) = (features.get(index), label) {
            examples.values.extend_from_slice(row);
            examples.classes.push(class);
        }
    }
    examples
}

/// What `model` says of every photo of `dataset` that has features. `split` says which side each was on.
///
/// # Errors
/// Where the device fails.
pub fn predict(model: &Model, dataset: &Dataset, features: &Features, split: &Split) -> Result<Vec<Prediction>> {
    let probabilities = model.p_positive(&features.values)?;
    let predictions = dataset.samples.iter().enumerate().filter_map(|(index, sample)| {
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
    trained: &Trained,
    predictions: &[Prediction],
) -> Result<Metrics> {
    let threshold = model.threshold;
    let judged = judged(predictions);
    let metrics = Metrics::of(judged.iter().copied(), threshold);
    let confusion = Confusion::of(judged.iter().copied(), threshold);
    let wrong = predictions::misclassified(predictions, threshold);
    run.write(run_dir::PREDICTIONS, &predictions::to_csv(predictions, threshold)?)?;
    run.write(run_dir::MISCLASSIFIED, &predictions::to_csv(&wrong, threshold)?)?;
    run.write(run_dir::CURVES, &plots::curves(&trained.epochs, Some(trained.best_epoch))?)?;
    run.write(run_dir::CONFUSION, &plots::confusion(&confusion, "Validation photos")?)?;
    let facts = card::CardFacts::of(record, &metrics, &trained.epochs, trained.best_epoch);
    run.write(run_dir::CARD, card::card(&facts).as_bytes())?;
    tensorboard::write_run(run.path(), &trained.epochs)?;
    // The model comes last: a folder that has one is complete.
    let file = model.network.to_model_file(&model.head, threshold, trained.best_epoch)?;
    run.write(run_dir::MODEL, &file)?;
    Ok(metrics)
}

/// The validation photos among `predictions`, or the training photos where there are no others.
pub fn judged(predictions: &[Prediction]) -> Vec<&Prediction> {
    let on = |part| predictions.iter().filter(move |p| p.part == Some(part));
    if on(Part::Validation).next().is_some() { on(Part::Validation).collect() } else { on(Part::Train).collect() }
}

fn open_run(out: &Path, record: &RunRecord, resume: bool) -> Result<RunDir> {
    if !resume {
        let run = RunDir::create(out)?;
        run.write_record(record)?;
        return Ok(run);
    }
    let (run, before) = RunDir::reopen(out)?;
    let same_weights = before.weights.fingerprint == record.weights.fingerprint;
    if before.data.digest != record.data.digest || !same_weights {
        let what = if same_weights { "The photos or their labels" } else { "The initial weights" };
        return Err(Error::new(format!("{what} have changed since this run began"))
            .hint("train anew into another folder: a run that goes on with other data could not be repeated"));
    }
    Ok(run)
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

fn announce(out: &Path, config: &TrainConfig, report: &DeviceReport, observer: &dyn Observer) {
    observer.event(Event::Started { run: out.to_path_buf(), device: report.name.clone() });
    if let Some(note) = &report.note {
        observer.event(Event::Note(note.clone()));
    }
    if config.weights == WeightsSource::Random {
        observer.event(Event::Note("Random weights: these are untrained features, so expect little of them.".into()));
    }
}
