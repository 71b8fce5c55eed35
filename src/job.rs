//! What a long job tells whoever started it, and how it is stopped.
//!
//! Scanning, reading photos, training and exporting all take a [`Watch`]. The window, the terminal and the tests
//! implement it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};

/// How often a job that is held looks whether it may go on.
const LOOK: Duration = Duration::from_millis(20);

/// What a job is doing at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Unpacking an archive of photos.
    Unpack,
    /// Listing a folder.
    Scan,
    /// Reading every byte of the photos to know them by content.
    Hash,
    /// Opening photos to see whether they can be read.
    Check,
    /// Making sample photos.
    Samples,
    /// Fetching weights.
    Download,
    /// Computing features with the backbone.
    Features,
    /// Computing features of varied training photos.
    Variants,
    /// Training the head on features.
    Train,
    /// Training deeper layers on photos.
    Tune,
    /// Trying one learning rate after the other.
    Rates,
    /// Training a head for each fold of a cross-validation.
    Folds,
    /// Looking for photos that are alike.
    Compare,
    /// Training a head for one division of the photos after the other.
    Turns,
    /// Measuring sharpness and light of photos.
    Quality,
    /// Laying the photos out on a map.
    Map,
    /// Looking at whole photos.
    Inspect,
    /// Writing results.
    Export,
}

impl Phase {
    /// The phase as shown to the user.
    pub fn title(self) -> &'static str {
        match self {
            Self::Unpack => "Unpacking",
            Self::Scan => "Listing photos",
            Self::Hash => "Reading photos",
            Self::Check => "Checking photos",
            Self::Samples => "Making sample photos",
            Self::Download => "Fetching weights",
            Self::Features => "Computing features",
            Self::Variants => "Computing variants",
            Self::Train | Self::Tune => "Training",
            Self::Rates => "Trying learning rates",
            Self::Folds => "Cross-validating",
            Self::Compare => "Comparing photos",
            Self::Turns => "Training in turns",
            Self::Quality => "Measuring photos",
            Self::Map => "Drawing the map",
            Self::Inspect => "Inspecting",
            Self::Export => "Exporting",
        }
    }

    /// What is counted.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Download => "bytes",
            Self::Train | Self::Folds | Self::Turns => "epochs",
            Self::Export | Self::Unpack => "files",
            Self::Variants => "variants",
            Self::Rates | Self::Map => "steps",
            Self::Inspect => "pixels",
            _ => "photos",
        }
    }

    /// Whether the job waits between two pieces of this phase for as long as it is held: see
    /// [`Watch::wait_while_held`].
    pub fn can_wait(self) -> bool {
        matches!(self, Self::Features | Self::Variants | Self::Train | Self::Tune)
    }
}

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// What it is doing.
    pub phase: Phase,
    /// Units done.
    pub done: u64,
    /// Units in all, where known.
    pub total: Option<u64>,
    /// Units a second since the phase began, without pauses and what was done before; 0 before the first.
    pub per_second: f64,
}

impl Progress {
    /// The share done, 0 to 1, where the total is known.
    pub fn fraction(&self) -> Option<f32> {
        self.total.map(|total| if total == 0 { 1.0 } else { (self.done as f64 / total as f64).min(1.0) as f32 })
    }

    /// Time left at the present rate.
    pub fn remaining(&self) -> Option<Duration> {
        let left = self.total?.saturating_sub(self.done) as f64;
        (self.per_second > 0.0).then(|| Duration::from_secs_f64((left / self.per_second).min(1e9)))
    }
}

/// Listens to a job and can stop it. Called from worker threads, often: keep it cheap.
pub trait Watch: Sync {
    /// The job has got this far.
    fn progress(&self, progress: Progress);

    /// Whether the job should stop as soon as it can.
    fn is_cancelled(&self) -> bool {
        false
    }

    /// The flag that [`Watch::is_cancelled`] reads, where it is one: for work that cannot hold on to whoever watches, such as
    /// an operator in candle's graph.
    fn flag(&self) -> Flag {
        Flag::default()
    }

    /// Whether the job should end at once, though that leaves what it has come to without its end.
    fn is_left(&self) -> bool {
        false
    }

    /// An error if the job should stop, for use with `?`.
    ///
    /// # Errors
    /// [`Error::cancelled`] once the user has asked to stop.
    fn check(&self) -> Result<()> {
        if self.is_cancelled() { Err(Error::cancelled()) } else { Ok(()) }
    }

    /// Waits for as long as the user holds the job; gives the time that took. Called between two pieces of a phase
    /// that [can wait](Phase::can_wait).
    fn wait_while_held(&self) -> Duration {
        Duration::ZERO
    }
}

/// Waits until `held` says no; gives the time that took.
pub fn wait_while(held: impl Fn() -> bool) -> Duration {
    let begun = Instant::now();
    while held() {
        std::thread::sleep(LOOK);
    }
    begun.elapsed()
}

/// Listens to nothing and never stops the job.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unwatched;

impl Watch for Unwatched {
    fn progress(&self, _: Progress) {}
}

/// A flag that one thread sets and another obeys.
#[derive(Clone, Debug, Default)]
pub struct Flag(Arc<AtomicBool>);

impl Flag {
    /// Sets or clears it.
    pub fn set(&self, value: bool) {
        self.0.store(value, Ordering::SeqCst);
    }

    /// Reads it.
    pub fn get(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// Counts units of one phase and reports them at most ten times a second, and at the end.
pub struct Meter<'a> {
    watch: &'a dyn Watch,
    phase: Phase,
    total: Option<u64>,
    begun: Instant,
    held: Duration,
    reported: Option<Instant>,
    before: u64,
    done: u64,
}

impl<'a> Meter<'a> {
    /// Begins a phase and reports it with nothing done.
    pub fn new(watch: &'a dyn Watch, phase: Phase, total: Option<u64>) -> Self {
        let (begun, held) = (Instant::now(), Duration::ZERO);
        let mut meter = Self { watch, phase, total, begun, held, reported: None, before: 0, done: 0 };
        meter.report();
        meter
    }

    /// Counts the units that an earlier attempt has done. They say nothing about the rate, which begins now.
    pub fn resume(&mut self, before: u64) {
        (self.begun, self.held) = (Instant::now(), Duration::ZERO);
        (self.before, self.done) = (before, before);
        self.report();
    }

    /// Leaves out of the rate a time in which the job was held.
    pub fn leave_out(&mut self, held: Duration) {
        self.held += held;
    }

    /// The time left out.
    pub fn held(&self) -> Duration {
        self.held
    }

    /// Counts `n` more units.
    pub fn add(&mut self, n: u64) {
        self.set(self.done + n);
    }

    /// Sets the count.
    pub fn set(&mut self, done: u64) {
        self.done = done;
        if self.reported.is_none_or(|at| at.elapsed() >= Duration::from_millis(100)) {
            self.report();
        }
    }

    /// Sets how many units there will be, where that shows late.
    pub fn set_total(&mut self, total: u64) {
        self.total = Some(total);
    }

    /// Units counted so far.
    pub fn done(&self) -> u64 {
        self.done
    }

    /// Reports the present count at once.
    pub fn report(&mut self) {
        self.reported = Some(Instant::now());
        let seconds = self.begun.elapsed().saturating_sub(self.held).as_secs_f64();
        let now = self.done.saturating_sub(self.before) as f64;
        let per_second = if seconds > 0.0 { now / seconds } else { 0.0 };
        self.watch.progress(Progress { phase: self.phase, done: self.done, total: self.total, per_second });
    }
}

impl Drop for Meter<'_> {
    fn drop(&mut self) {
        self.report();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Default)]
    struct Latest(Mutex<Option<Progress>>);

    impl Watch for Latest {
        fn progress(&self, progress: Progress) {
            *self.0.lock().unwrap() = Some(progress);
        }
    }

    impl Latest {
        fn get(&self) -> Progress {
            self.0.lock().unwrap().unwrap()
        }
    }

    #[test]
    fn what_was_done_before_counts_but_not_in_the_rate() {
        let latest = Latest::default();
        let mut meter = Meter::new(&latest, Phase::Download, Some(1000));
        meter.resume(900);
        assert_eq!((latest.get().done, latest.get().per_second, latest.get().remaining()), (900, 0.0, None));
        meter.begun -= Duration::from_secs(10);
        meter.add(50);
        meter.report();
        assert_eq!(latest.get().done, 950);
        assert!((latest.get().per_second - 5.0).abs() < 0.1, "{}", latest.get().per_second);
        assert_eq!(latest.get().remaining().unwrap().as_secs_f64().round(), 10.0);
    }

    #[test]
    fn a_pause_is_left_out_of_the_rate() {
        let latest = Latest::default();
        let mut meter = Meter::new(&latest, Phase::Features, Some(1000));
        meter.begun -= Duration::from_secs(70);
        meter.leave_out(Duration::from_secs(60));
        meter.add(100);
        meter.report();
        assert!((latest.get().per_second - 10.0).abs() < 0.1, "{}", latest.get().per_second);
        assert_eq!(meter.held(), Duration::from_secs(60));
    }

    #[test]
    fn whoever_is_held_waits() {
        let looks = Mutex::new(0);
        let waited = wait_while(|| {
            let mut looks = looks.lock().unwrap();
            *looks += 1;
            *looks <= 2
        });
        assert!(waited >= LOOK * 2, "{waited:?}");
    }
}
