//! `labels.csv`.

#![no_main]

use crackscope::dataset::Sample;
use crackscope::dataset::layout::table::Table;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let named = |file: &str| Sample { file: file.to_owned(), ..Sample::default() };
    let mut samples = ["a.jpg", "b/c.jpg", "d.jpg", "e/f g.png"].map(named);
    let table = Table::parse(data);
    let lines = data.iter().filter(|byte| **byte == b'\n').count() + 1;
    assert!(table.rows.len() <= lines.max(data.len()));
    let (spoken_of, faults) = table.apply(&mut samples, "");
    assert!(spoken_of <= samples.len());
    assert!(faults.iter().all(|fault| fault.line.is_none_or(|line| (1..=data.len() + 1).contains(&line))));
});
