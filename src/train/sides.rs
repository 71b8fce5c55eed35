//! The two sides of a split, as what is learned from and what it is judged by.

use super::config::TrainConfig;
use super::features::Features;
use super::grouping::Grouping;
use super::learner::Example;
use crate::dataset::group::ContentKey;
use crate::dataset::split::{self, Part, Split};
use crate::dataset::{Class, Dataset, Sample};
use crate::error::Result;
use crate::job::Watch;
use crate::nn::head::Labelled;
use crate::places::Places;

/// Divides the labelled photos that can be read; says by which groups.
pub fn divide(
    dataset: &Dataset,
    keys: &[Option<ContentKey>],
    readable: &[bool],
    config: &TrainConfig,
    places: &Places,
    watch: &dyn Watch,
) -> Result<(Split, Grouping)> {
    let groups = Grouping::for_split(dataset, keys, (config.split.kind, &config.groups), places, watch)?;
    let split = split::split(&taking_part(dataset, readable), &groups.groups, &config.split)?;
    Ok((split, groups))
}

/// The photos, without the labels of those that cannot be read: they take no part.
pub fn taking_part(dataset: &Dataset, readable: &[bool]) -> Vec<Sample> {
    let mut samples = dataset.samples.clone();
    for (sample, readable) in samples.iter_mut().zip(readable) {
        if !readable {
            sample.label = None;
        }
    }
    samples
}

/// The labelled photos on one side of the split, and after them so many variants of each.
pub fn labelled(dataset: &Dataset, split: &Split, part: Part, variants: u32) -> Vec<Example> {
    let label = |photo: usize| Some((photo, dataset.samples.get(photo)?.label?));
    let photos: Vec<(usize, Class)> = split.indices(part).filter_map(label).collect();
    let example = |variant| photos.iter().map(move |&(photo, class)| Example { photo, class, variant });
    (0..=variants).flat_map(example).collect()
}

/// Features and classes of the photos on one side of the split.
pub fn examples<'a>(dataset: &Dataset, features: &'a Features, split: &Split, part: Part) -> Vec<Labelled<'a>> {
    let labelled = labelled(dataset, split, part, 0).into_iter();
    labelled.filter_map(|example| Some((features.get(example.photo)?, example.class.index()))).collect()
}
