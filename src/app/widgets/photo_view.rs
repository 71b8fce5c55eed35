//! One photo, fitted into its room or magnified up to its original pixels and beyond.
//!
//! The wheel zooms about the pointer, dragging pans, a double click goes to original pixels and back; `+`, `−` and `Z`
//! do the same from the keyboard. Large photos are held as a pyramid of halves (at most a third more memory than the
//! photo itself), of which only the tiles on the screen become textures.

mod picture;
mod tiles;

use egui::emath::GuiRounding as _;
use egui::{
    Color32, CornerRadius, CursorIcon, Id, Painter, PointerButton, Pos2, Rect, Response, Role, Sense, TextureId, Ui,
    Vec2, WidgetInfo, pos2, vec2,
};

use crate::app::shortcuts::{self, Act, Place};
use crate::app::theme;

pub use picture::{Heat, Picture, colour as heat_colour};
use tiles::Tiles;

/// Pixels of the screen for each pixel of the photo, at most.
const LARGEST: f32 = 32.0;
/// How far a photo may be enlarged only because there is room.
const LARGEST_FIT: f32 = 8.0;
/// One press of a key, or one click.
const STEP: f32 = 1.25;
/// How much wider than what is brought into view the view is.
const AROUND: f32 = 1.6;
/// The least of the photo that is then seen, in its pixels.
const LEAST_AROUND: f32 = 256.0;
/// Points that the wheel turns to magnify by e.
const WHEEL: f32 = 240.0;

/// A photo and how it is looked at.
#[derive(Default)]
pub struct PhotoView {
    shown: Option<Shown>,
    /// `None` while the photo is fitted into its room.
    magnified: Option<Magnified>,
    /// Pixels of the screen for each pixel of the photo, as last painted.
    scale: f32,
    /// The room's size in pixels of the screen, as last painted.
    room: Vec2,
}

/// What dragging with the first button is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drag {
    /// It moves the photo.
    Pans,
    /// A tool of whoever shows the photo; the other buttons move the photo.
    Draws,
}

/// Where a photo lies on the screen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Placed {
    /// All of it, in points; parts may lie outside of the room.
    pub rect: Rect,
    /// Points for each pixel of the photo.
    pub points: f32,
}

impl Placed {
    /// Where a place of the photo, in its pixels, lies on the screen.
    pub fn on_screen(&self, [x, y]: [f32; 2]) -> Pos2 {
        self.rect.min + vec2(x, y) * self.points
    }

    /// The place of the photo, in its pixels, at a point of the screen; none beside it.
    pub fn pixel(&self, at: Pos2) -> Option<[f32; 2]> {
        let from = (at - self.rect.min) / self.points;
        let inside = self.rect.contains(at) && at.x < self.rect.right() && at.y < self.rect.bottom();
        inside.then_some([from.x, from.y])
    }
}

struct Shown {
    picture: Picture,
    tiles: Tiles,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Magnified {
    /// Pixels of the screen for each pixel of the photo.
    scale: f32,
    /// The place of the photo, in its pixels, that lies in the middle of the room.
    centre: Pos2,
}

/// Room, photo and magnification of one frame. Lengths are in points unless they say otherwise.
#[derive(Clone, Copy, Debug)]
struct Geometry {
    room: Rect,
    photo: Vec2,
    pixels_per_point: f32,
}

impl PhotoView {
    /// Shows a photo. The magnification stays where the new photo has the size of the old one, so that photos can be
    /// compared.
    pub fn set(&mut self, picture: Picture) {
        if self.shown.as_ref().is_none_or(|shown| shown.picture.size() != picture.size()) {
            self.magnified = None;
        }
        self.shown = Some(Shown { picture, tiles: Tiles::default() });
    }

    /// Shows nothing.
    pub fn clear(&mut self) {
        self.shown = None;
    }

    /// Whether a photo is shown.
    pub fn is_empty(&self) -> bool {
        self.shown.is_none()
    }

    /// Pixels of the screen for each pixel of the photo, as last painted.
    pub fn scale(&self) -> f32 {
        self.scale
    }

    /// Whether the whole photo is fitted into its room.
    pub fn is_fitted(&self) -> bool {
        self.magnified.is_none()
    }

    /// Fits the whole photo into its room.
    pub fn fit(&mut self) {
        self.magnified = None;
    }

    /// Goes to original pixels, about the middle.
    pub fn original_pixels(&mut self) {
        let Some(shown) = &self.shown else { return };
        let centre = self.magnified.map_or((shown.picture.size() / 2.0).to_pos2(), |m| m.centre);
        self.magnified = Some(Magnified { scale: 1.0, centre });
    }

    /// Paints the photo into all the room there is, `overlay` over the whole of it, and obeys pointer and wheel.
    pub fn ui(&mut self, ui: &mut Ui, id: Id, name: &str, overlay: Option<TextureId>) -> Response {
        let over = |painter: &Painter, placed: &Placed| {
            if let Some(texture) = overlay {
                let whole = Rect::from_min_max(Pos2::ZERO, pos2(1.0, 1.0));
                painter.image(texture, placed.rect, whole, Color32::WHITE);
            }
        };
        self.show(ui, id, name, Drag::Pans, over).0
    }

    /// Paints the photo into all the room there is, has `over` paint over it, and obeys pointer and wheel. Gives where
    /// the photo lies, if there is one.
    pub fn show(
        &mut self,
        ui: &mut Ui,
        id: Id,
        name: &str,
        drag: Drag,
        over: impl FnOnce(&Painter, &Placed),
    ) -> (Response, Option<Placed>) {
        let room = ui.available_rect_before_wrap();
        let response = ui.allocate_rect(room, Sense::CLICK | Sense::DRAG);
        let percent = (self.scale * 100.0).round();
        response.widget_info(|| WidgetInfo::labeled(Role::Image, ui.is_enabled(), format!("{name}, {percent} %")));
        let Some(shown) = &mut self.shown else { return (response, None) };
        let geometry = Geometry { room, photo: shown.picture.size(), pixels_per_point: ui.ctx().pixels_per_point() };
        self.magnified = moved(ui, &response, geometry, self.magnified, drag);
        let scale = self.magnified.map_or(geometry.fit(), |m| m.scale);
        (self.scale, self.room) = (scale, room.size() * geometry.pixels_per_point);
        let placed = Placed { rect: geometry.photo_rect(self.magnified), points: scale / geometry.pixels_per_point };
        let painter = ui.painter_at(room);
        shown.tiles.paint(ui.ctx(), &painter, id, &shown.picture, placed.rect, scale);
        over(&painter, &placed);
        if response.has_focus() {
            let stroke = egui::Stroke::new(2.0, theme::palette(ui).accent);
            painter.rect_stroke(room, CornerRadius::ZERO, stroke, egui::StrokeKind::Inside);
        }
        let pannable = !room.contains_rect(placed.rect);
        let response = match (drag, pannable, response.dragged()) {
            (Drag::Draws, ..) => response.on_hover_and_drag_cursor(CursorIcon::Crosshair),
            (Drag::Pans, true, true) => response.on_hover_and_drag_cursor(CursorIcon::Grabbing),
            (Drag::Pans, true, false) => response.on_hover_cursor(CursorIcon::Grab),
            _ => response,
        };
        (response, Some(placed))
    }

    /// Brings a part of the photo, in its pixels, into view with some room around it.
    pub fn bring_into_view(&mut self, part: Rect) {
        let around = (part.size() * AROUND).max(Vec2::splat(LEAST_AROUND));
        let scale = (self.room / around).min_elem().clamp(f32::MIN_POSITIVE, LARGEST_FIT);
        self.magnified = Some(Magnified { scale, centre: part.center() });
    }

    /// Moves the photo no further than needed for a part of it, in its pixels, to be in view.
    pub fn keep_in_view(&mut self, part: Rect) {
        let Some(now) = &mut self.magnified else { return };
        let half = self.room / now.scale / 2.0;
        let within = |at: f32, half: f32, least: f32, most: f32| {
            if most - least >= 2.0 * half { (least + most) / 2.0 } else { at.clamp(most - half, least + half) }
        };
        now.centre.x = within(now.centre.x, half.x, part.left(), part.right());
        now.centre.y = within(now.centre.y, half.y, part.top(), part.bottom());
    }

    /// Obeys the keys that magnify.
    pub fn keys(&mut self, ui: &Ui) {
        let pressed = |act| shortcuts::taken(ui, Place::Photo, act);
        if pressed(Act::ZoomIn) {
            self.zoom_by(STEP);
        }
        if pressed(Act::ZoomOut) {
            self.zoom_by(1.0 / STEP);
        }
        if pressed(Act::Pixels) {
            self.toggle();
        }
    }

    /// Original pixels, or the whole photo where it is magnified already.
    pub fn toggle(&mut self) {
        if self.is_fitted() { self.original_pixels() } else { self.fit() }
    }

    /// Magnifies about the middle. The next frame brings it within bounds.
    pub fn zoom_by(&mut self, factor: f32) {
        let Some(shown) = &self.shown else { return };
        let before =
            self.magnified.unwrap_or(Magnified { scale: self.scale, centre: (shown.picture.size() / 2.0).to_pos2() });
        self.magnified = Some(Magnified { scale: before.scale * factor, ..before });
    }
}

/// The magnification after what the user did with pointer and wheel in this frame.
fn moved(ui: &Ui, response: &Response, geometry: Geometry, before: Option<Magnified>, drag: Drag) -> Option<Magnified> {
    let mut now = before.unwrap_or(geometry.fitted());
    let pointer = response.hover_pos();
    if let Some(pointer) = pointer {
        let factor = ui.input_mut(|input| {
            let turned = std::mem::take(&mut input.smooth_scroll_delta);
            (turned.y / WHEEL).exp() * input.zoom_delta()
        });
        if factor != 1.0 {
            now = geometry.zoomed(now, factor, pointer);
        }
    }
    let other = [PointerButton::Secondary, PointerButton::Middle].map(|button| response.dragged_by(button));
    if (drag == Drag::Pans && response.dragged()) || other.contains(&true) {
        now.centre -= response.drag_delta() * geometry.pixels_per_point / now.scale;
    }
    if drag == Drag::Pans && response.double_clicked() {
        now = match (before, pointer) {
            (None, Some(pointer)) => geometry.zoomed(now, 1.0 / now.scale, pointer),
            (None, None) => Magnified { scale: 1.0, ..now },
            (Some(_), _) => return None,
        };
    }
    if before.is_none() && now == geometry.fitted() {
        return None;
    }
    geometry.bounded(now)
}

impl Geometry {
    /// Pixels of the screen for each of the photo's when the whole of it is in view.
    fn fit(&self) -> f32 {
        let room = self.room.size() * self.pixels_per_point;
        (room / self.photo).min_elem().clamp(f32::MIN_POSITIVE, LARGEST_FIT)
    }

    fn fitted(&self) -> Magnified {
        Magnified { scale: self.fit(), centre: (self.photo / 2.0).to_pos2() }
    }

    /// Where the whole photo lies. It begins on a whole pixel of the screen, so that original pixels are sharp.
    fn photo_rect(&self, magnified: Option<Magnified>) -> Rect {
        let now = magnified.unwrap_or(self.fitted());
        let points = now.scale / self.pixels_per_point;
        let corner = self.room.center() - now.centre.to_vec2() * points;
        Rect::from_min_size(corner.round_to_pixels(self.pixels_per_point), self.photo * points)
    }

    /// Magnified by `factor`, while what lies under `pointer` stays there.
    fn zoomed(&self, before: Magnified, factor: f32, pointer: Pos2) -> Magnified {
        let scale = (before.scale * factor).clamp(self.fit().min(1.0), LARGEST);
        let from_centre = (pointer - self.room.center()) * self.pixels_per_point;
        Magnified { scale, centre: before.centre + from_centre / before.scale - from_centre / scale }
    }

    /// The nearest magnification at which the photo fills the room as far as it can; `None` where that is all of it.
    fn bounded(&self, magnified: Magnified) -> Option<Magnified> {
        let fit = self.fit();
        let scale = magnified.scale.clamp(fit.min(1.0), LARGEST);
        if scale <= fit && fit <= 1.0 {
            return None;
        }
        let half = self.room.size() * self.pixels_per_point / scale / 2.0;
        let within = |at: f32, half: f32, length: f32| {
            if 2.0 * half >= length { length / 2.0 } else { at.clamp(half, length - half) }
        };
        let Magnified { centre, .. } = magnified;
        let centre = vec2(within(centre.x, half.x, self.photo.x), within(centre.y, half.y, self.photo.y)).to_pos2();
        Some(Magnified { scale, centre })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn geometry(photo: Vec2) -> Geometry {
        Geometry { room: Rect::from_min_size(pos2(100.0, 50.0), vec2(400.0, 300.0)), photo, pixels_per_point: 2.0 }
    }

    #[test]
    fn a_photo_is_fitted_whole() {
        let wide = geometry(vec2(4000.0, 1000.0));
        assert_eq!(wide.fit(), 0.2);
        assert_eq!(wide.photo_rect(None), Rect::from_min_size(pos2(100.0, 150.0), vec2(400.0, 100.0)));
        assert_eq!(geometry(vec2(10.0, 10.0)).fit(), LARGEST_FIT);
    }

    #[test]
    fn what_lies_under_the_pointer_stays_there() {
        let geometry = geometry(vec2(4000.0, 3000.0));
        let pointer = pos2(150.0, 90.0);
        let under = |m: Magnified| {
            let from_centre = (pointer - geometry.room.center()) * geometry.pixels_per_point;
            m.centre.to_vec2() + from_centre / m.scale
        };
        let before = geometry.fitted();
        let after = geometry.zoomed(before, 5.0, pointer);
        assert!((after.scale / before.scale - 5.0).abs() < 1e-4);
        assert!((under(before) - under(after)).length() < 0.01, "{:?} {:?}", under(before), under(after));
    }

    #[test]
    fn original_pixels_lie_on_those_of_the_screen() {
        let geometry = geometry(vec2(4001.0, 2999.0));
        let rect = geometry.photo_rect(Some(Magnified { scale: 1.0, centre: pos2(700.3, 1200.6) }));
        assert_eq!(rect.min.round_to_pixels(2.0), rect.min);
        assert_eq!(rect.size() * 2.0, geometry.photo);
    }

    #[test]
    fn panning_ends_at_the_edges_and_shrinking_at_the_whole_photo() {
        let geometry = geometry(vec2(4000.0, 3000.0));
        let far = Magnified { scale: 1.0, centre: pos2(-500.0, 9000.0) };
        let bounded = geometry.bounded(far).unwrap();
        assert_eq!(bounded.centre, pos2(400.0, 2700.0));
        assert!(geometry.photo_rect(Some(bounded)).contains_rect(geometry.room));
        assert_eq!(geometry.bounded(Magnified { scale: 0.01, ..far }), None);
        assert_eq!(geometry.bounded(Magnified { scale: 1e9, ..far }).unwrap().scale, LARGEST);
    }

    #[test]
    fn a_place_on_the_screen_is_a_pixel_and_back() {
        let rect = Rect::from_min_size(pos2(10.0, 20.0), vec2(200.0, 100.0));
        let placed = Placed { rect, points: 0.5 };
        assert_eq!(placed.on_screen([100.0, 40.0]), pos2(60.0, 40.0));
        assert_eq!(placed.pixel(pos2(60.0, 40.0)), Some([100.0, 40.0]));
        assert_eq!((placed.pixel(pos2(9.0, 40.0)), placed.pixel(pos2(210.0, 40.0))), (None, None));
    }

    #[test]
    fn what_is_brought_into_view_lies_in_the_middle() {
        let mut view = PhotoView { room: vec2(800.0, 600.0), ..PhotoView::default() };
        view.bring_into_view(Rect::from_min_size(pos2(1000.0, 500.0), vec2(500.0, 100.0)));
        assert_eq!(view.magnified, Some(Magnified { scale: 1.0, centre: pos2(1250.0, 550.0) }));
        view.bring_into_view(Rect::from_min_size(pos2(0.0, 0.0), vec2(4.0, 4.0)));
        assert_eq!(view.magnified.map(|m| m.scale), Some(600.0 / 256.0), "not a few pixels alone");
    }

    #[test]
    fn what_is_kept_in_view_moves_the_photo_no_further_than_needed() {
        let at = |x, y| Some(Magnified { scale: 2.0, centre: pos2(x, y) });
        let mut view = PhotoView { room: vec2(800.0, 600.0), magnified: at(1000.0, 500.0), ..PhotoView::default() };
        let cell = |x, y| Rect::from_min_size(pos2(x, y), vec2(32.0, 32.0));
        view.keep_in_view(cell(900.0, 400.0));
        assert_eq!(view.magnified, at(1000.0, 500.0), "it was in view");
        view.keep_in_view(cell(1200.0, 640.0));
        assert_eq!(view.magnified, at(1032.0, 522.0));
        view.keep_in_view(cell(0.0, 0.0));
        assert_eq!(view.magnified, at(200.0, 150.0));
        view.fit();
        view.keep_in_view(cell(0.0, 0.0));
        assert!(view.is_fitted());
    }

    #[test]
    fn a_small_photo_can_be_shrunk_to_its_own_pixels() {
        let geometry = geometry(vec2(100.0, 100.0));
        assert_eq!(geometry.fit(), 6.0);
        let small = geometry.bounded(Magnified { scale: 0.2, centre: pos2(0.0, 0.0) }).unwrap();
        assert_eq!(small, Magnified { scale: 1.0, centre: pos2(50.0, 50.0) });
    }
}
