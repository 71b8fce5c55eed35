//! The tabs.
