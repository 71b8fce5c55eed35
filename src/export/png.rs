//! Pictures as PNG.

use image::{ExtendedColorType, ImageEncoder, RgbImage};

use crate::error::{Error, Result};

/// The picture as PNG.
///
/// # Errors
/// Where the encoder fails, which does not happen in memory.
pub fn encode(picture: &RgbImage) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    image::codecs::png::PngEncoder::new(&mut bytes)
        .write_image(picture.as_raw(), picture.width(), picture.height(), ExtendedColorType::Rgb8)
        .map_err(|cause| Error::new("Cannot encode a picture as PNG").detail(cause.to_string()))?;
    Ok(bytes)
}
