//! Training on augmented variants: computed once, never of validation photos, the same from the same seed.

use std::fs;
use std::path::Path;
use std::sync::Mutex;

use crackscope::dataset::{Dataset, scan};
use crackscope::error::Result;
use crackscope::job::{Phase, Progress, Unwatched, Watch};
use crackscope::photo::augment::Augmentation;
use crackscope::places::Places;
use crackscope::train::augment::AugmentConfig;
use crackscope::train::config::{DeviceChoice, TrainConfig, Tune, WeightsSource};
use crackscope::train::observer::{Event, Observer};
use crackscope::train::run_dir::{self, Run, RunDir};
use crackscope::train::trainer::{self, TrainOutcome};

use super::shared::{places, samples};

/// Keeps what it is told.
#[derive(Default)]
struct Listener {
    events: Mutex<Vec<Event>>,
    variants: Mutex<Option<Progress>>,
}

impl Watch for Listener {
    fn progress(&self, progress: Progress) {
        if progress.phase == Phase::Variants {
            *self.variants.lock().unwrap() = Some(progress);
        }
    }
}

impl Observer for Listener {
    fn event(&self, event: Event) {
        self.events.lock().unwrap().push(event);
    }
}

impl Listener {
    fn find<T>(&self, wanted: impl Fn(&Event) -> Option<T>) -> Option<T> {
        self.events.lock().unwrap().iter().find_map(wanted)
    }

    /// Training photos, and steps in an epoch.
    fn photos_and_steps(&self) -> (usize, usize) {
        let photos = self.find(|event| match event {
            Event::Divided { train, .. } => Some(*train),
            _ => None,
        });
        let steps = self.find(|event| match event {
            Event::Step { steps_per_epoch, .. } => Some(*steps_per_epoch),
            _ => None,
        });
        (photos.unwrap(), steps.unwrap())
    }
}

fn config(augment: AugmentConfig) -> TrainConfig {
    TrainConfig {
        weights: WeightsSource::Random,
        epochs: 2,
        batch_size: 8,
        device: DeviceChoice::Cpu,
        augment,
        ..TrainConfig::default()
    }
}

fn light(variants: usize) -> AugmentConfig {
    AugmentConfig { variants, variation: Augmentation::light() }
}

fn photos(count: usize) -> Dataset {
    let mut dataset = scan::scan(&samples(), &Unwatched).unwrap();
    let all = dataset.samples.len();
    dataset.samples = dataset.samples.into_iter().step_by(all / count).take(count).collect();
    dataset
}

fn train(places: &Places, name: &str, photos: &Dataset, config: &TrainConfig) -> Result<(TrainOutcome, Listener)> {
    let listener = Listener::default();
    let outcome = trainer::train(photos, config, places, &places.runs.join(name), false, &listener)?;
    Ok((outcome, listener))
}

fn model(places: &Places, name: &str) -> Vec<u8> {
    fs::read(places.runs.join(name).join(run_dir::MODEL)).unwrap()
}

#[test]
fn variants_are_learnt_from_and_computed_once() {
    let (_folder, places) = places();
    let photos = photos(24);
    let (plain, listener) = train(&places, "plain", &photos, &config(AugmentConfig::default())).unwrap();
    let (training, steps) = listener.photos_and_steps();
    assert_eq!((plain.variants, steps), (None, training.div_ceil(8)));
    assert!(listener.variants.lock().unwrap().is_none());

    let (first, listener) = train(&places, "first", &photos, &config(light(2))).unwrap();
    assert_eq!(listener.photos_and_steps(), (training, (3 * training).div_ceil(8)), "photos and two variants of each");
    let report = first.variants.unwrap();
    assert_eq!((report.computed, report.cached), (2 * training, 0), "of training photos alone");
    assert_eq!((first.features.computed, first.features.cached), (0, 24));
    let progress = listener.variants.lock().unwrap().unwrap();
    assert_eq!((progress.done, progress.total), (2 * training as u64, Some(2 * training as u64)));
    assert_eq!(first.predictions.len(), 24, "predictions are of the photos themselves");
    assert!(model(&places, "plain") != model(&places, "first"));

    let counts = |name: &str, augment: AugmentConfig| {
        let report = train(&places, name, &photos, &config(augment)).unwrap().0.variants.unwrap();
        (report.computed, report.cached)
    };
    assert_eq!(counts("second", light(2)), (0, 2 * training));
    assert!(model(&places, "first") == model(&places, "second"));
    let darker = AugmentConfig { variation: Augmentation { brightness: 0.5, ..Augmentation::light() }, ..light(2) };
    assert_eq!(counts("other", darker), (2 * training, 0), "other settings, other variants");
    assert_eq!(counts("back", light(2)), (0, 2 * training), "what was computed before is found again");
    assert_eq!(counts("more", light(3)), (training, 2 * training), "one more of each");
    assert!(model(&places, "back") == model(&places, "first"));
}

/// With steps too small to learn anything, a photo that is augmented is told by its loss.
#[test]
fn validation_photos_are_never_augmented() {
    for (tune, count) in [(Tune::Head, 24), (Tune::LastBlock, 10), (Tune::All, 10)] {
        let (_folder, places) = places();
        let photos = photos(count);
        let run = |name: &str, augment| {
            let still =
                TrainConfig { tune, epochs: 1, learning_rate: 1e-12, backbone_learning_rate: 1e-12, ..config(augment) };
            let (outcome, _) = train(&places, name, &photos, &still).unwrap();
            outcome.epochs[0]
        };
        let strong = AugmentConfig { variants: 2, variation: Augmentation::strong() };
        let (plain, varied) = (run("plain", AugmentConfig::default()), run("varied", strong));
        assert!((plain.val_loss.unwrap() - varied.val_loss.unwrap()).abs() < 1e-6, "{tune:?}: {plain:?} {varied:?}");
        assert!((plain.train_loss - varied.train_loss).abs() > 1e-5, "{tune:?}: {plain:?} {varied:?}");
    }
}

#[test]
fn the_last_block_learns_from_variants_and_repeats_to_the_bit() {
    let photos = photos(10);
    let config = TrainConfig { tune: Tune::LastBlock, batch_size: 4, ..config(light(2)) };
    let run = || {
        // Caches of its own, so that nothing is taken over from the run before.
        let (_folder, places) = places();
        let (outcome, listener) = train(&places, "run", &photos, &config).unwrap();
        let (training, steps) = listener.photos_and_steps();
        assert_eq!((outcome.variants.unwrap().computed, steps), (2 * training, (3 * training).div_ceil(4)));
        model(&places, "run")
    };
    assert!(run() == run());
}

#[test]
fn each_epoch_of_all_layers_sees_other_variants_also_when_it_was_resumed() {
    let (_folder, places) = places();
    let photos = photos(8);
    // So little is learnt that only what is seen differs from epoch to epoch.
    let still = |augment| TrainConfig {
        tune: Tune::All,
        epochs: 2,
        batch_size: 4,
        learning_rate: 1e-12,
        backbone_learning_rate: 1e-12,
        ..config(augment)
    };
    let losses = |outcome: &TrainOutcome| [outcome.epochs[0].train_loss, outcome.epochs[1].train_loss];
    let strong = AugmentConfig { variants: 1, variation: Augmentation::strong() };
    let (whole, listener) = train(&places, "whole", &photos, &still(strong)).unwrap();
    let (training, steps) = listener.photos_and_steps();
    assert_eq!((whole.variants.clone(), steps), (None, training.div_ceil(4)), "drawn in each epoch, none kept");
    let [a, b] = losses(&whole);
    assert!((a - b).abs() > 1e-5, "{a} {b}");

    let once = TrainConfig { epochs: 1, ..still(strong) };
    train(&places, "parts", &photos, &once).unwrap();
    let out = places.runs.join("parts");
    let resumed = trainer::train(&photos, &still(strong), &places, &out, true, &Listener::default()).unwrap();
    assert_eq!(losses(&resumed), [a, b]);
    assert!(model(&places, "whole") == model(&places, "parts"), "the same to the bit");
}

#[test]
fn a_run_goes_on_with_the_augmentation_it_began_with() {
    let (_folder, places) = places();
    let photos = photos(12);
    train(&places, "run", &photos, &config(light(1))).unwrap();
    let out = places.runs.join("run");
    let (_, record) = RunDir::reopen(&out).unwrap();
    assert_eq!(record.train.augment, light(1));
    let resume = |augment| {
        let config = TrainConfig { epochs: 3, ..config(augment) };
        trainer::train(&photos, &config, &places, &out, true, &Listener::default())
    };
    let error = resume(light(2)).unwrap_err();
    assert!(error.title().contains("another augmentation"), "{error}");
    assert!(error.details()[0].contains("light, 1 variant of"), "{error}");
    assert_eq!(resume(record.train.augment).unwrap().epochs.len(), 3);
    assert!(card(&out).contains("| Augmentation | light, 1 variant of each training photo |"));
}

fn card(run: &Path) -> String {
    assert_eq!(Run::open(run).unwrap().predictions.len(), 12);
    fs::read_to_string(run.join(run_dir::CARD)).unwrap()
}

/// Tensors that were normalised elsewhere are learnt from as pictures too.
#[test]
fn tensor_files_are_varied_as_pictures() {
    let Some(folder) = super::shared::shared("data/ibm_tensors") else { return };
    let (_folder, places) = places();
    let photos = scan::scan(&folder, &Unwatched).unwrap();
    let (outcome, listener) = train(&places, "run", &photos, &config(light(2))).unwrap();
    let (training, _) = listener.photos_and_steps();
    let report = outcome.variants.unwrap();
    assert_eq!((report.computed, report.unreadable.len()), (2 * training, 0));
}
