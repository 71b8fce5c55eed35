//! The list of shortcuts.

use egui::{Align, Align2, Context, Grid, Key, Label, Layout, Ui, Vec2, Window};

use crate::app::command::{GRID_KEYS, SHORTCUTS};
use crate::app::theme::{self, space};

/// Shows the list where it is open.
pub(super) fn ui(ctx: &Context, open: &mut bool) {
    if *open && ctx.input_mut(|input| input.consume_key(egui::Modifiers::NONE, Key::Escape)) {
        *open = false;
    }
    Window::new("Shortcuts")
        .open(open)
        .anchor(Align2::CENTER_CENTER, Vec2::ZERO)
        .collapsible(false)
        .resizable(false)
        .show(ctx, |ui| {
            let mut rows: Vec<(String, &str)> = Vec::new();
            for shortcut in SHORTCUTS {
                let keys = ctx.format_shortcut(&shortcut.keys);
                match rows.last_mut().filter(|(_, does)| *does == shortcut.does) {
                    Some((known, _)) => *known = format!("{known} · {keys}"),
                    None => rows.push((keys, shortcut.does)),
                }
            }
            table(ui, "everywhere", "Everywhere", rows.iter().map(|(keys, does)| (keys.as_str(), *does)));
            ui.add_space(space::M);
            table(ui, "photos", "Among photos", GRID_KEYS.iter().copied());
        });
}

fn table<'a>(ui: &mut Ui, id: &str, title: &str, rows: impl Iterator<Item = (&'a str, &'a str)>) {
    ui.label(theme::section(title));
    Grid::new(id).num_columns(2).spacing([space::XL, space::XS]).show(ui, |ui| {
        for (keys, does) in rows {
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| ui.label(theme::strong(keys)));
            ui.add(Label::new(does).extend());
            ui.end_row();
        }
    });
}
