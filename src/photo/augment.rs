//! Varies photos while training, so that a network learns cracks and not the concrete, light and camera of one place.
//!
//! A variation comes about in the order in which a photo would: the [view] settles which part of the surface is seen
//! and how it is turned, [marks] that are not cracks lie on it, [shadows](shadow) fall, the [lens] blurs, the sensor
//! adds [noise], the camera gives it its [tone], and the file is saved as [JPEG](jpeg). Nothing of this may make the
//! label untrue: most of the photo stays in the frame, and marks are straight, round, soft or brighter than concrete.

mod jpeg;
mod lens;
mod list;
mod marks;
mod noise;
mod part;
mod plane;
mod settings;
mod shadow;
mod tone;
mod view;

#[cfg(test)]
mod tests;

use image::RgbImage;

use self::part::Part;
pub use self::settings::{AMOUNTS, Amount, Augmentation};
use self::view::View;
use crate::dice::Dice;

/// Part of the key of what is cached of variations: change it when a variation changes a pixel.
pub const VARIATION: &str = "v1";

/// One variation of `photo`, `side`×`side` pixels; a side of zero is taken as one pixel.
///
/// Without any variation it is what [`resize`](super::transform::resize) gives. One number is drawn from `rng`, whatever
/// the settings, and everything else follows from it, as in [`vary`].
pub fn augment(photo: &RgbImage, side: u32, settings: &Augmentation, rng: &mut impl rand::Rng) -> RgbImage {
    vary(photo, side, settings, rng.random())
}

/// The variation of `photo` that belongs to `seed`, `side`×`side` pixels; a side of zero is taken as one pixel. Settings
/// out of their range are taken as the nearest within.
pub fn vary(photo: &RgbImage, side: u32, settings: &Augmentation, seed: u64) -> RgbImage {
    let settings = &settings.bounded();
    let dice = |part| Dice::of(seed, part);
    let mut picture = View::random(settings, &mut dice(Part::View)).show(photo, side);
    marks::draw(&mut picture, settings.marks, &mut dice(Part::Marks));
    shadow::cast(&mut picture, settings.shadows, &mut dice(Part::Shadow));
    lens::blur(&mut picture, settings.blur, &mut dice(Part::Lens));
    noise::add(&mut picture, settings.noise, &mut dice(Part::Noise));
    tone::develop(&mut picture, settings, &mut dice(Part::Tone));
    jpeg::save(picture.into_image(), settings.jpeg, &mut dice(Part::Jpeg))
}
