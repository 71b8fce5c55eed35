//! Which photos there are, what they are said to show, and how they are divided.
//!
//! [`scan`](scan::scan) lists a folder without opening a single photo, [`archive`] unpacks what is opened as a `.zip`,
//! [`layout`] reads labels from folder names and `labels.csv`, [`known`] recognises published data sets, [`group`] finds
//! photos that belong together and [`split`] divides them into training and validation. [`labels`] keeps what people say
//! against what was found.

pub mod archive;
pub mod group;
pub mod keep_out;
pub mod known;
pub mod labels;
pub mod layout;
mod mark;
pub mod sample;
pub mod scan;
pub mod sites;
pub mod split;

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

pub use mark::Mark;

/// What a photo shows. The order is that of the network's two outputs, everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[repr(u8)]
pub enum Class {
    /// Intact concrete: index 0.
    Negative = 0,
    /// Cracked concrete: index 1.
    Positive = 1,
}

impl Class {
    /// Both classes, in the order of the network's outputs.
    pub const ALL: [Self; 2] = [Self::Negative, Self::Positive];

    /// The index of the network's output.
    pub fn index(self) -> usize {
        self as usize
    }

    /// The name in files: `Negative` or `Positive`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Negative => "Negative",
            Self::Positive => "Positive",
        }
    }

    /// The word shown to people: `intact` or `cracked`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Negative => "intact",
            Self::Positive => "cracked",
        }
    }

    /// The class predicted at `threshold` for a probability of being cracked.
    pub fn predicted(p_positive: f32, threshold: f32) -> Self {
        if p_positive >= threshold { Self::Positive } else { Self::Negative }
    }
}

/// One photo (or stored tensor) of a data set. Nothing of its content is held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// The path relative to the opened folder, with `/`; where several folders are opened together, led by the
    /// folder's own name. Unique within a data set; what tables and journals call the photo.
    pub file: String,
    /// Where it lies.
    pub path: PathBuf,
    /// The label in force: what it is said to show, corrections included. `None` where nobody has said, or knows, and
    /// where the photo is excluded.
    pub label: Option<Class>,
    /// What folder names and tables say; `None` where they say nothing.
    pub found: Option<Mark>,
    /// What a person says against it, or to confirm it.
    pub correction: Option<Mark>,
    /// Words that people have put on it, sorted, each once.
    pub tags: Vec<String>,
    /// Length of the file in bytes.
    pub bytes: u64,
    /// When the file last changed, where the file system says.
    pub modified: Option<SystemTime>,
}

impl Sample {
    /// What is said of it: the correction, or else what was found.
    pub fn said(&self) -> Option<Mark> {
        self.correction.or(self.found)
    }

    /// Takes over what folder names or a table say.
    pub fn set_found(&mut self, found: Option<Mark>) {
        self.found = found;
        self.label = self.said().and_then(Mark::class);
    }

    /// Takes over what a person says; with `None`, what was found is in force again.
    pub fn correct(&mut self, correction: Option<Mark>) {
        self.correction = correction;
        self.label = self.said().and_then(Mark::class);
    }

    /// Whether it takes no part in anything.
    pub fn is_excluded(&self) -> bool {
        self.said() == Some(Mark::Excluded)
    }

    /// Whether a person says something else than was found.
    pub fn is_corrected(&self) -> bool {
        self.correction.is_some() && self.correction != self.found
    }
}

/// How the labels of a folder were found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layout {
    /// Folders named after the classes.
    ClassFolders,
    /// SDNET2018: `D/CD`, `D/UD`, `P/CP`, `P/UP`, `W/CW`, `W/UW`.
    Sdnet,
    /// A `labels.csv` in the folder.
    LabelsCsv,
    /// Folders of tensors, as in the IBM capstone.
    IbmTensors,
    /// Nothing says what the photos show.
    Unlabelled,
}

impl Layout {
    /// The layout in a few words.
    pub fn title(self) -> &'static str {
        match self {
            Self::ClassFolders => "class folders",
            Self::Sdnet => "SDNET2018",
            Self::LabelsCsv => "labels.csv",
            Self::IbmTensors => "IBM tensor folders",
            Self::Unlabelled => "unlabelled",
        }
    }
}

/// Files that were passed over, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// Hidden files and folders.
    pub hidden: usize,
    /// Files that are no pictures, by their extension.
    pub other: usize,
    /// Links that lead back into themselves.
    pub loops: usize,
}

/// Something about one file that the user should know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The file, relative to the opened folder.
    pub file: String,
    /// What is wrong with it, in one line.
    pub reason: String,
}

/// A folder of photos, listed.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// The folders, or archives, that were opened; rarely more than one.
    pub roots: Vec<PathBuf>,
    /// How the labels were found.
    pub layout: Layout,
    /// The photos, in order of `file`.
    pub samples: Vec<Sample>,
    /// What was passed over.
    pub skipped: Skipped,
    /// What went wrong while listing: folders that cannot be read, labels that make no sense.
    pub problems: Vec<Problem>,
}

impl Dataset {
    /// Tells photos that are bad from a stick that was pulled. Asked where some could not be read.
    ///
    /// # Errors
    /// Where a folder that was opened is not there any more, or has nothing in it.
    pub fn check_there(&self) -> Result<()> {
        let holds = |root: &Path| self.samples.iter().any(|sample| sample.path.starts_with(root));
        let is_there =
            |root: &Path| std::fs::read_dir(root).is_ok_and(|mut entries| matches!(entries.next(), Some(Ok(_))));
        match self.roots.iter().find(|root| holds(root) && !is_there(root)) {
            Some(root) => Err(Error::new(format!("{} is not there any more", root.display()))
                .detail("its photos could not be read to the last; what was made of the others is kept")
                .hint("connect the disk or share again, and start again")),
            None => Ok(()),
        }
    }

    /// How many photos carry this label.
    pub fn count(&self, class: Class) -> usize {
        self.samples.iter().filter(|sample| sample.label == Some(class)).count()
    }

    /// How many photos carry a label.
    pub fn labelled(&self) -> usize {
        self.samples.iter().filter(|sample| sample.label.is_some()).count()
    }

    /// How many photos carry a label, or are left out, against what was found.
    pub fn corrected(&self) -> usize {
        self.samples.iter().filter(|sample| sample.is_corrected()).count()
    }

    /// Where the photo called `file` lies, if the folders `roots` were opened together; in an archive, its place there.
    pub fn locate(roots: &[PathBuf], file: &str) -> PathBuf {
        match roots {
            [root] => root.join(file),
            _ => {
                let (name, rest) = file.split_once('/').unwrap_or(("", file));
                let names = scan::root_names(roots);
                let root = names.iter().zip(roots).find(|(known, _)| *known == name).map(|(_, root)| root);
                root.map_or_else(|| PathBuf::from(file), |root| root.join(rest))
            }
        }
    }

    /// The path of a photo for people to read: of one from an archive, its place in there.
    pub fn shown_path(&self, sample: &Sample) -> PathBuf {
        match self.roots.as_slice() {
            roots if roots.iter().any(|root| sample.path.starts_with(root)) => sample.path.clone(),
            [archive] => archive.join(&sample.file),
            _ => PathBuf::from(&sample.file),
        }
    }

    /// A short name: that of the opened folder.
    pub fn name(&self) -> String {
        let names: Vec<_> = self
            .roots
            .iter()
            .map(|root| {
                root.file_name().map_or_else(|| root.display().to_string(), |n| n.to_string_lossy().into_owned())
            })
            .collect();
        names.join(" + ")
    }
}
