//! The list of shortcuts.

use egui::{Align2, Context, Grid, Label, ScrollArea, Ui, Vec2, Window};

use crate::app::shortcuts::{Place, lines};
use crate::app::theme::{self, space};

/// Windows narrower than these, in points, have one column, or two.
const ROOM_FOR_TWO: f32 = 960.0;
const ROOM_FOR_THREE: f32 = 1264.0;

/// Shows the list where it is open.
pub(super) fn ui(ctx: &Context, open: &mut bool) {
    Window::new("Shortcuts")
        .open(open)
        .anchor(Align2::CENTER_CENTER, Vec2::ZERO)
        .collapsible(false)
        .resizable(false)
        .show(ctx, |ui| {
            let height = ctx.content_rect().height() - 120.0;
            ScrollArea::vertical().max_height(height).min_scrolled_height(height).show(ui, |ui| {
                let (anywhere, rest) = Place::ALL.split_at(1);
                let (photos, others) = rest.split_at(3);
                let columns: &[&[Place]] = match ctx.content_rect().width() {
                    ..ROOM_FOR_TWO => &[&Place::ALL],
                    ..ROOM_FOR_THREE => &[anywhere, rest],
                    _ => &[anywhere, photos, others],
                };
                ui.horizontal_top(|ui| {
                    for (index, places) in columns.iter().enumerate() {
                        ui.add_space(if index == 0 { 0.0 } else { space::XL });
                        ui.vertical(|ui| column(ui, places));
                    }
                });
            });
        });
}

fn column(ui: &mut Ui, places: &[Place]) {
    for place in places {
        table(ui, *place);
        ui.add_space(space::M);
    }
}

fn table(ui: &mut Ui, place: Place) {
    ui.label(theme::section(place.title()));
    Grid::new(place.title()).num_columns(2).min_row_height(20.0).spacing([space::XL, space::XS]).show(ui, |ui| {
        for (keys, does) in lines(ui.ctx(), place) {
            ui.label(theme::strong(keys));
            ui.add(Label::new(does).extend());
            ui.end_row();
        }
    });
}
