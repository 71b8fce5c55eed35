//! The cursor that keys move from cell to cell, and what they paint there.

use egui::{EventFilter, Id, Painter, Rect, Response, Role, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2, vec2};

use super::paint::{Brush, Paint, Tool};
use super::queue::SeenPhoto;
use super::{InspectTab, overlay, strip};
use crate::app::shortcuts::{self, Act, Place};
use crate::app::theme;
use crate::app::widgets::photo_view::Placed;
use crate::app::worker::inspection::name;
use crate::dataset::Class;
use crate::inspect::Grid;

/// Where the cursor is, and whether it is wanted.
#[derive(Default)]
pub(super) struct Cursor {
    /// The cell that it is on; none before it was first asked for.
    cell: Option<usize>,
    /// Whether the photo is to be given the keyboard.
    wanted: bool,
    /// Whether the photo had the keyboard in the frame before.
    held: bool,
}

/// What each tool is called by keys.
const TOOLS: [(Act, Tool); 3] = [(Act::Crack, Tool::Crack), (Act::NotACrack, Tool::Intact), (Act::Erase, Tool::Erase)];

/// The act of a tool; dragging the photo needs none.
pub(super) fn act_of(tool: Tool) -> Option<Act> {
    TOOLS.iter().find(|(_, of)| *of == tool).map(|(act, _)| *act)
}

impl Cursor {
    /// The photo gets the keyboard in the next frame.
    pub(super) fn want(&mut self) {
        self.wanted = true;
    }

    /// Whether the photo has the keyboard.
    pub(super) fn is_held(&self) -> bool {
        self.held
    }

    /// The cell that keys are about, while the photo has the keyboard.
    pub(super) fn at(&self, grid: &Grid) -> Option<usize> {
        self.cell.filter(|cell| self.held && *cell < grid.len())
    }

    /// The keyboard belongs to the photo from now on, or no longer. Escape gives it back to the photos beneath.
    fn hold(&mut self, ui: &Ui, response: &Response) -> bool {
        if std::mem::take(&mut self.wanted) {
            response.request_focus();
        }
        self.held = response.has_focus() && !egui::Popup::is_any_open(ui.ctx());
        if self.held {
            let own = EventFilter { tab: false, horizontal_arrows: true, vertical_arrows: true, escape: true };
            ui.memory_mut(|memory| memory.set_focus_lock_filter(response.id, own));
        }
        self.held
    }

    /// One step by an arrow; whether Shift was held with it. At the edge it stays where it is.
    fn step(&mut self, ui: &Ui, grid: &Grid) -> Option<bool> {
        let (column, row) = grid.place(self.cell?);
        let steps = [
            (Act::Left, (column.saturating_sub(1), row)),
            (Act::Right, ((column + 1).min(grid.columns.saturating_sub(1)), row)),
            (Act::Up, (column, row.saturating_sub(1))),
            (Act::Down, (column, (row + 1).min(grid.rows.saturating_sub(1)))),
        ];
        steps.into_iter().find_map(|(act, (column, row))| {
            let shift = shortcuts::taken_with_shift(ui, Place::Cells, act);
            let moved = shift || shortcuts::taken(ui, Place::Cells, act);
            moved.then(|| {
                self.cell = Some(row * grid.columns + column);
                shift
            })
        })
    }
}

impl InspectTab {
    /// Gives the photo a place in the order of Tab, and as long as it has the keyboard moves the cursor and paints where it
    /// is. Gives the part of the photo, in its pixels, that is to be seen.
    pub(super) fn cell_keys(&mut self, ui: &Ui, room: Rect, placed: &Placed, threshold: f32) -> Option<Rect> {
        let path = self.queue.path()?.clone();
        let grid = self.queue.current()?.1.seen.as_ref()?.map.grid;
        let response = ui.interact(room, Id::unique("cells of the photo"), Sense::focusable_noninteractive());
        let held = self.cursor.hold(ui, &response);
        let moved = if held { self.obey(ui, &grid, || placed.pixel(room.center())) } else { None };
        let state = self.queue.current()?.1;
        let told = self.cursor.at(&grid).zip(state.seen.as_ref());
        let told = told.map_or_else(
            || format!("Cells of {}", name(&path)),
            |(cell, seen)| format!("{}, {}", name(&path), told_of(seen, &state.paint, cell, threshold)),
        );
        response.widget_info(|| WidgetInfo::labeled(Role::Grid, ui.is_enabled(), told.as_str()));
        let r = grid.rect(moved?);
        Some(Rect::from_min_size(pos2(r.x as f32, r.y as f32), vec2(r.width as f32, r.height as f32)))
    }

    /// Moves and paints; gives the cell that it moved to. It begins in the middle of what is seen.
    fn obey(&mut self, ui: &Ui, grid: &Grid, middle: impl FnOnce() -> Option<[f32; 2]>) -> Option<usize> {
        if shortcuts::taken(ui, Place::Cells, Act::Back) {
            ui.memory_mut(|memory| memory.request_focus(Id::unique(strip::KEYS)));
            return None;
        }
        let middle = || middle().and_then(|[x, y]| grid.cell_at(x as u32, y as u32));
        self.cursor.cell = self.cursor.cell.filter(|cell| *cell < grid.len()).or_else(middle).or(Some(0));
        let moved = self.cursor.step(ui, grid);
        let along = Some(self.brush.tool).filter(|_| moved == Some(true));
        let asked = TOOLS.into_iter().filter(|(act, _)| shortcuts::taken(ui, Place::Cells, *act)).map(|(_, tool)| tool);
        let cell = self.cursor.cell?;
        for tool in along.into_iter().chain(asked).filter(|tool| *tool != Tool::Off) {
            self.brush.tool = tool;
            self.brush.touch(grid, &mut self.queue.current_mut()?.paint, cell);
        }
        moved.map(|_| cell)
    }
}

/// The cell under the cursor and those that would be painted with it.
pub(super) fn draw(painter: &Painter, placed: &Placed, grid: &Grid, cell: usize, brush: &Brush) {
    overlay::brush(painter, placed, grid, &brush.about(grid, cell), brush.tool.says());
    let rect = overlay::on_screen(placed, grid.rect(cell));
    painter.rect_stroke(rect, 0.0, Stroke::new(4.0, theme::over_photo::RIM), StrokeKind::Middle);
    painter.rect_stroke(rect, 0.0, Stroke::new(2.0, theme::DARK.accent), StrokeKind::Middle);
}

/// What is known of a cell, in words: `cell 3 of row 2, p 0.951, cracked, painted as not a crack`.
pub(super) fn told_of(seen: &SeenPhoto, paint: &Paint, cell: usize, threshold: f32) -> String {
    let (column, row) = seen.map.grid.place(cell);
    let p = seen.map.p(cell);
    let word = if p >= threshold { "cracked" } else { "intact" };
    let painted = match paint.said(cell) {
        Some(Class::Positive) => ", painted as a crack",
        Some(Class::Negative) => ", painted as not a crack",
        None => "",
    };
    format!("cell {} of row {}, p {p:.3}, {word}{painted}", column + 1, row + 1)
}
