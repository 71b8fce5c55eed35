//! Named tensors: what a weights file holds.
//!
//! Names and shapes are torchvision's, so that files go back and forth between this program and PyTorch.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use safetensors::SafeTensors;
use serde_json::json;

use super::failed;
use crate::error::{Context, Error, Result};
use crate::photo::decode;
use crate::photo::tensor_file::{self, NamedTensor};

/// Names listed in an error before the rest is only counted.
const LISTED: usize = 24;
/// The longest header of a `.safetensors` file, as the format has it.
const MAX_HEADER: u64 = 100_000_000;

/// Values that are made bytes of together.
const WRITTEN: usize = 1 << 14;

/// Named float tensors, in order of their names, with the notes that the file carried.
#[derive(Clone, Debug, Default)]
pub struct StateDict {
    tensors: BTreeMap<String, Tensor>,
    /// Free text by key, as `.safetensors` files carry it.
    pub metadata: BTreeMap<String, String>,
}

impl StateDict {
    /// Reads `.safetensors` or `.pth`, told apart by their first bytes. No code in a pickle is run.
    ///
    /// # Errors
    /// Where the file cannot be read, is neither, or is larger than 512 MB.
    pub fn load(path: &Path, device: &Device) -> Result<Self> {
        let bytes = decode::read_file(path)?;
        if bytes.starts_with(b"PK") {
            drop(bytes);
            return Self::load_pth(path, device);
        }
        Self::from_safetensors(&bytes, device).map_err(|error| {
            Error::file("read weights from", path, error.details().join("; "))
                .hint("give a .safetensors file, or a .pth file written by torch.save(model.state_dict())")
        })
    }

    /// Reads the bytes of a `.safetensors` file.
    ///
    /// # Errors
    /// Where they are not one.
    pub fn from_safetensors(bytes: &[u8], device: &Device) -> Result<Self> {
        let title = "Cannot read the tensors";
        let (_, header) = decode::guarded(|| SafeTensors::read_metadata(bytes).context(title))?;
        let metadata = header.metadata().clone().unwrap_or_default().into_iter().collect();
        let tensors = decode::guarded(|| candle_core::safetensors::load_buffer(bytes, device).context(title))?;
        Ok(Self { tensors: floats(tensors)?, metadata })
    }

    fn load_pth(path: &Path, device: &Device) -> Result<Self> {
        let read = tensor_file::read_named(path).map_err(|error| {
            Error::file("read weights from", path, error.one_line())
                .hint("save the file with torch.save(model.state_dict(), path)")
        })?;
        let tensor = |NamedTensor { name, shape, values }| Ok((name, Tensor::from_vec(values, shape, device)?));
        let tensors = read.into_iter().map(tensor).collect::<candle_core::Result<HashMap<_, _>>>();
        let tensors = tensors.map_err(failed("move the weights to the device"))?;
        Ok(Self { tensors: floats(tensors)?, metadata: BTreeMap::new() })
    }

    /// Adds or replaces a tensor.
    pub fn insert(&mut self, name: impl Into<String>, tensor: Tensor) {
        self.tensors.insert(name.into(), tensor);
    }

    /// Adds the tensors of `other`, with `prefix` before their names.
    pub fn insert_under(&mut self, prefix: &str, other: &Self) {
        self.tensors.extend(other.iter().map(|(name, tensor)| (format!("{prefix}{name}"), tensor.clone())));
    }

    /// The tensors whose names begin with `prefix`, without it.
    pub fn under(&self, prefix: &str) -> Self {
        let found =
            self.iter().filter_map(|(name, tensor)| Some((name.strip_prefix(prefix)?.to_owned(), tensor.clone())));
        Self { tensors: found.collect(), metadata: BTreeMap::new() }
    }

    /// The tensor of this name.
    ///
    /// # Errors
    /// Where there is none.
    pub fn get(&self, name: &str) -> Result<&Tensor> {
        self.tensors.get(name).ok_or_else(|| Error::new(format!("The weights hold no tensor named {name}")))
    }

    /// The values of the tensor of this name, in the order of its last dimension first.
    ///
    /// # Errors
    /// Where there is none, or its device fails.
    pub fn values(&self, name: &str) -> Result<Vec<f32>> {
        self.get(name)?.flatten_all().and_then(|t| t.to_vec1()).map_err(failed("read the weights"))
    }

    /// Whether there is a tensor of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// Names and tensors, in order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.tensors.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }

    /// Gives tensors other names; those for which there is none keep theirs.
    pub fn rename(&mut self, name: impl Fn(&str) -> Option<String>) {
        let renamed = std::mem::take(&mut self.tensors).into_iter();
        self.tensors = renamed.map(|(old, tensor)| (name(&old).unwrap_or(old), tensor)).collect();
    }

    /// Keeps only the tensors whose name satisfies `keep`.
    pub fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        self.tensors.retain(|name, _| keep(name));
    }

    /// Compares with what a network needs.
    ///
    /// # Errors
    /// One error that lists every missing, misshapen and unexpected tensor.
    pub fn check(&self, needed: &[(String, Vec<usize>)]) -> Result<()> {
        let missing = needed.iter().filter(|(name, _)| !self.contains(name)).map(|(name, _)| name.clone()).collect();
        let misshapen = needed
            .iter()
            .filter_map(|(name, shape)| {
                let found = self.tensors.get(name)?.dims();
                (found != shape).then(|| format!("{name} is {found:?} instead of {shape:?}"))
            })
            .collect();
        let known: std::collections::BTreeSet<_> = needed.iter().map(|(name, _)| name.as_str()).collect();
        let unexpected = self.tensors.keys().filter(|name| !known.contains(name.as_str())).cloned().collect();
        let details: Vec<String> = [("missing", missing), ("misshapen", misshapen), ("unexpected", unexpected)]
            .into_iter()
            .filter_map(|(kind, names)| list(kind, names))
            .collect();
        if details.is_empty() {
            return Ok(());
        }
        Err(details.into_iter().fold(Error::new("These weights do not fit the network"), Error::detail))
    }

    /// The bytes of a `.safetensors` file that PyTorch reads too: the same bytes for the same tensors and notes.
    ///
    /// # Errors
    /// Where a tensor cannot be brought back from its device.
    pub fn to_safetensors(&self) -> Result<Vec<u8>> {
        self.bytes(|_| false)
    }

    /// The same with convolutions' kernels as halves; what is small, and statistics among it, stays as it is.
    ///
    /// # Errors
    /// As [`StateDict::to_safetensors`].
    pub fn to_half_safetensors(&self) -> Result<Vec<u8>> {
        self.bytes(|tensor| tensor.rank() == 4)
    }

    /// Writes what [`StateDict::to_safetensors`] gives, a tensor at a time, so that there is no second copy of them all.
    ///
    /// # Errors
    /// Where `out` cannot be written, or a tensor cannot be brought back from its device.
    pub fn write_safetensors(&self, out: &mut dyn Write) -> io::Result<()> {
        self.write(out, |_| false)
    }

    fn bytes(&self, as_half: impl Fn(&Tensor) -> bool) -> Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(self.tensors.values().map(|tensor| 4 * tensor.elem_count()).sum());
        self.write(&mut bytes, as_half).context("Cannot write the weights")?;
        Ok(bytes)
    }

    fn write(&self, out: &mut dyn Write, as_half: impl Fn(&Tensor) -> bool) -> io::Result<()> {
        // The library keeps the notes in a hash map, whose order changes from one call to the next; so the header is
        // put together here: https://github.com/huggingface/safetensors#format
        let mut header = serde_json::Map::new();
        if !self.metadata.is_empty() {
            header.insert("__metadata__".into(), json!(self.metadata));
        }
        let mut begin = 0;
        for (name, tensor) in &self.tensors {
            let (kind, size) = if as_half(tensor) { ("F16", 2) } else { ("F32", 4) };
            let end = begin + size * tensor.elem_count();
            let place = json!({ "dtype": kind, "shape": tensor.dims(), "data_offsets": [begin, end] });
            header.insert(name.clone(), place);
            begin = end;
        }
        let mut header = serde_json::Value::Object(header).to_string().into_bytes();
        header.resize(header.len().next_multiple_of(8), b' ');
        out.write_all(&(header.len() as u64).to_le_bytes())?;
        out.write_all(&header)?;
        let mut buffer = Vec::new();
        for tensor in self.tensors.values() {
            let values = tensor.flatten_all().and_then(|t| t.to_vec1::<f32>()).map_err(io::Error::other)?;
            for values in values.chunks(WRITTEN) {
                if as_half(tensor) {
                    fill(&mut buffer, values, |value| half::f16::from_f32(value).to_le_bytes());
                } else {
                    fill(&mut buffer, values, f32::to_le_bytes);
                }
                out.write_all(&buffer)?;
            }
        }
        Ok(())
    }

    /// A digest of names, shapes and values: equal for equal weights, whatever file they came in.
    ///
    /// # Errors
    /// Where a tensor cannot be brought back from its device.
    pub fn fingerprint(&self) -> Result<blake3::Hash> {
        let mut hasher = blake3::Hasher::new();
        for (name, tensor) in &self.tensors {
            hasher.update(name.as_bytes());
            hasher.update(format!("{:?}", tensor.dims()).as_bytes());
            let values = tensor.flatten_all().and_then(|t| t.to_vec1::<f32>()).map_err(failed("read the weights"))?;
            let bytes: Vec<u8> = values.into_iter().flat_map(f32::to_le_bytes).collect();
            hasher.update(&bytes);
        }
        Ok(hasher.finalize())
    }
}

/// Makes `buffer` the bytes of `values`, one after the other.
fn fill<const SIZE: usize>(buffer: &mut Vec<u8>, values: &[f32], bytes: impl Fn(f32) -> [u8; SIZE]) {
    buffer.resize(SIZE * values.len(), 0);
    buffer.chunks_exact_mut(SIZE).zip(values).for_each(|(to, value)| to.copy_from_slice(&bytes(*value)));
}

/// The notes that a `.safetensors` file carries, without reading its tensors.
///
/// # Errors
/// Where it cannot be read or is none.
pub fn read_metadata(path: &Path) -> Result<BTreeMap<String, String>> {
    let mut file = File::open(path).on_file("read", path)?;
    let mut length = [0; 8];
    file.read_exact(&mut length).on_file("read", path)?;
    let mut header = Vec::new();
    file.take(u64::from_le_bytes(length).min(MAX_HEADER)).read_to_end(&mut header).on_file("read", path)?;
    let header: Header = serde_json::from_slice(&header).on_file("read the weights' header in", path)?;
    Ok(header.metadata)
}

/// The part of a `.safetensors` header that is not about tensors.
#[derive(serde::Deserialize)]
struct Header {
    #[serde(default, rename = "__metadata__")]
    metadata: BTreeMap<String, String>,
}

/// Keeps what a network computes with, as f32. PyTorch's counters of batches are of no use here.
fn floats(tensors: HashMap<String, Tensor>) -> Result<BTreeMap<String, Tensor>> {
    tensors
        .into_iter()
        .filter(|(name, _)| !name.ends_with("num_batches_tracked"))
        .map(|(name, tensor)| Ok((name, tensor.to_dtype(DType::F32)?)))
        .collect::<candle_core::Result<_>>()
        .map_err(failed("convert the weights to f32"))
}

fn list(kind: &str, names: Vec<String>) -> Option<String> {
    let count = names.len();
    let more = count.saturating_sub(LISTED);
    let tail = if more > 0 { format!(" and {more} more") } else { String::new() };
    let shown = names.into_iter().take(LISTED).collect::<Vec<_>>().join(", ");
    (count > 0).then(|| format!("{kind} ({count}): {shown}{tail}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dict(entries: &[(&str, &[usize])]) -> StateDict {
        let mut dict = StateDict::default();
        for (name, shape) in entries {
            dict.insert(*name, Tensor::ones(*shape, DType::F32, &Device::Cpu).unwrap());
        }
        dict
    }

    #[test]
    fn one_error_lists_all_that_does_not_fit() {
        let found = dict(&[("a", &[2]), ("b", &[3]), ("extra", &[1])]);
        let needed = [("a".to_owned(), vec![2]), ("b".to_owned(), vec![4]), ("c".to_owned(), vec![1])];
        let error = found.check(&needed).unwrap_err();
        let expected = ["missing (1): c", "misshapen (1): b is [3] instead of [4]", "unexpected (1): extra"];
        assert_eq!(error.details(), expected);
    }

    #[test]
    fn a_file_reads_back_with_its_metadata() {
        let mut written = dict(&[("fc.bias", &[2]), ("fc.weight", &[2, 3])]);
        written.metadata.insert("classes".into(), "Negative,Positive".into());
        let read = StateDict::from_safetensors(&written.to_safetensors().unwrap(), &Device::Cpu).unwrap();
        assert_eq!(read.metadata, written.metadata);
        assert_eq!(read.fingerprint().unwrap(), written.fingerprint().unwrap());
        assert_ne!(read.fingerprint().unwrap(), dict(&[("fc.bias", &[2])]).fingerprint().unwrap());
    }

    #[test]
    fn a_file_that_is_no_weights_says_what_to_give_instead() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        std::fs::write(&path, b"<html>not found</html>").unwrap();
        let error = StateDict::load(&path, &Device::Cpu).unwrap_err();
        assert!(error.title().contains("model.safetensors"), "{error}");
        assert!(error.advice().unwrap().contains(".pth"));
    }
}
