//! Near copies among many photos: those whose sketches agree, whichever way they lie.
//!
//! Comparing all pairs eight times over would be 6.4 thousand million comparisons for 40,000 photos. Instead the 63 bits
//! of each photo are dealt out to four words of sixteen bits, and photos are looked up by each word and by each that
//! differs from it in one bit: two photos that differ in seven bits at most agree in one word up to one bit
//! (multi-index hashing: Norouzi, Punjani and Fleet 2012). What is found so is then held against the sketches.

use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use super::sketch::{COPY, Sketch, Turn};
use crate::error::Result;
use crate::job::{Meter, Phase, Watch};

/// Bits in which the hashes of copies may differ. Those of METU differ in five at most.
pub const RADIUS: u32 = 7;
/// Words that a hash is dealt out to. With one bit more or less in a word, `2 · WORDS − 1` bits are reached.
const WORDS: usize = 4;
/// Bits of a word.
const BITS: usize = 16;
/// Later copies of one photo that are kept. They are copies of each other, and so all are still found together.
const MOST: usize = 32;

/// Two photos, one a near copy of the other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Twins {
    /// The index of the first.
    pub first: usize,
    /// The index of the second, which is the higher one.
    pub second: usize,
    /// How the first must be turned to look like the second.
    pub turn: Turn,
    /// How alike they then are: the correlation of their sketches, 1 at most.
    pub likeness: f32,
}

/// All near copies among the photos with a sketch, by the first and then the second of a pair. Of a photo with very
/// many copies, only some pairs are named, but so that all of them hang together.
///
/// # Errors
/// Only where the user stops it.
pub fn near_copies(sketches: &[Option<&Sketch>], watch: &dyn Watch) -> Result<Vec<Twins>> {
    let hash = |sketch: &Option<&Sketch>| sketch.filter(|sketch| sketch.shows_something()).map(|s| s.hash(Turn::NONE));
    let hashes: Vec<Option<u64>> = sketches.par_iter().map(hash).collect();
    let index = Index::new(&hashes);
    let meter = Mutex::new(Meter::new(watch, Phase::Compare, Some(sketches.len() as u64)));
    let found = |first: usize| {
        watch.check()?;
        let twins = of_photo(first, sketches, &hashes, &index);
        meter.lock().unwrap_or_else(PoisonError::into_inner).add(1);
        Ok(twins)
    };
    let found = (0..sketches.len()).into_par_iter().map(found).collect::<Result<Vec<_>>>()?;
    Ok(found.into_iter().flatten().collect())
}

/// The copies of photo `first` among those after it.
fn of_photo(first: usize, sketches: &[Option<&Sketch>], hashes: &[Option<u64>], index: &Index) -> Vec<Twins> {
    let Some(sketch) =
        sketches.get(first).copied().flatten().filter(|_| hashes.get(first).is_some_and(Option::is_some))
    else {
        return Vec::new();
    };
    let mut likely: Vec<(usize, Turn)> = Vec::new();
    for turn in Turn::all() {
        let hash = sketch.hash(turn);
        index.near(hash, |second| {
            let close = |other: &u64| (other ^ hash).count_ones() <= RADIUS;
            if second > first && hashes.get(second).and_then(Option::as_ref).is_some_and(close) {
                likely.push((second, turn));
            }
        });
    }
    likely.sort_unstable();
    likely.dedup();
    let mut twins = Vec::new();
    for same in likely.chunk_by(|a, b| a.0 == b.0) {
        let best = same.iter().filter_map(|&(second, turn)| {
            let likeness = sketch.likeness(turn, sketches.get(second).copied().flatten()?);
            likeness.reaches(COPY).then_some(Twins { first, second, turn, likeness: likeness.all })
        });
        // Of ways that are as good the plainest comes first, and stays.
        twins.extend(best.reduce(|best, other| if other.likeness > best.likeness { other } else { best }));
        if twins.len() == MOST {
            break;
        }
    }
    twins
}

/// Photos by each word of their hashes.
struct Index {
    /// For each word: where the photos with each of its values begin in `photos`.
    begins: Vec<Vec<u32>>,
    photos: Vec<Vec<u32>>,
}

impl Index {
    fn new(hashes: &[Option<u64>]) -> Self {
        let mut index = Self { begins: Vec::new(), photos: Vec::new() };
        for word in 0..WORDS {
            let mut sorted: Vec<(u16, u32)> = Vec::with_capacity(hashes.len());
            let known = hashes.iter().enumerate().filter_map(|(i, hash)| Some((i as u32, (*hash)?)));
            sorted.extend(known.map(|(i, hash)| (word_of(hash, word), i)));
            sorted.sort_unstable();
            let mut begins = vec![0_u32; (1 << BITS) + 1];
            for (value, _) in &sorted {
                if let Some(count) = begins.get_mut(usize::from(*value) + 1) {
                    *count += 1;
                }
            }
            let mut sum = 0;
            begins.iter_mut().for_each(|begin| {
                sum += *begin;
                *begin = sum;
            });
            index.begins.push(begins);
            index.photos.push(sorted.into_iter().map(|(_, photo)| photo).collect());
        }
        index
    }

    /// Calls `take` with each photo that agrees with `hash` in one word up to one bit; perhaps more than once.
    fn near(&self, hash: u64, mut take: impl FnMut(usize)) {
        for (word, (begins, photos)) in self.begins.iter().zip(&self.photos).enumerate() {
            let exact = word_of(hash, word);
            let values = std::iter::once(exact).chain((0..BITS).map(|bit| exact ^ (1 << bit)));
            for value in values.map(usize::from) {
                let (Some(begin), Some(end)) = (begins.get(value), begins.get(value + 1)) else { continue };
                let here = photos.get(*begin as usize..*end as usize).unwrap_or_default();
                here.iter().for_each(|photo| take(*photo as usize));
            }
        }
    }
}

/// Every fourth bit from `word` on: neighbouring bits are of like frequencies and go together, so they are dealt out.
fn word_of(hash: u64, word: usize) -> u16 {
    (0..BITS).fold(0, |value, bit| (value << 1) | ((hash >> (bit * WORDS + word)) & 1) as u16)
}

#[cfg(test)]
mod tests {
    use image::{RgbImage, imageops};

    use super::*;
    use crate::dataset::Class;
    use crate::dataset::sample::concrete;
    use crate::job::Unwatched;

    fn found(photos: &[RgbImage]) -> Vec<(usize, usize, &'static str)> {
        let sketches: Vec<Sketch> = photos.iter().map(Sketch::of).collect();
        let sketches: Vec<Option<&Sketch>> = sketches.iter().map(Some).collect();
        let twins = near_copies(&sketches, &Unwatched).unwrap();
        assert!(twins.iter().all(|twins| twins.likeness >= COPY.all && twins.likeness <= 1.0001));
        twins.iter().map(|twins| (twins.first, twins.second, twins.turn.name())).collect()
    }

    #[test]
    fn copies_are_found_among_others_and_nothing_else_is() {
        let mut photos: Vec<RgbImage> = (0..40).map(|seed| concrete(96, Class::ALL[seed as usize % 2], seed)).collect();
        photos.push(imageops::flip_horizontal(&photos[3]));
        photos.push(imageops::rotate90(&photos[10]));
        photos.push(imageops::resize(&photos[20], 80, 80, imageops::FilterType::Triangle));
        photos.push(RgbImage::from_pixel(96, 96, image::Rgb([80; 3])));
        photos.push(RgbImage::from_pixel(96, 96, image::Rgb([120; 3])));
        assert_eq!(found(&photos), [(3, 40, "mirrored"), (10, 41, "turned-90"), (20, 42, "upright")]);
    }

    #[test]
    fn many_copies_hang_together_without_all_pairs() {
        let photo = concrete(64, Class::Positive, 1);
        let copies = vec![photo; 100];
        let twins = found(&copies);
        assert!(twins.len() < 100 * MOST && twins.iter().filter(|twins| twins.0 == 0).count() == MOST);
        assert!((1..100).all(|second| twins.iter().any(|twins| twins.1 == second)));
    }

    #[test]
    fn every_hash_within_the_radius_is_looked_up() {
        let hash = 0x0123_4567_89ab_cdef_u64;
        let mut other = hash;
        for bit in [0, 9, 13, 22, 31, 40, 58] {
            other ^= 1 << bit;
        }
        let index = Index::new(&[Some(other), None, Some(!hash)]);
        let mut near = Vec::new();
        index.near(hash, |photo| near.push(photo));
        assert!(near.contains(&0) && !near.contains(&2), "{near:?}");
    }
}
