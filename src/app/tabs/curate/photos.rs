//! Some of the photos in a grid, with a line under each, and the selected one large.

use egui::{Frame, Id, Panel, Ui};

use crate::app::command::Command;
use crate::app::scene::Scene;
use crate::app::theme;
use crate::app::widgets::detail::Detail;
use crate::app::widgets::grid::{Grid, GridState};
use crate::app::widgets::large_photo::LargePhoto;
use crate::app::widgets::marking;

/// Side of a cell of the grid.
const CELL: f32 = 136.0;

/// What is remembered of the grid and the large photo.
#[derive(Default)]
pub(super) struct Photos {
    pub(super) grid: GridState,
    pub(super) detail: Detail,
    pub(super) large: bool,
}

/// Which photos, in which order.
pub(super) struct Shown<'a> {
    /// The grid's name, its own among the grids of the window.
    pub(super) name: &'a str,
    /// Numbers in the data set.
    pub(super) order: &'a [usize],
    /// A number that changes with the order.
    pub(super) revision: u64,
}

impl Photos {
    /// The grid, or the selected photo in its place.
    pub(super) fn ui(
        &mut self,
        ui: &mut Ui,
        scene: &mut Scene<'_>,
        shown: &Shown<'_>,
        note: &dyn Fn(usize) -> Option<String>,
    ) {
        if self.large && self.grid.selected.is_some() {
            self.large_ui(ui, scene, shown);
            return;
        }
        let session = scene.session;
        let heat = self.grid.selected.and_then(|index| {
            let texture = self.detail.heat(&session.item(index)?.sample.path)?;
            Some((index, texture))
        });
        let grid = Grid::new(shown.name, shown.order, CELL).revision(shown.revision).overlay(heat).notes(note);
        Frame::new().inner_margin(theme::panel_margin()).show(ui, |ui| {
            marking::bar(ui, &mut self.grid, shown.order, session, scene.settings, scene.commands);
        });
        let output = grid.show(ui, &mut self.grid, scene.thumbnails, |index| session.item(index));
        marking::obey(&output, &mut self.grid, shown.order, scene.settings.advance, scene.commands);
        if output.activated.is_some() {
            self.large = true;
        }
    }

    /// Everything about the selected photo.
    pub(super) fn detail_ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        let asked = self.detail.ui(ui, scene.session, self.grid.selected);
        scene.commands.extend(asked.into_iter().map(Command::from));
    }

    /// Selects the first photo where the selected one is no longer among them.
    pub(super) fn keep_selection(&mut self, order: &[usize]) {
        if self.grid.selected.is_none_or(|index| !order.contains(&index)) {
            match order.first() {
                Some(first) => self.grid.select(*first),
                None => self.grid.selected = None,
            }
        }
    }

    fn large_ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>, shown: &Shown<'_>) {
        let large = LargePhoto { grid: shown.name, order: shown.order, advance: scene.settings.advance };
        let back = large.keys(ui, &mut self.grid, scene.commands);
        let frame = Frame::new().fill(theme::palette(ui).panel).inner_margin(theme::panel_margin());
        let bar = Panel::top(Id::unique((shown.name, "large bar"))).frame(frame).show(ui, |ui| {
            let back = ui.horizontal(|ui| large.steps_ui(ui, &mut self.grid)).inner;
            marking::bar(ui, &mut self.grid, shown.order, scene.session, scene.settings, scene.commands);
            back
        });
        if back || bar.inner {
            self.large = false;
        }
        Frame::new().inner_margin(theme::panel_margin()).show(ui, |ui| self.detail_ui(ui, scene));
    }
}
