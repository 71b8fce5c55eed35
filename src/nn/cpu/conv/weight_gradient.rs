//! The gradient of a convolution's kernel.

use rayon::prelude::*;

use super::super::kernel::{Instructions, OuterProducts};
use super::super::map::{Layout, Map};
use super::{ConvShape, depthwise};
use crate::job::Flag;

/// Pixels whose products are added up in registers before the sums in memory are touched, at least.
const PIXELS: usize = 48;

/// Computes the gradient of a kernel from what went into the convolution and the gradient of what came out. The result
/// is the same to the bit for any number of threads.
pub struct WeightGradient {
    shape: ConvShape,
    instructions: Instructions,
    /// Block of output channels, kernel row, kernel column, input channel, channel within the block.
    sums: Vec<f32>,
}

impl WeightGradient {
    /// One with room for the sums.
    pub fn new(shape: ConvShape, instructions: Instructions) -> Self {
        let sums = if shape.depthwise { Vec::new() } else { vec![0.0; shape.weights()] };
        Self { shape, instructions, sums }
    }

    /// Writes the gradient ([`ConvShape::weights`]) into `kernel`, summed over the photos, whose maps are `inputs`
    /// and `gradients`. Works in all threads: each takes one row of the kernel for one block of output channels. Once
    /// `stop` is set, it leaves out the photos that are left.
    pub fn run(&mut self, inputs: &[Map], gradients: &[Map], kernel: &mut [f32], stop: &Flag) {
        if self.shape.depthwise {
            return depthwise::weight_gradient(self.shape, self.instructions, (inputs, gradients), kernel, stop);
        }
        let ConvShape { inputs: channels, kernel: size, outputs, .. } = self.shape;
        let (shape, instructions) = (self.shape, self.instructions);
        let (block, row) = (instructions.channels(), size * channels * instructions.channels());
        // A thread takes all rows of the kernel for one block of output channels, or where there are too few blocks for
        // all threads, one row.
        let rows = if outputs / block >= rayon::current_num_threads() { size } else { 1 };
        let tasks = self.sums.par_chunks_exact_mut(rows * row).enumerate();
        tasks.for_each_init(Vec::new, |packed, (index, sums)| {
            sums.fill(0.0);
            let first = index * rows % size;
            for (input, gradient) in inputs.iter().zip(gradients).take_while(|_| !stop.get()) {
                pack(gradient, index * rows / size * block, block, packed);
                for (kernel_row, sums) in sums.chunks_exact_mut(row).enumerate() {
                    let kernel_row = first + kernel_row;
                    add_row(shape, instructions, kernel_row, (input, gradient.layout()), packed, sums);
                }
            }
        });
        self.unpack(kernel);
    }

    fn unpack(&self, kernel: &mut [f32]) {
        let ConvShape { inputs, kernel: size, .. } = self.shape;
        let block = self.instructions.channels();
        let (window, places) = (inputs * size * size, size * size);
        let blocks = kernel.par_chunks_exact_mut(window * block).zip(self.sums.par_chunks_exact(window * block));
        blocks.for_each(|(kernel, sums)| {
            for (c, of_output) in kernel.chunks_exact_mut(window).enumerate() {
                for (input, of_input) in of_output.chunks_exact_mut(places).enumerate() {
                    for (place, weight) in of_input.iter_mut().enumerate() {
                        *weight = sums[(place * inputs + input) * block + c];
                    }
                }
            }
        });
    }
}

/// `count` channels from `channel` of every pixel, pixel by pixel: where they lie in the map, a row of them competes for
/// the same few sets of the cache.
fn pack(map: &Map, channel: usize, count: usize, packed: &mut Vec<f32>) {
    packed.clear();
    let layout = map.layout();
    for y in 0..layout.height {
        for pixel in map.row(y).chunks_exact(layout.channels) {
            packed.extend_from_slice(&pixel[channel..channel + count]);
        }
    }
}

/// What one photo adds to one row of the kernel for one block of output channels.
fn add_row(
    shape: ConvShape,
    instructions: Instructions,
    kernel_row: usize,
    (input, to): (&Map, Layout),
    gradient: &[f32],
    sums: &mut [f32],
) {
    let from = input.layout();
    let corner = from.border - shape.padding();
    let channels = instructions.channels();
    let row = |y: usize| (from.at(y * shape.stride + corner + kernel_row, corner), y * to.width * channels);
    let rows: Vec<(usize, usize)> = (0..to.height).map(row).collect();
    for rows in rows.chunks(PIXELS.div_ceil(to.width)) {
        OuterProducts {
            input: input.values(),
            rows,
            input_step: shape.stride * shape.inputs,
            width: to.width,
            gradient,
            gradient_step: channels,
            sums,
        }
        .add(instructions);
    }
}

/// The sum of each channel over all photos' maps, in double precision between photos.
pub(in super::super) fn channel_sums(maps: &[Map]) -> Vec<f32> {
    let channels = maps.first().map_or(0, |map| map.layout().channels);
    let of_photos: Vec<Vec<f32>> = maps
        .par_iter()
        .map(|map| {
            let mut sums = vec![0.0; channels];
            map.add_sums_to(&mut sums);
            sums
        })
        .collect();
    let total = |c: usize| of_photos.iter().map(|sums| f64::from(sums[c])).sum::<f64>() as f32;
    (0..channels).map(total).collect()
}
