//! What a kernel needs of a vector, and the vectors of each kind of processor.

/// Some values that are worked on together.
pub(super) trait Lanes: Copy {
    /// Values in it.
    const N: usize;
    /// The same value in every lane.
    fn splat(value: f32) -> Self;
    /// `self + x · y`.
    fn multiply_add(self, x: Self, y: Self) -> Self;
    /// Lane by lane.
    fn add(self, other: Self) -> Self;
    /// Lane by lane.
    fn subtract(self, other: Self) -> Self;
    /// Lane by lane, zero in place of negative values.
    fn relu(self) -> Self;
    /// Lane by lane, the smaller.
    fn minimum(self, other: Self) -> Self;
    /// Lane by lane, zero where `other` does not lie between zero and `ceiling`.
    fn where_between(self, other: Self, ceiling: Self) -> Self;
    /// # Safety
    /// [`Lanes::N`] values must be readable from `from`.
    unsafe fn load(from: *const f32) -> Self;
    /// # Safety
    /// [`Lanes::N`] values must be writable at `to`.
    unsafe fn store(self, to: *mut f32);
}

/// Four lanes, which every processor of today has.
#[derive(Clone, Copy)]
pub(super) struct Four(pub [f32; 4]);

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
    fn subtract(self, other: Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] - other.0[i]))
    }

    #[inline(always)]
    fn relu(self) -> Self {
        Self(self.0.map(|value| value.max(0.0)))
    }

    #[inline(always)]
    fn minimum(self, other: Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i].min(other.0[i])))
    }

    #[inline(always)]
    fn where_between(self, other: Self, ceiling: Self) -> Self {
        let between = |i: usize| other.0[i] > 0.0 && other.0[i] < ceiling.0[i];
        Self(std::array::from_fn(|i| if between(i) { self.0[i] } else { 0.0 }))
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

#[cfg(target_arch = "x86_64")]
pub(super) mod x86 {
    use std::arch::x86_64::{
        __m256, __m512, _CMP_GT_OQ, _CMP_LT_OQ, _mm256_add_ps, _mm256_and_ps, _mm256_cmp_ps, _mm256_fmadd_ps,
        _mm256_loadu_ps, _mm256_max_ps, _mm256_min_ps, _mm256_set1_ps, _mm256_setzero_ps, _mm256_storeu_ps,
        _mm256_sub_ps, _mm512_add_ps, _mm512_cmp_ps_mask, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_maskz_mov_ps,
        _mm512_max_ps, _mm512_min_ps, _mm512_set1_ps, _mm512_setzero_ps, _mm512_storeu_ps, _mm512_sub_ps,
    };

    use super::Lanes;

    /// 512 bits. Used only by functions that switch AVX-512 on, into which all of this is inlined.
    #[derive(Clone, Copy)]
    pub(in super::super) struct Sixteen(pub __m512);

    /// 256 bits. Used only by functions that switch AVX2 and FMA on, into which all of this is inlined.
    #[derive(Clone, Copy)]
    pub(in super::super) struct Eight(__m256);

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn where_between_512(values: __m512, other: __m512, ceiling: __m512) -> __m512 {
        let above = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(other, _mm512_setzero_ps());
        _mm512_maskz_mov_ps(above & _mm512_cmp_ps_mask::<_CMP_LT_OQ>(other, ceiling), values)
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn where_between_256(values: __m256, other: __m256, ceiling: __m256) -> __m256 {
        let above = _mm256_cmp_ps::<_CMP_GT_OQ>(other, _mm256_setzero_ps());
        _mm256_and_ps(values, _mm256_and_ps(above, _mm256_cmp_ps::<_CMP_LT_OQ>(other, ceiling)))
    }

    macro_rules! lanes {
        (
            $vector:ident, $n:literal, $splat:ident, $fmadd:ident, $add:ident, $sub:ident, $max:ident, $zero:ident,
            $min:ident, $where_between:ident, $load:ident, $store:ident
        ) => {
            impl Lanes for $vector {
                const N: usize = $n;

                #[inline(always)]
                fn splat(value: f32) -> Self {
                    // SAFETY: here and below, the only callers have the instructions; see the type.
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
                fn subtract(self, other: Self) -> Self {
                    // SAFETY: as in `splat`.
                    unsafe { Self($sub(self.0, other.0)) }
                }

                #[inline(always)]
                fn relu(self) -> Self {
                    // SAFETY: as in `splat`.
                    unsafe { Self($max(self.0, $zero())) }
                }

                #[inline(always)]
                fn minimum(self, other: Self) -> Self {
                    // SAFETY: as in `splat`.
                    unsafe { Self($min(self.0, other.0)) }
                }

                #[inline(always)]
                fn where_between(self, other: Self, ceiling: Self) -> Self {
                    // SAFETY: as in `splat`.
                    unsafe { Self($where_between(self.0, other.0, ceiling.0)) }
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
        _mm512_sub_ps,
        _mm512_max_ps,
        _mm512_setzero_ps,
        _mm512_min_ps,
        where_between_512,
        _mm512_loadu_ps,
        _mm512_storeu_ps
    );
    lanes!(
        Eight,
        8,
        _mm256_set1_ps,
        _mm256_fmadd_ps,
        _mm256_add_ps,
        _mm256_sub_ps,
        _mm256_max_ps,
        _mm256_setzero_ps,
        _mm256_min_ps,
        where_between_256,
        _mm256_loadu_ps,
        _mm256_storeu_ps
    );
}
