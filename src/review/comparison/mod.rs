//! Runs side by side: their settings and results as a table that can be sorted and says where they differ.

mod columns;

pub use self::columns::is_setting;

use std::cmp::Ordering;
use std::path::PathBuf;

use super::metrics::Metrics;
use crate::dataset::scan::order::natural;
use crate::train::observer::EpochRecord;
use crate::train::run_dir::RunSummary;

/// A run to be compared.
#[derive(Clone, Copy, Debug)]
pub struct Compared<'a> {
    /// Its settings.
    pub run: &'a RunSummary,
    /// The figures of each epoch; of a run under way more than the summary knows.
    pub epochs: &'a [EpochRecord],
    /// Figures over its validation photos, where they are known.
    pub metrics: Option<&'a Metrics>,
}

/// What a column tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Which run it is: its name, and when it began.
    Identity,
    /// What it was asked to do, on what.
    Setting,
    /// What came of it.
    Result,
}

/// Which end of a column's values is the good one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// As of an accuracy.
    Higher,
    /// As of a loss.
    Lower,
}

/// A column of the table.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Its name on the command line: for settings that of `config.toml`.
    pub key: String,
    /// Its heading.
    pub title: String,
    /// What the heading means.
    pub meaning: String,
    /// What it tells.
    pub kind: Kind,
    /// Which end is the good one, where there is one.
    pub better: Option<Better>,
    /// Whether it is among the few that a narrow table has.
    pub main: bool,
}

/// A value that cells are sorted and compared by.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// There is none; sorted last either way.
    Missing,
    /// A number.
    Number(f64),
    /// A text; numbers in it are sorted by their value.
    Text(String),
}

/// A cell of the table.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// As it is shown; a dash where there is no value.
    pub text: String,
    /// As it is compared.
    pub value: Value,
}

/// A run in the table.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The run folder.
    pub path: PathBuf,
    /// Its name.
    pub name: String,
    /// One for each column.
    pub cells: Vec<Cell>,
}

/// Runs side by side. The first column is the name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Comparison {
    /// The columns: the usual ones, and one for each further setting that is not the same in all runs.
    pub columns: Vec<Column>,
    /// The runs, in the order given.
    pub rows: Vec<Row>,
    /// Whether all were validated on the same photos, so that their figures can be compared.
    pub same_validation: bool,
}

impl Comparison {
    /// Lays runs side by side.
    pub fn of(runs: &[Compared<'_>]) -> Self {
        let (columns, cells) = columns::columns(runs);
        let rows = runs.iter().zip(cells).map(|(compared, cells)| {
            let RunSummary { path, name, .. } = compared.run;
            Row { path: path.clone(), name: name.clone(), cells }
        });
        Self { columns, rows: rows.collect(), same_validation: same_validation(runs) }
    }

    /// The column of this name.
    pub fn column(&self, key: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.key == key)
    }

    /// The cell in a row and a column.
    pub fn cell(&self, row: usize, column: usize) -> Option<&Cell> {
        self.rows.get(row)?.cells.get(column)
    }

    /// The rows as this column sorts them: results from the good end on, dates from the newest on, everything else
    /// rising; the other way round if `reverse`. Rows without a value come last either way, equal ones as they were.
    pub fn sorted(&self, column: usize, reverse: bool) -> Vec<usize> {
        let falling = self.columns.get(column).is_some_and(Column::begins_high) != reverse;
        let mut order: Vec<usize> = (0..self.rows.len()).collect();
        order.sort_by(|a, b| {
            let value = |row: usize| self.cell(row, column).map_or(&Value::Missing, |cell| &cell.value);
            compare(value(*a), value(*b), falling)
        });
        order
    }

    /// Whether these rows all have the same in this column.
    pub fn agree(&self, column: usize, rows: &[usize]) -> bool {
        let mut cells = rows.iter().map(|row| self.cell(*row, column));
        let first = cells.next().flatten();
        cells.all(|cell| cell == first)
    }

    /// Whether a run has another setting here than `reference` has. Results differ as a matter of course and are not
    /// counted.
    pub fn differs(&self, row: usize, reference: usize, column: usize) -> bool {
        self.columns.get(column).is_some_and(|column| column.kind == Kind::Setting)
            && self.cell(row, column) != self.cell(reference, column)
    }

    /// Those of `rows` that have the best value of this column; none where it has no good end, or all are alike.
    pub fn best(&self, column: usize, rows: &[usize]) -> Vec<usize> {
        let number = |row: &usize| match self.cell(*row, column)?.value {
            Value::Number(number) if !number.is_nan() => Some((*row, number)),
            _ => None,
        };
        let numbers: Vec<(usize, f64)> = rows.iter().filter_map(number).collect();
        let ordered = |a: &f64, b: &f64| a.total_cmp(b);
        let all = numbers.iter().map(|(_, number)| *number);
        let best = match self.columns.get(column).and_then(|column| column.better) {
            Some(Better::Higher) => all.max_by(ordered),
            Some(Better::Lower) => all.min_by(ordered),
            None => None,
        };
        let best: Vec<usize> =
            numbers.iter().filter(|(_, number)| Some(*number) == best).map(|(row, _)| *row).collect();
        if best.len() == numbers.len() { Vec::new() } else { best }
    }
}

impl Column {
    /// Whether sorting begins with the highest value.
    pub fn begins_high(&self) -> bool {
        self.better == Some(Better::Higher) || self.key == columns::BEGUN
    }
}

fn compare(a: &Value, b: &Value, falling: bool) -> Ordering {
    let order = match (a, b) {
        (Value::Missing, Value::Missing) => return Ordering::Equal,
        (Value::Missing, _) => return Ordering::Greater,
        (_, Value::Missing) => return Ordering::Less,
        (Value::Number(a), Value::Number(b)) => a.total_cmp(b),
        (Value::Text(a), Value::Text(b)) => natural(a, b),
        (Value::Number(_), Value::Text(_)) => Ordering::Less,
        (Value::Text(_), Value::Number(_)) => Ordering::Greater,
    };
    if falling { order.reverse() } else { order }
}

/// The same photos divided by the same rule and seed: the same validation photos.
fn same_validation(runs: &[Compared<'_>]) -> bool {
    let validated = |compared: &Compared<'_>| {
        let record = &compared.run.record;
        (record.data.digest.clone(), record.data.validation, record.train.split)
    };
    let mut all = runs.iter().map(validated);
    let first = all.next();
    all.all(|other| Some(other) == first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::config::{TrainConfig, Tune};
    use crate::train::run_dir::RunRecord;
    use crate::train::run_list::tests::{epoch, record};

    fn run(name: &str, record: RunRecord, epochs: Vec<EpochRecord>) -> RunSummary {
        RunSummary { path: PathBuf::from(name), name: name.to_owned(), record, epochs, finished: true }
    }

    fn three() -> Vec<RunSummary> {
        let day = |day: usize| format!("2026-01-0{day}T10:00:00Z");
        let warm = TrainConfig { warmup_epochs: 0.5, learning_rate: 1e-4, ..TrainConfig::default() };
        vec![
            run("run 10", record(&day(3), warm), vec![epoch(1, 0.3, 0.9), epoch(2, 0.2, 0.95)]),
            run("run 9", record(&day(2), TrainConfig::default()), vec![]),
            run("run 2", record(&day(1), TrainConfig::default()), vec![epoch(1, 0.4, 0.97)]),
        ]
    }

    fn comparison(runs: &[RunSummary]) -> Comparison {
        let compared: Vec<Compared<'_>> =
            runs.iter().map(|run| Compared { run, epochs: &run.epochs, metrics: None }).collect();
        Comparison::of(&compared)
    }

    fn names(comparison: &Comparison, key: &str, reverse: bool) -> Vec<String> {
        let order = comparison.sorted(comparison.column(key).unwrap(), reverse);
        order.into_iter().map(|row| comparison.rows[row].name.clone()).collect()
    }

    #[test]
    fn missing_values_come_last_either_way() {
        let table = comparison(&three());
        assert_eq!(names(&table, "val_accuracy", false), ["run 2", "run 10", "run 9"]);
        assert_eq!(names(&table, "val_accuracy", true), ["run 10", "run 2", "run 9"]);
        assert_eq!(names(&table, "val_loss", false), ["run 10", "run 2", "run 9"]);
        assert_eq!(names(&table, "val_loss", true), ["run 2", "run 10", "run 9"]);
    }

    #[test]
    fn names_sort_by_their_numbers_and_dates_from_the_newest() {
        let table = comparison(&three());
        assert_eq!(names(&table, "name", false), ["run 2", "run 9", "run 10"]);
        assert_eq!(names(&table, "begun", false), ["run 10", "run 9", "run 2"]);
        assert_eq!(names(&table, "begun", true), ["run 2", "run 9", "run 10"]);
    }

    #[test]
    fn a_setting_that_is_not_the_same_in_all_has_a_column() {
        let table = comparison(&three());
        let warmup = table.column("warmup_epochs").unwrap();
        assert_eq!(table.cell(0, warmup).unwrap().text, "0.5");
        for same in ["momentum", "seed", "split.kind", "patience"] {
            assert_eq!(table.column(same), None, "{same}");
        }
        let shown: Vec<&str> = table.columns.iter().map(|column| column.key.as_str()).collect();
        let rate = shown.iter().position(|key| *key == "learning_rate").unwrap();
        assert!(rate < warmup && warmup < table.column("val_loss").unwrap(), "{shown:?}");
    }

    #[test]
    fn settings_differ_from_the_reference_and_results_do_not_count() {
        let table = comparison(&three());
        let (rate, loss) = (table.column("learning_rate").unwrap(), table.column("val_loss").unwrap());
        assert!(table.differs(1, 0, rate) && !table.differs(2, 1, rate) && !table.differs(0, 0, rate));
        assert!(!table.differs(1, 0, loss));
        assert!(!table.agree(rate, &[0, 1, 2]) && table.agree(rate, &[1, 2]) && table.agree(rate, &[0]));
        let backbone = table.column("backbone").unwrap();
        assert!(table.agree(backbone, &[0, 1, 2]) && table.agree(backbone, &[]));
    }

    #[test]
    fn the_best_is_at_the_good_end_and_stands_out() {
        let table = comparison(&three());
        let best = |key: &str, rows: &[usize]| table.best(table.column(key).unwrap(), rows);
        assert_eq!((best("val_loss", &[0, 1, 2]), best("val_accuracy", &[0, 1, 2])), (vec![0], vec![2]));
        assert_eq!(best("val_loss", &[1, 2]), Vec::<usize>::new(), "one value alone is not the best of any");
        assert_eq!(best("seconds", &[0, 1, 2]), Vec::<usize>::new(), "a run that was stopped is not the better for it");
    }

    #[test]
    fn figures_over_other_photos_are_not_the_same_figures() {
        let mut runs = three();
        assert!(comparison(&runs).same_validation && comparison(&[]).same_validation);
        runs[1].record.train.split.seed = 1;
        assert!(!comparison(&runs).same_validation);
    }

    #[test]
    fn weights_of_one_name_that_are_not_the_same_are_told_apart() {
        let mut runs = three();
        let weights = |runs: &[RunSummary]| {
            let table = comparison(runs);
            let column = table.column("weights").unwrap();
            (0..3).map(|row| table.cell(row, column).unwrap().text.clone()).collect::<Vec<_>>()
        };
        assert_eq!(weights(&runs), ["bundled"; 3]);
        runs[2].record.weights.fingerprint = "0000aaaa0000".to_owned();
        assert_eq!(weights(&runs), ["bundled · fedcba", "bundled · fedcba", "bundled · 0000aa"]);
        runs[2].record.weights.source = "/models/concrete.pth".to_owned();
        assert_eq!(weights(&runs), ["bundled", "bundled", "concrete.pth"]);
    }

    #[test]
    fn a_run_that_ended_early_says_how_far_it_came() {
        let mut runs = three();
        runs[0].record.train = TrainConfig { epochs: 2, tune: Tune::All, ..runs[0].record.train.clone() };
        let table = comparison(&runs);
        let column = table.column("epochs").unwrap();
        let texts: Vec<&str> = (0..3).map(|row| table.cell(row, column).unwrap().text.as_str()).collect();
        assert_eq!(texts, ["2", "0 of 10", "1 of 10"]);
    }
}
