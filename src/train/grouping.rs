//! Which photos belong together, by all that is known: their bytes, names, folders, times, looks, and what a person says.

mod record;
mod source;

use std::collections::BTreeSet;
use std::path::PathBuf;

pub use self::record::{GroupsRecord, SourceRecord};
pub use self::source::{GroupConfig, Reason, Source, Sources};
use super::sketches::Sketches;
use crate::dataset::group::hand::{self, ByHand};
use crate::dataset::group::series::{self, Look};
use crate::dataset::group::{ContentKey, Groups, clock, folders, sdnet_photos};
use crate::dataset::split::SplitKind;
use crate::dataset::{Class, Dataset};
use crate::error::Result;
use crate::format;
use crate::job::Watch;
use crate::photo::twins::{self, Twins};
use crate::places::Places;

/// A group of more than this share of the photos leaves nothing to divide: what makes one is left out.
const LARGEST: f64 = 0.5;

/// The program's own table of groups by hand for the photos of these folders.
pub fn own_table(places: &Places, roots: &[PathBuf]) -> PathBuf {
    let absolute = |root: &PathBuf| root.canonicalize().unwrap_or_else(|_| root.clone());
    let mut hasher = blake3::Hasher::new();
    for root in roots.iter().map(absolute) {
        hasher.update(root.as_os_str().as_encoded_bytes());
        hasher.update(&[0]);
    }
    let digest: String = hasher.finalize().to_hex().chars().take(16).collect();
    places.groups().join(format!("{digest}.csv"))
}

/// What one source says by itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The source.
    pub reason: Reason,
    /// Whether it counts.
    pub on: bool,
    /// Groups of two photos and more.
    pub groups: usize,
    /// Photos in these.
    pub photos: usize,
    /// What else is to be said of it, such as why it was left out.
    pub note: Option<String>,
    /// For each photo its group.
    labels: Vec<Option<usize>>,
}

/// Which photos belong together, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Grouping {
    /// The groups, by all that counts.
    pub groups: Groups,
    /// What each source says: identical files, the sources in order, and a person's word.
    pub found: Vec<Found>,
    /// Near copies that are not identical; of identical files the first stands for all.
    pub twins: Vec<Twins>,
}

impl Grouping {
    /// Groups the photos of `dataset`, whose contents are `keys`.
    ///
    /// # Errors
    /// Where the table of groups by hand cannot be read, or the user stops it.
    pub fn find(
        dataset: &Dataset,
        keys: &[Option<ContentKey>],
        config: &GroupConfig,
        places: &Places,
        watch: &dyn Watch,
    ) -> Result<Self> {
        config.validate()?;
        let by_hand = config.file.as_deref().map(ByHand::read).transpose()?.unwrap_or_default();
        let known = Known::of(dataset, keys, places, watch)?;
        let mut found = known.sources(dataset, config);
        let mut groups = known.identical;
        for this in found.iter().filter(|found| found.on) {
            groups = groups.merge_labels(this.labels.iter().copied());
        }
        let said = by_hand.of_photos(&dataset.samples);
        found.push(Found::by_hand(&by_hand, &said));
        Ok(Self { groups: groups.by_hand(&said), found, twins: known.twins })
    }

    /// What this kind of split keeps together. Nothing is compared where only identical files count.
    ///
    /// # Errors
    /// As [`Grouping::find`].
    pub fn for_split(
        dataset: &Dataset,
        keys: &[Option<ContentKey>],
        (kind, config): (SplitKind, &GroupConfig),
        places: &Places,
        watch: &dyn Watch,
    ) -> Result<Self> {
        match kind {
            SplitKind::Grouped => Self::find(dataset, keys, config, places, watch),
            SplitKind::Random | SplitKind::ByFolder => {
                let groups = Groups::identical(keys);
                let found = vec![Found::of(Reason::Identical, true, labels_of(&groups))];
                Ok(Self { groups, found, twins: Vec::new() })
            }
        }
    }

    /// Why the photos of a group are in it.
    pub fn reasons(&self, group: &[usize]) -> Vec<Reason> {
        let holds = |found: &&Found| {
            let mut labels: Vec<usize> = group.iter().filter_map(|i| found.labels.get(*i).copied().flatten()).collect();
            labels.sort_unstable();
            found.on && labels.windows(2).any(|pair| pair.first() == pair.last())
        };
        self.found.iter().filter(holds).map(|found| found.reason).collect()
    }

    /// Why two photos are in one group: what says so of these two by themselves, or of others between them.
    pub fn reasons_of_pair(&self, a: usize, b: usize) -> Vec<Reason> {
        let same = |found: &&Found| {
            let label = |i: usize| found.labels.get(i).copied().flatten();
            found.on && label(a).is_some() && label(a) == label(b)
        };
        self.found.iter().filter(same).map(|found| found.reason).collect()
    }

    /// Groups of two photos and more, the largest first.
    pub fn sets(&self) -> Vec<Vec<usize>> {
        let mut sets: Vec<Vec<usize>> = self.groups.sets().into_iter().filter(|set| set.len() > 1).collect();
        sets.sort_by_key(|set| std::cmp::Reverse(set.len())); // stable: those of a size stay in order
        sets
    }

    /// Near copies whose labels differ: one of the two must be wrong.
    pub fn conflicts(&self, dataset: &Dataset) -> Vec<Twins> {
        let label = |i: usize| dataset.samples.get(i).and_then(|sample| sample.label);
        let differ = |twins: &&Twins| label(twins.first).zip(label(twins.second)).is_some_and(|(a, b)| a != b);
        self.twins.iter().filter(differ).copied().collect()
    }

    /// Whether anything but identical files is kept together.
    pub fn has_groups(&self) -> bool {
        self.found.iter().any(|found| found.on && found.groups > 0 && found.reason != Reason::Identical)
    }

    /// The groups as a table of `file` and `group`, a line for each photo of a group of two and more; a group is called
    /// by its first photo. Given back with `--groups`, it makes the same groups.
    ///
    /// # Errors
    /// Where a row cannot be written, which does not happen in memory.
    pub fn to_csv(&self, dataset: &Dataset) -> Result<Vec<u8>> {
        let name = |i: usize| dataset.samples.get(i).map(|sample| sample.file.as_str()).unwrap_or_default();
        let sets = self.groups.sets();
        let sets = sets.iter().filter(|set| set.len() > 1);
        hand::table(sets.flat_map(|set| {
            let first = set.first().map(|i| name(*i)).unwrap_or_default();
            set.iter().map(move |i| (name(*i), first.to_owned()))
        }))
    }

    /// What a run notes of its groups.
    pub fn record(&self, dataset: &Dataset) -> GroupsRecord {
        let sets = self.sets();
        let table = self.to_csv(dataset).unwrap_or_default();
        let source = |found: &Found| SourceRecord {
            by: found.reason.name().to_owned(),
            groups: found.groups,
            photos: found.photos,
        };
        GroupsRecord {
            groups: sets.len(),
            photos: sets.iter().map(Vec::len).sum(),
            largest: sets.first().map_or(0, Vec::len),
            digest: blake3::hash(&table).to_hex().to_string(),
            sources: self.found.iter().filter(|found| found.on && found.groups > 0).map(source).collect(),
        }
    }
}

/// What is known of the photos before anything is grouped.
struct Known {
    identical: Groups,
    twins: Vec<Twins>,
    /// When each was taken, in seconds, and by which camera.
    taken: Vec<Option<(i64, u64)>>,
    looks: Vec<Option<Look>>,
}

impl Known {
    fn of(dataset: &Dataset, keys: &[Option<ContentKey>], places: &Places, watch: &dyn Watch) -> Result<Self> {
        let sketches = Sketches::of(&dataset.samples, keys, places, watch)?;
        let sketched = |i: usize| keys.get(i).and_then(Option::as_ref).and_then(|key| sketches.get(key));
        let photos = 0..dataset.samples.len();
        let identical = Groups::identical(keys);
        let first_ones = photos.clone().map(|i| sketched(i).map(|s| &s.sketch).filter(|_| identical.group_of(i) == i));
        let twins = twins::near_copies(&first_ones.collect::<Vec<_>>(), watch)?;
        let taken = photos.clone().map(|i| sketched(i)?.taken.map(|taken| (taken.seconds, taken.camera))).collect();
        let looks = photos.map(|i| Some(sketched(i)?.sketch.look)).collect();
        Ok(Self { identical, twins, taken, looks })
    }

    /// What each source says by itself, identical files first.
    fn sources(&self, dataset: &Dataset, config: &GroupConfig) -> Vec<Found> {
        let pairs = || self.twins.iter().map(|twins| (twins.first, twins.second));
        let alike = Groups::alone(dataset.samples.len()).merge_by(pairs());
        let copies = self.identical.clone().merge_by(pairs());
        let mut found = vec![Found::of(Reason::Identical, true, labels_of(&self.identical))];
        for source in Source::ALL {
            let (labels, note) = match source {
                Source::Sdnet => (numbered(sdnet_photos(dataset)), None),
                Source::Folders => (numbered(folders::below_classes(dataset)), None),
                Source::Time => (clock::bursts(&self.taken, config.time_gap), None),
                Source::NearCopies => (labels_of(&alike), None),
                Source::Numbers => numbers(dataset, &self.looks, &copies),
            };
            let mut this = Found::of(Reason::Found(source), config.by.contains(&source), labels);
            this.note = note;
            this.leave_out_what_is_too_large();
            found.push(this);
        }
        found
    }
}

impl Found {
    fn by_hand(by_hand: &ByHand, said: &[Option<Option<usize>>]) -> Self {
        let from = said.len();
        // A photo by itself has a number that no group has.
        let labels = said.iter().enumerate().map(|(i, said)| said.map(|group| group.map_or(i, |group| from + group)));
        let mut hand = Self::of(Reason::ByHand, !by_hand.is_empty(), labels.collect());
        let gone = by_hand.len().saturating_sub(said.iter().flatten().count());
        hand.note = (gone > 0).then(|| format!("Not there: {} that the table names", format::photos(gone)));
        hand
    }

    fn of(reason: Reason, on: bool, mut labels: Vec<Option<usize>>) -> Self {
        let mut counts = std::collections::BTreeMap::new();
        labels.iter().flatten().for_each(|label| *counts.entry(*label).or_insert(0_usize) += 1);
        // By hand, to be by oneself is said as well.
        if reason != Reason::ByHand {
            labels
                .iter_mut()
                .for_each(|label| *label = label.filter(|label| counts.get(label).is_some_and(|n| *n > 1)));
        }
        let groups = counts.values().filter(|count| **count > 1).count();
        let photos = counts.values().filter(|count| **count > 1).sum();
        Self { reason, on, groups, photos, note: None, labels }
    }

    /// The largest of its groups.
    fn largest(&self) -> usize {
        Groups::alone(self.labels.len()).merge_labels(self.labels.iter().copied()).largest()
    }

    fn leave_out_what_is_too_large(&mut self) {
        let share = self.largest() as f64 / self.labels.len().max(1) as f64;
        if self.groups > 0 && share > LARGEST {
            let percent = share * 100.0;
            self.note = Some(format!("Left out: one group would hold {percent:.0} % of the photos"));
            self.on = false;
        }
    }
}

/// Blocks of photos that follow one another in number and look alike, and what is to be said of them.
fn numbers(dataset: &Dataset, looks: &[Option<Look>], copies: &Groups) -> (Vec<Option<usize>>, Option<String>) {
    let mut blocks = vec![None; dataset.samples.len()];
    let all = series::series(dataset);
    let mut notes = Vec::new();
    let copy_of: Vec<usize> = (0..dataset.samples.len()).map(|i| copies.group_of(i)).collect();
    for series in &all {
        let Some(fall) = series::fall(series, looks) else { continue };
        series::blocks(series, looks, fall.length, &copy_of, &mut blocks);
        let near = fall.likeness.first().map_or(0.0, |(_, alike)| alike * 100.0);
        let length = format::count(fall.length);
        notes.push(format!(
            "{} in blocks of about {length} numbers ({near:.0} % more alike than strangers)",
            kind(series, dataset)
        ));
    }
    let unlike: Vec<&series::Series> =
        all.iter().filter(|series| series.iter().all(|(_, i)| blocks.get(*i).is_none_or(Option::is_none))).collect();
    let rest: usize = unlike.iter().map(|series| series.len()).sum();
    if rest > 0 {
        notes.push(format!("of {} neighbours are no more alike than strangers", format::photos(rest)));
    }
    (blocks, (!notes.is_empty()).then(|| notes.join("; ")))
}

/// `2,500 cracked photos`.
fn kind(series: &[series::Numbered], dataset: &Dataset) -> String {
    let labels: BTreeSet<Option<Class>> =
        series.iter().filter_map(|(_, i)| dataset.samples.get(*i)).map(|sample| sample.label).collect();
    let count = format::count(series.len() as u64);
    match (labels.first(), labels.len()) {
        (Some(Some(class)), 1) => format!("{count} {} photos", class.word()),
        _ => format!("{count} photos"),
    }
}

fn labels_of(groups: &Groups) -> Vec<Option<usize>> {
    let mut labels = vec![None; groups.sets().iter().map(Vec::len).sum()];
    for set in groups.sets().iter().filter(|set| set.len() > 1) {
        for i in set {
            if let Some(label) = labels.get_mut(*i) {
                *label = set.first().copied();
            }
        }
    }
    labels
}

/// Labels as numbers.
fn numbered<K: std::hash::Hash + Eq>(labels: Vec<Option<K>>) -> Vec<Option<usize>> {
    labels_of(&Groups::alone(labels.len()).merge_labels(labels))
}

#[cfg(test)]
mod tests;
