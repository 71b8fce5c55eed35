//! Axes with round numbers.

use std::ops::Range;

use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};

use crate::format;

/// An axis of plotters with the numbers that it shows.
pub struct Axis {
    range: Range<f64>,
    ticks: Vec<f64>,
    /// Decimals that tell the numbers apart.
    pub decimals: usize,
}

impl Axis {
    /// About five steps of 1, 2 or 5 times a power of ten that enclose `low..high`.
    pub fn enclosing(low: f64, high: f64) -> Self {
        let step = format::round_step(((high - low) / 5.0).max(1e-9) * 0.999);
        let (from, to) = ((low / step + 1e-6).floor() as i64, (high / step - 1e-6).ceil() as i64);
        let ticks: Vec<f64> = (from..=to).map(|i| i as f64 * step).collect();
        let range = from as f64 * step..to as f64 * step;
        Self { range, ticks, decimals: format::decimals_for(step) }
    }

    /// Epochs, with a little distance at both ends; a single one stands in the middle.
    pub fn epochs(first: usize, last: usize) -> Self {
        let margin = if last > first { 0.03 * (last - first) as f64 } else { 0.5 };
        let ticks = epoch_ticks(first, last).into_iter().map(|epoch| epoch as f64).collect();
        Self { range: first as f64 - margin..last as f64 + margin, ticks, decimals: 0 }
    }
}

impl Ranged for Axis {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (from, to): (i32, i32)) -> i32 {
        let span = self.range.end - self.range.start;
        let fraction = if span > 0.0 { (value - self.range.start) / span } else { 0.5 };
        from + (fraction * f64::from(to - from)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        if hint.weight().allow_light_points() { Vec::new() } else { self.ticks.clone() }
    }

    fn range(&self) -> Range<f64> {
        self.range.clone()
    }
}

/// Whole numbers from `first` to `last`, the first among them: about ten, or as many as have room.
fn epoch_ticks(first: usize, last: usize) -> Vec<usize> {
    let most = match last {
        0..1_000 => 10,
        1_000..100_000 => 6,
        _ => 4,
    };
    let span = last - first;
    let steps = (0..).flat_map(|power| [1, 2, 5].map(|m| m * 10_usize.pow(power)));
    let step = steps.take(40).find(|step| span / step <= most).unwrap_or(1);
    if step == 1 {
        return (first..=last).collect();
    }
    let round = (first.div_ceil(step)..=last / step).map(|i| i * step);
    // A round number right beside the first would overlap it.
    std::iter::once(first).chain(round.filter(|tick| 2 * (tick - first) >= step)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_have_few_round_ticks_that_enclose_the_values() {
        for (low, high) in [(0.0, 0.62), (0.987, 1.0), (0.0, 3.2e-4), (0.5, 1.0), (0.0, 120.0)] {
            let axis = Axis::enclosing(low, high);
            assert!((3..=8).contains(&axis.ticks.len()), "{:?}", axis.ticks);
            let range = axis.range();
            let slack = 1e-3 * (range.end - range.start);
            assert!(range.start <= low + slack && high <= range.end + slack, "{:?}", axis.ticks);
        }
        assert_eq!(Axis::enclosing(0.0, 1.0).ticks.last(), Some(&1.0));
    }

    #[test]
    fn epochs_are_labelled_with_few_whole_numbers() {
        assert_eq!(epoch_ticks(1, 4), [1, 2, 3, 4]);
        assert_eq!(epoch_ticks(1, 30), [1, 5, 10, 15, 20, 25, 30]);
        assert_eq!(epoch_ticks(1, 5_000), [1, 1_000, 2_000, 3_000, 4_000, 5_000]);
        assert!(epoch_ticks(7, 100_000).len() <= 6);
    }
}
