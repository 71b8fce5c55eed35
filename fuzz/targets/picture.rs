//! Photos: whole, reduced as thumbnails and as the network takes them, and what their headers say.

#![no_main]

mod place;

use std::path::Path;

use crackscope::photo::{MAX_PIXELS, decode, exif, thumbnail, transform};
use libfuzzer_sys::fuzz_target;

fuzz_target!(init: place::let_caught_panics_pass(), |data: &[u8]| {
    let path = Path::new("photo");
    if let Ok(picture) = decode::decode_bytes(data) {
        assert!(u64::from(picture.width()) * u64::from(picture.height()) <= MAX_PIXELS);
    }
    let _ = thumbnail::thumbnail_from_bytes(path, data, 96);
    if let Ok(input) = transform::load_input_from_bytes(path, data) {
        assert!(input.iter().all(|value| value.is_finite()));
    }
    let _ = exif::taken_at(data);
    let file = place::file("photo", data);
    let _ = (decode::header(&file), exif::facts(&file));
});
