//! The innermost loop of a convolution: some neighbouring pixels of one output row times a block of output channels, all
//! held in registers.

use super::Instructions;
use super::lanes::{Four, Lanes};

/// One row of output pixels for one block of [`Instructions::channels`] channels.
///
/// Output pixel x, channel c is `bias[c]` + Σ over runs r and i < `run` of
/// `input[runs[r] + x · input_step + i]` · `weights[(r · run + i) · channels + c]`, plus the residual, cut at zero if
/// `relu`, or made zero where the gate is not positive.
pub(in super::super) struct Row<'a> {
    /// From the first value that the first output pixel needs.
    pub input: &'a [f32],
    /// Values between what neighbouring output pixels need.
    pub input_step: usize,
    /// Where the runs of contiguous input values begin.
    pub runs: &'a [usize],
    /// Values in a run.
    pub run: usize,
    /// For each value of the runs, a weight for each channel of the block.
    pub weights: &'a [f32],
    /// One for each channel of the block.
    pub bias: &'a [f32],
    /// Added before the cut; laid out as `output`.
    pub residual: Option<&'a [f32]>,
    /// Whether negative results become zero.
    pub relu: bool,
    /// Lets a result pass only where it is positive, as the gradient of a ReLU does; laid out as `output`.
    pub gate: Option<&'a [f32]>,
    /// From this block's first channel of the first pixel.
    pub output: &'a mut [f32],
    /// Values between neighbouring output pixels.
    pub output_step: usize,
    /// Output pixels.
    pub width: usize,
}

impl Row<'_> {
    /// Computes the row.
    ///
    /// # Panics
    /// Where a slice is shorter than the description says, or the processor lacks the instructions.
    pub(in super::super) fn compute(&mut self, instructions: Instructions) {
        self.check(instructions.channels());
        match instructions {
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512 => {
                assert!(is_x86_feature_detected!("avx512f"));
                // SAFETY: the processor has the instructions, as was just asked.
                unsafe { x86::row_avx512(self) }
            }
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2 => {
                assert!(is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"));
                // SAFETY: the processor has the instructions, as was just asked.
                unsafe { x86::row_avx2(self) }
            }
            Instructions::Portable => row::<Four, 4, 2>(self),
        }
    }

    /// The bounds on which the addresses below rely.
    fn check(&self, channels: usize) {
        assert!(self.width > 0);
        let last = self.width - 1;
        let reach = self.runs.iter().max().map_or(0, |run| run + last * self.input_step + self.run);
        assert!(self.input.len() >= reach);
        assert_eq!(self.weights.len(), self.runs.len() * self.run * channels);
        assert_eq!(self.bias.len(), channels);
        let reach = last * self.output_step + channels;
        assert!(self.output.len() >= reach);
        assert!(self.residual.is_none_or(|residual| residual.len() >= reach));
        assert!(self.gate.is_none_or(|gate| gate.len() >= reach));
    }
}

/// The row in tiles of `WIDE` or of `NARROW` pixels, whichever wastes less; the last one may overlap the one before.
#[inline(always)]
fn row<V: Lanes, const WIDE: usize, const NARROW: usize>(row: &mut Row<'_>) {
    let covered = |tile: usize| row.width.div_ceil(tile) * tile;
    if row.width >= WIDE && covered(WIDE) <= covered(NARROW) {
        tiles::<V, WIDE>(row);
    } else if row.width >= NARROW {
        tiles::<V, NARROW>(row);
    } else {
        tiles::<V, 1>(row);
    }
}

#[inline(always)]
fn tiles<V: Lanes, const R: usize>(row: &mut Row<'_>) {
    let mut x = 0;
    while x < row.width {
        let begin = x.min(row.width - R);
        // SAFETY: `begin + R <= width`, and `Row::check` has made sure of all that `width` pixels read and write.
        unsafe { tile::<V, R>(row, begin) };
        x += R;
    }
}

/// Pixels `begin` to `begin + R`.
///
/// # Safety
/// [`Row::check`] must hold for this vector's channels, and `begin + R` be at most the row's width.
#[inline(always)]
unsafe fn tile<V: Lanes, const R: usize>(row: &mut Row<'_>, begin: usize) {
    // SAFETY: every address below lies within the slices, by what the caller promises: pixel `begin + r` reads `run`
    // values from each of `runs`, weights are taken in order from first to last, and each pixel writes one block.
    unsafe {
        let bias = [V::load(row.bias.as_ptr()), V::load(row.bias.as_ptr().add(V::N))];
        let mut sums = [bias; R];
        let mut weights = row.weights.as_ptr();
        let first = row.input.as_ptr().add(begin * row.input_step);
        for &offset in row.runs {
            let mut input = first.add(offset);
            for _ in 0..row.run {
                let (low, high) = (V::load(weights), V::load(weights.add(V::N)));
                for (r, sum) in sums.iter_mut().enumerate() {
                    let value = V::splat(*input.add(r * row.input_step));
                    *sum = [sum[0].multiply_add(value, low), sum[1].multiply_add(value, high)];
                }
                input = input.add(1);
                weights = weights.add(2 * V::N);
            }
        }
        for (r, sum) in sums.into_iter().enumerate() {
            for (half, mut value) in sum.into_iter().enumerate() {
                let place = (begin + r) * row.output_step + half * V::N;
                if let Some(residual) = row.residual {
                    value = value.add(V::load(residual.as_ptr().add(place)));
                }
                if row.relu {
                    value = value.relu();
                }
                if let Some(gate) = row.gate {
                    value = value.where_positive(V::load(gate.as_ptr().add(place)));
                }
                value.store(row.output.as_mut_ptr().add(place));
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::super::lanes::x86::{Eight, Sixteen};
    use super::{Row, row};

    /// 28 of the 32 registers hold sums.
    #[target_feature(enable = "avx512f")]
    pub(super) fn row_avx512(it: &mut Row<'_>) {
        row::<Sixteen, 14, 7>(it);
    }

    /// 12 of the 16 registers hold sums.
    #[target_feature(enable = "avx2,fma")]
    pub(super) fn row_avx2(it: &mut Row<'_>) {
        row::<Eight, 6, 4>(it);
    }
}
