//! From a file to pixels, and from pixels to what the network takes.

pub mod augment;
pub mod check;
pub mod decode;
pub mod exif;
pub mod quality;
pub mod sketch;
pub mod tensor_file;
pub mod thumbnail;
pub mod transform;
pub mod twins;
pub mod verdict;

/// ImageNet's channel means, RGB, of values 0 to 1.
pub const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
/// ImageNet's channel standard deviations.
pub const STD: [f32; 3] = [0.229, 0.224, 0.225];
/// The side of the square picture that the network takes, in pixels.
pub const INPUT_SIZE: usize = 224;
/// The most pixels that a photo may have: 100 megapixels. Larger ones are refused before anything is allocated.
pub const MAX_PIXELS: u64 = 100_000_000;
/// Part of the key of cached features: change it when decoding or resizing changes a pixel.
pub const PREPROCESSING: &str = "rgb-bilinear224-imagenet-v3";
