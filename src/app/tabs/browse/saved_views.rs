//! Views that were saved under a name: what is shown, and in which order.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::filter::{Filter, Group, Sort, Sorting};
use crate::atomic_file;
use crate::bounded;
use crate::dataset::labels;
use crate::error::{Context, Error, Result};
use crate::places::Places;

/// The file, beside the journal of the labels.
const FILE: &str = "views.toml";

/// A filter and an order under a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Record", into = "Record")]
pub struct SavedView {
    /// The name, as it was typed.
    pub name: String,
    /// Which photos.
    pub filter: Filter,
    /// In which order.
    pub sorting: Sorting,
}

/// A view as the file has it: in words, so that it means the same in a program with other values.
#[derive(Serialize, Deserialize)]
struct Record {
    name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    text: String,
    sort: String,
    #[serde(default)]
    reversed: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tags: Vec<String>,
    /// Of each property the chosen values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    chosen: BTreeMap<String, Vec<String>>,
}

#[derive(Default, Serialize, Deserialize)]
struct Views {
    #[serde(default, rename = "view")]
    views: Vec<SavedView>,
}

impl From<SavedView> for Record {
    fn from(view: SavedView) -> Self {
        let chosen = |group: Group| {
            let values = group.values().iter().enumerate().filter(|(index, _)| view.filter.has(group, *index));
            values.map(|(_, value)| value.name.to_owned()).collect::<Vec<_>>()
        };
        let chosen = Group::ALL.into_iter().map(|group| (group.title().to_owned(), chosen(group)));
        Self {
            chosen: chosen.filter(|(_, values)| !values.is_empty()).collect(),
            sort: view.sorting.by.title().to_owned(),
            reversed: view.sorting.reversed,
            tags: view.filter.tags.iter().cloned().collect(),
            text: view.filter.text,
            name: view.name,
        }
    }
}

impl From<Record> for SavedView {
    fn from(record: Record) -> Self {
        let tags = record.tags.into_iter().collect();
        let mut filter = Filter { text: record.text, tags, ..Filter::default() };
        for group in Group::ALL {
            let chosen = record.chosen.get(group.title()).map_or(&[][..], Vec::as_slice);
            for (index, value) in group.values().iter().enumerate() {
                if chosen.iter().any(|name| name == value.name) {
                    filter.toggle(group, index);
                }
            }
        }
        let by = Sort::ALL.into_iter().find(|sort| sort.title() == record.sort).unwrap_or_default();
        Self { name: record.name, filter, sorting: Sorting { by, reversed: record.reversed } }
    }
}

fn path(places: &Places, roots: &[PathBuf]) -> PathBuf {
    labels::own_folder(places, roots).join(FILE)
}

/// The views of the photos in `roots`; none where none were saved.
///
/// # Errors
/// Where the file cannot be read or makes no sense.
pub fn read(places: &Places, roots: &[PathBuf]) -> Result<Vec<SavedView>> {
    let path = path(places, roots);
    let text = match bounded::read_to_string(&path, bounded::NOTES) {
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        read => read.on_file("read the saved views in", &path)?,
    };
    let views: Views = toml::from_str(&text).map_err(|cause| {
        Error::file("understand the saved views in", &path, cause.message())
            .hint("mend or delete the file; the next view that is saved replaces it")
    })?;
    Ok(views.views)
}

/// Writes the views of the photos in `roots`.
///
/// # Errors
/// Where they cannot be written.
pub fn keep(places: &Places, roots: &[PathBuf], views: &[SavedView]) -> Result<()> {
    let path = path(places, roots);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).on_file("make the folder", folder)?;
    }
    let text = toml::to_string(&Views { views: views.to_vec() }).on_file("write the views to", &path)?;
    atomic_file::write(&path, text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_read_back_as_they_were_saved() {
        let folder = tempfile::tempdir().unwrap();
        let (places, roots) = (Places::below(folder.path()), [folder.path().join("photos")]);
        assert_eq!(read(&places, &roots), Ok(Vec::new()));
        let mut filter = Filter { text: "Brücke \"7\"".to_owned(), ..Filter::default() };
        for group in Group::ALL {
            filter.toggle(group, group.values().len() - 1);
        }
        filter.toggle_tag("wet");
        let sorting = Sorting { by: Sort::Loss, reversed: true };
        let plain = SavedView { name: "All".into(), filter: Filter::default(), sorting: Sorting::default() };
        let views = [SavedView { name: "Missed".into(), filter, sorting }, plain];
        keep(&places, &roots, &views).unwrap();
        assert_eq!(read(&places, &roots).unwrap(), views);
        assert_eq!(read(&places, &[folder.path().join("others")]), Ok(Vec::new()));
    }

    #[test]
    fn a_file_that_makes_no_sense_is_told_of() {
        let folder = tempfile::tempdir().unwrap();
        let (places, roots) = (Places::below(folder.path()), [folder.path().join("photos")]);
        keep(&places, &roots, &[]).unwrap();
        std::fs::write(path(&places, &roots), "[[view]]\nname = 7").unwrap();
        assert!(read(&places, &roots).unwrap_err().title().contains("views.toml"));
    }
}
