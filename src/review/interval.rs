//! Confidence intervals: for the mean of a figure over the folds of a cross-validation, and for a share of photos.

use std::f64::consts::{FRAC_PI_2, PI};

use serde::Serialize;

/// The level of every interval that is shown.
pub const LEVEL: f64 = 0.95;

/// What a normal variable stays within with probability [`LEVEL`], in standard deviations: its quantile at 0.975.
pub const NORMAL: f64 = 1.959_963_984_540_054;

/// The ends of an interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Bounds {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// Wilson's score interval of a share at [`LEVEL`] (Wilson 1927, "Probable inference"); `None` of none at all.
pub fn wilson(part: usize, whole: usize) -> Option<Bounds> {
    if whole == 0 {
        return None;
    }
    let (n, z2) = (whole as f64, NORMAL * NORMAL);
    let share = part as f64 / n;
    let centre = (share + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = NORMAL / (1.0 + z2 / n) * (share * (1.0 - share) / n + z2 / (4.0 * n * n)).sqrt();
    // The ends of none and of all are 0 and 1 but for rounding.
    let low = if part == 0 { 0.0 } else { centre - half };
    let high = if part == whole { 1.0 } else { centre + half };
    Some(Bounds { low, high })
}

/// The mean of a figure with its confidence interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interval {
    /// The mean over the folds.
    pub mean: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Interval {
    /// The mean of `values` with an interval at `level` (0.95 for 95 %), by the corrected resampled t-test (Nadeau and
    /// Bengio 2003, "Inference for the generalization error"): mean ± t · √((1/k + n_test/n_train) · s²), with Student's
    /// t of k − 1 degrees of freedom and the sample variance s² of the k values.
    ///
    /// `test_to_train` is n_test/n_train. The term makes up for training photos that the folds share: their figures vary
    /// together, and 1/k alone gives an interval that is too narrow. No estimate of the variance is free of bias
    /// (Bengio and Grandvalet 2004), so it is a guide and not a guarantee.
    ///
    /// `None` for fewer than two values.
    pub fn corrected(values: &[f64], test_to_train: f64, level: f64) -> Option<Self> {
        let k = values.len();
        if k < 2 {
            return None;
        }
        let mean = values.iter().sum::<f64>() / k as f64;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (k - 1) as f64;
        let half = student_t(level, k as u32 - 1) * ((1.0 / k as f64 + test_to_train) * variance).sqrt();
        Some(Self { mean, low: mean - half, high: mean + half })
    }

    /// The same with both ends within the range of the figure.
    #[must_use]
    pub fn within(self, least: f64, most: f64) -> Self {
        Self { low: self.low.max(least), high: self.high.min(most), ..self }
    }
}

/// The t that |T| stays below with probability `level`, for Student's distribution with `freedom` degrees of freedom:
/// the quantile at (1 + `level`)/2.
pub fn student_t(level: f64, freedom: u32) -> f64 {
    // The probability grows with the angle whose tangent is t/√ν, so halving finds it.
    let (mut below, mut above) = (0.0, FRAC_PI_2);
    for _ in 0..100 {
        let middle = f64::midpoint(below, above);
        if within_angle(middle, freedom) < level {
            below = middle;
        } else {
            above = middle;
        }
    }
    f64::midpoint(below, above).tan() * f64::from(freedom).sqrt()
}

/// P(|T| < √ν tan θ) for Student's distribution with `freedom` = ν degrees of freedom, as a finite sum (Abramowitz and
/// Stegun 1964, 26.7.3 and 26.7.4).
fn within_angle(angle: f64, freedom: u32) -> f64 {
    let (sin, cos) = angle.sin_cos();
    let odd = freedom % 2 == 1;
    let (mut term, mut sum) = if odd { (cos, cos) } else { (1.0, 1.0) };
    // The sum ends with the power ν − 2 of the cosine.
    for power in (if odd { 3 } else { 2 }..freedom.saturating_sub(1)).step_by(2) {
        term *= f64::from(power - 1) / f64::from(power) * cos * cos;
        sum += term;
    }
    match freedom {
        1 => 2.0 / PI * angle,
        _ if odd => 2.0 / PI * (angle + sin * sum),
        _ => sin * sum,
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    /// Written by tests/data/make_interval_case.py with SciPy.
    #[derive(Deserialize)]
    struct Case {
        quantiles: Vec<(f64, u32, f64)>,
        intervals: Vec<(Vec<f64>, f64, f64, f64, f64)>,
    }

    fn case() -> Case {
        serde_json::from_str(include_str!("../../tests/data/interval_case.json")).unwrap()
    }

    #[test]
    fn quantiles_agree_with_scipy() {
        for (level, freedom, expected) in case().quantiles {
            let found = student_t(level, freedom);
            assert!((found / expected - 1.0).abs() < 1e-10, "{level} {freedom}: {found} instead of {expected}");
        }
    }

    #[test]
    fn intervals_agree_with_scipy() {
        for (values, test_to_train, level, low, high) in case().intervals {
            let found = Interval::corrected(&values, test_to_train, level).unwrap();
            assert!((found.low - low).abs() < 1e-12 && (found.high - high).abs() < 1e-12, "{found:?}: {low} {high}");
        }
    }

    #[test]
    fn one_value_has_no_interval_and_equal_ones_a_narrow_one() {
        assert_eq!(Interval::corrected(&[0.9], 0.25, 0.95), None);
        let same = Interval { mean: 0.5, low: 0.5, high: 0.5 };
        assert_eq!(Interval::corrected(&[0.5; 5], 0.25, 0.95), Some(same));
    }

    #[test]
    fn ends_stay_within_the_range_of_the_figure() {
        let wide = Interval::corrected(&[1.0, 0.98], 1.0, 0.95).unwrap();
        assert!(wide.high > 1.0);
        assert_eq!((wide.within(0.0, 1.0).high, wide.within(0.0, 1.0).mean), (1.0, wide.mean));
    }
}
