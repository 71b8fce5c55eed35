//! Nearest rows of features, by cosine.

use candle_core::{D, Device, Result as CandleResult, Tensor};

use crate::error::{Context, Result};
use crate::job::Watch;

/// Rows that are looked for at once.
const TOGETHER: usize = 512;

/// For each row (N, F) of `queries` the nearest of the rows (M, F) of `among`: its number and the cosine of the angle
/// between them. `columns` is F. None where there is nothing to look among.
///
/// # Errors
/// Where there is no room for the products, or the user stops it.
pub fn nearest(queries: &[f32], among: &[f32], columns: usize, watch: &dyn Watch) -> Result<Vec<(usize, f32)>> {
    if among.is_empty() || columns == 0 {
        return Ok(Vec::new());
    }
    const FAILED: &str = "Cannot compare features";
    let among = unit_rows(among, columns).and_then(|rows| rows.t()?.contiguous()).context(FAILED)?;
    let mut found = Vec::with_capacity(queries.len() / columns);
    for some in queries.chunks(TOGETHER * columns) {
        watch.check()?;
        let best = || -> CandleResult<_> {
            let products = unit_rows(some, columns)?.matmul(&among)?;
            Ok((products.argmax(D::Minus1)?.to_vec1::<u32>()?, products.max(D::Minus1)?.to_vec1::<f32>()?))
        };
        let (rows, cosines) = best().context(FAILED)?;
        found.extend(rows.into_iter().map(|row| row as usize).zip(cosines));
    }
    Ok(found)
}

fn unit_rows(values: &[f32], columns: usize) -> CandleResult<Tensor> {
    let rows = Tensor::from_slice(values, (values.len() / columns, columns), &Device::Cpu)?;
    let lengths = rows.sqr()?.sum_keepdim(D::Minus1)?.sqrt()?.maximum(1e-12)?;
    rows.broadcast_div(&lengths)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::Unwatched;

    #[test]
    fn the_nearest_is_that_of_the_smallest_angle() {
        let among = [1.0, 0.0, 0.0, 2.0, 3.0, 3.0];
        let found = nearest(&[5.0, 0.1, 0.1, 0.2, 0.0, 0.0], &among, 2, &Unwatched).unwrap();
        assert_eq!(found.iter().map(|found| found.0).collect::<Vec<_>>()[..2], [0, 2]);
        // cos of the angle between (0.1, 0.2) and (1, 1) is 3/√10.
        assert!((found[1].1 - 3.0 / 10.0_f32.sqrt()).abs() < 1e-6, "{found:?}");
        assert_eq!(nearest(&[1.0], &[], 1, &Unwatched).unwrap(), []);
        let many: Vec<f32> = (0..3 * TOGETHER).map(|i| i as f32 - 700.0).collect();
        assert_eq!(nearest(&many, &[-1.0, 1.0], 1, &Unwatched).unwrap()[701], (1, 1.0));
    }
}
