//! Features on disk, so that a photo goes through the backbone once in its life.
//!
//! One file for each backbone, its weights, precision and the preprocessing; in it one record for each photo, found by
//! content, so that a photo keeps its features when it is renamed, moved or opened from another folder.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::record_file::{Kind, RecordFile};
use crate::dataset::group::ContentKey;
use crate::error::{Context, Result};

/// The most rows that room is made for at once.
const RESERVED: u64 = 1 << 15;

/// Features of photos by their content. Holds all of one file in memory: 2 KB a photo for ResNet18.
pub struct FeatureCache {
    columns: usize,
    rows: HashMap<ContentKey, u32>,
    values: Vec<f32>,
    file: Option<RecordFile>,
    note: Option<String>,
}

impl FeatureCache {
    /// Opens the cache named `name` below the folder `cache`, made if it is not there. Where the file cannot be written, or another
    /// program is writing it, what is computed now is kept in memory alone, and [`FeatureCache::note`] says so.
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
                cache.file = Some(file);
            }
            Err(cause) => {
                cache.note = Some(format!("Features are not kept: cannot write {} ({cause})", path.display()));
                if let Ok(Some(mut file)) = RecordFile::open_to_read(&path, kind) {
                    cache.read(&mut file).on_file("read", &path)?;
                }
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

    /// Why features are not kept on disk, if they are not.
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// Adds the features of some photos, `values` holding one row for each key, and writes them.
    pub fn insert(&mut self, keys: &[ContentKey], values: &[f32]) {
        let rows = || keys.iter().zip(values.chunks_exact(self.columns));
        let bytes = |row: &[f32]| row.iter().flat_map(|value| value.to_le_bytes()).collect();
        let written = self.file.as_mut().map(|file| file.append(rows().map(|(key, row)| (*key, bytes(row)))));
        if let Some(Err(cause)) = written {
            self.file = None;
            self.note = Some(format!("Features are no longer kept: {cause}"));
        }
        for (key, row) in keys.iter().zip(values.chunks_exact(self.columns)) {
            self.remember(*key, row.iter().copied());
        }
    }

    fn read(&mut self, file: &mut RecordFile) -> std::io::Result<()> {
        // The length of a file is no measure of what is sound in it.
        self.values.reserve(file.len().min(RESERVED) as usize * self.columns);
        file.read_all(|key, bytes| {
            self.remember(key, bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)));
        })
    }

    fn remember(&mut self, key: ContentKey, row: impl Iterator<Item = f32>) {
        let next = (self.values.len() / self.columns) as u32;
        if self.rows.insert(key, next).is_none_or(|before| before != next) {
            self.values.extend(row);
        }
    }
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
}
