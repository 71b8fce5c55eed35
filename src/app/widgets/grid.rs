//! A grid of photos that lays out only what is on the screen, however many there are.
//!
//! The grid shows a slice of indices in the order given, keeps one of them selected, and moves the selection by arrow
//! keys, Home, End, Page Up and Page Down. More are chosen with Shift, with Ctrl and by Ctrl+A. The selection is made of
//! indices into the data set, so it survives another order or filter.

mod cell;
mod layout;
mod selection;

use egui::scroll_area::ScrollBarVisibility;
use egui::style::ScrollStyle;
use egui::{EventFilter, Id, Modifiers, Popup, Rect, ScrollArea, Sense, TextureId, Ui, WidgetInfo};

use crate::app::session::Item;
use crate::app::shortcuts::{self, Act, Place};
use crate::app::theme;
use crate::app::thumbnails::Thumbnails;
use crate::app::widgets::marking::{self, Said};
use cell::State;
use layout::Layout;
use selection::Selection;

/// A grid of photos.
pub struct Grid<'a> {
    id: &'a str,
    order: &'a [usize],
    revision: u64,
    cell: f32,
    captions: bool,
    overlay: Option<(usize, TextureId)>,
    notes: Option<&'a Notes<'a>>,
}

/// What the line under a photo says, by the photo's index in the data set.
type Notes<'a> = dyn Fn(usize) -> Option<String> + 'a;

/// What a grid remembers from frame to frame.
#[derive(Clone, Debug, Default)]
pub struct GridState {
    /// The selected photo: an index into the data set, not into the order shown.
    pub selected: Option<usize>,
    chosen: Selection,
    reveal: bool,
    /// How far it is scrolled, in points.
    offset: f32,
    shown: Option<Shown>,
}

/// What the last frame showed.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Shown {
    columns: usize,
    pitch: f32,
    revision: u64,
}

/// What the user did with the grid in this frame.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GridOutput {
    /// The photo that has just become the selected one.
    pub selected: Option<usize>,
    /// The photo that was opened, by Enter, Space or a double click.
    pub activated: Option<usize>,
    /// The photo under the pointer.
    pub hovered: Option<usize>,
    /// What the keys say of the chosen photos, one after the other: see [`marking::obey`].
    pub said: Vec<Said>,
    /// The photo whose like is asked for.
    pub similar: Option<usize>,
    /// Whether Escape was pressed while the grid had the keyboard.
    pub escaped: bool,
}

impl GridState {
    /// Selects a photo and brings it onto the screen.
    pub fn select(&mut self, index: usize) {
        self.selected = Some(index);
        self.chosen = Selection::default();
        self.reveal = true;
    }

    /// The selected photo and those chosen with it, in the order shown.
    pub fn chosen(&self, order: &[usize]) -> Vec<usize> {
        match self.selected {
            Some(selected) if self.chosen.is_with(selected) => {
                order.iter().copied().filter(|index| self.chosen.contains(*index)).collect()
            }
            selected => selected.into_iter().collect(),
        }
    }

    /// How many are chosen.
    pub fn chosen_count(&self) -> usize {
        match self.selected {
            Some(selected) if self.chosen.is_with(selected) => self.chosen.len(),
            selected => usize::from(selected.is_some()),
        }
    }

    /// Whether a photo is among the chosen ones.
    pub fn is_chosen(&self, index: usize) -> bool {
        match self.selected {
            Some(selected) if self.chosen.is_with(selected) => self.chosen.contains(index),
            selected => selected == Some(index),
        }
    }

    /// Selects the photo after the chosen ones, or, where they are the last, the one before them.
    pub fn advance(&mut self, order: &[usize]) {
        let chosen = |index: &usize| self.is_chosen(*index);
        let Some(last) = order.iter().rposition(chosen) else { return };
        let after = order.get(last + 1).or_else(|| order.iter().rev().find(|index| !self.is_chosen(**index)));
        match after.copied() {
            Some(index) => self.select(index),
            None => self.reveal = true,
        }
    }

    /// Selects what stands in `order` where the selected photo stood in `before`, if it stands nowhere any more.
    pub fn hold_place(&mut self, before: &[usize], order: &[usize]) {
        if self.position(order).is_none()
            && let Some(place) = self.position(before)
            && let Some(&index) = order.get(place).or(order.last())
        {
            self.select(index);
        }
    }

    /// The photo `step` places after the selected one, or before it where negative; the first where none is selected.
    pub fn neighbour(&self, order: &[usize], step: isize) -> Option<usize> {
        let Some(position) = self.position(order) else { return order.first().copied() };
        order.get(position.checked_add_signed(step)?).copied()
    }

    /// The place of the selected photo in `order`.
    pub fn position(&self, order: &[usize]) -> Option<usize> {
        let selected = self.selected?;
        order.iter().position(|&index| index == selected)
    }
}

impl<'a> Grid<'a> {
    /// A grid of the photos in `order`, in cells of at least `cell` points. `id` must be its own among the grids of the window.
    pub fn new(id: &'a str, order: &'a [usize], cell: f32) -> Self {
        Self { id, order, revision: 0, cell, captions: false, overlay: None, notes: None }
    }

    /// A number that changes with `order`: the grid then returns to the selected photo, or to the top.
    #[must_use]
    pub fn revision(mut self, revision: u64) -> Self {
        self.revision = revision;
        self
    }

    /// Whether a line under each photo says what is true and what was said.
    #[must_use]
    pub fn captions(mut self, captions: bool) -> Self {
        self.captions = captions;
        self
    }

    /// What the line under each photo says in place of what is true and what was said.
    #[must_use]
    pub fn notes(mut self, notes: &'a Notes<'a>) -> Self {
        self.captions = true;
        self.notes = Some(notes);
        self
    }

    /// A texture to be laid over one photo, such as a heat map.
    #[must_use]
    pub fn overlay(mut self, overlay: Option<(usize, TextureId)>) -> Self {
        self.overlay = overlay;
        self
    }

    /// The identity of a grid named `id`, for giving it the keyboard.
    pub fn id_of(id: &str) -> Id {
        Id::unique(("photo grid", id))
    }

    /// Shows the grid in all the room there is. `item` says what is known of a photo.
    pub fn show<'s>(
        &self,
        ui: &mut Ui,
        state: &mut GridState,
        thumbnails: &mut Thumbnails,
        item: impl Fn(usize) -> Option<Item<'s>>,
    ) -> GridOutput {
        let mut output = GridOutput::default();
        let rect = ui.available_rect_before_wrap();
        let layout = Layout::new(rect.size(), self.cell, self.captions, self.order.len());
        let focus = self.focus(ui, rect);
        let before = state.shown.map(|_| state.offset);
        self.keep_place(state, &layout);
        if focus {
            self.keys(ui, state, &layout, &mut output);
        }
        if std::mem::take(&mut state.reveal)
            && let Some(position) = state.position(self.order)
        {
            state.offset = layout.offset_to_show(position, state.offset);
        }
        // Among thousands of photos the handle would be too small to be seen, let alone taken.
        let bar = ui.spacing().scroll;
        ui.spacing_mut().scroll = ScrollStyle {
            bar_width: SCROLL_BAR,
            floating_width: SCROLL_BAR / 2.0,
            handle_min_length: 40.0,
            dormant_handle_opacity: 0.5,
            ..bar
        };
        let mut area = ScrollArea::vertical()
            .id_salt(self.id)
            .auto_shrink(false)
            .scroll_bar_visibility(ScrollBarVisibility::VisibleWhenNeeded);
        if before != Some(state.offset) {
            area = area.vertical_scroll_offset(state.offset.clamp(0.0, layout.largest_offset()));
        }
        let scrolled = area.show_viewport(ui, |ui, viewport| {
            ui.set_height(layout.height());
            self.cells(ui, state, thumbnails, &layout, viewport, &item, &mut output);
        });
        ui.spacing_mut().scroll = bar;
        state.offset = scrolled.state.clamped_offset().y;
        output
    }

    /// The grid has one place in the order of Tab, not one for each photo. Returns whether it has the keyboard.
    fn focus(&self, ui: &Ui, rect: Rect) -> bool {
        let id = Self::id_of(self.id);
        let response = ui.interact(rect, id, Sense::focusable_noninteractive());
        response.widget_info(|| WidgetInfo::labeled(egui::Role::Grid, ui.is_enabled(), "Photos"));
        // A dialog, a menu or an open list has the keyboard to itself.
        let free = !Popup::is_any_open(ui.ctx()) && ui.memory(|memory| memory.allows_interaction(ui.layer_id()));
        let focus = ui.memory_mut(|memory| {
            if memory.focused().is_none() && free && ui.is_enabled() {
                memory.request_focus(id);
            }
            // Escape stays with the grid, which hands it on, so that one press does one thing.
            let filter = EventFilter { tab: false, horizontal_arrows: true, vertical_arrows: true, escape: true };
            memory.set_focus_lock_filter(id, filter);
            memory.has_focus(id)
        });
        focus && free && ui.is_enabled()
    }

    /// Keeps what is in view in view when the columns or the cells change, and goes to the selection when the order does.
    fn keep_place(&self, state: &mut GridState, layout: &Layout) {
        let now = Shown { columns: layout.columns, pitch: layout.pitch.y, revision: self.revision };
        let Some(before) = state.shown.replace(now) else { return };
        if before.revision != now.revision {
            match state.position(self.order) {
                Some(_) => state.reveal = true,
                None => state.offset = 0.0,
            }
        } else if before.columns != now.columns || before.pitch != now.pitch {
            let top = (state.offset / before.pitch).round() as usize * before.columns;
            state.offset = layout.offset_of(top);
        }
    }

    fn keys(&self, ui: &Ui, state: &mut GridState, layout: &Layout, output: &mut GridOutput) {
        let pressed = |act| shortcuts::taken(ui, Place::Photos, act);
        let Some(last) = self.order.len().checked_sub(1) else {
            output.escaped = pressed(Act::Back);
            return;
        };
        if pressed(Act::ChooseAll) {
            state.selected =
                state.selected.filter(|_| state.position(self.order).is_some()).or(self.order.first().copied());
            state.chosen = Selection::all(self.order);
        }
        let (columns, page) = (layout.columns as isize, layout.rows_on_screen() as isize * layout.columns as isize);
        let steps = [
            (Act::Left, -1),
            (Act::Right, 1),
            (Act::Up, -columns),
            (Act::Down, columns),
            (Act::ScreenUp, -page),
            (Act::ScreenDown, page),
            (Act::First, isize::MIN),
            (Act::Last, isize::MAX),
        ];
        for (act, step) in steps {
            // By the event itself: in a slow frame Shift may be up again.
            let shift = shortcuts::taken_with_shift(ui, Place::Photos, act);
            if !shift && !pressed(act) {
                continue;
            }
            let target = match state.position(self.order) {
                _ if step == isize::MIN => 0,
                _ if step == isize::MAX => last,
                Some(position) => layout::step(position, step, layout.columns, last),
                None => 0,
            };
            let modifiers = Modifiers { shift, ..Modifiers::NONE };
            self.choose(state, target, modifiers, output);
        }
        if state.position(self.order).is_some() {
            output.said = marking::pressed(ui);
            output.similar = state.selected.filter(|_| pressed(Act::Similar));
        }
        if pressed(Act::Enlarge) {
            output.activated = state.position(self.order).and(state.selected);
        }
        if pressed(Act::Back) {
            output.escaped = state.chosen_count() <= 1;
            state.chosen = Selection::default();
        }
    }

    /// Selects the photo at a place; with Shift all from where the choice began, with Ctrl one more or one less.
    fn choose(&self, state: &mut GridState, position: usize, modifiers: Modifiers, output: &mut GridOutput) {
        let Some(&index) = self.order.get(position) else { return };
        if state.selected != Some(index) {
            output.selected = Some(index);
        }
        if modifiers.shift {
            let begun = state.chosen.begun().or(state.selected);
            let begun = begun.and_then(|begun| self.order.iter().position(|&other| other == begun)).unwrap_or(position);
            let range = self.order.get(begun.min(position)..=begun.max(position)).unwrap_or_default();
            state.chosen = Selection::range(range, self.order.get(begun).copied());
            state.selected = Some(index);
        } else if modifiers.command {
            state.selected = state.chosen.toggle(state.selected, index);
        } else {
            state.select(index);
        }
        state.reveal = true;
    }

    #[expect(clippy::too_many_arguments)] // the inside of one closure
    fn cells<'s>(
        &self,
        ui: &mut Ui,
        state: &mut GridState,
        thumbnails: &mut Thumbnails,
        layout: &Layout,
        viewport: Rect,
        item: &impl Fn(usize) -> Option<Item<'s>>,
        output: &mut GridOutput,
    ) {
        let origin = ui.max_rect().left_top() + egui::vec2(0.0, viewport.top());
        let pixels_per_point = ui.ctx().pixels_per_point();
        let side = (layout.side() * pixels_per_point).round();
        let visible = layout.visible(viewport.top(), viewport.height());
        let several = state.chosen_count() > 1;
        let mut painter = cell::Painter::new(ui, layout.side(), self.captions);
        for position in visible.clone() {
            let Some(item) = self.order.get(position).and_then(|&index| item(index)) else { continue };
            let rect = layout.cell(position, origin, viewport.top(), pixels_per_point);
            let response = ui.interact(rect, Self::id_of(self.id).with(item.index), Sense::CLICK);
            let thumbnail = thumbnails.get(&item.sample.path, side);
            let selected = state.selected == Some(item.index);
            let chosen = state.is_chosen(item.index);
            cell::describe(ui, &response, &item, chosen);
            // The selected photo alone keeps its colours.
            let chosen = several && chosen;
            if response.hovered() {
                output.hovered = Some(item.index);
            }
            let overlay = self.overlay.filter(|(index, _)| *index == item.index).map(|(_, texture)| texture);
            let note = self.notes.and_then(|notes| notes(item.index));
            let how = State { selected, chosen, hovered: response.hovered() };
            painter.add(ui, rect, &item, thumbnail, overlay, note, how);
            if response.clicked() {
                ui.memory_mut(|memory| memory.request_focus(Self::id_of(self.id)));
                let modifiers = ui.input(|input| input.modifiers);
                self.choose(state, position, modifiers, output);
            }
            if response.double_clicked() {
                output.activated = Some(item.index);
            }
            cell::hover_text(response, &item, thumbnails.failure(&item.sample.path));
        }
        painter.finish();
        for position in layout.near(&visible) {
            if let Some(item) = self.order.get(position).and_then(|&index| item(index)) {
                thumbnails.prepare(&item.sample.path, side);
            }
        }
    }
}

/// Room to the right of the cells for the scroll bar.
const SCROLL_BAR: f32 = theme::space::M;
