//! `roc.svg` and `roc.png`: the receiver operating characteristic.

use plotters::prelude::{ChartBuilder, DrawingBackend};

use super::axis::Axis;
use super::{Area, DASHES, Drawn, HAIR, LEFT, NAME, Plot, SMALL, STROKE, THIN, TITLE, WIDTH};
use super::{bold, ink, line, path, ring, write};
use crate::export::{figures, palette};
use crate::review::metrics::RocCurve;

/// A ROC curve: for every threshold the share of the cracked photos that is found, against the share of the intact ones
/// that is called cracked.
pub struct Roc<'a> {
    /// What stands above it.
    pub title: &'a str,
    /// The curve.
    pub curve: &'a RocCurve,
}

impl Plot for Roc<'_> {
    fn size(&self) -> (u32, u32) {
        (WIDTH, 1348)
    }

    fn draw<B: DrawingBackend>(&self, area: &Area<B>) -> Drawn<B> {
        self.heading(area)?;
        let mut chart = ChartBuilder::on(area)
            .margin_top(242)
            .margin_right(LEFT + 10)
            .margin_bottom(18)
            .margin_left(24)
            .y_label_area_size(156)
            .x_label_area_size(118)
            .build_cartesian_2d(Axis::enclosing(0.0, 1.0), Axis::enclosing(0.0, 1.0))?;
        chart
            .configure_mesh()
            .bold_line_style(line(palette::LINE, HAIR))
            .axis_style(line(palette::QUIET, THIN))
            .x_label_style(ink(SMALL, palette::TEXT))
            .y_label_style(ink(SMALL, palette::TEXT))
            .x_label_formatter(&|share| format!("{share:.1}"))
            .y_label_formatter(&|share| format!("{share:.1}"))
            .set_all_tick_mark_size(9)
            .x_desc("false positive rate")
            .y_desc("true positive rate (recall)")
            .axis_desc_style(ink(SMALL, palette::TEXT))
            .draw()?;
        let place = |x: f64, y: f64| chart.backend_coord(&(x, y));
        path(area, &[place(0.0, 0.0), place(1.0, 1.0)], line(palette::QUIET, THIN), Some(DASHES))?;
        let mut points: Vec<_> =
            self.curve.points.iter().map(|p| place(p.false_positive_rate, p.true_positive_rate)).collect();
        points.dedup(); // tens of thousands of photos share a thousand pixels
        path(area, &points, line(palette::ACCENT, STROKE), None)?;
        let chosen = self.curve.chosen;
        ring(area, place(chosen.false_positive_rate, chosen.true_positive_rate), palette::ACCENT)
    }
}

impl Roc<'_> {
    fn heading<B: DrawingBackend>(&self, area: &Area<B>) -> Drawn<B> {
        write(area, (LEFT, 52), self.title, bold(TITLE, palette::TEXT))?;
        path(area, &[(LEFT, 118), (LEFT + 72, 118)], line(palette::ACCENT, STROKE), None)?;
        let area_under = format!("area under the curve (AUROC) {}", figures::figure(Some(self.curve.auroc)));
        write(area, (LEFT + 92, 118), &area_under, ink(NAME, palette::TEXT))?;
        path(area, &[(LEFT + 824, 118), (LEFT + 912, 118)], line(palette::QUIET, THIN), Some(DASHES))?;
        write(area, (LEFT + 932, 118), "guessing", ink(NAME, palette::TEXT))?;
        ring(area, (LEFT + 36, 180), palette::ACCENT)?;
        let chosen = format!(
            "threshold {}: {} of the cracks, {} false alarms",
            figures::probability(self.curve.chosen.threshold),
            figures::percent(Some(self.curve.chosen.true_positive_rate)),
            figures::percent(Some(self.curve.chosen.false_positive_rate)),
        );
        write(area, (LEFT + 92, 180), &chosen, ink(SMALL, palette::TEXT))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::plots::tests::{decoded, uses};
    use crate::export::plots::{png, svg};
    use crate::review::metrics;

    fn curve(scores: &[(f32, bool)]) -> RocCurve {
        let points = metrics::roc(scores).unwrap();
        RocCurve { chosen: points[points.len() / 2], auroc: metrics::auroc(scores).unwrap(), points }
    }

    fn plot(curve: &RocCurve) -> Roc<'_> {
        Roc { title: "ROC of the validation photos", curve }
    }

    #[test]
    fn the_curve_runs_from_corner_to_corner_and_names_its_area() {
        let curve = curve(&[(0.1, false), (0.4, false), (0.35, true), (0.8, true)]);
        let text = svg(&plot(&curve)).unwrap();
        assert!(text.contains("area under the curve (AUROC) 0.7500") && text.contains("guessing"));
        // The plot's corners: 242 pixels of heading, 118 + 18 of labels below, 24 + 156 on the left, 50 on the right.
        let drawn = text.lines().find(|l| l.contains("#0B63CE") && l.matches(',').count() > 2).unwrap();
        assert!(drawn.contains("points=\"180,1211 ") && drawn.contains("1149,242 \""), "{drawn}");
        assert!(uses(&decoded(&png(&plot(&curve)).unwrap()), palette::ACCENT));
    }

    #[test]
    fn a_hundred_thousand_photos_fit_into_a_small_file() {
        let scores = (0..100_000_u32).map(|n| (n as f32 / 1e5, n.wrapping_mul(2_654_435_761) >> 31 == 1));
        let curve = curve(&scores.collect::<Vec<_>>());
        assert!(curve.points.len() > 10_000);
        assert!(svg(&plot(&curve)).unwrap().len() < 60_000);
    }
}
