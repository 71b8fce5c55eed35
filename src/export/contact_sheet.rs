//! Misclassified photos side by side on pages, worst first, for paper.

use image::RgbImage;

use super::canvas::{Align, Canvas, Ink};
use super::{figures, palette, png};
use crate::dataset::Class;
use crate::error::Result;
use crate::format;
use crate::review::predictions::{Outcome, Prediction};
use crate::review::threshold::Threshold;

/// Photos on a page.
pub const PER_PAGE: usize = COLUMNS * ROWS;
/// The most photos that are put on sheets; the tables have them all.
pub const MOST: usize = 25 * PER_PAGE;
/// The longer side of a thumbnail, in pixels.
pub const THUMBNAIL: u32 = 256;

// 1680 pixels across and at most 2372 down: A4 upright at 200 dots to the inch.
const COLUMNS: usize = 6;
const ROWS: usize = 6;
const WIDTH: u32 = 1680;
const MARGIN: f32 = 34.0;
const GAP: f32 = (WIDTH as f32 - 2.0 * MARGIN - COLUMNS as f32 * THUMBNAIL as f32) / (COLUMNS - 1) as f32;
const TOP: f32 = 156.0;
const CAPTION: f32 = 76.0;
const ROW_GAP: f32 = 28.0;
const FOOT: f32 = 56.0;

const TITLE: Ink = Ink::bold(40.0, palette::TEXT);
const SMALL: Ink = Ink::regular(24.0, palette::QUIET);
const FILE: Ink = Ink::regular(19.0, palette::QUIET);
const NUMBER: Ink = Ink::bold(22.0, palette::TEXT);

/// What stands at the head of every page.
#[derive(Clone, Debug)]
pub struct Heading {
    /// What the model is called.
    pub name: String,
    /// False alarms in all.
    pub false_positives: usize,
    /// Misses in all.
    pub false_negatives: usize,
    /// Labelled photos in all.
    pub photos: usize,
    /// Probability from which a photo counts as cracked.
    pub threshold: Threshold,
}

impl Heading {
    /// Counts over the labelled ones among `predictions`.
    pub fn of(name: &str, predictions: &[Prediction], threshold: Threshold) -> Self {
        let count = |wanted| predictions.iter().filter(|p| p.outcome(threshold) == Some(wanted)).count();
        Self {
            name: name.to_owned(),
            false_positives: count(Outcome::FalsePositive),
            false_negatives: count(Outcome::FalseNegative),
            photos: predictions.iter().filter(|p| p.truth.is_some()).count(),
            threshold,
        }
    }

    fn wrong(&self) -> usize {
        self.false_positives + self.false_negatives
    }
}

/// The names of the files for so many misclassified photos: none, `contact_sheet.png`, or numbered ones.
pub fn file_names(wrong: usize) -> Vec<String> {
    match wrong.min(MOST).div_ceil(PER_PAGE) {
        1 => vec!["contact_sheet.png".to_owned()],
        pages => (1..=pages).map(|page| format!("contact_sheet_{page:02}.png")).collect(),
    }
}

/// Page `number` of `pages`, from 1, as PNG. `photos`, at most [`PER_PAGE`], go with `thumbnails` of at most
/// [`THUMBNAIL`] pixels; a photo without one is shown as an empty tile.
///
/// # Errors
/// Where the picture cannot be encoded, which does not happen in memory.
pub fn page(
    heading: &Heading,
    (number, pages): (usize, usize),
    photos: &[Prediction],
    thumbnails: &[Result<RgbImage>],
) -> Result<Vec<u8>> {
    let row_height = THUMBNAIL as f32 + CAPTION + ROW_GAP;
    let rows = photos.len().div_ceil(COLUMNS).clamp(1, ROWS);
    let height = TOP + rows as f32 * row_height + FOOT;
    let mut canvas = Canvas::new(WIDTH, height as u32, palette::PAPER)?;
    head(&mut canvas, heading);
    for (at, (photo, thumbnail)) in photos.iter().zip(thumbnails).enumerate().take(PER_PAGE) {
        let x = MARGIN + (at % COLUMNS) as f32 * (THUMBNAIL as f32 + GAP);
        let y = TOP + (at / COLUMNS) as f32 * row_height;
        tile(&mut canvas, (x.round(), y), photo, thumbnail.as_ref().ok(), heading.threshold);
    }
    foot(&mut canvas, heading, (number, pages), height - 26.0);
    png::encode(&canvas.into_pixels())
}

fn head(canvas: &mut Canvas, heading: &Heading) {
    let width = WIDTH as f32 - 2.0 * MARGIN;
    let title = canvas.fitted(&format!("Misclassified photos · {}", heading.name), TITLE, width);
    canvas.text(MARGIN, 62.0, &title, TITLE, Align::Left);
    let (false_alarms, misses) = (heading.false_positives, heading.false_negatives);
    let counts = format!(
        "{} of {} wrong: {} false alarm{}, {} missed crack{}. Worst first: label → prediction, probability of being \
         cracked, threshold {}.",
        format::count(heading.wrong()),
        format::photos(heading.photos),
        format::count(false_alarms),
        if false_alarms == 1 { "" } else { "s" },
        format::count(misses),
        if misses == 1 { "" } else { "s" },
        figures::probability(heading.threshold.at),
    );
    canvas.text(MARGIN, 106.0, &counts, SMALL, Align::Left);
}

fn foot(canvas: &mut Canvas, heading: &Heading, (number, pages): (usize, usize), y: f32) {
    if heading.wrong() > MOST {
        let note = format!(
            "The worst {} of {} are shown; misclassified.csv lists them all.",
            format::count(MOST),
            format::count(heading.wrong())
        );
        canvas.text(MARGIN, y, &note, SMALL, Align::Left);
    }
    if pages > 1 {
        canvas.text(WIDTH as f32 - MARGIN, y, &format!("page {number} of {pages}"), SMALL, Align::Right);
    }
}

fn tile(
    canvas: &mut Canvas,
    (x, y): (f32, f32),
    photo: &Prediction,
    thumbnail: Option<&RgbImage>,
    threshold: Threshold,
) {
    let side = THUMBNAIL as f32;
    canvas.fill_box([x, y, side, side], 0.0, palette::WINDOW);
    match thumbnail {
        Some(picture) => {
            let (width, height) = (picture.width().min(THUMBNAIL), picture.height().min(THUMBNAIL));
            canvas.picture(x as u32 + (THUMBNAIL - width) / 2, y as u32 + (THUMBNAIL - height) / 2, picture);
        }
        None => canvas.text(x + side / 2.0, y + side / 2.0 + 8.0, "cannot be read", SMALL, Align::Centre),
    }
    let line = y + side + 30.0;
    let mut pen = x;
    if let Some(truth) = photo.truth {
        pen = class(canvas, pen, line, truth);
        canvas.text(pen + 7.0, line, "→", FILE, Align::Left);
        pen += 14.0 + canvas.width_of("→", FILE);
    }
    class(canvas, pen, line, Class::predicted(photo.p_positive, threshold.at));
    let probability = figures::probability(photo.p_positive);
    canvas.text(x + side, line + 30.0, &probability, NUMBER, Align::Right);
    let file = canvas.fitted(&photo.file, FILE, side - canvas.width_of(&probability, NUMBER) - 12.0);
    canvas.text(x, line + 30.0, &file, FILE, Align::Left);
}

/// Writes the mark and the word of a class; gives where the pen is then.
fn class(canvas: &mut Canvas, x: f32, y: f32, class: Class) -> f32 {
    let ink = Ink::bold(20.0, palette::of(class));
    canvas.mark((x + 8.0, y - 7.0), 15.0, class, palette::of(class));
    canvas.text(x + 21.0, y, class.word(), ink, Align::Left);
    x + 21.0 + canvas.width_of(class.word(), ink)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use image::Rgb;

    use super::*;
    use crate::dataset::Class;
    use crate::error::Error;
    use crate::export::fixture::prediction;

    const RED: Rgb<u8> = Rgb([200, 10, 10]);

    fn heading(wrong: usize) -> Heading {
        Heading {
            name: "metu".into(),
            false_positives: wrong,
            false_negatives: 0,
            photos: 2 * wrong,
            threshold: 0.5.into(),
        }
    }

    fn decoded(bytes: &[u8]) -> RgbImage {
        image::load_from_memory(bytes).unwrap().to_rgb8()
    }

    #[test]
    fn thousands_of_photos_make_a_bounded_number_of_pages() {
        assert_eq!(file_names(0), Vec::<String>::new());
        assert_eq!(file_names(PER_PAGE), ["contact_sheet.png"]);
        assert_eq!(file_names(PER_PAGE + 1), ["contact_sheet_01.png", "contact_sheet_02.png"]);
        assert_eq!(file_names(1_000_000).len(), 25);
    }

    #[test]
    fn every_thumbnail_is_shown_whole_and_unreadable_photos_leave_a_tile() {
        let photos: Vec<_> =
            (0..8).map(|n| prediction(Path::new(""), &format!("{n}.jpg"), Class::Negative, 0.9)).collect();
        let mut thumbnails: Vec<Result<RgbImage>> =
            (0..7).map(|_| Ok(RgbImage::from_pixel(THUMBNAIL, 100, RED))).collect();
        thumbnails.insert(3, Err(Error::new("Cannot read 3.jpg")));
        let sheet = decoded(&page(&heading(8), (1, 1), &photos, &thumbnails).unwrap());
        assert_eq!(sheet.width(), WIDTH);
        let red = sheet.pixels().filter(|pixel| **pixel == RED).count();
        assert_eq!(red, 7 * 100 * THUMBNAIL as usize);
    }

    #[test]
    fn a_full_page_has_the_shape_of_a_sheet_of_paper() {
        let photos = vec![prediction(Path::new(""), "a.jpg", Class::Positive, 0.1); PER_PAGE];
        let thumbnails: Vec<_> = (0..PER_PAGE).map(|_| Ok(RgbImage::new(8, 8))).collect();
        let sheet = decoded(&page(&heading(40), (1, 2), &photos, &thumbnails).unwrap());
        assert!(
            (f64::from(sheet.height()) / f64::from(sheet.width()) - 1.414).abs() < 0.03,
            "{:?}",
            sheet.dimensions()
        );
    }

    #[test]
    fn the_heading_counts_both_kinds_of_error() {
        let all = [
            prediction(Path::new(""), "a", Class::Negative, 0.9),
            prediction(Path::new(""), "b", Class::Positive, 0.1),
            prediction(Path::new(""), "c", Class::Positive, 0.9),
        ];
        let heading = Heading::of("metu", &all, 0.5.into());
        assert_eq!((heading.false_positives, heading.false_negatives, heading.photos), (1, 1, 3));
    }
}
