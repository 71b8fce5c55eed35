//! Where the model's word turns from intact to cracked, and between which probabilities a person is to decide.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::confusion::Confusion;
use super::ranking::{Cut, Ranking};
use crate::nn::threshold::DEFAULT_THRESHOLD;
pub use crate::nn::threshold::{Band, Threshold};

/// The most digits that are tried after the point to write a threshold shortly.
const DIGITS: i32 = 8;

/// How a threshold is chosen. In text `0.4`, `cost=5`, `recall=0.99`, `f1` or `balanced-accuracy`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Choice {
    /// As given.
    At(f32),
    /// The least cost, where a missed crack costs as much as so many false alarms: least N · misses + false alarms.
    Cost(f64),
    /// The highest threshold at which at least this share of the cracks is found.
    Recall(f64),
    /// The highest F1.
    F1,
    /// The highest mean of the two classes' recalls.
    BalancedAccuracy,
}

impl Choice {
    /// The threshold that it comes to on these photos; `None` where that needs a class that does not occur among them.
    pub fn fit(self, ranking: &Ranking) -> Option<f32> {
        match self {
            Self::At(at) => Some(at),
            Self::Cost(cost) => best(ranking, |c| -(cost * c.false_negative as f64 + c.false_positive as f64)),
            Self::Recall(share) => by_recall(ranking, share),
            Self::F1 => best(ranking, |c| c.f1().unwrap_or(0.0)),
            Self::BalancedAccuracy => best(ranking, |c| c.balanced_accuracy().unwrap_or(0.0)),
        }
    }

    /// In words, for people.
    pub fn words(self) -> String {
        match self {
            Self::At(_) => "as given".to_owned(),
            Self::Cost(cost) => format!("least cost, a missed crack counted as {cost} false alarms"),
            Self::Recall(share) => format!("to find at least {} % of the cracks", short(100.0 * share)),
            Self::F1 => "highest F1".to_owned(),
            Self::BalancedAccuracy => "highest balanced accuracy".to_owned(),
        }
    }

    /// What is wrong with it, if anything.
    pub fn problem(self) -> Option<&'static str> {
        match self {
            Self::At(at) if !(0.0..=1.0).contains(&at) => Some("The threshold must lie between 0 and 1"),
            Self::Cost(cost) if !(cost > 0.0 && cost.is_finite()) => Some("The cost of a missed crack must be above 0"),
            Self::Recall(share) if !(share > 0.0 && share <= 1.0) => {
                Some("The share of cracks to be found must be above 0 and at most 1")
            }
            _ => None,
        }
    }
}

impl Default for Choice {
    fn default() -> Self {
        Self::At(DEFAULT_THRESHOLD)
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(at) => write!(f, "{at}"),
            Self::Cost(cost) => write!(f, "cost={cost}"),
            Self::Recall(share) => write!(f, "recall={share}"),
            Self::F1 => f.write_str("f1"),
            Self::BalancedAccuracy => f.write_str("balanced-accuracy"),
        }
    }
}

impl FromStr for Choice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || {
            "expected a probability such as 0.4, cost=N, recall=SHARE such as recall=0.99, f1 or balanced-accuracy"
                .to_owned()
        };
        let number = |text: &str| text.trim().parse::<f64>().map_err(|_| expected());
        let choice = match text.split_once('=') {
            Some(("cost", cost)) => Self::Cost(number(cost)?),
            Some(("recall", share)) => Self::Recall(number(share)?),
            Some(_) => return Err(expected()),
            None if text == "f1" => Self::F1,
            None if text == "balanced-accuracy" => Self::BalancedAccuracy,
            None => Self::At(text.trim().parse().map_err(|_| expected())?),
        };
        choice.problem().map_or(Ok(choice), |problem| Err(problem.to_owned()))
    }
}

impl Serialize for Choice {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Choice {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Threshold and band on these photos: see [`Choice::fit`] and [`band`].
pub fn fit(ranking: &Ranking, choice: Choice, abstain: f64) -> Option<Threshold> {
    let at = choice.fit(ranking)?;
    Some(Threshold { at, unsure: band(ranking, at, abstain) })
}

/// The band of the photos whose probability lies nearest to the threshold, at most `share` of all. Near is what costs
/// least to be wrong about: where a missed crack costs so much that `at` is the best threshold, the two classes' expected
/// costs differ by as much as p lies from `at` (Chow 1970, "On optimum recognition error and reject tradeoff").
/// `None` where that is no photo at all; photos of one probability stay together.
pub fn band(ranking: &Ranking, at: f32, share: f64) -> Option<Band> {
    let scores = ranking.scores();
    let most = ((share * scores.len() as f64 + 1e-9) as usize).min(scores.len());
    if most == 0 {
        return None;
    }
    let score = |index: usize| scores.get(index).copied().unwrap_or(f32::INFINITY);
    // Of the runs of `most` neighbours the first whose next one above is not nearer than its lowest.
    let (mut low, mut high) = (0, scores.len() - most);
    while low < high {
        let middle = usize::midpoint(low, high);
        if at - score(middle) > score(middle + most) - at { low = middle + 1 } else { high = middle }
    }
    let (mut begin, mut end) = (low, low + most);
    // Where the edge parts photos of one probability, all of them stay out.
    if begin > 0 && score(begin - 1) == score(begin) {
        begin = scores.partition_point(|p| *p <= score(low));
    }
    if end < scores.len() && score(end) == score(end - 1) {
        end = scores.partition_point(|p| *p < score(low + most));
    }
    if begin >= end {
        return None;
    }
    let (first, last) = (score(begin), score(end - 1));
    let below = begin.checked_sub(1).map_or(-1.0, score);
    let above = if end < scores.len() { score(end) } else { 2.0 };
    let from = short_between(below, first, f32::midpoint(below.max(0.0), first));
    let to = shortest(f32::midpoint(above.min(1.0), last), |end| end >= last && end < above).unwrap_or(last);
    Some(Band { from: from.min(at), to: to.max(at) })
}

/// The cut of the highest `worth`; of several the one with the fewest misses. `None` unless both classes occur.
fn best(ranking: &Ranking, worth: impl Fn(&Confusion) -> f64) -> Option<f32> {
    if ranking.cracked() == 0 || ranking.cracked() == ranking.len() {
        return None;
    }
    let mut best: Option<(f64, Cut)> = None;
    for cut in ranking.cuts() {
        let worth = worth(&cut.confusion);
        if best.as_ref().is_none_or(|(most, _)| worth > *most) {
            best = Some((worth, cut));
        }
    }
    best.map(|(_, cut)| short_between(cut.above, cut.upto, f32::midpoint(cut.above.max(0.0), cut.upto)))
}

/// The highest threshold that finds so many.
fn by_recall(ranking: &Ranking, share: f64) -> Option<f32> {
    let needed = (share * ranking.cracked() as f64 - 1e-9).ceil() as usize;
    if ranking.cracked() == 0 {
        return None;
    }
    let cut = ranking.cuts().filter(|cut| cut.confusion.true_positive >= needed).last()?;
    Some(short_between(cut.above, cut.upto, cut.upto))
}

/// A number above `above` and at most `upto`, near `wanted`, with as few digits as that takes.
fn short_between(above: f32, upto: f32, wanted: f32) -> f32 {
    shortest(wanted, |value| value > above && value <= upto).unwrap_or(upto)
}

/// The number near `wanted` that fits and has the fewest digits after the point, at least two.
fn shortest(wanted: f32, fits: impl Fn(f32) -> bool) -> Option<f32> {
    (2..=DIGITS).find_map(|digits| {
        let scale = 10f64.powi(digits);
        let nearest = (f64::from(wanted) * scale).round();
        [0.0, -1.0, 1.0].into_iter().map(|step| ((nearest + step) / scale) as f32).find(|value| fits(*value))
    })
}

/// Without digits that say nothing.
fn short(value: f64) -> String {
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::dataset::Class;

    /// p and whether cracked, from the lowest.
    const SCORES: [(f32, bool); 8] =
        [(0.01, false), (0.1, false), (0.2, true), (0.4, false), (0.45, false), (0.6, true), (0.8, true), (0.95, true)];

    fn at(choice: Choice) -> f32 {
        choice.fit(&Ranking::new(&SCORES)).unwrap()
    }

    #[test]
    fn dear_misses_bring_the_threshold_down() {
        // One miss is better than two false alarms, unless it costs more than they do.
        assert_eq!(at(Choice::Cost(1.0)), 0.52);
        assert_eq!(at(Choice::Cost(5.0)), 0.15);
        assert_eq!(at(Choice::F1), 0.52);
        assert_eq!(at(Choice::BalancedAccuracy), 0.52);
    }

    #[test]
    fn the_highest_threshold_that_finds_enough() {
        assert_eq!([0.2, 0.5, 0.75, 0.76, 1.0].map(|share| at(Choice::Recall(share))), [0.95, 0.8, 0.6, 0.2, 0.2]);
        let ranking = Ranking::new(&SCORES);
        assert_eq!(ranking.confusion(0.6).recall(), Some(0.75));
        assert_eq!(Choice::Recall(0.9).fit(&Ranking::new(&[(0.4, false)])), None, "there is nothing to find");
        assert_eq!(Choice::F1.fit(&Ranking::new(&[(0.4, true)])), None);
    }

    #[test]
    fn the_most_doubtful_photos_go_to_a_person() {
        let ranking = Ranking::new(&SCORES);
        let count = |share| {
            let band = band(&ranking, 0.53, share)?;
            Some(SCORES.iter().filter(|score| band.holds(score.0)).count())
        };
        assert_eq!([0.0, 0.12, 0.125, 0.25, 0.5, 1.0].map(count), [None, None, Some(1), Some(2), Some(4), Some(8)]);
        let two = band(&ranking, 0.53, 0.25).unwrap();
        assert!(two.holds(0.45) && two.holds(0.6) && !two.holds(0.4) && two.holds(0.53), "{two:?}");
        let tied = Ranking::new(&[(0.5, true), (0.5, false), (0.5, true), (0.9, true)]);
        assert_eq!(band(&tied, 0.6, 0.5), None, "three of one probability are more than half");
        let all_below = Ranking::new(&[(0.1, true), (0.2, false)]);
        let band = band(&all_below, 0.9, 0.5).unwrap();
        assert!(band.holds(0.2) && band.holds(0.9) && !band.holds(0.1), "{band:?}");
    }

    #[test]
    fn a_person_decides_within_the_band() {
        let threshold = Threshold { at: 0.5, unsure: Some(Band { from: 0.4, to: 0.6 }) };
        let said = [0.39, 0.4, 0.5, 0.6, 0.61].map(|p| threshold.said(p));
        assert_eq!(said, [Some(Class::Negative), None, None, None, Some(Class::Positive)]);
        assert_eq!(Threshold::sure(0.5).said(0.5), Some(Class::Positive));
    }

    #[test]
    fn notes_read_back_and_old_ones_have_no_band() {
        let threshold = Threshold { at: 0.25, unsure: Some(Band { from: 0.125, to: 0.75 }) };
        let mut notes = BTreeMap::from([("unsure".to_owned(), "0.9,1".to_owned())]);
        assert_eq!(Threshold::from_notes(&notes), Threshold::default(), "a band beside the threshold is none");
        threshold.write_notes(&mut notes);
        assert_eq!(Threshold::from_notes(&notes), threshold);
        Threshold::sure(0.1).write_notes(&mut notes);
        assert_eq!((Threshold::from_notes(&notes), notes.len()), (Threshold::sure(0.1), 1));
        assert_eq!(Threshold::from_notes(&BTreeMap::new()), Threshold::default());
    }

    #[test]
    fn choices_read_as_they_are_written() {
        for text in ["0.4", "cost=5", "recall=0.99", "f1", "balanced-accuracy"] {
            assert_eq!(text.parse::<Choice>().unwrap().to_string(), text);
        }
        for wrong in ["", "1.5", "nan", "cost=0", "cost=x", "recall=0", "recall=99", "precision=1"] {
            assert!(wrong.parse::<Choice>().is_err(), "{wrong}");
        }
        assert_eq!(Choice::Recall(0.995).words(), "to find at least 99.5 % of the cracks");
    }

    #[test]
    fn thresholds_are_short() {
        assert_eq!(short_between(0.2, 0.4, 0.3), 0.3);
        assert_eq!(short_between(0.123, 0.1234, 0.1232), 0.1232);
        assert_eq!(short_between(-1.0, 0.5, 0.25), 0.25);
        assert_eq!(short_between(0.999_999_8, 0.999_999_9, 0.999_999_9), 0.999_999_9);
    }
}
