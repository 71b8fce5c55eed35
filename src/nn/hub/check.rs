//! SHA-256 of a file, and the record of it.

use std::fmt::{self, Write as _};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::source::{Source, is_sha256};
use crate::bounded;
use crate::error::{Context, Error, Result};
use crate::job::Watch;

/// The SHA-256 of a file, in lower-case hexadecimal digits.
///
/// # Errors
/// If it cannot be read, or the user stopped it.
pub(in crate::nn) fn sha256(path: &Path, watch: &dyn Watch) -> Result<String> {
    let mut file = File::open(path).on_file("read", path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        watch.check()?;
        let read = match file.read(&mut buffer) {
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => continue,
            other => other.on_file("read", path)?,
        };
        match buffer.get(..read) {
            Some([]) | None => break,
            Some(piece) => hasher.update(piece),
        }
    }
    Ok(hexadecimal(hasher))
}

/// The SHA-256 of bytes that are at hand.
pub(in crate::nn) fn sha256_of(bytes: &[u8]) -> String {
    hexadecimal(Sha256::new_with_prefix(bytes))
}

fn hexadecimal(hasher: Sha256) -> String {
    hasher.finalize().iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // Writing to a string cannot fail.
        text
    })
}

/// A small file that remembers a SHA-256, in the form that `sha256sum` writes.
pub(super) struct Record {
    path: PathBuf,
    file: String,
}

impl Record {
    /// The record of `source` in `folder`.
    pub(super) fn new(folder: &Path, source: &Source) -> Self {
        let flat = |text: &str| text.replace('/', "--");
        let name = format!("{}--{}--{}.sha256", flat(&source.repo), source.revision, flat(&source.file));
        Self { path: folder.join(name), file: source.file.clone() }
    }

    /// The SHA-256, if there is a record.
    ///
    /// # Errors
    /// If there is one that cannot be read or makes no sense: then nobody knows what the file should be.
    pub(super) fn read(&self) -> Result<Option<String>> {
        let text = match bounded::read_to_string(&self.path, bounded::NOTES) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other.on_file("read", &self.path)?,
        };
        match text.split_whitespace().next() {
            Some(sha256) if is_sha256(sha256) => Ok(Some(sha256.to_owned())),
            _ => Err(Error::file("read", &self.path, "it holds no SHA-256")
                .hint(format!("delete {} to have the file recorded anew", self.path.display()))),
        }
    }

    /// Writes the record, whole or not at all.
    ///
    /// # Errors
    /// If the folder cannot be written.
    pub(super) fn write(&self, sha256: &str) -> Result<()> {
        let write = || -> io::Result<()> {
            let folder = self.path.parent().unwrap_or(Path::new("."));
            fs::create_dir_all(folder)?;
            let mut beside = tempfile::NamedTempFile::new_in(folder)?;
            writeln!(beside, "{sha256}  {}", self.file)?;
            beside.as_file().sync_all()?;
            beside.persist(&self.path)?;
            Ok(())
        };
        write().on_file("write", &self.path)
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path.display().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::Unwatched;
    use crate::nn::hub::sources;

    #[test]
    fn sha256_of_known_text() {
        // FIPS 180-4's example, and the empty message.
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "abc").unwrap();
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256(&path, &Unwatched).unwrap(), abc);
        fs::write(&path, "").unwrap();
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(sha256(&path, &Unwatched).unwrap(), empty);
    }

    #[test]
    fn a_record_is_read_back_and_a_broken_one_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let record = Record::new(&folder.path().join("records"), &sources().unwrap().remove(0));
        assert_eq!(record.read().unwrap(), None);
        let digits = "0123456789abcdef".repeat(4);
        record.write(&digits).unwrap();
        assert_eq!(record.read().unwrap(), Some(digits));
        fs::write(&record.path, "half").unwrap();
        assert!(record.read().is_err());
    }
}
