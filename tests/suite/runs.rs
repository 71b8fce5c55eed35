//! Runs side by side: on the command line, and in the window by the names of its controls.

use std::fs;
use std::path::{Path, PathBuf};

use crackscope::dataset::split::Part;
use crackscope::dataset::{Class, Layout, scan};
use crackscope::job::Unwatched;
use crackscope::review::predictions::{self, Prediction};
use crackscope::train::config::{PrecisionChoice, Schedule, TrainConfig};
use crackscope::train::observer::EpochRecord;
use crackscope::train::run_change;
use crackscope::train::run_dir::{self, DataRecord, RunDir, RunRecord, WeightsRecord};
use egui::accesskit::Role;
use egui::{Key, Modifiers};
use egui_kittest::kittest::{NodeT, Queryable};

use super::command_line::{crackscope, json, stderr, stdout};
use super::shared::samples;
use super::window::{Window, open_window, press, told, type_into, until};

/// A run to be written by hand.
struct Made<'a> {
    name: &'a str,
    day: usize,
    train: TrainConfig,
    /// Validation loss and accuracy of each epoch.
    epochs: &'a [(f64, f64)],
    /// How many of the sample photos are told wrong; no predictions and no model without.
    wrong: Option<usize>,
}

fn settings(change: impl FnOnce(&mut TrainConfig)) -> TrainConfig {
    let mut train = TrainConfig { precision: PrecisionChoice::F32, ..TrainConfig::default() };
    change(&mut train);
    train
}

/// Writes a run of the sample photos, all of them for validation.
fn write(runs: &Path, made: &Made<'_>) {
    let photos = scan::scan(&samples(), &Unwatched).unwrap();
    let run = RunDir::create(&runs.join(made.name)).unwrap();
    let record = RunRecord {
        program: "crackscope 0.1.0".to_owned(),
        created: format!("2026-01-{:02}T10:00:00Z", made.day),
        device: "CPU".to_owned(),
        data: DataRecord {
            folders: vec![samples()],
            layout: Layout::ClassFolders,
            photos: photos.samples.len(),
            positive: photos.count(Class::Positive),
            negative: photos.count(Class::Negative),
            unreadable: 0,
            train: 0,
            validation: photos.samples.len(),
            digest: "0123456789abcdef".to_owned(),
            groups: None,
            corrected: 0,
            labels: String::new(),
        },
        weights: WeightsRecord { source: "bundled".to_owned(), sha256: None, fingerprint: "fedcba987654".to_owned() },
        train: made.train.clone(),
    };
    run.write_record(&record).unwrap();
    let epochs = made.epochs.iter().enumerate().map(|(index, (loss, accuracy))| EpochRecord {
        epoch: index + 1,
        seconds: 0.5 * (index + 1) as f64,
        learning_rate: 1e-3,
        train_loss: 0.5,
        train_accuracy: 0.75,
        val_loss: Some(*loss),
        val_accuracy: Some(*accuracy),
    });
    run.begin_results(&epochs.collect::<Vec<_>>()).unwrap();
    let Some(wrong) = made.wrong else { return };
    let said = photos.samples.iter().enumerate().map(|(sample, photo)| Prediction {
        sample,
        file: photo.file.clone(),
        path: photo.path.clone(),
        part: Some(Part::Validation),
        truth: photo.label,
        p_positive: if (photo.label == Some(Class::Positive)) == (sample < wrong) { 0.1 } else { 0.9 },
        group: None,
    });
    let said: Vec<Prediction> = said.collect();
    run.write(run_dir::PREDICTIONS, &predictions::to_csv(&said, 0.5).unwrap()).unwrap();
    let header = "{\"__metadata__\":{\"threshold\":\"0.5\",\"epoch\":\"1\"}}";
    run.write(run_dir::MODEL, &[&(header.len() as u64).to_le_bytes()[..], header.as_bytes()].concat()).unwrap();
}

/// Three runs: the second is the best, the last one ended before its first epoch did.
fn write_three(runs: &Path) {
    let all = [
        Made { name: "first", day: 1, train: settings(|_| ()), epochs: &[(0.4, 0.75), (0.3, 0.8125)], wrong: Some(9) },
        Made {
            name: "slow and long",
            day: 2,
            train: settings(|train| (train.learning_rate, train.warmup_epochs) = (2.5e-4, 1.0)),
            epochs: &[(0.5, 0.7), (0.2, 0.9375)],
            wrong: Some(3),
        },
        Made {
            name: "broken off",
            day: 3,
            train: settings(|train| train.schedule = Schedule::Cosine),
            epochs: &[],
            wrong: None,
        },
    ];
    all.iter().for_each(|made| write(runs, made));
}

#[test]
fn runs_are_listed_sorted_and_compared() {
    let home = tempfile::tempdir().unwrap();
    write_three(&home.path().join("runs"));
    let call = |arguments: &[&str]| stdout(&crackscope(home.path(), &[&["runs", "runs"], arguments].concat()));
    insta::assert_snapshot!("runs", call(&[]));
    insta::assert_snapshot!("runs_differences", call(&["--differences", "--sort", "val_loss"]));
    insta::assert_snapshot!("runs_compare", call(&["compare", "first", "slow and long"]));

    let names = |arguments: &[&str]| {
        let all = json(home.path(), &[&["runs", "runs"], arguments].concat());
        let names = all["runs"].as_array().unwrap().iter().map(|run| run["name"].as_str().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    assert_eq!(names(&["--sort", "f1"]), ["slow and long", "first", "broken off"]);
    assert_eq!(names(&["--sort", "f1", "--reverse"]), ["first", "slow and long", "broken off"]);
    let all = json(home.path(), &["runs", "runs"]);
    assert_eq!(all["differences"], serde_json::json!(["epochs", "learning_rate", "schedule", "warmup_epochs"]));
    assert_eq!(all["runs"][1]["validation"]["photos"], 48);
    assert_eq!((&all["runs"][0]["finished"], &all["same_validation"]), (&false.into(), &true.into()));

    let unknown = crackscope(home.path(), &["runs", "runs", "--sort", "beauty"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(stderr(&unknown).contains("learning_rate"), "{}", stderr(&unknown));
}

#[test]
fn a_folder_without_runs_and_one_with_a_damaged_run_say_so() {
    let home = tempfile::tempdir().unwrap();
    let output = stdout(&crackscope(home.path(), &["runs"]));
    assert!(output.starts_with("There are no runs in "), "{output}");
    let runs = home.path().join("runs");
    write_three(&runs);
    let config = runs.join("first").join(run_dir::CONFIG);
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.split("digest").next().unwrap()).unwrap();
    let all = json(home.path(), &["runs", "runs"]);
    assert_eq!((all["runs"].as_array().unwrap().len(), &all["damaged"][0]["name"]), (2, &"first".into()));
    let text = stdout(&crackscope(home.path(), &["runs", "runs"]));
    assert!(text.contains("first cannot be read: Cannot understand"), "{text}");
    let inside = crackscope(home.path(), &["runs", "runs/broken off"]);
    assert_eq!(inside.status.code(), Some(2), "{}", stderr(&inside));
}

#[test]
fn runs_are_renamed_and_deleted_on_the_command_line() {
    let home = tempfile::tempdir().unwrap();
    let runs = home.path().join("runs");
    write_three(&runs);
    let call = |arguments: &[&str]| crackscope(home.path(), &[&["runs", "runs"], arguments].concat());
    assert!(stdout(&call(&["rename", "first", "renamed"])).starts_with("first is now "));
    assert!(runs.join("renamed").is_dir() && !runs.join("first").exists());
    for wrong in ["broken off", "a/b", "", "what?"] {
        let refused = call(&["rename", "renamed", wrong]);
        assert!(!refused.status.success(), "{wrong}");
    }

    let unasked = call(&["delete", "renamed"]);
    assert_eq!(unasked.status.code(), Some(2));
    assert!(stderr(&unasked).contains("--yes"), "{}", stderr(&unasked));
    // Everything is looked at before anything is deleted.
    assert_eq!(call(&["delete", "renamed", "nowhere", "--yes"]).status.code(), Some(1));
    assert!(runs.join("renamed").is_dir());
    fs::write(runs.join("renamed/notes.txt"), "mine").unwrap();
    let text = stdout(&call(&["delete", "renamed", "broken off", "--yes"]));
    for part in
        ["Deleted renamed: 4 files, ", "notes.txt is not CrackScope's and stays", "Deleted broken off: 2 files, "]
    {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert_eq!(fs::read_to_string(runs.join("renamed/notes.txt")).unwrap(), "mine");
    assert!(!runs.join("broken off").exists());
    // By its path as well, from wherever.
    stdout(&crackscope(home.path(), &["runs", "delete", "runs/slow and long", "--yes"]));
    assert!(!runs.join("slow and long").exists());
}

/// The list of what is ours must keep up with what training writes.
#[test]
fn nothing_that_training_leaves_is_foreign_to_a_run() {
    let home = tempfile::tempdir().unwrap();
    let photos = samples();
    let train = ["train", photos.to_str().unwrap(), "--out", "run", "--epochs", "2", "--quiet"];
    stdout(&crackscope(home.path(), &train));
    let run = home.path().join("run");
    let contents = run_change::contents(home.path(), &run).unwrap();
    assert_eq!(contents.others, Vec::<String>::new());
    assert!(contents.files >= 9, "{contents:?}");
    run_change::delete(home.path(), &run).unwrap();
    assert!(!run.exists());
}

/// The window with three runs, on the table of runs.
fn table_of_runs(home: &Path) -> (Window, PathBuf) {
    let runs = home.join("runs");
    write_three(&runs);
    let mut window = open_window(home, None);
    press(&mut window, Role::Tab, "Train");
    until(&mut window, "the views", |window| window.query_by_role_and_label(Role::Button, "Runs").is_some());
    press(&mut window, Role::Button, "Runs");
    until(&mut window, "figures", |window| told_of(window, "slow and long").contains("F1 0.9"));
    (window, runs)
}

fn rows(window: &Window) -> Vec<String> {
    let mut rows: Vec<(f32, String)> = window
        .query_all_by_role(Role::Row)
        .map(|row| (row.rect().top(), row.accesskit_node().label().unwrap_or_default()))
        .collect();
    rows.sort_by(|a, b| a.0.total_cmp(&b.0));
    rows.into_iter().map(|(_, name)| name).collect()
}

/// What a row tells those who do not see it.
fn told_of(window: &Window, name: &str) -> String {
    let row = window.query_by_role_and_label(Role::Row, name);
    row.and_then(|row| row.accesskit_node().description()).unwrap_or_default()
}

#[test]
fn the_table_of_runs_is_sorted_filtered_and_ticked() {
    let home = tempfile::tempdir().unwrap();
    let (mut window, _) = table_of_runs(home.path());
    assert_eq!(rows(&window), ["broken off", "slow and long", "first"]);
    assert!(told_of(&window, "slow and long").contains("Val. loss 0.2000, the best"), "the best is marked");
    press(&mut window, Role::Button, "Sort by F1");
    assert_eq!(rows(&window), ["slow and long", "first", "broken off"]);
    press(&mut window, Role::Button, "Sort by F1, falling now");
    assert_eq!(rows(&window), ["first", "slow and long", "broken off"]);
    assert!(told_of(&window, "first").contains("Backbone"));
    press(&mut window, Role::CheckBox, "Only differences");
    assert!(told_of(&window, "first").contains("Rate 0.001") && !told_of(&window, "first").contains("Backbone"));

    // The newest run with curves is drawn from the start.
    press(&mut window, Role::CheckBox, "Draw slow and long");
    window.get_by_label("Tick runs to see their curves together.");
    press(&mut window, Role::CheckBox, "Draw first");
    assert!(window.query_by_label("Tick runs to see their curves together.").is_none());
    press(&mut window, Role::CheckBox, "Draw first");
    window.get_by_label("Tick runs to see their curves together.");

    type_into(&mut window, "Filter by name", "LONG");
    assert_eq!(rows(&window), ["slow and long"]);
    press(&mut window, Role::Button, "Clear the filter");
    assert_eq!(rows(&window).len(), 3);
}

#[test]
fn a_run_is_selected_by_keys_and_opened_in_review() {
    let home = tempfile::tempdir().unwrap();
    let (mut window, runs) = table_of_runs(home.path());
    press(&mut window, Role::Row, "broken off");
    assert!(window.get_by_role_and_label(Role::Button, &labelled(&window, "Review")).accesskit_node().is_disabled());
    window.key_press(Key::ArrowDown);
    window.run_steps(3);
    window.key_press(Key::Enter);
    until(&mut window, "the run", |window| window.state().session().verdict.is_some());
    let verdict = window.state().session().verdict.clone().unwrap();
    assert_eq!((verdict.run.clone(), verdict.predictions.len()), (Some(runs.join("slow and long")), 48));
    window.get_by_role_and_label(Role::Button, "All photos");
}

#[test]
fn several_runs_are_selected_by_keys() {
    let home = tempfile::tempdir().unwrap();
    let (mut window, _) = table_of_runs(home.path());
    press(&mut window, Role::Row, "broken off");
    window.key_press_modifiers(Modifiers::SHIFT, Key::ArrowDown);
    window.run_steps(3);
    window.get_by_label("2 runs selected");
    window.key_press(Key::ArrowDown);
    window.run_steps(3);
    assert!(window.query_by_label("2 runs selected").is_none(), "without Shift, one alone");
    window.key_press_modifiers(Modifiers::COMMAND, Key::A);
    window.run_steps(3);
    window.get_by_label("3 runs selected");
}

#[test]
fn every_damaged_run_can_be_deleted() {
    let home = tempfile::tempdir().unwrap();
    for number in 1..=5 {
        let run = home.path().join(format!("runs/broken {number}"));
        fs::create_dir_all(&run).unwrap();
        fs::write(run.join(run_dir::CONFIG), "program = \"crackscope 0.1.0\"\n").unwrap();
    }
    let mut window = open_window(home.path(), None);
    press(&mut window, Role::Tab, "Train");
    press(&mut window, Role::Button, "Runs");
    until(&mut window, "the list", |window| window.query_by_label("Delete broken 1…").is_some());
    window.get_by_label("Delete broken 5…").scroll_to_me();
    window.run_steps(8);
    window.get_by_label("Delete broken 5…").click();
    until(&mut window, "the question", |window| window.query_by_label("Delete broken 5?").is_some());
}

/// The full label of the button whose word this is: an icon stands before it.
fn labelled(window: &Window, word: &str) -> String {
    let word = word.to_owned();
    let button =
        window.get_by(move |node| node.role() == Role::Button && node.label().is_some_and(|l| l.ends_with(&word)));
    button.accesskit_node().label().unwrap()
}

#[track_caller]
fn press_word(window: &mut Window, word: &str) {
    let label = labelled(window, word);
    press(window, Role::Button, &label);
}

#[test]
fn a_run_is_renamed_and_whatever_shows_it_follows() {
    let home = tempfile::tempdir().unwrap();
    let (mut window, runs) = table_of_runs(home.path());
    press(&mut window, Role::Row, "first");
    press_word(&mut window, " Review");
    until(&mut window, "the run", |window| window.state().session().verdict.is_some());
    press(&mut window, Role::Tab, "Train");
    press_word(&mut window, "Rename…");
    type_into(&mut window, "New name", "broken off");
    window.get_by_label("Another run has this name");
    type_into(&mut window, "New name", "what?");
    window.get_by_label("A name cannot hold ?");
    assert!(window.get_by_role_and_label(Role::Button, "Rename").accesskit_node().is_disabled());
    type_into(&mut window, "New name", "the very first");
    press(&mut window, Role::Button, "Rename");
    until(&mut window, "its name", |window| rows(window).contains(&"the very first".to_owned()));
    assert!(runs.join("the very first").is_dir() && !runs.join("first").exists());
    let verdict = window.state().session().verdict.clone().unwrap();
    assert_eq!((verdict.run.clone(), verdict.name.as_str()), (Some(runs.join("the very first")), "the very first"));
    press(&mut window, Role::Tab, "Review");
    window.get_by(|node| node.role() == Role::ComboBox && node.value().as_deref() == Some("the very first"));
}

#[test]
fn enter_ends_a_name_and_opens_nothing() {
    let home = tempfile::tempdir().unwrap();
    let (mut window, runs) = table_of_runs(home.path());
    press(&mut window, Role::Row, "first");
    window.key_press(Key::F2);
    window.run_steps(4);
    type_into(&mut window, "New name", "by keys");
    window.key_press(Key::Enter);
    until(&mut window, "its name", |window| rows(window).contains(&"by keys".to_owned()));
    window.run_steps(8);
    assert!(runs.join("by keys").is_dir() && window.state().session().verdict.is_none());
    assert!(!told(&window).iter().any(|message| message.contains("is open")), "{:?}", told(&window));
}

#[test]
fn a_run_is_deleted_once_that_is_confirmed() {
    let home = tempfile::tempdir().unwrap();
    let (mut window, runs) = table_of_runs(home.path());
    fs::write(runs.join("slow and long/notes.txt"), "mine").unwrap();
    press(&mut window, Role::Row, "slow and long");
    press_word(&mut window, " Review");
    until(&mut window, "the run", |window| window.state().session().verdict.is_some());
    press(&mut window, Role::Tab, "Train");
    press(&mut window, Role::Row, "slow and long");
    window.key_press(Key::Delete);
    until(&mut window, "the question", |window| window.query_by_label_contains("This cannot be undone").is_some());
    window.get_by_label_contains("4 files, ");
    window.get_by_label_contains("notes.txt is not CrackScope's");
    press(&mut window, Role::Button, "Keep");
    assert!(window.query_by_label_contains("This cannot be undone").is_none());
    assert!(runs.join("slow and long").join(run_dir::MODEL).is_file());

    window.key_press_modifiers(Modifiers::NONE, Key::Delete);
    until(&mut window, "the question", |window| window.query_by_label_contains("4 files, ").is_some());
    press(&mut window, Role::Button, "Delete run");
    until(&mut window, "its end", |window| rows(window).len() == 2);
    assert_eq!(fs::read_to_string(runs.join("slow and long/notes.txt")).unwrap(), "mine");
    assert!(!runs.join("slow and long").join(run_dir::CONFIG).exists());
    assert!(window.state().session().verdict.is_none(), "what is gone is not open");
    assert!(told(&window).iter().any(|m| m.contains("Deleted slow and long: 4 files") && m.contains("notes.txt")));
}

#[test]
fn a_damaged_run_is_named_and_can_be_deleted() {
    let home = tempfile::tempdir().unwrap();
    let runs = home.path().join("runs");
    write_three(&runs);
    fs::write(runs.join("first").join(run_dir::CONFIG), "program = \"crackscope 0.1.0\"\ncrea").unwrap();
    let mut window = open_window(home.path(), None);
    press(&mut window, Role::Tab, "Train");
    press(&mut window, Role::Button, "Runs");
    until(&mut window, "the runs", |window| rows(window).len() == 2);
    window.get_by_label_contains("first cannot be read");
    press(&mut window, Role::Button, "Delete first…");
    until(&mut window, "the question", |window| window.query_by_label_contains("4 files, ").is_some());
    press(&mut window, Role::Button, "Delete run");
    until(&mut window, "its end", |window| window.query_by_label_contains("cannot be read").is_none());
    assert!(!runs.join("first").exists());
}
