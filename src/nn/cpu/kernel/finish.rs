//! What happens to a sum while it is still in a register.

use super::super::super::architecture::Activation;
use super::lanes::Lanes;

/// What happens to sums before they are stored; the slices are laid out as what comes out.
#[derive(Clone, Copy)]
pub(in super::super) struct Finish<'a> {
    /// Added.
    pub residual: Option<&'a [f32]>,
    /// What becomes of the value then.
    pub activation: Activation,
    /// What came out of an activation: a result passes only where that activation's gradient does, and is zero
    /// elsewhere.
    pub gate: Option<(&'a [f32], Activation)>,
}

impl Finish<'_> {
    /// Nothing: sums are stored as they are.
    pub(in super::super) const NOTHING: Self = Self { residual: None, activation: Activation::Linear, gate: None };

    /// Whether there is a value of each kind for every place below `reach`.
    pub(super) fn reaches(&self, reach: usize) -> bool {
        self.residual.is_none_or(|residual| residual.len() >= reach)
            && self.gate.is_none_or(|(gate, _)| gate.len() >= reach)
    }

    /// What is to be stored from `place` on where the sums are `value`.
    ///
    /// # Safety
    /// From `place` on there must be a vector's values in residual and gate, where there are such.
    #[inline(always)]
    pub(super) unsafe fn apply<V: Lanes>(&self, place: usize, mut value: V) -> V {
        // SAFETY: the values are there, as the caller promises.
        unsafe {
            if let Some(residual) = self.residual {
                value = value.add(V::load(residual.as_ptr().add(place)));
            }
            match self.activation {
                Activation::Linear => {}
                Activation::Relu => value = value.relu(),
                Activation::Relu6 => value = value.relu().minimum(V::splat(SIX)),
            }
            match self.gate {
                None | Some((_, Activation::Linear)) => {}
                Some((gate, Activation::Relu)) => {
                    value = value.where_between(V::load(gate.as_ptr().add(place)), V::splat(f32::INFINITY));
                }
                Some((gate, Activation::Relu6)) => {
                    value = value.where_between(V::load(gate.as_ptr().add(place)), V::splat(SIX));
                }
            }
        }
        value
    }
}

/// Where ReLU6 cuts.
const SIX: f32 = 6.0;
