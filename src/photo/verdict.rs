//! What is right or wrong with a folder of photos, before anything is trained on it.

use serde::Serialize;

use super::INPUT_SIZE;
use super::check::Checked;
use crate::dataset::group::Groups;
use crate::dataset::known::{PartFound, Recognised, recognise};
use crate::dataset::{Class, Dataset};
use crate::format;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Weight {
    /// As it should be.
    Good,
    /// Worth knowing.
    Note,
    /// Something to do something about.
    Warning,
}

/// One thing about a folder of photos.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How much it matters.
    pub weight: Weight,
    /// What it is, in one sentence without a full stop.
    pub text: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

/// What is to be said of a folder of photos.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// The published data set that it is, or is a part of.
    pub data_set: Option<&'static str>,
    /// Whether all of that is there, and nothing else.
    pub complete: Option<bool>,
    /// Whether it can be trained on: there are photos of both classes.
    pub trainable: bool,
    /// What was found; the last one says what can be done with the folder.
    pub findings: Vec<Finding>,
}

/// What opening the photos showed.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// Sizes, and photos that cannot be read.
    pub checked: &'a Checked,
    /// Identical files, where they were looked for.
    pub groups: Option<&'a Groups>,
}

/// More photos of one class than so many times those of the other are lopsided.
const LOPSIDED: usize = 4;
/// Fewer photos of a class teach little.
const FEW: usize = 20;
/// In photos with a side shorter than this there is nothing to be seen.
const TINY: u32 = 32;

/// Judges a folder by its names, and by its photos where they were opened.
pub fn judge(dataset: &Dataset, seen: Option<Seen<'_>>) -> Verdict {
    let known = recognise(dataset);
    let mut findings = Findings::default();
    if let Some(known) = &known {
        findings.of_known(known);
    }
    findings.of_labels(dataset);
    if let Some(Seen { checked, groups }) = seen {
        findings.of_photos(checked, known.as_ref());
        if let Some(groups) = groups {
            findings.of_copies(groups, dataset);
        }
    }
    let trainable = Class::ALL.into_iter().all(|class| dataset.count(class) > 0);
    findings.conclusion(dataset, trainable);
    Verdict {
        data_set: known.as_ref().map(|known| known.set.name),
        complete: known.as_ref().map(Recognised::is_complete),
        trainable,
        findings: findings.0,
    }
}

#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, weight: Weight, text: String, advice: Option<&str>) {
        self.0.push(Finding { weight, text, advice: advice.map(str::to_owned) });
    }

    fn note(&mut self, text: String) {
        self.add(Weight::Note, text, None);
    }

    fn warn(&mut self, text: String, advice: &str) {
        self.add(Weight::Warning, text, Some(advice));
    }

    /// Whether a published data set is whole.
    fn of_known(&mut self, known: &Recognised) {
        if known.is_complete() {
            return self.add(Weight::Good, known.summary(), None);
        }
        let too_many = known.parts.iter().any(|part| part.found > part.part.photos);
        let download = format!("a part will do to train on; all of it: {}", known.set.source);
        let twice = "is it there twice, in folders within each other? Then open the inner one, or remove one";
        self.add(Weight::Note, known.summary(), Some(if too_many { twice } else { &download }));
        for part in &known.parts {
            if let Some(missing) = part.missing_text().filter(|_| part.found > 0) {
                self.note(format!("{} lacks the numbers {missing}", part.part.name));
            }
            self.of_folders(part);
        }
        if let Some(first) = known.strangers.first() {
            let (count, name) = (format::photos(known.strangers.len()), known.set.name);
            self.note(format!("{count} with names that {name} does not have, the first of them {first}"));
        }
    }

    fn of_folders(&mut self, found: &PartFound) {
        if found.folders.len() > 1 {
            let shown = found.folders.iter().take(3).map(String::as_str).collect::<Vec<_>>().join(", ");
            let more = if found.folders.len() > 3 { ", …" } else { "" };
            let (name, count) = (found.part.name, found.folders.len());
            self.note(format!("Photos of {name} lie in {count} folders: {shown}{more}"));
        }
    }

    fn of_labels(&mut self, dataset: &Dataset) {
        let [intact, cracked] = Class::ALL.map(|class| dataset.count(class));
        let unlabelled = dataset.samples.len() - dataset.labelled();
        if dataset.samples.is_empty() {
            return;
        }
        if unlabelled > 0 && dataset.labelled() > 0 {
            self.note(format!("{} without a label: left out in training", format::photos(unlabelled)));
        }
        for (count, other, class) in [(cracked, intact, Class::Positive), (intact, cracked, Class::Negative)] {
            let word = class.word();
            if count == 0 && other > 0 {
                let advice = format!("both are needed: is there a folder {} that was not opened?", class.name());
                self.warn(format!("No photo is labelled {word}"), &advice);
            } else if (1..FEW).contains(&count) {
                self.note(format!("Only {} labelled {word}", format::counted(count, "photo is", "photos are")));
            }
        }
        let (more, fewer) = (cracked.max(intact), cracked.min(intact));
        if fewer > 0 && more > LOPSIDED * fewer {
            let text = format!("{} cracked to {} intact", format::count(cracked as u64), format::count(intact as u64));
            let advice = "let both count alike in training: --balance-classes, or the box in the tab Train";
            self.add(Weight::Note, text, Some(advice));
        }
    }

    fn of_photos(&mut self, checked: &Checked, known: Option<&Recognised>) {
        if !checked.problems.is_empty() {
            let count = checked.problems.len();
            let text = format!("{} cannot be read", format::photos(count));
            self.warn(text, "they are left out; what is cut short or damaged can be copied or downloaded again");
        }
        let sum = |wanted: &dyn Fn(u32, u32) -> bool| -> usize {
            checked.sizes.iter().filter(|((w, h), _)| wanted(*w, *h)).map(|(_, count)| count).sum()
        };
        if let Some(set) = known.map(|known| known.set) {
            // Tensors of the set are of the network's size.
            let side = |w, h| w == h && (w == set.side || w as usize == INPUT_SIZE);
            match sum(&|w, h| !side(w, h)) {
                0 if checked.sizes.is_empty() => {}
                0 => {
                    let sizes: Vec<_> = checked.sizes.keys().map(|(w, h)| format!("{w} × {h}")).collect();
                    let text = format!("Every photo that can be read has {} pixels", sizes.join(" or "));
                    self.add(Weight::Good, text, None);
                }
                odd => {
                    let text = format!("{} of another size than {} × {}", format::photos(odd), set.side, set.side);
                    self.warn(text, "were they changed, or do they come from elsewhere?");
                }
            }
        } else if checked.sizes.len() > 1 {
            let sizes = format::count(checked.sizes.len() as u64);
            self.note(format!("{sizes} sizes; each photo is resized to {INPUT_SIZE} × {INPUT_SIZE} for the network"));
        }
        let tiny = sum(&|w, h| w.min(h) < TINY);
        if tiny > 0 {
            let text = format!("{} with a side below {TINY} pixels", format::photos(tiny));
            self.warn(text, "there is hardly anything to be seen in them: remove them, or give them no label");
        }
    }

    fn of_copies(&mut self, groups: &Groups, dataset: &Dataset) {
        let copies: usize = groups.duplicates().iter().map(|set| set.len() - 1).sum();
        if copies > 0 {
            let text = format!("{} of others", format::counted(copies, "exact copy", "exact copies"));
            self.add(Weight::Note, text, Some("they do no harm: copies stay on one side of the split"));
        }
        let conflicts = groups.conflicts(&dataset.samples).len();
        if conflicts > 0 {
            let text =
                format!("{} under both labels", format::counted(conflicts, "photo is there", "photos are there"));
            self.warn(text, "one of the labels is wrong: look at them, and remove the wrong copies");
        }
    }

    fn conclusion(&mut self, dataset: &Dataset, trainable: bool) {
        let problems = dataset.problems.len();
        if problems > 0 {
            let text = format!("{} while listing", format::counted(problems, "problem", "problems"));
            self.warn(text, "see the list of problems");
        }
        let [intact, cracked] = Class::ALL.map(|class| format::count(dataset.count(class) as u64));
        if dataset.samples.is_empty() {
            self.warn("There are no photos".to_owned(), "open a folder or .zip that holds some, at any depth");
        } else if trainable {
            self.add(Weight::Good, format!("Ready to train on: {cracked} cracked, {intact} intact"), None);
        } else if dataset.labelled() == 0 {
            let advice =
                "to train on them, put them into folders named Positive and Negative, or add a labels.csv (file,label)";
            self.add(Weight::Note, "No photo has a label: they can be classified".to_owned(), Some(advice));
        } else {
            self.note("Cannot be trained on; the photos can be classified".to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{Layout, Problem, Sample, Skipped};

    fn dataset(cracked: usize, intact: usize, unlabelled: usize) -> Dataset {
        let labels = [(Some(Class::Positive), cracked), (Some(Class::Negative), intact), (None, unlabelled)];
        let sample = |(i, label): (usize, Option<Class>)| {
            let file = format!("photo-{i}.jpg");
            Sample { path: file.clone().into(), file, label, bytes: 1, ..Sample::default() }
        };
        let all = labels.into_iter().flat_map(|(label, count)| std::iter::repeat_n(label, count));
        let (roots, layout, problems) = (vec!["x".into()], Layout::ClassFolders, Vec::new());
        Dataset { roots, layout, samples: all.enumerate().map(sample).collect(), skipped: Skipped::default(), problems }
    }

    fn texts(verdict: &Verdict, weight: Weight) -> Vec<&str> {
        verdict.findings.iter().filter(|f| f.weight == weight).map(|f| f.text.as_str()).collect()
    }

    #[test]
    fn a_sound_folder_is_ready() {
        let verdict = judge(&dataset(30, 40, 0), None);
        assert!(verdict.trainable && verdict.data_set.is_none() && verdict.complete.is_none());
        assert_eq!(texts(&verdict, Weight::Good), ["Ready to train on: 30 cracked, 40 intact"]);
        assert_eq!(verdict.findings.len(), 1);
    }

    #[test]
    fn what_stands_in_the_way_of_training_is_told_with_advice() {
        let one_class = judge(&dataset(30, 0, 5), None);
        assert!(!one_class.trainable);
        assert_eq!(texts(&one_class, Weight::Warning), ["No photo is labelled intact"]);
        assert!(one_class.findings.iter().any(|f| f.advice.as_deref().is_some_and(|a| a.contains("Negative"))));
        assert_eq!(texts(&one_class, Weight::Note)[0], "5 photos without a label: left out in training");
        let unlabelled = judge(&dataset(0, 0, 5), None);
        assert_eq!(texts(&unlabelled, Weight::Note), ["No photo has a label: they can be classified"]);
        assert_eq!(texts(&judge(&dataset(0, 0, 0), None), Weight::Warning), ["There are no photos"]);
        let lopsided = judge(&dataset(1, 41, 0), None);
        assert_eq!(texts(&lopsided, Weight::Note), ["Only 1 photo is labelled cracked", "1 cracked to 41 intact"]);
    }

    #[test]
    fn opened_photos_tell_more() {
        let folder = tempfile::tempdir().unwrap();
        let mut photos = dataset(30, 30, 0);
        for (i, sample) in photos.samples.iter_mut().enumerate() {
            sample.path = folder.path().join(&sample.file);
            std::fs::write(&sample.path, [(i % 58) as u8]).unwrap();
        }
        let problem = Problem { file: "photo-1.jpg".into(), reason: "empty file".into() };
        let sizes = [((227, 227), 57), ((1, 1), 1), ((2000, 8), 1)].into();
        let checked = Checked { sizes, problems: vec![problem] };
        let contents = crate::dataset::group::content_keys(&photos.samples, &crate::job::Unwatched).unwrap();
        let groups = Groups::identical(&contents.keys);
        let verdict = judge(&photos, Some(Seen { checked: &checked, groups: Some(&groups) }));
        let warnings =
            ["1 photo cannot be read", "2 photos with a side below 32 pixels", "2 photos are there under both labels"];
        assert_eq!(texts(&verdict, Weight::Warning), warnings);
        let notes = ["3 sizes; each photo is resized to 224 × 224 for the network", "2 exact copies of others"];
        assert_eq!(texts(&verdict, Weight::Note), notes);
        assert!(verdict.trainable);
    }
}
