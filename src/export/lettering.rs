//! Lines of text in the program's own typeface, Inter, so that pictures need no font of the system's.

use ab_glyph::{Font, FontRef, GlyphId, PxScale, ScaleFont, point};

use crate::error::{Context, Result};

/// The file of the regular weight.
pub const REGULAR: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/fonts/Inter-Regular.otf"));
/// The file of the semi-bold weight.
pub const SEMIBOLD: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/fonts/Inter-SemiBold.otf"));

/// One weight of the typeface.
#[derive(Clone, Debug)]
pub struct Lettering(FontRef<'static>);

impl Lettering {
    /// The regular weight.
    ///
    /// # Errors
    /// Where the program's own font cannot be read.
    pub fn regular() -> Result<Self> {
        Self::read(REGULAR)
    }

    /// The semi-bold weight.
    ///
    /// # Errors
    /// Where the program's own font cannot be read.
    pub fn semibold() -> Result<Self> {
        Self::read(SEMIBOLD)
    }

    fn read(font: &'static [u8]) -> Result<Self> {
        FontRef::try_from_slice(font).map(Self).context("Cannot read the program's font")
    }

    /// Whether the character can be drawn on a line.
    pub fn has(&self, character: char) -> bool {
        !character.is_control() && self.0.glyph_id(character) != GlyphId(0)
    }

    /// The width of one line of text, in pixels; `size` is pixels to the em.
    pub fn width(&self, text: &str, size: f32) -> f32 {
        let font = self.0.as_scaled(self.scale(size));
        let mut previous: Option<GlyphId> = None;
        let mut width = 0.0;
        for character in text.chars() {
            let glyph = font.glyph_id(character);
            width += previous.map_or(0.0, |previous| font.kern(previous, glyph)) + font.h_advance(glyph);
            previous = Some(glyph);
        }
        width
    }

    /// Hands `put` every pixel that the text touches, and how much of it is covered, 0 to 1. The text begins at
    /// `pen.0` on the baseline `pen.1`; `size` is pixels to the em.
    pub fn trace(&self, text: &str, size: f32, mut pen: (f32, f32), mut put: impl FnMut(i32, i32, f32)) {
        let font = self.0.as_scaled(self.scale(size));
        let mut previous: Option<GlyphId> = None;
        for character in text.chars() {
            let id = font.glyph_id(character);
            pen.0 += previous.map_or(0.0, |previous| font.kern(previous, id));
            let glyph = id.with_scale_and_position(font.scale(), point(pen.0, pen.1));
            if let Some(outline) = font.outline_glyph(glyph) {
                let corner = outline.px_bounds().min;
                outline
                    .draw(|dx, dy, coverage| put(corner.x as i32 + dx as i32, corner.y as i32 + dy as i32, coverage));
            }
            pen.0 += font.h_advance(id);
            previous = Some(id);
        }
    }

    /// What ab_glyph calls the scale, the line's height, for a size in pixels to the em.
    fn scale(&self, size: f32) -> PxScale {
        PxScale::from(size * self.0.height_unscaled() / self.0.units_per_em().unwrap_or(1000.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_is_the_em() {
        let mut rows = Vec::new();
        Lettering::regular().unwrap().trace("H", 50.0, (10.0, 80.0), |_, y, coverage| {
            rows.extend((coverage > 0.0).then_some(y));
        });
        let height = rows.iter().max().unwrap() - rows.iter().min().unwrap() + 1;
        assert!((35..=38).contains(&height), "Inter's capitals are 0.727 em: {height}");
    }

    #[test]
    fn characters_that_cannot_be_drawn_are_known() {
        for letters in [Lettering::regular().unwrap(), Lettering::semibold().unwrap()] {
            assert!(letters.has('é') && letters.has('□') && letters.has('→'));
            assert!(!letters.has('ひ') && !letters.has('\n'));
        }
    }
}
