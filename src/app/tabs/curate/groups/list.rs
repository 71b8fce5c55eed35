//! The groups, largest first, and the photos of one of them; merging and splitting.

use std::collections::BTreeSet;
use std::sync::Arc;

use egui::text::{LayoutJob, TextWrapping};
use egui::{
    Button, CentralPanel, FontId, Frame, Label, Panel, Response, Role, ScrollArea, Sense, Stroke, StrokeKind, Ui,
    WidgetInfo, vec2,
};

use super::sources::capital;
use crate::app::command::Command;
use crate::app::scene::Scene;
use crate::app::session::Session;
use crate::app::theme::{self, icons, space};
use crate::app::widgets::empty;
use crate::app::widgets::grid::{Grid, GridState};
use crate::app::widgets::marking;
use crate::app::worker::curation::{Edit, Grouped};
use crate::dataset::Class;
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
    /// The session's count of changes: titles count labels.
    labels: u64,
    /// The groups, and last the photos by themselves.
    lines: Vec<Line>,
}

struct Line {
    photos: Vec<usize>,
    title: String,
    reasons: String,
    by_hand: bool,
    /// Or else photos that are each by themselves.
    is_group: bool,
}

impl Shown {
    fn of(grouped: &Arc<Grouped>, session: &Session) -> Self {
        let line = |photos: Vec<usize>| {
            let reasons = grouped.grouping.reasons(&photos);
            let words: Vec<&str> = reasons.iter().map(|reason| reason.title()).collect();
            Line {
                title: title(session, &photos),
                reasons: capital(&words.join(", ")),
                by_hand: reasons.contains(&Reason::ByHand),
                is_group: true,
                photos,
            }
        };
        let mut lines: Vec<Line> = grouped.grouping.sets().into_iter().map(line).collect();
        let alone: Vec<usize> =
            grouped.grouping.groups.sets().into_iter().filter(|set| set.len() == 1).flatten().collect();
        if !alone.is_empty() {
            let title = title(session, &alone);
            lines.push(Line {
                title,
                reasons: "Each by itself".to_owned(),
                by_hand: false,
                is_group: false,
                photos: alone,
            });
        }
        Self { of: Arc::clone(grouped), labels: session.revision, lines }
    }
}

/// `148 photos ▲ 100 ● 48`.
fn title(session: &Session, photos: &[usize]) -> String {
    let label = |photo: &usize| session.item(*photo).and_then(|item| item.sample.label);
    let count = |class| photos.iter().filter(|photo| label(photo) == Some(class)).count();
    let [intact, cracked] = Class::ALL.map(count);
    let marked = |class, n: usize| {
        if n > 0 { format!("  {} {}", theme::mark(class), format::count(n as u64)) } else { String::new() }
    };
    let [negative, positive] = Class::ALL;
    format!("{}{}{}", format::photos(photos.len()), marked(positive, cracked), marked(negative, intact))
}

impl ListView {
    /// Shows the groups.
    pub(super) fn ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>, grouped: &Arc<Grouped>) {
        self.take(grouped, scene.session);
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

    /// Other groups, other photos, or other labels.
    fn take(&mut self, grouped: &Arc<Grouped>, session: &Session) {
        let known = self.shown.as_ref().filter(|shown| Arc::ptr_eq(&shown.of, grouped));
        match known {
            Some(shown) if shown.labels == session.revision => {}
            Some(_) => self.shown = Some(Shown::of(grouped, session)),
            None => self.take_groups(grouped, session),
        }
    }

    fn take_groups(&mut self, grouped: &Arc<Grouped>, session: &Session) {
        let same = self.shown.as_ref().is_some_and(|shown| Arc::ptr_eq(&shown.of.dataset, &grouped.dataset));
        let shown = Shown::of(grouped, session);
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
        ui.horizontal_wrapped(|ui| {
            ui.label(theme::strong(line.title.clone()));
            ui.label(theme::quiet(ui, &line.reasons));
        });
        let chosen = self.grid.chosen(&line.photos);
        let asked = ui.horizontal_wrapped(|ui| {
            mark_button(ui, &chosen, &mut self.marked);
            let free = scene.job.is_none();
            let merge = merge_button(ui, free, &self.marked, grouped);
            merge.or_else(|| split_buttons(ui, free, &chosen, line, grouped))
        });
        ui.add_space(space::S);
        marking::bar(ui, &mut self.grid, &line.photos, scene.session, scene.settings, scene.commands);
        ui.add_space(space::S);
        let note = |photo: usize| self.marked.contains(&photo).then(|| "Marked".to_owned());
        let grid = Grid::new(GRID, &line.photos, CELL).revision(self.revision).notes(&note);
        let output = grid.show(ui, &mut self.grid, scene.thumbnails, |index| scene.session.item(index));
        marking::obey(&output, &mut self.grid, &line.photos, scene.settings.advance, scene.commands);
        scene.commands.extend(output.activated.map(Command::BrowseTo));
        scene.commands.extend(asked.inner.map(|edit| Command::FindGroups(Some(edit))));
    }
}

/// Marks the chosen photos, which may be of several groups in turn, or takes the marks off.
fn mark_button(ui: &mut Ui, chosen: &[usize], marked: &mut BTreeSet<usize>) {
    let all = !chosen.is_empty() && chosen.iter().all(|photo| marked.contains(photo));
    let text = if all { "Take the mark off" } else { "Mark" };
    let button = ui.add_enabled(!chosen.is_empty(), Button::new(text));
    if !button.on_hover_text("Marked photos, and all of their groups, can be put into one").clicked() {
        return;
    }
    for &photo in chosen {
        if all {
            marked.remove(&photo);
        } else {
            marked.insert(photo);
        }
    }
}

/// Puts the groups of the marked photos into one.
fn merge_button(ui: &mut Ui, free: bool, marked: &BTreeSet<usize>, grouped: &Grouped) -> Option<Edit> {
    let groups: BTreeSet<usize> = marked.iter().map(|i| grouped.grouping.groups.group_of(*i)).collect();
    let button = Button::new(format!("Merge {} marked", format::count(marked.len() as u64)));
    let button = ui.add_enabled(free && groups.len() > 1, button);
    let button = button.on_hover_text("Puts the groups of the marked photos into one");
    if !button.on_disabled_hover_text("Mark photos of two groups or more first").clicked() {
        return None;
    }
    let all = grouped.grouping.groups.sets();
    let all = all.iter().filter(|set| set.iter().any(|i| marked.contains(i))).flatten().copied();
    Some(Edit::Merge(grouped.names(all)))
}

/// Takes the chosen photos out of their group, or takes back what was said of it.
fn split_buttons(ui: &mut Ui, free: bool, chosen: &[usize], line: &Line, grouped: &Grouped) -> Option<Edit> {
    let text = if chosen.len() > 1 { "Split these photos out" } else { "Split this photo out" };
    let split = ui.add_enabled(free && line.is_group && !chosen.is_empty(), Button::new(text));
    let split = split.on_hover_text("Makes each chosen photo a group of its own; identical files stay together");
    if split.on_disabled_hover_text("Select a photo of a group first").clicked() {
        return Some(Edit::SplitOut(grouped.names(chosen.iter().copied())));
    }
    if !line.by_hand && line.is_group {
        return None;
    }
    let which = if line.is_group { line.photos.as_slice() } else { chosen };
    let forget = ui.add_enabled(free && !which.is_empty(), Button::new("Group as found"));
    let asked = forget.on_hover_text("Takes back what you said of these photos").clicked();
    asked.then(|| Edit::Forget(grouped.names(which.iter().copied())))
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
        let galley = |text: &str, size, colour| {
            let mut job = LayoutJob::simple_singleline(text.to_owned(), FontId::proportional(size), colour);
            job.wrap = TextWrapping::truncate_at_width(within.width());
            painter.layout_job(job)
        };
        let (title, reasons) = (galley(&line.title, theme::BODY, text), galley(&line.reasons, theme::SMALL, quiet));
        let below = within.left_bottom() - vec2(0.0, reasons.size().y);
        painter.galley(within.left_top(), title, text);
        painter.galley(below, reasons, quiet);
    }
    response.on_hover_text(&line.reasons)
}
