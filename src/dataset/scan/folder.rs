//! Walking through one folder.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use rayon::iter::{IntoParallelRefIterator, ParallelIterator};
use walkdir::{DirEntry, WalkDir};

use super::{free_name, is_listed, order};
use crate::dataset::archive::Left;
use crate::dataset::layout::table;
use crate::dataset::{Problem, Sample, Skipped};
use crate::error::{Error, Result};
use crate::job::{Meter, Watch};

/// What one folder holds. The samples are in natural order and carry no labels yet.
#[derive(Default)]
pub(super) struct Folder {
    pub samples: Vec<Sample>,
    pub skipped: Skipped,
    pub problems: Vec<Problem>,
    /// The `labels.csv` directly in the folder, or, where the folder holds nothing but another one, in that.
    pub table: Option<PathBuf>,
    /// What the names in the table are relative to: the inner folder with a `/`, or nothing.
    pub table_base: String,
}

/// Lengths and dates are asked for this many files at a time, on all cores: on a network share each takes a while.
const BATCH: usize = 1024;

impl Folder {
    /// Lists a folder and all below it.
    pub(super) fn list(root: &Path, watch: &dyn Watch, meter: &mut Meter<'_>) -> Result<Self> {
        let mut folder = Self::default();
        let mut batch = Vec::with_capacity(BATCH);
        let mut linked = HashSet::new();
        let (mut outer, mut inner_tables) = (0, Vec::new());
        // Sorted, so that which of two links to one folder is followed is the same everywhere.
        let mut walk = WalkDir::new(root).min_depth(1).follow_links(true).sort_by_file_name().into_iter();
        while let Some(step) = walk.next() {
            watch.check()?;
            outer += usize::from(step.as_ref().is_ok_and(|e| e.depth() == 1 && !is_hidden(e.file_name())));
            match step {
                Ok(entry) if is_hidden(entry.file_name()) => {
                    folder.skipped.hidden += 1;
                    if entry.file_type().is_dir() {
                        walk.skip_current_dir();
                    }
                }
                Ok(entry) if entry.file_type().is_dir() => {
                    if entry.path_is_symlink() && !is_new(entry.path(), &mut linked) {
                        walk.skip_current_dir();
                        let reason = "the folder it leads to is listed through another link".to_owned();
                        folder.problems.push(Problem { file: relative(entry.path(), root), reason });
                    }
                }
                Ok(entry) if entry.depth() == 1 && entry.file_name().eq_ignore_ascii_case(table::FILE_NAME) => {
                    folder.table = Some(entry.into_path());
                }
                Ok(entry) if entry.depth() == 2 && entry.file_name().eq_ignore_ascii_case(table::FILE_NAME) => {
                    inner_tables.push(entry.into_path());
                }
                Ok(entry) if entry.file_type().is_file() && is_listed(entry.path()) => batch.push(entry),
                Ok(_) => folder.skipped.other += 1,
                Err(error) => folder.note(root, &error),
            }
            if batch.len() == BATCH {
                folder.take_in(root, &mut batch, watch, meter)?;
            }
        }
        folder.take_in(root, &mut batch, watch, meter)?;
        folder.choose_table(root, outer, inner_tables);
        folder.sort();
        Ok(folder)
    }

    /// Adds what was left in the archive that the folder comes from.
    pub(super) fn add_left(&mut self, left: &Left) {
        self.skipped.hidden += left.skipped.hidden;
        self.skipped.other += left.skipped.other;
        self.problems.extend(left.problems.iter().cloned());
    }

    /// Archives often hold a single folder with everything in it: then its table counts.
    fn choose_table(&mut self, root: &Path, outer: usize, mut inner_tables: Vec<PathBuf>) {
        if outer == 1 && self.table.is_none() {
            self.table = inner_tables.pop();
            self.table_base = self
                .table
                .as_deref()
                .and_then(Path::parent)
                .map(|folder| relative(folder, root) + "/")
                .unwrap_or_default();
        }
        self.skipped.other += inner_tables.len();
    }

    /// Adds a batch of files to the samples.
    fn take_in(
        &mut self,
        root: &Path,
        batch: &mut Vec<DirEntry>,
        watch: &dyn Watch,
        meter: &mut Meter<'_>,
    ) -> Result<()> {
        let sample = |entry: &DirEntry| {
            watch.check()?;
            let file = relative(entry.path(), root);
            Ok(match entry.metadata() {
                Ok(found) => Ok(Sample {
                    file,
                    path: entry.path().to_path_buf(),
                    bytes: found.len(),
                    modified: found.modified().ok(),
                    ..Sample::default()
                }),
                Err(error) => Err(Problem { file, reason: reason(error.io_error()) }),
            })
        };
        let found = batch.par_iter().map(sample).collect::<Result<Vec<_>, Error>>()?;
        meter.add(batch.len() as u64);
        batch.clear();
        for result in found {
            match result {
                Ok(sample) => self.samples.push(sample),
                Err(problem) => self.problems.push(problem),
            }
        }
        Ok(())
    }

    /// Counts a loop of links; anything else that cannot be listed is a problem.
    fn note(&mut self, root: &Path, error: &walkdir::Error) {
        let path = error.path().unwrap_or(root);
        if path.file_name().is_some_and(is_hidden) {
            self.skipped.hidden += 1;
        } else if error.loop_ancestor().is_some() || error.io_error().is_some_and(is_loop) {
            self.skipped.loops += 1;
        } else {
            let broken = error.io_error().is_some_and(|cause| cause.kind() == ErrorKind::NotFound)
                && fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink());
            let reason = if broken { "the link leads nowhere".to_owned() } else { reason(error.io_error()) };
            self.problems.push(Problem { file: relative(path, root), reason });
        }
    }

    /// Puts everything in order and tells files apart whose names differ only in what is not Unicode.
    fn sort(&mut self) {
        self.samples.sort_by(|a, b| order::natural(&a.file, &b.file).then_with(|| a.path.cmp(&b.path)));
        self.problems.sort_by(|a, b| order::natural(&a.file, &b.file));
        if self.samples.is_sorted_by(|a, b| a.file != b.file) {
            return;
        }
        let given: HashSet<String> = self.samples.iter().map(|sample| sample.file.clone()).collect();
        let mut taken = given;
        let mut last = None;
        for sample in &mut self.samples {
            if last.as_ref() == Some(&sample.file) {
                sample.file = free_name(&sample.file, &taken, numbered);
                taken.insert(sample.file.clone());
            } else {
                last = Some(sample.file.clone());
            }
        }
    }
}

/// Whether a link leads to a folder to which no link before led. Links that lead criss-cross between many folders
/// would otherwise give each photo a great many names.
fn is_new(link: &Path, linked: &mut HashSet<PathBuf>) -> bool {
    fs::canonicalize(link).is_ok_and(|target| linked.insert(target))
}

/// Hidden by a dot, or one of the files and folders that systems leave behind.
pub(in crate::dataset) fn is_hidden(name: &OsStr) -> bool {
    const LEFT_BEHIND: [&str; 7] =
        ["Thumbs.db", "ehthumbs.db", "desktop.ini", "__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information"];
    name.as_encoded_bytes().starts_with(b".") || LEFT_BEHIND.iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// Whether a link leads, through links alone, back to itself.
fn is_loop(cause: &io::Error) -> bool {
    const TOO_MANY_LINKS: i32 = if cfg!(windows) {
        1921
    } else if cfg!(target_os = "linux") {
        40
    } else {
        62
    };
    cause.raw_os_error() == Some(TOO_MANY_LINKS)
}

fn reason(cause: Option<&io::Error>) -> String {
    cause.map_or_else(|| "cannot be listed".to_owned(), |cause| format!("cannot be listed: {cause}"))
}

/// The path below `root`, with `/`; what is not Unicode becomes `�`.
fn relative(path: &Path, root: &Path) -> String {
    let below = path.strip_prefix(root).unwrap_or(path);
    below.iter().map(OsStr::to_string_lossy).collect::<Vec<_>>().join("/")
}

/// `a/b.jpg` becomes `a/b-2.jpg`.
fn numbered(file: &str, n: usize) -> String {
    match file.rsplit_once('.') {
        Some((stem, extension)) => format!("{stem}-{n}.{extension}"),
        None => format!("{file}-{n}"),
    }
}
