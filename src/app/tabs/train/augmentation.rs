//! What the present settings of augmentation make of one photo: the photo and some of its variants, as the network
//! would see them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use egui::{
    Align, Button, CentralPanel, Color32, ColorImage, Context, CornerRadius, Frame, Image, Label, Layout, Rect, Role,
    ScrollArea, Sense, TextureHandle, TextureOptions, Ui, Vec2, WidgetInfo, vec2,
};

use crate::app::command::Command;
use crate::app::scene::{Kind, Scene};
use crate::app::theme::{self, icons, space};
use crate::app::widgets::{empty, form};
use crate::app::worker::asks::VaryOrder;
use crate::dataset::{Dataset, Sample};
use crate::error::Result;
use crate::photo::augment::Augmentation;
use crate::train::augment::Variants;
use crate::train::config::{TrainConfig, Tune};

/// Variants that are shown beside the photo itself.
const SHOWN: u32 = 11;
/// Smallest and largest side of a cell in points.
const SIDES: [f32; 2] = [96.0, 336.0];
/// Height of the words below a picture.
const CAPTION: f32 = 20.0;

/// For so many seconds the photo before stands in for one that is being varied, so that nothing flickers.
const STAND_IN: f64 = 0.25;

/// The view's state.
#[derive(Default)]
pub(super) struct Preview {
    dataset: Option<Arc<Dataset>>,
    /// What was selected in Browse when this view last took it over.
    followed: Option<usize>,
    /// The photo that is shown: an index into the data set.
    photo: Option<usize>,
    /// How often the variants were drawn again.
    draw: u64,
    /// What the worker is at. There is one such order at a time, so that a slider that is dragged does not pile them up.
    asked: Option<VaryOrder>,
    /// Since when, in the window's time, this photo is the one to be shown.
    since: Option<(PathBuf, f64)>,
    shown: Option<Shown>,
}

/// What the worker answered last.
struct Shown {
    order: VaryOrder,
    pictures: Result<Vec<TextureHandle>>,
}

impl Preview {
    /// Variants that were asked for are there, or cannot be.
    pub(super) fn arrived(&mut self, ctx: &Context, order: VaryOrder, result: Result<Vec<ColorImage>>) {
        let load = |picture: ColorImage| ctx.load_texture("variant", picture, TextureOptions::LINEAR);
        let pictures = result.map(|pictures| pictures.into_iter().map(load).collect());
        self.asked = None;
        self.shown = Some(Shown { order, pictures });
    }

    /// Shows the view in all the room there is.
    pub(super) fn ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        let ground = Frame::new().fill(theme::palette(ui).window).inner_margin(theme::panel_margin());
        CentralPanel::default().frame(ground).show(ui, |ui| {
            self.follow(scene);
            let Some(dataset) = scene.session.dataset.as_ref().filter(|dataset| !dataset.samples.is_empty()) else {
                return nothing_open_ui(ui, scene.commands);
            };
            let Some((index, sample)) = self.photo.and_then(|index| Some((index, dataset.samples.get(index)?))) else {
                let text = "Only labelled photos are learnt from, and only what is learnt from is augmented.";
                return empty::state(ui, icons::ICON_IMAGE, "These photos carry no labels", text, |_| {});
            };
            let off = scene.settings.train.augment.is_off();
            self.bar_ui(ui, dataset, (index, sample), off);
            self.ask(&scene.settings.train, sample, scene.commands);
            let waits = self.waits(ui, sample);
            self.pictures_ui(ui, scene, &sample.path, waits);
        });
    }

    /// Takes over what is selected in Browse when that changes.
    fn follow(&mut self, scene: &Scene<'_>) {
        let same = match (&self.dataset, &scene.session.dataset) {
            (Some(old), Some(new)) => Arc::ptr_eq(old, new),
            (old, new) => old.is_none() && new.is_none(),
        };
        if same && self.followed == scene.selected {
            return;
        }
        self.dataset.clone_from(&scene.session.dataset);
        self.followed = scene.selected;
        self.photo = self.dataset.as_ref().and_then(|dataset| {
            let from = scene.selected.unwrap_or(0);
            let labelled = |index: &usize| is_labelled(dataset, *index);
            Some(from).filter(labelled).or_else(|| neighbour(dataset, from, true))
        });
    }

    /// Which photo it is, and what can be done.
    fn bar_ui(&mut self, ui: &mut Ui, dataset: &Dataset, (index, sample): (usize, &Sample), off: bool) {
        ui.horizontal(|ui| {
            ui.set_min_height(theme::ROW);
            for (icon, name, forwards) in [
                (icons::ICON_CHEVRON_LEFT, "Labelled photo before", false),
                (icons::ICON_CHEVRON_RIGHT, "Next labelled photo", true),
            ] {
                if form::icon_button(ui, icon, name).clicked() {
                    self.photo = neighbour(dataset, index, forwards).or(Some(index));
                }
            }
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                let again = Button::new(theme::icon_text(icons::ICON_REFRESH, "Draw again"));
                let again = ui.add_enabled(!off, again).on_disabled_hover_text("Augmentation is off");
                if again.on_hover_text("Other variants of the same strength").clicked() {
                    self.draw += 1;
                }
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                    if let Some(class) = sample.label {
                        ui.label(theme::class_text(ui, class));
                    }
                    ui.add(Label::new(theme::strong(&sample.file)).truncate());
                });
            });
        });
    }

    /// Asks for what is wanted now, unless it is shown or an answer is still to come.
    fn ask(&mut self, config: &TrainConfig, sample: &Sample, commands: &mut Vec<Command>) {
        let augment = &config.augment;
        let variants = Variants { variation: augment.variation, seed: config.seed.wrapping_add(self.draw) };
        let count = if augment.is_off() { 0 } else { SHOWN };
        let wanted = VaryOrder { photo: sample.path.clone(), variants, count };
        let is_shown = self.shown.as_ref().is_some_and(|shown| shown.order == wanted);
        if !is_shown && self.asked.is_none() {
            self.asked = Some(wanted.clone());
            commands.push(Command::Vary(wanted));
        }
    }

    /// Whether this photo has been waited for so long that nothing may stand in for it any more.
    fn waits(&mut self, ui: &Ui, sample: &Sample) -> bool {
        let now = ui.input(|input| input.time);
        self.since.take_if(|(photo, _)| *photo != sample.path);
        let (_, since) = self.since.get_or_insert_with(|| {
            ui.ctx().request_repaint_after(Duration::from_secs_f64(STAND_IN));
            (sample.path.clone(), now)
        });
        now - *since >= STAND_IN
    }

    /// What training would make of `photo`. Another one's pictures stand in for a moment, but not its trouble.
    fn pictures_ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>, photo: &Path, waits: bool) {
        let shown = self.shown.as_ref().filter(|shown| shown.order.photo == photo || !waits && shown.pictures.is_ok());
        let pictures = match shown.map(|shown| &shown.pictures) {
            Some(Ok(pictures)) => pictures,
            Some(Err(error)) => {
                let (title, reason) = ("This photo cannot be read", error.reason());
                return empty::state(ui, icons::ICON_BROKEN_IMAGE, title, &reason, |_| {});
            }
            None if waits => return empty::note(ui, icons::ICON_HOURGLASS_EMPTY, "Varying the photo…"),
            None => return,
        };
        let config = &mut scene.settings.train;
        ui.add(Label::new(theme::quiet(ui, explanation(config, self.draw))).wrap());
        if config.augment.is_off() {
            let training = scene.job.is_some_and(|job| job.kind == Kind::Train);
            if ui.add_enabled(!training, Button::new("Use light augmentation")).clicked() {
                config.augment.variation = Augmentation::light();
            }
        }
        ui.add_space(space::S);
        let used = if self.draw > 0 { 0 } else { used(config) };
        grid_ui(ui, pictures, used);
    }
}

/// The variants that training uses, where they are the first.
fn used(config: &TrainConfig) -> usize {
    let epochs = u32::try_from(config.epochs).unwrap_or(u32::MAX);
    (if config.tune == Tune::All { epochs } else { config.augment.computed_ahead(config.tune) }) as usize
}

fn is_labelled(dataset: &Dataset, index: usize) -> bool {
    dataset.samples.get(index).is_some_and(|sample| sample.label.is_some())
}

/// The labelled photo after `index`, or before it, round from the end to the beginning.
fn neighbour(dataset: &Dataset, index: usize, forwards: bool) -> Option<usize> {
    let count = dataset.samples.len();
    let place = |step: usize| if forwards { (index + step) % count } else { (index + count - step) % count };
    (1..=count).map(place).find(|&index| is_labelled(dataset, index))
}

/// What stands above the pictures.
fn explanation(config: &TrainConfig, draw: u64) -> String {
    let augment = &config.augment;
    let validation = "Validation photos stay as they are.";
    match (augment.is_off(), draw, config.tune) {
        (true, ..) => "Augmentation is off: the network learns from each photo as it is.".to_owned(),
        (_, 1.., _) => format!("Drawn with another seed than training uses. {validation}"),
        (_, _, Tune::All) => {
            format!("Every epoch draws another variant of each photo: the first epoch variant 1. {validation}")
        }
        _ => match augment.variants {
            1 => format!("Training learns from the photo itself and variant 1. {validation}"),
            k => format!("Training learns from the photo itself and variants 1 to {k}. {validation}"),
        },
    }
}

/// The photo and its variants in cells as large as there is room for; the first `used` variants are marked.
fn grid_ui(ui: &mut Ui, pictures: &[TextureHandle], used: usize) {
    let (columns, side) = cells(ui.available_size(), pictures.len());
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        ui.spacing_mut().item_spacing = Vec2::splat(space::S);
        for (row, pictures) in pictures.chunks(columns).enumerate() {
            ui.horizontal(|ui| {
                for (column, picture) in pictures.iter().enumerate() {
                    cell_ui(ui, picture, side, row * columns + column, used);
                }
            });
        }
    });
}

fn cell_ui(ui: &mut Ui, picture: &TextureHandle, side: f32, number: usize, used: usize) {
    let (rect, response) = ui.allocate_exact_size(vec2(side, side + CAPTION), Sense::hover());
    let image = Rect::from_min_size(rect.min, Vec2::splat(side));
    let rounded = CornerRadius::same(theme::CORNER);
    Image::new(picture).corner_radius(rounded).tint(Color32::WHITE).paint_at(ui, image);
    let name = if number == 0 { "The photo itself".to_owned() } else { format!("Variant {number}") };
    let colours = theme::palette(ui);
    let colour = if number <= used { colours.text } else { colours.quiet };
    let below = rect.with_min_y(image.bottom());
    let font = egui::FontId::proportional(theme::SMALL);
    let marked = (1..=used).contains(&number);
    let caption = if marked { theme::icon_text(icons::ICON_CHECK, &name) } else { name.clone() };
    ui.painter().text(below.center(), egui::Align2::CENTER_CENTER, caption, font, colour);
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, &name));
    let hint = match number {
        0 => "As the network takes it: 224 × 224 pixels",
        _ if marked => "Training uses this one",
        _ => "A further example of what these settings do",
    };
    ui.ctx().accesskit_node_builder(response.id, |node| node.set_description(hint));
    response.on_hover_text(hint);
}

/// How many cells to put side by side so that they are as large as they can be, and their side.
fn cells(room: Vec2, count: usize) -> (usize, f32) {
    let side = |columns: usize| {
        let rows = count.div_ceil(columns) as f32;
        let columns = columns as f32;
        let width = (room.x - space::S * (columns - 1.0)) / columns;
        let height = (room.y - space::S * rows) / rows - CAPTION;
        width.min(height)
    };
    // Of several that are as good, the last of these has the fewest columns, and the fullest rows.
    let best = (1..=count.max(1)).rev().max_by(|a, b| side(*a).total_cmp(&side(*b))).unwrap_or(1);
    let [least, most] = SIDES;
    let fits = side(best).floor();
    if fits >= least {
        return (best, fits.min(most));
    }
    // Too low a window: cells of the smallest size, to be scrolled through.
    let columns = ((room.x + space::S) / (least + space::S)) as usize;
    (columns.max(1), least)
}

fn nothing_open_ui(ui: &mut Ui, commands: &mut Vec<Command>) {
    let text = "Open a folder of labelled photos to see what augmentation makes of them.";
    let open = |ui: &mut Ui| form::primary(ui, true, "Open folder…").clicked();
    if empty::state(ui, icons::ICON_PHOTO_LIBRARY, "No photos are open", text, open) {
        commands.push(Command::OpenFolderDialog);
    }
}

#[cfg(test)]
mod tests;
