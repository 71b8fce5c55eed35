//! Some of the photos in a grid, with a line under each, and the selected one large.

use egui::{EventFilter, Frame, Id, Key, Margin, Modifiers, Panel, Popup, Sense, Ui};

use crate::app::command::Command;
use crate::app::scene::Scene;
use crate::app::theme::{self, icons};
use crate::app::widgets::detail::Detail;
use crate::app::widgets::form::icon_button;
use crate::app::widgets::grid::{Grid, GridState};
use crate::app::widgets::marking;
use crate::format;

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
        // What stands above brings its own distance.
        let margin = Margin { top: 0, ..theme::panel_margin() };
        Frame::new().inner_margin(margin).show(ui, |ui| {
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
        self.large_keys(ui, scene, shown);
        let frame = Frame::new().fill(theme::palette(ui).panel).inner_margin(theme::panel_margin());
        Panel::top(Id::unique((shown.name, "large bar"))).frame(frame).show(ui, |ui| {
            ui.horizontal(|ui| {
                if icon_button(ui, icons::ICON_ARROW_BACK, "Back to the photos (Esc)").clicked() {
                    self.back(ui, shown);
                }
                if icon_button(ui, icons::ICON_CHEVRON_LEFT, "Photo before (←)").clicked() {
                    self.step(shown.order, -1);
                }
                if icon_button(ui, icons::ICON_CHEVRON_RIGHT, "Next photo (→)").clicked() {
                    self.step(shown.order, 1);
                }
                if let Some(position) = self.grid.position(shown.order) {
                    let (at, of) = (format::count(position as u64 + 1), format::count(shown.order.len() as u64));
                    ui.label(theme::quiet(ui, format!("{at} of {of}")));
                }
            });
            marking::bar(ui, &mut self.grid, shown.order, scene.session, scene.settings, scene.commands);
        });
        Frame::new().inner_margin(theme::panel_margin()).show(ui, |ui| self.detail_ui(ui, scene));
    }

    /// The large photo has the keyboard unless something else took it.
    fn large_keys(&mut self, ui: &Ui, scene: &mut Scene<'_>, shown: &Shown<'_>) {
        let id = Id::unique((shown.name, "large photo"));
        let background = ui.interact(ui.available_rect_before_wrap(), id, Sense::focusable_noninteractive());
        background.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Pane, ui.is_enabled(), "Large photo"));
        let free = !Popup::is_any_open(ui.ctx()) && ui.memory(|memory| memory.allows_interaction(ui.layer_id()));
        let focus = free
            && ui.memory_mut(|memory| {
                if memory.focused().is_none() {
                    memory.request_focus(id);
                }
                let own = EventFilter { tab: false, horizontal_arrows: true, vertical_arrows: true, escape: true };
                memory.set_focus_lock_filter(id, own);
                memory.has_focus(id)
            });
        let said = if focus { marking::pressed(ui) } else { Vec::new() };
        for said in said {
            marking::mark(&mut self.grid, shown.order, said, scene.settings.advance, scene.commands);
        }
        let pressed = |key| focus && ui.input_mut(|input| input.consume_key(Modifiers::NONE, key));
        for (key, step) in [(Key::ArrowLeft, -1), (Key::ArrowUp, -1), (Key::ArrowRight, 1), (Key::ArrowDown, 1)] {
            if pressed(key) {
                self.step(shown.order, step);
            }
        }
        if pressed(Key::Escape) || pressed(Key::Enter) || pressed(Key::Space) {
            self.back(ui, shown);
        }
    }

    fn back(&mut self, ui: &Ui, shown: &Shown<'_>) {
        self.large = false;
        ui.memory_mut(|memory| memory.request_focus(Grid::id_of(shown.name)));
    }

    fn step(&mut self, order: &[usize], step: isize) {
        if let Some(index) = self.grid.neighbour(order, step) {
            self.grid.select(index);
        }
    }
}
