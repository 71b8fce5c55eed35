//! Sizes, distances and colours of the pages, in points.

use super::letters::{Ink, Weight};

/// Points of a millimetre.
pub const MM: f32 = 72.0 / 25.4;
/// A4.
pub const PAGE: [f32; 2] = [210.0 * MM, 297.0 * MM];
/// From the left and from the right.
pub const SIDE: f32 = 14.0 * MM;
/// From the top.
pub const TOP: f32 = 16.0 * MM;
/// From the bottom.
pub const BOTTOM: f32 = 18.0 * MM;
/// The width of what is on a page.
pub const WIDTH: f32 = PAGE[0] - 2.0 * SIDE;
/// Its height.
pub const HEIGHT: f32 = PAGE[1] - TOP - BOTTOM;
/// The baseline of the page's number, from the bottom.
pub const FOOT: f32 = 10.0 * MM;

/// A colour: red, green and blue.
pub type Colour = [u8; 3];
/// Of text.
pub const TEXT: Colour = [0x1b, 0x1f, 0x24];
/// Of text that explains.
pub const QUIET: Colour = [0x5d, 0x66, 0x73];
/// Of lines between rows.
pub const LINE: Colour = [0xda, 0xde, 0xe4];
/// Of what code stands on.
pub const CODE: Colour = [0xf4, 0xf5, 0xf7];
/// Of links.
pub const LINK: Colour = [0x0b, 0x63, 0xce];
/// Of what is cracked.
pub const CRACKED: Colour = [0xb5, 0x54, 0x0a];
/// Of cracks' lines.
pub const CRACK: Colour = [0xfd, 0xe7, 0x25];
/// Of boxes and numbers over pictures.
pub const MARK: Colour = [0xff, 0xff, 0xff];
/// Around what is drawn over pictures.
pub const RIM: Colour = [0x10, 0x10, 0x10];

/// How most text is set.
pub const BODY: Ink = Ink { weight: Weight::Regular, size: 9.5, colour: TEXT };
/// What tables say.
pub const CELL: Ink = Ink { size: 9.0, ..BODY };
/// Text that explains, and captions.
pub const ASIDE: Ink = Ink { size: 8.5, colour: QUIET, ..BODY };
/// What stands above columns, and names of facts.
pub const SMALL: Ink = Ink { size: 8.0, colour: QUIET, ..BODY };
/// Large numbers.
pub const LARGE: Ink = Ink { size: 18.0, ..strong(BODY) };

/// The same in the heavier weight.
pub const fn strong(ink: Ink) -> Ink {
    Ink { weight: Weight::Strong, ..ink }
}

/// What is rounded away: what is wider or higher by this still fits.
pub const TOLERANCE: f32 = 0.01;

/// The height of a line of text of this size.
pub fn leading(size: f32) -> f32 {
    1.4 * size
}

/// How far below the top of its line text of this size stands. Above the baseline, the typeface takes 0.969 of its size,
/// below it 0.242.
pub fn baseline(size: f32) -> f32 {
    (leading(size) - (0.969 + 0.242) * size) / 2.0 + 0.969 * size
}
