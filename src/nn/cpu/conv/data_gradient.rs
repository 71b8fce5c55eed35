//! The gradient of what went into a convolution.
//!
//! Each value that went in took part in some windows; its gradient adds up what came back through them. With step 1
//! that is a convolution of the gradient with the kernel turned round. With step 2 the pixels fall into four kinds, by
//! odd and even, that were seen through different parts of the kernel: each kind is such a convolution of its own.

use rayon::prelude::*;

use super::super::super::architecture::Activation;
use super::super::kernel::{Instructions, Row};
use super::super::map::Map;
use super::depthwise::DepthwiseDataGradient;
use super::winograd::Winograd;
use super::{ConvShape, Epilogue};
use crate::job::Flag;

/// What came out of an activation, whose gradient lets others pass.
pub type Gates<'a> = (&'a [Map], Activation);

/// Computes gradients of what went in from those of what came out.
pub struct DataGradient {
    shape: ConvShape,
    instructions: Instructions,
    method: Method,
    /// One zero for each input channel.
    no_bias: Vec<f32>,
}

enum Method {
    /// One convolution for each kind of pixels.
    Kinds(Vec<Kind>),
    /// Tiles in another domain.
    Winograd(Winograd),
    /// Each channel by itself.
    Depthwise(DepthwiseDataGradient),
}

/// The pixels whose row is `top` and whose column is `left` beyond a multiple of the step.
struct Kind {
    top: usize,
    left: usize,
    /// Kernel rows through which they were seen, in the order of the output rows to which these belong.
    rows: Vec<usize>,
    /// The same for columns.
    columns: Vec<usize>,
    /// Block of input channels, kernel row, kernel column, output channel, channel within the block.
    weights: Vec<f32>,
}

impl DataGradient {
    /// One that gives zeros until it is given the weights. The input channels must be a multiple of
    /// [`CHANNELS`](super::CHANNELS).
    pub fn new(shape: ConvShape, instructions: Instructions) -> Self {
        let method = if shape.depthwise {
            Method::Depthwise(DepthwiseDataGradient::new(shape, instructions))
        } else if shape.has_tiles() {
            Method::Winograd(Winograd::new(shape.outputs, shape.inputs, instructions))
        } else {
            Method::Kinds(kinds(shape))
        };
        Self { shape, instructions, method, no_bias: vec![0.0; shape.inputs] }
    }

    /// Takes the kernel ([`ConvShape::weights`]) with each output channel multiplied by its `scale`.
    pub fn set(&mut self, kernel: &[f32], scale: &[f32]) {
        let inputs = self.shape.inputs;
        match &mut self.method {
            // The other way round, the kernel is turned by half a turn.
            Method::Winograd(winograd) => winograd.set(|input, output| {
                let begin = (output * inputs + input) * 9;
                std::array::from_fn(|place| kernel[begin + 8 - place] * scale[output])
            }),
            Method::Depthwise(depthwise) => depthwise.set(kernel, scale),
            Method::Kinds(kinds) => {
                kinds.iter_mut().for_each(|kind| kind.set(self.shape, self.instructions, kernel, scale));
            }
        }
    }

    /// [`DataGradient::run`] in all threads: each takes some photos. Once `stop` is set, it leaves out those that are
    /// left.
    pub fn run_all(
        &self,
        gradients: &[Map],
        results: &mut [Map],
        residuals: Option<&[Map]>,
        gates: Option<Gates<'_>>,
        stop: &Flag,
    ) {
        let group = super::group(gradients.len());
        let groups = results.par_chunks_mut(group).zip(gradients.par_chunks(group)).enumerate();
        groups.take_any_while(|_| !stop.get()).for_each(|(index, (results, gradients))| {
            let photos = index * group..index * group + gradients.len();
            let residuals = residuals.map(|maps| &maps[photos.clone()]);
            let gates = gates.map(|(maps, activation)| (&maps[photos], activation));
            self.run(gradients, results, residuals, gates);
        });
    }

    /// Fills `results`, of the layouts of `inputs`, with their gradients from the `gradients` of what came out, in this
    /// thread. `residuals` are added; then a gradient stays only where that of `gates` does.
    pub fn run(&self, gradients: &[Map], results: &mut [Map], residuals: Option<&[Map]>, gates: Option<Gates<'_>>) {
        let epilogue = |photo: usize| {
            let residual = residuals.and_then(|maps| maps.get(photo));
            let gate = gates.and_then(|(maps, activation)| Some((maps.get(photo)?, activation)));
            Epilogue { residual, activation: Activation::Linear, gate }
        };
        match &self.method {
            Method::Winograd(winograd) => winograd.run(gradients, results, &self.no_bias, epilogue),
            Method::Depthwise(depthwise) => depthwise.run(gradients, results, &self.no_bias, epilogue),
            Method::Kinds(kinds) => {
                let blocks = 0..self.shape.inputs / self.instructions.channels();
                for (kind, block) in kinds.iter().flat_map(|kind| blocks.clone().map(move |block| (kind, block))) {
                    for (photo, (gradient, result)) in gradients.iter().zip(results.iter_mut()).enumerate() {
                        self.run_block(kind, block, gradient, result, epilogue(photo));
                    }
                }
            }
        }
    }

    /// One block of input channels of the pixels of one kind.
    fn run_block(&self, kind: &Kind, index: usize, gradient: &Map, result: &mut Map, epilogue: Epilogue<'_>) {
        let ConvShape { inputs, outputs, stride, .. } = self.shape;
        let block = self.instructions.channels();
        let (from, to) = (gradient.layout(), result.layout());
        if kind.left >= to.width {
            return;
        }
        let size = kind.rows.len() * kind.columns.len() * outputs * block;
        let runs: Vec<usize> = (0..kind.rows.len()).map(|row| row * from.pitch()).collect();
        let first = |pixel: usize, taps: &[usize]| {
            // The output row (or column) that saw `pixel` through the first of `taps`, counted with the border.
            taps.first().map_or(0, |tap| (pixel + self.shape.padding() + from.border * stride - tap) / stride)
        };
        let left = first(kind.left, &kind.columns);
        for y in (kind.top..to.height).step_by(stride) {
            let begin = to.row_start(y) + kind.left * inputs + index * block;
            Row {
                input: &gradient.values()[from.at(first(y, &kind.rows), left)..],
                input_step: outputs,
                runs: &runs,
                run: kind.columns.len() * outputs,
                apart: false,
                weights: &kind.weights[index * size..(index + 1) * size],
                bias: &self.no_bias[..block],
                finish: epilogue.at(begin),
                output: &mut result.values_mut()[begin..],
                output_step: stride * inputs,
                width: (to.width - kind.left).div_ceil(stride),
            }
            .compute(self.instructions);
        }
    }
}

/// The kinds of pixels that a convolution of this shape sees, without weights.
fn kinds(shape: ConvShape) -> Vec<Kind> {
    let seen = |begin: usize, tap: usize| {
        (begin + shape.padding() + shape.stride - tap % shape.stride).is_multiple_of(shape.stride)
    };
    let taps = |begin: usize| (0..shape.kernel).rev().filter(|tap| seen(begin, *tap)).collect::<Vec<_>>();
    let places = (0..shape.stride).flat_map(|top| (0..shape.stride).map(move |left| (top, left)));
    let kind = |(top, left)| {
        let (rows, columns) = (taps(top), taps(left));
        let weights = vec![0.0; rows.len() * columns.len() * shape.inputs * shape.outputs];
        Kind { top, left, rows, columns, weights }
    };
    places.map(kind).collect()
}

impl Kind {
    fn set(&mut self, shape: ConvShape, instructions: Instructions, kernel: &[f32], scale: &[f32]) {
        let ConvShape { inputs, outputs, kernel: size, .. } = shape;
        let block = instructions.channels();
        let Self { rows, columns, weights, .. } = self;
        let taps: Vec<usize> =
            rows.iter().flat_map(|row| columns.iter().map(move |column| row * size + column)).collect();
        if taps.is_empty() {
            return;
        }
        weights.par_chunks_exact_mut(taps.len() * outputs * block).enumerate().for_each(|(index, packed)| {
            for (output, scale) in scale.iter().enumerate() {
                for c in 0..block {
                    let from = &kernel[(output * inputs + index * block + c) * size * size..][..size * size];
                    for (place, tap) in taps.iter().enumerate() {
                        packed[(place * outputs + output) * block + c] = from[*tap] * scale;
                    }
                }
            }
        });
    }
}
