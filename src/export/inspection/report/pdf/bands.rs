//! What pages are filled with: strips across the page that are not broken.

use super::letters::Run;
use super::look::Colour;
use crate::export::inspection::report::document::{Picture, Topic};

/// Bands in their order.
#[derive(Default)]
pub struct Flow<'a> {
    /// All of them.
    pub bands: Vec<Band<'a>>,
    /// What is said again where a table goes on, by the numbers that bands name.
    pub heads: Vec<Band<'a>>,
}

/// A strip across the page.
#[derive(Clone, Default)]
pub struct Band<'a> {
    /// Its height in points.
    pub height: f32,
    /// The room above it, unless it begins a page.
    pub gap: f32,
    /// Whether it begins a page.
    pub begins_page: bool,
    /// How it holds to the next band.
    pub tie: Tie,
    /// What is to stand above it where it begins a page, one of [`Flow::heads`].
    pub head: Option<usize>,
    /// What is drawn, from the band's left upper corner.
    pub marks: Vec<Mark<'a>>,
}

/// How a band holds to the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tie {
    /// The next may stand on the next page.
    #[default]
    Free,
    /// It may not, where both with what is tied to them fit on one.
    Section,
    /// The same, if only for the two: a heading and what it is the heading of.
    Close,
}

/// Something that is drawn, or a place.
#[derive(Clone)]
pub enum Mark<'a> {
    /// Text that begins here on its baseline.
    Text([f32; 2], Run),
    /// A rectangle: from left, from top, width, height.
    Fill([f32; 4], Colour),
    /// A picture with what is drawn over it.
    Picture([f32; 4], &'a Picture),
    /// Leads to a topic.
    Link([f32; 4], Topic),
    /// Here a topic begins, under this heading.
    Place(Topic, String),
}

impl Band<'_> {
    /// Nothing of this height.
    pub fn of(height: f32) -> Self {
        Self { height, ..Self::default() }
    }
}

impl Mark<'_> {
    /// Moves it down within its band.
    pub fn lower(&mut self, by: f32) {
        match self {
            Self::Text([_, y], _)
            | Self::Fill([_, y, ..], _)
            | Self::Picture([_, y, ..], _)
            | Self::Link([_, y, ..], _) => {
                *y += by;
            }
            Self::Place(..) => {}
        }
    }
}
