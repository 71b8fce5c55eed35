//! What a user chooses of the network and where it computes: by name, on the command line and in run folders.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::bundled;
use super::cpu::Precision;

/// Where the initial weights come from.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum WeightsSource {
    /// Those that come with the program, trained on photos of concrete.
    Bundled,
    /// ImageNet's, from the Hugging Face hub or its cache.
    Imagenet,
    /// Random values: untrained features, by seed.
    Random,
    /// A `.safetensors` or `.pth` file.
    File(PathBuf),
}

impl From<String> for WeightsSource {
    fn from(name: String) -> Self {
        match name.as_str() {
            bundled::NAME => Self::Bundled,
            "imagenet" => Self::Imagenet,
            "random" => Self::Random,
            _ => Self::File(PathBuf::from(name)),
        }
    }
}

impl From<WeightsSource> for String {
    fn from(source: WeightsSource) -> Self {
        source.to_string()
    }
}

impl fmt::Display for WeightsSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bundled => f.write_str(bundled::NAME),
            Self::Imagenet => f.write_str("imagenet"),
            Self::Random => f.write_str("random"),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}

/// Where to compute, and in what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compute {
    /// Where.
    pub device: DeviceChoice,
    /// In what.
    pub precision: PrecisionChoice,
}

/// Where to compute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum DeviceChoice {
    /// The fastest that works.
    #[default]
    Auto,
    /// The processor.
    Cpu,
    /// An NVIDIA card.
    Cuda,
    /// An Apple GPU.
    Metal,
}

/// What a frozen backbone multiplies; sums are in single precision either way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum PrecisionChoice {
    /// That of the run; for new ones bf16 where the processor multiplies it, else single.
    #[default]
    Auto,
    /// Single precision.
    F32,
    /// The upper half of single precision: faster, where the processor has it.
    Bf16,
}

impl fmt::Display for PrecisionChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
        })
    }
}

impl From<Precision> for PrecisionChoice {
    fn from(precision: Precision) -> Self {
        match precision {
            Precision::F32 => Self::F32,
            Precision::Bf16 => Self::Bf16,
        }
    }
}
