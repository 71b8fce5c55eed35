//! The photos most like the selected one, small, with their labels: what the label is judged by.

use egui::{Label, Rect, Sense, Stroke, StrokeKind, Ui, Vec2, WidgetInfo, vec2};

use crate::app::scene::Scene;
use crate::app::theme::{self, space};
use crate::app::thumbnails::Thumbnail;
use crate::app::widgets::badge::{self, Corner};
use crate::train::similarity::Neighbour;

/// Photos that are shown at most.
const SHOWN: usize = 8;
/// Side of a picture.
const SIDE: f32 = 68.0;

/// Panes lower than this, in points, have room for a row only.
const ROOM_FOR_TWO: f32 = 600.0;

/// Shows them below a pane so high, a row or two; gives the one that was clicked.
pub(super) fn ui(ui: &mut Ui, scene: &mut Scene<'_>, neighbours: &[Neighbour], pane: f32) -> Option<usize> {
    if neighbours.is_empty() {
        return None;
    }
    let mut clicked = None;
    ui.add(Label::new(theme::quiet(ui, "Most like it, with their labels").size(theme::SMALL)).truncate());
    ui.spacing_mut().item_spacing = Vec2::splat(space::XS);
    let columns = (((ui.available_width() + space::XS) / (SIDE + space::XS)).floor() as usize).max(1);
    let rows = if columns >= SHOWN || pane < ROOM_FOR_TWO { 1 } else { 2 };
    for row in neighbours.get(..neighbours.len().min(rows * columns).min(SHOWN)).unwrap_or_default().chunks(columns) {
        ui.horizontal(|ui| {
            for near in row {
                if picture(ui, scene, near) {
                    clicked = Some(near.photo);
                }
            }
        });
    }
    clicked
}

fn picture(ui: &mut Ui, scene: &mut Scene<'_>, near: &Neighbour) -> bool {
    let Some(item) = scene.session.item(near.photo) else { return false };
    let (rect, response) = ui.allocate_exact_size(vec2(SIDE, SIDE), Sense::click());
    let label = item.sample.label.map_or("no label".to_owned(), |class| format!("labelled {}", class.word()));
    let name = format!("{}, {label}, distance {:.4}", item.sample.file, near.distance);
    response.widget_info(|| WidgetInfo::labeled(egui::Role::Button, ui.is_enabled(), &name));
    let colours = theme::palette(ui);
    ui.painter().rect_filled(rect, 4.0, colours.hovered);
    if let Thumbnail::Ready(picture) =
        scene.thumbnails.in_any_size(&item.sample.path, SIDE * ui.ctx().pixels_per_point())
    {
        let size = picture.size * (rect.size() / picture.size).min_elem();
        let place = Rect::from_center_size(rect.center(), size);
        ui.painter().image(picture.texture, place, picture.uv, egui::Color32::WHITE);
    }
    if let Some(class) = item.sample.label {
        badge::pill(ui.painter(), rect, Corner::BottomLeft, class, None);
    }
    if response.hovered() || response.has_focus() {
        let stroke = Stroke::new(2.0, if response.has_focus() { colours.accent } else { colours.quiet });
        ui.painter().rect_stroke(rect, 4.0, stroke, StrokeKind::Inside);
    }
    response.on_hover_text(name).clicked()
}
