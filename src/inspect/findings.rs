//! What a map comes to at a threshold: cracked cells, regions, the lines along the cracks.

use image::RgbImage;

use super::heat::HeatMap;
use super::regions::{self, Region};
use super::skeleton::{self, Crack};
use super::{Settings, straight};

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
    /// What was left out as long, straight and regular: joints, formwork edges, markings.
    pub dropped: Vec<Region>,
}

impl Findings {
    /// What `map` of `photo` comes to.
    pub fn of(map: &HeatMap, photo: &RgbImage, threshold: f32, settings: &Settings) -> Self {
        let mut cracked = map.cracked(threshold);
        let (mut kept, mut cracks, mut dropped) = (Vec::new(), Vec::new(), Vec::new());
        for region in regions::regions(map, &cracked) {
            let lines = skeleton::trace(photo, &map.grid, &region, kept.len());
            if settings.drop_straight && straight::is_straight(&lines) {
                region.cells.iter().for_each(|cell| cracked[*cell] = false);
                dropped.push(region);
            } else {
                kept.push(region);
                cracks.extend(lines);
            }
        }
        Self { threshold, cracked, regions: kept, cracks, dropped }
    }

    /// The lines along the cracks of a region.
    pub fn lines_of(&self, region: usize) -> impl Iterator<Item = &Crack> {
        self.cracks.iter().filter(move |crack| crack.region == region)
    }
}
