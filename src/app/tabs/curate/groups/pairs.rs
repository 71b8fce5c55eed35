//! Photos on both sides of a split, side by side.

use egui::{Image, Label, Rect, Response, Role, ScrollArea, Sense, StrokeKind, Ui, Vec2, WidgetInfo, vec2};

use crate::app::command::Command;
use crate::app::scene::Scene;
use crate::app::theme::{self, icons, space};
use crate::app::thumbnails::Thumbnail;
use crate::app::widgets::empty;
use crate::app::worker::curation::LeaksFound;
use crate::format;
use crate::train::leaks::{How, Leak};

/// Side of a photo.
const SIDE: f32 = 96.0;
/// Height of a row.
const ROW: f32 = SIDE + space::S;

/// Shows the pairs, the most alike first.
pub(super) fn ui(ui: &mut Ui, found: &LeaksFound, scene: &mut Scene<'_>) {
    let pairs = &found.check.leaks.pairs;
    if pairs.is_empty() {
        empty::note(ui, icons::ICON_CHECK, "No photos on both sides that are alike");
        return;
    }
    let copies = pairs.iter().filter(|leak| leak.how != How::LookAlike).count();
    let title = match copies {
        0 => format!("No copies on both sides; {} that look alike", format::counted(pairs.len(), "pair", "pairs")),
        n => {
            format!("{} on both sides, then what looks alike", format::counted(n, "pair of copies", "pairs of copies"))
        }
    };
    ui.label(theme::strong(title));
    ui.label(theme::quiet(ui, "Left: to be judged by. Right: learnt from.").size(theme::SMALL));
    ui.add_space(space::XS);
    ui.spacing_mut().item_spacing.y = 0.0;
    ScrollArea::vertical().id_salt("leak pairs").auto_shrink(false).show_rows(ui, ROW, pairs.len(), |ui, rows| {
        for leak in rows.filter_map(|row| pairs.get(row)) {
            pair_ui(ui, leak, scene);
        }
    });
}

fn pair_ui(ui: &mut Ui, leak: &Leak, scene: &mut Scene<'_>) {
    ui.horizontal(|ui| {
        ui.set_height(ROW);
        ui.spacing_mut().item_spacing.x = space::XS;
        for photo in [leak.validation, leak.train] {
            if photo_ui(ui, photo, scene).clicked() {
                scene.commands.push(Command::BrowseTo(photo));
            }
        }
        ui.add_space(space::XS);
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing.y = 2.0;
            ui.add_space(space::XS);
            ui.label(theme::strong(how(leak)));
            for photo in [leak.validation, leak.train] {
                let name = scene.session.item(photo).map(|item| item.sample.file.clone()).unwrap_or_default();
                ui.add(Label::new(theme::quiet(ui, name).size(theme::SMALL)).truncate());
            }
            let reasons: Vec<&str> = leak.reasons.iter().map(|reason| reason.title()).collect();
            if !reasons.is_empty() {
                ui.add(Label::new(theme::quiet(ui, reasons.join(", ")).size(theme::SMALL)).truncate());
            }
        });
    });
}

/// `Near copy, mirrored · 0.994 · features 0.981`.
fn how(leak: &Leak) -> String {
    match leak.how {
        How::Identical => "Identical files".to_owned(),
        How::NearCopy(turn) => {
            let turned = turn.words().map(|words| format!(", {words}")).unwrap_or_default();
            let features = leak.features.map(|cosine| format!(" · features {cosine:.3}")).unwrap_or_default();
            format!("Near copy{turned} · {:.3}{features}", leak.likeness)
        }
        How::LookAlike => format!("Features alike · {:.3}", leak.likeness),
    }
}

/// One photo, which is a button that shows it in Browse.
fn photo_ui(ui: &mut Ui, photo: usize, scene: &mut Scene<'_>) -> Response {
    let (rect, response) = ui.allocate_exact_size(Vec2::splat(SIDE), Sense::CLICK);
    let Some(item) = scene.session.item(photo) else { return response };
    let name = format!("{}: show in Browse", item.sample.file);
    response.widget_info(|| WidgetInfo::labeled(Role::Button, ui.is_enabled(), &name));
    if !ui.is_rect_visible(rect) {
        return response;
    }
    let colours = theme::palette(ui);
    ui.painter().rect_filled(rect, theme::CORNER, colours.raised);
    let pixels = (SIDE * ui.ctx().pixels_per_point()).round();
    if let Thumbnail::Ready(picture) = scene.thumbnails.get(&item.sample.path, pixels) {
        let scale = SIDE / picture.size.max_elem().max(1.0);
        let place = Rect::from_center_size(rect.center(), vec2(picture.size.x, picture.size.y) * scale);
        Image::from_texture((picture.texture, place.size())).uv(picture.uv).paint_at(ui, place);
    }
    if response.hovered() || response.has_focus() {
        ui.painter().rect_stroke(rect, theme::CORNER, egui::Stroke::new(2.0, colours.accent), StrokeKind::Inside);
    }
    response.on_hover_text(name)
}
