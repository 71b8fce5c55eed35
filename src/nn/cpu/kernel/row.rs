//! The innermost loop of a convolution: some neighbouring pixels of one output row times a block of output channels, all
//! held in registers.

use half::bf16;

use super::Instructions;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
use super::amx;
use super::factor::{Factor, Factors};
use super::finish::Finish;
use super::lanes::{Four, Lanes};

/// One row of output pixels for one block of [`Instructions::channels`] channels.
///
/// Output pixel x, channel c is `bias[c]` + Σ over runs r and i < `run` of
/// `input[runs[r] + x · input_step + i]` · `weights[(r · run + i) · channels + c]`, and what `finish` makes of it. Factors in bf16 are multiplied two at a time: there `run` is
/// even, and weights i and i + 1 of a channel lie side by side.
pub(in super::super) struct Row<'a, F = f32> {
    /// From the first value that the first output pixel needs.
    pub input: &'a [F],
    /// Values between what neighbouring output pixels need.
    pub input_step: usize,
    /// Where the runs of contiguous input values begin.
    pub runs: &'a [usize],
    /// Values in a run.
    pub run: usize,
    /// Whether each run is summed by itself and the sums of runs then: rounding grows with the number of values summed
    /// one after the other, and so it grows less.
    pub apart: bool,
    /// For each value of the runs, a weight for each channel of the block.
    pub weights: &'a [F],
    /// One for each channel of the block.
    pub bias: &'a [f32],
    /// What happens to the sums; laid out as `output`.
    pub finish: Finish<'a>,
    /// From this block's first channel of the first pixel.
    pub output: &'a mut [f32],
    /// Values between neighbouring output pixels.
    pub output_step: usize,
    /// Output pixels.
    pub width: usize,
}

impl<F: Factor> Row<'_, F> {
    /// Computes the row.
    ///
    /// # Panics
    /// Where a slice is shorter than the description says, or the processor lacks the instructions.
    pub(in super::super) fn compute(&mut self, instructions: Instructions) {
        self.check(instructions.channels());
        F::row(self, instructions);
    }

    /// The bounds on which the addresses below rely.
    pub(super) fn check(&self, channels: usize) {
        assert!(self.width > 0);
        let last = self.width - 1;
        let reach = self.runs.iter().max().map_or(0, |run| run + last * self.input_step + self.run);
        assert!(self.input.len() >= reach);
        assert_eq!(self.weights.len(), self.runs.len() * self.run * channels);
        assert_eq!(self.bias.len(), channels);
        let reach = last * self.output_step + channels;
        assert!(self.output.len() >= reach);
        assert!(self.finish.reaches(reach));
    }
}

/// [`Row::compute`] in single precision.
pub(super) fn single(it: &mut Row<'_, f32>, instructions: Instructions) {
    match instructions {
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx512 => {
            assert!(is_x86_feature_detected!("avx512f"));
            // SAFETY: the processor has the instructions, as was just asked.
            unsafe { x86::row_avx512(it) }
        }
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx2 => {
            assert!(is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"));
            // SAFETY: the processor has the instructions, as was just asked.
            unsafe { x86::row_avx2(it) }
        }
        Instructions::Portable => row::<Four, f32, 4, 2>(it),
    }
}

/// [`Row::compute`] in bf16.
pub(super) fn half(it: &mut Row<'_, bf16>, instructions: Instructions) {
    assert!(it.run.is_multiple_of(2));
    assert!(instructions.multiply_bf16() || instructions == Instructions::Portable);
    match instructions {
        #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
        Instructions::Avx512 if amx::serves(it) => amx::row(it),
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx512 => {
            assert!(instructions.multiply_bf16());
            // SAFETY: the processor has the instructions, as was just asked.
            unsafe { x86::row_avx512_bf16(it) }
        }
        _ => row::<Four, bf16, 4, 2>(it),
    }
}

/// The row in tiles of `WIDE` or of `NARROW` pixels, whichever wastes less; the last one may overlap the one before.
#[inline(always)]
fn row<V: Lanes, F: Factors<V>, const WIDE: usize, const NARROW: usize>(row: &mut Row<'_, F>) {
    let covered = |tile: usize| row.width.div_ceil(tile) * tile;
    if row.width >= WIDE && covered(WIDE) <= covered(NARROW) {
        tiles::<V, F, WIDE>(row);
    } else if row.width >= NARROW {
        tiles::<V, F, NARROW>(row);
    } else {
        tiles::<V, F, 1>(row);
    }
}

#[inline(always)]
fn tiles<V: Lanes, F: Factors<V>, const R: usize>(row: &mut Row<'_, F>) {
    let mut x = 0;
    while x < row.width {
        let begin = x.min(row.width - R);
        // SAFETY: `begin + R <= width`, and `Row::check` has made sure of all that `width` pixels read and write.
        unsafe { tile::<V, F, R>(row, begin) };
        x += R;
    }
}

/// Pixels `begin` to `begin + R`.
///
/// # Safety
/// [`Row::check`] must hold for this vector's channels, and `begin + R` be at most the row's width.
#[inline(always)]
unsafe fn tile<V: Lanes, F: Factors<V>, const R: usize>(row: &mut Row<'_, F>, begin: usize) {
    // SAFETY: every address below lies within the slices, by what the caller promises: pixel `begin + r` reads at most
    // `run` values from each of `runs`, weights are taken in order from first to last, and each pixel writes one block.
    unsafe {
        let bias = [V::load(row.bias.as_ptr()), V::load(row.bias.as_ptr().add(V::N))];
        let mut sums = [bias; R];
        let mut weights = row.weights.as_ptr();
        let first = row.input.as_ptr().add(begin * row.input_step);
        if row.apart {
            for &offset in row.runs {
                let mut of_run = [[V::splat(0.0); 2]; R];
                weights = add_run::<V, F, R>(row, first.add(offset), weights, &mut of_run);
                for (sum, [low, high]) in sums.iter_mut().zip(of_run) {
                    *sum = [sum[0].add(low), sum[1].add(high)];
                }
            }
        } else {
            for &offset in row.runs {
                weights = add_run::<V, F, R>(row, first.add(offset), weights, &mut sums);
            }
        }
        for (r, sum) in sums.into_iter().enumerate() {
            for (half, value) in sum.into_iter().enumerate() {
                finish(row, (begin + r) * row.output_step + half * V::N, value);
            }
        }
    }
}

/// Adds the products of a run with its weights, which begin at `weights`; returns where those of the next begin.
///
/// # Safety
/// From `input` on there must be `R` times a run, each a step after the one before, and from `weights` on those of a run.
#[inline(always)]
unsafe fn add_run<V: Lanes, F: Factors<V>, const R: usize>(
    row: &Row<'_, F>,
    mut input: *const F,
    mut weights: *const F,
    sums: &mut [[V; 2]; R],
) -> *const F {
    // SAFETY: the values are there, as the caller promises.
    unsafe {
        for _ in 0..row.run / F::TOGETHER {
            let (low, high) = (F::load(weights), F::load(weights.add(V::N * F::TOGETHER)));
            for (r, sum) in sums.iter_mut().enumerate() {
                let value = F::splat(input.add(r * row.input_step));
                *sum = [F::multiply_add(sum[0], value, low), F::multiply_add(sum[1], value, high)];
            }
            input = input.add(F::TOGETHER);
            weights = weights.add(2 * V::N * F::TOGETHER);
        }
        weights
    }
}

/// Stores what becomes of `value` at `place`.
///
/// # Safety
/// From `place` on there must be a vector's values in the output, and in residual and gate where there are such.
#[inline(always)]
pub(super) unsafe fn finish<V: Lanes, F>(row: &mut Row<'_, F>, place: usize, value: V) {
    // SAFETY: the values are there, as the caller promises.
    unsafe { row.finish.apply(place, value).store(row.output.as_mut_ptr().add(place)) }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use half::bf16;

    use super::super::lanes::x86::{Eight, Sixteen};
    use super::{Row, row};

    /// 28 of the 32 registers hold sums.
    #[target_feature(enable = "avx512f")]
    pub(super) fn row_avx512(it: &mut Row<'_>) {
        row::<Sixteen, f32, 14, 7>(it);
    }

    /// As above.
    #[target_feature(enable = "avx512f,avx512bf16")]
    pub(super) fn row_avx512_bf16(it: &mut Row<'_, bf16>) {
        row::<Sixteen, bf16, 14, 7>(it);
    }

    /// 12 of the 16 registers hold sums.
    #[target_feature(enable = "avx2,fma")]
    pub(super) fn row_avx2(it: &mut Row<'_>) {
        row::<Eight, f32, 6, 4>(it);
    }
}
