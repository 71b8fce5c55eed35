//! Which model is shown.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use egui::{ComboBox, Label, Ui};

use super::Read;
use crate::app::scene::Scene;
use crate::app::theme;
use crate::app::widgets::form;
use crate::app::worker::inspect::Weights;
use crate::format;
use crate::nn::bundled;
use crate::nn::summary::Summary;
use crate::train::config::{Backbone, Tune};
use crate::train::run_dir::{self, RunSummary};

/// Which layers are trained, where no run says it.
pub(super) const TUNES: [(Tune, &str, &str); 3] = [
    (Tune::Head, Tune::Head.title(), "What training changes where only the last layer is trained"),
    (Tune::LastBlock, Tune::LastBlock.title(), "What training changes where the last block is trained as well"),
    (Tune::All, Tune::All.title(), "What training changes where all layers are trained"),
];

/// What can be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    /// A network without weights.
    Network(Backbone),
    /// A run folder, a model file, or `bundled`.
    Model(PathBuf),
}

impl Subject {
    /// The model whose weights can be read, if there are any.
    pub(super) fn weights(&self, scene: &Scene<'_>) -> Option<PathBuf> {
        match self {
            Self::Network(_) => None,
            Self::Model(path) => run(path, scene).is_none_or(|run| run.finished).then(|| path.clone()),
        }
    }

    /// Whether it is the model at `path`.
    pub(super) fn is_model(&self, path: &Path) -> bool {
        matches!(self, Self::Model(own) if own == path)
    }

    /// Whether a run says which layers are trained, one of the runs folder or one that was `read` from elsewhere.
    pub(super) fn says_what_is_trained(&self, scene: &Scene<'_>, read: Option<&Read>) -> bool {
        match self {
            Self::Model(path) if !run_dir::is_bundled(path) => {
                run(path, scene).is_some() || weights_of(path, read).is_some_and(|weights| weights.tune.is_some())
            }
            _ => false,
        }
    }

    /// What there is instead of weights.
    pub(super) fn why_no_weights(&self) -> &'static str {
        match self {
            Self::Network(_) => "A network by itself has no weights",
            Self::Model(_) => "This run has no model yet",
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Network(backbone) => backbone.title().to_owned(),
            Self::Model(path) if run_dir::is_bundled(path) => bundled::TITLE.to_owned(),
            Self::Model(path) => run_dir::name(path),
        }
    }
}

/// What was chosen, or else the open run, or else the program's own model.
pub(super) fn subject(chosen: Option<&Subject>, scene: &Scene<'_>) -> Subject {
    let open = || scene.session.verdict.as_ref().and_then(|verdict| verdict.run.clone()).map(Subject::Model);
    chosen.cloned().or_else(open).unwrap_or_else(|| Subject::Model(bundled::NAME.into()))
}

/// The network and the layers that are trained, as far as they are known. `tune` is what is to be shown where no run
/// says it.
pub(super) fn network(
    subject: &Subject,
    scene: &Scene<'_>,
    read: Option<&Read>,
    tune: Tune,
) -> Option<(Backbone, Tune)> {
    match subject {
        Subject::Network(backbone) => Some((*backbone, tune)),
        Subject::Model(path) if run_dir::is_bundled(path) => Some((bundled::BACKBONE, tune)),
        Subject::Model(path) => match run(path, scene) {
            Some(run) => Some((run.record.train.backbone, run.record.train.tune)),
            // A run from elsewhere: its own file says what it is.
            None => {
                let weights = weights_of(path, read)?;
                Some((weights.backbone, weights.tune.unwrap_or(tune)))
            }
        },
    }
}

/// Shows the choice; returns what was chosen.
pub(super) fn ui(ui: &mut Ui, scene: &Scene<'_>, subject: &Subject) -> Option<Subject> {
    let mut chosen = None;
    let label = ui.label(theme::section("Model"));
    ui.label_inputs_by(label.id, |ui| {
        form::combo(ui, ComboBox::from_id_salt("model").selected_text(subject.name()).width(220.0).truncate(), |ui| {
            let mut entry = |ui: &mut Ui, choice: Subject, hint: &str| {
                if ui.selectable_label(choice == *subject, choice.name()).on_hover_text(hint).clicked() {
                    chosen = Some(choice);
                }
            };
            for run in scene.runs {
                let hint = if run.finished { "A run of yours" } else { "A run that has no model yet" };
                entry(ui, Subject::Model(run.path.clone()), hint);
            }
            entry(ui, Subject::Model(bundled::NAME.into()), "Comes with the program");
            ui.separator();
            for backbone in Backbone::value_variants() {
                entry(ui, Subject::Network(*backbone), "The network by itself, without weights");
            }
        });
    });
    chosen
}

/// The network and how much of it is trained.
pub(super) fn network_ui(ui: &mut Ui, summary: &Summary) {
    let count = |n: usize| format::count(n as u64);
    let (all, trained) = (count(summary.parameters()), count(summary.trained_parameters()));
    let text = format!("{} · {trained} of {all} parameters trained", summary.backbone.title());
    ui.add(Label::new(theme::quiet(ui, text)).truncate());
}

fn run<'s>(path: &Path, scene: &Scene<'s>) -> Option<&'s RunSummary> {
    scene.runs.iter().find(|run| run.path == path)
}

/// What was read of the model at `path`, if it is that which was read.
fn weights_of<'r>(path: &Path, read: Option<&'r Read>) -> Option<&'r Weights> {
    read.filter(|read| read.model == path)?.answer.as_ref()?.as_ref().ok()
}
