//! How good a photo is, whatever it shows: sharpness, light, size.

use std::path::Path;

use image::RgbImage;

use super::{decode, thumbnail};
use crate::error::Result;

/// Photos are measured at this size at most, in pixels: enough to see blur, and the same for photos of all sizes.
const SIDE: u32 = 256;
/// Width of the blur that a photo is compared with, in pixels.
const BLUR: usize = 11;
/// Luminance from 0 to 1 below which a pixel shows nothing but darkness …
const BLACK: f32 = 0.06;
/// … and above which nothing but light.
const WHITE: f32 = 0.98;

/// What was measured of a photo.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Quality {
    /// Its width in pixels.
    pub width: u32,
    /// Its height in pixels.
    pub height: u32,
    /// How blurred it is, from 0 (sharp) to 1: how little it changes where it is blurred once more. Crété-Roffet and
    /// others, The blur effect: perception and estimation with a new no-reference perceptual blur metric (2007).
    pub blur: f32,
    /// Mean luminance, 0 to 1.
    pub brightness: f32,
    /// Share of pixels that are nearly black.
    pub black: f32,
    /// Share of pixels that are nearly white.
    pub white: f32,
}

impl Quality {
    /// Numbers of a record.
    pub const VALUES: usize = 6;

    /// As numbers, to be kept.
    pub fn values(&self) -> [f32; Self::VALUES] {
        [self.width as f32, self.height as f32, self.blur, self.brightness, self.black, self.white]
    }

    /// From the numbers of [`Quality::values`]; none where they are not as many.
    pub fn from_values(values: &[f32]) -> Option<Self> {
        let &[width, height, blur, brightness, black, white] = values else { return None };
        Some(Self { width: width as u32, height: height as u32, blur, brightness, black, white })
    }
}

/// Measures the photo at `path`, which holds `bytes`.
///
/// # Errors
/// As [`decode::decode`].
pub fn measure(path: &Path, bytes: &[u8]) -> Result<Quality> {
    let (width, height) = decode::dimensions(path)?;
    let small = thumbnail::thumbnail_from_bytes(path, bytes, SIDE)?;
    Ok(Quality { width, height, ..of_picture(&small) })
}

/// The same of pixels; the size is theirs.
pub fn of_picture(picture: &RgbImage) -> Quality {
    let grey = Grey::of(picture);
    let count = grey.values.len().max(1) as f32;
    let share = |is: fn(f32) -> bool| grey.values.iter().filter(|value| is(**value)).count() as f32 / count;
    Quality {
        width: picture.width(),
        height: picture.height(),
        blur: grey.blur(),
        brightness: grey.values.iter().sum::<f32>() / count,
        black: share(|value| value < BLACK),
        white: share(|value| value > WHITE),
    }
}

/// Luminance, row by row.
struct Grey {
    width: usize,
    height: usize,
    values: Vec<f32>,
}

impl Grey {
    /// Luminance by ITU-R BT.709, as scikit-image weighs the colours.
    fn of(picture: &RgbImage) -> Self {
        let luminance = |pixel: &image::Rgb<u8>| {
            let [r, g, b] = pixel.0.map(|value| f32::from(value) / 255.0);
            0.2125 * r + 0.7154 * g + 0.0721 * b
        };
        let (width, height) = (picture.width() as usize, picture.height() as usize);
        Self { width, height, values: picture.pixels().map(luminance).collect() }
    }

    fn transposed(&self) -> Self {
        let column = |x: usize| self.values.iter().skip(x).step_by(self.width.max(1)).copied();
        let values = (0..self.width).flat_map(column).collect();
        Self { width: self.height, height: self.width, values }
    }

    /// The larger blur of the two directions, as `skimage.measure.blur_effect`. A picture without any edge is neither
    /// sharp nor blurred, and gets 0.
    fn blur(&self) -> f32 {
        self.blur_along_rows().max(self.transposed().blur_along_rows())
    }

    /// How much of the edges across the rows remains where each row is blurred.
    fn blur_along_rows(&self) -> f32 {
        let sharp = self.edges();
        let blurred = Self { values: self.smoothed(), ..*self }.edges();
        let (mut all, mut lost) = (0.0_f64, 0.0_f64);
        // The frame is left out, where edges reach over the end.
        let rows = sharp.chunks_exact(self.width.max(1)).zip(blurred.chunks_exact(self.width.max(1)));
        for (sharp, blurred) in rows.take(self.height.saturating_sub(1)).skip(2) {
            for (sharp, blurred) in sharp.iter().zip(blurred).take(self.width.saturating_sub(1)).skip(2) {
                all += f64::from(*sharp);
                lost += f64::from((sharp - blurred).max(0.0));
            }
        }
        if all > 1e-9 { ((all - lost).abs() / all) as f32 } else { 0.0 }
    }

    /// Means over [`BLUR`] pixels of each row, mirrored at the ends.
    fn smoothed(&self) -> Vec<f32> {
        let half = (BLUR / 2) as isize;
        let mut out = Vec::with_capacity(self.values.len());
        for row in self.values.chunks_exact(self.width.max(1)) {
            let value = |x: isize| f64::from(row.get(mirrored(x, row.len())).copied().unwrap_or_default());
            let mut sum: f64 = (-half..=half).map(value).sum();
            for x in 0..row.len() as isize {
                out.push((sum / BLUR as f64) as f32);
                sum += value(x + half + 1) - value(x - half);
            }
        }
        out
    }

    /// Size of the change along the rows by Sobel's operator.
    fn edges(&self) -> Vec<f32> {
        let width = self.width.max(1);
        let rows: Vec<&[f32]> = self.values.chunks_exact(width).collect();
        let row = |y: usize| rows.get(y).copied().unwrap_or_default();
        let mut out = Vec::with_capacity(self.values.len());
        let mut weighed = vec![0.0; width + 2];
        for y in 0..rows.len() {
            let (above, here, below) = (row(y.saturating_sub(1)), row(y), row((y + 1).min(rows.len() - 1)));
            // The end pixels stand for those beyond.
            if let Some((first, [inside @ .., last])) = weighed.split_first_mut() {
                for (slot, ((above, here), below)) in inside.iter_mut().zip(above.iter().zip(here).zip(below)) {
                    *slot = 0.25 * above + 0.5 * here + 0.25 * below;
                }
                *first = inside.first().copied().unwrap_or_default();
                *last = inside.last().copied().unwrap_or_default();
            }
            out.extend(
                weighed.iter().zip(weighed.iter().skip(2)).map(|(before, after)| (0.5 * (after - before)).abs()),
            );
        }
        out
    }
}

/// The place within `length` that stands for `place`, mirrored at the ends with the end pixel repeated.
fn mirrored(place: isize, length: usize) -> usize {
    let length = length.max(1) as isize;
    let turned = place.rem_euclid(2 * length);
    (if turned < length { turned } else { 2 * length - 1 - turned }) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stripes and a ramp, smoothed `times` times by means of three.
    fn picture(times: usize) -> RgbImage {
        let value = |x: u32, y: u32| ((x * 37 + y * 91 + (x * y) % 53) % 256) as u8;
        let mut picture = RgbImage::from_fn(64, 48, |x, y| image::Rgb([value(x, y), value(y, x), value(x + y, y)]));
        for _ in 0..times {
            let before = picture.clone();
            for (x, y, pixel) in picture.enumerate_pixels_mut() {
                let near = |channel: usize| {
                    let mut sum = 0;
                    for (i, j) in [(0, 1), (1, 0), (1, 1), (1, 2), (2, 1)] {
                        let (x, y) = ((x + i).clamp(1, 64) - 1, (y + j).clamp(1, 48) - 1);
                        sum += u32::from(before.get_pixel(x, y).0[channel]);
                    }
                    (sum / 5) as u8
                };
                *pixel = image::Rgb([near(0), near(1), near(2)]);
            }
        }
        picture
    }

    /// `skimage.measure.blur_effect(rgb, channel_axis=None)` of the luminance of the same pictures: see
    /// `tests/data/blur.py`.
    #[test]
    fn blur_is_what_scikit_image_says() {
        for (times, expected) in SKIMAGE {
            let blur = of_picture(&picture(times)).blur;
            assert!((blur - expected).abs() < 2e-4, "{times}: {blur}, not {expected}");
        }
    }

    const SKIMAGE: [(usize, f32); 3] = [(0, 0.113_255), (2, 0.196_796), (6, 0.278_479)];

    #[test]
    fn light_is_counted() {
        let dark = of_picture(&RgbImage::from_pixel(9, 9, image::Rgb([5, 5, 5])));
        assert_eq!((dark.black, dark.white, dark.blur), (1.0, 0.0, 0.0));
        let mut half = RgbImage::from_pixel(10, 10, image::Rgb([255, 255, 255]));
        (0..10).for_each(|x| (0..5).for_each(|y| half.put_pixel(x, y, image::Rgb([128, 128, 128]))));
        let half = of_picture(&half);
        assert_eq!((half.black, half.white), (0.0, 0.5));
        assert!((half.brightness - 0.75).abs() < 0.01);
        assert_eq!(Quality::from_values(&half.values()), Some(half));
        assert_eq!(Quality::from_values(&[1.0]), None);
    }

    #[test]
    fn the_smallest_picture_can_be_measured() {
        assert_eq!(of_picture(&RgbImage::new(1, 1)).blur, 0.0);
        assert_eq!(of_picture(&RgbImage::new(0, 0)).width, 0);
    }
}
