use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use egui::Key;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use egui_kittest::{Harness, Node};

use super::*;
use crate::app::{App, WindowOptions};
use crate::dataset::sample::{SampleConfig, write_samples};
use crate::job::Unwatched;
use crate::places::Places;
use crate::train::config::DeviceChoice;

type Window = Harness<'static, App>;

/// The longest that anything may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// The window with the view open, on a folder of photos if there is one.
fn open(home: &Path, folder: Option<PathBuf>) -> Window {
    let options = WindowOptions {
        folder,
        run: None,
        places: Places::below(home),
        device: Some(DeviceChoice::Cpu),
        precision: None,
    };
    let mut window = Harness::builder()
        .with_size(vec2(1280.0, 800.0))
        .with_max_steps(64)
        .build_eframe(|creation| App::new(&creation.egui_ctx, options).unwrap());
    until(&mut window, "nothing runs", |window| !window.state().is_busy());
    window.get_by_role_and_label(Role::Tab, "Train").click();
    window.run_steps(3);
    window.get_by_role_and_label(Role::Button, "Augmented photos").click();
    window.run_steps(3);
    window
}

/// Paints frames until `there`.
#[track_caller]
fn until(window: &mut Window, what: &str, there: impl Fn(&Window) -> bool) {
    let begun = Instant::now();
    while !there(window) {
        assert!(begun.elapsed() < PATIENCE, "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
        window.step();
    }
    window.run_steps(2);
}

fn preview(window: &Window) -> &Preview {
    &window.state().train.preview
}

/// What is shown, once nothing more is awaited.
fn settled(window: &mut Window) -> VaryOrder {
    until(window, "an answer", |window| preview(window).shown.is_some() && preview(window).asked.is_none());
    preview(window).shown.as_ref().unwrap().order.clone()
}

fn samples(folder: &Path) -> PathBuf {
    let photos = folder.join("photos");
    write_samples(&photos, &SampleConfig { photos: 8, side: 64, seed: 2 }, &Unwatched).unwrap();
    photos
}

fn images(window: &Window) -> usize {
    let is_variant = |node: &Node<'_>| node.accesskit_node().label().is_some_and(|l| l.starts_with("Variant "));
    window.query_all_by_role(Role::Image).filter(is_variant).count()
}

#[test]
fn the_grid_shows_what_the_settings_make_of_a_photo() {
    let folder = tempfile::tempdir().unwrap();
    let photos = samples(folder.path());
    let mut window = open(&folder.path().join("home"), Some(photos));
    settled(&mut window);
    window.get_by_role_and_label(Role::Image, "The photo itself");
    assert_eq!(images(&window), 0, "augmentation is off by default");

    window.get_by_role_and_label(Role::Button, "Use light augmentation").click();
    until(&mut window, "the grid", |window| images(window) == SHOWN as usize);
    window.get_by_label_contains("variants 1 to 4");
    let light = settled(&mut window);
    assert_eq!(light.variants.variation, Augmentation::light());

    // Off until now, the section of the form is closed.
    window.get_by_role_and_label(Role::DisclosureTriangle, "Augmentation").click();
    window.run_steps(4);
    window.get_by_role_and_label(Role::Slider, "Brightness").focus();
    window.run_steps(2);
    window.key_press(Key::ArrowRight);
    window.run_steps(3);
    until(&mut window, "it is drawn anew", |window| {
        preview(window).shown.as_ref().is_some_and(|shown| shown.order.variants.variation.brightness > 0.4)
    });
    let brighter = settled(&mut window);
    assert_eq!((brighter.photo.clone(), brighter.count), (light.photo.clone(), SHOWN));
    assert_eq!(images(&window), SHOWN as usize);
    window.get_by(|node| node.role() == Role::ComboBox && node.value().as_deref() == Some("custom"));

    window.get_by(|node| node.label().is_some_and(|label| label.ends_with("Draw again"))).click();
    window.run_steps(3);
    until(&mut window, "another draw", |window| {
        preview(window).shown.as_ref().is_some_and(|shown| shown.order.variants.seed != brighter.variants.seed)
    });
    window.get_by_role_and_label(Role::Button, "Next labelled photo").click();
    window.run_steps(3);
    until(&mut window, "another photo", |window| {
        preview(window).shown.as_ref().is_some_and(|shown| shown.order.photo != light.photo)
    });
}

#[test]
fn without_anything_to_show_it_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let window = open(&folder.path().join("home"), None);
    window.get_by_label("No photos are open");
    drop(window);

    let photos = samples(folder.path());
    std::fs::rename(photos.join("Negative"), folder.path().join("survey")).unwrap();
    let window = open(&folder.path().join("home"), Some(folder.path().join("survey")));
    window.get_by_label("These photos carry no labels");
    drop(window);

    std::fs::create_dir(photos.join("Negative")).unwrap();
    std::fs::write(photos.join("Negative/a.jpg"), "no picture").unwrap();
    let mut window = open(&folder.path().join("home"), Some(photos));
    settled(&mut window);
    window.get_by_label("This photo cannot be read");
    window.get_by_role_and_label(Role::Button, "Next labelled photo").click();
    window.run_steps(3);
    until(&mut window, "a photo that can", |window| window.query_by_label("The photo itself").is_some());
}

#[test]
fn the_photo_before_stands_in_for_a_moment_but_not_its_trouble() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = open(&folder.path().join("home"), Some(samples(folder.path())));
    settled(&mut window);
    // As if the answer were still to come.
    let pretend = |window: &mut Window, pictures: Result<Vec<TextureHandle>>| {
        let preview = &mut window.state_mut().train.preview;
        let wanted = preview.shown.as_ref().unwrap().order.clone();
        let order = VaryOrder { photo: PathBuf::from("/another.jpg"), ..wanted.clone() };
        (preview.shown, preview.asked) = (Some(Shown { order, pictures }), Some(wanted.clone()));
        let photo = preview.since.as_ref().map(|since| since.0.clone()).unwrap();
        assert_ne!(photo, PathBuf::from("/another.jpg"));
        preview.since = None;
        window.step();
    };
    let pictures = preview(&window).shown.as_ref().unwrap().pictures.clone();
    pretend(&mut window, pictures);
    window.get_by_label("The photo itself");
    window.run_steps(60);
    window.get_by_label("Varying the photo…");
    assert!(window.query_by_label("The photo itself").is_none(), "not under the name of another");
    window.state_mut().train.preview.asked = None;
    settled(&mut window);
    pretend(&mut window, Err(crate::error::Error::new("gone")));
    assert!(window.query_by_label("This photo cannot be read").is_none());
}

#[test]
fn only_labelled_photos_come_up_round_and_round() {
    let sample = |label| Sample { label, ..Sample::default() };
    let crack = Some(crate::dataset::Class::Positive);
    let dataset = Dataset {
        roots: Vec::new(),
        layout: crate::dataset::Layout::ClassFolders,
        samples: [crack, None, crack, None].map(sample).into(),
        skipped: crate::dataset::Skipped::default(),
        problems: Vec::new(),
    };
    assert_eq!([0, 1, 2, 3].map(|index| neighbour(&dataset, index, true)), [2, 2, 0, 0].map(Some));
    assert_eq!([0, 1, 2, 3].map(|index| neighbour(&dataset, index, false)), [2, 0, 0, 2].map(Some));
    assert_eq!(neighbour(&Dataset { samples: Vec::new(), ..dataset }, 0, true), None);
}

#[test]
fn cells_are_as_large_as_there_is_room_for() {
    let (columns, side) = cells(vec2(936.0, 560.0), 12);
    assert_eq!(columns, 4);
    assert!((158.0..160.0).contains(&side), "{side}");
    assert_eq!(cells(vec2(936.0, 560.0), 1), (1, SIDES[1]));
    assert_eq!(cells(vec2(300.0, 120.0), 12), (2, SIDES[0]));
    assert_eq!(cells(vec2(10.0, 10.0), 12), (1, SIDES[0]));
    assert_eq!(cells(vec2(900.0, 500.0), 0).0, 1);
}
