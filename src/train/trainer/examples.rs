//! What a run learns from and is judged by: photos, and augmented variants of those it learns from.

use super::Job;
use crate::dataset::split::Part;
use crate::error::Result;
use crate::format;
use crate::nn::head::Labelled;
use crate::nn::network::Network;
use crate::train::augment::Variants;
use crate::train::cache::FeatureCache;
use crate::train::config::Tune;
use crate::train::features::{self, Features, VariantsOf};
use crate::train::learner::Example;
use crate::train::map_cache::MapCache;
use crate::train::observer::{Event, FeatureReport};
use crate::train::sides;

/// What the cache takes on disk before it is worth a word.
const MANY_BYTES: usize = 1 << 30;

/// What the frozen layers make of the variants of training photos.
pub(super) enum Varied {
    /// There are none, or every epoch makes its own.
    Nothing,
    /// Their features.
    Features(FeatureCache),
    /// The maps before the last block.
    Maps(MapCache),
}

impl Job<'_> {
    /// Computes what the frozen layers make of the variants of the training photos.
    pub(super) fn vary(&self, network: &Network) -> Result<(Varied, Option<FeatureReport>)> {
        let count = self.config.augment.computed_ahead(self.config.tune);
        let Some(variants) = self.variants().filter(|_| count > 0) else { return Ok((Varied::Nothing, None)) };
        let photos: Vec<usize> = self.split.indices(Part::Train).collect();
        let of = VariantsOf { dataset: self.dataset, keys: self.keys, photos: &photos, variants, count };
        let (varied, report, note) = if self.config.tune == Tune::Head {
            let (cache, report) = features::extract_variants(network, &of, self.places, self.observer)?;
            let note = cache.note().map(str::to_owned);
            (Varied::Features(cache), report, note)
        } else {
            let bytes = photos.len() * count as usize * network.maps_shape().iter().product::<usize>() * 2;
            if bytes > MANY_BYTES {
                let bytes = format::bytes(bytes as u64);
                self.observer.event(Event::Note(format!("The variants take up to {bytes} in the cache folder.")));
            }
            let (cache, report) = features::extract_variant_maps(network, &of, self.places, self.observer)?;
            let note = cache.note().map(str::to_owned);
            (Varied::Maps(cache), report, note)
        };
        let failed =
            report.unreadable.iter().map(|problem| format!("Not varied: {}: {}", problem.file, problem.reason));
        note.into_iter().chain(failed).for_each(|note| self.observer.event(Event::Note(note)));
        self.observer.event(Event::Variants(report.clone()));
        Ok((varied, Some(report)))
    }

    /// What the variants of photos are, if photos are varied.
    pub(super) fn variants(&self) -> Option<Variants> {
        Variants::of(&self.config.augment, self.config.seed)
    }

    /// The labelled photos on one side of the split, and after them so many variants of each.
    pub(super) fn labelled(&self, part: Part, variants: u32) -> Vec<Example> {
        sides::labelled(self.dataset, self.split, part, variants)
    }

    /// Features and classes of the photos on one side of the split.
    pub(super) fn examples<'a>(&self, features: &'a Features, part: Part) -> Vec<Labelled<'a>> {
        sides::examples(self.dataset, features, self.split, part)
    }

    /// Features and classes of the training photos, and after them of their variants.
    pub(super) fn training_examples<'a>(&self, features: &'a Features, varied: &'a Varied) -> Vec<Labelled<'a>> {
        let Varied::Features(cache) = varied else { return self.examples(features, Part::Train) };
        let of_variant = |photo: usize, variant| cache.get(&Variants::key(self.keys.get(photo)?.as_ref()?, variant));
        let all = self.labelled(Part::Train, self.config.augment.computed_ahead(self.config.tune)).into_iter();
        let row = |photo, variant| if variant == 0 { features.get(photo) } else { of_variant(photo, variant) };
        all.filter_map(|Example { photo, class, variant }| Some((row(photo, variant)?, class.index()))).collect()
    }
}
