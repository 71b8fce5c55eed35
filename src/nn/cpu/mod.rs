//! The backbones on the processor, fast: features from frozen weights, and training steps for as many layers as one likes.
//!
//! candle's convolution unrolls every window into a matrix, which costs more than the products themselves. Here a map
//! keeps the channels of a pixel together and carries a border of zeros, so that a window's row is one contiguous run
//! and nothing is ever unrolled; bias, residual and activation happen while a result is still in registers. Forward, and both
//! gradients backward, run on a few small loops in [`kernel`], the only place with `unsafe`: in single
//! precision, or for frozen features in bf16, by AVX-512 BF16 or AMX.

mod banded;
mod conv;
mod frozen;
mod idle;
mod kernel;
mod map;
mod norm;
mod pool;
mod trained;

pub use self::banded::BandedPass;
pub use self::conv::{ConvShape, Convolution, DataGradient, Gates, InvertedResidual, Stage, WeightGradient};
pub use self::frozen::{FeatureMaps, FrozenNetwork};
pub use self::kernel::{Instructions, Precision};
pub use self::map::{Layout, Map};
pub use self::trained::{Gradients, Parameters, TrainedNetwork};
