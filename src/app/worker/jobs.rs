//! The jobs: what takes seconds to hours.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Event;
use super::curation::{self, Edit, FieldChecked, Grouped, LeaksFound, SitesLeftOut};
use super::inspection::{Desk, Outcome, Task};
use crate::app::fallback_fonts;
use crate::app::session::Verdict;
use crate::app::tabs::review::Scope;
use crate::dataset::keep_out::keep_out;
use crate::dataset::known::{Recognised, recognise};
use crate::dataset::labels::{self, Opened};
use crate::dataset::sample::{self, SampleConfig};
use crate::dataset::split::Part;
use crate::dataset::{Dataset, Problem, archive, scan};
use crate::error::{Error, Result};
use crate::export::labels::{LabelsOrder, write};
use crate::export::{self, ExportRequest, Source};
use crate::format;
use crate::job::Watch;
use crate::places::Places;
use crate::review::classify;
use crate::review::cross_validation::{self, CrossValidation};
use crate::review::map::{self, Map};
use crate::review::predictions::Prediction;
use crate::review::suspects::{self, Evidence};
use crate::review::threshold::Threshold;
use crate::train::config::{Compute, TrainConfig, Tune};
use crate::train::grouping::GroupConfig;
use crate::train::kept::Kept;
use crate::train::observer::{EpochRecord, Observer};
use crate::train::rate_finder::{self, RateSearch, SweepConfig};
use crate::train::run_dir::{self, Run, RunRecord};
use crate::train::trainer::{self, Order, TrainOutcome, Write};

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
            Self::Open(paths) => open(&paths, places, watch),
            Self::Samples => {
                let config = SampleConfig::default();
                let folder = places.samples.join(config.folder_name());
                sample::write_samples(&folder, &config, watch)?;
                let photos = list(&[folder], places, watch)?;
                Ok(Done::Scanned(Scanned { photos, files: 0, run: None, known: None }))
            }
            Self::Train { dataset, config, runs } => {
                let config = curation::with_hand(&config, &dataset, places);
                train(&dataset, &config, &runs, places, kept, watch).map(Done::Trained)
            }
            Self::TrainAgain { dataset, config, runs, before } => {
                let config = curation::with_hand(&config, &dataset, places);
                train_again(&dataset, &config, &runs, before.as_deref(), (places, kept), watch).map(Done::TrainedAgain)
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
                cross_validate(dataset, &config, folds, places, watch)
            }
            Self::Group { dataset, config, edit } => {
                curation::find_groups(dataset, config, edit.as_ref(), places, watch)
            }
            Self::FindLeaks { dataset, config, run } => curation::find_leaks(dataset, config, run, places, watch),
            Self::LeaveSitesOut { dataset, config } => curation::leave_sites_out(dataset, &config, places, watch),
            Self::CheckField { run, folder, compute } => curation::check_field(&run, &folder, compute, places, watch),
            Self::OpenRun { run, open } => open_run(&run, open, places, watch),
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

/// What paths from outside stand for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Given {
    runs: Vec<PathBuf>,
    folders: Vec<PathBuf>,
    /// Files that stand for the folders they lie in.
    files: usize,
}

fn open(paths: &[PathBuf], places: &Places, watch: &dyn Observer) -> Result<Done> {
    let Given { runs, folders, files } = given(paths)?;
    let mut run = match runs.as_slice() {
        [] => None,
        [run] if folders.is_empty() => return open_run(run, None, places, watch),
        [run] => Some(Run::open(run)?),
        _ => {
            let error = Error::new(format!(
                "{} were given, and only one can be open",
                format::counted(runs.len(), "run", "runs")
            ));
            return Err(error.hint("open one of them; the others can be chosen under Review"));
        }
    };
    let photos = list(&folders, places, watch)?;
    let dataset = &photos.dataset;
    if let Some(run) = run.as_mut() {
        // Where its own photos are gone, it can still look at these.
        let reached = run.reach_photos(places, watch);
        reached.or_else(|error| if error.is_cancelled() { Err(error) } else { Ok(()) })?;
    }
    match run {
        Some(run) if !run.predictions.is_empty() && covers(dataset, &run.predictions) => {
            let verdict = verdict(&run.path, run.predictions, run.threshold, dataset, false);
            Ok(Done::RunOpened { photos: Some(photos), verdict })
        }
        run => {
            let known = recognise(dataset);
            Ok(Done::Scanned(Scanned { photos, files, run: run.map(|run| run.path), known }))
        }
    }
}

/// Tells runs from photos. The plots of a run are no photos, so that any file of a run stands for it.
fn given(paths: &[PathBuf]) -> Result<Given> {
    let mut given = Given::default();
    for path in paths {
        let is_file = path.is_file() && !archive::is_any_archive(path);
        let folder = if is_file { path.parent().unwrap_or(path) } else { path };
        let run = folder.join(run_dir::CONFIG).is_file();
        if is_file && !run {
            refuse_weights(path)?;
            given.files += 1;
        }
        let list = if run { &mut given.runs } else { &mut given.folders };
        if !list.iter().any(|known| known == folder) {
            list.push(folder.to_owned());
        }
    }
    Ok(given)
}

/// A file of weights by itself says nothing of photos. `.pt` is left out: photos come as such files too.
fn refuse_weights(path: &Path) -> Result<()> {
    let weights = ["safetensors", "pth"];
    if !path.extension().is_some_and(|end| weights.iter().any(|known| end.eq_ignore_ascii_case(known))) {
        return Ok(());
    }
    let error = Error::new(format!("{} is a file of weights and not of photos", path.display()));
    Err(error.hint("to train from it, choose it under Weights in the tab Train; to open a run, give the run's folder"))
}

pub(super) fn list(folders: &[PathBuf], places: &Places, watch: &dyn Watch) -> Result<Box<Listed>> {
    let mut dataset = scan::open(folders, places, watch)?;
    let opened = labels::open(&mut dataset, places)?;
    let names = dataset.samples.iter().flat_map(|sample| sample.file.chars());
    let rare: BTreeSet<char> = names.filter(|c| !fallback_fonts::is_common(*c)).collect();
    Ok(Box::new(Listed { dataset: Arc::new(dataset), rare: rare.into_iter().collect(), opened }))
}

fn train(
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
fn train_again(
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

fn cross_validate(
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

/// Opens the run's own photos unless they, or photos of the same names, are open already.
fn open_run(path: &Path, open: Option<Arc<Dataset>>, places: &Places, watch: &dyn Observer) -> Result<Done> {
    let mut run = Run::open(path)?;
    run.reach_photos(places, watch)?;
    if run.predictions.is_empty() {
        return Err(Error::new(format!("The run {} has no predictions", run.name()))
            .detail("It was interrupted before its first epoch ended, or its predictions.csv is gone"));
    }
    let open = open.filter(|dataset| covers(dataset, &run.predictions));
    let (dataset, fresh) = match open {
        Some(dataset) => (dataset, None),
        None => {
            let photos = list(&run.record.data.folders, places, watch)?;
            (Arc::clone(&photos.dataset), Some(photos))
        }
    };
    let verdict = verdict(path, run.predictions, run.threshold, &dataset, false);
    Ok(Done::RunOpened { photos: fresh, verdict })
}

/// Whether these are the photos that the predictions speak of.
fn covers(dataset: &Dataset, predictions: &[Prediction]) -> bool {
    let names: HashMap<&str, &Path> = dataset.samples.iter().map(|s| (s.file.as_str(), s.path.as_path())).collect();
    predictions.iter().take(100).all(|p| names.get(p.file.as_str()).is_some_and(|path| *path == p.path))
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder of a run and one of photos.
    fn folders() -> (tempfile::TempDir, PathBuf, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let [run, photos] = ["run", "photos"].map(|name| folder.path().join(name));
        for (path, files) in
            [(&run, [run_dir::CONFIG, run_dir::MODEL, run_dir::CURVES]), (&photos, ["a.jpg", "b.jpg", "w.pth"])]
        {
            std::fs::create_dir(path).unwrap();
            files.iter().for_each(|file| std::fs::write(path.join(file), "").unwrap());
        }
        (folder, run, photos)
    }

    #[test]
    fn any_file_of_a_run_stands_for_the_run() {
        let (_folder, run, photos) = folders();
        let runs = vec![run.clone()];
        for paths in [vec![run.clone()], vec![run.join(run_dir::MODEL)], vec![run.join(run_dir::CURVES), run.clone()]] {
            assert_eq!(given(&paths).unwrap(), Given { runs: runs.clone(), ..Given::default() }, "{paths:?}");
        }
        let both = given(&[photos.clone(), run.clone()]).unwrap();
        assert_eq!(both, Given { runs, folders: vec![photos], files: 0 });
    }

    #[test]
    fn photos_stand_for_their_folder_and_weights_for_nothing() {
        let (_folder, _, photos) = folders();
        let files = given(&[photos.join("a.jpg"), photos.join("b.jpg")]).unwrap();
        assert_eq!(files, Given { folders: vec![photos.clone()], files: 2, ..Given::default() });
        let error = given(&[photos.join("w.pth")]).unwrap_err();
        assert!(error.advice().unwrap().contains("under Weights"), "{error}");
    }

    #[test]
    fn of_several_runs_none_is_opened() {
        let (folder, run, _) = folders();
        let other = folder.path().join("other");
        std::fs::create_dir(&other).unwrap();
        std::fs::write(other.join(run_dir::CONFIG), "").unwrap();
        let places = Places::below(folder.path());
        let error = Job::Open(vec![run, other])
            .run(&places, (&mut Kept::default(), &mut Desk::default()), &Silent, &|_| {})
            .err()
            .unwrap();
        assert_eq!(error.title(), "2 runs were given, and only one can be open");
    }

    struct Silent;

    impl Watch for Silent {
        fn progress(&self, _: crate::job::Progress) {}
    }

    impl Observer for Silent {
        fn event(&self, _: crate::train::observer::Event) {}
    }
}
