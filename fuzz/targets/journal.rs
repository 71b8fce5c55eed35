//! The journal of corrected labels: its lines with right checksums, and files as they are. What is added to a journal that
//! can be read is there afterwards.

#![no_main]

mod place;

use std::time::{Duration, UNIX_EPOCH};

use crackscope::dataset::labels::{self, Entry, Journal};
use crackscope::dataset::{Dataset, Layout, Sample, Skipped};
use crackscope::places::Places;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let root = place::folder().join("photos");
    let journal = || Journal::of(&Places::below(place::folder()), &root);
    let path = journal().path().to_owned();
    path.parent().map(std::fs::create_dir_all).transpose().expect("a folder");
    std::fs::write(&path, checked(data)).expect("room for a journal");

    let mut first = journal();
    let Ok(before) = first.read() else { return };
    let entry = Entry::Undo { id: 7 };
    first.add(entry.clone(), &[]).expect("a journal that was read can be added to");
    drop(first);
    let after = journal().read().expect("a journal that was added to can be read");
    assert!(after.entries.ends_with(&[entry]));
    assert!(after.entries.len() > before.entries.len());

    let modified = Some(UNIX_EPOCH + Duration::from_millis(1));
    let sample =
        |file: &str| Sample { file: file.to_owned(), path: root.join(file), bytes: 7, modified, ..Sample::default() };
    let mut dataset = Dataset {
        roots: vec![root.clone()],
        layout: Layout::ClassFolders,
        samples: ["a.jpg", "b/c.jpg"].map(sample).into(),
        skipped: Skipped::default(),
        problems: Vec::new(),
    };
    let mut opened = labels::open(&mut dataset, &Places::below(place::folder())).expect("the same journal");
    while opened.labels.undo(&mut dataset).is_some() {}
    assert!(dataset.samples.iter().all(|sample| sample.correction.is_none() && sample.tags.is_empty()));
});

/// Lines that begin with `{`, with the checksum that they need before them; others as they are.
fn checked(data: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for line in data.split_inclusive(|byte| *byte == b'\n') {
        if let Some(json) = line.strip_suffix(b"\n").filter(|json| json.starts_with(b"{")) {
            bytes.extend(format!("{:08x} ", crc32fast::hash(json)).bytes());
        }
        bytes.extend_from_slice(line);
    }
    bytes
}
