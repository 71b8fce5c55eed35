//! Reads PDFs back, for tests.

use std::collections::HashMap;

use hayro_syntax::Pdf;
use hayro_syntax::content::TypedIter;
use hayro_syntax::content::ops::TypedInstruction;
use hayro_syntax::object::{Array, Dict, Name, Object, Stream, String as Bytes};
use hayro_syntax::page::Page;

/// A PDF as a reader sees it.
pub struct Read(Pdf);

/// Which letters a font's glyphs stand for.
type Alphabet = HashMap<u16, String>;

impl Read {
    /// Parses a file.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Pdf::new(bytes.to_vec()).unwrap())
    }

    /// How many pages there are.
    pub fn pages(&self) -> usize {
        self.0.pages().len()
    }

    /// A page's text as whoever copies it gets it, each piece by itself.
    pub fn pieces(&self, page: usize) -> Vec<String> {
        let page = &self.0.pages()[page];
        let mut text = Extract::default();
        let mut instructions = page.typed_operations();
        text.read(page, &mut instructions);
        text.pieces
    }

    /// All text between the pages' feet.
    pub fn text(&self) -> String {
        let page = |page| {
            let pieces = self.pieces(page);
            pieces[..pieces.len() - 2].concat()
        };
        (0..self.pages()).map(page).collect()
    }

    /// What stands at the foot of a page.
    pub fn foot(&self, page: usize) -> [String; 2] {
        let pieces = self.pieces(page);
        pieces.last_chunk::<2>().unwrap().clone()
    }

    /// The pages that a page's links lead to.
    pub fn links(&self, page: usize) -> Vec<usize> {
        let Some(links) = self.0.pages()[page].raw().get::<Array<'_>>("Annots") else { return Vec::new() };
        links.iter::<Dict<'_>>().map(|link| self.led_to(&link)).collect()
    }

    /// Bookmarks with their pages, those below others after two spaces.
    pub fn bookmarks(&self) -> Vec<(String, usize)> {
        let mut all = Vec::new();
        let outline = self.catalogue().get::<Dict<'_>>("Outlines").unwrap();
        self.below(&outline, "", &mut all);
        all
    }

    /// What the file says of its language.
    pub fn language(&self) -> String {
        self.catalogue().get::<Bytes<'_>>("Lang").map(|text| written(text.as_bytes())).unwrap()
    }

    /// The document's title.
    pub fn title(&self) -> String {
        written(self.0.metadata().title.as_deref().unwrap())
    }

    /// All pictures as they lie in the file.
    pub fn jpegs(&self) -> Vec<Vec<u8>> {
        let picture = |object: Object<'_>| match object {
            Object::Stream(stream) if is(&stream, "Subtype", "Image") => Some(stream.raw_data().into_owned()),
            _ => None,
        };
        self.0.objects().into_iter().filter_map(picture).collect()
    }

    fn catalogue(&self) -> Dict<'_> {
        self.0.xref().get(self.0.xref().root_id()).unwrap()
    }

    fn below(&self, above: &Dict<'_>, indent: &str, all: &mut Vec<(String, usize)>) {
        let mut next = above.get::<Dict<'_>>("First");
        while let Some(node) = next {
            let title = written(node.get::<Bytes<'_>>("Title").unwrap().as_bytes());
            all.push((format!("{indent}{title}"), self.led_to(&node)));
            self.below(&node, "  ", all);
            next = node.get("Next");
        }
    }

    /// The page of a destination.
    fn led_to(&self, from: &Dict<'_>) -> usize {
        let place = from.get::<Array<'_>>("Dest").unwrap();
        let page = place.raw_iter().next().unwrap().as_obj_ref().unwrap();
        let is_it = |other: &Page<'_>| other.raw().obj_id().is_some_and(|id| id.obj_number == page.obj_number);
        self.0.pages().iter().position(is_it).unwrap()
    }
}

#[derive(Default)]
struct Extract {
    pieces: Vec<String>,
    alphabet: Alphabet,
}

impl Extract {
    fn read(&mut self, page: &Page<'_>, instructions: &mut TypedIter<'_>) {
        while let Some(instruction) = instructions.next() {
            match instruction {
                TypedInstruction::BeginText(_) => self.pieces.push(String::new()),
                TypedInstruction::TextFont(font) => {
                    let font = page.resources().get_font(font.0).unwrap();
                    self.alphabet = alphabet(&font.get::<Stream<'_>>("ToUnicode").unwrap().decoded().unwrap());
                }
                TypedInstruction::ShowText(show) => self.show(show.0.as_bytes()),
                TypedInstruction::ShowTexts(show) => {
                    show.0.iter::<Object<'_>>().for_each(|object| {
                        if let Object::String(glyphs) = object {
                            self.show(glyphs.as_bytes());
                        }
                    });
                }
                _ => {}
            }
        }
    }

    fn show(&mut self, glyphs: &[u8]) {
        let letters = |pair: &[u8]| self.alphabet.get(&u16::from_be_bytes([pair[0], pair[1]])).cloned();
        let text: String = glyphs.chunks_exact(2).filter_map(letters).collect();
        self.pieces.last_mut().unwrap().push_str(&text);
    }
}

/// `<0003> <0041>` of a table from glyphs to letters.
fn alphabet(table: &[u8]) -> Alphabet {
    let table = String::from_utf8_lossy(table);
    let words = |part: &str| -> Vec<Vec<u16>> {
        let hex = |word: &str| -> Vec<u16> {
            let digits: Vec<char> = word.chars().filter(char::is_ascii_hexdigit).collect();
            digits.chunks(4).filter_map(|four| u16::from_str_radix(&four.iter().collect::<String>(), 16).ok()).collect()
        };
        part.split('<').skip(1).map(|word| hex(word.split('>').next().unwrap())).collect()
    };
    let parts = table.split("beginbfchar").skip(1).map(|part| part.split("endbfchar").next().unwrap());
    let pairs =
        parts.flat_map(|part| words(part).chunks_exact(2).map(|two| (two[0][0], two[1].clone())).collect::<Vec<_>>());
    pairs.map(|(glyph, letters)| (glyph, String::from_utf16(&letters).unwrap())).collect()
}

/// Text outside of pages: UTF-16 behind its mark, or Latin letters.
fn written(bytes: &[u8]) -> String {
    match bytes.strip_prefix(&[0xfe, 0xff]) {
        Some(units) => {
            let units: Vec<u16> = units.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
            String::from_utf16(&units).unwrap()
        }
        None => bytes.iter().map(|byte| char::from(*byte)).collect(),
    }
}

fn is(stream: &Stream<'_>, key: &str, value: &str) -> bool {
    stream.dict().get::<Name<'_>>(key).is_some_and(|name| name.as_str() == value)
}
