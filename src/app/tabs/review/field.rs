//! A run on another folder: asked for here, and its figures beside those on the run's own validation photos.

use std::path::{Path, PathBuf};

use egui::{Align, Button, Key, Label, Layout, TextEdit, Ui};

use crate::app::command::Command;
use crate::app::events::typed_path;
use crate::app::scene::Scene;
use crate::app::session::Verdict;
use crate::app::theme::{self, icons, space};
use crate::app::widgets::form::{ended_by, icon_button, primary};
use crate::format;
use crate::review::metrics::Metrics;

/// Height of a row of figures.
const ROW: f32 = 22.0;

/// A figure: its name, and how to read it.
type Figure = (&'static str, fn(&Metrics) -> Option<f64>);

/// Figures that are compared.
const FIGURES: [Figure; 7] = [
    ("Accuracy", |m| m.accuracy),
    ("Balanced accuracy", |m| m.balanced_accuracy),
    ("Precision", |m| m.precision),
    ("Recall", |m| m.recall),
    ("F1", |m| m.f1),
    ("AUROC", |m| m.auroc),
    ("Calibration error", |m| m.ece),
];

/// What is remembered of tests on other folders.
#[derive(Default)]
pub(super) struct FieldCheck {
    /// Whether the folder is being asked for, and what was typed.
    asking: Option<String>,
    /// The run and the folder that lie over the photos, with the figures of validation and here.
    done: Option<Done>,
}

struct Done {
    run: PathBuf,
    validation: Option<Metrics>,
    here: Metrics,
}

impl FieldCheck {
    /// A run's model has looked at another folder.
    pub(super) fn done(&mut self, verdict: &Verdict, validation: Option<Metrics>) {
        let here = Metrics::of(&verdict.predictions, verdict.threshold);
        self.done = verdict.run.clone().map(|run| Done { run, validation, here });
        self.asking = None;
    }

    /// Something else lies over the photos.
    pub(super) fn forget(&mut self) {
        self.done = None;
    }

    /// A folder was chosen in the system's dialog.
    pub(super) fn chosen(&mut self, folder: &Path) {
        self.asking = Some(folder.display().to_string());
    }

    /// Shows the button, or what it asks for, and what the last test came to.
    pub(super) fn ui(&mut self, ui: &mut Ui, verdict: &Verdict, scene: &mut Scene<'_>) {
        let Some(run) = verdict.run.clone() else { return };
        if let Some(done) = self.done.as_ref().filter(|done| done.run == run && verdict.classified) {
            compared_ui(ui, done);
            ui.add_space(space::M);
        }
        match &mut self.asking {
            None => {
                let hint = "How good this run is on labelled photos of another place";
                if ui.button("Test on another folder…").on_hover_text(hint).clicked() {
                    self.asking = Some(String::new());
                }
            }
            Some(text) => {
                let answer = ask_ui(ui, text, scene);
                match answer {
                    Some(Answer::Test(folder)) => scene.commands.push(Command::CheckField { run, folder }),
                    Some(Answer::Cancel) => self.asking = None,
                    None => {}
                }
            }
        }
    }
}

enum Answer {
    Test(PathBuf),
    Cancel,
}

fn ask_ui(ui: &mut Ui, text: &mut String, scene: &mut Scene<'_>) -> Option<Answer> {
    let label = ui.label(theme::strong("Folder of labelled photos"));
    let typed = ui.with_layout(Layout::right_to_left(Align::Min), |ui| {
        if icon_button(ui, icons::ICON_FOLDER_OPEN, "Choose the folder…").clicked() {
            scene.commands.push(Command::FieldDialog);
        }
        let field = TextEdit::singleline(text).desired_width(f32::INFINITY).hint_text("its path");
        ui.add(field).labelled_by(label.id)
    });
    let entered = ended_by(ui, &typed.inner, Key::Enter);
    let folder = typed_path(text);
    let free = scene.job.is_none();
    let mut answer = None;
    ui.horizontal(|ui| {
        let test = primary(ui, free && folder.is_some(), "Test");
        let why = if free { "Give a folder first" } else { "Another job is still running" };
        if test.on_disabled_hover_text(why).clicked() || (entered && free) {
            answer = folder.map(Answer::Test);
        }
        if ui.add(Button::new("Not now")).clicked() {
            answer = Some(Answer::Cancel);
        }
    });
    answer
}

/// The figures here beside those on the run's own validation photos.
fn compared_ui(ui: &mut Ui, done: &Done) {
    ui.label(theme::strong("On another folder"));
    ui.add_space(space::XS);
    egui::Grid::new("field check").num_columns(3).spacing([space::L, 0.0]).min_row_height(ROW).striped(true).show(
        ui,
        |ui| {
            for (name, hint) in [
                ("", ""),
                ("validation", "On the photos held back from the run's training"),
                ("here", "On the open photos"),
            ] {
                ui.label(theme::quiet(ui, name).size(theme::SMALL)).on_hover_text(hint);
            }
            ui.end_row();
            for (name, read) in FIGURES {
                ui.label(name);
                ui.label(theme::quiet(ui, format::figure(done.validation.as_ref().and_then(read))));
                ui.label(theme::strong(format::figure(read(&done.here))));
                ui.end_row();
            }
            ui.label(theme::quiet(ui, "Photos"));
            let photos = |metrics: &Metrics| format::count(metrics.photos as u64);
            ui.label(theme::quiet(ui, done.validation.as_ref().map_or("–".to_owned(), photos)));
            ui.label(photos(&done.here));
            ui.end_row();
        },
    );
    if done.validation.is_none() {
        let text = "The run has no validation photos of its own to compare with.";
        ui.add(Label::new(theme::quiet(ui, text).size(theme::SMALL)).wrap());
    }
}
