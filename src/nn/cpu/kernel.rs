//! The innermost loop of a convolution: some neighbouring pixels of one output row times a block of output channels, all
//! held in registers, written for whatever vectors the processor has.
//!
//! One source serves all processors. [`Lanes`] is what it needs of a vector; each implementation is compiled with its
//! instructions switched on and chosen at run time by [`Instructions::detect`].

#![allow(unsafe_code)] // Vectors are loaded and stored by address; each block says why that is sound.

use std::fmt;

/// Which instructions the kernels use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Instructions {
    /// 16 lanes of 512 bits.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// 8 lanes of 256 bits, with fused multiply-add.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// What the compiler makes of plain arithmetic: SSE2 or NEON.
    Portable,
}

impl Instructions {
    /// The best that this processor has.
    pub fn detect() -> Self {
        Self::available().first().copied().unwrap_or(Self::Portable)
    }

    /// All that this processor has, the best first.
    pub fn available() -> Vec<Self> {
        let mut available = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f") {
                available.push(Self::Avx512);
            }
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                available.push(Self::Avx2);
            }
        }
        available.push(Self::Portable);
        available
    }

    /// Output channels that one call computes: two vectors.
    pub fn channels(self) -> usize {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => 32,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => 16,
            Self::Portable => 8,
        }
    }
}

impl fmt::Display for Instructions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => "AVX-512",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => "AVX2",
            Self::Portable => "portable",
        })
    }
}

/// One row of output pixels for one block of [`Instructions::channels`] channels.
///
/// Output pixel x, channel c is `bias[c]` + Σ over runs r and i < `run` of
/// `input[runs[r] + x · input_step + i]` · `weights[(r · run + i) · channels + c]`, plus the residual, cut at zero if
/// `relu`.
pub(super) struct Row<'a> {
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
    pub(super) fn compute(&mut self, instructions: Instructions) {
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
            Instructions::Portable => row::<portable::Four, 4, 2>(self),
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
    }
}

/// What a kernel needs of a vector.
trait Lanes: Copy {
    /// Values in it.
    const N: usize;
    /// The same value in every lane.
    fn splat(value: f32) -> Self;
    /// `self + x · y`.
    fn multiply_add(self, x: Self, y: Self) -> Self;
    /// Lane by lane.
    fn add(self, other: Self) -> Self;
    /// Lane by lane, zero in place of negative values.
    fn relu(self) -> Self;
    /// # Safety
    /// [`Lanes::N`] values must be readable from `from`.
    unsafe fn load(from: *const f32) -> Self;
    /// # Safety
    /// [`Lanes::N`] values must be writable at `to`.
    unsafe fn store(self, to: *mut f32);
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
                value.store(row.output.as_mut_ptr().add(place));
            }
        }
    }
}

mod portable {
    use super::Lanes;

    /// Four lanes, which every processor of today has.
    #[derive(Clone, Copy)]
    pub(super) struct Four([f32; 4]);

    impl Lanes for Four {
        const N: usize = 4;

        #[inline(always)]
        fn splat(value: f32) -> Self {
            Self([value; 4])
        }

        #[inline(always)]
        fn multiply_add(self, x: Self, y: Self) -> Self {
            // Not `mul_add`: where there is no such instruction it is a slow function.
            Self(std::array::from_fn(|i| self.0[i] + x.0[i] * y.0[i]))
        }

        #[inline(always)]
        fn add(self, other: Self) -> Self {
            Self(std::array::from_fn(|i| self.0[i] + other.0[i]))
        }

        #[inline(always)]
        fn relu(self) -> Self {
            Self(self.0.map(|value| value.max(0.0)))
        }

        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            // SAFETY: four values are readable, as the caller promises; an array of them needs no more alignment.
            unsafe { Self(from.cast::<[f32; 4]>().read()) }
        }

        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            // SAFETY: as above, for writing.
            unsafe { to.cast::<[f32; 4]>().write(self.0) }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m256, __m512, _mm256_add_ps, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_max_ps, _mm256_set1_ps,
        _mm256_setzero_ps, _mm256_storeu_ps, _mm512_add_ps, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_max_ps,
        _mm512_set1_ps, _mm512_setzero_ps, _mm512_storeu_ps,
    };

    use super::{Lanes, Row, row};

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

    /// Used by [`row_avx512`] alone, into which all of this is inlined.
    #[derive(Clone, Copy)]
    struct Sixteen(__m512);

    /// Used by [`row_avx2`] alone, into which all of this is inlined.
    #[derive(Clone, Copy)]
    struct Eight(__m256);

    macro_rules! lanes {
        ($vector:ident, $n:literal, $splat:ident, $fmadd:ident, $add:ident, $max:ident, $zero:ident, $load:ident, $store:ident) => {
            impl Lanes for $vector {
                const N: usize = $n;

                #[inline(always)]
                fn splat(value: f32) -> Self {
                    // SAFETY: here and below, the only caller has the instructions; see the type.
                    unsafe { Self($splat(value)) }
                }

                #[inline(always)]
                fn multiply_add(self, x: Self, y: Self) -> Self {
                    // SAFETY: as in `splat`.
                    unsafe { Self($fmadd(x.0, y.0, self.0)) }
                }

                #[inline(always)]
                fn add(self, other: Self) -> Self {
                    // SAFETY: as in `splat`.
                    unsafe { Self($add(self.0, other.0)) }
                }

                #[inline(always)]
                fn relu(self) -> Self {
                    // SAFETY: as in `splat`.
                    unsafe { Self($max(self.0, $zero())) }
                }

                #[inline(always)]
                unsafe fn load(from: *const f32) -> Self {
                    // SAFETY: as in `splat`, and the values are readable, as the caller promises.
                    unsafe { Self($load(from)) }
                }

                #[inline(always)]
                unsafe fn store(self, to: *mut f32) {
                    // SAFETY: as in `splat`, and the place is writable, as the caller promises.
                    unsafe { $store(to, self.0) }
                }
            }
        };
    }

    lanes!(
        Sixteen,
        16,
        _mm512_set1_ps,
        _mm512_fmadd_ps,
        _mm512_add_ps,
        _mm512_max_ps,
        _mm512_setzero_ps,
        _mm512_loadu_ps,
        _mm512_storeu_ps
    );
    lanes!(
        Eight,
        8,
        _mm256_set1_ps,
        _mm256_fmadd_ps,
        _mm256_add_ps,
        _mm256_max_ps,
        _mm256_setzero_ps,
        _mm256_loadu_ps,
        _mm256_storeu_ps
    );
}
