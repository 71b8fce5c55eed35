//! What a person says of cells: painted with a brush, taken back stroke by stroke, and trained on.

use std::collections::BTreeMap;

use egui::{Label, RichText, ScrollArea, Slider, Ui};

use super::keep_form::KeepForm;
use super::queue::Way;
use super::{InspectTab, Request, cells, slider, small};
use crate::app::scene::Scene;
use crate::app::shortcuts::{self, Act, Place};
use crate::app::theme::{self, icons, space};
use crate::app::widgets::form::{choices, primary};
use crate::app::worker::inspection::{Correction, Task};
use crate::dataset::Class;
use crate::format;
use crate::inspect::{Grid, Method};

/// Strokes that can be taken back.
const STROKES: usize = 100;
/// The largest brush: cells around the one under the pointer.
const LARGEST: usize = 4;

/// The cells of one photo that a person painted.
#[derive(Clone, Debug, Default)]
pub(super) struct Paint {
    cells: BTreeMap<usize, Class>,
    /// What was there before each stroke, the newest last.
    strokes: Vec<Vec<(usize, Option<Class>)>>,
    /// Whether the pointer is down.
    open: bool,
}

/// What the pointer says of cells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Tool {
    /// Nothing: it moves the photo.
    #[default]
    Off,
    Crack,
    Intact,
    Erase,
}

/// The brush.
#[derive(Default)]
pub(super) struct Brush {
    pub(super) tool: Tool,
    /// Cells around the one under the pointer.
    size: usize,
    /// The place of the photo where the pointer was in the frame before.
    before: Option<[f32; 2]>,
}

const TOOLS: [(Tool, &str, &str); 4] = [
    (Tool::Off, "Move", "Dragging moves the photo"),
    (Tool::Crack, "▲ Crack", "Dragging paints cells that show a crack"),
    (Tool::Intact, "● Intact", "Dragging paints cells that show none"),
    (Tool::Erase, "Erase", "Dragging takes back what was painted"),
];

impl Paint {
    pub(super) fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// The cells, in rising order.
    pub(super) fn cells(&self) -> impl Iterator<Item = (usize, Class)> + '_ {
        self.cells.iter().map(|(cell, class)| (*cell, *class))
    }

    /// How many are of a class.
    pub(super) fn count(&self, of: Class) -> usize {
        self.cells.values().filter(|class| **class == of).count()
    }

    /// Says something of cells, as part of the stroke that is open.
    pub(super) fn set(&mut self, cells: &[usize], said: Option<Class>) {
        if !std::mem::replace(&mut self.open, true) {
            self.strokes.push(Vec::new());
            if self.strokes.len() > STROKES {
                self.strokes.remove(0);
            }
        }
        for cell in cells {
            let before = match said {
                Some(class) => self.cells.insert(*cell, class),
                None => self.cells.remove(cell),
            };
            if before != said
                && let Some(stroke) = self.strokes.last_mut()
            {
                stroke.push((*cell, before));
            }
        }
    }

    /// The pointer is up.
    pub(super) fn end_stroke(&mut self) {
        if std::mem::take(&mut self.open) && self.strokes.last().is_some_and(Vec::is_empty) {
            self.strokes.pop();
        }
    }

    /// What was said of a cell.
    pub(super) fn said(&self, cell: usize) -> Option<Class> {
        self.cells.get(&cell).copied()
    }

    pub(super) fn can_undo(&self) -> bool {
        !self.strokes.is_empty()
    }

    /// Takes back the newest stroke.
    pub(super) fn undo(&mut self) {
        self.end_stroke();
        for (cell, before) in self.strokes.pop().into_iter().flatten().rev() {
            match before {
                Some(class) => _ = self.cells.insert(cell, class),
                None => _ = self.cells.remove(&cell),
            }
        }
    }
}

impl Tool {
    /// What it says of a cell.
    pub(super) fn says(self) -> Option<Class> {
        match self {
            Self::Crack => Some(Class::Positive),
            Self::Intact => Some(Class::Negative),
            Self::Off | Self::Erase => None,
        }
    }
}

impl Brush {
    /// The cells about a place of the photo.
    pub(super) fn cells(&self, grid: &Grid, [x, y]: [f32; 2]) -> Vec<usize> {
        grid.cell_at(x as u32, y as u32).map_or_else(Vec::new, |cell| self.about(grid, cell))
    }

    /// The cells about one.
    pub(super) fn about(&self, grid: &Grid, middle: usize) -> Vec<usize> {
        let (column, row) = grid.place(middle);
        let near = |at: usize, count: usize| at.saturating_sub(self.size)..(at + self.size + 1).min(count);
        let places = near(row, grid.rows).flat_map(|y| near(column, grid.columns).map(move |x| (x, y)));
        let round = |(x, y): &(usize, usize)| {
            let (dx, dy) = (x.abs_diff(column), y.abs_diff(row));
            dx * dx + dy * dy <= self.size * self.size + self.size
        };
        places.filter(round).map(|(x, y)| y * grid.columns + x).collect()
    }

    /// The pointer went down there, unless a stroke is under way.
    pub(super) fn begin(&mut self, at: Option<[f32; 2]>) {
        self.before = self.before.or(at);
    }

    /// Paints from where the pointer was to where it is, without gaps.
    pub(super) fn stroke(&mut self, grid: &Grid, paint: &mut Paint, to: [f32; 2]) {
        let from = self.before.replace(to).unwrap_or(to);
        let length = (to[0] - from[0]).hypot(to[1] - from[1]);
        let steps = (length / (crate::inspect::heat::CELL as f32 / 2.0)).ceil().max(1.0) as usize;
        for step in 0..=steps {
            let t = step as f32 / steps as f32;
            let at = [from[0] + t * (to[0] - from[0]), from[1] + t * (to[1] - from[1])];
            paint.set(&self.cells(grid, at), self.tool.says());
        }
    }

    /// Paints about one cell: a stroke of its own.
    pub(super) fn touch(&self, grid: &Grid, paint: &mut Paint, cell: usize) {
        paint.end_stroke();
        paint.set(&self.about(grid, cell), self.tool.says());
        paint.end_stroke();
    }

    /// The pointer is up, or beside the photo.
    pub(super) fn lift(&mut self) {
        self.before = None;
    }
}

impl InspectTab {
    pub(super) fn corrections_ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>, way: &Way) {
        ScrollArea::vertical().id_salt("corrections").auto_shrink(false).show(ui, |ui| {
            small(ui, "Paint over cells what the model got wrong. They become samples of this site.");
            self.brush_ui(ui);
            ui.add_space(space::S);
            self.train_ui(ui, scene, way);
            self.corrected_ui(ui, scene, way);
        });
    }

    fn brush_ui(&mut self, ui: &mut Ui) {
        let ready = self.queue.current().is_some_and(|(_, state)| state.seen.is_some());
        let tools = TOOLS.map(|(tool, name, says)| (tool, name, tool_hint(ui, tool, says)));
        let tools: Vec<_> = tools.iter().map(|(tool, name, hint)| (*tool, *name, hint.as_str())).collect();
        ui.add_enabled_ui(ready, |ui| {
            ui.horizontal_wrapped(|ui| choices(ui, &mut self.brush.tool, &tools));
            let size =
                Slider::new(&mut self.brush.size, 0..=LARGEST).custom_formatter(|n, _| format!("{}", 2.0 * n + 1.0));
            slider(ui, "Brush", "Cells across", size);
        });
        let Some(state) = self.queue.current_mut() else { return };
        ui.horizontal(|ui| {
            let count = |class: Class| format::counted(state.paint.count(class), "cell", "cells");
            for class in [Class::Positive, Class::Negative] {
                let text = format!("{} {}", theme::mark(class), count(class));
                let colour = theme::palette(ui).class(class);
                ui.label(RichText::new(text).color(colour)).on_hover_text(format!("Painted as {}", class.word()));
            }
            let undo = ui.add_enabled(state.paint.can_undo(), egui::Button::new("Undo"));
            if undo
                .on_hover_text(shortcuts::hint(ui.ctx(), "The last stroke on this photo", Place::Anywhere, Act::Undo))
                .clicked()
            {
                state.paint.undo();
            }
        });
        if self.brush.tool == Tool::Off || self.cursor.is_held() {
            small(ui, by_keys(ui));
        } else {
            small(ui, "The right or middle button moves the photo, the wheel magnifies it.");
        }
    }

    fn train_ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>, way: &Way) {
        let photos = self.painted();
        let cells: usize = photos.iter().map(|(_, cells)| cells.len()).sum();
        let pass = way.settings.method == Method::Pass;
        let may = cells > 0 && pass && scene.job.is_none();
        let button = primary(ui, may, &theme::icon_text(icons::ICON_PLAY_CIRCLE, "Train on the corrections"));
        let button = button.on_hover_text(
            "Trains the last layer again, on these cells and on what the model was trained on where that is at hand",
        );
        if button.clicked() {
            let model = way.model.clone();
            let (compute, settings) = (scene.settings.train.compute(), way.settings.clone());
            let task = Task::Correct(Box::new(Correction { photos, model, compute, settings }));
            scene.commands.push(Request::Run { task, unasked: false }.into());
        } else if cells == 0 {
            small(ui, "Nothing is painted yet.");
        } else if !pass {
            small(ui, "Corrections need the one pass: choose it under Settings.");
        } else {
            let (cells, photos) = (format::counted(cells, "cell", "cells"), format::photos(photos.len()));
            small(ui, format!("{cells} on {photos}."));
        }
    }

    /// All painted cells, photo by photo.
    fn painted(&self) -> Vec<(std::path::PathBuf, Vec<(usize, Class)>)> {
        let painted = self.queue.known().filter(|(_, state)| !state.paint.is_empty() && state.seen.is_some());
        painted.map(|(path, state)| (path.clone(), state.paint.cells().collect())).collect()
    }

    /// What training came to, and how it can be kept.
    fn corrected_ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>, way: &Way) {
        let Some(corrected) = &self.corrected else { return };
        ui.add_space(space::S);
        ui.label(theme::section("Trained"));
        let rest = match corrected.of_run {
            0 => "cells that the model is sure of".to_owned(),
            n => format!("{} of its run", format::photos(n)),
        };
        let text = format!(
            "On {} of {} and {rest}, in {:.1} s. {} of {} samples painted are right now, {} were before.",
            format::counted(corrected.cells, "cell", "cells"),
            format::photos(corrected.photos),
            corrected.seconds,
            format::count(corrected.right_after as u64),
            format::count(corrected.samples as u64),
            format::count(corrected.right_before as u64),
        );
        ui.add(Label::new(text).wrap());
        let followed = corrected.maps.len();
        small(ui, format!("The maps of {} follow it.", format::photos(followed)));
        if way.model != corrected.model {
            small(ui, "Another model is chosen now.");
        }
        let keep = theme::icon_text(icons::ICON_DOWNLOAD, "Keep the model…");
        if ui.button(keep).on_hover_text("A file that `crackscope inspect` and this window take as a model").clicked() {
            self.keep = Some(KeepForm::new(scene.runs_folder, &corrected.model));
        }
    }
}

/// What a tool does, with the key that does the same at the cursor.
fn tool_hint(ui: &Ui, tool: Tool, says: &str) -> String {
    cells::act_of(tool).map_or_else(|| says.to_owned(), |act| shortcuts::hint(ui.ctx(), says, Place::Cells, act))
}

/// How it is done without a pointer.
fn by_keys(ui: &Ui) -> String {
    let key = |act| shortcuts::key(ui.ctx(), Place::Cells, act);
    format!(
        "By keys: {} goes to the cells, arrows move; {} crack, {} not a crack, {} erase; Shift+arrows paint along; {} goes \
         back.",
        shortcuts::key(ui.ctx(), Place::Inspect, Act::Cells),
        key(Act::Crack),
        key(Act::NotACrack),
        key(Act::Erase),
        key(Act::Back),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stroke_leaves_no_gap_and_is_taken_back_whole() {
        let grid = Grid::of(640, 320);
        let (mut brush, mut paint) = (Brush { tool: Tool::Crack, ..Brush::default() }, Paint::default());
        brush.stroke(&grid, &mut paint, [10.0, 10.0]);
        brush.stroke(&grid, &mut paint, [330.0, 10.0]);
        brush.lift();
        paint.end_stroke();
        assert_eq!(paint.cells().map(|(cell, _)| cell).collect::<Vec<_>>(), (0..=10).collect::<Vec<_>>());
        brush.tool = Tool::Intact;
        brush.stroke(&grid, &mut paint, [40.0, 10.0]);
        brush.lift();
        paint.end_stroke();
        assert_eq!((paint.count(Class::Positive), paint.count(Class::Negative)), (10, 1));
        brush.tool = Tool::Erase;
        brush.stroke(&grid, &mut paint, [200.0, 200.0]);
        brush.lift();
        paint.end_stroke();
        paint.undo(); // erasing nothing was no stroke
        assert_eq!((paint.count(Class::Positive), paint.count(Class::Negative)), (11, 0));
        paint.undo();
        assert!(paint.is_empty() && !paint.can_undo());
        paint.undo();
    }

    #[test]
    fn a_brush_is_round_and_ends_with_the_photo() {
        let grid = Grid::of(640, 320);
        let brush = |size| Brush { size, ..Brush::default() };
        assert_eq!(brush(0).cells(&grid, [33.0, 1.0]), [1]);
        assert_eq!(brush(1).cells(&grid, [100.0, 100.0]).len(), 9);
        assert_eq!(brush(3).cells(&grid, [320.0, 160.0]).len(), 37);
        assert_eq!(brush(1).cells(&grid, [0.0, 0.0]).len(), 4);
        assert!(brush(2).cells(&grid, [700.0, 10.0]).is_empty());
    }
}
