//! The layout of `torch.save` before PyTorch 1.6, and with `_use_new_zipfile_serialization=False` since.
//!
//! Five pickles in a row (a magic number, the version, facts of the system, the object, the keys of its storages), then
//! for each key a count of eight bytes and that many numbers; as in PyTorch's `torch/serialization.py`, `_legacy_save`.

use std::collections::HashMap;
use std::io::Read;
use std::rc::Rc;

use super::pickle::{self, Layout, Scope, Storage, Value};
use crate::error::{Context, Error, Result};

/// What such a file begins with: a pickle of the magic number 0x1950a86a20f9469cfc6c.
pub(in crate::photo) const MAGIC: [u8; 14] =
    [0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

/// The number of the layout, unchanged since 2017.
const VERSION: i64 = 1001;

/// More than the pickles of one picture and its label take.
const MAX_PICKLES: u64 = 64 * 1024;

/// What stands before the numbers.
pub(super) struct Head<'a> {
    pub(super) layout: Rc<Layout>,
    pub(super) little_endian: bool,
    /// Keys and numbers of the storages.
    rest: &'a [u8],
    storages: HashMap<String, Rc<Storage>>,
}

/// The beginning of a file, for [`Head::read`].
pub(super) fn beginning(reader: impl Read) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(MAX_PICKLES).read_to_end(&mut bytes).context("its beginning cannot be read")?;
    Ok(bytes)
}

impl<'a> Head<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self> {
        let mut input = bytes.strip_prefix(&MAGIC).and_then(|rest| rest.strip_prefix(b".")).ok_or_else(other_layout)?;
        if !matches!(pickle::read(&mut input, Scope::Picture)?, Value::Int(VERSION)) {
            return Err(other_layout());
        }
        let Value::Dictionary(system) = pickle::read(&mut input, Scope::Picture)? else { return Err(other_layout()) };
        let little_endian = system.chunks_exact(2).find_map(|pair| match pair {
            [Value::Text(key), Value::Bool(value)] if **key == *"little_endian" => Some(*value),
            _ => None,
        });
        let object = pickle::read(&mut input, Scope::Picture)?;
        let mut storages = HashMap::new();
        collect(&object, &mut storages);
        let layout = object.into_picture()?;
        Ok(Self { layout, little_endian: little_endian.unwrap_or(true), rest: input, storages })
    }

    /// The numbers that the tensor refers to.
    pub(super) fn data(&self) -> Result<&'a [u8]> {
        let missing = || Error::new("tensor file cut short").hint("copy the file again from where it came");
        let mut input = self.rest;
        let Value::List(keys) = pickle::read(&mut input, Scope::Picture)? else { return Err(other_layout()) };
        for key in keys.iter() {
            let Value::Text(key) = key else { return Err(other_layout()) };
            let storage = self.storages.get(&**key).ok_or_else(other_layout)?;
            // The count, which the storage knows already.
            let (count, after) = input.split_first_chunk::<8>().ok_or_else(missing)?;
            let count = if self.little_endian { u64::from_le_bytes(*count) } else { u64::from_be_bytes(*count) };
            if count != storage.stored as u64 {
                return Err(Error::new("damaged tensor file: it counts its numbers in two ways"));
            }
            let length = storage.stored.checked_mul(storage.element.bytes()).ok_or_else(missing)?;
            let (data, after) = after.split_at_checked(length).ok_or_else(missing)?;
            if storage.key == self.layout.storage.key {
                return Ok(data);
            }
            input = after;
        }
        Err(missing())
    }
}

/// The storages that a picture and its label refer to.
fn collect(value: &Value, storages: &mut HashMap<String, Rc<Storage>>) {
    match value {
        Value::Tensor(layout) => drop(storages.insert(layout.storage.key.clone(), Rc::clone(&layout.storage))),
        // Not into what lies deeper: such a file is refused, and a small pickle may speak of very many values.
        Value::Tuple(values) | Value::List(values) => {
            for value in values.iter().filter(|value| matches!(value, Value::Tensor(_))) {
                collect(value, storages);
            }
        }
        _ => {}
    }
}

fn other_layout() -> Error {
    Error::new("a tensor file in a layout that is not known")
        .hint("load it in PyTorch and save it again with torch.save")
}
