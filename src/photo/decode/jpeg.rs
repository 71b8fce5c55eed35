//! JPEG, decoded strictly.
//!
//! Decoders by default fill what a cut or damaged file lacks with grey and say nothing. A classifier must not be fed
//! such a picture, so damage is an error here, in two ways: the decoder is asked to be strict, and the file must come
//! to its end-of-image marker. Bytes beyond that marker are ignored: phones append films and second pictures.

use std::io::{BufRead, Seek};

use image::RgbImage;
use image::metadata::Orientation;
use zune_core::bytestream::{ZByteReaderTrait, ZCursor};
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;

use super::check_dimensions;
use crate::error::{Error, Result};

/// What the decoder calls stray bytes between header segments. Some cameras write them, and no pixel suffers.
const STRAY_BYTES: &str = "Extra bytes between headers";

/// Width, height and orientation; reads no further than the start of the scan.
pub(super) fn header<R: BufRead + Seek>(reader: R) -> Result<(u32, u32, Orientation)> {
    let mut decoder = JpegDecoder::new_with_options(reader, options(false));
    read_header(&mut decoder)
}

/// The picture as stored, and its orientation.
pub(super) fn decode(bytes: &[u8]) -> Result<(RgbImage, Orientation)> {
    if !reaches_end(bytes) {
        // The header may tell a better reason: no JPEG at all, or a picture too large.
        header(std::io::Cursor::new(bytes))?;
        return Err(Error::new("JPEG file cut short").hint("copy the file again from where it came"));
    }
    match decode_with(bytes, true) {
        Err(error) if error.title().contains(STRAY_BYTES) => decode_with(bytes, false),
        outcome => outcome,
    }
}

fn decode_with(bytes: &[u8], strict: bool) -> Result<(RgbImage, Orientation)> {
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options(strict));
    let (width, height, orientation) = read_header(&mut decoder)?;
    let pixels = decoder.decode().map_err(damaged)?;
    let picture = RgbImage::from_raw(width, height, pixels);
    Ok((picture.ok_or_else(|| Error::new("a kind of JPEG that cannot be read"))?, orientation))
}

fn options(strict: bool) -> DecoderOptions {
    DecoderOptions::default()
        .set_strict_mode(strict)
        .set_max_width(usize::MAX)
        .set_max_height(usize::MAX)
        .jpeg_set_out_colorspace(ColorSpace::RGB)
}

fn read_header<T: ZByteReaderTrait>(decoder: &mut JpegDecoder<T>) -> Result<(u32, u32, Orientation)> {
    decoder.decode_headers().map_err(damaged)?;
    let info = decoder.info().ok_or_else(|| Error::new("damaged JPEG file: no header"))?;
    check_dimensions(info.width.into(), info.height.into())?;
    let orientation = decoder.exif().and_then(|exif| Orientation::from_exif_chunk(exif));
    Ok((info.width.into(), info.height.into(), orientation.unwrap_or(Orientation::NoTransforms)))
}

fn damaged(cause: DecodeErrors) -> Error {
    match cause {
        DecodeErrors::Unsupported(kind) => Error::new(format!("a kind of JPEG that cannot be read: {kind:?}")),
        DecodeErrors::ZeroError => Error::new("a picture without pixels"),
        DecodeErrors::ExhaustedData | DecodeErrors::IoErrors(_) => Error::new("JPEG file cut short"),
        other => Error::new(format!("damaged JPEG file: {}", other.to_string().trim())),
    }
}

/// Whether the segments and scans of the first picture lead to an end-of-image marker (ITU-T T.81, annex B).
fn reaches_end(bytes: &[u8]) -> bool {
    let mut rest = bytes.get(2..).unwrap_or_default();
    while let Some(at) = rest.windows(2).position(|pair| pair[0] == 0xff && !matches!(pair[1], 0 | 0xff)) {
        let marker = rest[at + 1];
        rest = &rest[at + 2..];
        match marker {
            0xd9 => return true,
            // Restarts, and the other markers that carry no length. Within a scan, 0xff 0x00 is a plain byte, which
            // the search above skips, so that scans need no case of their own.
            0x01 | 0xd0..=0xd8 => {}
            _ => {
                let Some(&[high, low]) = rest.first_chunk::<2>() else { return false };
                let Some(after) = rest.get(usize::from(u16::from_be_bytes([high, low]))..) else { return false };
                rest = after;
            }
        }
    }
    false
}
