//! Earlier runs: which are drawn, which one's epochs are listed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use egui::{Align, Button, Checkbox, Color32, Layout, ScrollArea, Ui};

use super::run_colours::RunColours;
use crate::app::command::Command;
use crate::app::theme::{self, icons};
use crate::app::widgets::form;
use crate::train::observer::EpochRecord;
use crate::train::run_dir::RunSummary;

/// What the list shows and changes.
pub(super) struct Runs<'a> {
    /// Earlier runs, newest first.
    pub(super) earlier: &'a [&'a RunSummary],
    /// The colours of their curves.
    pub(super) colours: &'a RunColours,
    /// The colour of this session's run, if there is one.
    pub(super) live: Option<Color32>,
    /// The folder of the runs.
    pub(super) folder: &'a Path,
    /// Those that are drawn.
    pub(super) drawn: &'a mut BTreeSet<PathBuf>,
    /// The one whose epochs are listed; none for this session's.
    pub(super) listed: &'a mut Option<PathBuf>,
}

impl Runs<'_> {
    /// Shows the list.
    pub(super) fn ui(&mut self, ui: &mut Ui, commands: &mut Vec<Command>) {
        ui.horizontal(|ui| {
            ui.label(theme::quiet(ui, "Runs").size(theme::SMALL)).on_hover_text(self.folder.display().to_string());
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                if form::icon_button(ui, icons::ICON_REFRESH, "List the runs again").clicked() {
                    commands.push(Command::ListRuns);
                }
            });
        });
        ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 2.0;
            if let Some(colour) = self.live {
                ui.horizontal(|ui| {
                    let mut always = true;
                    ui.add_enabled(false, Checkbox::without_text(&mut always))
                        .widget_info(named("Draw this run", true));
                    form::swatch(ui, colour);
                    let entry = Button::selectable(self.listed.is_none(), "This run");
                    if ui.add(entry).on_hover_text("List its epochs").clicked() {
                        *self.listed = None;
                    }
                });
            }
            for run in self.earlier {
                ui.push_id(&run.path, |ui| self.run_ui(ui, run, commands));
            }
        });
    }

    fn run_ui(&mut self, ui: &mut Ui, run: &RunSummary, commands: &mut Vec<Command>) {
        ui.horizontal(|ui| {
            let mut draw = self.drawn.contains(&run.path);
            let hint = format!("Draw {}", run.name);
            let check = ui.add_enabled(!run.epochs.is_empty(), Checkbox::without_text(&mut draw));
            check.widget_info(named(&hint, draw));
            if check.on_hover_text(hint).changed() {
                if draw {
                    self.drawn.insert(run.path.clone());
                } else {
                    self.drawn.remove(&run.path);
                }
            }
            let colour = self.colours.of(ui, &run.path).filter(|_| draw);
            form::swatch(ui, colour.unwrap_or(theme::palette(ui).line));
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                let review = ui.add_enabled_ui(run.finished, |ui| {
                    form::icon_button(ui, icons::ICON_ARROW_FORWARD, &format!("Review {}", run.name))
                });
                if review
                    .inner
                    .on_disabled_hover_text("This run has no model: it ended before its first epoch")
                    .clicked()
                {
                    commands.push(Command::OpenRun(run.path.clone()));
                }
                if let Some(accuracy) = accuracy(&run.epochs) {
                    let text = theme::quiet(ui, format!("{accuracy:.3}"));
                    ui.label(text).on_hover_text("Validation accuracy of the best epoch");
                }
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                    let chosen = self.listed.as_ref() == Some(&run.path);
                    let entry = ui.add(Button::selectable(chosen, run.name.as_str()).truncate());
                    if entry.on_hover_text(summary(run)).clicked() {
                        *self.listed = Some(run.path.clone());
                    }
                });
            });
        });
    }
}

fn named(name: &str, on: bool) -> impl Fn() -> egui::WidgetInfo + '_ {
    move || egui::WidgetInfo::selected(egui::Role::CheckBox, true, on, name)
}

/// Validation accuracy of the best epoch.
fn accuracy(epochs: &[EpochRecord]) -> Option<f64> {
    let best = super::best_of(epochs)?;
    epochs.iter().find(|record| record.epoch == best)?.val_accuracy
}

/// What a run was, in a few lines.
fn summary(run: &RunSummary) -> String {
    let record = &run.record;
    let data = &record.data;
    let train = &record.train;
    format!(
        "{} photos ▲ {} ● {}\n{} epochs, batch {}, rate {}, {} weights, seed {}\n{}\n{}",
        crate::format::count(data.photos as u64),
        crate::format::count(data.positive as u64),
        crate::format::count(data.negative as u64),
        run.epochs.len(),
        train.batch_size,
        super::epochs::rate(train.learning_rate),
        record.weights.source,
        train.seed,
        record.device,
        record.created,
    )
}
