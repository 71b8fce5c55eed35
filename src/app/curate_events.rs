//! Carries out what the tab for curating asks for, and takes in what comes back.

use std::sync::Arc;
use std::time::Duration;

use super::command::Tab;
use super::session::Verdict;
use super::tabs::curate::Request;
use super::window::App;
use super::worker::asks::{Ask, SimilarOrder};
use super::worker::jobs::{Job, Trained};
use crate::dataset::{Dataset, Problem};
use crate::format;
use crate::review::suspects::Evidence;
use crate::train::config::{TrainConfig, Tune};

/// Similar photos that are shown.
const SIMILAR: usize = 200;

impl App {
    pub(super) fn curate_asks(&mut self, request: Request) {
        if let Request::Show(view) = request {
            self.curate.show(view);
            return self.show(Tab::Curate);
        }
        let Some(dataset) = self.session.dataset.clone() else { return };
        match request {
            Request::Suspects => drop(self.start(Job::Suspects { dataset, config: self.settings_of_head() })),
            Request::Features => drop(self.start(Job::Features { dataset, config: self.settings_of_head() })),
            Request::Map => drop(self.start(Job::Map { dataset, config: self.settings_of_head() })),
            Request::Similar(photo) => self.worker.ask(Ask::Similar(SimilarOrder { dataset, photo, count: SIMILAR })),
            Request::Back(tab) => self.tab = tab,
            Request::Show(_) => {}
        }
    }

    /// The settings of the form, for the last layer alone.
    fn settings_of_head(&self) -> Box<TrainConfig> {
        Box::new(TrainConfig { tune: Tune::Head, ..self.settings.train.clone() })
    }

    pub(super) fn show_similar(&mut self, photo: usize) {
        if photo < self.session.len() {
            self.curate.show_similar(photo, self.tab);
            self.tab = Tab::Curate;
            self.curate_asks(Request::Similar(photo));
        }
    }

    /// Trains the last layer again, with the labels in force. The tab that is shown stays.
    pub(super) fn train_again(&mut self) {
        let Some((dataset, config)) = self.what_to_learn() else { return };
        let (planned, name) = (config.epochs, dataset.name());
        let config = Box::new(TrainConfig { tune: Tune::Head, ..*config });
        let (runs, before) = (self.runs_folder().to_owned(), self.session.verdict.clone());
        if self.start(Job::TrainAgain { dataset, config, runs, before }) {
            self.train.begin(name, planned);
        }
    }

    /// What the model says, while its run is still being written: every list follows at once.
    pub(super) fn take_verdict_again(&mut self, verdict: Arc<Verdict>) {
        let wrong = verdict.predictions.iter().filter(|p| p.is_wrong(verdict.threshold)).count();
        let taken = self.job.as_ref().map_or(Duration::ZERO, |job| job.begun.elapsed());
        let text = format!("Trained again in {:.2} s: {} wrong", taken.as_secs_f64(), format::photos(wrong));
        self.messages.note(text);
        if self.session.verdict.is_none() {
            self.take_verdict(verdict);
            return;
        }
        self.review.run_trained_again(&verdict);
        self.session.verdict = Some(verdict);
        self.session.revision += 1;
    }

    pub(super) fn trained_again(&mut self, trained: &Trained) {
        self.train.finished(trained);
        self.tell_unreadable(&trained.unreadable);
        self.list_runs();
    }

    pub(super) fn suspects_found(&mut self, dataset: Arc<Dataset>, evidence: Evidence) {
        self.tell_unreadable(&evidence.unreadable);
        self.curate.suspects_found(dataset, evidence);
    }

    /// Whoever waits for features to find similar photos by asks again.
    pub(super) fn features_ready(&mut self, unreadable: &[Problem]) {
        self.tell_unreadable(unreadable);
        if let Some(photo) = self.curate.similar_wanted() {
            self.curate_asks(Request::Similar(photo));
        }
    }
}
