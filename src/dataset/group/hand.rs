//! Groups that a person says: a table of `file` and `group`.
//!
//! What it says of a photo holds in place of all that is found, but for identical files, which always stay together. An
//! empty group is one of its own.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use crate::atomic_file;
use crate::bounded;
use crate::dataset::Sample;
use crate::error::{Context, Error, Result};

/// Groups by hand: for the names of photos, the names of their groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ByHand {
    groups: BTreeMap<String, String>,
}

impl ByHand {
    /// Reads a table with the columns `file` and `group`; others may stand beside them.
    ///
    /// # Errors
    /// Where it cannot be read, lacks a column, or names a photo twice with different groups; the error names the line.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = bounded::read(path, bounded::TABLES).on_file("read", path)?;
        let mut reader = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(bytes.as_slice());
        let headers = reader.headers().on_file("read", path)?.clone();
        let column = |name: &str| {
            headers.iter().position(|header| header.trim_start_matches('\u{feff}').eq_ignore_ascii_case(name))
        };
        let (Some(file), Some(group)) = (column("file"), column("group")) else {
            return Err(Error::usage(format!("{} has no columns file and group", path.display()))
                .hint("write a first line with: file,group"));
        };
        let mut by_hand = Self::default();
        for row in reader.records() {
            let row = row.on_file("read", path)?;
            let name = row.get(file).unwrap_or_default().trim_start_matches("./").replace('\\', "/");
            let group = row.get(group).unwrap_or_default().to_owned();
            if name.is_empty() {
                continue;
            }
            let line = row.position().map_or(0, csv::Position::line);
            if by_hand.groups.get(&name).is_some_and(|before| *before != group) {
                return Err(Error::usage(format!("{} puts a photo into two groups", path.display()))
                    .detail(format!("line {line}: {name}"))
                    .hint("name each photo once"));
            }
            by_hand.groups.insert(name, group);
        }
        Ok(by_hand)
    }

    /// As [`ByHand::read`]; nothing by hand where there is no such file.
    ///
    /// # Errors
    /// As [`ByHand::read`].
    pub fn read_if_there(path: &Path) -> Result<Self> {
        if path.exists() { Self::read(path) } else { Ok(Self::default()) }
    }

    /// Writes the table, whole or not at all.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let folder = path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).on_file("make the folder", folder)?;
        atomic_file::write(path, &table(self.groups.iter().map(|(file, group)| (file.as_str(), group.clone())))?)
    }

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// How many photos it speaks of.
    pub fn len(&self) -> usize {
        self.groups.len()
    }

    /// The group that is said of a photo, if one with a name is.
    pub fn group_of(&self, file: &str) -> Option<&str> {
        self.groups.get(file).map(String::as_str).filter(|group| !group.is_empty())
    }

    /// Puts these photos into one group, which has no other members than they.
    pub fn merge<'a>(&mut self, files: impl IntoIterator<Item = &'a str>) {
        let files: Vec<&str> = files.into_iter().collect();
        // Named after its first photo: no two groups have the same one.
        let Some(name) = files.iter().min().map(|first| (*first).to_owned()) else { return };
        self.groups.values_mut().filter(|group| **group == name).for_each(String::clear);
        self.groups.extend(files.into_iter().map(|file| (file.to_owned(), name.clone())));
    }

    /// Puts each of these photos into a group of its own.
    pub fn split_out<'a>(&mut self, files: impl IntoIterator<Item = &'a str>) {
        self.groups.extend(files.into_iter().map(|file| (file.to_owned(), String::new())));
    }

    /// Says nothing of these photos any more.
    pub fn forget<'a>(&mut self, files: impl IntoIterator<Item = &'a str>) {
        files.into_iter().for_each(|file| drop(self.groups.remove(file)));
    }

    /// For each photo, whether it is spoken of, and if so the group, none for one of its own.
    pub fn of_photos(&self, samples: &[Sample]) -> Vec<Option<Option<usize>>> {
        let mut numbers: HashMap<&str, usize> = HashMap::new();
        let mut number = |group| {
            let next = numbers.len();
            *numbers.entry(group).or_insert(next)
        };
        let of =
            |sample: &Sample| self.groups.get(&sample.file).map(|group| (!group.is_empty()).then(|| number(group)));
        samples.iter().map(of).collect()
    }
}

/// A table of files and groups.
///
/// # Errors
/// Where a row cannot be written, which does not happen in memory.
pub fn table<'a>(rows: impl Iterator<Item = (&'a str, String)>) -> Result<Vec<u8>> {
    const FAILED: &str = "Cannot write the table of groups";
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["file", "group"]).context(FAILED)?;
    for (file, group) in rows {
        writer.write_record([file, &group]).context(FAILED)?;
    }
    writer.into_inner().map_err(|e| e.into_error()).context(FAILED)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(file: &str) -> Sample {
        crate::dataset::group::tests::sample(Path::new("x"), file, None)
    }

    #[test]
    fn tables_read_back_as_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deeper/groups.csv");
        assert!(ByHand::read_if_there(&path).unwrap().is_empty());
        let mut by_hand = ByHand::default();
        by_hand.merge(["b.jpg", "a, b.jpg"]);
        by_hand.split_out(["写真.jpg"]);
        by_hand.write(&path).unwrap();
        assert_eq!(ByHand::read(&path).unwrap(), by_hand);
        let photos = ["a, b.jpg", "b.jpg", "c.jpg", "写真.jpg"].map(sample);
        assert_eq!(by_hand.of_photos(&photos), [Some(Some(0)), Some(Some(0)), None, Some(None)]);
    }

    #[test]
    fn the_last_word_on_a_photo_holds() {
        let mut by_hand = ByHand::default();
        by_hand.merge(["a", "b", "c"]);
        by_hand.merge(["b", "d"]);
        let photos = ["a", "b", "c", "d"].map(sample);
        assert_eq!(by_hand.of_photos(&photos), [Some(Some(0)), Some(Some(1)), Some(Some(0)), Some(Some(1))]);
        // The new group is called as the old one was: who is left of the old one is not in it.
        by_hand.merge(["a", "d"]);
        assert_eq!(by_hand.of_photos(&photos)[0], by_hand.of_photos(&photos)[3]);
        assert_ne!(by_hand.of_photos(&photos)[0], by_hand.of_photos(&photos)[2]);
        by_hand.split_out(["a"]);
        by_hand.forget(["d"]);
        assert_eq!((by_hand.of_photos(&photos)[0], by_hand.of_photos(&photos)[3]), (Some(None), None));
    }

    #[test]
    fn tables_that_make_no_sense_are_told_of() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("groups.csv");
        std::fs::write(&path, "photo,site\na.jpg,1\n").unwrap();
        assert!(ByHand::read(&path).unwrap_err().title().ends_with("has no columns file and group"));
        std::fs::write(&path, "note,File,GROUP\nx,./a.jpg,1\ny,b\\c.jpg,\nz,a.jpg,2\n").unwrap();
        let error = ByHand::read(&path).unwrap_err();
        assert_eq!(error.details(), ["line 4: a.jpg"]);
        std::fs::write(&path, "\u{feff}file,group\n./a.jpg,1\nb\\c.jpg,\n\n").unwrap();
        let read = ByHand::read(&path).unwrap();
        assert_eq!(read.of_photos(&["a.jpg", "b/c.jpg"].map(sample)), [Some(Some(0)), Some(None)]);
    }
}
