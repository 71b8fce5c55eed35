//! How good a model trained on these photos is to be expected to be: figures over the folds of a cross-validation.

use serde::Serialize;

use super::interval::Interval;
pub use super::interval::LEVEL;
use super::metrics::Metrics;
use super::predictions::{self, DEFAULT_THRESHOLD, Prediction};
use crate::dataset::Dataset;
use crate::error::{Context, Result};
use crate::places::Places;
use crate::train::config::TrainConfig;
use crate::train::folds::{self, FoldRecord, OutOfFold};
use crate::train::observer::{FeatureReport, Observer};

/// What is to be known of the intervals, for people.
pub const ABOUT_INTERVALS: &str = "95 % interval of the mean by the corrected resampled t-test (Nadeau and Bengio 2003). \
     The folds share training photos, so take it for a guide.";

/// What a cross-validation came to.
#[derive(Clone, Debug)]
pub struct CrossValidation {
    /// What is said of each photo by the head that has not seen it, in the order of the data set.
    pub predictions: Vec<Prediction>,
    /// The fold of each prediction, from 0.
    pub fold_of: Vec<usize>,
    /// How each fold went.
    pub folds: Vec<FoldRecord>,
    /// Each figure over the folds.
    pub figures: Vec<FigureOverFolds>,
    /// The figures over all photos together.
    pub together: Metrics,
    /// Probability from which a photo counts as cracked.
    pub threshold: f32,
    /// How the features came about.
    pub features: FeatureReport,
}

/// One figure over the folds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FigureOverFolds {
    /// Its name in files.
    #[serde(skip)]
    pub key: &'static str,
    /// Its name.
    #[serde(skip)]
    pub name: &'static str,
    /// The mean over the folds in which it has a meaning, with its interval; none where there are fewer than two.
    #[serde(flatten)]
    pub interval: Option<Interval>,
    /// Its value in each fold; none where it has no meaning.
    pub folds: Vec<Option<f64>>,
}

/// A figure: key, name, how to read it, and the range it can take.
pub(super) type Figure = (&'static str, &'static str, fn(&Metrics) -> Option<f64>, (f64, f64));

const SHARE: (f64, f64) = (0.0, 1.0);
pub(super) const FIGURES: [Figure; 10] = [
    ("accuracy", "Accuracy", |m| m.accuracy, SHARE),
    ("balanced_accuracy", "Balanced accuracy", |m| m.balanced_accuracy, SHARE),
    ("precision", "Precision", |m| m.precision, SHARE),
    ("recall", "Recall", |m| m.recall, SHARE),
    ("f1", "F1", |m| m.f1, SHARE),
    ("mcc", "Matthews' correlation", |m| m.mcc, (-1.0, 1.0)),
    ("auroc", "Area under the ROC curve", |m| m.auroc, SHARE),
    ("average_precision", "Average precision", |m| m.average_precision, SHARE),
    ("ece", "Calibration error", |m| m.ece, SHARE),
    ("loss", "Loss", |m| m.loss, (0.0, f64::INFINITY)),
];

/// Cross-validates a head with these settings: see [`folds::out_of_fold`].
///
/// # Errors
/// As [`folds::out_of_fold`].
pub fn cross_validate(
    dataset: &Dataset,
    config: &TrainConfig,
    count: usize,
    places: &Places,
    observer: &dyn Observer,
) -> Result<CrossValidation> {
    folds::out_of_fold(dataset, config, count, places, observer).map(CrossValidation::of)
}

impl CrossValidation {
    /// Works out the figures.
    pub fn of(found: OutOfFold) -> Self {
        let OutOfFold { predictions, fold_of, folds, features } = found;
        let threshold = DEFAULT_THRESHOLD;
        let of_fold = |fold: usize| {
            let within = predictions.iter().zip(&fold_of).filter(move |(_, of)| **of == fold);
            Metrics::of(within.map(|(prediction, _)| prediction), threshold)
        };
        let per_fold: Vec<Metrics> = (0..folds.len()).map(of_fold).collect();
        let figures = FIGURES.iter().map(|figure| over_folds(figure, &per_fold, test_to_train(&folds))).collect();
        let together = Metrics::of(&predictions, threshold);
        Self { figures, together, threshold, predictions, fold_of, folds, features }
    }

    /// What is said of each photo as CSV: the columns of `predictions.csv`, and `fold`, counted from 1.
    ///
    /// # Errors
    /// Where a row cannot be written, which does not happen in memory.
    pub fn to_csv(&self) -> Result<Vec<u8>> {
        const FAILED: &str = "Cannot write the table of predictions";
        let table = predictions::to_csv(&self.predictions, self.threshold)?;
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(table.as_slice());
        let mut writer = csv::Writer::from_writer(Vec::new());
        let folds = std::iter::once("fold".to_owned()).chain(self.fold_of.iter().map(|fold| (fold + 1).to_string()));
        for (row, fold) in reader.records().zip(folds) {
            let mut row = row.context(FAILED)?;
            row.push_field(&fold);
            writer.write_record(&row).context(FAILED)?;
        }
        writer.into_inner().map_err(|e| e.into_error()).context(FAILED)
    }
}

fn over_folds(&(key, name, read, (least, most)): &Figure, folds: &[Metrics], test_to_train: f64) -> FigureOverFolds {
    let folds: Vec<Option<f64>> = folds.iter().map(read).collect();
    let known: Vec<f64> = folds.iter().flatten().copied().collect();
    let interval = Interval::corrected(&known, test_to_train, LEVEL).map(|interval| interval.within(least, most));
    FigureOverFolds { key, name, interval, folds }
}

/// Photos of a fold to those outside of it, which the training had in one way or another.
fn test_to_train(folds: &[FoldRecord]) -> f64 {
    let test: usize = folds.iter().map(|fold| fold.held_back).sum();
    let train: usize = folds.iter().map(|fold| fold.train + fold.validation).sum();
    test as f64 / train.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Class::{Negative, Positive};

    /// Two folds of four photos: all right in the one, one of each class wrong in the other.
    fn found() -> OutOfFold {
        let photo = |(sample, (truth, p_positive))| Prediction {
            sample,
            file: format!("{sample}, photo.jpg"),
            path: "x".into(),
            part: Some(crate::dataset::split::Part::Validation),
            truth: Some(truth),
            p_positive,
            group: None,
        };
        let said = [
            (Negative, 0.1),
            (Negative, 0.7),
            (Positive, 0.9),
            (Positive, 0.2),
            (Negative, 0.3),
            (Negative, 0.2),
            (Positive, 0.8),
            (Positive, 0.6),
        ];
        let fold = FoldRecord { train: 3, validation: 1, held_back: 4, best_epoch: 2 };
        OutOfFold {
            predictions: said.into_iter().enumerate().map(photo).collect(),
            fold_of: vec![1, 1, 1, 1, 0, 0, 0, 0],
            folds: vec![fold; 2],
            features: FeatureReport::default(),
        }
    }

    #[test]
    fn figures_are_of_the_folds_and_of_all_photos_together() {
        let found = CrossValidation::of(found());
        let accuracy = &found.figures[0];
        assert_eq!((accuracy.key, &accuracy.folds), ("accuracy", &vec![Some(1.0), Some(0.5)]));
        let interval = accuracy.interval.unwrap();
        // scipy.stats.t.ppf(0.975, 1) = 12.706: so wide that the range of the figure ends it.
        assert_eq!((interval.mean, interval.low, interval.high), (0.75, 0.0, 1.0));
        assert_eq!(found.together.confusion, [[3, 1], [1, 3]].into());
        let loss = found.figures.last().unwrap();
        let mean = found.together.loss.unwrap();
        assert!((loss.interval.unwrap().mean - mean).abs() < 1e-6, "folds of one size weigh alike");
    }

    #[test]
    fn a_figure_without_meaning_in_a_fold_is_left_out_of_the_mean() {
        let mut found = found();
        found.predictions.iter_mut().take(4).for_each(|prediction| prediction.truth = Some(Negative));
        let found = CrossValidation::of(found);
        let recall = found.figures.iter().find(|figure| figure.key == "recall").unwrap();
        assert_eq!((&recall.folds, recall.interval), (&vec![Some(1.0), None], None));
    }

    #[test]
    fn the_table_is_that_of_a_run_with_a_column_more() {
        let found = CrossValidation::of(found());
        let text = String::from_utf8(found.to_csv().unwrap()).unwrap();
        assert!(text.starts_with("sample,file,split,true_label,predicted_label,p_positive,loss,fold\n"), "{text}");
        assert!(text.contains("\"1, photo.jpg\",validation,Negative,Positive,0.7,"), "{text}");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("table.csv");
        std::fs::write(&path, &text).unwrap();
        let read = predictions::read_csv(&path, |_| "x".into()).unwrap();
        assert_eq!(read, found.predictions);
        assert!(text.lines().nth(1).unwrap().ends_with(",2"), "folds are counted from 1");
    }
}
