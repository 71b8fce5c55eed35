//! Labelled photos in the order of their probabilities, sorted once: what a threshold then comes to is a search.

use super::confusion::Confusion;
use super::predictions::Prediction;
use super::threshold::Threshold;
use crate::dataset::Class;

/// Labelled photos by rising probability of being cracked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ranking {
    /// Ascending.
    scores: Vec<f32>,
    /// How many of the first 0, 1, 2 … photos are cracked: one longer than the scores.
    cracked: Vec<u32>,
}

/// One way to part the photos into called intact and called cracked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cut {
    /// A threshold must be higher than this …
    pub above: f32,
    /// … and at most this, to part the photos here.
    pub upto: f32,
    /// What it comes to.
    pub confusion: Confusion,
}

impl Ranking {
    /// Sorts probabilities and whether the photos are cracked.
    pub fn new(scores: &[(f32, bool)]) -> Self {
        let mut sorted = scores.to_vec();
        sorted.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let mut cracked = Vec::with_capacity(sorted.len() + 1);
        cracked.push(0);
        let mut count = 0;
        cracked.extend(sorted.iter().map(|score| {
            count += u32::from(score.1);
            count
        }));
        Self { scores: sorted.into_iter().map(|score| score.0).collect(), cracked }
    }

    /// Sorts the labelled ones among `predictions`.
    pub fn of<'a>(predictions: impl IntoIterator<Item = &'a Prediction>) -> Self {
        let score = |p: &Prediction| Some((p.p_positive, p.truth? == Class::Positive));
        Self::new(&predictions.into_iter().filter_map(score).collect::<Vec<_>>())
    }

    /// Photos.
    pub fn len(&self) -> usize {
        self.scores.len()
    }

    /// Whether there is no photo.
    pub fn is_empty(&self) -> bool {
        self.scores.is_empty()
    }

    /// Cracked photos.
    pub fn cracked(&self) -> usize {
        self.cracked_among(self.len())
    }

    /// The probabilities, ascending.
    pub fn scores(&self) -> &[f32] {
        &self.scores
    }

    /// Probability and whether cracked, by rising probability.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (f32, bool)> + '_ {
        let cracked = self.cracked.windows(2).map(|pair| matches!(pair, [before, after] if before < after));
        self.scores.iter().copied().zip(cracked.collect::<Vec<_>>())
    }

    /// What a threshold comes to; photos for a person are not counted.
    pub fn confusion(&self, threshold: impl Into<Threshold>) -> Confusion {
        let threshold = threshold.into();
        let (intact, cracked) = match threshold.unsure {
            Some(band) => (self.below(band.from), self.scores.partition_point(|p| *p <= band.to)),
            None => (self.below(threshold.at), self.below(threshold.at)),
        };
        self.parted(intact, cracked)
    }

    /// Photos for a person.
    pub fn unsure(&self, threshold: Threshold) -> usize {
        self.len() - self.confusion(threshold).total()
    }

    /// Every way to part the photos by a threshold from 0 to 1, by rising threshold.
    pub fn cuts(&self) -> impl Iterator<Item = Cut> + '_ {
        let score = |index: usize| self.scores.get(index).copied();
        (0..=self.len()).filter_map(move |intact| {
            let above = intact.checked_sub(1).and_then(score).unwrap_or(-1.0);
            let upto = score(intact).unwrap_or(1.0);
            (above < upto).then(|| Cut { above, upto, confusion: self.parted(intact, intact) })
        })
    }

    /// The first `intact` photos called intact, those from `cracked` on called cracked.
    fn parted(&self, intact: usize, cracked: usize) -> Confusion {
        let missed = self.cracked_among(intact);
        let found = self.cracked() - self.cracked_among(cracked);
        Confusion {
            true_negative: intact - missed,
            false_negative: missed,
            true_positive: found,
            false_positive: self.len() - cracked - found,
        }
    }

    fn below(&self, p: f32) -> usize {
        self.scores.partition_point(|score| *score < p)
    }

    fn cracked_among(&self, first: usize) -> usize {
        self.cracked.get(first).map_or(0, |count| *count as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::review::threshold::Band;

    const SCORES: [(f32, bool); 6] = [(0.8, true), (0.1, false), (0.4, false), (0.35, true), (0.4, false), (0.4, true)];

    #[test]
    fn a_search_counts_as_counting_does() {
        let ranking = Ranking::new(&SCORES);
        for at in [0.0, 0.1, 0.2, 0.35, 0.4, 0.41, 0.8, 1.0] {
            let counts = |cracked, said: bool| SCORES.iter().filter(|s| s.1 == cracked && (s.0 >= at) == said).count();
            let expected = Confusion::from([
                [counts(false, false), counts(false, true)],
                [counts(true, false), counts(true, true)],
            ]);
            assert_eq!(ranking.confusion(at), expected, "{at}");
        }
        let threshold = Threshold { at: 0.4, unsure: Some(Band { from: 0.35, to: 0.4 }) };
        assert_eq!(ranking.confusion(threshold), Confusion::from([[1, 0], [0, 1]]));
        assert_eq!(ranking.unsure(threshold), 4);
        assert_eq!(ranking.iter().map(|s| s.0).collect::<Vec<_>>(), [0.1, 0.35, 0.4, 0.4, 0.4, 0.8]);
        assert_eq!(ranking.iter().filter(|s| s.1).count(), 3);
    }

    #[test]
    fn tied_photos_are_not_parted() {
        let ranking = Ranking::new(&SCORES);
        let cuts: Vec<Cut> = ranking.cuts().collect();
        assert_eq!(cuts.iter().map(|cut| cut.upto).collect::<Vec<_>>(), [0.1, 0.35, 0.4, 0.8, 1.0]);
        for cut in cuts {
            assert_eq!(cut.confusion, ranking.confusion(cut.upto));
        }
        assert_eq!(Ranking::new(&[]).cuts().count(), 1);
    }
}
