//! Which run's word is laid over the photos.

use std::path::{Path, PathBuf};

use egui::{Button, ComboBox, Ui};

use crate::app::command::Command;
use crate::app::scene::Scene;
use crate::app::theme::{self, icons};
use crate::app::widgets::form::{self, primary};
use crate::dataset::Dataset;
use crate::format;
use crate::nn::bundled;
use crate::train::run_dir::{self, RunSummary};

/// The run that is chosen, whether it is open or not.
#[derive(Default)]
pub(super) struct RunChoice {
    chosen: Option<PathBuf>,
}

impl RunChoice {
    /// A run was opened, or what no single run said.
    pub(super) fn opened(&mut self, run: Option<&Path>) {
        self.chosen = run.map(Path::to_owned);
    }

    /// A run was given with photos that it was not trained on.
    pub(super) fn choose(&mut self, run: PathBuf) {
        self.chosen = Some(run);
    }

    /// A run has another path, or none any more.
    pub(super) fn moved(&mut self, from: &Path, to: Option<&Path>) {
        if self.chosen.as_deref() == Some(from) {
            self.chosen = to.map(Path::to_owned);
        }
    }

    /// Shows the choice, and what can be done with a run that is not open.
    pub(super) fn ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        let label = ui.label(theme::section("Run"));
        let open = scene.session.verdict.as_ref();
        let chosen = self.chosen.clone().or_else(|| open.and_then(|verdict| verdict.run.clone()));
        let finished: Vec<&RunSummary> = scene.runs.iter().filter(|run| run.finished).collect();
        let name = match (&chosen, open) {
            (Some(path), _) => name_of(path),
            (None, Some(verdict)) => verdict.name.clone(),
            (None, None) => "choose".to_owned(),
        };
        let mut picked = None;
        ui.label_inputs_by(label.id, |ui| {
            let width = ui.available_width();
            form::combo(ui, ComboBox::from_id_salt("run").selected_text(name).width(width).truncate(), |ui| {
                for run in &finished {
                    if ui.selectable_label(chosen.as_ref() == Some(&run.path), run.name.as_str()).clicked() {
                        picked = Some(run.path.clone());
                    }
                }
                let own = PathBuf::from(bundled::NAME);
                let hint = "Comes with the program: trained on photos of concrete, METU's among them";
                if ui.selectable_label(chosen.as_ref() == Some(&own), bundled::TITLE).on_hover_text(hint).clicked() {
                    picked = Some(own);
                }
                if finished.is_empty() {
                    ui.label(theme::quiet(ui, "Your runs appear here once trained"));
                }
            });
        });
        if let Some(path) = picked {
            self.pick(path, &finished, scene);
        }
        self.unopened_ui(ui, &finished, scene);
    }

    /// A run of the open photos is opened at once; for one of other photos there are two things that may be meant.
    fn pick(&mut self, path: PathBuf, finished: &[&RunSummary], scene: &mut Scene<'_>) {
        let run = finished.iter().find(|run| run.path == path);
        let same = match (&scene.session.dataset, run) {
            _ if run_dir::is_bundled(&path) => false,
            (Some(dataset), Some(run)) => is_of(run, dataset),
            _ => true,
        };
        if same {
            scene.commands.push(Command::OpenRun(path.clone()));
        }
        self.chosen = Some(path);
    }

    fn unopened_ui(&self, ui: &mut Ui, finished: &[&RunSummary], scene: &mut Scene<'_>) {
        let open = scene.session.verdict.as_ref().and_then(|verdict| verdict.run.as_ref());
        let Some(path) = self.chosen.as_ref().filter(|chosen| open != Some(chosen)) else { return };
        let Some(dataset) = &scene.session.dataset else { return };
        if finished.iter().any(|run| run.path == *path && is_of(run, dataset)) {
            return;
        }
        let own = run_dir::is_bundled(path);
        let text = if own {
            "Trained on photos of concrete, METU's among them."
        } else {
            "This run was trained on other photos."
        };
        ui.label(theme::quiet(ui, text));
        let free = scene.job.is_none();
        if !dataset.samples.is_empty() {
            let text = format!("Classify {}", format::photos(dataset.samples.len()));
            if primary(ui, free, &theme::icon_text(icons::ICON_PLAY_CIRCLE, &text)).clicked() {
                scene.commands.push(Command::Classify(path.clone()));
            }
        }
        if !own && ui.add_enabled(free, Button::new("Open its own photos instead")).clicked() {
            scene.commands.push(Command::OpenRun(path.clone()));
        }
    }

    /// The one thing to do where no run is open: the newest run of these photos, or the chosen or newest one over them,
    /// or the program's own.
    pub(super) fn suggestion(&self, scene: &Scene<'_>) -> Option<(String, Command)> {
        let mut finished = scene.runs.iter().filter(|run| run.finished);
        let open = |run: &RunSummary| (format!("Open {}", run.name), Command::OpenRun(run.path.clone()));
        let Some(dataset) = scene.session.dataset.as_ref().filter(|dataset| !dataset.samples.is_empty()) else {
            return finished.next().map(open);
        };
        if let Some(run) = finished.clone().find(|run| is_of(run, dataset)) {
            return Some(open(run));
        }
        let newest = finished.next().map(|run| run.path.clone());
        let path = self.chosen.clone().or(newest).unwrap_or_else(|| bundled::NAME.into());
        Some(classify(dataset, path))
    }
}

/// Have a model look at the open photos.
pub(in crate::app::tabs) fn classify(dataset: &Dataset, run: PathBuf) -> (String, Command) {
    let text = format!("Classify {} with {}", format::photos(dataset.samples.len()), run_dir::name(&run));
    (text, Command::Classify(run))
}

/// The name of a run: that of its folder.
fn name_of(path: &Path) -> String {
    if run_dir::is_bundled(path) { bundled::TITLE.to_owned() } else { run_dir::name(path) }
}

/// Whether a run was trained on these photos.
pub(super) fn is_of(run: &RunSummary, dataset: &Dataset) -> bool {
    let absolute = |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone());
    let roots: Vec<PathBuf> = dataset.roots.iter().map(absolute).collect();
    run.record.data.folders == roots
}
