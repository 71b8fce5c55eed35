//! What a network looks for and what it sees, as pictures side by side: first filters, feature maps.

use image::{Rgb, RgbImage, imageops};

use super::palette;
use crate::nn::inspect::{Filters, Maps};

/// The side that a picture on a sheet is enlarged to, at least, in pixels.
const CELL: u32 = 56;
/// Between two pictures, in pixels.
const GAP: u32 = 4;
/// A value that is no number.
const NO_NUMBER: Rgb<u8> = Rgb([0xC6, 0x28, 0x28]);

/// Which values have the ends of the scale of colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scale {
    /// The lowest and the highest of each picture.
    #[default]
    Each,
    /// Those of all pictures.
    Together,
}

/// The kernels of the first convolution, each as a picture of its red, green and blue weights.
pub fn filters(filters: &Filters, scale: Scale) -> Vec<RgbImage> {
    let plane = filters.side * filters.side;
    let all = range(&filters.values);
    let picture = |index: usize| {
        let values = filters.filter(index);
        let range = if scale == Scale::Each { range(values) } else { all };
        let level =
            |at: usize| share(values.get(at).copied().unwrap_or(f32::NAN), range).map(|t| (t * 255.0).round() as u8);
        picture(filters.side, filters.side, |at| {
            let levels = [level(at), level(plane + at), level(2 * plane + at)];
            if let [Some(r), Some(g), Some(b)] = levels { Rgb([r, g, b]) } else { NO_NUMBER }
        })
    };
    (0..filters.count).map(picture).collect()
}

/// The feature maps, each as a picture in viridis.
pub fn maps(maps: &Maps, scale: Scale) -> Vec<RgbImage> {
    let all = range(&maps.values);
    let picture = |index: usize| {
        let values = maps.channel(index);
        let range = if scale == Scale::Each { range(values) } else { all };
        picture(maps.width, maps.height, |at| {
            values.get(at).and_then(|value| share(*value, range)).map_or(NO_NUMBER, palette::viridis)
        })
    };
    (0..maps.channels).map(picture).collect()
}

/// Pictures of one size side by side on white, enlarged by whole factors so that their pixels can be told apart; about
/// as many columns as make the sheet a square.
pub fn sheet(pictures: &[RgbImage]) -> RgbImage {
    let Some((width, height)) = pictures.first().map(RgbImage::dimensions) else { return RgbImage::new(1, 1) };
    let zoom = (CELL / width.max(height).max(1)).max(1);
    let cell = [width * zoom + GAP, height * zoom + GAP];
    let count = pictures.len() as u32;
    let columns = (1..=count).find(|columns| columns * columns >= count).unwrap_or(1);
    let rows = count.div_ceil(columns);
    let mut sheet = RgbImage::from_pixel(columns * cell[0] + GAP, rows * cell[1] + GAP, palette::PAPER);
    for (index, picture) in (0..).zip(pictures) {
        let large = imageops::resize(picture, width * zoom, height * zoom, imageops::FilterType::Nearest);
        let at = [(index % columns) * cell[0] + GAP, (index / columns) * cell[1] + GAP];
        imageops::replace(&mut sheet, &large, i64::from(at[0]), i64::from(at[1]));
    }
    sheet
}

/// The lowest and the highest value that is a number.
pub fn range(values: &[f32]) -> [f32; 2] {
    let numbers = values.iter().copied().filter(|value| value.is_finite());
    numbers.map(|value| [value, value]).reduce(|a, b| [a[0].min(b[0]), a[1].max(b[1])]).unwrap_or_default()
}

/// Where a value lies between the ends of a range, 0 to 1; the middle where they are the same; nothing for no number.
fn share(value: f32, [low, high]: [f32; 2]) -> Option<f32> {
    let width = f64::from(high) - f64::from(low);
    match value.is_finite() {
        true if width > 0.0 => Some(((f64::from(value) - f64::from(low)) / width) as f32),
        true => Some(0.5),
        false => None,
    }
}

fn picture(width: usize, height: usize, colour: impl Fn(usize) -> Rgb<u8>) -> RgbImage {
    RgbImage::from_fn(width as u32, height as u32, |x, y| colour(y as usize * width + x as usize))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two filters of 1×1 and two of which one has twice the weights.
    fn two() -> Filters {
        Filters { count: 2, side: 1, values: vec![-1.0, 0.0, 1.0, -2.0, 2.0, 0.0] }
    }

    #[test]
    fn filters_of_known_weights_give_known_pixels() {
        let colours =
            |scale| filters(&two(), scale).iter().map(|picture| picture.get_pixel(0, 0).0).collect::<Vec<_>>();
        assert_eq!(colours(Scale::Each), [[0, 128, 255], [0, 255, 128]]);
        assert_eq!(colours(Scale::Together), [[64, 128, 191], [0, 255, 128]]);
        let flat = Filters { count: 1, side: 1, values: vec![0.3; 3] };
        assert_eq!(filters(&flat, Scale::Each)[0].get_pixel(0, 0).0, [128; 3]);
    }

    #[test]
    fn a_filters_planes_are_red_green_and_blue() {
        let mut values = vec![0.0; 12];
        (values[1], values[4 + 2], values[8 + 3]) = (1.0, 1.0, 1.0);
        let picture = &filters(&Filters { count: 1, side: 2, values }, Scale::Each)[0];
        assert_eq!(picture.get_pixel(1, 0).0, [255, 0, 0]);
        assert_eq!(picture.get_pixel(0, 1).0, [0, 255, 0]);
        assert_eq!(picture.get_pixel(1, 1).0, [0, 0, 255]);
    }

    #[test]
    fn maps_run_from_violet_to_yellow() {
        let shown = Maps { channels: 2, height: 1, width: 2, values: vec![0.0, 1.0, 0.0, f32::NAN] };
        let each = maps(&shown, Scale::Each);
        assert_eq!([0, 1].map(|x| *each[0].get_pixel(x, 0)), [palette::viridis(0.0), palette::viridis(1.0)]);
        assert_eq!([0, 1].map(|x| *each[1].get_pixel(x, 0)), [palette::viridis(0.5), NO_NUMBER]);
        assert_eq!(*maps(&shown, Scale::Together)[1].get_pixel(0, 0), palette::viridis(0.0));
    }

    #[test]
    fn a_sheet_holds_every_picture_whole() {
        let red = Rgb([255, 0, 0]);
        let sheet = sheet(&vec![RgbImage::from_pixel(7, 7, red); 10]);
        assert_eq!(sheet.dimensions(), (4 * 60 + 4, 3 * 60 + 4));
        assert_eq!(sheet.pixels().filter(|pixel| **pixel == red).count(), 10 * 56 * 56);
    }
}
