//! The antialiased bilinear filter in Pillow's fixed-point arithmetic, so that every level comes out the same.
//!
//! Filters that hold their weights in 16 bits, as fast ones do, are off by one level here and there.

use image::RgbImage;

/// Weights are held in units of 2⁻²².
const WEIGHT_BITS: u32 = 22;

/// Resizes to `width` × `height`, each at least 1. A picture without pixels gives a black one.
pub(super) fn resize(image: &RgbImage, width: u32, height: u32) -> RgbImage {
    if image.width() == 0 || image.height() == 0 {
        return RgbImage::new(width, height);
    }
    if columns_first(image.dimensions(), (width, height)) {
        resize_rows(&resize_columns(image, height), width)
    } else {
        resize_columns(&resize_rows(image, width), height)
    }
}

/// Whether the height is changed before the width. Levels are rounded in between, so that the order shows.
///
/// Pillow 13 does so where the height loses more than twice what the width loses (found by comparison); earlier
/// versions never do, and differ from it by at most one level.
fn columns_first((width, height): (u32, u32), (new_width, new_height): (u32, u32)) -> bool {
    u64::from(height.saturating_sub(new_height)) > 2 * u64::from(width.saturating_sub(new_width))
}

/// The pixels that one new pixel is made of.
struct Window {
    first: usize,
    /// In units of 2⁻²²; they add up to 1, up to rounding.
    weights: Vec<u32>,
}

/// Resizes planes of values, one after the other, without rounding: what PyTorch's
/// `interpolate(mode="bilinear", antialias=True)` gives, up to the rounding of its weights.
pub(super) fn resize_planes(values: &[f32], old: (u32, u32), new: (u32, u32)) -> Vec<f32> {
    let [old_width, old_height, new_width, new_height] = [old.0, old.1, new.0, new.1].map(|side| side.max(1) as usize);
    let (columns, rows) = (triangles(old.0, new.0).collect::<Vec<_>>(), triangles(old.1, new.1).collect::<Vec<_>>());
    let mut narrowed = Vec::with_capacity(values.len() / old_width * new_width);
    for row in values.chunks_exact(old_width) {
        narrowed.extend(columns.iter().map(|(first, weights)| {
            let window = row.get(*first..).unwrap_or_default();
            window.iter().zip(weights).map(|(value, weight)| f64::from(*value) * weight).sum::<f64>() as f32
        }));
    }
    let mut out = Vec::with_capacity(values.len() / (old_width * old_height) * new_width * new_height);
    let mut sums = vec![0.0; new_width];
    for plane in narrowed.chunks_exact(new_width * old_height) {
        for (first, weights) in &rows {
            sums.fill(0.0);
            for (row, weight) in plane.chunks_exact(new_width).skip(*first).zip(weights) {
                sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += f64::from(*value) * weight);
            }
            out.extend(sums.iter().map(|sum| *sum as f32));
        }
    }
    out
}

/// One window for each of `new` pixels in a line of `old`: its first pixel and its weights, which add up to 1. A triangle
/// as wide as two new pixels, or two old ones where the picture grows, cut at the edges.
fn triangles(old: u32, new: u32) -> impl Iterator<Item = (usize, Vec<f64>)> {
    let scale = f64::from(old) / f64::from(new.max(1));
    let reach = scale.max(1.0);
    (0..new).map(move |i| {
        let centre = (f64::from(i) + 0.5) * scale;
        // The casts round towards zero and saturate, so that windows begin at zero at the least.
        let first = (centre - reach + 0.5) as u32;
        let end = ((centre + reach + 0.5) as u32).min(old);
        let height = |x: u32| (1.0 - (f64::from(x) - centre + 0.5).abs() / reach).max(0.0);
        let sum: f64 = (first..end).map(height).sum();
        let share = 1.0 / sum;
        (first as usize, (first..end).map(|x| height(x) * share).collect())
    })
}

/// The windows in fixed point.
fn windows(old: u32, new: u32) -> Vec<Window> {
    let unit = f64::from(1_u32 << WEIGHT_BITS);
    let fixed = |weights: Vec<f64>| weights.into_iter().map(|weight| (weight * unit + 0.5) as u32).collect();
    triangles(old, new).map(|(first, weights)| Window { first, weights: fixed(weights) }).collect()
}

fn resize_rows(image: &RgbImage, width: u32) -> RgbImage {
    if image.width() == width {
        return image.clone();
    }
    let windows = windows(image.width(), width);
    let mut target = RgbImage::new(width, image.height());
    let rows = target.chunks_exact_mut(3 * width as usize).zip(image.chunks_exact(3 * image.width() as usize));
    for (new, old) in rows {
        for (pixel, window) in new.chunks_exact_mut(3).zip(&windows) {
            let pixels = old.get(3 * window.first..).unwrap_or_default().chunks_exact(3);
            let mut sums = [0_u32; 3];
            for (rgb, weight) in pixels.zip(&window.weights) {
                sums.iter_mut().zip(rgb).for_each(|(sum, level)| *sum += weight * u32::from(*level));
            }
            pixel.copy_from_slice(&sums.map(rounded));
        }
    }
    target
}

fn resize_columns(image: &RgbImage, height: u32) -> RgbImage {
    if image.height() == height {
        return image.clone();
    }
    let row_length = 3 * image.width() as usize;
    let mut target = RgbImage::new(image.width(), height);
    let mut sums = vec![0_u32; row_length];
    for (new, window) in target.chunks_exact_mut(row_length).zip(windows(image.height(), height)) {
        sums.fill(0);
        for (old, weight) in image.chunks_exact(row_length).skip(window.first).zip(&window.weights) {
            sums.iter_mut().zip(old).for_each(|(sum, level)| *sum += weight * u32::from(*level));
        }
        new.iter_mut().zip(&sums).for_each(|(level, sum)| *level = rounded(*sum));
    }
    target
}

/// A weighted sum as a level. Rounding a weight at most doubles it, so that no sum exceeds 2 · 255 · 2²² < 2³¹.
fn rounded(sum: u32) -> u8 {
    ((sum + (1 << (WEIGHT_BITS - 1))) >> WEIGHT_BITS).min(255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_form_a_triangle_that_is_cut_at_the_edges() {
        let halved = windows(8, 4);
        let shares = |window: &Window| -> Vec<f64> {
            window.weights.iter().map(|weight| f64::from(*weight) / f64::from(1_u32 << WEIGHT_BITS)).collect()
        };
        assert_eq!(halved.iter().map(|window| window.first).collect::<Vec<_>>(), [0, 1, 3, 5]);
        assert_eq!(shares(&halved[1]), [0.125, 0.375, 0.375, 0.125]);
        let edge = shares(&halved[0]);
        assert!(edge.iter().zip([3.0 / 7.0, 3.0 / 7.0, 1.0 / 7.0]).all(|(a, b)| (a - b).abs() < 1e-6), "{edge:?}");
        for (old, new) in [(227, 224), (5, 224), (1920, 224), (1, 7), (4000, 1)] {
            for window in windows(old, new) {
                assert!((shares(&window).iter().sum::<f64>() - 1.0).abs() < 1e-3, "{old} → {new}");
            }
        }
    }

    #[test]
    fn flat_pictures_stay_flat_and_extreme_sides_do_no_harm() {
        for (old, new) in [((1, 1), (224, 224)), ((2000, 3), (3, 2000)), ((1, 60_000), (5, 1)), ((9, 9), (9, 9))] {
            let resized = resize(&RgbImage::from_pixel(old.0, old.1, image::Rgb([255, 1, 128])), new.0, new.1);
            assert_eq!(resized.dimensions(), new);
            assert!(resized.pixels().all(|pixel| pixel.0 == [255, 1, 128]), "{old:?} → {new:?}");
        }
        assert_eq!(resize(&RgbImage::new(0, 5), 2, 3), RgbImage::new(2, 3));
        // 10 million pixels in each window: weights lose their precision, but nothing overflows.
        let long = RgbImage::from_pixel(1, 10_000_000, image::Rgb([255; 3]));
        assert_eq!(resize(&long, 1, 2).dimensions(), (1, 2));
    }

    #[test]
    fn the_order_follows_what_each_side_loses() {
        // Seen in Pillow 13.0: the side lengths before, after, and whether the height came first.
        let seen = [
            ((227, 227), (224, 224), false),
            ((230, 240), (224, 224), true),
            ((1000, 1776), (224, 224), false),
            ((1000, 1777), (224, 224), true),
            ((90, 80), (85, 70), false),
            ((19, 74), (110, 104), false),
            ((85, 50), (102, 28), true),
        ];
        for (old, new, expected) in seen {
            assert_eq!(columns_first(old, new), expected, "{old:?} → {new:?}");
        }
    }
}
