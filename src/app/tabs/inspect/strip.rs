//! The filmstrip: the photos in a row, with what was found on each.

use std::path::Path;

use egui::{
    Align2, Color32, CornerRadius, EventFilter, FontId, Id, Popup, Rect, Role, ScrollArea, Sense, Stroke, StrokeKind,
    Ui, WidgetInfo, pos2, vec2,
};

use super::queue::{PhotoState, Queue, Way};
use crate::app::shortcuts::{self, Act, Place};
use crate::app::theme::{self, Icon, icons, space};
use crate::app::thumbnails::{Thumbnail, Thumbnails};
use crate::app::widgets::badge::{self, Corner};
use crate::app::worker::inspection::name;
use crate::dataset::Class;

/// Height of the strip.
pub(super) const HEIGHT: f32 = 92.0;
/// A photo's width and height.
const CELL: egui::Vec2 = vec2(96.0, 72.0);
/// From one photo to the next.
const PITCH: f32 = CELL.x + space::S;

/// What has the keyboard for the strip.
pub(super) const KEYS: &str = "filmstrip keys";

/// Shows the strip and obeys its keys.
pub(super) fn ui(ui: &mut Ui, queue: &mut Queue, threshold: f32, way: &Way, thumbnails: &mut Thumbnails) {
    let room = ui.available_rect_before_wrap();
    keys(ui, room, queue);
    let mut area = ScrollArea::horizontal().id_salt("filmstrip").auto_shrink(false);
    if std::mem::take(&mut queue.reveal) {
        let middle = queue.selected() as f32 * PITCH + PITCH / 2.0 - room.width() / 2.0;
        let longest = (queue.photos().len() as f32 * PITCH + space::S - room.width()).max(0.0);
        area = area.horizontal_scroll_offset(middle.clamp(0.0, longest));
    }
    area.show_viewport(ui, |ui, viewport| {
        let count = queue.photos().len();
        ui.set_width(count as f32 * PITCH + space::S);
        ui.set_height(HEIGHT);
        let origin = ui.max_rect().left_top();
        let first = (viewport.left() / PITCH).max(0.0) as usize;
        let last = ((viewport.right() / PITCH).ceil() as usize).min(count);
        for at in first..last {
            let corner = origin + vec2(space::S + at as f32 * PITCH, space::S);
            cell(ui, queue, at, Rect::from_min_size(corner, CELL), (threshold, way), thumbnails);
        }
    });
}

/// The strip has one place in the order of Tab; arrows go through the photos.
fn keys(ui: &Ui, room: Rect, queue: &mut Queue) {
    let id = Id::unique(KEYS);
    let response = ui.interact(room, id, Sense::focusable_noninteractive());
    response.widget_info(|| WidgetInfo::labeled(Role::Grid, ui.is_enabled(), "Photos to inspect, in a row"));
    let free = !Popup::is_any_open(ui.ctx()) && ui.memory(|memory| memory.allows_interaction(ui.layer_id()));
    let focus = ui.memory_mut(|memory| {
        if memory.focused().is_none() && free && ui.is_enabled() {
            memory.request_focus(id);
        }
        let filter = EventFilter { tab: false, horizontal_arrows: true, vertical_arrows: false, escape: false };
        memory.set_focus_lock_filter(id, filter);
        memory.has_focus(id)
    });
    if !(focus && free && ui.is_enabled()) {
        return;
    }
    let last = queue.photos().len().saturating_sub(1);
    let at = queue.selected();
    let steps =
        [(Act::Left, at.saturating_sub(1)), (Act::Right, (at + 1).min(last)), (Act::First, 0), (Act::Last, last)];
    for (act, to) in steps {
        if shortcuts::taken(ui, Place::Inspect, act) {
            queue.select(to);
        }
    }
}

fn cell(ui: &Ui, queue: &mut Queue, at: usize, rect: Rect, (threshold, way): (f32, &Way), thumbnails: &mut Thumbnails) {
    let Some(path) = queue.photos().get(at).cloned() else { return };
    let selected = queue.selected() == at;
    let response = ui.interact(rect, Id::unique(("filmstrip", &path)), Sense::CLICK);
    let said = said(queue, &path, threshold, way);
    let text = format!("{}: {}", name(&path), said.words);
    response.widget_info(|| WidgetInfo::selected(Role::Button, ui.is_enabled(), selected, text.as_str()));
    let colours = theme::palette(ui);
    let painter = ui.painter();
    painter.rect_filled(rect, theme::CORNER, colours.window);
    let side = (CELL.x * ui.ctx().pixels_per_point()).round();
    match thumbnails.in_any_size(&path, side) {
        Thumbnail::Ready(picture) => {
            let scale = (CELL / picture.size).min_elem();
            let place = Rect::from_center_size(rect.center(), picture.size * scale);
            painter.image(picture.texture, place, picture.uv, Color32::WHITE);
        }
        Thumbnail::Failed(_) => icon(ui, rect, icons::ICON_BROKEN_IMAGE, colours.quiet),
        Thumbnail::Waiting => {}
    }
    match said.badge {
        Badge::Share(share) => {
            let class = if share > 0.0 { Class::Positive } else { Class::Negative };
            badge::pill(painter, rect, Corner::BottomRight, class, Some(&percent(share)));
        }
        Badge::Icon(mark, colour) => {
            let ground = Rect::from_min_size(rect.right_bottom() - vec2(24.0, 24.0), vec2(22.0, 22.0));
            painter.rect_filled(ground, CornerRadius::same(theme::CORNER), theme::DARK.window.gamma_multiply(0.85));
            icon(ui, ground, mark, colour);
        }
        Badge::None => {}
    }
    let edge = if selected { Stroke::new(2.0, colours.accent) } else { Stroke::new(1.0, colours.line) };
    painter.rect_stroke(rect, theme::CORNER, edge, StrokeKind::Outside);
    if response.hovered() && !selected {
        painter.rect_stroke(rect, theme::CORNER, Stroke::new(1.0, colours.quiet), StrokeKind::Outside);
    }
    if response.clicked() {
        queue.select(at);
        ui.memory_mut(|memory| memory.request_focus(Id::unique(KEYS)));
    }
    response.on_hover_text(text);
}

fn icon(ui: &Ui, rect: Rect, icon: Icon, colour: Color32) {
    let font = FontId::proportional(theme::SECTION);
    ui.painter().text(pos2(rect.center().x, rect.center().y), Align2::CENTER_CENTER, icon.codepoint, font, colour);
}

/// What a photo's badge shows.
enum Badge {
    None,
    Share(f64),
    Icon(Icon, Color32),
}

struct Said {
    badge: Badge,
    words: String,
}

fn said(queue: &Queue, path: &Path, threshold: f32, way: &Way) -> Said {
    let state = queue.state(path);
    if queue.is_running(path) {
        return Said {
            badge: Badge::Icon(icons::ICON_PLAY_CIRCLE, theme::DARK.accent),
            words: "being inspected".into(),
        };
    }
    if queue.is_waiting(path) {
        return Said { badge: Badge::Icon(icons::ICON_HOURGLASS_EMPTY, theme::DARK.text), words: "waits".into() };
    }
    match state {
        Some(PhotoState { error: Some(error), .. }) => {
            let badge = Badge::Icon(icons::ICON_ERROR, theme::DARK.error);
            Said { badge, words: error.reason() }
        }
        Some(PhotoState { seen: Some(seen), paint, .. }) => {
            let share = seen.share(threshold);
            let stale = if seen.is_of(way) { "" } else { ", inspected in another way" };
            let painted = if paint.is_empty() { "" } else { ", corrected" };
            Said { badge: Badge::Share(share), words: format!("{} of cells cracked{stale}{painted}", percent(share)) }
        }
        _ => Said { badge: Badge::None, words: "not inspected yet".into() },
    }
}

/// A share as a person says it; what there is of is never said to be nothing.
pub(super) fn percent(share: f64) -> String {
    match 100.0 * share {
        0.0 => "0 %".to_owned(),
        p if p < 0.1 => "<0.1 %".to_owned(),
        p if p < 10.0 => format!("{p:.1} %"),
        p => format!("{p:.0} %"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_read_well() {
        assert_eq!([0.0, 0.0002, 0.034, 0.5].map(percent), ["0 %", "<0.1 %", "3.4 %", "50 %"]);
    }
}
