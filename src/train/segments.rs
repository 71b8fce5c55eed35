//! Files beside a record file, for programs that find it being written by another.
//!
//! Of several programs that compute for one cache, one writes its file and each of the others a segment beside it. Whoever
//! opens the file to be written next takes in what the segments hold that nobody writes any more, those of programs that
//! were killed among them. Segments that were taken in are emptied, not deleted: another program may have opened one at
//! that very moment, and what it writes into a deleted file would be lost.

use std::io::{Error, ErrorKind, Result};
use std::path::{Path, PathBuf};

use super::record_file::{Kind, RecordFile};

/// Programs that write beside one file at once; one more keeps nothing.
const MOST: usize = 64;

/// A segment that is there.
pub(super) enum Segment {
    /// One that nobody else writes; nobody else will while it is open.
    Left(RecordFile),
    /// One that another program is writing, to be read alone.
    Busy(RecordFile),
}

/// The segments beside the file at `path`. Those that cannot be opened are passed over: what they hold is computed again.
pub(super) fn beside(path: &Path, kind: Kind) -> impl Iterator<Item = Segment> {
    // They are made in this order, and none is deleted.
    let there = (1..=MOST).map(|number| place(path, number)).take_while(|segment| segment.exists());
    there.filter_map(move |segment| match RecordFile::open(&segment, kind) {
        Ok(file) => Some(Segment::Left(file)),
        Err(_) => RecordFile::open_to_read(&segment, kind).ok().flatten().map(Segment::Busy),
    })
}

/// Opens the first segment beside the file at `path` that nobody writes, to be written on.
pub(super) fn claim(path: &Path, kind: Kind) -> Result<RecordFile> {
    for number in 1..=MOST {
        match RecordFile::open(&place(path, number), kind) {
            Err(cause) if cause.kind() == ErrorKind::WouldBlock => {}
            opened => return opened,
        }
    }
    Err(Error::other(format!("{} programs are writing to it", MOST + 1)))
}

/// Where segment `number` beside the file at `path` is.
fn place(path: &Path, number: usize) -> PathBuf {
    path.with_extension(format!("part-{number}"))
}
