//! Two runs on the same photos, as text and as JSON.

use std::path::Path;

use serde_json::{Value, json};

use super::table;
use crate::error::Result;
use crate::export::figures;
use crate::format;
use crate::review::paired::{self, Paired, Scope, Summary};
use crate::review::predictions::Prediction;
use crate::train::run_dir;
use crate::train::run_list;

/// What a second run mended and broke of a first one.
pub(super) struct Pair {
    names: [String; 2],
    scope: Scope,
    paired: Paired,
    second: Vec<Prediction>,
}

impl Pair {
    /// Compares two run folders, each at its own threshold; the labels are those of the second.
    ///
    /// # Errors
    /// Where one has no predictions.
    pub(super) fn read(first: &Path, second: &Path, scope: Scope) -> Result<Self> {
        let names = [first, second].map(run_dir::name);
        let (first, first_threshold) = run_list::said(first)?;
        let (second, second_threshold) = run_list::said(second)?;
        let label = |index: usize| second.get(index).and_then(|p: &Prediction| p.truth);
        let paired = Paired::of((&first, first_threshold), (&second, second_threshold), scope, label);
        Ok(Self { names, scope, paired, second })
    }

    /// The counts and what they say; with `list` the names of the photos.
    pub(super) fn text(&self, list: bool) -> String {
        let summary = self.paired.summary();
        let [first, second] = &self.names;
        let which = match self.scope {
            Scope::Held => "that neither was trained on",
            Scope::All => "that both speak of",
        };
        if summary.photos == 0 {
            return format!("\nThere are no labelled photos {which} to compare them on.\n");
        }
        let count = |n: usize| format::count(n as u64);
        let rows = [
            vec![String::new(), format!("{second} right"), format!("{second} wrong")],
            vec![format!("{first} right"), count(summary.both_right), count(summary.broken)],
            vec![format!("{first} wrong"), count(summary.mended), count(summary.both_wrong)],
        ];
        let mut text = format!("\nOn {} {which}:\n{}", format::photos(summary.photos), table::columns(&rows));
        text += &conclusion(second, &summary);
        if list {
            for (title, pair) in [("Mended", paired::Pair::Mended), ("Broken", paired::Pair::Broken)] {
                let names: String = self.files(pair).map(|file| format!("  {file}\n")).collect();
                text += &format!("{title}:\n{names}");
            }
        }
        text
    }

    /// The same for programs.
    pub(super) fn json(&self) -> Value {
        let mut value = json!(self.paired.summary());
        if let Some(all) = value.as_object_mut() {
            let files = |pair| self.files(pair).collect::<Vec<_>>();
            all.insert("mended_files".into(), json!(files(paired::Pair::Mended)));
            all.insert("broken_files".into(), json!(files(paired::Pair::Broken)));
        }
        value
    }

    fn files(&self, pair: paired::Pair) -> impl Iterator<Item = &str> {
        let photos = self.paired.photos.iter().filter(move |photo| photo.pair == pair);
        photos.filter_map(|photo| Some(self.second.get(photo.index)?.file.as_str()))
    }
}

fn conclusion(second: &str, summary: &Summary) -> String {
    let mut text = format!(
        "{second} mended {} and broke {}",
        format::photos(summary.mended),
        format::count(summary.broken as u64)
    );
    if let (Some(difference), Some(bounds), Some(p)) = (summary.difference, summary.interval, summary.p_value) {
        text += &format!(
            ": accuracy {difference:+.4} (95 % interval {:+.4} to {:+.4}), McNemar's p {}",
            bounds.low,
            bounds.high,
            figures::p_value(p)
        );
    }
    text.push_str(".\n");
    if summary.unsure > 0 {
        text += &format!("{} left to a person by one of them are not counted.\n", format::photos(summary.unsure));
    }
    text
}
