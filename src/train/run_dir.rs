//! A run folder: everything that remains of a training run.

use std::collections::HashMap;
use std::fs::{DirEntry, File, OpenOptions, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::config::TrainConfig;
use super::grouping::GroupsRecord;
use super::observer::EpochRecord;
use super::run_list;
use crate::atomic_file;
use crate::bounded;
use crate::dataset::group::hand::ByHand;
use crate::dataset::{Class, Dataset, Layout, archive, labels};
use crate::error::{Context, Error, Result};
use crate::job::Watch;
use crate::nn::bundled;
use crate::nn::network::ModelFile;
use crate::nn::state_dict::{self, StateDict};
use crate::places::Places;
use crate::review::predictions::{self, Prediction};
use crate::review::threshold::Threshold;

/// All that is needed to repeat the run.
pub const CONFIG: &str = "config.toml";
/// The figures of each epoch.
pub const RESULTS: &str = "results.csv";
/// What the best epoch's model said of each photo.
pub const PREDICTIONS: &str = "predictions.csv";
/// Those that are wrong, worst first.
pub const MISCLASSIFIED: &str = "misclassified.csv";
/// The best epoch's weights with head.
pub const MODEL: &str = "model.safetensors";
/// The newest epoch with the state of the optimiser, to resume from.
pub const LAST: &str = "last.safetensors";
/// Loss and accuracy as a picture; beside it, as beside the others, the same as SVG.
pub const CURVES: &str = "curves.png";
/// The confusion matrix as a picture.
pub const CONFUSION: &str = "confusion.png";
/// The ROC curve as a picture, where there are validation photos of both classes.
pub const ROC: &str = "roc.png";
/// The groups that photos were kept together by: a line for each photo that is not by itself.
pub const GROUPS: &str = "groups.csv";
/// All plots, as PNG and as SVG.
pub const PLOTS: [&str; 6] = [CURVES, "curves.svg", CONFUSION, "confusion.svg", ROC, "roc.svg"];
/// The model card.
pub const CARD: &str = "card.md";

/// What was trained, on what, with what: `config.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Program and version.
    pub program: String,
    /// When the run began, RFC 3339 in UTC.
    pub created: String,
    /// The device, for people.
    pub device: String,
    /// The photos.
    pub data: DataRecord,
    /// The initial weights.
    pub weights: WeightsRecord,
    /// The settings.
    pub train: TrainConfig,
}

/// The photos of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DataRecord {
    /// The folders or archives that were opened.
    pub folders: Vec<PathBuf>,
    /// How labels were found.
    pub layout: Layout,
    /// Photos listed.
    pub photos: usize,
    /// Those labelled cracked.
    pub positive: usize,
    /// Those labelled intact.
    pub negative: usize,
    /// Those that could not be read.
    pub unreadable: usize,
    /// Those trained on.
    pub train: usize,
    /// Those validated on.
    pub validation: usize,
    /// Digest of names, labels and contents: the same for the same data.
    pub digest: String,
    /// The groups that were kept together; none for runs of before these were noted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<GroupsRecord>,
    /// Photos whose label was corrected, see [`Sample::is_corrected`](crate::dataset::Sample::is_corrected).
    #[serde(default)]
    pub corrected: usize,
    /// Digest of names and labels alone: the same for the same labels. Empty in runs of before it was kept.
    #[serde(default)]
    pub labels: String,
}

/// The initial weights of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WeightsRecord {
    /// `bundled`, `imagenet`, `random` or the path of a file.
    pub source: String,
    /// SHA-256 of the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Digest of the backbone's tensors.
    pub fingerprint: String,
}

/// A run folder that is being written.
#[derive(Clone, Debug)]
pub struct RunDir {
    path: PathBuf,
    /// Keeps others, for as long as it is open, from writing the same run, renaming or deleting it.
    _held: Option<Arc<File>>,
}

/// A finished or interrupted run, read back.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// The run folder.
    pub path: PathBuf,
    /// What was asked for.
    pub record: RunRecord,
    /// The figures of each epoch.
    pub epochs: Vec<EpochRecord>,
    /// The epoch whose weights were kept, from 1.
    pub best_epoch: Option<usize>,
    /// What the model said of each photo; empty for a run that has not finished.
    pub predictions: Vec<Prediction>,
    /// Probability from which a photo counts as cracked.
    pub threshold: Threshold,
    /// What the logits of its model were divided by; 1 where they were left as they were.
    pub temperature: f64,
}

/// A run in a list.
#[derive(Clone, Debug, PartialEq)]
pub struct RunSummary {
    /// The run folder.
    pub path: PathBuf,
    /// Its name.
    pub name: String,
    /// What was asked for.
    pub record: RunRecord,
    /// The figures of each epoch.
    pub epochs: Vec<EpochRecord>,
    /// Whether it has a model that can be used.
    pub finished: bool,
}

impl RunDir {
    /// Makes a new run folder, or takes an empty one.
    ///
    /// # Errors
    /// Where it holds files already or cannot be made.
    pub fn create(path: &Path) -> Result<Self> {
        Self::check_free(path)?;
        std::fs::create_dir_all(path).map_err(|cause| atomic_file::cannot_write(path, &cause))?;
        let held = hold(path)?;
        // Another copy of the program may have written a whole run between the two.
        Self::check_free(path)?;
        Ok(Self { path: path.to_path_buf(), _held: held })
    }

    /// Checks that a run may be written to `path`, without making anything. What is left of one that was ended before it
    /// began is in nobody's way.
    ///
    /// # Errors
    /// Where it is a file or holds files already.
    pub fn check_free(path: &Path) -> Result<()> {
        let counts = |entry: std::io::Result<DirEntry>| {
            entry.is_ok_and(|entry| !entry.file_name().to_str().is_some_and(atomic_file::is_temporary))
        };
        match std::fs::read_dir(path).map(|mut entries| entries.any(counts)) {
            Ok(true) => Err(Error::new(format!("{} holds files already", path.display()))
                .hint("choose another run folder (--out), or go on with that run (--resume)")),
            Err(cause) if path.exists() => Err(Error::file("use the run folder", path, cause)),
            _ => Ok(()),
        }
    }

    /// Takes up a run folder that is there, to go on with it.
    ///
    /// # Errors
    /// Where it is none, or another process is writing it.
    pub fn reopen(path: &Path) -> Result<(Self, RunRecord)> {
        let record = RunRecord::read(path)?;
        let held = hold(path)?;
        atomic_file::tidy(path);
        Ok((Self { path: path.to_path_buf(), _held: held }, record))
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes one file, whole or not at all.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        atomic_file::write(&self.path.join(name), bytes)
    }

    /// Writes all that the next epoch depends on.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn write_state(&self, state: &StateDict) -> Result<()> {
        atomic_file::write_with(&self.path.join(LAST), |file| state.write_safetensors(file))
    }

    /// Begins the run with its `config.toml` and its table of groups.
    ///
    /// # Errors
    /// Where they cannot be written.
    pub fn begin(&self, record: &RunRecord, groups: &[u8]) -> Result<()> {
        let config = record.to_toml()?;
        atomic_file::write_all(&self.path, &[(GROUPS, groups), (CONFIG, config.as_bytes())])
    }

    /// Writes `config.toml`.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn write_record(&self, record: &RunRecord) -> Result<()> {
        self.write(CONFIG, record.to_toml()?.as_bytes())
    }

    /// Begins `results.csv` with the epochs that an earlier part of the run has done.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn begin_results(&self, done: &[EpochRecord]) -> Result<Results> {
        let path = self.path.join(RESULTS);
        let mut text = String::from("epoch,seconds,learning_rate,train_loss,train_accuracy,val_loss,val_accuracy\n");
        for record in done {
            text.push_str(&results_line(record)?);
        }
        atomic_file::write(&path, text.as_bytes())?;
        let file = OpenOptions::new().append(true).open(&path).on_file("write", &path)?;
        Ok(Results { file, path })
    }
}

/// `results.csv`, which grows by a line an epoch.
pub struct Results {
    file: File,
    path: PathBuf,
}

impl Results {
    /// Adds a line.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn add(&mut self, record: &EpochRecord) -> Result<()> {
        let written = self.file.write_all(results_line(record)?.as_bytes());
        written.map_err(|cause| atomic_file::cannot_write(&self.path, &cause))
    }
}

impl Run {
    /// Reads a run folder.
    ///
    /// # Errors
    /// Where the folder is no run, or one of its files is damaged.
    pub fn open(path: &Path) -> Result<Self> {
        let record = RunRecord::read(path)?;
        let epochs = read_results(path)?;
        let table = path.join(PREDICTIONS);
        let folders = &record.data.folders;
        let mut predictions = if table.exists() {
            predictions::read_csv(&table, |file| Dataset::locate(folders, file))?
        } else {
            Vec::new()
        };
        group(&mut predictions, &ByHand::read_if_there(&path.join(GROUPS))?);
        let model = path.join(MODEL);
        let notes = if model.exists() { state_dict::read_metadata(&model)? } else { Default::default() };
        let note = |key: &str| notes.get(key).cloned();
        Ok(Self {
            path: path.to_path_buf(),
            epochs,
            predictions,
            best_epoch: note("epoch").and_then(|epoch| epoch.parse().ok()),
            threshold: Threshold::from_notes(&notes),
            temperature: note("temperature").and_then(|t| t.parse().ok()).unwrap_or(1.0),
            record,
        })
    }

    /// Where photos lie in archives, unpacks those unless that is done, and tells the predictions where.
    ///
    /// # Errors
    /// As [`archive::resolve`]. The predictions then go on naming places in the archive.
    pub fn reach_photos(&mut self, places: &Places, watch: &dyn Watch) -> Result<()> {
        for named in self.record.data.folders.iter().filter(|folder| archive::is_archive(folder)) {
            for root in archive::resolve(std::slice::from_ref(named), places, watch)? {
                for prediction in &mut self.predictions {
                    if let Ok(place) = prediction.path.strip_prefix(&root.named) {
                        prediction.path = root.folder.join(place);
                    }
                }
            }
        }
        Ok(())
    }

    /// Its name: that of the folder.
    pub fn name(&self) -> String {
        name_of(&self.path)
    }
}

/// Tells the predictions which of them were kept together.
fn group(predictions: &mut [Prediction], table: &ByHand) {
    let mut first = HashMap::new();
    for (index, prediction) in predictions.iter_mut().enumerate() {
        prediction.group = table.group_of(&prediction.file).map(|name| *first.entry(name).or_insert(index));
    }
}

/// The model of a run, the file itself where `run` is one, or the program's own where it is `bundled`.
///
/// # Errors
/// Where there is none.
pub fn model_file(run: &Path) -> Result<ModelFile> {
    if is_bundled(run) {
        return Ok(ModelFile::Bundled);
    }
    let file = if run.is_dir() { run.join(MODEL) } else { run.to_path_buf() };
    atomic_file::complete(run)?;
    if file.is_file() {
        return Ok(ModelFile::File(file));
    }
    let error = if run.is_dir() {
        Error::new(format!("{} holds no finished model", run.display()))
            .hint("give the folder of a finished run, or finish it with `crackscope train --resume --out RUN`")
    } else {
        Error::new(format!("There is no run {}", run.display()))
            .hint("give the folder that `crackscope train --out RUN` wrote, a model file, or `bundled`")
    };
    Err(error)
}

/// What a run, a model file or the program's own model is called.
pub fn name(run: &Path) -> String {
    match run.file_name() {
        _ if is_bundled(run) => "the bundled model".to_owned(),
        Some(name) => name.to_string_lossy().into_owned(),
        None => run.display().to_string(),
    }
}

/// Whether this is the folder of a run, finished or not.
pub fn is_run(folder: &Path) -> bool {
    [CONFIG, MODEL].iter().any(|file| folder.join(file).is_file())
}

/// Whether this stands for the model that comes with the program. `./bundled` is a folder.
pub fn is_bundled(run: &Path) -> bool {
    run == Path::new(bundled::NAME)
}

/// The runs in `folder`, newest first. Folders that are no runs, and damaged ones, are passed over.
pub fn list(folder: &Path) -> Vec<RunSummary> {
    run_list::list(folder).runs
}

/// The epoch that the trainer keeps: the first one of the lowest validation loss, or of the lowest training loss where
/// there is no other.
pub fn best_epoch(epochs: &[EpochRecord]) -> Option<&EpochRecord> {
    let judged = |record: &EpochRecord| record.val_loss.unwrap_or(record.train_loss);
    epochs.iter().min_by(|a, b| judged(a).total_cmp(&judged(b)))
}

/// A folder in `runs` that is not there yet, named by date and data set: `2026-11-21 metu`, then `2026-11-21 metu 2`.
pub fn free_name(runs: &Path, dataset: &str) -> PathBuf {
    let now = humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string();
    let day = now.split('T').next().unwrap_or_default().to_owned();
    let clean: String =
        dataset.chars().map(|c| if c.is_alphanumeric() || " -_.+".contains(c) { c } else { '-' }).collect();
    let base = format!("{day} {}", clean.trim().chars().take(60).collect::<String>());
    let first = runs.join(&base);
    if !first.exists() {
        return first;
    }
    (2..).map(|n| runs.join(format!("{base} {n}"))).find(|path| !path.exists()).unwrap_or(first)
}

impl RunRecord {
    /// Reads the `config.toml` of a run folder.
    ///
    /// # Errors
    /// Where the folder is no run, or the file is damaged.
    pub fn read(run: &Path) -> Result<Self> {
        atomic_file::complete(run)?;
        let path = run.join(CONFIG);
        if !path.is_file() {
            return Err(Error::new(format!("{} is not a run folder", run.display()))
                .detail(format!("it holds no {CONFIG}"))
                .hint("give the folder that `crackscope train --out RUN` wrote"));
        }
        let text = bounded::read_to_string(&path, bounded::NOTES).on_file("read", &path)?;
        toml::from_str(&text).on_file("understand", &path)
    }

    /// The text of `config.toml`.
    ///
    /// # Errors
    /// Where a number is too large for TOML.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string(self).context("Cannot write the settings of the run")
    }
}

impl DataRecord {
    /// Describes `dataset`, whose digest and shares are filled in by the trainer.
    pub fn of(dataset: &Dataset, digest: String, unreadable: usize, (train, validation): (usize, usize)) -> Self {
        Self {
            folders: dataset.roots.iter().map(|root| absolute(root)).collect(),
            layout: dataset.layout,
            photos: dataset.samples.len(),
            positive: dataset.count(Class::Positive),
            negative: dataset.count(Class::Negative),
            unreadable,
            train,
            validation,
            digest,
            groups: None,
            corrected: dataset.corrected(),
            labels: labels::digest(dataset),
        }
    }
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
}

/// Takes a run folder for this process alone. Where the system cannot, as Windows cannot with folders, nothing is held.
fn hold(path: &Path) -> Result<Option<Arc<File>>> {
    let Ok(folder) = File::open(path) else { return Ok(None) };
    match folder.try_lock() {
        Ok(()) => Ok(Some(Arc::new(folder))),
        Err(TryLockError::Error(_)) => Ok(None),
        Err(TryLockError::WouldBlock) => Err(Error::new(format!("{} is being trained or changed", name(path)))
            .hint("wait until the other program has ended")),
    }
}

impl RunSummary {
    /// Reads the settings and the epochs of a run folder, and none of its larger files.
    ///
    /// # Errors
    /// Where the folder is no run, or one of these files is damaged.
    pub fn read(path: &Path) -> Result<Self> {
        Ok(Self {
            path: path.to_path_buf(),
            name: name_of(path),
            record: RunRecord::read(path)?,
            epochs: read_results(path)?,
            finished: path.join(MODEL).is_file(),
        })
    }
}

pub(super) fn name_of(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

fn read_results(run: &Path) -> Result<Vec<EpochRecord>> {
    let path = run.join(RESULTS);
    if !path.exists() {
        return Ok(Vec::new());
    }
    let bytes = bounded::read(&path, bounded::TABLES).on_file("read", &path)?;
    let mut reader = csv::Reader::from_reader(bytes.as_slice());
    // A line that a crash cut short ends the table.
    Ok(reader.deserialize().map_while(|line| line.ok()).collect())
}

fn results_line(record: &EpochRecord) -> Result<String> {
    let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
    writer.serialize(record).context("Cannot write the results")?;
    let bytes = writer.into_inner().map_err(|e| e.into_error()).context("Cannot write the results")?;
    String::from_utf8(bytes).context("Cannot write the results")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_files_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(RunDir::create(&folder.path().join("new")).is_ok());
        std::fs::write(folder.path().join("thesis.doc"), "mine").unwrap();
        let error = RunDir::create(folder.path()).unwrap_err();
        assert!(error.title().ends_with("holds files already"), "{error}");
    }

    #[test]
    fn what_was_ended_before_it_began_is_in_nobodys_way() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(".crackscope-abc.part"), "half").unwrap();
        RunDir::create(folder.path()).unwrap();
    }

    #[test]
    fn names_do_not_collide() {
        let runs = tempfile::tempdir().unwrap();
        let first = free_name(runs.path(), "a/b: c");
        assert!(name_of(&first).ends_with("a-b- c"), "{first:?}");
        std::fs::create_dir(&first).unwrap();
        assert!(name_of(&free_name(runs.path(), "a/b: c")).ends_with("a-b- c 2"));
    }

    #[test]
    fn results_read_back_up_to_a_torn_line() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunDir::create(folder.path()).unwrap();
        let record = EpochRecord {
            epoch: 1,
            seconds: 0.5,
            learning_rate: 1e-3,
            train_loss: 0.7,
            train_accuracy: 0.5,
            val_loss: None,
            val_accuracy: None,
        };
        run.begin_results(&[record]).unwrap().add(&EpochRecord { epoch: 2, ..record }).unwrap();
        assert_eq!(read_results(run.path()).unwrap().len(), 2);
        let path = run.path().join(RESULTS);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("{text}3,0.9")).unwrap();
        assert_eq!(read_results(run.path()).unwrap(), [record, EpochRecord { epoch: 2, ..record }]);
    }
}
