//! Blur: out of focus, or moved while the shutter was open.

use super::plane::{Picture, Tap};
use crate::dice::Dice;

/// Blurs by a standard deviation of at most `most` pixels, mostly by far less; one photo in six is moved instead.
pub(super) fn blur(picture: &mut Picture, most: f32, dice: &mut Dice) {
    let draw = dice.between(0.0, 1.0);
    let sigma = most * draw * draw;
    let (sine, cosine) = dice.direction();
    let moved = dice.chance(1.0 / 6.0);
    // What is narrower than a third of a pixel changes less than rounding does.
    if sigma < 0.3 {
        return;
    }
    let passes = if moved { vec![trail(sigma, sine, cosine)] } else { bell(sigma).to_vec() };
    for plane in &mut picture.planes {
        passes.iter().for_each(|taps| plane.convolve(taps));
    }
}

/// A Gaussian, across and then down.
fn bell(sigma: f32) -> [Vec<Tap>; 2] {
    let reach = (2.5 * sigma).ceil() as isize;
    let line = |tap: fn(isize, f32) -> Tap| {
        normalised((-reach..=reach).map(|i| tap(i, libm::expf(-0.5 * (i * i) as f32 / (sigma * sigma)))).collect())
    };
    [line(|dx, weight| Tap { dx, dy: 0, weight }), line(|dy, weight| Tap { dx: 0, dy, weight })]
}

/// A straight line through the pixel, as long as gives the same standard deviation along it.
fn trail(sigma: f32, sine: f32, cosine: f32) -> Vec<Tap> {
    let half = sigma * 3.0_f32.sqrt();
    let steps = (4.0 * half).ceil() as i32;
    let reach = half.ceil() as isize;
    let mut taps = Vec::new();
    for dy in -reach..=reach {
        for dx in -reach..=reach {
            // How much of the line falls to this pixel, when each of its points is shared by the four around it.
            let share = |step: i32| {
                let along = half * step as f32 / steps as f32;
                let (right, down) = (dx as f32 - along * cosine, dy as f32 - along * sine);
                (1.0 - right.abs()).max(0.0) * (1.0 - down.abs()).max(0.0)
            };
            let weight: f32 = (-steps..=steps).map(share).sum();
            if weight > 0.0 {
                taps.push(Tap { dx, dy, weight });
            }
        }
    }
    normalised(taps)
}

fn normalised(mut taps: Vec<Tap>) -> Vec<Tap> {
    let sum: f32 = taps.iter().map(|tap| tap.weight).sum();
    taps.iter_mut().for_each(|tap| tap.weight /= sum);
    taps
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sum of all weights, and the variance across and down.
    fn moments(taps: &[Tap]) -> [f32; 3] {
        let sum = |of: fn(&Tap) -> f32| taps.iter().map(|tap| tap.weight * of(tap)).sum::<f32>();
        [sum(|_| 1.0), sum(|tap| (tap.dx * tap.dx) as f32), sum(|tap| (tap.dy * tap.dy) as f32)]
    }

    #[test]
    fn weights_add_up_to_one_and_spread_as_asked() {
        for sigma in [0.5, 1.0, 1.5, 3.0] {
            let [across, down] = bell(sigma);
            let [sum, spread, none] = moments(&across);
            assert!((sum - 1.0).abs() < 1e-5 && none == 0.0);
            assert!((spread.sqrt() / sigma - 1.0).abs() < 0.12, "{sigma}: {}", spread.sqrt());
            assert_eq!(moments(&down), [sum, none, spread]);

            let [sum, along, across] = moments(&trail(sigma, 0.0, 1.0));
            // Sharing between neighbours adds up to a quarter of a squared pixel.
            assert!((sum - 1.0).abs() < 1e-5 && across < 0.01);
            assert!((along - sigma * sigma).abs() < 0.4 + 0.1 * sigma * sigma, "{sigma}: {along}");
        }
    }
}
