//! What a view is given to show, made ready away from the window's thread.

use std::sync::Arc;

use egui::{Color32, ColorImage, Vec2, vec2};
use image::{RgbImage, imageops};

use crate::app::theme;

/// The coarsest level of a picture fits into a square of so many pixels, and becomes one texture.
pub const OVERVIEW: u32 = 1024;

/// A photo as a pyramid: each level has half the width and height of the one before. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Picture {
    levels: Arc<[RgbImage]>,
}

impl Picture {
    /// Builds the pyramid: a third of a second for a photo of 100 megapixels, so not on the window's thread.
    pub fn from_rgb(photo: RgbImage) -> Self {
        let mut levels = vec![photo];
        while let Some(finer) = levels.last()
            && finer.width().max(finer.height()) > OVERVIEW
        {
            let half = |length: u32| (length / 2).max(1);
            let coarser = imageops::thumbnail(finer, half(finer.width()), half(finer.height()));
            levels.push(coarser);
        }
        Self { levels: levels.into() }
    }

    /// Width and height of the photo in pixels.
    pub fn size(&self) -> Vec2 {
        self.levels.first().map_or(Vec2::ZERO, |level| vec2(level.width() as f32, level.height() as f32))
    }

    /// The photo in its own pixels.
    pub fn photo(&self) -> Option<&RgbImage> {
        self.levels.first()
    }

    /// The number of levels.
    pub(super) fn levels(&self) -> usize {
        self.levels.len()
    }

    /// The photo halved `level` times.
    pub(super) fn level(&self, level: usize) -> Option<&RgbImage> {
        self.levels.get(level)
    }
}

/// Where a photo looks cracked to the model, as a picture to be laid over it.
#[derive(Clone, Debug, PartialEq)]
pub struct Heat {
    /// Viridis; what speaks for no crack is clear.
    pub image: ColorImage,
}

/// Pixels of the heat map for each value.
const FINER: usize = 16;
/// Contributions to the difference of the logits of this size are shown in full: below, a map stays dim, so that noise
/// on an intact photo does not look like a find.
const FULL: f32 = 6.0;

impl Heat {
    /// Colours `width` × `height` contributions to "cracked", row by row, interpolating between them.
    pub fn new(width: usize, height: usize, values: impl AsRef<[f32]>) -> Self {
        let values = values.as_ref();
        let largest = values.iter().copied().fold(FULL, f32::max);
        let at = |x: usize, y: usize| values.get(y * width + x).copied().unwrap_or(0.0).max(0.0) / largest;
        let size = [width * FINER, height * FINER];
        let mut pixels = Vec::with_capacity(size[0] * size[1]);
        for row in 0..size[1] {
            let (y, below, v) = between(row, height);
            for column in 0..size[0] {
                let (x, right, u) = between(column, width);
                let upper = at(x, y) * (1.0 - u) + at(right, y) * u;
                let lower = at(x, below) * (1.0 - u) + at(right, below) * u;
                pixels.push(colour(upper * (1.0 - v) + lower * v));
            }
        }
        Self { image: ColorImage::new(size, pixels) }
    }
}

/// The two values that a pixel lies between, and how far it is from the first.
fn between(pixel: usize, count: usize) -> (usize, usize, f32) {
    let at = ((pixel as f32 + 0.5) / FINER as f32 - 0.5).clamp(0.0, count.saturating_sub(1) as f32);
    let first = at as usize;
    (first, (first + 1).min(count.saturating_sub(1)), at - first as f32)
}

/// The colour of a heat map at `t` from 0 to 1, the stronger the less clear.
pub fn colour(t: f32) -> Color32 {
    theme::viridis(t).gamma_multiply(0.8 * t.clamp(0.0, 1.0).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pyramid_ends_at_one_texture() {
        let picture = Picture::from_rgb(RgbImage::from_pixel(5000, 300, image::Rgb([7, 8, 9])));
        let sizes: Vec<_> = (0..picture.levels()).map(|i| picture.level(i).unwrap().dimensions()).collect();
        assert_eq!(sizes, [(5000, 300), (2500, 150), (1250, 75), (625, 37)]);
        assert_eq!(picture.level(3).unwrap().get_pixel(600, 30).0, [7, 8, 9]);
        assert_eq!(picture.size(), vec2(5000.0, 300.0));
        assert_eq!(Picture::from_rgb(RgbImage::new(1024, 1)).levels(), 1);
    }

    #[test]
    fn a_heat_map_is_clear_where_nothing_speaks_for_a_crack() {
        let heat = Heat::new(2, 1, [-3.0, 12.0]);
        assert_eq!(heat.image.size, [32, 16]);
        assert_eq!(heat.image.pixels[0], Color32::TRANSPARENT);
        assert_eq!(heat.image.pixels[31], colour(1.0));
        let faint = Heat::new(1, 1, [0.6]);
        assert_eq!(faint.image.pixels[0], colour(0.1));
        assert_eq!(Heat::new(0, 0, []).image.pixels.len(), 0);
    }
}
