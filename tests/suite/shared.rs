//! What tests work on: sample photos of the program's own, and real photos and reference values, which lie beside the
//! repository where there are any.

use std::path::PathBuf;
use std::sync::OnceLock;

use crackscope::dataset::sample::{self, SampleConfig};
use crackscope::job::Unwatched;
use crackscope::places::Places;

/// The file or folder `name` of the shared material; `None`, said once, where it is absent.
pub fn shared(name: &str) -> Option<PathBuf> {
    let beside = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared"));
    let path = std::env::var_os("CRACKSCOPE_SHARED").map_or_else(beside, PathBuf::from).join(name);
    if !path.exists() {
        eprintln!("skipped: {} is not there", path.display());
        return None;
    }
    Some(path)
}

/// A folder of 48 sample photos, half of them cracked, made once and kept between runs of the tests.
pub fn samples() -> PathBuf {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(|| {
        let config = SampleConfig { photos: 48, ..SampleConfig::default() };
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(config.folder_name());
        sample::write_samples(&folder, &config, &Unwatched).unwrap();
        folder
    })
    .clone()
}

/// The program's own folders, all below one that goes away with the test.
pub fn places() -> (tempfile::TempDir, Places) {
    let folder = tempfile::tempdir().unwrap();
    let places = Places::below(folder.path());
    (folder, places)
}
