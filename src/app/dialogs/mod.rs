//! What stands before the window: the system's file dialogs, a path to be typed, the list of shortcuts.

mod native;
mod path;
mod shortcuts;

use std::path::PathBuf;

use egui::{Context, Frame, Id, Modal, ModalResponse, Ui};

pub use native::{Chosen, Purpose};

use super::command::Command;
use super::settings::Settings;
use super::theme::space;
use native::Native;
use path::PathDialog;

/// Width of a dialog.
const WIDTH: f32 = 460.0;

/// Shows a dialog that stands before everything else until it is answered.
pub fn modal<R>(ctx: &Context, id: &'static str, content: impl FnOnce(&mut Ui) -> R) -> ModalResponse<R> {
    let frame = Frame::popup(&ctx.global_style()).inner_margin(space::L);
    let width = WIDTH.min(ctx.content_rect().width() - 4.0 * space::XL);
    Modal::new(Id::unique(id)).frame(frame).show(ctx, |ui| {
        ui.set_width(width);
        content(ui)
    })
}

/// The dialogs and whether they are open.
#[derive(Default)]
pub struct Dialogs {
    native: Native,
    path: Option<PathDialog>,
    /// Whether the list of shortcuts is open.
    pub shortcuts: bool,
}

impl Dialogs {
    /// Opens the system's dialog, unless it is open.
    pub fn choose(&mut self, ctx: &Context, purpose: Purpose, start: Option<&PathBuf>) {
        self.native.open(ctx, purpose, start);
    }

    /// What was chosen in the system's dialog since the last call.
    pub fn chosen(&mut self) -> Option<Chosen> {
        self.native.take()
    }

    /// Asks for a path to be typed.
    pub fn ask_for_path(&mut self, start: Option<&PathBuf>) {
        self.path = Some(PathDialog::new(start));
    }

    /// Closes the dialog for a path: a folder came another way.
    pub fn close_path(&mut self) {
        self.path = None;
    }

    /// Lets the system's dialogs belong to this window.
    pub fn belong_to(&mut self, window: &eframe::Frame) {
        self.native.belong_to(window);
    }

    /// Says in the dialog for a path why it is open.
    pub fn no_system_dialog(&mut self) {
        if let Some(path) = &mut self.path {
            path.no_system_dialog = true;
        }
    }

    /// Whether a dialog has the keyboard for itself.
    pub fn is_modal(&self) -> bool {
        self.path.is_some()
    }

    /// Shows what is open.
    pub fn ui(&mut self, ui: &mut Ui, settings: &mut Settings, commands: &mut Vec<Command>) {
        if let Some(path) = &mut self.path
            && !path.ui(ui.ctx(), &settings.recent, commands)
        {
            self.path = None;
        }
        shortcuts::ui(ui.ctx(), &mut self.shortcuts);
    }
}
