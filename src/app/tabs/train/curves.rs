//! Loss and accuracy over the epochs, of one run or of several.

use egui::{
    Align, Align2, Color32, Id, Layout, RichText, Role, Sense, Slider, Stroke, Ui, Vec2b, WidgetInfo, pos2, vec2,
};
use egui_plot::{
    GridInput, HoverPosition, Line, LineStyle, Plot, PlotPoint, PlotPoints, PlotUi, Points, Text, uniform_grid_spacer,
};

use crate::app::theme::{self, space};
use crate::format;
use crate::train::observer::EpochRecord;

/// Room for the numbers at the left of the plots, so that both begin at the same place.
const AXIS: f32 = 46.0;
/// Grid lines are so many times as far apart as egui_plot's closest ones (8 points), so that each has its number:
/// egui_plot leaves numbers out where they would stand closer than 60 points side by side.
const APART_X: f64 = 8.0;
/// The same from top to bottom.
const APART_Y: f64 = 3.5;
/// Epochs closer than this, in points, get no markers: they would hide the dashes.
const ROOM_FOR_MARKERS: f64 = 16.0;
/// Plots stand side by side from this width on.
const BESIDE: f32 = 640.0;
/// The least that the axis of the accuracy spans, so that figures which are all the same have an axis with numbers.
const LEAST_SPAN: f64 = 0.02;
/// Height of a plot's heading.
const HEADING: f32 = 20.0;

/// One run, as it is drawn.
pub(super) struct Curve<'a> {
    /// Its name.
    pub(super) name: String,
    /// Its colour.
    pub(super) colour: Color32,
    /// The figures of each epoch.
    pub(super) epochs: &'a [EpochRecord],
    /// The loss of each step, where it is known.
    pub(super) steps: &'a [[f64; 2]],
    /// The best epoch.
    pub(super) best: Option<usize>,
}

/// Which figure a plot shows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Figure {
    Loss,
    Accuracy,
}

impl Figure {
    fn title(self) -> &'static str {
        match self {
            Self::Loss => "Loss",
            Self::Accuracy => "Accuracy",
        }
    }

    /// What a network that knows nothing comes to.
    fn guess(self) -> f64 {
        match self {
            Self::Loss => std::f64::consts::LN_2,
            Self::Accuracy => 0.5,
        }
    }

    fn train(self, record: &EpochRecord) -> f64 {
        match self {
            Self::Loss => record.train_loss,
            Self::Accuracy => record.train_accuracy,
        }
    }

    fn validation(self, record: &EpochRecord) -> Option<f64> {
        match self {
            Self::Loss => record.val_loss,
            Self::Accuracy => record.val_accuracy,
        }
    }
}

/// Shows both plots in the room there is, with a slider for `smoothing`, which is in epochs; `planned` epochs are to come.
pub(super) fn ui(ui: &mut Ui, curves: &[Curve<'_>], smoothing: &mut f64, planned: usize) {
    stacked(ui, curves, *smoothing, planned, |ui| {
        legend_ui(ui);
        ui.add_space(space::M);
        smoothing_ui(ui, smoothing);
    });
}

/// One plot above the other, with something at the right of the first one's heading.
fn stacked(ui: &mut Ui, curves: &[Curve<'_>], smoothing: f64, planned: usize, at_right: impl FnOnce(&mut Ui)) {
    ui.spacing_mut().item_spacing.y = space::XS;
    let height = (ui.available_height() / 2.0 - HEADING - 2.0 * space::XS).max(60.0);
    let mut at_right = Some(at_right);
    for figure in [Figure::Loss, Figure::Accuracy] {
        ui.horizontal(|ui| {
            ui.set_min_height(HEADING);
            ui.label(theme::strong(figure.title()));
            if let Some(at_right) = at_right.take() {
                ui.with_layout(Layout::right_to_left(Align::Center), at_right);
            }
        });
        plot(ui, figure, curves, smoothing, planned, height);
    }
}

/// Shows both plots side by side where there is room, else one above the other.
pub(super) fn beside(ui: &mut Ui, curves: &[Curve<'_>], smoothing: f64) {
    if ui.available_width() < BESIDE {
        stacked(ui, curves, smoothing, 1, legend_ui);
        return;
    }
    ui.spacing_mut().item_spacing.y = space::XS;
    let height = (ui.available_height() - HEADING - space::XS).max(60.0);
    ui.columns_const(|columns: &mut [Ui; 2]| {
        for (ui, figure) in columns.iter_mut().zip([Figure::Loss, Figure::Accuracy]) {
            ui.horizontal(|ui| {
                ui.set_min_height(HEADING);
                ui.label(theme::strong(figure.title()));
                if figure == Figure::Accuracy {
                    ui.with_layout(Layout::right_to_left(Align::Center), legend_ui);
                }
            });
            plot(ui, figure, curves, smoothing, 1, height);
        }
    });
}

/// The slider that smooths the curves, from right to left.
pub(super) fn smoothing_ui(ui: &mut Ui, smoothing: &mut f64) {
    let slider = ui.add(Slider::new(smoothing, 0.0..=3.0).show_value(false).step_by(0.05));
    let label = ui.label(theme::quiet(ui, "Smoothing"));
    let hint = format!("Averages over about {smoothing:.1} epochs; the raw curve stays faint behind");
    slider.labelled_by(label.id).on_hover_text(hint);
}

fn plot(ui: &mut Ui, figure: Figure, curves: &[Curve<'_>], smoothing: f64, planned: usize, height: f32) {
    let colours = theme::palette(ui);
    let group = Id::unique("curves");
    let plot = Plot::new(figure.title())
        .height(height)
        .link_axis(group, Vec2b::new(true, false))
        .link_cursor(group, Vec2b::new(true, false))
        .allow_scroll(false)
        .sense(Sense::CLICK | Sense::DRAG) // without a place in the order of Tab, where it would do nothing
        .y_axis_min_width(AXIS)
        .set_margin_fraction(vec2(0.01, 0.08))
        .include_x(0.0)
        .include_x(planned.max(2) as f64)
        .x_grid_spacer(uniform_grid_spacer(whole_epochs))
        .y_grid_spacer(uniform_grid_spacer(round_numbers))
        .x_axis_formatter(|mark, _| if mark.value >= 0.0 { format!("{:.0}", mark.value) } else { String::new() })
        .y_axis_formatter(|mark, _| format!("{:.*}", format::decimals_for(mark.step_size), mark.value))
        .grid_color(colours.line)
        .cursor_color(colours.quiet)
        .label_formatter(|at| Some(hover_text(figure, curves, at)));
    let plot =
        if figure == Figure::Accuracy { plot.include_y(1.0).include_y(1.0 - LEAST_SPAN) } else { plot.include_y(0.0) };
    // Before the first figure comes, the axes show where it will fall.
    let nothing = curves.iter().all(|curve| curve.epochs.is_empty() && curve.steps.is_empty());
    let plot = if nothing { plot.include_y(figure.guess()) } else { plot };
    let several = curves.len() > 1;
    let shown = plot.show(ui, |plot| {
        // The first lies over the others.
        for (index, curve) in curves.iter().enumerate().rev() {
            draw(plot, figure, (index, curve), smoothing, several, colours.text);
        }
    });
    shown.response.widget_info(|| WidgetInfo::labeled(Role::Image, true, summary(figure, curves)));
}

/// The plot in a line, for those who do not see it.
fn summary(figure: Figure, curves: &[Curve<'_>]) -> String {
    let of_run = |curve: &Curve<'_>| {
        let Some(last) = curve.epochs.last() else { return format!("{}: no epoch yet", curve.name) };
        let best = curve.epochs.iter().find(|record| Some(record.epoch) == curve.best).unwrap_or(last);
        let validation = figure.validation(best).map_or_else(String::new, |value| format!(", validation {value:.4}"));
        let train = figure.train(best);
        format!("{}: {} epochs, at the best one ({}) train {train:.4}{validation}", curve.name, last.epoch, best.epoch)
    };
    let runs: Vec<String> = curves.iter().map(of_run).collect();
    format!("{} by epoch. {}", figure.title(), runs.join("; "))
}

fn draw<'a>(
    plot: &mut PlotUi<'a>,
    figure: Figure,
    (index, curve): (usize, &Curve<'_>),
    smoothing: f64,
    several: bool,
    text: Color32,
) {
    let per_epoch: Vec<[f64; 2]> = curve.epochs.iter().map(|r| [r.epoch as f64, figure.train(r)]).collect();
    let steps = if figure == Figure::Loss && !several { curve.steps } else { &[] };
    let train = if steps.len() > 1 { steps.to_vec() } else { per_epoch };
    let validation: Vec<[f64; 2]> =
        curve.epochs.iter().filter_map(|r| Some([r.epoch as f64, figure.validation(r)?])).collect();
    let soft = curve.colour.gamma_multiply(0.75);
    let line = |name: &str, points: Vec<[f64; 2]>, colour: Color32, width: f32| {
        Line::new(format!("{index} {name}"), PlotPoints::from(points))
            .color(colour)
            .width(width)
            .allow_band(false)
            .allow_hover(false)
    };
    if smoothing > 0.0 {
        plot.line(line("raw train", train.clone(), curve.colour.gamma_multiply(0.25), 1.0));
        plot.line(line("raw validation", validation.clone(), curve.colour.gamma_multiply(0.25), 1.0));
    }
    plot.line(line("train", smooth(&train, smoothing), soft, 1.5));
    let smoothed = smooth(&validation, smoothing);
    let dashed = LineStyle::Dashed { length: 7.0 };
    plot.line(line("validation", smoothed.clone(), curve.colour, 2.0).style(dashed));
    if has_markers(smoothed.len(), plot.transform().dpos_dvalue_x()) {
        let dots = Points::new(format!("{index} epochs"), PlotPoints::from(smoothed)).radius(2.5).color(curve.colour);
        plot.points(dots.allow_hover(false));
    }
    let best = curve.epochs.iter().find(|record| Some(record.epoch) == curve.best);
    if let Some(record) = best {
        let y = figure.validation(record).unwrap_or(figure.train(record));
        let star = RichText::new("★").size(15.0).color(text);
        let at = PlotPoint::new(record.epoch as f64, y);
        plot.text(Text::new(format!("{index} best"), at, star).anchor(Align2::CENTER_CENTER).allow_hover(false));
    }
}

/// Whether each of `epochs`, so many points apart, is marked. One alone makes no line and would not be seen otherwise.
fn has_markers(epochs: usize, apart: f64) -> bool {
    epochs == 1 || apart >= ROOM_FOR_MARKERS
}

/// An average that forgets with distance: each point counts exp(−Δ/`reach`) of one `reach` epochs later. Without the
/// pull towards zero at the beginning that a plain exponential average has.
fn smooth(points: &[[f64; 2]], reach: f64) -> Vec<[f64; 2]> {
    if reach <= 0.0 {
        return points.to_vec();
    }
    let (mut sum, mut weight, mut before) = (0.0, 0.0, f64::NEG_INFINITY);
    points
        .iter()
        .map(|&[x, y]| {
            let kept = ((before - x) / reach).exp();
            (sum, weight, before) = (sum * kept + y, weight * kept + 1.0, x);
            [x, sum / weight]
        })
        .collect()
}

/// Grid lines at whole epochs only.
fn whole_epochs(input: GridInput) -> [f64; 3] {
    [format::round_step(input.base_step_size * APART_X).max(1.0); 3]
}

/// Grid lines at round numbers, far enough apart for a number at each.
fn round_numbers(input: GridInput) -> [f64; 3] {
    [format::round_step(input.base_step_size * APART_Y); 3]
}

/// The figures of each run at the epoch under the pointer.
fn hover_text(figure: Figure, curves: &[Curve<'_>], at: &HoverPosition<'_>) -> String {
    let (HoverPosition::Elsewhere { position } | HoverPosition::NearDataPoint { position, .. }) = at;
    let epoch = position.x.round().max(1.0) as usize;
    let mut lines = vec![format!("epoch {epoch}")];
    for curve in curves {
        let Some(record) = curve.epochs.iter().find(|record| record.epoch == epoch) else { continue };
        if curves.len() > 1 {
            lines.push(curve.name.clone());
        }
        let validation = figure.validation(record).map_or_else(|| "–".to_owned(), |value| format!("{value:.4}"));
        let star = if curve.best == Some(epoch) { "  ★ best" } else { "" };
        lines.push(format!("train {:.4} · validation {validation}{star}", figure.train(record)));
    }
    lines.join("\n")
}

/// What solid, dashed and the star mean, from right to left.
fn legend_ui(ui: &mut Ui) {
    let colour = theme::palette(ui).quiet;
    ui.label(theme::quiet(ui, "★ best epoch").size(theme::SMALL));
    for (name, dashed) in [("validation", true), ("train", false)] {
        ui.add_space(space::S);
        ui.label(theme::quiet(ui, name).size(theme::SMALL));
        let (rect, _) = ui.allocate_exact_size(vec2(26.0, theme::SMALL), Sense::hover());
        let ends = [pos2(rect.left(), rect.center().y), pos2(rect.right(), rect.center().y)];
        let stroke = Stroke::new(2.0, colour);
        if dashed {
            ui.painter().extend(egui::Shape::dashed_line(&ends, stroke, 7.0, 4.0));
        } else {
            ui.painter().line_segment(ends, stroke);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_are_left_out_where_they_would_touch() {
        assert!(has_markers(10, 68.0) && has_markers(1, 2.0));
        assert!(!has_markers(100, 6.8));
    }

    #[test]
    fn smoothing_keeps_constants_and_follows_at_its_reach() {
        let flat: Vec<_> = (0..50).map(|i| [f64::from(i), 0.7]).collect();
        assert!(smooth(&flat, 2.0).iter().all(|p| (p[1] - 0.7).abs() < 1e-12));
        let jump: Vec<_> = (0..400).map(|i| [f64::from(i) / 100.0, f64::from(u8::from(i >= 200))]).collect();
        let smoothed = smooth(&jump, 0.5);
        assert!(smoothed[199][1] < 1e-12 && smoothed[399][1] > 0.97);
        // One reach after a step, 1 − 1/e of it is taken up.
        assert!((smoothed[250][1] - (1.0 - (-1.0_f64).exp())).abs() < 0.02, "{}", smoothed[250][1]);
        assert_eq!(smooth(&jump, 0.0), jump);
    }
}
