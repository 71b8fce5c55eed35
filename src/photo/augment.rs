//! Varies photos while training, so that a network learns cracks and not the concrete, light and camera of one place.
//!
//! A variation comes about in the order in which a photo would: the [view] settles which part of the surface is seen
//! and how it is turned, [marks] that are not cracks lie on it, [shadows](shadow) fall, the [lens] blurs, the sensor
//! adds [noise], the camera gives it its [tone], and the file is saved as [JPEG](jpeg). Nothing of this may make the
//! label untrue: most of the photo stays in the frame, and marks are straight, round, soft or brighter than concrete.

mod jpeg;
mod lens;
mod marks;
mod noise;
mod part;
mod plane;
mod shadow;
mod tone;
mod view;

#[cfg(test)]
mod tests;

use image::RgbImage;
use serde::{Deserialize, Serialize};

use crate::dice::Dice;
use crate::error::{Error, Result};
use part::Part;
use view::View;

/// How strongly photos are varied while training; 0 and `false` leave them as they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Augmentation {
    /// Mirror half of the photos.
    pub flips: bool,
    /// Turn photos by 0, 90, 180 or 270 degrees.
    pub quarter_turns: bool,
    /// The largest angle by which they are turned besides, in degrees, 0 to 45.
    pub rotation: f32,
    /// How far they are zoomed, stretched and shifted: 0.2 zooms out to 0.8 and in to 1.2. Zooming in ends where less
    /// than [`VISIBLE_SHARE`] of the photo would remain.
    pub scale: f32,
    /// How much brightness, contrast, gamma, colour cast and saturation change, 0 to 1.
    pub light: f32,
    /// Standard deviation of the strongest blur, in pixels of the result.
    pub blur: f32,
    /// Standard deviation of the strongest noise, in levels of 255.
    pub noise: f32,
    /// Share of photos that are saved as JPEG of some quality and read back.
    pub jpeg: f32,
    /// Share of photos onto which a shadow or uneven light falls.
    pub shadows: f32,
    /// Share of photos onto which something is drawn that is no crack: a joint, a stain, a chalk line.
    pub marks: f32,
}

/// The least share of a photo's area that stays in the frame, so that what the label speaks of is not cut away.
pub const VISIBLE_SHARE: f32 = 0.81;

impl Augmentation {
    /// Photos as they are.
    pub fn none() -> Self {
        Self::default()
    }

    /// What another visit to the same place would change.
    pub fn mild() -> Self {
        Self {
            flips: true,
            quarter_turns: true,
            rotation: 8.0,
            scale: 0.1,
            light: 0.4,
            blur: 0.6,
            noise: 4.0,
            jpeg: 0.3,
            shadows: 0.15,
            marks: 0.1,
        }
    }

    /// What another place and another camera would change.
    pub fn strong() -> Self {
        Self {
            flips: true,
            quarter_turns: true,
            rotation: 25.0,
            scale: 0.3,
            light: 1.0,
            blur: 1.3,
            noise: 8.0,
            jpeg: 0.5,
            shadows: 0.35,
            marks: 0.4,
        }
    }

    /// Checks what types cannot.
    ///
    /// # Errors
    /// A usage error that names the first setting out of its range.
    pub fn validate(&self) -> Result<()> {
        let mut settings = *self;
        match settings.amounts().into_iter().find(|(_, amount, most)| !(0.0..=*most).contains(&**amount)) {
            None => Ok(()),
            Some((name, _, most)) => Err(Error::usage(format!("The {name} must lie between 0 and {most}"))),
        }
    }

    /// The nearest settings that [`Self::validate`] accepts.
    fn bounded(mut self) -> Self {
        for (_, amount, most) in self.amounts() {
            // In this order, since NaN becomes 0.
            *amount = amount.max(0.0).min(most);
        }
        self
    }

    /// What messages call each amount, the amount, and the most that it may be.
    fn amounts(&mut self) -> [(&'static str, &mut f32, f32); 8] {
        [
            ("rotation of varied photos", &mut self.rotation, 45.0),
            ("zoom of varied photos", &mut self.scale, 0.5),
            ("change of light", &mut self.light, 1.0),
            ("blur of varied photos", &mut self.blur, 3.0),
            ("noise of varied photos", &mut self.noise, 40.0),
            ("share of photos saved as JPEG", &mut self.jpeg, 1.0),
            ("share of photos with shadows", &mut self.shadows, 1.0),
            ("share of photos with marks", &mut self.marks, 1.0),
        ]
    }
}

/// One variation of `photo`, `side`×`side` pixels; a side of zero is taken as one pixel.
///
/// Without any variation it is what [`resize`](super::transform::resize) gives. One number is drawn from `rng`, whatever
/// the settings, and everything else follows from it. Settings out of their range are taken as the nearest within.
pub fn augment(photo: &RgbImage, side: u32, settings: &Augmentation, rng: &mut impl rand::Rng) -> RgbImage {
    vary(photo, side, &settings.bounded(), rng.random())
}

fn vary(photo: &RgbImage, side: u32, settings: &Augmentation, seed: u64) -> RgbImage {
    let dice = |part| Dice::of(seed, part);
    let mut picture = View::random(settings, &mut dice(Part::View)).show(photo, side);
    marks::draw(&mut picture, settings.marks, &mut dice(Part::Marks));
    shadow::cast(&mut picture, settings.shadows, &mut dice(Part::Shadow));
    lens::blur(&mut picture, settings.blur, &mut dice(Part::Lens));
    noise::add(&mut picture, settings.noise, &mut dice(Part::Noise));
    tone::develop(&mut picture, settings.light, &mut dice(Part::Tone));
    jpeg::save(picture.into_image(), settings.jpeg, &mut dice(Part::Jpeg))
}
