//! The maps before the last block on disk, so that a photo goes through the layers before it once in its life.
//!
//! Like the [feature cache](super::cache), but a hundred times as large a photo: values are halves, and only the index
//! is held in memory.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use half::f16;

use super::cache::open_locked;
use crate::dataset::group::ContentKey;
use crate::error::{Context, Result};

const MAGIC: &[u8; 8] = b"CSMAPS01";
const HEADER: usize = MAGIC.len() + 8;
const KEY: usize = 32;
const CHECKSUM: usize = 4;

/// Maps of photos by their content, as many values for each.
pub struct MapCache {
    values: usize,
    records: HashMap<ContentKey, u64>,
    count: u64,
    file: Option<File>,
    note: Option<String>,
}

impl MapCache {
    /// Opens the cache named `name` in `folder`, made if it is not there. Where the file cannot be written, or another
    /// program is writing it, nothing is kept, and [`MapCache::note`] says so.
    ///
    /// # Errors
    /// Where the file is there and cannot be read.
    pub fn open(folder: &Path, name: &str, values: usize) -> Result<Self> {
        let path = folder.join("features").join(format!("{name}.bin"));
        let mut cache = Self { values, records: HashMap::new(), count: 0, file: None, note: None };
        match open_locked(&path) {
            Ok(mut file) => {
                cache.read_index(&mut file).on_file("read", &path)?;
                cache.file = Some(file);
            }
            Err(cause) => cache.note = Some(format!("Maps are not kept: cannot write {} ({cause})", path.display())),
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
        let mut record = vec![0; self.record_length()];
        let begin = HEADER as u64 + number * record.len() as u64;
        let file = self.file.as_mut()?;
        file.seek(SeekFrom::Start(begin)).and_then(|_| file.read_exact(&mut record)).ok()?;
        let (body, checksum) = record.split_last_chunk::<CHECKSUM>()?;
        let values = body.strip_prefix(&key.0)?;
        let sound = crc32fast::hash(body) == u32::from_le_bytes(*checksum);
        sound.then(|| values.as_chunks().0.iter().map(|bytes| f16::from_le_bytes(*bytes).to_f32()).collect())
    }

    /// Why maps are not kept, if they are not.
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// Keeps the maps of some photos, `maps` holding those of one after the other.
    pub fn insert(&mut self, keys: &[ContentKey], maps: &[f32]) {
        let length = self.record_length();
        let Some(file) = &mut self.file else { return };
        let mut records = Vec::with_capacity(keys.len() * length);
        for (key, values) in keys.iter().zip(maps.chunks_exact(self.values)) {
            let start = records.len();
            records.extend_from_slice(&key.0);
            records.extend(values.iter().flat_map(|value| f16::from_f32(*value).to_le_bytes()));
            let checksum = records.get(start..).map(crc32fast::hash).unwrap_or_default();
            records.extend_from_slice(&checksum.to_le_bytes());
        }
        let end = HEADER as u64 + self.count * length as u64;
        match file.seek(SeekFrom::Start(end)).and_then(|_| file.write_all(&records)) {
            Ok(()) => {
                self.records.extend(keys.iter().copied().zip(self.count..));
                self.count += keys.len() as u64;
            }
            Err(cause) => {
                // What is on disk stays; what is missing is computed each time.
                self.note = Some(format!("Maps are no longer kept: {cause}"));
            }
        }
    }

    fn record_length(&self) -> usize {
        KEY + 2 * self.values + CHECKSUM
    }

    /// Takes in the keys of all whole records; a file of something else is begun anew.
    fn read_index(&mut self, file: &mut File) -> std::io::Result<()> {
        let (length, record) = (file.metadata()?.len(), self.record_length() as u64);
        let mut header = [0; HEADER];
        if length < HEADER as u64 || file.read_exact(&mut header).is_err() || header != self.header() {
            file.set_len(0)?;
            file.seek(SeekFrom::Start(0))?;
            return file.write_all(&self.header());
        }
        self.count = (length - HEADER as u64) / record;
        let mut key = [0; KEY];
        for number in 0..self.count {
            file.seek(SeekFrom::Start(HEADER as u64 + number * record))?;
            file.read_exact(&mut key)?;
            self.records.insert(ContentKey(key), number);
        }
        Ok(())
    }

    fn header(&self) -> [u8; HEADER] {
        let mut header = [0; HEADER];
        let (magic, values) = header.split_at_mut(MAGIC.len());
        magic.copy_from_slice(MAGIC);
        values.copy_from_slice(&(self.values as u64).to_le_bytes());
        header
    }
}

#[cfg(test)]
mod tests {
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
    fn a_flipped_bit_loses_one_photo_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = filled(folder.path());
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[HEADER + KEY + 1] ^= 4;
        std::fs::write(&path, &bytes).unwrap();
        let mut cache = MapCache::open(folder.path(), "test", 3).unwrap();
        assert_eq!(cache.get(&key(1)), None);
        assert_eq!(cache.get(&key(2)), Some(vec![4.0, 5.0, 6.5]));
    }
}
