//! Going on with a run that was interrupted: with the photos, weights and settings that it began with, or not at all.
//!
//! Anything else would give a run that no `config.toml` describes. Other chance, or another division, would even put
//! photos that were trained on among those that the run is judged by.

use std::path::Path;

use super::super::config::{PrecisionChoice, TrainConfig};
use super::super::run_dir::{self, RunDir, RunRecord};
use super::super::settings;
use crate::error::{Error, Result};

/// Settings that may differ when a run goes on. Weights and groups are compared by what they hold, augmentation and
/// precision by what they come to; a threshold is chosen when all epochs are done.
const FREE: [&str; 8] = ["epochs", "patience", "device", "precision", "weights", "threshold", "abstain", "calibrate"];

const ANEW: &str = "train anew into another folder: a run that goes on with other data could not be repeated";

/// A run that was begun, and which this process alone may write now.
pub(super) struct Begun {
    run: RunDir,
    record: RunRecord,
}

impl Begun {
    /// Takes up the run in `out`. Asked before hours go into photos or variants.
    ///
    /// # Errors
    /// Where there is no run, another process is writing it, or it began with other settings.
    pub fn take_up(out: &Path, config: &TrainConfig) -> Result<Self> {
        let (run, record) = RunDir::reopen(out)?;
        check_augmentation(&record.train, config)?;
        check_settings(&record.train, config)?;
        Ok(Self { run, record })
    }

    /// Makes sure that `now` is of the same photos, weights and precision; gives what is to be written of the run from
    /// now on.
    ///
    /// # Errors
    /// Where it is not.
    pub fn go_on(self, now: RunRecord) -> Result<(RunDir, RunRecord)> {
        let Self { run, record: before } = self;
        if before.weights.fingerprint != now.weights.fingerprint {
            return Err(Error::new("The initial weights have changed since this run began").hint(ANEW));
        }
        if before.data.digest != now.data.digest {
            return Err(Error::new("The photos or their labels have changed since this run began").hint(ANEW));
        }
        let groups = |record: &RunRecord| record.data.groups.as_ref().map(|groups| groups.digest.clone());
        if groups(&before).is_some_and(|began| groups(&now).is_some_and(|now| now != began)) {
            let file = run.path().join(run_dir::GROUPS);
            let hint = format!("give --groups {}, which holds those that it began with, or {ANEW}", file.display());
            return Err(Error::new("The groups of the photos have changed since this run began").hint(hint));
        }
        // Runs of before there was a choice were in single precision.
        let recorded = |precision| if precision == PrecisionChoice::Auto { PrecisionChoice::F32 } else { precision };
        let (began, goes_on) = (recorded(before.train.precision), recorded(now.train.precision));
        if began != goes_on {
            let title = format!("This run began with features in {began}, and would go on in {goes_on}");
            let hint =
                format!("give --precision {began} on a processor that has it, or train anew into another folder");
            return Err(Error::new(title).hint(hint));
        }
        Ok((run, RunRecord { created: before.created, ..now }))
    }
}

fn check_augmentation(before: &TrainConfig, now: &TrainConfig) -> Result<()> {
    if before.augment.is_like(&now.augment) {
        return Ok(());
    }
    let [began, goes_on] = [&before.augment, &now.augment].map(|augment| augment.describe(now.tune));
    Err(Error::new("This run began with another augmentation")
        .detail(format!("It began with {began}, and would go on with {goes_on}"))
        .hint("leave --augment and --variants out, or train anew into another folder"))
}

fn check_settings(before: &TrainConfig, now: &TrainConfig) -> Result<()> {
    let apart = |name: &str| name.starts_with("augment.") || name.starts_with("groups.");
    let counts = |name: &str| !FREE.contains(&name) && !apart(name);
    let (before, now) = (settings::by_name(before), settings::by_name(now));
    let differences: Vec<String> = before
        .iter()
        .filter(|(name, value)| counts(name) && now.get(*name) != Some(value))
        .map(|(name, value)| format!("{name} was {value} and would be {}", now.get(name).unwrap_or_default()))
        .collect();
    if differences.is_empty() {
        return Ok(());
    }
    Err(Error::new("This run began with other settings")
        .detail(differences.join("; "))
        .hint("leave these settings out, or train anew into another folder"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::config::Tune;

    #[test]
    fn a_run_may_go_on_for_longer_and_in_no_other_way() {
        let before = TrainConfig::default();
        let longer = TrainConfig { epochs: 20, patience: Some(3), ..before.clone() };
        assert!(check_settings(&before, &longer).is_ok());
        let seed = TrainConfig { seed: 7, ..before.clone() };
        let error = check_settings(&before, &seed).unwrap_err();
        assert_eq!(error.details(), ["seed was 0 and would be 7"]);
        let deeper = TrainConfig { tune: Tune::All, ..before.clone() };
        assert!(check_settings(&before, &deeper).is_err());
        let mut division = before.clone();
        division.split.val_fraction = 0.5;
        assert!(check_settings(&before, &division).is_err());
    }
}
