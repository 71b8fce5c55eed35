//! A trained model as plain numbers, for files that other programs read.

use std::collections::BTreeMap;

use candle_core::Device;

use super::architecture::{Backbone, ConvSpec, EPSILON};
use super::network::{ModelFile, about_file};
use super::state_dict::StateDict;
use super::{bundled, head, model_file};
use crate::error::Result;

/// A backbone with its trained head, in single precision, and its notes.
#[derive(Clone, Debug)]
pub struct PortableModel {
    backbone: Backbone,
    weights: StateDict,
}

/// What a convolution or a linear layer multiplies with and adds.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// (outputs, inputs of one output, size, size) of a convolution, (outputs, inputs) of a linear layer.
    pub weight: Vec<f32>,
    /// (outputs).
    pub bias: Vec<f32>,
}

impl PortableModel {
    /// Reads a model file.
    ///
    /// # Errors
    /// Where it cannot be read, does not fit, or says that its classes are others.
    pub fn open(file: &ModelFile) -> Result<Self> {
        match file {
            ModelFile::Bundled => Self::of(bundled::load(&Device::Cpu)?),
            ModelFile::File(path) => {
                let weights = StateDict::load(path, &Device::Cpu)?;
                Self::of(weights).map_err(|error| about_file(&error, path))
            }
        }
    }

    fn of(mut weights: StateDict) -> Result<Self> {
        let (backbone, _, threshold) = model_file::parts(&weights)?;
        let mut needed = backbone.architecture().tensor_shapes();
        needed.extend(head::shapes(backbone));
        weights.check(&needed)?;
        let mut notes = model_file::notes(backbone, threshold);
        // What the file says goes before what is supposed of a file that says nothing.
        notes.append(&mut weights.metadata);
        threshold.write_notes(&mut notes);
        weights.metadata = notes;
        Ok(Self { backbone, weights })
    }

    /// Which network it is.
    pub fn backbone(&self) -> Backbone {
        self.backbone
    }

    /// What the model says of itself: `backbone`, `classes`, `threshold`, `input_size`, `mean`, `std` and more.
    pub fn notes(&self) -> &BTreeMap<String, String> {
        &self.weights.metadata
    }

    /// The bytes of a `.safetensors` file in single precision, with torchvision's names. PyTorch's counters of batches
    /// are not among them: `load_state_dict` does without for a dictionary that says no version, as that of
    /// `safetensors.torch.load_file`.
    ///
    /// # Errors
    /// Where there is no memory for them.
    pub fn to_safetensors(&self) -> Result<Vec<u8>> {
        self.weights.to_safetensors()
    }

    /// A convolution with the batch norm that follows it folded in: with γ, β, μ and σ² of the norm, the kernel times
    /// γ / √(σ² + ε), and β − μ · γ / √(σ² + ε).
    ///
    /// # Errors
    /// Where the network has no such convolution.
    pub fn convolution(&self, spec: &ConvSpec) -> Result<Layer> {
        let norm = |part: &str| self.weights.values(&format!("{}.{part}", spec.norm));
        let (gamma, beta, mean, variance) =
            (norm("weight")?, norm("bias")?, norm("running_mean")?, norm("running_var")?);
        let scale = |(gamma, variance): (&f32, &f32)| f64::from(*gamma) / (f64::from(*variance) + EPSILON).sqrt();
        let scales: Vec<f64> = gamma.iter().zip(&variance).map(scale).collect();

        let mut weight = self.weights.values(&format!("{}.weight", spec.conv))?;
        for (kernel, scale) in weight.chunks_exact_mut(spec.kernel_shape().iter().skip(1).product()).zip(&scales) {
            kernel.iter_mut().for_each(|value| *value = (f64::from(*value) * scale) as f32);
        }
        let shift = |((beta, mean), scale): ((&f32, &f32), &f64)| (f64::from(*beta) - f64::from(*mean) * scale) as f32;
        let bias = beta.iter().zip(&mean).zip(&scales).map(shift).collect();
        Ok(Layer { weight, bias })
    }

    /// The last layer, from features to two logits.
    ///
    /// # Errors
    /// None that [`PortableModel::open`] has not found.
    pub fn head(&self) -> Result<Layer> {
        let name = self.backbone.head();
        let part = |part: &str| self.weights.values(&format!("{name}.{part}"));
        Ok(Layer { weight: part("weight")?, bias: part("bias")? })
    }
}

#[cfg(test)]
impl PortableModel {
    /// An untrained model.
    pub fn untrained(backbone: Backbone) -> Self {
        Self::of(untrained(backbone)).unwrap()
    }
}

#[cfg(test)]
fn untrained(backbone: Backbone) -> StateDict {
    let mut weights = backbone.architecture().random_weights(1, &Device::Cpu).unwrap();
    head::Head::random(backbone.features(), 1, &Device::Cpu).unwrap().store(&mut weights, backbone);
    weights
}

#[cfg(test)]
mod tests {
    use candle_core::Tensor;

    use super::*;

    /// `torch.nn.utils.fusion.fuse_conv_bn_eval` of a convolution of ones with γ 2, β 3, μ 0.5, σ² 4.
    #[test]
    fn batch_norm_is_folded_into_the_kernel() {
        let mut weights = untrained(Backbone::Resnet18);
        let stem = Backbone::Resnet18.architecture().stem;
        let values = [("weight", 2.0), ("bias", 3.0), ("running_mean", 0.5), ("running_var", 4.0)];
        for (part, value) in values {
            let tensor = Tensor::full(value as f32, stem.outputs, &Device::Cpu).unwrap();
            weights.insert(format!("{}.{part}", stem.norm), tensor);
        }
        let kernel = Tensor::ones(&stem.kernel_shape()[..], candle_core::DType::F32, &Device::Cpu).unwrap();
        weights.insert(format!("{}.weight", stem.conv), kernel);
        let layer = PortableModel::of(weights).unwrap().convolution(&stem).unwrap();
        assert_eq!((layer.weight.len(), layer.bias.len()), (64 * 3 * 49, 64));
        assert!(layer.weight.iter().all(|w| (w - 0.999_998_75).abs() < 1e-7), "{}", layer.weight[0]);
        assert!(layer.bias.iter().all(|b| (b - 2.500_000_6).abs() < 1e-6), "{}", layer.bias[0]);
    }

    #[test]
    fn what_a_file_says_of_itself_stays_and_the_rest_is_added() {
        let mut weights = untrained(Backbone::MobilenetV2);
        for (key, value) in [("backbone", "mobilenet_v2"), ("threshold", "0.25"), ("epoch", "7"), ("mean", "0,0,0")] {
            weights.metadata.insert(key.to_owned(), value.to_owned());
        }
        let model = PortableModel::of(weights).unwrap();
        let note = |key: &str| model.notes().get(key).map(String::as_str);
        assert_eq!((note("threshold"), note("epoch"), note("mean")), (Some("0.25"), Some("7"), Some("0,0,0")));
        assert_eq!((note("classes"), note("std")), (Some("Negative,Positive"), Some("0.229,0.224,0.225")));
        let written = StateDict::from_safetensors(&model.to_safetensors().unwrap(), &Device::Cpu).unwrap();
        assert_eq!(&written.metadata, model.notes());
        assert_eq!(model.head().unwrap().weight.len(), 2 * 1280);
    }

    #[test]
    fn the_programs_own_weights_leave_in_single_precision() {
        let model = PortableModel::open(&ModelFile::Bundled).unwrap();
        let bytes = model.to_safetensors().unwrap();
        assert!(bytes.len() > 4 * 11_000_000);
        let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
        assert!(header.tensors().values().all(|info| info.dtype == safetensors::Dtype::F32));
        assert!(!model.notes().contains_key("precision"), "what they were judged in binds nobody");
    }

    #[test]
    fn weights_that_do_not_fit_are_refused_with_the_files_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.safetensors");
        let mut weights = untrained(Backbone::Resnet18);
        weights.retain(|name| name != "layer4.1.bn2.bias");
        std::fs::write(&path, weights.to_safetensors().unwrap()).unwrap();
        let error = PortableModel::open(&ModelFile::File(path)).unwrap_err().to_string();
        assert!(error.contains("mine.safetensors") && error.contains("layer4.1.bn2.bias"), "{error}");
    }
}
