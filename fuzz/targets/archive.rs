//! Archives of photos: entries of any name and content, and archives as they are. Nothing is written but below the cache.

#![no_main]

mod place;
mod zipped;

use arbitrary::{Arbitrary, Unstructured};
use crackscope::dataset::archive;
use crackscope::job::Unwatched;
use crackscope::places::Places;
use libfuzzer_sys::fuzz_target;
use zip::CompressionMethod;

/// What names are put together from, so that many of them are wanted and many lead astray.
const PARTS: [&str; 16] = [
    "a",
    "Positive",
    "..",
    ".",
    "",
    "C:",
    "\\",
    "photo.jpg",
    "labels.csv",
    "b.zip",
    ".hidden",
    "x.png",
    "~",
    "é",
    "\0",
    "/",
];

fuzz_target!(|data: &[u8]| {
    let home = place::folder().join("home");
    let _ = std::fs::remove_dir_all(&home);
    let bytes = match data.split_first() {
        Some((b'e', rest)) => entries(&mut Unstructured::new(rest)).unwrap_or_default(),
        _ => data.to_vec(),
    };
    let path = place::file("home/in/photos.zip", &bytes);
    let places = Places::below(home.join("own"));
    if let Ok(roots) = archive::resolve(&[path], &places, &Unwatched) {
        assert!(roots.iter().all(|root| root.folder.is_dir() && root.folder.starts_with(places.unpacked())));
    }
    let below = |folder: &std::path::Path| std::fs::read_dir(folder).into_iter().flatten().flatten().count();
    assert!((1..=2).contains(&below(&home)), "only the archive's folder and the program's own");
    assert_eq!(below(&home.join("in")), 1, "only the archive");
    assert!(below(&home.join("own")) <= 1, "only the cache");
});

fn entries(bytes: &mut Unstructured<'_>) -> arbitrary::Result<Vec<u8>> {
    let mut entries = Vec::new();
    for _ in 0..bytes.int_in_range(0..=8)? {
        let mut name = Vec::new();
        for _ in 0..bytes.int_in_range(1..=4)? {
            name.push(*bytes.choose(&PARTS)?);
        }
        entries.push((name.join("/"), <&[u8]>::arbitrary(bytes)?));
    }
    let compression = if bool::arbitrary(bytes)? { CompressionMethod::Stored } else { CompressionMethod::Deflated };
    Ok(zipped::archive(&entries, compression))
}
