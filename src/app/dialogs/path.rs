//! A folder or archive by its path, for systems without a dialog and for those who would rather type.

use std::path::{Path, PathBuf};

use egui::{Button, Context, Key, Label, ScrollArea, TextEdit, Ui};

use crate::app::command::Command;
use crate::app::events::typed_path;
use crate::app::theme::{self, space};
use crate::app::widgets::form;

/// Asks for the path of a folder or archive.
pub(super) struct PathDialog {
    text: String,
    focused: bool,
    /// Whether it stands in for a dialog that the system lacks.
    pub(super) no_system_dialog: bool,
}

impl PathDialog {
    pub(super) fn new(start: Option<&PathBuf>) -> Self {
        let text = start.map(|path| path.display().to_string()).unwrap_or_default();
        Self { text, focused: false, no_system_dialog: false }
    }

    /// Returns whether it stays open.
    pub(super) fn ui(&mut self, ctx: &Context, recent: &[PathBuf], commands: &mut Vec<Command>) -> bool {
        let mut open = true;
        let modal = super::modal(ctx, "path of a folder", |ui| {
            ui.spacing_mut().item_spacing.y = space::S;
            ui.label(theme::section("Open a folder or a .zip"));
            if self.no_system_dialog {
                ui.label(theme::quiet(
                    ui,
                    "This system has no dialog to choose a folder or file in. Type or paste its path:",
                ));
            }
            let entered = self.field(ui);
            open &= !recent_ui(ui, recent, commands);
            ui.add_space(space::S);
            ui.horizontal(|ui| {
                let path = typed_path(&self.text);
                let open_it = form::primary(ui, path.is_some(), "Open").clicked() || entered;
                if let (true, Some(path)) = (open_it, path) {
                    commands.push(Command::Open(vec![path]));
                    open = false;
                }
                if ui.button("Cancel").clicked() {
                    open = false;
                }
            });
        });
        open && !modal.should_close()
    }

    /// The field; returns whether Enter was pressed in it.
    fn field(&mut self, ui: &mut Ui) -> bool {
        let label = ui.label(theme::quiet(ui, "Path of the folder or .zip"));
        let edit = TextEdit::singleline(&mut self.text).desired_width(f32::INFINITY).cursor_at_end(true);
        let field = ui.add(edit).labelled_by(label.id);
        if !self.focused {
            field.request_focus();
            self.focused = true;
        }
        form::ended_by(ui, &field, Key::Enter)
    }
}

/// The folders opened lately; returns whether one was chosen.
fn recent_ui(ui: &mut Ui, recent: &[PathBuf], commands: &mut Vec<Command>) -> bool {
    if recent.is_empty() {
        return false;
    }
    let mut chosen = false;
    ui.add_space(space::XS);
    ui.label(theme::quiet(ui, "Opened lately"));
    ScrollArea::vertical().max_height(180.0).show(ui, |ui| {
        for folder in recent {
            ui.horizontal(|ui| {
                let name = theme::icon_text(theme::icon_of(folder), &name(folder));
                if ui.add(Button::new(name).frame_when_inactive(false)).clicked() {
                    commands.push(Command::Open(vec![folder.clone()]));
                    chosen = true;
                }
                let place = folder.parent().unwrap_or(folder).display().to_string();
                ui.add(Label::new(theme::quiet(ui, place)).truncate());
            });
        }
    });
    chosen
}

/// The last part of a path.
fn name(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}
