//! Suspects: ranked kind by kind, each with its reason, and beside it what it is judged by.

use std::collections::HashSet;
use std::sync::Arc;

use egui::{Align, Button, Frame, Label, Layout, Margin, Panel, ScrollArea, Ui};

use super::photos::{Photos, Shown};
use super::{Request, ground, job_first, nearest, same_files};
use crate::app::command::Command;
use crate::app::messages;
use crate::app::scene::{Kind as Job, Scene};
use crate::app::session::Session;
use crate::app::theme::{self, icons, space};
use crate::app::widgets::{empty, form};
use crate::dataset::Dataset;
use crate::error::Error;
use crate::format;
use crate::review::suspects::{self, Evidence, Kind, Suspect};

/// Width of the list of kinds.
const KINDS: f32 = 208.0;
/// Width of the pane with the photo.
const DETAIL: f32 = 340.0;
/// The tab must be this wide for the pane to stand beside the grid.
const WIDE: f32 = 900.0;

/// What the view remembers.
#[derive(Default)]
pub(super) struct SuspectsView {
    known: Option<Known>,
    error: Option<Error>,
    kind: Option<Kind>,
    order: By,
    list: List,
    /// The list that the selection was made in.
    selected_in: u64,
    photos: Photos,
}

/// What was found, and of which photos.
struct Known {
    dataset: Arc<Dataset>,
    evidence: Evidence,
}

/// What comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum By {
    /// The most suspect, kind by kind.
    #[default]
    Suspicion,
    /// The least certain.
    Doubt,
}

const ORDERS: [(By, &str, &str); 2] = [
    (By::Suspicion, "Most suspect first", "Those of each kind that stand out the most"),
    (By::Doubt, "Most unsure first", "Probability of a crack nearest to one half"),
];

/// The suspects with the labels in force.
#[derive(Default)]
struct List {
    /// What it was made from.
    made_of: Option<(u64, Option<Kind>, By)>,
    ranked: Vec<Suspect>,
    /// How many photos these are: one may be suspect for several reasons.
    photos: usize,
    /// For each photo that is shown the suspicion it is shown for.
    shown: Vec<usize>,
    order: Vec<usize>,
    revision: u64,
}

impl SuspectsView {
    /// What makes photos suspect is known.
    pub(super) fn found(&mut self, dataset: Arc<Dataset>, evidence: Evidence) {
        self.known = Some(Known { dataset, evidence });
        (self.error, self.list.made_of) = (None, None);
        self.photos.large = false;
    }

    /// Looking for them has failed.
    pub(super) fn failed(&mut self, error: &Error) {
        self.error = Some(error.clone()).filter(|error| !error.is_cancelled());
    }

    pub(super) fn photos(&mut self) -> &mut Photos {
        &mut self.photos
    }

    /// Shows the view.
    pub(super) fn ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        let session = scene.session;
        let current = |known: &Known| session.dataset.as_ref().is_some_and(|open| same_files(open, &known.dataset));
        if self.list.made_of.is_none_or(|made_of| made_of.0 != session.revision)
            && !self.known.as_ref().is_some_and(current)
        {
            self.known = None;
        }
        let Some(known) = &self.known else {
            ground(ui, |ui| self.start_ui(ui, scene));
            return;
        };
        let before = self.list.update(session, &known.evidence, self.kind, self.order);
        // What leaves because it was labelled makes room for the next.
        if let Some(before) = before {
            self.photos.grid.hold_place(&before, &self.list.order);
        }
        // A neighbour that was chosen may stay, though it is no suspect itself.
        if std::mem::replace(&mut self.selected_in, self.list.revision) != self.list.revision {
            self.photos.keep_selection(&self.list.order);
        }
        let wide = ui.available_width() >= WIDE;
        let panel = Frame::new().fill(theme::palette(ui).panel).inner_margin(theme::panel_margin());
        Panel::left("kinds of suspects").frame(panel).exact_size(KINDS).resizable(false).show(ui, |ui| {
            self.kinds_ui(ui, scene);
        });
        if wide && !self.photos.large && self.photos.grid.selected.is_some() {
            let pane = Panel::right("suspect").frame(panel).default_size(DETAIL).size_range(280.0..=640.0);
            pane.show(ui, |ui| self.detail_ui(ui, scene));
        }
        ground(ui, |ui| self.grid_ui(ui, scene));
    }

    fn start_ui(&self, ui: &mut Ui, scene: &mut Scene<'_>) {
        if let Some(error) = &self.error {
            Frame::new().inner_margin(theme::panel_margin()).show(ui, |ui| messages::error_ui(ui, error));
        }
        let text = "Finds labels that the other photos contradict, twins with different labels, blurred, dark and \
                    burnt-out photos. Each photo is judged by models that have not seen it.";
        let what = (icons::ICON_FACT_CHECK, "Which photos need a second look?", text);
        job_first(ui, scene, Job::Suspects, what, ("Look for suspects", Request::Suspects));
    }

    fn kinds_ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        Panel::bottom("look for suspects again").frame(Frame::NONE).resizable(false).show_separator_line(false).show(
            ui,
            |ui| {
                ui.vertical_centered_justified(|ui| {
                    let again = ui.add_enabled(scene.job.is_none(), Button::new("Look again"));
                    let hint = "Train and compare anew, with the labels in force. A label that is mended leaves the list \
                                at once without that.";
                    if again.on_hover_text(hint).on_disabled_hover_text("Another job is still running").clicked() {
                        scene.commands.push(Command::Curate(Request::Suspects));
                    }
                });
            },
        );
        ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 2.0;
            ui.label(theme::section("Suspects"));
            ui.add_space(space::XS);
            let count = |kind: Kind| self.list.ranked.iter().filter(|suspect| suspect.kind == kind).count();
            let mut chosen = self.kind;
            kind_ui(ui, &mut chosen, None, "All", "Every reason", self.list.photos);
            for (kind, name, hint) in Kind::ALL {
                kind_ui(ui, &mut chosen, Some(kind), name, hint, count(kind));
            }
            if let Some(note) = self.known.as_ref().and_then(|known| known.evidence.note.as_ref()) {
                ui.add_space(space::M);
                ui.add(Label::new(theme::quiet(ui, format!("Labels are not judged: {note}"))).wrap());
            }
            self.kind = chosen;
        });
    }

    fn grid_ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        if !self.photos.large {
            // The bar with labels below brings its own distance.
            let margin = Margin { bottom: 0, ..theme::panel_margin() };
            Frame::new().inner_margin(margin).show(ui, |ui| {
                ui.horizontal(|ui| {
                    form::choices(ui, &mut self.order, &ORDERS);
                    ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                        ui.label(theme::quiet(ui, format::photos(self.list.order.len())));
                    });
                });
            });
        }
        if self.list.order.is_empty() {
            let text = "Nothing here contradicts the others or stands out.";
            empty::state(ui, icons::ICON_CHECK, "No suspects of this kind", text, |_| {});
            return;
        }
        let list = &self.list;
        let note = |photo: usize| list.suspicion(photo).map(short);
        let shown = Shown { name: "suspects", order: &list.order, revision: list.revision };
        self.photos.ui(ui, scene, &shown, &note);
    }

    fn detail_ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        let Some(photo) = self.photos.grid.selected else { return };
        let known = self.known.as_ref().map(|known| &known.evidence.neighbours);
        let neighbours = known.and_then(|all| all.get(photo)).map(Vec::as_slice).unwrap_or_default();
        let height = ui.available_height();
        Panel::bottom("most like the suspect").frame(Frame::NONE).resizable(false).show(ui, |ui| {
            ui.add_space(space::S);
            if let Some(clicked) = nearest::ui(ui, scene, neighbours, height) {
                self.photos.grid.select(clicked);
            }
        });
        let reasons: Vec<&Suspect> = self.list.ranked.iter().filter(|suspect| suspect.photo == photo).collect();
        for suspect in reasons {
            let name = Kind::ALL.iter().find(|kind| kind.0 == suspect.kind).map_or("", |kind| kind.1);
            ui.add(Label::new(theme::strong(name)).truncate());
            ui.add(Label::new(theme::quiet(ui, &suspect.reason)).truncate()).on_hover_text(&suspect.reason);
        }
        self.photos.detail_ui(ui, scene);
    }
}

impl List {
    /// Ranks them anew if anything has changed; gives the order before where it is another now.
    fn update(&mut self, session: &Session, evidence: &Evidence, kind: Option<Kind>, by: By) -> Option<Vec<usize>> {
        let made_of = Some((session.revision, kind, by));
        if self.made_of == made_of {
            return None;
        }
        let dataset = session.dataset.as_ref()?;
        if self.made_of.is_none_or(|made_of| made_of.0 != session.revision) {
            self.ranked = suspects::rank(dataset, evidence);
            self.photos = self.ranked.iter().map(|suspect| suspect.photo).collect::<HashSet<_>>().len();
        }
        self.made_of = made_of;
        let mut seen = vec![false; dataset.samples.len()];
        let mut first = |suspect: &Suspect| {
            let wanted = kind.is_none_or(|kind| suspect.kind == kind);
            wanted && seen.get_mut(suspect.photo).is_some_and(|seen| !std::mem::replace(seen, true))
        };
        self.shown = (0..self.ranked.len()).filter(|i| self.ranked.get(*i).is_some_and(&mut first)).collect();
        if by == By::Doubt {
            let doubt = |i: &usize| {
                let p = self.ranked.get(*i).and_then(|suspect| suspect.p_positive);
                p.map_or(f32::INFINITY, |p| (p - 0.5).abs())
            };
            self.shown.sort_by(|a, b| doubt(a).total_cmp(&doubt(b)));
        }
        let order: Vec<usize> = self.shown.iter().filter_map(|i| self.ranked.get(*i)).map(|s| s.photo).collect();
        if order == self.order {
            return None;
        }
        self.revision += 1;
        Some(std::mem::replace(&mut self.order, order))
    }

    /// What a photo is shown for.
    fn suspicion(&self, photo: usize) -> Option<&Suspect> {
        let position = self.order.iter().position(|shown| *shown == photo)?;
        self.ranked.get(*self.shown.get(position)?)
    }
}

/// The reason in as few words as fit under a photo.
fn short(suspect: &Suspect) -> String {
    let Some(p) = suspect.p_positive else { return suspect.reason.clone() };
    match (suspect.kind, suspect.suggested) {
        (Kind::Label, Some(class)) => {
            let sure = if class == crate::dataset::Class::Positive { p } else { 1.0 - p };
            format!("looks {} {:.0} %", theme::mark(class), 100.0 * sure)
        }
        (Kind::Unsure, _) => format!("{} {:.0} %", theme::mark(crate::dataset::Class::Positive), 100.0 * p),
        _ => suspect.reason.clone(),
    }
}

/// A kind with how many there are.
fn kind_ui(ui: &mut Ui, chosen: &mut Option<Kind>, kind: Option<Kind>, name: &str, hint: &str, count: usize) {
    let selected = *chosen == kind;
    let text = theme::quiet(ui, format::count(count as u64));
    let button = Button::selectable(selected, name).right_text(text).min_size(egui::vec2(ui.available_width(), 0.0));
    let button = ui.add_enabled(count > 0 || kind.is_none() || selected, button);
    if button.on_hover_text(hint).on_disabled_hover_text(format!("{hint}: none")).clicked() {
        *chosen = kind;
    }
}
