//! Which misclassified photos are copied, and what the copies are called.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::review::predictions::{Outcome, Prediction};
use crate::review::threshold::Threshold;

/// The folder of the photos that a person is to decide on.
pub const UNSURE: &str = "unsure";

/// The longest name of a copy, in bytes: what common file systems take, less some for a suffix.
const MAX_NAME: usize = 200;

/// A photo to copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copy {
    /// What tables call the photo.
    pub file: String,
    /// Where it lies.
    pub from: PathBuf,
    /// Where the copy goes, relative to the folder of the export: `false_negative/06677.jpg`.
    pub to: PathBuf,
}

/// The copies of `wrong`, sorted into a folder for each kind of error and one for those that a person is to decide on. Each keeps its photo's name where that is
/// free; photos of the same name are told apart by the folders that they come from. The order of `wrong` has no
/// influence on the names.
pub fn plan(wrong: &[Prediction], threshold: impl Into<Threshold>) -> Vec<Copy> {
    let threshold = threshold.into();
    let mut by_outcome: BTreeMap<&'static str, Vec<&Prediction>> = BTreeMap::new();
    for prediction in wrong {
        if threshold.is_unsure(prediction.p_positive) {
            by_outcome.entry(UNSURE).or_default().push(prediction);
        } else if let Some(outcome) = prediction.outcome(threshold).filter(|outcome| !outcome.is_correct()) {
            by_outcome.entry(outcome.name()).or_default().push(prediction);
        }
    }
    let copies = by_outcome.into_iter().flat_map(|(folder, mut photos)| {
        photos.sort_by(|a, b| a.file.cmp(&b.file));
        let names = unique_names(&photos.iter().map(|photo| photo.file.as_str()).collect::<Vec<_>>());
        photos.into_iter().zip(names).map(move |(photo, name)| Copy {
            file: photo.file.clone(),
            from: photo.path.clone(),
            to: Path::new(folder).join(name),
        })
    });
    copies.collect()
}

/// The folders that [`plan`] sorts into.
pub fn folders() -> [&'static str; 3] {
    [Outcome::FalsePositive.name(), Outcome::FalseNegative.name(), UNSURE]
}

/// A name for each of `files`, no two alike even where case does not count.
pub(super) fn unique_names(files: &[&str]) -> Vec<String> {
    let base = |file: &str| safe_name(file.rsplit('/').next().unwrap_or(file));
    let mut uses: BTreeMap<String, usize> = BTreeMap::new();
    for file in files {
        *uses.entry(base(file).to_lowercase()).or_default() += 1;
    }
    let wanted = |file: &str| {
        let base = base(file);
        if uses.get(&base.to_lowercase()).is_some_and(|n| *n > 1) { safe_name(&file.replace('/', "_")) } else { base }
    };
    // Names that nobody contends for are given first, so that no number is put on them.
    let mut taken: BTreeMap<String, usize> = BTreeMap::new();
    let mut names: Vec<String> = files.iter().map(|file| wanted(file)).collect();
    for name in &names {
        *taken.entry(name.to_lowercase()).or_default() += 1;
    }
    for name in &mut names {
        if taken.get(&name.to_lowercase()).is_some_and(|n| *n > 1) {
            let free = (2..).map(|n| numbered(name, n)).find(|name| !taken.contains_key(&name.to_lowercase()));
            if let Some(free) = free {
                taken.entry(name.to_lowercase()).and_modify(|n| *n -= 1);
                taken.insert(free.to_lowercase(), 1);
                *name = free;
            }
        }
    }
    names
}

fn numbered(name: &str, n: usize) -> String {
    let (stem, extension) = split_extension(name);
    format!("{stem} ({n}){extension}")
}

/// The name without what common file systems refuse, no longer than they take, with its extension.
fn safe_name(name: &str) -> String {
    let refused = |c: char| c.is_control() || "<>:\"/\\|?*".contains(c);
    let clean: String = name.chars().map(|c| if refused(c) { '_' } else { c }).collect();
    let clean = clean.trim().trim_end_matches(['.', ' ']);
    let (stem, extension) = split_extension(clean);
    let room = MAX_NAME - extension.len().min(MAX_NAME);
    let end = (0..=room.min(stem.len())).rev().find(|end| stem.is_char_boundary(*end)).unwrap_or(0);
    let stem = stem.get(..end).unwrap_or_default();
    match stem {
        // A leading point would hide the copy, and `..` would leave the folder.
        _ if stem.is_empty() || stem.starts_with('.') => format!("_{}{extension}", stem.trim_start_matches('.')),
        _ if is_reserved(stem) => format!("{stem}_{extension}"),
        _ => format!("{stem}{extension}"),
    }
}

/// The name up to its last point, and the rest with the point. What is too long for an extension is none.
fn split_extension(name: &str) -> (&str, &str) {
    match name.rfind('.') {
        Some(at) if at > 0 && name.len() - at <= 16 => name.split_at(at),
        _ => (name, ""),
    }
}

/// Whether Windows keeps the name for a device.
fn is_reserved(stem: &str) -> bool {
    let upper = stem.split('.').next().unwrap_or(stem).trim_end().to_uppercase();
    let is_port = |kind: &str| upper.strip_prefix(kind).is_some_and(|n| n.len() == 1 && "123456789".contains(n));
    matches!(upper.as_str(), "CON" | "PRN" | "AUX" | "NUL") || is_port("COM") || is_port("LPT")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Class;
    use crate::dataset::split::Part;

    fn wrong(file: &str, truth: Class) -> Prediction {
        let p_positive = if truth == Class::Positive { 0.1 } else { 0.9 };
        Prediction {
            sample: 0,
            file: file.into(),
            path: Path::new("/photos").join(file),
            part: Some(Part::Validation),
            truth: Some(truth),
            p_positive,
            group: None,
        }
    }

    fn targets(files: &[&str]) -> Vec<String> {
        let predictions: Vec<_> = files.iter().map(|file| wrong(file, Class::Negative)).collect();
        plan(&predictions, 0.5).iter().map(|c| c.to.to_string_lossy().replace('\\', "/")).collect()
    }

    #[test]
    fn misses_and_false_alarms_have_a_folder_each() {
        let mut right = wrong("c.jpg", Class::Positive);
        right.p_positive = 0.9;
        let all = [wrong("x/a.jpg", Class::Positive), wrong("y/b.jpg", Class::Negative), right];
        let copies = plan(&all, 0.5);
        assert_eq!(copies.len(), 2);
        assert_eq!(copies[0].to, Path::new("false_negative/a.jpg"));
        assert_eq!(
            copies[1],
            Copy { file: "y/b.jpg".into(), from: "/photos/y/b.jpg".into(), to: "false_positive/b.jpg".into() }
        );
    }

    #[test]
    fn photos_of_one_name_are_told_apart_also_where_case_does_not_count() {
        assert_eq!(
            targets(&["a/1.jpg", "b/1.JPG", "b/2.jpg"]),
            ["false_positive/a_1.jpg", "false_positive/b_1.JPG", "false_positive/2.jpg"]
        );
        // The longer names collide again.
        let names = targets(&["a/b_1.jpg", "a_b/1.jpg", "a/b/1.jpg", "a_b_1.jpg"]);
        let mut lower: Vec<_> = names.iter().map(|name| name.to_lowercase()).collect();
        lower.sort();
        lower.dedup();
        assert_eq!(lower.len(), 4, "{names:?}");
        assert!(names.iter().all(|name| name.ends_with(".jpg")), "{names:?}");
    }

    #[test]
    fn the_order_of_photos_does_not_change_their_names() {
        let files = ["a/1.jpg", "b/1.jpg", "a_1.jpg", "c/2.jpg"];
        let mut reversed = files;
        reversed.reverse();
        assert_eq!(targets(&files), targets(&reversed));
    }

    #[test]
    fn names_stay_within_the_folder_and_are_taken_everywhere() {
        for (name, expected) in [
            ("..", "_"),
            ("../../etc/passwd", "__.._etc_passwd"),
            (".hidden.jpg", "_hidden.jpg"),
            ("C:\\photos\\1.jpg", "C__photos_1.jpg"),
            ("a?b*\n.png", "a_b__.png"),
            ("nul.jpg", "nul_.jpg"),
            ("COM1.tar.png", "COM1.tar_.png"),
            ("wall. ", "wall"),
            ("Brücke ひび.webp", "Brücke ひび.webp"),
            ("", "_"),
        ] {
            assert_eq!(safe_name(name), expected);
        }
        let long = safe_name(&format!("{}.jpeg", "ひ".repeat(300)));
        assert!(long.len() <= MAX_NAME && long.ends_with("ひ.jpeg"), "{long}");
    }
}
