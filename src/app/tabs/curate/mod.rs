//! Curate: what is wrong with the photos and their labels, before anything is trained on them.

mod groups;
mod suspects;

use egui::{Frame, Panel, Ui};

use self::groups::GroupsView;
use self::suspects::SuspectsView;
use crate::app::scene::{Kind, Scene};
use crate::app::theme;
use crate::app::widgets::form::choices;
use crate::app::worker::curation::LeaksFound;
use crate::error::Error;

/// What the tab shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum View {
    /// Photos whose label the others contradict.
    #[default]
    Suspects,
    /// Photos that belong together, and what a split lets through of them.
    Groups,
}

impl View {
    /// All views with their names and what they are for, in their order on the screen.
    const ALL: &[(Self, &str, &str)] = &[
        (Self::Suspects, "Suspects", "Photos whose label the others contradict, and photos that are bad themselves"),
        (Self::Groups, "Groups and leaks", "Photos that belong together, and what a split lets through of them"),
    ];
}

/// What the tab remembers.
#[derive(Default)]
pub struct CurateTab {
    view: View,
    suspects: SuspectsView,
    groups: GroupsView,
}

impl CurateTab {
    /// What a split lets through is known.
    pub fn leaks_found(&mut self, found: LeaksFound) {
        self.groups.leaks_found(found);
    }

    /// A job has failed or was stopped.
    pub fn failed(&mut self, kind: Kind, error: &Error) {
        self.groups.failed(kind, error);
    }

    /// Shows the tab.
    pub fn ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        if View::ALL.len() > 1 {
            let frame = Frame::new().fill(theme::palette(ui).panel).inner_margin(theme::panel_margin());
            Panel::top("curate views").frame(frame).resizable(false).show(ui, |ui| {
                ui.horizontal_wrapped(|ui| choices(ui, &mut self.view, View::ALL));
            });
        }
        match self.view {
            View::Suspects => self.suspects.ui(ui, scene),
            View::Groups => self.groups.ui(ui, scene),
        }
    }
}
