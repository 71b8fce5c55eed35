//! Small pictures of many photos, read in parallel.

use image::RgbImage;
use rayon::prelude::*;

use crate::error::Result;
use crate::job::Watch;
use crate::photo::thumbnail;
use crate::review::predictions::Prediction;

/// A thumbnail of each photo, within `side` × `side` pixels, or why there is none. Takes about as much memory as the
/// thumbnails together: call it for a page at a time.
///
/// # Errors
/// Where the user stops the job.
pub fn read(photos: &[Prediction], side: u32, watch: &dyn Watch) -> Result<Vec<Result<RgbImage>>> {
    let thumbnail = |photo: &Prediction| watch.check().map(|()| thumbnail::thumbnail(&photo.path, side));
    photos.par_iter().map(thumbnail).collect()
}
