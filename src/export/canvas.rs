//! A picture to put photos on: text, boxes and marks beside them, all with smooth edges.

use image::{Rgb, RgbImage};

use super::lettering::Lettering;
use super::palette;
use crate::dataset::Class;
use crate::error::Result;

/// How text looks.
#[derive(Clone, Copy, Debug)]
pub struct Ink {
    /// Pixels to the em.
    pub size: f32,
    /// Semi-bold instead of regular.
    pub bold: bool,
    /// Its colour.
    pub colour: Rgb<u8>,
}

impl Ink {
    /// Regular text.
    pub const fn regular(size: f32, colour: Rgb<u8>) -> Self {
        Self { size, bold: false, colour }
    }

    /// Semi-bold text.
    pub const fn bold(size: f32, colour: Rgb<u8>) -> Self {
        Self { size, bold: true, colour }
    }
}

/// Which point of the text is put at the given x.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Its left end.
    Left,
    /// Its middle.
    Centre,
    /// Its right end.
    Right,
}

/// A picture to draw on. Coordinates are pixels from the top left corner; what lies outside is cut off.
#[derive(Clone, Debug)]
pub struct Canvas {
    pixels: RgbImage,
    regular: Lettering,
    semibold: Lettering,
}

impl Canvas {
    /// An empty picture.
    ///
    /// # Errors
    /// Where the program's own fonts cannot be read.
    pub fn new(width: u32, height: u32, colour: Rgb<u8>) -> Result<Self> {
        Ok(Self {
            pixels: RgbImage::from_pixel(width, height, colour),
            regular: Lettering::regular()?,
            semibold: Lettering::semibold()?,
        })
    }

    /// The finished picture.
    pub fn into_pixels(self) -> RgbImage {
        self.pixels
    }

    /// Writes one line of text with its baseline at `y`.
    pub fn text(&mut self, x: f32, y: f32, text: &str, ink: Ink, align: Align) {
        let x = match align {
            Align::Left => x,
            Align::Centre => x - self.width_of(text, ink) / 2.0,
            Align::Right => x - self.width_of(text, ink),
        };
        let letters = if ink.bold { &self.semibold } else { &self.regular };
        letters.trace(text, ink.size, (x, y), |x, y, coverage| blend(&mut self.pixels, x, y, ink.colour, coverage));
    }

    /// The width of one line of text.
    pub fn width_of(&self, text: &str, ink: Ink) -> f32 {
        self.letters(ink).width(text, ink.size)
    }

    /// The text, its middle left out where it is wider than `width`. Characters that cannot be drawn on a line, such
    /// as line breaks and those that the font lacks, are replaced by `□`.
    pub fn fitted(&self, text: &str, ink: Ink, width: f32) -> String {
        let characters: Vec<char> = text.chars().map(|c| if self.letters(ink).has(c) { c } else { '□' }).collect();
        let whole: String = characters.iter().collect();
        if self.width_of(&whole, ink) <= width {
            return whole;
        }
        // The end tells photos apart better than the beginning and keeps two thirds of the room.
        let mut kept = characters.len().min(200);
        while kept > 0 {
            kept -= 1;
            let (head, tail) = (kept / 3, kept - kept / 3);
            let shortened: String = characters
                .iter()
                .take(head)
                .chain(&['…'])
                .chain(characters.iter().skip(characters.len() - tail))
                .collect();
            if self.width_of(&shortened, ink) <= width {
                return shortened;
            }
        }
        String::new()
    }

    /// A filled box, its corners rounded by `radius`.
    pub fn fill_box(&mut self, [x, y, width, height]: [f32; 4], radius: f32, colour: Rgb<u8>) {
        let (half_width, half_height) = (width / 2.0, height / 2.0);
        self.fill([x, y, width, height], colour, |px, py| {
            let dx = (px - x - half_width).abs() - half_width + radius;
            let dy = (py - y - half_height).abs() - half_height + radius;
            radius - dx.max(0.0).hypot(dy.max(0.0)) - dx.max(dy).min(0.0)
        });
    }

    /// A filled circle.
    pub fn disc(&mut self, (x, y): (f32, f32), radius: f32, colour: Rgb<u8>) {
        self.fill([x - radius, y - radius, 2.0 * radius, 2.0 * radius], colour, |px, py| {
            radius - (px - x).hypot(py - y)
        });
    }

    /// A filled triangle that stands on its base, `size` wide, centred.
    pub fn triangle(&mut self, (x, y): (f32, f32), size: f32, colour: Rgb<u8>) {
        let height = size * 0.9;
        // The normal of the slanted sides has components (height, size / 2), made unit length.
        let slant = height.hypot(size / 2.0);
        self.fill([x - size / 2.0, y - height / 2.0, size, height], colour, |px, py| {
            let below_apex = py - (y - height / 2.0);
            let side = (below_apex * size / 2.0 - (px - x).abs() * height) / slant;
            side.min(y + height / 2.0 - py)
        });
    }

    /// The mark of a class: ▲ cracked, ● intact.
    pub fn mark(&mut self, centre: (f32, f32), size: f32, class: Class, colour: Rgb<u8>) {
        match class {
            Class::Positive => self.triangle(centre, size, colour),
            Class::Negative => self.disc(centre, size * 0.44, colour),
        }
    }

    /// Puts a picture with its top left corner at `x`, `y`.
    pub fn picture(&mut self, x: u32, y: u32, picture: &RgbImage) {
        image::imageops::replace(&mut self.pixels, picture, i64::from(x), i64::from(y));
    }

    fn letters(&self, ink: Ink) -> &Lettering {
        if ink.bold { &self.semibold } else { &self.regular }
    }

    /// Fills where `inside`, the distance to the edge in pixels, is positive.
    fn fill(&mut self, [x, y, width, height]: [f32; 4], colour: Rgb<u8>, inside: impl Fn(f32, f32) -> f32) {
        let range = |from: f32, length: f32, limit: u32| {
            (from.floor() - 1.0).max(0.0) as u32..((from + length).ceil() + 1.0).clamp(0.0, limit as f32) as u32
        };
        for row in range(y, height, self.pixels.height()) {
            for column in range(x, width, self.pixels.width()) {
                let coverage = (inside(column as f32 + 0.5, row as f32 + 0.5) + 0.5).clamp(0.0, 1.0);
                blend(&mut self.pixels, column as i32, row as i32, colour, coverage);
            }
        }
    }
}

fn blend(pixels: &mut RgbImage, x: i32, y: i32, colour: Rgb<u8>, coverage: f32) {
    if coverage > 0.0
        && let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y))
        && let Some(pixel) = pixels.get_pixel_mut_checked(x, y)
    {
        *pixel = palette::mix(*pixel, colour, coverage);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use palette::{PAPER, TEXT};

    const INK: Ink = Ink::regular(20.0, TEXT);

    fn inked(canvas: &Canvas) -> Vec<(u32, u32)> {
        canvas.pixels.enumerate_pixels().filter(|(.., p)| **p != PAPER).map(|(x, y, _)| (x, y)).collect()
    }

    #[test]
    fn text_fills_the_width_that_was_measured() {
        let mut canvas = Canvas::new(300, 60, PAPER).unwrap();
        canvas.text(150.0, 40.0, "HHHHHHHH", INK, Align::Centre);
        let columns: Vec<u32> = inked(&canvas).into_iter().map(|(x, _)| x).collect();
        let drawn = columns.iter().max().unwrap() - columns.iter().min().unwrap();
        assert!((canvas.width_of("HHHHHHHH", INK) - drawn as f32).abs() < 5.0);
        let middle = (columns.iter().max().unwrap() + columns.iter().min().unwrap()) / 2;
        assert!(middle.abs_diff(150) <= 1);
    }

    #[test]
    fn long_names_lose_their_middle() {
        let canvas = Canvas::new(1, 1, PAPER).unwrap();
        let fitted = canvas.fitted("Positive/a/very/long/folder/name/06677.jpg", INK, 150.0);
        assert!(
            fitted.contains('…') && fitted.ends_with("77.jpg") && canvas.width_of(&fitted, INK) <= 150.0,
            "{fitted}"
        );
        assert_eq!(canvas.fitted("a\nbひ", INK, 150.0), "a□b□");
    }

    #[test]
    fn shapes_cover_their_area() {
        let area = |draw: &dyn Fn(&mut Canvas)| {
            let mut canvas = Canvas::new(60, 60, PAPER).unwrap();
            draw(&mut canvas);
            canvas.pixels.pixels().map(|p| (255.0 - f32::from(p.0[0])) / (255.0 - f32::from(TEXT.0[0]))).sum::<f32>()
        };
        assert!((area(&|c| c.disc((30.0, 30.0), 10.0, TEXT)) - 314.16).abs() < 3.0);
        assert!((area(&|c| c.triangle((30.0, 30.0), 20.0, TEXT)) - 180.0).abs() < 3.0);
        assert!((area(&|c| c.fill_box([10.0, 10.0, 20.0, 10.0], 0.0, TEXT)) - 200.0).abs() < 1.0);
    }

    #[test]
    fn drawing_outside_is_cut_off() {
        let mut canvas = Canvas::new(10, 10, PAPER).unwrap();
        canvas.text(-50.0, 500.0, "outside", INK, Align::Left);
        canvas.disc((-100.0, 4.0), 3.0, TEXT);
        canvas.fill_box([-5.0, 4.0, 35.0, 2.0], 0.0, TEXT);
        assert_eq!(inked(&canvas).len(), 20);
    }
}
