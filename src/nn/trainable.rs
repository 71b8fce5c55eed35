//! A backbone whose layers are trained: parameters that an optimiser can change, features that a loss can be derived by.

use std::sync::{Arc, Mutex, PoisonError};

use candle_core::backprop::GradStore;
use candle_core::{CpuStorage, CustomOp1, DType, Device, Layout, Result as CandleResult, Shape, Storage, Tensor, Var};

use super::architecture::{Backbone, ConvSpec, Start, Statistics};
use super::candle_network::{self, CandleNetwork};
use super::cpu::{Gradients, Parameters, TrainedNetwork};
use super::state_dict::StateDict;
use super::{failed, random};
use crate::error::Result;
use crate::job::Flag;

/// The layers of a backbone from some point on, on a device.
pub struct Trainable {
    backbone: Backbone,
    layers: Vec<Layer>,
    /// All of the backbone's tensors, those of `layers` as they were at first.
    weights: StateDict,
    start: Start,
    engine: Engine,
}

/// The variables of a convolution with its batch norm.
#[derive(Clone)]
struct Layer {
    spec: ConvSpec,
    kernel: Var,
    weight: Var,
    bias: Var,
}

/// What computes features and gradients.
enum Engine {
    /// Our own operators on the processor.
    Processor(Arc<Mutex<Processor>>),
    /// candle's on a GPU.
    Device(Box<CandleNetwork>),
}

struct Processor {
    network: TrainedNetwork,
    gradients: Vec<Gradients>,
}

impl Trainable {
    /// The layers of `weights`, which fit `backbone`, from `start` on.
    ///
    /// # Errors
    /// One error that lists every missing, misshapen and unexpected tensor; or the device has no room.
    pub fn new(backbone: Backbone, weights: &StateDict, start: Start) -> Result<Self> {
        let on_processor = weights.iter().all(|(_, tensor)| tensor.device().is_cpu());
        Self::with_operators(backbone, weights, start, on_processor)
    }

    /// The same on our own operators, which want the processor, or on candle's.
    fn with_operators(backbone: Backbone, weights: &StateDict, start: Start, own: bool) -> Result<Self> {
        let architecture = backbone.architecture();
        weights.check(&architecture.tensor_shapes())?;
        let layers = architecture
            .convolutions_from(start)
            .into_iter()
            .map(|spec| Layer::new(spec.clone(), weights))
            .collect::<Result<Vec<_>>>()?;
        let engine = if own {
            let network = TrainedNetwork::new(backbone, weights, start)?;
            Engine::Processor(Arc::new(Mutex::new(Processor { network, gradients: Vec::new() })))
        } else {
            let mut variables = weights.clone();
            layers.iter().for_each(|layer| layer.store(&mut variables, |var| var.as_tensor().clone()));
            Engine::Device(Box::new(CandleNetwork::new(architecture, &variables)?))
        };
        Ok(Self { backbone, layers, weights: weights.clone(), start, engine })
    }

    /// Ends a pass half-way, with an error, once this is set; on a GPU nothing is watched.
    pub fn stopped_by(&mut self, stop: Flag) {
        if let Engine::Processor(processor) = &self.engine {
            lock(processor).network.stopped_by(stop);
        }
    }

    /// What goes in (N, C, H, W), photos or the maps before the first trained layer, to features (N, F) that
    /// `backward` can be called through. With [`Statistics::Batch`] the running statistics move towards those of the
    /// batch, as in a training step.
    ///
    /// # Errors
    /// Where the device fails or the shape is not as said.
    pub fn features(&mut self, input: Tensor, statistics: Statistics) -> Result<Tensor> {
        match &mut self.engine {
            Engine::Processor(processor) => {
                let (layers, processor) = (self.layers.clone(), Arc::clone(processor));
                let operator = Layers { input, features: self.backbone.features(), layers, processor, statistics };
                // A variable, so that candle's graph reaches back to the operator. What goes in is none: it would be
                // copied.
                Var::zeros(1, DType::F32, &Device::Cpu)
                    .and_then(|anchor| anchor.as_tensor().apply_op1(operator))
                    .map_err(failed("run the network"))
            }
            Engine::Device(network) => {
                let maps = match statistics {
                    Statistics::Frozen => network.maps_from(self.start, &input)?,
                    Statistics::Batch => network.update_statistics_from(self.start, &input)?,
                };
                candle_network::pool(&maps)
            }
        }
    }

    /// Adds to `gradients`, which `backward` gave, those that the operators of the processor computed on the way.
    ///
    /// # Errors
    /// Where a gradient is not shaped as its parameter.
    pub fn collect(&self, gradients: &mut GradStore) -> Result<()> {
        let Engine::Processor(processor) = &self.engine else { return Ok(()) };
        let computed = std::mem::take(&mut lock(processor).gradients);
        for (layer, computed) in self.layers.iter().zip(computed) {
            let parts =
                [(&layer.kernel, computed.kernel), (&layer.weight, computed.weight), (&layer.bias, computed.bias)];
            for (variable, values) in parts {
                let gradient = Tensor::from_vec(values, variable.shape(), variable.device());
                gradients.insert(variable, gradient.map_err(failed("compute the gradients"))?);
            }
        }
        Ok(())
    }

    /// The variables that training changes.
    pub fn variables(&self) -> Vec<&Var> {
        self.layers.iter().flat_map(|layer| [&layer.kernel, &layer.weight, &layer.bias]).collect()
    }

    /// Their names, torchvision's, in the same order.
    pub fn names(&self) -> Vec<String> {
        let of_layer =
            |layer: &Layer| [format!("{}.weight", layer.spec.conv), layer.norm("weight"), layer.norm("bias")];
        self.layers.iter().flat_map(of_layer).collect()
    }

    /// All tensors of the backbone as they stand, copied.
    ///
    /// # Errors
    /// Where the device fails.
    pub fn weights(&self) -> Result<StateDict> {
        let mut weights = self.weights.clone();
        let copy = |var: &Var| var.as_detached_tensor().copy();
        for layer in &self.layers {
            let mut copied = Ok(());
            layer.store(&mut weights, |var| {
                copy(var).unwrap_or_else(|cause| {
                    copied = Err(cause);
                    var.as_detached_tensor()
                })
            });
            copied.map_err(failed("copy the weights"))?;
        }
        match &self.engine {
            Engine::Processor(processor) => {
                let statistics = lock(processor).network.running_statistics();
                for (layer, (mean, variance)) in self.layers.iter().zip(statistics) {
                    for (part, values) in [("running_mean", mean), ("running_var", variance)] {
                        let tensor = Tensor::from_vec(values, layer.spec.outputs, layer.bias.device());
                        weights.insert(layer.norm(part), tensor.map_err(failed("copy the weights"))?);
                    }
                }
            }
            Engine::Device(network) => network.store_statistics(&mut weights),
        }
        Ok(weights)
    }
}

/// Whether a device computes the right gradients: those of a small batch, through all layers, beside the processor's.
/// Some versions of some devices' operators do not, and say nothing.
///
/// # Errors
/// Where the device fails altogether.
pub fn gradients_are_right(backbone: Backbone, device: &Device) -> Result<bool> {
    if device.is_cpu() {
        return Ok(true); // its operators are held to PyTorch's by tests
    }
    let [expected, found] = [&Device::Cpu, device].map(|device| trial_gradients(backbone, device, device.is_cpu()));
    Ok(agree(&expected?, &found?))
}

/// Gradients of all parameters for a batch of two small photos and random weights.
fn trial_gradients(backbone: Backbone, device: &Device, own: bool) -> Result<Vec<Vec<f32>>> {
    let weights = backbone.architecture().random_weights(0, device)?;
    let mut backbone = Trainable::with_operators(backbone, &weights, Start::Photos, own)?;
    // A square of a power of two: candle's gradient of a convolution with step 2 takes both sides for equally odd.
    let photos = random::uniform(&[2, 3, 64, 64], 1.0, &mut random::generator(0, TRIAL_STREAM), device)?;
    let features = backbone.features(photos, Statistics::Batch)?;
    let loss = features.sqr().and_then(|squares| squares.mean_all());
    let mut gradients = loss.and_then(|loss| loss.backward()).map_err(failed("compute gradients"))?;
    backbone.collect(&mut gradients)?;
    let read = |variable: &Var| match gradients.get(variable) {
        Some(gradient) => gradient.flatten_all()?.to_vec1::<f32>(),
        None => Ok(Vec::new()),
    };
    let found = backbone.variables().into_iter().map(read).collect::<CandleResult<_>>();
    found.map_err(failed("read the gradients"))
}

/// Stream of random numbers for the photos of a trial.
const TRIAL_STREAM: u64 = 2;

/// Whether each gradient differs by less than a hundredth of its length.
fn agree(expected: &[Vec<f32>], found: &[Vec<f32>]) -> bool {
    let length = |values: &mut dyn Iterator<Item = f32>| values.map(|v| f64::from(v * v)).sum::<f64>().sqrt();
    let close = |(expected, found): (&Vec<f32>, &Vec<f32>)| {
        let far = length(&mut expected.iter().zip(found).map(|(e, f)| e - f));
        expected.len() == found.len() && far <= 0.01 * length(&mut expected.iter().copied()) + 1e-6
    };
    expected.len() == found.len() && expected.iter().zip(found).all(close)
}

impl Layer {
    fn new(spec: ConvSpec, weights: &StateDict) -> Result<Self> {
        let var = |name: &str| Var::from_tensor(weights.get(name)?).map_err(failed("set up the training"));
        let norm = |part: &str| format!("{}.{part}", spec.norm);
        let (kernel, weight, bias) =
            (var(&format!("{}.weight", spec.conv))?, var(&norm("weight"))?, var(&norm("bias"))?);
        Ok(Self { spec, kernel, weight, bias })
    }

    fn norm(&self, part: &str) -> String {
        format!("{}.{part}", self.spec.norm)
    }

    fn store(&self, weights: &mut StateDict, mut read: impl FnMut(&Var) -> Tensor) {
        weights.insert(format!("{}.weight", self.spec.conv), read(&self.kernel));
        weights.insert(self.norm("weight"), read(&self.weight));
        weights.insert(self.norm("bias"), read(&self.bias));
    }
}

/// All trained layers as one operator.
///
/// An operator of candle's has at most three arguments, and candle adds the gradient of each argument of each operator
/// to a tensor of zeros, single-threaded. So the whole backbone is one operator, of nothing that counts; the gradients
/// of its parameters wait in [`Processor`] for [`Trainable::collect`].
struct Layers {
    /// (N, C, H, W)
    input: Tensor,
    /// Of a photo.
    features: usize,
    layers: Vec<Layer>,
    processor: Arc<Mutex<Processor>>,
    statistics: Statistics,
}

impl CustomOp1 for Layers {
    fn name(&self) -> &'static str {
        "backbone"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> CandleResult<(CpuStorage, Shape)> {
        let (storage, layout) = self.input.storage_and_layout();
        let input = on_processor(&storage, layout)?;
        let (count, channels, height, width) = self.input.dims4()?;
        let features = self.with_parameters(|processor, parameters| {
            processor.network.forward(input, [count, channels, height, width], parameters, self.statistics)
        })?;
        Ok((CpuStorage::F32(features), (count, self.features).into()))
    }

    fn bwd(&self, _: &Tensor, _: &Tensor, gradient: &Tensor) -> CandleResult<Option<Tensor>> {
        let gradient = gradient.flatten_all()?.to_vec1::<f32>()?;
        self.with_parameters(|processor, parameters| {
            processor.gradients = processor.network.backward(&gradient, parameters);
        })?;
        Ok(None)
    }
}

impl Layers {
    fn with_parameters<T>(&self, work: impl FnOnce(&mut Processor, &[Parameters<'_>]) -> T) -> CandleResult<T> {
        let storages: Vec<_> = self
            .layers
            .iter()
            .map(|layer| [&layer.kernel, &layer.weight, &layer.bias].map(|var| var.storage_and_layout()))
            .collect();
        let parameters = storages
            .iter()
            .map(|[kernel, weight, bias]| {
                Ok(Parameters {
                    kernel: on_processor(&kernel.0, kernel.1)?,
                    weight: on_processor(&weight.0, weight.1)?,
                    bias: on_processor(&bias.0, bias.1)?,
                })
            })
            .collect::<CandleResult<Vec<_>>>()?;
        let mut processor = lock(&self.processor);
        let done = work(&mut processor, &parameters);
        if processor.network.is_stopped() {
            candle_core::bail!("the pass was stopped");
        }
        Ok(done)
    }
}

fn lock(processor: &Mutex<Processor>) -> std::sync::MutexGuard<'_, Processor> {
    processor.lock().unwrap_or_else(PoisonError::into_inner)
}

fn on_processor<'a>(storage: &'a Storage, layout: &Layout) -> CandleResult<&'a [f32]> {
    match storage {
        Storage::Cpu(storage) => contiguous(storage, layout),
        _ => candle_core::bail!("a tensor is not on the processor"),
    }
}

fn contiguous<'a>(storage: &'a CpuStorage, layout: &Layout) -> CandleResult<&'a [f32]> {
    let values = storage.as_slice::<f32>()?;
    layout
        .contiguous_offsets()
        .and_then(|(begin, end)| values.get(begin..end))
        .ok_or_else(|| candle_core::Error::Msg("the values do not lie one after the other".into()))
}

#[cfg(test)]
mod tests {
    use super::super::architecture::Activation;
    use super::super::head::{self, Head};
    use super::*;

    const CPU: Device = Device::Cpu;

    /// Values from −1 to 1 that look like chance.
    fn values(count: usize, seed: u32) -> Vec<f32> {
        let value = |n: u32| (n.wrapping_mul(2_654_435_761) ^ seed).wrapping_mul(0x846c_a68b) >> 8;
        (0..count as u32).map(|n| (value(n) % 20_000) as f32 / 10_000.0 - 1.0).collect()
    }

    #[test]
    fn a_pass_that_is_stopped_ends_with_an_error_in_both_directions() {
        for backbone in BACKBONES {
            let stop = Flag::default();
            let mut layers = Trainable::new(backbone, &weights(backbone), Start::Photos).unwrap();
            layers.stopped_by(stop.clone());
            let photos = || Tensor::from_vec(values(2 * 3 * 64 * 64, 1), (2, 3, 64, 64), &CPU).unwrap();
            let features = layers.features(photos(), Statistics::Frozen).unwrap();
            stop.set(true);
            assert!(features.sqr().unwrap().mean_all().unwrap().backward().is_err());
            assert!(layers.features(photos(), Statistics::Frozen).is_err());
            stop.set(false);
            let anew = layers.features(photos(), Statistics::Frozen).unwrap();
            let read = |features: &Tensor| features.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            assert_eq!(read(&features), read(&anew), "with frozen statistics nothing is left of it");
        }
    }

    #[test]
    fn a_pass_may_be_stopped_at_any_moment() {
        let photos = || Tensor::from_vec(values(6 * 3 * 64 * 64, 1), (6, 3, 64, 64), &CPU).unwrap();
        for (backbone, statistics) in BACKBONES.into_iter().flat_map(|b| STATISTICS.map(|s| (b, s))) {
            let stop = Flag::default();
            let fresh = || {
                let mut layers = Trainable::new(backbone, &weights(backbone), Start::Photos).unwrap();
                layers.stopped_by(stop.clone());
                layers
            };
            let step = |layers: &mut Trainable| -> Result<Vec<f32>> {
                let features = layers.features(photos(), statistics)?;
                let loss = features.sqr().and_then(|squares| squares.mean_all());
                let mut gradients = loss.and_then(|loss| loss.backward()).map_err(failed("compute gradients"))?;
                layers.collect(&mut gradients)?;
                let read = |variable: &&Var| gradients.get(variable).unwrap().flatten_all().unwrap().to_vec1().unwrap();
                Ok(layers.variables().iter().flat_map(read).collect())
            };
            let begun = std::time::Instant::now();
            let expected = step(&mut fresh()).unwrap();
            let whole = begun.elapsed();
            // In layers that have never made a whole step, no map has its size yet.
            for moment in 0..16 {
                let mut layers = fresh();
                let found = std::thread::scope(|scope| {
                    scope.spawn(|| {
                        std::thread::sleep(whole.mul_f64(f64::from(moment) / 16.0));
                        stop.set(true);
                    });
                    step(&mut layers)
                });
                assert!(found.is_err() || found.unwrap() == expected, "half a step is never taken for a whole one");
                stop.set(false);
                if statistics == Statistics::Frozen {
                    assert!(step(&mut layers).unwrap() == expected, "nothing is left of it");
                }
            }
        }
    }

    const STATISTICS: [Statistics; 2] = [Statistics::Frozen, Statistics::Batch];
    const BACKBONES: [Backbone; 2] = [Backbone::Resnet18, Backbone::MobilenetV2];

    /// Weights with statistics that are not those of a fresh network.
    fn weights(backbone: Backbone) -> StateDict {
        let architecture = backbone.architecture();
        let mut weights = architecture.random_weights(1, &CPU).unwrap();
        for (place, (name, shape)) in architecture.tensor_shapes().into_iter().enumerate() {
            if let [count] = shape[..] {
                let spread = values(count, place as u32).into_iter().map(|v| match name.rsplit('.').next() {
                    Some("running_mean" | "bias") => 0.1 * v,
                    _ => 1.0 + 0.3 * v,
                });
                let tensor = Tensor::from_vec(spread.collect(), count, &CPU).unwrap();
                weights.insert(name, tensor);
            }
        }
        weights
    }

    fn input(backbone: Backbone, start: Start) -> Tensor {
        // Squares: candle's gradient of a convolution with step 2 takes both sides for equally odd. MobileNetV2's many
        // norms magnify rounding, the more the smaller their batches are.
        let side = if backbone == Backbone::Resnet18 { 50 } else { 98 };
        let shape = match start {
            Start::Photos => [3, 3, side, side],
            Start::LastBlock => [3, backbone.architecture().maps_before_last_block(80)[0], 5, 5],
        };
        let architecture = backbone.architecture();
        let cut =
            start == Start::LastBlock && architecture.activation_before(architecture.last_block) != Activation::Linear;
        let values = values(shape.iter().product(), 7).into_iter();
        let values = values.map(|v| if cut { v.max(0.0) } else { v }).collect();
        Tensor::from_vec(values, &shape, &CPU).unwrap()
    }

    fn loss(backbone: Backbone, features: &Tensor) -> Tensor {
        let head = Head::random(backbone.features(), 3, &CPU).unwrap();
        let classes = Tensor::new(&[0u32, 1, 1], &CPU).unwrap();
        head::cross_entropy(&head.logits(features).unwrap(), &classes, None).unwrap()
    }

    /// candle's operators on variables of the same values, with its own derivatives.
    fn by_candle(backbone: Backbone, start: Start, statistics: Statistics) -> (f32, Vec<Tensor>, StateDict) {
        let architecture = backbone.architecture();
        let of_spec = |spec: &ConvSpec| Layer::new(spec.clone(), &weights(backbone)).unwrap();
        let layers: Vec<Layer> = architecture.convolutions_from(start).into_iter().map(of_spec).collect();
        let mut variables = weights(backbone);
        layers.iter().for_each(|layer| layer.store(&mut variables, |var| var.as_tensor().clone()));
        let mut network = CandleNetwork::new(architecture, &variables).unwrap();
        let input = input(backbone, start);
        let maps = match statistics {
            Statistics::Frozen => network.maps_from(start, &input).unwrap(),
            Statistics::Batch => network.update_statistics_from(start, &input).unwrap(),
        };
        let loss = loss(backbone, &candle_network::pool(&maps).unwrap());
        let gradients = loss.backward().unwrap();
        let of_layer =
            |layer: &Layer| [&layer.kernel, &layer.weight, &layer.bias].map(|v| gradients.get(v).unwrap().clone());
        let found = layers.iter().flat_map(of_layer).collect();
        network.store_statistics(&mut variables);
        (loss.to_scalar().unwrap(), found, variables)
    }

    fn length(tensor: &Tensor) -> f32 {
        tensor.sqr().unwrap().sum_all().unwrap().to_scalar::<f32>().unwrap().sqrt()
    }

    /// Length of the difference beside that of `expected`.
    fn distance(got: &Tensor, expected: &Tensor) -> f32 {
        length(&(got - expected).unwrap()) / length(expected).max(1e-6)
    }

    #[test]
    fn gradients_and_statistics_agree_with_candles() {
        let starts = [Start::Photos, Start::LastBlock];
        for (backbone, start) in BACKBONES.into_iter().flat_map(|backbone| starts.map(|start| (backbone, start))) {
            for statistics in [Statistics::Frozen, Statistics::Batch] {
                let what = format!("{}, {start:?}, {statistics:?}", backbone.name());
                let (expected_loss, expected, expected_weights) = by_candle(backbone, start, statistics);
                let mut trainable = Trainable::new(backbone, &weights(backbone), start).unwrap();
                let loss = loss(backbone, &trainable.features(input(backbone, start), statistics).unwrap());
                let got: f32 = loss.to_scalar().unwrap();
                assert!((got - expected_loss).abs() < 1e-4, "{what}: {got} instead of {expected_loss}");
                let mut gradients = loss.backward().unwrap();
                trainable.collect(&mut gradients).unwrap();
                let variables = trainable.variables();
                assert_eq!(variables.len(), expected.len());
                let many_norms = backbone == Backbone::MobilenetV2 && statistics == Statistics::Batch;
                // A bias of MobileNetV2's that the next norm subtracts again has no gradient but rounding.
                let longest = expected.iter().map(length).fold(0.0, f32::max);
                let least = if many_norms { 1e-4 * longest } else { 1e-6 };
                for (place, (variable, expected)) in variables.into_iter().zip(&expected).enumerate() {
                    let apart = (gradients.get(variable).unwrap() - expected).unwrap();
                    let far = length(&apart) / length(expected).max(least);
                    let room = if many_norms { 1e-2 } else { 2e-3 };
                    assert!(far < room, "{what}: gradient {place} is {far} off");
                }
                let stored = trainable.weights().unwrap();
                for (name, _) in backbone.architecture().tensor_shapes() {
                    let far = distance(stored.get(&name).unwrap(), expected_weights.get(&name).unwrap());
                    assert!(far < 1e-4, "{what}: {name} is {far} off");
                }
            }
        }
    }

    const CHANGE: f32 = 5e-4;

    /// Half the difference of the loss on both sides, along the gradient of one variable, beside what the gradient says.
    #[test]
    fn gradients_agree_with_finite_differences() {
        const BACKBONE: Backbone = Backbone::Resnet18;
        for statistics in [Statistics::Frozen, Statistics::Batch] {
            let mut backbone = Trainable::new(BACKBONE, &weights(BACKBONE), Start::Photos).unwrap();
            let input = || input(BACKBONE, Start::Photos);
            let mut found = loss(BACKBONE, &backbone.features(input(), statistics).unwrap()).backward().unwrap();
            backbone.collect(&mut found).unwrap();
            let variables: Vec<Var> = backbone.variables().into_iter().cloned().collect();
            for (place, variable) in variables.iter().enumerate() {
                let gradient = found.get(variable).unwrap();
                let length = gradient.sqr().unwrap().sum_all().unwrap().to_scalar::<f32>().unwrap().sqrt();
                let at = variable.as_detached_tensor().copy().unwrap();
                // Along the gradient, by as much as should change the loss by `CHANGE`.
                let step = f64::from(CHANGE / (length * length));
                let mut losses = [step, -step].map(|step| {
                    variable.set(&(&at + (gradient * step).unwrap()).unwrap()).unwrap();
                    let features = backbone.features(input(), statistics).unwrap();
                    loss(BACKBONE, &features).to_scalar::<f32>().unwrap()
                });
                variable.set(&at).unwrap();
                losses[0] -= losses[1];
                let slope = losses[0] / 2.0 / CHANGE;
                assert!(
                    (slope - 1.0).abs() < 0.05,
                    "{statistics:?}: gradient {place} is {slope} times what it should be"
                );
            }
        }
    }

    #[test]
    fn a_device_is_trusted_with_the_right_gradients_only() {
        for backbone in BACKBONES {
            let [own, candles] = [true, false].map(|own| trial_gradients(backbone, &CPU, own).unwrap());
            assert!(agree(&own, &candles));
            let spoilt = |spoil: fn(&mut Vec<f32>)| {
                let mut gradients = candles.clone();
                spoil(&mut gradients[0]);
                agree(&own, &gradients)
            };
            assert!(!spoilt(|kernel| kernel.iter_mut().for_each(|v| *v *= 1.02)));
            assert!(!spoilt(Vec::clear));
            assert!(gradients_are_right(backbone, &CPU).unwrap());
        }
    }

    #[test]
    fn the_number_of_threads_makes_no_difference() {
        for kind in BACKBONES {
            let run = |threads: usize| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| {
                    let mut backbone = Trainable::new(kind, &weights(kind), Start::Photos).unwrap();
                    let features = backbone.features(input(kind, Start::Photos), Statistics::Batch).unwrap();
                    let mut gradients = loss(kind, &features).backward().unwrap();
                    backbone.collect(&mut gradients).unwrap();
                    let of = |var: &Var| gradients.get(var).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
                    backbone.variables().into_iter().flat_map(of).collect::<Vec<f32>>()
                })
            };
            assert!(run(1) == run(3), "{}", kind.name());
        }
    }
}
