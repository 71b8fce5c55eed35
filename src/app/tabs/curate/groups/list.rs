//! The groups, largest first, and the photos of one of them; merging and splitting.

use std::collections::BTreeSet;
use std::sync::Arc;

use egui::{
    Align2, Button, CentralPanel, FontId, Frame, Label, Panel, Response, Role, ScrollArea, Sense, Stroke, StrokeKind,
    Ui, WidgetInfo, vec2,
};

use super::sources::capital;
use crate::app::command::Command;
use crate::app::scene::Scene;
use crate::app::theme::{self, icons, space};
use crate::app::widgets::empty;
use crate::app::widgets::grid::{Grid, GridState};
use crate::app::worker::curation::{Edit, Grouped};
use crate::format;
use crate::train::grouping::Reason;

/// Width of the list.
const LIST: f32 = 252.0;
/// Height of a line of the list.
const LINE: f32 = 44.0;
/// Side of a cell of the grid.
const CELL: f32 = 112.0;
/// The grid's name.
const GRID: &str = "groups";

/// What the list remembers.
#[derive(Default)]
pub(super) struct ListView {
    shown: Option<Shown>,
    /// The place in the list of the group that is open.
    open: usize,
    /// Photos that are to be put together.
    marked: BTreeSet<usize>,
    grid: GridState,
    revision: u64,
}

/// What follows from the groups, worked out once for each of them.
struct Shown {
    of: Arc<Grouped>,
    /// The groups, and last the photos by themselves.
    lines: Vec<Line>,
}

struct Line {
    photos: Vec<usize>,
    title: String,
    reasons: String,
    by_hand: bool,
}

impl Shown {
    fn of(grouped: &Arc<Grouped>) -> Self {
        let line = |photos: Vec<usize>| {
            let reasons = grouped.grouping.reasons(&photos);
            let words: Vec<&str> = reasons.iter().map(|reason| reason.title()).collect();
            Line {
                title: title(grouped, &photos),
                reasons: capital(&words.join(", ")),
                by_hand: reasons.contains(&Reason::ByHand),
                photos,
            }
        };
        let mut lines: Vec<Line> = grouped.grouping.sets().into_iter().map(line).collect();
        let alone: Vec<usize> =
            grouped.grouping.groups.sets().into_iter().filter(|set| set.len() == 1).flatten().collect();
        if !alone.is_empty() {
            let title = title(grouped, &alone);
            lines.push(Line { title, reasons: "Each by itself".to_owned(), by_hand: false, photos: alone });
        }
        Self { of: Arc::clone(grouped), lines }
    }
}

/// `148 photos ▲ 100 ● 48`.
fn title(grouped: &Grouped, photos: &[usize]) -> String {
    let [intact, cracked] = grouped.classes(photos);
    let marked = |class, n: usize| {
        if n > 0 { format!("  {} {}", theme::mark(class), format::count(n as u64)) } else { String::new() }
    };
    let [negative, positive] = crate::dataset::Class::ALL;
    format!("{}{}{}", format::photos(photos.len()), marked(positive, cracked), marked(negative, intact))
}

impl ListView {
    /// Shows the groups.
    pub(super) fn ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>, grouped: &Arc<Grouped>) {
        self.take(grouped);
        let Some(shown) = &self.shown else { return };
        if shown.lines.iter().all(|line| line.photos.len() < 2) {
            let text = "No two of these photos are known to belong together.";
            empty::state(ui, icons::ICON_CHECK, "No groups", text, |_| {});
            return;
        }
        let plain = Frame::new();
        let list = Panel::left("groups list").frame(plain).exact_size(LIST).resizable(false);
        let chosen = list.show_separator_line(false).show(ui, |ui| lines_ui(ui, &shown.lines, self.open)).inner;
        if let Some(chosen) = chosen {
            self.open = chosen;
            self.grid = GridState::default();
            self.revision += 1;
        }
        CentralPanel::default().frame(plain).show(ui, |ui| self.group_ui(ui, scene, grouped));
    }

    /// Other groups, or other photos.
    fn take(&mut self, grouped: &Arc<Grouped>) {
        if self.shown.as_ref().is_some_and(|shown| Arc::ptr_eq(&shown.of, grouped)) {
            return;
        }
        let same = self.shown.as_ref().is_some_and(|shown| Arc::ptr_eq(&shown.of.dataset, &grouped.dataset));
        let shown = Shown::of(grouped);
        // After a change by hand, the group of the selected photo is what one wants to see.
        let selected = self.grid.selected.filter(|_| same);
        let holds = |line: &Line| selected.is_some_and(|photo| line.photos.contains(&photo));
        self.open = shown.lines.iter().position(holds).unwrap_or(0);
        if !same {
            self.grid = GridState::default();
        }
        self.marked.clear();
        self.revision += 1;
        self.shown = Some(shown);
    }

    fn group_ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>, grouped: &Arc<Grouped>) {
        let Some(line) = self.shown.as_ref().and_then(|shown| shown.lines.get(self.open)) else { return };
        let is_group = line.reasons != "Each by itself";
        ui.horizontal_wrapped(|ui| {
            ui.label(theme::strong(line.title.clone()));
            ui.label(theme::quiet(ui, &line.reasons));
        });
        let free = scene.job.is_none();
        let selected = self.grid.selected.filter(|photo| line.photos.contains(photo));
        let mut asked = None;
        ui.horizontal_wrapped(|ui| {
            let marked = selected.is_some_and(|photo| self.marked.contains(&photo));
            let text = if marked { "Take the mark off" } else { "Mark" };
            let mark = ui.add_enabled(selected.is_some(), Button::new(text));
            if mark.on_hover_text("Marked photos, and all of their groups, can be put into one").clicked()
                && let Some(photo) = selected
                && !self.marked.remove(&photo)
            {
                self.marked.insert(photo);
            }
            let groups: BTreeSet<usize> = self.marked.iter().map(|i| grouped.grouping.groups.group_of(*i)).collect();
            let merge =
                ui.add_enabled(free && groups.len() > 1, Button::new(format!("Merge {} marked", self.marked.len())));
            let merge = merge.on_hover_text("Puts the groups of the marked photos into one");
            if merge.on_disabled_hover_text("Mark photos of two groups or more first").clicked() {
                let all = grouped.grouping.groups.sets();
                let all = all.iter().filter(|set| set.iter().any(|i| self.marked.contains(i))).flatten().copied();
                asked = Some(Edit::Merge(grouped.names(all)));
            }
            let split = ui.add_enabled(free && is_group && selected.is_some(), Button::new("Split this photo out"));
            let split =
                split.on_hover_text("Makes the selected photo a group of its own; identical files stay together");
            if split.on_disabled_hover_text("Select a photo of a group first").clicked() {
                asked = selected.map(|photo| Edit::SplitOut(grouped.names([photo])));
            }
            if line.by_hand || !is_group {
                let which = if is_group { line.photos.clone() } else { selected.into_iter().collect() };
                let forget = ui.add_enabled(free && !which.is_empty(), Button::new("As found"));
                if forget.on_hover_text("Takes back what you said of these photos").clicked() {
                    asked = Some(Edit::Forget(grouped.names(which)));
                }
            }
        });
        ui.add_space(space::S);
        let grid = Grid::new(GRID, &line.photos, CELL).revision(self.revision);
        let output = grid.show(ui, &mut self.grid, scene.thumbnails, |index| scene.session.item(index));
        scene.commands.extend(output.activated.map(Command::BrowseTo));
        scene.commands.extend(asked.map(|edit| Command::FindGroups(Some(edit))));
    }
}

/// The list; gives the line that was chosen.
fn lines_ui(ui: &mut Ui, lines: &[Line], open: usize) -> Option<usize> {
    let mut chosen = None;
    ui.spacing_mut().item_spacing.y = 0.0;
    ScrollArea::vertical().id_salt("groups list").auto_shrink(false).show_rows(ui, LINE, lines.len(), |ui, rows| {
        for place in rows {
            let Some(line) = lines.get(place) else { continue };
            if line_ui(ui, line, open == place).clicked() {
                chosen = Some(place);
            }
        }
    });
    if lines.is_empty() {
        ui.add(Label::new(theme::quiet(ui, "No photos")));
    }
    chosen
}

/// One group: how many photos, and why they are together.
fn line_ui(ui: &mut Ui, line: &Line, chosen: bool) -> Response {
    let size = vec2(ui.available_width() - space::M, LINE);
    let (room, response) = ui.allocate_exact_size(size, Sense::CLICK);
    let name = format!("{}: {}", line.title, line.reasons);
    response.widget_info(|| WidgetInfo::selected(Role::Button, ui.is_enabled(), chosen, &name));
    if ui.is_rect_visible(room) {
        let colours = theme::palette(ui);
        let rect = room.shrink2(vec2(0.0, 2.0));
        let visuals = ui.visuals();
        let fill = match (chosen, response.hovered()) {
            (true, _) => visuals.selection.bg_fill,
            (false, true) => colours.hovered,
            (false, false) => colours.panel,
        };
        let edge = if response.has_focus() { colours.accent } else { fill };
        ui.painter().rect(rect, theme::CORNER, fill, Stroke::new(1.0, edge), StrokeKind::Inside);
        let text = if chosen { visuals.selection.stroke.color } else { colours.text };
        let quiet = if chosen { text } else { colours.quiet };
        let within = rect.shrink2(vec2(space::S, 3.0));
        let painter = ui.painter().with_clip_rect(within.intersect(ui.clip_rect()));
        let small = FontId::proportional(theme::SMALL);
        painter.text(within.left_top(), Align2::LEFT_TOP, &line.title, FontId::proportional(theme::BODY), text);
        painter.text(within.left_bottom(), Align2::LEFT_BOTTOM, &line.reasons, small, quiet);
    }
    response.on_hover_text(&line.reasons)
}
