//! The map: for each cell of 32 × 32 pixels of a photo, how much speaks for a crack.

use serde::Serialize;

use super::pass::{Layer, Look};
use super::{Join, Settings};
use crate::nn::whole;

/// Pixels of the photo on a side of a cell, whatever the scales.
pub const CELL: u32 = whole::CELL as u32;

/// From a cell's own logit to that of its being cracked.
///
/// The head was fitted to means over 49 cells. One cell by itself swings further, and where a crack is near sees it as well,
/// so that it must say more than a mean must. Fitted (Platt 1999) to the cells of 31 photos with masks, each of the two
/// places counting alike; left out in turn, each photo is as well off by what the other thirty give.
pub const CELLS: Platt = Platt { slope: 0.43, offset: -3.9 };

/// A straight line through logits.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Platt {
    /// What a logit is multiplied by.
    pub slope: f32,
    /// What is added then.
    pub offset: f32,
}

impl Platt {
    /// Changes nothing.
    pub const NONE: Self = Self { slope: 1.0, offset: 0.0 };

    /// What a logit becomes.
    pub fn logit(self, logit: f32) -> f32 {
        self.slope * logit + self.offset
    }
}

/// A photo divided into cells; the last column and row may be narrower.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Grid {
    /// Pixels of the photo.
    pub width: u32,
    /// Pixels of the photo.
    pub height: u32,
    /// Cells in a row.
    pub columns: usize,
    /// Rows.
    pub rows: usize,
}

/// Pixels of a photo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Rect {
    /// The first column.
    pub x: u32,
    /// The first row.
    pub y: u32,
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

/// The logits of all cells.
#[derive(Clone, Debug, PartialEq)]
pub struct HeatMap {
    /// The cells.
    pub grid: Grid,
    /// Row by row: logit of cracked minus that of intact.
    pub logits: Vec<f32>,
}

impl Grid {
    /// That of a photo of this size.
    pub fn of(width: u32, height: u32) -> Self {
        let (columns, rows) = whole::cells(width as usize, height as usize);
        Self { width, height, columns, rows }
    }

    /// Cells.
    pub fn len(&self) -> usize {
        self.columns * self.rows
    }

    /// Whether the photo has no pixel.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Column and row of a cell.
    pub fn place(&self, cell: usize) -> (usize, usize) {
        (cell % self.columns.max(1), cell / self.columns.max(1))
    }

    /// The pixels of a cell.
    pub fn rect(&self, cell: usize) -> Rect {
        let (column, row) = self.place(cell);
        let (x, y) = (column as u32 * CELL, row as u32 * CELL);
        Rect { x, y, width: CELL.min(self.width.saturating_sub(x)), height: CELL.min(self.height.saturating_sub(y)) }
    }

    /// The cell that holds a pixel.
    pub fn cell_at(&self, x: u32, y: u32) -> Option<usize> {
        let inside = x < self.width && y < self.height;
        inside.then(|| (y / CELL) as usize * self.columns + (x / CELL) as usize)
    }
}

impl HeatMap {
    /// The map of what was seen, with `bias` added to each logit.
    ///
    /// Each scale's logit of a cell is the mean over the window around it, as far as the photo reaches; between the
    /// centres of a scale's cells it is taken linearly.
    pub fn of(look: &Look, bias: f32, settings: &Settings) -> Self {
        let grid = look.grid;
        let maps: Vec<(f32, &Layer, Vec<f32>)> = look
            .layers
            .iter()
            .map(|layer| (layer.scale, layer, window_means(&layer.shares, layer.columns, settings.window)))
            .collect();
        let logit = |cell: usize| {
            let (column, row) = grid.place(cell);
            let centre = |place: usize, scale: f32| ((place as f32 + 0.5) * scale) - 0.5;
            let values = maps.iter().map(|(scale, layer, means)| {
                sample(means, (layer.columns, layer.rows), (centre(column, *scale), centre(row, *scale)))
            });
            let joined = match settings.join {
                Join::Mean => values.sum::<f32>() / maps.len().max(1) as f32,
                Join::Max => values.fold(f32::NEG_INFINITY, f32::max),
            };
            settings.platt().logit(bias + joined)
        };
        Self { grid, logits: (0..grid.len()).map(logit).collect() }
    }

    /// Probability that a cell's window is cracked.
    pub fn p(&self, cell: usize) -> f32 {
        self.logits.get(cell).map_or(0.0, |logit| sigmoid(*logit))
    }

    /// The probabilities, row by row.
    pub fn probabilities(&self) -> impl Iterator<Item = f32> + '_ {
        self.logits.iter().map(|logit| sigmoid(*logit))
    }

    /// The highest; 0 for a photo without pixels.
    pub fn p_max(&self) -> f32 {
        self.probabilities().fold(0.0, f32::max)
    }

    /// Which cells count as cracked at a threshold.
    pub fn cracked(&self, threshold: f32) -> Vec<bool> {
        self.probabilities().map(|p| p >= threshold).collect()
    }
}

/// 1 / (1 + e⁻ˣ).
pub fn sigmoid(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

/// The mean of a map, row by row, over a window around each place, cut at the edges.
pub fn window_means(values: &[f32], columns: usize, window: usize) -> Vec<f32> {
    if columns == 0 || window <= 1 {
        return values.to_vec();
    }
    let (rows, half) = (values.len() / columns, window / 2);
    // Sums over all places above and to the left.
    let pitch = columns + 1;
    let mut sums = vec![0.0_f64; pitch * (rows + 1)];
    for (y, row) in values.chunks_exact(columns).enumerate() {
        let mut sum = 0.0;
        for (x, value) in row.iter().enumerate() {
            sum += f64::from(*value);
            sums[(y + 1) * pitch + x + 1] = sums[y * pitch + x + 1] + sum;
        }
    }
    let mean = |place: usize| {
        let (x, y) = (place % columns, place / columns);
        let (left, right) = (x.saturating_sub(half), (x + half + 1).min(columns));
        let (top, bottom) = (y.saturating_sub(half), (y + half + 1).min(rows));
        let at = |y: usize, x: usize| sums[y * pitch + x];
        let sum = at(bottom, right) - at(top, right) - at(bottom, left) + at(top, left);
        (sum / ((right - left) * (bottom - top)) as f64) as f32
    };
    (0..rows * columns).map(mean).collect()
}

/// A map's value between its places, linear in both directions; beyond the outermost it stays.
fn sample(values: &[f32], (columns, rows): (usize, usize), (x, y): (f32, f32)) -> f32 {
    let along = |at: f32, count: usize| {
        let at = at.clamp(0.0, count.saturating_sub(1) as f32);
        let below = at as usize;
        (below, (below + 1).min(count.saturating_sub(1)), at - below as f32)
    };
    let ((left, right, tx), (top, bottom, ty)) = (along(x, columns), along(y, rows));
    let value = |x: usize, y: usize| values.get(y * columns + x).copied().unwrap_or_default();
    let row = |y: usize| value(left, y) * (1.0 - tx) + value(right, y) * tx;
    row(top) * (1.0 - ty) + row(bottom) * ty
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_cover_the_photo_once() {
        for (width, height) in [(1, 1), (5, 3000), (64, 32), (1920, 1080)] {
            let grid = Grid::of(width, height);
            let area: u64 = (0..grid.len()).map(|cell| grid.rect(cell)).map(|r| u64::from(r.width * r.height)).sum();
            assert_eq!(area, u64::from(width) * u64::from(height));
            assert_eq!(grid.cell_at(width - 1, height - 1), Some(grid.len() - 1));
            assert_eq!(grid.cell_at(width, 0), None);
        }
    }

    #[test]
    fn a_window_is_cut_at_the_edges() {
        let values = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        assert_eq!(window_means(&values, 3, 1), values);
        assert_eq!(window_means(&values, 3, 3), [3.0, 3.5, 4.0, 3.0, 3.5, 4.0]);
        assert_eq!(window_means(&values, 3, 99), [3.5; 6]);
    }

    #[test]
    fn scales_meet_on_the_same_cells() {
        let layer = |scale: f32, columns: usize, rows: usize, value: &dyn Fn(usize, usize) -> f32| Layer {
            scale,
            columns,
            rows,
            shares: (0..columns * rows).map(|i| value(i % columns, i / columns)).collect(),
            features: None,
        };
        // The same ramp at three scales: value = pixels from the left edge of the photo.
        let of =
            |scale: f32, columns, rows| layer(scale, columns, rows, &|x, _| (x as f32 + 0.5) * CELL as f32 / scale);
        let layers = vec![of(1.0, 8, 4), of(2.0, 16, 8), of(0.5, 4, 2)];
        let look = Look { grid: Grid::of(256, 128), layers };
        let map = HeatMap::of(&look, 1.0, &Settings::default());
        // At the outermost cells the coarsest scale has no centre beyond.
        for column in 1..7 {
            let expected = CELLS.logit(1.0 + (column as f32 + 0.5) * 32.0);
            assert!((map.logits[8 + column] - expected).abs() < 1e-3, "{} {expected}", map.logits[8 + column]);
        }
    }
}
