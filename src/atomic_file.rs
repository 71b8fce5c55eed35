//! Files that appear whole or not at all.
//!
//! The bytes go to a temporary file in the same folder, are synced to the disk and then renamed, so that whoever looks
//! meanwhile, or after a power cut, sees the old file or the new one. Where several files belong together, a note of
//! the renames to come is written first, and whoever finds the note carries them out: see [`complete`].

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;
use std::time::Duration;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use tempfile::{Builder, NamedTempFile};

use crate::error::{Context, Error, Result};

/// Writes `bytes` to `path`, replacing what is there. The folder must exist.
///
/// # Errors
/// Names the file and why it cannot be written; nothing is left behind.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    write_with(path, |file| file.write_all(bytes))
}

/// Writes to `path` what `fill` writes to its argument, buffered, replacing what is there. The folder must exist.
///
/// # Errors
/// Names the file and why it cannot be written; where `fill` fails the old file stays as it is.
pub fn write_with(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
    let written = || -> io::Result<()> {
        let temporary = beside(path)?;
        filled(&temporary, fill)?;
        temporary.persist(path)?;
        sync_folder(path)
    };
    written().map_err(|cause| cannot_write(path, &cause))
}

/// A file that is on the disk and has not got its name yet: [`put`] gives it.
pub struct Staged {
    name: String,
    temporary: NamedTempFile,
}

/// Writes what `fill` writes to its argument, buffered, for the file `name` of a folder, beside what is there.
///
/// # Errors
/// Names the file and why it cannot be written; nothing is left behind.
pub fn stage(folder: &Path, name: &str, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<Staged> {
    let path = folder.join(name);
    let begun = || -> io::Result<NamedTempFile> {
        let temporary = beside(&path)?;
        filled(&temporary, fill)?;
        Ok(temporary)
    };
    let temporary = begun().map_err(|cause| cannot_write(&path, &cause))?;
    Ok(Staged { name: name.to_owned(), temporary })
}

/// [`stage`] for several files, side by side: most of the time goes into waiting for the disk.
///
/// # Errors
/// As [`stage`], of the first that cannot be written; then none is left behind.
pub fn stage_all(folder: &Path, files: &[(impl AsRef<str> + Sync, impl AsRef<[u8]> + Sync)]) -> Result<Vec<Staged>> {
    let files = files.par_iter().with_max_len(1);
    files.map(|(name, bytes)| stage(folder, name.as_ref(), |file| file.write_all(bytes.as_ref()))).collect()
}

/// Writes several files of one folder, each in place of what is there: all of them or, where that fails or the program is
/// ended, none. Who reads the folder afterwards calls [`complete`] first.
///
/// # Errors
/// Names the file and why it cannot be written. Where one cannot be written, none is replaced.
pub fn write_all(folder: &Path, files: &[(&str, &[u8])]) -> Result<()> {
    put(folder, stage_all(folder, files)?)
}

/// Gives staged files of one folder their names, in place of what is there: all of them, or none. See [`write_all`].
///
/// # Errors
/// Names the file that cannot get its name.
pub fn put(folder: &Path, staged: Vec<Staged>) -> Result<()> {
    complete(folder)?;
    let mut renames = Vec::with_capacity(staged.len());
    for Staged { name, temporary } in staged {
        let (_, from) = temporary.keep().map_err(|refused| refused.error).on_file("write", &folder.join(&name))?;
        renames.extend(Rename::of(&from, &name));
    }
    let noted = serde_json::to_vec(&renames).on_file("write", folder).and_then(|n| write(&folder.join(RENAMES), &n));
    if let Err(error) = noted {
        renames.iter().for_each(|rename| fs::remove_file(folder.join(&rename.from)).unwrap_or_default());
        return Err(error);
    }
    // From here on the files are as good as replaced: what is left to do is done by whoever comes next.
    carry_out(folder, &renames)
}

/// Carries out what a [`write_all`] into `folder` left to be done when the program was ended. Mostly there is nothing.
///
/// # Errors
/// Where a file that is ready cannot be put into its place.
pub fn complete(folder: &Path) -> Result<()> {
    let note = folder.join(RENAMES);
    let mut bytes = Vec::new();
    match File::open(&note).and_then(|file| file.take(LONGEST_NOTE).read_to_end(&mut bytes)) {
        Err(cause) if matches!(cause.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return Ok(()),
        read => read.on_file("read", &note)?,
    };
    carry_out(folder, &serde_json::from_slice::<Vec<Rename>>(&bytes).on_file("understand", &note)?)
}

fn carry_out(folder: &Path, renames: &[Rename]) -> Result<()> {
    for Rename { from, to } in renames.iter().filter(|rename| rename.stays_inside()) {
        match fs::rename(folder.join(from), folder.join(to)) {
            // It was done before the program was ended, or another copy of the program has just done it.
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {}
            renamed => renamed.on_file("write", &folder.join(to))?,
        }
    }
    let note = folder.join(RENAMES);
    sync_folder(&note).on_file("write", folder)?;
    match fs::remove_file(&note) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed.on_file("delete", &note),
    }
}

/// That a file cannot be written, why, and what to do where that is known.
pub fn cannot_write(path: &Path, cause: &io::Error) -> Error {
    let error = Error::file("write", path, cause);
    match cause.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            error.hint("make room there and do it again, or choose another place")
        }
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
            error.hint("see that the folder may be written to, or choose another place")
        }
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            error.hint("see that its folder is there, and that the disk or share is connected")
        }
        _ => error,
    }
}

/// Removes temporary files from `folder` that a program left which was ended an hour ago or more. Nothing depends on
/// whether that succeeds.
pub fn tidy(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let age = || entry.metadata().ok()?.modified().ok()?.elapsed().ok();
        if entry.file_name().to_str().is_some_and(is_temporary) && age().is_some_and(|age| age > ABANDONED) {
            fs::remove_file(entry.path()).ok();
        }
    }
}

/// Whether files of this name are written here for a moment and mean nothing where they stay.
pub fn is_temporary(name: &str) -> bool {
    name.starts_with(PREFIX) && name.ends_with(SUFFIX)
}

/// As [`write_with`], but never replaces a file.
///
/// # Errors
/// As [`write_with`], and where `path` exists already.
pub fn write_new_with(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
    let written = || -> io::Result<()> {
        let temporary = beside(path)?;
        filled(&temporary, fill)?;
        rename_new(temporary, path)?;
        sync_folder(path)
    };
    written().map_err(|cause| cannot_write(path, &cause))
}

/// How temporary files are called.
const PREFIX: &str = ".crackscope-";
const SUFFIX: &str = ".part";
/// The note of the renames that [`write_all`] has still to do.
const RENAMES: &str = ".crackscope-renames.json";
/// More than the names of the files of any folder that is written at once take.
const LONGEST_NOTE: u64 = 1 << 20;
/// Nobody writes one file for so long without adding to it.
const ABANDONED: Duration = Duration::from_secs(60 * 60);

/// A file that is ready under a temporary name, and its own name.
#[derive(Serialize, Deserialize)]
struct Rename {
    from: String,
    to: String,
}

impl Rename {
    fn of(from: &Path, to: &str) -> Option<Self> {
        Some(Self { from: from.file_name()?.to_str()?.to_owned(), to: to.to_owned() })
    }

    /// Whether both are names within one folder: the note may come from elsewhere together with the folder.
    fn stays_inside(&self) -> bool {
        let plain = |name: &str| Path::new(name).file_name().is_some_and(|last| last == name);
        is_temporary(&self.from) && plain(&self.from) && plain(&self.to)
    }
}

/// The folder that `path` lies in.
fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}

fn beside(path: &Path) -> io::Result<NamedTempFile> {
    let mut builder = Builder::new();
    builder.prefix(PREFIX).suffix(SUFFIX);
    // Temporary files are private by default; these become ordinary ones, so the umask decides.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    // The error would name the temporary file, which means nothing to the user.
    builder.tempfile_in(folder_of(path)).map_err(|error| match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::from(error.kind()),
    })
}

fn filled(temporary: &NamedTempFile, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut buffer = BufWriter::new(temporary.as_file());
    fill(&mut buffer)?;
    buffer.flush()?;
    drop(buffer);
    temporary.as_file().sync_all()
}

/// Renames to a name that must be free.
fn rename_new(temporary: NamedTempFile, path: &Path) -> io::Result<()> {
    match temporary.persist_noclobber(path) {
        Ok(_) => Ok(()),
        Err(refused) if refused.error.kind() == io::ErrorKind::AlreadyExists => Err(refused.error),
        Err(refused) => reserve_and_rename(refused.file, path),
    }
}

/// For file systems that cannot rename without replacing, such as those of many memory cards: takes the name with an
/// empty file and replaces that.
fn reserve_and_rename(temporary: NamedTempFile, path: &Path) -> io::Result<()> {
    File::create_new(path)?;
    temporary.persist(path).map(drop).map_err(|refused| {
        // The empty file is ours; what stopped the rename is the error to tell.
        let _ = fs::remove_file(path);
        refused.error
    })
}

/// Makes the rename itself last. Some file systems cannot sync a folder; the file is whole all the same.
fn sync_folder(path: &Path) -> io::Result<()> {
    if cfg!(unix)
        && let Ok(folder) = File::open(folder_of(path))
    {
        folder.sync_all().or(Ok(()))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with the files `a` and `b`, which hold `1` and `2`.
    fn two_files() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        write_all(folder.path(), &[("a", b"1"), ("b", b"2")]).unwrap();
        folder
    }

    /// What the files of a folder hold, by name.
    fn contents(folder: &Path) -> Vec<(String, String)> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
        let mut all: Vec<_> = entries
            .map(|entry| (entry.file_name().into_string().unwrap(), fs::read_to_string(entry.path()).unwrap()))
            .collect();
        all.sort();
        all
    }

    fn owned(files: &[(&str, &str)]) -> Vec<(String, String)> {
        files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn of_several_files_all_are_replaced_or_none() {
        let folder = two_files();
        assert!(write_all(folder.path(), &[("a", b"3"), ("nowhere/c", b"4")]).is_err());
        assert_eq!(contents(folder.path()), owned(&[("a", "1"), ("b", "2")]));
    }

    #[test]
    fn renames_that_were_noted_are_carried_out_wherever_the_program_was_ended() {
        for done in 0..=2 {
            let folder = two_files();
            let path = |name: &str| folder.path().join(name);
            let parts = [".crackscope-x.part", ".crackscope-y.part"];
            for (part, text) in parts.iter().zip(["3", "4"]) {
                fs::write(path(part), text).unwrap();
            }
            let note = r#"[{"from":".crackscope-x.part","to":"a"},{"from":".crackscope-y.part","to":"b"}]"#;
            fs::write(path(RENAMES), note).unwrap();
            for (part, name) in parts.iter().zip(["a", "b"]).take(done) {
                fs::rename(path(part), path(name)).unwrap();
            }
            complete(folder.path()).unwrap();
            assert_eq!(contents(folder.path()), owned(&[("a", "3"), ("b", "4")]), "{done} of them were done");
            complete(folder.path()).unwrap();
        }
    }

    #[test]
    fn a_note_from_elsewhere_moves_nothing_out_of_its_folder_nor_into_it() {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("run");
        fs::create_dir(&folder).unwrap();
        fs::write(outer.path().join("theirs"), "mine").unwrap();
        fs::write(folder.join(".crackscope-x.part"), "evil").unwrap();
        fs::write(folder.join("model"), "good").unwrap();
        for (from, to) in [
            (".crackscope-x.part", "../theirs"),
            (".crackscope-x.part", "/tmp/theirs"),
            (".crackscope-x.part", ".."),
            (".crackscope-x/../../theirs.part", "a"),
            ("model", "a"),
            ("../theirs", "a"),
        ] {
            fs::write(folder.join(RENAMES), format!(r#"[{{"from":"{from}","to":"{to}"}}]"#)).unwrap();
            complete(&folder).unwrap();
            assert_eq!(contents(&folder), owned(&[(".crackscope-x.part", "evil"), ("model", "good")]), "{from} {to}");
        }
        assert_eq!(fs::read_to_string(outer.path().join("theirs")).unwrap(), "mine");
    }

    #[test]
    fn what_was_left_long_ago_is_removed_and_nothing_else() {
        let folder = two_files();
        for (name, hours) in [(".crackscope-old.part", 2), (".crackscope-new.part", 0), ("old.part", 2), ("a", 2)] {
            let file = File::options().create(true).append(true).open(folder.path().join(name)).unwrap();
            file.set_modified(std::time::SystemTime::now() - Duration::from_secs(hours * 3600)).unwrap();
        }
        tidy(folder.path());
        let names: Vec<String> = contents(folder.path()).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, [".crackscope-new.part", "a", "b", "old.part"]);
    }

    #[test]
    fn replaces_the_file_and_leaves_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        write(&path, b"old").unwrap();
        write(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_failure_half_way_keeps_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        write(&path, b"old").unwrap();
        let error = write_with(&path, |file| {
            file.write_all(b"half")?;
            Err(io::Error::other("power cut"))
        });
        assert!(error.unwrap_err().one_line().contains("a.txt: power cut"));
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_new_file_does_not_replace_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        write_new_with(&path, |file| file.write_all(b"first")).unwrap();
        assert!(write_new_with(&path, |file| file.write_all(b"second")).is_err());
        assert_eq!(fs::read(&path).unwrap(), b"first");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_new_file_does_not_replace_one_on_simple_file_systems_either() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        let temporary = |text: &[u8]| {
            let mut file = beside(&path).unwrap();
            file.write_all(text).unwrap();
            file
        };
        reserve_and_rename(temporary(b"first"), &path).unwrap();
        assert!(reserve_and_rename(temporary(b"second"), &path).is_err());
        assert_eq!(fs::read(&path).unwrap(), b"first");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn creates_no_folder_and_names_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("missing").join("a.txt");
        let error = write(&path, b"x").unwrap_err();
        assert!(error.title().ends_with("a.txt") && !error.one_line().contains(".part"), "{error}");
        assert!(!folder.path().join("missing").exists());
    }

    #[cfg(unix)]
    #[test]
    fn others_may_read_it_as_the_umask_says() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (ours, ordinary) = (folder.path().join("a"), folder.path().join("b"));
        write(&ours, b"x").unwrap();
        fs::write(&ordinary, b"x").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&ours), mode(&ordinary));
    }
}
