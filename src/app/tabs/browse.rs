//! The photos: filtered and sorted in a grid, with everything about the selected one beside it.

mod bar;
mod filter;
mod filter_ui;
pub mod saved_views;
mod start;
mod views_ui;

use std::path::{Path, PathBuf};

use egui::{Align, CentralPanel, Frame, Label, Layout, Panel, Ui};

use crate::app::command::Command;
use crate::app::session::Session;
use crate::app::settings::Settings;
use crate::app::theme::{self, icons, space};
use crate::app::thumbnails::Thumbnails;
use crate::app::widgets::detail::Detail;
use crate::app::widgets::grid::{Grid, GridOutput, GridState};
use crate::app::widgets::large_photo::{LargePhoto, step_by};
use crate::app::widgets::photo_view::Picture;
use crate::app::widgets::{empty, form, marking};
use crate::app::worker::asks::ExplainOrder;
use crate::error::Result;
use crate::job::Progress;
use crate::nn::explain::Cam;
use crate::photo::exif::Facts;
use crate::review::threshold::Threshold;

pub use crate::app::widgets::detail::Request;
use filter::{Counts, Sorting};
pub use filter::{Filter, Group, Sort, Words};
pub use saved_views::SavedView;

/// The tab's state.
pub struct Browse {
    /// Which photos are shown.
    seen: Option<Seen>,
    filter: Filter,
    sorting: Sorting,
    naming: views_ui::Naming,
    /// Whether the field for names is to have the keyboard.
    find: bool,
    list: List,
    grid: GridState,
    detail: Detail,
    large: bool,
    /// Side of a thumbnail in points.
    cell: f32,
    /// Whether the panes at the sides are open, where the user has said so.
    filter_open: Option<bool>,
    detail_open: Option<bool>,
}

/// The photos that were shown last, so that they are known when they are listed again.
struct Seen {
    listed: u64,
    roots: Vec<PathBuf>,
    /// The name of the selected one.
    selected: Option<String>,
}

/// The photos that pass the filter, in order.
#[derive(Default)]
struct List {
    order: Vec<usize>,
    counts: Counts,
    /// What it was made from.
    made_of: Option<MadeOf>,
    revision: u64,
}

/// The session's revision, the threshold, how many photos cannot be read, and what the user chose.
type MadeOf = (u64, Threshold, usize, Filter, Sorting);

const FILTER_WIDTH: f32 = 208.0;
const DETAIL_WIDTH: f32 = 320.0;
/// Windows narrower than this, in points, have no room for the detail pane …
const ROOM_FOR_DETAIL: f32 = 860.0;
/// … and narrower than this none for the filter.
const ROOM_FOR_FILTER: f32 = 560.0;

/// What can be done with photos that carry no labels; says whether the user wants it.
fn unlabelled_ui(ui: &mut Ui) -> bool {
    ui.add_space(space::S);
    ui.label(theme::strong("No labels"));
    let text = "The model that comes with the program can say which of these photos show cracks.";
    ui.add(Label::new(theme::quiet(ui, text)).wrap());
    form::primary(ui, true, "Classify all photos").clicked()
}

impl Default for Browse {
    fn default() -> Self {
        Self {
            seen: None,
            filter: Filter::default(),
            sorting: Sorting::default(),
            naming: views_ui::Naming::default(),
            find: false,
            list: List::default(),
            grid: GridState::default(),
            detail: Detail::default(),
            large: false,
            cell: 128.0,
            filter_open: None,
            detail_open: None,
        }
    }
}

impl Browse {
    /// Shows the tab in all the room there is. `scanning` is how far a folder is listed, while that goes on.
    pub fn ui(
        &mut self,
        ui: &mut Ui,
        session: &Session,
        scanning: Option<&Progress>,
        settings: &mut Settings,
        thumbnails: &mut Thumbnails,
        commands: &mut Vec<Command>,
    ) -> Vec<Request> {
        self.take_dataset(session);
        let Some(dataset) = session.dataset.as_ref().filter(|dataset| !dataset.samples.is_empty()) else {
            return start::ui(ui, session.dataset.as_deref(), scanning, &settings.recent);
        };
        self.make_list(session, thumbnails);
        let mut requests = Vec::new();
        let width = ui.available_width();
        if self.filter_is_open(width) {
            let frame = Frame::NONE.inner_margin(theme::panel_margin()).fill(ui.visuals().panel_fill);
            Panel::left("browse filter").resizable(false).exact_size(FILTER_WIDTH).frame(frame).show(ui, |ui| {
                let shown = (self.list.order.len(), std::mem::take(&mut self.find));
                let views = |ui: &mut Ui, filter: &mut Filter| {
                    let view = (filter, &mut self.sorting);
                    views_ui::ui(ui, &session.views, view, &mut self.naming, commands);
                };
                filter_ui::ui(ui, &mut self.filter, &self.list.counts, shown, dataset, views, |ui| {
                    if dataset.labelled() == 0 && session.verdict.is_none() && unlabelled_ui(ui) {
                        requests.push(Request::Classify);
                    }
                });
            });
        }
        if self.detail_is_open(width) {
            let frame = Frame::NONE.inner_margin(theme::panel_margin()).fill(ui.visuals().panel_fill);
            let most = (width * 0.5).max(DETAIL_WIDTH);
            let panel = Panel::right("browse detail").default_size(DETAIL_WIDTH).size_range(260.0..=most).frame(frame);
            panel.show(ui, |ui| requests.extend(self.detail_ui(ui, session)));
        }
        let frame = Frame::NONE.fill(ui.visuals().extreme_bg_color);
        CentralPanel::no_frame().frame(frame).show(ui, |ui| {
            if self.large {
                requests.extend(self.large_ui(ui, session, width, (settings, commands)));
            } else {
                self.grid_ui(ui, session, thumbnails, width, (settings, commands));
            }
        });
        self.note_selected(session);
        requests
    }

    /// A photo that was asked for is read, or cannot be.
    pub fn photo_arrived(&mut self, path: impl AsRef<Path>, result: Result<(Picture, Facts)>) {
        self.detail.photo_arrived(path, result);
    }

    /// A heat map that was asked for is computed, or cannot be.
    pub fn activation_arrived(&mut self, of: &ExplainOrder, result: Result<Cam>) {
        self.detail.activation_arrived(of, result);
    }

    /// The selected photo: an index into the data set.
    pub fn selected(&self) -> Option<usize> {
        self.grid.selected
    }

    /// Selects a photo and brings it onto the screen.
    pub fn select(&mut self, index: usize) {
        self.grid.select(index);
    }

    /// Gives the field for names the keyboard.
    pub fn find(&mut self) {
        self.show_large(false);
        (self.filter_open, self.find) = (Some(true), true);
    }

    fn filter_is_open(&self, width: f32) -> bool {
        !self.large && self.filter_open.unwrap_or(width >= ROOM_FOR_FILTER)
    }

    fn detail_is_open(&self, width: f32) -> bool {
        self.detail_open.unwrap_or(width >= ROOM_FOR_DETAIL)
    }

    /// Begins anew with another folder; where the same one was listed again, keeps the place.
    pub fn take_dataset(&mut self, session: &Session) {
        let Some(dataset) = &session.dataset else {
            self.seen = None;
            return;
        };
        if self.seen.as_ref().is_some_and(|seen| seen.listed == session.listed && seen.roots == dataset.roots) {
            return;
        }
        let now = Seen { listed: session.listed, roots: dataset.roots.clone(), selected: None };
        let before = self.seen.replace(now);
        self.list.made_of = None;
        let first = (!dataset.samples.is_empty()).then_some(0);
        if let Some(before) = before.filter(|before| before.roots == dataset.roots) {
            let found = before.selected.and_then(|file| dataset.samples.iter().position(|sample| sample.file == file));
            self.grid.selected = found.or(first);
            return;
        }
        self.filter = Filter::default();
        self.grid = GridState::default();
        self.naming = views_ui::Naming::default();
        self.detail.look_away();
        self.large = false;
        first.into_iter().for_each(|first| self.grid.select(first));
    }

    /// Remembers the selected photo by its name, in case the folder is listed again.
    fn note_selected(&mut self, session: &Session) {
        let file = self.grid.selected.and_then(|index| session.item(index)).map(|item| item.sample.file.as_str());
        if let Some(seen) = self.seen.as_mut().filter(|seen| seen.selected.as_deref() != file) {
            seen.selected = file.map(str::to_owned);
        }
    }

    fn make_list(&mut self, session: &Session, thumbnails: &Thumbnails) {
        if session.verdict.is_none() && self.sorting.by != Sort::Name {
            self.sorting = Sorting::default();
        }
        let failures = thumbnails.failures().len();
        let made_of = Some((session.revision, session.threshold(), failures, self.filter.clone(), self.sorting));
        if self.list.made_of != made_of {
            let (order, counts) = filter::list(session, &self.filter, self.sorting, |item| {
                session.unreadable.contains_key(&item.sample.file) || thumbnails.failure(&item.sample.path).is_some()
            });
            if self.list.order != order {
                self.list.revision += 1;
                // What the user filters away stays selected; what leaves because it was labelled makes room.
                let chosen = |made: &MadeOf| made.3 == self.filter && made.4 == self.sorting;
                if self.list.made_of.as_ref().is_some_and(chosen) {
                    self.grid.hold_place(&self.list.order, &order);
                }
            }
            self.list = List { order, counts, made_of, revision: self.list.revision };
        }
    }

    fn grid_ui(
        &mut self,
        ui: &mut Ui,
        session: &Session,
        thumbnails: &mut Thumbnails,
        width: f32,
        (settings, commands): (&mut Settings, &mut Vec<Command>),
    ) {
        let frame = Frame::NONE.inner_margin(theme::panel_margin()).fill(ui.visuals().panel_fill);
        Panel::top("browse labels").frame(frame).show(ui, |ui| {
            marking::bar(ui, &mut self.grid, &self.list.order, session, settings, commands);
        });
        Panel::bottom("browse bar")
            .frame(Frame::NONE.inner_margin(theme::panel_margin()).fill(ui.visuals().panel_fill))
            .show(ui, |ui| self.bar_ui(ui, session, width));
        if self.list.order.is_empty() {
            let text = format!("None of the {} passes the filter", crate::format::photos(session.len()));
            let clear = |ui: &mut Ui| form::primary(ui, true, "Clear the filter").clicked();
            if empty::state(ui, icons::ICON_SEARCH_OFF, "Nothing to show", &text, clear) {
                self.filter = Filter::default();
            }
            return;
        }
        let output = Grid::new(GRID, &self.list.order, self.cell)
            .revision(self.list.revision)
            .overlay(self.heat(session))
            .show(ui, &mut self.grid, thumbnails, |index| session.item(index));
        self.obey(&output, settings.advance, commands);
    }

    fn obey(&mut self, output: &GridOutput, advance: bool, commands: &mut Vec<Command>) {
        marking::obey(output, &mut self.grid, &self.list.order, advance, commands);
        if let Some(index) = output.activated {
            self.grid.selected = Some(index);
            self.show_large(true);
        }
    }

    /// Each size of the photo begins with the whole of it.
    fn show_large(&mut self, large: bool) {
        self.large = large;
        self.detail.view_mut().fit();
    }

    fn heat(&self, session: &Session) -> Option<(usize, egui::TextureId)> {
        let index = self.grid.selected?;
        let texture = self.detail.heat(&session.item(index)?.sample.path)?;
        Some((index, texture))
    }

    fn detail_ui(&mut self, ui: &mut Ui, session: &Session) -> Vec<Request> {
        let Some(item) = self.grid.selected.and_then(|index| session.item(index)).filter(|_| self.large) else {
            return self.detail.ui(ui, session, self.grid.selected);
        };
        // The photo itself is large in the middle.
        self.detail.facts_ui(ui, session, &item);
        Vec::new()
    }

    /// The selected photo in place of the grid.
    fn large_ui(
        &mut self,
        ui: &mut Ui,
        session: &Session,
        width: f32,
        (settings, commands): (&mut Settings, &mut Vec<Command>),
    ) -> Vec<Request> {
        let advance = settings.advance;
        let frame = Frame::NONE.inner_margin(theme::panel_margin()).fill(ui.visuals().panel_fill);
        let bar = Panel::top("large bar").frame(frame).show(ui, |ui| {
            let steps = ui.horizontal(|ui| {
                let back = self.list.large(advance).steps_ui(ui, &mut self.grid);
                ui.add_space(space::S);
                self.detail.controls_ui(ui, session);
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| self.detail_button(ui, width));
                back
            });
            marking::bar(ui, &mut self.grid, &self.list.order, session, settings, commands);
            steps.inner
        });
        let back = self.list.large(settings.advance).keys(ui, &mut self.grid, commands) || bar.inner;
        if back {
            self.show_large(false);
        }
        match self.grid.selected.and_then(|index| session.item(index)) {
            Some(item) => self.detail.photo_ui(ui, session, &item),
            None => {
                self.large = false;
                Vec::new()
            }
        }
    }

    /// The same for other tabs, while this one may not have been shown since something changed.
    pub fn step_from_elsewhere(&mut self, step: isize, session: &Session, thumbnails: &Thumbnails) {
        self.take_dataset(session);
        self.make_list(session, thumbnails);
        step_by(&mut self.grid, &self.list.order, step);
    }
}

impl List {
    fn large(&self, advance: bool) -> LargePhoto<'_> {
        LargePhoto { grid: GRID, order: &self.order, advance }
    }
}

const GRID: &str = "browse";

#[cfg(test)]
mod tests;
