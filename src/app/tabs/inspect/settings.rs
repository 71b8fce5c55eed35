//! How photos are looked at, and what is drawn over them.

use egui::{ComboBox, ScrollArea, Ui};
use serde::{Deserialize, Serialize};

use super::overlay::HeatLook;
use super::queue::Way;
use super::{InspectTab, small};
use crate::app::scene::{Kind, Scene};
use crate::app::theme::{self, space};
use crate::app::widgets::form::{self, choices, primary};
use crate::inspect::{self, Join, Method};

/// What the window remembers of the tab.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Remembered {
    /// How photos are looked at.
    pub settings: inspect::Settings,
    /// What is drawn over them.
    pub look: HeatLook,
}

const METHODS: [(Method, &str, &str); 2] = [
    (Method::Pass, "One pass", "The whole photo goes through the network at once: several times faster"),
    (Method::Tiles, "Tiles", "Squares of 227 pixels, each as a photo of its own, as a classifier of crops sees them"),
];

const JOINS: [(Join, &str, &str); 2] = [
    (Join::Mean, "mean", "The mean of the scales: where they agree"),
    (Join::Max, "highest", "What any scale sees: finds more, and more that is none"),
];

const SCALES_FROM: [(bool, &str, &str); 2] = [
    (false, "by size", "Three scales that suit the photo's size"),
    (true, "chosen", "Those that you choose, for photos of any size"),
];

/// What is chosen first where scales are chosen.
const FIRST: [f32; 3] = [0.5, 1.0, 2.0];

/// Scales, with what they are for.
const SCALES: [(f32, &str, &str); 4] = [
    (0.25, "¼", "The photo at a quarter of its size: cracks of 20 pixels and more"),
    (0.5, "½", "The photo at half its size: cracks of 10 to 40 pixels, and a quarter of the time"),
    (1.0, "1", "The photo as it is: what the network was trained on"),
    (2.0, "2", "The photo at twice its size: cracks of a pixel or two, and four times the time"),
];

/// Windows, in cells on a side.
const WINDOWS: [(usize, &str); 4] = [
    (1, "Each cell by itself: sharpest"),
    (3, "3 × 3 cells, 96 pixels"),
    (5, "5 × 5 cells, 160 pixels"),
    (7, "7 × 7 cells, 224 pixels: as in training"),
];

impl Remembered {
    /// Settings that make sense.
    pub fn within_bounds(mut self) -> Self {
        if self.settings.validate().is_err() {
            self.settings = inspect::Settings::default();
        }
        self.settings.keep_features = false; // the worker's affair
        self.look.opacity = if self.look.opacity.is_finite() { self.look.opacity.clamp(0.0, 1.0) } else { 0.6 };
        self
    }
}

impl InspectTab {
    pub(super) fn settings_ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>, way: &Way) {
        ScrollArea::vertical().id_salt("inspect settings").auto_shrink(false).show(ui, |ui| {
            ui.label(theme::section("How photos are looked at"));
            settings_form(ui, &mut scene.settings.inspect.settings);
            self.again_ui(ui, scene, way);
            ui.add_space(space::M);
            ui.label(theme::section("Over the photo"));
            look_form(ui, &mut scene.settings.inspect.look);
        });
    }

    /// The button that has the photo looked at in the way that was chosen since.
    fn again_ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>, way: &Way) {
        let Some((path, state)) = self.queue.current() else { return };
        let path = path.clone();
        if state.seen.as_ref().is_none_or(|seen| seen.is_of(way)) {
            return;
        }
        ui.add_space(space::XS);
        small(ui, "This photo was inspected in another way.");
        let free = scene.job.is_none_or(|job| job.kind == Kind::InspectOne);
        if primary(ui, free, "Inspect again").clicked() {
            self.run(scene, vec![path], way, true);
        }
    }
}

fn settings_form(ui: &mut Ui, settings: &mut inspect::Settings) {
    form::row(ui, "Method", "How the map comes about", |ui| choices(ui, &mut settings.method, &METHODS));
    if settings.method == Method::Pass {
        form::row(ui, "Scales", "Sizes at which a photo goes through the network", |ui| {
            let mut chosen = !settings.scales.is_empty();
            if choices(ui, &mut chosen, &SCALES_FROM) {
                settings.scales = if chosen { FIRST.to_vec() } else { Vec::new() };
            }
        });
        if !settings.scales.is_empty() {
            form::row(ui, "Sizes", "Each goes through the network", |ui| scales_ui(ui, settings));
        }
        if settings.scales.len() != 1 {
            form::row(ui, "Joined", "How several scales become one map", |ui| choices(ui, &mut settings.join, &JOINS));
        }
    }
    form::row(ui, "Window", "What a cell's probability is of: the mean over the window around it", |ui| {
        let name = |window: usize| format!("{window} × {window} cells");
        form::combo(ui, ComboBox::from_id_salt("window").selected_text(name(settings.window)), |ui| {
            for (window, hint) in WINDOWS {
                ui.selectable_value(&mut settings.window, window, name(window)).on_hover_text(hint);
            }
        });
    });
    ui.checkbox(&mut settings.leave_out.joints, "Leave out joints")
        .on_hover_text("What is straight and goes on so; a crack that is as straight goes with them");
    ui.checkbox(&mut settings.leave_out.rims, "Leave out rims")
        .on_hover_text("What is dark against one side only: rims of markings, edges of shadows");
}

fn scales_ui(ui: &mut Ui, settings: &mut inspect::Settings) {
    ui.spacing_mut().item_spacing.x = space::XS;
    for (scale, name, hint) in SCALES {
        let mut on = settings.scales.contains(&scale);
        let button = ui.checkbox(&mut on, name).on_hover_text(hint);
        if button.changed() {
            settings.scales.retain(|other| *other != scale);
            if on {
                settings.scales.push(scale);
            }
            settings.scales.sort_by(f32::total_cmp);
        }
    }
}

fn look_form(ui: &mut Ui, look: &mut HeatLook) {
    form::row(ui, "Colours", "Both can be read by whoever sees red and green as one", |ui| {
        choices(ui, &mut look.colours, &super::overlay::COLOURS);
    });
    ui.checkbox(&mut look.boxes, "Boxes around regions");
    ui.checkbox(&mut look.lines, "Lines along cracks");
    ui.checkbox(&mut look.cells, "Cells, when magnified").on_hover_text("Each is 32 × 32 pixels of the photo");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_make_no_sense_are_put_right() {
        let mut remembered = Remembered::default();
        remembered.settings.scales = vec![900.0];
        remembered.look.opacity = f32::NAN;
        let right = remembered.within_bounds();
        assert_eq!((right.settings, right.look.opacity), (inspect::Settings::default(), 0.6));
    }
}
