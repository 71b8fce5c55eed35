//! Where each shape lies.

use super::unit::{Around, Unit, size};
use super::{Align, Area, Drawing, Frame, Look, Shape, Text, Tone};
use crate::format;
use crate::nn::summary::Summary;

/// Size of the heading, in points to the em.
pub const TITLE: f32 = 18.0;
/// Size of names and operators.
pub const BODY: f32 = 12.0;
/// Size of what stands at the lines.
pub const SMALL: f32 = 11.0;

/// Around everything.
const MARGIN: f32 = 16.0;
/// Room for the names at the left of the frames.
const NAMES: f32 = 96.0;
/// An operator's box.
const ROW: [f32; 2] = [184.0, 24.0];
/// Room for the way around, at the right of the operators.
const LANE: f32 = 96.0;
/// The operator on the way around.
const PROJECTION: f32 = 78.0;
/// Room for the number of equal blocks, at the right of the frames.
const COUNT: f32 = 36.0;
/// Between two columns, where the line goes up.
const GUTTER: f32 = 28.0;
/// Between two operators.
const GAP: f32 = 12.0;
/// Between a frame's edge and what it holds: at the sides and below, above, and above where the way around begins.
const EDGE: [f32; 3] = [10.0, 10.0, 20.0];
/// Between two frames.
const SPACE: f32 = 30.0;
/// From the last frame of a column to the line that goes on to the next, and from that line to the first frame there.
const TURN: f32 = 18.0;
/// Radius of a sum.
const SUM: f32 = 8.0;
/// From one line of text to the next.
const LINE: f32 = 16.0;
/// Width divided by height of a sheet of paper on its side.
const SHEET: f32 = 1.414;
/// The most columns that are tried for it.
const MOST_COLUMNS: usize = 6;

/// Width of a frame.
const FRAME: f32 = 2.0 * EDGE[0] + ROW[0] + LANE;
/// Width of a column.
const COLUMN: f32 = NAMES + FRAME + COUNT;

/// The width of a drawing of so many columns.
pub(super) fn width(columns: usize) -> f32 {
    2.0 * MARGIN + columns as f32 * COLUMN + (columns - 1) as f32 * GUTTER
}

/// The number of columns that comes closest to the shape of a sheet.
pub(super) fn columns_for_a_sheet(units: &[Unit]) -> usize {
    let heights = heights(units);
    let off = |columns: &usize| {
        let tallest = fold(&heights, *columns).into_iter().map(|column| height_of(&column)).fold(0.0, f32::max);
        (width(*columns) / (tallest + 2.0 * MARGIN) / SHEET).ln().abs()
    };
    (1..=MOST_COLUMNS).min_by(|a, b| off(a).total_cmp(&off(b))).unwrap_or(1)
}

/// Draws the units in `columns` columns.
pub(super) fn draw(summary: &Summary, units: &[Unit], columns: usize, heading: bool) -> Drawing {
    let mut pen = Pen { drawing: Drawing { size: [width(columns), 0.0], frames: Vec::new(), shapes: Vec::new() } };
    let mut top = MARGIN;
    if heading {
        top = pen.heading(summary, top);
    }
    top = pen.legend(units, top);
    let columns = fold(&heights(units), columns);
    let mut way = None;
    let mut bottom = top;
    let mut index = 0;
    for (number, column) in columns.iter().enumerate() {
        let left = MARGIN + number as f32 * (COLUMN + GUTTER);
        let mut y = if columns.len() > 1 { top + TURN } else { top };
        for (place, height) in column.iter().enumerate() {
            let from = way.take().map(|way| (way, (number > 0 && place == 0).then_some(top)));
            way = Some(pen.station(station(units, index), [left, y], from));
            y += height + SPACE;
            index += 1;
        }
        bottom = bottom.max(y - SPACE);
    }
    pen.drawing.size[1] = bottom + MARGIN + if columns.len() > 1 { TURN } else { 0.0 };
    pen.drawing
}

/// What stands one below the other: the photo, the units, the answer.
enum Station<'a> {
    Photo,
    Unit(&'a Unit),
    Answer,
}

fn station(units: &[Unit], index: usize) -> Station<'_> {
    match index.checked_sub(1) {
        None => Station::Photo,
        Some(index) => units.get(index).map_or(Station::Answer, Station::Unit),
    }
}

fn heights(units: &[Unit]) -> Vec<f32> {
    let node = std::iter::once(ROW[1]);
    node.clone().chain(units.iter().map(Unit::height)).chain(node).collect()
}

fn height_of(column: &[f32]) -> f32 {
    column.iter().sum::<f32>() + SPACE * column.len().saturating_sub(1) as f32
}

/// Divides stations among at most `columns` columns so that the tallest is as short as can be.
fn fold(heights: &[f32], columns: usize) -> Vec<Vec<f32>> {
    let within = |limit: f32| {
        let mut folded: Vec<Vec<f32>> = vec![Vec::new()];
        for height in heights {
            match folded.last_mut() {
                Some(last) if last.is_empty() || height_of(last) + SPACE + height <= limit + 0.5 => last.push(*height),
                _ => folded.push(vec![*height]),
            }
        }
        folded
    };
    // The height of the tallest column is that of some stations in a row.
    let mut limits: Vec<f32> = (0..heights.len())
        .flat_map(|from| (from + 1..=heights.len()).filter_map(move |to| heights.get(from..to).map(height_of)))
        .collect();
    limits.sort_by(f32::total_cmp);
    limits.into_iter().map(within).find(|folded| folded.len() <= columns).unwrap_or_default()
}

impl Unit {
    fn height(&self) -> f32 {
        let rows = self.rows.len() as f32;
        let sum = if self.around == Around::None { 0.0 } else { GAP + 2.0 * SUM };
        self.above() + rows * ROW[1] + (rows - 1.0) * GAP + sum + EDGE[0]
    }

    /// From the frame's upper edge to the first operator.
    fn above(&self) -> f32 {
        if self.around == Around::None { EDGE[1] } else { EDGE[2] }
    }
}

/// The end of the way so far, and the size of the maps there.
struct Way {
    at: [f32; 2],
    size: String,
    /// Left edge of its column.
    left: f32,
    /// Lower edge of what it leaves.
    bottom: f32,
}

/// Puts shapes down.
struct Pen {
    drawing: Drawing,
}

impl Pen {
    /// Draws a station with its upper left corner there, and the way to it; `from` is the way so far and, where that
    /// lies in the column before, the height at which the line comes over.
    fn station(&mut self, station: Station<'_>, [left, y]: [f32; 2], from: Option<(Way, Option<f32>)>) -> Way {
        let x = left + NAMES + EDGE[0];
        let into = |y: f32| [x + ROW[0] / 2.0, y];
        let first = match station {
            Station::Unit(unit) => y + unit.above(),
            Station::Photo | Station::Answer => y,
        };
        if let Some((way, over)) = from {
            self.way(&way, into(first), over, y);
        }
        let (end, size, bottom) = match station {
            Station::Unit(unit) => {
                let end = self.unit(unit, [left + NAMES, y]);
                (end, size(unit.output), y + unit.height())
            }
            Station::Photo => {
                let bottom = self.operator([x, y], "photo", Look::Plain);
                (bottom, "3 × 224 × 224".to_owned(), bottom)
            }
            Station::Answer => {
                let bottom = self.operator([x, y], "intact, cracked", Look::Plain);
                (bottom, String::new(), bottom)
            }
        };
        Way { at: into(end), size, left, bottom }
    }

    /// The line from the way so far to the first operator of a station whose upper edge is `top`, with the size of the
    /// maps beside it.
    fn way(&mut self, way: &Way, to: [f32; 2], over: Option<f32>, top: f32) {
        let (points, middle) = match over {
            None => (vec![way.at, to], (way.bottom + top) / 2.0),
            Some(over) => {
                let (below, gutter) = (way.bottom + TURN, way.left + COLUMN + GUTTER / 2.0);
                let turns = [[way.at[0], below], [gutter, below], [gutter, over], [to[0], over]];
                (std::iter::once(way.at).chain(turns).chain([to]).collect(), (over + top) / 2.0)
            }
        };
        self.drawing.shapes.push(Shape::Line { points, arrow: true });
        self.text([to[0] + 8.0, middle], Align::Left, (SMALL, Tone::Quiet), &way.size);
    }

    /// The frame of a unit with all that it holds; gives the height of the point where its values come out.
    fn unit(&mut self, unit: &Unit, [left, top]: [f32; 2]) -> f32 {
        let area = Area { x: left, y: top, width: FRAME, height: unit.height() };
        self.drawing.frames.push(Frame { area, look: unit.look, parts: unit.parts.clone(), name: unit.spoken() });
        self.names(unit, area);
        let x = left + EDGE[0];
        let flow = x + ROW[0] / 2.0;
        let mut y = top + unit.above();
        let mut end = y;
        for (place, (text, look)) in unit.rows.iter().enumerate() {
            if place > 0 {
                self.arrow(vec![[flow, end], [flow, y]]);
            }
            end = self.operator([x, y], text, *look);
            y = end + GAP;
        }
        if unit.around == Around::None {
            return end;
        }
        let centre = [flow, y + SUM];
        self.arrow(vec![[flow, end], [flow, y]]);
        self.around(unit, [flow, top + EDGE[2] / 2.0], centre);
        self.drawing.shapes.push(Shape::Sum { centre, radius: SUM });
        y + 2.0 * SUM
    }

    /// The way around, from a point of the line to the sum.
    fn around(&mut self, unit: &Unit, from: [f32; 2], sum: [f32; 2]) {
        let lane = from[0] + ROW[0] / 2.0 + LANE / 2.0;
        let end = [sum[0] + SUM, sum[1]];
        let Around::Projection(text) = &unit.around else {
            return self.arrow(vec![from, [lane, from[1]], [lane, sum[1]], end]);
        };
        let y = (from[1] + sum[1] - ROW[1]) / 2.0;
        let area = Area { x: lane - PROJECTION / 2.0, y, width: PROJECTION, height: ROW[1] };
        self.arrow(vec![from, [lane, from[1]], [lane, y]]);
        self.arrow(vec![[lane, area.bottom()], [lane, sum[1]], end]);
        self.filled(area, text, unit.look);
    }

    /// Names at the left of the frame, their number at its right.
    fn names(&mut self, unit: &Unit, area: Area) {
        let mut y = area.y + EDGE[1] + BODY / 2.0;
        for name in &unit.names {
            self.text([area.x - 10.0, y], Align::Right, (BODY, Tone::Strong), name);
            y += LINE;
        }
        if unit.names.len() > 1 {
            let at = [area.x + area.width + 8.0, area.centre()[1]];
            self.text(at, Align::Left, (TITLE, Tone::Strong), &format!("×{}", unit.names.len()));
        }
    }

    /// An operator with its upper left corner there; gives its lower edge.
    fn operator(&mut self, [x, y]: [f32; 2], text: &str, look: Look) -> f32 {
        let area = Area { x, y, width: ROW[0], height: ROW[1] };
        self.filled(area, text, look);
        area.bottom()
    }

    fn filled(&mut self, area: Area, text: &str, look: Look) {
        self.drawing.shapes.push(Shape::Box { area, look });
        let tone = if look == Look::Head { Tone::OnHead } else { Tone::Text };
        self.text(area.centre(), Align::Centre, (BODY, tone), text);
    }

    fn arrow(&mut self, points: Vec<[f32; 2]>) {
        self.drawing.shapes.push(Shape::Line { points, arrow: true });
    }

    fn text(&mut self, at: [f32; 2], align: Align, (size, tone): (f32, Tone), text: &str) {
        self.drawing.shapes.push(Shape::Text(Text { at, align, size, tone, text: text.to_owned() }));
    }

    /// Name and figures of the network; gives the height at which there is room again.
    fn heading(&mut self, summary: &Summary, top: f32) -> f32 {
        let count = |n: usize| format::count(n as u64);
        let y = top + TITLE / 2.0;
        self.text([MARGIN, y], Align::Left, (TITLE, Tone::Strong), summary.backbone.title());
        let (all, trained) = (count(summary.parameters()), count(summary.trained_parameters()));
        let lines = [
            format!("{all} parameters, {trained} of them trained"),
            format!("{} multiply-adds for a photo of 224 × 224", count(summary.multiply_adds())),
        ];
        for (line, text) in (1_u8..).zip(&lines) {
            self.text([MARGIN, y + 6.0 + f32::from(line) * LINE], Align::Left, (BODY, Tone::Quiet), text);
        }
        y + 3.0 * LINE + TITLE / 2.0
    }

    /// What the colours stand for; gives the height at which there is room again.
    fn legend(&mut self, units: &[Unit], top: f32) -> f32 {
        let mut x = MARGIN;
        for (look, name, width) in
            [(Look::Frozen, "frozen", 78.0), (Look::Trained, "trained", 82.0), (Look::Head, "the swapped head", 140.0)]
        {
            if units.iter().any(|unit| unit.look == look) {
                let area = Area { x, y: top, width: 18.0, height: 12.0 };
                self.drawing.shapes.push(Shape::Box { area, look });
                self.text([x + 24.0, area.centre()[1]], Align::Left, (BODY, Tone::Text), name);
                x += width;
            }
        }
        top + 12.0 + MARGIN
    }
}
