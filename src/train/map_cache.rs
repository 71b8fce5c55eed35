//! The maps before the last block on disk, so that a photo goes through the layers before it once in its life.
//!
//! Like the [feature cache](super::cache), but a hundred times as large a photo: values are halves, and only the index
//! is held in memory.

use std::collections::HashMap;
use std::path::Path;

use half::f16;

use super::cache;
use super::record_file::{Kind, RecordFile};
use crate::dataset::group::ContentKey;
use crate::error::{Context, Result};

/// Maps of photos by their content, as many values for each.
pub struct MapCache {
    values: usize,
    records: HashMap<ContentKey, u64>,
    file: Option<RecordFile>,
    /// Whether maps are added to the file.
    keeps: bool,
    note: Option<String>,
}

impl MapCache {
    /// Opens the cache named `name` in `folder`, made if it is not there. Where the file cannot be written, or another
    /// program is writing it, no more maps are kept than it holds already, and [`MapCache::note`] says so.
    ///
    /// # Errors
    /// Where the file is there and cannot be read.
    pub fn open(folder: &Path, name: &str, values: usize) -> Result<Self> {
        let path = cache::file(folder, name);
        let kind = Kind { magic: b"CSMAPS01", values, bytes: size_of::<f16>() };
        let mut cache = Self { values, records: HashMap::new(), file: None, keeps: false, note: None };
        match RecordFile::open(&path, kind) {
            Ok(mut file) => {
                cache.records = file.keys().on_file("read", &path)?.into_iter().zip(0..).collect();
                (cache.file, cache.keeps) = (Some(file), true);
            }
            Err(cause) => {
                cache.note = Some(format!("Maps are not kept: cannot write {} ({cause})", path.display()));
                if let Ok(Some(mut file)) = RecordFile::open_to_read(&path, kind) {
                    cache.records = file.keys().on_file("read", &path)?.into_iter().zip(0..).collect();
                    cache.file = Some(file);
                }
            }
        }
        Ok(cache)
    }

    /// Whether there is a record of the photo with this content.
    pub fn contains(&self, key: &ContentKey) -> bool {
        self.records.contains_key(key)
    }

    /// The maps of the photo with this content, if they are kept and sound.
    pub fn get(&mut self, key: &ContentKey) -> Option<Vec<f32>> {
        let number = *self.records.get(key)?;
        let values = self.file.as_mut()?.get(number, key)?;
        Some(values.as_chunks().0.iter().map(|bytes| f16::from_le_bytes(*bytes).to_f32()).collect())
    }

    /// Whether maps that are inserted are kept.
    pub fn keeps(&self) -> bool {
        self.keeps
    }

    /// Why maps are not kept, if they are not.
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// Keeps the maps of some photos, `maps` holding those of one after the other.
    pub fn insert(&mut self, keys: &[ContentKey], maps: &[f32]) {
        let Some(file) = self.file.as_mut().filter(|_| self.keeps) else { return };
        let halves = |maps: &[f32]| maps.iter().flat_map(|value| f16::from_f32(*value).to_le_bytes()).collect();
        let (first, maps) = (file.len(), maps.chunks_exact(self.values));
        match file.append(keys.iter().zip(maps).map(|(key, maps)| (*key, halves(maps)))) {
            Ok(()) => self.records.extend(keys.iter().copied().zip(first..)),
            // What is on disk stays; what is missing is computed each time.
            Err(cause) => {
                self.keeps = false;
                self.note = Some(format!("Maps are no longer kept: {cause}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::record_file::HEADER;
    use super::*;

    fn key(n: u8) -> ContentKey {
        ContentKey([n; 32])
    }

    fn filled(folder: &Path) -> std::path::PathBuf {
        let mut cache = MapCache::open(folder, "test", 3).unwrap();
        cache.insert(&[key(1), key(2)], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.5]);
        folder.join("features/test.bin")
    }

    #[test]
    fn maps_are_found_again() {
        let folder = tempfile::tempdir().unwrap();
        filled(folder.path());
        let mut cache = MapCache::open(folder.path(), "test", 3).unwrap();
        assert_eq!(cache.get(&key(2)), Some(vec![4.0, 5.0, 6.5]));
        assert_eq!((cache.contains(&key(1)), cache.contains(&key(3))), (true, false));
        assert_eq!(cache.get(&key(3)), None);
    }

    #[test]
    fn a_file_cut_at_any_byte_keeps_what_is_whole_and_can_be_written_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = filled(folder.path());
        let whole = std::fs::read(&path).unwrap();
        for length in 0..whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            let mut cache = MapCache::open(folder.path(), "test", 3).unwrap();
            assert_eq!(cache.contains(&key(1)), length >= HEADER + 42, "cut at {length}");
            cache.insert(&[key(9)], &[7.0, 8.0, 9.0]);
            drop(cache);
            let mut cache = MapCache::open(folder.path(), "test", 3).unwrap();
            assert_eq!(cache.get(&key(9)), Some(vec![7.0, 8.0, 9.0]), "cut at {length}");
        }
    }

    #[test]
    fn whoever_comes_second_reads_and_does_not_write() {
        let folder = tempfile::tempdir().unwrap();
        let path = filled(folder.path());
        let first = MapCache::open(folder.path(), "test", 3).unwrap();
        let mut second = MapCache::open(folder.path(), "test", 3).unwrap();
        assert!(first.keeps() && !second.keeps() && second.note().is_some());
        second.insert(&[key(3)], &[0.0; 3]);
        assert_eq!((second.get(&key(2)), second.contains(&key(3))), (Some(vec![4.0, 5.0, 6.5]), false));
        drop((first, second));
        assert_eq!(std::fs::metadata(path).unwrap().len() as usize, HEADER + 2 * 42);
    }

    #[test]
    fn a_flipped_bit_loses_one_photo_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = filled(folder.path());
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[HEADER + 32 + 1] ^= 4;
        std::fs::write(&path, &bytes).unwrap();
        let mut cache = MapCache::open(folder.path(), "test", 3).unwrap();
        assert_eq!(cache.get(&key(1)), None);
        assert_eq!(cache.get(&key(2)), Some(vec![4.0, 5.0, 6.5]));
    }
}
