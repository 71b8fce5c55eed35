//! The window.

pub mod session;
pub mod theme;
