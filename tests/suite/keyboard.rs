//! The whole job by keys alone, the palette, and what a screen reader is told.

use std::path::{Path, PathBuf};

use crackscope::app::command::Tab;
use crackscope::app::shortcuts::{Place, lines};
use crackscope::dataset::sample::{SampleConfig, write_samples};
use crackscope::job::Unwatched;
use crackscope::train::run_dir;
use egui::accesskit::{self, Action, Role};
use egui::{Event, Key, Modifiers, ViewportCommand, ViewportEvent, ViewportId, vec2};
use egui_kittest::kittest::{NodeT as _, Queryable as _};

use super::window::{Window, open_window, told, until};

const CTRL: Modifiers = Modifiers::COMMAND;

/// Names as they are on sites: German and Turkish letters, of which some change when they change case.
const PLACE: &str = "Brücke Größe/İstanbul ğış ıI";

fn key(window: &mut Window, modifiers: Modifiers, key: Key) {
    window.key_press_modifiers(modifiers, key);
    window.run_steps(3);
}

fn type_anew(window: &mut Window, text: &str) {
    key(window, CTRL, Key::A);
    window.event(Event::Text(text.to_owned()));
    window.run_steps(3);
}

/// The name of what has the keyboard.
fn focused(window: &Window) -> Option<String> {
    let mut found = window.query_all_by(|node| node.is_focused());
    found.next().and_then(|node| node.accesskit_node().label())
}

/// Presses Tab until what has this role, and a name that ends so, has the keyboard.
#[track_caller]
fn tab_to(window: &mut Window, role: Role, name: &str) {
    let mut passed = Vec::new();
    for _ in 0..150 {
        let now = focused(window).unwrap_or_default();
        let there = window.query_all_by(move |node| node.is_focused() && node.role() == role).next().is_some();
        if there && now.ends_with(name) {
            return;
        }
        passed.push(now);
        key(window, Modifiers::NONE, Key::Tab);
    }
    panic!("Tab does not come to {name}, but to {passed:?}");
}

/// Asks for something by letters of its name.
fn by_name(window: &mut Window, letters: &str) {
    key(window, CTRL, Key::K);
    window.event(Event::Text(letters.to_owned()));
    window.run_steps(3);
    key(window, Modifiers::NONE, Key::Enter);
}

fn shows(window: &Window, part: &str) -> bool {
    window.query_all_by_label_contains(part).next().is_some()
}

fn photos(folder: &Path, photos: usize) -> PathBuf {
    let place = folder.join(PLACE);
    std::fs::create_dir_all(&place).unwrap();
    let place = place.join("Fotos");
    write_samples(&place, &SampleConfig { photos, side: 64, seed: 3 }, &Unwatched).unwrap();
    place
}

#[test]
fn the_whole_job_without_a_pointer() {
    let folder = tempfile::tempdir().unwrap();
    let photos = photos(folder.path(), 60);
    let home = folder.path().join("Müller ğ");
    let mut window = open_window(&home, None);

    key(&mut window, CTRL, Key::L);
    type_anew(&mut window, photos.to_str().unwrap());
    key(&mut window, Modifiers::NONE, Key::Enter);
    until(&mut window, "photos open", |window| window.state().session().len() == 60);

    browse(&mut window);
    train(&mut window);
    let runs = run_dir::list(&home.join("runs"));
    assert_eq!((runs.len(), runs[0].finished), (1, true));
    review(&mut window, &home);
    inspect(&mut window);
    export(&mut window, &folder.path().join(PLACE).join("Übergabe"));
}

/// Labels two photos, and takes the second one back.
fn browse(window: &mut Window) {
    let corrected = |window: &Window| window.state().session().dataset.as_ref().unwrap().corrected();
    for now in [Key::ArrowRight, Key::ArrowRight, Key::Num0, Key::Num0] {
        key(window, Modifiers::NONE, now);
    }
    assert_eq!(corrected(window), 2);
    key(window, CTRL, Key::Z);
    assert_eq!(corrected(window), 1);
    key(window, Modifiers::NONE, Key::Enter);
    assert!(shows(window, "Back to the photos (Esc)"), "the photo is large");
    key(window, Modifiers::NONE, Key::Escape);
    assert!(!shows(window, "Back to the photos (Esc)"));
}

fn train(window: &mut Window) {
    key(window, CTRL, Key::Enter);
    assert_eq!(window.state().tab(), Tab::Train);
    until(window, "a run", |window| !window.state().is_busy() && window.state().session().verdict.is_some());
    assert!(shows(window, "★ epoch"));
}

/// Goes to the photos of the run, says of one that it is the other way round, and trains again.
fn review(window: &mut Window, home: &Path) {
    by_name(window, "review wrong");
    assert_eq!(window.state().tab(), Tab::Review);
    tab_to(window, Role::Button, "All");
    key(window, Modifiers::NONE, Key::Space);
    tab_to(window, Role::Grid, "Photos");
    key(window, Modifiers::NONE, Key::Home);
    key(window, Modifiers::NONE, Key::X);
    assert_eq!(window.state().session().dataset.as_ref().unwrap().corrected(), 2);
    key(window, CTRL, Key::R);
    until(window, "another run", |window| {
        !window.state().is_busy() && run_dir::list(&home.join("runs")).iter().filter(|run| run.finished).count() == 2
    });
}

/// Paints cells with the cursor and trains on them.
fn inspect(window: &mut Window) {
    key(window, CTRL, Key::Num5);
    until(window, "a map", |window| shows(window, "of cells cracked"));
    until(window, "the photo", |window| shows(window, ".jpg, ") && !window.state().is_busy());
    key(window, Modifiers::NONE, Key::P);
    let at = |window: &Window, words: &str| {
        assert!(focused(window).is_some_and(|name| name.contains(words)), "{words}: {:?}", focused(window));
    };
    // It begins in the middle, where the four cells meet.
    at(window, ", cell ");
    key(window, Modifiers::NONE, Key::ArrowRight);
    key(window, Modifiers::NONE, Key::ArrowDown);
    at(window, ", cell 2 of row 2, p ");
    key(window, Modifiers::NONE, Key::Num1);
    at(window, "painted as a crack");
    key(window, Modifiers::SHIFT, Key::ArrowLeft);
    at(window, ", cell 1 of row 2, p ");
    at(window, "painted as a crack");
    key(window, Modifiers::NONE, Key::ArrowUp);
    key(window, Modifiers::NONE, Key::Num2);
    at(window, "painted as not a crack");
    assert!(shows(window, "3 cells on 1 photo."));
    key(window, CTRL, Key::Z);
    assert!(shows(window, "2 cells on 1 photo."));
    key(window, Modifiers::NONE, Key::Num2);
    key(window, Modifiers::NONE, Key::ArrowRight);
    key(window, Modifiers::NONE, Key::Num1);
    key(window, Modifiers::NONE, Key::Backspace);
    assert!(focused(window).is_some_and(|name| !name.contains("painted")), "erased");
    key(window, Modifiers::NONE, Key::Escape);
    assert_eq!(focused(window).as_deref(), Some("Photos to inspect, in a row"));
    tab_to(window, Role::Button, "Train on the corrections");
    key(window, Modifiers::NONE, Key::Enter);
    until(window, "a head", |window| told(window).iter().any(|m| m.contains("Trained on 3 cells")));
    until(window, "rest", |window| !window.state().is_busy());
}

fn export(window: &mut Window, to: &Path) {
    key(window, CTRL, Key::E);
    type_anew(window, to.join("cells").to_str().unwrap());
    key(window, Modifiers::NONE, Key::Enter);
    until(window, "the inspection", |_| to.join("cells/inspection.json").is_file());
    until(window, "rest", |window| !window.state().is_busy());
    key(window, CTRL, Key::Num4);
    key(window, CTRL, Key::E);
    type_anew(window, to.join("run").to_str().unwrap());
    tab_to(window, Role::Button, "Export");
    key(window, Modifiers::NONE, Key::Enter);
    until(window, "the run", |window| told(window).iter().any(|m| m.contains("exported to") && m.contains("run")));
    for file in ["predictions.csv", "report.html"] {
        assert!(to.join("run").join(file).is_file(), "{file}");
    }
}

/// Whether the window has asked to be closed, or to stay open, in the newest frame.
fn said(window: &Window, command: &ViewportCommand) -> bool {
    window.output().viewport_output.values().any(|viewport| viewport.commands.contains(command))
}

#[test]
fn closing_while_training_asks_once_and_keeps_the_best_epoch() {
    let folder = tempfile::tempdir().unwrap();
    let (photos, home) = (photos(folder.path(), 60), folder.path().join("home"));
    std::fs::create_dir_all(home.join("config")).unwrap();
    std::fs::write(home.join("config/window.toml"), "[train]\nepochs = 9000\ntune = \"last-block\"\n").unwrap();
    let mut window = open_window(&home, Some(photos));
    until(&mut window, "photos open", |window| window.state().session().len() == 60 && !window.state().is_busy());
    let close = |window: &mut Window| {
        let viewport = window.input_mut().viewports.entry(ViewportId::ROOT).or_default();
        viewport.events.push(ViewportEvent::Close);
        window.step();
    };
    key(&mut window, CTRL, Key::Enter);
    let begun = || run_dir::list(&home.join("runs")).first().is_some_and(|run| !run.epochs.is_empty());
    until(&mut window, "an epoch", |window| window.state().is_busy() && begun());
    close(&mut window);
    assert!(said(&window, &ViewportCommand::CancelClose));
    window.run_steps(3);
    assert!(shows(&window, "Stop training and close?") && shows(&window, "keeps its best epoch"));
    key(&mut window, Modifiers::NONE, Key::Escape);
    assert!(!shows(&window, "Stop training and close?") && window.state().is_busy(), "it goes on");

    close(&mut window);
    window.run_steps(3);
    tab_to(&mut window, Role::Button, "Stop and close");
    window.key_press(Key::Enter);
    until(&mut window, "the window closes", |window| said(window, &ViewportCommand::Close));
    drop(window); // joins the threads
    let runs = run_dir::list(&home.join("runs"));
    assert!(runs.len() == 1 && runs[0].finished && runs[0].epochs.len() < 9000, "{} runs", runs.len());
    assert!(runs[0].path.join(run_dir::MODEL).is_file(), "its best epoch");
}

#[test]
fn the_first_steps_are_shown_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = open_window(folder.path(), None);
    window.run_steps(3);
    assert!(shows(&window, "1 of 4"));
    tab_to(&mut window, Role::Button, "Next");
    key(&mut window, Modifiers::NONE, Key::Enter);
    assert!(shows(&window, "2 of 4"));
    key(&mut window, Modifiers::NONE, Key::Escape);
    assert!(!shows(&window, "of 4"));
    drop(window);
    let mut window = open_window(folder.path(), None);
    window.run_steps(3);
    assert!(!shows(&window, "1 of 4"), "not again");
    by_name(&mut window, "first steps");
    assert!(shows(&window, "1 of 4"), "but when asked for");
}

#[test]
fn the_palette_does_things_by_their_names() {
    let folder = tempfile::tempdir().unwrap();
    let photos = photos(folder.path(), 12);
    let mut window = open_window(&folder.path().join("home"), None);
    key(&mut window, CTRL, Key::K);
    let offered = |window: &Window, name: &str| {
        let name = name.to_owned();
        let mut found =
            window.query_all_by(move |node| node.role() == Role::Button && node.label().as_deref() == Some(&name));
        found.next().map(|node| node.accesskit_node().is_disabled())
    };
    assert_eq!(offered(&window, "Start training: Open a folder of photos first"), Some(true));
    window.event(Event::Text("start tr".to_owned()));
    window.run_steps(3);
    assert_eq!(offered(&window, "Go to Model"), None);
    key(&mut window, Modifiers::NONE, Key::Enter);
    assert!(offered(&window, "Start training: Open a folder of photos first").is_some(), "it stays open");
    assert!(!window.state().is_busy());
    key(&mut window, Modifiers::NONE, Key::Escape);
    assert_eq!(offered(&window, "Start training: Open a folder of photos first"), None);

    by_name(&mut window, "go mod");
    assert_eq!(window.state().tab(), Tab::Model);
    key(&mut window, CTRL, Key::K);
    key(&mut window, CTRL, Key::K);
    assert_eq!(offered(&window, "Go to Model"), None, "the same keys close it");

    by_name(&mut window, "by its path");
    type_anew(&mut window, photos.to_str().unwrap());
    key(&mut window, Modifiers::NONE, Key::Enter);
    until(&mut window, "photos open", |window| window.state().session().len() == 12);
    key(&mut window, CTRL, Key::K);
    window.event(Event::Text("grö foto".to_owned()));
    window.run_steps(3);
    assert_eq!(offered(&window, &format!("Open {}", photos.display())), Some(false), "what was opened lately");
    key(&mut window, Modifiers::NONE, Key::Escape);

    // Arrows choose among what was found.
    key(&mut window, CTRL, Key::K);
    window.event(Event::Text("go to".to_owned()));
    window.run_steps(3);
    key(&mut window, Modifiers::NONE, Key::ArrowDown);
    key(&mut window, Modifiers::NONE, Key::ArrowDown);
    key(&mut window, Modifiers::NONE, Key::Enter);
    assert_eq!(window.state().tab(), Tab::Train);
}

/// Everything that can be pressed or typed into has a name, and nothing lies beyond the edge of the window.
#[track_caller]
fn look_over(window: &Window, size: egui::Vec2, what: &str) {
    let all: Vec<_> = window.query_all_by(|_| true).collect();
    assert!(all.len() > 20, "{what}: {} things", all.len());
    let mut wrong = Vec::new();
    for node in all {
        let inner = node.accesskit_node();
        let data = inner.data();
        let name = inner.label().or_else(|| inner.value()).unwrap_or_default();
        // What holds others and shows nothing itself lies nowhere, and cannot be pressed.
        let Some(rect) = inner.bounding_box().filter(|rect| rect.x0.is_finite()) else { continue };
        let does = data.supports_action(Action::Click) || data.supports_action(Action::Focus);
        // Windows are named by what stands in them, scroll bars by what they move.
        let of_others = [Role::Window, Role::ScrollBar].contains(&inner.role());
        if does && name.trim().is_empty() && !of_others {
            wrong.push(format!("a {:?} without a name at {rect:?}", inner.role()));
        }
        let controls = [Role::Button, Role::CheckBox, Role::ComboBox, Role::Tab, Role::TextInput, Role::SpinButton];
        let beyond = |r: &accesskit::Rect| r.x1 > f64::from(size.x) + 0.5 || r.x0 < -0.5;
        // The filmstrip goes on sideways.
        let in_film = name.contains(".jpg: ");
        if beyond(&rect) && controls.contains(&inner.role()) && !in_film {
            wrong.push(format!("{name:?} at {rect:?}"));
        }
    }
    assert!(wrong.is_empty(), "{what}: {wrong:#?}");
}

#[test]
fn everything_has_a_name_and_fits_into_a_small_window() {
    let folder = tempfile::tempdir().unwrap();
    let photos = photos(folder.path(), 24);
    let size = vec2(1024.0, 640.0);
    let mut window = open_window(&folder.path().join("home"), None);
    window.set_size(size);
    let tabs = [Key::Num1, Key::Num2, Key::Num3, Key::Num4, Key::Num5, Key::Num6];
    for tab in tabs {
        key(&mut window, CTRL, tab);
        look_over(&window, size, &format!("{:?}, empty", window.state().tab()));
    }
    key(&mut window, CTRL, Key::L);
    look_over(&window, size, "the path");
    type_anew(&mut window, photos.to_str().unwrap());
    key(&mut window, Modifiers::NONE, Key::Enter);
    until(&mut window, "photos open", |window| window.state().session().len() == 24);
    key(&mut window, CTRL, Key::Enter);
    until(&mut window, "a run", |window| !window.state().is_busy() && window.state().session().verdict.is_some());
    for tab in tabs {
        key(&mut window, CTRL, tab);
        until(&mut window, "rest", |window| !window.state().is_busy());
        window.run_steps(3);
        look_over(&window, size, &format!("{:?}", window.state().tab()));
        for letters in ["export", "export labels"] {
            by_name(&mut window, letters);
            look_over(&window, size, &format!("{:?}, {letters}", window.state().tab()));
            key(&mut window, Modifiers::NONE, Key::Escape);
        }
        key(&mut window, CTRL, tab);
    }
    for now in [Key::K, Key::M] {
        key(&mut window, CTRL, now);
        look_over(&window, size, &format!("Ctrl+{now:?}"));
        key(&mut window, Modifiers::NONE, Key::Escape);
    }
    key(&mut window, Modifiers::NONE, Key::F1);
    look_over(&window, size, "F1");
}

#[test]
fn the_list_of_keys_fits_into_the_window_of_a_laptop() {
    let home = tempfile::tempdir().unwrap();
    let mut window = open_window(home.path(), None);
    key(&mut window, Modifiers::NONE, Key::F1);
    for size in [vec2(1280.0, 800.0), vec2(1366.0, 768.0)] {
        window.set_size(size);
        window.run_steps(5);
        let inside = egui::Rect::from_min_size(egui::Pos2::ZERO, size).shrink(10.0);
        for place in Place::ALL {
            assert!(inside.contains_rect(window.get_by_label(place.title()).rect()), "{}", place.title());
            for (_, does) in lines(&window.ctx, place) {
                let rects: Vec<_> = window.query_all_by_label(does).map(|node| node.rect()).collect();
                assert!(!rects.is_empty() && rects.iter().all(|rect| inside.contains_rect(*rect)), "{does}: {rects:?}");
            }
        }
    }
}

#[test]
fn a_list_closes_once_a_line_was_chosen_by_keys() {
    let folder = tempfile::tempdir().unwrap();
    let photos = photos(folder.path(), 8);
    let mut window = open_window(&folder.path().join("home"), Some(photos));
    until(&mut window, "photos open", |window| window.state().session().len() == 8);
    until(&mut window, "rest", |window| !window.state().is_busy());
    key(&mut window, CTRL, Key::Num3);
    tab_to(&mut window, Role::ComboBox, "Network");
    key(&mut window, Modifiers::NONE, Key::Enter);
    let lines = |window: &Window| window.query_all_by_label("MobileNetV2").count();
    assert_eq!(lines(&window), 1, "the list is open");
    for _ in 0..5 {
        if focused(&window).as_deref() != Some("MobileNetV2") {
            key(&mut window, Modifiers::NONE, Key::ArrowDown);
        }
    }
    key(&mut window, Modifiers::NONE, Key::Enter);
    window.run_steps(20); // until it has faded
    assert_eq!(lines(&window), 0, "the list is closed");
    let network = window.get_by_role_and_label(Role::ComboBox, "Network");
    assert_eq!(network.value().as_deref(), Some("MobileNetV2"));
    assert!(network.is_focused(), "the keyboard is where it was");
}
