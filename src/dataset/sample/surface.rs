//! The concrete itself: paste, grain, aggregate and pores.

use super::noise::{Grid, Noise, Plane, lerp, smooth_step};
use super::portable::{length, sin_cos, square};
use crate::dice::Dice;

/// A piece of concrete before light falls on it.
pub(super) struct Surface {
    /// How much light each point throws back, 1 being the paste's average.
    pub tone: Plane,
    /// Height in pixels; only its slope shows.
    pub height: Plane,
    /// Shift of colour: positive is warmer, negative is cooler.
    pub warmth: Plane,
    /// Size of a feature that measures one pixel in a photo of 227×227.
    pub unit: f32,
}

/// How the surface was worked while fresh.
#[derive(Clone, Copy, PartialEq)]
enum Finish {
    Smooth,
    Trowelled,
    Sandy,
    Broomed,
    Weathered,
}

impl Surface {
    /// Intact concrete without any marks.
    pub(super) fn new(side: usize, dice: &mut Dice) -> Self {
        let mut surface = Self {
            tone: Plane::filled(side, 1.0),
            height: Plane::filled(side, 0.0),
            warmth: Plane::filled(side, 0.0),
            unit: side as f32 / 227.0,
        };
        let zoom = surface.unit * dice.between(0.7, 1.7);
        let finish = finish(dice);
        surface.mottle(zoom, finish, dice);
        surface.grain(zoom, finish, dice);
        surface.aggregate(zoom, finish, dice);
        surface.pores(zoom, dice);
        surface
    }

    /// Slow changes of tone and colour: uneven paste, damp, dirt.
    fn mottle(&mut self, zoom: f32, finish: Finish, dice: &mut Dice) {
        let side = self.tone.side();
        let strength = if finish == Finish::Weathered { dice.between(0.12, 0.3) } else { dice.between(0.02, 0.13) };
        let angle = dice.angle();
        let (long, short) = (dice.between(60.0, 180.0) * zoom, dice.between(40.0, 90.0) * zoom);
        let clouds = Plane::clouds(side, dice.noise(), Grid::stretched(long, short, angle), 4, 0.6);
        self.tone.combine(&clouds, |tone, cloud| *tone *= 1.0 + strength * cloud);
        // Finer mottling, the size of a coin, which the eye takes for cement.
        let strength = strength * dice.between(0.3, 0.7) + dice.between(0.01, 0.05);
        let grid = Grid::stretched(dice.between(22.0, 45.0) * zoom, dice.between(16.0, 30.0) * zoom, angle);
        let clouds = Plane::clouds(side, dice.noise(), grid, 2, 0.8);
        self.tone.combine(&clouds, |tone, cloud| *tone *= 1.0 + strength * cloud);
        // Flecks the size of a grain of rice with lighter seams between them, where the noise changes sign.
        let strength = dice.between(0.0, 0.24) * dice.between(0.2, 1.0);
        let (flecks, grid) = (dice.noise(), Grid::stretched(dice.between(8.0, 15.0) * zoom, 7.0 * zoom, dice.angle()));
        self.tone.update(|x, y, tone| {
            let (u, v) = grid.place(x, y);
            *tone *= 1.0 + strength * (0.12 - flecks.at(u, v).abs());
        });
        let colour = dice.between(0.0, 0.03);
        let clouds = Plane::clouds(side, dice.noise(), Grid::even(dice.between(50.0, 140.0) * zoom), 3, 0.6);
        self.warmth.combine(&clouds, |warmth, cloud| *warmth += colour * cloud);
    }

    /// Relief and tone of the sand in the paste.
    fn grain(&mut self, zoom: f32, finish: Finish, dice: &mut Dice) {
        let (relief, speckle, length) = match finish {
            Finish::Smooth => (dice.between(0.1, 0.35), dice.between(0.01, 0.03), 1.0),
            Finish::Trowelled => (dice.between(0.3, 0.7), dice.between(0.015, 0.04), dice.between(1.5, 4.0)),
            Finish::Sandy => (dice.between(0.6, 1.5), dice.between(0.03, 0.07), dice.between(1.0, 1.4)),
            Finish::Broomed => (dice.between(0.7, 1.6), dice.between(0.02, 0.05), dice.between(3.0, 7.0)),
            Finish::Weathered => (dice.between(0.4, 1.1), dice.between(0.03, 0.07), 1.0),
        };
        let size = dice.between(5.0, 9.0) * zoom;
        let grid = Grid::stretched(size * length, size, dice.angle());
        let fine = Grid::even(dice.between(2.2, 3.4) * zoom);
        let (bumps, sand) = (dice.noise(), dice.noise());
        self.height.update(|x, y, height| {
            let (u, v) = grid.place(x, y);
            *height += relief * bumps.fractal(u, v, 2, 0.55);
        });
        let (tone, height) = (&mut self.tone, &mut self.height);
        let mut sands = Plane::filled(tone.side(), 0.0);
        sands.update(|x, y, value| {
            let (u, v) = fine.place(x, y);
            *value = sand.at(u, v);
        });
        height.combine(&sands, |height, sand| *height += 0.35 * relief * sand);
        // The deepest hollows between the grains of sand are pits that hold dirt.
        let pits = square(dice.between(0.0, 0.5)) * 6.0;
        let level = dice.between(0.28, 0.45);
        tone.combine(&sands, |tone, sand| {
            let pit = (-sand - level).max(0.0) * pits;
            *tone *= (1.0 + 2.0 * speckle * sand) * (1.0 - pit.min(0.5));
        });
    }

    /// Grains of stone that show at the surface, lighter or darker than the paste.
    fn aggregate(&mut self, zoom: f32, finish: Finish, dice: &mut Dice) {
        let dense = matches!(finish, Finish::Sandy | Finish::Weathered);
        let count = if dense { dice.whole(40, 260) } else { dice.whole(0, 60) };
        let contrast = dice.between(0.03, 0.16);
        let light = dice.between(0.2, 0.8);
        for _ in 0..count {
            let shape = Blob::new(square(dice.between(0.7, 2.1)) * 0.6 * zoom, self.tone.side() as f32, dice)
                .soft(dice.between(0.6, 2.2));
            let shift = contrast * dice.between(0.2, 1.0) * if dice.chance(light) { 1.0 } else { -1.0 };
            let warm = dice.between(-0.015, 0.03);
            self.stamp(&shape, 1.0 + shift, dice.between(-0.2, 0.5), warm);
        }
    }

    /// Bug holes: air that was trapped against the form, with a dark hollow and a lit far edge.
    fn pores(&mut self, zoom: f32, dice: &mut Dice) {
        let count = if dice.chance(0.35) { dice.whole(10, 70) } else { dice.whole(0, 10) };
        let side = self.tone.side() as f32;
        let largest = dice.between(1.2, 4.5);
        let darkest = dice.between(0.38, 0.8);
        for _ in 0..count {
            let radius = (largest * square(dice.between(0.1, 1.0))).max(0.6) * zoom;
            let shape = Blob::new(radius, side, dice).soft(dice.between(0.6, 1.6));
            let hollow = dice.between(darkest, 0.95);
            self.stamp(&shape, hollow, -dice.between(0.5, 1.6), 0.0);
        }
    }

    /// Changes tone (a factor), height (pixels) and warmth within a shape.
    pub(super) fn stamp(&mut self, shape: &Blob, factor: f32, rise: f32, warm: f32) {
        let Self { tone, height, warmth, .. } = self;
        let (x, y, reach) = (shape.x, shape.y, shape.reach());
        tone.around(x, y, reach, |dx, dy, value| *value *= lerp(1.0, factor, shape.cover(dx, dy)));
        height.around(x, y, reach, |dx, dy, value| *value += rise * shape.cover(dx, dy));
        if warm != 0.0 {
            warmth.around(x, y, reach, |dx, dy, value| *value += warm * shape.cover(dx, dy));
        }
    }
}

fn finish(dice: &mut Dice) -> Finish {
    match dice.whole(0, 19) {
        0..=4 => Finish::Smooth,
        5..=10 => Finish::Trowelled,
        11..=14 => Finish::Sandy,
        15..=16 => Finish::Broomed,
        _ => Finish::Weathered,
    }
}

/// An irregular round patch.
pub(super) struct Blob {
    /// Centre in pixels.
    pub x: f32,
    /// Centre in pixels.
    pub y: f32,
    radius: f32,
    stretch: f32,
    sine: f32,
    cosine: f32,
    edge: f32,
    wobble: Noise,
}

impl Blob {
    /// A patch of about `radius` pixels somewhere in the frame.
    pub(super) fn new(radius: f32, side: f32, dice: &mut Dice) -> Self {
        let (x, y) = (dice.between(0.0, side), dice.between(0.0, side));
        let (angle, stretch) = (dice.angle(), dice.between(1.0, 1.8));
        Self::at(x, y, radius, stretch, angle, dice)
    }

    /// A patch `stretch` times as long along `angle` as across it.
    pub(super) fn at(x: f32, y: f32, radius: f32, stretch: f32, angle: f32, dice: &mut Dice) -> Self {
        let (sine, cosine) = sin_cos(angle);
        Self { x, y, radius, stretch, sine, cosine, edge: 0.7, wobble: dice.noise() }
    }

    /// Makes the edge `pixels` wide.
    pub(super) fn soft(mut self, pixels: f32) -> Self {
        self.edge = pixels.max(0.5);
        self
    }

    /// No pixel farther away than this is covered, along x or y.
    pub(super) fn reach(&self) -> f32 {
        self.radius * self.stretch * 1.5 + self.edge + 1.0
    }

    /// How much of the pixel at this distance from the centre is covered, 0 to 1.
    pub(super) fn cover(&self, dx: f32, dy: f32) -> f32 {
        let along = (dx * self.cosine + dy * self.sine) / self.stretch;
        let across = dy * self.cosine - dx * self.sine;
        let distance = length(along, across);
        if distance > self.radius * 1.5 + self.edge {
            return 0.0;
        }
        let scale = 1.6 / self.radius.max(1.0);
        let wobble = 1.0 + 0.55 * self.wobble.at(along * scale + 0.5, across * scale + 0.5);
        1.0 - smooth_step(-self.edge, self.edge, distance - self.radius * wobble)
    }
}
