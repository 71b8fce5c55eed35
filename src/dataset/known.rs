//! Data sets that many people work with, and whether a folder holds all of one.
//!
//! Told from folder and file names alone: no photo is opened.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use super::layout::{Surface, surface_of};
use super::{Class, Dataset, Sample};
use crate::format;

/// A published data set.
#[derive(Debug, PartialEq, Eq)]
pub struct KnownSet {
    /// What people call it.
    pub name: &'static str,
    /// Width and height of every photo.
    pub side: u32,
    /// Its folders.
    pub parts: &'static [Part],
    /// Where it comes from.
    pub source: &'static str,
}

/// One folder of a published data set.
#[derive(Debug, PartialEq, Eq)]
pub struct Part {
    /// The folder's name.
    pub name: &'static str,
    /// What its photos show.
    pub class: Class,
    /// Of what, where the set tells.
    pub surface: Option<Surface>,
    /// How many there are.
    pub photos: usize,
    /// Whether they are numbered from 1 on without a gap.
    pub numbered: bool,
}

/// "Concrete Crack Images for Classification": 458 photos of buildings on METU's campus, cut into 40,000 patches.
/// Counts and size are those of the page at its DOI. Files are called `00001.jpg` to `20000.jpg`, some of those cracked
/// `10001_1.jpg`.
pub const METU: KnownSet = KnownSet {
    name: "METU",
    side: 227,
    parts: &[metu("Positive", Class::Positive), metu("Negative", Class::Negative)],
    source: "https://doi.org/10.17632/5y9wdsg2zt.2",
};

/// 230 photos of bridge decks, walls and pavements at Utah State University, cut into patches. Counts as in the table
/// of the paper: S. Dorafshan, R. J. Thomas, M. Maguire, "SDNET2018: An annotated image dataset for non-contact concrete
/// crack detection using deep convolutional neural networks", Data in Brief 21 (2018), 1664–1668: 2,025 cracked of
/// 13,620 patches of decks, 3,851 of 18,138 of walls, 2,608 of 24,334 of pavements; 56,092 in all.
pub const SDNET2018: KnownSet = KnownSet {
    name: "SDNET2018",
    side: 256,
    parts: &[
        sdnet("CD", Class::Positive, Surface::Deck, 2_025),
        sdnet("UD", Class::Negative, Surface::Deck, 11_595),
        sdnet("CP", Class::Positive, Surface::Pavement, 2_608),
        sdnet("UP", Class::Negative, Surface::Pavement, 21_726),
        sdnet("CW", Class::Positive, Surface::Wall, 3_851),
        sdnet("UW", Class::Negative, Surface::Wall, 14_287),
    ],
    source: "https://doi.org/10.15142/T3TD19",
};

const fn metu(name: &'static str, class: Class) -> Part {
    Part { name, class, surface: None, photos: 20_000, numbered: true }
}

const fn sdnet(name: &'static str, class: Class, surface: Surface, photos: usize) -> Part {
    Part { name, class, surface: Some(surface), photos, numbered: false }
}

/// A folder that holds a published data set, or some of one.
#[derive(Clone, Debug)]
pub struct Recognised {
    /// Which.
    pub set: &'static KnownSet,
    /// What there is of each of its folders.
    pub parts: Vec<PartFound>,
    /// Photos that do not belong to it.
    pub strangers: Vec<String>,
}

/// What there is of one folder of a published data set.
#[derive(Clone, Debug)]
pub struct PartFound {
    /// Which.
    pub part: &'static Part,
    /// Photos found.
    pub found: usize,
    /// Numbers for which there is no photo, where photos are numbered and fewer than there should be.
    pub missing: Vec<RangeInclusive<u32>>,
    /// The folders in which they lie, with `/`.
    pub folders: BTreeSet<String>,
}

/// Fewer photos than this may have such names by chance, or on purpose, as the program's own sample photos have.
const ENOUGH: usize = 1000;

/// Finds out whether a data set is a published one: nine in ten photos must have names as in that.
pub fn recognise(dataset: &Dataset) -> Option<Recognised> {
    [&METU, &SDNET2018].into_iter().find_map(|set| {
        let found = Recognised::of(set, dataset);
        let belonging = dataset.samples.len() - found.strangers.len();
        (belonging >= ENOUGH && 10 * found.strangers.len() <= dataset.samples.len()).then_some(found)
    })
}

impl Recognised {
    fn of(set: &'static KnownSet, dataset: &Dataset) -> Self {
        let mut numbers: BTreeMap<&str, BTreeSet<u32>> = BTreeMap::new();
        let mut found: BTreeMap<&str, (usize, BTreeSet<String>)> = BTreeMap::new();
        let mut strangers = Vec::new();
        for sample in &dataset.samples {
            let Some((part, number)) = set.part_of(sample) else {
                strangers.push(sample.file.clone());
                continue;
            };
            let (count, folders) = found.entry(part.name).or_default();
            *count += 1;
            folders.insert(sample.file.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned());
            numbers.entry(part.name).or_default().extend(number);
        }
        let parts = set.parts.iter().map(|part| {
            let (found, folders) = found.remove(part.name).unwrap_or_default();
            let there = numbers.remove(part.name).unwrap_or_default();
            PartFound {
                part,
                found,
                missing: if part.numbered { gaps(&there, part.photos as u32) } else { Vec::new() },
                folders,
            }
        });
        Self { set, parts: parts.collect(), strangers }
    }

    /// Whether all of it is there, and nothing else.
    pub fn is_complete(&self) -> bool {
        let whole = |part: &PartFound| part.found == part.part.photos && part.missing.is_empty();
        self.strangers.is_empty() && self.parts.iter().all(whole)
    }

    /// In one line: `METU, complete: 20,000 Positive, 20,000 Negative`, `METU: 3,584 of 20,000 Positive, …`.
    pub fn summary(&self) -> String {
        let count = |n: usize| format::count(n as u64);
        if self.is_complete() {
            let parts = self.parts.iter().map(|part| format!("{} {}", count(part.found), part.part.name));
            return format!("{}, complete: {}", self.set.name, parts.collect::<Vec<_>>().join(", "));
        }
        let parts = self.parts.iter().map(|PartFound { part, found, .. }| match found.cmp(&part.photos) {
            std::cmp::Ordering::Equal => format!("all {} {}", count(*found), part.name),
            std::cmp::Ordering::Less => format!("{} of {} {}", count(*found), count(part.photos), part.name),
            std::cmp::Ordering::Greater => {
                format!("{} {}, {} more than there are", count(*found), part.name, count(found - part.photos))
            }
        });
        format!("{}: {}", self.set.name, parts.collect::<Vec<_>>().join(", "))
    }
}

impl PartFound {
    /// The missing numbers: `2, 5–7, 9 and 1,203 more`; `None` where no number is known to be missing.
    pub fn missing_text(&self) -> Option<String> {
        /// Runs of numbers that are written out.
        const WRITTEN: usize = 6;
        let length = |run: &RangeInclusive<u32>| u64::from(run.end() - run.start()) + 1;
        let text = |run: &RangeInclusive<u32>| match length(run) {
            1 => run.start().to_string(),
            _ => format!("{}–{}", run.start(), run.end()),
        };
        let written: Vec<_> = self.missing.iter().take(WRITTEN).map(text).collect();
        let more: u64 = self.missing.iter().skip(WRITTEN).map(length).sum();
        let more = if more > 0 { format!(" and {} more", format::count(more)) } else { String::new() };
        (!written.is_empty()).then(|| written.join(", ") + &more)
    }
}

impl KnownSet {
    /// The folder of the set that a photo belongs to, and its number where photos have one.
    fn part_of(&'static self, sample: &Sample) -> Option<(&'static Part, Option<u32>)> {
        let label = sample.label?;
        let surface = surface_of(&sample.path);
        let part = self.parts.iter().find(|part| part.class == label && part.surface == surface)?;
        if !part.numbered {
            return Some((part, None));
        }
        let stem = sample.path.file_stem()?.to_str()?;
        let digits = stem.split_once('_').map_or(Some(stem), |(digits, copy)| (copy == "1").then_some(digits))?;
        let number = digits.parse().ok().filter(|number| (1..=part.photos as u32).contains(number))?;
        (digits.len() == 5).then_some((part, Some(number)))
    }
}

/// The numbers from 1 to `last` that are not among `there`, as runs.
fn gaps(there: &BTreeSet<u32>, last: u32) -> Vec<RangeInclusive<u32>> {
    let mut gaps = Vec::new();
    let mut next = 1;
    for &number in there.iter().chain([&(last + 1)]) {
        if number > next {
            gaps.push(next..=number - 1);
        }
        next = number + 1;
    }
    gaps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{Layout, Skipped};

    fn dataset(files: impl IntoIterator<Item = String>) -> Dataset {
        let sample = |file: String| {
            let folders: Vec<&str> = file.rsplit_once('/').map_or("", |(folders, _)| folders).split('/').collect();
            let label = super::super::layout::class_of_folders(&folders, "photos").map(|(class, _)| class);
            Sample { path: format!("/photos/{file}").into(), label, bytes: 1, file, ..Sample::default() }
        };
        let samples = files.into_iter().map(sample).collect();
        let (roots, layout) = (vec!["/photos".into()], Layout::ClassFolders);
        Dataset { roots, layout, samples, skipped: Skipped::default(), problems: Vec::new() }
    }

    fn metu(numbers: impl Iterator<Item = u32> + Clone) -> impl Iterator<Item = String> {
        let cracked = numbers
            .clone()
            .map(|n| if n > 10_000 { format!("Positive/{n}_1.jpg") } else { format!("Positive/{n:05}.jpg") });
        cracked.chain(numbers.map(|n| format!("Negative/{n:05}.jpg")))
    }

    fn patches(folder: &str, count: usize) -> impl Iterator<Item = String> {
        (0..count).map(move |n| format!("{folder}/{:04}-{}.jpg", 7001 + n / 200, n % 200 + 1))
    }

    #[test]
    fn a_whole_set_is_complete() {
        let found = recognise(&dataset(metu(1..=20_000))).unwrap();
        assert!(found.is_complete());
        assert_eq!(found.summary(), "METU, complete: 20,000 Positive, 20,000 Negative");
        let sdnet = SDNET2018.parts.iter().flat_map(|part| {
            let folder = format!("{}/{}", part.name.split_at(1).1, part.name);
            patches(&folder, part.photos).collect::<Vec<_>>()
        });
        let found = recognise(&dataset(sdnet)).unwrap();
        assert!(found.is_complete(), "{}", found.summary());
        assert_eq!(found.parts.iter().map(|part| part.found).sum::<usize>(), 56_092);
    }

    #[test]
    fn what_is_missing_is_told_by_number() {
        let lacking = metu((1..=20_000).filter(|n| ![2, 5, 6, 7, 20_000].contains(n)));
        let found = recognise(&dataset(lacking)).unwrap();
        assert!(!found.is_complete());
        assert_eq!(found.summary(), "METU: 19,995 of 20,000 Positive, 19,995 of 20,000 Negative");
        assert_eq!(found.parts[0].missing_text().unwrap(), "2, 5–7, 20000");
        let third = recognise(&dataset(metu((1..=20_000).step_by(3)))).unwrap();
        assert_eq!(third.parts[1].missing_text().unwrap(), "2–3, 5–6, 8–9, 11–12, 14–15, 17–18 and 13,321 more");
        let one_class = dataset(metu(1..=20_000).take(20_000));
        let found = recognise(&one_class).unwrap();
        assert_eq!(found.summary(), "METU: all 20,000 Positive, 0 of 20,000 Negative");
        assert_eq!(found.parts[1].missing_text().unwrap(), "1–20000");
    }

    #[test]
    fn what_is_too_much_is_told() {
        let twice = metu(1..=20_000).chain(metu(1..=50).map(|file| format!("Positive/{file}")));
        let found = recognise(&dataset(twice.chain(["Positive/me.jpg".to_owned()]))).unwrap();
        assert_eq!(found.strangers, ["Positive/me.jpg"]);
        assert_eq!(
            found.parts[0].folders.iter().map(String::as_str).collect::<Vec<_>>(),
            ["Positive", "Positive/Positive"]
        );
        assert!(found.summary().starts_with("METU: 20,050 Positive, 50 more than there are"), "{}", found.summary());
        assert_eq!(found.parts[0].missing_text(), None);
    }

    #[test]
    fn parts_of_sdnet2018_and_its_other_names() {
        let decks = patches("Decks/Cracked", 2_025).chain(patches("Decks/Non-cracked", 11_000));
        let found = recognise(&dataset(decks)).unwrap();
        assert_eq!(
            found.summary(),
            "SDNET2018: all 2,025 CD, 11,000 of 11,595 UD, 0 of 2,608 CP, 0 of 21,726 UP, 0 of 3,851 CW, 0 of 14,287 UW"
        );
    }

    #[test]
    fn other_photos_are_not_taken_for_them() {
        for files in [
            (0..2000).map(|n| format!("cracked/IMG_{n:04}.jpg")).collect::<Vec<_>>(),
            (0..2000).map(|n| format!("{n:05}.jpg")).collect(),
            (1..ENOUGH).map(|n| format!("Positive/{n:05}.jpg")).collect(),
            (1..2000).map(|n| format!("Positive/{n}.jpg")).collect(),
            (1..2000).map(|n| format!("Positive/{}.jpg", n + 20_000)).collect(),
            Vec::new(),
        ] {
            assert!(recognise(&dataset(files.clone())).is_none(), "{:?}", files.first());
        }
    }
}
