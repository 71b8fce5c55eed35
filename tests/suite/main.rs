//! Everything that needs more than one module, as one program, so that it is linked once.

#![allow(clippy::unwrap_used, clippy::panic)] // The functions that tests share are not tests to clippy.

mod command_line;
mod hub;
mod parity;
mod runs;
mod shared;
mod training;
mod window;
