//! What the camera makes of the light: brightness, contrast, gamma, colour.

use super::plane::Picture;
use super::settings::Augmentation;
use crate::dice::Dice;

/// The mean level that photos are kept within, unless they are already outside: darker or brighter, cracks drown.
const MEANS: [f32; 2] = [65.0, 205.0];

/// Changes brightness with gamma, contrast, and saturation with colour cast, each at most as its setting allows.
pub(super) fn develop(picture: &mut Picture, settings: &Augmentation, dice: &mut Dice) {
    let Augmentation { brightness, contrast, colour, .. } = *settings;
    if brightness.max(contrast).max(colour) <= 0.0 {
        return;
    }
    let mut change = |strength: f32, low, high| libm::exp2f(strength * dice.between(low, high));
    let exposure = change(brightness, -1.0, 0.6);
    let contrast = change(contrast, -0.6, 0.4);
    let gamma = change(brightness, -0.5, 0.5);
    // From bluish to amber, as light and white balance differ, with only a trace of green or magenta.
    let (warm, green) = (change(colour, -0.14, 0.14), change(colour, -0.03, 0.03));
    let casts = [warm, green, 1.0 / warm];
    let grey = dice.chance(0.15 * colour);
    let saturation = if grey { 0.0 } else { 1.0 + colour * dice.between(-0.8, 0.5) };
    saturate(picture, saturation);
    let mean = picture.planes.iter().map(|plane| plane.mean()).sum::<f32>() / 3.0;
    let curve = curve(mean, exposure, gamma);
    for (plane, cast) in picture.planes.iter_mut().zip(casts) {
        let cast = if grey { 1.0 } else { cast };
        for value in plane.values_mut() {
            let value_before = (mean + contrast * (*value - mean)) * cast;
            // Casts cut off what follows the point, and make zero of what lies below it.
            let step = ((value_before * STEPS_A_LEVEL + 0.5) as usize).min(STEPS - 1);
            *value = curve.get(step).copied().unwrap_or(value_before);
        }
    }
}

/// In how many steps the curve is kept, four to a level.
const STEPS: usize = 1021;
const STEPS_A_LEVEL: f32 = 4.0;

/// What each level becomes: raised to the power `gamma`, and made brighter by `exposure`, or by less where a photo of
/// this mean would leave [`MEANS`].
fn curve(mean: f32, exposure: f32, gamma: f32) -> Vec<f32> {
    let raised = |level: f32| 255.0 * libm::powf(level / 255.0, gamma);
    let now = raised(mean.clamp(1.0, 255.0));
    let [low, high] = MEANS;
    let wanted = (now * exposure).clamp(low.min(mean), high.max(mean));
    let gain = wanted / now;
    (0..STEPS as u16).map(|step| gain * raised(f32::from(step) / STEPS_A_LEVEL)).collect()
}

/// Moves every pixel away from the grey of the same brightness, or towards it where `saturation` is below 1.
fn saturate(picture: &mut Picture, saturation: f32) {
    let [red, green, blue] = &mut picture.planes;
    let planes = red.values_mut().iter_mut().zip(green.values_mut()).zip(blue.values_mut());
    for ((red, green), blue) in planes {
        let grey = 0.299 * *red + 0.587 * *green + 0.114 * *blue;
        for value in [red, green, blue] {
            *value = grey + saturation * (*value - grey);
        }
    }
}
