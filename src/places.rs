//! Where the program keeps things of its own. Never in the user's photo folders.

use std::path::PathBuf;

use crate::error::{Error, Result};

/// Folders of the program, made when first written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// What can be made again: features of photos, and photos from archives.
    pub cache: PathBuf,
    /// Training runs started in the window, unless the user says otherwise.
    pub runs: PathBuf,
    /// Sample photos made by the program.
    pub samples: PathBuf,
    /// Corrected labels and saved views, a folder for each folder of photos.
    pub labels: PathBuf,
    /// Settings of the window.
    pub config: PathBuf,
}

impl Places {
    /// The platform's own folders for caches, data and settings.
    ///
    /// # Errors
    /// Where the platform names no home folder.
    pub fn standard() -> Result<Self> {
        let dirs = directories::ProjectDirs::from("", "", "CrackScope").ok_or_else(|| {
            Error::new("Cannot find a home folder to keep caches and runs in").hint("set HOME, or pass --cache DIR")
        })?;
        Ok(Self {
            cache: dirs.cache_dir().to_path_buf(),
            runs: dirs.data_dir().join("runs"),
            samples: dirs.data_dir().join("sample photos"),
            labels: dirs.data_dir().join("labels"),
            config: dirs.config_dir().to_path_buf(),
        })
    }

    /// Where archives of photos are unpacked.
    pub fn unpacked(&self) -> PathBuf {
        self.cache.join("unpacked")
    }

    /// Where groups by hand are kept: a table for each set of folders.
    pub fn groups(&self) -> PathBuf {
        self.samples.with_file_name("groups")
    }

    /// Where checksums of fetched weights are noted.
    pub fn weight_records(&self) -> PathBuf {
        self.cache.join("weights")
    }

    /// All folders below one, for tests and for `--cache`.
    pub fn below(folder: impl Into<PathBuf>) -> Self {
        let folder = folder.into();
        Self {
            cache: folder.join("cache"),
            runs: folder.join("runs"),
            samples: folder.join("sample photos"),
            labels: folder.join("labels"),
            config: folder.join("config"),
        }
    }
}
