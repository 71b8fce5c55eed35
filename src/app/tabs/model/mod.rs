//! What the network is made of, and what it has learnt: a drawing, the layers, their weights, filters and feature maps.

mod choice;
mod diagram;
mod filters;
mod maps;
mod pictures;
mod save;
mod table;
#[cfg(test)]
mod tests;
mod weights;

use std::path::{Path, PathBuf};

use egui::{Align, CentralPanel, Frame, Layout, Panel, Ui};

use self::choice::Subject;
use self::diagram::Diagram;
use self::filters::FiltersView;
use self::maps::MapsView;
use self::save::SaveForm;
use self::table::Selected;
use crate::app::command::Command;
use crate::app::scene::Scene;
use crate::app::theme::{self, icons, space};
use crate::app::widgets::{empty, form};
use crate::app::worker::inspect::{DrawingOrder, MapsOf, Seen, Weights};
use crate::error::{Error, Result};
use crate::export::sheets::Scale;
use crate::nn::summary::Summary;
use crate::train::config::Tune;

pub use self::pictures::Atlas;

/// Share of the height for weights, filters and feature maps.
const VIEW: f32 = 0.54;

/// Windows narrower than this, in points, have no room for the drawing beside the table.
const BESIDE: f32 = 940.0;

/// What the tab asks of the window.
#[derive(Clone, Debug)]
pub enum Request {
    /// Read the weights of this model.
    Weights(PathBuf),
    /// Compute feature maps. Only the newest such request matters.
    Maps(MapsOf),
    /// Select another photo in Browse, so many places on.
    StepPhoto(isize),
    /// Choose a photo in the system's dialog.
    ChoosePhoto,
    /// Choose the file of the drawing in the system's dialog.
    ChooseFile,
    /// Write the drawing.
    Save(Box<DrawingOrder>),
}

impl From<Request> for Command {
    fn from(request: Request) -> Self {
        Self::Model(request)
    }
}

/// What is shown of the weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum View {
    #[default]
    Weights,
    Filters,
    Maps,
    /// The drawing of the network, where there is no room for it at the left.
    Drawing,
}

/// Which values have the ends of the scale of colours; from right to left.
const SCALES: [(Scale, &str, &str); 2] = [
    (Scale::Together, "all alike", "Colours from the lowest to the highest value of all"),
    (Scale::Each, "each by itself", "Colours from the lowest to the highest value of each"),
];

impl View {
    const ALL: [(Self, &str, &str); 4] = [
        (Self::Weights, "Weights", "How the weights of the selected layer are spread"),
        (Self::Filters, "Filters", "The kernels of the first layer as pictures"),
        (Self::Maps, "Feature maps", "What the selected part makes of a photo"),
        (Self::Drawing, "Drawing", "The network as boxes; in a wider window it stands at the left"),
    ];
}

/// What the tab remembers.
#[derive(Default)]
pub struct ModelTab {
    /// What was chosen; until then the open run, or the program's own model.
    chosen: Option<Subject>,
    /// Which layers are marked as trained, where no run says it.
    tune: Tune,
    selected: Selected,
    /// Whether the selection is to be brought into view in the table.
    scroll: bool,
    view: View,
    scale: Scale,
    /// Which tensor of the selected layer is looked at.
    tensor: usize,
    weights: Option<Read>,
    filters: FiltersView,
    maps: MapsView,
    diagram: Diagram,
    save: Option<SaveForm>,
}

/// The weights of a model, asked for and perhaps there.
struct Read {
    model: PathBuf,
    answer: Option<Result<Weights>>,
}

impl ModelTab {
    /// The weights of a model are read, or cannot be.
    pub fn weights_arrived(&mut self, model: &Path, result: Result<Weights>) {
        let Some(read) = self.weights.as_mut().filter(|read| read.model == model) else { return };
        self.filters.show(result.as_ref().ok());
        read.answer = Some(result);
    }

    /// Feature maps are computed, or cannot be.
    pub fn maps_arrived(&mut self, of: &MapsOf, result: Result<Seen>) {
        self.maps.arrived(of, result);
    }

    /// A model's file is another one now.
    pub fn forget(&mut self, model: &Path) {
        self.weights.take_if(|read| read.model == model);
        self.maps.forget(model);
    }

    /// A run has another path, or none any more.
    pub fn run_moved(&mut self, from: &Path, to: Option<&Path>) {
        if self.chosen.as_ref().is_some_and(|chosen| chosen.is_model(from)) {
            self.chosen = to.map(|to| Subject::Model(to.to_owned()));
        }
        // The run that has the path now may be another than the one that had it before.
        [Some(from), to].into_iter().flatten().for_each(|path| self.forget(path));
    }

    /// A photo was chosen whose feature maps are to be seen.
    pub fn look_at(&mut self, photo: PathBuf) {
        self.maps.look_at(photo);
    }

    /// A file was chosen for the drawing.
    pub fn save_to(&mut self, path: &Path) {
        if let Some(form) = &mut self.save {
            form.save_to(path);
        }
    }

    /// The system has no dialog to choose that file in.
    pub fn no_system_dialog(&mut self) {
        if let Some(form) = &mut self.save {
            form.no_system_dialog();
        }
    }

    /// The drawing is written to `path`.
    pub fn saved(&mut self, path: &Path) {
        self.save.take_if(|form| form.is_for(path));
    }

    /// The file for the drawing is there already.
    pub fn ask_to_replace(&mut self, path: &Path) {
        if let Some(form) = self.save.as_mut().filter(|form| form.is_for(path)) {
            form.ask_to_replace(path);
        }
    }

    /// The drawing could not be written to `path`; says whether the form still asks about that file.
    pub fn not_saved(&mut self, path: &Path, error: &Error) -> bool {
        let form = self.save.as_mut().filter(|form| form.is_for(path));
        form.map(|form| form.failed(error.clone())).is_some()
    }

    /// Takes back what was asked.
    pub fn drop_questions(&mut self) {
        self.save = None;
    }

    /// Whether a dialog has the keyboard for itself.
    pub fn is_modal(&self) -> bool {
        self.save.is_some()
    }

    /// Shows the tab.
    pub fn ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        let subject = choice::subject(self.chosen.as_ref(), scene);
        self.ask_for_weights(&subject, scene);
        let summary = choice::network(&subject, scene, self.weights.as_ref(), self.tune)
            .map(|(backbone, tune)| Summary::of(backbone, tune.start()));
        let panel = Frame::new().fill(theme::palette(ui).panel).inner_margin(theme::panel_margin());
        Panel::top("model bar").frame(panel).resizable(false).show(ui, |ui| {
            self.bar_ui(ui, scene, &subject, summary.as_ref());
        });
        let Some(summary) = summary else {
            let ground = Frame::new().fill(theme::palette(ui).window);
            CentralPanel::default().frame(ground).show(ui, |ui| self.unknown_ui(ui));
            self.save_ui(ui, scene);
            return;
        };
        // Another network may have fewer parts.
        if self.selected.part >= summary.parts.len() {
            self.selected = Selected::default();
        }
        let beside = ui.available_width() >= BESIDE;
        if beside {
            self.drawing_ui(ui, &summary);
        }
        let height = ui.available_height() * VIEW;
        Panel::bottom("model view").frame(panel).exact_size(height).resizable(false).show(ui, |ui| {
            self.views_ui(ui, beside);
            ui.add_space(space::XS);
            self.view_ui(ui, scene, &subject, &summary);
        });
        let frame = Frame::new().fill(theme::palette(ui).panel).inner_margin(theme::panel_margin());
        CentralPanel::default().frame(frame).show(ui, |ui| {
            let scroll = std::mem::take(&mut self.scroll);
            table::ui(ui, &summary, &mut self.selected, scroll);
        });
        self.save_ui(ui, scene);
    }

    fn ask_for_weights(&mut self, subject: &Subject, scene: &mut Scene<'_>) {
        let Some(model) = subject.weights(scene) else { return };
        if self.weights.as_ref().is_none_or(|read| read.model != model) {
            scene.commands.push(Request::Weights(model.clone()).into());
            self.weights = Some(Read { model, answer: None });
            self.filters.show(None);
        }
    }

    fn bar_ui(&mut self, ui: &mut Ui, scene: &Scene<'_>, subject: &Subject, summary: Option<&Summary>) {
        ui.horizontal(|ui| {
            if let Some(chosen) = choice::ui(ui, scene, subject) {
                self.chosen = Some(chosen);
            }
            if !subject.says_what_is_trained(scene, self.weights.as_ref()) {
                ui.label(theme::quiet(ui, "Trained"));
                form::choices(ui, &mut self.tune, &choice::TUNES);
            }
            ui.add_space(space::S);
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                let save = theme::icon_text(icons::ICON_DOWNLOAD, "Save drawing…");
                if ui.add_enabled(summary.is_some(), egui::Button::new(save)).clicked()
                    && let Some(summary) = summary
                {
                    self.save = Some(SaveForm::new(scene.settings.export_folder.as_deref(), summary.clone()));
                }
                if let Some(summary) = summary {
                    ui.with_layout(Layout::left_to_right(Align::Center), |ui| choice::network_ui(ui, summary));
                }
            });
        });
    }

    /// Nothing is known of the model yet, or it cannot be read.
    fn unknown_ui(&mut self, ui: &mut Ui) {
        match self.weights.as_ref().and_then(|read| read.answer.as_ref()?.as_ref().err()).cloned() {
            Some(error) => self.error_ui(ui, &error),
            None => empty::note(ui, icons::ICON_HOURGLASS_EMPTY, "Reading the model…"),
        }
    }

    /// Why the weights cannot be seen, and another try.
    fn error_ui(&mut self, ui: &mut Ui, error: &Error) {
        let text = [error.details().join("\n"), error.advice().unwrap_or_default().to_owned()];
        let text = text.iter().filter(|text| !text.is_empty()).cloned().collect::<Vec<_>>().join("\n");
        let again = |ui: &mut Ui| ui.button(theme::icon_text(icons::ICON_REFRESH, "Try again")).clicked();
        if empty::state(ui, icons::ICON_ERROR, error.title(), &text, again) {
            self.weights = None;
        }
    }

    fn drawing_ui(&mut self, ui: &mut Ui, summary: &Summary) {
        let width = self.diagram.width(summary, ui.available_size());
        let ground = Frame::new().fill(theme::palette(ui).window);
        Panel::left("model drawing").frame(ground).exact_size(width).resizable(false).show(ui, |ui| {
            self.diagram_ui(ui, summary);
        });
    }

    fn diagram_ui(&mut self, ui: &mut Ui, summary: &Summary) {
        if let Some(part) = self.diagram.ui(ui, summary, self.selected.part) {
            self.selected = table::row_of(summary, part);
            self.scroll = true;
        }
    }

    /// The row that chooses what is shown of the weights.
    fn views_ui(&mut self, ui: &mut Ui, beside: bool) {
        if beside && self.view == View::Drawing {
            self.view = View::default();
        }
        let all: &'static [_] = &View::ALL;
        let views = if beside { all.get(..3).unwrap_or_default() } else { all };
        ui.horizontal(|ui| {
            form::choices(ui, &mut self.view, views);
            if matches!(self.view, View::Filters | View::Maps) {
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    form::choices(ui, &mut self.scale, &SCALES);
                });
            }
        });
    }

    fn view_ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>, subject: &Subject, summary: &Summary) {
        if self.view == View::Drawing {
            self.diagram_ui(ui, summary);
            return;
        }
        let Some(model) = subject.weights(scene) else {
            let text = "Choose a run or the bundled model to see weights, filters and feature maps.";
            empty::state(ui, icons::ICON_SHOW_CHART, subject.why_no_weights(), text, |_| ());
            return;
        };
        if self.view == View::Maps {
            self.maps.ui(ui, scene, (&model, summary), (self.selected.part, self.scale));
            return;
        }
        let Some(answer) = self.weights.as_ref().and_then(|read| read.answer.as_ref()) else {
            empty::note(ui, icons::ICON_HOURGLASS_EMPTY, "Reading the model…");
            return;
        };
        match answer {
            Ok(read) if self.view == View::Weights => {
                if let Some(layer) = self.selected.layer_of(summary) {
                    weights::ui(ui, layer, &read.tensors, &mut self.tensor);
                }
            }
            Ok(_) => self.filters.ui(ui, self.scale),
            Err(error) => {
                let error = error.clone();
                self.error_ui(ui, &error);
            }
        }
    }

    fn save_ui(&mut self, ui: &Ui, scene: &mut Scene<'_>) {
        let roots = || scene.session.dataset.as_ref().map(|dataset| dataset.roots.clone()).unwrap_or_default();
        if let Some(form) = &mut self.save
            && !form.ui(ui.ctx(), roots, scene.commands)
        {
            self.save = None;
        }
    }
}
