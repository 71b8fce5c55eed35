//! The model that is open and what it made of the photos looked at last.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use super::{InspectOrder, ModelOf, Seen};
use crate::app::worker::inspect::ModelState;
use crate::error::{Error, Result};
use crate::inspect::photo::{self, Ruler};
use crate::inspect::{Findings, Inspector, Look, Method, Settings};
use crate::job::Watch;
use crate::nn::head::Head;
use crate::photo::{decode, exif};
use crate::train::config::Compute;
use crate::train::run_dir;
use crate::train::run_list::{self, Stamp};

/// Bytes of features that are kept, of all photos together; the one that is looked at is kept in any case.
const ROOM: usize = 512 << 20;

/// Lies with the thread of the jobs.
pub struct Desk {
    open: Option<Open>,
    /// Heads that were trained on corrections.
    heads: Vec<Head>,
    /// What was looked at last stands last.
    looks: Vec<Kept>,
    room: usize,
}

/// A model.
pub(super) struct Open {
    state: ModelState,
    compute: Compute,
    /// The head that came with it.
    own: Head,
    /// Which one of the others it has now.
    head: Option<usize>,
    pub(super) inspector: Inspector,
}

/// What a model made of a photo.
struct Kept {
    of: LookOf,
    /// By which head its shares are.
    head: Option<usize>,
    look: Look,
}

/// All that a look hangs on but the head.
#[derive(Clone, Debug, PartialEq)]
struct LookOf {
    photo: PathBuf,
    stamp: Stamp,
    model: PathBuf,
    compute: Compute,
    method: Method,
    scales: Vec<f32>,
    tile_step: u32,
}

impl Default for Desk {
    fn default() -> Self {
        Self::with_room(ROOM)
    }
}

impl Open {
    fn of(state: ModelState, compute: Compute) -> Result<Self> {
        let inspector = Inspector::open_file(state.file(), compute)?;
        let own = inspector.model().head.snapshot()?;
        Ok(Self { state, compute, own, head: None, inspector })
    }
}

impl LookOf {
    fn of(photo: &Path, model: &ModelOf, compute: Compute, settings: &Settings) -> Self {
        let (photo, stamp) = (photo.to_path_buf(), run_list::stamp(photo));
        let (method, scales, tile_step) = (settings.method, settings.scales.clone(), settings.tile_step);
        Self { photo, stamp, model: model.path.clone(), compute, method, scales, tile_step }
    }
}

impl Kept {
    fn bytes(&self) -> usize {
        self.look.layers.iter().map(|layer| 4 * layer.features.as_ref().map_or(0, Vec::len)).sum()
    }
}

impl Desk {
    /// One with room for so many bytes of features.
    pub(super) fn with_room(room: usize) -> Self {
        Self { open: None, heads: Vec::new(), looks: Vec::new(), room }
    }

    /// The model, opened unless it is.
    pub(super) fn model(&mut self, model: &ModelOf, compute: Compute) -> Result<&mut Open> {
        let state = ModelState::of(run_dir::model_file(&model.path)?);
        if self.open.as_ref().is_none_or(|open| open.state != state || open.compute != compute) {
            if self.open.take().is_some_and(|open| open.state != state) {
                // Another file may have the path now that looks are known by.
                self.looks.retain(|kept| kept.of.model != model.path);
            }
            self.open = Some(Open::of(state, compute)?);
        }
        let open = self.open.as_mut().ok_or_else(|| Error::new("No model is open"))?;
        if open.head != model.head {
            let head = match model.head {
                Some(number) => self.heads.get(number).ok_or_else(|| Error::new("This head is not there any more"))?,
                None => &open.own,
            };
            open.inspector.set_head(head.snapshot()?)?;
            open.head = model.head;
        }
        Ok(open)
    }

    /// Takes up a trained head; gives its number.
    pub(super) fn add_head(&mut self, head: Head) -> usize {
        self.heads.push(head);
        self.heads.len() - 1
    }

    /// What is seen on a photo: by a pass, or from what an earlier one left.
    pub(super) fn look(&mut self, path: &Path, order: &InspectOrder, watch: &dyn Watch) -> Result<Seen> {
        let begun = Instant::now();
        let InspectOrder { model, compute, settings, .. } = order;
        let inspector = &self.model(model, *compute)?.inspector;
        let stored = inspector.threshold().at;
        let threshold = order.threshold.unwrap_or(stored);
        let mut look_seconds = 0.0;
        let (map, findings) = if self.has(path, model, *compute, settings) {
            let photo = decode::decode(path)?;
            watch.check()?;
            let map = self.map(path, order)?;
            let findings = Findings::of(&map, &photo, threshold, settings);
            (map, findings)
        } else {
            let settings = Settings { keep_features: settings.method == Method::Pass, ..settings.clone() };
            self.make_room(0);
            let inspector = &self.model(model, *compute)?.inspector;
            let opened = photo::inspect(inspector, path, &settings, threshold, Ruler::None, watch)?;
            look_seconds = opened.inspected.look_seconds;
            let of = LookOf::of(path, model, *compute, &settings);
            self.keep(Kept { of, head: model.head, look: opened.look });
            (opened.inspected.map, opened.inspected.findings)
        };
        let lens = exif::lens(path, (map.grid.width, map.grid.height));
        let (map, findings) = (Arc::new(map), Arc::new(findings));
        Ok(Seen { map, findings, stored, lens, seconds: begun.elapsed().as_secs_f64(), look_seconds })
    }

    /// Whether a look at a photo is kept from which the map of this order can be made.
    fn has(&self, path: &Path, model: &ModelOf, compute: Compute, settings: &Settings) -> bool {
        let of = LookOf::of(path, model, compute, settings);
        let fits = |kept: &Kept| kept.head == model.head || kept.look.layers.iter().all(|l| l.features.is_some());
        self.looks.iter().any(|kept| kept.of == of && fits(kept))
    }

    /// The map of a look that is kept.
    fn map(&mut self, path: &Path, order: &InspectOrder) -> Result<crate::inspect::HeatMap> {
        let of = LookOf::of(path, &order.model, order.compute, &order.settings);
        let at = self.looks.iter().position(|kept| kept.of == of);
        let mut kept = at.map(|at| self.looks.remove(at)).ok_or_else(|| Error::new("The photo was not looked at"))?;
        let inspector = &self.model(&order.model, order.compute)?.inspector;
        if kept.head != order.model.head && kept.look.apply(inspector.contrast()) {
            kept.head = order.model.head;
        }
        let map = inspector.heat(&kept.look, &order.settings);
        self.keep(kept);
        Ok(map)
    }

    /// The look at a photo with its features: taken again where it is not kept.
    pub(super) fn with_features(&mut self, path: &Path, order: &InspectOrder, watch: &dyn Watch) -> Result<&Look> {
        if self.has(path, &order.model, order.compute, &order.settings) {
            self.map(path, order)?;
        } else {
            self.look(path, order, watch)?;
        }
        self.looks.last().map(|kept| &kept.look).ok_or_else(|| Error::new("The photo was not looked at"))
    }

    /// Maps of all looks that were taken as `order` has it, by its head; those without features are left out.
    pub(super) fn maps(&mut self, order: &InspectOrder) -> Result<Vec<(PathBuf, Arc<crate::inspect::HeatMap>)>> {
        let photos: Vec<PathBuf> = self.looks.iter().map(|kept| kept.of.photo.clone()).collect();
        let mut maps = Vec::with_capacity(photos.len());
        for photo in photos {
            if self.has(&photo, &order.model, order.compute, &order.settings) {
                let map = self.map(&photo, order)?;
                maps.push((photo, Arc::new(map)));
            }
        }
        Ok(maps)
    }

    fn keep(&mut self, kept: Kept) {
        self.looks.retain(|other| other.of.photo != kept.of.photo);
        self.make_room(kept.bytes());
        self.looks.push(kept);
    }

    /// Lets go of what was looked at longest ago, until so many more bytes fit.
    fn make_room(&mut self, more: usize) {
        let mut bytes: usize = self.looks.iter().map(Kept::bytes).sum();
        while bytes + more > self.room && !self.looks.is_empty() {
            bytes -= self.looks.remove(0).bytes();
        }
    }

    #[cfg(test)]
    pub(super) fn looks(&self) -> usize {
        self.looks.len()
    }
}
