//! What a part of the network makes of a photo.

use std::path::{Path, PathBuf};
use std::time::Duration;

use egui::{ColorImage, Label, Rect, Role, Sense, TextureHandle, TextureOptions, Ui, WidgetInfo, pos2, vec2};

use super::Request;
use super::pictures::{self, Scaled};
use crate::app::scene::Scene;
use crate::app::theme::{self, icons, space};
use crate::app::widgets::{empty, form};
use crate::app::worker::inspect::{MapsOf, Seen};
use crate::error::{Error, Result};
use crate::export::sheets::Scale;
use crate::format;
use crate::nn::summary::Summary;

/// Side of the photo where there is room, in points.
const PHOTO: f32 = 168.0;
/// Side of a map, in points.
const SIDE: f32 = 72.0;
/// For so many seconds the maps before stand in for those that are being computed, so that nothing flickers.
const STAND_IN: f64 = 0.25;

/// The maps that are shown, and those that were asked for.
#[derive(Default)]
pub(super) struct MapsView {
    /// A photo from elsewhere.
    chosen: Option<PathBuf>,
    asked: Option<Asked>,
    shown: Option<Shown>,
    /// The first channel of the page.
    first: usize,
}

struct Asked {
    of: MapsOf,
    /// In the window's time.
    at: f64,
    /// Why there are none.
    error: Option<Error>,
}

struct Shown {
    of: MapsOf,
    /// The photo as the network takes it, and its texture once it was painted.
    photo: (ColorImage, Option<TextureHandle>),
    maps: Scaled,
    /// The lowest and the highest value of each.
    ranges: Vec<[f32; 2]>,
}

impl MapsView {
    pub(super) fn arrived(&mut self, of: &MapsOf, result: Result<Seen>) {
        let Some(asked) = self.asked.as_mut().filter(|asked| asked.of == *of) else { return };
        match result {
            Ok(seen) => {
                if self.shown.as_ref().is_none_or(|shown| shown.of.blocks != of.blocks || shown.of.model != of.model) {
                    self.first = 0;
                }
                let Seen { photo, maps, ranges } = seen;
                self.shown = Some(Shown { of: of.clone(), photo: (photo, None), maps: Scaled::new(maps), ranges });
            }
            Err(error) => asked.error = Some(error),
        }
    }

    /// Maps of this model are no longer those of its file.
    pub(super) fn forget(&mut self, model: &Path) {
        self.asked.take_if(|asked| asked.of.model == model);
        self.shown.take_if(|shown| shown.of.model == model);
    }

    /// Looks at a photo from elsewhere.
    pub(super) fn look_at(&mut self, photo: PathBuf) {
        self.chosen = Some(photo);
    }

    /// Shows the maps after part `part`, of the photo that is selected in Browse unless another was chosen.
    pub(super) fn ui(
        &mut self,
        ui: &mut Ui,
        scene: &mut Scene<'_>,
        (model, summary): (&Path, &Summary),
        (part, scale): (usize, Scale),
    ) {
        let photo = self.chosen.clone().or_else(|| {
            let item = scene.session.item(scene.selected?)?;
            Some(item.sample.path.clone())
        });
        let Some(photo) = photo else {
            let text = "Open a folder and select a photo in Browse, or choose one here.";
            let choose = |ui: &mut Ui| form::primary(ui, true, "Choose a photo…").clicked();
            if empty::state(ui, icons::ICON_IMAGE, "No photo to look at", text, choose) {
                scene.commands.push(Request::ChoosePhoto.into());
            }
            return;
        };
        let Some(blocks) = summary.blocks_through(part) else {
            let text = "Feature maps come out of the stem and of the blocks: select one of them.";
            empty::note(ui, icons::ICON_IMAGE, text);
            return;
        };
        let of = MapsOf { model: model.to_owned(), photo, blocks };
        self.ask(ui, scene, &of);
        let name = summary.parts.get(part).map_or("", |part| part.name.as_str());
        // Below the photo stand its name and the way to others.
        let side = (ui.available_height() - 2.0 * theme::ROW - space::L).clamp(64.0, PHOTO);
        ui.horizontal_top(|ui| {
            ui.allocate_ui(vec2(PHOTO, ui.available_height()), |ui| self.photo_ui(ui, scene, &of.photo, side));
            ui.add_space(space::S);
            ui.vertical(|ui| self.maps_ui(ui, name, scale));
        });
    }

    fn ask(&mut self, ui: &Ui, scene: &mut Scene<'_>, of: &MapsOf) {
        if self.asked.as_ref().is_none_or(|asked| asked.of != *of) {
            scene.commands.push(Request::Maps(of.clone()).into());
            let at = ui.input(|input| input.time);
            self.asked = Some(Asked { of: of.clone(), at, error: None });
            ui.ctx().request_repaint_after(Duration::from_secs_f64(STAND_IN));
        }
    }

    /// The photo as the network takes it, its name, and the way to others.
    fn photo_ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>, photo: &Path, side: f32) {
        ui.vertical(|ui| {
            let (rect, response) = ui.allocate_exact_size(vec2(side, side), Sense::hover());
            ui.painter().rect_filled(rect, f32::from(theme::CORNER), theme::palette(ui).window);
            if let Some(shown) = self.shown.as_mut().filter(|shown| shown.of.photo == photo) {
                let (picture, texture) = &mut shown.photo;
                let load = || ui.ctx().load_texture("photo", picture.clone(), TextureOptions::LINEAR);
                let texture = texture.get_or_insert_with(load).id();
                let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
                ui.painter().image(texture, rect, whole, egui::Color32::WHITE);
            }
            let name = photo.file_name().map_or_else(|| photo.display().to_string(), |n| n.to_string_lossy().into());
            response.widget_info(|| WidgetInfo::labeled(Role::Image, true, format!("Photo {name}")));
            response.on_hover_text("As the network takes it: 224 × 224");
            ui.add(Label::new(theme::quiet(ui, name)).truncate()).on_hover_text(photo.display().to_string());
            ui.horizontal(|ui| {
                ui.spacing_mut().item_spacing.x = space::XS;
                for (icon, name, step) in
                    [(icons::ICON_CHEVRON_LEFT, "Photo before", -1), (icons::ICON_CHEVRON_RIGHT, "Next photo", 1)]
                {
                    let open = !scene.session.is_empty();
                    if ui.add_enabled_ui(open, |ui| form::icon_button(ui, icon, name)).inner.clicked() {
                        // From a photo from elsewhere the way leads back to the one in Browse.
                        let step = if self.chosen.take().is_some() { 0 } else { step };
                        scene.commands.push(Request::StepPhoto(step).into());
                    }
                }
                if ui.button("Choose…").on_hover_text("A photo from elsewhere").clicked() {
                    scene.commands.push(Request::ChoosePhoto.into());
                }
            });
        });
    }

    fn maps_ui(&mut self, ui: &mut Ui, part: &str, scale: Scale) {
        let Some(asked) = &self.asked else { return };
        if let Some(error) = &asked.error {
            let again = |ui: &mut Ui| ui.button(theme::icon_text(icons::ICON_REFRESH, "Try again")).clicked();
            if empty::state(ui, icons::ICON_BROKEN_IMAGE, error.title(), &error.details().join("\n"), again) {
                self.asked = None;
            }
            return;
        }
        let waits = ui.input(|input| input.time) - asked.at > STAND_IN;
        let Some(shown) = self.shown.as_mut().filter(|shown| shown.of == asked.of || !waits) else {
            if waits {
                empty::note(ui, icons::ICON_HOURGLASS_EMPTY, "Computing feature maps…");
            }
            return;
        };
        let count = shown.maps.count();
        let rows = ((ui.available_height() - theme::ROW - space::S) / (SIDE + space::XS)) as usize;
        let page = (pictures::columns(ui.available_width(), SIDE) * rows.max(1)).max(1);
        self.first = self.first.min(count.saturating_sub(1)) / page * page;
        let range = self.first..count.min(self.first + page);
        ui.horizontal(|ui| {
            ui.set_min_height(theme::ROW);
            let number = |n: usize| format::count(n as u64);
            let text =
                format!("{part}: maps {} to {} of {}", number(range.start + 1), number(range.end), number(count));
            ui.label(text);
            if page < count {
                ui.add_enabled_ui(range.start > 0, |ui| {
                    if form::icon_button(ui, icons::ICON_CHEVRON_LEFT, "Maps before").clicked() {
                        self.first = self.first.saturating_sub(page);
                    }
                });
                ui.add_enabled_ui(range.end < count, |ui| {
                    if form::icon_button(ui, icons::ICON_CHEVRON_RIGHT, "More maps").clicked() {
                        self.first += page;
                    }
                });
            }
        });
        let ranges = &shown.ranges;
        shown.maps.with(scale).ui(ui, range, SIDE, "Map", |index| {
            ranges.get(index).map_or_else(String::new, |[low, high]| format!("values from {low:.3} to {high:.3}"))
        });
    }
}
