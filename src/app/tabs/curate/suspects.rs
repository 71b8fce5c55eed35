//! Photos whose label the others contradict.

use egui::{CentralPanel, Frame, Ui};

use crate::app::command::Command;
use crate::app::scene::Scene;
use crate::app::tabs::train;
use crate::app::theme::{self, icons};
use crate::app::widgets::{empty, form};

/// Folds that the photos are divided into.
const FOLDS: usize = 5;

/// What the view remembers.
#[derive(Default)]
pub(super) struct SuspectsView;

impl SuspectsView {
    /// Shows the view.
    pub(super) fn ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        let ground = Frame::new().fill(theme::palette(ui).window).inner_margin(theme::panel_margin());
        CentralPanel::default().frame(ground).show(ui, |ui| empty_ui(ui, scene));
    }
}

fn empty_ui(ui: &mut Ui, scene: &mut Scene<'_>) {
    let Some(dataset) = &scene.session.dataset else {
        let text = "Open a folder of photos first.";
        let open = |ui: &mut Ui| form::primary(ui, true, "Open folder…").clicked();
        if empty::state(ui, icons::ICON_FACT_CHECK, "No photos open", text, open) {
            scene.commands.push(Command::OpenFolderDialog);
        }
        return;
    };
    let reason = train::why_not(dataset);
    let text = reason.clone().unwrap_or_else(|| {
        "Finds photos whose label the others contradict. Each photo is judged by models that have not seen it.".into()
    });
    let enabled = reason.is_none() && scene.job.is_none();
    let look = |ui: &mut Ui| form::primary(ui, enabled, "Look for suspects").clicked();
    if empty::state(ui, icons::ICON_FACT_CHECK, "No suspects yet", &text, look) {
        scene.commands.push(Command::CrossValidate(FOLDS));
    }
}
