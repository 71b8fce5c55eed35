//! Groups, leaks, sites and other folders: the commands, what a run keeps of its groups, and the panels of the window.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crackscope::app::App;
use crackscope::dataset::sample::{SampleConfig, write_samples};
use crackscope::job::Unwatched;
use egui::accesskit::Role;
use egui_kittest::kittest::Queryable;
use serde_json::Value;

use super::command_line::{crackscope, json, stderr, stdout};
use super::shared::shared;
use super::window::{Window, open_window, press, type_into, until};

const SIDE: u32 = 64;

/// Forty sample photos, twelve of them there a second time mirrored, one of them also as it is.
fn with_copies(folder: &Path) -> PathBuf {
    let photos = folder.join("photos");
    site(&photos, 40, 5);
    for class in ["Positive", "Negative"] {
        for n in 1..=6 {
            let photo = image::open(photos.join(format!("{class}/{n:05}.jpg"))).unwrap().fliph();
            photo.save(photos.join(format!("{class}/mirrored {n}.png"))).unwrap();
        }
    }
    fs::copy(photos.join("Positive/00001.jpg"), photos.join("Positive/copy.jpg")).unwrap();
    photos
}

fn site(folder: &Path, photos: usize, seed: u64) {
    write_samples(folder, &SampleConfig { photos, side: SIDE, seed }, &Unwatched).unwrap();
}

fn count(value: &Value) -> u64 {
    value.as_u64().unwrap()
}

#[test]
fn duplicates_are_named_with_how_they_are_alike() {
    let home = tempfile::tempdir().unwrap();
    let photos = with_copies(home.path());
    let before = files(&photos);
    let found = json(home.path(), &["duplicates", "photos", "--csv", "groups.csv"]);
    assert_eq!(found["photos"], 53);
    assert_eq!(found["identical"], serde_json::json!([["Positive/00001.jpg", "Positive/copy.jpg"]]));
    let near = found["near_copies"].as_array().unwrap();
    assert_eq!(near.len(), 12);
    assert!(near.iter().all(|pair| pair["how"] == "mirrored" && pair["likeness"].as_f64().unwrap() > 0.97), "{near:?}");
    assert_eq!(found["across_classes"], 0);
    let groups = found["groups"].as_array().unwrap();
    assert_eq!((groups.len(), groups[0]["reasons"].as_array().unwrap().len()), (12, 2));

    let table = fs::read_to_string(home.path().join("groups.csv")).unwrap();
    let mut lines = table.lines();
    assert_eq!(lines.next(), Some("file,group,reasons,copy_of,how,likeness"));
    assert_eq!(lines.next(), Some("Positive/00001.jpg,Positive/00001.jpg,identical near-copies,,,"));
    assert_eq!(table.lines().count(), 26);
    // The table makes the same groups, and edited it makes others.
    let again = json(home.path(), &["duplicates", "photos", "--groups", "groups.csv", "--group-by", "none"]);
    let of =
        |found: &Value| found["groups"].as_array().unwrap().iter().map(|g| g["photos"].clone()).collect::<Vec<_>>();
    assert_eq!(of(&again), of(&found));
    fs::write(home.path().join("groups.csv"), "file,group\nPositive/mirrored 2.png,\n").unwrap();
    let edited = json(home.path(), &["duplicates", "photos", "--groups", "groups.csv"]);
    assert_eq!(edited["groups"].as_array().unwrap().len(), 11);

    let text = stdout(&crackscope(home.path(), &["duplicates", "photos", "--quiet"]));
    assert!(
        text.starts_with("53 photos: 1 exact copy of another, and 12 pairs of near copies, 12 of them mirrored"),
        "{text}"
    );
    let wrong = crackscope(home.path(), &["duplicates", "photos", "--group-by", "colour"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(stderr(&wrong).contains("near-copies"), "{}", stderr(&wrong));
    let inside = crackscope(home.path(), &["duplicates", "photos", "--csv", "photos/groups.csv"]);
    assert_eq!(inside.status.code(), Some(2));
    assert_eq!(files(&photos), before, "nothing is written into the folder of photos");
}

fn files(folder: &Path) -> usize {
    ["Positive", "Negative"].iter().map(|class| fs::read_dir(folder.join(class)).unwrap().count()).sum()
}

#[test]
fn a_random_split_leaks_and_a_grouped_one_does_not() {
    let home = tempfile::tempdir().unwrap();
    with_copies(home.path());
    let leaks = ["leaks", "photos", "--epochs", "2", "--seeds", "2"];
    let found = json(home.path(), &[&leaks[..], &["--split", "random", "--csv", "pairs.csv"]].concat());
    assert!(count(&found["planned"]["random"]["with_copy"]) > 0, "{found}");
    assert_eq!(count(&found["planned"]["grouped"]["with_copy"]), 0);
    assert_eq!(count(&found["planned"]["grouped"]["groups_cut"]), 0);
    let pairs = found["pairs"].as_array().unwrap();
    assert_eq!(pairs[0]["how"], "mirrored");
    assert!(pairs.iter().any(|pair| pair["how"] == "look-alike"));
    let flattery = &found["flattery"];
    assert_eq!(count(&flattery["seeds"]), 2);
    let accuracy = &flattery["figures"]["accuracy"];
    let mean = |kind: &str| accuracy[kind]["mean"].as_f64().unwrap();
    assert!((mean("random") - mean("grouped") - mean("difference")).abs() < 1e-9, "{accuracy}");
    assert_eq!(fs::read_to_string(home.path().join("pairs.csv")).unwrap().lines().count(), 1 + pairs.len());
    // The same again from the cache is the same to the digit.
    let again = json(home.path(), &[&leaks[..], &["--split", "random"]].concat());
    assert_eq!(again["flattery"], found["flattery"]);

    stdout(&crackscope(
        home.path(),
        &["train", "photos", "--out", "run", "--epochs", "1", "--split", "random", "--quiet"],
    ));
    let of_run = json(home.path(), &["leaks", "photos", "--run", "run", "--seeds", "0"]);
    assert_eq!(of_run["split"], found["planned"]["random"]);
    assert!(of_run["flattery"].is_null());
    let text = stdout(&crackscope(home.path(), &[&leaks[..], &["--quiet"]].concat()));
    assert!(text.contains("What did it flatter?") && text.contains("Over 2 seeds"), "{text}");
}

#[test]
fn a_run_keeps_its_groups_and_can_be_repeated_by_them() {
    let home = tempfile::tempdir().unwrap();
    with_copies(home.path());
    let train = |more: &[&str]| crackscope(home.path(), &[&["train", "photos", "--quiet"], more].concat());
    stdout(&train(&["--out", "one", "--epochs", "2"]));
    let config: toml::Table =
        toml::from_str(&fs::read_to_string(home.path().join("one/config.toml")).unwrap()).unwrap();
    let groups = config["data"]["groups"].as_table().unwrap();
    assert_eq!((groups["groups"].as_integer(), groups["photos"].as_integer()), (Some(12), Some(25)));
    assert_eq!(config["train"]["groups"]["by"].as_array().unwrap().len(), 5);
    stdout(&train(&["--out", "two", "--epochs", "2", "--groups", "one/groups.csv", "--group-by", "none"]));
    let said = |run: &str| fs::read_to_string(home.path().join(run).join("predictions.csv")).unwrap();
    assert_eq!(said("one"), said("two"));

    fs::write(home.path().join("other.csv"), "file,group\nPositive/00003.jpg,a\nPositive/00004.jpg,a\n").unwrap();
    let changed = train(&["--out", "one", "--resume", "--epochs", "3", "--groups", "other.csv"]);
    assert_eq!(changed.status.code(), Some(1));
    assert!(stderr(&changed).contains("The groups of the photos have changed"), "{}", stderr(&changed));
    stdout(&train(&["--out", "one", "--resume", "--epochs", "3"]));
}

#[test]
fn each_site_is_judged_by_the_others() {
    let home = tempfile::tempdir().unwrap();
    for (name, seed) in [("deck", 1), ("wall", 2), ("pier", 3)] {
        site(&home.path().join("sites").join(name), 16, seed);
    }
    let options = ["--epochs", "2", "--val-fraction", "0.25"];
    let several = json(home.path(), &[&["sites", "sites/deck", "sites/wall", "sites/pier"], &options[..]].concat());
    let sites = several["sites"].as_array().unwrap();
    let names: Vec<&str> = sites.iter().map(|site| site["site"].as_str().unwrap()).collect();
    assert_eq!(names, ["deck", "wall", "pier"]);
    assert!(sites.iter().all(|site| site["photos"] == 16 && site["train"] == 32), "{sites:?}");
    let mean = sites.iter().map(|site| site["accuracy"].as_f64().unwrap()).sum::<f64>() / 3.0;
    assert!((several["mean"]["accuracy"].as_f64().unwrap() - mean).abs() < 1e-9);
    for key in ["balanced_accuracy", "recall", "precision", "auroc"] {
        assert!(sites[0][key].is_f64(), "{key}");
    }
    // The folders below one are the same sites.
    let one = json(home.path(), &[&["sites", "sites", "--csv", "said.csv"], &options[..]].concat());
    assert_eq!(one["sites"].as_array().unwrap().len(), 3);
    assert_eq!(fs::read_to_string(home.path().join("said.csv")).unwrap().lines().count(), 49);
    let text = stdout(&crackscope(home.path(), &[&["sites", "sites", "--quiet"], &options[..]].concat()));
    assert!(text.lines().any(|line| line.starts_with("Mean")), "{text}");
    let single = crackscope(home.path(), &["sites", "sites/deck", "--quiet"]);
    assert!(stderr(&single).contains("There are fewer than two sites"), "{}", stderr(&single));
}

/// All exact copies of METU, near copies beside them, and nothing across classes.
#[test]
fn copies_of_the_shared_photos_are_found_by_the_command() {
    let Some(known) = shared("data/metu_identical_files.json") else { return };
    let known: Vec<Vec<String>> = serde_json::from_str(&fs::read_to_string(known).unwrap()).unwrap();
    let home = tempfile::tempdir().unwrap();
    let metu = shared("data/metu").unwrap();
    let found = json(home.path(), &["duplicates", metu.to_str().unwrap()]);
    let sets = |sets: &[Vec<String>]| {
        let mut sets: Vec<Vec<String>> = sets.iter().map(|set| sorted(set.clone())).collect();
        sets.sort();
        sets
    };
    let identical: Vec<Vec<String>> = serde_json::from_value(found["identical"].clone()).unwrap();
    assert_eq!(sets(&identical), sets(&known));
    assert_eq!(found["across_classes"], 0);
    let class = |file: &Value| file.as_str().unwrap().split('/').next().unwrap().to_owned();
    let near = found["near_copies"].as_array().unwrap();
    assert!(
        near.len() > 200 && near.iter().all(|pair| class(&pair["first"]) == class(&pair["second"])),
        "{}",
        near.len()
    );
    let by =
        |name: &str| found["sources"].as_array().unwrap().iter().find(|source| source["by"] == name).unwrap().clone();
    // The cracked ones are numbered as they were cut, the intact ones were shuffled.
    assert_eq!(count(&by("numbers")["photos"]), 3584);
}

fn sorted(mut set: Vec<String>) -> Vec<String> {
    set.sort();
    set
}

fn idle(window: &Window) -> bool {
    !window.state().is_busy()
}

fn groups_of(app: &App) -> BTreeMap<usize, usize> {
    let grouped = app.session().groups.as_ref().unwrap();
    let mut sizes = BTreeMap::new();
    grouped.grouping.sets().iter().for_each(|set| *sizes.entry(set.len()).or_insert(0) += 1);
    sizes
}

#[test]
fn groups_and_leaks_in_the_window() {
    let folder = tempfile::tempdir().unwrap();
    let photos = with_copies(folder.path());
    let mut window = open_window(&folder.path().join("home"), Some(photos.clone()));
    until(&mut window, "photos open", |window| window.state().session().len() == 53);
    press(&mut window, Role::Tab, "Curate");
    press(&mut window, Role::Button, "Groups and leaks");
    window.get_by_label("Which photos belong together?");
    press(&mut window, Role::Button, "Find groups");
    until(&mut window, "groups", |window| window.state().session().groups.is_some() && idle(window));
    assert_eq!(groups_of(window.state()), BTreeMap::from([(2, 11), (3, 1)]));
    window.get_by_label("12 groups of 24 photos");

    // The largest group is open: its first photo leaves it, but not its identical copy.
    grid_photo(&mut window, "Positive/mirrored 1.png");
    press(&mut window, Role::Button, "Split this photo out");
    until(&mut window, "a photo is by itself", |window| idle(window) && groups_of(window.state()).len() == 1);
    assert_eq!(groups_of(window.state()), BTreeMap::from([(2, 12)]));
    let kept = fs::read_dir(folder.path().join("home/groups")).unwrap().count();
    assert_eq!(kept, 1, "the word is kept among the program's own files");
    press(&mut window, Role::Button, "Group as found");
    until(&mut window, "it is back", |window| idle(window) && groups_of(window.state()).len() == 2);

    press(&mut window, Role::CheckBox, "Near copies");
    press(&mut window, Role::Button, "Group again");
    until(&mut window, "near copies do not count", |window| idle(window) && groups_of(window.state()).len() == 1);
    assert_eq!(groups_of(window.state()), BTreeMap::from([(2, 1)]));
    press(&mut window, Role::CheckBox, "Near copies");

    press(&mut window, Role::Button, "Leaks");
    window.get_by_label("What leaks through the split?");
    press(&mut window, Role::Button, "Look for leaks");
    until(&mut window, "leaks", |window| idle(window) && window.query_by_label("What did it flatter?").is_some());
    window.get_by_label_contains("on both sides, then what looks alike");
    press(&mut window, Role::Button, "Train with groups kept together");
    until(&mut window, "a run", |window| idle(window) && window.state().session().verdict.is_some());
    let run = window.state().session().verdict.as_ref().unwrap().run.clone().unwrap();
    assert!(fs::read_to_string(run.join("config.toml")).unwrap().contains("kind = \"grouped\""));
    assert_eq!(files(&photos), 53);
}

/// Presses a photo of the grid.
fn grid_photo(window: &mut Window, file: &str) {
    press(window, Role::GridCell, file);
}

#[test]
fn sites_and_another_folder_in_the_window() {
    let folder = tempfile::tempdir().unwrap();
    let sites = folder.path().join("sites");
    for (name, seed) in [("deck", 1), ("wall", 2)] {
        site(&sites.join(name), 20, seed);
    }
    let elsewhere = folder.path().join("elsewhere");
    site(&elsewhere, 12, 9);
    let mut window = open_window(&folder.path().join("home"), Some(sites));
    until(&mut window, "photos open", |window| window.state().session().len() == 40);
    press(&mut window, Role::Tab, "Train");
    press(&mut window, Role::Button, "Sites");
    press(&mut window, Role::Button, "Leave each site out");
    until(&mut window, "sites", |window| idle(window) && window.query_by_label("2 sites · 40 photos").is_some());
    for label in ["deck", "wall", "Mean"] {
        window.get_by_label(label);
    }
    assert!(
        window.query_by_label_contains("at sites not seen").is_some()
            || window.query_by_label("Review: no errors").is_some()
    );

    press(&mut window, Role::Button, "Curves");
    window.get_by(|node| node.label().is_some_and(|l| l.ends_with("Start training"))).click();
    until(&mut window, "a run", |window| idle(window) && window.state().session().verdict.is_some());
    press(&mut window, Role::Tab, "Review");
    press(&mut window, Role::Button, "Test on another folder…");
    type_into(&mut window, "Folder of labelled photos", elsewhere.to_str().unwrap());
    press(&mut window, Role::Button, "Test");
    until(&mut window, "the other folder", |window| idle(window) && window.state().session().len() == 12);
    window.get_by_label("On another folder");
    window.get_by_label("here");
    let verdict = window.state().session().verdict.clone().unwrap();
    assert!(verdict.classified && verdict.predictions.iter().all(|p| p.truth.is_some()));
}
