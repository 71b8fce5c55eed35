//! `crackscope classify`: the probability of a crack for each photo.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::Args;
use serde_json::json;

use super::over::Over;
use super::{Outcome, Session, table};
use crate::atomic_file;
use crate::dataset::{Class, Dataset};
use crate::error::Result;
use crate::format;
use crate::review::classify::{self, Classified};
use crate::review::predictions;
use crate::train::run_dir;

#[derive(Args, Debug)]
#[command(override_usage = "crackscope classify [OPTIONS] [RUN] <FOLDER>...")]
pub(super) struct Options {
    #[command(flatten)]
    over: Over,
    /// Write the table to a file, in the order of names, instead of printing it by falling probability
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Take only part I of N; the tables of parts 1 to N, put together, are the table of the whole
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,
}

/// One of several equal parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shard {
    number: usize,
    of: usize,
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let parts = text.split_once('/').and_then(|(number, of)| Some((number.parse().ok()?, of.parse().ok()?)));
        match parts {
            Some((number, of)) if (1..=of).contains(&number) => Ok(Self { number, of }),
            _ => Err("expected I/N with I from 1 to N, such as 2/4".to_owned()),
        }
    }
}

impl Shard {
    /// Whether it begins the table and carries its heading.
    fn is_first(self) -> bool {
        self.number == 1
    }

    /// Leaves its photos only; gives the number of photos before them.
    fn take(self, dataset: &mut Dataset) -> usize {
        let photos = dataset.samples.len();
        let bound = |number: usize| photos * number / self.of;
        let (begin, end) = (bound(self.number - 1), bound(self.number));
        dataset.samples.truncate(end);
        dataset.samples.drain(..begin);
        begin
    }
}

pub(super) fn run(options: &Options, session: &Session) -> Result<Outcome> {
    let (run, folders) = options.over.parts()?;
    let mut dataset = super::photos(folders, session)?;
    super::check_table(options.csv.as_deref(), &dataset)?;
    let before = options.shard.map_or(0, |shard| shard.take(&mut dataset));
    let mut classified = classify::classify(run, &dataset, &session.places, session.compute, &session.terminal)?;
    for prediction in &mut classified.predictions {
        prediction.sample += before;
    }
    if let Some(path) = &options.csv {
        write_csv(path, &classified, options.shard.is_none_or(Shard::is_first))?;
    }
    let csv = options.csv.as_ref();
    Ok(Outcome::new(text(run, &classified, csv), json(run, &classified, csv)))
}

fn write_csv(path: &Path, classified: &Classified, headed: bool) -> Result<()> {
    let table = predictions::to_csv(&classified.predictions, classified.threshold)?;
    let heading = table.iter().position(|&byte| byte == b'\n').map_or(0, |end| end + 1);
    let rows = if headed { &table[..] } else { table.get(heading..).unwrap_or_default() };
    atomic_file::write(path, rows)
}

fn unsure(classified: &Classified) -> usize {
    classified.predictions.iter().filter(|p| classified.threshold.is_unsure(p.p_positive)).count()
}

fn cracked(classified: &Classified) -> usize {
    classified.predictions.iter().filter(|p| p.said(classified.threshold) == Some(Class::Positive)).count()
}

fn text(run: &Path, classified: &Classified, csv: Option<&PathBuf>) -> String {
    let (cracked, photos) = (cracked(classified), classified.predictions.len());
    let summary = format!(
        "{} of {} said to be cracked by {} at threshold {}.\n{}",
        format::count(cracked as u64),
        format::photos(photos),
        run_dir::name(run),
        classified.threshold.at,
        table::unsure(unsure(classified), photos, classified.threshold.unsure),
    );
    let unreadable = table::unreadable(classified.unreadable());
    if let Some(path) = csv {
        return format!("{summary}Table: {}\n{unreadable}", path.display());
    }
    let mut sorted: Vec<_> = classified.predictions.iter().collect();
    sorted.sort_by(|a, b| b.p_positive.total_cmp(&a.p_positive).then_with(|| a.sample.cmp(&b.sample)));
    let rows: String = sorted
        .iter()
        .map(|p| {
            format!(
                "{:.4}  {:<7}  {}\n",
                p.p_positive,
                p.said(classified.threshold).map_or("unsure", Class::word),
                p.file
            )
        })
        .collect();
    format!("{rows}\n{summary}{unreadable}")
}

fn json(run: &Path, classified: &Classified, csv: Option<&PathBuf>) -> serde_json::Value {
    let rows = |p: &predictions::Prediction| {
        json!({
            "sample": p.sample,
            "file": p.file,
            "p_positive": p.p_positive,
            "predicted_label": p.said_name(classified.threshold),
        })
    };
    json!({
        "model": run,
        "photos": classified.predictions.len(),
        "unreadable": classified.unreadable().len(),
        "problems": classified.unreadable(),
        "threshold": classified.threshold.at,
        "unsure_band": classified.threshold.unsure,
        "positive": cracked(classified),
        "unsure": unsure(classified),
        "csv": csv,
        "predictions": classified.predictions.iter().map(rows).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{Layout, Sample, Skipped};

    #[test]
    fn shards_are_parts_of_the_whole() {
        let sample = |n: usize| Sample { file: n.to_string(), ..Sample::default() };
        let whole = Dataset {
            roots: Vec::new(),
            layout: Layout::Unlabelled,
            samples: (0..10).map(sample).collect(),
            skipped: Skipped::default(),
            problems: Vec::new(),
        };
        let mut together = Vec::new();
        for number in 1..=4 {
            let mut part = whole.clone();
            let before = Shard { number, of: 4 }.take(&mut part);
            assert_eq!(before, together.len());
            together.extend(part.samples);
        }
        assert_eq!(together, whole.samples);
    }

    #[test]
    fn a_shard_is_counted_from_one() {
        assert_eq!("2/4".parse(), Ok(Shard { number: 2, of: 4 }));
        for wrong in ["0/4", "5/4", "1", "a/b", "1/0"] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }
}
