//! A drawing of a network: boxes, lines and words with their places, and nothing about how they are painted.
//!
//! The window, SVG and PNG all paint the same shapes. A photo goes from top to bottom; blocks that are the same and
//! follow one another are drawn once, with their number; the way around a block runs at its right.

mod layout;
mod unit;

use std::ops::Range;

use super::summary::Summary;

pub use layout::{BODY, SMALL, TITLE};

/// Shapes in the order in which they are painted. Lengths are in points, from the upper left corner.
#[derive(Clone, Debug, PartialEq)]
pub struct Drawing {
    /// Width and height.
    pub size: [f32; 2],
    /// The parts of the network, behind all shapes.
    pub frames: Vec<Frame>,
    /// What is painted over them.
    pub shapes: Vec<Shape>,
}

/// A part of the network, or several that are the same and follow one another.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// Where it lies.
    pub area: Area,
    /// How it looks.
    pub look: Look,
    /// Which of the summary's parts it stands for.
    pub parts: Range<usize>,
    /// What a reader is told who cannot see it, such as `layer1.0, layer1.1: 2 residual blocks, 64 × 56 × 56, frozen`.
    pub name: String,
}

/// A rectangle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Area {
    /// Left edge.
    pub x: f32,
    /// Upper edge.
    pub y: f32,
    /// Width.
    pub width: f32,
    /// Height.
    pub height: f32,
}

/// What a box stands for, and so its colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// What holds no parameters: the photo, pooling, the sum, the answer.
    Plain,
    /// What training leaves as it was.
    Frozen,
    /// What training changes.
    Trained,
    /// The swapped last layer.
    Head,
}

/// Something to be painted.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// A box with rounded corners.
    Box {
        /// Where.
        area: Area,
        /// What it stands for.
        look: Look,
    },
    /// The sum of what comes out of a block and what was led around it: a circle with a plus.
    Sum {
        /// Its centre.
        centre: [f32; 2],
        /// Its radius.
        radius: f32,
    },
    /// A line of horizontal and vertical pieces.
    Line {
        /// Its corners.
        points: Vec<[f32; 2]>,
        /// Whether its end has a head.
        arrow: bool,
    },
    /// A line of text.
    Text(Text),
}

/// A line of text.
#[derive(Clone, Debug, PartialEq)]
pub struct Text {
    /// The point that it is put to, at half the height of its capitals.
    pub at: [f32; 2],
    /// Which part of the text lies there.
    pub align: Align,
    /// Points to the em.
    pub size: f32,
    /// Its colour and weight.
    pub tone: Tone,
    /// The text.
    pub text: String,
}

/// Which part of a text lies at its point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Its beginning.
    Left,
    /// Its middle.
    Centre,
    /// Its end.
    Right,
}

/// Colour and weight of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Usual.
    Text,
    /// Semi-bold.
    Strong,
    /// Held back.
    Quiet,
    /// On the head's box.
    OnHead,
}

/// The columns of boxes that the drawing is folded into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fold {
    /// So many.
    Columns(usize),
    /// As many as bring the drawing closest to the shape of a sheet of paper on its side.
    Sheet,
}

impl Drawing {
    /// The drawing of a network, with a heading for those who see nothing else of it.
    pub fn of(summary: &Summary, fold: Fold, heading: bool) -> Self {
        let units = unit::units(summary);
        let columns = match fold {
            Fold::Columns(columns) => columns.max(1),
            Fold::Sheet => layout::columns_for_a_sheet(&units),
        };
        layout::draw(summary, &units, columns, heading)
    }

    /// The width of a drawing of so many columns.
    pub fn width_of(columns: usize) -> f32 {
        layout::width(columns.max(1))
    }
}

impl Area {
    /// Whether a point lies in it.
    pub fn contains(&self, [x, y]: [f32; 2]) -> bool {
        (self.x..=self.x + self.width).contains(&x) && (self.y..=self.y + self.height).contains(&y)
    }

    /// Its centre.
    pub fn centre(&self) -> [f32; 2] {
        [self.x + self.width / 2.0, self.y + self.height / 2.0]
    }

    /// Its lower edge.
    pub fn bottom(&self) -> f32 {
        self.y + self.height
    }
}

#[cfg(test)]
mod tests;
