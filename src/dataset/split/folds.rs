//! Dividing photos into folds: each photo is held back once, and learned from in all other turns.

use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::draw::{Counts, add};
use super::{Bundle, check_classes};
use crate::dataset::group::Groups;
use crate::dataset::{Class, Sample};
use crate::error::{Error, Result};

/// How many folds there may be.
pub const RANGE: std::ops::RangeInclusive<usize> = 2..=100;

/// Checks the number of folds by itself.
///
/// # Errors
/// A usage error where it is out of its [`RANGE`].
pub fn check_count(count: usize) -> Result<()> {
    if RANGE.contains(&count) {
        return Ok(());
    }
    let (least, most) = (RANGE.start(), RANGE.end());
    Err(Error::usage(format!("The number of folds must lie between {least} and {most}")))
}

/// Which photo is in which fold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Folds {
    /// For each photo its fold, from 0; `None` for those that take no part.
    pub of_photo: Vec<Option<usize>>,
    /// How many folds there are.
    pub count: usize,
}

impl Folds {
    /// Divides the labelled photos into `count` folds by the rules of [`split`](super::split): groups stay whole, each
    /// class is spread over the folds as evenly as the groups allow, and the seed decides the rest.
    ///
    /// As scikit-learn's `StratifiedGroupKFold`: the largest groups come first, and each goes where it leaves the
    /// classes most evenly spread.
    ///
    /// # Errors
    /// Where the number of folds is out of its [`RANGE`], there are no photos of a class, or fewer groups of one than
    /// folds.
    pub fn divide(samples: &[Sample], groups: &Groups, count: usize, seed: u64) -> Result<Self> {
        check_count(count)?;
        check_classes(samples)?;
        let mut bundles = Bundle::of(samples, groups);
        check_groups(&bundles, count)?;
        bundles.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        bundles.sort_by_key(|bundle| std::cmp::Reverse(bundle.members.len())); // stable: the shuffle decides among equals
        let total = bundles.iter().fold([0; 2], |sum, bundle| add(sum, bundle.counts));
        let mut held = vec![[0; 2]; count];
        let mut folds = Self { of_photo: vec![None; samples.len()], count };
        for bundle in &bundles {
            let cost = |held: &Counts| unevenness(*held, bundle.counts, total);
            let best = (0..count).zip(&held).min_by(|(_, a), (_, b)| {
                cost(a).total_cmp(&cost(b)).then_with(|| a.iter().sum::<usize>().cmp(&b.iter().sum()))
            });
            let Some((fold, _)) = best else { continue };
            if let Some(held) = held.get_mut(fold) {
                *held = add(*held, bundle.counts);
            }
            for member in &bundle.members {
                if let Some(of_photo) = folds.of_photo.get_mut(*member) {
                    *of_photo = Some(fold);
                }
            }
        }
        Ok(folds)
    }

    /// The photos in fold `fold`, ascending.
    pub fn indices(&self, fold: usize) -> impl Iterator<Item = usize> + '_ {
        self.of_photo.iter().enumerate().filter(move |(_, found)| **found == Some(fold)).map(|(i, _)| i)
    }
}

/// By how much the sum over the classes of (share in the fold)² grows where `more` joins what is `held`.
fn unevenness(held: Counts, more: Counts, total: Counts) -> f64 {
    let grows = |((held, more), total): ((usize, usize), usize)| {
        ((2 * held + more) * more) as f64 / (total as f64 * total as f64).max(1.0)
    };
    held.into_iter().zip(more).zip(total).map(grows).sum()
}

/// Each fold needs a group of each class.
fn check_groups(bundles: &[Bundle], count: usize) -> Result<()> {
    for class in Class::ALL {
        let of_class = |bundle: &&Bundle| bundle.counts.get(class.index()).is_some_and(|n| *n > 0);
        let groups = bundles.iter().filter(of_class).count();
        if groups < count {
            let error = Error::new(format!("There are too few {} photos for {count} folds", class.word()))
                .detail(format!("Photos that belong together stay together, and there are {groups} such groups"));
            return Err(match groups {
                // Two folds would leave one group to train on, and none to choose the best epoch by.
                0..=2 => error.hint("add photos of other places"),
                _ => error.hint(format!("choose at most {groups} folds, or add photos of other places")),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::dataset::group::ContentKey;

    /// Photos from marks (`+`, `-`, `?`) with group numbers; equal numbers are one group.
    fn marked(photos: &[(char, u8)]) -> (Vec<Sample>, Groups) {
        let class = |mark| match mark {
            '+' => Some(Class::Positive),
            '-' => Some(Class::Negative),
            _ => None,
        };
        let sample = |(mark, _): &(char, u8)| Sample {
            file: "x.jpg".into(),
            path: "x.jpg".into(),
            label: class(*mark),
            bytes: 1,
            ..Sample::default()
        };
        let keys: Vec<_> = photos.iter().map(|(_, number)| Some(ContentKey([*number; 32]))).collect();
        (photos.iter().map(sample).collect(), Groups::identical(&keys))
    }

    /// So many photos of each class, each a group of its own.
    fn alone(negative: u8, positive: u8) -> (Vec<Sample>, Groups) {
        let marks = (0..negative).map(|n| ('-', n)).chain((0..positive).map(|n| ('+', 100 + n)));
        marked(&marks.collect::<Vec<_>>())
    }

    /// Photos of each class in each fold.
    fn counts(samples: &[Sample], folds: &Folds) -> Vec<Counts> {
        let of = |fold, class| folds.indices(fold).filter(|i| samples[*i].label == Some(class)).count();
        (0..folds.count).map(|fold| Class::ALL.map(|class| of(fold, class))).collect()
    }

    #[test]
    fn single_photos_are_spread_to_one() {
        let (samples, groups) = alone(47, 13);
        let folds = Folds::divide(&samples, &groups, 5, 1).unwrap();
        let held = counts(&samples, &folds);
        for class in Class::ALL {
            let most = held.iter().map(|held| held[class.index()]).max().unwrap();
            assert!(held.iter().all(|held| held[class.index()] + 1 >= most), "{held:?}");
        }
        assert!(held.iter().all(|held| (11..=13).contains(&(held[0] + held[1]))), "{held:?}");
        assert_ne!(folds, Folds::divide(&samples, &groups, 5, 2).unwrap());
    }

    #[test]
    fn what_cannot_be_divided_is_said_with_the_most_folds_that_can() {
        let (samples, groups) = alone(47, 3);
        let error = Folds::divide(&samples, &groups, 5, 0).unwrap_err();
        assert_eq!(error.title(), "There are too few cracked photos for 5 folds");
        assert_eq!(error.advice(), Some("choose at most 3 folds, or add photos of other places"));
        assert!(Folds::divide(&samples, &groups, 3, 0).is_ok());
        for count in [0, 1, 101] {
            assert!(Folds::divide(&samples, &groups, count, 0).is_err(), "{count}");
        }
        let (samples, groups) = alone(47, 0);
        assert!(Folds::divide(&samples, &groups, 2, 0).unwrap_err().title().contains("no photos of cracked"));
    }

    proptest! {
        #[test]
        fn each_photo_is_in_one_fold_and_groups_stay_whole(
            photos in proptest::collection::vec((prop_oneof![Just('+'), Just('-'), Just('?')], 0u8..40), 0..120),
            count in 2usize..8,
            seed in any::<u64>(),
        ) {
            let (samples, groups) = marked(&photos);
            let Ok(folds) = Folds::divide(&samples, &groups, count, seed) else { return Ok(()) };
            prop_assert_eq!(&folds, &Folds::divide(&samples, &groups, count, seed).unwrap());
            prop_assert_eq!((0..count).map(|fold| folds.indices(fold).count()).sum::<usize>(),
                samples.iter().filter(|sample| sample.label.is_some()).count());
            for (i, fold) in folds.of_photo.iter().enumerate() {
                prop_assert_eq!(fold.is_some(), samples[i].label.is_some());
                prop_assert!(fold.is_none_or(|fold| fold < count));
                let mut others = folds.of_photo.iter().zip(&photos).filter(|(_, (_, number))| *number == photos[i].1);
                prop_assert!(fold.is_none() || others.all(|(other, _)| other.is_none() || other == fold));
            }
            for class in Class::ALL {
                let folds_with = counts(&samples, &folds).iter().filter(|held| held[class.index()] > 0).count();
                prop_assert!(folds_with > 1, "{class:?} can be learned from outside of each fold");
            }
        }

        #[test]
        fn groups_of_one_class_are_spread_to_the_largest_group(
            sizes in proptest::collection::vec((any::<bool>(), 1usize..6), 20..60),
            count in 2usize..6,
            seed in any::<u64>(),
        ) {
            let mut photos = Vec::new();
            for (n, (positive, size)) in sizes.iter().enumerate() {
                photos.extend(vec![(if *positive { '+' } else { '-' }, n as u8); *size]);
            }
            for class in [true, false] {
                prop_assume!(sizes.iter().filter(|(positive, _)| *positive == class).count() >= count);
            }
            let (samples, groups) = marked(&photos);
            let folds = Folds::divide(&samples, &groups, count, seed).unwrap();
            let held = counts(&samples, &folds);
            for class in Class::ALL {
                let of_class = held.iter().map(|held| held[class.index()]).collect::<BTreeSet<_>>();
                let (least, most) = (*of_class.first().unwrap(), *of_class.last().unwrap());
                prop_assert!(least > 0 && most - least <= 5, "{held:?}");
            }
        }
    }
}
