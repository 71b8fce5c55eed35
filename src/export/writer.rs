//! Writes the files of an export one by one, counts them and keeps what went wrong.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use crate::atomic_file;
use crate::dataset::Problem;
use crate::error::{Error, Result};
use crate::export::{ExportRequest, Exported};
use crate::job::{Meter, Phase, Watch};
use crate::review::predictions::Prediction;

/// An export that is being written.
pub struct Writer<'a> {
    request: &'a ExportRequest,
    watch: &'a dyn Watch,
    meter: Meter<'a>,
    files: usize,
    problems: BTreeMap<String, String>,
}

impl<'a> Writer<'a> {
    /// Begins an export of `files` files.
    pub fn new(request: &'a ExportRequest, files: usize, watch: &'a dyn Watch) -> Self {
        let meter = Meter::new(watch, Phase::Export, Some(files as u64));
        Self { request, watch, meter, files: 0, problems: BTreeMap::new() }
    }

    /// Who listens.
    pub fn watch(&self) -> &'a dyn Watch {
        self.watch
    }

    /// Whether to go on.
    ///
    /// # Errors
    /// Where the user has asked to stop.
    pub fn check(&self) -> Result<()> {
        self.watch.check()
    }

    /// Makes a folder below that of the export.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn make_folder(&self, below: &Path) -> Result<()> {
        let path = self.request.folder.join(below);
        std::fs::create_dir_all(&path).map_err(|cause| atomic_file::cannot_write(&path, &cause))
    }

    /// Writes one file, whole or not at all; replaces one only where the request says so.
    ///
    /// # Errors
    /// Where it cannot be written, or the user has asked to stop.
    pub fn put(&mut self, name: impl AsRef<Path>, bytes: &[u8]) -> Result<()> {
        self.check()?;
        let path = self.request.folder.join(name);
        if self.request.overwrite {
            atomic_file::write(&path, bytes)?;
        } else {
            // Another program may have made the file since the request was checked.
            atomic_file::write_new_with(&path, |file: &mut dyn Write| file.write_all(bytes))?;
        }
        self.files += 1;
        self.meter.add(1);
        Ok(())
    }

    /// Passes over a file that cannot be written for want of its photo.
    pub fn skip(&mut self) {
        self.meter.add(1);
    }

    /// Keeps what is wrong with a photo; the first thing said of it counts.
    pub fn problem(&mut self, file: &str, error: &Error) {
        self.note(file, error.one_line());
    }

    /// Keeps what is wrong with the photos that have no thumbnail.
    pub fn problems<T>(&mut self, photos: &[Prediction], read: &[Result<T>]) {
        for (photo, read) in photos.iter().zip(read) {
            if let Err(error) = read {
                self.problem(&photo.file, error);
            }
        }
    }

    /// Keeps a remark.
    pub fn note(&mut self, file: &str, reason: String) {
        self.problems.entry(file.to_owned()).or_insert(reason);
    }

    /// What was kept so far, by name.
    pub fn listed(&self) -> Vec<Problem> {
        let problem = |(file, reason): (&String, &String)| Problem { file: file.clone(), reason: reason.clone() };
        self.problems.iter().map(problem).collect()
    }

    /// What came of it.
    pub fn finish(self) -> Exported {
        Exported { files: self.files, problems: self.listed() }
    }
}
