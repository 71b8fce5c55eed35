//! The same for augmented variants of training photos.

use std::time::Instant;

use super::forward::{Wanted, compute, missing};
use super::name;
use crate::dataset::Dataset;
use crate::dataset::group::ContentKey;
use crate::error::Result;
use crate::job::Watch;
use crate::nn::network::Network;
use crate::places::Places;
use crate::train::augment::Variants;
use crate::train::cache::FeatureCache;
use crate::train::map_cache::MapCache;
use crate::train::observer::FeatureReport;

/// The variants of some photos of a data set.
#[derive(Clone, Copy)]
pub struct VariantsOf<'a> {
    /// All photos of the data set.
    pub dataset: &'a Dataset,
    /// Their contents.
    pub keys: &'a [Option<ContentKey>],
    /// Which of them, by their places in the data set.
    pub photos: &'a [usize],
    /// What the variants are.
    pub variants: Variants,
    /// Variants of each, numbered from 1.
    pub count: u32,
}

/// Computes the features of variants that the cache does not hold yet; gives the cache, in which [`Variants::key`] finds
/// them. Each choice of settings has a cache of its own, so that going back to one finds what was computed for it.
///
/// # Errors
/// As [`super::extract`].
pub fn extract_variants(
    network: &Network,
    of: &VariantsOf<'_>,
    places: &Places,
    watch: &dyn Watch,
) -> Result<(FeatureCache, FeatureReport)> {
    let begun = Instant::now();
    let print: String = network.origin().fingerprint.chars().take(16).collect();
    let name = format!("{}-varied-{}", name(network, &print), of.variants.fingerprint());
    let mut cache = FeatureCache::open(&places.cache, &name, network.feature_count())?;
    let (missing, cached) = missing(of.wanted(), |key| cache.get(key).is_some());
    let computed = compute(network, &missing, Some(&of.variants), watch, |keys, photos| {
        cache.insert(keys, &network.features(photos, keys.len())?);
        Ok(())
    })?;
    let readable = of.wanted().flat_map(|photo| photo.records()).filter(|key| cache.get(key).is_some()).count();
    let report = computed.report(cached, readable, begun);
    Ok((cache, report))
}

/// [`extract_variants`] for the maps before the last block. Where they cannot be kept nothing is computed: they would be
/// lost at once.
///
/// # Errors
/// As [`super::extract`].
pub fn extract_variant_maps(
    network: &Network,
    of: &VariantsOf<'_>,
    places: &Places,
    watch: &dyn Watch,
) -> Result<(MapCache, FeatureReport)> {
    let begun = Instant::now();
    let print = network.prefix_fingerprint()?;
    let name = format!("{}-varied-{}", name(network, &format!("maps-{print}")), of.variants.fingerprint());
    let mut cache = MapCache::open(&places.cache, &name, network.maps_shape().iter().product())?;
    let (missing, cached) = missing(of.wanted(), |key| cache.contains(key));
    let missing = if cache.keeps() { missing } else { Vec::new() };
    let computed = compute(network, &missing, Some(&of.variants), watch, |keys, photos| {
        cache.insert(keys, &network.maps_before_last_block(photos, keys.len())?);
        Ok(())
    })?;
    let readable = of.wanted().flat_map(|photo| photo.records()).filter(|key| cache.contains(key)).count();
    let report = computed.report(cached, readable, begun);
    Ok((cache, report))
}

impl VariantsOf<'_> {
    fn wanted(&self) -> impl Iterator<Item = Wanted<'_>> {
        self.photos.iter().filter_map(|&index| {
            let (sample, key) = (self.dataset.samples.get(index)?, (*self.keys.get(index)?)?);
            Some(Wanted { key, sample, numbers: (1..=self.count).collect() })
        })
    }
}
