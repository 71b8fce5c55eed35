//! The network's numbers against PyTorch's: on values that a formula gives, and on real photos where there are any.

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::backprop::GradStore;
use candle_core::{DType, Device, Tensor};
use crackscope::nn::architecture::{Backbone, Start, Statistics};
use crackscope::nn::candle_network::{CandleNetwork, pool};
use crackscope::nn::cpu::{FrozenNetwork, Precision};
use crackscope::nn::explain::Explainer;
use crackscope::nn::head::{Head, cross_entropy};
use crackscope::nn::network::{Model, ModelFile};
use crackscope::nn::optimizer::Optimizer;
use crackscope::nn::state_dict::StateDict;
use crackscope::nn::trainable::Trainable;
use crackscope::photo::{INPUT_SIZE, transform};
use crackscope::train::config::{Compute, DeviceChoice, PrecisionChoice, TrainConfig};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::shared::shared;

const CPU: Device = Device::Cpu;
const SINGLE: Compute = Compute { device: DeviceChoice::Cpu, precision: PrecisionChoice::F32 };
/// Relative tolerance of losses, gradients and steps.
const PERCENT: f64 = 0.01;

#[derive(Deserialize)]
struct NetworkCase {
    maps_shape: Vec<usize>,
    features_first8: Vec<Vec<f32>>,
    features_l2: Vec<f64>,
    logits: Vec<Vec<f32>>,
    adam_losses_head: Vec<f64>,
    batch_statistics_loss: f64,
    running_mean_first8: Vec<f32>,
    running_var_first8: Vec<f32>,
    /// Length, and sum weighted by the formula.
    frozen_gradients: BTreeMap<String, [f64; 2]>,
    batch_gradients: BTreeMap<String, [f64; 2]>,
    adam_losses_all: Vec<f64>,
}

#[derive(Deserialize)]
struct Reference {
    files: Vec<String>,
    resnet18: ResNetReference,
    mobilenet_v2: MobileNetReference,
}

#[derive(Deserialize)]
struct MobileNetReference {
    logits: Vec<Vec<f32>>,
    feature_l2: Vec<f64>,
    eval_bn: StepReference,
}

#[derive(Deserialize)]
struct ResNetReference {
    logits: Vec<Vec<f32>>,
    feature_l2: Vec<f64>,
    cam_first2_positive: Vec<Vec<Vec<f32>>>,
    eval_bn: StepReference,
    train_bn: StepReference,
    step_files: Vec<String>,
    running_mean_after_bn1: Vec<f32>,
    running_var_after_bn1: Vec<f32>,
    adam_losses_head: Vec<f64>,
    adam_losses_all: Vec<f64>,
}

#[derive(Deserialize)]
struct StepReference {
    loss: f64,
    grad_l2: BTreeMap<String, f64>,
}

fn read<T: DeserializeOwned>(path: &Path) -> T {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// The formula of `make_network_cases.py`.
fn values(name: &str, count: usize) -> impl Iterator<Item = f64> {
    let first = crc32fast::hash(name.as_bytes());
    (0..count as u32).map(move |place| {
        let mut x = first.wrapping_add(place);
        x = (x ^ (x >> 16)).wrapping_mul(0x7feb_352d);
        x = (x ^ (x >> 15)).wrapping_mul(0x846c_a68b);
        f64::from(x ^ (x >> 16)) / 4_294_967_296.0 - 0.5
    })
}

fn tensor(name: &str, shape: &[usize]) -> Tensor {
    let fan_in: usize = shape.iter().skip(1).product();
    let value = |v: f64| match shape.len() {
        1 if name.ends_with("running_var") || name.ends_with("weight") => 1.0 + v,
        4 => v * if shape[1] == 1 { 4.0 } else { 1.2 } * (6.0 / fan_in as f64).sqrt(),
        2 => v * 0.2,
        _ => v,
    };
    let values: Vec<f32> = values(name, shape.iter().product()).map(|v| value(v) as f32).collect();
    Tensor::from_vec(values, shape, &CPU).unwrap()
}

fn close(got: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(got.len(), expected.len());
    for (place, (got, expected)) in got.iter().zip(expected).enumerate() {
        assert!((got - expected).abs() <= tolerance, "value {place} is {got} instead of {expected}");
    }
}

fn close_in_percent(what: &str, got: f64, expected: f64) {
    assert!((got - expected).abs() <= PERCENT * expected.abs(), "{what} is {got} instead of {expected}");
}

fn rows(tensor: &Tensor) -> Vec<Vec<f32>> {
    tensor.to_vec2().unwrap()
}

fn norms(features: &Tensor) -> Vec<f64> {
    let squares = features.to_dtype(DType::F64).unwrap().sqr().unwrap().sum(1).unwrap();
    squares.sqrt().unwrap().to_vec1().unwrap()
}

/// Losses of ten steps of Adam on a head that begins with zeros.
fn head_losses(features: &Tensor, classes: &Tensor, rate: f64) -> Vec<f64> {
    let zeros = |shape: &[usize]| Tensor::zeros(shape, DType::F32, &CPU).unwrap();
    let columns = features.dim(1).unwrap();
    let head = Head::new(&zeros(&[2, columns]), &zeros(&[2])).unwrap();
    let config = TrainConfig { weight_decay: 0.0, ..TrainConfig::default() };
    let mut adam = Optimizer::new(&head.variables().map(|variable| (variable, 1.0)), config.optimizer()).unwrap();
    let (values, classes) = (rows(features), classes.to_vec1::<u32>().unwrap());
    let photos: Vec<_> = values.iter().zip(classes).map(|(row, class)| (row.as_slice(), class as usize)).collect();
    let mut step = || {
        let (fit, slope) = head.slope(photos.iter().copied(), [1.0; 2]).unwrap();
        let [weight, bias] = slope.tensors();
        adam.step(|variable| Some(if variable.rank() == 2 { weight } else { bias }), rate).unwrap();
        fit.loss
    };
    (0..10).map(|_| step()).collect()
}

impl NetworkCase {
    fn open(backbone: Backbone) -> Self {
        let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data"));
        read(&folder.join(format!("{}_case.json", backbone.name())))
    }

    fn weights(backbone: Backbone) -> StateDict {
        let mut weights = StateDict::default();
        for (name, shape) in backbone.architecture().tensor_shapes() {
            weights.insert(name.clone(), tensor(&name, &shape));
        }
        weights
    }

    fn head(backbone: Backbone) -> Head {
        let [weight, bias] = ["weight", "bias"].map(|part| format!("{}.{part}", backbone.head()));
        Head::new(&tensor(&weight, &[2, backbone.features()]), &tensor(&bias, &[2])).unwrap()
    }

    fn photos() -> Tensor {
        let photos: Vec<f32> = values("photos", 2 * 3 * 72 * 56).map(|v| (4.0 * v) as f32).collect();
        Tensor::from_vec(photos, (2, 3, 72, 56), &CPU).unwrap()
    }

    fn classes() -> Tensor {
        Tensor::new(&[1u32, 0], &CPU).unwrap()
    }
}

/// The tensors of a model file with the formula's values.
pub(super) fn formula_model(backbone: Backbone) -> StateDict {
    let mut weights = NetworkCase::weights(backbone);
    NetworkCase::head(backbone).store(&mut weights, backbone);
    weights
}

const BACKBONES: [Backbone; 2] = [Backbone::Resnet18, Backbone::MobilenetV2];

/// Loss and gradients of one step, by [`Trainable`].
fn step(backbone: &mut Trainable, head: &Head, statistics: Statistics) -> (f64, GradStore) {
    let features = backbone.features(NetworkCase::photos(), statistics).unwrap();
    let loss = cross_entropy(&head.logits(&features).unwrap(), &NetworkCase::classes(), None).unwrap();
    let mut gradients = loss.backward().unwrap();
    backbone.collect(&mut gradients).unwrap();
    (f64::from(loss.to_scalar::<f32>().unwrap()), gradients)
}

#[test]
fn gradients_of_a_network_of_a_formula_agree_with_pytorch() {
    let all = [Statistics::Frozen, Statistics::Batch];
    for (kind, statistics) in BACKBONES.into_iter().flat_map(|kind| all.map(|statistics| (kind, statistics))) {
        let case = NetworkCase::open(kind);
        let expected = match statistics {
            Statistics::Frozen => case.frozen_gradients,
            Statistics::Batch => case.batch_gradients,
        };
        let mut backbone = Trainable::new(kind, &NetworkCase::weights(kind), Start::Photos).unwrap();
        let head = NetworkCase::head(kind);
        let (_, gradients) = step(&mut backbone, &head, statistics);
        let names = backbone.names();
        let of_head = ["weight", "bias"].map(|part| format!("{}.{part}", kind.head()));
        let names = names.iter().chain(&of_head).map(String::as_str);
        assert_eq!(names.clone().count(), expected.len());
        let longest = expected.values().map(|[length, _]| *length).fold(0.0, f64::max);
        for (name, variable) in names.zip(backbone.variables().into_iter().chain(head.variables())) {
            let gradient = gradients.get(variable).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
            let length = gradient.iter().map(|g| f64::from(*g).powi(2)).sum::<f64>().sqrt();
            let hash = format!("gradient {name}");
            let weighted: f64 =
                gradient.iter().zip(values(&hash, gradient.len())).map(|(g, weight)| f64::from(*g) * weight).sum();
            let [expected_length, expected_weighted] = expected[name];
            // A bias of MobileNetV2's that the next norm subtracts again has no gradient but rounding.
            let rounding = if kind == Backbone::MobilenetV2 { 1e-6 * longest } else { 0.0 };
            let room = PERCENT * expected_length + rounding;
            assert!((length - expected_length).abs() <= room, "{name}: {length} instead of {expected_length}");
            // The sum may come out near zero by chance; its like is a fraction of the length.
            assert!((weighted - expected_weighted).abs() <= room, "{name}: {weighted}");
        }
    }
}

#[test]
fn steps_of_all_layers_of_a_network_of_a_formula_agree_with_pytorch() {
    for kind in BACKBONES {
        let mut backbone = Trainable::new(kind, &NetworkCase::weights(kind), Start::Photos).unwrap();
        let head = NetworkCase::head(kind);
        let variables: Vec<_> =
            backbone.variables().into_iter().chain(head.variables()).map(|v| (v.clone(), 1.0)).collect();
        let borrowed: Vec<_> = variables.iter().map(|(variable, factor)| (variable, *factor)).collect();
        let mut adam = Optimizer::new(&borrowed, TrainConfig::default().optimizer()).unwrap();
        for expected in NetworkCase::open(kind).adam_losses_all {
            let (loss, gradients) = step(&mut backbone, &head, Statistics::Frozen);
            adam.step(|variable| gradients.get(variable), 1e-5).unwrap();
            close_in_percent("loss of a step", loss, expected);
        }
    }
}

#[test]
fn a_network_of_a_formula_agrees_with_torchvision() {
    BACKBONES.into_iter().for_each(agrees_with_torchvision);
}

fn agrees_with_torchvision(kind: Backbone) {
    let case = NetworkCase::open(kind);
    let (head, photos, classes) = (NetworkCase::head(kind), NetworkCase::photos(), NetworkCase::classes());
    let weights = NetworkCase::weights(kind);
    let mut network = CandleNetwork::new(kind.architecture(), &weights).unwrap();

    let maps = network.feature_maps(&photos, Statistics::Frozen).unwrap();
    assert_eq!(maps.dims(), case.maps_shape);
    let features = pool(&maps).unwrap();
    for (row, expected) in rows(&features).iter().zip(&case.features_first8) {
        close(&row[..8], expected, 1e-3);
    }
    for (norm, expected) in norms(&features).iter().zip(&case.features_l2) {
        close_in_percent("norm of the features", *norm, *expected);
    }
    for (row, expected) in rows(&head.logits(&features).unwrap()).iter().zip(&case.logits) {
        close(row, expected, 1e-3);
    }
    for (got, expected) in head_losses(&features, &classes, 1e-4).iter().zip(&case.adam_losses_head) {
        close_in_percent("loss of a step", *got, *expected);
    }

    let features = pool(&network.update_statistics(&photos).unwrap()).unwrap();
    let loss = cross_entropy(&head.logits(&features).unwrap(), &classes, None).unwrap().to_scalar::<f32>().unwrap();
    close_in_percent("loss with the batch's statistics", f64::from(loss), case.batch_statistics_loss);
    let (mean, var) = network.stem_statistics();
    close(&mean.to_vec1::<f32>().unwrap()[..8], &case.running_mean_first8, 1e-4);
    close(&var.to_vec1::<f32>().unwrap()[..8], &case.running_var_first8, 1e-4);
}

/// The reference, the network and head that it is of, and the photos' folder.
struct RealCase {
    reference: Reference,
    folder: std::path::PathBuf,
    weights: StateDict,
}

impl RealCase {
    fn open() -> Option<Self> {
        let (reference, weights) = (shared("reference/reference.json")?, shared("weights/resnet18_dev.safetensors")?);
        let folder = shared("data/metu")?.parent()?.parent()?.to_path_buf();
        Some(Self { reference: read(&reference), folder, weights: StateDict::load(&weights, &CPU).unwrap() })
    }

    fn head(&self) -> Head {
        Head::from_weights(&self.weights, Backbone::Resnet18).unwrap()
    }

    fn network(&self) -> CandleNetwork {
        let mut backbone = self.weights.clone();
        backbone.retain(|name| !crackscope::nn::head::is_head(name));
        CandleNetwork::new(Backbone::Resnet18.architecture(), &backbone).unwrap()
    }

    /// The same with every layer to be trained, on the processor's own operators.
    fn trainable(&self) -> Trainable {
        let mut backbone = self.weights.clone();
        backbone.retain(|name| !crackscope::nn::head::is_head(name));
        Trainable::new(Backbone::Resnet18, &backbone, Start::Photos).unwrap()
    }

    /// What runs on the processor, in place of candle's operators.
    fn processor(&self, precision: Precision) -> FrozenNetwork {
        let mut backbone = self.weights.clone();
        backbone.retain(|name| !crackscope::nn::head::is_head(name));
        FrozenNetwork::new(Backbone::Resnet18, &backbone, precision).unwrap()
    }

    /// Features (N, 512) of photos (N, 3, 224, 224) by [`RealCase::processor`].
    fn processor_features(&self, photos: &Tensor, precision: Precision) -> Tensor {
        let values = photos.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let features = self.processor(precision).features(&values, INPUT_SIZE, INPUT_SIZE);
        Tensor::from_vec(features, (photos.dim(0).unwrap(), Backbone::Resnet18.features()), &CPU).unwrap()
    }

    /// Photos of the reference, decoded and resized here.
    fn photos(&self, files: &[String]) -> Tensor {
        let values: Vec<f32> =
            files.iter().flat_map(|file| transform::load_input(&self.folder.join(file)).unwrap()).collect();
        Tensor::from_vec(values, (files.len(), 3, INPUT_SIZE, INPUT_SIZE), &CPU).unwrap()
    }
}

#[test]
fn logits_and_features_agree_on_the_given_tensors() {
    let (Some(case), Some(path)) = (RealCase::open(), shared("reference/tensors.safetensors")) else { return };
    let given = candle_core::safetensors::load(path, &CPU).unwrap();
    let maps = case.network().feature_maps(&given["input_nchw"], Statistics::Frozen).unwrap();
    let features = pool(&maps).unwrap();
    for (row, expected) in rows(&features).iter().zip(&rows(&given["features"])) {
        close(row, expected, 1e-3);
    }
    let logits = rows(&case.head().logits(&features).unwrap());
    for (row, expected) in logits.iter().zip(&rows(&given["logits"])) {
        close(row, expected, 1e-3);
    }
}

/// Features, logits and gradients of MobileNetV2 on real photos, by candle's operators and by the processor's own.
#[test]
fn mobilenet_agrees_from_files() {
    let (Some(case), Some(path)) = (RealCase::open(), shared("weights/mobilenet_v2_random.safetensors")) else {
        return;
    };
    let (kind, real) = (Backbone::MobilenetV2, &case.reference.mobilenet_v2);
    let mut weights = StateDict::load(&path, &CPU).unwrap();
    let head = Head::from_weights(&weights, kind).unwrap();
    weights.retain(|name| !crackscope::nn::head::is_head(name));
    let photos = case.photos(&case.reference.files);
    let network = CandleNetwork::new(kind.architecture(), &weights).unwrap();
    let by_candle = pool(&network.feature_maps(&photos, Statistics::Frozen).unwrap()).unwrap();
    let values = photos.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let features = FrozenNetwork::new(kind, &weights, Precision::F32).unwrap();
    let features = features.features(&values, INPUT_SIZE, INPUT_SIZE);
    let features = Tensor::from_vec(features, by_candle.shape(), &CPU).unwrap();
    for features in [by_candle, features] {
        for (norm, expected) in norms(&features).iter().zip(&real.feature_l2) {
            assert!((norm - expected).abs() < 1e-4 * expected, "{norm} instead of {expected}");
        }
        let logits = rows(&head.logits(&features).unwrap());
        assert_eq!(logits.len(), real.logits.len());
        for (row, expected) in logits.iter().zip(&real.logits) {
            close(row, expected, 1e-4);
        }
    }
    let mut backbone = Trainable::new(kind, &weights, Start::Photos).unwrap();
    let photos = case.photos(&case.reference.resnet18.step_files);
    let classes = Tensor::new(&[1u32, 1, 1, 1, 0, 0, 0, 0], &CPU).unwrap();
    let features = backbone.features(photos, Statistics::Frozen).unwrap();
    let loss = cross_entropy(&head.logits(&features).unwrap(), &classes, None).unwrap();
    close_in_percent("loss", f64::from(loss.to_scalar::<f32>().unwrap()), real.eval_bn.loss);
    let mut gradients = loss.backward().unwrap();
    backbone.collect(&mut gradients).unwrap();
    for (name, variable) in backbone.names().iter().zip(backbone.variables()) {
        let norm = gradients.get(variable).unwrap().sqr().unwrap().sum_all().unwrap().sqrt().unwrap();
        close_in_percent(name, f64::from(norm.to_scalar::<f32>().unwrap()), real.eval_bn.grad_l2[name]);
    }
}

#[test]
fn the_processors_own_operators_agree_on_tensors_and_from_files() {
    let (Some(case), Some(path)) = (RealCase::open(), shared("reference/tensors.safetensors")) else { return };
    let given = candle_core::safetensors::load(path, &CPU).unwrap();
    let features = case.processor_features(&given["input_nchw"], Precision::F32);
    for (row, expected) in rows(&features).iter().zip(&rows(&given["features"])) {
        close(row, expected, 1e-3);
    }
    for (row, expected) in rows(&case.head().logits(&features).unwrap()).iter().zip(&rows(&given["logits"])) {
        close(row, expected, 1e-3);
    }
    let features = case.processor_features(&case.photos(&case.reference.files), Precision::F32);
    let logits = rows(&case.head().logits(&features).unwrap());
    assert_eq!(logits.len(), case.reference.resnet18.logits.len());
    for (row, expected) in logits.iter().zip(&case.reference.resnet18.logits) {
        close(row, expected, 5e-3);
    }
}

/// By plain arithmetic where the processor has no instruction for it.
#[test]
fn bf16_gives_the_same_answers() {
    let (Some(case), Some(folder)) = (RealCase::open(), shared("data/metu")) else { return };
    let [mut photos, mut agree] = [0; 2];
    for class in ["Negative", "Positive"] {
        let mut files: Vec<_> = folder.join(class).read_dir().unwrap().map(|file| file.unwrap().path()).collect();
        files.sort();
        for file in files.iter().step_by(60) {
            let values = transform::load_input(file).unwrap();
            let photo = Tensor::from_vec(values, (1, 3, INPUT_SIZE, INPUT_SIZE), &CPU).unwrap();
            let [single, half] = [Precision::F32, Precision::Bf16].map(|precision| {
                let features = case.processor_features(&photo, precision);
                rows(&case.head().logits(&features).unwrap()).concat()
            });
            photos += 1;
            agree += usize::from((single[1] > single[0]) == (half[1] > half[0]));
            close(&half, &single, 0.1);
        }
    }
    assert!(photos > 100 && agree == photos, "{agree} of {photos} agree");
}

#[test]
fn logits_agree_from_files() {
    let Some(case) = RealCase::open() else { return };
    let real = &case.reference.resnet18;
    let maps = case.network().feature_maps(&case.photos(&case.reference.files), Statistics::Frozen).unwrap();
    let features = pool(&maps).unwrap();
    for (norm, expected) in norms(&features).iter().zip(&real.feature_l2) {
        close_in_percent("norm of the features", *norm, *expected);
    }
    let logits = rows(&case.head().logits(&features).unwrap());
    assert_eq!(logits.len(), real.logits.len());
    for (row, expected) in logits.iter().zip(&real.logits) {
        close(row, expected, 5e-3);
    }
}

#[test]
fn the_class_activation_map_is_exact() {
    let (Some(case), Some(path)) = (RealCase::open(), shared("weights/resnet18_dev.safetensors")) else { return };
    let explainer = Explainer::open(&ModelFile::File(path), SINGLE).unwrap();
    let bias = case.weights.get("fc.bias").unwrap().to_vec1::<f32>().unwrap();
    let positive = case.weights.get("fc.weight").unwrap().get(1).unwrap();
    for (index, (file, expected)) in
        case.reference.files.iter().zip(&case.reference.resnet18.cam_first2_positive).enumerate()
    {
        let cam = explainer.explain(&case.folder.join(file)).unwrap();
        let logits = &case.reference.resnet18.logits[index];
        let mean = cam.values.iter().sum::<f32>() / cam.values.len() as f32;
        close(&[mean + cam.bias], &[logits[1] - logits[0]], 1e-2);
        assert!((cam.bias - (bias[1] - bias[0])).abs() < 1e-6);
        // The reference is of the positive logit alone.
        let maps = case.network().feature_maps(&case.photos(std::slice::from_ref(file)), Statistics::Frozen).unwrap();
        let weight = positive.reshape((1, Backbone::Resnet18.features(), 1, 1)).unwrap();
        let map = maps.broadcast_mul(&weight).unwrap().sum(1).unwrap().squeeze(0).unwrap();
        assert_eq!((cam.width, cam.height), (expected[0].len(), expected.len()));
        for (row, expected) in rows(&map).iter().zip(expected) {
            close(row, expected, 2e-2);
        }
    }
}

#[test]
fn loss_gradients_and_steps_of_the_head_agree() {
    let Some(case) = RealCase::open() else { return };
    let real = &case.reference.resnet18;
    let photos = case.photos(&real.step_files);
    let classes = Tensor::new(&[1u32, 1, 1, 1, 0, 0, 0, 0], &CPU).unwrap();
    let features = pool(&case.network().feature_maps(&photos, Statistics::Frozen).unwrap()).unwrap();
    let check = |features: &Tensor, expected: &StepReference| {
        let head = case.head();
        let loss = cross_entropy(&head.logits(features).unwrap(), &classes, None).unwrap();
        close_in_percent("loss", f64::from(loss.to_scalar::<f32>().unwrap()), expected.loss);
        let gradients = loss.backward().unwrap();
        for (variable, name) in head.variables().into_iter().zip(["fc.weight", "fc.bias"]) {
            let norm = gradients.get(variable).unwrap().sqr().unwrap().sum_all().unwrap().sqrt().unwrap();
            close_in_percent(name, f64::from(norm.to_scalar::<f32>().unwrap()), expected.grad_l2[name]);
        }
    };
    check(&features, &real.eval_bn);
    for (got, expected) in head_losses(&features, &classes, 1e-2).iter().zip(&real.adam_losses_head) {
        close_in_percent("loss of a step", *got, *expected);
    }

    let mut network = case.network();
    let features = pool(&network.update_statistics(&photos).unwrap()).unwrap();
    check(&features, &real.train_bn);
    let (mean, var) = network.stem_statistics();
    close(&mean.to_vec1::<f32>().unwrap()[..8], &real.running_mean_after_bn1, 1e-3);
    close(&var.to_vec1::<f32>().unwrap()[..8], &real.running_var_after_bn1, 1e-3);
}

#[test]
fn gradients_of_every_layer_agree() {
    let Some(case) = RealCase::open() else { return };
    let real = &case.reference.resnet18;
    let photos = case.photos(&real.step_files);
    let classes = Tensor::new(&[1u32, 1, 1, 1, 0, 0, 0, 0], &CPU).unwrap();
    for (statistics, expected) in [(Statistics::Frozen, &real.eval_bn), (Statistics::Batch, &real.train_bn)] {
        let (mut backbone, head) = (case.trainable(), case.head());
        let features = backbone.features(photos.clone(), statistics).unwrap();
        let loss = cross_entropy(&head.logits(&features).unwrap(), &classes, None).unwrap();
        close_in_percent("loss", f64::from(loss.to_scalar::<f32>().unwrap()), expected.loss);
        let mut gradients = loss.backward().unwrap();
        backbone.collect(&mut gradients).unwrap();
        let names = backbone.names();
        assert_eq!(names.len() + 2, expected.grad_l2.len());
        for (name, variable) in names.iter().zip(backbone.variables()) {
            let norm = gradients.get(variable).unwrap().sqr().unwrap().sum_all().unwrap().sqrt().unwrap();
            close_in_percent(name, f64::from(norm.to_scalar::<f32>().unwrap()), expected.grad_l2[name]);
        }
        if statistics == Statistics::Batch {
            let weights = backbone.weights().unwrap();
            let first8 = |name: &str| weights.get(name).unwrap().to_vec1::<f32>().unwrap()[..8].to_vec();
            close(&first8("bn1.running_mean"), &real.running_mean_after_bn1, 1e-3);
            close(&first8("bn1.running_var"), &real.running_var_after_bn1, 1e-3);
        }
    }
}

#[test]
fn ten_steps_of_all_layers_agree() {
    let Some(case) = RealCase::open() else { return };
    let photos = case.photos(&case.reference.resnet18.step_files);
    let classes = Tensor::new(&[1u32, 1, 1, 1, 0, 0, 0, 0], &CPU).unwrap();
    let zeros = |shape: &[usize]| Tensor::zeros(shape, DType::F32, &CPU).unwrap();
    let mut backbone = case.trainable();
    let head = Head::new(&zeros(&[2, Backbone::Resnet18.features()]), &zeros(&[2])).unwrap();
    let variables: Vec<_> =
        backbone.variables().into_iter().chain(head.variables()).map(|v| (v.clone(), 1.0)).collect();
    let borrowed: Vec<_> = variables.iter().map(|(variable, factor)| (variable, *factor)).collect();
    let mut adam = Optimizer::new(&borrowed, TrainConfig::default().optimizer()).unwrap();
    for expected in &case.reference.resnet18.adam_losses_all {
        let features = backbone.features(photos.clone(), Statistics::Frozen).unwrap();
        let loss = cross_entropy(&head.logits(&features).unwrap(), &classes, None).unwrap();
        let mut gradients = loss.backward().unwrap();
        backbone.collect(&mut gradients).unwrap();
        adam.step(|variable| gradients.get(variable), 1e-4).unwrap();
        close_in_percent("loss of a step", f64::from(loss.to_scalar::<f32>().unwrap()), *expected);
    }
}

#[test]
fn a_model_file_opens_whole() {
    let Some(path) = shared("weights/resnet18_dev.safetensors") else { return };
    let model = Model::open(&ModelFile::File(path), SINGLE).unwrap();
    let p = model.p_positive(&vec![0.0; Backbone::Resnet18.features()]).unwrap();
    assert_eq!(p.len(), 1);
    assert!(p[0] > 0.0 && p[0] < 1.0);
}

#[derive(Deserialize)]
struct TensorCases {
    inputs: Vec<TensorCase>,
}

#[derive(Deserialize)]
struct TensorCase {
    name: String,
    file: String,
    p_positive: f32,
}

#[test]
fn what_the_network_says_of_stored_tensors_agrees_with_pytorch() {
    use base64::Engine;
    let cases: TensorCases = read(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tensor_cases.json")));
    let weights = NetworkCase::weights(Backbone::Resnet18);
    let backbone = CandleNetwork::new(Backbone::Resnet18.architecture(), &weights).unwrap();
    let head = NetworkCase::head(Backbone::Resnet18);
    for TensorCase { name, file, p_positive } in cases.inputs {
        let bytes = base64::engine::general_purpose::STANDARD.decode(file).unwrap();
        let input = transform::load_input_from_bytes(Path::new("1.pt"), &bytes).unwrap();
        let photo = Tensor::from_vec(input, (1, 3, INPUT_SIZE, INPUT_SIZE), &CPU).unwrap();
        let maps = backbone.feature_maps(&photo, Statistics::Frozen).unwrap();
        let logits = head.logits(&pool(&maps).unwrap()).unwrap();
        let row = rows(&logits).remove(0);
        let said = 1.0 / (1.0 + (row[0] - row[1]).exp());
        assert!((said - p_positive).abs() < 1e-4, "{name}: {said} instead of {p_positive}");
    }
}
