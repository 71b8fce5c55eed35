//! What can tell which photos belong together, and what is asked for.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Something that tells which photos belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// SDNET2018's names, which tell the photo that a patch was cut from.
    Sdnet,
    /// Folders below those that name a class.
    Folders,
    /// Photos that one camera took one soon after the other.
    Time,
    /// Photos that look the same: recompressed, resized, brightened, mirrored or turned copies.
    NearCopies,
    /// Photos that follow one another in number, where such photos look alike.
    Numbers,
}

impl Source {
    /// All of them, in order.
    pub const ALL: [Self; 5] = [Self::Sdnet, Self::Folders, Self::Time, Self::NearCopies, Self::Numbers];

    /// The name in files and options.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sdnet => "sdnet",
            Self::Folders => "folders",
            Self::Time => "time",
            Self::NearCopies => "near-copies",
            Self::Numbers => "numbers",
        }
    }
}

/// Why photos are in one group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// Their files are the same, byte for byte.
    Identical,
    /// One of the sources says so.
    Found(Source),
    /// A person says so.
    ByHand,
}

impl Reason {
    /// The name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Identical => "identical",
            Self::Found(source) => source.name(),
            Self::ByHand => "by-hand",
        }
    }

    /// In a few words.
    pub fn title(self) -> &'static str {
        match self {
            Self::Identical => "identical files",
            Self::Found(Source::Sdnet) => "SDNET2018's photo numbers",
            Self::Found(Source::Folders) => "sub-folders",
            Self::Found(Source::Time) => "time taken",
            Self::Found(Source::NearCopies) => "near copies",
            Self::Found(Source::Numbers) => "neighbours in numbering",
            Self::ByHand => "by hand",
        }
    }

    /// What it means.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Identical => "The same bytes; always kept together",
            Self::Found(Source::Sdnet) => "Patches whose names say that they were cut from one photo",
            Self::Found(Source::Folders) => "Photos in folders of one name below the folders of the classes",
            Self::Found(Source::Time) => "Photos that one camera took one soon after the other, as their EXIF data say",
            Self::Found(Source::NearCopies) => "Recompressed, resized, brightened, mirrored or turned copies",
            Self::Found(Source::Numbers) => {
                "Blocks of photos that follow one another in number, where such photos are found to look alike"
            }
            Self::ByHand => "What you said; it holds in place of all that is found, but for identical files",
        }
    }
}

/// What photos are to be grouped by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GroupConfig {
    /// The sources, besides identical files.
    pub by: BTreeSet<Source>,
    /// The longest time between two photos that were taken in a row, in seconds.
    pub time_gap: f64,
    /// A table of groups by hand, with the columns `file` and `group`.
    pub file: Option<PathBuf>,
}

impl Default for GroupConfig {
    fn default() -> Self {
        Self { by: Source::ALL.into(), time_gap: 30.0, file: None }
    }
}

impl GroupConfig {
    /// Checks what types cannot.
    ///
    /// # Errors
    /// A usage error where the time is no time.
    pub fn validate(&self) -> Result<()> {
        if self.time_gap >= 0.0 && self.time_gap <= 86_400.0 {
            return Ok(());
        }
        Err(Error::usage("The time between two photos of a group must lie between 0 and 86,400 seconds"))
    }
}

/// A list of sources, as options have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sources(pub BTreeSet<Source>);

impl fmt::Display for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("none");
        }
        let names: Vec<&str> = self.0.iter().map(|source| source.name()).collect();
        f.write_str(&names.join(","))
    }
}

impl FromStr for Sources {
    type Err = Error;

    fn from_str(list: &str) -> Result<Self> {
        let source = |word: &str| {
            let found = Source::ALL.into_iter().find(|source| source.name() == word);
            found.ok_or_else(|| {
                let all: Vec<&str> = Source::ALL.map(Source::name).into();
                Error::usage(format!("Photos cannot be grouped by “{word}”"))
                    .hint(format!("give a list of {}, or none", all.join(", ")))
            })
        };
        let words = || list.split(',').map(str::trim).filter(|word| !word.is_empty());
        if words().eq(["none"]) {
            return Ok(Self(BTreeSet::new()));
        }
        words().map(source).collect::<Result<_>>().map(Self)
    }
}
