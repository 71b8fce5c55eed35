//! Every figure with its interval and its floors, what it would be elsewhere, and how honest the probabilities are.

use egui::{Button, DragValue, Grid, Label, RichText, ScrollArea, Ui, vec2};
use egui_plot::{HoverPosition, Line, LineStyle, Plot, PlotBounds, PlotPoints, Points};

use super::judged::Judged;
use super::threshold::why_not_stored;
use crate::app::command::Command;
use crate::app::scene::Scene;
use crate::app::theme::{self, space};
use crate::app::widgets::form::primary;
use crate::dataset::Class;
use crate::export::figures;
use crate::format;
use crate::review::bootstrap::Intervals;
use crate::review::calibration::Bin;
use crate::review::confusion::Confusion;
use crate::review::metrics::Metrics;
use crate::review::threshold::{Choice, Threshold};
use crate::train::run_threshold::Wanted;

/// Width of the table where the plot stands beside it.
const TABLE: f32 = 560.0;
/// The plot needs this much beside the table.
const PLOT: f32 = 280.0;
/// Largest height of the plot.
const HIGHEST: f32 = 420.0;

/// Which figures the intervals are of: photos, scope and threshold.
pub type Of = (u64, super::Scope, Threshold);

/// What the view remembers.
pub(super) struct FiguresView {
    /// The share of cracked photos elsewhere.
    prevalence: f64,
    asked: Option<Of>,
    intervals: Option<(Of, Intervals)>,
    /// Whether the run is being calibrated.
    calibrating: bool,
}

impl Default for FiguresView {
    fn default() -> Self {
        Self { prevalence: 0.01, asked: None, intervals: None, calibrating: false }
    }
}

impl FiguresView {
    /// Intervals that were asked for have come.
    pub(super) fn take_intervals(&mut self, of: Of, intervals: Intervals) {
        self.intervals = Some((of, intervals));
    }

    /// The run has been given another threshold or temperature, or not.
    pub(super) fn stored(&mut self) {
        self.calibrating = false;
    }

    /// Asks for intervals once the threshold rests.
    fn ask(&mut self, ui: &Ui, of: Of, judged: &Judged, scene: &mut Scene<'_>) {
        let rests = !ui.input(|input| input.pointer.any_down());
        if rests && self.asked != Some(of) && !judged.photos.is_empty() {
            self.asked = Some(of);
            scene.commands.push(Command::Intervals(of));
        }
    }

    /// Shows the view.
    pub(super) fn ui(&mut self, ui: &mut Ui, (of, judged): (Of, &Judged), metrics: &Metrics, scene: &mut Scene<'_>) {
        self.ask(ui, of, judged, scene);
        ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            if ui.available_width() >= TABLE + PLOT {
                ui.horizontal_top(|ui| {
                    ui.vertical(|ui| {
                        ui.set_width(TABLE);
                        self.table_ui(ui, of, metrics);
                    });
                    ui.add_space(space::M);
                    ui.vertical(|ui| self.calibration_ui(ui, judged, metrics, scene));
                });
            } else {
                self.table_ui(ui, of, metrics);
                ui.add_space(space::L);
                self.calibration_ui(ui, judged, metrics, scene);
            }
        });
    }

    fn table_ui(&mut self, ui: &mut Ui, of: Of, metrics: &Metrics) {
        ui.label(theme::section("Figures"));
        let which = self.intervals.as_ref().filter(|(known, _)| *known == of).map(|(_, intervals)| intervals);
        let floors = [Class::Positive, Class::Negative].map(|class| metrics.confusion.floor(class));
        Grid::new("figures with intervals").num_columns(5).spacing(vec2(space::L, space::XS)).striped(true).show(
            ui,
            |ui| {
                let headings = ["", "", "95 % interval", "all called cracked", "all called intact"];
                for heading in headings {
                    ui.label(theme::quiet(ui, heading).size(theme::SMALL));
                }
                ui.end_row();
                for ((name, value, meaning), key) in figures::rows(metrics).into_iter().zip(figures::KEYS) {
                    ui.label(name).on_hover_text(meaning);
                    ui.label(theme::strong(value));
                    let waiting = if has_interval(key) { "…" } else { "" };
                    let interval = match which {
                        Some(intervals) => intervals.get(key).map(figures::interval).unwrap_or_default(),
                        None => waiting.to_owned(),
                    };
                    ui.label(interval);
                    for floor in &floors {
                        let value =
                            figures::floor(key, floor).map(|value| format::figure(Some(value))).unwrap_or_default();
                        ui.label(theme::quiet(ui, value));
                    }
                    ui.end_row();
                }
            },
        );
        ui.add_space(space::XS);
        let about = which.map_or_else(|| "Intervals are being worked out.".to_owned(), Intervals::about);
        ui.add(Label::new(theme::quiet(ui, about).size(theme::SMALL)).wrap());
        if metrics.unsure > 0 {
            let text = format!(
                "{} for a person are counted neither as right nor as wrong; areas, calibration error and loss are of all {}.",
                format::photos(metrics.unsure),
                format::photos(metrics.photos)
            );
            ui.add(Label::new(theme::quiet(ui, text).size(theme::SMALL)).wrap());
        }
        ui.add_space(space::L);
        self.prevalence_ui(ui, &metrics.confusion);
    }

    /// What an alarm would be worth where cracks are rarer.
    fn prevalence_ui(&mut self, ui: &mut Ui, confusion: &Confusion) {
        ui.label(theme::section("Where cracks are rarer"));
        ui.horizontal(|ui| {
            let label = ui.label("Cracked share of the photos there");
            let mut percent = 100.0 * self.prevalence;
            let field = DragValue::new(&mut percent).range(0.01..=99.0).speed(0.05).fixed_decimals(2).suffix(" %");
            ui.add(field).labelled_by(label.id);
            self.prevalence = percent / 100.0;
        });
        let (precision, bounds) =
            (confusion.precision_at(self.prevalence), confusion.precision_at_bounds(self.prevalence));
        let Some((precision, bounds)) = precision.zip(bounds) else {
            ui.label(theme::quiet(ui, "That takes photos of both classes"));
            return;
        };
        ui.horizontal(|ui| {
            ui.label("Precision there");
            ui.label(theme::strong(format::figure(Some(precision))));
            ui.label(theme::quiet(ui, figures::interval(bounds)));
        });
        let text = match precision {
            p if p > 0.0 => format!("{:.1} false alarms for each crack found", 1.0 / p - 1.0),
            _ => "No crack would be found".to_owned(),
        };
        ui.label(theme::quiet(ui, text));
    }

    fn calibration_ui(&mut self, ui: &mut Ui, judged: &Judged, metrics: &Metrics, scene: &mut Scene<'_>) {
        ui.label(theme::section("Calibration"));
        let size = ui.available_width().min(HIGHEST);
        reliability(ui, &judged.bins, size * 0.8);
        let ece = format!("Calibration error {}", format::figure(metrics.ece));
        ui.label(ece).on_hover_text("Mean distance of the points from the dotted line, weighted by photos");
        let Some(scaling) = judged.scaling else {
            ui.label(theme::quiet(ui, "A temperature is fitted to photos of both classes"));
            return;
        };
        let text = format!(
            "Logits divided by {:.2} would bring it from {:.4} to {:.4}, and the loss from {:.4} to {:.4}, on the {} that it is \
             fitted to.",
            scaling.temperature,
            scaling.ece_before,
            scaling.ece_after,
            scaling.loss_before,
            scaling.loss_after,
            if judged.held_back { "validation photos" } else { "labelled photos" },
        );
        ui.add(Label::new(theme::quiet(ui, text)).wrap());
        let why_not = why_not_stored(scene.session, judged);
        let apart = (scaling.temperature - 1.0).abs() >= 0.005;
        let enabled = why_not.is_none() && apart && !self.calibrating;
        // Where the probabilities would come out worse it is there, but nothing asks for it.
        let gains = scaling.ece_after < scaling.ece_before;
        let button = match gains {
            true => primary(ui, enabled, "Calibrate the run"),
            false => ui.add_enabled(enabled, Button::new("Calibrate the run")),
        };
        let button = button.on_disabled_hover_text(why_not.unwrap_or("The temperature is 1: nothing would change"));
        let hint = "Divides the logits of its model. No order and no decision changes, the probabilities do";
        if button.on_hover_text(hint).clicked() {
            self.calibrating = true;
            let at = scene.session.threshold();
            let temperature = scaling.temperature;
            // The same photos stay on the same sides.
            let choice = Choice::At(crate::review::calibration::scaled(at.at, temperature));
            let unsure = judged.fitted_to.unsure(at) as f64 / judged.fitted_to.len().max(1) as f64;
            scene.commands.push(Command::StoreThreshold(Wanted { choice, abstain: unsure, calibrate: true }));
        }
    }
}

fn has_interval(key: &str) -> bool {
    !matches!(key, "ece" | "loss")
}

/// Share of cracked photos by the probability that was said, with intervals; on the dotted line both agree.
fn reliability(ui: &mut Ui, bins: &[Bin], height: f32) {
    let colours = theme::palette(ui);
    let hover: Vec<Bin> = bins.to_vec();
    let plot = Plot::new("reliability")
        .height(height)
        .allow_zoom(false)
        .allow_drag(false)
        .allow_scroll(false)
        .allow_boxed_zoom(false)
        .allow_double_click_reset(false)
        .y_axis_min_width(34.0)
        .grid_color(colours.line)
        .cursor_color(colours.quiet)
        .label_formatter(move |at| {
            let (HoverPosition::Elsewhere { position } | HoverPosition::NearDataPoint { position, .. }) = at;
            let bin = hover.iter().find(|bin| (bin.from..bin.to).contains(&position.x))?;
            Some(format!(
                "said {:.2}, cracked {:.2}\n{:.2} to {:.2}, {}",
                bin.said,
                bin.seen,
                bin.bounds.low,
                bin.bounds.high,
                format::photos(bin.photos)
            ))
        });
    plot.show(ui, |plot| {
        plot.set_plot_bounds(PlotBounds::from_min_max([-0.02, -0.03], [1.02, 1.04]));
        let honest = Line::new("honest", PlotPoints::from(vec![[0.0, 0.0], [1.0, 1.0]]));
        plot.line(honest.color(colours.quiet).style(LineStyle::Dotted { spacing: 5.0 }).allow_hover(false));
        for (index, bin) in bins.iter().enumerate() {
            let ends = vec![[bin.said, bin.bounds.low], [bin.said, bin.bounds.high]];
            let line = Line::new(format!("interval {index}"), PlotPoints::from(ends));
            plot.line(line.color(colours.text.gamma_multiply(0.6)).width(1.5).allow_hover(false));
        }
        let most = bins.iter().map(|bin| bin.photos).max().unwrap_or(1) as f32;
        for (index, bin) in bins.iter().enumerate() {
            // The area of a point grows with the photos, on a scale that leaves few ones visible.
            let radius = 2.5 + 4.5 * (bin.photos as f32).ln_1p() / most.ln_1p();
            let point = Points::new(format!("bin {index}"), PlotPoints::from(vec![[bin.said, bin.seen]]));
            plot.points(point.radius(radius).color(colours.positive).allow_hover(false));
        }
    });
    let text = RichText::new("share cracked, by the probability that was said").size(theme::SMALL);
    ui.label(text.color(colours.quiet));
}
