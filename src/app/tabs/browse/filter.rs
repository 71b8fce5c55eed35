//! Which photos are shown, and in which order.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use crate::app::session::{Item, Session};
use crate::dataset::split::Part;
use crate::dataset::{Class, Mark, Sample};
use crate::review::predictions::Outcome;

/// A property of photos by which they can be filtered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// What the photo is said to show.
    Label,
    /// What the model says.
    Prediction,
    /// How these compare.
    Result,
    /// The side of the split.
    Split,
    /// What a person says against what was found.
    Correction,
    /// Whether the file can be read, as far as that was tried.
    File,
}

/// One of the values of a property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value {
    /// In a word or two.
    pub name: &'static str,
    /// What that means, where it is not plain.
    pub hint: &'static str,
    /// The class whose shape and colour it has.
    pub class: Option<Class>,
}

const fn value(name: &'static str, hint: &'static str, class: Option<Class>) -> Value {
    Value { name, hint, class }
}

const CRACKED: Option<Class> = Some(Class::Positive);
const INTACT: Option<Class> = Some(Class::Negative);
const LABELS: &[Value] = &[value("cracked", "", CRACKED), value("intact", "", INTACT), value("no label", "", None)];
const PREDICTIONS: &[Value] = &[
    value("cracked", "The model says so", CRACKED),
    value("intact", "The model says so", INTACT),
    value("for a person", "The model is too unsure of these", None),
    value("no prediction", "The run did not see these photos", None),
];
const RESULTS: &[Value] = &[
    value("correct", "Prediction and label agree", None),
    value("false positive", "Intact, but called cracked: a false alarm", None),
    value("false negative", "Cracked, but called intact: a miss", None),
    value("not known", "No label, no prediction, or one for a person", None),
];
const PARTS: &[Value] = &[
    value("training", "The model learned from these", None),
    value("validation", "The model never saw these while it learned", None),
    value("neither", "These took no part in the training", None),
];
const CORRECTIONS: &[Value] = &[
    value("corrected", "Labelled otherwise than was found", None),
    value("confirmed", "Labelled as was found", None),
    value("unsure", "Nobody can tell: neither trained on nor counted", None),
    value("excluded", "Takes no part in anything", None),
    value("as found", "Nobody has said anything else", None),
];
const FILES: &[Value] = &[
    value("cannot be read", "Damaged, or no picture after all", None),
    value("no trouble so far", "Read without trouble, or not looked at yet", None),
];

impl Group {
    /// Every property, in the order they are shown.
    pub const ALL: [Self; 6] = [Self::Label, Self::Prediction, Self::Result, Self::Split, Self::Correction, Self::File];

    /// The heading.
    pub fn title(self) -> &'static str {
        match self {
            Self::Label => "Label",
            Self::Prediction => "Prediction",
            Self::Result => "Result",
            Self::Split => "Split",
            Self::Correction => "Correction",
            Self::File => "File",
        }
    }

    /// The values. The last one stands for photos that have none.
    pub fn values(self) -> &'static [Value] {
        match self {
            Self::Label => LABELS,
            Self::Prediction => PREDICTIONS,
            Self::Result => RESULTS,
            Self::Split => PARTS,
            Self::Correction => CORRECTIONS,
            Self::File => FILES,
        }
    }

    /// Which of the values a photo has.
    fn of(self, item: &Item<'_>, unreadable: bool) -> usize {
        let class = |class: Option<Class>| match class {
            Some(Class::Positive) => 0,
            Some(Class::Negative) => 1,
            None => 2,
        };
        match self {
            Self::Label => class(item.sample.label),
            Self::Prediction => match item.predicted() {
                Some(Class::Positive) => 0,
                Some(Class::Negative) => 1,
                None if item.is_unsure() => 2,
                None => 3,
            },
            Self::Result => match item.outcome() {
                Some(Outcome::TruePositive | Outcome::TrueNegative) => 0,
                Some(Outcome::FalsePositive) => 1,
                Some(Outcome::FalseNegative) => 2,
                None => 3,
            },
            Self::Split => match item.part() {
                Some(Part::Train) => 0,
                Some(Part::Validation) => 1,
                None => 2,
            },
            Self::Correction => correction(item.sample),
            Self::File => usize::from(!unreadable),
        }
    }
}

/// Which of [`CORRECTIONS`] a photo has.
fn correction(sample: &Sample) -> usize {
    match (sample.said(), sample.correction) {
        (Some(Mark::Unsure), _) => 2,
        (Some(Mark::Excluded), _) => 3,
        (_, None) => 4,
        (_, Some(_)) if sample.is_corrected() => 0,
        _ => 1,
    }
}

const GROUPS: usize = Group::ALL.len();
const MOST_VALUES: usize = 5;

/// How many photos have each value of each property: among all, and among those that pass the rest of the filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    all: [[usize; MOST_VALUES]; GROUPS],
    passing: [[usize; MOST_VALUES]; GROUPS],
    tags: BTreeMap<String, usize>,
}

impl Counts {
    /// Among all photos.
    pub fn all(&self, group: Group, value: usize) -> usize {
        self.all.get(group as usize).and_then(|counts| counts.get(value)).copied().unwrap_or(0)
    }

    /// Among the photos that pass what is chosen of the other properties.
    pub fn passing(&self, group: Group, value: usize) -> usize {
        self.passing.get(group as usize).and_then(|counts| counts.get(value)).copied().unwrap_or(0)
    }

    /// Every tag, with the number of photos that pass the rest of the filter and have it.
    pub fn tags(&self) -> &BTreeMap<String, usize> {
        &self.tags
    }

    /// Whether the photos differ in this property, so that choosing makes sense.
    pub fn differ(&self, group: Group) -> bool {
        let values = 0..group.values().len();
        values.clone().filter(|&value| self.all(group, value) > 0).count() > 1
    }
}

/// Of each property the chosen values; none chosen is as good as all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    pub(super) chosen: [u8; GROUPS],
    /// Chosen tags: photos pass that have one of them.
    pub tags: BTreeSet<String>,
    /// Words that the name must contain, in any case.
    pub text: String,
}

impl Filter {
    /// Whether a value is chosen.
    pub fn has(&self, group: Group, value: usize) -> bool {
        self.mask(group) & (1 << value) != 0
    }

    /// Chooses a value, or no longer.
    pub fn toggle(&mut self, group: Group, value: usize) {
        if let Some(mask) = self.chosen.get_mut(group as usize) {
            *mask ^= 1 << value;
        }
    }

    /// Whether every photo passes.
    pub fn is_empty(&self) -> bool {
        self.chosen.iter().all(|&mask| mask == 0) && self.tags.is_empty() && self.text.trim().is_empty()
    }

    /// Chooses a tag, or no longer.
    pub fn toggle_tag(&mut self, tag: &str) {
        if !self.tags.remove(tag) {
            self.tags.insert(tag.to_owned());
        }
    }

    fn passes_tags(&self, sample: &Sample) -> bool {
        self.tags.is_empty() || sample.tags.iter().any(|tag| self.tags.contains(tag))
    }

    fn mask(&self, group: Group) -> u8 {
        self.chosen.get(group as usize).copied().unwrap_or(0)
    }

    fn passes(&self, group: Group, value: usize) -> bool {
        self.mask(group) == 0 || self.has(group, value)
    }
}

/// Words that names are looked through for, in any case.
pub struct Words(Vec<String>);

impl Words {
    /// The words of a text.
    pub fn of(text: &str) -> Self {
        Self(text.split_whitespace().map(str::to_lowercase).collect())
    }

    /// Whether a name contains all of them.
    pub fn are_in(&self, name: &str) -> bool {
        self.0.is_empty() || {
            let name = name.to_lowercase();
            self.0.iter().all(|word| name.contains(word))
        }
    }
}

/// What photos are sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// Their names.
    #[default]
    Name,
    /// How sure the model is, the least sure first.
    Confidence,
    /// The probability of a crack, the highest first.
    Probability,
    /// How wrong the model is, the worst first.
    Loss,
}

impl Sort {
    /// Every order.
    pub const ALL: [Self; 4] = [Self::Name, Self::Confidence, Self::Probability, Self::Loss];

    /// In a few words.
    pub fn title(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Confidence => "confidence",
            Self::Probability => "crack probability",
            Self::Loss => "loss",
        }
    }

    /// What comes first, and what comes first when reversed.
    pub fn first(self) -> [&'static str; 2] {
        match self {
            Self::Name => ["A to Z", "Z to A"],
            Self::Confidence => ["least sure first", "most sure first"],
            Self::Probability => ["most likely first", "least likely first"],
            Self::Loss => ["worst first", "best first"],
        }
    }

    /// What orders a photo, the smallest first; `None` where it has no such figure.
    fn key(self, item: &Item<'_>) -> Option<f32> {
        match self {
            Self::Name => Some(0.0),
            Self::Confidence => item.prediction.map(|p| p.confidence(item.threshold)),
            Self::Probability => item.p_positive().map(|p| -p),
            Self::Loss => item.loss().map(|loss| -loss),
        }
    }
}

/// An order, or its reverse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sorting {
    /// What photos are sorted by.
    pub by: Sort,
    /// The other way round.
    pub reversed: bool,
}

/// The photos that pass, in order, and how many there are of each kind. Photos without the figure they are sorted by
/// come last; among equals the order is that of the names.
pub fn list(
    session: &Session,
    filter: &Filter,
    sorting: Sorting,
    unreadable: impl Fn(&Item<'_>) -> bool,
) -> (Vec<usize>, Counts) {
    let words = Words::of(&filter.text);
    let mut counts = Counts::default();
    let mut passing: Vec<(Option<f32>, usize)> = Vec::new();
    for index in 0..session.len() {
        let Some(item) = session.item(index) else { continue };
        let named = words.are_in(&item.sample.file);
        if count(&mut counts, filter, &item, unreadable(&item), named) {
            passing.push((sorting.by.key(&item), index));
        }
    }
    passing.sort_by(|(a, i), (b, j)| compare(*a, *b, sorting.reversed).then_with(|| i.cmp(j)));
    if sorting.by == Sort::Name && sorting.reversed {
        passing.reverse();
    }
    (passing.into_iter().map(|(_, index)| index).collect(), counts)
}

/// Counts a photo; returns whether it passes everything.
fn count(counts: &mut Counts, filter: &Filter, item: &Item<'_>, unreadable: bool, named: bool) -> bool {
    let values = Group::ALL.map(|group| (group, group.of(item, unreadable)));
    let failed = values.iter().filter(|(group, value)| !filter.passes(*group, *value));
    let (failures, first) = (failed.clone().count(), failed.map(|(group, _)| *group).next());
    let tagged = filter.passes_tags(item.sample);
    for (group, value) in values {
        let add = |table: &mut [[usize; MOST_VALUES]; GROUPS]| {
            if let Some(count) = table.get_mut(group as usize).and_then(|counts| counts.get_mut(value)) {
                *count += 1;
            }
        };
        add(&mut counts.all);
        if named && tagged && (failures == 0 || failures == 1 && first == Some(group)) {
            add(&mut counts.passing);
        }
    }
    if named && failures == 0 {
        count_tags(counts, item.sample);
    }
    named && tagged && failures == 0
}

fn count_tags(counts: &mut Counts, sample: &Sample) {
    for tag in &sample.tags {
        match counts.tags.get_mut(tag) {
            Some(count) => *count += 1,
            None => _ = counts.tags.insert(tag.clone(), 1),
        }
    }
}

fn compare(a: Option<f32>, b: Option<f32>, reversed: bool) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) if reversed => b.total_cmp(&a),
        (Some(a), Some(b)) => a.total_cmp(&b),
        (a, b) => a.is_none().cmp(&b.is_none()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::tabs::browse::tests::session;

    fn names(session: &Session, filter: &Filter, sorting: Sorting) -> Vec<usize> {
        list(session, filter, sorting, |_| false).0
    }

    #[test]
    fn values_of_one_group_add_up_and_groups_cut_down() {
        // 0 ▲ 0.9 · 1 ▲ 0.2 miss · 2 ● 0.1 · 3 ● 0.7 false alarm · 4 no label 0.6 · 5 no label, no prediction
        let session = session(true);
        let mut filter = Filter::default();
        filter.toggle(Group::Label, 0);
        assert_eq!(names(&session, &filter, Sorting::default()), [0, 1]);
        filter.toggle(Group::Label, 1);
        assert_eq!(names(&session, &filter, Sorting::default()), [0, 1, 2, 3]);
        filter.toggle(Group::Prediction, 0);
        assert_eq!(names(&session, &filter, Sorting::default()), [0, 3]);
        filter.toggle(Group::Result, 1);
        assert_eq!(names(&session, &filter, Sorting::default()), [3]);
        filter.toggle(Group::Label, 1);
        assert!(names(&session, &filter, Sorting::default()).is_empty());
    }

    #[test]
    fn counts_say_what_choosing_would_show() {
        let session = session(true);
        let mut filter = Filter::default();
        filter.toggle(Group::Prediction, 0);
        let (_, counts) = list(&session, &filter, Sorting::default(), |_| false);
        assert_eq!([0, 1, 2].map(|value| counts.passing(Group::Label, value)), [1, 1, 1]);
        assert_eq!([0, 1, 2].map(|value| counts.all(Group::Label, value)), [2, 2, 2]);
        assert_eq!([0, 1, 2].map(|value| counts.passing(Group::Prediction, value)), [3, 2, 0]);
        assert_eq!(counts.passing(Group::Prediction, 3), 1);
        assert!(counts.differ(Group::Result) && counts.differ(Group::Split));
        let (_, counts) = list(&super::super::tests::session(false), &Filter::default(), Sorting::default(), |_| false);
        assert!(counts.differ(Group::Label) && !counts.differ(Group::Prediction) && !counts.differ(Group::Result));
    }

    #[test]
    fn what_cannot_be_read_can_be_listed() {
        let session = session(false);
        let mut filter = Filter::default();
        filter.toggle(Group::File, 0);
        let (order, counts) = list(&session, &filter, Sorting::default(), |item| item.index == 3);
        assert_eq!(order, [3]);
        assert!(counts.differ(Group::File));
    }

    #[test]
    fn names_are_found_by_their_words_in_any_case() {
        let session = session(false);
        let text = |text: &str| Filter { text: text.to_owned(), ..Filter::default() };
        assert_eq!(names(&session, &text("  WAND B.jpg "), Sorting::default()), [1]);
        assert_eq!(names(&session, &text("ü"), Sorting::default()).len(), 6);
        assert!(names(&session, &text("nowhere"), Sorting::default()).is_empty());
        assert!(text("  ").is_empty());
    }

    #[test]
    fn photos_without_the_figure_come_last_either_way() {
        let session = session(true);
        let order = |by, reversed| names(&session, &Filter::default(), Sorting { by, reversed });
        assert_eq!(order(Sort::Name, true), [5, 4, 3, 2, 1, 0]);
        assert_eq!(order(Sort::Confidence, false), [4, 3, 1, 0, 2, 5]);
        assert_eq!(order(Sort::Probability, false), [0, 3, 4, 1, 2, 5]);
        assert_eq!(order(Sort::Loss, false), [1, 3, 0, 2, 4, 5]);
        assert_eq!(order(Sort::Loss, true), [0, 2, 3, 1, 4, 5]);
    }

    #[test]
    fn corrections_and_tags_are_properties_too() {
        let mut session = session(true);
        let dataset = std::sync::Arc::make_mut(session.dataset.as_mut().unwrap());
        let marks = [Mark::Class(Class::Negative), Mark::Class(Class::Positive), Mark::Unsure, Mark::Excluded];
        for (sample, mark) in dataset.samples.iter_mut().zip(marks) {
            sample.correct(Some(mark));
        }
        dataset.samples[4].tags = vec!["joint".into(), "wet".into()];
        dataset.samples[0].tags = vec!["wet".into()];
        let by = |value| {
            let mut filter = Filter::default();
            filter.toggle(Group::Correction, value);
            names(&session, &filter, Sorting::default())
        };
        assert_eq!([0, 1, 2, 3].map(by), [[0], [1], [2], [3]]);
        assert_eq!(by(4), [4, 5]);
        let mut filter = Filter::default();
        filter.toggle_tag("joint");
        assert_eq!(names(&session, &filter, Sorting::default()), [4]);
        filter.toggle_tag("wet");
        assert_eq!(names(&session, &filter, Sorting::default()), [0, 4], "either of them");
        let (_, counts) = list(&session, &filter, Sorting::default(), |_| false);
        assert_eq!(
            counts.tags().iter().map(|(tag, n)| (tag.as_str(), *n)).collect::<Vec<_>>(),
            [("joint", 1), ("wet", 2)]
        );
        filter.toggle(Group::Correction, 4);
        assert_eq!(names(&session, &filter, Sorting::default()), [4]);
        filter.toggle_tag("joint");
        filter.toggle_tag("wet");
        assert_eq!(filter.tags.len(), 0);
    }
}
