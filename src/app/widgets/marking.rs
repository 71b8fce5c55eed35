//! Labelling the chosen photos of a grid: the keys, and a bar with buttons for the same.
//!
//! A tab with a grid of its own shows [`bar`] beside it and hands what the grid says to [`obey`]; all else is done by
//! the window.

use egui::containers::menu::{MenuButton, MenuConfig};
use egui::style::StyleModifier;
use egui::{Button, Id, Key, PopupCloseBehavior, RichText, Role, ScrollArea, TextEdit, Ui, Vec2, WidgetInfo, vec2};

use crate::app::command::Command;
use crate::app::session::Session;
use crate::app::settings::Settings;
use crate::app::shortcuts::{self, Act, Place};
use crate::app::theme::{self, icons, space};
use crate::app::widgets::form;
use crate::app::widgets::grid::{GridOutput, GridState};
use crate::dataset::labels::{Change, tag_of};
use crate::dataset::{Class, Mark};
use crate::format;

/// What is said of photos; with `None`, what was found is in force again.
pub type Said = Option<Mark>;

/// What has keys that label.
const ACTS: [Act; 5] = [Act::Crack, Act::Intact, Act::Unsure, Act::Exclude, Act::AsFound];
const CRACKED: Said = Some(Mark::Class(Class::Positive));
const INTACT: Said = Some(Mark::Class(Class::Negative));

/// Bars shorter than this, in points, have buttons without words.
const ROOM_FOR_WORDS: f32 = 640.0;
/// Tags that the menu offers at once.
const TAGS_HIGH: f32 = 220.0;

/// What the keys of this frame say of photos, in the order in which they were pressed; a key that is held says it once.
/// Only for whom the keyboard belongs to.
pub fn pressed(ui: &Ui) -> Vec<Said> {
    let acts = shortcuts::taken_in_order(ui, Place::Photos, &ACTS);
    acts.into_iter().filter_map(|act| BUTTONS.iter().find(|button| button.2 == act)).map(|button| button.0).collect()
}

/// Carries out what the keys said in a grid that shows `order`: labels, and the way to similar photos.
pub fn obey(output: &GridOutput, state: &mut GridState, order: &[usize], advance: bool, commands: &mut Vec<Command>) {
    for &said in &output.said {
        mark(state, order, said, advance, commands);
    }
    commands.extend(output.similar.map(Command::Similar));
}

/// Says something of the chosen photos, and goes on to the next one if `advance` says so.
pub fn mark(state: &mut GridState, order: &[usize], said: Said, advance: bool, commands: &mut Vec<Command>) {
    let photos = state.chosen(order);
    if photos.is_empty() {
        return;
    }
    if advance {
        state.advance(order);
    }
    commands.push(Command::Label { photos, change: Change::Mark(said) });
}

/// The buttons, for the chosen photos of a grid that shows `order`.
pub fn bar(
    ui: &mut Ui,
    state: &mut GridState,
    order: &[usize],
    session: &Session,
    settings: &mut Settings,
    commands: &mut Vec<Command>,
) {
    let words = ui.available_width() >= ROOM_FOR_WORDS;
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = Vec2::splat(space::XS);
        let chosen = state.chosen_count();
        let said = said_of_all(session, state);
        ui.add_enabled_ui(chosen > 0, |ui| {
            for (value, name, act) in BUTTONS {
                let held = said == Some(value) && value.is_some();
                if said_button(ui, value, name, act, words, held) {
                    mark(state, order, value, settings.advance, commands);
                }
            }
            tags_menu(ui, state, order, session, words, commands);
        });
        ui.add_space(space::XS);
        let name = "Go on to the next photo after labelling";
        if toggle(ui, icons::ICON_KEYBOARD_TAB, name, settings.advance) {
            settings.advance = !settings.advance;
        }
        undo_buttons(ui, session, commands);
        if form::icon_button(
            ui,
            icons::ICON_IOS_SHARE,
            &shortcuts::hint(ui.ctx(), "Export the labels…", Place::Anywhere, Act::ExportLabels),
        )
        .clicked()
        {
            commands.push(Command::LabelsForm);
        }
        if chosen > 1 {
            ui.add_space(space::XS);
            ui.label(theme::strong(format!("{} chosen", format::count(chosen as u64))));
        }
    });
}

/// What the buttons say, with their names and keys.
const BUTTONS: [(Said, &str, Act); 5] = [
    (CRACKED, "Crack", Act::Crack),
    (INTACT, "Intact", Act::Intact),
    (Some(Mark::Unsure), "Unsure", Act::Unsure),
    (Some(Mark::Excluded), "Exclude", Act::Exclude),
    (None, "As found", Act::AsFound),
];

fn hint(said: Said) -> &'static str {
    match said {
        CRACKED => "The photo shows a crack",
        Some(Mark::Class(_)) => "The photo shows no crack",
        Some(Mark::Unsure) => "Nobody can tell: neither trained on nor counted",
        Some(Mark::Excluded) => "The photo takes no part in anything",
        None => "What folder names or labels.csv say is in force again",
    }
}

fn said_button(ui: &mut Ui, said: Said, name: &str, act: Act, words: bool, held: bool) -> bool {
    let colours = theme::palette(ui);
    let text = match said {
        Some(Mark::Class(class)) => {
            let text = if words { format!("{} {name}", theme::mark(class)) } else { theme::mark(class).to_owned() };
            RichText::new(text).color(colours.class(class))
        }
        other => {
            let icon = match other {
                Some(Mark::Excluded) => icons::ICON_BLOCK,
                Some(_) => icons::ICON_QUESTION_MARK,
                None => icons::ICON_RESTART_ALT,
            };
            let word = words && other.is_some();
            RichText::new(if word { theme::icon_text(icon, name) } else { icon.codepoint.to_owned() })
        }
    };
    let button = ui.add(Button::selectable(held, text).frame_when_inactive(true).min_size(theme::icon_button_size()));
    button.widget_info(|| WidgetInfo::selected(Role::Button, ui.is_enabled(), held, name));
    let name = shortcuts::hint(ui.ctx(), name, Place::Photos, act);
    button.on_hover_text(format!("{name}: {}", hint(said))).clicked()
}

fn toggle(ui: &mut Ui, icon: theme::Icon, name: &str, on: bool) -> bool {
    let button = Button::selectable(on, icon.codepoint).frame_when_inactive(true).min_size(theme::icon_button_size());
    let button = ui.add(button);
    button.widget_info(|| WidgetInfo::selected(Role::CheckBox, ui.is_enabled(), on, name));
    button.on_hover_text(name).clicked()
}

fn undo_buttons(ui: &mut Ui, session: &Session, commands: &mut Vec<Command>) {
    let (undo, redo) = (session.labels.to_undo(), session.labels.to_redo());
    let buttons = [
        (icons::ICON_TURN_LEFT, "Undo", undo, Act::Undo, Command::Undo),
        (icons::ICON_TURN_RIGHT, "Redo", redo, Act::Redo, Command::Redo),
    ];
    for (icon, name, what, act, command) in buttons {
        let button = Button::new(icon.codepoint).min_size(theme::icon_button_size());
        let button = ui.add_enabled(what.is_some(), button);
        button.widget_info(|| WidgetInfo::labeled(Role::Button, what.is_some(), name));
        let text = what.map_or_else(|| name.to_owned(), |what| format!("{name}: {what}"));
        let text = shortcuts::hint(ui.ctx(), &text, Place::Anywhere, act);
        if button.on_hover_text(text).clicked() {
            commands.push(command);
        }
    }
}

/// What is said of the chosen photos, where that is the same of all. Only the selected one of many is asked.
fn said_of_all(session: &Session, state: &GridState) -> Option<Said> {
    let selected = state.selected.filter(|_| state.chosen_count() == 1)?;
    session.item(selected).map(|item| item.sample.said())
}

/// Tags of the chosen photos: those that there are, and a field for another one.
fn tags_menu(
    ui: &mut Ui,
    state: &GridState,
    order: &[usize],
    session: &Session,
    words: bool,
    commands: &mut Vec<Command>,
) {
    let text = if words { theme::icon_text(icons::ICON_SELL, "Tags") } else { icons::ICON_SELL.codepoint.to_owned() };
    let button = Button::new(text).min_size(theme::icon_button_size());
    // With the window's own look: a menu has no frame around a field.
    let config =
        MenuConfig::new().close_behavior(PopupCloseBehavior::CloseOnClickOutside).style(StyleModifier::default());
    let (response, inner) = MenuButton::from_button(button).config(config).ui(ui, |ui| {
        ui.set_width(220.0);
        let photos = state.chosen(order);
        if let Some((tag, add)) = tags_ui(ui, session, &photos) {
            commands.push(Command::Label { photos, change: Change::Tag { tag, add } });
        }
    });
    if inner.is_none() {
        ui.data_mut(|data| data.remove::<String>(new_tag()));
    }
    response.widget_info(|| WidgetInfo::labeled(Role::Button, ui.is_enabled(), "Tags"));
    response.on_hover_text("Words of your own on these photos");
}

/// Where the tag is kept that is being typed, while the menu is open.
fn new_tag() -> Id {
    Id::unique("new tag")
}

/// The tag that is to be given or taken away.
fn tags_ui(ui: &mut Ui, session: &Session, photos: &[usize]) -> Option<(String, bool)> {
    let mut asked = None;
    let before: Option<String> = ui.data(|data| data.get_temp(new_tag()));
    let just_opened = before.is_none();
    let mut typed = before.unwrap_or_default();
    let label = ui.label(theme::quiet(ui, "Tag to add"));
    let field = ui.add(TextEdit::singleline(&mut typed).desired_width(f32::INFINITY).margin(vec2(8.0, 6.0)));
    let field = field.labelled_by(label.id);
    if just_opened {
        field.request_focus();
    }
    let entered = form::ended_by(ui, &field, Key::Enter);
    ui.horizontal(|ui| {
        let tag = tag_of(&typed);
        if (form::primary(ui, tag.is_some(), "Add").clicked() || entered)
            && let Some(tag) = tag
        {
            asked = Some((tag, true));
            typed.clear();
            field.request_focus();
        }
        ui.label(theme::quiet(ui, format!("to {}", format::photos(photos.len()))));
    });
    ui.data_mut(|data| data.insert_temp(new_tag(), typed));
    let tags = session.tags();
    if !tags.is_empty() {
        ui.separator();
    }
    ScrollArea::vertical().max_height(TAGS_HIGH).show(ui, |ui| {
        for (tag, _) in tags {
            let tagged = |index: &usize| session.item(*index).is_some_and(|item| item.sample.tags.contains(&tag));
            let mut all = photos.iter().all(tagged);
            if ui.checkbox(&mut all, tag.as_str()).changed() {
                asked = Some((tag, all));
            }
        }
    });
    asked
}
