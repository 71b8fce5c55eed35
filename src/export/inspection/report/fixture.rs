//! Drawn photos with findings, for tests.

use std::path::Path;

use image::{Rgb, RgbImage};

use super::{Overlay, Sheet};
use crate::inspect::photo::{Inspected, Opened};
use crate::inspect::{Findings, Grid, HeatMap, Look, Measures, Scale, Settings};

/// A photo of 640 × 192 as [`opened`] draws it, in its own size.
pub fn sheet(name: &str, cells: usize, pixels_per_mm: Option<f64>) -> Sheet {
    Sheet::of(&opened(name, (640, 192), cells, pixels_per_mm), &Overlay::default(), 1400).unwrap()
}

/// The height of the dark line: it wavers, for what is straight is a joint.
pub fn line(x: f32) -> f32 {
    48.0 + 10.0 * (x / 30.0).sin()
}

/// A grey photo with a dark line across, of which so many cells from the left on count as cracked.
pub fn opened(name: &str, (width, height): (u32, u32), cells: usize, pixels_per_mm: Option<f64>) -> Opened {
    let dark = |x: u32, y: u32| (y as f32 - line(x as f32)).abs() < 2.0;
    let level = |x: u32, y: u32| if dark(x, y) { 40 } else { 120 + (x % 7) as u8 + (y % 5) as u8 };
    let photo = RgbImage::from_fn(width, height, |x, y| Rgb([level(x, y); 3]));
    let grid = Grid::of(width, height);
    let logit = |cell: usize| match grid.place(cell) {
        (column, 1) if column < cells => 4.0,
        _ => -8.0,
    };
    let map = HeatMap { grid, logits: (0..grid.len()).map(logit).collect() };
    let findings = Findings::of(&map, &photo, 0.5, &Settings::default());
    let scale = pixels_per_mm.map(|number| Scale::given(number).unwrap());
    let measures = Measures::of(&map, &findings, scale);
    let path = Path::new("/home/somebody/photos").join(name);
    let inspected = Inspected { path, map, findings, measures, scale, no_scale: None, seconds: 1.0, look_seconds: 0.9 };
    Opened { inspected, photo, look: Look { grid, layers: Vec::new() } }
}
