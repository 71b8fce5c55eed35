//! A path to be typed, or chosen in the system's dialog.

use std::path::{Path, PathBuf};

use egui::{Key, TextEdit, Ui};

use crate::app::command::Command;
use crate::app::events::typed_path;
use crate::app::theme::{self, icons};
use crate::app::widgets::form::ended_by;

/// Room for the button beside the field.
const BUTTON: f32 = 110.0;

/// The field with its button.
pub struct PathField {
    text: String,
    focused: bool,
    no_dialog: bool,
    entered: bool,
}

impl PathField {
    /// Suggests `name` within `below`, or among the user's documents.
    pub fn suggested(below: Option<&Path>, name: &str) -> Self {
        let documents = || {
            let dirs = directories::UserDirs::new()?;
            Some(dirs.document_dir().unwrap_or(dirs.home_dir()).to_owned())
        };
        let below = below.map(Path::to_owned).or_else(documents);
        let text = below.map(|below| below.join(name).display().to_string()).unwrap_or_default();
        Self { text, focused: false, no_dialog: false, entered: false }
    }

    /// The path, if there is one.
    pub fn path(&self) -> Option<PathBuf> {
        typed_path(&self.text)
    }

    /// Whether Enter has just ended what was typed: the form is to do what its main button does.
    pub fn is_entered(&self) -> bool {
        self.entered
    }

    /// Takes a path that was chosen.
    pub fn set(&mut self, path: &Path) {
        self.text = path.display().to_string();
    }

    /// Says that the path must be typed, and gives the field the keyboard.
    pub fn no_system_dialog(&mut self) {
        (self.no_dialog, self.focused) = (true, false);
    }

    /// Shows it; `what` it is the path of is `a file` or `a folder`, and `choose` opens the system's dialog. Returns
    /// whether it was changed by typing.
    pub fn ui(
        &mut self,
        ui: &mut Ui,
        (name, what): (&str, &str),
        commands: &mut Vec<Command>,
        choose: impl FnOnce() -> Command,
    ) -> bool {
        let label = ui.label(theme::quiet(ui, name));
        let changed = ui.horizontal(|ui| {
            let width = ui.available_width() - BUTTON;
            let field = ui.add(TextEdit::singleline(&mut self.text).desired_width(width)).labelled_by(label.id);
            self.entered = ended_by(ui, &field, Key::Enter);
            if !std::mem::replace(&mut self.focused, true) {
                field.request_focus();
            }
            if ui.button(theme::icon_text(icons::ICON_FOLDER_OPEN, "Choose…")).clicked() {
                commands.push(choose());
            }
            field.changed()
        });
        if self.no_dialog {
            let text = format!("This system has no dialog to choose {what} in. Type or paste its path.");
            ui.label(theme::quiet(ui, text));
        }
        changed.inner
    }
}
