//! Carries out what the tab with the model asks for, and takes in what comes back.

use std::path::Path;

use egui::Context;

use super::dialogs::Purpose;
use super::tabs::model::Request;
use super::window::App;
use super::worker::asks::Ask;
use crate::error::Result;

impl App {
    pub(super) fn model_asks(&mut self, ctx: &Context, request: Request) {
        match request {
            Request::Weights(model) => self.worker.ask(Ask::Weights(model)),
            Request::Maps(of) => self.worker.ask(Ask::Maps(of)),
            Request::StepPhoto(step) => self.browse.step_from_elsewhere(step, &self.session, &self.thumbnails),
            Request::ChoosePhoto => {
                self.dialogs.choose(ctx, Purpose::MapsPhoto, self.settings.recent.first());
            }
            Request::ChooseFile => {
                self.dialogs.choose(ctx, Purpose::Drawing, self.settings.export_folder.as_ref());
            }
            Request::Save(order) => self.worker.ask(Ask::SaveDrawing(order)),
        }
    }

    /// The drawing is written, or there is a file that it would replace.
    pub(super) fn drawing_saved(&mut self, path: &Path, result: Result<bool>) {
        match result {
            Ok(true) => {
                self.model.saved(path);
                self.settings.export_folder = path.parent().map(Path::to_owned);
                self.messages.note(format!("Drawing saved to {}", path.display()));
            }
            Ok(false) => self.model.ask_to_replace(path),
            Err(error) => {
                if !self.model.not_saved(path, &error) {
                    self.messages.error(&error);
                }
            }
        }
    }
}
