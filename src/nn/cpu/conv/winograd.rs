//! 3×3 convolutions with step 1, with a quarter of the products.

use std::cell::RefCell;
use std::ops::Range;

use half::bf16;
use rayon::prelude::*;

use super::super::kernel::{Enter, Factor, Finish, Instructions, Leave, PLACES, Row, TILE, kernels_to_domain};
use super::super::map::{Band, Layout, Map};
use super::Epilogue;

/// Tiles that go into the other domain together, at most: enough to fetch each kernel for, few enough to stay in a
/// core's cache until they come back.
const TILES: usize = 32;

/// Kernels that are taken there together, so that each place is written a few at a time.
const TOGETHER: usize = 8;

/// The kernels of such a convolution in the other domain.
pub(super) struct Winograd<F = f32> {
    inputs: usize,
    outputs: usize,
    instructions: Instructions,
    /// Block of output channels, place, then, some values at a time, input channel, and channel within the block;
    /// [`step`] from place to place.
    weights: Vec<F>,
    no_bias: Vec<f32>,
}

thread_local! {
    /// One block a thread, whatever the number of convolutions.
    static SINGLE: RefCell<Buffers<f32>> = RefCell::default();
    static HALF: RefCell<Buffers<bf16>> = RefCell::default();
}

/// A block of tiles in the other domain.
#[derive(Default)]
pub(super) struct Buffers<F> {
    entered: Vec<F>,
    sums: Vec<f32>,
}

/// Factors that tiles can be entered as.
pub(super) trait Tiles: Factor {
    /// Calls `work` with this thread's block.
    fn lend(work: impl FnOnce(&mut Buffers<Self>));
}

impl Tiles for f32 {
    fn lend(work: impl FnOnce(&mut Buffers<Self>)) {
        SINGLE.with_borrow_mut(work);
    }
}

impl Tiles for bf16 {
    fn lend(work: impl FnOnce(&mut Buffers<Self>)) {
        HALF.with_borrow_mut(work);
    }
}

/// A row of tiles of one of the photos, or a piece of it where the photo is wide.
#[derive(Clone, Copy)]
struct Strip {
    photo: usize,
    /// First line of the output.
    top: usize,
    /// Its first tile in the photo's row.
    left: usize,
    tiles: usize,
    /// Place of its first tile in the block.
    first: usize,
}

/// From one place of a block to the next, for so many values: an odd number of cache lines, so that the same tile's
/// places do not all fall into the same few sets of the cache.
fn step<F>(values: usize) -> usize {
    let line = 64 / size_of::<F>();
    (values.div_ceil(line) | 1) * line
}

impl<F: Tiles> Winograd<F> {
    /// Kernels of zeros. Both numbers of channels must be multiples of [`CHANNELS`](super::CHANNELS).
    pub fn new(inputs: usize, outputs: usize, instructions: Instructions) -> Self {
        let block = instructions.channels();
        let weights = vec![F::default(); outputs / block * PLACES * step::<F>(inputs * block)];
        let no_bias = vec![0.0; instructions.channels()];
        Self { inputs, outputs, instructions, weights, no_bias }
    }

    /// Takes the kernels: `weight(output, input)` gives nine values, row by row.
    pub fn set(&mut self, weight: impl Fn(usize, usize) -> [f32; 9] + Sync) {
        let (block, inputs) = (self.instructions.channels(), self.inputs);
        let step = step::<F>(inputs * block);
        self.weights.par_chunks_exact_mut(PLACES * step).enumerate().for_each(|(index, packed)| {
            for (input, c) in (0..inputs).flat_map(|input| (0..block).step_by(TOGETHER).map(move |c| (input, c))) {
                let mut kernels = [[0.0; TOGETHER]; 9];
                for k in 0..TOGETHER {
                    let kernel = weight(index * block + c + k, input);
                    kernels.iter_mut().zip(kernel).for_each(|(place, value)| place[k] = value);
                }
                for (place, values) in kernels_to_domain(&kernels).iter().enumerate() {
                    let begin = place * step + (input - input % F::TOGETHER) * block + c * F::TOGETHER;
                    let places = packed[begin..].iter_mut().skip(input % F::TOGETHER).step_by(F::TOGETHER);
                    places.zip(values).for_each(|(place, value)| *place = F::nearest(*value));
                }
            }
        });
    }

    /// Fills `outputs`, shaped already, from `inputs`, each map of one photo, in this thread.
    pub fn run<'a>(&self, inputs: &[Map], outputs: &mut [Map], bias: &[f32], epilogue: impl Fn(usize) -> Epilogue<'a>) {
        let mut bands: Vec<Band<'_>> = outputs.iter_mut().map(Map::band_mut).collect();
        self.run_bands(inputs, &mut bands, bias, epilogue);
    }

    /// The same for one photo, in all threads: each takes some rows.
    pub fn run_in_bands(&self, input: &Map, output: &mut Map, bias: &[f32], epilogue: Epilogue<'_>) {
        let bands = output.bands_mut(rayon::current_num_threads(), TILE);
        bands.into_par_iter().for_each(|band| {
            self.run_bands(std::slice::from_ref(input), &mut [band], bias, |_| epilogue);
        });
    }

    fn run_bands<'a>(
        &self,
        inputs: &[Map],
        outputs: &mut [Band<'_>],
        bias: &[f32],
        epilogue: impl Fn(usize) -> Epilogue<'a>,
    ) {
        let Some(width) = inputs.first().map(|input| input.layout().width) else { return };
        let in_row = width.div_ceil(TILE);
        // As long as a row of tiles fits, it stays in one piece.
        let piece = in_row.div_ceil(in_row.div_ceil(TILES).max(1)).max(1);
        let rows = outputs.iter().enumerate();
        let rows = rows.flat_map(|(photo, band)| band.rows.clone().step_by(TILE).map(move |top| (photo, top)));
        let strips: Vec<Strip> = rows
            .flat_map(|(photo, top)| {
                let pieces = (0..in_row).step_by(piece);
                pieces.map(move |left| Strip { photo, top, left, tiles: piece.min(in_row - left), first: 0 })
            })
            .collect();
        let blocks = strips.len().div_ceil((TILES / piece).max(1));
        F::lend(|buffers| {
            for block in strips.chunks(strips.len().div_ceil(blocks.max(1)).max(1)) {
                let (mut block, mut tiles) = (block.to_vec(), 0);
                for strip in &mut block {
                    strip.first = tiles;
                    tiles += strip.tiles;
                }
                buffers.entered.resize(PLACES * step::<F>(tiles * self.inputs), F::default());
                buffers.sums.resize(PLACES * step::<f32>(tiles * self.outputs), 0.0);
                self.enter(inputs, &block, tiles, &mut buffers.entered);
                self.multiply(tiles, buffers);
                self.leave(outputs, &block, tiles, &buffers.sums, bias, &epilogue);
            }
        });
    }

    fn enter(&self, inputs: &[Map], block: &[Strip], tiles: usize, entered: &mut [F]) {
        let step = step::<F>(tiles * self.inputs);
        for strip in block {
            let Some(input) = inputs.get(strip.photo) else { continue };
            let layout = input.layout();
            Enter {
                input: input.values(),
                size: (layout.height + 2 * layout.border, layout.width + 2 * layout.border),
                channels: self.inputs,
                corner: (strip.top + layout.border - 1, strip.left * TILE + layout.border - 1),
                tiles: strip.tiles,
                output: &mut entered[strip.first * self.inputs..],
                step,
            }
            .run(self.instructions);
        }
    }

    /// The sums over input channels, for each place a product of tiles with kernels.
    fn multiply(&self, tiles: usize, Buffers { entered, sums }: &mut Buffers<F>) {
        let block = self.instructions.channels();
        let kernels = self.inputs * block;
        for place in 0..PLACES {
            let entered = &entered[place * step::<F>(tiles * self.inputs)..];
            let sums = &mut sums[place * step::<f32>(tiles * self.outputs)..];
            for index in 0..self.outputs / block {
                let begin = (index * PLACES + place) * step::<F>(kernels);
                Row {
                    input: entered,
                    input_step: self.inputs,
                    runs: &[0],
                    run: self.inputs,
                    weights: &self.weights[begin..begin + kernels],
                    bias: &self.no_bias,
                    finish: Finish::NOTHING,
                    output: &mut sums[index * block..],
                    output_step: self.outputs,
                    width: tiles,
                }
                .compute(self.instructions);
            }
        }
    }

    fn leave<'a>(
        &self,
        outputs: &mut [Band<'_>],
        block: &[Strip],
        tiles: usize,
        sums: &[f32],
        bias: &[f32],
        epilogue: &impl Fn(usize) -> Epilogue<'a>,
    ) {
        let step = step::<f32>(tiles * self.outputs);
        for strip in block {
            let Some(output) = outputs.get_mut(strip.photo) else { continue };
            let Range { end, .. } = output.rows;
            let Layout { width, .. } = output.layout();
            let pitch = output.layout().pitch();
            let left = strip.left * TILE;
            let (values, place) = output.tail_mut(strip.top, left * self.outputs);
            Leave {
                sums: &sums[strip.first * self.outputs..],
                step,
                channels: self.outputs,
                bias,
                finish: epilogue(strip.photo).at(place),
                output: values,
                pitch,
                size: ((end - strip.top).min(TILE), (width - left).min(strip.tiles * TILE)),
            }
            .run(self.instructions);
        }
    }
}
