//! Light that is not even: shadows with soft edges, light from one side, dark corners.

use super::plane::{Picture, Plane, smooth_step};
use crate::dice::Dice;

/// Lets a shadow or uneven light fall onto a share of the photos.
pub(super) fn cast(picture: &mut Picture, share: f32, dice: &mut Dice) {
    if !dice.chance(share) {
        return;
    }
    let side = picture.side();
    let (cover, darkest) = match dice.whole(0, 5) {
        0..=3 => (shadow(side, dice), 0.4),
        4 => (slope(side, dice), 0.5),
        _ => (corners(side), 0.5),
    };
    let dark = dice.between(darkest, 0.9);
    // The sky, which lights a shadow, is bluer than the sun.
    let blue = dice.between(0.0, 0.06);
    picture.shade(&cover, [dark - blue, dark, dark + blue]);
}

/// The shadow of something with one to three straight edges, such as a wall, a beam or a post.
fn shadow(side: usize, dice: &mut Dice) -> Plane {
    let length = side as f32;
    // The first edge may pass on either side of the middle; the others leave the middle in the dark.
    let mut nearest = -0.35;
    let mut cover = Plane::filled(side, 1.0);
    for _ in 0..dice.whole(1, 3) {
        let (sine, cosine) = dice.direction();
        let (place, soft) = (dice.between(nearest, 0.4) * length, dice.between(0.03, 0.2) * length);
        let edge = Plane::new(side, |x, y| 1.0 - smooth_step(-soft, soft, x * cosine + y * sine - place));
        cover.values_mut().iter_mut().zip(edge.values()).for_each(|(cover, edge)| *cover *= edge);
        nearest = 0.08;
    }
    cover
}

/// Light that falls off evenly towards one side.
fn slope(side: usize, dice: &mut Dice) -> Plane {
    let (sine, cosine) = dice.direction();
    let length = side.max(1) as f32;
    Plane::new(side, |x, y| (0.5 + 0.7 * (x * cosine + y * sine) / length).clamp(0.0, 1.0))
}

/// Light that falls off towards the corners.
fn corners(side: usize) -> Plane {
    let furthest = 0.5 * (side * side).max(1) as f32;
    Plane::new(side, |x, y| (x * x + y * y) / furthest)
}
