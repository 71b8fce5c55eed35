//! Which photos the tab shows, and in which order. Nothing here is painted.

use std::cmp::Ordering;

use super::judged::Judged;
use crate::app::session::{Item, Session, Verdict};
use crate::app::tabs::browse::Words;
use crate::dataset::Class;
use crate::dataset::split::Part;
use crate::review::metrics::Metrics;
use crate::review::predictions::{Outcome, Prediction};
use crate::review::threshold::Threshold;

/// The side of the split that is looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// Photos held back from training.
    #[default]
    Validation,
    /// Photos trained on.
    Training,
    /// Both, and those that took no part.
    All,
}

impl Scope {
    /// Whether a prediction lies within.
    pub fn includes(self, prediction: &Prediction) -> bool {
        match self {
            Self::Validation => prediction.part == Some(Part::Validation),
            Self::Training => prediction.part == Some(Part::Train),
            Self::All => true,
        }
    }

    /// The widest scope that means something for a run: validation where it held photos back, else all.
    pub fn of(verdict: &Verdict) -> Self {
        let held_back = verdict.predictions.iter().any(|p| p.part == Some(Part::Validation));
        if held_back { Self::Validation } else { Self::All }
    }

    /// Whether there are sides to choose from: out of fold, every photo was held back.
    pub fn can_be_chosen(verdict: &Verdict) -> bool {
        verdict.run.is_some() && Self::of(verdict) == Self::Validation
    }
}

/// The photos that are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shown {
    /// Those where label and prediction disagree.
    #[default]
    Errors,
    /// Those where they agree.
    Correct,
    /// All of them.
    Everything,
    /// One cell of the confusion matrix.
    Only(Outcome),
    /// Those called so, whatever they are.
    Called(Class),
    /// Those that a person is to decide on.
    Unsure,
}

impl Shown {
    fn includes(self, item: &Item<'_>) -> bool {
        match self {
            Self::Errors => item.outcome().is_some_and(|outcome| !outcome.is_correct()),
            Self::Correct => item.outcome().is_some_and(Outcome::is_correct),
            Self::Everything => true,
            Self::Only(outcome) => item.outcome() == Some(outcome),
            Self::Called(class) => item.predicted() == Some(class),
            Self::Unsure => item.is_unsure(),
        }
    }
}

/// What comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// The highest loss.
    #[default]
    Loss,
    /// The highest probability of a crack.
    Cracked,
    /// The lowest.
    Intact,
    /// The least certain.
    Doubt,
    /// The first name.
    Name,
}

impl Sort {
    /// Every order, with its name.
    pub const ALL: [(Self, &str, &str); 5] = [
        (Self::Loss, "worst first", "Highest loss: the most certain mistakes"),
        (Self::Cracked, "cracked first", "Highest probability of a crack"),
        (Self::Intact, "intact first", "Lowest probability of a crack"),
        (Self::Doubt, "least certain first", "Probability nearest to the threshold"),
        (Self::Name, "by name", ""),
    ];

    /// Whether another threshold makes another order.
    pub fn follows_threshold(self) -> bool {
        self == Self::Doubt
    }

    fn compare(self, a: &Item<'_>, b: &Item<'_>) -> Ordering {
        let p = |item: &Item<'_>| item.p_positive().unwrap_or(0.0);
        let doubt = |item: &Item<'_>| (p(item) - item.threshold.at).abs();
        match self {
            Self::Loss => b.loss().unwrap_or(0.0).total_cmp(&a.loss().unwrap_or(0.0)),
            Self::Cracked => p(b).total_cmp(&p(a)),
            Self::Intact => p(a).total_cmp(&p(b)),
            Self::Doubt => doubt(a).total_cmp(&doubt(b)),
            Self::Name => Ordering::Equal,
        }
    }
}

/// What follows from the session and the choices above, worked out once for each change of theirs.
#[derive(Default)]
pub(super) struct List {
    /// What `sorted` was made from; the threshold where the order follows it.
    pub(super) sorted_key: Option<(u64, Scope, Sort, Option<Threshold>)>,
    /// The photos within scope.
    pub(super) sorted: Vec<usize>,
    /// What was asked for: the order, which photos, by which threshold and names.
    pub(super) asked: Option<(Scope, Sort, Shown, Threshold, String)>,
    pub(super) revision: u64,
    /// Those of them that are shown.
    pub(super) order: Vec<usize>,
    pub(super) metrics: Option<Metrics>,
}

impl List {
    /// Works it out anew if anything has changed; gives the order before where the same photos are still asked for.
    pub(super) fn update(
        &mut self,
        session: &Session,
        judged: &Judged,
        (scope, shown, sort): (Scope, Shown, Sort),
        text: &str,
    ) -> Option<Vec<usize>> {
        let threshold = session.threshold();
        let sorted_key = Some((session.revision, scope, sort, sort.follows_threshold().then_some(threshold)));
        let resorted = self.sorted_key != sorted_key;
        if resorted {
            self.sorted_key = sorted_key;
            self.sorted = sorted(session, scope, sort);
        }
        let asked = Some((scope, sort, shown, threshold, text.to_owned()));
        let same = self.asked == asked;
        if same && !resorted {
            return None;
        }
        self.asked = asked;
        self.revision += 1;
        let before = std::mem::replace(&mut self.order, self::shown(session, &self.sorted, shown, text));
        self.metrics = session.verdict.as_ref().map(|_| judged.metrics(threshold));
        same.then_some(before)
    }
}

/// The photos within scope, in order: indices into the data set. Ties are in order of name.
pub fn sorted(session: &Session, scope: Scope, sort: Sort) -> Vec<usize> {
    let judged = |index: usize| session.item(index).filter(|item| item.prediction.is_some_and(|p| scope.includes(p)));
    let mut items: Vec<Item<'_>> = (0..session.len()).filter_map(judged).collect();
    items.sort_by(|a, b| sort.compare(a, b)); // stable, and the data set is in order of name
    items.iter().map(|item| item.index).collect()
}

/// Those of `sorted` that are shown and whose names contain the words of `text`.
pub fn shown(session: &Session, sorted: &[usize], shown: Shown, text: &str) -> Vec<usize> {
    let words = Words::of(text);
    let includes = |index: &usize| {
        session.item(*index).is_some_and(|item| shown.includes(&item) && words.are_in(&item.sample.file))
    };
    sorted.iter().copied().filter(includes).collect()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::Arc;

    use super::*;
    use crate::app::worker::jobs::verdict;
    use crate::dataset::{Dataset, Layout, Sample, Skipped};
    use crate::review::threshold::{Band, Threshold};

    /// Photos a–f: (label, side, p).
    fn session() -> Session {
        use Class::{Negative as N, Positive as P};
        let (t, v) = (Some(Part::Train), Some(Part::Validation));
        let table = [
            ("a", P, v, 0.9),
            ("b", P, v, 0.2),
            ("c", N, v, 0.6),
            ("d", N, v, 0.1),
            ("e", N, t, 0.99),
            ("f", P, v, 0.01),
        ];
        let sample = |file: &str, label| Sample {
            file: file.into(),
            path: file.into(),
            label: Some(label),
            ..Sample::default()
        };
        let dataset = Dataset {
            roots: vec![],
            layout: Layout::ClassFolders,
            samples: table.iter().map(|row| sample(row.0, row.1)).collect(),
            skipped: Skipped::default(),
            problems: vec![],
        };
        let predictions = table.iter().enumerate().map(|(i, &(file, truth, part, p_positive))| Prediction {
            sample: i,
            file: file.into(),
            path: file.into(),
            part,
            truth: Some(truth),
            p_positive,
            group: None,
        });
        let verdict = verdict(&PathBuf::from("run"), predictions.collect(), 0.5.into(), &dataset, false);
        Session { dataset: Some(Arc::new(dataset)), verdict: Some(verdict), ..Session::default() }
    }

    fn order(session: &Session, scope: Scope, what: Shown, sort: Sort, text: &str) -> Vec<usize> {
        shown(session, &sorted(session, scope, sort), what, text)
    }

    #[test]
    fn errors_come_worst_first_and_only_from_the_scope() {
        let session = session();
        assert_eq!(order(&session, Scope::Validation, Shown::Errors, Sort::Loss, ""), [5, 1, 2]);
        assert_eq!(order(&session, Scope::All, Shown::Errors, Sort::Loss, ""), [4, 5, 1, 2]);
        let missed = Shown::Only(Outcome::FalseNegative);
        assert_eq!(order(&session, Scope::Validation, missed, Sort::Name, ""), [1, 5]);
        assert_eq!(order(&session, Scope::All, Shown::Called(Class::Positive), Sort::Cracked, ""), [4, 0, 2]);
        assert_eq!(order(&session, Scope::All, Shown::Correct, Sort::Intact, ""), [3, 0]);
        assert_eq!(order(&session, Scope::All, Shown::Correct, Sort::Intact, " A "), [0]);
        assert_eq!(order(&session, Scope::Validation, Shown::Everything, Sort::Doubt, ""), [2, 1, 0, 3, 5]);
    }

    #[test]
    fn a_threshold_that_is_tried_holds() {
        let mut session = session();
        session.tried = Some(Threshold { at: 0.15, unsure: Some(Band { from: 0.1, to: 0.2 }) });
        assert_eq!(order(&session, Scope::Validation, Shown::Errors, Sort::Loss, ""), [5, 2]);
        assert_eq!(order(&session, Scope::Validation, Shown::Unsure, Sort::Name, ""), [1, 3]);
        assert_eq!(order(&session, Scope::Validation, Shown::Everything, Sort::Doubt, ""), [1, 3, 5, 2, 0]);
        let verdict = session.verdict.as_ref().unwrap();
        assert_eq!(Scope::of(verdict), Scope::Validation);
    }
}
