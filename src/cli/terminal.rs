//! Progress on a terminal, as a bar, or as lines where standard error goes elsewhere; and Ctrl-C.

use std::io::IsTerminal;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::table;
use crate::error::{Context, Result};
use crate::format;
use crate::job::{Flag, Phase, Progress, Watch};
use crate::train::observer::{EpochRecord, Event, Observer};

/// How often a line of progress is written where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// The most lines of epochs, about.
const MOST_EPOCHS: usize = 30;

/// Watches jobs for the command line.
pub(super) struct Terminal {
    quiet: bool,
    interrupted: Flag,
    state: Mutex<State>,
}

struct State {
    bar: Option<ProgressBar>,
    /// The phase that is shown, when its last line was written, and whether it has come to its end.
    shown: Option<(Phase, Instant, bool)>,
    epochs_announced: bool,
    /// How many epochs there will be.
    epochs: usize,
}

impl Terminal {
    pub(super) fn new(quiet: bool) -> Self {
        let bar = (!quiet && std::io::stderr().is_terminal()).then(ProgressBar::hidden);
        Self {
            quiet,
            interrupted: Flag::default(),
            state: Mutex::new(State { bar, shown: None, epochs_announced: false, epochs: 0 }),
        }
    }

    /// From now on the first Ctrl-C asks jobs to stop; the second ends the program.
    pub(super) fn obey_interrupts(&self) -> Result<()> {
        static ASKED: AtomicBool = AtomicBool::new(false);
        let flag = self.interrupted.clone();
        ctrlc::set_handler(move || {
            flag.set(true);
            if ASKED.swap(true, Ordering::SeqCst) {
                std::process::exit(i32::from(super::INTERRUPTED));
            }
            eprintln!("\nStopping; press Ctrl-C again to stop at once.");
        })
        .context("Cannot listen for Ctrl-C")
    }

    /// Says something, above the bar.
    pub(super) fn say(&self, message: &str) {
        if !self.quiet {
            self.with_state(|state| state.line(message));
        }
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        self.with_state(|state| {
            if let Some(bar) = &state.bar {
                bar.finish_and_clear();
            }
        });
    }

    fn with_state(&self, act: impl FnOnce(&mut State)) {
        // A thread that panicked while it held the state leaves nothing that a line of progress could break on.
        act(&mut self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    }
}

impl State {
    fn line(&self, message: &str) {
        match &self.bar {
            Some(bar) => bar.println(message),
            None => eprintln!("{message}"),
        }
    }

    fn show(&mut self, progress: &Progress) {
        let ended = progress.total == Some(progress.done);
        let begins = self.shown.is_none_or(|(phase, _, over)| phase != progress.phase || (over && !ended));
        match &self.bar {
            Some(_) => self.show_bar(progress, begins),
            None => self.show_line(progress, begins),
        }
    }

    fn show_bar(&mut self, progress: &Progress, begins: bool) {
        if begins {
            let bar = match progress.total {
                Some(total) => ProgressBar::new(total),
                None => ProgressBar::no_length(),
            };
            // The template is fixed and right, so that the default style never comes to be used.
            let template = if progress.total.is_some() {
                "{prefix:<22} {bar:30} {pos:>7}/{len} {msg}"
            } else {
                "{prefix:<22} {spinner} {pos:>7} {msg}"
            };
            let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
            bar.set_style(style);
            bar.set_prefix(progress.phase.title());
            if let Some(old) = self.bar.replace(bar) {
                old.finish_and_clear();
            }
        }
        if let Some(bar) = &self.bar {
            bar.set_position(progress.done);
            bar.set_message(rate_and_rest(progress));
            let ended = progress.total == Some(progress.done);
            if ended {
                bar.finish_and_clear();
            }
            self.shown = Some((progress.phase, Instant::now(), ended));
        }
    }

    fn show_line(&mut self, progress: &Progress, begins: bool) {
        let ended = progress.total == Some(progress.done);
        let over = self.shown.is_some_and(|(_, _, over)| over);
        let due = self.shown.is_some_and(|(_, at, over)| !over && at.elapsed() >= LINE_EVERY);
        if begins || due || (ended && !over) {
            // The beginning is worth a line only where the end is known and ahead.
            if due || progress.total.is_some_and(|total| total > 0) {
                eprintln!("{}", line_of(progress));
            }
            self.shown = Some((progress.phase, Instant::now(), ended));
        }
    }
}

impl Watch for Terminal {
    fn progress(&self, progress: Progress) {
        // The epochs have lines of their own.
        if !self.quiet && progress.phase != Phase::Train {
            self.with_state(|state| state.show(&progress));
        }
    }

    fn is_cancelled(&self) -> bool {
        self.interrupted.get()
    }

    fn flag(&self) -> Flag {
        self.interrupted.clone()
    }
}

impl Observer for Terminal {
    fn event(&self, event: Event) {
        if self.quiet {
            return;
        }
        match event {
            Event::Started { run, device } => self.say(&format!("Training on {device} into {}", run.display())),
            Event::Note(note) => self.say(&note),
            Event::Features(report) => {
                self.say(&report.summary());
                for problem in &report.unreadable {
                    self.say(&format!("Left out {}: {}", problem.file, problem.reason));
                }
            }
            Event::Variants(report) => self.say(&report.summary_of("Variants")),
            Event::Divided { train, validation, epochs, resumed } => {
                self.say(&format!(
                    "{} to train on, {} to validate on, {}",
                    format::photos(train),
                    format::photos(validation),
                    format::counted(epochs, "epoch", "epochs")
                ));
                self.with_state(|state| state.epochs = epochs);
                for record in &resumed {
                    self.epoch(record, false);
                }
            }
            Event::Step { .. } | Event::Tried(_) | Event::Predicted { .. } => {}
            Event::Epoch { record, best } => self.epoch(&record, best),
        }
    }
}

impl Terminal {
    fn epoch(&self, record: &EpochRecord, best: bool) {
        self.with_state(|state| {
            // Of hundreds of epochs some are enough; `results.csv` has them all.
            let every = state.epochs.div_ceil(MOST_EPOCHS).max(1);
            if record.epoch != 1 && record.epoch != state.epochs && !record.epoch.is_multiple_of(every) {
                return;
            }
            if !std::mem::replace(&mut state.epochs_announced, true) {
                state.line(table::EPOCH_HEADINGS);
            }
            state.line(&table::epoch(record, best));
        });
    }
}

fn line_of(progress: &Progress) -> String {
    let done = amount(progress.phase, progress.done);
    let of = progress.total.map(|total| format!(" of {}", amount(progress.phase, total))).unwrap_or_default();
    let rest = rate_and_rest(progress);
    let rest = if rest.is_empty() { rest } else { format!(", {rest}") };
    format!("{}: {done}{of}{rest}", progress.phase.title())
}

fn amount(phase: Phase, n: u64) -> String {
    match phase {
        Phase::Download => format::bytes(n),
        Phase::Inspect => format::megapixels(n),
        _ => format::count(n),
    }
}

fn rate_and_rest(progress: &Progress) -> String {
    if progress.done == 0 || progress.total == Some(progress.done) {
        return String::new();
    }
    let rate = match progress.phase {
        Phase::Download | Phase::Inspect => format!("{}/s", amount(progress.phase, progress.per_second as u64)),
        _ => format::rate(progress.per_second),
    };
    match progress.remaining() {
        Some(rest) => format!("{rate}, {} left", format::duration(rest)),
        None => rate,
    }
}
