//! Where the camera stands: which part of a photo is seen, from how far, and how it is turned.

use image::RgbImage;

use super::plane::{Picture, mirrored};
use super::settings::Augmentation;
use crate::dice::Dice;
use crate::photo::transform;

/// How the photo lies behind the frame. The photo is stretched to the frame, zoomed, shifted, then turned and mirrored.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct View {
    mirrored: bool,
    sine: f32,
    cosine: f32,
    /// Width and height of the photo, where the frame's side is 1.
    zoom: [f32; 2],
    /// From the photo's middle to the frame's, in sides of the frame.
    shift: [f32; 2],
}

impl View {
    /// A random view that shows at least as much of the photo as `settings` ask for.
    pub(super) fn random(settings: &Augmentation, dice: &mut Dice) -> Self {
        let Augmentation { horizontal_flip, vertical_flip, quarter_turns, scale, visible_share, .. } = *settings;
        // With quarter turns, mirroring either way reaches all eight ways to lay a square.
        let mirrored = dice.chance(0.5) && (horizontal_flip || vertical_flip && quarter_turns);
        let quarters = if quarter_turns { dice.whole(0, 3) } else { 0 };
        let angle = settings.rotation.to_radians() * dice.between(-1.0, 1.0);
        let zoom = if dice.chance(0.5) {
            dice.between(1.0 - scale, 1.0)
        } else {
            dice.between(1.0, (1.0 + scale).min(1.0 / visible_share.sqrt()))
        };
        let stretch = 1.0 + 0.3 * scale * dice.between(-1.0, 1.0);
        let shift = [(); 2].map(|()| 0.25 * scale * dice.between(-1.0, 1.0));
        let upside_down = dice.chance(0.5) && vertical_flip && !quarter_turns;
        let (sine, cosine) = turned(angle, if upside_down { 2 } else { quarters });
        let zoom = [zoom * stretch, zoom / stretch];
        Self { mirrored: mirrored != upside_down, sine, cosine, zoom, shift }.restrained(visible_share)
    }

    /// The view drawn back until at least this share of the photo is seen: first less zoomed in and shifted, then, where
    /// turning alone hides too much (17 % at 45 degrees), zoomed out.
    fn restrained(mut self, least: f32) -> Self {
        for _ in 0..30 {
            if self.visible_share() >= least {
                return self;
            }
            self.zoom = self.zoom.map(|zoom| zoom - 0.3 * (zoom - 1.0).max(0.0));
            self.shift = self.shift.map(|shift| 0.7 * shift);
        }
        // A photo of 0.7 of the frame's side is seen whole however it is turned.
        while self.visible_share() < least && self.zoom.into_iter().any(|zoom| zoom > 0.7) {
            self.zoom = self.zoom.map(|zoom| 0.98 * zoom);
        }
        self
    }

    /// From a place in the frame to the same place in the photo, both told from their middles, but for the shift.
    fn turn(&self, [x, y]: [f32; 2]) -> [f32; 2] {
        let x = if self.mirrored { -x } else { x };
        [x * self.cosine - y * self.sine, x * self.sine + y * self.cosine]
    }

    /// The share of the photo's area that lies in the frame.
    fn visible_share(&self) -> f32 {
        let mut outline: Vec<[f32; 2]> = [[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]]
            .into_iter()
            .map(|corner| {
                let ([x, y], [right, down]) = (self.turn(corner), self.shift);
                [x + right, y + down]
            })
            .collect();
        let [width, height] = self.zoom;
        for side in [[2.0 / width, 0.0], [0.0, 2.0 / height], [-2.0 / width, 0.0], [0.0, -2.0 / height]] {
            outline = cut(&outline, side);
        }
        area(&outline) / (width * height)
    }

    /// What is seen, `side`×`side` pixels. Beyond its edges the photo goes on as its own mirror image.
    ///
    /// Zooming falls to the filter that also shrinks photos for judging them, so that what the network learns from is
    /// as sharp as what it sees later; turning and shifting follow at full resolution, and do nothing where there is
    /// nothing to turn or shift.
    pub(super) fn show(&self, photo: &RgbImage, side: u32) -> Picture {
        let side = side.max(1);
        let extent = |zoom: f32| (side as f32 * zoom).round().max(1.0) as u32;
        let [width, height] = self.zoom.map(extent);
        let shrunk = transform::resize(photo, width, height);
        let frame = side as f32;
        let reach = 0.5 * frame * (self.sine.abs() + self.cosine.abs());
        let [right, down] = self.shift.map(|shift| shift * frame);
        let margin = |shift: f32, extent: u32| (reach + shift.abs() - 0.5 * extent as f32).max(0.0) as usize + 3;
        let surface = Surface::new(&shrunk, margin(right, width), margin(down, height));
        let middle = 0.5 * (frame - 1.0);
        let places = (0..side).flat_map(|y| (0..side).map(move |x| [x as f32 - middle, y as f32 - middle]));
        let mut pixels = Vec::with_capacity(side as usize * side as usize);
        pixels.extend(places.map(|place| {
            let [x, y] = self.turn(place);
            surface.at(x + right, y + down)
        }));
        Picture::new(side as usize, &pixels)
    }
}

/// Sine and cosine of an angle and so many right angles, these exactly.
fn turned(angle: f32, quarters: u32) -> (f32, f32) {
    let (sine, cosine) = libm::sincosf(angle);
    match quarters {
        0 => (sine, cosine),
        1 => (cosine, -sine),
        2 => (-sine, -cosine),
        _ => (-cosine, sine),
    }
}

/// A photo that goes on beyond its edges as its own mirror image.
struct Surface {
    /// Red, green, blue and nothing, so that one pixel fills a vector register.
    pixels: Vec<[f32; 4]>,
    stride: usize,
    /// Where the photo's middle lies.
    middle: [f32; 2],
}

impl Surface {
    fn new(photo: &RgbImage, beside: usize, above: usize) -> Self {
        let (width, height) = (photo.width() as usize, photo.height() as usize);
        let columns = mirrored(beside, width);
        let rows = mirrored(above, height);
        let mut pixels = Vec::with_capacity(columns.len() * rows.len());
        for y in rows {
            let (row, _) = photo.as_raw().get(y * 3 * width..).unwrap_or_default().as_chunks::<3>();
            pixels.extend(columns.iter().map(|&x| {
                let [red, green, blue] = row.get(x).copied().unwrap_or_default().map(f32::from);
                [red, green, blue, 0.0]
            }));
        }
        let middle = |margin: usize, extent: usize| margin as f32 + 0.5 * (extent as f32 - 1.0);
        Self { pixels, stride: columns.len(), middle: [middle(beside, width), middle(above, height)] }
    }

    /// The colour at a place told from the middle, by cubic interpolation, which keeps thin lines.
    fn at(&self, x: f32, y: f32) -> [f32; 4] {
        let [middle_x, middle_y] = self.middle;
        let (x, y) = ((x + middle_x).max(1.0), (y + middle_y).max(1.0));
        let (left, top) = (x as i32, y as i32);
        let (across, down) = (cubic(x - left as f32), cubic(y - top as f32));
        let start = (top as usize - 1) * self.stride + left as usize - 1;
        let mut sum = [0.0; 4];
        for (row, weight) in down.into_iter().enumerate() {
            let near = self.pixels.get(start + row * self.stride..).and_then(|row| row.first_chunk::<4>());
            let mut line = [0.0; 4];
            for (pixel, weight) in near.into_iter().flatten().zip(across) {
                line.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += weight * value);
            }
            sum.iter_mut().zip(line).for_each(|(sum, value)| *sum += weight * value);
        }
        sum
    }
}

/// Catmull and Rom's weights of the four pixels around a place that lies `t` after the second.
fn cubic(t: f32) -> [f32; 4] {
    [
        t * (t * (1.0 - 0.5 * t) - 0.5),
        t * t * (1.5 * t - 2.5) + 1.0,
        t * (t * (2.0 - 1.5 * t) + 0.5),
        t * t * (0.5 * t - 0.5),
    ]
}

/// The part of a convex outline where `x · a + y · b` is at most 1.
fn cut(outline: &[[f32; 2]], [a, b]: [f32; 2]) -> Vec<[f32; 2]> {
    let beyond = |[x, y]: [f32; 2]| x * a + y * b - 1.0;
    let mut kept = Vec::with_capacity(outline.len() + 1);
    for (&from, &to) in outline.iter().zip(outline.iter().cycle().skip(1)) {
        let (before, after) = (beyond(from), beyond(to));
        if before <= 0.0 {
            kept.push(from);
        }
        if (before < 0.0) != (after < 0.0) && before != after {
            let share = before / (before - after);
            let ([x, y], [next_x, next_y]) = (from, to);
            kept.push([x + share * (next_x - x), y + share * (next_y - y)]);
        }
    }
    kept
}

fn area(outline: &[[f32; 2]]) -> f32 {
    let corners = outline.iter().zip(outline.iter().cycle().skip(1));
    0.5 * corners.map(|([x, y], [next_x, next_y])| x * next_y - y * next_x).sum::<f32>().abs()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::photo::augment::part::Part;
    use image::imageops;

    const PLAIN: View = View { mirrored: false, sine: 0.0, cosine: 1.0, zoom: [1.0; 2], shift: [0.0; 2] };

    fn photo(side: u32) -> RgbImage {
        RgbImage::from_fn(side, side, |x, y| image::Rgb([(x * 31 % 256) as u8, (y * 17 % 256) as u8, (x * y) as u8]))
    }

    #[test]
    fn mirroring_and_quarter_turns_move_pixels_and_change_none() {
        for side in [1, 8, 33] {
            let photo = photo(side);
            let seen = |view: View| view.show(&photo, side).into_image();
            assert!(seen(PLAIN) == photo);
            let flipped = seen(View { mirrored: true, ..PLAIN });
            assert!(flipped == imageops::flip_horizontal(&photo));
            assert!(View { mirrored: true, ..PLAIN }.show(&flipped, side).into_image() == photo);
            assert!(seen(View { sine: 1.0, cosine: 0.0, ..PLAIN }) == imageops::rotate270(&photo));
            assert!(seen(View { sine: 0.0, cosine: -1.0, ..PLAIN }) == imageops::rotate180(&photo));
            assert!(seen(View { sine: -1.0, cosine: 0.0, ..PLAIN }) == imageops::rotate90(&photo));
        }
    }

    #[test]
    fn all_eight_ways_to_lay_a_square_come_up() {
        let ways = |horizontal_flip, vertical_flip, quarter_turns| {
            let settings = Augmentation { horizontal_flip, vertical_flip, quarter_turns, ..Augmentation::none() };
            let mut seen: Vec<View> = Vec::new();
            for seed in 0..200 {
                let view = View::random(&settings, &mut Dice::of(seed, Part::View));
                // Minus zero equals zero.
                if !seen.contains(&view) {
                    seen.push(view);
                }
            }
            seen
        };
        assert_eq!([ways(true, true, true), ways(true, false, true), ways(false, true, true)].map(|w| w.len()), [8; 3]);
        assert_eq!((ways(false, false, true).len(), ways(true, true, false).len()), (4, 4));
        assert_eq!(ways(false, false, false), [PLAIN]);
        let photo = photo(8);
        let shown = |ways: Vec<View>| ways.iter().map(|view| view.show(&photo, 8).into_image()).collect::<Vec<_>>();
        for (seen, flipped) in [
            (shown(ways(true, false, false)), imageops::flip_horizontal(&photo)),
            (shown(ways(false, true, false)), imageops::flip_vertical(&photo)),
        ] {
            assert!(seen.len() == 2 && seen.contains(&photo) && seen.contains(&flipped));
        }
    }

    #[test]
    fn the_share_that_is_seen_is_the_known_one() {
        let diagonal = std::f32::consts::FRAC_1_SQRT_2;
        let cases = [
            (PLAIN, 1.0),
            (View { zoom: [0.8, 0.9], ..PLAIN }, 1.0),
            (View { zoom: [1.25, 1.0], ..PLAIN }, 0.8),
            (View { zoom: [1.25, 1.25], ..PLAIN }, 0.64),
            (View { shift: [0.1, -0.2], ..PLAIN }, 0.72),
            (View { zoom: [0.8, 0.8], shift: [0.1, 0.0], ..PLAIN }, 1.0),
            // A regular octagon.
            (View { sine: diagonal, cosine: diagonal, ..PLAIN }, 2.0 * std::f32::consts::SQRT_2 - 2.0),
            (View { mirrored: true, sine: 1.0, cosine: 0.0, shift: [0.5, 0.0], ..PLAIN }, 0.5),
        ];
        for (view, share) in cases {
            assert!((view.visible_share() - share).abs() < 1e-5, "{view:?}: {} is not {share}", view.visible_share());
        }
    }

    #[test]
    fn every_view_shows_enough() {
        for share in [0.81, 0.9, 0.97] {
            let wild = Augmentation { rotation: 45.0, scale: 0.5, visible_share: share, ..Augmentation::strong() };
            for settings in [wild, Augmentation { scale: 0.0, ..wild }, Augmentation { rotation: 0.0, ..wild }] {
                for seed in 0..3000 {
                    let view = View::random(&settings, &mut Dice::of(seed, Part::View));
                    assert!(view.visible_share() >= share, "{view:?}: {} of {share}", view.visible_share());
                }
            }
        }
    }

    #[test]
    fn zooming_and_turning_there_and_back_keeps_the_middle() {
        let smooth =
            RgbImage::from_fn(64, 64, |x, y| image::Rgb([(2 * x + y) as u8, (3 * y) as u8, (100 + x - y / 2) as u8]));
        let (sine, cosine) = libm::sincosf(0.3);
        let there = View { sine, cosine, zoom: [1.1, 1.1], ..PLAIN }.show(&smooth, 64).into_image();
        let back = View { sine: -sine, cosine, zoom: [1.0 / 1.1; 2], ..PLAIN }.show(&there, 64).into_image();
        for (x, y) in [(32, 32), (20, 25), (40, 30), (45, 45)] {
            let (before, after) = (smooth.get_pixel(x, y).0, back.get_pixel(x, y).0);
            assert!(before.iter().zip(after).all(|(a, b)| a.abs_diff(b) <= 3), "{x} {y}: {before:?} {after:?}");
        }
    }
}
