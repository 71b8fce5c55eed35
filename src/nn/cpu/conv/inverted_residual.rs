//! Expansion, depthwise convolution and projection in one pass over the rows.
//!
//! The maps in between have six times as many channels as those around. Three lines of them at a time stay in a core's
//! cache, where whole maps would go to memory and back.

use std::cell::Cell;

use half::bf16;
use rayon::prelude::*;

use super::super::super::architecture::Activation;
use super::super::kernel::Finish;
use super::super::map::{Band, Layout, Map};
use super::{Convolution, Epilogue};

/// Lines that a window sees.
const LINES: usize = 3;

/// A convolution and what follows it.
#[derive(Clone, Copy)]
pub struct Stage<'a> {
    /// The convolution.
    pub convolution: &'a Convolution,
    /// The activation.
    pub activation: Activation,
}

/// The convolutions of such a block.
#[derive(Clone, Copy)]
pub struct InvertedResidual<'a> {
    /// 1×1 to more channels, where there is one.
    pub expansion: Option<Stage<'a>>,
    /// 3×3 in each channel.
    pub depthwise: Stage<'a>,
    /// 1×1 to fewer channels.
    pub projection: Stage<'a>,
}

/// Lines between the convolutions.
#[derive(Default)]
struct Lines {
    /// How the expanded map would lie.
    layout: Layout,
    /// Three lines of it, with what of the border lies left and right of them; row y is in place y modulo three.
    expanded: Vec<f32>,
    /// The row of the expanded map that lies in each place, counted with the border.
    held: [Option<usize>; LINES],
    /// One row out of the depthwise convolution.
    deep: Vec<f32>,
    /// One row that is rounded.
    rounded: Vec<bf16>,
}

thread_local! {
    /// Those of earlier calls, so that nothing is allocated again.
    static IDLE: Cell<Lines> = Cell::default();
}

impl InvertedResidual<'_> {
    /// Fills `output` from `input`, a map of one photo, in this thread. `residual` is added before the activation of the
    /// projection.
    pub fn run(&self, input: &Map, output: &mut Map, residual: Option<&Map>) {
        output.reshape(self.layout(input));
        self.run_band(input, output.band_mut(), residual);
    }

    /// The same in all threads: each takes some rows.
    pub fn run_in_bands(&self, input: &Map, output: &mut Map, residual: Option<&Map>) {
        output.reshape(self.layout(input));
        let bands = output.bands_mut(rayon::current_num_threads(), 1).into_par_iter();
        bands.for_each(|band| self.run_band(input, band, residual));
    }

    /// How what comes out lies.
    fn layout(&self, input: &Map) -> Layout {
        let deep = self.depthwise.convolution.layout_after(input.layout());
        self.projection.convolution.layout_after(deep)
    }

    fn run_band(&self, input: &Map, mut output: Band<'_>, residual: Option<&Map>) {
        let mut lines = IDLE.take();
        lines.begin(self, input);
        let width = output.layout().width;
        let channels = self.depthwise.convolution.shape().outputs;
        let stride = self.depthwise.convolution.shape().stride;
        lines.deep.resize(width * channels, 0.0);
        let epilogue = Epilogue { residual, activation: self.projection.activation, gate: None };
        for y in output.rows.clone() {
            for row in y * stride..y * stride + LINES {
                lines.hold(row, self, input);
            }
            lines.convolve(y * stride, width, self, input);
            let (output, place) = output.tail_mut(y, 0);
            let Lines { deep, rounded, .. } = &mut lines;
            let finish = |channel: usize| epilogue.at(place + channel);
            self.projection.convolution.run_pixels(deep, channels, output, width, rounded, finish);
        }
        IDLE.set(lines);
    }
}

impl Lines {
    /// Forgets what an earlier call left.
    fn begin(&mut self, block: &InvertedResidual<'_>, input: &Map) {
        self.held = [None; LINES];
        let channels = block.depthwise.convolution.shape().outputs;
        let layout = Layout { channels, border: 1, ..input.layout() };
        if layout != self.layout {
            self.layout = layout;
            self.expanded.clear();
            self.expanded.resize(LINES * layout.pitch(), 0.0);
        }
    }

    /// Makes sure that row `row` of the expanded map is there, counted with the border.
    fn hold(&mut self, row: usize, block: &InvertedResidual<'_>, input: &Map) {
        let Some(expansion) = block.expansion else { return };
        let Self { layout, expanded, held, rounded, .. } = self;
        let (place, side) = (row % LINES, layout.border * layout.channels);
        if held[place] == Some(row) {
            return;
        }
        held[place] = Some(row);
        let line = &mut expanded[place * layout.pitch()..][..layout.pitch()];
        let inside = &mut line[side..side + layout.width * layout.channels];
        if !(1..=layout.height).contains(&row) {
            return inside.fill(0.0);
        }
        let finish = |_| Finish { activation: expansion.activation, ..Finish::NOTHING };
        let pixels = input.row(row - 1);
        expansion.convolution.run_pixels(pixels, input.layout().channels, inside, layout.width, rounded, finish);
    }

    /// The row of the depthwise convolution whose window begins at row `top`, counted with the border.
    fn convolve(&mut self, top: usize, width: usize, block: &InvertedResidual<'_>, input: &Map) {
        let Self { layout, expanded, deep, .. } = self;
        let from = input.layout();
        let line = |i: usize| match block.expansion {
            Some(_) => &expanded[(top + i) % LINES * layout.pitch()..],
            None => &input.values()[from.at(top + i + from.border - 1, from.border - 1)..],
        };
        let finish = Finish { activation: block.depthwise.activation, ..Finish::NOTHING };
        block.depthwise.convolution.run_channels([line(0), line(1), line(2)], deep, width, finish);
    }
}
