//! What is measured on a photo, and what that is worth.

use serde::Serialize;

use super::findings::Findings;
use super::heat::HeatMap;
use super::skeleton;
use crate::error::{Error, Result};
use crate::photo::exif::Lens;

/// The diagonal of a frame of 35 mm film, in millimetres, which focal lengths are converted to (CIPA DCG-001).
const FILM_DIAGONAL: f64 = 43.27;

/// What holds for every measure; said wherever they are shown.
pub const LIMITS: [&str; 4] = [
    "A cell is 32 × 32 pixels and counts as cracked as a whole: the share of cells is no share of area.",
    "Length follows the darkest line within cracked cells. Loops are measured open, gaps are bridged, and branches shorter \
     than 48 pixels are left out.",
    "Millimetres hold for a flat surface seen squarely; at an angle, what is farther away comes out too short.",
    "What a model takes for a crack may be a joint, a shadow or a scratch: look at the overlay before a figure is used.",
];

/// Pixels of a photo to a millimetre of the surface.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Scale {
    /// How many.
    pub pixels_per_mm: f64,
    /// Where that is from.
    pub source: ScaleSource,
}

/// Where a scale is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ScaleSource {
    /// The user gave it.
    Given,
    /// A length that the user knows, on the photo.
    Reference,
    /// The distance that the user gave, and the lens that the camera noted.
    Distance,
}

/// The measures of one photo.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measures {
    /// Cells of the photo.
    pub cells: usize,
    /// How many count as cracked.
    pub cracked_cells: usize,
    /// Their share, 0 to 1.
    pub cracked_share: f64,
    /// Regions of cracked cells.
    pub regions: usize,
    /// The length of all lines, in pixels.
    pub length_px: f64,
    /// The same in millimetres, where there is a scale.
    pub length_mm: Option<f64>,
    /// The highest probability of a cell.
    pub p_max: f32,
}

impl Scale {
    /// Pixels to a millimetre as the user knows them.
    ///
    /// # Errors
    /// A usage error unless it is a positive number.
    pub fn given(pixels_per_mm: f64) -> Result<Self> {
        Self::of(pixels_per_mm, ScaleSource::Given)
    }

    /// From a line of so many pixels that is so many millimetres long.
    ///
    /// # Errors
    /// A usage error unless both are positive.
    pub fn from_reference(pixels: f64, mm: f64) -> Result<Self> {
        Self::of(pixels / mm, ScaleSource::Reference)
    }

    /// From the distance of the surface in metres and the lens, for a photo of this size: the pinhole camera's
    /// field of view, `diagonal = film diagonal · distance / focal length (35 mm)`.
    ///
    /// # Errors
    /// A usage error unless the distance is positive, or where the camera did not note the lens.
    pub fn from_distance(metres: f64, lens: Option<Lens>, (width, height): (u32, u32)) -> Result<Self> {
        let lens = lens.ok_or_else(|| {
            Error::usage("The photo does not say which lens it was taken with")
                .hint("give --pixels-per-mm instead of --distance")
        })?;
        let (width, height) = (f64::from(width), f64::from(height));
        let film = match lens {
            Lens::Film { focal_mm } => FILM_DIAGONAL / focal_mm,
            Lens::Sensor { focal_mm, width_mm } => width_mm / focal_mm * width.hypot(height) / width.max(height),
        };
        Self::of(width.hypot(height) / (film * metres * 1000.0), ScaleSource::Distance)
    }

    fn of(pixels_per_mm: f64, source: ScaleSource) -> Result<Self> {
        if pixels_per_mm.is_finite() && pixels_per_mm > 0.0 {
            return Ok(Self { pixels_per_mm, source });
        }
        Err(Error::usage("A scale must be a positive number of pixels to a millimetre"))
    }

    /// So many pixels in millimetres.
    pub fn mm(self, pixels: f64) -> f64 {
        pixels / self.pixels_per_mm
    }
}

impl Measures {
    /// Those of a map and what was found in it.
    pub fn of(map: &HeatMap, findings: &Findings, scale: Option<Scale>) -> Self {
        let cells = map.grid.len();
        let cracked_cells = findings.cracked.iter().filter(|cracked| **cracked).count();
        let length_px = skeleton::length_of(findings.cracks.iter());
        Self {
            cells,
            cracked_cells,
            cracked_share: cracked_cells as f64 / cells.max(1) as f64,
            regions: findings.regions.len(),
            length_px,
            length_mm: scale.map(|scale| scale.mm(length_px)),
            p_max: map.p_max(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lens_and_a_distance_give_a_scale() {
        // 26 mm equivalent at 2 m: the diagonal of the field is 43.27 / 26 · 2000 mm = 3328 mm; 5000 pixels on it.
        let scale = Scale::from_distance(2.0, Some(Lens::Film { focal_mm: 26.0 }), (4000, 3000)).unwrap();
        assert!((scale.pixels_per_mm - 5000.0 / 3328.46).abs() < 1e-4, "{scale:?}");
        // A sensor 24 mm wide behind 50 mm at 1 m sees 480 mm.
        let sensor = Lens::Sensor { focal_mm: 50.0, width_mm: 24.0 };
        for size in [(6000, 4000), (4000, 6000)] {
            let scale = Scale::from_distance(1.0, Some(sensor), size).unwrap();
            assert!((scale.pixels_per_mm - 12.5).abs() < 1e-9, "{scale:?}");
        }
        assert!((Scale::from_reference(300.0, 100.0).unwrap().mm(600.0) - 200.0).abs() < 1e-9);
    }

    #[test]
    fn senseless_scales_are_refused() {
        for scale in [Scale::given(0.0), Scale::given(f64::NAN), Scale::from_reference(1.0, 0.0)] {
            assert_eq!(scale.unwrap_err().kind(), crate::error::Kind::Usage);
        }
        assert!(Scale::from_distance(1.0, None, (10, 10)).is_err());
        assert!(Scale::from_distance(-1.0, Some(Lens::Film { focal_mm: 26.0 }), (10, 10)).is_err());
    }
}
