//! The tab alone, with what it asks for.

use std::cell::RefCell;

use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;

use super::*;
use crate::app::session::Session;
use crate::app::settings::Settings;
use crate::app::thumbnails::Thumbnails;
use crate::dataset::{Class, Layout, Sample, Skipped};

struct Alone {
    tab: CurateTab,
    session: Session,
    settings: Settings,
    thumbnails: Thumbnails,
    asked: RefCell<Vec<Command>>,
}

/// Photos `a.jpg` to `d.jpg`, of which the files are not there.
fn dataset(labels: [Class; 4]) -> Arc<Dataset> {
    let sample = |(name, label): (&str, Class)| Sample {
        file: format!("{name}.jpg"),
        path: format!("/nowhere/{name}.jpg").into(),
        label: Some(label),
        bytes: 1,
        ..Sample::default()
    };
    Arc::new(Dataset {
        roots: vec!["/nowhere".into()],
        layout: Layout::ClassFolders,
        samples: ["a", "b", "c", "d"].into_iter().zip(labels).map(sample).collect(),
        skipped: Skipped::default(),
        problems: vec![],
    })
}

fn harness(labels: [Class; 4]) -> Harness<'static, Alone> {
    let thumbnails = Thumbnails::new(&egui::Context::default()).unwrap();
    let session = Session { dataset: Some(dataset(labels)), revision: 1, ..Session::default() };
    let (tab, settings) = (CurateTab::default(), Settings::default());
    let alone = Alone { tab, session, settings, thumbnails, asked: RefCell::default() };
    Harness::builder().with_size([1280.0, 720.0]).build_ui_state(
        |ui, alone: &mut Alone| {
            theme::install(ui.ctx());
            let mut scene = Scene {
                session: &alone.session,
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

fn asked(harness: &Harness<'_, Alone>, request: Request) -> usize {
    let asked = harness.state().asked.borrow();
    asked.iter().filter(|command| matches!(command, Command::Curate(found) if *found == request)).count()
}

/// The photos of the grid, in its order.
fn shown(harness: &Harness<'_, Alone>) -> Vec<&'static str> {
    let place = |name: &'static str| {
        let found = harness.query_all_by_role_and_label(egui::Role::GridCell, name).next();
        found.map(|cell| (cell.rect().min, name))
    };
    let mut cells: Vec<_> = ["a.jpg", "b.jpg", "c.jpg", "d.jpg"].into_iter().filter_map(place).collect();
    cells.sort_by(|a, b| a.0.y.total_cmp(&b.0.y).then(a.0.x.total_cmp(&b.0.x)));
    cells.into_iter().map(|(_, name)| name).collect()
}

fn near(photo: usize, distance: f32) -> Neighbour {
    Neighbour { photo, distance }
}

const LABELS: [Class; 4] = [Class::Negative, Class::Positive, Class::Negative, Class::Positive];

/// Photo `c` is labelled intact and looks cracked, `d` is hard to tell.
fn evidence() -> Evidence {
    Evidence {
        p_positive: vec![Some(0.02), Some(0.9), Some(0.97), Some(0.56)],
        neighbours: vec![vec![near(1, 0.5)], vec![], vec![near(1, 0.1), near(3, 0.2)], vec![]],
        ..Evidence::default()
    }
}

#[test]
fn suspects_are_listed_by_kind_and_a_mended_label_leaves_the_list() {
    let mut harness = harness(LABELS);
    harness.run_steps(3);
    harness.get_by_label("Look for suspects").click();
    harness.run_steps(2);
    assert_eq!(asked(&harness, Request::Suspects), 1);

    let of = harness.state().session.dataset.clone().unwrap();
    harness.state_mut().tab.suspects_found(of, evidence());
    harness.run_steps(3);
    assert_eq!(shown(&harness), ["c.jpg", "d.jpg"]);
    harness.get_by_label("labelled intact, looks cracked (97 %)");
    // What the label is judged by can be chosen.
    harness.get_by_label("b.jpg, labelled cracked, distance 0.1000").click();
    harness.run_steps(3);
    assert_eq!(harness.state_mut().tab.suspects.photos().grid.selected, Some(1));

    harness.get_by_label("Unsure 1").click();
    harness.run_steps(3);
    assert_eq!(shown(&harness), ["d.jpg"]);

    let mended = [Class::Negative, Class::Positive, Class::Positive, Class::Positive];
    harness.state_mut().session.dataset = Some(dataset(mended));
    harness.state_mut().session.revision += 1;
    harness.get_by_label_contains("All").click();
    harness.run_steps(3);
    assert_eq!(shown(&harness), ["d.jpg"], "the label of the other is put right");
    harness.get_by_label("Look again").click();
    harness.run_steps(2);
    assert_eq!(asked(&harness, Request::Suspects), 2);
}

#[test]
fn a_photo_that_is_suspect_for_two_reasons_counts_once() {
    let mut harness = harness(LABELS);
    let of = harness.state().session.dataset.clone().unwrap();
    // `b` shows what `c` shows, and is labelled otherwise.
    let evidence = Evidence { twins: vec![(1, 2, 0.0)], ..evidence() };
    harness.state_mut().tab.suspects_found(of, evidence);
    harness.run_steps(3);
    for label in ["All 3", "3 photos", "Wrong label? 1", "Twins at odds 2", "Unsure 1"] {
        harness.get_by_label(label);
    }
}

#[test]
fn other_photos_have_other_suspects() {
    let mut harness = harness(LABELS);
    let of = harness.state().session.dataset.clone().unwrap();
    harness.state_mut().tab.suspects_found(of, evidence());
    harness.run_steps(2);
    let mut other = Dataset::clone(&dataset(LABELS));
    other.samples.truncate(3);
    harness.state_mut().session.dataset = Some(Arc::new(other));
    harness.state_mut().session.revision += 1;
    harness.run_steps(3);
    harness.get_by_label("Look for suspects");
}

#[test]
fn similar_photos_are_asked_for_found_and_left_again() {
    let mut harness = harness(LABELS);
    harness.state_mut().tab.show_similar(1, Tab::Review);
    assert_eq!(harness.state().tab.similar_wanted(), Some(1));
    let order = SimilarOrder { dataset: harness.state().session.dataset.clone().unwrap(), photo: 1, count: 10 };
    harness.state_mut().tab.similar_found(&order, None);
    harness.run_steps(3);
    harness.get_by_label("Compute features").click();
    harness.run_steps(2);
    assert_eq!(asked(&harness, Request::Features), 1);

    harness.state_mut().tab.similar_found(&order, Some(vec![near(3, 0.05), near(0, 0.8)]));
    harness.run_steps(3);
    assert_eq!(harness.state().tab.similar_wanted(), None);
    assert_eq!(shown(&harness), ["b.jpg", "d.jpg", "a.jpg"]);
    harness.get_by_label("Back to where this was asked").click();
    harness.run_steps(2);
    assert_eq!(asked(&harness, Request::Back(Tab::Review)), 1);
}

#[test]
fn the_map_gives_what_is_in_view_to_the_grid() {
    let mut harness = harness(LABELS);
    harness.run_steps(2);
    harness.get_by_label("Map").click();
    harness.run_steps(3);
    harness.get_by_label("Draw the map").click();
    harness.run_steps(2);
    assert_eq!(asked(&harness, Request::Map), 1);
    let of = harness.state().session.dataset.clone().unwrap();
    let places = vec![Some([-1.0, -1.0]), Some([1.0, 1.0]), None, Some([0.9, 1.0])];
    harness.state_mut().tab.map_drawn(of, Map { places, landmarks: 3 });
    harness.run_steps(3);
    harness.get_by_label("Map of the photos");
    assert!(shown(&harness).is_empty());
    harness.get_by_label("Select what is in view").click();
    harness.run_steps(3);
    assert_eq!(shown(&harness), ["a.jpg", "b.jpg", "d.jpg"]);
    harness.get_by_label("3 photos");
}

#[test]
fn training_again_needs_both_classes() {
    let mut mixed = harness(LABELS);
    mixed.run_steps(2);
    mixed.get_by_label_contains("Train again").click();
    mixed.run_steps(2);
    assert!(mixed.state().asked.borrow().iter().any(|command| matches!(command, Command::TrainAgain)));
    let mut alike = harness([Class::Positive; 4]);
    alike.run_steps(2);
    alike.get_by_label_contains("Train again").click();
    alike.run_steps(2);
    assert!(alike.state().asked.borrow().is_empty());
}
