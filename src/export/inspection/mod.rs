//! What an inspection of whole photos leaves: overlays, masks, tables and shapes. The photos stay as they are.

mod overlay;
pub mod report;
mod shapes;

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

pub use self::overlay::{MOST_OVERLAY_PIXELS, Overlay, draw, mask};
pub use self::shapes::{coco, geojson};

use super::{REPORT, REPORT_PDF, png};
use crate::atomic_file;
use crate::dataset::Problem;
use crate::dataset::keep_out::keep_out;
use crate::error::{Context, Error, Result};
use crate::inspect::measure::LIMITS;
use crate::inspect::photo::{Inspected, Opened};
use crate::inspect::{HeatMap, LeftOut, Settings, skeleton};
use crate::job::Watch;

/// The table of cells.
pub const CELLS: &str = "cells.csv";
/// Lines and boxes.
pub const GEOJSON: &str = "cracks.geojson";
/// Boxes.
pub const COCO: &str = "coco.json";
/// All measures, and how they came about. It is written last: a folder that has it is complete.
pub const INSPECTION: &str = "inspection.json";
/// Folder of the overlays.
pub const OVERLAYS: &str = "overlays";
/// Folder of the masks.
pub const MASKS: &str = "masks";

/// A photo of an inspection, with the name that its files go by.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// What is known of it.
    pub inspected: Inspected,
    /// Its file name.
    pub name: String,
    /// The name of its overlay and its mask, in their folders.
    pub picture: String,
}

/// What was inspected with.
#[derive(Clone, Debug)]
pub struct With<'a> {
    /// The run, the model file or `bundled`.
    pub model: &'a Path,
    /// How the photos were looked at.
    pub settings: &'a Settings,
    /// The probability from which a cell counts as cracked.
    pub threshold: f32,
    /// Whether that is the one stored with the model.
    pub stored: bool,
}

/// Writes the files of an inspection into a folder, photo by photo.
pub struct Writer {
    folder: PathBuf,
    taken: HashSet<String>,
    entries: Vec<Entry>,
}

impl Writer {
    /// Begins in a folder, which is made where it is missing.
    ///
    /// # Errors
    /// Where it lies inside one of the folders of photos, holds other things, or cannot be made.
    pub fn create(folder: &Path, photo_folders: &[PathBuf]) -> Result<Self> {
        keep_out(folder, photo_folders)?;
        if holds_other_things(folder) {
            return Err(Error::usage(format!("{} is not empty", folder.display()))
                .hint("give a new folder, or one that an earlier inspection was written to"));
        }
        for folder in [folder.join(OVERLAYS), folder.join(MASKS)] {
            std::fs::create_dir_all(&folder).on_file("make the folder", &folder)?;
        }
        // Until the last file is there again, the folder is not complete.
        match std::fs::remove_file(folder.join(INSPECTION)) {
            Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::file("replace", &folder.join(INSPECTION), cause));
            }
            _ => {}
        }
        Ok(Self { folder: folder.to_path_buf(), taken: HashSet::new(), entries: Vec::new() })
    }

    /// Writes a photo's overlay and mask, and keeps its figures for [`Writer::finish`].
    ///
    /// # Errors
    /// Where a file cannot be written, or the user stops the job.
    pub fn add(&mut self, opened: Opened, look: &Overlay, watch: &dyn Watch) -> Result<&Entry> {
        let Opened { inspected, photo, .. } = opened;
        let name = inspected.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let picture = self.free_name(&inspected.path);
        let put = |folder: &str, bytes: Vec<u8>| atomic_file::write(&self.folder.join(folder).join(&picture), &bytes);
        let drawn = draw(&photo, &inspected.map, &inspected.findings, look);
        watch.check()?;
        let encoded = png::encode(&drawn)?;
        watch.check()?;
        // From here on both pictures come, or an error.
        put(OVERLAYS, encoded)?;
        put(MASKS, png::encode_grey(&mask(&inspected.map.grid, &inspected.findings))?)?;
        self.entries.push(Entry { inspected, name, picture });
        self.entries.last().ok_or_else(|| Error::new("The photo was lost"))
    }

    /// Whether no photo was added.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Writes the tables and shapes of all photos.
    ///
    /// # Errors
    /// Where a file cannot be written.
    pub fn finish(
        self,
        with: &With<'_>,
        problems: &[Problem],
        evaluation: Option<Value>,
    ) -> Result<(Vec<Entry>, Value)> {
        let put = |name: &str, bytes: &[u8]| atomic_file::write(&self.folder.join(name), bytes);
        put(CELLS, &cells(&self.entries)?)?;
        put(GEOJSON, &pretty(&geojson(&self.entries))?)?;
        put(COCO, &pretty(&coco(&self.entries))?)?;
        let mut summary = summary(&self.entries, with, problems);
        if let (Some(all), Some(evaluation)) = (summary.as_object_mut(), evaluation) {
            all.insert("evaluation".into(), evaluation);
        }
        put(INSPECTION, &pretty(&summary)?)?;
        Ok((self.entries, summary))
    }

    /// A name for the pictures of a photo: its own, and a number where another photo has that already.
    fn free_name(&mut self, path: &Path) -> String {
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let names = std::iter::once(format!("{stem}.png")).chain((2..).map(|n| format!("{stem}-{n}.png")));
        // Some file systems take names of either case for the same.
        let free = names.into_iter().find(|name| !self.taken.contains(&name.to_lowercase())).unwrap_or_default();
        self.taken.insert(free.to_lowercase());
        free
    }
}

/// `photo,x,y,width,height,p_positive`: a line for each cell.
fn cells(entries: &[Entry]) -> Result<Vec<u8>> {
    const WHAT: &str = "Cannot write the table of cells";
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["photo", "x", "y", "width", "height", "p_positive"]).context(WHAT)?;
    for Entry { inspected: Inspected { map, .. }, name, .. } in entries {
        for cell in 0..map.grid.len() {
            let rect = map.grid.rect(cell);
            writer.serialize((name, rect.x, rect.y, rect.width, rect.height, map.p(cell))).context(WHAT)?;
        }
    }
    writer.into_inner().map_err(|error| error.into_error()).context(WHAT)
}

/// All measures and how they came about.
fn summary(entries: &[Entry], with: &With<'_>, problems: &[Problem]) -> Value {
    json!({
        "model": with.model,
        "threshold": with.threshold,
        "threshold_from": if with.stored { "model" } else { "user" },
        "settings": with.settings,
        "limits": LIMITS,
        "photos": entries.iter().map(photo).collect::<Vec<_>>(),
        "unreadable": problems.len(),
        "problems": problems,
    })
}

fn photo(entry: &Entry) -> Value {
    let Inspected { map, findings, measures, scale, no_scale, seconds, look_seconds, path } = &entry.inspected;
    let HeatMap { grid, .. } = map;
    let megapixels = f64::from(grid.width) * f64::from(grid.height) / 1e6;
    let regions = findings.regions.iter().enumerate().map(|(number, region)| {
        json!({
            "box": [region.bounds.x, region.bounds.y, region.bounds.width, region.bounds.height],
            "cells": region.cells.len(),
            "p_max": region.p_max,
            "lines": findings.lines_of(number).count(),
            "length_px": skeleton::length_of(findings.lines_of(number)),
        })
    });
    json!({
        "photo": entry.name,
        "path": path,
        "width": grid.width,
        "height": grid.height,
        "megapixels": megapixels,
        "measures": measures,
        "scale": scale,
        "no_scale": no_scale,
        "regions": regions.collect::<Vec<_>>(),
        "left_out": findings.left_out.iter().map(|LeftOut { region, why }| {
            let bounds = region.bounds;
            json!({
                "box": [bounds.x, bounds.y, bounds.width, bounds.height],
                "cells": region.cells.len(),
                "as": why,
            })
        }).collect::<Vec<_>>(),
        "overlay": format!("{OVERLAYS}/{}", entry.picture),
        "mask": format!("{MASKS}/{}", entry.picture),
        "seconds": seconds,
        "seconds_per_megapixel": look_seconds / megapixels.max(1e-6),
    })
}

/// Whether a folder holds what no inspection wrote, finished or not.
fn holds_other_things(folder: &Path) -> bool {
    const OWN: [&str; 8] = [CELLS, GEOJSON, COCO, INSPECTION, OVERLAYS, MASKS, REPORT, REPORT_PDF];
    folder
        .read_dir()
        .is_ok_and(|entries| entries.flatten().any(|entry| !OWN.iter().any(|own| entry.file_name() == *own)))
}

fn pretty(value: &Value) -> Result<Vec<u8>> {
    serde_json::to_vec_pretty(value).context("Cannot describe the inspection")
}
