//! What a convolution makes of a map.

use rayon::prelude::*;

use super::super::kernel::{Instructions, Row};
use super::super::map::{Band, Layout, Map};
use super::ConvShape;
use super::winograd::{Epilogue, Winograd};

/// A convolution with a bias.
pub(in super::super) struct Convolution {
    shape: ConvShape,
    instructions: Instructions,
    weights: Weights,
    bias: Vec<f32>,
}

/// A kernel in the order that it is used in.
enum Weights {
    /// For windows as they are: block of output channels, kernel row, kernel column, input channel, channel within the
    /// block.
    Direct(Vec<f32>),
    /// For tiles in another domain.
    Winograd(Winograd),
}

impl Convolution {
    /// A convolution that makes zeros until it is given its weights.
    pub fn new(shape: ConvShape, instructions: Instructions) -> Self {
        let weights = if shape.has_tiles() {
            Weights::Winograd(Winograd::new(shape.inputs, shape.outputs, instructions))
        } else {
            Weights::Direct(vec![0.0; shape.weights()])
        };
        Self { shape, instructions, weights, bias: vec![0.0; shape.outputs] }
    }

    /// Takes the kernel (outputs, inputs, size, size) with each output channel multiplied by its `scale`, and the bias.
    pub fn set(&mut self, kernel: &[f32], scale: &[f32], bias: &[f32]) {
        self.bias.copy_from_slice(bias);
        let ConvShape { inputs, kernel: size, .. } = self.shape;
        let block = self.instructions.channels();
        match &mut self.weights {
            Weights::Winograd(winograd) => winograd.set(|output, input| {
                let begin = (output * inputs + input) * 9;
                std::array::from_fn(|place| kernel[begin + place] * scale[output])
            }),
            Weights::Direct(weights) => {
                let (window, places) = (inputs * size * size, size * size);
                let blocks = weights.par_chunks_exact_mut(window * block).zip(kernel.par_chunks_exact(window * block));
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
        }
    }

    /// Fills `outputs` with what becomes of `inputs`, each map of one photo, in this thread. `residuals` are added
    /// before what is negative becomes zero. The weights of one block of channels serve all photos before those of the
    /// next are fetched.
    pub fn run(&self, inputs: &[Map], outputs: &mut [Map], residuals: Option<&[Map]>, relu: bool) {
        for (input, output) in inputs.iter().zip(outputs.iter_mut()) {
            output.reshape(self.layout(input));
        }
        let epilogue = |photo: usize| {
            let residual = residuals.and_then(|residuals| residuals.get(photo));
            Epilogue { residual, relu, gate: None }
        };
        match &self.weights {
            Weights::Winograd(winograd) => winograd.run(inputs, outputs, &self.bias, epilogue),
            Weights::Direct(weights) => {
                for block in 0..self.blocks() {
                    for (photo, (input, output)) in inputs.iter().zip(outputs.iter_mut()).enumerate() {
                        self.run_block(weights, block, input, &mut output.band_mut(), epilogue(photo));
                    }
                }
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
        let epilogue = Epilogue { residual, relu, gate: None };
        match &self.weights {
            Weights::Winograd(winograd) => winograd.run_in_bands(input, output, &self.bias, epilogue),
            Weights::Direct(weights) => {
                output.bands_mut(rayon::current_num_threads(), 1).into_par_iter().for_each(|mut band| {
                    for block in 0..self.blocks() {
                        self.run_block(weights, block, input, &mut band, epilogue);
                    }
                });
            }
        }
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
    fn run_block(&self, weights: &[f32], block: usize, input: &Map, output: &mut Band<'_>, epilogue: Epilogue<'_>) {
        let ConvShape { inputs, outputs, kernel, stride } = self.shape;
        let channels = self.instructions.channels();
        let (from, to) = (input.layout(), self.layout(input));
        let window = kernel * kernel * inputs * channels;
        let runs: Vec<usize> = (0..kernel).map(|row| row * from.pitch()).collect();
        let corner = from.border - self.shape.padding();
        for y in output.rows.clone() {
            let (output, place) = output.tail_mut(y, block * channels);
            Row {
                input: &input.values()[from.at(y * stride + corner, corner)..],
                input_step: stride * inputs,
                runs: &runs,
                run: kernel * inputs,
                weights: &weights[block * window..(block + 1) * window],
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
