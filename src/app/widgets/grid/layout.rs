//! Where the cells of a grid lie.

use std::ops::Range;

use egui::emath::GuiRounding as _;
use egui::{Pos2, Rect, Vec2, pos2, vec2};

use crate::app::theme::space;

use super::SCROLL_BAR;

/// Height of the line under a photo.
pub const CAPTION: f32 = 18.0;

/// The geometry of a grid in a given room. Lengths are in points.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Layout {
    /// Cells side by side, at least one.
    pub columns: usize,
    /// From one cell to the next.
    pub pitch: Vec2,
    cell: Vec2,
    room: Vec2,
    count: usize,
}

impl Layout {
    /// As many cells of at least `cell` side by side as fit into `room`; they grow to fill it.
    pub fn new(room: Vec2, cell: f32, captions: bool, count: usize) -> Self {
        // Whole points: the last digit of a room between panels changes from frame to frame.
        let width = (room.x.round() - SCROLL_BAR - 2.0 * space::S).max(cell);
        let columns = (((width + space::S) / (cell + space::S)).floor() as usize).max(1);
        let side = ((width + space::S) / columns as f32 - space::S).floor().max(cell);
        let cell = vec2(side, side + if captions { CAPTION } else { 0.0 });
        Self { columns, pitch: cell + Vec2::splat(space::S), cell, room, count }
    }

    /// Side of the square that a photo is fitted into.
    pub fn side(&self) -> f32 {
        self.cell.x
    }

    /// Height of all rows.
    pub fn height(&self) -> f32 {
        self.count.div_ceil(self.columns) as f32 * self.pitch.y + space::S
    }

    /// How far the grid can be scrolled.
    pub fn largest_offset(&self) -> f32 {
        (self.height() - self.room.y).max(0.0)
    }

    /// Whole rows that fit on the screen, at least one.
    pub fn rows_on_screen(&self) -> usize {
        ((self.room.y / self.pitch.y) as usize).max(1)
    }

    /// The offset that puts the row of a cell at the top.
    pub fn offset_of(&self, position: usize) -> f32 {
        ((position / self.columns) as f32 * self.pitch.y).min(self.largest_offset())
    }

    /// The offset nearest to `offset` at which a cell is wholly on the screen.
    pub fn offset_to_show(&self, position: usize, offset: f32) -> f32 {
        let top = (position / self.columns) as f32 * self.pitch.y;
        let bottom = top + self.pitch.y + space::S;
        if top < offset {
            top
        } else if bottom > offset + self.room.y {
            (bottom - self.room.y).min(top)
        } else {
            offset
        }
    }

    /// The places on the screen when it is scrolled by `offset`.
    pub fn visible(&self, offset: f32, height: f32) -> Range<usize> {
        let first = (offset.max(0.0) / self.pitch.y) as usize * self.columns;
        let end = ((offset.max(0.0) + height) / self.pitch.y).ceil() as usize * self.columns;
        first.min(self.count)..end.min(self.count)
    }

    /// The places just after and just before those on the screen, two rows each.
    pub fn near(&self, visible: &Range<usize>) -> impl Iterator<Item = usize> + use<> {
        let margin = 2 * self.columns;
        let after = visible.end..(visible.end + margin).min(self.count);
        let before = visible.start.saturating_sub(margin)..visible.start;
        after.chain(before.rev())
    }

    /// Where a cell lies on the screen when the point at `offset` is at `top_left`, on whole pixels.
    pub fn cell(&self, position: usize, top_left: Pos2, offset: f32, pixels_per_point: f32) -> Rect {
        let row = (position / self.columns) as f64;
        // Far down a long grid an f32 holds quarters of a point; the difference to the offset is small and exact.
        let y = (row * f64::from(self.pitch.y) - f64::from(offset)) as f32 + space::S;
        let x = (position % self.columns) as f32 * self.pitch.x + space::S;
        let min = pos2(top_left.x + x, top_left.y + y).round_to_pixels(pixels_per_point);
        Rect::from_min_size(min, self.cell)
    }
}

/// `step` places on from `position`, staying within 0 to `last`. A step by rows stays in its column, except that going
/// down from the last but one row may end on the last photo.
pub fn step(position: usize, step: isize, columns: usize, last: usize) -> usize {
    let target = position.saturating_add_signed(step);
    if step.unsigned_abs() < columns || columns == 1 {
        return target.min(last);
    }
    if step < 0 {
        return if position < step.unsigned_abs() { position % columns } else { target };
    }
    if target <= last {
        return target;
    }
    let in_last_row = last / columns * columns + position % columns;
    if position / columns == last / columns { position } else { in_last_row.min(last) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_stays_within_the_photos() {
        // 0 1 2 3 / 4 5 6 7 / 8 9
        let cases = [
            (0, -1, 0),
            (3, 1, 4),
            (9, 1, 9),
            (1, -4, 1),
            (5, -4, 1),
            (5, 4, 9),
            (6, 4, 9),
            (8, 4, 8),
            (1, 8, 9),
            (0, 12, 8),
            (9, -12, 1),
        ];
        for (position, by, expected) in cases {
            assert_eq!(step(position, by, 4, 9), expected, "{position} {by:+}");
        }
        assert_eq!(step(3, 1, 1, 9), 4);
    }

    #[test]
    fn every_photo_is_on_the_screen_somewhere_and_only_a_few_at_once() {
        let layout = Layout::new(vec2(800.0, 600.0), 96.0, false, 40_000);
        assert_eq!(layout.columns, 7);
        assert_eq!(layout.side(), 103.0);
        let mut seen = 0;
        let mut offset = 0.0;
        while offset < layout.largest_offset() {
            let visible = layout.visible(offset, 600.0);
            assert!(visible.start <= seen && visible.len() <= 7 * 8, "{visible:?}");
            seen = visible.end;
            offset += 500.0;
        }
        assert_eq!(layout.visible(layout.largest_offset(), 600.0).end, 40_000);
    }

    #[test]
    fn the_last_digit_of_the_room_changes_nothing() {
        let layout = |room: f32| Layout::new(vec2(room, 600.0), 96.0, false, 1000);
        for room in 200..1200_u16 {
            let [exact, less, more] = [0.0, -1e-4, 1e-4].map(|by| layout(f32::from(room) + by));
            assert!(exact.pitch == less.pitch && exact.pitch == more.pitch, "{room}");
        }
    }

    #[test]
    fn scrolling_to_a_photo_moves_no_further_than_needed() {
        let layout = Layout::new(vec2(800.0, 600.0), 96.0, true, 1000);
        let offset = layout.offset_to_show(700, 0.0);
        assert!(layout.visible(offset, 600.0).contains(&700));
        assert_eq!(layout.offset_to_show(700, offset), offset);
        assert_eq!(layout.offset_to_show(0, offset), 0.0);
        let cell = layout.cell(700, Pos2::ZERO, offset, 2.0);
        assert!(cell.top() >= 0.0 && cell.bottom() <= 600.0, "{cell}");
    }

    #[test]
    fn rows_keep_their_distance_far_down() {
        let layout = Layout::new(vec2(300.0, 600.0), 256.0, false, 40_000);
        let offset = layout.largest_offset();
        let tops: Vec<_> = (39_996..40_000).map(|i| layout.cell(i, Pos2::ZERO, offset, 1.0).top()).collect();
        assert!(tops.windows(2).all(|pair| (pair[1] - pair[0] - layout.pitch.y).abs() <= 1.0), "{tops:?}");
    }
}
