//! Blocks of a report as bands.

use super::bands::{Band, Flow, Mark, Tie};
use super::letters::{Ink, Letters, Weight};
use super::look::{self, ASIDE, BODY, LARGE, SMALL, leading, strong};
use super::tables::{self, CellLines};
use super::words::{self, Line};
use crate::export::inspection::report::document::{Block, Level, Section, Text, Topic};

/// Room between blocks.
pub(super) const GAP: f32 = 5.0;
/// How far items and quotes stand in.
const INDENT: f32 = 14.0;
/// Room between large numbers.
const BETWEEN_NUMBERS: f32 = 30.0;

/// Makes bands of blocks.
pub struct Setter<'a> {
    pub(super) letters: &'a Letters,
    pub(super) flow: Flow<'a>,
    /// Where blocks begin, from the left of the page's room.
    pub(super) left: f32,
    /// What stands before the first line of an item.
    marker: Option<String>,
}

impl<'a> Setter<'a> {
    /// Nothing yet.
    pub fn new(letters: &'a Letters) -> Self {
        Self { letters, flow: Flow::default(), left: 0.0, marker: None }
    }

    /// All bands.
    pub fn finish(self) -> Flow<'a> {
        self.flow
    }

    /// Adds a section.
    pub fn section(&mut self, section: &'a Section) {
        let begin = self.flow.bands.len();
        self.blocks(&section.blocks);
        let heading = section.blocks.iter().find_map(|block| match block {
            Block::Heading(_, text) => Some(text.plain()),
            _ => None,
        });
        let Some([first, rest @ ..]) = self.flow.bands.get_mut(begin..) else { return };
        first.marks.push(Mark::Place(section.topic, heading.unwrap_or_default()));
        first.begins_page = matches!(section.topic, Topic::Method | Topic::Limits | Topic::Model);
        if let Topic::Photo(_) = section.topic {
            // All but the last hold together.
            let all_but_last = rest.len();
            let bands = std::iter::once(first).chain(rest).take(all_but_last);
            bands.for_each(|band| band.tie = band.tie.max(Tie::Section));
        }
    }

    /// The width of what is set now.
    pub(super) fn width(&self) -> f32 {
        look::WIDTH - self.left
    }

    fn blocks(&mut self, blocks: &'a [Block]) {
        for (at, block) in blocks.iter().enumerate() {
            self.block(block);
            // What leads up to a table does not stand alone.
            let leads = matches!(block, Block::Paragraph(_) | Block::Aside(_));
            if leads && matches!(blocks.get(at + 1), Some(Block::Table(_) | Block::List { .. })) {
                self.tie_last(Tie::Close);
            }
        }
    }

    fn block(&mut self, block: &'a Block) {
        match block {
            Block::Heading(level, text) => self.heading(*level, text),
            Block::Paragraph(text) => self.text(text, BODY, GAP),
            Block::Aside(text) => self.text(text, ASIDE, GAP),
            Block::Numbers(numbers) => self.numbers(numbers),
            Block::Facts(facts) => self.facts(facts),
            Block::Table(table) => self.table(table),
            Block::List { first, items } => self.list(*first, items),
            Block::Pictures(pictures) => self.pictures(pictures),
            Block::Code(code) => self.code(code),
            Block::Quote(said) => {
                self.left += INDENT;
                self.blocks(said);
                self.left -= INDENT;
            }
            Block::Rule => {
                let rule = Mark::Fill([self.left, 0.0, self.width(), 0.75], look::LINE);
                self.flow.bands.push(Band { gap: 2.0 * GAP, marks: vec![rule], ..Band::of(0.75) });
            }
        }
    }

    fn heading(&mut self, level: Level, text: &Text) {
        let (size, gap) = match level {
            Level::Title => (22.0, 0.0),
            Level::Section => (13.0, 18.0),
            Level::Part => (11.0, 12.0),
            Level::Below => (9.5, 9.0),
        };
        self.text(text, strong(Ink { size, ..BODY }), gap);
        self.tie_last(Tie::Close);
    }

    /// Lines below each other. The first two and the last two stay together, and all of a heading.
    fn text(&mut self, text: &Text, ink: Ink, gap: f32) {
        let lines = words::lines(self.letters, text, ink, self.width());
        let count = lines.len();
        for (at, line) in lines.iter().enumerate() {
            let mut band = Band { gap: if at == 0 { gap } else { 0.0 }, ..Band::of(leading(ink.size)) };
            put(&mut band, line, [self.left, 0.0], ink.size);
            if at + 1 < count && (at == 0 || at + 2 == count || ink.weight == Weight::Strong) {
                band.tie = Tie::Close;
            }
            self.push_item_band(band, ink);
        }
    }

    /// Adds a band, and before it the marker of the item that it begins.
    fn push_item_band(&mut self, mut band: Band<'a>, ink: Ink) {
        if let Some(marker) = self.marker.take() {
            let run = self.letters.run(&marker, ink);
            let at = [self.left - run.width() - 5.0, look::baseline(ink.size)];
            // Whoever copies the text gets it in this order.
            band.marks.insert(0, Mark::Text(at, run));
        }
        self.flow.bands.push(band);
    }

    pub(super) fn tie_last(&mut self, tie: Tie) {
        if let Some(band) = self.flow.bands.last_mut() {
            band.tie = band.tie.max(tie);
        }
    }

    fn list(&mut self, first: Option<u64>, items: &'a [Vec<Block>]) {
        self.left += INDENT;
        for (at, item) in items.iter().enumerate() {
            self.marker = Some(match first {
                Some(first) => format!("{}.", first.saturating_add(at as u64)),
                None => "•".to_owned(),
            });
            self.blocks(item);
            self.marker = None;
        }
        self.left -= INDENT;
    }

    fn code(&mut self, code: &str) {
        let ink = ASIDE;
        for (at, line) in words::code_lines(self.letters, code, ink, self.width() - 2.0 * GAP).iter().enumerate() {
            let height = leading(ink.size);
            let ground = Mark::Fill([self.left, 0.0, self.width(), height], look::CODE);
            let gap = if at == 0 { GAP } else { 0.0 };
            let mut band = Band { gap, marks: vec![ground], ..Band::of(height) };
            put(&mut band, line, [self.left + GAP, 0.0], ink.size);
            self.flow.bands.push(band);
        }
    }

    fn numbers(&mut self, numbers: &[(String, String)]) {
        let height = leading(LARGE.size) + leading(ASIDE.size);
        let empty = || Band { gap: 6.0, ..Band::of(height) };
        let mut band = empty();
        let mut left = self.left;
        for (number, name) in numbers {
            let [number, name] = [self.letters.run(number, LARGE), self.letters.run(name, ASIDE)];
            let width = number.width().max(name.width());
            if left > self.left && left + width > look::WIDTH {
                self.flow.bands.push(std::mem::replace(&mut band, empty()));
                left = self.left;
            }
            band.marks.push(Mark::Text([left, look::baseline(LARGE.size)], number));
            band.marks.push(Mark::Text([left, leading(LARGE.size) + look::baseline(ASIDE.size)], name));
            left += width + BETWEEN_NUMBERS;
        }
        self.flow.bands.push(band);
    }

    /// Names above what is said of them, two beside each other.
    fn facts(&mut self, facts: &[(String, String)]) {
        let width = (self.width() - BETWEEN_NUMBERS) / 2.0;
        for (at, row) in facts.chunks(2).enumerate() {
            let cells = row.iter().zip([0.0, width + BETWEEN_NUMBERS]).map(|((name, value), left)| {
                let name = words::lines(self.letters, &name.as_str().into(), SMALL, width);
                let value = words::lines(self.letters, &value.as_str().into(), BODY, width);
                let lines = name.into_iter().chain(value).collect();
                CellLines { left: self.left + left, width, lines, to_right: false }
            });
            let cells: Vec<_> = cells.collect();
            let gap = if at == 0 { 10.0 } else { 4.0 };
            for mut band in tables::row(&cells, BODY.size) {
                band.gap = gap;
                self.flow.bands.push(band);
            }
        }
    }
}

/// Puts a line into a band, its top at a place.
pub(super) fn put(band: &mut Band<'_>, line: &Line, [x, y]: [f32; 2], size: f32) {
    let baseline = y + look::baseline(size);
    band.marks.extend(line.runs.iter().map(|(at, run)| Mark::Text([x + at, baseline], run.clone())));
}
