//! What a split lets through: how many photos have a twin on the other side, which, and what that flatters.

use std::path::PathBuf;

use egui::{Button, CentralPanel, Frame, Label, Panel, ScrollArea, Ui};

use super::pairs;
use crate::app::command::{Command, LeaksOf};
use crate::app::messages;
use crate::app::scene::Scene;
use crate::app::tabs::train;
use crate::app::theme::{self, icons, space};
use crate::app::widgets::empty;
use crate::app::widgets::form::{choices, primary};
use crate::app::worker::curation::LeaksFound;
use crate::dataset::split::SplitKind;
use crate::error::Error;
use crate::format;
use crate::review::flattery::{ABOUT_BUNDLED, ABOUT_DIFFERENCES, Flattery};
use crate::review::interval::Interval;
use crate::train::config::WeightsSource;
use crate::train::leaks::Leaks;
use crate::train::run_dir;

/// Width of the figures.
const FIGURES: f32 = 452.0;
/// With less room than this the pairs stand below the figures.
const WIDE: f32 = 860.0;
/// Figures that are shown, by their names in files.
const SHOWN: [&str; 7] = ["accuracy", "balanced_accuracy", "precision", "recall", "f1", "auroc", "loss"];
/// Height of a row of figures.
const ROW: f32 = 22.0;
/// Room for a choice of split or the button.
const CHOICE: f32 = 106.0;

/// The splits that can be looked into.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Which {
    Grouped,
    #[default]
    Random,
    Run,
}

/// What is remembered.
#[derive(Default)]
pub(super) struct LeaksView {
    which: Which,
    end: Option<End>,
}

enum End {
    Done(Box<LeaksFound>),
    Failed(Error),
}

impl LeaksView {
    pub(super) fn finished(&mut self, found: LeaksFound) {
        self.end = Some(End::Done(Box::new(found)));
    }

    pub(super) fn failed(&mut self, error: &Error) {
        if !error.is_cancelled() {
            self.end = Some(End::Failed(error.clone()));
        }
    }

    /// Shows what was found, or the one thing to do.
    pub(super) fn ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        let open = scene.session.dataset.clone();
        let is_open =
            |found: &LeaksFound| open.as_ref().is_some_and(|open| std::sync::Arc::ptr_eq(open, &found.dataset));
        match &self.end {
            Some(End::Done(found)) if is_open(found) => {
                start_ui(ui, &mut self.which, scene, false);
                ui.add_space(space::S);
                found_ui(ui, found, scene);
            }
            Some(End::Failed(error)) => {
                ui.label(theme::section("The search for leaks failed"));
                messages::error_ui(ui, error);
                ui.add_space(space::S);
                start_ui(ui, &mut self.which, scene, true);
            }
            _ => empty_ui(ui, &mut self.which, scene),
        }
    }
}

fn empty_ui(ui: &mut Ui, which: &mut Which, scene: &mut Scene<'_>) {
    let text = "Finds photos to be judged by that have a twin among those to be learnt from, and trains the last layer \
                under random and grouped splits to see how much that flatters.";
    empty::state(ui, icons::ICON_FILE_COPY, "What leaks through the split?", text, |ui| {
        let buttons = if run_of(scene).is_some() { 4.0 } else { 3.0 };
        ui.horizontal(|ui| {
            ui.add_space(((ui.available_width() - buttons * CHOICE) / 2.0).max(0.0));
            start_ui(ui, which, scene, true);
        });
    });
}

/// The open run, if these are the photos that it was trained on.
fn run_of(scene: &Scene<'_>) -> Option<PathBuf> {
    scene.session.verdict.as_ref().filter(|verdict| !verdict.classified).and_then(|verdict| verdict.run.clone())
}

/// Which split, and the button.
fn start_ui(ui: &mut Ui, which: &mut Which, scene: &mut Scene<'_>, first: bool) {
    let run = run_of(scene);
    let name = run.as_deref().map(run_dir::name).unwrap_or_default();
    let mut all = vec![
        (Which::Random, "Random split", "The pairs that a split at random, with this seed, lets through"),
        (Which::Grouped, "Grouped split", "The pairs that a split by these groups, with this seed, still lets through"),
    ];
    match &run {
        Some(_) => all.push((Which::Run, "Open run", name.as_str())),
        None if *which == Which::Run => *which = Which::Random,
        None => {}
    }
    let obstacle = train::obstacle(scene);
    ui.horizontal_wrapped(|ui| {
        choices(ui, which, &all);
        let enabled = obstacle.is_none();
        let button = match first {
            true => primary(ui, enabled, "Look for leaks"),
            false => ui.add_enabled(enabled, Button::new("Look again")),
        };
        if button.on_disabled_hover_text(obstacle.unwrap_or_default()).clicked() {
            let of = match (*which, run) {
                (Which::Run, Some(run)) => LeaksOf::Run(run),
                (Which::Grouped, _) => LeaksOf::Split(SplitKind::Grouped),
                _ => LeaksOf::Split(SplitKind::Random),
            };
            scene.commands.push(Command::FindLeaks(of));
        }
    });
}

fn found_ui(ui: &mut Ui, found: &LeaksFound, scene: &mut Scene<'_>) {
    let plain = Frame::new();
    let figures = |ui: &mut Ui, scene: &mut Scene<'_>| {
        ScrollArea::vertical().id_salt("leak figures").auto_shrink(false).show(ui, |ui| figures_ui(ui, found, scene));
    };
    if ui.available_width() >= WIDE {
        let panel = Panel::left("leak figures").frame(plain).exact_size(FIGURES).resizable(false);
        panel.show_separator_line(false).show(ui, |ui| figures(ui, scene));
    } else {
        let height = ui.available_height() * 0.5;
        let panel = Panel::top("leak figures").frame(plain).exact_size(height).resizable(false);
        panel.show_separator_line(false).show(ui, |ui| figures(ui, scene));
    }
    CentralPanel::default().frame(plain).show(ui, |ui| pairs::ui(ui, found, scene));
}

fn figures_ui(ui: &mut Ui, found: &LeaksFound, scene: &mut Scene<'_>) {
    ui.set_max_width(FIGURES - space::L);
    ui.label(theme::strong("Validation photos with a twin among the training photos"));
    ui.add_space(space::XS);
    egui::Grid::new("leak counts").num_columns(4).spacing([space::L, 0.0]).min_row_height(ROW).show(ui, |ui| {
        let headings = [
            ("", ""),
            ("in all", "Photos to be judged by"),
            ("copies", "Of these, photos with an identical file or a near copy among those to be learnt from"),
            ("relatives", "Of these, photos that belong together with some of those to be learnt from"),
        ];
        for (name, hint) in headings {
            ui.label(theme::quiet(ui, name).size(theme::SMALL)).on_hover_text(hint);
        }
        ui.end_row();
        for (kind, leaks) in &found.check.planned {
            let name = if *kind == SplitKind::Random { "Random split" } else { "Grouped split" };
            counts_ui(ui, name, leaks);
        }
        if let Some(run) = &found.run {
            counts_ui(ui, &run_dir::name(run), &found.check.leaks);
        }
    });
    ui.add_space(space::L);
    match &found.flattery {
        Some(flattery) => flattery_ui(ui, flattery, found.config.weights == WeightsSource::Bundled, scene),
        None => {
            let text =
                "Nothing but identical files is kept together, so a split by groups is no other than a random one.";
            ui.add(Label::new(theme::quiet(ui, text)).wrap());
        }
    }
}

fn counts_ui(ui: &mut Ui, name: &str, leaks: &Leaks) {
    ui.label(name);
    for count in [leaks.validation, leaks.with_copy, leaks.with_relative] {
        ui.label(format::count(count as u64));
    }
    ui.end_row();
}

fn flattery_ui(ui: &mut Ui, flattery: &Flattery, bundled: bool, scene: &mut Scene<'_>) {
    ui.label(theme::section("What did it flatter?"));
    ui.add(Label::new(flattery.verdict()).wrap());
    ui.add_space(space::S);
    let obstacle = train::obstacle(scene);
    let button = primary(ui, obstacle.is_none(), "Train with groups kept together");
    if button.on_disabled_hover_text(obstacle.unwrap_or_default()).clicked() {
        scene.commands.push(Command::TrainGrouped);
    }
    ui.add_space(space::S);
    egui::Grid::new("flattery").num_columns(5).spacing([space::M, 0.0]).min_row_height(ROW).striped(true).show(
        ui,
        |ui| {
            let headings = [
                ("", ""),
                ("random", "Mean over random splits"),
                ("grouped", "Mean over grouped splits"),
                ("difference", "Mean of random less grouped, seed by seed"),
                ("95 % interval", "Of the difference"),
            ];
            for (name, hint) in headings {
                ui.label(theme::quiet(ui, name).size(theme::SMALL)).on_hover_text(hint);
            }
            ui.end_row();
            for figure in flattery.figures.iter().filter(|figure| SHOWN.contains(&figure.key)) {
                ui.label(if figure.key == "auroc" { "AUROC" } else { figure.name }).on_hover_text(figure.name);
                for interval in [figure.random, figure.grouped] {
                    ui.label(format::figure(interval.map(|interval| interval.mean))).on_hover_text(ends(interval));
                }
                let [mean, between] = signed(figure.difference);
                ui.label(theme::strong(mean));
                ui.label(between);
                ui.end_row();
            }
        },
    );
    ui.add_space(space::S);
    let about_weights = if bundled { format!(" {ABOUT_BUNDLED}") } else { String::new() };
    let seeds = format::counted(flattery.seeds, "seed", "seeds");
    let note = format!("Over {seeds}. {ABOUT_DIFFERENCES}{about_weights}");
    ui.add(Label::new(theme::quiet(ui, note).size(theme::SMALL)).wrap());
}

fn ends(interval: Option<Interval>) -> String {
    interval.map_or("–".to_owned(), |i| format!("95 % interval: {:.4} to {:.4}", i.low, i.high))
}

/// `+0.0031` and `+0.0012 – +0.0050`.
fn signed(interval: Option<Interval>) -> [String; 2] {
    match interval {
        Some(i) => [format!("{:+.4}", i.mean), format!("{:+.4} – {:+.4}", i.low, i.high)],
        None => ["–".to_owned(), "–".to_owned()],
    }
}
