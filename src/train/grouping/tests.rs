use std::path::Path;

use image::{RgbImage, imageops};

use super::*;
use crate::dataset::group::content_keys;
use crate::dataset::sample::concrete;
use crate::dataset::{scan, split};
use crate::job::Unwatched;

fn save(folder: &Path, name: &str, photo: &RgbImage) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    photo.save(path).unwrap();
}

/// Photos under both classes: three of pier 1, a mirrored and an identical copy, and others.
fn photos(folder: &Path) {
    for seed in 0..10 {
        let class = Class::ALL[seed as usize % 2];
        save(folder, &format!("{}/{seed}.png", class.name()), &concrete(64, class, seed));
    }
    for seed in 20..23 {
        let class = Class::ALL[seed as usize % 2];
        save(folder, &format!("{}/pier 1/p{seed}.png", class.name()), &concrete(64, class, seed));
    }
    save(folder, "Positive/copy of 1.png", &concrete(64, Class::Positive, 1));
    save(folder, "Positive/mirrored 3.png", &imageops::flip_horizontal(&concrete(64, Class::Positive, 3)));
}

fn find(folder: &Path, config: &GroupConfig) -> (Dataset, Grouping) {
    let photos = folder.join("photos");
    let dataset = scan::scan(&photos, &Unwatched).unwrap();
    let keys = content_keys(&dataset.samples, &Unwatched).unwrap().keys;
    let grouping = Grouping::find(&dataset, &keys, config, &Places::below(folder), &Unwatched).unwrap();
    (dataset, grouping)
}

fn named(dataset: &Dataset, grouping: &Grouping) -> Vec<(Vec<String>, Vec<&'static str>)> {
    let name = |i: &usize| dataset.samples[*i].file.clone();
    let named = |set: &Vec<usize>| {
        (set.iter().map(name).collect(), grouping.reasons(set).iter().map(|reason| reason.name()).collect())
    };
    grouping.sets().iter().map(named).collect()
}

#[test]
fn groups_come_with_their_reasons() {
    let folder = tempfile::tempdir().unwrap();
    photos(&folder.path().join("photos"));
    let (dataset, grouping) = find(folder.path(), &GroupConfig::default());
    let owned = |files: &[&str]| files.iter().map(|file| (*file).to_owned()).collect::<Vec<_>>();
    let piers = owned(&["Negative/pier 1/p20.png", "Negative/pier 1/p22.png", "Positive/pier 1/p21.png"]);
    let expected = [
        (piers, vec!["folders"]),
        (owned(&["Positive/1.png", "Positive/copy of 1.png"]), vec!["identical"]),
        (owned(&["Positive/3.png", "Positive/mirrored 3.png"]), vec!["near-copies"]),
    ];
    assert_eq!(named(&dataset, &grouping), expected);
    assert_eq!(grouping.twins.len(), 1);
    assert_eq!(grouping.twins[0].turn.name(), "mirrored");
    assert!(grouping.has_groups() && grouping.conflicts(&dataset).is_empty());

    let none = GroupConfig { by: BTreeSet::new(), ..GroupConfig::default() };
    let (dataset, grouping) = find(folder.path(), &none);
    assert_eq!(named(&dataset, &grouping).len(), 1, "identical files stay together");
    assert!(!grouping.has_groups());
    // What does not count is counted all the same.
    assert_eq!(grouping.found.iter().map(|found| found.groups).collect::<Vec<_>>(), [1, 0, 1, 0, 1, 0, 0]);
}

#[test]
fn a_table_holds_and_a_runs_own_table_makes_the_same_groups() {
    let folder = tempfile::tempdir().unwrap();
    photos(&folder.path().join("photos"));
    let (dataset, found) = find(folder.path(), &GroupConfig::default());
    let table = folder.path().join("groups.csv");
    std::fs::write(&table, found.to_csv(&dataset).unwrap()).unwrap();
    let by_table = GroupConfig { by: BTreeSet::new(), file: Some(table.clone()), ..GroupConfig::default() };
    let (_, again) = find(folder.path(), &by_table);
    assert_eq!(again.groups, found.groups);
    assert_eq!(again.record(&dataset).digest, found.record(&dataset).digest);

    let text = "file,group\nPositive/3.png,\nPositive/5.png,site\nNegative/0.png,site\nPositive/gone.png,site\n";
    std::fs::write(&table, text).unwrap();
    let (dataset, edited) = find(folder.path(), &GroupConfig { file: Some(table.clone()), ..GroupConfig::default() });
    let sets = named(&dataset, &edited);
    assert_eq!(sets.len(), 3);
    assert!(sets.contains(&(vec!["Negative/0.png".into(), "Positive/5.png".into()], vec!["by-hand"])), "{sets:?}");
    assert!(edited.found.last().unwrap().note.as_deref().unwrap() == "Not there: 1 photo that the table names");
    assert_ne!(edited.record(&dataset).digest, found.record(&dataset).digest);
    std::fs::write(&table, "x\n").unwrap();
    let keys = vec![None; dataset.samples.len()];
    let config = GroupConfig { file: Some(table), ..GroupConfig::default() };
    assert!(Grouping::find(&dataset, &keys, &config, &Places::below(folder.path()), &Unwatched).is_err());
}

#[test]
fn what_would_make_one_group_of_nearly_all_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    for seed in 0..8 {
        let class = Class::ALL[seed as usize % 2];
        save(&folder.path().join("photos"), &format!("{}/all/{seed}.png", class.name()), &concrete(32, class, seed));
    }
    let (_, grouping) = find(folder.path(), &GroupConfig::default());
    let folders = grouping.found.iter().find(|found| found.reason == Reason::Found(Source::Folders)).unwrap();
    assert_eq!((folders.on, folders.photos), (false, 8));
    assert_eq!(folders.note.as_deref(), Some("Left out: one group would hold 100 % of the photos"));
    assert_eq!(grouping.groups.count(), 8);
}

#[test]
fn lists_of_sources_read_back() {
    for list in ["none", "sdnet,folders,time,near-copies,numbers", "time,numbers"] {
        assert_eq!(list.parse::<Sources>().unwrap().to_string(), list);
    }
    assert_eq!(" numbers, time ,".parse::<Sources>().unwrap().to_string(), "time,numbers");
    let error = "colour".parse::<Sources>().unwrap_err();
    assert_eq!(error.title(), "Photos cannot be grouped by “colour”");
    assert!(error.advice().unwrap().contains("near-copies"));
    assert!(GroupConfig { time_gap: f64::NAN, ..GroupConfig::default() }.validate().is_err());
}

/// The shared photos, where they are there: all exact copies are found, near copies too, and nothing across classes.
#[test]
fn copies_of_metu_are_found_and_nothing_across_classes() {
    let root = std::env::var_os("CRACKSCOPE_SHARED")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared")), PathBuf::from);
    let known = root.join("data/metu_identical_files.json");
    if !known.exists() {
        eprintln!("skipped: no {}", known.display());
        return;
    }
    let known: BTreeSet<BTreeSet<String>> = serde_json::from_str(&std::fs::read_to_string(known).unwrap()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let dataset = scan::scan(&root.join("data/metu"), &Unwatched).unwrap();
    let keys = content_keys(&dataset.samples, &Unwatched).unwrap().keys;
    let places = Places::below(folder.path());
    let grouping = Grouping::find(&dataset, &keys, &GroupConfig::default(), &places, &Unwatched).unwrap();
    let name = |i: &usize| dataset.samples[*i].file.clone();
    let found: BTreeSet<BTreeSet<String>> =
        grouping.groups.duplicates().iter().map(|set| set.iter().map(name).collect()).collect();
    assert_eq!(found, known);
    assert!(grouping.twins.len() >= 200, "{}", grouping.twins.len());
    assert!(grouping.conflicts(&dataset).is_empty(), "{:?}", grouping.conflicts(&dataset));
    let classes = |set: &Vec<usize>| set.iter().map(|i| dataset.samples[*i].label).collect::<BTreeSet<_>>().len();
    assert!(grouping.sets().iter().all(|set| classes(set) == 1));
    assert!(grouping.groups.largest() < 500, "{}", grouping.groups.largest());
    let split = split::split(&dataset.samples, &grouping.groups, &split::SplitConfig::default()).unwrap();
    assert!((1400..1460).contains(&split.counts().1), "{:?}", split.counts());
}
