//! The table: it scrolls, is moved in by keys, and selects. Headings and names stay in view while the rest is scrolled;
//! only what is on the screen is laid out.

use std::collections::BTreeSet;
use std::path::PathBuf;

use egui::{
    EventFilter, FontFamily, FontId, Id, Modifiers, Popup, Pos2, Rect, Response, Role, ScrollArea, Sense, Stroke,
    StrokeKind, Ui, UiBuilder, WidgetInfo, pos2, vec2,
};

use super::actions::Act;
use super::cells::{ground, hover, measure, text};
use super::shown::Shown;
use super::{Compare, Drawn};
use crate::app::scene::Scene;
use crate::app::shortcuts::{self, Act as Key, Place};
use crate::app::tabs::train::live::Live;
use crate::app::theme::{self, space};

/// Height of a row.
pub(super) const ROW: f32 = 26.0;
/// Room for tick and colour, before the name.
pub(super) const TICK: f32 = 48.0;
/// Room for the scroll bars, so that nothing lies beneath them.
const BAR: f32 = 12.0;

/// What the user does with the table in a frame.
#[derive(Default)]
struct Done {
    sort: Option<String>,
    select: Option<(usize, Modifiers)>,
    select_all: bool,
    /// Whether what is selected is to be brought into view.
    reveal: bool,
    tick: Option<usize>,
    act: Option<Act>,
}

/// What a row is painted with.
struct RowContext<'a, 's> {
    shown: &'a mut Shown,
    layout: &'a Places,
    drawn: &'a Drawn<'a>,
    scene: &'a Scene<'s>,
}

/// What stands where on the screen.
pub(super) struct Places {
    /// Where headings and names meet.
    pub(super) corner: Pos2,
    /// The part of the screen that the table has.
    pub(super) room: Rect,
    /// Width of names with their ticks.
    pub(super) names: f32,
    /// The left edges of the other columns, and the right edge of the last.
    pub(super) edges: Vec<f32>,
    /// The top of the first row, wherever it is scrolled to.
    top: f32,
}

impl Places {
    /// Where the cells are that are neither headings nor names.
    pub(super) fn body(&self) -> Rect {
        self.room.with_min_x(self.corner.x).with_min_y(self.corner.y)
    }

    fn row(&self, place: usize) -> Rect {
        let top = self.top + place as f32 * ROW;
        Rect::from_min_max(pos2(self.room.left(), top), pos2(self.room.right(), top + ROW))
    }
}

impl Compare {
    /// Shows the table no higher than `most`.
    pub(super) fn table_ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>, drawn: &mut Drawn<'_>, most: f32) {
        let Some(mut shown) = self.shown.take() else { return };
        if scene.runs.is_empty() {
            self.shown = Some(shown);
            return; // the damaged ones are named above
        }
        if shown.order.is_empty() {
            let text = format!("No run is called anything like “{}”.", self.look.filter.trim());
            ui.label(theme::quiet(ui, text));
            self.shown = Some(shown);
            return;
        }
        measure(ui, &mut shown);
        let mut done = Done::default();
        let height = ((shown.order.len() + 1) as f32 * ROW + BAR).min(most.max(4.0 * ROW));
        let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::hover());
        let focus = self.focus(ui, rect);
        if focus {
            self.keys(ui, &shown, (rect.height() / ROW) as usize, &mut done);
        }
        let mut inner = ui.new_child(UiBuilder::new().max_rect(rect));
        self.scrolled_ui(&mut inner, &mut shown, drawn, scene, &mut done);
        if focus {
            let ring = Stroke::new(1.0, theme::palette(ui).accent);
            ui.painter().rect_stroke(rect.expand(2.0), theme::CORNER, ring, StrokeKind::Outside);
        }
        self.carry_out(ui, scene, drawn.live, (&shown, &mut *drawn.earlier), done);
        self.shown = Some(shown);
    }

    fn id() -> Id {
        Id::unique("table of runs")
    }

    /// Gives the table the keyboard. What lies behind a dialog cannot have it until the frame after that has closed.
    pub(super) fn take_focus(&mut self, ui: &Ui) {
        self.wants_focus = true;
        ui.ctx().request_repaint();
    }

    /// The table has one place in the order of Tab, and the arrows move within it. Returns whether it has the keyboard.
    fn focus(&mut self, ui: &Ui, rect: Rect) -> bool {
        let response = ui.interact(rect, Self::id(), Sense::focusable_noninteractive());
        response.widget_info(|| WidgetInfo::labeled(Role::Grid, ui.is_enabled(), "Table of runs"));
        let front = ui.memory(|memory| memory.allows_interaction(ui.layer_id()));
        let free = front && !Popup::is_any_open(ui.ctx());
        let wants_focus = front && std::mem::take(&mut self.wants_focus);
        ui.memory_mut(|memory| {
            if wants_focus {
                memory.request_focus(Self::id());
            }
            let filter = EventFilter { tab: false, horizontal_arrows: false, vertical_arrows: true, escape: false };
            memory.set_focus_lock_filter(Self::id(), filter);
            memory.has_focus(Self::id()) && free
        })
    }

    fn keys(&self, ui: &Ui, shown: &Shown, page: usize, done: &mut Done) {
        let shift = ui.input(|input| input.modifiers.shift);
        // Whether Shift is held or not.
        let pressed = |key| shortcuts::taken(ui, Place::Runs, key);
        let row = self.selected.last().and_then(|run| shown.row_of(run));
        let at = row.and_then(|row| shown.order.iter().position(|shown| *shown == row));
        let last = shown.order.len().saturating_sub(1);
        let page = page.saturating_sub(2).max(1);
        let (up, down) = (|by: usize| at.map_or(0, |at| at.saturating_sub(by)), |by: usize| at.map_or(0, |at| at + by));
        let steps = [
            (Key::Up, up(1)),
            (Key::Down, down(1)),
            (Key::ScreenUp, up(page)),
            (Key::ScreenDown, down(page)),
            (Key::First, 0),
            (Key::Last, last),
        ];
        for (key, to) in steps {
            if pressed(key)
                && let Some(row) = shown.order.get(to.min(last))
            {
                done.select = Some((*row, if shift { Modifiers::SHIFT } else { Modifiers::NONE }));
                done.reveal = true;
            }
        }
        done.select_all = pressed(Key::ChooseAll);
        let acts = [(Key::Review, Act::Review), (Key::Rename, Act::Rename), (Key::Delete, Act::Delete)];
        done.act = acts.into_iter().find(|(key, _)| pressed(*key)).map(|(_, act)| act);
        if pressed(Key::Tick) {
            done.tick = row;
        }
    }

    fn scrolled_ui(&mut self, ui: &mut Ui, shown: &mut Shown, drawn: &Drawn<'_>, scene: &Scene<'_>, done: &mut Done) {
        let names = TICK + shown.widths.first().copied().unwrap_or_default() + space::S;
        let width = names + shown.widths.iter().skip(1).sum::<f32>();
        let room = ui.max_rect();
        ScrollArea::both().id_salt("runs").auto_shrink(false).show_viewport(ui, |ui, viewport| {
            ui.set_min_size(vec2(width + BAR, (shown.order.len() + 1) as f32 * ROW + BAR));
            if std::mem::take(&mut self.reveal)
                && let Some(row) = self.selected.last().and_then(|run| shown.row_of(run))
                && let Some(place) = shown.order.iter().position(|other| *other == row)
            {
                let top = room.top() - viewport.top() + place as f32 * ROW;
                // With the headings above it and the bar beneath.
                let rect = Rect::from_min_size(pos2(room.left(), top), vec2(1.0, 2.0 * ROW + BAR));
                ui.scroll_to_rect(rect, None);
            }
            let corner = room.min + vec2(names, ROW);
            let mut edges = vec![room.left() + names - viewport.left()];
            for width in shown.widths.iter().skip(1) {
                edges.push(edges.last().copied().unwrap_or_default() + width);
            }
            let layout = Places { corner, room, names, edges, top: corner.y - viewport.top() };
            let first = (viewport.top() / ROW) as usize;
            let last = ((viewport.bottom() / ROW).ceil() as usize).min(shown.order.len());
            let mut context = RowContext { shown, layout: &layout, drawn, scene };
            for place in first..last {
                self.row_ui(ui, &mut context, place, done);
            }
            done.sort = self.headings_ui(ui, shown, &layout);
        });
    }

    fn row_ui(&mut self, ui: &mut Ui, context: &mut RowContext<'_, '_>, place: usize, done: &mut Done) {
        let RowContext { shown, layout, drawn, .. } = context;
        let Some(&row) = shown.order.get(place) else { return };
        let told = shown.tell(row);
        let Some(entry) = shown.comparison.rows.get(row) else { return };
        let rect = layout.row(place);
        let below = layout.room.with_min_y(layout.corner.y);
        ui.scope_builder(UiBuilder::new().max_rect(rect).id_salt(&entry.path), |ui| {
            ui.set_clip_rect(below.intersect(ui.clip_rect()));
            let selected = self.selected.contains(&entry.path);
            let response = ui.interact(rect, Self::id().with(&entry.path), Sense::CLICK);
            response.widget_info(|| WidgetInfo::selected(Role::Row, ui.is_enabled(), selected, &entry.name));
            ui.ctx().accesskit_node_builder(response.id, |node| node.set_description(told));
            let ground = ground(ui, selected, response.hovered());
            ui.painter().rect_filled(rect, 0.0, ground);
            self.cells_ui(ui, shown, layout, rect, row);
            // The names lie over what is scrolled beneath them.
            ui.painter().rect_filled(rect.with_max_x(layout.corner.x), 0.0, ground);
            let own = drawn.live.is_some_and(|live| live.run.as_ref() == Some(&entry.path));
            let ticked = own || drawn.earlier.contains(&entry.path);
            if Self::tick_ui(ui, rect, (&entry.name, drawn.colours.of(ui, &entry.path)), ticked, own) {
                done.tick = Some(row);
            }
            let family = if selected { theme::strong_family() } else { FontFamily::Proportional };
            let name_at = rect.left() + TICK;
            let name = Rect::from_x_y_ranges(name_at..=name_at + layout.names - TICK - space::S, rect.y_range());
            text(ui, &entry.name, FontId::new(theme::BODY, family), theme::palette(ui).text, name, false);
            let response = hover(response, shown, layout, row, self.reference(shown));
            self.answer_row(ui, &response, (row, selected), (context.scene, context.drawn.live), done);
        });
    }

    /// What the pointer does with a row.
    fn answer_row(
        &mut self,
        ui: &Ui,
        response: &Response,
        (row, selected): (usize, bool),
        (scene, live): (&Scene<'_>, Option<&Live>),
        done: &mut Done,
    ) {
        if response.clicked() {
            self.take_focus(ui);
            done.select = Some((row, ui.input(|input| input.modifiers)));
        }
        if response.double_clicked() {
            done.act = Some(Act::Review);
        }
        if response.secondary_clicked() && !selected {
            self.take_focus(ui);
            done.select = Some((row, Modifiers::NONE));
        }
        response.context_menu(|ui| {
            if let Some(act) = self.menu_ui(ui, scene, live) {
                done.act = Some(act);
            }
        });
    }

    /// The run that the others are compared with: the last one selected, or the newest one.
    pub(super) fn reference(&self, shown: &Shown) -> usize {
        self.selected.iter().rev().find_map(|run| shown.row_of(run)).unwrap_or(0)
    }

    fn carry_out(
        &mut self,
        ui: &Ui,
        scene: &mut Scene<'_>,
        live: Option<&Live>,
        (shown, drawn): (&Shown, &mut BTreeSet<PathBuf>),
        done: Done,
    ) {
        if let Some(key) = done.sort {
            let reverse = self.look.sort.0 == key && !self.look.sort.1;
            self.look.sort = (key, reverse);
        }
        if let Some((row, modifiers)) = done.select {
            self.select(shown, row, modifiers);
        }
        if done.select_all {
            // The last one selected stays the one that the others are compared with.
            let last = self.selected.last().cloned();
            let all = shown.order.iter().filter_map(|row| shown.comparison.rows.get(*row)).map(|row| row.path.clone());
            self.selected = all.filter(|run| last.as_ref() != Some(run)).chain(last.clone()).collect();
        }
        if done.reveal {
            self.reveal = true;
            ui.ctx().request_repaint();
        }
        if let Some(entry) = done.tick.and_then(|row| shown.comparison.rows.get(row)) {
            let own = live.is_some_and(|live| live.run.as_ref() == Some(&entry.path));
            if !own && !drawn.remove(&entry.path) {
                drawn.insert(entry.path.clone());
            }
        }
        if let Some(act) = done.act {
            self.act(ui.ctx(), act, scene, live);
        }
    }

    /// Alone, in addition with Ctrl, or all from the last one on with Shift.
    fn select(&mut self, shown: &Shown, row: usize, modifiers: Modifiers) {
        let Some(run) = shown.comparison.rows.get(row).map(|entry| entry.path.clone()) else { return };
        let place = |row: usize| shown.order.iter().position(|other| *other == row);
        let last = self.selected.last().and_then(|run| shown.row_of(run)).and_then(place);
        match (last, place(row)) {
            (Some(from), Some(to)) if modifiers.shift => {
                let between = shown.order.get(from.min(to)..=from.max(to)).unwrap_or_default();
                let runs = between.iter().filter_map(|row| shown.comparison.rows.get(*row));
                let more: Vec<PathBuf> = runs.map(|row| row.path.clone()).collect();
                self.selected.retain(|known| !more.contains(known));
                self.selected.extend(more.into_iter().filter(|other| *other != run));
                self.selected.push(run);
            }
            _ if modifiers.command => {
                let before = self.selected.len();
                self.selected.retain(|known| *known != run);
                if self.selected.len() == before {
                    self.selected.push(run);
                }
            }
            _ => self.selected = vec![run],
        }
    }
}
