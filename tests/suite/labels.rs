//! Corrected labels: kept through a kill at any moment, in force in every command, exported.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crackscope::dataset::labels::{self, Change, Opened};
use crackscope::dataset::sample::{SampleConfig, write_samples};
use crackscope::dataset::{Class, Dataset, Mark, scan};
use crackscope::job::Unwatched;
use crackscope::places::Places;
use egui::accesskit::{Role, Toggled};
use egui::{Key, Modifiers};
use egui_kittest::kittest::{NodeT, Queryable};
use serde_json::Value;

use super::command_line::{crackscope, json, stderr, stdout, text_of};
use super::shared::samples;
use super::window::{Window, open_window, press, told, type_into, until};

/// Tells the test below that it is the child.
const HOME: &str = "CRACKSCOPE_TEST_LABELS_HOME";

/// A folder of twelve small files named as photos, half of them cracked.
fn photos(home: &Path) -> PathBuf {
    let folder = home.join("photos");
    for (class, first) in [("Negative", 0), ("Positive", 6)] {
        fs::create_dir_all(folder.join(class)).unwrap();
        for number in first..first + 6 {
            fs::write(folder.join(class).join(format!("{number:02}.jpg")), format!("photo {number}")).unwrap();
        }
    }
    folder
}

fn open(home: &Path) -> (Dataset, Opened) {
    let mut dataset = scan::scan(&home.join("photos"), &Unwatched).unwrap();
    let opened = labels::open(&mut dataset, &Places::below(home.join("own"))).unwrap();
    (dataset, opened)
}

/// What is said of the photos, a letter each.
fn said(dataset: &Dataset) -> String {
    dataset.samples.iter().map(|sample| sample.said().map_or("-", Mark::word).chars().next().unwrap()).collect()
}

/// Numbers that look random and are the same on every machine.
fn next(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *seed >> 33
}

/// Relabels for ever, and writes each state once it is kept. Runs as a process of its own: see below.
#[test]
#[ignore = "the child of the next test"]
fn relabel_until_killed() {
    let Some(home) = std::env::var_os(HOME).map(PathBuf::from) else { return };
    let (mut dataset, mut opened) = open(&home);
    let mut seed = u64::from(std::process::id());
    let mut out = std::io::stdout();
    writeln!(out, "\nKEPT {}", said(&dataset)).unwrap();
    loop {
        let photos: Vec<usize> = (0..1 + next(&mut seed) % 12).map(|_| (next(&mut seed) % 12) as usize).collect();
        let mark = [None, Some(Mark::Unsure), Some(Mark::Excluded), Some(Mark::Class(Class::Positive))];
        let changed = match next(&mut seed) % 8 {
            0 => opened.labels.undo(&mut dataset),
            1 => opened.labels.redo(&mut dataset),
            at => opened.labels.change(&mut dataset, &photos, Change::Mark(mark[at as usize % 4])),
        };
        let Some(changed) = changed else { continue };
        writeln!(out, "WILL {}", said(&dataset)).unwrap();
        out.flush().unwrap();
        for line in changed.keep {
            opened.journals[line.root].add(line.entry, &line.paths).unwrap();
        }
        writeln!(out, "KEPT {}", said(&dataset)).unwrap();
        out.flush().unwrap();
    }
}

#[test]
fn nothing_that_was_kept_is_lost_when_the_program_is_killed() {
    let home = tempfile::tempdir().unwrap();
    photos(home.path());
    let (mut seed, mut actions, kills) = (7, 0, super::kills::count(20, 20));
    for kill in 0..kills {
        let before = said(&open(home.path()).0);
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "labels::relabel_until_killed", "--ignored", "--nocapture"])
            .env(HOME, home.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        assert!(lines.any(|line| line == format!("KEPT {before}")), "it goes on from what was there");
        let (mut kept, mut will) = (before, None);
        let mut note = |line: String| match line.split_once(' ') {
            Some(("WILL", state)) => will = Some(state.to_owned()),
            // A line that is torn says nothing.
            Some(("KEPT", state)) if Some(state) == will.as_deref() => {
                (kept, actions) = (state.to_owned(), actions + 1)
            }
            _ => {}
        };
        let some = 2 + next(&mut seed) % 12;
        lines.by_ref().take(some as usize).for_each(&mut note);
        std::thread::sleep(Duration::from_micros(next(&mut seed) % 4000));
        child.kill().unwrap();
        child.wait().unwrap();
        lines.for_each(&mut note);
        let now = said(&open(home.path()).0);
        assert!(now == kept || Some(&now) == will.as_ref(), "kill {kill}: {now} is neither {kept} nor {will:?}");
    }
    assert!(actions >= kills, "it was killed at work, not before: {actions} actions");
    // What is left can be undone to the very beginning.
    let (mut dataset, mut opened) = open(home.path());
    while let Some(changed) = opened.labels.undo(&mut dataset) {
        for line in changed.keep {
            opened.journals[line.root].add(line.entry, &line.paths).unwrap();
        }
    }
    assert_eq!(said(&open(home.path()).0), "iiiiiicccccc");
}

/// The samples of the suite and a folder of its own for the program.
fn labelled(home: &Path, label: &str, photos: &[&str]) -> Value {
    let folder = samples();
    let mut arguments = vec!["labels", text_of(&folder), "--set", label];
    photos.iter().for_each(|photo| arguments.extend(["--photo", photo]));
    json(home, &arguments)
}

#[test]
fn every_command_goes_by_the_labels_in_force() {
    let home = tempfile::tempdir().unwrap();
    let folder = samples();
    let photos = text_of(&folder);
    let before = json(home.path(), &["scan", photos, "--list-only"]);
    assert_eq!(before["corrected"], 0);
    let dataset = scan::scan(&folder, &Unwatched).unwrap();
    let cracked: Vec<&str> =
        dataset.samples.iter().filter(|s| s.label == Some(Class::Positive)).map(|s| s.file.as_str()).collect();
    let told = labelled(home.path(), "intact", &cracked[..2]);
    assert_eq!((told["corrected"].as_u64(), told["done"].as_str()), (Some(2), Some("Labelled intact: 2 photos")));
    labelled(home.path(), "excluded", &cracked[2..3]);
    labelled(home.path(), "cracked", &cracked[3..4]);
    let after = json(home.path(), &["scan", photos, "--list-only"]);
    let count = |value: &Value, name: &str| value[name].as_u64().unwrap();
    assert_eq!(count(&after, "corrected"), 3, "a confirmation corrects nothing");
    assert_eq!(count(&after, "positive") + 3, count(&before, "positive"));
    assert_eq!(count(&after, "negative"), count(&before, "negative") + 2);
    let ignored = json(home.path(), &["scan", photos, "--list-only", "--ignore-corrections"]);
    assert_eq!(ignored, before);
    assert!(
        stdout(&crackscope(home.path(), &["scan", photos, "--list-only"])).ends_with("3 corrected labels applied.\n")
    );

    let run = home.path().join("run");
    let trained = json(home.path(), &["train", photos, "--out", text_of(&run), "--epochs", "1", "--device", "cpu"]);
    assert_eq!(count(&trained, "corrected"), 3);
    let config = fs::read_to_string(run.join("config.toml")).unwrap();
    let digest = json(home.path(), &["labels", photos])["digest"].as_str().unwrap().to_owned();
    assert!(config.contains("corrected = 3\n") && config.contains(&format!("labels = \"{digest}\"")), "{config}");
    let predictions = fs::read_to_string(run.join("predictions.csv")).unwrap();
    assert!(!predictions.contains(cracked[2]), "an excluded photo takes no part");
    assert!(predictions.lines().any(|line| line.contains(cracked[0]) && line.contains(",Negative,")));
    let evaluated = json(home.path(), &["evaluate", text_of(&run), photos]);
    assert_eq!(count(&evaluated, "photos"), dataset.samples.len() as u64 - 1);
    let classified = json(home.path(), &["classify", text_of(&run), photos]);
    assert_eq!(count(&classified, "photos"), dataset.samples.len() as u64 - 1);
    let as_found = json(home.path(), &["evaluate", text_of(&run), photos, "--ignore-corrections"]);
    assert_eq!((count(&as_found, "photos"), count(&as_found, "corrected")), (dataset.samples.len() as u64, 0));
}

#[test]
fn labels_are_listed_changed_and_exported() {
    let home = tempfile::tempdir().unwrap();
    let folder = photos(home.path());
    let labels = |arguments: &[&str]| json(home.path(), &[&["labels", text_of(&folder)], arguments].concat());
    assert_eq!(labels(&[])["corrections"], Value::Array(Vec::new()));
    labels(&["--set", "cracked", "--photo", "Negative/00.jpg", "--photo", "Negative/01.jpg"]);
    labels(&["--set", "unsure", "--photo", "Positive/06.jpg"]);
    let all = labels(&["--set", "excluded", "--photo", "Negative/02.jpg"]);
    assert_eq!(all["corrections"].as_array().unwrap().len(), 4);
    assert_eq!((all["positive"].as_u64(), all["negative"].as_u64()), (Some(7), Some(3)));
    assert_eq!(labels(&["--undo"])["excluded"], 0);
    assert_eq!(labels(&["--undo"])["unsure"], 0);
    assert_eq!(labels(&["--redo"])["unsure"], 1);
    let output = crackscope(home.path(), &["labels", text_of(&folder)]);
    insta::assert_snapshot!("labels", stdout(&output));

    let (csv, copies) = (home.path().join("labels.csv"), home.path().join("copies"));
    labels(&["--csv", text_of(&csv), "--to", text_of(&copies)]);
    let table = fs::read_to_string(&csv).unwrap();
    assert!(table.starts_with("file,label\n") && table.contains("Negative/00.jpg,Positive\n"), "{table}");
    assert!(table.contains("Positive/06.jpg,unsure\n"), "{table}");
    assert_eq!(scan::scan(&copies, &Unwatched).unwrap().count(Class::Positive), 7);
    for (to, path) in [("--csv", &csv), ("--to", &copies)] {
        let again = crackscope(home.path(), &["labels", text_of(&folder), to, text_of(path)]);
        assert_eq!(again.status.code(), Some(1));
        assert!(stderr(&again).contains("nothing is replaced"), "{}", stderr(&again));
    }
    let within = folder.join("labels.csv");
    let refused = crackscope(home.path(), &["labels", text_of(&folder), "--csv", text_of(&within)]);
    assert_eq!((refused.status.code(), within.exists()), (Some(2), false));
    let nobody = crackscope(home.path(), &["labels", text_of(&folder), "--set", "intact", "--photo", "nobody.jpg"]);
    assert!(stderr(&nobody).contains("There is no photo nobody.jpg in photos"), "{}", stderr(&nobody));
}

/// A window on sixty sample photos.
fn window(folder: &Path) -> Window {
    let photos = folder.join("drawn");
    if !photos.exists() {
        write_samples(&photos, &SampleConfig { photos: 60, side: 64, seed: 3 }, &Unwatched).unwrap();
    }
    let mut window = open_window(&folder.join("home"), Some(photos));
    until(&mut window, "photos open", |window| !window.state().session().is_empty());
    window
}

fn corrected(window: &Window) -> usize {
    window.state().session().dataset.as_ref().unwrap().corrected()
}

fn key(window: &mut Window, modifiers: Modifiers, key: Key) {
    window.key_press_modifiers(modifiers, key);
    window.run_steps(3);
}

#[test]
fn the_window_keeps_labels_undoes_them_and_exports_them() {
    let folder = tempfile::tempdir().unwrap();
    let mut one = window(folder.path());
    for _ in 0..3 {
        key(&mut one, Modifiers::NONE, Key::Num0);
    }
    key(&mut one, Modifiers::SHIFT, Key::ArrowRight);
    key(&mut one, Modifiers::NONE, Key::X);
    assert_eq!(corrected(&one), 5);
    one.get_by_label_contains("5 corrected");
    one.get_by_label_contains("Marked excluded: 2 photos");
    key(&mut one, Modifiers::COMMAND, Key::Z);
    assert_eq!(corrected(&one), 3);
    drop(one);

    let mut again = window(folder.path());
    assert_eq!(corrected(&again), 3, "kept");
    key(&mut again, Modifiers::COMMAND.plus(Modifiers::SHIFT), Key::Z);
    assert_eq!(corrected(&again), 5, "and what was undone can be done again");
    key(&mut again, Modifiers::COMMAND, Key::Z);
    key(&mut again, Modifiers::COMMAND, Key::Z);
    assert_eq!(corrected(&again), 2);

    let table = folder.path().join("out.csv");
    key(&mut again, Modifiers::COMMAND.plus(Modifiers::SHIFT), Key::E);
    let field = "File to write; nothing is replaced, and nothing written among the photos";
    type_into(&mut again, field, text_of(&table));
    press(&mut again, Role::Button, "Export");
    until(&mut again, "the table", |_| table.exists());
    assert_eq!(fs::read_to_string(&table).unwrap().matches(",unsure\n").count(), 2);
    drop(again);
    assert_eq!(corrected(&window(folder.path())), 2);
}

#[test]
fn a_second_window_says_who_keeps_the_labels() {
    let folder = tempfile::tempdir().unwrap();
    let (mut one, mut other) = (window(folder.path()), window(folder.path()));
    key(&mut one, Modifiers::NONE, Key::X);
    let kept = folder.path().join("home/labels");
    until(&mut one, "a journal", |_| fs::read_dir(&kept).is_ok_and(|mut all| all.next().is_some()));
    until(&mut one, "the lock", |_| {
        let journal = fs::read_dir(&kept).unwrap().flatten().next().unwrap().path().join("journal.jsonl");
        fs::read_to_string(journal).is_ok_and(|text| text.lines().count() == 2)
    });
    key(&mut other, Modifiers::NONE, Key::Num0);
    until(&mut other, "the word of the other", |other| {
        told(other).iter().any(|text| text.starts_with("Another copy of CrackScope keeps the labels"))
    });
    until(&mut other, "what is kept", |other| {
        other.state().session().dataset.as_ref().unwrap().samples[0].is_excluded()
    });
    assert_eq!(corrected(&other), 1, "what could not be kept is not in force");
    drop(one);
    key(&mut other, Modifiers::NONE, Key::Num0);
    assert_eq!(corrected(&other), 2);
    drop(other);
    assert_eq!(corrected(&window(folder.path())), 2);
}

#[test]
fn the_grid_is_as_it_was_after_another_tab() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = window(folder.path());
    let cells = |window: &Window| -> Vec<(String, bool)> {
        let cells = window.get_all_by_role(Role::GridCell).map(|cell| {
            let node = cell.accesskit_node();
            (node.label().unwrap_or_default(), node.toggled() == Some(Toggled::True))
        });
        cells.collect()
    };
    key(&mut window, Modifiers::NONE, Key::End);
    key(&mut window, Modifiers::SHIFT, Key::ArrowLeft);
    key(&mut window, Modifiers::NONE, Key::X);
    window.run_steps(3);
    let before = cells(&window);
    assert!(before.iter().any(|(_, selected)| *selected));
    for tab in ["Train", "Browse"] {
        press(&mut window, Role::Tab, tab);
    }
    assert_eq!(cells(&window), before);
}
