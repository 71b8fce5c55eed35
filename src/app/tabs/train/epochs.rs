//! The table of epochs.

use egui::{Align, Layout, RichText, Ui, vec2};
use egui_extras::{Column, TableBuilder};

use crate::app::theme::{self, space};
pub(super) use crate::format::learning_rate as rate;
use crate::train::observer::EpochRecord;

/// Headings and what they mean.
const COLUMNS: [(&str, &str); 7] = [
    ("epoch", "One pass over all training photos"),
    ("rate", "Learning rate of the last step"),
    ("train loss", "Mean cross entropy over the training photos, each taken before its step"),
    ("accuracy", "Share of the training photos that were right before their step"),
    ("val. loss", "Mean cross entropy over the validation photos after the epoch"),
    ("accuracy", "Share of the validation photos that are right after the epoch"),
    ("seconds", "Since training began"),
];
/// Width of the first column.
const FIRST: f32 = 50.0;
/// Least width of the others: all of them fit into the smallest window.
const OTHERS: f32 = 54.0;
/// Height of a row.
const ROW: f32 = 22.0;

/// Shows the epochs, the newest in view; the best one is marked.
pub(super) fn ui(ui: &mut Ui, records: &[EpochRecord], best: Option<usize>) {
    let height = ui.available_height();
    ui.spacing_mut().item_spacing = vec2(space::XS, 0.0);
    let table = TableBuilder::new(ui)
        .id_salt("epochs")
        .cell_layout(Layout::right_to_left(Align::Center))
        .column(Column::exact(FIRST))
        .columns(Column::remainder().at_least(OTHERS).clip(true), COLUMNS.len() - 1)
        .min_scrolled_height(0.0)
        .max_scroll_height(height)
        .auto_shrink(false)
        .stick_to_bottom(true);
    let table = table.header(ROW, |mut header| {
        for (name, meaning) in COLUMNS {
            header.col(|ui| {
                ui.label(theme::quiet(ui, name).size(theme::SMALL)).on_hover_text(meaning);
            });
        }
    });
    table.body(|body| {
        body.rows(ROW, records.len(), |mut row| {
            let Some(record) = records.get(row.index()) else { return };
            let is_best = best == Some(record.epoch);
            for text in cells(record, is_best) {
                row.col(|ui| {
                    let text = if is_best { theme::strong(text) } else { RichText::new(text) };
                    ui.label(text);
                });
            }
        });
    });
}

fn cells(record: &EpochRecord, best: bool) -> [String; 7] {
    let optional =
        |value: Option<f64>, decimals: usize| value.map_or_else(|| "–".into(), |v| format!("{v:.decimals$}"));
    [
        if best { format!("★ {}", record.epoch) } else { record.epoch.to_string() },
        rate(record.learning_rate),
        format!("{:.4}", record.train_loss),
        format!("{:.3}", record.train_accuracy),
        optional(record.val_loss, 4),
        optional(record.val_accuracy, 3),
        format!("{:.1}", record.seconds),
    ]
}
