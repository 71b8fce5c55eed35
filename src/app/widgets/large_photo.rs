//! Going through the photos of a grid one by one, each shown large in the grid's place: the keys, and buttons for the
//! same.

use egui::{EventFilter, Id, Popup, Role, Sense, Ui, WidgetInfo};

use crate::app::command::Command;
use crate::app::shortcuts::{self, Act, Place};
use crate::app::theme::{self, icons};
use crate::app::widgets::form::icon_button;
use crate::app::widgets::grid::{Grid, GridState};
use crate::app::widgets::marking;
use crate::format;

/// A grid whose selected photo is shown large.
pub struct LargePhoto<'a> {
    /// The grid's name.
    pub grid: &'a str,
    /// Its photos, by their numbers in the data set.
    pub order: &'a [usize],
    /// Whether labelling goes on to the next photo.
    pub advance: bool,
}

impl LargePhoto<'_> {
    /// Takes the keyboard for all that is left of `ui`, unless something else took it: labels, steps from photo to
    /// photo, and back. Whether the grid is asked for again.
    pub fn keys(&self, ui: &Ui, state: &mut GridState, commands: &mut Vec<Command>) -> bool {
        if !self.has_keyboard(ui) {
            return false;
        }
        for said in marking::pressed(ui) {
            marking::mark(state, self.order, said, self.advance, commands);
        }
        let pressed = |act| shortcuts::taken(ui, Place::Photos, act);
        for (act, step) in [(Act::Left, -1), (Act::Up, -1), (Act::Right, 1), (Act::Down, 1)] {
            if pressed(act) {
                step_by(state, self.order, step);
            }
        }
        for (act, photo) in [(Act::First, self.order.first()), (Act::Last, self.order.last())] {
            if let Some(&photo) = photo.filter(|_| pressed(act)) {
                state.select(photo);
            }
        }
        let back = [Act::Back, Act::Enlarge].into_iter().any(pressed);
        if back {
            self.hand_back(ui);
        }
        back
    }

    /// Buttons for the steps, and which photo of how many it is. Whether the grid is asked for again.
    pub fn steps_ui(&self, ui: &mut Ui, state: &mut GridState) -> bool {
        let hint = |ui: &Ui, words, act| shortcuts::hint(ui.ctx(), words, Place::Photos, act);
        let back = icon_button(ui, icons::ICON_ARROW_BACK, &hint(ui, "Back to the photos", Act::Back)).clicked();
        if back {
            self.hand_back(ui);
        }
        if icon_button(ui, icons::ICON_CHEVRON_LEFT, &hint(ui, "Photo before", Act::Left)).clicked() {
            step_by(state, self.order, -1);
        }
        if icon_button(ui, icons::ICON_CHEVRON_RIGHT, &hint(ui, "Next photo", Act::Right)).clicked() {
            step_by(state, self.order, 1);
        }
        if let Some(position) = state.position(self.order) {
            let (at, of) = (format::count(position as u64 + 1), format::count(self.order.len() as u64));
            ui.label(theme::quiet(ui, format!("{at} of {of}")));
        }
        back
    }

    fn has_keyboard(&self, ui: &Ui) -> bool {
        let id = Id::unique((self.grid, "large photo"));
        let background = ui.interact(ui.available_rect_before_wrap(), id, Sense::focusable_noninteractive());
        background.widget_info(|| WidgetInfo::labeled(Role::Pane, ui.is_enabled(), "Large photo"));
        let free = !Popup::is_any_open(ui.ctx()) && ui.memory(|memory| memory.allows_interaction(ui.layer_id()));
        free && ui.memory_mut(|memory| {
            if memory.focused().is_none() {
                memory.request_focus(id);
            }
            let own = EventFilter { tab: false, horizontal_arrows: true, vertical_arrows: true, escape: true };
            memory.set_focus_lock_filter(id, own);
            memory.has_focus(id)
        })
    }

    fn hand_back(&self, ui: &Ui) {
        ui.memory_mut(|memory| memory.request_focus(Grid::id_of(self.grid)));
    }
}

/// Selects the photo so many places on in the order that is shown.
pub fn step_by(state: &mut GridState, order: &[usize], step: isize) {
    if let Some(photo) = state.neighbour(order, step) {
        state.select(photo);
    }
}
