//! `.pt` files of one tensor: pickles within an archive, archives as they are, and the older form.

#![no_main]

mod place;
mod zipped;

use crackscope::photo::{decode, tensor_file};
use libfuzzer_sys::fuzz_target;

fuzz_target!(init: place::let_caught_panics_pass(), |data: &[u8]| {
    let bytes = zipped::of_pickle(data);
    if let Ok(tensor) = tensor_file::read_bytes(&bytes) {
        assert_eq!(tensor.values.len(), tensor.shape.iter().product::<usize>());
        let _ = tensor_file::picture(&tensor);
    }
    let _ = decode::header(&place::file("1.pt", &bytes));
});
