//! All runs side by side: a table to sort and filter, the curves of those that are ticked, and what can be done with
//! the selected ones.

mod actions;
mod cells;
mod questions;
mod shown;
mod table;

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use egui::{Align, CentralPanel, Frame, Layout, Panel, ScrollArea, TextEdit, Ui, vec2};

use self::actions::Renaming;
use self::questions::Question;
use self::shown::Shown;
use super::best_of;
use super::curves::{self, Curve};
use super::live::Live;
use super::run_colours::RunColours;
use crate::app::command::Command;
use crate::app::scene::Scene;
use crate::app::theme::{self, icons, space};
use crate::app::widgets::{empty, form};
use crate::app::worker::run_folders::Request;
use crate::error::Result;
use crate::format;
use crate::review::metrics::Metrics;
use crate::train::run_change::Contents;
use crate::train::run_dir::RunSummary;
use crate::train::run_list::{DamagedRun, RunList};

/// The curves get at least this share of the height.
const CURVES: f32 = 0.4;
/// Width of the field that filters by name.
const FILTER: f32 = 180.0;
/// Damaged runs that are in view; the others are scrolled to.
const DAMAGED: f32 = 3.0;

/// What the table remembers.
#[derive(Default)]
pub struct Compare {
    /// The folder of the runs that were listed, once they were.
    folder: Option<PathBuf>,
    damaged: Vec<DamagedRun>,
    figures: HashMap<PathBuf, Option<Metrics>>,
    /// Runs whose figures are to be read, or read again.
    unread: Vec<PathBuf>,
    /// Whether some of them were asked for and have not come.
    waiting: bool,
    /// Grows with every change of runs or figures.
    revision: u64,
    look: Look,
    shown: Option<Shown>,
    /// Selected runs; the last one is compared with.
    selected: Vec<PathBuf>,
    /// Whether the last selected run is to be brought into view.
    reveal: bool,
    /// Whether the table is to have the keyboard as soon as no question has it.
    wants_focus: bool,
    renaming: Option<Renaming>,
    question: Option<Question>,
}

/// The runs whose curves are drawn, and how.
pub(super) struct Drawn<'a> {
    /// This session's, which always is.
    pub(super) live: Option<&'a Live>,
    /// Earlier ones.
    pub(super) earlier: &'a mut BTreeSet<PathBuf>,
    /// Their colours.
    pub(super) colours: &'a RunColours,
    /// How far smoothing reaches, in epochs.
    pub(super) smoothing: &'a mut f64,
}

/// How the user wants to see the table.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Look {
    /// Part of the names of those shown.
    filter: String,
    /// Hide columns in which all agree.
    only_differences: bool,
    /// The column that sorts, and whether the other way round.
    sort: (String, bool),
}

impl Default for Look {
    fn default() -> Self {
        Self { filter: String::new(), only_differences: false, sort: ("begun".to_owned(), false) }
    }
}

impl Compare {
    /// The runs were listed; what was known of their figures is looked at again.
    pub(super) fn runs_listed(&mut self, folder: PathBuf, list: &RunList) {
        self.folder = Some(folder);
        self.revision += 1;
        self.damaged.clone_from(&list.damaged);
        self.unread = list.runs.iter().map(|run| run.path.clone()).collect();
        let known = |path: &PathBuf| {
            list.runs.iter().any(|run| run.path == *path) || list.damaged.iter().any(|run| run.path == *path)
        };
        self.selected.retain(known);
        self.figures.retain(|path, _| known(path));
    }

    /// Figures of some runs have come.
    pub(in crate::app) fn take_figures(&mut self, figures: Vec<(PathBuf, Option<Metrics>)>) {
        self.waiting = false;
        for (run, metrics) in figures {
            self.unread.retain(|unread| *unread != run);
            if self.figures.get(&run) != Some(&metrics) {
                self.figures.insert(run, metrics);
                self.revision += 1;
            }
        }
    }

    /// It is known what deleting runs would remove.
    pub(in crate::app) fn take_contents(&mut self, contents: Vec<(PathBuf, Result<Contents>)>) {
        if let Some(Question::Delete(question)) = &mut self.question {
            question.contents = Some(contents);
        }
    }

    /// A run has another path, or none any more.
    pub(super) fn run_moved(&mut self, from: &Path, to: Option<&Path>) {
        self.revision += 1;
        for selected in &mut self.selected {
            if let Some(to) = to.filter(|_| selected == from) {
                *selected = to.to_owned();
            }
        }
        self.selected.retain(|selected| selected != from);
        if let (Some(figures), Some(to)) = (self.figures.remove(from), to) {
            self.figures.insert(to.to_owned(), figures);
        }
    }

    /// Takes back what was asked.
    pub(super) fn drop_questions(&mut self) {
        self.question = None;
    }

    /// The folder of the runs that are listed. Another one may stand in the form already.
    fn runs_folder(&self, scene: &Scene<'_>) -> PathBuf {
        self.folder.clone().unwrap_or_else(|| scene.runs_folder.to_owned())
    }

    /// Whether a question has the keyboard for itself.
    pub(super) fn is_modal(&self) -> bool {
        self.question.is_some()
    }

    /// Shows the view.
    pub(super) fn ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>, mut drawn: Drawn<'_>) {
        let live = drawn.live;
        self.ask_for_figures(scene);
        let margin = theme::panel_margin();
        let ground = Frame::new().fill(theme::palette(ui).window).inner_margin(margin);
        if scene.runs.is_empty() && self.damaged.is_empty() {
            CentralPanel::default().frame(ground).show(ui, |ui| none_ui(ui, self.folder.is_some()));
            return;
        }
        let panel = Frame::new().fill(theme::palette(ui).panel).inner_margin(margin);
        let most = ui.available_height() * (1.0 - CURVES);
        self.update(scene, live);
        Panel::top("runs side by side").frame(panel).resizable(false).show(ui, |ui| {
            self.bar_ui(ui, scene);
            self.actions_ui(ui, scene, live);
            self.damaged_ui(ui, scene);
            self.table_ui(ui, scene, &mut drawn, most - ui.cursor().top() + ui.max_rect().top());
            self.comparable_ui(ui);
        });
        CentralPanel::default().frame(ground).show(ui, |ui| curves_ui(ui, scene.runs, &mut drawn));
        self.questions_ui(ui, scene);
    }

    /// A few runs at a time, so that other questions have their turn.
    fn ask_for_figures(&mut self, scene: &mut Scene<'_>) {
        if !self.waiting && !self.unread.is_empty() {
            self.waiting = true;
            scene.commands.push(Command::RunFolders(Request::Figures(self.unread.clone())));
        }
    }

    /// The field that filters, the switch, how many there are.
    fn bar_ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        ui.horizontal_wrapped(|ui| {
            let label = ui.label(theme::quiet(ui, "Filter by name"));
            let field = TextEdit::singleline(&mut self.look.filter).desired_width(FILTER);
            ui.add(field).labelled_by(label.id);
            if !self.look.filter.is_empty() && form::icon_button(ui, icons::ICON_CLOSE, "Clear the filter").clicked() {
                self.look.filter.clear();
            }
            let hint = "Hide columns in which all runs shown agree";
            ui.checkbox(&mut self.look.only_differences, "Only differences").on_hover_text(hint);
            let (all, shown) = (scene.runs.len(), self.shown.as_ref().map_or(0, |shown| shown.order.len()));
            let text = if shown == all {
                format::counted(all, "run", "runs")
            } else {
                format!("{} of {}", format::count(shown as u64), format::counted(all, "run", "runs"))
            };
            ui.label(theme::quiet(ui, text)).on_hover_text(self.runs_folder(scene).display().to_string());
            if form::icon_button(ui, icons::ICON_REFRESH, "List the runs again").clicked() {
                scene.commands.push(Command::ListRuns);
            }
            if self.waiting && self.figures.len() < all {
                ui.label(theme::quiet(ui, "Reading their predictions…"));
            }
        });
    }

    /// Runs that cannot be read, each with the way to be rid of it.
    fn damaged_ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        if self.damaged.is_empty() {
            return;
        }
        let mut doomed = None;
        let height = DAMAGED * (theme::ROW + ui.spacing().item_spacing.y);
        let list = ScrollArea::vertical().id_salt("damaged runs").max_height(height).auto_shrink([false, true]);
        list.show(ui, |ui| {
            for run in &self.damaged {
                ui.horizontal(|ui| {
                    let text = theme::icon_text(icons::ICON_WARNING, &format!("{} cannot be read", run.name));
                    let label = ui.label(egui::RichText::new(text).color(theme::palette(ui).warning));
                    label.on_hover_text(run.error.one_line());
                    if form::icon_button(ui, icons::ICON_DELETE, &format!("Delete {}…", run.name)).clicked() {
                        doomed = Some(run.path.clone());
                    }
                });
            }
        });
        if let Some(run) = doomed {
            self.ask_to_delete(vec![run], scene);
        }
    }

    /// Says so where figures are of other photos, for then they do not tell which run is better.
    fn comparable_ui(&self, ui: &mut Ui) {
        let Some(shown) = self.shown.as_ref().filter(|shown| !shown.comparison.same_validation) else { return };
        if shown.order.len() > 1 {
            ui.add_space(space::XS);
            let text = "These runs were not all validated on the same photos: compare their figures with care.";
            ui.label(theme::quiet(ui, theme::icon_text(icons::ICON_WARNING, text)).size(theme::SMALL));
        }
    }
}

fn curves_ui(ui: &mut Ui, runs: &[RunSummary], drawn: &mut Drawn<'_>) {
    let mut all = Vec::new();
    for run in runs {
        let own = drawn.live.filter(|live| live.run.as_ref() == Some(&run.path));
        let epochs = own.map_or(run.epochs.as_slice(), |live| live.epochs.as_slice());
        let wanted = own.is_some() || drawn.earlier.contains(&run.path);
        let Some(colour) = drawn.colours.of(ui, &run.path).filter(|_| wanted) else { continue };
        if !epochs.is_empty() {
            let best = best_of(epochs);
            all.push(Curve { name: run.name.clone(), colour, epochs, steps: &[], best });
        }
    }
    if all.is_empty() {
        empty::note(ui, icons::ICON_SHOW_CHART, "Tick runs to see their curves together.");
        return;
    }
    ui.horizontal(|ui| {
        ui.set_min_height(theme::ROW);
        ui.label(theme::section("Ticked runs"));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| curves::smoothing_ui(ui, drawn.smoothing));
    });
    curves::beside(ui, &all, *drawn.smoothing);
}

fn none_ui(ui: &mut Ui, listed: bool) {
    if listed {
        let text = "Start training on the left: each run is then a row here.";
        empty::state(ui, icons::ICON_TABLE_ROWS, "No runs to compare", text, |_| {});
    } else {
        ui.allocate_space(vec2(0.0, space::XL));
        empty::note(ui, icons::ICON_HOURGLASS_EMPTY, "Listing the runs…");
    }
}
