//! What a map comes to at a threshold: cracked cells, regions, the lines along the cracks.

use image::RgbImage;
use serde::Serialize;

use super::heat::HeatMap;
use super::regions::{self, Region};
use super::skeleton::{self, Crack};
use super::{LeaveOut, Settings, joint, rim};

/// What was found on a photo. Made anew in a fraction of a second where the threshold moves; no network is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Findings {
    /// The probability from which a cell counts as cracked.
    pub threshold: f32,
    /// Which cells do, row by row, without those that were dropped.
    pub cracked: Vec<bool>,
    /// Cracked cells that touch, those with the highest probability first.
    pub regions: Vec<Region>,
    /// The lines along the cracks, region by region.
    pub cracks: Vec<Crack>,
    /// What was left out as no crack.
    pub left_out: Vec<LeftOut>,
}

/// A region that was left out.
#[derive(Clone, Debug, PartialEq)]
pub struct LeftOut {
    /// Its cells.
    pub region: Region,
    /// What it was taken for.
    pub why: Why,
}

/// What a region was taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// It is straight and goes on so: [`joint`].
    Joint,
    /// It is dark against one side only: [`rim`].
    Rim,
}

impl Findings {
    /// What `map` of `photo` comes to.
    pub fn of(map: &HeatMap, photo: &RgbImage, threshold: f32, settings: &Settings) -> Self {
        let mut cracked = map.cracked(threshold);
        let (mut kept, mut cracks, mut left_out) = (Vec::new(), Vec::new(), Vec::new());
        for region in regions::regions(map, &cracked) {
            match lines_or_why(photo, map, &region, kept.len(), settings.leave_out) {
                Ok(lines) => {
                    kept.push(region);
                    cracks.extend(lines);
                }
                Err(why) => {
                    region.cells.iter().for_each(|cell| cracked[*cell] = false);
                    left_out.push(LeftOut { region, why });
                }
            }
        }
        Self { threshold, cracked, regions: kept, cracks, left_out }
    }

    /// How many regions were left out as joints and as rims.
    pub fn count_left_out(&self) -> [usize; 2] {
        [Why::Joint, Why::Rim].map(|why| self.left_out.iter().filter(|left_out| left_out.why == why).count())
    }

    /// The lines along the cracks of a region.
    pub fn lines_of(&self, region: usize) -> impl Iterator<Item = &Crack> {
        self.cracks.iter().filter(move |crack| crack.region == region)
    }
}

/// The lines along the cracks of a region, which is called `number` in them, or why it is left out.
fn lines_or_why(
    photo: &RgbImage,
    map: &HeatMap,
    region: &Region,
    number: usize,
    leave_out: LeaveOut,
) -> Result<Vec<Crack>, Why> {
    // Before the lines, which take longer to find.
    if leave_out.rims && rim::is_rim(photo, &map.grid, region) {
        return Err(Why::Rim);
    }
    let lines = skeleton::trace(photo, &map.grid, region, number);
    if leave_out.joints && joint::is_joint(photo, &lines) { Err(Why::Joint) } else { Ok(lines) }
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;
    use crate::inspect::Grid;

    /// A joint across at a height of 48, a crack across that wavers about 176, and below 300 something bright.
    fn photo() -> RgbImage {
        RgbImage::from_fn(640, 384, |x, y| {
            let grain = ((x * 7919 + y * 104_729) % 19) as u8;
            let crack = 176.0 + 12.0 * (x as f32 / 25.0).sin();
            let dark = y.abs_diff(48) < 2 || (y as f32 - crack).abs() < 2.0;
            Rgb([if dark {
                40
            } else if y >= 300 {
                230
            } else {
                110 + grain
            }; 3])
        })
    }

    #[test]
    fn joints_and_rims_are_left_out_and_cracks_stay() {
        let (photo, grid) = (photo(), Grid::of(640, 384));
        // The map sees a piece of each.
        let seen = |cell: usize| matches!(grid.place(cell), (6..=12, 1 | 5 | 9));
        let map = HeatMap { grid, logits: (0..grid.len()).map(|cell| if seen(cell) { 3.0 } else { -3.0 }).collect() };
        let of = |leave_out| Findings::of(&map, &photo, 0.5, &Settings { leave_out, ..Settings::default() });
        let all = of(LeaveOut::NOTHING);
        assert_eq!((all.regions.len(), all.left_out.len()), (3, 0));
        let found = of(LeaveOut::default());
        assert_eq!(found.count_left_out(), [1, 1]);
        assert_eq!(found.regions.iter().map(|region| region.bounds.y).collect::<Vec<_>>(), [160]);
        assert!(found.cracks.iter().all(|crack| crack.region == 0) && found.lines_of(0).count() == 1);
        assert_eq!(found.cracked.iter().filter(|cracked| **cracked).count(), 7);
        let joint = found.left_out.iter().find(|left_out| left_out.why == Why::Joint).unwrap();
        assert_eq!(joint.region.bounds.y, 32);
    }
}
