//! ▲ cracked and ● intact, drawn so that they can be read over any photo and without colour.

use egui::{Align2, Color32, CornerRadius, FontId, Painter, Pos2, Rect, Shape, Stroke, Ui, Vec2, pos2, vec2};

use crate::app::theme;
use crate::dataset::Class;

/// Height of a badge in points.
pub const HEIGHT: f32 = 18.0;

/// The corner of a thumbnail that a badge sits in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Corner {
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
    let inset = theme::space::XS;
    let colour = theme::DARK.class(class);
    let galley = text.map(|text| {
        painter.layout_no_wrap(text.to_owned(), FontId::new(theme::SMALL, theme::strong_family()), theme::DARK.text)
    });
    let text_width = galley.as_ref().map_or(0.0, |galley| galley.size().x + theme::space::XS);
    let size = vec2(HEIGHT + text_width, HEIGHT);
    let min = match corner {
        Corner::BottomLeft => pos2(rect.left() + inset, rect.bottom() - inset - size.y),
        Corner::BottomRight => rect.right_bottom() - Vec2::splat(inset) - size,
    };
    let ground = Rect::from_min_size(min, size);
    painter.rect_filled(ground, CornerRadius::same(4), Color32::from_black_alpha(205));
    mark(painter, pos2(ground.left() + HEIGHT / 2.0, ground.center().y), 10.0, class, colour);
    if let Some(galley) = galley {
        let at = Align2::LEFT_CENTER.anchor_size(pos2(ground.left() + HEIGHT - 1.0, ground.center().y), galley.size());
        painter.galley(at.min, galley, theme::DARK.text);
    }
    ground
}

/// Draws into the corner where the prediction goes that a person is to decide.
pub fn unsure(painter: &Painter, rect: Rect) {
    let size = Vec2::splat(HEIGHT);
    let ground = Rect::from_min_size(rect.right_bottom() - Vec2::splat(theme::space::XS) - size, size);
    painter.rect_filled(ground, CornerRadius::same(4), Color32::from_black_alpha(205));
    let font = FontId::new(theme::BODY, theme::strong_family());
    painter.text(ground.center(), Align2::CENTER_CENTER, "?", font, theme::DARK.warning);
}

/// The shape and the word of a class on one line of text, in the colours of `ui`.
pub fn label(ui: &mut Ui, class: Class) -> egui::Response {
    ui.label(theme::class_text(ui, class))
}
