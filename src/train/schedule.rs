//! How the learning rate changes over a run.

use std::f64::consts::PI;

use super::config::Schedule;

/// Share of a one-cycle run in which the rate rises.
const RISE: f64 = 0.3;
/// The one cycle begins at the highest rate divided by this, as in PyTorch's `OneCycleLR`.
const START_DIVISOR: f64 = 25.0;
/// And ends at its beginning divided by this.
const END_DIVISOR: f64 = 1e4;

impl Schedule {
    /// The rate of step `step` (from 0) of `steps`, where `highest` is the highest of the run.
    pub fn rate(self, highest: f64, step: usize, steps: usize) -> f64 {
        match self {
            Self::Constant => highest,
            Self::Cosine => between(highest, 0.0, step as f64 / steps.max(1) as f64),
            Self::OneCycle => one_cycle(highest, step, steps, RISE),
        }
    }
}

/// The rate of step `step` (from 0) of `steps` in one cycle that rises for the share `rise` of them, as PyTorch's
/// `OneCycleLR` with `pct_start`.
pub fn one_cycle(highest: f64, step: usize, steps: usize, rise: f64) -> f64 {
    let last = steps.saturating_sub(1) as f64;
    let top = (rise * steps as f64 - 1.0).max(0.0);
    let (start, at) = (highest / START_DIVISOR, step as f64);
    if at <= top {
        between(start, highest, if top > 0.0 { at / top } else { 1.0 })
    } else {
        between(highest, start / END_DIVISOR, (at - top) / (last - top).max(1.0))
    }
}

/// What the rate of step `step` (from 0) is multiplied by while it rises over `warmup` steps, which need not be whole.
pub fn warmup(step: usize, warmup: f64) -> f64 {
    if warmup > 0.0 { ((step + 1) as f64 / warmup).min(1.0) } else { 1.0 }
}

/// Half a cosine from `from` at 0 to `to` at 1.
fn between(from: f64, to: f64, share: f64) -> f64 {
    to + (from - to) * (1.0 + (PI * share.clamp(0.0, 1.0)).cos()) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1.0, total_steps=10)
    #[test]
    fn one_cycle_agrees_with_pytorch() {
        let expected =
            [0.04, 0.52, 1.0, 0.950_484_6, 0.811_745_7, 0.611_262, 0.388_742, 0.188_258_3, 0.049_519_4, 4e-6];
        for (step, expected) in expected.into_iter().enumerate() {
            let rate = Schedule::OneCycle.rate(1.0, step, 10);
            assert!((rate - expected).abs() < 1e-6, "step {step}: {rate} instead of {expected}");
        }
    }

    #[test]
    fn cosine_falls_from_the_highest_rate_to_almost_nothing() {
        let rates: Vec<f64> = (0..100).map(|step| Schedule::Cosine.rate(0.1, step, 100)).collect();
        assert_eq!(rates.first(), Some(&0.1));
        assert!(rates.is_sorted_by(|a, b| a > b));
        assert!(rates.last().unwrap() < &1e-4);
    }

    #[test]
    fn a_run_of_one_step_has_a_rate() {
        for schedule in [Schedule::Constant, Schedule::Cosine, Schedule::OneCycle] {
            let rate = schedule.rate(0.1, 0, 1);
            assert!(rate.is_finite() && rate > 0.0, "{schedule:?}: {rate}");
        }
    }
}
