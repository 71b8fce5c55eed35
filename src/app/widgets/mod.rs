//! What the tabs are built of.

pub mod badge;
pub mod grid;
