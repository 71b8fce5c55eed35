//! `crackscope runs`: runs side by side, another name, away with them.

use std::io::{BufRead, IsTerminal};
use std::path::{Component, Path, PathBuf};

use clap::{Args, Subcommand};
use rayon::prelude::*;
use serde_json::{Value, json};

use super::{Outcome, Session, pair, table};
use crate::app::settings::Settings;
use crate::error::{Context, Error, Result};
use crate::format;
use crate::job::Watch;
use crate::review::comparison::{self, Column, Compared, Comparison, Kind};
use crate::review::metrics::Metrics;
use crate::review::paired;
use crate::train::run_change::{self, Contents};
use crate::train::run_dir::{self, RunSummary};
use crate::train::run_list::{self, DamagedRun, Figures};

#[derive(Args, Debug)]
#[command(override_usage = "crackscope runs [OPTIONS] [FOLDER]\n       crackscope runs [FOLDER] <COMMAND>")]
pub(super) struct Options {
    /// A folder of runs [default: the one that the window keeps them in]
    folder: Option<PathBuf>,
    /// Sort by a column: name, begun, a setting as config.toml calls it, or a result such as f1
    #[arg(long, value_name = "COLUMN", default_value = "begun")]
    sort: String,
    /// Sort the other way round: results from the worst on, dates from the oldest on
    #[arg(long)]
    reverse: bool,
    /// Only the columns in which runs differ
    #[arg(long, conflicts_with = "all")]
    differences: bool,
    /// All columns, instead of those that matter most
    #[arg(long)]
    all: bool,
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Some runs side by side: the settings in which they differ, and their results
    Compare {
        /// Names of runs, or their folders
        #[arg(required = true, num_args = 2.., value_name = "RUN")]
        runs: Vec<PathBuf>,
        /// Of two runs: compare them on all photos, those that they were trained on too
        #[arg(long)]
        all_photos: bool,
        /// Of two runs: name the photos that the second mended and broke
        #[arg(long)]
        list: bool,
    },
    /// Give a run another name
    Rename {
        /// The name of a run, or its folder
        run: PathBuf,
        /// Its new name
        name: String,
    },
    /// Delete runs for good
    Delete {
        /// Names of runs, or their folders
        #[arg(required = true, value_name = "RUN")]
        runs: Vec<PathBuf>,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

pub(super) fn run(options: &Options, session: &Session) -> Result<Outcome> {
    let folder = options.folder.clone().unwrap_or_else(|| usual_folder(session));
    match &options.action {
        None => list(options, &folder, session),
        Some(Action::Compare { runs, all_photos, list }) => {
            let scope = if *all_photos { paired::Scope::All } else { paired::Scope::Held };
            compare(&folder, runs, (scope, *list), session)
        }
        Some(Action::Rename { run, name }) => rename(&folder, run, name),
        Some(Action::Delete { runs, yes }) => delete(&folder, runs, *yes),
    }
}

/// The folder that the window keeps its runs in.
pub(super) fn usual_folder(session: &Session) -> PathBuf {
    let (settings, trouble) = Settings::load(&Settings::file_in(&session.places));
    if let Some(error) = trouble {
        session.terminal.say(&error.one_line());
    }
    settings.runs_folder(&session.places).to_owned()
}

/// Runs with the figures over their validation photos.
struct Runs {
    runs: Vec<(RunSummary, Option<Metrics>)>,
    damaged: Vec<DamagedRun>,
}

impl Runs {
    fn of(runs: Vec<RunSummary>, damaged: Vec<DamagedRun>, session: &Session) -> Result<Self> {
        let with_figures = |run: RunSummary| {
            session.terminal.check()?;
            let metrics = Figures::default().of(&run.path);
            Ok((run, metrics))
        };
        Ok(Self { runs: runs.into_par_iter().map(with_figures).collect::<Result<_>>()?, damaged })
    }

    fn comparison(&self) -> Comparison {
        let runs = self.runs.iter();
        let compared = runs.map(|(run, metrics)| Compared { run, epochs: &run.epochs, metrics: metrics.as_ref() });
        Comparison::of(&compared.collect::<Vec<_>>())
    }
}

fn list(options: &Options, folder: &Path, session: &Session) -> Result<Outcome> {
    if options.folder.is_some() && !folder.is_dir() {
        return Err(Error::new(format!("There is no folder {}", folder.display())));
    }
    if run_dir::is_run(folder) {
        let error = Error::usage(format!("{} is a run and no folder of runs", folder.display()));
        return Err(error.hint("give the folder that it lies in"));
    }
    let found = run_list::list(folder);
    let runs = Runs::of(found.runs, found.damaged, session)?;
    let comparison = runs.comparison();
    let order = match comparison.column(&options.sort) {
        Some(column) => comparison.sorted(column, options.reverse),
        // A setting has no column of its own where all runs agree in it: then there is nothing to sort by.
        None if comparison::is_setting(&options.sort) => (0..runs.runs.len()).collect(),
        None => return Err(no_column(&options.sort, &comparison)),
    };
    let rows: Vec<&(RunSummary, Option<Metrics>)> = order.iter().filter_map(|row| runs.runs.get(*row)).collect();
    let json = json(folder, &rows, &runs.damaged, &comparison);
    Ok(Outcome::new(text(options, folder, &comparison, &order, &runs.damaged), json))
}

fn no_column(name: &str, comparison: &Comparison) -> Error {
    let names: Vec<&str> = comparison.columns.iter().map(|column| column.key.as_str()).collect();
    Error::usage(format!("There is no column {name}")).hint(format!("sort by one of: {}", names.join(", ")))
}

fn text(options: &Options, folder: &Path, comparison: &Comparison, order: &[usize], damaged: &[DamagedRun]) -> String {
    let damaged: String =
        damaged.iter().map(|run| format!("{} cannot be read: {}\n", run.name, run.error.one_line())).collect();
    if order.is_empty() {
        return format!("There are no runs in {}\n{damaged}", folder.display());
    }
    let shown = |(index, column): &(usize, &Column)| match (options.all, options.differences) {
        (true, _) => true,
        (_, true) => *index == 0 || !comparison.agree(*index, order),
        _ => column.main,
    };
    let columns: Vec<usize> = comparison.columns.iter().enumerate().filter(shown).map(|(index, _)| index).collect();
    let mut rows = vec![columns.iter().filter_map(|c| Some(comparison.columns.get(*c)?.title.clone())).collect()];
    rows.extend(order.iter().map(|row| columns.iter().map(|column| cell(comparison, *row, *column, order)).collect()));
    format!("{}{}{damaged}", table::columns(&rows), notes(comparison, order))
}

/// A cell; the best ones of a column are marked.
fn cell(comparison: &Comparison, row: usize, column: usize, all: &[usize]) -> String {
    let text = comparison.cell(row, column).map_or("–", |cell| cell.text.as_str());
    if comparison.best(column, all).contains(&row) { format!("*{text}") } else { text.to_owned() }
}

/// What the marks mean, and whether the figures can be compared.
fn notes(comparison: &Comparison, order: &[usize]) -> String {
    let marked = (0..comparison.columns.len()).any(|column| !comparison.best(column, order).is_empty());
    let mut text = String::new();
    if marked || (order.len() > 1 && !comparison.same_validation) {
        text.push('\n');
    }
    if marked {
        text += "* the best of these runs\n";
    }
    if order.len() > 1 && !comparison.same_validation {
        text += "These runs were not all validated on the same photos: compare their figures with care.\n";
    }
    text
}

fn json(
    folder: &Path,
    runs: &[&(RunSummary, Option<Metrics>)],
    damaged: &[DamagedRun],
    comparison: &Comparison,
) -> Value {
    let all: Vec<usize> = (0..comparison.rows.len()).collect();
    let differs = |(index, column): &(usize, &Column)| column.kind == Kind::Setting && !comparison.agree(*index, &all);
    let differences: Vec<&str> =
        comparison.columns.iter().enumerate().filter(differs).map(|(_, column)| column.key.as_str()).collect();
    json!({
        "folder": folder,
        "runs": runs.iter().map(|(run, metrics)| run_json(run, metrics.as_ref())).collect::<Vec<_>>(),
        "damaged": damaged
            .iter()
            .map(|run| json!({ "run": run.path, "name": run.name, "reason": run.error.one_line() }))
            .collect::<Vec<_>>(),
        "differences": differences,
        "same_validation": comparison.same_validation,
    })
}

fn run_json(run: &RunSummary, metrics: Option<&Metrics>) -> Value {
    let best = run_dir::best_epoch(&run.epochs);
    json!({
        "run": run.path,
        "name": run.name,
        "begun": run.record.created,
        "finished": run.finished,
        "program": run.record.program,
        "device": run.record.device,
        "data": run.record.data,
        "weights": run.record.weights,
        "settings": run.record.train,
        "epochs": run.epochs.len(),
        "best_epoch": best.map(|epoch| epoch.epoch),
        "val_loss": best.and_then(|epoch| epoch.val_loss),
        "val_accuracy": best.and_then(|epoch| epoch.val_accuracy),
        "seconds": run.epochs.last().map(|epoch| epoch.seconds),
        "validation": metrics,
    })
}

fn compare(
    folder: &Path,
    names: &[PathBuf],
    (scope, list): (paired::Scope, bool),
    session: &Session,
) -> Result<Outcome> {
    let summaries = names.iter().map(|run| RunSummary::read(&find(folder, run)?.1)).collect::<Result<Vec<_>>>()?;
    let runs = Runs::of(summaries, Vec::new(), session)?;
    let comparison = runs.comparison();
    let all: Vec<usize> = (0..runs.runs.len()).collect();
    let rows: Vec<&(RunSummary, Option<Metrics>)> = runs.runs.iter().collect();
    let mut json = json(folder, &rows, &[], &comparison);
    let wanted = |(index, column): &(usize, &Column)| match column.kind {
        Kind::Identity => true,
        Kind::Setting => !comparison.agree(*index, &all),
        Kind::Result => true,
    };
    let lines: Vec<Vec<String>> = comparison
        .columns
        .iter()
        .enumerate()
        .filter(wanted)
        .map(|(index, column)| {
            let title = if index == 0 { String::new() } else { column.title.clone() };
            std::iter::once(title).chain(all.iter().map(|row| cell(&comparison, *row, index, &all))).collect()
        })
        .collect();
    let mut text = format!("{}{}", table::columns(&lines), notes(&comparison, &all));
    if let [(first, _), (second, _)] = runs.runs.as_slice()
        && let Ok(pair) = pair::Pair::read(&first.path, &second.path, scope)
    {
        text += &pair.text(list);
        if let Some(all) = json.as_object_mut() {
            all.insert("pair".into(), pair.json());
        }
    }
    Ok(Outcome::new(text, json))
}

fn rename(folder: &Path, run: &Path, name: &str) -> Result<Outcome> {
    let (runs, run) = find(folder, run)?;
    let to = run_change::rename(&runs, &run, name)?;
    let text = format!("{} is now {}\n", run_dir::name(&run), to.display());
    Ok(Outcome::new(text, json!({ "from": run, "to": to })))
}

fn delete(folder: &Path, names: &[PathBuf], yes: bool) -> Result<Outcome> {
    let mut doomed: Vec<(PathBuf, PathBuf)> = Vec::new();
    for name in names {
        let found = find(folder, name)?;
        if !doomed.contains(&found) {
            doomed.push(found);
        }
    }
    // Everything is looked at before anything is deleted.
    let contents: Vec<Contents> =
        doomed.iter().map(|(runs, run)| run_change::contents(runs, run)).collect::<Result<_>>()?;
    if !yes && !is_agreed(&doomed, &contents)? {
        return Ok(Outcome::new("Nothing was deleted.\n".to_owned(), json!({ "deleted": [] })));
    }
    let (mut text, mut values) = (String::new(), Vec::new());
    for (runs, run) in &doomed {
        let gone = run_change::delete(runs, run).map_err(|error| {
            if text.is_empty() { error } else { error.detail(format!("deleted before: {}", text.trim_end())) }
        })?;
        text += &format!("Deleted {}: {}\n", run_dir::name(run), amount(&gone));
        for other in &gone.others {
            text += &format!("  {} is not CrackScope's and stays\n", run.join(other).display());
        }
        values.push(json!({ "run": run, "files": gone.files, "bytes": gone.bytes, "left": gone.others }));
    }
    Ok(Outcome::new(text, json!({ "deleted": values })))
}

fn amount(contents: &Contents) -> String {
    format!("{}, {}", format::counted(contents.files, "file", "files"), format::bytes(contents.bytes))
}

/// Asks whoever sits at the terminal.
fn is_agreed(doomed: &[(PathBuf, PathBuf)], contents: &[Contents]) -> Result<bool> {
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Err(
            Error::usage("Nobody can be asked whether to delete").hint("add --yes to delete without a question")
        );
    }
    for ((_, run), contents) in doomed.iter().zip(contents) {
        eprintln!("{}: {}", run.display(), amount(contents));
    }
    eprint!("Delete {}? This cannot be undone. [y/N] ", format::counted(doomed.len(), "run", "runs"));
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).context("Cannot read the answer")?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

/// The folder of runs and the run that a name or a path means.
fn find(folder: &Path, run: &Path) -> Result<(PathBuf, PathBuf)> {
    let mut parts = run.components();
    let is_name = matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None));
    let named = folder.join(run);
    if is_name && named.symlink_metadata().is_ok() {
        return Ok((folder.to_owned(), named));
    }
    let path = std::path::absolute(run).on_file("find", run)?;
    match path.parent() {
        Some(parent) if path.symlink_metadata().is_ok() => Ok((parent.to_owned(), path)),
        _ => Err(Error::new(format!("There is no run {} in {}", run.display(), folder.display()))
            .hint("`crackscope runs` lists those that there are")),
    }
}
