use std::sync::Arc;

use super::*;

use egui::{Key, Modifiers};
use egui_kittest::kittest::{By, NodeT as _, Queryable as _};
use egui_kittest::{Harness, Node};

use crate::app::session::Verdict;
use crate::dataset::split::Part;
use crate::dataset::{self, Class, Dataset, Mark, Problem, Sample, Skipped};
use crate::job::Phase;
use crate::photo::{decode, exif};
use crate::review::predictions::Prediction;
use crate::train::config::TrainConfig;

/// Six photos: ▲ 0.9, ▲ 0.2 (a miss), ● 0.1, ● 0.7 (a false alarm), no label 0.6, no label and no prediction.
pub fn session(predicted: bool) -> Session {
    session_in(Path::new("/photos"), predicted)
}

fn session_in(folder: &Path, predicted: bool) -> Session {
    let labels =
        [Some(Class::Positive), Some(Class::Positive), Some(Class::Negative), Some(Class::Negative), None, None];
    let samples: Vec<Sample> = labels
        .into_iter()
        .zip('a'..)
        .map(|(label, letter)| {
            let file = format!("Brücke/Wand {letter}.jpg");
            let found = label.map(Mark::Class);
            Sample { path: folder.join(&file), file, label, found, bytes: 12_345, ..Sample::default() }
        })
        .collect();
    let predictions: Vec<Prediction> = [0.9, 0.2, 0.1, 0.7, 0.6]
        .into_iter()
        .zip(&samples)
        .enumerate()
        .map(|(sample, (p_positive, photo))| Prediction {
            sample,
            file: photo.file.clone(),
            path: photo.path.clone(),
            part: photo.label.map(|_| if sample % 2 == 0 { Part::Train } else { Part::Validation }),
            truth: photo.label,
            p_positive,
            group: None,
        })
        .collect();
    let verdict = Verdict {
        run: Some(PathBuf::from("/runs/first")),
        name: "first".to_owned(),
        threshold: 0.5.into(),
        of_sample: (0..samples.len()).map(|i| (i < predictions.len()).then_some(i)).collect(),
        predictions,
        classified: false,
    };
    let dataset = Dataset {
        roots: vec![folder.to_owned()],
        layout: dataset::Layout::ClassFolders,
        samples,
        skipped: Skipped::default(),
        problems: Vec::new(),
    };
    Session {
        dataset: Some(Arc::new(dataset)),
        verdict: predicted.then(|| Arc::new(verdict)),
        revision: 1,
        ..Session::default()
    }
}

/// The tab with its photos on disk, and what it asked for.
struct Bench {
    browse: Browse,
    session: Session,
    scanning: Option<Progress>,
    settings: Settings,
    thumbnails: Thumbnails,
    requests: Vec<Request>,
    commands: Vec<Command>,
    folder: tempfile::TempDir,
}

impl Bench {
    fn new(predicted: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let session = session_in(folder.path(), predicted);
        for (i, sample) in session.dataset.iter().flat_map(|dataset| &dataset.samples).enumerate() {
            std::fs::create_dir_all(sample.path.parent().unwrap()).unwrap();
            image::RgbImage::new(60 + i as u32, 40).save(&sample.path).unwrap();
        }
        let thumbnails = Thumbnails::new(&egui::Context::default()).unwrap();
        let settings = Settings { recent: vec![PathBuf::from("/sites/bridge 7")], ..Settings::default() };
        let (requests, commands) = (Vec::new(), Vec::new());
        Self { browse: Browse::default(), session, scanning: None, settings, thumbnails, requests, commands, folder }
    }

    fn ui(&mut self, ui: &mut Ui) {
        theme::install(ui.ctx());
        self.thumbnails.begin_frame(ui.ctx());
        let mut commands = Vec::new();
        let (scanning, settings) = (self.scanning.as_ref(), &mut self.settings);
        let asked = self.browse.ui(ui, &self.session, scanning, settings, &mut self.thumbnails, &mut commands);
        self.thumbnails.end_frame();
        for command in commands {
            // What the window does, without keeping it.
            match command.clone() {
                Command::Label { photos, change } => {
                    self.session.relabel(|labels, dataset| labels.change(dataset, &photos, change));
                }
                Command::KeepViews(views) => self.session.views = views,
                _ => {}
            }
            self.commands.push(command);
        }
        for request in &asked {
            // What the window's quick lane does, without its thread.
            if let Request::Photo(path) = request {
                let read = || Ok((Picture::from_rgb(decode::decode(path)?), exif::facts(path)?));
                self.browse.photo_arrived(path, read());
            }
        }
        self.requests.extend(asked);
    }

    fn harness<'a>(self) -> Harness<'a, Self> {
        let mut harness = Harness::builder()
            .with_size([1280.0, 800.0])
            .with_max_steps(32)
            .with_step_dt(1.0 / 60.0)
            .build_ui_state(|ui, bench| bench.ui(ui), self);
        settle(&mut harness);
        harness
    }
}

/// Runs frames until the thumbnails on the screen are there and nothing moves.
fn settle(harness: &mut Harness<'_, Bench>) {
    let begun = std::time::Instant::now();
    loop {
        harness.run_ok();
        if harness.state().thumbnails.is_idle() {
            break;
        }
        assert!(begun.elapsed().as_secs() < 30, "the window never comes to rest");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    harness.run_steps(2);
}

fn press(harness: &mut Harness<'_, Bench>, key: Key) {
    harness.key_press(key);
    settle(harness);
}

fn click(harness: &mut Harness<'_, Bench>, label: &str) {
    let control = By::new().label_contains(label).predicate(|node| node.role() != egui::Role::Label);
    harness.get_all(control).next().unwrap().click();
    settle(harness);
}

/// A button of the filter; its name may also stand in the details.
fn value<'a>(harness: &'a Harness<'_, Bench>, name: &'a str) -> Node<'a> {
    harness.get_all_by_role_and_label(egui::Role::CheckBox, name).next().unwrap()
}

fn shown(harness: &Harness<'_, Bench>) -> Vec<String> {
    harness
        .get_all_by_role(egui::Role::GridCell)
        .filter_map(|cell| cell.accesskit_node().label())
        .map(|label| label.trim_start_matches("Brücke/Wand ").trim_end_matches(".jpg").to_owned())
        .collect()
}

fn selected(harness: &Harness<'_, Bench>) -> usize {
    harness.state().browse.selected().unwrap()
}

#[test]
fn the_first_start_says_what_to_do() {
    let mut bench = Bench::new(false);
    bench.session = Session::default();
    let mut harness = bench.harness();
    click(&mut harness, "Open a folder");
    click(&mut harness, "Open a .zip");
    click(&mut harness, "Try the sample photos");
    click(&mut harness, "bridge 7");
    let asked =
        [Request::OpenFolder, Request::OpenArchive, Request::TrySamples, Request::Open("/sites/bridge 7".into())];
    assert_eq!(harness.state().requests, asked);
}

#[test]
fn a_folder_being_listed_shows_how_far() {
    let mut bench = Bench::new(false);
    bench.session = Session::default();
    bench.scanning = Some(Progress { phase: Phase::Scan, done: 12_345, total: None, per_second: 1.0 });
    bench.harness().get_by_label("12,345 photos so far");
}

#[test]
fn an_archive_being_unpacked_shows_how_far() {
    let mut bench = Bench::new(false);
    bench.session = Session::default();
    bench.scanning = Some(Progress { phase: Phase::Unpack, done: 1200, total: Some(40_000), per_second: 1.0 });
    let harness = bench.harness();
    assert!(harness.query_all_by_label("Unpacking").count() > 0);
    harness.get_by_label("1,200 of 40,000 files");
}

#[test]
fn a_folder_without_photos_says_why() {
    let mut bench = Bench::new(false);
    let mut dataset = bench.session.dataset.take().unwrap().as_ref().clone();
    dataset.samples.clear();
    dataset.skipped.other = 3;
    bench.session.dataset = Some(Arc::new(dataset));
    let mut harness = bench.harness();
    harness.get_by_label("3 files are there, but none is a picture by its name");
    click(&mut harness, "Open a folder");
    assert_eq!(harness.state().requests, [Request::OpenFolder]);
}

#[test]
fn choosing_values_filters_and_the_selection_survives() {
    let mut harness = Bench::new(true).harness();
    assert_eq!(shown(&harness), ["a", "b", "c", "d", "e", "f"]);
    press(&mut harness, Key::End);
    assert_eq!(selected(&harness), 5);
    value(&harness, "false negative").click();
    settle(&mut harness);
    assert_eq!(shown(&harness), ["b"]);
    harness.get_by_label("1 of 6 shown");
    assert_eq!(selected(&harness), 5);
    click(&mut harness, "Clear the filter");
    assert_eq!(shown(&harness).len(), 6);
    assert_eq!(selected(&harness), 5);
}

#[test]
fn a_name_is_looked_for() {
    let mut harness = Bench::new(false).harness();
    harness.get_by_role_and_label(egui::Role::TextInput, "Name").focus();
    settle(&mut harness);
    harness.get_by_role_and_label(egui::Role::TextInput, "Name").type_text("wand D.JPG");
    settle(&mut harness);
    assert_eq!(shown(&harness), ["d"]);
    harness.get_by_role_and_label(egui::Role::TextInput, "Name").type_text("x");
    settle(&mut harness);
    harness.get_by_label("None of the 6 photos passes the filter");
    harness.get_all_by_label_contains("Clear the filter").last().unwrap().click();
    settle(&mut harness);
    assert_eq!(shown(&harness).len(), 6);
}

#[test]
fn the_keyboard_moves_and_opens() {
    let mut harness = Bench::new(true).harness();
    let columns = 5;
    for (key, expected) in [
        (Key::ArrowRight, 1),
        (Key::ArrowLeft, 0),
        (Key::ArrowLeft, 0),
        (Key::ArrowDown, columns),
        (Key::ArrowUp, 0),
        (Key::End, 5),
        (Key::Home, 0),
        (Key::PageDown, 5),
        (Key::PageUp, 0),
    ] {
        press(&mut harness, key);
        assert_eq!(selected(&harness), expected, "{key:?}");
    }
    press(&mut harness, Key::Enter);
    harness.get_by_label("1 of 6");
    assert!(harness.query_by_label("Brücke/Wand a.jpg").is_none(), "the grid has made room");
    press(&mut harness, Key::ArrowRight);
    harness.get_by_label("2 of 6");
    press(&mut harness, Key::Escape);
    assert_eq!(selected(&harness), 1);
    harness.get_by_label("Brücke/Wand a.jpg");
    press(&mut harness, Key::ArrowRight);
    assert_eq!(selected(&harness), 2, "the grid has the keyboard again");
}

#[test]
fn a_double_click_shows_a_photo_large() {
    let mut harness = Bench::new(false).harness();
    let place = harness.get_by_label("Brücke/Wand c.jpg").rect().center();
    for _ in 0..2 {
        harness.drag_at(place);
        harness.drop_at(place);
    }
    settle(&mut harness);
    harness.get_by_label("3 of 6");
    click(&mut harness, "Back to the photos");
    assert_eq!(shown(&harness).len(), 6);
}

#[test]
fn photos_are_sorted_and_turned_round() {
    let mut harness = Bench::new(true).harness();
    harness.get_by_role_and_label(egui::Role::ComboBox, "Sort").click();
    settle(&mut harness);
    click(&mut harness, "loss");
    assert_eq!(shown(&harness), ["b", "d", "a", "c", "e", "f"]);
    click(&mut harness, "worst first");
    assert_eq!(shown(&harness), ["a", "c", "d", "b", "e", "f"]);
    assert_eq!(selected(&harness), 0);
}

#[test]
fn the_details_say_what_is_known() {
    let mut harness = Bench::new(true).harness();
    press(&mut harness, Key::ArrowRight);
    for text in ["Wand b.jpg", "61 × 40", "not recorded", "0.80", "wrong", "1.609", "validation", "first"] {
        assert!(harness.query_all_by_label(text).next().is_some(), "{text}");
    }
    let folder = harness.state().folder.path().join("Brücke").display().to_string();
    harness.get_by_label(&folder);
    assert!(harness.query_all_by_label_contains("Heat map").next().is_some());
    press(&mut harness, Key::C);
    let path = harness.state().session.item(1).unwrap().sample.path.clone();
    assert_eq!(harness.state().requests.last(), Some(&Request::Activation(path.clone())));
    let order = ExplainOrder { run: "first".into(), photo: path, compute: TrainConfig::default().compute(), opened: 0 };
    let cam = Cam { width: 2, height: 2, values: vec![0.0, 9.0, 0.0, 0.0], bias: -0.75, p_positive: 0.8176 };
    harness.state_mut().browse.activation_arrived(&order, Ok(cam));
    settle(&mut harness);
    assert!(harness.state().browse.heat(&harness.state().session).is_some());
    harness.get_by_label("map 2.25 − bias 0.75 = 1.50");
    harness.get_by_label("p 0.82, seen as 224 × 224 pixels");
}

#[test]
fn a_photo_that_cannot_be_read_says_why() {
    let bench = Bench::new(false);
    let path = bench.session.item(2).unwrap().sample.path.clone();
    std::fs::write(&path, b"no picture at all").unwrap();
    let mut harness = bench.harness();
    harness.get_by_label("Brücke/Wand c.jpg").click();
    settle(&mut harness);
    harness.get_by_label("This photo cannot be read: not a picture: plain text");
    assert!(
        matches!(harness.state().thumbnails.failure(&path), Some(error) if error.one_line().contains("plain text"))
    );
}

#[test]
fn another_folder_begins_anew_and_the_same_one_keeps_its_place() {
    let mut harness = Bench::new(true).harness();
    press(&mut harness, Key::End);
    let mut again = harness.state().session.dataset.as_ref().unwrap().as_ref().clone();
    again.samples.remove(0);
    again.problems.push(Problem { file: "a".into(), reason: "gone".into() });
    harness.state_mut().session =
        Session { dataset: Some(Arc::new(again)), revision: 2, listed: 1, ..Session::default() };
    settle(&mut harness);
    assert_eq!(selected(&harness), 4, "the same photo, which has another index now");
    assert_eq!(shown(&harness).len(), 5);
    harness.get_by_label_contains("1 problem");
    let other = session_in(Path::new("/elsewhere"), false);
    harness.state_mut().session = Session { revision: 3, ..other };
    settle(&mut harness);
    assert_eq!(selected(&harness), 0);
}

#[test]
fn other_tabs_step_through_what_has_not_been_shown_here_yet() {
    let mut bench = Bench::new(false);
    let step = |bench: &mut Bench, step| {
        bench.browse.step_from_elsewhere(step, &bench.session, &bench.thumbnails);
        bench.browse.selected()
    };
    assert_eq!([1, 1, -1].map(|by| step(&mut bench, by)), [1, 2, 1].map(Some));
    bench.session = Session { revision: 2, ..session_in(Path::new("/elsewhere"), false) };
    assert_eq!(step(&mut bench, 1), Some(1), "from the first photo of the other folder");
}

#[test]
fn at_rest_nothing_is_painted() {
    let mut harness = Bench::new(true).harness();
    harness.run_steps(30);
    let delay = harness.output().viewport_output.values().map(|viewport| viewport.repaint_delay).min();
    assert!(delay.is_none_or(|delay| delay.as_secs() > 3600), "{delay:?}");
}

#[test]
fn keys_label_and_go_on_to_the_next_photo() {
    let mut harness = Bench::new(true).harness();
    let label = |harness: &Harness<'_, Bench>, index: usize| harness.state().session.item(index).unwrap().sample.said();
    for (key, index, said) in [
        (Key::Num2, 0, Some(Mark::Class(Class::Negative))),
        (Key::Num1, 1, Some(Mark::Class(Class::Positive))),
        (Key::Num0, 2, Some(Mark::Unsure)),
        (Key::X, 3, Some(Mark::Excluded)),
    ] {
        assert_eq!(selected(&harness), index);
        press(&mut harness, key);
        assert_eq!(label(&harness, index), said, "{key:?}");
    }
    assert_eq!(selected(&harness), 4);
    harness.state_mut().settings.advance = false;
    press(&mut harness, Key::ArrowLeft);
    press(&mut harness, Key::Backspace);
    assert_eq!((label(&harness, 3), selected(&harness)), (Some(Mark::Class(Class::Negative)), 3));
    let prediction = &harness.state().session.verdict.as_ref().unwrap().predictions[0];
    assert_eq!(prediction.truth, Some(Class::Negative), "what the model said is held against the label in force");
    press(&mut harness, Key::Home);
    press(&mut harness, Key::Enter);
    press(&mut harness, Key::Num0);
    assert_eq!((label(&harness, 0), selected(&harness)), (Some(Mark::Unsure), 0), "in the large view too");
    harness.get_by_label("found: cracked");
}

#[test]
fn buttons_label_all_chosen_photos() {
    let mut harness = Bench::new(false).harness();
    harness.key_press_modifiers(Modifiers::SHIFT, Key::ArrowRight);
    harness.key_press_modifiers(Modifiers::SHIFT, Key::ArrowRight);
    settle(&mut harness);
    harness.get_by_label("3 chosen");
    harness.get_by_role_and_label(egui::Role::Button, "Exclude").click();
    settle(&mut harness);
    let excluded = |harness: &Harness<'_, Bench>| {
        harness.state().session.dataset.as_ref().unwrap().samples.iter().filter(|s| s.is_excluded()).count()
    };
    assert_eq!((excluded(&harness), selected(&harness)), (3, 3));
    harness.key_press_modifiers(Modifiers::COMMAND, Key::A);
    settle(&mut harness);
    harness.get_by_label("6 chosen");
    press(&mut harness, Key::Escape);
    assert!(harness.query_by_label("6 chosen").is_none());
    assert_eq!(shown(&harness).len(), 6, "Escape did one thing");
    harness.get_by_role_and_label(egui::Role::CheckBox, "Go on to the next photo after labelling").click();
    settle(&mut harness);
    assert!(!harness.state().settings.advance);
    let ctrl = Modifiers::COMMAND;
    for name in ["Brücke/Wand a.jpg", "Brücke/Wand c.jpg"] {
        harness.get_by_label(name).click_modifiers(ctrl);
        settle(&mut harness);
    }
    harness.get_by_label("3 chosen");
    harness.get_by_role_and_label(egui::Role::Button, "As found").click();
    settle(&mut harness);
    assert_eq!(excluded(&harness), 1);
}

#[test]
fn a_photo_that_is_labelled_out_of_the_filter_makes_room_for_the_next() {
    let mut bench = Bench::new(true);
    bench.settings.advance = false;
    let mut harness = bench.harness();
    value(&harness, "cracked").click();
    settle(&mut harness);
    assert_eq!(shown(&harness), ["a", "b"]);
    press(&mut harness, Key::Num2);
    assert_eq!((shown(&harness), selected(&harness)), (vec!["b".to_owned()], 1));
    press(&mut harness, Key::Num2);
    harness.get_by_label("None of the 6 photos passes the filter");
}

#[test]
fn photos_are_tagged_and_found_by_their_tags() {
    let mut harness = Bench::new(false).harness();
    press(&mut harness, Key::ArrowRight);
    harness.get_by_role_and_label(egui::Role::Button, "Tags").click();
    settle(&mut harness);
    harness.get_by_role_and_label(egui::Role::TextInput, "Tag to add").focus();
    settle(&mut harness);
    harness.get_by_role_and_label(egui::Role::TextInput, "Tag to add").type_text(" wet;");
    settle(&mut harness);
    harness.key_press(Key::Enter);
    settle(&mut harness);
    assert_eq!(harness.state().session.item(1).unwrap().sample.tags, ["wet"]);
    assert_eq!(harness.state().session.tags().len(), 1);
    harness.key_press(Key::Escape);
    settle(&mut harness);
    value(&harness, "wet").click();
    settle(&mut harness);
    assert_eq!(shown(&harness), ["b"]);
    click(&mut harness, "Clear the filter");
    assert_eq!(shown(&harness).len(), 6);
}

#[test]
fn a_view_is_saved_shown_again_renamed_and_deleted() {
    let mut harness = Bench::new(true).harness();
    value(&harness, "false negative").click();
    settle(&mut harness);
    click(&mut harness, "Save what is shown as a view");
    harness.get_by_role_and_label(egui::Role::TextInput, "Name of the view").type_text("Missed");
    settle(&mut harness);
    harness.key_press(Key::Enter);
    settle(&mut harness);
    click(&mut harness, "Clear the filter");
    assert_eq!(shown(&harness).len(), 6);
    harness.get_by_role_and_label(egui::Role::Button, "Missed").click();
    settle(&mut harness);
    assert_eq!(shown(&harness), ["b"]);
    click(&mut harness, "Rename or delete “Missed”");
    let rename =
        |node: &egui_kittest::kittest::AccessKitNode<'_>| node.label().is_some_and(|name| name.ends_with(" Rename"));
    harness.get(By::new().predicate(rename)).click();
    settle(&mut harness);
    harness.get_by_role_and_label(egui::Role::TextInput, "Name of the view").type_text(" cracks");
    settle(&mut harness);
    harness.get_by_role_and_label(egui::Role::Button, "Save").click();
    settle(&mut harness);
    assert_eq!(harness.state().session.views[0].name, "Missed cracks");
    click(&mut harness, "Rename or delete “Missed cracks”");
    click(&mut harness, "Delete");
    click(&mut harness, "Delete this view");
    assert!(harness.state().session.views.is_empty());
}
