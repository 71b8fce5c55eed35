//! What training stands on, whatever it is for: an opened network and what its frozen layers make of the photos.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use candle_core::Device;

use super::config::{TrainConfig, Tune, WeightsSource};
use super::features::{self, Features};
use super::map_cache::MapCache;
use super::observer::{Event, FeatureReport, Observer};
use crate::dataset::group::{self, ContentKey};
use crate::dataset::{Dataset, Problem};
use crate::error::Result;
use crate::nn::architecture::Start;
use crate::nn::device::{self, DeviceReport};
use crate::nn::network::Network;
use crate::nn::trainable;
use crate::photo::check::check;
use crate::places::Places;

/// What training stands on, whatever it is for: weights on a device, and what their frozen layers make of the photos.
/// Stays in the thread that laid it.
pub struct Ground {
    pub(super) network: Network,
    /// The settings as this device carries them out.
    pub(super) config: TrainConfig,
    pub(super) device: DeviceReport,
    /// The contents of the photos.
    pub(super) keys: Vec<Option<ContentKey>>,
    pub(super) prepared: Prepared,
}

impl Ground {
    /// Opens the device and the weights and has the frozen layers look at every photo. What is worth knowing is told;
    /// that a run begins, too, where `run` is its folder.
    ///
    /// # Errors
    /// Where the device or weights cannot be had, or the user stops it.
    pub fn lay(
        dataset: &Dataset,
        config: &TrainConfig,
        places: &Places,
        run: Option<&Path>,
        observer: &dyn Observer,
    ) -> Result<Self> {
        let (device, report) = device::open(config.device)?;
        let precision = device::precision(config.precision_of_features(), &device)?;
        let on = (&device, precision);
        let network = Network::open(config.backbone, &config.weights, config.seed, on, places, observer)?;
        // The run says what its features were computed in, so that it goes on with the same.
        let config = TrainConfig { precision: precision.into(), ..config.clone() };
        announce(run, &config, &report, observer);
        let config = trusted(&config, &device, &report, observer)?;

        let contents = group::content_keys(&dataset.samples, observer)?;
        if !contents.problems.is_empty() {
            dataset.check_there()?;
        }
        let mut prepared = prepare(&network, dataset, &contents.keys, &config, places, observer)?;
        prepared.report.unreadable.splice(0..0, contents.problems);
        if config.tune == Tune::All {
            for Problem { file, reason } in &prepared.report.unreadable {
                observer.event(Event::Note(format!("Left out {file}: {reason}")));
            }
        } else {
            observer.event(Event::Features(prepared.report.clone()));
        }
        Ok(Self { network, config, device: report, keys: contents.keys, prepared })
    }

    /// The same ground for other settings of the last layer, which alone is trained on it; none where deeper layers
    /// were to be trained, since nothing of them is kept.
    pub(super) fn again(&self, config: &TrainConfig) -> Option<Self> {
        let Input::Features(features) = &self.prepared.input else { return None };
        let Prepared { readable, report, .. } = &self.prepared;
        let prepared = Prepared {
            input: Input::Features(Arc::clone(features)),
            readable: readable.clone(),
            report: report.clone(),
        };
        let config = TrainConfig { precision: self.config.precision, ..config.clone() };
        Some(Self {
            network: self.network.clone(),
            config,
            device: self.device.clone(),
            keys: self.keys.clone(),
            prepared,
        })
    }

    /// Tells that a run begins in the folder `run`, where the ground was laid for another.
    pub(super) fn announce_again(&self, run: Option<&Path>, observer: &dyn Observer) {
        if let Some(run) = run {
            observer.event(Event::Started { run: run.to_path_buf(), device: self.device.name.clone() });
        }
    }

    /// The contents of the photos.
    pub fn keys(&self) -> &[Option<ContentKey>] {
        &self.keys
    }

    /// How the features came about.
    pub fn report(&self) -> &FeatureReport {
        &self.prepared.report
    }

    /// The features of the photos; none where deeper layers are to be trained.
    pub fn features(&self) -> Option<&Arc<Features>> {
        match &self.prepared.input {
            Input::Features(features) => Some(features),
            Input::Source(..) => None,
        }
    }
}

/// What is there before the first epoch.
pub(super) struct Prepared {
    pub(super) input: Input,
    /// For each photo whether it can be read.
    pub(super) readable: Vec<bool>,
    pub(super) report: FeatureReport,
}

/// What the layers to be trained take in.
pub(super) enum Input {
    /// Features, for the head alone.
    Features(Arc<Features>),
    /// From this layer on: photos, or the maps that are kept.
    Source(Start, Option<MapCache>),
}

/// Computes all that the frozen layers have to say.
fn prepare(
    network: &Network,
    dataset: &Dataset,
    keys: &[Option<ContentKey>],
    config: &TrainConfig,
    places: &Places,
    observer: &dyn Observer,
) -> Result<Prepared> {
    let tell = |note: Option<&str>| note.into_iter().for_each(|note| observer.event(Event::Note(note.to_owned())));
    match config.tune.start() {
        None => {
            let (features, report, note) = features::extract(network, dataset, keys, places, observer)?;
            tell(note.as_deref());
            let readable = features.row_of.iter().map(Option::is_some).collect();
            Ok(Prepared { input: Input::Features(Arc::new(features)), readable, report })
        }
        Some(Start::LastBlock) => {
            let (cache, readable, report) = features::extract_maps(network, dataset, keys, places, observer)?;
            tell(cache.note());
            Ok(Prepared { input: Input::Source(Start::LastBlock, Some(cache)), readable, report })
        }
        Some(Start::Photos) => {
            let begun = std::time::Instant::now();
            let unreadable = check(&dataset.samples, observer)?.problems;
            if !unreadable.is_empty() {
                dataset.check_there()?;
            }
            let bad: HashSet<&str> = unreadable.iter().map(|problem| problem.file.as_str()).collect();
            let known = dataset.samples.iter().zip(keys);
            let readable = known.map(|(sample, key)| key.is_some() && !bad.contains(sample.file.as_str())).collect();
            // What could not even be read as a file was reported with the contents.
            let of_content = |problem: &Problem| {
                dataset.samples.iter().zip(keys).any(|(sample, key)| sample.file == problem.file && key.is_some())
            };
            let unreadable = unreadable.iter().filter(|problem| of_content(problem)).cloned().collect();
            let report = FeatureReport { unreadable, seconds: begun.elapsed().as_secs_f64(), ..Default::default() };
            Ok(Prepared { input: Input::Source(Start::Photos, None), readable, report })
        }
    }
}

/// The settings, with the head alone to be trained where the device computes wrong gradients.
fn trusted(
    config: &TrainConfig,
    device: &Device,
    report: &DeviceReport,
    observer: &dyn Observer,
) -> Result<TrainConfig> {
    if config.tune == Tune::Head || trainable::gradients_are_right(config.backbone, device)? {
        return Ok(config.clone());
    }
    observer.event(Event::Note(format!(
        "{} computes wrong gradients: only the last layer is trained. Choose the CPU to train deeper layers.",
        report.name
    )));
    Ok(TrainConfig { tune: Tune::Head, ..config.clone() })
}

fn announce(run: Option<&Path>, config: &TrainConfig, report: &DeviceReport, observer: &dyn Observer) {
    if let Some(run) = run {
        observer.event(Event::Started { run: run.to_path_buf(), device: report.name.clone() });
    }
    if let Some(note) = &report.note {
        observer.event(Event::Note(note.clone()));
    }
    if config.weights == WeightsSource::Random {
        observer.event(Event::Note("Random weights: these are untrained features, so expect little of them.".into()));
    }
}
