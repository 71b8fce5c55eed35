//! The two threads that make thumbnails.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender};
use egui::{ColorImage, Context};

use crate::error::{Context as _, Error, Result};
use crate::photo::thumbnail::thumbnail;

use super::WAITING;

const THREADS: usize = 2;

/// One thumbnail to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// The photo.
    pub path: PathBuf,
    /// The longer side, in pixels.
    pub side: u32,
}

/// One thumbnail that was made, or why it could not be.
pub struct Done {
    /// What was asked for.
    pub job: Job,
    /// The picture.
    pub picture: Result<ColorImage>,
    /// Pictures asked for before [`Pool::forget`] are of an older generation.
    generation: u64,
}

/// The threads and their queue. Dropping it ends and joins them.
pub struct Pool {
    shared: Arc<Shared>,
    /// `None` only while the pool is being dropped.
    done: Option<Receiver<Done>>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    /// What the threads are at.
    running: Vec<Job>,
    generation: u64,
    closed: bool,
}

impl Shared {
    /// The queue is valid at every moment, so a panic of whoever held it does no harm.
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pool {
    /// Starts the threads.
    pub fn new(ctx: Context) -> Result<Self> {
        let shared = Arc::<Shared>::default();
        let (sender, receiver) = crossbeam_channel::bounded(WAITING);
        let mut pool = Self { shared, done: Some(receiver), threads: Vec::new() };
        for i in 1..=THREADS {
            let (shared, sender, ctx) = (Arc::clone(&pool.shared), sender.clone(), ctx.clone());
            let thread = std::thread::Builder::new()
                .name(format!("thumbnails-{i}"))
                .spawn(move || work(&shared, &sender, &ctx))
                .context("Cannot start a thread for thumbnails")?;
            pool.threads.push(thread);
        }
        Ok(pool)
    }

    /// Replaces everything that waits to be begun, first to be made first.
    pub fn replace(&self, jobs: impl Iterator<Item = Job>) {
        let mut queue = self.shared.lock();
        let Queue { jobs: waiting, running, .. } = &mut *queue;
        waiting.clear();
        waiting.extend(jobs.filter(|job| !running.contains(job)));
        if !waiting.is_empty() {
            self.shared.changed.notify_all();
        }
    }

    /// One finished picture, if there is any.
    pub fn ready(&self) -> Option<Done> {
        let done = self.done.as_ref()?;
        loop {
            let done = done.try_recv().ok()?;
            let mut queue = self.shared.lock();
            queue.running.retain(|job| *job != done.job);
            if done.generation == queue.generation {
                return Some(done);
            }
        }
    }

    /// Drops everything that waits and whatever is being made.
    pub fn forget(&self) {
        let mut queue = self.shared.lock();
        queue.jobs.clear();
        queue.generation += 1;
    }

    /// Whether nothing waits, is being made or is ready.
    pub fn is_idle(&self) -> bool {
        let queue = self.shared.lock();
        queue.jobs.is_empty() && queue.running.is_empty()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.changed.notify_all();
        self.done = None; // a thread that waits for room in the channel gives up
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn work(shared: &Shared, done: &Sender<Done>, ctx: &Context) {
    while let Some((job, generation)) = next(shared) {
        let picture = make(&job);
        // The job counts as running until the window has taken it, so that it is not asked for again meanwhile.
        if done.send(Done { job, picture, generation }).is_err() {
            return;
        }
        ctx.request_repaint();
    }
}

fn next(shared: &Shared) -> Option<(Job, u64)> {
    let mut queue = shared.lock();
    loop {
        if queue.closed {
            return None;
        }
        if let Some(job) = queue.jobs.pop_front() {
            queue.running.push(job.clone());
            return Some((job, queue.generation));
        }
        queue = shared.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
    }
}

fn make(job: &Job) -> Result<ColorImage> {
    let picture = catch_unwind(AssertUnwindSafe(|| thumbnail(&job.path, job.side)))
        .unwrap_or_else(|_| Err(Error::file("read", &job.path, "the decoder failed on it")))?;
    Ok(ColorImage::from_rgb([picture.width() as usize, picture.height() as usize], picture.as_raw()))
}
