//! All runs side by side: a table to sort and filter, the curves of those that are ticked, and what can be done with
//! the selected ones.

mod actions;
mod cells;
mod questions;
mod shown;
mod table;

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use egui::{CentralPanel, Color32, Frame, Panel, TextEdit, Ui, vec2};

use self::actions::Renaming;
use self::questions::Question;
use self::shown::Shown;
use super::best_of;
use super::curves::{self, Curve};
use super::live::Live;
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
/// Damaged runs that are named; the others are counted.
const DAMAGED: usize = 3;

/// What the table remembers.
#[derive(Default)]
pub struct Compare {
    /// Whether the runs were listed at all.
    listed: bool,
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
    /// The place of each drawn run among the colours.
    colours: HashMap<PathBuf, usize>,
    renaming: Option<Renaming>,
    question: Option<Question>,
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
    pub(super) fn runs_listed(&mut self, list: &RunList) {
        self.listed = true;
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
        let (figures, colour) = (self.figures.remove(from), self.colours.remove(from));
        if let Some(to) = to {
            self.figures.extend(figures.map(|figures| (to.to_owned(), figures)));
            self.colours.extend(colour.map(|colour| (to.to_owned(), colour)));
        }
    }

    /// Whether a question has the keyboard for itself.
    pub(super) fn is_modal(&self) -> bool {
        self.question.is_some()
    }

    /// Shows the view. `drawn` are the runs whose curves are drawn; that of this session always is.
    pub(super) fn ui(
        &mut self,
        ui: &mut Ui,
        scene: &mut Scene<'_>,
        live: Option<&Live>,
        drawn: &mut BTreeSet<PathBuf>,
        smoothing: f64,
    ) {
        self.ask_for_figures(scene);
        let live_run = live.and_then(|live| live.run.as_deref());
        self.give_colours(scene.runs, drawn, live_run);
        let margin = theme::panel_margin();
        let ground = Frame::new().fill(theme::palette(ui).window).inner_margin(margin);
        if scene.runs.is_empty() && self.damaged.is_empty() {
            CentralPanel::default().frame(ground).show(ui, |ui| none_ui(ui, self.listed));
            return;
        }
        let panel = Frame::new().fill(theme::palette(ui).panel).inner_margin(margin);
        let most = ui.available_height() * (1.0 - CURVES);
        self.update(scene, live);
        Panel::top("runs side by side").frame(panel).resizable(false).show(ui, |ui| {
            self.bar_ui(ui, scene);
            self.actions_ui(ui, scene, live);
            self.damaged_ui(ui, scene);
            self.table_ui(ui, scene, (live, drawn), most - ui.cursor().top() + ui.max_rect().top());
            self.comparable_ui(ui);
        });
        CentralPanel::default().frame(ground).show(ui, |ui| self.curves_ui(ui, scene.runs, live, drawn, smoothing));
        self.questions_ui(ui, scene);
    }

    /// A few runs at a time, so that other questions have their turn.
    fn ask_for_figures(&mut self, scene: &mut Scene<'_>) {
        if !self.waiting && !self.unread.is_empty() {
            self.waiting = true;
            scene.commands.push(Command::RunFolders(Request::Figures(self.unread.clone())));
        }
    }

    /// Each drawn run takes the first colour that is free, and keeps it; the first one is this session's.
    fn give_colours(&mut self, runs: &[RunSummary], drawn: &BTreeSet<PathBuf>, live: Option<&Path>) {
        self.colours.retain(|path, _| drawn.contains(path) || live == Some(path));
        if let Some(live) = live {
            self.colours.insert(live.to_owned(), 0);
        }
        for run in runs.iter().filter(|run| drawn.contains(&run.path)) {
            if !self.colours.contains_key(&run.path) {
                let first = usize::from(live.is_some());
                let free = (first..).find(|place| !self.colours.values().any(|taken| taken == place));
                self.colours.insert(run.path.clone(), free.unwrap_or(first));
            }
        }
    }

    fn colour(&self, ui: &Ui, run: &Path) -> Option<Color32> {
        let colours = theme::palette(ui).runs;
        self.colours.get(run).and_then(|place| colours.get(place % colours.len()).copied())
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
            ui.label(theme::quiet(ui, text)).on_hover_text(scene.runs_folder.display().to_string());
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
        let mut doomed = None;
        for run in self.damaged.iter().take(DAMAGED) {
            ui.horizontal(|ui| {
                let text = theme::icon_text(icons::ICON_WARNING, &format!("{} cannot be read", run.name));
                let label = ui.label(egui::RichText::new(text).color(theme::palette(ui).warning));
                label.on_hover_text(run.error.one_line());
                if form::icon_button(ui, icons::ICON_DELETE, &format!("Delete {}…", run.name)).clicked() {
                    doomed = Some(run.path.clone());
                }
            });
        }
        if self.damaged.len() > DAMAGED {
            let more = format::counted(self.damaged.len() - DAMAGED, "more run", "more runs");
            ui.label(theme::quiet(ui, format!("and {more} that cannot be read")));
        }
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

    fn curves_ui(
        &self,
        ui: &mut Ui,
        runs: &[RunSummary],
        live: Option<&Live>,
        drawn: &BTreeSet<PathBuf>,
        smoothing: f64,
    ) {
        let mut all = Vec::new();
        for run in runs {
            let own = live.filter(|live| live.run.as_ref() == Some(&run.path));
            let epochs = own.map_or(run.epochs.as_slice(), |live| live.epochs.as_slice());
            let Some(colour) = self.colour(ui, &run.path).filter(|_| own.is_some() || drawn.contains(&run.path)) else {
                continue;
            };
            if !epochs.is_empty() {
                let best = best_of(epochs);
                all.push(Curve { name: run.name.clone(), colour, epochs, steps: &[], best });
            }
        }
        if all.is_empty() {
            empty::note(ui, icons::ICON_SHOW_CHART, "Tick runs to see their curves together.");
        } else {
            curves::beside(ui, &all, smoothing);
        }
    }
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
