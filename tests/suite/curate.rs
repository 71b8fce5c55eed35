//! Suspects on the command line and in the window, and training again on labels that have changed.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use crackscope::app::command::Tab;
use crackscope::dataset::sample::{SampleConfig, write_samples};
use crackscope::dataset::split::Part;
use crackscope::dataset::{Class, Dataset, scan};
use crackscope::job::{Phase, Progress, Unwatched, Watch};
use crackscope::places::Places;
use crackscope::review::predictions::Prediction;
use crackscope::train::config::{DeviceChoice, TrainConfig, WeightsSource};
use crackscope::train::kept::Kept;
use crackscope::train::observer::{Event, Observer};
use crackscope::train::run_dir;
use crackscope::train::trainer::{self, Order, TrainOutcome, Write};
use egui::accesskit::Role;
use egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable as _;

use super::command_line::{crackscope, json, stdout};
use super::shared::samples;
use super::window::{open_window, press, until};

/// Keeps events and phases.
#[derive(Default)]
struct Recorder {
    events: Mutex<Vec<Event>>,
    phases: Mutex<HashSet<Phase>>,
}

impl Watch for Recorder {
    fn progress(&self, progress: Progress) {
        self.phases.lock().unwrap().insert(progress.phase);
    }
}

impl Observer for Recorder {
    fn event(&self, event: Event) {
        self.events.lock().unwrap().push(event);
    }
}

/// Drawn photos with a `labels.csv` beside them, in which every tenth label is wrong; gives the files with these.
fn mislabelled(folder: &Path) -> (PathBuf, HashSet<String>) {
    let photos = folder.join("photos");
    write_samples(&photos, &SampleConfig { photos: 80, side: 227, seed: 5 }, &Unwatched).unwrap();
    let (mut table, mut wrong) = ("file,label\n".to_owned(), HashSet::new());
    for (i, sample) in scan::scan(&photos, &Unwatched).unwrap().samples.iter().enumerate() {
        let mut label = sample.label.unwrap();
        if i % 20 == 7 {
            label = Class::ALL[1 - label.index()];
            wrong.insert(sample.file.clone());
        }
        table += &format!("{},{}\n", sample.file, label.name());
    }
    fs::write(photos.join("labels.csv"), table).unwrap();
    (photos, wrong)
}

#[test]
fn wrong_labels_stand_first_among_the_suspects() {
    let home = tempfile::tempdir().unwrap();
    let (photos, wrong) = mislabelled(home.path());
    let photos = photos.to_str().unwrap();
    let found = json(home.path(), &["suspects", photos, "--csv", "suspects.csv"]);
    assert_eq!((found["photos"].as_u64(), found["labels_not_judged"].is_null()), (Some(80), true), "{found}");
    let rows = found["suspects"].as_array().unwrap();
    let first = rows.iter().take(wrong.len() * 3 / 2).filter(|row| wrong.contains(row["file"].as_str().unwrap()));
    assert!(first.count() >= wrong.len() - 1, "{wrong:?}: {rows:?}");
    assert_eq!(rows[0]["kind"], "label");
    assert_ne!(rows[0]["label"], rows[0]["suggested"]);

    let table = fs::read_to_string(home.path().join("suspects.csv")).unwrap();
    assert!(table.starts_with("file,label,suggested,p_positive,kind,score,reason\n"), "{table}");
    assert_eq!(table.lines().count(), rows.len() + 1);
    let again = json(home.path(), &["suspects", photos]);
    assert_eq!(again["suspects"], found["suspects"], "the same each time");
    let text = stdout(&crackscope(home.path(), &["suspects", photos, "--quiet"]));
    assert!(text.contains("Wrong label?") && text.contains("looks"), "{text}");
}

#[test]
fn photos_without_labels_are_judged_by_their_quality_alone() {
    let home = tempfile::tempdir().unwrap();
    let photos = home.path().join("survey");
    fs::create_dir(&photos).unwrap();
    for sample in scan::scan(&samples(), &Unwatched).unwrap().samples.iter().take(9) {
        fs::copy(&sample.path, photos.join(sample.path.file_name().unwrap())).unwrap();
    }
    image::RgbImage::from_pixel(64, 64, image::Rgb([3, 3, 3])).save(photos.join("night.png")).unwrap();
    let copy =
        fs::read_dir(&photos).unwrap().flatten().map(|entry| entry.path()).find(|path| !path.ends_with("night.png"));
    fs::copy(copy.unwrap(), photos.join("zz copy.jpg")).unwrap();
    let found = json(home.path(), &["suspects", photos.to_str().unwrap(), "--weights", "random"]);
    let kinds: Vec<(&str, &str)> = found["suspects"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["kind"].as_str().unwrap(), row["file"].as_str().unwrap()))
        .collect();
    assert!(kinds.contains(&("dark", "night.png")), "{kinds:?}");
    assert!(kinds.contains(&("duplicate", "zz copy.jpg")), "{kinds:?}");
    assert!(found["labels_not_judged"].as_str().unwrap().contains("label"), "{found}");
}

/// Features of the sample photos are computed once for all tests.
fn places() -> Places {
    Places::below(Path::new(env!("CARGO_TARGET_TMPDIR")).join("curate"))
}

fn config() -> TrainConfig {
    let device = DeviceChoice::Cpu;
    TrainConfig { weights: WeightsSource::Random, epochs: 4, batch_size: 8, device, ..TrainConfig::default() }
}

fn again(
    kept: &mut Kept,
    dataset: &Dataset,
    out: &Path,
    before: Option<&[Option<Part>]>,
    recorder: &Recorder,
) -> TrainOutcome {
    let ground = kept.ground(dataset, &config(), &places(), Some(out), recorder).unwrap();
    let groups = Some(kept.grouping(dataset, &config(), &places(), recorder).unwrap());
    let order = Order { out, groups, before, write: Write::AtTheEnd };
    trainer::train_on(ground, dataset, &places(), &order, recorder).unwrap()
}

fn parts(dataset: &Dataset, predictions: &[Prediction]) -> Vec<Option<Part>> {
    let mut parts = vec![None; dataset.samples.len()];
    predictions.iter().for_each(|prediction| parts[prediction.sample] = prediction.part);
    parts
}

#[test]
fn training_again_gives_what_training_gives_and_reads_no_photo() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = scan::scan(&samples(), &Unwatched).unwrap();
    let [first, second, third] = ["first", "second", "third"].map(|name| folder.path().join(name));
    let recorder = Recorder::default();
    let trained = trainer::train(&dataset, &config(), &places(), &first, false, &recorder).unwrap();

    let mut kept = Kept::default();
    again(&mut kept, &dataset, &second, None, &Recorder::default());
    let recorder = Recorder::default();
    let repeated = again(&mut kept, &dataset, &third, None, &recorder);
    assert!(!recorder.phases.lock().unwrap().contains(&Phase::Hash), "no file was read");
    assert_eq!(repeated.predictions, trained.predictions);
    for name in [run_dir::MODEL, run_dir::PREDICTIONS, run_dir::MISCLASSIFIED] {
        let [a, b] = [&first, &third].map(|run| fs::read(run.join(name)).unwrap());
        assert_eq!(a, b, "{name}");
    }
    // Its notes say how long each epoch took; what it goes on from lies behind them.
    let [a, b] = [&first, &third].map(|run| {
        let bytes = fs::read(run.join(run_dir::LAST)).unwrap();
        let notes = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        bytes[8 + notes..].to_vec()
    });
    assert!(!a.is_empty() && a == b, "{}", run_dir::LAST);
    let columns = |run: &Path| {
        let text = fs::read_to_string(run.join(run_dir::RESULTS)).unwrap();
        let line =
            |line: &str| line.split(',').enumerate().filter(|(i, _)| *i != 1).map(|(_, v)| v.to_owned()).collect();
        text.lines().map(line).collect::<Vec<Vec<String>>>()
    };
    assert_eq!(columns(&third), columns(&first), "seconds apart");
    let events = recorder.events.lock().unwrap();
    let told = events.iter().find_map(|event| match event {
        Event::Predicted { run, predictions, .. } => Some((run, predictions)),
        _ => None,
    });
    assert_eq!(told, Some((&third, &trained.predictions)));
}

#[test]
fn a_photo_whose_label_changes_stays_on_its_side() {
    let folder = tempfile::tempdir().unwrap();
    let mut dataset = scan::scan(&samples(), &Unwatched).unwrap();
    let mut kept = Kept::default();
    let recorder = Recorder::default();
    let before = again(&mut kept, &dataset, &folder.path().join("before"), None, &recorder);
    let sides = parts(&dataset, &before.predictions);
    dataset.samples[2].label = dataset.samples[2].label.map(|class| Class::ALL[1 - class.index()]);
    dataset.samples[5].label = None;
    let after = again(&mut kept, &dataset, &folder.path().join("after"), Some(&sides), &recorder);
    let mut expected = sides;
    expected[5] = None;
    assert_eq!(parts(&dataset, &after.predictions), expected);
}

#[test]
fn suspects_similar_photos_and_training_again_in_the_window() {
    let folder = tempfile::tempdir().unwrap();
    let photos = folder.path().join("photos");
    write_samples(&photos, &SampleConfig { photos: 40, side: 64, seed: 3 }, &Unwatched).unwrap();
    let mut window = open_window(&folder.path().join("home"), Some(photos));
    until(&mut window, "photos open", |window| window.state().session().len() == 40);
    // Nothing is known of the photos yet: S says so, and what is computed then answers.
    window.key_press(Key::S);
    until(&mut window, "the offer", |window| window.query_by_label("Compute features").is_some());
    press(&mut window, Role::Button, "Compute features");
    until(&mut window, "similar photos", |window| window.query_by_label_contains("most alike").is_some());
    press(&mut window, Role::Button, "Back to where this was asked");
    assert_eq!(window.state().tab(), Tab::Browse);

    window.key_press_modifiers(Modifiers::COMMAND, Key::Num2);
    window.run_steps(3);
    press(&mut window, Role::Button, "Suspects");
    press(&mut window, Role::Button, "Look for suspects");
    until(&mut window, "suspects", |window| window.query_by_label("Look again").is_some());
    press(&mut window, Role::Button, "Map");
    press(&mut window, Role::Button, "Draw the map");
    until(&mut window, "the map", |window| window.query_by_label("Map of the photos").is_some());

    window.key_press_modifiers(Modifiers::COMMAND, Key::R);
    until(&mut window, "a verdict", |window| window.state().session().verdict.is_some());
    until(&mut window, "the run", |window| !window.state().is_busy());
    assert_eq!(window.state().tab(), Tab::Curate, "what is shown stays");
    let run = window.state().session().verdict.as_ref().and_then(|verdict| verdict.run.clone()).unwrap();
    assert!(run.join(run_dir::MODEL).is_file());
}

/// Against real photos, where they are at hand: 3 % of the labels of METU are wrong, and at least 90 % of these stand in
/// the first 1.5 times as many suspects. Features are in the cache after the first time.
#[test]
fn wrong_labels_of_real_photos_stand_first() {
    let Some(metu) = super::shared::shared("data/metu") else { return };
    let mut dataset = scan::scan(&metu, &Unwatched).unwrap();
    // A part of them is enough, and takes seconds.
    let mut number = 0;
    dataset.samples.retain(|_| {
        number += 1;
        number % 12 == 0
    });
    let wrong: HashSet<usize> = (0..dataset.samples.len()).filter(|i| i % 33 == 11).collect();
    for &photo in &wrong {
        let sample = &mut dataset.samples[photo];
        sample.label = sample.label.map(|class| Class::ALL[1 - class.index()]);
    }
    let config = TrainConfig { device: DeviceChoice::Cpu, ..TrainConfig::default() };
    let recorder = Recorder::default();
    let evidence =
        crackscope::review::suspects::gather(&dataset, &config, &mut Kept::default(), &places(), &recorder).unwrap();
    let ranked = crackscope::review::suspects::rank(&dataset, &evidence);
    let first = ranked.iter().take(wrong.len() * 3 / 2).filter(|suspect| wrong.contains(&suspect.photo)).count();
    assert!(first * 10 >= wrong.len() * 9, "{first} of {}", wrong.len());
}
