//! The photo, what is drawn over it, and the controls above it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use egui::{
    Align, Button, Id, Layout, PointerButton, Rect, Sense, Slider, TextureHandle, TextureOptions, Ui, pos2, vec2,
};

use super::overlay::{self, Colours, HeatLook};
use super::paint::Tool;
use super::queue::{PhotoState, Way};
use super::ruler::Line;
use super::{InspectTab, Pane, cells, cracks};
use crate::app::command::Command;
use crate::app::scene::{Kind, Scene};
use crate::app::shortcuts::{self, Act, Place};
use crate::app::theme::{self, icons, space};
use crate::app::widgets::photo_view::{Drag, PhotoView, Picture, Placed};
use crate::app::widgets::{empty, form};
use crate::app::worker::inspection::name;
use crate::error::{Error, Result};
use crate::format;
use crate::inspect::HeatMap;

/// One press of a button.
const ZOOM: f32 = 1.5;
/// The least length of a line whose length is known, in pixels.
const LEAST_LINE: f64 = 8.0;
/// The length that such a line has until the user says another.
const FIRST_MM: f64 = 100.0;

/// The photo that is shown.
#[derive(Default)]
pub(super) struct View {
    photo: PhotoView,
    /// The photo that was asked for, and what came.
    asked: Option<PathBuf>,
    content: Option<Result<Picture>>,
    texture: Option<(TextureOf, TextureHandle)>,
    pub(super) hide_map: bool,
    /// The place of the photo under the pointer.
    hovered: Option<[f32; 2]>,
}

/// What the map's texture hangs on.
struct TextureOf {
    map: Arc<HeatMap>,
    look: HeatLook,
    threshold: f32,
}

impl View {
    pub(super) fn photo_arrived(&mut self, path: &Path, result: Result<Picture>) {
        if self.asked.as_deref() == Some(path) {
            match &result {
                Ok(picture) => self.photo.set(picture.clone()),
                Err(_) => self.photo.clear(),
            }
            self.content = Some(result);
        }
    }

    /// Asks for the photo once more, unless it has come.
    pub(super) fn ask_again(&mut self) {
        if self.content.is_none() {
            self.asked = None;
        }
    }

    /// The pixels of the photo that is shown.
    pub(super) fn picture(&self) -> Option<&Picture> {
        self.content.as_ref()?.as_ref().ok()
    }

    pub(super) fn keys(&mut self, ui: &Ui) {
        self.photo.keys(ui);
        if shortcuts::taken(ui, Place::Inspect, Act::Fit) {
            self.photo.fit();
        }
    }

    pub(super) fn bring_into_view(&mut self, part: Rect) {
        self.photo.bring_into_view(part);
    }

    /// Asks for a photo, once. The one before goes, so that no more than one is held.
    fn ask_for(&mut self, path: &Path, commands: &mut Vec<Command>) {
        if self.asked.as_deref() != Some(path) {
            self.asked = Some(path.to_owned());
            self.content = None;
            self.photo.clear();
            commands.push(Command::Photo(path.to_owned()));
        }
    }

    /// The map's texture, made anew where the map or its look changed.
    fn texture(&mut self, ui: &Ui, map: &Arc<HeatMap>, look: &HeatLook, threshold: f32) -> egui::TextureId {
        let same = |of: &TextureOf| Arc::ptr_eq(&of.map, map) && of.look == *look && of.threshold == threshold;
        match &mut self.texture {
            Some((of, texture)) if same(of) => return texture.id(),
            _ => {}
        }
        let picture = overlay::picture(map, look, threshold);
        let of = TextureOf { map: Arc::clone(map), look: look.clone(), threshold };
        match &mut self.texture {
            Some((before, texture)) => {
                texture.set(picture, TextureOptions::LINEAR);
                *before = of;
                texture.id()
            }
            None => {
                let texture = ui.ctx().load_texture("map of cells", picture, TextureOptions::LINEAR);
                let id = texture.id();
                self.texture = Some((of, texture));
                id
            }
        }
    }
}

impl InspectTab {
    pub(super) fn view_ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>, way: &Way) {
        let Some(path) = self.queue.path().cloned() else { return };
        self.view.ask_for(&path, scene.commands);
        let seen = self.queue.current().and_then(|(_, state)| state.seen.as_ref()).is_some();
        self.controls_ui(ui, scene, way, seen);
        let below = theme::ROW;
        let room = ui.available_rect_before_wrap();
        let photo = Rect::from_min_max(room.min, pos2(room.right(), room.bottom() - below));
        let mut child = ui.new_child(egui::UiBuilder::new().max_rect(photo));
        self.content_ui(&mut child, scene, way, &path);
        ui.advance_cursor_after_rect(photo);
        self.place_ui(ui, scene, way);
    }

    /// Magnification, the map's strength, the threshold.
    fn controls_ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>, way: &Way, seen: bool) {
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing.x = space::XS;
            ui.add_enabled_ui(!self.view.photo.is_empty(), |ui| {
                let view = &mut self.view.photo;
                if form::icon_button(ui, icons::ICON_FIT_SCREEN, &hint(ui, "Whole photo", Place::Inspect, Act::Fit))
                    .clicked()
                {
                    view.fit();
                }
                if form::icon_button(
                    ui,
                    icons::ICON_CENTER_FOCUS_STRONG,
                    &hint(ui, "Original pixels", Place::Photo, Act::Pixels),
                )
                .clicked()
                {
                    view.original_pixels();
                }
                if form::icon_button(ui, icons::ICON_ZOOM_OUT, &hint(ui, "Smaller", Place::Photo, Act::ZoomOut))
                    .clicked()
                {
                    view.zoom_by(1.0 / ZOOM);
                }
                if form::icon_button(ui, icons::ICON_ZOOM_IN, &hint(ui, "Larger", Place::Photo, Act::ZoomIn)).clicked()
                {
                    view.zoom_by(ZOOM);
                }
            });
            ui.add_space(space::S);
            let text = theme::icon_text(icons::ICON_GRAIN, "Map");
            let shown = Button::selectable(!self.view.hide_map, text).frame_when_inactive(true);
            if ui
                .add_enabled(seen, shown)
                .on_hover_text(hint(ui, "Shows and hides the map", Place::Inspect, Act::HideMap))
                .clicked()
            {
                self.view.hide_map = !self.view.hide_map;
            }
            ui.add_enabled_ui(seen && !self.view.hide_map, |ui| {
                ui.spacing_mut().slider_width = 72.0;
                let opacity = Slider::new(&mut scene.settings.inspect.look.opacity, 0.0..=1.0).show_value(false);
                let label = ui.label(theme::quiet(ui, "Opacity"));
                ui.add(opacity).labelled_by(label.id).on_hover_text("How strongly the map covers the photo");
            });
            ui.add_space(space::S);
            self.threshold_ui(ui, way, seen);
        });
    }

    fn threshold_ui(&mut self, ui: &mut Ui, way: &Way, seen: bool) {
        ui.add_enabled_ui(seen, |ui| {
            ui.spacing_mut().slider_width = 100.0;
            let mut at = self.threshold(way);
            let label = ui.label(theme::quiet(ui, "Threshold"));
            let slider = ui.add(Slider::new(&mut at, 0.01..=0.99).fixed_decimals(2).smart_aim(false));
            let slider = slider.labelled_by(label.id);
            if slider.on_hover_text("From which probability on a cell counts as cracked").changed() {
                self.threshold = Some(at);
            }
            let stored = self.model.stored(&way.model);
            let other = self.threshold.is_some_and(|at| stored.is_some_and(|stored| stored != at));
            if other {
                let hint = stored.map(|at| format!("Back to the model's own, {at:.2}")).unwrap_or_default();
                if form::icon_button(ui, icons::ICON_RESTART_ALT, &hint).clicked() {
                    self.threshold = None;
                }
            }
        });
    }

    fn content_ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>, way: &Way, path: &Path) {
        let error = match &self.view.content {
            Some(Err(error)) => Some(error.clone()),
            _ => self.queue.current().and_then(|(_, state)| state.error.clone()),
        };
        if let Some(error) = error {
            return self.error_ui(ui, &error);
        }
        if self.view.photo.is_empty() {
            return empty::note(ui, icons::ICON_HOURGLASS_EMPTY, "Reading the photo…");
        }
        let drag = self.drag();
        let threshold = self.threshold(way);
        let look = scene.settings.inspect.look.clone();
        let Some((_, state)) = self.queue.current() else { return };
        let texture = state.seen.as_ref().filter(|_| !self.view.hide_map);
        let texture = texture.map(|seen| self.view.texture(ui, &seen.map, &look, threshold));
        let (chosen, ruler, begun) = (self.cracks.chosen, self.ruler.shows_lines(), self.ruler.begun);
        let pointer = self.view.hovered;
        let corrects = self.pane == Pane::Corrections;
        let (brush, tool, cursor) = (&self.brush, self.brush.tool, &self.cursor);
        let over = |painter: &egui::Painter, placed: &Placed| {
            over_ui(painter, placed, state, (texture, &look, threshold, chosen), corrects);
            if ruler {
                let drawn = begun.zip(pointer).map(|(a, b)| (Line { ends: [a, b], mm: 0.0 }, String::new()));
                let known = state.line.map(|line| (line, cracks::mm(line.mm)));
                if let Some((line, text)) = drawn.or(known) {
                    let text = if text.is_empty() { format!("{:.0} px", line.pixels()) } else { text };
                    overlay::reference(painter, placed, line.ends, &text);
                }
            }
            if let (true, Some(seen)) = (corrects, &state.seen)
                && let Some(cell) = cursor.at(&seen.map.grid)
            {
                cells::draw(painter, placed, &seen.map.grid, cell, brush);
            }
            if let (true, Some(seen), Some(at)) = (corrects && tool != Tool::Off, &state.seen, pointer) {
                let cells = brush.cells(&seen.map.grid, at);
                overlay::brush(painter, placed, &seen.map.grid, &cells, tool.says());
            }
        };
        let (response, placed) = self.view.photo.show(ui, Id::unique("inspected photo"), &name(path), drag, over);
        let Some(placed) = placed else { return };
        self.view.hovered = response.hover_pos().or(response.interact_pointer_pos()).and_then(|at| placed.pixel(at));
        if drag == Drag::Draws {
            self.draw(&response, &placed);
        }
        if self.pane == Pane::Corrections
            && let Some(part) = self.cell_keys(ui, response.rect, &placed, threshold)
        {
            self.view.photo.keep_in_view(part);
        }
        self.progress_ui(ui, scene, path);
    }

    /// What the pointer is for now.
    fn drag(&self) -> Drag {
        let paints = self.pane == Pane::Corrections && self.brush.tool != Tool::Off;
        let draws = self.pane == Pane::Measures && self.ruler.draws();
        if paints || draws { Drag::Draws } else { Drag::Pans }
    }

    /// Paints cells, or draws the line whose length is known.
    fn draw(&mut self, response: &egui::Response, placed: &Placed) {
        let at = self.view.hovered;
        // A drag is known for one only some points away from where it began.
        let started = response.drag_started_by(PointerButton::Primary);
        let origin = response.ctx.input(|input| input.pointer.press_origin().filter(|_| started));
        let origin = origin.and_then(|at| placed.pixel(at));
        let (down, up) =
            (response.dragged_by(PointerButton::Primary), response.drag_stopped_by(PointerButton::Primary));
        let clicked = response.clicked_by(PointerButton::Primary);
        let Some(state) = self.queue.current_mut() else { return };
        if self.pane == Pane::Corrections {
            if let (true, Some(at), Some(seen)) = (down || clicked, at, &state.seen) {
                let grid = seen.map.grid;
                self.brush.begin(origin);
                self.brush.stroke(&grid, &mut state.paint, at);
            } else {
                self.brush.lift();
            }
            if up || clicked {
                self.brush.lift();
                state.paint.end_stroke();
            }
            return;
        }
        if down && self.ruler.begun.is_none() {
            self.ruler.begun = origin.or(at);
        }
        if up && let Some((a, b)) = self.ruler.begun.take().zip(at) {
            let mm = state.line.map_or(FIRST_MM, |line| line.mm);
            let line = Line { ends: [a, b], mm };
            if line.pixels() >= LEAST_LINE {
                state.line = Some(line);
                self.ruler.drawing = false;
            }
        }
    }

    /// That the photo is being looked at, in a corner of it.
    fn progress_ui(&self, ui: &mut Ui, scene: &Scene<'_>, path: &Path) {
        let running = self.queue.is_running(path);
        let waiting = !running && self.queue.state(path).is_none_or(|state| state.seen.is_none());
        let text = match scene.job {
            Some(job) if running => job.progress.and_then(|progress| progress.fraction()).map_or_else(
                || "Looking for cracks…".to_owned(),
                |part| format!("Looking for cracks… {:.0} %", 100.0 * part),
            ),
            Some(job) if waiting && !matches!(job.kind, Kind::Inspect | Kind::InspectOne) => {
                "Inspected once the running job has ended".to_owned()
            }
            _ => return,
        };
        let room = ui.min_rect();
        let rect =
            Rect::from_min_size(room.left_top() + vec2(space::S, space::S), vec2(room.width() / 2.0, theme::ROW));
        let mut child = ui.new_child(egui::UiBuilder::new().max_rect(rect));
        let frame = egui::Frame::new().fill(theme::palette(ui).raised).corner_radius(theme::CORNER).inner_margin(6);
        frame.show(&mut child, |ui| ui.label(theme::icon_text(icons::ICON_HOURGLASS_EMPTY, &text)));
    }

    fn error_ui(&mut self, ui: &mut Ui, error: &Error) {
        let again = |ui: &mut Ui| ui.button(theme::icon_text(icons::ICON_REFRESH, "Try again")).clicked();
        let text = [error.details().join("\n"), error.advice().unwrap_or_default().to_owned()];
        let text = text.iter().filter(|text| !text.is_empty()).cloned().collect::<Vec<_>>().join("\n");
        if empty::state(ui, icons::ICON_BROKEN_IMAGE, error.title(), &text, again) {
            self.queue.try_again();
            self.view.asked = None;
            self.asked = None;
        }
    }

    /// What is under the pointer, and what the colours mean.
    fn place_ui(&mut self, ui: &mut Ui, scene: &Scene<'_>, way: &Way) {
        let threshold = self.threshold(way);
        let hovered = self.view.hovered;
        let scale = self.view.photo.scale();
        let Some((_, state)) = self.queue.current() else { return };
        let told = state.seen.as_ref().filter(|_| self.pane == Pane::Corrections).and_then(|seen| {
            let cell = self.cursor.at(&seen.map.grid)?;
            Some(cells::told_of(seen, &state.paint, cell, threshold))
        });
        let text = hovered.map(|[x, y]| {
            let place = format!("x {} · y {}", format::count(x as u64), format::count(y as u64));
            let cell = state.seen.as_ref().and_then(|seen| Some((seen, seen.map.grid.cell_at(x as u32, y as u32)?)));
            cell.map_or(place.clone(), |(seen, cell)| {
                let p = seen.map.p(cell);
                let word = if p >= threshold { "cracked" } else { "intact" };
                format!("{place} · p {p:.3} · {word}")
            })
        });
        let mapped = state.seen.is_some() && !self.view.hide_map;
        ui.horizontal(|ui| {
            ui.set_min_height(theme::ROW);
            if !self.view.photo.is_empty() {
                ui.label(theme::quiet(ui, format!("{:.0} %", 100.0 * scale)));
            }
            if let Some(text) = told.or(text) {
                ui.label(text);
            }
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                if mapped {
                    legend_ui(ui, scene.settings.inspect.look.colours);
                }
            });
        });
    }
}

fn hint(ui: &Ui, words: &str, place: Place, act: Act) -> String {
    shortcuts::hint(ui.ctx(), words, place, act)
}

/// All that lies over the photo but what the pointer does.
fn over_ui(
    painter: &egui::Painter,
    placed: &Placed,
    state: &PhotoState,
    (texture, look, threshold, chosen): (Option<egui::TextureId>, &HeatLook, f32, Option<usize>),
    corrects: bool,
) {
    let Some(seen) = &state.seen else { return };
    let grid = &seen.map.grid;
    if let Some(texture) = texture {
        overlay::heat(painter, placed, grid, texture);
        if look.cells {
            overlay::cells(painter, placed, grid);
        }
        // Those of another threshold would contradict the map while they are made anew.
        if seen.found && (seen.findings.threshold - threshold).abs() < 0.1 {
            if look.boxes {
                overlay::left_out(painter, placed, &seen.findings);
                overlay::boxes(painter, placed, &seen.findings);
            }
            if look.lines {
                overlay::lines(painter, placed, &seen.findings, chosen);
            }
        }
    }
    if corrects {
        overlay::painted(painter, placed, grid, &state.paint);
    }
}

/// From 0 to 1 in the map's colours.
fn legend_ui(ui: &mut Ui, colours: Colours) {
    const STEPS: u8 = 32;
    ui.label(theme::quiet(ui, "p 1").size(theme::SMALL));
    let (bar, response) = ui.allocate_exact_size(vec2(96.0, 8.0), Sense::hover());
    let width = bar.width() / f32::from(STEPS);
    for i in 0..STEPS {
        let left = bar.left() + f32::from(i) * width;
        let step = Rect::from_min_size(pos2(left, bar.top()), vec2(width + 0.5, bar.height()));
        ui.painter().rect_filled(step, 0.0, colours.at(f32::from(i) / f32::from(STEPS - 1)));
    }
    response.on_hover_text(
        "The probability that the window around a cell is cracked. The less it is, the more of the photo shows",
    );
    ui.label(theme::quiet(ui, "p 0").size(theme::SMALL));
}
