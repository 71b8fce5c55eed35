//! Which columns the table has, and what stands in their cells.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use serde_json::Value as Json;

use super::{Better, Cell, Column, Compared, Kind, Value};
use crate::format;
use crate::review::metrics::Metrics;
use crate::train::config::TrainConfig;
use crate::train::run_dir;
use crate::train::settings;

/// The column of dates.
pub(super) const BEGUN: &str = "begun";
/// The column of the setting `precision`, whose own name is that of a figure too.
const COMPUTED_IN: &str = "computed_in";

/// Name, heading and meaning of settings that always have a column, in this order.
const USUAL: [(&str, &str, &str); 8] = [
    ("backbone", "Backbone", "The network"),
    ("weights", "Weights", "Initial weights; of several files of one name, the first digits of their digests"),
    ("tune", "Layers", "Which layers were trained"),
    ("epochs", "Epochs", "Epochs done, of those asked for where it ended before"),
    ("batch_size", "Batch", "Photos a step"),
    ("learning_rate", "Rate", "Learning rate, the highest of the schedule"),
    ("optimizer", "Optimiser", "How gradients became steps"),
    ("schedule", "Schedule", "How the learning rate changed over the run"),
];

/// The same of settings that have a column where runs differ in them. Settings that are not named here have one too.
const FURTHER: [(&str, &str, &str); 22] = [
    ("data", "Photos of", "The folders of the photos"),
    ("digest", "Data", "First digits of the digest of names, labels and contents of the photos"),
    ("backbone_learning_rate", "Backbone rate", "Learning rate of the layers before the last, where they are trained"),
    ("warmup_epochs", "Warm-up", "Epochs over which the learning rate rose at first"),
    ("weight_decay", "Weight decay", "Decay of the weights"),
    ("momentum", "Momentum", "Momentum of SGD"),
    ("clip_norm", "Clipping", "The norm that gradients were clipped to"),
    ("train_statistics", "Batch statistics", "Whether batch norm in trained layers went by each batch"),
    ("balance_classes", "Classes balanced", "Whether the rarer class was weighed up"),
    ("patience", "Patience", "Epochs without a better validation loss after which it stopped"),
    ("seed", "Seed", "Seed of initial values and of the order of photos"),
    ("split.kind", "Split", "How photos were divided"),
    ("split.val_fraction", "Validation share", "Share of the photos that went to validation"),
    ("split.seed", "Split seed", "Seed by which photos were divided"),
    ("threshold", "Threshold", "How the threshold was chosen: a number, or by cost, by target or by a figure"),
    ("abstain", "For a person", "Share of the photos that was left to a person"),
    ("calibrate", "Calibrated", "Whether the logits were divided by a fitted temperature"),
    ("groups.by", "Grouped by", "What told which photos belong together, besides identical files"),
    ("groups.time_gap", "Time gap", "The longest time between two photos of a group taken in a row, in seconds"),
    ("groups.file", "Groups by hand", "A table that said which photos belong together"),
    (COMPUTED_IN, "Computed in", "What frozen layers multiplied"),
    ("program", "Program", "The program that trained it"),
];

/// One column with its cells.
type Filled = (Column, Vec<Cell>);

/// Whether runs have a setting of this name, whether or not these differ in it.
pub fn is_setting(name: &str) -> bool {
    let named = USUAL.iter().chain(&FURTHER).any(|(key, ..)| *key == name);
    named || settings::by_name(&TrainConfig::default()).contains_key(name)
}

/// The columns for these runs, and for each run its cells.
pub(super) fn columns(runs: &[Compared<'_>]) -> (Vec<Column>, Vec<Vec<Cell>>) {
    let filled: Vec<Filled> =
        identity(runs).into_iter().chain(usual(runs)).chain(further(runs)).chain(results(runs)).collect();
    let rows = (0..runs.len()).map(|row| filled.iter().filter_map(|(_, cells)| cells.get(row).cloned()).collect());
    let rows = rows.collect();
    (filled.into_iter().map(|(column, _)| column).collect(), rows)
}

fn column(key: &str, title: &str, meaning: &str, kind: Kind) -> Column {
    let (key, title, meaning) = (key.to_owned(), title.to_owned(), meaning.to_owned());
    Column { key, title, meaning, kind, better: None, main: true }
}

fn fill(column: Column, runs: &[Compared<'_>], cell: impl Fn(&Compared<'_>) -> Cell) -> Filled {
    (column, runs.iter().map(cell).collect())
}

fn identity(runs: &[Compared<'_>]) -> [Filled; 3] {
    let photos = "Photos trained on / validated on";
    [
        fill(column("name", "Name", "The name of its folder", Kind::Identity), runs, |c| Cell::text(&c.run.name)),
        fill(column(BEGUN, "Begun", "When it began, in UTC", Kind::Identity), runs, |c| {
            let created = &c.run.record.created;
            let minutes = created.get(..16).unwrap_or(created).replace('T', " ");
            Cell { text: minutes, value: Value::Text(created.clone()) }
        }),
        fill(column("photos", "Photos", photos, Kind::Setting), runs, |c| {
            let data = &c.run.record.data;
            let text = format!("{} / {}", format::count(data.train as u64), format::count(data.validation as u64));
            Cell { text, value: Value::Number((data.train + data.validation) as f64) }
        }),
    ]
}

fn usual(runs: &[Compared<'_>]) -> Vec<Filled> {
    let all: Vec<BTreeMap<String, Json>> = runs.iter().map(|c| settings::by_name(&c.run.record.train)).collect();
    let few = ["weights", "tune", "epochs", "learning_rate"];
    let filled = |(key, title, meaning): (&str, &str, &str)| {
        let column = Column { main: few.contains(&key), ..column(key, title, meaning, Kind::Setting) };
        let cells = runs.iter().zip(&all).map(|(compared, settings)| match key {
            "weights" => weights(compared, runs),
            "epochs" => epochs(compared),
            _ => settings.get(key).map_or_else(Cell::missing, Cell::of),
        });
        (column, cells.collect())
    };
    USUAL.into_iter().map(filled).collect()
}

/// Settings that are not the same in all runs.
fn further(runs: &[Compared<'_>]) -> Vec<Filled> {
    let all: Vec<BTreeMap<String, Json>> = runs.iter().map(|c| all_settings(c)).collect();
    let names: BTreeSet<&str> = all.iter().flat_map(|settings| settings.keys().map(String::as_str)).collect();
    let known = FURTHER.iter().filter(|(key, ..)| names.contains(key));
    let others = names.iter().filter(|name| {
        let named = |(key, ..): &(&str, &str, &str)| key == *name;
        // Which device was asked for matters less than which it was, which has a column of its own.
        **name != "device" && !USUAL.iter().any(named) && !FURTHER.iter().any(named)
    });
    let columns = known
        .map(|(key, title, meaning)| column(key, title, meaning, Kind::Setting))
        .chain(others.map(|name| column(name, &title_of(name), "A setting of the run", Kind::Setting)));
    columns
        .filter_map(|column| {
            let cells = all.iter().map(|settings| settings.get(&column.key).map_or_else(Cell::missing, Cell::of));
            let cells: Vec<Cell> = cells.collect();
            let same = cells.windows(2).all(|pair| pair.first() == pair.last());
            (!same).then_some((Column { main: false, ..column }, cells))
        })
        .collect()
}

fn all_settings(compared: &Compared<'_>) -> BTreeMap<String, Json> {
    let record = &compared.run.record;
    let mut all = settings::by_name(&record.train);
    let computed_in = all.remove("precision").unwrap_or_default();
    let folders: Vec<String> = record.data.folders.iter().map(|folder| run_dir::name(folder)).collect();
    let short = |digest: &str| digest.chars().take(6).collect::<String>();
    let facts =
        [("data", folders.join(" + ")), ("digest", short(&record.data.digest)), ("program", record.program.clone())];
    all.extend(facts.map(|(name, text)| (name.to_owned(), Json::String(text))));
    all.insert(COMPUTED_IN.to_owned(), computed_in);
    all
}

/// `Augment flip` for `augment.flip`.
fn title_of(name: &str) -> String {
    let words = name.replace(['.', '_'], " ");
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn weights(compared: &Compared<'_>, runs: &[Compared<'_>]) -> Cell {
    let name = |c: &Compared<'_>| {
        let source = &c.run.record.weights.source;
        Path::new(source).file_name().map_or_else(|| source.clone(), |name| name.to_string_lossy().into_owned())
    };
    let (own, digest) = (name(compared), &compared.run.record.weights.fingerprint);
    let others = runs.iter().any(|other| name(other) == own && other.run.record.weights.fingerprint != *digest);
    if others {
        Cell::text(&format!("{own} · {}", digest.chars().take(6).collect::<String>()))
    } else {
        Cell::text(&own)
    }
}

fn epochs(compared: &Compared<'_>) -> Cell {
    let (done, asked) = (compared.epochs.len(), compared.run.record.train.epochs);
    let text = if done < asked {
        format!("{} of {}", format::count(done as u64), format::count(asked as u64))
    } else {
        format::count(done as u64)
    };
    Cell { text, value: Value::Number(done as f64) }
}

fn results(runs: &[Compared<'_>]) -> Vec<Filled> {
    type Figure = fn(&Metrics) -> Option<f64>;
    let best = |c: &Compared<'_>| run_dir::best_epoch(c.epochs).copied();
    let result = |key: &str, title: &str, meaning: &str, better: Better| Column {
        better: Some(better),
        ..column(key, title, meaning, Kind::Result)
    };
    let loss = "Mean cross entropy over the validation photos after the best epoch, in nats";
    let accuracy = "Share of the validation photos that were right after the best epoch";
    let mut filled = vec![
        fill(result("val_loss", "Val. loss", loss, Better::Lower), runs, |c| {
            Cell::figure(best(c).and_then(|epoch| epoch.val_loss))
        }),
        fill(result("val_accuracy", "Accuracy", accuracy, Better::Higher), runs, |c| {
            Cell::figure(best(c).and_then(|epoch| epoch.val_accuracy))
        }),
    ];
    let figures: [(&str, &str, &str, Figure); 4] = [
        ("balanced_accuracy", "Balanced", "Balanced accuracy: mean of the two classes' recalls", |m| {
            m.balanced_accuracy
        }),
        ("precision", "Precision", "Of the photos called cracked, the share that is", |m| m.precision),
        ("recall", "Recall", "Of the cracked photos, the share found", |m| m.recall),
        ("f1", "F1", "Harmonic mean of precision and recall", |m| m.f1),
    ];
    filled.extend(figures.map(|(key, title, meaning, figure)| {
        let meaning = format!("{meaning}; validation photos, at the threshold stored with the model");
        fill(result(key, title, &meaning, Better::Higher), runs, |c| Cell::figure(c.metrics.and_then(figure)))
    }));
    let duration = column("seconds", "Duration", "How long the epochs took, pauses left out", Kind::Result);
    filled.push(fill(duration, runs, |c| {
        c.epochs.last().map_or_else(Cell::missing, |epoch| Cell::seconds(epoch.seconds))
    }));
    let device = Column { main: false, ..column("device", "Device", "What it was trained on", Kind::Setting) };
    filled.push(fill(device, runs, |c| Cell::text(&c.run.record.device)));
    filled
}

impl Cell {
    fn missing() -> Self {
        Self { text: "–".to_owned(), value: Value::Missing }
    }

    fn text(text: &str) -> Self {
        Self { text: text.to_owned(), value: Value::Text(text.to_owned()) }
    }

    fn figure(figure: Option<f64>) -> Self {
        Self { text: format::figure(figure), value: figure.map_or(Value::Missing, Value::Number) }
    }

    fn seconds(seconds: f64) -> Self {
        // A damaged table may say anything.
        let Ok(duration) = Duration::try_from_secs_f64(seconds) else { return Self::missing() };
        let text = if seconds < 60.0 { format!("{seconds:.1} s") } else { format::duration(duration) };
        Self { text, value: Value::Number(seconds) }
    }

    /// A setting as it is written, so that two that differ never look alike.
    fn of(setting: &Json) -> Self {
        match setting {
            Json::Null => Self::missing(),
            Json::Bool(yes) => Self::text(if *yes { "yes" } else { "no" }),
            Json::String(text) => Self::text(text),
            Json::Number(number) => match number.as_u64() {
                Some(whole) => Self { text: format::count(whole), value: Value::Number(whole as f64) },
                None => {
                    let value = number.as_f64().unwrap_or(f64::NAN);
                    Self { text: exact(value), value: Value::Number(value) }
                }
            },
            other => Self::text(&other.to_string()),
        }
    }
}

/// `0.001`, `1e-4`, `2.5e-5`: every digit there is.
fn exact(value: f64) -> String {
    if value == 0.0 || value.abs() >= 1e-3 { value.to_string() } else { format!("{value:e}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn settings_that_differ_do_not_look_alike() {
        let texts = [json!(0.001), json!(0.00102), json!(1e-4), json!(2.5e-5), json!(0.0), json!(1e-4_f64.next_up())];
        assert_eq!(
            texts.map(|value| Cell::of(&value).text),
            ["0.001", "0.00102", "1e-4", "2.5e-5", "0", "1.0000000000000002e-4"]
        );
        let texts = [json!(null), json!(true), json!("last-block"), json!(7146)].map(|value| Cell::of(&value).text);
        assert_eq!(texts, ["–", "yes", "last-block", "7,146"]);
    }

    #[test]
    fn a_setting_without_a_heading_is_called_by_its_name() {
        assert_eq!(title_of("augment.max_angle"), "Augment max angle");
    }
}
