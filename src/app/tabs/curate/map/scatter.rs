//! Points on a plane that can be moved, magnified and drawn around. However many there are, they are one mesh, made anew
//! only when something changes.

use std::sync::Arc;

use egui::{
    Color32, CursorIcon, EventFilter, Mesh, PointerButton, Popup, Pos2, Rect, Sense, Shape, Stroke, Ui, Vec2,
    WidgetInfo, pos2, vec2,
};

use crate::app::session::Item;
use crate::app::shortcuts::{self, Act, Place};
use crate::app::theme::{self, Palette, space};
use crate::app::thumbnails::{Thumbnail, Thumbnails};

/// Half the height of a point, in screen points, where there are few and where there are many.
const RADII: (f32, f32) = (4.5, 2.0);
/// Circles smaller than this, in half their height, have four corners: no one would see more.
const ROUND: f32 = 2.5;
/// Room at the edge of the map.
const MARGIN: f32 = 24.0;
/// How far from a point the pointer still means it.
const REACH: f32 = 8.0;
/// The largest magnification.
const LARGEST: f32 = 40.0;
/// Side of the picture at the pointer.
const PICTURE: f32 = 128.0;
/// How far a line must be drawn to go around something.
const LINE: f32 = 6.0;

/// What is remembered of the map: what is in view, and what was painted.
pub(super) struct Scatter {
    /// What lies in the middle.
    centre: Pos2,
    /// 1 where the whole map fits.
    zoom: f32,
    /// The line that is being drawn, on the screen.
    lasso: Vec<Pos2>,
    /// The line that was drawn around the photos that are chosen, on the map.
    drawn: Vec<Pos2>,
    /// Whether what is in view is to be selected.
    pub(super) select_view: bool,
    painted: Option<Painted>,
}

/// The mesh, and what it was made of.
struct Painted {
    made_of: (u64, u8, bool),
    view: (Rect, Pos2, f32),
    mesh: Arc<Mesh>,
}

/// How a point looks.
#[derive(Clone, Copy)]
pub(super) struct Told {
    pub(super) colour: Color32,
    /// Whether it lies above those that do not.
    pub(super) above: bool,
    /// Whether it is a triangle, as the mark of cracks, or a circle.
    pub(super) triangle: bool,
}

impl Told {
    /// A point of which nothing is known.
    pub(super) fn nothing(palette: &Palette) -> Self {
        Self { colour: palette.line, above: false, triangle: false }
    }
}

/// What the user did.
#[derive(Default)]
pub(super) struct Output {
    /// The photos that were drawn around.
    pub(super) chosen: Option<Vec<usize>>,
    /// The photo whose point was clicked.
    pub(super) clicked: Option<usize>,
    /// The photo whose point is under the pointer.
    pub(super) hovered: Option<usize>,
}

impl Default for Scatter {
    fn default() -> Self {
        Self { centre: Pos2::ZERO, zoom: 1.0, lasso: Vec::new(), drawn: Vec::new(), select_view: false, painted: None }
    }
}

/// From places on the map to places on the screen and back.
#[derive(Clone, Copy)]
struct View {
    rect: Rect,
    centre: Pos2,
    scale: f32,
}

impl View {
    fn to_screen(self, [x, y]: [f32; 2]) -> Pos2 {
        self.rect.center() + vec2(x - self.centre.x, y - self.centre.y) * self.scale
    }

    fn to_map(self, place: Pos2) -> Pos2 {
        self.centre + (place - self.rect.center()) / self.scale
    }
}

impl Scatter {
    /// Brings the whole map into view.
    pub(super) fn fit(&mut self) {
        (self.centre, self.zoom) = (Pos2::ZERO, 1.0);
    }

    /// Magnifies the middle.
    pub(super) fn zoom_by(&mut self, factor: f32) {
        self.zoom = (self.zoom * factor).clamp(1.0, LARGEST);
        if self.zoom <= 1.0 {
            self.centre = Pos2::ZERO;
        }
    }

    /// Shows the points in all the room there is. `tell` says how the point of a photo looks, `made_of` what that depends
    /// on.
    pub(super) fn ui(
        &mut self,
        ui: &mut Ui,
        places: &[Option<[f32; 2]>],
        made_of: (u64, u8, bool),
        tell: &dyn Fn(usize) -> Told,
        selected: Option<usize>,
    ) -> Output {
        let (rect, response) = ui.allocate_exact_size(ui.available_size(), Sense::click_and_drag() | Sense::FOCUSABLE);
        response.widget_info(|| WidgetInfo::labeled(egui::Role::Canvas, ui.is_enabled(), "Map of the photos"));
        self.move_about(ui, &response, rect);
        self.keys(ui, &response);
        let view = self.view(rect);
        let mut output = Output::default();
        self.draw_around(ui, &response, view, places, &mut output);
        if std::mem::take(&mut self.select_view) {
            output.chosen = Some(within(places, |place| rect.contains(view.to_screen(place))));
            self.drawn.clear();
        }
        if let Some(pointer) = response.hover_pos().filter(|_| self.lasso.is_empty()) {
            output.hovered = nearest(places, view, pointer);
            if response.clicked() {
                output.clicked = output.hovered;
                self.drawn.clear();
            }
        }
        self.paint(ui, view, places, made_of, tell);
        let ring = |photo: Option<usize>, colour: Color32| {
            if let Some(place) = photo.and_then(|photo| places.get(photo).copied().flatten()) {
                let stroke = Stroke::new(2.0, colour);
                ui.painter().with_clip_rect(rect).circle_stroke(view.to_screen(place), REACH, stroke);
            }
        };
        ring(output.hovered, theme::palette(ui).text);
        ring(selected, theme::palette(ui).accent);
        self.paint_lasso(ui, view);
        output
    }

    fn view(&self, rect: Rect) -> View {
        let half = (rect.width().min(rect.height()) / 2.0 - MARGIN).max(1.0);
        View { rect, centre: self.centre, scale: half * self.zoom }
    }

    /// The wheel magnifies about the pointer; the right or middle button moves.
    fn move_about(&mut self, ui: &Ui, response: &egui::Response, rect: Rect) {
        if response.dragged_by(PointerButton::Secondary) || response.dragged_by(PointerButton::Middle) {
            let scale = self.view(rect).scale;
            self.centre -= response.drag_delta() / scale;
            ui.set_cursor_icon(CursorIcon::Grabbing);
        }
        if let Some(pointer) = response.hover_pos() {
            let (wheel, pinch) = ui.input(|input| (input.smooth_scroll_delta().y, input.zoom_delta()));
            let factor = (wheel * 0.004).exp() * pinch;
            if factor != 1.0 {
                let before = self.view(rect).to_map(pointer);
                self.zoom_by(factor);
                if self.zoom > 1.0 {
                    self.centre += before - self.view(rect).to_map(pointer);
                }
            }
        }
        // What is in the middle is part of the map.
        self.centre = self.centre.clamp(pos2(-1.0, -1.0), pos2(1.0, 1.0));
    }

    /// Arrows move, `+` and `−` magnify, `Z` shows the whole, Enter selects what is in view.
    fn keys(&mut self, ui: &Ui, response: &egui::Response) {
        if response.clicked() || response.drag_started() {
            response.request_focus();
        }
        if !response.has_focus() || Popup::is_any_open(ui.ctx()) {
            return;
        }
        let own = EventFilter { tab: false, horizontal_arrows: true, vertical_arrows: true, escape: false };
        ui.memory_mut(|memory| memory.set_focus_lock_filter(response.id, own));
        let pressed = |act| shortcuts::taken(ui, Place::Map, act);
        let step = 0.2 / self.zoom;
        let moves = [
            (Act::Left, vec2(-step, 0.0)),
            (Act::Right, vec2(step, 0.0)),
            (Act::Up, vec2(0.0, -step)),
            (Act::Down, vec2(0.0, step)),
        ];
        for (act, by) in moves {
            if pressed(act) {
                self.centre += by;
            }
        }
        if pressed(Act::ZoomIn) {
            self.zoom_by(1.5);
        }
        if pressed(Act::ZoomOut) {
            self.zoom_by(1.0 / 1.5);
        }
        if pressed(Act::Fit) {
            self.fit();
        }
        if pressed(Act::Select) {
            self.select_view = true;
        }
    }

    /// The line grows while the button is held; when it is let go, what lies within is chosen.
    fn draw_around(
        &mut self,
        ui: &Ui,
        response: &egui::Response,
        view: View,
        places: &[Option<[f32; 2]>],
        output: &mut Output,
    ) {
        if response.drag_started_by(PointerButton::Primary) {
            self.lasso = ui.input(|input| input.pointer.press_origin()).into_iter().collect();
        }
        if response.dragged_by(PointerButton::Primary)
            && let Some(pointer) = response.interact_pointer_pos()
            && self.lasso.last().is_none_or(|last| last.distance(pointer) > 2.0)
        {
            self.lasso.push(pointer);
        }
        if response.drag_stopped() && !self.lasso.is_empty() {
            let line = std::mem::take(&mut self.lasso);
            let room = Rect::from_points(&line);
            if line.len() > 2 && room.width().max(room.height()) > LINE {
                let inside = |place| {
                    let place = view.to_screen(place);
                    room.contains(place) && is_inside(&line, place)
                };
                output.chosen = Some(within(places, inside));
                self.drawn = line.iter().map(|place| view.to_map(*place)).collect();
            }
        }
    }

    fn paint(
        &mut self,
        ui: &Ui,
        view: View,
        places: &[Option<[f32; 2]>],
        made_of: (u64, u8, bool),
        tell: &dyn Fn(usize) -> Told,
    ) {
        let seen = (view.rect, view.centre, view.scale);
        let painted = self.painted.take().filter(|painted| painted.made_of == made_of && painted.view == seen);
        let painted =
            painted.unwrap_or_else(|| Painted { made_of, view: seen, mesh: Arc::new(mesh(view, places, tell)) });
        ui.painter().with_clip_rect(view.rect).add(Shape::mesh(Arc::clone(&painted.mesh)));
        self.painted = Some(painted);
    }

    /// The line that is being drawn, or the one around what is chosen.
    fn paint_lasso(&self, ui: &Ui, view: View) {
        let accent = theme::palette(ui).accent;
        let painter = ui.painter().with_clip_rect(view.rect);
        if self.lasso.len() < 2 {
            let mut around: Vec<Pos2> = self.drawn.iter().map(|place| view.to_screen([place.x, place.y])).collect();
            around.extend(around.first().copied());
            painter.extend(Shape::dashed_line(&around, Stroke::new(1.0, accent), 6.0, 4.0));
            return;
        }
        painter.add(Shape::line(self.lasso.clone(), Stroke::new(2.0, accent)));
        if let (Some(first), Some(last)) = (self.lasso.first(), self.lasso.last()) {
            painter.extend(Shape::dashed_line(&[*last, *first], Stroke::new(1.0, accent), 6.0, 4.0));
        }
    }
}

/// All points in view: those of cracks triangles, the others circles.
fn mesh(view: View, places: &[Option<[f32; 2]>], tell: &dyn Fn(usize) -> Told) -> Mesh {
    let (few, many) = RADII;
    let radius = (few - (places.len().max(1) as f32 / 500.0).ln().max(0.0) * 0.6).clamp(many, few);
    let room = view.rect.expand(radius);
    let mut mesh = Mesh::default();
    mesh.reserve_vertices(4 * places.len());
    mesh.reserve_triangles(2 * places.len());
    for above in [false, true] {
        for (photo, place) in places.iter().enumerate() {
            let Some(place) = place.map(|place| view.to_screen(place)).filter(|place| room.contains(*place)) else {
                continue;
            };
            let told = tell(photo);
            if told.above == above {
                let radius = if above { radius * 1.4 } else { radius };
                point(&mut mesh, place, radius, told);
            }
        }
    }
    mesh
}

fn point(mesh: &mut Mesh, place: Pos2, radius: f32, told: Told) {
    const HALF: f32 = std::f32::consts::FRAC_1_SQRT_2;
    const TRIANGLE: [Vec2; 3] = [vec2(0.0, -1.1), vec2(1.0, 0.8), vec2(-1.0, 0.8)];
    const SQUARE: [Vec2; 4] = [vec2(0.0, -1.0), vec2(1.0, 0.0), vec2(0.0, 1.0), vec2(-1.0, 0.0)];
    const OCTAGON: [Vec2; 8] = [
        vec2(0.0, -1.0),
        vec2(HALF, -HALF),
        vec2(1.0, 0.0),
        vec2(HALF, HALF),
        vec2(0.0, 1.0),
        vec2(-HALF, HALF),
        vec2(-1.0, 0.0),
        vec2(-HALF, -HALF),
    ];
    let corners: &[Vec2] = match told.triangle {
        true => &TRIANGLE,
        false if radius < ROUND => &SQUARE,
        false => &OCTAGON,
    };
    let first = mesh.vertices.len() as u32;
    for corner in corners {
        mesh.colored_vertex(place + *corner * radius, told.colour);
    }
    for corner in 2..corners.len() as u32 {
        mesh.add_triangle(first, first + corner - 1, first + corner);
    }
}

/// The photos whose places pass, ascending.
fn within(places: &[Option<[f32; 2]>], passes: impl Fn([f32; 2]) -> bool) -> Vec<usize> {
    let passing = places.iter().enumerate().filter(|(_, place)| place.is_some_and(&passes));
    passing.map(|(photo, _)| photo).collect()
}

/// The photo whose point is nearest to the pointer, within reach.
fn nearest(places: &[Option<[f32; 2]>], view: View, pointer: Pos2) -> Option<usize> {
    let distance = |place: [f32; 2]| view.to_screen(place).distance_sq(pointer);
    let near = places.iter().enumerate().filter_map(|(photo, place)| Some((photo, distance((*place)?))));
    near.filter(|(_, distance)| *distance <= REACH * REACH).min_by(|a, b| a.1.total_cmp(&b.1)).map(|(photo, _)| photo)
}

/// Whether a place lies within a closed line: a ray from it crosses the line an odd number of times.
fn is_inside(line: &[Pos2], place: Pos2) -> bool {
    let mut inside = false;
    let mut before = line.last().copied().unwrap_or_default();
    for &corner in line {
        let crosses = (corner.y > place.y) != (before.y > place.y);
        if crosses && place.x < (before.x - corner.x) * (place.y - corner.y) / (before.y - corner.y) + corner.x {
            inside = !inside;
        }
        before = corner;
    }
    inside
}

/// The photo of the point under the pointer, beside it.
pub(super) fn hover_ui(ui: &Ui, item: &Item<'_>, thumbnails: &mut Thumbnails) {
    let id = ui.scope_id().with("photo at the pointer");
    egui::Tooltip::always_open(ui.ctx().clone(), ui.layer_id(), id, egui::PopupAnchor::Pointer).gap(16.0).show(|ui| {
        let (rect, _) = ui.allocate_exact_size(Vec2::splat(PICTURE), Sense::hover());
        let side = PICTURE * ui.ctx().pixels_per_point();
        if let Thumbnail::Ready(picture) = thumbnails.in_any_size(&item.sample.path, side) {
            let size = picture.size * (rect.size() / picture.size).min_elem();
            let place = Rect::from_center_size(rect.center(), size);
            ui.painter().image(picture.texture, place, picture.uv, Color32::WHITE);
        }
        ui.set_max_width(PICTURE + 2.0 * space::XL);
        ui.add(egui::Label::new(theme::strong(&item.sample.file)).truncate());
        let label =
            item.sample.label.map_or_else(|| theme::quiet(ui, "no label"), |class| theme::class_text(ui, class));
        ui.horizontal(|ui| {
            ui.label(label);
            if let Some(p) = item.p_positive() {
                ui.label(theme::quiet(ui, format!("p(crack) {p:.2}")));
            }
        });
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_line_goes_around_is_inside_it() {
        let bay = [pos2(0.0, 0.0), pos2(10.0, 0.0), pos2(10.0, 10.0), pos2(5.0, 3.0), pos2(0.0, 10.0)];
        assert!(is_inside(&bay, pos2(5.0, 2.0)) && is_inside(&bay, pos2(1.0, 7.0)));
        assert!(!is_inside(&bay, pos2(5.0, 6.0)) && !is_inside(&bay, pos2(11.0, 1.0)));
        assert!(!is_inside(&[], pos2(0.0, 0.0)));
    }

    #[test]
    fn places_go_to_the_screen_and_back() {
        let mut scatter = Scatter::default();
        scatter.zoom_by(3.0);
        scatter.centre = pos2(0.2, -0.1);
        let view = scatter.view(Rect::from_min_size(pos2(10.0, 20.0), vec2(400.0, 300.0)));
        let back = view.to_map(view.to_screen([0.3, 0.4]));
        assert!((back - pos2(0.3, 0.4)).length() < 1e-5);
        scatter.fit();
        assert_eq!((scatter.centre, scatter.zoom), (Pos2::ZERO, 1.0));
    }

    #[test]
    fn the_nearest_point_within_reach_is_meant() {
        let view = View { rect: Rect::from_min_size(Pos2::ZERO, vec2(200.0, 200.0)), centre: Pos2::ZERO, scale: 100.0 };
        let places = [Some([0.0, 0.0]), None, Some([0.03, 0.0])];
        assert_eq!(nearest(&places, view, pos2(102.0, 100.0)), Some(2));
        assert_eq!(nearest(&places, view, pos2(101.0, 100.0)), Some(0));
        assert_eq!(nearest(&places, view, pos2(150.0, 100.0)), None);
        assert_eq!(within(&places, |[x, _]| x > 0.01), [2]);
    }

    #[test]
    fn points_out_of_view_are_not_painted() {
        let view = View { rect: Rect::from_min_size(Pos2::ZERO, vec2(200.0, 200.0)), centre: Pos2::ZERO, scale: 100.0 };
        let tell = |photo| Told { colour: Color32::RED, above: photo == 0, triangle: photo == 0 };
        let mesh = mesh(view, &[Some([0.0, 0.0]), Some([0.5, 0.5]), Some([9.0, 0.0]), None], &tell);
        assert_eq!((mesh.vertices.len(), mesh.indices.len()), (3 + 8, 3 + 6 * 3));
        assert!(mesh.is_valid());
    }
}
