//! The line along each crack.
//!
//! The map says where a crack is to 32 pixels; the photo says the rest: a crack is a thin dark ridge. Within a region of
//! cracked cells the line is a tree of paths of least cost, where dark pixels cost little (minimal paths: Cohen and
//! Kimmel 1997). Other than thinning a mask of dark pixels, it bridges gaps and passes over specks; loops come out open.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use image::RgbImage;

use super::brightness;
use super::heat::{CELL, Grid, Rect};
use super::regions::Region;

/// Pixels of a region that are worked on, about; of larger ones, squares are taken together, each as dark as its
/// darkest pixel.
const MOST_PIXELS: u64 = 4 << 20;
/// Pixels around one that its surroundings reach on each side, whose mean is what it is darker than.
const SURROUNDINGS: usize = 20;
/// What a step to a pixel as bright as its surroundings costs; one to the darkest costs 1.
const BRIGHT_COST: f32 = 40.0;
/// The least length of a branch, in cells.
const LEAST_BRANCH: f32 = 1.5;
/// The least darkness along a branch, as a share of that along the region's main line.
const LEAST_DARKNESS: f32 = 0.6;
/// How far a line may lie from the path that it simplifies, in pixels.
const TOLERANCE: f32 = 1.0;

/// A line along a crack, or along a branch of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Crack {
    /// The region that it lies in, by its number.
    pub region: usize,
    /// Points in pixels of the photo, from one end to the other; at least two.
    pub points: Vec<[f32; 2]>,
}

impl Crack {
    /// Its length in pixels.
    pub fn length(&self) -> f32 {
        length(&self.points)
    }
}

/// Pixels along all of these lines together.
pub fn length_of<'a>(lines: impl Iterator<Item = &'a Crack>) -> f64 {
    lines.fold(0.0, |sum, line| sum + f64::from(line.length())) // the sum of none would be -0
}

/// The length of a line through these points.
pub fn length(points: &[[f32; 2]]) -> f32 {
    points.windows(2).map(|pair| if let [a, b] = pair { (a[0] - b[0]).hypot(a[1] - b[1]) } else { 0.0 }).sum()
}

/// The lines of a region: the longest first, then its branches. `number` is what the region is called in them.
pub fn trace(photo: &RgbImage, grid: &Grid, region: &Region, number: usize) -> Vec<Crack> {
    let field = Field::of(photo, grid, region);
    let paths = field.tree();
    let line = |path: Vec<usize>| {
        let points: Vec<[f32; 2]> = path.iter().map(|at| field.point(*at)).collect();
        Crack { region: number, points: simplified(&points, TOLERANCE * field.step as f32) }
    };
    paths.into_iter().map(line).filter(|crack| crack.points.len() > 1).collect()
}

/// How dark the pixels of a region are.
struct Field {
    bounds: Rect,
    /// Pixels of the photo on a side of one here.
    step: usize,
    width: usize,
    height: usize,
    /// 0 as bright as the surroundings, 1 as dark as the darkest hundredth; negative outside the region.
    darkness: Vec<f32>,
    /// The darkest pixel of each cell.
    ridge: Vec<usize>,
}

/// Cheapest ways from one pixel to all others.
struct Ways {
    before: Vec<u32>,
    /// Along the way, in pixels.
    length: Vec<f32>,
}

impl Field {
    fn of(photo: &RgbImage, grid: &Grid, region: &Region) -> Self {
        let bounds = region.bounds;
        let area = u64::from(bounds.width) * u64::from(bounds.height);
        let step = (1..).find(|step| area / (step * step) <= MOST_PIXELS).unwrap_or(1) as usize;
        let (width, height) = ((bounds.width as usize).div_ceil(step), (bounds.height as usize).div_ceil(step));
        let levels = smoothed(&darkest(photo, bounds, step, (width, height)), width);
        let around = super::heat::window_means(&levels, width, 2 * SURROUNDINGS + 1);
        let mut darkness = vec![-1.0; width * height];
        let mut ridge = Vec::with_capacity(region.cells.len());
        for cell in &region.cells {
            let Rect { x, y, width: w, height: h } = grid.rect(*cell);
            let (left, top) = ((x - bounds.x) as usize / step, (y - bounds.y) as usize / step);
            let (right, bottom) = ((x + w - bounds.x) as usize, (y + h - bounds.y) as usize);
            let places =
                (top..bottom.div_ceil(step)).flat_map(|y| (left..right.div_ceil(step)).map(move |x| y * width + x));
            for place in places.clone() {
                darkness[place] = (around[place] - levels[place]).max(0.0);
            }
            ridge.extend(places.max_by(|a, b| darkness[*a].total_cmp(&darkness[*b])));
        }
        let mut field = Self { bounds, step, width, height, darkness, ridge };
        field.normalise();
        field
    }

    /// Makes the darkest hundredth 1.
    fn normalise(&mut self) {
        let mut inside: Vec<f32> = self.darkness.iter().copied().filter(|value| *value >= 0.0).collect();
        let at = inside.len().saturating_sub(1 + inside.len() / 100);
        if at >= inside.len() {
            return;
        }
        let (_, most, _) = inside.select_nth_unstable_by(at, f32::total_cmp);
        let most = most.max(1.0); // a level: what is flat stays bright
        self.darkness.iter_mut().filter(|value| **value >= 0.0).for_each(|value| *value = (*value / most).min(1.0));
    }

    fn point(&self, place: usize) -> [f32; 2] {
        let centre = |at: usize| (at as f32 + 0.5) * self.step as f32;
        [self.bounds.x as f32 + centre(place % self.width), self.bounds.y as f32 + centre(place / self.width)]
    }

    /// The longest way through the region along what is dark, and branches from it.
    fn tree(&self) -> Vec<Vec<usize>> {
        // Cells beside the crack hold nothing dark.
        let ridge: Vec<usize> = self.ridge.iter().copied().filter(|at| self.darkness[*at] >= 0.5).collect();
        let Some(&start) = ridge.iter().max_by(|a, b| self.darkness[**a].total_cmp(&self.darkness[**b])) else {
            return Vec::new();
        };
        let farthest = |ways: &Ways| ridge.iter().copied().max_by(|a, b| ways.length[*a].total_cmp(&ways.length[*b]));
        let root = farthest(&self.ways_from(start)).unwrap_or(start);
        let ways = self.ways_from(root);
        let mut targets = ridge.clone();
        targets.sort_by(|a, b| ways.length[*b].total_cmp(&ways.length[*a]));
        let mut used = vec![false; self.darkness.len()];
        let (mut lines, mut main_darkness) = (Vec::new(), 0.0);
        for target in targets {
            let path = ways.back(target, &used);
            let (Some(first), Some(last)) = (path.first(), path.last()) else { continue };
            let length = (ways.length[*first] - ways.length[*last]) * self.step as f32;
            let darkness = path.iter().map(|at| self.darkness[*at]).sum::<f32>() / path.len() as f32;
            if lines.is_empty() {
                main_darkness = darkness;
            } else if length < LEAST_BRANCH * CELL as f32 || darkness < LEAST_DARKNESS * main_darkness {
                continue;
            }
            path.iter().for_each(|at| used[*at] = true);
            lines.push(path);
        }
        lines
    }

    /// Dijkstra's algorithm over the region's pixels, each with eight neighbours.
    fn ways_from(&self, start: usize) -> Ways {
        let count = self.darkness.len();
        let mut ways = Ways { before: vec![u32::MAX; count], length: vec![0.0; count] };
        let mut costs = vec![u32::MAX; count];
        costs[start] = 0;
        let mut queue = BinaryHeap::from([Reverse((0_u32, start))]);
        while let Some(Reverse((cost, at))) = queue.pop() {
            if cost > costs[at] {
                continue;
            }
            for (near, distance) in self.around(at) {
                let bright = 1.0 - self.darkness[near];
                // In tenths, so that costs are whole numbers.
                let next = cost + (10.0 * distance * (1.0 + BRIGHT_COST * bright * bright)) as u32;
                if next < costs[near] {
                    costs[near] = next;
                    ways.before[near] = at as u32;
                    ways.length[near] = ways.length[at] + distance;
                    queue.push(Reverse((next, near)));
                }
            }
        }
        ways
    }

    /// The neighbours of a pixel within the region, with their distance.
    fn around(&self, at: usize) -> impl Iterator<Item = (usize, f32)> {
        let (x, y) = (at % self.width, at / self.width);
        let near = |place: usize, count: usize| place.saturating_sub(1)..(place + 2).min(count);
        let places = near(y, self.height).flat_map(move |y| near(x, self.width).map(move |x| (x, y)));
        places
            .map(move |(nx, ny)| {
                let straight = nx == x || ny == y;
                (ny * self.width + nx, if straight { 1.0 } else { std::f32::consts::SQRT_2 })
            })
            .filter(move |(near, _)| *near != at && self.darkness[*near] >= 0.0)
    }
}

impl Ways {
    /// From a pixel back to the start, or to the first one that is used.
    fn back(&self, target: usize, used: &[bool]) -> Vec<usize> {
        let mut path = vec![target];
        let mut at = target;
        while let Some(before) = self.before.get(at).map(|before| *before as usize)
            && before < self.before.len()
            && !used[at]
        {
            path.push(before);
            at = before;
        }
        path
    }
}

/// The brightness of squares of `step` pixels within `bounds`: that of the darkest pixel of each.
fn darkest(photo: &RgbImage, bounds: Rect, step: usize, (width, height): (usize, usize)) -> Vec<f32> {
    let mut levels = vec![255.0_f32; width * height];
    for y in 0..bounds.height {
        let begin = ((bounds.y + y) as usize * photo.width() as usize + bounds.x as usize) * 3;
        let row = photo.as_raw().get(begin..begin + 3 * bounds.width as usize).unwrap_or_default();
        let to = &mut levels[y as usize / step * width..][..width];
        for (x, pixel) in row.chunks_exact(3).enumerate() {
            if let &[r, g, b] = pixel {
                to[x / step] = to[x / step].min(brightness::grey([r, g, b]));
            }
        }
    }
    levels
}

/// The mean over 3 × 3 pixels: against the grain of concrete.
fn smoothed(levels: &[f32], width: usize) -> Vec<f32> {
    super::heat::window_means(levels, width, 3)
}

/// A line with fewer points, nowhere farther than `tolerance` from the path (Ramer 1972; Douglas and Peucker 1973).
pub fn simplified(points: &[[f32; 2]], tolerance: f32) -> Vec<[f32; 2]> {
    let Some(last) = points.len().checked_sub(1) else { return Vec::new() };
    let mut keep = vec![false; points.len()];
    keep[0] = true;
    keep[last] = true;
    let mut open = vec![(0, last)];
    while let Some((from, to)) = open.pop() {
        let distance = |at: usize| distance(points[at], points[from], points[to]);
        let farthest = (from + 1..to).max_by(|a, b| distance(*a).total_cmp(&distance(*b)));
        if let Some(at) = farthest.filter(|at| distance(*at) > tolerance) {
            keep[at] = true;
            open.extend([(from, at), (at, to)]);
        }
    }
    points.iter().zip(keep).filter_map(|(point, keep)| keep.then_some(*point)).collect()
}

/// From a point to the piece of line between two others.
pub fn distance(p: [f32; 2], a: [f32; 2], b: [f32; 2]) -> f32 {
    let ([dx, dy], [px, py]) = ([b[0] - a[0], b[1] - a[1]], [p[0] - a[0], p[1] - a[1]]);
    let square = dx * dx + dy * dy;
    let t = if square > 0.0 { ((px * dx + py * dy) / square).clamp(0.0, 1.0) } else { 0.0 };
    (px - t * dx).hypot(py - t * dy)
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;
    use crate::inspect::regions::bounds;

    /// A grey photo with dark lines of this width between points.
    fn drawn(size: (u32, u32), lines: &[[[f32; 2]; 2]], width: f32) -> RgbImage {
        RgbImage::from_fn(size.0, size.1, |x, y| {
            let at = [x as f32 + 0.5, y as f32 + 0.5];
            let near = lines.iter().any(|[a, b]| distance(at, *a, *b) <= width / 2.0);
            let grain = ((x * 7919 + y * 104_729) % 23) as u8;
            Rgb([if near { 60 } else { 150 + grain }; 3])
        })
    }

    fn whole(size: (u32, u32)) -> (Grid, Region) {
        let grid = Grid::of(size.0, size.1);
        let cells: Vec<usize> = (0..grid.len()).collect();
        (grid, Region { bounds: bounds(&grid, &cells), cells, p_max: 1.0 })
    }

    #[test]
    fn a_drawn_line_has_its_length() {
        for (line, width) in [
            ([[20.0, 20.0], [300.0, 200.0]], 2.0),
            ([[10.0, 100.0], [310.0, 100.0]], 5.0),
            ([[160.0, 5.0], [160.0, 220.0]], 12.0),
        ] {
            let size = (320, 224);
            let (grid, region) = whole(size);
            let found = trace(&drawn(size, &[line], width), &grid, &region, 0);
            let expected = length(&line);
            assert_eq!(found.len(), 1, "{found:?}");
            let got = found[0].length();
            assert!((got - expected).abs() < 0.08 * expected + width, "{got} instead of {expected}");
            assert!(found[0].points.iter().all(|p| distance(*p, line[0], line[1]) <= width / 2.0 + 2.0));
        }
    }

    #[test]
    fn a_fork_is_a_line_and_a_branch() {
        let size = (320, 320);
        let lines =
            [[[20.0, 160.0], [160.0, 160.0]], [[160.0, 160.0], [300.0, 60.0]], [[160.0, 160.0], [300.0, 260.0]]];
        let (grid, region) = whole(size);
        let found = trace(&drawn(size, &lines, 3.0), &grid, &region, 4);
        assert_eq!(found.len(), 2, "{found:?}");
        let (got, expected): (f32, f32) =
            (found.iter().map(Crack::length).sum(), lines.iter().map(|line| length(line)).sum());
        assert!((got - expected).abs() < 0.08 * expected, "{got} instead of {expected}");
        assert!(found.iter().all(|crack| crack.region == 4));
    }

    #[test]
    fn nothing_dark_is_no_line_and_slivers_do_no_harm() {
        for size in [(1, 1), (5, 600), (64, 64)] {
            let (grid, region) = whole(size);
            assert!(trace(&RgbImage::from_pixel(size.0, size.1, Rgb([90; 3])), &grid, &region, 0).is_empty());
        }
    }

    #[test]
    fn simplified_lines_stay_near() {
        let points: Vec<[f32; 2]> =
            (0..50).map(|x| [x as f32, if x < 25 { 0.4 * (x % 2) as f32 } else { x as f32 - 25.0 }]).collect();
        let line = simplified(&points, 0.5);
        assert!(line.len() < 6 && line[0] == points[0] && line.last() == points.last(), "{line:?}");
        let near = |p: &[f32; 2]| line.windows(2).map(|s| distance(*p, s[0], s[1])).fold(f32::MAX, f32::min);
        assert!(points.iter().all(|p| near(p) <= 0.5));
        assert!(simplified(&[], 1.0).is_empty());
    }
}
