//! Jobs that train.

use std::path::Path;
use std::sync::Arc;

use super::jobs::{CrossValidated, Done, Trained, of_samples, verdict};
use crate::app::session::Verdict;
use crate::dataset::Dataset;
use crate::dataset::keep_out::keep_out;
use crate::dataset::split::Part;
use crate::error::Result;
use crate::places::Places;
use crate::review::cross_validation;
use crate::train::config::{TrainConfig, Tune};
use crate::train::kept::Kept;
use crate::train::observer::Observer;
use crate::train::run_dir::{self, RunRecord};
use crate::train::trainer::{self, Order, TrainOutcome, Write};

pub(super) fn train(
    dataset: &Dataset,
    config: &TrainConfig,
    runs: &Path,
    places: &Places,
    kept: &mut Kept,
    watch: &dyn Observer,
) -> Result<Trained> {
    let out = run_dir::free_name(runs, &dataset.name());
    if config.tune != Tune::Head {
        return trainer::train(dataset, config, places, &out, false, watch).map(|outcome| trained(outcome, dataset));
    }
    keep_out(&out, &dataset.roots)?;
    let ground = kept.ground(dataset, config, places, Some(&out), watch)?;
    let order = Order { out: &out, groups: None, before: None, write: Write::AsItGoes };
    trainer::train_on(ground, dataset, places, &order, watch).map(|outcome| trained(outcome, dataset))
}

/// Trains the last layer on the features that are kept. Photos stay on the side of the split that they were on, if that
/// was divided by the same settings.
pub(super) fn train_again(
    dataset: &Dataset,
    config: &TrainConfig,
    runs: &Path,
    before: Option<&Verdict>,
    (places, kept): (&Places, &mut Kept),
    watch: &dyn Observer,
) -> Result<Trained> {
    let out = run_dir::free_name(runs, &dataset.name());
    keep_out(&out, &dataset.roots)?;
    let before = before.and_then(|verdict| sides_of(verdict, config));
    let ground = kept.ground(dataset, config, places, Some(&out), watch)?;
    let groups = Some(kept.grouping(dataset, config, places, watch)?);
    let order = Order { out: &out, groups, before: before.as_deref(), write: Write::AtTheEnd };
    trainer::train_on(ground, dataset, places, &order, watch).map(|outcome| trained(outcome, dataset))
}

/// The side of each photo in a run that was divided by these settings.
fn sides_of(verdict: &Verdict, config: &TrainConfig) -> Option<Vec<Option<Part>>> {
    let record = RunRecord::read(verdict.run.as_ref()?).ok()?;
    let same = record.train.split == config.split && !verdict.classified;
    let part = |of: &Option<usize>| verdict.predictions.get((*of)?)?.part;
    same.then(|| verdict.of_sample.iter().map(part).collect())
}

fn trained(outcome: TrainOutcome, dataset: &Dataset) -> Trained {
    let verdict = verdict(&outcome.run, outcome.predictions, outcome.threshold, dataset, false);
    Trained {
        stopped: outcome.stopped,
        best_epoch: outcome.best_epoch,
        epochs: outcome.epochs,
        verdict,
        unreadable: outcome.features.unreadable,
    }
}

pub(super) fn cross_validate(
    dataset: Arc<Dataset>,
    config: &TrainConfig,
    folds: usize,
    places: &Places,
    watch: &dyn Observer,
) -> Result<Done> {
    let found = cross_validation::cross_validate(&dataset, config, folds, places, watch)?;
    let verdict = Verdict {
        run: None,
        name: format!("cross-validation, {folds} folds"),
        threshold: found.threshold.into(),
        predictions: found.predictions.clone(),
        of_sample: of_samples(&found.predictions, &dataset),
        classified: false,
    };
    Ok(Done::CrossValidated(Box::new(CrossValidated { found, dataset, verdict: Arc::new(verdict) })))
}
