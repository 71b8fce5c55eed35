//! Which rows of a matrix lie nearest to which, all against all, by products of matrices.

use candle_core::{Device, Tensor};
use rayon::prelude::*;

use super::failed;
use crate::error::Result;
use crate::job::{Meter, Phase, Watch};

/// Rows whose products are held at once: 20 MB for 40,000 others.
const TOGETHER: usize = 128;

/// A row, and the product with it.
pub type Near = (u32, f32);

/// For each row of `queries` (N, `columns`) the `count` rows of `rows` (M, `columns`) with the largest products, those
/// first; of equal ones the first. Where the rows have length one, the product is the cosine.
///
/// # Errors
/// Where there is no room, or the user stops it.
pub fn nearest(
    queries: &[f32],
    rows: &[f32],
    columns: usize,
    count: usize,
    watch: &dyn Watch,
) -> Result<Vec<Vec<Near>>> {
    let columns = columns.max(1);
    let (many, of) = (queries.len() / columns, rows.len() / columns);
    let mut meter = Meter::new(watch, Phase::Compare, Some(many as u64));
    let mut found = Vec::with_capacity(many);
    if of == 0 {
        return Ok(vec![Vec::new(); many]);
    }
    let what = failed("compare the photos");
    let rows = Tensor::from_slice(rows, (of, columns), &Device::Cpu).and_then(|rows| rows.t()).map_err(what)?;
    for block in queries.chunks(TOGETHER * columns) {
        watch.check()?;
        let height = block.len() / columns;
        let products = Tensor::from_slice(block, (height, columns), &Device::Cpu)
            .and_then(|block| block.matmul(&rows)?.flatten_all()?.to_vec1::<f32>())
            .map_err(failed("compare the photos"))?;
        found.par_extend(products.par_chunks(of).map(|products| largest(products, count)));
        meter.add(height as u64);
    }
    Ok(found)
}

/// The `count` largest values with their places, the largest first; of equal ones the first.
pub fn largest(values: &[f32], count: usize) -> Vec<Near> {
    let mut kept: Vec<Near> = Vec::with_capacity(count + 1);
    for (place, value) in values.iter().enumerate() {
        if kept.len() == count && kept.last().is_none_or(|(_, least)| value <= least) {
            continue;
        }
        let at = kept.partition_point(|(_, other)| other >= value);
        kept.insert(at, (place as u32, *value));
        kept.truncate(count);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::Unwatched;

    #[test]
    fn the_largest_come_first_and_of_equal_ones_the_first() {
        assert_eq!(largest(&[0.5, 2.0, 1.0, 2.0, -1.0], 3), [(1, 2.0), (3, 2.0), (2, 1.0)]);
        assert_eq!(largest(&[1.0], 3), [(0, 1.0)]);
        assert_eq!(largest(&[1.0], 0), []);
    }

    /// Against all products one by one, over more rows than are held at once.
    #[test]
    fn products_of_matrices_find_what_products_of_rows_do() {
        let value = |i: usize| ((i * 7919) % 1013) as f32 / 1013.0 - 0.5;
        let rows: Vec<f32> = (0..300 * 7).map(value).collect();
        let found = nearest(&rows, &rows, 7, 4, &Unwatched).unwrap();
        assert_eq!(found.len(), 300);
        for (query, found) in rows.chunks(7).zip(found) {
            let products: Vec<f32> =
                rows.chunks(7).map(|row| row.iter().zip(query).map(|(a, b)| a * b).sum()).collect();
            for ((_, expected), (place, product)) in largest(&products, 4).into_iter().zip(found) {
                assert!((expected - product).abs() < 1e-5 && (products[place as usize] - product).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn nothing_lies_near_where_there_is_nothing() {
        assert_eq!(nearest(&[1.0, 2.0], &[], 2, 3, &Unwatched).unwrap(), [vec![]]);
    }
}
