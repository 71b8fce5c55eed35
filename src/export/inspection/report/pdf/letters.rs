//! The program's typeface, Inter, as PDFs take it: glyphs in their places.

use std::ops::Range;

use harfrust::{Direction, Feature, FontRef, ShapeOptions, ShapePlan, ShaperData, Tag, UnicodeBuffer, script};
use krilla::text::{Font, GlyphId, KrillaGlyph};

use super::look::Colour;
use crate::error::{Context, Error, Result};
use crate::export::lettering::{REGULAR, SEMIBOLD};

/// How text is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ink {
    /// How heavy.
    pub weight: Weight,
    /// Points to the em.
    pub size: f32,
    /// Its colour.
    pub colour: Colour,
}

/// A weight of the typeface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// That of running text.
    Regular,
    /// That of headings.
    Strong,
}

/// Text of one kind on one line.
#[derive(Clone, Debug)]
pub struct Run {
    /// The text.
    pub text: String,
    /// Its glyphs; lengths are shares of the em.
    pub glyphs: Vec<KrillaGlyph>,
    /// How it is drawn.
    pub ink: Ink,
}

/// Both weights.
pub struct Letters {
    regular: Face,
    strong: Face,
}

/// One weight.
struct Face {
    font: Font,
    file: FontRef<'static>,
    shaping: ShaperData,
    plan: ShapePlan,
    /// Units to the em.
    units: f32,
}

/// Numbers that stand below each other are equally wide.
const FEATURES: [Feature; 1] = [Feature { tag: Tag::new(b"tnum"), value: 1, start: 0, end: u32::MAX }];

impl Letters {
    /// Reads the fonts.
    ///
    /// # Errors
    /// Where the program's own fonts cannot be read.
    pub fn open() -> Result<Self> {
        Ok(Self { regular: Face::read(REGULAR)?, strong: Face::read(SEMIBOLD)? })
    }

    /// The font that a PDF holds.
    pub fn font(&self, weight: Weight) -> Font {
        self.face(weight).font.clone()
    }

    /// A line of text. Letters that the typeface lacks become the box that stands for them.
    pub fn run(&self, text: &str, ink: Ink) -> Run {
        let text: String = text.chars().map(|c| if c.is_control() { '\u{FFFD}' } else { c }).collect();
        let glyphs = self.face(ink.weight).glyphs(&text);
        Run { text, glyphs, ink }
    }

    fn face(&self, weight: Weight) -> &Face {
        match weight {
            Weight::Regular => &self.regular,
            Weight::Strong => &self.strong,
        }
    }
}

impl Face {
    fn read(bytes: &'static [u8]) -> Result<Self> {
        const WHAT: &str = "Cannot read the program's font";
        let font = Font::new(bytes.into(), 0).ok_or_else(|| Error::new(WHAT))?;
        let file = FontRef::new(bytes).context(WHAT)?;
        let shaping = ShaperData::new(&file);
        let shaper = shaping.shaper(&file).build();
        // One plan for all text: the fonts know one direction and treat no language apart.
        let plan = ShapePlan::new(&shaper, Direction::LeftToRight, Some(script::LATIN), None, &FEATURES);
        let units = font.units_per_em();
        Ok(Self { font, file, shaping, plan, units })
    }

    fn glyphs(&self, text: &str) -> Vec<KrillaGlyph> {
        let mut buffer = UnicodeBuffer::new();
        buffer.push_str(text);
        buffer.set_direction(Direction::LeftToRight);
        buffer.set_script(script::LATIN);
        let options = ShapeOptions::new().plan(Some(&self.plan)).features(&FEATURES);
        let shaped = self.shaping.shaper(&self.file).build().shape(buffer, options);
        let (infos, places) = (shaped.glyph_infos(), shaped.glyph_positions());
        let em = |units: i32| units as f32 / self.units;
        let mut end = text.len();
        let mut begun = end;
        let mut glyphs: Vec<KrillaGlyph> = infos
            .iter()
            .zip(places)
            .rev()
            .map(|(info, place)| {
                // Glyphs of one cluster stand for the same letters.
                let start = info.cluster as usize;
                if start < begun {
                    (end, begun) = (begun, start);
                }
                let [advance, x, y] = [place.x_advance, place.x_offset, place.y_offset].map(em);
                KrillaGlyph::new(GlyphId::new(info.glyph_id), advance, x, y, 0.0, begun..end, None)
            })
            .collect();
        glyphs.reverse();
        glyphs
    }
}

impl Run {
    /// Its width in points.
    pub fn width(&self) -> f32 {
        self.ink.size * self.glyphs.iter().map(|glyph| glyph.x_advance).sum::<f32>()
    }

    /// Its width without spaces at its end.
    pub fn inked_width(&self) -> f32 {
        let spaces = self.text.len() - self.text.trim_end_matches(' ').len();
        let end = self.text.len() - spaces;
        let inked = self.glyphs.iter().filter(|glyph| glyph.text_range.start < end);
        self.ink.size * inked.map(|glyph| glyph.x_advance).sum::<f32>()
    }

    /// Adds what follows it on the line, in the same ink.
    pub fn append(&mut self, other: Self) {
        let before = self.text.len();
        self.text.push_str(&other.text);
        self.glyphs.extend(other.glyphs.into_iter().map(|mut glyph| {
            glyph.text_range = shifted(&glyph.text_range, before);
            glyph
        }));
    }

    /// Cuts off what fits into a width, at least one letter; returns the rest, if there is one.
    pub fn cut(&mut self, width: f32) -> Option<Self> {
        let mut used = 0.0;
        let at = self.glyphs.iter().position(|glyph| {
            let fits = used + glyph.x_advance * self.ink.size <= width || glyph.text_range.start == 0;
            used += glyph.x_advance * self.ink.size;
            !fits
        })?;
        let from = self.glyphs.get(at)?.text_range.start;
        // A cluster stays whole.
        let at = self.glyphs.iter().position(|glyph| glyph.text_range.start >= from)?;
        let mut rest = Self { text: self.text.split_off(from), glyphs: self.glyphs.split_off(at), ink: self.ink };
        for glyph in &mut rest.glyphs {
            let Range { start, end } = glyph.text_range;
            glyph.text_range = start.saturating_sub(from)..end.saturating_sub(from);
        }
        Some(rest)
    }
}

fn shifted(range: &Range<usize>, by: usize) -> Range<usize> {
    range.start + by..range.end + by
}
