//! Dividing photos into training and validation.
//!
//! Every kind of split keeps groups whole: a photo and its copy are never on different sides.

mod draw;
pub mod folds;

use std::collections::BTreeMap;

use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::{Deserialize, Serialize};

use self::draw::{Counts, add};
use super::group::Groups;
use super::{Class, Sample};
use crate::error::{Error, Result};

/// How photos are to be divided.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SplitConfig {
    /// What keeps photos together.
    pub kind: SplitKind,
    /// The share of each class that goes to validation, above 0 and below 1. By folder it has no meaning.
    pub val_fraction: f64,
    /// Seed of the choice.
    pub seed: u64,
}

impl Default for SplitConfig {
    fn default() -> Self {
        Self { kind: SplitKind::Grouped, val_fraction: 0.2, seed: 0 }
    }
}

impl SplitConfig {
    /// Checks what types cannot.
    ///
    /// # Errors
    /// A usage error if the fraction is not above 0 and below 1.
    pub fn validate(&self) -> Result<()> {
        if self.kind == SplitKind::ByFolder || (self.val_fraction > 0.0 && self.val_fraction < 1.0) {
            return Ok(());
        }
        Err(Error::usage("The share of validation photos must be above 0 and below 1")
            .hint("0.2 keeps every fifth photo for validation"))
    }
}

/// What keeps photos together when they are divided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum SplitKind {
    /// Photos that belong together stay together: the honest way.
    #[default]
    Grouped,
    /// Only identical files stay together.
    Random,
    /// As the folders say: `train` and `val`, `validation` or `test`.
    ByFolder,
}

/// A side of the split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// The network learns from it.
    Train,
    /// The network is judged by it.
    Validation,
}

impl Part {
    /// The name in files: `train` or `validation`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
        }
    }
}

/// Which photo is on which side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Split {
    /// One for each photo, in the same order; `None` for those that take no part.
    pub parts: Vec<Option<Part>>,
}

impl Split {
    /// How many photos are in training and in validation.
    pub fn counts(&self) -> (usize, usize) {
        (self.indices(Part::Train).count(), self.indices(Part::Validation).count())
    }

    /// The photos on one side, ascending.
    pub fn indices(&self, part: Part) -> impl Iterator<Item = usize> + '_ {
        self.parts.iter().enumerate().filter(move |(_, found)| **found == Some(part)).map(|(i, _)| i)
    }
}

/// Divides the labelled photos; the others take no part.
///
/// Grouped and random: stratified, so that each class is divided by the fraction as nearly as the groups allow, and by
/// seed. Both sides hold both classes wherever a class has two groups or more; a class that is all one group is for
/// training. What the two kinds keep together is in `groups`.
///
/// By folder: the nearest folder called `train`, `val` and so on decides, and photos in none of them take no part.
/// `test` is validation where there is no other, else it takes no part, to judge the finished model by. A group that
/// reaches into several goes whole to `test` before `val` before `train`.
///
/// # Errors
/// Where there is nothing to learn from or to judge by: no labels, only one class, only one group, no such folders; or
/// the fraction makes no sense.
pub fn split(samples: &[Sample], groups: &Groups, config: &SplitConfig) -> Result<Split> {
    config.validate()?;
    check_classes(samples)?;
    let bundles = Bundle::of(samples, groups);
    let sides = match config.kind {
        SplitKind::Grouped | SplitKind::Random => by_fraction(&bundles, config)?,
        SplitKind::ByFolder => by_folder(samples, &bundles)?,
    };
    let mut split = Split { parts: vec![None; samples.len()] };
    for (bundle, side) in bundles.iter().zip(sides) {
        for member in &bundle.members {
            if let Some(part) = split.parts.get_mut(*member) {
                *part = side;
            }
        }
    }
    Ok(split)
}

/// Divides the labelled photos anew after labels have changed, where each photo stays on the side that it was on
/// `before`, and with it its group. Groups that were on no side yet are divided by the fraction among themselves; where
/// they are too few for that, they are for training.
///
/// # Errors
/// As [`split`], by which everything is divided where nothing was before.
pub fn split_again(
    samples: &[Sample],
    groups: &Groups,
    config: &SplitConfig,
    before: &[Option<Part>],
) -> Result<Split> {
    let known = |member: &usize| before.get(*member).copied().flatten();
    if config.kind == SplitKind::ByFolder || !(0..samples.len()).any(|i| known(&i).is_some()) {
        return split(samples, groups, config);
    }
    config.validate()?;
    check_classes(samples)?;
    // All members of the groups, with those that have lost their label: they still say where their group was.
    let mut sides: BTreeMap<usize, Part> = BTreeMap::new();
    for i in 0..samples.len() {
        if let Some(part) = known(&i) {
            let side = sides.entry(groups.group_of(i)).or_insert(part);
            *side = (*side).max(part);
        }
    }
    let side_of = |i: usize| sides.get(&groups.group_of(i)).copied();
    let mut fresh = samples.to_vec();
    for (i, sample) in fresh.iter_mut().enumerate() {
        sample.label = sample.label.filter(|_| side_of(i).is_none());
    }
    let drawn = split(&fresh, groups, config).unwrap_or_default();
    let part = |(i, sample): (usize, &Sample)| {
        sample.label?;
        Some(side_of(i).or_else(|| drawn.parts.get(i).copied().flatten()).unwrap_or(Part::Train))
    };
    Ok(Split { parts: samples.iter().enumerate().map(part).collect() })
}

fn check_classes(samples: &[Sample]) -> Result<()> {
    let counts = tally(samples.iter().filter_map(|sample| sample.label));
    let lacking = match counts {
        [0, 0] => {
            return Err(Error::new("No photo carries a label").hint(
                "Sort the photos into folders called Positive and Negative, or write a labels.csv with the columns file and label",
            ));
        }
        [0, _] => Class::Negative,
        [_, 0] => Class::Positive,
        _ => return Ok(()),
    };
    Err(Error::new(format!("There are no photos of {} concrete", lacking.word()))
        .detail(format!("All {} labelled photos are of the other class", counts.iter().sum::<usize>()))
        .hint(format!("training needs both classes: add photos in a folder called {}", lacking.name())))
}

/// The labelled photos of one group.
struct Bundle {
    members: Vec<usize>,
    /// How many there are of each class.
    counts: Counts,
}

impl Bundle {
    /// All bundles, in order of their groups.
    fn of(samples: &[Sample], groups: &Groups) -> Vec<Self> {
        let mut members: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (i, _) in samples.iter().enumerate().filter(|(_, sample)| sample.label.is_some()) {
            members.entry(groups.group_of(i)).or_default().push(i);
        }
        let label = |i: &usize| samples.get(*i).and_then(|sample| sample.label);
        members.into_values().map(|members| Self { counts: tally(members.iter().filter_map(label)), members }).collect()
    }
}

fn tally(classes: impl Iterator<Item = Class>) -> Counts {
    classes.fold([0; 2], |[negative, positive], class| match class {
        Class::Negative => [negative + 1, positive],
        Class::Positive => [negative, positive + 1],
    })
}

fn by_fraction(bundles: &[Bundle], config: &SplitConfig) -> Result<Vec<Option<Part>>> {
    let mut order: Vec<usize> = (0..bundles.len()).collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(config.seed));
    let counts = order.iter().filter_map(|place| bundles.get(*place)).map(|bundle| bundle.counts);
    let parts = draw::draw(counts, config.val_fraction);
    if !parts.contains(&Part::Validation) {
        return Err(Error::new("There are too few photos to divide into training and validation")
            .detail("In each class all photos are copies of each other or parts of one photo")
            .hint("add photos of other places: each class needs at least two that do not belong together"));
    }
    let mut sides = vec![None; bundles.len()];
    for (place, part) in order.into_iter().zip(parts) {
        if let Some(side) = sides.get_mut(place) {
            *side = Some(part);
        }
    }
    Ok(sides)
}

/// What a folder is for, by its name, the weakest claim first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Purpose {
    Train,
    Validation,
    Test,
}

impl Purpose {
    fn of_folder(name: &str) -> Option<Self> {
        match name.trim().to_ascii_lowercase().as_str() {
            "train" | "training" => Some(Self::Train),
            "val" | "valid" | "validation" => Some(Self::Validation),
            "test" | "testing" => Some(Self::Test),
            _ => None,
        }
    }

    /// That of the nearest folder around a photo.
    fn of_file(file: &str) -> Option<Self> {
        file.rsplit('/').skip(1).find_map(Self::of_folder)
    }
}

fn by_folder(samples: &[Sample], bundles: &[Bundle]) -> Result<Vec<Option<Part>>> {
    let purpose = |i: &usize| samples.get(*i).and_then(|sample| Purpose::of_file(&sample.file));
    let purposes: Vec<_> = bundles.iter().map(|bundle| bundle.members.iter().filter_map(purpose).max()).collect();
    let tested_apart = purposes.contains(&Some(Purpose::Validation));
    let side = |purpose: &Option<Purpose>| match purpose {
        Some(Purpose::Train) => Some(Part::Train),
        Some(Purpose::Validation) => Some(Part::Validation),
        Some(Purpose::Test) if !tested_apart => Some(Part::Validation),
        Some(Purpose::Test) | None => None,
    };
    let sides: Vec<_> = purposes.iter().map(side).collect();
    let count = |part| {
        let on = bundles.iter().zip(&sides).filter(|(_, side)| **side == Some(part));
        on.fold([0; 2], |sum, (bundle, _)| add(sum, bundle.counts))
    };
    let lacking = match (count(Part::Train), count(Part::Validation)) {
        ([0, 0], _) => "No labelled photo lies in a folder called train".to_owned(),
        (_, [0, 0]) => "No labelled photo lies in a folder called val, validation or test".to_owned(),
        ([0, _], _) => format!("The train folder holds no photos of {} concrete", Class::Negative.word()),
        ([_, 0], _) => format!("The train folder holds no photos of {} concrete", Class::Positive.word()),
        _ => return Ok(sides),
    };
    Err(Error::new(lacking)
        .hint("add photos there, or choose the grouped or random split, which needs no such folders"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::group::ContentKey;
    use proptest::prelude::*;

    /// Photos by file name and class: `+`, `-` or `?`.
    fn photos(list: &[(&str, char)]) -> Vec<Sample> {
        let class = |mark| match mark {
            '+' => Some(Class::Positive),
            '-' => Some(Class::Negative),
            _ => None,
        };
        let sample = |(file, mark): &(&str, char)| Sample {
            file: (*file).to_owned(),
            path: file.into(),
            label: class(*mark),
            bytes: 1,
            ..Sample::default()
        };
        list.iter().map(sample).collect()
    }

    /// Photos from marks alone, with group numbers; equal numbers are one group.
    fn marked(marks: &str, numbers: &[u8]) -> (Vec<Sample>, Groups) {
        let samples = photos(&marks.chars().map(|mark| ("x.jpg", mark)).collect::<Vec<_>>());
        let keys: Vec<_> = numbers.iter().map(|n| Some(ContentKey([*n; 32]))).collect();
        (samples, Groups::identical(&keys))
    }

    fn alone(samples: &[Sample]) -> Groups {
        Groups::identical(&vec![None; samples.len()])
    }

    fn config(kind: SplitKind, val_fraction: f64, seed: u64) -> SplitConfig {
        SplitConfig { kind, val_fraction, seed }
    }

    fn share(samples: &[Sample], split: &Split, class: Class, part: Part) -> usize {
        split.indices(part).filter(|i| samples[*i].label == Some(class)).count()
    }

    #[test]
    fn nothing_changes_sides_when_labels_do() {
        let (mut samples, groups) = marked(&"+-".repeat(20), &(0..40).collect::<Vec<_>>());
        let config = config(SplitKind::Grouped, 0.25, 3);
        let before = split(&samples, &groups, &config).unwrap();
        let again = |samples: &[Sample], parts: &[Option<Part>]| split_again(samples, &groups, &config, parts).unwrap();
        assert_eq!(again(&samples, &before.parts), before);
        assert_eq!(again(&samples, &[None; 40]), before, "where nothing was before, as ever");
        samples[4].label = Some(Class::Negative);
        samples[6].label = None;
        let mut expected = before.parts.clone();
        expected[6] = None;
        assert_eq!(again(&samples, &before.parts).parts, expected);
    }

    #[test]
    fn what_was_on_no_side_joins_its_group_or_is_divided() {
        let (samples, groups) = marked("+-+-+-+-+-", &[0, 1, 0, 1, 4, 5, 6, 7, 8, 9]);
        let (t, v) = (Some(Part::Train), Some(Part::Validation));
        let before = [v, t, None, None, t, v, None, None, None, None];
        let split = split_again(&samples, &groups, &config(SplitKind::Grouped, 0.5, 1), &before).unwrap();
        assert_eq!(split.parts[..6], [v, t, v, t, t, v]);
        assert_eq!(split.parts[6..].iter().filter(|part| **part == v).count(), 2, "half of the new ones");
        // A single new photo cannot be divided.
        let before = [v, t, None, None, t, v, v, t, v, None];
        let split = split_again(&samples, &groups, &config(SplitKind::Grouped, 0.5, 1), &before).unwrap();
        assert_eq!(split.parts[9], t);
    }

    #[test]
    fn each_class_is_divided_by_the_fraction() {
        let (samples, _) = marked(&("+".repeat(30) + &"-".repeat(170) + "??"), &[]);
        let split = split(&samples, &alone(&samples), &SplitConfig::default()).unwrap();
        assert_eq!(split.counts(), (160, 40));
        assert_eq!(share(&samples, &split, Class::Positive, Part::Validation), 6);
        assert_eq!(&split.parts[200..], [None, None]);
    }

    #[test]
    fn the_seed_decides() {
        let (samples, _) = marked(&"+-".repeat(50), &[]);
        let run = |seed| split(&samples, &alone(&samples), &config(SplitKind::Random, 0.3, seed)).unwrap();
        assert_eq!(run(7), run(7));
        assert_ne!(run(7), run(8));
        // Fixed for all machines and versions: whoever repeats a run gets the same photos.
        let chosen: Vec<_> = run(0).indices(Part::Validation).take(8).collect();
        assert_eq!(chosen, [1, 5, 9, 16, 19, 20, 25, 27]);
    }

    /// Sizes as in SDNET2018's decks: 54 photos of 252 patches, none to two fifths of them cracked.
    #[test]
    fn photos_of_mixed_patches_are_divided_by_the_fraction() {
        let (mut marks, mut numbers) = (String::new(), Vec::new());
        for photo in 0..54_usize {
            let cracked = photo * photo * 37 % 101;
            marks.push_str(&("+".repeat(cracked) + &"-".repeat(252 - cracked)));
            numbers.extend([photo as u8; 252]);
        }
        let (samples, groups) = marked(&marks, &numbers);
        for seed in 0..50 {
            let found = split(&samples, &groups, &config(SplitKind::Grouped, 0.2, seed)).unwrap();
            for class in Class::ALL {
                let [val, train] =
                    [Part::Validation, Part::Train].map(|part| share(&samples, &found, class, part) as f64);
                assert!((val / (val + train) - 0.2).abs() < 0.03, "seed {seed}, {class:?}: {val} of {}", val + train);
            }
        }
    }

    #[test]
    fn both_sides_keep_both_classes() {
        for seed in 0..20 {
            for fraction in [0.01, 0.2, 0.99] {
                let (samples, groups) = marked("++------------", &[1, 2, 3, 3, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
                let split = split(&samples, &groups, &config(SplitKind::Grouped, fraction, seed)).unwrap();
                for (class, part) in Class::ALL.into_iter().flat_map(|c| [(c, Part::Train), (c, Part::Validation)]) {
                    assert!(share(&samples, &split, class, part) > 0, "{seed} {fraction} {class:?} {part:?}");
                }
            }
        }
    }

    #[test]
    fn a_class_in_one_group_is_for_training() {
        let (samples, groups) = marked("+++-----", &[1, 1, 1, 2, 3, 4, 5, 6]);
        for seed in 0..20 {
            let split = split(&samples, &groups, &config(SplitKind::Grouped, 0.5, seed)).unwrap();
            assert_eq!(share(&samples, &split, Class::Positive, Part::Train), 3);
            assert!(share(&samples, &split, Class::Negative, Part::Validation) > 0);
        }
    }

    #[test]
    fn what_cannot_be_divided_says_what_to_do() {
        let run = |marks, numbers: &[u8], fraction, title| {
            let (samples, groups) = marked(marks, numbers);
            let error = split(&samples, &groups, &config(SplitKind::Grouped, fraction, 0)).unwrap_err();
            assert_eq!(error.title(), title);
            assert!(error.advice().is_some(), "{title}");
        };
        run("", &[], 0.2, "No photo carries a label");
        run("??", &[1, 2], 0.2, "No photo carries a label");
        run("++?", &[1, 2, 3], 0.2, "There are no photos of intact concrete");
        run("--", &[1, 2], 0.2, "There are no photos of cracked concrete");
        run("++--", &[1, 1, 2, 2], 0.2, "There are too few photos to divide into training and validation");
        for fraction in [0.0, 1.0, -0.1, f64::NAN] {
            run("++--", &[1, 2, 3, 4], fraction, "The share of validation photos must be above 0 and below 1");
        }
    }

    const BY_FOLDER: SplitConfig = SplitConfig { kind: SplitKind::ByFolder, val_fraction: 0.2, seed: 0 };

    #[test]
    fn folders_decide() {
        let samples = photos(&[
            ("Train/Positive/1.jpg", '+'),
            ("Negative/training/2.jpg", '-'),
            ("valid/Positive/3.jpg", '+'),
            ("validation/4.jpg", '-'),
            ("train/x/VAL/5.jpg", '-'),
            ("test/6.jpg", '+'),
            ("train.jpg", '+'),
            ("train/8.jpg", '?'),
        ]);
        let split = split(&samples, &alone(&samples), &BY_FOLDER).unwrap();
        let (train, val) = (Some(Part::Train), Some(Part::Validation));
        assert_eq!(split.parts, [train, train, val, val, val, None, None, None]);
    }

    #[test]
    fn the_test_folder_stands_in_for_a_missing_validation_folder() {
        let samples = photos(&[("train/1.jpg", '+'), ("train/2.jpg", '-'), ("test/3.jpg", '+')]);
        let split = split(&samples, &alone(&samples), &BY_FOLDER).unwrap();
        assert_eq!(split.parts, [Some(Part::Train), Some(Part::Train), Some(Part::Validation)]);
    }

    #[test]
    fn a_copy_of_a_validation_photo_is_not_learnt() {
        let mut samples =
            photos(&[("train/1.jpg", '+'), ("train/2.jpg", '-'), ("train/3.jpg", '+'), ("val/3.jpg", '+')]);
        let keys = [1, 2, 3, 3].map(|n| Some(ContentKey([n; 32])));
        let done = split(&samples, &Groups::identical(&keys), &BY_FOLDER).unwrap();
        assert_eq!(done.parts[2..], [Some(Part::Validation); 2]);
        samples[3].file = "test/3.jpg".to_owned();
        samples.extend(photos(&[("val/4.jpg", '-')]));
        let keys = [1, 2, 3, 3, 4].map(|n| Some(ContentKey([n; 32])));
        let done = split(&samples, &Groups::identical(&keys), &BY_FOLDER).unwrap();
        assert_eq!(done.parts[2..], [None, None, Some(Part::Validation)]);
    }

    #[test]
    fn folders_that_do_not_say_enough() {
        let run = |list: &[(&str, char)], title| {
            let samples = photos(list);
            let error = split(&samples, &alone(&samples), &BY_FOLDER).unwrap_err();
            assert_eq!(error.title(), title);
        };
        run(&[("a.jpg", '+'), ("b.jpg", '-')], "No labelled photo lies in a folder called train");
        run(
            &[("train/a.jpg", '+'), ("train/b.jpg", '-')],
            "No labelled photo lies in a folder called val, validation or test",
        );
        run(&[("train/a.jpg", '+'), ("val/b.jpg", '-')], "The train folder holds no photos of intact concrete");
        run(&[("train/a.jpg", '-'), ("val/b.jpg", '+')], "The train folder holds no photos of cracked concrete");
    }

    #[test]
    fn the_configuration_survives_its_file() {
        let config = config(SplitKind::ByFolder, 0.25, 3);
        let text = toml::to_string(&config).unwrap();
        assert_eq!(text, "kind = \"by-folder\"\nval_fraction = 0.25\nseed = 3\n");
        assert_eq!(toml::from_str::<SplitConfig>(&text).unwrap(), config);
        assert_eq!(toml::from_str::<SplitConfig>("").unwrap(), SplitConfig::default());
    }

    /// Whether the groups allow both sides to hold `class`.
    fn divisible(samples: &[Sample], groups: &Groups, class: Class) -> bool {
        let of_class = (0..samples.len()).filter(|i| samples[*i].label == Some(class));
        of_class.map(|i| groups.group_of(i)).collect::<std::collections::BTreeSet<_>>().len() > 1
    }

    proptest! {
        #[test]
        fn groups_stay_whole_and_classes_on_both_sides(
            photos in proptest::collection::vec((prop_oneof![Just('+'), Just('-'), Just('?')], 0u8..12), 0..60),
            fraction in 0.01f64..0.99,
            seed in any::<u64>(),
        ) {
            let marks: String = photos.iter().map(|(mark, _)| mark).collect();
            let numbers: Vec<u8> = photos.iter().map(|(_, number)| *number).collect();
            let (samples, groups) = marked(&marks, &numbers);
            let config = config(SplitKind::Grouped, fraction, seed);
            let counts = Class::ALL.map(|class| samples.iter().filter(|s| s.label == Some(class)).count());
            let can = Class::ALL.map(|class| divisible(&samples, &groups, class));
            let Ok(found) = split(&samples, &groups, &config) else {
                prop_assert!(counts.contains(&0) || can == [false; 2]);
                return Ok(());
            };
            prop_assert_eq!(&found, &split(&samples, &groups, &config).unwrap());
            for (i, part) in found.parts.iter().enumerate() {
                prop_assert_eq!(part.is_some(), samples[i].label.is_some());
                let same = found.parts.iter().enumerate().filter(|(j, _)| numbers[*j] == numbers[i]);
                prop_assert!(part.is_none() || same.into_iter().all(|(_, other)| other.is_none() || other == part));
            }
            for (class, can) in Class::ALL.into_iter().zip(can) {
                prop_assert!(share(&samples, &found, class, Part::Train) > 0);
                prop_assert!(!can || share(&samples, &found, class, Part::Validation) > 0);
            }
        }

        #[test]
        fn the_fraction_is_met_to_half_a_group(
            sizes in proptest::collection::vec((any::<bool>(), 1usize..9), 30..80),
            fraction in 0.1f64..0.9,
            seed in any::<u64>(),
        ) {
            let (mut marks, mut numbers) = (String::new(), Vec::new());
            for (n, (positive, size)) in sizes.iter().enumerate() {
                marks.push_str(&if *positive { "+" } else { "-" }.repeat(*size));
                numbers.extend(vec![n as u8; *size]);
            }
            let (samples, groups) = marked(&marks, &numbers);
            for class in Class::ALL {
                prop_assume!(sizes.iter().filter(|(positive, _)| *positive == (class == Class::Positive)).count() > 9);
            }
            let found = split(&samples, &groups, &config(SplitKind::Grouped, fraction, seed)).unwrap();
            for class in Class::ALL {
                let total = samples.iter().filter(|sample| sample.label == Some(class)).count() as f64;
                let off = share(&samples, &found, class, Part::Validation) as f64 - fraction * total;
                prop_assert!(off.abs() <= 4.5, "{off} of {total}");
            }
        }
    }
}
