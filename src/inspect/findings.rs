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
            let lines = skeleton::trace(photo, &map.grid, &region, kept.len());
            if let Some(why) = why(photo, map, &region, &lines, settings.leave_out) {
                region.cells.iter().for_each(|cell| cracked[*cell] = false);
                left_out.push(LeftOut { region, why });
            } else {
                kept.push(region);
                cracks.extend(lines);
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

/// Why a region is to be left out.
fn why(photo: &RgbImage, map: &HeatMap, region: &Region, lines: &[Crack], leave_out: LeaveOut) -> Option<Why> {
    if leave_out.joints && joint::is_joint(photo, lines) {
        Some(Why::Joint)
    } else if leave_out.rims && rim::is_rim(photo, &map.grid, region) {
        Some(Why::Rim)
    } else {
        None
    }
}
