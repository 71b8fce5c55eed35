//! What stays put: the bar at the top with the tabs, and the status line at the bottom.

use egui::{Align, Button, CornerRadius, Frame, Label, Layout, Margin, Panel, RichText, Sense, Stroke, Ui, vec2};

use super::command::{Command, Tab};
use super::scene::{Kind, Running};
use super::settings::ThemeChoice;
use super::shortcuts::{self, Act, Place};
use super::theme::{self, icons, space};
use super::widgets::form;
use super::window::App;
use crate::dataset::{Class, Dataset};
use crate::format;
use crate::job::{Phase, Progress};
use crate::train::config::DeviceChoice;

/// Height of the status line.
const STATUS: f32 = 40.0;
/// Room for the longest name of a phase.
const PHASE: f32 = 144.0;
/// Length of the bar.
const BAR: f32 = 160.0;
/// Room for counts, rate and time left.
const PROGRESS: f32 = 330.0;

impl App {
    pub(super) fn top_bar(&mut self, ui: &mut Ui, commands: &mut Vec<Command>) {
        let margin = Margin { left: 12, right: 12, top: 8, bottom: 0 };
        let frame = Frame::new().fill(theme::palette(ui).panel).inner_margin(margin);
        Panel::top("top").frame(frame).show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = space::XS;
            ui.horizontal(|ui| {
                ui.label(theme::section("CrackScope"));
                ui.add_space(space::S);
                self.open_buttons(ui, commands);
                ui.add_space(space::S);
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    self.look_buttons(ui, commands);
                    ui.with_layout(Layout::left_to_right(Align::Center), |ui| self.open_ui(ui));
                });
            });
            ui.horizontal(|ui| {
                ui.spacing_mut().item_spacing.x = space::XS;
                for tab in Tab::ALL {
                    if tab_button(ui, tab, self.tab == tab).clicked() {
                        commands.push(Command::Show(tab));
                    }
                }
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| self.device_menu(ui, commands));
            });
        });
    }

    fn open_buttons(&self, ui: &mut Ui, commands: &mut Vec<Command>) {
        ui.spacing_mut().item_spacing.x = 2.0;
        let open = ui.button(theme::icon_text(icons::ICON_FOLDER_OPEN, "Open folder…"));
        let hint = shortcuts::hint(ui.ctx(), "A folder of photos", Place::Anywhere, Act::OpenFolder);
        if open.on_hover_text(format!("{hint}; or drop one, or a .zip, onto the window")).clicked() {
            commands.push(Command::OpenFolderDialog);
        }
        let menu = ui.menu_button(icons::ICON_EXPAND_MORE.codepoint, |ui| {
            ui.set_min_width(260.0);
            let archive = Button::new(theme::icon_text(icons::ICON_FOLDER_ZIP, "Open a .zip…"));
            if ui.add(archive.shortcut_text(key(ui, Act::OpenArchive))).clicked() {
                commands.push(Command::OpenArchiveDialog);
            }
            let path = Button::new(theme::icon_text(icons::ICON_EDIT, "Open by path…"));
            if ui.add(path.shortcut_text(key(ui, Act::OpenByPath))).clicked() {
                commands.push(Command::OpenByPath);
            }
            if ui.button(theme::icon_text(icons::ICON_GRAIN, "Open the sample photos")).clicked() {
                commands.push(Command::MakeSamples);
            }
            if !self.settings.recent.is_empty() {
                ui.separator();
            }
            for folder in &self.settings.recent {
                let name =
                    folder.file_name().map_or_else(|| folder.display().to_string(), |n| n.to_string_lossy().into());
                let entry = ui.button(theme::icon_text(theme::icon_of(folder), &name));
                if entry.on_hover_text(folder.display().to_string()).clicked() {
                    commands.push(Command::Open(vec![folder.clone()]));
                }
            }
        });
        form::close_by_key(ui, &menu.response, menu.inner.is_some());
        let name = "Archive, path, sample photos, recent folders";
        menu.response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, name));
        menu.response.on_hover_text(name);
        ui.spacing_mut().item_spacing.x = space::S;
    }

    /// What is open.
    fn open_ui(&self, ui: &mut Ui) {
        match &self.session.dataset {
            Some(dataset) => dataset_ui(ui, dataset),
            None => drop(ui.label(theme::quiet(ui, "No photos open"))),
        }
    }

    fn look_buttons(&self, ui: &mut Ui, commands: &mut Vec<Command>) {
        let hint = |ui: &Ui, words, act| shortcuts::hint(ui.ctx(), words, Place::Anywhere, act);
        if form::icon_button(ui, icons::ICON_KEYBOARD, &hint(ui, "Shortcuts", Act::Shortcuts)).clicked() {
            commands.push(Command::ToggleShortcuts);
        }
        if form::icon_button(ui, icons::ICON_SEARCH, &hint(ui, "Do something by its name", Act::Palette)).clicked() {
            commands.push(Command::TogglePalette);
        }
        let (icon, theme) = match self.settings.theme {
            ThemeChoice::System => (icons::ICON_CONTRAST, "Theme: as the system says"),
            ThemeChoice::Light => (icons::ICON_LIGHT_MODE, "Theme: light"),
            ThemeChoice::Dark => (icons::ICON_DARK_MODE, "Theme: dark"),
        };
        if form::icon_button(ui, icon, &hint(ui, theme, Act::Theme)).clicked() {
            commands.push(Command::NextTheme);
        }
    }

    fn device_menu(&self, ui: &mut Ui, commands: &mut Vec<Command>) {
        let name = match &self.device {
            Some(Ok(report)) => report.name.clone(),
            Some(Err(_)) => "Device not available".to_owned(),
            None => "Looking for the device…".to_owned(),
        };
        let text = format!("{} {}", theme::icon_text(icons::ICON_MEMORY, &name), icons::ICON_EXPAND_MORE.codepoint);
        let button = Button::new(theme::quiet(ui, text)).frame_when_inactive(false);
        let menu = egui::containers::menu::MenuButton::from_button(button).ui(ui, |ui| {
            ui.set_min_width(180.0);
            for (choice, name, there) in devices() {
                let chosen = self.settings.train.device == choice;
                let entry = ui.add_enabled(there, Button::selectable(chosen, name));
                let entry = entry.on_disabled_hover_text("This program was built without it");
                if entry.clicked() {
                    commands.push(Command::SetDevice(choice));
                }
            }
        });
        form::close_by_key(ui, &menu.0, menu.1.is_some());
        menu.0.on_hover_text("Where the network computes");
    }

    pub(super) fn status_bar(&mut self, ui: &mut Ui, commands: &mut Vec<Command>) {
        let margin = Margin::symmetric(space::M as i8, 0);
        let frame = Frame::new().fill(theme::palette(ui).panel).inner_margin(margin);
        Panel::bottom("status").frame(frame).exact_size(STATUS).resizable(false).show(ui, |ui| {
            ui.horizontal_centered(|ui| {
                if let Some(job) = &self.job {
                    job_ui(ui, job, commands);
                }
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| self.messages.status_ui(ui, commands));
            });
        });
    }
}

/// The key that does this anywhere, in words.
fn key(ui: &Ui, act: Act) -> String {
    shortcuts::key(ui.ctx(), Place::Anywhere, act)
}

/// The devices, and whether this program was built for them.
fn devices() -> [(DeviceChoice, &'static str, bool); 4] {
    [
        (DeviceChoice::Auto, "The fastest that works", true),
        (DeviceChoice::Cpu, "CPU", true),
        (DeviceChoice::Cuda, "CUDA", cfg!(feature = "cuda")),
        (DeviceChoice::Metal, "Metal", cfg!(feature = "metal")),
    ]
}

/// `metu · 7,146 photos ▲ 3,584 ● 3,562`.
fn dataset_ui(ui: &mut Ui, dataset: &Dataset) {
    let roots: Vec<String> = dataset.roots.iter().map(|root| root.display().to_string()).collect();
    let hint = format!("{}\n{}", roots.join("\n"), dataset.layout.title());
    ui.add(Label::new(theme::strong(dataset.name())).truncate()).on_hover_text(hint);
    ui.label(theme::quiet(ui, format::photos(dataset.samples.len())));
    let excluded = dataset.samples.iter().filter(|sample| sample.is_excluded()).count();
    let unlabelled = dataset.samples.len() - dataset.labelled() - excluded;
    for class in [Class::Positive, Class::Negative] {
        let count = dataset.count(class);
        if count > 0 {
            let text = format!("{} {}", theme::mark(class), format::count(count as u64));
            ui.label(RichText::new(text).color(theme::palette(ui).class(class))).on_hover_text(format!(
                "{} labelled {}",
                format::photos(count),
                class.word()
            ));
        }
    }
    let corrected = dataset.corrected();
    if corrected > 0 {
        let text = theme::icon_text(icons::ICON_EDIT, &format!("{} corrected", format::count(corrected as u64)));
        ui.label(RichText::new(text).color(theme::palette(ui).accent)).on_hover_text(
            "Labels that say something else than was found. They are kept outside of the photos' folder",
        );
    }
    if unlabelled > 0 {
        ui.label(theme::quiet(ui, format!("{} unlabelled", format::count(unlabelled as u64))));
    }
    if excluded > 0 {
        ui.label(theme::quiet(ui, format!("{} excluded", format::count(excluded as u64))));
    }
}

fn tab_button(ui: &mut Ui, tab: Tab, shown: bool) -> egui::Response {
    let colours = theme::palette(ui);
    let text = if shown { theme::strong(tab.title()).color(colours.text) } else { theme::quiet(ui, tab.title()) };
    let button = ui.add(Button::new(text).frame(false).min_size(vec2(64.0, 34.0)).sense(Sense::click()));
    button.widget_info(|| egui::WidgetInfo::selected(egui::Role::Tab, true, shown, tab.title()));
    let line = button.rect.with_min_y(button.rect.bottom() - 2.0);
    if shown {
        ui.painter().rect_filled(line, CornerRadius::ZERO, colours.accent);
    } else if button.hovered() {
        ui.painter().rect_filled(line, CornerRadius::ZERO, colours.line);
    }
    if button.has_focus() {
        ui.painter().rect_stroke(
            button.rect,
            theme::CORNER,
            Stroke::new(1.0, colours.accent),
            egui::StrokeKind::Inside,
        );
    }
    button
}

/// What runs: bar, count, rate, time left, Cancel. Each has its place, so that nothing jumps as numbers grow.
fn job_ui(ui: &mut Ui, job: &Running, commands: &mut Vec<Command>) {
    let title = job.progress.map_or(job.kind.title(), |progress| progress.phase.title());
    cell(ui, PHASE, |ui| ui.label(title));
    form::progress(ui, job.progress.and_then(|progress| progress.fraction()), BAR, title);
    let finishing = job.is_finishing();
    let stopping = if finishing { job.controls.leave.get() } else { job.controls.cancel.get() };
    let (word, hint) = match (job.kind, stopping) {
        (_, true) => ("Stopping…", String::new()),
        _ if finishing => ("Leave", Running::LEAVING_MEANS.to_owned()),
        (Kind::Train, _) => ("Stop", shortcuts::hint(ui.ctx(), job.stopping_means(), Place::Anywhere, Act::Cancel)),
        _ => ("Cancel", key(ui, Act::Cancel)),
    };
    let button = ui.add_enabled(!stopping, Button::new(word).min_size(vec2(84.0, 0.0)));
    if button.on_hover_text(hint).clicked() {
        commands.push(if finishing { Command::LeaveJob } else { Command::CancelJob });
    }
    if let Some(progress) = job.progress {
        let text = theme::quiet(ui, progress_text(&progress, job.is_paused()));
        cell(ui, PROGRESS, |ui| ui.add(Label::new(text).truncate()));
    }
}

/// A place of its own width.
fn cell<R>(ui: &mut Ui, width: f32, content: impl FnOnce(&mut Ui) -> R) {
    ui.allocate_ui_with_layout(vec2(width, theme::ROW), Layout::left_to_right(Align::Center), |ui| {
        ui.set_min_width(width);
        content(ui);
    });
}

/// `5,120 / 7,146 photos · 412/s · 5 s left`.
pub(super) fn progress_text(progress: &Progress, paused: bool) -> String {
    let (amount, unit): (fn(u64) -> String, String) = match progress.phase {
        Phase::Download => (format::bytes, String::new()),
        Phase::Inspect => (|pixels| format!("{:.1}", pixels as f64 / 1e6), " MP".to_owned()),
        phase => (|n| format::count(n), format!(" {}", phase.unit())),
    };
    let mut parts = vec![match progress.total {
        Some(total) => format!("{} / {}{unit}", amount(progress.done), amount(total)),
        None => format!("{}{unit}", amount(progress.done)),
    }];
    if paused {
        parts.push("paused".to_owned());
    } else if progress.per_second > 0.0 {
        parts.push(match progress.phase {
            Phase::Download | Phase::Inspect => format!("{}{unit}/s", amount(progress.per_second as u64)),
            _ => format::rate(progress.per_second),
        });
        if let Some(left) = progress.remaining().filter(|left| left.as_secs() > 0) {
            parts.push(format!("{} left", format::duration(left)));
        }
    }
    parts.join(" · ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_reads_well() {
        let progress = Progress { phase: Phase::Features, done: 5120, total: Some(7146), per_second: 412.0 };
        assert_eq!(progress_text(&progress, false), "5,120 / 7,146 photos · 412/s · 5 s left");
        let nearly = Progress { done: 7000, ..progress };
        assert_eq!(progress_text(&nearly, false), "7,000 / 7,146 photos · 412/s", "nothing worth waiting for is left");
        assert_eq!(progress_text(&progress, true), "5,120 / 7,146 photos · paused");
        let scan = Progress { phase: Phase::Scan, done: 1200, total: None, per_second: 0.0 };
        assert_eq!(progress_text(&scan, false), "1,200 photos");
        let download =
            Progress { phase: Phase::Download, done: 12_345_678, total: Some(46_827_520), per_second: 3.4e6 };
        assert_eq!(progress_text(&download, false), "12.3 MB / 46.8 MB · 3.4 MB/s · 10 s left");
        let inspect =
            Progress { phase: Phase::Inspect, done: 19_300_000, total: Some(27_900_000), per_second: 1_400_000.0 };
        assert_eq!(progress_text(&inspect, false), "19.3 / 27.9 MP · 1.4 MP/s · 6 s left");
    }
}
