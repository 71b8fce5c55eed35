//! Which model looks at the photos.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use egui::{ComboBox, Ui};

use crate::app::scene::Scene;
use crate::app::theme;
use crate::app::widgets::form;
use crate::app::worker::inspection::{Corrected, ModelOf};
use crate::nn::bundled;
use crate::train::run_dir;

/// The choice, and what is known of models that were used.
#[derive(Default)]
pub(super) struct ModelChoice {
    /// Until one is chosen, the open run's, or else the program's own.
    chosen: Option<ModelOf>,
    /// Models with heads that were trained on corrections.
    corrected: Vec<ModelOf>,
    /// Model files that were written.
    kept: Vec<PathBuf>,
    stored: HashMap<ModelOf, f32>,
}

impl ModelChoice {
    /// The model that looks.
    pub(super) fn model(&self, scene: &Scene<'_>) -> ModelOf {
        self.chosen.clone().unwrap_or_else(|| {
            let open = scene.session.verdict.as_ref().and_then(|verdict| verdict.run.clone());
            ModelOf { path: open.unwrap_or_else(|| bundled::NAME.into()), head: None }
        })
    }

    /// The threshold that is stored with a model, once it has looked at a photo.
    pub(super) fn stored(&self, model: &ModelOf) -> Option<f32> {
        self.stored.get(model).copied()
    }

    /// A model said its threshold.
    pub(super) fn says(&mut self, model: &ModelOf, stored: f32) {
        self.stored.insert(model.clone(), stored);
    }

    /// A head was trained on corrections of a model: it is chosen, with the threshold of that model.
    pub(super) fn trained(&mut self, corrected: &Corrected) {
        let own = ModelOf { head: None, ..corrected.model.clone() };
        if let Some(stored) = self.stored(&own) {
            self.says(&corrected.model, stored);
        }
        self.corrected.push(corrected.model.clone());
        self.chosen = Some(corrected.model.clone());
    }

    /// A model file was written.
    pub(super) fn kept(&mut self, path: &Path) {
        self.kept.retain(|other| other != path);
        self.kept.push(path.to_owned());
    }

    pub(super) fn run_moved(&mut self, from: &Path, to: Option<&Path>) {
        let gone = |model: &ModelOf| model.path == from;
        self.corrected.retain(|model| !gone(model));
        self.stored.retain(|model, _| !gone(model));
        if self.chosen.as_ref().is_some_and(gone) {
            self.chosen = to.map(|to| ModelOf { path: to.to_owned(), head: None });
        }
    }

    pub(super) fn ui(&mut self, ui: &mut Ui, scene: &Scene<'_>) {
        let model = self.model(scene);
        let label = ui.label(theme::section("Model"));
        let mut entries: Vec<(ModelOf, &str)> = Vec::new();
        let own = |path: &Path| ModelOf { path: path.to_owned(), head: None };
        entries.extend(
            self.corrected.iter().rev().map(|model| (model.clone(), "With a last layer trained on corrections")),
        );
        entries.extend(self.kept.iter().rev().map(|path| (own(path), "A model file that was written here")));
        let runs = scene.runs.iter().filter(|run| run.finished);
        entries.extend(runs.map(|run| (own(&run.path), "A run of yours")));
        entries.push((own(Path::new(bundled::NAME)), "Comes with the program"));
        ui.label_inputs_by(label.id, |ui| {
            let list = ComboBox::from_id_salt("inspecting model").selected_text(name(&model)).width(200.0).truncate();
            form::combo(ui, list, |ui| {
                for (entry, hint) in entries {
                    if ui.selectable_label(entry == model, name(&entry)).on_hover_text(hint).clicked() {
                        self.chosen = Some(entry);
                    }
                }
            });
        });
    }
}

/// What a model is called.
pub(super) fn name(model: &ModelOf) -> String {
    let of = if run_dir::is_bundled(&model.path) { bundled::TITLE.to_owned() } else { run_dir::name(&model.path) };
    match model.head {
        Some(number) => format!("{of}, corrected {}", number + 1),
        None => of,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trained_head_is_chosen_until_its_run_is_gone() {
        let mut choice = ModelChoice::default();
        let run = ModelOf { path: "/runs/first".into(), head: None };
        choice.says(&run, 0.3);
        let model = ModelOf { head: Some(0), ..run };
        let corrected = Corrected {
            model: model.clone(),
            cells: 1,
            photos: 1,
            samples: 1,
            right_before: 0,
            right_after: 1,
            of_run: 0,
            maps: Vec::new(),
            seconds: 0.1,
        };
        choice.trained(&corrected);
        assert_eq!((choice.chosen.clone(), choice.stored(&model)), (Some(model.clone()), Some(0.3)));
        assert_eq!(name(&model), "first, corrected 1");
        choice.run_moved(Path::new("/runs/other"), None);
        assert_eq!(choice.chosen, Some(model));
        choice.run_moved(Path::new("/runs/first"), None);
        assert!(choice.chosen.is_none() && choice.corrected.is_empty());
    }
}
