//! CrackScope finds cracks in photos of concrete, learns from labels, and shows what it got wrong.
//!
//! The way a photo goes, each module knowing only those before it:
//!
//! | module | what it does |
//! |---|---|
//! | [`dataset`] | lists a folder, reads labels, divides photos into training and validation |
//! | [`photo`] | decodes a file, turns it upright, shrinks it to what the network takes |
//! | [`nn`] | ResNet18 and MobileNetV2: weights, features, the swapped head, class activation maps |
//! | [`train`] | features once per photo, then the head, with curves; leaves a run folder |
//! | [`review`] | predictions, confusion matrix, metrics; a trained model over other folders |
//! | [`inspect`] | whole photos: a heat map from one pass, regions, the line along each crack, measures |
//! | [`export`] | tables, copies of wrong photos, contact sheet, report |
//! | [`app`] and [`cli`] | the window and the command line, which call the same functions |
//!
//! [`job`] is how a long job tells how far it is and is stopped, [`error`] what a user sees when something fails,
//! [`places`] where the program keeps things of its own, [`format`](mod@format) how numbers read,
//! [`atomic_file`] how files are written, [`bounded`] how those that are read whole are, `dice` where chance comes from.

pub mod app;
pub mod atomic_file;
pub mod bounded;
pub mod cli;
pub mod dataset;
mod dice;
pub mod error;
pub mod export;
pub mod format;
pub mod inspect;
pub mod job;
pub mod nn;
pub mod photo;
pub mod places;
pub mod review;
pub mod train;
