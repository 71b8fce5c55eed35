//! The threshold: dragged, chosen by cost or by target, with a band for a person, and stored in the run.

use egui::{Button, DragValue, RichText, Slider, SliderClamping, Ui};

use super::judged::Judged;
use crate::app::command::Command;
use crate::app::scene::Scene;
use crate::app::session::Session;
use crate::app::theme::{self, icons};
use crate::app::widgets::form::primary;
use crate::review::threshold::{Choice, Threshold, band};
use crate::train::run_dir;
use crate::train::run_threshold::Wanted;

/// Places that the slider can be dragged to.
const STEPS: f32 = 10_000.0;

/// What the controls remember.
pub(super) struct ThresholdControls {
    /// How the present one came about.
    choice: Choice,
    /// What the fields beside the buttons say.
    cost: f64,
    recall: f64,
    /// The share for a person.
    abstain: f64,
    /// Whether the run is being given a threshold.
    storing: bool,
}

impl Default for ThresholdControls {
    fn default() -> Self {
        Self { choice: Choice::default(), cost: 5.0, recall: 0.99, abstain: 0.0, storing: false }
    }
}

impl ThresholdControls {
    /// Another run is open, or this one has another threshold.
    pub(super) fn reset(&mut self, threshold: Threshold, of: &Judged) {
        self.choice = Choice::At(threshold.at);
        self.storing = false;
        let unsure = of.fitted_to.unsure(threshold);
        let share = unsure as f64 / of.fitted_to.len().max(1) as f64;
        // As it was asked for: the photos are at most that share.
        self.abstain = if threshold.unsure.is_some() { (share * 1000.0).ceil() / 1000.0 } else { 0.0 };
    }

    /// Storing has ended.
    pub(super) fn stored(&mut self) {
        self.storing = false;
    }

    /// The slider by itself, with what to do once it was moved.
    pub(super) fn small_ui(&mut self, ui: &mut Ui, judged: &Judged, scene: &mut Scene<'_>) {
        let mut at = scene.session.threshold().at;
        ui.horizontal(|ui| {
            let label = ui.label(theme::quiet(ui, "threshold"));
            ui.spacing_mut().slider_width = (ui.available_width() - 64.0).max(60.0);
            if ui.add(slider(&mut at)).labelled_by(label.id).changed() {
                self.drag_to(at, judged, scene);
            }
        });
        if scene.session.tried.is_some() {
            ui.horizontal(|ui| self.store_ui(ui, judged, scene));
        }
    }

    /// All of the controls.
    pub(super) fn ui(&mut self, ui: &mut Ui, judged: &Judged, scene: &mut Scene<'_>) {
        ui.horizontal(|ui| {
            let label = ui.label(theme::strong("Threshold"));
            let mut at = scene.session.threshold().at;
            ui.spacing_mut().slider_width = (ui.available_width() - 300.0).clamp(120.0, 480.0);
            if ui.add(slider(&mut at)).labelled_by(label.id).changed() {
                self.drag_to(at, judged, scene);
            }
            self.store_ui(ui, judged, scene);
        });
        ui.horizontal_wrapped(|ui| {
            self.choose_ui(ui, judged, scene);
            self.abstain_ui(ui, judged, scene);
        });
        let about = match self.choice {
            Choice::At(_) => String::new(),
            choice => format!("Now: {}. ", choice.words()),
        };
        let on = if judged.held_back {
            "Fitted to the validation photos, whichever photos are looked at."
        } else {
            "There are no validation photos here: fitted to all labelled ones, to be tried and not stored."
        };
        ui.label(theme::quiet(ui, about + on).size(theme::SMALL));
    }

    fn choose_ui(&mut self, ui: &mut Ui, judged: &Judged, scene: &mut Scene<'_>) {
        let label = ui.label(theme::quiet(ui, "A miss costs"));
        let cost =
            DragValue::new(&mut self.cost).range(0.1..=1000.0).speed(0.1).fixed_decimals(1).suffix(" false alarms");
        let changed = ui.add(cost).labelled_by(label.id).changed();
        let button =
            ui.button("Least cost").on_hover_text("Chooses the threshold of the lowest cost on the validation photos");
        if button.clicked() || (changed && matches!(self.choice, Choice::Cost(_))) {
            self.choose(Choice::Cost(self.cost), judged, scene);
        }
        ui.separator();
        let label = ui.label(theme::quiet(ui, "Find at least"));
        let mut percent = 100.0 * self.recall;
        let field = DragValue::new(&mut percent).range(1.0..=100.0).speed(0.1).fixed_decimals(1).suffix(" %");
        let changed = ui.add(field).labelled_by(label.id).changed();
        self.recall = percent / 100.0;
        let button = ui
            .button("Reach target")
            .on_hover_text("Chooses the highest threshold that finds this share of the cracked validation photos");
        if button.clicked() || (changed && matches!(self.choice, Choice::Recall(_))) {
            self.choose(Choice::Recall(self.recall), judged, scene);
        }
        ui.separator();
        if ui.button("Highest F1").clicked() {
            self.choose(Choice::F1, judged, scene);
        }
        ui.separator();
    }

    fn abstain_ui(&mut self, ui: &mut Ui, judged: &Judged, scene: &mut Scene<'_>) {
        let label = ui.label(theme::quiet(ui, "For a person"));
        let mut percent = 100.0 * self.abstain;
        let field = DragValue::new(&mut percent).range(0.0..=50.0).speed(0.1).fixed_decimals(1).suffix(" %");
        let field = ui.add(field).labelled_by(label.id);
        let field =
            field.on_hover_text("The share of photos, those nearest to the threshold, that a person is to decide on");
        if field.changed() {
            self.abstain = percent / 100.0;
            let at = scene.session.threshold().at;
            try_out(at, self.abstain, judged, scene);
        }
    }

    fn store_ui(&mut self, ui: &mut Ui, judged: &Judged, scene: &mut Scene<'_>) {
        let why_not = why_not_stored(scene.session, judged);
        let tried = scene.session.tried.is_some();
        let button = primary(ui, tried && why_not.is_none() && !self.storing, "Store in the run");
        let button = match why_not {
            Some(reason) => button.on_disabled_hover_text(reason),
            None => button.on_disabled_hover_text("It is what the run has"),
        };
        if button.on_hover_text("Model, tables, plots and card of the run then go by this threshold").clicked() {
            let wanted = Wanted { choice: self.choice, abstain: self.abstain, calibrate: false };
            self.storing = true;
            scene.commands.push(Command::StoreThreshold(wanted));
        }
        let stored = scene.session.verdict.as_ref().map(|verdict| verdict.threshold).unwrap_or_default();
        let text = theme::icon_text(icons::ICON_ARROW_BACK, &format!("Back to {}", shown(stored.at)));
        if ui.add_enabled(tried, Button::new(text)).on_hover_text("The threshold that is stored").clicked() {
            scene.commands.push(Command::TryThreshold(None));
            self.reset(stored, judged);
        }
    }

    /// Takes another threshold by hand.
    pub(super) fn drag_to(&mut self, at: f32, judged: &Judged, scene: &mut Scene<'_>) {
        // What merely rounds the present one for the eye is no change.
        if (at - scene.session.threshold().at).abs() < 0.5 / STEPS {
            return;
        }
        let at = (at.clamp(0.0, 1.0) * STEPS).round() / STEPS;
        self.choice = Choice::At(at);
        try_out(at, self.abstain, judged, scene);
    }

    fn choose(&mut self, choice: Choice, judged: &Judged, scene: &mut Scene<'_>) {
        if let Some(at) = choice.fit(&judged.fitted_to) {
            self.choice = choice;
            try_out(at, self.abstain, judged, scene);
        }
    }
}

/// From 0 to 1; what is shown has at most four digits after the point, what is held has all of them.
fn slider(at: &mut f32) -> Slider<'_> {
    let text = |p: f64, _| {
        let text = format!("{p:.4}");
        let short = text.trim_end_matches('0');
        if short.len() < 4 { format!("{p:.2}") } else { short.to_owned() }
    };
    Slider::new(at, 0.0..=1.0).smart_aim(false).custom_formatter(text).clamping(SliderClamping::Always)
}

fn try_out(at: f32, abstain: f64, judged: &Judged, scene: &mut Scene<'_>) {
    let threshold = Threshold { at, unsure: band(&judged.fitted_to, at, abstain) };
    scene.commands.push(Command::TryThreshold(Some(threshold)));
}

/// Why this run keeps its threshold, if so.
pub(super) fn why_not_stored(session: &Session, judged: &Judged) -> Option<&'static str> {
    let verdict = session.verdict.as_ref()?;
    match &verdict.run {
        None => Some("No single model said this, so there is no run to store it in"),
        Some(run) if run_dir::is_bundled(run) => Some("The program's own model keeps its threshold"),
        Some(_) if verdict.classified => Some("A run's threshold is fitted to its own validation photos: open these"),
        Some(_) if !judged.held_back => Some("A run without validation photos has nothing to fit a threshold to"),
        Some(_) => None,
    }
}

/// A threshold with as many digits as it needs, at least two.
pub(super) fn shown(at: f32) -> String {
    let text = at.to_string();
    if text.len() < 4 { format!("{at:.2}") } else { text }
}

/// What the band comes to, as a sentence.
pub(super) fn band_text(ui: &Ui, threshold: Threshold) -> Option<RichText> {
    let band = threshold.unsure?;
    Some(theme::quiet(ui, format!("from {} to {} for a person", shown(band.from), shown(band.to))).size(theme::SMALL))
}
