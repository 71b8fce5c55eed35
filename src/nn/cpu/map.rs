//! Feature maps as the kernels take them: pixel by pixel with its channels together, and a border of zeros around.

/// A feature map of one photo, `(height + 2 · border) × (width + 2 · border) × channels`.
#[derive(Clone, Debug, Default)]
pub(super) struct Map {
    pub height: usize,
    pub width: usize,
    pub channels: usize,
    pub border: usize,
    values: Vec<f32>,
}

impl Map {
    /// Takes another shape, with zeros in the border; what lies inside is left to whoever fills it. Memory is kept.
    pub fn reshape(&mut self, height: usize, width: usize, channels: usize, border: usize) {
        let shape = (height, width, channels, border);
        if shape == (self.height, self.width, self.channels, self.border) {
            return; // nobody ever writes into the border
        }
        (self.height, self.width, self.channels, self.border) = shape;
        self.values.resize((height + 2 * border) * self.pitch(), 0.0);
        let (pitch, side) = (self.pitch(), border * channels);
        for (y, line) in self.values.chunks_exact_mut(pitch).enumerate() {
            if (border..border + height).contains(&y) {
                line[..side].fill(0.0);
                line[pitch - side..].fill(0.0);
            } else {
                line.fill(0.0);
            }
        }
    }

    /// Values from one row to the next.
    pub fn pitch(&self) -> usize {
        (self.width + 2 * self.border) * self.channels
    }

    /// Where pixel (`y`, `x`) begins, counted with the border: (`border`, `border`) is the first one inside.
    pub fn at(&self, y: usize, x: usize) -> usize {
        y * self.pitch() + x * self.channels
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
        let begin = self.at(y + self.border, self.border);
        &self.values[begin..begin + self.width * self.channels]
    }

    /// The same, to be filled.
    pub fn row_mut(&mut self, y: usize) -> &mut [f32] {
        let begin = self.at(y + self.border, self.border);
        let length = self.width * self.channels;
        &mut self.values[begin..begin + length]
    }

    /// Takes up a photo (channels, height, width).
    pub fn fill_from_planes(&mut self, planes: &[f32], channels: usize, height: usize, width: usize, border: usize) {
        self.reshape(height, width, channels, border);
        for (c, plane) in planes.chunks_exact(height * width).enumerate() {
            for (y, line) in plane.chunks_exact(width).enumerate() {
                let places = self.row_mut(y).iter_mut().skip(c).step_by(channels);
                places.zip(line).for_each(|(place, value)| *place = *value);
            }
        }
    }

    /// The values (channels, height, width) without the border.
    pub fn to_planes(&self) -> Vec<f32> {
        let rows = || (0..self.height).flat_map(|y| self.row(y).chunks_exact(self.channels));
        (0..self.channels).flat_map(|c| rows().map(move |pixel| pixel[c])).collect()
    }

    /// The mean of each channel.
    pub fn means(&self) -> Vec<f32> {
        let mut sums = vec![0.0; self.channels];
        for y in 0..self.height {
            for pixel in self.row(y).chunks_exact(self.channels) {
                sums.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += value);
            }
        }
        let count = (self.height * self.width) as f32;
        sums.iter_mut().for_each(|sum| *sum /= count);
        sums
    }

    /// The 3×3 maximum with step 2 of a map whose values are not negative, so that its border of zeros serves.
    pub fn max_pool_into(&self, out: &mut Self, border: usize) {
        out.reshape((self.height - 1) / 2 + 1, (self.width - 1) / 2 + 1, self.channels, border);
        let (pitch, channels, first) = (self.pitch(), self.channels, self.border - 1);
        for y in 0..out.height {
            let begin = self.at(2 * y + first, first);
            for (x, pixel) in out.row_mut(y).chunks_exact_mut(channels).enumerate() {
                pixel.fill(0.0);
                for dy in 0..3 {
                    let from = begin + dy * pitch + 2 * x * channels;
                    for near in self.values[from..from + 3 * channels].chunks_exact(channels) {
                        pixel.iter_mut().zip(near).for_each(|(most, value)| *most = most.max(*value));
                    }
                }
            }
        }
    }
}
