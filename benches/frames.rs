//! What a frame of the window costs the processor, before anything is drawn: all that the program itself does.
//!
//!     cargo bench --bench frames
//!
//! A photo of 12 megapixels and one of 100 are inspected, then moved about under the pointer and magnified with the map
//! over them; a grid of photos is scrolled. Said are the time of a frame (input, layout, triangles), the triangles, and the
//! bytes of textures that a frame hands to the GPU. A screen that shows 60 frames a second has 16.7 ms for each.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)] // A benchmark that cannot run should say so at once.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use crackscope::app::{App, WindowOptions};
use crackscope::dataset::Class;
use crackscope::dataset::sample::{SampleConfig, concrete, write_samples};
use crackscope::job::Unwatched;
use crackscope::photo::transform;
use crackscope::places::Places;
use egui::{
    Event, FullOutput, Key, Modifiers, MouseWheelSource, MouseWheelUnit, PointerButton, Pos2, TexturesDelta,
    TouchPhase, pos2, vec2,
};
use egui_kittest::kittest::Queryable as _;
use egui_kittest::{Harness, TestRenderer};

/// Frames of each movement.
const FRAMES: u32 = 300;

/// Counts what would be handed to a GPU.
#[derive(Clone, Default)]
struct Uploads(Rc<Cell<usize>>);

impl TestRenderer for Uploads {
    fn handle_delta(&mut self, delta: &mut TexturesDelta) {
        let bytes = delta.set.values().flatten().map(|delta| delta.image.width() * delta.image.height() * 4);
        self.0.set(self.0.get() + bytes.sum::<usize>());
        delta.clear();
    }

    fn render(&mut self, _: &egui::Context, _: &FullOutput) -> Result<image::RgbaImage, String> {
        Err("nothing is drawn here".to_owned())
    }
}

struct Window {
    harness: Harness<'static, App>,
    uploads: Uploads,
}

impl Window {
    fn open(home: &Path, folder: &Path) -> Self {
        let config = home.join("config");
        std::fs::create_dir_all(&config).unwrap();
        std::fs::write(config.join("window.toml"), "toured = true\n").unwrap();
        let folder = Some(folder.to_owned());
        let options = WindowOptions { folder, run: None, places: Places::below(home), device: None, precision: None };
        let uploads = Uploads::default();
        let harness = Harness::builder()
            .with_size(vec2(1280.0, 800.0))
            .renderer(uploads.clone())
            .build_eframe(|creation| App::new(&creation.egui_ctx, options).unwrap());
        Self { harness, uploads }
    }

    fn until(&mut self, there: impl Fn(&Harness<'_, App>) -> bool) {
        let begun = Instant::now();
        while !there(&self.harness) {
            self.harness.step();
            std::thread::sleep(Duration::from_millis(5));
            assert!(begun.elapsed() < Duration::from_secs(300), "the window does not come to what is measured");
        }
        self.harness.run_steps(30);
    }

    /// Runs a frame for what `input` says each time, and says what it cost.
    fn measure(&mut self, name: &str, input: impl Fn(u32) -> Event) {
        let mut times = Vec::new();
        let (mut most_triangles, mut most_bytes) = (0, 0);
        for frame in 0..FRAMES {
            self.uploads.0.set(0);
            self.harness.event(input(frame));
            let begun = Instant::now();
            self.harness.step();
            let output = self.harness.output();
            let shapes = self.harness.ctx.tessellate(output.shapes.clone(), output.pixels_per_point);
            times.push(begun.elapsed());
            let triangles = |shape: &egui::ClippedPrimitive| match &shape.primitive {
                egui::epaint::Primitive::Mesh(mesh) => mesh.indices.len() / 3,
                egui::epaint::Primitive::Callback(_) => 0,
            };
            most_triangles = most_triangles.max(shapes.iter().map(triangles).sum());
            most_bytes = most_bytes.max(self.uploads.0.get());
        }
        times.sort();
        let ms = |share: f64| 1000.0 * times[((times.len() - 1) as f64 * share) as usize].as_secs_f64();
        println!(
            "{name:<34} {:>6.2} {:>6.2} {:>6.2} {most_triangles:>9} {:>9.1}",
            ms(0.5),
            ms(0.99),
            ms(1.0),
            most_bytes as f64 / 1e6
        );
    }
}

/// A photo of so many pixels.
fn large(folder: &Path, (width, height): (u32, u32)) -> PathBuf {
    std::fs::create_dir_all(folder).unwrap();
    transform::resize(&concrete(1000, Class::Positive, 1), width, height).save(folder.join("large.jpg")).unwrap();
    folder.to_owned()
}

fn main() {
    let folder = tempfile::tempdir().unwrap();
    println!("{:<34} {:>6} {:>6} {:>6} {:>9} {:>9}", "ms a frame", "median", "99 %", "most", "triangles", "MB");
    let middle = pos2(420.0, 380.0);
    let moved = |frame: u32| {
        let turn = frame as f32 / 15.0;
        Event::PointerMoved(middle + vec2(350.0 * turn.sin(), 250.0 * turn.cos()))
    };
    for (name, size) in [("12 megapixels", (4000, 3000)), ("100 megapixels", (12_240, 8160))] {
        let photos = large(&folder.path().join(name), size);
        let mut window = Window::open(&folder.path().join("home").join(name), &photos);
        window.until(|harness| harness.state().session().len() == 1);
        window.harness.key_press_modifiers(Modifiers::COMMAND, Key::Num5);
        window.until(|harness| harness.query_all_by_label_contains("of cells cracked").next().is_some());
        window.until(|harness| !harness.state().is_busy());
        let wheel = |frame: u32| wheel(if frame % 100 < 50 { 20.0 } else { -20.0 });
        window.harness.event(Event::PointerMoved(middle));
        window.measure(&format!("{name}, magnified and back"), wheel);
        window.harness.get_by_label_contains("Original pixels").click();
        window.until(|harness| harness.query_all_by_label("100 %").next().is_some());
        window.harness.event(button(middle, true));
        window.measure(&format!("{name}, moved about"), moved);
        window.harness.event(button(middle, false));
    }
    let photos = folder.path().join("photos");
    write_samples(&photos, &SampleConfig { photos: 4000, side: 64, seed: 1 }, &Unwatched).unwrap();
    let mut window = Window::open(&folder.path().join("home"), &photos);
    window.until(|harness| harness.state().session().len() == 4000 && !harness.state().is_busy());
    window.harness.event(Event::PointerMoved(pos2(600.0, 400.0)));
    window.measure("4,000 photos, scrolled", |_| wheel(-120.0));
}

fn button(pos: Pos2, pressed: bool) -> Event {
    Event::PointerButton { pos, button: PointerButton::Primary, pressed, modifiers: Modifiers::NONE }
}

fn wheel(points: f32) -> Event {
    let (unit, phase, source) = (MouseWheelUnit::Point, TouchPhase::Move, MouseWheelSource::Unknown);
    Event::MouseWheel { unit, delta: vec2(0.0, points), phase, source, modifiers: Modifiers::NONE }
}
