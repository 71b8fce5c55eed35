//! Whole photos: where is the crack?
//!
//! The network was trained on squares of 227 pixels; a photo has millions. Its head is linear and its features are means,
//! so one convolutional pass over the photo gives the logit of every window at once: [`pass`] looks, at one or several
//! [scales](Settings::scales), and keeps what each cell of 32 pixels contributes; [`heat`] makes the map of it; [`tiles`] is
//! the reference way. What is found in a map: [`regions`], the line along each crack ([`skeleton`]), and what is
//! [measured](measure). What the photo shows to be no crack is left out: [joints](joint) and [rims](rim). [`evaluate`] holds it against masks.
//!
//! Nothing here knows files but by reading a photo; all results are plain data that cross threads.

pub mod brightness;
pub mod corrections;
pub mod evaluate;
pub mod findings;
pub mod heat;
pub mod joint;
pub mod measure;
pub mod pass;
pub mod photo;
pub mod regions;
pub mod retrain;
pub mod rim;
pub mod skeleton;
pub mod tiles;

pub use self::findings::{Findings, LeftOut, Why};
pub use self::heat::{Grid, HeatMap, Rect};
pub use self::measure::{Measures, Scale};
pub use self::pass::{Contrast, Inspector, Layer, Look};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// How a photo is looked at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// One pass or tile by tile.
    pub method: Method,
    /// Sizes at which the photo goes through the network, 1 its own; none for those that suit its size
    /// ([`pass::scales_for`]). At 2, a crack of 2 pixels looks like one of 4.
    pub scales: Vec<f32>,
    /// Cells on a side of the window whose mean is a cell's logit: odd. 1 asks of each cell by itself, and its logit is
    /// brought to the scale of cells ([`heat::CELLS`]); 7 asks what the network was trained on, the logit of a square of 224
    /// pixels around the cell as it is.
    pub window: usize,
    /// How several scales become one map.
    pub join: Join,
    /// Pixels from one tile to the next, where it goes tile by tile.
    pub tile_step: u32,
    /// Whether features of all cells are kept, so that another head can be applied without a new pass: 24 MB for 12
    /// megapixels of ResNet18 at scale 1.
    pub keep_features: bool,
    /// What is taken out of the findings.
    pub leave_out: LeaveOut,
}

/// The usual false alarms that are told from cracks by what the photo shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LeaveOut {
    /// Regions along what is straight and goes on so: joints, formwork edges. A crack that is as straight goes with them.
    pub joints: bool,
    /// Regions that are dark against one side only: rims of markings, edges of shadows.
    pub rims: bool,
}

impl Default for LeaveOut {
    fn default() -> Self {
        Self { joints: true, rims: true }
    }
}

impl LeaveOut {
    /// Leaves out nothing.
    pub const NOTHING: Self = Self { joints: false, rims: false };
}

/// How the map comes about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// One convolutional pass over the photo at each scale.
    #[default]
    Pass,
    /// Squares of 227 pixels, each as a photo of its own, as a classifier of crops sees them.
    Tiles,
}

/// How the logits of several scales become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Join {
    /// Their mean: where scales agree.
    #[default]
    Mean,
    /// The highest: what any scale sees.
    Max,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            method: Method::Pass,
            scales: Vec::new(),
            window: 1,
            join: Join::Mean,
            tile_step: tiles::SIDE / 2,
            keep_features: false,
            leave_out: LeaveOut::default(),
        }
    }
}

impl Settings {
    /// What becomes of the logits: see [`Settings::window`].
    pub fn platt(&self) -> heat::Platt {
        if self.method == Method::Pass && self.window == 1 { heat::CELLS } else { heat::Platt::NONE }
    }

    /// Checks that they make sense.
    ///
    /// # Errors
    /// A usage error that says what is wrong.
    pub fn validate(&self) -> Result<()> {
        if self.scales.iter().any(|scale| !(0.05..=8.0).contains(scale)) {
            return Err(Error::usage("Scales must be from 0.05 to 8").hint("give such as 1 or 0.5,1,2"));
        }
        if self.window.is_multiple_of(2) || self.window > 99 {
            return Err(Error::usage("The window must be an odd number of cells up to 99").hint("give 1, 3, 5 or 7"));
        }
        if self.tile_step == 0 {
            return Err(Error::usage("The step from tile to tile must be at least one pixel"));
        }
        Ok(())
    }
}
