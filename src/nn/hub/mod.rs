//! Weights from the Hugging Face hub: fetched once into the hub's usual cache, checked each time they are used.
//!
//! # What is checked
//!
//! A file is used only if its length and SHA-256 are right. Right is, the first of these that is known:
//!
//! 1. [`Basis::Listed`]: the SHA-256 (and length) in `weights/sources.toml`. Whatever the hub, a mirror or another
//!    program put into the cache, nothing else is accepted.
//! 2. [`Basis::Recorded`]: the SHA-256 that the file had when it was first used here, kept in [`Hub::records`]. This
//!    tells whether the file has changed since, not whether it was right to begin with.
//! 3. [`Basis::Stated`]: the SHA-256 that the hub itself states. For files in git LFS (all large ones) the hub's
//!    `X-Linked-ETag`, or else `ETag`, is the file's SHA-256, and the cache names the file by it. This finds damage on
//!    the way, not a hub that serves another file than it did to others.
//! 4. [`Basis::FirstUse`]: nothing is known; the file is believed and its SHA-256 recorded.
//!
//! After 3 and 4 the SHA-256 is recorded, so that the next use falls under 2. When a file is fetched, its length must
//! also be what the hub states (`Content-Range`). What the tensors hold is not looked at here.
//!
//! # What a failure costs
//!
//! A cached file is used without a single request. Otherwise [`Hub::fetch`] gives up after [`Deadlines::answer`] without
//! an answer and [`Deadlines::stall`] without a byte. A download that breaks off is taken up where it stopped by the
//! next one. `HF_TOKEN` and the hub's token file are never sent.

pub(in crate::nn) mod check;
mod source;
mod transfer;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::bundled;
use crate::bounded;
use crate::error::{Context, Error, Result};
use crate::job::Watch;

pub use source::{Source, source_for, sources};

/// How long the hub may keep us waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// From a request, name service and connection included, to the first byte of the file.
    pub answer: Duration,
    /// Between two pieces of the file.
    pub stall: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self { answer: Duration::from_secs(10), stall: Duration::from_secs(20) }
    }
}

/// Where weights come from and where they are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hub {
    /// The hub's address without a slash at the end.
    pub endpoint: String,
    /// The hub's cache, shared with other programs: `models--OWNER--NAME/…`.
    pub cache_dir: PathBuf,
    /// Our own folder for the SHA-256 of files that the list gives none for.
    pub records: PathBuf,
    /// Ask no server for anything.
    pub offline: bool,
    /// When to give up.
    pub deadlines: Deadlines,
}

/// What a file was compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// The list that comes with the program.
    Listed,
    /// The file as it was when it was first used here.
    Recorded,
    /// What the hub states.
    Stated,
    /// Nothing: it is believed, and recorded.
    FirstUse,
}

/// A file whose length and SHA-256 are right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Where it is.
    pub path: PathBuf,
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256 in lower-case hexadecimal digits.
    pub sha256: String,
    /// What it was compared with.
    pub basis: Basis,
}

impl Hub {
    /// The hub as the environment describes it: `HF_ENDPOINT`, `HF_HUB_CACHE` or `HF_HOME` (or `XDG_CACHE_HOME`), and
    /// `HF_HUB_OFFLINE` (1, true, yes or on). `records` is a folder of our own; it need not exist.
    ///
    /// # Errors
    /// If none of the folders is set and there is no home folder either.
    pub fn from_env(records: &Path) -> Result<Self> {
        Self::from_variables(&|name| std::env::var_os(name), records)
    }

    fn from_variables(variable: &dyn Fn(&str) -> Option<OsString>, records: &Path) -> Result<Self> {
        let set = |name| variable(name).filter(|value| !value.is_empty());
        let text = |name| set(name).map(|value| value.to_string_lossy().trim().to_owned());
        let cache_dir = set("HF_HUB_CACHE")
            .map(PathBuf::from)
            .or_else(|| set("HF_HOME").map(|home| Path::new(&home).join("hub")))
            .or_else(|| set("XDG_CACHE_HOME").map(|cache| Path::new(&cache).join("huggingface/hub")))
            .or_else(|| directories::BaseDirs::new().map(|dirs| dirs.home_dir().join(".cache/huggingface/hub")))
            .ok_or_else(|| Error::new("No folder for weights").hint("set HF_HOME to a folder"))?;
        let endpoint = text("HF_ENDPOINT").unwrap_or_else(|| "https://huggingface.co".to_owned());
        let offline = text("HF_HUB_OFFLINE")
            .is_some_and(|value| matches!(value.to_ascii_lowercase().as_str(), "1" | "true" | "yes" | "on"));
        Ok(Self {
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            cache_dir,
            records: records.to_owned(),
            offline,
            deadlines: Deadlines::default(),
        })
    }

    /// The address that `source` is fetched from.
    pub fn url(&self, source: &Source) -> String {
        format!("{}/{}/resolve/{}/{}", self.endpoint, source.repo, source.revision, source.file)
    }

    /// The file in the cache, not yet checked. Asks no server.
    ///
    /// Where the list gives a SHA-256, a file that another program fetched for another revision is taken too: its
    /// contents decide.
    pub fn cached(&self, source: &Source) -> Option<PathBuf> {
        source.check().ok()?;
        let repo = self.folder(source);
        let snapshot = |commit: &str| repo.join("snapshots").join(commit.trim()).join(&source.file);
        let by_reference = |reference: &str| {
            let commit = bounded::read_to_string(&repo.join("refs").join(reference), bounded::NOTES).ok()?;
            source::is_plain_name(commit.trim()).then(|| snapshot(&commit))
        };
        let mut places = vec![by_reference(&source.revision), Some(snapshot(&source.revision))];
        if let Some(sha256) = &source.sha256 {
            places.extend([by_reference("main"), Some(repo.join("blobs").join(sha256))]);
        }
        places.into_iter().flatten().find(|path| path.is_file())
    }

    /// The file, from the cache or else from the hub, checked. Progress is reported as [`crate::job::Phase::Download`].
    ///
    /// # Errors
    /// If the file is neither cached nor to be had, if its length or SHA-256 is wrong, if the cache cannot be written,
    /// or if the user stopped it. A wrong file that was just fetched is deleted; one that was there before is left.
    pub fn fetch(&self, source: &Source, watch: &dyn Watch) -> Result<PathBuf> {
        source.check()?;
        if let Some(path) = self.cached(source) {
            return Ok(self.verify_file(source, path, None, watch)?.path);
        }
        if self.offline {
            return Err(self.not_had(source, "the network is switched off (HF_HUB_OFFLINE) and the cache has no copy"));
        }
        if source.sha256.is_none() {
            check::Record::new(&self.records, source).read()?; // A broken record is found before the download.
        }
        let arrived = transfer::run(self, source, watch)?;
        let checked = self.verify_file(source, arrived.path.clone(), Some(&arrived), watch);
        match checked {
            Ok(verified) => Ok(verified.path),
            Err(error) if error.is_cancelled() => Err(error),
            Err(error) => {
                self.discard(&arrived.path)?;
                Err(error.detail("the file has been deleted"))
            }
        }
    }

    /// Checks the cached file. Asks no server.
    ///
    /// # Errors
    /// If there is none, it cannot be read, or its length or SHA-256 is wrong.
    pub fn verify(&self, source: &Source) -> Result<Verified> {
        source.check()?;
        let path = self.cached(source).ok_or_else(|| self.not_had(source, "the cache has no copy"))?;
        self.verify_file(source, path, None, &crate::job::Unwatched)
    }

    /// Checks `path` against what is known; `arrived` is what the hub said, if it has just been fetched.
    fn verify_file(
        &self,
        source: &Source,
        path: PathBuf,
        arrived: Option<&transfer::Arrived>,
        watch: &dyn Watch,
    ) -> Result<Verified> {
        let record = check::Record::new(&self.records, source);
        let (expected, basis) = expected(source, &path, arrived.map(|arrived| arrived.etag.as_str()), &record)?;
        let wrong = |what: String| {
            let title = format!("Wrong weights: {} is not the file it should be", path.display());
            let again = match arrived {
                Some(_) => "fetch again".to_owned(),
                None => format!("delete {} and fetch again", contents_of(&path).display()),
            };
            Error::new(title).detail(what).hint(format!("{again}, or {}", self.by_hand(source)))
        };
        let bytes = fs::metadata(&path).on_file("read", &path)?.len();
        let stated = arrived.map(|arrived| arrived.bytes);
        if let Some(right) = source.bytes.into_iter().chain(stated).find(|right| *right != bytes) {
            return Err(wrong(format!("it has {bytes} bytes instead of {right}")));
        }
        let sha256 = check::sha256(&path, watch)?;
        if let Some(expected) = expected.filter(|expected| *expected != sha256) {
            let error = wrong(format!("its SHA-256 is {sha256} instead of {expected} ({})", basis.reason()));
            return Err(if basis == Basis::Recorded { error.detail(format!("the record is {record}")) } else { error });
        }
        if matches!(basis, Basis::Stated | Basis::FirstUse)
            && let Err(error) = record.write(&sha256)
        {
            log::warn!("{error}"); // The file is good; only the next check is weaker.
        }
        Ok(Verified { path, bytes, sha256, basis })
    }

    /// Deletes a file just fetched: the link to it and what the link points to.
    fn discard(&self, path: &Path) -> Result<()> {
        let blob = contents_of(path);
        fs::remove_file(path).on_file("delete", path)?;
        if blob.exists() { fs::remove_file(&blob).on_file("delete", &blob) } else { Ok(()) }
    }

    /// The repository's folder in the cache.
    fn folder(&self, source: &Source) -> PathBuf {
        self.cache_dir.join(format!("models--{}", source.repo.replace('/', "--")))
    }

    fn not_had(&self, source: &Source, why: impl Into<String>) -> Error {
        Error::new(format!("Cannot fetch the weights {}", source.name)).detail(why).hint(self.by_hand(source))
    }

    fn by_hand(&self, source: &Source) -> String {
        let own = if source.backbone == bundled::BACKBONE.name() {
            "take those that come with the program (--weights bundled)".to_owned()
        } else {
            format!("take {}, whose weights come with the program", bundled::BACKBONE.title())
        };
        format!(
            "download {} from {} on another machine and choose that file as weights (--weights FILE), or {own}",
            source.file,
            self.url(source)
        )
    }
}

/// Where the bytes lie: in the cache a snapshot's file is a link to a blob, except on systems without links.
fn contents_of(path: &Path) -> PathBuf {
    let target = if path.is_symlink() { fs::canonicalize(path).ok() } else { None };
    target.unwrap_or_else(|| path.to_owned())
}

/// The SHA-256 that the file should have, and who says so.
fn expected(
    source: &Source,
    path: &Path,
    etag: Option<&str>,
    record: &check::Record,
) -> Result<(Option<String>, Basis)> {
    if let Some(sha256) = &source.sha256 {
        return Ok((Some(sha256.clone()), Basis::Listed));
    }
    if let Some(sha256) = record.read()? {
        return Ok((Some(sha256), Basis::Recorded));
    }
    // The cache names a file by its ETag.
    let blob = contents_of(path);
    let name = blob.file_name().and_then(|name| name.to_str());
    let stated = etag.into_iter().chain(name).find(|text| source::is_sha256(text));
    Ok(match stated {
        Some(sha256) => (Some(sha256.to_owned()), Basis::Stated),
        None => (None, Basis::FirstUse),
    })
}

impl Basis {
    /// The basis in words, for messages and tables.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Listed => "listed with the program",
            Self::Recorded => "recorded at its first use",
            Self::Stated => "stated by the hub",
            Self::FirstUse => "first use",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hub(variables: &[(&str, &str)]) -> Hub {
        let find = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value));
        Hub::from_variables(&find, Path::new("records")).unwrap()
    }

    #[test]
    fn the_environment_is_honoured() {
        let plain = hub(&[("XDG_CACHE_HOME", "/x"), ("HF_HOME", ""), ("HF_HUB_OFFLINE", "0")]);
        assert_eq!(plain.cache_dir, Path::new("/x/huggingface/hub"));
        assert_eq!((plain.endpoint.as_str(), plain.offline), ("https://huggingface.co", false));
        let set = hub(&[("HF_HOME", "/h"), ("HF_ENDPOINT", "https://mirror.example/"), ("HF_HUB_OFFLINE", "YES")]);
        assert_eq!((set.cache_dir.as_path(), set.offline), (Path::new("/h/hub"), true));
        assert_eq!(set.endpoint, "https://mirror.example");
        assert_eq!(hub(&[("HF_HOME", "/h"), ("HF_HUB_CACHE", "/c")]).cache_dir, Path::new("/c"));
        assert!(hub(&[]).cache_dir.ends_with(".cache/huggingface/hub"));
    }

    #[test]
    fn the_folder_is_the_one_that_hf_hub_uses() {
        let hub = hub(&[("HF_HOME", "/h")]);
        let source = sources().unwrap().remove(0);
        let theirs = hf_hub::Cache::new(hub.cache_dir.clone()).repo(hf_hub::Repo::model(source.repo.clone()));
        assert_eq!(theirs.blob_path("x"), hub.folder(&source).join("blobs").join("x"));
    }
}
