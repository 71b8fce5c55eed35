//! One photo of the report: the overlay beside the original, what was measured, and each crack by its number.

use std::collections::HashMap;
use std::fmt::Write;
use std::iter;
use std::sync::Arc;

use super::super::overlay;
use super::document::{Block, Cell, Column, Drawing, Picture, Section, Table, Topic};
use super::{Overlay, length, metric};
use crate::error::Result;
use crate::export::figures::percent;
use crate::export::page;
use crate::format;
use crate::inspect::measure::ScaleSource;
use crate::inspect::photo::{Inspected, Opened};
use crate::inspect::{Findings, Measures, Rect, Scale, skeleton};
use crate::photo::exif::{self, Facts};
use crate::photo::transform;

/// The most cracks of a photo that are listed and numbered; the files of the inspection have them all.
const MOST: usize = 12;
/// Of the pictures as JPEG.
const QUALITY: u8 = 80;
/// A number's height as a share of a picture's longer side.
const NUMBER: f32 = 0.028;

/// A photo as the report shows it.
#[derive(Clone, Debug)]
pub struct Sheet {
    /// What it is called.
    pub name: String,
    /// The name of its folder, for photos of the same name.
    folder: String,
    /// Pixels of the photo.
    pub size: (u32, u32),
    /// What its file says, where that can be read.
    pub facts: Option<Facts>,
    /// What was measured.
    pub measures: Measures,
    /// How pixels became millimetres.
    pub scale: Option<Scale>,
    /// Why they did not, where that was wanted.
    no_scale: Option<String>,
    /// Finds that were left out as straight.
    pub left_out: [usize; 2],
    /// The longest first.
    pub cracks: Vec<Found>,
    /// Pixels of the pictures.
    shown: (u32, u32),
    /// The photo, reduced, as JPEG.
    original: Arc<Vec<u8>>,
    /// The same under the map.
    tinted: Arc<Vec<u8>>,
}

/// A region of cracked cells with its lines.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The box around it, in pixels of the photo.
    bounds: Rect,
    /// The highest probability in it.
    p_max: f32,
    /// The length of its lines in pixels of the photo.
    pub length_px: f64,
    /// The lines in pixels of the picture, the longest first.
    lines: Vec<Vec<[i32; 2]>>,
}

/// Pixels of the longer side of the pictures of a report on so many photos.
pub fn longer_side(photos: usize) -> u32 {
    match photos {
        0..=30 => 1400,
        31..=100 => 1000,
        _ => 720,
    }
}

/// Puts the folder before the names of photos that share one.
pub fn tell_apart(sheets: &mut [Sheet]) {
    let mut times: HashMap<String, usize> = HashMap::new();
    sheets.iter().for_each(|sheet| *times.entry(sheet.name.clone()).or_default() += 1);
    for sheet in sheets.iter_mut().filter(|sheet| times.get(&sheet.name) > Some(&1) && !sheet.folder.is_empty()) {
        sheet.name = format!("{}/{}", sheet.folder, sheet.name);
    }
}

impl Sheet {
    /// Reduces the photo to `longer_side` pixels, unless it is smaller, and draws its map.
    ///
    /// # Errors
    /// Where a picture cannot be encoded.
    pub fn of(opened: &Opened, overlay: &Overlay, longer_side: u32) -> Result<Self> {
        let Opened { inspected, photo, .. } = opened;
        let Inspected { path, map, findings, measures, scale, no_scale, .. } = inspected;
        let size = photo.dimensions();
        let shrink = (f64::from(longer_side) / f64::from(size.0.max(size.1).max(1))).min(1.0);
        // Lines, boxes and numbers are drawn over the picture: sharp at any size, and numbers can be searched for.
        let plain = Overlay { boxes: false, lines: false, ..*overlay };
        let tinted = overlay::draw_reduced(photo, map, findings, &plain, shrink);
        let shown = tinted.dimensions();
        let original = transform::resize(photo, shown.0, shown.1);
        let named = |name: Option<&std::ffi::OsStr>| name.unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self {
            name: named(path.file_name()),
            folder: named(path.parent().and_then(|folder| folder.file_name())),
            size,
            facts: exif::facts(path).ok(),
            measures: measures.clone(),
            scale: *scale,
            no_scale: no_scale.clone(),
            left_out: findings.count_left_out(),
            cracks: found(findings, shrink as f32),
            shown,
            original: Arc::new(page::jpeg(&original, QUALITY)?),
            tinted: Arc::new(page::jpeg(&tinted, QUALITY)?),
        })
    }

    /// The length of the longest crack, in pixels.
    pub fn longest(&self) -> Option<f64> {
        self.cracks.first().map(|crack| crack.length_px)
    }

    /// The photo under its number in the report.
    pub(super) fn section(&self, number: usize) -> Section {
        let mut blocks = vec![
            Block::section(format!("{number} · {}", self.name)),
            Block::aside(self.about()),
            Block::Pictures(self.pictures()),
            Block::paragraph(self.measured()),
        ];
        if !self.cracks.is_empty() {
            blocks.push(Block::Table(self.table()));
        }
        blocks.extend(self.shorter().map(Block::aside));
        Section::new(Topic::Photo(number), blocks)
    }

    /// The photo as it was taken, and with what was found.
    fn pictures(&self) -> Vec<Picture> {
        let picture = |kind, which: &str, jpeg: &Arc<Vec<u8>>, caption: &str, drawing| Picture {
            kind,
            jpeg: Arc::clone(jpeg),
            size: self.shown,
            alt: format!("{}, {which}", self.name),
            caption: caption.to_owned(),
            drawing,
        };
        let found = "Where the program sees cracks: box and line of each";
        vec![
            picture("original", "as taken", &self.original, "Original", None),
            picture("overlay", "with map", &self.tinted, found, Some(self.drawing())),
        ]
    }

    /// Size, scale, time and place.
    fn about(&self) -> String {
        let (width, height) = (format::count(self.size.0), format::count(self.size.1));
        let mut facts = vec![format!("{width} × {height} pixels")];
        if self.shown != self.size {
            let times = f64::from(self.size.0.max(self.size.1)) / f64::from(self.shown.0.max(self.shown.1).max(1));
            facts.push(format!("shown at 1 : {times:.1}"));
        }
        let file = self.facts.as_ref();
        match file.and_then(|file| Some((file.taken.as_ref()?, &file.utc_offset))) {
            Some((taken, Some(offset))) => facts.push(format!("taken {taken} ({offset}) by the camera's clock")),
            Some((taken, None)) => facts.push(format!("taken {taken} by the camera's clock")),
            None => facts.push("time not recorded".to_owned()),
        }
        match file.and_then(|file| file.place) {
            Some(place) => facts.push(place.to_string()),
            None => facts.push("place not recorded".to_owned()),
        }
        facts.extend(file.and_then(|file| file.camera.clone()));
        facts.join(" · ")
    }

    /// What was measured, in a line.
    fn measured(&self) -> String {
        let Measures { cells, cracked_cells, cracked_share, length_px, length_mm, p_max, .. } = self.measures;
        let mut text = if cracked_cells == 0 {
            format!(
                "No crack found: of {} cells none reaches the threshold; the highest is {p_max:.2}.",
                format::count(cells)
            )
        } else {
            format!(
                "{}, {} long together; {} of {} cells count as cracked ({}).",
                format::counted(self.cracks.len(), "crack", "cracks"),
                length(length_px, length_mm),
                format::count(cracked_cells),
                format::count(cells),
                percent(Some(cracked_share)),
            )
        };
        if let Some(Scale { pixels_per_mm, source }) = self.scale {
            let from = match source {
                ScaleSource::Given => "as given",
                ScaleSource::Reference => "from a known length on the photo",
                ScaleSource::Distance => "from the distance and the camera's lens",
            };
            let _ = write!(text, " Scale: {pixels_per_mm:.3} pixels to a millimetre, {from}.");
        }
        if let Some(reason) = &self.no_scale {
            let _ = write!(text, " No millimetres: {reason}.");
        }
        let [joints, rims] = self.left_out;
        for (count, what) in [(joints, "along joints"), (rims, "at rims of what is bright")] {
            if count > 0 {
                let finds = format::counted(count, "find was", "finds were");
                let _ = write!(text, " {finds} left out {what}.");
            }
        }
        text
    }

    /// Each crack by its number.
    fn table(&self) -> Table {
        let mm = self.scale.map(|_| Column::numbers("Length"));
        let columns = iter::once(Column::numbers("Crack")).chain(mm).chain([
            Column::numbers("Length in pixels"),
            Column::numbers("Lines"),
            Column::numbers("Highest probability"),
            Column::text("Box in pixels: from left, from top, width × height"),
        ]);
        let row = |(at, crack): (usize, &Found)| {
            let mm = self.scale.map(|scale| Cell::text(metric(scale.mm(crack.length_px))));
            let Rect { x, y, width, height } = crack.bounds;
            let [x, y, width, height] = [x, y, width, height].map(format::count);
            let cells = [
                Cell::text(format::count(crack.length_px.round() as u64)),
                Cell::text(crack.lines.len().to_string()),
                Cell::text(format!("{:.2}", crack.p_max)),
                Cell::text(format!("{x}, {y}, {width} × {height}")),
            ];
            iter::once(Cell::strong((at + 1).to_string())).chain(mm).chain(cells).collect()
        };
        Table { columns: columns.collect(), rows: self.cracks.iter().take(MOST).enumerate().map(row).collect() }
    }

    /// Those that are not in the table.
    fn shorter(&self) -> Option<String> {
        let rest = self.cracks.get(MOST..).filter(|rest| !rest.is_empty())?;
        let pixels = rest.iter().map(|crack| crack.length_px).sum();
        Some(format!(
            "And {}, {} long together; they are drawn without a number.",
            format::counted(rest.len(), "shorter one", "shorter ones"),
            length(pixels, self.scale.map(|scale| scale.mm(pixels))),
        ))
    }

    /// Boxes, lines and numbers over the picture.
    fn drawing(&self) -> Drawing {
        let (width, height) = self.shown;
        let shrink = width as f32 / self.size.0.max(1) as f32;
        let letters = NUMBER * width.max(height) as f32;
        let number = |crack: &Found| {
            let [x, y, ..] = crack.bounds_in(shrink);
            // Above the box, or within where the picture ends.
            let y = if y > 1.2 * letters { y - 0.3 * letters } else { y + 1.05 * letters };
            [x + 0.2 * letters, y]
        };
        Drawing {
            boxes: self.cracks.iter().map(|crack| crack.bounds_in(shrink)).collect(),
            lines: self.cracks.iter().flat_map(|crack| crack.lines.iter().cloned()).collect(),
            numbers: self.cracks.iter().take(MOST).map(number).collect(),
            letters,
        }
    }
}

impl Found {
    /// The box in pixels of the picture.
    fn bounds_in(&self, shrink: f32) -> [f32; 4] {
        let Rect { x, y, width, height } = self.bounds;
        [x, y, width, height].map(|pixels| pixels as f32 * shrink)
    }
}

/// Regions with their lines, the longest first.
fn found(findings: &Findings, shrink: f32) -> Vec<Found> {
    let mut all: Vec<Found> = findings
        .regions
        .iter()
        .enumerate()
        .map(|(number, region)| Found {
            bounds: region.bounds,
            p_max: region.p_max,
            length_px: skeleton::length_of(findings.lines_of(number)),
            lines: findings.lines_of(number).map(|crack| reduced(&crack.points, shrink)).collect(),
        })
        .collect();
    all.sort_by(|a, b| b.length_px.total_cmp(&a.length_px));
    all
}

/// A line in pixels of the picture, points that fall together once.
fn reduced(points: &[[f32; 2]], shrink: f32) -> Vec<[i32; 2]> {
    let mut line: Vec<[i32; 2]> =
        points.iter().map(|point| point.map(|pixels| (pixels * shrink).round() as i32)).collect();
    line.dedup();
    line
}

#[cfg(test)]
mod tests {
    use super::super::{fixture, html};
    use super::*;

    #[test]
    fn cracks_are_numbered_by_length_and_drawn_where_they_are() {
        let sheet = fixture::sheet("a.png", 5, Some(2.0));
        let html = html::section(&sheet.section(3));
        assert!(sheet.cracks.is_sorted_by(|a, b| a.length_px >= b.length_px));
        let crack = &sheet.cracks[0];
        assert!(crack.length_px > 100.0, "{crack:?}");
        // Drawn along the line of a photo that is shown in its own size; the ends may lie where its cells end.
        let off = |[x, y]: &[i32; 2]| (*y as f32 - fixture::line(*x as f32)).abs();
        let [_, inner @ .., _] = crack.lines[0].as_slice() else { panic!("{crack:?}") };
        assert!(!inner.is_empty() && inner.iter().all(|point| off(point) <= 3.0), "{crack:?}");
        assert!(html.contains("<section class=\"photo\" id=\"photo-3\">") && html.contains(">3 · a.png<"));
        assert!(html.contains("Scale: 2.000 pixels to a millimetre, as given."));
        assert_eq!(html.matches("<img").count(), 2);
        assert!(
            html.contains("<path class=\"box rim\" d=\"M")
                && html.contains("<path class=\"line rim\" d=\"M")
                && html.contains(">1</text>")
        );
        let mm = metric(crack.length_px / 2.0);
        assert!(html.contains(&format!("<td class=\"number\">{mm}</td>")), "{mm} {html}");
    }

    #[test]
    fn large_photos_come_reduced_and_say_so() {
        let opened = fixture::opened("big.png", (4000, 3000), 4, None);
        let sheet = Sheet::of(&opened, &Overlay::default(), 1000).unwrap();
        assert_eq!(sheet.shown, (1000, 750));
        assert!(sheet.about().starts_with("4,000 × 3,000 pixels · shown at 1 : 4.0"), "{}", sheet.about());
        let read = image::load_from_memory(&sheet.tinted).unwrap();
        assert_eq!((read.width(), read.height()), (1000, 750));
        assert!(!fixture::sheet("a.png", 1, None).about().contains("shown at"));
    }

    #[test]
    fn the_overlay_is_tinted_where_the_map_is_sure_and_the_original_is_not() {
        let sheet = fixture::sheet("a.png", 5, None);
        let [original, tinted] =
            [&sheet.original, &sheet.tinted].map(|jpeg| image::load_from_memory(jpeg).unwrap().into_rgb8());
        let colour = |picture: &image::RgbImage, x| {
            let [r, g, b] = picture.get_pixel(x, 44).0.map(i32::from);
            (r - b).abs().max((g - b).abs())
        };
        assert!(colour(&original, 60) < 20 && colour(&tinted, 60) > 40, "{:?}", tinted.get_pixel(60, 44));
        assert!(colour(&tinted, 300) < 20, "{:?}", tinted.get_pixel(300, 44));
    }

    #[test]
    fn photos_of_one_name_are_told_apart_by_their_folders() {
        let mut sheets = ["a/1.jpg", "b/1.jpg", "b/2.jpg"].map(|name| fixture::sheet(name, 0, None));
        tell_apart(&mut sheets);
        assert_eq!(sheets.map(|sheet| sheet.name), ["a/1.jpg", "b/1.jpg", "2.jpg"]);
    }

    #[test]
    fn a_photo_without_cracks_says_so() {
        let html = html::section(&fixture::sheet("a.png", 0, None).section(1));
        assert!(html.contains("No crack found") && !html.contains("<table"), "{html}");
    }

    #[test]
    fn the_more_photos_the_smaller_their_pictures() {
        let sides = [1, 30, 31, 100, 101, 5000].map(longer_side);
        assert!(sides.is_sorted_by(|a, b| a >= b) && sides[5] >= 640, "{sides:?}");
    }
}
