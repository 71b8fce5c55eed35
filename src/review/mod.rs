//! What the model said of each photo, and how good that is.

pub mod confusion;
pub mod metrics;
pub mod predictions;
