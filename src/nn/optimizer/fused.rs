//! The optimiser's arithmetic on the processor, in place and in one pass for each tensor: a chain of tensor operations
//! would walk through all eleven million parameters a dozen times and allocate each time.

use candle_core::{CpuStorage, InplaceOp3, Layout, Result as CandleResult, bail};
use rayon::prelude::*;

use super::{BETA1, BETA2, EPSILON, OptimizerKind, Rule};

/// Values that one thread takes at a time.
const CHUNK: usize = 1 << 15;

/// Moves a moment towards the gradient: called on the moment, the gradient and the variable.
pub(super) enum Moment {
    /// The mean of gradients, or SGD's momentum.
    First(Rule),
    /// The mean of their squares.
    Second(Rule),
}

/// Moves a variable: called on the variable and both its moments.
pub(super) struct Move(pub Rule);

impl InplaceOp3 for Moment {
    fn name(&self) -> &'static str {
        "moment"
    }

    fn cpu_fwd(
        &self,
        moment: &mut CpuStorage,
        moment_layout: &Layout,
        gradient: &CpuStorage,
        gradient_layout: &Layout,
        value: &CpuStorage,
        value_layout: &Layout,
    ) -> CandleResult<()> {
        let (Self::First(rule) | Self::Second(rule)) = self;
        let decay = if rule.kind == OptimizerKind::AdamW { 0.0 } else { rule.weight_decay };
        let (scale, decay) = (rule.gradient_scale as f32, decay as f32);
        let (keep, share) = match self {
            Self::First(rule) if rule.kind == OptimizerKind::Sgd => (rule.momentum as f32, 1.0),
            Self::First(_) => (BETA1 as f32, (1.0 - BETA1) as f32),
            Self::Second(_) => (BETA2 as f32, (1.0 - BETA2) as f32),
        };
        let squared = matches!(self, Self::Second(_));
        each((moment, moment_layout), (gradient, gradient_layout), (value, value_layout), |moment, gradient, value| {
            let gradient = gradient * scale + value * decay;
            *moment = *moment * keep + (if squared { gradient * gradient } else { gradient }) * share;
        })
    }
}

impl InplaceOp3 for Move {
    fn name(&self) -> &'static str {
        "move"
    }

    fn cpu_fwd(
        &self,
        value: &mut CpuStorage,
        value_layout: &Layout,
        first: &CpuStorage,
        first_layout: &Layout,
        second: &CpuStorage,
        second_layout: &Layout,
    ) -> CandleResult<()> {
        let rule = self.0;
        let (value, first, second) = ((value, value_layout), (first, first_layout), (second, second_layout));
        let rate = rule.learning_rate as f32;
        if rule.kind == OptimizerKind::Sgd {
            return each(value, first, second, |value, first, _| *value -= rate * first);
        }
        let decay = if rule.kind == OptimizerKind::AdamW { rule.weight_decay } else { 0.0 };
        let keep = (1.0 - rule.learning_rate * decay) as f32;
        let (mean, square) = ((1.0 / rule.first_correction) as f32, (1.0 / rule.second_correction) as f32);
        let epsilon = EPSILON as f32;
        each(value, first, second, |value, first, second| {
            *value = *value * keep - rate * (first * mean) / ((second * square).sqrt() + epsilon);
        })
    }
}

/// Calls `change` on each value of the first tensor with those of the others, in all threads.
fn each(
    (first, first_layout): (&mut CpuStorage, &Layout),
    (second, second_layout): (&CpuStorage, &Layout),
    (third, third_layout): (&CpuStorage, &Layout),
    change: impl Fn(&mut f32, f32, f32) + Sync,
) -> CandleResult<()> {
    let CpuStorage::F32(first) = first else { bail!("the optimiser works on f32") };
    let ranges = [first_layout, second_layout, third_layout].map(Layout::contiguous_offsets);
    let [Some(range), Some(second_range), Some(third_range)] = ranges else {
        bail!("the optimiser works on contiguous tensors")
    };
    let slices = (
        first.get_mut(range.0..range.1),
        second.as_slice::<f32>()?.get(second_range.0..second_range.1),
        third.as_slice::<f32>()?.get(third_range.0..third_range.1),
    );
    let (Some(first), Some(second), Some(third)) = slices else { bail!("a tensor ends before its shape does") };
    let change_all = |first: &mut [f32], second: &[f32], third: &[f32]| {
        for (first, (second, third)) in first.iter_mut().zip(second.iter().zip(third)) {
            change(first, *second, *third);
        }
    };
    if first.len() <= CHUNK {
        // The head's few values are not worth the waking of other threads.
        change_all(first, second, third);
        return Ok(());
    }
    let chunks = first.par_chunks_mut(CHUNK).zip(second.par_chunks(CHUNK).zip(third.par_chunks(CHUNK)));
    chunks.for_each(|(first, (second, third))| change_all(first, second, third));
    Ok(())
}
