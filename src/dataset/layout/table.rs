//! `labels.csv`: two columns, `file` and `label`, and any others.
//!
//! It is written by hand, by spreadsheets and by this program, so whatever is wrong with one line is told and the
//! other lines still count.

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use csv::{ByteRecord, ReaderBuilder};

use super::mark_of_word;
use crate::dataset::{Mark, Sample};

/// The table's name, directly in the opened folder.
pub const FILE_NAME: &str = "labels.csv";

/// More than this is no table of labels: a hundred million photos would not fill it.
const LIMIT: u64 = 256 << 20;

/// A table of labels, as far as it could be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// The lines that name a file and a known label, in order.
    pub rows: Vec<Row>,
    /// What is wrong with the table, in order of lines.
    pub faults: Vec<Fault>,
}

/// Something wrong with one line, or with the table as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The line in the file, from 1; `None` for the whole.
    pub line: Option<usize>,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.what),
            None => f.write_str(&self.what),
        }
    }
}

/// One line of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The line in the file, from 1.
    pub line: usize,
    /// The file as it is written there.
    pub file: String,
    /// What the table says of it.
    pub label: Mark,
}

impl Table {
    /// Reads a table from disk. What cannot be read becomes a fault.
    pub fn open(path: &Path) -> Self {
        let mut bytes = Vec::new();
        match File::open(path).and_then(|file| file.take(LIMIT + 1).read_to_end(&mut bytes)) {
            Err(cause) => Self::faulty(format!("cannot be read: {cause}")),
            Ok(_) if bytes.len() as u64 > LIMIT => Self::faulty("is too large to be a table of labels".to_owned()),
            Ok(_) => Self::parse(&bytes),
        }
    }

    /// Reads a table from its bytes.
    pub fn parse(bytes: &[u8]) -> Self {
        let mut table = Self::default();
        let mut columns = None;
        let mut lines = Lines::new(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes));
        while let Some((line, record)) = lines.next_record(columns) {
            match (&record, columns) {
                (None, _) => table.fault(line, "a quotation mark is not closed"),
                (Some(record), None) => match Columns::find(record) {
                    Some(found) => columns = Some(found),
                    None => {
                        table.fault(line, "the first line must name the columns file and label, divided by a comma");
                        break;
                    }
                },
                (Some(record), Some(columns)) => table.add(line, record, columns),
            }
        }
        table
    }

    /// Gives the samples their labels. `base` is what their `file` has before a name that the table gives: the folder
    /// that it lies in, with a `/`, or nothing. Returns how many of them the table speaks of, and everything that is
    /// wrong with the table.
    pub fn apply(self, samples: &mut [Sample], base: &str) -> (usize, Vec<Fault>) {
        let Self { rows, mut faults } = self;
        let mut index = HashMap::with_capacity(samples.len());
        for (i, sample) in samples.iter().enumerate() {
            if let Some(name) = sample.file.strip_prefix(base) {
                index.insert(name, i);
            }
        }
        let mut said: Vec<Option<(usize, Mark)>> = vec![None; samples.len()];
        for Row { line, file, label } in rows {
            let Some(slot) = find(&index, &file).and_then(|i| said.get_mut(i)) else {
                let what =
                    if leads_out(&file) { "leads out of the opened folder" } else { "is no photo of this folder" };
                faults.push(Fault { line: Some(line), what: format!("{} {what}", quoted(&file)) });
                continue;
            };
            match *slot {
                None => *slot = Some((line, label)),
                Some((first, earlier)) if earlier != label => {
                    let (file, here, there) = (quoted(&file), label.word(), earlier.word());
                    let what = format!("{file} is {here} here but {there} in line {first}, which stands");
                    faults.push(Fault { line: Some(line), what });
                }
                Some(_) => {}
            }
        }
        let mut spoken_of = 0;
        for (sample, said) in samples.iter_mut().zip(said) {
            if let Some((_, label)) = said {
                sample.set_found(Some(label));
                spoken_of += 1;
            }
        }
        faults.sort_by_key(|fault| fault.line);
        (spoken_of, faults)
    }

    fn faulty(what: String) -> Self {
        Self { rows: Vec::new(), faults: vec![Fault { line: None, what }] }
    }

    fn fault(&mut self, line: usize, what: &str) {
        self.faults.push(Fault { line: Some(line), what: what.to_owned() });
    }

    fn add(&mut self, line: usize, record: &ByteRecord, columns: Columns) {
        if record.iter().all(|field| field.trim_ascii().is_empty()) {
            return;
        }
        let (Some(file), Some(label)) = (record.get(columns.file), record.get(columns.label)) else {
            return self.fault(line, "there are too few columns");
        };
        let (Ok(file), Ok(label)) = (str::from_utf8(file), str::from_utf8(label)) else {
            return self.fault(line, "this is not UTF-8");
        };
        if file.trim().is_empty() {
            return self.fault(line, "there is no file name");
        }
        match mark_of_word(label) {
            Some(label) => self.rows.push(Row { line, file: file.to_owned(), label }),
            None => self.fault(
                line,
                &format!("the label {} is not known; write positive, negative, unsure or excluded", quoted(label)),
            ),
        }
    }
}

/// Where the two columns are.
#[derive(Clone, Copy)]
struct Columns {
    file: usize,
    label: usize,
}

impl Columns {
    fn find(header: &ByteRecord) -> Option<Self> {
        let named = |name: &[u8]| header.iter().position(|field| field.trim_ascii().eq_ignore_ascii_case(name));
        Some(Self { file: named(b"file")?, label: named(b"label")? })
    }
}

/// The records of a table and the lines on which they begin.
///
/// A quotation mark that is never closed would swallow the rest of the table, so a record that looks like that is
/// given up and reading goes on with the next line.
struct Lines<'a> {
    bytes: &'a [u8],
    /// Where `reader` began.
    base: usize,
    reader: csv::Reader<&'a [u8]>,
    /// The first `counted` bytes hold `breaks` line breaks.
    counted: usize,
    breaks: usize,
}

impl<'a> Lines<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, base: 0, reader: reader(bytes), counted: 0, breaks: 0 }
    }

    /// The next record and its line; no record where a quotation mark is not closed.
    fn next_record(&mut self, columns: Option<Columns>) -> Option<(usize, Option<ByteRecord>)> {
        let mut record = ByteRecord::new();
        let before = self.base + self.reader.position().byte() as usize;
        // Reading from memory, without checks of length or encoding, cannot fail.
        if !self.reader.read_byte_record(&mut record).unwrap_or(false) {
            return None;
        }
        let after = self.base + self.reader.position().byte() as usize;
        // The reader leaves line breaks before the next record: `\n` after `\r`, and empty lines.
        let rest = self.bytes.get(before..after)?;
        let start = before + rest.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
        let line = self.line_at(start);
        let text = self.bytes.get(start..after)?.trim_ascii_end();
        let Some(first) = text.iter().position(|b| *b == b'\n') else { return Some((line, Some(record))) };
        let quotes = text.iter().filter(|b| **b == b'"').count();
        // Notes may well run over several lines; file names and labels do not.
        let runs_on = |column| record.get(column).is_some_and(|field| field.contains(&b'\n'));
        let broken = columns.is_some_and(|columns| runs_on(columns.file) || runs_on(columns.label));
        if quotes % 2 == 0 && !broken {
            return Some((line, Some(record)));
        }
        self.base = start + first + 1;
        self.reader = reader(self.bytes.get(self.base..).unwrap_or_default());
        Some((line, None))
    }

    /// The line, from 1, of the byte `at`, which never goes back.
    fn line_at(&mut self, at: usize) -> usize {
        let passed = self.bytes.get(self.counted..at).unwrap_or_default();
        self.breaks += passed.iter().filter(|b| **b == b'\n').count();
        self.counted = self.counted.max(at);
        self.breaks + 1
    }
}

fn reader(bytes: &[u8]) -> csv::Reader<&[u8]> {
    ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bytes)
}

/// Finds a photo by its name as it stands, and else with `/` for `\` and without blanks or `./` around it.
fn find(index: &HashMap<&str, usize>, file: &str) -> Option<usize> {
    index.get(file).copied().or_else(|| {
        let plain = file.trim().replace('\\', "/");
        index.get(plain.strip_prefix("./").unwrap_or(&plain)).copied()
    })
}

/// Whether a name would reach outside the opened folder: an absolute path, or one that climbs.
fn leads_out(file: &str) -> bool {
    let file = file.trim().replace('\\', "/");
    let drive = file.split_once(':').is_some_and(|(drive, _)| drive.len() == 1);
    file.starts_with('/') || drive || file.split('/').any(|part| part == "..")
}

/// Foreign text on one short line.
fn quoted(text: &str) -> String {
    const LONGEST: usize = 100;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{:?}…", text.get(..end).unwrap_or_default()),
        None => format!("{text:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Class::{self, Negative, Positive};
    use proptest::prelude::*;

    fn samples(files: &[&str]) -> Vec<Sample> {
        let sample = |file: &&str| Sample {
            file: (*file).to_owned(),
            path: file.into(),
            label: Some(Positive),
            bytes: 1,
            ..Sample::default()
        };
        files.iter().map(sample).collect()
    }

    fn written(faults: &[Fault]) -> Vec<String> {
        faults.iter().map(Fault::to_string).collect()
    }

    fn rows(text: &[u8]) -> Vec<(usize, String, Option<Class>)> {
        Table::parse(text).rows.into_iter().map(|row| (row.line, row.file, row.label.class())).collect()
    }

    #[test]
    fn reads_spreadsheets_output() {
        let text = b"\xef\xbb\xbfLabel, File ,who\r\n1,a.jpg,me\r\n\r\nintact,\"b, c.jpg\",\"two\r\nlines\"\r\n,d.jpg\r\n,,\r\n";
        let expected = [(2, "a.jpg", Some(Positive)), (4, "b, c.jpg", Some(Negative)), (6, "d.jpg", None)]
            .map(|(l, f, c)| (l, f.to_owned(), c));
        assert_eq!(rows(text), expected);
        assert_eq!(Table::parse(text).faults, []);
    }

    #[test]
    fn one_bad_line_leaves_the_others() {
        let text = b"file,label\na.jpg,craked\nb.jpg\n\xff.jpg,1\n\"c.jpg,1\nd.jpg,0\n ,1\ne.jpg,1,\"note\nf.jpg,0";
        let table = Table::parse(text);
        assert_eq!(
            table.rows.iter().map(|row| (row.line, row.file.as_str())).collect::<Vec<_>>(),
            [(6, "d.jpg"), (9, "f.jpg")]
        );
        assert_eq!(
            written(&table.faults),
            [
                "line 2: the label \"craked\" is not known; write positive, negative, unsure or excluded",
                "line 3: there are too few columns",
                "line 4: this is not UTF-8",
                "line 5: a quotation mark is not closed",
                "line 7: there is no file name",
                "line 8: a quotation mark is not closed",
            ]
        );
    }

    #[test]
    fn a_table_without_its_header_is_not_guessed_at() {
        for text in [&b"a.jpg,1\nb.jpg,0\n"[..], b"file;label\na.jpg;1\n", b"\xff\xfef\0i\0l\0e\0"] {
            let table = Table::parse(text);
            assert!(table.rows.is_empty());
            assert_eq!(table.faults.len(), 1);
            assert!(table.faults[0].to_string().starts_with("line 1: "), "{:?}", table.faults);
        }
        assert_eq!(Table::parse(b""), Table::default());
    }

    #[test]
    fn wins_over_what_was_there_and_tells_what_it_cannot_match() {
        let mut photos = samples(&["a.jpg", "x/b.jpg", "c\\d.jpg", "e.jpg"]);
        let text =
            b"file,label\na.jpg,0\n.\\x\\b.jpg,unsure\nc\\d.jpg,negative\n../a.jpg,1\na.jpg,0\na.jpg,1\ngone.jpg,1\n";
        let (spoken_of, faults) = Table::parse(text).apply(&mut photos, "");
        assert_eq!(spoken_of, 3);
        let labels: Vec<_> = photos.iter().map(|photo| photo.label).collect();
        assert_eq!(labels, [Some(Negative), None, Some(Negative), Some(Positive)]);
        assert_eq!(
            written(&faults),
            [
                "line 5: \"../a.jpg\" leads out of the opened folder",
                "line 7: \"a.jpg\" is cracked here but intact in line 2, which stands",
                "line 8: \"gone.jpg\" is no photo of this folder",
            ]
        );
        for out in ["/etc/x.jpg", "C:\\x.jpg", "a/../../x.jpg", "..\\x.jpg"] {
            assert!(leads_out(out), "{out}");
        }
        assert!(!leads_out("a/..b/x:1.jpg"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_to_the_end(bytes in proptest::collection::vec(prop_oneof![Just(b'"'), Just(b'\n'), Just(b','), Just(b'\r'), any::<u8>()], 0..200)) {
            let mut text = b"file,label\n".to_vec();
            text.extend(&bytes);
            text.extend(b"\n\nlast.jpg,1\n");
            let lines = text.iter().filter(|b| **b == b'\n').count();
            let table = Table::parse(&text);
            prop_assert!(table.rows.iter().all(|row| row.line <= lines));
            prop_assert!(table.rows.is_sorted_by_key(|row| row.line));
        }
    }
}
