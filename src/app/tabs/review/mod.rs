//! Review: what a run got wrong, and what it got right.

mod export_form;
mod field;
mod figures;
mod figures_view;
mod judged;
mod list;
mod pair_view;
mod photos_view;
mod run_choice;
mod side;
mod threshold;
mod threshold_plots;

use std::path::{Path, PathBuf};

use egui::{CentralPanel, Frame, Panel, Ui};

use self::export_form::{Answer, ExportForm, Replace};
use self::field::FieldCheck;
pub(super) use self::figures::matrix_ui;
use self::figures_view::FiguresView;
use self::judged::Judged;
use self::list::List;
use self::pair_view::PairView;
use self::run_choice::RunChoice;
pub(super) use self::run_choice::classify;
use self::side::unlabelled_ui;
use self::threshold::ThresholdControls;
use crate::app::command::{Command, Tab};
use crate::app::scene::{Kind, Scene};
use crate::app::session::{Session, Verdict};
use crate::app::theme::{self, icons, space};
use crate::app::widgets::detail::Detail;
use crate::app::widgets::form::{choices, primary};
use crate::app::widgets::grid::{Grid, GridState};
use crate::app::widgets::photo_view::Picture;
use crate::app::widgets::{empty, marking};
use crate::app::worker::asks::ExplainOrder;
use crate::app::worker::jobs::ExportOrder;
use crate::error::Result;
use crate::nn::explain::Cam;
use crate::photo::exif::Facts;
use crate::review::bootstrap::{self, Intervals};
use crate::review::metrics::Metrics;

pub use figures_view::Of as IntervalsOf;
pub use list::{Scope, Shown, Sort};
pub use pair_view::Said;

/// Width of the figures.
const FIGURES: f32 = 336.0;
/// Width of the pane that shows a photo large.
const DETAIL: f32 = 340.0;
/// The window must be this wide for the pane to stand beside the grid.
const WIDE: f32 = 1000.0;
/// Side of a cell of the grid.
const CELL: f32 = 128.0;
/// The name of the grid beside another run.
const PAIR_GRID: &str = "two runs";
/// The plots' share of the room beneath the controls of the threshold.
const PLOTS: f32 = 0.44;

/// The scopes, with what they mean.
pub(super) const SCOPES: [(Scope, &str, &str); 3] = [
    (Scope::Validation, "Validation", "Photos held back from training: what the run can do"),
    (Scope::Training, "Training", "Photos trained on"),
    (Scope::All, "All photos", "Every photo with a prediction"),
];

/// What is shown beside the figures.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum View {
    /// The photos, with what was said of them.
    #[default]
    Photos,
    /// From which probability on a photo counts as cracked, and what that comes to.
    Threshold,
    /// Every figure with its interval, and how honest the probabilities are.
    Figures,
    /// The open run beside another one.
    Pair,
}

impl View {
    /// All views with their names and what they are for, in their order on the screen.
    const ALL: &[(Self, &str, &str)] = &[
        (Self::Photos, "Photos", "The photos, the wrong ones first"),
        (Self::Threshold, "Threshold", "From which probability on a photo counts as cracked"),
        (Self::Figures, "Figures", "Every figure with its interval, and how honest the probabilities are"),
        (Self::Pair, "Two runs", "What this run mended of another one, and what it broke"),
    ];
}

/// What the tab remembers.
#[derive(Default)]
pub struct ReviewTab {
    view: View,
    scope: Scope,
    shown: Shown,
    sort: Sort,
    /// Words that names must contain.
    text: String,
    /// Whether the field for names is to have the keyboard.
    find: bool,
    grid: GridState,
    detail: Detail,
    large: bool,
    run_choice: RunChoice,
    field: FieldCheck,
    list: List,
    judged: Judged,
    threshold: ThresholdControls,
    figures: FiguresView,
    pair: PairView,
    export: Option<ExportForm>,
    replace: Option<Replace>,
}

impl ReviewTab {
    /// Shows these photos.
    pub fn show(&mut self, shown: Shown) {
        self.view = View::Photos;
        self.shown = shown;
        self.sort = Sort::Loss;
    }

    /// Another run's predictions lie over the photos.
    pub fn run_opened(&mut self, verdict: &Verdict) {
        self.scope = Scope::of(verdict);
        let labelled = verdict.predictions.iter().any(|p| p.truth.is_some());
        (self.shown, self.sort) =
            if labelled { (Shown::Errors, Sort::Loss) } else { (Shown::Everything, Sort::Cracked) };
        self.run_choice.opened(verdict.run.as_deref());
        self.pair.run_opened(verdict.run.as_deref());
        self.field.forget();
        self.large = false;
    }

    /// The same settings were trained again: what is shown, and how, stays.
    pub fn run_trained_again(&mut self, verdict: &Verdict) {
        self.run_choice.opened(verdict.run.as_deref());
        self.pair.run_opened(verdict.run.as_deref());
    }

    /// A run's model has looked at another folder; its figures on its own validation photos are these.
    pub fn field_checked(&mut self, verdict: &Verdict, validation: Option<Metrics>) {
        self.field.done(verdict, validation);
        self.show(Shown::Errors);
    }

    /// A folder to test a run on was chosen in the system's dialog.
    pub fn field_chosen(&mut self, folder: &Path) {
        self.field.chosen(folder);
    }

    /// A run has been given another threshold, or it could not be.
    pub fn threshold_stored(&mut self) {
        self.threshold.stored();
        self.figures.stored();
    }

    /// Intervals that were asked for have come.
    pub fn take_intervals(&mut self, of: IntervalsOf, intervals: Intervals) {
        self.figures.take_intervals(of, intervals);
    }

    /// What another run says has come.
    pub fn said_arrived(&mut self, run: &Path, result: Result<Said>) {
        self.pair.said_arrived(run, result);
    }

    /// The photos that the figures are of, with the groups that their names tell of.
    pub fn photos_judged(&self, session: &Session) -> Vec<bootstrap::Judged> {
        self.judged.with_groups(session)
    }

    /// A photo that was asked for has come.
    pub fn photo_arrived(&mut self, path: PathBuf, result: Result<(Picture, Facts)>) {
        self.detail.photo_arrived(path, result);
    }

    /// A class activation map that was asked for has come.
    pub fn activation_arrived(&mut self, of: &ExplainOrder, result: Result<Cam>) {
        self.detail.activation_arrived(of, result);
    }

    /// Gives the field for names the keyboard.
    pub fn find(&mut self) {
        (self.view, self.large, self.find) = (View::Photos, false, true);
    }

    /// Selects a photo and brings it onto the screen, if it is among those shown.
    pub fn select(&mut self, session: &Session, index: usize) {
        self.update(session);
        if self.list.order.contains(&index) {
            self.grid.select(index);
        }
    }

    /// Asks what to export and where to; suggests a folder within `below`.
    pub fn open_export(&mut self, session: &Session, below: Option<&Path>) {
        let Some(verdict) = &session.verdict else { return };
        let labelled = verdict.predictions.iter().any(|p| p.truth.is_some());
        self.export = Some(ExportForm::new(below, &verdict.name, self.scope, labelled));
    }

    /// A folder was chosen in the system's dialog.
    pub fn export_to(&mut self, folder: &Path) {
        if let Some(form) = &mut self.export {
            form.export_to(folder);
        }
    }

    /// The system has no dialog to choose a folder in.
    pub fn no_system_dialog(&mut self) {
        if let Some(form) = &mut self.export {
            form.no_system_dialog();
        }
    }

    /// Offers a run of other photos for those that are open.
    pub fn choose_run(&mut self, run: PathBuf) {
        self.run_choice.choose(run);
    }

    /// A run has another path, or none any more.
    pub fn run_moved(&mut self, from: &Path, to: Option<&Path>) {
        self.run_choice.moved(from, to);
        self.pair.run_moved(from, to);
    }

    /// Takes back what was asked about an export.
    pub fn drop_questions(&mut self) {
        (self.export, self.replace) = (None, None);
    }

    /// An export would replace files.
    pub fn ask_to_replace(&mut self, order: Box<ExportOrder>, existing: Vec<PathBuf>) {
        self.replace = Some(Replace { order, existing });
    }

    /// Whether a question has the keyboard for itself.
    pub fn is_modal(&self) -> bool {
        self.export.is_some() || self.replace.is_some()
    }

    /// Shows the tab.
    pub fn ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        self.update(scene.session);
        let panel = Frame::new().fill(theme::palette(ui).panel);
        Panel::left("figures").frame(panel).exact_size(FIGURES).resizable(false).show(ui, |ui| self.side_ui(ui, scene));
        if scene.session.verdict.is_none() {
            let ground = Frame::new().fill(theme::palette(ui).window).inner_margin(theme::panel_margin());
            CentralPanel::default().frame(ground).show(ui, |ui| empty_ui(ui, &self.run_choice, scene));
        } else {
            self.view_ui(ui, scene);
        }
        self.questions_ui(ui, scene);
    }

    /// Works out what follows from the session and the choices. A photo that leaves the list because it was labelled makes
    /// room for the next.
    fn update(&mut self, session: &Session) {
        if self.judged.update(session, self.scope) && session.tried.is_none() {
            self.threshold.reset(session.threshold(), &self.judged);
        }
        if self.shown == Shown::Unsure && session.threshold().unsure.is_none() {
            self.shown = Shown::default();
        }
        if let Some(before) = self.list.update(session, &self.judged, (self.scope, self.shown, self.sort), &self.text) {
            self.grid.hold_place(&before, &self.list.order);
        }
    }

    /// Shows these photos where there is a grid of them already, or else among the photos.
    fn show_in_grid(&mut self, shown: Shown) {
        let view = self.view;
        self.show(shown);
        if view == View::Threshold {
            self.view = view;
        }
    }

    fn view_ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        if View::ALL.len() > 1 {
            let frame = Frame::new().fill(theme::palette(ui).panel).inner_margin(theme::panel_margin());
            Panel::top("review views").frame(frame).resizable(false).show(ui, |ui| {
                ui.horizontal_wrapped(|ui| choices(ui, &mut self.view, View::ALL));
            });
        }
        match self.view {
            View::Photos => self.photos_ui(ui, scene),
            View::Threshold => self.threshold_ui(ui, scene),
            View::Figures => self.whole_ui(ui, |tab, ui| {
                let of = (scene.session.revision, tab.scope, scene.session.threshold());
                match tab.list.metrics.clone().filter(|metrics| metrics.photos > 0) {
                    Some(metrics) => tab.figures.ui(ui, (of, &tab.judged), &metrics, scene),
                    None => unlabelled_ui(ui),
                }
            }),
            View::Pair => self.pair_ui(ui, scene),
        }
    }

    /// A view that takes all the room.
    fn whole_ui(&mut self, ui: &mut Ui, contents: impl FnOnce(&mut Self, &mut Ui)) {
        let ground = Frame::new().fill(theme::palette(ui).window).inner_margin(theme::panel_margin());
        CentralPanel::default().frame(ground).show(ui, |ui| contents(self, ui));
    }

    /// The controls and the plots, and beneath them the photos, which follow.
    fn threshold_ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        let Some(metrics) = self.list.metrics.clone().filter(|metrics| metrics.photos > 0) else {
            return self.whole_ui(ui, |_, ui| unlabelled_ui(ui));
        };
        self.whole_ui(ui, |tab, ui| {
            tab.threshold.ui(ui, &tab.judged, scene);
            ui.add_space(space::XS);
            let height = (ui.available_height() * PLOTS).clamp(120.0, 340.0);
            let threshold = scene.session.threshold();
            if let Some(at) = threshold_plots::ui(ui, &tab.judged, &metrics, threshold, height) {
                tab.threshold.drag_to(at, &tab.judged, scene);
            }
            ui.add_space(space::XS);
            tab.filter_ui(ui, scene.session);
            tab.grid_ui(ui, scene);
        });
    }

    /// What another run got right and wrong, and the photos of what was pressed.
    fn pair_ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        let wide = ui.available_width() + FIGURES >= WIDE;
        let panel = Frame::new().fill(theme::palette(ui).panel).inner_margin(theme::panel_margin());
        if wide && self.pair.grid.selected.is_some() && !self.pair.order.is_empty() {
            let pane = Panel::right("photo of two runs").frame(panel).default_size(DETAIL).size_range(260.0..=640.0);
            pane.resizable(true).show(ui, |ui| {
                let asked = self.detail.ui(ui, scene.session, self.pair.grid.selected);
                scene.commands.extend(asked.into_iter().map(Command::from));
            });
        }
        self.whole_ui(ui, |tab, ui| {
            if !tab.pair.ui(ui, scene) {
                return;
            }
            let session = scene.session;
            let PairView { order, revision, grid, .. } = &mut tab.pair;
            if order.is_empty() {
                empty::note(ui, icons::ICON_CHECK, "No photo is of this kind. Choose another field above.");
                return;
            }
            let photos = Grid::new(PAIR_GRID, order, CELL).captions(true).revision(*revision);
            let output = photos.show(ui, grid, scene.thumbnails, |index| session.item(index));
            marking::obey(&output, grid, order, scene.settings.advance, scene.commands);
        });
    }

    fn questions_ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        let ctx = ui.ctx().clone();
        if let Some(form) = &mut self.export
            && !form.ui(&ctx, scene.session, scene.commands)
        {
            self.export = None;
        }
        let answer = self.replace.as_mut().map_or(Answer::Open, |replace| replace.ui(&ctx, scene.commands));
        if answer != Answer::Open
            && let Some(replace) = self.replace.take()
            && answer == Answer::Elsewhere
        {
            self.open_export(scene.session, replace.order.request.folder.parent());
            self.export = self.export.take().map(|form| form.chosen_as_before(&replace.order));
        }
    }
}

fn empty_ui(ui: &mut Ui, run_choice: &RunChoice, scene: &mut Scene<'_>) {
    if let Some(job) = scene.job.filter(|job| matches!(job.kind, Kind::Classify | Kind::OpenRun)) {
        let title = job.progress.map_or(job.kind.title(), |progress| progress.phase.title());
        empty::state(ui, icons::ICON_HOURGLASS_EMPTY, title, "How far it is stands below.", |_| {});
        return;
    }
    if let Some((text, command)) = run_choice.suggestion(scene) {
        let (title, hint) = if scene.runs.iter().any(|run| run.finished) {
            ("No run is open", "See what its model says of these photos. Others are on the left.")
        } else {
            ("No run yet", "Train on your photos, or see now what the model that comes with the program says of them.")
        };
        let open = |ui: &mut Ui| primary(ui, scene.job.is_none(), &text).clicked();
        if empty::state(ui, icons::ICON_FACT_CHECK, title, hint, open) {
            scene.commands.push(command);
        }
        return;
    }
    let text = "Open photos first; then see here what a model says of them.";
    let go = |ui: &mut Ui| primary(ui, true, "Go to training").clicked();
    if empty::state(ui, icons::ICON_FACT_CHECK, "No run yet", text, go) {
        scene.commands.push(Command::Show(Tab::Train));
    }
}
