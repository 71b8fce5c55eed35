//! Training: what is asked for, how it is done, what is told meanwhile, and what remains.
//!
//! The backbone is frozen: [`features`] computes what it makes of each photo once and keeps that in a [`cache`]; the
//! [`trainer`] then trains the head on it ([`head_loop`]) and leaves a [run folder](run_dir).

pub mod cache;
pub mod config;
pub mod features;
pub mod head_loop;
pub mod observer;
pub mod run_dir;
pub mod schedule;
pub mod trainer;
