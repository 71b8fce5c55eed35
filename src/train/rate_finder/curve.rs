//! The losses of a search, smoothed, and the rate that they speak for. Plain numbers, no network.

use serde::Serialize;

use super::Reading;

/// Smoothing reaches back over this share of the steps.
const REACH: f64 = 0.05;
/// The share of the steps, the first ones, that tell where the loss begins; their rates are too low to change it.
const BEGINNING: f64 = 0.1;
/// A smoothed loss so many times the lowest one, and above where it began, has diverged.
const DIVERGED: f64 = 4.0;
/// The share of its fall that the loss has done at the suggested rate.
const FALLEN: f64 = 0.95;
/// Standard errors of the lowest smoothed loss that are allowed for besides.
const ERRORS: f64 = 2.0;
/// How far below the rate at which the loss diverged a rate must stay.
const MARGIN: f64 = 10.0;
/// Standard errors by which the loss must fall to count as falling. Where it only scatters, one search in twenty seems
/// to fall by as much.
const CLEAR: f64 = 2.5;

/// The rate that a search speaks for, and what it was found from.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Suggestion {
    /// The rate to train with: the lower one of the two below, rounded to one digit.
    pub learning_rate: f64,
    /// The lowest rate at which the smoothed loss had done 95 % of its fall, give or take its error.
    pub settled: f64,
    /// A tenth of the rate at which it diverged, if it did.
    pub safe: Option<f64>,
}

/// Losses as they come.
pub(super) struct Curve {
    pub(super) readings: Vec<Reading>,
    beginning: usize,
    keep: f64,
    sum: f64,
    weight: f64,
    lowest: f64,
}

impl Curve {
    /// The curve of a search of so many steps.
    pub(super) fn new(steps: usize) -> Self {
        let keep = (-1.0 / (REACH * steps as f64)).exp();
        let readings = Vec::with_capacity(steps);
        Self { readings, beginning: beginning(steps), keep, sum: 0.0, weight: 0.0, lowest: f64::INFINITY }
    }

    /// Takes in the loss of a step; false where it has diverged. An exponential average without the pull towards zero
    /// that it has at first.
    pub(super) fn add(&mut self, learning_rate: f64, loss: f64) -> bool {
        if !loss.is_finite() {
            return false;
        }
        self.sum = self.keep * self.sum + loss;
        self.weight = self.keep * self.weight + 1.0;
        let smoothed = self.sum / self.weight;
        self.lowest = self.lowest.min(smoothed);
        self.readings.push(Reading { learning_rate, loss, smoothed });
        let begun = mean_and_variance(self.readings.iter().take(self.beginning)).0;
        smoothed <= (DIVERGED * self.lowest).max(begun) || self.readings.len() <= self.beginning
    }
}

/// The rate that the readings of a search of `steps` steps speak for; none where the loss fell nowhere.
///
/// It is the lowest rate at which the smoothed loss has done 95 % of its fall, give or take two standard errors of its
/// lowest value, but at most a tenth of the rate at which the loss diverged. The usual rules look for one point of the
/// curve: the steepest (Smith 2017 reads off where the loss begins to fall), or a tenth of the lowest (fastai). With
/// features that a head has soon learned the curve is steep in its first steps and then flat over decades, so that noise
/// decides where these points lie; it decides neither how far the loss falls nor where it diverges. The allowance for
/// error is that of the one-standard-error rule (Breiman et al. 1984, "Classification and regression trees"). The margin
/// of ten below divergence is fastai's, after Bengio (2012, "Practical recommendations for gradient-based training"),
/// who goes by the largest rate that does not diverge.
pub(super) fn suggest(readings: &[Reading], steps: usize, diverged: bool) -> Option<Suggestion> {
    let beginning = beginning(steps);
    let (begun, _) = mean_and_variance(readings.get(..beginning)?.iter());
    let later = readings.get(beginning..)?;
    let (place, lowest) = later.iter().enumerate().min_by(|(_, a), (_, b)| a.smoothed.total_cmp(&b.smoothed))?;
    let lowest = lowest.smoothed;
    if !falls(readings, beginning) || lowest >= begun {
        return None;
    }
    // An exponential average is as sure as a plain one over twice its reach.
    let averaged = 2.0 * REACH * steps as f64;
    let around = readings.iter().skip(place).take(beginning + 1); // the tenth of the steps up to the lowest
    let error = (mean_and_variance(around).1 / averaged).sqrt();
    let level = (lowest + (1.0 - FALLEN) * (begun - lowest) + ERRORS * error).min(begun);
    let settled = later.iter().find(|reading| reading.smoothed <= level)?.learning_rate;
    let safe = readings.last().filter(|_| diverged).map(|last| last.learning_rate / MARGIN);
    Some(Suggestion { learning_rate: rounded(settled.min(safe.unwrap_or(settled)), 1), settled, safe })
}

/// `rate` with so many significant digits.
pub fn rounded(rate: f64, digits: usize) -> f64 {
    format!("{rate:.*e}", digits.saturating_sub(1)).parse().unwrap_or(rate)
}

/// Whether the losses of some tenth of the steps are clearly below those of the first, by Welch's statistic.
fn falls(readings: &[Reading], beginning: usize) -> bool {
    let mut tenths = readings.chunks_exact(beginning).map(|tenth| mean_and_variance(tenth.iter()));
    let Some((begun, scatter)) = tenths.next() else { return false };
    tenths.any(|(mean, variance)| {
        let error = ((scatter + variance) / beginning as f64).sqrt();
        begun - mean > CLEAR * error && begun > mean
    })
}

fn beginning(steps: usize) -> usize {
    ((BEGINNING * steps as f64).round() as usize).max(2)
}

/// Of the losses: the mean and the sample variance.
fn mean_and_variance<'a>(readings: impl Iterator<Item = &'a Reading> + Clone) -> (f64, f64) {
    let count = readings.clone().count() as f64;
    let mean = readings.clone().map(|reading| reading.loss).sum::<f64>() / count.max(1.0);
    let squares: f64 = readings.map(|reading| (reading.loss - mean).powi(2)).sum();
    (mean, squares / (count - 1.0).max(1.0))
}

#[cfg(test)]
mod tests {
    use super::super::SweepConfig;
    use super::*;
    use crate::dice::Dice;

    const SWEEP: SweepConfig = SweepConfig { lowest: 1e-6, highest: 10.0, steps: 300 };

    /// A search where `loss` says the loss of a step at a rate.
    fn search(sweep: &SweepConfig, mut loss: impl FnMut(f64) -> f64) -> (Vec<Reading>, bool) {
        let mut curve = Curve::new(sweep.steps);
        let diverged = (0..sweep.steps).any(|step| {
            let rate = sweep.rate(step);
            !curve.add(rate, loss(rate))
        });
        (curve.readings, diverged)
    }

    fn suggestion(sweep: &SweepConfig, loss: impl FnMut(f64) -> f64) -> Option<Suggestion> {
        let (readings, diverged) = search(sweep, loss);
        suggest(&readings, sweep.steps, diverged)
    }

    /// Steps of gradient descent down ½·a·(w − ξ)² from w = 1, with noise ξ: stable below the rate 2/a.
    fn quadratic(curvature: f64, seed: u64) -> impl FnMut(f64) -> f64 {
        let (mut w, mut dice) = (1.0, Dice::new(seed, 0));
        move |rate| {
            let off = w - 0.05 * f64::from(dice.normal());
            w -= rate * curvature * off;
            0.5 * curvature * off * off
        }
    }

    /// A loss that falls from 1 to 0.1 around the rate 1e-3 and stays there, with noise.
    fn falling(noise: f64, seed: u64) -> impl FnMut(f64) -> f64 {
        let mut dice = Dice::new(seed, 0);
        move |rate| 0.1 + 0.9 / (1.0 + (rate / 1e-3).powi(2)) + noise * f64::from(dice.normal())
    }

    #[test]
    fn a_quadratic_is_given_a_stable_rate_of_its_scale() {
        for curvature in [0.5, 2.0, 20.0, 200.0] {
            for seed in 0..20 {
                let stable = 2.0 / curvature;
                let (readings, diverged) = search(&SWEEP, quadratic(curvature, seed));
                assert!(diverged && readings.last().unwrap().learning_rate > stable, "{curvature} {seed}");
                let rate = suggest(&readings, SWEEP.steps, diverged).unwrap().learning_rate;
                assert!((stable / 50.0..stable / 2.0).contains(&rate), "{curvature} {seed}: {rate} of {stable}");
            }
        }
    }

    #[test]
    fn where_it_never_diverges_the_end_of_the_fall_counts() {
        let found = suggestion(&SWEEP, falling(0.0, 0)).unwrap();
        assert_eq!(found.safe, None);
        // 1/(1 + x²) is 0.05 at x = 4.4; the average takes three times its reach, a decade, to forget what was 1.
        assert!((4.4e-3..4.4e-2).contains(&found.settled), "{found:?}");
        assert_eq!(found.learning_rate, rounded(found.settled, 1));
    }

    #[test]
    fn noise_moves_the_suggestion_little() {
        for seed in 0..50 {
            // As large as the loss that remains.
            let found = suggestion(&SWEEP, falling(0.1, seed)).unwrap();
            assert!((4.4e-3..1e-1).contains(&found.learning_rate), "{seed}: {found:?}");
        }
    }

    #[test]
    fn a_loss_that_falls_nowhere_suggests_nothing() {
        for steps in [100, 300] {
            let sweep = SweepConfig { steps, ..SWEEP };
            let seems_to_fall = |seed: &u64| {
                let mut dice = Dice::new(*seed, 0);
                suggestion(&sweep, |_| 0.7 + 0.05 * f64::from(dice.normal())).is_some()
            };
            assert!((0..200).filter(seems_to_fall).count() <= 20, "{steps}: one in twenty or so");
        }
        assert_eq!(suggestion(&SWEEP, |_| 0.7), None);
        assert_eq!(suggestion(&SWEEP, |rate| 0.7 + rate), None);
        assert_eq!(suggest(&[], 300, true), None);
    }

    #[test]
    fn a_search_stops_where_the_loss_explodes_or_is_no_number() {
        let (readings, diverged) = search(&SWEEP, |rate| if rate > 0.1 { f64::NAN } else { 0.5 });
        assert!(diverged && readings.last().unwrap().learning_rate <= 0.1);
        let (readings, diverged) = search(&SWEEP, |rate| if rate > 0.1 { 50.0 } else { 0.5 });
        assert!(diverged && readings.last().unwrap().learning_rate < 0.11, "{:?}", readings.last());
        // Four times the lowest, and still better than at the beginning.
        let (_, diverged) = search(&SWEEP, |rate| if (1e-3..1e-1).contains(&rate) { 0.01 } else { 0.6 });
        assert!(!diverged);
    }

    #[test]
    fn rates_are_rounded_by_digits() {
        assert_eq!([0.0077, 0.0014, 0.96].map(|rate| rounded(rate, 1)), [0.008, 0.001, 1.0]);
        assert_eq!([0.003_162, 3.1e-6].map(|rate| rounded(rate, 2)), [0.0032, 3.1e-6]);
    }
}
