//! Small pictures of the photos on the screen, made by threads of their own and kept in a bounded amount of memory.
//!
//! Each frame asks for the cells it shows. What is missing goes to the decoding threads when the frame ends, newest
//! request first; requests that the frame did not repeat are dropped. Finished pictures are copied into the
//! [`atlas`], a few a frame, and the least recently shown ones make room for them.
//!
//! **Bound.** Textures take at most [`atlas::BUDGET`] bytes (96 MiB). Between the threads and the window wait at most
//! [`WAITING`] pictures (4 MiB at 256 pixels a side), and each of the two threads holds one photo while it shrinks it.

mod atlas;
mod pool;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

use egui::{Context, Rect, TextureId, Vec2};

use crate::error::Error;
use atlas::Atlas;
use pool::{Job, Pool};

/// Decoded pictures that may wait for the window.
pub const WAITING: usize = 16;
/// Pixels copied into textures in one frame: 57 pictures of 96 × 96, or 8 of 256 × 256.
const PIXELS_PER_FRAME: usize = 512 * 1024;
/// The smallest and largest side of a thumbnail in pixels.
const SIDES: std::ops::RangeInclusive<u32> = 16..=1024;

/// What is known of one thumbnail.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Thumbnail<'a> {
    /// Being made.
    Waiting,
    /// A part of a texture.
    Ready(Picture),
    /// The photo cannot be read, and why.
    Failed(&'a Error),
}

/// A picture within a texture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Picture {
    /// The texture.
    pub texture: TextureId,
    /// Its part of the texture, 0 to 1.
    pub uv: Rect,
    /// Its size in pixels.
    pub size: Vec2,
}

/// The thumbnails of the open photos.
pub struct Thumbnails {
    pool: Pool,
    atlas: Atlas,
    /// For each photo with a place in the atlas: the side that it was made for.
    sides: HashMap<PathBuf, u32>,
    failures: BTreeMap<PathBuf, Error>,
    /// What this frame misses, in the order it was asked for, those on the screen first.
    wanted: Vec<Job>,
    /// The same for photos just off the screen.
    soon: Vec<Job>,
    /// What the frame before missed, to tell new requests from old ones.
    before: HashSet<PathBuf>,
}

impl Thumbnails {
    /// Starts the decoding threads. They ask `ctx` for a frame whenever a picture is ready.
    ///
    /// # Errors
    /// Where the system refuses a thread.
    pub fn new(ctx: &Context) -> Result<Self, Error> {
        Ok(Self {
            pool: Pool::new(ctx.clone())?,
            atlas: Atlas::default(),
            sides: HashMap::new(),
            failures: BTreeMap::new(),
            wanted: Vec::new(),
            soon: Vec::new(),
            before: HashSet::new(),
        })
    }

    /// Takes over pictures that are ready. Call it before anything asks for one.
    pub fn begin_frame(&mut self, ctx: &Context) {
        self.wanted.clear();
        self.soon.clear();
        self.atlas.begin_frame();
        let mut pixels = 0;
        while pixels < PIXELS_PER_FRAME {
            let Some(done) = self.pool.ready() else { return };
            match done.picture {
                Ok(picture) => {
                    pixels += picture.size[0] * picture.size[1];
                    if let Some(evicted) = self.atlas.insert(ctx, &done.job, picture) {
                        for path in evicted {
                            self.sides.remove(&path);
                        }
                        self.sides.insert(done.job.path, done.job.side);
                    }
                }
                Err(error) => drop(self.failures.insert(done.job.path, error)),
            }
        }
        ctx.request_repaint();
    }

    /// The thumbnail of a photo on the screen, `side` pixels at its longer side. Until it is ready in this size, one
    /// of another size serves.
    pub fn get(&mut self, path: &Path, side: f32) -> Thumbnail<'_> {
        let side = (side.round() as u32).clamp(*SIDES.start(), *SIDES.end());
        if let Some(error) = self.failures.get(path) {
            return Thumbnail::Failed(error);
        }
        let made = self.sides.get(path).copied();
        if made != Some(side) {
            self.wanted.push(Job { path: path.to_owned(), side });
        }
        match made.and_then(|_| self.atlas.get(path)) {
            Some(picture) => Thumbnail::Ready(picture),
            None => Thumbnail::Waiting,
        }
    }

    /// The thumbnail of a photo in whatever size there is; made `side` pixels long where there is none. For small
    /// pictures of photos that another place may show in its own size at the same time.
    pub fn in_any_size(&mut self, path: &Path, side: f32) -> Thumbnail<'_> {
        let side = self.sides.get(path).map_or(side, |side| *side as f32);
        self.get(path, side)
    }

    /// Asks for a photo that is about to come onto the screen, after all those that are on it.
    pub fn prepare(&mut self, path: &Path, side: f32) {
        let side = (side.round() as u32).clamp(*SIDES.start(), *SIDES.end());
        if !self.sides.contains_key(path) && !self.failures.contains_key(path) {
            self.soon.push(Job { path: path.to_owned(), side });
        }
    }

    /// Hands what this frame missed to the threads and drops what it no longer shows.
    pub fn end_frame(&mut self) {
        let before = &self.before;
        let (new, old): (Vec<_>, Vec<_>) = self.wanted.drain(..).partition(|job| !before.contains(&job.path));
        self.before = new.iter().chain(&old).map(|job| job.path.clone()).collect();
        self.pool.replace(new.into_iter().chain(old).chain(self.soon.drain(..)));
    }

    /// Forgets every picture and every failure, as when another folder is opened.
    pub fn clear(&mut self) {
        self.pool.forget();
        self.atlas = Atlas::default();
        self.sides.clear();
        self.failures.clear();
        self.wanted.clear();
        self.soon.clear();
        self.before.clear();
    }

    /// Why a photo could not be read, if that was tried.
    pub fn failure(&self, path: &Path) -> Option<&Error> {
        self.failures.get(path)
    }

    /// The photos found to be unreadable so far, in order of their paths.
    pub fn failures(&self) -> impl ExactSizeIterator<Item = (&Path, &Error)> {
        self.failures.iter().map(|(path, error)| (path.as_path(), error))
    }

    /// Whether nothing is being made or waits to be shown.
    pub fn is_idle(&self) -> bool {
        self.pool.is_idle()
    }

    /// Bytes of textures in use.
    pub fn texture_bytes(&self) -> usize {
        self.atlas.bytes()
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn photos(folder: &Path, count: usize) -> Vec<PathBuf> {
        (0..count)
            .map(|i| {
                let path = folder.join(format!("{i}.png"));
                image::RgbImage::from_pixel(60, 40, image::Rgb([i as u8, 0, 0])).save(&path).unwrap();
                path
            })
            .collect()
    }

    /// Runs frames that ask for `paths` until nothing is left to do.
    fn settle(ctx: &Context, thumbnails: &mut Thumbnails, paths: &[PathBuf], side: f32) {
        let begun = Instant::now();
        loop {
            thumbnails.begin_frame(ctx);
            for path in paths {
                thumbnails.get(path, side);
            }
            thumbnails.end_frame();
            if thumbnails.is_idle() {
                return;
            }
            assert!(begun.elapsed() < Duration::from_secs(20), "thumbnails never settle");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    #[test]
    fn pictures_arrive_and_failures_keep_their_reason() {
        let folder = tempfile::tempdir().unwrap();
        let mut paths = photos(folder.path(), 5);
        let broken = folder.path().join("broken.jpg");
        std::fs::write(&broken, b"no picture").unwrap();
        paths.push(broken.clone());
        let ctx = Context::default();
        let mut thumbnails = Thumbnails::new(&ctx).unwrap();
        settle(&ctx, &mut thumbnails, &paths, 30.0);
        let Thumbnail::Ready(picture) = thumbnails.get(&paths[0], 30.0) else { panic!("not ready") };
        assert_eq!(picture.size, Vec2::new(30.0, 20.0));
        assert!(matches!(thumbnails.get(&broken, 30.0), Thumbnail::Failed(_)));
        let failed: Vec<_> =
            thumbnails.failures().map(|(path, error)| (path.to_owned(), error.title().len())).collect();
        assert_eq!(failed.len(), 1);
        assert!(failed[0].0 == broken && failed[0].1 > 0);
    }

    #[test]
    fn what_is_no_longer_shown_is_not_made() {
        let folder = tempfile::tempdir().unwrap();
        let paths = photos(folder.path(), 200);
        let ctx = Context::default();
        let mut thumbnails = Thumbnails::new(&ctx).unwrap();
        thumbnails.begin_frame(&ctx);
        for path in &paths {
            thumbnails.get(path, 30.0);
        }
        thumbnails.end_frame();
        settle(&ctx, &mut thumbnails, &paths[190..], 30.0);
        let made = paths.iter().filter(|path| thumbnails.sides.contains_key(*path)).count();
        assert!((10..100).contains(&made), "{made} of 200 were made though 10 are shown");
    }

    #[test]
    fn another_size_serves_until_the_right_one_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let paths = photos(folder.path(), 1);
        let ctx = Context::default();
        let mut thumbnails = Thumbnails::new(&ctx).unwrap();
        settle(&ctx, &mut thumbnails, &paths, 30.0);
        thumbnails.begin_frame(&ctx);
        let Thumbnail::Ready(picture) = thumbnails.get(&paths[0], 48.0) else { panic!("flickers") };
        assert_eq!(picture.size.x, 30.0);
        settle(&ctx, &mut thumbnails, &paths, 48.0);
        let Thumbnail::Ready(picture) = thumbnails.get(&paths[0], 48.0) else { panic!("not ready") };
        assert_eq!(picture.size.x, 48.0);
    }
}
