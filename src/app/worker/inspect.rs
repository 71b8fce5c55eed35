//! Looks into a model for the tab that shows it.

use std::path::{Path, PathBuf};

use egui::ColorImage;
use image::RgbImage;

use crate::app::tabs::model::Atlas;
use crate::dataset::keep_out::keep_out;
use crate::error::{Error, Result};
use crate::export::architecture;
use crate::export::sheets::{self, Scale};
use crate::nn::drawing::Drawing;
use crate::nn::inspect::{Inspector, TensorStatistics};
use crate::nn::network::ModelFile;
use crate::photo::transform;
use crate::train::config::{Backbone, Tune};
use crate::train::run_dir::{self, RunRecord};
use crate::train::run_list::{self, Stamp};

/// What the weights of a model look like.
#[derive(Clone, Debug)]
pub struct Weights {
    /// Which network it is.
    pub backbone: Backbone,
    /// Which layers were trained, where it is a run.
    pub tune: Option<Tune>,
    /// Figures of every tensor that can be trained, in the order of the layers.
    pub tensors: Vec<TensorStatistics>,
    /// Pixels on a side of a kernel of the first convolution.
    pub filter_side: usize,
    /// Those kernels as pictures.
    pub filters: Pictures,
}

/// Which feature maps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapsOf {
    /// The run folder, the model file, or `bundled`.
    pub model: PathBuf,
    /// The photo.
    pub photo: PathBuf,
    /// The blocks that it has gone through after the stem.
    pub blocks: usize,
}

/// What a network makes of a photo.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The photo as the network takes it.
    pub photo: ColorImage,
    /// The feature maps as pictures.
    pub maps: Pictures,
    /// The lowest and the highest value of each.
    pub ranges: Vec<[f32; 2]>,
}

/// Pictures of one size, with either scale of colours.
#[derive(Clone, Debug)]
pub struct Pictures {
    /// From the lowest to the highest value of each.
    pub each: Atlas,
    /// From the lowest to the highest of all.
    pub together: Atlas,
}

/// A drawing to be written.
#[derive(Clone, Debug)]
pub struct DrawingOrder {
    /// What to write.
    pub drawing: Drawing,
    /// The file, `.svg` or `.png`.
    pub path: PathBuf,
    /// Whether a file that is there may be replaced.
    pub replace: bool,
    /// The folders of the open photos, into which nothing is written.
    pub roots: Vec<PathBuf>,
}

/// A model's file as it is now; one that was written anew is another.
#[derive(PartialEq)]
pub(super) struct ModelState {
    file: ModelFile,
    stamp: Stamp,
}

impl ModelState {
    pub(super) fn of(file: ModelFile) -> Self {
        let stamp = match &file {
            ModelFile::File(path) => run_list::stamp(path),
            ModelFile::Bundled => None,
        };
        Self { file, stamp }
    }

    pub(super) fn file(&self) -> &ModelFile {
        &self.file
    }
}

/// The model that was looked into last, which stays open.
#[derive(Default)]
pub(super) struct Open(Option<(ModelState, Inspector)>);

impl Open {
    /// Reads a model's weights, anew even if they were read before.
    pub(super) fn weights(&mut self, model: &Path) -> Result<Weights> {
        self.0 = None;
        let inspector = self.inspector(model)?;
        let filters = inspector.filters()?;
        Ok(Weights {
            backbone: inspector.backbone(),
            tune: RunRecord::read(model).ok().map(|record| record.train.tune),
            tensors: inspector.tensors()?,
            filter_side: filters.side,
            filters: Pictures::of(|scale| sheets::filters(&filters, scale)),
        })
    }

    /// The feature maps of a photo.
    pub(super) fn maps(&mut self, of: &MapsOf) -> Result<Seen> {
        let input = transform::load_input(&of.photo)?;
        let maps = self.inspector(&of.model)?.maps(&input, of.blocks)?;
        Ok(Seen {
            photo: image_of(&transform::to_picture(&input)),
            ranges: (0..maps.channels).map(|channel| sheets::range(maps.channel(channel))).collect(),
            maps: Pictures::of(|scale| sheets::maps(&maps, scale)),
        })
    }

    fn inspector(&mut self, model: &Path) -> Result<&Inspector> {
        let of = ModelState::of(run_dir::model_file(model)?);
        if self.0.as_ref().is_none_or(|(open, _)| *open != of) {
            self.0 = None;
            let inspector = Inspector::open(of.file())?;
            self.0 = Some((of, inspector));
        }
        self.0.as_ref().map(|(_, inspector)| inspector).ok_or_else(|| Error::new("No model is open"))
    }
}

impl Pictures {
    fn of(pictures: impl Fn(Scale) -> Vec<RgbImage>) -> Self {
        Self { each: Atlas::of(&pictures(Scale::Each)), together: Atlas::of(&pictures(Scale::Together)) }
    }
}

/// A picture as the window takes it.
pub fn image_of(picture: &RgbImage) -> ColorImage {
    ColorImage::from_rgb([picture.width() as usize, picture.height() as usize], picture.as_raw())
}

/// Writes a drawing; says whether it did. A file that is there is left alone unless it may be replaced.
pub(super) fn save(order: &DrawingOrder) -> Result<bool> {
    // An ending that is wrong is said before a file of that name is asked about.
    architecture::Format::of(&order.path)?;
    keep_out(&order.path, &order.roots)?;
    if order.path.exists() && !order.replace {
        return Ok(false);
    }
    match order.path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) if !folder.is_dir() => {
            Err(Error::new(format!("There is no folder {}", folder.display())).hint("choose a folder that is there"))
        }
        _ => architecture::write(&order.drawing, &order.path).map(|()| true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::drawing::Fold;
    use crate::nn::summary::Summary;

    #[test]
    fn a_drawing_replaces_nothing_unasked() {
        let folder = tempfile::tempdir().unwrap();
        let drawing = Drawing::of(&Summary::of(Backbone::Resnet18, None), Fold::Sheet, true);
        let mut order = DrawingOrder {
            drawing,
            path: folder.path().join("network.svg"),
            replace: false,
            roots: vec![folder.path().join("photos")],
        };
        assert_eq!(save(&order), Ok(true));
        std::fs::write(&order.path, "mine").unwrap();
        assert_eq!(save(&order), Ok(false));
        assert_eq!(std::fs::read_to_string(&order.path).unwrap(), "mine");
        order.replace = true;
        assert_eq!(save(&order), Ok(true));
        assert!(std::fs::read_to_string(&order.path).unwrap().starts_with("<svg"));
        order.path = folder.path().join("not there/network.png");
        assert!(save(&order).unwrap_err().title().starts_with("There is no folder"));
        order.path = folder.path().join("network.txt");
        assert!(save(&order).is_err());
        std::fs::create_dir(folder.path().join("photos")).unwrap();
        order.path = folder.path().join("photos/network.svg");
        assert!(save(&order).unwrap_err().title().ends_with("lies inside the photos"));
        assert!(!order.path.exists());
    }

    #[test]
    fn a_model_that_was_replaced_is_opened_anew() {
        let folder = tempfile::tempdir().unwrap();
        let (photo, model) = (folder.path().join("photo.png"), folder.path().join(run_dir::MODEL));
        RgbImage::new(40, 30).save(&photo).unwrap();
        std::fs::write(&model, crate::nn::bundled::BYTES).unwrap();
        let (mut open, of) = (Open::default(), MapsOf { model: folder.path().to_owned(), photo, blocks: 1 });
        open.maps(&of).unwrap();
        std::fs::write(&model, "another").unwrap();
        assert!(open.maps(&of).is_err(), "the maps are not those of the model before");
    }

    #[test]
    fn a_model_is_read_and_sees_a_photo() {
        let folder = tempfile::tempdir().unwrap();
        let photo = folder.path().join("photo.png");
        RgbImage::from_fn(40, 30, |x, y| image::Rgb([x as u8, y as u8, 9])).save(&photo).unwrap();
        let (mut open, model) = (Open::default(), PathBuf::from(crate::nn::bundled::NAME));
        let weights = open.weights(&model).unwrap();
        assert_eq!((weights.backbone, weights.tune, weights.filter_side), (Backbone::Resnet18, None, 7));
        assert_eq!(weights.filters.each.count(), 64);
        let seen = open.maps(&MapsOf { model: model.clone(), photo, blocks: 2 }).unwrap();
        assert_eq!((seen.photo.size, seen.maps.each.count(), seen.ranges.len()), ([224, 224], 64, 64));
        let of = MapsOf { model, photo: folder.path().join("nowhere.jpg"), blocks: 2 };
        assert!(open.maps(&of).unwrap_err().title().contains("nowhere.jpg"));
    }
}
