//! PDFs of reports: read back, piece by piece.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use proptest::prelude::*;

use super::reading::Read;
use super::*;
use crate::dataset::Problem;
use crate::export::inspection::With;
use crate::export::inspection::report::document::{Block, Cell, Column, Level, Section, Table, Text, Topic};
use crate::export::inspection::report::{Cover, ModelCard, Particulars, Report, Sheet, card, fixture, markdown};
use crate::inspect::Settings;
use crate::job::{Progress, Unwatched};

/// A moment in May 2026.
fn made() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_777_628_700)
}

/// A report on these photos with all that a report can say.
fn report(sheets: Vec<Sheet>, cover: &Cover) -> Document {
    let settings = Settings::default();
    let problems = [Problem { file: "torn.jpg".into(), reason: "JPEG file cut short".into() }];
    let mut report = Report::of(sheets.len() + problems.len());
    sheets.into_iter().for_each(|sheet| report.add(sheet));
    let with = With { model: Path::new("bundled"), settings: &settings, threshold: 0.4, stored: false };
    let card = ModelCard::from_text(card::bundled_card());
    let made = made();
    report.document(&Particulars { cover, with: &with, card: &card, evaluation: None, problems: &problems, made })
}

fn sheets(count: usize) -> Vec<Sheet> {
    (1..=count).map(|at| fixture::sheet(&format!("pier {at}.png"), at % 9, Some(2.0))).collect()
}

fn written(document: &Document) -> Vec<u8> {
    file(document, &Unwatched).unwrap()
}

/// A document of these blocks.
fn of(blocks: Vec<Block>) -> Document {
    let sections = vec![Section::new(Topic::Cover, blocks)];
    Document { title: "T".to_owned(), made: made(), sections }
}

/// What the blocks say, each line of text by itself.
fn said(blocks: &[Block]) -> Vec<String> {
    let mut all = Vec::new();
    for block in blocks {
        match block {
            Block::Heading(_, text) | Block::Paragraph(text) | Block::Aside(text) => all.push(text.plain()),
            Block::Numbers(pairs) | Block::Facts(pairs) => {
                all.extend(pairs.iter().flat_map(|(name, value)| [name.clone(), value.clone()]));
            }
            Block::Table(table) => {
                all.extend(table.columns.iter().map(|column| column.name.clone()));
                all.extend(table.rows.iter().flatten().map(|cell| match cell {
                    Cell::Text(text) => text.plain(),
                    Cell::Name(text) | Cell::Link(_, text) => text.clone(),
                    Cell::Bar(_) => String::new(),
                }));
            }
            Block::List { items, .. } => all.extend(items.iter().flat_map(|item| said(item))),
            Block::Pictures(pictures) => all.extend(pictures.iter().map(|picture| picture.caption.clone())),
            Block::Code(code) => all.push(code.clone()),
            Block::Quote(blocks) => all.extend(said(blocks)),
            Block::Rule => {}
        }
    }
    all.iter().flat_map(|text| text.lines()).map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn all_that_the_report_says_is_there_as_text() {
    let cover = Cover {
        title: Some("Şişli Viyadüğü – Straßenbrücke".into()),
        inspector: Some("Ayşe Yıldız-Müller, İstanbul".into()),
        notes: Some("one\nĞğÜüİıÖöÇç ÄäÖöÜüß ẞ".into()),
        ..Cover::default()
    };
    let document = report(sheets(9), &cover);
    let read = Read::of(&written(&document));
    let text = read.text();
    let all: Vec<String> = document.sections.iter().flat_map(|section| said(&section.blocks)).collect();
    assert!(all.len() > 150 && all.iter().any(|line| line == "Ayşe Yıldız-Müller, İstanbul"), "{}", all.len());
    for line in all {
        assert!(text.contains(&line), "{line:?} is not in {text}");
    }
    assert_eq!((read.title(), read.language()), ("Şişli Viyadüğü – Straßenbrücke".to_owned(), "en".to_owned()));
}

#[test]
fn pictures_are_in_the_file_as_they_were_encoded() {
    let document = report(sheets(2), &Cover::default());
    let pictures = document.sections.iter().flat_map(|section| &section.blocks).filter_map(|block| match block {
        Block::Pictures(pictures) => Some(pictures),
        _ => None,
    });
    let mut expected: Vec<Vec<u8>> = pictures.flatten().map(|picture| picture.jpeg.to_vec()).collect();
    let mut held = Read::of(&written(&document)).jpegs();
    assert_eq!(expected.len(), 4);
    // A photo that is the same as another is held once.
    [&mut expected, &mut held].into_iter().for_each(|all| {
        all.sort();
        all.dedup();
    });
    assert!(expected == held, "{} and {} pictures", expected.len(), held.len());
}

#[test]
fn pages_are_numbered_and_grow_with_the_photos() {
    let pages: Vec<usize> =
        [1, 8, 40].map(|count| Read::of(&written(&report(sheets(count), &Cover::default()))).pages()).into();
    assert!(pages[0] >= 4 && pages.is_sorted_by(|a, b| a < b), "{pages:?}");
    assert!(pages[2] - pages[1] >= 32 / 4, "four or fewer of these photos stand on a page: {pages:?}");
    let read = Read::of(&written(&report(sheets(8), &Cover::default())));
    for page in 0..read.pages() {
        let number = format!("{} / {}", page + 1, read.pages());
        assert_eq!(read.foot(page), ["Crack inspection".to_owned(), number]);
    }
}

#[test]
fn the_table_and_the_bookmarks_lead_to_the_photos() {
    let document = report(sheets(12), &Cover::default());
    let read = Read::of(&written(&document));
    let page_of = |heading: &str| {
        let found = (0..read.pages()).find(|page| read.pieces(*page).iter().any(|piece| piece.trim() == heading));
        found.unwrap_or_else(|| panic!("{heading} is nowhere"))
    };
    let headings: Vec<String> = document
        .sections
        .iter()
        .filter_map(|section| match (section.topic, &section.blocks[0]) {
            (Topic::Photo(_), Block::Heading(_, text)) => Some(text.plain()),
            _ => None,
        })
        .collect();
    let links: Vec<usize> = (0..read.pages()).flat_map(|page| read.links(page)).collect();
    assert_eq!(links, headings.iter().map(|heading| page_of(heading)).collect::<Vec<_>>());
    let bookmarks = read.bookmarks();
    let names: Vec<&str> =
        bookmarks.iter().map(|(name, _)| name.as_str()).filter(|name| !name.starts_with(' ')).collect();
    assert_eq!(
        names,
        [
            "Crack inspection",
            "Summary",
            "Photos by severity",
            "What was not inspected",
            "How the photos were looked at",
            "Limits",
            "The model"
        ]
    );
    let photos: Vec<_> = bookmarks.iter().filter(|(name, _)| name.starts_with("  ")).collect();
    assert_eq!(photos.len(), 12);
    for (name, page) in photos {
        assert_eq!(*page, page_of(name.trim()), "{name}");
    }
}

#[test]
fn tables_say_their_columns_again_and_rows_stay_whole() {
    let row = |at| vec![Cell::text(format!("row {at} {}", "of words ".repeat(60)).trim()), Cell::text("end")];
    let columns = vec![Column::text("First"), Column::text("Second")];
    let table = Table { columns, rows: (0..40).map(row).collect() };
    let read = Read::of(&written(&of(vec![Block::Heading(Level::Title, "T".into()), Block::Table(table)])));
    assert!(read.pages() > 2);
    for page in 0..read.pages() {
        let text = read.pieces(page).concat();
        assert_eq!((text.matches("First").count(), text.matches("Second").count()), (1, 1), "{text}");
        // What ends a row stands on the page where it begins.
        assert_eq!(text.matches("row ").count(), text.matches("end").count(), "{text}");
        assert_eq!(text.matches("of words").count(), 60 * text.matches("row ").count());
    }
}

#[test]
fn a_heading_never_ends_a_page() {
    for lines in 30..70 {
        let mut blocks: Vec<Block> = (0..lines).map(|at| Block::paragraph(format!("line {at}"))).collect();
        blocks.push(Block::section("Heading"));
        blocks.push(Block::paragraph("below"));
        let read = Read::of(&written(&of(blocks)));
        let with = |what: &str| (0..read.pages()).position(|page| read.pieces(page).iter().any(|piece| piece == what));
        assert_eq!(with("Heading"), with("below"), "after {lines} lines");
    }
}

#[test]
fn the_same_report_gives_the_same_bytes() {
    let bytes = || written(&report(sheets(3), &Cover::default()));
    assert!(bytes() == bytes());
}

#[test]
fn a_stop_is_heard_between_sections_and_between_pages() {
    /// Stops the job when it asks for the last time that it may.
    struct Asked(AtomicUsize);
    impl Watch for Asked {
        fn progress(&self, _: Progress) {}
        fn is_cancelled(&self) -> bool {
            self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_err()
        }
    }
    let document = report(sheets(5), &Cover::default());
    let pages = Read::of(&written(&document)).pages();
    let asked = document.sections.len() + pages + 1;
    for times in [0, 3, document.sections.len(), asked - 1] {
        assert!(file(&document, &Asked(times.into())).unwrap_err().is_cancelled(), "after {times}");
    }
    assert!(file(&document, &Asked(asked.into())).is_ok());
}

#[test]
fn what_is_longer_than_a_page_goes_on_on_the_next() {
    let long = "word ".repeat(20_000);
    let unbroken = "x".repeat(30_000);
    let table = Table {
        columns: vec![Column::text("A"), Column::numbers("B")],
        rows: vec![vec![Cell::text(long.trim()), Cell::text(unbroken.as_str())]],
    };
    let facts = vec![("name".to_owned(), unbroken.clone())];
    let document =
        of(vec![Block::Heading(Level::Title, Text::from(unbroken.clone())), Block::Facts(facts), Block::Table(table)]);
    let read = Read::of(&written(&document));
    let text = read.text();
    assert_eq!(text.matches('x').count(), 3 * unbroken.len());
    assert_eq!(text.matches("word").count(), 20_000);
    assert!(read.pages() > 20, "{}", read.pages());
}

#[test]
fn odd_tables_and_lists_are_written() {
    let many = |count: usize| (0..count).map(|at| Column::text(at.to_string())).collect::<Vec<_>>();
    let cells = |count: usize| (0..count).map(|_| Cell::text("cell")).collect::<Vec<_>>();
    let tables = [
        Table { columns: many(300), rows: vec![cells(300)] },
        Table { columns: many(2), rows: vec![cells(9), Vec::new(), cells(1)] },
        Table { columns: Vec::new(), rows: vec![cells(3)] },
        Table { columns: many(2), rows: Vec::new() },
        Table::default(),
    ];
    let mut blocks: Vec<Block> = tables.map(Block::Table).into();
    blocks.push(Block::List {
        first: Some(u64::MAX),
        items: vec![Vec::new(), vec![Block::Rule], vec![Block::Code("a\n\nb".into())]],
    });
    blocks.extend([
        Block::Numbers(Vec::new()),
        Block::Facts(Vec::new()),
        Block::Quote(Vec::new()),
        Block::paragraph("the end"),
    ]);
    assert!(Read::of(&written(&of(blocks))).text().ends_with("the end"));
    assert_eq!(Read::of(&written(&of(Vec::new()))).pages(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_text_stops_a_report(
        text in "\\PC{0,60}",
        odd in "[\\x00-\\x1f\u{300}-\u{36f}\u{5d0}-\u{5ea}\u{600}-\u{6ff}\u{1f600}-\u{1f64f}中]{0,30}",
    ) {
        let cover = Cover { title: Some(text.clone()), notes: Some(format!("{odd}{text}")), ..Cover::default() };
        let mut document = report(vec![], &cover);
        let card = markdown::blocks(&format!("# {odd}\n\n{text}\n\n- {odd}\n\n    {text}\n"));
        document.sections.push(Section::new(Topic::Model, card));
        prop_assert!(Read::of(&written(&document)).pages() > 2);
    }
}
