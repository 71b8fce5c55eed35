//! Writes sample photos into a folder, one for each class.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use image::codecs::jpeg::JpegEncoder;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{SMALLEST_SIDE, SampleConfig, concrete};
use crate::dataset::Class;
use crate::error::{Context, Error, Result};
use crate::job::{Meter, Phase, Watch};

/// Hidden, so that a scan passes it over.
const MARKER: &str = ".crackscope-samples.json";

/// Goes up whenever the same configuration gives other photos than before.
pub(super) const EDITION: u32 = 2;

const JPEG_QUALITY: u8 = 90;

/// What the folder was made from.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
struct Marker {
    edition: u32,
    config: SampleConfig,
}

/// One photo to be written.
struct Job {
    path: PathBuf,
    label: Class,
    index: u64,
}

/// Writes `Positive/00001.jpg` …, `Negative/00001.jpg` … below `folder`, which is made if need be.
///
/// These are the names of the METU data set. Every file appears whole or not at all. A folder with the same set is
/// completed where photos are missing, which takes no time where none is; files that are not ours stay untouched. A
/// hidden file notes the configuration and the generator's edition.
/// One version of this program writes the same bytes on every machine: the JPEG encoder reckons in whole numbers.
///
/// # Errors
/// If the folder holds anything else, if it cannot be written, if the request makes no sense, or if the user stops it.
pub fn write_samples(folder: &Path, config: &SampleConfig, watch: &dyn Watch) -> Result<()> {
    if config.photos < 2 || config.side < SMALLEST_SIDE {
        return Err(Error::usage(format!("Cannot make {} photos of {1}×{1} pixels", config.photos, config.side))
            .hint(format!("ask for at least 2 photos of at least {SMALLEST_SIDE}×{SMALLEST_SIDE} pixels")));
    }
    watch.check()?;
    claim(folder, config)?;
    for class in Class::ALL {
        let path = folder.join(class.name());
        fs::create_dir_all(&path).on_file("create", &path)?;
    }
    let jobs = missing(folder, config);
    let meter = Mutex::new(Meter::new(watch, Phase::Samples, Some(jobs.len() as u64)));
    jobs.par_iter().try_for_each(|job| {
        watch.check()?;
        let photo = concrete(config.side, job.label, photo_seed(config.seed, job));
        let mut bytes = Vec::new();
        photo
            .write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY))
            .on_file("encode", &job.path)?;
        write_whole(&job.path, &bytes)?;
        if let Ok(mut meter) = meter.lock() {
            meter.add(1);
        }
        Ok(())
    })
}

/// Makes sure that the folder is new, empty, or holds the same set, and marks it as ours.
fn claim(folder: &Path, config: &SampleConfig) -> Result<()> {
    fs::create_dir_all(folder).on_file("create", folder)?;
    let wanted = Marker { edition: EDITION, config: *config };
    let path = folder.join(MARKER);
    if let Ok(bytes) = fs::read(&path) {
        return match serde_json::from_slice::<Marker>(&bytes) {
            Ok(found) if found == wanted => Ok(()),
            _ => Err(Error::new(format!("{} holds other sample photos", folder.display()))
                .hint("choose another folder, or delete this one first")),
        };
    }
    if fs::read_dir(folder).on_file("list", folder)?.next().is_some() {
        return Err(Error::new(format!("{} is not empty", folder.display()))
            .detail("Sample photos are not mixed with other files")
            .hint("choose a new or an empty folder"));
    }
    write_whole(&path, &serde_json::to_vec(&wanted).on_file("write", &path)?)
}

/// The photos that are not there yet; an empty file counts as missing.
fn missing(folder: &Path, config: &SampleConfig) -> Vec<Job> {
    let intact = config.photos / 2;
    let counts = [(Class::Negative, intact), (Class::Positive, config.photos - intact)];
    let all = counts.into_iter().flat_map(|(label, count)| (1..=count as u64).map(move |index| (label, index)));
    all.map(|(label, index)| Job { path: folder.join(label.name()).join(format!("{index:05}.jpg")), label, index })
        .filter(|job| fs::metadata(&job.path).map_or(true, |data| data.len() == 0))
        .collect()
}

/// The seed of one photo: it depends on the set's seed, the class and the number, mixed after `SplitMix64`
/// (G. L. Steele, D. Lea, C. H. Flood, 2014), and on nothing else.
fn photo_seed(seed: u64, job: &Job) -> u64 {
    [job.label.index() as u64, job.index].into_iter().fold(seed, |state, part| {
        let mut mixed = (state ^ part.rotate_left(32)).wrapping_add(part).wrapping_add(0x9E37_79B9_7F4A_7C15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    })
}

/// Writes a file beside its place and moves it there.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let parent = path.parent().unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".").suffix(".part");
    // Temporary files are private by default; these are to be as readable as any file of the user.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(parent).on_file("write", path)?;
    file.write_all(bytes).on_file("write", path)?;
    file.persist(path).map(drop).on_file("write", path)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::job::{Progress, Unwatched};

    const SMALL: SampleConfig = SampleConfig { photos: 13, side: 32, seed: 4 };

    /// Stops the job once it has been asked `.0` times.
    struct Impatient(AtomicU64);

    impl Watch for Impatient {
        fn progress(&self, _: Progress) {}

        fn is_cancelled(&self) -> bool {
            self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_err()
        }
    }

    #[derive(Default)]
    struct Listener(Mutex<Vec<Progress>>);

    impl Watch for Listener {
        fn progress(&self, progress: Progress) {
            self.0.lock().unwrap().push(progress);
        }
    }

    fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
        let folders = Class::ALL.map(|class| folder.join(class.name()));
        let entries = folders.iter().filter_map(|path| fs::read_dir(path).ok()).flatten();
        entries.map(|entry| entry.unwrap().path()).map(|path| (path.clone(), fs::read(path).unwrap())).collect()
    }

    #[test]
    fn writes_whole_photos_half_of_each_class() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("deep/samples");
        let listener = Listener::default();
        write_samples(&folder, &SMALL, &listener).unwrap();
        let written = files(&folder);
        assert_eq!(written.len(), 13);
        assert!(folder.join("Negative/00006.jpg").exists() && folder.join("Positive/00007.jpg").exists());
        for bytes in written.values() {
            let photo = image::load_from_memory(bytes).unwrap();
            assert_eq!((photo.width(), photo.height()), (32, 32));
        }
        let last = *listener.0.lock().unwrap().last().unwrap();
        assert_eq!((last.phase, last.done, last.total), (Phase::Samples, 13, Some(13)));
    }

    #[test]
    fn all_photos_differ_and_do_not_depend_on_how_many_there_are() {
        let root = tempfile::tempdir().unwrap();
        let (few, many) = (root.path().join("few"), root.path().join("many"));
        write_samples(&few, &SMALL, &Unwatched).unwrap();
        write_samples(&many, &SampleConfig { photos: 20, ..SMALL }, &Unwatched).unwrap();
        let (few_files, many_files) = (files(&few), files(&many));
        for (path, bytes) in &few_files {
            assert_eq!(Some(bytes), many_files.get(&many.join(path.strip_prefix(&few).unwrap())));
        }
        let mut contents: Vec<_> = many_files.into_values().collect();
        contents.sort();
        contents.dedup();
        assert_eq!(contents.len(), 20);
    }

    #[test]
    fn completes_the_same_set_and_leaves_what_is_there() {
        let root = tempfile::tempdir().unwrap();
        write_samples(root.path(), &SMALL, &Unwatched).unwrap();
        let before = files(root.path());
        let (gone, empty) = (root.path().join("Positive/00003.jpg"), root.path().join("Negative/00001.jpg"));
        fs::remove_file(&gone).unwrap();
        fs::write(&empty, b"").unwrap();
        let listener = Listener::default();
        write_samples(root.path(), &SMALL, &listener).unwrap();
        assert_eq!(files(root.path()), before);
        assert_eq!(listener.0.lock().unwrap().last().unwrap().total, Some(2));

        let own = root.path().join("Positive/holiday.jpg");
        fs::write(&own, b"mine").unwrap();
        let listener = Listener::default();
        write_samples(root.path(), &SMALL, &listener).unwrap();
        assert_eq!(fs::read(&own).unwrap(), b"mine");
        assert_eq!(listener.0.lock().unwrap().last().unwrap().total, Some(0));
    }

    #[test]
    fn refuses_foreign_folders_and_other_sets() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("holiday.jpg"), b"mine").unwrap();
        let error = write_samples(root.path(), &SMALL, &Unwatched).unwrap_err();
        assert!(error.title().ends_with("is not empty"), "{error}");
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);

        let folder = root.path().join("samples");
        write_samples(&folder, &SMALL, &Unwatched).unwrap();
        let before = files(&folder);
        let error = write_samples(&folder, &SampleConfig { seed: 5, ..SMALL }, &Unwatched).unwrap_err();
        assert!(error.title().ends_with("holds other sample photos"), "{error}");
        assert_eq!(files(&folder), before);
    }

    #[test]
    fn stops_when_asked_and_goes_on_later() {
        let root = tempfile::tempdir().unwrap();
        let config = SampleConfig { photos: 60, ..SMALL };
        let error = write_samples(root.path(), &config, &Impatient(AtomicU64::new(10))).unwrap_err();
        assert!(error.is_cancelled());
        let partial = files(root.path());
        assert!(!partial.is_empty() && partial.len() < 20, "{}", partial.len());
        assert!(partial.keys().all(|path| path.extension().is_some_and(|end| end == "jpg")), "a part was left");
        assert!(partial.values().all(|bytes| image::load_from_memory(bytes).is_ok()));
        write_samples(root.path(), &config, &Unwatched).unwrap();
        let whole = tempfile::tempdir().unwrap();
        write_samples(whole.path(), &config, &Unwatched).unwrap();
        assert!(files(root.path()).values().eq(files(whole.path()).values()));
        assert_eq!(files(root.path()).len(), 60);
    }

    #[test]
    fn refuses_requests_that_make_no_sense() {
        let root = tempfile::tempdir().unwrap();
        for config in [SampleConfig { photos: 0, ..SMALL }, SampleConfig { side: 3, ..SMALL }] {
            let error = write_samples(&root.path().join("none"), &config, &Unwatched).unwrap_err();
            assert_eq!(error.kind(), crate::error::Kind::Usage);
        }
        assert!(!root.path().join("none").exists());
    }
}
