//! What is known of a photo, in two columns.

use std::path::Path;

use egui::{Align, Label, Layout, Response, RichText, Ui, WidgetText, vec2};

use crate::app::session::{Item, Session};
use crate::app::theme::{self, icons, space};
use crate::app::widgets::form;
use crate::dataset::{Mark, Sample};
use crate::error::Result;
use crate::format;
use crate::nn::explain::Cam;
use crate::photo::exif::Facts;

/// Width of the names.
const NAMES: f32 = 72.0;
/// Height of a line.
const LINE: f32 = 22.0;

/// What is to be said of the heat map.
#[derive(Clone, Copy)]
pub enum Why<'a> {
    /// Nothing: it is not shown.
    NotAsked,
    /// It is on its way.
    Computing,
    /// How it comes to the prediction.
    Sum(&'a Cam),
}

/// Name, label, prediction and file. `facts` is `None` while the file is being read.
pub fn ui(ui: &mut Ui, session: &Session, item: &Item<'_>, facts: Option<&Result<Facts>>, why: Why<'_>) {
    ui.spacing_mut().item_spacing = vec2(space::S, 6.0);
    ui.add_space(space::XS);
    heading(ui, item);
    table(ui, |rows| {
        said(rows, session, item);
        sum(rows, why);
    });
    ui.separator();
    table(ui, |rows| file(rows, session, item, facts));
}

/// The photo's name, and a button that copies its path.
fn heading(ui: &mut Ui, item: &Item<'_>) {
    let path = item.sample.path.display().to_string();
    ui.horizontal(|ui| {
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if form::icon_button(ui, icons::ICON_FILE_COPY, "Copy the path").clicked() {
                ui.ctx().copy_text(path.clone());
            }
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                ui.add(Label::new(theme::strong(name(item)).size(15.0)).truncate()).on_hover_text(path);
            });
        });
    });
}

fn name(item: &Item<'_>) -> String {
    let path = &item.sample.path;
    path.file_name().map_or_else(|| item.sample.file.clone(), |name| name.to_string_lossy().into_owned())
}

fn said(rows: &mut Rows<'_>, session: &Session, item: &Item<'_>) {
    let colours = theme::palette(rows.ui);
    label(rows, item.sample);
    if !item.sample.tags.is_empty() {
        rows.add("Tags", item.sample.tags.join(", "));
    }
    if let Some(problem) = session.unreadable.get(&item.sample.file) {
        rows.add("Problem", RichText::new(&problem.reason).color(colours.error));
    }
    let Some(prediction) = item.prediction else {
        if session.verdict.is_some() {
            rows.add("Prediction", theme::quiet(rows.ui, "none: the run did not see this photo"));
        }
        return;
    };
    let confidence = prediction.confidence(item.threshold);
    rows.add_with("Prediction", "The class that the model says, and how sure it is of it: 0.50 is a guess", |ui| {
        match item.predicted() {
            Some(class) => {
                ui.label(theme::class_text(ui, class));
                ui.label(theme::strong(format!("{confidence:.2}")));
            }
            None => drop(ui.label(RichText::new("? for a person").color(colours.warning))),
        }
        if item.outcome().is_some_and(|outcome| !outcome.is_correct()) {
            ui.label(RichText::new("wrong").color(colours.error));
        }
    });
    rows.add_with("p(crack)", "The model's probability that the photo shows a crack", |ui| {
        ui.label(format!("{:.2}", prediction.p_positive));
        ui.label(theme::quiet(ui, format!("cracked from {:.2} on", item.threshold.at)).size(theme::SMALL));
    });
    if let Some(loss) = prediction.loss() {
        rows.add("Loss", format!("{loss:.3}"))
            .on_hover_text("Cross entropy: 0 where the model is sure and right, large where it is sure and wrong");
    }
    if let Some(part) = prediction.part {
        let part = if part == crate::dataset::split::Part::Train { "training" } else { "validation" };
        rows.add("Split", part).on_hover_text("The side of the split that the photo was on when this run was trained");
    }
    if let Some(verdict) = &session.verdict {
        let model = rows.add("Model", verdict.name.as_str());
        match &verdict.run {
            Some(run) => model.on_hover_text(run.display().to_string()),
            None => model.on_hover_text("Each photo is judged by a last layer that was trained without it"),
        };
    }
}

/// How the heat map adds up to the prediction: it is exact, so it does.
fn sum(rows: &mut Rows<'_>, why: Why<'_>) {
    let side = crate::photo::INPUT_SIZE;
    let text = match why {
        Why::NotAsked => return,
        Why::Computing => "…".to_owned(),
        Why::Sum(cam) => {
            let sign = if cam.bias < 0.0 { '−' } else { '+' };
            format!("map {:.2} {sign} bias {:.2} = {:.2}", cam.evidence(), cam.bias.abs(), cam.logit())
                .replace('-', "−")
        }
    };
    rows.add("Logit", text).on_hover_text(
        "The mean of the heat map and the bias of the last layer add up to the logit, cracked minus intact; the \
         probability is 1 / (1 + e^−logit)",
    );
    let p = match why {
        Why::Sum(cam) => format!("p {:.2}, seen as {side} × {side} pixels", cam.p_positive),
        _ => "…".to_owned(),
    };
    rows.add("", p).on_hover_text(
        "The heat map explains this very prediction: of the whole photo, stretched to what the network takes",
    );
}

/// The label in force, and what was found where that is another.
fn label(rows: &mut Rows<'_>, sample: &Sample) {
    let said = sample.said().or(sample.label.map(Mark::Class));
    rows.add_with("Label", "What the photo is said to show", |ui| {
        _ = match said {
            Some(Mark::Class(class)) => ui.label(theme::class_text(ui, class)),
            Some(mark) => ui.label(mark.word()),
            None => ui.label(theme::quiet(ui, "none")),
        };
        if sample.is_corrected() {
            let text = format!("found: {}", sample.found.map_or("no label", Mark::word));
            ui.label(theme::quiet(ui, text).size(theme::SMALL));
        } else if sample.correction.is_some() {
            ui.label(theme::quiet(ui, "confirmed").size(theme::SMALL));
        }
    });
}

fn file(rows: &mut Rows<'_>, session: &Session, item: &Item<'_>, facts: Option<&Result<Facts>>) {
    match facts {
        Some(Ok(facts)) => {
            let (width, height) = (format::count(facts.width), format::count(facts.height));
            rows.add("Pixels", format!("{width} × {height}"));
            rows.add("Size", format!("{} · {}", format::bytes(facts.bytes), facts.format));
            match &facts.taken {
                Some(taken) => rows.add("Taken", taken.as_str()),
                None => rows.add("Taken", theme::quiet(rows.ui, "not recorded")),
            }
            .on_hover_text("By the camera's clock, as the file's EXIF data say");
            if let Some(camera) = &facts.camera {
                rows.add("Camera", camera.as_str());
            }
            if let Some(place) = &facts.place {
                rows.add("Place", place.to_string())
                    .on_hover_text("By the camera's satellite receiver, as the file's EXIF data say");
            }
        }
        Some(Err(error)) => {
            rows.add("Size", format::bytes(item.sample.bytes));
            let reason = error.details().first().map_or(error.title(), String::as_str);
            rows.add("Problem", RichText::new(reason).color(theme::palette(rows.ui).error));
        }
        None => {
            // As many lines as there will be, so that nothing jumps.
            rows.add("Pixels", theme::quiet(rows.ui, "…"));
            rows.add("Size", format::bytes(item.sample.bytes));
            rows.add("Taken", theme::quiet(rows.ui, "…"));
        }
    }
    let dataset = session.dataset.as_ref();
    let path = dataset.map_or_else(|| item.sample.path.clone(), |dataset| dataset.shown_path(item.sample));
    let folder = path.parent().unwrap_or(Path::new("")).display().to_string();
    rows.row("Folder", |ui| ui.add(Label::new(folder).selectable(true).wrap()));
}

fn table(ui: &mut Ui, rows: impl FnOnce(&mut Rows<'_>)) {
    ui.scope(|ui| {
        ui.spacing_mut().interact_size.y = LINE;
        ui.spacing_mut().item_spacing.y = 2.0;
        rows(&mut Rows { ui });
    });
}

/// The rows of a table.
struct Rows<'a> {
    ui: &'a mut Ui,
}

impl Rows<'_> {
    /// A name and its value.
    fn add(&mut self, name: &str, value: impl Into<WidgetText>) -> Response {
        let value = value.into();
        self.row(name, |ui| ui.label(value))
    }

    /// A name, what it means, and several values side by side.
    fn add_with(&mut self, name: &str, hint: &str, values: impl FnOnce(&mut Ui)) {
        let response = self.row(name, |ui| {
            values(ui);
            ui.response()
        });
        if !hint.is_empty() {
            response.on_hover_text(hint);
        }
    }

    /// The name stands beside the first line of the value.
    fn row<R>(&mut self, name: &str, value: impl FnOnce(&mut Ui) -> R) -> R {
        let name = theme::quiet(self.ui, name);
        self.ui
            .horizontal_top(|ui| {
                let size = vec2(NAMES, LINE);
                ui.allocate_ui_with_layout(size, Layout::left_to_right(Align::Center), |ui| {
                    ui.set_min_width(NAMES);
                    ui.label(name);
                });
                ui.horizontal_wrapped(value).inner
            })
            .inner
    }
}
