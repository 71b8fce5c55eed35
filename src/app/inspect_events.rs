//! Carries out what the tab for whole photos asks for, and takes in what comes back.

use std::path::{Path, PathBuf};

use egui::Context;

use super::command::Tab;
use super::dialogs::Purpose;
use super::events::lines;
use super::scene::Kind;
use super::tabs::inspect::Request;
use super::window::App;
use super::worker::asks::Ask;
use super::worker::inspection::{Kept, Outcome, Task};
use super::worker::jobs::Job;
use crate::format;

impl App {
    pub(super) fn inspect_asks(&mut self, ctx: &Context, request: Request) {
        match request {
            Request::Run { task, unasked } => self.run_whole(task, unasked),
            Request::All => {
                self.show(Tab::Inspect);
                self.inspect.want_all();
            }
            Request::Find(order) => self.worker.ask(Ask::Find(order)),
            Request::ChoosePhoto => self.dialogs.choose(ctx, Purpose::WholePhoto, self.settings.recent.first()),
            Request::ChooseFolder => self.dialogs.choose(ctx, Purpose::WholeFolder, self.settings.recent.first()),
            Request::ChooseExportFolder => {
                self.dialogs.choose(ctx, Purpose::Inspection, self.settings.export_folder.as_ref());
            }
            Request::ChooseModelFile => {
                let folder = self.runs_folder().to_owned();
                self.dialogs.choose(ctx, Purpose::Model, Some(&folder));
            }
        }
    }

    /// Lists photos to be inspected.
    pub(super) fn list_whole(&mut self, paths: Vec<PathBuf>) {
        self.start_on(Tab::Inspect, Job::Whole(Task::List(paths)));
    }

    fn run_whole(&mut self, task: Task, unasked: bool) {
        let job = Job::Whole(task);
        if unasked {
            // It may be ended by whatever is asked for.
            self.start_as(Kind::InspectOne, job);
        } else {
            self.start(job);
        }
    }

    pub(super) fn whole_done(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Listed { photos, problems } => {
                if !problems.is_empty() {
                    self.messages.warn("Some of what was chosen cannot be inspected", lines(&problems));
                }
                self.inspect.take_listed(photos);
            }
            Outcome::Inspected { photos, problems, stopped } => {
                if !problems.is_empty() {
                    let title = format!("{} cannot be inspected", format::photos(problems.len()));
                    self.messages.warn(title, lines(&problems));
                }
                if stopped {
                    self.messages.note(format!("Inspection stopped; {} are kept", format::photos(photos)));
                } else if photos > 1 {
                    self.messages.note(format!("{} inspected", format::photos(photos)));
                }
            }
            Outcome::Corrected(corrected) => {
                let cells = format::counted(corrected.cells, "cell", "cells");
                self.messages.note(format!("Trained on {cells} in {:.1} s", corrected.seconds));
                self.inspect.take_corrected(corrected);
            }
            Outcome::Kept(kept) => {
                if let Kept::Written(path) = &kept {
                    self.messages.note(format!("Model saved to {}", path.display()));
                }
                self.inspect.take_kept(&kept);
            }
            Outcome::Written(written) => {
                self.settings.export_folder = written.folder.parent().map(Path::to_owned);
                let text = format!("{} exported to {}", format::photos(written.photos), written.folder.display());
                if written.problems.is_empty() {
                    self.messages.note(text);
                } else {
                    self.messages.warn(format!("{text}, with something to look at"), lines(&written.problems));
                }
                self.inspect.written();
            }
        }
    }
}
