//! One look at a photo: a convolutional pass at each scale, or tile by tile.

use std::path::Path;

use image::RgbImage;

use super::heat::{Grid, HeatMap};
use super::{Method, Settings, tiles};
use crate::error::Result;
use crate::job::{Meter, Phase, Watch};
use crate::nn::head::Head;
use crate::nn::network::{Model, ModelFile};
use crate::nn::{self, whole};
use crate::photo::{MAX_PIXELS, transform};
use crate::review::threshold::Threshold;
use crate::train::config::Compute;
use crate::train::run_dir;

/// What speaks for a crack: the head's row for cracked minus that for intact.
#[derive(Clone, Debug, PartialEq)]
pub struct Contrast {
    /// One for each feature.
    pub weight: Vec<f32>,
    /// Added whatever is seen.
    pub bias: f32,
}

/// What the network made of a photo.
#[derive(Clone, Debug, PartialEq)]
pub struct Look {
    /// The photo's cells.
    pub grid: Grid,
    /// One for each scale that was looked at.
    pub layers: Vec<Layer>,
}

/// One scale of a [`Look`].
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// Size of the photo that went through, 1 its own.
    pub scale: f32,
    /// Cells in a row, of 32 pixels of the photo at this scale.
    pub columns: usize,
    /// Rows.
    pub rows: usize,
    /// What each cell says for a crack, row by row, without the bias.
    pub shares: Vec<f32>,
    /// The features of each cell (cells × F), where they were to be kept.
    pub features: Option<Vec<f32>>,
}

/// Keeps a model at hand for one photo after the other. Stays in the thread that opened it.
pub struct Inspector {
    model: Model,
    contrast: Contrast,
}

impl Inspector {
    /// Opens the model of a run, a model file or `bundled`.
    ///
    /// # Errors
    /// As [`run_dir::model_file`] and [`Model::open`].
    pub fn open(run: &Path, compute: Compute) -> Result<Self> {
        Self::of(Model::open(&run_dir::model_file(run)?, compute)?)
    }

    /// Opens a model file.
    ///
    /// # Errors
    /// As [`Model::open`].
    pub fn open_file(file: &ModelFile, compute: Compute) -> Result<Self> {
        Self::of(Model::open(file, compute)?)
    }

    /// Takes a model that is open.
    ///
    /// # Errors
    /// Where its head cannot be read.
    pub fn of(model: Model) -> Result<Self> {
        Ok(Self { contrast: Contrast::of(&model.head)?, model })
    }

    /// The model.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The threshold stored with the model.
    pub fn threshold(&self) -> Threshold {
        self.model.threshold
    }

    /// What speaks for a crack.
    pub fn contrast(&self) -> &Contrast {
        &self.contrast
    }

    /// Uses another head from now on, such as one trained with corrections.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn set_head(&mut self, head: Head) -> Result<()> {
        self.contrast = Contrast::of(&head)?;
        self.model.head = head;
        Ok(())
    }

    /// Looks at a photo and makes the map.
    ///
    /// # Errors
    /// As [`Inspector::look`].
    pub fn map(&self, photo: &RgbImage, settings: &Settings, watch: &dyn Watch) -> Result<HeatMap> {
        Ok(self.heat(&self.look(photo, settings, watch)?, settings))
    }

    /// The map of a look, by the present head: no pass where features were kept.
    pub fn heat(&self, look: &Look, settings: &Settings) -> HeatMap {
        HeatMap::of(look, self.contrast.bias, settings)
    }

    /// Takes a photo through the network. Scales at which it would have more pixels than a photo may have are left out,
    /// unless all are.
    ///
    /// # Errors
    /// Where the settings make no sense, the device fails, or the user stops the job.
    pub fn look(&self, photo: &RgbImage, settings: &Settings, watch: &dyn Watch) -> Result<Look> {
        settings.validate()?;
        let grid = Grid::of(photo.width(), photo.height());
        let scales = scales_for(photo.dimensions(), &settings.scales);
        let pixels = match settings.method {
            Method::Pass => scales.iter().map(|scale| area(scaled(photo.dimensions(), *scale))).sum(),
            Method::Tiles => area(photo.dimensions()),
        };
        let mut meter = Meter::new(watch, Phase::Inspect, Some(pixels));
        let layers = match settings.method {
            Method::Tiles => {
                vec![tiles::layer(&self.model.network, &self.contrast, photo, settings, watch, &mut meter)?]
            }
            Method::Pass => scales
                .iter()
                .map(|scale| self.layer(photo, *scale, settings.keep_features, watch, &mut meter))
                .collect::<Result<_>>()?,
        };
        Ok(Look { grid, layers })
    }

    fn layer(
        &self,
        photo: &RgbImage,
        scale: f32,
        keep: bool,
        watch: &dyn Watch,
        meter: &mut Meter<'_>,
    ) -> Result<Layer> {
        watch.check()?;
        let resized;
        let photo = if scale == 1.0 {
            photo
        } else {
            let (width, height) = scaled(photo.dimensions(), scale);
            resized = transform::resize(photo, width, height);
            &resized
        };
        let (columns, rows) = whole::cells(photo.width() as usize, photo.height() as usize);
        let features = self.model.network.feature_count();
        let mut kept = Vec::with_capacity(if keep { columns * rows * features } else { 0 });
        let mut shares = Vec::with_capacity(columns * rows);
        let mut each = |row: &[f32]| {
            shares.extend(row.chunks_exact(features).map(|cell| self.contrast.share(cell)));
            if keep {
                kept.extend_from_slice(row);
            }
        };
        self.model.network.whole(photo, watch, &mut |pixels| meter.add(pixels), &mut each)?;
        Ok(Layer { scale, columns, rows, shares, features: keep.then_some(kept) })
    }
}

impl Contrast {
    /// That of a head.
    ///
    /// # Errors
    /// Where it cannot be read from its device.
    pub fn of(head: &Head) -> Result<Self> {
        let (weight, bias) = head.contrast().map_err(nn::failed("read the last layer"))?;
        Ok(Self { weight, bias })
    }

    /// What a cell with these features says for a crack, without the bias.
    pub fn share(&self, features: &[f32]) -> f32 {
        self.weight.iter().zip(features).map(|(weight, feature)| weight * feature).sum()
    }
}

impl Look {
    /// Applies another head to the features that were kept; says whether they were.
    pub fn apply(&mut self, contrast: &Contrast) -> bool {
        let features = contrast.weight.len().max(1);
        for layer in &mut self.layers {
            let Some(kept) = &layer.features else { return false };
            layer.shares = kept.chunks_exact(features).map(|cell| contrast.share(cell)).collect();
        }
        true
    }

    /// The features of some cells of the photo's grid as rows to train on: for each cell and each scale, in this order,
    /// the mean over the window around it. None where they were not kept.
    pub fn features_at(&self, cells: &[usize], window: usize) -> Option<Vec<Vec<f32>>> {
        let layers = self.layers.iter().map(|layer| Some((layer, layer.features.as_deref()?)));
        let layers = layers.collect::<Option<Vec<_>>>()?;
        let row = |cell: usize, layer: &Layer, features: &[f32]| {
            let (column, row) = self.grid.place(cell);
            let at = |place: usize, count: usize| {
                (((place as f32 + 0.5) * layer.scale) as usize).min(count.saturating_sub(1))
            };
            layer.window_features(features, (at(column, layer.columns), at(row, layer.rows)), window)
        };
        Some(cells.iter().flat_map(|cell| layers.iter().map(move |(layer, f)| row(*cell, layer, f))).collect())
    }
}

impl Layer {
    /// The mean of the features over the window around a cell, as far as the photo reaches.
    fn window_features(&self, features: &[f32], (column, row): (usize, usize), window: usize) -> Vec<f32> {
        let (half, count) = (window / 2, features.len() / (self.columns * self.rows).max(1));
        let columns = column.saturating_sub(half)..(column + half + 1).min(self.columns);
        let rows = row.saturating_sub(half)..(row + half + 1).min(self.rows);
        let mut mean = vec![0.0; count];
        let cells = (columns.len() * rows.len()).max(1) as f32;
        for cell in rows.flat_map(|y| columns.clone().map(move |x| y * self.columns + x)) {
            let values = features.get(cell * count..(cell + 1) * count).unwrap_or_default();
            mean.iter_mut().zip(values).for_each(|(sum, value)| *sum += value / cells);
        }
        mean
    }
}

/// The scales that a photo of this size is looked at.
pub fn scales_for(size: (u32, u32), scales: &[f32]) -> Vec<f32> {
    let fit: Vec<f32> = scales.iter().copied().filter(|scale| area(scaled(size, *scale)) <= MAX_PIXELS).collect();
    if fit.is_empty() { vec![1.0] } else { fit }
}

pub(super) fn scaled((width, height): (u32, u32), scale: f32) -> (u32, u32) {
    let side = |side: u32| ((f64::from(side) * f64::from(scale)).round() as u32).max(1);
    (side(width), side(height))
}

pub(super) fn area((width, height): (u32, u32)) -> u64 {
    u64::from(width) * u64::from(height)
}
