//! ▲ cracked and ● intact, drawn so that they can be read over any photo and without colour.

use egui::{
    Align2, Color32, CornerRadius, FontId, Painter, Pos2, Rect, Shape, Stroke, StrokeKind, Ui, Vec2, pos2, vec2,
};

use crate::app::theme;
use crate::dataset::{Class, Mark};

/// Height of a badge in points.
pub const HEIGHT: f32 = 18.0;

/// The corner of a thumbnail that a badge sits in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Corner {
    /// Where tags go.
    TopLeft,
    /// Where the label goes.
    BottomLeft,
    /// Where the prediction goes.
    BottomRight,
}

/// Draws the shape of a class, `size` points high, about `centre`.
pub fn mark(painter: &Painter, centre: Pos2, size: f32, class: Class, colour: Color32) {
    let r = size / 2.0;
    painter.add(match class {
        // An equilateral triangle has its centre of mass at a third of its height, and looks right when raised by less.
        Class::Positive => Shape::convex_polygon(
            vec![centre + vec2(0.0, -r), centre + vec2(r * 1.1, r * 0.9), centre + vec2(-r * 1.1, r * 0.9)],
            colour,
            Stroke::NONE,
        ),
        Class::Negative => Shape::circle_filled(centre, r * 0.9, colour),
    });
}

/// Draws a badge into a corner of `rect`: the shape on a dark ground, with `text` beside it where there is any.
/// Returns where it was drawn.
pub fn pill(painter: &Painter, rect: Rect, corner: Corner, class: Class, text: Option<&str>) -> Rect {
    let colour = theme::DARK.class(class);
    let galley = text.map(|text| {
        painter.layout_no_wrap(text.to_owned(), FontId::new(theme::SMALL, theme::strong_family()), theme::DARK.text)
    });
    let text_width = galley.as_ref().map_or(0.0, |galley| galley.size().x + theme::space::XS);
    let ground = ground(painter, rect, corner, HEIGHT + text_width);
    mark(painter, pos2(ground.left() + HEIGHT / 2.0, ground.center().y), 10.0, class, colour);
    if let Some(galley) = galley {
        let at = Align2::LEFT_CENTER.anchor_size(pos2(ground.left() + HEIGHT - 1.0, ground.center().y), galley.size());
        painter.galley(at.min, galley, theme::DARK.text);
    }
    ground
}

/// Draws into the corner where the prediction goes that a person is to decide.
pub fn unsure(painter: &Painter, rect: Rect) {
    let ground = ground(painter, rect, Corner::BottomRight, HEIGHT);
    let font = FontId::new(theme::BODY, theme::strong_family());
    painter.text(ground.center(), Align2::CENTER_CENTER, "?", font, theme::DARK.warning);
}

/// Draws what is said of a photo: the shape of a class, `?` where nobody can tell, a cross where it is left out. A ring
/// tells that it is said against what was found.
pub fn label_pill(painter: &Painter, rect: Rect, said: Mark, corrected: bool) {
    let ground = match said {
        Mark::Class(class) => pill(painter, rect, Corner::BottomLeft, class, None),
        Mark::Unsure | Mark::Excluded => ground(painter, rect, Corner::BottomLeft, HEIGHT),
    };
    let colour = theme::DARK.text;
    match said {
        Mark::Class(_) => {}
        Mark::Unsure => {
            let font = FontId::new(theme::BODY, theme::strong_family());
            _ = painter.text(ground.center(), Align2::CENTER_CENTER, "?", font, colour);
        }
        Mark::Excluded => {
            let cross = Rect::from_center_size(ground.center(), Vec2::splat(8.0));
            let stroke = Stroke::new(2.0, colour);
            painter.line_segment([cross.left_top(), cross.right_bottom()], stroke);
            painter.line_segment([cross.right_top(), cross.left_bottom()], stroke);
        }
    }
    if corrected {
        let ring = Stroke::new(2.0, theme::DARK.accent);
        painter.rect_stroke(ground, CornerRadius::same(4), ring, StrokeKind::Outside);
    }
}

/// Draws a tag into the corner above the label's.
pub fn tag(painter: &Painter, rect: Rect, text: &str) {
    let font = FontId::proportional(theme::SMALL);
    let galley = painter.layout_no_wrap(text.to_owned(), font, theme::DARK.text);
    let ground = ground(painter, rect, Corner::TopLeft, galley.size().x + 2.0 * theme::space::XS);
    let at = Align2::CENTER_CENTER.anchor_size(ground.center(), galley.size());
    painter.galley(at.min, galley, theme::DARK.text);
}

/// The dark ground of a badge, on which its colours can be read whatever the photo shows.
fn ground(painter: &Painter, rect: Rect, corner: Corner, width: f32) -> Rect {
    let inset = theme::space::XS;
    let size = vec2(width, HEIGHT);
    let min = match corner {
        Corner::TopLeft => rect.left_top() + Vec2::splat(inset),
        Corner::BottomLeft => pos2(rect.left() + inset, rect.bottom() - inset - size.y),
        Corner::BottomRight => rect.right_bottom() - Vec2::splat(inset) - size,
    };
    let ground = Rect::from_min_size(min, size);
    painter.rect_filled(ground, CornerRadius::same(4), Color32::from_black_alpha(205));
    ground
}

/// The shape and the word of a class on one line of text, in the colours of `ui`.
pub fn label(ui: &mut Ui, class: Class) -> egui::Response {
    ui.label(theme::class_text(ui, class))
}
