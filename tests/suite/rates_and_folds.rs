//! The search for a learning rate and cross-validation: what they tell, that both can be repeated and stopped, and that
//! a fold plays no part in the training of its head.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use crackscope::dataset::split::SplitKind;
use crackscope::dataset::{Class, Dataset, scan};
use crackscope::job::{Phase, Progress, Unwatched, Watch};
use crackscope::places::Places;
use crackscope::review::cross_validation::{self, CrossValidation};
use crackscope::train::config::{DeviceChoice, TrainConfig, Tune, WeightsSource};
use crackscope::train::observer::{Event, Observer};
use crackscope::train::rate_finder::{self, RateSearch, Reading, SweepConfig};

use super::shared::samples;

/// Keeps what is told; stops once something has been done in a phase.
#[derive(Default)]
struct Recorder {
    readings: Mutex<Vec<Reading>>,
    progress: Mutex<Vec<Progress>>,
    others: Mutex<Vec<Event>>,
    stop_in: Option<Phase>,
    stopped: AtomicBool,
}

impl Watch for Recorder {
    fn progress(&self, progress: Progress) {
        self.progress.lock().unwrap().push(progress);
        if self.stop_in == Some(progress.phase) && progress.done > 0 {
            self.stopped.store(true, Ordering::SeqCst);
        }
    }

    fn is_cancelled(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }
}

impl Observer for Recorder {
    fn event(&self, event: Event) {
        match event {
            Event::Tried(reading) => {
                // A whole search may be over before the first progress is told.
                if self.stop_in == Some(Phase::Rates) {
                    self.stopped.store(true, Ordering::SeqCst);
                }
                self.readings.lock().unwrap().push(reading);
            }
            event => self.others.lock().unwrap().push(event),
        }
    }
}

/// Features of the sample photos are computed once for all tests.
fn places() -> Places {
    Places::below(std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("rates and folds"))
}

fn dataset() -> Dataset {
    scan::scan(&samples(), &Unwatched).unwrap()
}

fn config() -> TrainConfig {
    TrainConfig { epochs: 4, batch_size: 8, device: DeviceChoice::Cpu, ..TrainConfig::default() }
}

fn find(config: &TrainConfig, sweep: &SweepConfig, recorder: &Recorder) -> RateSearch {
    rate_finder::find(&dataset(), config, sweep, &places(), recorder).unwrap()
}

#[test]
fn a_search_tells_every_step_and_can_be_repeated() {
    let recorder = Recorder::default();
    let sweep = SweepConfig::for_tune(Tune::Head);
    let found = find(&config(), &sweep, &recorder);
    assert_eq!(*recorder.readings.lock().unwrap(), found.readings);
    assert!(found.readings.is_sorted_by(|a, b| a.learning_rate < b.learning_rate));
    assert_eq!((found.readings[0].learning_rate, found.tune), (1e-6, Tune::Head));
    assert!((38..=40).contains(&found.photos), "the training side of 48: {}", found.photos);
    assert!(found.diverged || found.readings.len() == sweep.steps);
    assert_eq!(find(&config(), &sweep, &Recorder::default()), found);
    let other = find(&TrainConfig { seed: 1, ..config() }, &sweep, &Recorder::default());
    assert_ne!(other.readings, found.readings);
    assert!(!places().runs.exists(), "no run folder");
}

/// With the suggested rate a run learns more than with a hundredth of it.
#[test]
fn the_suggestion_learns_faster_than_a_timid_rate() {
    let config = TrainConfig { seed: 1, epochs: 2, ..config() };
    let found = find(&config, &SweepConfig::for_tune(Tune::Head), &Recorder::default());
    let rate = found.suggestion.unwrap().learning_rate;
    let loss = |rate: f64| {
        let folder = tempfile::tempdir().unwrap();
        let config = TrainConfig { learning_rate: rate, ..config.clone() };
        let out = folder.path().join("run");
        let places = places();
        let run =
            crackscope::train::trainer::train(&dataset(), &config, &places, &out, false, &Recorder::default()).unwrap();
        run.epochs.last().unwrap().train_loss
    };
    let (suggested, timid) = (loss(rate), loss(rate / 100.0));
    assert!(suggested < timid / 2.0, "{rate}: {suggested}, a hundredth of it: {timid}");
}

#[test]
fn deeper_layers_are_searched_from_their_maps() {
    let config = TrainConfig { device: DeviceChoice::Cpu, batch_size: 8, ..TrainConfig::for_tune(Tune::LastBlock) };
    let sweep = SweepConfig { lowest: 1e-5, highest: 1e-2, steps: 20 };
    let found = find(&config, &sweep, &Recorder::default());
    assert_eq!(found.tune, Tune::LastBlock);
    assert!(!found.readings.is_empty());
    assert_eq!(find(&config, &sweep, &Recorder::default()), found);
}

#[test]
fn a_search_can_be_stopped_and_refuses_what_makes_no_sense() {
    let recorder = Recorder { stop_in: Some(Phase::Rates), ..Recorder::default() };
    let sweep = SweepConfig::for_tune(Tune::Head);
    let error = rate_finder::find(&dataset(), &config(), &sweep, &places(), &recorder).unwrap_err();
    assert!(error.is_cancelled(), "{error}");
    for wrong in [
        SweepConfig { lowest: 0.0, ..sweep },
        SweepConfig { lowest: 1.0, highest: 0.1, ..sweep },
        SweepConfig { highest: f64::INFINITY, ..sweep },
        SweepConfig { steps: 3, ..sweep },
    ] {
        let error = rate_finder::find(&dataset(), &config(), &wrong, &places(), &Recorder::default()).unwrap_err();
        assert_eq!(error.kind(), crackscope::error::Kind::Usage, "{wrong:?}");
    }
}

fn cross_validate(dataset: &Dataset, config: &TrainConfig, recorder: &Recorder) -> CrossValidation {
    cross_validation::cross_validate(dataset, config, 4, &places(), recorder).unwrap()
}

#[test]
fn each_photo_is_judged_once_and_all_can_be_repeated() {
    let recorder = Recorder::default();
    let dataset = dataset();
    let found = cross_validate(&dataset, &config(), &recorder);
    let judged: BTreeSet<usize> = found.predictions.iter().map(|prediction| prediction.sample).collect();
    assert_eq!((judged.len(), found.predictions.len(), found.together.photos), (48, 48, 48));
    for (index, fold) in found.folds.iter().enumerate() {
        assert_eq!(fold.train + fold.validation + fold.held_back, 48);
        assert_eq!(found.fold_of.iter().filter(|of| **of == index).count(), fold.held_back);
        assert!((1..=4).contains(&fold.best_epoch));
    }
    let epochs: Vec<u64> =
        recorder.progress.lock().unwrap().iter().filter(|p| p.phase == Phase::Folds).map(|p| p.done).collect();
    assert!(epochs.is_sorted() && epochs.last() == Some(&16), "{epochs:?}");
    assert!(recorder.others.lock().unwrap().iter().all(|event| matches!(event, Event::Features(_) | Event::Note(_))));
    let again = cross_validate(&dataset, &config(), &Recorder::default());
    assert_eq!((again.predictions, again.figures), (found.predictions, found.figures));
    // By folder there would be no such folders.
    let mut by_folder = config();
    by_folder.split.kind = SplitKind::ByFolder;
    assert_eq!(cross_validate(&dataset, &by_folder, &Recorder::default()).predictions, again_of(&dataset));
}

fn again_of(dataset: &Dataset) -> Vec<crackscope::review::predictions::Prediction> {
    cross_validate(dataset, &config(), &Recorder::default()).predictions
}

/// Labels that say nothing can be learnt by heart, but not be told of photos that were held back.
#[test]
fn a_fold_plays_no_part_in_the_training_of_its_head() {
    let mut dataset = dataset();
    for (index, sample) in dataset.samples.iter_mut().enumerate() {
        // As good as by chance, and the same number of each.
        sample.label = Some(Class::ALL[(index * 7 % 12 / 3) % 2]);
    }
    let config = TrainConfig {
        epochs: 300,
        learning_rate: 0.02,
        weights: WeightsSource::Random,
        split: crackscope::dataset::split::SplitConfig { val_fraction: 0.1, ..Default::default() },
        ..config()
    };
    let found = cross_validate(&dataset, &config, &Recorder::default());
    let accuracy = found.together.accuracy.unwrap();
    assert!((0.2..=0.8).contains(&accuracy), "{accuracy}");
}

#[test]
fn folds_can_be_stopped_and_are_for_a_frozen_backbone() {
    let recorder = Recorder { stop_in: Some(Phase::Folds), ..Recorder::default() };
    let error = cross_validation::cross_validate(&dataset(), &config(), 4, &places(), &recorder).unwrap_err();
    assert!(error.is_cancelled(), "{error}");
    let deeper = TrainConfig::for_tune(Tune::LastBlock);
    let error = cross_validation::cross_validate(&dataset(), &deeper, 4, &places(), &Recorder::default()).unwrap_err();
    assert!(error.details()[0].contains("features computed once"), "{error}");
    let error =
        cross_validation::cross_validate(&dataset(), &config(), 1, &places(), &Recorder::default()).unwrap_err();
    assert_eq!(error.title(), "The number of folds must lie between 2 and 100");
}
