//! Thumbnails side by side in a few large textures, so that a screen of them is painted in a few strokes.
//!
//! A page is divided into equal square slots. Slots are handed out again in order of when they were last shown; when
//! the size of thumbnails changes, whole pages of the old size make room.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use egui::{Color32, ColorImage, Context, Rect, TextureHandle, TextureOptions, pos2, vec2};

use super::Picture;
use super::pool::Job;

/// The most bytes of textures.
pub const BUDGET: usize = 96 << 20;
/// Slots come in multiples of so many pixels, so that nearby sizes share pages.
const STEP: usize = 32;

/// The pages.
#[derive(Default)]
pub struct Atlas {
    pages: Vec<Page>,
    places: HashMap<PathBuf, (PageId, usize)>,
    frame: u64,
    next: u64,
}

/// A page's number; never given twice.
type PageId = u64;

struct Page {
    id: PageId,
    texture: TextureHandle,
    side: usize,
    slot_side: usize,
    slots: Vec<Slot>,
}

#[derive(Clone, Default)]
struct Slot {
    path: Option<PathBuf>,
    size: [usize; 2],
    shown: u64,
}

impl Atlas {
    /// What is shown from now on belongs to a new frame.
    pub fn begin_frame(&mut self) {
        self.frame += 1;
    }

    /// Bytes of textures.
    pub fn bytes(&self) -> usize {
        self.pages.iter().map(Page::bytes).sum()
    }

    /// The picture of a photo; it counts as shown in this frame.
    pub fn get(&mut self, path: &Path) -> Option<Picture> {
        let &(id, index) = self.places.get(path)?;
        let page = self.pages.iter_mut().find(|page| page.id == id)?;
        let origin = page.origin(index);
        let side = page.side as f32;
        let slot = page.slots.get_mut(index)?;
        slot.shown = self.frame;
        let size = vec2(slot.size[0] as f32, slot.size[1] as f32);
        let uv = Rect::from_min_size(pos2(origin[0] as f32, origin[1] as f32) / side, size / side);
        Some(Picture { texture: page.texture.id(), uv, size })
    }

    /// Gives a picture a place and returns the photos that lost theirs; `None` where every place is on the screen.
    pub fn insert(&mut self, ctx: &Context, job: &Job, picture: ColorImage) -> Option<Vec<PathBuf>> {
        let slot_side = (job.side as usize).next_multiple_of(STEP);
        let mut evicted = Vec::new();
        let (id, index) = self.place(ctx, slot_side, &mut evicted)?;
        if let Some((old_id, old_index)) = self.places.insert(job.path.clone(), (id, index))
            && let Some(page) = self.pages.iter_mut().find(|page| page.id == old_id)
            && let Some(slot) = page.slots.get_mut(old_index)
        {
            *slot = Slot::default();
        }
        let frame = self.frame;
        let page = self.pages.iter_mut().find(|page| page.id == id)?;
        let size = picture.size;
        page.texture.set_partial(page.origin(index), picture, options());
        let slot = page.slots.get_mut(index)?;
        *slot = Slot { path: Some(job.path.clone()), size, shown: frame };
        evicted.retain(|path| *path != job.path);
        Some(evicted)
    }

    /// A slot to write to: a free one, else one on a new page, else the one that was shown longest ago.
    fn place(&mut self, ctx: &Context, slot_side: usize, evicted: &mut Vec<PathBuf>) -> Option<(PageId, usize)> {
        let same = || self.pages.iter().filter(|page| page.slot_side == slot_side);
        if let Some(place) = same().find_map(|page| Some((page.id, page.free()?))) {
            return Some(place);
        }
        let side = page_side(ctx, slot_side);
        let others = self.pages.iter().any(|page| page.slot_side != slot_side && page.shown() + 1 < self.frame);
        if self.bytes() + side * side * 4 <= BUDGET || others {
            while self.bytes() + side * side * 4 > BUDGET {
                self.drop_page(slot_side, evicted)?;
            }
            return Some((self.add_page(ctx, side, slot_side), 0));
        }
        let oldest = same()
            .flat_map(|page| page.slots.iter().enumerate().map(|(i, slot)| (slot.shown, page.id, i)))
            .min_by_key(|&(shown, ..)| shown);
        match oldest {
            Some((shown, id, index)) if shown + 1 < self.frame => {
                let page = self.pages.iter_mut().find(|page| page.id == id)?;
                if let Some(path) = page.slots.get_mut(index).and_then(|slot| slot.path.take()) {
                    self.places.remove(&path);
                    evicted.push(path);
                }
                Some((id, index))
            }
            Some(_) => None,
            None => {
                while self.bytes() + side * side * 4 > BUDGET {
                    self.drop_page(slot_side, evicted)?;
                }
                Some((self.add_page(ctx, side, slot_side), 0))
            }
        }
    }

    /// Drops the page of another slot size that was shown longest ago.
    fn drop_page(&mut self, slot_side: usize, evicted: &mut Vec<PathBuf>) -> Option<()> {
        let pages = self.pages.iter().enumerate().filter(|(_, page)| page.slot_side != slot_side);
        let (oldest, _) = pages.min_by_key(|(_, page)| page.shown())?;
        for path in self.pages.remove(oldest).slots.into_iter().filter_map(|slot| slot.path) {
            self.places.remove(&path);
            evicted.push(path);
        }
        Some(())
    }

    fn add_page(&mut self, ctx: &Context, side: usize, slot_side: usize) -> PageId {
        let id = self.next;
        self.next += 1;
        let blank = ColorImage::filled([side, side], Color32::TRANSPARENT);
        let texture = ctx.load_texture(format!("thumbnails {id}"), blank, options());
        let columns = side / slot_side;
        self.pages.push(Page { id, texture, side, slot_side, slots: vec![Slot::default(); columns * columns] });
        id
    }
}

impl Page {
    fn bytes(&self) -> usize {
        self.side * self.side * 4
    }

    fn free(&self) -> Option<usize> {
        self.slots.iter().position(|slot| slot.path.is_none())
    }

    fn shown(&self) -> u64 {
        self.slots.iter().map(|slot| slot.shown).max().unwrap_or(0)
    }

    fn origin(&self, index: usize) -> [usize; 2] {
        let columns = self.side / self.slot_side;
        [index % columns * self.slot_side, index / columns * self.slot_side]
    }
}

/// Small slots fill pages of 4 MiB, large ones pages of 16 MiB, as far as the graphics card goes.
fn page_side(ctx: &Context, slot_side: usize) -> usize {
    let side: usize = if slot_side <= 256 { 1024 } else { 2048 };
    side.min(ctx.input(|input| input.max_texture_side)).max(slot_side)
}

fn options() -> TextureOptions {
    TextureOptions::LINEAR
}

#[cfg(test)]
mod tests {
    use super::*;

    fn insert(atlas: &mut Atlas, ctx: &Context, name: usize, side: u32) -> Option<Vec<PathBuf>> {
        let picture = ColorImage::filled([side as usize, side as usize / 2], Color32::RED);
        atlas.insert(ctx, &Job { path: name.to_string().into(), side }, picture)
    }

    #[test]
    fn memory_stays_within_its_bound() {
        let ctx = Context::default();
        let mut atlas = Atlas::default();
        let mut lost = 0;
        for name in 0..5000 {
            atlas.begin_frame();
            atlas.begin_frame();
            lost += insert(&mut atlas, &ctx, name, 128 + (name / 1000) as u32 * 64).map_or(0, |gone| gone.len());
            assert!(atlas.bytes() <= BUDGET, "{} bytes after {name}", atlas.bytes());
        }
        assert_eq!(atlas.places.len() + lost, 5000, "every picture has a place or was reported as gone");
        assert!(atlas.get(Path::new("4999")).is_some() && atlas.get(Path::new("0")).is_none());
    }

    #[test]
    fn the_least_recently_shown_goes_first_and_never_one_on_the_screen() {
        let ctx = Context::default();
        let mut atlas = Atlas::default();
        let room = BUDGET / (2048 * 2048 * 4) * 4;
        for name in 0..room {
            atlas.begin_frame();
            assert_eq!(insert(&mut atlas, &ctx, name, 1024), Some(vec![]));
        }
        atlas.begin_frame();
        atlas.begin_frame();
        atlas.get(Path::new("0"));
        assert_eq!(insert(&mut atlas, &ctx, room, 1024), Some(vec![PathBuf::from("1")]));
        atlas.begin_frame();
        for name in 0..=room {
            atlas.get(&PathBuf::from(name.to_string()));
        }
        assert_eq!(insert(&mut atlas, &ctx, room + 1, 1024), None);
    }

    #[test]
    fn a_new_size_takes_the_place_of_the_old() {
        let ctx = Context::default();
        let mut atlas = Atlas::default();
        atlas.begin_frame();
        insert(&mut atlas, &ctx, 7, 96);
        insert(&mut atlas, &ctx, 7, 192);
        assert_eq!(atlas.get(Path::new("7")).map(|picture| picture.size), Some(vec2(192.0, 96.0)));
        assert_eq!(atlas.pages[0].free(), Some(0));
    }
}
