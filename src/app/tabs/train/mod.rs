//! Training: the form on the left, curves, epochs and earlier runs on the right.

mod augment_form;
mod augmentation;
mod compare;
mod cross_validation;
mod curves;
mod epochs;
mod form;
mod live;
mod rate_finder;
mod run_colours;
mod runs;
mod sites;
mod steps;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use egui::{CentralPanel, ColorImage, Context, Frame, Label, Margin, Panel, RichText, Ui};

use self::augmentation::Preview;
use self::compare::{Compare, Drawn};
use self::cross_validation::CrossValidationView;
pub(super) use self::cross_validation::running_ui;
use self::curves::Curve;
use self::live::{End, Live};
use self::rate_finder::RateFinder;
use self::run_colours::RunColours;
use self::runs::Runs;
use self::sites::SitesView;
use super::review::{self, Shown};
use crate::app::command::Command;
use crate::app::messages;
use crate::app::scene::{Kind, Running, Scene};
use crate::app::session::Session;
use crate::app::theme::{self, icons, space};
use crate::app::widgets::{empty, form as controls};
use crate::app::worker::Step;
use crate::app::worker::asks::VaryOrder;
use crate::app::worker::curation::SitesLeftOut;
use crate::app::worker::jobs::{CrossValidated, Trained};
use crate::dataset::{Class, Dataset};
use crate::error::{Error, Result};
use crate::format;
use crate::nn::bundled;
use crate::train::config::TrainConfig;
use crate::train::observer::{EpochRecord, Event};
use crate::train::rate_finder::{RateSearch, Reading};
use crate::train::run_dir::{self, RunSummary};
use crate::train::run_list::RunList;

/// Width of the form.
const FORM: f32 = 320.0;
/// Room for the table and the list of runs.
const TABLE: f32 = 212.0;
/// Width of the list of runs.
const RUNS: f32 = 330.0;

/// What the right side shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum View {
    /// Curves, epochs and earlier runs.
    #[default]
    Curves,
    /// What augmentation makes of a photo.
    Augmentation,
    /// Runs side by side.
    Runs,
    /// The search for a learning rate.
    RateFinder,
    /// Figures over folds.
    CrossValidation,
    /// Figures of sites that are left out.
    Sites,
}

impl View {
    /// All views with their names and what they are for, in their order on the screen.
    const ALL: &[(Self, &str, &str)] = &[
        (Self::Curves, "Curves", "Loss and accuracy, epoch by epoch"),
        (Self::Augmentation, "Augmented photos", "What the settings on the left make of a photo"),
        (Self::Runs, "Runs", "All runs side by side: settings, results and curves"),
        (Self::RateFinder, "Learning rate", "Which learning rate suits these photos"),
        (Self::CrossValidation, "Cross-validation", "How good a model of these photos will be, and how sure that is"),
        (Self::Sites, "Sites", "How good a model is at places that it has not seen"),
    ];
}

/// What the tab remembers.
pub struct TrainTab {
    view: View,
    preview: Preview,
    rate_finder: RateFinder,
    cross_validation: CrossValidationView,
    sites: SitesView,
    live: Option<Live>,
    /// Earlier runs whose curves are drawn.
    drawn: BTreeSet<PathBuf>,
    colours: RunColours,
    /// The earlier run whose epochs are in the table.
    listed: Option<PathBuf>,
    /// How far smoothing reaches, in epochs.
    smoothing: f64,
    seen_runs: bool,
    compare: Compare,
}

impl Default for TrainTab {
    fn default() -> Self {
        Self {
            view: View::default(),
            preview: Preview::default(),
            rate_finder: RateFinder::default(),
            cross_validation: CrossValidationView::default(),
            sites: SitesView::default(),
            live: None,
            drawn: BTreeSet::new(),
            colours: RunColours::default(),
            listed: None,
            smoothing: 0.3,
            seen_runs: false,
            compare: Compare::default(),
        }
    }
}

/// Why nothing can be learnt from these photos, if so.
pub fn why_not(dataset: &Dataset) -> Option<String> {
    let [intact, cracked] = Class::ALL.map(|class| dataset.count(class));
    match (intact, cracked) {
        (0, 0) => Some("Needs photos labelled cracked and intact".to_owned()),
        (0, _) => Some("No photo is labelled intact; both are needed".to_owned()),
        (_, 0) => Some("No photo is labelled cracked; both are needed".to_owned()),
        _ => None,
    }
}

/// Why no job that learns can begin now, if so.
pub(super) fn obstacle(scene: &Scene<'_>) -> Option<String> {
    why_not_learn(scene.session, scene.job)
}

/// Why nothing can be learnt from what is open beside what runs, if so.
pub fn why_not_learn(session: &Session, job: Option<&Running>) -> Option<String> {
    match &session.dataset {
        None => Some("Open a folder of photos first".to_owned()),
        Some(_) if job.is_some_and(|job| !job.may_be_replaced()) => Some("Another job is still running".to_owned()),
        Some(dataset) => why_not(dataset),
    }
}

/// What learns, by which rule, in a few words: `ResNet18 · last layer · batch 100 · Adam`.
fn settings_line(config: &TrainConfig) -> String {
    let layers = config.tune.title();
    let rule = form::OPTIMIZERS.iter().find(|(kind, _)| *kind == config.optimizer).map_or("", |rule| rule.1);
    format!("{} · {layers} · batch {} · {rule}", config.backbone.title(), config.batch_size)
}

impl TrainTab {
    /// A run begins on these photos.
    pub fn begin(&mut self, photos: String, planned: usize) {
        self.live = Some(Live::new(photos, planned));
        self.listed = None;
        self.view = View::Curves;
    }

    /// Something happened in the run.
    pub fn take_event(&mut self, event: &Event) {
        if let Some(live) = &mut self.live {
            live.take(event);
        }
    }

    /// Steps were taken in the run.
    pub fn take_steps(&mut self, steps: &[Step]) {
        if let Some(live) = &mut self.live {
            live.steps.extend(steps);
        }
    }

    /// A search for the learning rate begins.
    pub fn begin_search(&mut self, photos: &str, config: &TrainConfig) {
        self.rate_finder.begin(photos, config);
        self.view = View::RateFinder;
    }

    /// Steps were taken in the search.
    pub fn take_readings(&mut self, readings: &[Reading]) {
        self.rate_finder.take(readings);
    }

    /// The search has ended.
    pub fn rate_found(&mut self, found: RateSearch) {
        self.rate_finder.finished(found);
    }

    /// A cross-validation begins.
    pub fn begin_folds(&mut self, config: &TrainConfig) {
        self.cross_validation.begin(config);
        self.view = View::CrossValidation;
    }

    /// It has ended.
    pub fn cross_validated(&mut self, found: CrossValidated) {
        self.cross_validation.finished(found);
    }

    /// Sites are being left out.
    pub fn begin_sites(&mut self, config: &TrainConfig) {
        self.sites.begin(config);
        self.view = View::Sites;
    }

    /// Each site was left out.
    pub fn sites_left_out(&mut self, found: SitesLeftOut) {
        self.sites.finished(found);
    }

    /// The run has ended.
    pub fn finished(&mut self, trained: &Trained) {
        if let Some(live) = &mut self.live {
            live.finish(trained);
        }
    }

    /// A job has failed, perhaps the run.
    pub fn failed(&mut self, kind: Kind, error: &Error) {
        match (kind, &mut self.live) {
            (Kind::Train | Kind::TrainAgain, Some(live)) => live.end = Some(End::Failed(error.clone())),
            (Kind::FindRate, _) => self.rate_finder.failed(error),
            (Kind::CrossValidate, _) => self.cross_validation.failed(error),
            (Kind::LeaveSitesOut, _) => self.sites.failed(error),
            _ => {}
        }
    }

    /// The runs were listed: at first the newest one is drawn, so that there is something to compare with.
    pub fn runs_listed(&mut self, folder: PathBuf, list: &RunList) {
        let runs = &list.runs;
        self.compare.runs_listed(folder, list);
        if !std::mem::replace(&mut self.seen_runs, true)
            && self.live.is_none()
            && let Some(newest) = runs.iter().find(|run| !run.epochs.is_empty())
        {
            self.drawn.insert(newest.path.clone());
            self.listed = Some(newest.path.clone());
        }
        self.drawn.retain(|path| runs.iter().any(|run| run.path == *path));
    }

    /// Variants of a photo that were asked for are there, or cannot be.
    pub fn photo_varied(&mut self, ctx: &Context, order: VaryOrder, result: Result<Vec<ColorImage>>) {
        self.preview.arrived(ctx, order, result);
    }

    /// The table of runs.
    pub(in crate::app) fn compare(&mut self) -> &mut Compare {
        &mut self.compare
    }

    /// A run has another path, or none any more.
    pub fn run_moved(&mut self, from: &Path, to: Option<&Path>) {
        if self.drawn.remove(from) {
            self.drawn.extend(to.map(Path::to_owned));
        }
        if self.listed.as_deref() == Some(from) {
            self.listed = to.map(Path::to_owned);
        }
        if let Some(live) = self.live.as_mut().filter(|live| live.run.as_deref() == Some(from)) {
            live.run = to.map(Path::to_owned);
            if to.is_none() {
                self.live = None;
            }
        }
        self.compare.run_moved(from, to);
        self.colours.run_moved(from, to);
    }

    /// Takes back what was asked.
    pub fn drop_questions(&mut self) {
        self.compare.drop_questions();
    }

    /// Whether a question has the keyboard for itself.
    pub fn is_modal(&self) -> bool {
        self.compare.is_modal()
    }

    /// Shows the tab.
    pub fn ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        let frame = Frame::new().fill(theme::palette(ui).panel);
        Panel::left("training form").frame(frame).exact_size(FORM).resizable(false).show(ui, |ui| form::ui(ui, scene));
        self.views_ui(ui);
        self.colours.give(&self.drawn, self.live.as_ref());
        match self.view {
            View::Curves => self.curves_view_ui(ui, scene),
            View::Augmentation => self.preview.ui(ui, scene),
            View::Runs => {
                let drawn = Drawn {
                    live: self.live.as_ref(),
                    earlier: &mut self.drawn,
                    colours: &self.colours,
                    smoothing: &mut self.smoothing,
                };
                self.compare.ui(ui, scene, drawn);
            }
            View::RateFinder => self.rate_finder.ui(ui, scene),
            View::CrossValidation => self.cross_validation.ui(ui, scene),
            View::Sites => self.sites.ui(ui, scene),
        }
    }

    /// The row that chooses what the right side shows.
    fn views_ui(&mut self, ui: &mut Ui) {
        let frame = Frame::new().fill(theme::palette(ui).panel).inner_margin(theme::panel_margin());
        Panel::top("training views").frame(frame).resizable(false).show(ui, |ui| {
            ui.horizontal(|ui| {
                for (view, name, hint) in View::ALL {
                    ui.selectable_value(&mut self.view, *view, *name).on_hover_text(*hint);
                }
            });
        });
    }

    fn curves_view_ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        let margin = theme::panel_margin();
        let ground = Frame::new().fill(theme::palette(ui).window).inner_margin(margin);
        let empty = self.live.is_none() && scene.runs.iter().all(|run| run.epochs.is_empty());
        if empty {
            CentralPanel::default().frame(ground).show(ui, |ui| empty_ui(ui, scene));
            return;
        }
        let panel = Frame::new().fill(theme::palette(ui).panel).inner_margin(margin);
        let table = TABLE.min(ui.available_height() * 0.36);
        Panel::bottom("epochs and runs").frame(panel).exact_size(table).resizable(false).show(ui, |ui| {
            self.tables_ui(ui, scene);
        });
        CentralPanel::default().frame(ground).show(ui, |ui| {
            match self.failed_at_once().filter(|_| self.drawn.is_empty()) {
                Some(error) => failed_ui(ui, error),
                None => {
                    self.state_ui(ui, scene);
                    self.curves_ui(ui, scene);
                }
            }
        });
    }

    /// Why this session's run has no epoch, if it has ended.
    fn failed_at_once(&self) -> Option<&Error> {
        match &self.live {
            Some(Live { end: Some(End::Failed(error)), epochs, .. }) if epochs.is_empty() => Some(error),
            _ => None,
        }
    }

    /// The runs other than this session's.
    fn earlier<'r>(&self, runs: &'r [RunSummary]) -> Vec<&'r RunSummary> {
        let live = self.live.as_ref().and_then(|live| live.run.as_ref());
        runs.iter().filter(|run| live != Some(&run.path)).collect()
    }

    fn tables_ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        let earlier = self.earlier(scene.runs);
        let frame = Frame::new().outer_margin(Margin { left: space::L as i8, ..Margin::ZERO });
        let width = RUNS.min(ui.available_width() * 0.3);
        Panel::right("runs").frame(frame).exact_size(width).resizable(false).show_separator_line(false).show(
            ui,
            |ui| {
                let mut runs = Runs {
                    earlier: &earlier,
                    live: self.live.as_ref().map(|_| RunColours::of_live(ui)),
                    colours: &self.colours,
                    folder: scene.runs_folder,
                    drawn: &mut self.drawn,
                    listed: &mut self.listed,
                };
                runs.ui(ui, scene.commands);
            },
        );
        let listed = scene.runs.iter().find(|run| self.listed.as_ref() == Some(&run.path));
        let (records, best): (&[EpochRecord], _) = match (listed, &self.live) {
            (Some(run), _) => (&run.epochs, best_of(&run.epochs)),
            (None, Some(live)) => (&live.epochs, live.best),
            (None, None) => (&[], None),
        };
        CentralPanel::no_frame().show(ui, |ui| epochs::ui(ui, records, best));
    }

    /// One line: what runs, or how it ended.
    fn state_ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        ui.horizontal(|ui| {
            ui.set_min_height(theme::ROW);
            match &self.live {
                Some(live) => live_ui(ui, live, scene),
                None => drop(ui.label(theme::section("Earlier runs"))),
            }
        });
        if let Some(Live { end: Some(End::Failed(error)), .. }) = &self.live
            && !error.is_cancelled()
        {
            messages::error_ui(ui, error);
        }
    }

    fn curves_ui(&mut self, ui: &mut Ui, scene: &Scene<'_>) {
        let mut drawn = Vec::new();
        if let Some(live) = &self.live {
            drawn.push(Curve {
                name: live.name(),
                colour: RunColours::of_live(ui),
                epochs: &live.epochs,
                steps: live.steps.points(),
                best: live.best,
            });
        }
        drawn.extend(self.earlier(scene.runs).into_iter().filter_map(|run| {
            let colour = self.colours.of(ui, &run.path).filter(|_| self.drawn.contains(&run.path))?;
            let best = best_of(&run.epochs);
            Some(Curve { name: run.name.clone(), colour, epochs: &run.epochs, steps: &[], best })
        }));
        let planned = self.live.as_ref().filter(|live| live.end.is_none()).map_or(1, |live| live.planned);
        curves::ui(ui, &drawn, &mut self.smoothing, planned);
    }
}

/// The epoch that the trainer keeps: the lowest validation loss, or training loss where there is no other.
fn best_of(epochs: &[EpochRecord]) -> Option<usize> {
    run_dir::best_epoch(epochs).map(|record| record.epoch)
}

fn live_ui(ui: &mut Ui, live: &Live, scene: &mut Scene<'_>) {
    match &live.end {
        None => {
            let job = scene.job.filter(|job| matches!(job.kind, Kind::Train | Kind::TrainAgain));
            let paused = job.is_some_and(|job| job.is_paused());
            ui.label(theme::section(if paused { "Paused" } else { live.phase(job.and_then(|job| job.progress)) }));
            let mut parts = vec![live.photos.clone()];
            if let Some((train, validation)) = live.divided {
                parts.push(format!("{} to train", format::photos(train)));
                parts.push(format!("{} to validate", format::count(validation as u64)));
            }
            ui.add(Label::new(theme::quiet(ui, parts.join(" · "))).truncate());
        }
        Some(End::Finished { stopped, accuracy, wrong, best_epoch, seconds }) => {
            let colours = theme::palette(ui);
            let (icon, word) =
                if *stopped { (icons::ICON_STOP_CIRCLE, "Stopped") } else { (icons::ICON_CHECK, "Done") };
            ui.label(theme::section(theme::icon_text(icon, word)));
            let accuracy = accuracy.map_or_else(String::new, |a| format!("validation accuracy {a:.3} · "));
            let taken = format::duration(Duration::from_secs_f64(seconds.max(0.0)));
            ui.label(RichText::new(format!("{accuracy}★ epoch {best_epoch} · {taken}")).color(colours.text));
            let text = match wrong {
                0 => "Review: no errors".to_owned(),
                n => format!("Review {}", format::counted(*n, "error", "errors")),
            };
            if controls::primary(ui, true, &text).clicked() {
                scene.commands.push(review_of(live.run.as_deref(), *wrong, scene.session));
            }
        }
        Some(End::Failed(error)) => {
            let left = error.is_cancelled() && !live.epochs.is_empty();
            ui.label(theme::section(if left { "Left after its epochs" } else { failed(error) }));
            if left {
                let text = theme::quiet(ui, "crackscope train --resume goes on from there");
                ui.add(Label::new(text).truncate());
            }
        }
    }
}

fn failed(error: &Error) -> &'static str {
    if error.is_cancelled() { "Cancelled before the first epoch" } else { "Training failed" }
}

/// A run that ended before there was anything to draw.
fn failed_ui(ui: &mut Ui, error: &Error) {
    if error.is_cancelled() {
        let text = "Nothing was learnt, and nothing is lost. Start again on the left.";
        return empty::state(ui, icons::ICON_STOP_CIRCLE, failed(error), text, |_| ());
    }
    let lines = [error.title()].into_iter().chain(error.details().iter().map(String::as_str)).chain(error.advice());
    empty::state(ui, icons::ICON_ERROR, failed(error), &lines.collect::<Vec<_>>().join("\n"), |_| ());
}

/// Shows what a run that has ended got wrong; opens it again where something else lies over the photos meanwhile.
fn review_of(run: Option<&Path>, wrong: usize, session: &Session) -> Command {
    let open = session.verdict.as_ref().filter(|verdict| !verdict.classified && verdict.run.as_deref() == run);
    match run.filter(|_| open.is_none()) {
        Some(run) => Command::OpenRun(run.to_owned()),
        None => Command::Review(if wrong == 0 { Shown::Everything } else { Shown::Errors }),
    }
}

fn empty_ui(ui: &mut Ui, scene: &mut Scene<'_>) {
    let unlabelled = |dataset: &&Arc<Dataset>| dataset.labelled() == 0 && !dataset.samples.is_empty();
    if let Some(dataset) = scene.session.dataset.as_ref().filter(unlabelled) {
        let text =
            "Training learns from labels. The model that comes with the program can look at the photos as they are.";
        let (action, command) = review::classify(dataset, bundled::NAME.into());
        let classify = |ui: &mut Ui| controls::primary(ui, scene.job.is_none(), &action).clicked();
        if empty::state(ui, icons::ICON_SHOW_CHART, "These photos carry no labels", text, classify) {
            scene.commands.push(command);
        }
        return;
    }
    let text = "Start training on the left: its curves appear here, epoch by epoch.";
    empty::state(ui, icons::ICON_SHOW_CHART, "No run yet", text, |_| {});
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::session::Verdict;

    fn record(epoch: usize, train_loss: f64, val_loss: Option<f64>) -> EpochRecord {
        EpochRecord {
            epoch,
            seconds: 0.0,
            learning_rate: 0.0,
            train_loss,
            train_accuracy: 0.0,
            val_loss,
            val_accuracy: None,
        }
    }

    #[test]
    fn errors_are_reviewed_of_the_run_that_made_them() {
        let verdict = |run: &str| Verdict {
            run: Some(run.into()),
            name: run.to_owned(),
            threshold: 0.5.into(),
            predictions: Vec::new(),
            of_sample: Vec::new(),
            classified: false,
        };
        let session = |verdict| Session { verdict: Some(Arc::new(verdict)), ..Session::default() };
        let of = |session: &Session| review_of(Some(Path::new("/runs/a")), 3, session);
        assert!(matches!(of(&session(verdict("/runs/a"))), Command::Review(Shown::Errors)));
        let classified = Verdict { classified: true, ..verdict("/runs/a") };
        for other in [session(verdict("/runs/b")), session(classified), Session::default()] {
            assert!(matches!(of(&other), Command::OpenRun(run) if run == Path::new("/runs/a")));
        }
    }

    #[test]
    fn the_best_epoch_has_the_lowest_validation_loss() {
        let epochs = [record(1, 0.5, Some(0.4)), record(2, 0.4, Some(0.3)), record(3, 0.1, Some(0.3))];
        assert_eq!(best_of(&epochs), Some(2));
        assert_eq!(best_of(&[record(1, 0.5, None), record(2, 0.4, None)]), Some(2));
        assert_eq!(best_of(&[]), None);
    }
}
