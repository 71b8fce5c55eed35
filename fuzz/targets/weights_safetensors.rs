//! `.safetensors` files: a header within its length, and files as they are.

#![no_main]

mod place;

use candle_core::Device;
use crackscope::nn::network::ModelFile;
use crackscope::nn::portable::PortableModel;
use crackscope::nn::state_dict::{self, StateDict};
use libfuzzer_sys::fuzz_target;

fuzz_target!(init: place::let_caught_panics_pass(), |data: &[u8]| {
    // A header is text: with its right length before it and some numbers behind it.
    let bytes = match data.first() {
        Some(b'{') => [&(data.len() as u64).to_le_bytes(), data, &[63; 64]].concat(),
        _ => data.to_vec(),
    };
    if let Ok(weights) = StateDict::from_safetensors(&bytes, &Device::Cpu) {
        let written = weights.to_safetensors().expect("what was read can be written");
        let again = StateDict::from_safetensors(&written, &Device::Cpu).expect("what was written can be read");
        assert_eq!(weights.metadata, again.metadata);
        assert_eq!(weights.fingerprint().ok(), again.fingerprint().ok());
    }
    let path = place::file("model.safetensors", &bytes);
    let _ = state_dict::read_metadata(&path);
    let _ = PortableModel::open(&ModelFile::File(path));
});
