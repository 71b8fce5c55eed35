//! Files that appear whole or not at all.
//!
//! The bytes go to a temporary file in the same folder, are synced to the disk and then renamed, so that whoever looks
//! meanwhile, or after a power cut, sees the old file or the new one.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use tempfile::{Builder, NamedTempFile};

use crate::error::{Context, Result};

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
    written().on_file("write", path)
}

/// Writes several files, each in place of what is there. All of them are on the disk before the first one is renamed: only
/// a crash in the moment of the renames leaves some old and some new, and each whole.
///
/// # Errors
/// Names the file and why it cannot be written. Where a file cannot even be begun, none is replaced.
pub fn write_all(files: &[(&Path, &[u8])]) -> Result<()> {
    let mut ready = Vec::with_capacity(files.len());
    for (path, bytes) in files {
        let begun = || -> io::Result<NamedTempFile> {
            let temporary = beside(path)?;
            filled(&temporary, |file| file.write_all(bytes))?;
            Ok(temporary)
        };
        ready.push((begun().on_file("write", path)?, path));
    }
    for (temporary, path) in ready {
        temporary.persist(path).map_err(|refused| refused.error).on_file("write", path)?;
        sync_folder(path).on_file("write", path)?;
    }
    Ok(())
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
    written().on_file("write", path)
}

/// The folder that `path` lies in.
fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}

fn beside(path: &Path) -> io::Result<NamedTempFile> {
    let mut builder = Builder::new();
    builder.prefix(".crackscope-").suffix(".part");
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
        let _ = std::fs::remove_file(path);
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
    use std::fs;

    use super::*;

    #[test]
    fn of_several_files_all_are_replaced_or_none() {
        let folder = tempfile::tempdir().unwrap();
        let [a, b] = ["a", "b"].map(|name| folder.path().join(name));
        write_all(&[(&a, b"1"), (&b, b"2")]).unwrap();
        let nowhere = folder.path().join("nowhere").join("c");
        assert!(write_all(&[(&a, b"3"), (&nowhere, b"4")]).is_err());
        assert_eq!((fs::read(&a).unwrap(), fs::read(&b).unwrap()), (b"1".to_vec(), b"2".to_vec()));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
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
