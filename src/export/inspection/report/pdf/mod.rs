//! A report as a PDF on A4: its blocks are laid out as bands, bands fill pages, and pages are drawn.

mod bands;
mod blocks;
mod figures;
mod letters;
mod look;
mod pages;
mod paint;
mod tables;
mod words;

use super::document::Document;
use crate::error::Result;
use crate::job::Watch;
use blocks::Setter;
use letters::Letters;

/// The bytes of the file. The same report gives the same bytes.
///
/// # Errors
/// Where a picture cannot be taken over, or the user stops the job.
pub fn file(document: &Document, watch: &dyn Watch) -> Result<Vec<u8>> {
    let letters = Letters::open()?;
    let mut setter = Setter::new(&letters);
    for section in &document.sections {
        watch.check()?;
        setter.section(section);
    }
    let pages = pages::fill(setter.finish());
    paint::paint(document, &pages, &letters, watch)
}

#[cfg(test)]
mod reading;
#[cfg(test)]
mod tests;
