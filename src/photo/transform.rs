//! From pixels to what the network takes, as torchvision and Pillow do it.

mod bilinear;

use std::path::Path;
use std::sync::LazyLock;

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::RgbImage;

use crate::error::Result;
use crate::photo::decode::{self, Format};
use crate::photo::tensor_file::{self, Scale};
use crate::photo::{INPUT_SIZE, MEAN, STD};

/// Values of one input: 3 channels of [`INPUT_SIZE`]².
pub const INPUT_VALUES: usize = 3 * INPUT_SIZE * INPUT_SIZE;

/// Resizes with the antialiased bilinear filter; equal to what Pillow's `resize((width, height), BILINEAR)` gives.
///
/// Sides of zero are taken as one pixel.
pub fn resize(image: &RgbImage, width: u32, height: u32) -> RgbImage {
    bilinear::resize(image, width.max(1), height.max(1))
}

/// Writes `(value / 255 − mean) / std` of each pixel to `out`, channel by channel (C×H×W).
///
/// `out` holds 3 · width · height values; what lies beyond is left as it is.
pub fn normalise(image: &RgbImage, out: &mut [f32]) {
    let plane = image.width() as usize * image.height() as usize;
    let (red, rest) = out.split_at_mut(plane.min(out.len()));
    let (green, blue) = rest.split_at_mut(plane.min(rest.len()));
    let [reds, greens, blues] = &*NORMALISED;
    let planes = red.iter_mut().zip(green).zip(blue);
    for (((red, green), blue), pixel) in planes.zip(image.as_raw().chunks_exact(3)) {
        *red = reds[usize::from(pixel[0])];
        *green = greens[usize::from(pixel[1])];
        *blue = blues[usize::from(pixel[2])];
    }
}

/// Writes the normalised values of a row of RGB pixels to `out`, pixel by pixel.
pub fn normalise_row(levels: &[u8], out: &mut [f32]) {
    let [reds, greens, blues] = &*NORMALISED;
    for (values, levels) in out.chunks_exact_mut(3).zip(levels.chunks_exact(3)) {
        if let (&[red, green, blue], [r, g, b]) = (levels, values) {
            *r = reds[usize::from(red)];
            *g = greens[usize::from(green)];
            *b = blues[usize::from(blue)];
        }
    }
}

/// A picture as the network takes it: resized to 224×224, normalised, 3×224×224.
pub fn to_input(image: &RgbImage) -> Vec<f32> {
    let side = INPUT_SIZE as u32;
    let mut out = vec![0.0; INPUT_VALUES];
    if image.dimensions() == (side, side) {
        normalise(image, &mut out);
    } else {
        normalise(&resize(image, side, side), &mut out);
    }
    out
}

/// The picture, 224×224, of what the network takes: the way back from [`to_input`].
pub fn to_picture(input: &[f32]) -> RgbImage {
    let plane = INPUT_SIZE * INPUT_SIZE;
    RgbImage::from_fn(INPUT_SIZE as u32, INPUT_SIZE as u32, |x, y| {
        let at = y as usize * INPUT_SIZE + x as usize;
        let level = |channel: usize| {
            let value = input.get(channel * plane + at).copied().unwrap_or_default();
            ((value * STD[channel] + MEAN[channel]) * 255.0).round() as u8
        };
        image::Rgb([level(0), level(1), level(2)])
    })
}

/// Reads a photo as the network takes it, 3×224×224. A stored tensor that is normalised is taken as it is, or resized
/// in single precision: never by way of 8-bit levels.
///
/// # Errors
/// As [`decode::decode`].
pub fn load_input(path: &Path) -> Result<Vec<f32>> {
    load_input_from_bytes(path, &decode::read_file(path)?)
}

/// [`load_input`] for bytes already read from `path`, which is used in messages alone.
///
/// # Errors
/// As [`decode::decode`].
pub fn load_input_from_bytes(path: &Path, bytes: &[u8]) -> Result<Vec<f32>> {
    input_of(bytes).map_err(|error| decode::on_path(path, &error))
}

/// Resizes with any filter, fast, and within a level or two of what Pillow gives: for what people look at.
pub(super) fn resize_with(image: &RgbImage, width: u32, height: u32, filter: FilterType) -> RgbImage {
    let (width, height) = (width.max(1), height.max(1));
    if image.dimensions() == (width, height) {
        return image.clone();
    }
    let mut target = Image::new(width, height, PixelType::U8x3);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter)).use_alpha(false);
    // Neither step can fail: the buffer of an `RgbImage` has the length that its sides call for, and both pictures
    // have the same pixel type. A picture without pixels gives a black one.
    if let Ok(source) = ImageRef::new(image.width(), image.height(), image.as_raw(), PixelType::U8x3) {
        let outcome = Resizer::new().resize(&source, &mut target, &options);
        debug_assert!(outcome.is_ok(), "{outcome:?}");
    }
    RgbImage::from_raw(width, height, target.into_vec()).unwrap_or_else(|| RgbImage::new(width, height))
}

fn input_of(bytes: &[u8]) -> Result<Vec<f32>> {
    if Format::of(bytes)? != Format::Tensor {
        return Ok(to_input(&decode::decode_bytes(bytes)?));
    }
    let tensor = decode::guarded(|| tensor_file::read_bytes(bytes))?;
    if tensor.scale == Scale::Levels {
        return Ok(to_input(&tensor_file::picture(&tensor)?));
    }
    let sides = tensor_file::sides(&tensor.shape)?;
    tensor_file::check_finite(&tensor)?;
    let side = INPUT_SIZE as u32;
    Ok(if sides == (side, side) { tensor.values } else { bilinear::resize_planes(&tensor.values, sides, (side, side)) })
}

/// For each channel, what each of the 256 levels becomes. Divided as PyTorch divides, in single precision.
static NORMALISED: LazyLock<[[f32; 256]; 3]> = LazyLock::new(|| {
    std::array::from_fn(|channel| std::array::from_fn(|level| (level as f32 / 255.0 - MEAN[channel]) / STD[channel]))
});

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    #[derive(Clone, Copy)]
    struct Difference {
        most: u8,
        mean: f64,
    }

    fn difference(ours: &[u8], theirs: &[u8]) -> Difference {
        assert_eq!(ours.len(), theirs.len());
        let each = || ours.iter().zip(theirs).map(|(a, b)| a.abs_diff(*b));
        let sum: f64 = each().map(f64::from).sum();
        Difference { most: each().max().unwrap_or(0), mean: sum / ours.len() as f64 }
    }

    fn shared(path: &str) -> Option<PathBuf> {
        let root = std::env::var_os("CRACKSCOPE_SHARED")
            .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared")), PathBuf::from);
        let path = root.join(path);
        if !path.exists() {
            eprintln!("skipped: no {}", path.display());
            return None;
        }
        Some(path)
    }

    #[test]
    fn resizing_agrees_with_pillow() {
        let case: serde_json::Value = serde_json::from_str(include_str!("../../tests/data/resize_case.json")).unwrap();
        let side = |value: &serde_json::Value| value.as_u64().unwrap() as u32;
        // The same formula stands in tests/data/make_resize_case.py.
        let level = |x: u32, y: u32, c: u32| ((x * x * 7 + y * 13 * (c + 1) + x * y * 5 + 31 * c) % 256) as u8;
        let pixel = |x, y| image::Rgb(std::array::from_fn(|c| level(x, y, c as u32)));
        let picture = RgbImage::from_fn(side(&case["width"]), side(&case["height"]), pixel);
        for expected in case["cases"].as_array().unwrap() {
            let (width, height) = (side(&expected["width"]), side(&expected["height"]));
            let levels: Vec<u8> = expected["rgb"].as_array().unwrap().iter().map(|v| side(v) as u8).collect();
            let found = difference(resize(&picture, width, height).as_raw(), &levels);
            assert!(found.most == 0 && found.mean == 0.0, "{width}×{height}: {} {}", found.most, found.mean);
        }
    }

    #[test]
    fn normalising_follows_the_formula_in_planes() {
        let picture = RgbImage::from_fn(2, 3, |x, y| image::Rgb([x as u8 * 255, y as u8 * 100, 7]));
        let mut out = vec![f32::NAN; 18];
        normalise(&picture, &mut out);
        for (channel, x, y) in [(0, 0, 0), (0, 1, 2), (1, 1, 1), (1, 0, 2), (2, 1, 0)] {
            let value = f32::from(picture.get_pixel(x, y)[channel]) / 255.0;
            let expected = (value - MEAN[channel]) / STD[channel];
            assert_eq!(out[channel * 6 + y as usize * 2 + x as usize], expected);
        }
    }

    #[test]
    fn what_the_network_takes_can_be_seen_again() {
        let side = INPUT_SIZE as u32;
        let photo = RgbImage::from_fn(side, side, |x, y| image::Rgb([x as u8, y as u8, (x * y) as u8]));
        assert_eq!(to_picture(&to_input(&photo)), photo);
    }

    #[test]
    fn slivers_and_single_pixels_become_inputs() {
        for (width, height) in [(1, 1), (2000, 3), (1, 500), (224, 224)] {
            let input = to_input(&RgbImage::from_pixel(width, height, image::Rgb([124, 116, 104])));
            assert_eq!(input.len(), INPUT_VALUES);
            let expected = (124.0 / 255.0 - MEAN[0]) / STD[0];
            assert!(input[..INPUT_SIZE * INPUT_SIZE].iter().all(|value| (value - expected).abs() < 1e-6));
        }
    }

    #[test]
    fn inputs_agree_with_pytorch() {
        let Some(root) = shared("reference").and_then(|path| path.parent().map(Path::to_path_buf)) else { return };
        let text = std::fs::read_to_string(root.join("reference/reference.json")).unwrap();
        let reference: serde_json::Value = serde_json::from_str(&text).unwrap();
        let bytes = std::fs::read(root.join("reference/tensors.safetensors")).unwrap();
        let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let (pixels, inputs) = (tensors.tensor("pixels_u8_hwc").unwrap(), tensors.tensor("input_nchw").unwrap());
        for i in 0..8 {
            let path = root.join(reference["files"][i].as_str().unwrap());
            let side = INPUT_SIZE as u32;
            let resized = resize(&decode::decode(&path).unwrap(), side, side);
            let found = difference(resized.as_raw(), &pixels.data()[i * INPUT_VALUES..(i + 1) * INPUT_VALUES]);
            assert!(found.most == 0 && found.mean == 0.0, "{}: {} {}", path.display(), found.most, found.mean);

            // From the very same pixels, the input is PyTorch's to the last bits.
            let theirs = RgbImage::from_raw(side, side, pixels.data()[i * INPUT_VALUES..][..INPUT_VALUES].to_vec());
            let values = inputs.data()[i * INPUT_VALUES * 4..].chunks_exact(4).map(|b| [b[0], b[1], b[2], b[3]]);
            for (ours, expected) in to_input(&theirs.unwrap()).iter().zip(values.map(f32::from_le_bytes)) {
                assert!((ours - expected).abs() < 1e-6, "{ours} {expected}");
            }
        }
    }
}
