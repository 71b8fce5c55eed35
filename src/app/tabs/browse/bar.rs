//! The line below the grid: order, size of the thumbnails, and the panes at the sides.

use egui::{Align, ComboBox, Layout, Slider, Ui};

use super::{Browse, Sort};
use crate::app::session::Session;
use crate::app::theme::{self, icons, space};
use crate::app::widgets::form;

/// Smallest and largest side of a thumbnail, in points.
const CELLS: std::ops::RangeInclusive<f32> = 64.0..=256.0;
/// Lines shorter than this, in points, say the order by an arrow alone …
const ROOM_FOR_WORDS: f32 = 600.0;
/// … and in lines shorter than this the size cannot be changed.
const ROOM_FOR_SIZE: f32 = 440.0;

impl Browse {
    pub(super) fn bar_ui(&mut self, ui: &mut Ui, session: &Session, width: f32) {
        let room = ui.available_width();
        ui.horizontal(|ui| {
            let open = self.filter_is_open(width);
            let name = if open { "Hide the filter" } else { "Show the filter" };
            if form::icon_button(ui, icons::ICON_FILTER_ALT, name).clicked() {
                self.filter_open = Some(!open);
            }
            self.sort_ui(ui, session, room >= ROOM_FOR_WORDS);
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                self.detail_button(ui, width);
                if room >= ROOM_FOR_SIZE {
                    ui.spacing_mut().slider_width = 96.0;
                    let slider = ui.add(Slider::new(&mut self.cell, CELLS).step_by(8.0).show_value(false));
                    let label = ui.label(theme::quiet(ui, "Size"));
                    slider.labelled_by(label.id).on_hover_text("Size of the thumbnails");
                }
            });
        });
    }

    /// Opens and closes the pane at the right.
    pub(super) fn detail_button(&mut self, ui: &mut Ui, width: f32) {
        let open = self.detail_is_open(width);
        let (icon, name) = if open {
            (icons::ICON_RIGHT_PANEL_CLOSE, "Hide the details")
        } else {
            (icons::ICON_RIGHT_PANEL_OPEN, "Show the details")
        };
        if form::icon_button(ui, icon, name).clicked() {
            self.detail_open = Some(!open);
        }
    }

    fn sort_ui(&mut self, ui: &mut Ui, session: &Session, words: bool) {
        let label = ui.label(theme::quiet(ui, "Sort"));
        let before = self.sorting.by;
        let list = ComboBox::from_id_salt("browse sort").selected_text(self.sorting.by.title()).width(130.0);
        let shown = form::combo(ui, list, |ui| {
            for sort in Sort::ALL {
                let possible = sort == Sort::Name || session.verdict.is_some();
                ui.add_enabled_ui(possible, |ui| {
                    ui.selectable_value(&mut self.sorting.by, sort, sort.title())
                        .on_disabled_hover_text("Needs predictions: train, or open a run");
                });
            }
        });
        shown.response.labelled_by(label.id);
        if self.sorting.by != before {
            self.sorting.reversed = false;
        }
        let [first, other] = self.sorting.by.first();
        let (icon, text) =
            if self.sorting.reversed { (icons::ICON_ARROW_UPWARD, other) } else { (icons::ICON_ARROW_DOWNWARD, first) };
        let turn = if words {
            ui.button(theme::icon_text(icon, text)).on_hover_text("Turns the order round")
        } else {
            form::icon_button(ui, icon, text)
        };
        if turn.clicked() {
            self.sorting.reversed = !self.sorting.reversed;
        }
        ui.add_space(space::XS);
    }
}
