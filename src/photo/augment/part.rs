//! What random numbers are drawn for.

use crate::dice::Dice;

/// What numbers are drawn for. Each part has a stream of its own, so that the parts do not disturb one another: what is
/// drawn for the noise leaves the shadow where it was.
#[derive(Clone, Copy)]
pub(super) enum Part {
    View,
    Marks,
    Shadow,
    Lens,
    Noise,
    Tone,
    Jpeg,
}

impl Dice {
    /// The numbers of one part of the variation with this seed.
    pub(super) fn of(seed: u64, part: Part) -> Self {
        Self::new(seed, part as u64)
    }

    /// Sine and cosine of an angle of the full circle.
    pub(super) fn direction(&mut self) -> (f32, f32) {
        libm::sincosf(self.angle())
    }
}
