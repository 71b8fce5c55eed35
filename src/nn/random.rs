//! Random initial values, the same from the same seed on every device.
//!
//! candle's own generator cannot be seeded on the CPU.

use candle_core::{Device, Tensor};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::failed;
use crate::error::Result;

/// A generator for one purpose: `stream` keeps the numbers of different purposes apart.
pub fn generator(seed: u64, stream: u64) -> ChaCha8Rng {
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    generator.set_stream(stream);
    generator
}

/// Values drawn evenly from −`bound` to `bound`.
///
/// # Errors
/// Where the device has no room for them.
pub fn uniform(shape: &[usize], bound: f32, rng: &mut ChaCha8Rng, device: &Device) -> Result<Tensor> {
    let values: Vec<f32> = (0..shape.iter().product()).map(|_| rng.random_range(-bound..=bound)).collect();
    Tensor::from_vec(values, shape, device).map_err(failed("make random values"))
}

/// Values drawn from a normal distribution with mean 0, by Box and Muller's transform.
///
/// # Errors
/// Where the device has no room for them.
pub fn normal(shape: &[usize], deviation: f64, rng: &mut ChaCha8Rng, device: &Device) -> Result<Tensor> {
    let values: Vec<f32> = (0..shape.iter().product())
        .map(|_| {
            let (u, v): (f64, f64) = (1.0 - rng.random::<f64>(), rng.random());
            ((-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos() * deviation) as f32
        })
        .collect();
    Tensor::from_vec(values, shape, device).map_err(failed("make random values"))
}
