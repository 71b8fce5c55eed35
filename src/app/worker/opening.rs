//! Jobs that open photos and runs.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::jobs::{Done, Listed, Scanned, verdict};
use crate::app::fallback_fonts;
use crate::dataset::known::recognise;
use crate::dataset::{Dataset, archive, labels, scan};
use crate::error::{Error, Result};
use crate::format;
use crate::job::Watch;
use crate::places::Places;
use crate::review::predictions::Prediction;
use crate::train::observer::Observer;
use crate::train::run_dir::{self, Run};

pub(super) fn open(paths: &[PathBuf], places: &Places, watch: &dyn Observer) -> Result<Done> {
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

/// Opens the run's own photos unless they, or photos of the same names, are open already.
pub(super) fn open_run(path: &Path, open: Option<Arc<Dataset>>, places: &Places, watch: &dyn Observer) -> Result<Done> {
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

pub(super) fn list(folders: &[PathBuf], places: &Places, watch: &dyn Watch) -> Result<Box<Listed>> {
    let mut dataset = scan::open(folders, places, watch)?;
    let opened = labels::open(&mut dataset, places)?;
    let names = dataset.samples.iter().flat_map(|sample| sample.file.chars());
    let rare: BTreeSet<char> = names.filter(|c| !fallback_fonts::is_common(*c)).collect();
    Ok(Box::new(Listed { dataset: Arc::new(dataset), rare: rare.into_iter().collect(), opened }))
}

/// What paths from outside stand for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Given {
    runs: Vec<PathBuf>,
    folders: Vec<PathBuf>,
    /// Files that stand for the folders they lie in.
    files: usize,
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

/// Whether these are the photos that the predictions speak of.
fn covers(dataset: &Dataset, predictions: &[Prediction]) -> bool {
    let names: HashMap<&str, &Path> = dataset.samples.iter().map(|s| (s.file.as_str(), s.path.as_path())).collect();
    predictions.iter().take(100).all(|p| names.get(p.file.as_str()).is_some_and(|path| *path == p.path))
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
        let error = open(&[run, other], &places, &Silent).err().unwrap();
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
