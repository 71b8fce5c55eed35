//! The innermost loop of a weight's gradient: products of what went into a convolution with the gradient of what came
//! out, added up over pixels, a tile of them in registers.

use super::Instructions;
use super::lanes::{Four, Lanes};

/// What one window row of a convolution, and one block of [`Instructions::channels`] output channels, gets from some
/// rows of pixels.
///
/// To sum (j, c) is added Σ over rows (a, b) and x < `width` of `input[a + x · input_step + j]` ·
/// `gradient[b + x · gradient_step + c]`.
pub(in super::super) struct OuterProducts<'a> {
    /// What went into the convolution.
    pub input: &'a [f32],
    /// For each row of pixels, where the window of its first pixel begins, and where its gradient does.
    pub rows: &'a [(usize, usize)],
    /// Values from the window of one pixel to that of the next.
    pub input_step: usize,
    /// Pixels in a row.
    pub width: usize,
    /// Gradient of what came out.
    pub gradient: &'a [f32],
    /// Values from the gradient of one pixel to that of the next.
    pub gradient_step: usize,
    /// For each value of the window, one sum for each channel of the block.
    pub sums: &'a mut [f32],
}

impl OuterProducts<'_> {
    /// Adds the products.
    ///
    /// # Panics
    /// Where a slice is shorter than the description says, or the processor lacks the instructions.
    pub(in super::super) fn add(&mut self, instructions: Instructions) {
        self.check(instructions.channels());
        match instructions {
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512 => {
                assert!(is_x86_feature_detected!("avx512f"));
                // SAFETY: the processor has the instructions, as was just asked.
                unsafe { x86::tiles_avx512(self) }
            }
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2 => {
                assert!(is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"));
                // SAFETY: the processor has the instructions, as was just asked.
                unsafe { x86::tiles_avx2(self) }
            }
            Instructions::Portable => tiles::<Four, 4>(self),
        }
    }

    /// The bounds on which the addresses below rely.
    fn check(&self, channels: usize) {
        assert!(self.width > 0 && self.sums.len().is_multiple_of(channels));
        let window = self.sums.len() / channels;
        let last = self.width - 1;
        for (input, gradient) in self.rows {
            assert!(self.input.len() >= input + last * self.input_step + window);
            assert!(self.gradient.len() >= gradient + last * self.gradient_step + channels);
        }
    }
}

/// All sums, `R` values of the window at a time; the last tile may overlap the one before, whose sums it leaves alone.
#[inline(always)]
fn tiles<V: Lanes, const R: usize>(it: &mut OuterProducts<'_>) {
    let window = it.sums.len() / (2 * V::N);
    let mut done = 0;
    while done < window {
        if window < R {
            // SAFETY: `done < window`, and `check` has made sure of all that a window reads and writes.
            unsafe { tile::<V, 1>(it, done, 0) };
            done += 1;
        } else {
            let begin = done.min(window - R);
            // SAFETY: `begin + R <= window`, and as above.
            unsafe { tile::<V, R>(it, begin, done - begin) };
            done = begin + R;
        }
    }
}

/// Values `begin` to `begin + R` of the window, of which the first `skip` are left alone.
///
/// # Safety
/// [`OuterProducts::check`] must hold for this vector's channels, and `begin + R` be at most the window's length.
#[inline(always)]
unsafe fn tile<V: Lanes, const R: usize>(it: &mut OuterProducts<'_>, begin: usize, skip: usize) {
    // SAFETY: every address that is read or written below lies within the slices, by what the caller promises: each pixel
    // reads `R` values of its window and one block of the gradient.
    unsafe {
        let mut sums = [[V::splat(0.0); 2]; R];
        for &(input, gradient) in it.rows {
            let mut input = it.input.as_ptr().add(input + begin);
            let mut gradient = it.gradient.as_ptr().add(gradient);
            for _ in 0..it.width {
                let (low, high) = (V::load(gradient), V::load(gradient.add(V::N)));
                for (r, sum) in sums.iter_mut().enumerate() {
                    let value = V::splat(*input.add(r));
                    *sum = [sum[0].multiply_add(value, low), sum[1].multiply_add(value, high)];
                }
                // Past the end after the last pixel.
                input = input.wrapping_add(it.input_step);
                gradient = gradient.wrapping_add(it.gradient_step);
            }
        }
        for (r, [low, high]) in sums.into_iter().enumerate().skip(skip) {
            let place = it.sums.as_mut_ptr().add((begin + r) * 2 * V::N);
            V::load(place).add(low).store(place);
            V::load(place.add(V::N)).add(high).store(place.add(V::N));
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::super::lanes::x86::{Eight, Sixteen};
    use super::{OuterProducts, tiles};

    /// 24 of the 32 registers hold sums.
    #[target_feature(enable = "avx512f")]
    pub(super) fn tiles_avx512(it: &mut OuterProducts<'_>) {
        tiles::<Sixteen, 12>(it);
    }

    /// 12 of the 16 registers hold sums.
    #[target_feature(enable = "avx2,fma")]
    pub(super) fn tiles_avx2(it: &mut OuterProducts<'_>) {
        tiles::<Eight, 6>(it);
    }
}
