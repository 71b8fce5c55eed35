//! The photos of the review in a grid, or the selected one large, and which of them are shown in which order.

use egui::{Align, CentralPanel, ComboBox, Frame, Key, Label, Layout, Panel, TextEdit, Ui, vec2};

use super::list::{List, Shown, Sort};
use super::{CELL, DETAIL, FIGURES, ReviewTab, WIDE};
use crate::app::command::Command;
use crate::app::scene::Scene;
use crate::app::session::Session;
use crate::app::shortcuts::{self, Act, Place};
use crate::app::theme::{self, icons};
use crate::app::widgets::form::{self, choices, ended_by, primary};
use crate::app::widgets::grid::Grid;
use crate::app::widgets::large_photo::LargePhoto;
use crate::app::widgets::{empty, marking};
use crate::dataset::Class;
use crate::format;
use crate::review::predictions::Outcome;

/// The grid's name.
const GRID: &str = "review";
/// Room that filters and order take on one line.
const ONE_LINE: f32 = 860.0;
/// Width of the field for names.
const NAME: f32 = 130.0;

const LABELLED: [(Shown, &str, &str); 5] = [
    (Shown::Errors, "All errors", "Label and prediction disagree"),
    (Shown::Only(Outcome::FalsePositive), "False positives", "Intact, called cracked: false alarms"),
    (Shown::Only(Outcome::FalseNegative), "False negatives", "Cracked, called intact: misses"),
    (Shown::Correct, "Correct", "Label and prediction agree"),
    (Shown::Everything, "All", ""),
];
const FOR_A_PERSON: (Shown, &str, &str) = (Shown::Unsure, "For a person", "Nearest to the threshold");
const UNLABELLED: [(Shown, &str, &str); 3] = [
    (Shown::Everything, "All", ""),
    (Shown::Called(Class::Positive), "Called cracked", "Probability at or above the threshold"),
    (Shown::Called(Class::Negative), "Called intact", "Probability below the threshold"),
];

impl List {
    pub(super) fn large(&self, advance: bool) -> LargePhoto<'_> {
        LargePhoto { grid: GRID, order: &self.order, advance }
    }
}

impl ReviewTab {
    pub(super) fn photos_ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        let wide = ui.available_width() + FIGURES >= WIDE;
        let panel = Frame::new().fill(theme::palette(ui).panel).inner_margin(theme::panel_margin());
        if wide && !self.large && self.grid.selected.is_some() {
            Panel::right("photo")
                .frame(panel)
                .default_size(DETAIL)
                .size_range(260.0..=640.0)
                .resizable(true)
                .show(ui, |ui| self.detail_ui(ui, scene));
        }
        let ground = Frame::new().fill(theme::palette(ui).window);
        CentralPanel::default().frame(ground).show(ui, |ui| {
            if self.large {
                self.large_ui(ui, scene);
                return;
            }
            Frame::new().inner_margin(theme::panel_margin()).show(ui, |ui| {
                self.filter_ui(ui, scene.session);
                self.labels_ui(ui, scene);
            });
            self.grid_ui(ui, scene);
        });
    }

    /// Buttons that label the chosen photos.
    fn labels_ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        marking::bar(ui, &mut self.grid, &self.list.order, scene.session, scene.settings, scene.commands);
    }

    /// The selected photo in place of the grid.
    fn large_ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        let advance = scene.settings.advance;
        let back = self.list.large(advance).keys(ui, &mut self.grid, scene.commands);
        Frame::new().inner_margin(theme::panel_margin()).show(ui, |ui| {
            let asked = ui.horizontal(|ui| self.list.large(advance).steps_ui(ui, &mut self.grid)).inner;
            self.large = !(asked || back);
            self.labels_ui(ui, scene);
            self.detail_ui(ui, scene);
        });
    }

    fn detail_ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        let asked = self.detail.ui(ui, scene.session, self.grid.selected);
        scene.commands.extend(asked.into_iter().map(Command::from));
    }

    /// Which photos, in which order, and how many they are: on one line where there is room.
    pub(super) fn filter_ui(&mut self, ui: &mut Ui, session: &Session) {
        let labelled = self.list.metrics.as_ref().is_some_and(|metrics| metrics.photos > 0);
        let mut filters = if labelled { LABELLED.to_vec() } else { UNLABELLED.to_vec() };
        if session.threshold().unsure.is_some() {
            filters.push(FOR_A_PERSON);
        }
        let filters = filters.as_slice();
        if ui.available_width() >= ONE_LINE {
            ui.horizontal(|ui| {
                choices(ui, &mut self.shown, filters);
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| self.sort_ui(ui, labelled));
            });
        } else {
            ui.horizontal_wrapped(|ui| choices(ui, &mut self.shown, filters));
            ui.horizontal_wrapped(|ui| self.sort_ui(ui, labelled));
        }
        self.update(session);
        let lost = self.grid.selected.is_none_or(|index| !self.list.order.contains(&index));
        if let Some(&first) = self.list.order.first().filter(|_| lost) {
            self.grid.select(first);
        }
    }

    fn sort_ui(&mut self, ui: &mut Ui, labelled: bool) {
        let orders: Vec<_> = Sort::ALL.into_iter().filter(|order| labelled || order.0 != Sort::Loss).collect();
        let name = orders.iter().find(|order| order.0 == self.sort).map_or("", |order| order.1);
        ui.name_inputs("Order", |ui| {
            form::combo(ui, ComboBox::from_id_salt("order").selected_text(name).width(150.0), |ui| {
                for (order, name, hint) in orders {
                    let choice = ui.selectable_value(&mut self.sort, order, name);
                    if !hint.is_empty() {
                        choice.on_hover_text(hint);
                    }
                }
            })
        });
        let hint = theme::quiet(ui, "part of a name");
        let field = TextEdit::singleline(&mut self.text).hint_text(hint).desired_width(NAME).margin(vec2(8.0, 6.0));
        let field = ui.add(field);
        ui.ctx().accesskit_node_builder(field.id, |node| node.set_label("Name"));
        ended_by(ui, &field, Key::Enter);
        if std::mem::take(&mut self.find) {
            field.request_focus();
        }
        field.on_hover_text(shortcuts::hint(
            ui.ctx(),
            "Shows photos whose name or folder contains these words",
            Place::Anywhere,
            Act::Find,
        ));
        ui.add(Label::new(theme::quiet(ui, format::photos(self.list.order.len()))).extend());
    }

    pub(super) fn grid_ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        if self.list.order.is_empty() {
            if nothing_ui(ui, self.shown, &self.text) {
                self.text.clear();
            }
            return;
        }
        let session = scene.session;
        let heat = self.grid.selected.and_then(|index| {
            let texture = self.detail.heat(&session.item(index)?.sample.path)?;
            Some((index, texture))
        });
        let grid = Grid::new(GRID, &self.list.order, CELL).captions(true).revision(self.list.revision).overlay(heat);
        let output = grid.show(ui, &mut self.grid, scene.thumbnails, |index| session.item(index));
        marking::obey(&output, &mut self.grid, &self.list.order, scene.settings.advance, scene.commands);
        if output.activated.is_some() {
            self.large = true;
        }
    }
}

/// Says why there is no photo; returns whether no name is to be looked for any more.
fn nothing_ui(ui: &mut Ui, shown: Shown, text: &str) -> bool {
    if !text.trim().is_empty() {
        let looked_for = format!("None of these names contains “{}”.", text.trim());
        let clear = |ui: &mut Ui| primary(ui, true, "Show all names").clicked();
        return empty::state(ui, icons::ICON_SEARCH_OFF, "Nothing to show", &looked_for, clear);
    }
    let (title, text) = match shown {
        Shown::Errors => ("No errors", "Label and prediction agree on every photo here."),
        Shown::Only(Outcome::FalsePositive) => ("No false positives", "No intact photo was called cracked."),
        Shown::Only(Outcome::FalseNegative) => ("No false negatives", "No cracked photo was called intact."),
        Shown::Unsure => ("No photo is for a person", "Every photo here lies outside of the band."),
        _ => ("No such photos", ""),
    };
    empty::state(ui, icons::ICON_CHECK, title, text, |_| false)
}
