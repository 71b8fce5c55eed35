//! The loss of every step of a run, thinned so that a long run stays cheap to draw.

use crate::app::worker::Step;

/// Points kept; twice as many are drawn in under a millisecond.
const KEPT: usize = 4096;

/// Losses of steps, `[epoch, loss]`.
#[derive(Debug, Default)]
pub(super) struct Steps {
    points: Vec<[f64; 2]>,
    /// Steps that a point stands for, less one doubling each: 0 means one step.
    doublings: u32,
    sum: [f64; 2],
    summed: u32,
}

impl Steps {
    /// Adds steps in their order.
    pub(super) fn extend(&mut self, steps: &[Step]) {
        for step in steps {
            self.sum[0] += step.epoch;
            self.sum[1] += f64::from(step.loss);
            self.summed += 1;
            let whole = 1_u32 << self.doublings;
            if self.summed == whole {
                self.points.push(self.sum.map(|sum| sum / f64::from(whole)));
                (self.sum, self.summed) = ([0.0; 2], 0);
            }
            if self.points.len() == 2 * KEPT {
                self.halve();
            }
        }
    }

    /// The points, each the mean of as many steps.
    pub(super) fn points(&self) -> &[[f64; 2]] {
        &self.points
    }

    /// Makes one point of two.
    fn halve(&mut self) {
        self.doublings += 1;
        self.points = self
            .points
            .chunks_exact(2)
            .filter_map(|pair| match pair {
                [a, b] => Some([(a[0] + b[0]) / 2.0, (a[1] + b[1]) / 2.0]),
                _ => None,
            })
            .collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_run_is_thinned_without_changing_its_mean() {
        let mut steps = Steps::default();
        let count = 40_960;
        for i in 0..count {
            steps.extend(&[Step { epoch: f64::from(i) / 100.0, loss: (i % 2) as f32 }]);
        }
        assert!((KEPT..2 * KEPT).contains(&steps.points().len()));
        assert!(steps.points().iter().all(|p| (p[1] - 0.5).abs() < 1e-9));
        assert!(steps.points().windows(2).all(|pair| pair[0][0] < pair[1][0]));
    }
}
