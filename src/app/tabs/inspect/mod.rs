//! Inspect: whole photos, where the cracks are, and how long.

mod cells;
mod cover_form;
mod cracks;
mod export_form;
mod keep_form;
mod measures;
mod model_choice;
mod overlay;
mod paint;
mod queue;
mod ruler;
mod settings;
mod strip;
#[cfg(test)]
mod tests;
mod view;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use egui::{Button, CentralPanel, Frame, Panel, Ui};

use self::cells::Cursor;
use self::cover_form::CoverForm;
use self::cracks::Cracks;
use self::export_form::ExportForm;
use self::keep_form::KeepForm;
use self::model_choice::ModelChoice;
use self::paint::Brush;
use self::queue::{Queue, Way};
use self::ruler::RulerForm;
use self::view::View;
use crate::app::command::Command;
use crate::app::scene::{Kind, Scene};
use crate::app::shortcuts::{self, Act, Place};
use crate::app::theme::{self, icons, space};
use crate::app::widgets::form::{choices, primary};
use crate::app::widgets::photo_view::Picture;
use crate::app::widgets::{empty, form};
use crate::app::worker::inspection::{Corrected, FindOrder, InspectOrder, Kept, Task, Told};
use crate::error::{Error, Result};
use crate::format;
use crate::inspect::Findings;

pub use self::overlay::{Colours, HeatLook};
pub use self::settings::Remembered;

/// Width of the pane beside the photo.
const SIDE: f32 = 304.0;
/// The threshold until a model has said its own.
const THRESHOLD: f32 = 0.5;

/// What the tab asks of the window.
#[derive(Clone, Debug)]
pub enum Request {
    /// Have work done. `unasked` work may be ended by other work.
    Run {
        /// The work.
        task: Task,
        /// Whether nobody pressed a button for it.
        unasked: bool,
    },
    /// Inspect all photos that are left.
    All,
    /// Make findings anew.
    Find(Box<FindOrder>),
    /// Choose a photo in the system's dialog.
    ChoosePhoto,
    /// Choose a folder of photos in the system's dialog.
    ChooseFolder,
    /// Choose the folder for the export in the system's dialog.
    ChooseExportFolder,
    /// Choose the file for the model in the system's dialog.
    ChooseModelFile,
}

impl From<Request> for Command {
    fn from(request: Request) -> Self {
        Self::Inspect(Box::new(request))
    }
}

/// What stands beside the photo.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Pane {
    /// What was found, and how long it is.
    #[default]
    Measures,
    /// What the model got wrong.
    Corrections,
    /// How photos are looked at.
    Settings,
}

impl Pane {
    const ALL: [(Self, &str, &str); 3] = [
        (Self::Measures, "Measures", "What was found on this photo, and how long it is"),
        (Self::Corrections, "Corrections", "Paint what the model got wrong, and train on it"),
        (Self::Settings, "Settings", "How photos are looked at, and what is drawn over them"),
    ];
}

/// What the tab remembers.
#[derive(Default)]
pub struct InspectTab {
    queue: Queue,
    model: ModelChoice,
    view: View,
    pane: Pane,
    ruler: RulerForm,
    brush: Brush,
    cursor: Cursor,
    cracks: Cracks,
    /// The threshold that was chosen; the model's own holds where none was.
    threshold: Option<f32>,
    /// The look that runs, or is about to, although nobody asked for it.
    asked: Option<(PathBuf, Way)>,
    /// The choice of a photo that is not looked at unasked: its look was cancelled, or failed.
    left_alone: Option<u64>,
    /// Whether all photos that are left are to be inspected.
    wants_all: bool,
    corrected: Option<Box<Corrected>>,
    export: Option<ExportForm>,
    cover: CoverForm,
    keep: Option<KeepForm>,
}

impl InspectTab {
    /// Something was told while photos are inspected.
    pub fn take(&mut self, told: Told) {
        match told {
            Told::Begun(path) => self.queue.begun(path),
            Told::Done(done) => {
                if let Ok(seen) = &done.result {
                    self.model.says(&done.model, seen.stored);
                }
                self.queue.done(*done);
            }
        }
    }

    /// Photos that were chosen are listed.
    pub fn take_listed(&mut self, photos: Vec<PathBuf>) {
        self.queue.add(photos);
    }

    /// A head was trained: it looks from now on.
    pub fn take_corrected(&mut self, corrected: Box<Corrected>) {
        self.model.trained(&corrected);
        self.queue.take_maps(&corrected.model, &corrected.maps);
        self.corrected = Some(corrected);
    }

    /// A model file was written, or there is one already.
    pub fn take_kept(&mut self, kept: &Kept) {
        match kept {
            Kept::Written(path) => {
                self.keep = None;
                self.model.kept(path);
            }
            Kept::Exists(path) => {
                if let Some(form) = &mut self.keep {
                    form.ask_to_replace(path);
                }
            }
        }
    }

    /// What was found is written.
    pub fn written(&mut self) {
        self.export = None;
    }

    /// The user ends what runs: the photo that is shown is not looked at again until it is chosen again.
    pub fn cancelled(&mut self) {
        self.left_alone = Some(self.queue.choices());
    }

    /// All photos that are left are to be inspected.
    pub fn want_all(&mut self) {
        self.wants_all = true;
    }

    /// Whether there is nothing to inspect.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Whether something was found that can be exported.
    pub fn can_export(&self) -> bool {
        self.queue.inspected() > 0
    }

    /// Whether a stroke can be taken back on the photo that is shown.
    pub fn can_undo(&self) -> bool {
        self.queue.path().and_then(|path| self.queue.state(path)).is_some_and(|state| state.paint.can_undo())
    }

    /// Work has ended without a result.
    pub fn failed(&mut self, kind: Kind, error: &Error) {
        match kind {
            Kind::InspectOne => self.cancelled(),
            Kind::KeepModel => _ = self.keep.as_mut().map(|form| form.failed(error.clone())),
            Kind::WriteInspection => _ = self.export.as_mut().map(|form| form.failed(error.clone())),
            _ => {}
        }
        self.queue.ended();
    }

    /// Work has ended, whatever came of it, or other work took its place.
    pub fn ended(&mut self) {
        self.asked = None;
        self.queue.ended();
    }

    /// A photo that was asked for has come.
    pub fn photo_arrived(&mut self, path: &Path, result: Result<Picture>) {
        self.view.photo_arrived(path, result);
    }

    /// Findings that were asked for have come.
    pub fn found(&mut self, order: &FindOrder, result: Result<Arc<Findings>>) {
        if let Ok(findings) = result {
            self.queue.found(order, findings);
        }
    }

    /// A run has another path, or none any more.
    pub fn run_moved(&mut self, from: &Path, to: Option<&Path>) {
        self.model.run_moved(from, to);
    }

    /// A folder was chosen to export to.
    pub fn export_to(&mut self, folder: &Path) {
        if let Some(form) = &mut self.export {
            form.set(folder);
        }
    }

    /// A file was chosen for the model.
    pub fn keep_as(&mut self, path: &Path) {
        if let Some(form) = &mut self.keep {
            form.set(path);
        }
    }

    /// The system has no dialog for what a form asks for.
    pub fn no_system_dialog(&mut self) {
        if let Some(form) = &mut self.export {
            form.no_system_dialog();
        }
        if let Some(form) = &mut self.keep {
            form.no_system_dialog();
        }
    }

    /// The tab is shown again. A photo that was asked for may have been passed over for one that another tab wanted.
    pub fn shown(&mut self) {
        self.view.ask_again();
    }

    /// Takes back what was asked.
    pub fn drop_questions(&mut self) {
        (self.export, self.keep) = (None, None);
    }

    /// Whether a dialog has the keyboard for itself.
    pub fn is_modal(&self) -> bool {
        self.export.is_some() || self.keep.is_some()
    }

    /// Takes back the last stroke of the brush on the photo that is shown.
    pub fn undo(&mut self) {
        if let Some(state) = self.queue.current_mut() {
            state.paint.undo();
        }
    }

    /// Asks where to write what was found; suggests a folder within `below`.
    pub fn open_export(&mut self, below: Option<&Path>) {
        if self.queue.inspected() > 0 {
            self.export = Some(ExportForm::new(below, &self.queue.name()));
        }
    }

    /// Shows the tab.
    pub fn ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        self.queue.follow(scene.session);
        let panel = Frame::new().fill(theme::palette(ui).panel).inner_margin(theme::panel_margin());
        Panel::top("inspect bar").frame(panel).resizable(false).show(ui, |ui| self.bar_ui(ui, scene));
        let way = self.way(scene);
        if self.queue.is_empty() {
            let ground = Frame::new().fill(theme::palette(ui).window);
            CentralPanel::default().frame(ground).show(ui, |ui| empty_ui(ui, scene));
        } else {
            self.keys(ui);
            self.photo_ui(ui, scene, &way);
            self.look(scene, &way);
            self.find(scene);
        }
        self.forms_ui(ui, scene);
    }

    /// How photos are to be looked at now.
    fn way(&self, scene: &Scene<'_>) -> Way {
        Way { model: self.model.model(scene), settings: scene.settings.inspect.settings.clone() }
    }

    /// The threshold that holds.
    fn threshold(&self, way: &Way) -> f32 {
        self.threshold.or(self.model.stored(&way.model)).unwrap_or(THRESHOLD)
    }

    fn bar_ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        ui.horizontal_wrapped(|ui| {
            self.model.ui(ui, scene);
            let way = self.way(scene);
            let left = self.queue.left_count(&way);
            let text = match left {
                0 => "All inspected".to_owned(),
                n => format!("Inspect all {}", format::photos(n)),
            };
            let may = scene.job.is_none_or(|job| job.kind == Kind::InspectOne) && left > 0;
            let all = std::mem::take(&mut self.wants_all) && may;
            if !self.queue.is_empty()
                && (primary(ui, may, &theme::icon_text(icons::ICON_PLAY_CIRCLE, &text))
                    .on_hover_text(shortcuts::hint(
                        ui.ctx(),
                        "Those that are not inspected yet, or were in another way",
                        Place::Anywhere,
                        Act::InspectAll,
                    ))
                    .clicked()
                    || all)
            {
                let left = self.queue.left(&way);
                self.queue.wait(&left);
                self.run(scene, left, &way, false);
            }
            self.add_menu(ui, scene);
            let export = theme::icon_text(icons::ICON_DOWNLOAD, "Export…");
            let export = ui.add_enabled(self.queue.inspected() > 0, Button::new(export));
            if export
                .on_hover_text(shortcuts::hint(
                    ui.ctx(),
                    "Overlays, masks, tables and shapes of what was found",
                    Place::Anywhere,
                    Act::Export,
                ))
                .clicked()
            {
                self.open_export(scene.settings.export_folder.as_deref());
            }
        });
    }

    fn add_menu(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        let text =
            format!("{} {}", theme::icon_text(icons::ICON_PHOTO_LIBRARY, "Photos"), icons::ICON_EXPAND_MORE.codepoint);
        let menu = ui.menu_button(text, |ui| {
            ui.set_min_width(220.0);
            if ui.button("Inspect a photo…").clicked() {
                scene.commands.push(Request::ChoosePhoto.into());
            }
            if ui.button("Inspect a folder…").clicked() {
                scene.commands.push(Request::ChooseFolder.into());
            }
            let back = ui.add_enabled(self.queue.is_chosen(), Button::new("Back to the open folder"));
            if back.clicked() {
                self.queue.back(scene.session);
            }
        });
        form::close_by_key(ui, &menu.response, menu.inner.is_some());
        let name = "Photos to inspect";
        menu.response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, name));
        menu.response
            .on_hover_text("The photos of the open folder are listed below; or choose others, or drop them here");
    }

    fn photo_ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>, way: &Way) {
        let colours = theme::palette(ui);
        let panel = Frame::new().fill(colours.panel);
        let threshold = self.threshold(way);
        Panel::bottom("filmstrip").frame(panel).exact_size(strip::HEIGHT).resizable(false).show(ui, |ui| {
            strip::ui(ui, &mut self.queue, threshold, way, scene.thumbnails);
        });
        let side = Panel::right("inspect side").frame(panel).exact_size(SIDE).resizable(false);
        side.show(ui, |ui| self.side_ui(ui, scene, way));
        let ground = Frame::new().fill(colours.window).inner_margin(space::S);
        CentralPanel::default().frame(ground).show(ui, |ui| self.view_ui(ui, scene, way));
    }

    fn side_ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>, way: &Way) {
        let margin = Frame::new().inner_margin(theme::panel_margin());
        margin.show(ui, |ui| {
            ui.horizontal(|ui| choices(ui, &mut self.pane, &Pane::ALL));
            ui.add_space(space::XS);
            match self.pane {
                Pane::Measures => self.measures_ui(ui),
                Pane::Corrections => self.corrections_ui(ui, scene, way),
                Pane::Settings => self.settings_ui(ui, scene, way),
            }
        });
    }

    /// Looks at the photo that is shown, unless it was or something else runs.
    fn look(&mut self, scene: &mut Scene<'_>, way: &Way) {
        let Some((path, state)) = self.queue.current() else { return };
        let wanted = (path.clone(), way.clone());
        let known = state.seen.as_ref().is_some_and(|seen| seen.way.model == way.model) || state.error.is_some();
        let left_alone = self.left_alone == Some(self.queue.choices());
        if known || left_alone || self.asked.as_ref() == Some(&wanted) {
            return;
        }
        if scene.job.is_none_or(|job| job.kind == Kind::InspectOne) {
            self.run(scene, vec![wanted.0.clone()], way, true);
            self.asked = Some(wanted);
        }
    }

    fn run(&self, scene: &mut Scene<'_>, photos: Vec<PathBuf>, way: &Way, unasked: bool) {
        let (model, settings) = (way.model.clone(), way.settings.clone());
        let compute = scene.settings.train.compute();
        let order = InspectOrder { photos, model, compute, settings, threshold: self.threshold };
        scene.commands.push(Request::Run { task: Task::Inspect(Box::new(order)), unasked }.into());
    }

    /// Has findings made that are not of the threshold that holds.
    fn find(&mut self, scene: &mut Scene<'_>) {
        let way = self.way(scene);
        let threshold = self.threshold(&way);
        if let Some(picture) = self.view.picture()
            && let Some(order) = self.queue.wanted_finding(picture, threshold, way.settings.leave_out)
        {
            scene.commands.push(Request::Find(Box::new(order)).into());
        }
    }

    /// The keys that hold all over the tab.
    fn keys(&mut self, ui: &Ui) {
        let ctx = ui.ctx();
        let free = !ctx.text_edit_focused()
            && !egui::Popup::is_any_open(ctx)
            && ui.memory(|memory| memory.allows_interaction(ui.layer_id()))
            && !self.is_modal();
        if !free {
            return;
        }
        self.view.keys(ui);
        if shortcuts::taken(ui, Place::Inspect, Act::Cells) {
            self.pane = Pane::Corrections;
            self.cursor.want();
        }
        if shortcuts::taken(ui, Place::Inspect, Act::HideMap) {
            self.view.hide_map = !self.view.hide_map;
        }
    }

    fn forms_ui(&mut self, ui: &Ui, scene: &mut Scene<'_>) {
        let way = self.way(scene);
        let threshold = self.threshold(&way);
        let model = self.model.model(scene);
        if let Some(form) = &mut self.keep
            && !form.ui(ui.ctx(), &self.queue, (&model, threshold), scene)
        {
            self.keep = None;
        }
        let Some(mut form) = self.export.take() else { return };
        let stored = self.model.stored(&model) == Some(threshold);
        if form.ui(ui.ctx(), &self.queue, (&way, threshold, stored), (&self.ruler, &mut self.cover), scene) {
            self.export = Some(form);
        }
    }
}

fn empty_ui(ui: &mut Ui, scene: &mut Scene<'_>) {
    if scene.job.is_some_and(|job| job.opens_photos() || job.kind == Kind::ListWhole) {
        return empty::state(ui, icons::ICON_HOURGLASS_EMPTY, "Listing photos", "How far it is stands below.", |_| {});
    }
    let text = "Whole photos of up to 100 megapixels: see where the cracks are, and how long. Open a folder, or drop \
                photos here.";
    empty::state(ui, icons::ICON_IMAGE_SEARCH, "No photos to inspect", text, |ui| {
        if primary(ui, true, &theme::icon_text(icons::ICON_FOLDER_OPEN, "Open folder…")).clicked() {
            scene.commands.push(Command::OpenFolderDialog);
        }
        if ui.button("Inspect a photo…").clicked() {
            scene.commands.push(Request::ChoosePhoto.into());
        }
    });
}

/// A row of small print that wraps.
fn small(ui: &mut Ui, text: impl Into<String>) {
    ui.add(egui::Label::new(theme::quiet(ui, text).size(theme::SMALL)).wrap());
}

/// A slider with its name to the left.
fn slider(ui: &mut Ui, name: &str, hint: &str, slider: egui::Slider<'_>) -> egui::Response {
    form::row(ui, name, hint, |ui| {
        ui.spacing_mut().slider_width = 108.0;
        ui.add(slider)
    })
}
