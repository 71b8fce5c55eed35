//! Features on disk, so that a photo goes through the backbone once in its life.
//!
//! One file for each backbone, its weights, precision and the preprocessing; in it one record for each photo, found by
//! content, so that a photo keeps its features when it is renamed, moved or opened from another folder. Programs that
//! compute at the same time keep theirs in [`segments`] beside it.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use super::record_file::{Kind, RecordFile};
use super::segments::{self, Segment};
use crate::dataset::group::ContentKey;
use crate::error::{Context, Result};

/// The most rows that room is made for at once.
const RESERVED: u64 = 1 << 15;
/// Rows that are moved at once from a segment to the file.
const MOVED: usize = 1 << 10;

/// Features of photos by their content. Holds all of one file in memory: 2 KB a photo for ResNet18.
pub struct FeatureCache {
    columns: usize,
    rows: HashMap<ContentKey, u32>,
    values: Vec<f32>,
    file: Option<RecordFile>,
    note: Option<String>,
}

impl FeatureCache {
    /// Opens the cache named `name` below the folder `cache`, made if it is not there. Where another program is writing
    /// the file, what is computed now is kept beside it; where it cannot be written, in memory alone.
    /// [`FeatureCache::note`] says so.
    ///
    /// # Errors
    /// Where the file is there and cannot be read.
    pub fn open(cache: &Path, name: &str, columns: usize) -> Result<Self> {
        let path = file(cache, name);
        let kind = Kind { magic: b"CSFEAT01", values: columns, bytes: size_of::<f32>() };
        let mut cache = Self { columns, rows: HashMap::new(), values: Vec::new(), file: None, note: None };
        match RecordFile::open(&path, kind) {
            Ok(mut file) => {
                cache.read(&mut file).on_file("read", &path)?;
                cache.take_in(&mut file, segments::beside(&path, kind));
                cache.file = Some(file);
            }
            Err(cause) => {
                if let Ok(Some(mut file)) = RecordFile::open_to_read(&path, kind) {
                    cache.read(&mut file).on_file("read", &path)?;
                }
                cache.look_into(segments::beside(&path, kind));
                cache.keep_beside(&path, kind, cause);
            }
        }
        Ok(cache)
    }

    /// The features of the photo with this content.
    pub fn get(&self, key: &ContentKey) -> Option<&[f32]> {
        let row = *self.rows.get(key)? as usize;
        self.values.get(row * self.columns..(row + 1) * self.columns)
    }

    /// Photos held.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether no photo is held.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// What keeps features out of their file, if anything does.
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// Adds the features of some photos, `values` holding one row for each key, and writes them.
    pub fn insert(&mut self, keys: &[ContentKey], values: &[f32]) {
        let rows = || keys.iter().zip(values.chunks_exact(self.columns));
        let written = self.file.as_mut().map(|file| file.append(rows().map(|(key, row)| (*key, to_bytes(row)))));
        if let Some(Err(cause)) = written {
            self.file = None;
            self.note = Some(format!("Features are no longer kept: {cause}"));
        }
        for (key, row) in rows() {
            self.remember(*key, row.iter().copied());
        }
    }

    /// Moves to `file` what segments hold that nobody writes any more, and looks into the others. Where there is no room
    /// for it, a segment stays as it is for the next time.
    fn take_in(&mut self, file: &mut RecordFile, segments: impl Iterator<Item = Segment>) {
        for segment in segments {
            let (mut segment, is_left) = match segment {
                Segment::Left(segment) => (segment, true),
                Segment::Busy(segment) => (segment, false),
            };
            let Ok(new) = self.read_new(&mut segment) else { continue };
            let with_row = |key: &ContentKey| Some((*key, to_bytes(self.get(key)?)));
            if is_left && new.chunks(MOVED).all(|some| file.append(some.iter().filter_map(with_row)).is_ok()) {
                segment.clear().unwrap_or_default();
            }
        }
    }

    /// Reads what segments hold, which stay as they are.
    fn look_into(&mut self, segments: impl Iterator<Item = Segment>) {
        for Segment::Left(mut segment) | Segment::Busy(mut segment) in segments {
            self.read_new(&mut segment).unwrap_or_default();
        }
    }

    /// Keeps what is computed beside the file at `path`, which `cause` hinders from being opened, where that is another
    /// program which writes it.
    fn keep_beside(&mut self, path: &Path, kind: Kind, cause: io::Error) {
        let claimed = if cause.kind() == io::ErrorKind::WouldBlock { segments::claim(path, kind) } else { Err(cause) };
        let place = path.display();
        self.note = Some(match &claimed {
            Ok(_) => format!("Features are kept beside {place}, to which another program is writing"),
            Err(cause) => format!("Features are not kept: cannot write {place} ({cause})"),
        });
        self.file = claimed.ok();
    }

    fn read(&mut self, file: &mut RecordFile) -> io::Result<()> {
        // The length of a file is no measure of what is sound in it.
        self.values.reserve(file.len().min(RESERVED) as usize * self.columns);
        file.read_all(|key, bytes| self.remember(key, from_bytes(bytes)))
    }

    /// Reads what is not known yet; gives its keys.
    fn read_new(&mut self, file: &mut RecordFile) -> io::Result<Vec<ContentKey>> {
        let mut new = Vec::new();
        file.read_all(|key, bytes| {
            if !self.rows.contains_key(&key) {
                self.remember(key, from_bytes(bytes));
                new.push(key);
            }
        })?;
        Ok(new)
    }

    fn remember(&mut self, key: ContentKey, row: impl Iterator<Item = f32>) {
        let next = (self.values.len() / self.columns) as u32;
        if self.rows.insert(key, next).is_none_or(|before| before != next) {
            self.values.extend(row);
        }
    }
}

fn to_bytes(row: &[f32]) -> Vec<u8> {
    row.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn from_bytes(bytes: &[u8]) -> impl Iterator<Item = f32> {
    bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes))
}

/// The folder of caches below `cache`.
pub fn folder(cache: &Path) -> PathBuf {
    cache.join("features")
}

/// The file of the cache named `name` below `cache`.
pub(super) fn file(cache: &Path, name: &str) -> PathBuf {
    folder(cache).join(format!("{name}.bin"))
}

#[cfg(test)]
mod tests {
    use super::super::record_file::HEADER;
    use super::*;

    fn key(n: u8) -> ContentKey {
        ContentKey([n; 32])
    }

    fn filled(folder: &Path) -> PathBuf {
        let mut cache = FeatureCache::open(folder, "test", 3).unwrap();
        cache.insert(&[key(1), key(2)], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        folder.join("features/test.bin")
    }

    #[test]
    fn features_are_found_again() {
        let folder = tempfile::tempdir().unwrap();
        filled(folder.path());
        let cache = FeatureCache::open(folder.path(), "test", 3).unwrap();
        assert_eq!(cache.get(&key(2)), Some([4.0, 5.0, 6.0].as_slice()));
        assert_eq!((cache.len(), cache.get(&key(3))), (2, None));
    }

    #[test]
    fn a_file_cut_at_any_byte_keeps_what_is_whole_and_can_be_written_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = filled(folder.path());
        let whole = std::fs::read(&path).unwrap();
        for length in 0..whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            let mut cache = FeatureCache::open(folder.path(), "test", 3).unwrap();
            assert_eq!(cache.len(), length.saturating_sub(HEADER) / 48, "cut at {length}");
            cache.insert(&[key(9)], &[7.0, 8.0, 9.0]);
            drop(cache);
            let cache = FeatureCache::open(folder.path(), "test", 3).unwrap();
            assert_eq!(cache.get(&key(9)), Some([7.0, 8.0, 9.0].as_slice()), "cut at {length}");
        }
    }

    #[test]
    fn a_flipped_bit_loses_one_photo_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = filled(folder.path());
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[HEADER + 40] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        let cache = FeatureCache::open(folder.path(), "test", 3).unwrap();
        assert_eq!((cache.get(&key(1)), cache.len()), (None, 1));
    }

    #[test]
    fn two_writers_do_not_meet() {
        let folder = tempfile::tempdir().unwrap();
        let path = filled(folder.path());
        let first = FeatureCache::open(folder.path(), "test", 3).unwrap();
        let mut second = FeatureCache::open(folder.path(), "test", 3).unwrap();
        assert!(second.note().unwrap().contains("another program"), "{:?}", second.note());
        second.insert(&[key(3)], &[0.0; 3]);
        assert_eq!(second.len(), 3);
        drop((first, second));
        assert_eq!(std::fs::metadata(path).unwrap().len() as usize, HEADER + 2 * 48);
    }

    fn open(folder: &Path) -> FeatureCache {
        FeatureCache::open(folder, "test", 3).unwrap()
    }

    fn length(path: &Path) -> usize {
        std::fs::metadata(path).unwrap().len() as usize
    }

    /// A cache of two photos, and beside it what another program computed of others and left.
    fn with_segment(folder: &Path) -> (PathBuf, PathBuf) {
        let path = filled(folder);
        let (_first, mut second) = (open(folder), open(folder));
        second.insert(&[key(3), key(4)], &[0.5, 1.5, 2.5, 3.5, 4.5, 5.5]);
        let segment = path.with_extension("part-1");
        assert_eq!(length(&segment), HEADER + 2 * 48);
        (path, segment)
    }

    #[test]
    fn what_programs_compute_at_once_is_all_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = filled(folder.path());
        let mut at_once: Vec<_> = (0..4).map(|_| open(folder.path())).collect();
        assert!(at_once[0].note().is_none() && at_once[1..].iter().all(|cache| cache.note().is_some()));
        for (cache, n) in at_once.iter_mut().zip(10..) {
            cache.insert(&[key(n), key(n + 10)], &[f32::from(n); 6]);
        }
        drop(at_once);
        for _ in 0..2 {
            let cache = open(folder.path());
            assert_eq!((cache.len(), cache.note()), (10, None));
            assert!((10..14).all(|n| cache.get(&key(n)) == Some([f32::from(n); 3].as_slice())));
            assert_eq!(length(&path), HEADER + 10 * 48, "each once");
            assert!((1..4).all(|n| length(&path.with_extension(format!("part-{n}"))) == HEADER));
        }
        assert!(!path.with_extension("part-4").exists());
    }

    #[test]
    fn a_segment_cut_at_any_byte_is_taken_in_as_far_as_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let (path, segment) = with_segment(folder.path());
        let [first, left] = [&path, &segment].map(|file| std::fs::read(file).unwrap());
        for cut in 0..=left.len() {
            std::fs::write(&path, &first).unwrap();
            std::fs::write(&segment, &left[..cut]).unwrap();
            let whole = cut.saturating_sub(HEADER) / 48;
            let mut cache = open(folder.path());
            assert_eq!(cache.len(), 2 + whole, "cut at {cut}");
            cache.insert(&[key(9)], &[7.0, 8.0, 9.0]);
            assert_eq!((length(&path), length(&segment)), (HEADER + (3 + whole) * 48, HEADER), "cut at {cut}");
        }
    }

    #[test]
    fn a_segment_that_was_not_emptied_is_taken_in_once() {
        let folder = tempfile::tempdir().unwrap();
        let (path, segment) = with_segment(folder.path());
        let left = std::fs::read(&segment).unwrap();
        drop(open(folder.path()));
        // As if the program had been killed before it emptied the segment, or while it moved the second row.
        for cut in [0, 1, 40] {
            let whole = length(&path);
            std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len((whole - cut) as u64).unwrap();
            std::fs::write(&segment, &left).unwrap();
            assert_eq!(open(folder.path()).get(&key(4)), Some([3.5, 4.5, 5.5].as_slice()));
            assert_eq!((length(&path), length(&segment)), (whole, HEADER));
        }
    }

    #[test]
    fn a_damaged_segment_is_dropped_and_the_next_is_taken_in() {
        let folder = tempfile::tempdir().unwrap();
        let (path, segment) = with_segment(folder.path());
        let second = path.with_extension("part-2");
        std::fs::rename(&segment, &second).unwrap();
        std::fs::write(&segment, "no segment").unwrap();
        let mut bytes = std::fs::read(&second).unwrap();
        bytes[HEADER + 40] ^= 1;
        std::fs::write(&second, bytes).unwrap();
        let cache = open(folder.path());
        assert_eq!((cache.len(), cache.get(&key(3)), cache.get(&key(4)).is_some()), (3, None, true));
        assert_eq!([length(&segment), length(&second)], [HEADER; 2]);
    }

    #[test]
    fn what_others_wrote_so_far_is_known_and_stays_theirs() {
        let folder = tempfile::tempdir().unwrap();
        let path = filled(folder.path());
        let mut first = open(folder.path());
        let mut second = open(folder.path());
        first.insert(&[key(3)], &[3.0; 3]);
        second.insert(&[key(4)], &[4.0; 3]);
        let third = open(folder.path());
        assert_eq!((third.len(), third.get(&key(4))), (4, Some([4.0; 3].as_slice())));
        drop(first);
        // The next to write the file reads the segment that is being written, and leaves it.
        let mut first = open(folder.path());
        assert_eq!((first.len(), first.note()), (4, None));
        second.insert(&[key(5)], &[5.0; 3]);
        first.insert(&[key(6)], &[6.0; 3]);
        drop((first, second, third));
        assert_eq!(open(folder.path()).len(), 6);
        assert_eq!(length(&path), HEADER + 6 * 48);
    }

    #[test]
    fn one_program_too_many_keeps_nothing_and_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let mut at_once: Vec<_> = (0..65).map(|_| open(folder.path())).collect();
        assert!(at_once.iter().all(|cache| !cache.note().unwrap_or_default().contains("not kept")));
        let mut last = open(folder.path());
        assert!(last.note().unwrap().contains("not kept"), "{:?}", last.note());
        last.insert(&[key(1)], &[1.0; 3]);
        assert_eq!(last.len(), 1);
        at_once[64].insert(&[key(2)], &[2.0; 3]);
        drop((at_once, last));
        let cache = open(folder.path());
        assert_eq!((cache.len(), cache.get(&key(2)).is_some()), (1, true));
    }
}
