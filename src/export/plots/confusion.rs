//! `confusion.svg` and `confusion.png`: the confusion matrix.

use plotters::prelude::{Circle, Color, DrawingBackend, FontTransform, Rectangle, Text, TriangleMarker};

use super::{Area, Drawn, LEFT, NAME, Plot, SMALL, TITLE, WIDTH, bold, centred, ink, rgb, write};
use crate::dataset::Class;
use crate::error::Result;
use crate::export::lettering::Lettering;
use crate::export::{figures, palette};
use crate::format;
use crate::review::confusion::Confusion;

/// The corner of the first cell, and a cell's width and height.
const CORNER: (i32, i32) = (340, 224);
const CELL: (i32, i32) = (410, 300);
/// The largest letters of a count.
const COUNT: f32 = 84.0;

/// A confusion matrix: counts, the share of each row beneath, the logarithm of the count as colour, so that a few errors
/// among many photos are still seen.
pub struct Matrix<'a> {
    confusion: &'a Confusion,
    title: &'a str,
    regular: Lettering,
    semibold: Lettering,
}

impl<'a> Matrix<'a> {
    /// The matrix under this title.
    ///
    /// # Errors
    /// Where the program's own font cannot be read.
    pub fn new(confusion: &'a Confusion, title: &'a str) -> Result<Self> {
        Ok(Self { confusion, title, regular: Lettering::regular()?, semibold: Lettering::semibold()? })
    }

    fn cell<B: DrawingBackend>(&self, area: &Area<B>, truth: Class, said: Class) -> Drawn<B> {
        let count = self.confusion.get(truth, said);
        let most = Class::ALL.map(|t| Class::ALL.map(|p| self.confusion.get(t, p))).into_iter().flatten().max();
        let share = (count as f32).ln_1p() / (most.unwrap_or(0).max(1) as f32).ln_1p();
        let colour = palette::mix(palette::WINDOW, palette::ACCENT, share);
        let text = if palette::contrast(colour, palette::TEXT) >= palette::contrast(colour, palette::PAPER) {
            palette::TEXT
        } else {
            palette::PAPER
        };
        let (x, y) = (CORNER.0 + said.index() as i32 * CELL.0, CORNER.1 + truth.index() as i32 * CELL.1);
        area.draw(&Rectangle::new([(x + 4, y + 4), (x + CELL.0 - 4, y + CELL.1 - 4)], rgb(colour).filled()))?;
        let (middle, centre) = (x + CELL.0 / 2, y + CELL.1 / 2);
        let count = format::count(count as u64);
        let em = fitting(&self.semibold, &count, COUNT, CELL.0 - 50);
        area.draw(&Text::new(count, (middle, centre - 26), centred(bold(em, text))))?;
        let share = figures::percent(self.confusion.rate(truth, said));
        area.draw(&Text::new(share, (middle, centre + 56), centred(ink(NAME, text))))
    }

    /// The mark and the word of a class, in the middle of `x`.
    fn named<B: DrawingBackend>(&self, area: &Area<B>, (x, y): (i32, i32), class: Class) -> Drawn<B> {
        let left = x - (self.regular.width(class.word(), NAME as f32) as i32 + 44) / 2;
        let colour = rgb(palette::of(class)).filled();
        match class {
            Class::Positive => area.draw(&TriangleMarker::new((left + 14, y + 3), 17, colour))?,
            Class::Negative => area.draw(&Circle::new((left + 14, y), 14, colour))?,
        }
        write(area, (left + 44, y), class.word(), ink(NAME, palette::TEXT))
    }
}

impl Plot for Matrix<'_> {
    fn size(&self) -> (u32, u32) {
        (WIDTH, 1010)
    }

    fn draw<B: DrawingBackend>(&self, area: &Area<B>) -> Drawn<B> {
        write(area, (LEFT, 52), self.title, bold(TITLE, palette::TEXT))?;
        let quiet = || centred(ink(SMALL, palette::QUIET));
        area.draw(&Text::new("predicted", (CORNER.0 + CELL.0, 126), quiet()))?;
        let upwards = quiet().transform(FontTransform::Rotate270);
        area.draw(&Text::new("label", (LEFT + 16, CORNER.1 + CELL.1), upwards))?;
        for class in Class::ALL {
            let at = class.index() as i32;
            self.named(area, (CORNER.0 + at * CELL.0 + CELL.0 / 2, 188), class)?;
            let (x, middle) = (204, CORNER.1 + at * CELL.1 + CELL.1 / 2);
            self.named(area, (x, middle - 22), class)?;
            let photos = format::photos(self.confusion.with_label(class));
            let em = fitting(&self.regular, &photos, SMALL as f32, 240);
            area.draw(&Text::new(photos, (x, middle + 30), centred(ink(em, palette::QUIET))))?;
            for said in Class::ALL {
                self.cell(area, class, said)?;
            }
        }
        let below = CORNER.1 + 2 * CELL.1;
        let note = "Percentages: share of the row. Colour: logarithm of the count.";
        write(area, (LEFT, below + 56), note, ink(SMALL, palette::QUIET))?;
        let summary = summary(self.confusion);
        let em = fitting(&self.regular, &summary, SMALL as f32, WIDTH as i32 - 2 * LEFT);
        write(area, (LEFT, below + 110), &summary, ink(em, palette::TEXT))
    }
}

fn summary(confusion: &Confusion) -> String {
    let photos = format::photos(confusion.total());
    let wrong = format::count(confusion.wrong() as u64);
    format!("{photos}, {wrong} wrong, accuracy {}", figures::figure(confusion.accuracy()))
}

/// The size of letters, at most `em`, that keeps the text within `width`.
fn fitting(letters: &Lettering, text: &str, em: f32, width: i32) -> f64 {
    let natural = letters.width(text, em).max(1.0);
    f64::from((em * (width as f32 / natural).min(1.0)).floor())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::plots::tests::decoded;
    use crate::export::plots::{png, svg};

    #[test]
    fn the_fullest_cell_has_the_full_colour_and_an_empty_one_none() {
        let confusion = Confusion::from([[703, 0], [3, 714]]);
        let picture = decoded(&png(&Matrix::new(&confusion, "Validation photos").unwrap()).unwrap());
        let inside = |column: i32, row: i32| {
            *picture.get_pixel((CORNER.0 + column * CELL.0 + 20) as u32, (CORNER.1 + row * CELL.1 + 20) as u32)
        };
        assert_eq!(inside(1, 1), palette::ACCENT);
        assert_eq!(inside(1, 0), palette::WINDOW);
    }

    #[test]
    fn counts_of_any_size_stay_in_their_cells() {
        let letters = Lettering::semibold().unwrap();
        for count in [0_u64, 7, 40_000, 123_456_789_012] {
            let text = format::count(count);
            let em = fitting(&letters, &text, COUNT, CELL.0 - 50);
            assert!(letters.width(&text, em as f32) <= CELL.0 as f32 - 50.0 && em >= 20.0, "{text} at {em}");
        }
        for empty in [Confusion::default(), Confusion::from([[0, 3], [9, 0]])] {
            assert!(svg(&Matrix::new(&empty, "nothing").unwrap()).unwrap().contains("predicted"));
        }
    }
}
