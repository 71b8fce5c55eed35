//! Everything that needs more than one module, as one program, so that it is linked once.

#![allow(clippy::unwrap_used, clippy::panic)] // The functions that tests share are not tests to clippy.

mod archives;
mod augmentation;
mod command_line;
mod curate;
mod exported_model;
mod faults;
mod figures;
mod groups;
mod hub;
mod inspect;
mod inspect_window;
mod inspection_report;
mod keyboard;
mod kills;
mod labels;
mod painter;
mod parity;
mod pictures;
mod rates_and_folds;
mod runs;
mod shared;
mod tensorboard;
mod threshold;
mod training;
mod window;
