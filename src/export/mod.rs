//! What leaves the program: tables, copies of misclassified photos, contact sheets, a report, plots, a model card, and
//! the model itself.
//!
//! [`export`] writes what an [`ExportRequest`] asks for into a folder of the user's choice. The photos themselves are
//! only ever read, and nothing is written into the folders they lie in.

pub mod architecture;
pub mod canvas;
pub mod card;
pub mod contact_sheet;
pub mod copies;
pub mod figures;
#[cfg(test)]
mod fixture;
pub mod inspection;
pub mod labels;
pub mod lettering;
pub mod onnx;
pub mod page;
pub mod palette;
mod plan;
pub mod plots;
pub mod png;
mod protobuf;
pub mod report;
pub mod sheets;
pub mod tensorboard;
mod thumbnails;
mod writer;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::atomic_file;
use crate::dataset::Problem;
use crate::dataset::keep_out::keep_out;
use crate::error::{Error, Result};
use crate::format;
use crate::job::Watch;
use crate::nn::portable::PortableModel;
use crate::photo::decode;
use crate::review::predictions::{self, Prediction};
use crate::review::threshold::Threshold;
use crate::train::observer::EpochRecord;
use crate::train::run_dir::{self, MISCLASSIFIED, MODEL, PREDICTIONS, Run, RunRecord};
use plan::Plan;
use writer::Writer;

/// The report's file name.
pub const REPORT: &str = "report.html";
/// That of a report as PDF.
pub const REPORT_PDF: &str = "report.pdf";

/// What to export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contents {
    /// `misclassified.csv`: photos whose label and prediction disagree, worst first.
    pub misclassified: bool,
    /// `predictions.csv`: every photo.
    pub predictions: bool,
    /// Copies of misclassified photos in `false_positive` and `false_negative`, and of those for a person in `unsure`.
    pub copies: bool,
    /// `contact_sheet.png`, or several numbered ones.
    pub contact_sheet: bool,
    /// `report.html`.
    pub report: bool,
    /// `model.safetensors`, which PyTorch loads.
    pub safetensors: bool,
    /// `model.onnx`, and what it takes.
    pub onnx: Option<onnx::Input>,
}

impl Contents {
    /// All that was said of photos: everything but the model.
    pub const RESULTS: Self =
        Self { misclassified: true, predictions: true, copies: true, contact_sheet: true, report: true, ..Self::NONE };
    /// None of it.
    pub const NONE: Self = Self {
        misclassified: false,
        predictions: false,
        copies: false,
        contact_sheet: false,
        report: false,
        safetensors: false,
        onnx: None,
    };

    /// Whether something said of photos is among it.
    pub fn has_results(self) -> bool {
        Self { safetensors: false, onnx: None, ..self } != Self::NONE
    }

    /// Whether the model is among it.
    pub fn has_model(self) -> bool {
        self.safetensors || self.onnx.is_some()
    }
}

impl Default for Contents {
    fn default() -> Self {
        Self::RESULTS
    }
}

/// What to export, and where to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportRequest {
    /// What to export.
    pub what: Contents,
    /// The folder; made if it is not there.
    pub folder: PathBuf,
    /// Replace files of the same name. Without this an export into a folder that holds one of them fails.
    pub overwrite: bool,
}

/// What is exported from: a model, and what it said of photos. Only the photos in `predictions` are counted and shown; to
/// export the validation photos alone, give those alone.
#[derive(Clone, Debug)]
pub struct Source<'a> {
    /// What the model or run is called.
    pub name: String,
    /// The run folder or file that the model lies in, or `bundled`. Opened only where the model is asked for. None where
    /// several models were asked, as in a cross-validation.
    pub model: Option<&'a Path>,
    /// What it said.
    pub predictions: &'a [Prediction],
    /// Probability from which a photo counts as cracked, and which photos go to a person.
    pub threshold: Threshold,
    /// The folders of the photos, into which nothing is written.
    pub roots: &'a [PathBuf],
    /// The figures of each epoch; empty where they are not known.
    pub epochs: &'a [EpochRecord],
    /// The epoch whose weights were kept, from 1.
    pub best_epoch: Option<usize>,
    /// How the model was trained, where that is known.
    pub record: Option<&'a RunRecord>,
}

impl<'a> Source<'a> {
    /// All photos of a training run.
    pub fn of_run(run: &'a Run) -> Self {
        Self {
            name: run.name(),
            model: Some(&run.path),
            predictions: &run.predictions,
            threshold: run.threshold,
            roots: &run.record.data.folders,
            epochs: &run.epochs,
            best_epoch: run.best_epoch,
            record: Some(&run.record),
        }
    }

    /// A model that has said nothing of photos: a run folder, a model file or `bundled`.
    pub fn of_model(model: &'a Path) -> Self {
        Self {
            name: run_dir::name(model),
            model: Some(model),
            predictions: &[],
            threshold: Threshold::default(),
            roots: &[],
            epochs: &[],
            best_epoch: None,
            record: None,
        }
    }
}

/// What came of an export.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    /// Files written.
    pub files: usize,
    /// Photos that could not be read, and files from elsewhere among those written; by name.
    pub problems: Vec<Problem>,
}

/// The files that [`export`] would replace, in order. It touches the disk: not for the window's thread.
pub fn existing(request: &ExportRequest, source: &Source<'_>) -> Vec<PathBuf> {
    let files = Plan::new(request, source).files();
    // A link that leads nowhere is there as well.
    files.into_iter().map(|file| request.folder.join(file)).filter(|path| path.symlink_metadata().is_ok()).collect()
}

/// Writes what `request` asks for. A photo that cannot be read is a problem and does not stop the rest.
///
/// # Errors
/// Where the folder lies inside the photos, holds files that may not be replaced, or the model is asked for and there
/// is none (nothing is written then); where the folder cannot be written to, and where the user stops the job: what was
/// written until then stays, each file whole.
pub fn export(request: &ExportRequest, source: &Source<'_>, watch: &dyn Watch) -> Result<Exported> {
    let plan = Plan::new(request, source);
    keep_out(&request.folder, source.roots)?;
    for below in copies::folders() {
        keep_out(&request.folder.join(below), source.roots)?;
    }
    if !request.overwrite {
        refuse_replacing(&existing(request, source))?;
    }
    let model = if request.what.has_model() { Some(open_model(source.model)?) } else { None };
    std::fs::create_dir_all(&request.folder).map_err(|cause| atomic_file::cannot_write(&request.folder, &cause))?;
    atomic_file::tidy(&request.folder);
    let mut writer = Writer::new(request, plan.files().len(), watch);
    if let Some(model) = &model {
        write_model(&plan, model, &mut writer)?;
    }
    if plan.misclassified {
        writer.put(MISCLASSIFIED, &predictions::to_csv(&plan.wrong, source.threshold)?)?;
    }
    if plan.predictions {
        writer.put(PREDICTIONS, &predictions::to_csv(source.predictions, source.threshold)?)?;
    }
    copy_photos(&plan, &mut writer)?;
    draw_sheets(&plan, source, &mut writer)?;
    note_others(&request.folder, &plan, &mut writer);
    if plan.report {
        write_report(&plan, source, &mut writer)?;
    }
    Ok(writer.finish())
}

fn open_model(model: Option<&Path>) -> Result<PortableModel> {
    let Some(model) = model else {
        return Err(Error::new("There is no one model to export")
            .detail("each fold of a cross-validation was judged by another")
            .hint("train a model and export that"));
    };
    PortableModel::open(&run_dir::model_file(model)?)
}

fn write_model(plan: &Plan, model: &PortableModel, writer: &mut Writer<'_>) -> Result<()> {
    if plan.safetensors {
        writer.put(MODEL, &model.to_safetensors()?)?;
    }
    if let Some(input) = plan.onnx {
        writer.put(onnx::FILE, &onnx::to_bytes(model, input)?)?;
    }
    Ok(())
}

fn copy_photos(plan: &Plan, writer: &mut Writer<'_>) -> Result<()> {
    let folders: BTreeSet<_> = plan.copies.iter().filter_map(|copy| copy.to.parent()).collect();
    for folder in folders {
        writer.make_folder(folder)?;
    }
    for copy in &plan.copies {
        writer.check()?;
        match decode::read_file(&copy.from) {
            Ok(bytes) => writer.put(&copy.to, &bytes)?,
            Err(error) => {
                writer.problem(&copy.file, &error);
                writer.skip();
            }
        }
    }
    Ok(())
}

fn draw_sheets(plan: &Plan, source: &Source<'_>, writer: &mut Writer<'_>) -> Result<()> {
    let heading = contact_sheet::Heading::of(&source.name, source.predictions, source.threshold);
    let pages = plan.wrong.chunks(contact_sheet::PER_PAGE).zip(&plan.sheets);
    for (at, (photos, name)) in pages.enumerate() {
        let thumbnails = thumbnails::read(photos, contact_sheet::THUMBNAIL, writer.watch())?;
        writer.problems(photos, &thumbnails);
        writer.put(name, &contact_sheet::page(&heading, (at + 1, plan.sheets.len()), photos, &thumbnails)?)?;
    }
    Ok(())
}

fn write_report(plan: &Plan, source: &Source<'_>, writer: &mut Writer<'_>) -> Result<()> {
    let worst = plan.wrong.get(..report::MOST.min(plan.wrong.len())).unwrap_or_default();
    let thumbnails = thumbnails::read(worst, report::THUMBNAIL, writer.watch())?;
    writer.problems(worst, &thumbnails);
    let page = report::page(source, worst, &thumbnails, &writer.listed())?;
    writer.put(REPORT, page.as_bytes())
}

/// Notes files of an earlier export that would pass for some of this one. They are the user's and stay.
fn note_others(folder: &Path, plan: &Plan, writer: &mut Writer<'_>) {
    for (place, n) in plan.others(folder) {
        let files = if n == 1 { "1 file".to_owned() } else { format!("{} files", format::count(n)) };
        writer.note(place, format!("{files} from elsewhere, left as found, are no part of this export"));
    }
}

fn refuse_replacing(existing: &[PathBuf]) -> Result<()> {
    let Some(first) = existing.first() else { return Ok(()) };
    let title = match existing.len() {
        1 => format!("{} exists already", first.display()),
        n => format!("{} and {} more exist already", first.display(), format::count(n - 1)),
    };
    Err(Error::new(title)
        .detail("nothing was written")
        .hint("choose another folder, or allow these files to be replaced"))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::job::{Progress, Unwatched};

    /// A folder with photos, a run over them, and a request for all into a folder beside.
    fn setting() -> (tempfile::TempDir, Run, ExportRequest) {
        let folder = tempfile::tempdir().unwrap();
        let run = fixture::run_with_photos(&folder.path().join("photos"));
        let request =
            ExportRequest { what: Contents::RESULTS, folder: folder.path().join("new").join("out"), overwrite: false };
        (folder, run, request)
    }

    /// Every file below `folder` with its content, by name.
    fn contents(folder: &Path) -> Vec<(String, Vec<u8>)> {
        let mut files = Vec::new();
        let mut folders = vec![folder.to_path_buf()];
        while let Some(next) = folders.pop() {
            for entry in fs::read_dir(next).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let name = path.strip_prefix(folder).unwrap().to_string_lossy().replace('\\', "/");
                    files.push((name, fs::read(&path).unwrap()));
                }
            }
        }
        files.sort();
        files
    }

    fn names(folder: &Path) -> Vec<String> {
        contents(folder).into_iter().map(|file| file.0).collect()
    }

    const EVERYTHING: [&str; 7] = [
        "contact_sheet.png",
        "false_negative/c.png",
        "false_positive/a_1.png",
        "false_positive/b_1.png",
        "misclassified.csv",
        "predictions.csv",
        "report.html",
    ];

    #[test]
    fn writes_all_that_is_asked_for_and_leaves_the_photos_alone() {
        let (folder, run, request) = setting();
        let photos = folder.path().join("photos");
        let before = contents(&photos);
        assert!(existing(&request, &Source::of_run(&run)).is_empty());
        let exported = export(&request, &Source::of_run(&run), &Unwatched).unwrap();
        assert_eq!(exported, Exported { files: 7, problems: vec![] });
        assert_eq!(names(&request.folder), EVERYTHING);
        assert_eq!(contents(&photos), before);
        let copy = fs::read(request.folder.join("false_positive/b_1.png")).unwrap();
        assert_eq!(copy, fs::read(photos.join("b/1.png")).unwrap());
        let table = fs::read_to_string(request.folder.join(MISCLASSIFIED)).unwrap();
        let files: Vec<_> = table.lines().skip(1).filter_map(|line| line.split(',').nth(1)).collect();
        assert_eq!(files, ["c.png", "a/1.png", "b/1.png"]);
    }

    #[test]
    fn each_part_can_be_had_alone() {
        let (_folder, run, mut request) = setting();
        let mut expect = |what: Contents, files: &[&str]| {
            request.what = what;
            request.folder.set_file_name(format!("{what:?}").replace([' ', ':'], ""));
            export(&request, &Source::of_run(&run), &Unwatched).unwrap();
            assert_eq!(names(&request.folder), files);
        };
        expect(Contents { misclassified: true, ..Contents::NONE }, &EVERYTHING[4..5]);
        expect(Contents { predictions: true, ..Contents::NONE }, &EVERYTHING[5..6]);
        expect(Contents { copies: true, ..Contents::NONE }, &EVERYTHING[1..4]);
        expect(Contents { contact_sheet: true, ..Contents::NONE }, &EVERYTHING[..1]);
        expect(Contents { report: true, ..Contents::NONE }, &EVERYTHING[6..]);
    }

    #[test]
    fn a_model_that_has_seen_no_photos_can_be_had() {
        let (_folder, _, mut request) = setting();
        request.what = Contents { safetensors: true, onnx: Some(onnx::Input::Pixels), ..Contents::NONE };
        let source = Source::of_model(Path::new("bundled"));
        assert_eq!(export(&request, &source, &Unwatched).unwrap().files, 2);
        assert_eq!(names(&request.folder), ["model.onnx", "model.safetensors"]);
        let error = export(&request, &source, &Unwatched).unwrap_err();
        assert!(error.title().ends_with("model.safetensors and 1 more exist already"), "{error}");
        request.overwrite = true;
        assert_eq!(export(&request, &source, &Unwatched).unwrap().files, 2);
    }

    #[test]
    fn without_a_model_nothing_is_written() {
        let (folder, mut run, mut request) = setting();
        run.path = folder.path().join("run");
        fs::create_dir(&run.path).unwrap();
        request.what = Contents { onnx: Some(onnx::Input::Normalised), ..Contents::RESULTS };
        let error = export(&request, &Source::of_run(&run), &Unwatched).unwrap_err();
        assert!(error.title().ends_with("holds no finished model"), "{error}");
        assert!(!request.folder.exists());
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let (folder, run, mut request) = setting();
        fs::write(folder.path().join("new"), "a file in the way").unwrap();
        request.what = Contents { safetensors: true, ..Contents::NONE };
        let source = Source { model: Some(Path::new("bundled")), ..Source::of_run(&run) };
        let error = export(&request, &source, &Unwatched).unwrap_err();
        assert!(error.title().contains("Cannot write") && error.title().ends_with("out"), "{error}");
    }

    #[test]
    fn replaces_files_only_when_asked_and_then_all() {
        let (_folder, run, mut request) = setting();
        let source = Source::of_run(&run);
        fs::create_dir_all(request.folder.join("false_positive")).unwrap();
        for mine in [MISCLASSIFIED, "false_positive/a_1.png", "false_positive/mine.txt", "thesis.txt"] {
            fs::write(request.folder.join(mine), "mine").unwrap();
        }
        let there = existing(&request, &source);
        assert_eq!(there, [request.folder.join(MISCLASSIFIED), request.folder.join("false_positive/a_1.png")]);
        let before = contents(&request.folder);
        let error = export(&request, &source, &Unwatched).unwrap_err();
        assert!(error.title().ends_with("misclassified.csv and 1 more exist already"), "{error}");
        assert_eq!(contents(&request.folder), before);

        request.overwrite = true;
        let exported = export(&request, &source, &Unwatched).unwrap();
        assert_eq!(exported.files, 7);
        assert_eq!(exported.problems.len(), 1);
        assert_eq!(exported.problems[0].file, "false_positive");
        assert!(fs::read_to_string(request.folder.join(MISCLASSIFIED)).unwrap().starts_with("sample,file"));
        assert_eq!(fs::read(request.folder.join("thesis.txt")).unwrap(), b"mine");
        assert_eq!(fs::read(request.folder.join("false_positive/mine.txt")).unwrap(), b"mine");
    }

    #[test]
    fn unreadable_photos_are_listed_and_the_rest_goes_on() {
        let (folder, run, request) = setting();
        fs::remove_file(folder.path().join("photos/a/1.png")).unwrap();
        fs::write(folder.path().join("photos/c.png"), "no picture").unwrap();
        let exported = export(&request, &Source::of_run(&run), &Unwatched).unwrap();
        let files: Vec<_> = exported.problems.iter().map(|p| p.file.as_str()).collect();
        assert_eq!(files, ["a/1.png", "c.png"]);
        // A photo that is no picture can still be copied; one that is gone cannot.
        assert_eq!(exported.files, 6);
        assert!(!request.folder.join("false_positive/a_1.png").exists());
        assert!(request.folder.join("false_negative/c.png").exists());
        let report = fs::read_to_string(request.folder.join(REPORT)).unwrap();
        assert!(report.contains("cannot be read") && report.contains("<li>a/1.png: "));
    }

    #[test]
    fn nothing_is_written_into_the_photos() {
        let (folder, run, mut request) = setting();
        let photos = folder.path().join("photos");
        let before = contents(&photos);
        for inside in [photos.clone(), photos.join("a"), photos.join("new/deep"), photos.join("a/../new")] {
            request.folder = inside;
            let error = export(&request, &Source::of_run(&run), &Unwatched).unwrap_err();
            assert!(error.title().ends_with("lies inside the photos"), "{error}");
        }
        assert_eq!(contents(&photos), before);
        assert!(!photos.join("new").exists());
    }

    #[cfg(unix)]
    #[test]
    fn links_are_no_way_into_the_photos() {
        let (folder, run, mut request) = setting();
        let photos = folder.path().join("photos");
        let before = contents(&photos);
        std::os::unix::fs::symlink(&photos, folder.path().join("link")).unwrap();
        request.folder = folder.path().join("link/new");
        assert!(export(&request, &Source::of_run(&run), &Unwatched).is_err());

        request.folder = folder.path().join("out");
        request.overwrite = true;
        fs::create_dir(&request.folder).unwrap();
        std::os::unix::fs::symlink(&photos, request.folder.join("false_positive")).unwrap();
        assert!(export(&request, &Source::of_run(&run), &Unwatched).is_err());

        // A link to one photo is replaced, not followed.
        fs::remove_file(request.folder.join("false_positive")).unwrap();
        std::os::unix::fs::symlink(photos.join("d.png"), request.folder.join(REPORT)).unwrap();
        assert_eq!(existing(&request, &Source::of_run(&run)), [request.folder.join(REPORT)]);
        export(&request, &Source::of_run(&run), &Unwatched).unwrap();
        assert_eq!(contents(&photos), before);
    }

    /// Stops after so many questions.
    struct Impatient(AtomicUsize);

    impl Watch for Impatient {
        fn progress(&self, _: Progress) {}

        fn is_cancelled(&self) -> bool {
            self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_err()
        }
    }

    #[test]
    fn stops_when_told_and_leaves_whole_files_alone() {
        let (_folder, run, request) = setting();
        let error = export(&request, &Source::of_run(&run), &Impatient(AtomicUsize::new(3))).unwrap_err();
        assert!(error.is_cancelled());
        let left = names(&request.folder);
        assert!(!left.is_empty() && left.len() < 7, "{left:?}");
        assert!(left.iter().all(|name| EVERYTHING.contains(&name.as_str())), "{left:?}");
    }

    struct Last(std::sync::Mutex<Vec<Progress>>);

    impl Watch for Last {
        fn progress(&self, progress: Progress) {
            self.0.lock().unwrap().push(progress);
        }
    }

    #[test]
    fn progress_ends_at_the_total() {
        let (folder, run, request) = setting();
        fs::remove_file(folder.path().join("photos/a/1.png")).unwrap();
        let watch = Last(Default::default());
        export(&request, &Source::of_run(&run), &watch).unwrap();
        let seen = watch.0.into_inner().unwrap();
        assert_eq!(seen.last().map(|p| (p.done, p.total)), Some((7, Some(7))));
    }

    #[test]
    fn a_run_without_errors_has_neither_sheet_nor_copies() {
        let (_folder, mut run, request) = setting();
        run.predictions.retain(|p| !p.is_wrong(0.5));
        export(&request, &Source::of_run(&run), &Unwatched).unwrap();
        assert_eq!(names(&request.folder), ["misclassified.csv", "predictions.csv", "report.html"]);
        assert!(fs::read_to_string(request.folder.join(REPORT)).unwrap().contains("No photo is misclassified."));
    }
}
