//! `crackscope cross-validate`: what to expect of a model trained on these photos.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Map, Value, json};

use super::train::Settings;
use super::{Outcome, Session, table};
use crate::atomic_file;
use crate::error::{Context, Result};
use crate::export::figures;
use crate::format;
use crate::review::cross_validation::{self, ABOUT_INTERVALS, CrossValidation, FigureOverFolds};
use crate::train::config::TrainConfig;

#[derive(Args, Debug)]
pub(super) struct Options {
    /// Folders of labelled photos
    #[arg(required = true, value_name = "FOLDER")]
    folders: Vec<PathBuf>,
    /// Parts that the photos are divided into, each judged by a head that was trained on the others
    #[arg(long, value_name = "N", default_value_t = 5)]
    folds: usize,
    /// Write what is said of each photo to a file, with the columns of predictions.csv and the fold
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    #[command(flatten)]
    settings: Settings,
}

pub(super) fn run(options: &Options, session: &Session) -> Result<Outcome> {
    let config = options.settings.over(TrainConfig::default(), session);
    config.validate()?;
    let dataset = super::labelled_photos(&options.folders, session)?;
    super::check_table(options.csv.as_deref(), &dataset)?;
    let places = &session.places;
    let found = cross_validation::cross_validate(&dataset, &config, options.folds, places, &session.terminal)?;
    if let Some(path) = &options.csv {
        atomic_file::write(path, &found.to_csv()?)?;
    }
    let csv = options.csv.as_ref();
    Ok(Outcome::new(text(&found, csv), json(&found, csv)?))
}

fn text(found: &CrossValidation, csv: Option<&PathBuf>) -> String {
    let mut rows = vec![["", "mean", "95 % interval"].map(str::to_owned).to_vec()];
    rows.iter_mut().for_each(|row| row.extend((1..=found.folds.len()).map(|fold| format!("fold {fold}"))));
    rows.extend(found.figures.iter().map(row));
    let table_of_all = csv.map(|path| format!("\nTable: {}\n", path.display())).unwrap_or_default();
    format!(
        "{}\n{}\n{} of {} misclassified at threshold {}, each judged by a head that has not seen it.\n{ABOUT_INTERVALS}\n{table_of_all}{}",
        table::columns(&rows),
        table::confusion(&found.together.confusion),
        format::count(found.together.confusion.wrong() as u64),
        format::photos(found.together.photos),
        found.threshold,
        table::unreadable(&found.features.unreadable),
    )
}

fn row(figure: &FigureOverFolds) -> Vec<String> {
    let (mean, ends) = match figure.interval {
        Some(i) => (figures::figure(Some(i.mean)), format!("{:.4} to {:.4}", i.low, i.high)),
        None => ("–".to_owned(), "–".to_owned()),
    };
    let folds = figure.folds.iter().map(|value| figures::figure(*value));
    [figure.name.to_owned(), mean, ends].into_iter().chain(folds).collect()
}

fn json(found: &CrossValidation, csv: Option<&PathBuf>) -> Result<Value> {
    let mut figures = Map::new();
    for figure in &found.figures {
        let value = serde_json::to_value(figure).context("Cannot describe the result")?;
        figures.insert(figure.key.to_owned(), value);
    }
    Ok(json!({
        "folds": found.folds,
        "figures": figures,
        "level": cross_validation::LEVEL,
        "together": found.together,
        "threshold": found.threshold,
        "unreadable": found.features.unreadable.len(),
        "problems": found.features.unreadable,
        "csv": csv,
    }))
}
