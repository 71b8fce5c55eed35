//! Photos that are bad whatever they show: blurred, dark, burnt out, of another size.
//!
//! Blur is judged against the other photos, since smooth concrete has no edges to be sharp; light by itself.

use std::collections::HashMap;

use super::{Kind, Suspect};
use crate::format;
use crate::photo::quality::Quality;

/// A photo is blurred that stands out from the others by so many of their deviations …
const BLUR_OUTLIER: f32 = 4.0;
/// … and is blurred at all.
const BLURRED: f32 = 0.45;
/// A photo is dark whose mean luminance is below this, or more than half of which is nearly black.
const DARK: f32 = 0.12;
/// A photo is burnt out more than this share of which is nearly white.
const BURNT_OUT: f32 = 0.2;
/// Photos are of one size where so many of them are.
const ONE_SIZE: f32 = 0.8;
/// A standard deviation, as a multiple of the median deviation of a normal distribution.
const SIGMA: f32 = 1.4826;

/// The flaws of all photos, in no order.
pub(super) fn flaws(qualities: &[Option<Quality>]) -> Vec<Suspect> {
    let known: Vec<(usize, Quality)> =
        qualities.iter().enumerate().filter_map(|(photo, quality)| Some((photo, (*quality)?))).collect();
    let mut found = Vec::new();
    let blur = Usual::of(known.iter().map(|(_, quality)| quality.blur).collect());
    let size = common_size(&known);
    for (photo, quality) in known {
        let mut add = |kind, score: f32, reason: String| {
            found.push(Suspect {
                photo,
                kind,
                suggested: None,
                p_positive: None,
                score: score.clamp(0.0, 1.0),
                reason,
                other: None,
            });
        };
        if quality.blur >= BLURRED && blur.outlies(quality.blur) {
            add(Kind::Blurred, quality.blur, format!("blur {:.2}, usual {:.2}", quality.blur, blur.median));
        }
        if quality.brightness < DARK || quality.black > 0.5 {
            let score = (1.0 - quality.brightness).max(quality.black);
            add(Kind::Dark, score, format!("mean light {:.0} %", 100.0 * quality.brightness));
        }
        if quality.white > BURNT_OUT {
            add(Kind::BurntOut, quality.white, format!("{:.0} % of it is white", 100.0 * quality.white));
        }
        if let Some((width, height)) = size.filter(|size| *size != (quality.width, quality.height)) {
            let [from, to] = [(quality.width, quality.height), (width, height)].map(|(width, height)| {
                format!("{} × {}", format::count(u64::from(width)), format::count(u64::from(height)))
            });
            let pixels = |width: u32, height: u32| (f64::from(width) * f64::from(height)).max(1.0).ln();
            let off = (pixels(quality.width, quality.height) - pixels(width, height)).abs();
            add(Kind::OddSize, (1.0 - (-off).exp()) as f32, format!("{from}, others {to}"));
        }
    }
    found
}

/// The size that nearly all photos have, if there is one.
fn common_size(known: &[(usize, Quality)]) -> Option<(u32, u32)> {
    let mut counts: HashMap<(u32, u32), usize> = HashMap::new();
    for (_, quality) in known {
        *counts.entry((quality.width, quality.height)).or_default() += 1;
    }
    let (size, count) = counts.into_iter().max_by_key(|(size, count)| (*count, *size))?;
    (count as f32 >= ONE_SIZE * known.len() as f32).then_some(size)
}

/// What is usual of a number: median and median deviation, which outliers do not move.
struct Usual {
    median: f32,
    deviation: f32,
}

impl Usual {
    fn of(mut values: Vec<f32>) -> Self {
        let median = median(&mut values);
        values.iter_mut().for_each(|value| *value = (*value - median).abs());
        Self { median, deviation: SIGMA * self::median(&mut values) }
    }

    fn outlies(&self, value: f32) -> bool {
        value - self.median > BLUR_OUTLIER * self.deviation.max(0.01)
    }
}

fn median(values: &mut [f32]) -> f32 {
    values.sort_by(f32::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usual() -> Quality {
        Quality { width: 227, height: 227, blur: 0.3, brightness: 0.6, black: 0.0, white: 0.0 }
    }

    #[test]
    fn each_flaw_is_found_in_the_photo_that_has_it() {
        let mut photos = vec![Some(usual()); 40];
        for (i, photo) in photos.iter_mut().flatten().enumerate() {
            photo.blur += 0.002 * (i % 5) as f32;
        }
        photos[3] = None;
        let bad = [
            (7, Kind::Blurred, Quality { blur: 0.8, ..usual() }),
            (9, Kind::Dark, Quality { brightness: 0.05, black: 0.9, ..usual() }),
            (11, Kind::BurntOut, Quality { brightness: 0.95, white: 0.6, ..usual() }),
            (13, Kind::OddSize, Quality { width: 640, height: 480, ..usual() }),
        ];
        for (photo, _, quality) in bad {
            photos[photo] = Some(quality);
        }
        let found: Vec<(usize, Kind)> = flaws(&photos).iter().map(|flaw| (flaw.photo, flaw.kind)).collect();
        assert_eq!(found, bad.map(|(photo, kind, _)| (photo, kind)));
        assert!(flaws(&photos).iter().all(|flaw| flaw.score > 0.0 && !flaw.reason.is_empty()));
    }

    #[test]
    fn photos_of_many_sizes_have_no_odd_one() {
        let photos: Vec<_> = (0..10).map(|i| Some(Quality { width: 100 + i, ..usual() })).collect();
        assert!(flaws(&photos).is_empty());
        assert!(flaws(&[]).is_empty());
    }

    /// Smooth photos are blurred by the measure, but if all are, none stands out.
    #[test]
    fn where_all_are_smooth_none_is_blurred() {
        assert!(flaws(&[Some(Quality { blur: 0.6, ..usual() }); 10]).is_empty());
    }
}
