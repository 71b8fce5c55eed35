//! Training: what is asked for, how it is done, what is told meanwhile, and what remains.
//!
//! What frozen layers make of each photo is computed once ([`features`]) and kept: features in a [`cache`], the maps
//! before the last block in a [`map_cache`]. On that [`ground`] the [`trainer`] has a [`learner`] go through the [`epochs`] and leaves
//! a [run folder](run_dir); [`run_list`] finds such folders, [`run_change`] renames and deletes them,
//! and [`run_threshold`] gives one another threshold. [`pretrain`] begins with
//! random values instead; [`speed`] measures.

pub mod augment;
pub mod cache;
pub mod config;
pub mod epochs;
pub mod features;
pub mod folds;
pub mod ground;
pub mod grouping;
pub mod kept;
pub mod leaks;
pub mod learner;
pub mod map_cache;
pub mod observer;
pub mod predict;
pub mod pretrain;
pub mod quality;
pub mod rate_finder;
mod record_file;
pub mod repeat;
pub mod run_change;
pub mod run_dir;
mod run_files;
pub mod run_list;
pub mod run_threshold;
pub mod schedule;
mod segments;
pub mod settings;
mod sides;
pub mod similarity;
pub mod sites;
pub mod sketches;
pub mod speed;
pub mod trainer;
