//! What can be said of a photo.

use serde::{Deserialize, Serialize};

use super::Class;

/// What folder names, a table or a person says of a photo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Mark {
    /// It shows this.
    Class(Class),
    /// Nobody can tell what it shows: it is neither trained on nor counted.
    Unsure,
    /// It takes no part in anything.
    Excluded,
}

impl Mark {
    /// Every mark.
    pub const ALL: [Self; 4] =
        [Self::Class(Class::Positive), Self::Class(Class::Negative), Self::Unsure, Self::Excluded];

    /// The class, if it says one.
    pub fn class(self) -> Option<Class> {
        match self {
            Self::Class(class) => Some(class),
            Self::Unsure | Self::Excluded => None,
        }
    }

    /// The word shown to people, and kept in the journal: `cracked`, `intact`, `unsure` or `excluded`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Class(class) => class.word(),
            Self::Unsure => "unsure",
            Self::Excluded => "excluded",
        }
    }

    /// The word in the column `label` of a table: `Positive`, `Negative`, `unsure` or `excluded`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Class(class) => class.name(),
            other => other.word(),
        }
    }

    /// What a [word](Self::word) stands for.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mark| mark.word() == word)
    }
}

impl TryFrom<String> for Mark {
    type Error = String;

    fn try_from(word: String) -> Result<Self, String> {
        Self::of_word(&word).ok_or_else(|| format!("{word:?} is no label"))
    }
}

impl From<Mark> for String {
    fn from(mark: Mark) -> Self {
        mark.word().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_read_back() {
        for mark in Mark::ALL {
            assert_eq!(Mark::of_word(mark.word()), Some(mark));
            let json = serde_json::to_string(&mark).unwrap();
            assert_eq!(serde_json::from_str::<Mark>(&json).unwrap(), mark);
        }
        assert!(serde_json::from_str::<Mark>("\"craked\"").is_err());
    }
}
