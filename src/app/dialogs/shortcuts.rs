//! The list of shortcuts.

use egui::{Align2, Context, Grid, Label, ScrollArea, Ui, Vec2, Window};

use crate::app::shortcuts::{Place, lines};
use crate::app::theme::{self, space};

/// Windows narrower than this, in points, have one column.
const ROOM_FOR_TWO: f32 = 960.0;

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
                let (first, rest) = Place::ALL.split_at(1);
                if ctx.content_rect().width() < ROOM_FOR_TWO {
                    column(ui, &Place::ALL);
                } else {
                    ui.horizontal_top(|ui| {
                        ui.vertical(|ui| column(ui, first));
                        ui.add_space(space::XL);
                        ui.vertical(|ui| column(ui, rest));
                    });
                }
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
