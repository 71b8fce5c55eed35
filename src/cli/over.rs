//! A model, and the photos that it is to look at.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::dataset::archive;
use crate::error::{Error, Result};
use crate::nn::bundled;
use crate::train::run_dir;

#[derive(Args, Debug)]
pub(super) struct Over {
    /// A run folder or a model file (without one: `bundled`, the model that comes with the program), then folders of
    /// photos, labelled ones where figures are wanted
    #[arg(required = true, value_name = "FOLDER")]
    paths: Vec<PathBuf>,
}

impl Over {
    /// The run and the folders.
    ///
    /// # Errors
    /// A usage error where no folder is among them.
    pub(super) fn parts(&self) -> Result<(&Path, &[PathBuf])> {
        match self.paths.as_slice() {
            [run, folders @ ..] if !is_photos(run) && !folders.is_empty() => Ok((run, folders)),
            [run]
                if (run.is_file() && !archive::is_any_archive(run))
                    || run_dir::is_run(run)
                    || run_dir::is_bundled(run) =>
            {
                Err(Error::usage(format!("No photos were given to {}", run.display()))
                    .hint("name the folders of photos after it"))
            }
            folders if folders.iter().any(|folder| run_dir::is_run(folder)) => {
                Err(Error::usage("A run stands after the photos").hint("name the run first, then folders of photos"))
            }
            folders => Ok((Path::new(bundled::NAME), folders)),
        }
    }
}

/// Whether it is an archive, or a folder with something in it, neither of a run nor of runs.
fn is_photos(path: &Path) -> bool {
    if archive::is_any_archive(path) && !path.is_dir() {
        return true;
    }
    let entries = || path.read_dir().into_iter().flatten().flatten();
    let holds_runs = || entries().any(|entry| run_dir::is_run(&entry.path()));
    !run_dir::is_bundled(path) && entries().next().is_some() && !run_dir::is_run(path) && !holds_runs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_a_run_unless_it_is_a_folder_of_photos() {
        let place = tempfile::tempdir().unwrap();
        let [run, photos, model, nowhere, zip] =
            ["run", "photos", "model.safetensors", "nowhere", "photos.zip"].map(|n| place.path().join(n));
        std::fs::create_dir(&run).unwrap();
        std::fs::create_dir(&photos).unwrap();
        std::fs::write(run.join(run_dir::CONFIG), "").unwrap();
        std::fs::write(photos.join("1.jpg"), "").unwrap();
        std::fs::write(&model, "").unwrap();
        std::fs::write(&zip, "").unwrap();
        let bundled = PathBuf::from("bundled");
        let parts = |paths: &[&PathBuf]| {
            let over = Over { paths: paths.iter().map(|path| (*path).clone()).collect() };
            over.parts().map(|(run, folders)| (run.to_owned(), folders.len())).ok()
        };
        assert_eq!(parts(&[&photos]), Some((bundled.clone(), 1)));
        assert_eq!(parts(&[&photos, &photos]), Some((bundled.clone(), 2)));
        assert_eq!(parts(&[&zip]), Some((bundled.clone(), 1)), "an archive is photos");
        assert_eq!(parts(&[&run, &zip]), Some((run.clone(), 1)));
        for first in [&run, &model, &bundled, &nowhere] {
            assert_eq!(parts(&[first, &photos]), Some((first.clone(), 1)));
        }
        assert_eq!(parts(&[&photos, &run]), None, "the wrong way round");
        let runs = place.path().to_owned();
        assert_eq!(parts(&[&runs, &photos]), Some((runs.clone(), 1)), "to be reported as no finished run");
        for alone in [&run, &model, &bundled] {
            assert_eq!(parts(&[alone]), None, "{alone:?}");
        }
        assert_eq!(parts(&[&nowhere]), Some((bundled, 1)), "to be reported as a folder that is not there");
    }
}
