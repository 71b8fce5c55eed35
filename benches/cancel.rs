//! How long every job of the window goes on after it was told to stop.
//!
//!     cargo bench --bench cancel -- [--photos FOLDER] [--whole PHOTO]… [--cache DIR] [--times N] [--only WORD]
//!
//! Each job is begun so often, and told to stop at another moment each time; the longest of the times from the word to the
//! end is what a user may have to wait. Without photos of one's own, samples are made. What is kept in the cache (a copy
//! of it, so that it stays as it is) is not computed again; jobs called cold begin without one.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)] // A benchmark that cannot run should say so at once.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crackscope::app::tabs::review::Scope;
use crackscope::app::worker::inspection::{Correction, InspectOrder, ModelOf, Task, ToWrite, Told, WriteOrder};
use crackscope::app::worker::jobs::{Done, ExportOrder, Job};
use crackscope::app::worker::{Event, Worker};
use crackscope::dataset::sample::{SampleConfig, concrete, write_samples};
use crackscope::dataset::{Class, Dataset};
use crackscope::error::Result;
use crackscope::export::inspection::Overlay;
use crackscope::export::inspection::report::Cover;
use crackscope::export::labels::{Form, LabelsOrder};
use crackscope::export::{Contents, ExportRequest};
use crackscope::format;
use crackscope::inspect::{Method, Settings};
use crackscope::job::Unwatched;
use crackscope::nn::bundled;
use crackscope::photo::transform;
use crackscope::places::Places;
use crackscope::train::config::{Compute, TrainConfig, Tune};
use crackscope::train::grouping::GroupConfig;

/// The latest moment at which a job is told to stop.
const LATEST: Duration = Duration::from_secs(6);
/// What a user should have to wait at most.
const GOAL: Duration = Duration::from_millis(200);

/// What to measure with.
struct Asked {
    photos: Option<PathBuf>,
    whole: Vec<PathBuf>,
    cache: Option<PathBuf>,
    times: u32,
    only: String,
}

impl Asked {
    fn of(args: impl Iterator<Item = String>) -> Self {
        let mut asked = Self { photos: None, whole: Vec::new(), cache: None, times: 8, only: String::new() };
        let mut args = args.skip(1).filter(|arg| arg != "--bench");
        while let (Some(name), Some(value)) = (args.next(), args.next()) {
            match name.as_str() {
                "--photos" => asked.photos = Some(value.into()),
                "--whole" => asked.whole.push(value.into()),
                "--cache" => asked.cache = Some(value.into()),
                "--times" => asked.times = value.parse().unwrap(),
                "--only" => asked.only = value,
                _ => panic!("{name} is none of --photos, --whole, --cache, --times, --only"),
            }
        }
        asked
    }
}

/// The window's threads, with folders of their own.
struct Bench {
    worker: Worker,
    folder: PathBuf,
    told: Vec<Told>,
}

impl Bench {
    fn begin(folder: &Path, cache: Option<&Path>) -> Self {
        let places = Places::below(folder);
        if let Some(cache) = cache {
            copy(cache, &places.cache);
        }
        let worker = Worker::start(&egui::Context::default(), places).unwrap();
        Self { worker, folder: folder.to_owned(), told: Vec::new() }
    }

    /// Runs a job; tells it to stop after `delay`. Gives how long it went on then, none where it had ended before, and
    /// what it was at.
    fn run(&mut self, job: Job, delay: Duration) -> (Option<Duration>, String, Result<Done>) {
        let (number, controls) = self.worker.run(job);
        let begun = Instant::now();
        let (mut said, mut at) = (None, String::new());
        loop {
            if said.is_none() && begun.elapsed() >= delay {
                at = self.worker.take_live().progress.map_or("the beginning", |p| p.phase.title()).to_owned();
                controls.cancel.set(true);
                said = Some(Instant::now());
            }
            let events: Vec<Event> = self.worker.events().collect();
            for event in events {
                match event {
                    Event::Ended { job, result } if job == number => return (said.map(|at| at.elapsed()), at, result),
                    Event::Inspecting(told) => self.told.push(told),
                    _ => {}
                }
            }
            std::thread::sleep(Duration::from_micros(500));
        }
    }

    /// Runs a job to its end.
    fn done(&mut self, job: Job) -> Done {
        self.run(job, Duration::MAX).2.unwrap()
    }

    fn open(&mut self, path: &Path) -> Arc<Dataset> {
        let Done::Scanned(scanned) = self.done(Job::Open(vec![path.to_owned()])) else { panic!("no photos") };
        scanned.photos.dataset
    }
}

/// Makes a job, by its number.
type Begun = Box<dyn Fn(&Bench, u32) -> Job>;

/// A job that is begun again and again.
struct Case {
    name: &'static str,
    /// Without what was computed before.
    cold: bool,
    job: Begun,
}

fn main() {
    let asked = Asked::of(std::env::args());
    let folder = tempfile::tempdir().unwrap();
    let mut warm = Bench::begin(&folder.path().join("warm"), asked.cache.as_deref());
    let cases = cases(&mut warm, &asked, folder.path());
    println!("{:<34} {:>6} {:>9} {:>9}  longest at", "job", "stops", "median", "longest");
    for case in cases.iter().filter(|case| case.name.contains(&asked.only)) {
        let mut cold = case.cold.then(|| Bench::begin(&folder.path().join("cold").join(case.name), None));
        measure(case, cold.as_mut().unwrap_or(&mut warm), asked.times);
        fs::remove_dir_all(folder.path().join("cold")).ok();
    }
}

fn measure(case: &Case, bench: &mut Bench, times: u32) {
    let mut took: Vec<(Duration, String)> = Vec::new();
    let mut latest = LATEST;
    for turn in 0..times {
        // Early moments lie closer: that is where jobs change from one thing to another.
        let part = (f64::from(turn) + 0.5) / f64::from(times);
        let begun = Instant::now();
        match bench.run((case.job)(bench, turn), latest.mul_f64(part * part)) {
            (Some(waited), at, result) => {
                if let Err(error) = result
                    && !error.is_cancelled()
                {
                    println!("{}: {error}", case.name);
                }
                took.push((waited, at));
            }
            (None, ..) => latest = begun.elapsed(), // it takes no longer
        }
    }
    took.sort();
    let Some((longest, at)) = took.last() else { return println!("{:<34}      0", case.name) };
    let (median, _) = &took[took.len() / 2];
    let mark = if *longest > GOAL { " ←" } else { "" };
    let ms = |time: &Duration| format!("{:.0} ms", 1000.0 * time.as_secs_f64());
    println!("{:<34} {:>6} {:>9} {:>9}  {at}{mark}", case.name, took.len(), ms(median), ms(longest));
}

/// What the jobs are about.
struct Material {
    photos: PathBuf,
    dataset: Arc<Dataset>,
    archive: PathBuf,
    whole: Vec<PathBuf>,
    run: PathBuf,
    export: ExportOrder,
    seen: Vec<ToWrite>,
    model: ModelOf,
}

fn material(bench: &mut Bench, asked: &Asked, folder: &Path) -> Material {
    let photos = asked.photos.clone().unwrap_or_else(|| {
        let photos = folder.join("photos");
        for (site, seed) in [("bridge", 1), ("tunnel", 2)] {
            let samples = SampleConfig { photos: 1000, seed, ..SampleConfig::default() };
            write_samples(&photos.join(site), &samples, &Unwatched).unwrap();
        }
        photos
    });
    let whole = if asked.whole.is_empty() { vec![large(folder)] } else { asked.whole.clone() };
    let dataset = bench.open(&photos);
    println!("{}, {} whole", format::photos(dataset.samples.len()), format::photos(whole.len()));
    let train = Job::Train { dataset: Arc::clone(&dataset), config: config(Tune::Head), runs: folder.join("runs") };
    let Done::Trained(trained) = bench.done(train) else { panic!("not trained") };
    let run = trained.verdict.run.clone().unwrap();
    let request = ExportRequest { what: Contents::RESULTS, folder: PathBuf::new(), overwrite: false };
    let export = ExportOrder {
        request,
        scope: Scope::All,
        verdict: trained.verdict.clone(),
        threshold: trained.verdict.threshold,
        roots: dataset.roots.clone(),
    };
    let model = ModelOf { path: bundled::NAME.into(), head: None };
    bench.done(inspect(&whole, &model, Settings::default()));
    let seen = bench.told.drain(..).filter_map(|told| match told {
        Told::Done(done) => {
            let seen = done.result.unwrap();
            let (seconds, look_seconds) = (seen.seconds, seen.look_seconds);
            Some(ToWrite { path: done.path, map: seen.map, scale: None, no_scale: None, seconds, look_seconds })
        }
        Told::Begun(_) => None,
    });
    let seen = seen.collect();
    let archive = archive(folder);
    Material { photos, dataset, archive, whole, run, export, seen, model }
}

fn config(tune: Tune) -> Box<TrainConfig> {
    Box::new(TrainConfig { tune, epochs: 200, ..TrainConfig::default() })
}

fn inspect(photos: &[PathBuf], model: &ModelOf, settings: Settings) -> Job {
    let compute = Compute::default();
    let order = InspectOrder { photos: photos.to_vec(), model: model.clone(), compute, settings, threshold: None };
    Job::Whole(Task::Inspect(Box::new(order)))
}

/// A photo of twelve megapixels.
fn large(folder: &Path) -> PathBuf {
    let path = folder.join("large.jpg");
    let photo = transform::resize(&concrete(1000, Class::Positive, 1), 4000, 3000);
    photo.save(&path).unwrap();
    path
}

/// 40,000 files of one small photo.
fn archive(folder: &Path) -> PathBuf {
    let path = folder.join("archive.zip");
    let small = folder.join("small.jpg");
    concrete(64, Class::Positive, 1).save(&small).unwrap();
    let bytes = fs::read(&small).unwrap();
    let mut zip = zip::ZipWriter::new(File::create(&path).unwrap());
    let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for number in 0..40_000 {
        let class = Class::ALL[number % 2].name();
        zip.start_file(format!("{class}/{number:05}.jpg"), options).unwrap();
        zip.write_all(&bytes).unwrap();
    }
    zip.finish().unwrap();
    path
}

fn cases(bench: &mut Bench, asked: &Asked, folder: &Path) -> Vec<Case> {
    let material = Arc::new(material(bench, asked, folder));
    let mut cases = Vec::new();
    let mut add = |name: &'static str, cold: bool, job: fn(&Material, &Bench, u32) -> Job| {
        let material = Arc::clone(&material);
        cases.push(Case { name, cold, job: Box::new(move |bench, turn| job(&material, bench, turn)) });
    };
    opening(&mut add);
    training(&mut add);
    curating(&mut add);
    leaving(&mut add);
    whole(&mut add);
    cases
}

type Add<'a> = dyn FnMut(&'static str, bool, fn(&Material, &Bench, u32) -> Job) + 'a;

fn opening(add: &mut Add<'_>) {
    add("open a folder", false, |m, _, _| Job::Open(vec![m.photos.clone()]));
    add("open a .zip of 40,000, cold", true, |m, _, _| Job::Open(vec![m.archive.clone()]));
    add("make samples", true, |_, _, _| Job::Samples);
    add("open a run", false, |m, _, _| Job::OpenRun { run: m.run.clone(), open: None });
}

fn training(add: &mut Add<'_>) {
    fn of(tune: Tune, m: &Material, bench: &Bench, turn: u32) -> Job {
        let runs = bench.folder.join(format!("runs {tune:?} {turn}"));
        Job::Train { dataset: Arc::clone(&m.dataset), config: config(tune), runs }
    }
    add("features, cold", true, |m, _, _| Job::Features {
        dataset: Arc::clone(&m.dataset),
        config: config(Tune::Head),
    });
    add("train the head", false, |m, bench, turn| of(Tune::Head, m, bench, turn));
    add("train the last block, cold", true, |m, bench, turn| of(Tune::LastBlock, m, bench, turn));
    add("train all layers, cold", true, |m, bench, turn| of(Tune::All, m, bench, turn));
    add("train again", false, |m, bench, turn| Job::TrainAgain {
        dataset: Arc::clone(&m.dataset),
        config: config(Tune::Head),
        runs: bench.folder.join(format!("again {turn}")),
        before: None,
    });
    add("find a learning rate", false, |m, _, _| Job::FindRate {
        dataset: Arc::clone(&m.dataset),
        config: config(Tune::Head),
    });
    add("find a rate for all layers", true, |m, _, _| Job::FindRate {
        dataset: Arc::clone(&m.dataset),
        config: config(Tune::All),
    });
    add("cross-validate", false, |m, _, _| Job::CrossValidate {
        dataset: Arc::clone(&m.dataset),
        config: config(Tune::Head),
        folds: 5,
    });
}

fn curating(add: &mut Add<'_>) {
    add("suspects, cold", true, |m, _, _| Job::Suspects {
        dataset: Arc::clone(&m.dataset),
        config: config(Tune::Head),
    });
    add("suspects", false, |m, _, _| Job::Suspects { dataset: Arc::clone(&m.dataset), config: config(Tune::Head) });
    add("map", false, |m, _, _| Job::Map { dataset: Arc::clone(&m.dataset), config: config(Tune::Head) });
    add("groups, cold", true, |m, _, _| Job::Group {
        dataset: Arc::clone(&m.dataset),
        config: GroupConfig::default(),
        edit: None,
    });
    add("leaks", false, |m, _, _| Job::FindLeaks {
        dataset: Arc::clone(&m.dataset),
        config: config(Tune::Head),
        run: None,
    });
    add("leave sites out", false, |m, _, _| Job::LeaveSitesOut {
        dataset: Arc::clone(&m.dataset),
        config: config(Tune::Head),
    });
}

fn leaving(add: &mut Add<'_>) {
    add("classify, cold", true, |m, _, _| Job::Classify {
        run: bundled::NAME.into(),
        dataset: Arc::clone(&m.dataset),
        compute: Compute::default(),
    });
    add("test on another folder", false, |m, _, _| Job::CheckField {
        run: m.run.clone(),
        folder: m.photos.clone(),
        compute: Compute::default(),
    });
    add("export", false, |m, bench, turn| {
        let mut order = m.export.clone();
        order.request.folder = bench.folder.join(format!("export {turn}"));
        Job::Export(Box::new(order))
    });
    add("export all as misclassified", false, |m, bench, turn| {
        let mut order = m.export.clone();
        order.request.folder = bench.folder.join(format!("export all {turn}"));
        order.threshold = 1.1.into();
        Job::Export(Box::new(order))
    });
    add("export labels as copies", false, |m, bench, turn| Job::ExportLabels {
        dataset: Arc::clone(&m.dataset),
        order: LabelsOrder { form: Form::Copies, to: bench.folder.join(format!("labels {turn}")) },
    });
}

fn whole(add: &mut Add<'_>) {
    add("list whole photos", false, |m, _, _| Job::Whole(Task::List(vec![m.photos.clone()])));
    add("inspect", true, |m, _, _| inspect(&m.whole, &m.model, Settings::default()));
    add("inspect tile by tile", true, |m, _, _| {
        inspect(&m.whole, &m.model, Settings { method: Method::Tiles, ..Settings::default() })
    });
    add("train on corrections", true, |m, _, _| {
        let paint = |path: &PathBuf| (path.clone(), (0..400).map(|i| (i, Class::ALL[usize::from(i < 200)])).collect());
        let photos = m.whole.iter().map(paint).collect();
        let (model, compute, settings) = (m.model.clone(), Compute::default(), Settings::default());
        Job::Whole(Task::Correct(Box::new(Correction { photos, model, compute, settings })))
    });
    add("export an inspection", false, |m, bench, turn| {
        let order = WriteOrder {
            folder: bench.folder.join(format!("inspection {turn}")),
            photos: m.seen.clone(),
            model: m.model.path.clone(),
            settings: Settings::default(),
            threshold: 0.5,
            stored: false,
            overlay: Overlay { opacity: 0.5, boxes: true, lines: true },
            report: Some(Cover::default()),
            roots: Vec::new(),
        };
        Job::Whole(Task::Write(Box::new(order)))
    });
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            fs::copy(&from, &to).unwrap();
        }
    }
}
