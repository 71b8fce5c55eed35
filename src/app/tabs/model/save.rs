//! Where the drawing is written to.

use std::path::{Path, PathBuf};

use egui::{Button, Context, Label, RichText, Ui};

use super::Request;
use crate::app::command::Command;
use crate::app::dialogs;
use crate::app::theme::{self, space};
use crate::app::widgets::form::primary;
use crate::app::widgets::path_form::PathField;
use crate::app::worker::inspect::DrawingOrder;
use crate::error::Error;
use crate::nn::drawing::{Drawing, Fold};
use crate::nn::summary::Summary;

/// The form.
pub(super) struct SaveForm {
    path: PathField,
    /// The file that is there already.
    exists: Option<PathBuf>,
    error: Option<Error>,
    /// The network to draw.
    summary: Summary,
}

impl SaveForm {
    /// Suggests a file of the network's name in `folder`, or among the user's documents.
    pub(super) fn new(folder: Option<&Path>, summary: Summary) -> Self {
        let path = PathField::suggested(folder, &format!("{}.svg", summary.backbone.name()));
        Self { path, exists: None, error: None, summary }
    }

    pub(super) fn save_to(&mut self, path: &Path) {
        self.path.set(path);
        (self.exists, self.error) = (None, None);
    }

    pub(super) fn no_system_dialog(&mut self) {
        self.path.no_system_dialog();
    }

    /// Whether the file in the field is this one.
    pub(super) fn is_for(&self, path: &Path) -> bool {
        self.target().as_deref() == Some(path)
    }

    pub(super) fn ask_to_replace(&mut self, path: &Path) {
        self.exists = Some(path.to_owned());
    }

    pub(super) fn failed(&mut self, error: Error) {
        self.error = Some(error);
    }

    /// Shows the form; returns whether it stays open.
    pub(super) fn ui(&mut self, ctx: &Context, roots: impl Fn() -> Vec<PathBuf>, commands: &mut Vec<Command>) -> bool {
        let mut open = true;
        let modal = dialogs::modal(ctx, "save the drawing", |ui| {
            ui.label(theme::section("Save the drawing"));
            self.path_ui(ui, commands);
            self.trouble_ui(ui);
            ui.add_space(space::S);
            ui.horizontal(|ui| {
                let path = self.target();
                let replace = self.exists.is_some() && self.exists == path;
                let pressed = if replace {
                    let text = theme::strong("Replace it").color(theme::palette(ui).error);
                    ui.add(Button::new(text)).clicked()
                } else {
                    primary(ui, path.is_some(), "Save").clicked() || self.path.is_entered()
                };
                if let Some(path) = path.filter(|_| pressed) {
                    self.error = None;
                    let drawing = Drawing::of(&self.summary, Fold::Sheet, true);
                    let order = DrawingOrder { drawing, path, replace, roots: roots() };
                    commands.push(Request::Save(Box::new(order)).into());
                }
                if ui.button("Cancel").clicked() {
                    open = false;
                }
            });
        });
        open && !modal.should_close()
    }

    /// The whole path of the file in the field.
    fn target(&self) -> Option<PathBuf> {
        std::path::absolute(self.path.path()?).ok()
    }

    fn path_ui(&mut self, ui: &mut Ui, commands: &mut Vec<Command>) {
        let name = "File to save to: .svg for lines, .png for pixels";
        if self.path.ui(ui, (name, "a file"), commands, || Request::ChooseFile.into()) {
            (self.exists, self.error) = (None, None);
        }
    }

    fn trouble_ui(&self, ui: &mut Ui) {
        let colours = theme::palette(ui);
        if self.exists.is_some() {
            ui.label(RichText::new("This file is there already.").color(colours.warning));
        }
        if let Some(error) = &self.error {
            ui.add(Label::new(RichText::new(error.to_string()).color(colours.error)).wrap());
        }
    }
}
