//! Takes in what was done to folders of runs, and has everything that shows such a run follow.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::window::App;
use super::worker::run_folders::Reply;
use crate::error::Result;
use crate::format;
use crate::train::run_change::Contents;
use crate::train::run_dir;
use crate::train::run_threshold::Changed;

impl App {
    pub(super) fn run_folders_answered(&mut self, reply: Reply) {
        match reply {
            Reply::Figures(figures) => self.train.compare().take_figures(figures),
            Reply::Contents(contents) => self.train.compare().take_contents(contents),
            Reply::Renamed(from, Ok(to)) => {
                if from != to {
                    self.messages.note(format!("{} is now called {}", run_dir::name(&from), run_dir::name(&to)));
                }
                self.run_moved(&from, Some(&to));
                self.list_runs();
            }
            Reply::Renamed(_, Err(error)) => {
                self.messages.error(&error);
                self.list_runs();
            }
            Reply::Deleted(deleted) => self.runs_deleted(deleted),
        }
    }

    /// A run has another threshold: if it is open, what is shown goes by that.
    pub(super) fn threshold_stored(&mut self, run: &Path, result: Result<Box<Changed>>) {
        self.review.threshold_stored();
        let changed = match result {
            Ok(changed) => changed,
            Err(error) => return self.messages.error(&error),
        };
        let open = self.session.verdict.as_mut().filter(|verdict| verdict.run.as_deref() == Some(run));
        if let Some(verdict) = open {
            let verdict = Arc::make_mut(verdict);
            verdict.threshold = changed.run.threshold;
            for (shown, stored) in verdict.predictions.iter_mut().zip(&changed.run.predictions) {
                if shown.file == stored.file {
                    shown.p_positive = stored.p_positive;
                }
            }
            self.session.tried = None;
            self.session.revision += 1;
        }
        if changed.scaling.is_some() {
            self.model.forget(run);
        }
        self.messages.note(format!("{} calls photos cracked from {} on", run_dir::name(run), changed.run.threshold));
        self.list_runs();
    }

    fn runs_deleted(&mut self, deleted: Vec<(PathBuf, Result<Contents>)>) {
        let (mut runs, mut files, mut left) = (Vec::new(), 0, Vec::new());
        for (run, result) in deleted {
            match result {
                Ok(contents) => {
                    self.run_moved(&run, None);
                    files += contents.files;
                    left.extend(contents.others.iter().map(|name| run.join(name).display().to_string()));
                    runs.push(run_dir::name(&run));
                }
                Err(error) => self.messages.error(&error),
            }
        }
        let what = match runs.as_slice() {
            [] => None,
            [run] => Some(run.clone()),
            runs => Some(format::counted(runs.len(), "run", "runs")),
        };
        if let Some(what) = what {
            let text = format!("Deleted {what}: {}", format::counted(files, "file", "files"));
            if left.is_empty() {
                self.messages.note(text);
            } else {
                self.messages.warn(format!("{text}; what others put there is still there"), left);
            }
        }
        self.list_runs();
    }

    /// A run has another path, or none any more.
    fn run_moved(&mut self, from: &Path, to: Option<&Path>) {
        self.train.run_moved(from, to);
        self.review.run_moved(from, to);
        self.inspect.run_moved(from, to);
        self.model.run_moved(from, to);
        let open = self.session.verdict.as_mut().filter(|verdict| verdict.run.as_deref() == Some(from));
        match (open, to) {
            (Some(verdict), Some(to)) => {
                let verdict = Arc::make_mut(verdict);
                (verdict.run, verdict.name) = (Some(to.to_owned()), run_dir::name(to));
            }
            (Some(_), None) => {
                (self.session.verdict, self.session.tried) = (None, None);
                self.session.revision += 1;
            }
            (None, _) => {}
        }
    }
}
