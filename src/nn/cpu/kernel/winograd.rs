//! Winograd's minimal filtering F(4×4, 3×3) for 3×3 windows with step 1 (Lavin and Gray 2016): tiles of pixels and kernels
//! are taken into another domain, in which a convolution is one product for each place of a tile, and the sums are taken
//! back. That is a quarter of the products.

use half::bf16;

use super::Instructions;
use super::factor::{Factor, Factors};
use super::finish::Finish;
use super::lanes::{Four, Lanes};

/// Output pixels of a tile on a side.
pub(in super::super) const OUTPUTS: usize = 4;
/// Input pixels of a tile on a side.
const INPUTS: usize = OUTPUTS + 2;
/// Places of a tile in the other domain.
pub(in super::super) const PLACES: usize = INPUTS * INPUTS;

/// Takes a row of tiles into the other domain.
pub(in super::super) struct Enter<'a, F = f32> {
    /// All lines of a map.
    pub input: &'a [f32],
    /// Lines, and pixels in a line; what lies beyond counts as zero.
    pub size: (usize, usize),
    /// Channels of a pixel.
    pub channels: usize,
    /// First line and pixel of the first tile.
    pub corner: (usize, usize),
    /// Tiles, each beginning [`OUTPUTS`] pixels after the one before.
    pub tiles: usize,
    /// Place by place, tile by tile, channel by channel, from the first tile's on.
    pub output: &'a mut [F],
    /// Values of `output` from one place to the next.
    pub step: usize,
}

/// Takes a row of tiles back, and does with the sums what [`Finish`] says.
pub(in super::super) struct Leave<'a> {
    /// Laid out as [`Enter::output`].
    pub sums: &'a [f32],
    /// Values of `sums` from one place to the next.
    pub step: usize,
    /// Channels of a pixel.
    pub channels: usize,
    /// One for each channel.
    pub bias: &'a [f32],
    /// What happens to the sums; laid out as `output`.
    pub finish: Finish<'a>,
    /// From the first pixel of the first tile on.
    pub output: &'a mut [f32],
    /// Values from one line of `output` to the next.
    pub pitch: usize,
    /// Lines and pixels that there are to be filled: no more lines than a tile has.
    pub size: (usize, usize),
}

/// Bᵀ times a column of a tile.
#[inline(always)]
fn to_domain<V: Lanes>(d: &[V; INPUTS]) -> [V; INPUTS] {
    let times = |factor: f32, x: V, y: V| y.multiply_add(V::splat(factor), x); // y + factor · x
    let (even, odd) = (times(-4.0, d[2], d[4]), times(-4.0, d[1], d[3]));
    let (near, far) = (d[4].subtract(d[2]), d[3].subtract(d[1]));
    [
        times(4.0, d[0], times(-5.0, d[2], d[4])),
        even.add(odd),
        even.subtract(odd),
        times(2.0, far, near),
        times(-2.0, far, near),
        times(4.0, d[1], times(-5.0, d[3], d[5])),
    ]
}

/// Aᵀ times a column of sums.
#[inline(always)]
fn from_domain<V: Lanes>(m: &[V; INPUTS]) -> [V; OUTPUTS] {
    let times = |factor: f32, x: V, y: V| y.multiply_add(V::splat(factor), x);
    let (sum, difference) = (m[1].add(m[2]), m[1].subtract(m[2]));
    let (far_sum, far_difference) = (m[3].add(m[4]), m[3].subtract(m[4]));
    [
        m[0].add(sum).add(far_sum),
        times(2.0, far_difference, difference),
        times(4.0, far_sum, sum),
        times(8.0, far_difference, difference).add(m[5]),
    ]
}

/// G times a column of each of some kernels.
fn column_to_domain<const K: usize>([a, b, c]: [[f32; K]; 3]) -> [[f32; K]; INPUTS] {
    let each = |of: fn(f32, f32, f32) -> f32| std::array::from_fn(|k| of(a[k], b[k], c[k]));
    [
        each(|a, _, _| a / 4.0),
        each(|a, b, c| -(a + b + c) / 6.0),
        each(|a, b, c| (b - a - c) / 6.0),
        each(|a, b, c| (a / 24.0 + c / 6.0) + b / 12.0),
        each(|a, b, c| (a / 24.0 + c / 6.0) - b / 12.0),
        c,
    ]
}

/// Takes `K` 3×3 kernels into the other domain: the same place of all of them together, row by row.
pub(in super::super) fn kernels_to_domain<const K: usize>(kernels: &[[f32; K]; 9]) -> [[f32; K]; PLACES] {
    let [a, b, c, d, e, f, g, h, i] = *kernels;
    let columns = [[a, d, g], [b, e, h], [c, f, i]].map(column_to_domain);
    let mut places = [[0.0; K]; PLACES];
    for (y, row) in places.chunks_exact_mut(INPUTS).enumerate() {
        row.copy_from_slice(&column_to_domain(columns.map(|column| column[y])));
    }
    places
}

impl<F: Factor> Enter<'_, F> {
    /// Does so.
    ///
    /// # Panics
    /// Where a slice is shorter than the description says, or the processor lacks the instructions.
    pub(in super::super) fn run(&mut self, instructions: Instructions) {
        assert!(self.channels.is_multiple_of(instructions.channels() / 2));
        assert!(self.input.len() >= self.size.0 * self.size.1 * self.channels);
        assert!(self.corner.0 <= self.size.0 && self.corner.1 <= self.size.1);
        assert!(self.output.len() >= (PLACES - 1) * self.step + self.tiles * self.channels);
        F::enter(self, instructions);
    }
}

/// [`Enter::run`] in single precision.
pub(super) fn enter_single(it: &mut Enter<'_>, instructions: Instructions) {
    match instructions {
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx512 => {
            assert!(is_x86_feature_detected!("avx512f"));
            // SAFETY: the processor has the instructions, as was just asked.
            unsafe { x86::enter_avx512(it) }
        }
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx2 => {
            assert!(is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"));
            // SAFETY: the processor has the instructions, as was just asked.
            unsafe { x86::enter_avx2(it) }
        }
        Instructions::Portable => enter::<Four, f32>(it),
    }
}

/// [`Enter::run`] with results in bf16.
pub(super) fn enter_half(it: &mut Enter<'_, bf16>, instructions: Instructions) {
    assert!(instructions.multiply_bf16() || instructions == Instructions::Portable);
    match instructions {
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx512 => {
            assert!(instructions.multiply_bf16());
            // SAFETY: the processor has the instructions, as was just asked.
            unsafe { x86::enter_avx512_bf16(it) }
        }
        _ => enter::<Four, bf16>(it),
    }
}

impl Leave<'_> {
    /// Does so.
    ///
    /// # Panics
    /// Where a slice is shorter than the description says, or the processor lacks the instructions.
    pub(in super::super) fn run(&mut self, instructions: Instructions) {
        assert!(self.channels.is_multiple_of(instructions.channels() / 2) && self.bias.len() == self.channels);
        let ((rows, columns), tiles) = (self.size, self.size.1.div_ceil(OUTPUTS));
        assert!(rows > 0 && columns > 0 && rows <= OUTPUTS);
        assert!(self.sums.len() >= (PLACES - 1) * self.step + tiles * self.channels);
        let reach = (rows - 1) * self.pitch + columns * self.channels;
        assert!(self.output.len() >= reach);
        assert!(self.finish.reaches(reach));
        match instructions {
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512 => {
                assert!(is_x86_feature_detected!("avx512f"));
                // SAFETY: the processor has the instructions, as was just asked.
                unsafe { x86::leave_avx512(self) }
            }
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2 => {
                assert!(is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"));
                // SAFETY: the processor has the instructions, as was just asked.
                unsafe { x86::leave_avx2(self) }
            }
            Instructions::Portable => leave::<Four>(self),
        }
    }
}

#[inline(always)]
fn enter<V: Lanes, F: Factors<V>>(it: &mut Enter<'_, F>) {
    for tile in 0..it.tiles {
        for channel in (0..it.channels).step_by(V::N) {
            enter_tile::<V, F>(it, tile, channel);
        }
    }
}

#[allow(clippy::needless_range_loop)] // rows and columns change places
#[inline(always)]
fn enter_tile<V: Lanes, F: Factors<V>>(it: &mut Enter<'_, F>, tile: usize, channel: usize) {
    let (top, left) = (it.corner.0, it.corner.1 + tile * OUTPUTS);
    let whole = top + INPUTS <= it.size.0 && left + INPUTS <= it.size.1;
    let begin = (top * it.size.1 + left) * it.channels + channel;
    let mut half = [[V::splat(0.0); INPUTS]; INPUTS];
    for x in 0..INPUTS {
        let mut column = [V::splat(0.0); INPUTS];
        for (y, value) in column.iter_mut().enumerate() {
            if whole || top + y < it.size.0 && left + x < it.size.1 {
                let place = begin + (y * it.size.1 + x) * it.channels;
                // SAFETY: the pixel is one of the map's, whose values `Enter::run` has made sure of, and the channels
                // are a multiple of the vector's.
                *value = unsafe { V::load(it.input.as_ptr().add(place)) };
            }
        }
        let column = to_domain(&column);
        for y in 0..INPUTS {
            half[y][x] = column[y];
        }
    }
    for (y, row) in half.iter().enumerate() {
        let row = to_domain(row);
        for (x, value) in row.into_iter().enumerate() {
            let place = (y * INPUTS + x) * it.step + tile * it.channels + channel;
            // SAFETY: `Enter::run` has made sure of the values of the last place and tile.
            unsafe { F::store(value, it.output.as_mut_ptr().add(place)) };
        }
    }
}

#[inline(always)]
fn leave<V: Lanes>(it: &mut Leave<'_>) {
    for tile in 0..it.size.1.div_ceil(OUTPUTS) {
        for channel in (0..it.channels).step_by(V::N) {
            leave_tile::<V>(it, tile, channel);
        }
    }
}

#[allow(clippy::needless_range_loop)] // rows and columns change places
#[inline(always)]
fn leave_tile<V: Lanes>(it: &mut Leave<'_>, tile: usize, channel: usize) {
    let mut half = [[V::splat(0.0); INPUTS]; OUTPUTS];
    for x in 0..INPUTS {
        let mut column = [V::splat(0.0); INPUTS];
        for (y, value) in column.iter_mut().enumerate() {
            let place = (y * INPUTS + x) * it.step + tile * it.channels + channel;
            // SAFETY: `Leave::run` has made sure of the values of the last place and tile.
            *value = unsafe { V::load(it.sums.as_ptr().add(place)) };
        }
        let column = from_domain(&column);
        for y in 0..OUTPUTS {
            half[y][x] = column[y];
        }
    }
    // SAFETY: the channels are a multiple of the vector's, and there is a bias for each.
    let bias = unsafe { V::load(it.bias.as_ptr().add(channel)) };
    for (y, row) in half.iter().enumerate().take(it.size.0) {
        let row = from_domain(row);
        for (x, value) in row.into_iter().enumerate() {
            let pixel = tile * OUTPUTS + x;
            if pixel < it.size.1 {
                let place = y * it.pitch + pixel * it.channels + channel;
                // SAFETY: line `y` and the pixel are among those that `Leave::run` has made sure of.
                unsafe { it.finish.apply(place, value.add(bias)).store(it.output.as_mut_ptr().add(place)) };
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use half::bf16;

    use super::super::lanes::x86::{Eight, Sixteen};
    use super::{Enter, Leave, enter, leave};

    #[target_feature(enable = "avx512f")]
    pub(super) fn enter_avx512(it: &mut Enter<'_>) {
        enter::<Sixteen, f32>(it);
    }

    #[target_feature(enable = "avx512f,avx512bf16")]
    pub(super) fn enter_avx512_bf16(it: &mut Enter<'_, bf16>) {
        enter::<Sixteen, bf16>(it);
    }

    #[target_feature(enable = "avx2,fma")]
    pub(super) fn enter_avx2(it: &mut Enter<'_>) {
        enter::<Eight, f32>(it);
    }

    #[target_feature(enable = "avx512f")]
    pub(super) fn leave_avx512(it: &mut Leave<'_>) {
        leave::<Sixteen>(it);
    }

    #[target_feature(enable = "avx2,fma")]
    pub(super) fn leave_avx2(it: &mut Leave<'_>) {
        leave::<Eight>(it);
    }
}
