//! How the weights of a layer are spread.

use egui::{Grid, Label, ScrollArea, Sense, Ui, vec2};
use egui_plot::{Bar, BarChart, Plot};

use crate::app::theme::{self, space};
use crate::app::widgets::form;
use crate::format;
use crate::nn::inspect::TensorStatistics;
use crate::nn::summary::Layer;

/// Room for the figures.
const FIGURES: f32 = 210.0;

/// Shows the tensors of a layer, of which `chosen` is looked at.
pub(super) fn ui(ui: &mut Ui, layer: &Layer, tensors: &[TensorStatistics], chosen: &mut usize) {
    let own: Vec<&TensorStatistics> =
        tensors.iter().filter(|tensor| tensor.name.rsplit_once('.').is_some_and(|(of, _)| of == layer.name)).collect();
    if own.is_empty() {
        let text = if layer.parameters == 0 { "holds no weights" } else { "is not in this file of weights" };
        ui.label(theme::quiet(ui, format!("{} {text}.", layer.name)));
        return;
    }
    *chosen = (*chosen).min(own.len() - 1);
    let Some(tensor) = own.get(*chosen) else { return };
    ui.horizontal(|ui| {
        ui.label(theme::strong(tensor.name.as_str()));
        ui.label(theme::quiet(ui, shape(&tensor.shape)));
        if own.len() > 1 {
            let choices: Vec<(usize, &str, &str)> =
                own.iter().enumerate().map(|(index, tensor)| (index, last_name(&tensor.name), "")).collect();
            form::choices(ui, chosen, &choices);
        }
    });
    ui.horizontal_top(|ui| {
        let width = (ui.available_width() - FIGURES - space::L).max(120.0);
        ui.allocate_ui(vec2(width, ui.available_height()), |ui| histogram_ui(ui, tensor));
        ui.add_space(space::L);
        ScrollArea::vertical().id_salt("figures").show(ui, |ui| figures_ui(ui, tensor));
    });
}

fn histogram_ui(ui: &mut Ui, tensor: &TensorStatistics) {
    let colours = theme::palette(ui);
    let histogram = &tensor.histogram;
    let width = histogram.edge(1) - histogram.edge(0);
    let bars = histogram.counts.iter().enumerate().map(|(bin, count)| {
        Bar::new(histogram.edge(bin) + width / 2.0, *count as f64).width(width).fill(colours.accent)
    });
    let name = format!("Histogram of {}", tensor.name);
    let bars = BarChart::new(&name, bars.collect()).element_formatter(Box::new(move |bar, _| {
        let half = bar.bar_width / 2.0;
        let (from, to) = (bar.argument - half, bar.argument + half);
        format!("{} weights\nfrom {from:.4} to {to:.4}", format::count(bar.value as u64))
    }));
    let response = Plot::new(("histogram", tensor.name.as_str()))
        .height(ui.available_height())
        .sense(Sense::hover())
        .allow_drag(false)
        .allow_zoom(false)
        .allow_scroll(false)
        .allow_boxed_zoom(false)
        .show_x(false)
        .show_y(false)
        .grid_color(colours.line)
        .y_axis_min_width(46.0)
        .y_axis_formatter(|mark, _| if mark.value >= 0.0 { format::count(mark.value as u64) } else { String::new() })
        .show(ui, |plot| plot.bar_chart(bars))
        .response;
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, &name));
}

fn figures_ui(ui: &mut Ui, tensor: &TensorStatistics) {
    let zeros = match tensor.zeros {
        0 => "none".to_owned(),
        zeros => format!("{} ({:.1} %)", format::count(zeros as u64), tensor.share_of_zeros() * 100.0),
    };
    let mut rows = vec![
        ("weights", format::count(tensor.count as u64)),
        ("mean", format!("{:.5}", tensor.mean)),
        ("std. deviation", format!("{:.5}", tensor.std)),
        ("lowest", format!("{:.5}", tensor.min)),
        ("highest", format!("{:.5}", tensor.max)),
        ("zeros", zeros),
    ];
    if tensor.not_finite > 0 {
        rows.push(("no numbers", format::count(tensor.not_finite as u64)));
    }
    let grid = Grid::new("figures of the weights").num_columns(2).min_row_height(22.0).spacing([space::L, 2.0]);
    grid.show(ui, |ui| {
        for (name, value) in rows {
            ui.label(theme::quiet(ui, name));
            ui.add(Label::new(value).extend());
            ui.end_row();
        }
    });
}

/// `64 × 3 × 7 × 7`.
fn shape(shape: &[usize]) -> String {
    shape.iter().map(|length| format::count(*length as u64)).collect::<Vec<_>>().join(" × ")
}

/// `weight` of `layer1.0.conv1.weight`.
fn last_name(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(_, last)| last)
}
