//! Marks that people draw: chalk, crayon and paint, brighter or more colourful than concrete.

use super::super::plane::{Picture, Plane, smooth_step};
use crate::dice::Dice;

/// White, yellow, orange, red, blue and green.
const COLOURS: [[f32; 3]; 8] = [
    [245.0, 245.0, 240.0],
    [250.0, 250.0, 250.0],
    [235.0, 235.0, 225.0],
    [240.0, 215.0, 70.0],
    [245.0, 140.0, 50.0],
    [225.0, 60.0, 50.0],
    [60.0, 120.0, 225.0],
    [70.0, 200.0, 110.0],
];

/// One to three straight strokes.
pub(super) fn chalk(picture: &mut Picture, dice: &mut Dice) {
    let (side, length) = (picture.side(), picture.side() as f32);
    let half = (dice.between(0.8, 3.2) * picture.unit()).max(0.6);
    let mut cover = Plane::filled(side, 0.0);
    for _ in 0..dice.whole(1, 3) {
        let (x, y) = (dice.between(-0.4, 0.4) * length, dice.between(-0.4, 0.4) * length);
        let (sine, cosine) = dice.direction();
        let reach = dice.between(0.1, 0.7) * length;
        let stroke = Plane::new(side, |px, py| {
            let (dx, dy) = (px - x, py - y);
            let beyond = (dx * cosine + dy * sine).abs() - reach;
            let across = dy * cosine - dx * sine;
            let distance = (beyond.max(0.0) * beyond.max(0.0) + across * across).sqrt();
            (half - distance + 0.5).clamp(0.0, 1.0)
        });
        cover.values_mut().iter_mut().zip(stroke.values()).for_each(|(cover, stroke)| *cover = cover.max(*stroke));
    }
    draw(picture, cover, dice);
}

/// A circle, as inspectors draw around what they want to find again.
pub(super) fn ring(picture: &mut Picture, dice: &mut Dice) {
    let (side, length) = (picture.side(), picture.side() as f32);
    let half = (dice.between(0.8, 2.5) * picture.unit()).max(0.6);
    let (x, y) = (dice.between(-0.4, 0.4) * length, dice.between(-0.4, 0.4) * length);
    let radius = dice.between(0.1, 0.4) * length;
    let cover = Plane::new(side, |px, py| {
        let (dx, dy) = (px - x, py - y);
        (half - ((dx * dx + dy * dy).sqrt() - radius).abs() + 0.5).clamp(0.0, 1.0)
    });
    draw(picture, cover, dice);
}

/// Lays colour onto the concrete, which shows through where the stroke is thin. The light is that of the photo.
fn draw(picture: &mut Picture, mut cover: Plane, dice: &mut Dice) {
    let (side, unit) = (picture.side(), picture.unit());
    let colour = dice.pick(&COLOURS).copied().unwrap_or([255.0; 3]);
    let opacity = dice.between(0.55, 0.95);
    let size = (dice.between(1.0, 2.5) * unit).max(1.0);
    let gaps = Plane::clouds(side, [size, size], dice);
    let level = dice.between(-3.0, -0.2);
    for (value, gap) in cover.values_mut().iter_mut().zip(gaps.values()) {
        *value *= opacity * smooth_step(level - 0.8, level + 0.8, *gap);
    }
    // As bright as white is where the concrete, at its mean, throws back about half of the light.
    let mean = picture.planes.iter().map(|plane| plane.mean()).sum::<f32>() / 3.0;
    let light = (1.6 * mean / 255.0).clamp(0.3, 1.0);
    picture.paint(&cover, colour.map(|level| level * light));
}
