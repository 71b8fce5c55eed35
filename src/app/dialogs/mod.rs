//! What stands before the window: the system's file dialogs, a path to be typed, the palette, the list of shortcuts.

mod labels;
mod native;
mod palette;
mod path;
mod shortcuts;
mod tour;

use std::path::{Path, PathBuf};

use egui::{Context, Frame, Id, Modal, ModalResponse, Ui};

pub use native::{Chosen, Purpose};
pub use palette::{Offer, Palette};
pub use tour::Tour;

use super::command::Command;
use super::session::Session;
use super::settings::Settings;
use super::theme::space;
use labels::LabelsForm;
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
    labels: Option<LabelsForm>,
    /// The palette, where it is open.
    pub palette: Option<Palette>,
    /// The first steps, where they are shown.
    pub tour: Option<Tour>,
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

    /// Asks how the labels of the open photos are to leave; suggests a place within `below`.
    pub fn ask_for_labels(&mut self, below: Option<&Path>, name: &str) {
        self.labels = Some(LabelsForm::new(below, name));
    }

    /// A folder for the labels was chosen in the system's dialog.
    pub fn labels_to(&mut self, folder: &Path) {
        if let Some(form) = &mut self.labels {
            form.export_to(folder);
        }
    }

    /// The system has no dialog to choose a folder for the labels in.
    pub fn no_dialog_for_labels(&mut self) {
        if let Some(form) = &mut self.labels {
            form.no_system_dialog();
        }
    }

    /// Whether a dialog has the keyboard for itself.
    pub fn is_modal(&self) -> bool {
        self.path.is_some() || self.labels.is_some() || self.palette.is_some()
    }

    /// Shows what is open.
    pub fn ui(&mut self, ui: &mut Ui, session: &Session, settings: &mut Settings, commands: &mut Vec<Command>) {
        if let Some(form) = &mut self.labels
            && !session.dataset.as_ref().is_some_and(|dataset| form.ui(ui.ctx(), dataset, commands))
        {
            self.labels = None;
        }
        if let Some(path) = &mut self.path
            && !path.ui(ui.ctx(), &settings.recent, commands)
        {
            self.path = None;
        }
        if let Some(tour) = &mut self.tour
            && !tour.ui(ui.ctx())
        {
            self.tour = None;
        }
        shortcuts::ui(ui.ctx(), &mut self.shortcuts);
    }
}
