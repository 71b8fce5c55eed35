//! The runs in a folder, and how good each is on its validation photos.

use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::run_dir::{self, RunSummary};
use crate::dataset::split::Part;
use crate::error::{Error, Result};
use crate::nn::state_dict;
use crate::review::metrics::Metrics;
use crate::review::predictions::{self, Prediction};
use crate::review::threshold::Threshold;

/// How each `config.toml` of ours begins.
const MARK: &str = "program = \"crackscope ";

/// What a folder of runs holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunList {
    /// The runs, newest first.
    pub runs: Vec<RunSummary>,
    /// Runs of ours that cannot be read, by name.
    pub damaged: Vec<DamagedRun>,
}

/// A run that cannot be read.
#[derive(Clone, Debug, PartialEq)]
pub struct DamagedRun {
    /// The run folder.
    pub path: PathBuf,
    /// Its name.
    pub name: String,
    /// Why.
    pub error: Error,
}

/// Lists the runs in `folder`. Whatever else lies there is passed over. Their predictions are not read.
pub fn list(folder: &Path) -> RunList {
    let mut list = RunList::default();
    let Ok(entries) = std::fs::read_dir(folder) else { return list };
    for path in entries.flatten().map(|entry| entry.path()) {
        match RunSummary::read(&path) {
            Ok(run) => list.runs.push(run),
            Err(error) if is_marked(&path) => {
                list.damaged.push(DamagedRun { name: run_dir::name_of(&path), path, error });
            }
            Err(_) => {}
        }
    }
    list.runs.sort_by(|a, b| b.record.created.cmp(&a.record.created).then_with(|| b.name.cmp(&a.name)));
    list.damaged.sort_by(|a, b| a.name.cmp(&b.name));
    list
}

/// Whether this program wrote the `config.toml` of `folder`, damaged or not.
pub(super) fn is_ours(folder: &Path) -> bool {
    is_marked(folder) || RunSummary::read(folder).is_ok()
}

fn is_marked(folder: &Path) -> bool {
    let mut begin = [0; MARK.len()];
    std::fs::File::open(folder.join(run_dir::CONFIG)).is_ok_and(|mut file| file.read_exact(&mut begin).is_ok())
        && begin == MARK.as_bytes()
}

/// Figures over the validation photos of runs, each read once for each state of its files.
#[derive(Debug, Default)]
pub struct Figures {
    known: HashMap<PathBuf, ([Stamp; 2], Option<Metrics>)>,
}

/// When a file was last written, and how large it is; none where there is no such file.
pub type Stamp = Option<(SystemTime, u64)>;

impl Figures {
    /// The figures of a run at its stored threshold; none where it has no predictions of labelled validation photos,
    /// or they cannot be read.
    pub fn of(&mut self, run: &Path) -> Option<Metrics> {
        let stamp = [run_dir::PREDICTIONS, run_dir::MODEL].map(|file| stamp(&run.join(file)));
        match self.known.get(run) {
            Some((known, metrics)) if *known == stamp => metrics.clone(),
            _ => {
                let metrics = read(run);
                self.known.insert(run.to_owned(), (stamp, metrics.clone()));
                metrics
            }
        }
    }
}

/// Tells the state of a file from those before it, without reading it.
pub fn stamp(file: &Path) -> Stamp {
    let facts = file.metadata().ok()?;
    Some((facts.modified().ok()?, facts.len()))
}

/// What a run says of its photos, without where these lie, and its threshold.
///
/// # Errors
/// Where it has no predictions, or they cannot be read.
pub fn said(run: &Path) -> Result<(Vec<Prediction>, Threshold)> {
    // Where the photos lie does not matter here, and looking for them would take longer than all the rest.
    let predictions = predictions::read_csv(&run.join(run_dir::PREDICTIONS), |_| PathBuf::new())?;
    let notes = state_dict::read_metadata(&run.join(run_dir::MODEL)).unwrap_or_default();
    Ok((predictions, Threshold::from_notes(&notes)))
}

fn read(run: &Path) -> Option<Metrics> {
    let (predictions, threshold) = said(run).ok()?;
    let validation = predictions.iter().filter(|p| p.part == Some(Part::Validation));
    Some(Metrics::of(validation, threshold)).filter(|metrics| metrics.photos > 0)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::dataset::Class;
    use crate::dataset::Layout;
    use crate::train::config::TrainConfig;
    use crate::train::observer::EpochRecord;
    use crate::train::run_dir::{DataRecord, RunDir, RunRecord, WeightsRecord};

    /// What a run of 10 photos was asked to do.
    pub(crate) fn record(created: &str, train: TrainConfig) -> RunRecord {
        RunRecord {
            program: "crackscope 0.1.0".to_owned(),
            created: created.to_owned(),
            device: "CPU".to_owned(),
            data: DataRecord {
                folders: vec![PathBuf::from("/photos/bridge")],
                layout: Layout::ClassFolders,
                photos: 10,
                positive: 5,
                negative: 5,
                unreadable: 0,
                train: 8,
                validation: 2,
                digest: "0123456789abcdef".to_owned(),
                groups: None,
                corrected: 0,
                labels: String::new(),
            },
            weights: WeightsRecord {
                source: "bundled".to_owned(),
                sha256: None,
                fingerprint: "fedcba9876543210".to_owned(),
            },
            train,
        }
    }

    /// The figures of an epoch.
    pub(crate) fn epoch(epoch: usize, val_loss: f64, val_accuracy: f64) -> EpochRecord {
        EpochRecord {
            epoch,
            seconds: epoch as f64,
            learning_rate: 1e-3,
            train_loss: 0.5,
            train_accuracy: 0.5,
            val_loss: Some(val_loss),
            val_accuracy: Some(val_accuracy),
        }
    }

    fn validated(file: &str, truth: Class, p_positive: f32) -> Prediction {
        let (sample, path, part) = (0, PathBuf::new(), Some(Part::Validation));
        Prediction { sample, file: file.into(), path, part, truth: Some(truth), p_positive, group: None }
    }

    /// Writes a run of two epochs and four predictions; three of them are validation photos, of which one is wrong.
    pub(crate) fn write_run(folder: &Path, record: &RunRecord) {
        let run = RunDir::create(folder).unwrap();
        run.write_record(record).unwrap();
        run.begin_results(&[epoch(1, 0.4, 0.8), epoch(2, 0.3, 0.9)]).unwrap();
        let predictions = [
            validated("a.jpg", Class::Positive, 0.9),
            validated("b.jpg", Class::Negative, 0.7),
            validated("c.jpg", Class::Negative, 0.1),
            Prediction { part: Some(Part::Train), ..validated("d.jpg", Class::Positive, 0.1) },
        ];
        run.write(run_dir::PREDICTIONS, &predictions::to_csv(&predictions, 0.5).unwrap()).unwrap();
        run.write(run_dir::MODEL, &model(0.5)).unwrap();
    }

    /// The header of a model file without tensors.
    fn model(threshold: f32) -> Vec<u8> {
        let header = format!("{{\"__metadata__\":{{\"threshold\":\"{threshold}\",\"epoch\":\"2\"}}}}");
        [&(header.len() as u64).to_le_bytes()[..], header.as_bytes()].concat()
    }

    #[test]
    fn figures_are_over_validation_photos_at_the_stored_threshold() {
        let runs = tempfile::tempdir().unwrap();
        let run = runs.path().join("first");
        write_run(&run, &record("2026-01-01T00:00:00Z", TrainConfig::default()));
        let mut figures = Figures::default();
        let metrics = figures.of(&run).unwrap();
        assert_eq!((metrics.photos, metrics.confusion.wrong(), metrics.recall), (3, 1, Some(1.0)));
        // Another threshold counts, although the predictions are the same.
        std::fs::write(run.join(run_dir::MODEL), [model(0.75), vec![0]].concat()).unwrap();
        assert_eq!(figures.of(&run).unwrap().confusion.wrong(), 0);
        std::fs::remove_file(run.join(run_dir::PREDICTIONS)).unwrap();
        assert_eq!(figures.of(&run), None);
    }

    #[test]
    fn figures_are_not_read_again_while_the_files_stay() {
        let runs = tempfile::tempdir().unwrap();
        let run = runs.path().join("first");
        write_run(&run, &record("2026-01-01T00:00:00Z", TrainConfig::default()));
        let mut figures = Figures::default();
        let before = figures.of(&run);
        let table = run.join(run_dir::PREDICTIONS);
        let written = table.metadata().unwrap().modified().unwrap();
        let bytes = table.metadata().unwrap().len() as usize;
        std::fs::write(&table, "x".repeat(bytes)).unwrap();
        std::fs::File::options().write(true).open(&table).unwrap().set_modified(written).unwrap();
        assert_eq!(figures.of(&run), before);
        assert_eq!(Figures::default().of(&run), None, "who has not read them before sees that they are no table");
    }

    #[test]
    fn a_torn_record_is_told_of_and_other_folders_are_passed_over() {
        let runs = tempfile::tempdir().unwrap();
        let [old, new, torn, other] = ["old", "new", "torn", "other"].map(|name| runs.path().join(name));
        write_run(&old, &record("2026-01-01T00:00:00Z", TrainConfig::default()));
        write_run(&new, &record("2026-01-02T00:00:00Z", TrainConfig::default()));
        write_run(&torn, &record("2026-01-03T00:00:00Z", TrainConfig::default()));
        let text = std::fs::read_to_string(torn.join(run_dir::CONFIG)).unwrap();
        std::fs::write(torn.join(run_dir::CONFIG), text.split("digest").next().unwrap()).unwrap();
        std::fs::create_dir(&other).unwrap();
        std::fs::write(other.join(run_dir::CONFIG), "[server]\nport = 1\n").unwrap();
        let list = list(runs.path());
        let names: Vec<&str> = list.runs.iter().map(|run| run.name.as_str()).collect();
        assert_eq!(names, ["new", "old"]);
        assert_eq!(list.damaged.len(), 1);
        assert_eq!(list.damaged[0].name, "torn");
        assert!(list.damaged[0].error.title().contains("config.toml"), "{}", list.damaged[0].error);
    }

    #[test]
    fn a_record_of_before_there_was_a_setting_has_its_default() {
        let runs = tempfile::tempdir().unwrap();
        let run = runs.path().join("old");
        write_run(&run, &record("2026-01-01T00:00:00Z", TrainConfig::default()));
        let text = std::fs::read_to_string(run.join(run_dir::CONFIG)).unwrap();
        let kept: String =
            text.lines().filter(|line| !line.starts_with("precision")).map(|l| format!("{l}\n")).collect();
        assert_ne!(text, kept);
        std::fs::write(run.join(run_dir::CONFIG), kept).unwrap();
        assert_eq!(list(runs.path()).runs[0].record.train, TrainConfig::default());
    }
}
