//! What is too straight for a crack: joints and formwork edges.
//!
//! A joint is made with a saw or a board. It keeps to its line, and where the map loses it, it goes on in the photo.

use image::RgbImage;

use super::brightness;
use super::skeleton::{Crack, distance};

/// The least length of a line whose ends alone say that it is straight, in pixels: any crack is straight over a short way.
const LEAST_LENGTH: f32 = 300.0;
/// How far such a line's points may lie from the chord between its ends, as a share of the chord.
const MOST_BEND: f32 = 0.012;

/// The least length of a line that is followed beyond its ends, in pixels.
const LEAST_FOLLOWED: f32 = 50.0;
/// How far its points may lie from its axis, in pixels, root mean square.
const MOST_SPREAD: f32 = 2.0;
/// Pixels that it is followed beyond each end.
const FOLLOWED: f32 = 500.0;
/// Pixels beyond each end that are passed over.
const PASSED: f32 = 10.0;
/// The least number of rows beyond its ends that say anything.
const LEAST_ROWS: usize = 40;
/// The least share of the rows beyond its ends in which it is still seen.
const LEAST_SEEN: f32 = 0.6;
/// The most of them in which something like it is seen beside it: grooves would be everywhere.
const MOST_BESIDE: f32 = 0.2;
/// Pixels to the side that "beside" is.
const BESIDE: f32 = 60.0;
/// The least depth, in grey levels, that can be followed.
const LEAST_DEPTH: f32 = 8.0;

/// Whether the lines of a region are those of a joint: its longest line makes up most of them, and either is long and keeps
/// to its chord, or is straight and goes on beyond its ends.
pub fn is_joint(photo: &RgbImage, lines: &[Crack]) -> bool {
    let Some(longest) = lines.first() else { return false };
    let all: f32 = lines.iter().map(Crack::length).sum();
    longest.length() >= all / 2.0 && (keeps_to_its_chord(longest) || goes_on(photo, longest))
}

fn keeps_to_its_chord(line: &Crack) -> bool {
    let (Some(&first), Some(&last)) = (line.points.first(), line.points.last()) else { return false };
    let chord = (first[0] - last[0]).hypot(first[1] - last[1]);
    let bend = line.points.iter().map(|point| distance(*point, first, last)).fold(0.0, f32::max);
    chord >= LEAST_LENGTH && bend <= MOST_BEND * chord
}

/// Whether a straight line is seen in the photo beyond its ends, and nothing like it beside.
fn goes_on(photo: &RgbImage, line: &Crack) -> bool {
    if line.length() < LEAST_FOLLOWED {
        return false;
    }
    let axis = Axis::of(line);
    if axis.spread > MOST_SPREAD {
        return false;
    }
    let mut own = strip::depths(photo, &axis, axis.from..axis.to, 0.0);
    let middle = own.len() / 2;
    if own.is_empty() {
        return false;
    }
    let depth = *own.select_nth_unstable_by(middle, f32::total_cmp).1;
    let beyond = |beside: f32| {
        let before = axis.from - FOLLOWED..axis.from - PASSED;
        let mut depths = strip::depths(photo, &axis, before, beside);
        depths.extend(strip::depths(photo, &axis, axis.to + PASSED..axis.to + FOLLOWED, beside));
        depths
    };
    let share = |depths: &[f32]| {
        depths.iter().filter(|other| **other > depth / 2.0).count() as f32 / depths.len().max(1) as f32
    };
    let ahead = beyond(0.0);
    depth >= LEAST_DEPTH
        && ahead.len() >= LEAST_ROWS
        && share(&ahead) >= LEAST_SEEN
        && share(&[beyond(-BESIDE), beyond(BESIDE)].concat()) <= MOST_BESIDE
}

/// The straight line that fits a crooked one best.
struct Axis {
    middle: [f32; 2],
    /// Of length 1.
    along: [f32; 2],
    /// Where the line begins, in pixels from the middle.
    from: f32,
    /// Where it ends.
    to: f32,
    /// Root mean square of the distances from it, in pixels.
    spread: f32,
}

impl Axis {
    /// By the principal axis of the line's points, one a pixel.
    fn of(line: &Crack) -> Self {
        let points: Vec<[f32; 2]> = line
            .points
            .iter()
            .zip(line.points.iter().skip(1))
            .flat_map(|(a, b)| {
                let steps = (b[0] - a[0]).hypot(b[1] - a[1]).ceil().max(1.0);
                let at = move |step: f32| [0, 1].map(|i| a[i] + (b[i] - a[i]) * step / steps);
                (0..steps as usize).map(move |step| at(step as f32))
            })
            .collect();
        let count = points.len().max(1) as f32;
        let middle = [0, 1].map(|i| points.iter().map(|point| point[i]).sum::<f32>() / count);
        let [xx, xy, yy] = points.iter().fold([0.0; 3], |[xx, xy, yy], point| {
            let [x, y] = [point[0] - middle[0], point[1] - middle[1]];
            [xx + x * x / count, xy + x * y / count, yy + y * y / count]
        });
        let angle = 0.5 * (2.0 * xy).atan2(xx - yy);
        let along = [angle.cos(), angle.sin()];
        let spread = (xx * along[1] * along[1] - 2.0 * xy * along[0] * along[1] + yy * along[0] * along[0]).max(0.0);
        let places = points.iter().map(|p| (p[0] - middle[0]) * along[0] + (p[1] - middle[1]) * along[1]);
        let (from, to) = places.fold((0.0_f32, 0.0_f32), |(from, to), place| (from.min(place), to.max(place)));
        Self { middle, along, from, to, spread: spread.sqrt() }
    }

    /// The point so many pixels along the axis and beside it.
    fn point(&self, along: f32, beside: f32) -> [f32; 2] {
        let [ux, uy] = self.along;
        [self.middle[0] + along * ux - beside * uy, self.middle[1] + along * uy + beside * ux]
    }
}

/// A strip of the photo along an axis, straightened.
mod strip {
    use std::ops::Range;

    use image::RgbImage;

    use super::{Axis, brightness};

    /// Pixels on each side of the axis that the dark line is looked for in.
    const WITHIN: i64 = 14;
    /// Pixels from the dark line to what it is darker than.
    const SIDES: [i64; 4] = [6, 8, 10, 12];
    /// Columns on each side of the axis.
    const HALF: i64 = WITHIN + 14;
    const COLUMNS: usize = (2 * HALF + 1) as usize;
    /// Pixels from row to row.
    const STEP: f32 = 2.0;
    /// Rows that are averaged.
    const ROWS: usize = 9;

    /// How deep the deepest dark line is in each row of a strip that lies `beside` the axis, in grey levels; without rows
    /// that lie beyond the photo.
    pub(super) fn depths(photo: &RgbImage, axis: &Axis, range: Range<f32>, beside: f32) -> Vec<f32> {
        let inside = |[x, y]: [f32; 2]| {
            (2.0..photo.width() as f32 - 2.0).contains(&x) && (2.0..photo.height() as f32 - 2.0).contains(&y)
        };
        let count = ((range.end - range.start) / STEP).max(0.0) as usize;
        let rows: Vec<[f32; COLUMNS]> = (0..count)
            .map(|row| range.start + row as f32 * STEP)
            .filter(|along| [-WITHIN, WITHIN].iter().all(|x| inside(axis.point(*along, beside + *x as f32))))
            .map(|along| std::array::from_fn(|x| smooth(photo, axis.point(along, beside + (x as i64 - HALF) as f32))))
            .collect();
        let mean = |row: usize| {
            let near = row.saturating_sub(ROWS / 2)..(row + ROWS / 2 + 1).min(rows.len());
            let count = near.len() as f32;
            let sum = rows.get(near).unwrap_or_default().iter().fold([0.0; COLUMNS], |mut sum, row| {
                sum.iter_mut().zip(row).for_each(|(sum, level)| *sum += level);
                sum
            });
            sum.map(|sum| sum / count)
        };
        (0..rows.len()).map(|row| deepest(&mean(row))).collect()
    }

    /// How much darker the darkest line across a row is than both its sides.
    fn deepest(row: &[f32; COLUMNS]) -> f32 {
        let at = |x: i64| row.get((x + HALF) as usize).copied().unwrap_or_default();
        let depth = |x: i64| {
            let middle = at(x - 1).min(at(x)).min(at(x + 1));
            let side = |sign: i64| SIDES.iter().map(|far| at(x + sign * far)).sum::<f32>() / SIDES.len() as f32;
            side(-1).min(side(1)) - middle
        };
        (-WITHIN..=WITHIN).map(depth).fold(f32::NEG_INFINITY, f32::max)
    }

    /// The mean grey level over 3 × 3 pixels.
    fn smooth(photo: &RgbImage, [x, y]: [f32; 2]) -> f32 {
        let (x, y) = (x.floor() as i64, y.floor() as i64);
        let near = (-1..=1).flat_map(|dy| (-1..=1).map(move |dx| (dx, dy)));
        near.map(|(dx, dy)| brightness::level(photo, x + dx, y + dy)).sum::<f32>() / 9.0
    }
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    fn crack(points: Vec<[f32; 2]>) -> [Crack; 1] {
        [Crack { region: 0, points }]
    }

    fn plain() -> RgbImage {
        RgbImage::from_pixel(900, 400, Rgb([120; 3]))
    }

    /// A photo with a dark line, 4 pixels wide, where `height` says.
    fn drawn(height: impl Fn(f32) -> Option<f32>) -> RgbImage {
        RgbImage::from_fn(900, 400, |x, y| {
            let grain = ((x * 7919 + y * 104_729) % 19) as u8;
            let dark = height(x as f32).is_some_and(|height| (y as f32 - height).abs() < 2.0);
            Rgb([if dark { 50 } else { 110 + grain }; 3])
        })
    }

    #[test]
    fn a_long_line_that_keeps_to_its_chord_is_a_joint() {
        let line = |bend: f32, length: f32| {
            let at = |t: f32| [50.0 + t * length, 200.0 + bend * (t * std::f32::consts::PI).sin()];
            crack((0..=20).map(|i| at(i as f32 / 20.0)).collect())
        };
        assert!(is_joint(&plain(), &line(2.0, 800.0)));
        assert!(!is_joint(&plain(), &line(30.0, 800.0)), "it bends");
        assert!(!is_joint(&plain(), &line(0.0, 120.0)), "it is short, and the photo does not show that it goes on");
        assert!(!is_joint(&plain(), &[]));
    }

    #[test]
    fn a_piece_of_a_joint_is_followed_in_the_photo() {
        let found = crack(vec![[400.0, 240.0], [450.0, 245.0], [500.0, 250.0]]);
        let slope = |x: f32| 200.0 + 0.1 * x;
        assert!(is_joint(&drawn(|x| Some(slope(x))), &found), "it goes on to both edges");
        assert!(!is_joint(&drawn(|x| (380.0..520.0).contains(&x).then(|| slope(x))), &found), "it ends where it ends");
        let winding = |x: f32| slope(x) + 40.0 * ((x - 450.0) / 90.0).sin().abs().powi(2);
        assert!(!is_joint(&drawn(|x| Some(winding(x))), &found), "it goes on as a crack does");
        let crooked = crack(vec![[400.0, 240.0], [430.0, 250.0], [470.0, 238.0], [500.0, 250.0]]);
        assert!(!is_joint(&drawn(|x| Some(slope(x))), &crooked), "itself it is crooked");
    }

    #[test]
    fn grooves_all_over_say_nothing_of_one() {
        let grooved = RgbImage::from_fn(900, 400, |_, y| Rgb([if y % 20 < 4 { 50 } else { 120 }; 3]));
        assert!(!is_joint(&grooved, &crack(vec![[400.0, 202.0], [500.0, 202.0]])));
    }

    #[test]
    fn most_of_a_region_must_be_the_joint() {
        let line = |points: [[f32; 2]; 2]| Crack { region: 0, points: points.to_vec() };
        let joint = line([[100.0, 200.0], [500.0, 200.0]]);
        let branches = [[[200.0, 200.0], [300.0, 0.0]], [[250.0, 200.0], [350.0, 400.0]]].map(line);
        let all: Vec<Crack> = std::iter::once(joint).chain(branches).collect();
        assert!(!is_joint(&plain(), &all));
        assert!(is_joint(&plain(), &all[..1]));
    }
}
