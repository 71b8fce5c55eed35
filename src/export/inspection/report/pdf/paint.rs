//! Pages as a PDF.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use krilla::SerializeSettings;
use krilla::annotation::{LinkAnnotation, Target};
use krilla::color::rgb;
use krilla::destination::XyzDestination;
use krilla::geom::{Path, PathBuilder, Point, Rect, Size, Transform};
use krilla::image::Image;
use krilla::metadata::{DateTime, Metadata};
use krilla::outline::{Outline, OutlineNode};
use krilla::page::PageSettings;
use krilla::paint::{Fill, FillRule, LineJoin, Stroke};
use krilla::surface::Surface;

use super::bands::Mark;
use super::letters::{Ink, Letters, Run};
use super::look::{self, Colour, FOOT, PAGE, SIDE, SMALL, TOP, strong};
use super::pages::Page;
use crate::error::{Error, Result};
use crate::export::inspection::report::document::{Document, Drawing, Picture, Topic};
use crate::job::Watch;

/// Where topics begin: the page, and how far from its top.
type Places = HashMap<Topic, (usize, f32)>;

/// Draws all pages.
///
/// # Errors
/// Where a picture cannot be taken over, or the user stops the job.
pub fn paint(document: &Document, pages: &[Page<'_>], letters: &Letters, watch: &dyn Watch) -> Result<Vec<u8>> {
    // No part of the file is tagged, so the file does not say that it is.
    let settings = SerializeSettings { enable_tagging: false, ..SerializeSettings::default() };
    let mut file = krilla::Document::new_with(settings);
    let places = places(pages);
    for (at, page) in pages.iter().enumerate() {
        watch.check()?;
        let settings = PageSettings::from_wh(PAGE[0], PAGE[1]).ok_or_else(|| Error::new("A page has no size"))?;
        let mut sheet = file.start_page_with(settings);
        let mut brush = Brush { surface: sheet.surface(), letters };
        for (top, mark) in marks(page) {
            brush.mark(top, mark)?;
        }
        brush.foot(&document.title, &format!("{} / {}", at + 1, pages.len()));
        drop(brush);
        for link in marks(page).filter_map(|(top, mark)| link(top, mark, &places)) {
            sheet.add_annotation(link.into());
        }
    }
    file.set_outline(bookmarks(pages));
    file.set_metadata(about(document));
    watch.check()?;
    file.finish().map_err(|cause| Error::new("Cannot write the PDF").detail(cause.to_string()))
}

/// What is drawn on a page, each with the top of its band.
fn marks<'p, 'a>(page: &'p Page<'a>) -> impl Iterator<Item = (f32, &'p Mark<'a>)> {
    page.bands.iter().flat_map(|(top, band)| band.marks.iter().map(move |mark| (TOP + top, mark)))
}

fn places(pages: &[Page<'_>]) -> Places {
    let found = pages.iter().enumerate().flat_map(|(at, page)| {
        marks(page).filter_map(move |(top, mark)| match mark {
            Mark::Place(topic, _) => Some((*topic, (at, top))),
            _ => None,
        })
    });
    found.collect()
}

fn link(top: f32, mark: &Mark<'_>, places: &Places) -> Option<LinkAnnotation> {
    let Mark::Link([x, y, width, height], topic) = mark else { return None };
    let rect = Rect::from_xywh(SIDE + x, top + y, *width, *height)?;
    let &(page, top) = places.get(topic)?;
    Some(LinkAnnotation::new(rect, Target::Destination(destination(page, top).into())))
}

fn destination(page: usize, top: f32) -> XyzDestination {
    // A little above what is led to.
    XyzDestination::new(page, Point::from_xy(0.0, (top - TOP / 2.0).max(0.0)))
}

/// Headings of the sections; photos below the table that lists them.
fn bookmarks(pages: &[Page<'_>]) -> Outline {
    let mut nodes: Vec<(Topic, OutlineNode)> = Vec::new();
    for (at, page) in pages.iter().enumerate() {
        for (top, mark) in marks(page) {
            let Mark::Place(topic, heading) = mark else { continue };
            let node = OutlineNode::new(heading.clone(), destination(at, top));
            let table = nodes.iter_mut().find(|(above, _)| *above == Topic::Photos);
            match (topic, table) {
                (Topic::Photo(_), Some((_, table))) => table.push_child(node),
                _ => nodes.push((*topic, node)),
            }
        }
    }
    let mut outline = Outline::new();
    nodes.into_iter().for_each(|(_, node)| outline.push_child(node));
    outline
}

/// What the file says of itself.
fn about(document: &Document) -> Metadata {
    let program = concat!("CrackScope ", env!("CARGO_PKG_VERSION")).to_owned();
    let about = Metadata::new().title(document.title.clone()).language("en".to_owned()).creator(program);
    match moment(document.made) {
        Some(moment) => about.creation_date(moment),
        None => about,
    }
}

/// A time as PDFs have it, in UTC.
fn moment(time: SystemTime) -> Option<DateTime> {
    let text = humantime::format_rfc3339_seconds(time).to_string();
    let mut numbers = text.split(|c: char| !c.is_ascii_digit());
    let year = numbers.next()?.parse().ok()?;
    let mut next = || numbers.next()?.parse().ok();
    let (month, day, hour, minute, second) = (next()?, next()?, next()?, next()?, next()?);
    let date = DateTime::new(year).month(month).day(day).hour(hour).minute(minute).second(second);
    Some(date.utc_offset_hour(0).utc_offset_minute(0))
}

/// Draws on one page.
struct Brush<'a> {
    surface: Surface<'a>,
    letters: &'a Letters,
}

impl Brush<'_> {
    fn mark(&mut self, top: f32, mark: &Mark<'_>) -> Result<()> {
        match mark {
            Mark::Text([x, y], run) => self.text([SIDE + x, top + y], run),
            Mark::Fill([x, y, width, height], colour) => self.fill([SIDE + x, top + y, *width, *height], *colour),
            Mark::Picture([x, y, width, height], picture) => {
                self.picture([SIDE + x, top + y, *width, *height], picture)?;
            }
            Mark::Link(..) | Mark::Place(..) => {}
        }
        Ok(())
    }

    fn text(&mut self, [x, y]: [f32; 2], run: &Run) {
        self.surface.set_stroke(None);
        self.surface.set_fill(Some(filled(run.ink.colour)));
        let font = self.letters.font(run.ink.weight);
        self.surface.draw_glyphs(Point::from_xy(x, y), &run.glyphs, font, &run.text, run.ink.size, false);
    }

    fn fill(&mut self, [x, y, width, height]: [f32; 4], colour: Colour) {
        let Some(path) = Rect::from_xywh(x, y, width, height).and_then(frame_of) else { return };
        self.surface.set_stroke(None);
        self.surface.set_fill(Some(filled(colour)));
        self.surface.draw_path(&path);
    }

    /// The JPEG file as it is, and over it what is drawn.
    fn picture(&mut self, [x, y, width, height]: [f32; 4], picture: &Picture) -> Result<()> {
        let image = Image::from_jpeg(Arc::clone(&picture.jpeg).into(), true)
            .map_err(|cause| Error::new(format!("Cannot put “{}” into the PDF", picture.alt)).detail(cause))?;
        let Some(size) = Size::from_wh(width, height) else { return Ok(()) };
        self.surface.push_transform(&Transform::from_translate(x, y));
        self.surface.draw_image(image, size);
        let frame = Rect::from_xywh(0.0, 0.0, width, height).and_then(frame_of);
        if let (Some(drawing), Some(frame)) = (&picture.drawing, frame) {
            self.surface.push_clip_path(&frame, &FillRule::NonZero);
            self.drawing(drawing, width / picture.size.0.max(1) as f32);
            self.surface.pop();
        }
        self.surface.pop();
        Ok(())
    }

    /// Boxes, lines and numbers; `scale` is points of a pixel.
    fn drawing(&mut self, drawing: &Drawing, scale: f32) {
        // All rims lie below all lines, so that no rim cuts a line where branches meet.
        for (colour, width) in [(look::RIM, 1.4), (look::MARK, 0.6)] {
            self.stroke(boxes(drawing, scale), colour, width);
        }
        for (colour, width) in [(look::RIM, 2.2), (look::CRACK, 1.1)] {
            self.stroke(lines(drawing, scale), colour, width);
        }
        let ink = strong(Ink { size: drawing.letters * scale, colour: look::MARK, ..look::BODY });
        for (at, [x, y]) in drawing.numbers.iter().enumerate() {
            let run = self.letters.run(&(at + 1).to_string(), ink);
            let place = [x * scale, y * scale];
            // The rim is a drawing, so that numbers are there once for whoever searches or copies.
            self.surface.set_fill(None);
            self.surface.set_stroke(Some(stroked(look::RIM, 0.2 * ink.size)));
            let font = self.letters.font(ink.weight);
            self.surface.draw_glyphs(Point::from_xy(place[0], place[1]), &run.glyphs, font, &run.text, ink.size, true);
            self.text(place, &run);
        }
    }

    fn stroke(&mut self, path: PathBuilder, colour: Colour, width: f32) {
        self.surface.set_fill(None);
        self.surface.set_stroke(Some(stroked(colour, width)));
        path.finish().iter().for_each(|path| self.surface.draw_path(path));
    }

    /// The report's title to the left, the page's number to the right.
    fn foot(&mut self, title: &str, number: &str) {
        let baseline = PAGE[1] - FOOT;
        let number = self.letters.run(number, SMALL);
        let room = look::WIDTH - number.width() - 4.0 * SMALL.size;
        let mut title = self.letters.run(title, SMALL);
        if title.width() > room {
            title.cut(room - SMALL.size);
            title.append(self.letters.run("…", SMALL));
        }
        self.text([SIDE, baseline], &title);
        self.text([PAGE[0] - SIDE - number.width(), baseline], &number);
    }
}

fn frame_of(rect: Rect) -> Option<Path> {
    let mut path = PathBuilder::new();
    path.push_rect(rect);
    path.finish()
}

fn boxes(drawing: &Drawing, scale: f32) -> PathBuilder {
    let mut path = PathBuilder::new();
    for place in &drawing.boxes {
        let [x, y, width, height] = place.map(|pixels| pixels * scale);
        Rect::from_xywh(x, y, width, height).into_iter().for_each(|rect| path.push_rect(rect));
    }
    path
}

fn lines(drawing: &Drawing, scale: f32) -> PathBuilder {
    let mut path = PathBuilder::new();
    for line in &drawing.lines {
        for (at, point) in line.iter().enumerate() {
            let [x, y] = point.map(|pixels| pixels as f32 * scale);
            if at == 0 { path.move_to(x, y) } else { path.line_to(x, y) }
        }
    }
    path
}

fn filled(colour: Colour) -> Fill {
    Fill { paint: paint_of(colour), ..Fill::default() }
}

fn stroked(colour: Colour, width: f32) -> Stroke {
    Stroke { paint: paint_of(colour), width, line_join: LineJoin::Round, ..Stroke::default() }
}

fn paint_of([red, green, blue]: Colour) -> krilla::paint::Paint {
    rgb::Color::new(red, green, blue).into()
}
