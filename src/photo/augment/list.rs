//! Settings as a list of words: `light`, or `flips,turns,rotate=10,brightness=0.2`.

use std::fmt;
use std::str::FromStr;

use super::settings::{AMOUNTS, Augmentation};
use crate::error::Error;

/// Words that stand for all settings; they may begin a list.
const PRESETS: [(&str, Augmentation); 3] =
    [("off", Augmentation::none()), ("light", Augmentation::light()), ("strong", Augmentation::strong())];

/// What a list may hold, for messages.
const WORDS: &str = "off, light or strong, or a list of flips, hflip, vflip, turns, rotate=DEGREES, scale=, \
                     brightness=, contrast=, colour=, blur=PIXELS, noise=LEVELS, jpeg=, shadows= and marks=";

impl FromStr for Augmentation {
    type Err = Error;

    /// Reads a list. What it does not name is off, or as the preset that it begins with says.
    fn from_str(text: &str) -> Result<Self, Error> {
        let mut settings = Self::none();
        for (place, word) in text.split(',').map(str::trim).enumerate() {
            settings = settings.with(word, place == 0).map_err(|error| error.hint(format!("give {WORDS}")))?;
        }
        settings.validate()?;
        Ok(settings)
    }
}

impl Augmentation {
    fn with(mut self, word: &str, first: bool) -> Result<Self, Error> {
        if let Some((name, preset)) = PRESETS.into_iter().find(|(name, _)| *name == word) {
            return if first {
                Ok(preset)
            } else {
                Err(Error::usage(format!("“{name}” must come first in the list")))
            };
        }
        match word.split_once('=').map(|(word, amount)| (word.trim(), amount.trim())) {
            None => match word {
                "flips" => (self.horizontal_flip, self.vertical_flip) = (true, true),
                "hflip" => self.horizontal_flip = true,
                "vflip" => self.vertical_flip = true,
                "turns" => self.quarter_turns = true,
                _ if AMOUNTS.iter().any(|amount| amount.word == word) => {
                    return Err(Error::usage(format!("“{word}” needs an amount, as in {word}=0.2")));
                }
                _ => return Err(Error::usage(format!("There is no augmentation “{word}”"))),
            },
            Some((word, amount)) => {
                let word = if word == "color" { "colour" } else { word };
                let known = AMOUNTS.iter().find(|known| known.word == word);
                let Some(known) = known else {
                    return Err(Error::usage(format!("There is no augmentation “{word}” that has an amount")));
                };
                let number = amount.parse().ok().filter(|number: &f32| number.is_finite());
                *(known.of)(&mut self) =
                    number.ok_or_else(|| Error::usage(format!("“{amount}” is no amount of “{word}”")))?;
            }
        }
        Ok(self)
    }
}

impl fmt::Display for Augmentation {
    /// The shortest list that [`FromStr`] reads back: a preset's name, or all that is on.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let same = |preset: &Self| *preset == Self { visible_share: preset.visible_share, ..*self };
        if let Some((name, _)) = PRESETS.iter().find(|(_, preset)| same(preset)) {
            return f.write_str(name);
        }
        let mut words: Vec<String> = Vec::new();
        match (self.horizontal_flip, self.vertical_flip) {
            (true, true) => words.push("flips".into()),
            (true, false) => words.push("hflip".into()),
            (false, true) => words.push("vflip".into()),
            (false, false) => {}
        }
        words.extend(self.quarter_turns.then(|| "turns".into()));
        let mut settings = *self;
        for known in AMOUNTS {
            let amount = *(known.of)(&mut settings);
            words.extend((amount != 0.0).then(|| format!("{}={amount}", known.word)));
        }
        f.write_str(&words.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_and_written_back() {
        let list = "flips,turns,rotate=10,scale=0.1,brightness=0.2";
        let read: Augmentation = list.parse().unwrap();
        let expected = Augmentation {
            horizontal_flip: true,
            vertical_flip: true,
            quarter_turns: true,
            rotation: 10.0,
            scale: 0.1,
            brightness: 0.2,
            ..Augmentation::none()
        };
        assert_eq!(read, expected);
        assert_eq!(read.to_string(), list);
        for (name, preset) in PRESETS {
            assert_eq!(name.parse::<Augmentation>().unwrap(), preset);
            assert_eq!(preset.to_string(), name);
        }
        let read: Augmentation = " strong , marks=0, color = 0.5, vflip ".parse().unwrap();
        assert_eq!(read, Augmentation { marks: 0.0, colour: 0.5, ..Augmentation::strong() });
        assert_eq!(read.to_string().parse::<Augmentation>().unwrap(), read);
        assert_eq!("hflip,noise=2.5".parse::<Augmentation>().unwrap().to_string(), "hflip,noise=2.5");
    }

    #[test]
    fn errors_say_which_word_is_meant() {
        for (list, says) in [
            ("", "no augmentation “”"),
            ("flip", "no augmentation “flip”"),
            ("flips,light", "“light” must come first"),
            ("rotate", "“rotate” needs an amount"),
            ("turns=3", "“turns” that has an amount"),
            ("blur=much", "“much” is no amount of “blur”"),
            ("noise=NaN", "“NaN” is no amount of “noise”"),
            ("rotate=90", "“rotate” must lie between 0 and 45"),
            ("jpeg=-1", "“jpeg” must lie between 0 and 1"),
        ] {
            let error = list.parse::<Augmentation>().unwrap_err();
            assert!(error.title().contains(says), "{list}: {error}");
        }
    }
}
