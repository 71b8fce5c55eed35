//! Made-up photos of concrete, with and without cracks, for a machine with no data and no network.
//!
//! A photo is drawn the way it would come about: a [surface] of paste, grain and pores, [marks] that
//! intact concrete also has, then for cracked concrete the [course of a crack](crack) that is [cut in](engrave), and
//! last light and [camera]. All but the crack is drawn from the same distribution for both classes.

mod camera;
mod crack;
mod engrave;
mod folder;
mod marks;
mod noise;
mod portable;
mod surface;

use image::RgbImage;
use serde::{Deserialize, Serialize};

use super::Class;
use crate::dice::Dice;
use camera::Camera;
use crack::Crack;
use surface::Surface;

pub use folder::write_samples;

/// The smallest side of a photo, in pixels.
pub const SMALLEST_SIDE: u32 = 16;

/// Which sample photos to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SampleConfig {
    /// How many photos in all, half of each class.
    pub photos: usize,
    /// Width and height of a photo in pixels; at least [`SMALLEST_SIDE`].
    pub side: u32,
    /// The same seed gives the same photos.
    pub seed: u64,
}

impl Default for SampleConfig {
    fn default() -> Self {
        // Photos of seed 0 are among those that the program's own weights were trained on.
        Self { photos: 600, side: 227, seed: 1 }
    }
}

impl SampleConfig {
    /// A name for the folder of this very set, so that other sets do not get in its way.
    pub fn folder_name(&self) -> String {
        let Self { photos, side, seed } = self;
        format!("concrete-{photos}x{side}-seed{seed}-edition{EDITION}", EDITION = folder::EDITION)
    }
}

/// Makes one photo of `side`×`side` pixels: a pure function of its arguments.
///
/// With the same seed, both classes show the same concrete under the same light, once intact and once cracked. A side
/// below [`SMALLEST_SIDE`] is raised to it. The pixels are the same on every machine whose `f32` follows IEEE 754, in
/// every build profile: only basic operations, square roots and functions in pure Rust go into them. They may change
/// with the version of this program.
pub fn concrete(side: u32, label: Class, seed: u64) -> RgbImage {
    let pixels = side.max(SMALLEST_SIDE) as usize;
    let mut surface = Surface::new(pixels, &mut Dice::new(seed, 0));
    marks::add(&mut surface, &mut Dice::new(seed, 1));
    let mut dice = Dice::new(seed, 2);
    let camera = Camera::new(pixels, &mut dice);
    if label == Class::Positive {
        let mut dice = Dice::new(seed, 3);
        let crack = Crack::new(pixels, &mut dice);
        engrave::engrave(&mut surface, &crack, &mut dice);
    }
    camera.shoot(&surface, &mut dice)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean(image: &RgbImage) -> f64 {
        image.as_raw().iter().map(|&byte| f64::from(byte)).sum::<f64>() / image.as_raw().len() as f64
    }

    /// FNV-1a of all bytes.
    fn hash(image: &RgbImage) -> u64 {
        let mix = |hash: u64, &byte: &u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
        image.as_raw().iter().fold(0xCBF2_9CE4_8422_2325, mix)
    }

    /// Shares of the frame that a crack made clearly darker and clearly lighter than its intact twin.
    fn changed(seed: u64) -> (f64, f64) {
        let [intact, cracked] = Class::ALL.map(|label| concrete(128, label, seed));
        // The camera's meter lifts the whole frame a little where a crack darkens it.
        let median = |image: &RgbImage| {
            let mut greens: Vec<u8> = image.pixels().map(|pixel| pixel.0[1]).collect();
            greens.sort_unstable();
            f64::from(greens[greens.len() / 2])
        };
        let scale = median(&intact) / median(&cracked);
        let change = |(a, b): (&image::Rgb<u8>, &image::Rgb<u8>)| f64::from(b.0[1]) * scale - f64::from(a.0[1]);
        let changes: Vec<f64> = intact.pixels().zip(cracked.pixels()).map(change).collect();
        let share = |wanted: fn(f64) -> bool| {
            changes.iter().filter(|&&change| wanted(change)).count() as f64 / changes.len() as f64
        };
        (share(|change| change < -20.0), share(|change| change > 20.0))
    }

    #[test]
    fn pixels_are_the_same_on_every_machine() {
        let hashes = [(227, 0), (227, 1), (100, u64::MAX)]
            .map(|(side, seed)| Class::ALL.map(|label| hash(&concrete(side, label, seed))));
        let known = [
            [0x9B3A_33C8_1A79_3AF1, 0x14D8_ABD9_F292_8A0B],
            [0x7D63_D420_2202_6913, 0x1DF5_EEC9_6AF3_9329],
            [0x4467_A446_DFF3_0B94, 0x19FD_C552_6389_63DD],
        ];
        assert_eq!(hashes, known, "if the change is meant, raise the edition of the files too");
    }

    #[test]
    fn seeds_give_different_photos() {
        for label in Class::ALL {
            let mut hashes: Vec<u64> = (0..60).map(|seed| hash(&concrete(32, label, seed))).collect();
            hashes.sort_unstable();
            hashes.dedup();
            assert_eq!(hashes.len(), 60);
        }
    }

    #[test]
    fn a_crack_darkens_a_small_part_of_the_frame() {
        let changes: Vec<(f64, f64)> = (0..60).map(changed).collect();
        for (seed, (darker, _)) in changes.iter().enumerate() {
            assert!((0.001..0.4).contains(darker), "seed {seed}: {darker} of the frame is darker");
        }
        let dark = changes.iter().filter(|(darker, lighter)| darker > lighter).count();
        assert!(dark >= 55, "{dark} of 60 darken more than their lips lighten");
        let thin = changes.iter().filter(|change| change.0 < 0.02).count();
        assert!((6..40).contains(&thin), "{thin} of 60 are thin");
    }

    #[test]
    fn brightness_does_not_tell_the_class() {
        for seed in 0..20 {
            let [intact, cracked] = Class::ALL.map(|label| mean(&concrete(64, label, seed)));
            assert!((intact - cracked).abs() < 8.0, "seed {seed}: {intact} and {cracked}");
        }
    }

    #[test]
    fn odd_sides_work() {
        for side in [0, 1, 16, 17, 101] {
            for label in Class::ALL {
                let wanted = side.max(SMALLEST_SIDE);
                assert_eq!(concrete(side, label, 5).dimensions(), (wanted, wanted));
            }
        }
    }
}
