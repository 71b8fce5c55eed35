//! Cross-validation: how many folds, what they came to, and which photos their heads got wrong.

use std::ops::RangeInclusive;
use std::sync::Arc;

use egui::{Align, Button, CentralPanel, DragValue, Frame, Label, Layout, ScrollArea, Ui, vec2};
use egui_extras::{Column, TableBuilder};

use crate::app::bars;
use crate::app::command::Command;
use crate::app::messages;
use crate::app::scene::{Kind, Running, Scene};
use crate::app::tabs::review::{Shown, matrix_ui};
use crate::app::theme::{self, icons, space};
use crate::app::widgets::empty;
use crate::app::widgets::form::{number, primary};
use crate::app::worker::jobs::CrossValidated;
use crate::dataset::Dataset;
use crate::error::Error;
use crate::export::figures;
use crate::format;
use crate::review::cross_validation::{ABOUT_INTERVALS, CrossValidation, FigureOverFolds};
use crate::train::config::TrainConfig;
use crate::train::folds;

/// The button that starts it.
const RUN: &str = "Cross-validate";
/// As many folds as the table has room for.
const FOLDS: RangeInclusive<usize> = 2..=20;
/// Room for the matrix.
const MATRIX: f32 = 336.0;
/// Width of the number of folds with its name and the button.
const START: f32 = 252.0;
/// From the top of the matrix to its first cell.
const FIRST_CELL: f32 = 20.0;
/// Height of a row of the table.
const ROW: f32 = 26.0;

/// What the view remembers: the number of folds, and the last cross-validation.
pub(super) struct CrossValidationView {
    folds: usize,
    /// The settings of the one that was asked for last, for people.
    asked: String,
    end: Option<End>,
}

/// How the last one ended.
enum End {
    /// With figures, and the settings that they were found with.
    Done(Box<CrossValidated>, String),
    Failed(Error),
}

impl Default for CrossValidationView {
    fn default() -> Self {
        Self { folds: 5, asked: String::new(), end: None }
    }
}

impl CrossValidationView {
    /// It begins. Figures of the one before stay until there are others.
    pub(super) fn begin(&mut self, config: &TrainConfig) {
        let epochs = format::counted(config.epochs, "epoch", "epochs");
        let rate = format::learning_rate(config.learning_rate);
        self.asked = format!("{} · {epochs} · rate {rate}", super::settings_line(config));
    }

    /// It has ended.
    pub(super) fn finished(&mut self, found: CrossValidated) {
        self.end = Some(End::Done(Box::new(found), std::mem::take(&mut self.asked)));
    }

    /// It has failed or was stopped.
    pub(super) fn failed(&mut self, error: &Error) {
        if !error.is_cancelled() {
            self.end = Some(End::Failed(error.clone()));
        }
    }

    /// Shows the view.
    pub(super) fn ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        let ground = Frame::new().fill(theme::palette(ui).window).inner_margin(theme::panel_margin());
        CentralPanel::default().frame(ground).show(ui, |ui| {
            let running = scene.job.filter(|job| job.kind == Kind::CrossValidate);
            match (&self.end, running) {
                (_, Some(job)) => running_ui(ui, job, scene.commands),
                (None, None) => empty_ui(ui, &mut self.folds, scene),
                (Some(End::Failed(error)), None) => failed_ui(ui, error, &mut self.folds, scene),
                (Some(End::Done(done, about)), None) => done_ui(ui, (done, about), &mut self.folds, scene),
            }
        });
    }
}

/// What runs, how far it is, and how to stop it.
pub(in crate::app::tabs) fn running_ui(ui: &mut Ui, job: &Running, commands: &mut Vec<Command>) {
    let title = job.progress.map_or(job.kind.title(), |progress| progress.phase.title());
    let text = job.progress.map_or_else(String::new, |progress| bars::progress_text(&progress, false));
    let stopping = job.controls.cancel.get();
    let cancel = |ui: &mut Ui| ui.add_enabled(!stopping, Button::new("Cancel")).clicked();
    if empty::state(ui, icons::ICON_HOURGLASS_EMPTY, title, &text, cancel) {
        commands.push(Command::CancelJob);
    }
}

fn empty_ui(ui: &mut Ui, folds: &mut usize, scene: &mut Scene<'_>) {
    let text = "One split is one throw of the dice. Here each photo is judged by a last layer trained without it, one fold \
         of them after the other.";
    empty::state(ui, icons::ICON_FACT_CHECK, "How good will it be?", text, |ui| {
        ui.horizontal(|ui| {
            ui.add_space(((ui.available_width() - START) / 2.0).max(0.0));
            start_ui(ui, folds, scene, true);
        });
        if let Some(reason) = obstacle(scene) {
            ui.add(Label::new(theme::quiet(ui, reason).size(theme::SMALL)).wrap());
        }
    });
}

/// The number of folds and the button; the one that is meant where nothing else is.
fn start_ui(ui: &mut Ui, folds: &mut usize, scene: &mut Scene<'_>, first: bool) {
    let obstacle = obstacle(scene);
    let label = ui.label(theme::quiet(ui, "Folds"));
    let hint = "Parts that the photos are divided into; groups stay together and classes are spread evenly";
    let value = DragValue::new(folds).range(FOLDS).speed(0.05);
    number(ui, value).labelled_by(label.id).on_hover_text(hint);
    let button =
        if first { primary(ui, obstacle.is_none(), RUN) } else { ui.add_enabled(obstacle.is_none(), Button::new(RUN)) };
    let button = match &obstacle {
        Some(reason) => button.on_disabled_hover_text(reason),
        None => button.on_hover_text("With the settings of the form"),
    };
    if button.clicked() {
        scene.commands.push(Command::CrossValidate(*folds));
    }
}

fn failed_ui(ui: &mut Ui, error: &Error, folds: &mut usize, scene: &mut Scene<'_>) {
    ui.label(theme::section("The cross-validation failed"));
    messages::error_ui(ui, error);
    ui.add_space(space::S);
    ui.horizontal(|ui| start_ui(ui, folds, scene, true));
}

fn done_ui(ui: &mut Ui, (done, about): (&CrossValidated, &str), folds: &mut usize, scene: &mut Scene<'_>) {
    let found = &done.found;
    ui.horizontal(|ui| {
        ui.set_min_height(theme::ROW);
        ui.label(theme::section(title(done)));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.allocate_ui_with_layout(vec2(START, theme::ROW), Layout::left_to_right(Align::Center), |ui| {
                start_ui(ui, folds, scene, false);
            });
        });
    });
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        ui.add(Label::new(theme::quiet(ui, about).size(theme::SMALL)).truncate());
        ui.add_space(space::S);
        table_ui(ui, found);
        ui.add_space(space::S);
        ui.add(Label::new(theme::quiet(ui, ABOUT_INTERVALS).size(theme::SMALL)).wrap());
        ui.add_space(space::L);
        let is_open = scene.session.dataset.as_ref().is_some_and(|open| same_photos(open, &done.dataset));
        if let Some(shown) = out_of_fold_ui(ui, found, is_open) {
            scene.commands.push(Command::ReviewVerdict(Arc::clone(&done.verdict), shown));
        }
    });
}

/// Whether these are the same photos, however they are labelled now.
fn same_photos(a: &Dataset, b: &Dataset) -> bool {
    a.roots == b.roots && a.samples.iter().map(|sample| &sample.file).eq(b.samples.iter().map(|sample| &sample.file))
}

/// The confusion matrix of all photos; gives which of them are to be reviewed.
fn out_of_fold_ui(ui: &mut Ui, found: &CrossValidation, is_open: bool) -> Option<Shown> {
    ui.label(theme::strong("All photos, each judged out of its fold"));
    ui.add_space(space::XS);
    ui.horizontal_top(|ui| {
        let matrix = |ui: &mut Ui| {
            ui.set_max_width(MATRIX);
            ui.add_enabled_ui(is_open, |ui| matrix_ui(ui, &found.together.confusion, Shown::Errors)).inner
        };
        let cell = ui.vertical(matrix).inner;
        ui.add_space(space::L);
        let (text, shown) = match found.together.confusion.wrong() {
            0 => ("Review: no errors".to_owned(), Shown::Everything),
            n => (format!("Review {} out of fold", format::counted(n, "error", "errors")), Shown::Errors),
        };
        let button = ui.vertical(|ui| {
            ui.add_space(FIRST_CELL);
            primary(ui, is_open, &text)
        });
        let button = button.inner.on_disabled_hover_text("Other photos are open now");
        let button = button.on_hover_text("What was said of each photo by the last layer that was trained without it");
        if button.clicked() { Some(shown) } else { cell }
    })
    .inner
}

/// Why it cannot begin now, if so.
fn obstacle(scene: &Scene<'_>) -> Option<String> {
    super::obstacle(scene).or_else(|| folds::why_not(scene.settings.train.tune).map(str::to_owned))
}

/// `5 folds of metu · 7,146 photos`.
fn title(done: &CrossValidated) -> String {
    let folds = format::counted(done.found.folds.len(), "fold", "folds");
    format!("{folds} of {} · {}", done.dataset.name(), format::photos(done.found.together.photos))
}

/// Each figure: mean, interval, and its value in each fold.
fn table_ui(ui: &mut Ui, found: &CrossValidation) {
    ScrollArea::horizontal().id_salt("figures over folds").auto_shrink([false, true]).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        TableBuilder::new(ui)
            .id_salt("figures over folds")
            .cell_layout(Layout::right_to_left(Align::Center))
            .column(Column::exact(176.0))
            .column(Column::exact(64.0))
            .column(Column::exact(132.0))
            .columns(Column::exact(64.0), found.folds.len())
            .vscroll(false)
            .header(ROW, |mut header| {
                header.col(|_| {});
                let ends = "Intervals made so hold the true figure about 95 times in 100";
                for (name, hint) in [("mean", "Over the folds"), ("95 % interval", ends)] {
                    header.col(|ui| drop(ui.label(theme::quiet(ui, name).size(theme::SMALL)).on_hover_text(hint)));
                }
                for (index, fold) in found.folds.iter().enumerate() {
                    header.col(|ui| {
                        let name = theme::quiet(ui, format!("fold {}", index + 1)).size(theme::SMALL);
                        ui.label(name).on_hover_text(format!(
                            "{} held back, {} to train on, {} to choose the best epoch by: ★ {}",
                            format::photos(fold.held_back),
                            format::count(fold.train as u64),
                            format::count(fold.validation as u64),
                            fold.best_epoch,
                        ));
                    });
                }
            })
            .body(|body| {
                body.rows(ROW, found.figures.len(), |mut row| {
                    let Some(figure) = found.figures.get(row.index()) else { return };
                    row.col(|ui| {
                        ui.with_layout(Layout::left_to_right(Align::Center), |ui| ui.label(figure.name));
                    });
                    let [mean, ends] = mean_and_ends(figure);
                    row.col(|ui| drop(ui.label(theme::strong(mean))));
                    row.col(|ui| drop(ui.label(ends)));
                    for value in &figure.folds {
                        row.col(|ui| drop(ui.label(theme::quiet(ui, figures::figure(*value)))));
                    }
                });
            });
    });
}

fn mean_and_ends(figure: &FigureOverFolds) -> [String; 2] {
    match figure.interval {
        Some(i) => [figures::figure(Some(i.mean)), format!("{:.4} – {:.4}", i.low, i.high)],
        None => ["–".to_owned(), "–".to_owned()],
    }
}
