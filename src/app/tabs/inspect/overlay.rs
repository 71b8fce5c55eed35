//! What is painted over a photo: the map, cells, boxes, lines, and what a person drew.

use egui::{Align2, Color32, ColorImage, FontId, Painter, Pos2, Rect, Shape, Stroke, StrokeKind, pos2, vec2};
use serde::{Deserialize, Serialize};

use super::paint::Paint;
use crate::app::theme::{self, space};
use crate::app::widgets::badge;
use crate::app::widgets::photo_view::Placed;
use crate::dataset::Class;
use crate::export::palette;
use crate::inspect::heat::{CELL, sigmoid};
use crate::inspect::{Findings, Grid, HeatMap, LeftOut, Why};

/// Cells on a side of the map's texture, at most; of larger maps, the highest of several cells is shown. GPUs take
/// textures of at least twice this.
const MOST_CELLS: usize = 4096;
/// How strongly cells below the threshold show, beside those above.
const BELOW: f32 = 0.35;
/// Points on a side of a cell from which its outline is drawn.
const OUTLINED: f32 = 20.0;
/// Points on a side of a cell from which painted cells bear the shape of their class.
const MARKED: f32 = 12.0;

/// A scale of colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Colours {
    /// Violet to yellow.
    #[default]
    Viridis,
    /// Blue to yellow, the same to all eyes.
    Cividis,
}

/// The scales, with what is said of them.
pub(super) const COLOURS: [(Colours, &str, &str); 2] = [
    (Colours::Viridis, "viridis", "Violet to yellow"),
    (Colours::Cividis, "cividis", "Blue to yellow, the same to whoever sees red and green as one"),
];

/// What is drawn over a photo.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HeatLook {
    /// How strongly the map covers the photo, 0 to 1.
    pub opacity: f32,
    /// Its colours.
    pub colours: Colours,
    /// Whether there are boxes around regions.
    pub boxes: bool,
    /// Whether there are lines along cracks.
    pub lines: bool,
    /// Whether cells are outlined where they are large enough on the screen.
    pub cells: bool,
}

impl Default for HeatLook {
    fn default() -> Self {
        Self { opacity: 0.6, colours: Colours::Viridis, boxes: true, lines: true, cells: true }
    }
}

impl Colours {
    /// The colour of a probability.
    pub fn at(self, p: f32) -> Color32 {
        let image::Rgb([r, g, b]) = match self {
            Self::Viridis => palette::viridis(p),
            Self::Cividis => palette::cividis(p),
        };
        Color32::from_rgb(r, g, b)
    }
}

/// The map as a picture of a pixel for each cell: the higher p the more it covers, and below the threshold little.
pub(super) fn picture(map: &HeatMap, look: &HeatLook, threshold: f32) -> ColorImage {
    let table: Vec<Color32> = (0..=255_u8)
        .map(|level| {
            let p = f32::from(level) / 255.0;
            // A probability is compared as it is shown, in steps of 1/255.
            let share = if p >= (threshold * 255.0).floor() / 255.0 { p } else { BELOW * p };
            look.colours.at(p).gamma_multiply((look.opacity * share).clamp(0.0, 1.0))
        })
        .collect();
    let Grid { columns, rows, .. } = map.grid;
    let step = columns.max(rows).div_ceil(MOST_CELLS).max(1);
    let size = [columns.div_ceil(step), rows.div_ceil(step)];
    let mut levels = vec![0_u8; size[0] * size[1]];
    for (cell, logit) in map.logits.iter().enumerate() {
        let (column, row) = map.grid.place(cell);
        if let Some(level) = levels.get_mut(row / step * size[0] + column / step) {
            *level = (*level).max((sigmoid(*logit) * 255.0) as u8);
        }
    }
    let colour = |level: u8| table.get(usize::from(level)).copied().unwrap_or_default();
    ColorImage::new(size, levels.into_iter().map(colour).collect())
}

/// Paints the map. Its last column and row reach beyond the photo where cells do not end with it.
pub(super) fn heat(painter: &Painter, placed: &Placed, grid: &Grid, texture: egui::TextureId) {
    let step = grid.columns.max(grid.rows).div_ceil(MOST_CELLS).max(1);
    let cells = vec2(grid.columns.next_multiple_of(step) as f32, grid.rows.next_multiple_of(step) as f32);
    let rect = Rect::from_min_size(placed.rect.min, cells * CELL as f32 * placed.points);
    let whole = Rect::from_min_max(Pos2::ZERO, pos2(1.0, 1.0));
    let clipped = painter.with_clip_rect(painter.clip_rect().intersect(placed.rect));
    clipped.image(texture, rect, whole, Color32::WHITE);
}

/// Outlines the cells that are on the screen, where they are large enough.
pub(super) fn cells(painter: &Painter, placed: &Placed, grid: &Grid) {
    let side = CELL as f32 * placed.points;
    if side < OUTLINED {
        return;
    }
    let seen = placed.rect.intersect(painter.clip_rect());
    if !seen.is_positive() {
        return;
    }
    let stroke = Stroke::new(1.0, theme::over_photo::BOX.gamma_multiply(0.25));
    let within = |from: f32, to: f32, begin: f32, count: usize| {
        let first = ((from - begin) / side).floor().max(0.0) as usize;
        let last = (((to - begin) / side).ceil().max(0.0) as usize).min(count);
        first..last + 1
    };
    // The last cells may reach beyond the photo; their lines do not.
    let painter = painter.with_clip_rect(seen.expand(stroke.width));
    for column in within(seen.left(), seen.right(), placed.rect.left(), grid.columns) {
        painter.vline(placed.rect.left() + column as f32 * side, seen.y_range(), stroke);
    }
    for row in within(seen.top(), seen.bottom(), placed.rect.top(), grid.rows) {
        painter.hline(seen.x_range(), placed.rect.top() + row as f32 * side, stroke);
    }
}

/// Draws boxes around regions.
pub(super) fn boxes(painter: &Painter, placed: &Placed, findings: &Findings) {
    for region in &findings.regions {
        let rect = on_screen(placed, region.bounds);
        if rect.intersects(painter.clip_rect()) {
            painter.rect_stroke(rect, 0.0, Stroke::new(3.0, theme::over_photo::RIM), StrokeKind::Middle);
            painter.rect_stroke(rect, 0.0, Stroke::new(1.0, theme::over_photo::BOX), StrokeKind::Middle);
        }
    }
}

/// Draws dashed boxes around regions that were left out, and says what they were taken for.
pub(super) fn left_out(painter: &Painter, placed: &Placed, findings: &Findings) {
    for LeftOut { region, why } in &findings.left_out {
        let rect = on_screen(placed, region.bounds);
        if !rect.intersects(painter.clip_rect()) {
            continue;
        }
        let corners = [rect.left_top(), rect.right_top(), rect.right_bottom(), rect.left_bottom(), rect.left_top()];
        for (width, colour) in [(3.0, theme::over_photo::RIM), (1.0, theme::over_photo::BOX)] {
            painter.extend(Shape::dashed_line(&corners, Stroke::new(width, colour), 4.0, 4.0));
        }
        let text = match why {
            Why::Joint => "joint",
            Why::Rim => "rim",
        };
        let galley = painter.layout_no_wrap(text.to_owned(), FontId::proportional(theme::SMALL), theme::DARK.text);
        if rect.width() >= galley.size().x + 2.0 * space::XS {
            let at = Rect::from_min_size(rect.min + vec2(2.0, 2.0), galley.size());
            painter.rect_filled(at.expand(2.0), 2.0, theme::over_photo::RIM);
            painter.galley(at.min, galley, theme::DARK.text);
        }
    }
}

/// Where pixels of the photo are on the screen.
pub(super) fn on_screen(placed: &Placed, r: crate::inspect::Rect) -> Rect {
    let (min, max) = ([r.x as f32, r.y as f32], [(r.x + r.width) as f32, (r.y + r.height) as f32]);
    Rect::from_min_max(placed.on_screen(min), placed.on_screen(max))
}

/// Draws the lines along cracks; `chosen` is a crack that was chosen, by its number.
pub(super) fn lines(painter: &Painter, placed: &Placed, findings: &Findings, chosen: Option<usize>) {
    for (number, crack) in findings.cracks.iter().enumerate() {
        let points: Vec<Pos2> = crack.points.iter().map(|point| placed.on_screen(*point)).collect();
        if !Rect::from_points(&points).expand(4.0).intersects(painter.clip_rect()) {
            continue;
        }
        let width = if chosen == Some(number) { 4.0 } else { 2.0 };
        painter.add(Shape::line(points.clone(), Stroke::new(width + 2.0, theme::over_photo::RIM)));
        painter.add(Shape::line(points, Stroke::new(width, theme::over_photo::LINE)));
    }
}

/// Shows the cells that a person painted: in the colour of the class, with its shape where there is room.
pub(super) fn painted(painter: &Painter, placed: &Placed, grid: &Grid, paint: &Paint) {
    let side = CELL as f32 * placed.points;
    for (cell, class) in paint.cells() {
        let rect = on_screen(placed, grid.rect(cell));
        if !rect.intersects(painter.clip_rect()) {
            continue;
        }
        let colour = theme::DARK.class(class);
        painter.rect_filled(rect, 0.0, colour.gamma_multiply(0.45));
        painter.rect_stroke(rect, 0.0, Stroke::new(1.0, colour), StrokeKind::Inside);
        if side >= MARKED {
            let size = (side * 0.4).min(12.0);
            badge::mark(painter, rect.center(), size + 2.0, class, theme::over_photo::RIM);
            badge::mark(painter, rect.center(), size, class, colour);
        }
    }
}

/// Draws the line whose length is known, or is about to be.
pub(super) fn reference(painter: &Painter, placed: &Placed, ends: [[f32; 2]; 2], text: &str) {
    let [a, b] = ends.map(|end| placed.on_screen(end));
    for (width, colour) in [(4.0, theme::over_photo::RIM), (2.0, theme::DARK.accent)] {
        painter.line_segment([a, b], Stroke::new(width, colour));
        for end in [a, b] {
            painter.circle_filled(end, width + 1.0, colour);
        }
    }
    let font = FontId::new(theme::SMALL, theme::strong_family());
    let galley = painter.layout_no_wrap(text.to_owned(), font, theme::DARK.text);
    let at = Align2::CENTER_BOTTOM.anchor_size(a + (b - a) / 2.0 - vec2(0.0, 8.0), galley.size());
    painter.rect_filled(at.expand(3.0), 3.0, theme::over_photo::RIM);
    painter.galley(at.min, galley, theme::DARK.text);
}

/// The brush about the pointer: the cells that it would paint.
pub(super) fn brush(painter: &Painter, placed: &Placed, grid: &Grid, cells: &[usize], class: Option<Class>) {
    let colour = class.map_or(theme::DARK.text, |class| theme::DARK.class(class));
    for cell in cells {
        let rect = on_screen(placed, grid.rect(*cell));
        painter.rect_stroke(rect, 0.0, Stroke::new(1.0, colour), StrokeKind::Inside);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_follows_the_threshold_and_the_opacity() {
        let grid = Grid::of(96, 32);
        let map = HeatMap { grid, logits: vec![-8.0, 0.5, 8.0] };
        let alphas = |threshold: f32, opacity: f32| {
            let look = HeatLook { opacity, ..HeatLook::default() };
            picture(&map, &look, threshold).pixels.iter().map(|pixel| pixel.a()).collect::<Vec<_>>()
        };
        let (low, high) = (alphas(0.5, 1.0), alphas(0.9, 1.0));
        assert_eq!((low[0], low[2], high[2]), (0, high[2], 254));
        assert!(high[1] < low[1] / 2, "{low:?} {high:?}");
        assert!(alphas(0.5, 0.0).iter().all(|alpha| *alpha == 0));
        // A threshold that is a cell's own probability takes the cell in.
        let p = map.p(1);
        assert_eq!(alphas(p, 1.0)[1], low[1]);
    }

    #[test]
    fn a_map_of_any_width_becomes_a_texture_that_gpus_take() {
        let grid = Grid::of(320_000, 20);
        let mut logits = vec![-9.0; grid.len()];
        logits[9_999] = 9.0;
        let picture = picture(&HeatMap { grid, logits }, &HeatLook::default(), 0.5);
        assert_eq!(picture.size, [3334, 1]);
        assert!(picture.pixels[3333].a() > 100, "the highest of several is shown");
        assert!(picture.pixels[3332].a() < 5);
    }
}
