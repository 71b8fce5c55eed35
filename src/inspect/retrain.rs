//! A head trained anew with rows of a person's corrections beside a run's own.

use candle_core::Var;

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

/// Goes on training `head` on `rows`, each (features, class): those of a run's photos and those that a person painted.
/// All rows make one step, so that the outcome does not hang on their order; each class counts as much as the other.
///
/// # Errors
/// Where there are no rows, or not of both classes, or the user stops the job.
pub fn retrain(head: &Head, rows: &[Labelled<'_>], weight_decay: f64, watch: &dyn Watch) -> Result<Head> {
    for (class, name) in [(0, "intact"), (1, "cracked")] {
        if !rows.iter().any(|(_, of)| *of == class) {
            return Err(Error::usage(format!("There is nothing {name} to learn from"))
                .hint("paint some cells of either class, or begin from a run with photos of both"));
        }
    }
    let head = head.snapshot()?;
    let config = TrainConfig { weight_decay, ..TrainConfig::default() };
    let mut optimizer = Optimizer::new(&head.variables().map(|variable| (variable, 1.0)), &config)?;
    let weights = class_weights(rows.iter().map(|(_, class)| *class));
    let mut meter = Meter::new(watch, Phase::Train, Some(STEPS as u64));
    for step in 0..STEPS {
        watch.check()?;
        let (_, slope) = head.slope(rows.iter().copied(), weights)?;
        let [weight, _] = head.variables();
        let [of_weight, of_bias] = slope.tensors();
        let gradient_of = |variable: &Var| Some(if variable.id() == weight.id() { of_weight } else { of_bias });
        let phase = std::f64::consts::PI * step as f64 / STEPS as f64;
        optimizer.step(gradient_of, LEARNING_RATE * 0.5 * (1.0 + phase.cos()))?;
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
}
