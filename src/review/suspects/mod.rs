//! Photos to look at again: those whose label the others contradict, twins with different labels, those that are hard to
//! tell, and those that are bad themselves.
//!
//! [`evidence`] is gathered once from the features; [`rank`] orders it, and is called again when a label changes.

pub mod confident;
pub mod evidence;
mod flaws;

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use serde::Serialize;

use self::confident::Judged;
pub use self::evidence::{Evidence, gather};
use crate::dataset::{Class, Dataset};
use crate::error::{Context, Result};

/// A photo nearer than this to one half is hard to tell.
const UNSURE: f32 = 0.2;

/// Why a photo is suspect, in the order in which suspects are ranked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The other photos contradict its label.
    Label,
    /// Another photo shows the same and is labelled otherwise.
    Twin,
    /// It is hard to tell what it shows.
    Unsure,
    /// It is blurred.
    Blurred,
    /// It is dark.
    Dark,
    /// It is burnt out.
    BurntOut,
    /// Its size is not that of the others.
    OddSize,
    /// The same file is there a second time.
    Duplicate,
}

impl Kind {
    /// All kinds with their names and what they mean, in order.
    pub const ALL: [(Self, &str, &str); 8] = [
        (Self::Label, "Wrong label?", "The other photos contradict the label"),
        (Self::Twin, "Twins at odds", "Photos of the same spot with different labels"),
        (Self::Unsure, "Unsure", "Hard to tell what they show, the hardest first"),
        (Self::Blurred, "Blurred", "More blurred than the others"),
        (Self::Dark, "Dark", "Hardly any light"),
        (Self::BurntOut, "Burnt out", "White where something should be seen"),
        (Self::OddSize, "Odd size", "Not of the size that the others have"),
        (Self::Duplicate, "Duplicates", "The same file once more, with the same label"),
    ];

    /// The name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Label => "label",
            Self::Twin => "twin",
            Self::Unsure => "unsure",
            Self::Blurred => "blurred",
            Self::Dark => "dark",
            Self::BurntOut => "burnt_out",
            Self::OddSize => "odd_size",
            Self::Duplicate => "duplicate",
        }
    }
}

/// A photo to look at again.
#[derive(Clone, Debug, PartialEq)]
pub struct Suspect {
    /// Its number in the data set.
    pub photo: usize,
    /// Why.
    pub kind: Kind,
    /// The label that it should have, where another is suggested.
    pub suggested: Option<Class>,
    /// Probability of being cracked, by heads that have not seen it and by its neighbours.
    pub p_positive: Option<f32>,
    /// From 0 to 1, among those of its kind: the higher, the more suspect.
    pub score: f32,
    /// Why, in a few words.
    pub reason: String,
    /// The other photo of the pair, where there is one.
    pub other: Option<usize>,
}

/// The suspects, kind by kind, the most suspect first. A photo may be suspect for several reasons. Only photos with a
/// label in force are judged by their label; all are judged by their quality.
pub fn rank(dataset: &Dataset, evidence: &Evidence) -> Vec<Suspect> {
    let label = |photo: usize| dataset.samples.get(photo).and_then(|sample| sample.label);
    let judged: Vec<Judged> = evidence
        .p_positive
        .iter()
        .enumerate()
        .filter_map(|(photo, p)| Some(Judged { photo, label: label(photo)?, p_positive: (*p)? }))
        .collect();
    let mut found = contradicted(&judged);
    found.extend(twins(dataset, evidence));
    let known: HashSet<usize> = found.iter().map(|suspect| suspect.photo).collect();
    found.extend(unsure(&judged).into_iter().filter(|suspect| !known.contains(&suspect.photo)));
    found.extend(flaws::flaws(&evidence.quality));
    found.extend(duplicates(dataset, evidence));
    found.sort_by(|a, b| a.kind.cmp(&b.kind).then_with(|| within(a, b)));
    found
}

fn within(a: &Suspect, b: &Suspect) -> Ordering {
    b.score.total_cmp(&a.score).then(a.photo.cmp(&b.photo))
}

fn contradicted(judged: &[Judged]) -> Vec<Suspect> {
    let found = confident::contradicted(judged);
    let confident = Judged::of_label;
    found
        .iter()
        .map(|judged| Suspect {
            photo: judged.photo,
            kind: Kind::Label,
            suggested: Some(judged.other()),
            p_positive: Some(judged.p_positive),
            score: 1.0 - confident(judged),
            reason: format!(
                "labelled {}, looks {} ({:.0} %)",
                judged.label.word(),
                judged.other().word(),
                100.0 * (1.0 - judged.of_label())
            ),
            other: None,
        })
        .collect()
}

fn unsure(judged: &[Judged]) -> Vec<Suspect> {
    let unsure = judged.iter().filter(|judged| (judged.p_positive - 0.5).abs() < UNSURE);
    unsure
        .map(|judged| Suspect {
            photo: judged.photo,
            kind: Kind::Unsure,
            suggested: None,
            p_positive: Some(judged.p_positive),
            score: 1.0 - 2.0 * (judged.p_positive - 0.5).abs(),
            reason: format!("cracked with {:.0} %", 100.0 * judged.p_positive),
            other: None,
        })
        .collect()
}

/// Both photos of each pair with different labels. A photo in several pairs is named once, with its nearest twin.
fn twins(dataset: &Dataset, evidence: &Evidence) -> Vec<Suspect> {
    let mut nearest: HashMap<usize, Suspect> = HashMap::new();
    for &(a, b, distance) in &evidence.twins {
        let sample = |photo: usize| Some((dataset.samples.get(photo)?, dataset.samples.get(photo)?.label?));
        let (Some(first), Some(second)) = (sample(a), sample(b)) else { continue };
        if first.1 == second.1 {
            continue;
        }
        for (photo, other, (sample, label)) in [(a, b, second), (b, a, first)] {
            let p_positive = evidence.p_positive.get(photo).copied().flatten();
            let suspect = Suspect {
                photo,
                kind: Kind::Twin,
                suggested: suggestion(label, p_positive),
                p_positive,
                score: 1.0 - distance,
                reason: format!("{} is labelled {}", sample.file, label.word()),
                other: Some(other),
            };
            if nearest.get(&photo).is_none_or(|known| suspect.score > known.score) {
                nearest.insert(photo, suspect);
            }
        }
    }
    nearest.into_values().collect()
}

/// The twin's label, where the other photos are of its opinion.
fn suggestion(of_twin: Class, p_positive: Option<f32>) -> Option<Class> {
    p_positive.map(|p| Class::predicted(p, 0.5)).filter(|class| *class == of_twin)
}

/// All but the first of each set of identical files with one label.
fn duplicates(dataset: &Dataset, evidence: &Evidence) -> Vec<Suspect> {
    let mut found = Vec::new();
    for set in &evidence.identical {
        let Some((&first, rest)) = set.split_first() else { continue };
        let Some(original) = dataset.samples.get(first) else { continue };
        for &photo in rest {
            if dataset.samples.get(photo).is_some_and(|sample| sample.label == original.label) {
                found.push(Suspect {
                    photo,
                    kind: Kind::Duplicate,
                    suggested: None,
                    p_positive: evidence.p_positive.get(photo).copied().flatten(),
                    score: 1.0,
                    reason: format!("the same file as {}", original.file),
                    other: Some(first),
                });
            }
        }
    }
    found
}

/// One line of the table of suspects.
#[derive(Debug, Serialize)]
pub struct Row<'a> {
    /// The photo's name in the data set.
    pub file: &'a str,
    /// Its label.
    pub label: Option<&'static str>,
    /// The label that it should have, where another is suggested.
    pub suggested: Option<&'static str>,
    /// Probability of being cracked.
    pub p_positive: Option<f32>,
    /// Why it is suspect.
    pub kind: &'static str,
    /// How suspect it is, among those of its kind.
    pub score: f32,
    /// Why, in words.
    pub reason: &'a str,
}

/// The suspects as lines of a table.
pub fn rows<'a>(dataset: &'a Dataset, suspects: &'a [Suspect]) -> Vec<Row<'a>> {
    let row = |suspect: &'a Suspect| {
        let sample = dataset.samples.get(suspect.photo)?;
        Some(Row {
            file: &sample.file,
            label: sample.label.map(Class::name),
            suggested: suspect.suggested.map(Class::name),
            p_positive: suspect.p_positive,
            kind: suspect.kind.name(),
            score: suspect.score,
            reason: &suspect.reason,
        })
    };
    suspects.iter().filter_map(row).collect()
}

/// The suspects as CSV: `file,label,suggested,p_positive,kind,score,reason`.
///
/// # Errors
/// Where a row cannot be written, which does not happen in memory.
pub fn to_csv(dataset: &Dataset, suspects: &[Suspect]) -> Result<Vec<u8>> {
    const FAILED: &str = "Cannot write the table of suspects";
    let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
    let header = ["file", "label", "suggested", "p_positive", "kind", "score", "reason"];
    writer.write_record(header).context(FAILED)?;
    for row in rows(dataset, suspects) {
        writer.serialize(row).context(FAILED)?;
    }
    writer.into_inner().map_err(|e| e.into_error()).context(FAILED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{Layout, Sample, Skipped};
    use Class::{Negative as N, Positive as P};

    fn dataset(labels: &[Option<Class>]) -> Dataset {
        let sample = |(i, label): (usize, &Option<Class>)| Sample {
            file: format!("{i}, photo.jpg"),
            path: format!("{i}").into(),
            label: *label,
            bytes: 1,
            ..Sample::default()
        };
        Dataset {
            roots: vec![],
            layout: Layout::LabelsCsv,
            samples: labels.iter().enumerate().map(sample).collect(),
            skipped: Skipped::default(),
            problems: vec![],
        }
    }

    fn evidence(p: &[f32]) -> Evidence {
        Evidence { p_positive: p.iter().map(|p| Some(*p)).collect(), ..Evidence::default() }
    }

    fn named(suspects: &[Suspect]) -> Vec<(usize, Kind)> {
        suspects.iter().map(|suspect| (suspect.photo, suspect.kind)).collect()
    }

    #[test]
    fn wrong_labels_come_first_then_those_that_are_hard_to_tell() {
        let dataset = dataset(&[Some(N), Some(N), Some(P), Some(P), Some(N), None]);
        let found = rank(&dataset, &evidence(&[0.05, 0.97, 0.95, 0.55, 0.35, 0.9]));
        assert_eq!(named(&found), [(1, Kind::Label), (3, Kind::Unsure), (4, Kind::Unsure)]);
        assert_eq!((found[0].suggested, found[0].reason.as_str()), (Some(P), "labelled intact, looks cracked (97 %)"));
        // A label that is put right is no longer suspect, and nothing has to be computed for that.
        let mut mended = dataset;
        mended.samples[1].label = Some(P);
        assert!(!named(&rank(&mended, &evidence(&[0.05, 0.97, 0.95, 0.55, 0.35, 0.9]))).contains(&(1, Kind::Label)));
    }

    #[test]
    fn twins_at_odds_and_copies_are_told_apart() {
        let dataset = dataset(&[Some(N), Some(P), Some(N), Some(N), Some(N)]);
        let evidence = Evidence {
            twins: vec![(0, 1, 0.0), (0, 2, 0.01), (3, 4, 0.0)],
            identical: vec![vec![0, 1], vec![3, 4]],
            ..evidence(&[0.1, 0.2, 0.1, 0.1, 0.1])
        };
        let found = rank(&dataset, &evidence);
        let expected = [(1, Kind::Label), (0, Kind::Twin), (1, Kind::Twin), (4, Kind::Duplicate)];
        assert_eq!(named(&found), expected);
        assert_eq!((found[2].suggested, found[2].other), (Some(N), Some(0)));
        assert_eq!(found[1].suggested, None, "the others are of the opinion of its own label");
        assert_eq!(found[3].reason, "the same file as 3, photo.jpg");
    }

    #[test]
    fn the_table_has_the_columns_that_are_promised() {
        let dataset = dataset(&[Some(N), Some(P)]);
        let found = rank(&dataset, &evidence(&[0.75, 0.9]));
        let text = String::from_utf8(to_csv(&dataset, &found).unwrap()).unwrap();
        let expected = "file,label,suggested,p_positive,kind,score,reason\n\
                        \"0, photo.jpg\",Negative,Positive,0.75,label,0.75,\"labelled intact, looks cracked (75 %)\"\n";
        assert_eq!(text, expected);
    }
}
