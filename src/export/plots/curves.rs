//! `curves.svg` and `curves.png`: loss and accuracy over the epochs.

use image::Rgb;
use plotters::prelude::{ChartBuilder, Circle, Color, DrawingBackend, Ranged};

use super::axis::Axis;
use super::{Area, DASHES, DOTS, Drawn, HAIR, LEFT, NAME, Plot, SMALL, STROKE, THIN, TITLE, WIDTH};
use super::{bold, ink, line, path, rgb, ring, write};
use crate::error::Result;
use crate::export::lettering::Lettering;
use crate::export::palette;
use crate::format;
use crate::train::observer::EpochRecord;

const TRAINING: Rgb<u8> = palette::QUIET;
const VALIDATION: Rgb<u8> = palette::ACCENT;
/// Up to this many epochs each one has its dot.
const DOTTED_EPOCHS: usize = 30;
/// With more epochs than this lines are thinner.
const MANY_EPOCHS: usize = 100;
/// Between a heading and its unit.
const GAP: i32 = 26;
/// The length of a line in the legend.
const SAMPLE: i32 = 88;

/// Loss above accuracy over the epochs. Training is a solid line, validation a dashed one.
pub struct Curves<'a> {
    epochs: &'a [EpochRecord],
    best: Option<usize>,
    letters: Lettering,
    /// Those of the headings.
    titles: Lettering,
}

impl<'a> Curves<'a> {
    /// The curves of these epochs; `best` is the number of the epoch that was kept.
    ///
    /// # Errors
    /// Where the program's own font cannot be read.
    pub fn new(epochs: &'a [EpochRecord], best: Option<usize>) -> Result<Self> {
        Ok(Self { epochs, best, letters: Lettering::regular()?, titles: Lettering::semibold()? })
    }

    fn legend<B: DrawingBackend>(&self, area: &Area<B>, validation: bool) -> Drawn<B> {
        let (y, mut x) = (52, LEFT);
        for (name, colour, dashes, there) in
            [("training", TRAINING, None, true), ("validation", VALIDATION, Some(DASHES), validation)]
        {
            if there {
                path(area, &[(x, y), (x + SAMPLE, y)], line(colour, STROKE), dashes)?;
                write(area, (x + SAMPLE + 18, y), name, ink(NAME, palette::TEXT))?;
                x += SAMPLE + 18 + self.letters.width(name, NAME as f32) as i32 + 54;
            }
        }
        if let Some(best) = self.best {
            ring(area, (x + 16, y), if validation { VALIDATION } else { TRAINING })?;
            let text = format!("best epoch: {}", format::count(best as u64));
            write(area, (x + 48, y), &text, ink(NAME, palette::TEXT))?;
        }
        Ok(())
    }
}

impl Plot for Curves<'_> {
    fn size(&self) -> (u32, u32) {
        (WIDTH, 1340)
    }

    fn draw<B: DrawingBackend>(&self, area: &Area<B>) -> Drawn<B> {
        let loss = Lines::new(self.epochs, |e| (e.train_loss, e.val_loss));
        let accuracy = Lines::new(self.epochs, |e| (e.train_accuracy, e.val_accuracy));
        let ceiling = loss.values().fold(0.0, f64::max);
        let floor = accuracy.values().fold(1.0, f64::min).clamp(0.0, 0.99);
        let best = self.best.filter(|epoch| (loss.first..=loss.last).contains(epoch));
        self.legend(area, !loss.validation.is_empty() || !accuracy.validation.is_empty())?;
        let (_, panels) = area.split_vertically(96);
        let (upper, lower) = panels.split_vertically(590);
        let y = Axis::enclosing(0.0, if ceiling > 0.0 { ceiling } else { 1.0 });
        let titles = &self.titles;
        Panel { title: "Loss", unit: "mean cross entropy, nats", below: "", lines: loss, y, best, titles }
            .draw(area, &upper)?;
        let y = Axis::enclosing(floor, 1.0);
        Panel { title: "Accuracy", unit: "share that is right", below: "epoch", lines: accuracy, y, best, titles }
            .draw(area, &lower)
    }
}

/// The points (epoch, value) of both lines; what is no number is left out.
struct Lines {
    training: Vec<(usize, f64)>,
    validation: Vec<(usize, f64)>,
    first: usize,
    last: usize,
}

impl Lines {
    fn new(epochs: &[EpochRecord], of: impl Fn(&EpochRecord) -> (f64, Option<f64>)) -> Self {
        let point = |epoch, value: Option<f64>| value.filter(|v| v.is_finite()).map(|v| (epoch, v));
        let numbers = || epochs.iter().map(|e| e.epoch);
        Self {
            training: epochs.iter().filter_map(|e| point(e.epoch, Some(of(e).0))).collect(),
            validation: epochs.iter().filter_map(|e| point(e.epoch, of(e).1)).collect(),
            first: numbers().min().unwrap_or(1),
            last: numbers().max().unwrap_or(1),
        }
    }

    fn values(&self) -> impl Iterator<Item = f64> {
        self.training.iter().chain(&self.validation).map(|point| point.1)
    }
}

/// One of the two charts.
struct Panel<'a> {
    title: &'static str,
    unit: &'static str,
    /// What stands below the axis of epochs.
    below: &'static str,
    lines: Lines,
    y: Axis,
    best: Option<usize>,
    titles: &'a Lettering,
}

impl Panel<'_> {
    /// Draws the chart into `panel`, a part of `area`.
    fn draw<B: DrawingBackend>(self, area: &Area<B>, panel: &Area<B>) -> Drawn<B> {
        write(panel, (LEFT, 36), self.title, bold(TITLE, palette::TEXT))?;
        let indent = LEFT + self.titles.width(self.title, TITLE as f32) as i32 + GAP;
        write(panel, (indent, 37), self.unit, ink(SMALL, palette::QUIET))?;
        let (floor, ceiling, decimals) = (self.y.range().start, self.y.range().end, self.y.decimals);
        let mut chart = ChartBuilder::on(panel)
            .margin_top(84)
            .margin_right(LEFT)
            .margin_bottom(18)
            .y_label_area_size(150)
            .x_label_area_size(if self.below.is_empty() { 60 } else { 112 })
            .build_cartesian_2d(Axis::epochs(self.lines.first, self.lines.last), self.y)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .bold_line_style(line(palette::LINE, HAIR))
            .axis_style(line(palette::QUIET, THIN))
            .x_label_style(ink(SMALL, palette::TEXT))
            .y_label_style(ink(SMALL, palette::TEXT))
            .x_label_formatter(&|epoch| format::count(*epoch as u64))
            .y_label_formatter(&|value| format!("{value:.decimals$}"))
            .set_all_tick_mark_size(9)
            .x_desc(self.below)
            .axis_desc_style(ink(SMALL, palette::TEXT))
            .draw()?;
        let place = |&(epoch, value): &(usize, f64)| chart.backend_coord(&(epoch as f64, value));
        if let Some(best) = self.best {
            let ends = [(best, floor), (best, ceiling)];
            path(area, &ends.map(|end| place(&end)), line(palette::QUIET, THIN), Some(DOTS))?;
        }
        let stroke = if self.lines.last - self.lines.first < MANY_EPOCHS { STROKE } else { THIN + 1 };
        let dotted = self.lines.last - self.lines.first < DOTTED_EPOCHS;
        let Lines { training, validation, .. } = &self.lines;
        for (points, colour, dashes) in [(training, TRAINING, None), (validation, VALIDATION, Some(DASHES))] {
            let points: Vec<_> = points.iter().map(place).collect();
            path(area, &points, line(colour, stroke), dashes)?;
            for point in points.into_iter().filter(|_| dotted) {
                area.draw(&Circle::new(point, 8, rgb(colour).filled()))?;
            }
        }
        let (marked, colour) = if validation.is_empty() { (training, TRAINING) } else { (validation, VALIDATION) };
        match self.best.and_then(|best| marked.iter().find(|point| point.0 == best)) {
            Some(point) => ring(area, place(point), colour),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::plots::tests::{decoded, uses};
    use crate::export::plots::{png, svg};

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

    #[test]
    fn validation_is_drawn_where_there_is_any() {
        let with: Vec<_> = (1..=10).map(|n| epoch(n, Some(0.0))).collect();
        let without: Vec<_> = (1..=10).map(|n| epoch(n, None)).collect();
        let [with, without] = [&with, &without].map(|epochs| Curves::new(epochs, Some(9)).unwrap());
        let picture = decoded(&png(&with).unwrap());
        assert_eq!(picture.dimensions(), with.size());
        assert!(uses(&picture, VALIDATION) && svg(&with).unwrap().contains("\nvalidation\n"));
        assert!(!uses(&decoded(&png(&without).unwrap()), VALIDATION));
        assert!(!svg(&without).unwrap().contains("validation"));
    }

    /// A solid line is one path; dashes are many.
    #[test]
    fn the_lines_differ_without_colour() {
        let epochs: Vec<_> = (1..=90).map(|n| epoch(n, Some(0.0))).collect();
        let text = svg(&Curves::new(&epochs, None).unwrap()).unwrap();
        let paths = |colour: &str| text.matches(&format!("stroke=\"{colour}\" stroke-width=\"{STROKE}\"")).count();
        assert_eq!(paths("#5D6673"), 3, "the legend and both panels");
        assert!(paths("#0B63CE") > 40);
    }

    #[test]
    fn one_epoch_none_and_numbers_that_are_none_are_drawn() {
        let mut broken = epoch(2, Some(0.0));
        broken.train_loss = f64::NAN;
        broken.val_loss = Some(f64::INFINITY);
        for epochs in [vec![], vec![epoch(1, Some(0.0))], vec![epoch(1, None), broken]] {
            let plot = Curves::new(&epochs, Some(1)).unwrap();
            assert!(png(&plot).is_ok() && !svg(&plot).unwrap().contains("NaN"));
        }
    }
}
