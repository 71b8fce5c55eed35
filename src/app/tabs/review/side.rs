//! The figures beside the photos: what the run came to, its threshold, and what may be done with it.

use egui::{Button, Frame, Panel, RichText, ScrollArea, Ui};

use super::figures::matrix_ui;
use super::list::{Scope, Shown};
use super::{ReviewTab, SCOPES, View, figures, threshold};
use crate::app::command::Command;
use crate::app::scene::Scene;
use crate::app::session::Verdict;
use crate::app::shortcuts::{self, Act, Place};
use crate::app::theme::{self, icons, space};
use crate::app::widgets::empty;
use crate::app::widgets::form::{choices, primary};
use crate::dataset::Class;
use crate::format;
use crate::review::metrics::Metrics;
use crate::review::threshold::Threshold;

impl ReviewTab {
    pub(super) fn side_ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        let margin = Frame::new().inner_margin(theme::panel_margin());
        if scene.session.verdict.is_some() {
            Panel::bottom("review buttons").frame(margin).resizable(false).show(ui, |ui| {
                ui.vertical_centered_justified(|ui| {
                    let export = primary(ui, true, &theme::icon_text(icons::ICON_DOWNLOAD, "Export…"));
                    if export
                        .on_hover_text(shortcuts::hint(
                            ui.ctx(),
                            "Tables, copies of wrong photos, contact sheet, report, model",
                            Place::Anywhere,
                            Act::Export,
                        ))
                        .clicked()
                    {
                        scene.commands.push(Command::ExportForm);
                    }
                });
            });
        }
        ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            margin.show(ui, |ui| {
                self.run_choice.ui(ui, scene);
                if let (Some(verdict), Some(metrics)) = (scene.session.verdict.clone(), self.list.metrics.clone()) {
                    ui.add_space(space::M);
                    self.figures_ui(ui, &verdict, &metrics, scene);
                    ui.add_space(space::M);
                    self.field.ui(ui, &verdict, scene);
                }
            });
        });
    }

    fn figures_ui(&mut self, ui: &mut Ui, verdict: &Verdict, metrics: &Metrics, scene: &mut Scene<'_>) {
        if Scope::can_be_chosen(verdict) {
            ui.horizontal_wrapped(|ui| choices(ui, &mut self.scope, &SCOPES));
            ui.add_space(space::S);
        }
        if metrics.photos == 0 {
            called_ui(ui, verdict, scene.session.threshold());
            return;
        }
        figures::figures_ui(ui, metrics);
        ui.add_space(space::M);
        if let Some(shown) = matrix_ui(ui, &metrics.confusion, self.shown) {
            self.show_in_grid(shown);
        }
        ui.add_space(space::S);
        if self.view != View::Threshold {
            self.threshold.small_ui(ui, &self.judged, scene);
        }
        self.unsure_ui(ui, metrics, scene.session.threshold());
        let at = threshold::shown(scene.session.threshold().at);
        let text = format!("{} · cracked from p ≥ {at}", format::photos(metrics.photos));
        ui.label(theme::quiet(ui, text).size(theme::SMALL));
    }

    /// How many go to a person; pressed, it shows them.
    fn unsure_ui(&mut self, ui: &mut Ui, metrics: &Metrics, threshold: Threshold) {
        let Some(text) = threshold::band_text(ui, threshold) else { return };
        ui.horizontal_wrapped(|ui| {
            let count = format!("? {} for a person", format::photos(metrics.unsure));
            let chosen = self.shown == Shown::Unsure;
            let button = Button::selectable(chosen, count).frame_when_inactive(true);
            if ui.add(button).on_hover_text("Press to see them").clicked() {
                self.show_in_grid(if chosen { Shown::Errors } else { Shown::Unsure });
            }
            ui.label(text);
        });
    }
}

/// How many photos without labels were called what.
fn called_ui(ui: &mut Ui, verdict: &Verdict, threshold: Threshold) {
    for class in [Class::Positive, Class::Negative] {
        let count = verdict.predictions.iter().filter(|p| p.said(threshold) == Some(class)).count();
        ui.horizontal(|ui| {
            let number = RichText::new(format::count(count as u64)).size(theme::NUMBER).family(theme::strong_family());
            ui.label(number);
            ui.label(theme::quiet(ui, "called"));
            ui.label(theme::class_text(ui, class));
        });
    }
    let text = format!("No labels to compare with · cracked from p ≥ {}", threshold::shown(threshold.at));
    ui.label(theme::quiet(ui, text).size(theme::SMALL));
}

/// Without labels there is nothing to count.
pub(super) fn unlabelled_ui(ui: &mut Ui) {
    let text = "None of these photos has a label to compare with what was said of it.";
    empty::state(ui, icons::ICON_FACT_CHECK, "No labels", text, |_| {});
}
