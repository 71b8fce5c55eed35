//! Cells that lie together.

use super::heat::{Grid, HeatMap, Rect};

/// Cracked cells that touch, by a side or a corner.
#[derive(Clone, Debug, PartialEq)]
pub struct Region {
    /// Their numbers, in rising order.
    pub cells: Vec<usize>,
    /// The smallest box around them, in pixels.
    pub bounds: Rect,
    /// The highest probability among them.
    pub p_max: f32,
}

/// The regions of `cracked` cells, those with the highest probability first.
pub fn regions(map: &HeatMap, cracked: &[bool]) -> Vec<Region> {
    let mut found = components(&map.grid, cracked)
        .into_iter()
        .map(|cells| {
            let p_max = cells.iter().map(|cell| map.p(*cell)).fold(0.0, f32::max);
            Region { bounds: bounds(&map.grid, &cells), cells, p_max }
        })
        .collect::<Vec<_>>();
    found.sort_by(|a, b| b.p_max.total_cmp(&a.p_max).then_with(|| a.cells.cmp(&b.cells)));
    found
}

/// The smallest box around some cells.
pub fn bounds(grid: &Grid, cells: &[usize]) -> Rect {
    let rects = || cells.iter().map(|cell| grid.rect(*cell));
    let (x, y) = (rects().map(|r| r.x).min().unwrap_or(0), rects().map(|r| r.y).min().unwrap_or(0));
    let right = rects().map(|r| r.x + r.width).max().unwrap_or(x);
    let bottom = rects().map(|r| r.y + r.height).max().unwrap_or(y);
    Rect { x, y, width: right - x, height: bottom - y }
}

fn components(grid: &Grid, cracked: &[bool]) -> Vec<Vec<usize>> {
    let mut left = cracked.to_vec();
    let mut found = Vec::new();
    for first in 0..grid.len().min(left.len()) {
        if !std::mem::take(&mut left[first]) {
            continue;
        }
        let (mut cells, mut next) = (vec![first], 0);
        while let Some(&cell) = cells.get(next) {
            next += 1;
            for near in neighbours(grid, cell) {
                if left.get_mut(near).is_some_and(std::mem::take) {
                    cells.push(near);
                }
            }
        }
        cells.sort_unstable();
        found.push(cells);
    }
    found
}

/// The up to eight cells around one.
pub fn neighbours(grid: &Grid, cell: usize) -> impl Iterator<Item = usize> {
    let (columns, rows) = (grid.columns, grid.rows);
    let (column, row) = grid.place(cell);
    let near = |place: usize, count: usize| place.saturating_sub(1)..(place + 2).min(count);
    near(row, rows)
        .flat_map(move |y| near(column, columns).map(move |x| y * columns + x))
        .filter(move |near| *near != cell)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_that_touch_are_one_region() {
        let grid = Grid::of(160, 96);
        let cracked: Vec<bool> = ".#..#\n#...#\n.....".chars().filter(|c| *c != '\n').map(|c| c == '#').collect();
        let logits = (0..15).map(|cell| cell as f32 / 10.0).collect();
        let found = regions(&HeatMap { grid, logits }, &cracked);
        assert_eq!(found.iter().map(|r| r.cells.clone()).collect::<Vec<_>>(), [vec![4, 9], vec![1, 5]]);
        assert_eq!(found[0].bounds, Rect { x: 128, y: 0, width: 32, height: 64 });
        assert_eq!(found[1].bounds, Rect { x: 0, y: 0, width: 64, height: 64 });
        assert!((found[0].p_max - 0.7109).abs() < 1e-3);
    }
}
