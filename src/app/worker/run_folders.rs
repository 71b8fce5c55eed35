//! Questions about folders of runs: how good they are, what they hold, another name, away with them.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::caught;
use crate::error::Result;
use crate::review::metrics::Metrics;
use crate::train::run_change::{self, Contents};
use crate::train::run_list::Figures;

/// How long figures may be read before other questions have their turn.
const TURN: Duration = Duration::from_millis(50);

/// What is asked.
#[derive(Clone, Debug)]
pub enum Request {
    /// How good are these runs? Answered for as many as can be read in a moment.
    Figures(Vec<PathBuf>),
    /// What would deleting these runs in a folder remove?
    Contents(PathBuf, Vec<PathBuf>),
    /// Give a run in a folder another name.
    Rename(PathBuf, PathBuf, String),
    /// Delete these runs in a folder.
    Delete(PathBuf, Vec<PathBuf>),
}

/// What came of it.
pub enum Reply {
    /// Figures of the first ones of those asked for; none where a run has none.
    Figures(Vec<(PathBuf, Option<Metrics>)>),
    /// What each folder holds, or why it cannot be deleted.
    Contents(Vec<(PathBuf, Result<Contents>)>),
    /// A run's path before, and the one that it has now.
    Renamed(PathBuf, Result<PathBuf>),
    /// What was deleted of each run, or why it was not.
    Deleted(Vec<(PathBuf, Result<Contents>)>),
}

/// Answers, and remembers the figures.
#[derive(Default)]
pub(super) struct RunFolders {
    figures: Figures,
}

impl RunFolders {
    pub(super) fn answer(&mut self, request: &Request) -> Reply {
        match request {
            Request::Figures(runs) => Reply::Figures(self.some_figures(runs)),
            Request::Contents(folder, runs) => {
                Reply::Contents(each(runs, |run| caught("Listing the run", || run_change::contents(folder, run))))
            }
            Request::Rename(folder, run, name) => {
                Reply::Renamed(run.clone(), caught("Renaming the run", || run_change::rename(folder, run, name)))
            }
            Request::Delete(folder, runs) => {
                Reply::Deleted(each(runs, |run| caught("Deleting the run", || run_change::delete(folder, run))))
            }
        }
    }

    fn some_figures(&mut self, runs: &[PathBuf]) -> Vec<(PathBuf, Option<Metrics>)> {
        let begun = Instant::now();
        let mut read = Vec::new();
        for run in runs {
            // What cannot be read has no figures, whatever the reason.
            let figures = caught("Reading the predictions", || Ok(self.figures.of(run))).unwrap_or_default();
            read.push((run.clone(), figures));
            if begun.elapsed() >= TURN {
                break;
            }
        }
        read
    }
}

fn each<T>(runs: &[PathBuf], act: impl Fn(&Path) -> Result<T>) -> Vec<(PathBuf, Result<T>)> {
    runs.iter().map(|run| (run.clone(), act(run))).collect()
}
