//! Photos of several sources in fixed shares, both classes equally often, some held back.

use std::collections::HashSet;

use rand::Rng;
use rayon::prelude::*;

use crate::dataset::group::{self, ContentKey};
use crate::dataset::{Class, Dataset, Sample};
use crate::error::{Error, Result};
use crate::job::{Meter, Phase, Watch};
use crate::nn::head::Head;
use crate::nn::network::{INPUT_VALUES, Network};
use crate::nn::random;
use crate::photo::augment::{self, Augmentation};
use crate::photo::{decode, transform};

/// Photos that follow each other in a folder and are held back, or learned from, together: neighbours in numbering are
/// often pieces of the same photo.
const BLOCK: usize = 20;
/// One block of so many is held back.
const HELD_BACK: usize = 10;
/// Photos that go through the network together when it is judged.
const JUDGED: usize = 32;

/// Photos to learn from and to be judged by.
pub struct Mixture {
    sources: Vec<Source>,
}

/// The photos of one place.
struct Source {
    name: String,
    share: f64,
    /// Of class `Negative`, then `Positive`.
    train: [Vec<Sample>; 2],
    held_back: Vec<Sample>,
}

/// How many photos a source gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceSummary {
    /// Its name.
    pub name: String,
    /// Photos to learn from.
    pub train: usize,
    /// Photos held back.
    pub held_back: usize,
}

impl Mixture {
    /// Divides each data set. The more photos a source has, the larger its share, but only as the square root.
    ///
    /// # Errors
    /// Where a source lacks photos of a class, or the user stops it.
    pub fn new(datasets: &[Dataset], watch: &dyn Watch) -> Result<Self> {
        let sources = datasets.iter().map(|dataset| Source::new(dataset, watch)).collect::<Result<Vec<_>>>()?;
        Ok(Self { sources })
    }

    /// How many photos each source gives.
    pub fn summary(&self) -> Vec<SourceSummary> {
        let of = |source: &Source| SourceSummary {
            name: source.name.clone(),
            train: source.train.iter().map(Vec::len).sum(),
            held_back: source.held_back.len(),
        };
        self.sources.iter().map(of).collect()
    }

    /// The photos of one step, varied, ready for the network, with their classes: the same for the same seed and step.
    ///
    /// # Errors
    /// Where none of them can be read.
    pub fn batch(
        &self,
        seed: u64,
        step: usize,
        count: usize,
        side: usize,
        variation: &Augmentation,
    ) -> Result<(Vec<f32>, Vec<Class>)> {
        let photos: Vec<_> = (0..count)
            .into_par_iter()
            .filter_map(|place| {
                let mut rng = random::generator(seed, STREAM + (step * count + place) as u64);
                let class = Class::ALL[place % 2];
                let photo = decode::decode(&self.draw(class, &mut rng)?.path).ok()?;
                let varied = augment::augment(&photo, side as u32, variation, &mut rng);
                let mut values = vec![0.0; 3 * side * side];
                transform::normalise(&varied, &mut values);
                Some((values, class))
            })
            .collect();
        if photos.is_empty() {
            return Err(Error::new("None of the photos of a step can be read"));
        }
        let classes = photos.iter().map(|(_, class)| *class).collect();
        Ok((photos.into_iter().flat_map(|(values, _)| values).collect(), classes))
    }

    /// A photo of this class, of a source by its share.
    fn draw(&self, class: Class, rng: &mut impl Rng) -> Option<&Sample> {
        let mut left = rng.random::<f64>() * self.sources.iter().map(|source| source.share).sum::<f64>();
        let source = self.sources.iter().find(|source| {
            left -= source.share;
            left < 0.0
        });
        let photos = source.or(self.sources.last())?.train.get(class.index())?;
        photos.get(rng.random_range(0..photos.len()))
    }
}

/// First stream of random numbers for the photos of steps.
const STREAM: u64 = 1 << 32;

type Keyed<'a> = (&'a Sample, Option<ContentKey>);

impl Source {
    fn new(dataset: &Dataset, watch: &dyn Watch) -> Result<Self> {
        let keys = group::content_keys(&dataset.samples, watch)?.keys;
        let mut held_back_keys: HashSet<ContentKey> = HashSet::new();
        let (mut train, mut held_back): ([Vec<Keyed<'_>>; 2], Vec<Sample>) = Default::default();
        for (class, train) in Class::ALL.into_iter().zip(&mut train) {
            let of_class = dataset.samples.iter().zip(&keys).filter(|(sample, _)| sample.label == Some(class));
            for (place, (sample, key)) in of_class.enumerate() {
                if (place / BLOCK) % HELD_BACK == HELD_BACK / 2 {
                    held_back.push(sample.clone());
                    held_back_keys.extend(key);
                } else {
                    train.push((sample, *key));
                }
            }
        }
        let known = |key: &Option<ContentKey>| key.is_some_and(|key| held_back_keys.contains(&key));
        let train = train.map(|photos| {
            photos.into_iter().filter(|(_, key)| !known(key)).map(|(sample, _)| sample.clone()).collect::<Vec<_>>()
        });
        if train.iter().any(Vec::is_empty) {
            return Err(Error::new(format!("{} lacks photos of one of the classes", dataset.name())));
        }
        let share = (train.iter().map(Vec::len).sum::<usize>() as f64).sqrt();
        Ok(Self { name: dataset.name(), share, train, held_back })
    }
}

/// What network and head say of one photo: the logit of cracked minus that of intact, and the truth.
pub(super) type Judged = (f64, Class);

/// The photos that were held back, source by source. Those that cannot be read are passed over.
pub(super) fn judge(
    mixture: &Mixture,
    network: &Network,
    head: &Head,
    watch: &dyn Watch,
) -> Result<Vec<(String, Vec<Judged>)>> {
    let (weight, bias) = head.contrast().map_err(super::cannot)?;
    let all: usize = mixture.sources.iter().map(|source| source.held_back.len()).sum();
    let mut meter = Meter::new(watch, Phase::Features, Some(all as u64));
    let mut judge = |photos: &[Sample]| {
        let read = |sample: &Sample| Some((transform::load_input(&sample.path).ok()?, sample.label?));
        let inputs: Vec<(Vec<f32>, Class)> = photos.par_iter().filter_map(read).collect();
        let classes: Vec<Class> = inputs.iter().map(|(_, class)| *class).collect();
        let mut values = Vec::with_capacity(inputs.len() * INPUT_VALUES);
        inputs.iter().for_each(|(input, _)| values.extend_from_slice(input));
        let features = network.features(&values, classes.len())?;
        meter.add(photos.len() as u64);
        let logit = |row: &[f32]| row.iter().zip(&weight).map(|(f, w)| f64::from(f * w)).sum::<f64>() + f64::from(bias);
        Ok(features.chunks_exact(weight.len()).map(logit).zip(classes).collect::<Vec<Judged>>())
    };
    mixture
        .sources
        .iter()
        .map(|source| {
            let judged = source.held_back.chunks(JUDGED).map(&mut judge).collect::<Result<Vec<_>>>()?;
            Ok((source.name.clone(), judged.concat()))
        })
        .collect()
}
