//! `crackscope evaluate`: a run on another folder of labelled photos.

use clap::Args;
use serde_json::{Map, Value, json};

use super::over::Over;
use super::{Outcome, Session, table};
use crate::dataset::Class;
use crate::error::{Context, Error, Result};
use crate::export::figures;
use crate::format;
use crate::review::calibration;
use crate::review::classify;
use crate::review::confusion::Confusion;
use crate::review::metrics::{self, Metrics};
use crate::review::predictions::Prediction;
use crate::train::run_dir;

#[derive(Args, Debug)]
#[command(override_usage = "crackscope evaluate [OPTIONS] [RUN] <FOLDER>...")]
pub(super) struct Options {
    #[command(flatten)]
    over: Over,
    /// Say what the precision would be where this share of the photos is cracked, such as 0.01
    #[arg(long, value_name = "SHARE", value_parser = share)]
    prevalence: Option<f64>,
}

fn share(text: &str) -> std::result::Result<f64, String> {
    let share = text.parse().ok().filter(|share| *share > 0.0 && *share < 1.0);
    share.ok_or_else(|| "expected a share above 0 and below 1, such as 0.01".to_owned())
}

pub(super) fn run(options: &Options, session: &Session) -> Result<Outcome> {
    let (run, folders) = options.over.parts()?;
    let dataset = super::labelled_photos(folders, session)?;
    let classified = classify::classify(run, &dataset, &session.places, session.compute, &session.terminal)?;
    let metrics = Metrics::of(&classified.predictions, classified.threshold);
    let intervals = classified.intervals(session.shared.seed.unwrap_or_default());
    let mut json = serde_json::to_value(&metrics).context("Cannot describe the result")?;
    let Some(all) = json.as_object_mut() else { return Err(Error::new("Cannot describe the result")) };
    all.insert("unreadable".into(), json!(classified.unreadable().len()));
    all.insert("model".into(), json!(run));
    all.insert("problems".into(), json!(classified.unreadable()));
    all.insert("intervals".into(), json!(intervals));
    all.insert("floors".into(), floors(&metrics.confusion));
    all.insert("calibration".into(), calibration_of(&classified.predictions));
    let mut text = format!(
        "{} of {} misclassified by {} at threshold {}.\n{}\n{}",
        format::count(metrics.confusion.wrong() as u64),
        format::photos(metrics.photos),
        run_dir::name(run),
        metrics.threshold,
        table::unsure(metrics.unsure, metrics.photos, metrics.unsure_band),
        table::evaluation(&metrics, &intervals)
    );
    if let Some(prevalence) = options.prevalence {
        let (line, value) = at_prevalence(&metrics.confusion, prevalence);
        text += &line;
        all.insert("at_prevalence".into(), value);
    }
    text += &table::unreadable(classified.unreadable());
    Ok(Outcome::new(text, json))
}

/// What calling all photos alike would come to, by figure.
fn floors(confusion: &Confusion) -> Value {
    let of = |class| -> Map<String, Value> {
        let floor = confusion.floor(class);
        let keys = figures::KEYS.into_iter().take_while(|key| *key != "ece");
        keys.map(|key| (key.to_owned(), json!(figures::floor(key, &floor)))).collect()
    };
    json!({ "all_cracked": of(Class::Positive), "all_intact": of(Class::Negative) })
}

/// How far the probabilities can be taken at their word, and what dividing the logits would come to.
fn calibration_of(predictions: &[Prediction]) -> Value {
    let all: Vec<&Prediction> = predictions.iter().collect();
    json!({
        "bins": calibration::reliability(&metrics::scores(&all)),
        "scaling": calibration::scaling(predictions),
    })
}

fn at_prevalence(confusion: &Confusion, prevalence: f64) -> (String, Value) {
    let (precision, bounds) = (confusion.precision_at(prevalence), confusion.precision_at_bounds(prevalence));
    let interval = bounds.map(|bounds| format!(" ({})", figures::interval(bounds))).unwrap_or_default();
    let share = format!("{} %", 100.0 * prevalence);
    let text = format!(
        "\nWhere {share} of the photos are cracked, the precision would be {}{interval}.\n",
        figures::figure(precision)
    );
    (text, json!({ "prevalence": prevalence, "precision": precision, "interval": bounds }))
}
