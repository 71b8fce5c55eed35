//! The model's word on each photo.

use std::cmp::Ordering;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::threshold::Threshold;
use crate::bounded;
use crate::dataset::Class;
use crate::dataset::split::Part;
use crate::error::{Context, Error, Result};
pub use crate::nn::threshold::DEFAULT_THRESHOLD;

/// In tables what is said of a photo that a person is to decide on.
pub const UNSURE: &str = "Unsure";

/// What the model said of one photo.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// Index of the photo in the data set.
    pub sample: usize,
    /// The photo's name within the data set, see [`Sample::file`](crate::dataset::Sample::file).
    pub file: String,
    /// Where it lies.
    pub path: PathBuf,
    /// The side of the split it was on; `None` if it took no part in training.
    pub part: Option<Part>,
    /// What it is said to show.
    pub truth: Option<Class>,
    /// Probability of being cracked, 0 to 1.
    pub p_positive: f32,
    /// What it was kept together with in the run, by a number that they share; `None` if it stood alone.
    pub group: Option<usize>,
}

/// How a prediction compares with the label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Intact, and said so.
    TrueNegative,
    /// Intact, called cracked: a false alarm.
    FalsePositive,
    /// Cracked, called intact: a miss.
    FalseNegative,
    /// Cracked, and said so.
    TruePositive,
}

impl Outcome {
    /// The outcome of predicting `predicted` where the label says `truth`.
    pub fn of(truth: Class, predicted: Class) -> Self {
        match (truth, predicted) {
            (Class::Negative, Class::Negative) => Self::TrueNegative,
            (Class::Negative, Class::Positive) => Self::FalsePositive,
            (Class::Positive, Class::Negative) => Self::FalseNegative,
            (Class::Positive, Class::Positive) => Self::TruePositive,
        }
    }

    /// Whether label and prediction agree.
    pub fn is_correct(self) -> bool {
        matches!(self, Self::TrueNegative | Self::TruePositive)
    }

    /// The name in files and folders.
    pub fn name(self) -> &'static str {
        match self {
            Self::TrueNegative => "true_negative",
            Self::FalsePositive => "false_positive",
            Self::FalseNegative => "false_negative",
            Self::TruePositive => "true_positive",
        }
    }
}

impl Prediction {
    /// The class said at this threshold; `None` where a person is to decide.
    pub fn said(&self, threshold: impl Into<Threshold>) -> Option<Class> {
        threshold.into().said(self.p_positive)
    }

    /// What was said in a word for tables: a class's name, or [`UNSURE`].
    pub fn said_name(&self, threshold: impl Into<Threshold>) -> &'static str {
        self.said(threshold).map_or(UNSURE, Class::name)
    }

    /// How it compares with the label, where there is one and no person is to decide.
    pub fn outcome(&self, threshold: impl Into<Threshold>) -> Option<Outcome> {
        Some(Outcome::of(self.truth?, self.said(threshold)?))
    }

    /// Whether label and prediction disagree.
    pub fn is_wrong(&self, threshold: impl Into<Threshold>) -> bool {
        self.outcome(threshold).is_some_and(|outcome| !outcome.is_correct())
    }

    /// Cross entropy in nats, −ln p(true class); `None` without a label.
    pub fn loss(&self) -> Option<f32> {
        let p = match self.truth? {
            Class::Positive => self.p_positive,
            Class::Negative => 1.0 - self.p_positive,
        };
        Some(-p.max(f32::MIN_POSITIVE).ln())
    }

    /// Probability of the class that this threshold speaks for, 0 to 1, whether or not a person is to decide.
    pub fn confidence(&self, threshold: impl Into<Threshold>) -> f32 {
        match Class::predicted(self.p_positive, threshold.into().at) {
            Class::Positive => self.p_positive,
            Class::Negative => 1.0 - self.p_positive,
        }
    }
}

/// The validation photos among `predictions`, or the training photos where there are no others.
pub fn judged(predictions: &[Prediction]) -> Vec<&Prediction> {
    let on = |part| predictions.iter().filter(move |p| p.part == Some(part));
    if on(Part::Validation).next().is_some() { on(Part::Validation).collect() } else { on(Part::Train).collect() }
}

/// The wrong ones at `threshold`, worst (highest loss) first.
pub fn misclassified(predictions: &[Prediction], threshold: impl Into<Threshold>) -> Vec<Prediction> {
    let threshold = threshold.into();
    let mut wrong: Vec<_> = predictions.iter().filter(|p| p.is_wrong(threshold)).cloned().collect();
    wrong.sort_by(worst_first);
    wrong
}

/// Orders by falling loss, then by name.
pub fn worst_first(a: &Prediction, b: &Prediction) -> Ordering {
    b.loss().unwrap_or(0.0).total_cmp(&a.loss().unwrap_or(0.0)).then_with(|| a.file.cmp(&b.file))
}

/// One line of `predictions.csv` and `misclassified.csv`.
#[derive(Debug, Serialize, Deserialize)]
struct Row {
    sample: usize,
    file: String,
    split: String,
    true_label: String,
    predicted_label: String,
    p_positive: f32,
    loss: Option<f32>,
}

/// The table as CSV: `sample,file,split,true_label,predicted_label,p_positive,loss`. Where a person is to decide, the
/// predicted label is [`UNSURE`].
///
/// # Errors
/// Where a row cannot be written, which does not happen in memory.
pub fn to_csv(predictions: &[Prediction], threshold: impl Into<Threshold>) -> Result<Vec<u8>> {
    let threshold = threshold.into();
    let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
    let header = ["sample", "file", "split", "true_label", "predicted_label", "p_positive", "loss"];
    writer.write_record(header).context("Cannot write the table of predictions")?;
    for p in predictions {
        let row = Row {
            sample: p.sample,
            file: p.file.clone(),
            split: p.part.map(Part::name).unwrap_or_default().to_owned(),
            true_label: p.truth.map(Class::name).unwrap_or_default().to_owned(),
            predicted_label: p.said_name(threshold).to_owned(),
            p_positive: p.p_positive,
            loss: p.loss(),
        };
        writer.serialize(row).context("Cannot write the table of predictions")?;
    }
    writer.into_inner().map_err(|e| e.into_error()).context("Cannot write the table of predictions")
}

/// Whether the name of a photo leads elsewhere than below the folder of the photos.
fn leads_out(file: &str) -> bool {
    !Path::new(file).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
}

/// Reads a table written by [`to_csv`]. `locate` turns a photo's name into its path.
///
/// # Errors
/// Where the file cannot be read or a row is not as [`to_csv`] writes it, the error naming the line; where a name leads
/// out of the folder of the photos.
pub fn read_csv(path: &Path, locate: impl Fn(&str) -> PathBuf) -> Result<Vec<Prediction>> {
    let bytes = bounded::read(path, bounded::TABLES).on_file("read", path)?;
    let mut reader = csv::Reader::from_reader(bytes.as_slice());
    let mut predictions = Vec::new();
    for row in reader.deserialize() {
        let row: Row = row.on_file("read", path)?;
        if leads_out(&row.file) {
            let what = format!("it names {:?}, which leads out of the photos' folder", row.file);
            return Err(Error::file("use", path, what).hint("a table that this program wrote names no such file"));
        }
        predictions.push(Prediction {
            sample: row.sample,
            path: locate(&row.file),
            part: [Part::Train, Part::Validation].into_iter().find(|part| part.name() == row.split),
            truth: Class::ALL.into_iter().find(|class| class.name() == row.true_label),
            p_positive: row.p_positive,
            file: row.file,
            group: None,
        });
    }
    Ok(predictions)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prediction(file: &str, truth: Option<Class>, p_positive: f32) -> Prediction {
        let part = truth.map(|_| Part::Validation);
        Prediction {
            sample: 7,
            file: file.into(),
            path: Path::new("root").join(file),
            part,
            truth,
            p_positive,
            group: None,
        }
    }

    #[test]
    fn wrong_ones_come_worst_first() {
        let predictions = [
            prediction("a", Some(Class::Negative), 0.6),
            prediction("b", Some(Class::Positive), 0.1),
            prediction("c", Some(Class::Positive), 0.9),
            prediction("d", None, 0.9),
        ];
        let wrong: Vec<_> = misclassified(&predictions, 0.5).into_iter().map(|p| p.file).collect();
        assert_eq!(wrong, ["b", "a"]);
        assert_eq!(misclassified(&predictions, 0.05).len(), 1);
    }

    #[test]
    fn what_a_person_is_to_decide_is_neither_right_nor_wrong() {
        let threshold = Threshold { at: 0.5, unsure: Some(super::super::threshold::Band { from: 0.4, to: 0.7 }) };
        let predictions = [prediction("a", Some(Class::Negative), 0.6), prediction("b", Some(Class::Negative), 0.8)];
        assert_eq!((predictions[0].outcome(threshold), predictions[0].is_wrong(threshold)), (None, false));
        assert_eq!(misclassified(&predictions, threshold).len(), 1);
        let table = String::from_utf8(to_csv(&predictions, threshold).unwrap()).unwrap();
        assert!(table.contains("7,a,validation,Negative,Unsure,0.6,"), "{table}");
    }

    #[test]
    fn a_table_reads_back_as_it_was_written() {
        let predictions = vec![
            prediction("with, comma \"and quotes\".jpg", Some(Class::Positive), 0.25),
            prediction("Brücke/ひび.jpg", None, 0.1 + 0.2),
        ];
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("predictions.csv");
        std::fs::write(&path, to_csv(&predictions, 0.5).unwrap()).unwrap();
        assert_eq!(read_csv(&path, |file| Path::new("root").join(file)).unwrap(), predictions);
    }

    #[test]
    fn a_table_that_names_files_elsewhere_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("predictions.csv");
        for file in ["../secret.jpg", "/etc/passwd", "a/../../b.jpg", ".."] {
            std::fs::write(&path, to_csv(&[prediction(file, None, 0.5)], 0.5).unwrap()).unwrap();
            let error = read_csv(&path, |file| Path::new("root").join(file)).unwrap_err();
            assert!(error.one_line().contains("leads out of the photos' folder"), "{error}");
        }
        let fine = [prediction("./..a/b..jpg", None, 0.5)];
        std::fs::write(&path, to_csv(&fine, 0.5).unwrap()).unwrap();
        assert_eq!(read_csv(&path, |_| Path::new("root").join("./..a/b..jpg")).unwrap(), fine);
    }

    #[test]
    fn loss_is_finite_for_a_sure_mistake() {
        let loss = prediction("a", Some(Class::Positive), 0.0).loss().unwrap();
        assert!(loss.is_finite() && loss > 80.0);
    }
}
