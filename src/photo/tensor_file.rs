//! Tensors saved by PyTorch: `torch.save(tensor, "1.pt")`.
//!
//! Such a file is a zip archive without compression: `NAME/data.pkl`, a pickle that describes the tensor, and
//! `NAME/data/KEY`, its numbers; before PyTorch 1.6 it was a row of pickles with the numbers behind them. A pickle is a
//! program that may call anything; ours is read by an interpreter that knows the few instructions and names that a
//! tensor needs, and refuses every other.

pub(super) mod legacy;
mod named;
mod pickle;

use std::io::{Cursor, Read, Seek};
use std::path::Path;
use std::rc::Rc;

use image::RgbImage;
use zip::{CompressionMethod, ZipArchive};

use crate::error::{Context, Error, Result};
use crate::photo::{MEAN, STD, decode};

pub use self::named::{NamedTensor, read_named};
use self::pickle::{Element, Layout, Scope};

/// The most values that a tensor may have: 256 MB of single precision.
const MAX_VALUES: usize = 1 << 26;

/// A pickle of a single tensor takes a few hundred bytes.
const MAX_PICKLE_BYTES: u64 = 64 * 1024;

/// What the numbers of a tensor mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// `(level / 255 − mean) / std`, with ImageNet's statistics: what a network takes. Any floating-point tensor is
    /// taken for one.
    Normalised,
    /// Levels from 0 to 255, as `torchvision.io.read_image` gives them: tensors of uint8.
    Levels,
}

/// A tensor as stored, in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredTensor {
    /// Length of each dimension, the slowest first.
    pub shape: Vec<usize>,
    /// As many values as the product of `shape`.
    pub values: Vec<f32>,
    /// What they mean.
    pub scale: Scale,
}

/// Reads a `.pt` file that holds one tensor of half, bfloat16, single or double precision or of bytes, by itself or
/// beside its label as `(picture, label)`.
///
/// # Errors
/// The file cannot be read, is damaged, or holds anything but one tensor; always with the path.
pub fn read(path: &Path) -> Result<StoredTensor> {
    let bytes = decode::read_file(path)?;
    decode::guarded(|| read_bytes(&bytes)).map_err(|error| decode::on_path(path, &error))
}

/// [`read`] for bytes.
///
/// # Errors
/// As [`read`]; the title is the cause alone.
pub fn read_bytes(bytes: &[u8]) -> Result<StoredTensor> {
    if bytes.starts_with(&legacy::MAGIC) {
        let head = legacy::Head::read(bytes)?;
        check_size(&head.layout)?;
        return stored(&head.layout, head.data()?, head.little_endian);
    }
    let mut archive = Archive::of_picture(Cursor::new(bytes))?;
    let layout = archive.layout()?;
    let little_endian = archive.is_little_endian()?;
    let data = archive.entry(&format!("data/{}", layout.storage.key), decode::MAX_FILE_BYTES)?;
    stored(&layout, &data, little_endian)
}

fn stored(layout: &Layout, data: &[u8], little_endian: bool) -> Result<StoredTensor> {
    let scale = match layout.storage.element {
        Element::Byte => Scale::Levels,
        Element::Integer(_) => return Err(integers()),
        _ => Scale::Normalised,
    };
    Ok(StoredTensor { shape: layout.shape.clone(), values: gather(layout, data, little_endian)?, scale })
}

fn integers() -> Error {
    Error::new("a tensor of whole numbers is not a picture")
        .hint("save float32, normalised as the network takes it, or uint8 with levels from 0 to 255")
}

/// A 3×H×W tensor as a picture of 8-bit levels; of a normalised one `value · std + mean`. A leading dimension of 1 is
/// allowed.
///
/// # Errors
/// Another shape, no pixels, too many, or values that are not finite.
pub fn picture(tensor: &StoredTensor) -> Result<RgbImage> {
    let (width, height) = sides(&tensor.shape)?;
    check_finite(tensor)?;
    let plane = width as usize * height as usize;
    let mut picture = RgbImage::new(width, height);
    for (channel, values) in tensor.values.chunks_exact(plane).take(3).enumerate() {
        for (pixel, value) in picture.chunks_exact_mut(3).zip(values) {
            let level = match tensor.scale {
                Scale::Normalised => (value * STD[channel] + MEAN[channel]) * 255.0,
                Scale::Levels => *value,
            };
            // The cast saturates at 0 and 255.
            pixel[channel] = level.round() as u8;
        }
    }
    Ok(picture)
}

/// Refuses tensors with infinite values or values that are not numbers: one of them spoils a whole training batch.
pub(super) fn check_finite(tensor: &StoredTensor) -> Result<()> {
    if tensor.values.iter().all(|value| value.is_finite()) {
        return Ok(());
    }
    Err(Error::new("the tensor holds values that are infinite or not numbers"))
}

/// Width and height of the picture that a tensor file holds, without reading its numbers. `is_legacy` says whether it
/// begins with [`legacy::MAGIC`].
pub(super) fn picture_size<R: Read + Seek>(reader: R, is_legacy: bool) -> Result<(u32, u32)> {
    if is_legacy {
        return sides(&legacy::Head::read(&legacy::beginning(reader)?)?.layout.shape);
    }
    sides(&Archive::of_picture(reader)?.layout()?.shape)
}

/// Width and height of a picture of this shape.
pub(super) fn sides(shape: &[usize]) -> Result<(u32, u32)> {
    let ([3, height, width] | [1, 3, height, width]) = *shape else { return Err(no_picture(shape)) };
    decode::check_dimensions(width as u64, height as u64)?;
    let side = |length: usize| u32::try_from(length).context("the tensor is too large");
    Ok((side(width)?, side(height)?))
}

fn no_picture(shape: &[usize]) -> Error {
    let lengths = shape.iter().map(usize::to_string).collect::<Vec<_>>().join("×");
    match shape {
        [count, 3, _, _] => Error::new(format!("a batch of {count} pictures ({lengths}) in one file"))
            .hint("save each by itself: for i, picture in enumerate(batch): torch.save(picture.clone(), f\"{i}.pt\")"),
        [_, _, 3] => Error::new(format!("a tensor of {lengths} has its channels last, and 3×H×W is expected"))
            .hint("save picture.permute(2, 0, 1)"),
        _ => Error::new(format!("a tensor of {lengths} is not a picture: 3×H×W is expected")),
    }
}

fn check_size(layout: &Layout) -> Result<()> {
    let values = layout.shape.iter().try_fold(1_usize, |product, length| product.checked_mul(*length));
    if values.is_none_or(|values| values > MAX_VALUES) {
        return Err(Error::new("the tensor is too large"));
    }
    Ok(())
}

/// The zip archive around a tensor.
struct Archive<R> {
    zip: ZipArchive<R>,
    /// `NAME/`, which each entry's name begins with.
    prefix: String,
}

impl<R: Read + Seek> Archive<R> {
    /// Opens it; none where it is another zip archive.
    fn open(reader: R) -> Result<Option<Self>> {
        let zip = ZipArchive::new(reader).context("damaged tensor file or zip archive")?;
        let mut prefixes = zip.file_names().flatten().filter_map(|name| {
            name.strip_suffix("data.pkl").filter(|prefix| prefix.is_empty() || prefix.ends_with('/')).map(str::to_owned)
        });
        let prefix = prefixes.next();
        drop(prefixes);
        Ok(prefix.map(|prefix| Self { zip, prefix }))
    }

    /// As [`Archive::open`], of a picture.
    fn of_picture(reader: R) -> Result<Self> {
        Self::open(reader)?.ok_or_else(|| Error::new("not a picture: a zip archive"))
    }

    fn layout(&mut self) -> Result<Rc<Layout>> {
        let pickle = self.entry("data.pkl", MAX_PICKLE_BYTES)?;
        let layout = pickle::read(&mut pickle.as_slice(), Scope::Picture)?.into_picture()?;
        check_size(&layout)?;
        Ok(layout)
    }

    /// Files without a `byteorder` entry are older than it and little-endian.
    fn is_little_endian(&mut self) -> Result<bool> {
        if self.zip.index_for_name(&format!("{}byteorder", self.prefix)).is_none() {
            return Ok(true);
        }
        match self.entry("byteorder", 16)?.as_slice() {
            b"little" => Ok(true),
            b"big" => Ok(false),
            _ => Err(Error::new("damaged tensor file: unknown byte order")),
        }
    }

    fn entry(&mut self, name: &str, limit: u64) -> Result<Vec<u8>> {
        let missing = || format!("damaged tensor file: {name} cannot be read");
        let mut entry = self.zip.by_name(&format!("{}{name}", self.prefix)).context(&missing())?;
        if entry.compression() != CompressionMethod::Stored {
            return Err(Error::new("the tensor file is compressed").hint("save it with torch.save, which does not"));
        }
        if entry.size() > limit {
            return Err(Error::new(format!("damaged tensor file: {name} is too large")));
        }
        let mut bytes = Vec::new();
        // Entries are stored, so that no more comes out than the file holds. At the end the checksum is compared.
        entry.read_to_end(&mut bytes).context(&missing())?;
        Ok(bytes)
    }
}

/// Picks the tensor's values out of its storage, in row-major order.
fn gather(layout: &Layout, data: &[u8], little_endian: bool) -> Result<Vec<f32>> {
    let outside = || Error::new("damaged tensor file: it refers to numbers that it does not hold");
    let count: usize = layout.shape.iter().product();
    if count == 0 {
        return Ok(Vec::new());
    }
    let storage = &*layout.storage;
    let size = storage.element.bytes();
    let mut last = Some(layout.offset);
    for (length, stride) in layout.shape.iter().zip(&layout.strides) {
        last = last.zip((length - 1).checked_mul(*stride)).and_then(|(sum, step)| sum.checked_add(step));
    }
    if last.is_none_or(|last| last >= storage.stored || last >= data.len() / size) {
        return Err(outside());
    }
    let value = |index: usize| {
        data.get(index * size..(index + 1) * size).and_then(|bytes| storage.element.value(bytes, little_endian))
    };
    if layout.is_contiguous() {
        let bytes = data.get(layout.offset * size..(layout.offset + count) * size).ok_or_else(outside)?;
        let value = |bytes| storage.element.value(bytes, little_endian).ok_or_else(outside);
        return bytes.chunks_exact(size).map(value).collect();
    }
    let mut index = vec![0; layout.shape.len()];
    let mut at = layout.offset;
    let mut values = Vec::with_capacity(count);
    while values.len() < count {
        values.push(value(at).ok_or_else(outside)?);
        // Counts up like an odometer, the last dimension fastest.
        for ((digit, length), stride) in index.iter_mut().zip(&layout.shape).zip(&layout.strides).rev() {
            *digit += 1;
            at += stride;
            if *digit < *length {
                break;
            }
            at -= *digit * stride;
            *digit = 0;
        }
    }
    Ok(values)
}

impl Layout {
    /// Whether the values lie one after the other. The shape must be one whose product fits.
    fn is_contiguous(&self) -> bool {
        let mut next = 1;
        self.shape.iter().zip(&self.strides).rev().all(|(length, stride)| {
            let follows = *length == 1 || *stride == next;
            next *= length;
            follows
        })
    }
}

impl Element {
    fn value(self, bytes: &[u8], little_endian: bool) -> Option<f32> {
        fn ordered<const N: usize>(bytes: &[u8], little_endian: bool) -> Option<[u8; N]> {
            let mut bytes: [u8; N] = bytes.try_into().ok()?;
            if !little_endian {
                bytes.reverse();
            }
            Some(bytes)
        }
        Some(match self {
            Self::Half => half_to_single(u16::from_le_bytes(ordered(bytes, little_endian)?)),
            Self::Brain => f32::from_bits(u32::from(u16::from_le_bytes(ordered(bytes, little_endian)?)) << 16),
            Self::Float => f32::from_le_bytes(ordered(bytes, little_endian)?),
            Self::Double => f64::from_le_bytes(ordered(bytes, little_endian)?) as f32,
            Self::Byte => f32::from(*bytes.first()?),
            Self::Integer(1) => f32::from(i8::from_le_bytes(ordered(bytes, little_endian)?)),
            Self::Integer(2) => f32::from(i16::from_le_bytes(ordered(bytes, little_endian)?)),
            Self::Integer(4) => i32::from_le_bytes(ordered(bytes, little_endian)?) as f32,
            Self::Integer(_) => i64::from_le_bytes(ordered(bytes, little_endian)?) as f32,
        })
    }
}

/// IEEE 754 binary16 to binary32, exactly.
fn half_to_single(bits: u16) -> f32 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let fraction = f32::from(bits & 0x3ff);
    match (bits >> 10) & 0x1f {
        0 => sign * fraction * 2.0_f32.powi(-24),
        31 if fraction == 0.0 => sign * f32::INFINITY,
        31 => f32::NAN,
        exponent => sign * (1.0 + fraction / 1024.0) * 2.0_f32.powi(i32::from(exponent) - 15),
    }
}

#[cfg(test)]
mod tests;
