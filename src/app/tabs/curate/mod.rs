//! Curate: what is wrong with the photos and their labels, before anything is trained on them.

mod groups;
mod map;
mod nearest;
mod photos;
mod similar;
mod suspects;

use std::path::Path;
use std::sync::Arc;

use egui::{Align, Frame, Layout, Panel, Ui};

use self::groups::GroupsView;
use self::map::MapView;
use self::similar::SimilarView;
use self::suspects::SuspectsView;
use super::train;
use crate::app::command::{Command, Tab};
use crate::app::scene::{Kind, Scene};
use crate::app::shortcuts::{self, Act, Place};
use crate::app::theme::{self, icons};
use crate::app::widgets::form::choices;
use crate::app::widgets::photo_view::Picture;
use crate::app::widgets::{empty, form};
use crate::app::worker::asks::{ExplainOrder, SimilarOrder};
use crate::app::worker::curation::LeaksFound;
use crate::dataset::Dataset;
use crate::error::{Error, Result};
use crate::nn::explain::Cam;
use crate::photo::exif::Facts;
use crate::review::map::Map;
use crate::review::suspects::Evidence;
use crate::train::similarity::Neighbour;

/// What the tab asks of the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// Look for suspects.
    Suspects,
    /// Compute features.
    Features,
    /// Draw the map.
    Map,
    /// Find the photos most like this one: its number in the data set.
    Similar(usize),
    /// Back to the tab that similar photos were asked for in.
    Back(Tab),
    /// Show this view.
    Show(View),
}

/// What the tab shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum View {
    /// Photos whose label the others contradict.
    #[default]
    Suspects,
    /// Photos that belong together, and what a split lets through of them.
    Groups,
    /// The photos most like one.
    Similar,
    /// All photos on a plane.
    Map,
}

impl View {
    /// All views with their names and what they are for, in their order on the screen.
    const ALL: &[(Self, &str, &str)] = &[
        (Self::Suspects, "Suspects", "Photos whose label the others contradict, and photos that are bad themselves"),
        (Self::Groups, "Groups and leaks", "Photos that belong together, and what a split lets through of them"),
        (Self::Similar, "Similar photos", "The photos most like one"),
        (Self::Map, "Map", "All photos on a plane, like beside like"),
    ];
}

/// What the tab remembers.
#[derive(Default)]
pub struct CurateTab {
    view: View,
    suspects: SuspectsView,
    groups: GroupsView,
    similar: SimilarView,
    map: MapView,
}

impl CurateTab {
    /// What a split lets through is known.
    pub fn leaks_found(&mut self, found: LeaksFound) {
        self.groups.leaks_found(found);
    }

    /// What makes photos suspect is known.
    pub fn suspects_found(&mut self, dataset: Arc<Dataset>, evidence: Evidence) {
        self.suspects.found(dataset, evidence);
    }

    /// The map is drawn.
    pub fn map_drawn(&mut self, dataset: Arc<Dataset>, map: Map) {
        self.map.drawn(dataset, map);
    }

    /// Shows the photos most like this one, once they are found; `from` is where to go back to.
    pub fn show_similar(&mut self, photo: usize, from: Tab) {
        let from = (from != Tab::Curate).then_some(from);
        self.similar.ask(photo, from.map_or(Origin::View(self.view), Origin::Tab));
        self.view = View::Similar;
    }

    /// Shows this view.
    pub fn show(&mut self, view: View) {
        self.view = view;
    }

    /// The photo whose like is waited for.
    pub fn similar_wanted(&self) -> Option<usize> {
        self.similar.wanted()
    }

    /// The photos most like one are found, or there are no features to find them by.
    pub fn similar_found(&mut self, order: &SimilarOrder, found: Option<Vec<Neighbour>>) {
        self.similar.found(order, found);
    }

    /// A job has failed, perhaps one of this tab.
    pub fn failed(&mut self, kind: Kind, error: &Error) {
        match kind {
            Kind::Suspects => self.suspects.failed(error),
            Kind::Map => self.map.failed(error),
            _ => self.groups.failed(kind, error),
        }
    }

    /// A photo that was asked for has come.
    pub fn photo_arrived(&mut self, path: &Path, result: &Result<(Picture, Facts)>) {
        for photos in [self.suspects.photos(), self.similar.photos(), self.map.photos()] {
            photos.detail.photo_arrived(path, result.clone());
        }
    }

    /// A class activation map that was asked for has come.
    pub fn activation_arrived(&mut self, of: &ExplainOrder, result: &Result<Cam>) {
        for photos in [self.suspects.photos(), self.similar.photos(), self.map.photos()] {
            photos.detail.activation_arrived(of, result.clone());
        }
    }

    /// Shows the tab.
    pub fn ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        let frame = Frame::new().fill(theme::palette(ui).panel).inner_margin(theme::panel_margin());
        Panel::top("curate views").frame(frame).resizable(false).show(ui, |ui| {
            ui.horizontal(|ui| {
                choices(ui, &mut self.view, View::ALL);
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| train_again_ui(ui, scene));
            });
        });
        if nothing_open(ui, scene) {
            return;
        }
        match self.view {
            View::Suspects => self.suspects.ui(ui, scene),
            View::Groups => self.groups.ui(ui, scene),
            View::Similar => {
                if let Some(Origin::View(view)) = self.similar.ui(ui, scene) {
                    self.view = view;
                }
            }
            View::Map => self.map.ui(ui, scene),
        }
    }
}

/// Where similar photos were asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// In another tab.
    Tab(Tab),
    /// In a view of this one.
    View(View),
}

/// The button that trains on what was mended.
fn train_again_ui(ui: &mut Ui, scene: &mut Scene<'_>) {
    let reason = train::obstacle(scene);
    let button = egui::Button::new(theme::icon_text(icons::ICON_REFRESH, "Train again"));
    let button = ui.add_enabled(reason.is_none(), button);
    let hint = "Train the last layer on the labels in force, with the settings under Train";
    let hint = shortcuts::hint(ui.ctx(), hint, Place::Anywhere, Act::TrainAgain);
    let button = button.on_hover_text(hint).on_disabled_hover_text(reason.unwrap_or_default());
    if button.clicked() {
        scene.commands.push(Command::TrainAgain);
    }
}

/// Says what to do where no photos are open; returns whether that is so.
fn nothing_open(ui: &mut Ui, scene: &mut Scene<'_>) -> bool {
    if !scene.session.is_empty() {
        return false;
    }
    ground(ui, |ui| {
        let text = "Open a folder of photos; then see here which of them need a second look.";
        let open = |ui: &mut Ui| form::primary(ui, true, "Open a folder").clicked();
        if empty::state(ui, icons::ICON_FACT_CHECK, "No photos open", text, open) {
            scene.commands.push(Command::OpenFolderDialog);
        }
    });
    true
}

/// The middle of the tab, in the window's colour.
fn ground<R>(ui: &mut Ui, contents: impl FnOnce(&mut Ui) -> R) -> R {
    let frame = Frame::new().fill(theme::palette(ui).window);
    egui::CentralPanel::default().frame(frame).show(ui, contents).inner
}

/// What stands where a job has to run first: why, and its button; while it runs, that it does.
fn job_first(
    ui: &mut Ui,
    scene: &mut Scene<'_>,
    kind: Kind,
    (icon, title, text): (theme::Icon, &str, &str),
    (action, request): (&str, Request),
) {
    if let Some(job) = scene.job.filter(|job| job.kind == kind) {
        let title = job.progress.map_or(job.kind.title(), |progress| progress.phase.title());
        empty::state(ui, icons::ICON_HOURGLASS_EMPTY, title, "How far it is stands below.", |_| {});
        return;
    }
    let idle = scene.job.is_none();
    let start = |ui: &mut Ui| {
        let button = form::primary(ui, idle, action);
        button.on_disabled_hover_text("Another job is still running").clicked()
    };
    if empty::state(ui, icon, title, text, start) {
        scene.commands.push(Command::Curate(request));
    }
}

/// Whether these are the same files, whatever their labels.
fn same_files(a: &Dataset, b: &Dataset) -> bool {
    std::ptr::eq(a, b)
        || (a.samples.len() == b.samples.len()
            && a.samples.iter().zip(&b.samples).all(|(a, b)| a.path == b.path && a.bytes == b.bytes))
}

#[cfg(test)]
mod tests;
