//! What a split lets through: photos to be judged by that have a twin among those to be learnt from; and what that does
//! to the figures.

use std::collections::{BTreeSet, HashMap};

use super::config::{TrainConfig, Tune};
use super::features::Features;
use super::folds::{FoldRecord, Job};
use super::ground::{Ground, Input};
use super::grouping::{Grouping, Reason};
use super::observer::{FeatureReport, Observer};
use super::sides;
use crate::dataset::Dataset;
use crate::dataset::group::Groups;
use crate::dataset::split::{self, Part, Split, SplitConfig, SplitKind};
use crate::error::{Error, Result};
use crate::job::{Phase, Watch};
use crate::nn::nearest::nearest;
use crate::photo::sketch::Turn;
use crate::photo::twins::Twins;
use crate::places::Places;
use crate::review::predictions::Prediction;

/// How two photos on both sides are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum How {
    /// The same bytes.
    Identical,
    /// The one is a near copy of the other, turned so.
    NearCopy(Turn),
    /// Of all training photos, this one has the nearest features.
    LookAlike,
}

/// A photo to be judged by, and one to be learnt from that is like it.
#[derive(Clone, Debug, PartialEq)]
pub struct Leak {
    /// The validation photo: an index into the data set.
    pub validation: usize,
    /// The training photo.
    pub train: usize,
    /// How they are alike.
    pub how: How,
    /// How much: 1 for identical files, the correlation of the pictures for near copies, the cosine of the features
    /// otherwise.
    pub likeness: f32,
    /// The cosine of their features, where these were compared.
    pub features: Option<f32>,
    /// What tells that they belong together.
    pub reasons: Vec<Reason>,
}

/// What a split lets through.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Leaks {
    /// Photos to be learnt from.
    pub train: usize,
    /// Photos to be judged by.
    pub validation: usize,
    /// Photos to be judged by that have an identical file or a near copy among the others.
    pub with_copy: usize,
    /// Photos to be judged by that belong together with some of the others.
    pub with_relative: usize,
    /// Groups that lie on both sides.
    pub groups_cut: usize,
    /// The pairs, copies first, then by how alike they are. Of look-alikes only the first ones.
    pub pairs: Vec<Leak>,
}

/// What is to be looked into.
#[derive(Clone, Debug)]
pub struct LeakOrder {
    /// The sides of a run's photos by name, where a run is asked about and not the split that is planned.
    pub run: Option<HashMap<String, Part>>,
    /// How many times a head is trained under each kind of split, each time divided by another seed. Zero for not at all.
    pub seeds: usize,
    /// The most pairs of look-alikes.
    pub look_alikes: usize,
}

/// One head under one kind of split, and what it says of its validation photos.
#[derive(Clone, Debug)]
pub struct Trial {
    /// The kind of split.
    pub kind: SplitKind,
    /// The seed that it was divided by.
    pub seed: u64,
    /// How the training went.
    pub record: FoldRecord,
    /// What is said of the validation photos.
    pub predictions: Vec<Prediction>,
}

/// All that was looked into.
#[derive(Clone, Debug)]
pub struct LeakCheck {
    /// The groups, by the settings.
    pub grouping: Grouping,
    /// What the split in question lets through.
    pub leaks: Leaks,
    /// What splits as planned let through, random first, then grouped; without pairs.
    pub planned: Vec<(SplitKind, Leaks)>,
    /// Heads under random and under grouped splits, in turn; none where there are no groups.
    pub trials: Vec<Trial>,
    /// How the features came about.
    pub features: FeatureReport,
}

/// Looks into the split of the settings, or of a run, and trains heads under random and grouped splits.
///
/// # Errors
/// As [`folds::out_of_fold`](super::folds::out_of_fold).
pub fn check(
    dataset: &Dataset,
    config: &TrainConfig,
    order: &LeakOrder,
    places: &Places,
    observer: &dyn Observer,
) -> Result<LeakCheck> {
    config.validate()?;
    let config = &TrainConfig { tune: Tune::Head, ..config.clone() };
    let Ground { config, keys, prepared, .. } = Ground::lay(dataset, config, places, None, observer)?;
    let Input::Features(features) = prepared.input else { return Err(Error::new("There are no features")) };
    let grouping = Grouping::find(dataset, &keys, &config.groups, places, observer)?;
    let samples = sides::taking_part(dataset, &prepared.readable);
    let identical = Groups::identical(&keys);
    let divide = |kind, seed| {
        let groups = if kind == SplitKind::Grouped { &grouping.groups } else { &identical };
        split::split(&samples, groups, &SplitConfig { kind, seed, ..config.split })
    };

    let asked = match &order.run {
        Some(run) => Split { parts: dataset.samples.iter().map(|sample| run.get(&sample.file).copied()).collect() },
        None => divide(config.split.kind, config.split.seed)?,
    };
    let mut leaks = Leaks::of(&grouping, &asked);
    leaks.add_look_alikes(&grouping, &asked, &features, order.look_alikes, observer)?;
    let kinds = [SplitKind::Random, SplitKind::Grouped];
    let mut planned = Vec::new();
    for kind in kinds {
        let leaks = Leaks::of(&grouping, &divide(kind, config.split.seed)?);
        planned.push((kind, Leaks { pairs: Vec::new(), ..leaks }));
    }
    let mut trials = Vec::new();
    let seeds = if grouping.has_groups() { order.seeds } else { 0 };
    let turns = (0..seeds as u64).flat_map(|seed| kinds.map(|kind| (kind, seed)));
    for (turn, (kind, more)) in turns.enumerate() {
        let seed = config.seed.wrapping_add(more);
        let sides = divide(kind, config.split.seed.wrapping_add(more))?;
        let config = TrainConfig { seed, ..config.clone() };
        let (phase, count) = (Phase::Turns, seeds * kinds.len());
        let job = Job { dataset, config: &config, features: &features, observer, phase, count };
        let held_back: Vec<usize> = sides.indices(Part::Validation).collect();
        let (record, predictions) = job.fold(turn, &held_back, &sides)?;
        trials.push(Trial { kind, seed, record, predictions });
    }
    Ok(LeakCheck { grouping, leaks, planned, trials, features: prepared.report })
}

impl Leaks {
    /// What `split` lets through of what belongs together; with all pairs of copies.
    pub fn of(grouping: &Grouping, split: &Split) -> Self {
        let (train, validation) = split.counts();
        let part = |i: usize| split.parts.get(i).copied().flatten();
        let sets = grouping.groups.sets();
        let cut = |set: &&Vec<usize>| {
            [Part::Train, Part::Validation].iter().all(|side| set.iter().any(|i| part(*i) == Some(*side)))
        };
        let cut: Vec<&Vec<usize>> = sets.iter().filter(cut).collect();
        let judged = |set: &&Vec<usize>| set.iter().filter(|i| part(**i) == Some(Part::Validation)).count();
        let mut pairs = copies(grouping, &part);
        pairs.sort_by(|a, b| {
            let order = a.how.cmp(&b.how).then(b.likeness.total_cmp(&a.likeness));
            match (a.how, b.how) {
                (How::NearCopy(_), How::NearCopy(_)) => b.likeness.total_cmp(&a.likeness),
                _ => order,
            }
            .then((a.validation, a.train).cmp(&(b.validation, b.train)))
        });
        Self {
            train,
            validation,
            with_copy: pairs.iter().map(|leak| leak.validation).collect::<BTreeSet<_>>().len(),
            with_relative: cut.iter().map(judged).sum(),
            groups_cut: cut.len(),
            pairs,
        }
    }

    /// Compares the features of copies, and adds the validation photos with the nearest training photo, the most alike first, that are no copies.
    fn add_look_alikes(
        &mut self,
        grouping: &Grouping,
        split: &Split,
        features: &Features,
        most: usize,
        watch: &dyn Watch,
    ) -> Result<()> {
        let rows = |part| -> (Vec<usize>, Vec<f32>) {
            let photos: Vec<usize> = split.indices(part).filter(|i| features.get(*i).is_some()).collect();
            let values = photos.iter().filter_map(|i| features.get(*i)).flatten().copied().collect();
            (photos, values)
        };
        let ((judged, queries), (learnt, among)) = (rows(Part::Validation), rows(Part::Train));
        for leak in &mut self.pairs {
            leak.features = features.get(leak.validation).zip(features.get(leak.train)).map(|(a, b)| cosine(a, b));
        }
        let copied: BTreeSet<usize> = self.pairs.iter().map(|leak| leak.validation).collect();
        let [queries, among] = [queries, among].map(|rows| of_length_one(rows, features.columns));
        let found =
            nearest(&queries, &among, features.columns, 1, watch)?.into_iter().map(|near| near.first().copied());
        let mut alike: Vec<Leak> = judged
            .into_iter()
            .zip(found)
            .filter(|(validation, _)| !copied.contains(validation))
            .filter_map(|(validation, near)| {
                let (row, likeness) = near?;
                let train = *learnt.get(row as usize)?;
                let reasons = grouping.reasons_of_pair(validation, train);
                let (how, likeness) = (How::LookAlike, likeness.min(1.0));
                Some(Leak { validation, train, how, likeness, features: Some(likeness), reasons })
            })
            .collect();
        alike.sort_by(|a, b| b.likeness.total_cmp(&a.likeness)); // stable: ties stay in the order of the photos
        alike.truncate(most);
        self.pairs.extend(alike);
        Ok(())
    }
}

/// Rows of length one, whose products are the cosines.
fn of_length_one(mut rows: Vec<f32>, columns: usize) -> Vec<f32> {
    for row in rows.chunks_exact_mut(columns.max(1)) {
        let length = row.iter().map(|value| value * value).sum::<f32>().sqrt().max(1e-12);
        row.iter_mut().for_each(|value| *value /= length);
    }
    rows
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let product = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum::<f64>();
    (product(a, b) / (product(a, a) * product(b, b)).sqrt().max(f64::MIN_POSITIVE)) as f32
}

/// Identical files and near copies on both sides.
fn copies(grouping: &Grouping, part: &impl Fn(usize) -> Option<Part>) -> Vec<Leak> {
    let sides = |a: usize, b: usize| match (part(a)?, part(b)?) {
        (Part::Validation, Part::Train) => Some((a, b)),
        (Part::Train, Part::Validation) => Some((b, a)),
        _ => None,
    };
    let leak = |a: usize, b: usize, how, likeness| {
        let (validation, train) = sides(a, b)?;
        let reasons = grouping.reasons_of_pair(a, b);
        Some(Leak { validation, train, how, likeness, features: None, reasons })
    };
    let mut pairs = Vec::new();
    let mut identical: HashMap<usize, &[usize]> = HashMap::new();
    for set in grouping.groups.duplicates() {
        for (place, a) in set.iter().enumerate() {
            pairs.extend(set.iter().skip(place + 1).filter_map(|b| leak(*a, *b, How::Identical, 1.0)));
        }
        identical.extend(set.first().map(|first| (*first, set.as_slice())));
    }
    for Twins { first, second, turn, likeness } in &grouping.twins {
        let all = |i: usize| identical.get(&i).map_or_else(|| vec![i], |set| set.to_vec());
        for a in all(*first) {
            pairs.extend(all(*second).into_iter().filter_map(|b| leak(a, b, How::NearCopy(*turn), *likeness)));
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::group::ContentKey;

    /// Photos 0 and 1 are identical, 2 is a mirrored copy of them, 3 and 4 are of one place, 5 is alone.
    fn grouping() -> Grouping {
        let keys: Vec<_> = [1, 1, 2, 3, 4, 5].map(|n| Some(ContentKey([n; 32]))).to_vec();
        let mirrored = Turn::all().find(|turn| turn.name() == "mirrored").unwrap();
        let groups = Groups::identical(&keys).merge_by([(0, 2), (3, 4)]);
        let twins = vec![Twins { first: 0, second: 2, turn: mirrored, likeness: 0.99 }];
        Grouping { groups, found: Vec::new(), twins }
    }

    #[test]
    fn copies_on_both_sides_are_counted() {
        let (t, v) = (Some(Part::Train), Some(Part::Validation));
        let split = Split { parts: vec![t, v, v, t, v, v] };
        let leaks = Leaks::of(&grouping(), &split);
        assert_eq!((leaks.train, leaks.validation, leaks.groups_cut), (2, 4, 2));
        assert_eq!((leaks.with_copy, leaks.with_relative), (2, 3));
        let pairs: Vec<_> = leaks.pairs.iter().map(|leak| (leak.validation, leak.train, leak.likeness)).collect();
        assert_eq!(pairs, [(1, 0, 1.0), (2, 0, 0.99)]);
        assert_eq!(leaks.pairs[0].how, How::Identical);
        let whole = Split { parts: vec![t, t, t, v, v, None] };
        assert_eq!(Leaks::of(&grouping(), &whole), Leaks { train: 3, validation: 2, ..Leaks::default() });
    }

    #[test]
    fn look_alikes_come_after_copies() {
        let (t, v) = (Some(Part::Train), Some(Part::Validation));
        let split = Split { parts: vec![t, v, v, t, v, v] };
        let values = vec![1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 2.0, 1.0, 1.0];
        let features = Features { columns: 2, values, row_of: (0..6).map(Some).collect() };
        let mut leaks = Leaks::of(&grouping(), &split);
        leaks.add_look_alikes(&grouping(), &split, &features, 9, &crate::job::Unwatched).unwrap();
        let pairs: Vec<_> = leaks.pairs.iter().map(|leak| (leak.validation, leak.train, leak.how)).collect();
        assert_eq!(pairs[2..], [(4, 3, How::LookAlike), (5, 0, How::LookAlike)]);
        assert_eq!((leaks.pairs[2].likeness, leaks.with_copy), (1.0, 2));
        assert_eq!((leaks.pairs[0].features, leaks.pairs[2].features), (Some(1.0), Some(1.0)));
    }
}
