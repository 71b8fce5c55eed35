//! The cover: what the user says of the job, and what came of it in four numbers.

use std::collections::BTreeMap;
use std::path::Path;

use clap::Args;
use serde::{Deserialize, Deserializer, de};

use super::document::{Block, Level, Section, Topic};
use super::sheet::Sheet;
use super::{With, metric};
use crate::bounded;
use crate::error::{Error, Result};
use crate::format;
use crate::train::run_dir;

/// What the user says of the job; all of it can be left out. As a file it is TOML, each fact a line: `client = "…"`.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[command(next_help_heading = "Report")]
pub struct Cover {
    /// Title of the report [default: Crack inspection]
    #[arg(long, value_name = "TEXT")]
    #[serde(deserialize_with = "text")]
    pub title: Option<String>,
    /// The structure that was inspected
    #[arg(long, value_name = "TEXT")]
    #[serde(deserialize_with = "text")]
    pub structure: Option<String>,
    /// Where it stands
    #[arg(long, value_name = "TEXT")]
    #[serde(deserialize_with = "text")]
    pub site: Option<String>,
    /// Who ordered the inspection
    #[arg(long, value_name = "TEXT")]
    #[serde(deserialize_with = "text")]
    pub client: Option<String>,
    /// Who inspected
    #[arg(long, value_name = "TEXT")]
    #[serde(deserialize_with = "text")]
    pub inspector: Option<String>,
    /// When
    #[arg(long, value_name = "TEXT")]
    #[serde(deserialize_with = "text")]
    pub date: Option<String>,
    /// Number of the job
    #[arg(long, value_name = "TEXT")]
    #[serde(deserialize_with = "text")]
    pub job: Option<String>,
    /// What else is to be said; lines stay lines
    #[arg(long, value_name = "TEXT")]
    #[serde(deserialize_with = "text")]
    pub notes: Option<String>,
    /// Facts under names of the user's own.
    #[arg(skip)]
    #[serde(deserialize_with = "texts")]
    pub more: BTreeMap<String, String>,
}

impl Cover {
    /// Reads a TOML file.
    ///
    /// # Errors
    /// Where it cannot be read, is no TOML, or names a fact that there is not.
    pub fn read(path: &Path) -> Result<Self> {
        let text = bounded::read_to_string(path, bounded::NOTES).map_err(|cause| Error::file("read", path, cause))?;
        toml::from_str(&text).map_err(|cause| {
            Error::file("use", path, cause.to_string().trim_end().replace('\n', "\n  "))
                .hint("write lines such as client = \"…\"; facts under other names go below a line [more]")
        })
    }

    /// These facts, and those of `other` where these say nothing.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            title: self.title.or(other.title),
            structure: self.structure.or(other.structure),
            site: self.site.or(other.site),
            client: self.client.or(other.client),
            inspector: self.inspector.or(other.inspector),
            date: self.date.or(other.date),
            job: self.job.or(other.job),
            notes: self.notes.or(other.notes),
            more: other.more.into_iter().chain(self.more).collect(),
        }
    }

    /// What the report is called.
    pub fn title(&self) -> &str {
        self.title.as_deref().map(str::trim).filter(|title| !title.is_empty()).unwrap_or("Crack inspection")
    }

    /// The cover.
    pub(super) fn section(&self, sheets: &[Sheet]) -> Section {
        let mut blocks = vec![Block::Heading(Level::Title, self.title().into())];
        let facts: Vec<_> = self.rows(sheets).collect();
        if !facts.is_empty() {
            blocks.push(Block::Facts(facts));
        }
        let notes = self.notes.as_deref().map(str::trim).filter(|notes| !notes.is_empty());
        blocks.extend(notes.map(Block::paragraph));
        Section::new(Topic::Cover, blocks)
    }

    /// The facts that are given, in the order in which they are read, and when the photos were taken.
    fn rows(&self, sheets: &[Sheet]) -> impl Iterator<Item = (String, String)> {
        let own = [
            ("Structure", &self.structure),
            ("Place", &self.site),
            ("Client", &self.client),
            ("Inspector", &self.inspector),
            ("Date", &self.date),
            ("Job", &self.job),
        ];
        let own = own.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.clone()?)));
        let more = self.more.clone();
        own.chain(more)
            .map(|(name, value)| (name, value.trim().to_owned()))
            .filter(|(_, value)| !value.is_empty())
            .chain(taken(sheets).map(|taken| ("Photos taken".to_owned(), taken)))
    }
}

/// From which day to which the photos were taken, by the cameras' clocks.
fn taken(sheets: &[Sheet]) -> Option<String> {
    let days = || sheets.iter().filter_map(|sheet| sheet.facts.as_ref()?.taken.as_deref()?.get(..10));
    let (first, last) = (days().min()?, days().max()?);
    Some(if first == last { first.to_owned() } else { format!("{first} to {last}") })
}

/// What came of it.
pub(super) fn summary(sheets: &[Sheet], with: &With<'_>) -> Section {
    let said = format!(
        "Cracks were marked by a program, CrackScope {} with {}: cells of the photos to which it gives a probability of {} \
         or more. They are finds to be looked at, not findings of a person.",
        env!("CARGO_PKG_VERSION"),
        run_dir::name(with.model),
        with.threshold,
    );
    let blocks = vec![Block::section("Summary"), Block::Numbers(numbers(sheets)), Block::aside(said)];
    Section::new(Topic::Summary, blocks)
}

/// Photos, those with cracks, and lengths.
fn numbers(sheets: &[Sheet]) -> Vec<(String, String)> {
    let cracked = sheets.iter().filter(|sheet| sheet.measures.cracked_cells > 0).count();
    let cracks: usize = sheets.iter().map(|sheet| sheet.cracks.len()).sum();
    let mut tiles = vec![
        (format::count(sheets.len()), if sheets.len() == 1 { "photo" } else { "photos" }.to_owned()),
        (format::count(cracked), "with cracks found".to_owned()),
        (format::count(cracks), if cracks == 1 { "crack" } else { "cracks" }.to_owned()),
    ];
    let found = || sheets.iter().filter(|sheet| sheet.measures.cracked_cells > 0);
    let scaled = found().next().is_some() && found().all(|sheet| sheet.measures.length_mm.is_some());
    let longest = sheets.iter().filter_map(Sheet::longest);
    if scaled {
        let total = found().filter_map(|sheet| sheet.measures.length_mm).sum();
        let longest = found().filter_map(|sheet| sheet.scale?.mm(sheet.longest()?).into()).fold(0.0, f64::max);
        tiles.push((metric(total), "length of all".to_owned()));
        tiles.push((metric(longest), "longest".to_owned()));
    } else {
        let total: f64 = sheets.iter().map(|sheet| sheet.measures.length_px).sum();
        tiles.push((format!("{} px", format::count(total.round() as u64)), "length of all".to_owned()));
        let longest = longest.fold(0.0, f64::max).round() as u64;
        tiles.push((format!("{} px", format::count(longest)), "longest".to_owned()));
    }
    tiles
}

/// A fact as TOML may have it: text, a date, a number.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Option<String>, D::Error> {
    written(toml::Value::deserialize(deserializer)?).map(Some)
}

fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<BTreeMap<String, String>, D::Error> {
    let values = BTreeMap::<String, toml::Value>::deserialize(deserializer)?;
    values.into_iter().map(|(name, value)| Ok((name, written(value)?))).collect()
}

fn written<E: de::Error>(value: toml::Value) -> std::result::Result<String, E> {
    match value {
        toml::Value::String(text) => Ok(text),
        toml::Value::Table(_) | toml::Value::Array(_) => Err(E::custom("a fact is text, a number or a date")),
        plain => Ok(plain.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Cover> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("job.toml");
        std::fs::write(&path, text).unwrap();
        Cover::read(&path)
    }

    #[test]
    fn facts_are_text_numbers_or_dates() {
        let cover = read(
            "client = \"Stadt Köln\"\ndate = 2026-05-01\njob = 4711\nnotes = \"\"\"\nrain\nfog\n\"\"\"\n[more]\nWeather \
             = \"dry\"\n\"Temperature °C\" = 12.5\n",
        )
        .unwrap();
        assert_eq!(cover.client.as_deref(), Some("Stadt Köln"));
        assert_eq!((cover.date.as_deref(), cover.job.as_deref()), (Some("2026-05-01"), Some("4711")));
        assert_eq!(cover.more["Temperature °C"], "12.5");
        assert_eq!(cover.title(), "Crack inspection");
    }

    #[test]
    fn what_is_said_on_the_command_line_counts_before_the_file() {
        let file = read("client = \"A\"\nsite = \"B\"\n").unwrap();
        let cover = Cover { client: Some("C".into()), ..Cover::default() }.or(file);
        assert_eq!((cover.client.as_deref(), cover.site.as_deref()), (Some("C"), Some("B")));
    }

    #[test]
    fn files_that_say_something_else_are_refused() {
        for (text, part) in
            [("custommer = \"A\"", "custommer"), ("client = [1]", "a fact is text"), ("client = ", "line 1")]
        {
            let error = read(text).unwrap_err();
            assert!(error.to_string().contains(part) && error.to_string().contains("job.toml"), "{error}");
        }
        assert!(Cover::read(Path::new("/no/such.toml")).is_err());
    }
}
