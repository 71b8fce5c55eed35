//! The pane at the left: what is shown.

use egui::{Align, Button, Key, Layout, RichText, Role, ScrollArea, TextEdit, Ui, WidgetInfo, vec2};

use super::filter::{Counts, Filter, Group};
use crate::app::shortcuts::{self, Act, Place};
use crate::app::theme::{self, icons, space};
use crate::app::widgets::form;
use crate::dataset::Dataset;
use crate::format;

/// Shows the filter and lets the user change it; `views` stands above its properties and `more` below. `find` gives the
/// field for names the keyboard.
pub fn ui(
    ui: &mut Ui,
    filter: &mut Filter,
    counts: &Counts,
    (shown, find): (usize, bool),
    dataset: &Dataset,
    views: impl FnOnce(&mut Ui, &mut Filter),
    more: impl FnOnce(&mut Ui),
) {
    ui.with_layout(Layout::bottom_up(Align::Min), |ui| {
        footer(ui, filter, shown, dataset);
        ui.with_layout(Layout::top_down(Align::Min), |ui| {
            name_ui(ui, filter, find);
            ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
                views(ui, filter);
                for group in Group::ALL {
                    let chosen = (0..group.values().len()).any(|value| filter.has(group, value));
                    if counts.differ(group) || chosen {
                        group_ui(ui, filter, counts, group);
                    }
                }
                tags_ui(ui, filter, counts);
                more(ui);
            });
        });
    });
}

fn name_ui(ui: &mut Ui, filter: &mut Filter, find: bool) {
    let label = ui.label(theme::strong("Name"));
    let hint = theme::quiet(ui, "part of a name");
    let field = TextEdit::singleline(&mut filter.text).hint_text(hint).desired_width(f32::INFINITY);
    let field = ui.add(field.margin(vec2(8.0, 6.0))).labelled_by(label.id);
    if find {
        field.request_focus();
    }
    form::ended_by(ui, &field, Key::Enter);
    field.on_hover_text(shortcuts::hint(
        ui.ctx(),
        "Shows photos whose name or folder contains these words",
        Place::Anywhere,
        Act::Find,
    ));
    ui.add_space(space::XS);
}

fn group_ui(ui: &mut Ui, filter: &mut Filter, counts: &Counts, group: Group) {
    ui.label(theme::strong(group.title()));
    ui.spacing_mut().item_spacing.y = 2.0;
    for (index, value) in group.values().iter().enumerate() {
        let chosen = filter.has(group, index);
        if counts.all(group, index) == 0 && !chosen {
            continue;
        }
        let text = match value.class {
            Some(class) => theme::class_text(ui, class),
            None => RichText::new(value.name),
        };
        let count = theme::quiet(ui, format::count(counts.passing(group, index) as u64));
        let button = Button::selectable(chosen, text).right_text(count).min_size(vec2(ui.available_width(), 26.0));
        let response = ui.add(button);
        response.widget_info(|| WidgetInfo::selected(Role::CheckBox, ui.is_enabled(), chosen, value.name));
        let response = if value.hint.is_empty() { response } else { response.on_hover_text(value.hint) };
        if response.clicked() {
            filter.toggle(group, index);
        }
    }
    ui.spacing_mut().item_spacing.y = space::S;
    ui.add_space(space::XS);
}

/// The tags on the photos, each with a place of its own.
fn tags_ui(ui: &mut Ui, filter: &mut Filter, counts: &Counts) {
    let mut tags: Vec<(&str, usize)> = counts.tags().iter().map(|(tag, count)| (tag.as_str(), *count)).collect();
    tags.extend(filter.tags.iter().filter(|tag| !counts.tags().contains_key(*tag)).map(|tag| (tag.as_str(), 0)));
    if tags.is_empty() {
        return;
    }
    let mut pressed = None;
    ui.label(theme::strong("Tags"));
    ui.spacing_mut().item_spacing.y = 2.0;
    for (tag, count) in tags {
        let chosen = filter.tags.contains(tag);
        let count = theme::quiet(ui, format::count(count as u64));
        let button = Button::selectable(chosen, tag).right_text(count).min_size(vec2(ui.available_width(), 26.0));
        let response = ui.add(button.truncate());
        response.widget_info(|| WidgetInfo::selected(Role::CheckBox, ui.is_enabled(), chosen, tag));
        if response.clicked() {
            pressed = Some(tag.to_owned());
        }
    }
    if let Some(tag) = pressed {
        filter.toggle_tag(&tag);
    }
    ui.spacing_mut().item_spacing.y = space::S;
    ui.add_space(space::XS);
}

/// From the bottom up: how many are shown, and what was noticed while listing.
fn footer(ui: &mut Ui, filter: &mut Filter, shown: usize, dataset: &Dataset) {
    let all = dataset.samples.len();
    ui.add_enabled_ui(!filter.is_empty(), |ui| {
        let button = Button::new(theme::icon_text(icons::ICON_FILTER_ALT_OFF, "Clear the filter"));
        if ui.add(button.min_size(vec2(ui.available_width(), theme::ROW))).clicked() {
            *filter = Filter::default();
        }
    });
    let text = if shown == all {
        format!("{} shown", format::count(all as u64))
    } else {
        format!("{} of {} shown", format::count(shown as u64), format::count(all as u64))
    };
    ui.label(theme::quiet(ui, text));
    let skipped = dataset.skipped;
    if !dataset.problems.is_empty() {
        let text = format::counted(dataset.problems.len(), "problem", "problems");
        let warning = RichText::new(theme::icon_text(icons::ICON_WARNING, &text)).color(theme::palette(ui).warning);
        ui.label(warning).on_hover_ui(|ui| {
            for problem in dataset.problems.iter().take(12) {
                ui.label(format!("{}: {}", problem.file, problem.reason));
            }
            if dataset.problems.len() > 12 {
                ui.label(theme::quiet(ui, format!("and {} more", format::count(dataset.problems.len() as u64 - 12))));
            }
        });
    }
    if skipped.other + skipped.hidden + skipped.loops > 0 {
        let text = format!("{} passed over", format::count((skipped.other + skipped.hidden + skipped.loops) as u64));
        ui.label(theme::quiet(ui, text).size(theme::SMALL)).on_hover_ui(|ui| {
            for (count, one, many) in [
                (skipped.other, "file that is no picture, by its name", "files that are no pictures, by their names"),
                (skipped.hidden, "hidden file or folder", "hidden files and folders"),
                (skipped.loops, "link that leads back into itself", "links that lead back into themselves"),
            ] {
                if count > 0 {
                    ui.label(format::counted(count, one, many));
                }
            }
        });
    }
}
