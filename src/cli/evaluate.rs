//! `crackscope evaluate`: a run on another folder of labelled photos.

use clap::Args;
use serde_json::json;

use super::over::Over;
use super::{Outcome, Session, table};
use crate::error::{Context, Result};
use crate::format;
use crate::review::classify;
use crate::review::metrics::Metrics;
use crate::train::run_dir;

#[derive(Args, Debug)]
#[command(override_usage = "crackscope evaluate [OPTIONS] [RUN] <FOLDER>...")]
pub(super) struct Options {
    #[command(flatten)]
    over: Over,
}

pub(super) fn run(options: &Options, session: &Session) -> Result<Outcome> {
    let (run, folders) = options.over.parts()?;
    let dataset = super::labelled_photos(folders, session)?;
    let classified = classify::classify(run, &dataset, &session.places, session.compute, &session.terminal)?;
    let metrics = Metrics::of(&classified.predictions, classified.threshold);
    let mut json = serde_json::to_value(&metrics).context("Cannot describe the result")?;
    if let Some(all) = json.as_object_mut() {
        all.insert("unreadable".into(), json!(classified.unreadable().len()));
        all.insert("model".into(), json!(run));
        all.insert("problems".into(), json!(classified.unreadable()));
    }
    let mut text = format!(
        "{} of {} misclassified by {} at threshold {}.\n\n{}",
        format::count(metrics.confusion.wrong() as u64),
        format::photos(metrics.photos),
        run_dir::name(run),
        metrics.threshold,
        table::metrics(&metrics)
    );
    text += &table::unreadable(classified.unreadable());
    Ok(Outcome::new(text, json))
}
