//! What speaks for and against labels and photos: gathered once, and ranked again whenever a label changes.

use crate::dataset::group::Groups;
use crate::dataset::split::SplitConfig;
use crate::dataset::{Class, Dataset, Problem};
use crate::error::Result;
use crate::job::Watch;
use crate::photo::quality::Quality;
use crate::places::Places;
use crate::train::config::TrainConfig;
use crate::train::folds;
use crate::train::kept::Kept;
use crate::train::observer::{Event, Observer};
use crate::train::quality;
use crate::train::similarity::Neighbour;

/// Folds that the photos are divided into; fewer where there are fewer groups of a class.
pub const FOLDS: usize = 5;
/// How often they are divided, by other seeds each time: what is said of a photo is the mean.
pub const REPEATS: u64 = 2;
/// Neighbours that are looked at.
const NEIGHBOURS: usize = 16;
/// Neighbours that vote.
const VOTERS: usize = 10;
/// What the neighbours' vote counts beside the heads' word.
const VOTE: f32 = 0.25;
/// Photos are twins, views of the same spot, that are nearer to each other than this share of what is usual between a
/// photo and its nearest: how far photos are apart at all depends on the weights.
const TWINS: f32 = 0.2;

/// All that suspects are found by.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// For each photo the probability of being cracked, by heads that have not seen it and by the labels of its
    /// neighbours; none without a label, without features, or where the photos are too few.
    pub p_positive: Vec<Option<f32>>,
    /// The nearest photos of each, the nearest first.
    pub neighbours: Vec<Vec<Neighbour>>,
    /// Pairs of photos that show the same spot, the lower number first, and the distance of their features; 0 for
    /// identical files.
    pub twins: Vec<(usize, usize, f32)>,
    /// The sets of identical files.
    pub identical: Vec<Vec<usize>>,
    /// The quality of each photo that can be read.
    pub quality: Vec<Option<Quality>>,
    /// Photos that cannot be read.
    pub unreadable: Vec<Problem>,
    /// Why labels are not judged, if they are not.
    pub note: Option<String>,
}

/// Gathers what there is to know: trains heads on the features, compares all photos, measures them.
///
/// # Errors
/// Where weights cannot be had, the device fails, or the user stops it.
pub fn gather(
    dataset: &Dataset,
    config: &TrainConfig,
    kept: &mut Kept,
    places: &Places,
    observer: &dyn Observer,
) -> Result<Evidence> {
    let ground = kept.ground(dataset, config, places, None, observer)?;
    let config =
        &TrainConfig { split: SplitConfig { kind: folds::kind(config.split.kind), ..config.split }, ..config.clone() };
    let grouping = kept.grouping(dataset, config, places, observer)?;
    let groups = &grouping.groups;
    let quality = quality::measure(dataset, ground.keys(), places, observer)?;
    let unreadable = ground.report().unreadable.clone();
    let (said, note) = match out_of_fold((dataset, groups), config, kept, places, observer) {
        Ok(said) => (said, None),
        Err(error) if error.is_cancelled() => return Err(error),
        // Without labels, or with too few, photos can still be measured and compared.
        Err(error) => (vec![None; dataset.samples.len()], Some(error.one_line())),
    };
    let neighbours = match kept.similarity() {
        Some((_, similarity)) => similarity.all_nearest(NEIGHBOURS, observer)?,
        None => vec![Vec::new(); dataset.samples.len()],
    };
    let p_positive = said
        .iter()
        .zip(&neighbours)
        .enumerate()
        .map(|(photo, (said, near))| blend(*said, vote(dataset, groups, photo, near)))
        .collect();
    let identical = groups.duplicates().to_vec();
    let twins = twins(&neighbours, &identical);
    Ok(Evidence { p_positive, neighbours, twins, identical, quality, unreadable, note })
}

/// The mean probability of each labelled photo over the repeats.
fn out_of_fold(
    (dataset, groups): (&Dataset, &Groups),
    config: &TrainConfig,
    kept: &mut Kept,
    places: &Places,
    observer: &dyn Observer,
) -> Result<Vec<Option<f32>>> {
    let mut sums = vec![(0.0_f32, 0_u32); dataset.samples.len()];
    for repeat in 0..REPEATS {
        let mut config = config.clone();
        config.split.seed = config.split.seed.wrapping_add(repeat);
        let ground = kept.ground(dataset, &config, places, None, observer)?;
        let count = count_of_folds(dataset, groups);
        let turn = Turn { observer, turn: repeat };
        for prediction in folds::out_of_fold_on(ground, dataset, groups, count, &turn)?.predictions {
            if let Some((sum, times)) = sums.get_mut(prediction.sample) {
                *sum += prediction.p_positive;
                *times += 1;
            }
        }
    }
    Ok(sums.into_iter().map(|(sum, times)| (times > 0).then(|| sum / times as f32)).collect())
}

/// As many folds as the smaller class has groups for, less one that must remain to choose the best epoch by.
fn count_of_folds(dataset: &Dataset, groups: &Groups) -> usize {
    let of = |class| {
        let labelled = dataset.samples.iter().enumerate().filter(move |(_, sample)| sample.label == Some(class));
        labelled.map(|(photo, _)| groups.group_of(photo)).collect::<std::collections::HashSet<_>>().len()
    };
    Class::ALL.into_iter().map(of).min().unwrap_or(0).saturating_sub(1).clamp(2, FOLDS)
}

/// The share of cracked photos among the nearest that are labelled and do not belong to the photo itself.
fn vote(dataset: &Dataset, groups: &Groups, photo: usize, near: &[Neighbour]) -> Option<f32> {
    let others = near.iter().filter(|near| groups.group_of(near.photo) != groups.group_of(photo));
    let labels: Vec<Class> = others.filter_map(|near| dataset.samples.get(near.photo)?.label).take(VOTERS).collect();
    let cracked = labels.iter().filter(|label| **label == Class::Positive).count();
    (!labels.is_empty()).then(|| cracked as f32 / labels.len() as f32)
}

fn blend(said: Option<f32>, vote: Option<f32>) -> Option<f32> {
    let said = said?;
    Some(vote.map_or(said, |vote| (1.0 - VOTE) * said + VOTE * vote))
}

fn twins(neighbours: &[Vec<Neighbour>], identical: &[Vec<usize>]) -> Vec<(usize, usize, f32)> {
    let reach = TWINS * usual_distance(neighbours, identical);
    let near = neighbours.iter().enumerate().flat_map(|(photo, near)| {
        let twins = near.iter().filter(move |near| near.distance < reach);
        twins.map(move |near| (photo.min(near.photo), photo.max(near.photo), near.distance))
    });
    let mut twins: Vec<_> = near.collect();
    for set in identical {
        for (i, a) in set.iter().enumerate() {
            twins.extend(set.iter().skip(i + 1).map(|b| (*a.min(b), *a.max(b), 0.0)));
        }
    }
    twins.sort_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)).then(a.2.total_cmp(&b.2)));
    twins.dedup_by_key(|twin| (twin.0, twin.1));
    twins
}

/// The median distance from a photo to the nearest that is not the same file.
fn usual_distance(neighbours: &[Vec<Neighbour>], identical: &[Vec<usize>]) -> f32 {
    let mut set_of = vec![usize::MAX; neighbours.len()];
    for (number, set) in identical.iter().enumerate() {
        set.iter().for_each(|photo| set_of.get_mut(*photo).into_iter().for_each(|slot| *slot = number));
    }
    let nearest = |(photo, near): (usize, &Vec<Neighbour>)| {
        let set = set_of.get(photo).copied().filter(|set| *set != usize::MAX);
        let other = |near: &&Neighbour| set.is_none() || set_of.get(near.photo).copied() != set;
        near.iter().find(other).map(|near| near.distance)
    };
    let mut distances: Vec<f32> = neighbours.iter().enumerate().filter_map(nearest).collect();
    distances.sort_by(f32::total_cmp);
    distances.get(distances.len() / 2).copied().unwrap_or_default()
}

/// The observer as one of the repeats sees it: progress is counted over all of them.
struct Turn<'a> {
    observer: &'a dyn Observer,
    turn: u64,
}

impl Watch for Turn<'_> {
    fn progress(&self, progress: crate::job::Progress) {
        let all = progress.total.unwrap_or(0);
        let (done, total) = (progress.done + self.turn * all, Some(REPEATS * all));
        self.observer.progress(crate::job::Progress { done, total, ..progress });
    }

    fn is_cancelled(&self) -> bool {
        self.observer.is_cancelled()
    }
}

impl Observer for Turn<'_> {
    fn event(&self, _: Event) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_and_neighbours_are_weighed() {
        assert_eq!(blend(Some(0.8), Some(0.4)), Some(0.75 * 0.8 + 0.25 * 0.4));
        assert_eq!((blend(Some(0.8), None), blend(None, Some(1.0))), (Some(0.8), None));
    }

    #[test]
    fn twins_are_named_once_and_copies_are_twins_without_features() {
        let near = |photo, distance| Neighbour { photo, distance };
        let neighbours = vec![
            vec![near(1, 0.01), near(2, 0.5)],
            vec![near(0, 0.01)],
            vec![near(3, 0.0), near(0, 0.5)],
            vec![near(2, 0.0), near(4, 0.4)],
            vec![near(3, 0.4)],
        ];
        assert_eq!(usual_distance(&neighbours, &[vec![2, 3]]), 0.4);
        assert_eq!(twins(&neighbours, &[vec![2, 3]]), [(0, 1, 0.01), (2, 3, 0.0)]);
    }
}
