//! The window.

pub mod session;
pub mod tabs;
pub mod theme;
pub mod thumbnails;
pub mod widgets;
