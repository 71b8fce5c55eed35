//! What people say of photos against what was found: corrected labels, photos left out, tags.
//!
//! Each folder of photos has a [`journal`] of its own among the program's own files, which grows by a line an action
//! and is read whenever the folder is listed; nothing is written into the folder itself. [`Labels`] is what has been
//! done to the photos that are open, in the order in which it can be undone.
//!
//! A photo is known by its name and its content (see [`identity`]): another one under the same name inherits nothing.

mod history;
pub mod identity;
pub mod journal;
mod reading;

use std::path::{Path, PathBuf};

use super::{Dataset, Mark, Problem, scan};
use crate::error::Result;
use crate::places::Places;

pub use history::{Change, Changed, Labels, ToKeep, tag_of};
pub use journal::{Entry, Journal, Photo};
pub use reading::forget;

/// What reading the journals came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Photos whose label is another than was found.
    pub corrected: usize,
    /// Photos that corrections or tags were kept for, and that are other photos now. These are not applied.
    pub replaced: usize,
    /// Photos that they were kept for, and that are not there.
    pub missing: usize,
    /// What is wrong with a journal.
    pub problems: Vec<Problem>,
}

/// The labels of a data set that was just listed, and the journals to go on with.
#[derive(Debug, Default)]
pub struct Opened {
    /// What has been done so far.
    pub labels: Labels,
    /// A journal for each root of the data set.
    pub journals: Vec<Journal>,
    /// What reading them came to.
    pub applied: Applied,
}

/// Reads what was said of these photos before, and puts it in force.
///
/// # Errors
/// Where a journal is there and cannot be read: to go on without it would be to go on with other labels.
pub fn open(dataset: &mut Dataset, places: &Places) -> Result<Opened> {
    let journals: Vec<Journal> = dataset.roots.iter().map(|root| Journal::of(places, root)).collect();
    reading::open(dataset, journals)
}

/// The folder of the program's own in which it keeps what was said of the photos in `roots`.
pub fn own_folder(places: &Places, roots: &[PathBuf]) -> PathBuf {
    let mut hasher = blake3::Hasher::new();
    for root in roots {
        // A folder is the same one however it is written; one that is gone has its name left.
        let real = root.canonicalize().or_else(|_| std::path::absolute(root)).unwrap_or_else(|_| root.clone());
        hasher.update(real.as_os_str().as_encoded_bytes());
        hasher.update(&[0]);
    }
    let digest = hasher.finalize().to_hex();
    let name = roots.first().map_or_else(String::new, |root| readable(root));
    places.labels.join(format!("{name}-{}", &digest.as_str()[..16]))
}

/// A folder's name as far as any file system takes it.
fn readable(root: &Path) -> String {
    let name = root.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let clean = name.chars().map(|c| if c.is_alphanumeric() || "-_+".contains(c) { c } else { '-' });
    clean.take(40).collect()
}

/// Digest of the names of all photos and of the labels in force, in hexadecimal.
pub fn digest(dataset: &Dataset) -> String {
    let mut hasher = blake3::Hasher::new();
    for sample in &dataset.samples {
        hasher.update(sample.file.as_bytes());
        hasher.update(&[0]);
        hasher.update(sample.said().and_then(Mark::class).map_or("?", |class| class.name()).as_bytes());
        hasher.update(&[0]);
    }
    hasher.finalize().to_hex().to_string()
}

/// For each root what leads the names of its photos: `name/` where several are open together, else nothing.
fn leads(roots: &[PathBuf]) -> Vec<String> {
    match roots {
        [_] => vec![String::new()],
        _ => scan::root_names(roots).into_iter().map(|name| name + "/").collect(),
    }
}

#[cfg(test)]
mod tests;
