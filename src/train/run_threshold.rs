//! Another threshold for a finished run, fitted to its validation photos: everything that the run folder says then goes by
//! it.

use std::path::Path;

use super::config::TrainConfig;
use super::run_change;
use super::run_dir::{self, Run};
use super::run_files::{self, Finished};
use crate::dataset::Class;
use crate::dataset::split::Part;
use crate::error::{Error, Result};
use crate::nn::model_file;
use crate::review::calibration::{self, Scaling};
use crate::review::metrics::Metrics;
use crate::review::predictions::{self, Prediction};
use crate::review::ranking::Ranking;
use crate::review::threshold::{self, Choice, Threshold};

/// What is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Wanted {
    /// How the threshold is chosen.
    pub choice: Choice,
    /// The share of photos that goes to a person, 0 to 1.
    pub abstain: f64,
    /// Whether the logits are divided by the temperature that suits best.
    pub calibrate: bool,
}

/// What that comes to on the validation photos.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fitted {
    /// The threshold, and the band for a person.
    pub threshold: Threshold,
    /// What the logits are to be divided by, where that was asked for.
    pub scaling: Option<Scaling>,
}

/// A run that was given another threshold.
#[derive(Clone, Debug)]
pub struct Changed {
    /// The figures over its validation photos before.
    pub before: Metrics,
    /// The same now.
    pub after: Metrics,
    /// What its logits were divided by, if they were.
    pub scaling: Option<Scaling>,
    /// The run as it is now.
    pub run: Run,
}

impl From<&TrainConfig> for Wanted {
    fn from(config: &TrainConfig) -> Self {
        Self { choice: config.threshold, abstain: config.abstain, calibrate: config.calibrate }
    }
}

/// Fits temperature and threshold to the validation photos among `predictions`. A threshold that is given as a number
/// needs none; where the logits are divided it stays the number that was given.
///
/// # Errors
/// Where something is to be fitted and there are no validation photos of the classes that it takes.
pub fn fit(predictions: &[Prediction], wanted: Wanted) -> Result<Fitted> {
    let validation: Vec<&Prediction> = predictions.iter().filter(|p| p.part == Some(Part::Validation)).collect();
    let both = || {
        Error::new("There are not photos of both classes to fit to among the validation photos")
            .hint("give the threshold as a number, or train with validation photos of both classes")
    };
    let scaling = match wanted.calibrate {
        true => Some(calibration::scaling(validation.iter().copied()).ok_or_else(both)?),
        false => None,
    };
    let plain = matches!(wanted.choice, Choice::At(_)) && wanted.abstain == 0.0;
    if validation.is_empty() && !plain {
        return Err(both());
    }
    let temperature = scaling.map_or(1.0, |scaling| scaling.temperature);
    let score = |p: &&Prediction| Some((calibration::scaled(p.p_positive, temperature), p.truth? == Class::Positive));
    let ranking = Ranking::new(&validation.iter().filter_map(score).collect::<Vec<_>>());
    let threshold = threshold::fit(&ranking, wanted.choice, wanted.abstain).ok_or_else(both)?;
    Ok(Fitted { threshold, scaling })
}

/// The figures over the validation photos of a run, or over its training photos where it has no others.
///
/// # Errors
/// Where it has no predictions.
pub fn validation(run: &Run) -> Result<Metrics> {
    if run.predictions.is_empty() {
        return Err(Error::new(format!("{} is not finished", run.path.display()))
            .hint("finish it with `crackscope train --resume --out RUN`"));
    }
    Ok(Metrics::of(predictions::judged(&run.predictions), run.threshold))
}

/// What giving the run another threshold would come to; nothing is written.
///
/// # Errors
/// Where the run has no predictions, or something is to be fitted and there is nothing to fit to.
pub fn preview(run: Run, wanted: Wanted) -> Result<Changed> {
    if let Some(problem) = wanted.choice.problem() {
        return Err(Error::usage(problem));
    }
    let before = validation(&run)?;
    let Fitted { threshold, scaling } = fit(&run.predictions, wanted)?;
    let temperature = scaling.map_or(1.0, |scaling| scaling.temperature);
    let mut run = run;
    for prediction in &mut run.predictions {
        prediction.p_positive = calibration::scaled(prediction.p_positive, temperature);
    }
    let train = &mut run.record.train;
    (train.threshold, train.abstain) = (wanted.choice, wanted.abstain);
    train.calibrate |= wanted.calibrate;
    (run.threshold, run.temperature) = (threshold, run.temperature * temperature);
    let after = Metrics::of(predictions::judged(&run.predictions), threshold);
    Ok(Changed { before, after, scaling, run })
}

/// Gives the run another threshold, as `wanted` has it: in its model, its settings, tables, plots and card: in all of
/// them or in none. The log for TensorBoard keeps what it has.
///
/// # Errors
/// Where the run is not finished or is being written, or something is to be fitted and there is nothing to fit to.
pub fn store(path: &Path, wanted: Wanted) -> Result<Changed> {
    refuse_model_alone(path)?;
    let _alone = run_change::take(path, "changed")?;
    let changed = preview(Run::open(path)?, wanted)?;
    let run = &changed.run;
    let finished = finished(run);
    let (mut files, _) = finished.tables()?;
    files.extend(run_files::of_pictures(&finished.pictures()?));
    files.push((run_dir::CONFIG.to_owned(), run.record.to_toml()?.into_bytes()));
    let temperature = changed.scaling.map_or(1.0, |scaling| scaling.temperature);
    let model = model_file::with_threshold(&path.join(run_dir::MODEL), run.threshold, temperature)?;
    files.push((run_dir::MODEL.to_owned(), model));
    run_files::write(path, &files, Vec::new())?;
    Ok(changed)
}

fn finished(run: &Run) -> Finished<'_> {
    Finished {
        record: &run.record,
        epochs: &run.epochs,
        best_epoch: run.best_epoch.unwrap_or(1),
        predictions: &run.predictions,
        threshold: run.threshold,
    }
}

/// The program's own model, and model files that lie alone, know no validation photos.
fn refuse_model_alone(run: &Path) -> Result<()> {
    if !run_dir::is_bundled(run) && !run.is_file() {
        return Ok(());
    }
    Err(Error::usage(format!("{} is no run of yours", run_dir::name(run)))
        .detail("a threshold is fitted to the validation photos of a run and stored with it")
        .hint("give the folder of a run"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prediction(sample: usize, part: Part, truth: Class, p_positive: f32) -> Prediction {
        let file = format!("{sample}.jpg");
        Prediction {
            sample,
            path: file.clone().into(),
            file,
            part: Some(part),
            truth: Some(truth),
            p_positive,
            group: None,
        }
    }

    #[test]
    fn only_validation_photos_are_fitted_to() {
        use Class::{Negative, Positive};
        let predictions = [
            prediction(0, Part::Validation, Positive, 0.3),
            prediction(1, Part::Validation, Negative, 0.2),
            prediction(2, Part::Train, Positive, 0.01),
        ];
        let wanted = Wanted { choice: Choice::Recall(1.0), ..Wanted::default() };
        assert_eq!(fit(&predictions, wanted).unwrap().threshold, Threshold::sure(0.3));
        assert!(fit(&predictions[2..], wanted).is_err());
        let given = Wanted { choice: Choice::At(0.7), ..Wanted::default() };
        assert_eq!(fit(&predictions[2..], given).unwrap().threshold, Threshold::sure(0.7));
        for missing in [Wanted { abstain: 0.1, ..given }, Wanted { calibrate: true, ..given }] {
            assert!(fit(&predictions[2..], missing).is_err(), "{missing:?}");
        }
    }

    #[test]
    fn what_is_no_run_is_refused() {
        let error = store(Path::new("bundled"), Wanted::default()).unwrap_err();
        assert!(error.title().contains("no run of yours"), "{error}");
        let folder = tempfile::tempdir().unwrap();
        assert!(store(folder.path(), Wanted::default()).is_err());
    }
}
