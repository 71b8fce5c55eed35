//! The reference way: squares cut from the photo, each as a photo of its own, as a classifier of crops sees them.
//!
//! Within the photo a tile's border sees what lies around it; alone it sees zeros there. That, and the resize from 227 to
//! 224 pixels, is why the answers differ from the one pass.

use image::RgbImage;
use image::imageops;

use super::heat::{CELL, Grid};
use super::pass::{Contrast, Layer};
use super::{Settings, heat};
use crate::error::Result;
use crate::job::{Meter, Watch};
use crate::nn::network::{INPUT_VALUES, Network};
use crate::photo::transform;

/// Pixels on a side of a tile: those of the photos that networks for cracks are trained on.
pub const SIDE: u32 = 227;

/// What tiles say: each cell takes the mean of the tiles that hold its centre.
pub(super) fn layer(
    network: &Network,
    contrast: &Contrast,
    photo: &RgbImage,
    settings: &Settings,
    watch: &dyn Watch,
    meter: &mut Meter<'_>,
) -> Result<Layer> {
    let grid = Grid::of(photo.width(), photo.height());
    let tiles = tiles(photo.dimensions(), settings.tile_step);
    let (mut sums, mut counts) = (vec![0.0; grid.len()], vec![0_u32; grid.len()]);
    let (batch, pixels) = (network.batch_size(), u64::from(photo.width()) * u64::from(photo.height()));
    for (index, some) in tiles.chunks(batch).enumerate() {
        watch.check()?;
        let shares = logits(network, contrast, photo, some)?;
        for (tile, share) in some.iter().zip(shares) {
            for cell in (0..grid.len()).filter(|cell| tile.holds_centre(grid.rect(*cell))) {
                sums[cell] += share;
                counts[cell] += 1;
            }
        }
        let done = (index * batch + some.len()) as u64 * pixels / tiles.len() as u64;
        meter.set(done);
    }
    let shares = sums.iter().zip(&counts).map(|(sum, count)| sum / (*count).max(1) as f32).collect();
    Ok(Layer { scale: 1.0, columns: grid.columns, rows: grid.rows, shares, features: None })
}

/// What each of some tiles says for a crack, without the bias.
///
/// # Errors
/// Where the device fails.
pub fn logits(network: &Network, contrast: &Contrast, photo: &RgbImage, tiles: &[heat::Rect]) -> Result<Vec<f32>> {
    let mut inputs = Vec::with_capacity(tiles.len() * INPUT_VALUES);
    for tile in tiles {
        let crop = imageops::crop_imm(photo, tile.x, tile.y, tile.width, tile.height).to_image();
        inputs.extend(transform::to_input(&crop));
    }
    let features = network.features(&inputs, tiles.len())?;
    Ok(features.chunks_exact(network.feature_count()).map(|features| contrast.share(features)).collect())
}

/// The squares of a photo, `step` pixels apart; the last of a row or column ends at the edge. A photo that is smaller in
/// one direction is taken whole in it.
pub fn tiles((width, height): (u32, u32), step: u32) -> Vec<heat::Rect> {
    let along = |side: u32| {
        let last = side.saturating_sub(SIDE);
        (0..last).step_by(step.max(1) as usize).chain([last]).collect::<Vec<u32>>()
    };
    let (xs, ys) = (along(width), along(height));
    let rect = |x: u32, y: u32| heat::Rect { x, y, width: SIDE.min(width), height: SIDE.min(height) };
    ys.iter().flat_map(|y| xs.iter().map(move |x| rect(*x, *y))).collect()
}

impl heat::Rect {
    /// Whether the middle of another lies within.
    fn holds_centre(&self, other: heat::Rect) -> bool {
        let (x, y) = (other.x + other.width.min(CELL) / 2, other.y + other.height.min(CELL) / 2);
        (self.x..self.x + self.width).contains(&x) && (self.y..self.y + self.height).contains(&y)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_cover_every_cell() {
        for size in [(1, 1), (100, 900), (227, 227), (1920, 1080)] {
            for step in [113, 227] {
                let (grid, tiles) = (Grid::of(size.0, size.1), tiles(size, step));
                for cell in 0..grid.len() {
                    assert!(tiles.iter().any(|tile| tile.holds_centre(grid.rect(cell))), "{size:?} {step} {cell}");
                }
                assert!(tiles.iter().all(|t| t.x + t.width <= size.0 && t.y + t.height <= size.1));
            }
        }
    }
}
