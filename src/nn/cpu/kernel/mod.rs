//! The innermost loops, written for whatever vectors the processor has.
//!
//! One source serves all processors. [`lanes::Lanes`] is what it needs of a vector; each implementation is compiled with
//! its instructions switched on and chosen at run time by [`Instructions::detect`].

#![allow(unsafe_code)] // Vectors are loaded and stored by address; each block says why that is sound.

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod amx;
mod depthwise;
mod factor;
mod finish;
mod lanes;
mod outer;
mod row;
mod winograd;

use std::fmt;

pub(super) use self::depthwise::{DepthwiseProducts, DepthwiseRow};
pub(super) use self::factor::{Factor, round_to_bf16};
pub(super) use self::finish::Finish;
pub(super) use self::outer::OuterProducts;
pub(super) use self::row::Row;
pub(super) use self::winograd::{Enter, Leave, OUTPUTS as TILE, PLACES, kernels_to_domain};

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

/// What factors are rounded to before they are multiplied; sums are always in single precision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Precision {
    /// Single: they stay as they are.
    F32,
    /// The upper half of single.
    Bf16,
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
        })
    }
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

    /// Whether there is an instruction that multiplies bf16. [`Instructions::Portable`] does so by plain arithmetic,
    /// slowly; the others do not.
    pub fn multiply_bf16(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bf16"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => false,
            Self::Portable => false,
        }
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
