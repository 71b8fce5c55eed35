//! The drawing of the network in the window: a part can be pointed at and chosen.

use egui::{
    Align2, Color32, CornerRadius, FontId, Painter, Pos2, Rect, Role, ScrollArea, Sense, Shape as Painting, Stroke,
    StrokeKind, Ui, Vec2, WidgetInfo, pos2, vec2,
};

use crate::app::theme::{self, Palette};
use crate::export::architecture::{CORNER, STROKE, arrow_head};
use crate::format;
use crate::nn::drawing::{Align, Area, Drawing, Fold, Frame, Look, Shape, Text, Tone};
use crate::nn::summary::Summary;

/// How much room the table beside it must have.
const TABLE: f32 = 600.0;

/// The drawing with what it was made of.
#[derive(Default)]
pub(super) struct Diagram {
    made: Option<(Summary, usize, Drawing)>,
    /// The number of columns, and the network and the room that it was found for.
    columns: Option<(Summary, Vec2, usize)>,
}

impl Diagram {
    /// The width that it takes of `room`: one column, or more where the network is taller than the room.
    pub(super) fn width(&mut self, summary: &Summary, room: Vec2) -> f32 {
        self.columns.take_if(|found| found.0 != *summary || found.1 != room);
        let find = || (summary.clone(), room, columns(summary, room));
        let (_, _, columns) = self.columns.get_or_insert_with(find);
        Drawing::width_of(*columns).min(room.x * 0.5)
    }

    /// Shows it; `selected` is the part that is chosen. Returns a part that was pressed.
    pub(super) fn ui(&mut self, ui: &mut Ui, summary: &Summary, selected: usize) -> Option<usize> {
        let columns = self.columns.as_ref().map_or(1, |found| found.2);
        let drawing = self.drawing(summary, columns);
        let mut pressed = None;
        ScrollArea::both().id_salt("drawing of the network").auto_shrink(false).show(ui, |ui| {
            let [width, height] = drawing.size;
            let (room, _) = ui.allocate_exact_size(vec2(width, height), Sense::hover());
            let colours = theme::palette(ui);
            let offset = room.min.to_vec2();
            for frame in &drawing.frames {
                if frame_ui(ui, frame, offset, summary, selected) {
                    pressed = Some(frame.parts.start);
                }
            }
            for shape in &drawing.shapes {
                paint(ui.painter(), shape, offset, colours);
            }
        });
        pressed
    }

    fn drawing(&mut self, summary: &Summary, columns: usize) -> &Drawing {
        let stale = |made: &(Summary, usize, Drawing)| made.0 != *summary || made.1 != columns;
        self.made.take_if(|made| stale(made));
        let make = || (summary.clone(), columns, Drawing::of(summary, Fold::Columns(columns), false));
        &self.made.get_or_insert_with(make).2
    }
}

/// As many columns as the network needs to fit into the height of `room`, and no more than leave room for the table.
fn columns(summary: &Summary, room: Vec2) -> usize {
    let fits = |columns: usize| Drawing::of(summary, Fold::Columns(columns), false).size[1] <= room.y;
    let may = |columns: &usize| *columns == 1 || Drawing::width_of(*columns) + TABLE <= room.x;
    let columns: Vec<usize> = (1..).take_while(may).collect();
    columns.iter().copied().find(|columns| fits(*columns)).or(columns.last().copied()).unwrap_or(1)
}

/// A frame with its tooltip; says whether it was pressed.
fn frame_ui(ui: &mut Ui, frame: &Frame, offset: Vec2, summary: &Summary, selected: usize) -> bool {
    let colours = theme::palette(ui);
    let rect = rect(frame.area, offset);
    let response = ui.interact(rect, ui.scope_id().with(("frame", frame.parts.start)), Sense::click());
    let chosen = frame.parts.contains(&selected);
    response.widget_info(|| WidgetInfo::selected(Role::Button, true, chosen, &frame.name));
    let (fill, edge) = match frame.look {
        Look::Plain | Look::Frozen => (colours.panel, colours.line),
        Look::Trained | Look::Head => (colours.panel.lerp_to_gamma(colours.accent, 0.08), colours.accent),
    };
    let corner = CornerRadius::same(CORNER as u8);
    ui.painter().rect(rect, corner, fill, Stroke::new(1.0, edge), StrokeKind::Inside);
    let ring = match (chosen, response.hovered() || response.has_focus()) {
        (true, _) => Some(Stroke::new(2.0, colours.text)),
        (false, true) => Some(Stroke::new(1.0, colours.quiet)),
        (false, false) => None,
    };
    if let Some(ring) = ring {
        ui.painter().rect_stroke(rect.expand(2.0), corner, ring, StrokeKind::Outside);
    }
    let pressed = response.clicked();
    response.on_hover_ui_at_pointer(|ui| numbers_ui(ui, frame, summary));
    pressed
}

/// What the parts of a frame cost.
fn numbers_ui(ui: &mut Ui, frame: &Frame, summary: &Summary) {
    let Some(parts) = summary.parts.get(frame.parts.clone()) else { return };
    ui.label(theme::strong(parts.iter().map(|part| part.name.as_str()).collect::<Vec<_>>().join(", ")));
    let Some(first) = parts.first() else { return };
    let [channels, height, width] = first.output;
    let count = |of: fn(&crate::nn::summary::Part) -> usize| format::count(parts.iter().map(of).sum::<usize>() as u64);
    let each = if parts.len() > 1 { " together" } else { "" };
    ui.label(format!(
        "{}, {}\n{channels} × {height} × {width} out\n{} parameters{each}\n{} multiply-adds{each}",
        first.kind.title(),
        if first.trained { "trained" } else { "frozen" },
        count(|part| part.parameters()),
        count(|part| part.multiply_adds()),
    ));
}

fn paint(painter: &Painter, shape: &Shape, offset: Vec2, colours: &Palette) {
    let line = Stroke::new(STROKE, colours.quiet);
    match shape {
        Shape::Box { area, look } => {
            let (fill, edge, width) = match look {
                Look::Plain => (colours.panel, colours.quiet, 1.0),
                Look::Frozen => (colours.line, colours.quiet, 1.0),
                Look::Trained => (colours.panel.lerp_to_gamma(colours.accent, 0.25), colours.accent, 2.0),
                Look::Head => (colours.accent, colours.accent, 2.0),
            };
            let corner = CornerRadius::same(CORNER as u8);
            painter.rect(rect(*area, offset), corner, fill, Stroke::new(width, edge), StrokeKind::Middle);
        }
        Shape::Sum { centre, radius } => {
            let centre = point(*centre, offset);
            painter.circle(centre, *radius, colours.panel, line);
            let arm = radius / 2.0;
            painter.hline(centre.x - arm..=centre.x + arm, centre.y, line);
            painter.vline(centre.x, centre.y - arm..=centre.y + arm, line);
        }
        Shape::Line { points, arrow } => {
            painter.line(points.iter().map(|at| point(*at, offset)).collect(), line);
            if let Some(head) = arrow_head(points).filter(|_| *arrow) {
                let corners = head.map(|at| point(at, offset)).to_vec();
                painter.add(Painting::convex_polygon(corners, colours.quiet, Stroke::NONE));
            }
        }
        Shape::Text(text) => paint_text(painter, text, offset, colours),
    }
}

fn paint_text(painter: &Painter, text: &Text, offset: Vec2, colours: &Palette) {
    let (colour, strong): (Color32, bool) = match text.tone {
        Tone::Text => (colours.text, false),
        Tone::Strong => (colours.text, true),
        Tone::Quiet => (colours.quiet, false),
        Tone::OnHead => (colours.on_accent, true),
    };
    let font = if strong { FontId::new(text.size, theme::strong_family()) } else { FontId::proportional(text.size) };
    let align = match text.align {
        Align::Left => Align2::LEFT_CENTER,
        Align::Centre => Align2::CENTER_CENTER,
        Align::Right => Align2::RIGHT_CENTER,
    };
    painter.text(point(text.at, offset), align, &text.text, font, colour);
}

fn point([x, y]: [f32; 2], offset: Vec2) -> Pos2 {
    pos2(x, y) + offset
}

fn rect(area: Area, offset: Vec2) -> Rect {
    Rect::from_min_size(point([area.x, area.y], offset), vec2(area.width, area.height))
}
