//! Sites: how a model does at places that it has not seen. Each site is judged by a head trained on the others.

use std::sync::Arc;

use egui::{Align, Button, CentralPanel, Frame, Label, Layout, ScrollArea, Ui};
use egui_extras::{Column, TableBuilder};

use crate::app::command::Command;
use crate::app::messages;
use crate::app::scene::{Kind, Scene};
use crate::app::tabs::review::Shown;
use crate::app::theme::{self, icons, space};
use crate::app::widgets::empty;
use crate::app::widgets::form::primary;
use crate::app::worker::curation::SitesLeftOut;
use crate::dataset::Dataset;
use crate::dataset::sites::Sites;
use crate::error::Error;
use crate::export::figures;
use crate::format;
use crate::review::confusion::Confusion;
use crate::review::sites::{Site, SiteTable};
use crate::train::config::TrainConfig;
use crate::train::folds;

/// The button that starts it.
const RUN: &str = "Leave each site out";
/// Height of a row of the table.
const ROW: f32 = 26.0;
/// Figures that have a column, by their names in files, with a heading that leaves room for the others.
const SHOWN: [(&str, &str); 7] = [
    ("accuracy", "accuracy"),
    ("balanced_accuracy", "balanced"),
    ("recall", "recall"),
    ("precision", "precision"),
    ("f1", "F1"),
    ("auroc", "AUROC"),
    ("average_precision", "AP"),
];

/// What the view remembers.
#[derive(Default)]
pub(super) struct SitesView {
    /// The sites of the photos that were looked at last: finding them takes a walk through all names.
    known: Option<(Arc<Dataset>, Result<Sites, Error>)>,
    asked: String,
    end: Option<End>,
}

enum End {
    /// With figures, and the settings that they were found with.
    Done(Box<SitesLeftOut>, String),
    Failed(Error),
}

impl SitesView {
    /// It begins.
    pub(super) fn begin(&mut self, config: &TrainConfig) {
        let epochs = format::counted(config.epochs, "epoch", "epochs");
        let rate = format::learning_rate(config.learning_rate);
        self.asked = format!("{} · {epochs} · rate {rate}", super::settings_line(config));
    }

    /// It has ended.
    pub(super) fn finished(&mut self, found: SitesLeftOut) {
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
        self.look_for_sites(scene);
        let ground = Frame::new().fill(theme::palette(ui).window).inner_margin(theme::panel_margin());
        CentralPanel::default().frame(ground).show(ui, |ui| {
            let running = scene.job.filter(|job| job.kind == Kind::LeaveSitesOut);
            match (&self.end, running) {
                (_, Some(job)) => super::running_ui(ui, job, scene.commands),
                (None, None) => self.empty_ui(ui, scene),
                (Some(End::Failed(error)), None) => {
                    ui.label(theme::section("The sites could not be left out"));
                    messages::error_ui(ui, error);
                    ui.add_space(space::S);
                    self.start_ui(ui, scene, true);
                }
                (Some(End::Done(done, about)), None) => self.done_ui(ui, done, about, scene),
            }
        });
    }

    fn look_for_sites(&mut self, scene: &Scene<'_>) {
        let Some(open) = &scene.session.dataset else {
            self.known = None;
            return;
        };
        if self.known.as_ref().is_none_or(|(known, _)| !Arc::ptr_eq(known, open)) {
            self.known = Some((Arc::clone(open), Sites::of(open)));
        }
    }

    /// Why it cannot begin now, if so.
    fn obstacle(&self, scene: &Scene<'_>) -> Option<String> {
        let sites = || match &self.known {
            Some((_, Err(error))) => Some(error.title().to_owned()),
            _ => None,
        };
        super::obstacle(scene).or_else(sites).or_else(|| folds::why_not(scene.settings.train.tune).map(str::to_owned))
    }

    fn empty_ui(&self, ui: &mut Ui, scene: &mut Scene<'_>) {
        let text = match &self.known {
            Some((_, Ok(sites))) => format!(
                "A model that is good here may be bad elsewhere. Each of {} is judged by a last layer trained on the others: {}.",
                format::counted(sites.names.len(), "site", "sites"),
                sites.names.join(", ")
            ),
            Some((_, Err(_))) => "Open several folders at once, each a site, by dropping them onto the window; or one \
                                  folder with a folder for each site in it, each with photos of both classes."
                .to_owned(),
            None => "A model that is good here may be bad elsewhere. Open the folders of several sites.".to_owned(),
        };
        empty::state(ui, icons::ICON_FACT_CHECK, "How good will it be elsewhere?", &text, |ui| {
            self.start_ui(ui, scene, true);
            if let Some(reason) = self.obstacle(scene) {
                ui.add(Label::new(theme::quiet(ui, reason).size(theme::SMALL)).wrap());
            }
        });
    }

    fn start_ui(&self, ui: &mut Ui, scene: &mut Scene<'_>, first: bool) {
        let obstacle = self.obstacle(scene);
        let enabled = obstacle.is_none();
        let button = if first { primary(ui, enabled, RUN) } else { ui.add_enabled(enabled, Button::new(RUN)) };
        let button = button.on_disabled_hover_text(obstacle.unwrap_or_default());
        if button.on_hover_text("With the settings of the form").clicked() {
            scene.commands.push(Command::LeaveSitesOut);
        }
    }

    fn done_ui(&self, ui: &mut Ui, done: &SitesLeftOut, about: &str, scene: &mut Scene<'_>) {
        ui.horizontal(|ui| {
            ui.set_min_height(theme::ROW);
            let sites = format::counted(done.table.sites.len(), "site", "sites");
            ui.label(theme::section(format!("{sites} · {}", format::photos(done.table.predictions.len()))));
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| self.start_ui(ui, scene, false));
        });
        ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            ui.add(Label::new(theme::quiet(ui, about).size(theme::SMALL)).truncate());
            ui.add_space(space::S);
            table_ui(ui, &done.table);
            for site in &done.table.sites {
                if let Err(reason) = &site.figures {
                    ui.add(Label::new(theme::quiet(ui, format!("{}: {reason}", site.name))).wrap());
                }
            }
            ui.add_space(space::S);
            let note = "Each site is judged by a last layer that was trained on the other sites alone. The mean counts every \
                        site alike, whatever its number of photos.";
            ui.add(Label::new(theme::quiet(ui, note).size(theme::SMALL)).wrap());
            ui.add_space(space::L);
            review_ui(ui, done, scene);
        });
    }
}

/// The way to the photos that were called wrongly.
fn review_ui(ui: &mut Ui, done: &SitesLeftOut, scene: &mut Scene<'_>) {
    let is_open = scene.session.dataset.as_ref().is_some_and(|open| Arc::ptr_eq(open, &done.dataset));
    let wrong = Confusion::of(&done.table.predictions, done.table.threshold).wrong();
    let (text, shown) = match wrong {
        0 => ("Review: no errors".to_owned(), Shown::Everything),
        n => (format!("Review {} at sites not seen", format::counted(n, "error", "errors")), Shown::Errors),
    };
    if primary(ui, is_open, &text).on_disabled_hover_text("Other photos are open now").clicked() {
        scene.commands.push(Command::ReviewVerdict(Arc::clone(&done.verdict), shown));
    }
}

fn table_ui(ui: &mut Ui, table: &SiteTable) {
    let shown: Vec<_> = SHOWN
        .iter()
        .filter_map(|(key, name)| Some((*name, table.means.iter().find(|mean| mean.key == *key)?)))
        .collect();
    ScrollArea::horizontal().id_salt("figures of sites").auto_shrink([false, true]).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        TableBuilder::new(ui)
            .id_salt("figures of sites")
            .cell_layout(Layout::right_to_left(Align::Center))
            .column(Column::exact(176.0).clip(true))
            .column(Column::exact(64.0))
            .columns(Column::exact(76.0), shown.len())
            .vscroll(false)
            .header(ROW, |mut header| {
                header.col(|ui| drop(left(ui, theme::quiet(ui, "site").size(theme::SMALL))));
                header.col(|ui| drop(ui.label(theme::quiet(ui, "photos").size(theme::SMALL))));
                for (name, mean) in &shown {
                    header
                        .col(|ui| drop(ui.label(theme::quiet(ui, *name).size(theme::SMALL)).on_hover_text(mean.name)));
                }
            })
            .body(|body| {
                body.rows(ROW, table.sites.len() + 1, |mut row| {
                    let place = row.index();
                    let site = table.sites.get(place);
                    row.col(|ui| drop(left(ui, name_of(site)).on_hover_text(learnt(site))));
                    row.col(|ui| drop(ui.label(photos_of(site))));
                    for (_, mean) in &shown {
                        let value = if site.is_some() { mean.sites.get(place).copied().flatten() } else { mean.mean };
                        let text = figures::figure(value);
                        row.col(|ui| {
                            ui.label(if site.is_some() { egui::RichText::new(text) } else { theme::strong(text) });
                        });
                    }
                });
            });
    });
}

fn left(ui: &mut Ui, text: egui::RichText) -> egui::Response {
    ui.with_layout(Layout::left_to_right(Align::Center), |ui| ui.add(Label::new(text).truncate())).inner
}

fn name_of(site: Option<&Site>) -> egui::RichText {
    site.map_or_else(|| theme::strong("Mean"), |site| egui::RichText::new(&site.name))
}

fn learnt(site: Option<&Site>) -> String {
    match site {
        Some(site) => format!("Judged by a head trained on {} of the other sites", format::photos(site.train)),
        None => "Each site counts alike".to_owned(),
    }
}

fn photos_of(site: Option<&Site>) -> String {
    match site.map(|site| &site.figures) {
        Some(Ok(figures)) => format::count(figures.photos as u64),
        Some(Err(_)) => "–".to_owned(),
        None => String::new(),
    }
}
