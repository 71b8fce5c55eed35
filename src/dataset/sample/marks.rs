//! What else is seen on intact concrete, and might be taken for a crack: joints, form lines, scratches, stains.
//!
//! These marks are drawn from the same distribution in both classes, so that none of them tells which it is.

use super::noise::{Grid, Plane, lerp, smooth_step};
use super::portable::{length, sin_cos, square};
use super::surface::{Blob, Surface};
use crate::dice::Dice;

/// Adds a random choice of marks, most photos having one or two.
pub(super) fn add(surface: &mut Surface, dice: &mut Dice) {
    type Mark = fn(&mut Surface, &mut Dice);
    let marks: [(f32, Mark); 9] = [
        (0.25, stain),
        (0.10, streaks),
        (0.10, efflorescence),
        (0.10, board_marks),
        (0.07, joint),
        (0.16, scratches),
        (0.16, trowel_marks),
        (0.08, pore_row),
        (0.12, debris),
    ];
    for (chance, mark) in marks {
        if dice.chance(chance) {
            mark(surface, dice);
        }
    }
}

/// A straight line through the frame: pixels are told by their signed distance from it and their way along it.
struct Line {
    x: f32,
    y: f32,
    sine: f32,
    cosine: f32,
}

impl Line {
    fn through(x: f32, y: f32, angle: f32) -> Self {
        let (sine, cosine) = sin_cos(angle);
        Self { x, y, sine, cosine }
    }

    /// Through the middle part of the frame, often nearly upright or level, as joints and forms are.
    fn random(side: usize, dice: &mut Dice) -> Self {
        let side = side as f32;
        let square = if dice.chance(0.5) { 0.0 } else { std::f32::consts::FRAC_PI_2 };
        let angle = if dice.chance(0.7) { square + 0.06 * dice.normal() } else { dice.angle() };
        Self::through(dice.between(0.15, 0.85) * side, dice.between(0.15, 0.85) * side, angle)
    }

    fn place(&self, x: f32, y: f32) -> (f32, f32) {
        let (dx, dy) = (x - self.x, y - self.y);
        (dy * self.cosine - dx * self.sine, dx * self.cosine + dy * self.sine)
    }
}

/// A damp or dirty patch, some with a darker rim where the water dried.
fn stain(surface: &mut Surface, dice: &mut Dice) {
    let side = surface.tone.side();
    let clouds = Plane::clouds(
        side,
        dice.noise(),
        Grid::even(dice.between(60.0, 150.0) * surface.unit),
        4,
        dice.between(0.5, 0.75),
    );
    let (level, edge) = (dice.between(0.0, 0.3), dice.between(0.06, 0.4));
    let factor = if dice.chance(0.75) { dice.between(0.75, 0.95) } else { dice.between(1.05, 1.15) };
    let rim = if dice.chance(0.4) { dice.between(0.03, 0.12) } else { 0.0 };
    let warm = dice.between(-0.015, 0.04);
    surface.tone.combine(&clouds, |tone, cloud| {
        let inside = smooth_step(level - edge, level + edge, cloud);
        *tone *= lerp(1.0, factor, inside) * (1.0 - rim * 4.0 * inside * (1.0 - inside));
    });
    surface.warmth.combine(&clouds, |warmth, cloud| *warmth += warm * smooth_step(level - edge, level + edge, cloud));
}

/// Soft streaks of water that ran down.
fn streaks(surface: &mut Surface, dice: &mut Dice) {
    let side = surface.tone.side();
    let down = std::f32::consts::FRAC_PI_2 + 0.08 * dice.normal();
    let grid =
        Grid::stretched(dice.between(200.0, 500.0) * surface.unit, dice.between(14.0, 40.0) * surface.unit, down);
    let clouds = Plane::clouds(side, dice.noise(), grid, 2, 0.5);
    let strength = dice.between(0.08, 0.3) * dice.sign();
    surface.tone.combine(&clouds, |tone, cloud| *tone *= 1.0 + strength * (cloud - 0.1).max(0.0));
}

/// White bloom of salts.
fn efflorescence(surface: &mut Surface, dice: &mut Dice) {
    let side = surface.tone.side();
    let clouds = Plane::clouds(side, dice.noise(), Grid::even(dice.between(35.0, 90.0) * surface.unit), 4, 0.65);
    let (level, gain) = (dice.between(0.1, 0.35), dice.between(0.08, 0.25));
    surface.tone.combine(&clouds, |tone, cloud| *tone += gain * smooth_step(level, level + 0.35, cloud));
}

/// The print of the boards of the form: parallel strips of slightly different tone with a fine ridge between.
fn board_marks(surface: &mut Surface, dice: &mut Dice) {
    let line = Line::random(surface.tone.side(), dice);
    let width = dice.between(50.0, 150.0) * surface.unit;
    let ridge = dice.between(0.4, 1.6) * dice.sign();
    let half = dice.between(0.7, 1.8) * surface.unit;
    let (shades, strength, wood) = (dice.noise(), dice.between(0.02, 0.12), dice.noise());
    let fibre = dice.between(0.0, 0.05);
    let unit = surface.unit;
    surface.tone.update(|x, y, tone| {
        let (across, along) = line.place(x, y);
        let board = (across / width).floor();
        let shade = shades.at(board * 3.7 + 0.5, 0.5);
        let grain = wood.at(along / (60.0 * unit), across / (3.0 * unit));
        *tone *= 1.0 + strength * shade + fibre * grain;
    });
    surface.height.update(|x, y, height| {
        let (across, _) = line.place(x, y);
        let from_edge = (across - (across / width).round() * width).abs();
        *height += ridge * (1.0 - smooth_step(0.0, 2.0 * half, from_edge));
    });
}

/// A sawn or formed joint: dead straight, the same width all along, with clean edges.
fn joint(surface: &mut Surface, dice: &mut Dice) {
    let line = Line::random(surface.tone.side(), dice);
    let half = dice.between(1.0, 5.5) * surface.unit;
    let (floor, bevel) = (dice.between(0.35, 0.8), dice.between(0.8, 2.5) * surface.unit);
    let depth = dice.between(0.5, 2.0);
    let dust = dice.noise();
    let scale = 0.15 / surface.unit;
    let cover = |x: f32, y: f32| 1.0 - smooth_step(half - 0.7, half + 0.7, line.place(x, y).0.abs());
    surface.tone.update(|x, y, tone| {
        let inside = cover(x, y);
        if inside > 0.0 {
            *tone *= lerp(1.0, floor * (1.0 + 0.3 * dust.at(x * scale, y * scale)), inside);
        }
    });
    surface.height.update(|x, y, height| {
        *height -= depth * (1.0 - smooth_step(half - 0.5, half + bevel, line.place(x, y).0.abs()));
    });
}

/// Scratches: thin, straight or evenly bent, mostly lighter than the paste.
fn scratches(surface: &mut Surface, dice: &mut Dice) {
    let side = surface.tone.side() as f32;
    for _ in 0..dice.whole(1, 6) {
        let (x, y, angle) = (dice.between(0.0, side), dice.between(0.0, side), dice.angle());
        let reach = dice.between(15.0, 150.0) * surface.unit;
        let light = if dice.chance(0.85) { dice.between(1.08, 1.35) } else { dice.between(0.8, 0.92) };
        // Only light ones are bent: a dark bent line would pass for a hairline crack.
        let bend = if light > 1.0 { 0.004 * dice.normal() / surface.unit } else { 0.0 };
        let half = dice.between(0.4, 0.9) * surface.unit.max(0.7);
        arc(surface, [x, y, angle], reach, bend, |surface, x, y, share| {
            let fade = smooth_step(0.0, 0.25, share) * smooth_step(0.0, 0.25, 1.0 - share);
            surface.tone.around(x, y, half + 1.0, |dx, dy, tone| {
                let cover = (half + 0.5 - length(dx, dy)).clamp(0.0, 1.0) * fade * 0.6;
                *tone *= lerp(1.0, light, cover);
            });
        });
    }
}

/// Ridges that the trowel's edge left: long even arcs, lit on one side.
fn trowel_marks(surface: &mut Surface, dice: &mut Dice) {
    let side = surface.tone.side() as f32;
    let (angle, bend) = (dice.angle(), 0.006 * dice.normal() / surface.unit);
    for _ in 0..dice.whole(1, 4) {
        let (x, y) = (dice.between(0.0, side), dice.between(0.0, side));
        let reach = dice.between(40.0, 260.0) * surface.unit;
        let rise = dice.between(0.05, 0.2) * dice.sign();
        let half = dice.between(1.5, 4.0) * surface.unit;
        arc(surface, [x, y, angle + 0.15 * dice.normal()], reach, bend, |surface, x, y, share| {
            let fade = sin_cos(std::f32::consts::PI * share).0;
            surface.height.around(x, y, half, |dx, dy, height| {
                *height += rise * fade * (1.0 - length(dx, dy) / half).max(0.0) / half;
            });
        });
    }
}

/// Walks along an evenly bent line, a pixel at a time, telling the share walked.
fn arc(
    surface: &mut Surface,
    [mut x, mut y, mut angle]: [f32; 3],
    reach: f32,
    bend: f32,
    mut visit: impl FnMut(&mut Surface, f32, f32, f32),
) {
    let steps = reach.max(1.0) as u32;
    for step in 0..steps {
        visit(surface, x, y, step as f32 / steps as f32);
        let (sine, cosine) = sin_cos(angle);
        x += cosine;
        y += sine;
        angle += bend;
    }
}

/// Pores that follow a line, as along the edge of a form.
fn pore_row(surface: &mut Surface, dice: &mut Dice) {
    let side = surface.tone.side();
    let line = Line::random(side, dice);
    let reach = side as f32;
    for _ in 0..dice.whole(6, 22) {
        let along = dice.between(-0.7, 0.7) * reach;
        let off = 3.0 * surface.unit * dice.normal();
        let x = line.x + along * line.cosine - off * line.sine;
        let y = line.y + along * line.sine + off * line.cosine;
        let radius = dice.between(0.8, 2.8) * surface.unit;
        let (stretch, angle) = (dice.between(1.0, 1.5), dice.angle());
        let shape = Blob::at(x, y, radius, stretch, angle, dice);
        surface.stamp(&shape, dice.between(0.45, 0.85), -dice.between(0.4, 1.2), 0.0);
    }
}

/// Crumbs, splashes of paint or mortar, and dark patches where a flake came off.
fn debris(surface: &mut Surface, dice: &mut Dice) {
    let side = surface.tone.side() as f32;
    for _ in 0..dice.whole(1, 7) {
        let radius = square(dice.between(1.0, 3.0)) * surface.unit;
        let shape = Blob::new(radius, side, dice).soft(dice.between(0.6, 2.0));
        let (factor, rise) = match dice.whole(0, 2) {
            0 => (dice.between(1.1, 1.4), dice.between(0.3, 1.2)),
            1 => (dice.between(0.5, 0.8), -dice.between(0.4, 1.5)),
            _ => (dice.between(0.8, 1.0), -dice.between(0.8, 2.0)),
        };
        surface.stamp(&shape, factor, rise, dice.between(-0.03, 0.08));
    }
}
