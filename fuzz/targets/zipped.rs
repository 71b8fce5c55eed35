//! Archives around what is mutated, since a checksum keeps mutations of a whole archive from going far.

use std::io::{Cursor, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// An archive of these entries.
pub fn archive(entries: &[(String, &[u8])], compression: CompressionMethod) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(compression);
    for (name, bytes) in entries {
        if writer.start_file(name.as_str(), options).is_ok() {
            let _ = writer.write_all(bytes);
        }
    }
    writer.finish().map(Cursor::into_inner).unwrap_or_default()
}

/// A file of `torch.save` with this pickle and some numbers to refer to; or `data` as it is, where it begins with `PK`.
#[allow(dead_code)] // Not every target has a use for it.
pub fn of_pickle(data: &[u8]) -> Vec<u8> {
    if data.starts_with(b"PK") || data.starts_with(b"\x80\x02\x8a\x0a") {
        return data.to_vec();
    }
    let numbers: Vec<u8> = (0..96_u32).flat_map(|n| (n as f32).to_le_bytes()).collect();
    let entries =
        [("a/data.pkl".to_owned(), data), ("a/data/0".to_owned(), &numbers), ("a/data/1".to_owned(), &numbers)];
    archive(&entries, CompressionMethod::Stored)
}
