//! `crackscope find-lr`: which learning rate to train with.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::train::Settings;
use super::{Outcome, Session, table};
use crate::atomic_file;
use crate::error::Result;
use crate::format;
use crate::train::config::{TrainConfig, Tune};
use crate::train::rate_finder::{self, NO_FALL, RateSearch, Reading, SweepConfig, rounded};
use crate::train::repeat;

/// Rows of the printed table, at most.
const ROWS: usize = 25;

#[derive(Args, Debug)]
pub(super) struct Options {
    /// Folders of labelled photos
    #[arg(required = true, value_name = "FOLDER")]
    folders: Vec<PathBuf>,
    /// Write every step to a file: learning_rate,loss,smoothed
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// The rate to begin with [default: 0.000001]
    #[arg(long, value_name = "RATE")]
    from: Option<f64>,
    /// The rate to end with, if the loss does not diverge before [default: 10]
    #[arg(long, value_name = "RATE")]
    to: Option<f64>,
    /// Steps from one to the other [default: 300, for deeper layers 100]
    #[arg(long, value_name = "N")]
    steps: Option<usize>,
    #[command(flatten)]
    settings: Settings,
}

pub(super) fn run(options: &Options, session: &Session) -> Result<Outcome> {
    let config = options.settings.over(TrainConfig::default(), session);
    let usual = SweepConfig::for_tune(config.tune);
    let sweep = SweepConfig {
        lowest: options.from.unwrap_or(usual.lowest),
        highest: options.to.unwrap_or(usual.highest),
        steps: options.steps.unwrap_or(usual.steps),
    };
    config.validate()?;
    sweep.validate()?;
    let dataset = super::labelled_photos(&options.folders, session)?;
    super::check_table(options.csv.as_deref(), &dataset)?;
    let found = rate_finder::find(&dataset, &config, &sweep, &session.places, &session.terminal)?;
    if let Some(path) = &options.csv {
        atomic_file::write(path, &found.to_csv()?)?;
    }
    let csv = options.csv.as_ref();
    Ok(Outcome::new(text(&found, &config, csv), json(&found, &config, csv)))
}

/// A table of some of the steps, and what they come to.
fn text(found: &RateSearch, config: &TrainConfig, csv: Option<&PathBuf>) -> String {
    let steps = format::counted(found.readings.len(), "step", "steps");
    let photos = format::photos(found.photos);
    let end = match found.readings.last().filter(|_| found.diverged) {
        Some(last) => format!("The loss diverged at {}", format::learning_rate(rounded(last.learning_rate, 2))),
        None => "The loss did not diverge".to_owned(),
    };
    let advice = match found.suggestion {
        Some(suggestion) => {
            let rate = format::learning_rate(suggestion.learning_rate);
            let options = train_options(config, suggestion.learning_rate);
            format!("Suggested learning rate: {rate}. Train with it by\n  crackscope train FOLDER {options}\n")
        }
        None => format!("No suggestion: {NO_FALL}\n"),
    };
    let table_of_all = csv.map(|path| format!("Table: {}\n", path.display())).unwrap_or_default();
    let batch = format::photos(config.batch_size.min(found.photos));
    format!("{}\n{end}. {steps} of {batch} each, out of {photos}.\n{advice}{table_of_all}", table(&found.readings))
}

/// What trains as was searched, with this rate: that of the layers before the last follows it.
fn train_options(config: &TrainConfig, rate: f64) -> String {
    let mut config = config.clone();
    if config.tune == Tune::Head {
        config.learning_rate = rounded(rate, 2);
    } else {
        config.set_learning_rate(rounded(rate, 2));
        config.backbone_learning_rate = rounded(config.backbone_learning_rate, 2);
    }
    repeat::options(&config).map_or_else(|_| format!("--lr {}", config.learning_rate), |options| options.join(" "))
}

fn table(readings: &[Reading]) -> String {
    let mut rows = vec![["rate", "loss", "smoothed"].map(str::to_owned).to_vec()];
    let every = readings.len().div_ceil(ROWS).max(1);
    rows.extend(readings.iter().step_by(every).map(|reading| {
        let rate = format::learning_rate(rounded(reading.learning_rate, 2));
        vec![rate, format!("{:.4}", reading.loss), format!("{:.4}", reading.smoothed)]
    }));
    table::columns(&rows)
}

/// The same for programs.
fn json(found: &RateSearch, config: &TrainConfig, csv: Option<&PathBuf>) -> serde_json::Value {
    json!({
        "suggestion": found.suggestion,
        "diverged": found.diverged,
        "photos": found.photos,
        "batch_size": config.batch_size.min(found.photos),
        "steps": found.readings,
        "csv": csv,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_advice_trains_as_was_searched() {
        let config = TrainConfig { batch_size: 16, ..TrainConfig::for_tune(Tune::LastBlock) };
        assert_eq!(train_options(&config, 0.0401), "--backbone-lr 0.004 --batch-size 16 --lr 0.04 --tune last-block");
        // The backbone's rate is of no account where it is frozen.
        assert_eq!(train_options(&TrainConfig::default(), 0.01), "--lr 0.01");
    }
}
