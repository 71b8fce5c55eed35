//! The last feature maps of a photo of any size, from one pass at its own resolution.
//!
//! Cell (row i, column j) of the maps stands for the 32 × 32 pixels from (32 i, 32 j) on, and sees some two hundred pixels
//! around them ([`Reach`](super::reach::Reach)). The photo goes through in bands, so that memory depends on its width alone.

use candle_core::Tensor;
use image::RgbImage;

use super::candle_network::CandleNetwork;
use super::cpu::BandedPass;
use super::network::{Engine, Network};
use super::{architecture::Statistics, failed};
use crate::error::Result;
use crate::job::Watch;
use crate::photo::transform;

/// Pixels of the photo on a side of a cell: the step of both networks' last maps.
pub const CELL: usize = 32;

/// Pixels of a band, about: enough that the rows which are computed for their neighbours' sake alone are few, and few
/// enough to take a fraction of a second and 300 MB.
const BAND_PIXELS: usize = 2 << 20;
/// The same on a GPU.
const DEVICE_BAND_PIXELS: usize = 8 << 20;
/// The least rows of a band.
const LEAST_ROWS: usize = 8 * CELL;

/// Columns and rows of the maps of a photo.
pub fn cells(width: usize, height: usize) -> (usize, usize) {
    (width.div_ceil(CELL), height.div_ceil(CELL))
}

impl Network {
    /// Hands each row of the last feature maps of `photo` to `each`, from top to bottom: columns × features, a cell's
    /// features together. `progress` is told how many pixels were done since it was last told.
    ///
    /// # Errors
    /// Where the device fails or the user stops the job.
    pub fn whole(
        &self,
        photo: &RgbImage,
        watch: &dyn Watch,
        progress: &mut dyn FnMut(u64),
        each: &mut dyn FnMut(&[f32]),
    ) -> Result<()> {
        if photo.width() == 0 || photo.height() == 0 {
            return Ok(());
        }
        match self.engine.as_ref() {
            Engine::Processor(network) => {
                let (width, height) = (photo.width() as usize, photo.height() as usize);
                let mut pass = BandedPass::new(network, height, width);
                let rows = band_rows(width, BAND_PIXELS);
                let levels = photo.as_raw();
                for begin in (0..height).step_by(rows) {
                    watch.check()?;
                    let count = rows.min(height - begin);
                    let row = |row: usize| levels.get(3 * width * (begin + row)..).unwrap_or_default();
                    let fill = |at: usize, to: &mut [f32]| transform::normalise_row(row(at), to);
                    pass.push(count, fill, &|| watch.check(), each)?;
                    progress((count * width) as u64);
                }
                Ok(())
            }
            Engine::Device(network) => {
                let rows = band_rows(photo.width() as usize, DEVICE_BAND_PIXELS);
                self.whole_on_device(network, photo, rows / CELL, watch, progress, each)
            }
        }
    }

    /// The same on a GPU, in bands of so many rows of cells with all the context that these see.
    fn whole_on_device(
        &self,
        network: &CandleNetwork,
        photo: &RgbImage,
        in_band: usize,
        watch: &dyn Watch,
        progress: &mut dyn FnMut(u64),
        each: &mut dyn FnMut(&[f32]),
    ) -> Result<()> {
        let (width, height) = (photo.width() as usize, photo.height() as usize);
        let (columns, rows) = cells(width, height);
        let reach = self.kind().architecture().reach();
        for first in (0..rows).step_by(in_band) {
            watch.check()?;
            let last = (first + in_band).min(rows);
            let begin = reach.begin(first);
            let end = ((last - 1) * CELL + reach.reach + 1).min(height);
            let band =
                image::imageops::crop_imm(photo, 0, begin as u32, photo.width(), (end - begin) as u32).to_image();
            let mut planes = vec![0.0; 3 * width * (end - begin)];
            transform::normalise(&band, &mut planes);
            let maps = Tensor::from_vec(planes, (1, 3, end - begin, width), self.device())
                .map_err(failed("pass a photo to the device"))
                .and_then(|photo| network.feature_maps(&photo, Statistics::Frozen))?;
            let read = || maps.squeeze(0)?.permute((1, 2, 0))?.flatten_all()?.to_vec1::<f32>();
            let values = read().map_err(failed("read the feature maps"))?;
            let row = columns * self.feature_count();
            values.chunks_exact(row).skip(first - begin / CELL).take(last - first).for_each(&mut *each);
            progress(((last * CELL).min(height) - first * CELL) as u64 * width as u64);
        }
        Ok(())
    }
}

/// Rows of a band of about so many pixels: whole cells.
fn band_rows(width: usize, pixels: usize) -> usize {
    (pixels / width.max(1)).next_multiple_of(CELL).max(LEAST_ROWS)
}

#[cfg(test)]
mod tests {
    use candle_core::Device;
    use image::Rgb;

    use super::super::architecture::Backbone;
    use super::*;
    use crate::job::Unwatched;

    #[test]
    fn a_gpus_bands_give_what_the_processors_do() {
        for backbone in [Backbone::Resnet18, Backbone::MobilenetV2] {
            let weights = backbone.architecture().random_weights(5, &Device::Cpu).unwrap();
            let on_device = CandleNetwork::new(backbone.architecture(), &weights).unwrap();
            let network = Network::from_weights(backbone, weights, &Device::Cpu, "random").unwrap();
            for (width, height) in [(70, 700), (1, 1), (300, 33)] {
                let photo = RgbImage::from_fn(width, height, |x, y| {
                    Rgb([0, 1, 2].map(|c| ((x * 37 + y * 91 + c * 50 + x * y) % 256) as u8))
                });
                let (mut ours, mut theirs, mut counted) = (Vec::new(), Vec::new(), 0);
                network
                    .whole(&photo, &Unwatched, &mut |n| counted += n, &mut |row| ours.extend_from_slice(row))
                    .unwrap();
                assert_eq!(counted, u64::from(width * height));
                let each = &mut |row: &[f32]| theirs.extend_from_slice(row);
                network.whole_on_device(&on_device, &photo, 3, &Unwatched, &mut |n| counted -= n, each).unwrap();
                assert_eq!((ours.len(), counted), (theirs.len(), 0));
                let (columns, rows) = cells(width as usize, height as usize);
                assert_eq!(ours.len(), columns * rows * backbone.features());
                for (ours, theirs) in ours.iter().zip(&theirs) {
                    assert!((ours - theirs).abs() <= 1e-4 * theirs.abs().max(1.0), "{ours} {theirs}");
                }
            }
        }
    }
}
