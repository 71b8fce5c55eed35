//! Training from a folder of photos to a run folder: repeated, stopped, resumed, and with photos that cannot be read.

use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use candle_core::Device;
use crackscope::dataset::{Class, Dataset, scan};
use crackscope::error::Result;
use crackscope::job::{Phase, Progress, Unwatched, Watch};
use crackscope::nn::state_dict::StateDict;
use crackscope::places::Places;
use crackscope::review::classify;
use crackscope::train::config::{Compute, DeviceChoice, TrainConfig, Tune, WeightsSource};
use crackscope::train::observer::{Event, Observer};
use crackscope::train::run_dir::{self, Run};
use crackscope::train::trainer::{self, TrainOutcome};

use super::shared::{places, samples};

/// Keeps every event; stops after an epoch, or pauses once.
#[derive(Default)]
struct Recorder {
    events: Mutex<Vec<Event>>,
    phases: Mutex<Vec<Phase>>,
    stop_after_epoch: Option<usize>,
    stop_in: Option<Phase>,
    stopped: AtomicBool,
    /// Leaves once the epochs are done.
    leaves: bool,
    pauses: AtomicUsize,
}

impl Watch for Recorder {
    fn progress(&self, progress: Progress) {
        self.phases.lock().unwrap().push(progress.phase);
        if self.stop_in == Some(progress.phase) && progress.done > 0 {
            self.stopped.store(true, Ordering::SeqCst);
        }
    }

    fn is_cancelled(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }

    fn is_left(&self) -> bool {
        self.leaves && self.has(|event| matches!(event, Event::Epoch { .. }))
    }
}

impl Observer for Recorder {
    fn event(&self, event: Event) {
        if let Event::Epoch { record, .. } = &event
            && self.stop_after_epoch == Some(record.epoch)
        {
            self.stopped.store(true, Ordering::SeqCst);
        }
        self.events.lock().unwrap().push(event);
    }

    fn is_paused(&self) -> bool {
        // Says so a few times, then lets the run go on.
        self.pauses.load(Ordering::SeqCst) > 0 && self.pauses.fetch_sub(1, Ordering::SeqCst) > 0
    }
}

impl Recorder {
    fn has(&self, wanted: impl Fn(&Event) -> bool) -> bool {
        self.events.lock().unwrap().iter().any(wanted)
    }
}

fn config(epochs: usize) -> TrainConfig {
    TrainConfig {
        weights: WeightsSource::Random,
        epochs,
        batch_size: 8,
        device: DeviceChoice::Cpu,
        ..Default::default()
    }
}

fn dataset() -> Dataset {
    scan::scan(&samples(), &Unwatched).unwrap()
}

fn train(places: &Places, out: &Path, config: &TrainConfig, observer: &Recorder) -> Result<TrainOutcome> {
    trainer::train(&dataset(), config, places, out, false, observer)
}

/// The features of the sample photos, computed once for all tests that do not look at how they come about.
fn places_with_features() -> (tempfile::TempDir, Places) {
    let (folder, mut places) = places();
    places.cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("features");
    (folder, places)
}

#[test]
fn a_run_leaves_what_it_promises_and_a_second_computes_nothing() {
    let (_folder, places) = places();
    let (first, second) = (places.runs.join("first"), places.runs.join("second"));
    let recorder = Recorder::default();
    let outcome = train(&places, &first, &config(3), &recorder).unwrap();
    assert_eq!((outcome.features.computed, outcome.features.cached), (48, 0));
    assert_eq!(outcome.epochs.len(), 3);
    assert!(!outcome.stopped);
    for file in [
        run_dir::CONFIG,
        run_dir::RESULTS,
        run_dir::PREDICTIONS,
        run_dir::MISCLASSIFIED,
        run_dir::MODEL,
        run_dir::LAST,
        run_dir::CARD,
        run_dir::GROUPS,
        crackscope::export::tensorboard::FILE,
    ]
    .into_iter()
    .chain(run_dir::PLOTS)
    {
        assert!(first.join(file).metadata().unwrap().len() > 0, "{file}");
    }
    assert!(recorder.has(|e| matches!(e, Event::Divided { train: 38..=40, validation: 8..=10, epochs: 3, .. })));
    assert!(recorder.has(|e| matches!(e, Event::Step { .. })));
    assert!(recorder.has(|e| matches!(e, Event::Epoch { best: true, .. })));

    let read = Run::open(&first).unwrap();
    assert_eq!(read.predictions.len(), 48);
    assert_eq!(read.predictions, outcome.predictions);
    assert_eq!((read.best_epoch, read.epochs), (Some(outcome.best_epoch), outcome.epochs));

    let again = train(&places, &second, &config(3), &Recorder::default()).unwrap();
    assert_eq!((again.features.computed, again.features.cached), (0, 48));
    for file in [run_dir::PREDICTIONS, run_dir::MODEL] {
        assert_eq!(fs::read(first.join(file)).unwrap(), fs::read(second.join(file)).unwrap(), "{file} differs");
    }
}

#[test]
fn another_seed_gives_another_run() {
    let (_folder, places) = places_with_features();
    let one = train(&places, &places.runs.join("one"), &config(2), &Recorder::default()).unwrap();
    let mut other = config(2);
    other.split.seed = 1;
    let two = train(&places, &places.runs.join("two"), &other, &Recorder::default()).unwrap();
    assert_ne!(one.predictions, two.predictions);
}

#[test]
fn a_stopped_run_keeps_its_best_epoch_and_resumes_to_the_same_end() {
    let (_folder, places) = places_with_features();
    let (whole, parts) = (places.runs.join("whole"), places.runs.join("parts"));
    train(&places, &whole, &config(6), &Recorder::default()).unwrap();

    let stopper = Recorder { stop_after_epoch: Some(3), ..Default::default() };
    let stopped = train(&places, &parts, &config(6), &stopper).unwrap();
    assert!(stopped.stopped);
    assert_eq!(stopped.epochs.len(), 3);
    assert!((1..=3).contains(&stopped.best_epoch));
    assert_eq!(Run::open(&parts).unwrap().predictions.len(), 48);

    let recorder = Recorder::default();
    let resumed = trainer::train(&dataset(), &config(6), &places, &parts, true, &recorder).unwrap();
    assert!(recorder.has(|e| matches!(e, Event::Divided { resumed, .. } if resumed.len() == 3)));
    assert_eq!(resumed.epochs.len(), 6);
    for file in [run_dir::PREDICTIONS, run_dir::MISCLASSIFIED, run_dir::MODEL] {
        assert_eq!(fs::read(whole.join(file)).unwrap(), fs::read(parts.join(file)).unwrap(), "{file} differs");
    }
}

#[test]
fn a_pause_changes_nothing() {
    let (_folder, places) = places_with_features();
    let plain = train(&places, &places.runs.join("plain"), &config(2), &Recorder::default()).unwrap();
    let pausing = Recorder { pauses: AtomicUsize::new(5), ..Default::default() };
    let paused = train(&places, &places.runs.join("paused"), &config(2), &pausing).unwrap();
    assert_eq!(plain.predictions, paused.predictions);
    assert_eq!(pausing.pauses.load(Ordering::SeqCst), 0);
}

#[test]
fn stopping_before_the_first_epoch_leaves_no_run() {
    let (_folder, places) = places();
    let out = places.runs.join("none");
    let stopper = Recorder { stop_in: Some(Phase::Features), ..Default::default() };
    let error = train(&places, &out, &config(2), &stopper).unwrap_err();
    assert!(error.is_cancelled(), "{error}");
    assert!(!out.exists());
}

#[test]
fn a_photo_that_cannot_be_read_is_left_out_and_the_rest_go_on() {
    let (folder, places) = places_with_features();
    let photos = folder.path().join("photos");
    for class in Class::ALL {
        let (from, to) = (samples().join(class.name()), photos.join(class.name()));
        fs::create_dir_all(&to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
    fs::write(photos.join("Positive/empty.jpg"), "").unwrap();
    fs::write(photos.join("Negative/text.jpg"), "no picture").unwrap();
    let dataset = scan::scan(&photos, &Unwatched).unwrap();
    let out = places.runs.join("run");
    let outcome = trainer::train(&dataset, &config(2), &places, &out, false, &Recorder::default()).unwrap();
    assert_eq!(outcome.predictions.len(), 48);
    let mut left_out: Vec<&str> = outcome.features.unreadable.iter().map(|p| p.file.as_str()).collect();
    left_out.sort_unstable();
    assert_eq!(left_out, ["Negative/text.jpg", "Positive/empty.jpg"]);

    let classified = classify::classify(&out, &dataset, &places, Compute::default(), &Recorder::default()).unwrap();
    assert_eq!(classified.unreadable().len(), 2);
    let same = classified.predictions.iter().zip(&outcome.predictions).all(|(a, b)| a.p_positive == b.p_positive);
    assert!(same, "a run classifies its own photos as it did when it was trained");
}

#[test]
fn nothing_is_written_into_the_photos() {
    let (_folder, places) = places();
    let inside = samples().join("run");
    let error = train(&places, &inside, &config(1), &Recorder::default()).unwrap_err();
    assert!(error.title().contains("inside the photos"), "{error}");
    assert!(!inside.exists());
}

#[test]
fn weights_that_do_not_fit_are_refused_with_their_name() {
    let (folder, places) = places();
    let file = folder.path().join("other.safetensors");
    let mut weights = StateDict::default();
    weights.insert("conv1.weight", candle_core::Tensor::zeros(3, candle_core::DType::F32, &Device::Cpu).unwrap());
    fs::write(&file, weights.to_safetensors().unwrap()).unwrap();
    let config = TrainConfig { weights: WeightsSource::File(file), ..config(1) };
    let error = train(&places, &places.runs.join("run"), &config, &Recorder::default()).unwrap_err();
    assert!(error.title().contains("other.safetensors"), "{error}");
    assert!(error.details().iter().any(|d| d.contains("conv1.weight")), "{error}");
    assert!(error.details().iter().any(|d| d.contains("layer1.0.conv1.weight")), "{error}");
}

/// Ten of the sample photos, both classes among them: deep runs take their time.
fn few_photos() -> Dataset {
    let mut dataset = dataset();
    let count = dataset.samples.len();
    dataset.samples = dataset.samples.into_iter().step_by(count / 10).take(10).collect();
    assert!(Class::ALL.iter().all(|class| dataset.count(*class) >= 4));
    dataset
}

fn deep(tune: Tune) -> TrainConfig {
    TrainConfig { tune, train_statistics: tune == Tune::All, batch_size: 4, ..config(2) }
}

/// The values of one tensor of a run's model.
fn tensor(run: &Path, name: &str) -> Vec<f32> {
    let model = StateDict::load(&run.join(run_dir::MODEL), &Device::Cpu).unwrap();
    model.values(name).unwrap()
}

#[test]
fn deeper_layers_move_and_a_stopped_run_resumes_to_the_same_end() {
    for tune in [Tune::LastBlock, Tune::All] {
        let (_folder, places) = places();
        let (whole, parts) = (places.runs.join("whole"), places.runs.join("parts"));
        let (photos, config) = (few_photos(), deep(tune));
        trainer::train(&photos, &config, &places, &whole, false, &Recorder::default()).unwrap();

        let stopping = Recorder { stop_after_epoch: Some(1), ..Default::default() };
        let stopped = trainer::train(&photos, &config, &places, &parts, false, &stopping).unwrap();
        assert!(stopped.stopped && stopped.epochs.len() == 1);
        trainer::train(&photos, &config, &places, &parts, true, &Recorder::default()).unwrap();
        for file in [run_dir::PREDICTIONS, run_dir::MODEL] {
            let [whole, parts] = [&whole, &parts].map(|run| fs::read(run.join(file)).unwrap());
            assert!(whole == parts, "{tune:?}: {file} differs");
        }

        // The head alone was trained from the same weights: what moved, and what did not.
        let head = places.runs.join("head");
        let alone = TrainConfig { tune: Tune::Head, ..config };
        trainer::train(&photos, &alone, &places, &head, false, &Recorder::default()).unwrap();
        let moved = |name: &str| tensor(&whole, name) != tensor(&head, name);
        assert!(moved("layer4.0.conv1.weight") && moved("layer4.1.bn2.bias"));
        assert_eq!(moved("conv1.weight"), tune == Tune::All);
        assert_eq!(moved("layer3.1.bn2.running_var"), tune == Tune::All, "statistics are learned on request");
        assert!(!moved("layer4.1.bn2.running_var") || tune == Tune::All);
    }
}

#[test]
fn whoever_leaves_after_the_epochs_finds_them_again() {
    let (_folder, places) = places();
    let (whole, left) = (places.runs.join("whole"), places.runs.join("left"));
    let (photos, config) = (few_photos(), deep(Tune::LastBlock));
    let leaving = Recorder { leaves: true, ..Default::default() };
    let error = trainer::train(&photos, &config, &places, &left, false, &leaving).unwrap_err();
    assert!(error.is_cancelled() && !leaving.has(|e| matches!(e, Event::Predicted { .. })));
    assert!(left.join(run_dir::LAST).is_file() && !left.join(run_dir::PREDICTIONS).exists());
    let resumed = trainer::train(&photos, &config, &places, &left, true, &Recorder::default()).unwrap();
    assert_eq!(resumed.epochs.len(), 2);
    trainer::train(&photos, &config, &places, &whole, false, &Recorder::default()).unwrap();
    for file in [run_dir::PREDICTIONS, run_dir::MODEL] {
        let [whole, left] = [&whole, &left].map(|run| fs::read(run.join(file)).unwrap());
        assert!(whole == left, "{file} differs");
    }
}

#[test]
fn the_maps_before_the_last_block_are_computed_once() {
    let (_folder, places) = places();
    let photos = few_photos();
    let run = |name: &str| {
        let out = places.runs.join(name);
        trainer::train(&photos, &deep(Tune::LastBlock), &places, &out, false, &Recorder::default()).unwrap().features
    };
    let (first, second) = (run("first"), run("second"));
    assert_eq!((first.computed, first.cached), (10, 0));
    assert_eq!((second.computed, second.cached), (0, 10));
    let read = |name: &str| fs::read(places.runs.join(name).join(run_dir::PREDICTIONS)).unwrap();
    assert!(read("first") == read("second"));
}
