//! Smooth noise and planes of values: what a surface is made of.

use super::portable::{exp, sin_cos, square};
use crate::dice::Dice;

impl Dice {
    /// A fresh noise.
    pub(super) fn noise(&mut self) -> Noise {
        Noise { seed: self.bits() }
    }
}

/// Gradient noise after K. Perlin, *Improving Noise*, 2002, in two dimensions, with hashed gradients.
#[derive(Clone, Copy)]
pub(super) struct Noise {
    seed: u32,
}

impl Noise {
    /// The noise at a point: about −0.7 to 0.7, mean 0, one bump a unit.
    pub(super) fn at(self, x: f32, y: f32) -> f32 {
        let (left, top) = (x.floor(), y.floor());
        let (u, v) = (x - left, y - top);
        let (column, row) = (left as i32, top as i32);
        let corner =
            |dx: i32, dy: i32| self.slope(column.wrapping_add(dx), row.wrapping_add(dy), u - dx as f32, v - dy as f32);
        let (fade_u, fade_v) = (fade(u), fade(v));
        let upper = lerp(corner(0, 0), corner(1, 0), fade_u);
        let lower = lerp(corner(0, 1), corner(1, 1), fade_u);
        lerp(upper, lower, fade_v)
    }

    /// Noise at several scales: each octave twice as fine and `gain` times as strong as the one before.
    pub(super) fn fractal(self, x: f32, y: f32, octaves: u32, gain: f32) -> f32 {
        let (mut sum, mut strength, mut scale) = (0.0, 1.0, 1.0);
        for octave in 0..octaves {
            let shift = octave as f32 * 17.3;
            sum += strength * self.at(x * scale + shift, y * scale - shift);
            strength *= gain;
            scale *= 2.03;
        }
        sum
    }

    /// The gradient at a lattice point times the way to it.
    fn slope(self, column: i32, row: i32, dx: f32, dy: f32) -> f32 {
        let mut bits = self.seed ^ (column as u32).wrapping_mul(0x9E37_79B1) ^ (row as u32).wrapping_mul(0x85EB_CA77);
        bits = (bits ^ (bits >> 15)).wrapping_mul(0x2C1B_3C6D);
        bits = (bits ^ (bits >> 12)).wrapping_mul(0x297A_2D39);
        let gx = ((bits >> 8) & 0xFFF) as f32 / 2047.5 - 1.0;
        let gy = (bits >> 20) as f32 / 2047.5 - 1.0;
        gx * dx + gy * dy
    }
}

/// How a noise is laid over the photo: its wavelength in pixels along and across a direction.
#[derive(Clone, Copy)]
pub(super) struct Grid {
    along: f32,
    across: f32,
    sine: f32,
    cosine: f32,
}

impl Grid {
    /// The same wavelength in all directions; turned, so that the lattice never lies along the pixels.
    pub(super) fn even(wavelength: f32) -> Self {
        Self::stretched(wavelength, wavelength, 0.6)
    }

    /// Long along `angle`, short across it.
    pub(super) fn stretched(along: f32, across: f32, angle: f32) -> Self {
        let (sine, cosine) = sin_cos(angle);
        Self { along: along.max(0.5), across: across.max(0.5), sine, cosine }
    }

    /// Where pixel (`x`, `y`) lies in the noise.
    pub(super) fn place(&self, x: f32, y: f32) -> (f32, f32) {
        ((x * self.cosine + y * self.sine) / self.along, (y * self.cosine - x * self.sine) / self.across)
    }
}

/// One value for each pixel of a square photo, row by row.
#[derive(Clone)]
pub(super) struct Plane {
    side: usize,
    values: Vec<f32>,
}

impl Plane {
    /// The same value everywhere.
    pub(super) fn filled(side: usize, value: f32) -> Self {
        Self { side, values: vec![value; side * side] }
    }

    /// Smooth noise, reckoned on every fourth pixel and filled in between: for wavelengths well above four pixels.
    pub(super) fn clouds(side: usize, noise: Noise, grid: Grid, octaves: u32, gain: f32) -> Self {
        const STEP: usize = 4;
        let coarse = side / STEP + 2;
        let mut knots = Self::filled(coarse, 0.0);
        knots.update(|x, y, value| {
            let (u, v) = grid.place(x * STEP as f32, y * STEP as f32);
            *value = noise.fractal(u, v, octaves, gain);
        });
        let mut plane = Self::filled(side, 0.0);
        for (y, row) in plane.values.chunks_exact_mut(side).enumerate() {
            let (top, v) = (y / STEP, (y % STEP) as f32 / STEP as f32);
            let (upper, lower) = (knots.row(top), knots.row(top + 1));
            let mixed: Vec<f32> = upper.iter().zip(lower).map(|(&a, &b)| lerp(a, b, v)).collect();
            for (cells, pair) in row.chunks_mut(STEP).zip(mixed.windows(2)) {
                let &[a, b] = pair else { continue };
                for (x, cell) in cells.iter_mut().enumerate() {
                    *cell = lerp(a, b, x as f32 / STEP as f32);
                }
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

    /// One row; empty beyond the last.
    pub(super) fn row(&self, y: usize) -> &[f32] {
        self.values.get(y * self.side..(y + 1) * self.side).unwrap_or(&[])
    }

    /// Changes every pixel, given its place.
    pub(super) fn update(&mut self, mut change: impl FnMut(f32, f32, &mut f32)) {
        for (y, row) in self.values.chunks_exact_mut(self.side).enumerate() {
            for (x, value) in row.iter_mut().enumerate() {
                change(x as f32, y as f32, value);
            }
        }
    }

    /// Changes every pixel, given the value of another plane there.
    pub(super) fn combine(&mut self, other: &Self, change: impl Fn(&mut f32, f32)) {
        for (value, &with) in self.values.iter_mut().zip(&other.values) {
            change(value, with);
        }
    }

    /// Changes the pixels within `reach` of a point; those beyond the frame are left out.
    pub(super) fn around(&mut self, x: f32, y: f32, reach: f32, mut change: impl FnMut(f32, f32, &mut f32)) {
        let limit = self.side as f32;
        let span = |at: f32| {
            let (low, high) = ((at - reach).floor().clamp(0.0, limit), (at + reach + 1.0).ceil().clamp(0.0, limit));
            (low as usize, (high - low) as usize)
        };
        let ((left, width), (top, height)) = (span(x), span(y));
        for (py, row) in self.values.chunks_exact_mut(self.side).enumerate().skip(top).take(height) {
            for (px, value) in row.iter_mut().enumerate().skip(left).take(width) {
                change(px as f32 - x, py as f32 - y, value);
            }
        }
    }

    /// Gaussian blur with standard deviation `sigma` pixels, edges repeated.
    pub(super) fn blur(&mut self, sigma: f32) {
        if sigma < 0.2 {
            return;
        }
        let reach = (sigma * 2.5).ceil().max(1.0) as usize;
        let mut weights: Vec<f32> =
            (0..=2 * reach).map(|i| exp(-square(i as f32 - reach as f32) / (2.0 * sigma * sigma))).collect();
        let sum: f32 = weights.iter().sum();
        weights.iter_mut().for_each(|weight| *weight /= sum);
        for _ in 0..2 {
            self.blur_rows(&weights, reach);
            self.transpose();
        }
    }

    fn blur_rows(&mut self, weights: &[f32], reach: usize) {
        let mut padded = Vec::with_capacity(self.side + 2 * reach);
        for row in self.values.chunks_exact_mut(self.side) {
            let (first, last) = (row.first().copied().unwrap_or(0.0), row.last().copied().unwrap_or(0.0));
            padded.clear();
            padded.extend(std::iter::repeat_n(first, reach));
            padded.extend_from_slice(row);
            padded.extend(std::iter::repeat_n(last, reach));
            row.fill(0.0);
            for (shift, &weight) in weights.iter().enumerate() {
                for (value, &source) in row.iter_mut().zip(padded.iter().skip(shift)) {
                    *value += weight * source;
                }
            }
        }
    }

    fn transpose(&mut self) {
        let mut turned = Vec::with_capacity(self.values.len());
        for x in 0..self.side {
            turned.extend(self.values.iter().skip(x).step_by(self.side));
        }
        self.values = turned;
    }
}

/// From `a` at 0 to `b` at 1.
pub(super) fn lerp(a: f32, b: f32, t: f32) -> f32 {
    a + (b - a) * t
}

/// 0 up to `low`, 1 from `high` on, smooth between.
pub(super) fn smooth_step(low: f32, high: f32, x: f32) -> f32 {
    let t = ((x - low) / (high - low)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

fn fade(t: f32) -> f32 {
    t * t * t * (t * (t * 6.0 - 15.0) + 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_of_one_seed_differ_and_repeat() {
        let first: Vec<u32> = (0..4).map(|stream| Dice::new(7, stream).bits()).collect();
        let again: Vec<u32> = (0..4).map(|stream| Dice::new(7, stream).bits()).collect();
        assert_eq!(first, again);
        assert!(first.windows(2).all(|pair| pair[0] != pair[1]));
    }

    #[test]
    fn normal_has_mean_0_and_deviation_1() {
        let mut dice = Dice::new(1, 0);
        let draws: Vec<f32> = (0..20_000).map(|_| dice.normal()).collect();
        let mean = draws.iter().sum::<f32>() / 20_000.0;
        let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / 20_000.0;
        assert!(mean.abs() < 0.03 && (variance - 1.0).abs() < 0.05, "{mean} {variance}");
    }

    #[test]
    fn noise_is_smooth_and_vanishes_on_its_lattice() {
        let noise = Dice::new(3, 0).noise();
        assert_eq!(noise.at(4.0, -7.0), 0.0);
        for i in 0..2000 {
            let (x, y) = (i as f32 * 0.013 - 9.0, i as f32 * 0.029);
            assert!((noise.at(x + 0.001, y) - noise.at(x, y)).abs() < 0.01);
        }
    }

    #[test]
    fn clouds_agree_with_the_noise_they_are_made_of() {
        let noise = Dice::new(5, 0).noise();
        let grid = Grid::stretched(60.0, 40.0, 0.3);
        let plane = Plane::clouds(50, noise, grid, 1, 0.5);
        for (y, x) in [(0, 0), (13, 7), (49, 49), (31, 2)] {
            let (u, v) = grid.place(x as f32, y as f32);
            assert!((plane.row(y)[x] - noise.at(u, v)).abs() < 0.02);
        }
    }

    #[test]
    fn blur_keeps_the_sum_and_is_symmetric() {
        let mut plane = Plane::filled(21, 0.0);
        plane.around(10.0, 10.0, 0.0, |dx, dy, value| {
            if dx == 0.0 && dy == 0.0 {
                *value = 1.0;
            }
        });
        plane.blur(1.2);
        assert!((plane.values().iter().sum::<f32>() - 1.0).abs() < 1e-4);
        assert_eq!(plane.row(10)[8], plane.row(10)[12]);
        assert!((plane.row(8)[10] - plane.row(10)[8]).abs() < 1e-6);
    }
}
