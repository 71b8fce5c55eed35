//! Light and camera: from a surface to a photo.

use image::{Rgb, RgbImage};

use super::noise::{Plane, lerp, smooth_step};
use super::portable::{exp, sin_cos, square};
use super::surface::Surface;
use crate::dice::Dice;

/// The paste's colours as they come out of real cameras, from bluish grey to beige and brown; 1 is the brightest part.
const COLOURS: [[f32; 3]; 9] = [
    [1.00, 1.00, 0.99],
    [0.98, 0.99, 1.00],
    [1.00, 0.98, 0.94],
    [1.00, 0.96, 0.90],
    [1.00, 0.94, 0.85],
    [0.99, 1.00, 0.94],
    [1.00, 0.98, 0.98],
    [0.97, 0.98, 1.00],
    [1.00, 0.96, 0.93],
];

/// How one photo was taken. It is drawn without regard to what the photo shows.
pub(super) struct Camera {
    colour: [f32; 3],
    /// Direction the light comes from, times how strongly relief shows.
    light: [f32; 2],
    /// Slope and fall-off of the light over the frame.
    gradient: [f32; 2],
    vignette: f32,
    shadow: Option<Shadow>,
    /// Mean brightness that the meter aims at, 0 to 255.
    exposure: f32,
    blur: f32,
    grain: f32,
    colour_grain: f32,
}

/// The edge of a shadow that something out of the frame casts.
struct Shadow {
    sine: f32,
    cosine: f32,
    offset: f32,
    edge: f32,
    factor: f32,
}

impl Camera {
    /// A random camera and light for a photo of this size.
    pub(super) fn new(side: usize, dice: &mut Dice) -> Self {
        let (a, b) = (pick(&COLOURS, dice), pick(&COLOURS, dice));
        let mix = dice.between(0.0, 1.0);
        let colour = [0, 1, 2].map(|i| channel(a, i) + mix * (channel(b, i) - channel(a, i)) + 0.006 * dice.normal());
        let (sine, cosine) = sin_cos(dice.angle());
        let relief = dice.between(0.12, 0.5);
        let (slope_sine, slope_cosine) = sin_cos(dice.angle());
        let slope = if dice.chance(0.4) { dice.between(0.08, 0.3) } else { dice.between(0.0, 0.08) } / side as f32;
        Self {
            colour,
            light: [relief * cosine, relief * sine],
            gradient: [slope * slope_cosine, slope * slope_sine],
            vignette: if dice.chance(0.25) { dice.between(0.05, 0.2) } else { 0.0 },
            shadow: dice.chance(0.12).then(|| Shadow::new(side as f32, dice)),
            exposure: (174.0 + 26.0 * dice.normal()).clamp(85.0, 222.0),
            blur: side as f32 / 227.0 * dice.between(0.35, 1.15),
            grain: square(dice.between(0.8, 2.2)),
            colour_grain: dice.between(0.2, 2.2),
        }
    }

    /// Takes the photo.
    pub(super) fn shoot(&self, surface: &Surface, dice: &mut Dice) -> RgbImage {
        let mut light = self.shade(surface);
        light.blur(self.blur);
        let count = light.values().len().max(1) as f32;
        // The meter looks at the whole frame, so that a crack's darkness cannot be read off the mean.
        let gain = self.exposure * count / light.values().iter().sum::<f32>().max(1e-6);
        let mut grain = Plane::filled(light.side(), 0.0);
        grain.update(|_, _, value| *value = dice.normal());
        grain.blur(0.55);
        let side = light.side() as u32;
        let mut image = RgbImage::new(side, side);
        let grey = self.colour.iter().sum::<f32>() / 3.0;
        let planes = light.values().iter().zip(grain.values()).zip(surface.warmth.values());
        for (pixel, ((&light, &grain), &warmth)) in image.pixels_mut().zip(planes) {
            let level = light * gain + 1.9 * self.grain * grain;
            let [red_byte, blue_byte, ..] = dice.bits().to_le_bytes();
            let [red, blue] = [red_byte, blue_byte].map(|byte| self.colour_grain * (f32::from(byte) - 127.5) / 74.0);
            let [r, g, b] = self.colour.map(|share| level * share / grey);
            *pixel = Rgb([r * (1.0 + warmth) + red, g, b * (1.0 - warmth) + blue].map(develop));
        }
        image
    }

    /// Brightness of every point: tone, relief and uneven light.
    fn shade(&self, surface: &Surface) -> Plane {
        let side = surface.tone.side();
        let middle = side as f32 / 2.0;
        let [light_x, light_y] = self.light;
        let mut shaded = surface.tone.clone();
        let mut slopes = Vec::with_capacity(side * side);
        for y in 0..side {
            let (above, here, below) = (
                surface.height.row(y.saturating_sub(1)),
                surface.height.row(y),
                surface.height.row((y + 1).min(side - 1)),
            );
            let left = here.iter().take(1).chain(here);
            let right = here.iter().skip(1).chain(here.last());
            for (((a, b), l), r) in above.iter().zip(below).zip(left).zip(right) {
                slopes.push(0.5 * ((r - l) * light_x + (b - a) * light_y));
            }
        }
        let mut slopes = slopes.into_iter();
        shaded.update(|x, y, value| {
            let slope = slopes.next().unwrap_or(0.0);
            let relief = slope / (1.0 + 1.2 * slope.abs());
            let (dx, dy) = (x - middle, y - middle);
            let [gradient_x, gradient_y] = self.gradient;
            let corner = (dx * dx + dy * dy) / (2.0 * middle * middle);
            let even = 1.0 + gradient_x * dx + gradient_y * dy - self.vignette * corner;
            let shadow = self.shadow.as_ref().map_or(1.0, |shadow| shadow.factor(dx, dy));
            *value = (*value * (1.0 + relief) * even * shadow).max(0.0);
        });
        shaded
    }
}

impl Shadow {
    fn new(side: f32, dice: &mut Dice) -> Self {
        let (sine, cosine) = sin_cos(dice.angle());
        Self {
            sine,
            cosine,
            offset: dice.between(-0.35, 0.35) * side,
            edge: dice.between(0.02, 0.25) * side,
            factor: dice.between(0.6, 0.9),
        }
    }

    fn factor(&self, dx: f32, dy: f32) -> f32 {
        let distance = dx * self.cosine + dy * self.sine - self.offset;
        lerp(1.0, self.factor, smooth_step(-self.edge, self.edge, distance))
    }
}

/// To a byte, highlights rolled off as cameras do.
fn develop(level: f32) -> u8 {
    let rolled = if level > 215.0 { 215.0 + 40.0 * (1.0 - exp(-(level - 215.0) / 40.0)) } else { level };
    rolled.round().clamp(0.0, 255.0) as u8
}

fn pick(colours: &[[f32; 3]], dice: &mut Dice) -> [f32; 3] {
    let last = colours.len().saturating_sub(1) as u32;
    colours.get(dice.whole(0, last) as usize).copied().unwrap_or([1.0; 3])
}

fn channel(colour: [f32; 3], index: usize) -> f32 {
    colour.get(index).copied().unwrap_or(1.0)
}
