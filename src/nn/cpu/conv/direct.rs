//! Convolutions with their windows as they are.

use std::cell::Cell;

use half::bf16;
use rayon::prelude::*;

use super::super::kernel::{Factor, Finish, Instructions, Row, round_to_bf16};
use super::super::map::{Band, Map};
use super::{ConvShape, Epilogue};

/// The kernel of such a convolution.
pub(super) struct Direct<F> {
    shape: ConvShape,
    instructions: Instructions,
    /// Block of output channels, kernel row, then, some values at a time, kernel column and input channel, and channel
    /// within the block.
    weights: Vec<F>,
}

/// Factors whose windows can be convolved directly.
pub(super) trait Windows: Factor {
    /// Calls `work` with the values of some maps, rounded.
    fn lend<R>(inputs: &[Map], instructions: Instructions, work: impl FnOnce(&[&[Self]]) -> R) -> R;
}

impl Windows for f32 {
    fn lend<R>(inputs: &[Map], _: Instructions, work: impl FnOnce(&[&[Self]]) -> R) -> R {
        work(&inputs.iter().map(Map::values).collect::<Vec<_>>())
    }
}

thread_local! {
    /// Rounded maps of earlier calls, so that nothing is allocated again.
    static ROUNDED: Cell<Vec<bf16>> = const { Cell::new(Vec::new()) };
}

impl Windows for bf16 {
    fn lend<R>(inputs: &[Map], instructions: Instructions, work: impl FnOnce(&[&[Self]]) -> R) -> R {
        // Taken rather than borrowed: while this thread waits for others it may be given another convolution.
        let mut rounded = ROUNDED.take();
        let sizes = || inputs.iter().map(|input| input.values().len() + 1); // a last window may reach one value further
        rounded.resize(sizes().sum::<usize>().max(rounded.len()), Self::ZERO);
        let (mut left, mut maps) = (rounded.as_mut_slice(), Vec::with_capacity(inputs.len()));
        for (input, size) in inputs.iter().zip(sizes()) {
            let (map, rest) = std::mem::take(&mut left).split_at_mut(size);
            if let [values @ .., beyond] = &mut *map {
                round_to_bf16(input.values(), values, instructions);
                *beyond = Self::ZERO;
            }
            maps.push(&*map);
            left = rest;
        }
        let result = work(&maps);
        ROUNDED.set(rounded);
        result
    }
}

impl<F: Windows> Direct<F> {
    /// A kernel of zeros.
    pub fn new(shape: ConvShape, instructions: Instructions) -> Self {
        let windows = shape.outputs * shape.kernel * run::<F>(shape);
        Self { shape, instructions, weights: vec![F::default(); windows] }
    }

    /// Takes the kernel (outputs, inputs, size, size) with each output channel multiplied by its `scale`.
    pub fn set(&mut self, kernel: &[f32], scale: &[f32]) {
        let ConvShape { inputs, kernel: size, .. } = self.shape;
        let (block, run) = (self.instructions.channels(), run::<F>(self.shape));
        let (window, places) = (inputs * size * size, size * size);
        let packed = self.weights.par_chunks_exact_mut(size * run * block);
        let blocks = packed.zip(kernel.par_chunks_exact(window * block)).zip(scale.par_chunks_exact(block));
        blocks.for_each(|((packed, kernel), scale)| {
            for (c, (of_output, scale)) in kernel.chunks_exact(window).zip(scale).enumerate() {
                for (input, of_input) in of_output.chunks_exact(places).enumerate() {
                    for (place, weight) in of_input.iter().enumerate() {
                        let in_run = place % size * inputs + input;
                        let (group, member) = (in_run / F::TOGETHER, in_run % F::TOGETHER);
                        let begin = (place / size * run + group * F::TOGETHER) * block;
                        packed[begin + c * F::TOGETHER + member] = F::nearest(weight * scale);
                    }
                }
            }
        });
    }

    /// Fills `outputs`, shaped already, from `inputs`, each map of one photo, in this thread. The weights of one block
    /// of channels serve all photos before those of the next are fetched.
    pub fn run<'a>(&self, inputs: &[Map], outputs: &mut [Map], bias: &[f32], epilogue: impl Fn(usize) -> Epilogue<'a>) {
        F::lend(inputs, self.instructions, |values| {
            for block in 0..self.blocks() {
                for (photo, ((input, values), output)) in inputs.iter().zip(values).zip(outputs.iter_mut()).enumerate()
                {
                    self.run_block(block, input, values, &mut output.band_mut(), bias, epilogue(photo));
                }
            }
        });
    }

    /// The same for one photo, in all threads: each takes some rows.
    pub fn run_in_bands(&self, input: &Map, output: &mut Map, bias: &[f32], epilogue: Epilogue<'_>) {
        F::lend(std::slice::from_ref(input), self.instructions, |values| {
            let Some(values) = values.first() else { return };
            output.bands_mut(rayon::current_num_threads(), 1).into_par_iter().for_each(|mut band| {
                for block in 0..self.blocks() {
                    self.run_block(block, input, values, &mut band, bias, epilogue);
                }
            });
        });
    }

    /// What it is computed with.
    pub fn instructions(&self) -> Instructions {
        self.instructions
    }

    /// One row of `width` pixels of a kernel of one pixel and step 1, from pixels that lie `step` values apart. What
    /// happens to the sums is asked for each block of channels by its first one.
    pub fn run_pixels<'a>(
        &self,
        input: &[F],
        step: usize,
        output: &mut [f32],
        width: usize,
        bias: &[f32],
        finish: impl Fn(usize) -> Finish<'a>,
    ) {
        let channels = self.instructions.channels();
        let window = run::<F>(self.shape) * channels;
        for (block, (weights, bias)) in self.weights.chunks_exact(window).zip(bias.chunks_exact(channels)).enumerate() {
            Row {
                input,
                input_step: step,
                runs: &[0],
                run: run::<F>(self.shape),
                apart: false,
                weights,
                bias,
                finish: finish(block * channels),
                output: &mut output[block * channels..],
                output_step: self.shape.outputs,
                width,
            }
            .compute(self.instructions);
        }
    }

    fn blocks(&self) -> usize {
        self.shape.outputs / self.instructions.channels()
    }

    /// One block of output channels of some rows of one photo.
    fn run_block(
        &self,
        block: usize,
        input: &Map,
        values: &[F],
        output: &mut Band<'_>,
        bias: &[f32],
        epilogue: Epilogue<'_>,
    ) {
        let ConvShape { inputs, outputs, kernel, stride, .. } = self.shape;
        debug_assert!(kernel == 1 || inputs == input.layout().channels, "a window's row is one run");
        let channels = self.instructions.channels();
        let (from, run) = (input.layout(), run::<F>(self.shape));
        let window = kernel * run * channels;
        let runs: Vec<usize> = (0..kernel).map(|row| row * from.pitch()).collect();
        let corner = from.border - self.shape.padding();
        let width = output.layout().width;
        for y in output.rows.clone() {
            let (output, place) = output.tail_mut(y, block * channels);
            Row {
                input: &values[from.at(y * stride + corner, corner)..],
                input_step: stride * from.channels,
                runs: &runs,
                run,
                apart: false,
                weights: &self.weights[block * window..(block + 1) * window],
                bias: &bias[block * channels..(block + 1) * channels],
                finish: epilogue.at(place),
                output,
                output_step: outputs,
                width,
            }
            .compute(self.instructions);
        }
    }
}

/// Values of a row of the window, filled up to whole factors; the weights of those beyond are zero.
fn run<F: Factor>(shape: ConvShape) -> usize {
    (shape.kernel * shape.inputs).next_multiple_of(F::TOGETHER)
}
