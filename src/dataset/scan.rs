//! Listing folders without opening a single photo.

mod folder;
pub mod order;

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use rayon::slice::ParallelSliceMut;

pub(super) use self::folder::is_hidden;

use self::folder::Folder;
use super::archive::{self, Root};
use super::layout::{class_of_folders, layout_of, table};
use super::{Dataset, Layout, Mark, Problem, Sample, Skipped};
use crate::error::{Context, Error, Result};
use crate::job::{Meter, Phase, Watch};
use crate::places::Places;

/// The extensions of photos that can be opened.
pub const PHOTO_EXTENSIONS: [&str; 9] = ["jpg", "jpeg", "jpe", "jfif", "png", "webp", "tif", "tiff", "bmp"];

/// Whether a file would be listed, by its extension: a photo or a stored tensor.
pub fn is_listed(path: &Path) -> bool {
    let Some(extension) = path.extension() else { return false };
    extension.eq_ignore_ascii_case("pt") || PHOTO_EXTENSIONS.iter().any(|known| extension.eq_ignore_ascii_case(known))
}

/// Lists the photos of a folder and of all folders below it. A folder without photos gives an empty list.
///
/// # Errors
/// When there is no such folder, when it cannot be opened, and when the user cancels.
pub fn scan(folder: &Path, watch: &dyn Watch) -> Result<Dataset> {
    scan_all(&[folder.to_path_buf()], watch)
}

/// Lists several folders as one data set. Their names then lead each `file`, made unique as `name-2`, and count as
/// folders that may name a class; a folder that is named twice is listed once.
///
/// # Errors
/// As [`scan`], and when no folder is given.
pub fn scan_all(folders: &[PathBuf], watch: &dyn Watch) -> Result<Dataset> {
    scan_roots(&folders.iter().map(|folder| Root::folder(folder)).collect::<Vec<_>>(), watch)
}

/// As [`scan_all`], where archives may stand among the folders. They are unpacked first, unless that is done, and count
/// as folders of their name without `.zip`; each `file` is relative to the archive.
///
/// # Errors
/// As [`scan_all`] and [`archive::resolve`].
pub fn open(paths: &[PathBuf], places: &Places, watch: &dyn Watch) -> Result<Dataset> {
    scan_roots(&archive::resolve(paths, places, watch)?, watch)
}

fn scan_roots(given: &[Root], watch: &dyn Watch) -> Result<Dataset> {
    let opened = distinct(given)?;
    let roots: Vec<PathBuf> = opened.iter().map(|root| root.named.clone()).collect();
    let leads = root_names(&roots);
    let several = roots.len() > 1;
    let mut meter = Meter::new(watch, Phase::Scan, None);
    let (mut samples, mut problems) = (Vec::new(), Vec::new());
    let (mut skipped, mut by_table, mut by_sdnet) = (Skipped::default(), false, false);
    for (root, lead) in opened.iter().zip(&leads) {
        let mut folder = Folder::list(&root.folder, watch, &mut meter)?;
        folder.add_left(&root.left);
        let labelled = label(folder, &own_name(&root.named), several);
        by_table |= labelled.by_table;
        by_sdnet |= labelled.by_sdnet;
        skipped.hidden += labelled.folder.skipped.hidden;
        skipped.other += labelled.folder.skipped.other;
        skipped.loops += labelled.folder.skipped.loops;
        let led = |file: String| if several { format!("{lead}/{file}") } else { file };
        let Folder { samples: found, problems: met, .. } = labelled.folder;
        samples.extend(found.into_iter().map(|sample| Sample { file: led(sample.file), ..sample }));
        problems.extend(met.into_iter().map(|problem| Problem { file: led(problem.file), ..problem }));
    }
    samples.par_sort_by(|a, b| order::natural(&a.file, &b.file));
    let layout = layout_of(&samples, by_table, by_sdnet);
    Ok(Dataset { roots, layout, samples, skipped, problems })
}

/// What leads the names of photos where the folders `roots` are opened together: their own names, made unique.
pub fn root_names(roots: &[PathBuf]) -> Vec<String> {
    let mut taken = HashSet::new();
    let mut names = Vec::with_capacity(roots.len());
    for root in roots {
        let name = free_name(&own_name(root), &taken, |name, n| format!("{name}-{n}"));
        taken.insert(name.clone());
        names.push(name);
    }
    names
}

/// The name of a folder; one that is opened as `.` has a name as well, and that of an archive is without `.zip`.
fn own_name(folder: &Path) -> String {
    if archive::is_archive(folder) {
        return folder.file_stem().unwrap_or(folder.as_os_str()).to_string_lossy().into_owned();
    }
    let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    name(folder).or_else(|| name(&fs::canonicalize(folder).ok()?)).unwrap_or_else(|| "folder".to_owned())
}

/// The folders, each once, and all of them there.
fn distinct(given: &[Root]) -> Result<Vec<&Root>> {
    let mut seen = HashSet::new();
    let mut roots = Vec::new();
    for root in given {
        if seen.insert(openable(&root.folder)?) {
            roots.push(root);
        }
    }
    if roots.is_empty() {
        return Err(Error::usage("No folder is given").hint("open a folder that holds photos"));
    }
    Ok(roots)
}

/// The folder's real path, if it is a folder and can be opened.
fn openable(path: &Path) -> Result<PathBuf> {
    let found = match fs::metadata(path) {
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {
            let error = Error::new(format!("There is no folder {}", path.display()));
            return Err(error.hint("check the name, and whether the disk or share is connected"));
        }
        found => found.on_file("open", path).map_err(may_not)?,
    };
    if !found.is_dir() {
        let error = Error::new(format!("{} is not a folder", path.display()));
        return Err(error.hint("open the folder that the photos lie in"));
    }
    fs::read_dir(path).on_file("open", path).map_err(may_not)?;
    fs::canonicalize(path).on_file("open", path).map_err(may_not)
}

fn may_not(error: Error) -> Error {
    error.hint("check that you may read this folder, and that its disk or share is connected")
}

/// The name itself or the first of its variants, counted from 2, that is not taken.
fn free_name(name: &str, taken: &HashSet<String>, variant: impl Fn(&str, usize) -> String) -> String {
    let mut free = name.to_owned();
    let mut n = 2;
    while taken.contains(&free) {
        free = variant(name, n);
        n += 1;
    }
    free
}

/// A listed folder whose samples carry their labels.
struct Labelled {
    folder: Folder,
    by_table: bool,
    by_sdnet: bool,
}

/// Gives the samples of one folder their labels: from its `labels.csv`, else from folder names. The folder's own name
/// counts only where it is one of several.
fn label(mut folder: Folder, name: &str, several: bool) -> Labelled {
    let mut by_sdnet = false;
    for sample in &mut folder.samples {
        let mut folders: Vec<&str> = sample.file.split('/').collect();
        folders.pop();
        if several {
            folders.insert(0, name);
        }
        let found = class_of_folders(&folders, if several { "" } else { name });
        by_sdnet |= matches!(found, Some((_, Layout::Sdnet)));
        sample.set_found(found.map(|(class, _)| Mark::Class(class)));
    }
    let mut by_table = false;
    if let Some(path) = &folder.table {
        let (spoken_of, faults) = table::Table::open(path).apply(&mut folder.samples, &folder.table_base);
        by_table = spoken_of > 0;
        let file = || table::FILE_NAME.to_owned();
        folder.problems.extend(faults.iter().map(|fault| Problem { file: file(), reason: fault.to_string() }));
    }
    Labelled { folder, by_table, by_sdnet }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::dataset::Class;
    use crate::job::{Flag, Progress, Unwatched};
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicBool, Ordering};
    use tempfile::TempDir;

    /// A file of the folder shared between checkouts; says so and gives nothing where it is absent.
    pub(in crate::dataset) fn shared(name: &str) -> Option<PathBuf> {
        let beside = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared")).to_path_buf();
        let path = std::env::var_os("CRACKSCOPE_SHARED").map_or(beside, PathBuf::from).join(name);
        if !path.exists() {
            eprintln!("skipped: {} is not there", path.display());
            return None;
        }
        Some(path)
    }

    fn tree(files: &[&str]) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, file.len().to_string()).unwrap();
        }
        folder
    }

    fn listed(folder: &Path) -> Dataset {
        scan(folder, &Unwatched).unwrap()
    }

    fn files(dataset: &Dataset) -> Vec<&str> {
        dataset.samples.iter().map(|sample| sample.file.as_str()).collect()
    }

    /// `+`, `-` or `?` for each photo, in order.
    fn labels(dataset: &Dataset) -> String {
        let mark = |label| match label {
            Some(Class::Positive) => '+',
            Some(Class::Negative) => '-',
            None => '?',
        };
        dataset.samples.iter().map(|sample| mark(sample.label)).collect()
    }

    fn problems(dataset: &Dataset) -> Vec<(&str, &str)> {
        dataset.problems.iter().map(|problem| (problem.file.as_str(), problem.reason.as_str())).collect()
    }

    #[test]
    fn layouts_are_recognised() {
        let run = |files: &[&str], layout, marks: &str| {
            let folder = tree(files);
            let dataset = listed(folder.path());
            assert_eq!(dataset.layout, layout, "{files:?}");
            assert_eq!(labels(&dataset), marks, "{files:?}");
            assert_eq!(dataset.problems, []);
        };
        run(&["Positive/a.jpg", "negative/a.jpg", "c.jpg"], Layout::ClassFolders, "+?-");
        run(&["2024/bridge/CRACKED/x/a.jpg", "2024/bridge/intact/b.JPG"], Layout::ClassFolders, "+-");
        run(&["crack/a.png", "no_crack/a.png"], Layout::ClassFolders, "+-");
        run(&["crack/a.png", "non-crack/a.png"], Layout::ClassFolders, "+-");
        run(&["cracked/a.png", "uncracked/a.png"], Layout::ClassFolders, "+-");
        run(&["D/CD/7001-1.jpg", "D/UD/7001-2.jpg", "W/CW/7-1.jpg", "p/up/8-1.jpg"], Layout::Sdnet, "+-+-");
        run(&["a.jpg", "b/c.webp"], Layout::Unlabelled, "??");
        run(&["Positive_tensors/1.pt", "Negative_tensors/1.pt"], Layout::IbmTensors, "-+");
        run(&["notes.txt"], Layout::Unlabelled, "");
    }

    #[test]
    fn the_table_wins_over_folder_names() {
        let folder = tree(&["Positive/a.jpg", "Positive/b.jpg", "c d.jpg", "sub/labels.csv"]);
        let table =
            "file,label,by\nPositive/a.jpg,negative,me\n./c d.jpg,1,\n../up.jpg,1,\n/etc/x.jpg,1,\nc d.jpg,maybe,\n";
        fs::write(folder.path().join("Labels.CSV"), table).unwrap();
        let dataset = listed(folder.path());
        assert_eq!(dataset.layout, Layout::LabelsCsv);
        assert_eq!(files(&dataset), ["Positive/a.jpg", "Positive/b.jpg", "c d.jpg"]);
        assert_eq!(labels(&dataset), "-++");
        // A table further down says nothing.
        assert_eq!(dataset.skipped, Skipped { other: 1, ..Skipped::default() });
        assert_eq!(
            problems(&dataset),
            [
                ("labels.csv", "line 4: \"../up.jpg\" leads out of the opened folder"),
                ("labels.csv", "line 5: \"/etc/x.jpg\" leads out of the opened folder"),
                (
                    "labels.csv",
                    "line 6: the label \"maybe\" is not known; write positive, negative, unsure or excluded"
                ),
            ]
        );
    }

    #[test]
    fn what_is_no_photo_is_counted() {
        let folder = tree(&[
            "B10.JPG",
            "b9.Jpeg",
            "ひび割れ/Brücke 1.tif",
            ".hidden.jpg",
            ".git/a.jpg",
            ".git/b.jpg",
            "Thumbs.db",
            "notes.txt",
            "noext",
            "jpg",
            "a.jpg.part",
            "x.bmp",
        ]);
        let dataset = listed(folder.path());
        assert_eq!(files(&dataset), ["B10.JPG", "b9.Jpeg", "x.bmp", "ひび割れ/Brücke 1.tif"]);
        assert_eq!(dataset.skipped, Skipped { hidden: 3, other: 4, loops: 0 });
        let last = &dataset.samples[3];
        assert_eq!(last.bytes, 2);
        assert_eq!(fs::read_to_string(&last.path).unwrap(), "26");
        assert!(last.modified.is_some());
        assert_eq!(Dataset::locate(&dataset.roots, &last.file), last.path);
    }

    #[test]
    fn several_folders_are_one_data_set() {
        let folder = tree(&["one/Positive/a.jpg", "two/Positive/a.jpg", "two/b.jpg", "two/Positive/D/CD/1.jpg"]);
        let roots = ["one/Positive", "two", "two/Positive", "one/../one/Positive"].map(|name| folder.path().join(name));
        let dataset = scan_all(&roots, &Unwatched).unwrap();
        assert_eq!(dataset.roots, roots[..3]);
        assert_eq!(root_names(&dataset.roots), ["Positive", "two", "Positive-2"]);
        let expected = [
            "Positive/a.jpg",
            "Positive-2/D/CD/1.jpg",
            "Positive-2/a.jpg",
            "two/Positive/D/CD/1.jpg",
            "two/Positive/a.jpg",
            "two/b.jpg",
        ];
        assert_eq!(files(&dataset), expected);
        assert_eq!(labels(&dataset), "+++++?");
        for sample in &dataset.samples {
            assert_eq!(Dataset::locate(&dataset.roots, &sample.file), sample.path);
        }
    }

    #[test]
    fn what_cannot_be_opened_says_so() {
        let folder = tree(&["a.jpg"]);
        let title = |name: &str| {
            let error = scan(&folder.path().join(name), &Unwatched).unwrap_err();
            assert!(error.advice().is_some());
            error.title().replace(&folder.path().display().to_string(), "F")
        };
        assert_eq!(title("gone"), "There is no folder F/gone".replace('/', std::path::MAIN_SEPARATOR_STR));
        assert_eq!(title("a.jpg"), "F/a.jpg is not a folder".replace('/', std::path::MAIN_SEPARATOR_STR));
        assert_eq!(scan_all(&[], &Unwatched).unwrap_err().title(), "No folder is given");
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_and_loops_are_harmless() {
        use std::os::unix::fs::symlink;
        let folder = tree(&["a/1.jpg", "b/2.jpg"]);
        let elsewhere = tree(&["Positive/3.jpg"]);
        let at = |name: &str| folder.path().join(name);
        symlink(elsewhere.path(), at("site")).unwrap();
        symlink(folder.path(), at("a/up")).unwrap();
        symlink("self.jpg", at("self.jpg")).unwrap();
        symlink("nowhere.jpg", at("broken.jpg")).unwrap();
        symlink("a/1.jpg", at("same.jpg")).unwrap();
        let dataset = listed(folder.path());
        assert_eq!(files(&dataset), ["a/1.jpg", "b/2.jpg", "same.jpg", "site/Positive/3.jpg"]);
        assert_eq!(labels(&dataset), "???+");
        assert_eq!(dataset.skipped.loops, 2);
        assert_eq!(problems(&dataset), [("broken.jpg", "the link leads nowhere")]);
    }

    #[cfg(unix)]
    #[test]
    fn folders_that_all_link_to_each_other_do_not_multiply() {
        use std::os::unix::fs::symlink;
        let names: Vec<String> = (0..12).map(|n| format!("{n}/{n}.jpg")).collect();
        let folder = tree(&names.iter().map(String::as_str).collect::<Vec<_>>());
        for from in 0..12 {
            for to in (0..12).filter(|to| *to != from) {
                symlink(format!("../{to}"), folder.path().join(format!("{from}/to-{to}"))).unwrap();
            }
        }
        let dataset = listed(folder.path());
        assert!((12..=24).contains(&dataset.samples.len()), "{}", dataset.samples.len());
        assert!(!dataset.problems.is_empty());
        assert_eq!(files(&dataset), files(&listed(folder.path())));
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_that_may_not_be_read_does_not_stop_the_rest() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tree(&["locked/1.jpg", "open/2.jpg"]);
        let locked = folder.path().join("locked");
        fs::set_permissions(&locked, fs::Permissions::from_mode(0o000)).unwrap();
        let may_anyway = fs::read_dir(&locked).is_ok();
        let dataset = listed(folder.path());
        fs::set_permissions(&locked, fs::Permissions::from_mode(0o755)).unwrap();
        if may_anyway {
            eprintln!("skipped: this user may read everything");
            return;
        }
        assert_eq!(files(&dataset), ["open/2.jpg"]);
        assert_eq!(dataset.problems.len(), 1);
        assert_eq!(dataset.problems[0].file, "locked");
        assert!(dataset.problems[0].reason.starts_with("cannot be listed: "));
    }

    #[cfg(unix)]
    #[test]
    fn names_that_are_not_unicode_stay_apart() {
        use std::os::unix::ffi::OsStrExt;
        let folder = tree(&["b.jpg"]);
        for name in [&b"a\xff.jpg"[..], b"a\xfe.jpg"] {
            if fs::write(folder.path().join(std::ffi::OsStr::from_bytes(name)), b"x").is_err() {
                eprintln!("skipped: this file system takes no such names");
                return;
            }
        }
        let dataset = listed(folder.path());
        assert_eq!(files(&dataset), ["a�-2.jpg", "a�.jpg", "b.jpg"]);
        assert!(dataset.samples.iter().all(|sample| sample.path.exists()));
    }

    /// Counts what it hears and asks to stop once something is done.
    #[derive(Default)]
    struct Listener {
        heard: Mutex<Vec<Progress>>,
        impatient: AtomicBool,
        stopped: Flag,
    }

    impl Watch for Listener {
        fn progress(&self, progress: Progress) {
            self.stopped.set(self.impatient.load(Ordering::SeqCst));
            self.heard.lock().unwrap().push(progress);
        }

        fn is_cancelled(&self) -> bool {
            self.stopped.get()
        }
    }

    #[test]
    fn forty_thousand_files() {
        let folder = tempfile::tempdir().unwrap();
        for class in ["Negative", "Positive"] {
            fs::create_dir(folder.path().join(class)).unwrap();
            for n in 1..=20_000 {
                fs::File::create(folder.path().join(format!("{class}/{n}.jpg"))).unwrap();
            }
        }
        let listener = Listener::default();
        let begun = std::time::Instant::now();
        let dataset = scan(folder.path(), &listener).unwrap();
        eprintln!("40,000 files listed in {:?}", begun.elapsed());
        assert_eq!((dataset.count(Class::Negative), dataset.count(Class::Positive)), (20_000, 20_000));
        assert!(dataset.samples.is_sorted_by(|a, b| order::natural(&a.file, &b.file).is_lt()));
        assert_eq!(dataset.samples[19_999].file, "Negative/20000.jpg");
        let heard = listener.heard.into_inner().unwrap();
        assert!(heard.iter().all(|p| p.phase == Phase::Scan && p.total.is_none()));
        assert!(heard.is_sorted_by_key(|p| p.done));
        assert_eq!(heard.last().unwrap().done, 40_000);

        let listener = Listener { impatient: true.into(), ..Listener::default() };
        assert!(scan(folder.path(), &listener).unwrap_err().is_cancelled());
        assert!(listener.heard.into_inner().unwrap().iter().all(|p| p.done < 40_000));
    }

    #[test]
    fn real_folders() {
        let Some(data) = shared("data") else { return };
        let metu = listed(&data.join("metu"));
        assert_eq!((metu.count(Class::Positive), metu.count(Class::Negative)), (3584, 3562));
        assert_eq!((metu.layout, metu.samples.len(), metu.problems.len()), (Layout::ClassFolders, 7146, 0));
        let odd = listed(&data.join("odd_files"));
        assert_eq!((odd.layout, odd.samples.len(), odd.problems.len()), (Layout::Unlabelled, 19, 0));
        assert_eq!(odd.skipped, Skipped { hidden: 1, other: 1, loops: 0 });
        let tensors = listed(&data.join("ibm_tensors"));
        assert_eq!((tensors.layout, labels(&tensors).as_str()), (Layout::IbmTensors, "------++++++"));
        let rough = listed(&data.join("rough_concrete"));
        assert_eq!((rough.count(Class::Positive), rough.count(Class::Negative)), (504, 296));
    }
}
