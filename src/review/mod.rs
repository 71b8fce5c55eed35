//! What the model said of each photo, and how good that is.

pub mod bootstrap;
pub mod calibration;
pub mod classify;
pub mod comparison;
pub mod confusion;
pub mod cross_validation;
pub mod flattery;
pub mod interval;
pub mod map;
pub mod metrics;
pub mod paired;
pub mod predictions;
pub mod ranking;
pub mod sites;
pub mod suspects;
pub mod threshold;
