//! Which photo comes first.

use super::document::{Block, Cell, Column, Section, Table, Topic};
use super::sheet::Sheet;
use super::{length, metric};
use crate::export::figures::percent;
use crate::format;
use crate::inspect::Measures;

/// What photos are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The length of all cracks in millimetres: where each photo that shows one has a scale.
    Millimetres,
    /// The share of cracked cells: where one has none, since pixels of photos from near and far do not compare.
    Share,
}

impl Severity {
    /// What these photos can be sorted by.
    pub fn of(sheets: &[Sheet]) -> Self {
        let mut cracked = sheets.iter().filter(|sheet| sheet.measures.cracked_cells > 0).peekable();
        let scaled = cracked.peek().is_some() && cracked.all(|sheet| sheet.measures.length_mm.is_some());
        if scaled { Self::Millimetres } else { Self::Share }
    }

    /// The severest first. Of equal ones, that with more cracked cells, with the surer cell, and the name that comes first.
    pub fn sort(self, sheets: &mut [Sheet]) {
        sheets.sort_by(|a, b| {
            let (x, y) = (&a.measures, &b.measures);
            self.value(y)
                .total_cmp(&self.value(x))
                .then(y.cracked_share.total_cmp(&x.cracked_share))
                .then(y.p_max.total_cmp(&x.p_max))
                .then_with(|| a.name.cmp(&b.name))
        });
    }

    /// How severe a photo is: millimetres, or a share from 0 to 1.
    pub fn value(self, measures: &Measures) -> f64 {
        match self {
            Self::Millimetres => measures.length_mm.unwrap_or(0.0),
            Self::Share => measures.cracked_share,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Millimetres => "the length of all cracks on a photo in millimetres",
            Self::Share => {
                "the share of a photo's cells that count as cracked, because not every photo has a scale in millimetres, \
                 and pixels of photos from near and far do not compare"
            }
        }
    }

    /// The table of all photos, sorted.
    pub fn section(self, sheets: &[Sheet]) -> Section {
        let most = sheets.iter().map(|sheet| self.value(&sheet.measures)).fold(0.0, f64::max);
        let of_most = |sheet: &Sheet| self.value(&sheet.measures) / if most > 0.0 { most } else { 1.0 };
        let rows = sheets.iter().enumerate().map(|(at, sheet)| row(at + 1, sheet, of_most(sheet)));
        let columns = vec![
            Column::numbers("No."),
            Column::text("Photo"),
            Column::text("Severity"),
            Column::numbers("Cracks"),
            Column::numbers("Cells cracked"),
            Column::numbers("Length"),
            Column::numbers("Longest"),
            Column::numbers("Highest probability"),
        ];
        let about = format!("Severity is {}. It says where to look first, not how dangerous a crack is.", self.words());
        let table = Block::Table(Table { columns, rows: rows.collect() });
        Section::new(Topic::Photos, vec![Block::section("Photos by severity"), Block::aside(about), table])
    }
}

/// A photo in the table; `share` is its severity, as a share of the severest's.
fn row(number: usize, sheet: &Sheet, share: f64) -> Vec<Cell> {
    let lengths = |pixels: Option<f64>| match (pixels, sheet.scale) {
        (None, _) => "–".to_owned(),
        (Some(pixels), Some(scale)) => metric(scale.mm(pixels)),
        (Some(pixels), None) => length(pixels, None),
    };
    let whole = (!sheet.cracks.is_empty()).then_some(sheet.measures.length_px);
    vec![
        Cell::text(number.to_string()),
        Cell::Link(Topic::Photo(number), sheet.name.clone()),
        Cell::Bar(share),
        Cell::text(format::count(sheet.cracks.len())),
        Cell::text(percent(Some(sheet.measures.cracked_share))),
        Cell::text(lengths(whole)),
        Cell::text(lengths(sheet.longest())),
        Cell::text(format!("{:.2}", sheet.measures.p_max)),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::{fixture, html};
    use super::*;

    fn sheets(scales: [Option<f64>; 3]) -> Vec<Sheet> {
        let cracked = [("a.jpg", 2, scales[0]), ("b.jpg", 6, scales[1]), ("c.jpg", 0, scales[2])];
        cracked.into_iter().map(|(name, cells, scale)| fixture::sheet(name, cells, scale)).collect()
    }

    fn order(mut sheets: Vec<Sheet>) -> Vec<String> {
        let severity = Severity::of(&sheets);
        severity.sort(&mut sheets);
        sheets.into_iter().map(|sheet| sheet.name).collect()
    }

    #[test]
    fn millimetres_count_where_each_photo_with_cracks_has_a_scale() {
        let all = sheets([Some(0.1), Some(10.0), None]);
        assert_eq!(Severity::of(&all), Severity::Millimetres);
        assert_eq!(order(all), ["a.jpg", "b.jpg", "c.jpg"], "two cells from afar are longer than six from near");
        let some = sheets([Some(0.1), None, Some(1.0)]);
        assert_eq!(Severity::of(&some), Severity::Share);
        assert_eq!(order(some), ["b.jpg", "a.jpg", "c.jpg"]);
    }

    #[test]
    fn photos_without_cracks_are_sorted_by_name() {
        let mut none: Vec<Sheet> = ["b", "a"].map(|name| fixture::sheet(name, 0, Some(1.0))).into();
        none.push(fixture::sheet("c", 0, None));
        assert_eq!(Severity::of(&none), Severity::Share);
        assert_eq!(order(none), ["a", "b", "c"]);
    }

    #[test]
    fn the_table_names_what_it_sorts_by() {
        let mut all = sheets([Some(0.1), Some(10.0), None]);
        Severity::Millimetres.sort(&mut all);
        let html = html::section(&Severity::Millimetres.section(&all));
        assert!(html.contains("in millimetres") && html.contains("<a href=\"#photo-1\">a.jpg</a>"));
        assert!(html.contains("width:100.0%") && html.contains("width:0.0%"), "{html}");
    }
}
