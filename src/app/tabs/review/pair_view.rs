//! The open run beside another one: what it mended of it and what it broke.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use egui::{Align2, ComboBox, FontId, Label, Rect, Sense, Ui, pos2, vec2};

use super::figures::{Cell, cell_ui};
use super::run_choice;
use crate::app::command::Command;
use crate::app::messages;
use crate::app::scene::Scene;
use crate::app::session::Session;
use crate::app::theme::{self, icons, space};
use crate::app::widgets::empty;
use crate::app::widgets::form::{self, choices};
use crate::app::widgets::grid::GridState;
use crate::dataset::Class;
use crate::error::Result;
use crate::export::figures;
use crate::format;
use crate::review::paired::{Pair, Paired, Scope};
use crate::review::predictions::Prediction;
use crate::review::threshold::Threshold;
use crate::train::run_dir;

/// Room at the left of the matrix for the names of its rows.
const NAMES: f32 = 100.0;
/// Width and height of a cell.
const CELL: [f32; 2] = [104.0, 54.0];
/// The scopes, with what they mean.
const SCOPES: [(Scope, &str, &str); 2] = [
    (Scope::Held, "Held back from both", "Photos that neither run was trained on"),
    (Scope::All, "All photos", "Photos that one of them may have been trained on flatter it"),
];

/// What a run says, without where the photos lie.
pub type Said = (Vec<Prediction>, Threshold);

/// What the view remembers.
#[derive(Default)]
pub(super) struct PairView {
    /// The run that the open one is compared with.
    other: Option<PathBuf>,
    said: Option<Result<Arc<Said>>>,
    scope: Scope,
    cell: Option<Pair>,
    key: Option<(u64, Threshold, Scope)>,
    paired: Option<Paired>,
    /// What the grid was made from.
    shown: Option<Pair>,
    pub(super) order: Vec<usize>,
    pub(super) revision: u64,
    pub(super) grid: GridState,
}

impl PairView {
    /// Another run is open: the comparison is worked out anew, and one with itself ends.
    pub(super) fn run_opened(&mut self, run: Option<&Path>) {
        self.key = None;
        if self.other.as_deref() == run {
            (self.other, self.said) = (None, None);
        }
    }

    /// A run has another path, or none any more.
    pub(super) fn run_moved(&mut self, from: &Path, to: Option<&Path>) {
        if self.other.as_deref() == Some(from) {
            self.other = to.map(Path::to_owned);
            if to.is_none() {
                (self.said, self.key, self.paired) = (None, None, None);
            }
        }
    }

    /// What the other run says has come.
    pub(super) fn said_arrived(&mut self, run: &Path, result: Result<Said>) {
        if self.other.as_deref() == Some(run) {
            self.said = Some(result.map(Arc::new));
            self.key = None;
        }
    }

    /// Shows everything but the grid. Says whether there are photos for one.
    pub(super) fn ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) -> bool {
        self.choice_ui(ui, scene);
        match &self.said {
            None if self.other.is_none() => {
                let text = "Choose another run of these photos above, and see what the open one mended of it and what it \
                            broke.";
                empty::state(ui, icons::ICON_FACT_CHECK, "Two runs on the same photos", text, |_| {});
                return false;
            }
            None => {
                ui.label(theme::quiet(ui, "Reading what it said"));
                return false;
            }
            Some(Err(error)) => {
                messages::error_ui(ui, error);
                return false;
            }
            Some(Ok(said)) => {
                let said = Arc::clone(said);
                self.update(scene.session, &said);
            }
        }
        let Some(paired) = self.paired.take() else { return false };
        let any = self.paired_ui(ui, &paired, scene);
        self.paired = Some(paired);
        any
    }

    fn choice_ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        ui.horizontal_wrapped(|ui| {
            let label = ui.label(theme::strong("Compare with"));
            let open = scene.session.verdict.as_ref().and_then(|verdict| verdict.run.clone());
            let name = self.other.as_deref().map_or_else(|| "choose a run".to_owned(), run_dir::name);
            let mut picked = None;
            ui.label_inputs_by(label.id, |ui| {
                let list = ComboBox::from_id_salt("other run").selected_text(name).width(220.0).truncate();
                form::combo(ui, list, |ui| {
                    let others = scene.runs.iter().filter(|run| run.finished && Some(&run.path) != open.as_ref());
                    let mut any = false;
                    for run in others.filter(|run| is_of_open(run, scene.session)) {
                        any = true;
                        let chosen = self.other.as_ref() == Some(&run.path);
                        if ui.selectable_label(chosen, run.name.as_str()).clicked() {
                            picked = Some(run.path.clone());
                        }
                    }
                    if !any {
                        ui.label(theme::quiet(ui, "There is no other run of these photos yet"));
                    }
                });
            });
            if let Some(run) = picked {
                (self.said, self.paired, self.key) = (None, None, None);
                scene.commands.push(Command::ReadRun(run.clone()));
                self.other = Some(run);
            }
            choices(ui, &mut self.scope, &SCOPES);
        });
    }

    /// Compares, where photos, labels, threshold or scope are others.
    fn update(&mut self, session: &Session, said: &Said) {
        let key = Some((session.revision, session.threshold(), self.scope));
        let Some(verdict) = session.verdict.as_deref() else { return };
        if self.key != key || self.paired.is_none() {
            self.key = key;
            let sample_of = sample_of(verdict.predictions.len(), &verdict.of_sample);
            let label = |at: usize| session.item((*sample_of.get(at)?)?).and_then(|item| item.sample.label);
            let second = (verdict.predictions.as_slice(), session.threshold());
            self.paired = Some(Paired::of((&said.0, said.1), second, self.scope, label));
            self.shown = None;
        }
        if self.shown.is_none() {
            self.list(session);
        }
    }

    /// The photos of the chosen cell, the worst first.
    fn list(&mut self, session: &Session) {
        let Some((paired, verdict)) = self.paired.as_ref().zip(session.verdict.as_deref()) else { return };
        let summary = paired.summary();
        let first = if summary.broken > 0 { Pair::Broken } else { Pair::Mended };
        let cell = self.cell.unwrap_or(first);
        let sample_of = sample_of(verdict.predictions.len(), &verdict.of_sample);
        let mut photos: Vec<(f32, usize)> = paired
            .photos
            .iter()
            .filter(|photo| photo.pair == cell)
            .filter_map(|photo| {
                let index = (*sample_of.get(photo.index)?)?;
                let loss = session.item(index).and_then(|item| item.loss()).unwrap_or(0.0);
                Some((loss, index))
            })
            .collect();
        photos.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        self.order = photos.into_iter().map(|(_, index)| index).collect();
        self.revision += 1;
        self.shown = Some(cell);
        if self.grid.selected.is_none_or(|index| !self.order.contains(&index))
            && let Some(first) = self.order.first()
        {
            self.grid.select(*first);
        }
    }

    fn paired_ui(&mut self, ui: &mut Ui, paired: &Paired, scene: &mut Scene<'_>) -> bool {
        let summary = paired.summary();
        if summary.photos == 0 {
            let text = "The two runs have no labelled photos in common here. Try all photos instead.";
            empty::state(ui, icons::ICON_SEARCH_OFF, "Nothing to compare", text, |_| {});
            return false;
        }
        let other = self.other.as_deref().map_or_else(String::new, run_dir::name);
        ui.horizontal_top(|ui| {
            if let Some(cell) = self.matrix_ui(ui, paired) {
                (self.cell, self.shown) = (Some(cell), None);
            }
            ui.add_space(space::M);
            ui.vertical(|ui| {
                ui.set_max_width(ui.available_width().max(200.0));
                let both = |pair| Class::ALL.map(|truth| format::count(paired.count(pair, Some(truth)) as u64));
                let [alarms, misses] = both(Pair::Mended);
                ui.label(theme::section(format!("Mended {}, broke {}", summary.mended, summary.broken)));
                ui.label(format!("Mended: {alarms} false alarms and {misses} misses of {other}"));
                let [alarms, misses] = both(Pair::Broken);
                ui.label(format!("Broke: {alarms} are false alarms now and {misses} misses"));
                if let Some(((difference, bounds), p)) = summary.difference.zip(summary.interval).zip(summary.p_value) {
                    let text = format!(
                        "Accuracy {difference:+.4}, 95 % interval {:+.4} to {:+.4} · McNemar's p {}",
                        bounds.low,
                        bounds.high,
                        figures::p_value(p)
                    );
                    let hint = "How probable so uneven a count of mended and broken photos is if neither run is better";
                    ui.add(Label::new(theme::quiet(ui, text)).wrap()).on_hover_text(hint);
                }
                if summary.unsure > 0 {
                    let text = format!("{} for a person in one of them are left out", format::photos(summary.unsure));
                    ui.label(theme::quiet(ui, text).size(theme::SMALL));
                }
            });
        });
        self.list_if_stale(scene.session, paired);
        let cell = self.shown.map_or("", Pair::words);
        let text = format!("{} {cell}, as the open run sees them", format::photos(self.order.len()));
        ui.label(theme::quiet(ui, text));
        true
    }

    fn list_if_stale(&mut self, session: &Session, paired: &Paired) {
        if self.shown.is_none() {
            self.paired = Some(paired.clone());
            self.list(session);
        }
    }

    /// The four cells; returns one that was pressed.
    fn matrix_ui(&self, ui: &mut Ui, paired: &Paired) -> Option<Pair> {
        let colours = theme::palette(ui);
        let [width, height] = CELL;
        let size = vec2(NAMES + 2.0 * width + space::XS, 20.0 + 2.0 * height + space::XS);
        let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
        let small = FontId::proportional(theme::SMALL);
        let most = Pair::ALL.as_flattened().iter().map(|pair| paired.count(*pair, None)).max().unwrap_or(0);
        let mut pressed = None;
        for (row, (pairs, name)) in Pair::ALL.iter().zip(["other run right", "other run wrong"]).enumerate() {
            let y = rect.top() + 20.0 + row as f32 * (height + space::XS);
            let at = pos2(rect.left(), y + height / 2.0);
            ui.painter().text(at, Align2::LEFT_CENTER, name, small.clone(), colours.quiet);
            for (column, (pair, above)) in pairs.iter().zip(["open run right", "open run wrong"]).enumerate() {
                let x = rect.left() + NAMES + column as f32 * (width + space::XS);
                let at = pos2(x + width / 2.0, rect.top() + 8.0);
                if row == 0 {
                    ui.painter().text(at, Align2::CENTER_CENTER, above, small.clone(), colours.quiet);
                }
                let count = paired.count(*pair, None);
                let tint = match pair {
                    Pair::Mended => colours.accent,
                    Pair::Broken => colours.error,
                    Pair::BothRight | Pair::BothWrong => colours.quiet,
                };
                let cell = Cell {
                    name: format!("{}: {}", pair.words(), format::photos(count)),
                    below: pair.words().to_owned(),
                    count,
                    most,
                    tint,
                    chosen: self.shown == Some(*pair),
                };
                let place = Rect::from_min_size(pos2(x, y), vec2(width, height));
                if cell_ui(ui, place, ("pair", row, column), &cell).clicked() {
                    pressed = Some(*pair);
                }
            }
        }
        pressed
    }
}

/// For each prediction the photo of the open data set that it speaks of.
fn sample_of(predictions: usize, of_sample: &[Option<usize>]) -> Vec<Option<usize>> {
    let mut sample_of = vec![None; predictions];
    for (sample, prediction) in of_sample.iter().enumerate() {
        if let Some(slot) = prediction.and_then(|prediction| sample_of.get_mut(prediction)) {
            *slot = Some(sample);
        }
    }
    sample_of
}

/// Whether a run is of the open photos: of the same folders, whatever part of them it took.
fn is_of_open(run: &run_dir::RunSummary, session: &Session) -> bool {
    session.dataset.as_ref().is_some_and(|dataset| run_choice::is_of(run, dataset))
}
