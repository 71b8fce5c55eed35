//! The report on an inspection for whoever ordered it: one page of HTML that holds all it shows, for a browser, or a PDF.
//!
//! What the report says is put together once, as a [`Document`] of plain data, which `html` and `pdf` show.
//! Pictures are reduced and encoded photo by photo, as photos are inspected, so that no photo is decoded twice and none
//! stays in memory.

mod card;
mod cover;
mod document;
mod html;
mod limits;
mod markdown;
mod method;
mod pdf;
mod severity;
mod sheet;

use std::path::Path;
use std::time::SystemTime;

pub use self::card::ModelCard;
pub use self::cover::Cover;
pub use self::document::Document;
pub use self::sheet::Sheet;

use super::{Overlay, With};
use crate::atomic_file;
use crate::dataset::Problem;
use crate::error::Result;
use crate::format;
use crate::inspect::evaluate::Figures;
use crate::inspect::photo::Opened;
use crate::job::Watch;
use document::{Block, Section, Topic};
use severity::Severity;

/// A report in the making.
#[derive(Clone, Debug)]
pub struct Report {
    /// Photos that were to be inspected.
    wanted: usize,
    sheets: Vec<Sheet>,
}

/// What a report says besides its photos.
#[derive(Clone, Copy, Debug)]
pub struct Particulars<'a> {
    /// What the user says of the job.
    pub cover: &'a Cover,
    /// How the photos were looked at.
    pub with: &'a With<'a>,
    /// Who looked.
    pub card: &'a ModelCard,
    /// What came of masks, where there were some.
    pub evaluation: Option<&'a Figures>,
    /// Photos that could not be inspected.
    pub problems: &'a [Problem],
    /// When the report is made.
    pub made: SystemTime,
}

impl Report {
    /// A report on so many photos: the more there are, the smaller are the pictures, so that a hundred photos stay below
    /// some tens of megabytes.
    pub fn of(photos: usize) -> Self {
        Self { wanted: photos, sheets: Vec::new() }
    }

    /// A photo as the report shows it.
    ///
    /// # Errors
    /// Where its pictures cannot be encoded.
    pub fn sheet(&self, opened: &Opened, overlay: &Overlay) -> Result<Sheet> {
        Sheet::of(opened, overlay, sheet::longer_side(self.wanted))
    }

    /// Takes a photo into the report.
    pub fn add(&mut self, sheet: Sheet) {
        self.sheets.push(sheet);
    }

    /// What the report says, the photos sorted by severity.
    pub fn document(mut self, particulars: &Particulars<'_>) -> Document {
        let Particulars { cover, with, card, problems, made, .. } = *particulars;
        sheet::tell_apart(&mut self.sheets);
        let severity = Severity::of(&self.sheets);
        severity.sort(&mut self.sheets);
        let sheets = &self.sheets;
        let mut sections = vec![cover.section(sheets), cover::summary(sheets, with), severity.section(sheets)];
        sections.extend(self.left_out(problems));
        sections.extend(sheets.iter().enumerate().map(|(at, sheet)| sheet.section(at + 1)));
        sections.extend([method::section(particulars, sheets), limits::section(with, sheets)]);
        sections.extend(card.section());
        Document { title: cover.title().to_owned(), made, sections }
    }

    /// What is not in the report, and why.
    fn left_out(&self, problems: &[Problem]) -> Option<Section> {
        let waiting = self.wanted.saturating_sub(self.sheets.len() + problems.len());
        let unread = problems.iter().map(|problem| format!("{}: {}", file_name(&problem.file), problem.reason));
        let stopped = (waiting > 0)
            .then(|| format!("{} not looked at, because the inspection was stopped.", format::photos(waiting)));
        let items: Vec<String> = unread.chain(stopped).collect();
        (!items.is_empty())
            .then(|| Section::new(Topic::LeftOut, vec![Block::section("What was not inspected"), Block::list(items)]))
    }
}

impl Document {
    /// Writes the report: a PDF where the file's name ends in `.pdf`, or else one page of HTML.
    ///
    /// # Errors
    /// Where the file cannot be written, or the user stops the job.
    pub fn write(&self, path: &Path, watch: &dyn Watch) -> Result<()> {
        if is_pdf(path) {
            atomic_file::write(path, &pdf::file(self, watch)?)
        } else {
            atomic_file::write(path, html::page(self).as_bytes())
        }
    }
}

/// Whether a report of this name is a PDF.
pub fn is_pdf(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("pdf"))
}

/// The last part of a path: the way to it is nobody's business.
fn file_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().filter(|name| !name.is_empty()).unwrap_or(path)
}

/// A length in pixels, and in millimetres or metres where there is a scale.
fn length(pixels: f64, mm: Option<f64>) -> String {
    match mm {
        Some(mm) => format!("{} ({} px)", metric(mm), format::count(pixels.round() as u64)),
        None => format!("{} px", format::count(pixels.round() as u64)),
    }
}

/// `84 mm`, `8.4 mm`, `12.3 m`.
fn metric(mm: f64) -> String {
    match mm {
        _ if mm >= 10_000.0 => format!("{:.1} m", mm / 1000.0),
        _ if mm >= 99.5 => format!("{} mm", format::count(mm.round() as u64)),
        _ => format!("{mm:.1} mm"),
    }
}

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;
