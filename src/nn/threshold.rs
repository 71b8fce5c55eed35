//! From which probability on the model's word is cracked, and between which probabilities a person is to decide; kept with
//! the model.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::dataset::Class;

/// The probability above which a photo counts as cracked unless a run says otherwise.
pub const DEFAULT_THRESHOLD: f32 = 0.5;

/// The threshold's name in the notes of a model file.
const NOTE: &str = "threshold";
/// The band's name there.
const NOTE_BAND: &str = "unsure";

/// From which probability on a photo counts as cracked, and which photos go to a person instead.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Threshold {
    /// Probability from which a photo counts as cracked, 0 to 1.
    pub at: f32,
    /// Photos within this band go to a person. It holds `at`.
    pub unsure: Option<Band>,
}

/// Probabilities from `from` to `to`, both among them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Band {
    /// The lowest.
    pub from: f32,
    /// The highest.
    pub to: f32,
}

impl Threshold {
    /// A threshold without a band.
    pub const fn sure(at: f32) -> Self {
        Self { at, unsure: None }
    }

    /// What is said of a photo; `None` where a person is to decide.
    pub fn said(self, p_positive: f32) -> Option<Class> {
        (!self.is_unsure(p_positive)).then(|| Class::predicted(p_positive, self.at))
    }

    /// Whether a person is to decide.
    pub fn is_unsure(self, p_positive: f32) -> bool {
        self.unsure.is_some_and(|band| band.holds(p_positive))
    }

    /// What a model file says of it.
    pub fn notes(self) -> impl Iterator<Item = (&'static str, String)> {
        let band = self.unsure.map(|band| (NOTE_BAND, format!("{},{}", band.from, band.to)));
        std::iter::once((NOTE, self.at.to_string())).chain(band)
    }

    /// The one that a model file tells of; one half where it tells of none.
    pub fn from_notes(notes: &BTreeMap<String, String>) -> Self {
        let at = notes.get(NOTE).and_then(|text| text.parse().ok()).unwrap_or(DEFAULT_THRESHOLD);
        let band = notes.get(NOTE_BAND).and_then(|text| {
            let (from, to) = text.split_once(',')?;
            Some(Band { from: from.parse().ok()?, to: to.parse().ok()? })
        });
        Self { at, unsure: band.filter(|band| band.holds(at)) }
    }

    /// Puts it into the notes of a model file, in place of what they said.
    pub fn write_notes(self, notes: &mut BTreeMap<String, String>) {
        notes.remove(NOTE_BAND);
        notes.extend(self.notes().map(|(key, value)| (key.to_owned(), value)));
    }
}

impl Default for Threshold {
    fn default() -> Self {
        Self::sure(DEFAULT_THRESHOLD)
    }
}

impl From<f32> for Threshold {
    fn from(at: f32) -> Self {
        Self::sure(at)
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.at)?;
        match self.unsure {
            Some(band) => write!(f, " ({} to {} for a person)", band.from, band.to),
            None => Ok(()),
        }
    }
}

impl Band {
    /// Whether a probability lies within.
    pub fn holds(self, p: f32) -> bool {
        (self.from..=self.to).contains(&p)
    }
}
