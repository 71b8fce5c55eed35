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

/// Photos of at most so many pixels are looked at enlarged as well.
const SMALL_PIXELS: u64 = 4_000_000;

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

/// The scales that a photo of this size is looked at, those asked for or, where none are, an octave to either side of
/// what suits it: of photos with more pixels, cracks have more as well.
pub fn scales_for(size: (u32, u32), asked: &[f32]) -> Vec<f32> {
    let of_size: &[f32] = if area(size) <= SMALL_PIXELS { &[0.5, 1.0, 2.0] } else { &[0.25, 0.5, 1.0] };
    let scales = if asked.is_empty() { of_size } else { asked };
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

#[cfg(test)]
mod tests {
    use candle_core::Device;
    use image::{Rgb, imageops};

    use super::*;
    use crate::inspect::heat::{CELL, CELLS, sigmoid};
    use crate::job::Unwatched;
    use crate::nn::architecture::Backbone;
    use crate::nn::cpu::{FrozenNetwork, Precision};
    use crate::nn::network::Network;

    fn inspector(backbone: Backbone) -> (Inspector, FrozenNetwork) {
        let weights = backbone.architecture().random_weights(3, &Device::Cpu).unwrap();
        let frozen = FrozenNetwork::new(backbone, &weights, Precision::F32).unwrap();
        let network = Network::from_weights(backbone, weights, &Device::Cpu, "random").unwrap();
        let head = Head::random(backbone.features(), 4, &Device::Cpu).unwrap();
        (Inspector::of(Model::trained(network, head)).unwrap(), frozen)
    }

    fn photo(width: u32, height: u32) -> RgbImage {
        let noise = |n: u32| (n.wrapping_mul(2_654_435_761) >> 24) as u8;
        RgbImage::from_fn(width, height, |x, y| Rgb([0, 1, 2].map(|c| noise(x + 7919 * y + 104_729 * c))))
    }

    /// What the head says of the mean over some cells of a crop, which goes through the network by itself.
    fn p_of_crop(
        inspector: &Inspector,
        frozen: &FrozenNetwork,
        crop: &RgbImage,
        cells: [std::ops::Range<usize>; 2],
    ) -> f32 {
        let mut planes = vec![0.0; crop.as_raw().len()];
        transform::normalise(crop, &mut planes);
        let maps = frozen.last_maps(&planes, crop.height() as usize, crop.width() as usize);
        let [columns, rows] = cells;
        let count = (columns.len() * rows.len()) as f32;
        let share = |map: &[f32]| -> f32 {
            rows.clone().flat_map(|y| columns.clone().map(move |x| y * maps.width + x)).map(|at| map[at]).sum::<f32>()
                / count
        };
        let features: Vec<f32> = maps.values.chunks_exact(maps.height * maps.width).map(share).collect();
        inspector.model.p_positive(&features).unwrap()[0]
    }

    #[test]
    fn a_window_is_the_tile_with_all_that_it_sees() {
        for backbone in [Backbone::Resnet18, Backbone::MobilenetV2] {
            let (inspector, frozen) = inspector(backbone);
            let photo = photo(1000, 900);
            let settings = Settings { window: 7, scales: vec![1.0], ..Settings::default() };
            let map = inspector.map(&photo, &settings, &Unwatched).unwrap();
            // Eight cells, 256 pixels, are more than either network sees beyond a window.
            let context = 8 * CELL;
            for (column, row) in [(15_u32, 13_u32), (12, 16), (19, 12)] {
                let (left, top) = ((column - 3) * CELL - context, (row - 3) * CELL - context);
                let side = (7 * CELL + 2 * context).min(1000 - left);
                let crop = imageops::crop_imm(&photo, left, top, side, side.min(900 - top)).to_image();
                let expected = p_of_crop(&inspector, &frozen, &crop, [8..15, 8..15]);
                let got = map.p(row as usize * map.grid.columns + column as usize);
                assert!((got - expected).abs() < 1e-3, "{}: {got} instead of {expected}", backbone.name());
            }
        }
    }

    #[test]
    fn the_window_over_all_is_the_photo_as_one() {
        let (inspector, frozen) = inspector(Backbone::Resnet18);
        for (width, height) in [(1, 1), (5, 300), (224, 224), (90, 33)] {
            let photo = photo(width, height);
            let settings = Settings { window: 99, scales: vec![1.0], ..Settings::default() };
            let map = inspector.map(&photo, &settings, &Unwatched).unwrap();
            let cells = [0..map.grid.columns, 0..map.grid.rows];
            let expected = p_of_crop(&inspector, &frozen, &photo, cells);
            assert!(map.probabilities().all(|p| (p - expected).abs() < 1e-4), "{width} × {height}");
        }
    }

    #[test]
    fn kept_features_take_another_head_without_a_pass() {
        let (mut inspector, _) = inspector(Backbone::Resnet18);
        let photo = photo(200, 150);
        let settings = Settings { scales: vec![1.0, 0.5], keep_features: true, ..Settings::default() };
        let mut look = inspector.look(&photo, &settings, &Unwatched).unwrap();
        let other = Head::random(512, 9, &Device::Cpu).unwrap();
        inspector.set_head(other).unwrap();
        let anew = inspector.look(&photo, &settings, &Unwatched).unwrap();
        assert_ne!(look.layers[0].shares, anew.layers[0].shares);
        assert!(look.apply(inspector.contrast()));
        assert_eq!(look, anew);
        let rows = look.features_at(&[0, 8], settings.window).unwrap();
        assert_eq!((rows.len(), rows[0].len()), (4, 512), "two cells at two scales");
        // At one scale, the head says of the rows what the map says of the cells.
        let one = Settings { scales: vec![1.0], ..settings };
        let look = inspector.look(&photo, &one, &Unwatched).unwrap();
        let (map, rows) = (inspector.heat(&look, &one), look.features_at(&[0, 8], one.window).unwrap());
        for (cell, row) in [0, 8].into_iter().zip(rows) {
            let p = sigmoid(CELLS.logit(inspector.contrast().share(&row) + inspector.contrast().bias));
            assert!((p - map.p(cell)).abs() < 1e-5);
        }
        let plain = inspector.look(&photo, &Settings::default(), &Unwatched).unwrap();
        assert_eq!((plain.features_at(&[0], 1), plain.clone().apply(inspector.contrast())), (None, false));
    }

    #[test]
    fn senseless_settings_are_refused_and_too_large_scales_left_out() {
        let wrong = [
            Settings { scales: vec![f32::NAN], ..Settings::default() },
            Settings { window: 4, ..Settings::default() },
            Settings { tile_step: 0, ..Settings::default() },
        ];
        assert!(wrong.iter().all(|settings| settings.validate().is_err()));
        assert_eq!(scales_for((10_000, 9_000), &[0.5, 1.0, 2.0]), [0.5, 1.0]);
        assert_eq!(scales_for((10_000, 9_000), &[2.0]), [1.0]);
        assert_eq!(scales_for((1920, 1080), &[]), [0.5, 1.0, 2.0]);
        assert_eq!(scales_for((4000, 3000), &[]), [0.25, 0.5, 1.0]);
    }
}
