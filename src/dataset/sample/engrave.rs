//! Cuts a crack into a surface: the dark opening, its broken edges and what has fallen in.

use super::crack::{Crack, Kind, Point};
use super::noise::{Grid, Noise, Plane, lerp, smooth_step};
use super::portable::sin_cos;
use super::surface::{Blob, Surface};
use crate::dice::Dice;

/// Farther than this from the opening, in pixels, nothing changes.
const REACH: f32 = 6.0;

/// How the inside and the edges of a crack look.
struct Look {
    /// Tone of the opening, as a share of the paste's.
    floor: f32,
    /// Width of the edge of the opening.
    edge: f32,
    /// How ragged the edge is, in pixels.
    ragged: f32,
    /// Notches of the edge to a pixel.
    roughness: f32,
    /// How much lighter the walls of the opening are than its floor, where light reaches them.
    wall: f32,
    /// Tone of the rim, lighter where freshly broken.
    rim: f32,
    /// Depth of the bevelled rim.
    bevel: f32,
    /// Share of the opening that is filled.
    filled: f32,
    /// Tone of the fill.
    fill: f32,
    fill_warmth: f32,
}

/// Cuts the crack.
pub(super) fn engrave(surface: &mut Surface, crack: &Crack, dice: &mut Dice) {
    let look = Look::new(surface, crack.kind, dice);
    if matches!(crack.kind, Kind::Open | Kind::Gaping) || (crack.kind == Kind::Fine && dice.chance(0.3)) {
        spall(surface, crack, dice);
    }
    let mut gap = gaps(surface.tone.side(), crack);
    let (edge_noise, scale) = (dice.noise(), look.roughness / surface.unit.max(0.5));
    gap.update(|x, y, gap| {
        if *gap < REACH + 2.0 {
            *gap += look.ragged * edge_noise.fractal(x * scale, y * scale, 3, 0.65);
        }
    });
    look.cut(surface, &gap, dice.noise(), dice.noise());
}

impl Look {
    fn new(surface: &Surface, kind: Kind, dice: &mut Dice) -> Self {
        let unit = surface.unit;
        let thin = matches!(kind, Kind::Hairline | Kind::Network);
        let floor = match kind {
            Kind::Hairline => dice.between(0.12, 0.5),
            Kind::Fine | Kind::Network => dice.between(0.12, 0.5),
            Kind::Open | Kind::Gaping => dice.between(0.1, 0.36),
        };
        let filled = if thin || dice.chance(0.6) { 0.0 } else { dice.between(0.15, 0.6) };
        Self {
            floor,
            edge: if dice.chance(0.25) { dice.between(1.5, 3.0) * unit } else { 1.0 },
            ragged: match kind {
                Kind::Hairline | Kind::Network => 0.35,
                Kind::Fine => dice.between(0.4, 1.1) * unit,
                Kind::Open => dice.between(0.8, 2.4) * unit,
                Kind::Gaping => dice.between(1.5, 5.0) * unit,
            },
            roughness: if thin { 0.4 } else { dice.between(0.07, 0.2) },
            wall: if thin { 0.0 } else { dice.between(0.0, 1.6) },
            rim: if dice.chance(0.5) { dice.between(0.0, 0.16) } else { 0.0 },
            bevel: if thin { dice.between(0.0, 0.25) } else { dice.between(0.2, 2.2) },
            filled,
            fill: dice.between(0.35, 0.85),
            fill_warmth: dice.between(-0.02, 0.1),
        }
    }

    fn cut(&self, surface: &mut Surface, gap: &Plane, patches: Noise, rubble: Noise) {
        let unit = surface.unit;
        let (patch, grit) = (Grid::even(32.0 * unit), Grid::even(5.0 * unit));
        let filling = |x: f32, y: f32, gap: f32| {
            let (u, v) = patch.place(x, y);
            let level = 0.55 - 1.1 * self.filled;
            self.filled.min(0.3) / 0.3
                * smooth_step(level - 0.2, level + 0.2, patches.fractal(u, v, 3, 0.6))
                * cover(gap)
        };
        let mut gaps = gap.values().iter();
        surface.tone.update(|x, y, tone| {
            let &gap = gaps.next().unwrap_or(&REACH);
            if gap >= REACH {
                return;
            }
            let (u, v) = grit.place(x, y);
            let grain = 1.0 + 0.8 * rubble.at(u, v);
            let (u, v) = patch.place(y, x);
            let lit = self.wall * smooth_step(-5.0 * unit, 0.0, gap) * smooth_step(-0.1, 0.35, patches.at(u, v));
            let floor = self.floor * (1.0 + lit) * (1.0 + 0.3 * (grain - 1.0));
            let inside = lerp(floor, self.fill * grain, filling(x, y, gap));
            let rim = self.rim * (1.0 - smooth_step(0.0, 3.0, gap));
            *tone = lerp(*tone * (1.0 + rim), inside, smooth_step(self.edge * 0.5, -self.edge * 0.5, gap));
        });
        let mut gaps = gap.values().iter();
        surface.height.update(|x, y, height| {
            let &gap = gaps.next().unwrap_or(&REACH);
            if gap < 2.5 * unit {
                // The lip comes and goes along the crack.
                let (u, v) = patch.place(1.7 * x, 1.7 * y);
                let bevel = self.bevel * unit * (0.15 + 1.3 * smooth_step(-0.25, 0.4, rubble.at(u, v)));
                *height -= bevel * (1.0 - smooth_step(-unit, 2.5 * unit, gap));
            }
        });
        let mut gaps = gap.values().iter();
        surface.warmth.update(|x, y, warmth| {
            let &gap = gaps.next().unwrap_or(&REACH);
            if gap < 0.5 {
                *warmth += self.fill_warmth * filling(x, y, gap);
            }
        });
    }
}

/// How much of a pixel is open, this far from the edge of the opening.
fn cover(gap: f32) -> f32 {
    (0.5 - gap).clamp(0.0, 1.0)
}

/// Distance of every pixel from the edge of the opening, negative inside, as far as [`REACH`] and a little more.
fn gaps(side: usize, crack: &Crack) -> Plane {
    let mut gap = Plane::filled(side, 2.0 * REACH);
    for strand in &crack.strands {
        for pair in strand.windows(2) {
            let &[from, to] = pair else { continue };
            let (along_x, along_y) = (to.x - from.x, to.y - from.y);
            let squared = (along_x * along_x + along_y * along_y).max(1e-6);
            let reach = from.half.max(to.half).max(0.0) + REACH + 2.0;
            gap.around(from.x, from.y, reach, |dx, dy, gap| {
                let share = ((dx * along_x + dy * along_y) / squared).clamp(0.0, 1.0);
                let (off_x, off_y) = (dx - share * along_x, dy - share * along_y);
                // Most pixels are nearer to another segment: told without a root.
                let allowed = *gap + lerp(from.half, to.half, share);
                let distance = off_x * off_x + off_y * off_y;
                if allowed > 0.0 && distance < allowed * allowed {
                    *gap = distance.sqrt() - lerp(from.half, to.half, share);
                }
            });
        }
    }
    gap
}

/// Breaks flakes off the edges.
fn spall(surface: &mut Surface, crack: &Crack, dice: &mut Dice) {
    let Some(main) = crack.strands.first() else { return };
    let count = dice.whole(0, 7);
    for _ in 0..count {
        let place = dice.between(0.0, main.len() as f32);
        let Some(&Point { x, y, half, heading }) = main.get(place as usize) else { continue };
        let radius = dice.between(2.0, 9.0) * surface.unit;
        let (sine, cosine) = sin_cos(heading);
        let off = dice.sign() * (half.max(0.0) + 0.4 * radius);
        let stretch = dice.between(1.0, 2.4);
        let shape = Blob::at(x - off * sine, y + off * cosine, radius, stretch, heading, dice);
        let (factor, warm) = (dice.between(0.72, 1.12), dice.between(-0.01, 0.06));
        surface.stamp(&shape, factor, -dice.between(0.8, 2.6), warm);
    }
}
