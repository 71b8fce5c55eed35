//! One photo of any size through the network, some rows at a time.
//!
//! Each layer keeps the few rows that its next windows still look back at, so that no row is computed twice from the
//! photo on, and memory is bounded by a band, whatever the photo's height. What comes out are the rows that the whole photo
//! would give.

use rayon::prelude::*;

use super::super::reach::Reach;
use super::frozen::{FrozenNetwork, Working};
use super::map::{Layout, Map};
use crate::error::Result;

/// A photo on its way.
pub struct BandedPass<'a> {
    network: &'a FrozenNetwork,
    stages: Vec<Stage>,
    /// What goes into a stage and what comes out, for one after the other.
    input: Map,
    output: Map,
    working: Working,
}

/// The stem or a block, at some row of the photo.
struct Stage {
    reach: Reach,
    /// Rows that go in, in all.
    height: usize,
    /// How these lie.
    row: Layout,
    /// The first row that is still needed, and how many have come.
    begin: usize,
    seen: usize,
    /// Rows `begin..seen`, without borders.
    held: Vec<f32>,
    /// The next row to come out.
    next: usize,
}

/// Rows of a map that follow those handed over before.
struct Rows<'a> {
    map: &'a Map,
    from: usize,
    count: usize,
}

impl<'a> BandedPass<'a> {
    /// Begins a photo of `height` × `width`.
    pub fn new(network: &'a FrozenNetwork, height: usize, width: usize) -> Self {
        let mut layout = network.photo_layout(height, width);
        let mut stages = Vec::new();
        for (part, reach) in network.reaches().into_iter().enumerate() {
            let stage =
                Stage { reach, height: layout.height, row: layout, begin: 0, seen: 0, held: Vec::new(), next: 0 };
            stages.push(stage);
            layout = network.layout_after(part, layout);
        }
        Self { network, stages, input: Map::default(), output: Map::default(), working: Working::default() }
    }

    /// Takes the next `count` rows of the photo, which `fill` writes by their number among these, pixel by pixel; hands
    /// each row of the last maps (columns × channels) that is then known to `each`, from the first to the last. `check`
    /// is asked now and then whether to go on.
    ///
    /// # Errors
    /// That of `check`.
    pub fn push(
        &mut self,
        count: usize,
        fill: impl Fn(usize, &mut [f32]) + Sync,
        check: &dyn Fn() -> Result<()>,
        each: &mut dyn FnMut(&[f32]),
    ) -> Result<()> {
        let Self { network, stages, input, output, working } = self;
        let Some((stem, blocks)) = stages.split_first_mut() else { return Ok(()) };
        stem.take(input, count, fill);
        let mut ready = stem.run(network, 0, (input, output), working);
        for (part, block) in (1..).zip(blocks) {
            check()?;
            let Some(rows) = ready else { return Ok(()) };
            let from = Rows { map: output, from: rows.start, count: rows.len() };
            block.take(input, from.count, |row, to| to.copy_from_slice(from.map.row(from.from + row)));
            ready = block.run(network, part, (input, output), working);
        }
        for row in ready.into_iter().flatten() {
            each(output.row(row));
        }
        Ok(())
    }
}

impl Stage {
    /// Fills `input` with the rows held, and `count` new ones behind them.
    fn take(&mut self, input: &mut Map, count: usize, fill: impl Fn(usize, &mut [f32]) + Sync) {
        let held = self.seen - self.begin;
        input.reshape(Layout { height: held + count, ..self.row });
        let mut rows: Vec<&mut [f32]> = input.rows_mut().collect();
        let (old, new) = rows.split_at_mut(held);
        let length = self.row.width * self.row.channels;
        old.iter_mut().zip(self.held.chunks_exact(length.max(1))).for_each(|(to, from)| to.copy_from_slice(from));
        new.par_iter_mut().enumerate().for_each(|(row, to)| fill(row, to));
        self.seen += count;
    }

    /// Computes what can be told from the rows in `input`; gives which rows of `output` are new and right. Keeps the
    /// rows that are needed again.
    fn run(
        &mut self,
        network: &FrozenNetwork,
        part: usize,
        (input, output): (&Map, &mut Map),
        working: &mut Working,
    ) -> Option<std::ops::Range<usize>> {
        let whole =
            if self.seen == self.height { self.reach.outputs(self.height) } else { self.reach.whole(self.seen) };
        let known = (whole > self.next).then(|| {
            network.run_part(part, input, working, output);
            let first = self.begin / self.reach.stride;
            self.next - first..whole - first
        });
        self.next = self.next.max(whole);
        let begin = self.reach.begin(self.next).min(self.seen).max(self.begin);
        self.held.clear();
        (begin..self.seen).for_each(|row| self.held.extend_from_slice(input.row(row - self.begin)));
        self.begin = begin;
        known
    }
}

#[cfg(test)]
mod tests {
    use super::super::Precision;
    use super::super::frozen::tests::{BACKBONES, photos, weights};
    use super::*;
    use crate::error::Error;

    /// The last maps (rows, columns, channels) by bands of so many rows each.
    fn in_bands(network: &FrozenNetwork, photo: &[f32], (height, width): (usize, usize), rows: usize) -> Vec<f32> {
        let mut pass = BandedPass::new(network, height, width);
        let mut out = Vec::new();
        for begin in (0..height).step_by(rows) {
            let value = |y: usize, x: usize, c: usize| photo[(c * height + y) * width + x];
            let fill = |row: usize, to: &mut [f32]| {
                for (x, pixel) in to.chunks_exact_mut(3).enumerate() {
                    (0..3).for_each(|c| pixel[c] = value(begin + row, x, c));
                }
            };
            pass.push(rows.min(height - begin), fill, &|| Ok(()), &mut |row| out.extend_from_slice(row)).unwrap();
        }
        out
    }

    #[test]
    fn bands_of_any_height_give_what_the_whole_photo_gives() {
        for backbone in BACKBONES {
            let network = FrozenNetwork::new(backbone, &weights(backbone), Precision::F32).unwrap();
            for (height, width) in [(1, 1), (3000, 5), (5, 700), (97, 64), (515, 131)] {
                let photo = photos(1, height, width);
                let whole = network.last_maps(&photo, height, width);
                let cells = whole.height * whole.width;
                for rows in [1, 7, 32, 100, 4000] {
                    if rows == 1 && height > 1000 {
                        continue; // takes long and says no more
                    }
                    let banded = in_bands(&network, &photo, (height, width), rows);
                    assert_eq!(banded.len(), cells * backbone.features(), "{height}×{width} by {rows}");
                    for (cell, values) in banded.chunks_exact(backbone.features()).enumerate() {
                        for (channel, value) in values.iter().enumerate() {
                            let expected = whole.values[channel * cells + cell];
                            let close = (value - expected).abs() <= 1e-4 * expected.abs().max(1.0);
                            assert!(close, "{} {height}×{width} by {rows}: {value}, not {expected}", backbone.name());
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn stops_between_layers_when_told_to() {
        let network = FrozenNetwork::new(BACKBONES[0], &weights(BACKBONES[0]), Precision::F32).unwrap();
        let mut pass = BandedPass::new(&network, 64, 64);
        let mut rows = 0;
        let outcome = pass.push(64, |_, _| (), &|| Err(Error::cancelled()), &mut |_| rows += 1);
        assert!(outcome.unwrap_err().is_cancelled() && rows == 0);
    }
}
