//! The threshold of a run: chosen in training, changed afterwards, and what everything else then says.

use std::fs;
use std::path::{Path, PathBuf};

use crackscope::nn::state_dict;
use crackscope::review::threshold::{Band, Threshold};
use crackscope::train::run_dir::{self, Run};
use egui::accesskit::Role;
use egui_kittest::kittest::{NodeT as _, Queryable as _};

use super::command_line::{crackscope, json, stderr, stdout, text_of};
use super::shared::samples;
use super::window::{Window, open_window, press, told, until};

/// Sample photos, one in four of them under the wrong class: so there are errors.
fn photos(home: &Path) -> PathBuf {
    let folder = home.join("photos");
    if folder.exists() {
        return folder;
    }
    for (own, other) in [("Negative", "Positive"), ("Positive", "Negative")] {
        let mut files: Vec<PathBuf> =
            fs::read_dir(samples().join(own)).unwrap().flatten().map(|entry| entry.path()).collect();
        files.sort();
        for (index, file) in files.iter().enumerate() {
            let class = folder.join(if index % 4 == 3 { other } else { own });
            fs::create_dir_all(&class).unwrap();
            fs::copy(file, class.join(format!("{own} {}", file.file_name().unwrap().display()))).unwrap();
        }
    }
    folder
}

/// A run of these photos.
fn trained(home: &Path, name: &str, more: &[&str]) -> PathBuf {
    let run = home.join("data").join("runs").join(name);
    fs::create_dir_all(run.parent().unwrap()).unwrap();
    let photos = photos(home);
    let fixed = ["train", text_of(&photos), "--out", text_of(&run), "--epochs", "5"];
    let arguments = [&fixed[..], &["--val-fraction", "0.5", "--device", "cpu", "--quiet"], more].concat();
    stdout(&crackscope(home, &arguments));
    run
}

fn rows(run: &Path) -> Vec<Vec<String>> {
    let mut reader = csv::Reader::from_path(run.join(run_dir::PREDICTIONS)).unwrap();
    reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
}

#[test]
fn a_threshold_is_stored_and_everything_goes_by_it() {
    let home = tempfile::tempdir().unwrap();
    let run = trained(home.path(), "first", &[]);
    let before = Run::open(&run).unwrap();
    assert_eq!((before.threshold, before.temperature), (Threshold::sure(0.5), 1.0));

    let told = json(home.path(), &["threshold", text_of(&run)]);
    assert_eq!((told["threshold"].as_f64(), told["stored"].as_bool()), (Some(0.5), Some(true)));
    let tried = json(home.path(), &["threshold", text_of(&run), "--recall", "1", "--dry-run"]);
    assert_eq!(Run::open(&run).unwrap(), before, "nothing changes in a dry run");

    let text = stdout(&crackscope(home.path(), &["threshold", text_of(&run), "--recall", "1", "--abstain", "0.25"]));
    assert!(text.contains("to find at least 100 % of the cracks") && text.contains("Stored in"), "{text}");
    let after = Run::open(&run).unwrap();
    assert_eq!(f64::from(after.threshold.at), {
        let at = tried["threshold"].as_f64().unwrap();
        f64::from(at as f32)
    });
    let band = after.threshold.unsure.unwrap();
    assert!(band.holds(after.threshold.at));
    assert_eq!(after.record.train.threshold.to_string(), "recall=1");
    let missed = |p: &&crackscope::review::predictions::Prediction| {
        p.part.is_some_and(|part| part.name() == "validation") && p.is_wrong(after.threshold) && p.p_positive < 0.5
    };
    assert!(
        after.predictions.iter().filter(missed).all(|p| p.truth.unwrap().name() == "Negative"),
        "no crack is missed"
    );

    // Table, card, notes of the model and the other commands.
    let unsure = rows(&run).iter().filter(|row| row[4] == "Unsure").count();
    assert!(unsure > 0);
    assert_eq!(unsure, after.predictions.iter().filter(|p| band.holds(p.p_positive)).count());
    let wrong = fs::read_to_string(run.join(run_dir::MISCLASSIFIED)).unwrap();
    assert!(!wrong.contains("Unsure"));
    let card = fs::read_to_string(run.join(run_dir::CARD)).unwrap();
    assert!(card.contains("go to a person") && card.contains("to find at least 100 % of the cracks"), "{card}");
    let notes = state_dict::read_metadata(&run.join(run_dir::MODEL)).unwrap();
    assert_eq!(notes["threshold"], after.threshold.at.to_string());
    assert_eq!(notes["epoch"], before.best_epoch.unwrap().to_string());
    let photos = photos(home.path());
    let classified = json(home.path(), &["classify", text_of(&run), text_of(&photos)]);
    assert_eq!(classified["unsure"].as_u64().unwrap() as usize, unsure);
    let evaluated = json(home.path(), &["evaluate", text_of(&run), text_of(&photos), "--prevalence", "0.01"]);
    assert_eq!(evaluated["unsure"].as_u64().unwrap() as usize, unsure);
    assert_eq!(evaluated["unsure_band"]["from"].as_f64().unwrap() as f32, band.from);
    for key in ["accuracy", "f1", "auroc", "average_precision", "mcc"] {
        let ends = &evaluated["intervals"][key];
        let value = evaluated[key].as_f64().unwrap();
        assert!(ends["low"].as_f64().unwrap() <= value && value <= ends["high"].as_f64().unwrap(), "{key}: {ends}");
    }
    assert_eq!(evaluated["floors"]["all_cracked"]["recall"], 1.0);
    assert!(evaluated["at_prevalence"]["precision"].as_f64().unwrap() < evaluated["precision"].as_f64().unwrap());
    assert!(evaluated["calibration"]["scaling"]["temperature"].as_f64().unwrap() > 0.0);
    let out = home.path().join("out");
    json(home.path(), &["export", text_of(&run), "--to", text_of(&out), "--scope", "all"]);
    assert_eq!(fs::read_dir(out.join("unsure")).unwrap().count(), unsure);
    assert!(fs::read_to_string(out.join("predictions.csv")).unwrap().contains(",Unsure,"));

    // And back.
    json(home.path(), &["threshold", text_of(&run), "--at", "0.5", "--abstain", "0"]);
    let back = Run::open(&run).unwrap();
    assert_eq!((back.threshold, &back.predictions), (before.threshold, &before.predictions));
    assert_eq!(back.record, before.record);
}

#[test]
fn a_calibrated_run_says_other_probabilities_of_the_same_order() {
    let home = tempfile::tempdir().unwrap();
    let run = trained(home.path(), "first", &[]);
    let before = Run::open(&run).unwrap();
    let said = json(home.path(), &["threshold", text_of(&run), "--calibrate"]);
    let scaling = &said["scaling"];
    assert!(scaling["loss_after"].as_f64() <= scaling["loss_before"].as_f64());
    let temperature = scaling["temperature"].as_f64().unwrap();
    let after = Run::open(&run).unwrap();
    assert!((after.temperature - temperature).abs() < 1e-9 && after.record.train.calibrate);
    assert!(before.predictions.iter().zip(&after.predictions).any(|(a, b)| a.p_positive != b.p_positive));
    // The model says of the photos what the table says.
    let classified = json(home.path(), &["classify", text_of(&run), text_of(&photos(home.path()))]);
    for (row, said) in after.predictions.iter().zip(classified["predictions"].as_array().unwrap()) {
        assert_eq!(said["file"], row.file);
        assert!((said["p_positive"].as_f64().unwrap() - f64::from(row.p_positive)).abs() < 1e-4);
    }
    let again = json(home.path(), &["threshold", text_of(&run), "--calibrate"]);
    assert!((again["scaling"]["temperature"].as_f64().unwrap() - 1.0).abs() < 1e-3, "it suits already");

    // Training does it at once, to the same end.
    let other = trained(home.path(), "second", &["--calibrate", "--threshold", "cost=5", "--abstain", "0.1"]);
    let at_once = Run::open(&other).unwrap();
    assert!((at_once.temperature / temperature - 1.0).abs() < 1e-3, "{} {temperature}", at_once.temperature);
    assert!(at_once.threshold.unsure.is_some() && at_once.record.train.threshold.to_string() == "cost=5");
}

#[test]
fn wrong_thresholds_are_refused() {
    let home = tempfile::tempdir().unwrap();
    let run = trained(home.path(), "first", &["--split", "random"]);
    for (arguments, part) in [
        (vec!["--at", "1.5"], "between 0 and 1"),
        (vec!["--cost", "0"], "above 0"),
        (vec!["--recall", "99"], "at most 1"),
        (vec!["--abstain", "1"], "below 1"),
        (vec!["--at", "0.4", "--f1"], "cannot be used with"),
    ] {
        let output = crackscope(home.path(), &[&["threshold", text_of(&run)], &arguments[..]].concat());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(stderr(&output).contains(part), "{arguments:?}: {}", stderr(&output));
    }
    let bundled = crackscope(home.path(), &["threshold", "bundled", "--at", "0.4"]);
    assert!(!bundled.status.success());
}

#[test]
fn two_runs_are_compared_photo_by_photo() {
    let home = tempfile::tempdir().unwrap();
    let first = trained(home.path(), "first", &[]);
    let second = home.path().join("data/runs/second");
    fs::create_dir(&second).unwrap();
    for entry in fs::read_dir(&first).unwrap().flatten() {
        fs::copy(entry.path(), second.join(entry.file_name())).unwrap();
    }
    // All are called cracked now: every miss is mended, every intact photo that was right is broken.
    json(home.path(), &["threshold", text_of(&second), "--at", "0"]);
    let before = Run::open(&first).unwrap();
    let validation = || before.predictions.iter().filter(|p| p.part.is_some_and(|part| part.name() == "validation"));
    let expected = |name: &str| {
        validation().filter(|p| p.outcome(before.threshold).is_some_and(|outcome| outcome.name() == name)).count()
            as u64
    };
    let found = json(home.path(), &["runs", "compare", text_of(&first), text_of(&second)]);
    let pair = &found["pair"];
    assert_eq!(pair["photos"].as_u64().unwrap() as usize, validation().count());
    assert_eq!(pair["mended"].as_u64().unwrap(), expected("false_negative"));
    assert_eq!(pair["broken"].as_u64().unwrap(), expected("true_negative"));
    assert_eq!(pair["broken_files"].as_array().unwrap().len() as u64, expected("true_negative"));
    assert!(pair["p_value"].as_f64().unwrap() <= 1.0);
    let all = json(home.path(), &["runs", "compare", text_of(&first), text_of(&second), "--all-photos"]);
    assert_eq!(all["pair"]["photos"].as_u64().unwrap() as usize, before.predictions.len());
    let text = stdout(&crackscope(home.path(), &["runs", "compare", text_of(&first), text_of(&second), "--list"]));
    assert!(text.contains("second mended") && text.contains("McNemar's p"), "{text}");
}

fn open_run(home: &Path, run: &str) -> Window {
    let mut window = open_window(&home.join("data"), Some(photos(home)));
    until(&mut window, "photos open", |window| !window.state().session().is_empty());
    press(&mut window, Role::Tab, "Review");
    press(&mut window, Role::ComboBox, "Run");
    press(&mut window, Role::Button, run);
    until(&mut window, "the run is open", |window| window.state().session().verdict.is_some());
    window.run_steps(3);
    window
}

#[test]
fn in_the_window_a_threshold_is_tried_taken_back_and_stored() {
    let home = tempfile::tempdir().unwrap();
    let run = trained(home.path(), "first", &[]);
    let mut window = open_run(home.path(), "first");
    press(&mut window, Role::Button, "Threshold");
    let tried = |window: &Window| window.state().session().tried;
    press(&mut window, Role::Button, "Least cost");
    assert!(tried(&window).is_some());
    window.get_by_label_contains("a missed crack counted as 5 false alarms");
    let chosen = tried(&window);
    press(&mut window, Role::Button, "Photos");
    press(&mut window, Role::Button, "Threshold");
    assert_eq!(tried(&window), chosen, "looking at it elsewhere does not round it");
    press(&mut window, Role::Button, "Reach target");
    let missed = |window: &Window| {
        let start = "cracked called intact: ";
        let label = |node: &egui_kittest::Node<'_>| node.accesskit_node().label().filter(|l| l.starts_with(start));
        window.get_all_by_role(Role::Button).find_map(|node| label(&node)).unwrap()
    };
    assert!(missed(&window).ends_with(": 0 photos"), "{}", missed(&window));
    press(&mut window, Role::Button, "Highest F1");
    window.get_by_label_contains("Back to 0.5").click();
    window.run_steps(3);
    assert_eq!(tried(&window), None);
    assert!(window.get_by_role_and_label(Role::Button, "Store in the run").accesskit_node().is_disabled());

    press(&mut window, Role::Button, "Reach target");
    let wanted = tried(&window).unwrap();
    press(&mut window, Role::Button, "Store in the run");
    until(&mut window, "it is stored", |window| window.state().session().tried.is_none());
    assert_eq!(window.state().session().threshold(), wanted);
    assert_eq!(Run::open(&run).unwrap().threshold, wanted, "{:?}", told(&window));
}

#[test]
fn the_window_shows_figures_with_intervals_and_calibrates() {
    let home = tempfile::tempdir().unwrap();
    let run = trained(home.path(), "first", &[]);
    // With a band, to see its filter.
    json(home.path(), &["threshold", text_of(&run), "--at", "0.5", "--abstain", "0.25"]);
    let mut window = open_run(home.path(), "first");
    assert!(matches!(window.state().session().threshold().unsure, Some(Band { .. })));
    press(&mut window, Role::Button, "For a person");
    let unsure = Run::open(&run).unwrap();
    let held = unsure.predictions.iter().filter(|p| p.part.is_some_and(|part| part.name() == "validation"));
    let count = held.filter(|p| unsure.threshold.is_unsure(p.p_positive)).count();
    assert!(window.query_all_by_label(&format!("{count} photos")).next().is_some());
    press(&mut window, Role::Button, "Figures");
    until(&mut window, "the intervals", |window| window.query_by_label_contains("draws of the photos").is_some());
    window.get_by_label("Matthews' correlation");
    window.get_by_role_and_label(Role::SpinButton, "Cracked share of the photos there");
    window.get_by_label_contains("Logits divided by");
    press(&mut window, Role::Button, "Calibrate the run");
    until(&mut window, "calibrated", |_| Run::open(&run).is_ok_and(|run| run.temperature != 1.0));
    until(&mut window, "the message", |window| told(window).iter().any(|m| m.contains("calls photos cracked from")));
}

#[test]
fn the_window_shows_what_a_second_run_mended() {
    let home = tempfile::tempdir().unwrap();
    trained(home.path(), "first", &[]);
    let second = trained(home.path(), "second", &["--lr", "0.01"]);
    json(home.path(), &["threshold", text_of(&second), "--at", "0"]);
    let mut window = open_run(home.path(), "second");
    press(&mut window, Role::Button, "Two runs");
    window.get_by_label_contains("Choose another run of these photos");
    press(&mut window, Role::ComboBox, "Compare with");
    press(&mut window, Role::Button, "first");
    until(&mut window, "the comparison", |window| window.query_by_label_contains("McNemar's p").is_some());
    let cell = |window: &Window, start: &'static str| {
        let label = |node: &egui_kittest::Node<'_>| node.accesskit_node().label().filter(|l| l.starts_with(start));
        window.get_all_by_role(Role::Button).find_map(|node| label(&node)).unwrap()
    };
    let broken = cell(&window, "broken: ");
    assert_ne!(broken, "broken: 0 photos", "all are called cracked");
    let both = cell(&window, "both right: ");
    press(&mut window, Role::Button, &both);
    let count = both.trim_start_matches("both right: ");
    window.get_by_label(&format!("{count} both right, as the open run sees them"));
}
