//! The photos most like one, the most alike first.

use std::sync::Arc;

use egui::{Frame, Label, Panel, Ui};

use super::photos::{Photos, Shown};
use super::{Origin, Request, ground, job_first};
use crate::app::command::Command;
use crate::app::scene::{Kind, Scene};
use crate::app::theme::{self, icons};
use crate::app::widgets::empty;
use crate::app::widgets::form::icon_button;
use crate::app::worker::asks::SimilarOrder;
use crate::dataset::Dataset;
use crate::format;
use crate::train::similarity::Neighbour;

/// Width of the pane with the photo.
const DETAIL: f32 = 340.0;
/// The tab must be this wide for the pane to stand beside the grid.
const WIDE: f32 = 760.0;

/// What the view remembers.
#[derive(Default)]
pub(super) struct SimilarView {
    /// The photo, and where its like was asked for.
    asked: Option<(usize, Origin)>,
    state: State,
    /// The photo and those like it, in order.
    order: Vec<usize>,
    found: Vec<Neighbour>,
    revision: u64,
    /// The photos that the numbers speak of.
    dataset: Option<Arc<Dataset>>,
    photos: Photos,
}

/// How far the search is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// The answer is on its way.
    #[default]
    Asked,
    /// There are no features to tell by.
    Missing,
    /// They are found.
    Found,
}

impl SimilarView {
    /// Waits for the photos most like this one.
    pub(super) fn ask(&mut self, photo: usize, origin: Origin) {
        // From one similar photo to the next, back leads to where the first was asked for.
        let origin = match (origin, self.asked) {
            (Origin::View(super::View::Similar), Some((_, first))) => first,
            (origin, _) => origin,
        };
        (self.asked, self.state, self.dataset) = (Some((photo, origin)), State::Asked, None);
        self.photos.large = false;
    }

    /// The photo whose like is waited for.
    pub(super) fn wanted(&self) -> Option<usize> {
        self.asked.map(|(photo, _)| photo).filter(|_| self.state != State::Found)
    }

    /// The answer, if it is the one that is waited for.
    pub(super) fn found(&mut self, order: &SimilarOrder, found: Option<Vec<Neighbour>>) {
        let Some((photo, _)) = self.asked.filter(|(photo, _)| *photo == order.photo) else { return };
        self.dataset = Some(Arc::clone(&order.dataset));
        let Some(found) = found else {
            self.state = State::Missing;
            return;
        };
        self.state = State::Found;
        self.order = std::iter::once(photo).chain(found.iter().map(|near| near.photo)).collect();
        self.found = found;
        self.revision += 1;
        self.photos.grid.select(photo);
    }

    pub(super) fn photos(&mut self) -> &mut Photos {
        &mut self.photos
    }

    /// Shows the view; says where to go where the user goes back.
    pub(super) fn ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) -> Option<Origin> {
        self.follow(scene);
        let Some((photo, origin)) = self.asked else {
            ground(ui, |ui| {
                let text = "Select a photo in Browse, Review or here, and press S: those most like it appear here.";
                empty::state(ui, icons::ICON_IMAGE_SEARCH, "Like which photo?", text, |_| {});
            });
            return None;
        };
        let back = self.bar_ui(ui, scene, photo, origin);
        match self.state {
            State::Asked => ground(ui, |ui| empty::note(ui, icons::ICON_HOURGLASS_EMPTY, "Comparing photos…")),
            State::Missing => ground(ui, |ui| {
                let text = "Photos are compared by what the network sees in them. That has not been worked out for \
                            these photos in this session; what is in the cache is only read.";
                let what = (icons::ICON_IMAGE_SEARCH, "Features are needed first", text);
                job_first(ui, scene, Kind::Features, what, ("Compute features", Request::Features));
            }),
            State::Found => self.found_ui(ui, scene),
        }
        back
    }

    /// Where labels have changed, the numbers still hold; where other photos are open, they mean nothing any more.
    fn follow(&mut self, scene: &Scene<'_>) {
        let (Some(of), Some(open)) = (&self.dataset, &scene.session.dataset) else { return };
        if Arc::ptr_eq(of, open) {
            return;
        }
        if super::same_files(of, open) {
            self.dataset = Some(Arc::clone(open));
        } else {
            (self.asked, self.dataset) = (None, None);
        }
    }

    fn bar_ui(&self, ui: &mut Ui, scene: &mut Scene<'_>, photo: usize, origin: Origin) -> Option<Origin> {
        let mut back = None;
        let panel = Frame::new().fill(theme::palette(ui).panel).inner_margin(theme::panel_margin());
        Panel::top("similar to").frame(panel).resizable(false).show(ui, |ui| {
            ui.horizontal(|ui| {
                if icon_button(ui, icons::ICON_ARROW_BACK, "Back to where this was asked").clicked() {
                    back = Some(origin);
                    if let Origin::Tab(tab) = origin {
                        scene.commands.push(Command::Curate(Request::Back(tab)));
                    }
                }
                let file = scene.session.item(photo).map_or("", |item| &item.sample.file);
                ui.label(theme::strong("Like"));
                ui.add(Label::new(file).truncate()).on_hover_text(file);
                if self.state == State::Found {
                    ui.label(theme::quiet(ui, format!("· the {} most alike", format::count(self.found.len() as u64))));
                }
            });
        });
        back
    }

    fn found_ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        let panel = Frame::new().fill(theme::palette(ui).panel).inner_margin(theme::panel_margin());
        if ui.available_width() >= WIDE && !self.photos.large {
            let pane = Panel::right("similar photo").frame(panel).default_size(DETAIL).size_range(280.0..=640.0);
            pane.show(ui, |ui| self.photos.detail_ui(ui, scene));
        }
        let (order, found) = (&self.order, &self.found);
        let note = |photo: usize| {
            let position = order.iter().position(|shown| *shown == photo)?;
            Some(match position.checked_sub(1).and_then(|i| found.get(i)) {
                Some(near) => format!("distance {:.4}", near.distance),
                None => "this photo".to_owned(),
            })
        };
        let shown = Shown { name: "similar", order, revision: self.revision };
        ground(ui, |ui| self.photos.ui(ui, scene, &shown, &note));
    }
}
