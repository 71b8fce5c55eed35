//! Curate: what is wrong with the photos and their labels, before anything is trained on them.

mod suspects;

use egui::{Frame, Panel, Ui};

use self::suspects::SuspectsView;
use crate::app::scene::Scene;
use crate::app::theme;
use crate::app::widgets::form::choices;

/// What the tab shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum View {
    /// Photos whose label the others contradict.
    #[default]
    Suspects,
}

impl View {
    /// All views with their names and what they are for, in their order on the screen.
    const ALL: &[(Self, &str, &str)] =
        &[(Self::Suspects, "Suspects", "Photos whose label the others contradict, and photos that are bad themselves")];
}

/// What the tab remembers.
#[derive(Default)]
pub struct CurateTab {
    view: View,
    suspects: SuspectsView,
}

impl CurateTab {
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
        }
    }
}
