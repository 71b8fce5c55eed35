//! A map held against a mask of the cracks.

use image::GrayImage;
use serde::Serialize;

use super::heat::{Grid, HeatMap};
use crate::review::metrics;

/// What is known of the cells of a photo: whether any pixel of the mask lies in them.
#[derive(Clone, Debug, PartialEq)]
pub struct Truth {
    /// Row by row.
    pub cracked: Vec<bool>,
    /// Cells that neither are cracked nor touch one: what a mask's rim or a window's width does not excuse.
    pub clear: Vec<bool>,
}

/// Sums over photos.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    scores: Vec<(f32, bool)>,
    found: [usize; 3],
    clear: usize,
    false_clear: usize,
    pixels: u64,
    photos: usize,
    detected: usize,
}

/// What a tally comes to. A figure is absent where it has no meaning.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figures {
    /// Photos with a mask that shows a crack.
    pub photos: usize,
    /// Of these, those of which a cracked cell was found.
    pub detected: usize,
    /// Cells.
    pub cells: usize,
    /// Cracked ones.
    pub cracked_cells: usize,
    /// Average precision over the cells of all photos.
    pub average_precision: Option<f64>,
    /// Of the cells called cracked, the share that is.
    pub precision: Option<f64>,
    /// Of the cracked cells, the share found.
    pub recall: Option<f64>,
    /// Their harmonic mean.
    pub f1: Option<f64>,
    /// Cells called cracked that touch no cracked cell.
    pub false_clear_cells: usize,
    /// The same for a megapixel of the photos.
    pub false_clear_cells_per_megapixel: Option<f64>,
    /// The same as a share of all cells that touch no cracked cell.
    pub false_clear_share: Option<f64>,
}

impl Truth {
    /// The cells of a mask, of any size, for a photo's grid: any pixel that is not black is crack.
    pub fn of(mask: &GrayImage, grid: &Grid) -> Self {
        let mut cracked = vec![false; grid.len()];
        let (width, height) = mask.dimensions();
        let to = |at: u32, mask: u32, photo: u32| (u64::from(at) * u64::from(photo) / u64::from(mask.max(1))) as u32;
        for (x, y, _) in mask.enumerate_pixels().filter(|(.., level)| level.0[0] > 0) {
            let cell = grid.cell_at(to(x, width, grid.width), to(y, height, grid.height));
            if let Some(cracked) = cell.and_then(|cell| cracked.get_mut(cell)) {
                *cracked = true;
            }
        }
        let touches = |cell: usize| super::regions::neighbours(grid, cell).any(|near| cracked[near]);
        let clear = (0..grid.len()).map(|cell| !cracked[cell] && !touches(cell)).collect();
        Self { cracked, clear }
    }
}

impl Tally {
    /// Adds a photo: its map, and which cells of those at the threshold were called cracked in the end.
    pub fn add(&mut self, map: &HeatMap, threshold: f32, called: &[bool], truth: &Truth) {
        // What was dropped ranks behind all else.
        let rank = |p: f32, called: bool| if p >= threshold && !called { p - 1.0 } else { p };
        let scores = map.probabilities().zip(called).map(|(p, called)| rank(p, *called));
        self.scores.extend(scores.zip(truth.cracked.iter().copied()));
        let [mut both, mut only_called, mut only_true] = [0; 3];
        for ((called, cracked), clear) in called.iter().zip(&truth.cracked).zip(&truth.clear) {
            both += usize::from(*called && *cracked);
            only_called += usize::from(*called && !cracked);
            only_true += usize::from(!called && *cracked);
            self.clear += usize::from(*clear);
            self.false_clear += usize::from(*clear && *called);
        }
        self.found.iter_mut().zip([both, only_called, only_true]).for_each(|(sum, more)| *sum += more);
        self.pixels += u64::from(map.grid.width) * u64::from(map.grid.height);
        self.photos += usize::from(both + only_true > 0);
        self.detected += usize::from(both > 0);
    }

    /// The figures of all photos together.
    pub fn figures(&self) -> Figures {
        let [both, only_called, only_true] = self.found.map(|count| count as f64);
        let share = |part: f64, whole: f64| (whole > 0.0).then(|| part / whole);
        let megapixels = self.pixels as f64 / 1e6;
        Figures {
            photos: self.photos,
            detected: self.detected,
            cells: self.scores.len(),
            cracked_cells: self.found[0] + self.found[2],
            average_precision: metrics::average_precision(&self.scores),
            precision: share(both, both + only_called),
            recall: share(both, both + only_true),
            f1: share(2.0 * both, 2.0 * both + only_called + only_true),
            false_clear_cells: self.false_clear,
            false_clear_cells_per_megapixel: share(self.false_clear as f64, megapixels),
            false_clear_share: share(self.false_clear as f64, self.clear as f64),
        }
    }
}

#[cfg(test)]
mod tests {
    use image::Luma;

    use super::*;

    #[test]
    fn figures_of_a_small_case_by_hand() {
        // 4 × 3 cells; the mask, of half the size, has crack in cells 0 and 1; cell 11 is a false alarm far away,
        // cell 2 one beside the crack.
        let grid = Grid::of(128, 96);
        let mut mask = GrayImage::new(64, 48);
        mask.put_pixel(3, 3, Luma([1]));
        mask.put_pixel(31, 15, Luma([255]));
        let truth = Truth::of(&mask, &grid);
        assert_eq!(truth.cracked.iter().positions(), [0, 1]);
        assert_eq!(truth.clear.iter().positions(), [3, 7, 8, 9, 10, 11]);
        let logits = (0..12).map(|cell| if [0, 2, 11].contains(&cell) { 3.0 } else { -3.0 }).collect();
        let map = HeatMap { grid, logits };
        let mut tally = Tally::default();
        tally.add(&map, 0.5, &map.cracked(0.5), &truth);
        let figures = tally.figures();
        assert_eq!((figures.photos, figures.detected, figures.cracked_cells), (1, 1, 2));
        assert_eq!((figures.precision, figures.recall, figures.f1), (Some(1.0 / 3.0), Some(0.5), Some(0.4)));
        assert_eq!((figures.false_clear_cells, figures.false_clear_share), (1, Some(1.0 / 6.0)));
        // Ties: of the three highest one is right, then all twelve with two.
        assert!((figures.average_precision.unwrap() - (1.0 / 3.0 + 2.0 / 12.0) / 2.0).abs() < 1e-12);
    }

    trait Positions {
        fn positions(self) -> Vec<usize>;
    }

    impl<'a, I: Iterator<Item = &'a bool>> Positions for I {
        fn positions(self) -> Vec<usize> {
            self.enumerate().filter_map(|(at, value)| value.then_some(at)).collect()
        }
    }
}
