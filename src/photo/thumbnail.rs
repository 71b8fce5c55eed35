//! Small pictures for lists and grids.

use std::path::Path;

use fast_image_resize::FilterType;
use image::RgbImage;

use crate::error::Result;
use crate::photo::{decode, transform};

/// A photo fitted within `side` × `side` pixels, upright, its aspect ratio kept. Small photos are not enlarged.
///
/// # Errors
/// As [`decode::decode`].
pub fn thumbnail(path: &Path, side: u32) -> Result<RgbImage> {
    thumbnail_from_bytes(path, &decode::read_file(path)?, side)
}

/// [`thumbnail`] for bytes already read from `path`, which is used in messages alone.
///
/// # Errors
/// As [`decode::decode`].
pub fn thumbnail_from_bytes(path: &Path, bytes: &[u8], side: u32) -> Result<RgbImage> {
    // As in `shrink`: down to twice the size, the cheap way does no harm.
    let rough = side.max(1).saturating_mul(2);
    let decoded = decode::decode_unturned(bytes, Some(rough));
    let (picture, orientation) = decoded.map_err(|error| decode::on_path(path, &error))?;
    Ok(decode::turned(shrink(picture, side), orientation))
}

/// Fits a picture within `side` × `side` pixels; one that fits already is returned as it is.
pub fn shrink(picture: RgbImage, side: u32) -> RgbImage {
    let (width, height) = fitted(picture.width(), picture.height(), side);
    if (width, height) == picture.dimensions() {
        return picture;
    }
    // Averaging blocks down to twice the size is much cheaper than a wide filter over millions of pixels, and what
    // blocks lose in sharpness, the second step no longer shows.
    let rough = (width.saturating_mul(2), height.saturating_mul(2));
    if picture.width() >= 2 * rough.0 && picture.height() >= 2 * rough.1 {
        let halfway = transform::resize_with(&picture, rough.0, rough.1, FilterType::Box);
        return transform::resize_with(&halfway, width, height, FilterType::Hamming);
    }
    transform::resize_with(&picture, width, height, FilterType::Hamming)
}

/// The largest sides of the same ratio, each from 1 to `side`, that do not exceed the given ones.
fn fitted(width: u32, height: u32, side: u32) -> (u32, u32) {
    let side = side.max(1);
    let longer = width.max(height);
    if longer <= side {
        return (width, height);
    }
    let scaled = |length: u32| {
        let rounded = (u64::from(length) * u64::from(side) + u64::from(longer) / 2) / u64::from(longer);
        (rounded as u32).clamp(1, side)
    };
    (scaled(width), scaled(height))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides_keep_their_ratio_and_never_vanish() {
        assert_eq!(fitted(4000, 3000, 128), (128, 96));
        assert_eq!(fitted(3000, 4000, 128), (96, 128));
        assert_eq!(fitted(100, 80, 128), (100, 80));
        assert_eq!(fitted(2000, 3, 128), (128, 1));
        assert_eq!(fitted(5, 5, 0), (1, 1));
        assert_eq!(fitted(u32::MAX, u32::MAX, u32::MAX - 1), (u32::MAX - 1, u32::MAX - 1));
    }

    #[test]
    fn shrinking_keeps_what_the_picture_shows() {
        // Left half dark, right half bright, in one step and in two.
        for width in [400, 4000] {
            let picture =
                RgbImage::from_fn(width, width / 2, |x, _| image::Rgb([if x < width / 2 { 20 } else { 220 }; 3]));
            let small = shrink(picture, 100);
            assert_eq!(small.dimensions(), (100, 50));
            assert_eq!((small.get_pixel(10, 25)[0], small.get_pixel(90, 25)[0]), (20, 220));
        }
    }

    #[test]
    fn fine_lines_survive_and_fine_patterns_do_not_alias() {
        let line =
            RgbImage::from_fn(2000, 1500, |x, _| image::Rgb([if (1000..1012).contains(&x) { 0 } else { 200 }; 3]));
        let darkest = shrink(line, 200).pixels().map(|pixel| pixel[0]).min().unwrap();
        assert!(darkest < 120, "a crack of one thumbnail pixel faded to {darkest}");
        let pattern = RgbImage::from_fn(2000, 1500, |x, y| image::Rgb([if (x + y) % 2 == 0 { 0 } else { 254 }; 3]));
        assert!(shrink(pattern, 173).pixels().all(|pixel| pixel[0].abs_diff(127) <= 2));
    }

    #[test]
    fn thumbnails_of_large_jpegs_look_like_shrunk_ones() {
        let picture = RgbImage::from_fn(1600, 1200, |x, y| {
            let crack = (x + y / 3).abs_diff(1000) < 6;
            image::Rgb([if crack { 30 } else { 170 + (x / 40 + y / 30) as u8 % 20 }; 3])
        });
        let mut jpeg = std::io::Cursor::new(Vec::new());
        picture.write_to(&mut jpeg, image::ImageFormat::Jpeg).unwrap();
        let whole = decode::decode_bytes(jpeg.get_ref()).unwrap();
        for side in [100, 150, 200, 399, 400, 401, 1600] {
            let found = thumbnail_from_bytes(Path::new("a.jpg"), jpeg.get_ref(), side).unwrap();
            let expected = shrink(whole.clone(), side);
            assert_eq!(found.dimensions(), expected.dimensions());
            let each = || found.as_raw().iter().zip(expected.as_raw()).map(|(a, b)| a.abs_diff(*b));
            let mean = each().map(f64::from).sum::<f64>() / found.as_raw().len() as f64;
            assert!(mean < 1.0 && each().max() < Some(24), "{side}: {mean} {:?}", each().max());
        }
    }

    #[test]
    fn a_thumbnail_file_is_read_and_a_bad_one_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        RgbImage::from_pixel(300, 100, image::Rgb([9, 8, 7])).save(&path).unwrap();
        assert_eq!(thumbnail(&path, 60).unwrap(), RgbImage::from_pixel(60, 20, image::Rgb([9, 8, 7])));
        std::fs::write(&path, "no picture").unwrap();
        assert!(thumbnail(&path, 60).unwrap_err().one_line().ends_with("a.png: not a picture: plain text"));
    }
}
