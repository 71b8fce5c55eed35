//! What is multiplied: single precision, or bf16 two at a time with sums in single precision.

use half::bf16;

use super::lanes::{Four, Lanes};
use super::{Enter, Instructions, Row, row, winograd};

/// A type of factors.
pub(in super::super) trait Factor: Copy + Default + Send + Sync + 'static {
    /// Neighbouring values that one multiplication takes of each factor; their products go into the same sum.
    const TOGETHER: usize;
    /// The nearest value.
    fn nearest(value: f32) -> Self;
    /// Computes the row.
    ///
    /// # Panics
    /// Where a slice is shorter than the description says, or the processor lacks the instructions.
    fn row(row: &mut Row<'_, Self>, instructions: Instructions);
    /// Takes a row of tiles into the other domain.
    ///
    /// # Panics
    /// As [`Factor::row`].
    fn enter(enter: &mut Enter<'_, Self>, instructions: Instructions);
}

/// Each value rounded to the nearest in bf16.
///
/// # Panics
/// Where the slices differ in length, or the processor lacks the instructions.
pub(in super::super) fn round_to_bf16(values: &[f32], rounded: &mut [bf16], instructions: Instructions) {
    assert_eq!(values.len(), rounded.len());
    match instructions {
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx512 => {
            assert!(instructions.multiply_bf16());
            // SAFETY: the processor has the instructions, as was just asked.
            unsafe { x86::round_avx512(values, rounded) }
        }
        _ => rounded.iter_mut().zip(values).for_each(|(rounded, value)| *rounded = bf16::from_f32(*value)),
    }
}

/// Factors in vectors whose products are summed in vectors `V`.
pub(super) trait Factors<V: Lanes>: Factor {
    /// [`Lanes::N`] · [`Factor::TOGETHER`] values.
    type Vector: Copy;
    /// The same values in every lane.
    ///
    /// # Safety
    /// [`Factor::TOGETHER`] values must be readable from `from`.
    unsafe fn splat(from: *const Self) -> Self::Vector;
    /// # Safety
    /// [`Lanes::N`] · [`Factor::TOGETHER`] values must be readable from `from`.
    unsafe fn load(from: *const Self) -> Self::Vector;
    /// `sum + x · y`, lane by lane.
    fn multiply_add(sum: V, x: Self::Vector, y: Self::Vector) -> V;
    /// The nearest values.
    ///
    /// # Safety
    /// [`Lanes::N`] values must be writable at `to`.
    unsafe fn store(values: V, to: *mut Self);
}

impl Factor for f32 {
    const TOGETHER: usize = 1;

    fn nearest(value: f32) -> Self {
        value
    }

    fn row(row: &mut Row<'_, Self>, instructions: Instructions) {
        row::single(row, instructions);
    }

    fn enter(enter: &mut Enter<'_, Self>, instructions: Instructions) {
        winograd::enter_single(enter, instructions);
    }
}

impl Factor for bf16 {
    const TOGETHER: usize = 2;

    fn nearest(value: f32) -> Self {
        Self::from_f32(value)
    }

    fn row(row: &mut Row<'_, Self>, instructions: Instructions) {
        row::half(row, instructions);
    }

    fn enter(enter: &mut Enter<'_, Self>, instructions: Instructions) {
        winograd::enter_half(enter, instructions);
    }
}

impl<V: Lanes> Factors<V> for f32 {
    type Vector = V;

    #[inline(always)]
    unsafe fn splat(from: *const Self) -> V {
        // SAFETY: the value is readable, as the caller promises.
        V::splat(unsafe { *from })
    }

    #[inline(always)]
    unsafe fn load(from: *const Self) -> V {
        // SAFETY: the values are readable, as the caller promises.
        unsafe { V::load(from) }
    }

    #[inline(always)]
    fn multiply_add(sum: V, x: V, y: V) -> V {
        sum.multiply_add(x, y)
    }

    #[inline(always)]
    unsafe fn store(values: V, to: *mut Self) {
        // SAFETY: the place is writable, as the caller promises.
        unsafe { values.store(to) }
    }
}

/// Plain arithmetic, which the instructions are held against.
impl Factors<Four> for bf16 {
    type Vector = [[Self; 2]; 4];

    #[inline(always)]
    unsafe fn splat(from: *const Self) -> Self::Vector {
        // SAFETY: two values are readable, as the caller promises; an array of them needs no more alignment.
        [unsafe { from.cast::<[Self; 2]>().read() }; 4]
    }

    #[inline(always)]
    unsafe fn load(from: *const Self) -> Self::Vector {
        // SAFETY: as above, with eight values.
        unsafe { from.cast::<Self::Vector>().read() }
    }

    #[inline(always)]
    fn multiply_add(sum: Four, x: Self::Vector, y: Self::Vector) -> Four {
        let products = |x: [Self; 2], y: [Self; 2]| [x[0].to_f32() * y[0].to_f32(), x[1].to_f32() * y[1].to_f32()];
        let products: [[f32; 2]; 4] = std::array::from_fn(|lane| products(x[lane], y[lane]));
        let of = |which: usize| Four(products.map(|pair| pair[which]));
        sum.add(of(0)).add(of(1))
    }

    #[inline(always)]
    unsafe fn store(values: Four, to: *mut Self) {
        // SAFETY: four values are writable, as the caller promises.
        unsafe { to.cast::<[Self; 4]>().write(values.0.map(Self::from_f32)) }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m256bh, __m256i, __m512, __m512bh, __m512i, _mm256_storeu_si256, _mm512_cvtneps_pbh, _mm512_dpbf16_ps,
        _mm512_loadu_epi32, _mm512_set1_epi32,
    };

    use half::bf16;

    use super::super::lanes::Lanes;
    use super::super::lanes::x86::Sixteen;
    use super::Factors;

    #[inline]
    #[target_feature(enable = "avx512f,avx512bf16")]
    fn multiply_add(sum: __m512, x: __m512i, y: __m512i) -> __m512 {
        // SAFETY: both are 512 bits of which any pattern is valid.
        let (x, y) =
            unsafe { (std::mem::transmute::<__m512i, __m512bh>(x), std::mem::transmute::<__m512i, __m512bh>(y)) };
        _mm512_dpbf16_ps(sum, x, y)
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bf16")]
    fn nearest(values: __m512) -> __m256i {
        // SAFETY: both are 256 bits of which any pattern is valid.
        unsafe { std::mem::transmute::<__m256bh, __m256i>(_mm512_cvtneps_pbh(values)) }
    }

    /// [`round_to_bf16`](super::round_to_bf16), 16 values at a time.
    #[target_feature(enable = "avx512f,avx512bf16")]
    pub(super) fn round_avx512(values: &[f32], rounded: &mut [bf16]) {
        let ((values, last), (rounded, last_rounded)) = (values.as_chunks::<16>(), rounded.as_chunks_mut::<16>());
        for (values, rounded) in values.iter().zip(rounded) {
            // SAFETY: 16 values are readable, and as many writable.
            unsafe { <bf16 as Factors<Sixteen>>::store(Sixteen::load(values.as_ptr()), rounded.as_mut_ptr()) };
        }
        last_rounded.iter_mut().zip(last).for_each(|(rounded, value)| *rounded = bf16::from_f32(*value));
    }

    /// Used only by functions that switch AVX-512 and its bf16 on, into which all of this is inlined.
    impl Factors<Sixteen> for bf16 {
        type Vector = __m512i;

        #[inline(always)]
        unsafe fn splat(from: *const Self) -> __m512i {
            // SAFETY: two values are readable, as the caller promises, and the only callers have the instructions.
            unsafe { _mm512_set1_epi32(from.cast::<i32>().read_unaligned()) }
        }

        #[inline(always)]
        unsafe fn load(from: *const Self) -> __m512i {
            // SAFETY: 32 values are readable, as the caller promises, and the only callers have the instructions.
            unsafe { _mm512_loadu_epi32(from.cast()) }
        }

        #[inline(always)]
        fn multiply_add(sum: Sixteen, x: __m512i, y: __m512i) -> Sixteen {
            // SAFETY: the only callers have the instructions.
            Sixteen(unsafe { multiply_add(sum.0, x, y) })
        }

        #[inline(always)]
        unsafe fn store(values: Sixteen, to: *mut Self) {
            // SAFETY: 16 values are writable, as the caller promises, and the only callers have the instructions.
            unsafe { _mm256_storeu_si256(to.cast(), nearest(values.0)) }
        }
    }
}
