//! What the user does to labels, and what becomes of it.

use std::path::PathBuf;
use std::sync::Arc;

use egui::Context;

use super::command::{Command, Tab};
use super::dialogs::Purpose;
use super::tabs::browse::SavedView;
use super::window::App;
use super::worker::asks::Ask;
use super::worker::jobs::Job;
use super::worker::keeper::Keep;
use crate::dataset::labels::{Changed, Opened};
use crate::dataset::{Dataset, Problem};
use crate::error::{Error, Result};
use crate::export::labels::LabelsOrder;

impl App {
    pub(super) fn label(&mut self, ctx: &Context, command: Command) {
        match command {
            Command::Label { photos, change } if self.may_label() => {
                let changed = self.session.relabel(|labels, dataset| labels.change(dataset, &photos, change));
                self.labelled(changed, "Undo", Command::Undo);
            }
            Command::Undo if self.may_label() => {
                let changed = self.session.relabel(|labels, dataset| labels.undo(dataset));
                self.show_changed(changed.as_ref(), "Nothing was done to labels that could be undone");
                self.labelled(changed, "Redo", Command::Redo);
            }
            Command::Redo if self.may_label() => {
                let changed = self.session.relabel(|labels, dataset| labels.redo(dataset));
                self.show_changed(changed.as_ref(), "Nothing was undone that could be done again");
                self.labelled(changed, "Undo", Command::Undo);
            }
            Command::LabelsForm => self.labels_form(),
            Command::LabelsFolderDialog => {
                self.dialogs.choose(ctx, Purpose::Labels, self.settings.export_folder.as_ref());
            }
            Command::ExportLabels(order) => self.export_labels(order),
            Command::KeepViews(views) => self.keep_views(views),
            _ => {}
        }
    }

    /// Labels that are being read again cannot be changed meanwhile.
    fn may_label(&self) -> bool {
        !self.labels_lost && !self.session.is_empty()
    }

    /// Tells what was done, and has it kept.
    fn labelled(&mut self, changed: Option<Changed>, word: &'static str, command: Command) {
        let Some(Changed { text, keep, .. }) = changed else { return };
        self.messages.note_with(text, word, command);
        keep.into_iter().for_each(|line| self.worker.keep(Keep::Line(line)));
    }

    /// Shows the first of the photos that are as before, or again otherwise.
    fn show_changed(&mut self, changed: Option<&Changed>, nothing: &str) {
        let Some(changed) = changed else {
            self.messages.note(nothing);
            return;
        };
        if let Some(&index) = changed.photos.first() {
            match self.tab {
                Tab::Browse => self.browse.select(index),
                Tab::Review => self.review.select(&self.session, index),
                _ => {}
            }
        }
    }

    /// The labels of photos that were listed.
    pub(super) fn take_labels(&mut self, opened: Opened) {
        self.labels_lost = false;
        if let Some(strangers) = opened.strangers() {
            let advice = "What they were labelled is not applied; it stays in the journal".to_owned();
            self.messages.warn(strangers, vec![advice]);
        }
        for Problem { file, reason } in &opened.applied.problems {
            self.messages.warn(format!("The journal of the labels: {reason}"), vec![file.clone()]);
        }
        self.session.labels = opened.labels;
        self.worker.keep(Keep::Journals(opened.journals));
    }

    /// A change could not be kept: what is on the disk counts.
    pub(super) fn labels_lost(&mut self, error: &Error) {
        self.messages.error(error);
        if let Some(dataset) = &self.session.dataset {
            self.labels_lost = true;
            self.worker.ask(Ask::Labels(Arc::clone(dataset)));
        }
    }

    /// The labels that are on the disk.
    pub(super) fn labels_read(&mut self, read: Result<Box<(Arc<Dataset>, Opened)>>) {
        match read {
            Ok(read) => {
                let (dataset, opened) = *read;
                // Another folder may have been opened meanwhile.
                let same = self.session.dataset.as_ref().is_some_and(|open| open.roots == dataset.roots);
                if same && self.labels_lost {
                    self.take_labels(opened);
                    self.session.dataset = Some(dataset);
                    self.session.follow_labels();
                    self.session.revision += 1;
                }
            }
            Err(error) => self.messages.error(&error),
        }
    }

    pub(super) fn views_read(&mut self, roots: &[PathBuf], views: Result<Vec<SavedView>>) {
        match views {
            Ok(views) if self.session.dataset.as_ref().is_some_and(|dataset| dataset.roots == roots) => {
                self.session.views = views;
            }
            Ok(_) => {}
            Err(error) => self.messages.error(&error),
        }
    }

    fn keep_views(&mut self, views: Vec<SavedView>) {
        if let Some(dataset) = &self.session.dataset {
            self.worker.ask(Ask::KeepViews(dataset.roots.clone(), views.clone()));
            self.session.views = views;
        }
    }

    fn labels_form(&mut self) {
        match self.session.dataset.as_ref().filter(|dataset| !dataset.samples.is_empty()) {
            Some(dataset) => self.dialogs.ask_for_labels(self.settings.export_folder.as_deref(), &dataset.name()),
            None => self.messages.warn("There are no labels to export: open a folder first", Vec::new()),
        }
    }

    fn export_labels(&mut self, order: LabelsOrder) {
        self.settings.export_folder = order.to.parent().map(PathBuf::from);
        if let Some(dataset) = self.session.dataset.clone() {
            self.start(Job::ExportLabels { dataset, order });
        }
    }
}
