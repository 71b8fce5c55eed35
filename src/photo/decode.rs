//! From the bytes of a file to RGB pixels, upright.
//!
//! The format is told from the content, never from the name. Whatever a damaged or hostile file does, the outcome is a
//! picture or an error in plain words: sizes are checked before anything is allocated, and a panic inside a decoder
//! stops here.

mod jpeg;

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Read, Seek};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, RgbImage};

use crate::dataset::group::ContentKey;
use crate::error::{Context, Error, Result};
use crate::format;
use crate::photo::{MAX_PIXELS, tensor_file};

/// The largest file that is read: 512 MB.
pub const MAX_FILE_BYTES: u64 = 512 * 1024 * 1024;

/// The most memory that a decoder may ask for: 100 megapixels of four 16-bit channels, and some to spare.
const MAX_DECODER_BYTES: u64 = 1 << 30;

/// How much of a file is looked at to tell its format.
const SNIFFED_BYTES: usize = 4096;

/// The formats that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Baseline or progressive; grey, YCbCr, RGB, CMYK or YCCK.
    Jpeg,
    /// Any bit depth; of an animation, the first frame.
    Png,
    /// Lossy or lossless; of an animation, the first frame.
    WebP,
    /// The first page.
    Tiff,
    /// Windows bitmap.
    Bmp,
    /// A 3×H×W tensor written by `torch.save`.
    Tensor,
}

impl Format {
    /// The format as shown to the user.
    pub fn title(self) -> &'static str {
        match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::WebP => "WebP",
            Self::Tiff => "TIFF",
            Self::Bmp => "BMP",
            Self::Tensor => "PyTorch tensor",
        }
    }

    /// The format of a file, told from its first bytes.
    ///
    /// # Errors
    /// What the file is instead, as far as it can be told: empty, plain text, a format that is not read.
    pub fn of(head: &[u8]) -> Result<Self> {
        match head {
            [] => return Err(Error::new("empty file")),
            [b'P', b'K', 3, 4, ..] => return Ok(Self::Tensor),
            head if head.starts_with(&tensor_file::legacy::MAGIC) => return Ok(Self::Tensor),
            _ => {}
        }
        match image::guess_format(head) {
            Ok(ImageFormat::Jpeg) => Ok(Self::Jpeg),
            Ok(ImageFormat::Png) => Ok(Self::Png),
            Ok(ImageFormat::WebP) => Ok(Self::WebP),
            Ok(ImageFormat::Tiff) => Ok(Self::Tiff),
            Ok(ImageFormat::Bmp) => Ok(Self::Bmp),
            Ok(other) => Err(unread(&format!("{} pictures", format!("{other:?}").to_uppercase()))),
            Err(_) => Err(stranger(head)),
        }
    }

    fn codec(self) -> Option<ImageFormat> {
        match self {
            Self::Png => Some(ImageFormat::Png),
            Self::WebP => Some(ImageFormat::WebP),
            Self::Tiff => Some(ImageFormat::Tiff),
            Self::Bmp => Some(ImageFormat::Bmp),
            Self::Jpeg | Self::Tensor => None,
        }
    }
}

/// Reads a picture: RGB, 8 bits a channel, turned as its EXIF orientation says.
///
/// Alpha is dropped, 16-bit channels are scaled to 8, grey is repeated in all three channels, and a `.pt` tensor is
/// shown with its normalisation undone.
///
/// # Errors
/// The file cannot be read, is not a picture, is damaged or cut short, or is too large; always with the path.
pub fn decode(path: &Path) -> Result<RgbImage> {
    decode_named(path, &read_file(path)?)
}

/// [`decode`] for bytes already read from `path`, which is used in messages alone.
///
/// # Errors
/// As [`decode`].
pub fn decode_named(path: &Path, bytes: &[u8]) -> Result<RgbImage> {
    decode_bytes(bytes).map_err(|error| on_path(path, &error))
}

/// [`decode`] for bytes.
///
/// # Errors
/// As [`decode`]; the title is the cause alone, such as `empty file`.
pub fn decode_bytes(bytes: &[u8]) -> Result<RgbImage> {
    let (picture, orientation) = decode_unturned(bytes, None)?;
    Ok(turned(picture, orientation))
}

/// Width and height after orientation, and the format, from the header alone.
///
/// # Errors
/// As [`decode`], but damage beyond the header goes unnoticed.
pub fn header(path: &Path) -> Result<(u32, u32, Format)> {
    let file = open(path)?;
    guarded(|| header_of(BufReader::new(file))).map_err(|error| on_path(path, &error))
}

/// Width and height after orientation, from the header alone.
///
/// # Errors
/// As [`header`].
pub fn dimensions(path: &Path) -> Result<(u32, u32)> {
    let (width, height, _) = header(path)?;
    Ok((width, height))
}

/// The bytes of a file of at most [`MAX_FILE_BYTES`].
///
/// # Errors
/// It is no file, cannot be read, or is larger.
pub fn read_file(path: &Path) -> Result<Vec<u8>> {
    let file = open(path)?;
    let length = file.metadata().on_file("read", path)?.len();
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
    // One byte more than allowed, so that a file which grows meanwhile is noticed.
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).on_file("read", path)?;
    check_length(bytes.len() as u64).map_err(|error| on_path(path, &error))?;
    Ok(bytes)
}

/// As [`read_file`], of a photo whose content was read before. What is kept of a photo is found by its content: of
/// another one that lies there by now, or of one that is still growing, nothing may be kept under that.
///
/// # Errors
/// As [`read_file`], and where the content is another one.
pub fn read_known(path: &Path, key: &ContentKey) -> Result<Vec<u8>> {
    let bytes = read_file(path)?;
    if blake3::hash(&bytes).as_bytes() != &key.0 {
        return Err(Error::file("use", path, "it has changed since it was first read").hint("start again"));
    }
    Ok(bytes)
}

/// The picture as stored, and how it must be turned: whoever shrinks it first has less to turn.
///
/// If `longer_side` is given, a picture that can be decoded faster when reduced may come reduced, its longer side no
/// shorter than that.
pub(super) fn decode_unturned(bytes: &[u8], longer_side: Option<u32>) -> Result<(RgbImage, Orientation)> {
    check_length(bytes.len() as u64)?;
    guarded(|| match Format::of(bytes)? {
        Format::Jpeg => jpeg::decode(bytes, longer_side),
        Format::Tensor => Ok((tensor_file::picture(&tensor_file::read_bytes(bytes)?)?, Orientation::NoTransforms)),
        format => decode_with_image(format, bytes),
    })
}

/// Applies an orientation.
pub(super) fn turned(picture: RgbImage, orientation: Orientation) -> RgbImage {
    if orientation == Orientation::NoTransforms {
        return picture;
    }
    let mut picture = DynamicImage::ImageRgb8(picture);
    picture.apply_orientation(orientation);
    picture.into_rgb8()
}

/// An error whose title is the cause, as an error about a file.
pub(super) fn on_path(path: &Path, cause: &Error) -> Error {
    let error = Error::file("read", path, cause.one_line());
    match cause.advice() {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

/// Runs a decoder; a panic inside becomes an error. What the decoder worked on is dropped, so nothing broken remains.
pub(crate) fn guarded<T>(decoder: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(decoder)).unwrap_or_else(|_| Err(Error::new("the decoder failed")))
}

/// Refuses pictures of no pixels and of more than [`MAX_PIXELS`].
pub(super) fn check_dimensions(width: u64, height: u64) -> Result<()> {
    if width == 0 || height == 0 {
        return Err(Error::new("a picture without pixels"));
    }
    if width.saturating_mul(height) > MAX_PIXELS || width > u64::from(u32::MAX) || height > u64::from(u32::MAX) {
        let (width, height) = (format::count(width), format::count(height));
        let limit = MAX_PIXELS / 1_000_000;
        return Err(Error::new(format!("{width} × {height} pixels is more than the limit of {limit} megapixels")));
    }
    Ok(())
}

fn open(path: &Path) -> Result<File> {
    let metadata = std::fs::metadata(path).on_file("read", path)?;
    // Opening a pipe would wait for whoever writes to it.
    if !metadata.is_file() {
        return Err(Error::file("read", path, if metadata.is_dir() { "it is a folder" } else { "not a regular file" }));
    }
    check_length(metadata.len()).map_err(|error| on_path(path, &error))?;
    File::open(path).on_file("read", path)
}

pub(super) fn check_length(bytes: u64) -> Result<()> {
    if bytes <= MAX_FILE_BYTES {
        return Ok(());
    }
    let (size, limit) = (format::count(bytes.div_ceil(1024 * 1024)), MAX_FILE_BYTES / (1024 * 1024));
    Err(Error::new(format!("a file of {size} MB is more than the limit of {limit} MB")))
}

fn header_of<R: BufRead + Seek>(mut reader: R) -> Result<(u32, u32, Format)> {
    let mut head = Vec::new();
    reader.by_ref().take(SNIFFED_BYTES as u64).read_to_end(&mut head).context("its beginning cannot be read")?;
    reader.rewind().context("its beginning cannot be read")?;
    let format = Format::of(&head)?;
    let (width, height, orientation) = match format {
        Format::Jpeg => jpeg::header(reader)?,
        Format::Tensor => {
            let (width, height) = tensor_file::picture_size(reader, head.starts_with(&tensor_file::legacy::MAGIC))?;
            (width, height, Orientation::NoTransforms)
        }
        _ => {
            let mut decoder = image_decoder(format, reader)?;
            let (width, height) = decoder.dimensions();
            (width, height, decoder.orientation().unwrap_or(Orientation::NoTransforms))
        }
    };
    Ok(if swaps_sides(orientation) { (height, width, format) } else { (width, height, format) })
}

fn swaps_sides(orientation: Orientation) -> bool {
    use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
    matches!(orientation, Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH)
}

fn decode_with_image(format: Format, bytes: &[u8]) -> Result<(RgbImage, Orientation)> {
    if format == Format::WebP && lacks_riff_bytes(bytes) {
        return Err(Error::new("WebP file cut short"));
    }
    let mut decoder = image_decoder(format, Cursor::new(bytes))?;
    if decoder.total_bytes() > MAX_DECODER_BYTES {
        return Err(Error::new("decoding it takes too much memory"));
    }
    // Broken metadata is no reason to refuse the pixels.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let picture = DynamicImage::from_decoder(decoder).map_err(|cause| damaged(format, &cause))?;
    Ok((picture.into_rgb8(), orientation))
}

/// Whether a RIFF file is shorter than it says. The decoder alone would not miss what comes after the pixels, such as
/// the orientation.
fn lacks_riff_bytes(bytes: &[u8]) -> bool {
    let size = bytes.get(4..8).and_then(|size| size.try_into().ok()).map_or(0, u32::from_le_bytes);
    (bytes.len() as u64) < u64::from(size) + 8
}

/// A decoder that has read the header and found the size acceptable.
fn image_decoder<'a, R: BufRead + Seek + 'a>(format: Format, reader: R) -> Result<impl ImageDecoder + 'a> {
    let codec = format.codec().ok_or_else(|| Error::new("no decoder for this format"))?;
    let mut reader = ImageReader::with_format(reader, codec);
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MAX_DECODER_BYTES);
    reader.limits(limits);
    let decoder = reader.into_decoder().map_err(|cause| damaged(format, &cause))?;
    let (width, height) = decoder.dimensions();
    check_dimensions(width.into(), height.into())?;
    Ok(decoder)
}

fn damaged(format: Format, cause: &image::ImageError) -> Error {
    use image::ImageError;
    let title = format.title();
    match cause {
        ImageError::Unsupported(_) => Error::new(format!("a kind of {title} that cannot be read: {cause}")),
        ImageError::Limits(_) => Error::new("decoding it takes too much memory"),
        ImageError::IoError(io) if io.kind() == std::io::ErrorKind::UnexpectedEof => {
            Error::new(format!("{title} file cut short"))
        }
        _ => Error::new(format!("damaged {title} file: {cause}")),
    }
}

/// What a file is that begins like no format we read.
fn stranger(head: &[u8]) -> Error {
    let head = &head[..head.len().min(SNIFFED_BYTES)];
    if let Some(brand) = head.get(4..12).filter(|brand| brand.starts_with(b"ftyp")) {
        return match &brand[4..] {
            b"heic" | b"heix" | b"hevc" | b"mif1" | b"msf1" => unread("HEIC pictures"),
            b"crx " => unread("raw camera files"),
            _ => Error::new("not a picture: a film"),
        };
    }
    if head.starts_with(b"%PDF") {
        return Error::new("not a picture: a PDF document");
    }
    if head.iter().all(|byte| *byte == 0) {
        return Error::new("damaged: it holds nothing but zeros").hint("copy the file again");
    }
    if is_text(head) { Error::new("not a picture: plain text") } else { Error::new("not a picture, or damaged") }
}

fn unread(what: &str) -> Error {
    Error::new(format!("{what} cannot be read")).hint("save it as JPEG, PNG, WebP, TIFF or BMP")
}

fn is_text(head: &[u8]) -> bool {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        // The last character may have been cut in two.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !text.is_empty() && text.chars().all(|c| !c.is_control() || c.is_whitespace())
}

#[cfg(test)]
mod tests;
