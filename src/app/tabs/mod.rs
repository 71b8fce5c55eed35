//! The tabs.

pub mod browse;
pub mod review;
pub mod train;
