//! JPEG, decoded strictly, and to the very pixels that libjpeg-turbo gives, and so Pillow.
//!
//! Decoders by default fill what a cut or damaged file lacks with grey and say nothing. A classifier must not be fed
//! such a picture, so damage is an error here, in two ways: the decoder is asked to be strict, and the file must come
//! to its end-of-image marker. Bytes beyond that marker are ignored: phones append films and second pictures. So are
//! stray bytes between header segments: some cameras write them, and no pixel suffers.

mod header;

use image::RgbImage;
use image::metadata::Orientation;
use libjpeg_turbo_rs::{
    DecodeLimits, DecodeWarning, Decoder, JpegError, PixelFormat, RestartResyncStrategy, ResyncAction, ScalingFactor,
};

pub(super) use header::header;

use crate::error::{Error, Result};
use crate::photo::MAX_PIXELS;

/// The most memory that the decoder may ask for, by its own reckoning, which takes all channels as equally large. It
/// leaves room for [`MAX_PIXELS`] of progressive RGB, whose coefficients are all held until the last scan is read.
const MAX_MEMORY: u64 = 13 * MAX_PIXELS;

/// The most scans of a progressive file. Encoders write about ten; each one visits every block, so that a small file
/// of thousands would keep a processor busy for hours.
const MAX_SCANS: usize = 100;

/// The picture as stored, and its orientation.
///
/// If `longer_side` is given, the picture may come reduced to a half, a quarter or an eighth, as long as its longer
/// side is no shorter than that. Each reduced pixel stands for a whole block, so that nothing aliases.
pub(super) fn decode(bytes: &[u8], longer_side: Option<u32>) -> Result<(RgbImage, Orientation)> {
    let parsed = Decoder::new_with_limits(bytes, limits());
    if !reaches_end(bytes) {
        // There may be a better reason: broken tables, no JPEG at all, or a picture too large.
        if let Err(cause @ JpegError::CorruptData(_)) = &parsed {
            return Err(damaged(cause));
        }
        if bytes.ends_with(&[0xff, 0xd9]) {
            return Err(Error::new("damaged JPEG file: its segments do not lead to its end"));
        }
        header(std::io::Cursor::new(bytes))?;
        return Err(Error::new("JPEG file cut short").hint("copy the file again from where it came"));
    }
    // So far nothing of the size of the picture has been allocated.
    let (width, height, orientation) = header(std::io::Cursor::new(bytes))?;
    let scale = longer_side.map_or_else(ScalingFactor::default, |side| reduction(width.max(height), side));
    let mut decoder = parsed.map_err(|cause| damaged(&cause))?;
    decoder.set_output_format(PixelFormat::Rgb);
    decoder.set_scale(scale);
    // As libjpeg does where a progressive file leaves out the last bits of its coefficients.
    decoder.set_block_smoothing(true);
    decoder.set_resync_strategy(NoResync);
    let expected = (scale.scale_dim(width as usize), scale.scale_dim(height as usize));
    let image = decoder.decode_image().map_err(|cause| damaged(&cause))?;
    if let Some(warning) = image.warnings.iter().find(|w| !matches!(w, DecodeWarning::ExtraneousData { .. })) {
        return Err(Error::new(format!("damaged JPEG file: {warning}")));
    }
    if (image.width, image.height) != expected || image.pixel_format != PixelFormat::Rgb {
        return Err(Error::new("damaged JPEG file: it contradicts its header"));
    }
    // No wider or higher than the header says, so that both fit.
    let picture = RgbImage::from_raw(expected.0 as u32, expected.1 as u32, image.data);
    Ok((picture.ok_or_else(|| Error::new("a kind of JPEG that cannot be read"))?, orientation))
}

/// A restart marker that is missing or out of order means lost or added data, which must not pass unnoticed.
struct NoResync;

impl RestartResyncStrategy for NoResync {
    fn on_desync(&mut self, _expected: u8, _found: Option<u8>) -> ResyncAction {
        ResyncAction::Abort
    }
}

fn limits() -> DecodeLimits {
    DecodeLimits {
        max_width: usize::from(u16::MAX),
        max_height: usize::from(u16::MAX),
        max_pixels: MAX_PIXELS,
        max_scans: MAX_SCANS,
        max_memory: Some(MAX_MEMORY),
    }
}

/// The strongest reduction that leaves the longer side at `wanted` or more.
fn reduction(longer_side: u32, wanted: u32) -> ScalingFactor {
    [8, 4, 2]
        .into_iter()
        .filter(|denominator| longer_side.div_ceil(*denominator) >= wanted)
        .find_map(|denominator| ScalingFactor::try_new(1, denominator).ok())
        .unwrap_or_default()
}

fn damaged(cause: &JpegError) -> Error {
    match cause {
        JpegError::Unsupported(kind) => Error::new(format!("a kind of JPEG that cannot be read: {kind}")),
        JpegError::LimitExceeded { .. } | JpegError::AllocationFailed { .. } => {
            Error::new("decoding it takes too much memory or time")
        }
        // The file as a whole has an end, so that something is missing before it.
        JpegError::UnexpectedEof => Error::new("damaged JPEG file: it lacks part of the picture"),
        JpegError::CorruptData(detail) => Error::new(format!("damaged JPEG file: {detail}")),
        other => Error::new(format!("damaged JPEG file: {other}")),
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

#[cfg(test)]
mod tests;
