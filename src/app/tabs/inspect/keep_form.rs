//! Where a model with a head that was trained on corrections is written to.

use std::path::{Path, PathBuf};

use egui::{Button, Context, Label, RichText};

use super::Request;
use super::model_choice;
use super::queue::Queue;
use crate::app::dialogs;
use crate::app::scene::Scene;
use crate::app::theme::{self, space};
use crate::app::widgets::form::primary;
use crate::app::widgets::path_form::PathField;
use crate::app::worker::inspection::{KeepOrder, ModelOf, Task};
use crate::error::Error;

/// The form.
pub(super) struct KeepForm {
    path: PathField,
    /// The file that is there already.
    exists: Option<PathBuf>,
    error: Option<Error>,
}

impl KeepForm {
    /// Suggests a file of the model's name in `folder`.
    pub(super) fn new(folder: &Path, model: &ModelOf) -> Self {
        let name = format!("{}.safetensors", model_choice::name(model).to_lowercase().replace(", ", " "));
        Self { path: PathField::suggested(Some(folder), &name), exists: None, error: None }
    }

    pub(super) fn set(&mut self, path: &Path) {
        self.path.set(path);
        (self.exists, self.error) = (None, None);
    }

    pub(super) fn no_system_dialog(&mut self) {
        self.path.no_system_dialog();
    }

    pub(super) fn ask_to_replace(&mut self, path: &Path) {
        self.exists = Some(path.to_owned());
    }

    pub(super) fn failed(&mut self, error: Error) {
        self.error = Some(error);
    }

    /// Shows the form; returns whether it stays open. It does until the file is written.
    pub(super) fn ui(
        &mut self,
        ctx: &Context,
        queue: &Queue,
        (model, threshold): (&ModelOf, f32),
        scene: &mut Scene<'_>,
    ) -> bool {
        let mut open = true;
        let modal = dialogs::modal(ctx, "keep the model", |ui| {
            ui.label(theme::section("Keep the model"));
            let text = format!(
                "{}, with the threshold {threshold:.2}, as a file that this window and `crackscope inspect` take.",
                model_choice::name(model)
            );
            ui.add(Label::new(theme::quiet(ui, text)).wrap());
            let name = "File to save to: .safetensors";
            if self.path.ui(ui, (name, "a file"), scene.commands, || Request::ChooseModelFile.into()) {
                (self.exists, self.error) = (None, None);
            }
            let colours = theme::palette(ui);
            if self.exists.is_some() {
                ui.label(RichText::new("This file is there already.").color(colours.warning));
            }
            if let Some(error) = &self.error {
                ui.add(Label::new(RichText::new(error.to_string()).color(colours.error)).wrap());
            }
            ui.add_space(space::S);
            ui.horizontal(|ui| {
                let path = self.path.path().and_then(|path| std::path::absolute(path).ok());
                let replace = self.exists.is_some() && self.exists == path;
                let may = path.is_some() && scene.job.is_none();
                let pressed = if replace {
                    ui.add_enabled(may, Button::new(theme::strong("Replace it").color(colours.error))).clicked()
                } else {
                    primary(ui, may, "Save").clicked() || (may && self.path.is_entered())
                };
                if let Some(path) = path.filter(|_| pressed) {
                    self.error = None;
                    let (model, compute) = (model.clone(), scene.settings.train.compute());
                    let order = KeepOrder { model, compute, threshold, path, replace, roots: queue.roots().to_vec() };
                    scene.commands.push(Request::Run { task: Task::Keep(Box::new(order)), unasked: false }.into());
                }
                if ui.button("Cancel").clicked() {
                    open = false;
                }
            });
        });
        open && !modal.should_close()
    }
}
