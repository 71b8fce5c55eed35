//! What the window holds, and how a frame comes about.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use egui::{CentralPanel, Context, Frame, Key, Modifiers, PointerState, Ui};

use super::closing::Closing;
use super::command::{self, Command, Tab};
use super::dialogs::{Dialogs, Tour};
use super::messages::Messages;
use super::scene::{Running, Scene};
use super::session::Session;
use super::settings::Settings;
use super::shortcuts;
use super::tabs::browse::Browse;
use super::tabs::curate::CurateTab;
use super::tabs::inspect::InspectTab;
use super::tabs::model::ModelTab;
use super::tabs::review::ReviewTab;
use super::tabs::train::TrainTab;
use super::theme;
use super::thumbnails::Thumbnails;
use super::widgets::detail::Request;
use super::worker::Worker;
use super::worker::asks::Ask;
use crate::error::Result;
use crate::nn::bundled;
use crate::nn::device::DeviceReport;
use crate::places::Places;
use crate::train::config::{DeviceChoice, PrecisionChoice};
use crate::train::run_dir::RunSummary;

/// How long a changed setting may wait to be written, so that a window being resized is written once.
const SETTLED: Duration = Duration::from_secs(1);

/// What the window is to start with.
#[derive(Clone, Debug)]
pub struct WindowOptions {
    /// A folder of photos to open.
    pub folder: Option<PathBuf>,
    /// A run to open.
    pub run: Option<PathBuf>,
    /// Where the program keeps things of its own.
    pub places: Places,
    /// Where to compute; `None` leaves what was last chosen in the window.
    pub device: Option<DeviceChoice>,
    /// What frozen layers multiply, if not what was chosen last.
    pub precision: Option<PrecisionChoice>,
}

impl WindowOptions {
    /// The file of the settings.
    pub fn settings_file(&self) -> PathBuf {
        Settings::file_in(&self.places)
    }
}

/// The window.
pub struct App {
    pub(super) session: Session,
    pub(super) settings: Settings,
    pub(super) messages: Messages,
    pub(super) dialogs: Dialogs,
    pub(super) tab: Tab,
    pub(super) browse: Browse,
    pub(super) curate: CurateTab,
    pub(super) train: TrainTab,
    pub(super) review: ReviewTab,
    pub(super) inspect: InspectTab,
    pub(super) model: ModelTab,
    pub(super) runs: Vec<RunSummary>,
    pub(super) job: Option<Running>,
    pub(super) device: Option<Result<DeviceReport>>,
    pub(super) thumbnails: Thumbnails,
    pub(super) fonts: Vec<String>,
    pub(super) places: Places,
    pub(super) worker: Worker,
    /// A run to be opened once the photos given with it are listed.
    pub(super) then_run: Option<PathBuf>,
    /// Whether labels are being read again, because a change of theirs could not be kept.
    pub(super) labels_lost: bool,
    settings_file: PathBuf,
    saved: Settings,
    changed: Option<Instant>,
    was_modal: bool,
    pub(super) closing: Closing,
}

impl App {
    /// The window as it starts.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn new(ctx: &Context, options: WindowOptions) -> Result<Self> {
        theme::install(ctx);
        ctx.options_mut(|options| options.zoom_with_keyboard = false);
        let settings_file = options.settings_file();
        let (mut settings, trouble) = Settings::load(&settings_file);
        let mut messages = Messages::default();
        if let Some(error) = &trouble {
            messages.error(error);
        }
        if let Some(device) = options.device {
            settings.train.device = device;
        }
        if let Some(precision) = options.precision {
            settings.train.precision = precision;
        }
        ctx.set_theme(egui::ThemePreference::from(settings.theme));
        ctx.set_zoom_factor(settings.zoom);
        let worker = Worker::start(ctx, options.places.clone())?;
        worker.ask(Ask::Device(settings.train.device));
        let mut app = Self {
            session: Session::default(),
            saved: settings.clone(),
            settings,
            messages,
            dialogs: Dialogs::default(),
            tab: Tab::default(),
            browse: Browse::default(),
            curate: CurateTab::default(),
            train: TrainTab::default(),
            review: ReviewTab::default(),
            inspect: InspectTab::default(),
            model: ModelTab::default(),
            runs: Vec::new(),
            job: None,
            device: None,
            thumbnails: Thumbnails::new(ctx)?,
            fonts: Vec::new(),
            places: options.places,
            worker,
            then_run: None,
            labels_lost: false,
            settings_file,
            changed: None,
            was_modal: false,
            closing: Closing::No,
        };
        app.list_runs();
        if !std::mem::replace(&mut app.settings.toured, true) && options.folder.is_none() && options.run.is_none() {
            app.dialogs.tour = Some(Tour::default());
        }
        match (options.folder, options.run) {
            (Some(folder), run) => {
                app.then_run = run;
                app.carry_out(ctx, Command::Open(vec![folder]));
            }
            (None, Some(run)) => app.carry_out(ctx, Command::OpenRun(run)),
            (None, None) => {}
        }
        Ok(app)
    }

    /// The open photos and what a run said of them.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// The tab that is shown.
    pub fn tab(&self) -> Tab {
        self.tab
    }

    /// What the user was told.
    pub fn messages(&self) -> &Messages {
        &self.messages
    }

    /// Whether a job runs.
    pub fn is_busy(&self) -> bool {
        self.job.is_some()
    }

    /// The folder of the runs.
    pub fn runs_folder(&self) -> &Path {
        self.settings.runs_folder(&self.places)
    }

    pub(super) fn list_runs(&self) {
        self.worker.ask(Ask::Runs(self.runs_folder().to_owned()));
    }

    fn tab_ui(&mut self, ui: &mut Ui, commands: &mut Vec<Command>) {
        if self.tab == Tab::Browse {
            let scanning = self.job.as_ref().filter(|job| job.opens_photos()).and_then(|job| job.progress);
            let asked = self.browse.ui(
                ui,
                &self.session,
                scanning.as_ref(),
                &mut self.settings,
                &mut self.thumbnails,
                commands,
            );
            commands.extend(asked.into_iter().map(Command::from));
            return;
        }
        let runs_folder = self.runs_folder().to_owned();
        let mut scene = Scene {
            session: &self.session,
            selected: self.browse.selected(),
            settings: &mut self.settings,
            runs: &self.runs,
            runs_folder: &runs_folder,
            job: self.job.as_ref(),
            thumbnails: &mut self.thumbnails,
            commands,
        };
        match self.tab {
            Tab::Curate => self.curate.ui(ui, &mut scene),
            Tab::Train => self.train.ui(ui, &mut scene),
            Tab::Inspect => self.inspect.ui(ui, &mut scene),
            Tab::Model => self.model.ui(ui, &mut scene),
            _ => self.review.ui(ui, &mut scene),
        }
    }

    /// Whether something has the keyboard for itself. A tooltip that was open when it came would stay above it until
    /// the pointer moves, so where the pointer rests is forgotten.
    fn is_modal(&mut self, ctx: &Context) -> bool {
        let tab = match self.tab {
            Tab::Browse | Tab::Curate => false,
            Tab::Train => self.train.is_modal(),
            Tab::Review => self.review.is_modal(),
            Tab::Inspect => self.inspect.is_modal(),
            Tab::Model => self.model.is_modal(),
        };
        let modal = self.dialogs.is_modal() || tab || self.closing != Closing::No;
        if modal && !self.was_modal {
            ctx.input_mut(|input| input.pointer = PointerState::default());
        }
        self.was_modal = modal;
        modal
    }

    /// What is dropped on the window is opened, whatever else was about to be.
    fn take_drop(&mut self, ctx: &Context, commands: &mut Vec<Command>) {
        if let Some(dropped) = command::dropped(ctx, self.tab) {
            self.dialogs.close_path();
            commands.push(dropped);
        }
    }

    /// Escape closes the lists that lie over the tab before the tab sees it; a dialog sees it first.
    fn close_lists(&mut self, ctx: &Context) {
        let open = self.dialogs.shortcuts || self.messages.open || self.dialogs.tour.is_some();
        if open && ctx.input_mut(|input| input.consume_key(Modifiers::NONE, Key::Escape)) {
            self.dialogs.shortcuts = false;
            self.dialogs.tour = None;
            self.messages.open = false;
        }
    }

    /// Remembers the window's size, and writes settings that have changed and settled.
    fn keep_settings(&mut self, ctx: &Context) {
        let size = ctx.input(|input| {
            let window = input.viewport();
            let usual = !window.maximized.unwrap_or(false) && !window.fullscreen.unwrap_or(false);
            window.inner_rect.filter(|_| usual).map(|rect| rect.size())
        });
        if let Some(size) = size {
            let size = size * ctx.zoom_factor();
            self.settings.window = Some([size.x.round(), size.y.round()]);
        }
        if self.settings == self.saved {
            self.changed = None;
            return;
        }
        let since = self.changed.get_or_insert_with(Instant::now).elapsed();
        if since < SETTLED {
            ctx.request_repaint_after(SETTLED - since);
        } else {
            self.save_settings();
        }
    }

    fn save_settings(&mut self) {
        self.worker.ask(Ask::Save(self.settings_file.clone(), Box::new(self.settings.clone())));
        self.saved = self.settings.clone();
        self.changed = None;
    }
}

impl eframe::App for App {
    fn logic(&mut self, ctx: &Context, _: &mut eframe::Frame) {
        self.take_events(ctx);
        self.keep_settings(ctx);
    }

    fn ui(&mut self, ui: &mut Ui, frame: &mut eframe::Frame) {
        let ctx = ui.ctx().clone();
        self.thumbnails.begin_frame(&ctx);
        self.dialogs.belong_to(frame);
        let modal = self.is_modal(&ctx);
        if !modal {
            self.close_lists(&ctx);
        }
        let mut commands = if modal { Vec::new() } else { shortcuts::pressed(&ctx) };
        self.take_drop(&ctx, &mut commands);
        self.top_bar(ui, &mut commands);
        self.status_bar(ui, &mut commands);
        let ground = theme::palette(ui).window;
        CentralPanel::default().frame(Frame::new().fill(ground)).show(ui, |ui| self.tab_ui(ui, &mut commands));
        self.messages.list_ui(ui);
        self.dialogs.ui(ui, &self.session, &mut self.settings, &mut commands);
        self.palette_ui(&ctx, &mut commands);
        self.closing_ui(&ctx);
        command::drop_hint(ui, self.tab);
        self.thumbnails.end_frame();
        for command in commands {
            self.carry_out(&ctx, command);
        }
    }

    fn clear_color(&self, visuals: &egui::Visuals) -> [f32; 4] {
        theme::of(visuals.dark_mode).window.to_normalized_gamma_f32()
    }
}

impl Drop for App {
    fn drop(&mut self) {
        if self.settings != self.saved {
            self.save_settings();
        }
    }
}

impl From<Request> for Command {
    fn from(request: Request) -> Self {
        match request {
            Request::OpenFolder => Self::OpenFolderDialog,
            Request::OpenArchive => Self::OpenArchiveDialog,
            Request::TrySamples => Self::MakeSamples,
            Request::Open(folder) => Self::Open(vec![folder]),
            Request::Classify => Self::Classify(bundled::NAME.into()),
            Request::Photo(path) => Self::Photo(path),
            Request::Inspect(path) => Self::InspectPhoto(path),
            Request::Activation(path) => Self::Explain(path),
            Request::Similar(photo) => Self::Similar(photo),
        }
    }
}
