//! The search for a learning rate: its curve as it comes, the rate that it speaks for, and others by a click.

use egui::{Align, Align2, CentralPanel, Color32, Frame, Layout, RichText, Role, Sense, Ui, WidgetInfo};
use egui_plot::{
    GridInput, GridMark, HoverPosition, Line, LineStyle, Plot, PlotBounds, PlotPoint, PlotPoints, PlotUi, Text, VLine,
};

use crate::app::command::Command;
use crate::app::messages;
use crate::app::scene::{Kind, Scene};
use crate::app::theme::{self, icons, space};
use crate::app::widgets::empty;
use crate::app::widgets::form::primary;
use crate::error::Error;
use crate::format;
use crate::train::config::{TrainConfig, Tune};
use crate::train::rate_finder::{NO_FALL, RateSearch, Reading, SweepConfig, rounded};

/// The button that starts a search.
const FIND: &str = "Find learning rate";
/// Room for the numbers at the left of the plot.
const AXIS: f32 = 46.0;
/// Room at both ends of the rates, in powers of ten, for the numbers below.
const EDGE: f64 = 0.15;
/// Losses higher than the highest smoothed one before the lowest, times this, lie beyond the plot.
const ROOM: f64 = 1.3;

/// What the view remembers: the last search.
#[derive(Default)]
pub(super) struct RateFinder {
    search: Option<Search>,
}

/// A search of this session.
struct Search {
    /// What it was made with, for people.
    about: String,
    readings: Vec<Reading>,
    end: Option<End>,
}

/// How a search ended.
enum End {
    Done(RateSearch),
    Failed(Error),
}

impl RateFinder {
    /// A search begins on these photos.
    pub(super) fn begin(&mut self, photos: &str, config: &TrainConfig) {
        self.search = Some(Search {
            about: format!("{photos} · {}", super::settings_line(config)),
            readings: Vec::new(),
            end: None,
        });
    }

    /// Steps were taken.
    pub(super) fn take(&mut self, readings: &[Reading]) {
        if let Some(search) = self.search.as_mut().filter(|search| search.end.is_none()) {
            search.readings.extend_from_slice(readings);
        }
    }

    /// The search has ended.
    pub(super) fn finished(&mut self, found: RateSearch) {
        if let Some(search) = &mut self.search {
            search.readings.clone_from(&found.readings);
            search.end = Some(End::Done(found));
        }
    }

    /// The search has failed or was stopped.
    pub(super) fn failed(&mut self, error: &Error) {
        self.search.take_if(|search| error.is_cancelled() && search.readings.is_empty());
        if let Some(search) = &mut self.search {
            search.end = Some(End::Failed(error.clone()));
        }
    }

    /// Shows the view.
    pub(super) fn ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        let ground = Frame::new().fill(theme::palette(ui).window).inner_margin(theme::panel_margin());
        CentralPanel::default().frame(ground).show(ui, |ui| match &self.search {
            None => empty_ui(ui, scene),
            Some(search) => search.ui(ui, scene),
        });
    }
}

impl Search {
    fn ui(&self, ui: &mut Ui, scene: &mut Scene<'_>) {
        ui.horizontal(|ui| {
            ui.set_min_height(theme::ROW);
            self.state_ui(ui, scene);
            if self.end.is_some() {
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| find_ui(ui, scene, false));
            }
        });
        match &self.end {
            Some(End::Failed(error)) if !error.is_cancelled() => messages::error_ui(ui, error),
            Some(End::Done(found)) if found.suggestion.is_none() => {
                ui.label(theme::quiet(ui, capital(NO_FALL)));
            }
            _ => {}
        }
        if self.readings.is_empty() && self.end.is_some() {
            return;
        }
        ui.add_space(space::XS);
        ui.horizontal(|ui| {
            ui.label(theme::strong("Loss by learning rate"));
            ui.label(theme::quiet(ui, &self.about).size(theme::SMALL));
        });
        if let Some(rate) = plot_ui(ui, &self.readings, self.suggestion(), scene.settings.train.learning_rate)
            && !is_locked(scene)
        {
            scene.settings.train.set_learning_rate(rate);
        }
    }

    /// One line: what it is doing, or what it found and the button to take that.
    fn state_ui(&self, ui: &mut Ui, scene: &mut Scene<'_>) {
        match &self.end {
            None => {
                let progress = scene.job.filter(|job| job.kind == Kind::FindRate).and_then(|job| job.progress);
                ui.label(theme::section(progress.map_or("Preparing", |progress| progress.phase.title())));
            }
            Some(End::Failed(error)) => {
                let word = if error.is_cancelled() { "The search was cancelled" } else { "The search failed" };
                ui.label(theme::section(word));
            }
            Some(End::Done(_)) => match self.suggestion() {
                None => drop(ui.label(theme::section("No suggestion"))),
                Some(rate) => suggestion_ui(ui, scene, rate),
            },
        }
    }

    fn suggestion(&self) -> Option<f64> {
        match &self.end {
            Some(End::Done(found)) => Some(found.suggestion?.learning_rate),
            _ => None,
        }
    }
}

fn suggestion_ui(ui: &mut Ui, scene: &mut Scene<'_>, rate: f64) {
    let text = format::learning_rate(rate);
    ui.label(theme::section(format!("Suggested learning rate {text}")));
    let used = scene.settings.train.learning_rate == rate;
    let locked = is_locked(scene);
    let word = if used { format!("{text} is in use") } else { format!("Use {text}") };
    let button = primary(ui, !used && !locked, &word);
    let button = button.on_disabled_hover_text(if locked { LOCKED } else { "The form has it" });
    if button.on_hover_text("Puts it into the form").clicked() {
        scene.settings.train.set_learning_rate(rate);
    }
    ui.label(theme::quiet(ui, "or click a place in the plot")).on_hover_text(
        "Suggested is the lowest rate at which the loss has done 95 % of its fall, but at most a tenth of the rate at \
         which it diverged. A lower one is slower, a higher one may not settle.",
    );
}

const LOCKED: &str = "The form is locked while a run is under way";

/// Whether a run is under way, whose form must not change.
fn is_locked(scene: &Scene<'_>) -> bool {
    scene.job.is_some_and(|job| job.kind == Kind::Train)
}

fn empty_ui(ui: &mut Ui, scene: &mut Scene<'_>) {
    let text = "A few steps, each at a higher learning rate than the one before, show where learning is fast and where it \
         breaks. Nothing is kept of them but the curve.";
    empty::state(ui, icons::ICON_SHOW_CHART, "Which learning rate?", text, |ui| find_ui(ui, scene, true));
}

/// The button that starts a search; the one that is meant where nothing else is.
fn find_ui(ui: &mut Ui, scene: &mut Scene<'_>, first: bool) {
    let obstacle = super::obstacle(scene);
    let button = if first {
        primary(ui, obstacle.is_none(), FIND)
    } else {
        ui.add_enabled(obstacle.is_none(), egui::Button::new("Find again"))
    };
    let button = match &obstacle {
        Some(reason) => button.on_disabled_hover_text(reason),
        None => button.on_hover_text("With the settings of the form"),
    };
    if button.clicked() {
        scene.commands.push(Command::FindRate);
    }
    if let Some(reason) = obstacle.filter(|_| first) {
        ui.label(theme::quiet(ui, reason).size(theme::SMALL));
    }
}

/// Draws the curve; gives the rate at the place that was clicked.
fn plot_ui(ui: &mut Ui, readings: &[Reading], suggestion: Option<f64>, used: f64) -> Option<f64> {
    let colours = theme::palette(ui);
    let sweep = SweepConfig::for_tune(Tune::Head);
    let ends = [sweep.lowest.log10() - EDGE, sweep.highest.log10() + EDGE];
    let most = highest(readings);
    let plot = Plot::new("loss by learning rate")
        .height(ui.available_height())
        .sense(Sense::CLICK) // without a place in the order of Tab: the rate can be typed into the form
        .allow_zoom(false)
        .allow_drag(false)
        .allow_scroll(false)
        .allow_boxed_zoom(false)
        .allow_double_click_reset(false)
        .y_axis_min_width(AXIS)
        .x_grid_spacer(powers_of_ten)
        .x_axis_formatter(|mark, _| format::learning_rate(10.0_f64.powf(mark.value)))
        .grid_color(colours.line)
        .cursor_color(colours.quiet)
        .label_formatter(|at| Some(hover_text(readings, at)));
    let shown = plot.show(ui, |plot| {
        plot.set_plot_bounds(PlotBounds::from_min_max([ends[0], 0.0], [ends[1], most]));
        let points = |loss: fn(&Reading) -> f64| -> Vec<[f64; 2]> {
            readings.iter().map(|reading| [reading.learning_rate.log10(), loss(reading)]).collect()
        };
        let line = |name: &str, points: Vec<[f64; 2]>| Line::new(name, PlotPoints::from(points)).allow_hover(false);
        let colour = colours.runs[0];
        plot.line(line("raw", points(|r| r.loss)).color(colour.gamma_multiply(0.3)).width(1.0));
        plot.line(line("smoothed", points(|r| r.smoothed)).color(colour).width(2.0));
        // Of two marks the lower one has its word on its left, the higher one on its right.
        let lower = suggestion.map(|suggested| used < suggested);
        if suggestion != Some(used) {
            let style = LineStyle::Dotted { spacing: 5.0 };
            mark(plot, ("in the form", used), (style, colours.quiet), lower == Some(true), most);
        }
        if let Some(rate) = suggestion {
            let style = LineStyle::Dashed { length: 7.0 };
            mark(plot, ("suggested", rate), (style, colours.text), lower == Some(false) && rate != used, most);
        }
    });
    let summary = || summary(readings, suggestion, used);
    shown.response.widget_info(|| WidgetInfo::labeled(Role::Image, true, summary()));
    let at = shown.response.interact_pointer_pos().filter(|_| shown.response.clicked())?;
    let rate = 10.0_f64.powf(shown.transform.value_from_position(at).x);
    Some(rounded(rate.clamp(sweep.lowest, sweep.highest), 2))
}

/// The plot in a line, for those who do not see it.
fn summary(readings: &[Reading], suggestion: Option<f64>, used: f64) -> String {
    let rate = format::learning_rate;
    let lowest = readings.iter().min_by(|a, b| a.smoothed.total_cmp(&b.smoothed));
    let lowest = lowest.map_or_else(String::new, |reading| {
        format!(", lowest {:.4} at rate {}", reading.smoothed, rate(rounded(reading.learning_rate, 2)))
    });
    let suggested = suggestion.map_or_else(String::new, |suggested| format!(", suggested {}", rate(suggested)));
    format!("Loss by learning rate{lowest}{suggested}, in the form {}", rate(used))
}

/// An upright line at a rate, with a word and the rate beside its top.
fn mark(plot: &mut PlotUi<'_>, (word, rate): (&str, f64), (style, colour): (LineStyle, Color32), left: bool, top: f64) {
    let x = rate.log10();
    plot.vline(VLine::new(word, x).color(colour).width(1.5).style(style).allow_hover(false));
    let (anchor, gap) = if left { (Align2::RIGHT_CENTER, -0.04) } else { (Align2::LEFT_CENTER, 0.04) };
    let text = RichText::new(format!("{word} {}", format::learning_rate(rate))).size(theme::SMALL).color(colour);
    plot.text(Text::new(word, PlotPoint::new(x + gap, 0.97 * top), text).anchor(anchor).allow_hover(false));
}

/// The top of the plot: the smoothed losses up to the lowest one have room, the explosion after it has not.
fn highest(readings: &[Reading]) -> f64 {
    let lowest = readings.iter().enumerate().min_by(|(_, a), (_, b)| a.smoothed.total_cmp(&b.smoothed));
    let before = readings.iter().take(lowest.map_or(0, |(index, _)| index) + 1).map(|reading| reading.smoothed);
    let highest = before.fold(0.0, f64::max);
    if highest > 0.0 { highest * ROOM } else { 1.0 }
}

/// A line at each power of ten, fainter ones at its multiples.
fn powers_of_ten(input: GridInput) -> Vec<GridMark> {
    let (from, to) = input.bounds;
    let powers = from.floor() as i32..=to.ceil() as i32;
    powers
        .flat_map(|power| {
            (1..10).map(move |multiple| GridMark {
                value: f64::from(power) + f64::from(multiple).log10(),
                // Only marks as far apart as a whole power bear a number.
                step_size: if multiple == 1 { 1.0 } else { 0.1 },
            })
        })
        .filter(|mark| (from..=to).contains(&mark.value))
        .collect()
}

/// Rate and loss under the pointer.
fn hover_text(readings: &[Reading], at: &HoverPosition<'_>) -> String {
    let (HoverPosition::Elsewhere { position } | HoverPosition::NearDataPoint { position, .. }) = at;
    let rate = 10.0_f64.powf(position.x);
    let text = format!("rate {}", format::learning_rate(rounded(rate, 2)));
    let away = |reading: &&Reading| (reading.learning_rate.log10() - position.x).abs();
    let nearest = readings.iter().min_by(|a, b| away(a).total_cmp(&away(b))).filter(|reading| away(reading) < 0.1);
    let loss = nearest.map(|reading| format!(" · loss {:.4}\n", reading.smoothed)).unwrap_or_else(|| "\n".to_owned());
    format!("{text}{loss}click to use it")
}

/// With a capital letter, to begin a line.
fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(learning_rate: f64, smoothed: f64) -> Reading {
        Reading { learning_rate, loss: smoothed, smoothed }
    }

    #[test]
    fn the_explosion_does_not_flatten_the_curve() {
        let readings = [reading(1e-4, 0.7), reading(1e-3, 0.2), reading(1e-2, 0.1), reading(0.1, 40.0)];
        assert!((highest(&readings) - 0.91).abs() < 1e-9);
        assert_eq!(highest(&[]), 1.0);
    }

    #[test]
    fn the_plot_is_told_in_words() {
        let readings = [reading(1e-3, 0.2), reading(1e-2, 0.1)];
        let told = summary(&readings, Some(0.002), 1e-3);
        assert_eq!(told, "Loss by learning rate, lowest 0.1000 at rate 0.01, suggested 0.002, in the form 0.001");
        assert_eq!(summary(&[], None, 1e-3), "Loss by learning rate, in the form 0.001");
    }

    #[test]
    fn each_power_of_ten_has_its_line() {
        let input = GridInput { bounds: (-6.0, 1.0), base_step_size: 0.05 };
        let marks = powers_of_ten(input);
        let powers: Vec<f64> = marks.iter().filter(|mark| mark.step_size == 1.0).map(|mark| mark.value).collect();
        assert_eq!(powers, [-6.0, -5.0, -4.0, -3.0, -2.0, -1.0, 0.0, 1.0]);
        assert_eq!(marks.len(), 7 * 9 + 1);
    }
}
