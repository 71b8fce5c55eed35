//! What a report says, as plain data. Its parts make sections of blocks; `html` and `pdf` show them, and write nothing of
//! their own.

use std::sync::Arc;
use std::time::SystemTime;

/// A report as it is read from the first line to the last.
#[derive(Clone, Debug)]
pub struct Document {
    /// What it is called.
    pub title: String,
    /// When it was made.
    pub made: SystemTime,
    /// What it says.
    pub sections: Vec<Section>,
}

/// Blocks that belong together.
#[derive(Clone, Debug)]
pub struct Section {
    /// What they are about.
    pub topic: Topic,
    /// The blocks.
    pub blocks: Vec<Block>,
}

/// What a section is about: from that follow its looks, whether it begins a page, and how links name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Topic {
    /// Title and facts of the job.
    Cover,
    /// What came of it in numbers.
    Summary,
    /// The table of all photos.
    Photos,
    /// What was not inspected.
    LeftOut,
    /// One photo, by its number in the report.
    Photo(usize),
    /// How the photos were looked at.
    Method,
    /// What the report does not say.
    Limits,
    /// The model's card.
    Model,
}

/// A piece of a section.
#[derive(Clone, Debug)]
pub enum Block {
    /// A heading.
    Heading(Level, Text),
    /// A paragraph.
    Paragraph(Text),
    /// A paragraph that explains what stands beside it.
    Aside(Text),
    /// Large numbers, each with what is counted.
    Numbers(Vec<(String, String)>),
    /// Names with what is said of them, side by side.
    Facts(Vec<(String, String)>),
    /// A table.
    Table(Table),
    /// A list; items are numbered from `first`, where there is one.
    List {
        /// The first item's number.
        first: Option<u64>,
        /// What each item says.
        items: Vec<Vec<Block>>,
    },
    /// Pictures beside each other.
    Pictures(Vec<Picture>),
    /// Text whose lines and spaces stay as they are.
    Code(String),
    /// What somebody else said.
    Quote(Vec<Block>),
    /// A line between what stands above and below.
    Rule,
}

/// How high a heading stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The report's title.
    Title,
    /// A section.
    Section,
    /// A part of one.
    Part,
    /// A part of that.
    Below,
}

/// A run of text in several styles.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text(pub Vec<Span>);

/// Text of one style. A line break in it is one on the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// The text.
    pub text: String,
    /// Its style.
    pub style: Style,
}

/// How text is marked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// It is not.
    #[default]
    Plain,
    /// Strongly.
    Strong,
    /// Lightly.
    Emphasis,
    /// As something to be typed.
    Code,
}

/// A table.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// The columns. Where none has a name, there is no row of names.
    pub columns: Vec<Column>,
    /// The rows.
    pub rows: Vec<Vec<Cell>>,
}

/// A column of a table.
#[derive(Clone, Debug)]
pub struct Column {
    /// What stands above it.
    pub name: String,
    /// Whether it holds numbers: they stand to the right and are not broken.
    pub numbers: bool,
}

/// A cell of a table.
#[derive(Clone, Debug)]
pub enum Cell {
    /// Text.
    Text(Text),
    /// What the row is about.
    Name(String),
    /// A link to where the report speaks of something else.
    Link(Topic, String),
    /// A share from 0 to 1, as a bar.
    Bar(f64),
}

/// A picture with what is drawn over it.
#[derive(Clone, Debug)]
pub struct Picture {
    /// Which of a photo's pictures this is; part of its name in links.
    pub kind: &'static str,
    /// A JPEG file.
    pub jpeg: Arc<Vec<u8>>,
    /// Its pixels.
    pub size: (u32, u32),
    /// What it shows, for those who do not see it.
    pub alt: String,
    /// What stands below it.
    pub caption: String,
    /// What is drawn over it.
    pub drawing: Option<Drawing>,
}

/// Boxes, lines and numbers over a picture, in its pixels.
#[derive(Clone, Debug, Default)]
pub struct Drawing {
    /// Boxes: from left, from top, width, height.
    pub boxes: Vec<[f32; 4]>,
    /// Lines from point to point.
    pub lines: Vec<Vec<[i32; 2]>>,
    /// Where numbers begin on their baselines; the first is 1.
    pub numbers: Vec<[f32; 2]>,
    /// The height of the numbers' letters.
    pub letters: f32,
}

impl Section {
    /// Blocks on a topic.
    pub fn new(topic: Topic, blocks: Vec<Block>) -> Self {
        Self { topic, blocks }
    }
}

impl Block {
    /// The heading of a section.
    pub fn section(text: impl Into<Text>) -> Self {
        Self::Heading(Level::Section, text.into())
    }

    /// The heading of a part of a section.
    pub fn part(text: impl Into<Text>) -> Self {
        Self::Heading(Level::Part, text.into())
    }

    /// A paragraph.
    pub fn paragraph(text: impl Into<Text>) -> Self {
        Self::Paragraph(text.into())
    }

    /// A paragraph that explains what stands beside it.
    pub fn aside(text: impl Into<Text>) -> Self {
        Self::Aside(text.into())
    }

    /// A list of plain items without numbers.
    pub fn list(items: impl IntoIterator<Item = String>) -> Self {
        Self::List { first: None, items: items.into_iter().map(|item| vec![Self::paragraph(item)]).collect() }
    }
}

impl Text {
    /// The text without its styles.
    pub fn plain(&self) -> String {
        self.0.iter().map(|span| span.text.as_str()).collect()
    }

    /// Adds text of a style.
    pub fn push(&mut self, text: &str, style: Style) {
        match self.0.last_mut() {
            Some(last) if last.style == style => last.text.push_str(text),
            _ => self.0.push(Span { text: text.to_owned(), style }),
        }
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(vec![Span { text, style: Style::Plain }])
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

impl Table {
    /// A table of names and values.
    pub fn of_facts<'a>(rows: impl IntoIterator<Item = (&'a str, String)>) -> Self {
        let row = |(name, value): (&str, String)| vec![Cell::Name(name.to_owned()), Cell::text(value)];
        Self { columns: vec![Column::text(""), Column::text("")], rows: rows.into_iter().map(row).collect() }
    }

    /// Whether a row of names stands above the others.
    pub fn has_names(&self) -> bool {
        self.columns.iter().any(|column| !column.name.trim().is_empty())
    }

    /// Whether a column holds numbers.
    pub fn is_of_numbers(&self, column: usize) -> bool {
        self.columns.get(column).is_some_and(|column| column.numbers)
    }
}

impl Column {
    /// A column of text.
    pub fn text(name: impl Into<String>) -> Self {
        Self { name: name.into(), numbers: false }
    }

    /// A column of numbers.
    pub fn numbers(name: impl Into<String>) -> Self {
        Self { name: name.into(), numbers: true }
    }
}

impl Cell {
    /// Plain text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(Text::from(text.into()))
    }

    /// Strong text.
    pub fn strong(text: impl Into<String>) -> Self {
        Self::Text(Text(vec![Span { text: text.into(), style: Style::Strong }]))
    }
}

impl Picture {
    /// Whether it is so wide that pictures are stacked: of a panorama, each half of the width would be a strip.
    pub fn is_wide(&self) -> bool {
        self.size.0 > 2 * self.size.1
    }
}
