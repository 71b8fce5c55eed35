//! `crackscope weights`: initial weights of the networks.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{Outcome, Session, table};
use crate::error::{Error, Result};
use crate::format;
use crate::nn::bundled;
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
    /// Check the program's own weights and the fetched files against their checksums
    Verify {
        /// A name from the list [default: all that are on this machine]
        name: Option<String>,
    },
}

pub(super) fn run(options: &Options, session: &Session) -> Result<Outcome> {
    let hub = Hub::from_env(&session.places.weight_records())?;
    match &options.action {
        Action::List => list(&hub),
        Action::Fetch { name: Some(name) } if name == bundled::NAME => {
            let text = "These weights come with the program: there is nothing to fetch.\n".to_owned();
            Ok(Outcome::new(text, json!({ "weights": [] })))
        }
        Action::Fetch { name } => fetch(&hub, &named(name.as_deref())?, session),
        Action::Verify { name } => verify(&hub, name.as_deref()),
    }
}

/// The sources of that name; all without one.
fn named(name: Option<&str>) -> Result<Vec<Source>> {
    let all = hub::sources()?;
    let Some(name) = name else { return Ok(all) };
    let names: Vec<&str> =
        std::iter::once(bundled::NAME).chain(all.iter().map(|source| source.name.as_str())).collect();
    let names = names.join(", ");
    let found: Vec<Source> = all.into_iter().filter(|source| source.name == name).collect();
    if found.is_empty() {
        return Err(Error::usage(format!("There are no weights called {name}")).hint(format!("choose among: {names}")));
    }
    Ok(found)
}

fn list(hub: &Hub) -> Result<Outcome> {
    let sources = hub::sources()?;
    let place = |source: &Source| hub.cached(source);
    let own = [
        bundled::NAME.to_owned(),
        bundled::BACKBONE.name().to_owned(),
        format::bytes(bundled::BYTES.len() as u64),
        "in the program".to_owned(),
        "crackscope pretrain".to_owned(),
    ];
    let rows: Vec<Vec<String>> = std::iter::once(own.to_vec())
        .chain(sources.iter().map(|source| {
            let size = source.bytes.map_or_else(|| "–".into(), format::bytes);
            let where_ = if place(source).is_some() { "on this machine" } else { "not fetched" };
            vec![source.name.clone(), source.backbone.clone(), size, where_.into(), source.repo.clone()]
        }))
        .collect();
    let values: Vec<Value> = std::iter::once(own_value())
        .chain(sources.iter().map(|source| {
            json!({
                "name": source.name, "backbone": source.backbone, "repo": source.repo, "revision": source.revision,
                "file": source.file, "bytes": source.bytes, "sha256": source.sha256, "path": place(source),
            })
        }))
        .collect();
    Ok(Outcome::new(table::columns(&rows), json!({ "weights": values })))
}

/// The weights that come with the program.
fn own_value() -> Value {
    json!({
        "name": bundled::NAME, "backbone": bundled::BACKBONE.name(), "repo": null, "revision": null, "file": null,
        "bytes": bundled::BYTES.len(), "sha256": bundled::sha256(), "path": null,
    })
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
        Some(bundled::NAME) => Vec::new(),
        Some(_) => named(name)?,
        None => hub::sources()?.into_iter().filter(|source| hub.cached(source).is_some()).collect(),
    };
    let (mut text, mut values) = (String::new(), Vec::new());
    let mut right = |name: &str, bytes: u64, sha256: &str, basis: &str| {
        text += &format!("{name}: right, {}, SHA-256 {sha256} ({basis})\n", format::bytes(bytes));
    };
    if name.is_none_or(|name| name == bundled::NAME) {
        bundled::verify()?;
        right(bundled::NAME, bundled::BYTES.len() as u64, bundled::sha256(), "in the program");
        values.push(own_value());
    }
    for source in &sources {
        let verified = hub.verify(source)?;
        right(&source.name, verified.bytes, &verified.sha256, verified.basis.reason());
        values.push(json!({
            "name": source.name, "path": verified.path, "bytes": verified.bytes, "sha256": verified.sha256,
        }));
    }
    Ok(Outcome::new(text, json!({ "weights": values })))
}
