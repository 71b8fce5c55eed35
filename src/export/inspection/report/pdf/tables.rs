//! Tables as bands: a row is not broken, unless it is higher than a page.

use super::bands::{Band, Mark, Tie};
use super::blocks::{GAP, Setter, put};
use super::letters::{Ink, Letters};
use super::look::{self, CELL, LINK, MM, SMALL, leading, strong};
use super::words::{self, Line};
use crate::export::inspection::report::document::{Cell, Table, Text, Topic};

/// Room between columns.
const BETWEEN: f32 = 3.0 * MM;
/// Room above and below a row's text.
const PAD: f32 = 1.4;
/// Width of a bar.
const BAR: f32 = 18.0 * MM;
/// The most that a word or a number asks for, as a share of the table's width; longer ones are broken.
const LONGEST_WORD: f32 = 0.25;
/// The most that what a row is about asks for, as such a share.
const WIDEST_NAME: f32 = 0.35;

/// What a cell says, in lines.
pub(super) struct CellLines {
    /// From the left of the page's room.
    pub left: f32,
    /// The cell's width.
    pub width: f32,
    /// Its lines.
    pub lines: Vec<Line>,
    /// Whether they stand to the right.
    pub to_right: bool,
}

/// The lines of a row's cells beside each other. What is higher than a page comes in several bands.
pub(super) fn row<'a>(cells: &[CellLines], size: f32) -> Vec<Band<'a>> {
    let most = ((look::HEIGHT * 0.8) / leading(size)) as usize;
    let count = cells.iter().map(|cell| cell.lines.len()).max().unwrap_or(0);
    let bands = (0..count).step_by(most.max(1)).map(|first| {
        let lines = most.min(count - first);
        let mut band = Band::of(lines as f32 * leading(size));
        for cell in cells {
            for (at, line) in cell.lines.iter().skip(first).take(lines).enumerate() {
                let indent = if cell.to_right { cell.width - line.width } else { 0.0 };
                put(&mut band, line, [cell.left + indent, at as f32 * leading(size)], size);
            }
        }
        band
    });
    bands.collect()
}

impl<'a> Setter<'a> {
    pub(super) fn table(&mut self, table: &Table) {
        let columns = table.columns.len().max(table.rows.iter().map(Vec::len).max().unwrap_or(0));
        if columns == 0 {
            return;
        }
        let widths = self.widths(table, columns);
        let head = table.has_names().then(|| self.head(table, &widths));
        let last = table.rows.len().saturating_sub(1);
        for (at, cells) in table.rows.iter().enumerate() {
            let mut bands = self.row(table, cells, &widths);
            if let Some(band) = bands.first_mut() {
                band.gap = if at == 0 && head.is_none() { GAP } else { 0.0 };
                // The first row stays with the names, the last one with another.
                if (at == 0 || at + 1 == last) && at < last {
                    band.tie = Tie::Close;
                }
            }
            for mut band in bands {
                band.head = head;
                if at > 0 || head.is_some() {
                    band.marks.insert(0, Mark::Fill([self.left, 0.0, self.width(), 0.5], look::LINE));
                }
                self.flow.bands.push(band);
            }
        }
    }

    /// Adds the row of names; returns its number among those that are said again.
    fn head(&mut self, table: &Table, widths: &[f32]) -> usize {
        let ink = SMALL;
        let mut cells = Vec::new();
        let mut left = self.left;
        for (at, (column, width)) in table.columns.iter().zip(widths).enumerate() {
            let lines = words::lines(self.letters, &column.name.as_str().into(), ink, *width);
            cells.push(CellLines { left, width: *width, lines, to_right: table.is_of_numbers(at) });
            left += width + BETWEEN;
        }
        // Names stand on the line below them.
        let most = cells.iter().map(|cell| cell.lines.len()).max().unwrap_or(0);
        for cell in &mut cells {
            let above = most - cell.lines.len();
            cell.lines.splice(0..0, std::iter::repeat_n(Line::default(), above));
        }
        let mut bands = row(&cells, ink.size);
        bands.truncate(1);
        for mut band in bands {
            band.height += PAD;
            band.tie = Tie::Close;
            self.flow.heads.push(band.clone());
            band.gap = GAP;
            self.flow.bands.push(band);
        }
        self.flow.heads.len().saturating_sub(1)
    }

    fn row(&self, table: &Table, cells: &[Cell], widths: &[f32]) -> Vec<Band<'a>> {
        let mut set = Vec::new();
        let mut extra: Vec<Mark<'a>> = Vec::new();
        let mut left = self.left;
        for (at, (cell, width)) in cells.iter().zip(widths).enumerate() {
            let (text, ink) = said(cell);
            let lines = words::lines(self.letters, &text, ink, *width);
            match cell {
                Cell::Link(topic, _) => extra.extend(links(&lines, left, *topic)),
                Cell::Bar(share) => extra.extend(bar(*share, left, *width)),
                _ => {}
            }
            set.push(CellLines { left, width: *width, lines, to_right: table.is_of_numbers(at) });
            left += width + BETWEEN;
        }
        let mut bands = row(&set, CELL.size);
        if let Some(first) = bands.first_mut() {
            first.marks.append(&mut extra);
        }
        for band in &mut bands {
            band.marks.iter_mut().for_each(|mark| mark.lower(PAD));
            band.height += 2.0 * PAD;
        }
        bands
    }

    /// The columns' widths. What is left of the page's width goes to columns of text, if the table has names.
    fn widths(&self, table: &Table, columns: usize) -> Vec<f32> {
        // Of more columns than a page can hold, some lie beside it; none is without width.
        let room = (self.width() - BETWEEN * (columns - 1) as f32).max(columns as f32);
        let asked: Vec<[f32; 2]> = (0..columns).map(|at| asked(self.letters, table, at, room)).collect();
        let [most, least] = [0, 1].map(|kind| asked.iter().map(|both| both[kind]).sum::<f32>());
        if most <= room {
            let texts = (0..columns).filter(|at| !table.is_of_numbers(*at)).count().max(1) as f32;
            let more = if table.has_names() { (room - most) / texts } else { 0.0 };
            let width = |(at, [most, _]): (usize, &[f32; 2])| most + if table.is_of_numbers(at) { 0.0 } else { more };
            return asked.iter().enumerate().map(width).collect();
        }
        if least >= room {
            return asked.iter().map(|[_, own]| own * room / least).collect();
        }
        let share = (room - least) / (most - least);
        asked.iter().map(|[most, least]| least + share * (most - least)).collect()
    }
}

/// How wide a column would be, and how wide it has to be.
fn asked(letters: &Letters, table: &Table, at: usize, room: f32) -> [f32; 2] {
    let numbers = table.is_of_numbers(at);
    let name = table.columns.get(at).map(|column| words::widths(letters, &column.name.as_str().into(), SMALL));
    // Names of columns stand on two lines rather than widen a column.
    let [whole, word] = name.unwrap_or_default();
    let name = [word.max(0.6 * whole), word];
    let cells = table.rows.iter().filter_map(|row| row.get(at)).map(|cell| {
        let (text, ink) = said(cell);
        let [whole, word] = words::widths(letters, &text, ink);
        match cell {
            Cell::Bar(_) => [BAR, BAR],
            Cell::Name(_) => [whole, whole.min(WIDEST_NAME * room)],
            _ if numbers => [whole, whole.min(LONGEST_WORD * room)],
            _ => [whole, word.min(LONGEST_WORD * room)],
        }
    });
    cells.fold(name, |[most, least], [whole, word]| [most.max(whole), least.max(word)])
}

/// What a cell says, and how it is set.
fn said(cell: &Cell) -> (Text, Ink) {
    match cell {
        Cell::Text(text) => (text.clone(), CELL),
        Cell::Name(name) => (name.as_str().into(), strong(CELL)),
        Cell::Link(_, text) => (text.as_str().into(), Ink { colour: LINK, ..CELL }),
        Cell::Bar(_) => (Text::default(), CELL),
    }
}

/// Where a link can be clicked.
fn links<'a>(lines: &[Line], left: f32, to: Topic) -> Vec<Mark<'a>> {
    let height = leading(CELL.size);
    let link = |(at, line): (usize, &Line)| Mark::Link([left, at as f32 * height, line.width, height], to);
    lines.iter().enumerate().map(link).collect()
}

fn bar<'a>(share: f64, left: f32, width: f32) -> [Mark<'a>; 2] {
    let (width, height) = (width.min(BAR), 5.0);
    let top = (leading(CELL.size) - height) / 2.0;
    let filled = share.clamp(0.0, 1.0) as f32 * width;
    [Mark::Fill([left, top, width, height], look::LINE), Mark::Fill([left, top, filled, height], look::CRACKED)]
}
