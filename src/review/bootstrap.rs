//! How far chance could have moved the figures of an evaluation: an interval for each.
//!
//! Shares of single photos have Wilson's interval. The others, and all of them where photos belong together, are
//! bootstrapped: photos, or whole groups of them, are drawn anew with replacement, as many as there are, and the interval
//! holds the middle 95 % of what the figures then are (Efron and Tibshirani 1993, the percentile method; for groups
//! Davison and Hinkley 1997, section 3.8). Photos of one group are alike, and counting them as if they were not makes an
//! interval too narrow.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::Serialize;

use super::confusion::Confusion;
use super::interval::{Bounds, LEVEL, wilson};
use super::predictions::Prediction;
use super::threshold::Threshold;
use crate::dataset::Class;
use crate::dataset::layout::sdnet_photo;
use crate::format;

/// Draws, unless others are asked for.
pub const DRAWS: usize = 1000;

/// The figures that have an interval, by their keys in files.
const KEYS: [&str; 8] =
    ["accuracy", "balanced_accuracy", "precision", "recall", "f1", "mcc", "auroc", "average_precision"];

/// One labelled photo.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judged {
    /// Probability of being cracked.
    pub p_positive: f32,
    /// Whether it is.
    pub cracked: bool,
    /// What it belongs to, by any number.
    pub group: usize,
}

/// The intervals of an evaluation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Intervals {
    /// The level, 0.95.
    pub level: f64,
    /// The groups that were drawn; `None` where each photo stands alone.
    pub groups: Option<usize>,
    /// By the figure's key in files; a figure without meaning has none.
    #[serde(flatten)]
    pub of: BTreeMap<&'static str, Bounds>,
}

impl Intervals {
    /// That of a figure, by its key in files.
    pub fn get(&self, key: &str) -> Option<Bounds> {
        self.of.get(key).copied()
    }

    /// How they came about, for people.
    pub fn about(&self) -> String {
        let draws = format::count(DRAWS as u64);
        match self.groups {
            Some(groups) => {
                let groups = format::count(groups as u64);
                format!("95 % intervals by {draws} draws of the {groups} groups that photos belong to.")
            }
            None => {
                format!("95 % intervals: Wilson's for shares of photos, {draws} draws of the photos for the others.")
            }
        }
    }
}

/// The labelled ones among `predictions` with their groups: `group_of` gives the group of the prediction at an index.
pub fn judged(predictions: &[&Prediction], group_of: impl Fn(usize) -> usize) -> Vec<Judged> {
    let one = |(index, p): (usize, &&Prediction)| {
        Some(Judged { p_positive: p.p_positive, cracked: p.truth? == Class::Positive, group: group_of(index) })
    };
    predictions.iter().enumerate().filter_map(one).collect()
}

/// What each prediction belongs to: what the run kept together, and else what names tell of, which is the photo of
/// SDNET2018 that a tile was cut from. Every other photo stands alone. `path` tells where a photo lies.
pub fn groups<'a>(predictions: &[&'a Prediction], path: impl Fn(&'a Prediction) -> Option<&'a Path>) -> Vec<usize> {
    let (mut of_run, mut by_name) = (HashMap::new(), HashMap::new());
    let group = |(index, p): (usize, &&'a Prediction)| match (p.group, path(p).and_then(sdnet_photo)) {
        (Some(group), _) => *of_run.entry(group).or_insert(index),
        (None, Some(photo)) => *by_name.entry(photo).or_insert(index),
        (None, None) => index,
    };
    predictions.iter().enumerate().map(group).collect()
}

/// The intervals of all figures over the labelled ones among `predictions`, in their [`groups`].
pub fn of_predictions(predictions: &[&Prediction], threshold: Threshold, seed: u64) -> Intervals {
    let groups = groups(predictions, |p| Some(&p.path));
    intervals(&judged(predictions, |index| groups.get(index).copied().unwrap_or(index)), threshold, DRAWS, seed)
}

/// The intervals of all figures over `photos`. The same seed gives the same intervals, whatever the number of threads.
pub fn intervals(photos: &[Judged], threshold: Threshold, draws: usize, seed: u64) -> Intervals {
    let sample = Sample::new(photos, threshold);
    let grouped = sample.groups < photos.len();
    let drawn: Vec<[Option<f64>; 8]> = (0..draws as u64)
        .into_par_iter()
        .map_init(Vec::new, |times, draw| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(draw);
            sample.draw(&mut rng, times);
            sample.figures(times)
        })
        .collect();
    let mut of = BTreeMap::new();
    for (index, key) in KEYS.into_iter().enumerate() {
        let mut values: Vec<f64> = drawn.iter().filter_map(|figures| figures.get(index).copied().flatten()).collect();
        values.sort_unstable_by(f64::total_cmp);
        let ends = quantile(&values, (1.0 - LEVEL) / 2.0).zip(quantile(&values, (1.0 + LEVEL) / 2.0));
        of.extend(ends.map(|(low, high)| (key, Bounds { low, high })));
    }
    if !grouped {
        let confusion = sample.confusion(&vec![1; sample.groups]);
        of.extend(of_shares(&confusion));
    }
    Intervals { level: LEVEL, groups: grouped.then_some(sample.groups), of }
}

/// Wilson's intervals of the figures that are shares of photos.
fn of_shares(c: &Confusion) -> impl Iterator<Item = (&'static str, Bounds)> {
    let shares = [
        ("accuracy", c.total() - c.wrong(), c.total()),
        ("precision", c.true_positive, c.true_positive + c.false_positive),
        ("recall", c.true_positive, c.with_label(Class::Positive)),
    ];
    shares.into_iter().filter_map(|(key, part, whole)| Some((key, wilson(part, whole)?)))
}

/// The value below which a share of the sorted `values` lies, between two of them in proportion.
fn quantile(values: &[f64], share: f64) -> Option<f64> {
    let place = share * values.len().checked_sub(1)? as f64;
    let (low, high) = (values.get(place.floor() as usize)?, values.get(place.ceil() as usize)?);
    Some(low + (high - low) * place.fract())
}

/// The photos by falling probability, ready to be counted with other weights.
struct Sample {
    photos: Vec<Ranked>,
    groups: usize,
}

#[derive(Clone, Copy)]
struct Ranked {
    /// Index of its group.
    group: u32,
    cracked: bool,
    /// Whether the next photo has a lower probability.
    last_of_tie: bool,
    said: Option<Class>,
}

impl Sample {
    fn new(photos: &[Judged], threshold: Threshold) -> Self {
        let mut sorted = photos.to_vec();
        sorted.sort_by(|a, b| b.p_positive.total_cmp(&a.p_positive));
        let mut index_of = HashMap::new();
        let mut ranked: Vec<Ranked> = Vec::with_capacity(sorted.len());
        for (at, photo) in sorted.iter().enumerate() {
            let next = index_of.len() as u32;
            let last_of_tie = sorted.get(at + 1).is_none_or(|below| below.p_positive < photo.p_positive);
            let (group, said) = (*index_of.entry(photo.group).or_insert(next), threshold.said(photo.p_positive));
            ranked.push(Ranked { group, cracked: photo.cracked, last_of_tie, said });
        }
        Self { photos: ranked, groups: index_of.len() }
    }

    /// How often each group is drawn.
    fn draw(&self, rng: &mut ChaCha8Rng, times: &mut Vec<u32>) {
        times.clear();
        times.resize(self.groups, 0);
        for _ in 0..self.groups {
            if let Some(count) = times.get_mut(rng.random_range(0..self.groups as u32) as usize) {
                *count += 1;
            }
        }
    }

    fn confusion(&self, times: &[u32]) -> Confusion {
        let mut counts = [[0usize; 2]; 2];
        for photo in &self.photos {
            let cell = photo.said.and_then(|said| counts.get_mut(usize::from(photo.cracked))?.get_mut(said.index()));
            if let Some(cell) = cell {
                *cell += times.get(photo.group as usize).map_or(0, |n| *n as usize);
            }
        }
        counts.into()
    }

    /// The figures, in the order of [`KEYS`], where each photo counts as often as its group was drawn.
    fn figures(&self, times: &[u32]) -> [Option<f64>; 8] {
        let confusion = self.confusion(times);
        let (auroc, average_precision) = self.areas(times);
        [
            confusion.accuracy(),
            confusion.balanced_accuracy(),
            confusion.precision(),
            confusion.recall(),
            confusion.f1(),
            confusion.mcc(),
            auroc,
            average_precision,
        ]
    }

    /// Areas under the ROC curve and the precision-recall curve: `metrics::auroc` and `average_precision` with weights.
    fn areas(&self, times: &[u32]) -> (Option<f64>, Option<f64>) {
        let (mut found, mut seen) = (0u64, 0u64); // up to the tie before
        let (mut cracked, mut all) = (0u64, 0u64); // within this tie
        let (mut area, mut sum) = (0.0, 0.0);
        for photo in &self.photos {
            let weight = times.get(photo.group as usize).map_or(0, |n| u64::from(*n));
            cracked += if photo.cracked { weight } else { 0 };
            all += weight;
            if photo.last_of_tie && all > 0 {
                area += (all - cracked) as f64 * (found as f64 + cracked as f64 / 2.0);
                (found, seen) = (found + cracked, seen + all);
                sum += cracked as f64 * found as f64 / seen as f64;
                (cracked, all) = (0, 0);
            }
        }
        let intact = seen - found;
        let auroc = (found > 0 && intact > 0).then(|| area / (found as f64 * intact as f64));
        (auroc, (found > 0).then(|| sum / found as f64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::review::metrics::{auroc, average_precision};

    fn photos(count: usize, levels: usize) -> Vec<Judged> {
        let photo = |index: usize| {
            let level = (index * 7919 + 13) % levels;
            Judged {
                p_positive: level as f32 / levels as f32,
                cracked: (index * 104_729) % levels < level,
                group: index,
            }
        };
        (0..count).map(photo).collect()
    }

    #[test]
    fn photos_belong_to_what_the_run_kept_together_or_else_to_what_names_tell() {
        let said = [
            ("SDNET2018/D/CD/7001-1.jpg", None),
            ("a.jpg", Some(9)),
            ("SDNET2018/D/UD/7001-2.jpg", None),
            ("SDNET2018/D/UD/7001-3.jpg", Some(9)),
            ("b.jpg", None),
        ];
        let one = |(sample, (file, group)): (usize, (&str, _))| Prediction {
            sample,
            file: file.into(),
            path: file.into(),
            part: None,
            truth: None,
            p_positive: 0.5,
            group,
        };
        let predictions: Vec<Prediction> = said.into_iter().enumerate().map(one).collect();
        let refs: Vec<&Prediction> = predictions.iter().collect();
        assert_eq!(groups(&refs, |p| Some(&p.path)), [0, 1, 0, 1, 4]);
        assert_eq!(groups(&refs, |_| None), [0, 1, 2, 1, 4]);
    }

    #[test]
    fn with_every_photo_once_the_figures_are_those_of_the_photos() {
        let photos = photos(200, 23);
        let scores: Vec<(f32, bool)> = photos.iter().map(|p| (p.p_positive, p.cracked)).collect();
        let sample = Sample::new(&photos, 0.4.into());
        let found = sample.figures(&[1; 200]);
        assert!((found[6].unwrap() - auroc(&scores).unwrap()).abs() < 1e-12);
        assert!((found[7].unwrap() - average_precision(&scores).unwrap()).abs() < 1e-12);
        // A photo that counts twice is as two photos.
        let mut times = vec![1; 200];
        times[7] = 2;
        times[30] = 0;
        let order: Vec<Judged> = {
            let mut sorted = photos.clone();
            sorted.sort_by(|a, b| b.p_positive.total_cmp(&a.p_positive));
            sorted
        };
        let mut doubled: Vec<(f32, bool)> = order.iter().map(|p| (p.p_positive, p.cracked)).collect();
        doubled.push(doubled[7]);
        doubled.remove(30);
        let found = sample.figures(&times);
        assert!((found[6].unwrap() - auroc(&doubled).unwrap()).abs() < 1e-12);
        assert!((found[7].unwrap() - average_precision(&doubled).unwrap()).abs() < 1e-12);
    }

    #[test]
    fn the_same_seed_gives_the_same_intervals() {
        let photos = photos(60, 23);
        let a = intervals(&photos, 0.5.into(), 100, 1);
        assert_eq!(a, intervals(&photos, 0.5.into(), 100, 1));
        assert_ne!(a, intervals(&photos, 0.5.into(), 100, 2));
        assert_eq!(a.groups, None);
        let bounds = a.get("f1").unwrap();
        assert!(bounds.low < bounds.high);
    }

    #[test]
    fn photos_that_belong_together_make_intervals_wider() {
        // Each photo of 40 was taken ten times over.
        let base = photos(40, 23);
        let tenfold: Vec<Judged> = base.iter().flat_map(|photo| vec![*photo; 10]).collect();
        let alone: Vec<Judged> = tenfold.iter().enumerate().map(|(group, photo)| Judged { group, ..*photo }).collect();
        let width = |photos: &[Judged], key: &str| {
            let bounds = intervals(photos, 0.5.into(), 400, 0).get(key).unwrap();
            bounds.high - bounds.low
        };
        for key in KEYS {
            assert!(width(&tenfold, key) > 2.0 * width(&alone, key), "{key}");
        }
        assert_eq!(intervals(&tenfold, 0.5.into(), 10, 0).groups, Some(40));
    }

    #[test]
    fn figures_without_meaning_have_no_interval() {
        let intact = [Judged { p_positive: 0.2, cracked: false, group: 0 }];
        let found = intervals(&intact, 0.5.into(), 20, 0);
        assert_eq!((found.get("auroc"), found.get("recall")), (None, None));
        assert!(found.get("accuracy").is_some());
        assert!(intervals(&[], 0.5.into(), 20, 0).of.is_empty());
    }
}
