//! What lies on concrete and might be taken for a crack, but is none: joints, stains, chalk lines, holes.
//!
//! Marks are drawn onto photos of both classes alike, so that none of them tells which it is. So that no label becomes
//! untrue, a mark is either [dead straight](lines), or [soft or round](patches), or [brighter or more
//! colourful](strokes) than the concrete; and it darkens what lies below without hiding it, or is narrow.

mod lines;
mod patches;
mod strokes;

#[cfg(test)]
mod tests;

use super::plane::Picture;
use crate::dice::Dice;

type Mark = fn(&mut Picture, &mut Dice);

const MARKS: [Mark; 12] = [
    lines::joint,
    lines::joint,
    lines::parallel_joints,
    lines::step,
    lines::grooves,
    patches::stain,
    patches::stain,
    patches::streaks,
    patches::holes,
    patches::pores,
    strokes::chalk,
    strokes::ring,
];

/// Draws one or two marks onto a share of the photos.
pub(super) fn draw(picture: &mut Picture, share: f32, dice: &mut Dice) {
    if !dice.chance(share) {
        return;
    }
    for _ in 0..if dice.chance(0.3) { 2 } else { 1 } {
        if let Some(mark) = dice.pick(&MARKS) {
            mark(picture, dice);
        }
    }
}
