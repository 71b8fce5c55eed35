//! The course of a crack: where it runs and how wide it gapes.
//!
//! A strand is a walk that heads for a goal and is thrown off it by wander at several scales: slow bends, jogs around
//! stones, jags around grains of sand, and jitter. Its width varies along its length in the same manner.

use super::noise::smooth_step;
use super::portable::{direction, exp, length, sin_cos};
use crate::dice::Dice;

/// How many photos in a hundred show each kind of crack, in the order of [`Kind`].
const SHARES: [(u32, Kind); 5] =
    [(22, Kind::Hairline), (30, Kind::Fine), (28, Kind::Open), (13, Kind::Gaping), (7, Kind::Network)];

/// What sort of crack it is, by the width of its opening in a photo of 227×227.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// 1 to 1.5 pixels.
    Hairline,
    /// 2 to 3.5 pixels.
    Fine,
    /// 3.5 to 8 pixels, with broken edges.
    Open,
    /// 8 to 20 pixels, with rubble inside.
    Gaping,
    /// A net of fine cracks.
    Network,
}

/// One place of a strand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Point {
    /// Place in pixels.
    pub x: f32,
    /// Place in pixels.
    pub y: f32,
    /// Half the opening in pixels; below 0 it peters out.
    pub half: f32,
    /// Direction of the walk in radians.
    pub heading: f32,
}

/// One crack with its branches, or a net.
pub(super) struct Crack {
    /// What sort it is.
    pub kind: Kind,
    /// Walks; the first is the main one.
    pub strands: Vec<Vec<Point>>,
}

/// How far a strand strays from the straight way.
#[derive(Clone, Copy)]
struct Wander {
    bend: f32,
    jog: f32,
    jag: f32,
    jitter: f32,
}

impl Crack {
    /// A random crack that runs through the frame.
    pub(super) fn new(side: usize, dice: &mut Dice) -> Self {
        let kind = kind(dice);
        let side = side as f32;
        let unit = side / 227.0;
        let half = (half_width(kind, dice) * unit).max(0.5);
        let wander = Wander {
            bend: dice.between(0.15, 0.5),
            jog: dice.between(0.25, 0.65),
            jag: dice.between(0.15, 0.7),
            jitter: dice.between(0.05, 0.3),
        };
        let mut crack = Self { kind, strands: Vec::new() };
        if kind == Kind::Network {
            crack.net(side, half, wander, dice);
            return crack;
        }
        let (start, goal, ends_within) = way(side, dice);
        let main = walk(start, goal, half, wander, unit, dice);
        crack.strands.push(if ends_within { taper(main, 0.7, half) } else { main });
        crack.branch(half, unit, wander, dice);
        if dice.chance(0.1) {
            let (start, goal, _) = way(side, dice);
            let second = half * dice.between(0.3, 0.9);
            crack.strands.push(walk(start, goal, second.max(0.45), wander, unit, dice));
        }
        crack
    }

    /// Adds branches to the first strand, and to the branches now and then.
    fn branch(&mut self, half: f32, unit: f32, wander: Wander, dice: &mut Dice) {
        let count = if dice.chance(0.45) { dice.whole(1, 3) } else { 0 };
        for _ in 0..count {
            let parent = if dice.chance(0.25) { dice.whole(0, self.strands.len() as u32 - 1) } else { 0 };
            let Some(strand) = self.strands.get(parent as usize) else { continue };
            let place = dice.between(0.12, 0.88) * strand.len() as f32;
            let Some(&from) = strand.get(place as usize) else { continue };
            let angle = from.heading + dice.sign() * dice.between(0.35, 1.2);
            let (sine, cosine) = sin_cos(angle);
            let reach = dice.between(25.0, 120.0) * unit;
            let goal = (from.x + reach * cosine, from.y + reach * sine);
            let width = (half * dice.between(0.25, 0.65)).max(0.4);
            let strand = walk((from.x, from.y), goal, width, wander, unit, dice);
            self.strands.push(taper(strand, 0.35, width));
        }
    }

    /// Map cracking: the sides of the bricks of a bond whose corners are shifted.
    fn net(&mut self, side: f32, half: f32, wander: Wander, dice: &mut Dice) {
        let cell = side * dice.between(0.24, 0.5);
        let turn = dice.angle();
        let count = (side * 0.8 / cell).ceil() as i32 + 1;
        let columns = 2 * count + 1;
        let mut corners = Vec::new();
        for row in -count..=count {
            for column in -count..=count {
                let x = cell * (column as f32 + 0.28 * dice.normal().clamp(-1.5, 1.5));
                let y = cell * (0.8 * row as f32 + 0.25 * dice.normal().clamp(-1.5, 1.5));
                let (sine, cosine) = sin_cos(turn);
                corners.push((side / 2.0 + x * cosine - y * sine, side / 2.0 + y * cosine + x * sine));
            }
        }
        let wander = Wander { bend: 0.5 * wander.bend, ..wander };
        for (index, &from) in corners.iter().enumerate() {
            let (row, column) = (index as i32 / columns, index as i32 % columns);
            let right = (column + 1 < columns).then_some(index + 1);
            let below = ((row + column) % 2 == 0).then_some(index + columns as usize);
            for &to in [right, below].into_iter().flatten().filter_map(|next| corners.get(next)) {
                let width = half * dice.between(0.5, 1.2);
                if dice.chance(0.9) {
                    self.strands.push(walk(from, to, width, wander, side / 227.0, dice));
                }
            }
        }
    }
}

/// From one edge of the frame to another, or to somewhere within (then the third is true).
fn way(side: f32, dice: &mut Dice) -> ((f32, f32), (f32, f32), bool) {
    let middle = side / 2.0;
    let angle = dice.angle();
    let (sine, cosine) = sin_cos(angle);
    let reach = side * 0.78;
    // Most cracks pass near the middle, some near a corner.
    let off = side * 0.17 * dice.normal().clamp(-2.0, 2.0);
    let (x, y) = (middle - off * sine, middle + off * cosine);
    let within = dice.chance(0.16);
    let ahead = if within { side * dice.between(0.0, 0.3) } else { reach };
    ((x - reach * cosine, y - reach * sine), (x + ahead * cosine, y + ahead * sine), within)
}

/// Walks from `start` to `goal` in steps of one and a half pixels at most.
fn walk(start: (f32, f32), goal: (f32, f32), half: f32, wander: Wander, unit: f32, dice: &mut Dice) -> Vec<Point> {
    let step = 1.5 * unit.min(1.0);
    let limit = (3.0 * length(goal.0 - start.0, goal.1 - start.1) / step) as usize + 8;
    let (bend_noise, jog_noise, jag_noise) = (dice.noise(), dice.noise(), dice.noise());
    let (slow_noise, fast_noise) = (dice.noise(), dice.noise());
    let (bend_length, jog_length) = (dice.between(60.0, 110.0) * unit, dice.between(12.0, 28.0) * unit);
    let (uneven, ragged, ragged_length) =
        (dice.between(0.3, 1.1), dice.between(0.1, 0.6), dice.between(7.0, 18.0) * unit);
    let (mut x, mut y) = start;
    let mut points = Vec::with_capacity(limit);
    for index in 0..limit {
        let (dx, dy) = (goal.0 - x, goal.1 - y);
        let left = length(dx, dy);
        if left < 1.2 * step {
            break;
        }
        let way = index as f32 * step;
        // Near the goal the wander dies away, so that the walk arrives.
        let freedom = smooth_step(0.0, 25.0 * unit, left);
        let stray = 2.6 * wander.bend * bend_noise.at(way / bend_length, 0.5)
            + 2.8 * wander.jog * jog_noise.at(way / jog_length, 0.5)
            + 2.8 * wander.jag * jag_noise.at(way / (5.5 * unit), 0.5)
            + wander.jitter * dice.normal();
        let heading = direction(dx, dy) + stray * freedom;
        let swell = uneven * slow_noise.at(way / (45.0 * unit), 0.5) + ragged * fast_noise.at(way / ragged_length, 0.5);
        points.push(Point { x, y, half: half * exp(1.4 * swell), heading });
        let (sine, cosine) = sin_cos(heading);
        x += step * cosine;
        y += step * sine;
    }
    points
}

/// Lets a strand peter out towards its end, from the share `from` of its length on.
fn taper(mut strand: Vec<Point>, from: f32, half: f32) -> Vec<Point> {
    let count = strand.len().max(1) as f32;
    for (index, point) in strand.iter_mut().enumerate() {
        let lost = smooth_step(from, 1.0, index as f32 / count);
        point.half = point.half * (1.0 - lost) - 0.4 * half.min(1.0) * lost;
    }
    strand
}

fn kind(dice: &mut Dice) -> Kind {
    let mut left = dice.whole(0, SHARES.iter().map(|share| share.0).sum::<u32>() - 1);
    for (share, kind) in SHARES {
        if left < share {
            return kind;
        }
        left -= share;
    }
    Kind::Fine
}

fn half_width(kind: Kind, dice: &mut Dice) -> f32 {
    match kind {
        Kind::Hairline => dice.between(0.5, 0.75),
        Kind::Fine => dice.between(1.0, 1.75),
        Kind::Open => dice.between(1.75, 4.0),
        Kind::Gaping => dice.between(4.0, 8.5),
        Kind::Network => dice.between(0.6, 1.5),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_crack_runs_through_the_frame() {
        for seed in 0..300 {
            let crack = Crack::new(227, &mut Dice::new(seed, 3));
            let inside = |point: &&Point| (0.0..227.0).contains(&point.x) && (0.0..227.0).contains(&point.y);
            let steps = crack.strands.iter().flatten().filter(inside).filter(|point| point.half > 0.0).count();
            assert!(steps > 30, "seed {seed}, {:?}: {steps} steps", crack.kind);
        }
    }

    #[test]
    fn all_kinds_occur_about_as_often_as_meant() {
        let kinds: Vec<Kind> = (0..2000).map(|seed| kind(&mut Dice::new(seed, 3))).collect();
        for (share, kind) in SHARES {
            let found = kinds.iter().filter(|&&other| other == kind).count() as i32;
            assert!((found - 20 * share as i32).abs() < 100, "{kind:?}: {found}");
        }
    }

    #[test]
    fn a_walk_arrives_and_never_jumps() {
        let mut dice = Dice::new(9, 0);
        let wander = Wander { bend: 0.5, jog: 0.6, jag: 0.7, jitter: 0.2 };
        let strand = walk((-20.0, 10.0), (240.0, 200.0), 2.0, wander, 1.0, &mut dice);
        let last = strand.last().unwrap();
        assert!((last.x - 240.0).hypot(last.y - 200.0) < 6.0);
        assert!(strand.windows(2).all(|pair| (pair[0].x - pair[1].x).hypot(pair[0].y - pair[1].y) < 1.6));
    }
}
