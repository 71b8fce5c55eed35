//! A backbone with its weights and, once trained, its head.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::{Device, Tensor};

use super::architecture::{Start, Statistics};
use super::bundled;
use super::candle_network::{self, CandleNetwork};
use super::cpu::{FeatureMaps, FrozenNetwork, Precision};
use super::head::{self, Head};
use super::hub::{self, Hub, check::sha256};
use super::state_dict::StateDict;
use super::{device, failed, mobilenet, model_file};
use crate::error::{Error, Result};
use crate::job::{Unwatched, Watch};
use crate::nn::architecture::Backbone;
use crate::nn::choice::{Compute, PrecisionChoice, WeightsSource};
use crate::nn::threshold::Threshold;
use crate::photo::INPUT_SIZE;
use crate::places::Places;

/// Values of one input photo.
pub const INPUT_VALUES: usize = 3 * INPUT_SIZE * INPUT_SIZE;

/// A backbone on a device. Stays in the thread that opened it; copies share the weights.
#[derive(Clone)]
pub struct Network {
    kind: Backbone,
    pub(super) engine: Arc<Engine>,
    weights: StateDict,
    device: Device,
    precision: Precision,
    origin: Origin,
}

/// What computes the features.
pub(super) enum Engine {
    /// Our own operators on the processor.
    Processor(FrozenNetwork),
    /// candle's on a GPU.
    Device(CandleNetwork),
}

/// Where weights came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// `bundled`, `imagenet`, `random` or the path of a file.
    pub source: String,
    /// SHA-256 of the file in hexadecimal; none for random values.
    pub sha256: Option<String>,
    /// Digest of the backbone's tensors in hexadecimal: the same for the same features, whatever the file.
    pub fingerprint: String,
}

/// What holds a trained model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelFile {
    /// The program itself.
    Bundled,
    /// A file, such as a run's `model.safetensors`.
    File(PathBuf),
}

/// A network with a trained head, as a run or a model file holds it.
pub struct Model {
    /// The backbone.
    pub network: Network,
    /// The last layer.
    pub head: Head,
    /// Probability from which a photo counts as cracked.
    pub threshold: Threshold,
    /// What the logits of the trained head were divided by; 1 where they were left as they were.
    pub temperature: f64,
}

impl ModelFile {
    /// Its SHA-256 in hexadecimal.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn sha256(&self) -> Result<String> {
        match self {
            Self::Bundled => Ok(bundled::sha256().to_owned()),
            Self::File(path) => sha256(path, &Unwatched),
        }
    }
}

impl Network {
    /// Opens the initial weights of a training run; a head that they may hold is left aside.
    ///
    /// # Errors
    /// Where they cannot be fetched or read, or do not fit the network.
    pub fn open(
        kind: Backbone,
        source: &WeightsSource,
        seed: u64,
        on: (&Device, Precision),
        places: &Places,
        watch: &dyn Watch,
    ) -> Result<Self> {
        match source {
            WeightsSource::Bundled => {
                if kind != bundled::BACKBONE {
                    return Err(no_bundled(kind));
                }
                let mut weights = bundled::load(on.0)?;
                weights.retain(|name| !head::is_head(name));
                Self::new(kind, weights, on, bundled::NAME, Some(bundled::sha256().to_owned()))
            }
            WeightsSource::Random => {
                Self::new(kind, kind.architecture().random_weights(seed, on.0)?, on, "random", None)
            }
            WeightsSource::File(path) => Self::from_file(kind, path, on, &source.to_string()),
            WeightsSource::Imagenet => {
                let path = fetch_imagenet(kind, places, watch)?;
                Self::from_file(kind, &path, on, "imagenet")
            }
        }
    }

    fn from_file(kind: Backbone, path: &Path, on: (&Device, Precision), name: &str) -> Result<Self> {
        let mut weights = StateDict::load(path, on.0)?;
        if kind == Backbone::MobilenetV2 {
            weights.rename(mobilenet::name_from_timm);
        }
        weights.retain(|name| !head::is_head(name));
        let sha256 = sha256(path, &Unwatched)?;
        Self::new(kind, weights, on, name, Some(sha256)).map_err(|error| about_file(&error, path))
    }

    /// A network of weights that are at hand.
    ///
    /// # Errors
    /// Where they do not fit.
    pub fn from_weights(kind: Backbone, weights: StateDict, device: &Device, source: &str) -> Result<Self> {
        Self::new(kind, weights, (device, Precision::F32), source, None)
    }

    fn new(
        kind: Backbone,
        weights: StateDict,
        (device, precision): (&Device, Precision),
        source: &str,
        sha256: Option<String>,
    ) -> Result<Self> {
        let precision = if device.is_cpu() { precision } else { Precision::F32 };
        let engine = if device.is_cpu() {
            Engine::Processor(FrozenNetwork::new(kind, &weights, precision)?)
        } else {
            Engine::Device(CandleNetwork::new(kind.architecture(), &weights)?)
        };
        let fingerprint = weights.fingerprint()?.to_hex().to_string();
        let origin = Origin { source: source.to_owned(), sha256, fingerprint };
        Ok(Self { kind, engine: Arc::new(engine), weights, device: device.clone(), precision, origin })
    }

    /// Which network it is.
    pub fn kind(&self) -> Backbone {
        self.kind
    }

    /// Features of one photo.
    pub fn feature_count(&self) -> usize {
        self.kind.features()
    }

    /// Where the weights came from.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The device that it computes on.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// What it multiplies.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// How many photos to run at once.
    pub fn batch_size(&self) -> usize {
        if self.device.is_cpu() { 32 } else { 128 }
    }

    /// Features (`count`, [`Network::feature_count`]) row by row, of photos (`count`, 3, 224, 224) ready for the
    /// network.
    ///
    /// # Errors
    /// Where the device fails, or `photos` are not as many as said.
    pub fn features(&self, photos: &[f32], count: usize) -> Result<Vec<f32>> {
        match self.engine.as_ref() {
            Engine::Processor(backbone) if photos.len() == count * INPUT_VALUES => {
                Ok(backbone.features(photos, INPUT_SIZE, INPUT_SIZE))
            }
            Engine::Processor(_) => Err(Error::new(format!("{count} photos were announced, not those that came"))),
            Engine::Device(backbone) => {
                let maps = self.maps(backbone, photos, count)?;
                candle_network::pool(&maps)?
                    .flatten_all()
                    .and_then(|t| t.to_vec1())
                    .map_err(failed("read the features"))
            }
        }
    }

    /// Last feature maps (`count`, C, h, w) of photos (`count`, 3, 224, 224).
    fn maps(&self, backbone: &CandleNetwork, photos: &[f32], count: usize) -> Result<Tensor> {
        backbone.feature_maps(&self.to_device(photos, count)?, Statistics::Frozen)
    }

    fn to_device(&self, photos: &[f32], count: usize) -> Result<Tensor> {
        let shape = (count, 3, INPUT_SIZE, INPUT_SIZE);
        Tensor::from_slice(photos, shape, &self.device).map_err(failed("pass photos to the device"))
    }

    /// Channels, rows and columns of the maps before the last block of one photo.
    pub fn maps_shape(&self) -> [usize; 3] {
        self.kind.architecture().maps_before_last_block(INPUT_SIZE)
    }

    /// The maps before the last block ([`Network::maps_shape`]), one after the other, of photos (`count`, 3, 224, 224).
    ///
    /// # Errors
    /// As [`Network::features`].
    pub fn maps_before_last_block(&self, photos: &[f32], count: usize) -> Result<Vec<f32>> {
        match self.engine.as_ref() {
            Engine::Processor(backbone) => {
                let block = self.kind.architecture().last_block;
                Ok(backbone.maps_before(block, photos, INPUT_SIZE, INPUT_SIZE))
            }
            Engine::Device(backbone) => {
                let maps = backbone.maps_before_last_block(&self.to_device(photos, count)?)?;
                maps.flatten_all().and_then(|t| t.to_vec1()).map_err(failed("read the feature maps"))
            }
        }
    }

    /// The feature maps of one photo (3, 224, 224) after the stem and `blocks` blocks: (channels, rows, columns).
    ///
    /// # Errors
    /// Where the device fails, or the photo is of another size.
    pub fn maps_after(&self, blocks: usize, photo: &[f32]) -> Result<Vec<f32>> {
        match self.engine.as_ref() {
            Engine::Processor(backbone) if photo.len() == INPUT_VALUES => {
                Ok(backbone.maps_before(blocks, photo, INPUT_SIZE, INPUT_SIZE))
            }
            Engine::Processor(_) => Err(Error::new(format!("A photo of {} values came", photo.len()))),
            Engine::Device(backbone) => {
                let maps = backbone.maps_before(blocks, &self.to_device(photo, 1)?)?;
                maps.flatten_all().and_then(|t| t.to_vec1()).map_err(failed("read the feature maps"))
            }
        }
    }

    /// Digest of the tensors before the last block, in hexadecimal: the same for the same maps before it.
    ///
    /// # Errors
    /// Where a tensor cannot be brought back from its device.
    pub fn prefix_fingerprint(&self) -> Result<String> {
        let mut prefix = self.weights.clone();
        for spec in self.kind.architecture().convolutions_from(Start::LastBlock) {
            prefix.retain(|name| {
                !name.starts_with(&format!("{}.", spec.conv)) && !name.starts_with(&format!("{}.", spec.norm))
            });
        }
        Ok(prefix.fingerprint()?.to_hex().chars().take(16).collect())
    }

    /// The backbone's tensors.
    pub fn weights(&self) -> &StateDict {
        &self.weights
    }

    /// The same network with other weights, trained from these.
    ///
    /// # Errors
    /// Where they do not fit.
    pub fn with_weights(&self, weights: StateDict) -> Result<Self> {
        Self::new(self.kind, weights, (&self.device, self.precision), &self.origin.source, None)
    }

    /// The last feature maps of one photo (3, 224, 224).
    fn last_maps(&self, photo: &[f32]) -> Result<FeatureMaps> {
        match self.engine.as_ref() {
            Engine::Processor(backbone) => Ok(backbone.last_maps(photo, INPUT_SIZE, INPUT_SIZE)),
            Engine::Device(backbone) => {
                let what = "read the feature maps";
                let maps = self.maps(backbone, photo, 1)?;
                let (_, _, height, width) = maps.dims4().map_err(failed(what))?;
                let values = maps.flatten_all().and_then(|t| t.to_vec1()).map_err(failed(what))?;
                Ok(FeatureMaps { values, height, width })
            }
        }
    }

    /// The weights with this head as a model file, kernels as halves, with these notes: half the size, for weights that
    /// travel with the program.
    ///
    /// # Errors
    /// Where a tensor cannot be brought back from its device.
    pub fn to_half_model_file(
        &self,
        head: &Head,
        threshold: impl Into<Threshold>,
        notes: &[(&str, String)],
    ) -> Result<Vec<u8>> {
        let mut weights = self.with_notes(head, threshold.into(), notes);
        // What they were judged in binds nobody.
        weights.metadata.remove("precision");
        weights.to_half_safetensors()
    }

    fn with_notes(&self, head: &Head, threshold: Threshold, notes: &[(&str, String)]) -> StateDict {
        let mut weights = self.weights.clone();
        head.store(&mut weights, self.kind);
        weights.metadata = model_file::notes(self.kind, threshold);
        weights.metadata.insert("precision".to_owned(), self.precision.to_string());
        weights.metadata.extend(notes.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
        weights
    }
}

impl Model {
    /// Opens a model file: a backbone with a head of two classes. Class order and threshold come from its metadata,
    /// or are taken to be intact, cracked and one half. Unless another is asked for, the precision is that of its
    /// features in training, where the processor has it and the file says so; the program's own model takes the
    /// fastest.
    ///
    /// # Errors
    /// Where it cannot be read, does not fit, or says that its classes are others.
    pub fn open(file: &ModelFile, compute: Compute) -> Result<Self> {
        let (device, _) = device::open(compute.device)?;
        let automatic = compute.precision == PrecisionChoice::Auto;
        match file {
            ModelFile::Bundled => {
                let on = (&device, device::precision(compute.precision, &device)?);
                Self::from_weights(bundled::load(&device)?, bundled::NAME, bundled::sha256(), on)
            }
            ModelFile::File(path) => {
                let weights = StateDict::load(path, &device)?;
                let in_bf16 = weights.metadata.get("precision").is_some_and(|p| *p == Precision::Bf16.to_string());
                let choice = if automatic && !in_bf16 { PrecisionChoice::F32 } else { compute.precision };
                let on = (&device, device::precision(choice, &device)?);
                let (name, sha256) = (path.display().to_string(), sha256(path, &Unwatched)?);
                Self::from_weights(weights, &name, &sha256, on).map_err(|error| about_file(&error, path))
            }
        }
    }

    fn from_weights(mut weights: StateDict, source: &str, sha256: &str, on: (&Device, Precision)) -> Result<Self> {
        let (backbone, head, threshold) = model_file::parts(&weights)?;
        let temperature = model_file::temperature(&weights);
        weights.retain(|name| !head::is_head(name));
        let network = Network::new(backbone, weights, on, source, Some(sha256.to_owned()))?;
        Ok(Self { network, head, threshold, temperature })
    }

    /// A freshly trained model.
    pub fn trained(network: Network, head: Head) -> Self {
        Self { network, head, threshold: Threshold::default(), temperature: 1.0 }
    }

    /// Divides the logits by `temperature`.
    ///
    /// # Errors
    /// Where the device has no room.
    pub fn divide_logits(&mut self, temperature: f64) -> Result<()> {
        self.head = self.head.divided_by(temperature)?;
        self.temperature *= temperature;
        Ok(())
    }

    /// What `model.safetensors` holds, kept after `epoch`: tensors under torchvision's names, and in the metadata what is
    /// needed to use them.
    pub fn to_state(&self, epoch: usize) -> StateDict {
        let mut notes = vec![("epoch", epoch.to_string())];
        if self.temperature != 1.0 {
            notes.push((model_file::TEMPERATURE, self.temperature.to_string()));
        }
        self.network.with_notes(&self.head, self.threshold, &notes)
    }

    /// Probabilities of being cracked, from features (N, F) row by row.
    ///
    /// # Errors
    /// Where the device fails.
    pub fn p_positive(&self, features: &[f32]) -> Result<Vec<f32>> {
        self.head.p_positive(features)
    }

    /// The last feature maps of one photo (3, 224, 224).
    pub(super) fn last_maps(&self, photo: &[f32]) -> Result<FeatureMaps> {
        self.network.last_maps(photo)
    }
}

/// The file of the ImageNet weights, fetched if it is not there yet.
///
/// # Errors
/// As [`Hub::fetch`].
pub fn fetch_imagenet(kind: Backbone, places: &Places, watch: &dyn Watch) -> Result<PathBuf> {
    Hub::from_env(&places.weight_records())?.fetch(&hub::source_for(kind)?, watch)
}

fn no_bundled(backbone: Backbone) -> Error {
    Error::usage(format!("No weights of {} come with the program", backbone.title()))
        .hint("give --weights imagenet, random or a .safetensors or .pth file; or take resnet18")
}

pub(super) fn about_file(error: &Error, path: &Path) -> Error {
    let named = Error::new(format!("Cannot use the weights in {}", path.display())).detail(error.title());
    let usual =
        "give the weights of resnet18 or mobilenet_v2, with torchvision's names, in a .safetensors or .pth file";
    error.details().iter().cloned().fold(named, Error::detail).hint(error.advice().unwrap_or(usual))
}
