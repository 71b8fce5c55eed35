//! The last layer on rows of features in memory. It is a thousandth of the network's work: whole trainings of it take
//! less time than a device, or a tensor operation for each of its steps, would take to be told about them.

use candle_core::{Device, Result as CandleResult, Tensor};
use rayon::prelude::*;

use super::Head;
use crate::error::Result;
use crate::nn::failed;

/// Partial sums of a dot product, which the compiler keeps in vectors.
const LANES: usize = 16;
/// Rows that one thread takes at a time.
const TOGETHER: usize = 512;

/// Features (F) of a photo, and the index of its class.
pub type Labelled<'a> = (&'a [f32], usize);

/// How a head fares on some photos.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Fit {
    /// Mean cross entropy; as [`cross_entropy`](super::cross_entropy) has it with weights of classes.
    pub loss: f64,
    /// How many were right.
    pub right: usize,
}

/// Gradient of the mean cross entropy, for the head's [variables](Head::variables).
pub struct Slope {
    weight: Tensor,
    bias: Tensor,
}

impl Slope {
    /// In the order of the variables: weight (2, F), bias (2).
    pub fn tensors(&self) -> [&Tensor; 2] {
        [&self.weight, &self.bias]
    }
}

/// The head's values where the processor reads them.
struct Values {
    weight: Vec<f32>,
    bias: [f32; 2],
}

/// Sums over photos.
#[derive(Clone, Copy, Default)]
struct Sums {
    loss: f64,
    weight: f64,
    right: usize,
}

impl Head {
    /// How it fares on `photos`, and in which direction it would fare worse. Each photo counts as much as its class.
    ///
    /// # Errors
    /// Where the head cannot be brought back from its device.
    pub fn slope<'a>(
        &self,
        photos: impl Iterator<Item = Labelled<'a>> + Clone,
        class_weights: [f32; 2],
    ) -> Result<(Fit, Slope)> {
        self.slope_read(photos.map(|photo| (photo, [1.0, 0.0])), class_weights)
    }

    /// The same where the logit of each row is read through a line: multiplied by the first number, the second added.
    ///
    /// # Errors
    /// As [`Head::slope`].
    pub fn slope_read<'a>(
        &self,
        rows: impl Iterator<Item = (Labelled<'a>, [f32; 2])>,
        class_weights: [f32; 2],
    ) -> Result<(Fit, Slope)> {
        let values = Values::of(self)?;
        let columns = values.weight.len() / 2;
        let mut sums = Sums::default();
        // The two probabilities add up to one, so what one row of the weight gains the other loses.
        let (mut weight, mut bias) = (vec![0.0; columns], 0.0);
        for ((features, class), [factor, offset]) in rows {
            let margin = factor * values.margin(features) + offset;
            sums.add(margin, class, class_weights);
            let excess = sigmoid(margin) - class as f32;
            let share = class_weights.get(class).copied().unwrap_or(1.0) * excess * factor;
            weight.iter_mut().zip(features).for_each(|(sum, feature)| *sum += share * feature);
            bias += share;
        }
        let scale = 1.0 / sums.weight.max(f64::MIN_POSITIVE) as f32;
        let both = [-scale, scale];
        let weight = both.iter().flat_map(|scale| weight.iter().map(move |sum| sum * scale)).collect();
        let slope = Slope::of(weight, both.map(|scale| bias * scale)).map_err(failed("take a training step"))?;
        Ok((sums.fit(), slope))
    }

    /// How it fares on `photos`, in all threads; the same to the last bit for any number of them.
    ///
    /// # Errors
    /// Where the head cannot be brought back from its device.
    pub fn fit(&self, photos: &[Labelled<'_>], class_weights: [f32; 2]) -> Result<Fit> {
        let values = Values::of(self)?;
        let of_chunk = |photos: &[Labelled<'_>]| {
            let mut sums = Sums::default();
            photos.iter().for_each(|(features, class)| sums.add(values.margin(features), *class, class_weights));
            sums
        };
        let sums: Vec<Sums> = photos.par_chunks(TOGETHER).map(of_chunk).collect();
        let mut all = Sums::default();
        sums.iter().for_each(|sums| all.join(sums));
        Ok(all.fit())
    }

    /// Probability of being cracked (N) of features (N, F), row by row.
    ///
    /// # Errors
    /// Where the head cannot be brought back from its device.
    pub fn p_positive(&self, features: &[f32]) -> Result<Vec<f32>> {
        let values = Values::of(self)?;
        let columns = (values.weight.len() / 2).max(1);
        let rows = features.par_chunks_exact(columns).with_min_len(TOGETHER);
        Ok(rows.map(|features| sigmoid(values.margin(features))).collect())
    }
}

/// Weights of the classes that make both count alike: photos / (2 · photos of the class).
pub fn class_weights(classes: impl Iterator<Item = usize> + Clone) -> [f32; 2] {
    let photos = classes.clone().count() as f32;
    [0, 1].map(|class| photos / (2.0 * classes.clone().filter(|other| *other == class).count().max(1) as f32))
}

impl Values {
    fn of(head: &Head) -> Result<Self> {
        let (weight, bias) = head.values()?;
        Ok(Self { weight, bias: [0, 1].map(|class: usize| bias.get(class).copied().unwrap_or_default()) })
    }

    /// How much more speaks for a crack than against one: the difference of the logits.
    fn margin(&self, features: &[f32]) -> f32 {
        let (intact, cracked) = self.weight.split_at(self.weight.len() / 2);
        (dot(cracked, features) + self.bias[1]) - (dot(intact, features) + self.bias[0])
    }
}

impl Sums {
    fn add(&mut self, margin: f32, class: usize, class_weights: [f32; 2]) {
        let wrong = if class == 1 { -margin } else { margin };
        let weight = f64::from(class_weights.get(class).copied().unwrap_or(1.0));
        self.loss += weight * f64::from(softplus(wrong));
        self.weight += weight;
        // Of equal logits the first counts as the larger.
        self.right += usize::from((margin > 0.0) == (class == 1));
    }

    fn join(&mut self, other: &Self) {
        self.loss += other.loss;
        self.weight += other.weight;
        self.right += other.right;
    }

    fn fit(&self) -> Fit {
        Fit { loss: self.loss / self.weight, right: self.right }
    }
}

impl Slope {
    fn of(weight: Vec<f32>, bias: [f32; 2]) -> CandleResult<Self> {
        let columns = weight.len() / 2;
        let weight = Tensor::from_vec(weight, (2, columns), &Device::Cpu)?;
        Ok(Self { weight, bias: Tensor::new(&bias, &Device::Cpu)? })
    }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut sums = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        sums.iter_mut().zip(a.iter().zip(b)).for_each(|(sum, (a, b))| *sum += a * b);
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}

/// ln(1 + eˣ): the cross entropy of two logits, of which the wrong one is larger by x. The sum is rounded to single
/// precision before its logarithm is taken, as PyTorch and candle do it, so that losses of nearly nothing agree as well.
fn softplus(x: f32) -> f32 {
    x.max(0.0) + (1.0 + (-x.abs()).exp()).ln()
}

/// 1 / (1 + e⁻ˣ): the softmax of two logits, of which this one is larger by x.
fn sigmoid(x: f32) -> f32 {
    let small = (-x.abs()).exp();
    if x >= 0.0 { 1.0 / (1.0 + small) } else { small / (1.0 + small) }
}

#[cfg(test)]
mod tests {
    use rand::Rng;

    use super::*;
    use crate::nn::head::cross_entropy;
    use crate::nn::random;

    /// Some rows of features, their classes, and a head.
    fn case(rows: usize, columns: usize, seed: u64) -> (Vec<f32>, Vec<usize>, Head) {
        let mut rng = random::generator(seed, 0);
        let features = (0..rows * columns).map(|_| rng.random_range(-2.0..2.0)).collect();
        let classes = (0..rows).map(|_| rng.random_range(0..2)).collect();
        (features, classes, Head::random(columns, seed, &Device::Cpu).unwrap())
    }

    fn labelled<'a>(features: &'a [f32], classes: &[usize], columns: usize) -> Vec<Labelled<'a>> {
        features.chunks(columns).zip(classes.iter().copied()).collect()
    }

    fn close(found: &Tensor, expected: &Tensor) -> bool {
        let values = |tensor: &Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let pairs: Vec<_> = values(found).into_iter().zip(values(expected)).collect();
        found.dims() == expected.dims() && pairs.iter().all(|(a, b)| (a - b).abs() <= 1e-5 * b.abs().max(0.1))
    }

    #[test]
    fn loss_gradient_and_probability_agree_with_candles_on_random_shapes() {
        for (seed, (rows, columns)) in
            [(1, 1), (2, 5), (7, 16), (100, 512), (33, 1280), (64, 37)].into_iter().enumerate()
        {
            let (features, classes, head) = case(rows, columns, seed as u64);
            for class_weights in [[1.0, 1.0], [0.3, 2.5]] {
                let photos = labelled(&features, &classes, columns);
                let (fit, slope) = head.slope(photos.iter().copied(), class_weights).unwrap();

                let input = Tensor::from_slice(&features, (rows, columns), &Device::Cpu).unwrap();
                let indices: Vec<u32> = classes.iter().map(|class| *class as u32).collect();
                let indices = Tensor::new(indices.as_slice(), &Device::Cpu).unwrap();
                let weights = Tensor::new(&class_weights, &Device::Cpu).unwrap();
                let logits = head.logits(&input).unwrap();
                let loss = cross_entropy(&logits, &indices, Some(&weights)).unwrap();
                let gradients = loss.backward().unwrap();
                let expected: f32 = loss.to_scalar().unwrap();
                assert!((fit.loss - f64::from(expected)).abs() < 1e-5, "{} instead of {expected}", fit.loss);
                for (variable, gradient) in head.variables().into_iter().zip(slope.tensors()) {
                    assert!(close(gradient, gradients.get(variable).unwrap()), "{rows} x {columns}");
                }
                let logits = logits.to_vec2::<f32>().unwrap();
                let right = logits.iter().zip(&classes).filter(|(l, class)| (l[1] > l[0]) == (**class == 1)).count();
                assert_eq!(fit.right, right);
                let whole = head.fit(&photos, class_weights).unwrap();
                assert!((whole.loss - fit.loss).abs() < 1e-9 && whole.right == right);
                for (p, logits) in head.p_positive(&features).unwrap().iter().zip(logits) {
                    let expected = 1.0 / (1.0 + (logits[0] - logits[1]).exp());
                    assert!((p - expected).abs() < 1e-5, "{p} instead of {expected}");
                }
            }
        }
    }

    #[test]
    fn the_sum_over_many_photos_does_not_hang_on_the_number_of_threads() {
        let (features, classes, head) = case(3 * TOGETHER + 7, 24, 5);
        let photos = labelled(&features, &classes, 24);
        let in_threads = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| head.fit(&photos, [1.0, 1.0]).unwrap())
        };
        assert_eq!(in_threads(1), in_threads(3));
    }

    #[test]
    fn logits_far_apart_are_no_trouble() {
        assert_eq!((softplus(200.0), softplus(-200.0)), (200.0, 0.0));
        assert_eq!((sigmoid(200.0), sigmoid(-200.0)), (1.0, 0.0));
        assert!((softplus(0.0) - 2f32.ln()).abs() < 1e-7);
    }
}
