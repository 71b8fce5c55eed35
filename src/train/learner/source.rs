//! Where deeper layers take what goes into them from: photos, or the maps before the last block.

use candle_core::{Device, Tensor};
use rayon::prelude::*;

use super::cannot_train;
use crate::dataset::group::ContentKey;
use crate::dataset::{Class, Sample};
use crate::error::{Error, Result};
use crate::job::Flag;
use crate::nn::network::Network;
use crate::photo::{INPUT_SIZE, decode, transform};
use crate::train::augment::Variants;
use crate::train::map_cache::MapCache;

/// A photo to learn from or be judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Example {
    /// Its number in the data set.
    pub photo: usize,
    /// What it shows.
    pub class: Class,
    /// Which [variant](Variants) of it; 0 is the photo itself.
    pub variant: u32,
}

/// Gives what goes into the first trained layer.
pub enum Source<'a> {
    /// Photos, decoded anew each time.
    Photos(Photos<'a>),
    /// The maps before the last block, computed once and kept on disk.
    Maps(Box<Maps<'a>>),
    /// The same values each time, whatever is asked for: to measure a step without what comes before it.
    Fixed(Tensor),
}

/// Photos, and how they are varied.
#[derive(Clone, Copy)]
pub struct Photos<'a> {
    /// The photos of the data set.
    pub samples: &'a [Sample],
    /// Their contents.
    pub keys: &'a [Option<ContentKey>],
    /// What their variants are, if there are any.
    pub variants: Option<Variants>,
}

/// Maps from the cache; those that it does not hold are computed anew each time.
pub struct Maps<'a> {
    /// Where they come from.
    pub photos: Photos<'a>,
    /// The frozen layers.
    pub network: &'a Network,
    /// What is kept of photos.
    pub cache: MapCache,
    /// What is kept of their variants.
    pub variants: Option<MapCache>,
}

impl Source<'_> {
    /// What goes in (N, C, H, W) for some examples, with their classes.
    ///
    /// # Errors
    /// Where a photo can no longer be read or is another one by now, as when a stick is pulled: to go on with what is left
    /// would be to train on other photos than the run says. [`Error::cancelled`] where `stop` is set meanwhile.
    pub fn batch(&mut self, examples: &[Example], stop: &Flag) -> Result<(Tensor, Vec<Class>)> {
        match self {
            Self::Photos(photos) => {
                let photos = *photos;
                let input =
                    |example: &Example| if stop.get() { Err(Error::cancelled()) } else { photos.input(example) };
                let inputs = examples.par_iter().map(input).collect::<Result<_>>()?;
                stack(inputs, examples, [3, INPUT_SIZE, INPUT_SIZE])
            }
            Self::Fixed(values) => Ok((values.clone(), examples.iter().map(|example| example.class).collect())),
            Self::Maps(maps) => {
                let shape = maps.network.maps_shape();
                let mut input = |example| if stop.get() { Err(Error::cancelled()) } else { maps.get(example) };
                let inputs = examples.iter().map(&mut input).collect::<Result<_>>()?;
                stack(inputs, examples, shape)
            }
        }
    }

    /// Whether every epoch is to vary every photo anew.
    pub fn varies_by_epoch(&self) -> bool {
        matches!(self, Self::Photos(Photos { variants: Some(_), .. }))
    }
}

impl Photos<'_> {
    /// What the network takes in for an example.
    fn input(&self, example: &Example) -> Result<Vec<f32>> {
        let photo = self.samples.get(example.photo).zip(self.keys.get(example.photo).and_then(Option::as_ref));
        let (sample, key) = photo.ok_or_else(|| Error::new("A photo to be trained on has no content"))?;
        let load = || {
            let bytes = decode::read_known(&sample.path, key)?;
            match self.variants {
                None => transform::load_input_from_bytes(&sample.path, &bytes),
                Some(variants) => variants.load_input(&sample.path, &bytes, key, example.variant),
            }
        };
        load().map_err(|error| {
            Error::new("A photo that is trained on can no longer be read")
                .detail(error.one_line())
                .hint("see that the disk or share is connected, and go on with --resume: the epochs so far are kept")
        })
    }

    /// Under which key something is kept of an example.
    fn key(&self, example: &Example) -> Option<ContentKey> {
        Some(Variants::key(self.keys.get(example.photo)?.as_ref()?, example.variant))
    }
}

impl Maps<'_> {
    fn get(&mut self, example: &Example) -> Result<Vec<f32>> {
        let cache = if example.variant == 0 { Some(&mut self.cache) } else { self.variants.as_mut() };
        let kept = self.photos.key(example).zip(cache).and_then(|(key, cache)| cache.get(&key));
        match kept {
            Some(kept) => Ok(kept),
            None => self.network.maps_before_last_block(&self.photos.input(example)?, 1),
        }
    }
}

/// The inputs as one tensor, with their classes.
fn stack(
    inputs: Vec<Vec<f32>>,
    examples: &[Example],
    [channels, height, width]: [usize; 3],
) -> Result<(Tensor, Vec<Class>)> {
    let mut values = Vec::with_capacity(inputs.len() * channels * height * width);
    inputs.iter().for_each(|input| values.extend_from_slice(input));
    let classes: Vec<Class> = examples.iter().map(|example| example.class).collect();
    if values.len() != classes.len() * channels * height * width {
        return Err(Error::new("A photo has not the size that the network takes"));
    }
    let shape = (classes.len(), channels, height, width);
    Tensor::from_vec(values, shape, &Device::Cpu).map_err(cannot_train).map(|tensor| (tensor, classes))
}
