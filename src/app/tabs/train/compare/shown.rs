//! What the table shows, worked out once for each change.

use super::{Compare, Look};
use crate::app::scene::Scene;
use crate::app::tabs::train::live::Live;
use crate::review::comparison::{Column, Compared, Comparison, Kind, Value};

/// Rows and columns as they are shown.
pub(super) struct Shown {
    key: Key,
    /// The runs whose names fit.
    pub(super) comparison: Comparison,
    /// Its rows in the order on the screen.
    pub(super) order: Vec<usize>,
    /// Its columns that are not hidden; the first is the name.
    pub(super) columns: Vec<usize>,
    /// For each of all columns the rows with the best value.
    pub(super) best: Vec<Vec<usize>>,
    /// For each of all columns whether it holds numbers, to be read from their right end.
    numbers: Vec<bool>,
    /// The widths of `columns`, once measured.
    pub(super) widths: Vec<f32>,
    /// Heading and value of each cell of a row, for those who do not see the table; by row, as asked for.
    pub(super) told: Vec<Option<String>>,
}

/// What the above depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Key {
    revision: u64,
    look: Look,
    live_epochs: usize,
}

impl Compare {
    /// Works out what is shown, where it has changed.
    pub(super) fn update(&mut self, scene: &Scene<'_>, live: Option<&Live>) {
        let live_epochs = live.map_or(0, |live| live.epochs.len());
        let key = Key { revision: self.revision, look: self.look.clone(), live_epochs };
        if self.shown.as_ref().is_some_and(|shown| shown.key == key) {
            return;
        }
        let wanted = self.look.filter.trim().to_lowercase();
        let fitting = scene.runs.iter().filter(|run| run.name.to_lowercase().contains(&wanted));
        let compared: Vec<Compared<'_>> = fitting
            .map(|run| {
                let own = live.filter(|live| live.run.as_ref() == Some(&run.path));
                let epochs = own.map_or(run.epochs.as_slice(), |live| live.epochs.as_slice());
                Compared { run, epochs, metrics: self.figures.get(&run.path).and_then(Option::as_ref) }
            })
            .collect();
        let comparison = Comparison::of(&compared);
        let (sort, reverse) = &self.look.sort;
        // A column may be gone that the table was sorted by.
        let order = match comparison.column(sort) {
            Some(column) => comparison.sorted(column, *reverse),
            None => (0..comparison.rows.len()).collect(),
        };
        let hidden = |column: &usize| self.look.only_differences && *column > 0 && comparison.agree(*column, &order);
        let mut columns: Vec<usize> = (0..comparison.columns.len()).filter(|column| !hidden(column)).collect();
        // How good a run is stands beside its name; why, further on.
        columns.sort_by_key(|column| match comparison.columns.get(*column) {
            Some(Column { kind: Kind::Identity, .. }) => 0,
            Some(Column { better: Some(_), .. }) => 1,
            _ => 2,
        });
        let best = (0..comparison.columns.len()).map(|column| comparison.best(column, &order)).collect();
        let numbers = (0..comparison.columns.len()).map(|column| holds_numbers(&comparison, column)).collect();
        let told = vec![None; comparison.rows.len()];
        self.shown = Some(Shown { key, comparison, order, columns, best, numbers, widths: Vec::new(), told });
    }
}

fn holds_numbers(comparison: &Comparison, column: usize) -> bool {
    let values = comparison.rows.iter().filter_map(|row| row.cells.get(column)).map(|cell| &cell.value);
    let mut known = values.filter(|value| **value != Value::Missing).peekable();
    let result = comparison.columns.get(column).is_some_and(|column| column.kind == Kind::Result);
    result || (known.peek().is_some() && known.all(|value| matches!(value, Value::Number(_))))
}

impl Shown {
    /// Whether a column holds numbers, to be read from their right end.
    pub(super) fn is_number(&self, column: usize) -> bool {
        self.numbers.get(column).copied().unwrap_or_default()
    }

    /// The row with the run in this folder.
    pub(super) fn row_of(&self, run: &std::path::Path) -> Option<usize> {
        self.comparison.rows.iter().position(|row| row.path == run)
    }

    /// `Begun 2026-11-21 17:05, Rate 1e-4 …`: what stands in a row.
    pub(super) fn tell(&mut self, row: usize) -> String {
        if let Some(Some(told)) = self.told.get(row) {
            return told.clone();
        }
        let cells = self.columns.iter().skip(1).filter_map(|column| {
            let (head, cell) = (self.comparison.columns.get(*column)?, self.comparison.cell(row, *column)?);
            let best = if self.best.get(*column)?.contains(&row) { ", the best" } else { "" };
            Some(format!("{} {}{best}", head.title, cell.text))
        });
        let told = cells.collect::<Vec<_>>().join("; ");
        if let Some(place) = self.told.get_mut(row) {
            *place = Some(told.clone());
        }
        told
    }
}
