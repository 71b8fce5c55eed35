//! What can be done with the selected runs.

use std::path::{Path, PathBuf};

use egui::{Button, Context, RichText, TextEdit, Ui};

use super::Compare;
use super::questions::{Deletion, Question, SettingsText};
use crate::app::command::Command;
use crate::app::scene::{Kind, Scene};
use crate::app::shortcuts::{self, Act as Key, Place};
use crate::app::tabs::train::live::Live;
use crate::app::theme::{self, Icon, icons, space};
use crate::app::widgets::form::ended_by;
use crate::app::worker::run_folders::Request;
use crate::format;
use crate::train::repeat;
use crate::train::run_change;
use crate::train::run_dir::RunSummary;

/// One thing to do with the selected runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// Lay its predictions over the photos.
    Review,
    /// Give it another name.
    Rename,
    /// Show its settings as text.
    Settings,
    /// Copy the path of its folder.
    CopyPath,
    /// Copy the command that repeats it.
    CopyCommand,
    /// Ask whether to delete them.
    Delete,
}

/// All of them with their icons, words and what they do, in their order on the screen.
const ACTS: [(Act, Icon, &str, &str); 6] = [
    (Act::Review, icons::ICON_ARROW_FORWARD, "Review", "See what it got wrong"),
    (Act::Rename, icons::ICON_EDIT, "Rename…", "Give its folder another name"),
    (Act::Settings, icons::ICON_NOTES, "Settings…", "All its settings as text"),
    (Act::CopyPath, icons::ICON_FILE_COPY, "Copy path", "Copy the path of its folder"),
    (Act::CopyCommand, icons::ICON_FILE_COPY, "Copy command", "Copy the `crackscope train` that repeats it"),
    (Act::Delete, icons::ICON_DELETE, "Delete…", "Delete its folder"),
];

/// What it does, with its key where it has one.
fn hint(ui: &Ui, says: &str, act: Act) -> String {
    let key = match act {
        Act::Review => Key::Review,
        Act::Rename => Key::Rename,
        Act::Delete => Key::Delete,
        Act::Settings | Act::CopyPath | Act::CopyCommand => return says.to_owned(),
    };
    shortcuts::hint(ui.ctx(), says, Place::Runs, key)
}

/// A run that is being given a name.
pub(super) struct Renaming {
    run: PathBuf,
    name: String,
    focused: bool,
}

impl Compare {
    /// The buttons for the selected runs, or the field for a name in their place.
    pub(super) fn actions_ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>, live: Option<&Live>) {
        if self.renaming.is_some() {
            self.renaming_ui(ui, scene);
            return;
        }
        let mut asked = None;
        ui.horizontal_wrapped(|ui| {
            ui.set_min_height(theme::ROW);
            ui.spacing_mut().item_spacing.x = space::XS;
            match self.selected.as_slice() {
                [] => {
                    ui.label(theme::quiet(ui, "Select a run to review, rename or delete it."));
                }
                [_] => {
                    for (act, icon, word, says) in ACTS {
                        let why_not = self.why_not(act, scene, live);
                        if button(ui, &theme::icon_text(icon, word), &hint(ui, says, act), why_not.as_deref()) {
                            asked = Some(act);
                        }
                    }
                }
                several => {
                    let count = format::count(several.len() as u64);
                    let text = theme::icon_text(icons::ICON_DELETE, &format!("Delete {count} runs…"));
                    let why_not = self.why_not(Act::Delete, scene, live);
                    if button(
                        ui,
                        &text,
                        &hint(ui, "Delete the folders of the selected runs", Act::Delete),
                        why_not.as_deref(),
                    ) {
                        asked = Some(Act::Delete);
                    }
                    ui.label(theme::quiet(ui, format!("{count} runs selected")));
                }
            }
        });
        if let Some(act) = asked {
            self.act(ui.ctx(), act, scene, live);
        }
    }

    /// The same as a menu; returns what was chosen.
    pub(super) fn menu_ui(&self, ui: &mut Ui, scene: &Scene<'_>, live: Option<&Live>) -> Option<Act> {
        let mut asked = None;
        for (act, icon, word, _) in ACTS {
            if self.selected.len() > 1 && act != Act::Delete {
                continue;
            }
            let why_not = self.why_not(act, scene, live);
            if button(ui, &theme::icon_text(icon, word), "", why_not.as_deref()) {
                asked = Some(act);
                ui.close();
            }
        }
        asked
    }

    /// Does it, unless there is a reason not to.
    pub(super) fn act(&mut self, ctx: &Context, act: Act, scene: &mut Scene<'_>, live: Option<&Live>) {
        let Some(path) = self.selected.last().cloned() else { return };
        if self.why_not(act, scene, live).is_some() {
            return;
        }
        let run = scene.runs.iter().find(|run| run.path == path);
        match act {
            Act::Review => scene.commands.push(Command::OpenRun(path)),
            Act::Rename => {
                let name = run.map(|run| run.name.clone()).unwrap_or_default();
                self.renaming = Some(Renaming { run: path, name, focused: false });
            }
            Act::Settings => self.question = run.map(|run| Question::Settings(SettingsText::of(run))),
            Act::CopyPath => ctx.copy_text(path.display().to_string()),
            Act::CopyCommand => {
                if let Some(Ok(command)) = run.map(|run| repeat::command_line(&run.record)) {
                    ctx.copy_text(command);
                }
            }
            Act::Delete => self.ask_to_delete(self.selected.clone(), scene),
        }
    }

    /// Opens the question, and has the folders looked into meanwhile.
    pub(super) fn ask_to_delete(&mut self, runs: Vec<PathBuf>, scene: &mut Scene<'_>) {
        let request = Request::Contents(self.runs_folder(scene), runs.clone());
        scene.commands.push(Command::RunFolders(request));
        self.question = Some(Question::Delete(Deletion { runs, contents: None }));
    }

    /// Why something cannot be done with the selected runs, if so.
    fn why_not(&self, act: Act, scene: &Scene<'_>, live: Option<&Live>) -> Option<String> {
        let run = |path: &PathBuf| scene.runs.iter().find(|run| run.path == *path);
        match act {
            Act::Review => match self.selected.last().and_then(run) {
                Some(RunSummary { finished: true, .. }) => None,
                Some(run) if is_trained(&run.path, live) => Some("This run is being trained".to_owned()),
                _ => Some("This run has no model: it ended before its first epoch".to_owned()),
            },
            Act::Rename | Act::Delete => self.selected.iter().find_map(|path| why_not_change(path, scene, live)),
            Act::CopyCommand => {
                let command = repeat::command_line(&self.selected.last().and_then(run)?.record);
                command.err().map(|error| error.title().to_owned())
            }
            Act::Settings | Act::CopyPath => None,
        }
    }

    /// The field, and what is wrong with the name in it.
    fn renaming_ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        let Some(mut renaming) = self.renaming.take() else { return };
        let mut open = true;
        ui.horizontal_wrapped(|ui| {
            ui.set_min_height(theme::ROW);
            let label = ui.label(theme::quiet(ui, "New name"));
            let field = ui.add(TextEdit::singleline(&mut renaming.name).desired_width(280.0)).labelled_by(label.id);
            if !std::mem::replace(&mut renaming.focused, true) {
                field.request_focus();
            }
            let wrong = what_is_wrong(&renaming, scene.runs);
            let entered = ended_by(ui, &field, egui::Key::Enter);
            let rename = ui.add_enabled(wrong.is_none(), Button::new("Rename"));
            if (rename.clicked() || entered) && wrong.is_none() {
                let (folder, run) = (self.runs_folder(scene), renaming.run.clone());
                let request = Request::Rename(folder, run, renaming.name.trim().to_owned());
                scene.commands.push(Command::RunFolders(request));
                open = false;
            } else if entered {
                field.request_focus();
            }
            let escaped = ended_by(ui, &field, egui::Key::Escape);
            open &= !(ui.button("Cancel").clicked() || escaped);
            if let Some(wrong) = wrong {
                ui.label(RichText::new(wrong).color(theme::palette(ui).warning));
            }
        });
        if !open {
            self.take_focus(ui);
        }
        self.renaming = Some(renaming).filter(|_| open);
    }
}

fn what_is_wrong(renaming: &Renaming, runs: &[RunSummary]) -> Option<String> {
    let name = renaming.name.trim();
    if runs.iter().any(|run| run.name == name && run.path != renaming.run) {
        return Some("Another run has this name".to_owned());
    }
    run_change::check_name(name).err().map(|error| error.title().to_owned())
}

/// Whether the run in this folder is under way.
fn is_trained(run: &Path, live: Option<&Live>) -> bool {
    live.is_some_and(|live| live.end.is_none() && live.run.as_deref() == Some(run))
}

/// Why the folder of a run must stay as it is, if so.
fn why_not_change(run: &Path, scene: &Scene<'_>, live: Option<&Live>) -> Option<String> {
    if is_trained(run, live) {
        return Some("This run is being trained: wait until it has ended".to_owned());
    }
    let job = scene.job.filter(|job| matches!(job.kind, Kind::OpenRun | Kind::Classify | Kind::Export))?;
    Some(format!("{}: wait until that has ended", job.kind.title()))
}

/// A button that says on hovering what it does or why it cannot; returns whether it was pressed.
fn button(ui: &mut Ui, text: &str, hint: &str, why_not: Option<&str>) -> bool {
    let button = ui.add_enabled(why_not.is_none(), Button::new(text));
    let button = if hint.is_empty() { button } else { button.on_hover_text(hint) };
    button.on_disabled_hover_text(why_not.unwrap_or_default()).clicked()
}
