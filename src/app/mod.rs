//! The window.

pub mod session;

use std::path::PathBuf;

use crate::error::{Error, Result};
use crate::places::Places;
use crate::train::config::DeviceChoice;

/// What the window opens with.
pub struct WindowOptions {
    /// A folder of photos to open.
    pub folder: Option<PathBuf>,
    /// Where to compute.
    pub device: DeviceChoice,
    /// Where the program keeps things of its own.
    pub places: Places,
}

/// Opens the window.
///
/// # Errors
/// The window is not built yet.
pub fn run(_: WindowOptions) -> Result<()> {
    Err(Error::new("The window is not built yet").hint("use the commands; see `crackscope --help`"))
}
