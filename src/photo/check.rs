//! Opens every photo to see whether it can be read.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Mutex;

use rayon::prelude::*;

use super::decode::{self, Format};
use crate::dataset::{Problem, Sample};
use crate::error::{Context, Error, Result};
use crate::job::{Meter, Phase, Watch};

/// What came of opening every photo.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// How many photos there are of each width and height, those that can be read.
    pub sizes: BTreeMap<(u32, u32), usize>,
    /// Photos that cannot be read, in their order.
    pub problems: Vec<Problem>,
}

/// Decodes every photo, in parallel, and keeps nothing of it but its size.
///
/// # Errors
/// Where the user stops it. A photo that cannot be read is no error but a problem in what is returned.
pub fn check(samples: &[Sample], watch: &dyn Watch) -> Result<Checked> {
    check_by(samples, watch, |path| decode::decode(path).map(|picture| picture.dimensions()))
}

/// As [`check`], from the beginnings and ends of files alone: what is damaged in between goes unnoticed.
///
/// # Errors
/// As [`check`].
pub fn glance(samples: &[Sample], watch: &dyn Watch) -> Result<Checked> {
    check_by(samples, watch, |path| {
        let (width, height, format) = decode::header(path)?;
        check_end(path, format)?;
        Ok((width, height))
    })
}

fn check_by(
    samples: &[Sample],
    watch: &dyn Watch,
    size: impl Fn(&Path) -> Result<(u32, u32)> + Sync,
) -> Result<Checked> {
    let meter = Mutex::new(Meter::new(watch, Phase::Check, Some(samples.len() as u64)));
    let outcomes = samples.par_iter().map(|sample| {
        watch.check()?;
        let outcome = size(&sample.path);
        meter.lock().unwrap_or_else(std::sync::PoisonError::into_inner).add(1);
        Ok(outcome.map_err(|error| Problem { file: sample.file.clone(), reason: error.reason() }))
    });
    let mut checked = Checked::default();
    for outcome in outcomes.collect::<Result<Vec<_>>>()? {
        match outcome {
            Ok(size) => *checked.sizes.entry(size).or_default() += 1,
            Err(problem) => checked.problems.push(problem),
        }
    }
    Ok(checked)
}

/// Refuses JPEG and PNG files whose last bytes lack the mark of the end. Cameras and editors append things to it.
fn check_end(path: &Path, format: Format) -> Result<()> {
    /// How far before the end of the file the mark may lie.
    const APPENDED: u64 = 64 * 1024;
    let mark: &[u8] = match format {
        Format::Jpeg => &[0xff, 0xd9],
        Format::Png => b"IEND",
        _ => return Ok(()),
    };
    let mut file = File::open(path).on_file("read", path)?;
    let length = file.metadata().on_file("read", path)?.len();
    let mut end = Vec::new();
    file.seek(SeekFrom::Start(length.saturating_sub(APPENDED))).on_file("read", path)?;
    file.read_to_end(&mut end).on_file("read", path)?;
    if end.windows(mark.len()).rev().any(|bytes| bytes == mark) {
        return Ok(());
    }
    // Phones append whole films: what looks cut short is looked at in full.
    if length > APPENDED && decode::decode(path).is_ok() {
        return Ok(());
    }
    Err(Error::file("read", path, format!("{} file cut short", format.title())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::Unwatched;

    #[test]
    fn a_film_behind_a_photo_is_no_damage() {
        let folder = tempfile::tempdir().unwrap();
        let sample = |name: &str, length: usize, film: usize| {
            let path = folder.path().join(name);
            image::RgbImage::from_pixel(300, 300, image::Rgb([90, 80, 70])).save(&path).unwrap();
            let mut bytes = std::fs::read(&path).unwrap();
            bytes.truncate(bytes.len() - length);
            bytes.extend(std::iter::repeat_n(7, film));
            std::fs::write(&path, bytes).unwrap();
            Sample { file: name.to_owned(), path, bytes: 1, ..Sample::default() }
        };
        let samples = [sample("film.jpg", 0, 200_000), sample("cut.jpg", 600, 200_000)];
        let problems = glance(&samples, &Unwatched).unwrap().problems;
        assert_eq!(problems.iter().map(|problem| &*problem.file).collect::<Vec<_>>(), ["cut.jpg"]);
    }

    #[test]
    fn a_glance_sees_what_is_cut_short() {
        let folder = tempfile::tempdir().unwrap();
        let samples: Vec<Sample> = ["a.jpg", "b.png", "cut.jpg", "cut.png", "middle.jpg", "text.jpg"]
            .map(|name| {
                let path = folder.path().join(name);
                Sample { file: name.to_owned(), path, bytes: 1, ..Sample::default() }
            })
            .into();
        let noise = |x: u32, y: u32| image::Rgb([(x * y * 7) as u8, (x * 31 + y * y) as u8, (y * 13) as u8]);
        let picture = image::RgbImage::from_fn(80, 60, noise);
        for sample in &samples[..5] {
            picture.save(&sample.path).unwrap();
        }
        for sample in &samples[2..4] {
            let bytes = std::fs::read(&sample.path).unwrap();
            std::fs::write(&sample.path, &bytes[..bytes.len() - 30]).unwrap();
        }
        let mut damaged = std::fs::read(&samples[4].path).unwrap();
        let middle = damaged.len() / 2;
        damaged.drain(middle..middle + 200);
        std::fs::write(&samples[4].path, damaged).unwrap();
        std::fs::write(&samples[5].path, "text").unwrap();

        let quick = glance(&samples, &Unwatched).unwrap();
        let files = |checked: &Checked| checked.problems.iter().map(|p| p.file.clone()).collect::<Vec<_>>();
        assert_eq!(files(&quick), ["cut.jpg", "cut.png", "text.jpg"]);
        assert_eq!(quick.sizes, BTreeMap::from([((80, 60), 3)]));
        let thorough = check(&samples, &Unwatched).unwrap();
        assert_eq!(files(&thorough), ["cut.jpg", "cut.png", "middle.jpg", "text.jpg"]);
    }
}
