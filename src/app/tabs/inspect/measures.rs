//! What was found on the photo that is shown, what it measures, and what that is worth.

use egui::{CollapsingHeader, ScrollArea, Ui};

use super::strip::percent;
use super::{InspectTab, cracks, small};
use crate::app::theme::{self, icons, space};
use crate::app::widgets::{empty, form};
use crate::format;
use crate::inspect::Findings;
use crate::inspect::measure::LIMITS;

/// Width of a figure.
const FIGURE: f32 = 124.0;
/// The least height of the list of cracks.
const LEAST_LIST: f32 = 4.0 * theme::ROW;
/// About the height of all else in the pane.
const BESIDE_LIST: f32 = 340.0;

impl InspectTab {
    pub(super) fn measures_ui(&mut self, ui: &mut Ui) {
        let Some((_, state)) = self.queue.current() else { return };
        let Some(seen) = &state.seen else {
            let text = if state.error.is_some() { "This photo cannot be inspected" } else { "Not inspected yet" };
            empty::note(ui, icons::ICON_IMAGE_SEARCH, text);
            return;
        };
        let scale = self.ruler.scale(state.line.as_ref(), seen).ok().flatten();
        let Some(measures) = self.cracks.measure(seen, scale).cloned() else { return };
        let (left_out, seconds) = (left_out(&seen.findings), seen.seconds);
        let megapixels = f64::from(seen.map.grid.width) * f64::from(seen.map.grid.height) / 1e6;
        let height = (ui.available_height() - BESIDE_LIST).max(LEAST_LIST);
        ScrollArea::vertical().id_salt("measures").auto_shrink(false).show(ui, |ui| {
            figures_ui(ui, &measures);
            if let Some(left_out) = left_out {
                small(ui, left_out);
            }
            let size = if megapixels < 0.1 { "Less than 0.1".to_owned() } else { format!("{megapixels:.1}") };
            small(ui, format!("{size} megapixels in {seconds:.1} s."));
            ui.add_space(space::S);
            ui.label(theme::section("Scale"));
            self.ruler.ui(ui, &mut self.queue);
            ui.add_space(space::S);
            ui.label(theme::section("Cracks, longest first"));
            if measures.cracked_cells == 0 {
                small(ui, "No cell counts as cracked at this threshold.");
            } else if measures.length_px == 0.0 {
                small(ui, "No line was found: nothing in the cracked cells is darker than what surrounds it.");
            }
            if let Some(part) = self.cracks.ui(ui, scale, height) {
                self.view.bring_into_view(part);
            }
            ui.add_space(space::XS);
            CollapsingHeader::new("What these figures are worth").show(ui, |ui| {
                LIMITS.iter().for_each(|limit| small(ui, *limit));
            });
        });
    }
}

/// What was left out, in words.
fn left_out(findings: &Findings) -> Option<String> {
    let [joints, rims] = findings.count_left_out();
    let parts = [
        (joints > 0).then(|| format::counted(joints, "joint", "joints")),
        (rims > 0).then(|| format::counted(rims, "rim", "rims")),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| format!("Left out: {}.", parts.join(" and ")))
}

fn figures_ui(ui: &mut Ui, measures: &crate::inspect::Measures) {
    let length = measures
        .length_mm
        .map_or_else(|| format!("{} px", format::count(measures.length_px.round() as u64)), cracks::mm);
    egui::Grid::new("measures").num_columns(2).min_col_width(FIGURE).spacing([space::L, space::XS]).show(ui, |ui| {
        form::figure(
            ui,
            &percent(measures.cracked_share),
            "of cells cracked",
            "A cell is 32 × 32 pixels; no share of area",
        );
        let hint = "Along the darkest line within cracked cells";
        form::figure(ui, &length, "of cracks", hint);
        ui.end_row();
        let regions = format::count(measures.regions as u64);
        form::figure(ui, &regions, "regions", "Cracked cells that touch");
        form::figure(ui, &format!("{:.2}", measures.p_max), "highest p", "The highest probability of a cell");
        ui.end_row();
    });
    if measures.length_mm.is_some() {
        small(ui, format!("{} px along the lines.", format::count(measures.length_px.round() as u64)));
    }
}
