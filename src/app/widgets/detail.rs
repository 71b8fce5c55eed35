//! Everything about one photo: the photo itself, what it is said to show, what the model said, and the file's facts.

mod facts;

use std::path::{Path, PathBuf};

use egui::{
    Button, Id, Label, Rect, RichText, ScrollArea, Sense, TextureHandle, TextureId, TextureOptions, Ui, UiBuilder,
    pos2, vec2,
};

use crate::app::session::{Item, Session};
use crate::app::shortcuts::{self, Act, Place};
use crate::app::theme::{self, icons, space};
use crate::app::widgets::photo_view::{Heat, PhotoView, Picture, heat_colour};
use crate::app::widgets::{empty, form};
use crate::app::worker::asks::ExplainOrder;
use crate::error::{Error, Result};
use crate::nn::explain::Cam;
use crate::photo::exif::Facts;
use facts::Why;

/// What a view of photos asks of the window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Choose a folder in the system's dialog.
    OpenFolder,
    /// Choose a `.zip` in the system's dialog.
    OpenArchive,
    /// Make the sample photos and open them.
    TrySamples,
    /// Open this folder.
    Open(PathBuf),
    /// Have the program's own model look at the open photos.
    Classify,
    /// Decode this photo. Only the newest such request matters.
    Photo(PathBuf),
    /// Show the photos most like this one.
    Similar(usize),
    /// Look at this photo in its own resolution.
    Inspect(PathBuf),
    /// Compute where the open run's model saw a crack in this photo. Only the newest such request matters.
    Activation(PathBuf),
}

/// A pane with everything about one photo.
#[derive(Default)]
pub struct Detail {
    view: PhotoView,
    photo: Option<Photo>,
    heat_wanted: bool,
    heat: Option<HeatMap>,
    similar_wanted: bool,
    inspect_wanted: bool,
}

/// The photo that is looked at.
struct Photo {
    path: PathBuf,
    /// When it was asked for, in the window's time.
    asked: f64,
    content: Option<Result<Facts>>,
}

/// The heat map of the photo that is looked at.
struct HeatMap {
    path: PathBuf,
    /// Which of the opened runs it is of, as the session counts them.
    opened: u64,
    content: Option<Result<Explained>>,
}

/// Why the model decided as it did, as numbers and, once it was painted, as a texture.
struct Explained {
    cam: Cam,
    texture: Option<TextureHandle>,
}

/// For so many seconds the photo before stands in for one that is being read, so that nothing flickers.
const STAND_IN: f64 = 0.15;

impl Detail {
    /// The photo above, what is known of it below.
    pub fn ui(&mut self, ui: &mut Ui, session: &Session, index: Option<usize>) -> Vec<Request> {
        let Some(item) = index.and_then(|index| session.item(index)) else {
            self.look_away();
            let text = if session.is_empty() { "No photo is open" } else { "Select a photo to see it here" };
            empty::note(ui, icons::ICON_IMAGE, text);
            return Vec::new();
        };
        let room = ui.available_rect_before_wrap();
        let height = room.width().min(room.height() * 0.55);
        let (rect, _) = ui.allocate_exact_size(vec2(room.width(), height), Sense::hover());
        let requests = self.photo_ui(&mut ui.new_child(UiBuilder::new().max_rect(rect)), session, &item);
        self.controls_ui(ui, session);
        self.facts_ui(ui, session, &item);
        requests
    }

    /// The photo alone, in all the room there is.
    pub fn photo_ui(&mut self, ui: &mut Ui, session: &Session, item: &Item<'_>) -> Vec<Request> {
        let mut requests = Vec::new();
        if std::mem::take(&mut self.similar_wanted) {
            requests.push(Request::Similar(item.index));
        }
        if std::mem::take(&mut self.inspect_wanted) {
            requests.push(Request::Inspect(item.sample.path.clone()));
        }
        self.look_at(ui, session, item, &mut requests);
        let heat = self.heat_texture(ui);
        let room = ui.available_rect_before_wrap();
        ui.painter().rect_filled(room, f32::from(theme::CORNER), ui.visuals().extreme_bg_color);
        match self.photo.as_ref().and_then(|photo| photo.content.as_ref()) {
            Some(Err(error)) => unreadable_ui(ui, room, error),
            _ if self.view.is_empty() => {
                if self.photo.as_ref().is_some_and(|photo| ui.input(|input| input.time) - photo.asked > STAND_IN) {
                    empty::note(ui, icons::ICON_HOURGLASS_EMPTY, "Reading the photo…");
                }
            }
            _ => drop(self.view.ui(ui, Id::unique("photo view"), &item.sample.file, heat)),
        }
        requests
    }

    /// Buttons for magnification and the heat map.
    pub fn controls_ui(&mut self, ui: &mut Ui, session: &Session) {
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = space::XS;
            ui.add_enabled_ui(!self.view.is_empty(), |ui| {
                if form::icon_button(ui, icons::ICON_FIT_SCREEN, &hint(ui, "Whole photo", Place::Photo, Act::Pixels))
                    .clicked()
                {
                    self.view.fit();
                }
                if form::icon_button(
                    ui,
                    icons::ICON_CENTER_FOCUS_STRONG,
                    &hint(ui, "Original pixels", Place::Photo, Act::Pixels),
                )
                .clicked()
                {
                    self.view.original_pixels();
                }
                if form::icon_button(ui, icons::ICON_ZOOM_OUT, &hint(ui, "Smaller", Place::Photo, Act::ZoomOut))
                    .clicked()
                {
                    self.view.zoom_by(1.0 / ZOOM);
                }
                if form::icon_button(ui, icons::ICON_ZOOM_IN, &hint(ui, "Larger", Place::Photo, Act::ZoomIn)).clicked()
                {
                    self.view.zoom_by(ZOOM);
                }
                if !self.view.is_empty() {
                    ui.label(theme::quiet(ui, format!("{:.0} %", self.view.scale() * 100.0)));
                }
            });
            let similar = theme::icon_text(icons::ICON_IMAGE_SEARCH, "Similar");
            let words = hint(ui, "The photos most like this one", Place::Photos, Act::Similar);
            if ui.button(similar).on_hover_text(words).clicked() {
                self.similar_wanted = true;
            }
            let hint = "Inspect at the photo's own resolution: predictions and heat maps are of 224 × 224 pixels";
            if self.is_larger_than_input() && form::icon_button(ui, icons::ICON_FRAME_INSPECT, hint).clicked() {
                self.inspect_wanted = true;
            }
        });
        if session.has_model() {
            self.heat_ui(ui);
        }
        self.keys(ui, session);
    }

    /// What is known of the photo.
    pub fn facts_ui(&self, ui: &mut Ui, session: &Session, item: &Item<'_>) {
        let photo = self.photo.as_ref().filter(|photo| photo.path == item.sample.path);
        let content = photo.and_then(|photo| photo.content.as_ref());
        let why = self.why(&item.sample.path);
        let facts = |ui: &mut Ui| facts::ui(ui, session, item, content, why);
        ScrollArea::vertical().id_salt("facts").auto_shrink(false).min_scrolled_height(0.0).show(ui, facts);
    }

    /// The photo is read, or cannot be. Photos that were asked for before another one are passed over.
    pub fn photo_arrived(&mut self, path: impl AsRef<Path>, result: Result<(Picture, Facts)>) {
        let Some(photo) = self.photo.as_mut().filter(|photo| photo.path == path.as_ref()) else { return };
        photo.content = Some(match result {
            Ok((picture, facts)) => {
                self.view.set(picture);
                Ok(facts)
            }
            Err(error) => {
                self.view.clear();
                Err(error)
            }
        });
    }

    /// The heat map is computed, or cannot be. Those of other photos and of runs open before are passed over.
    pub fn activation_arrived(&mut self, of: &ExplainOrder, result: Result<Cam>) {
        if let Some(heat) = self.heat.as_mut().filter(|heat| heat.path == of.photo && heat.opened == of.opened) {
            heat.content = Some(result.map(|cam| Explained { cam, texture: None }));
        }
    }

    /// The heat map of the photo at `path`, if it is wanted and there.
    pub fn heat(&self, path: &Path) -> Option<TextureId> {
        let heat = self.heat.as_ref().filter(|heat| self.heat_wanted && heat.path == path)?;
        heat.content.as_ref()?.as_ref().ok()?.texture.as_ref().map(TextureHandle::id)
    }

    /// What is to be said of the heat map of the photo at `path`.
    fn why(&self, path: &Path) -> Why<'_> {
        let Some(heat) = self.heat.as_ref().filter(|heat| self.heat_wanted && heat.path == path) else {
            return Why::NotAsked;
        };
        match &heat.content {
            Some(Ok(explained)) => Why::Sum(&explained.cam),
            Some(Err(_)) => Why::NotAsked,
            None => Why::Computing,
        }
    }

    /// How the photo is looked at.
    pub fn view_mut(&mut self) -> &mut PhotoView {
        &mut self.view
    }

    /// Forgets the photo, and gives back its memory.
    pub fn look_away(&mut self) {
        self.view.clear();
        self.photo = None;
        self.heat = None;
    }

    /// Whether the photo has so many more pixels than the network takes that a fine crack is lost on the way.
    fn is_larger_than_input(&self) -> bool {
        let facts = self.photo.as_ref().and_then(|photo| photo.content.as_ref()?.as_ref().ok());
        facts.is_some_and(|facts| facts.width.max(facts.height) > LARGE)
    }

    /// Asks for what is missing, once.
    fn look_at(&mut self, ui: &Ui, session: &Session, item: &Item<'_>, requests: &mut Vec<Request>) {
        let path = &item.sample.path;
        let now = ui.input(|input| input.time);
        if self.photo.as_ref().is_none_or(|photo| photo.path != *path) {
            self.photo = Some(Photo { path: path.clone(), asked: now, content: None });
            requests.push(Request::Photo(path.clone()));
        }
        if let Some(photo) = self.photo.as_ref().filter(|photo| photo.content.is_none()) {
            let waited = now - photo.asked;
            if waited > STAND_IN {
                self.view.clear();
            } else {
                ui.ctx().request_repaint_after(std::time::Duration::from_secs_f64(STAND_IN - waited + 0.01));
            }
        }
        if !(self.heat_wanted && session.has_model()) {
            self.heat = None;
            return;
        }
        if self.heat.as_ref().is_none_or(|heat| heat.path != *path || heat.opened != session.opened) {
            self.heat = Some(HeatMap { path: path.clone(), opened: session.opened, content: None });
            requests.push(Request::Activation(path.clone()));
        }
    }

    fn heat_texture(&mut self, ui: &Ui) -> Option<TextureId> {
        let Explained { cam, texture } = self.heat.as_mut()?.content.as_mut()?.as_mut().ok()?;
        let load = || {
            let heat = Heat::new(cam.width, cam.height, &cam.values);
            ui.ctx().load_texture("heat map", heat.image, TextureOptions::LINEAR)
        };
        Some(texture.get_or_insert_with(load).id())
    }

    /// The heat map's button, and what its colours mean or why there is nothing to see.
    fn heat_ui(&mut self, ui: &mut Ui) {
        ui.horizontal(|ui| {
            let text = theme::icon_text(icons::ICON_GRAIN, "Heat map");
            let button = Button::selectable(self.heat_wanted, text).frame_when_inactive(true);
            let words = hint(ui, "Where the model saw signs of a crack", Place::Photo, Act::Activation);
            if ui.add(button).on_hover_text(words).clicked() {
                self.heat_wanted = !self.heat_wanted;
            }
            if !self.heat_wanted {
                return;
            }
            match self.heat.as_ref().and_then(|heat| heat.content.as_ref()) {
                Some(Ok(_)) => legend_ui(ui),
                None => _ = ui.label(theme::quiet(ui, "Computing…")),
                Some(Err(error)) => {
                    let reason = error.details().first().map_or(error.title(), String::as_str);
                    let text = RichText::new(reason).color(theme::palette(ui).error);
                    ui.add(Label::new(text).truncate()).on_hover_text(error.to_string());
                }
            }
        });
    }

    /// The keys of the photo, unless a text field, a menu or a dialog has the keyboard.
    fn keys(&mut self, ui: &Ui, session: &Session) {
        let ctx = ui.ctx();
        let free = !ctx.text_edit_focused()
            && !egui::Popup::is_any_open(ctx)
            && ui.memory(|memory| memory.allows_interaction(ui.layer_id()));
        if !free {
            return;
        }
        self.view.keys(ui);
        if shortcuts::taken(ui, Place::Photos, Act::Similar) {
            self.similar_wanted = true;
            ui.ctx().request_repaint();
        }
        if session.has_model() && shortcuts::taken(ui, Place::Photo, Act::Activation) {
            self.heat_wanted = !self.heat_wanted;
        }
    }
}

const ZOOM: f32 = 1.5;

fn hint(ui: &Ui, words: &str, place: Place, act: Act) -> String {
    shortcuts::hint(ui.ctx(), words, place, act)
}

/// Photos of more pixels on their longer side are worth a look at their own resolution.
const LARGE: u32 = 2 * crate::photo::INPUT_SIZE as u32;

/// From clear to yellow: how much a place speaks for a crack.
fn legend_ui(ui: &mut Ui) {
    const STEPS: u8 = 24;
    ui.label(theme::quiet(ui, "no sign").size(theme::SMALL));
    let (bar, response) = ui.allocate_exact_size(vec2(72.0, 8.0), Sense::hover());
    let width = bar.width() / f32::from(STEPS);
    for i in 0..STEPS {
        let left = bar.left() + f32::from(i) * width;
        let step = Rect::from_min_size(pos2(left, bar.top()), vec2(width, bar.height()));
        ui.painter().rect_filled(step, 0.0, heat_colour(f32::from(i) / f32::from(STEPS - 1)));
    }
    response.on_hover_text("How much each part of the photo speaks for a crack, by the model's last layer");
    ui.label(theme::quiet(ui, "crack").size(theme::SMALL));
}

/// Why there is no photo to see.
fn unreadable_ui(ui: &mut Ui, room: Rect, error: &Error) {
    let mut child = ui.new_child(UiBuilder::new().max_rect(room.shrink(space::S)));
    let reason = error.details().first().map_or(error.title(), String::as_str);
    empty::note(&mut child, icons::ICON_BROKEN_IMAGE, &format!("This photo cannot be read: {reason}"));
    ui.advance_cursor_after_rect(room);
}

#[cfg(test)]
mod tests;
