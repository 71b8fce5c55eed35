//! What the window looks like: each tab in light and dark, at one and two pixels a point, held against pictures in
//! `tests/pictures/`. `UPDATE_SNAPSHOTS=1` writes them anew, for whoever changes the window to look at; `oxipng -o 3` makes
//! them half as large.

use std::path::Path;
use std::time::Duration;

use crackscope::app::{App, WindowOptions};
use crackscope::dataset::Class;
use crackscope::nn::choice::PrecisionChoice;
use crackscope::places::Places;
use crackscope::train::config::DeviceChoice;
use egui::accesskit::Role;
use egui::{Event, Key, Modifiers, Rect, Theme, ViewportId, vec2};
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use egui_kittest::{Harness, SnapshotOptions, SnapshotResults};
use image::{Rgb, RgbImage};

use super::painter::Painter;
use super::window::{Window, press, until};

const CTRL: Modifiers = Modifiers::COMMAND;
/// The smallest window that everything must fit into.
const SIZE: egui::Vec2 = vec2(1024.0, 640.0);

/// Pixels that may differ once something was trained: another processor adds in another order, and the last digit of a
/// figure or two may be another one.
const DIGITS: usize = 40;
/// Height of the bar below, which hides what is cut by it.
const BAR: f32 = 42.0;

/// A window whose pictures are taken.
struct Studio {
    window: Window,
    theme: &'static str,
    results: SnapshotResults,
}

impl Studio {
    fn open(home: &Path, theme: &'static str) -> Self {
        std::fs::create_dir_all(home.join("config")).unwrap();
        let settings = format!("theme = \"{theme}\"\ntoured = true\n[train]\nepochs = 6\n");
        std::fs::write(home.join("config/window.toml"), settings).unwrap();
        // The same figures on processors that would round to bf16.
        let (device, precision) = (Some(DeviceChoice::Cpu), Some(PrecisionChoice::F32));
        let options = WindowOptions { folder: None, run: None, places: Places::below(home), device, precision };
        let window = Harness::builder()
            .with_theme(if theme == "light" { Theme::Light } else { Theme::Dark })
            .with_size(SIZE)
            .with_max_steps(64)
            .renderer(Painter::default())
            .build_eframe(|creation| App::new(&creation.egui_ctx, options).unwrap());
        Self { window, theme, results: SnapshotResults::new() }
    }

    fn key(&mut self, modifiers: Modifiers, key: Key) {
        self.window.key_press_modifiers(modifiers, key);
        self.window.run_steps(3);
    }

    fn type_text(&mut self, text: &str) {
        self.window.event(Event::Text(text.to_owned()));
        self.window.run_steps(3);
    }

    /// Does what the list of commands has by this name.
    fn command(&mut self, name: &str) {
        self.key(CTRL, Key::K);
        self.type_text(name);
        self.key(Modifiers::NONE, Key::Enter);
    }

    fn at_rest(&mut self) {
        until(&mut self.window, "rest", |window| !window.state().is_busy());
    }

    /// The window at both sizes, with what is another thing each time covered.
    fn take(&mut self, name: &str, covers: &[[f32; 4]]) {
        for (scale, size) in [(1.0, "1x"), (2.0, "2x")] {
            let viewport = self.window.input_mut().viewports.entry(ViewportId::ROOT).or_default();
            viewport.native_pixels_per_point = Some(scale);
            for _ in 0..2 {
                self.window.run_steps(20); // until what moves has come to rest, and thumbnails are there
                std::thread::sleep(Duration::from_millis(100));
            }
            self.window.run_steps(5);
            self.cover(name, covers);
            let name = format!("{name}-{}-{size}", self.theme);
            let digits =
                if self.window.state().session().verdict.is_some() { DIGITS * (scale * scale) as usize } else { 0 };
            let options = SnapshotOptions::new().output_path("tests/pictures").max_failed_pixels(digits);
            self.results.add(self.window.try_snapshot_options(name, &options));
        }
    }

    /// Covers these parts; all that shows dates, seconds, places on this machine or its processor must lie in them.
    fn cover(&mut self, name: &str, covers: &[[f32; 4]]) {
        let own = std::env::temp_dir().display().to_string();
        let changes =
            |text: String| text.contains(&own) || text.starts_with("CPU") || has_date(&text) || has_seconds(&text);
        let covers: Vec<Rect> = [DEVICE, TOLD]
            .iter()
            .chain(covers)
            .map(|[x0, y0, x1, y1]| Rect::from_x_y_ranges(*x0..=*x1, *y0..=*y1))
            .collect();
        let whole = Rect::from_x_y_ranges(0.0..=SIZE.x, 0.0..=SIZE.y - BAR);
        let open: Vec<String> = self
            .window
            .query_all_by(|node| {
                node.role() != Role::Image && (node.label().is_some_and(changes) || node.value().is_some_and(changes))
            })
            .filter(|node| whole.intersects(node.rect()))
            .filter(|node| !covers.iter().any(|cover| cover.contains_rect(node.rect().intersect(whole))))
            .map(|node| format!("{:?} {:?}", node.rect(), node.accesskit_node().label()))
            .collect();
        assert!(open.is_empty(), "{name}: {open:#?}");
        covers.into_iter().for_each(|cover| self.window.mask(cover));
    }
}

/// Whether a day stands in it, as in `2026-05-01`.
fn has_date(text: &str) -> bool {
    let form = b"0000-00-00";
    let fits = |part: &[u8]| part.iter().zip(form).all(|(a, b)| if *b == b'0' { a.is_ascii_digit() } else { a == b });
    text.as_bytes().windows(form.len()).any(fits)
}

/// Whether a time stands in it, as in `0.4 s`.
fn has_seconds(text: &str) -> bool {
    let words: Vec<&str> = text.split([' ', '\u{a0}']).collect();
    words.windows(2).any(|pair| {
        let number = pair[0].trim_start_matches(['~', '(']).parse::<f64>().is_ok();
        number && ["s", "min", "ms", "h"].contains(&pair[1].trim_end_matches([',', '.', ')', ';', ':']))
    })
}

/// Parts of the window that show another thing each time, on every tab: the device and its kernels.
const DEVICE: [f32; 4] = [780.0, 46.0, 1012.0, 70.0];
/// What is told at the bottom for a while.
const TOLD: [f32; 4] = [560.0, 604.0, 897.0, 638.0];
/// The folder of a photo.
const FOLDER: [f32; 4] = [790.0, 554.0, 1016.0, 599.0];
/// The name of a run in the Inspect tab.
const INSPECTED: [f32; 4] = [64.0, 82.0, 272.0, 118.0];
/// The name of a run in the Model tab.
const RUN: [f32; 4] = [64.0, 82.0, 292.0, 118.0];
/// The name of the run that is reviewed.
const REVIEWED: [f32; 4] = [8.0, 112.0, 327.0, 144.0];
/// How a run ended and what it took.
const TOOK: [f32; 4] = [398.0, 140.0, 900.0, 168.0];
/// Small pictures that are taken from whatever size is at hand: those most like a suspect, and the filmstrip.
const LIKE: [f32; 4] = [696.0, 436.0, 1018.0, 599.0];
const FILM: [f32; 4] = [0.0, 511.0, 1024.0, 598.0];
/// How long an inspection took.
const SECONDS: [f32; 4] = [728.0, 270.0, 1018.0, 294.0];
/// Where what is typed goes: it blinks.
const CURSOR: [f32; 4] = [284.0, 166.0, 296.0, 190.0];

/// Photos with little in them, so that pictures of the window are small files.
fn draw(folder: &Path) {
    for class in Class::ALL {
        std::fs::create_dir_all(folder.join(class.name())).unwrap();
        for number in 0..20_u32 {
            let photo = RgbImage::from_fn(160, 128, |x, y| {
                let line = 64.0 + 3.0 * f64::from(number % 7) + 20.0 * libm::sin(f64::from(x + 9 * number) / 23.0);
                let dark = class == Class::Positive && (f64::from(y) - line).abs() < 2.0;
                Rgb(if dark { [52; 3] } else { [140 + 3 * number as u8, 140 + 2 * number as u8, 150] })
            });
            photo.save(folder.join(class.name()).join(format!("{number:02}.png"))).unwrap();
        }
    }
}

fn each_tab(theme: &'static str) {
    let folder = tempfile::tempdir().unwrap();
    let photos = folder.path().join("Brücke Süd");
    draw(&photos);
    let mut studio = Studio::open(&folder.path().join("home"), theme);
    for (key, name) in [(Key::Num1, "start"), (Key::Num4, "review-empty"), (Key::Num5, "inspect-empty")] {
        studio.key(CTRL, key);
        studio.take(name, &[]);
    }
    studio.key(CTRL, Key::Num1);
    studio.command("first steps");
    studio.take("first-steps", &[]);
    studio.key(Modifiers::NONE, Key::Escape);
    studio.key(CTRL, Key::L);
    studio.type_text(photos.to_str().unwrap());
    studio.key(Modifiers::NONE, Key::Enter);
    until(&mut studio.window, "photos open", |window| window.state().session().len() == 40);
    studio.at_rest();
    studio.key(CTRL, Key::Num1);
    studio.take("browse", &[FOLDER]);
    studio.key(CTRL, Key::Num3);
    studio.take("train-form", &[]);
    studio.key(CTRL, Key::Enter);
    until(&mut studio.window, "a run", |window| {
        !window.state().is_busy() && window.state().session().verdict.is_some()
    });
    studio.take("train", &[TOOK]);
    of_the_run(&mut studio);
    studio.results.into_result().unwrap_or_else(|failed| panic!("{failed}"));
}

fn of_the_run(studio: &mut Studio) {
    studio.key(CTRL, Key::Num2);
    press(&mut studio.window, Role::Button, "Look for suspects");
    studio.at_rest();
    studio.take("curate", &[LIKE]);
    studio.key(CTRL, Key::Num4);
    press(&mut studio.window, Role::Button, "All");
    studio.take("review", &[REVIEWED]);
    press(&mut studio.window, Role::Button, "Threshold");
    studio.take("review-threshold", &[REVIEWED]);
    studio.key(CTRL, Key::Num5);
    studio.key(Modifiers::NONE, Key::End);
    until(&mut studio.window, "a map", |window| {
        window.query_all_by_label_contains("of cells cracked").next().is_some()
    });
    studio.at_rest();
    studio.take("inspect", &[INSPECTED, SECONDS, FILM]);
    press(&mut studio.window, Role::Button, "Corrections");
    studio.take("inspect-corrections", &[INSPECTED, FILM]);
    studio.key(CTRL, Key::Num6);
    until(&mut studio.window, "weights", |window| {
        window.query_all_by_label_contains("std. deviation").next().is_some()
    });
    studio.take("model", &[RUN]);
    studio.key(CTRL, Key::K);
    studio.take("palette", &[RUN, CURSOR]);
    studio.key(Modifiers::NONE, Key::Escape);
    studio.key(Modifiers::NONE, Key::F1);
    studio.take("keys", &[RUN]);
}

#[test]
fn each_tab_looks_as_it_did_in_light() {
    each_tab("light");
}

#[test]
fn each_tab_looks_as_it_did_in_dark() {
    each_tab("dark");
}
