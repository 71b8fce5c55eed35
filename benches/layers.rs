//! Each layer shape of ResNet18 at 224×224, and some of MobileNetV2, forward and backward.
//!
//!     cargo bench --bench layers
//!
//! Counted in photos; a run takes 16 of them, spread over all threads.

#![allow(clippy::unwrap_used)] // A benchmark that cannot run should say so at once.

use std::fmt;

use crackscope::job::Flag;
use crackscope::nn::architecture::Activation;
use crackscope::nn::cpu::{ConvShape, Convolution, DataGradient, Instructions, Layout, Map, Precision, WeightGradient};
use divan::Bencher;
use divan::counter::ItemsCount;

fn main() {
    divan::main();
}

const PHOTOS: usize = 16;

/// A convolution of the network, and the side of the maps that go into it.
struct Layer(ConvShape, usize);

const fn layer(inputs: usize, outputs: usize, kernel: usize, stride: usize, side: usize) -> Layer {
    Layer(ConvShape { inputs, outputs, kernel, stride, depthwise: false }, side)
}

/// A depthwise 3×3 convolution.
const fn depthwise(channels: usize, stride: usize, side: usize) -> Layer {
    Layer(ConvShape { inputs: channels, outputs: channels, kernel: 3, stride, depthwise: true }, side)
}

const LAYERS: [Layer; 17] = [
    layer(3, 64, 7, 2, 224),
    layer(64, 64, 3, 1, 56),
    layer(64, 128, 3, 2, 56),
    layer(64, 128, 1, 2, 56),
    layer(128, 128, 3, 1, 28),
    layer(128, 256, 3, 2, 28),
    layer(128, 256, 1, 2, 28),
    layer(256, 256, 3, 1, 14),
    layer(256, 512, 3, 2, 14),
    layer(256, 512, 1, 2, 14),
    layer(512, 512, 3, 1, 7),
    // Of MobileNetV2: those that cost most.
    depthwise(96, 2, 112),
    depthwise(192, 1, 28),
    depthwise(960, 1, 7),
    layer(16, 96, 1, 1, 112),
    layer(384, 64, 1, 1, 14),
    layer(160, 960, 1, 1, 7),
];

/// Those whose input has as many channels as the gradient wants.
fn inner_layers() -> impl Iterator<Item = &'static Layer> {
    LAYERS.iter().filter(|layer| layer.0.inputs.is_multiple_of(32))
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(ConvShape { inputs, outputs, kernel, stride, depthwise }, side) = self;
        let apart = if *depthwise { " depthwise" } else { "" };
        write!(f, "{side}², {inputs} to {outputs}, {kernel}×{kernel}/{stride}{apart}")
    }
}

impl Layer {
    fn kernel(&self) -> Vec<f32> {
        values(self.0.weights())
    }

    fn inputs(&self) -> Vec<Map> {
        maps(self.1, self.0.inputs, self.0.padding().max(1))
    }

    fn gradients(&self) -> Vec<Map> {
        maps(self.0.side(self.1), self.0.outputs, 1)
    }
}

fn maps(side: usize, channels: usize, border: usize) -> Vec<Map> {
    let mut map = Map::default();
    map.fill_from_planes(&values(channels * side * side), Layout { height: side, width: side, channels, border });
    vec![map; PHOTOS]
}

fn values(count: usize) -> Vec<f32> {
    (0..count).map(|n| ((n * 7919) % 1000) as f32 / 500.0 - 1.0).collect()
}

fn convolve(bencher: Bencher<'_, '_>, layer: &Layer, precision: Precision) {
    let mut convolution = Convolution::new(layer.0, Instructions::detect(), precision);
    convolution.set(&layer.kernel(), &vec![1.0; layer.0.outputs], &vec![0.0; layer.0.outputs]);
    let (inputs, mut outputs) = (layer.inputs(), vec![Map::default(); PHOTOS]);
    bencher
        .counter(ItemsCount::new(PHOTOS))
        .bench_local(|| convolution.run_all(&inputs, &mut outputs, None, Activation::Relu, &Flag::default()));
}

#[divan::bench(args = &LAYERS)]
fn forward(bencher: Bencher<'_, '_>, layer: &Layer) {
    convolve(bencher, layer, Precision::F32);
}

#[divan::bench(args = &LAYERS, ignore = !Instructions::detect().multiply_bf16())]
fn forward_in_bf16(bencher: Bencher<'_, '_>, layer: &Layer) {
    convolve(bencher, layer, Precision::Bf16);
}

#[divan::bench(args = inner_layers())]
fn gradient_of_the_input(bencher: Bencher<'_, '_>, layer: &Layer) {
    let mut backward = DataGradient::new(layer.0, Instructions::detect());
    backward.set(&layer.kernel(), &vec![1.0; layer.0.outputs]);
    let (gradients, mut results) = (layer.gradients(), layer.inputs());
    bencher
        .counter(ItemsCount::new(PHOTOS))
        .bench_local(|| backward.run_all(&gradients, &mut results, None, None, &Flag::default()));
}

#[divan::bench(args = &LAYERS)]
fn gradient_of_the_kernel(bencher: Bencher<'_, '_>, layer: &Layer) {
    let mut backward = WeightGradient::new(layer.0, Instructions::detect());
    let (inputs, gradients, mut result) = (layer.inputs(), layer.gradients(), layer.kernel());
    bencher
        .counter(ItemsCount::new(PHOTOS))
        .bench_local(|| backward.run(&inputs, &gradients, &mut result, &Flag::default()));
}
