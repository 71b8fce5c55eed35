//! A report as one page of HTML that holds all it shows.

use std::fmt::Write;

use super::document::{Block, Cell, Document, Drawing, Level, Picture, Section, Span, Style, Table, Text, Topic};
use crate::export::page::{self, escaped, escaped_lines};

const STYLE: &str = include_str!("report.css");

/// The page.
pub fn page(document: &Document) -> String {
    let body: String = document.sections.iter().map(section).collect();
    page::document(&document.title, STYLE, &body)
}

/// One section of the page.
pub fn section(section: &Section) -> String {
    let id = place(section.topic);
    let blocks = blocks(&section.blocks, &id);
    let named = if id.is_empty() { id } else { format!(" id=\"{id}\"") };
    let class = match section.topic {
        Topic::Cover => return format!("<header>\n{blocks}</header>\n"),
        Topic::Summary => "summary",
        Topic::Photos => "photos",
        Topic::LeftOut => "left-out",
        Topic::Photo(_) => "photo",
        Topic::Method => "method",
        Topic::Limits => "limits",
        Topic::Model => "card",
    };
    format!("<section class=\"{class}\"{named}>\n{blocks}</section>\n")
}

/// What links call a topic; empty where none leads there.
fn place(topic: Topic) -> String {
    match topic {
        Topic::Photo(number) => format!("photo-{number}"),
        Topic::Limits => "limits".to_owned(),
        _ => String::new(),
    }
}

fn blocks(blocks: &[Block], place: &str) -> String {
    blocks.iter().map(|each| block(each, place)).collect()
}

fn block(block: &Block, place: &str) -> String {
    match block {
        Block::Heading(level, words) => {
            let tag = tag(*level);
            format!("<{tag}>{}</{tag}>\n", text(words))
        }
        Block::Paragraph(words) => format!("<p>{}</p>\n", text(words)),
        Block::Aside(words) => format!("<p class=\"quiet\">{}</p>\n", text(words)),
        Block::Numbers(numbers) => {
            let tile =
                |(number, name): &(String, String)| format!("<div><b>{}</b><br>{}</div>\n", line(number), line(name));
            format!("<div class=\"numbers\">\n{}</div>\n", numbers.iter().map(tile).collect::<String>())
        }
        Block::Facts(facts) => {
            let fact = |(name, value): &(String, String)| {
                format!("<div><dt>{}</dt><dd>{}</dd></div>\n", line(name), line(value))
            };
            format!("<dl class=\"cover\">\n{}</dl>\n", facts.iter().map(fact).collect::<String>())
        }
        Block::Table(rows) => table(rows),
        Block::List { first, items } => list(*first, items, place),
        Block::Pictures(all) => pictures(all, place),
        Block::Code(code) => {
            format!("<pre><code>{}</code></pre>\n", code.lines().map(escaped).collect::<Vec<_>>().join("\n"))
        }
        Block::Quote(said) => format!("<blockquote>\n{}</blockquote>\n", blocks(said, place)),
        Block::Rule => "<hr>\n".to_owned(),
    }
}

fn tag(level: Level) -> &'static str {
    match level {
        Level::Title => "h1",
        Level::Section => "h2",
        Level::Part => "h3",
        Level::Below => "h4",
    }
}

fn text(text: &Text) -> String {
    let span = |span: &Span| {
        let words = line(&span.text);
        match span.style {
            Style::Plain => words,
            Style::Strong => format!("<strong>{words}</strong>"),
            Style::Emphasis => format!("<em>{words}</em>"),
            Style::Code => format!("<code>{words}</code>"),
        }
    };
    text.0.iter().map(span).collect()
}

/// Text whose line breaks are kept, one at its end too.
fn line(text: &str) -> String {
    escaped_lines(text) + if text.ends_with('\n') { "<br>\n" } else { "" }
}

fn list(first: Option<u64>, items: &[Vec<Block>], place: &str) -> String {
    let item = |item: &Vec<Block>| match item.as_slice() {
        // An item of one paragraph is a line, and no paragraph with room around it.
        [Block::Paragraph(words), rest @ ..] => format!("<li>{}{}</li>\n", text(words), blocks(rest, place)),
        other => format!("<li>{}</li>\n", blocks(other, place)),
    };
    let items: String = items.iter().map(item).collect();
    match first {
        Some(1) => format!("<ol>\n{items}</ol>\n"),
        Some(first) => format!("<ol start=\"{first}\">\n{items}</ol>\n"),
        None => format!("<ul>\n{items}</ul>\n"),
    }
}

fn table(table: &Table) -> String {
    let mut html = "<table>\n".to_owned();
    let class = |at: usize| if table.is_of_numbers(at) { " class=\"number\"" } else { "" };
    if table.has_names() {
        let names = table.columns.iter().enumerate();
        let names: String = names.map(|(at, column)| format!("<th{}>{}</th>", class(at), line(&column.name))).collect();
        let _ = writeln!(html, "<thead><tr>{names}</tr></thead>");
    }
    html += "<tbody>\n";
    for row in &table.rows {
        let cells: String = row.iter().enumerate().map(|(at, each)| cell(each, class(at))).collect();
        let _ = writeln!(html, "<tr>{cells}</tr>");
    }
    html + "</tbody>\n</table>\n"
}

fn cell(cell: &Cell, class: &str) -> String {
    match cell {
        Cell::Text(words) => format!("<td{class}>{}</td>", text(words)),
        Cell::Name(name) => format!("<th scope=\"row\">{}</th>", line(name)),
        Cell::Link(topic, words) => format!("<td{class}><a href=\"#{}\">{}</a></td>", place(*topic), line(words)),
        Cell::Bar(share) => {
            format!("<td{class}><div class=\"bar\"><i style=\"width:{:.1}%\"></i></div></td>", 100.0 * share)
        }
    }
}

fn pictures(pictures: &[Picture], place: &str) -> String {
    let wide = if pictures.iter().any(Picture::is_wide) { " wide" } else { "" };
    let figures: String = pictures.iter().map(|picture| figure(picture, place)).collect();
    format!("<div class=\"pair{wide}\">\n{figures}</div>\n")
}

/// A picture that is followed to fills the width; following the caption leads back.
fn figure(picture: &Picture, place: &str) -> String {
    let mut shown = page::picture(&picture.jpeg, picture.size, &picture.alt);
    if let Some(drawn) = &picture.drawing {
        shown = format!("<span class=\"drawn\">{shown}{}</span>", drawing(drawn, picture.size));
    }
    let id = format!("{place}-{}", picture.kind);
    format!(
        "<figure id=\"{id}\"><a href=\"#{id}\">{shown}</a><figcaption>{} <a class=\"back\" \
         href=\"#{place}\">smaller</a></figcaption></figure>\n",
        line(&picture.caption)
    )
}

/// Boxes, lines and numbers as the browser draws them: sharp at any size, and numbers can be searched for.
fn drawing(drawing: &Drawing, (width, height): (u32, u32)) -> String {
    let mut svg = format!("<svg viewBox=\"0 0 {width} {height}\" aria-hidden=\"true\">");
    // All rims lie below all lines, so that no rim cuts a line where branches meet.
    let boxes: String = drawing.boxes.iter().map(outline).collect();
    let lines: String = drawing.lines.iter().map(|line| path(line)).collect();
    for (class, path) in [("box", boxes), ("line", lines)] {
        if !path.is_empty() {
            let _ = write!(svg, "<path class=\"{class} rim\" d=\"{path}\"/><path class=\"{class}\" d=\"{path}\"/>");
        }
    }
    let size = drawing.letters;
    for (at, [x, y]) in drawing.numbers.iter().enumerate() {
        let _ = write!(svg, "<text x=\"{x:.0}\" y=\"{y:.0}\" font-size=\"{size:.0}\">{}</text>", at + 1);
    }
    svg + "</svg>"
}

/// A box as a path.
fn outline([x, y, width, height]: &[f32; 4]) -> String {
    format!("M{x:.0} {y:.0}h{width:.0}v{height:.0}h-{width:.0}z")
}

/// A line as a path, each point by its distance from the one before: shorter than by its place.
fn path(line: &[[i32; 2]]) -> String {
    let Some(&[x, y]) = line.first() else { return String::new() };
    let mut path = format!("M{x} {y}");
    for pair in line.windows(2) {
        if let &[[x, y], [u, v]] = pair {
            let _ = write!(path, "l{} {}", u - x, v - y);
        }
    }
    path
}
