//! Jobs about groups, leaks, sites and other folders.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::jobs::{Done, Listed, of_samples, verdict};
use super::opening::list;
use crate::app::session::Verdict;
use crate::dataset::group::hand::ByHand;
use crate::dataset::sites::Sites;
use crate::dataset::split::Part;
use crate::dataset::{Dataset, Problem, group};
use crate::error::{Error, Result};
use crate::places::Places;
use crate::review::classify;
use crate::review::flattery::Flattery;
use crate::review::metrics::Metrics;
use crate::review::sites::{self, SiteTable};
use crate::train::config::{Compute, TrainConfig};
use crate::train::grouping::{self, GroupConfig, Grouping};
use crate::train::leaks::{self, LeakCheck, LeakOrder};
use crate::train::observer::Observer;
use crate::train::run_dir::{self, Run};

/// Divisions of the photos that heads are trained under, each way.
const SEEDS: usize = 5;
/// Pairs that merely look alike.
const LOOK_ALIKES: usize = 100;

/// What is to be done to groups by hand; photos by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Put them into one group.
    Merge(Vec<String>),
    /// Put each into a group of its own.
    SplitOut(Vec<String>),
    /// Take back what was said of them.
    Forget(Vec<String>),
}

/// Photos and their groups.
pub struct Grouped {
    /// The photos.
    pub dataset: Arc<Dataset>,
    /// What they are grouped by.
    pub config: GroupConfig,
    /// Their groups.
    pub grouping: Grouping,
}

/// What a split lets through.
pub struct LeaksFound {
    /// The photos.
    pub dataset: Arc<Dataset>,
    /// The run whose split it is, if it is not a planned one.
    pub run: Option<PathBuf>,
    /// The settings of the planned one.
    pub config: Box<TrainConfig>,
    /// What was found.
    pub check: LeakCheck,
    /// What a random split flatters; none where there are no groups.
    pub flattery: Option<Flattery>,
}

/// Sites, each judged by a head trained on the others.
pub struct SitesLeftOut {
    /// The photos.
    pub dataset: Arc<Dataset>,
    /// The figures.
    pub table: SiteTable,
    /// What was said of each photo by the head that had not seen its site.
    pub verdict: Arc<Verdict>,
}

/// A run's model on another folder.
pub struct FieldChecked {
    /// The photos of that folder.
    pub photos: Box<Listed>,
    /// What the model says of them.
    pub verdict: Arc<Verdict>,
    /// The figures on the run's own validation photos, where it has some.
    pub validation: Option<Metrics>,
    /// Photos that cannot be read.
    pub unreadable: Vec<Problem>,
}

/// The settings with the groups by hand of these photos, where there are some and no others are asked for.
pub(super) fn with_hand(config: &TrainConfig, dataset: &Dataset, places: &Places) -> TrainConfig {
    TrainConfig { groups: with_own_table(&config.groups, dataset, places), ..config.clone() }
}

fn with_own_table(config: &GroupConfig, dataset: &Dataset, places: &Places) -> GroupConfig {
    let own = || Some(grouping::own_table(places, &dataset.roots)).filter(|table| table.is_file());
    GroupConfig { file: config.file.clone().or_else(own), ..config.clone() }
}

/// Changes the groups by hand as asked, and groups the photos.
pub(super) fn find_groups(
    dataset: Arc<Dataset>,
    config: GroupConfig,
    edit: Option<&Edit>,
    places: &Places,
    watch: &dyn Observer,
) -> Result<Done> {
    if let Some(edit) = edit {
        let table = grouping::own_table(places, &dataset.roots);
        let mut by_hand = ByHand::read_if_there(&table)?;
        edit.apply(&mut by_hand);
        by_hand.write(&table)?;
    }
    let keys = group::content_keys(&dataset.samples, watch)?.keys;
    let with_hand = with_own_table(&config, &dataset, places);
    let grouping = Grouping::find(&dataset, &keys, &with_hand, places, watch)?;
    Ok(Done::Grouped(Arc::new(Grouped { dataset, config, grouping })))
}

impl Edit {
    fn apply(&self, by_hand: &mut ByHand) {
        let (Self::Merge(files) | Self::SplitOut(files) | Self::Forget(files)) = self;
        let files = files.iter().map(String::as_str);
        match self {
            Self::Merge(_) => by_hand.merge(files),
            Self::SplitOut(_) => by_hand.split_out(files),
            Self::Forget(_) => by_hand.forget(files),
        }
    }
}

pub(super) fn find_leaks(
    dataset: Arc<Dataset>,
    config: Box<TrainConfig>,
    run: Option<PathBuf>,
    places: &Places,
    watch: &dyn Observer,
) -> Result<Done> {
    let sides = run.as_deref().map(sides_of).transpose()?;
    let order = LeakOrder { run: sides, seeds: SEEDS, look_alikes: LOOK_ALIKES };
    let check = leaks::check(&dataset, &with_hand(&config, &dataset, places), &order, places, watch)?;
    let flattery = Flattery::of(&check.trials);
    Ok(Done::LeaksFound(Box::new(LeaksFound { dataset, run, config, check, flattery })))
}

/// The sides of a run's photos, by name.
fn sides_of(run: &Path) -> Result<HashMap<String, Part>> {
    let run = Run::open(run)?;
    Ok(run.predictions.into_iter().filter_map(|p| Some((p.file, p.part?))).collect())
}

pub(super) fn leave_sites_out(
    dataset: Arc<Dataset>,
    config: &TrainConfig,
    places: &Places,
    watch: &dyn Observer,
) -> Result<Done> {
    let sites = Sites::of(&dataset)?;
    let table = sites::leave_one_out(&dataset, &sites, &with_hand(config, &dataset, places), places, watch)?;
    let verdict = Verdict {
        run: None,
        name: format!("{} sites, each left out", table.sites.len()),
        threshold: table.threshold.into(),
        predictions: table.predictions.clone(),
        of_sample: of_samples(&table.predictions, &dataset),
        classified: false,
    };
    Ok(Done::SitesLeftOut(Box::new(SitesLeftOut { dataset, table, verdict: Arc::new(verdict) })))
}

pub(super) fn check_field(
    run: &Path,
    folder: &Path,
    compute: Compute,
    places: &Places,
    watch: &dyn Observer,
) -> Result<Done> {
    let photos = list(&[folder.to_path_buf()], places, watch)?;
    let dataset = &photos.dataset;
    if dataset.labelled() == 0 {
        return Err(Error::new(format!("None of the photos in {} carries a label", folder.display()))
            .hint("figures need labels: folders named Positive and Negative, or a labels.csv (file,label)"));
    }
    let said = classify::classify(run, dataset, places, compute, watch)?;
    let unreadable = said.unreadable().to_vec();
    let validation = if run_dir::is_bundled(run) { None } else { validation_of(run) };
    let verdict = verdict(run, said.predictions, said.threshold, dataset, true);
    Ok(Done::FieldChecked(Box::new(FieldChecked { photos, verdict, validation, unreadable })))
}

/// The figures of a run on its validation photos; none for a model file that lies alone.
fn validation_of(run: &Path) -> Option<Metrics> {
    let run = Run::open(run).ok()?;
    let held_back = run.predictions.iter().filter(|p| p.part == Some(Part::Validation));
    let figures = Metrics::of(held_back, run.threshold);
    (figures.photos > 0).then_some(figures)
}

impl Grouped {
    /// Names of these photos.
    pub fn names(&self, photos: impl IntoIterator<Item = usize>) -> Vec<String> {
        let name = |i: usize| self.dataset.samples.get(i).map(|sample| sample.file.clone());
        photos.into_iter().filter_map(name).collect()
    }
}
