//! `crackscope suspects`: photos to look at again before anything is trained on them.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Map, Value, json};

use super::train::Settings;
use super::{Outcome, Session, table};
use crate::atomic_file;
use crate::dataset::{Class, Dataset};
use crate::error::{Context, Result};
use crate::format;
use crate::review::suspects::{self, Evidence, Kind, Suspect};
use crate::train::config::TrainConfig;
use crate::train::kept::Kept;

/// Suspects of a kind that are printed; the table holds them all.
const SHOWN: usize = 10;

#[derive(Args, Debug)]
pub(super) struct Options {
    /// Folders of photos
    #[arg(required = true, value_name = "FOLDER")]
    folders: Vec<PathBuf>,
    /// Write all suspects to a file: file, label, suggested, p_positive, kind, score, reason
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    #[command(flatten)]
    settings: Settings,
}

pub(super) fn run(options: &Options, session: &Session) -> Result<Outcome> {
    let config = options.settings.over(TrainConfig::default(), session);
    config.validate()?;
    let dataset = super::photos(&options.folders, session)?;
    super::check_table(options.csv.as_deref(), &dataset)?;
    let evidence = suspects::gather(&dataset, &config, &mut Kept::default(), &session.places, &session.terminal)?;
    let found = suspects::rank(&dataset, &evidence);
    if let Some(path) = &options.csv {
        atomic_file::write(path, &suspects::to_csv(&dataset, &found)?)?;
    }
    let csv = options.csv.as_ref();
    Ok(Outcome::new(text(&dataset, &evidence, &found, csv), json(&dataset, &evidence, &found, csv)?))
}

fn of_kind(found: &[Suspect], kind: Kind) -> impl Iterator<Item = &Suspect> {
    found.iter().filter(move |suspect| suspect.kind == kind)
}

fn text(dataset: &Dataset, evidence: &Evidence, found: &[Suspect], csv: Option<&PathBuf>) -> String {
    let mut text =
        format!("{}, {} suspicions\n", format::photos(dataset.samples.len()), format::count(found.len() as u64));
    if let Some(note) = &evidence.note {
        text += &format!("Labels are not judged: {note}\n");
    }
    for (kind, name, meaning) in Kind::ALL {
        let count = of_kind(found, kind).count();
        if count == 0 {
            continue;
        }
        text += &format!("\n{name} {} · {meaning}\n", format::count(count as u64));
        let rows: Vec<Vec<String>> = of_kind(found, kind).take(SHOWN).map(|suspect| row(dataset, suspect)).collect();
        text += &table::columns(&rows);
        if count > SHOWN {
            text += &format!("and {} more\n", format::count((count - SHOWN) as u64));
        }
    }
    if let Some(path) = csv {
        text += &format!("\nTable: {}\n", path.display());
    }
    text + &table::unreadable(&evidence.unreadable)
}

fn row(dataset: &Dataset, suspect: &Suspect) -> Vec<String> {
    let file = dataset.samples.get(suspect.photo).map_or("", |sample| &sample.file);
    vec![file.to_owned(), format!("{:.2}", suspect.score), suspect.reason.clone()]
}

fn json(dataset: &Dataset, evidence: &Evidence, found: &[Suspect], csv: Option<&PathBuf>) -> Result<Value> {
    let counts: Map<String, Value> =
        Kind::ALL.iter().map(|(kind, ..)| (kind.name().to_owned(), of_kind(found, *kind).count().into())).collect();
    let rows = serde_json::to_value(suspects::rows(dataset, found)).context("Cannot describe the result")?;
    let labelled = dataset.samples.iter().filter(|sample| sample.label.is_some()).count();
    Ok(json!({
        "photos": dataset.samples.len(),
        "labelled": labelled,
        "cracked": dataset.count(Class::Positive),
        "intact": dataset.count(Class::Negative),
        "counts": counts,
        "suspects": rows,
        "unreadable": evidence.unreadable.len(),
        "problems": evidence.unreadable,
        "labels_not_judged": evidence.note,
        "csv": csv,
    }))
}
