//! `crackscope duplicates`: exact and near copies, and what else belongs together.

use std::collections::HashMap;
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::table::list;
use super::train::Grouping as Settings;
use super::{Outcome, Session, table};
use crate::atomic_file;
use crate::dataset::{Dataset, group};
use crate::error::{Context, Result};
use crate::format;
use crate::photo::twins::Twins;
use crate::train::grouping::{Found, GroupConfig, Grouping};

#[derive(Args, Debug)]
pub(super) struct Options {
    /// Folders of photos, or .zip archives of them
    #[arg(required = true, value_name = "FOLDER")]
    folders: Vec<PathBuf>,
    /// Write a table with a line for each photo that is not by itself: file, group, reasons, copy_of, how, likeness. Its
    /// first two columns can be edited and given back with --groups
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    #[command(flatten)]
    settings: Settings,
}

pub(super) fn run(options: &Options, session: &Session) -> Result<Outcome> {
    let config = options.settings.over(GroupConfig::default());
    config.validate()?;
    let dataset = super::photos(&options.folders, session)?;
    super::check_table(options.csv.as_deref(), &dataset)?;
    let contents = group::content_keys(&dataset.samples, &session.terminal)?;
    let grouping = Grouping::find(&dataset, &contents.keys, &config, &session.places, &session.terminal)?;
    if let Some(path) = &options.csv {
        atomic_file::write(path, &to_csv(&dataset, &grouping)?)?;
    }
    let text = text(&dataset, &grouping, options.csv.as_ref()) + &table::unreadable(&contents.problems);
    let mut json = json(&dataset, &grouping);
    if let Some(all) = json.as_object_mut() {
        all.insert("problems".into(), json!(contents.problems));
        all.insert("csv".into(), json!(options.csv));
    }
    Ok(Outcome::new(text, json))
}

fn name(dataset: &Dataset, i: usize) -> &str {
    dataset.samples.get(i).map(|sample| sample.file.as_str()).unwrap_or_default()
}

/// What each source says, a line each, for people.
pub(super) fn sources(grouping: &Grouping) -> String {
    let mut rows = vec![["Kept together by", "groups", "photos"].map(str::to_owned).to_vec()];
    rows.extend(grouping.found.iter().map(|found| {
        let off = if found.on || found.groups == 0 { "" } else { " (does not count)" };
        let count = |n: usize| format::count(n as u64);
        vec![format!("{}{off}", found.reason.title()), count(found.groups), count(found.photos)]
    }));
    let sets = grouping.sets();
    let photos: usize = sets.iter().map(Vec::len).sum();
    rows.push(vec!["all of it".to_owned(), format::count(sets.len() as u64), format::count(photos as u64)]);
    let note = |found: &Found| found.note.as_ref().map(|note| format!("{}: {note}", found.reason.title()));
    let notes: Vec<String> = grouping.found.iter().filter_map(note).collect();
    table::columns(&rows) + &list("Notes", notes.into_iter())
}

fn text(dataset: &Dataset, grouping: &Grouping, csv: Option<&PathBuf>) -> String {
    let copies = grouping.groups.duplicates();
    let more: usize = copies.iter().map(|set| set.len() - 1).sum();
    let near = grouping.twins.len();
    let turned = grouping.twins.iter().filter(|twins| twins.turn.words().is_some()).count();
    let across = conflicts(dataset, grouping).len();
    let mut text = format!(
        "{}: {}, and {}, {} of them mirrored or turned. {} under different labels.\n\n{}",
        format::photos(dataset.samples.len()),
        format::counted(more, "exact copy of another", "exact copies of others"),
        format::counted(near, "pair of near copies", "pairs of near copies"),
        format::count(turned as u64),
        format::counted(across, "pair of copies is", "pairs of copies are"),
        sources(grouping),
    );
    let named = |set: &Vec<usize>| set.iter().map(|i| name(dataset, *i)).collect::<Vec<_>>().join(" = ");
    text += &list("Exact copies", copies.iter().map(named));
    text += &list("Near copies", grouping.twins.iter().map(|twins| pair(dataset, twins)));
    text += &list("Copies under different labels", conflicts(dataset, grouping).into_iter());
    let group = |set: &Vec<usize>| {
        let reasons: Vec<&str> = grouping.reasons(set).iter().map(|reason| reason.title()).collect();
        let first = set.first().map(|i| name(dataset, *i)).unwrap_or_default();
        format!("{} with {first}: {}", format::photos(set.len()), reasons.join(", "))
    };
    text += &list("Groups", grouping.sets().iter().map(group));
    text + &csv.map(|path| format!("\nTable: {}\n", path.display())).unwrap_or_default()
}

/// `a.jpg ~ b.jpg, mirrored (0.99)`.
fn pair(dataset: &Dataset, twins: &Twins) -> String {
    let turned = twins.turn.words().map(|words| format!(", {words}")).unwrap_or_default();
    format!("{} ~ {}{turned} ({:.3})", name(dataset, twins.first), name(dataset, twins.second), twins.likeness)
}

/// Exact and near copies whose labels differ.
fn conflicts(dataset: &Dataset, grouping: &Grouping) -> Vec<String> {
    let exact = grouping.groups.conflicts(&dataset.samples);
    let exact = exact.iter().map(|set| set.iter().map(|i| name(dataset, *i)).collect::<Vec<_>>().join(" = "));
    exact.chain(grouping.conflicts(dataset).iter().map(|twins| pair(dataset, twins))).collect()
}

fn json(dataset: &Dataset, grouping: &Grouping) -> Value {
    let names = |set: &[usize]| set.iter().map(|i| name(dataset, *i)).collect::<Vec<_>>();
    let near = |twins: &Twins| {
        json!({
            "first": name(dataset, twins.first),
            "second": name(dataset, twins.second),
            "how": twins.turn.name(),
            "likeness": twins.likeness,
        })
    };
    let source = |found: &Found| {
        json!({
            "by": found.reason.name(),
            "counts": found.on,
            "groups": found.groups,
            "photos": found.photos,
            "note": found.note,
        })
    };
    let group = |set: &Vec<usize>| {
        let reasons: Vec<&str> = grouping.reasons(set).iter().map(|reason| reason.name()).collect();
        json!({"photos": names(set), "reasons": reasons})
    };
    json!({
        "folders": dataset.roots,
        "photos": dataset.samples.len(),
        "identical": grouping.groups.duplicates().iter().map(|set| names(set)).collect::<Vec<_>>(),
        "near_copies": grouping.twins.iter().map(near).collect::<Vec<_>>(),
        "across_classes": conflicts(dataset, grouping).len(),
        "sources": grouping.found.iter().map(source).collect::<Vec<_>>(),
        "groups": grouping.sets().iter().map(group).collect::<Vec<_>>(),
    })
}

/// A line for each photo of a group of two and more.
fn to_csv(dataset: &Dataset, grouping: &Grouping) -> Result<Vec<u8>> {
    const FAILED: &str = "Cannot write the table of duplicates";
    let mut copy_of: HashMap<usize, (usize, &str, f32)> = HashMap::new();
    for twins in &grouping.twins {
        let better = copy_of.get(&twins.second).is_none_or(|(.., likeness)| *likeness < twins.likeness);
        if better {
            copy_of.insert(twins.second, (twins.first, twins.turn.name(), twins.likeness));
        }
    }
    for set in grouping.groups.duplicates() {
        let first = set.first().copied().unwrap_or_default();
        copy_of.extend(set.iter().skip(1).map(|i| (*i, (first, "identical", 1.0))));
    }
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["file", "group", "reasons", "copy_of", "how", "likeness"]).context(FAILED)?;
    for set in grouping.sets() {
        let reasons: Vec<&str> = grouping.reasons(&set).iter().map(|reason| reason.name()).collect();
        let first = set.first().map(|i| name(dataset, *i)).unwrap_or_default();
        for i in &set {
            let copy = copy_of.get(i);
            let [of, how, likeness] = match copy {
                Some((of, how, likeness)) => {
                    [name(dataset, *of).to_owned(), (*how).to_owned(), format!("{likeness:.4}")]
                }
                None => Default::default(),
            };
            writer
                .write_record([name(dataset, *i), first, &reasons.join(" "), &of, &how, &likeness])
                .context(FAILED)?;
        }
    }
    writer.into_inner().map_err(|e| e.into_error()).context(FAILED)
}
