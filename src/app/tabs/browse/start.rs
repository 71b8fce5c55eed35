//! What the tab shows before there are photos.

use std::path::{Path, PathBuf};

use egui::{Button, Ui, vec2};

use super::Request;
use crate::app::theme::{self, icons, space};
use crate::app::widgets::{empty, form};
use crate::dataset::Dataset;
use crate::format;
use crate::job::Progress;

/// Recent folders that are offered.
const RECENT: usize = 5;

/// The first start, a folder being listed, or a folder without photos.
pub fn ui(ui: &mut Ui, dataset: Option<&Dataset>, scanning: Option<&Progress>, recent: &[PathBuf]) -> Vec<Request> {
    ui.painter().rect_filled(ui.max_rect(), 0.0, ui.visuals().extreme_bg_color);
    if let Some(progress) = scanning {
        busy(ui, progress);
        return Vec::new();
    }
    match dataset {
        Some(dataset) => no_photos(ui, dataset),
        None => first(ui, recent),
    }
}

fn busy(ui: &mut Ui, progress: &Progress) {
    let done = format::count(progress.done);
    let text = match progress.total {
        Some(total) => format!("{done} of {} {}", format::count(total), progress.phase.unit()),
        None => format!("{done} {} so far", progress.phase.unit()),
    };
    empty::state(ui, icons::ICON_HOURGLASS_EMPTY, progress.phase.title(), &text, |ui| {
        if let Some(fraction) = progress.fraction() {
            form::progress(ui, Some(fraction), 240.0, progress.phase.title());
        }
    });
}

fn no_photos(ui: &mut Ui, dataset: &Dataset) -> Vec<Request> {
    let skipped = dataset.skipped.other;
    let text = match (dataset.problems.first(), skipped) {
        (Some(problem), _) => format!("{}: {}", problem.file, problem.reason),
        (None, 0) => "The folder is empty, and so are those within it".to_owned(),
        (None, n) => format!("{} there, but none is a picture by its name", format::counted(n, "file is", "files are")),
    };
    let title = format!("No photos in {}", dataset.name());
    empty::state(ui, icons::ICON_HIDE_IMAGE, &title, &text, choices)
}

fn first(ui: &mut Ui, recent: &[PathBuf]) -> Vec<Request> {
    let text = "Open a folder of concrete photos to see which show cracks, train a model on your labels, and look at \
                what it got wrong. A folder or a .zip can also be dropped here.";
    empty::state(ui, icons::ICON_PHOTO_LIBRARY, "No photos are open", text, |ui| {
        let mut requests = choices(ui);
        if !recent.is_empty() {
            ui.add_space(space::L);
            ui.label(theme::quiet(ui, "Opened before"));
        }
        ui.spacing_mut().item_spacing.y = space::XS;
        for folder in recent.iter().take(RECENT) {
            let link = ui.link(short(folder)).on_hover_text(folder.display().to_string());
            if link.clicked() {
                requests.push(Request::Open(folder.clone()));
            }
        }
        requests
    })
}

fn choices(ui: &mut Ui) -> Vec<Request> {
    let mut requests = Vec::new();
    if form::primary(ui, true, &theme::icon_text(icons::ICON_FOLDER_OPEN, "Open a folder")).clicked() {
        requests.push(Request::OpenFolder);
    }
    let archive = Button::new(theme::icon_text(icons::ICON_FOLDER_ZIP, "Open a .zip")).min_size(vec2(0.0, theme::ROW));
    if ui
        .add(archive)
        .on_hover_text("Photos as they were downloaded: unpacked once, into the program's cache")
        .clicked()
    {
        requests.push(Request::OpenArchive);
    }
    let samples = Button::new("Try the sample photos").min_size(vec2(0.0, theme::ROW));
    let hint = "Makes a few hundred pictures of concrete, with and without cracks, to try the program on";
    if ui.add(samples).on_hover_text(hint).clicked() {
        requests.push(Request::TrySamples);
    }
    requests
}

/// The last two parts of a path.
fn short(path: &Path) -> String {
    let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
    match parts.as_slice() {
        [.., parent, name] if path.iter().count() > 2 => format!("… / {parent} / {name}"),
        _ => path.display().to_string(),
    }
}
