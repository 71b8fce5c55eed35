//! A file of records of one length, each found by a photo's content.
//!
//! A header that says what the records are, then record after record: key, values, checksum. Records are only ever
//! appended; one that a crash cut off is written over, one that is damaged is passed over.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Error, ErrorKind, Read, Result, Seek, SeekFrom, Write};
use std::path::Path;

use crate::dataset::group::ContentKey;

const MAGIC: usize = 8;
pub(super) const HEADER: usize = MAGIC + 8;
const KEY: usize = 32;
const CHECKSUM: usize = 4;
/// Bytes read at once where all records are.
const READ: usize = 1 << 19;

/// What records hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kind {
    /// The first bytes of the file, other ones for another form of values.
    pub magic: &'static [u8; MAGIC],
    /// Values of a record.
    pub values: usize,
    /// Bytes of a value.
    pub bytes: usize,
}

/// Such a file.
pub(super) struct RecordFile {
    kind: Kind,
    file: File,
    records: u64,
}

impl Kind {
    fn header(self) -> [u8; HEADER] {
        let mut header = [0; HEADER];
        let (magic, values) = header.split_at_mut(MAGIC);
        magic.copy_from_slice(self.magic);
        values.copy_from_slice(&(self.values as u64).to_le_bytes());
        header
    }

    fn body(self) -> usize {
        KEY + self.values * self.bytes
    }

    /// Bytes of a record.
    pub fn record(self) -> usize {
        self.body() + CHECKSUM
    }
}

impl RecordFile {
    /// Opens the file to be read and written, by this program alone; begins it anew where it is not there or of another
    /// kind. Where another program has it open so, the error is of the kind [`ErrorKind::WouldBlock`].
    pub fn open(path: &Path, kind: Kind) -> Result<Self> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        file.try_lock().map_err(|refused| match refused {
            TryLockError::WouldBlock => Error::new(ErrorKind::WouldBlock, "another program is writing it"),
            TryLockError::Error(cause) => cause,
        })?;
        let mut it = Self { kind, file, records: 0 };
        if it.is_of_kind()? {
            it.records = it.whole_records()?;
            it.file.set_len(it.place(it.records))?;
        } else {
            it.file.set_len(0)?;
            it.file.seek(SeekFrom::Start(0))?;
            it.file.write_all(&kind.header())?;
        }
        Ok(it)
    }

    /// Opens a file to be read alone; none where it is of another kind.
    pub fn open_to_read(path: &Path, kind: Kind) -> Result<Option<Self>> {
        let mut it = Self { kind, file: File::open(path)?, records: 0 };
        if !it.is_of_kind()? {
            return Ok(None);
        }
        it.records = it.whole_records()?;
        Ok(Some(it))
    }

    /// Records in the file.
    pub fn len(&self) -> u64 {
        self.records
    }

    /// Calls `take` with key and values of each sound record, in their order.
    pub fn read_all(&mut self, mut take: impl FnMut(ContentKey, &[u8])) -> Result<()> {
        let record = self.kind.record();
        let together = (READ / record).max(1) as u64;
        let mut bytes = Vec::new();
        self.file.seek(SeekFrom::Start(HEADER as u64))?;
        let mut left = self.records;
        while left > 0 {
            let some = left.min(together);
            bytes.resize(some as usize * record, 0);
            self.file.read_exact(&mut bytes)?;
            for (key, values) in bytes.chunks_exact(record).filter_map(sound) {
                take(key, values);
            }
            left -= some;
        }
        Ok(())
    }

    /// The keys of all records, whether these are sound or not, in their order.
    pub fn keys(&mut self) -> Result<Vec<ContentKey>> {
        let mut keys = Vec::new();
        for number in 0..self.records {
            let mut key = [0; KEY];
            self.file.seek(SeekFrom::Start(self.place(number)))?;
            self.file.read_exact(&mut key)?;
            keys.push(ContentKey(key));
        }
        Ok(keys)
    }

    /// The values of record `number`, if it can be read, is sound, and has this key.
    pub fn get(&mut self, number: u64, key: &ContentKey) -> Option<Vec<u8>> {
        let mut record = vec![0; self.kind.record()];
        self.file.seek(SeekFrom::Start(self.place(number))).and_then(|_| self.file.read_exact(&mut record)).ok()?;
        sound(&record).filter(|(found, _)| found == key).map(|(_, values)| values.to_vec())
    }

    /// Adds records. Where that fails, the file is what it was, but for bytes that are written over next time.
    pub fn append(&mut self, records: impl IntoIterator<Item = (ContentKey, Vec<u8>)>) -> Result<()> {
        let mut bytes = Vec::new();
        for (key, values) in records {
            let begin = bytes.len();
            bytes.extend_from_slice(&key.0);
            bytes.extend_from_slice(&values);
            debug_assert_eq!(bytes.len() - begin, self.kind.body());
            let checksum = bytes.get(begin..).map(crc32fast::hash).unwrap_or_default();
            bytes.extend_from_slice(&checksum.to_le_bytes());
        }
        self.file.seek(SeekFrom::Start(self.place(self.records)))?;
        self.file.write_all(&bytes)?;
        self.records += (bytes.len() / self.kind.record()) as u64;
        Ok(())
    }

    /// Removes all records.
    pub fn clear(&mut self) -> Result<()> {
        self.file.set_len(HEADER as u64)?;
        self.records = 0;
        Ok(())
    }

    fn place(&self, record: u64) -> u64 {
        HEADER as u64 + record * self.kind.record() as u64
    }

    fn whole_records(&self) -> Result<u64> {
        Ok(self.file.metadata()?.len().saturating_sub(HEADER as u64) / self.kind.record() as u64)
    }

    fn is_of_kind(&mut self) -> Result<bool> {
        let mut header = [0; HEADER];
        let is_there = self.file.metadata()?.len() >= HEADER as u64;
        Ok(is_there && self.file.read_exact(&mut header).is_ok() && header == self.kind.header())
    }
}

/// Key and values of a record whose checksum is right.
fn sound(record: &[u8]) -> Option<(ContentKey, &[u8])> {
    let (body, checksum) = record.split_last_chunk::<CHECKSUM>()?;
    let (key, values) = body.split_first_chunk::<KEY>()?;
    (crc32fast::hash(body) == u32::from_le_bytes(*checksum)).then_some((ContentKey(*key), values))
}
