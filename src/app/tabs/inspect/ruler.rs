//! How pixels become millimetres.

use egui::{DragValue, Ui};

use super::queue::{Queue, SeenPhoto};
use super::small;
use crate::app::widgets::form::{self, choices};
use crate::error::Result;
use crate::inspect::Scale;

/// A line on a photo whose length the user knows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Line {
    /// In pixels of the photo.
    pub(super) ends: [[f32; 2]; 2],
    pub(super) mm: f64,
}

/// Where millimetres are from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum By {
    #[default]
    Nothing,
    Number,
    Line,
    Distance,
}

const BY: [(By, &str, &str); 4] = [
    (By::Nothing, "none", "Lengths in pixels alone"),
    (By::Number, "px/mm", "Pixels to a millimetre, as you know them, for all photos"),
    (By::Line, "line", "A line drawn on the photo over something whose length you know"),
    (By::Distance, "distance", "Distance of the surface, and the lens that the camera noted"),
];

/// The choice.
pub(super) struct RulerForm {
    by: By,
    pixels_per_mm: f64,
    metres: f64,
    /// Whether the next drag on the photo draws the line.
    pub(super) drawing: bool,
    /// Where that drag began.
    pub(super) begun: Option<[f32; 2]>,
}

impl Default for RulerForm {
    fn default() -> Self {
        Self { by: By::Nothing, pixels_per_mm: 5.0, metres: 2.0, drawing: false, begun: None }
    }
}

impl Line {
    pub(super) fn pixels(&self) -> f64 {
        let [a, b] = self.ends;
        f64::from((a[0] - b[0]).hypot(a[1] - b[1]))
    }
}

impl RulerForm {
    /// The scale of a photo.
    pub(super) fn scale(&self, line: Option<&Line>, seen: &SeenPhoto) -> Result<Option<Scale>> {
        let grid = seen.map.grid;
        match self.by {
            By::Nothing => Ok(None),
            By::Number => Scale::given(self.pixels_per_mm).map(Some),
            By::Line => line.map(|line| Scale::from_reference(line.pixels(), line.mm)).transpose(),
            By::Distance => Scale::from_distance(self.metres, seen.lens, (grid.width, grid.height)).map(Some),
        }
    }

    /// Whether lengths are wanted in millimetres.
    pub(super) fn is_wanted(&self) -> bool {
        self.by != By::Nothing
    }

    pub(super) fn draws(&self) -> bool {
        self.by == By::Line && self.drawing
    }

    /// Whether lines on photos are to be seen.
    pub(super) fn shows_lines(&self) -> bool {
        self.by == By::Line
    }

    pub(super) fn ui(&mut self, ui: &mut Ui, queue: &mut Queue) {
        ui.horizontal_wrapped(|ui| choices(ui, &mut self.by, &BY));
        match self.by {
            By::Nothing => {}
            By::Number => {
                form::row(ui, "Pixels/mm", "Pixels of the photo to a millimetre of the surface", |ui| {
                    form::number(ui, DragValue::new(&mut self.pixels_per_mm).range(0.001..=1000.0).speed(0.02));
                });
            }
            By::Distance => {
                form::row(ui, "Distance", "From the camera to the surface", |ui| {
                    form::number(ui, DragValue::new(&mut self.metres).range(0.01..=1000.0).speed(0.01).suffix(" m"));
                });
            }
            By::Line => self.line_ui(ui, queue),
        }
        let Some((_, state)) = queue.current() else { return };
        let Some(seen) = &state.seen else { return };
        match self.scale(state.line.as_ref(), seen) {
            Ok(Some(scale)) => small(ui, format!("{:.3} pixels to a millimetre.", scale.pixels_per_mm)),
            Ok(None) => {}
            Err(error) => small(ui, format!("No millimetres: {}.", error.title())),
        }
    }

    fn line_ui(&mut self, ui: &mut Ui, queue: &mut Queue) {
        let Some(state) = queue.current_mut() else { return };
        if self.drawing {
            small(ui, "Drag on the photo, from one end of what you know the length of to the other.");
            if ui.button("Stop drawing").clicked() {
                (self.drawing, self.begun) = (false, None);
            }
            return;
        }
        let Some(line) = &mut state.line else {
            if ui.button("Draw a line…").clicked() {
                self.drawing = true;
            }
            return;
        };
        form::row(ui, "Its length", "What the line on the photo measures on the surface", |ui| {
            form::number(ui, DragValue::new(&mut line.mm).range(0.1..=1e6).speed(1.0).suffix(" mm"));
        });
        let pixels_per_mm = line.pixels() / line.mm;
        ui.horizontal_wrapped(|ui| {
            if ui.button("Draw anew").clicked() {
                self.drawing = true;
            }
            let all = ui.button("Use for all photos");
            if all.on_hover_text("Where all were taken from the same distance, by the same camera").clicked() {
                (self.by, self.pixels_per_mm) = (By::Number, pixels_per_mm);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::app::tabs::inspect::queue::Way;
    use crate::app::worker::inspection::ModelOf;
    use crate::inspect::{Findings, Grid, HeatMap, Settings};
    use crate::photo::exif::Lens;

    #[test]
    fn each_way_gives_its_scale() {
        let grid = Grid::of(4000, 3000);
        let findings = Findings {
            threshold: 0.5,
            cracked: vec![false; grid.len()],
            regions: Vec::new(),
            cracks: Vec::new(),
            left_out: Vec::new(),
        };
        let model = ModelOf { path: "bundled".into(), head: None };
        let mut seen = SeenPhoto {
            map: Arc::new(HeatMap { grid, logits: vec![0.0; grid.len()] }),
            findings: Arc::new(findings),
            found: true,
            way: Way { model, settings: Settings::default() },
            lens: None,
            seconds: 1.0,
            look_seconds: 1.0,
        };
        let line = Line { ends: [[0.0, 0.0], [300.0, 400.0]], mm: 100.0 };
        let mut form = RulerForm::default();
        let scale =
            |form: &RulerForm, seen: &SeenPhoto| form.scale(Some(&line), seen).map(|s| s.map(|s| s.pixels_per_mm));
        assert_eq!(scale(&form, &seen), Ok(None));
        form.by = By::Number;
        assert_eq!(scale(&form, &seen), Ok(Some(5.0)));
        form.by = By::Line;
        assert_eq!(scale(&form, &seen), Ok(Some(5.0)));
        assert_eq!(form.scale(None, &seen), Ok(None));
        form.by = By::Distance;
        assert!(scale(&form, &seen).is_err(), "the camera noted no lens");
        seen.lens = Some(Lens::Film { focal_mm: 26.0 });
        assert!((scale(&form, &seen).unwrap().unwrap() - 5000.0 / 3328.46).abs() < 1e-3);
    }
}
