//! The tabs.

pub mod browse;
pub mod curate;
pub mod inspect;
pub mod model;
pub mod review;
pub mod train;
