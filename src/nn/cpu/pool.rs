//! The maximum after the stem and the mean after the last block, with their gradients.

use rayon::prelude::*;

use super::super::architecture::Activation;
use super::map::{Layout, Map};

/// Side of the window over which the maximum is taken; its step is 2.
const WINDOW: usize = 3;

/// How the maximum of a map that lies like this lies.
pub(super) fn layout_after(input: Layout) -> Layout {
    let Layout { height, width, channels, .. } = input;
    Layout { height: (height - 1) / 2 + 1, width: (width - 1) / 2 + 1, channels, border: 1 }
}

/// The 3×3 maximum with step 2 of a map whose values are not negative, so that its border of zeros serves.
pub(super) fn max_pool(input: &Map, output: &mut Map) {
    output.reshape(layout_after(input.layout()));
    output.rows_mut().enumerate().for_each(|(y, row)| max_pool_row(input, y, row));
}

/// The same in all threads: each takes some rows.
pub(super) fn max_pool_in_bands(input: &Map, output: &mut Map) {
    output.reshape(layout_after(input.layout()));
    let rows: Vec<&mut [f32]> = output.rows_mut().collect();
    rows.into_par_iter().enumerate().for_each(|(y, row)| max_pool_row(input, y, row));
}

fn max_pool_row(input: &Map, y: usize, row: &mut [f32]) {
    for (x, pixel) in row.chunks_exact_mut(input.layout().channels).enumerate() {
        pixel.fill(0.0);
        for near in window(input, y, x) {
            pixel.iter_mut().zip(near).for_each(|(most, value)| *most = most.max(*value));
        }
    }
}

/// Fills `result`, of the layout of `input`, with the gradient of what went into [`max_pool`]: each value of
/// `gradient` goes to the first of its window that is the maximum, as PyTorch has it. `pooled` is what came out.
pub(super) fn max_pool_gradient(input: &Map, pooled: &Map, gradient: &Map, result: &mut Map) {
    let (from, channels) = (input.layout(), input.layout().channels);
    result.reshape(from);
    result.rows_mut().for_each(|row| row.fill(0.0));
    let mut left = vec![0.0; channels];
    for y in 0..pooled.layout().height {
        let pixels = pooled.row(y).chunks_exact(channels).zip(gradient.row(y).chunks_exact(channels));
        for (x, (most, gradient)) in pixels.enumerate() {
            left.copy_from_slice(gradient);
            for (dy, dx) in (0..WINDOW).flat_map(|dy| (0..WINDOW).map(move |dx| (dy, dx))) {
                // A place in the border is no place of the photo's: the maximum, which is not negative, lies inside
                // too unless it is 0, and then the ReLU before lets nothing through.
                let (row, column) = (2 * y + dy, 2 * x + dx);
                let inside = (1..=from.height).contains(&row) && (1..=from.width).contains(&column);
                if inside {
                    let begin = from.at(row + from.border - 1, column + from.border - 1);
                    let near = &input.values()[begin..begin + channels];
                    let to = &mut result.values_mut()[begin..begin + channels];
                    for ((to, near), (most, left)) in to.iter_mut().zip(near).zip(most.iter().zip(&mut left)) {
                        let part = if near == most { *left } else { 0.0 };
                        *to += part;
                        *left -= part;
                    }
                }
            }
        }
    }
}

/// The nine pixels under the window of output pixel (`y`, `x`), border included.
fn window(map: &Map, y: usize, x: usize) -> impl Iterator<Item = &[f32]> {
    let layout = map.layout();
    (0..WINDOW).flat_map(move |dy| {
        let begin = layout.at(2 * y + dy + layout.border - 1, 2 * x + layout.border - 1);
        map.values()[begin..begin + WINDOW * layout.channels].chunks_exact(layout.channels)
    })
}

/// The mean of each channel.
pub(super) fn means(map: &Map) -> Vec<f32> {
    let mut sums = vec![0.0; map.layout().channels];
    map.add_sums_to(&mut sums);
    let count = map.layout().pixels() as f32;
    sums.iter_mut().for_each(|sum| *sum /= count);
    sums
}

/// Fills `result`, of the layout of `map`, with the gradient of what went into the activation before [`means`].
pub(super) fn means_gradient(map: &Map, gradient: &[f32], activation: Activation, result: &mut Map) {
    let ceiling = activation.ceiling();
    let layout = map.layout();
    result.reshape(layout);
    let count = layout.pixels() as f32;
    for (y, row) in result.rows_mut().enumerate() {
        let pixels = row.chunks_exact_mut(layout.channels).zip(map.row(y).chunks_exact(layout.channels));
        for (to, values) in pixels {
            for ((to, value), gradient) in to.iter_mut().zip(values).zip(gradient) {
                let passes = ceiling.is_none_or(|ceiling| *value > 0.0 && *value < ceiling);
                *to = if passes { gradient / count } else { 0.0 };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(values: &[f32], [channels, height, width]: [usize; 3]) -> Map {
        let mut map = Map::default();
        map.fill_from_planes(values, Layout { height, width, channels, border: 1 });
        map
    }

    #[test]
    fn the_gradient_goes_to_the_first_maximum() {
        // torch.nn.functional.max_pool2d(x, 3, 2, 1) with x the 4×5 values below, gradient 1 to 6.
        let input = [
            3.0, 1.0, 2.0, 2.0, 0.5, //
            1.0, 3.0, 2.0, 2.0, 9.0, //
            4.0, 4.0, 0.0, 1.0, 1.0, //
            4.0, 2.0, 7.0, 1.0, 9.0,
        ];
        let input = map(&input, [1, 4, 5]);
        let mut pooled = Map::default();
        max_pool(&input, &mut pooled);
        assert_eq!(pooled.to_planes(), [3.0, 3.0, 9.0, 4.0, 7.0, 9.0]);
        let gradient = map(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [1, 2, 3]);
        let mut result = Map::default();
        max_pool_gradient(&input, &pooled, &gradient, &mut result);
        let expected = [
            1.0, 0.0, 0.0, 0.0, 0.0, //
            0.0, 2.0, 0.0, 0.0, 9.0, //
            4.0, 0.0, 0.0, 0.0, 0.0, //
            0.0, 0.0, 5.0, 0.0, 0.0,
        ];
        assert_eq!(result.to_planes(), expected);
    }

    #[test]
    fn the_mean_shares_its_gradient_among_what_the_relu_let_through() {
        let input = map(&[1.0, 0.0, 2.0, 3.0], [2, 1, 2]);
        assert_eq!(means(&input), [0.5, 2.5]);
        let mut result = Map::default();
        means_gradient(&input, &[4.0, 6.0], Activation::Relu, &mut result);
        assert_eq!(result.to_planes(), [2.0, 0.0, 3.0, 3.0]);
        means_gradient(&map(&[1.0, 0.0, 2.0, 6.0], [2, 1, 2]), &[4.0, 6.0], Activation::Relu6, &mut result);
        assert_eq!(result.to_planes(), [2.0, 0.0, 3.0, 0.0]);
        means_gradient(&map(&[1.0, -1.0, 2.0, 6.0], [2, 1, 2]), &[4.0, 6.0], Activation::Linear, &mut result);
        assert_eq!(result.to_planes(), [2.0, 2.0, 3.0, 3.0]);
    }
}
