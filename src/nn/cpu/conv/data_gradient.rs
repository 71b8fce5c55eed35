//! The gradient of what went into a convolution.
//!
//! Each value that went in took part in some windows; its gradient adds up what came back through them. With step 1
//! that is a convolution of the gradient with the kernel turned round. With step 2 the pixels fall into four kinds, by
//! odd and even, that were seen through different parts of the kernel: each kind is such a convolution of its own.

use rayon::prelude::*;

use super::super::kernel::{Instructions, Row};
use super::super::map::Map;
use super::ConvShape;

/// Computes gradients of what went in from those of what came out.
pub(in super::super) struct DataGradient {
    shape: ConvShape,
    instructions: Instructions,
    kinds: Vec<Kind>,
    no_bias: Vec<f32>,
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
        let taps = |begin: usize| -> Vec<usize> {
            (0..shape.kernel)
                .rev()
                .filter(|tap| (begin + shape.padding() + shape.stride - tap % shape.stride) % shape.stride == 0)
                .collect()
        };
        let kinds = (0..shape.stride)
            .flat_map(|top| (0..shape.stride).map(move |left| (top, left)))
            .map(|(top, left)| {
                let (rows, columns) = (taps(top), taps(left));
                let weights = vec![0.0; rows.len() * columns.len() * shape.inputs * shape.outputs];
                Kind { top, left, rows, columns, weights }
            })
            .collect();
        Self { shape, instructions, kinds, no_bias: vec![0.0; instructions.channels()] }
    }

    /// Takes the kernel (outputs, inputs, size, size) with each output channel multiplied by its `scale`.
    pub fn set(&mut self, kernel: &[f32], scale: &[f32]) {
        let ConvShape { inputs, outputs, kernel: size, .. } = self.shape;
        let block = self.instructions.channels();
        for kind in &mut self.kinds {
            let taps = kind.rows.len() * kind.columns.len();
            if taps == 0 {
                continue;
            }
            let Kind { rows, columns, weights, .. } = kind;
            weights.par_chunks_exact_mut(taps * outputs * block).enumerate().for_each(|(index, packed)| {
                for (output, scale) in scale.iter().enumerate() {
                    for c in 0..block {
                        let from = &kernel[(output * inputs + index * block + c) * size * size..][..size * size];
                        for (tap, (row, column)) in
                            rows.iter().flat_map(|row| columns.iter().map(move |column| (row, column))).enumerate()
                        {
                            packed[(tap * outputs + output) * block + c] = from[row * size + column] * scale;
                        }
                    }
                }
            });
        }
    }

    /// [`DataGradient::run`] in all threads: each takes some photos.
    pub fn run_all(&self, gradients: &[Map], results: &mut [Map], residuals: Option<&[Map]>, gates: Option<&[Map]>) {
        let group = super::group(gradients.len());
        let groups = results.par_chunks_mut(group).zip(gradients.par_chunks(group)).enumerate();
        groups.for_each(|(index, (results, gradients))| {
            let photos = index * group..index * group + gradients.len();
            let [residuals, gates] = [residuals, gates].map(|maps| maps.map(|maps| &maps[photos.clone()]));
            self.run(gradients, results, residuals, gates);
        });
    }

    /// Fills `results`, of the layouts of `inputs`, with their gradients from the `gradients` of what came out, in this
    /// thread. `residuals` are added; then what did not come out of a ReLU as positive, by `gates`, becomes zero.
    pub fn run(&self, gradients: &[Map], results: &mut [Map], residuals: Option<&[Map]>, gates: Option<&[Map]>) {
        let block = self.instructions.channels();
        for kind in &self.kinds {
            for index in 0..self.shape.inputs / block {
                for (photo, (gradient, result)) in gradients.iter().zip(results.iter_mut()).enumerate() {
                    let residual = residuals.and_then(|maps| maps.get(photo));
                    let gate = gates.and_then(|maps| maps.get(photo));
                    self.run_block(kind, index, gradient, result, [residual, gate]);
                }
            }
        }
    }

    /// One block of input channels of the pixels of one kind.
    fn run_block(
        &self,
        kind: &Kind,
        index: usize,
        gradient: &Map,
        result: &mut Map,
        [residual, gate]: [Option<&Map>; 2],
    ) {
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
                weights: &kind.weights[index * size..(index + 1) * size],
                bias: &self.no_bias,
                residual: residual.map(|map| &map.values()[begin..]),
                relu: false,
                gate: gate.map(|map| &map.values()[begin..]),
                output: &mut result.values_mut()[begin..],
                output_step: stride * inputs,
                width: (to.width - kind.left).div_ceil(stride),
            }
            .compute(self.instructions);
        }
    }
}
