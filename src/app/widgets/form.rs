//! Controls with names: what forms are made of.

use egui::{
    Align, Button, Color32, ComboBox, DragValue, InnerResponse, Key, Label, Layout, Modifiers, Popup, Rect, Response,
    RichText, Role, Sense, Stroke, Ui, WidgetInfo, vec2,
};

use crate::app::theme;

/// Thickness of a bar of progress.
const BAR: f32 = 6.0;
/// Width of a number in a form.
const NUMBER: f32 = 92.0;
/// Width of the names in a form.
const NAMES: f32 = 104.0;

/// A control with its name to the left. `hint` says what the name means.
pub fn row<R>(ui: &mut Ui, name: &str, hint: &str, control: impl FnOnce(&mut Ui) -> R) -> R {
    ui.horizontal(|ui| {
        ui.set_min_height(theme::ROW);
        let label = ui
            .allocate_ui_with_layout(vec2(NAMES, theme::ROW), Layout::left_to_right(Align::Center), |ui| {
                ui.set_min_width(NAMES);
                ui.add(Label::new(theme::quiet(ui, name)).truncate())
            })
            .inner;
        let label = if hint.is_empty() { label } else { label.on_hover_text(hint) };
        ui.label_inputs_by(label.id, control)
    })
    .inner
}

/// A number to be typed or dragged; all of them are as wide, so that a form has one edge.
pub fn number(ui: &mut Ui, value: DragValue<'_>) -> Response {
    ui.add(value.min_size(vec2(NUMBER, 0.0)))
}

/// The one button that is meant: in the accent colour.
pub fn primary(ui: &mut Ui, enabled: bool, text: &str) -> Response {
    let colours = theme::palette(ui);
    if !enabled {
        return ui.add_enabled(false, Button::new(theme::strong(text)));
    }
    ui.scope(|ui| {
        let lift = |by: f32| colours.accent.lerp_to_gamma(colours.text, by);
        let widgets = &mut ui.visuals_mut().widgets;
        for (state, fill) in
            [(&mut widgets.inactive, lift(0.0)), (&mut widgets.hovered, lift(0.12)), (&mut widgets.active, lift(0.2))]
        {
            state.weak_bg_fill = fill;
            state.bg_stroke = Stroke::new(1.0, fill);
            state.fg_stroke = Stroke::new(1.0, colours.on_accent);
        }
        // The ring of the keyboard's focus must be seen on the accent.
        ui.visuals_mut().selection.stroke.color = colours.text;
        ui.add(Button::new(theme::strong(text)))
    })
    .inner
}

/// Choices side by side, of which one holds. Returns whether another was chosen.
pub fn choices<T: PartialEq + Copy>(ui: &mut Ui, chosen: &mut T, choices: &[(T, &str, &str)]) -> bool {
    let before = *chosen;
    let gap = std::mem::replace(&mut ui.spacing_mut().item_spacing.x, theme::space::XS);
    for (value, text, hint) in choices {
        let button = ui.add(Button::selectable(*chosen == *value, *text).frame_when_inactive(true));
        let button = if hint.is_empty() { button } else { button.on_hover_text(*hint) };
        if button.clicked() {
            *chosen = *value;
        }
    }
    ui.spacing_mut().item_spacing.x = gap;
    *chosen != before
}

/// Whether typing in `field` was ended by this key, which then means nothing to anything else: else the grid or table
/// that the keyboard returns to would open what is selected.
pub fn ended_by(ui: &Ui, field: &Response, key: Key) -> bool {
    field.lost_focus() && ui.input_mut(|input| input.consume_key(Modifiers::NONE, key))
}

/// A button that bears an icon alone; `name` is its tooltip and its name for a screen reader.
pub fn icon_button(ui: &mut Ui, icon: theme::Icon, name: &str) -> Response {
    let button = ui.add(Button::new(icon.codepoint).min_size(theme::icon_button_size()));
    button.widget_info(|| WidgetInfo::labeled(Role::Button, ui.is_enabled(), name));
    button.on_hover_text(name)
}

/// A list that one line is chosen of.
pub fn combo<R>(ui: &mut Ui, list: ComboBox, lines: impl FnOnce(&mut Ui) -> R) -> InnerResponse<Option<R>> {
    let shown = list.show_ui(ui, lines);
    close_by_key(ui, &shown.response, shown.inner.is_some());
    shown
}

/// Closes the list or menu below `button`, if it is open, once a line of it was pressed by a key, and gives the keyboard
/// back to the button: egui does so for the pointer alone.
pub fn close_by_key(ui: &Ui, button: &Response, open: bool) {
    let pressed = ui.input(|input| input.key_pressed(Key::Enter) || input.key_pressed(Key::Space));
    let inside = ui.memory(|memory| memory.focused()).is_some_and(|focused| focused != button.id);
    if open && pressed && inside {
        Popup::close_all(ui.ctx());
        button.request_focus();
    }
}

/// A small square of colour, as in a legend.
pub fn swatch(ui: &mut Ui, colour: Color32) {
    let (rect, _) = ui.allocate_exact_size(vec2(10.0, 10.0), Sense::hover());
    ui.painter().rect_filled(rect, 2.0, colour);
}

/// A bar that is filled up to `fraction`, where that is known. It does not move by itself.
pub fn progress(ui: &mut Ui, fraction: Option<f32>, width: f32, name: &str) {
    let colours = theme::palette(ui);
    let (room, response) = ui.allocate_exact_size(vec2(width, theme::ROW), Sense::hover());
    let bar = Rect::from_center_size(room.center(), vec2(width, BAR));
    ui.painter().rect_filled(bar, BAR / 2.0, colours.line);
    if let Some(fraction) = fraction.filter(|fraction| *fraction > 0.0) {
        let filled = bar.with_max_x(bar.left() + (width * fraction.min(1.0)).max(BAR));
        ui.painter().rect_filled(filled, BAR / 2.0, colours.accent);
    }
    response.widget_info(|| WidgetInfo {
        value: fraction.map(f64::from),
        ..WidgetInfo::labeled(Role::ProgressIndicator, true, name)
    });
}

/// A figure that matters, with its name beneath.
pub fn figure(ui: &mut Ui, value: &str, name: &str, hint: &str) {
    let response = ui
        .vertical(|ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            ui.label(RichText::new(value).size(theme::NUMBER).family(theme::strong_family()));
            ui.label(theme::quiet(ui, name).size(theme::SMALL));
        })
        .response;
    response.on_hover_text(hint);
}
