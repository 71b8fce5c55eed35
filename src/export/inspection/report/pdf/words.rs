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

#[cfg(test)]
mod tests {
    use super::super::look::BODY;
    use super::*;

    /// What stands on each line.
    fn broken(text: &Text, width: f32) -> Vec<String> {
        let letters = Letters::open().unwrap();
        let said = |line: &Line| line.runs.iter().map(|(_, run)| run.text.as_str()).collect::<String>();
        let all = lines(&letters, text, BODY, width);
        for line in &all {
            assert!(line.width <= width + look::TOLERANCE, "{:?} is {} wide", said(line), line.width);
        }
        all.iter().map(said).collect()
    }

    #[test]
    fn lines_are_broken_between_words_and_where_they_end() {
        let text = Text::from("one two  three\u{A0}four\n\nfive");
        assert_eq!(broken(&text, 1000.0), ["one two three\u{A0}four", "", "five"]);
        assert_eq!(broken(&text, 60.0), ["one two ", "three\u{A0}four", "", "five"]);
        assert!(broken(&Text::from(""), 60.0).is_empty() && broken(&Text::from("  "), 60.0).is_empty());
    }

    #[test]
    fn a_word_that_is_wider_than_a_line_goes_on_on_the_next() {
        let word = "Straßenbrückenpfeiler".repeat(9);
        let lines = broken(&Text::from(word.as_str()), 60.0);
        assert!(lines.len() > 10 && lines.concat() == word, "{lines:?}");
        // Narrower than any letter: one on a line.
        let letters = Letters::open().unwrap();
        assert_eq!(super::lines(&letters, &Text::from("abc"), BODY, 1.0).len(), 3);
    }

    #[test]
    fn a_word_in_two_styles_is_one_word() {
        let mut text = Text::from("a long word: un");
        text.push("break", Style::Strong);
        text.push("able", Style::Plain);
        assert_eq!(broken(&text, 75.0), ["a long word: ", "unbreakable"]);
        assert_eq!(broken(&text, 1000.0), ["a long word: unbreakable"]);
    }

    #[test]
    fn code_keeps_its_spaces() {
        let letters = Letters::open().unwrap();
        let lines = code_lines(&letters, "a  b\n    c\n", BODY, 1000.0);
        let said: Vec<&str> = lines.iter().flat_map(|line| &line.runs).map(|(_, run)| run.text.as_str()).collect();
        assert_eq!(said, ["a  b", "    c"]);
    }

    #[test]
    fn letters_that_are_put_together_stay_together() {
        // As some systems write file names: the letter, and its dots behind it.
        let letters = Letters::open().unwrap();
        let mut run = letters.run("u\u{308}u\u{308}", BODY);
        let rest = run.cut(run.width() * 0.6).unwrap();
        assert_eq!((run.text.as_str(), rest.text.as_str()), ("u\u{308}", "u\u{308}"));
        let missing = letters.run("中\u{7}", BODY);
        assert!(missing.width() > 0.0 && missing.glyphs.iter().all(|glyph| glyph.glyph_id.to_u32() == 0));
    }
}
