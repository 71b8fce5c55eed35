//! Pictures as bands.

use super::bands::{Band, Mark, Tie};
use super::blocks::{Setter, put};
use super::look::{ASIDE, MM, leading};
use super::words;
use crate::export::inspection::report::document::Picture;

/// Room between pictures.
const BETWEEN: f32 = 5.0 * MM;
/// The height of pictures beside each other, at most: two photos of the usual shape fit on a page.
const HIGHEST: f32 = 118.0 * MM;
/// The height of each picture that is stacked, at most.
const HIGHEST_WIDE: f32 = 80.0 * MM;
/// Points of a pixel, at most.
const LARGEST: f32 = 0.75;

impl<'a> Setter<'a> {
    pub(super) fn pictures(&mut self, pictures: &'a [Picture]) {
        if pictures.iter().any(Picture::is_wide) {
            for picture in pictures {
                let band = self.figures(std::slice::from_ref(picture), HIGHEST_WIDE);
                self.flow.bands.push(Band { tie: Tie::Section, ..band });
            }
        } else {
            let band = self.figures(pictures, HIGHEST);
            self.flow.bands.push(band);
        }
    }

    /// Pictures beside each other with what stands below them.
    fn figures(&self, pictures: &'a [Picture], highest: f32) -> Band<'a> {
        let count = pictures.len().max(1) as f32;
        let width = (self.width() - BETWEEN * (count - 1.0)) / count;
        let mut band = Band { gap: 5.0, ..Band::default() };
        for (at, picture) in pictures.iter().enumerate() {
            let left = self.left + at as f32 * (width + BETWEEN);
            let [wide, high] = [picture.size.0, picture.size.1].map(|pixels| pixels.max(1) as f32);
            let scale = (width / wide).min(highest / high).min(LARGEST);
            let high = scale * high;
            band.marks.push(Mark::Picture([left, 0.0, scale * wide, high], picture));
            let caption = words::lines(self.letters, &picture.caption.as_str().into(), ASIDE, width);
            for (at, line) in caption.iter().enumerate() {
                put(&mut band, line, [left, high + 2.0 + at as f32 * leading(ASIDE.size)], ASIDE.size);
            }
            band.height = band.height.max(high + 2.0 + caption.len() as f32 * leading(ASIDE.size));
        }
        band
    }
}
