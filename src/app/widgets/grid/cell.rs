//! One photo of a grid.

use egui::emath::GuiRounding as _;
use egui::epaint::RectShape;
use egui::text::{LayoutJob, TextWrapping};
use egui::{
    Align2, Color32, CornerRadius, FontId, Pos2, Rect, Response, Shape, Stroke, StrokeKind, TextFormat, TextureId, Ui,
    Vec2, WidgetInfo, pos2,
};

use crate::app::session::Item;
use crate::app::theme::{self, Palette, icons};
use crate::app::thumbnails::{Picture, Thumbnail};
use crate::app::widgets::badge::{self, Corner};
use crate::dataset::{Class, Mark, Sample};
use crate::error::Error;

use super::layout::CAPTION;

/// Cells from this size on have room for words …
const WORDS: f32 = 96.0;
/// … of so many characters.
const WORD: usize = 10;
const RADIUS: CornerRadius = CornerRadius::same(4);
/// How much of an excluded photo the ground hides.
const EXCLUDED: f32 = 0.7;
/// How much of the accent lies over a photo that is chosen together with others.
const CHOSEN: f32 = 0.15;

/// Paints cells in layers, so that the photos of one texture are painted at one stroke and what lies over them after.
pub struct Painter {
    colours: &'static Palette,
    cell: f32,
    captions: bool,
    painter: egui::Painter,
    pictures: Vec<Shape>,
    overlays: Vec<Shape>,
    over: Vec<Over>,
}

/// How the user stands to a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    /// It is the selected one.
    pub selected: bool,
    /// It is chosen, together with the selected one.
    pub chosen: bool,
    /// It is under the pointer.
    pub hovered: bool,
}

/// What is painted over one photo.
struct Over {
    rect: Rect,
    label: Option<Mark>,
    corrected: bool,
    tags: Option<String>,
    said: Option<(Class, f32)>,
    unsure: bool,
    wrong: bool,
    state: State,
    failed: bool,
}

impl Painter {
    /// Nothing yet.
    pub fn new(ui: &Ui, cell: f32, captions: bool) -> Self {
        let colours = theme::palette(ui);
        let painter = ui.painter().clone();
        Self { colours, cell, captions, painter, pictures: Vec::new(), overlays: Vec::new(), over: Vec::new() }
    }

    /// Adds a cell.
    #[expect(clippy::too_many_arguments)] // one photo with all that is painted of it
    pub fn add(
        &mut self,
        ui: &Ui,
        rect: Rect,
        item: &Item<'_>,
        thumbnail: Thumbnail<'_>,
        overlay: Option<TextureId>,
        note: Option<String>,
        state: State,
    ) {
        let square = Rect::from_min_size(rect.min, Vec2::splat(self.cell));
        let placeholder = if ui.visuals().dark_mode { self.colours.raised } else { self.colours.hovered };
        match thumbnail {
            Thumbnail::Ready(picture) => {
                let place = fitted(square, picture.size, ui.ctx().pixels_per_point());
                if (square.size() - place.size()).max_elem() > 2.0 {
                    self.painter.rect_filled(square, RADIUS, placeholder);
                }
                self.pictures.push(photo(place, picture, ui.ctx().pixels_per_point()));
                self.overlays.extend(overlay.map(|texture| heat(place, texture)));
            }
            _ => _ = self.painter.rect_filled(square, RADIUS, placeholder),
        }
        match note {
            Some(note) if self.captions => self.note(rect, &note),
            _ if self.captions => self.caption(rect, item),
            _ => {}
        }
        self.over.push(Over {
            rect: square,
            label: label(item.sample),
            corrected: item.sample.is_corrected(),
            tags: self.tags(item.sample),
            said: item.predicted().zip(item.prediction.map(|p| p.confidence(item.threshold))),
            unsure: item.is_unsure(),
            wrong: item.outcome().is_some_and(|outcome| !outcome.is_correct()),
            state,
            failed: matches!(thumbnail, Thumbnail::Failed(_)),
        });
    }

    /// Paints what was added.
    pub fn finish(mut self) {
        // One texture after the other, not to and fro.
        self.pictures.sort_by_key(|shape| match shape.texture_id() {
            TextureId::Managed(id) | TextureId::User(id) => id,
        });
        self.painter.extend(std::mem::take(&mut self.pictures));
        self.painter.extend(std::mem::take(&mut self.overlays));
        for over in std::mem::take(&mut self.over) {
            self.over(&over);
        }
    }

    fn over(&self, over: &Over) {
        let rect = over.rect;
        if over.label == Some(Mark::Excluded) {
            self.painter.rect_filled(rect, RADIUS, self.colours.window.gamma_multiply(EXCLUDED));
        }
        if over.failed {
            self.failure(rect);
        }
        if over.wrong {
            self.painter.rect_stroke(rect, RADIUS, Stroke::new(2.0, self.colours.error), StrokeKind::Inside);
        }
        if let Some(mark) = over.label {
            badge::label_pill(&self.painter, rect, mark, over.corrected);
        }
        if let Some(tags) = &over.tags {
            badge::tag(&self.painter, rect, tags);
        }
        if let Some((class, confidence)) = over.said {
            let text = (self.cell >= WORDS && !self.captions).then(|| format!("{confidence:.2}"));
            badge::pill(&self.painter, rect, Corner::BottomRight, class, text.as_deref());
        }
        if over.unsure {
            badge::unsure(&self.painter, rect);
        }
        let outside = CornerRadius::same(6);
        if over.state.chosen {
            self.painter.rect_filled(rect, RADIUS, self.colours.accent.gamma_multiply(CHOSEN));
        }
        if over.state.selected {
            let stroke = Stroke::new(3.0, self.colours.accent);
            self.painter.rect_stroke(rect.expand(1.0), outside, stroke, StrokeKind::Outside);
        } else if over.state.chosen || over.state.hovered {
            let colour = if over.state.chosen { self.colours.accent } else { self.colours.quiet };
            let stroke = Stroke::new(if over.state.chosen { 2.0 } else { 1.0 }, colour);
            self.painter.rect_stroke(rect.expand(1.0), outside, stroke, StrokeKind::Outside);
        }
    }

    /// The tags as far as there is room: a word, or how many there are.
    fn tags(&self, sample: &Sample) -> Option<String> {
        let (first, rest) = sample.tags.split_first()?;
        if self.cell < WORDS || first.chars().count() > WORD {
            return Some(format!("#{}", sample.tags.len()));
        }
        Some(if rest.is_empty() { format!("#{first}") } else { format!("#{first} +{}", rest.len()) })
    }

    /// A photo that cannot be read looks like one, and not like one that has not arrived.
    fn failure(&self, rect: Rect) {
        let quiet = self.colours.quiet;
        self.painter.rect_stroke(rect, RADIUS, Stroke::new(1.0, self.colours.line), StrokeKind::Inside);
        let icon = FontId::proportional((self.cell * 0.25).clamp(20.0, 40.0));
        let words = self.cell >= WORDS;
        let above = if words { self.cell * 0.12 } else { 0.0 };
        let centre = rect.center() - Vec2::new(0.0, above);
        self.painter.text(centre, Align2::CENTER_CENTER, icons::ICON_BROKEN_IMAGE.codepoint, icon, quiet);
        if words {
            let below = rect.center() + Vec2::new(0.0, self.cell * 0.12);
            self.painter.text(
                below,
                Align2::CENTER_CENTER,
                "Cannot be read",
                FontId::proportional(theme::SMALL),
                quiet,
            );
        }
    }

    /// A line of the caller's, cut where the cell ends.
    fn note(&self, rect: Rect, note: &str) {
        let format = TextFormat::simple(FontId::proportional(theme::SMALL), self.colours.quiet);
        let mut job = LayoutJob::single_section(note.to_owned(), format);
        job.wrap = TextWrapping::truncate_at_width(self.cell);
        let galley = self.painter.layout_job(job);
        let line = Rect::from_min_max(pos2(rect.left(), rect.bottom() - CAPTION), rect.max);
        let at = Align2::LEFT_CENTER.anchor_size(line.left_center(), galley.size());
        self.painter.galley(at.min, galley, self.colours.quiet);
    }

    /// `true ▲  said ● 0.02`; narrow cells have room for the shapes and the number alone.
    fn caption(&self, rect: Rect, item: &Item<'_>) {
        let mut job = LayoutJob::default();
        let mut add = |text: &str, colour: Color32| {
            job.append(text, 0.0, TextFormat::simple(FontId::proportional(theme::SMALL), colour));
        };
        let words = self.cell >= 128.0;
        let class = |class: Option<Class>| match class {
            Some(class) => (theme::mark(class), self.colours.class(class)),
            None => ("?", self.colours.quiet),
        };
        let (mark, colour) = class(item.sample.label);
        add(if words { "true " } else { "" }, self.colours.quiet);
        add(mark, colour);
        if let Some(p) = item.p_positive() {
            let (mark, colour) = class(item.predicted());
            let colour = if item.is_unsure() { self.colours.warning } else { colour };
            add(if words { "  said " } else { " → " }, self.colours.quiet);
            add(mark, colour);
            add(&format!("  {}{p:.2}", if words { "p " } else { "" }), self.colours.text);
        }
        let galley = self.painter.layout_job(job);
        let line = Rect::from_min_max(pos2(rect.left(), rect.bottom() - CAPTION), rect.max);
        let at = Align2::LEFT_CENTER.anchor_size(line.left_center(), galley.size());
        self.painter.with_clip_rect(line.intersect(self.painter.clip_rect())).galley(at.min, galley, self.colours.text);
    }
}

/// What is said of a photo.
fn label(sample: &Sample) -> Option<Mark> {
    sample.said().or(sample.label.map(Mark::Class))
}

/// Where a whole photo lies in the middle of its cell. Photos smaller than the cell are enlarged to it.
fn fitted(square: Rect, size: Vec2, pixels_per_point: f32) -> Rect {
    let fit = (square.size() / size).min_elem();
    Rect::from_center_size(square.center(), size * fit).round_to_pixels(pixels_per_point)
}

fn photo(rect: Rect, picture: Picture, pixels_per_point: f32) -> Shape {
    // Where a picture is not shown pixel by pixel, its edge would take in some of its neighbour's.
    let exact = (rect.size() * pixels_per_point - picture.size).abs().max_elem() < 0.5;
    let texel = picture.uv.size() / picture.size;
    let uv = if exact { picture.uv } else { picture.uv.shrink2(texel * 0.5) };
    RectShape::filled(rect, RADIUS, Color32::WHITE).with_texture(picture.texture, uv).into()
}

fn heat(rect: Rect, texture: TextureId) -> Shape {
    let whole = Rect::from_min_max(Pos2::ZERO, pos2(1.0, 1.0));
    RectShape::filled(rect, RADIUS, Color32::WHITE).with_texture(texture, whole).into()
}

/// Tells assistive technology which photo this is and what is known of it.
pub fn describe(ui: &Ui, response: &Response, item: &Item<'_>, chosen: bool) {
    response.widget_info(|| WidgetInfo::selected(egui::Role::GridCell, ui.is_enabled(), chosen, &item.sample.file));
    ui.ctx().accesskit_node_builder(response.id, |node| node.set_description(summary(item)));
}

/// `labelled cracked, predicted intact 0.93`.
fn summary(item: &Item<'_>) -> String {
    let sample = item.sample;
    let mut label = match label(sample) {
        None => "no label".to_owned(),
        Some(Mark::Class(class)) => format!("labelled {}", class.word()),
        Some(mark) => mark.word().to_owned(),
    };
    if sample.is_corrected() {
        label += &format!(" (found: {})", sample.found.map_or("no label", Mark::word));
    }
    if !sample.tags.is_empty() {
        label += &format!(", tagged {}", sample.tags.join(", "));
    }
    match item.prediction {
        Some(p) => {
            let said = item.predicted().map_or("nothing, for a person:", Class::word);
            let wrong = item.outcome().is_some_and(|outcome| !outcome.is_correct());
            format!(
                "{label}, predicted {said} {:.2}{}",
                p.confidence(item.threshold),
                if wrong { ", wrong" } else { "" }
            )
        }
        None => label,
    }
}

/// Says on hovering what the badges mean, or why the photo cannot be read.
pub fn hover_text(response: Response, item: &Item<'_>, failure: Option<&Error>) {
    response.on_hover_ui(|ui| {
        ui.label(theme::strong(item.sample.file.clone()));
        ui.label(theme::quiet(ui, capitalised(&summary(item))));
        if let Some(error) = failure {
            ui.colored_label(theme::palette(ui).error, error.one_line());
        }
    });
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
