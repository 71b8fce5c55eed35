//! The textures of a photo: one of the whole at its coarsest, and tiles of finer levels where they are looked at.

use std::collections::BTreeMap;

use egui::{Color32, ColorImage, Context, Id, Painter, Rect, TextureHandle, TextureOptions, pos2, vec2};
use image::{GenericImageView as _, RgbImage};

use super::Picture;

/// Side of a tile in pixels.
const TILE: u32 = 512;
/// Tiles that are kept, on the screen or not: at most 128 MiB.
const KEPT: usize = 128;
/// Tiles that become textures in one frame.
const PER_FRAME: usize = 6;
/// From this magnification on, pixels are shown as squares.
const SQUARES: f32 = 3.0;

/// The textures of one photo.
#[derive(Default)]
pub struct Tiles {
    overview: Option<TextureHandle>,
    tiles: BTreeMap<Key, Tile>,
    frame: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    level: usize,
    column: u32,
    row: u32,
    squares: bool,
}

struct Tile {
    texture: TextureHandle,
    shown: u64,
}

impl Tiles {
    /// Paints the photo into `rect`, of which the painter shows what it clips to, at `scale` screen pixels for each of
    /// the photo's.
    pub fn paint(&mut self, ctx: &Context, painter: &Painter, id: Id, picture: &Picture, rect: Rect, scale: f32) {
        self.frame += 1;
        let coarsest = picture.levels().saturating_sub(1);
        let Some(whole) = picture.level(coarsest) else { return };
        let overview = self.overview.get_or_insert_with(|| {
            let (width, height) = whole.dimensions();
            ctx.load_texture(format!("photo {id:?}"), part(whole, 0, 0, width, height), TextureOptions::LINEAR)
        });
        painter.image(overview.id(), rect, Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0)), Color32::WHITE);
        let squares = scale >= SQUARES;
        let level = level_for(scale, coarsest);
        if (level < coarsest || squares)
            && let Some(pixels) = picture.level(level)
        {
            self.paint_level(ctx, painter, (level, pixels), rect, squares);
        }
        self.forget();
    }

    fn paint_level(&mut self, ctx: &Context, painter: &Painter, level: (usize, &RgbImage), rect: Rect, squares: bool) {
        let (level, pixels) = level;
        let size = vec2(pixels.width() as f32, pixels.height() as f32);
        let points = rect.size() / size;
        let seen = rect.intersect(painter.clip_rect());
        if !seen.is_positive() {
            return;
        }
        let tile = |offset: f32, points: f32| (offset.max(0.0) / points) as u32 / TILE;
        let columns = tile(seen.left() - rect.left(), points.x)..=tile(seen.right() - rect.left(), points.x);
        let rows = tile(seen.top() - rect.top(), points.y)..=tile(seen.bottom() - rect.top(), points.y);
        let mut made = 0;
        for (row, column) in rows.flat_map(|row| columns.clone().map(move |column| (row, column))) {
            let (left, top) = (column * TILE, row * TILE);
            if left >= pixels.width() || top >= pixels.height() {
                continue;
            }
            let (width, height) = (TILE.min(pixels.width() - left), TILE.min(pixels.height() - top));
            let key = Key { level, column, row, squares };
            if let std::collections::btree_map::Entry::Vacant(e) = self.tiles.entry(key) {
                if made == PER_FRAME {
                    ctx.request_repaint();
                    continue;
                }
                made += 1;
                // A rim of one pixel, where there is one, lets neighbours meet without a seam; see `uv`.
                let options = if squares { TextureOptions::NEAREST } else { TextureOptions::LINEAR };
                let (x, y, w, h) = with_rim(pixels, left, top, width, height);
                let texture = ctx.load_texture("photo tile", part(pixels, x, y, w, h), options);
                e.insert(Tile { texture, shown: 0 });
            }
            let Some(tile) = self.tiles.get_mut(&key) else { continue };
            tile.shown = self.frame;
            let place = Rect::from_min_size(
                rect.min + vec2(left as f32, top as f32) * points,
                vec2(width as f32, height as f32) * points,
            );
            painter.image(tile.texture.id(), place, uv(pixels, left, top, width, height), Color32::WHITE);
        }
    }

    /// Drops the tiles that were shown longest ago, and never one on the screen.
    fn forget(&mut self) {
        while self.tiles.len() > KEPT {
            let oldest = self.tiles.iter().min_by_key(|(_, tile)| tile.shown);
            match oldest.map(|(key, tile)| (*key, tile.shown)) {
                Some((key, shown)) if shown < self.frame => drop(self.tiles.remove(&key)),
                _ => return,
            }
        }
    }
}

/// The coarsest level that still has a pixel for each of the screen's.
fn level_for(scale: f32, coarsest: usize) -> usize {
    let mut level = 0;
    while level < coarsest && scale * 2.0_f32.powi(level as i32 + 1) <= 1.0 {
        level += 1;
    }
    level
}

fn with_rim(pixels: &RgbImage, left: u32, top: u32, width: u32, height: u32) -> (u32, u32, u32, u32) {
    let (x, y) = (left.saturating_sub(1), top.saturating_sub(1));
    let right = (left + width + 1).min(pixels.width());
    let bottom = (top + height + 1).min(pixels.height());
    (x, y, right - x, bottom - y)
}

/// The part of a tile's texture within its rim.
fn uv(pixels: &RgbImage, left: u32, top: u32, width: u32, height: u32) -> Rect {
    let (x, y, w, h) = with_rim(pixels, left, top, width, height);
    let size = vec2(w as f32, h as f32);
    let min = vec2((left - x) as f32, (top - y) as f32) / size;
    Rect::from_min_size(min.to_pos2(), vec2(width as f32, height as f32) / size)
}

fn part(pixels: &RgbImage, x: u32, y: u32, width: u32, height: u32) -> ColorImage {
    let view = pixels.view(x, y, width, height);
    let colours = view.pixels().map(|(_, _, image::Rgb([r, g, b]))| Color32::from_rgb(r, g, b)).collect();
    ColorImage::new([width as usize, height as usize], colours)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_matches_the_screen() {
        let levels = [8.0, 1.0, 0.6, 0.5, 0.25, 0.2, 0.01].map(|scale| level_for(scale, 3));
        assert_eq!(levels, [0, 0, 0, 1, 2, 2, 3]);
    }

    #[test]
    fn a_tile_shows_its_part_of_the_photo() {
        let photo =
            RgbImage::from_fn(1100, 600, |x, y| image::Rgb([(x % 256) as u8, (y % 256) as u8, (x / 256) as u8]));
        let (x, y, w, h) = with_rim(&photo, 1024, 512, 76, 88);
        assert_eq!((x, y, w, h), (1023, 511, 77, 89));
        let image = part(&photo, x, y, w, h);
        assert_eq!(image.pixels[0], Color32::from_rgb(255, 255, 3));
        let uv = uv(&photo, 1024, 512, 76, 88);
        assert_eq!((uv.min * 77.0).x.round(), 1.0);
        assert_eq!(uv.max, pos2(1.0, 1.0));
    }

    #[test]
    fn only_what_is_looked_at_becomes_textures() {
        let ctx = Context::default();
        let picture = Picture::from_rgb(RgbImage::new(8000, 6000));
        let mut tiles = Tiles::default();
        let room = Rect::from_min_size(pos2(0.0, 0.0), vec2(800.0, 600.0));
        for step in 0..60 {
            let mut output = ctx.run_ui(egui::RawInput::default(), |ui| {
                let offset = vec2(100.0 * step as f32, 60.0 * step as f32);
                let rect = Rect::from_min_size(pos2(0.0, 0.0) - offset, vec2(8000.0, 6000.0));
                tiles.paint(ui.ctx(), &ui.painter_at(room), Id::unique("photo"), &picture, rect, 1.0);
            });
            output.textures_delta.clear();
            assert!(tiles.tiles.len() <= KEPT);
        }
        let shown = tiles.tiles.values().filter(|tile| tile.shown == tiles.frame).count();
        assert!((4..=9).contains(&shown), "{shown}");
    }
}
