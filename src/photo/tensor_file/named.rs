//! Tensors by name: a model's weights, as `torch.save(model.state_dict(), path)` writes them.
//!
//! Whatever such a file says, no more is read than [`decode::MAX_FILE_BYTES`] and no more made than [`MAX_VALUES`]
//! values, and what is not a tensor is passed over without being called.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;
use std::rc::Rc;

use super::pickle::{self, Layout, Scope};
use super::{Archive, gather};
use crate::error::{Context, Error, Result};
use crate::photo::decode;

/// The most values of all tensors together: 512 MB of single precision, eleven times a ResNet18.
const MAX_VALUES: usize = 1 << 27;

/// A pickle of the weights of the networks here takes 30 kB.
const MAX_PICKLE_BYTES: u64 = 1 << 20;

/// A tensor of a weights file.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedTensor {
    /// Its name.
    pub name: String,
    /// Length of each dimension, the slowest first.
    pub shape: Vec<usize>,
    /// As many values as the product of `shape`, in single precision, whatever they were stored in.
    pub values: Vec<f32>,
}

/// Reads the tensors of a `.pth` file: those of the dictionary in it, or of the one under its key `state_dict`.
///
/// # Errors
/// Where it cannot be read, is damaged, too large, or holds no dictionary of tensors. The title is the cause alone.
pub fn read_named(path: &Path) -> Result<Vec<NamedTensor>> {
    let file = File::open(path).context("it cannot be read")?;
    let length = file.metadata().context("it cannot be read")?.len();
    decode::check_length(length)?;
    decode::guarded(|| read(BufReader::new(file), length))
}

fn read(reader: impl Read + Seek, length: u64) -> Result<Vec<NamedTensor>> {
    let mut archive = Archive::open(reader)?.ok_or_else(|| Error::new("it is a zip archive without weights"))?;
    let pickle = archive.entry("data.pkl", MAX_PICKLE_BYTES)?;
    let little_endian = archive.is_little_endian()?;
    let named = pickle::read(&mut pickle.as_slice(), Scope::Weights)?.named_tensors();
    if named.is_empty() {
        return Err(Error::new("it holds no tensors by name"));
    }
    check_sizes(&named)?;
    // Several tensors may lie in one storage. It is read once, and let go of before the next.
    let mut by_storage: BTreeMap<&str, Vec<(&str, &Layout)>> = BTreeMap::new();
    for (name, layout) in &named {
        by_storage.entry(&layout.storage.key).or_default().push((name, layout));
    }
    let mut tensors = Vec::with_capacity(named.len());
    let mut left = length;
    for (key, of_storage) in by_storage {
        // Entries of an archive can lie on top of each other; those of a sound one come to no more than the file.
        let data = archive.entry(&format!("data/{key}"), left)?;
        left -= data.len() as u64;
        for (name, layout) in of_storage {
            let values = gather(layout, &data, little_endian)?;
            tensors.push(NamedTensor { name: name.to_owned(), shape: layout.shape.clone(), values });
        }
    }
    Ok(tensors)
}

/// Refuses more values than any network here has, before room is made for one of them.
fn check_sizes(named: &[(Rc<str>, Rc<Layout>)]) -> Result<()> {
    let values = |layout: &Layout| layout.shape.iter().try_fold(1_usize, |product, side| product.checked_mul(*side));
    let all = named.iter().try_fold(0_usize, |sum, (_, layout)| sum.checked_add(values(layout)?));
    if all.is_none_or(|all| all > MAX_VALUES) {
        return Err(Error::new("its tensors are too large"));
    }
    Ok(())
}
