//! How bright a photo is, as the eye sees grey: what a crack is darker than.

use image::RgbImage;

/// The grey level of a pixel, 0 to 255, by ITU-R BT.601's weights.
pub fn grey([r, g, b]: [u8; 3]) -> f32 {
    0.299 * f32::from(r) + 0.587 * f32::from(g) + 0.114 * f32::from(b)
}

/// The grey level at a place; beyond the photo's edge that of the nearest pixel, 0 where it has none.
pub fn level(photo: &RgbImage, x: i64, y: i64) -> f32 {
    let within = |at: i64, side: u32| at.clamp(0, i64::from(side.saturating_sub(1))) as u32;
    let pixel = photo.get_pixel_checked(within(x, photo.width()), within(y, photo.height()));
    pixel.map_or(0.0, |pixel| grey(pixel.0))
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    #[test]
    fn levels_go_on_beyond_the_edge() {
        let photo = RgbImage::from_fn(2, 2, |x, y| Rgb([(100 * x + 50 * y) as u8; 3]));
        assert!((level(&photo, 1, 0) - 100.0).abs() < 1e-3);
        assert_eq!(level(&photo, -9, 99), level(&photo, 0, 1));
        assert_eq!(level(&RgbImage::new(0, 0), 0, 0), 0.0);
    }
}
