//! From the lines of journals to what is in force.

use std::collections::{BTreeMap, HashMap, HashSet};

use rayon::iter::{IntoParallelRefIterator, ParallelIterator};

use super::history::{Change, Labels};
use super::journal::{Entry, Journal, Photo};
use super::{Applied, Opened, leads};
use crate::dataset::{Dataset, Mark, Problem};
use crate::error::Result;

/// An action as one journal tells it.
struct Told {
    id: u64,
    change: Change,
    photos: Vec<Photo>,
    undone: bool,
}

/// Reads the journals of a data set's roots and does to its samples what they tell.
pub(super) fn open(dataset: &mut Dataset, mut journals: Vec<Journal>) -> Result<Opened> {
    let mut applied = Applied::default();
    let mut told = Vec::new();
    for journal in &mut journals {
        let content = journal.read()?;
        if content.damaged > 0 {
            let lines = crate::format::counted(content.damaged, "line is", "lines are");
            let reason = format!("{lines} damaged and passed over: what they said of labels is lost");
            applied.problems.push(Problem { file: journal.path().display().to_string(), reason });
        }
        told.push(actions(content.entries));
    }
    let leads = leads(&dataset.roots);
    let index = Index::of(dataset, &leads, &told);
    index.count(&told, &mut applied);
    // Actions of several roots have one number.
    let mut done: BTreeMap<u64, (Change, Vec<usize>)> = BTreeMap::new();
    let mut undone = BTreeMap::new();
    for (root, actions) in told.into_iter().enumerate() {
        for Told { id, change, photos, undone: taken_back } in actions {
            let photos = photos.iter().filter_map(|photo| index.find(root, photo));
            let all = if taken_back { &mut undone } else { &mut done };
            all.entry(id).or_insert_with(|| (change, Vec::new())).1.extend(photos);
        }
    }
    let mut labels = Labels::of(leads);
    let newest = done.keys().next_back().copied().unwrap_or(0);
    for (id, (change, photos)) in done {
        if !photos.is_empty() {
            labels.push_done(dataset, id, change, photos);
        }
    }
    // What was done since cannot come before it.
    for (id, (change, photos)) in undone.into_iter().rev().filter(|(id, _)| *id > newest) {
        if !photos.is_empty() {
            labels.push_undone(id, change, photos);
        }
    }
    applied.corrected = dataset.corrected();
    Ok(Opened { labels, journals, applied })
}

/// The actions that a journal's lines come to. A new action makes an end of those that were taken back.
fn actions(entries: Vec<Entry>) -> Vec<Told> {
    let mut actions: Vec<Told> = Vec::new();
    let take_back = |actions: &mut Vec<Told>, of: u64, undone: bool| {
        if let Some(action) = actions.iter_mut().rev().find(|action| action.id == of) {
            action.undone = undone;
        }
    };
    let act = |actions: &mut Vec<Told>, id, change, photos| {
        while actions.last().is_some_and(|action| action.undone) {
            actions.pop();
        }
        actions.push(Told { id, change, photos, undone: false });
    };
    for entry in entries {
        match entry {
            Entry::Begin { .. } => {}
            Entry::Mark { id, mark, photos } => act(&mut actions, id, Change::Mark(mark), photos),
            Entry::Tag { id, tag, add, photos } => act(&mut actions, id, Change::Tag { tag, add }, photos),
            Entry::Undo { id } => take_back(&mut actions, id, true),
            Entry::Redo { id } => take_back(&mut actions, id, false),
        }
    }
    actions
}

/// Which of the photos that lie there now are meant.
struct Index {
    found: HashMap<(usize, Photo), usize>,
    /// Names, by root, under which another photo lies, and under which none does.
    replaced: HashSet<(usize, String)>,
    missing: HashSet<(usize, String)>,
}

impl Index {
    fn of(dataset: &Dataset, leads: &[String], told: &[Vec<Told>]) -> Self {
        let mut index = Self { found: HashMap::new(), replaced: HashSet::new(), missing: HashSet::new() };
        let named: HashSet<(usize, &Photo)> = told
            .iter()
            .enumerate()
            .flat_map(|(root, actions)| actions.iter().flat_map(move |told| told.photos.iter().map(move |p| (root, p))))
            .collect();
        if named.is_empty() {
            return index;
        }
        let of_name: HashMap<&str, usize> =
            dataset.samples.iter().enumerate().map(|(at, sample)| (sample.file.as_str(), at)).collect();
        let named: Vec<(usize, &Photo)> = named.into_iter().collect();
        let looked: Vec<Option<(usize, bool)>> = named
            .par_iter()
            .map(|&(root, photo)| {
                let lead = leads.get(root).map_or("", String::as_str);
                let at = match lead {
                    "" => of_name.get(photo.file.as_str()),
                    lead => of_name.get(format!("{lead}{}", photo.file).as_str()),
                };
                let at = *at?;
                Some((at, dataset.samples.get(at).is_some_and(|sample| photo.identity.is_of(sample))))
            })
            .collect();
        for ((root, photo), looked) in named.into_iter().zip(looked) {
            match looked {
                Some((at, true)) => _ = index.found.insert((root, photo.clone()), at),
                Some((_, false)) => _ = index.replaced.insert((root, photo.file.clone())),
                None => _ = index.missing.insert((root, photo.file.clone())),
            }
        }
        index
    }

    fn find(&self, root: usize, photo: &Photo) -> Option<usize> {
        // Most data sets have one root, and most journals name few photos.
        self.found.get(&(root, photo.clone())).copied()
    }

    /// Counts the photos of which something is still said and that are not these.
    fn count(&self, told: &[Vec<Told>], applied: &mut Applied) {
        let mut said: HashMap<(usize, &str), bool> = HashMap::new();
        for (root, actions) in told.iter().enumerate() {
            for Told { change, photos, .. } in actions.iter().filter(|told| !told.undone) {
                for photo in photos {
                    let now = match change {
                        Change::Mark(mark) => mark.is_some(),
                        Change::Tag { add, .. } => *add,
                    };
                    said.insert((root, &photo.file), now && !self.found.contains_key(&(root, photo.clone())));
                }
            }
        }
        let still = said.into_iter().filter(|(_, said)| *said).map(|((root, file), _)| (root, file.to_owned()));
        for name in still {
            applied.replaced += usize::from(self.replaced.contains(&name));
            applied.missing += usize::from(self.missing.contains(&name));
        }
    }
}

impl Opened {
    /// What to tell of photos that labels were kept for and that are not these.
    pub fn strangers(&self) -> Option<String> {
        let Applied { replaced, missing, .. } = self.applied;
        let photos = |n: usize| crate::format::photos(n);
        match (replaced, missing) {
            (0, 0) => None,
            (n, 0) => Some(format!("Labels are kept for {} that are others now under the same names", photos(n))),
            (0, n) => Some(format!("Labels are kept for {} that are not there any more", photos(n))),
            (n, m) => {
                Some(format!("Labels are kept for {} that were replaced and {} that are gone", photos(n), photos(m)))
            }
        }
    }
}

/// Takes away everything that was said against what was found.
pub fn forget(dataset: &mut Dataset) {
    for sample in &mut dataset.samples {
        sample.correct(None::<Mark>);
        sample.tags.clear();
    }
}
