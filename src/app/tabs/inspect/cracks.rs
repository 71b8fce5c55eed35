//! The cracks of the photo that is shown, the longest first, and what they measure together.

use std::sync::Arc;

use egui::{Button, Rect, ScrollArea, Ui, pos2, vec2};

use super::queue::SeenPhoto;
use crate::app::theme;
use crate::format;
use crate::inspect::{Findings, Measures, Scale};

/// What was worked out of findings, and of which.
#[derive(Default)]
pub(super) struct Cracks {
    of: Option<(Arc<Findings>, Option<Scale>)>,
    measures: Option<Measures>,
    /// Numbers and lengths in pixels, the longest first.
    longest: Vec<(usize, f32)>,
    /// The crack that was chosen, by its number.
    pub(super) chosen: Option<usize>,
}

impl Cracks {
    /// What is measured on a photo; worked out once for the same findings and scale.
    pub(super) fn measure(&mut self, seen: &SeenPhoto, scale: Option<Scale>) -> Option<&Measures> {
        let same =
            |(findings, of): &(Arc<Findings>, Option<Scale>)| Arc::ptr_eq(findings, &seen.findings) && *of == scale;
        if !self.of.as_ref().is_some_and(same) {
            if self.of.as_ref().is_none_or(|(findings, _)| !Arc::ptr_eq(findings, &seen.findings)) {
                self.chosen = None;
            }
            self.measures = Some(Measures::of(&seen.map, &seen.findings, scale));
            self.longest =
                seen.findings.cracks.iter().enumerate().map(|(number, crack)| (number, crack.length())).collect();
            self.longest.sort_by(|a, b| b.1.total_cmp(&a.1));
            self.of = Some((Arc::clone(&seen.findings), scale));
        }
        self.measures.as_ref()
    }

    /// Lists the cracks; gives the part of the photo, in its pixels, that a press is to bring into view.
    pub(super) fn ui(&mut self, ui: &mut Ui, scale: Option<Scale>, height: f32) -> Option<Rect> {
        let (findings, _) = self.of.as_ref()?;
        let mut wanted = None;
        let area = ScrollArea::vertical().id_salt("cracks").max_height(height).auto_shrink([false, true]);
        area.show_rows(ui, theme::ROW, self.longest.len(), |ui, rows| {
            let shown = self.longest.iter().enumerate().skip(rows.start).take(rows.len());
            for (place, (number, length)) in shown {
                let Some(crack) = findings.cracks.get(*number) else { continue };
                let region = findings.regions.get(crack.region);
                let p = region.map(|region| format!(" · p {:.2}", region.p_max)).unwrap_or_default();
                let text = format!("{} · {}{p}", place + 1, length_text(f64::from(*length), scale));
                let button = Button::selectable(self.chosen == Some(*number), text);
                if ui.add(button.min_size(vec2(0.0, theme::ROW))).clicked() {
                    self.chosen = Some(*number);
                    wanted = Some(bounds(&crack.points));
                }
            }
        });
        wanted
    }
}

/// A length in pixels, and in millimetres where there is a scale.
pub(super) fn length_text(pixels: f64, scale: Option<Scale>) -> String {
    let px = format!("{} px", format::count(pixels.round() as u64));
    scale.map_or(px.clone(), |scale| format!("{px} · {}", mm(scale.mm(pixels))))
}

/// Millimetres as a person says them.
pub(super) fn mm(mm: f64) -> String {
    match mm {
        mm if mm < 10.0 => format!("{mm:.1} mm"),
        mm if mm < 10_000.0 => format!("{} mm", format::count(mm.round() as u64)),
        mm => format!("{:.2} m", mm / 1000.0),
    }
}

fn bounds(points: &[[f32; 2]]) -> Rect {
    Rect::from_points(&points.iter().map(|[x, y]| pos2(*x, *y)).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_read_well() {
        let scale = Scale::given(4.0).unwrap();
        assert_eq!(length_text(1234.4, None), "1,234 px");
        assert_eq!(length_text(1234.4, Some(scale)), "1,234 px · 309 mm");
        assert_eq!([0.25, 9_999.0, 12_345.0].map(mm), ["0.2 mm", "9,999 mm", "12.35 m"]);
    }
}
