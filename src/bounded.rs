//! Files that are read whole, up to a length beyond which something is wrong with them: whatever lies where one of the
//! program's own files is expected, it takes no more memory than that.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Settings, records and notes: more than any of them comes to.
pub const NOTES: u64 = 16 << 20;
/// Tables with a line a photo, and journals: more than millions of photos come to.
pub const TABLES: u64 = 512 << 20;

/// The bytes of a file of at most `limit` bytes.
///
/// # Errors
/// Where it cannot be read, or is longer.
pub fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // One byte more than allowed, so that a longer file is noticed, and one that grows meanwhile.
    File::open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        let text = format!("it is longer than {} MB, and no file of this kind is", limit >> 20);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
    }
    Ok(bytes)
}

/// The same as text.
///
/// # Errors
/// As [`read`], and where it is not UTF-8.
pub fn read_to_string(path: &Path, limit: u64) -> io::Result<String> {
    String::from_utf8(read(path, limit)?).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_too_long_is_refused_and_takes_no_memory() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        std::fs::write(&path, "abc").unwrap();
        assert_eq!(read_to_string(&path, 3).unwrap(), "abc");
        assert_eq!(read(&path, 2).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        // A terabyte of nothing.
        File::create(&path).unwrap().set_len(1 << 40).unwrap();
        let error = read(&path, 1 << 20).unwrap_err();
        assert_eq!(error.to_string(), "it is longer than 1 MB, and no file of this kind is");
    }
}
