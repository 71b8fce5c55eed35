//! The program's icon, drawn by code: a crack across a pale slab.

use egui::IconData;

const SIDE: usize = 64;
/// The crack's course, in pixels.
const COURSE: [(f32, f32); 7] =
    [(40.0, 4.0), (34.0, 15.0), (39.0, 24.0), (27.0, 34.0), (31.0, 43.0), (22.0, 51.0), (25.0, 60.0)];

/// The icon for the window's frame and the task bar.
pub(super) fn icon() -> IconData {
    let mut rgba = Vec::with_capacity(SIDE * SIDE * 4);
    for y in 0..SIDE {
        for x in 0..SIDE {
            let (x, y) = (x as f32 + 0.5, y as f32 + 0.5);
            let slab = coverage(8.0 - outside_rounded(x, y));
            let crack = coverage(2.6 - y / 40.0 - distance(x, y));
            let [r, g, b] = [(214.0, 48.0), (217.0, 36.0), (221.0, 30.0)]
                .map(|(slab, dark): (f32, f32)| (slab + (dark - slab) * crack) as u8);
            rgba.extend([r, g, b, (slab * 255.0) as u8]);
        }
    }
    IconData { rgba, width: SIDE as u32, height: SIDE as u32 }
}

/// Distance from the square of the slab without its rounded edge, 8 pixels wide.
fn outside_rounded(x: f32, y: f32) -> f32 {
    let beyond = |v: f32| (v - 32.0).abs() - 21.0;
    beyond(x).max(0.0).hypot(beyond(y).max(0.0))
}

fn distance(x: f32, y: f32) -> f32 {
    COURSE.windows(2).fold(f32::INFINITY, |nearest, ends| match ends {
        &[(ax, ay), (bx, by)] => {
            let (dx, dy) = (bx - ax, by - ay);
            let t = (((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy)).clamp(0.0, 1.0);
            nearest.min((x - ax - t * dx).hypot(y - ay - t * dy))
        }
        _ => nearest,
    })
}

/// How much of a pixel lies inside, from its centre's distance to the edge.
fn coverage(inside: f32) -> f32 {
    (inside + 0.5).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_corner_is_clear_and_the_crack_is_dark() {
        let icon = icon();
        let at = |x: usize, y: usize| &icon.rgba[(y * SIDE + x) * 4..][..4];
        assert_eq!(icon.rgba.len(), SIDE * SIDE * 4);
        assert_eq!(at(0, 0)[3], 0);
        assert!(at(34, 15)[0] < 80 && at(12, 32)[0] > 200);
    }
}
