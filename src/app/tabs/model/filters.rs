//! The kernels of the first layer as pictures.

use egui::{ScrollArea, Ui};

use super::pictures::Scaled;
use crate::app::theme::{self, space};
use crate::app::worker::inspect::Weights;
use crate::export::sheets::Scale;

/// Side of a filter, in points.
const SIDE: f32 = 56.0;

/// The pictures, with either scale of colours.
#[derive(Default)]
pub(super) struct FiltersView {
    shown: Option<Shown>,
}

struct Shown {
    filters: Scaled,
    side: usize,
}

impl FiltersView {
    /// Shows the filters of these weights.
    pub(super) fn show(&mut self, weights: Option<&Weights>) {
        let of = |weights: &Weights| Shown { filters: Scaled::new(weights.filters.clone()), side: weights.filter_side };
        self.shown = weights.map(of);
    }

    pub(super) fn ui(&mut self, ui: &mut Ui, scale: Scale) {
        let Some(shown) = &mut self.shown else { return };
        let (count, side) = (shown.filters.count(), shown.side);
        let text = format!("{count} filters of 3 × {side} × {side}: the weights for red, green and blue.");
        ui.label(theme::quiet(ui, text));
        ui.add_space(space::XS);
        ScrollArea::vertical().id_salt("filters").auto_shrink(false).show(ui, |ui| {
            shown.filters.with(scale).ui(ui, 0..count, SIDE, "Filter", |_| format!("3 × {side} × {side} weights"));
        });
    }
}
