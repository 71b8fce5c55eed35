//! The photos to inspect, and what is known of each. Decoded pixels are not among it.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::paint::Paint;
use super::ruler::Line;
use crate::app::session::Session;
use crate::app::widgets::photo_view::Picture;
use crate::app::worker::inspection::{FindOrder, ModelOf, PhotoDone};
use crate::error::Error;
use crate::inspect::{Findings, HeatMap, LeaveOut, Settings};
use crate::photo::exif::Lens;

/// By which model, and how, photos are looked at.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Way {
    pub(super) model: ModelOf,
    pub(super) settings: Settings,
}

/// The photos, one of which is shown.
#[derive(Default)]
pub(super) struct Queue {
    photos: Vec<PathBuf>,
    states: HashMap<PathBuf, PhotoState>,
    selected: usize,
    /// How often a photo was chosen to be shown.
    choices: u64,
    /// Whether the selected photo is to be brought onto the screen.
    pub(super) reveal: bool,
    /// How many folders had been listed when the photos of one were taken over.
    listed: u64,
    /// Whether the photos were chosen for inspection, rather than being those of the open folder.
    chosen: bool,
    /// The folders of the photos.
    roots: Vec<PathBuf>,
    running: Option<PathBuf>,
    waiting: HashSet<PathBuf>,
    /// What was asked for, so that it is not asked for again.
    finding: Option<(PathBuf, f32, LeaveOut)>,
}

/// What is known of a photo.
#[derive(Default)]
pub(super) struct PhotoState {
    pub(super) seen: Option<SeenPhoto>,
    /// Why it cannot be inspected.
    pub(super) error: Option<Error>,
    pub(super) paint: Paint,
    /// A line whose length the user knows.
    pub(super) line: Option<Line>,
}

/// What was seen on a photo.
pub(super) struct SeenPhoto {
    pub(super) map: Arc<HeatMap>,
    pub(super) findings: Arc<Findings>,
    /// Whether the findings are those of the map.
    pub(super) found: bool,
    pub(super) way: Way,
    pub(super) lens: Option<Lens>,
    pub(super) seconds: f64,
    pub(super) look_seconds: f64,
}

impl PhotoState {
    /// Whether nothing is left to do for it.
    fn is_done(&self, way: &Way) -> bool {
        self.error.is_some() || self.seen.as_ref().is_some_and(|seen| seen.is_of(way))
    }
}

impl SeenPhoto {
    /// The share of cells that count as cracked at a threshold.
    pub(super) fn share(&self, threshold: f32) -> f64 {
        let cells = self.map.grid.len().max(1) as f64;
        let cracked = if self.is_found(threshold, self.way.settings.leave_out) {
            self.findings.cracked.iter().filter(|cracked| **cracked).count()
        } else {
            // The logit of the threshold, so that nothing is worked out for each cell in each frame.
            let least = (threshold / (1.0 - threshold)).ln();
            self.map.logits.iter().filter(|logit| **logit >= least).count()
        };
        cracked as f64 / cells
    }

    /// Whether the findings are those at this threshold.
    pub(super) fn is_found(&self, threshold: f32, leave_out: LeaveOut) -> bool {
        self.found && self.findings.threshold == threshold && self.way.settings.leave_out == leave_out
    }

    /// Whether it was looked at in this way; what is left out of the findings makes no other map.
    pub(super) fn is_of(&self, way: &Way) -> bool {
        let settings = Settings { leave_out: way.settings.leave_out, ..self.way.settings.clone() };
        self.way.model == way.model && settings == way.settings
    }
}

impl Queue {
    /// Takes over the photos of the open folder, if it was listed anew: files may be others than they were, so that only
    /// what a person did stays.
    pub(super) fn follow(&mut self, session: &Session) {
        if self.listed != session.listed {
            self.listed = session.listed;
            self.states.retain(|_, state| !state.paint.is_empty() || state.line.is_some());
            self.states.values_mut().for_each(|state| (state.seen, state.error) = (None, None));
            self.back(session);
        }
    }

    /// Goes back to the photos of the open folder.
    pub(super) fn back(&mut self, session: &Session) {
        self.chosen = false;
        let dataset = session.dataset.as_ref();
        let photos = dataset.map(|d| d.samples.iter().map(|sample| sample.path.clone()).collect()).unwrap_or_default();
        self.roots = dataset.map(|dataset| dataset.roots.clone()).unwrap_or_default();
        self.set(photos);
    }

    /// Takes over photos that were chosen; more of them come after those before.
    pub(super) fn add(&mut self, photos: Vec<PathBuf>) {
        let before = std::mem::take(&mut self.photos);
        let mut all = if std::mem::replace(&mut self.chosen, true) { before } else { Vec::new() };
        let known: HashSet<PathBuf> = all.iter().cloned().collect();
        let first = photos.first().cloned();
        all.extend(photos.into_iter().filter(|photo| !known.contains(photo)));
        self.roots = all.iter().filter_map(|photo| photo.parent()).map(Path::to_owned).collect();
        self.roots.dedup();
        self.set(all);
        if let Some(at) = first.and_then(|first| self.photos.iter().position(|photo| *photo == first)) {
            self.select(at);
        }
    }

    fn set(&mut self, photos: Vec<PathBuf>) {
        let still: HashSet<&PathBuf> = photos.iter().collect();
        self.states.retain(|photo, _| still.contains(photo));
        (self.photos, self.selected, self.reveal) = (photos, 0, true);
        self.choices += 1;
        self.finding = None;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.photos.is_empty()
    }

    pub(super) fn is_chosen(&self) -> bool {
        self.chosen
    }

    pub(super) fn photos(&self) -> &[PathBuf] {
        &self.photos
    }

    /// The folders that nothing is written into.
    pub(super) fn roots(&self) -> &[PathBuf] {
        &self.roots
    }

    /// What the photos are called together.
    pub(super) fn name(&self) -> String {
        let name = self.roots.first().and_then(|root| root.file_name());
        name.map_or_else(|| "photos".to_owned(), |name| name.to_string_lossy().into_owned())
    }

    pub(super) fn selected(&self) -> usize {
        self.selected
    }

    pub(super) fn select(&mut self, at: usize) {
        if at < self.photos.len() {
            (self.selected, self.reveal) = (at, true);
            self.choices += 1;
        }
    }

    /// How often a photo was chosen to be shown: another number is another choice, be it of the same photo.
    pub(super) fn choices(&self) -> u64 {
        self.choices
    }

    /// The photo that is shown.
    pub(super) fn path(&self) -> Option<&PathBuf> {
        self.photos.get(self.selected)
    }

    /// The photo that is shown, and what is known of it.
    pub(super) fn current(&mut self) -> Option<(&PathBuf, &PhotoState)> {
        let path = self.photos.get(self.selected)?;
        Some((path, self.states.entry(path.clone()).or_default()))
    }

    pub(super) fn current_mut(&mut self) -> Option<&mut PhotoState> {
        let path = self.photos.get(self.selected)?;
        Some(self.states.entry(path.clone()).or_default())
    }

    pub(super) fn state(&self, path: &Path) -> Option<&PhotoState> {
        self.states.get(path)
    }

    /// The photos with what is known of them, in their order.
    pub(super) fn known(&self) -> impl Iterator<Item = (&PathBuf, &PhotoState)> {
        self.photos.iter().filter_map(|path| Some((path, self.states.get(path)?)))
    }

    /// How many photos have a map.
    pub(super) fn inspected(&self) -> usize {
        self.states.values().filter(|state| state.seen.is_some()).count()
    }

    /// Photos that were not looked at in this way; those that cannot be read are passed over.
    pub(super) fn left(&self, way: &Way) -> Vec<PathBuf> {
        self.photos.iter().filter(|path| !self.states.get(*path).is_some_and(|s| s.is_done(way))).cloned().collect()
    }

    /// How many these are.
    pub(super) fn left_count(&self, way: &Way) -> usize {
        self.photos.len() - self.states.values().filter(|state| state.is_done(way)).count()
    }

    pub(super) fn is_running(&self, path: &Path) -> bool {
        self.running.as_deref() == Some(path)
    }

    pub(super) fn is_waiting(&self, path: &Path) -> bool {
        self.waiting.contains(path)
    }

    /// These photos will be inspected.
    pub(super) fn wait(&mut self, photos: &[PathBuf]) {
        self.waiting = photos.iter().cloned().collect();
    }

    pub(super) fn begun(&mut self, path: PathBuf) {
        self.waiting.remove(&path);
        self.running = Some(path);
    }

    pub(super) fn ended(&mut self) {
        self.waiting.clear();
        self.running = None;
    }

    /// A photo was looked at. What a person painted stays, as long as the photo has the cells that it had.
    pub(super) fn done(&mut self, done: PhotoDone) {
        if self.is_running(&done.path) {
            self.running = None;
        }
        if !self.photos.contains(&done.path) {
            return;
        }
        let state = self.states.entry(done.path).or_default();
        match done.result {
            Ok(seen) => {
                if state.seen.as_ref().is_some_and(|before| before.map.grid != seen.map.grid) {
                    state.paint = Paint::default();
                }
                let way = Way { model: done.model, settings: done.settings };
                let (map, findings) = (seen.map, seen.findings);
                let (lens, seconds, look_seconds) = (seen.lens, seen.seconds, seen.look_seconds);
                state.seen = Some(SeenPhoto { map, findings, found: true, way, lens, seconds, look_seconds });
                state.error = None;
            }
            Err(error) => state.error = Some(error),
        }
    }

    /// Another head was applied to what was seen.
    pub(super) fn take_maps(&mut self, model: &ModelOf, maps: &[(PathBuf, Arc<HeatMap>)]) {
        for (path, map) in maps {
            let seen = self.states.get_mut(path).and_then(|state| state.seen.as_mut());
            if let Some(seen) = seen.filter(|seen| seen.map.grid == map.grid) {
                (seen.map, seen.found) = (Arc::clone(map), false);
                seen.way.model = model.clone();
            }
        }
        self.finding = None;
    }

    /// What must be found anew on the photo that is shown, once.
    pub(super) fn wanted_finding(
        &mut self,
        picture: &Picture,
        threshold: f32,
        leave_out: LeaveOut,
    ) -> Option<FindOrder> {
        let path = self.path()?.clone();
        let seen = self.states.get(&path)?.seen.as_ref()?;
        let wanted = (path.clone(), threshold, leave_out);
        if seen.is_found(threshold, leave_out) {
            self.finding = None;
            return None;
        }
        if self.finding.as_ref() == Some(&wanted) {
            return None;
        }
        let settings = Settings { leave_out, ..seen.way.settings.clone() };
        let map = Arc::clone(&seen.map);
        self.finding = Some(wanted);
        Some(FindOrder { path, map, picture: picture.clone(), threshold, settings })
    }

    /// Findings have come. Those of a map that was replaced meanwhile are passed over.
    pub(super) fn found(&mut self, order: &FindOrder, findings: Arc<Findings>) {
        let seen = self.states.get_mut(&order.path).and_then(|state| state.seen.as_mut());
        if let Some(seen) = seen.filter(|seen| Arc::ptr_eq(&seen.map, &order.map)) {
            (seen.findings, seen.found) = (findings, true);
            seen.way.settings.leave_out = order.settings.leave_out;
        }
        let of = (order.path.clone(), order.threshold, order.settings.leave_out);
        self.finding.take_if(|finding| *finding == of);
    }

    /// Looks at the photo that is shown once more, although it could not be read.
    pub(super) fn try_again(&mut self) {
        if let Some(state) = self.current_mut() {
            state.error = None;
        }
        self.choices += 1;
    }
}
