//! What a convolution makes of a map.

use half::bf16;
use rayon::prelude::*;

use super::super::super::architecture::Activation;
use super::super::kernel::{Finish, Instructions, Precision, round_to_bf16};
use super::super::map::{Layout, Map};
use super::depthwise::Depthwise;
use super::direct::Direct;
use super::winograd::Winograd;
use super::{ConvShape, Epilogue};
use crate::job::Flag;

/// A convolution with a bias.
pub struct Convolution {
    shape: ConvShape,
    weights: Weights,
    bias: Vec<f32>,
    /// That of what comes out.
    border: usize,
}

/// A kernel in the order that it is used in.
enum Weights {
    /// For windows as they are.
    Direct(Direct<f32>),
    /// The same, multiplied in bf16.
    HalfDirect(Direct<bf16>),
    /// For tiles in another domain.
    Winograd(Winograd<f32>),
    /// The same, multiplied in bf16.
    HalfWinograd(Winograd<bf16>),
    /// For each channel by itself: too few products for bf16 to pay.
    Depthwise(Depthwise),
}

impl Convolution {
    /// A convolution that makes zeros until it is given its weights. Where the instructions have no products of bf16,
    /// these are made by plain arithmetic.
    pub fn new(shape: ConvShape, instructions: Instructions, precision: Precision) -> Self {
        let plain = precision == Precision::Bf16 && !instructions.multiply_bf16();
        let instructions = if plain { Instructions::Portable } else { instructions };
        let weights = match (shape.has_tiles(), precision) {
            _ if shape.depthwise => Weights::Depthwise(Depthwise::new(shape, instructions)),
            (false, Precision::F32) => Weights::Direct(Direct::new(shape, instructions)),
            (false, Precision::Bf16) => Weights::HalfDirect(Direct::new(shape, instructions)),
            (true, Precision::F32) => Weights::Winograd(Winograd::new(shape.inputs, shape.outputs, instructions)),
            (true, Precision::Bf16) => Weights::HalfWinograd(Winograd::new(shape.inputs, shape.outputs, instructions)),
        };
        Self { shape, weights, bias: vec![0.0; shape.outputs], border: 1 }
    }

    /// Its shape.
    pub fn shape(&self) -> ConvShape {
        self.shape
    }

    /// The same with another border than 1 around what comes out: what the windows that look at it reach beyond it.
    pub fn with_border(self, border: usize) -> Self {
        Self { border, ..self }
    }

    /// Takes the kernel ([`ConvShape::weights`]) with each output channel multiplied by its `scale`, and the bias.
    pub fn set(&mut self, kernel: &[f32], scale: &[f32], bias: &[f32]) {
        self.bias.copy_from_slice(bias);
        let inputs = self.shape.inputs;
        let window = |output: usize, input: usize| {
            let begin = (output * inputs + input) * 9;
            std::array::from_fn(|place| kernel[begin + place] * scale[output])
        };
        match &mut self.weights {
            Weights::Direct(direct) => direct.set(kernel, scale),
            Weights::HalfDirect(direct) => direct.set(kernel, scale),
            Weights::Winograd(winograd) => winograd.set(window),
            Weights::HalfWinograd(winograd) => winograd.set(window),
            Weights::Depthwise(depthwise) => depthwise.set(kernel, scale),
        }
    }

    /// Fills `outputs` with what becomes of `inputs`, each map of one photo, in this thread. `residuals` are added
    /// before the activation.
    pub fn run(&self, inputs: &[Map], outputs: &mut [Map], residuals: Option<&[Map]>, activation: Activation) {
        for (input, output) in inputs.iter().zip(outputs.iter_mut()) {
            output.reshape(self.layout_after(input.layout()));
        }
        let epilogue = |photo: usize| {
            let residual = residuals.and_then(|residuals| residuals.get(photo));
            Epilogue { residual, activation, gate: None }
        };
        match &self.weights {
            Weights::Direct(direct) => direct.run(inputs, outputs, &self.bias, epilogue),
            Weights::HalfDirect(direct) => direct.run(inputs, outputs, &self.bias, epilogue),
            Weights::Winograd(winograd) => winograd.run(inputs, outputs, &self.bias, epilogue),
            Weights::HalfWinograd(winograd) => winograd.run(inputs, outputs, &self.bias, epilogue),
            Weights::Depthwise(depthwise) => depthwise.run(inputs, outputs, &self.bias, epilogue),
        }
    }

    /// The same in all threads: each takes some photos. Once `stop` is set, it leaves out those that are left.
    pub fn run_all(
        &self,
        inputs: &[Map],
        outputs: &mut [Map],
        residuals: Option<&[Map]>,
        activation: Activation,
        stop: &Flag,
    ) {
        let group = super::group(inputs.len());
        let groups = outputs.par_chunks_mut(group).zip(inputs.par_chunks(group)).enumerate();
        groups.take_any_while(|_| !stop.get()).for_each(|(index, (outputs, inputs))| {
            let residuals = residuals.map(|maps| &maps[index * group..index * group + inputs.len()]);
            self.run(inputs, outputs, residuals, activation);
        });
    }

    /// The same for one photo, in all threads: each takes some rows.
    pub fn run_in_bands(&self, input: &Map, output: &mut Map, residual: Option<&Map>, activation: Activation) {
        output.reshape(self.layout_after(input.layout()));
        let epilogue = Epilogue { residual, activation, gate: None };
        match &self.weights {
            Weights::Direct(direct) => direct.run_in_bands(input, output, &self.bias, epilogue),
            Weights::HalfDirect(direct) => direct.run_in_bands(input, output, &self.bias, epilogue),
            Weights::Winograd(winograd) => winograd.run_in_bands(input, output, &self.bias, epilogue),
            Weights::HalfWinograd(winograd) => winograd.run_in_bands(input, output, &self.bias, epilogue),
            Weights::Depthwise(depthwise) => depthwise.run_in_bands(input, output, &self.bias, epilogue),
        }
    }

    /// One row of `width` pixels where the kernel has one pixel and step 1, from pixels that lie `step` values apart.
    /// What happens to the sums is asked for each block of channels by its first one.
    pub(super) fn run_pixels<'a>(
        &self,
        input: &[f32],
        step: usize,
        output: &mut [f32],
        width: usize,
        rounded: &mut Vec<bf16>,
        finish: impl Fn(usize) -> Finish<'a>,
    ) {
        match &self.weights {
            Weights::Direct(direct) => direct.run_pixels(input, step, output, width, &self.bias, finish),
            Weights::HalfDirect(direct) => {
                rounded.resize(input.len(), bf16::ZERO);
                round_to_bf16(input, rounded, direct.instructions());
                direct.run_pixels(rounded, step, output, width, &self.bias, finish);
            }
            // These are never of one pixel.
            Weights::Winograd(_) | Weights::HalfWinograd(_) | Weights::Depthwise(_) => {}
        }
    }

    /// One row of `width` pixels where each channel is convolved by itself, from the lines that its windows see.
    pub(super) fn run_channels(&self, lines: [&[f32]; 3], output: &mut [f32], width: usize, finish: Finish<'_>) {
        if let Weights::Depthwise(depthwise) = &self.weights {
            depthwise.run_row(lines, output, width, &self.bias, finish);
        }
    }

    /// How what becomes of a map that lies like this lies.
    pub fn layout_after(&self, input: Layout) -> Layout {
        let Layout { height, width, .. } = input;
        let (height, width) = (self.shape.side(height), self.shape.side(width));
        Layout { height, width, channels: self.shape.outputs, border: self.border }
    }
}
