//! Where what was found is written to.

use std::path::Path;

use egui::{Context, Label, RichText};

use super::Request;
use super::cover_form::CoverForm;
use super::queue::{Queue, Way};
use super::ruler::RulerForm;
use crate::app::dialogs;
use crate::app::scene::Scene;
use crate::app::theme::{self, space};
use crate::app::widgets::form::primary;
use crate::app::widgets::path_form::PathField;
use crate::app::worker::inspection::{Task, ToWrite, WriteOrder};
use crate::error::Error;
use crate::export::inspection::Overlay;
use crate::format;

/// The form.
pub(super) struct ExportForm {
    folder: PathField,
    error: Option<Error>,
}

impl ExportForm {
    /// Suggests a folder within `below`, or among the user's documents.
    pub(super) fn new(below: Option<&Path>, name: &str) -> Self {
        Self { folder: PathField::suggested(below, &format!("{name} inspection")), error: None }
    }

    pub(super) fn set(&mut self, folder: &Path) {
        self.folder.set(folder);
        self.error = None;
    }

    pub(super) fn no_system_dialog(&mut self) {
        self.folder.no_system_dialog();
    }

    pub(super) fn failed(&mut self, error: Error) {
        self.error = Some(error);
    }

    /// Shows the form; returns whether it stays open. It does until the files are written.
    pub(super) fn ui(
        &mut self,
        ctx: &Context,
        queue: &Queue,
        (way, threshold, stored): (&Way, f32, bool),
        (ruler, cover): (&RulerForm, &mut CoverForm),
        scene: &mut Scene<'_>,
    ) -> bool {
        let mut open = true;
        let modal = dialogs::modal(ctx, "export the inspection", |ui| {
            ui.label(theme::section("Export what was found"));
            let text = format!("{} inspected: ", format::photos(queue.inspected()));
            let text =
                text + "overlays, masks, a table of all cells, cracks and boxes as GeoJSON and COCO, all measures.";
            ui.add(Label::new(theme::quiet(ui, text)).wrap());
            let name = "Folder to export to; made if it is not there";
            if self.folder.ui(ui, (name, "a folder"), scene.commands, || Request::ChooseExportFolder.into()) {
                self.error = None;
            }
            cover.ui(ui);
            if let Some(error) = &self.error {
                let text = RichText::new(error.to_string()).color(theme::palette(ui).error);
                ui.add(Label::new(text).wrap());
            }
            ui.add_space(space::S);
            ui.horizontal(|ui| {
                let folder = self.folder.path();
                let may = folder.is_some() && scene.job.is_none();
                if (primary(ui, may, "Export").clicked() || (may && self.folder.is_entered()))
                    && let Some(folder) = folder
                {
                    self.error = None;
                    let order = WriteOrder {
                        folder,
                        photos: photos(queue, ruler),
                        model: way.model.path.clone(),
                        settings: way.settings.clone(),
                        threshold,
                        stored,
                        overlay: overlay(scene),
                        report: cover.cover(),
                        roots: queue.roots().to_vec(),
                    };
                    scene.commands.push(Request::Run { task: Task::Write(Box::new(order)), unasked: false }.into());
                }
                if ui.button("Cancel").clicked() {
                    open = false;
                }
            });
        });
        open && !modal.should_close()
    }
}

/// Overlays as they are seen in the window.
fn overlay(scene: &Scene<'_>) -> Overlay {
    let look = &scene.settings.inspect.look;
    Overlay { opacity: look.opacity, boxes: look.boxes, lines: look.lines }
}

fn photos(queue: &Queue, ruler: &RulerForm) -> Vec<ToWrite> {
    let photo = |(path, state): (&std::path::PathBuf, &super::queue::PhotoState)| {
        let seen = state.seen.as_ref()?;
        let (scale, no_scale) = match ruler.scale(state.line.as_ref(), seen) {
            Ok(None) if ruler.is_wanted() => (None, Some("there is no line of known length on this photo".to_owned())),
            Ok(scale) => (scale, None),
            Err(error) => (None, Some(error.one_line())),
        };
        let (seconds, look_seconds) = (seen.seconds, seen.look_seconds);
        Some(ToWrite { path: path.clone(), map: seen.map.clone(), scale, no_scale, seconds, look_seconds })
    };
    queue.known().filter_map(photo).collect()
}
