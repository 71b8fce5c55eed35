//! What saving as JPEG leaves of a photo.

use image::RgbImage;
use image::codecs::jpeg::JpegEncoder;

use crate::dice::Dice;
use crate::photo::decode;

/// Saves a share of the photos at a quality of 30 to 95, and reads them back as the program reads any photo.
pub(super) fn save(photo: RgbImage, share: f32, dice: &mut Dice) -> RgbImage {
    if !dice.chance(share) {
        return photo;
    }
    let mut bytes = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut bytes, dice.whole(30, 95) as u8);
    match photo.write_with_encoder(encoder) {
        // Neither step can fail short of a picture larger than the format allows, which then stays as it is.
        Ok(()) => decode::decode_bytes(&bytes).unwrap_or(photo),
        Err(_) => photo,
    }
}
