//! A head for each site, trained on the others.

use std::collections::BTreeSet;

use super::config::TrainConfig;
use super::folds::{self, FoldRecord, Job};
use super::ground::{Ground, Input};
use super::grouping::Grouping;
use super::observer::{FeatureReport, Observer};
use super::sides;
use crate::dataset::Dataset;
use crate::dataset::sites::Sites;
use crate::dataset::split::{self, SplitConfig, SplitKind};
use crate::error::{Error, Result};
use crate::job::Phase;
use crate::places::Places;
use crate::review::predictions::Prediction;

/// One site, held back.
#[derive(Clone, Debug)]
pub struct SiteTurn {
    /// Its name.
    pub site: String,
    /// How the training on the others went, and what is said of the site's photos; or why there was none.
    pub outcome: std::result::Result<(FoldRecord, Vec<Prediction>), Error>,
}

/// Every site, held back in turn.
#[derive(Clone, Debug)]
pub struct LeftOut {
    /// The sites, in their order.
    pub turns: Vec<SiteTurn>,
    /// How the features came about.
    pub features: FeatureReport,
}

/// For each site, trains a head on all others and has it look at the site. Of the others some are held back to choose
/// the best epoch by, as the split of the settings says. Photos elsewhere that are identical to some of the site are
/// not learnt from.
///
/// # Errors
/// As [`folds::out_of_fold`]. Where the other sites lack a class, that site has an error and the rest go on.
pub fn leave_one_out(
    dataset: &Dataset,
    sites: &Sites,
    config: &TrainConfig,
    places: &Places,
    observer: &dyn Observer,
) -> Result<LeftOut> {
    config.validate()?;
    if let Some(reason) = folds::why_not(config.tune) {
        return Err(Error::usage("Sites can only be left out with a frozen backbone").detail(reason));
    }
    let Ground { config, keys, prepared, .. } = Ground::lay(dataset, config, places, None, observer)?;
    let Input::Features(features) = prepared.input else { return Err(Error::new("There are no features")) };
    let kind = if config.split.kind == SplitKind::ByFolder { SplitKind::Grouped } else { config.split.kind };
    let split = SplitConfig { kind, ..config.split };
    let grouping = Grouping::for_split(dataset, &keys, (kind, &config.groups), places, observer)?;
    let samples = sides::taking_part(dataset, &prepared.readable);
    let (phase, count) = (Phase::Turns, sites.names.len());
    let job = Job { dataset, config: &config, features: &features, observer, phase, count };
    let mut turns = Vec::with_capacity(count);
    for (site, name) in sites.names.iter().enumerate() {
        let held_back: Vec<usize> =
            sites.photos(site, dataset).into_iter().filter(|i| prepared.readable.get(*i) == Some(&true)).collect();
        let not_learnt = with_copies(&held_back, grouping.groups.duplicates());
        let outcome = match split::split(&folds::without(&samples, &not_learnt), &grouping.groups, &split) {
            Ok(sides) => Ok(job.fold(site, &held_back, &sides)?),
            Err(error) => Err(error),
        };
        turns.push(SiteTurn { site: name.clone(), outcome });
    }
    Ok(LeftOut { turns, features: prepared.report })
}

/// These photos and all that are identical to one of them.
fn with_copies(photos: &[usize], copies: &[Vec<usize>]) -> Vec<usize> {
    let mut all: BTreeSet<usize> = photos.iter().copied().collect();
    for set in copies {
        if set.iter().any(|i| photos.binary_search(i).is_ok()) {
            all.extend(set);
        }
    }
    all.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_elsewhere_are_not_learnt_from() {
        assert_eq!(with_copies(&[1, 4], &[vec![0, 4, 9], vec![2, 3]]), [0, 1, 4, 9]);
    }
}
