//! Renaming and deleting runs: only folders that this program wrote, and of these only what it wrote there.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use super::run_dir;
use super::run_list;
use crate::atomic_file;
use crate::error::{Context, Error, Result};
use crate::nn::bundled;

/// Files that a run folder holds, apart from its plots and TensorBoard's files.
const WRITTEN: [&str; 8] = [
    run_dir::CONFIG,
    run_dir::RESULTS,
    run_dir::PREDICTIONS,
    run_dir::MISCLASSIFIED,
    run_dir::MODEL,
    run_dir::LAST,
    run_dir::CARD,
    run_dir::GROUPS,
];
/// How the names of TensorBoard's files begin.
const EVENTS: &str = "events.out.tfevents.";
/// The longest name that every file system takes, with room for a number after it, in bytes.
const LONGEST: usize = 200;
/// Names that Windows keeps for devices, whatever follows after a point.
const DEVICES: [&str; 22] = [
    "CON", "PRN", "AUX", "NUL", "COM1", "COM2", "COM3", "COM4", "COM5", "COM6", "COM7", "COM8", "COM9", "LPT1", "LPT2",
    "LPT3", "LPT4", "LPT5", "LPT6", "LPT7", "LPT8", "LPT9",
];

/// What a run folder holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Files that this program wrote: what deleting the run removes.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Names of everything else, which stays.
    pub others: Vec<String>,
}

/// What the folder of a run holds.
///
/// # Errors
/// Where `run` is no folder of a run in `runs`, or cannot be read.
pub fn contents(runs: &Path, run: &Path) -> Result<Contents> {
    check_is_run(runs, run)?;
    Ok(listed(run)?.0)
}

/// Deletes the run `run` in the folder `runs`. Links are not followed; what this program did not write stays, and the
/// folder with it. Says what was deleted and what stays.
///
/// # Errors
/// Where `run` is no folder of a run in `runs`, is being trained, or a file cannot be deleted; the error names it.
pub fn delete(runs: &Path, run: &Path) -> Result<Contents> {
    check_is_run(runs, run)?;
    let _alone = take(run, "deleted")?;
    let (contents, mut files) = listed(run)?;
    // The record goes last, so that what remains after a failure is still known to be a run.
    files.sort_by_key(|file| file.file_name().is_some_and(|name| name == run_dir::CONFIG));
    for file in files {
        fs::remove_file(&file).on_file("delete", &file)?;
    }
    if contents.others.is_empty() {
        fs::remove_dir(run).on_file("delete the folder", run)?;
    }
    Ok(contents)
}

/// Gives the run `run` in the folder `runs` another name; returns its new path. Blanks around the name are left out.
///
/// # Errors
/// Where `run` is no folder of a run in `runs`, is being trained, or the name cannot be had: see [`check_name`].
pub fn rename(runs: &Path, run: &Path, name: &str) -> Result<PathBuf> {
    check_is_run(runs, run)?;
    let name = name.trim();
    check_name(name)?;
    let to = run.with_file_name(name);
    if to == run {
        return Ok(to);
    }
    let _alone = take(run, "renamed")?;
    // Where upper and lower case are one, the other spelling of a name is there: it is the run itself.
    let same = to.canonicalize().ok().is_some_and(|found| run.canonicalize().is_ok_and(|run| run == found));
    if to.symlink_metadata().is_ok() && !same {
        return Err(Error::new(format!("There is a run or a file called {name} already")).hint("choose another name"));
    }
    fs::rename(run, &to).on_file("rename", run)?;
    Ok(to)
}

/// Checks that a run may be called `name` on every system.
///
/// # Errors
/// Where it is empty, too long, hidden, means something else, or holds a character that Windows refuses.
pub fn check_name(name: &str) -> Result<()> {
    let refuse = |why: String| Err(Error::usage(why));
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_uppercase();
    match name {
        "" => refuse("A run needs a name".to_owned()),
        bundled::NAME => refuse(format!("“{name}” means the model that comes with the program")),
        _ if name.len() > LONGEST => refuse(format!("The name is too long: at most {LONGEST} bytes")),
        _ if name.starts_with('.') => refuse("A name that begins with a point would be hidden".to_owned()),
        _ if name.ends_with(['.', ' ']) => refuse("On Windows a name cannot end with a point or a blank".to_owned()),
        _ if DEVICES.contains(&stem.as_str()) => refuse(format!("On Windows “{stem}” means a device")),
        _ => match name.chars().find(|c| c.is_control() || "/\\:*?\"<>|".contains(*c)) {
            Some(c) if c.is_control() => refuse("A name cannot hold a control character".to_owned()),
            Some(c) => refuse(format!("A name cannot hold {c}")),
            None => Ok(()),
        },
    }
}

/// Refuses everything but a folder, no link, that lies in `runs` and holds a record of ours.
fn check_is_run(runs: &Path, run: &Path) -> Result<()> {
    let refuse = |why: &str| Err(Error::new(format!("{} is left alone", run.display())).detail(why.to_owned()));
    let Ok(facts) = run.symlink_metadata() else {
        return Err(Error::new(format!("There is no run {}", run.display())));
    };
    let folder = run.parent().and_then(|parent| real(parent).ok());
    if run.file_name().is_none() || folder.is_none() || folder != real(runs).ok() {
        return refuse("it does not lie in the folder of the runs");
    }
    if facts.is_symlink() {
        return refuse("it is a link to a folder elsewhere");
    }
    let config = run.join(run_dir::CONFIG).symlink_metadata();
    if !facts.is_dir() || !config.is_ok_and(|config| config.is_file()) || !run_list::is_ours(run) {
        return refuse("it is no run of CrackScope");
    }
    Ok(())
}

/// The real path of a folder; the parent of `run` alone is here.
fn real(folder: &Path) -> std::io::Result<PathBuf> {
    if folder.as_os_str().is_empty() { Path::new(".").canonicalize() } else { folder.canonicalize() }
}

/// What the folder holds, and the files that are ours.
fn listed(run: &Path) -> Result<(Contents, Vec<PathBuf>)> {
    let (mut contents, mut files) = (Contents::default(), Vec::new());
    for entry in fs::read_dir(run).on_file("list", run)? {
        let entry = entry.on_file("list", run)?;
        // Of the entry itself and not of what it may be a link to.
        let facts = entry.metadata().on_file("look at", &entry.path())?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if facts.is_file() && is_written(&name) {
            contents.files += 1;
            contents.bytes += facts.len();
            files.push(entry.path());
        } else {
            contents.others.push(name);
        }
    }
    contents.others.sort();
    Ok((contents, files))
}

/// Whether this program gives files of a run this name.
fn is_written(name: &str) -> bool {
    WRITTEN.contains(&name)
        || run_dir::PLOTS.contains(&name)
        || name.starts_with(EVENTS)
        || atomic_file::is_temporary(name)
}

/// Holds the folder alone, so that no training takes it up meanwhile. Where the system cannot, nothing is held.
pub(super) fn take(run: &Path, what: &str) -> Result<Option<File>> {
    let Ok(folder) = File::open(run) else { return Ok(None) };
    match folder.try_lock() {
        Ok(()) => Ok(Some(folder)),
        Err(TryLockError::Error(_)) => Ok(None),
        Err(TryLockError::WouldBlock) => {
            let name = run_dir::name(run);
            Err(Error::new(format!("{name} is being trained and cannot be {what}")).hint("wait until it has ended"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::config::TrainConfig;
    use crate::train::run_dir::RunDir;
    use crate::train::run_list::tests::{record, write_run};

    /// A folder of runs with one run in it.
    fn one_run() -> (tempfile::TempDir, PathBuf) {
        let runs = tempfile::tempdir().unwrap();
        let run = runs.path().join("first");
        write_run(&run, &record("2026-01-01T00:00:00Z", TrainConfig::default()));
        fs::write(run.join("events.out.tfevents.1700000000.host"), "e").unwrap();
        (runs, run)
    }

    #[test]
    fn a_run_is_deleted_with_its_folder_and_nothing_else() {
        let (runs, run) = one_run();
        let other = runs.path().join("second");
        write_run(&other, &record("2026-01-02T00:00:00Z", TrainConfig::default()));
        let expected = contents(runs.path(), &run).unwrap();
        assert_eq!((expected.files, expected.others.len()), (5, 0));
        assert_eq!(delete(runs.path(), &run).unwrap(), expected);
        assert!(!run.exists() && other.join(run_dir::MODEL).exists());
    }

    #[test]
    fn what_is_not_ours_stays() {
        let (runs, run) = one_run();
        fs::write(run.join("notes.txt"), "mine").unwrap();
        fs::create_dir(run.join("model.safetensors.d")).unwrap();
        let deleted = delete(runs.path(), &run).unwrap();
        assert_eq!(deleted.others, ["model.safetensors.d", "notes.txt"]);
        assert_eq!(fs::read_to_string(run.join("notes.txt")).unwrap(), "mine");
        assert!(!run.join(run_dir::CONFIG).exists());
        assert!(delete(runs.path(), &run).is_err(), "it is no run any more");
    }

    #[cfg(unix)]
    #[test]
    fn links_are_not_followed() {
        use std::os::unix::fs::symlink;
        let (runs, run) = one_run();
        let elsewhere = tempfile::tempdir().unwrap();
        let weights = elsewhere.path().join("weights");
        fs::write(&weights, "w").unwrap();
        fs::remove_file(run.join(run_dir::MODEL)).unwrap();
        symlink(&weights, run.join(run_dir::MODEL)).unwrap();
        symlink(elsewhere.path(), run.join("more")).unwrap();
        let deleted = delete(runs.path(), &run).unwrap();
        assert_eq!(deleted.others, [run_dir::MODEL, "more"]);
        assert_eq!(fs::read_to_string(&weights).unwrap(), "w");

        let real = elsewhere.path().join("real");
        write_run(&real, &record("2026-01-01T00:00:00Z", TrainConfig::default()));
        let link = runs.path().join("link");
        symlink(&real, &link).unwrap();
        for error in [delete(runs.path(), &link).unwrap_err(), rename(runs.path(), &link, "new").unwrap_err()] {
            assert!(error.one_line().contains("it is a link"), "{error}");
        }
        assert!(real.join(run_dir::CONFIG).exists() && link.exists());
    }

    #[test]
    fn only_a_run_in_the_runs_folder_is_deleted() {
        let (runs, run) = one_run();
        let inner = run.join("inner");
        write_run(&inner, &record("2026-01-01T00:00:00Z", TrainConfig::default()));
        let plain = runs.path().join("photos");
        fs::create_dir(&plain).unwrap();
        fs::write(plain.join("a.jpg"), "photo").unwrap();
        let server = runs.path().join("server");
        fs::create_dir(&server).unwrap();
        fs::write(server.join(run_dir::CONFIG), "[server]\nport = 1\n").unwrap();
        for path in [&inner, &plain, &server, &runs.path().join(".."), &runs.path().join("nowhere")] {
            assert!(delete(runs.path(), path).is_err(), "{path:?}");
        }
        assert!(delete(runs.path(), runs.path()).is_err());
        assert!(inner.join(run_dir::MODEL).exists() && plain.join("a.jpg").exists());
        assert!(server.join(run_dir::CONFIG).exists());
    }

    #[test]
    fn a_damaged_run_can_be_deleted() {
        let (runs, run) = one_run();
        fs::write(run.join(run_dir::CONFIG), "program = \"crackscope 0.1.0\"\ncreat").unwrap();
        assert!(delete(runs.path(), &run).is_ok() && !run.exists());
    }

    #[test]
    fn a_run_is_renamed_unless_the_name_is_taken() {
        let (runs, run) = one_run();
        let second = runs.path().join("second");
        write_run(&second, &record("2026-01-02T00:00:00Z", TrainConfig::default()));
        let error = rename(runs.path(), &run, "second").unwrap_err();
        assert!(error.title().contains("second already"), "{error}");
        assert_eq!(rename(runs.path(), &run, "first").unwrap(), run);
        let to = rename(runs.path(), &run, "  all layers, 5e-4 ").unwrap();
        assert_eq!(to, runs.path().join("all layers, 5e-4"));
        assert!(!run.exists() && to.join(run_dir::MODEL).exists());
    }

    #[test]
    fn names_that_some_system_refuses_are_refused() {
        let long = "a".repeat(LONGEST + 1);
        for name in [
            "", ".", "..", ".hidden", "a/b", "a\\b", "a:b", "what?", "a\tb", "end.", "nul", "Com1.txt", "bundled",
            &long,
        ] {
            assert!(check_name(name).is_err(), "{name:?}");
        }
        for name in ["2026-11-21 metu 2", "Brücke, ひび", "console", "bundled 2", "a.b"] {
            assert!(check_name(name).is_ok(), "{name:?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_run_that_is_being_written_is_left_alone() {
        let (runs, run) = one_run();
        let (training, _) = RunDir::reopen(&run).unwrap();
        for error in [delete(runs.path(), &run).unwrap_err(), rename(runs.path(), &run, "new").unwrap_err()] {
            assert!(error.title().contains("is being trained"), "{error}");
        }
        drop(training);
        assert!(delete(runs.path(), &run).is_ok());
    }
}
