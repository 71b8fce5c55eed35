//! The whole job in the window, driven by the names of its controls: open, train, review, export, classify.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crackscope::app::{App, WindowOptions};
use crackscope::dataset::sample::{SampleConfig, write_samples};
use crackscope::job::Unwatched;
use crackscope::places::Places;
use crackscope::train::config::DeviceChoice;
use crackscope::train::run_dir;
use egui::accesskit::Role;
use egui::{Key, Modifiers, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};

/// The longest that anything may take.
const PATIENCE: Duration = Duration::from_secs(300);

pub(super) type Window = Harness<'static, App>;

pub(super) fn open_window(home: &Path, folder: Option<PathBuf>) -> Window {
    let device = Some(DeviceChoice::Cpu);
    let options = WindowOptions { folder, run: None, places: Places::below(home), device, precision: None };
    Harness::builder()
        .with_size(vec2(1280.0, 800.0))
        .with_max_steps(64)
        .build_eframe(|creation| App::new(&creation.egui_ctx, options).unwrap())
}

/// Paints frames until `there`.
#[track_caller]
pub(super) fn until(window: &mut Window, what: &str, there: impl Fn(&Window) -> bool) {
    let begun = Instant::now();
    loop {
        window.step();
        if there(window) {
            window.step();
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "never: {what}; told: {:?}", told(window));
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub(super) fn told(window: &Window) -> Vec<String> {
    window.state().messages().all().iter().map(|m| format!("{} {:?}", m.title, m.details)).collect()
}

#[track_caller]
pub(super) fn press(window: &mut Window, role: Role, label: &str) {
    window.get_by_role_and_label(role, label).click();
    window.run_steps(3);
}

/// Types `text` into the field named `label`, in place of what is there.
#[track_caller]
pub(super) fn type_into(window: &mut Window, label: &str, text: &str) {
    window.get_by_role_and_label(Role::TextInput, label).click();
    window.run_steps(2);
    window.key_press_modifiers(Modifiers::COMMAND, Key::A);
    window.run_steps(2);
    window.get_by_role_and_label(Role::TextInput, label).type_text(text);
    window.run_steps(3);
}

/// The photos counted in the button of a cell of the matrix, and its full label.
fn cell(window: &Window, start: &str) -> (usize, String) {
    let label = window
        .get_by(move |node| node.role() == Role::Button && node.label().is_some_and(|l| l.starts_with(start)))
        .accesskit_node()
        .label()
        .unwrap();
    let count = label.trim_start_matches(start).split(' ').find_map(|word| word.parse().ok()).unwrap();
    (count, label)
}

/// A file or folder dropped onto the window.
#[derive(Debug)]
struct Dropped(PathBuf);

impl egui::DroppedFile for Dropped {
    fn path(&self) -> &Path {
        &self.0
    }

    fn bytes(&self) -> Result<Vec<u8>, String> {
        std::fs::read(&self.0).map_err(|cause| cause.to_string())
    }
}

fn drop_onto(window: &mut Window, paths: &[PathBuf]) {
    for path in paths {
        window.input_mut().dropped_files.push(Arc::new(Dropped(path.clone())));
    }
    window.run_steps(2);
}

fn files(folder: &Path) -> usize {
    std::fs::read_dir(folder).map_or(0, |entries| entries.flatten().count())
}

#[test]
fn the_whole_job_in_the_window() {
    let folder = tempfile::tempdir().unwrap();
    let photos = folder.path().join("photos");
    write_samples(&photos, &SampleConfig { photos: 60, side: 64, seed: 3 }, &Unwatched).unwrap();
    let before = files(&photos);
    let home = folder.path().join("home");
    let mut window = open_window(&home, None);

    open_by_path(&mut window, &photos);
    assert_eq!(window.state().session().len(), 60);
    window.get_by_label_contains("60 photos");

    train(&mut window);
    let runs = run_dir::list(&home.join("runs"));
    assert_eq!(runs.len(), 1);
    assert_eq!((runs[0].epochs.len(), runs[0].finished), (3, true));

    let wrong = review(&mut window);
    let to = folder.path().join("to hand over");
    export(&mut window, &to, wrong);
    replace(&mut window, &to);

    classify(&mut window, folder.path(), &photos);
    drop_runs(&mut window, &runs[0].path, &folder.path().join("survey"));
    drop(window);
    assert!(home.join("config/window.toml").is_file(), "settings are kept");
    assert_eq!(files(&photos), before, "nothing is written into the folder of photos");
}

fn open_by_path(window: &mut Window, photos: &Path) {
    window.key_press_modifiers(Modifiers::COMMAND, Key::L);
    window.run_steps(3);
    type_into(window, "Path of the folder or .zip", photos.to_str().unwrap());
    press(window, Role::Button, "Open");
    until(window, "photos open", |window| !window.state().session().is_empty());
}

fn train(window: &mut Window) {
    window.key_press_modifiers(Modifiers::COMMAND, Key::Num3);
    window.run_steps(3);
    press(window, Role::ComboBox, "Weights");
    press(window, Role::Button, "random values");
    type_number(window, "Epochs", "3");
    window.get_by(|node| node.label().is_some_and(|l| l.ends_with("Start training"))).click();
    until(window, "training begins", |window| window.state().is_busy());
    hold(window);
    until(window, "training ends", |window| !window.state().is_busy());
    assert!(window.state().session().verdict.is_some(), "{:?}", told(window));
    window.get_by_label_contains("★ epoch");
}

/// While a run is under way it can be held, and what is dropped is refused without leaving the tab.
fn hold(window: &mut Window) {
    let button = |window: &Window, word: &str| {
        let word = word.to_owned();
        let mut found = window.query_all_by(move |node| {
            node.role() == Role::Button && node.label().is_some_and(|l| l.ends_with(&word)) && !node.is_disabled()
        });
        found.next().is_some()
    };
    until(window, "the run can be held", |window| button(window, "Pause"));
    window.get_by_label_contains("Pause").click();
    until(window, "it is held", |window| window.query_by_label("Paused").is_some());
    drop_onto(window, &[PathBuf::from("/nowhere")]);
    assert!(told(window).iter().any(|m| m.contains("Still training")), "{:?}", told(window));
    for _ in 0..20 {
        window.step();
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(window.state().is_busy() && window.query_by_label("Paused").is_some());
    window.get_by_label_contains("Go on").click();
}

#[track_caller]
fn type_number(window: &mut Window, label: &str, text: &str) {
    window.get_by_role_and_label(Role::SpinButton, label).click();
    window.run_steps(3);
    window.key_press_modifiers(Modifiers::COMMAND, Key::A);
    window.run_steps(2);
    window.event(egui::Event::Text(text.to_owned()));
    window.key_press(Key::Enter);
    window.run_steps(3);
}

/// Goes through the cells of the matrix; returns how many photos are wrong.
fn review(window: &mut Window) -> usize {
    press(window, Role::Tab, "Review");
    press(window, Role::Button, "All photos");
    let mut wrong = 0;
    for (truth, called) in [("intact", "cracked"), ("cracked", "intact")] {
        let start = format!("{truth} called {called}: ");
        let (count, label) = cell(window, &start);
        wrong += count;
        press(window, Role::Button, &label);
        let shown = if count == 1 { "1 photo".to_owned() } else { format!("{count} photos") };
        assert!(window.query_all_by_label(&shown).next().is_some(), "{shown} of {label}");
    }
    let agreeing: usize =
        ["intact called intact: ", "cracked called cracked: "].iter().map(|c| cell(window, c).0).sum();
    assert_eq!(wrong + agreeing, 60);
    wrong
}

fn export(window: &mut Window, to: &Path, wrong: usize) {
    window.key_press_modifiers(Modifiers::COMMAND, Key::E);
    window.run_steps(3);
    type_into(window, "Folder to export to; made if it is not there", to.to_str().unwrap());
    press(window, Role::CheckBox, "For PyTorch");
    press(window, Role::CheckBox, "For ONNX Runtime and others");
    press(window, Role::Button, "Export");
    until(window, "export begins or ends", |window| told(window).iter().any(|m| m.contains("exported to")));
    let table = std::fs::read_to_string(to.join("misclassified.csv")).unwrap();
    assert_eq!(table.lines().count(), wrong + 1);
    assert_eq!(std::fs::read_to_string(to.join("predictions.csv")).unwrap().lines().count(), 61);
    assert_eq!(files(&to.join("false_positive")) + files(&to.join("false_negative")), wrong);
    for file in ["report.html", "model.safetensors", "model.onnx"] {
        assert!(to.join(file).is_file(), "{file}");
    }
}

/// A second export into the same folder asks before it replaces anything.
fn replace(window: &mut Window, to: &Path) {
    let before = std::fs::metadata(to.join("report.html")).unwrap().modified().unwrap();
    std::fs::write(to.join("misclassified.csv"), "mine").unwrap();
    window.key_press_modifiers(Modifiers::COMMAND, Key::E);
    window.run_steps(3);
    type_into(window, "Folder to export to; made if it is not there", to.to_str().unwrap());
    press(window, Role::Button, "Export");
    until(window, "the question", |window| window.query_by_label("Replace them").is_some());
    assert_eq!(std::fs::read_to_string(to.join("misclassified.csv")).unwrap(), "mine");
    assert_eq!(std::fs::metadata(to.join("report.html")).unwrap().modified().unwrap(), before);
    press(window, Role::Button, "Replace them");
    until(window, "the second export", |window| told(window).iter().filter(|m| m.contains("exported to")).count() == 2);
    assert_ne!(std::fs::read_to_string(to.join("misclassified.csv")).unwrap(), "mine");
}

/// Photos that nobody has labelled, and the run that was trained above.
fn classify(window: &mut Window, folder: &Path, photos: &Path) {
    let unlabelled = folder.join("survey");
    std::fs::create_dir(&unlabelled).unwrap();
    let (mut copied, mut waiting) = (0, vec![photos.to_owned()]);
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            waiting.extend(std::fs::read_dir(&path).unwrap().flatten().map(|entry| entry.path()));
        } else if copied < 8 && path.extension().is_some_and(|ext| ext == "jpg" || ext == "png") {
            std::fs::copy(&path, unlabelled.join(format!("{copied}.{}", path.extension().unwrap().display()))).unwrap();
            copied += 1;
        }
    }
    open_by_path(window, &unlabelled);
    until(window, "eight photos", |window| window.state().session().len() == 8);
    press(window, Role::Tab, "Review");
    press(window, Role::ComboBox, "Run");
    let name = run_dir::list(window.state().runs_folder())[0].name.clone();
    press(window, Role::Button, &name);
    window.get_by(|node| node.label().is_some_and(|l| l.ends_with("Classify 8 photos"))).click();
    until(window, "eight photos classified", |window| {
        window.state().session().verdict.as_ref().is_some_and(|verdict| verdict.predictions.len() == 8)
    });
    let to = folder.join("probabilities");
    window.key_press_modifiers(Modifiers::COMMAND, Key::E);
    window.run_steps(3);
    type_into(window, "Folder to export to; made if it is not there", to.to_str().unwrap());
    press(window, Role::Button, "Export");
    until(window, "the table", |_| to.join("predictions.csv").is_file());
    assert_eq!(std::fs::read_to_string(to.join("predictions.csv")).unwrap().lines().count(), 9);
    assert_eq!(files(&to), 1);
}

/// A file of a run stands for the run; with other photos, the run is offered for them.
fn drop_runs(window: &mut Window, run: &Path, survey: &Path) {
    until(window, "the export ends", |window| !window.state().is_busy());
    drop_onto(window, &[run.join(run_dir::MODEL)]);
    until(window, "the run", |window| {
        window.state().session().verdict.as_ref().is_some_and(|verdict| verdict.predictions.len() == 60)
    });
    assert_eq!(window.state().session().len(), 60, "its own photos and not its plots");
    drop_onto(window, &[run.to_owned(), survey.to_owned()]);
    until(window, "the photos", |window| window.state().session().len() == 8);
    window.get_by(|node| node.label().is_some_and(|l| l.ends_with("Classify 8 photos")));
}

#[test]
fn unlabelled_photos_are_classified_at_the_first_start() {
    let folder = tempfile::tempdir().unwrap();
    let (photos, survey) = (folder.path().join("photos"), folder.path().join("survey"));
    write_samples(&photos, &SampleConfig { photos: 12, side: 64, seed: 1 }, &Unwatched).unwrap();
    std::fs::rename(photos.join("Negative"), &survey).unwrap();
    let count = files(&survey);
    let mut window = open_window(&folder.path().join("home"), Some(survey));
    until(&mut window, "the photos", |window| window.state().session().len() == count);
    let offer = format!("Classify {count} photos with the bundled model");
    for tab in ["Train", "Review"] {
        press(&mut window, Role::Tab, tab);
        window.get_by_role_and_label(Role::Button, &offer);
    }
    press(&mut window, Role::Tab, "Browse");
    press(&mut window, Role::Button, "Classify all photos");
    until(&mut window, "all classified", |window| {
        window.state().session().verdict.as_ref().is_some_and(|verdict| verdict.predictions.len() == count)
    });
    assert_eq!(
        window.state().session().verdict.as_ref().map(|verdict| verdict.name.as_str()),
        Some("the bundled model")
    );
    window.get_by(|node| node.role() == Role::ComboBox && node.value().as_deref() == Some("Bundled model"));
}

#[test]
fn a_learning_rate_is_found_and_taken() {
    let folder = tempfile::tempdir().unwrap();
    let photos = folder.path().join("photos");
    write_samples(&photos, &SampleConfig { photos: 60, side: 64, seed: 3 }, &Unwatched).unwrap();
    let home = folder.path().join("home");
    let mut window = open_window(&home, None);
    press(&mut window, Role::Tab, "Train");
    window.get_by_label("Learning rate").click();
    window.run_steps(3);
    assert!(window.get_by_role_and_label(Role::Button, "Find learning rate").accesskit_node().is_disabled());
    assert_eq!(window.query_all_by_label("Open a folder of photos first").count(), 2, "in the form and here");
    open_by_path(&mut window, &photos);
    press(&mut window, Role::Tab, "Train");
    press(&mut window, Role::Button, "Find learning rate");
    until(&mut window, "a suggestion", |window| window.query_by_label_contains("Suggested learning rate").is_some());
    let use_it =
        |node: &egui_kittest::Node<'_>| node.accesskit_node().label().filter(|label| label.starts_with("Use 0"));
    let label = window.get_all_by_role(Role::Button).find_map(|node| use_it(&node)).unwrap();
    press(&mut window, Role::Button, &label);
    let rate = label.trim_start_matches("Use ").to_owned();
    let field = window.get_by_role_and_label(Role::SpinButton, "Rate");
    assert_eq!(field.accesskit_node().numeric_value(), rate.parse().ok());
    window.get_by_label(&format!("{rate} is in use"));
    assert!(run_dir::list(&home.join("runs")).is_empty(), "a search is no run");
}

#[test]
fn photos_are_cross_validated_and_the_errors_reviewed() {
    let folder = tempfile::tempdir().unwrap();
    let photos = folder.path().join("photos");
    write_samples(&photos, &SampleConfig { photos: 60, side: 64, seed: 3 }, &Unwatched).unwrap();
    let mut window = open_window(&folder.path().join("home"), Some(photos));
    until(&mut window, "photos open", |window| window.state().session().len() == 60);
    press(&mut window, Role::Tab, "Train");
    press(&mut window, Role::ComboBox, "Weights");
    press(&mut window, Role::Button, "random values");
    window.get_by_label("Cross-validation").click();
    window.run_steps(3);
    type_number(&mut window, "Folds", "3");
    press(&mut window, Role::Button, "Cross-validate");
    until(&mut window, "the figures", |window| window.query_by_label("fold 3").is_some());
    assert!(window.query_by_label("fold 4").is_none());
    window.get_by_label("Balanced accuracy");
    window.get_by_label_contains("3 folds of photos");
    window.get_by_label_contains("out of fold").click();
    window.run_steps(3);
    let verdict = window.state().session().verdict.clone().unwrap();
    assert_eq!((verdict.name.as_str(), &verdict.run), ("cross-validation, 3 folds", &None));
    let wrong = verdict.predictions.iter().filter(|prediction| prediction.is_wrong(verdict.threshold)).count();
    assert!(wrong > 0, "random features tell little");
    let counted: usize =
        ["intact called cracked: ", "cracked called intact: "].iter().map(|start| cell(&window, start).0).sum();
    assert_eq!(counted, wrong);
    window.get_by(|node| node.role() == Role::ComboBox && node.value().as_deref() == Some("cross-validation, 3 folds"));
    press(&mut window, Role::Tab, "Train");
    press(&mut window, Role::ComboBox, "Train");
    press(&mut window, Role::Button, "last block");
    let again = window.get_by_role_and_label(Role::Button, "Cross-validate");
    assert!(again.accesskit_node().is_disabled(), "deeper layers are not cross-validated");
}

#[test]
fn dropped_photos_open_their_folder_in_place_of_what_was_typed() {
    let folder = tempfile::tempdir().unwrap();
    let photos = folder.path().join("photos");
    write_samples(&photos, &SampleConfig { photos: 12, side: 64, seed: 1 }, &Unwatched).unwrap();
    let mut window = open_window(&folder.path().join("home"), Some(folder.path().join("nowhere")));
    until(&mut window, "an error", |window| !window.state().messages().all().is_empty());
    window.key_press_modifiers(Modifiers::COMMAND, Key::L);
    window.run_steps(3);
    window.get_by_role_and_label(Role::TextInput, "Path of the folder or .zip");
    drop_onto(&mut window, &["00001.jpg", "00002.jpg"].map(|name| photos.join("Negative").join(name)));
    assert!(window.query_by_role_and_label(Role::TextInput, "Path of the folder or .zip").is_none());
    until(&mut window, "photos open", |window| !window.state().session().is_empty());
    let standing = window.state().messages().standing().map(|message| message.title.clone());
    let all = window.state().session().len();
    assert_eq!(standing, Some(format!("Photos are opened by the folder: all {all} photos of Negative are open")));
    open_by_path(&mut window, &photos);
    until(&mut window, "all photos", |window| window.state().session().len() == 12);
    assert!(window.state().messages().standing().is_none(), "nothing is left of what failed before");
}

#[test]
fn a_question_that_cannot_be_seen_holds_no_key() {
    let folder = tempfile::tempdir().unwrap();
    let photos = folder.path().join("photos");
    write_samples(&photos, &SampleConfig { photos: 12, side: 64, seed: 1 }, &Unwatched).unwrap();
    let mut window = open_window(&folder.path().join("home"), None);
    window.key_press_modifiers(Modifiers::COMMAND, Key::Num6);
    until(&mut window, "a histogram", |window| shows(window, "Histogram of conv1.weight"));
    window.get_by_label_contains("Save drawing…").click();
    window.run_steps(3);
    assert!(shows(&window, "Save the drawing"));
    window.key_press_modifiers(Modifiers::COMMAND, Key::Num3);
    window.run_steps(3);
    assert!(shows(&window, "Save the drawing"), "while it is open it has the keyboard");
    drop_onto(&mut window, &[photos]);
    until(&mut window, "photos open", |window| !window.state().session().is_empty());
    window.key_press_modifiers(Modifiers::COMMAND, Key::Num3);
    window.run_steps(3);
    assert!(shows(&window, "Augmented photos"), "the keys are free again");
    window.key_press_modifiers(Modifiers::COMMAND, Key::Num6);
    window.run_steps(3);
    assert!(!shows(&window, "Save the drawing"));
}

#[test]
fn a_tooltip_closes_when_a_dialog_opens() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = open_window(folder.path(), None);
    window.run_steps(3);
    let place = window.get_by_role_and_label(Role::Button, "Shortcuts (F1)").rect().center();
    window.hover_at(place);
    let tooltip = |window: &Window| window.query_all_by_label("Shortcuts (F1)").count() > 1;
    window.run_steps(8);
    assert!(tooltip(&window), "the tooltip is there");
    window.key_press_modifiers(Modifiers::COMMAND, Key::L);
    window.run_steps(3);
    assert!(!tooltip(&window), "the tooltip has gone");
}

#[test]
fn an_idle_window_asks_for_no_frame() {
    let folder = tempfile::tempdir().unwrap();
    let photos = folder.path().join("photos");
    write_samples(&photos, &SampleConfig { photos: 12, side: 64, seed: 1 }, &Unwatched).unwrap();
    let mut window = open_window(&folder.path().join("home"), Some(photos));
    until(&mut window, "photos open", |window| window.state().session().len() == 12);
    for tab in ["Browse", "Curate", "Train", "Review", "Inspect", "Model"] {
        press(&mut window, Role::Tab, tab);
        until(&mut window, "rest", |window| {
            let delay = window.output().viewport_output.values().map(|out| out.repaint_delay).min();
            delay.is_some_and(|delay| delay > Duration::from_secs(3600))
        });
    }
}

/// Whether something has this label, once it has been painted.
fn shows(window: &Window, label: &str) -> bool {
    window.query_all_by_label(label).next().is_some()
}

#[test]
fn the_model_is_looked_into() {
    let folder = tempfile::tempdir().unwrap();
    let (photos, home) = (folder.path().join("photos"), folder.path().join("home"));
    write_samples(&photos, &SampleConfig { photos: 12, side: 64, seed: 1 }, &Unwatched).unwrap();
    let mut window = open_window(&home, None);
    window.key_press_modifiers(Modifiers::COMMAND, Key::Num6);
    until(&mut window, "a histogram", |window| shows(window, "Histogram of conv1.weight"));
    window.get_by(|node| node.role() == Role::ComboBox && node.value().as_deref() == Some("Bundled model"));

    press(&mut window, Role::Button, "layer1.0.conv2");
    assert!(shows(&window, "Histogram of layer1.0.conv2.weight"));
    press(&mut window, Role::Button, "Filters");
    assert!(shows(&window, "Filter 1"));
    press(&mut window, Role::Button, "Feature maps");
    assert!(shows(&window, "No photo to look at"));

    open_by_path(&mut window, &photos);
    press(&mut window, Role::Tab, "Model");
    until(&mut window, "feature maps", |window| shows(window, "Map 1"));
    let name = "layer1.0, layer1.1: 2 residual blocks, 64 × 56 × 56, frozen";
    press(&mut window, Role::Button, name);
    press(&mut window, Role::Button, "all layers");
    window.get_by_role_and_label(Role::Button, &name.replace("frozen", "trained"));
    let photo = |window: &Window| {
        let found = window
            .query_all_by(|node| node.role() == Role::Image && node.label().is_some_and(|l| l.starts_with("Photo ")));
        found.filter_map(|node| node.accesskit_node().label()).next().unwrap()
    };
    let first = photo(&window);
    press(&mut window, Role::Button, "Next photo");
    assert_ne!(photo(&window), first);

    let drawing = folder.path().join("network.png");
    window.get_by_label_contains("Save drawing…").click();
    window.run_steps(3);
    type_into(&mut window, "File to save to: .svg for lines, .png for pixels", drawing.to_str().unwrap());
    press(&mut window, Role::Button, "Save");
    until(&mut window, "the drawing", |window| told(window).iter().any(|m| m.contains("Drawing saved")));
    assert!(std::fs::read(&drawing).unwrap().starts_with(b"\x89PNG"));

    press(&mut window, Role::ComboBox, "Model");
    press(&mut window, Role::Button, "MobileNetV2");
    assert!(shows(&window, "features.18: block, 1,280 × 7 × 7, trained"));
    assert!(shows(&window, "A network by itself has no weights"));
}

#[test]
fn what_cannot_be_opened_is_told_and_the_window_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = open_window(folder.path(), Some(folder.path().join("nowhere")));
    until(&mut window, "an error", |window| !window.state().messages().all().is_empty());
    assert!(told(&window)[0].contains("nowhere"), "{:?}", told(&window));
    press(&mut window, Role::Tab, "Train");
    window.key_press_modifiers(Modifiers::COMMAND, Key::Enter);
    until(&mut window, "advice", |window| told(window).iter().any(|m| m.contains("open a folder first")));
    window.key_press(Key::F1);
    window.run_steps(3);
    window.get_by_label("Everywhere");
}

#[cfg(all(unix, not(target_vendor = "apple")))]
#[test]
fn without_a_display_the_way_without_a_window_is_named() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_crackscope"))
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .env_remove("WAYLAND_SOCKET")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("There is no display to open a window on"), "{text}");
    assert!(text.contains("crackscope demo"), "{text}");
}

#[test]
fn an_archive_dropped_onto_the_window_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let zip = folder.path().join("bridge 7.zip");
    let mut writer = zip::ZipWriter::new(std::fs::File::create(&zip).unwrap());
    for (n, class) in ["Positive", "Negative", "Negative"].iter().enumerate() {
        let photo = folder.path().join("photo.png");
        image::RgbImage::new(40 + n as u32, 30).save(&photo).unwrap();
        writer.start_file(format!("site/{class}/{n}.png"), zip::write::SimpleFileOptions::default()).unwrap();
        std::io::Write::write_all(&mut writer, &std::fs::read(&photo).unwrap()).unwrap();
    }
    writer.finish().unwrap();
    let mut window = open_window(&folder.path().join("home"), None);
    drop_onto(&mut window, std::slice::from_ref(&zip));
    until(&mut window, "photos open", |window| window.state().session().len() == 3);
    assert!(window.query_all_by_label_contains("bridge 7.zip").count() > 0);
    let dataset = window.state().session().dataset.clone().unwrap();
    assert_eq!((dataset.roots.clone(), dataset.samples[0].file.as_str()), (vec![zip.clone()], "site/Negative/1.png"));
    assert_eq!(dataset.shown_path(&dataset.samples[0]), zip.join("site/Negative/1.png"));

    let rar = folder.path().join("bridge 8.rar");
    std::fs::write(&rar, "Rar!").unwrap();
    drop_onto(&mut window, &[rar]);
    until(&mut window, "it is refused", |window| told(window).iter().any(|title| title.contains("a RAR archive")));
    assert_eq!(window.state().session().len(), 3, "what was open stays open");
}
