//! Feature maps as the kernels take them: pixel by pixel with its channels together, and a border of zeros around.

use std::ops::Range;

/// How the values of a [`Map`] lie: `(height + 2 · border) × (width + 2 · border) × channels`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Values of a pixel.
    pub channels: usize,
    /// Pixels of zeros on each side.
    pub border: usize,
}

/// A feature map of one photo.
#[derive(Clone, Debug, Default)]
pub struct Map {
    layout: Layout,
    values: Vec<f32>,
}

/// Some rows of a map, to be filled.
pub(super) struct Band<'a> {
    /// Which rows.
    pub rows: Range<usize>,
    layout: Layout,
    /// Their lines, with what of the border lies left and right of them.
    values: &'a mut [f32],
}

impl Layout {
    /// Values from one row to the next.
    pub fn pitch(&self) -> usize {
        (self.width + 2 * self.border) * self.channels
    }

    /// Where pixel (`y`, `x`) begins, counted with the border: (`border`, `border`) is the first one inside.
    pub fn at(&self, y: usize, x: usize) -> usize {
        y * self.pitch() + x * self.channels
    }

    /// Where the first pixel of row `y` inside the border begins.
    pub fn row_start(&self, y: usize) -> usize {
        self.at(y + self.border, self.border)
    }

    /// Pixels inside the border.
    pub fn pixels(&self) -> usize {
        self.height * self.width
    }
}

impl Map {
    /// How the values lie.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// Takes another layout, with zeros in the border; what lies inside is left to whoever fills it. Memory is kept.
    pub fn reshape(&mut self, layout: Layout) {
        if layout == self.layout {
            return; // nobody ever writes into the border
        }
        self.layout = layout;
        let (pitch, side) = (layout.pitch(), layout.border * layout.channels);
        self.values.resize((layout.height + 2 * layout.border) * pitch, 0.0);
        for (y, line) in self.values.chunks_exact_mut(pitch).enumerate() {
            if (layout.border..layout.border + layout.height).contains(&y) {
                line[..side].fill(0.0);
                line[pitch - side..].fill(0.0);
            } else {
                line.fill(0.0);
            }
        }
    }

    /// All values, border included.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The same, to be filled; the border must stay zero.
    pub fn values_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }

    /// The pixels of row `y` inside the border.
    pub fn row(&self, y: usize) -> &[f32] {
        let begin = self.layout.row_start(y);
        &self.values[begin..begin + self.layout.width * self.layout.channels]
    }

    /// The pixels of all rows, to be filled.
    pub fn rows_mut(&mut self) -> impl Iterator<Item = &mut [f32]> {
        let (layout, side) = (self.layout, self.layout.border * self.layout.channels);
        let lines = self.values.chunks_exact_mut(layout.pitch().max(1)).skip(layout.border).take(layout.height);
        lines.map(move |line| &mut line[side..side + layout.width * layout.channels])
    }

    /// The whole map as one band.
    pub(super) fn band_mut(&mut self) -> Band<'_> {
        let layout = self.layout;
        let lines = layout.border * layout.pitch()..(layout.border + layout.height) * layout.pitch();
        Band { rows: 0..layout.height, layout, values: &mut self.values[lines] }
    }

    /// The map in at most `count` bands of about equally many rows, each a multiple of `unit` but the last.
    pub(super) fn bands_mut(&mut self, count: usize, unit: usize) -> Vec<Band<'_>> {
        let layout = self.layout;
        let rows = layout.height.div_ceil(count.max(1)).next_multiple_of(unit).max(1);
        let lines = layout.border * layout.pitch()..(layout.border + layout.height) * layout.pitch();
        let bands = self.values[lines].chunks_mut(rows * layout.pitch()).enumerate();
        bands
            .map(|(index, values)| {
                let begin = index * rows;
                Band { rows: begin..begin + values.len() / layout.pitch(), layout, values }
            })
            .collect()
    }

    /// Takes up a photo (channels, height, width).
    pub fn fill_from_planes(&mut self, planes: &[f32], layout: Layout) {
        self.reshape(layout);
        if layout.channels == 3 {
            return self.fill_from_colours(planes);
        }
        for (c, plane) in planes.chunks_exact(layout.pixels()).take(layout.channels).enumerate() {
            for (places, line) in self.rows_mut().zip(plane.chunks_exact(layout.width)) {
                let places = places.iter_mut().skip(c).step_by(layout.channels);
                places.zip(line).for_each(|(place, value)| *place = *value);
            }
        }
    }

    /// The same of three channels, pixel by pixel: a photo is large enough for that to matter.
    fn fill_from_colours(&mut self, planes: &[f32]) {
        let Layout { width, .. } = self.layout;
        let (red, others) = planes.split_at(self.layout.pixels());
        let (green, blue) = others.split_at(self.layout.pixels());
        let lines = red.chunks_exact(width).zip(green.chunks_exact(width).zip(blue.chunks_exact(width)));
        for (places, (red, (green, blue))) in self.rows_mut().zip(lines) {
            let colours = red.iter().zip(green.iter().zip(blue));
            for (pixel, (red, (green, blue))) in places.chunks_exact_mut(3).zip(colours) {
                pixel.copy_from_slice(&[*red, *green, *blue]);
            }
        }
    }

    /// The values (channels, height, width) without the border.
    pub fn to_planes(&self) -> Vec<f32> {
        let Layout { height, channels, .. } = self.layout;
        let rows = || (0..height).flat_map(|y| self.row(y).chunks_exact(channels));
        (0..channels).flat_map(|c| rows().map(move |pixel| pixel[c])).collect()
    }

    /// The sum of each channel, added to `sums`.
    pub fn add_sums_to(&self, sums: &mut [f32]) {
        for y in 0..self.layout.height {
            for pixel in self.row(y).chunks_exact(self.layout.channels) {
                sums.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += value);
            }
        }
    }
}

impl Band<'_> {
    /// How the whole map lies.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// From channel `channel` of the first pixel of row `y` of the map on, which must be in this band, and the place of
    /// that value in the whole map.
    pub fn tail_mut(&mut self, y: usize, channel: usize) -> (&mut [f32], usize) {
        let begin = self.layout.at(y, self.layout.border) + channel;
        let in_band = begin - self.layout.at(self.rows.start, 0);
        (&mut self.values[in_band..], begin + self.layout.at(self.layout.border, 0))
    }
}
