//! Which variations there are, and how strong each is.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// How strongly photos are varied while training; 0 and `false` leave them as they are.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Augmentation {
    /// Mirror half of the photos left to right.
    pub horizontal_flip: bool,
    /// Mirror half of the photos top to bottom.
    pub vertical_flip: bool,
    /// Turn photos by 0, 90, 180 or 270 degrees.
    pub quarter_turns: bool,
    /// The largest angle by which they are turned besides, in degrees, 0 to 45.
    pub rotation: f32,
    /// How far they are zoomed, stretched and shifted, 0 to 0.5: 0.2 zooms out to 0.8 and in to 1.2. Zooming in ends
    /// where less than [`Self::visible_share`] of the photo would remain.
    pub scale: f32,
    /// How much brightness and gamma change, 0 to 1; at 1 a photo becomes half as bright to half as bright again.
    pub brightness: f32,
    /// How much contrast changes, 0 to 1; at 1 by a factor of 0.66 to 1.32.
    pub contrast: f32,
    /// How much saturation and colour cast change, 0 to 1; at 1 some photos become grey.
    pub colour: f32,
    /// Standard deviation of the strongest blur, in pixels of the result, 0 to 3.
    pub blur: f32,
    /// Standard deviation of the strongest noise, in levels of 255, 0 to 40.
    pub noise: f32,
    /// Share of photos that are saved as JPEG of some quality and read back.
    pub jpeg: f32,
    /// Share of photos onto which a shadow or uneven light falls.
    pub shadows: f32,
    /// Share of photos onto which something is drawn that is no crack: a joint, a stain, a chalk line.
    pub marks: f32,
    /// The least share of a photo's area that stays in the frame: a crack may run along the edge, and a photo that is
    /// labelled cracked must not lose it. No setting of the user's.
    #[serde(skip)]
    pub visible_share: f32,
}

/// What messages and commands call an amount, the most that it may be, and how it is written.
#[derive(Clone, Copy, Debug)]
pub struct Amount {
    /// The word for it on the command line.
    pub word: &'static str,
    /// The most that it may be; the least is 0.
    pub most: f32,
    /// What follows the number, for people.
    pub unit: &'static str,
    /// Decimals that tell amounts apart.
    pub decimals: usize,
    /// The amount in these settings.
    pub of: fn(&mut Augmentation) -> &mut f32,
}

/// Every amount, in the order in which the variations come about.
pub const AMOUNTS: [Amount; 10] = [
    Amount { word: "rotate", most: 45.0, unit: "°", decimals: 0, of: |a| &mut a.rotation },
    Amount { word: "scale", most: 0.5, unit: "", decimals: 2, of: |a| &mut a.scale },
    Amount { word: "brightness", most: 1.0, unit: "", decimals: 2, of: |a| &mut a.brightness },
    Amount { word: "contrast", most: 1.0, unit: "", decimals: 2, of: |a| &mut a.contrast },
    Amount { word: "colour", most: 1.0, unit: "", decimals: 2, of: |a| &mut a.colour },
    Amount { word: "blur", most: 3.0, unit: " px", decimals: 1, of: |a| &mut a.blur },
    Amount { word: "noise", most: 40.0, unit: "", decimals: 1, of: |a| &mut a.noise },
    Amount { word: "jpeg", most: 1.0, unit: "", decimals: 2, of: |a| &mut a.jpeg },
    Amount { word: "shadows", most: 1.0, unit: "", decimals: 2, of: |a| &mut a.shadows },
    Amount { word: "marks", most: 1.0, unit: "", decimals: 2, of: |a| &mut a.marks },
];

impl Default for Augmentation {
    fn default() -> Self {
        Self::none()
    }
}

impl Augmentation {
    /// Photos as they are.
    pub const fn none() -> Self {
        Self {
            horizontal_flip: false,
            vertical_flip: false,
            quarter_turns: false,
            rotation: 0.0,
            scale: 0.0,
            brightness: 0.0,
            contrast: 0.0,
            colour: 0.0,
            blur: 0.0,
            noise: 0.0,
            jpeg: 0.0,
            shadows: 0.0,
            marks: 0.0,
            visible_share: 0.9,
        }
    }

    /// What another visit to the same place would change.
    pub const fn light() -> Self {
        Self {
            horizontal_flip: true,
            vertical_flip: true,
            quarter_turns: true,
            rotation: 8.0,
            scale: 0.1,
            brightness: 0.4,
            contrast: 0.4,
            colour: 0.4,
            blur: 0.6,
            noise: 4.0,
            jpeg: 0.3,
            shadows: 0.15,
            marks: 0.1,
            ..Self::none()
        }
    }

    /// What another place and another camera would change.
    pub const fn strong() -> Self {
        Self {
            horizontal_flip: true,
            vertical_flip: true,
            quarter_turns: true,
            rotation: 25.0,
            scale: 0.3,
            brightness: 1.0,
            contrast: 1.0,
            colour: 1.0,
            blur: 1.3,
            noise: 8.0,
            jpeg: 0.5,
            shadows: 0.35,
            marks: 0.4,
            ..Self::none()
        }
    }

    /// Whether photos stay as they are.
    pub fn is_none(&self) -> bool {
        *self == Self { visible_share: self.visible_share, ..Self::none() }
    }

    /// Checks what types cannot.
    ///
    /// # Errors
    /// A usage error that names the first setting out of its range.
    pub fn validate(&self) -> Result<()> {
        let mut settings = *self;
        match AMOUNTS.into_iter().find(|amount| !(0.0..=amount.most).contains((amount.of)(&mut settings))) {
            None => Ok(()),
            Some(Amount { word, most, .. }) => {
                Err(Error::usage(format!("The augmentation “{word}” must lie between 0 and {most}")))
            }
        }
    }

    /// The nearest settings that [`Self::validate`] accepts.
    pub(super) fn bounded(mut self) -> Self {
        for Amount { of, most, .. } in AMOUNTS {
            let amount = of(&mut self);
            // In this order, since NaN becomes 0.
            *amount = amount.max(0.0).min(most);
        }
        self
    }
}
