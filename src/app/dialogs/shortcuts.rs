//! The list of shortcuts.

use egui::{Align2, Context, Grid, Label, ScrollArea, Ui, Vec2, Window};

use crate::app::command::{GRID_KEYS, INSPECT_KEYS, SHORTCUTS};
use crate::app::theme::{self, space};

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
                table(ui, "everywhere", "Everywhere", &everywhere(ctx));
                ui.add_space(space::M);
                let owned = |keys: &[(&str, &'static str)]| -> Vec<(String, &'static str)> {
                    keys.iter().map(|(keys, does)| ((*keys).to_owned(), *does)).collect()
                };
                table(ui, "photos", "Among photos", &owned(GRID_KEYS));
                ui.add_space(space::M);
                table(ui, "whole photos", "In Inspect", &owned(INSPECT_KEYS));
            });
        });
}

/// The shortcuts that hold everywhere; of several keys for one thing the first.
fn everywhere(ctx: &Context) -> Vec<(String, &'static str)> {
    let mut rows: Vec<(String, &str)> = Vec::new();
    for shortcut in SHORTCUTS {
        if rows.iter().all(|row| row.1 != shortcut.does) {
            rows.push((ctx.format_shortcut(&shortcut.keys), shortcut.does));
        }
    }
    rows
}

fn table(ui: &mut Ui, id: &str, title: &str, rows: &[(String, &str)]) {
    ui.label(theme::section(title));
    Grid::new(id).num_columns(2).min_row_height(20.0).spacing([space::XL, space::XS]).show(ui, |ui| {
        for (keys, does) in rows {
            ui.label(theme::strong(keys));
            ui.add(Label::new(*does).extend());
            ui.end_row();
        }
    });
}
