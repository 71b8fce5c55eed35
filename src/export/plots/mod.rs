//! Plots of a run, for paper: its course, its confusion matrix and its ROC curve, each as SVG and as PNG.
//!
//! All are 1200 pixels wide. Set 8 cm wide, as a column of a journal is, their letters are of 6 points or more. Colours
//! are those of the window; what has to be told apart differs in shape as well, for a printer without colours.

mod axis;
mod confusion;
mod curves;
mod roc;
mod run;
mod smooth;

use image::Rgb;
use plotters::coord::Shift;
use plotters::element::DashedPathElement;
use plotters::prelude::{
    Circle, Color, DrawingArea, DrawingAreaErrorKind, DrawingBackend, FontStyle, IntoDrawingArea, IntoFont,
    PathElement, RGBColor, SVGBackend, ShapeStyle, Text, TextStyle,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};

pub use self::confusion::Matrix;
pub use self::curves::Curves;
pub use self::roc::Roc;
pub use self::run::{Picture, of_run};
use self::smooth::Smooth;
use super::{palette, png};
use crate::error::{Error, Result};

/// The width of every plot, in pixels.
const WIDTH: u32 = 1200;
/// Where headings begin.
const LEFT: i32 = 40;
/// Sizes of letters, in pixels to the em.
const TITLE: f64 = 42.0;
const NAME: f64 = 38.0;
const SMALL: f64 = 34.0;
/// Widths of lines, in pixels.
const STROKE: u32 = 6;
const THIN: u32 = 3;
const HAIR: u32 = 2;
/// Lengths of a dash and of the gap after it, in pixels.
const DASHES: (i32, i32) = (20, 14);
const DOTS: (i32, i32) = (4, 10);

/// The fonts that an SVG asks for.
const FAMILY: &str = "Inter, sans-serif";
/// Plotters' size of letters for an em of 1.
const SIZE_OF_EM: f64 = 1.24;

/// A surface to draw on, whatever its format.
type Area<B> = DrawingArea<B, Shift>;
/// What comes of drawing.
type Drawn<B> = std::result::Result<(), DrawingAreaErrorKind<<B as DrawingBackend>::ErrorType>>;

/// Something that can be drawn, as SVG or as PNG.
pub trait Plot {
    /// Width and height, in pixels.
    fn size(&self) -> (u32, u32);

    /// Draws it on white.
    ///
    /// # Errors
    /// Where the surface cannot be drawn on, which does not happen in memory.
    fn draw<B: DrawingBackend>(&self, area: &Area<B>) -> Drawn<B>;
}

/// The plot as SVG: the same bytes for the same plot.
///
/// # Errors
/// Where it cannot be drawn, which does not happen in memory.
pub fn svg(plot: &impl Plot) -> Result<String> {
    let mut text = String::new();
    draw(plot, SVGBackend::with_string(&mut text, plot.size()))?;
    Ok(text)
}

/// The plot as PNG.
///
/// # Errors
/// Where it cannot be drawn or encoded, which does not happen in memory.
pub fn png(plot: &impl Plot) -> Result<Vec<u8>> {
    let mut pixels = smooth::Pixels::new(plot.size());
    draw(plot, Smooth::new(&mut pixels)?)?;
    png::encode(&pixels.into_picture())
}

fn draw<B: DrawingBackend>(plot: &impl Plot, backend: B) -> Result<()> {
    let area = backend.into_drawing_area();
    let drawn = area.fill(&rgb(palette::PAPER)).and_then(|()| plot.draw(&area)).and_then(|()| area.present());
    drawn.map_err(|cause| Error::new("Cannot draw a plot").detail(cause.to_string()))
}

fn rgb(Rgb([r, g, b]): Rgb<u8>) -> RGBColor {
    RGBColor(r, g, b)
}

fn line(colour: Rgb<u8>, width: u32) -> ShapeStyle {
    rgb(colour).stroke_width(width)
}

/// How text of `em` pixels looks, put to a point by its left end.
fn ink(em: f64, colour: Rgb<u8>) -> TextStyle<'static> {
    text_style(em, FontStyle::Normal, colour)
}

/// The same, semi-bold.
fn bold(em: f64, colour: Rgb<u8>) -> TextStyle<'static> {
    text_style(em, FontStyle::Bold, colour)
}

fn text_style(em: f64, weight: FontStyle, colour: Rgb<u8>) -> TextStyle<'static> {
    let font = (FAMILY, em * SIZE_OF_EM, weight).into_font();
    TextStyle { font, color: rgb(colour).to_backend_color(), pos: Pos::default() }
}

/// The same text, put to a point by its middle.
fn centred(style: TextStyle<'static>) -> TextStyle<'static> {
    style.pos(Pos::new(HPos::Center, VPos::Center))
}

/// Writes a line of text, its middle at the height `y`, from `x` on.
fn write<B: DrawingBackend>(area: &Area<B>, (x, y): (i32, i32), text: &str, style: TextStyle<'static>) -> Drawn<B> {
    area.draw(&Text::new(text, (x, y), style.pos(Pos::new(HPos::Left, VPos::Center))))
}

/// The mark of what was chosen: a ring around a dot.
fn ring<B: DrawingBackend>(area: &Area<B>, at: (i32, i32), colour: Rgb<u8>) -> Drawn<B> {
    for (radius, colour) in [(19, palette::PAPER), (16, colour), (9, palette::PAPER), (5, colour)] {
        area.draw(&Circle::new(at, radius, rgb(colour).filled()))?;
    }
    Ok(())
}

/// A line through these points of a surface; `dashes` are lengths of a dash and of the gap after it.
fn path<B: DrawingBackend>(
    area: &Area<B>,
    points: &[(i32, i32)],
    style: ShapeStyle,
    dashes: Option<(i32, i32)>,
) -> Drawn<B> {
    match dashes {
        None => area.draw(&PathElement::new(points.to_vec(), style)),
        Some((dash, gap)) => area.draw(&DashedPathElement::new(points.iter().copied(), dash, gap, style)),
    }
}

#[cfg(test)]
mod tests {
    use image::RgbImage;

    use super::*;
    use crate::review::confusion::Confusion;

    pub fn decoded(bytes: &[u8]) -> RgbImage {
        image::load_from_memory(bytes).unwrap().to_rgb8()
    }

    pub fn uses(picture: &RgbImage, colour: Rgb<u8>) -> bool {
        picture.pixels().any(|pixel| *pixel == colour)
    }

    #[test]
    fn the_same_plot_gives_the_same_bytes() {
        let confusion = Confusion::from([[703, 9], [3, 714]]);
        let once = || {
            let plot = Matrix::new(&confusion, "<Validation> & \"photos\"").unwrap();
            (svg(&plot).unwrap(), png(&plot).unwrap())
        };
        let (text, picture) = once();
        assert_eq!((text.clone(), picture), once());
        assert!(text.contains("&lt;Validation&gt; &amp; &quot;photos&quot;") && text.contains("Inter, sans-serif"));
    }

    /// Both formats are drawn by the same calls; text is where the SVG puts it.
    #[test]
    fn letters_stand_where_they_are_put() {
        struct Letter;
        impl Plot for Letter {
            fn size(&self) -> (u32, u32) {
                (100, 100)
            }
            fn draw<B: DrawingBackend>(&self, area: &Area<B>) -> Drawn<B> {
                area.draw(&Text::new("x", (50, 50), centred(ink(40.0, palette::TEXT))))
            }
        }
        let picture = decoded(&png(&Letter).unwrap());
        let dark: Vec<_> = picture.enumerate_pixels().filter(|(.., p)| p.0[0] < 128).map(|(x, y, _)| (x, y)).collect();
        let middle =
            |of: fn(&(u32, u32)) -> u32| (dark.iter().map(of).min().unwrap() + dark.iter().map(of).max().unwrap()) / 2;
        assert!(middle(|p| p.0).abs_diff(50) <= 1 && middle(|p| p.1).abs_diff(50) <= 1);
        let height = dark.iter().map(|p| p.1).max().unwrap() - dark.iter().map(|p| p.1).min().unwrap() + 1;
        assert!(height.abs_diff(22) <= 1, "an x of Inter is 0.546 em high: {height}");
    }
}
