//! How alike photos are, by their features.
//!
//! The measure is the cosine of the angle between two rows of features from which the mean row is taken away: without
//! that all photos of concrete look alike to the network, since its features are never negative. The distance is one
//! minus the cosine: 0 for the same features, 1 for nothing in common.

use std::sync::Arc;

use rayon::prelude::*;

use super::features::Features;
use crate::error::Result;
use crate::job::Watch;
use crate::nn::nearest::{self, Near};

/// Lanes that products are summed in, so that the compiler uses the processor's vectors.
const LANES: usize = 16;

/// Features, ready to be compared.
pub struct Similarity {
    features: Arc<Features>,
    /// Mean of all rows.
    mean: Vec<f32>,
    /// For each row one over its length without the mean; 0 for a row that is the mean.
    scale: Vec<f32>,
    /// The photo of each row.
    photo_of: Vec<usize>,
}

/// A photo that is like another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Neighbour {
    /// Its number in the data set.
    pub photo: usize,
    /// One minus the cosine: 0 to 2.
    pub distance: f32,
}

impl Similarity {
    /// Works out mean and lengths: two passes over the features.
    pub fn new(features: Arc<Features>) -> Self {
        let columns = features.columns.max(1);
        let mut sum = vec![0.0_f64; columns];
        for row in features.values.chunks_exact(columns) {
            sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += f64::from(*value));
        }
        let rows = features.values.len() / columns;
        let mean: Vec<f32> = sum.into_iter().map(|sum| (sum / rows.max(1) as f64) as f32).collect();
        let length = |row: &[f32]| row.iter().zip(&mean).map(|(a, m)| (a - m) * (a - m)).sum::<f32>().sqrt();
        let scale = features.values.par_chunks_exact(columns).map(|row| inverse(length(row))).collect();
        let mut photo_of = vec![0; rows];
        for (photo, row) in features.row_of.iter().enumerate() {
            if let Some(slot) = row.and_then(|row| photo_of.get_mut(row as usize)) {
                *slot = photo;
            }
        }
        Self { features, mean, scale, photo_of }
    }

    /// How many photos it is of, those without features included.
    pub fn photos(&self) -> usize {
        self.features.row_of.len()
    }

    /// The photos most like `photo`, the most alike first, at most `count`; none where it has no features.
    pub fn nearest(&self, photo: usize, count: usize) -> Option<Vec<Neighbour>> {
        let row = (*self.features.row_of.get(photo)?)?;
        let own = self.features.get(photo)?;
        let scale = *self.scale.get(row as usize)?;
        let query: Vec<f32> = own.iter().zip(&self.mean).map(|(a, m)| (a - m) * scale).collect();
        let of_mean = dot(&query, &self.mean);
        let columns = self.features.columns.max(1);
        let rows = self.features.values.par_chunks_exact(columns).zip(&self.scale);
        let cosines: Vec<f32> = rows.map(|(row, scale)| (dot(&query, row) - of_mean) * scale).collect();
        let found = nearest::largest(&cosines, count + 1);
        Some(found.into_iter().filter(|(other, _)| *other != row).take(count).map(|n| self.neighbour(n)).collect())
    }

    /// For each photo the `count` most like it, itself left out; empty for those without features.
    ///
    /// # Errors
    /// Where there is no room, or the user stops it.
    pub fn all_nearest(&self, count: usize, watch: &dyn Watch) -> Result<Vec<Vec<Neighbour>>> {
        let units = self.units();
        let found = nearest::nearest(&units, &units, self.features.columns, count + 1, watch)?;
        let mut of_photo = vec![Vec::new(); self.photos()];
        for ((row, found), photo) in found.into_iter().enumerate().zip(&self.photo_of) {
            let others = found.into_iter().filter(|(other, _)| *other as usize != row).take(count);
            if let Some(slot) = of_photo.get_mut(*photo) {
                *slot = others.map(|near| self.neighbour(near)).collect();
            }
        }
        Ok(of_photo)
    }

    /// The rows of length one whose products are the cosines (rows, columns).
    pub fn units(&self) -> Vec<f32> {
        let columns = self.features.columns.max(1);
        let mut units = self.features.values.clone();
        units.par_chunks_exact_mut(columns).zip(&self.scale).for_each(|(row, scale)| {
            row.iter_mut().zip(&self.mean).for_each(|(value, mean)| *value = (*value - mean) * scale);
        });
        units
    }

    /// Values in a row.
    pub fn columns(&self) -> usize {
        self.features.columns
    }

    /// The photo of each row of [`Similarity::units`].
    pub fn photo_of(&self) -> &[usize] {
        &self.photo_of
    }

    fn neighbour(&self, (row, cosine): Near) -> Neighbour {
        let photo = self.photo_of.get(row as usize).copied().unwrap_or_default();
        Neighbour { photo, distance: (1.0 - cosine).max(0.0) }
    }
}

fn inverse(length: f32) -> f32 {
    if length > 1e-12 { 1.0 / length } else { 0.0 }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a_lanes, a_rest) = a.as_chunks::<LANES>();
    let (b_lanes, b_rest) = b.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for (a, b) in a_lanes.iter().zip(b_lanes) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    sums.iter().sum::<f32>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f32>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::Unwatched;

    /// Four photos in two directions from their mean, and one that cannot be read between them.
    fn similarity() -> Similarity {
        let values = vec![5.0, 1.0, 5.0, 1.2, 1.0, 5.0, 1.0, 4.8];
        let row_of = vec![Some(0), None, Some(1), Some(2), Some(3)];
        Similarity::new(Arc::new(Features { columns: 2, values, row_of }))
    }

    #[test]
    fn the_most_alike_come_first_and_the_photo_itself_not_at_all() {
        let similarity = similarity();
        let found = similarity.nearest(0, 10).unwrap();
        assert_eq!(found.iter().map(|near| near.photo).collect::<Vec<_>>(), [2, 4, 3]);
        assert!(found[0].distance < 0.01 && found[2].distance > 1.9, "{found:?}");
        assert_eq!(similarity.nearest(0, 1).unwrap().len(), 1);
        assert_eq!((similarity.nearest(1, 3), similarity.nearest(9, 3)), (None, None));
    }

    #[test]
    fn all_against_all_agrees_with_one_against_all() {
        let similarity = similarity();
        let all = similarity.all_nearest(2, &Unwatched).unwrap();
        assert!(all[1].is_empty());
        for photo in [0, 2, 3, 4] {
            for (a, b) in all[photo].iter().zip(similarity.nearest(photo, 2).unwrap()) {
                assert_eq!(a.photo, b.photo);
                assert!((a.distance - b.distance).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn photos_that_are_all_the_same_have_no_direction() {
        let features = Features { columns: 3, values: vec![2.0; 6], row_of: vec![Some(0), Some(1)] };
        let found = Similarity::new(Arc::new(features)).nearest(0, 5).unwrap();
        assert_eq!(found, [Neighbour { photo: 1, distance: 1.0 }]);
    }
}
