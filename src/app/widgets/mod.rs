//! What the tabs are built of.

pub mod badge;
pub mod detail;
pub mod empty;
pub mod form;
pub mod grid;
pub mod large_photo;
pub mod marking;
pub mod path_form;
pub mod photo_view;
