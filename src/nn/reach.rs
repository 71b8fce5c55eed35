//! What of a photo a place of a feature map sees.

use super::architecture::{Architecture, ConvSpec};

/// Output `o` of some layers sees the inputs from `o · stride − reach` to `o · stride + reach`, along either side; what
/// of it lies beyond the edge counts as zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reach {
    /// Inputs from one output to the next.
    pub stride: usize,
    /// Inputs on either side.
    pub reach: usize,
}

impl Reach {
    /// A layer that changes nothing.
    pub const NONE: Self = Self { stride: 1, reach: 0 };

    fn of(layer: &ConvSpec) -> Self {
        Self { stride: layer.stride, reach: layer.kernel / 2 }
    }

    /// That of these layers followed by others.
    #[must_use]
    pub fn then(self, next: Self) -> Self {
        Self { stride: self.stride * next.stride, reach: self.reach + self.stride * next.reach }
    }

    /// Outputs along a side of so many inputs.
    pub fn outputs(self, inputs: usize) -> usize {
        inputs.div_ceil(self.stride)
    }

    /// How many outputs from the first one on see none but the first `inputs` inputs.
    pub fn whole(self, inputs: usize) -> usize {
        inputs.checked_sub(self.reach + 1).map_or(0, |last| last / self.stride + 1)
    }

    /// The first input to begin at so that output `first` and all later ones come out as they would from all inputs:
    /// a multiple of the stride.
    pub fn begin(self, first: usize) -> usize {
        let seen = (first * self.stride).saturating_sub(self.reach);
        seen - seen % self.stride
    }
}

impl Architecture {
    /// That of the stem with its maximum, and of each block.
    pub fn reaches(&self) -> Vec<Reach> {
        let pool = if self.max_pool { Reach { stride: 2, reach: 1 } } else { Reach::NONE };
        let blocks = self.blocks.iter().map(|block| block.path.iter().map(Reach::of).fold(Reach::NONE, Reach::then));
        [Reach::of(&self.stem).then(pool)].into_iter().chain(blocks).collect()
    }

    /// That of all of it.
    pub fn reach(&self) -> Reach {
        self.reaches().into_iter().fold(Reach::NONE, Reach::then)
    }
}

#[cfg(test)]
mod tests {
    use super::super::architecture::Backbone;
    use super::*;

    #[test]
    fn known_receptive_fields() {
        // 435 and 491 pixels, as Araujo, Norris and Sim (2019) count them for these networks' layers.
        assert_eq!(Backbone::Resnet18.architecture().reach(), Reach { stride: 32, reach: 217 });
        assert_eq!(Backbone::MobilenetV2.architecture().reach(), Reach { stride: 32, reach: 245 });
    }

    #[test]
    fn what_is_whole_sees_nothing_beyond() {
        let layer = Reach { stride: 2, reach: 3 };
        assert_eq!([0, 3, 4, 5, 6, 7].map(|inputs| layer.whole(inputs)), [0, 0, 1, 1, 2, 2]);
        assert_eq!([0, 1, 2, 3, 4].map(|first| layer.begin(first)), [0, 0, 0, 2, 4]);
    }
}
