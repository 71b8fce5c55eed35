//! Sketches of photos and the times they were taken at: read once from each file, and kept by its content.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use super::record_file::{Kind, RecordFile};
use crate::dataset::Sample;
use crate::dataset::group::ContentKey;
use crate::error::Result;
use crate::job::{Meter, Phase, Watch};
use crate::photo::decode;
use crate::photo::exif::{self, Taken};
use crate::photo::sketch::Sketch;
use crate::places::Places;

/// The file among the caches. Another name when a sketch comes to other numbers.
const FILE: &str = "sketches-v1.bin";
/// Bytes of a record: the sketch, whether the time is known, the time, the camera.
const KIND: Kind = Kind { magic: b"CSSKET01", values: Sketch::BYTES + 1 + 8 + 8, bytes: 1 };
/// Photos that are read before what they come to is written.
const TOGETHER: usize = 2048;

/// What is known of a photo's looks without a network.
#[derive(Clone, Debug, PartialEq)]
pub struct Sketched {
    /// What it looks like.
    pub sketch: Sketch,
    /// When it was taken, where its file says.
    pub taken: Option<Taken>,
}

/// Sketches of photos by their content.
#[derive(Default)]
pub struct Sketches {
    of_content: HashMap<ContentKey, Sketched>,
}

impl Sketches {
    /// Reads what is kept, and sketches the photos that are not among it. Photos that cannot be read have none; where
    /// nothing can be kept, sketches are made anew each time.
    ///
    /// # Errors
    /// Only where the user stops it; what was sketched until then is kept.
    pub fn of(samples: &[Sample], keys: &[Option<ContentKey>], places: &Places, watch: &dyn Watch) -> Result<Self> {
        let path = super::cache::folder(&places.cache).join(FILE);
        let mut file = RecordFile::open(&path, KIND).ok();
        let mut sketches = Self::default();
        let wanted: HashSet<ContentKey> = keys.iter().flatten().copied().collect();
        let mut kept = HashSet::new();
        let mut take = |key, bytes: &[u8]| {
            kept.insert(key);
            if let Some(sketched) = Sketched::from_bytes(bytes).filter(|_| wanted.contains(&key)) {
                sketches.of_content.insert(key, sketched);
            }
        };
        // Where the file is damaged or another program writes it, some are sketched again.
        match &mut file {
            Some(file) => file.read_all(&mut take).unwrap_or_default(),
            None => {
                let other = RecordFile::open_to_read(&path, KIND).ok().flatten();
                other.map(|mut other| other.read_all(&mut take).unwrap_or_default()).unwrap_or_default();
            }
        }
        let mut seen = HashSet::new();
        let all = samples.iter().zip(keys).filter_map(|(sample, key)| Some((sample, (*key)?)));
        let missing: Vec<(&Sample, ContentKey)> =
            all.filter(|(_, key)| !sketches.of_content.contains_key(key) && seen.insert(*key)).collect();
        let meter = Mutex::new(Meter::new(watch, Phase::Compare, Some(missing.len() as u64)));
        for some in missing.chunks(TOGETHER) {
            let made = |&(sample, key): &(&Sample, ContentKey)| {
                watch.check()?;
                let sketched = Sketched::read(sample, &key);
                meter.lock().unwrap_or_else(PoisonError::into_inner).add(1);
                Ok(sketched.map(|sketched| (key, sketched)))
            };
            let made: Vec<_> = some.par_iter().map(made).collect::<Result<_>>()?;
            let made: Vec<(ContentKey, Sketched)> = made.into_iter().flatten().collect();
            let fresh = made.iter().filter(|(key, _)| !kept.contains(key));
            let written = file.as_mut().map(|file| file.append(fresh.map(|(key, s)| (*key, s.to_bytes()))));
            if let Some(Err(_)) = written {
                file = None;
            }
            sketches.of_content.extend(made);
        }
        Ok(sketches)
    }

    /// What is known of the photo with this content.
    pub fn get(&self, key: &ContentKey) -> Option<&Sketched> {
        self.of_content.get(key)
    }
}

impl Sketched {
    fn read(sample: &Sample, key: &ContentKey) -> Option<Self> {
        let bytes = decode::read_known(&sample.path, key).ok()?;
        Some(Self { sketch: Sketch::from_bytes_of(&sample.path, &bytes).ok()?, taken: exif::taken_at(&bytes) })
    }

    fn to_bytes(&self) -> Vec<u8> {
        let taken = self.taken.unwrap_or(Taken { seconds: 0, camera: 0 });
        let mut bytes = self.sketch.to_bytes();
        bytes.push(u8::from(self.taken.is_some()));
        bytes.extend(taken.seconds.to_le_bytes());
        bytes.extend(taken.camera.to_le_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (known, rest) = bytes.get(Sketch::BYTES..)?.split_first()?;
        let (seconds, camera) = rest.split_first_chunk()?;
        let taken = Taken { seconds: i64::from_le_bytes(*seconds), camera: u64::from_le_bytes(*camera.first_chunk()?) };
        Some(Self { sketch: Sketch::from_bytes(bytes)?, taken: (*known == 1).then_some(taken) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::sample::{SampleConfig, write_samples};
    use crate::dataset::{group, scan};
    use crate::job::Unwatched;

    #[test]
    fn sketches_are_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let photos = folder.path().join("photos");
        write_samples(&photos, &SampleConfig { photos: 6, side: 32, seed: 1 }, &Unwatched).unwrap();
        std::fs::write(photos.join("Positive/broken.jpg"), "no photo").unwrap();
        let dataset = scan::scan(&photos, &Unwatched).unwrap();
        let keys = group::content_keys(&dataset.samples, &Unwatched).unwrap().keys;
        let places = Places::below(folder.path());
        let first = Sketches::of(&dataset.samples, &keys, &places, &Unwatched).unwrap();
        assert_eq!(first.of_content.len(), 6);
        let path = super::super::cache::folder(&places.cache).join(FILE);
        let written = std::fs::metadata(&path).unwrap().len();
        // The photos are gone: what is known of them comes from the cache.
        std::fs::remove_dir_all(&photos).unwrap();
        let again = Sketches::of(&dataset.samples, &keys, &places, &Unwatched).unwrap();
        assert_eq!(again.of_content, first.of_content);
        assert_eq!(std::fs::metadata(&path).unwrap().len(), written);
    }

    #[test]
    fn a_stored_time_is_read_back() {
        let sketch = Sketch::of(&crate::dataset::sample::concrete(32, crate::dataset::Class::Positive, 1));
        for taken in [None, Some(Taken { seconds: -5, camera: u64::MAX })] {
            let sketched = Sketched { sketch: sketch.clone(), taken };
            assert_eq!(sketched.to_bytes().len(), KIND.values);
            assert_eq!(Sketched::from_bytes(&sketched.to_bytes()), Some(sketched));
        }
    }
}
