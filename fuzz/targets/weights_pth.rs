//! `.pth` files of weights: pickles within an archive, and archives as they are.

#![no_main]

mod place;
mod zipped;

use candle_core::Device;
use crackscope::nn::state_dict::StateDict;
use libfuzzer_sys::fuzz_target;

fuzz_target!(init: place::let_caught_panics_pass(), |data: &[u8]| {
    let path = place::file("weights.pth", &zipped::of_pickle(data));
    if let Ok(weights) = StateDict::load(&path, &Device::Cpu) {
        assert!(weights.fingerprint().is_ok());
    }
});
