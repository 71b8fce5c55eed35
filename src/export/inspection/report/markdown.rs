//! Markdown as blocks of a report. Links become their text, pictures what stands for them, and HTML is shown as it is
//! written: a report fetches nothing and runs nothing, whoever wrote the card.

use pulldown_cmark::{Alignment, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use super::document::{Block, Cell, Column, Level, Style, Table, Text};

/// How deep lists and quotes may lie within each other; what lies deeper is shown where it would begin.
const DEEPEST: usize = 8;

/// The blocks, below a heading of a section.
pub fn blocks(markdown: &str) -> Vec<Block> {
    let mut reader = Reader::default();
    Parser::new_ext(markdown, Options::ENABLE_TABLES).for_each(|event| reader.take(event));
    reader.end_paragraph();
    while !reader.open.is_empty() {
        reader.close();
    }
    reader.blocks
}

/// What is read so far.
#[derive(Default)]
struct Reader {
    blocks: Vec<Block>,
    /// Lists, items and quotes that have begun, the innermost last.
    open: Vec<Open>,
    /// How many more have begun that lie too deep.
    too_deep: usize,
    /// The text of the block that has begun.
    text: Text,
    strong: usize,
    emphasis: usize,
    table: Table,
    row: Vec<Cell>,
}

enum Open {
    Quote(Vec<Block>),
    List { first: Option<u64>, items: Vec<Vec<Block>> },
    Item(Vec<Block>),
}

impl Reader {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) | Event::Html(text) | Event::InlineHtml(text) => self.say(&text, self.style()),
            Event::Code(text) => self.say(&text, Style::Code),
            Event::SoftBreak => self.say(" ", self.style()),
            Event::HardBreak => self.say("\n", self.style()),
            Event::Rule => self.add(Block::Rule),
            // What is not turned on does not come.
            _ => {}
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::BlockQuote(_) => self.begin(Open::Quote(Vec::new())),
            Tag::List(first) => self.begin(Open::List { first, items: Vec::new() }),
            Tag::Item => self.begin(Open::Item(Vec::new())),
            Tag::Table(columns) => {
                self.end_paragraph();
                let numbers = |alignment: &Alignment| *alignment == Alignment::Right;
                let columns = columns.iter().map(|each| Column { name: String::new(), numbers: numbers(each) });
                self.table = Table { columns: columns.collect(), rows: Vec::new() };
            }
            Tag::Strong => self.strong += 1,
            Tag::Emphasis => self.emphasis += 1,
            Tag::Paragraph | Tag::Heading { .. } | Tag::CodeBlock(_) | Tag::HtmlBlock => self.end_paragraph(),
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::BlockQuote(_) | TagEnd::List(_) | TagEnd::Item => {
                self.end_paragraph();
                if self.too_deep > 0 { self.too_deep -= 1 } else { self.close() }
            }
            TagEnd::Paragraph | TagEnd::HtmlBlock => self.end_paragraph(),
            TagEnd::Heading(level) => {
                let text = std::mem::take(&mut self.text);
                self.add(Block::Heading(below(level), text));
            }
            TagEnd::CodeBlock => {
                let code = std::mem::take(&mut self.text).plain();
                self.add(Block::Code(code.trim_end_matches('\n').to_owned()));
            }
            TagEnd::TableCell => self.row.push(Cell::Text(std::mem::take(&mut self.text))),
            TagEnd::TableHead => {
                let names = std::mem::take(&mut self.row);
                for (column, name) in self.table.columns.iter_mut().zip(&names) {
                    if let Cell::Text(name) = name {
                        column.name = name.plain();
                    }
                }
            }
            TagEnd::TableRow => self.table.rows.push(std::mem::take(&mut self.row)),
            TagEnd::Table => {
                let table = std::mem::take(&mut self.table);
                self.add(Block::Table(table));
            }
            TagEnd::Strong => self.strong = self.strong.saturating_sub(1),
            TagEnd::Emphasis => self.emphasis = self.emphasis.saturating_sub(1),
            _ => {}
        }
    }

    fn style(&self) -> Style {
        match (self.strong, self.emphasis) {
            (0, 0) => Style::Plain,
            (0, _) => Style::Emphasis,
            _ => Style::Strong,
        }
    }

    fn say(&mut self, text: &str, style: Style) {
        self.text.push(&text.replace('\t', "    "), style);
    }

    fn begin(&mut self, open: Open) {
        self.end_paragraph();
        if self.open.len() < DEEPEST { self.open.push(open) } else { self.too_deep += 1 }
    }

    fn end_paragraph(&mut self) {
        let text = std::mem::take(&mut self.text);
        if !text.plain().trim().is_empty() {
            self.add(Block::Paragraph(trimmed(text)));
        }
    }

    fn close(&mut self) {
        match self.open.pop() {
            Some(Open::Quote(said)) => self.add(Block::Quote(said)),
            Some(Open::List { first, items }) => self.add(Block::List { first, items }),
            Some(Open::Item(item)) => match self.open.last_mut() {
                Some(Open::List { items, .. }) => items.push(item),
                _ => item.into_iter().for_each(|block| self.add(block)),
            },
            None => {}
        }
    }

    fn add(&mut self, block: Block) {
        match self.open.last_mut() {
            Some(Open::Quote(blocks) | Open::Item(blocks)) => blocks.push(block),
            Some(Open::List { items, .. }) => items.push(vec![block]),
            None => self.blocks.push(block),
        }
    }
}

/// Where a heading of the card stands within the report.
fn below(level: HeadingLevel) -> Level {
    match level {
        HeadingLevel::H1 | HeadingLevel::H2 | HeadingLevel::H3 => Level::Part,
        _ => Level::Below,
    }
}

/// Without line breaks at its end, as HTML that stands by itself has them.
fn trimmed(mut text: Text) -> Text {
    if let Some(last) = text.0.last_mut() {
        last.text.truncate(last.text.trim_end().len());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Blocks in a line: what they are and what they say.
    fn outlined(blocks: &[Block]) -> String {
        let one = |block: &Block| match block {
            Block::Heading(level, text) => format!("{level:?}({})", text.plain()),
            Block::Paragraph(text) => text.plain(),
            Block::List { first, items } => {
                let items: Vec<String> = items.iter().map(|item| outlined(item)).collect();
                format!("{first:?}[{}]", items.join(" | "))
            }
            Block::Quote(said) => format!("“{}”", outlined(said)),
            Block::Code(code) => format!("`{code}`"),
            Block::Table(table) => {
                let cell = |cell: &Cell| if let Cell::Text(text) = cell { text.plain() } else { String::new() };
                let rows: Vec<String> =
                    table.rows.iter().map(|row| row.iter().map(cell).collect::<Vec<_>>().join(",")).collect();
                let names: Vec<String> = table.columns.iter().map(|c| format!("{}{}", c.name, c.numbers)).collect();
                format!("{}: {}", names.join(","), rows.join("/"))
            }
            Block::Rule => "—".to_owned(),
            other => format!("{other:?}"),
        };
        blocks.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn markdown_becomes_blocks() {
        for (markdown, expected) in [
            ("# A\n\n## B\n\n#### C\n", "Part(A) Part(B) Below(C)"),
            ("a\nb  \nc\n\nd", "a b\nc d"),
            ("- a\n- b\n  - c\n", "None[a | b None[c]]"),
            ("3. a\n4. b\n", "Some(3)[a | b]"),
            ("> a\n>\n> b\n", "“a b”"),
            ("```\na\n\tb\n```\n---\n", "`a\n    b` —"),
            ("| a | b |\n|---|--:|\n| 1 | 2 |\n| 3 | |\n", "afalse,btrue: 1,2/3,"),
            ("[a](http://x) ![b](c.png) <i>d</i>\n", "a b <i>d</i>"),
            ("<div>\nx\n</div>\n", "<div>\nx\n</div>"),
            ("", ""),
        ] {
            assert_eq!(outlined(&blocks(markdown)), expected, "{markdown}");
        }
    }

    #[test]
    fn styles_are_kept() {
        let all = blocks("a **b *c*** `d`");
        let Some(Block::Paragraph(Text(spans))) = all.first() else { panic!("{all:?}") };
        let styles: Vec<_> = spans.iter().map(|span| (span.text.as_str(), span.style)).collect();
        let (plain, strong) = (Style::Plain, Style::Strong);
        assert_eq!(styles, [("a ", plain), ("b c", strong), (" ", plain), ("d", Style::Code)]);
    }

    #[test]
    fn what_lies_too_deep_is_still_said() {
        let deep = format!("{}x\n\ny\n", "> ".repeat(5000));
        let said = outlined(&blocks(&deep));
        assert!(said.contains('x') && said.ends_with('y') && said.matches('“').count() == DEEPEST, "{said}");
        let lists: String = (0..200).map(|depth| format!("{}- {depth}\n", "  ".repeat(depth))).collect();
        let said = outlined(&blocks(&lists));
        assert!(said.contains("199") && said.matches('[').count() <= DEEPEST, "{said}");
    }
}
