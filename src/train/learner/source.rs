//! Where deeper layers take what goes into them from: photos, or the maps before the last block.

use candle_core::{Device, Tensor};
use rayon::prelude::*;

use super::cannot_train;
use crate::dataset::group::ContentKey;
use crate::dataset::{Class, Sample};
use crate::error::{Error, Result};
use crate::nn::network::Network;
use crate::photo::{INPUT_SIZE, transform};
use crate::train::map_cache::MapCache;

/// Gives what goes into the first trained layer.
pub enum Source<'a> {
    /// Photos, decoded anew each time.
    Photos(&'a [Sample]),
    /// The maps before the last block, computed once and kept on disk.
    Maps(Maps<'a>),
    /// The same values each time, whatever is asked for: to measure a step without what comes before it.
    Fixed(Tensor),
}

/// Maps from the cache; those that it does not hold are computed anew each time.
pub struct Maps<'a> {
    /// The photos of the data set.
    pub samples: &'a [Sample],
    /// Their contents.
    pub keys: &'a [Option<ContentKey>],
    /// The frozen layers.
    pub network: &'a Network,
    /// What is kept.
    pub cache: MapCache,
}

impl Source<'_> {
    /// What goes in (N, C, H, W) for some photos of the data set, with their classes. Photos that can no longer be read
    /// are left out.
    ///
    /// # Errors
    /// Where the device fails.
    pub fn batch(&mut self, photos: &[(usize, Class)]) -> Result<(Tensor, Vec<Class>)> {
        match self {
            Self::Photos(samples) => {
                let read = |&(index, _): &(usize, Class)| transform::load_input(&samples.get(index)?.path).ok();
                let inputs: Vec<Option<Vec<f32>>> = photos.par_iter().map(read).collect();
                stack(inputs, photos, [3, INPUT_SIZE, INPUT_SIZE])
            }
            Self::Fixed(values) => Ok((values.clone(), photos.iter().map(|(_, class)| *class).collect())),
            Self::Maps(maps) => {
                let shape = maps.network.maps_shape();
                let inputs = photos.iter().map(|(index, _)| maps.get(*index)).collect::<Result<_>>()?;
                stack(inputs, photos, shape)
            }
        }
    }
}

impl Maps<'_> {
    fn get(&mut self, index: usize) -> Result<Option<Vec<f32>>> {
        let kept = self.keys.get(index).copied().flatten().and_then(|key| self.cache.get(&key));
        match (kept, self.samples.get(index)) {
            (Some(kept), _) => Ok(Some(kept)),
            (None, Some(sample)) => match transform::load_input(&sample.path) {
                Ok(photo) => self.network.maps_before_last_block(&photo, 1).map(Some),
                Err(_) => Ok(None),
            },
            (None, None) => Ok(None),
        }
    }
}

/// The inputs that are there, as one tensor, with their classes.
fn stack(
    inputs: Vec<Option<Vec<f32>>>,
    photos: &[(usize, Class)],
    [channels, height, width]: [usize; 3],
) -> Result<(Tensor, Vec<Class>)> {
    let mut values = Vec::with_capacity(inputs.len() * channels * height * width);
    let mut classes = Vec::with_capacity(inputs.len());
    for (input, (_, class)) in inputs.into_iter().zip(photos) {
        if let Some(input) = input {
            values.extend_from_slice(&input);
            classes.push(*class);
        }
    }
    if values.len() != classes.len() * channels * height * width {
        return Err(Error::new("A photo has not the size that the network takes"));
    }
    let shape = (classes.len(), channels, height, width);
    Tensor::from_vec(values, shape, &Device::Cpu).map_err(cannot_train).map(|tensor| (tensor, classes))
}
