//! Batch norm (Ioffe and Szegedy 2015).

use rayon::prelude::*;

use super::super::architecture::Activation;
use super::map::Map;
use crate::job::Flag;

/// The share of the newest batch in the running statistics, as in PyTorch.
const MOMENTUM: f64 = 0.1;

/// The running statistics of a batch norm, one value a channel.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Running {
    pub mean: Vec<f32>,
    pub variance: Vec<f32>,
}

/// Mean and 1 / √(variance + ε), one value a channel.
#[derive(Clone, Debug, Default)]
pub(super) struct Statistics {
    mean: Vec<f32>,
    inverse_deviation: Vec<f32>,
}

/// What a batch norm makes of a value: `value · scale + shift`, one of each a channel.
#[derive(Clone, Debug, Default)]
pub(super) struct Affine {
    pub scale: Vec<f32>,
    pub shift: Vec<f32>,
}

impl Running {
    /// As they stand.
    pub fn statistics(&self, epsilon: f64) -> Statistics {
        let inverse = |variance: &f32| (1.0 / (f64::from(*variance) + epsilon).sqrt()) as f32;
        Statistics { mean: self.mean.clone(), inverse_deviation: self.variance.iter().map(inverse).collect() }
    }

    /// Moves them towards those of a batch, and gives the batch's own. What is divided by is the biased variance; what
    /// is remembered is the unbiased one.
    pub fn update(&mut self, maps: &[Map], epsilon: f64) -> Statistics {
        let moments = moments(maps);
        let count = maps.iter().map(|map| map.layout().pixels()).sum::<usize>() as f64;
        let mut statistics = Statistics::default();
        for ((running, variance), moment) in self.mean.iter_mut().zip(&mut self.variance).zip(moments) {
            let unbiased = moment.variance * count / (count - 1.0).max(1.0);
            *running = (f64::from(*running) * (1.0 - MOMENTUM) + moment.mean * MOMENTUM) as f32;
            *variance = (f64::from(*variance) * (1.0 - MOMENTUM) + unbiased * MOMENTUM) as f32;
            statistics.mean.push(moment.mean as f32);
            statistics.inverse_deviation.push((1.0 / (moment.variance + epsilon).sqrt()) as f32);
        }
        statistics
    }
}

impl Statistics {
    /// With the norm's own weight and bias.
    pub fn affine(&self, weight: &[f32], bias: &[f32]) -> Affine {
        let scale: Vec<f32> = weight.iter().zip(&self.inverse_deviation).map(|(w, inverse)| w * inverse).collect();
        let shifted = bias.iter().zip(&self.mean).zip(&scale);
        let shift = shifted.map(|((bias, mean), scale)| bias - mean * scale).collect();
        Affine { scale, shift }
    }

    /// The gradient of the norm's weight where the norm was folded into a kernel (outputs, …) with these statistics:
    /// from that of the folded kernel and of the bias.
    pub fn weight_gradient(&self, kernel: &[f32], kernel_gradient: &[f32], bias_gradient: &[f32]) -> Vec<f32> {
        let window = kernel.len() / bias_gradient.len();
        let products = kernel.chunks_exact(window).zip(kernel_gradient.chunks_exact(window));
        let rest = bias_gradient.iter().zip(self.mean.iter().zip(&self.inverse_deviation));
        products
            .zip(rest)
            .map(|((kernel, gradient), (bias_gradient, (mean, inverse)))| {
                let product: f32 = kernel.iter().zip(gradient).map(|(k, g)| k * g).sum();
                (product - mean * bias_gradient) * inverse
            })
            .collect()
    }

    /// Gradients of the norm's weight and bias from those of what came out, where these are the statistics of `maps`,
    /// and into `results`, shaped as they are, that of what went in. Once `stop` is set, it leaves out the photos that
    /// are left.
    pub fn gradients(
        &self,
        weight: &[f32],
        maps: &[Map],
        gradients: &[Map],
        results: &mut [Map],
        stop: &Flag,
    ) -> (Vec<f32>, Vec<f32>) {
        let sums = self.sums(maps, gradients);
        let count = maps.iter().map(|map| map.layout().pixels()).sum::<usize>() as f32;
        // With x̂ = (x − mean) / deviation, the gradient of x is weight / deviation · (g − mean(g) − x̂ · mean(g · x̂)).
        let of_channel = |c: usize| {
            let (mean, inverse) = (self.mean[c], self.inverse_deviation[c]);
            let (bias, weight_gradient) = (sums[c].0, sums[c].1);
            let of_gradient = weight[c] * inverse;
            let of_value = -of_gradient * inverse * weight_gradient / count;
            [of_gradient, of_value, -of_gradient * bias / count - of_value * mean]
        };
        let factors: Vec<[f32; 3]> = (0..weight.len()).map(of_channel).collect();
        let photos = results.par_iter_mut().zip(maps.par_iter().zip(gradients));
        photos.take_any_while(|_| !stop.get()).for_each(|(result, (map, gradient))| {
            result.reshape(map.layout());
            for (y, row) in result.rows_mut().enumerate() {
                let pixels = map.row(y).chunks_exact(factors.len()).zip(gradient.row(y).chunks_exact(factors.len()));
                for (to, (values, gradients)) in row.chunks_exact_mut(factors.len()).zip(pixels) {
                    for ((to, [g, v, rest]), (value, gradient)) in
                        to.iter_mut().zip(&factors).zip(values.iter().zip(gradients))
                    {
                        *to = g * gradient + v * value + rest;
                    }
                }
            }
        });
        (sums.iter().map(|sum| sum.1).collect(), sums.iter().map(|sum| sum.0).collect())
    }

    /// For each channel Σ g and Σ g · x̂.
    fn sums(&self, maps: &[Map], gradients: &[Map]) -> Vec<(f32, f32)> {
        let channels = self.mean.len();
        let totals = totals(maps, channels, |photo, y, plain, product| {
            let pixels = maps[photo].row(y).chunks_exact(channels).zip(gradients[photo].row(y).chunks_exact(channels));
            for (values, gradients) in pixels {
                for c in 0..channels {
                    plain[c] += gradients[c];
                    product[c] += gradients[c] * (values[c] - self.mean[c]);
                }
            }
        });
        let pairs = totals.into_iter().zip(&self.inverse_deviation);
        pairs.map(|((plain, product), inverse)| (plain as f32, (product * f64::from(*inverse)) as f32)).collect()
    }
}

/// Fills `results` with `value · scale + shift`, plus the residual, after the activation.
pub(super) fn apply(
    affine: &Affine,
    maps: &[Map],
    results: &mut [Map],
    residuals: Option<&[Map]>,
    activation: Activation,
    stop: &Flag,
) {
    let channels = affine.scale.len();
    let photos = results.par_iter_mut().zip(maps).enumerate();
    photos.take_any_while(|_| !stop.get()).for_each(|(photo, (result, map))| {
        result.reshape(map.layout());
        let residual = residuals.and_then(|residuals| residuals.get(photo));
        let (floor, ceiling) =
            activation.ceiling().map_or((f32::NEG_INFINITY, f32::INFINITY), |ceiling| (0.0, ceiling));
        for (y, row) in result.rows_mut().enumerate() {
            for (to, values) in row.chunks_exact_mut(channels).zip(map.row(y).chunks_exact(channels)) {
                for (c, (to, value)) in to.iter_mut().zip(values).enumerate() {
                    *to = value * affine.scale[c] + affine.shift[c];
                }
            }
            if let Some(residual) = residual {
                row.iter_mut().zip(residual.row(y)).for_each(|(to, value)| *to += value);
            }
            row.iter_mut().for_each(|to| *to = to.max(floor).min(ceiling));
        }
    });
}

struct Moments {
    mean: f64,
    /// Biased.
    variance: f64,
}

/// Mean and variance of each channel over all photos' maps.
fn moments(maps: &[Map]) -> Vec<Moments> {
    let Some(first) = maps.first() else { return Vec::new() };
    let channels = first.layout().channels;
    // Distances from some value of the channel itself are small beside it where the channel varies little.
    let pivot = first.row(0)[..channels].to_vec();
    let totals = totals(maps, channels, |photo, y, sums, squares| {
        for pixel in maps[photo].row(y).chunks_exact(channels) {
            for c in 0..channels {
                let distance = pixel[c] - pivot[c];
                sums[c] += distance;
                squares[c] += distance * distance;
            }
        }
    });
    let count = maps.iter().map(|map| map.layout().pixels()).sum::<usize>() as f64;
    let of_channel = |((sum, square), pivot): ((f64, f64), &f32)| {
        let distance = sum / count;
        Moments { mean: f64::from(*pivot) + distance, variance: (square / count - distance * distance).max(0.0) }
    };
    totals.into_iter().zip(&pivot).map(of_channel).collect()
}

/// Two sums for each channel: `add_row` adds those of one row of one photo in single precision; rows and photos are
/// added up in double precision, in their order, so that the number of threads makes no difference.
fn totals(
    maps: &[Map],
    channels: usize,
    add_row: impl Fn(usize, usize, &mut [f32], &mut [f32]) + Sync,
) -> Vec<(f64, f64)> {
    let of_photo = |photo: usize| {
        let mut total = vec![(0.0, 0.0); channels];
        let (mut first, mut second) = (vec![0.0; channels], vec![0.0; channels]);
        for y in 0..maps[photo].layout().height {
            first.fill(0.0);
            second.fill(0.0);
            add_row(photo, y, &mut first, &mut second);
            for (total, (first, second)) in total.iter_mut().zip(first.iter().zip(&second)) {
                *total = (total.0 + f64::from(*first), total.1 + f64::from(*second));
            }
        }
        total
    };
    let of_photos: Vec<Vec<(f64, f64)>> = (0..maps.len()).into_par_iter().map(of_photo).collect();
    let mut totals = vec![(0.0, 0.0); channels];
    for of_photo in of_photos {
        for (total, part) in totals.iter_mut().zip(of_photo) {
            *total = (total.0 + part.0, total.1 + part.1);
        }
    }
    totals
}
