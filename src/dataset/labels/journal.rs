//! The file that keeps what was said of a folder's photos: a line an action, each on the disk before it counts.
//!
//! A line is eight hexadecimal digits, the CRC-32 of the rest, a space, and one JSON object. Whatever ends the program
//! or the machine, what lies before the last line is whole; a last line that is torn was never acknowledged, is passed
//! over, and is cut off before the next one is written.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use rayon::iter::{IndexedParallelIterator, IntoParallelRefMutIterator, ParallelIterator};
use serde::{Deserialize, Serialize};

use super::identity::Identity;
use super::own_folder;
use crate::bounded;
use crate::dataset::Mark;
use crate::error::{Context, Error, Result};
use crate::places::Places;

/// The journal's name in the folder that [`own_folder`] says.
const JOURNAL: &str = "journal.jsonl";
/// A file that whoever writes the journal has locked. Not the journal itself, which others may read meanwhile.
const LOCK: &str = "journal.lock";
/// What journals of this form call themselves.
const VERSION: u32 = 1;

/// One line of a journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Entry {
    /// The first line: whose labels these are, for people who find the file.
    Begin {
        /// The form of the journal.
        version: u32,
        /// The program and its version.
        program: String,
        /// The folder of photos.
        folder: PathBuf,
    },
    /// Photos are marked.
    Mark {
        /// The action's number; later ones have higher numbers.
        id: u64,
        /// What is said of them; `None` gives back what was found.
        mark: Option<Mark>,
        /// Which photos.
        photos: Vec<Photo>,
    },
    /// Photos are given a tag, or it is taken away.
    Tag {
        /// The action's number.
        id: u64,
        /// The tag.
        tag: String,
        /// Whether it is given.
        add: bool,
        /// Which photos.
        photos: Vec<Photo>,
    },
    /// An action is taken back.
    Undo {
        /// Its number.
        id: u64,
    },
    /// An action that was taken back is done again.
    Redo {
        /// Its number.
        id: u64,
    },
}

/// A photo in a journal.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Photo {
    /// Its name relative to the folder, with `/`.
    pub file: String,
    /// Which one lay there.
    #[serde(flatten)]
    pub identity: Identity,
}

/// The journal of one folder of photos.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    /// The folder of photos.
    root: PathBuf,
    /// Length of the file when it was read, and how much of that is whole.
    read: u64,
    whole: u64,
    /// What holds it for writing.
    open: Option<Held>,
    /// Photos whose content was read already.
    known: HashMap<String, Identity>,
}

#[derive(Debug)]
struct Held {
    file: File,
    /// Locked for as long as it is open.
    _lock: File,
}

/// What a journal holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Content {
    /// Its lines.
    pub entries: Vec<Entry>,
    /// Lines that are damaged though others follow them.
    pub damaged: usize,
}

impl Journal {
    /// The journal of the photos in `root`, whether it is there yet or not.
    pub fn of(places: &Places, root: &Path) -> Self {
        let path = own_folder(places, std::slice::from_ref(&root.to_path_buf())).join(JOURNAL);
        Self { path, root: root.to_path_buf(), read: 0, whole: 0, open: None, known: HashMap::new() }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads it all; nothing where there is no file.
    ///
    /// # Errors
    /// Where it cannot be read, or was written by a version of the program that this one does not know.
    pub fn read(&mut self) -> Result<Content> {
        let bytes = match bounded::read(&self.path, bounded::TABLES) {
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            read => read.on_file("read the corrected labels in", &self.path)?,
        };
        let (content, whole) = parse(&bytes).map_err(|cause| {
            Error::file("understand the corrected labels in", &self.path, cause)
                .hint("a newer version of the program wrote it; use that one")
        })?;
        (self.read, self.whole) = (bytes.len() as u64, whole);
        Ok(content)
    }

    /// Adds a line, and returns once it is on the disk. `paths` are where the photos that it names lie: their content is
    /// read, so that they are known by it from then on.
    ///
    /// # Errors
    /// Where another copy of the program has the journal or has changed it since it was read, and where it cannot be
    /// written. The journal is then as it was.
    pub fn add(&mut self, mut entry: Entry, paths: &[PathBuf]) -> Result<()> {
        self.identify(&mut entry, paths);
        if self.open.is_none() {
            self.open = Some(self.hold()?);
        }
        let mut text = String::new();
        if self.whole == 0 {
            let program = format!("crackscope {}", env!("CARGO_PKG_VERSION"));
            text.push_str(&line(&Entry::Begin { version: VERSION, program, folder: self.root.clone() })?);
        }
        text.push_str(&line(&entry)?);
        let Some(held) = &mut self.open else { return Ok(()) };
        let before = self.whole;
        let written = held.file.write_all(text.as_bytes()).and_then(|()| held.file.sync_data());
        if let Err(cause) = written {
            // Half of it must not stand; if this fails too, it is a torn line, which counts for nothing.
            _ = held.file.set_len(before);
            self.open = None;
            return Err(Error::file("keep the corrected labels in", &self.path, cause)
                .hint("check that the disk has room and may be written to"));
        }
        self.whole = before + text.len() as u64;
        self.read = self.whole;
        Ok(())
    }

    /// Reads the content of the photos that an entry names, unless that was done.
    fn identify(&mut self, entry: &mut Entry, paths: &[PathBuf]) {
        let (Entry::Mark { photos, .. } | Entry::Tag { photos, .. }) = entry else { return };
        let known = &self.known;
        photos.par_iter_mut().zip(paths).for_each(|(photo, path)| {
            let now = &photo.identity;
            let same = |known: &&Identity| known.bytes == now.bytes && known.modified == now.modified;
            photo.identity = match known.get(&photo.file).filter(same) {
                Some(known) => known.clone(),
                None => photo.identity.clone().read(path),
            };
        });
        self.known.extend(photos.iter().map(|photo| (photo.file.clone(), photo.identity.clone())));
    }

    /// Takes the journal for writing, and cuts off what is torn.
    fn hold(&self) -> Result<Held> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).on_file("make the folder", folder)?;
        let lock_path = folder.join(LOCK);
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).read(true).write(true);
        let lock = options.open(&lock_path).on_file("write", &lock_path)?;
        match lock.try_lock() {
            Err(std::fs::TryLockError::WouldBlock) => return Err(self.held_by_another()),
            // Some network shares know no locks. Then it is seen below whether another has written.
            Err(std::fs::TryLockError::Error(_)) | Ok(()) => {}
        }
        let mut file = options.open(&self.path).on_file("write", &self.path)?;
        let length = file.seek(SeekFrom::End(0)).on_file("write", &self.path)?;
        if length != self.read {
            return Err(self.changed_by_another());
        }
        file.set_len(self.whole).on_file("write", &self.path)?;
        file.seek(SeekFrom::Start(self.whole)).on_file("write", &self.path)?;
        if self.whole == 0 {
            // The name of a new file must last as well. Some file systems cannot sync a folder.
            _ = File::open(folder).and_then(|folder| folder.sync_all());
        }
        Ok(Held { file, _lock: lock })
    }

    fn held_by_another(&self) -> Error {
        Error::new(format!("Another copy of CrackScope keeps the labels of {}", self.root.display()))
            .hint("relabel there, or close it and open the photos here again")
    }

    fn changed_by_another(&self) -> Error {
        Error::new(format!("Another copy of CrackScope has changed labels of {}", self.root.display()))
            .detail("What it says is in force now; the last change made here is not")
            .hint("make that change again")
    }
}

fn line(entry: &Entry) -> Result<String> {
    let json = serde_json::to_string(entry).context("Cannot describe a change of labels")?;
    Ok(format!("{:08x} {json}\n", crc32fast::hash(json.as_bytes())))
}

/// Reads a journal; also says how many of its bytes are whole. An error is a line that is whole and makes no sense.
fn parse(bytes: &[u8]) -> std::result::Result<(Content, u64), String> {
    let mut content = Content::default();
    let (mut at, mut whole, mut bad) = (0, 0, 0);
    for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
        at += piece.len();
        let Some(json) = checked(piece) else {
            bad += 1;
            continue;
        };
        let entry: Entry = serde_json::from_slice(json).map_err(|cause| cause.to_string())?;
        if let Entry::Begin { version, .. } = entry
            && version != VERSION
        {
            return Err(format!("it is of version {version}"));
        }
        content.entries.push(entry);
        content.damaged += std::mem::take(&mut bad);
        whole = at;
    }
    Ok((content, whole as u64))
}

/// The JSON of a line that is whole.
fn checked(line: &[u8]) -> Option<&[u8]> {
    let (sum, json) = line.strip_suffix(b"\n")?.split_at_checked(9)?;
    let sum = u32::from_str_radix(str::from_utf8(sum.strip_suffix(b" ")?).ok()?, 16).ok()?;
    (sum == crc32fast::hash(json)).then_some(json)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn journal(folder: &Path) -> Journal {
        Journal::of(&Places::below(folder), &folder.join("photos"))
    }

    fn mark(id: u64) -> Entry {
        let identity = Identity { bytes: 7, modified: Some(1), key: None };
        Entry::Mark { id, mark: Some(Mark::Unsure), photos: vec![Photo { file: "Brücke/1.jpg".into(), identity }] }
    }

    fn add(journal: &mut Journal, entry: Entry) -> Result<()> {
        journal.add(entry, &[])
    }

    #[test]
    fn lines_read_back_and_the_first_says_whose_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let mut one = journal(folder.path());
        assert_eq!(one.read().unwrap(), Content::default());
        assert!(!one.path().exists(), "looking leaves nothing behind");
        let all = [
            mark(1),
            Entry::Mark { id: 2, mark: None, photos: Vec::new() },
            Entry::Tag { id: 3, tag: "wet".into(), add: true, photos: Vec::new() },
            Entry::Undo { id: 3 },
            Entry::Redo { id: 3 },
        ];
        for entry in all.clone() {
            add(&mut one, entry).unwrap();
        }
        drop(one);
        let mut again = journal(folder.path());
        let read = again.read().unwrap().entries;
        let Entry::Begin { version: 1, folder: of, .. } = &read[0] else { panic!("{:?}", read[0]) };
        assert_eq!(*of, folder.path().join("photos"));
        assert_eq!(read[1..], all);
    }

    #[test]
    fn every_torn_end_is_passed_over_and_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let mut one = journal(folder.path());
        add(&mut one, mark(1)).unwrap();
        let kept = std::fs::read(one.path()).unwrap();
        add(&mut one, mark(2)).unwrap();
        let full = std::fs::read(one.path()).unwrap();
        let path = one.path().to_owned();
        drop(one);
        for end in kept.len()..full.len() {
            std::fs::write(&path, &full[..end]).unwrap();
            let mut torn = journal(folder.path());
            let content = torn.read().unwrap();
            assert_eq!((content.entries.len(), content.damaged), (2, 0), "{end} bytes");
            add(&mut torn, mark(3)).unwrap();
            let content = journal(folder.path()).read().unwrap();
            assert_eq!(content.entries[1..], [mark(1), mark(3)], "{end} bytes");
        }
    }

    #[test]
    fn a_damaged_line_costs_that_line_alone() {
        let folder = tempfile::tempdir().unwrap();
        let mut one = journal(folder.path());
        for id in 1..=3 {
            add(&mut one, mark(id)).unwrap();
        }
        let path = one.path().to_owned();
        drop(one);
        let mut bytes = std::fs::read(&path).unwrap();
        let second = bytes.iter().enumerate().filter(|(_, b)| **b == b'\n').nth(1).unwrap().0;
        bytes[second + 30] ^= 4;
        std::fs::write(&path, &bytes).unwrap();
        let content = journal(folder.path()).read().unwrap();
        assert_eq!((content.entries[1..].to_vec(), content.damaged), (vec![mark(1), mark(3)], 1));
    }

    #[test]
    fn one_copy_of_the_program_writes_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let (mut one, mut other) = (journal(folder.path()), journal(folder.path()));
        one.read().unwrap();
        other.read().unwrap();
        add(&mut one, mark(1)).unwrap();
        let error = add(&mut other, mark(2)).unwrap_err();
        assert!(error.title().starts_with("Another copy of CrackScope keeps the labels"), "{error}");
        drop(one);
        let error = add(&mut other, mark(2)).unwrap_err();
        assert!(error.title().starts_with("Another copy of CrackScope has changed labels"), "{error}");
        other.read().unwrap();
        add(&mut other, mark(2)).unwrap();
        assert_eq!(journal(folder.path()).read().unwrap().entries[1..], [mark(1), mark(2)]);
    }

    #[test]
    fn what_a_newer_version_wrote_is_not_guessed_at() {
        for entry in [r#"{"do":"begin","version":2,"program":"x","folder":"y"}"#, r#"{"do":"turn","id":1}"#] {
            let text = format!("{:08x} {entry}\n", crc32fast::hash(entry.as_bytes()));
            assert!(parse(text.as_bytes()).is_err(), "{entry}");
        }
    }
}
