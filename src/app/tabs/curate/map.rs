//! The map: all photos on a plane, coloured; what is drawn around with the pointer appears in a grid beside it.

mod scatter;

use std::sync::Arc;

use egui::{Align, Button, Frame, Layout, Panel, RichText, Ui};

use self::scatter::{Scatter, Told};
use super::photos::{Photos, Shown};
use super::{Request, ground, job_first, same_files};
use crate::app::command::Command;
use crate::app::messages;
use crate::app::scene::{Kind, Scene};
use crate::app::session::{Item, Session};
use crate::app::shortcuts::{self, Act, Place};
use crate::app::theme::{self, Palette, icons};
use crate::app::widgets::{empty, form};
use crate::dataset::{Class, Dataset};
use crate::error::Error;
use crate::format;
use crate::review::map::Map;

/// Width of the grid beside the map.
const GRID: f32 = 360.0;
/// The tab must be this wide for both.
const WIDE: f32 = 640.0;
/// The tab must be this wide for the buttons beside the choice of colours to bear words.
const WORDS: f32 = 900.0;

/// What the view remembers.
#[derive(Default)]
pub(super) struct MapView {
    known: Option<Known>,
    error: Option<Error>,
    colours: Colours,
    scatter: Scatter,
    /// The photos that were drawn around.
    chosen: Vec<usize>,
    revision: u64,
    /// The session's revision that `known` was held against.
    held: u64,
    photos: Photos,
}

/// The map, and which photos it is of.
struct Known {
    dataset: Arc<Dataset>,
    map: Map,
}

/// What the colour of a point tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Colours {
    /// The label.
    #[default]
    Label,
    /// What the model says.
    Prediction,
    /// Whether the two agree.
    Error,
}

const COLOURS: [(Colours, &str, &str); 3] = [
    (Colours::Label, "Label", "Coloured by the label in force"),
    (Colours::Prediction, "Prediction", "Coloured by the probability of a crack, as the open run says"),
    (Colours::Error, "Errors", "Photos whose label and prediction disagree stand out"),
];

impl MapView {
    /// The map is drawn.
    pub(super) fn drawn(&mut self, dataset: Arc<Dataset>, map: Map) {
        self.scatter = Scatter::default();
        self.chosen.clear();
        (self.error, self.known) = (None, Some(Known { dataset, map }));
    }

    /// Drawing it has failed.
    pub(super) fn failed(&mut self, error: &Error) {
        self.error = Some(error.clone()).filter(|error| !error.is_cancelled());
    }

    pub(super) fn photos(&mut self) -> &mut Photos {
        &mut self.photos
    }

    /// Shows the view.
    pub(super) fn ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        self.follow(scene.session);
        if self.known.is_none() {
            ground(ui, |ui| self.start_ui(ui, scene));
            return;
        }
        let panel = Frame::new().fill(theme::palette(ui).panel).inner_margin(theme::panel_margin());
        Panel::top("map bar").frame(panel).resizable(false).show(ui, |ui| self.bar_ui(ui, scene));
        if ui.available_width() >= WIDE {
            let frame = Frame::new().fill(theme::palette(ui).panel);
            let most = (ui.available_width() * 0.6).max(GRID);
            let pane = Panel::right("photos of the map").frame(frame).default_size(GRID).size_range(240.0..=most);
            pane.show(ui, |ui| self.chosen_ui(ui, scene));
        }
        ground(ui, |ui| self.scatter_ui(ui, scene));
    }

    fn follow(&mut self, session: &Session) {
        if self.held == session.revision {
            return;
        }
        self.held = session.revision;
        let current = |known: &Known| session.dataset.as_ref().is_some_and(|open| same_files(open, &known.dataset));
        if !self.known.as_ref().is_some_and(current) {
            self.known = None;
            self.chosen.clear();
        }
    }

    fn start_ui(&self, ui: &mut Ui, scene: &mut Scene<'_>) {
        if let Some(error) = &self.error {
            Frame::new().inner_margin(theme::panel_margin()).show(ui, |ui| messages::error_ui(ui, error));
        }
        let text = "Lays all photos out on a plane, like beside like. What lies alone among the other class, or in a \
                    heap of its own, is worth a look.";
        let what = (icons::ICON_SCATTER_PLOT, "A map of these photos", text);
        job_first(ui, scene, Kind::Map, what, ("Draw the map", Request::Map));
    }

    fn bar_ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        let words = ui.available_width() >= WORDS;
        let hint = |ui: &Ui, words, act| shortcuts::hint(ui.ctx(), words, Place::Map, act);
        ui.horizontal(|ui| {
            let verdict = scene.session.verdict.is_some();
            if !verdict {
                self.colours = Colours::Label;
            }
            let choices = if verdict { COLOURS.as_slice() } else { COLOURS.get(..1).unwrap_or_default() };
            form::choices(ui, &mut self.colours, choices);
            self.legend_ui(ui);
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                if form::icon_button(ui, icons::ICON_FIT_SCREEN, &hint(ui, "Whole map", Act::Fit)).clicked() {
                    self.scatter.fit();
                }
                if form::icon_button(ui, icons::ICON_ZOOM_IN, &hint(ui, "Larger", Act::ZoomIn)).clicked() {
                    self.scatter.zoom_by(1.5);
                }
                if form::icon_button(ui, icons::ICON_ZOOM_OUT, &hint(ui, "Smaller", Act::ZoomOut)).clicked() {
                    self.scatter.zoom_by(1.0 / 1.5);
                }
                let all = ui.add(Button::new(if words { "Select what is in view" } else { "Select" }));
                let shown = hint(ui, "Photos of the part that is shown", Act::Select);
                if all.on_hover_text(format!("{shown}; or draw around some")).clicked() {
                    self.scatter.select_view = true;
                }
            });
        });
    }

    fn legend_ui(&self, ui: &mut Ui) {
        let palette = theme::palette(ui);
        let entry = |ui: &mut Ui, colour, text: &str| {
            form::swatch(ui, colour);
            ui.label(theme::quiet(ui, text).size(theme::SMALL));
        };
        match self.colours {
            Colours::Label => {
                for class in [Class::Positive, Class::Negative] {
                    ui.label(theme::class_text(ui, class).size(theme::SMALL));
                }
                ui.label(theme::quiet(ui, "● no label").size(theme::SMALL));
            }
            Colours::Prediction => {
                entry(ui, theme::viridis(0.0), "p 0");
                entry(ui, theme::viridis(0.5), "0.5");
                entry(ui, theme::viridis(1.0), "1");
            }
            Colours::Error => {
                entry(ui, palette.error, "wrong");
                entry(ui, palette.quiet, "right");
            }
        }
    }

    fn scatter_ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        let Some(known) = &self.known else { return };
        let palette = theme::palette(ui);
        let (session, colours) = (scene.session, self.colours);
        let tell =
            |photo: usize| session.item(photo).map_or(Told::nothing(palette), |item| told(&item, colours, palette));
        // What the colours depend on besides the places.
        let made_of = (session.revision, colours as u8, ui.visuals().dark_mode);
        let selected = self.photos.grid.selected.filter(|_| !self.chosen.is_empty());
        let output = self.scatter.ui(ui, &known.map.places, made_of, &tell, selected);
        if let Some(photos) = output.chosen {
            self.chosen = photos;
            self.revision += 1;
            self.photos.large = false;
            self.photos.keep_selection(&self.chosen);
        }
        if let Some(photo) = output.clicked {
            if !self.chosen.contains(&photo) {
                self.chosen = vec![photo];
                self.revision += 1;
            }
            self.photos.grid.select(photo);
        }
        if let Some(item) = output.hovered.and_then(|photo| session.item(photo)) {
            scatter::hover_ui(ui, &item, scene.thumbnails);
        }
    }

    fn chosen_ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        if self.chosen.is_empty() {
            let text = "Draw around points with the pointer: their photos appear here. The wheel zooms, the right \
                        button moves the map.";
            empty::note(ui, icons::ICON_SCATTER_PLOT, text);
            return;
        }
        Panel::top("chosen on the map").frame(Frame::new().inner_margin(theme::panel_margin())).show(ui, |ui| {
            ui.horizontal(|ui| {
                ui.label(theme::strong(format::photos(self.chosen.len())));
                let count = |class| {
                    let label = |photo: &usize| scene.session.item(*photo).and_then(|item| item.sample.label);
                    self.chosen.iter().filter(|photo| label(photo) == Some(class)).count()
                };
                for class in [Class::Positive, Class::Negative] {
                    let text = format!("{} {}", theme::mark(class), format::count(count(class) as u64));
                    ui.label(RichText::new(text).color(theme::palette(ui).class(class)));
                }
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    if let Some(photo) = self.photos.grid.selected
                        && let Some(item) = scene.session.item(photo)
                        && ui.button("Similar").on_hover_text("The photos most like the selected one").clicked()
                    {
                        scene.commands.push(Command::Similar(item.index));
                    }
                });
            });
        });
        let session = scene.session;
        let note = |photo: usize| {
            let item = session.item(photo)?;
            let p = item.p_positive().map(|p| format!("p {p:.2}"));
            Some(p.unwrap_or_else(|| item.sample.label.map_or("no label", Class::word).to_owned()))
        };
        let shown = Shown { name: "map", order: &self.chosen, revision: self.revision };
        self.photos.ui(ui, scene, &shown, &note);
    }
}

/// How the point of a photo looks.
fn told(item: &Item<'_>, colours: Colours, palette: &Palette) -> Told {
    let of_class = |class: Option<Class>| class.map_or(palette.quiet, |class| palette.class(class));
    match colours {
        Colours::Label => {
            let colour = of_class(item.sample.label);
            Told { colour, above: false, triangle: item.sample.label == Some(Class::Positive) }
        }
        Colours::Prediction => {
            let colour = item.p_positive().map_or(palette.line, theme::viridis);
            Told { colour, above: false, triangle: item.predicted() == Some(Class::Positive) }
        }
        Colours::Error => {
            let wrong = item.outcome().is_some_and(|outcome| !outcome.is_correct());
            let colour = if wrong { palette.error } else { palette.quiet.gamma_multiply(0.55) };
            Told { colour, above: wrong, triangle: item.sample.label == Some(Class::Positive) }
        }
    }
}
