//! Takes in what the worker's threads send back.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use egui::Context;

use super::command::{Command, Tab};
use super::dialogs::{Chosen, Purpose};
use super::fallback_fonts::Font;
use super::session::Verdict;
use super::shortcuts::{self, Act, Place};
use super::tabs::review::Shown;
use super::theme;
use super::window::App;
use super::worker::Event;
use super::worker::asks::{Answer, Ask};
use super::worker::curation::FieldChecked;
use super::worker::jobs::{Done, Job, Listed, Scanned, Trained};
use crate::dataset::Problem;
use crate::error::Result;
use crate::format;
use crate::nn::device::DeviceReport;
use crate::train::config::WeightsSource;
use crate::train::observer;

impl App {
    pub(super) fn take_events(&mut self, ctx: &Context) {
        let live = self.worker.take_live();
        if let Some(job) = &mut self.job {
            job.progress = live.progress.or(job.progress);
        }
        self.train.take_steps(&live.steps);
        self.train.take_readings(&live.readings);
        let events: Vec<Event> = self.worker.events().collect();
        for event in events {
            match event {
                Event::Train(event) => self.training(event),
                Event::Verdict(verdict) => self.take_verdict_again(verdict),
                Event::Ended { job, result } => self.ended(job, result),
                Event::Inspecting(told) => self.inspect.take(told),
                Event::Answer(answer) => self.answered(ctx, answer),
            }
        }
        if let Some(chosen) = self.dialogs.chosen() {
            self.take_choice(ctx, chosen);
        }
    }

    fn training(&mut self, event: observer::Event) {
        match &event {
            observer::Event::Note(note) => self.messages.warn(note.clone(), Vec::new()),
            observer::Event::Features(report) => {
                self.messages.note(report.summary());
                self.tell_unreadable(&report.unreadable);
            }
            observer::Event::Variants(report) => self.messages.note(report.summary_of("Variants")),
            observer::Event::Divided { resumed, .. } => {
                self.count_epochs(resumed.len());
                self.list_runs(); // its folder is there by now
            }
            observer::Event::Epoch { record, .. } => self.count_epochs(record.epoch),
            _ => {}
        }
        self.train.take_event(&event);
    }

    fn count_epochs(&mut self, done: usize) {
        if let Some(job) = &mut self.job {
            job.epochs = Some(done);
        }
    }

    fn ended(&mut self, number: u64, result: Result<Done>) {
        let Some(job) = self.job.take_if(|job| job.number == number) else {
            return; // another job has taken its place, and nobody waits for this one
        };
        self.inspect.ended();
        match result {
            Ok(done) => self.done(done),
            Err(error) => {
                self.inspect.failed(job.kind, &error);
                self.train.failed(job.kind, &error);
                self.curate.failed(job.kind, &error);
                if error.is_cancelled() {
                    self.messages.note(format!("{}: cancelled", job.kind.title()));
                } else {
                    self.messages.error(&error);
                }
                self.then_run = None;
                self.list_runs();
            }
        }
    }

    fn done(&mut self, done: Done) {
        match done {
            Done::Scanned(scanned) => self.scanned(scanned),
            Done::Trained(trained) => self.trained(trained),
            Done::TrainedAgain(trained) => self.trained_again(&trained),
            Done::Suspects { dataset, evidence } => self.suspects_found(dataset, *evidence),
            Done::Features { unreadable } => self.features_ready(&unreadable),
            Done::Map { dataset, map } => self.curate.map_drawn(dataset, map),
            Done::RateFound(found) => self.train.rate_found(found),
            Done::CrossValidated(found) => {
                self.messages.note(format!("Cross-validated on {}", format::photos(found.found.together.photos)));
                self.train.cross_validated(*found);
            }
            Done::Grouped(grouped) => self.session.groups = Some(grouped),
            Done::LeaksFound(found) => self.curate.leaks_found(*found),
            Done::SitesLeftOut(found) => {
                self.messages.note(format!(
                    "{} left out, one after the other",
                    format::counted(found.table.sites.len(), "site", "sites")
                ));
                self.train.sites_left_out(*found);
            }
            Done::FieldChecked(found) => self.field_checked(*found),
            Done::RunOpened { photos, verdict } => {
                if let Some(photos) = photos {
                    self.take_photos(*photos);
                }
                self.messages.note(format!("Run {} is open", verdict.name));
                self.take_verdict(verdict);
                self.show(Tab::Review);
            }
            Done::Classified { verdict, unreadable } => {
                self.messages.note(format!("{} classified", format::photos(verdict.predictions.len())));
                self.tell_unreadable(&unreadable);
                self.take_verdict(verdict);
            }
            Done::Whole(outcome) => self.whole_done(outcome),
            Done::WouldReplace { order, existing } => self.review.ask_to_replace(order, existing),
            Done::Exported { folder, files, problems } => {
                self.settings.export_folder = folder.parent().map(Path::to_owned);
                let text = format!("{} exported to {}", format::counted(files, "file", "files"), folder.display());
                if problems.is_empty() {
                    self.messages.note(text);
                } else {
                    self.messages.warn(format!("{text}, with something to look at"), lines(&problems));
                }
            }
        }
    }

    fn field_checked(&mut self, found: FieldChecked) {
        let FieldChecked { photos, verdict, validation, unreadable } = found;
        self.messages.note(format!("{} tested on {}", verdict.name, photos.dataset.name()));
        self.take_photos(*photos);
        self.tell_unreadable(&unreadable);
        self.take_verdict(Arc::clone(&verdict));
        self.review.field_checked(&verdict, validation);
        self.show(Tab::Review);
    }

    fn scanned(&mut self, scanned: Scanned) {
        let Scanned { photos, files, run, known } = scanned;
        let dataset = &photos.dataset;
        let all = format!("all {} of {} are open", format::photos(dataset.samples.len()), dataset.name());
        self.take_photos(*photos);
        if let Some(known) = known {
            self.messages.note(known.summary());
        }
        if files > 0 {
            self.messages.note(format!("Photos are opened by the folder: {all}"));
        }
        if let Some(run) = self.then_run.take() {
            self.start_on(Tab::Review, Job::OpenRun { run, open: self.session.dataset.clone() });
        } else if let Some(run) = run {
            self.review.choose_run(run);
            self.show(Tab::Review);
        }
    }

    fn take_photos(&mut self, photos: Listed) {
        let Listed { dataset, rare, opened } = photos;
        self.messages.settle();
        if let [root] = dataset.roots.as_slice() {
            self.settings.remember(root);
        }
        if !rare.is_empty() {
            self.worker.ask(Ask::Fonts(rare));
        }
        if !dataset.problems.is_empty() {
            let title = match dataset.problems.len() {
                1 => "Something in this folder needs a look".to_owned(),
                n => format!("{} things in this folder need a look", format::count(n as u64)),
            };
            self.messages.warn(title, lines(&dataset.problems));
        }
        self.thumbnails.clear();
        self.dialogs.tour = None;
        self.session.listed += 1;
        self.session.views.clear();
        self.worker.ask(Ask::Views(dataset.roots.clone()));
        self.take_labels(opened);
        self.session.dataset = Some(dataset);
        (self.session.verdict, self.session.tried) = (None, None);
        self.session.unreadable.clear();
        self.session.groups = None;
        self.session.revision += 1;
        self.browse.take_dataset(&self.session);
    }

    pub(super) fn take_verdict(&mut self, verdict: Arc<Verdict>) {
        self.review.run_opened(&verdict);
        self.session.tried = None;
        self.session.verdict = Some(verdict);
        self.session.follow_labels();
        self.session.revision += 1;
        self.session.opened += 1;
    }

    fn trained(&mut self, trained: Trained) {
        self.train.finished(&trained);
        if let Some(run) = &trained.verdict.run {
            self.model.forget(run);
        }
        self.take_verdict(Arc::clone(&trained.verdict));
        self.review.show(Shown::Errors);
        self.tell_unreadable(&trained.unreadable);
        let what = if trained.stopped { "Training stopped; its best epoch is kept" } else { "Training has ended" };
        self.messages.note(what);
        self.list_runs();
    }

    /// Marks the photos that cannot be read and tells of those not told of before.
    pub(super) fn tell_unreadable(&mut self, problems: &[Problem]) {
        let fresh: Vec<Problem> =
            problems.iter().filter(|problem| !self.session.unreadable.contains_key(&problem.file)).cloned().collect();
        if fresh.is_empty() {
            return;
        }
        self.messages.warn(format!("{} cannot be read", format::photos(fresh.len())), lines(&fresh));
        self.session.unreadable.extend(fresh.into_iter().map(|problem| (problem.file.clone(), problem)));
        self.session.revision += 1;
    }

    fn answered(&mut self, ctx: &Context, answer: Answer) {
        match answer {
            Answer::Device(report) => self.take_device(report),
            Answer::Runs(folder, list) => {
                self.train.runs_listed(folder, &list);
                self.runs = list.runs;
            }
            Answer::RunFolders(reply) => self.run_folders_answered(reply),
            Answer::Photo(path, result) => {
                self.browse.photo_arrived(path.clone(), result.clone());
                self.curate.photo_arrived(&path, &result);
                self.inspect.photo_arrived(&path, result.clone().map(|(picture, _)| picture));
                self.review.photo_arrived(path, result);
            }
            Answer::Explained(of, result) => {
                self.browse.activation_arrived(&of, result.clone());
                self.curate.activation_arrived(&of, &result);
                self.review.activation_arrived(&of, result);
            }
            Answer::Similar(order, found) => self.curate.similar_found(&order, found),
            Answer::Varied(order, result) => self.train.photo_varied(ctx, order, result),
            Answer::Weights(model, result) => self.model.weights_arrived(&model, result),
            Answer::Maps(of, result) => self.model.maps_arrived(&of, result),
            Answer::DrawingSaved(path, result) => self.drawing_saved(&path, result),
            Answer::Intervals(of, intervals) => self.review.take_intervals(of, intervals),
            Answer::Said(run, result) => self.review.said_arrived(&run, result),
            Answer::ThresholdStored(run, result) => self.threshold_stored(&run, result),
            Answer::Fonts(fonts) => fonts.into_iter().for_each(|font| self.add_font(ctx, font)),
            Answer::NotSaved(error) => self.messages.error(&error),
            Answer::LabelsLost(error) => self.labels_lost(&error),
            Answer::Labels(read) => self.labels_read(read),
            Answer::Found(order, result) => self.inspect.found(&order, result),
            Answer::Views(roots, views) => self.views_read(&roots, views),
        }
    }

    fn take_device(&mut self, report: Result<DeviceReport>) {
        match &report {
            Ok(report) => report.note.iter().for_each(|note| self.messages.warn(note.clone(), Vec::new())),
            Err(error) => self.messages.error(error),
        }
        self.device = Some(report);
    }

    fn add_font(&mut self, ctx: &Context, font: Font) {
        if !self.fonts.contains(&font.name) {
            theme::add_fallback(ctx, &font.name, font.bytes, font.index);
            self.fonts.push(font.name);
        }
    }

    /// What the user chose in the system's dialog.
    fn take_choice(&mut self, ctx: &Context, chosen: Chosen) {
        let Some(path) = chosen.path else {
            if chosen.at_once {
                self.no_dialog(ctx, chosen.purpose);
            }
            return;
        };
        match chosen.purpose {
            Purpose::Photos | Purpose::Archive => self.carry_out(ctx, Command::Open(vec![path])),
            Purpose::Weights => self.settings.train.weights = WeightsSource::File(path),
            Purpose::Field => self.review.field_chosen(&path),
            Purpose::Runs => {
                self.settings.runs_folder = Some(path);
                self.list_runs();
            }
            Purpose::Export => self.review.export_to(&path),
            Purpose::Labels => self.dialogs.labels_to(&path),
            Purpose::Drawing => self.model.save_to(&path),
            Purpose::MapsPhoto => self.model.look_at(path),
            Purpose::WholePhoto | Purpose::WholeFolder => self.list_whole(vec![path]),
            Purpose::Inspection => self.inspect.export_to(&path),
            Purpose::Model => self.inspect.keep_as(&path),
        }
    }

    /// A dialog that ends before anybody could have closed it was never there. Said where the path can be typed.
    fn no_dialog(&mut self, ctx: &Context, purpose: Purpose) {
        match purpose {
            Purpose::Photos | Purpose::Archive => {
                self.dialogs.ask_for_path(self.settings.recent.first());
                self.dialogs.no_system_dialog();
            }
            Purpose::Field => self.messages.warn(
                "This system has no dialog to choose a folder in",
                vec!["Type or paste the path into the field instead".to_owned()],
            ),
            Purpose::Export => self.review.no_system_dialog(),
            Purpose::Labels => self.dialogs.no_dialog_for_labels(),
            Purpose::Drawing => self.model.no_system_dialog(),
            Purpose::Inspection | Purpose::Model => self.inspect.no_system_dialog(),
            Purpose::WholePhoto | Purpose::WholeFolder => {
                let words = "Drop photos or a folder onto this tab, or open a folder by its path";
                let advice = shortcuts::hint(ctx, words, Place::Anywhere, Act::OpenByPath);
                self.messages.warn("This system has no dialog to choose photos in", vec![advice]);
            }
            Purpose::MapsPhoto => {
                let advice = "Open the photo's folder, and select it in Browse".to_owned();
                self.messages.warn("This system has no dialog to choose a file in", vec![advice]);
            }
            Purpose::Weights | Purpose::Runs => {
                let advice = "Type or paste the path into the field instead".to_owned();
                self.messages.warn("This system has no dialog to choose a file in", vec![advice]);
            }
        }
    }
}

pub(super) fn lines(problems: &[Problem]) -> Vec<String> {
    const SHOWN: usize = 20;
    let mut lines: Vec<String> =
        problems.iter().take(SHOWN).map(|problem| format!("{}: {}", problem.file, problem.reason)).collect();
    if problems.len() > SHOWN {
        lines.push(format!("and {} more", format::count((problems.len() - SHOWN) as u64)));
    }
    lines
}

/// Where a path is typed by hand, a leading `~` means the home folder.
pub(super) fn typed_path(text: &str) -> Option<PathBuf> {
    let text = text.trim().trim_matches(['"', '\'']);
    if text.is_empty() {
        return None;
    }
    match (text.strip_prefix('~'), directories::BaseDirs::new()) {
        (Some(rest), Some(dirs)) if rest.is_empty() || rest.starts_with(['/', '\\']) => {
            Some(dirs.home_dir().join(rest.trim_start_matches(['/', '\\'])))
        }
        _ => Some(PathBuf::from(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::WindowOptions;
    use crate::places::Places;
    use crate::train::config::DeviceChoice;

    #[test]
    fn a_folder_from_the_systems_dialog_is_shown_in_browse() {
        let folder = tempfile::tempdir().unwrap();
        let ctx = Context::default();
        let options = WindowOptions {
            folder: None,
            run: None,
            places: Places::below(folder.path()),
            device: Some(DeviceChoice::Cpu),
            precision: None,
        };
        let mut app = App::new(&ctx, options).unwrap();
        app.tab = Tab::Review;
        let chosen = Chosen { purpose: Purpose::Photos, path: Some(folder.path().to_owned()), at_once: false };
        app.take_choice(&ctx, chosen);
        assert_eq!((app.tab, app.is_busy()), (Tab::Browse, true));
    }

    #[test]
    fn a_typed_path_may_be_quoted_or_begin_at_home() {
        assert_eq!(typed_path("  "), None);
        assert_eq!(typed_path("\"/photos/a b\" "), Some(PathBuf::from("/photos/a b")));
        let home = directories::BaseDirs::new().unwrap().home_dir().to_owned();
        assert_eq!(typed_path("~/photos"), Some(home.join("photos")));
    }
}
