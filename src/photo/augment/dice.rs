//! Random numbers.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

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

/// A source of random numbers that gives the same ones on every machine.
pub(super) struct Dice(ChaCha8Rng);

impl Dice {
    /// The numbers of one part of the variation with this seed.
    pub(super) fn new(seed: u64, part: Part) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(part as u64);
        Self(rng)
    }

    /// A number of `[low, high)`.
    pub(super) fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.0.random::<f32>()
    }

    /// A whole number of `low..=high`.
    pub(super) fn whole(&mut self, low: u32, high: u32) -> u32 {
        self.0.random_range(low..=high.max(low))
    }

    /// True with probability `p`.
    pub(super) fn chance(&mut self, p: f32) -> bool {
        self.0.random::<f32>() < p
    }

    /// 32 random bits.
    pub(super) fn bits(&mut self) -> u32 {
        self.0.random()
    }

    /// Roughly normal, mean 0, standard deviation 1, never beyond ±3.5: the sum of four bytes of one draw.
    pub(super) fn normal(&mut self) -> f32 {
        let sum: u32 = self.bits().to_le_bytes().iter().map(|&byte| u32::from(byte)).sum();
        (sum as f32 - 510.0) / 147.8
    }

    /// Sine and cosine of an angle of the full circle.
    pub(super) fn direction(&mut self) -> (f32, f32) {
        libm::sincosf(self.between(0.0, std::f32::consts::TAU))
    }

    /// One of several, each as likely as the others.
    pub(super) fn pick<'a, T>(&mut self, choices: &'a [T]) -> Option<&'a T> {
        choices.get(self.whole(0, choices.len().saturating_sub(1) as u32) as usize)
    }
}
