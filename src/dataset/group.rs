//! Photos that belong together: files of identical content, and patches cut from one photo.
//!
//! What belongs together must not be divided into training and validation, or the validation figures flatter. Here stands
//! what names, folders, times and people say; near copies are found by [`twins`](crate::photo::twins), and
//! [`grouping`](crate::train::grouping) puts all of it together.

pub mod clock;
pub mod folders;
pub mod hand;
pub mod series;

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::hash::Hash;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rayon::iter::{IntoParallelRefIterator, ParallelIterator};

use super::layout::{Surface, sdnet_photo};
use super::{Dataset, Problem, Sample};
use crate::error::Result;
use crate::job::{Meter, Phase, Watch};

/// What a file holds, whatever it is called and wherever it lies: the BLAKE3 digest of its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ContentKey(pub [u8; 32]);

impl ContentKey {
    /// The key of a file that holds these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }
}

impl fmt::Display for ContentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The content keys of a list of photos.
#[derive(Clone, Debug, Default)]
pub struct Contents {
    /// One for each photo, in the same order; `None` where the file cannot be read.
    pub keys: Vec<Option<ContentKey>>,
    /// The files that cannot be read, in the order of the photos.
    pub problems: Vec<Problem>,
}

/// Reads every byte of the photos, on all cores, to know them by content.
///
/// # Errors
/// Only when the user cancels. A file that cannot be read has no key and is listed among the problems.
pub fn content_keys(samples: &[Sample], watch: &dyn Watch) -> Result<Contents> {
    let meter = Mutex::new(Meter::new(watch, Phase::Hash, Some(samples.len() as u64)));
    let read = |sample: &Sample| {
        let key = content_key(&sample.path, watch)?;
        meter.lock().unwrap_or_else(PoisonError::into_inner).add(1);
        Ok(key)
    };
    let found = samples.par_iter().map(read).collect::<Result<Vec<_>>>()?;
    let mut contents = Contents { keys: Vec::with_capacity(samples.len()), problems: Vec::new() };
    for (sample, key) in samples.iter().zip(found) {
        if let Err(cause) = &key {
            let reason = format!("cannot be read: {cause}");
            contents.problems.push(Problem { file: sample.file.clone(), reason });
        }
        contents.keys.push(key.ok());
    }
    Ok(contents)
}

/// Photos that belong together, as sets of indices into the list of samples. Every photo is in exactly one group, most
/// of them in one of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Groups {
    /// For each photo the lowest index in its group.
    first: Vec<usize>,
    /// The sets of identical files, whatever was merged later.
    identical: Vec<Vec<usize>>,
}

impl Groups {
    /// Puts files of identical content together. A file that cannot be read (no key) stands alone.
    pub fn identical(keys: &[Option<ContentKey>]) -> Self {
        let mut groups = Self { first: (0..keys.len()).collect(), identical: Vec::new() };
        groups = groups.merge_by(alike(keys.iter().copied()));
        groups.identical = groups.sets().into_iter().filter(|set| set.len() > 1).collect();
        groups
    }

    /// Every photo by itself.
    pub fn alone(photos: usize) -> Self {
        Self { first: (0..photos).collect(), identical: Vec::new() }
    }

    /// Puts the photos of each label together, and with them their groups.
    #[must_use]
    pub fn merge_labels<K: Eq + Hash>(self, labels: impl IntoIterator<Item = Option<K>>) -> Self {
        self.merge_by(alike(labels.into_iter()))
    }

    /// Has a person's word on some photos, as in [`hand::ByHand::of_photos`], take the place of the groups they are in.
    /// Those of whom nothing is said stay together, and so do identical files, whatever is said.
    #[must_use]
    pub fn by_hand(self, said: &[Option<Option<usize>>]) -> Self {
        #[derive(PartialEq, Eq, Hash)]
        enum Label {
            Found(usize),
            Said(usize),
        }
        let label = |(i, first): (usize, &usize)| match said.get(i) {
            Some(Some(group)) => group.map(Label::Said),
            _ => Some(Label::Found(*first)),
        };
        let labels: Vec<Option<Label>> = self.first.iter().enumerate().map(label).collect();
        let copies: Vec<(usize, usize)> = self
            .identical
            .iter()
            .flat_map(|set| set.windows(2).filter_map(|pair| Some((*pair.first()?, *pair.last()?))))
            .collect();
        let mut groups = Self::alone(self.first.len()).merge_labels(labels).merge_by(copies);
        groups.identical = self.identical;
        groups
    }

    /// Photos of the largest group.
    pub fn largest(&self) -> usize {
        let mut counts = vec![0_usize; self.first.len()];
        for first in &self.first {
            if let Some(count) = counts.get_mut(*first) {
                *count += 1;
            }
        }
        counts.into_iter().max().unwrap_or(0)
    }

    /// Puts the patches that SDNET2018 cut from one photo together.
    #[must_use]
    pub fn with_sdnet_photos(self, dataset: &Dataset) -> Self {
        self.merge_labels(sdnet_photos(dataset))
    }

    /// Puts the two photos of each pair together, and with them their groups. Pairs that name a photo that is not
    /// there are passed over.
    #[must_use]
    pub fn merge_by(mut self, pairs: impl IntoIterator<Item = (usize, usize)>) -> Self {
        for (a, b) in pairs {
            if a.max(b) < self.first.len() {
                let (a, b) = (self.root(a), self.root(b));
                // The lower index leads, so the order of pairs makes no difference to the result.
                if let Some(slot) = self.first.get_mut(a.max(b)) {
                    *slot = a.min(b);
                }
            }
        }
        for i in 0..self.first.len() {
            self.root(i);
        }
        self
    }

    /// The group of photo `i`, named by the lowest index in it.
    pub fn group_of(&self, i: usize) -> usize {
        self.first.get(i).copied().unwrap_or(i)
    }

    /// For each photo the number of its group, if it is in one with others.
    pub fn shared(&self) -> Vec<Option<usize>> {
        let mut photos = HashMap::new();
        self.first.iter().for_each(|first| *photos.entry(first).or_insert(0usize) += 1);
        self.first.iter().map(|first| photos.get(first).is_some_and(|n| *n > 1).then_some(*first)).collect()
    }

    /// How many groups there are, those of a single photo included.
    pub fn count(&self) -> usize {
        self.first.iter().enumerate().filter(|(i, first)| i == *first).count()
    }

    /// All groups as lists of indices, each ascending, in order of their first photos.
    pub fn sets(&self) -> Vec<Vec<usize>> {
        let mut place = vec![0; self.first.len()];
        let mut sets: Vec<Vec<usize>> = Vec::new();
        for (i, &first) in self.first.iter().enumerate() {
            if i == first
                && let Some(place) = place.get_mut(i)
            {
                *place = sets.len();
                sets.push(vec![i]);
            } else if let Some(set) = place.get(first).and_then(|place| sets.get_mut(*place)) {
                set.push(i);
            }
        }
        sets
    }

    /// The sets of two and more identical files, as lists of indices, each ascending.
    pub fn duplicates(&self) -> &[Vec<usize>] {
        &self.identical
    }

    /// The sets of identical files that lie under different classes: at least one of the labels is wrong.
    pub fn conflicts(&self, samples: &[Sample]) -> Vec<&[usize]> {
        let label = |i: &usize| samples.get(*i).and_then(|sample| sample.label);
        let differ = |set: &&[usize]| {
            let mut labels = set.iter().filter_map(label);
            labels.next().is_some_and(|first| labels.any(|other| other != first))
        };
        self.identical.iter().map(Vec::as_slice).filter(differ).collect()
    }

    /// The lowest index reached from `i`; makes the way shorter for the next time (union-find with path compression).
    fn root(&mut self, i: usize) -> usize {
        let mut root = i;
        while let Some(&next) = self.first.get(root).filter(|next| **next != root) {
            root = next;
        }
        let mut at = i;
        while let Some(slot) = self.first.get_mut(at).filter(|slot| **slot != root) {
            at = std::mem::replace(slot, root);
        }
        root
    }
}

/// The photo that each patch of SDNET2018 was cut from; none for what is no such patch.
pub fn sdnet_photos(dataset: &Dataset) -> Vec<Option<(Surface, u32)>> {
    // The folder that was opened may be called `.` and still be SDNET2018's `D`.
    let real: Vec<PathBuf> =
        dataset.roots.iter().map(|root| root.canonicalize().unwrap_or_else(|_| root.clone())).collect();
    let really = |path: &Path| {
        let mut roots = dataset.roots.iter().zip(&real);
        roots.find_map(|(root, real)| Some(real.join(path.strip_prefix(root).ok()?)))
    };
    let photo = |sample: &Sample| sdnet_photo(&sample.path).or_else(|| sdnet_photo(&really(&sample.path)?));
    dataset.samples.iter().map(photo).collect()
}

/// Pairs each index with the first one of the same key.
fn alike<K: Eq + Hash>(keys: impl Iterator<Item = Option<K>>) -> Vec<(usize, usize)> {
    let mut first = HashMap::new();
    keys.enumerate().filter_map(|(i, key)| Some((*first.entry(key?).or_insert(i), i))).filter(|(a, b)| a != b).collect()
}

/// The outer result is the user's wish to stop, the inner one the file's fate.
fn content_key(path: &Path, watch: &dyn Watch) -> Result<std::io::Result<ContentKey>> {
    watch.check()?;
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(cause) => return Ok(Err(cause)),
    };
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; 128 << 10];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(Ok(ContentKey(*hasher.finalize().as_bytes()))),
            Ok(n) => hasher.update(buffer.get(..n).unwrap_or_default()),
            Err(cause) if cause.kind() == ErrorKind::Interrupted => continue,
            Err(cause) => return Ok(Err(cause)),
        };
        watch.check()?;
    }
}

#[cfg(test)]
pub(in crate::dataset) mod tests {
    use super::*;
    use crate::dataset::split::{self, SplitConfig, SplitKind};
    use crate::dataset::{Class, Layout, Skipped, scan};
    use crate::job::{Flag, Progress, Unwatched};
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    pub(in crate::dataset) fn dataset(layout: Layout, files: &[&str]) -> Dataset {
        let folder = PathBuf::from("set");
        let samples = files.iter().map(|file| sample(&folder, file, None)).collect();
        Dataset { roots: vec![folder], layout, samples, skipped: Skipped::default(), problems: Vec::new() }
    }

    pub(in crate::dataset) fn sample(folder: &Path, file: &str, label: Option<Class>) -> Sample {
        Sample { file: file.to_owned(), path: folder.join(file), label, ..Sample::default() }
    }

    fn keys(numbers: &[u8]) -> Vec<Option<ContentKey>> {
        numbers.iter().map(|n| (*n > 0).then_some(ContentKey([*n; 32]))).collect()
    }

    #[test]
    fn files_are_known_by_content() {
        let folder = tempfile::tempdir().unwrap();
        let long = vec![7; 300_000];
        for (file, bytes) in [("a.jpg", &b"abc"[..]), ("b.jpg", b""), ("c.png", b"abc"), ("d.jpg", &long)] {
            std::fs::write(folder.path().join(file), bytes).unwrap();
        }
        let samples = ["a.jpg", "gone.jpg", "b.jpg", "c.png", "d.jpg"].map(|file| sample(folder.path(), file, None));
        let Contents { keys, problems } = content_keys(&samples, &Unwatched).unwrap();
        // The published BLAKE3 digest of "abc".
        let abc = "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85";
        assert_eq!(keys[0].unwrap().to_string(), abc);
        assert_eq!(keys[3], keys[0]);
        assert_eq!(keys[4], Some(ContentKey(*blake3::hash(&long).as_bytes())));
        assert_eq!(keys[1], None);
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].file, "gone.jpg");
        assert!(problems[0].reason.starts_with("cannot be read: "), "{:?}", problems[0]);
    }

    /// Stops after some progress, and remembers the last.
    struct Impatient(Flag, Mutex<Option<Progress>>, u64);

    impl Watch for Impatient {
        fn progress(&self, progress: Progress) {
            self.0.set(progress.done >= self.2);
            *self.1.lock().unwrap() = Some(progress);
        }

        fn is_cancelled(&self) -> bool {
            self.0.get()
        }
    }

    #[test]
    fn tells_how_far_it_is_and_can_be_stopped() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.jpg"), b"abc").unwrap();
        let samples = vec![sample(folder.path(), "a.jpg", None); 5];
        let watch = Impatient(Flag::default(), Mutex::default(), u64::MAX);
        content_keys(&samples, &watch).unwrap();
        let last = watch.1.lock().unwrap().unwrap();
        assert_eq!((last.phase, last.done, last.total), (Phase::Hash, 5, Some(5)));
        let watch = Impatient(Flag::default(), Mutex::default(), 0);
        assert!(content_keys(&samples, &watch).unwrap_err().is_cancelled());
    }

    #[test]
    fn groups_duplicates_and_conflicts() {
        let folder = Path::new("x");
        let (positive, negative) = (Some(Class::Positive), Some(Class::Negative));
        let labels = [positive, positive, negative, None, positive, negative, None];
        let samples = labels.map(|label| sample(folder, "a.jpg", label));
        let groups = Groups::identical(&keys(&[1, 2, 1, 0, 2, 0, 2]));
        assert_eq!((0..7).map(|i| groups.group_of(i)).collect::<Vec<_>>(), [0, 1, 0, 3, 1, 5, 1]);
        assert_eq!(groups.count(), 4);
        assert_eq!(groups.duplicates(), [vec![0, 2], vec![1, 4, 6]]);
        assert_eq!(groups.conflicts(&samples), [&[0, 2][..]]);
        let merged = groups.merge_by([(6, 5), (3, 99)]);
        assert_eq!(merged.sets(), [vec![0, 2], vec![1, 4, 5, 6], vec![3]]);
        // What is only alike is no duplicate.
        assert_eq!(merged.duplicates(), [vec![0, 2], vec![1, 4, 6]]);
        assert_eq!(merged.conflicts(&samples).len(), 1);
    }

    #[test]
    fn a_persons_word_holds_but_for_copies() {
        // 0–3 were found together, 4 and 5 are identical, 6 and 7 too.
        let found = Groups::identical(&keys(&[0, 0, 0, 0, 1, 1, 2, 2])).merge_by([(0, 1), (1, 2), (2, 3)]);
        assert_eq!((found.largest(), found.count()), (4, 3));
        let said = [None, Some(None), None, Some(Some(0)), Some(Some(0)), None, Some(None), Some(None)];
        let groups = found.by_hand(&said);
        // 0 and 2 stay together without 1, which held them together; 3 goes to 4, whose copy comes along.
        assert_eq!(groups.sets(), [vec![0, 2], vec![1], vec![3, 4, 5], vec![6, 7]]);
        assert_eq!(groups.duplicates(), [vec![4, 5], vec![6, 7]]);
    }

    #[test]
    fn patches_of_one_photo_belong_together() {
        let files = ["D/CD/7001-1.jpg", "D/UD/7001-2.jpg", "P/UP/7001-3.jpg", "D/UD/7002-1.jpg", "x.jpg", "y.jpg"];
        let folder = PathBuf::from("set");
        let samples = files.map(|file| sample(&folder, file, None)).to_vec();
        let (skipped, problems) = (Skipped::default(), Vec::new());
        let dataset = Dataset { roots: vec![folder], layout: Layout::Sdnet, samples, skipped, problems };
        let groups = Groups::identical(&keys(&[0, 0, 0, 1, 1, 0])).with_sdnet_photos(&dataset);
        assert_eq!(groups.sets(), [vec![0, 1], vec![2], vec![3, 4], vec![5]]);
        assert_eq!(groups.duplicates(), [vec![3, 4]]);
    }

    #[cfg(unix)]
    #[test]
    fn patches_know_the_real_name_of_the_opened_folder() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("D/CD")).unwrap();
        let link = folder.path().join("opened");
        std::os::unix::fs::symlink("D", &link).unwrap();
        let samples = vec![sample(&link, "CD/7001-1.jpg", None), sample(&link, "CD/7001-2.jpg", None)];
        let (skipped, problems) = (Skipped::default(), Vec::new());
        let dataset = Dataset { roots: vec![link], layout: Layout::Sdnet, samples, skipped, problems };
        assert_eq!(Groups::identical(&[None, None]).with_sdnet_photos(&dataset).count(), 1);
    }

    proptest! {
        #[test]
        fn merging_is_the_same_in_any_order(pairs in proptest::collection::vec((0usize..20, 0usize..20), 0..30)) {
            let none = Groups::identical(&vec![None; 20]);
            let groups = none.clone().merge_by(pairs.clone());
            prop_assert_eq!(&groups, &none.clone().merge_by(pairs.iter().rev().map(|(a, b)| (*b, *a))));
            // Against plain flooding.
            for start in 0..20 {
                let mut reached = BTreeSet::from([start]);
                for _ in 0..20 {
                    for (a, b) in &pairs {
                        if reached.contains(a) || reached.contains(b) {
                            reached.extend([*a, *b]);
                        }
                    }
                }
                let same: BTreeSet<_> = (0..20).filter(|i| groups.group_of(*i) == groups.group_of(start)).collect();
                prop_assert_eq!(same, reached);
            }
            prop_assert_eq!(groups.sets().len(), groups.count());
        }
    }

    #[test]
    fn finds_the_identical_photos_of_metu() {
        let Some(shared) = scan::tests::shared("data/metu_identical_files.json") else { return };
        let text = std::fs::read_to_string(&shared).unwrap();
        let known: BTreeSet<BTreeSet<String>> = serde_json::from_str(&text).unwrap();
        let dataset = scan::scan(&shared.with_file_name("metu"), &Unwatched).unwrap();
        let contents = content_keys(&dataset.samples, &Unwatched).unwrap();
        assert_eq!(contents.problems, []);
        let groups = Groups::identical(&contents.keys);
        let name = |i: &usize| dataset.samples[*i].file.clone();
        let found: BTreeSet<BTreeSet<String>> =
            groups.duplicates().iter().map(|set| set.iter().map(name).collect()).collect();
        assert!(!known.is_empty());
        assert_eq!(found, known);
        for kind in [SplitKind::Grouped, SplitKind::Random] {
            let config = SplitConfig { kind, ..SplitConfig::default() };
            let split = split::split(&dataset.samples, &groups, &config).unwrap();
            assert!(groups.duplicates().iter().all(|set| set.iter().all(|i| split.parts[*i] == split.parts[set[0]])));
            let (train, validation) = split.counts();
            assert_eq!(train + validation, 7146);
            assert!((1428..=1431).contains(&validation), "{validation}");
        }
    }
}
