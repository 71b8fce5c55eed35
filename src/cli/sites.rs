//! `crackscope sites`: how a model does at places that it has not seen.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Map, Value, json};

use super::train::Settings;
use super::{Outcome, Session, table};
use crate::atomic_file;
use crate::dataset::sites::Sites;
use crate::error::{Context, Result};
use crate::export::figures::figure;
use crate::format;
use crate::review::predictions;
use crate::review::sites::{self, SiteTable};
use crate::train::config::TrainConfig;

/// Figures that have a column in the text; `--json` has all.
const SHOWN: [&str; 7] = ["accuracy", "balanced_accuracy", "recall", "precision", "f1", "auroc", "average_precision"];

#[derive(Args, Debug)]
pub(super) struct Options {
    /// Folders of labelled photos, each a site; of one folder, those right below it are
    #[arg(required = true, value_name = "FOLDER")]
    folders: Vec<PathBuf>,
    /// Write what is said of each photo to a file, with the columns of predictions.csv
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
    let sites = Sites::of(&dataset)?;
    let found = sites::leave_one_out(&dataset, &sites, &config, &session.places, &session.terminal)?;
    if let Some(path) = &options.csv {
        atomic_file::write(path, &predictions::to_csv(&found.predictions, found.threshold)?)?;
    }
    let mut text = text(&found);
    text += &options.csv.as_ref().map(|path| format!("\nTable: {}\n", path.display())).unwrap_or_default();
    text += &table::unreadable(&found.features.unreadable);
    Ok(Outcome::new(text, json(&found, options.csv.as_ref())?))
}

fn text(found: &SiteTable) -> String {
    let shown: Vec<_> = found.means.iter().filter(|mean| SHOWN.contains(&mean.key)).collect();
    let headings = ["Site", "photos"].into_iter().chain(shown.iter().map(|mean| short(mean.key, mean.name)));
    let mut rows = vec![headings.map(str::to_owned).collect::<Vec<_>>()];
    for (place, site) in found.sites.iter().enumerate() {
        let photos = site.figures.as_ref().map_or("–".to_owned(), |figures| format::count(figures.photos as u64));
        let figures = shown.iter().map(|mean| figure(mean.sites.get(place).copied().flatten()));
        rows.push([site.name.clone(), photos].into_iter().chain(figures).collect());
    }
    rows.push(
        ["Mean".to_owned(), String::new()].into_iter().chain(shown.iter().map(|mean| figure(mean.mean))).collect(),
    );
    let why = found.sites.iter().filter_map(|site| Some(format!("{}: {}", site.name, site.figures.as_ref().err()?)));
    let why: Vec<String> = why.collect();
    format!(
        "{}\nEach site is judged by a head that was trained on the others, at threshold {}.\n{}",
        table::columns(&rows),
        found.threshold,
        table::list("Not judged", why.into_iter())
    )
}

/// Names that leave room for the others.
fn short(key: &str, name: &'static str) -> &'static str {
    match key {
        "auroc" => "AUROC",
        "average_precision" => "AP",
        "balanced_accuracy" => "Balanced",
        _ => name,
    }
}

fn json(found: &SiteTable, csv: Option<&PathBuf>) -> Result<Value> {
    let site = |site: &sites::Site| {
        let mut all = Map::from_iter([("site".to_owned(), json!(site.name)), ("train".to_owned(), json!(site.train))]);
        match &site.figures {
            Ok(figures) => {
                let value = serde_json::to_value(figures).context("Cannot describe the result")?;
                all.extend(value.as_object().cloned().unwrap_or_default());
            }
            Err(reason) => drop(all.insert("error".to_owned(), json!(reason))),
        }
        Ok(Value::Object(all))
    };
    let means: Map<String, Value> = found.means.iter().map(|mean| (mean.key.to_owned(), json!(mean.mean))).collect();
    Ok(json!({
        "sites": found.sites.iter().map(site).collect::<Result<Vec<_>>>()?,
        "mean": means,
        "threshold": found.threshold,
        "unreadable": found.features.unreadable.len(),
        "problems": found.features.unreadable,
        "csv": csv,
    }))
}
