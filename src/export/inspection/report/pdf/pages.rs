//! Bands on pages: what is tied stays together where a page has room for it.

use std::collections::VecDeque;

use super::bands::{Band, Flow, Tie};
use super::look::{HEIGHT, TOLERANCE};

/// A page.
#[derive(Default)]
pub struct Page<'a> {
    /// Bands, and how far from the top of the page's room they begin.
    pub bands: Vec<(f32, Band<'a>)>,
    /// How much of the room is used.
    used: f32,
}

/// Fills pages with bands.
pub fn fill(flow: Flow<'_>) -> Vec<Page<'_>> {
    let mut filler = Filler { heads: flow.heads, pages: vec![Page::default()] };
    let mut bands = VecDeque::from(flow.bands);
    while !bands.is_empty() {
        let left: &[Band<'_>] = bands.make_contiguous();
        let ends = |tie: Tie| left.iter().position(|band| band.tie < tie).map_or(left.len(), |last| last + 1);
        // The longest piece that a page can hold; where none can, the first band by itself.
        let fits = |count: &usize| filler.alone(left.get(..*count).unwrap_or_default()) <= HEIGHT + TOLERANCE;
        let count = [ends(Tie::Section), ends(Tie::Close)].into_iter().find(fits).unwrap_or(1);
        filler.add(bands.drain(..count).collect());
    }
    filler.pages
}

struct Filler<'a> {
    heads: Vec<Band<'a>>,
    pages: Vec<Page<'a>>,
}

impl<'a> Filler<'a> {
    /// Adds bands that stay together, on a new page where this one has no room for them.
    fn add(&mut self, bands: Vec<Band<'a>>) {
        let begins = bands.first().is_some_and(|band| band.begins_page);
        let height: f32 = bands.iter().map(|band| band.gap + band.height).sum();
        let page = self.pages.last();
        let empty = page.is_none_or(|page| page.bands.is_empty());
        let full = page.is_none_or(|page| page.used + height > HEIGHT + TOLERANCE);
        if !empty && (begins || full) {
            self.pages.push(Page::default());
        }
        let head = bands.first().and_then(|band| band.head).and_then(|head| self.heads.get(head)).cloned();
        let Some(page) = self.pages.last_mut() else { return };
        if page.bands.is_empty() {
            head.into_iter().for_each(|head| page.put(head));
        }
        bands.into_iter().for_each(|band| page.put(band));
    }

    /// How high bands are on a page of their own.
    fn alone(&self, bands: &[Band<'a>]) -> f32 {
        let Some(first) = bands.first() else { return 0.0 };
        let head = first.head.and_then(|head| self.heads.get(head)).map_or(0.0, |head| head.height);
        head + bands.iter().map(|band| band.gap + band.height).sum::<f32>() - first.gap
    }
}

impl<'a> Page<'a> {
    fn put(&mut self, band: Band<'a>) {
        let top = if self.bands.is_empty() { 0.0 } else { self.used + band.gap };
        self.used = top + band.height;
        self.bands.push((top, band));
    }
}
