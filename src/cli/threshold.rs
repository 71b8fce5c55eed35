//! `crackscope threshold`: from which probability on a finished run calls a photo cracked.

use std::path::{Path, PathBuf};

use clap::{ArgGroup, Args};
use serde_json::{Value, json};

use super::{Outcome, Session, table};
use crate::error::{Error, Result};
use crate::export::figures;
use crate::format;
use crate::review::metrics::Metrics;
use crate::review::threshold::Choice;
use crate::train::run_dir::Run;
use crate::train::run_threshold::{self, Changed, Wanted};

#[derive(Args, Debug)]
#[command(group(ArgGroup::new("choice").multiple(false)))]
pub(super) struct Options {
    /// The folder of a finished run. Without an option its threshold is told and nothing changes
    run: PathBuf,
    /// From this probability on
    #[arg(long, value_name = "P", group = "choice")]
    at: Option<f32>,
    /// The least cost, where a missed crack costs as much as N false alarms
    #[arg(long, value_name = "N", group = "choice")]
    cost: Option<f64>,
    /// The highest threshold at which at least this share of the cracks is found, such as 0.99
    #[arg(long, value_name = "SHARE", group = "choice")]
    recall: Option<f64>,
    /// The highest F1
    #[arg(long, group = "choice")]
    f1: bool,
    /// The highest mean of both classes' recalls
    #[arg(long, group = "choice")]
    balanced_accuracy: bool,
    /// Leave this share of the photos, those nearest to the threshold, to a person
    #[arg(long, value_name = "SHARE")]
    abstain: Option<f64>,
    /// Divide the logits by the temperature that suits the validation photos best
    #[arg(long)]
    calibrate: bool,
    /// Tell what it would come to, and change nothing
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(options: &Options, _: &Session) -> Result<Outcome> {
    let run = Run::open(&options.run)?;
    let wanted = options.wanted(&run)?;
    let told = options.choice().is_none() && options.abstain.is_none() && !options.calibrate;
    if told {
        let metrics = run_threshold::validation(&run)?;
        let text = format!(
            "Threshold: {}, {}.\n{}\n{}",
            run.threshold.at,
            run.record.train.threshold.words(),
            table::unsure(metrics.unsure, metrics.photos, metrics.unsure_band),
            table::metrics(&metrics)
        );
        return Ok(Outcome::new(text, told_json(&run, &metrics)));
    }
    let changed = if options.dry_run {
        run_threshold::preview(run, wanted)?
    } else {
        run_threshold::store(&options.run, wanted)?
    };
    Ok(Outcome::new(text(&options.run, wanted, &changed, options.dry_run), json(&changed, options.dry_run)))
}

impl Options {
    fn choice(&self) -> Option<Choice> {
        let best = [(self.f1, Choice::F1), (self.balanced_accuracy, Choice::BalancedAccuracy)];
        let best = best.into_iter().find(|(asked, _)| *asked).map(|(_, choice)| choice);
        self.at.map(Choice::At).or(self.cost.map(Choice::Cost)).or(self.recall.map(Choice::Recall)).or(best)
    }

    /// What is not given stays as the run has it.
    fn wanted(&self, run: &Run) -> Result<Wanted> {
        let abstain = self.abstain.unwrap_or(run.record.train.abstain);
        if !(0.0..1.0).contains(&abstain) {
            return Err(Error::usage("The share of photos for a person must be at least 0 and below 1"));
        }
        // A number that the settings do not know, as of a model that another program changed, stays too.
        let kept = match run.record.train.threshold {
            Choice::At(_) => Choice::At(run.threshold.at),
            choice => choice,
        };
        Ok(Wanted { choice: self.choice().unwrap_or(kept), abstain, calibrate: self.calibrate })
    }
}

fn text(run: &Path, wanted: Wanted, changed: &Changed, dry_run: bool) -> String {
    let [before, after] = [&changed.before, &changed.after];
    let row = |name: &str, of: &dyn Fn(&Metrics) -> String| vec![name.to_owned(), of(before), of(after)];
    let mut rows = vec![
        vec![String::new(), "before".to_owned(), if dry_run { "then" } else { "now" }.to_owned()],
        row("Threshold", &|m| m.threshold.to_string()),
        row("Photos for a person", &|m| format::count(m.unsure as u64)),
        row("False alarms", &|m| format::count(m.confusion.false_positive as u64)),
        row("Missed cracks", &|m| format::count(m.confusion.false_negative as u64)),
    ];
    let figures = figures::rows(before).into_iter().zip(figures::rows(after));
    rows.extend(figures.map(|((name, before, _), (_, after, _))| vec![name.to_owned(), before, after]));
    let mut text = format!("Threshold {}: {}.\n", after.threshold, wanted.choice.words());
    if let Some(band) = after.unsure_band {
        text += &table::unsure(after.unsure, after.photos, Some(band));
    }
    if let Some(scaling) = changed.scaling {
        text += &format!("Logits divided by {:.4}.\n", scaling.temperature);
    }
    let end = match dry_run {
        true => "Nothing was changed.".to_owned(),
        false => format!("Stored in {}.", run.display()),
    };
    format!("{text}\n{}\n{end}\n", table::columns(&rows))
}

fn told_json(run: &Run, metrics: &Metrics) -> Value {
    json!({
        "run": run.path,
        "threshold": run.threshold.at,
        "unsure_band": run.threshold.unsure,
        "choice": run.record.train.threshold,
        "abstain": run.record.train.abstain,
        "temperature": run.temperature,
        "validation": metrics,
        "stored": true,
    })
}

fn json(changed: &Changed, dry_run: bool) -> Value {
    let mut value = told_json(&changed.run, &changed.after);
    if let Some(all) = value.as_object_mut() {
        all.insert("before".into(), json!(changed.before));
        all.insert("scaling".into(), json!(changed.scaling));
        all.insert("stored".into(), json!(!dry_run));
    }
    value
}
