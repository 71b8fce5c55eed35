//! Headings and cells of the table.

use std::collections::BTreeSet;

use egui::text::{LayoutJob, TextWrapping};
use egui::{
    Align, Align2, Button, Checkbox, Color32, FontFamily, FontId, Layout, Rect, Response, Role, Stroke, Ui, UiBuilder,
    WidgetInfo, vec2,
};

use super::Compare;
use super::shown::Shown;
use super::table::{Places, ROW, TICK};
use crate::app::theme::{self, icons, space};
use crate::app::widgets::form;
use crate::review::comparison::{Kind, Value};

/// Widest column.
const WIDEST: f32 = 240.0;
/// Before the best value of a column.
const STAR: &str = "★ ";

impl Compare {
    /// All cells but the name.
    pub(super) fn cells_ui(&self, ui: &mut Ui, shown: &Shown, layout: &Places, rect: Rect, row: usize) {
        let colours = theme::palette(ui);
        let reference = self.reference(shown);
        let clip = layout.body().intersect(ui.clip_rect());
        let mut cells = ui.new_child(UiBuilder::new().max_rect(rect));
        cells.set_clip_rect(clip);
        for (column, edges) in shown.columns.iter().skip(1).zip(layout.edges.windows(2)) {
            let (Some(&left), Some(&right)) = (edges.first(), edges.last()) else { continue };
            if right < clip.left() || left > clip.right() {
                continue;
            }
            let Some(cell) = shown.comparison.cell(row, *column) else { continue };
            let place = Rect::from_x_y_ranges(left..=right, rect.y_range());
            let differs = shown.comparison.differs(row, reference, *column);
            if differs {
                let tint = colours.panel.lerp_to_gamma(colours.warning, 0.22);
                cells.painter().rect_filled(place.shrink2(vec2(2.0, 3.0)), 4.0, tint);
            }
            let best = shown.best.get(*column).is_some_and(|best| best.contains(&row));
            let strong = differs || best;
            let family = if strong { theme::strong_family() } else { FontFamily::Proportional };
            let colour = if cell.value == Value::Missing { colours.quiet } else { colours.text };
            let result = shown.comparison.columns.get(*column).is_some_and(|column| column.kind == Kind::Result);
            let run = shown.comparison.rows.get(row).map(|row| &row.path);
            let unread =
                result && cell.value == Value::Missing && run.is_some_and(|run| !self.figures.contains_key(run));
            let words = if unread && self.waiting { "…" } else { cell.text.as_str() };
            let words = if best { format!("{STAR}{words}") } else { words.to_owned() };
            let inner = place.shrink2(vec2(space::S, 0.0));
            text(&cells, &words, FontId::new(theme::BODY, family), colour, inner, shown.is_number(*column));
        }
    }

    /// The box that draws a run, and its colour; returns whether it was changed.
    pub(super) fn tick_ui(
        ui: &mut Ui,
        rect: Rect,
        (name, colour): (&str, Option<Color32>),
        drawn: bool,
        own: bool,
    ) -> bool {
        let place = Rect::from_min_size(rect.min, vec2(TICK, ROW));
        let mut asked = false;
        ui.scope_builder(UiBuilder::new().max_rect(place).layout(Layout::left_to_right(Align::Center)), |ui| {
            ui.spacing_mut().item_spacing.x = space::XS;
            let mut on = drawn;
            let hint = format!("Draw {name}");
            let check = ui.add_enabled(!own, Checkbox::without_text(&mut on));
            check.widget_info(|| WidgetInfo::selected(Role::CheckBox, !own, drawn, &hint));
            let check = check.on_hover_text(&hint).on_disabled_hover_text("The run of this session is always drawn");
            asked = check.changed();
            form::swatch(ui, colour.unwrap_or(Color32::TRANSPARENT));
        });
        asked
    }

    /// The headings, over everything that is scrolled beneath them; returns the column to sort by.
    pub(super) fn headings_ui(&self, ui: &mut Ui, shown: &Shown, layout: &Places) -> Option<String> {
        let band = layout.room.with_max_y(layout.corner.y);
        let line = Stroke::new(1.0, theme::palette(ui).line);
        ui.painter().rect_filled(band, 0.0, theme::palette(ui).panel);
        let mut right = ui.new_child(UiBuilder::new().max_rect(band).id_salt("headings"));
        right.set_clip_rect(band.with_min_x(layout.corner.x).intersect(ui.clip_rect()));
        let mut sort = None;
        for (column, edges) in shown.columns.iter().skip(1).zip(layout.edges.windows(2)) {
            let (Some(&left), Some(&end)) = (edges.first(), edges.last()) else { continue };
            if end > layout.corner.x && left < layout.room.right() {
                let place = Rect::from_x_y_ranges(left..=end, band.y_range());
                sort = self.heading_ui(&mut right, shown, place, *column).or(sort);
            }
        }
        let name = band.with_max_x(layout.corner.x).with_min_x(band.left() + TICK - space::S);
        sort = self.heading_ui(ui, shown, name, 0).or(sort);
        ui.painter().hline(band.x_range(), band.bottom(), line);
        ui.painter().vline(layout.corner.x, layout.room.y_range(), line);
        sort
    }

    /// One heading; returns its column where it was pressed.
    fn heading_ui(&self, ui: &mut Ui, shown: &Shown, place: Rect, column: usize) -> Option<String> {
        let head = shown.comparison.columns.get(column)?;
        let (key, reverse) = &self.look.sort;
        let sorts = *key == head.key;
        let falling = head.begins_high() != *reverse;
        let arrow = if falling { icons::ICON_ARROW_DOWNWARD } else { icons::ICON_ARROW_UPWARD };
        let words = match sorts {
            true => theme::strong(format!("{} {}", head.title, arrow.codepoint)),
            false => theme::quiet(ui, &head.title),
        };
        let layout = if shown.is_number(column) {
            Layout::right_to_left(Align::Center)
        } else {
            Layout::left_to_right(Align::Center)
        };
        let builder = UiBuilder::new().max_rect(place).layout(layout).id_salt(&head.key);
        let button = ui.scope_builder(builder, |ui| {
            ui.spacing_mut().button_padding.x = space::S;
            ui.add(Button::new(words.size(theme::SMALL)).frame_when_inactive(false))
        });
        let label = match (sorts, falling) {
            (false, _) => format!("Sort by {}", head.title),
            (true, true) => format!("Sort by {}, falling now", head.title),
            (true, false) => format!("Sort by {}, rising now", head.title),
        };
        let button = button.inner;
        button.widget_info(|| WidgetInfo::labeled(Role::Button, true, &label));
        button.on_hover_text(&head.meaning).clicked().then(|| head.key.clone())
    }
}

/// What a row is painted on.
pub(super) fn ground(ui: &Ui, selected: bool, hovered: bool) -> Color32 {
    let colours = theme::palette(ui);
    match (selected, hovered) {
        (true, _) => ui.visuals().selection.bg_fill,
        (false, true) => colours.hovered,
        (false, false) => colours.panel,
    }
}

/// Gives each column the width of its widest text.
pub(super) fn measure(ui: &Ui, shown: &mut Shown) {
    if shown.widths.len() == shown.columns.len() {
        return;
    }
    let wide = |text: &str, size: f32| {
        let font = FontId::new(size, theme::strong_family());
        ui.painter().layout_no_wrap(text.to_owned(), font, Color32::WHITE).size().x
    };
    let table = &shown.comparison;
    shown.widths = shown
        .columns
        .iter()
        .map(|&column| {
            // The longest texts in letters; the widest on the screen is among them.
            let texts = table.rows.iter().filter_map(|row| row.cells.get(column)).map(|cell| cell.text.as_str());
            let longest = texts.clone().map(|text| text.chars().count()).max().unwrap_or(0);
            let long: BTreeSet<&str> = texts.filter(|text| text.chars().count() + 2 >= longest).take(40).collect();
            let cells = long.into_iter().map(|text| wide(text, theme::BODY)).fold(0.0, f32::max);
            let head = table.columns.get(column);
            let star = if head.is_some_and(|head| head.better.is_some()) { wide(STAR, theme::BODY) } else { 0.0 };
            let title = head.map_or(0.0, |head| wide(&head.title, theme::SMALL) + theme::SMALL + space::XS);
            (cells + star).max(title).min(WIDEST) + 2.0 * space::S
        })
        .collect();
}

/// A text on one line, cut off with dots where it is too long.
pub(super) fn text(ui: &Ui, words: &str, font: FontId, colour: Color32, place: Rect, right: bool) {
    let mut job = LayoutJob::simple_singleline(words.to_owned(), font, colour);
    job.wrap = TextWrapping::truncate_at_width(place.width());
    let galley = ui.painter().layout_job(job);
    let (anchor, at) =
        if right { (Align2::RIGHT_CENTER, place.right_center()) } else { (Align2::LEFT_CENTER, place.left_center()) };
    let rect = anchor.anchor_size(at, galley.size());
    ui.painter().galley(rect.min, galley, colour);
}

/// What the cell under the pointer says, in full, and how it compares.
pub(super) fn hover(response: Response, shown: &Shown, layout: &Places, row: usize, reference: usize) -> Response {
    let Some(pointer) = response.hover_pos() else { return response };
    let place = layout.edges.windows(2).position(|edges| {
        edges.first().is_some_and(|left| pointer.x >= *left) && edges.last().is_some_and(|right| pointer.x < *right)
    });
    let place = if pointer.x < layout.corner.x { Some(0) } else { place.map(|place| place + 1) };
    let Some(&column) = place.and_then(|place| shown.columns.get(place)) else { return response };
    let table = &shown.comparison;
    let (Some(head), Some(cell), Some(entry)) =
        (table.columns.get(column), table.cell(row, column), table.rows.get(row))
    else {
        return response;
    };
    let mut lines = vec![format!("{}: {}", head.title, cell.text), head.meaning.clone()];
    if column == 0 {
        lines = vec![entry.name.clone(), entry.path.display().to_string()];
    }
    let other = table.cell(reference, column).zip(table.rows.get(reference));
    if let Some((cell, run)) = other.filter(|_| table.differs(row, reference, column)) {
        lines.push(format!("{}: {}", run.name, cell.text));
    }
    if shown.best.get(column).is_some_and(|best| best.contains(&row)) {
        lines.push("★ The best of the runs shown".to_owned());
    }
    response.on_hover_text_at_pointer(lines.join("\n"))
}
