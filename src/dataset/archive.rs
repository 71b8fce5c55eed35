//! Archives that are opened like folders: unpacked once, into the program's cache.
//!
//! `unpacked/KEY/photos/NAME/` holds the photos of `NAME.zip` and `unpacked/KEY/contents.toml` what was left out. The key
//! is made of the archive's path, length and date, so that a changed archive is unpacked anew. A folder `KEY` is always
//! whole: files are unpacked beside it, and it gets its name last.

mod unpack;

use std::fs;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use super::{Problem, Skipped};
use crate::bounded;
use crate::error::{Context, Error, Result};
use crate::job::Watch;
use crate::places::Places;

/// What remains to be said of an archive once it is unpacked.
const CONTENTS: &str = "contents.toml";
/// What a folder is called while it is being filled.
const UNFINISHED: &str = ".unpacking-";
/// A folder that was being filled so long ago belongs to a program that was ended.
const ABANDONED: Duration = Duration::from_secs(24 * 60 * 60);
/// As long as removing what was unpacked is waited for.
const PATIENCE: Duration = Duration::from_millis(50);

/// A folder or archive as it was named, and the folder that its photos lie in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// What the user opened.
    pub named: PathBuf,
    /// Where the photos lie: the same, unless it is an archive.
    pub folder: PathBuf,
    /// What was left in the archive.
    pub left: Left,
}

/// What was left in an archive.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    /// Files that are no photos.
    pub skipped: Skipped,
    /// Photos that could not be unpacked.
    pub problems: Vec<Problem>,
}

impl Root {
    /// A folder.
    pub fn folder(path: &Path) -> Self {
        Self { named: path.to_path_buf(), folder: path.to_path_buf(), left: Left::default() }
    }
}

/// Whether a path names an archive that can be opened like a folder: a file, or one that is gone, called `….zip`.
pub fn is_archive(path: &Path) -> bool {
    is_called_archive(path) && !path.is_dir()
}

/// As [`is_archive`], by the name alone.
pub fn is_called_archive(path: &Path) -> bool {
    has_extension(path, &["zip"])
}

/// Whether a name is that of an archive of any kind: those that cannot be opened are told by [`resolve`].
pub fn is_any_archive(path: &Path) -> bool {
    is_called_archive(path) || OTHER_ARCHIVES.iter().any(|(extensions, _)| has_extension(path, extensions))
}

/// Finds the folder of each path, and unpacks archives unless that is done.
///
/// # Errors
/// An archive that is not there, damaged, encrypted, of a kind that cannot be unpacked, without photos, or suspiciously
/// large once unpacked; a cache that cannot be written; and when the user cancels.
pub fn resolve(paths: &[PathBuf], places: &Places, watch: &dyn Watch) -> Result<Vec<Root>> {
    paths
        .iter()
        .map(|path| match () {
            () if is_archive(path) => unpacked(path, &places.unpacked(), watch),
            () if path.is_file() => Err(refusal(path)),
            () => Ok(Root::folder(path)),
        })
        .collect()
}

/// The folder of one archive.
fn unpacked(archive: &Path, cache: &Path, watch: &dyn Watch) -> Result<Root> {
    check_kind(archive)?;
    let key = Key::of(archive)?;
    let home = cache.join(format!("{}-{}", key.path, key.version));
    // The archive's own name, whatever links to it are called.
    let name = key.real.file_stem().unwrap_or(key.real.as_os_str());
    let root = |left| Root { named: archive.to_path_buf(), folder: home.join("photos").join(name), left };
    if let Some(contents) = Contents::read(&home) {
        return Ok(root(contents.left));
    }
    fs::create_dir_all(cache).on_file("create", cache)?;
    tidy(cache, &key);
    let beside = tempfile::Builder::new().prefix(UNFINISHED).tempdir_in(cache).on_file("write to", cache)?;
    let left = match unpack::unpack(archive, &beside.path().join("photos").join(name), watch) {
        Ok(left) => left,
        Err(error) => {
            let_go(beside);
            return Err(error);
        }
    };
    // A path that is no text is not noted.
    let contents = Contents { archive: key.real.to_str().map(PathBuf::from).unwrap_or_default(), left };
    let note = beside.path().join(CONTENTS);
    fs::write(&note, toml::to_string(&contents).context("Cannot describe the archive")?).on_file("write", &note)?;
    match fs::rename(beside.path(), &home) {
        Ok(()) => drop(beside.keep()),
        // Another process was quicker.
        Err(_) if Contents::read(&home).is_some() => {}
        Err(cause) => return Err(Error::file("write", &home, cause)),
    }
    Ok(root(contents.left))
}

/// What is noted beside the photos of an archive.
#[derive(Serialize, Deserialize)]
struct Contents {
    /// Where it lies; empty in notes of before this was noted.
    #[serde(default)]
    archive: PathBuf,
    #[serde(flatten)]
    left: Left,
}

impl Contents {
    fn read(home: &Path) -> Option<Self> {
        toml::from_str(&bounded::read_to_string(&home.join(CONTENTS), bounded::TABLES).ok()?).ok()
    }
}

/// Which archive, and which state of it.
struct Key {
    real: PathBuf,
    path: String,
    version: String,
}

impl Key {
    fn of(archive: &Path) -> Result<Self> {
        let found = fs::metadata(archive).on_file("open", archive)?;
        let real = fs::canonicalize(archive).on_file("open", archive)?;
        let since = |time: SystemTime| time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
        let version = format!("{} {}", found.len(), found.modified().map_or(0, since));
        let short = |bytes: &[u8], digits| blake3::hash(bytes).to_hex().chars().take(digits).collect();
        let path = short(real.as_os_str().as_encoded_bytes(), 16);
        Ok(Self { real, path, version: short(version.as_bytes(), 8) })
    }
}

/// Removes a folder that was not filled. Where that takes long, it goes on by itself: nobody waits for it who has cancelled.
fn let_go(folder: TempDir) {
    let (done, wait) = crossbeam_channel::bounded::<()>(1);
    let remove = move || {
        drop(folder);
        drop(done);
    };
    // Without another thread it is removed here.
    thread::Builder::new().name("remove".to_owned()).spawn(remove).ok();
    wait.recv_timeout(PATIENCE).ok();
}

/// Removes what an earlier state of the archive left, what was abandoned, and the photos of archives that are gone though
/// the folder that they lay in is not: a stick that is pulled takes both along. Nothing depends on whether that succeeds.
fn tidy(cache: &Path, key: &Key) {
    for entry in fs::read_dir(cache).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let age = || entry.metadata().ok()?.modified().ok()?.elapsed().ok();
        let abandoned = name.starts_with(UNFINISHED) && age().is_some_and(|age| age > ABANDONED);
        let gone = || {
            let archive = Contents::read(&entry.path())?.archive;
            Some(archive.parent()?.is_dir() && !archive.exists())
        };
        let earlier = name.split_once('-').is_some_and(|(path, _)| path == key.path);
        if abandoned || earlier || gone().unwrap_or(false) {
            fs::remove_dir_all(entry.path()).ok();
        }
    }
}

/// Refuses what is called `.zip` and is none, told from its first bytes.
fn check_kind(path: &Path) -> Result<()> {
    let mut head = Vec::new();
    match fs::File::open(path) {
        Err(cause) if cause.kind() == ErrorKind::NotFound => {
            let error = Error::new(format!("There is no file {}", path.display()));
            return Err(error.hint("check the name, and whether the disk or share is connected"));
        }
        file => file.and_then(|file| file.take(512).read_to_end(&mut head)).on_file("open", path)?,
    };
    let what = match &*head {
        [b'P', b'K', ..] => return Ok(()),
        [] => return Err(Error::new(format!("{} is empty", path.display())).hint(DOWNLOAD_AGAIN)),
        head if head.starts_with(b"Rar!") => return Err(unpack_first(path, "a RAR archive")),
        head if head.starts_with(b"7z\xbc\xaf\x27\x1c") => return Err(unpack_first(path, "a 7z archive")),
        [0x1f, 0x8b, ..] => return Err(unpack_first(path, "a gzip archive")),
        head if head.trim_ascii_start().starts_with(b"<") => "a web page, as a download gives that needs a click more",
        _ => "no zip archive, or damaged",
    };
    Err(Error::file("open", path, what).hint(DOWNLOAD_AGAIN))
}

/// What to do about an archive that is damaged.
const DOWNLOAD_AGAIN: &str = "download it again, and compare its size with the one on the page that it comes from";

/// A file that is neither a folder nor an archive that can be unpacked.
fn refusal(path: &Path) -> Error {
    for (extensions, what) in OTHER_ARCHIVES {
        if has_extension(path, extensions) {
            return unpack_first(path, what);
        }
    }
    Error::new(format!("{} is not a folder", path.display()))
        .hint("open the folder that the photos lie in, or a .zip of photos")
}

/// Kinds of archives that are known but not unpacked.
const OTHER_ARCHIVES: [(&[&str], &str); 3] =
    [(&["rar"], "a RAR archive"), (&["7z"], "a 7z archive"), (&["tar", "gz", "tgz", "bz2", "xz", "zst"], "an archive")];

fn unpack_first(path: &Path, what: &str) -> Error {
    Error::new(format!("{} is {what}, and only .zip archives can be opened", path.display()))
        .hint("unpack it first, e.g. with 7-Zip, The Unarchiver or `unar`, and open the folder")
}

fn has_extension(path: &Path, known: &[&str]) -> bool {
    path.extension().is_some_and(|extension| known.iter().any(|known| extension.eq_ignore_ascii_case(known)))
}

#[cfg(test)]
mod tests;
