//! The window: photos, training, review.
//!
//! [`window`] holds what is open and paints a frame, [`actions`] carries out what the user asks for, [`events`] takes
//! in what the [`worker`]'s threads send back. The [`tabs`] are views: they get plain data and push [`command`]s.

mod actions;
mod bars;
mod closing;
pub mod command;
mod curate_events;
pub mod dialogs;
mod events;
pub mod fallback_fonts;
mod icon;
mod inspect_events;
mod label_events;
mod launch;
pub mod messages;
mod model_events;
mod offers;
mod run_events;
pub mod scene;
pub mod session;
pub mod settings;
pub mod shortcuts;
pub mod tabs;
pub mod theme;
pub mod thumbnails;
pub mod widgets;
pub mod window;
pub mod worker;

pub use launch::run;
pub use window::{App, WindowOptions};
