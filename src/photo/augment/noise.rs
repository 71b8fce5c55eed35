//! Noise of the sensor: grain, a little of it coloured, and blotches.

use super::plane::{Picture, Plane, Tap};
use crate::dice::Dice;

/// Adds noise with a standard deviation of at most `most` levels, mostly of far less.
pub(super) fn add(picture: &mut Picture, most: f32, dice: &mut Dice) {
    let draw = dice.between(0.0, 1.0);
    let strength = most * draw * draw;
    // Less than this is lost when levels are rounded.
    if strength < 0.3 {
        return;
    }
    let colour = strength * dice.between(0.0, 0.5);
    let mut grain = grain(picture.side(), dice);
    let size = dice.between(6.0, 30.0) * picture.unit();
    let blotches = Plane::clouds(picture.side(), [size, size], dice);
    let share = dice.between(0.0, 0.4);
    for (grain, blotch) in grain.values_mut().iter_mut().zip(blotches.values()) {
        *grain = strength * (*grain + share * blotch);
    }
    let [red, green, blue] = &mut picture.planes;
    let planes = red.values_mut().iter_mut().zip(green.values_mut()).zip(blue.values_mut());
    for (((red, green), blue), grain) in planes.zip(grain.values()) {
        let tints = dice.bits().to_le_bytes().map(|byte| colour * (f32::from(byte) - 127.5) / 73.9);
        let [first, second, third, _] = tints;
        *red += grain + first;
        *green += grain + 0.5 * second;
        *blue += grain + third;
    }
}

/// Grain of standard deviation 1: single pixels, or where the camera smoothed it, dots.
fn grain(side: usize, dice: &mut Dice) -> Plane {
    /// What averaging leaves of the spread, 1/4, 1/2 and 1/4 in both directions.
    const LEFT: f32 = 0.375;
    let smooth = dice.chance(0.5);
    let mut grain = Plane::filled(side, 0.0);
    grain.values_mut().iter_mut().for_each(|value| *value = dice.normal());
    if smooth {
        let line = [(-1, 0.25), (0, 0.5), (1, 0.25)];
        grain.convolve(&line.map(|(dx, weight)| Tap { dx, dy: 0, weight: weight / LEFT }));
        grain.convolve(&line.map(|(dy, weight)| Tap { dx: 0, dy, weight }));
    }
    grain
}
