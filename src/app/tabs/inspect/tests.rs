//! The tab alone, with what it asks for.

use std::cell::RefCell;
use std::time::Instant;

use egui::{Key, Modifiers, PointerButton, Pos2, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use image::RgbImage;

use super::paint::Tool;
use super::*;
use crate::app::scene::Running;
use crate::app::session::Session;
use crate::app::settings::Settings;
use crate::app::thumbnails::Thumbnails;
use crate::app::worker::Controls;
use crate::app::worker::inspection::{ModelOf, PhotoDone, Seen};
use crate::dataset::{Class, Dataset, Layout, Sample, Skipped};
use crate::inspect::{Grid, HeatMap, Settings as Looking};
use crate::nn::bundled;

struct Alone {
    tab: InspectTab,
    session: Session,
    settings: Settings,
    thumbnails: Thumbnails,
    job: Option<Running>,
    asked: RefCell<Vec<Command>>,
}

impl Alone {
    fn requests(&self) -> Vec<Request> {
        let asked = self.asked.borrow();
        let of_tab = |command: &Command| match command {
            Command::Inspect(request) => Some(Request::clone(request)),
            _ => None,
        };
        asked.iter().filter_map(of_tab).collect()
    }

    /// The looks that were asked for: the photos, and whether nobody pressed a button.
    fn looks(&self) -> Vec<(Vec<PathBuf>, bool)> {
        let look = |request| match request {
            Request::Run { task: Task::Inspect(order), unasked } => Some((order.photos, unasked)),
            _ => None,
        };
        self.requests().into_iter().filter_map(look).collect()
    }
}

/// Photos of 320 × 192 pixels, which are nowhere.
fn session(names: &[&str]) -> Session {
    let sample = |name: &&str| Sample {
        file: (*name).to_owned(),
        path: format!("/nowhere/{name}").into(),
        bytes: 1,
        ..Sample::default()
    };
    let dataset = Dataset {
        roots: vec!["/nowhere".into()],
        layout: Layout::Unlabelled,
        samples: names.iter().map(sample).collect(),
        skipped: Skipped::default(),
        problems: vec![],
    };
    Session { dataset: Some(Arc::new(dataset)), listed: 1, ..Session::default() }
}

fn harness(names: &[&str], size: egui::Vec2) -> Harness<'static, Alone> {
    let alone = Alone {
        tab: InspectTab::default(),
        session: if names.is_empty() { Session::default() } else { session(names) },
        settings: Settings::default(),
        thumbnails: Thumbnails::new(&egui::Context::default()).unwrap(),
        job: None,
        asked: RefCell::default(),
    };
    Harness::builder().with_size(size).build_ui_state(
        |ui, alone: &mut Alone| {
            theme::install(ui.ctx());
            let mut scene = Scene {
                session: &alone.session,
                selected: None,
                settings: &mut alone.settings,
                runs: &[],
                runs_folder: Path::new("/runs"),
                job: alone.job.as_ref(),
                thumbnails: &mut alone.thumbnails,
                commands: alone.asked.get_mut(),
            };
            alone.tab.ui(ui, &mut scene);
        },
        alone,
    )
}

fn own() -> ModelOf {
    ModelOf { path: bundled::NAME.into(), head: None }
}

fn photo() -> RgbImage {
    // It wavers: what is straight is a joint.
    let line = |x: u32| 80.0 + 10.0 * (x as f32 / 30.0).sin();
    let dark = |x: u32, y: u32| (y as f32 - line(x)).abs() < 2.0;
    RgbImage::from_fn(320, 192, |x, y| image::Rgb([if dark(x, y) { 40 } else { 150 + (x * 7 % 13) as u8 }; 3]))
}

/// The row of cells from 64 to 95 pixels is cracked, and says so with p of 0.95.
fn seen(harness: &mut Harness<'static, Alone>, name: &str) {
    let grid = Grid::of(320, 192);
    let logits = (0..grid.len()).map(|cell| if grid.place(cell).1 == 2 { 3.0 } else { -4.0 }).collect();
    let map = Arc::new(HeatMap { grid, logits });
    let settings = harness.state().settings.inspect.settings.clone();
    let findings = Arc::new(Findings::of(&map, &photo(), 0.5, &settings));
    let seen = Seen { map, findings, stored: 0.5, lens: None, seconds: 0.2, look_seconds: 0.1 };
    let path = PathBuf::from(format!("/nowhere/{name}"));
    let done = PhotoDone { path, model: own(), settings, result: Ok(seen) };
    harness.state_mut().tab.take(Told::Done(Box::new(done)));
}

/// Both the picture and what was seen on it.
fn shown(names: &[&str]) -> Harness<'static, Alone> {
    let mut harness = harness(names, vec2(1280.0, 680.0));
    harness.run_steps(2);
    seen(&mut harness, names[0]);
    let path = PathBuf::from(format!("/nowhere/{}", names[0]));
    harness.state_mut().tab.photo_arrived(&path, Ok(Picture::from_rgb(photo())));
    harness.run_steps(3);
    harness
}

/// Where a pixel of the photo lies on the screen: the photo is fitted, enlarged no more than eight times.
fn on_screen(harness: &Harness<'static, Alone>, x: f32, y: f32) -> Pos2 {
    let view = harness
        .get_by(|node| node.role() == egui::Role::Image && node.label().is_some_and(|l| l.contains("a.jpg")))
        .rect();
    let scale = (view.size() / vec2(320.0, 192.0)).min_elem().min(8.0);
    let photo = egui::Rect::from_center_size(view.center(), vec2(320.0, 192.0) * scale);
    photo.min + vec2(x, y) * scale
}

fn drag(harness: &mut Harness<'static, Alone>, from: Pos2, to: Pos2) {
    let button = |pos, pressed| egui::Event::PointerButton {
        pos,
        button: PointerButton::Primary,
        pressed,
        modifiers: Modifiers::NONE,
    };
    harness.event(egui::Event::PointerMoved(from));
    harness.run_steps(1);
    harness.event(button(from, true));
    harness.run_steps(1);
    for step in 1..=4 {
        harness.event(egui::Event::PointerMoved(from + (to - from) * (step as f32 / 4.0)));
        harness.run_steps(1);
    }
    harness.event(button(to, false));
    harness.run_steps(2);
}

#[track_caller]
fn press(harness: &mut Harness<'static, Alone>, label: &str) {
    harness.get_by_role_and_label(egui::Role::Button, label).click();
    harness.run_steps(3);
}

fn running(kind: Kind) -> Running {
    Running { number: 1, kind, controls: Controls::default(), progress: None, begun: Instant::now(), epochs: None }
}

#[test]
fn the_photo_that_is_selected_is_looked_at_at_once_and_once() {
    let mut harness = harness(&["a.jpg", "b.jpg"], vec2(1280.0, 680.0));
    harness.run_steps(4);
    assert_eq!(harness.state().looks(), [(vec![PathBuf::from("/nowhere/a.jpg")], true)]);
    let asked = |harness: &Harness<'static, Alone>| {
        let asked = harness.state().asked.borrow();
        asked.iter().filter(|c| matches!(c, Command::Photo(path) if path.ends_with("a.jpg"))).count()
    };
    assert_eq!(asked(&harness), 1);
    seen(&mut harness, "a.jpg");
    harness.run_steps(2);
    harness.get_by_label("a.jpg: 17 % of cells cracked");
    harness.key_press(Key::ArrowRight);
    harness.run_steps(3);
    assert_eq!(harness.state().looks().last().unwrap().0, [PathBuf::from("/nowhere/b.jpg")]);
    harness.key_press(Key::ArrowLeft);
    harness.run_steps(3);
    assert_eq!(harness.state().looks().len(), 2, "the first is known");
}

#[test]
fn while_something_else_runs_nothing_is_looked_at_unasked() {
    let mut harness = shown(&["a.jpg", "b.jpg"]);
    let before = harness.state().looks().len();
    harness.state_mut().job = Some(running(Kind::Train));
    harness.key_press(Key::ArrowRight);
    harness.run_steps(4);
    assert_eq!(harness.state().looks().len(), before);
    harness.state_mut().job = None;
    harness.run_steps(2);
    assert_eq!(harness.state().looks().len(), before + 1);
}

#[test]
fn all_that_are_left_are_inspected_by_one_button() {
    let mut harness = shown(&["a.jpg", "b.jpg", "c.jpg"]);
    let label = theme::icon_text(icons::ICON_PLAY_CIRCLE, "Inspect all 2 photos");
    press(&mut harness, &label);
    let (photos, unasked) = harness.state().looks().last().unwrap().clone();
    assert_eq!((photos.len(), unasked), (2, false));
    harness.state_mut().job = Some(running(Kind::Inspect));
    harness.state_mut().tab.take(Told::Begun("/nowhere/b.jpg".into()));
    harness.run_steps(2);
    harness.get_by_label("b.jpg: being inspected");
    harness.get_by_label("c.jpg: waits");
    let error = Error::file("read", Path::new("/nowhere/b.jpg"), "the file ends too soon");
    let done =
        PhotoDone { path: "/nowhere/b.jpg".into(), model: own(), settings: Looking::default(), result: Err(error) };
    harness.state_mut().tab.take(Told::Done(Box::new(done)));
    harness.state_mut().tab.ended();
    harness.state_mut().job = None;
    harness.run_steps(2);
    harness.get_by_label("b.jpg: the file ends too soon");
    harness.get_by_label("c.jpg: not inspected yet");
    // One that cannot be read is not tried again and again, but on demand.
    let before = harness.state().looks().len();
    harness.key_press(Key::ArrowRight);
    harness.run_steps(3);
    assert_eq!(harness.state().looks().len(), before);
    press(&mut harness, &theme::icon_text(icons::ICON_REFRESH, "Try again"));
    assert_eq!(harness.state().looks().len(), before + 1);
}

#[test]
fn measures_are_said_and_a_crack_is_brought_into_view() {
    let mut harness = shown(&["a.jpg"]);
    for text in ["17 %", "of cells cracked", "regions", "0.95"] {
        harness.get_by_label(text);
    }
    harness.get_by_label("What these figures are worth").click();
    harness.run_steps(4);
    harness.get_by_label_contains("counts as cracked as a whole");
    let crack = harness.get_by(|node| node.label().is_some_and(|l| l.starts_with("1 · ") && l.contains("p 0.95")));
    crack.click();
    harness.run_steps(3);
    assert_eq!(harness.state().tab.cracks.chosen, Some(0));
    let fitted = |harness: &Harness<'static, Alone>| {
        harness.query_by(|node| node.label().is_some_and(|l| l.starts_with("a.jpg, "))).is_some()
    };
    assert!(fitted(&harness));
    press(&mut harness, "px/mm");
    harness.get_by_label_contains("5.000 pixels to a millimetre");
    assert!(harness.query_all_by_label_contains(" mm").count() >= 2, "together, and of each crack");
}

#[test]
fn a_line_on_the_photo_gives_millimetres() {
    let mut harness = shown(&["a.jpg", "b.jpg"]);
    press(&mut harness, "line");
    press(&mut harness, "Draw a line…");
    let (from, to) = (on_screen(&harness, 20.0, 150.0), on_screen(&harness, 220.0, 150.0));
    drag(&mut harness, from, to);
    let line = harness.state_mut().tab.queue.current().unwrap().1.line.unwrap();
    assert!((line.pixels() - 200.0).abs() < 1.5, "{line:?}");
    harness.get_by_label_contains("2.00");
    press(&mut harness, "Use for all photos");
    harness.key_press(Key::ArrowRight);
    seen(&mut harness, "b.jpg");
    harness.run_steps(3);
    harness.get_by_label_contains("pixels to a millimetre");
}

#[test]
fn another_threshold_asks_for_findings_and_no_look() {
    let mut harness = shown(&["a.jpg"]);
    let looks = harness.state().looks().len();
    harness.state_mut().tab.threshold = Some(0.97);
    harness.run_steps(3);
    harness.get_by_label("a.jpg: 0 % of cells cracked");
    let finds = harness.state().requests().into_iter().filter_map(|request| match request {
        Request::Find(order) => Some(order),
        _ => None,
    });
    let finds: Vec<Box<FindOrder>> = finds.collect();
    assert_eq!((finds.len(), finds[0].threshold), (1, 0.97));
    let findings = Findings::of(&finds[0].map, &photo(), 0.97, &finds[0].settings);
    harness.state_mut().tab.found(&finds[0], Ok(Arc::new(findings)));
    harness.run_steps(3);
    assert_eq!(harness.state().looks().len(), looks);
    harness.get_by_label("0 px");
    press(&mut harness, "Back to the model's own, 0.50");
    harness.get_by_label("a.jpg: 17 % of cells cracked");
}

#[test]
fn cells_are_painted_taken_back_and_trained_on() {
    let mut harness = shown(&["a.jpg"]);
    press(&mut harness, "Corrections");
    harness.get_by_label("Nothing is painted yet.");
    press(&mut harness, "● Intact");
    let (from, to) = (on_screen(&harness, 5.0, 80.0), on_screen(&harness, 315.0, 80.0));
    drag(&mut harness, from, to);
    let painted = |harness: &mut Harness<'static, Alone>| -> Vec<(usize, Class)> {
        harness.state_mut().tab.queue.current().unwrap().1.paint.cells().collect()
    };
    assert_eq!(painted(&mut harness), (20..30).map(|cell| (cell, Class::Negative)).collect::<Vec<_>>());
    harness.get_by_label("10 cells on 1 photo.");
    press(&mut harness, "▲ Crack");
    let (from, to) = (on_screen(&harness, 5.0, 10.0), on_screen(&harness, 60.0, 10.0));
    drag(&mut harness, from, to);
    assert_eq!(painted(&mut harness).len(), 12);
    harness.state_mut().tab.undo();
    harness.run_steps(2);
    assert_eq!(painted(&mut harness).len(), 10);
    press(&mut harness, &theme::icon_text(icons::ICON_PLAY_CIRCLE, "Train on the corrections"));
    let Some(Request::Run { task: Task::Correct(correction), unasked: false }) = harness.state().requests().pop()
    else {
        panic!("no training")
    };
    assert_eq!((correction.photos[0].1.len(), correction.model.clone()), (10, own()));

    // The map that follows replaces the one before, and the model that was trained looks from now on.
    let map = harness.state_mut().tab.queue.current().unwrap().1.seen.as_ref().unwrap().map.clone();
    let follows = HeatMap { grid: map.grid, logits: vec![-4.0; map.grid.len()] };
    let model = ModelOf { head: Some(0), ..own() };
    let corrected = Corrected {
        model: model.clone(),
        cells: 10,
        photos: 1,
        samples: 10,
        right_before: 0,
        right_after: 10,
        of_run: 0,
        maps: vec![("/nowhere/a.jpg".into(), Arc::new(follows))],
        seconds: 0.4,
    };
    let looks = harness.state().looks().len();
    harness.state_mut().tab.take_corrected(Box::new(corrected));
    harness.run_steps(3);
    harness.get_by_label("a.jpg: 0 % of cells cracked, corrected");
    assert_eq!(harness.state().looks().len(), looks, "no new pass");
    press(&mut harness, &theme::icon_text(icons::ICON_DOWNLOAD, "Keep the model…"));
    assert!(harness.state().tab.is_modal());
    harness.state_mut().tab.keep_as(Path::new("/models/site.safetensors"));
    harness.run_steps(2);
    press(&mut harness, "Save");
    let Some(Request::Run { task: Task::Keep(order), .. }) = harness.state().requests().pop() else { panic!() };
    assert_eq!((order.model.clone(), order.replace, order.threshold), (model, false, 0.5));
    harness.state_mut().tab.take_kept(&Kept::Exists(order.path.clone()));
    harness.run_steps(2);
    press(&mut harness, "Replace it");
    let Some(Request::Run { task: Task::Keep(order), .. }) = harness.state().requests().pop() else { panic!() };
    assert!(order.replace);
    harness.state_mut().tab.take_kept(&Kept::Written(order.path.clone()));
    harness.run_steps(2);
    assert!(!harness.state().tab.is_modal());
}

#[test]
fn a_cancelled_look_is_taken_when_its_photo_is_chosen_again() {
    let mut harness = harness(&["a.jpg", "b.jpg"], vec2(1280.0, 680.0));
    harness.run_steps(4);
    let looks = |harness: &Harness<'static, Alone>| harness.state().looks().len();
    assert_eq!(looks(&harness), 1);
    // Another job takes its place: the look is taken once that has ended.
    harness.state_mut().tab.ended();
    harness.state_mut().job = Some(running(Kind::Train));
    harness.run_steps(3);
    assert_eq!(looks(&harness), 1);
    harness.state_mut().job = None;
    harness.run_steps(3);
    assert_eq!(looks(&harness), 2);
    // The user cancels it: not until the photo is chosen again.
    harness.state_mut().tab.cancelled();
    harness.state_mut().tab.ended();
    harness.run_steps(5);
    assert_eq!(looks(&harness), 2);
    harness.key_press(Key::Home);
    harness.run_steps(3);
    assert_eq!(looks(&harness), 3);
    harness.run_steps(5);
    assert_eq!(looks(&harness), 3, "once");
}

#[test]
fn cells_are_painted_by_keys() {
    let mut harness = shown(&["a.jpg"]);
    let key = |harness: &mut Harness<'static, Alone>, modifiers, key| {
        harness.key_press_modifiers(modifiers, key);
        harness.run_steps(3);
    };
    key(&mut harness, Modifiers::NONE, Key::P);
    harness.get_by_label_contains("By keys: P goes to the cells");
    // 10 × 6 cells: the middle is the sixth of the fourth row.
    harness.get_by_label_contains("a.jpg, cell 6 of row 4, p 0.018, intact");
    key(&mut harness, Modifiers::NONE, Key::ArrowUp);
    harness.get_by_label_contains("a.jpg, cell 6 of row 3, p 0.953, cracked");
    key(&mut harness, Modifiers::NONE, Key::Num2);
    key(&mut harness, Modifiers::SHIFT, Key::ArrowRight);
    key(&mut harness, Modifiers::SHIFT, Key::ArrowRight);
    let painted = |harness: &mut Harness<'static, Alone>| -> Vec<(usize, Class)> {
        harness.state_mut().tab.queue.current().unwrap().1.paint.cells().collect()
    };
    assert_eq!(painted(&mut harness), [25, 26, 27].map(|cell| (cell, Class::Negative)));
    harness.state_mut().tab.undo();
    harness.run_steps(2);
    assert_eq!(painted(&mut harness).len(), 2);
    harness.state_mut().tab.brush.tool = Tool::Off;
    key(&mut harness, Modifiers::SHIFT, Key::ArrowLeft);
    assert_eq!(painted(&mut harness).len(), 2, "moving the photo paints nothing");
    key(&mut harness, Modifiers::NONE, Key::Delete);
    assert_eq!(painted(&mut harness), [(25, Class::Negative)]);
    for _ in 0..20 {
        key(&mut harness, Modifiers::NONE, Key::ArrowLeft);
    }
    harness.get_by_label_contains("a.jpg, cell 1 of row 3, ");
    key(&mut harness, Modifiers::NONE, Key::Escape);
    assert!(harness.query_by_label_contains("a.jpg, cell").is_none(), "the cursor is there with the keyboard alone");
}

#[test]
fn other_settings_ask_before_another_look() {
    let mut harness = shown(&["a.jpg"]);
    press(&mut harness, "Settings");
    let looks = harness.state().looks().len();
    press(&mut harness, "chosen");
    harness.get_by_role_and_label(egui::Role::CheckBox, "2").click();
    harness.run_steps(3);
    assert_eq!(harness.state().settings.inspect.settings.scales, [0.5, 1.0]);
    assert_eq!(harness.state().looks().len(), looks);
    harness.get_by_label("a.jpg: 17 % of cells cracked, inspected in another way");
    press(&mut harness, "Inspect again");
    assert_eq!(harness.state().looks().len(), looks + 1);
    // What is left out of the findings needs no look at all.
    press(&mut harness, "by size");
    harness.get_by_role_and_label(egui::Role::CheckBox, "Leave out joints").click();
    harness.run_steps(3);
    assert!(harness.query_by_label("Inspect again").is_none());
    assert!(
        matches!(harness.state().requests().last(), Some(Request::Find(order)) if !order.settings.leave_out.joints)
    );
}

#[test]
fn what_was_found_is_exported_as_it_is_seen() {
    let mut harness = shown(&["a.jpg", "b.jpg"]);
    harness.state_mut().settings.inspect.look.boxes = false;
    press(&mut harness, &theme::icon_text(icons::ICON_DOWNLOAD, "Export…"));
    harness.state_mut().tab.export_to(Path::new("/reports/bridge"));
    harness.run_steps(2);
    harness.get_by_role_and_label(egui::Role::CheckBox, "Report").click();
    harness.run_steps(2);
    harness.get_by_role_and_label(egui::Role::TextInput, "Client").focus();
    harness.run_steps(1);
    harness.get_by_role_and_label(egui::Role::TextInput, "Client").type_text("Bauamt");
    harness.run_steps(2);
    press(&mut harness, "Export");
    let Some(Request::Run { task: Task::Write(order), .. }) = harness.state().requests().pop() else { panic!() };
    assert_eq!(order.report.as_ref().and_then(|cover| cover.client.as_deref()), Some("Bauamt"));
    assert_eq!((order.photos.len(), order.stored, order.overlay.boxes), (1, true, false));
    assert_eq!((order.folder.clone(), order.roots.clone()), ("/reports/bridge".into(), vec!["/nowhere".into()]));
    harness.state_mut().tab.failed(Kind::WriteInspection, &Error::new("/reports/bridge is not empty"));
    harness.run_steps(2);
    harness.get_by_label_contains("is not empty");
    harness.state_mut().tab.written();
    harness.run_steps(2);
    assert!(!harness.state().tab.is_modal());
}

#[test]
fn nothing_to_inspect_says_what_to_do() {
    let mut harness = harness(&[], vec2(1024.0, 520.0));
    harness.run_steps(3);
    harness.get_by_label("No photos to inspect");
    press(&mut harness, "Inspect a photo…");
    assert!(matches!(harness.state().requests().last(), Some(Request::ChoosePhoto)));
    harness.state_mut().tab.take_listed(vec!["/far/x.jpg".into()]);
    harness.run_steps(3);
    harness.get_by_label("x.jpg: not inspected yet");
}

#[test]
fn nothing_is_cut_off_in_the_smallest_window() {
    let mut harness = shown(&["a.jpg"]);
    for pane in ["Measures", "Corrections", "Settings"] {
        harness.set_size(vec2(1024.0, 520.0));
        press(&mut harness, pane);
        let cut: Vec<String> = harness
            .get_all_by(|node| matches!(node.role(), egui::Role::Button | egui::Role::CheckBox | egui::Role::Slider))
            .filter(|node| node.rect().right() > 1024.5 || node.rect().left() < -0.5)
            .filter_map(|node| node.accesskit_node().label())
            .collect();
        assert!(cut.is_empty(), "{pane}: {cut:?}");
    }
}
