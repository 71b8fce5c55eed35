//! Text as lines of a width.

use super::letters::{Ink, Letters, Run};
use super::look::{self, strong};
use crate::export::inspection::report::document::{Style, Text};

/// A line of text.
#[derive(Clone, Default)]
pub struct Line {
    /// Its pieces, and how far from its left they begin.
    pub runs: Vec<(f32, Run)>,
    /// Its width without spaces at its end.
    pub width: f32,
    /// Where the next piece would begin.
    pen: f32,
}

/// Breaks text between words, and within one that is wider than a line.
pub fn lines(letters: &Letters, text: &Text, ink: Ink, width: f32) -> Vec<Line> {
    let mut breaker = Breaker { width, lines: Vec::new(), line: Line::default(), word: Vec::new() };
    for span in &text.0 {
        let ink = styled(ink, span.style);
        for (at, line) in span.text.split('\n').enumerate() {
            if at > 0 {
                breaker.end_line();
            }
            line.split_inclusive(breaks).for_each(|word| breaker.take(letters, word, ink));
        }
    }
    breaker.finish()
}

/// Breaks code: its spaces stay, and what is too long goes on in the next line.
pub fn code_lines(letters: &Letters, code: &str, ink: Ink, width: f32) -> Vec<Line> {
    let mut all = Vec::new();
    for line in code.lines() {
        let mut rest = Some(letters.run(line, ink));
        while let Some(mut run) = rest {
            rest = run.cut(width);
            let mut line = Line::default();
            line.push(run);
            all.push(line);
        }
    }
    all
}

/// How wide text is that is not broken, and its widest word.
pub fn widths(letters: &Letters, text: &Text, ink: Ink) -> [f32; 2] {
    let whole = lines(letters, text, ink, f32::INFINITY).iter().map(|line| line.width).fold(0.0, f32::max);
    let word = |word: &str, style| letters.run(word, styled(ink, style)).width();
    let words = text.0.iter().flat_map(|span| span.text.split_whitespace().map(|text| word(text, span.style)));
    [whole, words.fold(0.0, f32::max)]
}

/// The typeface has no italics and no letters of one width: what is marked at all is marked strongly.
fn styled(ink: Ink, style: Style) -> Ink {
    match style {
        Style::Plain | Style::Code => ink,
        Style::Strong | Style::Emphasis => strong(ink),
    }
}

/// Whether a line may end after this character.
fn breaks(c: char) -> bool {
    c.is_whitespace() && !matches!(c, '\u{A0}' | '\u{202F}' | '\u{2007}')
}

struct Breaker {
    width: f32,
    lines: Vec<Line>,
    line: Line,
    /// A word that may go on in the next span.
    word: Vec<Run>,
}

impl Breaker {
    /// A word, or what follows of it in another style, with the space at its end.
    fn take(&mut self, letters: &Letters, word: &str, ink: Ink) {
        let bare = word.trim_end_matches(breaks);
        let ends = bare.len() < word.len();
        let begins = self.line.runs.is_empty() && self.word.is_empty();
        if bare.is_empty() && (begins || self.ends_in_space()) {
            return;
        }
        let run = if ends { letters.run(&format!("{bare} "), ink) } else { letters.run(bare, ink) };
        self.word.push(run);
        if ends {
            self.place_word();
        }
    }

    fn ends_in_space(&self) -> bool {
        let last = self.word.last().or(self.line.runs.last().map(|(_, run)| run));
        last.is_some_and(|run| run.text.ends_with(' '))
    }

    fn place_word(&mut self) {
        let word = std::mem::take(&mut self.word);
        let Some((last, before)) = word.split_last() else { return };
        let width = before.iter().map(Run::width).sum::<f32>() + last.inked_width();
        if self.line.pen + width > self.width + look::TOLERANCE && !self.line.runs.is_empty() {
            self.break_line();
        }
        for run in word {
            self.place(run);
        }
    }

    /// Places a run, in pieces where it is wider than what is left of the line.
    fn place(&mut self, mut run: Run) {
        while self.line.pen + run.inked_width() > self.width + look::TOLERANCE {
            if self.line.pen > 0.0 && self.width - self.line.pen < run.ink.size {
                self.break_line();
                continue;
            }
            let rest = run.cut(self.width - self.line.pen);
            self.line.push(run);
            let Some(rest) = rest else { return };
            self.break_line();
            run = rest;
        }
        self.line.push(run);
    }

    fn break_line(&mut self) {
        self.lines.push(std::mem::take(&mut self.line));
    }

    fn end_line(&mut self) {
        self.place_word();
        self.break_line();
    }

    fn finish(mut self) -> Vec<Line> {
        self.place_word();
        if !self.line.runs.is_empty() {
            self.break_line();
        }
        self.lines
    }
}

impl Line {
    fn push(&mut self, run: Run) {
        let (begin, width) = (self.pen, run.width());
        self.width = begin + run.inked_width();
        self.pen += width;
        match self.runs.last_mut() {
            Some((_, last)) if last.ink == run.ink => last.append(run),
            _ => self.runs.push((begin, run)),
        }
    }
}
