//! Tests of archives, which are made here.

use std::io::{Cursor, Write};
use std::sync::Mutex;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::*;
use crate::dataset::{Class, Dataset, Layout, scan};
use crate::job::{Flag, Phase, Progress, Unwatched};

/// A place for archives, and the program's own folders.
struct Bench {
    folder: TempDir,
    places: Places,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let places = Places::below(folder.path().join("own"));
        Self { folder, places }
    }

    fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    fn open(&self, path: &Path) -> Result<Dataset> {
        scan::open(&[path.to_path_buf()], &self.places, &Unwatched)
    }

    /// What there is in the cache: folders that are whole, and others.
    fn unpacked(&self) -> (usize, usize) {
        let entries: Vec<_> =
            fs::read_dir(self.places.unpacked()).map_or_else(|_| Vec::new(), |dir| dir.flatten().collect());
        let whole = entries.iter().filter(|entry| entry.path().join(CONTENTS).is_file()).count();
        (whole, entries.len() - whole)
    }
}

fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (i, (name, bytes)) in files.iter().enumerate() {
        // Both ways that are met with.
        let method = if i % 2 == 0 { CompressionMethod::Deflated } else { CompressionMethod::Stored };
        writer.start_file(*name, SimpleFileOptions::default().compression_method(method)).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn files(dataset: &Dataset) -> Vec<&str> {
    dataset.samples.iter().map(|sample| sample.file.as_str()).collect()
}

#[test]
fn an_archive_is_a_folder_with_its_name() {
    let bench = Bench::new();
    let long = [7; 100_000];
    let path = bench.put(
        "Concrete.zip",
        &zipped(&[
            ("Concrete/Positive/00001.jpg", &long),
            ("Concrete/Negative/00001.jpg", b"b"),
            ("Concrete\\Negative\\00002.jpg", b"c"),
            ("Concrete/readme.txt", b"d"),
            ("__MACOSX/Concrete/._00001.jpg", b"e"),
            ("Concrete/Br\u{fc}cke.jpg", b"f"),
        ]),
    );
    let dataset = bench.open(&path).unwrap();
    let expected = [
        "Concrete/Brücke.jpg",
        "Concrete/Negative/00001.jpg",
        "Concrete/Negative/00002.jpg",
        "Concrete/Positive/00001.jpg",
    ];
    assert_eq!(files(&dataset), expected);
    assert_eq!((dataset.roots.clone(), dataset.name()), (vec![path.clone()], "Concrete.zip".to_owned()));
    assert_eq!(
        (dataset.layout, dataset.count(Class::Positive), dataset.count(Class::Negative)),
        (Layout::ClassFolders, 1, 2)
    );
    assert_eq!(dataset.skipped, Skipped { hidden: 1, other: 1, loops: 0 });
    assert_eq!(fs::read(&dataset.samples[3].path).unwrap(), long);
    assert!(dataset.samples[3].path.starts_with(bench.places.unpacked()));
    assert_eq!(fs::read_dir(bench.folder.path()).unwrap().count(), 2, "nothing is written beside the archive");
}

#[test]
fn it_is_unpacked_once_and_again_when_it_has_changed() {
    let bench = Bench::new();
    let path = bench.put("a.zip", &zipped(&[("1.jpg", b"1"), ("link", b"x")]));
    let first = bench.open(&path).unwrap();
    fs::write(&first.samples[0].path, b"seen").unwrap();
    assert_eq!(fs::read(&bench.open(&path).unwrap().samples[0].path).unwrap(), b"seen", "not unpacked again");
    assert_eq!(bench.open(&path).unwrap().skipped, first.skipped);

    bench.put("a.zip", &zipped(&[("1.jpg", b"one"), ("2.jpg", b"two")]));
    assert_eq!(files(&bench.open(&path).unwrap()), ["1.jpg", "2.jpg"]);
    assert_eq!(bench.unpacked(), (1, 0), "the earlier state is gone");

    // A folder without its note was not filled by this program, or not to the end.
    let home = fs::read_dir(bench.places.unpacked()).unwrap().next().unwrap().unwrap().path();
    fs::remove_file(home.join(CONTENTS)).unwrap();
    fs::remove_file(home.join("photos/a/2.jpg")).unwrap();
    assert_eq!(files(&bench.open(&path).unwrap()), ["1.jpg", "2.jpg"]);
}

#[test]
fn several_archives_and_folders_are_one_data_set() {
    let bench = Bench::new();
    let positive = bench.put("Positive.zip", &zipped(&[("1.jpg", b"1")]));
    let deck = bench.put("D.ZIP", &zipped(&[("CD/7001-1.jpg", b"2"), ("UD/7001-2.jpg", b"3")]));
    let folder = bench.folder.path().join("negative");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("4.jpg"), b"4").unwrap();
    let dataset = scan::open(&[positive, deck.clone(), folder], &bench.places, &Unwatched).unwrap();
    assert_eq!(files(&dataset), ["D/CD/7001-1.jpg", "D/UD/7001-2.jpg", "Positive/1.jpg", "negative/4.jpg"]);
    let labels: Vec<_> = dataset.samples.iter().map(|sample| sample.label).collect();
    let (cracked, intact) = (Some(Class::Positive), Some(Class::Negative));
    assert_eq!(labels, [cracked, intact, cracked, intact]);
    let alone = bench.open(&deck).unwrap();
    assert_eq!((alone.layout, files(&alone)), (Layout::Sdnet, vec!["CD/7001-1.jpg", "UD/7001-2.jpg"]));
}

#[test]
fn the_table_in_the_only_folder_counts() {
    let bench = Bench::new();
    let table = b"file,label\n./a.jpg,1\nb.jpg,0\nc.jpg,1\n";
    let path = bench.put("set.zip", &zipped(&[("set/labels.csv", table), ("set/a.jpg", b"1"), ("set/b.jpg", b"2")]));
    let dataset = bench.open(&path).unwrap();
    assert_eq!((dataset.layout, files(&dataset)), (Layout::LabelsCsv, vec!["set/a.jpg", "set/b.jpg"]));
    assert_eq!((dataset.count(Class::Positive), dataset.count(Class::Negative)), (1, 1));
    assert_eq!(dataset.problems[0].reason, "line 4: \"c.jpg\" is no photo of this folder");
    let two = bench.put("two.zip", &zipped(&[("set/labels.csv", table), ("set/a.jpg", b"1"), ("b.jpg", b"2")]));
    assert_eq!(bench.open(&two).unwrap().layout, Layout::Unlabelled);
}

#[test]
fn archives_in_an_archive_are_unpacked_as_well() {
    let bench = Bench::new();
    let deepest = zipped(&[("4.jpg", b"4")]);
    let positive = zipped(&[("1.jpg", b"1"), ("deep.zip", &deepest)]);
    let negative = zipped(&[("Negative/2.jpg", b"2")]);
    let path = bench.put(
        "all.zip",
        &zipped(&[
            ("x/Positive.zip", &positive),
            ("x/n.zip", &negative),
            ("x/broken.zip", b"PK\x03\x04"),
            ("x/r.rar", b""),
        ]),
    );
    let dataset = bench.open(&path).unwrap();
    assert_eq!(files(&dataset), ["x/Positive/1.jpg", "x/n/Negative/2.jpg"]);
    assert_eq!((dataset.count(Class::Positive), dataset.count(Class::Negative)), (1, 1));
    let problems: Vec<_> = dataset.problems.iter().map(|problem| problem.file.as_str()).collect();
    assert_eq!(problems, ["x/Positive/deep.zip", "x/broken.zip"]);
}

#[test]
fn nothing_is_written_outside_and_no_link_is_made() {
    let bench = Bench::new();
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default();
    for name in ["../../../../../../evil.jpg", "a/../../b/c.jpg", "/abs/d.jpg", "C:\\e.jpg", "good.jpg"] {
        writer.start_file(name, options).unwrap();
        writer.write_all(name.as_bytes()).unwrap();
    }
    writer.add_symlink("link.jpg", "/etc/passwd", options).unwrap();
    writer.add_symlink("way", "/", options).unwrap();
    writer.start_file("way/tmp-evil.jpg", options).unwrap();
    let path = bench.put("evil.zip", &writer.finish().unwrap().into_inner());
    let dataset = bench.open(&path).unwrap();
    // An absolute path is one below the folder; `way` is a folder like any other.
    assert_eq!(files(&dataset), ["abs/d.jpg", "good.jpg", "way/tmp-evil.jpg"]);
    let told: Vec<_> = dataset.problems.iter().map(|p| (p.file.as_str(), p.reason.as_str())).collect();
    let leads_out = "its name leads out of the archive";
    for name in ["../../../../../../evil.jpg", "a/../../b/c.jpg", "C:\\e.jpg"] {
        assert!(told.contains(&(name, leads_out)), "{name}: {told:?}");
    }
    assert!(told.contains(&("link.jpg", "it is a link")) && told.contains(&("way", "it is a link")), "{told:?}");
    for sample in &dataset.samples {
        assert!(
            fs::canonicalize(&sample.path).unwrap().starts_with(fs::canonicalize(bench.places.unpacked()).unwrap())
        );
    }
}

#[test]
fn what_cannot_be_unpacked_says_what_to_do() {
    let bench = Bench::new();
    let good = zipped(&[("1.jpg", &[1; 5000]), ("2.jpg", &[2; 5000])]);
    let mut locked = good.clone();
    // The flag for encryption, in the table of contents and before each file.
    for (signature, at) in [(b"PK\x01\x02", 8), (b"PK\x03\x04", 6)] {
        let starts: Vec<usize> =
            locked.windows(4).enumerate().filter(|(_, four)| four == signature).map(|(i, _)| i).collect();
        starts.into_iter().for_each(|start| locked[start + at] |= 1);
    }
    let cases: [(&str, &[u8], &str); 10] = [
        ("cut.zip", &good[..good.len() - 40], "it is cut short or damaged"),
        ("locked.zip", &locked, "it is locked with a password"),
        ("nothing.zip", b"", "nothing.zip is empty"),
        ("empty.zip", &zipped(&[]), "There are no photos in"),
        ("text.zip", &zipped(&[("a.txt", b"a")]), "There are no photos in"),
        ("rar.zip", b"Rar!\x1a\x07\x01\0", "is a RAR archive, and only .zip archives can be opened"),
        ("page.zip", b"\n<!DOCTYPE html><html>", "a web page"),
        ("noise.zip", b"noise", "no zip archive, or damaged"),
        ("metu.rar", b"Rar!\x1a\x07\x01\0", "is a RAR archive, and only .zip archives can be opened"),
        (
            "download.zip",
            &zipped(&[("Concrete Crack Images.rar", b"Rar!")]),
            "another archive, Concrete Crack Images.rar",
        ),
    ];
    for (name, bytes, says) in cases {
        let error = bench.open(&bench.put(name, bytes)).expect_err(name);
        assert!(error.one_line().contains(says), "{name}: {error}");
        assert!(error.advice().is_some(), "{name}: {error}");
    }
    let gone = bench.open(&bench.folder.path().join("gone.zip")).unwrap_err();
    assert!(gone.title().starts_with("There is no file"), "{gone}");
    assert_eq!(bench.unpacked(), (0, 0), "nothing is left of what failed");
}

#[test]
fn one_damaged_photo_is_told_and_the_rest_is_there() {
    let bench = Bench::new();
    let mut bytes = zipped(&[("1.jpg", b"first"), ("2.jpg", b"second"), ("3.jpg", b"third")]);
    let at = bytes.windows(6).position(|six| six == b"second").unwrap();
    bytes[at] ^= 1;
    let path = bench.put("a.zip", &bytes);
    for _ in 0..2 {
        let dataset = bench.open(&path).unwrap();
        assert_eq!(files(&dataset), ["1.jpg", "3.jpg"]);
        assert_eq!(dataset.problems.len(), 1);
        assert_eq!(dataset.problems[0].file, "2.jpg");
        assert!(dataset.problems[0].reason.starts_with("damaged archive: "), "{:?}", dataset.problems);
    }
}

#[test]
fn what_would_fill_the_disk_is_refused_before_it_is_written() {
    let bench = Bench::new();
    let zeros = vec![0; 1 << 20];
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for i in 0..300 {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        writer.start_file(format!("{i}.jpg"), options).unwrap();
        writer.write_all(&zeros).unwrap();
    }
    let bomb = writer.finish().unwrap().into_inner();
    assert!(bomb.len() < 2 << 20);
    let error = bench.open(&bench.put("bomb.zip", &bomb)).unwrap_err();
    assert!(error.one_line().contains("its photos would take 314"), "{error}");
    // Each of two within is plausible by itself, and both together are not.
    let mut half = ZipWriter::new(Cursor::new(Vec::new()));
    for i in 0..150 {
        half.start_file(format!("{i}.jpg"), SimpleFileOptions::default()).unwrap();
        half.write_all(&zeros).unwrap();
    }
    let half = half.finish().unwrap().into_inner();
    let nested = bench.put("nested.zip", &zipped(&[("a.zip", &half), ("b.zip", &half)]));
    assert!(bench.open(&nested).unwrap_err().one_line().contains("would take"));
    // The archive says less than there is.
    let mut liar = zipped(&[("1.jpg", &zeros), ("2.jpg", b"2")]);
    for (signature, at) in [(b"PK\x01\x02", 24), (b"PK\x03\x04", 22)] {
        let start = liar.windows(4).position(|four| four == signature).unwrap();
        liar[start + at..start + at + 4].copy_from_slice(&10_u32.to_le_bytes());
    }
    let dataset = bench.open(&bench.put("liar.zip", &liar)).unwrap();
    assert_eq!((files(&dataset), dataset.problems.len()), (vec!["2.jpg"], 1));
    assert_eq!(bench.unpacked(), (1, 0));
}

/// Stops as soon as unpacking has begun.
#[derive(Default)]
struct Impatient {
    heard: Mutex<Vec<Progress>>,
    stop: Flag,
}

impl Watch for Impatient {
    fn progress(&self, progress: Progress) {
        self.stop.set(progress.phase == Phase::Unpack);
        self.heard.lock().unwrap().push(progress);
    }

    fn is_cancelled(&self) -> bool {
        self.stop.get()
    }
}

#[test]
fn who_stops_it_finds_nothing_half_unpacked() {
    let bench = Bench::new();
    let names: Vec<String> = (0..500).map(|i| format!("{i}.jpg")).collect();
    let entries: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b"x"[..])).collect();
    let path = bench.put("a.zip", &zipped(&entries));
    let watch = Impatient::default();
    let outcome = scan::open(std::slice::from_ref(&path), &bench.places, &watch);
    assert!(outcome.unwrap_err().is_cancelled());
    let heard = watch.heard.into_inner().unwrap();
    assert!(heard.iter().any(|p| p.phase == Phase::Unpack && p.total == Some(500)), "{heard:?}");
    assert_eq!(bench.unpacked(), (0, 0));
    assert_eq!(bench.open(&path).unwrap().samples.len(), 500);
}

#[test]
#[cfg(unix)]
fn an_archive_opens_by_any_link_to_it() {
    let bench = Bench::new();
    let path = bench.put("bridge.zip", &zipped(&[("Positive/a.jpg", b"a"), ("Negative/b.jpg", b"b")]));
    let link = bench.folder.path().join("other.zip");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    for opened in [&link, &path, &link] {
        let dataset = bench.open(opened).unwrap();
        assert_eq!(dataset.samples.len(), 2);
        assert!(dataset.samples.iter().all(|sample| sample.path.is_file()));
    }
    assert_eq!(bench.unpacked(), (1, 0));
}

#[test]
fn photos_of_an_archive_that_is_gone_are_removed_when_another_is_unpacked() {
    let bench = Bench::new();
    let stick = bench.folder.path().join("stick");
    fs::create_dir(&stick).unwrap();
    let archive = zipped(&[("a.jpg", b"a")]);
    let (gone, pulled) = (bench.put("gone.zip", &archive), bench.put("stick/pulled.zip", &archive));
    bench.open(&gone).unwrap();
    bench.open(&pulled).unwrap();
    fs::remove_file(gone).unwrap();
    fs::remove_dir_all(stick).unwrap();
    bench.open(&bench.put("new.zip", &archive)).unwrap();
    assert_eq!(bench.unpacked(), (2, 0), "the new one's, and those of the stick that may come back");
}

#[test]
fn unpacking_one_large_file_is_stopped_within_it() {
    /// Stops after some questions.
    struct Impatient(std::sync::atomic::AtomicUsize);
    impl Watch for Impatient {
        fn progress(&self, _: Progress) {}
        fn is_cancelled(&self) -> bool {
            self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed) > 5
        }
    }
    let bench = Bench::new();
    let large: Vec<u8> = (0..4_u32 << 20).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let path = bench.put("large.zip", &zipped(&[("a.jpg", &large)]));
    let watch = Impatient(0.into());
    let error = scan::open(&[path], &bench.places, &watch).unwrap_err();
    assert!(error.is_cancelled());
    assert!(watch.0.into_inner() < 40, "{} pieces", large.len() >> 16);
}
