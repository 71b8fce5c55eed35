//! The labelled photos within scope, sorted once, so that a threshold that is dragged costs a search and no more.

use super::list::Scope;
use crate::app::session::Session;
use crate::dataset::Class;
use crate::dataset::split::Part;
use crate::review::bootstrap;
use crate::review::calibration::{self, Bin, Scaling};
use crate::review::metrics::{self, Metrics};
use crate::review::predictions::Prediction;
use crate::review::ranking::Ranking;
use crate::review::threshold::Threshold;

/// Points of a curve that are nearer to one another than this, along both axes, are drawn as one.
const APART: f64 = 0.002;
/// Bars of the histogram.
pub(super) const BARS: usize = 50;

/// What follows from the photos, the run and the scope, but not from the threshold.
#[derive(Default)]
pub(super) struct Judged {
    key: Option<(u64, Scope)>,
    /// The labelled photos within scope, without names.
    pub(super) photos: Vec<Prediction>,
    /// The same, sorted.
    pub(super) ranking: Ranking,
    /// What a threshold is fitted to: the validation photos, or all labelled ones where there are no such photos.
    pub(super) fitted_to: Ranking,
    /// Whether these are validation photos.
    pub(super) held_back: bool,
    /// False positive rate and true positive rate.
    pub(super) roc: Vec<[f64; 2]>,
    /// Recall and precision.
    pub(super) precision_recall: Vec<[f64; 2]>,
    /// Photos of each class by probability, in [`BARS`] equal bars.
    pub(super) histogram: [Vec<usize>; 2],
    /// The reliability diagram.
    pub(super) bins: Vec<Bin>,
    /// What a temperature fitted to the validation photos would do for them.
    pub(super) scaling: Option<Scaling>,
    unparted: Option<Metrics>,
}

impl Judged {
    /// Works it out anew where photos, labels, run or scope are others. Says whether it did.
    pub(super) fn update(&mut self, session: &Session, scope: Scope) -> bool {
        let key = Some((session.revision, scope));
        if self.key == key {
            return false;
        }
        let all: Vec<Prediction> = (0..session.len()).filter_map(|index| labelled(session, index)).collect();
        let held_back = |p: &&Prediction| p.part == Some(Part::Validation);
        let photos: Vec<Prediction> = all.iter().filter(|p| scope.includes(p)).cloned().collect();
        let refs: Vec<&Prediction> = photos.iter().collect();
        let scores = metrics::scores(&refs);
        let any = all.iter().any(|p| held_back(&p));
        let validation: Vec<&Prediction> = all.iter().filter(|p| !any || held_back(p)).collect();
        let roc = metrics::roc(&scores).unwrap_or_default();
        *self = Self {
            key,
            ranking: Ranking::new(&scores),
            fitted_to: Ranking::of(validation.iter().copied()),
            held_back: any,
            roc: thinned(roc.iter().map(|point| [point.false_positive_rate, point.true_positive_rate])),
            precision_recall: thinned(metrics::precision_recall(&scores).unwrap_or_default().into_iter()),
            histogram: histogram(&scores),
            bins: calibration::reliability(&scores),
            scaling: calibration::scaling(validation.iter().copied()),
            unparted: (!photos.is_empty()).then(|| Metrics::unparted(&refs)),
            photos,
        };
        true
    }

    /// The photos with the groups that the run found, or that their names tell of.
    pub(super) fn with_groups(&self, session: &Session) -> Vec<bootstrap::Judged> {
        let refs: Vec<&Prediction> = self.photos.iter().collect();
        let path = |photo: &Prediction| session.item(photo.sample).map(|item| item.sample.path.as_path());
        let groups = bootstrap::groups(&refs, path);
        bootstrap::judged(&refs, |at| groups.get(at).copied().unwrap_or(at))
    }

    /// The figures at a threshold; none without a run. Without labelled photos they are all absent.
    pub(super) fn metrics(&self, threshold: Threshold) -> Metrics {
        match &self.unparted {
            Some(unparted) => unparted.at(&self.ranking, threshold),
            None => Metrics::unparted(&[]).at(&Ranking::default(), threshold),
        }
    }
}

/// A photo with the label in force and what the run said of it, if both are there. Its names cost time and say nothing.
fn labelled(session: &Session, index: usize) -> Option<Prediction> {
    let item = session.item(index)?;
    let (said, truth) = (item.prediction?, item.sample.label?);
    let (file, path) = Default::default();
    Some(Prediction {
        sample: index,
        file,
        path,
        part: said.part,
        truth: Some(truth),
        p_positive: said.p_positive,
        group: said.group,
    })
}

/// Points without those that no eye could tell from the one before; both ends stay.
fn thinned(points: impl Iterator<Item = [f64; 2]>) -> Vec<[f64; 2]> {
    let mut kept: Vec<[f64; 2]> = Vec::new();
    let mut last = None;
    for point in points {
        let far = |from: &[f64; 2]| from.iter().zip(point).any(|(a, b)| (a - b).abs() >= APART);
        if kept.last().is_none_or(far) {
            kept.push(point);
        }
        last = Some(point);
    }
    if kept.last() != last.as_ref() {
        kept.extend(last);
    }
    kept
}

fn histogram(scores: &[(f32, bool)]) -> [Vec<usize>; 2] {
    let mut bars = [vec![0; BARS], vec![0; BARS]];
    for (p, cracked) in scores {
        let class = if *cracked { Class::Positive } else { Class::Negative };
        let bar = ((p * BARS as f32) as usize).min(BARS - 1);
        if let Some(count) = bars.get_mut(class.index()).and_then(|bars| bars.get_mut(bar)) {
            *count += 1;
        }
    }
    bars
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::Arc;
    use std::time::Instant;

    use super::*;
    use crate::app::tabs::review::list::{self, Shown, Sort};
    use crate::app::worker::jobs::verdict;
    use crate::dataset::{Dataset, Layout, Sample, Skipped};

    /// Photos of made-up probabilities, one in three of them for validation, one in ten cracked.
    pub(in crate::app::tabs::review) fn session(photos: usize) -> Session {
        let sample = |n: usize| Sample {
            file: format!("{n:05}.jpg"),
            path: PathBuf::from(format!("/photos/{n:05}.jpg")),
            label: Some(if n.is_multiple_of(10) { Class::Positive } else { Class::Negative }),
            ..Sample::default()
        };
        let dataset = Dataset {
            roots: vec![],
            layout: Layout::ClassFolders,
            samples: (0..photos).map(sample).collect(),
            skipped: Skipped::default(),
            problems: vec![],
        };
        let predictions = dataset.samples.iter().enumerate().map(|(n, sample)| {
            let noise = (n * 7919 % 1009) as f32 / 1009.0;
            let p = if n.is_multiple_of(10) { 1.0 - 0.7 * noise * noise } else { 0.7 * noise * noise };
            let part = Some(if n.is_multiple_of(3) { Part::Validation } else { Part::Train });
            let (file, path) = (sample.file.clone(), sample.path.clone());
            Prediction { sample: n, file, path, part, truth: sample.label, p_positive: p, group: None }
        });
        let verdict = verdict(&PathBuf::from("run"), predictions.collect(), 0.5.into(), &dataset, false);
        Session { dataset: Some(Arc::new(dataset)), verdict: Some(verdict), ..Session::default() }
    }

    #[test]
    fn a_search_finds_what_counting_finds() {
        let mut session = session(900);
        let mut judged = Judged::default();
        assert!(judged.update(&session, Scope::Validation) && !judged.update(&session, Scope::Validation));
        assert!(judged.held_back && judged.ranking.len() == 300 && judged.fitted_to == judged.ranking);
        for at in [0.0, 0.31, 0.5, 0.9] {
            session.tried = Some(at.into());
            let verdict = session.verdict.as_ref().unwrap();
            let validation = verdict.predictions.iter().filter(|p| Scope::Validation.includes(p));
            assert_eq!(judged.metrics(session.threshold()), Metrics::of(validation, at));
        }
        assert!(judged.update(&session, Scope::All));
        assert_eq!((judged.ranking.len(), judged.fitted_to.len()), (900, 300));
        assert_eq!(judged.histogram.iter().flatten().sum::<usize>(), 900);
        assert_eq!((judged.roc[0], judged.roc.last()), ([0.0, 0.0], Some(&[1.0, 1.0])));
    }

    /// Says how long a step of the slider takes: `cargo test --lib judged -- --nocapture --ignored`.
    #[test]
    #[ignore = "says a time and checks nothing"]
    fn how_long_a_step_of_the_slider_takes() {
        let mut session = session(40_000);
        let (mut judged, begun) = (Judged::default(), Instant::now());
        judged.update(&session, Scope::All);
        let sorted = list::sorted(&session, Scope::All, Sort::Loss);
        eprintln!("sorted once: {:.1} ms", begun.elapsed().as_secs_f64() * 1e3);
        let (steps, begun) = (200, Instant::now());
        for step in 0..steps {
            let at = step as f32 / steps as f32;
            let unsure = crate::review::threshold::band(&judged.fitted_to, at, 0.05);
            session.tried = Some(Threshold { at, unsure });
            assert_eq!(judged.metrics(session.threshold()).photos, 40_000);
            assert!(list::shown(&session, &sorted, Shown::Everything, "").len() == 40_000);
        }
        eprintln!("a step: {:.2} ms", begun.elapsed().as_secs_f64() * 1e3 / f64::from(steps));
    }
}
