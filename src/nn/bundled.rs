//! The weights that come with the program: trained by it, from random values, on photos of concrete.
//!
//! What they were trained on and how good they are stands in `weights/README.md`.

use candle_core::Device;

use super::architecture::Backbone;
use super::hub::check;
use super::state_dict::StateDict;
use crate::error::{Error, Result};

/// What stands for them where weights or a run are to be given.
pub const NAME: &str = "bundled";
/// The same for people, among runs.
pub const TITLE: &str = "Bundled model";
/// The backbone that they fit.
pub const BACKBONE: Backbone = Backbone::Resnet18;
/// The file in `weights/`, ready to be used by itself: with a head, and threshold and temperature in its metadata.
pub const BYTES: &[u8] = include_bytes!("../../weights/resnet18_concrete.safetensors");
/// How they were made and how good they are, in Markdown, under the heading of their file's name.
pub const CARD: &str = include_str!("../../weights/README.md");
/// SHA-256 of [`BYTES`].
const SHA256: &str = include_str!("../../weights/resnet18_concrete.sha256");

/// The weights with their head, on `device`.
///
/// # Errors
/// Where the program's file is damaged, or the device fails.
pub fn load(device: &Device) -> Result<StateDict> {
    StateDict::from_safetensors(BYTES, device)
}

/// The SHA-256 of [`BYTES`], in lower-case hexadecimal digits, as it is known to be.
pub fn sha256() -> &'static str {
    SHA256.split_whitespace().next().unwrap_or_default()
}

/// Compares [`BYTES`] with their SHA-256.
///
/// # Errors
/// Where they differ.
pub fn verify() -> Result<()> {
    let found = check::sha256_of(BYTES);
    if found == sha256() {
        return Ok(());
    }
    Err(Error::new("The weights in this program are damaged")
        .detail(format!("their SHA-256 is {found} instead of {}", sha256()))
        .hint("install the program again"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::head::Head;

    #[test]
    fn the_file_is_whole_and_small_and_says_what_it_is() {
        verify().unwrap();
        assert!(BYTES.len() < 24_000_000);
        let mut weights = load(&Device::Cpu).unwrap();
        let notes = weights.metadata.clone();
        assert_eq!((notes["backbone"].as_str(), notes["classes"].as_str()), (BACKBONE.name(), "Negative,Positive"));
        let number = |key: &str| notes[key].parse::<f64>().unwrap();
        assert!(number("threshold") > 0.0 && number("threshold") < 1.0);
        assert!(number("temperature") > 0.0);
        Head::from_weights(&weights, BACKBONE).unwrap();
        weights.retain(|name| !crate::nn::head::is_head(name));
        weights.check(&BACKBONE.architecture().tensor_shapes()).unwrap();
    }
}
