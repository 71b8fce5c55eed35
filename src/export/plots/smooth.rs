//! Plots as pixels with smooth edges: drawn at twice the size, then halved.
//!
//! plotters alone sets every letter by its box, without the distance that the typeface leaves before it, and joins wide
//! lines into one polygon that may cross itself. So text comes from [`Lettering`], and a line is a row of segments.

use image::RgbImage;
use plotters::backend::{BitMapBackend, DrawingBackend};
use plotters::style::text_anchor::{HPos, VPos};
use plotters_backend::{BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingErrorKind, FontStyle};

use super::SIZE_OF_EM;
use crate::error::Result;
use crate::export::lettering::Lettering;

/// Pixels drawn for one that is kept, along each side.
const SCALE: u32 = 2;
/// Inter's height of a lower-case x, in ems.
const X_HEIGHT: f32 = 0.546;

/// What is drawn, at [`SCALE`] times its size.
pub struct Pixels {
    size: (u32, u32),
    bytes: Vec<u8>,
}

impl Pixels {
    /// A black surface for a picture of this width and height.
    pub fn new(size: (u32, u32)) -> Self {
        Self { size, bytes: vec![0; (size.0 * size.1 * SCALE * SCALE * 3) as usize] }
    }

    /// The picture: each pixel the mean of those drawn for it.
    pub fn into_picture(self) -> RgbImage {
        let (width, height) = self.size;
        let mut picture = RgbImage::new(width, height);
        let row_bytes = (width * SCALE * 3) as usize;
        let rows = self.bytes.chunks_exact(row_bytes * SCALE as usize);
        for (to, from) in picture.chunks_exact_mut((width * 3) as usize).zip(rows) {
            let mut sums = vec![0_u32; (width * 3) as usize];
            for row in from.chunks_exact(row_bytes) {
                for (sums, pixels) in sums.chunks_exact_mut(3).zip(row.chunks_exact(SCALE as usize * 3)) {
                    for pixel in pixels.chunks_exact(3) {
                        sums.iter_mut().zip(pixel).for_each(|(sum, level)| *sum += u32::from(*level));
                    }
                }
            }
            const AREA: u32 = SCALE * SCALE;
            to.iter_mut().zip(sums).for_each(|(level, sum)| *level = ((sum + AREA / 2) / AREA) as u8);
        }
        picture
    }
}

/// A surface of plotters over [`Pixels`].
pub struct Smooth<'a> {
    size: (u32, u32),
    inner: BitMapBackend<'a>,
    regular: Lettering,
    semibold: Lettering,
}

/// A style for lines of [`SCALE`] times the width.
struct Scaled {
    colour: BackendColor,
    width: u32,
}

type Drawn<'a> = std::result::Result<(), DrawingErrorKind<<BitMapBackend<'a> as DrawingBackend>::ErrorType>>;

impl<'a> Smooth<'a> {
    /// A surface that draws into `pixels`.
    ///
    /// # Errors
    /// Where the program's own fonts cannot be read.
    pub fn new(pixels: &'a mut Pixels) -> Result<Self> {
        let size = pixels.size;
        Ok(Self {
            size,
            inner: BitMapBackend::with_buffer(&mut pixels.bytes, (size.0 * SCALE, size.1 * SCALE)),
            regular: Lettering::regular()?,
            semibold: Lettering::semibold()?,
        })
    }
}

impl BackendStyle for Scaled {
    fn color(&self) -> BackendColor {
        self.colour
    }

    fn stroke_width(&self) -> u32 {
        self.width
    }
}

fn scaled(style: &impl BackendStyle) -> Scaled {
    Scaled { colour: style.color(), width: style.stroke_width() * SCALE }
}

fn at((x, y): BackendCoord) -> BackendCoord {
    (x * SCALE as i32, y * SCALE as i32)
}

impl<'a> DrawingBackend for Smooth<'a> {
    type ErrorType = <BitMapBackend<'a> as DrawingBackend>::ErrorType;

    fn get_size(&self) -> (u32, u32) {
        self.size
    }

    fn ensure_prepared(&mut self) -> Drawn<'a> {
        self.inner.ensure_prepared()
    }

    fn present(&mut self) -> Drawn<'a> {
        self.inner.present()
    }

    fn draw_pixel(&mut self, point: BackendCoord, colour: BackendColor) -> Drawn<'a> {
        self.inner.draw_rect(at(point), at((point.0 + 1, point.1 + 1)), &colour, true)
    }

    fn draw_line<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S) -> Drawn<'a> {
        self.inner.draw_line(at(from), at(to), &scaled(style))
    }

    fn draw_rect<S: BackendStyle>(
        &mut self,
        upper_left: BackendCoord,
        bottom_right: BackendCoord,
        style: &S,
        fill: bool,
    ) -> Drawn<'a> {
        self.inner.draw_rect(at(upper_left), at(bottom_right), &scaled(style), fill)
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(&mut self, path: I, style: &S) -> Drawn<'a> {
        let style = scaled(style);
        let points: Vec<_> = path.into_iter().map(at).collect();
        for pair in points.windows(2) {
            if let [from, to] = *pair {
                self.inner.draw_line(from, to, &style)?;
            }
        }
        // Round where segments meet.
        let joints = points.iter().skip(1).take(points.len().saturating_sub(2));
        joints.into_iter().try_for_each(|point| self.inner.draw_circle(*point, style.width / 2, &style, true))
    }

    fn draw_circle<S: BackendStyle>(&mut self, centre: BackendCoord, radius: u32, style: &S, fill: bool) -> Drawn<'a> {
        self.inner.draw_circle(at(centre), radius * SCALE, &scaled(style), fill)
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(&mut self, path: I, style: &S) -> Drawn<'a> {
        self.inner.fill_polygon(path.into_iter().map(at), &scaled(style))
    }

    /// Puts text where [`SVGBackend`](plotters::prelude::SVGBackend) puts it.
    fn draw_text<S: BackendTextStyle>(&mut self, text: &str, style: &S, point: BackendCoord) -> Drawn<'a> {
        let letters = if matches!(style.style(), FontStyle::Bold) { &self.semibold } else { &self.regular };
        let em = (style.size() / SIZE_OF_EM) as f32 * SCALE as f32;
        let left = match style.anchor().h_pos {
            HPos::Left => 0.0,
            HPos::Center => -letters.width(text, em) / 2.0,
            HPos::Right => -letters.width(text, em),
        };
        let baseline = em
            * match style.anchor().v_pos {
                VPos::Top => 0.76,
                VPos::Center => 0.5 * X_HEIGHT,
                VPos::Bottom => -0.5 * X_HEIGHT,
            };
        let (transform, colour, origin) = (style.transform(), style.color(), at(point));
        let mut drawn = Ok(());
        letters.trace(text, em, (left, baseline), |x, y, coverage| {
            let (x, y) = transform.transform(x, y);
            if drawn.is_ok() {
                let colour = colour.mix(f64::from(coverage));
                drawn = self.inner.draw_pixel((origin.0 + x, origin.1 + y), colour);
            }
        });
        drawn
    }
}
