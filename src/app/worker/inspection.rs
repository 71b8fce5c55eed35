//! Inspects whole photos for the tab that shows them.
//!
//! What the network made of a photo stays with the thread of the jobs, on its [`Desk`]; the window gets maps and findings.

mod correct;
mod desk;
mod write;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Event;
use crate::app::widgets::photo_view::Picture;
use crate::dataset::{Problem, scan};
use crate::error::{Error, Result};
use crate::inspect::photo::{self, InQueue};
use crate::inspect::{Findings, HeatMap, Settings};
use crate::job::Watch;
use crate::photo::decode;
use crate::photo::exif::Lens;
use crate::places::Places;
use crate::train::config::Compute;

pub use self::correct::{Corrected, Correction};
pub use self::desk::Desk;
pub use self::write::{KeepOrder, Kept, ToWrite, WriteOrder, Written};

/// Which model looks.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ModelOf {
    /// A run folder, a model file or `bundled`.
    pub path: PathBuf,
    /// A head that was trained on corrections in place of its own, by its number.
    pub head: Option<usize>,
}

/// A piece of work.
#[derive(Clone, Debug)]
pub enum Task {
    /// List photos, and those of folders.
    List(Vec<PathBuf>),
    /// Inspect photos.
    Inspect(Box<InspectOrder>),
    /// Train on corrections.
    Correct(Box<Correction>),
    /// Write a model file.
    Keep(Box<KeepOrder>),
    /// Write what was found.
    Write(Box<WriteOrder>),
}

/// What came of it.
pub enum Outcome {
    /// Photos are listed.
    Listed {
        /// In their order.
        photos: Vec<PathBuf>,
        /// What cannot be listed.
        problems: Vec<Problem>,
    },
    /// Photos are inspected; each was told of when it was done.
    Inspected {
        /// How many.
        photos: usize,
        /// Those that cannot be.
        problems: Vec<Problem>,
        /// Whether the user ended it.
        stopped: bool,
    },
    /// A head is trained.
    Corrected(Box<Corrected>),
    /// A model file is written, or not because there is one already.
    Kept(Kept),
    /// Files are written.
    Written(Written),
}

/// Photos to be inspected.
#[derive(Clone, Debug)]
pub struct InspectOrder {
    /// In this order.
    pub photos: Vec<PathBuf>,
    /// By which model.
    pub model: ModelOf,
    /// Where to compute, and in what.
    pub compute: Compute,
    /// How.
    pub settings: Settings,
    /// The probability from which a cell counts as cracked, if not the model's own.
    pub threshold: Option<f32>,
}

/// What is told while photos are inspected.
pub enum Told {
    /// A photo is looked at.
    Begun(PathBuf),
    /// A photo is done.
    Done(Box<PhotoDone>),
}

/// A photo that was looked at.
pub struct PhotoDone {
    /// The photo.
    pub path: PathBuf,
    /// By which model.
    pub model: ModelOf,
    /// How.
    pub settings: Settings,
    /// What was seen.
    pub result: Result<Seen>,
}

/// What was seen on a photo.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The map.
    pub map: Arc<HeatMap>,
    /// What was found in it.
    pub findings: Arc<Findings>,
    /// The threshold stored with the model.
    pub stored: f32,
    /// The lens that the camera noted.
    pub lens: Option<Lens>,
    /// Time for all of it, in seconds.
    pub seconds: f64,
    /// Time for the network alone.
    pub look_seconds: f64,
}

/// Findings that are wanted at another threshold.
#[derive(Clone, Debug)]
pub struct FindOrder {
    /// The photo.
    pub path: PathBuf,
    /// Its map.
    pub map: Arc<HeatMap>,
    /// Its pixels.
    pub picture: Picture,
    /// The probability from which a cell counts as cracked.
    pub threshold: f32,
    /// How.
    pub settings: Settings,
}

impl Task {
    pub(super) fn run(
        self,
        desk: &mut Desk,
        places: &Places,
        watch: &dyn Watch,
        tell: &dyn Fn(Event),
    ) -> Result<Outcome> {
        match self {
            Self::List(paths) => list(&paths, places, watch),
            Self::Inspect(order) => inspect(desk, &order, watch, &|told| tell(Event::Inspecting(told))),
            Self::Correct(correction) => {
                correct::train(desk, &correction, places, watch).map(|done| Outcome::Corrected(Box::new(done)))
            }
            Self::Keep(order) => write::keep(desk, &order).map(Outcome::Kept),
            Self::Write(order) => write::write(&order, watch).map(Outcome::Written),
        }
    }
}

/// Photos as they are named, and those of folders and archives in their order.
fn list(paths: &[PathBuf], places: &Places, watch: &dyn Watch) -> Result<Outcome> {
    let (mut photos, mut problems) = (Vec::new(), Vec::new());
    for path in paths {
        if path.is_file() && decode::header(path).is_ok() {
            photos.push(path.clone());
            continue;
        }
        match scan::open(std::slice::from_ref(path), places, watch) {
            Ok(dataset) => photos.extend(dataset.samples.into_iter().map(|sample| sample.path)),
            Err(error) if error.is_cancelled() => return Err(error),
            Err(error) => problems.push(Problem { file: path.display().to_string(), reason: error.reason() }),
        }
    }
    if photos.is_empty() {
        let error = Error::new("There are no photos to inspect there");
        return Err(problems.iter().fold(error, |error, p| error.detail(format!("{}: {}", p.file, p.reason))));
    }
    Ok(Outcome::Listed { photos, problems })
}

/// One photo after the other; a bad one does not stop those after it.
fn inspect(desk: &mut Desk, order: &InspectOrder, watch: &dyn Watch, tell: &dyn Fn(Told)) -> Result<Outcome> {
    order.settings.validate()?;
    let pixels = |path: &PathBuf| decode::dimensions(path).map_or(0, |size| photo::pixels(size, &order.settings));
    let sizes: Vec<u64> = order.photos.iter().map(pixels).collect();
    let (mut before, total) = (0, sizes.iter().sum());
    let (mut photos, mut problems, mut stopped) = (0, Vec::new(), false);
    for (path, size) in order.photos.iter().zip(&sizes) {
        tell(Told::Begun(path.clone()));
        let result = desk.look(path, order, &InQueue { watch, before, total });
        if result.as_ref().is_err_and(Error::is_cancelled) {
            stopped = true;
            break;
        }
        match &result {
            Ok(_) => photos += 1,
            Err(error) => problems.push(Problem { file: name(path), reason: error.reason() }),
        }
        let (model, settings) = (order.model.clone(), order.settings.clone());
        tell(Told::Done(Box::new(PhotoDone { path: path.clone(), model, settings, result })));
        before += size;
    }
    Ok(Outcome::Inspected { photos, problems, stopped })
}

/// A photo's file name.
pub fn name(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

/// The findings at a threshold, from pixels that are at hand.
pub(super) fn find(order: &FindOrder) -> Result<Arc<Findings>> {
    let photo = order.picture.photo().ok_or_else(|| Error::new("The photo has no pixels"))?;
    Ok(Arc::new(Findings::of(&order.map, photo, order.threshold, &order.settings)))
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use image::{Rgb, RgbImage};

    use super::*;
    use crate::dataset::Class;
    use crate::export::inspection::Overlay;
    use crate::export::inspection::report::Cover;
    use crate::export::{REPORT, REPORT_PDF};
    use crate::job::{Progress, Unwatched};
    use crate::nn::bundled;
    use crate::train::config::{DeviceChoice, PrecisionChoice};

    const COMPUTE: Compute = Compute { device: DeviceChoice::Cpu, precision: PrecisionChoice::F32 };

    /// Concrete with a dark line across.
    fn drawn(path: &Path, (width, height): (u32, u32)) {
        let grain = |x: u32, y: u32| 150 + ((x * 7919 + y * 104_729) % 29) as u8;
        let photo = RgbImage::from_fn(width, height, |x, y| {
            let line = height / 2 + ((x as f32 / 23.0).sin() * 9.0) as u32;
            Rgb(if y.abs_diff(line) < 3 { [40; 3] } else { [grain(x, y); 3] })
        });
        photo.save(path).unwrap();
    }

    fn order(photos: Vec<PathBuf>) -> InspectOrder {
        let model = ModelOf { path: bundled::NAME.into(), head: None };
        // At one scale a cell is one sample, and what is said of samples holds for cells.
        let settings = Settings { scales: vec![1.0], ..Settings::default() };
        InspectOrder { photos, model, compute: COMPUTE, settings, threshold: None }
    }

    fn run(desk: &mut Desk, order: &InspectOrder, watch: &dyn Watch) -> (Outcome, Vec<PhotoDone>) {
        let told = RefCell::new(Vec::new());
        let outcome = inspect(desk, order, watch, &|new| {
            if let Told::Done(done) = new {
                told.borrow_mut().push(*done);
            }
        });
        (outcome.unwrap(), told.into_inner())
    }

    #[test]
    fn a_queue_goes_on_past_a_bad_photo_and_a_second_look_needs_no_pass() {
        let folder = tempfile::tempdir().unwrap();
        let paths: Vec<PathBuf> = ["a.png", "bad.jpg", "c.png"].map(|name| folder.path().join(name)).into();
        drawn(&paths[0], (400, 300));
        std::fs::write(&paths[1], "no picture").unwrap();
        drawn(&paths[2], (130, 70));
        let mut desk = Desk::default();
        let (outcome, told) = run(&mut desk, &order(paths.clone()), &Unwatched);
        let Outcome::Inspected { photos, problems, stopped } = outcome else { panic!() };
        assert_eq!((photos, problems.len(), stopped), (2, 1, false));
        assert_eq!(problems[0].file, "bad.jpg");
        let first = told[0].result.as_ref().unwrap().clone();
        assert_eq!((first.map.grid.columns, first.map.grid.rows), (13, 10));
        assert!(first.look_seconds > 0.0);
        // Another window is another map of the same look.
        let mut again = order(vec![paths[0].clone()]);
        again.settings.window = 7;
        let (_, told) = run(&mut desk, &again, &Unwatched);
        let second = told[0].result.as_ref().unwrap();
        assert_eq!(second.look_seconds, 0.0);
        assert_ne!(second.map, first.map);
        let mut anew = Desk::default();
        let (_, told) = run(&mut anew, &again, &Unwatched);
        assert_eq!(told[0].result.as_ref().unwrap().map, second.map, "the same as a look of its own");
    }

    #[test]
    fn a_stopped_queue_keeps_what_is_done() {
        struct After(std::sync::atomic::AtomicBool);
        impl Watch for After {
            fn progress(&self, progress: Progress) {
                // The first photo has 120,000 pixels.
                self.0.fetch_or(progress.done >= 120_000, std::sync::atomic::Ordering::SeqCst);
            }
            fn is_cancelled(&self) -> bool {
                self.0.load(std::sync::atomic::Ordering::SeqCst)
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let paths: Vec<PathBuf> = ["a.png", "b.png", "c.png"].map(|name| folder.path().join(name)).into();
        paths.iter().for_each(|path| drawn(path, (400, 300)));
        let (outcome, told) = run(&mut Desk::default(), &order(paths), &After(false.into()));
        let Outcome::Inspected { photos, stopped, .. } = outcome else { panic!() };
        assert!(stopped && photos < 3 && told.len() == photos, "{photos} of {}", told.len());
    }

    #[test]
    fn a_report_comes_as_pdf_and_as_html_and_again_into_the_same_folder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        drawn(&path, (400, 300));
        let looked = order(vec![path.clone()]);
        let (_, told) = run(&mut Desk::default(), &looked, &Unwatched);
        let map = Arc::clone(&told[0].result.as_ref().unwrap().map);
        let photo = ToWrite { path, map, scale: None, no_scale: None, seconds: 1.0, look_seconds: 0.9 };
        let order = WriteOrder {
            folder: folder.path().join("out"),
            photos: vec![photo],
            model: looked.model.path,
            settings: looked.settings,
            threshold: 0.5,
            stored: true,
            overlay: Overlay::default(),
            report: Some(Cover::default()),
            roots: Vec::new(),
        };
        for _ in 0..2 {
            assert_eq!(write::write(&order, &Unwatched).unwrap().photos, 1);
            assert!(std::fs::read(order.folder.join(REPORT_PDF)).unwrap().starts_with(b"%PDF-"));
            assert!(std::fs::read(order.folder.join(REPORT)).unwrap().starts_with(b"<!doctype html>"));
        }
    }

    #[test]
    fn corrections_turn_the_cells_that_they_are_about_and_the_model_can_be_kept() {
        let folder = tempfile::tempdir().unwrap();
        let places = Places::below(folder.path().join("home"));
        let photo = folder.path().join("a.png");
        drawn(&photo, (640, 480));
        // Two rows of cells that look like nothing else on the photo.
        let mut pixels = decode::decode(&photo).unwrap();
        pixels.enumerate_pixels_mut().filter(|(_, y, _)| *y < 64).for_each(|(.., pixel)| pixel.0 = [40, 70, pixel[2]]);
        pixels.save(&photo).unwrap();
        let mut desk = Desk::default();
        let inspect = order(vec![photo.clone()]);
        let (_, told) = run(&mut desk, &inspect, &Unwatched);
        let seen = told[0].result.as_ref().unwrap().clone();
        // Against what the model says of them, whatever that is; and what the rest shows, so that there is either.
        let says = |map: &HeatMap, cell: usize| map.p(cell) >= 0.5;
        let class = |cracked: bool| if cracked { Class::Positive } else { Class::Negative };
        let cracked = (0..40).filter(|cell| says(&seen.map, *cell)).count() > 20;
        let mut cells: Vec<(usize, Class)> = (0..40).map(|cell| (cell, class(!cracked))).collect();
        cells.extend((140..160).map(|cell| (cell, class(cracked))));
        let correction = Correction {
            photos: vec![(photo.clone(), cells.clone())],
            model: inspect.model.clone(),
            compute: COMPUTE,
            settings: inspect.settings.clone(),
        };
        let done = correct::train(&mut desk, &correction, &places, &Unwatched).unwrap();
        let right = |map: &HeatMap| cells.iter().filter(|(cell, of)| class(says(map, *cell)) == *of).count();
        assert_eq!((done.model.head, done.cells, done.right_before), (Some(0), 60, right(&seen.map)));
        let (path, map) = &done.maps[0];
        assert_eq!((path, right(map)), (&photo, done.right_after));
        assert!(done.right_before <= 40 && done.right_after >= 56, "{} {}", done.right_before, done.right_after);

        // What was trained is used in later looks, and leaves the model's own head as it was.
        let mut with = order(vec![photo.clone()]);
        with.model = done.model.clone();
        assert_eq!(run(&mut desk, &with, &Unwatched).1[0].result.as_ref().unwrap().map, *map);
        assert_eq!(run(&mut desk, &inspect, &Unwatched).1[0].result.as_ref().unwrap().map, seen.map);

        let file = folder.path().join("kept/site.safetensors");
        let mut keep = KeepOrder {
            model: done.model.clone(),
            compute: COMPUTE,
            threshold: 0.4,
            path: file.clone(),
            replace: false,
            roots: Vec::new(),
        };
        assert!(matches!(write::keep(&mut desk, &keep), Ok(Kept::Written(path)) if path == file));
        assert!(matches!(write::keep(&mut desk, &keep), Ok(Kept::Exists(_))));
        keep.path = folder.path().join("site.txt");
        assert!(write::keep(&mut desk, &keep).is_err(), "it would not be taken for a model");
        let mut from_file = order(vec![photo]);
        from_file.model = ModelOf { path: file, head: None };
        let (_, told) = run(&mut Desk::default(), &from_file, &Unwatched);
        let kept = told[0].result.as_ref().unwrap();
        assert_eq!((kept.stored, kept.map == *map), (0.4, true));
    }

    #[test]
    fn looks_share_a_bounded_room() {
        let folder = tempfile::tempdir().unwrap();
        let photo = folder.path().join("a.png");
        drawn(&photo, (400, 300));
        let (_, told) = run(&mut Desk::with_room(0), &order(vec![photo.clone()]), &Unwatched);
        assert!(told[0].result.is_ok());
        let mut desk = Desk::with_room(0);
        run(&mut desk, &order(vec![photo.clone(), photo]), &Unwatched);
        assert_eq!(desk.looks(), 1, "the one that is looked at stays, whatever its size");
    }
}
