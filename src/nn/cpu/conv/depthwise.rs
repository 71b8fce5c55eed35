//! Convolutions of each channel with a 3×3 kernel of its own, and their gradients.

use std::cell::RefCell;

use rayon::prelude::*;

use super::super::kernel::{DepthwiseProducts, DepthwiseRow, Finish, Instructions};
use super::super::map::{Band, Layout, Map};
use super::{ConvShape, Epilogue};
use crate::job::Flag;

/// Values of a kernel.
const TAPS: usize = 9;
/// Pixels beyond the edge that a window reaches.
const PADDING: usize = 1;

/// The kernels of such a convolution.
pub(super) struct Depthwise {
    channels: usize,
    stride: usize,
    instructions: Instructions,
    /// Tap by tap, one for each channel.
    weights: Vec<f32>,
}

impl Depthwise {
    /// Kernels of zeros.
    pub fn new(shape: ConvShape, instructions: Instructions) -> Self {
        let ConvShape { outputs: channels, stride, .. } = shape;
        Self { channels, stride, instructions, weights: vec![0.0; TAPS * channels] }
    }

    /// Takes the kernels (channels, 1, 3, 3), each multiplied by its channel's `scale`.
    pub fn set(&mut self, kernels: &[f32], scale: &[f32]) {
        self.set_taps(kernels, scale, |tap| tap);
    }

    /// The same turned by half a turn.
    fn set_turned(&mut self, kernels: &[f32], scale: &[f32]) {
        self.set_taps(kernels, scale, |tap| TAPS - 1 - tap);
    }

    fn set_taps(&mut self, kernels: &[f32], scale: &[f32], place: impl Fn(usize) -> usize) {
        for (channel, (kernel, scale)) in kernels.chunks_exact(TAPS).zip(scale).enumerate() {
            for (tap, weight) in kernel.iter().enumerate() {
                self.weights[place(tap) * self.channels + channel] = weight * scale;
            }
        }
    }

    /// Fills `outputs`, shaped already, from `inputs`, each map of one photo, in this thread.
    pub fn run<'a>(&self, inputs: &[Map], outputs: &mut [Map], bias: &[f32], epilogue: impl Fn(usize) -> Epilogue<'a>) {
        for (photo, (input, output)) in inputs.iter().zip(outputs).enumerate() {
            self.run_band(input, output.band_mut(), bias, epilogue(photo));
        }
    }

    /// The same for one photo, in all threads: each takes some rows.
    pub fn run_in_bands(&self, input: &Map, output: &mut Map, bias: &[f32], epilogue: Epilogue<'_>) {
        let bands = output.bands_mut(rayon::current_num_threads(), 1).into_par_iter();
        bands.for_each(|band| self.run_band(input, band, bias, epilogue));
    }

    fn run_band(&self, input: &Map, mut output: Band<'_>, bias: &[f32], epilogue: Epilogue<'_>) {
        let from = input.layout();
        let (corner, width) = (from.border - PADDING, output.layout().width);
        for y in output.rows.clone() {
            let (output, place) = output.tail_mut(y, 0);
            let line = |i: usize| &input.values()[from.at(y * self.stride + corner + i, corner)..];
            self.run_row([line(0), line(1), line(2)], output, width, bias, epilogue.at(place));
        }
    }

    /// One row of `width` pixels from the lines that its windows see, each from the first pixel on.
    pub fn run_row(&self, lines: [&[f32]; 3], output: &mut [f32], width: usize, bias: &[f32], finish: Finish<'_>) {
        let Self { channels, stride, instructions, ref weights } = *self;
        DepthwiseRow { lines, stride, channels, weights, bias, finish, output, width }.compute(instructions);
    }
}

thread_local! {
    /// A gradient with room between its pixels, so that nothing is allocated again.
    static SPREAD: RefCell<Map> = RefCell::default();
}

/// Computes gradients of what went in from those of what came out.
///
/// That is a convolution of the gradient with the kernels turned round, after zeros were put between its pixels where
/// the step was 2.
pub(super) struct DepthwiseDataGradient {
    turned: Depthwise,
    stride: usize,
}

impl DepthwiseDataGradient {
    /// One that gives zeros until it is given the kernels.
    pub fn new(shape: ConvShape, instructions: Instructions) -> Self {
        Self { turned: Depthwise::new(ConvShape { stride: 1, ..shape }, instructions), stride: shape.stride }
    }

    /// Takes the kernels (channels, 1, 3, 3), each multiplied by its channel's `scale`.
    pub fn set(&mut self, kernels: &[f32], scale: &[f32]) {
        self.turned.set_turned(kernels, scale);
    }

    /// Fills `results`, of the layouts of what went in, from `gradients` of what came out, in this thread.
    pub fn run<'a>(
        &self,
        gradients: &[Map],
        results: &mut [Map],
        no_bias: &[f32],
        epilogue: impl Fn(usize) -> Epilogue<'a>,
    ) {
        if self.stride == 1 {
            return self.turned.run(gradients, results, no_bias, epilogue);
        }
        for (photo, (gradient, result)) in gradients.iter().zip(results).enumerate() {
            SPREAD.with_borrow_mut(|spread| {
                self.spread(gradient, result.layout(), spread);
                self.turned.run_band(spread, result.band_mut(), no_bias, epilogue(photo));
            });
        }
    }

    fn spread(&self, gradient: &Map, to: Layout, spread: &mut Map) {
        let channels = to.channels;
        spread.reshape(Layout { border: PADDING, ..to });
        for (y, row) in spread.rows_mut().enumerate() {
            row.fill(0.0);
            if y % self.stride == 0 {
                let places = row.chunks_exact_mut(channels).step_by(self.stride);
                let pixels = gradient.row(y / self.stride).chunks_exact(channels);
                places.zip(pixels).for_each(|(place, pixel)| place.copy_from_slice(pixel));
            }
        }
    }
}

/// Writes the gradient (channels, 1, 3, 3) of the kernels into `kernels`, summed over the photos, whose maps are
/// `inputs` and `gradients`. The photos are added up in their order, so that the number of threads makes no difference.
/// Once `stop` is set, it leaves out those that are left.
pub(super) fn weight_gradient(
    shape: ConvShape,
    instructions: Instructions,
    (inputs, gradients): (&[Map], &[Map]),
    kernels: &mut [f32],
    stop: &Flag,
) {
    let channels = shape.outputs;
    let of_photo = |(input, gradient): (&Map, &Map)| {
        let (from, to) = (input.layout(), gradient.layout());
        let corner = from.border - PADDING;
        let row = |y: usize| (from.at(y * shape.stride + corner, corner), to.row_start(y));
        let mut sums = vec![0.0; TAPS * channels];
        DepthwiseProducts {
            input: input.values(),
            pitch: from.pitch(),
            rows: &(0..to.height).map(row).collect::<Vec<_>>(),
            stride: shape.stride,
            channels,
            width: to.width,
            gradient: gradient.values(),
            sums: &mut sums,
        }
        .add(instructions);
        sums
    };
    let of_photos: Vec<Vec<f32>> =
        inputs.par_iter().zip(gradients).take_any_while(|_| !stop.get()).map(of_photo).collect();
    for (channel, kernel) in kernels.chunks_exact_mut(TAPS).enumerate() {
        for (tap, weight) in kernel.iter_mut().enumerate() {
            let place = tap * channels + channel;
            *weight = of_photos.iter().map(|sums| f64::from(sums[place])).sum::<f64>() as f32;
        }
    }
}
