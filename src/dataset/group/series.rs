//! Groups by numbering: where photos that follow one another in number look alike, they are of one place, or cut from
//! one picture, and belong together.
//!
//! Whether they do is asked of the photos themselves. Of the patches of METU, the cracked ones follow one another as they
//! were cut: at 4 numbers apart they are about half as different as any two, at 32 a fifth less, beyond 500 as different
//! as any. The intact ones were shuffled: there neighbours are as different as strangers, and numbers say nothing.
//!
//! A series is cut into blocks about as long as it takes for likeness to fall to a quarter: then few photos have much
//! likeness left across a cut. Each cut is moved to where the photos change most nearby.

use std::collections::{BTreeMap, BTreeSet};

use crate::dataset::layout::class_of_name;
use crate::dataset::{Dataset, Sample};

/// What a photo looks like on the whole, in numbers of any scale.
pub type Look = [f32; 5];

/// A number and the photo that bears it.
pub type Numbered = (u64, usize);
/// All numbers in a name, and the photo that bears it.
type Named = (Vec<u64>, usize);
/// Photos whose names differ in a number, in its order.
pub type Series = Vec<Numbered>;

/// Fewer photos than this are no series: chance would be taken for likeness.
const FEWEST: usize = 100;
/// By how much neighbours must be more alike than strangers, as a share of how different these are …
const LEAST: f64 = 0.15;
/// … and by how many standard errors.
const ERRORS: f64 = 6.0;
/// The share of the neighbours' likeness that may be left at the length of a block.
const LEFT: f64 = 0.25;
/// A series is cut into this many blocks at least.
const BLOCKS: u64 = 8;
/// The most pairs that are compared at one distance.
const PAIRS: usize = 20_000;

/// How likeness falls with distance in a series whose neighbours look alike.
#[derive(Clone, Debug, PartialEq)]
pub struct Fall {
    /// Distance in numbers, up to which, and how much more alike than strangers photos are there: 0 for not at all, 1
    /// for the same.
    pub likeness: Vec<(u64, f64)>,
    /// The length of a block, in numbers.
    pub length: u64,
}

/// The series among the photos: those of one folder, whatever their class, and of one pattern of name. Where both
/// classes are numbered from the beginning, each is a series by itself.
pub fn series(dataset: &Dataset) -> Vec<Series> {
    let mut patterns: BTreeMap<(String, String), Vec<Named>> = BTreeMap::new();
    for (index, sample) in dataset.samples.iter().enumerate() {
        if let Some((pattern, numbers)) = parsed(sample) {
            patterns.entry((place(sample, false), pattern)).or_default().push((numbers, index));
        }
    }
    let apart = |members: Vec<Named>| {
        let distinct: BTreeSet<&Vec<u64>> = members.iter().map(|(numbers, _)| numbers).collect();
        if distinct.len() * 20 >= members.len() * 19 {
            return vec![members];
        }
        let mut folders: BTreeMap<String, Vec<Named>> = BTreeMap::new();
        for (numbers, index) in members {
            let folder = dataset.samples.get(index).map(|sample| place(sample, true)).unwrap_or_default();
            folders.entry(folder).or_default().push((numbers, index));
        }
        folders.into_values().collect()
    };
    patterns.into_values().flat_map(apart).filter(|members| members.len() >= FEWEST).map(numbered).collect()
}

/// How likeness falls along a series; `None` where neighbours are no more alike than strangers. `looks` are of all
/// photos; those without one are passed over.
pub fn fall(series: &[Numbered], looks: &[Option<Look>]) -> Option<Fall> {
    let known: Vec<(u64, Look)> =
        series.iter().filter_map(|&(number, index)| Some((number, (*looks.get(index)?)?))).collect();
    if known.len() < FEWEST {
        return None;
    }
    let known = standardised(known);
    let strangers = mean_difference(&known);
    let span = known.last()?.0 - known.first()?.0;
    let mut likeness = Vec::new();
    let mut first: Option<f64> = None;
    for reach in (0..).map(|power| 1_u64 << power).take_while(|reach| *reach <= (span / 4).max(1)) {
        let differences = differences(&known, reach / 2 + 1, reach);
        if differences.len() < FEWEST / 3 || (first.is_none() && differences.len() < known.len() / 10) {
            continue;
        }
        let count = differences.len() as f64;
        let mean = differences.iter().sum::<f64>() / count;
        let alike = 1.0 - mean / strangers;
        likeness.push((reach, alike));
        let Some(first) = first else {
            let variance = differences.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / count;
            let error = (variance / count.min(known.len() as f64)).sqrt();
            if alike < LEAST || strangers - mean < ERRORS * error {
                return None;
            }
            first = Some(alike);
            continue;
        };
        if alike < LEFT * first {
            break;
        }
    }
    let last = likeness.last()?.0;
    Some(Fall { length: last.min(span / BLOCKS).max(1), likeness })
}

/// Puts the photos of a series into blocks of about `length` numbers, each cut where the photos change most nearby.
/// `blocks` holds for each photo the block it is in.
///
/// `copies` names for each photo the first of its copies. Where a copy of a photo was put into a block before, the photo
/// is put there as well, and its neighbours follow it: a stretch of a series that is there twice, as parts of METU are,
/// makes the same blocks both times, rather than all blocks one.
pub fn blocks(
    series: &[Numbered],
    looks: &[Option<Look>],
    length: u64,
    copies: &[usize],
    blocks: &mut [Option<usize>],
) {
    let copy = |index: usize| copies.get(index).copied().unwrap_or(index);
    let mut known: BTreeMap<usize, usize> = BTreeMap::new();
    for (index, block) in blocks.iter().enumerate() {
        if let Some(block) = block {
            known.entry(copy(index)).or_insert(*block);
        }
    }
    for stretch in stretches(series, looks, length) {
        let Some(own) = stretch.first().map(|(_, index)| *index) else { continue };
        let anchors: Vec<(u64, usize)> =
            stretch.iter().filter_map(|&(number, index)| Some((number, *known.get(&copy(index))?))).collect();
        for &(number, index) in stretch {
            let nearest = anchors.iter().min_by_key(|(at, _)| at.abs_diff(number));
            let block = match known.get(&copy(index)) {
                Some(block) => *block,
                None => nearest.filter(|(at, _)| at.abs_diff(number) <= length / 2).map_or(own, |(_, block)| *block),
            };
            if let Some(slot) = blocks.get_mut(index) {
                *slot = Some(block);
            }
        }
        for (_, index) in stretch {
            if let Some(Some(block)) = blocks.get(*index) {
                known.entry(copy(*index)).or_insert(*block);
            }
        }
    }
}

/// Cuts a series where the photos change most, near each multiple of `length`.
fn stretches<'s>(series: &'s [Numbered], looks: &[Option<Look>], length: u64) -> Vec<&'s [Numbered]> {
    let look = |place: usize| series.get(place).and_then(|(_, index)| looks.get(*index).copied().flatten());
    let mut stretches = Vec::new();
    let mut rest = 0;
    while let Some((begin, _)) = series.get(rest) {
        let number = |place: usize| series.get(place).map(|(number, _)| number - begin);
        let near =
            (rest + 1..series.len()).take_while(|place| number(*place).is_some_and(|n| n <= length + length / 4));
        let near: Vec<usize> = near.filter(|place| number(*place).is_some_and(|n| n >= length - length / 4)).collect();
        let last = number(series.len() - 1).is_none_or(|n| n <= length + length / 4);
        let jump = |place: &usize| change(&look, *place);
        let cut = near.into_iter().max_by(|a, b| jump(a).total_cmp(&jump(b)).then(b.cmp(a)));
        let beyond = || (rest + 1..series.len()).find(|place| number(*place).is_some_and(|n| n >= length));
        let end = if last { series.len() } else { cut.or_else(beyond).unwrap_or(series.len()) };
        stretches.extend(series.get(rest..end));
        rest = end;
    }
    stretches
}

/// How much the mean look of up to three photos before `place` differs from that of the three after.
fn change(look: &impl Fn(usize) -> Option<Look>, place: usize) -> f32 {
    let mean = |places: std::ops::Range<usize>| {
        let looks: Vec<Look> = places.filter_map(look).collect();
        let sum = looks.iter().fold([0.0; 5], |sum, look| std::array::from_fn(|i| value(&sum, i) + value(look, i)));
        sum.map(|sum: f32| sum / looks.len().max(1) as f32)
    };
    let (before, after) = (mean(place.saturating_sub(3)..place), mean(place..place + 3));
    before.iter().zip(after).map(|(a, b)| (a - b).abs()).sum()
}

fn value(look: &Look, i: usize) -> f32 {
    look.get(i).copied().unwrap_or_default()
}

/// Where a series of its own would begin: the folder, with or without the part that names a class.
fn place(sample: &Sample, with_class: bool) -> String {
    let folders = sample.file.rsplit_once('/').map_or("", |(folders, _)| folders);
    let kept = folders.split('/').filter(|folder| with_class || class_of_name(folder).is_none());
    kept.collect::<Vec<_>>().join("/")
}

/// A name with `#` for each number in it, and these numbers.
fn parsed(sample: &Sample) -> Option<(String, Vec<u64>)> {
    let stem = sample.path.file_stem()?.to_str()?;
    let (mut pattern, mut numbers) = (String::new(), Vec::new());
    let mut rest = stem;
    while let Some(begin) = rest.find(|c: char| c.is_ascii_digit()) {
        let digits = rest.get(begin..)?;
        let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        pattern += rest.get(..begin)?;
        pattern.push('#');
        numbers.push(digits.get(..end)?.parse().ok()?);
        rest = digits.get(end..)?;
    }
    (!numbers.is_empty()).then(|| (pattern + rest, numbers))
}

/// One number for each photo: the one that differs among them, or where several do, the place in their order.
fn numbered(mut members: Vec<Named>) -> Series {
    let count = members.first().map_or(0, |(numbers, _)| numbers.len());
    let differs = |place: &usize| {
        let mut values = members.iter().filter_map(|(numbers, _)| numbers.get(*place));
        values.next().is_some_and(|first| values.any(|other| other != first))
    };
    let varying: Vec<usize> = (0..count).filter(differs).collect();
    members.sort();
    if let [only] = varying.as_slice() {
        return members.iter().filter_map(|(numbers, index)| Some((*numbers.get(*only)?, *index))).collect();
    }
    members.iter().enumerate().map(|(place, (_, index))| (place as u64, *index)).collect()
}

/// Each value as its distance from the median in interquartile ranges, two at most: no odd photo counts for many.
fn standardised(mut known: Vec<(u64, Look)>) -> Vec<(u64, Look)> {
    for i in 0..Look::default().len() {
        let mut values: Vec<f32> = known.iter().map(|(_, look)| value(look, i)).collect();
        values.sort_by(f32::total_cmp);
        let quantile =
            |share: f64| values.get(((values.len() - 1) as f64 * share) as usize).copied().unwrap_or_default();
        let (middle, range) = (quantile(0.5), (quantile(0.75) - quantile(0.25)).max(1e-3));
        for (_, look) in &mut known {
            if let Some(value) = look.get_mut(i) {
                *value = ((*value - middle) / range).clamp(-2.0, 2.0);
            }
        }
    }
    known
}

fn difference(a: &Look, b: &Look) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from((a - b).abs())).sum::<f64>() / a.len() as f64
}

/// The mean difference over all pairs: for sorted values, Σ (2k − n + 1) x_k / (n (n − 1) / 2).
fn mean_difference(known: &[(u64, Look)]) -> f64 {
    let (n, width) = (known.len() as f64, Look::default().len());
    let of_value = |i: usize| {
        let mut values: Vec<f32> = known.iter().map(|(_, look)| value(look, i)).collect();
        values.sort_by(f32::total_cmp);
        let weighed = values.iter().enumerate().map(|(k, x)| (2.0 * k as f64 - n + 1.0) * f64::from(*x));
        weighed.sum::<f64>() / (n * (n - 1.0) / 2.0)
    };
    ((0..width).map(of_value).sum::<f64>() / width as f64).max(1e-9)
}

/// Differences of pairs between `least` and `most` numbers apart, evenly taken where there are very many.
fn differences(known: &[(u64, Look)], least: u64, most: u64) -> Vec<f64> {
    let every = (known.len() * most as usize / PAIRS).max(1);
    let mut found = Vec::new();
    for (place, (number, look)) in known.iter().enumerate() {
        let after = known.iter().enumerate().skip(place + 1).take_while(|(_, other)| other.0 - number <= most);
        let there = after.filter(|(at, other)| other.0 - number >= least && (place + at) % every == 0);
        found.extend(there.map(|(_, (_, other))| difference(look, other)));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Layout;
    use crate::dataset::group::tests::dataset;
    use crate::dice::Dice;

    /// Photos numbered from 1, of which `length` after one another show one place.
    fn photographed(count: usize, length: usize) -> (Series, Vec<Option<Look>>) {
        let mut dice = Dice::new(4, 0);
        let mut place = Look::default();
        let mut looks = Vec::new();
        for number in 0..count {
            if number % length == 0 {
                place = std::array::from_fn(|_| 30.0 * dice.normal());
            }
            looks.push(Some(std::array::from_fn(|i| value(&place, i) + 8.0 * dice.normal())));
        }
        ((0..count).map(|index| (index as u64 + 1, index)).collect(), looks)
    }

    #[test]
    fn names_are_taken_apart() {
        let name = |n: usize| match n % 4 {
            0 => format!("Positive/{n:05}.jpg"),
            1 => format!("Negative/{:05}.jpg", n - 1),
            2 => format!("Positive/{n}_1.jpg"),
            _ => format!("site/{}/IMG_{}_{n}.jpg", if n % 8 == 3 { "cracked" } else { "intact" }, 2024 + n / 400),
        };
        let files: Vec<String> = (0..800).map(name).collect();
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        let data = dataset(Layout::ClassFolders, &files);
        let found = series(&data);
        let first = |series: &Series| (series.len(), series[0].0, data.samples[series[0].1].file.clone());
        let expected = [
            (200, 0, "Negative/00000.jpg"), // numbered like the cracked ones, so by themselves
            (200, 0, "Positive/00000.jpg"),
            (200, 2, "Positive/2_1.jpg"),
            (200, 0, "site/cracked/IMG_2024_3.jpg"), // two numbers differ: the place in their order
        ];
        assert_eq!(found.iter().map(first).collect::<Vec<_>>(), expected.map(|(n, at, file)| (n, at, file.to_owned())));
    }

    #[test]
    fn neighbours_are_found_where_they_are_alike_and_only_there() {
        let (series, looks) = photographed(1000, 20);
        let found = fall(&series, &looks).unwrap();
        assert!(found.likeness[0].1 > 0.4 && found.likeness.is_sorted_by(|a, b| a.1 > b.1 - 0.05), "{found:?}");
        assert!((16..=64).contains(&found.length), "{found:?}");
        let (series, looks) = photographed(1000, 1);
        assert_eq!(fall(&series, &looks), None);
        assert_eq!(fall(&series[..FEWEST - 1], &looks), None);
        // One in four numbers is there, as in a part of a data set.
        let (series, looks) = photographed(2000, 40);
        let some: Series = series.into_iter().filter(|(number, _)| number % 4 == 0).collect();
        let found = fall(&some, &looks).unwrap();
        assert!((32..=128).contains(&found.length), "{found:?}");
    }

    #[test]
    fn cuts_lie_where_the_photos_change() {
        let (series, looks) = photographed(400, 40);
        let cuts: Vec<u64> = stretches(&series, &looks, 44).iter().map(|stretch| stretch[0].0 - 1).collect();
        assert_eq!(cuts, [0, 40, 80, 120, 160, 200, 240, 280, 320, 360]);
        let sparse: Series = vec![(1, 0), (2, 1), (500, 2), (501, 3)];
        assert_eq!(stretches(&sparse, &looks, 10).iter().map(|s| s.len()).collect::<Vec<_>>(), [2, 2]);
    }

    #[test]
    fn a_stretch_that_is_there_twice_makes_the_same_blocks() {
        let (_, once) = photographed(200, 20);
        // The second half repeats the first, begun in the middle of a place; every fifth photo has no copy.
        let looks: Vec<Option<Look>> = (0..390).map(|i| if i < 200 { once[i] } else { once[i - 200 + 10] }).collect();
        let copies: Vec<usize> = (0..390).map(|i| if i < 200 || i % 5 == 0 { i } else { i - 190 }).collect();
        let series: Series = (0..390).map(|index| (index as u64, index)).collect();
        let mut found = vec![None; 390];
        blocks(&series, &looks, 20, &copies, &mut found);
        for i in 200..390 {
            if i % 5 != 0 {
                assert_eq!(found[i], found[i - 190], "{i}");
            }
        }
        let sizes = |of: &[Option<usize>]| of.iter().collect::<BTreeSet<_>>().len();
        assert_eq!((sizes(&found[..200]), sizes(&found)), (10, 10));
    }
}
