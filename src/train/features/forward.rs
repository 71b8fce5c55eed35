//! What is missing goes through the network: decoded in one thread while the network runs in another.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};
use rayon::prelude::*;

use crate::dataset::group::ContentKey;
use crate::dataset::{Dataset, Problem, Sample};
use crate::error::{Context, Error, Result};
use crate::job::{Meter, Phase, Watch};
use crate::nn::network::{INPUT_VALUES, Network};
use crate::photo::{decode, transform};
use crate::train::augment::Variants;
use crate::train::observer::FeatureReport;

/// Decoded batches that wait for the network.
const WAITING: usize = 2;

/// A photo, and which variants of it go through the network; 0 is the photo itself.
pub(super) struct Wanted<'a> {
    pub(super) key: ContentKey,
    pub(super) sample: &'a Sample,
    pub(super) numbers: Vec<u32>,
}

impl<'a> Wanted<'a> {
    /// Every photo of known content as it is.
    pub(super) fn photos(dataset: &'a Dataset, keys: &'a [Option<ContentKey>]) -> impl Iterator<Item = Self> {
        let known = dataset.samples.iter().zip(keys);
        known.filter_map(|(sample, key)| Some(Self { key: (*key)?, sample, numbers: vec![0] }))
    }

    /// The keys under which what comes of it is kept.
    pub(super) fn records(&self) -> Vec<ContentKey> {
        self.numbers.iter().map(|number| Variants::key(&self.key, *number)).collect()
    }
}

/// What of each content is not kept, and how much is.
pub(super) fn missing<'a>(
    wanted: impl Iterator<Item = Wanted<'a>>,
    is_kept: impl Fn(&ContentKey) -> bool,
) -> (Vec<Wanted<'a>>, usize) {
    let (mut seen, mut missing, mut kept) = (HashSet::new(), Vec::new(), 0);
    for mut photo in wanted {
        let all = photo.numbers.len();
        photo.numbers.retain(|number| !is_kept(&Variants::key(&photo.key, *number)));
        kept += all - photo.numbers.len();
        if !photo.numbers.is_empty() && seen.insert(photo.key) {
            missing.push(photo);
        }
    }
    (missing, kept)
}

/// What came of computing.
#[derive(Default)]
pub(super) struct Computed {
    /// Photos and variants that went through the network.
    count: usize,
    /// Photos that cannot be read.
    pub(super) failed: Vec<(ContentKey, Problem)>,
    /// How long the user held the job.
    held: Duration,
}

impl Computed {
    /// The same for people; `readable` is how much there is in all.
    pub(super) fn report(self, cached: usize, readable: usize, begun: Instant) -> FeatureReport {
        FeatureReport {
            computed: self.count,
            cached,
            copies: readable.saturating_sub(self.count + cached),
            unreadable: self.failed.into_iter().map(|(_, problem)| problem).collect(),
            seconds: begun.elapsed().saturating_sub(self.held).as_secs_f64(),
        }
    }
}

/// Decodes in one thread (which spreads each batch over all cores) while `keep` runs the network in this one.
pub(super) fn compute(
    network: &Network,
    missing: &[Wanted<'_>],
    variants: Option<&Variants>,
    watch: &dyn Watch,
    keep: impl FnMut(&[ContentKey], &[f32]) -> Result<()>,
) -> Result<Computed> {
    if missing.is_empty() {
        return Ok(Computed::default());
    }
    let all: usize = missing.iter().map(|photo| photo.numbers.len()).sum();
    let phase = if variants.is_some() { Phase::Variants } else { Phase::Features };
    let mut meter = Meter::new(watch, phase, Some(all as u64));
    let (sender, receiver) = bounded(WAITING);
    std::thread::scope(|scope| {
        let decoder = std::thread::Builder::new()
            .name("decode".into())
            .spawn_scoped(scope, move || decode_batches(missing, variants, network.batch_size(), &sender, watch))
            .context("Cannot start a thread")?;
        let together = if network.device().is_cpu() { together() } else { usize::MAX };
        let result = run_batches(receiver, keep, together, &mut meter, watch);
        // The receiver is gone by now, so the decoder ends even where the network failed.
        decoder.join().map_err(|_| Error::new("The thread that decodes photos failed"))?;
        result.map(|computed| Computed { held: meter.held(), ..computed })
    })
}

/// Photos and variants ready for the network, with the photos that cannot be read.
#[derive(Default)]
struct Batch {
    keys: Vec<ContentKey>,
    values: Vec<f32>,
    problems: Vec<(ContentKey, Problem)>,
    /// Photos and variants that were wanted.
    wanted: usize,
}

fn decode_batches(
    missing: &[Wanted<'_>],
    variants: Option<&Variants>,
    size: usize,
    batches: &Sender<Batch>,
    watch: &dyn Watch,
) {
    let most = missing.iter().map(|photo| photo.numbers.len()).max().unwrap_or(1);
    for wanted in missing.chunks((size / most).max(1)) {
        if watch.is_cancelled() || batches.send(decode_batch(wanted, variants, watch)).is_err() {
            return;
        }
    }
}

/// Once the job is to stop, nothing more is read: nobody looks at the batch then.
fn decode_batch(wanted: &[Wanted<'_>], variants: Option<&Variants>, watch: &dyn Watch) -> Batch {
    let read = |photo: &Wanted<'_>| watch.check().and_then(|()| inputs(photo, variants));
    let decoded: Vec<_> = wanted.par_iter().map(read).collect();
    let count = wanted.iter().map(|photo| photo.numbers.len()).sum();
    let values = Vec::with_capacity(count * INPUT_VALUES);
    let mut batch = Batch { values, wanted: count, ..Batch::default() };
    for (photo, inputs) in wanted.iter().zip(decoded) {
        match inputs {
            Ok(inputs) => {
                batch.keys.extend(photo.records());
                inputs.iter().for_each(|values| batch.values.extend_from_slice(values));
            }
            Err(error) => {
                let problem = Problem { file: photo.sample.file.clone(), reason: error.reason() };
                batch.problems.push((photo.key, problem));
            }
        }
    }
    batch
}

/// What goes into the network for each of the numbers that are wanted of a photo, which is decoded once.
fn inputs(photo: &Wanted<'_>, variants: Option<&Variants>) -> Result<Vec<Vec<f32>>> {
    let path = &photo.sample.path;
    let bytes = decode::read_known(path, &photo.key)?;
    let Some(variants) = variants else { return Ok(vec![transform::load_input_from_bytes(path, &bytes)?]) };
    let picture = decode::decode_named(path, &bytes)?;
    Ok(photo.numbers.par_iter().map(|number| variants.input(&picture, &photo.key, *number)).collect())
}

/// Photos that go through the network on the processor before the job is asked whether to go on: few enough to take a
/// fraction of a second, and enough for every core.
fn together() -> usize {
    (4 * rayon::current_num_threads()).max(8)
}

/// Runs the network over each batch, so many at a time. Where the job is held, the decoder fills its channel and then
/// waits as well.
fn run_batches(
    batches: Receiver<Batch>,
    mut keep: impl FnMut(&[ContentKey], &[f32]) -> Result<()>,
    together: usize,
    meter: &mut Meter<'_>,
    watch: &dyn Watch,
) -> Result<Computed> {
    let mut computed = Computed::default();
    for batch in batches {
        meter.leave_out(watch.wait_while_held());
        watch.check()?;
        let each = batch.values.len() / batch.keys.len().max(1);
        let mut values = batch.values.as_slice();
        for keys in batch.keys.chunks(together) {
            watch.check()?;
            let (these, rest) = values.split_at((keys.len() * each).min(values.len()));
            keep(keys, these)?;
            values = rest;
        }
        meter.add(batch.wanted as u64);
        computed.count += batch.keys.len();
        computed.failed.extend(batch.problems);
    }
    watch.check()?;
    Ok(computed)
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
    fn a_batch_is_left_half_done_when_the_job_is_to_stop() {
        #[derive(Default)]
        struct After(AtomicUsize);
        impl Watch for After {
            fn progress(&self, _: Progress) {}
            fn is_cancelled(&self) -> bool {
                self.0.load(Ordering::SeqCst) >= 4
            }
        }
        let (watch, (sender, receiver)) = (After::default(), bounded(1));
        let batch =
            Batch { keys: (0..9).map(|n| ContentKey([n; 32])).collect(), values: vec![1.5; 18], ..Batch::default() };
        sender.send(batch).unwrap();
        drop(sender);
        let mut meter = Meter::new(&watch, Phase::Features, Some(9));
        let keep = |keys: &[ContentKey], values: &[f32]| {
            assert_eq!(values.len(), 2 * keys.len());
            watch.0.fetch_add(keys.len(), Ordering::SeqCst);
            Ok(())
        };
        let stopped = run_batches(receiver, keep, 2, &mut meter, &watch).err();
        assert!(stopped.is_some_and(|error| error.is_cancelled()));
        assert_eq!(watch.0.load(Ordering::SeqCst), 4, "two at a time, and no more after the word");
    }

    #[test]
    fn before_each_batch_the_job_may_be_held_and_that_time_is_left_out() {
        let holder = Holder { held: AtomicUsize::new(0) };
        let mut meter = Meter::new(&holder, Phase::Features, Some(3));
        let (sender, receiver) = bounded(3);
        for n in 0..3 {
            let batch = Batch { keys: vec![ContentKey([n; 32])], wanted: 1, ..Batch::default() };
            sender.send(batch).unwrap();
        }
        drop(sender);
        let mut asked = Vec::new();
        let keep = |_: &[ContentKey], _: &[f32]| {
            asked.push(holder.held.load(Ordering::SeqCst));
            Ok(())
        };
        assert_eq!(run_batches(receiver, keep, 8, &mut meter, &holder).unwrap().count, 3);
        assert_eq!(asked, [1, 2, 3], "asked before each batch");
        assert_eq!((meter.done(), meter.held()), (3, HELD));
    }
}
