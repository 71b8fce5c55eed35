//! A picture as three planes of numbers, which it is until all changes are made: bytes would be rounded each time.

use image::{Rgb, RgbImage};

use crate::dice::Dice;

/// One value for each pixel of a square, row by row.
pub(super) struct Plane {
    side: usize,
    values: Vec<f32>,
}

/// A neighbour that a pixel's new value is made of: where it lies, and with which weight it counts.
#[derive(Clone, Copy)]
pub(super) struct Tap {
    pub dx: isize,
    pub dy: isize,
    pub weight: f32,
}

impl Plane {
    /// What `value` gives for each pixel, told how far right of the middle and below it the pixel lies.
    pub(super) fn new(side: usize, value: impl Fn(f32, f32) -> f32) -> Self {
        let middle = 0.5 * (side as f32 - 1.0);
        let mut values = Vec::with_capacity(side * side);
        for y in 0..side as i32 {
            let y = y as f32 - middle;
            values.extend((0..side as i32).map(|x| value(x as f32 - middle, y)));
        }
        Self { side, values }
    }

    /// The same value everywhere.
    pub(super) fn filled(side: usize, value: f32) -> Self {
        Self { side, values: vec![value; side * side] }
    }

    /// Smooth noise, mean 0 and standard deviation about 1: random values every `spacing` pixels across and down,
    /// joined by cubic B-splines.
    pub(super) fn clouds(side: usize, [across, down]: [f32; 2], dice: &mut Dice) -> Self {
        let (columns, rows) = (splines(side, across), splines(side, down));
        let width = columns.last().map_or(0, |spline| spline.first + 4);
        let height = rows.last().map_or(0, |spline| spline.first + 4);
        // Splines average the random values, which takes about half of their spread.
        let knots: Vec<f32> = (0..width * height).map(|_| 2.1 * dice.normal()).collect();
        let mut plane = Self::filled(side, 0.0);
        let mut mixed = vec![0.0; width];
        for (row, spline) in plane.rows_mut().zip(&rows) {
            mixed.fill(0.0);
            for (knots, weight) in knots.chunks_exact(width).skip(spline.first).zip(spline.weights) {
                mixed.iter_mut().zip(knots).for_each(|(sum, knot)| *sum += weight * knot);
            }
            for (value, spline) in row.iter_mut().zip(&columns) {
                let near = mixed.get(spline.first..).unwrap_or_default();
                *value = near.iter().zip(spline.weights).map(|(knot, weight)| weight * knot).sum();
            }
        }
        plane
    }

    /// Pixels along one side.
    pub(super) fn side(&self) -> usize {
        self.side
    }

    /// All values, row by row.
    pub(super) fn values(&self) -> &[f32] {
        &self.values
    }

    /// All values, row by row, to be changed.
    pub(super) fn values_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }

    /// The rows, to be changed.
    pub(super) fn rows_mut(&mut self) -> impl Iterator<Item = &mut [f32]> {
        self.values.chunks_exact_mut(self.side)
    }

    /// The mean of all values.
    pub(super) fn mean(&self) -> f32 {
        self.values.iter().sum::<f32>() / self.values.len().max(1) as f32
    }

    /// Makes each value the weighted sum of its neighbours; beyond the edges the plane goes on as its mirror image.
    pub(super) fn convolve(&mut self, taps: &[Tap]) {
        let reach = |tap: &Tap| tap.dx.unsigned_abs().max(tap.dy.unsigned_abs());
        let margin = taps.iter().map(reach).max().unwrap_or(0);
        let (padded, stride) = (self.padded(margin), self.side + 2 * margin);
        for (y, row) in self.values.chunks_exact_mut(self.side).enumerate() {
            row.fill(0.0);
            for tap in taps {
                let start = (y + margin).saturating_add_signed(tap.dy) * stride + margin.saturating_add_signed(tap.dx);
                for (value, near) in row.iter_mut().zip(padded.get(start..).unwrap_or_default()) {
                    *value += tap.weight * near;
                }
            }
        }
    }

    fn padded(&self, margin: usize) -> Vec<f32> {
        let places = mirrored(margin, self.side);
        let mut padded = Vec::with_capacity(places.len() * places.len());
        for &y in &places {
            let row = self.values.get(y * self.side..(y + 1) * self.side).unwrap_or_default();
            padded.extend(places.iter().take(margin).filter_map(|&x| row.get(x)));
            padded.extend_from_slice(row);
            padded.extend(places.iter().skip(margin + self.side).filter_map(|&x| row.get(x)));
        }
        padded
    }
}

/// The places in a line of `length` that are seen from `margin` before it to `margin` after it where mirrors stand at
/// both its ends.
pub(super) fn mirrored(margin: usize, length: usize) -> Vec<usize> {
    let period = 2 * length as isize;
    let place = |i: isize| {
        let place = i.rem_euclid(period.max(1)) as usize;
        place.min((2 * length).saturating_sub(1 + place))
    };
    (-(margin as isize)..(length + margin) as isize).map(place).collect()
}

/// What a value between four neighbouring knots is made of.
struct Spline {
    first: usize,
    weights: [f32; 4],
}

/// The splines of a line of pixels with a knot every `spacing` of them.
fn splines(side: usize, spacing: f32) -> Vec<Spline> {
    let spacing = spacing.max(1.0);
    (0..side as i32)
        .map(|i| {
            let place = i as f32 / spacing;
            let first = place as usize;
            let t = place - first as f32;
            let u = 1.0 - t;
            let inner = |t: f32| (4.0 - 6.0 * t * t + 3.0 * t * t * t) / 6.0;
            Spline { first, weights: [u * u * u / 6.0, inner(t), inner(u), t * t * t / 6.0] }
        })
        .collect()
}

/// A square picture: red, green and blue, 0 to 255 and for the time being beyond.
pub(super) struct Picture {
    pub planes: [Plane; 3],
}

impl Picture {
    /// A picture of these pixels, row by row; what follows red, green and blue is left out.
    pub(super) fn new(side: usize, pixels: &[[f32; 4]]) -> Self {
        let plane = |channel: usize| Plane { side, values: pixels.iter().map(|pixel| pixel[channel]).collect() };
        Self { planes: [plane(0), plane(1), plane(2)] }
    }

    /// Pixels along one side.
    pub(super) fn side(&self) -> usize {
        let [red, _, _] = &self.planes;
        red.side()
    }

    /// What a length is here that measures one pixel in a picture of 128×128.
    pub(super) fn unit(&self) -> f32 {
        self.side() as f32 / 128.0
    }

    /// Multiplies red, green and blue by `factor` where `cover` is 1, less where it is less.
    pub(super) fn shade(&mut self, cover: &Plane, factor: [f32; 3]) {
        for (plane, factor) in self.planes.iter_mut().zip(factor) {
            for (value, cover) in plane.values.iter_mut().zip(&cover.values) {
                *value *= 1.0 + (factor - 1.0) * cover;
            }
        }
    }

    /// Paints over with `colour` where `cover` is 1, less where it is less.
    pub(super) fn paint(&mut self, cover: &Plane, colour: [f32; 3]) {
        for (plane, colour) in self.planes.iter_mut().zip(colour) {
            for (value, cover) in plane.values.iter_mut().zip(&cover.values) {
                *value += (colour - *value) * cover;
            }
        }
    }

    /// The picture in bytes.
    pub(super) fn into_image(self) -> RgbImage {
        let side = self.side() as u32;
        let mut image = RgbImage::new(side, side);
        let [red, green, blue] = &self.planes;
        let values = red.values.iter().zip(&green.values).zip(&blue.values);
        for (pixel, ((&red, &green), &blue)) in image.pixels_mut().zip(values) {
            *pixel = Rgb([red, green, blue].map(level));
        }
        image
    }
}

/// To the nearest byte: casts cut off what follows the point and end at 0 and 255.
fn level(value: f32) -> u8 {
    (value + 0.5) as u8
}

/// 0 up to `low`, 1 from `high` on, smooth between.
pub(super) fn smooth_step(low: f32, high: f32, x: f32) -> f32 {
    let t = ((x - low) / (high - low)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::photo::augment::part::Part;

    #[test]
    fn mirrors_stand_behind_the_last_pixels() {
        assert_eq!(mirrored(3, 4), [2, 1, 0, 0, 1, 2, 3, 3, 2, 1]);
        assert_eq!(mirrored(5, 2), [0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1]);
        assert_eq!(mirrored(2, 1), [0; 5]);
    }

    #[test]
    fn convolving_moves_values_as_the_taps_say() {
        let place = |x: f32, y: f32| 10.0 * y + x;
        let mut plane = Plane::new(5, place);
        plane.convolve(&[Tap { dx: 1, dy: -2, weight: 0.5 }]);
        // The value right of the middle and two above it.
        assert_eq!(plane.values()[2 * 5 + 2], 0.5 * place(1.0, -2.0));
        // Two above the first row, and one beyond the last column, is the mirror image.
        assert_eq!(plane.values()[4], 0.5 * place(2.0, -1.0));
    }

    #[test]
    fn clouds_are_smooth_and_of_spread_1() {
        for spacing in [4.0, 9.5, 30.0] {
            let many: Vec<Plane> = [3, 4, 5, 6, 7, 8, 9, 10]
                .map(|seed| Plane::clouds(96, [spacing; 2], &mut Dice::of(seed, Part::Noise)))
                .into_iter()
                .collect();
            let values: Vec<f32> = many.iter().flat_map(|plane| plane.values().iter().copied()).collect();
            let spread = (values.iter().map(|value| value * value).sum::<f32>() / values.len() as f32).sqrt();
            assert!((0.7..1.3).contains(&spread), "{spacing}: {spread}");
            for row in many.iter().flat_map(|plane| plane.values().chunks_exact(96)) {
                assert!(row.windows(2).all(|pair| (pair[1] - pair[0]).abs() < 6.0 / spacing));
            }
        }
    }

    #[test]
    fn bytes_are_rounded_and_end_at_0_and_255() {
        assert_eq!([-300.0, -0.4, 0.49, 0.5, 254.6, 1e9, f32::NAN].map(level), [0, 0, 0, 1, 255, 255, 0]);
    }
}
