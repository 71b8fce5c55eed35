//! What is dark against one side only: rims of markings, edges of shadows and of whatever lies on the concrete.
//!
//! A crack is a valley: darker than the concrete on both its sides. At the rim of a white line there is a step instead,
//! which a network that knows concrete alone takes for a crack.

use image::RgbImage;

use super::brightness;
use super::heat::{Grid, Rect};
use super::regions::Region;

/// Cells of a region that are asked, about, evenly spaced.
const ASKED: usize = 24;
/// The least share of them that must be rims for the region to be one.
const LEAST_SHARE: f32 = 0.75;
/// A valley that is less deep than this share of the highest step is none.
const LEAST_DEPTH: f32 = 0.4;
/// Directions in half a turn.
const DIRECTIONS: usize = 8;
/// Pixels that the measures of a place reach.
const REACH: i64 = 40;

/// A width of valley that is looked for.
struct Width {
    /// Pixels from its middle to where its sides are measured.
    distance: f32,
    /// Pixels on a side of the squares along its middle.
    middle: i64,
    /// Pixels on a side of those along its sides.
    side: i64,
}

const WIDTHS: [Width; 3] = [
    Width { distance: 6.0, middle: 3, side: 5 },
    Width { distance: 12.0, middle: 5, side: 9 },
    Width { distance: 24.0, middle: 9, side: 17 },
];

/// Whether a region is the rim of something bright: in nearly all of its cells steps stand, and no valley.
pub fn is_rim(photo: &RgbImage, grid: &Grid, region: &Region) -> bool {
    let asked = || region.cells.iter().step_by(region.cells.len().div_ceil(ASKED).max(1));
    let rims = asked().filter(|cell| has_no_valley(photo, grid.rect(**cell))).count();
    rims > 0 && rims as f32 >= LEAST_SHARE * asked().count() as f32
}

/// Whether the deepest valley in a cell is shallow beside its highest step.
fn has_no_valley(photo: &RgbImage, cell: Rect) -> bool {
    let patch = Patch::around(photo, cell);
    let (mut valley, mut step) = (0.0_f32, 0.0_f32);
    for width in &WIDTHS {
        for direction in 0..DIRECTIONS {
            let (sin, cos) = (std::f32::consts::PI * direction as f32 / DIRECTIONS as f32).sin_cos();
            for y in (0..i64::from(cell.height)).step_by(2) {
                for x in (0..i64::from(cell.width)).step_by(2) {
                    let (left, middle, right) = patch.profile((x, y), width, (cos, sin));
                    valley = valley.max(left.min(right) - middle);
                    step = step.max((left - right).abs());
                }
            }
        }
    }
    valley < LEAST_DEPTH * step
}

/// Sums of the grey levels around a cell, above and to the left of each place.
struct Patch {
    pitch: usize,
    sums: Vec<f64>,
}

impl Patch {
    fn around(photo: &RgbImage, cell: Rect) -> Self {
        let (width, height) = (i64::from(cell.width) + 2 * REACH, i64::from(cell.height) + 2 * REACH);
        let (left, top) = (i64::from(cell.x) - REACH, i64::from(cell.y) - REACH);
        let pitch = width as usize + 1;
        let mut sums = vec![0.0; pitch];
        for y in 0..height {
            let above = y as usize * pitch;
            let mut sum = 0.0;
            sums.push(0.0);
            for x in 0..width {
                sum += f64::from(brightness::level(photo, left + x, top + y));
                sums.push(sums[above + x as usize + 1] + sum);
            }
        }
        Self { pitch, sums }
    }

    /// Grey levels to the left of a place of the cell, on it and to the right, as seen along a direction; each the mean of
    /// three squares that lie behind each other in that direction.
    fn profile(&self, (x, y): (i64, i64), width: &Width, (cos, sin): (f32, f32)) -> (f32, f32, f32) {
        let along = |across: f32, side: i64| {
            let square = |along: f32| {
                let (dx, dy) = (along * cos - across * sin, along * sin + across * cos);
                self.mean(x + dx.round() as i64, y + dy.round() as i64, side)
            };
            let apart = 0.75 * width.distance;
            (square(-apart) + square(0.0) + square(apart)) / 3.0
        };
        (along(-width.distance, width.side), along(0.0, width.middle), along(width.distance, width.side))
    }

    /// The mean over a square around a place of the cell.
    fn mean(&self, x: i64, y: i64, side: i64) -> f32 {
        let (left, top) = (x + REACH - side / 2, y + REACH - side / 2);
        let at = |x: i64, y: i64| self.sums.get(y as usize * self.pitch + x as usize).copied().unwrap_or_default();
        let sum = at(left + side, top + side) - at(left, top + side) - at(left + side, top) + at(left, top);
        (sum / (side * side) as f64) as f32
    }
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;
    use crate::inspect::regions::bounds;

    fn region(grid: &Grid) -> Region {
        let cells: Vec<usize> = (0..grid.len()).filter(|cell| grid.place(*cell).0 == 2).collect();
        Region { bounds: bounds(grid, &cells), cells, p_max: 0.9 }
    }

    /// Asphalt with a grain; `level` says what lies so many pixels from an upright line.
    fn drawn(level: impl Fn(f32) -> Option<f32>) -> RgbImage {
        RgbImage::from_fn(160, 160, |x, y| {
            let grain = ((x * 7919 + y * 104_729) % 19) as f32;
            let leaning = x as f32 - 80.0 - (y as f32 - 80.0) * 0.1;
            Rgb([level(leaning).unwrap_or(100.0 + grain) as u8; 3])
        })
    }

    #[test]
    fn a_step_is_a_rim_and_a_valley_is_none() {
        let grid = Grid::of(160, 160);
        let rim = drawn(|x| (x > 0.0).then_some(220.0));
        assert!(is_rim(&rim, &grid, &region(&grid)), "the rim of a marking");
        for width in [2.0, 8.0, 20.0] {
            let crack = drawn(|x| (x.abs() < width / 2.0).then_some(50.0));
            assert!(!is_rim(&crack, &grid, &region(&grid)), "a crack of {width} pixels");
            let beside = drawn(|x| if x.abs() < width / 2.0 { Some(30.0) } else { (x > 0.0).then_some(150.0) });
            assert!(!is_rim(&beside, &grid, &region(&grid)), "a crack of {width} pixels where two slabs meet");
        }
        let flat = RgbImage::from_pixel(160, 160, Rgb([90; 3]));
        assert!(!is_rim(&flat, &grid, &region(&grid)), "nothing is no rim");
    }

    #[test]
    fn slivers_do_no_harm() {
        for size in [(1, 1), (5, 600)] {
            let grid = Grid::of(size.0, size.1);
            let cells: Vec<usize> = (0..grid.len()).collect();
            let region = Region { bounds: bounds(&grid, &cells), cells, p_max: 0.9 };
            assert!(!is_rim(&RgbImage::from_pixel(size.0, size.1, Rgb([90; 3])), &grid, &region));
        }
    }
}
