//! `crackscope labels`: corrected labels of a folder.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::{Outcome, Session, table};
use crate::dataset::labels::{self, Change, Changed, Opened};
use crate::dataset::{Class, Dataset, Mark, Sample, scan};
use crate::error::{Error, Result};
use crate::export::labels::{Form, LabelsOrder, write};
use crate::format;

/// How many corrections are listed in text; `--json` has all.
const LISTED: usize = 40;

#[derive(Args, Debug)]
pub(super) struct Options {
    /// Folders of photos, or .zip archives of them
    #[arg(required = true, value_name = "FOLDER")]
    folders: Vec<PathBuf>,
    /// Say what the photos of --photo show, or that they are unsure or excluded; `found` gives back what was found
    #[arg(long, value_enum, value_name = "LABEL", requires = "photo")]
    set: Option<Said>,
    /// A photo to be marked, by its name in the folder; may be given several times
    #[arg(long, value_name = "FILE", requires = "set")]
    photo: Vec<String>,
    /// Take the last change back
    #[arg(long, conflicts_with_all = ["set", "redo"])]
    undo: bool,
    /// Make the change again that was taken back last
    #[arg(long, conflicts_with = "set")]
    redo: bool,
    /// Write the labels in force to a new file: file,label, and tags where there are any
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Copy the photos into Positive, Negative and Unlabelled in a new folder; excluded ones are left out
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
}

/// What can be said of a photo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Said {
    /// It shows a crack
    Cracked,
    /// It shows none
    Intact,
    /// Nobody can tell: neither trained on nor counted
    Unsure,
    /// It takes no part in anything
    Excluded,
    /// What folder names or labels.csv say
    Found,
}

impl Said {
    fn mark(self) -> Option<Mark> {
        match self {
            Self::Cracked => Some(Mark::Class(Class::Positive)),
            Self::Intact => Some(Mark::Class(Class::Negative)),
            Self::Unsure => Some(Mark::Unsure),
            Self::Excluded => Some(Mark::Excluded),
            Self::Found => None,
        }
    }
}

pub(super) fn run(options: &Options, session: &Session) -> Result<Outcome> {
    if session.shared.ignore_corrections {
        return Err(Error::usage("There is nothing to say of labels without their corrections")
            .hint("leave --ignore-corrections out"));
    }
    let mut dataset = scan::open(&options.folders, &session.places, &session.terminal)?;
    let mut opened = labels::open(&mut dataset, &session.places)?;
    opened.strangers().iter().for_each(|strangers| session.terminal.say(strangers));
    let done = options.change(&mut dataset, &mut opened)?;
    dataset.problems.extend(opened.applied.problems.iter().cloned());
    let orders = [(Form::Table, &options.csv), (Form::Copies, &options.to)];
    let mut copied = Vec::new();
    for (form, to) in orders.into_iter().filter_map(|(form, to)| Some((form, to.clone()?))) {
        copied.extend(write(&dataset, &LabelsOrder { form, to }, &session.terminal)?.problems);
    }
    dataset.problems.extend(copied);
    Ok(Outcome::new(text(&dataset, options, done.as_deref()), json(&dataset, options, &opened, done.as_deref())))
}

impl Options {
    /// Does what is asked for, keeps it, and says what was done.
    fn change(&self, dataset: &mut Dataset, opened: &mut Opened) -> Result<Option<String>> {
        let labels = &mut opened.labels;
        let changed = if let Some(said) = self.set {
            let photos = self.photo.iter().map(|file| find(dataset, file)).collect::<Result<Vec<_>>>()?;
            labels.change(dataset, &photos, Change::Mark(said.mark()))
        } else if self.undo {
            Some(labels.undo(dataset).ok_or_else(|| Error::new("There is no change to take back"))?)
        } else if self.redo {
            Some(labels.redo(dataset).ok_or_else(|| Error::new("There is no change to make again"))?)
        } else {
            return Ok(None);
        };
        let Some(Changed { text, keep, .. }) = changed else {
            return Ok(Some("Nothing to change: they are labelled so already".to_owned()));
        };
        for line in keep {
            if let Some(journal) = opened.journals.get_mut(line.root) {
                journal.add(line.entry, &line.paths)?;
            }
        }
        Ok(Some(text))
    }
}

fn find(dataset: &Dataset, file: &str) -> Result<usize> {
    dataset.samples.iter().position(|sample| sample.file == file).ok_or_else(|| {
        Error::new(format!("There is no photo {file} in {}", dataset.name()))
            .hint("name it as `crackscope labels FOLDER --json` and labels.csv do, with / between folders")
    })
}

fn spoken_of(dataset: &Dataset) -> impl Iterator<Item = &Sample> {
    dataset.samples.iter().filter(|sample| sample.correction.is_some() || !sample.tags.is_empty())
}

/// Photos of which is said this, against what was found or not.
fn count(dataset: &Dataset, wanted: impl Fn(&Sample) -> bool) -> usize {
    dataset.samples.iter().filter(|sample| wanted(sample)).count()
}

fn confirmed(sample: &Sample) -> bool {
    sample.correction.is_some() && !sample.is_corrected()
}

fn text(dataset: &Dataset, options: &Options, done: Option<&str>) -> String {
    let of = |mark: Mark| count(dataset, |sample| sample.said() == Some(mark));
    let rows = [
        ("Photos", dataset.samples.len()),
        ("  cracked", dataset.count(Class::Positive)),
        ("  intact", dataset.count(Class::Negative)),
        ("  unsure", of(Mark::Unsure)),
        ("  excluded", of(Mark::Excluded)),
        ("Corrected", dataset.corrected()),
        ("Confirmed", count(dataset, confirmed)),
        ("Tagged", count(dataset, |sample| !sample.tags.is_empty())),
    ];
    let rows: Vec<_> = rows.iter().map(|(name, n)| vec![(*name).to_owned(), format::count(*n as u64)]).collect();
    let mut text = done.map(|done| format!("{done}\n\n")).unwrap_or_default() + &table::columns(&rows);
    let all: Vec<&Sample> = spoken_of(dataset).collect();
    if !all.is_empty() {
        let word = |mark: Option<Mark>| mark.map_or("no label", Mark::word).to_owned();
        let row = |sample: &&Sample| {
            let tags = sample.tags.iter().map(|tag| format!("#{tag}")).collect::<Vec<_>>().join(" ");
            vec![sample.file.clone(), word(sample.found), "→".to_owned(), word(sample.said()), tags]
        };
        let rows: Vec<_> = all.iter().take(LISTED).map(row).collect();
        text += &format!("\n{}", table::columns(&rows));
    }
    if all.len() > LISTED {
        text += &format!("… and {} more\n", format::count((all.len() - LISTED) as u64));
    }
    for (what, path) in [("Labels", &options.csv), ("Copies", &options.to)] {
        if let Some(path) = path {
            text += &format!("\n{what}: {}\n", path.display());
        }
    }
    text + &dataset.problems.iter().map(|p| format!("  {}: {}\n", p.file, p.reason)).collect::<String>()
}

fn json(dataset: &Dataset, options: &Options, opened: &Opened, done: Option<&str>) -> serde_json::Value {
    let of = |mark: Mark| count(dataset, |sample| sample.said() == Some(mark));
    let row = |sample: &Sample| {
        json!({
            "file": sample.file,
            "found": sample.found.map(Mark::word),
            "label": sample.said().map(Mark::word),
            "corrected": sample.is_corrected(),
            "tags": sample.tags,
        })
    };
    json!({
        "folders": dataset.roots,
        "photos": dataset.samples.len(),
        "positive": dataset.count(Class::Positive),
        "negative": dataset.count(Class::Negative),
        "unsure": of(Mark::Unsure),
        "excluded": of(Mark::Excluded),
        "corrected": dataset.corrected(),
        "confirmed": count(dataset, confirmed),
        "replaced": opened.applied.replaced,
        "missing": opened.applied.missing,
        "digest": labels::digest(dataset),
        "journals": opened.journals.iter().map(labels::Journal::path).collect::<Vec<_>>(),
        "corrections": spoken_of(dataset).map(row).collect::<Vec<_>>(),
        "done": done,
        "csv": options.csv,
        "to": options.to,
        "problems": dataset.problems,
    })
}
