//! Short questions, answered while a job runs.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};

use crossbeam_channel::Receiver;
use egui::ColorImage;

use super::inspect::{self, DrawingOrder, MapsOf, ModelState, Seen, Weights};
use super::inspection::{self, FindOrder};
use super::run_folders::{Reply, Request, RunFolders};
use super::{Event, Out, Shelf, caught};
use crate::app::fallback_fonts::{self, Font};
use crate::app::settings::Settings;
use crate::app::tabs::browse::{SavedView, saved_views};
use crate::app::tabs::review::{IntervalsOf, Said};
use crate::app::widgets::photo_view::Picture;
use crate::dataset::Dataset;
use crate::dataset::group::ContentKey;
use crate::dataset::labels::{self, Opened};
use crate::error::{Error, Result};
use crate::inspect::Findings;
use crate::nn::device::{self, DeviceReport};
use crate::nn::explain::{Cam, Explainer};
use crate::photo::decode;
use crate::photo::exif::{self, Facts};
use crate::places::Places;
use crate::review::bootstrap::{self, Intervals, Judged};
use crate::train::augment::Variants;
use crate::train::config::{Compute, DeviceChoice};
use crate::train::run_dir;
use crate::train::run_list::{self, RunList};
use crate::train::run_threshold::{self, Changed, Wanted};
use crate::train::similarity::Neighbour;

/// A question.
pub enum Ask {
    /// Which device would be used?
    Device(DeviceChoice),
    /// Which runs are there?
    Runs(PathBuf),
    /// Something about the folders of runs.
    RunFolders(Request),
    /// How does this photo look in its own pixels, and what is known of the file?
    Photo(PathBuf),
    /// Why did the model decide as it did?
    Explain(ExplainOrder),
    /// What would training make of this photo?
    Vary(VaryOrder),
    /// What do the weights of a run, a model file or the program's own model look like?
    Weights(PathBuf),
    /// What does a model make of a photo on the way?
    Maps(MapsOf),
    /// Write a drawing.
    SaveDrawing(Box<DrawingOrder>),
    /// How far could chance have moved these figures?
    Intervals {
        /// Which figures.
        of: IntervalsOf,
        /// The photos that they are of, without names.
        photos: Vec<Judged>,
    },
    /// What does a run say of its photos?
    Said(PathBuf),
    /// Give a run another threshold.
    StoreThreshold(PathBuf, Wanted),
    /// Which photos are most like this one?
    Similar(SimilarOrder),
    /// Which font of the system has these scripts?
    Fonts(String),
    /// Write the settings.
    Save(PathBuf, Box<Settings>),
    /// What is kept of the labels of these photos?
    Labels(Arc<Dataset>),
    /// What does a map come to at another threshold?
    Find(Box<FindOrder>),
    /// Which views of the photos in these folders were saved?
    Views(Vec<PathBuf>),
    /// Keep these views of the photos in these folders.
    KeepViews(Vec<PathBuf>, Vec<SavedView>),
}

/// An answer.
pub enum Answer {
    /// The device.
    Device(Result<DeviceReport>),
    /// The runs in a folder, newest first.
    Runs(PathBuf, RunList),
    /// What came of a question about folders of runs.
    RunFolders(Reply),
    /// A photo.
    Photo(PathBuf, Result<(Picture, Facts)>),
    /// What each part of a photo says.
    Explained(ExplainOrder, Result<Cam>),
    /// A photo as the network takes it and its variants after it.
    Varied(VaryOrder, Result<Vec<ColorImage>>),
    /// The weights of a model.
    Weights(PathBuf, Result<Weights>),
    /// Feature maps.
    Maps(MapsOf, Result<Seen>),
    /// A drawing is written, or not because the file is there already.
    DrawingSaved(PathBuf, Result<bool>),
    /// Intervals of figures.
    Intervals(IntervalsOf, Intervals),
    /// What a run says, without where the photos lie.
    Said(PathBuf, Result<Said>),
    /// A run has another threshold, or not.
    ThresholdStored(PathBuf, Result<Box<Changed>>),
    /// The photos most like one, the most alike first; none where there are no features to tell by.
    Similar(SimilarOrder, Option<Vec<Neighbour>>),
    /// Fonts of the system that have what was missing.
    Fonts(Vec<Font>),
    /// The settings could not be written.
    NotSaved(Error),
    /// A change of labels could not be kept, and those after it were not.
    LabelsLost(Error),
    /// The photos with the labels that are kept.
    Labels(Result<Box<(Arc<Dataset>, Opened)>>),
    /// What a map comes to.
    Found(Box<FindOrder>, Result<Arc<Findings>>),
    /// Views of the photos in these folders.
    Views(Vec<PathBuf>, Result<Vec<SavedView>>),
}

/// Whose decision about which photo is to be explained.
#[derive(Clone, Debug, PartialEq)]
pub struct ExplainOrder {
    /// The run folder.
    pub run: PathBuf,
    /// The photo.
    pub photo: PathBuf,
    /// Where to compute, and in what.
    pub compute: Compute,
    /// How many runs were opened before this one, as [`Session`](crate::app::session::Session) counts them.
    pub opened: u64,
}

/// Which variants of which photo are to be shown.
#[derive(Clone, Debug, PartialEq)]
pub struct VaryOrder {
    /// The photo.
    pub photo: PathBuf,
    /// What its variants are.
    pub variants: Variants,
    /// How many, numbered from 1.
    pub count: u32,
}

/// Which photos are to be found.
#[derive(Clone, Debug)]
pub struct SimilarOrder {
    /// The open photos.
    pub dataset: Arc<Dataset>,
    /// The one that they are to be like.
    pub photo: usize,
    /// How many at most.
    pub count: usize,
}

/// The thread that answers.
pub(super) struct Asks {
    asks: Receiver<Ask>,
    out: Out,
    places: Places,
    explainer: Option<((ModelState, Compute), Explainer)>,
    run_folders: RunFolders,
    inspected: inspect::Open,
    shelf: Shelf,
}

impl Asks {
    pub(super) fn new(asks: Receiver<Ask>, out: Out, places: Places, shelf: Shelf) -> Self {
        let (run_folders, inspected) = (RunFolders::default(), inspect::Open::default());
        Self { asks, out, places, explainer: None, run_folders, inspected, shelf }
    }

    /// Answers until nobody can ask any more.
    pub(super) fn answer_all(mut self) {
        while let Ok(ask) = self.asks.recv() {
            let mut waiting = vec![ask];
            waiting.extend(self.asks.try_iter());
            for (i, ask) in waiting.iter().enumerate() {
                // Of several asked for while moving through photos, blocks or models, only the last one is still wanted.
                let kind = std::mem::discriminant(ask);
                let outdated = |later: &Ask| std::mem::discriminant(later) == kind;
                if !ask.is_of_what_is_looked_at() || !waiting.iter().skip(i + 1).any(outdated) {
                    self.answer(ask);
                }
            }
        }
    }

    fn answer(&mut self, ask: &Ask) {
        let answer = match ask {
            Ask::Device(choice) => Answer::Device(caught("Looking for the device", || device::describe(*choice))),
            Ask::Runs(folder) => Answer::Runs(folder.clone(), run_list::list(folder)),
            Ask::RunFolders(request) => {
                if matches!(request, Request::Rename(..) | Request::Delete(..)) {
                    // Another run may soon have the path of one that is open here.
                    (self.explainer, self.inspected) = (None, inspect::Open::default());
                }
                Answer::RunFolders(self.run_folders.answer(request))
            }
            Ask::Photo(path) => Answer::Photo(path.clone(), caught("Reading the photo", || photo(path))),
            Ask::Explain(order) => Answer::Explained(order.clone(), caught("Explaining", || self.explain(order))),
            Ask::Vary(order) => Answer::Varied(order.clone(), caught("Varying the photo", || vary(order))),
            Ask::Weights(model) => {
                Answer::Weights(model.clone(), caught("Reading the model", || self.inspected.weights(model)))
            }
            Ask::Maps(of) => Answer::Maps(of.clone(), caught("Computing feature maps", || self.inspected.maps(of))),
            Ask::SaveDrawing(order) => {
                Answer::DrawingSaved(order.path.clone(), caught("Saving the drawing", || inspect::save(order)))
            }
            Ask::Intervals { of, photos } => {
                Answer::Intervals(*of, bootstrap::intervals(photos, of.2, bootstrap::DRAWS, 0))
            }
            Ask::Said(run) => Answer::Said(run.clone(), caught("Reading the predictions", || run_list::said(run))),
            Ask::StoreThreshold(run, wanted) => {
                let store = || run_threshold::store(run, *wanted).map(Box::new);
                Answer::ThresholdStored(run.clone(), caught("Storing the threshold", store))
            }
            Ask::Similar(order) => Answer::Similar(order.clone(), self.similar(order)),
            Ask::Fonts(text) => Answer::Fonts(fallback_fonts::find(text)),
            Ask::Save(path, settings) => match settings.save(path) {
                Ok(()) => return,
                Err(error) => Answer::NotSaved(error),
            },
            Ask::Labels(dataset) => Answer::Labels(caught("Reading labels", || self.labels(dataset)).map(Box::new)),
            Ask::Find(order) => Answer::Found(order.clone(), caught("Looking for cracks", || inspection::find(order))),
            Ask::Views(roots) => Answer::Views(roots.clone(), saved_views::read(&self.places, roots)),
            Ask::KeepViews(roots, views) => match saved_views::keep(&self.places, roots, views) {
                Ok(()) => return,
                Err(error) => Answer::NotSaved(error),
            },
        };
        self.out.tell(Event::Answer(answer));
    }

    /// From the features that the last job left, if they are of these photos.
    fn similar(&self, order: &SimilarOrder) -> Option<Vec<Neighbour>> {
        let kept = self.shelf.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (photos, similarity) = kept?;
        if !photos.are_of(&order.dataset) {
            return None;
        }
        Some(similarity.nearest(order.photo, order.count).unwrap_or_default())
    }

    fn labels(&self, dataset: &Dataset) -> Result<(Arc<Dataset>, Opened)> {
        let mut dataset = dataset.clone();
        labels::forget(&mut dataset);
        let opened = labels::open(&mut dataset, &self.places)?;
        Ok((Arc::new(dataset), opened))
    }

    /// The model stays open from one photo to the next.
    fn explain(&mut self, order: &ExplainOrder) -> Result<Cam> {
        let ExplainOrder { run, photo, compute, .. } = order;
        let of = (ModelState::of(run_dir::model_file(run)?), *compute);
        if self.explainer.as_ref().is_none_or(|(open, _)| *open != of) {
            self.explainer = None;
            let explainer = Explainer::open(of.0.file(), *compute)?;
            self.explainer = Some((of, explainer));
        }
        match &self.explainer {
            Some((_, explainer)) => explainer.explain(photo),
            None => Err(Error::new("No model is open")),
        }
    }
}

impl Ask {
    fn is_of_what_is_looked_at(&self) -> bool {
        matches!(
            self,
            Self::Photo(_)
                | Self::Explain(_)
                | Self::Vary(_)
                | Self::Weights(_)
                | Self::Maps(_)
                | Self::Similar(_)
                | Self::Intervals { .. }
                | Self::Said(_)
                | Self::Find(_)
        )
    }
}

fn photo(path: &Path) -> Result<(Picture, Facts)> {
    Ok((Picture::from_rgb(decode::decode(path)?), exif::facts(path)?))
}

fn vary(order: &VaryOrder) -> Result<Vec<ColorImage>> {
    let bytes = decode::read_file(&order.photo)?;
    let (photo, key) = (decode::decode_named(&order.photo, &bytes)?, ContentKey::of(&bytes));
    let picture = |number| {
        let picture = order.variants.picture(&photo, &key, number);
        let (width, height) = picture.dimensions();
        ColorImage::from_rgb([width as usize, height as usize], picture.as_raw())
    };
    Ok((0..=order.count).map(picture).collect())
}
