//! Which photo lies under a name: so that one put in another's place does not inherit its label.
//!
//! Length and date of the file tell it at no cost. Where the date is another one, as in a copy of a folder, the
//! content decides: a digest of the length and of pieces at the beginning, the middle and the end. Pieces are enough,
//! since two pictures of one length that agree in 12 kB of compressed data do not happen by chance, and they are read
//! in a moment from however large a file.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::dataset::Sample;

/// Length of a piece in bytes.
const PIECE: u64 = 4096;

/// What tells one photo from another under the same name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Identity {
    /// Length of the file in bytes.
    pub bytes: u64,
    /// When it last changed, in milliseconds since 1970, where the file system says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified: Option<u64>,
    /// Digest of the length and of pieces of the content, in hexadecimal; none where the file could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

impl Identity {
    /// What is known of a listed photo without opening it.
    pub fn listed(sample: &Sample) -> Self {
        Self { bytes: sample.bytes, modified: sample.modified.and_then(milliseconds), key: None }
    }

    /// Reads the pieces of the file at `path`; what cannot be read stays unknown.
    #[must_use]
    pub fn read(self, path: &Path) -> Self {
        Self { key: key(path).ok(), ..self }
    }

    /// Whether the photo that is listed now is the same one. Its file is opened only where length and date leave it open.
    pub fn is_of(&self, sample: &Sample) -> bool {
        let now = Self::listed(sample);
        if self.bytes != now.bytes {
            return false;
        }
        match &self.key {
            _ if self.modified.is_some() && self.modified == now.modified => true,
            Some(before) => key(&sample.path).is_ok_and(|now| now == *before),
            None => false,
        }
    }
}

fn milliseconds(time: SystemTime) -> Option<u64> {
    time.duration_since(UNIX_EPOCH).ok().and_then(|since| u64::try_from(since.as_millis()).ok())
}

fn key(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut hasher = blake3::Hasher::new();
    hasher.update(&length.to_le_bytes());
    let last = length.saturating_sub(PIECE);
    for start in [0, last / 2, last] {
        let mut piece = Vec::new();
        file.seek(SeekFrom::Start(start))?;
        Read::by_ref(&mut file).take(PIECE).read_to_end(&mut piece)?;
        hasher.update(&piece);
    }
    Ok(hasher.finalize().to_hex().as_str()[..32].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn sample(path: &Path) -> Sample {
        let found = std::fs::metadata(path).unwrap();
        Sample { path: path.to_owned(), bytes: found.len(), modified: found.modified().ok(), ..Sample::default() }
    }

    fn write(path: &Path, bytes: &[u8], seconds: u64) {
        std::fs::write(path, bytes).unwrap();
        let file = File::options().write(true).open(path).unwrap();
        file.set_modified(UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
    }

    #[test]
    fn a_copy_is_the_same_photo_and_another_of_the_same_length_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.pt");
        let mut content: Vec<u8> = (0..40_000_u32).map(|i| (i * i) as u8).collect();
        write(&path, &content, 1000);
        let before = Identity::listed(&sample(&path)).read(&path);
        assert!(before.is_of(&sample(&path)));
        write(&path, &content, 2000);
        assert!(before.is_of(&sample(&path)), "copied without its date");
        for at in [0, 20_000, 39_999] {
            content[at] ^= 1;
            write(&path, &content, 3000);
            assert!(!before.is_of(&sample(&path)), "byte {at} differs");
            content[at] ^= 1;
        }
        content.push(0);
        write(&path, &content, 1000);
        assert!(!before.is_of(&sample(&path)), "another length");
    }

    #[test]
    fn what_could_not_be_read_is_known_by_its_date_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jpg");
        write(&path, b"short", 1000);
        let before = Identity::listed(&sample(&path));
        assert!(before.is_of(&sample(&path)));
        write(&path, b"short", 2000);
        assert!(!before.is_of(&sample(&path)));
        assert_eq!(before.clone().read(&folder.path().join("gone")), before);
    }
}
