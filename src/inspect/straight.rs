//! What is too straight for a crack: joints, formwork edges, the rims of road markings.

use super::skeleton::{Crack, distance};

/// The least length of a line that may be called straight, in pixels: any crack is straight over a short way.
const LEAST_LENGTH: f32 = 300.0;
/// How far a straight line's points may lie from the chord between its ends, as a share of the chord.
const MOST_BEND: f32 = 0.012;

/// Whether the lines of a region are those of something straight: its longest line is long, and keeps to its chord.
pub fn is_straight(lines: &[Crack]) -> bool {
    lines.first().is_some_and(|line| {
        let (Some(&first), Some(&last)) = (line.points.first(), line.points.last()) else { return false };
        let chord = (first[0] - last[0]).hypot(first[1] - last[1]);
        let bend = line.points.iter().map(|point| distance(*point, first, last)).fold(0.0, f32::max);
        chord >= LEAST_LENGTH && bend <= MOST_BEND * chord
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joints_are_straight_and_cracks_are_not() {
        let line = |bend: f32, length: f32| {
            let at = |t: f32| [t * length, bend * (t * std::f32::consts::PI).sin()];
            [Crack { region: 0, points: (0..=20).map(|i| at(i as f32 / 20.0)).collect() }]
        };
        assert!(is_straight(&line(2.0, 800.0)));
        assert!(!is_straight(&line(30.0, 800.0)), "it bends");
        assert!(!is_straight(&line(0.0, 120.0)), "it is short");
        assert!(!is_straight(&[]));
    }
}
