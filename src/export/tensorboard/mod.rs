//! A run as an event file, which TensorBoard reads: while it trains and after.
//!
//! Every epoch adds the figures of `results.csv` and histograms of the head; the end adds the worst errors and the
//! plots as pictures. An event file is a sequence of [`record`]s, each an [`event`].

mod event;
mod record;

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::plots::Picture;
use super::{figures, png, thumbnails};
use crate::atomic_file;
use crate::bounded;
use crate::dataset::split::Part;
use crate::error::{Context, Result};
use crate::export::protobuf::Message;
use crate::job::Unwatched;
use crate::review::predictions::{Prediction, worst_first};
use crate::review::threshold::Threshold;
use crate::train::observer::EpochRecord;

/// The name of the event file. Always the same, so that a resumed run goes on with it and no epoch appears twice.
pub const FILE: &str = "events.out.tfevents.crackscope";
/// The most errors that are shown.
pub const MOST_ERRORS: usize = 16;
/// The longer side of their thumbnails, in pixels.
pub const THUMBNAIL: u32 = 160;

/// The first tag of every epoch's event, by which it is known.
const EPOCH: &str = "loss/train";

/// The values of the trained head, by what they are called.
pub type HeadValues = [(&'static str, Vec<f32>); 2];

/// `events.out.tfevents.crackscope`, which grows by an event an epoch.
pub struct EventLog {
    file: File,
    path: PathBuf,
}

impl EventLog {
    /// Begins the file of the run folder `run`, with the epochs that an earlier part of the run has done: their events
    /// as they were written then, or their figures alone where those are lost.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn begin(run: &Path, done: &[EpochRecord]) -> Result<Self> {
        let path = run.join(FILE);
        let before =
            if done.is_empty() { Vec::new() } else { bounded::read(&path, bounded::TABLES).unwrap_or_default() };
        let records = record::read(&before);
        let now = now();
        let began = now - done.last().map_or(0.0, |epoch| epoch.seconds);
        let mut file = Vec::new();
        record::append(&mut file, &event::version(began));
        for epoch in done {
            let kept =
                records.iter().find(|event| event::step_and_first_tag(event) == Some((epoch.epoch, EPOCH.as_bytes())));
            match kept {
                Some(event) => record::append(&mut file, event),
                None => record::append(&mut file, &event::summary(began + epoch.seconds, epoch.epoch, &scalars(epoch))),
            }
        }
        atomic_file::write(&path, &file)?;
        Self::reopen(run)
    }

    /// The file of a run whose epochs are done.
    ///
    /// # Errors
    /// Where there is none.
    pub fn reopen(run: &Path) -> Result<Self> {
        let path = run.join(FILE);
        let file = OpenOptions::new().append(true).open(&path).on_file("write", &path)?;
        Ok(Self { file, path })
    }

    /// Adds an epoch: losses, accuracies, learning rate, and the head's values as histograms.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn add_epoch(&mut self, epoch: &EpochRecord, head: &[(&'static str, Vec<f32>)]) -> Result<()> {
        let mut values = scalars(epoch);
        values.extend(head.iter().map(|(name, numbers)| event::histogram(&format!("head/{name}"), numbers)));
        self.add(&event::summary(now(), epoch.epoch, &values))
    }

    /// Adds the plots and the worst misclassified validation photos, at the epoch that was kept. A photo that can no
    /// longer be read is left out.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn add_pictures(
        &mut self,
        best_epoch: usize,
        plots: &[Picture],
        judged: &[&Prediction],
        threshold: impl Into<Threshold>,
    ) -> Result<()> {
        let threshold = threshold.into();
        let mut values = Vec::new();
        for plot in plots {
            values.push(event::image(&format!("plots/{}", plot.name), "", plot.size, &plot.png));
        }
        let worst = worst(judged, threshold);
        for (at, (photo, picture)) in worst.iter().zip(thumbnails::read(&worst, THUMBNAIL, &Unwatched)?).enumerate() {
            if let (Ok(picture), Some(outcome)) = (picture, photo.outcome(threshold)) {
                let file: String =
                    photo.file.chars().map(|c| if c.is_control() || c == '`' { '\'' } else { c }).collect();
                let tag = format!("errors/{}/{:02} {file}", outcome.name(), at + 1);
                let p = figures::probability(photo.p_positive);
                let description = format!("`{file}`: probability of being cracked {p}");
                values.push(event::image(&tag, &description, picture.dimensions(), &png::encode(&picture)?));
            }
        }
        self.add(&event::summary(now(), best_epoch, &values))
    }

    fn add(&mut self, event: &[u8]) -> Result<()> {
        let mut bytes = Vec::new();
        record::append(&mut bytes, event);
        self.file.write_all(&bytes).on_file("write", &self.path)
    }
}

fn scalars(epoch: &EpochRecord) -> Vec<Message> {
    let values = [
        (EPOCH, Some(epoch.train_loss)),
        ("loss/validation", epoch.val_loss),
        ("accuracy/train", Some(epoch.train_accuracy)),
        ("accuracy/validation", epoch.val_accuracy),
        ("learning_rate", Some(epoch.learning_rate)),
    ];
    values.into_iter().filter_map(|(tag, value)| Some(event::scalar(tag, value? as f32))).collect()
}

/// The misclassified validation photos with the highest loss, worst first.
fn worst(judged: &[&Prediction], threshold: Threshold) -> Vec<Prediction> {
    let wrong = judged.iter().filter(|photo| photo.part == Some(Part::Validation) && photo.is_wrong(threshold));
    let mut wrong: Vec<&Prediction> = wrong.copied().collect();
    wrong.sort_by(|a, b| worst_first(a, b));
    wrong.into_iter().take(MOST_ERRORS).cloned().collect()
}

/// Seconds since 1970.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::fixture;

    fn head() -> HeadValues {
        [("weight", vec![0.5, -0.25, 0.125, 0.0]), ("bias", vec![0.1, -0.1])]
    }

    fn epoch(epoch: usize, val: Option<f64>) -> EpochRecord {
        EpochRecord {
            epoch,
            seconds: epoch as f64,
            learning_rate: 1e-3,
            train_loss: 0.5,
            train_accuracy: 0.75,
            val_loss: val,
            val_accuracy: val,
        }
    }

    fn holds(bytes: &[u8], text: &str) -> bool {
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    }

    fn steps(file: &[u8]) -> Vec<usize> {
        record::read(file).into_iter().filter_map(event::step_and_first_tag).map(|(step, _)| step).collect()
    }

    /// The first record as TensorFlow writes it, with the step spelt out.
    #[test]
    fn the_file_begins_with_its_version() {
        let folder = tempfile::tempdir().unwrap();
        EventLog::begin(folder.path(), &[]).unwrap();
        let file = std::fs::read(folder.path().join(FILE)).unwrap();
        assert_eq!(file[..8], 26_u64.to_le_bytes());
        assert_eq!(file[12], 0x09);
        assert_eq!(file[21..38], *b"\x10\0\x1a\x0dbrain.Event:2");
        assert_eq!(file.len(), 12 + 26 + 4);
    }

    #[test]
    fn absent_validation_has_no_values() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let mut log = EventLog::begin(folder.path(), &[]).unwrap();
        log.add_epoch(&epoch(1, None), &head()).unwrap();
        let file = std::fs::read(&path).unwrap();
        assert!(holds(&file, "loss/train") && holds(&file, "head/weight") && !holds(&file, "validation"));
        log.add_epoch(&epoch(2, Some(0.5)), &head()).unwrap();
        assert!(holds(&std::fs::read(&path).unwrap(), "accuracy/validation"));
    }

    #[test]
    fn a_resumed_run_keeps_the_events_of_its_epochs_and_no_others() {
        let folder = tempfile::tempdir().unwrap();
        let (run, path) = (folder.path(), folder.path().join(FILE));
        let done: Vec<_> = (1..=3).map(|n| epoch(n, Some(0.5))).collect();
        let mut log = EventLog::begin(run, &[]).unwrap();
        done.iter().for_each(|epoch| log.add_epoch(epoch, &head()).unwrap());
        log.add_pictures(2, &[], &[], 0.5).unwrap();
        let whole = std::fs::read(&path).unwrap();

        EventLog::begin(run, &done[..2]).unwrap().add_epoch(&done[2], &head()).unwrap();
        let resumed = std::fs::read(&path).unwrap();
        assert_eq!(steps(&resumed), [1, 2, 3]);
        assert_eq!(record::read(&whole)[1..3], record::read(&resumed)[1..3], "histograms and times are kept");

        // A torn end, as a crash leaves it, loses that epoch's histograms alone.
        std::fs::write(&path, &resumed[..resumed.len() - 5]).unwrap();
        EventLog::begin(run, &done).unwrap();
        let mended = std::fs::read(&path).unwrap();
        assert_eq!(steps(&mended), [1, 2, 3]);
        let last = *record::read(&mended).last().unwrap();
        assert!(holds(last, "loss/train") && !holds(last, "head/weight"));
        assert_eq!(std::fs::read_dir(run).unwrap().count(), 1);
    }

    #[test]
    fn the_worst_validation_errors_are_shown_worst_first() {
        let folder = tempfile::tempdir().unwrap();
        let mut run = fixture::run_with_photos(&folder.path().join("photos"));
        let events = |run: &crate::train::run_dir::Run| {
            let judged: Vec<_> = run.predictions.iter().collect();
            let mut log = EventLog::begin(folder.path(), &[]).unwrap();
            log.add_pictures(2, &[], &judged, 0.5).unwrap();
            std::fs::read(folder.path().join(FILE)).unwrap()
        };
        let file = events(&run);
        for text in
            ["errors/false_negative/01 c.png", "errors/false_positive/02 a/1.png", "errors/false_positive/03 b/1.png"]
        {
            assert!(holds(&file, text), "{text}");
        }
        assert!(holds(&file, "`c.png`: probability of being cracked 0.01"));
        std::fs::remove_file(folder.path().join("photos/c.png")).unwrap();
        assert!(!holds(&events(&run), "false_negative"));
        run.predictions.iter_mut().for_each(|photo| photo.part = Some(Part::Train));
        assert!(!holds(&events(&run), "errors/"));
    }
}
