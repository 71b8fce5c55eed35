//! What stands before the table: the question before runs are deleted, and the settings of a run as text.

use std::path::PathBuf;

use egui::{Button, Label, ScrollArea, Ui};

use super::Compare;
use crate::app::command::Command;
use crate::app::dialogs;
use crate::app::scene::Scene;
use crate::app::theme::{self, icons, space};
use crate::app::worker::run_folders::Request;
use crate::error::Result;
use crate::format;
use crate::train::repeat;
use crate::train::run_change::Contents;
use crate::train::run_dir::{self, RunSummary};

/// What is asked or shown.
pub(super) enum Question {
    /// Whether to delete runs.
    Delete(Deletion),
    /// A run's settings.
    Settings(SettingsText),
}

/// Runs that may be deleted.
pub(super) struct Deletion {
    pub(super) runs: Vec<PathBuf>,
    /// What their folders hold, once looked into.
    pub(super) contents: Option<Vec<(PathBuf, Result<Contents>)>>,
}

/// The settings of a run, as they stand in its folder.
pub(super) struct SettingsText {
    name: String,
    text: String,
    /// The command that repeats it, or why there is none.
    command: Result<String>,
}

impl SettingsText {
    pub(super) fn of(run: &RunSummary) -> Self {
        let text = run.record.to_toml().unwrap_or_else(|error| error.to_string());
        Self { name: run.name.clone(), text, command: repeat::command_line(&run.record) }
    }

    /// Returns whether it stays open.
    fn ui(&self, ui: &mut Ui) -> bool {
        ui.label(theme::section(format!("Settings of {}", self.name)));
        ScrollArea::both().max_height(360.0).auto_shrink([false, true]).show(ui, |ui| {
            ui.add(Label::new(&self.text).selectable(true).extend());
        });
        ui.add_space(space::S);
        ui.horizontal_wrapped(|ui| {
            if ui.button(theme::icon_text(icons::ICON_FILE_COPY, "Copy settings")).clicked() {
                ui.ctx().copy_text(self.text.clone());
            }
            let command = theme::icon_text(icons::ICON_FILE_COPY, "Copy command line");
            let button = ui.add_enabled(self.command.is_ok(), Button::new(command));
            let hint = self.command.as_ref().map_or_else(|error| error.title(), String::as_str);
            if button.on_hover_text(hint).on_disabled_hover_text(hint).clicked()
                && let Ok(command) = &self.command
            {
                ui.ctx().copy_text(command.clone());
            }
            !ui.button("Close").clicked()
        })
        .inner
    }
}

/// What became of the question whether to delete.
#[derive(PartialEq)]
enum Answer {
    Open,
    Keep,
    Delete,
}

impl Deletion {
    fn ui(&self, ui: &mut Ui) -> Answer {
        let title = match self.runs.as_slice() {
            [run] => format!("Delete {}?", run_dir::name(run)),
            runs => format!("Delete {}?", format::counted(runs.len(), "run", "runs")),
        };
        ui.label(theme::section(title));
        let (found, refused) = self.looked_into();
        if self.contents.is_some() {
            let files = format::counted(found.files, "file", "files");
            let text = format!("{files}, {}. This cannot be undone.", format::bytes(found.bytes));
            ui.label(text);
        } else {
            ui.label(theme::quiet(ui, "Looking into the folder…"));
        }
        ScrollArea::vertical().max_height(160.0).show(ui, |ui| {
            for run in self.runs.iter().take(100) {
                ui.add(Label::new(theme::quiet(ui, run.display().to_string())).wrap());
            }
            for name in &found.others {
                ui.add(Label::new(format!("{name} is not CrackScope's: it stays, and the folder with it.")).wrap());
            }
            for why in &refused {
                ui.add(Label::new(egui::RichText::new(why).color(theme::palette(ui).warning)).wrap());
            }
        });
        ui.add_space(space::S);
        ui.horizontal(|ui| self.buttons_ui(ui, self.runs.len() - refused.len().min(self.runs.len()))).inner
    }

    fn buttons_ui(&self, ui: &mut Ui, left: usize) -> Answer {
        let mut answer = Answer::Open;
        let (delete, keep) = match self.runs.len() {
            1 => ("Delete run".to_owned(), "Keep"),
            _ => (format!("Delete {}", format::counted(left, "run", "runs")), "Keep them"),
        };
        let delete = theme::strong(delete).color(theme::palette(ui).error);
        let ready = self.contents.is_some() && left > 0;
        if ui.add_enabled(ready, Button::new(delete)).clicked() {
            answer = Answer::Delete;
        }
        let keep = ui.button(keep);
        if ui.memory(|memory| memory.focused().is_none()) {
            keep.request_focus();
        }
        if keep.clicked() {
            answer = Answer::Keep;
        }
        answer
    }

    /// All folders together, and why some cannot be deleted.
    fn looked_into(&self) -> (Contents, Vec<String>) {
        let (mut sum, mut refused) = (Contents::default(), Vec::new());
        for (run, contents) in self.contents.iter().flatten() {
            match contents {
                Ok(contents) => {
                    sum.files += contents.files;
                    sum.bytes += contents.bytes;
                    let of = if self.runs.len() > 1 { format!("{}: ", run_dir::name(run)) } else { String::new() };
                    sum.others.extend(contents.others.iter().map(|name| format!("{of}{name}")));
                }
                Err(error) => refused.push(error.one_line()),
            }
        }
        (sum, refused)
    }

    /// Those that can be deleted.
    fn deletable(&self) -> Vec<PathBuf> {
        self.contents.iter().flatten().filter(|(_, contents)| contents.is_ok()).map(|(run, _)| run.clone()).collect()
    }
}

impl Compare {
    /// Shows what is open.
    pub(super) fn questions_ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        let Some(question) = self.question.take() else { return };
        let open = match &question {
            Question::Settings(settings) => {
                let modal = dialogs::modal(ui.ctx(), "settings of a run", |ui| settings.ui(ui));
                modal.inner && !modal.should_close()
            }
            Question::Delete(deletion) => {
                let modal = dialogs::modal(ui.ctx(), "delete runs", |ui| deletion.ui(ui));
                if modal.inner == Answer::Delete {
                    let request = Request::Delete(self.runs_folder(scene), deletion.deletable());
                    scene.commands.push(Command::RunFolders(request));
                }
                modal.inner == Answer::Open && !modal.should_close()
            }
        };
        if !open {
            self.take_focus(ui);
        }
        self.question = Some(question).filter(|_| open);
    }
}
