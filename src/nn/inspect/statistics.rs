//! The weights of one tensor in figures.

use serde::Serialize;

/// Bins of a histogram.
pub const BINS: usize = 64;

/// How often values fall into each of several equal ranges.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Histogram {
    /// Where the first range begins.
    pub low: f32,
    /// Where the last one ends.
    pub high: f32,
    /// How many values fall into each; the highest value counts to the last.
    pub counts: Vec<u64>,
}

/// The values of one tensor in figures. Those that are no numbers (NaN or infinite) are counted and otherwise left out.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TensorStatistics {
    /// Its name, such as `conv1.weight`.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// How many values it has.
    pub count: usize,
    /// How many of them are no numbers.
    pub not_finite: usize,
    /// How many are zero.
    pub zeros: usize,
    /// The mean.
    pub mean: f64,
    /// The standard deviation, that of the values themselves: divided by their number.
    pub std: f64,
    /// The lowest.
    pub min: f32,
    /// The highest.
    pub max: f32,
    /// How they are spread.
    pub histogram: Histogram,
}

impl TensorStatistics {
    /// Works them out.
    pub fn of(name: &str, shape: Vec<usize>, values: &[f32]) -> Self {
        let finite = || values.iter().copied().filter(|value| value.is_finite());
        let count = finite().count();
        let mean = finite().map(f64::from).sum::<f64>() / count.max(1) as f64;
        let variance = finite().map(|value| (f64::from(value) - mean).powi(2)).sum::<f64>() / count.max(1) as f64;
        let range = finite().map(|value| (value, value)).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
        let (min, max) = range.unwrap_or_default();
        Self {
            name: name.to_owned(),
            shape,
            count: values.len(),
            not_finite: values.len() - count,
            zeros: finite().filter(|value| *value == 0.0).count(),
            mean,
            std: variance.sqrt(),
            min,
            max,
            histogram: Histogram::of(finite(), min, max, BINS),
        }
    }

    /// The share of zeros among the values.
    pub fn share_of_zeros(&self) -> f64 {
        self.zeros as f64 / self.count.max(1) as f64
    }
}

impl Histogram {
    /// Counts `values` between `min` and `max`. Where all values are the same, the range is 1 wide, about them.
    fn of(values: impl Iterator<Item = f32>, min: f32, max: f32, bins: usize) -> Self {
        let (low, high) = if max > min { (min, max) } else { (min - 0.5, min + 0.5) };
        let width = f64::from(high) - f64::from(low);
        let mut counts = vec![0; bins];
        for value in values {
            let at = (f64::from(value) - f64::from(low)) / width * bins as f64;
            if let Some(count) = counts.get_mut((at as usize).min(bins - 1)) {
                *count += 1;
            }
        }
        Self { low, high, counts }
    }

    /// Where range `bin` begins; for the number of ranges, where the last one ends.
    pub fn edge(&self, bin: usize) -> f64 {
        let (low, high) = (f64::from(self.low), f64::from(self.high));
        low + (high - low) * bin as f64 / self.counts.len().max(1) as f64
    }

    /// The same in fewer bins, of which each holds as many of these.
    pub fn coarser(&self, bins: usize) -> Vec<u64> {
        let each = self.counts.len().div_ceil(bins.max(1)).max(1);
        self.counts.chunks(each).map(|counts| counts.iter().sum()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_few_values() {
        let values = [1.0, -1.0, 0.0, 3.0, f32::NAN, 0.0, f32::NEG_INFINITY];
        let figures = TensorStatistics::of("a", vec![7], &values);
        assert_eq!((figures.count, figures.not_finite, figures.zeros), (7, 2, 2));
        assert_eq!((figures.mean, figures.min, figures.max), (0.6, -1.0, 3.0));
        // numpy.std([1, -1, 0, 3, 0])
        assert!((figures.std - 1.356_465_996_625_053_6).abs() < 1e-12);
        let counts = &figures.histogram.counts;
        assert_eq!((counts.iter().sum::<u64>(), counts[0], counts[BINS - 1]), (5, 1, 1));
        assert_eq!(counts[16], 2, "zero lies a quarter of the way from -1 to 3");
        assert_eq!(
            (figures.histogram.edge(0), figures.histogram.edge(16), figures.histogram.edge(BINS)),
            (-1.0, 0.0, 3.0)
        );
        assert_eq!(figures.histogram.coarser(4), [1, 2, 1, 1]);
    }

    #[test]
    fn nothing_and_constants_have_figures_too() {
        let ones = TensorStatistics::of("norm", vec![9], &[1.0; 9]);
        assert_eq!((ones.mean, ones.std, ones.histogram.counts.iter().sum::<u64>()), (1.0, 0.0, 9));
        assert!(ones.histogram.low < 1.0 && ones.histogram.high > 1.0);
        let none = TensorStatistics::of("none", vec![0], &[]);
        assert_eq!((none.count, none.mean, none.share_of_zeros()), (0, 0.0, 0.0));
    }
}
