//! What tells which photos belong together: each can be switched on and off, and says how much it found.

use egui::{Checkbox, DragValue, Frame, Label, Margin, ScrollArea, Ui};

use super::up_to_date;
use crate::app::command::Command;
use crate::app::scene::Scene;
use crate::app::theme::{self, space};
use crate::app::widgets::form::{number, primary, row};
use crate::format;
use crate::train::grouping::{Found, Reason, Source};

/// From the edge of a checkbox to its word.
const INDENT: i8 = 22;

/// Shows them, and the button that looks for groups.
pub(super) fn ui(ui: &mut Ui, scene: &mut Scene<'_>) {
    ui.label(theme::section("Kept together"));
    ui.add_space(space::XS);
    let grouped = scene.session.groups.clone();
    let found = |reason| grouped.as_ref()?.grouping.found.iter().find(|found| found.reason == reason);
    let button = 44.0;
    let height = (ui.available_height() - button).max(0.0);
    ScrollArea::vertical().auto_shrink([false, true]).max_height(height).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = space::XS;
        ui.label(theme::strong("Identical files")).on_hover_text(Reason::Identical.meaning());
        counts_ui(ui, found(Reason::Identical));
        let config = &mut scene.settings.train.groups;
        for source in Source::ALL {
            let reason = Reason::Found(source);
            let mut on = config.by.contains(&source);
            if ui.add(Checkbox::new(&mut on, capital(reason.title()))).on_hover_text(reason.meaning()).changed() {
                if on {
                    config.by.insert(source)
                } else {
                    config.by.remove(&source)
                };
            }
            counts_ui(ui, found(reason));
            if source == Source::Time && on {
                row(ui, "At most", "The longest time between two photos taken in a row", |ui| {
                    number(ui, DragValue::new(&mut config.time_gap).range(0.0..=3600.0).suffix(" s").max_decimals(1));
                });
            }
        }
        ui.label(theme::strong("By hand")).on_hover_text(Reason::ByHand.meaning());
        match found(Reason::ByHand).filter(|found| found.on) {
            Some(found) => counts_ui(ui, Some(found)),
            None => drop(ui.add(Label::new(theme::quiet(ui, "Nothing said").size(theme::SMALL)))),
        }
    });
    if grouped.is_none() {
        return; // the one button stands in the middle
    }
    ui.add_space(space::S);
    let (fresh, free) = (up_to_date(scene).is_some(), scene.job.is_none());
    let again = "Group again";
    let button = if fresh { ui.add_enabled(free, egui::Button::new(again)) } else { primary(ui, free, again) };
    if button.on_disabled_hover_text("Another job is still running").clicked() {
        scene.commands.push(Command::FindGroups(None));
    }
}

/// How much one of them found, and what else is to be said of it.
fn counts_ui(ui: &mut Ui, found: Option<&Found>) {
    let Some(found) = found else { return };
    let text = match found.groups {
        0 => "none found".to_owned(),
        n => format!("{} of {}", format::counted(n, "group", "groups"), format::photos(found.photos)),
    };
    let notes = std::iter::once(text).chain(found.note.as_deref().map(capital));
    let left = if found.reason == Reason::Identical || found.reason == Reason::ByHand { 0 } else { INDENT };
    Frame::new().inner_margin(Margin { left, ..Margin::ZERO }).show(ui, |ui| {
        for text in notes {
            ui.add(Label::new(theme::quiet(ui, text).size(theme::SMALL)).wrap());
        }
    });
}

/// The text with a capital first letter.
pub(super) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().collect::<String>() + letters.as_str()).unwrap_or_default()
}
