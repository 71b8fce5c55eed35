//! Features on disk, so that a photo goes through the backbone once in its life.
//!
//! One file for each backbone, its weights and the preprocessing; in it one record for each photo, found by content,
//! so that a photo keeps its features when it is renamed, moved or opened from another folder. Records are only ever
//! appended, each with a checksum: a record cut off by a crash is passed over and overwritten.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::dataset::group::ContentKey;
use crate::error::{Context, Result};

const MAGIC: &[u8; 8] = b"CSFEAT01";
const HEADER: usize = MAGIC.len() + 8;
const KEY: usize = 32;
const CHECKSUM: usize = 4;

/// Features of photos by their content. Holds all of one file in memory: 2 KB a photo for ResNet18.
pub struct FeatureCache {
    columns: usize,
    rows: HashMap<ContentKey, u32>,
    values: Vec<f32>,
    writer: Option<File>,
    note: Option<String>,
}

impl FeatureCache {
    /// Opens the cache named `name` in `folder`, made if it is not there. Where the file cannot be written, or another
    /// program is writing it, what is computed now is kept in memory alone, and [`FeatureCache::note`] says so.
    ///
    /// # Errors
    /// Where the file is there and cannot be read.
    pub fn open(folder: &Path, name: &str, columns: usize) -> Result<Self> {
        let path = folder.join("features").join(format!("{name}.bin"));
        let mut cache = Self { columns, rows: HashMap::new(), values: Vec::new(), writer: None, note: None };
        match open_locked(&path) {
            Ok(mut file) => {
                let valid = cache.read(&mut file, &path)?;
                cache.prepare(file, valid);
            }
            Err(cause) => {
                cache.note = Some(format!("Features are not kept: cannot write {} ({cause})", path.display()));
                if let Ok(mut file) = File::open(&path) {
                    cache.read(&mut file, &path)?;
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
        let mut records = Vec::with_capacity(keys.len() * self.record_length());
        for (key, row) in keys.iter().zip(values.chunks_exact(self.columns)) {
            self.remember(*key, row);
            let start = records.len();
            records.extend_from_slice(&key.0);
            records.extend(row.iter().flat_map(|value| value.to_le_bytes()));
            let checksum = records.get(start..).map(crc32fast::hash).unwrap_or_default();
            records.extend_from_slice(&checksum.to_le_bytes());
        }
        let written = self.writer.as_mut().map(|file| file.write_all(&records));
        if let Some(Err(cause)) = written {
            self.writer = None;
            self.note = Some(format!("Features are no longer kept: {cause}"));
        }
    }

    fn record_length(&self) -> usize {
        KEY + 4 * self.columns + CHECKSUM
    }

    fn remember(&mut self, key: ContentKey, row: &[f32]) {
        let next = (self.values.len() / self.columns) as u32;
        if self.rows.insert(key, next).is_none_or(|before| before != next) {
            self.values.extend_from_slice(row);
        }
    }

    /// Takes in all whole records; gives the length of the part of the file that is sound, 0 for another file.
    fn read(&mut self, file: &mut File, path: &Path) -> Result<u64> {
        let mut header = [0; HEADER];
        let length = file.metadata().on_file("read", path)?.len();
        if length < HEADER as u64 {
            return Ok(0);
        }
        file.read_exact(&mut header).on_file("read", path)?;
        if header != self.header() {
            return Ok(0);
        }
        let record_length = self.record_length();
        let records = (length as usize - HEADER) / record_length;
        self.values.reserve(records * self.columns);
        let mut bytes = vec![0; record_length * 256];
        let mut left = records;
        while left > 0 {
            let some = left.min(256);
            let Some(buffer) = bytes.get_mut(..some * record_length) else { break };
            file.read_exact(buffer).on_file("read", path)?;
            buffer.chunks_exact(record_length).for_each(|record| self.read_record(record));
            left -= some;
        }
        Ok((HEADER + records * record_length) as u64)
    }

    fn read_record(&mut self, record: &[u8]) {
        let Some((body, checksum)) = record.split_last_chunk::<CHECKSUM>() else { return };
        let Some((key, values)) = body.split_first_chunk::<KEY>() else { return };
        if crc32fast::hash(body) == u32::from_le_bytes(*checksum) {
            let row: Vec<f32> = values.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
            self.remember(ContentKey(*key), &row);
        }
    }

    /// Makes the file end after its last sound record and keeps it for appending.
    fn prepare(&mut self, mut file: File, valid: u64) {
        let result = file
            .set_len(valid)
            .and_then(|()| file.seek(SeekFrom::Start(valid)))
            .and_then(|_| if valid == 0 { file.write_all(&self.header()) } else { Ok(()) });
        match result {
            Ok(()) => self.writer = Some(file),
            Err(cause) => self.note = Some(format!("Features are not kept: {cause}")),
        }
    }

    fn header(&self) -> [u8; HEADER] {
        let mut header = [0; HEADER];
        let (magic, columns) = header.split_at_mut(MAGIC.len());
        magic.copy_from_slice(MAGIC);
        columns.copy_from_slice(&(self.columns as u64).to_le_bytes());
        header
    }
}

/// Opens for reading and writing, and keeps other programs from writing.
pub(super) fn open_locked(path: &Path) -> std::io::Result<File> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
    file.try_lock().map_err(|_| std::io::Error::other("another program is writing it"))?;
    Ok(file)
}

/// The folder of caches below `places`.
pub fn folder(cache: &Path) -> PathBuf {
    cache.join("features")
}

#[cfg(test)]
mod tests {
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
