//! A convolution with its batch norm folded in, its weights in the order that the kernel takes them.

use super::kernel::{Instructions, Row};
use super::map::Map;

/// The constants of a batch norm, one value a channel.
pub(super) struct Norm {
    pub weight: Vec<f32>,
    pub bias: Vec<f32>,
    pub mean: Vec<f32>,
    pub variance: Vec<f32>,
    pub epsilon: f32,
}

/// A square convolution of odd size, padded so that step 1 keeps the size, then a batch norm with fixed statistics.
pub(super) struct Convolution {
    inputs: usize,
    outputs: usize,
    kernel: usize,
    stride: usize,
    instructions: Instructions,
    /// Block of output channels, kernel row, kernel column, input channel, channel within the block.
    weights: Vec<f32>,
    bias: Vec<f32>,
}

impl Convolution {
    /// `kernel` is (outputs, inputs, size, size). The number of outputs must be a multiple of 32, as all of ResNet18's
    /// are.
    pub fn new(
        kernel: &[f32],
        [outputs, inputs, size]: [usize; 3],
        stride: usize,
        norm: &Norm,
        instructions: Instructions,
    ) -> Self {
        let scales: Vec<f32> =
            norm.weight.iter().zip(&norm.variance).map(|(w, variance)| w / (variance + norm.epsilon).sqrt()).collect();
        let shifted = norm.bias.iter().zip(&norm.mean).zip(&scales);
        let bias = shifted.map(|((bias, mean), scale)| bias - mean * scale).collect();
        let block = instructions.channels();
        let mut weights = Vec::with_capacity(kernel.len());
        for first in (0..outputs).step_by(block) {
            for place in 0..size * size {
                for input in 0..inputs {
                    let of = |output: usize| kernel[(output * inputs + input) * size * size + place] * scales[output];
                    weights.extend((first..first + block).map(of));
                }
            }
        }
        Self { inputs, outputs, kernel: size, stride, instructions, weights, bias }
    }

    /// Fills `outputs` with what becomes of `inputs`, each map of one photo; adds `residuals` before what is negative
    /// becomes zero. The weights of one block of channels serve all photos before those of the next are fetched.
    pub fn run(&self, inputs: &[Map], outputs: &mut [Map], residuals: Option<&[Map]>, relu: bool) {
        let side = |input: usize| (input - 1) / self.stride + 1;
        for (input, output) in inputs.iter().zip(outputs.iter_mut()) {
            output.reshape(side(input.height), side(input.width), self.outputs, 1);
        }
        let block = self.instructions.channels();
        let blocks = self.weights.chunks_exact(self.kernel * self.kernel * self.inputs * block);
        for (index, (weights, bias)) in blocks.zip(self.bias.chunks_exact(block)).enumerate() {
            for (photo, (input, output)) in inputs.iter().zip(outputs.iter_mut()).enumerate() {
                let residual = residuals.and_then(|residuals| residuals.get(photo));
                self.run_block(index * block, (weights, bias), (input, output), residual, relu);
            }
        }
    }

    /// One block of output channels of one photo.
    fn run_block(
        &self,
        channel: usize,
        (weights, bias): (&[f32], &[f32]),
        (input, output): (&Map, &mut Map),
        residual: Option<&Map>,
        relu: bool,
    ) {
        let runs: Vec<usize> = (0..self.kernel).map(|row| row * input.pitch()).collect();
        let corner = input.border - self.kernel / 2;
        for y in 0..output.height {
            let begin = output.at(y + output.border, output.border) + channel;
            let width = output.width;
            Row {
                input: &input.values()[input.at(y * self.stride + corner, corner)..],
                input_step: self.stride * self.inputs,
                runs: &runs,
                run: self.kernel * self.inputs,
                weights,
                bias,
                residual: residual.map(|map| &map.values()[begin..]),
                relu,
                output: &mut output.values_mut()[begin..],
                output_step: self.outputs,
                width,
            }
            .compute(self.instructions);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The definition, value by value, in double precision.
    fn plain(input: &[f32], [h, w]: [usize; 2], kernel: &[f32], [o, i, k]: [usize; 3], stride: usize) -> Vec<f64> {
        let (rows, columns, half) = ((h - 1) / stride + 1, (w - 1) / stride + 1, (k / 2) as isize);
        let at = |c: usize, y: isize, x: isize| {
            let inside = (0..h as isize).contains(&y) && (0..w as isize).contains(&x);
            if inside { f64::from(input[(c * h + y as usize) * w + x as usize]) } else { 0.0 }
        };
        let mut out = Vec::with_capacity(o * rows * columns);
        for oc in 0..o {
            for (y, x) in (0..rows).flat_map(|y| (0..columns).map(move |x| (y, x))) {
                let mut sum = 0.0;
                for (c, dy, dx) in (0..i).flat_map(|c| (0..k).flat_map(move |dy| (0..k).map(move |dx| (c, dy, dx)))) {
                    let (py, px) = ((y * stride + dy) as isize - half, (x * stride + dx) as isize - half);
                    sum += at(c, py, px) * f64::from(kernel[((oc * i + c) * k + dy) * k + dx]);
                }
                out.push(sum);
            }
        }
        out
    }

    fn values(count: usize, seed: u32) -> Vec<f32> {
        (0..count as u32)
            .map(|n| ((n.wrapping_mul(2_654_435_761).wrapping_add(seed) >> 8) % 2000) as f32 / 1000.0 - 1.0)
            .collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn every_kernel_agrees_with_the_definition(
            height in 1usize..20, width in 1usize..40, inputs in 1usize..7, blocks in 1usize..3,
            half in 0usize..4, stride in 1usize..3, relu: bool, with_residual: bool, seed: u32,
        ) {
            let (size, outputs) = (2 * half + 1, 32 * blocks);
            let kernel = values(outputs * inputs * size * size, seed);
            let norm = Norm {
                weight: values(outputs, seed ^ 1).iter().map(|v| v + 1.5).collect(),
                bias: values(outputs, seed ^ 2),
                mean: values(outputs, seed ^ 3),
                variance: values(outputs, seed ^ 4).iter().map(|v| v + 1.5).collect(),
                epsilon: 1e-5,
            };
            let photos: Vec<Vec<f32>> = (0..2).map(|n| values(inputs * height * width, seed ^ (5 + n))).collect();
            let maps: Vec<Map> = photos.iter().map(|photo| {
                let mut map = Map::default();
                map.fill_from_planes(photo, inputs, height, width, half.max(1));
                map
            }).collect();
            for instructions in Instructions::available() {
                let convolution = Convolution::new(&kernel, [outputs, inputs, size], stride, &norm, instructions);
                let mut residuals = vec![Map::default(); 2];
                convolution.run(&maps, &mut residuals, None, false);
                let mut results = vec![Map::default(); 2];
                convolution.run(&maps, &mut results, with_residual.then_some(&residuals[..]), relu);
                for (photo, result) in photos.iter().zip(&results) {
                    let expected = plain(photo, [height, width], &kernel, [outputs, inputs, size], stride);
                    let per_channel = expected.len() / outputs;
                    for (at, (got, sum)) in result.to_planes().iter().zip(&expected).enumerate() {
                        let c = at / per_channel;
                        let scale = f64::from(norm.weight[c]) / (f64::from(norm.variance[c]) + 1e-5).sqrt();
                        let mut wanted = (sum - f64::from(norm.mean[c])) * scale + f64::from(norm.bias[c]);
                        if with_residual {
                            wanted *= 2.0;
                        }
                        if relu {
                            wanted = wanted.max(0.0);
                        }
                        let close = (f64::from(*got) - wanted).abs() <= 1e-4 * wanted.abs().max(1.0) * (inputs * size * size) as f64 / 10.0 + 1e-4;
                        prop_assert!(close, "{instructions}: value {at} is {got} instead of {wanted}");
                    }
                }
            }
        }
    }
}
