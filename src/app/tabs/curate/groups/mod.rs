//! Groups and leaks: which photos belong together, and what a split lets through of it.

mod leaks;
mod list;
mod pairs;
mod sources;

use std::sync::Arc;

use egui::{CentralPanel, Frame, Panel, Ui};

use self::leaks::LeaksView;
use self::list::ListView;
use crate::app::command::Command;
use crate::app::scene::{Kind, Scene};
use crate::app::tabs::train;
use crate::app::theme::{self, icons, space};
use crate::app::widgets::form::choices;
use crate::app::widgets::{empty, form};
use crate::app::worker::curation::{Grouped, LeaksFound};
use crate::error::Error;

/// Width of what tells groups.
const SOURCES: f32 = 288.0;

/// What is shown beside what tells groups.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Part {
    #[default]
    Groups,
    Leaks,
}

const PARTS: [(Part, &str, &str); 2] = [
    (Part::Groups, "Groups", "Photos that belong together, to be looked at and put right"),
    (Part::Leaks, "Leaks", "Photos on both sides of a split that are alike, and what that does to the figures"),
];

/// What the view remembers.
#[derive(Default)]
pub(super) struct GroupsView {
    part: Part,
    list: ListView,
    leaks: LeaksView,
}

impl GroupsView {
    /// What a split lets through is known.
    pub(super) fn leaks_found(&mut self, found: LeaksFound) {
        self.part = Part::Leaks;
        self.leaks.finished(found);
    }

    /// A job has failed or was stopped.
    pub(super) fn failed(&mut self, kind: Kind, error: &Error) {
        if kind == Kind::FindLeaks {
            self.leaks.failed(error);
        }
    }

    /// Shows the view.
    pub(super) fn ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        let ground = Frame::new().fill(theme::palette(ui).window).inner_margin(theme::panel_margin());
        if scene.session.is_empty() {
            CentralPanel::default().frame(ground).show(ui, |ui| nothing_ui(ui, scene));
            return;
        }
        let panel = Frame::new().fill(theme::palette(ui).panel).inner_margin(theme::panel_margin());
        Panel::left("group sources").frame(panel).exact_size(SOURCES).resizable(false).show(ui, |ui| {
            sources::ui(ui, scene);
        });
        CentralPanel::default().frame(ground).show(ui, |ui| {
            ui.horizontal(|ui| choices(ui, &mut self.part, &PARTS));
            ui.add_space(space::S);
            let running = scene.job.filter(|job| matches!(job.kind, Kind::Group | Kind::FindLeaks));
            match (running, self.part) {
                // The groups from before stay in sight while a word by hand is taken up.
                (Some(job), part) if part == Part::Leaks || scene.session.groups.is_none() => {
                    train::running_ui(ui, job, scene.commands);
                }
                (_, Part::Groups) => match scene.session.groups.clone() {
                    Some(grouped) => self.list.ui(ui, scene, &grouped),
                    None => unknown_ui(ui, scene),
                },
                (_, Part::Leaks) => self.leaks.ui(ui, scene),
            }
        });
    }
}

/// The groups, if they are of the settings as they stand.
fn up_to_date(scene: &Scene<'_>) -> Option<Arc<Grouped>> {
    let grouped = scene.session.groups.clone()?;
    (grouped.config == scene.settings.train.groups).then_some(grouped)
}

fn nothing_ui(ui: &mut Ui, scene: &mut Scene<'_>) {
    let open = |ui: &mut Ui| form::primary(ui, true, "Open folder…").clicked();
    if empty::state(ui, icons::ICON_FILE_COPY, "No photos open", "Open a folder of photos first.", open) {
        scene.commands.push(Command::OpenFolderDialog);
    }
}

fn unknown_ui(ui: &mut Ui, scene: &mut Scene<'_>) {
    let text = "Copies, and photos of one place taken one after the other, must not be on both sides of a split: a model \
                that has seen one knows the other.";
    let free = scene.job.is_none();
    let find = |ui: &mut Ui| form::primary(ui, free, "Find groups").clicked();
    if empty::state(ui, icons::ICON_FILE_COPY, "Which photos belong together?", text, find) {
        scene.commands.push(Command::FindGroups(None));
    }
}

#[cfg(test)]
mod tests;
