//! ResNet18's backbone, or its end, with weights that are being trained: forward with what backward needs kept, and the
//! gradient of every parameter.
//!
//! Layer by layer, each over all photos of the batch, in all threads. Maps are kept from step to step, so that a step
//! allocates nothing but the gradients it gives away.

use rayon::prelude::*;

use super::super::resnet::{self, ConvSpec, FEATURES, Start, Statistics};
use super::super::state_dict::StateDict;
use super::conv::{CHANNELS, ConvShape, Convolution, DataGradient, WeightGradient, channel_sums};
use super::frozen::photo_layout;
use super::kernel::{Instructions, Precision};
use super::map::{Layout, Map};
use super::norm::{self, Running};
use super::pool;
use crate::error::Result;

/// The parameters of one convolution with its batch norm.
#[derive(Clone, Copy)]
pub struct Parameters<'a> {
    /// The convolution's (outputs, inputs, size, size).
    pub kernel: &'a [f32],
    /// The norm's (outputs).
    pub weight: &'a [f32],
    /// The norm's (outputs).
    pub bias: &'a [f32],
}

/// Their gradients, shaped alike.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gradients {
    /// The convolution's.
    pub kernel: Vec<f32>,
    /// The norm's weight's.
    pub weight: Vec<f32>,
    /// The norm's bias's.
    pub bias: Vec<f32>,
}

/// The layers from some point on, and what a training step keeps between forward and backward.
pub struct TrainedResNet18 {
    stem: Option<Stem>,
    blocks: Vec<Block>,
    /// What goes into the first of the blocks.
    input: Vec<Map>,
    scratch: Scratch,
    /// Photos of the newest batch.
    count: usize,
}

struct Stem {
    layer: ConvNorm,
    photos: Vec<Map>,
    output: Vec<Map>,
    gradient: Vec<Map>,
}

struct Block {
    first: ConvNorm,
    second: ConvNorm,
    downsample: Option<ConvNorm>,
    inner: Vec<Map>,
    around: Vec<Map>,
    output: Vec<Map>,
}

/// Gradients on their way from block to block.
#[derive(Default)]
struct Scratch {
    current: Vec<Map>,
    inner: Vec<Map>,
    around: Vec<Map>,
    next: Vec<Map>,
}

/// A convolution followed by batch norm.
struct ConvNorm {
    shape: ConvShape,
    convolution: Convolution,
    kernel_gradient: WeightGradient,
    /// None for the stem: nobody asks for the gradient of a photo.
    data_gradient: Option<DataGradient>,
    running: Running,
    /// Whether the newest batch was normalised by its own statistics.
    by_batch: bool,
    statistics: norm::Statistics,
    /// What came out of the convolution, where the batch's own statistics are used.
    sums: Vec<Map>,
    /// Its gradient.
    sums_gradient: Vec<Map>,
}

impl TrainedResNet18 {
    /// The layers from `start` on, for the best instructions that the processor has. Only the running statistics of
    /// `weights` are taken over; the parameters come with each call, in the order of [`resnet::conv_specs_from`].
    ///
    /// # Errors
    /// One error that lists every missing, misshapen and unexpected tensor.
    pub fn new(weights: &StateDict, start: Start) -> Result<Self> {
        Self::with_instructions(weights, start, Instructions::detect())
    }

    /// The same for given instructions.
    ///
    /// # Errors
    /// As [`TrainedResNet18::new`].
    pub fn with_instructions(weights: &StateDict, start: Start, instructions: Instructions) -> Result<Self> {
        weights.check(&resnet::tensor_shapes())?;
        let specs = resnet::conv_specs_from(start);
        let layer = |spec: &ConvSpec| ConvNorm::new(spec, weights, instructions);
        let mut layers = specs.iter().map(layer).collect::<Result<Vec<_>>>()?.into_iter().peekable();
        let stem = match start {
            Start::Photos => {
                layers.next().map(|layer| Stem { layer, photos: Vec::new(), output: Vec::new(), gradient: Vec::new() })
            }
            Start::LastBlock => None,
        };
        let mut blocks = Vec::new();
        while let (Some(first), Some(second)) = (layers.next(), layers.next()) {
            let downsample = layers.next_if(|layer| layer.shape.kernel == 1);
            let (inner, around, output) = Default::default();
            blocks.push(Block { first, second, downsample, inner, around, output });
        }
        Ok(Self { stem, blocks, input: Vec::new(), scratch: Scratch::default(), count: 0 })
    }

    /// What goes in, (N, channels, height, width) as `shape`, to features (N, 512) row by row. With
    /// [`Statistics::Batch`] the running statistics move towards those of the batch.
    ///
    /// # Panics
    /// Where `input` or `parameters` are fewer than said.
    pub fn forward(
        &mut self,
        input: &[f32],
        shape: [usize; 4],
        parameters: &[Parameters<'_>],
        statistics: Statistics,
    ) -> Vec<f32> {
        let [count, channels, height, width] = shape;
        self.count = count;
        let mut parameters = parameters.iter();
        let mut next = || parameters.next().copied();
        let planes = input.par_chunks_exact(channels * height * width);
        match &mut self.stem {
            Some(stem) => {
                let photos = sized(&mut stem.photos, count);
                let layout = photo_layout((height, width));
                photos.par_iter_mut().zip(planes).for_each(|(map, planes)| map.fill_from_planes(planes, layout));
                if let Some(parameters) = next() {
                    let output = sized(&mut stem.output, count);
                    stem.layer.forward(parameters, photos, output, None, true, statistics);
                    let pooled = sized(&mut self.input, count);
                    output.par_iter().zip(pooled).for_each(|(map, pooled)| pool::max_pool(map, pooled));
                }
            }
            None => {
                let maps = sized(&mut self.input, count);
                let layout = Layout { height, width, channels, border: 1 };
                maps.par_iter_mut().zip(planes).for_each(|(map, planes)| map.fill_from_planes(planes, layout));
            }
        }
        let mut current = &self.input[..count];
        for block in &mut self.blocks {
            block.forward(&mut next, current, statistics);
            current = &block.output[..count];
        }
        let mut features = Vec::with_capacity(count * FEATURES);
        current.iter().for_each(|map| features.extend(pool::means(map)));
        features
    }

    /// The gradients of the parameters, in their order, from that of the features (N, 512) that the newest
    /// [`TrainedResNet18::forward`] gave, with the same parameters.
    pub fn backward(&mut self, features_gradient: &[f32], parameters: &[Parameters<'_>]) -> Vec<Gradients> {
        let (count, scratch) = (self.count, &mut self.scratch);
        if let Some(last) = self.blocks.last() {
            let results = sized(&mut scratch.current, count).par_iter_mut();
            results.zip(&last.output).zip(features_gradient.par_chunks_exact(FEATURES)).for_each(
                |((result, map), gradient)| {
                    pool::means_gradient(map, gradient, result);
                },
            );
        }
        let mut end = parameters.len();
        let mut gradients: Vec<Gradients> = Vec::with_capacity(end);
        for index in (0..self.blocks.len()).rev() {
            let (before, from) = self.blocks.split_at_mut(index);
            let Some(block) = from.first_mut() else { break };
            let input = before.last().map_or(&self.input, |block| &block.output);
            let begin = end - block.layers();
            let wanted = index > 0 || self.stem.is_some();
            let of_block = block.backward(&parameters[begin..end], &input[..count], wanted, scratch);
            gradients.extend(of_block.into_iter().rev());
            std::mem::swap(&mut scratch.current, &mut scratch.next);
            end = begin;
        }
        if let (Some(stem), Some(parameters)) = (&mut self.stem, parameters.first()) {
            gradients.push(stem.backward(*parameters, &self.input[..count], &scratch.current[..count]));
        }
        gradients.reverse();
        gradients
    }

    /// The running mean and variance of each layer, in the order of the parameters.
    pub fn running_statistics(&self) -> Vec<(Vec<f32>, Vec<f32>)> {
        let stem = self.stem.iter().map(|stem| &stem.layer);
        let blocks =
            self.blocks.iter().flat_map(|block| [&block.first, &block.second].into_iter().chain(&block.downsample));
        stem.chain(blocks).map(|layer| (layer.running.mean.clone(), layer.running.variance.clone())).collect()
    }
}

impl Stem {
    fn backward(&mut self, parameters: Parameters<'_>, pooled: &[Map], gradient: &[Map]) -> Gradients {
        let count = pooled.len();
        let results = sized(&mut self.gradient, count);
        let maps = self.output.par_iter().zip(pooled.par_iter().zip(gradient));
        results.par_iter_mut().zip(maps).for_each(|(result, (map, (pooled, gradient)))| {
            pool::max_pool_gradient(map, pooled, gradient, result);
        });
        self.layer.backward(parameters, &self.photos[..count], results)
    }
}

impl Block {
    fn layers(&self) -> usize {
        if self.downsample.is_some() { 3 } else { 2 }
    }

    fn forward<'a>(
        &mut self,
        next: &mut impl FnMut() -> Option<Parameters<'a>>,
        input: &[Map],
        statistics: Statistics,
    ) {
        let (Some(first), Some(second)) = (next(), next()) else { return };
        let inner = sized(&mut self.inner, input.len());
        self.first.forward(first, input, inner, None, true, statistics);
        let residuals: &[Map] = match &mut self.downsample {
            Some(downsample) => {
                let Some(parameters) = next() else { return };
                let around = sized(&mut self.around, input.len());
                downsample.forward(parameters, input, around, None, false, statistics);
                around
            }
            None => input,
        };
        let output = sized(&mut self.output, input.len());
        self.second.forward(second, inner, output, Some(residuals), true, statistics);
    }

    /// Gradients of the parameters from `scratch.current`, the gradient of what came out before its ReLU; where
    /// `wanted`, the same for what went in becomes `scratch.next`.
    fn backward(
        &mut self,
        parameters: &[Parameters<'_>],
        input: &[Map],
        wanted: bool,
        scratch: &mut Scratch,
    ) -> Vec<Gradients> {
        let count = input.len();
        let inner = &self.inner[..count];
        let gradient = &scratch.current[..count];
        let of_second = self.second.backward(parameters[1], inner, gradient);
        let of_inner = sized(&mut scratch.inner, count);
        self.second.data_gradient(parameters[1], gradient, inner, of_inner, None, true);
        let of_first = self.first.backward(parameters[0], input, of_inner);
        let mut gradients = vec![of_first, of_second];
        let mut around = gradient;
        if let (Some(downsample), Some(&parameters)) = (&mut self.downsample, parameters.get(2)) {
            gradients.push(downsample.backward(parameters, input, gradient));
            if wanted {
                let of_around = sized(&mut scratch.around, count);
                downsample.data_gradient(parameters, gradient, input, of_around, None, false);
                around = of_around;
            }
        }
        if wanted {
            let of_input = sized(&mut scratch.next, count);
            self.first.data_gradient(parameters[0], of_inner, input, of_input, Some(around), true);
        }
        gradients
    }
}

impl ConvNorm {
    fn new(spec: &ConvSpec, weights: &StateDict, instructions: Instructions) -> Result<Self> {
        let shape = ConvShape::of(spec);
        let part = |part: &str| weights.values(&format!("{}.{part}", spec.norm));
        let running = Running { mean: part("running_mean")?, variance: part("running_var")? };
        Ok(Self {
            shape,
            convolution: Convolution::new(shape, instructions, Precision::F32),
            kernel_gradient: WeightGradient::new(shape, instructions),
            data_gradient: shape.inputs.is_multiple_of(CHANNELS).then(|| DataGradient::new(shape, instructions)),
            statistics: running.statistics(resnet::EPSILON),
            running,
            by_batch: false,
            sums: Vec::new(),
            sums_gradient: Vec::new(),
        })
    }

    fn forward(
        &mut self,
        parameters: Parameters<'_>,
        inputs: &[Map],
        outputs: &mut [Map],
        residuals: Option<&[Map]>,
        relu: bool,
        statistics: Statistics,
    ) {
        self.by_batch = statistics == Statistics::Batch;
        if self.by_batch {
            let (ones, zeros) = (vec![1.0; self.shape.outputs], vec![0.0; self.shape.outputs]);
            self.convolution.set(parameters.kernel, &ones, &zeros);
            let sums = sized(&mut self.sums, inputs.len());
            self.convolution.run_all(inputs, sums, None, false);
            self.statistics = self.running.update(sums, resnet::EPSILON);
            let affine = self.statistics.affine(parameters.weight, parameters.bias);
            norm::apply(&affine, sums, outputs, residuals, relu);
        } else {
            // Fixed statistics go into the kernel, and a pass over the maps is saved.
            self.statistics = self.running.statistics(resnet::EPSILON);
            let affine = self.statistics.affine(parameters.weight, parameters.bias);
            self.convolution.set(parameters.kernel, &affine.scale, &affine.shift);
            self.convolution.run_all(inputs, outputs, residuals, relu);
        }
    }

    /// Gradients of the parameters from that of what came out, before a ReLU.
    fn backward(&mut self, parameters: Parameters<'_>, inputs: &[Map], gradients: &[Map]) -> Gradients {
        let mut kernel = vec![0.0; self.shape.weights()];
        if self.by_batch {
            let sums = &self.sums[..inputs.len()];
            let of_sums = sized(&mut self.sums_gradient, inputs.len());
            let (weight, bias) = self.statistics.gradients(parameters.weight, sums, gradients, of_sums);
            self.kernel_gradient.run(inputs, of_sums, &mut kernel);
            return Gradients { kernel, weight, bias };
        }
        self.kernel_gradient.run(inputs, gradients, &mut kernel);
        let bias = channel_sums(gradients);
        let weight = self.statistics.weight_gradient(parameters.kernel, &kernel, &bias);
        let affine = self.statistics.affine(parameters.weight, parameters.bias);
        let window = kernel.len() / affine.scale.len();
        kernel.par_chunks_exact_mut(window).zip(&affine.scale).for_each(|(kernel, scale)| {
            kernel.iter_mut().for_each(|value| *value *= scale);
        });
        Gradients { kernel, weight, bias }
    }

    /// After [`ConvNorm::backward`]: fills `results` with the gradients of `inputs`, plus `residuals`; where `gated`,
    /// of what went into the ReLU that `inputs` came out of.
    fn data_gradient(
        &mut self,
        parameters: Parameters<'_>,
        gradients: &[Map],
        inputs: &[Map],
        results: &mut [Map],
        residuals: Option<&[Map]>,
        gated: bool,
    ) {
        let Some(data_gradient) = &mut self.data_gradient else { return };
        let gates = gated.then_some(inputs);
        results.par_iter_mut().zip(inputs).for_each(|(result, input)| result.reshape(input.layout()));
        if self.by_batch {
            data_gradient.set(parameters.kernel, &vec![1.0; self.shape.outputs]);
            data_gradient.run_all(&self.sums_gradient[..inputs.len()], results, residuals, gates);
        } else {
            let affine = self.statistics.affine(parameters.weight, parameters.bias);
            data_gradient.set(parameters.kernel, &affine.scale);
            data_gradient.run_all(gradients, results, residuals, gates);
        }
    }
}

/// The first `count` of `maps`, of which there are then at least as many.
fn sized(maps: &mut Vec<Map>, count: usize) -> &mut [Map] {
    if maps.len() < count {
        maps.resize_with(count, Map::default);
    }
    &mut maps[..count]
}
