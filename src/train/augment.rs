//! Augmented variants of training photos: what is asked for, and which variant of which photo is which.

use std::path::Path;

use image::RgbImage;
use serde::{Deserialize, Serialize};

use super::config::Tune;
use crate::dataset::group::ContentKey;
use crate::error::{Error, Result};
use crate::format;
use crate::photo::augment::{self, Augmentation, VARIATION};
use crate::photo::transform::{self, INPUT_VALUES};
use crate::photo::{INPUT_SIZE, decode};

/// The most variants of a photo.
pub const MOST_VARIANTS: usize = 16;

/// How training photos are augmented. Validation photos never are.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AugmentConfig {
    /// Variants of each training photo that are learnt from beside the photo itself, 1 to [`MOST_VARIANTS`]. Where all
    /// layers are trained, every epoch varies every photo anew instead.
    pub variants: usize,
    /// How far they go; nothing by default.
    #[serde(flatten)]
    pub variation: Augmentation,
}

impl Default for AugmentConfig {
    fn default() -> Self {
        Self { variants: 4, variation: Augmentation::none() }
    }
}

impl AugmentConfig {
    /// Whether photos are learnt from as they are, and no otherwise.
    pub fn is_off(&self) -> bool {
        self.variation.is_none()
    }

    /// Variants of each training photo that frozen layers work out before the epochs begin.
    pub fn computed_ahead(&self, tune: Tune) -> u32 {
        if self.is_off() || tune == Tune::All { 0 } else { self.variants as u32 }
    }

    /// Whether these settings make the same examples as `other`.
    pub fn is_like(&self, other: &Self) -> bool {
        self == other || self.is_off() && other.is_off()
    }

    /// Checks what types cannot.
    ///
    /// # Errors
    /// A usage error that names the first setting out of its range.
    pub fn validate(&self) -> Result<()> {
        if !(1..=MOST_VARIANTS).contains(&self.variants) {
            return Err(Error::usage(format!("The number of variants must lie between 1 and {MOST_VARIANTS}")));
        }
        self.variation.validate()
    }

    /// In words: `off`, `light, 4 variants of each training photo`.
    pub fn describe(&self, tune: Tune) -> String {
        match (self.is_off(), tune) {
            (true, _) => "off".to_owned(),
            (false, Tune::All) => format!("{}, drawn anew in every epoch", self.variation),
            (false, _) => {
                let variants = format::counted(self.variants, "variant", "variants");
                format!("{}, {variants} of each training photo", self.variation)
            }
        }
    }
}

/// The numbered variants of every photo that one seed gives; number 0 is the photo itself.
///
/// What a variant looks like depends on the photo's content and on nothing else: it is the same whatever the photo is
/// called, wherever it stands in the data set, and whichever thread computes it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Variants {
    /// How far they go.
    pub variation: Augmentation,
    /// The seed of all of them.
    pub seed: u64,
}

impl Variants {
    /// Those that are asked for, if any are.
    pub fn of(config: &AugmentConfig, seed: u64) -> Option<Self> {
        (!config.is_off()).then_some(Self { variation: config.variation, seed })
    }

    /// Variant `number` of `photo`, whose content is `key`, as the network takes it but for normalisation: 224×224.
    pub fn picture(&self, photo: &RgbImage, key: &ContentKey, number: u32) -> RgbImage {
        let side = INPUT_SIZE as u32;
        match number {
            0 => transform::resize(photo, side, side),
            _ => augment::vary(photo, side, &self.variation, self.seed_of(key, number)),
        }
    }

    /// [`Self::picture`] normalised, 3×224×224.
    pub fn input(&self, photo: &RgbImage, key: &ContentKey, number: u32) -> Vec<f32> {
        let mut values = vec![0.0; INPUT_VALUES];
        transform::normalise(&self.picture(photo, key, number), &mut values);
        values
    }

    /// [`Self::input`] of the photo in the file at `path`, which holds `bytes`. The normalisation of a stored tensor is undone before it is varied; as
    /// variant 0 the tensor is taken as it is.
    ///
    /// # Errors
    /// As [`decode::decode`].
    pub fn load_input(&self, path: &Path, bytes: &[u8], key: &ContentKey, number: u32) -> Result<Vec<f32>> {
        if number == 0 {
            return transform::load_input_from_bytes(path, bytes);
        }
        Ok(self.input(&decode::decode_named(path, bytes)?, key, number))
    }

    /// Tells these variants from all others, in names of files.
    pub fn fingerprint(&self) -> String {
        let settings = format!("{VARIATION} {:?} {}", self.variation, self.seed);
        blake3::hash(settings.as_bytes()).to_hex().chars().take(16).collect()
    }

    /// The key under which something is kept of variant `number` of the photo with content `key`.
    pub fn key(key: &ContentKey, number: u32) -> ContentKey {
        if number == 0 { *key } else { ContentKey(*digest(key, &number.to_le_bytes()).as_bytes()) }
    }

    fn seed_of(&self, key: &ContentKey, number: u32) -> u64 {
        let [seed, number] = [self.seed, u64::from(number)].map(u64::to_le_bytes);
        let [a, b, c, d, e, f, g, h, ..] = *digest(key, &[seed, number].concat()).as_bytes();
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }
}

fn digest(key: &ContentKey, rest: &[u8]) -> blake3::Hash {
    blake3::Hasher::new().update(&key.0).update(rest).finalize()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::photo::augment::AMOUNTS;

    const LIGHT: Variants = Variants { variation: Augmentation::light(), seed: 3 };

    fn key(n: u8) -> ContentKey {
        ContentKey([n; 32])
    }

    fn photo() -> RgbImage {
        RgbImage::from_fn(300, 240, |x, y| image::Rgb([(x * 7 % 200) as u8, (y * 5 % 180) as u8, ((x + y) % 90) as u8]))
    }

    #[test]
    fn a_variant_depends_on_content_number_seed_and_settings() {
        let photo = photo();
        let of = |variants: Variants, n: u8, number| variants.picture(&photo, &key(n), number);
        let first = of(LIGHT, 1, 1);
        assert!(first == of(LIGHT, 1, 1));
        assert!(first != of(LIGHT, 2, 1) && first != of(LIGHT, 1, 2));
        assert!(first != of(Variants { seed: 4, ..LIGHT }, 1, 1));
        assert!(first != of(Variants { variation: Augmentation::strong(), ..LIGHT }, 1, 1));
        assert!(of(LIGHT, 1, 0) == transform::resize(&photo, 224, 224));
        assert_eq!(LIGHT.input(&photo, &key(1), 0), transform::to_input(&photo));
    }

    #[test]
    fn whatever_changes_a_variant_changes_what_it_is_kept_under() {
        let mut known = vec![LIGHT.fingerprint(), Variants { seed: 4, ..LIGHT }.fingerprint()];
        for amount in AMOUNTS {
            let mut changed = LIGHT;
            *(amount.of)(&mut changed.variation) *= 0.5;
            known.push(changed.fingerprint());
        }
        for change in [
            |a: &mut Augmentation| a.horizontal_flip = false,
            |a: &mut Augmentation| a.vertical_flip = false,
            |a: &mut Augmentation| a.quarter_turns = false,
            |a: &mut Augmentation| a.visible_share = 0.95,
        ] {
            let mut changed = LIGHT;
            change(&mut changed.variation);
            known.push(changed.fingerprint());
        }
        let all = known.len();
        known.sort_unstable();
        known.dedup();
        assert_eq!((known.len(), LIGHT.fingerprint()), (all, Variants { ..LIGHT }.fingerprint()));
        assert_eq!(Variants::key(&key(1), 0), key(1));
        assert_ne!(Variants::key(&key(1), 1), Variants::key(&key(1), 2));
        assert_ne!(Variants::key(&key(1), 1), Variants::key(&key(2), 1));
    }

    #[test]
    fn settings_are_written_and_read_in_one_table() {
        let config = AugmentConfig { variants: 7, variation: "flips,rotate=10,scale=0.1".parse().unwrap() };
        let text = toml::to_string(&config).unwrap();
        assert!(text.contains("variants = 7\n") && text.contains("scale = 0.1\n"), "{text}");
        assert_eq!(toml::from_str::<AugmentConfig>(&text).unwrap(), config);
        assert_eq!(toml::from_str::<AugmentConfig>("").unwrap(), AugmentConfig::default());
        assert!(AugmentConfig::default().is_off());
    }

    #[test]
    fn settings_out_of_range_are_refused() {
        let light = AugmentConfig { variants: 4, variation: Augmentation::light() };
        light.validate().unwrap();
        for variants in [0, 17] {
            let error = AugmentConfig { variants, ..light }.validate().unwrap_err();
            assert!(error.title().contains("variants"), "{error}");
        }
        let dizzy = Augmentation { rotation: 46.0, ..Augmentation::light() };
        assert!(AugmentConfig { variation: dizzy, ..light }.validate().unwrap_err().title().contains("rotate"));
        assert!(AugmentConfig { variants: 9, ..AugmentConfig::default() }.is_like(&AugmentConfig::default()));
        assert!(!AugmentConfig { variants: 9, ..light }.is_like(&light));
    }
}
