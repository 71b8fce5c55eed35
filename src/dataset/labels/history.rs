//! What has been done to the labels of the open photos, in order, so that it can be undone.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use super::identity::Identity;
use super::journal::{Entry, Photo};
use crate::dataset::{Dataset, Mark, Sample};
use crate::format;

/// What is done to photos.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// They are marked; with `None`, what was found is in force again.
    Mark(Option<Mark>),
    /// They are given a tag, or it is taken away.
    Tag {
        /// The tag.
        tag: String,
        /// Whether it is given.
        add: bool,
    },
}

/// Everything that was done to the open photos and can be undone, and what was undone and can be done again.
#[derive(Clone, Debug, Default)]
pub struct Labels {
    /// What leads the names of each root's photos.
    leads: Vec<String>,
    done: Vec<Action>,
    /// The next one to be done again comes last.
    undone: Vec<Action>,
    last: u64,
}

/// One action.
#[derive(Clone, Debug)]
struct Action {
    id: u64,
    change: Change,
    /// Indices into the data set.
    photos: Vec<usize>,
    before: Before,
}

/// How the photos of an action were before it.
#[derive(Clone, Debug)]
enum Before {
    Marks(Vec<Option<Mark>>),
    /// Whether they had the tag.
    Tags(Vec<bool>),
}

/// What came of an action.
#[derive(Clone, Debug)]
pub struct Changed {
    /// The photos that are otherwise now: indices into the data set.
    pub photos: Vec<usize>,
    /// What was done, or undone, in a few words.
    pub text: String,
    /// What is to be kept in the journals.
    pub keep: Vec<ToKeep>,
}

/// A line for one of the journals.
#[derive(Clone, Debug)]
pub struct ToKeep {
    /// Which journal.
    pub root: usize,
    /// The line.
    pub entry: Entry,
    /// Where the photos lie that it names.
    pub paths: Vec<PathBuf>,
}

/// The longest tag, in characters.
const LONGEST_TAG: usize = 40;

/// The word that is kept of a tag as it was typed: on one line, no longer than a word should be, and without `;`, which
/// divides tags in tables. `None` where nothing is left.
pub fn tag_of(typed: &str) -> Option<String> {
    let clean: String = typed.chars().map(|c| if c.is_control() || c == ';' { ' ' } else { c }).collect();
    let words = clean.split_whitespace().collect::<Vec<_>>().join(" ");
    let short: String = words.chars().take(LONGEST_TAG).collect();
    Some(short.trim_end().to_owned()).filter(|tag| !tag.is_empty())
}

impl Change {
    /// What was done, for people.
    fn text(&self) -> String {
        match self {
            Self::Mark(None) => "Labels as found".to_owned(),
            Self::Mark(Some(Mark::Class(class))) => format!("Labelled {}", class.word()),
            Self::Mark(Some(mark)) => format!("Marked {}", mark.word()),
            Self::Tag { tag, add: true } => format!("Tagged {tag}"),
            Self::Tag { tag, add: false } => format!("No longer tagged {tag}"),
        }
    }

    /// Whether it would change this photo.
    fn alters(&self, sample: &Sample) -> bool {
        match self {
            Self::Mark(mark) => sample.correction != *mark,
            Self::Tag { tag, add } => sample.tags.contains(tag) != *add,
        }
    }

    /// Does it to the photos, and says how they were before.
    fn apply(&self, samples: &mut [Sample], photos: &[usize]) -> Before {
        match self {
            Self::Mark(mark) => Before::Marks(
                photos
                    .iter()
                    .map(|&index| {
                        let sample = samples.get_mut(index)?;
                        let before = sample.correction;
                        sample.correct(*mark);
                        before
                    })
                    .collect(),
            ),
            Self::Tag { tag, add } => Before::Tags(
                photos
                    .iter()
                    .map(|&index| samples.get_mut(index).is_some_and(|sample| set_tag(sample, tag, *add)))
                    .collect(),
            ),
        }
    }

    fn entry(&self, id: u64, photos: Vec<Photo>) -> Entry {
        match self {
            Self::Mark(mark) => Entry::Mark { id, mark: *mark, photos },
            Self::Tag { tag, add } => Entry::Tag { id, tag: tag.clone(), add: *add, photos },
        }
    }
}

/// Puts a tag on a photo, or takes it away; says whether it was there.
fn set_tag(sample: &mut Sample, tag: &str, add: bool) -> bool {
    match sample.tags.binary_search_by(|known| known.as_str().cmp(tag)) {
        Ok(at) => {
            if !add {
                sample.tags.remove(at);
            }
            true
        }
        Err(at) => {
            if add {
                sample.tags.insert(at, tag.to_owned());
            }
            false
        }
    }
}

impl Labels {
    /// Nothing done yet to photos whose names have these leads, one for each root.
    pub(super) fn of(leads: Vec<String>) -> Self {
        Self { leads, ..Self::default() }
    }

    /// Does something to photos; `None` where it would change none of them.
    pub fn change(&mut self, dataset: &mut Dataset, photos: &[usize], change: Change) -> Option<Changed> {
        let altered = |index: &usize| dataset.samples.get(*index).is_some_and(|sample| change.alters(sample));
        let mut photos: Vec<usize> = photos.iter().copied().filter(altered).collect();
        photos.sort_unstable();
        photos.dedup();
        if photos.is_empty() {
            return None;
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let id = u64::try_from(now).unwrap_or_default().max(self.last + 1);
        let text = told(&change.text(), dataset, &photos);
        let keep = self.lines(dataset, &photos, |photos| change.entry(id, photos));
        self.undone.clear();
        self.push_done(dataset, id, change, photos.clone());
        Some(Changed { photos, text, keep })
    }

    /// Takes back what was done last; `None` where nothing is left.
    pub fn undo(&mut self, dataset: &mut Dataset) -> Option<Changed> {
        let action = self.done.pop()?;
        action.take_back(&mut dataset.samples);
        let changed = self.changed(dataset, &action, "Undone", |id| Entry::Undo { id });
        self.undone.push(action);
        Some(changed)
    }

    /// Does again what was taken back last; `None` where nothing is left.
    pub fn redo(&mut self, dataset: &mut Dataset) -> Option<Changed> {
        let Action { id, change, photos, .. } = self.undone.pop()?;
        let before = change.apply(&mut dataset.samples, &photos);
        let action = Action { id, change, photos, before };
        let changed = self.changed(dataset, &action, "Done again", |id| Entry::Redo { id });
        self.done.push(action);
        Some(changed)
    }

    /// What [`undo`](Self::undo) would take back, in a few words.
    pub fn to_undo(&self) -> Option<String> {
        self.done.last().map(|action| action.change.text())
    }

    /// What [`redo`](Self::redo) would do again, in a few words.
    pub fn to_redo(&self) -> Option<String> {
        self.undone.last().map(|action| action.change.text())
    }

    /// Does what a journal tells, in order of numbers.
    pub(super) fn push_done(&mut self, dataset: &mut Dataset, id: u64, change: Change, mut photos: Vec<usize>) {
        // A journal from elsewhere may name a photo twice: what it was before the action is what it was the first time.
        photos.sort_unstable();
        photos.dedup();
        let before = change.apply(&mut dataset.samples, &photos);
        self.last = self.last.max(id);
        self.done.push(Action { id, change, photos, before });
    }

    /// Takes up what a journal tells to have been taken back, the latest number first.
    pub(super) fn push_undone(&mut self, id: u64, change: Change, photos: Vec<usize>) {
        self.last = self.last.max(id);
        self.undone.push(Action { id, change, photos, before: Before::Tags(Vec::new()) });
    }

    fn changed(&self, dataset: &Dataset, action: &Action, verb: &str, entry: impl Fn(u64) -> Entry) -> Changed {
        let text = format!("{verb}: {}", told(&action.change.text(), dataset, &action.photos));
        let mut keep = self.lines(dataset, &action.photos, |_| entry(action.id));
        keep.iter_mut().for_each(|line| line.paths.clear());
        Changed { photos: action.photos.clone(), text, keep }
    }

    /// A line for each root that one of the photos lies in.
    fn lines(&self, dataset: &Dataset, photos: &[usize], entry: impl Fn(Vec<Photo>) -> Entry) -> Vec<ToKeep> {
        let mut of_roots: Vec<(Vec<Photo>, Vec<PathBuf>)> = vec![Default::default(); self.leads.len()];
        for sample in photos.iter().filter_map(|&index| dataset.samples.get(index)) {
            let mut leads = self.leads.iter().zip(&mut of_roots);
            let found = leads.find_map(|(lead, of)| Some((sample.file.strip_prefix(lead.as_str())?, of)));
            if let Some((file, (photos, paths))) = found {
                photos.push(Photo { file: file.to_owned(), identity: Identity::listed(sample) });
                paths.push(sample.path.clone());
            }
        }
        let lines = of_roots.into_iter().enumerate().filter(|(_, (photos, _))| !photos.is_empty());
        lines.map(|(root, (photos, paths))| ToKeep { root, entry: entry(photos), paths }).collect()
    }
}

impl Action {
    fn take_back(&self, samples: &mut [Sample]) {
        match (&self.before, &self.change) {
            (Before::Marks(before), _) => {
                for (&index, mark) in self.photos.iter().zip(before) {
                    if let Some(sample) = samples.get_mut(index) {
                        sample.correct(*mark);
                    }
                }
            }
            (Before::Tags(had), Change::Tag { tag, .. }) => {
                for (&index, had) in self.photos.iter().zip(had) {
                    if let Some(sample) = samples.get_mut(index) {
                        set_tag(sample, tag, *had);
                    }
                }
            }
            (Before::Tags(_), Change::Mark(_)) => {}
        }
    }
}

/// `Labelled intact: deck/7.jpg` or `Labelled intact: 12 photos`.
fn told(what: &str, dataset: &Dataset, photos: &[usize]) -> String {
    match photos {
        [index] => {
            let file = dataset.samples.get(*index).map_or("", |sample| sample.file.as_str());
            format!("{what}: {}", file.rsplit('/').next().unwrap_or(file))
        }
        _ => format!("{what}: {}", format::photos(photos.len())),
    }
}
