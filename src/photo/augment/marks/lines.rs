//! Marks that are dead straight and the same all along, from one edge of the photo to the other.

use super::super::plane::{Picture, Plane, smooth_step};
use crate::dice::Dice;

/// A straight line: the direction across it, and how far from the middle it passes.
struct Line {
    across_x: f32,
    across_y: f32,
    place: f32,
}

impl Line {
    /// Through the middle part of the frame, mostly nearly upright or level, as joints and forms are.
    fn random(side: usize, dice: &mut Dice) -> Self {
        let tilted = libm::sincosf(0.06 * dice.normal());
        let (across_y, across_x) = if dice.chance(0.3) { dice.direction() } else { tilted };
        let line = Self { across_x, across_y, place: dice.between(-0.4, 0.4) * side as f32 };
        if dice.chance(0.5) { line.crossed(line.place) } else { line }
    }

    /// The line at a right angle to this one.
    fn crossed(&self, place: f32) -> Self {
        Self { across_x: -self.across_y, across_y: self.across_x, place }
    }

    /// How far a place is from the line, negative on one side.
    fn distance(&self, x: f32, y: f32) -> f32 {
        x * self.across_x + y * self.across_y - self.place
    }

    /// A band along the line, `half` to either side of it, with edges that are `soft` wide.
    fn band(&self, side: usize, half: f32, soft: f32) -> Plane {
        Plane::new(side, |x, y| band(self.distance(x, y), half, soft))
    }
}

/// How much of a band is seen at a distance from its middle.
fn band(distance: f32, half: f32, soft: f32) -> f32 {
    ((half - distance.abs()) / soft + 0.5).clamp(0.0, 1.0)
}

/// How a joint looks across: its half width, the softness of its edges, its darkness, and the light on its far edge.
struct Profile {
    half: f32,
    soft: f32,
    dark: [f32; 3],
    edge: f32,
}

impl Profile {
    fn random(unit: f32, widest: f32, dice: &mut Dice) -> Self {
        let dark = dice.between(0.3, 0.75);
        // Joints hold soil, sealant or moss.
        let [warm, green] = [dice.between(-0.02, 0.05), dice.between(-0.01, 0.03)];
        Self {
            half: (dice.between(1.0, widest) * unit).max(0.8),
            soft: (dice.between(0.8, 1.8) * unit).max(0.8),
            dark: [dark + warm, dark + green, dark - warm],
            edge: if dice.chance(0.5) { dice.between(1.05, 1.2) } else { 1.0 },
        }
    }

    fn cut(&self, picture: &mut Picture, line: &Line) {
        let side = picture.side();
        let beside = Line { place: line.place + 1.6 * self.half + 0.5 * self.soft, ..*line };
        picture.shade(&beside.band(side, 0.6 * self.half, self.soft), [self.edge; 3]);
        picture.shade(&line.band(side, self.half, self.soft), self.dark);
    }
}

/// A sawn or formed joint, sometimes with another across it.
pub(super) fn joint(picture: &mut Picture, dice: &mut Dice) {
    let line = Line::random(picture.side(), dice);
    let profile = Profile::random(picture.unit(), 3.5, dice);
    profile.cut(picture, &line);
    if dice.chance(0.2) {
        let place = dice.between(-0.4, 0.4) * picture.side() as f32;
        profile.cut(picture, &line.crossed(place));
    }
}

/// Joints of boards, tiles or slabs: alike, and equally far from one another.
pub(super) fn parallel_joints(picture: &mut Picture, dice: &mut Dice) {
    let side = picture.side();
    let first = Line::random(side, dice);
    let profile = Profile::random(picture.unit(), 1.8, dice);
    let apart = dice.between(0.12, 0.4) * side as f32;
    for i in 0..dice.whole(2, 4) {
        let place = first.place + i as f32 * apart * if first.place > 0.0 { -1.0 } else { 1.0 };
        profile.cut(picture, &Line { place, ..first });
    }
}

/// Where one pour, panel or coat ends and another begins, of slightly different tone.
pub(super) fn step(picture: &mut Picture, dice: &mut Dice) {
    let side = picture.side();
    let line = Line::random(side, dice);
    let soft = (dice.between(0.5, 3.0) * picture.unit()).max(0.5);
    let tone = if dice.chance(0.7) { dice.between(0.65, 0.92) } else { dice.between(1.06, 1.25) };
    let warm = dice.between(-0.04, 0.06);
    let beyond = Plane::new(side, |x, y| smooth_step(-soft, soft, line.distance(x, y)));
    picture.shade(&beyond, [tone * (1.0 + warm), tone, tone * (1.0 - warm)]);
    if dice.chance(0.4) {
        let ridge = dice.between(0.7, 1.2);
        let half = (dice.between(0.6, 1.2) * picture.unit()).max(0.6);
        picture.shade(&line.band(side, half, 1.0), [ridge; 3]);
    }
}

/// Grooves of a broom, a tining rake or fine boards, all over the photo.
pub(super) fn grooves(picture: &mut Picture, dice: &mut Dice) {
    let side = picture.side();
    let line = Line::random(side, dice);
    let period = (dice.between(4.0, 16.0) * picture.unit()).max(3.0);
    let depth = dice.between(0.04, 0.16);
    // Far enough from zero for the cast to cut off the same way everywhere.
    let start = 2.0 * side as f32;
    let cover = Plane::new(side, |x, y| {
        let turns = (line.distance(x, y) + start) / period;
        let phase = turns - turns as i32 as f32;
        smooth_step(0.0, 1.0, (2.0 * phase - 1.0).abs())
    });
    picture.shade(&cover, [1.0 - depth; 3]);
}
