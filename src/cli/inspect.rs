//! `crackscope inspect`: whole photos, and where the cracks are.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use clap::Args;
use serde_json::{Value, json};

use super::{Outcome, Session, table};
use crate::dataset::keep_out::keep_out;
use crate::dataset::{Problem, scan};
use crate::error::{Error, Result};
use crate::export::inspection::report::{self, Cover, ModelCard, Particulars, Report};
use crate::export::inspection::{self, Entry, Overlay, With};
use crate::format;
use crate::inspect::evaluate::{Figures, Tally, Truth};
use crate::inspect::photo::{self, InQueue, Inspected, Ruler};
use crate::inspect::{Inspector, Join, LeaveOut, Method, Settings};
use crate::job::{Unwatched, Watch};
use crate::nn::bundled;
use crate::photo::decode;
use crate::train::run_dir;

#[derive(Args, Debug)]
#[command(override_usage = "crackscope inspect [OPTIONS] --out <DIR> [RUN] <PHOTO|FOLDER>...")]
pub(super) struct Options {
    /// A run folder or a model file (without one: `bundled`, the model that comes with the program), then photos of any
    /// size up to 100 megapixels, or folders of them
    #[arg(required = true, value_name = "PHOTO")]
    paths: Vec<PathBuf>,
    /// Folder to write to: overlays, masks, cells.csv, cracks.geojson, coco.json and inspection.json
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Sizes at which photos go through the network: 2 for cracks of a pixel or two, 0.25 for those of forty [default:
    /// 0.5,1,2; of photos with more than 4 megapixels 0.25,0.5,1]
    #[arg(long, value_name = "SCALES", value_delimiter = ',')]
    scales: Option<Vec<f32>>,
    /// How several scales become one map
    #[arg(long, value_enum, value_name = "HOW", default_value_t)]
    join: Join,
    /// Cells of 32 pixels on a side of the window that a cell's probability is of: 1 for the cell itself, 7 for the square
    /// that the network was trained on
    #[arg(long, value_name = "CELLS", default_value_t = Settings::default().window)]
    window: usize,
    /// Probability from which a cell counts as cracked [default: the one stored with the model]
    #[arg(long, value_name = "P", value_parser = probability)]
    threshold: Option<f32>,
    /// One pass over the photo, or tiles of 227 pixels, each as a photo of its own
    #[arg(long, value_enum, value_name = "METHOD", default_value_t)]
    method: Method,
    /// Pixels from one tile to the next
    #[arg(long, value_name = "PIXELS", default_value_t = Settings::default().tile_step)]
    tile_step: u32,
    /// Keep findings along what is straight and goes on so: joints, formwork edges
    #[arg(long)]
    keep_joints: bool,
    /// Keep findings that are dark against one side only: rims of markings, edges of shadows
    #[arg(long)]
    keep_rims: bool,
    /// Pixels to a millimetre of the surface, for lengths in millimetres
    #[arg(long, value_name = "N", conflicts_with = "distance")]
    pixels_per_mm: Option<f64>,
    /// Distance of the surface in metres; with the lens that the camera noted it gives lengths in millimetres
    #[arg(long, value_name = "METRES")]
    distance: Option<f64>,
    /// How strongly the map covers the photo in overlays, 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = Overlay::default().opacity, value_parser = probability)]
    opacity: f32,
    /// Folder of masks, named as the photos, in which any pixel that is not black is crack: says how good the map is
    #[arg(long, value_name = "DIR")]
    masks: Option<PathBuf>,
    /// Write a report: a PDF where the name ends in .pdf, or else one page of HTML that holds its pictures. Given twice, both
    #[arg(long, value_name = "FILE", help_heading = "Report")]
    report: Vec<PathBuf>,
    /// TOML file with facts for the report's cover, named as the options below: client = "…"; others below a line `[more]`
    #[arg(long, value_name = "FILE", requires = "report", help_heading = "Report")]
    facts: Option<PathBuf>,
    #[command(flatten)]
    cover: Cover,
}

fn probability(text: &str) -> std::result::Result<f32, String> {
    let value = text.parse().ok().filter(|value| (0.0..=1.0).contains(value));
    value.ok_or_else(|| "expected a number from 0 to 1".to_owned())
}

pub(super) fn run(options: &Options, session: &Session) -> Result<Outcome> {
    let (run, paths) = options.parts()?;
    let settings = options.settings();
    settings.validate()?;
    let ruler = options.ruler()?;
    let photos = listed(paths, session)?;
    let cover = options.cover()?;
    let roots = roots(paths, &options.out);
    options.check_reports(&roots)?;
    let mut writer = inspection::Writer::create(&options.out, &roots)?;
    let mut report = Report::of(photos.len());
    let inspector = Inspector::open(run, session.compute)?;
    let threshold = options.threshold.unwrap_or(inspector.threshold().at);
    let mut problems = Vec::new();
    let mut judged = Judged::new(options.masks.as_deref());
    let sizes: Vec<u64> =
        photos.iter().map(|photo| decode::dimensions(photo).map_or(0, |size| photo::pixels(size, &settings))).collect();
    let overlay = Overlay { opacity: options.opacity, ..Overlay::default() };
    let (mut before, total) = (0, sizes.iter().sum());
    let mut interrupted = false;
    for (path, size) in photos.iter().zip(&sizes) {
        let watch = InQueue { watch: &session.terminal, before, total };
        let entry = photo::inspect(&inspector, path, &settings, threshold, ruler, &watch).and_then(|opened| {
            let sheet = (!options.report.is_empty()).then(|| report.sheet(&opened, &overlay)).transpose()?;
            let entry = writer.add(opened, &overlay, &session.terminal)?;
            sheet.into_iter().for_each(|sheet| report.add(sheet));
            Ok(entry)
        });
        match entry {
            Ok(entry) => {
                session.terminal.say(&line(entry));
                problems.extend(judged.add(&entry.inspected).map(|reason| problem(path, reason)));
            }
            Err(error) if error.is_cancelled() => {
                interrupted = true;
                break;
            }
            Err(error) => {
                session.terminal.say(&error.one_line());
                problems.push(problem(path, error.reason()));
            }
        }
        before += size;
    }
    if writer.is_empty() && !interrupted {
        let error = Error::new("None of the photos could be inspected");
        return Err(problems.iter().fold(error, |error, p| error.detail(format!("{}: {}", p.file, p.reason))));
    }
    let with = With { model: run, settings: &settings, threshold, stored: options.threshold.is_none() };
    let figures = judged.figures();
    let (entries, mut summary) = writer.finish(&with, &problems, figures.as_ref().map(|figures| json!(figures)))?;
    let mut text = text(&entries, &with, &options.out, &problems, figures.as_ref());
    if !options.report.is_empty() {
        let problems = uninspected(&problems, &entries);
        let card = ModelCard::of(run);
        let (evaluation, made) = (figures.as_ref(), SystemTime::now());
        let particulars =
            Particulars { cover: &cover, with: &with, card: &card, evaluation, problems: &problems, made };
        let document = report.document(&particulars);
        // A stop has ended the inspection; the report on what was done until then is still to come.
        let watch: &dyn Watch = if interrupted { &Unwatched } else { &session.terminal };
        for path in &options.report {
            document.write(path, watch)?;
            text += &format!("Report: {}\n", path.display());
            insert(&mut summary, if report::is_pdf(path) { "report_pdf" } else { "report" }, path);
        }
    }
    insert(&mut summary, "out", &options.out);
    Ok(Outcome { interrupted, ..Outcome::new(text, summary) })
}

impl Options {
    /// The run, and the photos and folders.
    fn parts(&self) -> Result<(&Path, &[PathBuf])> {
        let bundled = Path::new(bundled::NAME);
        let is_model = |path: &Path| {
            let model =
                path.extension().is_some_and(|e| ["safetensors", "pth"].iter().any(|m| e.eq_ignore_ascii_case(m)));
            run_dir::is_bundled(path) || run_dir::is_run(path) || model
        };
        match self.paths.as_slice() {
            [run, photos @ ..] if is_model(run) && !photos.is_empty() => Ok((run, photos)),
            [run, photos @ ..] if !run.exists() && !photos.is_empty() => Ok((run, photos)),
            [run] if is_model(run) => Err(Error::usage(format!("No photos were given to {}", run.display()))
                .hint("name photos, or folders of photos, after it")),
            photos => Ok((bundled, photos)),
        }
    }

    fn settings(&self) -> Settings {
        let defaults = Settings::default();
        Settings {
            method: self.method,
            scales: self.scales.clone().unwrap_or(defaults.scales),
            window: self.window,
            join: self.join,
            tile_step: self.tile_step,
            keep_features: false,
            leave_out: LeaveOut { joints: !self.keep_joints, rims: !self.keep_rims },
        }
    }

    /// What the cover says: the options, and the file where they say nothing.
    fn cover(&self) -> Result<Cover> {
        if self.report.is_empty() && self.cover != Cover::default() {
            return Err(Error::usage("Facts were given for a report, and no report was asked for")
                .hint("say where to write it with --report FILE.pdf or FILE.html"));
        }
        Ok(match &self.facts {
            Some(path) => self.cover.clone().or(Cover::read(path)?),
            None => self.cover.clone(),
        })
    }

    /// Checks where reports would be written, before anything is computed for them.
    fn check_reports(&self, roots: &[PathBuf]) -> Result<()> {
        let pdfs = self.report.iter().filter(|path| report::is_pdf(path)).count();
        if pdfs > 1 || self.report.len() > pdfs + 1 {
            let kind = if pdfs > 1 { "PDF" } else { "HTML" };
            return Err(Error::usage(format!("More than one report was asked for as {kind}"))
                .hint("give --report once for a PDF, which ends in .pdf, and once for HTML"));
        }
        self.report.iter().try_for_each(|path| check_report(path, roots))
    }

    fn ruler(&self) -> Result<Ruler> {
        let positive = |number: f64, option: &str| {
            let good = number.is_finite() && number > 0.0;
            good.then_some(number).ok_or_else(|| Error::usage(format!("{option} must be a positive number")))
        };
        Ok(match (self.pixels_per_mm, self.distance) {
            (Some(number), _) => Ruler::PixelsPerMm(positive(number, "--pixels-per-mm")?),
            (None, Some(metres)) => Ruler::Metres(positive(metres, "--distance")?),
            (None, None) => Ruler::None,
        })
    }
}

/// Checks where a report would be written.
fn check_report(path: &Path, roots: &[PathBuf]) -> Result<()> {
    if path.is_dir() {
        return Err(
            Error::usage(format!("{} is a folder", path.display())).hint("give the file to write with --report")
        );
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if folder.is_some_and(|folder| !folder.is_dir()) {
        return Err(
            Error::usage(format!("There is no folder for {}", path.display())).hint("make it, or choose another")
        );
    }
    keep_out(path, roots)
}

/// Photos as they are named, and those of folders in their order.
fn listed(paths: &[PathBuf], session: &Session) -> Result<Vec<PathBuf>> {
    let mut photos = Vec::new();
    for path in paths {
        if path.is_dir() {
            let dataset = scan::open(std::slice::from_ref(path), &session.places, &session.terminal)?;
            photos.extend(dataset.samples.into_iter().map(|sample| sample.path));
        } else {
            photos.push(path.clone());
        }
    }
    if photos.is_empty() {
        return Err(
            Error::new("There are no photos in the folders given").hint("name photos, or folders that hold some")
        );
    }
    Ok(photos)
}

/// Where nothing may be written: the folders given, and those that photos were named from where these are the very folder
/// to write to.
fn roots(paths: &[PathBuf], out: &Path) -> Vec<PathBuf> {
    let same = |folder: &Path| folder.canonicalize().ok().is_some_and(|real| out.canonicalize().ok() == Some(real));
    let root = |path: &PathBuf| {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if path.is_dir() { Some(path.clone()) } else { Some(folder.to_path_buf()).filter(|folder| same(folder)) }
    };
    paths.iter().filter_map(root).collect()
}

fn problem(path: &Path, reason: String) -> Problem {
    Problem { file: path.display().to_string(), reason }
}

/// Problems with photos that did not get as far as to be inspected.
fn uninspected(problems: &[Problem], entries: &[Entry]) -> Vec<Problem> {
    let inspected: HashSet<String> = entries.iter().map(|entry| entry.inspected.path.display().to_string()).collect();
    problems.iter().filter(|problem| !inspected.contains(&problem.file)).cloned().collect()
}

/// What becomes of masks.
struct Judged<'a> {
    folder: Option<&'a Path>,
    tally: Tally,
}

impl<'a> Judged<'a> {
    fn new(folder: Option<&'a Path>) -> Self {
        Self { folder, tally: Tally::default() }
    }

    /// Holds a photo against its mask; says why that cannot be done.
    fn add(&mut self, inspected: &Inspected) -> Option<String> {
        let folder = self.folder?;
        let stem = inspected.path.file_stem()?;
        let mut files: Vec<PathBuf> =
            folder.read_dir().into_iter().flatten().flatten().map(|file| file.path()).collect();
        files.sort();
        let Some(mask) = files.into_iter().find(|file| file.file_stem() == Some(stem)) else {
            return Some(format!("no mask of this name in {}", folder.display()));
        };
        match decode::decode(&mask) {
            Ok(mask) => {
                let truth = Truth::of(&any_channel(&mask), &inspected.map.grid);
                self.tally.add(&inspected.map, inspected.findings.threshold, &inspected.findings.cracked, &truth);
                None
            }
            Err(error) => Some(error.one_line()),
        }
    }

    fn figures(&self) -> Option<Figures> {
        self.folder.map(|_| self.tally.figures())
    }
}

/// The strongest channel of each pixel.
fn any_channel(mask: &image::RgbImage) -> image::GrayImage {
    let level = |x, y| image::Luma([mask.get_pixel(x, y).0.into_iter().max().unwrap_or(0)]);
    image::GrayImage::from_fn(mask.width(), mask.height(), level)
}

/// A photo in a line.
fn line(entry: &Entry) -> String {
    let Inspected { map, measures, seconds, look_seconds, no_scale, .. } = &entry.inspected;
    let megapixels = f64::from(map.grid.width) * f64::from(map.grid.height) / 1e6;
    let length = match measures.length_mm {
        Some(mm) => format!("{:.0} px = {mm:.0} mm", measures.length_px),
        None => format!("{:.0} px", measures.length_px),
    };
    let scale = no_scale.as_ref().map(|reason| format!("; no millimetres: {reason}")).unwrap_or_default();
    format!(
        "{}: {} × {}, {:.1} % of cells cracked, {}, {length}, p up to {:.3}, {seconds:.1} s ({:.2} s a megapixel){scale}",
        entry.name,
        map.grid.width,
        map.grid.height,
        100.0 * measures.cracked_share,
        format::counted(measures.regions, "region", "regions"),
        measures.p_max,
        look_seconds / megapixels.max(1e-6),
    )
}

fn text(entries: &[Entry], with: &With<'_>, out: &Path, problems: &[Problem], figures: Option<&Figures>) -> String {
    let lines: String = entries.iter().map(|entry| line(entry) + "\n").collect();
    let cracked = entries.iter().filter(|entry| entry.inspected.measures.cracked_cells > 0).count();
    format!(
        "{lines}\n{cracked} of {} with cracked cells, by {} at threshold {}.\nWritten to {}\n{}{}",
        format::photos(entries.len()),
        run_dir::name(with.model),
        with.threshold,
        out.display(),
        figures.map(evaluation).unwrap_or_default(),
        table::unreadable(problems),
    )
}

/// What masks say of the map.
fn evaluation(figures: &Figures) -> String {
    format!(
        "Against the masks: cells: average precision {}, F1 {} (precision {}, recall {}); cracks found on {} of {}; {} \
         called cracked away from any crack, {} a megapixel.\n",
        format::figure(figures.average_precision),
        format::figure(figures.f1),
        format::figure(figures.precision),
        format::figure(figures.recall),
        figures.detected,
        format::photos(figures.photos),
        format::counted(figures.false_clear_cells, "cell", "cells"),
        format::figure(figures.false_clear_cells_per_megapixel),
    )
}

/// Adds a path to what is printed as JSON.
fn insert(summary: &mut Value, name: &str, path: &Path) {
    if let Some(all) = summary.as_object_mut() {
        all.insert(name.into(), json!(path));
    }
}
