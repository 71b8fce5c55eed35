//! Everything that takes longer than a frame, on threads of its own.
//!
//! Three lanes: jobs, one after the other, that have a bar in the status line; short questions, answered while a job
//! runs; and what is done to labels, kept at once. Results come back over a bounded channel and none is dropped; how far a job is, where the latest word is
//! enough, lies in one place and is overwritten.

pub mod asks;
pub mod curation;
pub mod inspect;
pub mod inspection;
pub mod jobs;
pub mod keeper;
mod opening;
pub mod run_folders;
mod training;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use egui::Context;

use self::asks::{Answer, Ask, Asks};
use self::inspection::{Desk, Told};
use self::jobs::{Done, Job};
use self::keeper::Keep;
use super::scene::Kind;
use super::session::Verdict;
use crate::dataset::Dataset;
use crate::error::{Context as _, Error, Result};
use crate::job::{Flag, Progress, Watch, wait_while};
use crate::places::Places;
use crate::train::kept::{Kept, Photos};
use crate::train::observer::{self, Observer};
use crate::train::rate_finder::Reading;
use crate::train::similarity::Similarity;

/// Results that may wait to be taken up before the threads wait in turn.
const WAITING: usize = 256;

/// How long the window may take to show how far a job is.
const LIVE: Duration = Duration::from_millis(80);

/// What the threads tell the window.
pub enum Event {
    /// Something happened in the training run.
    Train(observer::Event),
    /// What a model says, before its run is written.
    Verdict(Arc<Verdict>),
    /// The job has ended.
    Ended {
        /// Its number.
        job: u64,
        /// What came of it.
        result: Result<Done>,
    },
    /// Something is known of a whole photo.
    Inspecting(Told),
    /// A question is answered.
    Answer(Answer),
}

/// What the thread of the jobs keeps of features, and which photos it is of: laid out for the thread that answers.
type Shelf = Arc<Mutex<Option<(Photos, Arc<Similarity>)>>>;

/// The latest word on the running job.
#[derive(Clone, Debug, Default)]
pub struct Live {
    /// The job that it is about.
    job: u64,
    /// How far it is.
    pub progress: Option<Progress>,
    /// Loss of the steps taken since this was last looked at.
    pub steps: Vec<Step>,
    /// Steps of a search for the learning rate, likewise.
    pub readings: Vec<Reading>,
}

/// One training step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// Position in epochs: 1.5 is half way through the second.
    pub epoch: f64,
    /// Mean cross entropy over the batch.
    pub loss: f32,
}

/// How the window holds and stops a job.
#[derive(Clone, Debug, Default)]
pub struct Controls {
    /// End as soon as possible.
    pub cancel: Flag,
    /// End at once, without working out what a training that has ended came to.
    pub leave: Flag,
    /// Wait.
    pub pause: Flag,
}

/// The threads, and the ways to and from them.
pub struct Worker {
    jobs: Option<Sender<(u64, Job, Controls)>>,
    asks: Option<Sender<Ask>>,
    keeps: Option<Sender<Keep>>,
    events: Option<Receiver<Event>>,
    live: Arc<Mutex<Live>>,
    running: Controls,
    last: u64,
    threads: Vec<JoinHandle<()>>,
}

impl Worker {
    /// Starts the threads.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn start(ctx: &Context, places: Places) -> Result<Self> {
        let (events_in, events) = bounded(WAITING);
        let (jobs, jobs_out) = unbounded();
        let (asks, asks_out) = unbounded();
        let (keeps, keeps_out) = unbounded();
        let live = Arc::new(Mutex::new(Live::default()));
        let out = Out { events: events_in, live: Arc::clone(&live), ctx: ctx.clone() };
        let shelf = Shelf::default();
        let asks_lane = Asks::new(asks_out, out.clone(), places.clone(), Arc::clone(&shelf));
        let keeper_out = out.clone();
        let threads = vec![
            spawn("jobs", move || job_lane(&jobs_out, &out, &places, &shelf))?,
            spawn("questions", move || asks_lane.answer_all())?,
            spawn("labels", move || keeper::keep_all(&keeps_out, &keeper_out))?,
        ];
        let (jobs, asks, keeps, events) = (Some(jobs), Some(asks), Some(keeps), Some(events));
        Ok(Self { jobs, asks, keeps, events, live, running: Controls::default(), last: 0, threads })
    }

    /// Hands over a job, to be done after those before it, and says how to stop it.
    pub fn run(&mut self, job: Job) -> (u64, Controls) {
        self.last += 1;
        self.running = Controls::default();
        if let Some(jobs) = &self.jobs {
            // Fails only if the thread is gone, and then the window is closing.
            jobs.send((self.last, job, self.running.clone())).ok();
        }
        (self.last, self.running.clone())
    }

    /// Asks a short question.
    pub fn ask(&self, ask: Ask) {
        if let Some(asks) = &self.asks {
            asks.send(ask).ok();
        }
    }

    /// Has something kept, after what was asked for before it. What was asked for is kept even if the window closes.
    pub fn keep(&self, keep: Keep) {
        if let Some(keeps) = &self.keeps {
            keeps.send(keep).ok();
        }
    }

    /// What has come back since the last call.
    pub fn events(&self) -> impl Iterator<Item = Event> + '_ {
        self.events.iter().flat_map(Receiver::try_iter)
    }

    /// The latest word on the job that was handed over last; none as long as another one runs in its place. Steps and
    /// readings are handed out once.
    pub fn take_live(&self) -> Live {
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        if live.job != self.last {
            return Live::default();
        }
        let (steps, readings) = (std::mem::take(&mut live.steps), std::mem::take(&mut live.readings));
        Live { job: live.job, progress: live.progress, steps, readings }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.running.cancel.set(true);
        self.running.pause.set(false);
        // Nobody listens any more, so that a thread that waits to be heard goes on to its end.
        self.events = None;
        self.jobs = None;
        self.asks = None;
        self.keeps = None;
        for thread in self.threads.drain(..) {
            // A panic was caught and told of inside.
            thread.join().ok();
        }
    }
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.to_owned()).spawn(body).context("Cannot start a thread")
}

/// The threads' side of the channel.
#[derive(Clone)]
pub(super) struct Out {
    events: Sender<Event>,
    live: Arc<Mutex<Live>>,
    ctx: Context,
}

impl Out {
    /// Tells the window, waiting until it can be told.
    fn tell(&self, event: Event) {
        // Before as well: where the channel is full, the window must wake to empty it.
        self.ctx.request_repaint();
        if self.events.send(event).is_ok() {
            self.ctx.request_repaint();
        }
    }

    fn update(&self, change: impl FnOnce(&mut Live)) {
        change(&mut self.live.lock().unwrap_or_else(PoisonError::into_inner));
        // Steps come by the thousand a second; painting each would take the time that training needs.
        self.ctx.request_repaint_after(LIVE);
    }
}

/// Runs `work` and makes a panic an error that the user sees.
fn caught<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|cause| {
        Err(Error::new(format!("{what} ended by a fault in the program"))
            .detail(panic_text(cause.as_ref()).to_owned())
            .hint("The window goes on working; please report this"))
    })
}

/// What a panic said.
pub(super) fn panic_text(cause: &(dyn Any + Send)) -> &str {
    let text = cause.downcast_ref::<String>().map(String::as_str).or(cause.downcast_ref::<&str>().copied());
    text.unwrap_or("no more is known")
}

fn job_lane(jobs: &Receiver<(u64, Job, Controls)>, out: &Out, places: &Places, shelf: &Shelf) {
    let (mut kept, mut desk) = (Kept::default(), Desk::default());
    let tell = |event| out.tell(event);
    for (number, job, controls) in jobs {
        out.update(|live| *live = Live { job: number, ..Live::default() });
        let dataset = job.dataset().cloned();
        let watcher = Watcher { out, controls: &controls, dataset: dataset.as_deref() };
        let what = Kind::of(&job).title();
        // A job that was cancelled while it waited is not begun.
        let result =
            watcher.check().and_then(|()| caught(what, || job.run(places, (&mut kept, &mut desk), &watcher, &tell)));
        *shelf.lock().unwrap_or_else(PoisonError::into_inner) = kept.similarity();
        out.tell(Event::Ended { job: number, result });
    }
}

/// Listens to a job on the window's behalf.
struct Watcher<'a> {
    out: &'a Out,
    controls: &'a Controls,
    /// The photos of the job.
    dataset: Option<&'a Dataset>,
}

impl Watch for Watcher<'_> {
    fn progress(&self, progress: Progress) {
        self.out.update(|live| live.progress = Some(progress));
    }

    fn is_cancelled(&self) -> bool {
        self.controls.cancel.get()
    }

    fn is_left(&self) -> bool {
        self.controls.leave.get()
    }

    fn flag(&self) -> Flag {
        self.controls.cancel.clone()
    }

    fn wait_while_held(&self) -> Duration {
        wait_while(|| self.is_paused() && !self.is_cancelled())
    }
}

impl Observer for Watcher<'_> {
    fn event(&self, event: observer::Event) {
        match event {
            observer::Event::Step { step, steps_per_epoch, loss } => {
                let epoch = step as f64 / steps_per_epoch.max(1) as f64;
                self.out.update(|live| live.steps.push(Step { epoch, loss }));
            }
            observer::Event::Tried(reading) => self.out.update(|live| live.readings.push(reading)),
            observer::Event::Predicted { run, predictions, threshold } => {
                if let Some(dataset) = self.dataset {
                    let verdict = jobs::verdict(&run, predictions, threshold, dataset, false);
                    self.out.tell(Event::Verdict(verdict));
                }
            }
            event => self.out.tell(Event::Train(event)),
        }
    }

    fn is_paused(&self) -> bool {
        self.controls.pause.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::Phase;

    #[test]
    fn a_panic_becomes_an_error() {
        let error = caught("Training", || -> Result<()> { panic!("index out of bounds") }).unwrap_err();
        assert_eq!(error.title(), "Training ended by a fault in the program");
        assert_eq!(error.details(), ["index out of bounds"]);
    }

    #[test]
    fn closing_the_window_ends_the_threads_even_if_nobody_listens() {
        let folder = tempfile::tempdir().unwrap();
        let mut worker = Worker::start(&Context::default(), Places::below(folder.path())).unwrap();
        for _ in 0..WAITING * 2 {
            worker.ask(Ask::Runs(folder.path().join("nowhere")));
        }
        worker.run(Job::Open(vec![folder.path().join("nowhere")]));
        drop(worker);
    }

    #[test]
    fn a_held_job_waits_until_it_may_go_on_or_must_end() {
        let (events, _kept) = bounded(WAITING);
        let out = Out { events, live: Arc::default(), ctx: Context::default() };
        let ends: [fn(&Controls); 2] = [|controls| controls.pause.set(false), |controls| controls.cancel.set(true)];
        for end in ends {
            let controls = Controls::default();
            controls.pause.set(true);
            let watcher = Watcher { out: &out, controls: &controls, dataset: None };
            std::thread::scope(|scope| {
                let waits = scope.spawn(|| watcher.wait_while_held());
                std::thread::sleep(Duration::from_millis(60));
                assert!(!waits.is_finished());
                end(&controls);
                assert!(waits.join().unwrap() >= Duration::from_millis(50));
            });
        }
    }

    #[test]
    fn how_far_a_job_is_is_not_told_of_the_one_after_it() {
        let folder = tempfile::tempdir().unwrap();
        let mut worker = Worker::start(&Context::default(), Places::below(folder.path())).unwrap();
        let progress = Progress { phase: Phase::Inspect, done: 9, total: Some(10), per_second: 1.0 };
        *worker.live.lock().unwrap() = Live { job: 7, progress: Some(progress), ..Live::default() };
        worker.last = 7;
        assert_eq!(worker.take_live().progress, Some(progress));
        worker.last = 8; // handed over, and not begun
        assert_eq!(worker.take_live().progress, None);
        assert_eq!(worker.live.lock().unwrap().progress, Some(progress), "the job before it still runs");
    }

    #[test]
    fn a_job_that_fails_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let mut worker = Worker::start(&Context::default(), Places::below(folder.path())).unwrap();
        let (number, _) = worker.run(Job::Open(vec![folder.path().join("nowhere")]));
        let event = worker.events.as_ref().unwrap().recv_timeout(Duration::from_secs(20)).unwrap();
        assert!(matches!(event, Event::Ended { job, result: Err(_) } if job == number));
    }
}
