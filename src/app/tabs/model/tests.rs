use std::cell::RefCell;

use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;

use super::*;
use crate::app::session::Session;
use crate::app::settings::Settings;
use crate::app::thumbnails::Thumbnails;
use crate::app::worker::inspect::Pictures;
use crate::nn::bundled;
use crate::train::config::Backbone;

/// The tab alone, with what it asks for.
struct Alone {
    tab: ModelTab,
    settings: Settings,
    thumbnails: Thumbnails,
    asked: RefCell<Vec<Command>>,
}

fn harness() -> Harness<'static, Alone> {
    let thumbnails = Thumbnails::new(&egui::Context::default()).unwrap();
    let alone =
        Alone { tab: ModelTab::default(), settings: Settings::default(), thumbnails, asked: RefCell::default() };
    Harness::builder().with_size([1280.0, 700.0]).build_ui_state(
        |ui, alone: &mut Alone| {
            theme::install(ui.ctx());
            let session = Session::default();
            let mut scene = Scene {
                session: &session,
                selected: None,
                settings: &mut alone.settings,
                runs: &[],
                runs_folder: Path::new("/runs"),
                job: None,
                thumbnails: &mut alone.thumbnails,
                commands: alone.asked.get_mut(),
            };
            alone.tab.ui(ui, &mut scene);
        },
        alone,
    )
}

#[test]
fn weights_are_asked_for_once_and_trouble_can_be_tried_again() {
    let mut harness = harness();
    harness.run_steps(3);
    let asked = |harness: &Harness<'_, Alone>| {
        let asked = harness.state().asked.borrow();
        asked.iter().filter(|command| matches!(command, Command::Model(Request::Weights(_)))).count()
    };
    assert_eq!(asked(&harness), 1);
    harness.get_by_label("Reading the model…");
    let error = Error::new("Cannot read the model").detail("end of file");
    harness.state_mut().tab.weights_arrived(Path::new("another"), Err(error.clone()));
    harness.run_steps(2);
    assert!(harness.query_by_label("Cannot read the model").is_none(), "it was not asked for");
    harness.state_mut().tab.weights_arrived(Path::new(bundled::NAME), Err(error));
    harness.run_steps(2);
    harness.get_by_label("Cannot read the model");
    harness.get_by_label("end of file");
    harness.get_by_label_contains("Try again").click();
    harness.run_steps(2);
    assert_eq!(asked(&harness), 2);
}

#[test]
fn maps_that_failed_can_be_tried_again() {
    let mut harness = harness();
    harness.state_mut().tab.view = View::Maps;
    harness.state_mut().tab.look_at(PathBuf::from("/photos/a.jpg"));
    harness.run_steps(3);
    let asked = |harness: &Harness<'_, Alone>| -> Vec<MapsOf> {
        let asked = harness.state().asked.borrow();
        let maps = |command: &Command| match command {
            Command::Model(Request::Maps(of)) => Some(of.clone()),
            _ => None,
        };
        asked.iter().filter_map(maps).collect()
    };
    let first = asked(&harness);
    assert_eq!(first.len(), 1);
    harness.state_mut().tab.maps_arrived(&first[0], Err(Error::new("Cannot read a.jpg").detail("no such file")));
    harness.run_steps(3);
    harness.get_by_label("Cannot read a.jpg");
    harness.get_by_label_contains("Try again").click();
    harness.run_steps(3);
    assert_eq!(asked(&harness), [first[0].clone(), first[0].clone()]);
}

#[test]
fn a_part_of_the_drawing_is_chosen_in_the_table_too() {
    let mut harness = harness();
    harness.run_steps(2);
    harness.get_by_label("fc: the swapped head, 2, trained").scroll_to_me();
    harness.run_steps(8);
    harness.get_by_label("fc: the swapped head, 2, trained").click();
    harness.run_steps(3);
    assert_eq!(harness.state().tab.selected, Selected { part: 10, layer: Some(0) });
    harness.run_steps(8); // the table scrolls there in its own time
    harness.get_by_role_and_label(egui::Role::Button, "fc");
    // A network with fewer parts than the one before has the selection where there is one.
    harness.state_mut().tab.selected = Selected { part: 20, layer: None };
    harness.run_steps(2);
    assert_eq!(harness.state().tab.selected, Selected::default());
}

#[test]
fn the_form_asks_before_it_replaces_a_file() {
    let mut harness = harness();
    harness.run_steps(2);
    harness.get_by_label_contains("Save drawing…").click();
    harness.run_steps(3);
    assert!(harness.state().tab.is_modal());
    harness.state_mut().tab.save_to(Path::new("/drawings/network.svg"));
    harness.run_steps(2);
    harness.get_by_role_and_label(egui::Role::Button, "Save").click();
    harness.run_steps(2);
    let order = |harness: &Harness<'_, Alone>| {
        let asked = harness.state().asked.borrow();
        let orders = asked.iter().rev().find_map(|command| match command {
            Command::Model(Request::Save(order)) => Some((order.path.clone(), order.replace)),
            _ => None,
        });
        orders.unwrap()
    };
    assert_eq!(order(&harness), (PathBuf::from("/drawings/network.svg"), false));
    harness.state_mut().tab.ask_to_replace(Path::new("/drawings/another.svg"));
    harness.run_steps(2);
    assert!(harness.query_by_label("Replace it").is_none(), "that file is not asked about any more");
    harness.state_mut().tab.ask_to_replace(Path::new("/drawings/network.svg"));
    harness.run_steps(2);
    harness.get_by_label("This file is there already.");
    harness.get_by_label("Replace it").click();
    harness.run_steps(2);
    assert!(order(&harness).1);
    let error = Error::new("Cannot write network.svg");
    assert!(!harness.state_mut().tab.not_saved(Path::new("/drawings/another.svg"), &error));
    assert!(harness.state_mut().tab.not_saved(Path::new("/drawings/network.svg"), &error));
    harness.run_steps(2);
    harness.get_by_label("Cannot write network.svg");
    harness.state_mut().tab.saved(Path::new("/drawings/another.svg"));
    assert!(harness.state().tab.is_modal(), "another file was written");
    harness.state_mut().tab.saved(Path::new("/drawings/network.svg"));
    assert!(!harness.state().tab.is_modal());
}

#[test]
fn the_choice_follows_a_run_that_is_renamed_or_deleted() {
    let mut tab = ModelTab { chosen: Some(Subject::Model("/runs/first".into())), ..ModelTab::default() };
    tab.weights = Some(Read { model: "/runs/first".into(), answer: None });
    tab.run_moved(Path::new("/runs/other"), None);
    assert!(tab.weights.is_some());
    tab.run_moved(Path::new("/runs/first"), Some(Path::new("/runs/second")));
    assert_eq!(tab.chosen, Some(Subject::Model("/runs/second".into())));
    assert!(tab.weights.is_none(), "read again, for the path may have been another run's");
    tab.run_moved(Path::new("/runs/second"), None);
    assert_eq!(tab.chosen, None);
}

#[test]
fn a_run_from_elsewhere_says_itself_what_is_trained() {
    let mut harness = harness();
    let model = PathBuf::from("/elsewhere/run");
    harness.state_mut().tab.chosen = Some(Subject::Model(model.clone()));
    harness.run_steps(3);
    let weights = |tune| Weights {
        backbone: Backbone::Resnet18,
        tune,
        tensors: Vec::new(),
        filter_side: 7,
        filters: Pictures { each: Atlas::of(&[]), together: Atlas::of(&[]) },
    };
    harness.state_mut().tab.weights_arrived(&model, Ok(weights(Some(Tune::All))));
    harness.run_steps(2);
    assert!(harness.query_by_label("all layers").is_none());
    harness.state_mut().tab.weights_arrived(&model, Ok(weights(None)));
    harness.run_steps(2);
    harness.get_by_label("all layers");
}
