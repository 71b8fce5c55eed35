//! The swapped last layer: features to two logits, intact and cracked.

mod rows;

use candle_core::{D, Device, Result as CandleResult, Tensor, Var};

pub use self::rows::{Fit, Labelled, Slope, class_weights};
use super::architecture::Backbone;
use super::failed;
use super::random;
use super::state_dict::StateDict;
use crate::error::Result;

/// Stream of random numbers for the head's initial values.
const STREAM: u64 = 1;

/// A linear layer from features (N, F) to logits (N, 2).
#[derive(Clone, Debug)]
pub struct Head {
    weight: Var,
    bias: Var,
}

impl Head {
    /// A head with PyTorch's initial values: even between ±1/√F.
    ///
    /// # Errors
    /// Where the device has no room.
    pub fn random(features: usize, seed: u64, device: &Device) -> Result<Self> {
        let mut rng = random::generator(seed, STREAM);
        let bound = 1.0 / (features as f32).sqrt();
        let weight = random::uniform(&[2, features], bound, &mut rng, device)?;
        let bias = random::uniform(&[2], bound, &mut rng, device)?;
        Self::new(&weight, &bias)
    }

    /// A head with these values: weight (2, F), bias (2).
    ///
    /// # Errors
    /// Where the device has no room.
    pub fn new(weight: &Tensor, bias: &Tensor) -> Result<Self> {
        let var = |tensor: &Tensor| Var::from_tensor(tensor).map_err(failed("set up the last layer"));
        Ok(Self { weight: var(weight)?, bias: var(bias)? })
    }

    /// The head stored under torchvision's names, such as `fc.weight` and `fc.bias`.
    ///
    /// # Errors
    /// Where they are missing or are not of two classes.
    pub fn from_weights(weights: &StateDict, backbone: Backbone) -> Result<Self> {
        let mut own = StateDict::default();
        for (name, tensor) in weights.iter().filter(|(name, _)| is_head(name)) {
            own.insert(name, tensor.clone());
        }
        let [weight, bias] = names(backbone);
        own.check(&shapes(backbone))?;
        Self::new(own.get(&weight)?, own.get(&bias)?)
    }

    /// Stores the present values under torchvision's names.
    pub fn store(&self, weights: &mut StateDict, backbone: Backbone) {
        let [weight, bias] = names(backbone);
        weights.insert(weight, self.weight.as_detached_tensor());
        weights.insert(bias, self.bias.as_detached_tensor());
    }

    /// Copies the present values, so that later steps leave the copy alone.
    ///
    /// # Errors
    /// Where the device has no room.
    pub fn snapshot(&self) -> Result<Self> {
        let copy = |var: &Var| var.as_detached_tensor().copy().map_err(failed("copy the last layer"));
        Self::new(&copy(&self.weight)?, &copy(&self.bias)?)
    }

    /// A head whose logits are these divided by `temperature`.
    ///
    /// # Errors
    /// Where the device has no room.
    pub fn divided_by(&self, temperature: f64) -> Result<Self> {
        let divided = |var: &Var| (var.as_detached_tensor() / temperature).map_err(failed("scale the last layer"));
        Self::new(&divided(&self.weight)?, &divided(&self.bias)?)
    }

    /// Features (N, F) to logits (N, 2).
    ///
    /// # Errors
    /// Where the device fails or the shape is not as said.
    pub fn logits(&self, features: &Tensor) -> CandleResult<Tensor> {
        features.matmul(&self.weight.t()?)?.broadcast_add(&self.bias)
    }

    /// The variables that training changes, weights before biases.
    pub fn variables(&self) -> [&Var; 2] {
        [&self.weight, &self.bias]
    }

    /// Weight (2 × F, row by row) and bias (2).
    ///
    /// # Errors
    /// Where the device fails.
    pub fn values(&self) -> Result<(Vec<f32>, Vec<f32>)> {
        let values = |var: &Var| var.flatten_all()?.to_vec1();
        let both = || Ok((values(&self.weight)?, values(&self.bias)?));
        both().map_err(failed("read the last layer"))
    }

    /// Row of the weight for cracked minus that for intact (F), and the same of the bias: what speaks for a crack.
    ///
    /// # Errors
    /// Where the device fails.
    pub fn contrast(&self) -> CandleResult<(Vec<f32>, f32)> {
        let weight = (self.weight.get(1)? - self.weight.get(0)?)?.to_vec1()?;
        let bias = (self.bias.get(1)? - self.bias.get(0)?)?.to_scalar()?;
        Ok((weight, bias))
    }
}

/// Whether a tensor of this name belongs to the last layer of any backbone.
pub fn is_head(name: &str) -> bool {
    name.starts_with("fc.") || name.starts_with("classifier.")
}

/// Names and shapes of its tensors.
pub fn shapes(backbone: Backbone) -> [(String, Vec<usize>); 2] {
    let [weight, bias] = names(backbone);
    [(weight, vec![2, backbone.features()]), (bias, vec![2])]
}

/// The names of weight and bias.
fn names(backbone: Backbone) -> [String; 2] {
    ["weight", "bias"].map(|part| format!("{}.{part}", backbone.head()))
}

/// Mean cross entropy of logits (N, 2) against classes (N, u32). With `class_weights` (2), each photo counts as much
/// as its class, and the sum is divided by the sum of the weights, as PyTorch does.
///
/// # Errors
/// Where the device fails or the shapes do not fit.
pub fn cross_entropy(logits: &Tensor, classes: &Tensor, class_weights: Option<&Tensor>) -> CandleResult<Tensor> {
    let log_p = candle_nn::ops::log_softmax(logits, D::Minus1)?;
    let losses = log_p.gather(&classes.unsqueeze(1)?, 1)?.squeeze(1)?.neg()?;
    match class_weights {
        None => losses.mean_all(),
        Some(weights) => {
            let weights = weights.index_select(classes, 0)?;
            (losses * &weights)?.sum_all()? / weights.sum_all()?
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// torch.nn.functional.cross_entropy(torch.tensor([[1., 2.], [0.5, -1.], [0., 0.]]), torch.tensor([1, 1, 0])
    /// [, weight=torch.tensor([0.5, 2.])])
    #[test]
    fn cross_entropy_agrees_with_pytorch() {
        let logits = Tensor::new(&[[1f32, 2.0], [0.5, -1.0], [0.0, 0.0]], &Device::Cpu).unwrap();
        let classes = Tensor::new(&[1u32, 1, 0], &Device::Cpu).unwrap();
        let weights = Tensor::new(&[0.5f32, 2.0], &Device::Cpu).unwrap();
        let plain: f32 = cross_entropy(&logits, &classes, None).unwrap().to_scalar().unwrap();
        let weighted: f32 = cross_entropy(&logits, &classes, Some(&weights)).unwrap().to_scalar().unwrap();
        assert!((plain - 0.902_607_4).abs() < 1e-5, "{plain}");
        assert!((weighted - 0.972_427_5).abs() < 1e-5, "{weighted}");
    }

    #[test]
    fn a_head_for_more_classes_is_refused() {
        let mut weights = StateDict::default();
        weights.insert("fc.weight", Tensor::zeros((1000, 512), candle_core::DType::F32, &Device::Cpu).unwrap());
        let error = Head::from_weights(&weights, Backbone::Resnet18).unwrap_err();
        assert_eq!(error.details().len(), 2, "{error}");
    }
}
