//! Fetching weights from a hub that misbehaves in every way that a real one does, on the loopback interface.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use crackscope::error::{Error, Result};
use crackscope::job::{Phase, Progress, Unwatched, Watch};
use crackscope::nn::hub::{Basis, Deadlines, Hub, Source};
use sha2::{Digest, Sha256};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
const FILE_ROUTE: &str = "/owner/net/resolve/main/model.safetensors";

/// What the server does with one request.
enum Reply {
    /// Sends the head and the body and closes.
    Send { status: &'static str, headers: Vec<String>, body: Vec<u8> },
    /// Announces more than it sends, then closes.
    Short { headers: Vec<String>, body: Vec<u8>, announced: usize },
    /// Announces more than it sends, then says nothing more.
    Stall { headers: Vec<String>, body: Vec<u8>, announced: usize },
    /// Never answers.
    Silence,
}

struct Request {
    path: String,
    /// The first and, where given, the last byte asked for.
    range: Option<(usize, Option<usize>)>,
}

/// An HTTP/1.1 server on a port of its own. It ends when dropped, and by itself after ten seconds.
struct Server {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    fn start(mut answer: impl FnMut(SocketAddr, &Request) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (requests, stop) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (log, ended) = (requests.clone(), stop.clone());
        let work = move || {
            let begun = Instant::now();
            let mut held = Vec::new();
            while !ended.load(Ordering::SeqCst) && begun.elapsed() < Duration::from_secs(10) {
                let Ok((mut stream, _)) = listener.accept() else {
                    std::thread::sleep(Duration::from_millis(1));
                    continue;
                };
                let Some((line, request)) = read_request(&mut stream) else { continue };
                log.lock().unwrap().push(line);
                if send(&mut stream, answer(address, &request)).unwrap_or(false) {
                    held.push(stream);
                }
            }
        };
        let thread = Builder::new().name("test hub".to_owned()).spawn(work).unwrap();
        Self { address, requests, stop, thread: Some(thread) }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.take().map(JoinHandle::join);
    }
}

/// The request's first line with its range, and what it asks for.
fn read_request(stream: &mut TcpStream) -> Option<(String, Request)> {
    stream.set_nonblocking(false).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).ok()?;
    assert!(!head.to_ascii_lowercase().contains("authorization:"), "no token may be sent: {head}");
    let path = head.split(' ').nth(1)?.to_owned();
    let range = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let value = name.eq_ignore_ascii_case("range").then(|| value.trim().strip_prefix("bytes="))??;
        let (from, to) = value.split_once('-')?;
        Some((from.parse().ok()?, to.parse().ok()))
    });
    Some((format!("{path} {range:?}"), Request { path, range }))
}

/// Sends the reply; whether the connection must stay open.
fn send(stream: &mut TcpStream, reply: Reply) -> std::io::Result<bool> {
    let (status, headers, body, announced, hold) = match reply {
        Reply::Silence => return Ok(true),
        Reply::Send { status, headers, body } => {
            let announced = body.len();
            (status, headers, body, announced, false)
        }
        Reply::Short { headers, body, announced } => ("206 Partial Content", headers, body, announced, false),
        Reply::Stall { headers, body, announced } => ("206 Partial Content", headers, body, announced, true),
    };
    let mut head = format!("HTTP/1.1 {status}\r\nContent-Length: {announced}\r\nConnection: close\r\n");
    for header in headers {
        head.push_str(&header);
        head.push_str("\r\n");
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes())?;
    stream.write_all(&body)?;
    stream.flush()?;
    Ok(hold)
}

fn status(status: &'static str) -> Reply {
    Reply::Send { status, headers: Vec::new(), body: b"<html>not a model</html>".to_vec() }
}

/// The headers by which the hub names a file.
fn identity(etag: &str, size: usize) -> Vec<String> {
    vec![
        format!("X-Repo-Commit: {COMMIT}"),
        format!("X-Linked-Size: {size}"),
        format!("X-Linked-ETag: \"{etag}\""),
        format!("ETag: \"{etag}\""),
    ]
}

/// The part of the body that was asked for, under `headers`.
fn part(request: &Request, body: &[u8], mut headers: Vec<String>) -> Reply {
    let (from, to) = request.range.unwrap_or((0, None));
    if from >= body.len() {
        return status("416 Range Not Satisfiable");
    }
    let to = to.unwrap_or(body.len() - 1);
    headers.push(format!("Content-Range: bytes {from}-{to}/{}", body.len()));
    Reply::Send { status: "206 Partial Content", headers, body: body[from..=to].to_vec() }
}

/// A hub that serves `body` well.
fn good(body: Vec<u8>) -> impl FnMut(SocketAddr, &Request) -> Reply {
    let etag = sha256(&body);
    move |_, request| match request.path.as_str() {
        FILE_ROUTE => part(request, &body, identity(&etag, body.len())),
        _ => status("404 Not Found"),
    }
}

/// A hub that is good when asked what the file is, and does as `then` says when asked for the file.
fn until_body(
    body: Vec<u8>,
    mut then: impl FnMut(&Request, &[u8], Vec<String>) -> Reply,
) -> impl FnMut(SocketAddr, &Request) -> Reply {
    let headers = identity(&sha256(&body), body.len());
    move |_, request| match request.range {
        Some((0, Some(0))) => part(request, &body, headers.clone()),
        _ => then(request, &body, headers.clone()),
    }
}

/// Bytes that look like nothing, a different lot for each seed.
fn weights(seed: u64, bytes: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    std::iter::repeat_with(next).take(bytes).collect()
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A source that lists nothing but the name.
fn unpinned() -> Source {
    Source {
        name: "net".to_owned(),
        backbone: "resnet18".to_owned(),
        repo: "owner/net".to_owned(),
        revision: "main".to_owned(),
        file: "model.safetensors".to_owned(),
        bytes: None,
        sha256: None,
    }
}

fn pinned(body: &[u8]) -> Source {
    Source { bytes: Some(body.len() as u64), sha256: Some(sha256(body)), ..unpinned() }
}

fn hub(endpoint: &str, home: &Path) -> Hub {
    Hub {
        endpoint: endpoint.to_owned(),
        cache_dir: home.join("hub"),
        records: home.join("records"),
        offline: false,
        deadlines: Deadlines { answer: Duration::from_millis(500), stall: Duration::from_millis(400) },
    }
}

/// The error of a fetch, which must come within `seconds` and say how to go on by hand.
fn failure(hub: &Hub, source: &Source, seconds: f64) -> Error {
    let begun = Instant::now();
    let error = hub.fetch(source, &Unwatched).unwrap_err();
    let taken = begun.elapsed().as_secs_f64();
    eprintln!("{:.1} ms: {error}\n", taken * 1e3);
    assert!(taken < seconds, "{taken} s");
    let by_hand = format!("download {} from {}", source.file, hub.url(source));
    assert!(error.advice().is_some_and(|hint| hint.contains(&by_hand) && hint.contains("--weights FILE")), "{error}");
    error
}

/// Every file under a folder, links not followed.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries: Vec<PathBuf> =
        fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    let deeper = entries.iter().filter(|path| path.is_dir() && !path.is_symlink()).flat_map(|path| files(path));
    entries.iter().filter(|path| !path.is_dir() || path.is_symlink()).cloned().chain(deeper).collect()
}

fn holds_weights(home: &Path) -> bool {
    files(&home.join("hub")).iter().any(|path| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.len() == 64 || name.ends_with("safetensors")
    })
}

#[derive(Default)]
struct Recorder {
    seen: Mutex<Vec<Progress>>,
    cancel_at: Option<u64>,
    cancelled: AtomicBool,
}

impl Watch for Recorder {
    fn progress(&self, progress: Progress) {
        self.seen.lock().unwrap().push(progress);
        if self.cancel_at.is_some_and(|at| progress.done >= at) {
            self.cancelled.store(true, Ordering::SeqCst);
        }
    }

    fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::SeqCst)
    }
}

#[test]
fn a_listed_file_is_fetched_once_and_then_needs_no_network() -> Result<()> {
    let home = tempfile::tempdir().unwrap();
    let body = weights(1, 300_000);
    let server = Server::start(good(body.clone()));
    let (hub, source) = (hub(&server.url(), home.path()), pinned(&body));
    assert_eq!(hub.cached(&source), None);
    assert!(hub.verify(&source).is_err());

    let watch = Recorder::default();
    let path = hub.fetch(&source, &watch)?;
    assert_eq!(fs::read(&path).unwrap(), body);
    let seen = watch.seen.into_inner().unwrap();
    assert!(seen.iter().all(|progress| progress.phase == Phase::Download && progress.total == Some(300_000)));
    assert!(seen.windows(2).all(|pair| pair[0].done <= pair[1].done));
    assert_eq!(seen.last().unwrap().done, 300_000);

    let asked = server.requests().len();
    let offline = Hub { offline: true, ..hub.clone() };
    assert_eq!(hub.fetch(&source, &Unwatched)?, path);
    assert_eq!(offline.fetch(&source, &Unwatched)?, path);
    assert_eq!(server.requests().len(), asked, "a cached file must be used without a request");
    let verified = offline.verify(&source)?;
    assert_eq!((verified.bytes, verified.basis), (300_000, Basis::Listed));
    assert_eq!(verified.sha256, sha256(&body));
    assert!(files(&hub.records).is_empty(), "a listed file needs no record");
    Ok(())
}

#[test]
fn an_unlisted_file_is_believed_as_the_hub_states_it_and_then_held_to_it() -> Result<()> {
    let home = tempfile::tempdir().unwrap();
    let body = weights(2, 50_000);
    let server = Server::start(good(body.clone()));
    let (hub, source) = (hub(&server.url(), home.path()), unpinned());
    let path = hub.fetch(&source, &Unwatched)?;
    assert_eq!(fs::read_to_string(&files(&hub.records)[0]).unwrap(), format!("{}  model.safetensors\n", sha256(&body)));
    assert_eq!(hub.verify(&source)?.basis, Basis::Recorded);

    // Without the record the cache's own name for the file, the ETag, still tells.
    fs::remove_file(&files(&hub.records)[0]).unwrap();
    assert_eq!(hub.verify(&source)?.basis, Basis::Stated);

    // The same length, other bytes: never used, and not ours to delete.
    let blob = fs::canonicalize(&path).unwrap();
    fs::write(&blob, weights(3, 50_000)).unwrap();
    hub.fetch(&source, &Unwatched).unwrap_err();
    assert!(path.exists());
    assert!(hub.verify(&source).is_err());
    let error = failure(&hub, &source, 1.0);
    assert!(error.one_line().contains("recorded at its first use"), "{error}");
    assert!(error.advice().unwrap().contains(&format!("delete {} and fetch again", blob.display())), "{error}");

    // And the advice helps.
    fs::remove_file(blob).unwrap();
    assert_eq!(fs::read(hub.fetch(&source, &Unwatched)?).unwrap(), body);
    Ok(())
}

#[test]
fn an_etag_that_is_no_checksum_leaves_first_use() -> Result<()> {
    let home = tempfile::tempdir().unwrap();
    let body = weights(4, 1_000);
    let copy = body.clone();
    let server = Server::start(move |_, request| part(request, &copy, identity("5ca1ab1e", copy.len())));
    let hub = hub(&server.url(), home.path());
    hub.fetch(&unpinned(), &Unwatched)?;
    let record = files(&hub.records).remove(0);
    assert!(fs::read_to_string(&record).unwrap().starts_with(&sha256(&body)));
    assert_eq!(hub.verify(&unpinned())?.basis, Basis::Recorded);
    fs::remove_file(record).unwrap();
    assert_eq!(hub.verify(&unpinned())?.basis, Basis::FirstUse);
    Ok(())
}

#[test]
fn redirects_are_followed_as_the_hub_sends_them() -> Result<()> {
    // A renamed repository redirects to a relative address; a large file to an absolute one, which has another ETag.
    let home = tempfile::tempdir().unwrap();
    let body = weights(5, 200_000);
    let (copy, etag) = (body.clone(), sha256(&body));
    let server = Server::start(move |address, request| {
        let redirect = |status, location: String, mut headers: Vec<String>| {
            headers.push(format!("Location: {location}"));
            Reply::Send { status, headers, body: Vec::new() }
        };
        match request.path.as_str() {
            FILE_ROUTE => {
                let location = "/owner/renamed/resolve/main/model.safetensors".to_owned();
                redirect("307 Temporary Redirect", location, Vec::new())
            }
            "/owner/renamed/resolve/main/model.safetensors" => {
                redirect("302 Found", format!("http://{address}/storage/blob?key=1"), identity(&etag, copy.len()))
            }
            "/storage/blob?key=1" => part(request, &copy, vec!["ETag: \"storage\"".to_owned()]),
            _ => status("404 Not Found"),
        }
    });
    let hub = hub(&server.url(), home.path());
    let path = hub.fetch(&unpinned(), &Unwatched)?;
    assert_eq!(fs::read(path).unwrap(), body);
    assert_eq!(hub.verify(&unpinned())?.sha256, sha256(&body));
    Ok(())
}

#[test]
fn refusals_are_told_apart() {
    let body = weights(6, 1_000);
    for (line, words) in [
        ("401 Unauthorized", "denies access (HTTP 401)"),
        ("403 Forbidden", "denies access (HTTP 403)"),
        ("404 Not Found", "no such file (HTTP 404)"),
        ("500 Internal Server Error", "HTTP status 500"),
    ] {
        let home = tempfile::tempdir().unwrap();
        let server = Server::start(move |_, _| status(line));
        let error = failure(&hub(&server.url(), home.path()), &pinned(&body), 1.0);
        assert!(error.one_line().contains(words), "{error}");
        assert!(!holds_weights(home.path()));
    }
    // A refusal after a good answer must not leave the error page as the model.
    let home = tempfile::tempdir().unwrap();
    let server = Server::start(until_body(body.clone(), |_, _, _| status("403 Forbidden")));
    let error = failure(&hub(&server.url(), home.path()), &pinned(&body), 1.0);
    assert!(error.one_line().contains("denies access (HTTP 403)"), "{error}");
    assert!(!holds_weights(home.path()));
}

#[test]
fn a_server_that_is_no_hub_is_named_as_such() {
    let home = tempfile::tempdir().unwrap();
    let server = Server::start(|_, _| status("200 OK"));
    let error = failure(&hub(&server.url(), home.path()), &unpinned(), 1.0);
    assert!(error.one_line().contains("does not answer as a hub does"), "{error}");

    // An ETag names a file in the cache: it must not lead out of it.
    let server = Server::start(|_, request| part(request, b"weights", identity("../../../evil", 7)));
    let error = failure(&hub(&server.url(), home.path()), &unpinned(), 1.0);
    assert!(error.one_line().contains("makes no sense"), "{error}");
    assert!(files(home.path()).is_empty());
}

#[test]
fn half_a_file_is_not_used_and_the_next_attempt_goes_on() -> Result<()> {
    let home = tempfile::tempdir().unwrap();
    let body = weights(7, 400_000);
    let mut broken = false;
    let server = Server::start(until_body(body.clone(), move |request, body, headers| {
        if std::mem::replace(&mut broken, true) {
            return part(request, body, headers);
        }
        Reply::Short { headers, body: body[..150_000].to_vec(), announced: body.len() }
    }));
    let (hub, source) = (hub(&server.url(), home.path()), pinned(&body));
    let error = failure(&hub, &source, 1.0);
    assert!(error.one_line().contains("broke after 150000 of 400000 bytes"), "{error}");
    assert!(!holds_weights(home.path()));
    assert_eq!(hub.cached(&source), None);

    let path = hub.fetch(&source, &Unwatched)?;
    assert_eq!(fs::read(path).unwrap(), body);
    assert_eq!(server.requests().last().unwrap(), &format!("{FILE_ROUTE} Some((150000, None))"));
    Ok(())
}

#[test]
fn a_part_that_is_complete_or_too_long_is_fetched_anew() -> Result<()> {
    for length in [1_000, 2_000] {
        let home = tempfile::tempdir().unwrap();
        let body = weights(8, 1_000);
        let server = Server::start(good(body.clone()));
        let hub = hub(&server.url(), home.path());
        let blobs = hub.cache_dir.join("models--owner--net/blobs");
        fs::create_dir_all(&blobs).unwrap();
        fs::write(blobs.join(format!("{}.part", sha256(&body))), vec![0; length]).unwrap();
        assert_eq!(fs::read(hub.fetch(&pinned(&body), &Unwatched)?).unwrap(), body);
    }
    Ok(())
}

#[test]
fn what_the_hub_offers_must_be_what_is_listed() {
    let home = tempfile::tempdir().unwrap();
    let body = weights(9, 1_000);
    let server = Server::start(good(body.clone()));
    let hub = hub(&server.url(), home.path());
    let error = failure(&hub, &pinned(&weights(9, 999)), 1.0);
    assert!(error.one_line().contains("1000 bytes instead of 999"), "{error}");
    let error = failure(&hub, &pinned(&weights(10, 1_000)), 1.0);
    assert!(error.one_line().contains(&format!("instead of {}", sha256(&weights(10, 1_000)))), "{error}");
    assert_eq!(server.requests().len(), 2, "the file itself must not have been asked for");
}

#[test]
fn wrong_content_is_never_used_and_does_not_stay() -> Result<()> {
    for listed in [true, false] {
        let home = tempfile::tempdir().unwrap();
        let body = weights(11, 20_000);
        let mut lied = false;
        let server = Server::start(until_body(body.clone(), move |request, body, headers| {
            let other = weights(12, body.len());
            part(request, if std::mem::replace(&mut lied, true) { body } else { &other }, headers)
        }));
        let source = if listed { pinned(&body) } else { unpinned() };
        let hub = hub(&server.url(), home.path());
        let error = failure(&hub, &source, 1.0);
        assert!(error.title().contains("Wrong weights") && error.one_line().contains("has been deleted"), "{error}");
        assert!(error.one_line().contains(&format!("instead of {}", sha256(&body))), "{error}");
        assert!(!holds_weights(home.path()) && files(&hub.records).is_empty());
        assert_eq!(fs::read(hub.fetch(&source, &Unwatched)?).unwrap(), body, "the next attempt starts anew");
    }
    Ok(())
}

#[test]
fn redirects_in_a_circle_come_to_an_end() {
    let home = tempfile::tempdir().unwrap();
    let body = weights(20, 1_000);
    let server = Server::start(move |address, request| {
        // Longer by a digit each time, so that no two addresses are the same.
        let next = format!("http://{address}{}{}", request.path, if request.path.contains('?') { "1" } else { "?1" });
        let location = if request.path.len() > FILE_ROUTE.len() + 200 { FILE_ROUTE.to_owned() } else { next };
        Reply::Send { status: "302 Found", headers: vec![format!("Location: {location}")], body: Vec::new() }
    });
    let hub = hub(&server.url(), home.path());
    let error = failure(&hub, &pinned(&body), 2.0);
    assert!(server.requests().len() < 100, "{} requests: {error}", server.requests().len());
    assert!(!holds_weights(home.path()));
}

#[test]
fn a_hub_that_lies_about_the_length_is_found_out() -> Result<()> {
    for (said, sent) in [(400_000, 300_000), (300_000, 400_000), (300_000, 0), (1 << 40, 300_000)] {
        for listed in [true, false] {
            let home = tempfile::tempdir().unwrap();
            let body = weights(21, 300_000);
            let (copy, etag) = (body.clone(), sha256(&body));
            let server = Server::start(move |_, request| {
                let mut headers = identity(&etag, said);
                headers.push(format!(
                    "Content-Range: bytes 0-{}/{said}",
                    if request.range.is_some() { 0 } else { said - 1 }
                ));
                let whole: Vec<u8> = copy.iter().copied().cycle().take(sent).collect();
                match request.range {
                    Some((0, Some(0))) => Reply::Send { status: "206 Partial Content", headers, body: vec![copy[0]] },
                    _ => Reply::Send { status: "200 OK", headers, body: whole },
                }
            });
            let source = if listed { pinned(&body) } else { unpinned() };
            let hub = hub(&server.url(), home.path());
            let error = failure(&hub, &source, 1.5);
            assert!(!holds_weights(home.path()), "{said} {sent}: {error}");
            assert_eq!(hub.cached(&source), None);
            drop(server);
            // An honest one helps, whatever is left of the other.
            let server = Server::start(good(body.clone()));
            let hub = Hub { endpoint: server.url(), ..hub };
            assert_eq!(fs::read(hub.fetch(&source, &Unwatched)?).unwrap(), body, "{said} {sent}");
        }
    }
    Ok(())
}

#[test]
fn a_server_that_never_answers_is_given_up() {
    let home = tempfile::tempdir().unwrap();
    let body = weights(13, 100_000);
    let server = Server::start(|_, _| Reply::Silence);
    let error = failure(&hub(&server.url(), home.path()), &pinned(&body), 1.5);
    assert!(error.one_line().contains("has not answered within 0.5 s"), "{error}");
}

#[test]
fn a_server_that_falls_silent_is_given_up_and_the_next_attempt_need_not_wait() -> Result<()> {
    let home = tempfile::tempdir().unwrap();
    let body = weights(14, 300_000);
    let mut stalled = false;
    let server = Server::start(until_body(body.clone(), move |request, body, headers| {
        if std::mem::replace(&mut stalled, true) {
            return part(request, body, headers);
        }
        Reply::Stall { headers, body: body[..100_000].to_vec(), announced: body.len() }
    }));
    let (hub, source) = (hub(&server.url(), home.path()), pinned(&body));
    let error = failure(&hub, &source, 1.5);
    assert!(error.one_line().contains("nothing for 0.4 s, after 100000 of 300000 bytes"), "{error}");
    assert_eq!(hub.cached(&source), None);

    // The thread of the first attempt still waits and still holds its lock.
    let begun = Instant::now();
    assert_eq!(fs::read(hub.fetch(&source, &Unwatched)?).unwrap(), body);
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    Ok(())
}

#[test]
fn a_slow_server_that_keeps_sending_is_not_given_up() -> Result<()> {
    // Longer in all than either deadline, never silent for as long as one.
    let home = tempfile::tempdir().unwrap();
    let body = weights(15, 6_000);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (copy, served) = (body.clone(), Arc::new(AtomicU64::new(0)));
    let counter = served.clone();
    let work = move || {
        let headers = identity(&sha256(&copy), copy.len());
        for _ in 0..3 {
            let (mut stream, _) = listener.accept().unwrap();
            let (_, request) = read_request(&mut stream).unwrap();
            let Reply::Send { status, headers, body } = part(&request, &copy, headers.clone()) else { panic!() };
            let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n", body.len());
            write!(stream, "{head}{}\r\n\r\n", headers.join("\r\n")).unwrap();
            for piece in body.chunks(1_000) {
                stream.write_all(piece).unwrap();
                counter.fetch_add(1, Ordering::SeqCst);
                std::thread::sleep(Duration::from_millis(if body.len() > 1 { 150 } else { 0 }));
            }
        }
    };
    let thread = Builder::new().name("slow hub".to_owned()).spawn(work).unwrap();
    let begun = Instant::now();
    let path = hub(&format!("http://{address}"), home.path()).fetch(&pinned(&body), &Unwatched)?;
    assert!(begun.elapsed() > Duration::from_millis(700));
    assert_eq!(fs::read(path).unwrap(), body);
    thread.join().unwrap();
    assert_eq!(served.load(Ordering::SeqCst), 8);
    Ok(())
}

#[test]
fn no_server_and_no_name_fail_at_once() {
    let home = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = failure(&hub(&format!("http://{address}"), home.path()), &unpinned(), 1.0);
    assert!(error.one_line().contains("refuses the connection"), "{error}");
    // The answer's deadline covers a resolver that is slow to say so.
    failure(&hub("http://hub.invalid", home.path()), &unpinned(), 1.5);
}

#[test]
fn offline_nothing_is_asked() {
    let home = tempfile::tempdir().unwrap();
    let server = Server::start(good(weights(16, 10)));
    let offline = Hub { offline: true, ..hub(&server.url(), home.path()) };
    let error = failure(&offline, &unpinned(), 0.5);
    assert!(error.one_line().contains("HF_HUB_OFFLINE"), "{error}");
    assert!(server.requests().is_empty() && files(home.path()).is_empty());
}

#[test]
fn a_cache_that_cannot_be_written_is_found_before_anything_is_asked() {
    let home = tempfile::tempdir().unwrap();
    let server = Server::start(good(weights(17, 10)));
    let hub = hub(&server.url(), home.path());
    fs::write(&hub.cache_dir, "a file where the folder should be").unwrap();
    let error = failure(&hub, &unpinned(), 0.5);
    assert!(error.title().starts_with("Cannot write") && error.advice().unwrap().contains("HF_HOME"), "{error}");
    assert!(server.requests().is_empty());
}

#[test]
fn the_user_can_stop_it() -> Result<()> {
    let home = tempfile::tempdir().unwrap();
    let body = weights(18, 500_000);
    let mut stalled = false;
    let server = Server::start(until_body(body.clone(), move |request, body, headers| {
        if std::mem::replace(&mut stalled, true) {
            return part(request, body, headers);
        }
        Reply::Stall { headers, body: body[..200_000].to_vec(), announced: body.len() }
    }));
    let (hub, source) = (hub(&server.url(), home.path()), pinned(&body));
    let patient = Hub { deadlines: Deadlines::default(), ..hub.clone() };
    let watch = Recorder { cancel_at: Some(1), ..Recorder::default() };
    let begun = Instant::now();
    let error = patient.fetch(&source, &watch).unwrap_err();
    eprintln!("stopped after {:?}", begun.elapsed());
    assert!(error.is_cancelled() && begun.elapsed() < Duration::from_secs(1), "{error}");
    assert_eq!(hub.cached(&source), None);
    assert!(hub.fetch(&source, &watch).unwrap_err().is_cancelled(), "it must not even start");
    assert_eq!(fs::read(hub.fetch(&source, &Unwatched)?).unwrap(), body);
    Ok(())
}

#[test]
fn a_file_that_another_program_fetched_is_used_if_it_is_the_listed_one() -> Result<()> {
    // As the Python client leaves it: a link in a snapshot, and a reference from the branch.
    let home = tempfile::tempdir().unwrap();
    let body = weights(19, 5_000);
    let hub = Hub { offline: true, ..hub("http://hub.invalid", home.path()) };
    let repo = hub.cache_dir.join("models--owner--net");
    let snapshot = repo.join("snapshots").join(COMMIT);
    for folder in [&repo.join("refs"), &snapshot] {
        fs::create_dir_all(folder).unwrap();
    }
    fs::write(repo.join("refs/main"), COMMIT).unwrap();
    fs::write(snapshot.join("model.safetensors"), &body).unwrap();
    let source = Source { revision: "f".repeat(40), ..pinned(&body) };
    assert_eq!(hub.fetch(&source, &Unwatched)?, snapshot.join("model.safetensors"));
    // Without a listed SHA-256 only the revision that was asked for will do.
    assert_eq!(hub.cached(&Source { sha256: None, ..source.clone() }), None);
    let other = Source { sha256: Some(sha256(b"other")), ..source };
    assert!(failure(&hub, &other, 0.5).title().contains("Wrong weights"));
    Ok(())
}

#[test]
fn a_malformed_entry_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let hub = hub("http://hub.invalid", home.path());
    let source = Source { file: "../../escape".to_owned(), ..unpinned() };
    assert!(hub.fetch(&source, &Unwatched).unwrap_err().title().contains("malformed"));
    assert!(hub.verify(&source).is_err());
    assert_eq!(hub.cached(&source), None);
    assert!(files(home.path()).is_empty());
}
