//! The colours of pictures and reports: those of the window's light theme.

use image::Rgb;

use crate::dataset::Class;

/// Paper.
pub const PAPER: Rgb<u8> = Rgb([0xFF, 0xFF, 0xFF]);
/// A surface set off from paper.
pub const WINDOW: Rgb<u8> = Rgb([0xF4, 0xF5, 0xF7]);
/// Lines between things.
pub const LINE: Rgb<u8> = Rgb([0xDA, 0xDE, 0xE4]);
/// Text.
pub const TEXT: Rgb<u8> = Rgb([0x1B, 0x1F, 0x24]);
/// Text that stays back.
pub const QUIET: Rgb<u8> = Rgb([0x5D, 0x66, 0x73]);
/// The accent.
pub const ACCENT: Rgb<u8> = Rgb([0x0B, 0x63, 0xCE]);
/// Cracked concrete.
pub const CRACKED: Rgb<u8> = Rgb([0xB5, 0x54, 0x0A]);
/// Intact concrete.
pub const INTACT: Rgb<u8> = Rgb([0x0A, 0x7F, 0x6B]);

/// The colour of a class.
pub fn of(class: Class) -> Rgb<u8> {
    match class {
        Class::Negative => INTACT,
        Class::Positive => CRACKED,
    }
}

/// The colour a share `t`, 0 to 1, of the way from `a` to `b`.
pub fn mix(a: Rgb<u8>, b: Rgb<u8>, t: f32) -> Rgb<u8> {
    let t = t.clamp(0.0, 1.0);
    let [r, g, blue] = [0, 1, 2].map(|i| (f32::from(a.0[i]) * (1.0 - t) + f32::from(b.0[i]) * t).round() as u8);
    Rgb([r, g, blue])
}

/// Viridis (van der Walt and Smith 2015) at `t` from 0 to 1, linear between nine of its colours.
pub fn viridis(t: f32) -> Rgb<u8> {
    const STOPS: [[u8; 3]; 9] = [
        [0x44, 0x01, 0x54],
        [0x47, 0x2D, 0x7B],
        [0x3B, 0x52, 0x8B],
        [0x2C, 0x72, 0x8E],
        [0x21, 0x91, 0x8C],
        [0x28, 0xAE, 0x80],
        [0x5E, 0xC9, 0x62],
        [0xAD, 0xDC, 0x30],
        [0xFD, 0xE7, 0x25],
    ];
    let at = t.clamp(0.0, 1.0) * (STOPS.len() - 1) as f32;
    let below = (at as usize).min(STOPS.len() - 2);
    match STOPS.get(below..below + 2) {
        Some(&[a, b]) => mix(Rgb(a), Rgb(b), at - below as f32),
        _ => PAPER,
    }
}

/// Cividis at `t` from 0 to 1: blue to yellow, of the same look to whoever sees red and green as one (Nuñez, Anderton and
/// Renslow 2018; the polynomials are those of d3-scale-chromatic).
pub fn cividis(t: f32) -> Rgb<u8> {
    const RED: [f32; 6] = [-4.54, -35.34, 2381.73, -6402.7, 7024.72, -2710.57];
    const GREEN: [f32; 6] = [32.49, 170.73, 52.82, -131.46, 176.58, -67.37];
    const BLUE: [f32; 6] = [81.24, 442.36, -2482.43, 6167.24, -6614.94, 2475.67];
    let t = t.clamp(0.0, 1.0);
    let level = |terms: &[f32; 6]| terms.iter().rev().fold(0.0, |sum, term| sum * t + term).round() as u8;
    Rgb([level(&RED), level(&GREEN), level(&BLUE)])
}

/// The contrast of two colours, 1 to 21, as WCAG 2.1 defines it.
pub fn contrast(a: Rgb<u8>, b: Rgb<u8>) -> f32 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

fn luminance(Rgb(channels): Rgb<u8>) -> f32 {
    let [r, g, b] = channels.map(|c| {
        let c = f32::from(c) / 255.0;
        if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
    });
    0.2126 * r + 0.7152 * g + 0.0722 * b
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn viridis_runs_from_violet_to_yellow() {
        assert_eq!((viridis(-1.0), viridis(2.0)), (Rgb([0x44, 0x01, 0x54]), Rgb([0xFD, 0xE7, 0x25])));
        assert_eq!(viridis(0.5), Rgb([0x21, 0x91, 0x8C]));
    }

    #[test]
    fn cividis_grows_lighter_from_blue_to_yellow() {
        let near = |a: Rgb<u8>, b: [u8; 3]| a.0.iter().zip(b).all(|(a, b)| a.abs_diff(b) <= 4);
        assert!(near(cividis(0.0), [0, 34, 78]) && near(cividis(1.0), [253, 234, 69]), "{:?}", cividis(1.0));
        let light: Vec<f32> = (0..=50).map(|i| luminance(cividis(i as f32 / 50.0))).collect();
        assert!(light.windows(2).all(|pair| pair[0] < pair[1]), "{light:?}");
    }

    #[test]
    fn text_can_be_read_on_paper() {
        assert!((contrast(Rgb([0; 3]), PAPER) - 21.0).abs() < 0.01);
        for colour in [TEXT, QUIET, ACCENT, CRACKED, INTACT] {
            assert!(contrast(colour, PAPER) >= 4.5, "{colour:?}");
        }
    }
}
