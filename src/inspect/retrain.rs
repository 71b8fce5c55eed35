//! A head trained anew with rows of a person's corrections beside a run's own.

use super::heat::{CELLS, Platt};
use crate::error::{Error, Result};
use crate::job::{Meter, Phase, Watch};
use crate::nn::head::{Head, Labelled};
use crate::nn::optimizer::Optimizer;
use crate::train::config::TrainConfig;
use crate::train::learner::class_weights;

/// Passes over all rows at once.
const STEPS: usize = 300;
/// The learning rate of these steps, falling to zero along half a cosine.
const LEARNING_RATE: f64 = 0.01;

/// Goes on training `head` on rows of whole photos alone: [`retrain_cells`] without cells.
///
/// # Errors
/// As [`retrain_cells`].
pub fn retrain(head: &Head, photos: &[Labelled<'_>], weight_decay: f64, watch: &dyn Watch) -> Result<Head> {
    retrain_cells(head, photos, &[], weight_decay, watch)
}

/// Goes on training `head` on rows (features, class) of a run's photos, and on those of cells that a person painted
/// ([`Look::features_at`](super::Look::features_at) with a window of 1).
///
/// A cell's logit counts as the map reads it ([`CELLS`]). All rows make one step, so that the outcome does not hang on their
/// order; each class counts as much as the other, and what was painted as much as all photos together.
///
/// # Errors
/// Where there are no rows, or not of both classes, or the user stops the job.
pub fn retrain_cells(
    head: &Head,
    photos: &[Labelled<'_>],
    cells: &[Labelled<'_>],
    weight_decay: f64,
    watch: &dyn Watch,
) -> Result<Head> {
    // A few painted cells must be heard among thousands of photos.
    let times = (photos.len() / cells.len().max(1)).max(1);
    let painted = std::iter::repeat_n(cells, times).flatten().map(|row| (*row, CELLS));
    let rows = || photos.iter().map(|row| (*row, Platt::NONE)).chain(painted.clone());
    for (class, name) in [(0, "intact"), (1, "cracked")] {
        if !rows().any(|((_, of), _)| of == class) {
            return Err(Error::usage(format!("There is nothing {name} to learn from"))
                .hint("paint some cells of either class, or begin from a run with photos of both"));
        }
    }
    let head = head.snapshot()?;
    let config = TrainConfig { weight_decay, ..TrainConfig::default() };
    let mut optimizer = Optimizer::new(&head.variables().map(|variable| (variable, 1.0)), &config)?;
    let weights = class_weights(rows().map(|((_, class), _)| class));
    let mut meter = Meter::new(watch, Phase::Train, Some(STEPS as u64));
    for step in 0..STEPS {
        watch.check()?;
        let read = rows().map(|(row, Platt { slope, offset })| (row, [slope, offset]));
        let (_, slope) = head.slope_read(read, weights)?;
        let phase = std::f64::consts::PI * step as f64 / STEPS as f64;
        optimizer.step_head(&head, &slope, LEARNING_RATE * 0.5 * (1.0 + phase.cos()))?;
        meter.add(1);
    }
    Ok(head)
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::job::Unwatched;

    #[test]
    fn corrections_turn_what_they_are_about() {
        let head = Head::random(8, 1, &Device::Cpu).unwrap();
        let row = |i: usize, class: usize| -> Vec<f32> {
            (0..8).map(|f| ((i * 31 + f * 17) % 10) as f32 / 10.0 + if f == 0 { class as f32 } else { 0.0 }).collect()
        };
        let rows: Vec<(Vec<f32>, usize)> = (0..40).map(|i| (row(i, i % 2), i % 2)).collect();
        let labelled: Vec<Labelled<'_>> = rows.iter().map(|(row, class)| (row.as_slice(), *class)).collect();
        let before = head.fit(&labelled, [1.0; 2]).unwrap();
        let trained = retrain(&head, &labelled, 0.0, &Unwatched).unwrap();
        let after = trained.fit(&labelled, [1.0; 2]).unwrap();
        assert!(after.right >= 38 && after.loss < before.loss, "{before:?} {after:?}");
        assert_eq!(head.fit(&labelled, [1.0; 2]).unwrap(), before, "the head that it began from is left alone");
        assert_eq!(retrain(&head, &labelled[..1], 0.0, &Unwatched).unwrap_err().kind(), crate::error::Kind::Usage);
    }

    #[test]
    fn painted_cells_are_heard_as_the_map_reads_them() {
        let head = Head::random(8, 1, &Device::Cpu).unwrap();
        let row = |sign: f32, n: usize| -> Vec<f32> { (0..8).map(|f| if f == n { sign } else { 0.1 }).collect() };
        // Photos part along the first feature; a cell that says the same is no crack, one along the second is.
        let photos: Vec<(Vec<f32>, usize)> = (0..200).map(|i| (row([-1.0, 1.0][i % 2], 0), i % 2)).collect();
        let cells = [(row(3.0, 1), 1), (row(3.0, 2), 0)];
        let photos: Vec<Labelled<'_>> = photos.iter().map(|(row, class)| (row.as_slice(), *class)).collect();
        let cells: Vec<Labelled<'_>> = cells.iter().map(|(row, class)| (row.as_slice(), *class)).collect();
        let trained = retrain_cells(&head, &photos, &cells, 0.0, &Unwatched).unwrap();
        let said =
            |row: &[f32]| CELLS.logit(crate::review::calibration::logit(trained.p_positive(row).unwrap()[0]) as f32);
        assert!(said(cells[0].0) > 0.0 && said(cells[1].0) < 0.0, "{} {}", said(cells[0].0), said(cells[1].0));
        assert!(trained.fit(&photos, [1.0; 2]).unwrap().right >= 190);
    }
}
