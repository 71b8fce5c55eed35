//! What stands where there is nothing to show: what this place is for, and the one thing to do next.

use egui::{Align, Id, Label, Layout, RichText, Ui, UiBuilder, Vec2, vec2};

use crate::app::theme::{self, Icon, space};

/// Widest line of text, in points.
const WIDTH: f32 = 420.0;
/// Size of the icon.
const ICON: f32 = 44.0;

/// An icon, a title, a sentence and what can be done, in the middle of the room.
pub fn state<R>(ui: &mut Ui, icon: Icon, title: &str, text: &str, actions: impl FnOnce(&mut Ui) -> R) -> R {
    centred(ui, title, |ui| {
        ui.label(RichText::new(icon.codepoint).size(ICON).color(theme::palette(ui).quiet));
        ui.label(theme::section(title));
        if !text.is_empty() {
            ui.add(Label::new(theme::quiet(ui, text)).wrap());
        }
        ui.add_space(space::S);
        actions(ui)
    })
}

/// The same for narrow places such as a side pane: no actions, smaller.
pub fn note(ui: &mut Ui, icon: Icon, text: &str) {
    centred(ui, text, |ui| {
        ui.label(RichText::new(icon.codepoint).size(ICON * 0.6).color(theme::palette(ui).quiet));
        ui.add(Label::new(theme::quiet(ui, text)).wrap());
    });
}

/// Puts `contents` into the middle of the room. How high they are is known from the frame before.
fn centred<R>(ui: &mut Ui, name: &str, contents: impl FnOnce(&mut Ui) -> R) -> R {
    let id: Id = ui.scope_id().with(("empty", name));
    let room = ui.available_rect_before_wrap();
    let known: Option<f32> = ui.data(|data| data.get_temp(id));
    let size = vec2(WIDTH.min(room.width() - 2.0 * space::XL).max(0.0), known.unwrap_or(0.0).min(room.height()));
    // A little above the middle looks like the middle.
    let centre = room.center() - vec2(0.0, (room.height() - size.y).max(0.0) * 0.06);
    let rect = egui::Rect::from_center_size(centre, size);
    let builder = UiBuilder::new().max_rect(rect).layout(Layout::top_down(Align::Center));
    let mut child = ui.new_child(builder);
    child.spacing_mut().item_spacing = Vec2::splat(space::S);
    let result = contents(&mut child);
    let height = child.min_rect().height();
    ui.data_mut(|data| data.insert_temp(id, height));
    if known.is_none_or(|known| (known - height).abs() > 0.5) {
        ui.ctx().request_discard("the height of an empty state was not known");
    }
    ui.advance_cursor_after_rect(room);
    result
}
