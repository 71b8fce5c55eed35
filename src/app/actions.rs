//! Carries out what the user asks for.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use egui::{Context, ThemePreference};

use super::command::{Command, LeaksOf, Tab};
use super::dialogs::{Purpose, Tour};
use super::scene::{Kind, Running};
use super::window::App;
use super::worker::asks::{Ask, ExplainOrder};
use super::worker::curation::Edit;
use super::worker::jobs::Job;
use crate::dataset::Dataset;
use crate::dataset::split::SplitKind;
use crate::train::config::TrainConfig;
use crate::train::run_threshold::Wanted;

/// Steps of the scale.
const ZOOM_STEP: f32 = 0.1;

impl App {
    pub(super) fn carry_out(&mut self, ctx: &Context, command: Command) {
        match command {
            Command::Show(tab) => self.show(tab),
            Command::OpenFolderDialog => self.dialogs.choose(ctx, Purpose::Photos, self.settings.recent.first()),
            Command::OpenArchiveDialog => {
                let folder = self.settings.recent.first().and_then(|recent| recent.parent()).map(PathBuf::from);
                self.dialogs.choose(ctx, Purpose::Archive, folder.as_ref());
            }
            Command::OpenByPath => self.dialogs.ask_for_path(self.settings.recent.first()),
            Command::Open(paths) => self.open(paths),
            Command::Forget(folder) => self.settings.recent.retain(|other| *other != folder),
            Command::MakeSamples => self.start_on(Tab::Browse, Job::Samples),
            Command::StartTraining => self.start_training(),
            Command::PauseTraining(pause) => self.pause(pause),
            Command::StopTraining | Command::CancelJob => self.cancel(),
            Command::LeaveJob => self.leave(),
            Command::FindRate => self.in_train(Self::find_rate),
            Command::CrossValidate(folds) => self.in_train(|app| app.cross_validate(folds)),
            Command::FindGroups(edit) => self.find_groups(edit),
            Command::FindLeaks(of) => self.find_leaks(of),
            Command::TrainGrouped => {
                self.settings.train.split.kind = SplitKind::Grouped;
                self.start_training();
            }
            Command::LeaveSitesOut => self.in_train(Self::leave_sites_out),
            Command::CheckField { run, folder } => {
                let compute = self.settings.train.compute();
                self.start_on(Tab::Review, Job::CheckField { run, folder, compute });
            }
            Command::FieldDialog => self.dialogs.choose(ctx, Purpose::Field, self.settings.recent.first()),
            Command::BrowseTo(photo) => {
                self.browse.select(photo);
                self.show(Tab::Browse);
            }
            Command::ReviewVerdict(verdict, shown) => {
                self.take_verdict(verdict);
                self.review.show(shown);
                self.show(Tab::Review);
            }
            Command::ListRuns => self.list_runs(),
            Command::RunFolders(request) => self.worker.ask(Ask::RunFolders(request)),
            Command::WeightsDialog => self.dialogs.choose(ctx, Purpose::Weights, None),
            Command::RunsFolderDialog => {
                let folder = self.runs_folder().to_owned();
                self.dialogs.choose(ctx, Purpose::Runs, Some(&folder));
            }
            Command::SetDevice(choice) => {
                self.settings.train.device = choice;
                self.worker.ask(Ask::Device(choice));
            }
            Command::OpenRun(run) => {
                self.start_on(Tab::Review, Job::OpenRun { run, open: self.session.dataset.clone() });
            }
            Command::Classify(run) => self.classify(run),
            Command::Review(shown) => {
                self.review.show(shown);
                self.show(Tab::Review);
            }
            Command::TryThreshold(threshold) => self.session.tried = threshold,
            Command::StoreThreshold(wanted) => self.store_threshold(wanted),
            Command::Intervals(of) => {
                let photos = self.review.photos_judged(&self.session);
                self.worker.ask(Ask::Intervals { of, photos });
            }
            Command::ReadRun(run) => self.worker.ask(Ask::Said(run)),
            Command::Photo(path) => self.worker.ask(Ask::Photo(path)),
            Command::Explain(photo) => self.explain(photo),
            Command::Vary(order) => self.worker.ask(Ask::Vary(order)),
            Command::Undo if self.tab == Tab::Inspect => self.inspect.undo(),
            Command::Label { .. }
            | Command::Undo
            | Command::Redo
            | Command::LabelsForm
            | Command::LabelsFolderDialog
            | Command::ExportLabels(_)
            | Command::KeepViews(_) => self.label(ctx, command),
            Command::Find => self.find(),
            Command::ExportForm => self.export_form(),
            Command::ExportFolderDialog => {
                self.dialogs.choose(ctx, Purpose::Export, self.settings.export_folder.as_ref());
            }
            Command::Curate(request) => self.curate_asks(request),
            Command::Similar(photo) => self.show_similar(photo),
            Command::TrainAgain => self.train_again(),
            Command::Export(order) => _ = self.start(Job::Export(order)),
            Command::Model(request) => self.model_asks(ctx, request),
            Command::InspectPhoto(photo) => self.list_whole(vec![photo]),
            Command::Inspect(request) => self.inspect_asks(ctx, *request),
            look => self.change_look(ctx, look),
        }
    }

    fn change_look(&mut self, ctx: &Context, command: Command) {
        match command {
            Command::SetTheme(choice) => {
                self.settings.theme = choice;
                ctx.set_theme(ThemePreference::from(choice));
            }
            Command::NextTheme => self.change_look(ctx, Command::SetTheme(self.settings.theme.next())),
            Command::ZoomIn => self.zoom(ctx, self.settings.zoom + ZOOM_STEP),
            Command::ZoomOut => self.zoom(ctx, self.settings.zoom - ZOOM_STEP),
            Command::ZoomReset => self.zoom(ctx, 1.0),
            Command::ToggleShortcuts => self.dialogs.shortcuts = !self.dialogs.shortcuts,
            Command::TogglePalette => self.toggle_palette(),
            Command::Tour => self.dialogs.tour = Some(Tour::default()),
            Command::ToggleMessages => self.messages.open = !self.messages.open,
            _ => {}
        }
    }

    fn zoom(&mut self, ctx: &Context, factor: f32) {
        self.settings.zoom = ((factor * 10.0).round() / 10.0).clamp(1.0, 2.0);
        ctx.set_zoom_factor(self.settings.zoom);
    }

    fn open(&mut self, paths: Vec<PathBuf>) {
        self.start_on(Tab::Browse, Job::Open(paths));
    }

    /// Shows a tab. Questions are taken back: they ask about what was there before, and none may have the keyboard
    /// while it cannot be seen.
    pub(super) fn show(&mut self, tab: Tab) {
        self.train.drop_questions();
        self.review.drop_questions();
        self.inspect.drop_questions();
        self.model.drop_questions();
        if tab == Tab::Inspect {
            self.inspect.shown();
        }
        self.tab = tab;
    }

    /// Hands over a job and shows the tab that its result appears in.
    pub(super) fn start_on(&mut self, tab: Tab, job: Job) {
        if self.start(job) {
            self.show(tab);
        }
    }

    /// Hands a job to the worker, unless one runs that would be lost; says whether it did.
    pub(super) fn start(&mut self, job: Job) -> bool {
        let kind = Kind::of(&job);
        self.start_as(kind, job)
    }

    /// The same for a job that goes by another kind.
    pub(super) fn start_as(&mut self, kind: Kind, job: Job) -> bool {
        if let Some(running) = &self.job {
            if !running.may_be_replaced() {
                let what = running.kind.title().to_lowercase();
                self.messages.warn(format!("Still {what}: wait until it has ended, or cancel it"), Vec::new());
                return false;
            }
            running.controls.cancel.set(true);
            if kind != Kind::InspectOne {
                self.inspect.ended(); // the look that ran is taken later
            }
        }
        let (number, controls) = self.worker.run(job);
        self.job = Some(Running { number, kind, controls, progress: None, begun: Instant::now(), epochs: None });
        true
    }

    fn start_training(&mut self) {
        self.show(Tab::Train);
        let Some((dataset, config)) = self.what_to_learn() else { return };
        let planned = config.epochs;
        if self.start(Job::Train { dataset: Arc::clone(&dataset), config, runs: self.runs_folder().to_owned() }) {
            self.train.begin(dataset.name(), planned);
        }
    }

    /// Does something whose result is shown in the Train tab.
    fn in_train(&mut self, act: impl FnOnce(&mut Self)) {
        self.show(Tab::Train);
        act(self);
    }

    fn find_rate(&mut self) {
        let Some((dataset, config)) = self.what_to_learn() else { return };
        if self.start(Job::FindRate { dataset: Arc::clone(&dataset), config: config.clone() }) {
            self.train.begin_search(&dataset.name(), &config);
        }
    }

    fn cross_validate(&mut self, folds: usize) {
        let Some((dataset, config)) = self.what_to_learn() else { return };
        if self.start(Job::CrossValidate { dataset, config: config.clone(), folds }) {
            self.train.begin_folds(&config);
        }
    }

    fn find_groups(&mut self, edit: Option<Edit>) {
        if let Some(dataset) = self.session.dataset.clone() {
            self.start(Job::Group { dataset, config: self.settings.train.groups.clone(), edit });
        }
    }

    fn find_leaks(&mut self, of: LeaksOf) {
        let Some((dataset, mut config)) = self.what_to_learn() else { return };
        let run = match of {
            LeaksOf::Run(run) => Some(run),
            LeaksOf::Split(kind) => {
                config.split.kind = kind;
                None
            }
        };
        self.start(Job::FindLeaks { dataset, config, run });
    }

    fn leave_sites_out(&mut self) {
        let Some((dataset, config)) = self.what_to_learn() else { return };
        if self.start(Job::LeaveSitesOut { dataset, config: config.clone() }) {
            self.train.begin_sites(&config);
        }
    }

    /// The open photos and the settings of the form; says why not where there is nothing to learn.
    pub(super) fn what_to_learn(&mut self) -> Option<(Arc<Dataset>, Box<TrainConfig>)> {
        let Some(dataset) = self.session.dataset.clone() else {
            self.messages.warn("There are no photos to train on: open a folder first", Vec::new());
            return None;
        };
        if let Err(error) = self.settings.train.validate() {
            self.messages.error(&error);
            return None;
        }
        if let Some(reason) = super::tabs::train::why_not(&dataset) {
            self.messages.warn(reason, Vec::new());
            return None;
        }
        Some((dataset, Box::new(self.settings.train.clone())))
    }

    fn pause(&mut self, pause: bool) {
        let may = |job: &&Running| job.kind == Kind::Train && !(pause && job.why_no_pause().is_some());
        if let Some(job) = self.job.as_ref().filter(may) {
            job.controls.pause.set(pause);
        }
    }

    pub(super) fn cancel(&mut self) {
        if let Some(job) = self.job.as_ref().filter(|job| !job.is_finishing()) {
            job.controls.cancel.set(true);
            job.controls.pause.set(false);
            self.inspect.cancelled();
        }
    }

    pub(super) fn leave(&mut self) {
        if let Some(job) = self.job.as_ref().filter(|job| job.is_finishing()) {
            job.controls.leave.set(true);
        }
    }

    fn classify(&mut self, run: PathBuf) {
        if let Some(dataset) = self.session.dataset.clone() {
            self.start_on(Tab::Review, Job::Classify { run, dataset, compute: self.settings.train.compute() });
        }
    }

    fn store_threshold(&mut self, wanted: Wanted) {
        if let Some(run) = self.session.verdict.as_ref().and_then(|verdict| verdict.run.clone()) {
            self.worker.ask(Ask::StoreThreshold(run, wanted));
        }
    }

    fn explain(&mut self, photo: PathBuf) {
        if let Some(run) = self.session.verdict.as_ref().and_then(|verdict| verdict.run.clone()) {
            let (compute, opened) = (self.settings.train.compute(), self.session.opened);
            self.worker.ask(Ask::Explain(ExplainOrder { run, photo, compute, opened }));
        }
    }

    /// Gives the field for names the keyboard, in the tab that is shown if it has one.
    fn find(&mut self) {
        if self.tab == Tab::Review && self.session.verdict.is_some() {
            self.review.find();
        } else if !self.session.is_empty() {
            self.tab = Tab::Browse;
            self.browse.find();
        }
    }

    fn export_form(&mut self) {
        if self.tab == Tab::Inspect {
            self.inspect.open_export(self.settings.export_folder.as_deref());
        } else if self.session.verdict.is_some() {
            self.show(Tab::Review);
            self.review.open_export(&self.session, self.settings.export_folder.as_deref());
        } else {
            self.messages.warn("There is nothing to export yet: train, or open a run", Vec::new());
        }
    }
}
