//! Cross-validation: how many folds, what they came to, and which photos their heads got wrong.

use std::ops::RangeInclusive;
use std::sync::Arc;

use egui::{Align, Button, CentralPanel, DragValue, Frame, Label, Layout, Margin, Panel, ScrollArea, Ui};
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
use crate::error::Error;
use crate::export::figures;
use crate::format;
use crate::review::cross_validation::{ABOUT_INTERVALS, CrossValidation, FigureOverFolds};
use crate::train::folds;

/// The button that starts it.
const RUN: &str = "Cross-validate";
/// As many folds as the table has room for.
const FOLDS: RangeInclusive<usize> = 2..=20;
/// Room for the matrix.
const MATRIX: f32 = 336.0;
/// Width of the number of folds with its name and the button.
const START: f32 = 290.0;
/// Height of a row of the table.
const ROW: f32 = 26.0;

/// What the view remembers: the number of folds, and the last cross-validation.
pub(super) struct CrossValidationView {
    folds: usize,
    end: Option<End>,
}

/// How the last one ended.
enum End {
    Done(Box<CrossValidated>),
    Failed(Error),
}

impl Default for CrossValidationView {
    fn default() -> Self {
        Self { folds: 5, end: None }
    }
}

impl CrossValidationView {
    /// It begins.
    pub(super) fn begin(&mut self) {
        self.end = None;
    }

    /// It has ended.
    pub(super) fn finished(&mut self, found: CrossValidated) {
        self.end = Some(End::Done(Box::new(found)));
    }

    /// It has failed or was stopped.
    pub(super) fn failed(&mut self, error: &Error) {
        self.end = Some(End::Failed(error.clone()));
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
                (Some(End::Done(done)), None) => done_ui(ui, done, &mut self.folds, scene),
            }
        });
    }
}

fn running_ui(ui: &mut Ui, job: &Running, commands: &mut Vec<Command>) {
    let title = job.progress.map_or(job.kind.title(), |progress| progress.phase.title());
    let text = job.progress.map_or_else(String::new, |progress| bars::progress_text(&progress, false));
    let stopping = job.controls.cancel.get();
    let cancel = |ui: &mut Ui| ui.add_enabled(!stopping, Button::new("Cancel")).clicked();
    if empty::state(ui, icons::ICON_HOURGLASS_EMPTY, title, &text, cancel) {
        commands.push(Command::CancelJob);
    }
}

fn empty_ui(ui: &mut Ui, folds: &mut usize, scene: &mut Scene<'_>) {
    let text = "One split is one throw of the dice. Divide the photos into folds, train a last layer for each on the \
         others, and see by how much the figures vary.";
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
    let cancelled = error.is_cancelled();
    let word = if cancelled { "The cross-validation was cancelled" } else { "The cross-validation failed" };
    ui.label(theme::section(word));
    if !cancelled {
        messages::error_ui(ui, error);
    }
    ui.add_space(space::S);
    ui.horizontal(|ui| start_ui(ui, folds, scene, true));
}

fn done_ui(ui: &mut Ui, done: &CrossValidated, folds: &mut usize, scene: &mut Scene<'_>) {
    let found = &done.found;
    let is_open = scene.session.dataset.as_ref().is_some_and(|open| Arc::ptr_eq(open, &done.dataset));
    let frame = Frame::new().outer_margin(Margin { left: space::L as i8, ..Margin::ZERO });
    let panel = Panel::right("out of fold").frame(frame).exact_size(MATRIX).resizable(false);
    let pressed = panel.show_separator_line(false).show(ui, |ui| out_of_fold_ui(ui, found, is_open)).inner;
    CentralPanel::no_frame().show(ui, |ui| {
        ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            ui.horizontal(|ui| {
                ui.set_min_height(theme::ROW);
                ui.add(Label::new(theme::section(title(done))).truncate());
            });
            ui.add_space(space::S);
            table_ui(ui, found);
            ui.add_space(space::S);
            ui.add(Label::new(theme::quiet(ui, ABOUT_INTERVALS).size(theme::SMALL)).wrap());
            ui.add_space(space::S);
            ui.horizontal(|ui| start_ui(ui, folds, scene, false));
        });
    });
    if let Some(shown) = pressed {
        scene.commands.push(Command::ReviewVerdict(Arc::clone(&done.verdict), shown));
    }
}

/// The confusion matrix of all photos; gives which of them are to be reviewed.
fn out_of_fold_ui(ui: &mut Ui, found: &CrossValidation, is_open: bool) -> Option<Shown> {
    ui.horizontal(|ui| {
        ui.set_min_height(theme::ROW);
        ui.label(theme::strong("All photos, each out of its fold"));
    });
    ui.add_space(space::S);
    let cell = ui.add_enabled_ui(is_open, |ui| matrix_ui(ui, &found.together.confusion, Shown::Errors)).inner;
    ui.add_space(space::S);
    let (text, shown) = match found.together.confusion.wrong() {
        0 => ("Review: no errors".to_owned(), Shown::Everything),
        n => (format!("Review {} out of fold", format::counted(n, "error", "errors")), Shown::Errors),
    };
    let button = primary(ui, is_open, &text).on_disabled_hover_text("Other photos are open now");
    let button = button.on_hover_text("What was said of each photo by the head that has not seen it");
    if button.clicked() { Some(shown) } else { cell }
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
