//! What the header of a JPEG tells, read segment by segment and no further than the start of the first scan.

use std::io::{BufRead, ErrorKind, Read, Seek};

use image::metadata::Orientation;

use crate::error::{Error, Result};
use crate::photo::decode::check_dimensions;

/// What an APP1 segment with EXIF data begins with.
const EXIF: &[u8] = b"Exif\0\0";

/// Width, height and orientation.
///
/// # Errors
/// No JPEG, cut short, of a kind that is not read (lossless, hierarchical, arithmetic coding, other than 8 bits,
/// other than 1, 3 or 4 channels), without pixels or too large.
pub(in crate::photo::decode) fn header<R: BufRead + Seek>(mut reader: R) -> Result<(u32, u32, Orientation)> {
    if take::<2, _>(&mut reader)? != [0xff, 0xd8] {
        return Err(Error::new("damaged JPEG file: it does not begin like one"));
    }
    let (mut sides, mut orientation) = (None, None);
    loop {
        match marker(&mut reader)? {
            // Markers that carry no length.
            0x01 | 0xd0..=0xd8 => {}
            0xd9 => return Err(Error::new("damaged JPEG file: it holds no picture")),
            0xda => break,
            // Huffman and arithmetic tables, whose numbers lie among those of the frames.
            0xc4 | 0xcc => drop(segment(&mut reader)?),
            process @ 0xc0..=0xcf => {
                let frame = frame(process, &segment(&mut reader)?)?;
                if sides.replace(frame).is_some() {
                    return Err(Error::new("damaged JPEG file: it holds more than one frame"));
                }
            }
            0xe1 if orientation.is_none() => {
                let segment = segment(&mut reader)?;
                // Broken metadata is no reason to refuse the pixels.
                let exif = segment.strip_prefix(EXIF);
                orientation = exif.map(|exif| Orientation::from_exif_chunk(exif).unwrap_or(Orientation::NoTransforms));
            }
            _ => {
                let length = segment_length(&mut reader)?;
                reader.seek_relative(length.into()).map_err(|cause| unreadable(&cause))?;
            }
        }
    }
    let (width, height) = sides.ok_or_else(|| Error::new("damaged JPEG file: it lacks a frame header"))?;
    Ok((width, height, orientation.unwrap_or(Orientation::NoTransforms)))
}

/// Width and height of a frame (ITU-T T.81, B.2.2), found acceptable.
fn frame(process: u8, segment: &[u8]) -> Result<(u32, u32)> {
    let kind = match process {
        0xc0..=0xc2 => None,
        0xc3 => Some("lossless coding"),
        0xc9..=0xcb => Some("arithmetic coding"),
        _ => Some("hierarchical coding"),
    };
    if let Some(kind) = kind {
        return Err(Error::new(format!("a kind of JPEG that cannot be read: {kind}")));
    }
    let Some(&[bits, high, low, left, right, channels]) = segment.first_chunk::<6>() else {
        return Err(Error::new("damaged JPEG file: its frame header is too short"));
    };
    let (width, height) = (u16::from_be_bytes([left, right]), u16::from_be_bytes([high, low]));
    check_dimensions(width.into(), height.into())?;
    if bits != 8 {
        return Err(Error::new(format!("a kind of JPEG that cannot be read: {bits} bits a channel")));
    }
    if !matches!(channels, 1 | 3 | 4) {
        return Err(Error::new(format!("a kind of JPEG that cannot be read: {channels} channels")));
    }
    Ok((width.into(), height.into()))
}

/// The next marker; stray bytes before it, fill bytes and stuffed zeros are passed over.
fn marker<R: BufRead>(reader: &mut R) -> Result<u8> {
    loop {
        reader.skip_until(0xff).map_err(|cause| unreadable(&cause))?;
        let mut code = 0xff;
        while code == 0xff {
            [code] = take(reader)?;
        }
        if code != 0 {
            return Ok(code);
        }
    }
}

/// The content of a segment, without its length.
fn segment<R: BufRead>(reader: &mut R) -> Result<Vec<u8>> {
    let mut content = vec![0; segment_length(reader)?.into()];
    reader.read_exact(&mut content).map_err(|cause| unreadable(&cause))?;
    Ok(content)
}

/// How many bytes of a segment follow its length.
fn segment_length<R: BufRead>(reader: &mut R) -> Result<u16> {
    let length = u16::from_be_bytes(take(reader)?);
    length.checked_sub(2).ok_or_else(|| Error::new("damaged JPEG file: a segment has no length"))
}

fn take<const N: usize, R: Read>(reader: &mut R) -> Result<[u8; N]> {
    let mut bytes = [0; N];
    reader.read_exact(&mut bytes).map_err(|cause| unreadable(&cause))?;
    Ok(bytes)
}

fn unreadable(cause: &std::io::Error) -> Error {
    match cause.kind() {
        ErrorKind::UnexpectedEof => Error::new("JPEG file cut short").hint("copy the file again from where it came"),
        _ => Error::new(format!("its header cannot be read: {cause}")),
    }
}
