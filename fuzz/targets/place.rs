//! Where targets that read files put them: a folder of each process's own, in memory where there is such a place.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The folder.
pub fn folder() -> &'static Path {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    let made = || tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder for files");
    FOLDER.get_or_init(made).path()
}

/// A file of that folder that holds `bytes`; the folders that it lies in are made.
#[allow(dead_code)] // Not every target has a use for it.
pub fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder().join(name);
    path.parent().map(std::fs::create_dir_all).transpose().expect("a folder for files");
    std::fs::write(&path, bytes).expect("room for a file");
    path
}

/// Lets panics that the program catches itself pass. One that it does not catch ends the process all the same.
#[allow(dead_code)]
pub fn let_caught_panics_pass() {
    std::panic::set_hook(Box::new(|panic| {
        if std::env::var_os("CRACKSCOPE_FUZZ_TELL").is_some() {
            eprintln!("{panic}");
        }
    }));
}
