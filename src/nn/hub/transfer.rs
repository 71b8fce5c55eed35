//! One download through hf-hub, watched from outside.
//!
//! hf-hub sets no timeouts and offers no way to set them, so it runs on a thread of its own, and the caller looks on:
//! when nothing has moved for too long, or the user has stopped the job, the caller leaves. hf-hub calls the [`Gate`]
//! before each write, and a closed gate unwinds the thread, so that it writes nothing more. A thread that waits for a
//! silent server cannot be woken; it is left behind and ends when the socket closes, or with the program.

use std::fs;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use hf_hub::api::Progress;
use hf_hub::api::sync::{ApiBuilder, ApiError};
use hf_hub::{Cache, Repo, RepoType};

use super::Hub;
use super::source::{Source, is_plain_name, is_sha256};
use crate::error::{Context, Error, Result};
use crate::job::{Meter, Phase, Watch};

/// How often the caller looks on.
const TICK: Duration = Duration::from_millis(20);
/// How long a thread that was told to stop may take before it is left behind.
const GRACE: Duration = Duration::from_millis(200);

/// A file that has come, not yet checked.
pub(super) struct Arrived {
    /// The link to it in the cache.
    pub(super) path: PathBuf,
    /// What the hub calls its content: for large files the SHA-256.
    pub(super) etag: String,
    /// The length that the hub states.
    pub(super) bytes: u64,
}

/// Fetches `source` into the cache.
///
/// # Errors
/// As [`Hub::fetch`], but for what the check of the file finds.
pub(super) fn run(hub: &Hub, source: &Source, watch: &dyn Watch) -> Result<Arrived> {
    watch.check()?;
    check_writable(hub, source)?;
    let gate = Gate::default();
    let (sender, results) = sync_channel(1);
    let thread = {
        let (hub, source, gate) = (hub.clone(), source.clone(), gate.clone());
        let work = move || {
            // The receiver is gone only if the caller has left.
            let _ = sender.send(fetch(&hub, &source, gate));
        };
        Builder::new().name("hub".to_owned()).spawn(work).context("Cannot start a thread")?
    };
    let outcome = look_on(hub, source, &gate, &results, watch);
    let panicked = leave(hub, source, &gate, &results, thread);
    match outcome {
        Some(outcome) => outcome,
        None => Err(hub.not_had(source, panicked.unwrap_or_else(|| "the download ended without a result".to_owned()))),
    }
}

/// Waits for the result, reports progress and keeps the deadlines. `None` if the thread ended without a result.
fn look_on(
    hub: &Hub,
    source: &Source,
    gate: &Gate,
    results: &Receiver<Result<Arrived, Failure>>,
    watch: &dyn Watch,
) -> Option<Result<Arrived>> {
    let mut meter = source.bytes.map(|bytes| Meter::new(watch, Phase::Download, Some(bytes)));
    let (mut moves, mut moved) = (0, Instant::now());
    loop {
        let result = results.recv_timeout(TICK);
        let seen = gate.seen();
        if meter.is_none() && seen.total > 0 {
            meter = Some(Meter::new(watch, Phase::Download, Some(seen.total)));
        }
        if let Some(meter) = &mut meter {
            if meter.done() < seen.before {
                meter.resume(seen.before);
            }
            meter.set(seen.done.max(meter.done())); // Also when nothing has moved, so that the rate falls.
        }
        match result {
            Ok(result) => return Some(result.map_err(|failure| explain(hub, source, &seen, failure))),
            Err(RecvTimeoutError::Disconnected) => return None,
            Err(RecvTimeoutError::Timeout) => {}
        }
        if let Err(cancelled) = watch.check() {
            return Some(Err(cancelled));
        }
        if seen.moves != moves {
            (moves, moved) = (seen.moves, Instant::now());
        }
        let limit = if seen.answered { hub.deadlines.stall } else { hub.deadlines.answer };
        if moved.elapsed() >= limit {
            return Some(Err(hub.not_had(source, silence(hub, &seen, limit))));
        }
    }
}

/// Joins the thread, or leaves it behind if it does not end soon. What it panicked with, if it did.
fn leave(
    hub: &Hub,
    source: &Source,
    gate: &Gate,
    results: &Receiver<Result<Arrived, Failure>>,
    thread: JoinHandle<()>,
) -> Option<String> {
    gate.close();
    let asked = Instant::now();
    while !thread.is_finished() && asked.elapsed() < GRACE {
        let _ = results.recv_timeout(Duration::from_millis(1));
        std::thread::yield_now();
    }
    if !thread.is_finished() {
        if gate.seen().locked {
            unlock(&hub.folder(source).join("blobs"));
        }
        return None;
    }
    let payload = thread.join().err()?;
    let text = payload.downcast_ref::<String>().map(String::as_str).or(payload.downcast_ref::<&str>().copied());
    text.map(|text| format!("hf-hub panicked: {text}"))
}

/// Removes the lock that a thread left behind still holds, so that the next attempt need not wait for it.
fn unlock(blobs: &Path) {
    let entries = fs::read_dir(blobs).into_iter().flatten().flatten();
    for path in entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|end| end == "lock")) {
        if let Err(cause) = fs::remove_file(&path) {
            log::warn!("Cannot remove {}: {cause}", path.display());
        }
    }
}

/// Why the thread found no file.
enum Failure {
    /// hf-hub says so.
    Api(ApiError),
    /// What the hub offers is not what it should be.
    Offer(String),
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        Self::Api(error)
    }
}

/// What runs on the thread.
fn fetch(hub: &Hub, source: &Source, gate: Gate) -> Result<Arrived, Failure> {
    let cache = Cache::new(hub.cache_dir.clone());
    let repo = Repo::with_revision(source.repo.clone(), RepoType::Model, source.revision.clone());
    let blobs = cache.repo(repo.clone());
    let builder = ApiBuilder::from_cache(cache).with_endpoint(hub.endpoint.clone());
    let api = builder.with_token(None).with_progress(false).build()?;
    let offer = api.metadata(&hub.url(source))?;
    gate.moved();
    let (etag, bytes) = (offer.etag().to_owned(), offer.size() as u64);
    if !is_plain_name(&etag) || !is_plain_name(offer.commit_hash()) {
        return Err(Failure::Offer(format!(
            "the hub's ETag or commit makes no sense: {etag}, {}",
            offer.commit_hash()
        )));
    }
    if let Some(listed) = source.bytes.filter(|listed| *listed != bytes) {
        return Err(Failure::Offer(format!("the hub's file has {bytes} bytes instead of {listed}")));
    }
    if let Some(listed) = source.sha256.as_ref().filter(|listed| is_sha256(&etag) && **listed != etag) {
        return Err(Failure::Offer(format!("the hub's file has the SHA-256 {etag} instead of {listed}")));
    }
    // hf-hub would ask for the bytes after the last one, and fail for ever.
    let part = blobs.blob_path(&etag).with_extension("part");
    match fs::metadata(&part).map(|part| part.len()) {
        Ok(there) if there >= bytes => fs::remove_file(&part).map_err(ApiError::IoError)?,
        Ok(there) => gate.goes_on_from(there),
        Err(_) => {}
    }
    let path = api.repo(repo).download_with_progress(&source.file, gate)?;
    Ok(Arrived { path, etag, bytes })
}

/// What the caller and the thread share: how far it is, and whether it may go on.
#[derive(Clone, Default)]
struct Gate(Arc<State>);

#[derive(Default)]
struct State {
    closed: AtomicBool,
    locked: AtomicBool,
    answered: AtomicBool,
    moves: AtomicU64,
    before: AtomicU64,
    done: AtomicU64,
    total: AtomicU64,
}

/// A snapshot of a [`Gate`].
struct Seen {
    /// hf-hub holds its lock.
    locked: bool,
    /// The file itself has begun to come.
    answered: bool,
    moves: u64,
    /// Bytes that an earlier attempt left.
    before: u64,
    done: u64,
    total: u64,
}

impl Gate {
    fn seen(&self) -> Seen {
        Seen {
            locked: self.0.locked.load(Ordering::SeqCst),
            answered: self.0.answered.load(Ordering::SeqCst),
            moves: self.0.moves.load(Ordering::SeqCst),
            before: self.0.before.load(Ordering::SeqCst),
            done: self.0.done.load(Ordering::SeqCst),
            total: self.0.total.load(Ordering::SeqCst),
        }
    }

    /// Notes that an earlier attempt left so many bytes, which hf-hub will count with its own.
    fn goes_on_from(&self, before: u64) {
        self.0.before.store(before, Ordering::SeqCst);
    }

    fn close(&self) {
        self.0.closed.store(true, Ordering::SeqCst);
    }

    /// Notes that something has moved. Unwinds the thread, without a panic message, once the gate is closed:
    /// [`Progress`] has no other way to say stop.
    fn moved(&self) {
        if self.0.closed.load(Ordering::SeqCst) {
            resume_unwind(Box::new(()));
        }
        self.0.moves.fetch_add(1, Ordering::SeqCst);
    }
}

impl Progress for Gate {
    fn init(&mut self, size: usize, _: &str) {
        self.0.locked.store(true, Ordering::SeqCst);
        self.moved();
        self.0.total.store(size as u64, Ordering::SeqCst);
        self.0.done.store(0, Ordering::SeqCst);
    }

    fn update(&mut self, size: usize) {
        self.moved();
        self.0.answered.store(true, Ordering::SeqCst);
        self.0.done.fetch_add(size as u64, Ordering::SeqCst);
    }

    fn finish(&mut self) {
        self.moved();
    }
}

/// Finds out before anything is asked of the network whether the cache can be written.
fn check_writable(hub: &Hub, source: &Source) -> Result<()> {
    let folder = hub.folder(source).join("blobs");
    let cause = match fs::create_dir_all(&folder).and_then(|()| tempfile::tempfile_in(&folder)) {
        Ok(_) => return Ok(()),
        Err(cause) => cause,
    };
    Err(unwritable(hub, source, cause))
}

fn unwritable(hub: &Hub, source: &Source, cause: std::io::Error) -> Error {
    let advice = format!("make room there, set HF_HOME to a folder that can be written, or {}", hub.by_hand(source));
    Error::file("write", &hub.cache_dir, cause).hint(advice)
}

fn silence(hub: &Hub, seen: &Seen, limit: Duration) -> String {
    let (endpoint, seconds) = (&hub.endpoint, limit.as_secs_f64());
    if seen.answered {
        let (done, total) = (seen.done, seen.total);
        format!(
            "{endpoint} has sent nothing for {seconds} s, after {done} of {total} bytes; the next attempt goes on from \
             there"
        )
    } else {
        format!("{endpoint} has not answered within {seconds} s")
    }
}

/// hf-hub's error in the user's words.
fn explain(hub: &Hub, source: &Source, seen: &Seen, failure: Failure) -> Error {
    let endpoint = &hub.endpoint;
    let why = match failure {
        Failure::Offer(text) => text,
        Failure::Api(ApiError::RequestError(cause)) => request(endpoint, *cause),
        Failure::Api(ApiError::IoError(cause)) if is_disk(&cause) || !seen.answered => {
            return unwritable(hub, source, cause);
        }
        Failure::Api(ApiError::IoError(cause)) => format!(
            "the connection broke after {} of {} bytes ({cause}); the next attempt goes on from there",
            seen.done, seen.total
        ),
        Failure::Api(ApiError::LockAcquisition(path)) => {
            format!("another program is fetching the same file; {} is locked", path.display())
        }
        Failure::Api(other) => format!("{endpoint} does not answer as a hub does: {other}"),
    };
    hub.not_had(source, why)
}

fn request(endpoint: &str, cause: ureq::Error) -> String {
    match cause {
        ureq::Error::StatusCode(status @ (401 | 403 | 407)) => format!("{endpoint} denies access (HTTP {status})"),
        ureq::Error::StatusCode(status @ (404 | 410)) => format!("{endpoint} has no such file (HTTP {status})"),
        ureq::Error::StatusCode(status) => format!("{endpoint} answers with HTTP status {status}"),
        ureq::Error::HostNotFound => format!("the name in {endpoint} is not known: there may be no network"),
        ureq::Error::Io(cause) => match cause.kind() {
            std::io::ErrorKind::ConnectionRefused => format!("{endpoint} refuses the connection ({cause})"),
            _ => format!("{endpoint} cannot be reached ({cause}): there may be no network"),
        },
        ureq::Error::ConnectionFailed => format!("{endpoint} cannot be reached: there may be no network"),
        other => format!("{endpoint} cannot be asked ({other})"),
    }
}

/// Whether the cause lies with the disk; hf-hub has one kind of error for reading the network and writing the file.
fn is_disk(cause: &std::io::Error) -> bool {
    use std::io::ErrorKind;
    matches!(
        cause.kind(),
        ErrorKind::StorageFull
            | ErrorKind::QuotaExceeded
            | ErrorKind::FileTooLarge
            | ErrorKind::ReadOnlyFilesystem
            | ErrorKind::PermissionDenied
            | ErrorKind::NotADirectory
            | ErrorKind::IsADirectory
            | ErrorKind::NotFound
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_gate_stops_the_thread_before_it_writes() {
        let mut gate = Gate::default();
        gate.init(100, "x");
        gate.update(40);
        gate.update(2);
        let seen = gate.seen();
        assert_eq!((seen.done, seen.total, seen.answered, seen.locked), (42, 100, true, true));
        gate.close();
        let mut other = gate.clone();
        let unwound = Builder::new().name("gate".to_owned()).spawn(move || other.update(8)).unwrap().join();
        assert!(unwound.is_err());
        assert_eq!(gate.seen().done, 42);
    }

    #[test]
    fn only_the_locks_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.lock", "a.part", "b"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        unlock(folder.path());
        let left = ["a.lock", "a.part", "b"].map(|name| folder.path().join(name).exists());
        assert_eq!(left, [false, true, true]);
    }
}
