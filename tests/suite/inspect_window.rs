//! Whole photos in the window: inspected, corrected, kept and exported.

use std::path::{Path, PathBuf};

use egui::accesskit::Role;
use egui::{Key, Modifiers, PointerButton, pos2, vec2};
use egui_kittest::kittest::Queryable;
use image::{Rgb, RgbImage};

use super::window::{Window, open_window, press, told, type_into, until};

/// Concrete with a dark line across.
fn draw(path: &Path, seed: u32) {
    let grain = |x: u32, y: u32| 140 + ((x * 7919 + y * 104_729 + seed * 31) % 31) as u8;
    let photo = RgbImage::from_fn(300, 224, |x, y| {
        let line = 112 + ((x as f32 / 41.0).sin() * 8.0) as u32;
        Rgb(if y.abs_diff(line) < 3 { [45; 3] } else { [grain(x, y); 3] })
    });
    photo.save(path).unwrap();
}

fn shows(window: &Window, start: &str, end: &str) -> bool {
    let (start, end) = (start.to_owned(), end.to_owned());
    let found =
        window.query_all_by(move |node| node.label().is_some_and(|l| l.starts_with(&start) && l.ends_with(&end)));
    found.count() > 0
}

/// Drags across what is named, so far above its middle.
fn paint(window: &mut Window, name: &str, above: f32) {
    let name = name.to_owned();
    let view = window
        .get_by(move |node| node.role() == Role::Image && node.label().is_some_and(|l| l.starts_with(&name)))
        .rect();
    let button = |pos, pressed| egui::Event::PointerButton {
        pos,
        button: PointerButton::Primary,
        pressed,
        modifiers: Modifiers::NONE,
    };
    let (from, to) = (view.center() - vec2(120.0, above), view.center() + vec2(120.0, -above));
    window.event(egui::Event::PointerMoved(from));
    window.run_steps(1);
    window.event(button(from, true));
    window.run_steps(1);
    for x in 0..=4 {
        let t = x as f32 / 4.0;
        window.event(egui::Event::PointerMoved(pos2(from.x + t * (to.x - from.x), from.y)));
        window.run_steps(1);
    }
    window.event(button(to, false));
    window.run_steps(2);
}

#[test]
fn whole_photos_are_inspected_corrected_and_exported() {
    let folder = tempfile::tempdir().unwrap();
    let photos = folder.path().join("bridge");
    std::fs::create_dir(&photos).unwrap();
    ["a.png", "b.png"].iter().enumerate().for_each(|(i, name)| draw(&photos.join(name), i as u32));
    std::fs::write(photos.join("c.jpg"), "no picture").unwrap();
    let mut window = open_window(&folder.path().join("home"), Some(photos.clone()));
    until(&mut window, "photos open", |window| window.state().session().len() == 3);
    window.key_press_modifiers(Modifiers::COMMAND, Key::Num5);
    until(&mut window, "the first is inspected", |window| shows(window, "a.png: ", "of cells cracked"));
    assert!(!shows(&window, "b.png: ", "of cells cracked"), "the others wait to be asked for");

    window.get_by_label_contains("Inspect all 2 photos").click();
    until(&mut window, "all are done", |window| told(window).iter().any(|m| m.contains("1 photo cannot be inspected")));
    assert!(shows(&window, "b.png: ", "of cells cracked"));
    assert!(told(&window).iter().any(|m| m.contains("c.jpg")), "{:?}", told(&window));

    export(&mut window, folder.path());
    correct(&mut window, folder.path());
    window.key_press(Key::ArrowRight);
    until(&mut window, "the second is read", |window| shows(window, "b.png, ", "%"));
    drop(window);
    assert_eq!(std::fs::read_dir(&photos).unwrap().count(), 3, "nothing is written among the photos");
}

fn export(window: &mut Window, folder: &Path) {
    until(window, "rest", |window| !window.state().is_busy());
    window.key_press_modifiers(Modifiers::COMMAND, Key::E);
    window.run_steps(3);
    let inside = folder.join("bridge/out");
    type_into(window, "Folder to export to; made if it is not there", inside.to_str().unwrap());
    press(window, Role::Button, "Export");
    until(window, "it is refused", |window| shows(window, "", "lies inside the photos") || !told(window).is_empty());
    until(window, "the job ends", |window| !window.state().is_busy());
    assert!(!inside.exists());
    let to = folder.join("out");
    type_into(window, "Folder to export to; made if it is not there", to.to_str().unwrap());
    press(window, Role::Button, "Export");
    until(window, "files", |window| told(window).iter().any(|m| m.contains("2 photos exported to")));
    for file in ["cells.csv", "cracks.geojson", "coco.json", "inspection.json", "overlays/a.png", "masks/b.png"] {
        assert!(to.join(file).is_file(), "{file}");
    }
    let cells = std::fs::read_to_string(to.join("cells.csv")).unwrap();
    assert_eq!(cells.lines().count(), 1 + 2 * 10 * 7);
}

fn correct(window: &mut Window, folder: &Path) {
    press(window, Role::Button, "Corrections");
    press(window, Role::Button, "● Intact");
    paint(window, "a.png, ", 80.0);
    window.get_by_label_contains("cells on 1 photo.");
    window.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    window.run_steps(3);
    window.get_by_label("Nothing is painted yet.");
    paint(window, "a.png, ", 80.0);
    press(window, Role::Button, "▲ Crack");
    paint(window, "a.png, ", 0.0);
    window.get_by_label_contains("Train on the corrections").click();
    until(window, "a head", |window| told(window).iter().any(|m| m.contains("Trained on")));
    until(window, "its maps", |window| window.query_by_label_contains("The maps of 2 photos follow").is_some());
    assert!(shows(window, "b.png: ", "of cells cracked"), "by the head that was trained, without a pass");

    window.get_by_label_contains("Keep the model…").click();
    window.run_steps(3);
    let file: PathBuf = folder.join("site.safetensors");
    type_into(window, "File to save to: .safetensors", file.to_str().unwrap());
    press(window, Role::Button, "Save");
    until(window, "a model file", |window| told(window).iter().any(|m| m.contains("Model saved to")));
    let compute = crackscope::train::config::Compute::default();
    let inspector = crackscope::inspect::Inspector::open(&file, compute).unwrap();
    let own = crackscope::inspect::Inspector::open(Path::new("bundled"), compute).unwrap();
    assert_ne!(inspector.contrast(), own.contrast());
    assert_eq!(inspector.threshold(), own.threshold());
}
