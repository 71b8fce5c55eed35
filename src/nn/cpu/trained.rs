//! A backbone, or its end, with weights that are being trained: forward with what backward needs kept, and the
//! gradient of every parameter.
//!
//! Layer by layer, each over all photos of the batch, in all threads. Maps are kept from step to step, so that a step
//! allocates nothing but the gradients it gives away.

use std::borrow::Cow;

use rayon::prelude::*;

use super::super::architecture::{Activation, Architecture, Backbone, ConvSpec, EPSILON, Shortcut, Start, Statistics};
use super::super::state_dict::StateDict;
use super::conv::{CHANNELS, ConvShape, Convolution, DataGradient, Gates, WeightGradient, channel_sums};
use super::frozen::photo_layout;
use super::kernel::{Instructions, Precision};
use super::map::{Layout, Map};
use super::norm::{self, Running};
use super::pool;
use crate::error::Result;
use crate::job::Flag;

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

/// How a forward pass goes.
#[derive(Clone, Copy)]
struct Pass<'a> {
    statistics: Statistics,
    stop: &'a Flag,
}

/// The layers from some point on, and what a training step keeps between forward and backward.
pub struct TrainedNetwork {
    features: usize,
    stem: Option<Stem>,
    blocks: Vec<Block>,
    /// What goes into the first of the blocks.
    input: Vec<Map>,
    scratch: Scratch,
    /// Photos of the newest batch.
    count: usize,
    /// Set by whoever wants no result any more.
    stop: Flag,
}

struct Stem {
    layer: ConvNorm,
    activation: Activation,
    /// What is needed where a maximum follows.
    pooling: Option<Pooling>,
    photos: Vec<Map>,
}

#[derive(Default)]
struct Pooling {
    /// What goes into the maximum.
    input: Vec<Map>,
    gradient: Vec<Map>,
}

struct Block {
    path: Vec<Step>,
    around: Around,
    /// The activation that the input came out of.
    before: Activation,
    output: Vec<Map>,
}

/// A convolution of a block, and what came out of it; for the last one that is the block's.
struct Step {
    layer: ConvNorm,
    activation: Activation,
    output: Vec<Map>,
}

/// What is added to what comes out of a block's convolutions.
enum Around {
    None,
    Identity,
    Projection(Box<ConvNorm>, Vec<Map>),
}

/// Gradients on their way from block to block.
#[derive(Default)]
struct Scratch {
    current: Vec<Map>,
    /// Those of what comes out of a block's convolutions, in turn.
    inner: [Vec<Map>; 2],
    around: Vec<Map>,
    next: Vec<Map>,
}

/// A convolution followed by batch norm.
struct ConvNorm {
    spec: ConvSpec,
    /// That of the layer, filled up.
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

impl TrainedNetwork {
    /// The layers from `start` on, for the best instructions that the processor has. Only the running statistics of
    /// `weights` are taken over; the parameters come with each call, in the order of
    /// [`Architecture::convolutions_from`].
    ///
    /// # Errors
    /// One error that lists every missing, misshapen and unexpected tensor.
    pub fn new(backbone: Backbone, weights: &StateDict, start: Start) -> Result<Self> {
        Self::with_instructions(backbone, weights, start, Instructions::detect())
    }

    /// The same for given instructions.
    ///
    /// # Errors
    /// As [`TrainedNetwork::new`].
    pub fn with_instructions(
        backbone: Backbone,
        weights: &StateDict,
        start: Start,
        instructions: Instructions,
    ) -> Result<Self> {
        let architecture = backbone.architecture();
        weights.check(&architecture.tensor_shapes())?;
        let layer = |spec: &ConvSpec| ConvNorm::new(spec, weights, instructions);
        let stem = match start {
            Start::Photos => Some(Stem {
                layer: layer(&architecture.stem)?,
                activation: architecture.stem.activation,
                pooling: architecture.max_pool.then(Pooling::default),
                photos: Vec::new(),
            }),
            Start::LastBlock => None,
        };
        let from = architecture.blocks_before(start);
        let blocks = (from..architecture.blocks.len()).map(|index| Block::new(&architecture, index, &layer));
        let blocks = blocks.collect::<Result<_>>()?;
        let features = backbone.features();
        Ok(Self {
            features,
            stem,
            blocks,
            input: Vec::new(),
            scratch: Scratch::default(),
            count: 0,
            stop: Flag::default(),
        })
    }

    /// Ends within an operator, after the photos that are in hand, once this is set. What forward and backward give then
    /// is of no use, and neither are the running statistics.
    pub fn stopped_by(&mut self, stop: Flag) {
        self.stop = stop;
    }

    /// Whether it was stopped.
    pub fn is_stopped(&self) -> bool {
        self.stop.get()
    }

    /// What goes in, (N, channels, height, width) as `shape`, to features (N, F) row by row. With
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
        let pass = Pass { statistics, stop: &self.stop };
        self.count = count;
        let mut parameters = parameters.iter();
        let mut next = || parameters.next().copied();
        let planes = input.par_chunks_exact(channels * height * width);
        match &mut self.stem {
            Some(stem) => {
                let photos = sized(&mut stem.photos, count);
                let layout = photo_layout((height, width), stem.layer.shape);
                let photos = photos.par_iter_mut().zip(planes).take_any_while(|_| !pass.stop.get());
                photos.for_each(|(map, planes)| map.fill_from_planes(planes, layout));
                let Some(parameters) = next().filter(|_| !self.stop.get()) else { return Vec::new() };
                stem.forward(parameters, sized(&mut self.input, count), pass);
            }
            None => {
                let maps = sized(&mut self.input, count);
                let layout = Layout { height, width, channels, border: 1 };
                maps.par_iter_mut().zip(planes).for_each(|(map, planes)| map.fill_from_planes(planes, layout));
            }
        }
        let mut current = &self.input[..count];
        for block in &mut self.blocks {
            block.forward(&mut next, current, pass);
            if self.stop.get() {
                return Vec::new();
            }
            current = &block.output[..count];
        }
        let mut features = Vec::with_capacity(count * self.features);
        current.iter().for_each(|map| features.extend(pool::means(map)));
        features
    }

    /// The gradients of the parameters, in their order, from that of the features (N, F) that the newest
    /// [`TrainedNetwork::forward`] gave, with the same parameters.
    pub fn backward(&mut self, features_gradient: &[f32], parameters: &[Parameters<'_>]) -> Vec<Gradients> {
        let (count, scratch) = (self.count, &mut self.scratch);
        if let Some(last) = self.blocks.last() {
            let activation = last.activation();
            let results = sized(&mut scratch.current, count).par_iter_mut();
            results.zip(&last.output).zip(features_gradient.par_chunks_exact(self.features)).for_each(
                |((result, map), gradient)| {
                    pool::means_gradient(map, gradient, activation, result);
                },
            );
        }
        let mut end = parameters.len();
        let mut gradients: Vec<Gradients> = Vec::with_capacity(end);
        for index in (0..self.blocks.len()).rev() {
            let (before, from) = self.blocks.split_at_mut(index);
            let Some(block) = from.first_mut() else { break };
            let input = before.last().map_or(&self.input, |block| &block.output);
            let begin = end - block.layers().count();
            let wanted = index > 0 || self.stem.is_some();
            let of_block = block.backward(&parameters[begin..end], &input[..count], wanted, (scratch, &self.stop));
            if self.stop.get() {
                return Vec::new();
            }
            gradients.extend(of_block.into_iter().rev());
            std::mem::swap(&mut scratch.current, &mut scratch.next);
            end = begin;
        }
        if let (Some(stem), Some(parameters)) = (&mut self.stem, parameters.first()) {
            gradients.push(stem.backward(*parameters, &self.input[..count], &scratch.current[..count], &self.stop));
        }
        gradients.reverse();
        gradients
    }

    /// The running mean and variance of each layer, in the order of the parameters.
    pub fn running_statistics(&self) -> Vec<(Vec<f32>, Vec<f32>)> {
        let stem = self.stem.iter().map(|stem| &stem.layer);
        stem.chain(self.blocks.iter().flat_map(Block::layers)).map(ConvNorm::running_statistics).collect()
    }
}

impl Stem {
    /// Fills `results`, what goes into the first block, from the photos.
    fn forward(&mut self, parameters: Parameters<'_>, results: &mut [Map], pass: Pass<'_>) {
        let photos = &self.photos[..results.len()];
        let Some(pooling) = &mut self.pooling else {
            return self.layer.forward(parameters, photos, results, None, self.activation, pass);
        };
        let maps = sized(&mut pooling.input, results.len());
        self.layer.forward(parameters, photos, maps, None, self.activation, pass);
        let pooled = maps.par_iter().zip(results).take_any_while(|_| !pass.stop.get());
        pooled.for_each(|(map, pooled)| pool::max_pool(map, pooled));
    }

    /// From the gradient of what went into the activation before `results`, or before the maximum.
    fn backward(&mut self, parameters: Parameters<'_>, results: &[Map], gradient: &[Map], stop: &Flag) -> Gradients {
        let photos = &self.photos[..results.len()];
        let Some(pooling) = &mut self.pooling else { return self.layer.backward(parameters, photos, gradient, stop) };
        let of_maps = sized(&mut pooling.gradient, results.len());
        let maps = pooling.input.par_iter().zip(results.par_iter().zip(gradient));
        let of_photos = of_maps.par_iter_mut().zip(maps).take_any_while(|_| !stop.get());
        of_photos.for_each(|(of_map, (map, (pooled, gradient)))| {
            pool::max_pool_gradient(map, pooled, gradient, of_map);
        });
        if stop.get() {
            return Gradients::default();
        }
        self.layer.backward(parameters, photos, of_maps, stop)
    }
}

impl Block {
    fn new(architecture: &Architecture, index: usize, layer: &impl Fn(&ConvSpec) -> Result<ConvNorm>) -> Result<Self> {
        let block = &architecture.blocks[index];
        let step = |spec| Ok(Step { layer: layer(spec)?, activation: spec.activation, output: Vec::new() });
        let around = match &block.shortcut {
            Shortcut::None => Around::None,
            Shortcut::Identity => Around::Identity,
            Shortcut::Projection(spec) => Around::Projection(Box::new(layer(spec)?), Vec::new()),
        };
        let path = block.path.iter().map(step).collect::<Result<_>>()?;
        Ok(Self { path, around, before: architecture.activation_before(index), output: Vec::new() })
    }

    /// Its layers in the order of the parameters.
    fn layers(&self) -> impl Iterator<Item = &ConvNorm> {
        let around = match &self.around {
            Around::Projection(layer, _) => Some(layer.as_ref()),
            Around::None | Around::Identity => None,
        };
        self.path.iter().map(|step| &step.layer).chain(around)
    }

    /// The activation that the output comes out of.
    fn activation(&self) -> Activation {
        self.path.last().map_or(Activation::Linear, |step| step.activation)
    }

    fn forward<'a>(&mut self, next: &mut impl FnMut() -> Option<Parameters<'a>>, input: &[Map], pass: Pass<'_>) {
        let mut from = input;
        let Some((last, before)) = self.path.split_last_mut() else { return };
        for step in before {
            let Some(parameters) = next().filter(|_| !pass.stop.get()) else { return };
            let output = sized(&mut step.output, input.len());
            step.layer.forward(parameters, from, output, None, step.activation, pass);
            from = output;
        }
        let Some(of_last) = next().filter(|_| !pass.stop.get()) else { return };
        let residuals: Option<&[Map]> = match &mut self.around {
            Around::None => None,
            Around::Identity => Some(input),
            Around::Projection(layer, maps) => {
                let Some(parameters) = next() else { return };
                let maps = sized(maps, input.len());
                layer.forward(parameters, input, maps, None, Activation::Linear, pass);
                Some(maps)
            }
        };
        if pass.stop.get() {
            return;
        }
        let output = sized(&mut self.output, input.len());
        last.layer.forward(of_last, from, output, residuals, last.activation, pass);
    }

    /// Gradients of the parameters from `scratch.current`, the gradient of what came out before its activation; where
    /// `wanted`, the same for what went in becomes `scratch.next`.
    fn backward(
        &mut self,
        parameters: &[Parameters<'_>],
        input: &[Map],
        wanted: bool,
        (scratch, stop): (&mut Scratch, &Flag),
    ) -> Vec<Gradients> {
        let count = input.len();
        let Scratch { current, inner, around: of_around, next } = scratch;
        let gradient = &current[..count];
        let mut gradients = Vec::with_capacity(parameters.len());
        let mut residuals = match self.around {
            Around::None => None,
            Around::Identity | Around::Projection(..) => Some(gradient),
        };
        if let (Around::Projection(layer, _), Some(&parameters)) = (&mut self.around, parameters.get(self.path.len())) {
            gradients.push(layer.backward(parameters, input, gradient, stop));
            if wanted && !stop.get() {
                let of_around = sized(of_around, count);
                layer.data_gradient(parameters, gradient, (input, Activation::Linear), (of_around, None), stop);
                residuals = Some(of_around);
            }
        }
        // From the last convolution to the first: what comes back through one is the gradient of what the one before
        // it gave.
        let (mut from, mut free) = (gradient, &mut inner[..]);
        for (place, parameters) in parameters.iter().enumerate().take(self.path.len()).rev() {
            if stop.get() {
                break;
            }
            let (before, after) = self.path.split_at_mut(place);
            let Some(Step { layer, .. }) = after.first_mut() else { break };
            let Some(Step { output, activation, .. }) = before.last() else {
                gradients.push(layer.backward(*parameters, input, from, stop));
                if wanted && !stop.get() {
                    layer.data_gradient(*parameters, from, (input, self.before), (sized(next, count), residuals), stop);
                }
                break;
            };
            let Some((to, others)) = std::mem::take(&mut free).split_first_mut() else { break };
            gradients.push(layer.backward(*parameters, &output[..count], from, stop));
            if stop.get() {
                break;
            }
            let of_output = sized(to, count);
            layer.data_gradient(*parameters, from, (&output[..count], *activation), (of_output, None), stop);
            (from, free) = (of_output, others);
        }
        gradients.reverse();
        gradients
    }
}

impl ConvNorm {
    fn new(spec: &ConvSpec, weights: &StateDict, instructions: Instructions) -> Result<Self> {
        let shape = ConvShape::of_trained(spec);
        let part = |part: &str| weights.values(&format!("{}.{part}", spec.norm));
        let mut running = Running { mean: part("running_mean")?, variance: part("running_var")? };
        running.mean.resize(shape.outputs, 0.0);
        running.variance.resize(shape.outputs, 1.0);
        Ok(Self {
            spec: spec.clone(),
            shape,
            convolution: Convolution::new(shape, instructions, Precision::F32),
            kernel_gradient: WeightGradient::new(shape, instructions),
            data_gradient: shape.inputs.is_multiple_of(CHANNELS).then(|| DataGradient::new(shape, instructions)),
            statistics: running.statistics(EPSILON),
            running,
            by_batch: false,
            sums: Vec::new(),
            sums_gradient: Vec::new(),
        })
    }

    /// Running mean and variance of the layer's channels.
    fn running_statistics(&self) -> (Vec<f32>, Vec<f32>) {
        let cut = |values: &[f32]| values.iter().take(self.spec.outputs).copied().collect();
        (cut(&self.running.mean), cut(&self.running.variance))
    }

    /// The parameters filled up with zeros to the shape.
    fn fill_up<'a>(&self, parameters: Parameters<'a>) -> Filled<'a> {
        let outputs = |values: &'a [f32]| {
            if values.len() == self.shape.outputs {
                return Cow::Borrowed(values);
            }
            let mut filled = values.to_vec();
            filled.resize(self.shape.outputs, 0.0);
            Cow::Owned(filled)
        };
        Filled {
            kernel: self.shape.fill_up(parameters.kernel, &self.spec),
            weight: outputs(parameters.weight),
            bias: outputs(parameters.bias),
        }
    }

    fn forward(
        &mut self,
        parameters: Parameters<'_>,
        inputs: &[Map],
        outputs: &mut [Map],
        residuals: Option<&[Map]>,
        activation: Activation,
        Pass { statistics, stop }: Pass<'_>,
    ) {
        let Filled { kernel, weight, bias } = self.fill_up(parameters);
        self.by_batch = statistics == Statistics::Batch;
        if self.by_batch {
            let (ones, zeros) = (vec![1.0; self.shape.outputs], vec![0.0; self.shape.outputs]);
            self.convolution.set(&kernel, &ones, &zeros);
            let sums = sized(&mut self.sums, inputs.len());
            self.convolution.run_all(inputs, sums, None, Activation::Linear, stop);
            if stop.get() {
                return; // some sums are not those of this batch, or none
            }
            self.statistics = self.running.update(sums, EPSILON);
            let affine = self.statistics.affine(&weight, &bias);
            norm::apply(&affine, sums, outputs, residuals, activation, stop);
        } else {
            // Fixed statistics go into the kernel, and a pass over the maps is saved.
            self.statistics = self.running.statistics(EPSILON);
            let affine = self.statistics.affine(&weight, &bias);
            self.convolution.set(&kernel, &affine.scale, &affine.shift);
            self.convolution.run_all(inputs, outputs, residuals, activation, stop);
        }
    }

    /// Gradients of the parameters from that of what came out, before the activation.
    fn backward(&mut self, parameters: Parameters<'_>, inputs: &[Map], gradients: &[Map], stop: &Flag) -> Gradients {
        let Filled { kernel: values, weight, bias } = self.fill_up(parameters);
        let mut kernel = vec![0.0; self.shape.weights()];
        if self.by_batch {
            let sums = &self.sums[..inputs.len()];
            let of_sums = sized(&mut self.sums_gradient, inputs.len());
            let (weight, bias) = self.statistics.gradients(&weight, sums, gradients, of_sums, stop);
            if !stop.get() {
                self.kernel_gradient.run(inputs, of_sums, &mut kernel, stop);
            }
            return self.cut(Gradients { kernel, weight, bias });
        }
        self.kernel_gradient.run(inputs, gradients, &mut kernel, stop);
        if stop.get() {
            return Gradients::default();
        }
        let of_bias = channel_sums(gradients);
        let of_weight = self.statistics.weight_gradient(&values, &kernel, &of_bias);
        let affine = self.statistics.affine(&weight, &bias);
        let window = kernel.len() / affine.scale.len();
        kernel.par_chunks_exact_mut(window).zip(&affine.scale).for_each(|(kernel, scale)| {
            kernel.iter_mut().for_each(|value| *value *= scale);
        });
        self.cut(Gradients { kernel, weight: of_weight, bias: of_bias })
    }

    /// What of gradients of the filled-up shape belongs to the layer.
    fn cut(&self, mut gradients: Gradients) -> Gradients {
        gradients.weight.truncate(self.spec.outputs);
        gradients.bias.truncate(self.spec.outputs);
        gradients.kernel = self.shape.cut(gradients.kernel, &self.spec);
        gradients
    }

    /// After [`ConvNorm::backward`]: fills `results` with the gradients of what went into the activation that `inputs`
    /// came out of, plus `residuals`.
    fn data_gradient(
        &mut self,
        parameters: Parameters<'_>,
        gradients: &[Map],
        inputs: Gates<'_>,
        (results, residuals): (&mut [Map], Option<&[Map]>),
        stop: &Flag,
    ) {
        let Filled { kernel, weight, bias } = self.fill_up(parameters);
        let Some(data_gradient) = &mut self.data_gradient else { return };
        let (maps, activation) = inputs;
        let gates = (activation != Activation::Linear).then_some(inputs);
        results.par_iter_mut().zip(maps).for_each(|(result, input)| result.reshape(input.layout()));
        if self.by_batch {
            data_gradient.set(&kernel, &vec![1.0; self.shape.outputs]);
            data_gradient.run_all(&self.sums_gradient[..maps.len()], results, residuals, gates, stop);
        } else {
            let affine = self.statistics.affine(&weight, &bias);
            data_gradient.set(&kernel, &affine.scale);
            data_gradient.run_all(gradients, results, residuals, gates, stop);
        }
    }
}

/// Parameters of as many channels as the kernels want.
struct Filled<'a> {
    kernel: Cow<'a, [f32]>,
    weight: Cow<'a, [f32]>,
    bias: Cow<'a, [f32]>,
}

/// The first `count` of `maps`, of which there are then at least as many.
fn sized(maps: &mut Vec<Map>, count: usize) -> &mut [Map] {
    if maps.len() < count {
        maps.resize_with(count, Map::default);
    }
    &mut maps[..count]
}
