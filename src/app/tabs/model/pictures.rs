//! Many small pictures of one size, in one texture.

use egui::{
    Color32, ColorImage, Context, Rect, Role, Sense, TextureHandle, TextureOptions, Ui, WidgetInfo, pos2, vec2,
};
use image::RgbImage;

use crate::app::theme::space;
use crate::app::worker::inspect::Pictures;
use crate::export::sheets::Scale;

/// Pictures of one size, side by side in one image without gaps.
#[derive(Clone, Debug)]
pub struct Atlas {
    image: ColorImage,
    columns: usize,
    count: usize,
}

/// The same pictures with either scale of colours.
pub(super) struct Scaled {
    each: Painted,
    together: Painted,
}

/// An atlas that is painted; it becomes a texture when it is first.
pub(super) struct Painted {
    atlas: Atlas,
    texture: Option<TextureHandle>,
}

impl Atlas {
    /// Puts pictures of one size together, in about a square.
    pub fn of(pictures: &[RgbImage]) -> Self {
        let count = pictures.len();
        let columns = (1..=count).find(|columns| columns * columns >= count).unwrap_or(1);
        let [width, height] =
            pictures.first().map_or([1, 1], |first| [first.width() as usize, first.height() as usize]);
        let size = [columns * width, count.div_ceil(columns).max(1) * height];
        let mut image = ColorImage::filled(size, Color32::TRANSPARENT);
        for (index, picture) in pictures.iter().enumerate() {
            let (left, top) = ((index % columns) * width, (index / columns) * height);
            for (x, y, pixel) in picture.enumerate_pixels() {
                let at = (top + y as usize) * size[0] + left + x as usize;
                if let Some(place) = image.pixels.get_mut(at) {
                    let [r, g, b] = pixel.0;
                    *place = Color32::from_rgb(r, g, b);
                }
            }
        }
        Self { image, columns, count }
    }

    /// How many pictures there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The part of the texture that a picture takes.
    fn place(&self, index: usize) -> Rect {
        let (column, row) = (index % self.columns, index / self.columns);
        let rows = self.count.div_ceil(self.columns).max(1);
        let size = vec2(1.0 / self.columns as f32, 1.0 / rows as f32);
        Rect::from_min_size(pos2(column as f32 * size.x, row as f32 * size.y), size)
    }
}

impl Scaled {
    pub(super) fn new(Pictures { each, together }: Pictures) -> Self {
        let painted = |atlas| Painted { atlas, texture: None };
        Self { each: painted(each), together: painted(together) }
    }

    /// How many pictures there are with each scale.
    pub(super) fn count(&self) -> usize {
        self.each.atlas.count
    }

    /// Those with this scale.
    pub(super) fn with(&mut self, scale: Scale) -> &mut Painted {
        match scale {
            Scale::Each => &mut self.each,
            Scale::Together => &mut self.together,
        }
    }
}

impl Painted {
    /// Paints pictures `range`, each `side` points wide and high, in as many columns as have room. `name` is what one
    /// of them is called, `hint` what more there is to say of it.
    pub(super) fn ui(
        &mut self,
        ui: &mut Ui,
        range: std::ops::Range<usize>,
        side: f32,
        name: &str,
        hint: impl Fn(usize) -> String,
    ) {
        let texture = self.texture(ui.ctx());
        let columns = columns(ui.available_width(), side);
        ui.spacing_mut().item_spacing = vec2(space::XS, space::XS);
        let indices: Vec<usize> = range.collect();
        for row in indices.chunks(columns) {
            ui.horizontal(|ui| {
                for &index in row {
                    let (rect, response) = ui.allocate_exact_size(vec2(side, side), Sense::hover());
                    ui.painter().image(texture, rect, self.atlas.place(index), Color32::WHITE);
                    let name = format!("{name} {}", index + 1);
                    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, &name));
                    ui.ctx().accesskit_node_builder(response.id, |node| node.set_description(hint(index)));
                    response.on_hover_ui(|ui| {
                        ui.label(format!("{name}\n{}", hint(index)));
                    });
                }
            });
        }
    }

    fn texture(&mut self, ctx: &Context) -> egui::TextureId {
        let image = &self.atlas.image;
        // Nothing but the picture's own pixels: neighbours in the atlas have nothing to do with it.
        self.texture.get_or_insert_with(|| ctx.load_texture("pictures", image.clone(), TextureOptions::NEAREST)).id()
    }
}

/// Pictures of this width that stand side by side in `room`.
pub(super) fn columns(room: f32, side: f32) -> usize {
    (((room + space::XS) / (side + space::XS)) as usize).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_picture_has_its_place() {
        let pictures: Vec<RgbImage> = (0..5).map(|n| RgbImage::from_pixel(2, 3, image::Rgb([n * 50, 0, 0]))).collect();
        let atlas = Atlas::of(&pictures);
        assert_eq!((atlas.image.size, atlas.count()), ([6, 6], 5));
        for (index, picture) in pictures.iter().enumerate() {
            let place = atlas.place(index);
            let at = [place.center().x * 6.0, place.center().y * 6.0].map(|at| at as usize);
            assert_eq!(atlas.image.pixels[at[1] * 6 + at[0]].r(), picture.get_pixel(0, 0).0[0]);
        }
        assert_eq!(Atlas::of(&[]).count(), 0);
    }

    #[test]
    fn as_many_columns_as_have_room() {
        assert_eq!([columns(10.0, 40.0), columns(84.0, 40.0), columns(83.0, 40.0)], [1, 2, 1]);
    }
}
