//! Writes what was found, and models with heads that were trained on corrections.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::{Desk, ModelOf, name};
use crate::atomic_file;
use crate::dataset::Problem;
use crate::dataset::keep_out::keep_out;
use crate::error::{Context, Error, Result};
use crate::export::inspection::report::{Cover, ModelCard, Particulars, Report};
use crate::export::inspection::{Overlay, With, Writer};
use crate::export::{REPORT, REPORT_PDF};
use crate::inspect::photo::{Inspected, Opened};
use crate::inspect::{Findings, HeatMap, Look, Measures, Scale, Settings};
use crate::job::{Meter, Phase, Watch};
use crate::nn::network::Model;
use crate::photo::decode;
use crate::train::config::Compute;

/// What was found on photos, to be written.
#[derive(Clone, Debug)]
pub struct WriteOrder {
    /// The folder.
    pub folder: PathBuf,
    /// The photos, in their order.
    pub photos: Vec<ToWrite>,
    /// The model that looked.
    pub model: PathBuf,
    /// How it looked.
    pub settings: Settings,
    /// The probability from which a cell counts as cracked.
    pub threshold: f32,
    /// Whether that is the one stored with the model.
    pub stored: bool,
    /// What overlays show.
    pub overlay: Overlay,
    /// What the cover of the report says, where there is to be one.
    pub report: Option<Cover>,
    /// The folders of the photos, into which nothing is written.
    pub roots: Vec<PathBuf>,
}

/// A photo that was inspected.
#[derive(Clone, Debug)]
pub struct ToWrite {
    /// Where it lies.
    pub path: PathBuf,
    /// Its map.
    pub map: Arc<HeatMap>,
    /// How pixels become millimetres.
    pub scale: Option<Scale>,
    /// Why they do not, where the user wanted it.
    pub no_scale: Option<String>,
    /// Time that its inspection took, in seconds.
    pub seconds: f64,
    /// Time for the network alone.
    pub look_seconds: f64,
}

/// What was written.
#[derive(Clone, Debug)]
pub struct Written {
    /// Where to.
    pub folder: PathBuf,
    /// How many photos.
    pub photos: usize,
    /// Those that could not be read any more.
    pub problems: Vec<Problem>,
}

/// A model file to be written.
#[derive(Clone, Debug)]
pub struct KeepOrder {
    /// The model.
    pub model: ModelOf,
    /// Where to compute, and in what.
    pub compute: Compute,
    /// The threshold that is stored with it.
    pub threshold: f32,
    /// The file.
    pub path: PathBuf,
    /// Whether a file that is there may be replaced.
    pub replace: bool,
    /// The folders of the photos, into which nothing is written.
    pub roots: Vec<PathBuf>,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It is written.
    Written(PathBuf),
    /// There is a file already.
    Exists(PathBuf),
}

/// Findings are made anew from the maps, at the threshold that holds.
pub(super) fn write(order: &WriteOrder, watch: &dyn Watch) -> Result<Written> {
    let mut writer = Writer::create(&order.folder, &order.roots)?;
    let mut meter = Meter::new(watch, Phase::Export, Some(order.photos.len() as u64));
    let mut report = Report::of(order.photos.len());
    let (mut photos, mut problems) = (0, Vec::new());
    for photo in &order.photos {
        watch.check()?;
        match decode::decode(&photo.path) {
            Ok(pixels) => {
                watch.check()?;
                let opened = opened(photo, pixels, order);
                watch.check()?;
                if order.report.is_some() {
                    report.add(report.sheet(&opened, &order.overlay)?);
                    watch.check()?;
                }
                writer.add(opened, &order.overlay, watch)?;
                photos += 1;
            }
            Err(error) => problems.push(Problem { file: name(&photo.path), reason: error.reason() }),
        }
        meter.add(1);
    }
    if photos == 0 {
        return Err(Error::new("None of the photos can be read any more")
            .hint("see whether their folder is still there, and open it again"));
    }
    let with =
        With { model: &order.model, settings: &order.settings, threshold: order.threshold, stored: order.stored };
    if let Some(cover) = &order.report {
        let (card, made) = (ModelCard::of(&order.model), SystemTime::now());
        let particulars = Particulars { cover, with: &with, card: &card, evaluation: None, problems: &problems, made };
        let document = report.document(&particulars);
        for name in [REPORT, REPORT_PDF] {
            document.write(&order.folder.join(name), watch)?;
        }
    }
    writer.finish(&with, &problems, None)?;
    Ok(Written { folder: order.folder.clone(), photos, problems })
}

fn opened(photo: &ToWrite, pixels: image::RgbImage, order: &WriteOrder) -> Opened {
    let map = HeatMap::clone(&photo.map);
    let findings = Findings::of(&map, &pixels, order.threshold, &order.settings);
    let measures = Measures::of(&map, &findings, photo.scale);
    let look = Look { grid: map.grid, layers: Vec::new() };
    let inspected = Inspected {
        path: photo.path.clone(),
        map,
        findings,
        measures,
        scale: photo.scale,
        no_scale: photo.no_scale.clone(),
        seconds: photo.seconds,
        look_seconds: photo.look_seconds,
    };
    Opened { inspected, photo: pixels, look }
}

pub(super) fn keep(desk: &mut Desk, order: &KeepOrder) -> Result<Kept> {
    let path = &order.path;
    if !path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("safetensors")) {
        return Err(Error::usage(format!("{} is no name for a model", path.display()))
            .hint("let it end in .safetensors, so that it can be told from photos"));
    }
    keep_out(path, &order.roots)?;
    if path.exists() && !order.replace {
        return Ok(Kept::Exists(path.clone()));
    }
    let open = desk.model(&order.model, order.compute)?;
    let model = open.inspector.model();
    let mut threshold = model.threshold;
    if threshold.at != order.threshold {
        threshold = order.threshold.into();
    }
    let kept = Model {
        network: model.network.clone(),
        head: model.head.snapshot()?,
        threshold,
        temperature: model.temperature,
    };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).on_file("make the folder", folder)?;
    atomic_file::write_with(path, |file| kept.to_state(0).write_safetensors(file))?;
    Ok(Kept::Written(path.clone()))
}
