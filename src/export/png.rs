//! Pictures as PNG.

use image::{ExtendedColorType, GrayImage, ImageEncoder, RgbImage};

use crate::error::{Error, Result};

/// The picture as PNG.
///
/// # Errors
/// Where the encoder fails, which does not happen in memory.
pub fn encode(picture: &RgbImage) -> Result<Vec<u8>> {
    encode_levels(picture.as_raw(), picture.dimensions(), ExtendedColorType::Rgb8)
}

/// A grey picture as PNG.
///
/// # Errors
/// As [`encode`].
pub fn encode_grey(picture: &GrayImage) -> Result<Vec<u8>> {
    encode_levels(picture.as_raw(), picture.dimensions(), ExtendedColorType::L8)
}

fn encode_levels(levels: &[u8], (width, height): (u32, u32), colours: ExtendedColorType) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    image::codecs::png::PngEncoder::new(&mut bytes)
        .write_image(levels, width, height, colours)
        .map_err(|cause| Error::new("Cannot encode a picture as PNG").detail(cause.to_string()))?;
    Ok(bytes)
}
