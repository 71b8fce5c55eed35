//! Figures as text in columns.

use crate::dataset::{Class, Problem};
use crate::export::figures;
use crate::format;
use crate::review::bootstrap::Intervals;
use crate::review::confusion::Confusion;
use crate::review::metrics::Metrics;
use crate::review::threshold::Band;
use crate::train::observer::EpochRecord;

/// How many of a kind are listed in text; `--json` has all.
const LISTED: usize = 20;

/// Over the columns of [`epoch`].
pub(super) const EPOCH_HEADINGS: &str = "epoch  train loss  accuracy    val loss  accuracy";

/// The figures of one epoch on a line; the best one is marked.
pub(super) fn epoch(record: &EpochRecord, best: bool) -> String {
    let validation = match (record.val_loss, record.val_accuracy) {
        (Some(loss), Some(accuracy)) => format!("{loss:>10.4}  {:>8}", percent(Some(accuracy))),
        _ => format!("{:>10}  {:>8}", "–", "–"),
    };
    let mark = if best { " *" } else { "" };
    let accuracy = percent(Some(record.train_accuracy));
    format!("{:>5}  {:>10.4}  {accuracy:>8}  {validation}{mark}", record.epoch, record.train_loss)
}

/// A share in percent; a dash where it has no meaning.
pub(super) fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "–".to_owned(), |share| format!("{:.2} %", share * 100.0))
}

/// All figures of an evaluation with its confusion matrix.
pub(super) fn metrics(metrics: &Metrics) -> String {
    let rows = figures::rows(metrics).map(|(name, value, _)| vec![name.to_owned(), value]);
    format!("{}\n{}", columns(&rows), confusion(&metrics.confusion))
}

/// All figures with their intervals and the two floors, and the confusion matrix.
pub(super) fn evaluation(metrics: &Metrics, intervals: &Intervals) -> String {
    let floors = [Class::Positive, Class::Negative].map(|class| metrics.confusion.floor(class));
    let headings = ["", "", "95 % interval", "all called cracked", "all called intact"];
    let mut rows = vec![headings.map(str::to_owned).to_vec()];
    for ((name, value, _), key) in figures::rows(metrics).into_iter().zip(figures::KEYS) {
        let interval = intervals.get(key).map(figures::interval).unwrap_or_default();
        let floors = floors
            .map(|floor| figures::floor(key, &floor).map(|value| figures::figure(Some(value))).unwrap_or_default());
        rows.push([vec![name.to_owned(), value, interval], floors.to_vec()].concat());
    }
    format!("{}\n{}\n\n{}", columns(&rows), intervals.about(), confusion(&metrics.confusion))
}

/// How many photos go to a person; nothing where none may.
pub(super) fn unsure(count: usize, of: usize, band: Option<Band>) -> String {
    let Some(band) = band else { return String::new() };
    let share = percent(Some(count as f64 / of.max(1) as f64));
    format!("{} for a person ({share}): probability from {} to {}.\n", format::photos(count), band.from, band.to)
}

/// The confusion matrix.
pub(super) fn confusion(confusion: &Confusion) -> String {
    let headings = [String::new(), "said intact".into(), "said cracked".into()];
    let rows = Class::ALL.map(|truth| {
        let cell = |said| format::count(confusion.get(truth, said) as u64);
        vec![format!("really {}", truth.word()), cell(Class::Negative), cell(Class::Positive)]
    });
    columns(&[vec![headings.to_vec()], rows.to_vec()].concat())
}

/// Rows in columns as wide as their widest cell; the first column is aligned left, the others right. Nothing follows
/// the last cell of a row.
pub(super) fn columns(rows: &[Vec<String>]) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..count).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| match column {
            0 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        text += cells.collect::<Vec<_>>().join("  ").trim_end();
        text.push('\n');
    }
    text
}

/// A list under a heading, cut after [`LISTED`]; nothing where it is empty.
pub(super) fn list(heading: &str, lines: impl ExactSizeIterator<Item = String>) -> String {
    let more = lines.len().saturating_sub(LISTED);
    let mut text = String::new();
    for line in lines.take(LISTED) {
        text += &format!("  {line}\n");
    }
    if more > 0 {
        text += &format!("  … and {} more\n", format::count(more as u64));
    }
    if text.is_empty() { text } else { format!("\n{heading}\n{text}") }
}

/// The photos that were left out, with the reason; nothing where there are none.
pub(super) fn unreadable(problems: &[Problem]) -> String {
    if problems.is_empty() {
        return String::new();
    }
    let lines: String = problems.iter().map(|p| format!("  {}: {}\n", p.file, p.reason)).collect();
    format!("\n{} could not be read\n{lines}", format::photos(problems.len()))
}
