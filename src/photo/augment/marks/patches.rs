//! Marks that are soft, or round.

use super::super::plane::{Picture, Plane, smooth_step};
use crate::dice::Dice;

/// A damp or dirty patch without sharp edges.
pub(super) fn stain(picture: &mut Picture, dice: &mut Dice) {
    let (side, unit) = (picture.side(), picture.unit());
    let size = dice.between(28.0, 64.0) * unit;
    let mut cover = Plane::clouds(side, [size, size], dice);
    let ragged = Plane::clouds(side, [0.3 * size; 2], dice);
    let (level, raggedness) = (dice.between(0.0, 0.8), dice.between(0.0, 0.2));
    let soft = dice.between(0.6, 1.1);
    for (value, ragged) in cover.values_mut().iter_mut().zip(ragged.values()) {
        *value = smooth_step(level - soft, level + soft, *value + raggedness * ragged);
    }
    let tone = if dice.chance(0.8) { dice.between(0.55, 0.9) } else { dice.between(1.06, 1.2) };
    // Rust, oil and algae have a colour; water has none.
    let [warm, green] =
        if dice.chance(0.5) { [dice.between(-0.03, 0.15), dice.between(-0.03, 0.05)] } else { [0.0; 2] };
    picture.shade(&cover, [tone * (1.0 + warm), tone * (1.0 + green), tone * (1.0 - warm)]);
}

/// Soft streaks of water that ran down, or where the photo is turned, sideways.
pub(super) fn streaks(picture: &mut Picture, dice: &mut Dice) {
    let (side, unit) = (picture.side(), picture.unit());
    let (wide, long) = (dice.between(11.0, 26.0) * unit, dice.between(100.0, 400.0) * unit);
    let spacing = if dice.chance(0.5) { [wide, long] } else { [long, wide] };
    let mut cover = Plane::clouds(side, spacing, dice);
    let level = dice.between(-0.3, 0.6);
    cover.values_mut().iter_mut().for_each(|value| *value = smooth_step(level - 1.1, level + 1.1, *value));
    let tone = if dice.chance(0.7) { dice.between(0.6, 0.9) } else { dice.between(1.05, 1.2) };
    let warm = dice.between(-0.02, 0.08);
    picture.shade(&cover, [tone * (1.0 + warm), tone, tone * (1.0 - warm)]);
}

/// A round spot.
struct Disc {
    x: f32,
    y: f32,
    radius: f32,
}

impl Disc {
    fn random(side: usize, radius: f32, dice: &mut Dice) -> Self {
        let mut place = || dice.between(-0.5, 0.5) * side as f32;
        Self { x: place(), y: place(), radius }
    }
}

/// Marks all discs at once.
fn discs(side: usize, discs: &[Disc], soft: f32) -> Plane {
    let mut cover = Plane::filled(side, 0.0);
    let middle = 0.5 * (side as f32 - 1.0);
    for disc in discs {
        let reach = disc.radius + soft;
        // Where the disc's first row or column and those before it end. Casts cut off, and end at zero.
        let before = |place: f32| (place + middle - reach).ceil() as usize;
        let count = (2.0 * reach) as usize + 1;
        for (y, row) in cover.rows_mut().enumerate().skip(before(disc.y)).take(count) {
            for (x, value) in row.iter_mut().enumerate().skip(before(disc.x)).take(count) {
                let (dx, dy) = (x as f32 - middle - disc.x, y as f32 - middle - disc.y);
                let inside = (disc.radius - (dx * dx + dy * dy).sqrt()) / soft + 0.5;
                *value = value.max(inside.min(1.0));
            }
        }
    }
    cover
}

/// Holes of anchors and form ties: one, or some in a row.
pub(super) fn holes(picture: &mut Picture, dice: &mut Dice) {
    let (side, unit) = (picture.side(), picture.unit());
    let radius = (dice.between(2.5, 8.0) * unit).max(1.0);
    let first = Disc::random(side, radius, dice);
    let (sine, cosine) = dice.direction();
    let apart = dice.between(5.0, 12.0) * radius;
    let row: Vec<Disc> = (0..dice.whole(1, 3))
        .map(|i| i as f32 * apart)
        .map(|along| Disc { x: first.x + along * cosine, y: first.y + along * sine, radius })
        .collect();
    let (sine, cosine) = dice.direction();
    let lit: Vec<Disc> = row
        .iter()
        .map(|hole| Disc { x: hole.x + 0.25 * radius * cosine, y: hole.y + 0.25 * radius * sine, radius: 1.1 * radius })
        .collect();
    let soft = (dice.between(0.8, 2.0) * unit).max(0.8);
    picture.shade(&discs(side, &lit, soft), [dice.between(1.0, 1.25); 3]);
    let dark = dice.between(0.25, 0.7);
    picture.shade(&discs(side, &row, soft), [dark + 0.02, dark, dark - 0.02]);
}

/// Bug holes: small round pores where air was trapped against the form.
pub(super) fn pores(picture: &mut Picture, dice: &mut Dice) {
    let (side, unit) = (picture.side(), picture.unit());
    let largest = dice.between(1.2, 3.5);
    let pores: Vec<Disc> = (0..dice.whole(6, 40))
        .map(|_| {
            let draw = dice.between(0.3, 1.0);
            Disc::random(side, (largest * draw * draw * unit).max(0.5), dice)
        })
        .collect();
    picture.shade(&discs(side, &pores, (1.2 * unit).max(0.8)), [dice.between(0.4, 0.85); 3]);
}
