//! What the frozen backbone makes of each photo: computed once, in step with decoding, and kept.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};
use rayon::prelude::*;

use super::cache::FeatureCache;
use super::map_cache::MapCache;
use super::observer::FeatureReport;
use crate::dataset::group::ContentKey;
use crate::dataset::{Dataset, Problem, Sample};
use crate::error::{Context, Error, Result};
use crate::job::{Meter, Phase, Watch};
use crate::nn::cpu::Precision;
use crate::nn::network::{INPUT_VALUES, Network};
use crate::photo::{PREPROCESSING, transform};
use crate::places::Places;

/// Decoded batches that wait for the network.
const WAITING: usize = 2;

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
    let missing = missing(dataset, keys, |key| cache.get(key).is_some());
    let cached = keys.iter().flatten().filter(|key| cache.get(key).is_some()).count();
    let (failed, held) = compute(network, &missing, watch, |keys, photos| {
        cache.insert(keys, &network.features(photos, keys.len())?);
        Ok(())
    })?;
    let features = gather(keys, &cache, network.feature_count());
    let computed = missing.len() - failed.len();
    let report = FeatureReport {
        computed,
        cached,
        copies: features.row_of.iter().flatten().count().saturating_sub(computed + cached),
        unreadable: failed.into_iter().map(|(_, problem)| problem).collect(),
        seconds: begun.elapsed().saturating_sub(held).as_secs_f64(),
    };
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
    let missing = missing(dataset, keys, |key| cache.contains(key));
    let cached = keys.iter().flatten().filter(|key| cache.contains(key)).count();
    let (failed, held) = compute(network, &missing, watch, |keys, photos| {
        cache.insert(keys, &network.maps_before_last_block(photos, keys.len())?);
        Ok(())
    })?;
    let bad: HashSet<ContentKey> = failed.iter().map(|(key, _)| *key).collect();
    let readable: Vec<bool> = keys.iter().map(|key| key.is_some_and(|key| !bad.contains(&key))).collect();
    let computed = missing.len() - failed.len();
    let report = FeatureReport {
        computed,
        cached,
        copies: readable.iter().filter(|readable| **readable).count().saturating_sub(computed + cached),
        unreadable: failed.into_iter().map(|(_, problem)| problem).collect(),
        seconds: begun.elapsed().saturating_sub(held).as_secs_f64(),
    };
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

type Wanted<'a> = (ContentKey, &'a Sample);

/// One photo of each content that is not kept.
fn missing<'a>(
    dataset: &'a Dataset,
    keys: &[Option<ContentKey>],
    is_kept: impl Fn(&ContentKey) -> bool,
) -> Vec<Wanted<'a>> {
    let mut seen = HashSet::new();
    dataset
        .samples
        .iter()
        .zip(keys)
        .filter_map(|(sample, key)| {
            let key = (*key)?;
            (!is_kept(&key) && seen.insert(key)).then_some((key, sample))
        })
        .collect()
}

/// Photos that cannot be read, and how long the user held the job.
type Computed = (Vec<(ContentKey, Problem)>, Duration);

/// Decodes in one thread (which spreads each batch over all cores) while `keep` runs the network in this one.
fn compute(
    network: &Network,
    missing: &[Wanted<'_>],
    watch: &dyn Watch,
    keep: impl FnMut(&[ContentKey], &[f32]) -> Result<()>,
) -> Result<Computed> {
    if missing.is_empty() {
        return Ok((Vec::new(), Duration::ZERO));
    }
    let mut meter = Meter::new(watch, Phase::Features, Some(missing.len() as u64));
    let (sender, receiver) = bounded(WAITING);
    std::thread::scope(|scope| {
        let decoder = std::thread::Builder::new()
            .name("decode".into())
            .spawn_scoped(scope, move || decode_batches(missing, network_batch(network), &sender, watch))
            .context("Cannot start a thread")?;
        let result = run_batches(receiver, keep, &mut meter, watch);
        // The receiver is gone by now, so the decoder ends even where the network failed.
        decoder.join().map_err(|_| Error::new("The thread that decodes photos failed"))?;
        Ok((result?, meter.held()))
    })
}

fn network_batch(network: &Network) -> usize {
    network.batch_size()
}

/// Photos ready for the network, with those that cannot be read.
struct Batch {
    keys: Vec<ContentKey>,
    values: Vec<f32>,
    problems: Vec<(ContentKey, Problem)>,
}

fn decode_batches(missing: &[Wanted<'_>], size: usize, batches: &Sender<Batch>, watch: &dyn Watch) {
    for wanted in missing.chunks(size) {
        if watch.is_cancelled() || batches.send(decode_batch(wanted)).is_err() {
            return;
        }
    }
}

fn decode_batch(wanted: &[Wanted<'_>]) -> Batch {
    let decoded: Vec<_> = wanted.par_iter().map(|(_, sample)| transform::load_input(&sample.path)).collect();
    let mut batch =
        Batch { keys: Vec::new(), values: Vec::with_capacity(wanted.len() * INPUT_VALUES), problems: vec![] };
    for ((key, sample), input) in wanted.iter().zip(decoded) {
        match input {
            Ok(values) => {
                batch.keys.push(*key);
                batch.values.extend_from_slice(&values);
            }
            Err(error) => {
                let problem = Problem { file: sample.file.clone(), reason: error.reason() };
                batch.problems.push((*key, problem));
            }
        }
    }
    batch
}

/// Runs the network over each batch. Where the job is held, the decoder fills its channel and then waits as well.
fn run_batches(
    batches: Receiver<Batch>,
    mut keep: impl FnMut(&[ContentKey], &[f32]) -> Result<()>,
    meter: &mut Meter<'_>,
    watch: &dyn Watch,
) -> Result<Vec<(ContentKey, Problem)>> {
    let mut unreadable = Vec::new();
    for batch in batches {
        meter.leave_out(watch.wait_while_held());
        watch.check()?;
        if !batch.keys.is_empty() {
            keep(&batch.keys, &batch.values)?;
        }
        meter.add((batch.keys.len() + batch.problems.len()) as u64);
        unreadable.extend(batch.problems);
    }
    watch.check()?;
    Ok(unreadable)
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::job::Progress;

    /// Holds the job once.
    struct Holder {
        held: AtomicUsize,
    }

    const HELD: Duration = Duration::from_secs(3600);

    impl Watch for Holder {
        fn progress(&self, _: Progress) {}

        fn wait_while_held(&self) -> Duration {
            if self.held.fetch_add(1, Ordering::SeqCst) == 1 { HELD } else { Duration::ZERO }
        }
    }

    #[test]
    fn before_each_batch_the_job_may_be_held_and_that_time_is_left_out() {
        let holder = Holder { held: AtomicUsize::new(0) };
        let mut meter = Meter::new(&holder, Phase::Features, Some(3));
        let (sender, receiver) = bounded(3);
        for n in 0..3 {
            let batch = Batch { keys: vec![ContentKey([n; 32])], values: vec![0.0], problems: Vec::new() };
            sender.send(batch).unwrap();
        }
        drop(sender);
        let mut asked = Vec::new();
        let keep = |_: &[ContentKey], _: &[f32]| {
            asked.push(holder.held.load(Ordering::SeqCst));
            Ok(())
        };
        assert!(run_batches(receiver, keep, &mut meter, &holder).unwrap().is_empty());
        assert_eq!(asked, [1, 2, 3], "asked before each batch");
        assert_eq!((meter.done(), meter.held()), (3, HELD));
    }
}
