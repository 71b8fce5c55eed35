//! `curves.png` and `confusion.png`: a run's course and its result, for paper.

use image::Rgb;

use super::canvas::{Align, Canvas, Ink, png};
use super::{figures, palette};
use crate::dataset::Class;
use crate::error::Result;
use crate::format;
use crate::review::confusion::Confusion;
use crate::train::observer::EpochRecord;

const TITLE: Ink = Ink::bold(34.0, palette::TEXT);
const SMALL: Ink = Ink::regular(24.0, palette::QUIET);
const NAME: Ink = Ink::regular(26.0, palette::TEXT);
const TRAINING: Rgb<u8> = palette::QUIET;
const VALIDATION: Rgb<u8> = palette::ACCENT;
const STROKE: f32 = 4.0;
/// Lengths of a dash and of the gap after it, in pixels; the round ends take a stroke's width off the gap.
const DASHES: (f32, f32) = (12.0, 14.0);
/// Up to this many epochs each one has its dot.
const DOTTED_EPOCHS: usize = 30;

/// Loss and accuracy over the epochs, side by side, as PNG of 1800 × 760 pixels. Training is a solid line, validation
/// a dashed one; `best` is the number of the epoch that was kept.
///
/// # Errors
/// Where the picture cannot be encoded, which does not happen in memory.
pub fn curves(epochs: &[EpochRecord], best: Option<usize>) -> Result<Vec<u8>> {
    let mut canvas = Canvas::new(1800, 760, palette::PAPER)?;
    let loss = Curves::new(epochs, |e| (Some(e.train_loss), e.val_loss));
    let accuracy = Curves::new(epochs, |e| (Some(e.train_accuracy), e.val_accuracy));
    let floor = accuracy.values().fold(1.0, f64::min).clamp(0.0, 0.99);
    let ceiling = loss.values().fold(0.0, f64::max);
    let loss_axis = Axis::new(0.0, if ceiling > 0.0 { ceiling } else { 1.0 });
    let left = Panel { title: "Loss", unit: "mean cross entropy, nats", left: 130.0, y: loss_axis };
    let right = Panel { title: "Accuracy", unit: "share that is right", left: 1030.0, y: Axis::new(floor, 1.0) };
    left.draw(&mut canvas, &loss, best);
    right.draw(&mut canvas, &accuracy, best);
    legend(&mut canvas, !loss.validation.is_empty() || !accuracy.validation.is_empty(), best);
    png(canvas.pixels())
}

/// The confusion matrix as PNG of 1000 × 860 pixels: counts, the share of each row beneath, the logarithm of the count
/// as colour, so that a few errors among many photos are still seen.
///
/// # Errors
/// Where the picture cannot be encoded, which does not happen in memory.
pub fn confusion(confusion: &Confusion, title: &str) -> Result<Vec<u8>> {
    const LEFT: f32 = 300.0;
    const TOP: f32 = 190.0;
    const CELL: (f32, f32) = (320.0, 260.0);
    let mut canvas = Canvas::new(1000, 860, palette::PAPER)?;
    let title = canvas.fitted(title, TITLE, 940.0);
    canvas.text(30.0, 60.0, &title, TITLE, Align::Left);
    canvas.text(LEFT + CELL.0, 118.0, "predicted", SMALL, Align::Centre);
    canvas.text_upwards(52.0, TOP + CELL.1, "label", SMALL);
    let most = Class::ALL.map(|t| Class::ALL.map(|p| confusion.get(t, p))).into_iter().flatten().max().unwrap_or(0);
    for class in Class::ALL {
        let at = class.index() as f32;
        named(&mut canvas, LEFT + (at + 0.5) * CELL.0, 166.0, class);
        let middle = TOP + (at + 0.5) * CELL.1;
        named(&mut canvas, 178.0, middle - 2.0, class);
        canvas.text(178.0, middle + 34.0, &format::photos(confusion.with_label(class)), SMALL, Align::Centre);
        for said in Class::ALL {
            let x = LEFT + said.index() as f32 * CELL.0;
            let box_ = [x + 4.0, middle - CELL.1 / 2.0 + 4.0, CELL.0 - 8.0, CELL.1 - 8.0];
            cell(&mut canvas, box_, confusion.get(class, said), confusion.rate(class, said), most);
        }
    }
    let note = "Percentages are shares of the row. Colour follows the logarithm of the count.";
    canvas.text(LEFT + 2.0 * CELL.0 - 4.0, 780.0, note, Ink::regular(22.0, palette::QUIET), Align::Right);
    canvas.text(
        LEFT + 2.0 * CELL.0 - 4.0,
        814.0,
        &summary(confusion),
        Ink::regular(22.0, palette::QUIET),
        Align::Right,
    );
    png(canvas.pixels())
}

fn summary(confusion: &Confusion) -> String {
    let photos = format::photos(confusion.total());
    format!("{photos}, {} wrong, accuracy {}", format::count(confusion.wrong()), figures::figure(confusion.accuracy()))
}

fn named(canvas: &mut Canvas, x: f32, y: f32, class: Class) {
    let width = canvas.width_of(class.word(), NAME) + 30.0;
    canvas.mark((x - width / 2.0 + 10.0, y - 9.0), 20.0, class, palette::of(class));
    canvas.text(x - width / 2.0 + 30.0, y, class.word(), NAME, Align::Left);
}

fn cell(canvas: &mut Canvas, [x, y, width, height]: [f32; 4], count: usize, rate: Option<f64>, most: usize) {
    let share = (count as f32).ln_1p() / (most.max(1) as f32).ln_1p();
    let colour = palette::mix(palette::WINDOW, palette::ACCENT, share);
    let text = if palette::contrast(colour, palette::TEXT) >= palette::contrast(colour, palette::PAPER) {
        palette::TEXT
    } else {
        palette::PAPER
    };
    canvas.fill_box([x, y, width, height], 12.0, colour);
    let (middle, centre) = (x + width / 2.0, y + height / 2.0);
    canvas.text(middle, centre + 10.0, &format::count(count), Ink::bold(60.0, text), Align::Centre);
    canvas.text(middle, centre + 58.0, &figures::percent(rate), Ink::regular(28.0, text), Align::Centre);
}

/// The points (epoch, value) of both lines; what is no number is left out.
struct Curves {
    training: Vec<(usize, f64)>,
    validation: Vec<(usize, f64)>,
    first: usize,
    last: usize,
}

impl Curves {
    fn new(epochs: &[EpochRecord], of: impl Fn(&EpochRecord) -> (Option<f64>, Option<f64>)) -> Self {
        let values: Vec<_> = epochs.iter().map(|e| (e.epoch, of(e))).collect();
        let point = |epoch, value: Option<f64>| value.filter(|v| v.is_finite()).map(|v| (epoch, v));
        let numbers = || epochs.iter().map(|e| e.epoch);
        Self {
            training: values.iter().filter_map(|&(epoch, both)| point(epoch, both.0)).collect(),
            validation: values.iter().filter_map(|&(epoch, both)| point(epoch, both.1)).collect(),
            first: numbers().min().unwrap_or(1),
            last: numbers().max().unwrap_or(1),
        }
    }

    fn values(&self) -> impl Iterator<Item = f64> {
        self.training.iter().chain(&self.validation).map(|point| point.1)
    }
}

/// Round numbers along an axis, and the range they span.
struct Axis {
    ticks: Vec<f64>,
    decimals: usize,
}

impl Axis {
    /// About five steps of 1, 2 or 5 times a power of ten that enclose `low..high`.
    fn new(low: f64, high: f64) -> Self {
        let rough = ((high - low) / 5.0).max(1e-9);
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * power).find(|s| *s >= rough * 0.999).unwrap_or(rough);
        let (from, to) = ((low / step + 1e-6).floor() as i64, (high / step - 1e-6).ceil() as i64);
        let decimals = (-step.log10().floor()).clamp(0.0, 9.0) as usize;
        Self { ticks: (from..=to).map(|i| i as f64 * step).collect(), decimals }
    }

    /// Where `value` lies between the first tick, 0, and the last, 1.
    fn fraction(&self, value: f64) -> f32 {
        let (low, high) = (self.ticks.first().copied().unwrap_or(0.0), self.ticks.last().copied().unwrap_or(1.0));
        if high > low { ((value - low) / (high - low)) as f32 } else { 0.5 }
    }
}

/// One of the two plots.
struct Panel {
    title: &'static str,
    unit: &'static str,
    left: f32,
    y: Axis,
}

impl Panel {
    const WIDTH: f32 = 730.0;
    const TOP: f32 = 190.0;
    const HEIGHT: f32 = 460.0;

    fn draw(&self, canvas: &mut Canvas, curves: &Curves, best: Option<usize>) {
        let title_width = canvas.width_of(self.title, TITLE);
        canvas.text(self.left, 150.0, self.title, TITLE, Align::Left);
        canvas.text(self.left + title_width + 16.0, 150.0, self.unit, SMALL, Align::Left);
        self.axes(canvas, curves);
        let place = |points: &[(usize, f64)]| -> Vec<(f32, f32)> {
            points.iter().map(|&(epoch, value)| (self.x(curves, epoch), self.y(value))).collect()
        };
        let best = best.filter(|epoch| (curves.first..=curves.last).contains(epoch));
        if let Some(epoch) = best {
            let x = self.x(curves, epoch);
            let ends = [(x, Self::TOP), (x, Self::TOP + Self::HEIGHT)];
            dashed(canvas, &ends, (2.0, 8.0), 2.0, palette::QUIET);
        }
        let dots = curves.last - curves.first < DOTTED_EPOCHS;
        let training = place(&curves.training);
        for pair in training.windows(2) {
            if let [a, b] = pair {
                canvas.line(*a, *b, STROKE, TRAINING);
            }
        }
        let validation = place(&curves.validation);
        dashed(canvas, &validation, DASHES, STROKE, VALIDATION);
        for (points, colour) in [(training, TRAINING), (validation, VALIDATION)] {
            points.into_iter().filter(|_| dots).for_each(|point| canvas.disc(point, 6.0, colour));
        }
        let marked = if curves.validation.is_empty() { &curves.training } else { &curves.validation };
        let colour = if curves.validation.is_empty() { TRAINING } else { VALIDATION };
        if let Some(&(epoch, value)) = best.and_then(|epoch| marked.iter().find(|point| point.0 == epoch)) {
            best_mark(canvas, (self.x(curves, epoch), self.y(value)), colour);
        }
    }

    fn axes(&self, canvas: &mut Canvas, curves: &Curves) {
        for &tick in &self.y.ticks {
            let y = self.y(tick).round();
            canvas.fill_box([self.left, y - 1.0, Self::WIDTH, 2.0], 0.0, palette::LINE);
            let label = format!("{tick:.*}", self.y.decimals);
            canvas.text(self.left - 14.0, y + 8.0, &label, SMALL, Align::Right);
        }
        let bottom = Self::TOP + Self::HEIGHT;
        for epoch in epoch_ticks(curves.first, curves.last) {
            let x = self.x(curves, epoch).round();
            canvas.fill_box([x - 1.0, bottom, 2.0, 8.0], 0.0, palette::QUIET);
            canvas.text(x, bottom + 38.0, &format::count(epoch), SMALL, Align::Centre);
        }
        canvas.fill_box([self.left, bottom - 1.0, Self::WIDTH, 2.0], 0.0, palette::QUIET);
        canvas.text(self.left + Self::WIDTH / 2.0, bottom + 80.0, "epoch", SMALL, Align::Centre);
    }

    /// Epochs keep a little distance from the plot's ends; a single one stands in the middle.
    fn x(&self, curves: &Curves, epoch: usize) -> f32 {
        const MARGIN: f32 = 24.0;
        let span = (curves.last - curves.first) as f32;
        let fraction = if span > 0.0 { epoch.saturating_sub(curves.first) as f32 / span } else { 0.5 };
        self.left + MARGIN + fraction * (Self::WIDTH - 2.0 * MARGIN)
    }

    fn y(&self, value: f64) -> f32 {
        Self::TOP + Self::HEIGHT * (1.0 - self.y.fraction(value))
    }
}

/// About ten whole numbers from `first` to `last`, the first among them.
fn epoch_ticks(first: usize, last: usize) -> Vec<usize> {
    let span = last - first;
    let steps = (0..).flat_map(|power| [1, 2, 5].map(|m| m * 10_usize.pow(power)));
    let step = steps.take(40).find(|step| span / step <= 10).unwrap_or(1);
    if step == 1 {
        return (first..=last).collect();
    }
    let round = (first.div_ceil(step)..=last / step).map(|i| i * step);
    // A round number right beside the first would overlap it.
    std::iter::once(first).chain(round.filter(|tick| 2 * (tick - first) >= step)).collect()
}

fn legend(canvas: &mut Canvas, validation: bool, best: Option<usize>) {
    let (y, mut x) = (64.0, 130.0);
    canvas.line((x, y - 8.0), (x + 66.0, y - 8.0), STROKE, TRAINING);
    canvas.text(x + 82.0, y, "training", NAME, Align::Left);
    x += 82.0 + canvas.width_of("training", NAME) + 48.0;
    if validation {
        dashed(canvas, &[(x, y - 8.0), (x + 66.0, y - 8.0)], DASHES, STROKE, VALIDATION);
        canvas.text(x + 82.0, y, "validation", NAME, Align::Left);
        x += 82.0 + canvas.width_of("validation", NAME) + 48.0;
    }
    if let Some(best) = best {
        best_mark(canvas, (x + 11.0, y - 8.0), if validation { VALIDATION } else { TRAINING });
        canvas.text(x + 34.0, y, &format!("best epoch: {}", format::count(best)), NAME, Align::Left);
    }
}

fn best_mark(canvas: &mut Canvas, centre: (f32, f32), colour: Rgb<u8>) {
    canvas.disc(centre, 15.0, palette::PAPER);
    canvas.disc(centre, 12.0, colour);
    canvas.disc(centre, 5.0, palette::PAPER);
}

/// A dashed line through the points; the pattern runs on around corners.
fn dashed(canvas: &mut Canvas, points: &[(f32, f32)], (dash, gap): (f32, f32), width: f32, colour: Rgb<u8>) {
    let mut phase = 0.0;
    for pair in points.windows(2) {
        let [a, b] = pair else { continue };
        let length = (b.0 - a.0).hypot(b.1 - a.1);
        let at = |distance: f32| {
            let t = (distance / length).clamp(0.0, 1.0);
            (a.0 + t * (b.0 - a.0), a.1 + t * (b.1 - a.1))
        };
        let mut start = -phase;
        while start < length {
            if start + dash > 0.0 {
                canvas.line(at(start), at(start + dash), width, colour);
            }
            start += dash + gap;
        }
        phase = length - (start - dash - gap);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epoch(epoch: usize, val: Option<f64>) -> EpochRecord {
        let decay = (-(epoch as f64) / 3.0).exp();
        EpochRecord {
            epoch,
            seconds: epoch as f64,
            learning_rate: 1e-3,
            train_loss: 0.02 + 0.6 * decay,
            train_accuracy: 0.996 - 0.3 * decay,
            val_loss: val.map(|shift| 0.03 + 0.5 * decay + shift),
            val_accuracy: val.map(|shift| 0.992 - 0.2 * decay - shift),
        }
    }

    fn decoded(bytes: &[u8]) -> image::RgbImage {
        image::load_from_memory(bytes).unwrap().to_rgb8()
    }

    fn uses(picture: &image::RgbImage, colour: Rgb<u8>) -> bool {
        picture.pixels().any(|pixel| *pixel == colour)
    }

    #[test]
    fn validation_is_drawn_where_there_is_any() {
        let with: Vec<_> = (1..=10).map(|n| epoch(n, Some(0.0))).collect();
        let without: Vec<_> = (1..=10).map(|n| epoch(n, None)).collect();
        let picture = decoded(&curves(&with, Some(9)).unwrap());
        assert_eq!(picture.dimensions(), (1800, 760));
        assert!(uses(&picture, VALIDATION));
        assert!(!uses(&decoded(&curves(&without, Some(9)).unwrap()), VALIDATION));
    }

    #[test]
    fn one_epoch_none_and_numbers_that_are_none_are_drawn() {
        let mut broken = epoch(2, Some(0.0));
        broken.train_loss = f64::NAN;
        broken.val_loss = Some(f64::INFINITY);
        for epochs in [vec![], vec![epoch(1, Some(0.0))], vec![epoch(1, None), broken]] {
            assert!(curves(&epochs, Some(1)).is_ok());
        }
    }

    #[test]
    fn axes_have_few_round_ticks_that_enclose_the_values() {
        for (low, high) in [(0.0, 0.62), (0.987, 1.0), (0.0, 3.2e-4), (0.5, 1.0), (0.0, 120.0)] {
            let axis = Axis::new(low, high);
            assert!((3..=8).contains(&axis.ticks.len()), "{:?}", axis.ticks);
            assert!(axis.fraction(low) >= -1e-3 && axis.fraction(high) <= 1.001, "{:?}", axis.ticks);
        }
        assert_eq!(Axis::new(0.0, 1.0).ticks.last(), Some(&1.0));
    }

    #[test]
    fn epochs_are_labelled_with_few_whole_numbers() {
        assert_eq!(epoch_ticks(1, 4), [1, 2, 3, 4]);
        assert_eq!(epoch_ticks(1, 30), [1, 5, 10, 15, 20, 25, 30]);
        assert!(epoch_ticks(7, 100_000).len() <= 12);
    }

    #[test]
    fn the_fullest_cell_has_the_full_colour_and_an_empty_one_none() {
        let picture = decoded(&confusion(&Confusion::from([[703, 0], [3, 714]]), "Validation").unwrap());
        assert_eq!(picture.get_pixel(320 + 320, 210 + 260), &palette::ACCENT);
        assert_eq!(picture.get_pixel(320 + 320, 210), &palette::WINDOW);
        assert!(confusion(&Confusion::default(), "nothing").is_ok());
    }
}
