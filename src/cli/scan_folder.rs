//! `crackscope scan`: what a folder holds.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use serde_json::json;

use super::table::list;
use super::{Outcome, Session, table};
use crate::dataset::group::{self, Groups};
use crate::dataset::{Class, Dataset, Problem};
use crate::error::{Context, Result};
use crate::format;
use crate::photo::check::{self, Checked};
use crate::photo::verdict::{self, Finding, Seen, Verdict, Weight};

#[derive(Args, Debug)]
pub(super) struct Options {
    /// Folders of photos, or .zip archives of them
    #[arg(required = true, value_name = "FOLDER")]
    folders: Vec<PathBuf>,
    /// Read only the beginning and end of each photo: what is damaged in between, and duplicates, are not found
    #[arg(long)]
    quick: bool,
    /// List only: open no photo, so that unreadable files and duplicates are not found
    #[arg(long, conflicts_with = "quick")]
    list_only: bool,
}

/// What opening the photos showed.
#[derive(Serialize)]
struct Opened {
    unreadable: Vec<Problem>,
    /// Width, height and number of photos, the most frequent first.
    sizes: Vec<(u32, u32, usize)>,
    #[serde(flatten)]
    copies: Option<Copies>,
}

/// Files with the same bytes.
#[derive(Serialize)]
struct Copies {
    /// By name, in sets of two or more.
    duplicates: Vec<Vec<String>>,
    /// Those among them that carry different labels.
    conflicts: Vec<Vec<String>>,
}

pub(super) fn run(options: &Options, session: &Session) -> Result<Outcome> {
    let terminal = &session.terminal;
    let dataset = super::listed(&options.folders, session)?;
    if options.list_only {
        return outcome(&dataset, None, &verdict::judge(&dataset, None));
    }
    if options.quick {
        let checked = check::glance(&dataset.samples, terminal)?;
        let verdict = verdict::judge(&dataset, Some(Seen { checked: &checked, groups: None }));
        return outcome(&dataset, Some(&Opened::of(checked, None)), &verdict);
    }
    let checked = check::check(&dataset.samples, terminal)?;
    let groups = Groups::identical(&group::content_keys(&dataset.samples, terminal)?.keys);
    let verdict = verdict::judge(&dataset, Some(Seen { checked: &checked, groups: Some(&groups) }));
    outcome(&dataset, Some(&Opened::of(checked, Some(Copies::of(&groups, &dataset)))), &verdict)
}

fn outcome(dataset: &Dataset, opened: Option<&Opened>, verdict: &Verdict) -> Result<Outcome> {
    Ok(Outcome::new(text(dataset, opened, verdict), json(dataset, opened, verdict)?))
}

impl Opened {
    fn of(checked: Checked, copies: Option<Copies>) -> Self {
        let sizes = checked.sizes.into_iter().map(|((width, height), count)| (width, height, count));
        let mut sizes: Vec<_> = sizes.collect();
        sizes.sort_by_key(|&(width, height, count)| (std::cmp::Reverse(count), width, height));
        Self { unreadable: checked.problems, sizes, copies }
    }
}

impl Copies {
    fn of(groups: &Groups, dataset: &Dataset) -> Self {
        let names = |set: &[usize]| -> Vec<String> {
            set.iter().filter_map(|&i| dataset.samples.get(i)).map(|sample| sample.file.clone()).collect()
        };
        Self {
            duplicates: groups.duplicates().iter().map(|set| names(set)).collect(),
            conflicts: groups.conflicts(&dataset.samples).into_iter().map(names).collect(),
        }
    }
}

fn json(dataset: &Dataset, opened: Option<&Opened>, verdict: &Verdict) -> Result<serde_json::Value> {
    let mut value = json!({
        "folders": dataset.roots,
        "layout": dataset.layout,
        "photos": dataset.samples.len(),
        "positive": dataset.count(Class::Positive),
        "negative": dataset.count(Class::Negative),
        "unlabelled": dataset.samples.len() - dataset.labelled(),
        "skipped": dataset.skipped,
        "problems": dataset.problems,
        "verdict": verdict,
    });
    if let (Some(all), Some(opened)) = (value.as_object_mut(), opened) {
        let opened = serde_json::to_value(opened).context("Cannot describe the folder")?;
        all.extend(opened.as_object().cloned().unwrap_or_default());
    }
    Ok(value)
}

fn text(dataset: &Dataset, opened: Option<&Opened>, verdict: &Verdict) -> String {
    let count = |n: usize| format::count(n as u64);
    let mut rows = vec![
        vec!["Layout".into(), dataset.layout.title().to_owned()],
        vec!["Photos".into(), count(dataset.samples.len())],
        vec!["  cracked".into(), count(dataset.count(Class::Positive))],
        vec!["  intact".into(), count(dataset.count(Class::Negative))],
        vec!["  unlabelled".into(), count(dataset.samples.len() - dataset.labelled())],
        vec!["Hidden files passed over".into(), count(dataset.skipped.hidden)],
        vec!["Other files passed over".into(), count(dataset.skipped.other)],
    ];
    if dataset.skipped.loops > 0 {
        rows.push(vec!["Links in a circle passed over".into(), count(dataset.skipped.loops)]);
    }
    let copies = opened.and_then(|opened| opened.copies.as_ref());
    if let Some(opened) = opened {
        rows.push(vec!["Unreadable".into(), count(opened.unreadable.len())]);
    }
    if let Some(copies) = copies {
        let duplicates = copies.duplicates.iter().map(|set| set.len() - 1).sum();
        rows.push(vec!["Exact copies of another photo".into(), count(duplicates)]);
        rows.push(vec!["  under another label".into(), count(copies.conflicts.len())]);
    }
    let mut text = table::columns(&rows);
    if let Some(opened) = opened {
        let sizes = opened.sizes.iter().map(|(w, h, n)| format!("{w} × {h}: {}", format::photos(*n)));
        text += &list("Sizes", sizes);
        text += &list("Unreadable", opened.unreadable.iter().map(problem));
    }
    if let Some(copies) = copies {
        text += &list("Exact copies", copies.duplicates.iter().map(|set| set.join(" = ")));
        text += &list("Exact copies under different labels", copies.conflicts.iter().map(|set| set.join(" = ")));
    }
    text += &list("Problems", dataset.problems.iter().map(problem));
    text + &list("Verdict", verdict.findings.iter().map(finding))
}

/// A finding and, on a line of its own, what to do about it.
fn finding(finding: &Finding) -> String {
    let weight = match finding.weight {
        Weight::Good => "good",
        Weight::Note => "note",
        Weight::Warning => "warning",
    };
    let advice = finding.advice.iter().map(|advice| format!("\n{:13}→ {advice}", ""));
    format!("{weight:<9}{}{}", finding.text, advice.collect::<String>())
}

fn problem(problem: &Problem) -> String {
    format!("{}: {}", problem.file, problem.reason)
}
