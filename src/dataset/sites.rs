//! Sites: places whose photos are held apart, to see how a model does where it has never been.

use std::collections::BTreeMap;

use super::layout::class_of_name;
use super::scan::root_names;
use super::{Class, Dataset};
use crate::error::{Error, Result};

/// The sites of a data set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sites {
    /// Their names.
    pub names: Vec<String>,
    /// For each photo its site.
    pub of_photo: Vec<Option<usize>>,
}

impl Sites {
    /// The opened folders where there are several; of one folder, the folders right below it that hold labelled photos.
    ///
    /// # Errors
    /// Where there are fewer than two sites.
    pub fn of(dataset: &Dataset) -> Result<Self> {
        let several = dataset.roots.len() > 1;
        let named: Vec<Option<&str>> = dataset.samples.iter().map(|sample| top(&sample.file, several)).collect();
        let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
        for (name, sample) in named.iter().zip(&dataset.samples) {
            if let Some(name) = name.filter(|_| sample.label.is_some()) {
                numbers.insert(name, 0);
            }
        }
        // As they were given; below one folder, as a list of folders is sorted.
        let mut names: Vec<String> = if several {
            root_names(&dataset.roots).into_iter().filter(|name| numbers.contains_key(name.as_str())).collect()
        } else {
            numbers.keys().map(|name| (*name).to_owned()).collect()
        };
        if !several {
            names.sort_by(|a, b| super::scan::order::natural(a, b));
        }
        if names.len() < 2 {
            return Err(too_few(dataset));
        }
        for (number, name) in names.iter().enumerate() {
            numbers.entry(name.as_str()).and_modify(|slot| *slot = number);
        }
        let of_photo = named.into_iter().map(|name| numbers.get(name?).copied()).collect();
        Ok(Self { names, of_photo })
    }

    /// The labelled photos of a site, ascending.
    pub fn photos(&self, site: usize, dataset: &Dataset) -> Vec<usize> {
        let there = self.of_photo.iter().zip(&dataset.samples).enumerate();
        there.filter(|(_, (of, sample))| **of == Some(site) && sample.label.is_some()).map(|(i, _)| i).collect()
    }

    /// How many photos of each class a site has.
    pub fn counts(&self, site: usize, dataset: &Dataset) -> [usize; 2] {
        let photos = self.photos(site, dataset);
        let label = |i: &usize| dataset.samples.get(*i).and_then(|sample| sample.label);
        Class::ALL.map(|class| photos.iter().filter(|i| label(i) == Some(class)).count())
    }
}

/// The first folder on the way to a photo. Below one opened folder, those that name a class are no sites.
fn top(file: &str, several: bool) -> Option<&str> {
    let (top, _) = file.split_once('/')?;
    (several || class_of_name(top).is_none()).then_some(top)
}

fn too_few(dataset: &Dataset) -> Error {
    let error = Error::new("There are fewer than two sites");
    match dataset.roots.as_slice() {
        [root] => error
            .detail(format!("{} has no two folders right below it that each hold labelled photos", root.display()))
            .hint("open several folders, one for each site, or one that holds them"),
        _ => error.detail("Of the opened folders, at most one holds labelled photos"),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::dataset::Layout;
    use crate::dataset::group::tests::dataset;

    fn labelled(files: &[&str]) -> Dataset {
        let mut dataset = dataset(Layout::ClassFolders, files);
        for sample in &mut dataset.samples {
            let folders: Vec<&str> = sample.file.split('/').collect();
            sample.label = super::super::layout::class_of_folders(&folders, "").map(|(class, _)| class);
        }
        dataset
    }

    #[test]
    fn folders_below_one_are_sites() {
        let data =
            labelled(&["b/Positive/1.jpg", "b/Negative/2.jpg", "a 10/cracked/3.jpg", "a 2/x/intact/4.jpg", "c/5.jpg"]);
        let sites = Sites::of(&data).unwrap();
        assert_eq!(sites.names, ["a 2", "a 10", "b"]);
        assert_eq!(sites.of_photo, [Some(2), Some(2), Some(1), Some(0), None]);
        assert_eq!((sites.photos(2, &data), sites.counts(2, &data)), (vec![0, 1], [1, 1]));
        let error = Sites::of(&labelled(&["Positive/1.jpg", "Negative/2.jpg", "a/Positive/3.jpg"])).unwrap_err();
        assert_eq!(error.title(), "There are fewer than two sites");
        assert!(error.details()[0].starts_with("set has no two folders"));
    }

    #[test]
    fn opened_folders_are_sites() {
        let mut data = labelled(&["wall/Positive/1.jpg", "deck/Negative/2.jpg", "deck-2/Negative/3.jpg"]);
        data.roots = ["x/wall", "x/deck", "y/deck", "z/empty"].map(PathBuf::from).to_vec();
        let sites = Sites::of(&data).unwrap();
        assert_eq!(sites.names, ["wall", "deck", "deck-2"]);
        assert_eq!(sites.of_photo, [Some(0), Some(1), Some(2)]);
    }
}
