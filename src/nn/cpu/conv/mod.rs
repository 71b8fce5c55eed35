//! Convolutions over [`Map`]s, and their gradients.

mod data_gradient;
mod depthwise;
mod direct;
mod forward;
mod inverted_residual;
#[cfg(test)]
mod tests;
mod weight_gradient;
mod winograd;

pub use self::data_gradient::{DataGradient, Gates};
pub use self::forward::Convolution;
pub use self::inverted_residual::{InvertedResidual, Stage};
pub use self::weight_gradient::WeightGradient;
pub(super) use self::weight_gradient::channel_sums;

use std::borrow::Cow;

use super::super::architecture::{Activation, ConvSpec};
use super::kernel::Finish;
use super::map::Map;

/// A square kernel of odd size, padded so that step 1 keeps the size, without bias.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvShape {
    /// Channels that go in. A map may have more of them behind these where the kernel has one pixel.
    pub inputs: usize,
    /// Channels that come out: a multiple of [`CHANNELS`].
    pub outputs: usize,
    /// Side of the kernel.
    pub kernel: usize,
    /// Step of the kernel.
    pub stride: usize,
    /// Whether each channel is convolved by itself: with a kernel of 3, and as many channels coming out as go in.
    pub depthwise: bool,
}

/// What happens to sums before they are stored; maps are laid out as what comes out.
#[derive(Clone, Copy)]
struct Epilogue<'a> {
    /// Added.
    residual: Option<&'a Map>,
    /// What becomes of the value then.
    activation: Activation,
    /// What came out of an activation, whose gradient lets results pass.
    gate: Option<(&'a Map, Activation)>,
}

impl<'a> Epilogue<'a> {
    /// That from a place of the maps on.
    fn at(&self, place: usize) -> Finish<'a> {
        Finish {
            residual: self.residual.map(|map| &map.values()[place..]),
            activation: self.activation,
            gate: self.gate.map(|(map, activation)| (&map.values()[place..], activation)),
        }
    }
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
    /// That of a layer of the architecture, with channels of zeros behind those that come out where their number asks
    /// for it.
    pub fn of(spec: &ConvSpec) -> Self {
        let outputs = spec.outputs.next_multiple_of(CHANNELS);
        let inputs = if spec.depthwise { outputs } else { spec.inputs };
        Self { inputs, outputs, kernel: spec.kernel, stride: spec.stride, depthwise: spec.depthwise }
    }

    /// The same for training, where the channels that go in are filled up as well: all but a photo's.
    pub fn of_trained(spec: &ConvSpec) -> Self {
        let shape = Self::of(spec);
        let photo = shape.inputs < CHANNELS / 2;
        Self { inputs: if photo { shape.inputs } else { shape.inputs.next_multiple_of(CHANNELS) }, ..shape }
    }

    /// The kernel of a layer filled up with zeros to this shape.
    pub fn fill_up<'a>(self, kernel: &'a [f32], spec: &ConvSpec) -> Cow<'a, [f32]> {
        let [_, inputs, size, _] = spec.kernel_shape();
        let window = if self.depthwise { 1 } else { self.inputs } * size * size;
        if kernel.len() == self.weights() {
            return Cow::Borrowed(kernel);
        }
        let mut filled = vec![0.0; self.weights()];
        let parts = filled.chunks_exact_mut(window).zip(kernel.chunks_exact(inputs * size * size));
        parts.for_each(|(to, from)| to[..from.len()].copy_from_slice(from));
        Cow::Owned(filled)
    }

    /// The other way round: what of a kernel of this shape belongs to the layer.
    pub fn cut(self, kernel: Vec<f32>, spec: &ConvSpec) -> Vec<f32> {
        let [outputs, inputs, size, _] = spec.kernel_shape();
        let window = if self.depthwise { 1 } else { self.inputs } * size * size;
        if kernel.len() == outputs * inputs * size * size {
            return kernel;
        }
        let windows = kernel.chunks_exact(window).take(outputs);
        windows.flat_map(|window| window.iter().take(inputs * size * size).copied()).collect()
    }

    /// Whether it is done by tiles in another domain. There kernels are four times as large: with more channels than
    /// these, fetching them from memory takes longer than the products that are saved.
    fn has_tiles(self) -> bool {
        const MOST: usize = 256;
        let few = self.inputs <= MOST && self.outputs <= MOST;
        self.kernel == 3 && self.stride == 1 && !self.depthwise && few && self.inputs.is_multiple_of(CHANNELS)
    }

    /// Values of the kernel (outputs, inputs, size, size); (outputs, 1, size, size) where it is depthwise.
    pub fn weights(self) -> usize {
        let inputs = if self.depthwise { 1 } else { self.inputs };
        self.outputs * inputs * self.kernel * self.kernel
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
