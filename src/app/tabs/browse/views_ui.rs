//! The list of saved views in the pane at the left.

use egui::{Button, Key, Popup, Role, TextEdit, Ui, WidgetInfo, vec2};

use super::filter::{Filter, Sorting};
use super::saved_views::SavedView;
use crate::app::command::Command;
use crate::app::theme::{self, icons, space};
use crate::app::widgets::form;

/// Room for the button beside a view.
const MENU: f32 = 40.0;

/// A name that is being typed.
#[derive(Default)]
pub(super) struct Naming {
    /// For which view, or for a new one.
    open: Option<Option<usize>>,
    text: String,
    focused: bool,
}

/// Lists the views. One that is pressed is taken over into `filter` and `sorting`.
pub(super) fn ui(
    ui: &mut Ui,
    views: &[SavedView],
    (filter, sorting): (&mut Filter, &mut Sorting),
    naming: &mut Naming,
    commands: &mut Vec<Command>,
) {
    ui.horizontal(|ui| {
        ui.label(theme::strong("Views"));
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            if form::icon_button(ui, icons::ICON_BOOKMARK_ADD, "Save what is shown as a view").clicked() {
                *naming = Naming { open: Some(None), ..Naming::default() };
            }
        });
    });
    ui.spacing_mut().item_spacing.y = 2.0;
    for index in 0..views.len() {
        if naming.open == Some(Some(index)) {
            naming_ui(ui, views, (filter, sorting), naming, commands);
        } else {
            view_ui(ui, views, index, (filter, sorting), naming, commands);
        }
    }
    if naming.open == Some(None) {
        naming_ui(ui, views, (filter, sorting), naming, commands);
    } else if views.is_empty() {
        ui.label(theme::quiet(ui, "Filter and order under a name").size(theme::SMALL));
    }
    ui.spacing_mut().item_spacing.y = space::S;
    ui.add_space(space::S);
}

fn view_ui(
    ui: &mut Ui,
    views: &[SavedView],
    index: usize,
    (filter, sorting): (&mut Filter, &mut Sorting),
    naming: &mut Naming,
    commands: &mut Vec<Command>,
) {
    let Some(view) = views.get(index) else { return };
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 2.0;
        let shown = view.filter == *filter && view.sorting == *sorting;
        let width = ui.available_width() - MENU;
        let button =
            Button::selectable(shown, view.name.as_str()).right_text("").min_size(vec2(width, 26.0)).truncate();
        let response = ui.allocate_ui(vec2(width, 26.0), |ui| ui.add(button)).inner;
        response.widget_info(|| WidgetInfo::selected(Role::Button, ui.is_enabled(), shown, view.name.as_str()));
        if response.on_hover_text("Shows these photos in this order").clicked() {
            (*filter, *sorting) = (view.filter.clone(), view.sorting);
        }
        let name = format!("Rename or delete “{}”", view.name);
        let menu = ui.menu_button(icons::ICON_MORE_VERT.codepoint, |ui| {
            if ui.button(theme::icon_text(icons::ICON_EDIT, "Rename")).clicked() {
                *naming = Naming { open: Some(Some(index)), text: view.name.clone(), focused: false };
                Popup::close_all(ui.ctx()); // by keys as well
            }
            ui.menu_button(theme::icon_text(icons::ICON_DELETE, "Delete"), |ui| {
                if ui.button("Delete this view").clicked() {
                    let others = views.iter().enumerate().filter(|(other, _)| *other != index);
                    commands.push(Command::KeepViews(others.map(|(_, view)| view.clone()).collect()));
                    Popup::close_all(ui.ctx());
                }
            });
        });
        menu.response.widget_info(|| WidgetInfo::labeled(Role::Button, ui.is_enabled(), &name));
        menu.response.on_hover_text(name);
    });
}

/// A field for a name, and what becomes of it.
fn naming_ui(
    ui: &mut Ui,
    views: &[SavedView],
    (filter, sorting): (&Filter, &Sorting),
    naming: &mut Naming,
    commands: &mut Vec<Command>,
) {
    let field = TextEdit::singleline(&mut naming.text).hint_text("name of the view").margin(vec2(8.0, 6.0));
    let field = ui.add(field.desired_width(f32::INFINITY));
    ui.ctx().accesskit_node_builder(field.id, |node| node.set_label("Name of the view"));
    if !std::mem::replace(&mut naming.focused, true) {
        field.request_focus();
    }
    let name = naming.text.trim().to_owned();
    let (entered, left) = (form::ended_by(ui, &field, Key::Enter), form::ended_by(ui, &field, Key::Escape));
    let mut done = left;
    ui.horizontal(|ui| {
        let save = form::primary(ui, !name.is_empty(), "Save").clicked() || entered;
        if save && !name.is_empty() {
            commands.push(Command::KeepViews(named(views, naming.open.flatten(), &name, filter, *sorting)));
            done = true;
        }
        done |= ui.button("Cancel").clicked();
    });
    if done {
        *naming = Naming::default();
    }
}

/// The views with one renamed, or with a new one, which takes the place of one of the same name.
fn named(views: &[SavedView], index: Option<usize>, name: &str, filter: &Filter, sorting: Sorting) -> Vec<SavedView> {
    let mut views = views.to_vec();
    if let Some(view) = index.and_then(|index| views.get_mut(index)) {
        name.clone_into(&mut view.name);
        return views;
    }
    let view = SavedView { name: name.to_owned(), filter: filter.clone(), sorting };
    match views.iter_mut().find(|other| other.name == name) {
        Some(other) => *other = view,
        None => views.push(view),
    }
    views
}
