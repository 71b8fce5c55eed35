//! A photo with its map over it, boxes and lines; and the mask of its cracked cells.

use image::{GrayImage, Luma, Rgb, RgbImage};
use rayon::prelude::*;

use super::super::palette;
use crate::inspect::heat::CELL;
use crate::inspect::{Findings, Grid, HeatMap};
use crate::photo::transform;

/// Overlays of larger photos come reduced: 16 megapixels are enough to look at.
pub const MOST_OVERLAY_PIXELS: f64 = 16e6;

/// What an overlay shows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Overlay {
    /// How strongly the map covers the photo where p is 1, from 0 to 1.
    pub opacity: f32,
    /// Whether to draw boxes around regions.
    pub boxes: bool,
    /// Whether to draw the lines along cracks.
    pub lines: bool,
}

impl Default for Overlay {
    fn default() -> Self {
        Self { opacity: 0.5, boxes: true, lines: true }
    }
}

/// Draws the overlay, reduced where the photo has more than [`MOST_OVERLAY_PIXELS`].
///
/// The map's colours are viridis, which the colour-blind can read; the more a cell says for a crack, the less of the
/// photo shows. Lines and boxes are light with a dark rim, so that they are seen on any ground.
pub fn draw(photo: &RgbImage, map: &HeatMap, findings: &Findings, overlay: &Overlay) -> RgbImage {
    let pixels = f64::from(photo.width()) * f64::from(photo.height());
    draw_reduced(photo, map, findings, overlay, (MOST_OVERLAY_PIXELS / pixels.max(1.0)).sqrt())
}

/// The same with the photo's sides times `shrink`, which enlarges nothing.
pub fn draw_reduced(photo: &RgbImage, map: &HeatMap, findings: &Findings, overlay: &Overlay, shrink: f64) -> RgbImage {
    let shrink = shrink.min(1.0);
    let side = |side: u32| ((f64::from(side) * shrink).round() as u32).max(1);
    let (width, height) = (side(photo.width()), side(photo.height()));
    let mut picture = if shrink < 1.0 { transform::resize(photo, width, height) } else { photo.clone() };
    tint(&mut picture, map, findings, overlay.opacity, shrink as f32);
    let pen = (f64::from(width.max(height)) / 900.0).clamp(1.0, 4.0) as f32;
    let shrunk = |[x, y]: [f32; 2]| [x * shrink as f32, y * shrink as f32];
    if overlay.boxes {
        for region in &findings.regions {
            let b = region.bounds;
            let (left, top) = (b.x as f32, b.y as f32);
            let (right, bottom) = ((b.x + b.width) as f32, (b.y + b.height) as f32);
            let corners = [[left, top], [right, top], [right, bottom], [left, bottom], [left, top]].map(shrunk);
            line(&mut picture, &corners, pen, palette::PAPER);
        }
    }
    if overlay.lines {
        for crack in &findings.cracks {
            let points: Vec<[f32; 2]> = crack.points.iter().copied().map(shrunk).collect();
            line(&mut picture, &points, pen, LINE);
        }
    }
    picture
}

/// The lines along cracks: yellow, the far end of viridis.
const LINE: Rgb<u8> = Rgb([0xFD, 0xE7, 0x25]);
/// What surrounds lines.
const RIM: Rgb<u8> = Rgb([0x10, 0x10, 0x10]);

/// White where a cell counts as cracked, black elsewhere; as large as the photo.
pub fn mask(grid: &Grid, findings: &Findings) -> GrayImage {
    let mut mask = GrayImage::new(grid.width, grid.height);
    for (cell, _) in findings.cracked.iter().enumerate().filter(|(_, cracked)| **cracked) {
        let rect = grid.rect(cell);
        for y in rect.y..rect.y + rect.height {
            (rect.x..rect.x + rect.width).for_each(|x| mask.put_pixel(x, y, Luma([255])));
        }
    }
    mask
}

/// Lays the map over a picture that is the photo times `shrink`, but for what was left out.
fn tint(picture: &mut RgbImage, map: &HeatMap, findings: &Findings, opacity: f32, shrink: f32) {
    let (columns, rows) = (map.grid.columns, map.grid.rows);
    let mut p: Vec<f32> = map.probabilities().collect();
    for cell in findings.left_out.iter().flat_map(|left_out| &left_out.region.cells) {
        p.get_mut(*cell).into_iter().for_each(|p| *p = 0.0);
    }
    let step = CELL as f32 * shrink;
    let colours: Vec<Rgb<u8>> = (0..=255_u8).map(|level| palette::viridis(f32::from(level) / 255.0)).collect();
    let width = picture.width() as usize;
    // Between the middles of cells the map is linear, so that it is no mosaic.
    let along = |at: usize, count: usize| {
        let at = ((at as f32 + 0.5) / step - 0.5).clamp(0.0, count.saturating_sub(1) as f32);
        (at as usize, (at as usize + 1).min(count.saturating_sub(1)), at.fract())
    };
    let across: Vec<(usize, usize, f32)> = (0..width).map(|x| along(x, columns)).collect();
    picture.par_chunks_exact_mut(3 * width.max(1)).enumerate().for_each(|(y, row)| {
        let (top, bottom, ty) = along(y, rows);
        let value = |x: usize, y: usize| p.get(y * columns + x).copied().unwrap_or_default();
        for (pixel, (left, right, tx)) in row.chunks_exact_mut(3).zip(&across) {
            let at = |y: usize| value(*left, y) * (1.0 - tx) + value(*right, y) * tx;
            let p = at(top) * (1.0 - ty) + at(bottom) * ty;
            let colour = colours.get((p * 255.0) as usize).copied().unwrap_or(palette::PAPER);
            let share = opacity * p;
            for (level, over) in pixel.iter_mut().zip(colour.0) {
                *level = (f32::from(*level) * (1.0 - share) + f32::from(over) * share).round() as u8;
            }
        }
    });
}

/// Draws a line `2 · pen` pixels wide with a rim.
fn line(picture: &mut RgbImage, points: &[[f32; 2]], pen: f32, colour: Rgb<u8>) {
    for (radius, colour) in [(pen + 1.0, RIM), (pen, colour)] {
        for pair in points.windows(2) {
            if let &[from, to] = pair {
                stroke(picture, from, to, radius, colour);
            }
        }
    }
}

/// Stamps discs along a piece of line.
fn stroke(picture: &mut RgbImage, from: [f32; 2], to: [f32; 2], radius: f32, colour: Rgb<u8>) {
    let length = (to[0] - from[0]).hypot(to[1] - from[1]);
    let stamps = (2.0 * length).ceil().max(1.0) as usize;
    for stamp in 0..=stamps {
        let t = stamp as f32 / stamps as f32;
        let (x, y) = (from[0] + t * (to[0] - from[0]), from[1] + t * (to[1] - from[1]));
        let near =
            |at: f32, count: u32| (at - radius).max(0.0) as u32..((at + radius + 1.0).max(0.0) as u32).min(count);
        for py in near(y, picture.height()) {
            for px in near(x, picture.width()) {
                if (px as f32 + 0.5 - x).hypot(py as f32 + 0.5 - y) <= radius {
                    picture.put_pixel(px, py, colour);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::Settings;

    #[test]
    fn the_map_covers_where_it_is_sure_and_leaves_the_rest() {
        let photo = RgbImage::from_pixel(320, 64, Rgb([100; 3]));
        let grid = Grid::of(320, 64);
        let logits = (0..grid.len()).map(|cell| if grid.place(cell).0 < 3 { 20.0 } else { -20.0 }).collect();
        let map = HeatMap { grid, logits };
        let findings = Findings::of(&map, &photo, 0.5, &Settings::default());
        let plain = Overlay { opacity: 1.0, boxes: false, lines: false };
        let picture = draw(&photo, &map, &findings, &plain);
        assert_eq!((picture.get_pixel(10, 10), picture.get_pixel(300, 60)), (&LINE, &Rgb([100; 3])));
        let boxed = draw(&photo, &map, &findings, &Overlay { opacity: 0.0, ..Overlay::default() });
        assert_eq!((boxed.get_pixel(0, 30), boxed.get_pixel(300, 30)), (&palette::PAPER, &Rgb([100; 3])));
        let mask = mask(&map.grid, &findings);
        assert_eq!(mask.pixels().filter(|level| level.0 == [255]).count(), 96 * 64);
    }

    #[test]
    fn large_photos_come_reduced() {
        let photo = RgbImage::new(8000, 4000);
        let grid = Grid::of(8000, 4000);
        let map = HeatMap { grid, logits: vec![-5.0; grid.len()] };
        let findings = Findings::of(&map, &photo, 0.5, &Settings::default());
        let picture = draw(&photo, &map, &findings, &Overlay::default());
        assert!(f64::from(picture.width()) * f64::from(picture.height()) <= MOST_OVERLAY_PIXELS * 1.01);
        assert_eq!(mask(&grid, &findings).dimensions(), (8000, 4000));
    }
}
