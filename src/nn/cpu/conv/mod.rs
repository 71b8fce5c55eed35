//! Convolutions over [`Map`](super::map::Map)s, and their gradients.

mod data_gradient;
mod direct;
mod forward;
#[cfg(test)]
mod tests;
mod weight_gradient;
mod winograd;

pub use self::data_gradient::DataGradient;
pub use self::forward::Convolution;
pub use self::weight_gradient::WeightGradient;
pub(super) use self::weight_gradient::channel_sums;

use super::super::resnet::ConvSpec;

/// A square kernel of odd size, padded so that step 1 keeps the size, without bias.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvShape {
    /// Channels that go in.
    pub inputs: usize,
    /// Channels that come out: a multiple of [`CHANNELS`].
    pub outputs: usize,
    /// Side of the kernel.
    pub kernel: usize,
    /// Step of the kernel.
    pub stride: usize,
}

/// Photos that a thread takes through a convolution together: the weights of the last layers are larger than a core's
/// cache, so that it pays to use each part of them for several photos.
const GROUP: usize = 4;

/// What the number of output channels must be a multiple of, whatever the processor. So must be that of the input
/// channels where the gradient of the input is asked for.
pub(super) const CHANNELS: usize = 32;

/// How many of `photos` each thread takes together.
fn group(photos: usize) -> usize {
    photos.div_ceil(rayon::current_num_threads()).clamp(1, GROUP)
}

impl ConvShape {
    /// That of a layer of the architecture.
    pub fn of(spec: &ConvSpec) -> Self {
        Self { inputs: spec.inputs, outputs: spec.outputs, kernel: spec.kernel, stride: spec.stride }
    }

    /// Whether it is done by tiles in another domain. There kernels are four times as large: with more channels than
    /// these, fetching them from memory takes longer than the products that are saved.
    fn has_tiles(self) -> bool {
        const MOST: usize = 256;
        let few = self.inputs <= MOST && self.outputs <= MOST;
        self.kernel == 3 && self.stride == 1 && few && self.inputs.is_multiple_of(CHANNELS)
    }

    /// Values of the kernel.
    pub fn weights(self) -> usize {
        self.outputs * self.inputs * self.kernel * self.kernel
    }

    /// Pixels on a side of what comes out, from those of what goes in.
    pub fn side(self, input: usize) -> usize {
        (input - 1) / self.stride + 1
    }

    /// Pixels beyond the edge that a window reaches.
    pub fn padding(self) -> usize {
        self.kernel / 2
    }
}
