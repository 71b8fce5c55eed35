//! What the user can ask for. Buttons, menus and shortcuts all speak this one language.

use std::path::PathBuf;
use std::sync::Arc;

use egui::{Align2, FontId, Id, LayerId, Order, Stroke, StrokeKind};

use super::session::Verdict;
use super::settings::ThemeChoice;
use super::tabs::review::{IntervalsOf, Shown};
use super::tabs::{curate, inspect, model};
use super::theme;
use super::worker::asks::VaryOrder;
use super::worker::curation::Edit;
use super::worker::inspection::Task;
use super::worker::jobs::ExportOrder;
use super::worker::run_folders;
use crate::app::tabs::browse::SavedView;
use crate::dataset::labels::Change;
use crate::dataset::split::SplitKind;
use crate::export::labels::LabelsOrder;
use crate::review::threshold::Threshold;
use crate::train::config::DeviceChoice;
use crate::train::run_threshold::Wanted;

/// The tabs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tab {
    /// The photos.
    #[default]
    Browse,
    /// What is wrong with the photos and their labels.
    Curate,
    /// Training.
    Train,
    /// What a run got wrong.
    Review,
    /// Whole photos, and where the cracks are.
    Inspect,
    /// What the network is made of.
    Model,
}

impl Tab {
    /// Every tab, in order.
    pub const ALL: [Self; 6] = [Self::Browse, Self::Curate, Self::Train, Self::Review, Self::Inspect, Self::Model];

    /// The word on the tab.
    pub fn title(self) -> &'static str {
        match self {
            Self::Browse => "Browse",
            Self::Curate => "Curate",
            Self::Train => "Train",
            Self::Review => "Review",
            Self::Inspect => "Inspect",
            Self::Model => "Model",
        }
    }
}

/// The split that is looked into for leaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeaksOf {
    /// One of this kind, as the form has it otherwise.
    Split(SplitKind),
    /// That of a run.
    Run(PathBuf),
}

/// One thing that the user asks for.
#[derive(Clone, Debug)]
pub enum Command {
    /// Show a tab.
    Show(Tab),
    /// Choose a folder of photos in the system's dialog.
    OpenFolderDialog,
    /// Choose a `.zip` of photos in the system's dialog.
    OpenArchiveDialog,
    /// Choose a folder by its path.
    OpenByPath,
    /// Open these folders and archives.
    Open(Vec<PathBuf>),
    /// Forget a recent folder.
    Forget(PathBuf),
    /// Make the sample photos, or find them made, and open them.
    MakeSamples,
    /// Compute on another device.
    SetDevice(DeviceChoice),
    /// Start training with the settings of the form.
    StartTraining,
    /// Hold the training, or go on.
    PauseTraining(bool),
    /// End the training and keep the best epoch.
    StopTraining,
    /// End whatever runs.
    CancelJob,
    /// End the training that works out what it came to.
    LeaveJob,
    /// Look for a learning rate with the settings of the form.
    FindRate,
    /// Cross-validate the settings of the form with so many folds.
    CrossValidate(usize),
    /// Group the open photos, with a change by hand before if there is one.
    FindGroups(Option<Edit>),
    /// Look for what a split lets through.
    FindLeaks(LeaksOf),
    /// Train under a split by groups.
    TrainGrouped,
    /// Leave out one site after the other.
    LeaveSitesOut,
    /// Have a run's model look at a folder of labelled photos.
    CheckField {
        /// The run.
        run: PathBuf,
        /// The folder.
        folder: PathBuf,
    },
    /// Choose such a folder in the system's dialog.
    FieldDialog,
    /// Show a photo in Browse.
    BrowseTo(usize),
    /// Lay these predictions over the open photos and show some of them in the Review tab.
    ReviewVerdict(Arc<Verdict>, Shown),
    /// List the runs in the runs folder again.
    ListRuns,
    /// Ask something about the folders of runs, or have something done to them.
    RunFolders(run_folders::Request),
    /// Choose a file of weights in the system's dialog.
    WeightsDialog,
    /// Choose the folder of the runs in the system's dialog.
    RunsFolderDialog,
    /// Lay a run's predictions over the photos.
    OpenRun(PathBuf),
    /// Have a run's model look at the open photos.
    Classify(PathBuf),
    /// Show these photos in the Review tab.
    Review(Shown),
    /// Try a threshold in the window; the run's own holds again where none is given.
    TryThreshold(Option<Threshold>),
    /// Give the open run another threshold for good.
    StoreThreshold(Wanted),
    /// Work out the intervals of the figures that Review shows.
    Intervals(IntervalsOf),
    /// Read what another run says of its photos.
    ReadRun(PathBuf),
    /// Read a photo for the pane that shows it large.
    Photo(PathBuf),
    /// Show why the model decided as it did about a photo.
    Explain(PathBuf),
    /// Show what training would make of a photo.
    Vary(VaryOrder),
    /// Do something to the labels of photos.
    Label {
        /// Which photos: indices into the data set.
        photos: Vec<usize>,
        /// What.
        change: Change,
    },
    /// Take back what was done last to labels.
    Undo,
    /// Do again what was taken back last.
    Redo,
    /// Ask how the labels are to leave and where to.
    LabelsForm,
    /// Choose the folder for the labels in the system's dialog.
    LabelsFolderDialog,
    /// Write the labels.
    ExportLabels(LabelsOrder),
    /// Keep these views of the open photos.
    KeepViews(Vec<SavedView>),
    /// Look for a photo by its name.
    Find,
    /// Ask what to export and where to.
    ExportForm,
    /// Choose the folder for the export in the system's dialog.
    ExportFolderDialog,
    /// What the tab for curating asks for.
    Curate(curate::Request),
    /// Show the photos most like this one.
    Similar(usize),
    /// Train the last layer again, on the labels in force.
    TrainAgain,
    /// Export.
    Export(Box<ExportOrder>),
    /// What the tab with the model asks for.
    Model(model::Request),
    /// Show a photo in the tab for whole photos.
    InspectPhoto(PathBuf),
    /// What the tab for whole photos asks for.
    Inspect(Box<inspect::Request>),
    /// Change the theme.
    SetTheme(ThemeChoice),
    /// The next theme.
    NextTheme,
    /// Larger.
    ZoomIn,
    /// Smaller.
    ZoomOut,
    /// As large as the system says.
    ZoomReset,
    /// Show or hide the list of shortcuts.
    ToggleShortcuts,
    /// Show or hide the palette, where anything is done by its name.
    TogglePalette,
    /// Show the first steps.
    Tour,
    /// Show or hide the list of messages.
    ToggleMessages,
}

/// What was dropped onto the window in this frame: to be inspected in the tab for that, to be opened in others.
pub fn dropped(ctx: &egui::Context, tab: Tab) -> Option<Command> {
    let paths: Vec<PathBuf> =
        ctx.input(|input| input.raw.dropped_files.iter().map(|file| file.path().to_owned()).collect());
    let list = |paths| inspect::Request::Run { task: Task::List(paths), unasked: false };
    (!paths.is_empty()).then(|| if tab == Tab::Inspect { list(paths).into() } else { Command::Open(paths) })
}

/// Says what dropping will do, while something is held over the window.
pub fn drop_hint(ui: &egui::Ui, tab: Tab) {
    let ctx = ui.ctx();
    if ctx.input(|input| input.raw.hovered_files.is_empty()) {
        return;
    }
    let colours = theme::palette(ui);
    let rect = ctx.content_rect();
    // Above tooltips too: the pointer rests while something is dragged from elsewhere.
    let painter = ctx.layer_painter(LayerId::new(Order::Debug, Id::unique("drop hint")));
    let edge = Stroke::new(2.0, colours.accent);
    painter.rect_filled(rect, 0.0, colours.window.gamma_multiply(0.85));
    painter.rect_stroke(rect.shrink(8.0), theme::CORNER, edge, StrokeKind::Inside);
    let font = FontId::new(theme::NUMBER, theme::strong_family());
    let hint = if tab == Tab::Inspect { "Drop to inspect" } else { "Drop to open" };
    let text = painter.layout_no_wrap(hint.to_owned(), font, colours.text);
    let place = Align2::CENTER_CENTER.anchor_size(rect.center(), text.size());
    painter.rect(place.expand(theme::space::XL), theme::CORNER, colours.window, edge, StrokeKind::Inside);
    painter.galley(place.min, text, colours.text);
}
