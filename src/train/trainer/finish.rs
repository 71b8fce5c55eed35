//! What a run folder gets besides the epochs: the threshold, tables, plots, the model, and the record of it all.

use crate::atomic_file;
use crate::dataset::group::ContentKey;
use crate::dataset::split::{Part, Split};
use crate::dataset::{Class, Dataset};
use crate::error::Result;
use crate::export::tensorboard::EventLog;
use crate::nn::device::DeviceReport;
use crate::nn::network::{Model, Network};
use crate::review::metrics::Metrics;
use crate::review::predictions::{Prediction, judged};
use crate::train::config::TrainConfig;
use crate::train::epochs::Epochs;
use crate::train::grouping::Grouping;
use crate::train::observer::{Event, FeatureReport, Observer};
use crate::train::run_dir::{self, DataRecord, RunDir, RunRecord, WeightsRecord};
use crate::train::run_files::{self, Finished};
use crate::train::run_threshold::{self, Fitted, Wanted};

/// Chooses temperature and threshold on the validation photos, as the settings have it; gives what the model then says.
pub(super) fn set_threshold(
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

/// Writes what remains of the run, all of it or nothing, so that tables, plots and model are of one mind whatever
/// happens; gives the validation figures.
pub(super) fn finish(
    run: &RunDir,
    record: &RunRecord,
    model: &Model,
    epochs: &Epochs,
    predictions: &[Prediction],
    observer: &dyn Observer,
) -> Result<Metrics> {
    let threshold = model.threshold;
    let finished = Finished { record, epochs: &epochs.records, best_epoch: epochs.best_epoch, predictions, threshold };
    // Side by side, since who has stopped a run waits for it. The model stays with the thread that has the device.
    let mut drawn = Ok(Vec::new());
    let (tables, model) = rayon::in_place_scope(|scope| {
        scope.spawn(|_| drawn = draw(run, &finished));
        let model = model.to_state(epochs.best_epoch);
        let model = atomic_file::stage(run.path(), run_dir::MODEL, |file| model.write_safetensors(file));
        (finished.tables(), model)
    });
    let (mut files, metrics) = tables?;
    // A plot that cannot be made must not cost the model.
    match drawn {
        Ok(plots) => files.extend(plots),
        Err(error) => observer.event(Event::Note(format!("Some plots are missing: {}", error.one_line()))),
    }
    run_files::write(run.path(), &files, vec![model?])?;
    Ok(metrics)
}

/// Draws the run, for its folder and, written at once, for TensorBoard.
fn draw(run: &RunDir, finished: &Finished<'_>) -> Result<Vec<run_files::File>> {
    let pictures = finished.pictures()?;
    let judged = judged(finished.predictions);
    EventLog::reopen(run.path())?.add_pictures(finished.best_epoch, &pictures, &judged, finished.threshold)?;
    Ok(run_files::of_pictures(&pictures))
}

/// What the run notes of itself.
pub(super) fn record(
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
