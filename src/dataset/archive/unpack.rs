//! Unpacking the photos of a zip archive, and nothing else of it.
//!
//! An archive is whatever somebody sent: no name in it leads out of the folder that is filled, links are neither followed
//! nor made, and no more is written than the archive says of itself and its length makes plausible.

use std::fs::{self, File};
use std::io::{self, BufReader, ErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};

use zip::ZipArchive;
use zip::read::ZipFileEntry;

use super::{DOWNLOAD_AGAIN, Left, is_any_archive, is_called_archive};
use crate::dataset::Problem;
use crate::dataset::layout::table;
use crate::dataset::scan::{is_hidden, is_listed};
use crate::error::{Context, Error, Result};
use crate::format;
use crate::job::{Meter, Phase, Watch};

/// Photos hardly shrink. What comes to more than so many times the archive's length …
const PLAUSIBLE_RATIO: u64 = 100;
/// … and to more than this, was made to fill disks.
const ALWAYS_PLAUSIBLE: u64 = 256 << 20;
/// The most that is unpacked, however long the archive.
const MOST_BYTES: u64 = 256 << 30;
/// The most entries that an archive may have.
const MOST_ENTRIES: usize = 2_000_000;
/// How deep archives may lie within each other: one in another, as some downloads come.
const DEEPEST: usize = 1;

type Zip = ZipArchive<BufReader<File>>;

/// Unpacks the photos of `archive`, those of archives within it, and its `labels.csv` into `folder`, which is made.
///
/// # Errors
/// As [`super::resolve`].
pub(super) fn unpack(archive: &Path, folder: &Path, watch: &dyn Watch) -> Result<Left> {
    let file = File::open(archive).on_file("open", archive)?;
    let length = file.metadata().on_file("open", archive)?.len();
    let plausible = length.saturating_mul(PLAUSIBLE_RATIO).clamp(ALWAYS_PLAUSIBLE, MOST_BYTES);
    let zip = open(file).map_err(|cause| refused(archive, CUT_SHORT, DOWNLOAD_AGAIN).detail(cause.to_string()))?;
    let meter = Meter::new(watch, Phase::Unpack, None);
    let left = Left::default();
    let mut unpacker = Unpacker { archive, watch, meter, plausible, wanted: 0, photos: 0, sealed: Vec::new(), left };
    unpacker.unpack_into(zip, folder, "", 0)?;
    if unpacker.photos == 0 {
        return Err(unpacker.no_photos());
    }
    Ok(unpacker.left)
}

/// The state of unpacking one archive and those within it.
struct Unpacker<'a> {
    archive: &'a Path,
    watch: &'a dyn Watch,
    meter: Meter<'a>,
    /// Bytes that may still be written.
    plausible: u64,
    /// Files found worth unpacking.
    wanted: u64,
    /// Photos written.
    photos: usize,
    /// Archives within that cannot be unpacked.
    sealed: Vec<String>,
    left: Left,
}

/// An entry that is to be unpacked.
struct Wanted {
    index: usize,
    /// Relative to the folder that is filled.
    path: PathBuf,
    /// As the archive says.
    bytes: u64,
}

/// Why a file was not unpacked.
enum Trouble {
    /// It alone is bad.
    OfOne(String),
    /// There is no going on.
    Ends(Error),
}

impl Unpacker<'_> {
    /// Unpacks `zip` into `folder`. `within` is the path of that folder below the outermost one, with `/` at its end.
    fn unpack_into(&mut self, mut zip: Zip, folder: &Path, within: &str, depth: usize) -> Result<()> {
        let chosen = self.choose(&zip, within)?;
        fs::create_dir_all(folder).map_err(|cause| cannot_write(folder, &cause))?;
        for wanted in chosen {
            self.watch.check()?;
            let name = format!("{within}{}", with_slashes(&wanted.path));
            let outcome = if is_called_archive(&wanted.path) {
                self.unpack_nested(&mut zip, &wanted, folder, &name, depth)
            } else {
                self.unpack_file(&mut zip, &wanted, &folder.join(&wanted.path))
            };
            match outcome {
                Ok(()) => {}
                Err(Trouble::OfOne(reason)) => self.left.problems.push(Problem { file: name, reason }),
                Err(Trouble::Ends(error)) => return Err(error),
            }
            self.meter.add(1);
        }
        Ok(())
    }

    /// Goes through the table of contents.
    fn choose(&mut self, zip: &Zip, within: &str) -> Result<Vec<Wanted>> {
        if zip.len() > MOST_ENTRIES {
            let what = format!("it has {} entries", format::count(zip.len() as u64));
            return Err(refused(self.archive, &what, BY_HAND));
        }
        let mut chosen = Vec::new();
        for index in 0..zip.len() {
            let Ok(entry) = zip.by_index_data(index) else { continue };
            if entry.is_dir() {
                continue;
            }
            let name = name(&entry);
            let Some(path) = inside(&name).filter(|_| !entry.is_symlink()) else {
                let reason = if entry.is_symlink() { "it is a link" } else { "its name leads out of the archive" };
                self.left.problems.push(Problem { file: format!("{within}{name}"), reason: reason.to_owned() });
                continue;
            };
            if path.iter().any(is_hidden) {
                self.left.skipped.hidden += 1;
            } else if !is_wanted(&path) {
                self.left.skipped.other += 1;
                self.sealed.extend(is_any_archive(&path).then(|| format!("{within}{name}")));
            } else if entry.encrypted() {
                let hint = "unpack it with a program that asks for the password, and open the folder";
                return Err(refused(self.archive, "it is locked with a password", hint));
            } else {
                chosen.push(Wanted { index, path, bytes: entry.size() });
            }
        }
        self.allow(&chosen)?;
        Ok(chosen)
    }

    /// Takes what is to be written from what is plausible.
    fn allow(&mut self, chosen: &[Wanted]) -> Result<()> {
        let bytes = chosen.iter().fold(0_u64, |sum, wanted| sum.saturating_add(wanted.bytes));
        self.plausible = self.plausible.checked_sub(bytes).ok_or_else(|| {
            let what = format!("its photos would take {}, which is too much for its length", format::bytes(bytes));
            refused(self.archive, &what, BY_HAND)
        })?;
        self.wanted += chosen.len() as u64;
        self.meter.set_total(self.wanted);
        Ok(())
    }

    fn unpack_file(&mut self, zip: &mut Zip, wanted: &Wanted, target: &Path) -> Result<(), Trouble> {
        let cannot = |cause: io::Error| Trouble::of(target, &cause);
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent).map_err(cannot)?;
        }
        // Of two entries with one name the first stands.
        let mut file = File::create_new(target).map_err(cannot)?;
        if let Err(trouble) = copy(zip, wanted, &mut file, target, self.watch) {
            drop(file);
            fs::remove_file(target).ok();
            return Err(trouble);
        }
        self.photos += usize::from(is_listed(target));
        Ok(())
    }

    /// Unpacks an archive in the archive into a folder of its own name.
    fn unpack_nested(
        &mut self,
        zip: &mut Zip,
        wanted: &Wanted,
        folder: &Path,
        name: &str,
        depth: usize,
    ) -> Result<(), Trouble> {
        if depth == DEEPEST {
            self.sealed.push(name.to_owned());
            return Err(Trouble::OfOne("archives lie too deep in each other".to_owned()));
        }
        let mut file = tempfile::tempfile_in(folder).map_err(|cause| Trouble::of(folder, &cause))?;
        copy(zip, wanted, &mut file, folder, self.watch)?;
        file.rewind().map_err(|cause| Trouble::of(folder, &cause))?;
        let nested = open(file).map_err(|cause| Trouble::OfOne(format!("{CUT_SHORT}: {cause}")))?;
        let below = wanted.path.with_extension("");
        let within = format!("{}/", name.rsplit_once('.').map_or(name, |(stem, _)| stem));
        self.unpack_into(nested, &folder.join(below), &within, depth + 1).map_err(Trouble::Ends)
    }

    fn no_photos(self) -> Error {
        let shown = self.archive.display();
        if let Some(problem) = self.left.problems.first() {
            return Error::new(format!("No photo of {shown} can be unpacked"))
                .detail(format!("{}: {}", problem.file, problem.reason))
                .hint(DOWNLOAD_AGAIN);
        }
        if let Some(sealed) = self.sealed.first() {
            return Error::new(format!("{shown} holds no photos but another archive, {sealed}"))
                .hint("unpack both, e.g. with 7-Zip, The Unarchiver or `unar`, and open the folder");
        }
        let others = self.left.skipped.other + self.left.skipped.hidden;
        Error::new(format!("There are no photos in {shown}"))
            .detail(format!("{} in it", format::counted(others, "other file is", "other files are")))
            .hint("open an archive with JPEG, PNG, WebP, TIFF or BMP files, at any depth")
    }
}

impl Trouble {
    /// What writing to `path` failed with. A name that the file system does not take is that file's trouble alone.
    fn of(path: &Path, cause: &io::Error) -> Self {
        match cause.kind() {
            ErrorKind::AlreadyExists => Self::OfOne("another file of the archive has this name".to_owned()),
            ErrorKind::InvalidInput | ErrorKind::InvalidFilename | ErrorKind::NotADirectory => {
                Self::OfOne(format!("no file can have this name: {cause}"))
            }
            _ => Self::Ends(cannot_write(path, cause)),
        }
    }
}

/// What to do about archives that are not unpacked here.
const BY_HAND: &str = "if you trust it, unpack it with another program and open the folder";

const CUT_SHORT: &str = "it is cut short or damaged";

fn open(file: File) -> zip::result::ZipResult<Zip> {
    ZipArchive::new(BufReader::with_capacity(1 << 16, file))
}

fn refused(archive: &Path, what: &str, hint: &str) -> Error {
    Error::file("open", archive, what).hint(hint)
}

/// Writes an entry's bytes: as many as the archive says, with the checksum that it says.
fn copy(zip: &mut Zip, wanted: &Wanted, file: &mut File, target: &Path, watch: &dyn Watch) -> Result<(), Trouble> {
    let entry = zip.by_index(wanted.index).map_err(|cause| Trouble::OfOne(format!("damaged archive: {cause}")))?;
    let mut entry = entry.take(wanted.bytes.saturating_add(1));
    let mut buffer = vec![0; 1 << 16];
    let mut written = 0;
    loop {
        watch.check().map_err(Trouble::Ends)?;
        let read = match entry.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(cause) if cause.kind() == ErrorKind::Interrupted => continue,
            Err(cause) => return Err(Trouble::OfOne(format!("damaged archive: {cause}"))),
        };
        file.write_all(buffer.get(..read).unwrap_or_default()).map_err(|cause| Trouble::of(target, &cause))?;
        written += read as u64;
    }
    if written != wanted.bytes {
        return Err(Trouble::OfOne("damaged archive: the file has another length than it says".to_owned()));
    }
    Ok(())
}

fn cannot_write(path: &Path, cause: &io::Error) -> Error {
    let error = Error::file("write", path, cause);
    match cause.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            error.hint("free some space there, or choose another place with --cache DIR")
        }
        _ => error.hint("check that the cache folder can be written to, or choose another one with --cache DIR"),
    }
}

/// Photos, the table of labels, and archives in which photos may lie.
fn is_wanted(path: &Path) -> bool {
    let is_table = path.file_name().is_some_and(|name| name.eq_ignore_ascii_case(table::FILE_NAME));
    is_listed(path) || is_table || is_called_archive(path)
}

/// The name, which many programs write in UTF-8 without saying so.
fn name(entry: &ZipFileEntry<'_>) -> String {
    match std::str::from_utf8(entry.name_raw()) {
        Ok(name) => name.to_owned(),
        Err(_) => entry.name().map_or_else(|_| String::from_utf8_lossy(entry.name_raw()).into(), Into::into),
    }
}

/// The path that a name stands for, if it stays inside: no `..`, no drive. Some programs write `\` for `/`.
fn inside(name: &str) -> Option<PathBuf> {
    let mut path = PathBuf::new();
    for part in name.split(['/', '\\']).filter(|part| !matches!(*part, "" | ".")) {
        let drive = part.len() == 2 && part.ends_with(':');
        // On Windows a colon leads into another stream of a file, and some names mean devices.
        if part == ".." || part.contains('\0') || drive || (cfg!(windows) && !is_plain_on_windows(part)) {
            return None;
        }
        path.push(part);
    }
    (!path.as_os_str().is_empty()).then_some(path)
}

fn is_plain_on_windows(part: &str) -> bool {
    let stem = part.split('.').next().unwrap_or(part).trim_end().to_ascii_uppercase();
    let numbered = |name: &str| stem.strip_prefix(name).is_some_and(|rest| rest.len() == 1);
    let device = matches!(&*stem, "CON" | "PRN" | "AUX" | "NUL") || numbered("COM") || numbered("LPT");
    !device && !part.contains(['<', '>', ':', '"', '|', '?', '*']) && !part.ends_with(['.', ' '])
}

fn with_slashes(path: &Path) -> String {
    path.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/")
}
