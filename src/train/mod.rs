//! Training: what is asked for, how it is done, what is told meanwhile, and what remains.

pub mod config;
pub mod features;
pub mod observer;
pub mod run_dir;
pub mod trainer;
