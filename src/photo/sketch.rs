//! A photo in a few hundred numbers, to find copies of it that are not byte for byte the same: recompressed, resized,
//! brightened, mirrored or turned.
//!
//! The sketch is the low end of a discrete cosine transform of the grey picture at 32×32 pixels, without its mean: what
//! brightness and contrast do to a copy falls out when two sketches are correlated. Mirroring changes the signs of every
//! second coefficient and turning exchanges rows and columns, so that all eight ways a photo can lie are compared
//! without looking at a pixel again. The signs alone make the 63 bits by which likely copies are found: a perceptual
//! hash after Zauner (2010, "Implementation and benchmarking of perceptual image hash functions"), but with signs in
//! place of a comparison with the median, which mirroring would not leave alone.

use std::path::Path;
use std::sync::LazyLock;

use fast_image_resize::FilterType;
use image::RgbImage;

use super::{decode, transform};
use crate::error::Result;

/// Side of the grey picture, in pixels.
const SIDE: usize = 32;
/// Frequencies kept in each direction.
const KEPT: usize = 16;
/// Those whose signs make the hash.
const HASHED: usize = 8;
/// Coefficients of a sketch: all that are kept, without the mean.
const COEFFICIENTS: usize = KEPT * KEPT - 1;
/// From this sum of both frequencies on, a coefficient is detail: light that falls off towards a corner is none.
const DETAIL: usize = 4;
/// The largest coefficient of a sketch.
const LARGEST: f32 = i16::MAX as f32;

/// How alike two sketches are at least if they are of one photo, in all and in detail.
///
/// On 7,146 patches of METU, pairs that are copies come to 0.979 and 0.969 at least, and other patches of the same
/// walls to 0.957 and 0.928 at most.
pub const COPY: Likeness = Likeness { all: 0.97, detail: 0.95 };

/// What a photo looks like on the whole: mean red, green and blue, contrast and roughness, in levels of 0 to 255.
pub type Look = [f32; 5];

/// A photo in a few hundred numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Sketch {
    coefficients: [i16; COEFFICIENTS],
    /// What it looks like on the whole.
    pub look: Look,
}

/// How alike two sketches are: correlations, 1 at most.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Likeness {
    /// Of all coefficients.
    pub all: f32,
    /// Of those that are detail.
    pub detail: f32,
}

impl Likeness {
    /// Whether it is at least `other` in both.
    pub fn reaches(self, other: Self) -> bool {
        self.all >= other.all && self.detail >= other.detail
    }
}

/// One of the eight ways in which a square can lie: first its rows and columns may be exchanged, then it may be mirrored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Turn {
    exchanged: bool,
    upside_down: bool,
    mirrored: bool,
}

impl Turn {
    /// As it is.
    pub const NONE: Self = Self { exchanged: false, upside_down: false, mirrored: false };

    /// All eight, the plain one first.
    pub fn all() -> impl Iterator<Item = Self> {
        let turn = |n: u8| Self { exchanged: n & 4 > 0, upside_down: n & 2 > 0, mirrored: n & 1 > 0 };
        (0..8).map(turn)
    }

    /// The name in files.
    pub fn name(self) -> &'static str {
        match (self.exchanged, self.upside_down, self.mirrored) {
            (false, false, false) => "upright",
            (false, false, true) => "mirrored",
            (false, true, false) => "mirrored-turned-180",
            (false, true, true) => "turned-180",
            (true, false, false) => "mirrored-turned-270",
            (true, false, true) => "turned-90",
            (true, true, false) => "turned-270",
            (true, true, true) => "mirrored-turned-90",
        }
    }

    /// The same in words; nothing for a photo that is as it is.
    pub fn words(self) -> Option<&'static str> {
        match (self.exchanged, self.upside_down, self.mirrored) {
            (false, false, false) => None,
            (false, false, true) => Some("mirrored"),
            (false, true, false) => Some("mirrored top to bottom"),
            (false, true, true) => Some("turned by 180°"),
            (true, false, false) => Some("mirrored and turned by 270°"),
            (true, false, true) => Some("turned by 90°"),
            (true, true, false) => Some("turned by 270°"),
            (true, true, true) => Some("mirrored and turned by 90°"),
        }
    }

    /// Where the coefficient of row and column frequency `(row, column)` comes from, and whether its sign changes.
    fn source(self, row: usize, column: usize) -> ((usize, usize), bool) {
        let negative = (self.mirrored && column % 2 == 1) != (self.upside_down && row % 2 == 1);
        (if self.exchanged { (column, row) } else { (row, column) }, negative)
    }
}

impl Sketch {
    /// Bytes of a stored sketch.
    pub const BYTES: usize = COEFFICIENTS * 2 + size_of::<Look>();

    /// Sketches the photo that these bytes of a file hold; `path` is used in messages alone.
    ///
    /// # Errors
    /// As [`decode::decode`].
    pub fn from_bytes_of(path: &Path, bytes: &[u8]) -> Result<Self> {
        let decoded = decode::decode_unturned(bytes, Some(2 * SIDE as u32));
        let (picture, orientation) = decoded.map_err(|error| decode::on_path(path, &error))?;
        let small = transform::resize_with(&picture, SIDE as u32, SIDE as u32, FilterType::Box);
        Ok(Self::of(&decode::turned(small, orientation)))
    }

    /// Sketches a picture.
    pub fn of(picture: &RgbImage) -> Self {
        let small = transform::resize_with(picture, SIDE as u32, SIDE as u32, FilterType::Box);
        let grey: Vec<f32> =
            small.pixels().map(|pixel| pixel.0.iter().map(|level| f32::from(*level)).sum::<f32>() / 3.0).collect();
        let transformed = cosine_transform(&grey);
        let coefficients = transformed.get(1..).unwrap_or_default();
        let largest = coefficients.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
        // A picture of one colour has nothing but rounding to show.
        let scale = if largest > 1.0 { LARGEST / largest } else { 0.0 };
        let mut sketch = Self { coefficients: [0; COEFFICIENTS], look: look(&small, &grey) };
        for (kept, value) in sketch.coefficients.iter_mut().zip(coefficients) {
            *kept = (value * scale).round() as i16;
        }
        sketch
    }

    /// Whether there is anything in the photo but one colour.
    pub fn shows_something(&self) -> bool {
        self.coefficients.iter().any(|value| *value != 0)
    }

    /// The signs of the lowest frequencies, of the photo turned so. Photos of one colour have none.
    pub fn hash(&self, turn: Turn) -> u64 {
        let places = (1..HASHED * HASHED).map(|place| (place / HASHED, place % HASHED));
        places.fold(0, |hash, (row, column)| {
            let ((row, column), negative) = turn.source(row, column);
            let value = self.get(row, column);
            (hash << 1) | u64::from(if negative { value < 0 } else { value > 0 })
        })
    }

    /// How alike this photo, turned so, and another are.
    pub fn likeness(&self, turn: Turn, other: &Self) -> Likeness {
        let (mut all, mut detail) = (Correlation::default(), Correlation::default());
        for (place, theirs) in other.coefficients.iter().enumerate() {
            let (row, column) = ((place + 1) / KEPT, (place + 1) % KEPT);
            let (source, negative) = turn.source(row, column);
            let value = f64::from(self.get(source.0, source.1));
            let pair = (if negative { -value } else { value }, f64::from(*theirs));
            all.add(pair);
            if row + column >= DETAIL {
                detail.add(pair);
            }
        }
        Likeness { all: all.value(), detail: detail.value() }
    }

    /// As it is stored.
    pub fn to_bytes(&self) -> Vec<u8> {
        let coefficients = self.coefficients.iter().flat_map(|value| value.to_le_bytes());
        coefficients.chain(self.look.iter().flat_map(|value| value.to_le_bytes())).collect()
    }

    /// Reads a stored sketch; `None` where there are too few bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (coefficients, look) = bytes.get(..Self::BYTES)?.split_at(COEFFICIENTS * 2);
        let mut sketch = Self { coefficients: [0; COEFFICIENTS], look: Look::default() };
        for (value, bytes) in sketch.coefficients.iter_mut().zip(coefficients.as_chunks().0) {
            *value = i16::from_le_bytes(*bytes);
        }
        for (value, bytes) in sketch.look.iter_mut().zip(look.as_chunks().0) {
            *value = f32::from_le_bytes(*bytes);
        }
        Some(sketch)
    }

    fn get(&self, row: usize, column: usize) -> i16 {
        let place = (row * KEPT + column).wrapping_sub(1);
        self.coefficients.get(place).copied().unwrap_or_default()
    }
}

/// Sums of a correlation about zero.
#[derive(Default)]
struct Correlation {
    product: f64,
    squares: [f64; 2],
}

impl Correlation {
    fn add(&mut self, (a, b): (f64, f64)) {
        self.product += a * b;
        self.squares = [self.squares[0] + a * a, self.squares[1] + b * b];
    }

    fn value(&self) -> f32 {
        let length = (self.squares[0] * self.squares[1]).sqrt();
        if length > 0.0 { (self.product / length) as f32 } else { 0.0 }
    }
}

/// cos(π (2x + 1) f / 64) for each frequency `f` and pixel `x`, with the factor that makes the transform orthonormal.
static COSINES: LazyLock<Vec<[f32; SIDE]>> = LazyLock::new(|| {
    let value = |frequency: usize, pixel: usize| {
        let angle = std::f64::consts::PI * ((2 * pixel + 1) * frequency) as f64 / (2 * SIDE) as f64;
        let scale = if frequency == 0 { 1.0 } else { 2.0_f64.sqrt() } / (SIDE as f64).sqrt();
        (angle.cos() * scale) as f32
    };
    (0..KEPT).map(|frequency| std::array::from_fn(|pixel| value(frequency, pixel))).collect()
});

/// The low end of the two-dimensional cosine transform (DCT-II, orthonormal) of 32×32 values: 16×16, row frequencies
/// first.
fn cosine_transform(grey: &[f32]) -> Vec<f32> {
    let product = |values: &[f32], cosines: &[f32; SIDE]| values.iter().zip(cosines).map(|(v, c)| v * c).sum::<f32>();
    let mut across = vec![0.0; KEPT * SIDE]; // one line for each column frequency
    for (y, row) in grey.chunks_exact(SIDE).enumerate() {
        for (line, cosines) in across.chunks_exact_mut(SIDE).zip(COSINES.iter()) {
            if let Some(value) = line.get_mut(y) {
                *value = product(row, cosines);
            }
        }
    }
    COSINES.iter().flat_map(|cosines| across.chunks_exact(SIDE).map(|line| product(line, cosines))).collect()
}

fn look(small: &RgbImage, grey: &[f32]) -> Look {
    let count = grey.len().max(1) as f32;
    let mut means = [0.0; 3];
    for pixel in small.pixels() {
        means.iter_mut().zip(pixel.0).for_each(|(mean, level)| *mean += f32::from(level) / count);
    }
    let mean = grey.iter().sum::<f32>() / count;
    let contrast = (grey.iter().map(|value| (value - mean).powi(2)).sum::<f32>() / count).sqrt();
    let across: f32 = grey.chunks_exact(SIDE).flat_map(|row| row.windows(2)).map(gap).sum();
    let down: f32 = grey.iter().zip(grey.iter().skip(SIDE)).map(|(a, b)| (a - b).abs()).sum();
    [means[0], means[1], means[2], contrast, (across + down) / (2.0 * count)]
}

fn gap(pair: &[f32]) -> f32 {
    match pair {
        [a, b] => (a - b).abs(),
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use image::imageops;

    use super::*;
    use crate::dataset::Class;
    use crate::dataset::sample::concrete;

    fn jpeg(picture: &RgbImage, quality: u8) -> Vec<u8> {
        let mut bytes = Vec::new();
        picture.write_with_encoder(image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, quality)).unwrap();
        bytes
    }

    fn photos() -> Vec<RgbImage> {
        (0..12).flat_map(|seed| Class::ALL.map(|class| concrete(227, class, seed))).collect()
    }

    fn likeness(a: &RgbImage, b: &RgbImage, turn: Turn) -> Likeness {
        Sketch::of(a).likeness(turn, &Sketch::of(b))
    }

    #[test]
    fn the_transform_agrees_with_scipy() {
        // scipy.fft.dctn(x, norm="ortho") of x[i, j] = (7 i + 3 j + i j) % 50
        let file: serde_json::Value = serde_json::from_str(include_str!("../../tests/data/dct_case.json")).unwrap();
        let grey: Vec<f32> = (0..SIDE * SIDE)
            .map(|n| (n / SIDE, n % SIDE))
            .map(|(i, j)| ((7 * i + 3 * j + i * j) % 50) as f32)
            .collect();
        let expected = file["values"].as_array().unwrap();
        for (found, expected) in cosine_transform(&grey).iter().zip(expected) {
            assert!((f64::from(*found) - expected.as_f64().unwrap()).abs() < 2e-3, "{found} instead of {expected}");
        }
        assert_eq!(expected.len(), KEPT * KEPT);
    }

    #[test]
    fn copies_are_known_whatever_was_done_to_them() {
        for photo in photos() {
            let original = Sketch::of(&photo);
            let again = decode::decode_bytes(&jpeg(&photo, 40)).unwrap();
            let smaller = imageops::resize(&photo, 190, 190, imageops::FilterType::Triangle);
            let mut brighter = photo.clone();
            brighter
                .pixels_mut()
                .for_each(|pixel| pixel.0.iter_mut().for_each(|v| *v = (f32::from(*v) * 0.8 + 20.0) as u8));
            let sketched = Sketch::from_bytes_of(Path::new("x.jpg"), &jpeg(&photo, 85)).unwrap();
            for (copy, what) in [(&again, "recompressed"), (&smaller, "smaller"), (&brighter, "brighter")] {
                let found = original.likeness(Turn::NONE, &Sketch::of(copy));
                assert!(found.reaches(COPY), "{what}: {found:?}");
                let apart = (original.hash(Turn::NONE) ^ Sketch::of(copy).hash(Turn::NONE)).count_ones();
                assert!(apart <= super::super::twins::RADIUS, "{what}: {apart} bits");
            }
            assert!(original.likeness(Turn::NONE, &sketched).reaches(COPY), "decoded at a smaller scale");
        }
    }

    #[test]
    fn each_turn_is_known_by_its_name() {
        let photo = concrete(128, Class::Positive, 3);
        let mirror = imageops::flip_horizontal;
        let cases: [(&str, RgbImage); 8] = [
            ("upright", photo.clone()),
            ("mirrored", mirror(&photo)),
            ("turned-90", imageops::rotate90(&photo)),
            ("turned-180", imageops::rotate180(&photo)),
            ("turned-270", imageops::rotate270(&photo)),
            ("mirrored-turned-90", imageops::rotate90(&mirror(&photo))),
            ("mirrored-turned-180", imageops::rotate180(&mirror(&photo))),
            ("mirrored-turned-270", imageops::rotate270(&mirror(&photo))),
        ];
        let original = Sketch::of(&photo);
        for (name, turned) in cases {
            let sketch = Sketch::of(&turned);
            let found: Vec<_> = Turn::all().filter(|turn| original.likeness(*turn, &sketch).reaches(COPY)).collect();
            assert_eq!(found.iter().map(|turn| turn.name()).collect::<Vec<_>>(), [name]);
            assert!((original.hash(found[0]) ^ sketch.hash(Turn::NONE)).count_ones() <= 2, "{name}");
        }
        assert_eq!(Turn::all().filter_map(Turn::words).count(), 7);
    }

    #[test]
    fn other_photos_of_the_same_surface_are_no_copies() {
        let photos = photos();
        // With the same seed, an intact and a cracked photo show the same concrete under the same light.
        for (i, a) in photos.iter().enumerate() {
            for b in photos.iter().skip(if i % 2 == 0 { i + 2 } else { i + 1 }) {
                for turn in Turn::all() {
                    let found = likeness(a, b, turn);
                    assert!(!found.reaches(COPY), "{i}: {found:?}");
                }
            }
        }
    }

    #[test]
    fn one_colour_is_like_nothing() {
        let grey = RgbImage::from_pixel(50, 40, image::Rgb([90, 90, 90]));
        let sketch = Sketch::of(&grey);
        assert!(!sketch.shows_something());
        assert_eq!(sketch.likeness(Turn::NONE, &sketch), Likeness { all: 0.0, detail: 0.0 });
        assert_eq!(sketch.look, [90.0, 90.0, 90.0, 0.0, 0.0]);
        let turned_over = Sketch::from_bytes(&sketch.to_bytes());
        assert_eq!(turned_over, Some(sketch));
        let photo = Sketch::of(&concrete(64, Class::Negative, 1));
        assert_eq!(Sketch::from_bytes(&photo.to_bytes()), Some(photo.clone()));
        assert_eq!(Sketch::from_bytes(&photo.to_bytes()[1..]), None);
    }
}
