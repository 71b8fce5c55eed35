//! The drawing of a network as a file, SVG or PNG, for paper.

use std::fmt::Write as _;
use std::path::Path;

use image::Rgb;

use super::canvas::{self, Canvas, Ink};
use super::palette::{self, ACCENT, LINE, PAPER, QUIET, TEXT, WINDOW};
use super::png;
use crate::atomic_file;
use crate::error::{Error, Result};
use crate::nn::drawing::{Align, Area, Drawing, Look, Shape, Text, Tone};

/// Radius of corners, in points.
pub const CORNER: f32 = 4.0;
/// Length and half the width of the head of an arrow, in points.
pub const ARROW: [f32; 2] = [6.0, 3.5];
/// Width of a line, in points.
pub const STROKE: f32 = 1.2;
/// Half the height of Inter's capitals, in ems.
const HALF_CAPITAL: f32 = 0.364;
/// Pixels of a PNG for each point.
const SCALE: f32 = 2.0;

/// The format of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Lines and letters.
    Svg,
    /// Pixels.
    Png,
}

impl Format {
    /// The format that a file's name calls for.
    ///
    /// # Errors
    /// A usage error where it ends in neither `.svg` nor `.png`.
    pub fn of(path: &Path) -> Result<Self> {
        let end = path.extension().map(|end| end.to_string_lossy().to_lowercase());
        match end.as_deref() {
            Some("svg") => Ok(Self::Svg),
            Some("png") => Ok(Self::Png),
            _ => Err(Error::usage(format!("{} is not the name of a picture", path.display()))
                .hint("let it end in .svg or .png")),
        }
    }
}

/// Writes the drawing, whole or not at all, replacing what is there.
///
/// # Errors
/// Where the name ends in neither `.svg` nor `.png`, or the file cannot be written.
pub fn write(drawing: &Drawing, path: &Path) -> Result<()> {
    let bytes = match Format::of(path)? {
        Format::Svg => svg(drawing).into_bytes(),
        Format::Png => png(drawing)?,
    };
    atomic_file::write(path, &bytes)
}

/// How a box is filled and edged.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Paint {
    fill: Rgb<u8>,
    edge: Rgb<u8>,
    width: f32,
}

/// What is trained has a strong edge as well, for a printer without colours.
fn paint_of_box(look: Look) -> Paint {
    match look {
        Look::Plain => Paint { fill: PAPER, edge: QUIET, width: 1.0 },
        Look::Frozen => Paint { fill: LINE, edge: QUIET, width: 1.0 },
        Look::Trained => Paint { fill: palette::mix(PAPER, ACCENT, 0.2), edge: ACCENT, width: 2.0 },
        Look::Head => Paint { fill: ACCENT, edge: ACCENT, width: 2.0 },
    }
}

fn paint_of_frame(look: Look) -> Paint {
    match look {
        Look::Plain => Paint { fill: PAPER, edge: LINE, width: 1.0 },
        Look::Frozen => Paint { fill: WINDOW, edge: LINE, width: 1.0 },
        Look::Trained | Look::Head => Paint { fill: palette::mix(PAPER, ACCENT, 0.06), edge: ACCENT, width: 1.0 },
    }
}

fn colour_of(tone: Tone) -> Rgb<u8> {
    match tone {
        Tone::Text | Tone::Strong => TEXT,
        Tone::Quiet => QUIET,
        Tone::OnHead => PAPER,
    }
}

fn is_bold(tone: Tone) -> bool {
    matches!(tone, Tone::Strong | Tone::OnHead)
}

/// The corners of the head of the arrow that ends a line.
pub fn arrow_head(points: &[[f32; 2]]) -> Option<[[f32; 2]; 3]> {
    let [.., before, tip] = points else { return None };
    let [dx, dy] = [(tip[0] - before[0]), (tip[1] - before[1])];
    let length = dx.hypot(dy);
    let [x, y] = [dx / length, dy / length];
    let base = [tip[0] - x * ARROW[0], tip[1] - y * ARROW[0]];
    let side = |by: f32| [base[0] - y * by, base[1] + x * by];
    (length > 0.0).then(|| [*tip, side(ARROW[1]), side(-ARROW[1])])
}

/// The drawing as SVG: the same bytes for the same drawing.
pub fn svg(drawing: &Drawing) -> String {
    let [width, height] = drawing.size;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} \
         {height}\" font-family=\"Inter, sans-serif\">\n<rect width=\"100%\" height=\"100%\" fill=\"{}\"/>\n",
        hex(PAPER)
    );
    for frame in &drawing.frames {
        let area = svg_box(frame.area, paint_of_frame(frame.look));
        text += &format!("<g><title>{}</title>{area}</g>\n", escaped(&frame.name));
    }
    for shape in &drawing.shapes {
        text += &svg_shape(shape);
        text.push('\n');
    }
    text + "</svg>\n"
}

fn svg_shape(shape: &Shape) -> String {
    let quiet = hex(QUIET);
    match shape {
        Shape::Box { area, look } => svg_box(*area, paint_of_box(*look)),
        Shape::Sum { centre: [x, y], radius } => {
            let (arm, paper) = (radius / 2.0, hex(PAPER));
            format!(
                "<circle cx=\"{x}\" cy=\"{y}\" r=\"{radius}\" fill=\"{paper}\" stroke=\"{quiet}\"/><path d=\"M{} {y}h{}\
                 M{x} {}v{}\" stroke=\"{quiet}\" stroke-width=\"{STROKE}\"/>",
                x - arm,
                2.0 * arm,
                y - arm,
                2.0 * arm
            )
        }
        Shape::Line { points, arrow } => {
            let mut line = format!(
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{quiet}\" stroke-width=\"{STROKE}\"/>",
                svg_points(points)
            );
            if let Some(head) = arrow_head(points).filter(|_| *arrow) {
                // Writing to a string cannot fail.
                write!(line, "<polygon points=\"{}\" fill=\"{quiet}\"/>", svg_points(&head)).ok();
            }
            line
        }
        Shape::Text(text) => svg_text(text),
    }
}

fn svg_box(area: Area, paint: Paint) -> String {
    let Area { x, y, width, height } = area;
    format!(
        "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"{CORNER}\" fill=\"{}\" stroke=\"{}\" \
         stroke-width=\"{}\"/>",
        hex(paint.fill),
        hex(paint.edge),
        paint.width
    )
}

fn svg_text(text: &Text) -> String {
    let anchor = match text.align {
        Align::Left => "start",
        Align::Centre => "middle",
        Align::Right => "end",
    };
    let [x, y] = text.at;
    let weight = if is_bold(text.tone) { " font-weight=\"600\"" } else { "" };
    format!(
        "<text x=\"{x}\" y=\"{:.2}\" font-size=\"{}\" text-anchor=\"{anchor}\" fill=\"{}\" \
         stroke=\"none\"{weight}>{}</text>",
        y + HALF_CAPITAL * text.size,
        text.size,
        hex(colour_of(text.tone)),
        escaped(&text.text)
    )
}

fn svg_points(points: &[[f32; 2]]) -> String {
    points.iter().map(|[x, y]| format!("{x},{y}")).collect::<Vec<_>>().join(" ")
}

fn hex(Rgb([r, g, b]): Rgb<u8>) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// The drawing as PNG, two pixels to the point.
///
/// # Errors
/// Where it cannot be encoded, which does not happen in memory.
pub fn png(drawing: &Drawing) -> Result<Vec<u8>> {
    let [width, height] = drawing.size.map(|length| (length * SCALE).ceil() as u32);
    let mut canvas = Canvas::new(width, height, PAPER)?;
    for frame in &drawing.frames {
        draw_box(&mut canvas, frame.area, paint_of_frame(frame.look));
    }
    for shape in &drawing.shapes {
        match shape {
            Shape::Box { area, look } => draw_box(&mut canvas, *area, paint_of_box(*look)),
            Shape::Sum { centre, radius } => draw_sum(&mut canvas, centre.map(|at| at * SCALE), radius * SCALE),
            Shape::Line { points, arrow } => draw_line(&mut canvas, points, *arrow),
            Shape::Text(text) => draw_text(&mut canvas, text),
        }
    }
    png::encode(&canvas.into_pixels())
}

fn draw_box(canvas: &mut Canvas, area: Area, paint: Paint) {
    let half = paint.width / 2.0;
    for (by, colour) in [(half, paint.edge), (-half, paint.fill)] {
        let (x, y) = (area.x - by, area.y - by);
        let place = [x, y, area.width + 2.0 * by, area.height + 2.0 * by].map(|length| length * SCALE);
        canvas.fill_box(place, (CORNER + by) * SCALE, colour);
    }
}

fn draw_sum(canvas: &mut Canvas, [x, y]: [f32; 2], radius: f32) {
    canvas.disc((x, y), radius + SCALE / 2.0, QUIET);
    canvas.disc((x, y), radius - SCALE / 2.0, PAPER);
    let (arm, thick) = (radius / 2.0, STROKE * SCALE);
    canvas.fill_box([x - arm, y - thick / 2.0, 2.0 * arm, thick], 0.0, QUIET);
    canvas.fill_box([x - thick / 2.0, y - arm, thick, 2.0 * arm], 0.0, QUIET);
}

/// A line of horizontal and vertical pieces: each is a narrow box.
fn draw_line(canvas: &mut Canvas, points: &[[f32; 2]], arrow: bool) {
    let half = STROKE / 2.0;
    for pair in points.windows(2) {
        let &[[ax, ay], [bx, by]] = pair else { continue };
        let (x, y) = (ax.min(bx) - half, ay.min(by) - half);
        let piece = [x, y, (ax - bx).abs() + STROKE, (ay - by).abs() + STROKE];
        canvas.fill_box(piece.map(|length| length * SCALE), 0.0, QUIET);
    }
    if let Some(head) = arrow_head(points).filter(|_| arrow) {
        draw_head(canvas, head.map(|corner| corner.map(|at| at * SCALE)));
    }
}

/// The head of an arrow, pixel by pixel across: it lies along an axis.
fn draw_head(canvas: &mut Canvas, [tip, left, right]: [[f32; 2]; 3]) {
    let base = [(left[0] + right[0]) / 2.0, (left[1] + right[1]) / 2.0];
    let [dx, dy] = [tip[0] - base[0], tip[1] - base[1]];
    let (length, half) = (dx.hypot(dy), (left[0] - right[0]).hypot(left[1] - right[1]) / 2.0);
    for step in 0..length.ceil() as u32 {
        let from = step as f32;
        let long = (length - from).min(1.0);
        let wide = half * (1.0 - (from + long / 2.0) / length);
        let [x, y] = [base[0] + dx / length * from, base[1] + dy / length * from];
        let strip = if dx.abs() > dy.abs() {
            [x + (dx / length).min(0.0) * long, y - wide, long, 2.0 * wide]
        } else {
            [x - wide, y + (dy / length).min(0.0) * long, 2.0 * wide, long]
        };
        canvas.fill_box(strip, 0.0, QUIET);
    }
}

fn draw_text(canvas: &mut Canvas, text: &Text) {
    let (size, colour) = (text.size * SCALE, colour_of(text.tone));
    let ink = if is_bold(text.tone) { Ink::bold(size, colour) } else { Ink::regular(size, colour) };
    let align = match text.align {
        Align::Left => canvas::Align::Left,
        Align::Centre => canvas::Align::Centre,
        Align::Right => canvas::Align::Right,
    };
    let [x, y] = text.at.map(|at| at * SCALE);
    canvas.text(x, y + HALF_CAPITAL * size, &text.text, ink, align);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::architecture::{Backbone, Start};
    use crate::nn::drawing::Fold;
    use crate::nn::summary::Summary;

    fn drawings() -> Vec<Drawing> {
        let of = |backbone, start| Drawing::of(&Summary::of(backbone, start), Fold::Sheet, true);
        vec![
            of(Backbone::Resnet18, None),
            of(Backbone::Resnet18, Some(Start::LastBlock)),
            of(Backbone::MobilenetV2, Some(Start::Photos)),
        ]
    }

    /// Every opening tag is closed, in its order.
    fn assert_well_formed(text: &str) {
        let mut open = Vec::new();
        for piece in text.split('<').skip(1) {
            let (tag, _) = piece.split_once('>').unwrap();
            assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
            let name = tag.split([' ', '\n']).next().unwrap();
            match name.strip_prefix('/') {
                Some(closed) => assert_eq!(open.pop(), Some(closed)),
                None if tag.ends_with('/') => {}
                None => open.push(name),
            }
        }
        assert!(open.is_empty());
    }

    #[test]
    fn svg_is_well_formed_and_names_each_part() {
        for drawing in drawings() {
            let text = svg(&drawing);
            assert_well_formed(&text);
            assert_eq!(text, svg(&drawing.clone()));
            for frame in &drawing.frames {
                assert!(text.contains(&format!("<title>{}</title>", frame.name)));
            }
            let words = drawing.shapes.iter().filter(|shape| matches!(shape, Shape::Text(_))).count();
            assert_eq!(text.matches("<text ").count(), words);
        }
        let drawing = &drawings()[0];
        let first = svg(drawing);
        let boxes: Vec<&str> = first.lines().filter(|line| line.contains("<title>fc")).collect();
        insta::assert_snapshot!("svg_of_the_head", boxes.join("\n"));
    }

    #[test]
    fn every_text_fits_its_box() {
        let canvas = Canvas::new(1, 1, PAPER).unwrap();
        for drawing in drawings() {
            let boxes =
                drawing.shapes.iter().filter_map(|s| if let Shape::Box { area, .. } = s { Some(area) } else { None });
            for area in boxes {
                for text in drawing.shapes.iter().filter_map(|s| if let Shape::Text(t) = s { Some(t) } else { None }) {
                    if text.at == area.centre() {
                        let ink =
                            if is_bold(text.tone) { Ink::bold(text.size, TEXT) } else { Ink::regular(text.size, TEXT) };
                        let width = canvas.width_of(&text.text, ink);
                        assert!(width <= area.width - 8.0, "{} is {width} wide", text.text);
                    }
                }
            }
        }
    }

    #[test]
    fn the_swapped_head_has_the_full_accent_and_what_is_frozen_none() {
        let drawing = &drawings()[0];
        let picture = image::load_from_memory(&png(drawing).unwrap()).unwrap().to_rgb8();
        assert_eq!(picture.width(), (drawing.size[0] * SCALE).ceil() as u32);
        let inside = |area: Area| *picture.get_pixel(((area.x + 5.0) * SCALE) as u32, ((area.y + 5.0) * SCALE) as u32);
        let frame = |look: Look| drawing.frames.iter().find(|frame| frame.look == look).unwrap().area;
        let boxed = |look: Look, within: Area| {
            let areas = drawing.shapes.iter().filter_map(|s| match s {
                Shape::Box { area, look: of } if *of == look && within.contains(area.centre()) => Some(*area),
                _ => None,
            });
            inside(areas.collect::<Vec<_>>().last().copied().unwrap())
        };
        assert_eq!(boxed(Look::Head, frame(Look::Head)), ACCENT);
        assert_eq!((boxed(Look::Frozen, frame(Look::Frozen)), inside(frame(Look::Frozen))), (LINE, WINDOW));
    }

    #[test]
    fn arrows_point_where_the_line_goes() {
        assert_eq!(arrow_head(&[[0.0, 0.0], [0.0, 10.0]]), Some([[0.0, 10.0], [-3.5, 4.0], [3.5, 4.0]]));
        assert_eq!(arrow_head(&[[5.0, 1.0], [0.0, 1.0]]).map(|head| head[0]), Some([0.0, 1.0]));
        assert_eq!(arrow_head(&[[0.0, 0.0]]), None);
        assert_eq!(arrow_head(&[[1.0, 1.0], [1.0, 1.0]]), None);
    }

    #[test]
    fn a_picture_ends_in_svg_or_png() {
        assert_eq!(
            [Format::of(Path::new("a.SVG")), Format::of(Path::new("b.png"))],
            [Ok(Format::Svg), Ok(Format::Png)]
        );
        let error = Format::of(Path::new("network.pdf")).unwrap_err();
        assert_eq!(error.advice(), Some("let it end in .svg or .png"));
    }
}
