//! What the model said of each photo, and how good that is.

pub mod classify;
pub mod comparison;
pub mod confusion;
pub mod cross_validation;
pub mod interval;
pub mod map;
pub mod metrics;
pub mod predictions;
pub mod suspects;
