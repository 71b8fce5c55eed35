//! `crackscope weights`: initial weights of the networks.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{Outcome, Session, table};
use crate::error::{Error, Result};
use crate::format;
use crate::nn::hub::{self, Hub, Source};

#[derive(Args, Debug)]
pub(super) struct Options {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Which weights there are, and which are on this machine
    List,
    /// Fetch weights from the hub
    Fetch {
        /// A name from the list [default: all]
        name: Option<String>,
    },
    /// Check the fetched files against their checksums
    Verify {
        /// A name from the list [default: all that are on this machine]
        name: Option<String>,
    },
}

pub(super) fn run(options: &Options, session: &Session) -> Result<Outcome> {
    let hub = Hub::from_env(&session.places.weight_records())?;
    match &options.action {
        Action::List => list(&hub),
        Action::Fetch { name } => fetch(&hub, &named(name.as_deref())?, session),
        Action::Verify { name } => verify(&hub, name.as_deref()),
    }
}

/// The sources of that name; all without one.
fn named(name: Option<&str>) -> Result<Vec<Source>> {
    let all = hub::sources()?;
    let Some(name) = name else { return Ok(all) };
    let names: Vec<String> = all.iter().map(|source| source.name.clone()).collect();
    let found: Vec<Source> = all.into_iter().filter(|source| source.name == name).collect();
    if found.is_empty() {
        return Err(Error::usage(format!("There are no weights called {name}"))
            .hint(format!("choose among: {}", names.join(", "))));
    }
    Ok(found)
}

fn list(hub: &Hub) -> Result<Outcome> {
    let sources = hub::sources()?;
    let place = |source: &Source| hub.cached(source);
    let rows: Vec<Vec<String>> = sources
        .iter()
        .map(|source| {
            let size = source.bytes.map_or_else(|| "–".into(), format::bytes);
            let where_ = if place(source).is_some() { "on this machine" } else { "not fetched" };
            vec![source.name.clone(), source.backbone.clone(), size, where_.into(), source.repo.clone()]
        })
        .collect();
    let values: Vec<Value> = sources
        .iter()
        .map(|source| {
            json!({
                "name": source.name, "backbone": source.backbone, "repo": source.repo, "revision": source.revision,
                "file": source.file, "bytes": source.bytes, "sha256": source.sha256, "path": place(source),
            })
        })
        .collect();
    Ok(Outcome::new(table::columns(&rows), json!({ "weights": values })))
}

fn fetch(hub: &Hub, sources: &[Source], session: &Session) -> Result<Outcome> {
    let mut text = String::new();
    let mut values = Vec::new();
    for source in sources {
        let path = hub.fetch(source, &session.terminal)?;
        text += &format!("{}: {}\n", source.name, path.display());
        values.push(json!({ "name": source.name, "path": path }));
    }
    Ok(Outcome::new(text, json!({ "weights": values })))
}

fn verify(hub: &Hub, name: Option<&str>) -> Result<Outcome> {
    let sources: Vec<Source> = match name {
        Some(_) => named(name)?,
        None => hub::sources()?.into_iter().filter(|source| hub.cached(source).is_some()).collect(),
    };
    if sources.is_empty() {
        return Ok(Outcome::new("No weights have been fetched.\n".into(), json!({ "weights": [] })));
    }
    let mut text = String::new();
    let mut values = Vec::new();
    for source in &sources {
        let verified = hub.verify(source)?;
        let (bytes, reason) = (format::bytes(verified.bytes), verified.basis.reason());
        text += &format!("{}: right, {bytes}, SHA-256 {} ({reason})\n", source.name, verified.sha256);
        values.push(json!({
            "name": source.name, "path": verified.path, "bytes": verified.bytes, "sha256": verified.sha256,
        }));
    }
    Ok(Outcome::new(text, json!({ "weights": values })))
}
