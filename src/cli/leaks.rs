//! `crackscope leaks`: photos on both sides of a split that are alike, and what that does to the figures.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::train::Settings;
use super::{Outcome, Session, duplicates, table};
use crate::atomic_file;
use crate::dataset::Dataset;
use crate::dataset::split::SplitKind;
use crate::error::{Context, Error, Result};
use crate::format;
use crate::review::flattery::{ABOUT_BUNDLED, ABOUT_DIFFERENCES, Flattery};
use crate::review::interval::Interval;
use crate::train::config::{TrainConfig, WeightsSource};
use crate::train::leaks::{self, How, Leak, LeakCheck, LeakOrder, Leaks};
use crate::train::run_dir::Run;

/// The most seeds.
const SEEDS: std::ops::RangeInclusive<usize> = 0..=50;

#[derive(Args, Debug)]
pub(super) struct Options {
    /// Folders of labelled photos
    #[arg(required = true, value_name = "FOLDER")]
    folders: Vec<PathBuf>,
    /// Look into the split of this run, not into the one that --split plans
    #[arg(long, value_name = "RUN")]
    run: Option<PathBuf>,
    /// How many times a head is trained under a random and under a grouped split; 0 for not at all
    #[arg(long, value_name = "N", default_value_t = 5)]
    seeds: usize,
    /// Pairs that merely look alike, by their features
    #[arg(long, value_name = "N", default_value_t = 100)]
    look_alikes: usize,
    /// Write the pairs to a file: validation, train, how, likeness, features, reasons
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    #[command(flatten)]
    settings: Settings,
}

pub(super) fn run(options: &Options, session: &Session) -> Result<Outcome> {
    let config = options.settings.over(TrainConfig::default(), session);
    config.validate()?;
    if !SEEDS.contains(&options.seeds) {
        return Err(Error::usage(format!("The number of seeds must lie between 0 and {}", SEEDS.end())));
    }
    let dataset = super::labelled_photos(&options.folders, session)?;
    super::check_table(options.csv.as_deref(), &dataset)?;
    let run = options.run.as_deref().map(Run::open).transpose()?;
    let run = run.map(|run| run.predictions.into_iter().filter_map(|p| Some((p.file, p.part?))).collect());
    let order = LeakOrder { run, seeds: options.seeds, look_alikes: options.look_alikes };
    let found = leaks::check(&dataset, &config, &order, &session.places, &session.terminal)?;
    let flattery = Flattery::of(&found.trials);
    if let Some(path) = &options.csv {
        atomic_file::write(path, &to_csv(&dataset, &found.leaks)?)?;
    }
    let asked = match &options.run {
        Some(run) => format!("the run {}", crate::train::run_dir::name(run)),
        None => format!("the {} split", kind(config.split.kind)),
    };
    let mut text = text(&dataset, &found, flattery.as_ref(), &asked);
    if flattery.is_some() && config.weights == WeightsSource::Bundled {
        text += &format!("{ABOUT_BUNDLED}\n");
    }
    text += &options.csv.as_ref().map(|path| format!("\nTable: {}\n", path.display())).unwrap_or_default();
    text += &table::unreadable(&found.features.unreadable);
    Ok(Outcome::new(text, json(&dataset, &found, flattery.as_ref(), options.csv.as_ref())?))
}

fn kind(kind: SplitKind) -> &'static str {
    match kind {
        SplitKind::Grouped => "grouped",
        SplitKind::Random => "random",
        SplitKind::ByFolder => "by-folder",
    }
}

fn text(dataset: &Dataset, found: &LeakCheck, flattery: Option<&Flattery>, asked: &str) -> String {
    let headings = ["Validation photos", "in all", "with a copy in training", "with a relative in training"];
    let mut rows = vec![headings.map(str::to_owned).to_vec()];
    let row = |name: String, leaks: &Leaks| {
        let counts = [leaks.validation, leaks.with_copy, leaks.with_relative].map(|n| format::count(n as u64));
        [vec![name], counts.to_vec()].concat()
    };
    rows.extend(found.planned.iter().map(|(of, leaks)| row(format!("{} split", kind(*of)), leaks)));
    if asked.starts_with("the run") {
        rows.push(row(asked.trim_start_matches("the ").to_owned(), &found.leaks));
    }
    let mut text = table::columns(&rows);
    text += &table::list(
        &format!("Alike on both sides of {asked} (validation ~ training)"),
        found.leaks.pairs.iter().map(|leak| line(dataset, leak)),
    );
    text.push('\n');
    text += &duplicates::sources(&found.grouping);
    text += &match flattery {
        Some(flattery) => format!("\n{}", flattery_text(flattery)),
        None if !found.grouping.has_groups() => {
            "\nNothing but identical files is kept together: a grouped split is no other than a random one.\n"
                .to_owned()
        }
        None => String::new(),
    };
    text
}

fn flattery_text(flattery: &Flattery) -> String {
    let cell = |interval: Option<Interval>, signed: bool| match interval {
        Some(Interval { mean, low, high }) if signed => format!("{mean:+.4} ({low:+.4} to {high:+.4})"),
        Some(Interval { mean, low, high }) => format!("{mean:.4} ({low:.4} to {high:.4})"),
        None => "–".to_owned(),
    };
    let mut rows =
        vec![["What did it flatter?", "random split", "grouped split", "difference"].map(str::to_owned).to_vec()];
    rows.extend(flattery.figures.iter().map(|figure| {
        let cells = [cell(figure.random, false), cell(figure.grouped, false), cell(figure.difference, true)];
        [vec![figure.name.to_owned()], cells.to_vec()].concat()
    }));
    format!(
        "{}\n{} Over {}.\n{ABOUT_DIFFERENCES}\n",
        table::columns(&rows),
        flattery.verdict(),
        format::counted(flattery.seeds, "seed", "seeds")
    )
}

fn name(dataset: &Dataset, i: usize) -> &str {
    dataset.samples.get(i).map(|sample| sample.file.as_str()).unwrap_or_default()
}

fn how(how: How) -> &'static str {
    match how {
        How::Identical => "identical",
        How::NearCopy(turn) => turn.name(),
        How::LookAlike => "look-alike",
    }
}

fn line(dataset: &Dataset, leak: &Leak) -> String {
    let what = match leak.how {
        How::Identical => "identical".to_owned(),
        How::NearCopy(turn) => {
            format!("near copy{}", turn.words().map(|words| format!(", {words}")).unwrap_or_default())
        }
        How::LookAlike => "looks alike".to_owned(),
    };
    format!("{} ~ {}: {what} ({:.3})", name(dataset, leak.validation), name(dataset, leak.train), leak.likeness)
}

fn json(dataset: &Dataset, found: &LeakCheck, flattery: Option<&Flattery>, csv: Option<&PathBuf>) -> Result<Value> {
    let counts = |leaks: &Leaks| {
        json!({
            "train": leaks.train,
            "validation": leaks.validation,
            "with_copy": leaks.with_copy,
            "with_relative": leaks.with_relative,
            "groups_cut": leaks.groups_cut,
        })
    };
    let pair = |leak: &Leak| {
        json!({
            "validation": name(dataset, leak.validation),
            "train": name(dataset, leak.train),
            "how": how(leak.how),
            "likeness": leak.likeness,
            "features": leak.features,
            "reasons": leak.reasons.iter().map(|reason| reason.name()).collect::<Vec<_>>(),
        })
    };
    let planned = found.planned.iter().map(|(of, leaks)| (kind(*of).to_owned(), counts(leaks)));
    let flattered = flattery.map(|flattery| {
        let figures = flattery.figures.iter().map(|figure| {
            serde_json::to_value(figure)
                .map(|value| (figure.key.to_owned(), value))
                .context("Cannot describe the result")
        });
        let figures = figures.collect::<Result<serde_json::Map<_, _>>>()?;
        Ok(json!({"seeds": flattery.seeds, "figures": figures, "verdict": flattery.verdict()}))
    });
    Ok(json!({
        "photos": dataset.samples.len(),
        "split": counts(&found.leaks),
        "planned": planned.collect::<serde_json::Map<_, _>>(),
        "pairs": found.leaks.pairs.iter().map(pair).collect::<Vec<_>>(),
        "flattery": flattered.transpose()?,
        "unreadable": found.features.unreadable.len(),
        "csv": csv,
    }))
}

fn to_csv(dataset: &Dataset, leaks: &Leaks) -> Result<Vec<u8>> {
    const FAILED: &str = "Cannot write the table of pairs";
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["validation", "train", "how", "likeness", "features", "reasons"]).context(FAILED)?;
    for leak in &leaks.pairs {
        let reasons: Vec<&str> = leak.reasons.iter().map(|reason| reason.name()).collect();
        let (validation, train) = (name(dataset, leak.validation), name(dataset, leak.train));
        let likeness = format!("{:.4}", leak.likeness);
        let features = leak.features.map(|cosine| format!("{cosine:.4}")).unwrap_or_default();
        let row = [validation, train, how(leak.how), &likeness, &features, &reasons.join(" ")];
        writer.write_record(row).context(FAILED)?;
    }
    writer.into_inner().map_err(|e| e.into_error()).context(FAILED)
}
