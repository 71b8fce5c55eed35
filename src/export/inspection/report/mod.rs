//! The report on an inspection for whoever ordered it: one page of HTML that holds all it shows, for a browser or a
//! printer.
//!
//! Pictures are reduced and encoded photo by photo, as photos are inspected, so that no photo is decoded twice and none
//! stays in memory.

mod card;
mod cover;
mod limits;
mod method;
mod severity;
mod sheet;

use std::time::SystemTime;

pub use self::card::ModelCard;
pub use self::cover::Cover;
pub use self::sheet::Sheet;

use super::{Overlay, With};
use crate::dataset::Problem;
use crate::error::Result;
use crate::export::page::{self, escaped};
use crate::format;
use crate::inspect::evaluate::Figures;
use crate::inspect::photo::Opened;
use severity::Severity;

const STYLE: &str = include_str!("report.css");

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

    /// The page, the photos sorted by severity.
    pub fn page(mut self, particulars: &Particulars<'_>) -> String {
        sheet::tell_apart(&mut self.sheets);
        let severity = Severity::of(&self.sheets);
        severity.sort(&mut self.sheets);
        let mut body = particulars.cover.html(&self.sheets, particulars.with);
        body += &severity.table(&self.sheets);
        body += &self.left_out(particulars.problems);
        self.sheets.iter().enumerate().for_each(|(at, sheet)| body += &sheet.html(at + 1));
        body += &method::html(particulars, &self.sheets);
        body += &limits::html(particulars.with, &self.sheets);
        body += &particulars.card.html();
        page::document(particulars.cover.title(), STYLE, &body)
    }

    /// What is not in the report, and why.
    fn left_out(&self, problems: &[Problem]) -> String {
        let waiting = self.wanted.saturating_sub(self.sheets.len() + problems.len());
        let mut items: Vec<String> = problems
            .iter()
            .map(|problem| format!("<li>{}: {}</li>\n", escaped(file_name(&problem.file)), escaped(&problem.reason)))
            .collect();
        if waiting > 0 {
            let photos = format::photos(waiting);
            items.push(format!("<li>{photos} not looked at, because the inspection was stopped.</li>\n"));
        }
        if items.is_empty() {
            return String::new();
        }
        format!("<section>\n<h2>What was not inspected</h2>\n<ul>\n{}</ul>\n</section>\n", items.concat())
    }
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
