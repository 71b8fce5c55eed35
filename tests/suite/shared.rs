//! Real photos and reference values, which lie beside the repository where there are any.

use std::path::PathBuf;

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
