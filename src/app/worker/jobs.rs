//! The jobs: what takes seconds to hours.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Event;
use super::curation::{self, Edit, FieldChecked, Grouped, LeaksFound, SitesLeftOut};
use super::inspection::{Desk, Outcome, Task};
use super::{opening, training};
use crate::app::session::Verdict;
use crate::app::tabs::review::Scope;
use crate::dataset::known::Recognised;
use crate::dataset::labels::Opened;
use crate::dataset::sample::{self, SampleConfig};
use crate::dataset::{Dataset, Problem};
use crate::error::{Error, Result};
use crate::export::labels::{LabelsOrder, write};
use crate::export::{self, ExportRequest, Source};
use crate::places::Places;
use crate::review::classify;
use crate::review::cross_validation::CrossValidation;
use crate::review::map::{self, Map};
use crate::review::predictions::Prediction;
use crate::review::suspects::{self, Evidence};
use crate::review::threshold::Threshold;
use crate::train::config::{Compute, TrainConfig};
use crate::train::grouping::GroupConfig;
use crate::train::kept::Kept;
use crate::train::observer::{EpochRecord, Observer};
use crate::train::rate_finder::{self, RateSearch, SweepConfig};
use crate::train::run_dir::{self, Run};

/// A job.
pub enum Job {
    /// List folders and archives. A photo stands for the folder that it lies in, a run folder or a file in it for the run.
    Open(Vec<PathBuf>),
    /// Make the sample photos and list them.
    Samples,
    /// Train.
    Train {
        /// The photos.
        dataset: Arc<Dataset>,
        /// The settings.
        config: Box<TrainConfig>,
        /// The folder below which the run gets its own.
        runs: PathBuf,
    },
    /// Train the last layer again, on features that are kept. What the model says is told before the run is written.
    TrainAgain {
        /// The photos, with the labels in force.
        dataset: Arc<Dataset>,
        /// The settings.
        config: Box<TrainConfig>,
        /// The folder below which the run gets its own.
        runs: PathBuf,
        /// What lies over the photos: they stay on the sides of the split that they were on.
        before: Option<Arc<Verdict>>,
    },
    /// Gather what makes photos suspect.
    Suspects {
        /// The photos.
        dataset: Arc<Dataset>,
        /// The settings.
        config: Box<TrainConfig>,
    },
    /// Compute features.
    Features {
        /// The photos.
        dataset: Arc<Dataset>,
        /// The settings.
        config: Box<TrainConfig>,
    },
    /// Lay the photos out on a map.
    Map {
        /// The photos.
        dataset: Arc<Dataset>,
        /// The settings.
        config: Box<TrainConfig>,
    },
    /// Look for a learning rate.
    FindRate {
        /// The photos.
        dataset: Arc<Dataset>,
        /// The settings.
        config: Box<TrainConfig>,
    },
    /// Cross-validate.
    CrossValidate {
        /// The photos.
        dataset: Arc<Dataset>,
        /// The settings.
        config: Box<TrainConfig>,
        /// How many folds.
        folds: usize,
    },
    /// Group the photos.
    Group {
        /// The photos.
        dataset: Arc<Dataset>,
        /// What they are grouped by.
        config: GroupConfig,
        /// What is changed by hand before.
        edit: Option<Edit>,
    },
    /// Look for what a split lets through.
    FindLeaks {
        /// The photos.
        dataset: Arc<Dataset>,
        /// The settings, the planned split among them.
        config: Box<TrainConfig>,
        /// The run whose split is looked into in place of the planned one.
        run: Option<PathBuf>,
    },
    /// Leave out one site after the other.
    LeaveSitesOut {
        /// The photos.
        dataset: Arc<Dataset>,
        /// The settings.
        config: Box<TrainConfig>,
    },
    /// Have a run's model look at a folder of labelled photos.
    CheckField {
        /// The run folder.
        run: PathBuf,
        /// The folder.
        folder: PathBuf,
        /// Where to compute, and in what.
        compute: Compute,
    },
    /// Lay a run's predictions over its photos.
    OpenRun {
        /// The run folder.
        run: PathBuf,
        /// The photos that are open.
        open: Option<Arc<Dataset>>,
    },
    /// Have a run's model look at the open photos.
    Classify {
        /// The run folder.
        run: PathBuf,
        /// The photos.
        dataset: Arc<Dataset>,
        /// Where to compute, and in what.
        compute: Compute,
    },
    /// Export.
    Export(Box<ExportOrder>),
    /// Export the labels in force.
    ExportLabels {
        /// The photos.
        dataset: Arc<Dataset>,
        /// In what form, and where to.
        order: LabelsOrder,
    },
    /// Something about whole photos.
    Whole(Task),
}

/// What came of a job.
pub enum Done {
    /// Photos are listed.
    Scanned(Scanned),
    /// A model is trained.
    Trained(Trained),
    /// The last layer is trained again, and what it says was told before.
    TrainedAgain(Trained),
    /// What makes photos suspect.
    Suspects {
        /// The photos.
        dataset: Arc<Dataset>,
        /// What was found.
        evidence: Box<Evidence>,
    },
    /// Features are there, to be compared.
    Features {
        /// Photos that cannot be read.
        unreadable: Vec<Problem>,
    },
    /// The map is drawn.
    Map {
        /// The photos.
        dataset: Arc<Dataset>,
        /// Where they lie.
        map: Map,
    },
    /// A search for the learning rate has ended.
    RateFound(RateSearch),
    /// The photos are cross-validated.
    CrossValidated(Box<CrossValidated>),
    /// The photos are grouped.
    Grouped(Arc<Grouped>),
    /// What a split lets through is known.
    LeaksFound(Box<LeaksFound>),
    /// Each site was left out.
    SitesLeftOut(Box<SitesLeftOut>),
    /// A run's model has looked at another folder.
    FieldChecked(Box<FieldChecked>),
    /// A run is open.
    RunOpened {
        /// Its photos, if they were not open already.
        photos: Option<Box<Listed>>,
        /// What it says.
        verdict: Arc<Verdict>,
    },
    /// The open photos are classified.
    Classified {
        /// What the model says.
        verdict: Arc<Verdict>,
        /// Photos that cannot be read.
        unreadable: Vec<Problem>,
    },
    /// Files that the export would replace; nothing was written.
    WouldReplace {
        /// The export.
        order: Box<ExportOrder>,
        /// What is there.
        existing: Vec<PathBuf>,
    },
    /// Results are written.
    Exported {
        /// Where to.
        folder: PathBuf,
        /// Files written.
        files: usize,
        /// Photos that could not be read.
        problems: Vec<Problem>,
    },
    /// Something about whole photos is done.
    Whole(Outcome),
}

/// An export.
#[derive(Clone, Debug)]
pub struct ExportOrder {
    /// What to write, and where to.
    pub request: ExportRequest,
    /// Which of the photos.
    pub scope: Scope,
    /// What the run said of them.
    pub verdict: Arc<Verdict>,
    /// The threshold that holds.
    pub threshold: Threshold,
    /// The folders of the photos.
    pub roots: Vec<PathBuf>,
}

/// A trained model.
pub struct Trained {
    /// Whether the user ended it.
    pub stopped: bool,
    /// The epoch that was kept, from 1.
    pub best_epoch: usize,
    /// The figures of each epoch.
    pub epochs: Vec<EpochRecord>,
    /// What the kept epoch's model says of the photos.
    pub verdict: Arc<Verdict>,
    /// Photos that cannot be read.
    pub unreadable: Vec<Problem>,
}

/// A cross-validation.
pub struct CrossValidated {
    /// What it came to.
    pub found: CrossValidation,
    /// The photos.
    pub dataset: Arc<Dataset>,
    /// What was said of each photo by the head that had not seen it.
    pub verdict: Arc<Verdict>,
}

/// Photos that were listed.
pub struct Listed {
    /// The photos, with the labels in force.
    pub dataset: Arc<Dataset>,
    /// Characters in their names that the window's own font may lack.
    pub rare: RareCharacters,
    /// What was done to their labels before.
    pub opened: Opened,
}

/// Photos that were listed, and what was given with them.
pub struct Scanned {
    /// The photos.
    pub photos: Box<Listed>,
    /// Files that stood for the folders they lie in.
    pub files: usize,
    /// A run of other photos.
    pub run: Option<PathBuf>,
    /// Which published data set they are, and how much of it.
    pub known: Option<Recognised>,
}

/// Characters in the names of photos that the window's own font may lack.
pub type RareCharacters = String;

impl Job {
    /// The photos that it is about, if they are open.
    pub(super) fn dataset(&self) -> Option<&Arc<Dataset>> {
        match self {
            Self::Train { dataset, .. } | Self::TrainAgain { dataset, .. } => Some(dataset),
            _ => None,
        }
    }

    pub(super) fn run(
        self,
        places: &Places,
        (kept, desk): (&mut Kept, &mut Desk),
        watch: &dyn Observer,
        tell: &dyn Fn(Event),
    ) -> Result<Done> {
        match self {
            Self::Whole(task) => task.run(desk, places, watch, tell).map(Done::Whole),
            Self::Open(paths) => opening::open(&paths, places, watch),
            Self::Samples => {
                let config = SampleConfig::default();
                let folder = places.samples.join(config.folder_name());
                sample::write_samples(&folder, &config, watch)?;
                let photos = opening::list(&[folder], places, watch)?;
                Ok(Done::Scanned(Scanned { photos, files: 0, run: None, known: None }))
            }
            Self::Train { dataset, config, runs } => {
                let config = curation::with_hand(&config, &dataset, places);
                training::train(&dataset, &config, &runs, places, kept, watch).map(Done::Trained)
            }
            Self::TrainAgain { dataset, config, runs, before } => {
                let config = curation::with_hand(&config, &dataset, places);
                training::train_again(&dataset, &config, &runs, before.as_deref(), (places, kept), watch)
                    .map(Done::TrainedAgain)
            }
            Self::Suspects { dataset, config } => {
                let evidence = Box::new(suspects::gather(&dataset, &config, kept, places, watch)?);
                Ok(Done::Suspects { dataset, evidence })
            }
            Self::Features { dataset, config } => {
                let ground = kept.ground(&dataset, &config, places, None, watch)?;
                Ok(Done::Features { unreadable: ground.report().unreadable.clone() })
            }
            Self::Map { dataset, config } => {
                kept.ground(&dataset, &config, places, None, watch)?;
                let (_, similarity) = kept.similarity().ok_or_else(|| Error::new("There are no features"))?;
                let map = map::lay_out(&similarity, config.seed, watch)?;
                Ok(Done::Map { dataset, map })
            }
            Self::FindRate { dataset, config } => {
                let sweep = SweepConfig::for_tune(config.tune);
                let config = curation::with_hand(&config, &dataset, places);
                rate_finder::find(&dataset, &config, &sweep, places, watch).map(Done::RateFound)
            }
            Self::CrossValidate { dataset, config, folds } => {
                let config = curation::with_hand(&config, &dataset, places);
                training::cross_validate(dataset, &config, folds, places, watch)
            }
            Self::Group { dataset, config, edit } => {
                curation::find_groups(dataset, config, edit.as_ref(), places, watch)
            }
            Self::FindLeaks { dataset, config, run } => curation::find_leaks(dataset, config, run, places, watch),
            Self::LeaveSitesOut { dataset, config } => curation::leave_sites_out(dataset, &config, places, watch),
            Self::CheckField { run, folder, compute } => curation::check_field(&run, &folder, compute, places, watch),
            Self::OpenRun { run, open } => opening::open_run(&run, open, places, watch),
            Self::Classify { run, dataset, compute } => {
                let said = classify::classify(&run, &dataset, places, compute, watch)?;
                let unreadable = said.unreadable().to_vec();
                let verdict = verdict(&run, said.predictions, said.threshold, &dataset, true);
                Ok(Done::Classified { verdict, unreadable })
            }
            Self::Export(order) => export(order, watch),
            Self::ExportLabels { dataset, order } => {
                let done = write(&dataset, &order, watch)?;
                Ok(Done::Exported { folder: order.to, files: done.files, problems: done.problems })
            }
        }
    }
}

/// Lays predictions over photos, by the photos' names.
pub fn verdict(
    run: &Path,
    predictions: Vec<Prediction>,
    threshold: Threshold,
    dataset: &Dataset,
    classified: bool,
) -> Arc<Verdict> {
    let of_sample = of_samples(&predictions, dataset);
    let name = run_dir::name(run);
    Arc::new(Verdict { run: Some(run.to_owned()), name, threshold, predictions, of_sample, classified })
}

/// For each photo of `dataset` the index of its prediction, found by its name.
pub(super) fn of_samples(predictions: &[Prediction], dataset: &Dataset) -> Vec<Option<usize>> {
    let by_name: HashMap<&str, usize> = predictions.iter().enumerate().map(|(i, p)| (p.file.as_str(), i)).collect();
    dataset.samples.iter().map(|s| by_name.get(s.file.as_str()).copied()).collect()
}

fn export(order: Box<ExportOrder>, watch: &dyn Observer) -> Result<Done> {
    let verdict = &order.verdict;
    // What the run folder says besides; a model file that lies alone says nothing.
    let run = verdict.run.as_deref().and_then(|run| Run::open(run).ok()).filter(|_| !verdict.classified);
    let predictions: Vec<Prediction> =
        verdict.predictions.iter().filter(|p| order.scope.includes(p)).cloned().collect();
    let source = Source {
        name: verdict.name.clone(),
        model: verdict.run.as_deref(),
        predictions: &predictions,
        threshold: order.threshold,
        roots: &order.roots,
        epochs: run.as_ref().map_or(&[], |run| &run.epochs),
        best_epoch: run.as_ref().and_then(|run| run.best_epoch),
        record: run.as_ref().map(|run| &run.record),
    };
    if !order.request.overwrite {
        let existing = export::existing(&order.request, &source);
        if !existing.is_empty() {
            return Ok(Done::WouldReplace { order, existing });
        }
    }
    let done = export::export(&order.request, &source, watch)?;
    Ok(Done::Exported { folder: order.request.folder, files: done.files, problems: done.problems })
}
