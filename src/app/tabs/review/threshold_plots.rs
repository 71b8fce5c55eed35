//! What a threshold comes to, on three plots with the present point marked.

use egui::{Align2, RichText, Ui, vec2};
use egui_plot::{
    Bar, BarChart, HLine, Line, LineStyle, Plot, PlotBounds, PlotPoint, PlotPoints, PlotUi, Points, Span, Text, VLine,
};

use super::judged::{BARS, Judged};
use crate::app::theme::{self, space};
use crate::dataset::Class;
use crate::format;
use crate::review::metrics::Metrics;
use crate::review::threshold::Threshold;

/// Room for the numbers at the left of a plot.
const AXIS: f32 = 34.0;
/// Room for the title above a plot.
const TITLE: f32 = 24.0;
/// Radius of the present point.
const POINT: f32 = 5.0;

/// Histogram, ROC and precision-recall side by side, `height` points high. Gives the threshold at the place of the
/// histogram that was pressed or dragged to.
pub(super) fn ui(ui: &mut Ui, judged: &Judged, metrics: &Metrics, threshold: Threshold, height: f32) -> Option<f32> {
    let mut chosen = None;
    let inner = height - TITLE - space::XS;
    ui.columns_const(|columns: &mut [Ui; 3]| {
        let [first, second, third] = columns;
        title(
            first,
            "Photos by probability",
            "Cracked ones upwards, intact ones downwards, on a scale of powers of ten",
        );
        chosen = histogram(first, judged, threshold, inner);
        let auroc = format::figure(metrics.auroc);
        title(second, &format!("ROC · area {auroc}"), "Cracks found against false alarms; the dotted line is guessing");
        roc(second, judged, metrics, inner);
        let area = format::figure(metrics.average_precision);
        let hint =
            "Of those called cracked the share that is, against cracks found; the dotted line is calling all cracked";
        title(third, &format!("Precision and recall · {area}"), hint);
        precision_recall(third, judged, metrics, inner);
    });
    chosen
}

fn title(ui: &mut Ui, text: &str, hint: &str) {
    ui.add(egui::Label::new(theme::strong(text)).truncate()).on_hover_text(hint);
}

/// A plot that stays as it is.
fn still<'a>(ui: &Ui, name: &str, height: f32) -> Plot<'a> {
    let colours = theme::palette(ui);
    Plot::new(name.to_owned())
        .height(height)
        .allow_zoom(false)
        .allow_drag(false)
        .allow_scroll(false)
        .allow_boxed_zoom(false)
        .allow_double_click_reset(false)
        .y_axis_min_width(AXIS)
        .show_grid(true)
        .grid_color(colours.line)
        .cursor_color(colours.quiet)
        .set_margin_fraction(vec2(0.0, 0.0))
}

/// log₁₀(1 + count), so that one photo among thousands is still seen.
fn high(count: usize) -> f64 {
    (count as f64 + 1.0).log10()
}

fn histogram(ui: &mut Ui, judged: &Judged, threshold: Threshold, height: f32) -> Option<f32> {
    let colours = theme::palette(ui);
    let most = judged.histogram.iter().flatten().copied().max().unwrap_or(0);
    let top = high(most).max(1.0) * 1.1;
    let plot = still(ui, "photos by probability", height)
        .y_axis_formatter(|mark, _| match mark.value.abs() {
            power if power.fract() != 0.0 => String::new(),
            0.0 => "0".to_owned(),
            power => format::count(10f64.powf(power) as u64),
        })
        .label_formatter(|at| {
            let (egui_plot::HoverPosition::Elsewhere { position }
            | egui_plot::HoverPosition::NearDataPoint { position, .. }) = at;
            Some(format!("{:.2}\nclick or drag to choose it", position.x))
        });
    let response = plot.show(ui, |plot| {
        plot.set_plot_bounds(PlotBounds::from_min_max([0.0, -top], [1.0, top]));
        if let Some(band) = threshold.unsure {
            let span = Span::new("for a person", f64::from(band.from)..=f64::from(band.to));
            plot.span(span.fill(colours.warning.gamma_multiply(0.18)).border_width(0.0).label_align(Align2::LEFT_TOP));
        }
        for class in Class::ALL {
            let up = if class == Class::Positive { 1.0 } else { -1.0 };
            let counts = judged.histogram.get(class.index()).into_iter().flatten().enumerate();
            let width = 1.0 / BARS as f64;
            let bars = counts
                .filter(|(_, count)| **count > 0)
                .map(|(bar, count)| Bar::new((bar as f64 + 0.5) * width, up * high(*count)).width(0.9 * width));
            let chart = BarChart::new(class.word(), bars.collect()).color(colours.class(class)).allow_hover(false);
            plot.bar_chart(chart);
        }
        plot.vline(
            VLine::new("threshold", f64::from(threshold.at)).color(colours.accent).width(2.0).allow_hover(false),
        );
    });
    let pressed = response.response.clicked() || response.response.dragged();
    let at = response.response.interact_pointer_pos().filter(|_| pressed)?;
    Some(response.transform.value_from_position(at).x as f32)
}

fn roc(ui: &mut Ui, judged: &Judged, metrics: &Metrics, height: f32) {
    let colours = theme::palette(ui);
    let point = metrics.confusion.rate(Class::Negative, Class::Positive).zip(metrics.recall);
    let plot = rates(ui, "roc", height, "false alarms", "found");
    plot.show(ui, |plot| {
        bounds(plot);
        let guessing = Line::new("guessing", PlotPoints::from(vec![[0.0, 0.0], [1.0, 1.0]]));
        plot.line(guessing.color(colours.quiet).style(LineStyle::Dotted { spacing: 5.0 }).allow_hover(false));
        curve(plot, "roc", &judged.roc, colours);
        if let Some((x, y)) = point {
            present(plot, [x, y], colours);
        } else {
            absent(plot, colours);
        }
    });
}

fn precision_recall(ui: &mut Ui, judged: &Judged, metrics: &Metrics, height: f32) {
    let colours = theme::palette(ui);
    let plot = rates(ui, "precision and recall", height, "found", "precise");
    let always = judged.ranking.cracked() as f64 / judged.ranking.len().max(1) as f64;
    plot.show(ui, |plot| {
        bounds(plot);
        let floor = HLine::new("all called cracked", always).color(colours.quiet);
        plot.hline(floor.style(LineStyle::Dotted { spacing: 5.0 }).allow_hover(false));
        curve(plot, "precision", &judged.precision_recall, colours);
        match metrics.recall.zip(metrics.precision) {
            Some((x, y)) => present(plot, [x, y], colours),
            None if judged.precision_recall.is_empty() => absent(plot, colours),
            None => {}
        }
    });
}

/// A plot of shares, whose place under the pointer is told by these names.
fn rates<'a>(ui: &Ui, name: &str, height: f32, x: &'static str, y: &'static str) -> Plot<'a> {
    still(ui, name, height).label_formatter(move |at| {
        let (egui_plot::HoverPosition::Elsewhere { position }
        | egui_plot::HoverPosition::NearDataPoint { position, .. }) = at;
        Some(format!("{x} {:.3}\n{y} {:.3}", position.x, position.y))
    })
}

fn bounds(plot: &mut PlotUi<'_>) {
    plot.set_plot_bounds(PlotBounds::from_min_max([-0.02, -0.03], [1.02, 1.04]));
}

/// Corners nearer to the one before than this, in points of the screen, are left out: a curve of 40,000 photos has no more
/// of them than can be told apart.
const APART: f64 = 1.0;

fn curve(plot: &mut PlotUi<'_>, name: &str, points: &[[f64; 2]], colours: &theme::Palette) {
    let per_value = [plot.transform().dpos_dvalue_x(), plot.transform().dpos_dvalue_y()];
    let drawn = thinned(points, per_value.map(f64::abs));
    let line = Line::new(name, PlotPoints::from(drawn));
    // Bands would fill what lies between a step and the corner after it.
    plot.line(line.color(colours.text.gamma_multiply(0.8)).width(2.0).allow_band(false).allow_hover(false));
}

/// A line with its ends, and those of its corners that are [`APART`] on a plot with so many points of the screen for one.
fn thinned(points: &[[f64; 2]], per_value: [f64; 2]) -> Vec<[f64; 2]> {
    let apart = |a: &[f64; 2], b: &[f64; 2]| {
        ((a[0] - b[0]) * per_value[0]).abs().max(((a[1] - b[1]) * per_value[1]).abs()) >= APART
    };
    let Some((last, before)) = points.split_last() else { return Vec::new() };
    let mut drawn: Vec<[f64; 2]> = Vec::with_capacity(points.len());
    for point in before {
        if drawn.last().is_none_or(|before| apart(before, point)) {
            drawn.push(*point);
        }
    }
    while drawn.len() > 1 && drawn.last().is_some_and(|before| !apart(before, last)) {
        drawn.pop();
    }
    drawn.push(*last);
    drawn
}

/// Where the threshold lies.
fn present(plot: &mut PlotUi<'_>, at: [f64; 2], colours: &theme::Palette) {
    let point = Points::new("present", PlotPoints::from(vec![at])).radius(POINT).color(colours.accent);
    plot.points(point.allow_hover(false));
}

/// One class alone has no curve.
fn absent(plot: &mut PlotUi<'_>, colours: &theme::Palette) {
    let text = RichText::new("needs photos of both classes").color(colours.quiet).size(theme::SMALL);
    plot.text(Text::new("why not", PlotPoint::new(0.5, 0.5), text).allow_hover(false));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corners_that_cannot_be_told_apart_are_left_out() {
        let steps: Vec<[f64; 2]> =
            (0..=300).map(|i| [(f64::from(i) / 300.0).powi(8), (f64::from(i) / 300.0).sqrt()]).collect();
        for size in [60.0, 176.0, 900.0] {
            let drawn = thinned(&steps, [size, size / 2.0]);
            let near = drawn
                .windows(2)
                .filter(|p| ((p[1][0] - p[0][0]) * size).abs().max(((p[1][1] - p[0][1]) * size / 2.0).abs()) < APART);
            assert_eq!((near.count(), drawn[0], drawn[drawn.len() - 1]), (0, steps[0], steps[300]), "{size}");
        }
        // All photos right: up, and along.
        let perfect = [[0.0, 0.0], [0.0, 0.5], [0.0, 1.0], [0.999, 1.0], [1.0, 1.0]];
        assert_eq!(thinned(&perfect, [176.0, 90.0]), [[0.0, 0.0], [0.0, 0.5], [0.0, 1.0], [1.0, 1.0]]);
        assert!(thinned(&[], [1.0, 1.0]).is_empty());
        assert_eq!(thinned(&[[0.0, 0.0], [0.001, 0.0]], [1.0, 1.0]).len(), 2);
    }
}
