//! Working memory that is kept from one call to the next.

use std::sync::{Mutex, PoisonError};

/// Buffers that nobody uses at the moment.
#[derive(Default)]
pub(super) struct Idle<T>(Mutex<Vec<T>>);

impl<T: Default> Idle<T> {
    /// Lends what an earlier call left, or something new, to `work`.
    pub fn lend<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        let idle = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut lent = idle().pop().unwrap_or_default();
        let result = work(&mut lent);
        idle().push(lent);
        result
    }
}
