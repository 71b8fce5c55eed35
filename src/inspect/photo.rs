//! One photo file after the other.

use std::path::{Path, PathBuf};
use std::time::Instant;

use image::RgbImage;

use super::findings::Findings;
use super::heat::HeatMap;
use super::measure::{Measures, Scale};
use super::pass::{Inspector, Look};
use super::{Method, Settings, pass};
use crate::error::Result;
use crate::job::{Progress, Watch};
use crate::photo::{decode, exif};

/// How pixels become millimetres, as the user says it for all photos.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Ruler {
    /// They do not.
    #[default]
    None,
    /// By a known number of pixels to a millimetre.
    PixelsPerMm(f64),
    /// By the distance of the surface in metres, and each photo's own lens.
    Metres(f64),
}

/// What is known of a photo file in the end.
#[derive(Clone, Debug, PartialEq)]
pub struct Inspected {
    /// Where it lies.
    pub path: PathBuf,
    /// Its map.
    pub map: HeatMap,
    /// What was found.
    pub findings: Findings,
    /// What that measures.
    pub measures: Measures,
    /// How pixels became millimetres.
    pub scale: Option<Scale>,
    /// Why they did not, where the user wanted it.
    pub no_scale: Option<String>,
    /// Time for all of it, reading the file included.
    pub seconds: f64,
    /// Time for the network alone.
    pub look_seconds: f64,
}

/// A photo that was inspected, with what it was inspected from.
pub struct Opened {
    /// What is known of it.
    pub inspected: Inspected,
    /// Its pixels, upright.
    pub photo: RgbImage,
    /// What the network made of it.
    pub look: Look,
}

impl Ruler {
    /// The scale of a photo.
    ///
    /// # Errors
    /// As [`Scale::given`] and [`Scale::from_distance`].
    pub fn scale(self, path: &Path, size: (u32, u32)) -> Result<Option<Scale>> {
        match self {
            Self::None => Ok(None),
            Self::PixelsPerMm(number) => Scale::given(number).map(Some),
            Self::Metres(metres) => Scale::from_distance(metres, exif::lens(path, size), size).map(Some),
        }
    }
}

/// Reads a photo and inspects it at `threshold`.
///
/// # Errors
/// Where it cannot be read, the device fails, or the user stops the job.
pub fn inspect(
    inspector: &Inspector,
    path: &Path,
    settings: &Settings,
    threshold: f32,
    ruler: Ruler,
    watch: &dyn Watch,
) -> Result<Opened> {
    watch.check()?;
    let begun = Instant::now();
    let photo = decode::decode(path)?;
    watch.check()?;
    let looking = Instant::now();
    let look = inspector.look(&photo, settings, watch)?;
    let look_seconds = looking.elapsed().as_secs_f64();
    let map = inspector.heat(&look, settings);
    watch.check()?;
    let findings = Findings::of(&map, &photo, threshold, settings);
    let (scale, no_scale) = match ruler.scale(path, photo.dimensions()) {
        Ok(scale) => (scale, None),
        Err(error) => (None, Some(error.one_line())),
    };
    let measures = Measures::of(&map, &findings, scale);
    let (path, seconds) = (path.to_path_buf(), begun.elapsed().as_secs_f64());
    let inspected = Inspected { path, map, findings, measures, scale, no_scale, seconds, look_seconds };
    Ok(Opened { inspected, photo, look })
}

/// How many pixels go through the network for a photo of this size: what [`Phase::Inspect`](crate::job::Phase::Inspect)
/// counts.
pub fn pixels(size: (u32, u32), settings: &Settings) -> u64 {
    match settings.method {
        Method::Pass => {
            pass::scales_for(size, &settings.scales).iter().map(|scale| pass::area(pass::scaled(size, *scale))).sum()
        }
        Method::Tiles => pass::area(size),
    }
}

/// Watches one photo of several, as part of all.
pub struct InQueue<'a> {
    /// Whoever watches all.
    pub watch: &'a dyn Watch,
    /// Pixels of the photos before.
    pub before: u64,
    /// Pixels of all.
    pub total: u64,
}

impl Watch for InQueue<'_> {
    fn progress(&self, progress: Progress) {
        let done = self.before + progress.done;
        self.watch.progress(Progress { done, total: Some(self.total.max(done)), ..progress });
    }

    fn is_cancelled(&self) -> bool {
        self.watch.is_cancelled()
    }
}
