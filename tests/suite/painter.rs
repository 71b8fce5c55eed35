//! Paints the window on the processor, as OpenGL would: the same picture on every machine, without a GPU or a driver.

use std::collections::HashMap;

use egui::epaint::{ClippedPrimitive, ImageData, Primitive, Vertex};
use egui::{Color32, FullOutput, Mesh, Rect, TextureFilter, TextureId, TexturesDelta};
use egui_kittest::TestRenderer;
use image::{Rgba, RgbaImage};

/// Parts of a pixel that corners of triangles are rounded to, as GPUs do.
const PARTS: f32 = 256.0;

/// A renderer for [`egui_kittest`].
#[derive(Default)]
pub(super) struct Painter {
    textures: HashMap<TextureId, Texture>,
}

struct Texture {
    size: [usize; 2],
    texels: Vec<Color32>,
    smooth: bool,
}

impl TestRenderer for Painter {
    fn handle_delta(&mut self, delta: &mut TexturesDelta) {
        for (id, deltas) in delta.set.drain() {
            for delta in deltas {
                let ImageData::Color(image) = &delta.image;
                match (delta.pos, self.textures.get_mut(&id)) {
                    (Some([left, top]), Some(texture)) => {
                        for (y, row) in image.pixels.chunks(image.size[0]).enumerate() {
                            let begin = (top + y) * texture.size[0] + left;
                            texture.texels[begin..begin + row.len()].copy_from_slice(row);
                        }
                    }
                    _ => {
                        let smooth = delta.options.magnification == TextureFilter::Linear;
                        let texture = Texture { size: image.size, texels: image.pixels.clone(), smooth };
                        self.textures.insert(id, texture);
                    }
                }
            }
        }
        for id in delta.free.drain() {
            self.textures.remove(&id);
        }
    }

    fn render(&mut self, ctx: &egui::Context, output: &FullOutput) -> Result<RgbaImage, String> {
        let scale = ctx.pixels_per_point();
        let size = ctx.input(|input| input.viewport_rect().size() * scale).round();
        let mut picture = RgbaImage::from_pixel(size.x as u32, size.y as u32, Rgba([0, 0, 0, 255]));
        for ClippedPrimitive { clip_rect, primitive } in ctx.tessellate(output.shapes.clone(), scale) {
            let Primitive::Mesh(mesh) = primitive else { return Err("a callback cannot be painted here".to_owned()) };
            let texture = self.textures.get(&mesh.texture_id).ok_or("a texture is missing")?;
            let clip = Clip::of(clip_rect, scale, &picture);
            paint(&mut picture, &clip, &mesh, scale, texture);
        }
        Ok(picture)
    }
}

/// What may be painted on, in pixels; the ends do not belong to it.
struct Clip {
    x: [i64; 2],
    y: [i64; 2],
}

impl Clip {
    fn of(rect: Rect, scale: f32, picture: &RgbaImage) -> Self {
        let within = |from: f32, to: f32, size: u32| {
            let end = |at: f32| ((at * scale).round() as i64).clamp(0, i64::from(size));
            [end(from), end(to)]
        };
        Self { x: within(rect.min.x, rect.max.x, picture.width()), y: within(rect.min.y, rect.max.y, picture.height()) }
    }
}

fn paint(picture: &mut RgbaImage, clip: &Clip, mesh: &Mesh, scale: f32, texture: &Texture) {
    for corners in mesh.indices.chunks_exact(3) {
        let corners = [0, 1, 2].map(|at| mesh.vertices[corners[at] as usize]);
        if let Some(triangle) = Triangle::of(corners, scale) {
            triangle.paint(picture, clip, texture);
        }
    }
}

/// A triangle whose corners run clockwise on the screen.
struct Triangle {
    corners: [Vertex; 3],
    places: [[i64; 2]; 3],
    area: i64,
}

/// A side of a triangle: `start + x · per_x + y · per_y` is not negative for the pixels on its inner side. The value grows
/// with the distance, and is the weight of the corner on the other side.
struct Side {
    start: i64,
    per_x: i64,
    per_y: i64,
    /// Of two triangles with a common side, one owns the pixels on it.
    own: i64,
}

impl Triangle {
    fn of(mut corners: [Vertex; 3], scale: f32) -> Option<Self> {
        let place = |v: &Vertex| [v.pos.x, v.pos.y].map(|at| (at * scale * PARTS).round() as i64);
        let mut places = [0, 1, 2].map(|at| place(&corners[at]));
        let mut area = cross(places[0], places[1], places[2]);
        if area < 0 {
            corners.swap(1, 2);
            places.swap(1, 2);
            area = -area;
        }
        (area > 0).then_some(Self { corners, places, area })
    }

    /// The side that faces a corner.
    fn side(&self, corner: usize) -> Side {
        let (a, b) = (self.places[(corner + 1) % 3], self.places[(corner + 2) % 3]);
        let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
        let (parts, half) = (PARTS as i64, PARTS as i64 / 2);
        let start = dx * (half - a[1]) - dy * (half - a[0]);
        let top_or_left = dy < 0 || (dy == 0 && dx > 0);
        Side { start, per_x: -dy * parts, per_y: dx * parts, own: if top_or_left { 0 } else { -1 } }
    }

    fn paint(&self, picture: &mut RgbaImage, clip: &Clip, texture: &Texture) {
        let sides = [0, 1, 2].map(|corner| self.side(corner));
        let rows = self.places.map(|place| place[1].div_euclid(PARTS as i64));
        let (top, bottom) = (rows.iter().min().copied(), rows.iter().max().copied());
        let (Some(top), Some(bottom)) = (top, bottom) else { return };
        for y in top.max(clip.y[0])..(bottom + 1).min(clip.y[1]) {
            let [from, to] = sides.iter().fold(clip.x, |[from, to], side| side.narrowed(y, from, to));
            for x in from..to {
                let weights = [0, 1, 2].map(|at| sides[at].at(x, y) as f32 / self.area as f32);
                let source = self.colour(weights, texture);
                if source != [0; 4] {
                    blend(picture.get_pixel_mut(x as u32, y as u32), source);
                }
            }
        }
    }

    /// With alpha multiplied in.
    fn colour(&self, weights: [f32; 3], texture: &Texture) -> [u8; 4] {
        let mixed = |of: fn(&Vertex) -> f32| -> f32 { (0..3).map(|at| weights[at] * of(&self.corners[at])).sum() };
        let texel = texture.at(mixed(|v| v.uv.x), mixed(|v| v.uv.y));
        let tint: [f32; 4] = std::array::from_fn(|channel| {
            (0..3).map(|at| weights[at] * f32::from(self.corners[at].color.to_array()[channel])).sum()
        });
        std::array::from_fn(|channel| (texel[channel] * tint[channel] / 255.0).round().clamp(0.0, 255.0) as u8)
    }
}

impl Side {
    fn at(&self, x: i64, y: i64) -> i64 {
        self.start + x * self.per_x + y * self.per_y
    }

    /// The part of a row that lies on the inner side.
    fn narrowed(&self, y: i64, from: i64, to: i64) -> [i64; 2] {
        let at_zero = self.at(0, y) + self.own;
        match self.per_x {
            0 if at_zero < 0 => [from, from],
            0 => [from, to],
            // x ≥ −at_zero / per_x, rounded up
            rises if rises > 0 => [from.max((-at_zero + rises - 1).div_euclid(rises)), to],
            falls => [from, to.min(at_zero.div_euclid(-falls) + 1)],
        }
    }
}

impl Texture {
    /// The colour at a place between 0 and 1, from 0 to 255.
    fn at(&self, u: f32, v: f32) -> [f32; 4] {
        let [width, height] = self.size;
        let (x, y) = (u * width as f32, v * height as f32);
        let texel = |x: f32, y: f32| {
            let within = |at: f32, count: usize| (at.max(0.0) as usize).min(count - 1);
            self.texels[within(y, height) * width + within(x, width)].to_array().map(f32::from)
        };
        if !self.smooth {
            return texel(x, y);
        }
        let (x, y) = (x - 0.5, y - 0.5);
        let (left, top) = (x.floor(), y.floor());
        let (right, below) = (x - left, y - top);
        let corners = [
            (texel(left, top), (1.0 - right) * (1.0 - below)),
            (texel(left + 1.0, top), right * (1.0 - below)),
            (texel(left, top + 1.0), (1.0 - right) * below),
            (texel(left + 1.0, top + 1.0), right * below),
        ];
        std::array::from_fn(|channel| corners.iter().map(|(texel, weight)| weight * texel[channel]).sum())
    }
}

fn cross(a: [i64; 2], b: [i64; 2], c: [i64; 2]) -> i64 {
    (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
}

fn blend(pixel: &mut Rgba<u8>, source: [u8; 4]) {
    let through = 255 - u32::from(source[3]);
    for (to, from) in pixel.0.iter_mut().zip(source).take(3) {
        let below = (u32::from(*to) * through + 127) / 255;
        *to = (below + u32::from(from)).min(255) as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two triangles that make a square, whatever the corners between pixels, paint each pixel once.
    #[test]
    fn a_side_that_triangles_share_is_painted_once() {
        let texture = Texture { size: [1, 1], texels: vec![Color32::WHITE], smooth: true };
        for shift in [0.0, 0.25, 0.5, 0.7] {
            let mut picture = RgbaImage::from_pixel(12, 12, Rgba([0, 0, 0, 255]));
            let mut mesh = Mesh::default();
            let half = Color32::from_rgba_premultiplied(128, 128, 128, 128);
            mesh.add_colored_rect(Rect::from_min_max([1.0 + shift, 2.0].into(), [9.0 + shift, 10.0].into()), half);
            let clip = Clip { x: [0, 12], y: [0, 12] };
            paint(&mut picture, &clip, &mesh, 1.0, &texture);
            let painted = picture.pixels().filter(|pixel| pixel.0[0] > 0).count();
            assert_eq!(painted, 64, "shifted by {shift}");
            assert!(picture.pixels().all(|pixel| [0, 128].contains(&pixel.0[0])), "once");
        }
    }
}
