//! What the frozen backbone makes of each photo: computed once, in step with decoding, and kept.

mod forward;
mod variants;

use std::collections::HashSet;
use std::time::Instant;

use self::forward::{Wanted, compute, missing};
pub use self::variants::{VariantsOf, extract_variant_maps, extract_variants};
use super::cache::FeatureCache;
use super::map_cache::MapCache;
use super::observer::FeatureReport;
use crate::dataset::Dataset;
use crate::dataset::group::ContentKey;
use crate::error::Result;
use crate::job::Watch;
use crate::nn::cpu::Precision;
use crate::nn::network::Network;
use crate::photo::PREPROCESSING;
use crate::places::Places;

/// A row of features for each photo that can be read.
#[derive(Clone, Debug, Default)]
pub struct Features {
    /// Values in a row.
    pub columns: usize,
    /// Row by row.
    pub values: Vec<f32>,
    /// For each photo of the data set its row, if it can be read.
    pub row_of: Vec<Option<u32>>,
}

impl Features {
    /// The features of the photo at `index` in the data set.
    pub fn get(&self, index: usize) -> Option<&[f32]> {
        let row = (*self.row_of.get(index)?)? as usize;
        self.values.get(row * self.columns..(row + 1) * self.columns)
    }
}

/// Gives the features of all photos of `dataset`, whose contents are `keys`, from the cache or by computing them.
/// Photos that are already computed stay in the cache when the job is stopped or fails.
///
/// # Errors
/// Where the device or the cache fails, or the user stops the job. Photos that cannot be read are no error: they are
/// listed in the report.
pub fn extract(
    network: &Network,
    dataset: &Dataset,
    keys: &[Option<ContentKey>],
    places: &Places,
    watch: &dyn Watch,
) -> Result<(Features, FeatureReport, Option<String>)> {
    let begun = Instant::now();
    let print: String = network.origin().fingerprint.chars().take(16).collect();
    let name = name(network, &print);
    let mut cache = FeatureCache::open(&places.cache, &name, network.feature_count())?;
    let wanted = Wanted::photos(dataset, keys);
    let (missing, cached) = missing(wanted, |key| cache.get(key).is_some());
    let computed = compute(network, &missing, None, watch, |keys, photos| {
        cache.insert(keys, &network.features(photos, keys.len())?);
        Ok(())
    })?;
    if !computed.failed.is_empty() {
        dataset.check_there()?;
    }
    let features = gather(keys, &cache, network.feature_count());
    let readable = features.row_of.iter().flatten().count();
    let report = computed.report(cached, readable, begun);
    Ok((features, report, cache.note().map(str::to_owned)))
}

/// Computes the maps before the last block of all photos of `dataset` that the cache does not hold yet. Gives the
/// cache, and for each photo whether it can be read.
///
/// # Errors
/// As [`extract`].
pub fn extract_maps(
    network: &Network,
    dataset: &Dataset,
    keys: &[Option<ContentKey>],
    places: &Places,
    watch: &dyn Watch,
) -> Result<(MapCache, Vec<bool>, FeatureReport)> {
    let begun = Instant::now();
    let print = network.prefix_fingerprint()?;
    let name = name(network, &format!("maps-{print}"));
    let mut cache = MapCache::open(&places.cache, &name, network.maps_shape().iter().product())?;
    let wanted = Wanted::photos(dataset, keys);
    let (missing, cached) = missing(wanted, |key| cache.contains(key));
    let computed = compute(network, &missing, None, watch, |keys, photos| {
        cache.insert(keys, &network.maps_before_last_block(photos, keys.len())?);
        Ok(())
    })?;
    if !computed.failed.is_empty() {
        dataset.check_there()?;
    }
    let bad: HashSet<ContentKey> = computed.failed.iter().map(|(key, _)| *key).collect();
    let readable: Vec<bool> = keys.iter().map(|key| key.is_some_and(|key| !bad.contains(&key))).collect();
    let report = computed.report(cached, readable.iter().filter(|readable| **readable).count(), begun);
    Ok((cache, readable, report))
}

/// Of the file that keeps what the network makes of photos. Nothing but what changes the values is in it; runs of
/// before there was a choice of precision were in single precision.
fn name(network: &Network, print: &str) -> String {
    let kind = network.kind().name();
    match network.precision() {
        Precision::F32 => format!("{kind}-{print}-{PREPROCESSING}"),
        precision => format!("{kind}-{print}-{PREPROCESSING}-{precision}"),
    }
}

/// The rows in the order of the data set, so that nothing depends on the order in the cache.
fn gather(keys: &[Option<ContentKey>], cache: &FeatureCache, columns: usize) -> Features {
    let mut features = Features { columns, values: Vec::new(), row_of: Vec::with_capacity(keys.len()) };
    let mut rows = 0;
    for key in keys {
        let row = key.as_ref().and_then(|key| cache.get(key)).map(|values| {
            features.values.extend_from_slice(values);
            rows += 1;
            rows - 1
        });
        features.row_of.push(row);
    }
    features
}
