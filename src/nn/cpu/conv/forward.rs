//! What a convolution makes of a map.

use rayon::prelude::*;

use super::super::kernel::{Instructions, Row};
use super::super::map::{Band, Layout, Map};
use super::ConvShape;

/// A convolution with a bias, its weights in the order that the kernel takes them.
pub(in super::super) struct Convolution {
    shape: ConvShape,
    instructions: Instructions,
    /// Block of output channels, kernel row, kernel column, input channel, channel within the block.
    weights: Vec<f32>,
    bias: Vec<f32>,
}

/// What happens to a sum before it is stored.
#[derive(Clone, Copy, Default)]
struct Epilogue<'a> {
    /// Added, laid out as what comes out.
    residual: Option<&'a Map>,
    /// Whether negative results become zero.
    relu: bool,
}

impl Convolution {
    /// A convolution that makes zeros until it is given its weights.
    pub fn new(shape: ConvShape, instructions: Instructions) -> Self {
        Self { shape, instructions, weights: vec![0.0; shape.weights()], bias: vec![0.0; shape.outputs] }
    }

    /// Takes the kernel (outputs, inputs, size, size) with each output channel multiplied by its `scale`, and the bias.
    pub fn set(&mut self, kernel: &[f32], scale: &[f32], bias: &[f32]) {
        let ConvShape { inputs, kernel: size, .. } = self.shape;
        let block = self.instructions.channels();
        let (window, places) = (inputs * size * size, size * size);
        self.bias.copy_from_slice(bias);
        let blocks = self.weights.par_chunks_exact_mut(window * block).zip(kernel.par_chunks_exact(window * block));
        blocks.zip(scale.par_chunks_exact(block)).for_each(|((packed, kernel), scale)| {
            for (c, (of_output, scale)) in kernel.chunks_exact(window).zip(scale).enumerate() {
                for (input, of_input) in of_output.chunks_exact(places).enumerate() {
                    for (place, weight) in of_input.iter().enumerate() {
                        packed[(place * inputs + input) * block + c] = weight * scale;
                    }
                }
            }
        });
    }

    /// Fills `outputs` with what becomes of `inputs`, each map of one photo, in this thread. `residuals` are added
    /// before what is negative becomes zero. The weights of one block of channels serve all photos before those of the
    /// next are fetched.
    pub fn run(&self, inputs: &[Map], outputs: &mut [Map], residuals: Option<&[Map]>, relu: bool) {
        for (input, output) in inputs.iter().zip(outputs.iter_mut()) {
            output.reshape(self.layout(input));
        }
        for block in 0..self.blocks() {
            for (photo, (input, output)) in inputs.iter().zip(outputs.iter_mut()).enumerate() {
                let residual = residuals.and_then(|residuals| residuals.get(photo));
                self.run_block(block, input, &mut output.band_mut(), Epilogue { residual, relu });
            }
        }
    }

    /// The same in all threads: each takes some photos.
    pub fn run_all(&self, inputs: &[Map], outputs: &mut [Map], residuals: Option<&[Map]>, relu: bool) {
        let group = super::group(inputs.len());
        let groups = outputs.par_chunks_mut(group).zip(inputs.par_chunks(group)).enumerate();
        groups.for_each(|(index, (outputs, inputs))| {
            let residuals = residuals.map(|maps| &maps[index * group..index * group + inputs.len()]);
            self.run(inputs, outputs, residuals, relu);
        });
    }

    /// The same for one photo, in all threads: each takes some rows.
    pub fn run_in_bands(&self, input: &Map, output: &mut Map, residual: Option<&Map>, relu: bool) {
        output.reshape(self.layout(input));
        output.bands_mut(rayon::current_num_threads()).into_par_iter().for_each(|mut band| {
            for block in 0..self.blocks() {
                self.run_block(block, input, &mut band, Epilogue { residual, relu });
            }
        });
    }

    /// How what becomes of `input` lies.
    fn layout(&self, input: &Map) -> Layout {
        let Layout { height, width, .. } = input.layout();
        let (height, width) = (self.shape.side(height), self.shape.side(width));
        Layout { height, width, channels: self.shape.outputs, border: 1 }
    }

    fn blocks(&self) -> usize {
        self.shape.outputs / self.instructions.channels()
    }

    /// One block of output channels of some rows of one photo.
    fn run_block(&self, block: usize, input: &Map, output: &mut Band<'_>, epilogue: Epilogue<'_>) {
        let ConvShape { inputs, outputs, kernel, stride } = self.shape;
        let channels = self.instructions.channels();
        let (from, to) = (input.layout(), self.layout(input));
        let window = kernel * kernel * inputs * channels;
        let runs: Vec<usize> = (0..kernel).map(|row| row * from.pitch()).collect();
        let corner = from.border - self.shape.padding();
        for y in output.rows.clone() {
            let (output, place) = output.from_mut(y, 0, block * channels);
            Row {
                input: &input.values()[from.at(y * stride + corner, corner)..],
                input_step: stride * inputs,
                runs: &runs,
                run: kernel * inputs,
                weights: &self.weights[block * window..(block + 1) * window],
                bias: &self.bias[block * channels..(block + 1) * channels],
                residual: epilogue.residual.map(|map| &map.values()[place..]),
                relu: epilogue.relu,
                gate: None,
                output,
                output_step: outputs,
                width: to.width,
            }
            .compute(self.instructions);
        }
    }
}
