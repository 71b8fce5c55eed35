//! What training stands on, kept from one job to the next: features, contents and the opened network, so that a head can
//! be trained anew without reading a file.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::config::{Backbone, DeviceChoice, PrecisionChoice, TrainConfig, Tune, WeightsSource};
use super::ground::Ground;
use super::grouping::{GroupConfig, Grouping};
use super::observer::Observer;
use super::similarity::Similarity;
use crate::dataset::Dataset;
use crate::dataset::split::SplitKind;
use crate::error::{Error, Result};
use crate::job::Watch;
use crate::places::Places;

/// The ground that the last job laid. Stays in the thread that uses it. It holds one data set: 2 KB a photo for
/// ResNet18, 82 MB for 40,000.
#[derive(Default)]
pub struct Kept {
    held: Option<Held>,
}

struct Held {
    made_of: MadeOf,
    ground: Ground,
    similarity: Arc<Similarity>,
    grouping: Option<(GroupedBy, Arc<Grouping>)>,
}

/// What a grouping depends on besides the photos.
#[derive(PartialEq)]
struct GroupedBy {
    kind: SplitKind,
    config: GroupConfig,
    /// Length and time of the table of groups by hand.
    file: FileState,
}

/// Length and time of a file, if it is there.
type FileState = Option<(u64, Option<SystemTime>)>;

/// All that features depend on. Labels are not among it.
#[derive(PartialEq)]
struct MadeOf {
    photos: Photos,
    backbone: Backbone,
    weights: WeightsSource,
    /// Of the file of weights, where they come from a file.
    file: FileState,
    /// Where weights are random, what they are made of.
    seed: Option<u64>,
    device: DeviceChoice,
    precision: PrecisionChoice,
}

/// Which files, as they were when they were listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Photos(Vec<(PathBuf, u64, Option<SystemTime>)>);

impl Photos {
    /// Those of a data set.
    pub fn of(dataset: &Dataset) -> Self {
        Self(dataset.samples.iter().map(|sample| (sample.path.clone(), sample.bytes, sample.modified)).collect())
    }

    /// Whether they are the photos of this data set, unchanged and in the same order.
    pub fn are_of(&self, dataset: &Dataset) -> bool {
        self.0.len() == dataset.samples.len()
            && self.0.iter().zip(&dataset.samples).all(|((path, bytes, modified), sample)| {
                *path == sample.path && *bytes == sample.bytes && *modified == sample.modified
            })
    }
}

impl MadeOf {
    fn of(dataset: &Dataset, config: &TrainConfig) -> Self {
        let file = match &config.weights {
            WeightsSource::File(path) => state_of(path),
            _ => None,
        };
        Self {
            photos: Photos::of(dataset),
            backbone: config.backbone,
            weights: config.weights.clone(),
            file,
            seed: (config.weights == WeightsSource::Random).then_some(config.seed),
            device: config.device,
            precision: config.precision,
        }
    }
}

impl Kept {
    /// The ground for training a head on these photos: what is kept, if it is of the same photos, weights, device and
    /// precision, or else laid now and kept in its place.
    ///
    /// # Errors
    /// Where weights cannot be had, the device fails, or the user stops it.
    pub fn ground(
        &mut self,
        dataset: &Dataset,
        config: &TrainConfig,
        places: &Places,
        run: Option<&Path>,
        observer: &dyn Observer,
    ) -> Result<Ground> {
        let config = TrainConfig { tune: Tune::Head, ..config.clone() };
        let made_of = MadeOf::of(dataset, &config);
        if let Some(held) = self.held.as_ref().filter(|held| held.made_of == made_of) {
            held.ground.announce_again(run, observer);
            return held.ground.again(&config).ok_or_else(nothing);
        }
        self.held = None; // two data sets at once would be too much
        let ground = Ground::lay(dataset, &config, places, run, observer)?;
        let features = ground.features().ok_or_else(nothing)?;
        let similarity = Arc::new(Similarity::new(Arc::clone(features)));
        let again = ground.again(&config).ok_or_else(nothing)?;
        self.held = Some(Held { made_of, ground, similarity, grouping: None });
        Ok(again)
    }

    /// Which photos belong together, for the photos that are kept: found once, and again where `config` groups them in
    /// another way.
    ///
    /// # Errors
    /// Where nothing is kept, the table of groups by hand cannot be read, or the user stops it.
    pub fn grouping(
        &mut self,
        dataset: &Dataset,
        config: &TrainConfig,
        places: &Places,
        watch: &dyn Watch,
    ) -> Result<Arc<Grouping>> {
        let held = self.held.as_mut().filter(|held| held.made_of.photos.are_of(dataset)).ok_or_else(nothing)?;
        let (kind, groups) = (config.split.kind, &config.groups);
        let by = GroupedBy { kind, config: groups.clone(), file: groups.file.as_deref().and_then(state_of) };
        if let Some((_, grouping)) = held.grouping.as_ref().filter(|(known, _)| *known == by) {
            return Ok(Arc::clone(grouping));
        }
        let found = Grouping::for_split(dataset, &held.ground.keys, (kind, groups), places, watch)?;
        let (_, grouping) = held.grouping.insert((by, Arc::new(found)));
        Ok(Arc::clone(grouping))
    }

    /// Whether no file has to be read to train a head on these photos.
    pub fn holds(&self, dataset: &Dataset, config: &TrainConfig) -> bool {
        self.held.as_ref().is_some_and(|held| held.made_of == MadeOf::of(dataset, config))
    }

    /// What is kept, ready to be compared, and which photos it is of.
    pub fn similarity(&self) -> Option<(Photos, Arc<Similarity>)> {
        self.held.as_ref().map(|held| (held.made_of.photos.clone(), Arc::clone(&held.similarity)))
    }
}

fn state_of(file: &Path) -> FileState {
    std::fs::metadata(file).ok().map(|data| (data.len(), data.modified().ok()))
}

fn nothing() -> Error {
    Error::new("There are no features")
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::dataset::sample::{SampleConfig, write_samples};
    use crate::dataset::{Class, scan};
    use crate::job::{Phase, Progress, Unwatched, Watch};
    use crate::train::observer::Event;

    /// Notes the phases that it is told of.
    #[derive(Default)]
    struct Phases(Mutex<Vec<Phase>>);

    impl Watch for Phases {
        fn progress(&self, progress: Progress) {
            self.0.lock().unwrap().push(progress.phase);
        }
    }

    impl Observer for Phases {
        fn event(&self, _: Event) {}
    }

    #[test]
    fn photos_are_read_once_and_again_when_files_or_weights_are_others() {
        let folder = tempfile::tempdir().unwrap();
        let photos = folder.path().join("photos");
        write_samples(&photos, &SampleConfig { photos: 8, side: 64, seed: 1 }, &Unwatched).unwrap();
        let mut dataset = scan::scan(&photos, &Unwatched).unwrap();
        let places = Places::below(folder.path());
        let config =
            TrainConfig { weights: WeightsSource::Random, device: DeviceChoice::Cpu, ..TrainConfig::default() };
        let mut kept = Kept::default();
        let reads = |kept: &mut Kept, dataset: &Dataset, config: &TrainConfig| {
            let phases = Phases::default();
            kept.ground(dataset, config, &places, None, &phases).unwrap();
            assert!(kept.holds(dataset, config));
            phases.0.into_inner().unwrap().contains(&Phase::Hash)
        };
        assert!(reads(&mut kept, &dataset, &config));
        assert!(!reads(&mut kept, &dataset, &TrainConfig { epochs: 3, ..config.clone() }), "settings of the head");
        dataset.samples[0].label = Some(Class::Positive);
        assert!(!reads(&mut kept, &dataset, &config), "labels make no features");
        assert!(reads(&mut kept, &dataset, &TrainConfig { seed: 9, ..config.clone() }), "other weights");
        dataset.samples[0].bytes += 1;
        assert!(reads(&mut kept, &dataset, &TrainConfig { seed: 9, ..config }), "another file");
        let (of, similarity) = kept.similarity().unwrap();
        assert!(of.are_of(&dataset));
        assert_eq!(similarity.photos(), 8);
    }
}
