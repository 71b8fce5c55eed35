//! The innermost loops of depthwise 3×3 convolutions: each channel by itself, a vector of channels at a time.

use super::Instructions;
use super::finish::Finish;
use super::lanes::{Four, Lanes};

/// Rows and columns of the kernel.
const SIDE: usize = 3;
/// Values of a kernel.
const TAPS: usize = SIDE * SIDE;

/// One row of output pixels, all channels.
///
/// Output pixel x, channel c is `bias[c]` + Σ over taps (i, j) of
/// `lines[i][(x · stride + j) · channels + c]` · `weights[(3 · i + j) · channels + c]`, and what `finish` makes of it.
pub(in super::super) struct DepthwiseRow<'a> {
    /// The lines of the window, each from the first pixel that the first output pixel needs.
    pub lines: [&'a [f32]; SIDE],
    /// Pixels between what neighbouring output pixels need: 1 or 2.
    pub stride: usize,
    /// Channels of a pixel.
    pub channels: usize,
    /// Tap by tap, one for each channel.
    pub weights: &'a [f32],
    /// One for each channel.
    pub bias: &'a [f32],
    /// What happens to the sums; laid out as `output`.
    pub finish: Finish<'a>,
    /// Pixel by pixel.
    pub output: &'a mut [f32],
    /// Output pixels.
    pub width: usize,
}

/// What the kernels get from some rows of pixels.
///
/// To sum (i, j), channel c is added Σ over rows (a, b) and x < `width` of
/// `input[a + i · pitch + (x · stride + j) · channels + c]` · `gradient[b + x · channels + c]`.
pub(in super::super) struct DepthwiseProducts<'a> {
    /// What went into the convolution.
    pub input: &'a [f32],
    /// Values from one line of `input` to the next.
    pub pitch: usize,
    /// For each row of output pixels, where the window of its first pixel begins, and where its gradient does.
    pub rows: &'a [(usize, usize)],
    /// Pixels between the windows of neighbouring output pixels: 1 or 2.
    pub stride: usize,
    /// Channels of a pixel.
    pub channels: usize,
    /// Pixels in a row.
    pub width: usize,
    /// Gradient of what came out.
    pub gradient: &'a [f32],
    /// Tap by tap, one for each channel.
    pub sums: &'a mut [f32],
}

impl DepthwiseRow<'_> {
    /// Computes the row.
    ///
    /// # Panics
    /// Where a slice is shorter than the description says, or the processor lacks the instructions.
    pub(in super::super) fn compute(&mut self, instructions: Instructions) {
        self.check(instructions);
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
            Instructions::Portable => row::<Four>(self),
        }
    }

    /// The bounds on which the addresses below rely.
    fn check(&self, instructions: Instructions) {
        let Self { channels, width, .. } = *self;
        assert!(width > 0 && channels.is_multiple_of(instructions.channels() / 2));
        assert!(self.stride == 1 || self.stride == 2);
        let last = ((width - 1) * self.stride + SIDE) * channels;
        assert!(self.lines.iter().all(|line| line.len() >= last));
        assert_eq!((self.weights.len(), self.bias.len()), (TAPS * channels, channels));
        assert!(self.output.len() >= width * channels && self.finish.reaches(width * channels));
    }
}

impl DepthwiseProducts<'_> {
    /// Adds the products.
    ///
    /// # Panics
    /// Where a slice is shorter than the description says, or the processor lacks the instructions.
    pub(in super::super) fn add(&mut self, instructions: Instructions) {
        self.check(instructions);
        match instructions {
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512 => {
                assert!(is_x86_feature_detected!("avx512f"));
                // SAFETY: the processor has the instructions, as was just asked.
                unsafe { x86::products_avx512(self) }
            }
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2 => {
                assert!(is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"));
                // SAFETY: the processor has the instructions, as was just asked.
                unsafe { x86::products_avx2(self) }
            }
            Instructions::Portable => products::<Four>(self),
        }
    }

    /// The bounds on which the addresses below rely.
    fn check(&self, instructions: Instructions) {
        let Self { channels, width, .. } = *self;
        assert!(width > 0 && channels.is_multiple_of(instructions.channels() / 2));
        assert!(self.stride == 1 || self.stride == 2);
        assert_eq!(self.sums.len(), TAPS * channels);
        let last = ((width - 1) * self.stride + SIDE) * channels;
        for (input, gradient) in self.rows {
            assert!(self.input.len() >= input + (SIDE - 1) * self.pitch + last);
            assert!(self.gradient.len() >= gradient + width * channels);
        }
    }
}

#[inline(always)]
fn row<V: Lanes>(it: &mut DepthwiseRow<'_>) {
    if it.stride == 1 { row_of_stride::<V, 1>(it) } else { row_of_stride::<V, 2>(it) }
}

/// All channels, a vector at a time, in tiles of four pixels; the last tile may overlap the one before.
#[inline(always)]
fn row_of_stride<V: Lanes, const STRIDE: usize>(it: &mut DepthwiseRow<'_>) {
    const TILE: usize = 4;
    for channel in (0..it.channels).step_by(V::N) {
        let tap = |place: usize| {
            // SAFETY: `check` has made sure of a weight for each tap and channel, and of whole vectors of channels.
            unsafe { V::load(it.weights.as_ptr().add(place * it.channels + channel)) }
        };
        let weights: [V; TAPS] = std::array::from_fn(tap);
        let mut done = 0;
        while done < it.width {
            if it.width < TILE {
                // SAFETY: `done < width`, and `check` has made sure of all that a pixel reads and writes.
                unsafe { tile::<V, STRIDE, 1>(it, &weights, channel, done) };
                done += 1;
            } else {
                let begin = done.min(it.width - TILE);
                // SAFETY: `begin + TILE <= width`, and as above.
                unsafe { tile::<V, STRIDE, TILE>(it, &weights, channel, begin) };
                done = begin + TILE;
            }
        }
    }
}

/// Pixels `begin` to `begin + R`, a vector of channels from `channel` on.
///
/// # Safety
/// [`DepthwiseRow::check`] must hold, `channel` be that of a whole vector, and `begin + R` be at most the row's width.
#[inline(always)]
unsafe fn tile<V: Lanes, const STRIDE: usize, const R: usize>(
    it: &mut DepthwiseRow<'_>,
    weights: &[V; TAPS],
    channel: usize,
    begin: usize,
) {
    // SAFETY: every address below lies within the slices, by what the caller promises.
    unsafe {
        let mut sums = [V::load(it.bias.as_ptr().add(channel)); R];
        for (line, weights) in it.lines.iter().zip(weights.chunks_exact(SIDE)) {
            let line = line.as_ptr().add(begin * STRIDE * it.channels + channel);
            for (j, weight) in weights.iter().enumerate() {
                for (r, sum) in sums.iter_mut().enumerate() {
                    *sum = sum.multiply_add(V::load(line.add((r * STRIDE + j) * it.channels)), *weight);
                }
            }
        }
        for (r, sum) in sums.into_iter().enumerate() {
            let place = (begin + r) * it.channels + channel;
            it.finish.apply(place, sum).store(it.output.as_mut_ptr().add(place));
        }
    }
}

/// All channels, a vector at a time, the sums of its nine taps in registers.
#[inline(always)]
fn products<V: Lanes>(it: &mut DepthwiseProducts<'_>) {
    for channel in (0..it.channels).step_by(V::N) {
        let mut sums = [V::splat(0.0); TAPS];
        for &(input, gradient) in it.rows {
            for x in 0..it.width {
                // SAFETY: `check` has made sure of the window and the gradient of each pixel of each row.
                unsafe {
                    let gradient = V::load(it.gradient.as_ptr().add(gradient + x * it.channels + channel));
                    let first = it.input.as_ptr().add(input + x * it.stride * it.channels + channel);
                    for (place, sum) in sums.iter_mut().enumerate() {
                        let value = V::load(first.add(place / SIDE * it.pitch + place % SIDE * it.channels));
                        *sum = sum.multiply_add(value, gradient);
                    }
                }
            }
        }
        for (place, sum) in sums.into_iter().enumerate() {
            // SAFETY: there is a sum for each tap and channel.
            unsafe {
                let to = it.sums.as_mut_ptr().add(place * it.channels + channel);
                V::load(to).add(sum).store(to);
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::super::lanes::x86::{Eight, Sixteen};
    use super::{DepthwiseProducts, DepthwiseRow, products, row};

    #[target_feature(enable = "avx512f")]
    pub(super) fn row_avx512(it: &mut DepthwiseRow<'_>) {
        row::<Sixteen>(it);
    }

    #[target_feature(enable = "avx2,fma")]
    pub(super) fn row_avx2(it: &mut DepthwiseRow<'_>) {
        row::<Eight>(it);
    }

    #[target_feature(enable = "avx512f")]
    pub(super) fn products_avx512(it: &mut DepthwiseProducts<'_>) {
        products::<Sixteen>(it);
    }

    #[target_feature(enable = "avx2,fma")]
    pub(super) fn products_avx2(it: &mut DepthwiseProducts<'_>) {
        products::<Eight>(it);
    }
}
