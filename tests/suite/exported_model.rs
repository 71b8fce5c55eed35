//! Exported models in PyTorch and ONNX Runtime against the program itself, where there is a Python with these.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Command;

use crackscope::nn::architecture::Backbone;

use super::parity::formula_model;
use super::shared::samples;

/// What `check_export.py` ends with where a package is missing.
const SKIPPED: i32 = 77;
/// Photos to look at: a batch of five and a rest.
const PHOTOS: usize = 7;

#[test]
fn pytorch_and_onnx_runtime_say_what_the_program_says() {
    let folder = tempfile::tempdir().unwrap();
    let photos = folder.path().join("photos");
    some_photos(&photos);
    let models = [Backbone::Resnet18, Backbone::MobilenetV2].map(|backbone| {
        let path = folder.path().join(format!("{}.safetensors", backbone.name()));
        fs::write(&path, formula_model(backbone).to_safetensors().unwrap()).unwrap();
        path
    });
    let python = std::env::var_os("CRACKSCOPE_PYTHON").unwrap_or_else(|| OsString::from("python3"));
    let checked = Command::new(&python)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/check_export.py"))
        .args([env!("CARGO_BIN_EXE_crackscope").as_ref(), photos.as_os_str(), "bundled".as_ref()])
        .args(&models)
        .output();
    let Ok(checked) = checked else {
        eprintln!("skipped: there is no {}", python.display());
        return;
    };
    let [said, complaints] = [&checked.stdout, &checked.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    eprintln!("{said}");
    if checked.status.code() != Some(SKIPPED) {
        assert!(checked.status.success(), "{complaints}");
        assert_eq!(said.lines().count(), 3, "{said}");
    }
}

/// Copies of some of the samples, cracked and intact.
fn some_photos(to: &Path) {
    fs::create_dir(to).unwrap();
    let mut taken = 0;
    for class in ["Positive", "Negative"] {
        let entries = fs::read_dir(samples().join(class)).unwrap();
        let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        files.sort();
        for file in files.iter().take(PHOTOS.div_ceil(2).min(PHOTOS - taken)) {
            fs::copy(file, to.join(format!("{class} {}", file.file_name().unwrap().display()))).unwrap();
            taken += 1;
        }
    }
    assert_eq!(taken, PHOTOS);
}
