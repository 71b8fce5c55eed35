//! The quality of photos, measured once for each content and kept beside the features.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use super::cache::FeatureCache;
use crate::dataset::group::ContentKey;
use crate::dataset::{Dataset, Sample};
use crate::error::Result;
use crate::job::{Meter, Phase, Watch};
use crate::photo::decode;
use crate::photo::quality::{self, Quality};
use crate::places::Places;

/// The file's name, with the version of what is measured.
const NAME: &str = "quality-v1";
/// Photos measured between two writes.
const TOGETHER: usize = 256;

/// The quality of each photo of `dataset`, whose contents are `keys`; none for photos that cannot be read.
///
/// # Errors
/// Where the cache cannot be read, or the user stops it. What was measured until then is kept.
pub fn measure(
    dataset: &Dataset,
    keys: &[Option<ContentKey>],
    places: &Places,
    watch: &dyn Watch,
) -> Result<Vec<Option<Quality>>> {
    let mut cache = FeatureCache::open(&places.cache, NAME, Quality::VALUES)?;
    let mut seen = HashSet::new();
    let known = dataset.samples.iter().zip(keys).filter_map(|(sample, key)| Some((sample, (*key)?)));
    let missing: Vec<(&Sample, ContentKey)> =
        known.filter(|(_, key)| cache.get(key).is_none() && seen.insert(*key)).collect();
    if !missing.is_empty() {
        let meter = Mutex::new(Meter::new(watch, Phase::Quality, Some(missing.len() as u64)));
        for some in missing.chunks(TOGETHER) {
            let measured = some.par_iter().map(|(sample, key)| {
                watch.check()?;
                let read = decode::read_known(&sample.path, key);
                let found = read.and_then(|bytes| quality::measure(&sample.path, &bytes)).ok();
                let found = found.map(|quality| (*key, quality.values()));
                meter.lock().unwrap_or_else(PoisonError::into_inner).add(1);
                Ok(found)
            });
            let measured = measured.collect::<Result<Vec<_>>>()?;
            let (keys, values): (Vec<_>, Vec<_>) = measured.into_iter().flatten().unzip();
            cache.insert(&keys, &values.concat());
        }
    }
    Ok(keys.iter().map(|key| Quality::from_values(cache.get(key.as_ref()?)?)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::group::content_keys;
    use crate::dataset::sample::{SampleConfig, write_samples};
    use crate::dataset::scan;
    use crate::job::Unwatched;

    #[test]
    fn photos_are_measured_once() {
        let folder = tempfile::tempdir().unwrap();
        let photos = folder.path().join("photos");
        write_samples(&photos, &SampleConfig { photos: 6, side: 64, seed: 1 }, &Unwatched).unwrap();
        std::fs::write(photos.join("torn.jpg"), "no photo").unwrap();
        let dataset = scan::scan(&photos, &Unwatched).unwrap();
        let keys = content_keys(&dataset.samples, &Unwatched).unwrap().keys;
        let places = Places::below(folder.path());
        let first = measure(&dataset, &keys, &places, &Unwatched).unwrap();
        assert_eq!(first.iter().flatten().filter(|quality| quality.width == 64).count(), 6);
        assert_eq!(first.iter().filter(|quality| quality.is_none()).count(), 1);
        // The photos are gone, what was measured is not.
        std::fs::remove_dir_all(&photos).unwrap();
        assert_eq!(measure(&dataset, &keys, &places, &Unwatched).unwrap(), first);
    }
}
