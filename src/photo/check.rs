//! Opens every photo to see whether it can be read.

use std::collections::BTreeMap;
use std::sync::Mutex;

use rayon::prelude::*;

use super::decode;
use crate::dataset::{Problem, Sample};
use crate::error::Result;
use crate::job::{Meter, Phase, Watch};

/// What came of opening every photo.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// How many photos there are of each width and height, those that can be read.
    pub sizes: BTreeMap<(u32, u32), usize>,
    /// Photos that cannot be read, in their order.
    pub problems: Vec<Problem>,
}

/// Decodes every photo, in parallel, and keeps nothing of it but its size.
///
/// # Errors
/// Where the user stops it. A photo that cannot be read is no error but a problem in what is returned.
pub fn check(samples: &[Sample], watch: &dyn Watch) -> Result<Checked> {
    let meter = Mutex::new(Meter::new(watch, Phase::Check, Some(samples.len() as u64)));
    let outcomes = samples.par_iter().map(|sample| {
        watch.check()?;
        let outcome = decode::decode(&sample.path).map(|picture| picture.dimensions());
        meter.lock().unwrap_or_else(std::sync::PoisonError::into_inner).add(1);
        Ok(outcome.map_err(|error| Problem { file: sample.file.clone(), reason: error.reason() }))
    });
    let mut checked = Checked::default();
    for outcome in outcomes.collect::<Result<Vec<_>>>()? {
        match outcome {
            Ok(size) => *checked.sizes.entry(size).or_default() += 1,
            Err(problem) => checked.problems.push(problem),
        }
    }
    Ok(checked)
}
