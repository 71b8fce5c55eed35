//! The figures of a run and its confusion matrix, whose cells are buttons.

use egui::{Align2, Color32, FontId, Rect, Response, Role, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2, vec2};

use super::list::Shown;
use crate::app::theme::{self, space};
use crate::app::widgets::form;
use crate::dataset::Class;
use crate::format;
use crate::review::confusion::Confusion;
use crate::review::metrics::Metrics;
use crate::review::predictions::Outcome;

/// Room at the left for the names of the rows.
const NAMES: f32 = 78.0;
/// Height of a cell.
const CELL: f32 = 62.0;

/// Accuracy, precision, recall and F1.
pub(super) fn figures_ui(ui: &mut Ui, metrics: &Metrics) {
    let figures = [
        (metrics.accuracy, "accuracy", "Share of the photos on which label and prediction agree"),
        (metrics.precision, "precision", "Of those called cracked, the share that is"),
        (metrics.recall, "recall", "Of the cracked ones, the share found"),
        (metrics.f1, "F1", "Harmonic mean of precision and recall"),
    ];
    ui.columns_const(|columns: &mut [Ui; 4]| {
        for (ui, (value, name, hint)) in columns.iter_mut().zip(figures) {
            form::figure(ui, &format::share(value), name, hint);
        }
    });
}

/// The matrix; returns what is to be shown if a cell was pressed. A cell that is shown already gives all errors back.
pub(in crate::app::tabs) fn matrix_ui(ui: &mut Ui, confusion: &Confusion, shown: Shown) -> Option<Shown> {
    let mut pressed = None;
    let width = ((ui.available_width() - NAMES - space::XS) / 2.0).max(60.0);
    let size = vec2(NAMES + 2.0 * width + space::XS, 20.0 + 2.0 * CELL + space::XS);
    let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
    let colours = theme::palette(ui);
    let small = FontId::proportional(theme::SMALL);
    let top = rect.top() + 8.0;
    let cells = Class::ALL.map(|truth| Class::ALL.map(|predicted| confusion.get(truth, predicted)));
    let most = cells.into_iter().flatten().max().unwrap_or(0);
    ui.painter().text(pos2(rect.left(), top), Align2::LEFT_CENTER, "label", small.clone(), colours.quiet);
    for (column, predicted) in Class::ALL.into_iter().enumerate() {
        let x = rect.left() + NAMES + column as f32 * (width + space::XS);
        let text = format!("called {}", predicted.word());
        ui.painter().text(pos2(x + width / 2.0, top), Align2::CENTER_CENTER, text, small.clone(), colours.quiet);
    }
    for (row, truth) in Class::ALL.into_iter().enumerate() {
        let y = rect.top() + 20.0 + row as f32 * (CELL + space::XS);
        let text = format!("{} {}", theme::mark(truth), truth.word());
        let at = pos2(rect.left(), y + CELL / 2.0);
        ui.painter().text(at, Align2::LEFT_CENTER, text, FontId::proportional(theme::BODY), colours.class(truth));
        for (column, predicted) in Class::ALL.into_iter().enumerate() {
            let x = rect.left() + NAMES + column as f32 * (width + space::XS);
            let place = Rect::from_min_size(pos2(x, y), vec2(width, CELL));
            let target = Shown::Only(Outcome::of(truth, predicted));
            let count = confusion.get(truth, predicted);
            let cell = Cell {
                name: format!("{} called {}: {}", truth.word(), predicted.word(), format::photos(count)),
                below: confusion.rate(truth, predicted).map_or_else(|| "–".to_owned(), percent),
                count,
                most,
                tint: if truth == predicted { colours.class(truth) } else { colours.error },
                chosen: shown == target,
            };
            if cell_ui(ui, place, ("matrix", truth.index(), predicted.index()), &cell).clicked() {
                pressed = Some(if shown == target { Shown::Errors } else { target });
            }
        }
    }
    pressed
}

/// A cell of a matrix, which is a button.
pub(super) struct Cell {
    /// What it is called.
    pub(super) name: String,
    /// What stands beneath the count.
    pub(super) below: String,
    pub(super) count: usize,
    /// The highest count of the matrix.
    pub(super) most: usize,
    pub(super) tint: Color32,
    pub(super) chosen: bool,
}

/// One cell: a count with a line beneath. The ground grows stronger with the logarithm of the count, so that a few errors
/// among thousands of photos are still seen.
pub(super) fn cell_ui(ui: &mut Ui, rect: Rect, id: (&str, usize, usize), cell: &Cell) -> Response {
    let colours = theme::palette(ui);
    let response = ui.interact(rect, ui.scope_id().with(id), Sense::CLICK);
    response.widget_info(|| WidgetInfo::selected(Role::Button, ui.is_enabled(), cell.chosen, &cell.name));
    let strength = 0.06 + 0.28 * (cell.count as f32).ln_1p() / (cell.most.max(1) as f32).ln_1p();
    let fill = if cell.count == 0 { colours.raised } else { colours.raised.lerp_to_gamma(cell.tint, strength) };
    let edge = match (cell.chosen, response.hovered() || response.has_focus()) {
        (true, _) => Stroke::new(2.0, colours.accent),
        (false, true) => Stroke::new(1.0, colours.quiet),
        (false, false) => Stroke::new(1.0, colours.line),
    };
    ui.painter().rect(rect, theme::CORNER, fill, edge, StrokeKind::Inside);
    let number = FontId::new(theme::NUMBER, theme::strong_family());
    let middle = rect.center();
    let text = if cell.count == 0 { colours.quiet } else { colours.text };
    let at = middle - vec2(0.0, 9.0);
    ui.painter().text(at, Align2::CENTER_CENTER, format::count(cell.count as u64), number, text);
    let at = middle + vec2(0.0, 14.0);
    let small = FontId::proportional(theme::SMALL);
    ui.painter().text(at, Align2::CENTER_CENTER, &cell.below, small, readable(colours));
    response.on_hover_text(format!("{}. Press to see them", cell.name))
}

/// Quiet text is too faint on a tinted ground.
fn readable(colours: &theme::Palette) -> Color32 {
    colours.text.lerp_to_gamma(colours.quiet, 0.4)
}

/// `98.7 %`, and never 100 % or 0 % for what is not quite so.
fn percent(rate: f64) -> String {
    let percent = rate * 100.0;
    match percent {
        p if p > 0.0 && p < 0.1 => "< 0.1 %".to_owned(),
        p if p > 99.9 && p < 100.0 => "> 99.9 %".to_owned(),
        p => format!("{p:.1} %"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearly_all_is_not_all() {
        assert_eq!(
            [0.987, 1.0, 0.0, 0.9999, 0.0001].map(percent),
            ["98.7 %", "100.0 %", "0.0 %", "> 99.9 %", "< 0.1 %"]
        );
    }
}
