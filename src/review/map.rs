//! All photos on a plane, like beside like, by t-SNE (van der Maaten 2014) of their features.
//!
//! t-SNE lays out some of the photos, the landmarks; each other photo is put among the landmarks that are most like it.
//! The same photos and features give the same map, to the bit: the beginning is their principal plane, and the steps are
//! taken in one thread, since sums over several depend on who is the faster.

use bhtsne::{Neighbor, tSNE};
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::error::{Context, Result};
use crate::job::{Meter, Phase, Watch};
use crate::nn::nearest::{self, Near};
use crate::train::similarity::Similarity;

/// Photos that are laid out by t-SNE.
const LANDMARKS: usize = 5000;
/// About how many neighbours a photo is to stay close to.
const PERPLEXITY: f32 = 30.0;
/// Steps in which groups are drawn together more than they are, so that they find each other …
const GATHER: usize = 250;
/// … and steps after them.
const SPREAD: usize = 450;
/// Steps between two looks at whether to stop.
const TOGETHER: usize = 25;
/// How coarsely photos far away are taken together: 0 is exact.
const THETA: f32 = 0.6;
/// Landmarks that a photo is put among.
const AMONG: usize = 3;
/// Cosine by which a landmark may be less alike than the best and still count a third of it.
const REACH: f32 = 0.05;
/// Fewer photos than this are shown in their principal plane.
const FEW: usize = 12;
/// Turns of the power iteration.
const TURNS: usize = 40;

/// Where photos lie.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Map {
    /// For each photo its place, within −1 to 1; none for photos without features.
    pub places: Vec<Option<[f32; 2]>>,
    /// How many were laid out by t-SNE.
    pub landmarks: usize,
}

/// Lays the photos out. `seed` chooses the landmarks where there are more photos.
///
/// # Errors
/// Where there is no thread or no room, or the user stops it.
pub fn lay_out(similarity: &Similarity, seed: u64, watch: &dyn Watch) -> Result<Map> {
    let columns = similarity.columns().max(1);
    let units = similarity.units();
    let rows: Vec<&[f32]> = units.chunks_exact(columns).collect();
    let landmarks = choose(rows.len(), seed);
    let chosen: Vec<&[f32]> = landmarks.iter().filter_map(|row| rows.get(*row).copied()).collect();
    let laid = embed(&chosen.concat(), columns, watch)?;

    let mut of_row: Vec<Option<[f32; 2]>> = vec![None; rows.len()];
    for (row, place) in landmarks.iter().zip(&laid) {
        if let Some(slot) = of_row.get_mut(*row) {
            *slot = Some(*place);
        }
    }
    let rest: Vec<usize> = (0..rows.len()).filter(|row| of_row.get(*row).is_some_and(Option::is_none)).collect();
    let others: Vec<&[f32]> = rest.iter().filter_map(|row| rows.get(*row).copied()).collect();
    let near = nearest::nearest(&others.concat(), &chosen.concat(), columns, AMONG, watch)?;
    for (row, near) in rest.iter().zip(near) {
        if let Some(slot) = of_row.get_mut(*row) {
            *slot = among(&laid, &near);
        }
    }
    let mut places = vec![None; similarity.photos()];
    for (photo, place) in similarity.photo_of().iter().zip(of_row) {
        if let Some(slot) = places.get_mut(*photo) {
            *slot = place;
        }
    }
    fit(&mut places);
    Ok(Map { places, landmarks: landmarks.len() })
}

/// The landmarks among so many rows, ascending.
fn choose(rows: usize, seed: u64) -> Vec<usize> {
    let mut all: Vec<usize> = (0..rows).collect();
    if rows > LANDMARKS {
        all.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        all.truncate(LANDMARKS);
        all.sort_unstable();
    }
    all
}

/// The places of rows of length one by t-SNE.
fn embed(units: &[f32], columns: usize, watch: &dyn Watch) -> Result<Vec<[f32; 2]>> {
    let count = units.len() / columns;
    let beginning = principal_plane(units, columns);
    if count < FEW {
        return Ok(beginning);
    }
    let perplexity = PERPLEXITY.min((count - 1) as f32 / 3.0 - 1.0).max(1.0);
    let near = nearest::nearest(units, units, columns, 3 * perplexity as usize + 1, watch)?;
    let neighbours: Vec<Vec<Neighbor<f32>>> =
        near.iter().enumerate().map(|(row, near)| neighbours(row, near, 3 * perplexity as usize)).collect();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).thread_name(|_| "map".to_owned()).build();
    pool.context("Cannot start a thread")?.install(|| steps(&beginning, &neighbours, perplexity, watch))
}

/// The rows that a row is to stay close to, itself left out, by their Euclidean distance.
fn neighbours(row: usize, near: &[Near], count: usize) -> Vec<Neighbor<f32>> {
    let others = near.iter().filter(|(other, _)| *other as usize != row).take(count);
    let distance = |cosine: f32| (2.0 * (1.0 - cosine)).max(0.0).sqrt();
    others.map(|&(index, cosine)| Neighbor { index: index as usize, distance: distance(cosine) }).collect()
}

/// The steps of t-SNE, some at a time, so that it can be stopped in between.
fn steps(
    beginning: &[[f32; 2]],
    neighbours: &[Vec<Neighbor<f32>>],
    perplexity: f32,
    watch: &dyn Watch,
) -> Result<Vec<[f32; 2]>> {
    let nothing = vec![(); beginning.len()];
    let mut places: Vec<f32> = beginning.iter().flatten().map(|value| value * 1e-2).collect();
    let mut meter = Meter::new(watch, Phase::Map, Some((GATHER + SPREAD) as u64));
    let mut tsne: tSNE<'_, f32, (), 2> = tSNE::new(&nothing);
    tsne.perplexity(perplexity).epochs(TOGETHER).stop_lying_epoch(usize::MAX).momentum_switch_epoch(usize::MAX);
    for done in (0..GATHER + SPREAD).step_by(TOGETHER) {
        watch.check()?;
        tsne.momentum(if done < GATHER { 0.5 } else { 0.8 });
        if done >= GATHER {
            tsne.stop_lying_epoch(0);
        }
        tsne.initial_embedding(places);
        // What is kept close to what is worked out the first time, and found again after that.
        if done == 0 {
            tsne.barnes_hut_with_neighbors(THETA, neighbours);
        } else {
            tsne.barnes_hut(THETA, |(), ()| 0.0);
        }
        places = tsne.embedding();
        meter.add(TOGETHER as u64);
    }
    Ok(places.as_chunks().0.to_vec())
}

/// Where a photo lies whose nearest landmarks are these: nearest to the one most like it.
fn among(laid: &[[f32; 2]], near: &[Near]) -> Option<[f32; 2]> {
    let &(_, best) = near.first()?;
    let mut sum = [0.0; 2];
    let mut weights = 0.0;
    for (landmark, cosine) in near {
        let [x, y] = *laid.get(*landmark as usize)?;
        let weight = libm::expf((cosine - best) / REACH);
        sum = [sum[0] + weight * x, sum[1] + weight * y];
        weights += weight;
    }
    Some(sum.map(|value| value / weights))
}

/// Rows in the plane in which they differ the most, within −1 to 1: by power iteration, one direction after the other.
fn principal_plane(rows: &[f32], columns: usize) -> Vec<[f32; 2]> {
    let mut directions: Vec<Vec<f32>> = Vec::new();
    for axis in 0..2 {
        let mut direction: Vec<f32> = (0..columns).map(|i| libm::sinf((i * (axis + 2) + 1) as f32)).collect();
        for _ in 0..TURNS {
            for known in &directions {
                let shadow = product(&direction, known);
                direction.iter_mut().zip(known).for_each(|(value, known)| *value -= shadow * known);
            }
            let mut turned = vec![0.0; columns];
            for row in rows.chunks_exact(columns) {
                let along = product(row, &direction);
                turned.iter_mut().zip(row).for_each(|(sum, value)| *sum += along * value);
            }
            let length = product(&turned, &turned).sqrt();
            if length <= 1e-12 {
                break;
            }
            direction = turned.into_iter().map(|value| value / length).collect();
        }
        directions.push(direction);
    }
    let place = |row: &[f32]| [0, 1].map(|axis| directions.get(axis).map_or(0.0, |direction| product(row, direction)));
    let mut places: Vec<Option<[f32; 2]>> = rows.chunks_exact(columns).map(|row| Some(place(row))).collect();
    fit(&mut places);
    places.into_iter().flatten().collect()
}

fn product(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Scales places so that they fill −1 to 1 in one direction at least.
fn fit(places: &mut [Option<[f32; 2]>]) {
    let (mut low, mut high) = ([f32::INFINITY; 2], [f32::NEG_INFINITY; 2]);
    for place in places.iter().flatten() {
        low = [low[0].min(place[0]), low[1].min(place[1])];
        high = [high[0].max(place[0]), high[1].max(place[1])];
    }
    let half = ((high[0] - low[0]).max(high[1] - low[1]) / 2.0).max(1e-12);
    let centre = [(low[0] + high[0]) / 2.0, (low[1] + high[1]) / 2.0];
    for [x, y] in places.iter_mut().flatten() {
        (*x, *y) = ((*x - centre[0]) / half, (*y - centre[1]) / half);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::job::{Progress, Unwatched};
    use crate::train::features::Features;

    /// Photos of three kinds that differ a little within each, the last of which cannot be read.
    fn similarity(photos: usize) -> Similarity {
        let value = |photo: usize, i: usize| {
            let noise = ((photo * 31 + i * 17 + photo * i) % 97) as f32 / 97.0;
            (if i % 3 == photo % 3 { 3.0 } else { 0.0 }) + noise
        };
        let values = (0..photos).flat_map(|photo| (0..24).map(move |i| value(photo, i))).collect();
        let row_of = (0..photos).map(|photo| Some(photo as u32)).chain([None]).collect();
        Similarity::new(Arc::new(Features { columns: 24, values, row_of }))
    }

    fn distance(a: [f32; 2], b: [f32; 2]) -> f32 {
        ((a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2)).sqrt()
    }

    #[test]
    fn like_lies_beside_like_and_each_time_at_the_same_place() {
        let similarity = similarity(120);
        let map = lay_out(&similarity, 0, &Unwatched).unwrap();
        assert_eq!((map.places.len(), map.places[120], map.landmarks), (121, None, 120));
        let places: Vec<[f32; 2]> = map.places.iter().flatten().copied().collect();
        assert!(places.iter().flatten().all(|value| value.abs() <= 1.0 + 1e-5));
        let mut right = 0;
        for (photo, place) in places.iter().enumerate() {
            let others = places.iter().enumerate().filter(|(other, _)| *other != photo);
            let nearest = others.min_by(|a, b| distance(*a.1, *place).total_cmp(&distance(*b.1, *place))).unwrap().0;
            right += usize::from(nearest % 3 == photo % 3);
        }
        assert!(right >= 114, "{right} of 120");
        assert_eq!(lay_out(&similarity, 0, &Unwatched).unwrap(), map);
    }

    #[test]
    fn a_handful_of_photos_has_a_map_too() {
        for photos in [0, 1, 2, 5, 12, 13] {
            let map = lay_out(&similarity(photos), 0, &Unwatched).unwrap();
            assert_eq!(map.places.iter().flatten().count(), photos);
            assert!(map.places.iter().flatten().flatten().all(|value| value.is_finite()), "{photos}");
        }
    }

    #[test]
    fn landmarks_are_chosen_by_seed_and_each_once() {
        assert_eq!(choose(4, 1), [0, 1, 2, 3]);
        let chosen = choose(LANDMARKS + 500, 1);
        assert_eq!((chosen.len(), &chosen), (LANDMARKS, &choose(LANDMARKS + 500, 1)));
        assert!(chosen.is_sorted_by(|a, b| a < b) && chosen != choose(LANDMARKS + 500, 2));
    }

    #[test]
    fn other_photos_lie_among_their_landmarks() {
        let laid = [[0.0, 0.0], [1.0, 0.0], [9.0, 9.0]];
        let [x, y] = among(&laid, &[(1, 0.9), (0, 0.9 - REACH)]).unwrap();
        assert!((x - 1.0 / (1.0 + (-1.0_f32).exp())).abs() < 1e-5 && y == 0.0, "{x}");
        assert_eq!(among(&laid, &[]), None);
    }

    #[test]
    fn the_user_can_stop_it() {
        struct Impatient;
        impl Watch for Impatient {
            fn progress(&self, _: Progress) {}
            fn is_cancelled(&self) -> bool {
                true
            }
        }
        assert!(lay_out(&similarity(60), 0, &Impatient).unwrap_err().is_cancelled());
    }
}
