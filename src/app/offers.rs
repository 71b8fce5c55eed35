//! What can be done now by its name, and why the rest cannot.

use egui::Context;

use super::command::{Command, Tab};
use super::dialogs::Offer;
use super::scene::Kind;
use super::shortcuts::{self, Act, Place, TABLE};
use super::tabs;
use super::window::App;

impl App {
    /// Opens the palette, or closes it.
    pub(super) fn toggle_palette(&mut self) {
        self.dialogs.palette = self.dialogs.palette.is_none().then(Default::default);
    }

    /// Shows the palette where it is open.
    pub(super) fn palette_ui(&mut self, ctx: &Context, commands: &mut Vec<Command>) {
        let Some(mut palette) = self.dialogs.palette.take() else { return };
        if palette.ui(ctx, &self.offers(ctx), commands) {
            self.dialogs.palette = Some(palette);
        }
    }

    /// All that the table knows to hold anywhere, the folders opened lately and the runs.
    fn offers(&self, ctx: &Context) -> Vec<Offer> {
        let known = TABLE.iter().filter(|row| row.act != Act::Palette).filter_map(|row| {
            let (name, key) = (self.name_of(row.act, row.name), shortcuts::key(ctx, Place::Anywhere, row.act));
            Some(Offer { name, key, why_not: self.why_not(row.act), command: row.command?() })
        });
        let folders = self.settings.recent.iter().map(|folder| {
            let (name, command) = (format!("Open {}", folder.display()), Command::Open(vec![folder.clone()]));
            Offer { name, key: String::new(), why_not: self.why_not_start(), command }
        });
        let runs = self.runs.iter().filter(|run| run.finished).map(|run| {
            let (name, command) = (format!("Review the run {}", run.name), Command::OpenRun(run.path.clone()));
            Offer { name, key: String::new(), why_not: self.why_not_start(), command }
        });
        known.chain(folders).chain(runs).collect()
    }

    /// The table calls things what they are called in the list under F1, where they stand beside others.
    fn name_of(&self, act: Act, name: &str) -> String {
        match act {
            Act::Show(tab) => format!("Go to {}", tab.title()),
            Act::Shortcuts => "Shortcuts".to_owned(),
            Act::Undo => match self.session.labels.to_undo().filter(|_| self.tab != Tab::Inspect) {
                Some(what) => format!("Undo: {what}"),
                None => "Undo".to_owned(),
            },
            Act::Redo => match self.session.labels.to_redo() {
                Some(what) => format!("Redo: {what}"),
                None => name.to_owned(),
            },
            _ => name.to_owned(),
        }
    }

    /// Why this cannot be done now, if so.
    pub(super) fn why_not(&self, act: Act) -> Option<String> {
        let no = |reason: &str| Some(reason.to_owned());
        let no_photos = || self.session.is_empty().then(|| "Open a folder of photos first".to_owned());
        match act {
            Act::Samples | Act::OpenFolder | Act::OpenArchive | Act::OpenByPath => self.why_not_start(),
            Act::Find | Act::ExportLabels => no_photos(),
            Act::Train | Act::TrainAgain | Act::FindRate | Act::CrossValidate | Act::LeaveSitesOut => {
                tabs::train::why_not_learn(&self.session, self.job.as_ref())
            }
            Act::Classify => no_photos().or_else(|| self.why_not_start()),
            Act::Errors if self.session.verdict.is_none() => no("Train, or open a run first"),
            Act::Pause | Act::GoOn => self.why_not_pause(act == Act::Pause),
            Act::Cancel => match &self.job {
                None => no("Nothing runs"),
                Some(job) if job.is_finishing() => no(job.stopping_means()),
                Some(_) => None,
            },
            Act::Undo if self.tab == Tab::Inspect => {
                (!self.inspect.can_undo()).then(|| "Nothing was painted on this photo".to_owned())
            }
            Act::Undo if self.session.labels.to_undo().is_none() => no("Nothing was done to labels"),
            Act::Redo if self.session.labels.to_redo().is_none() => no("Nothing was undone"),
            Act::InspectAll => no_photos().filter(|_| self.inspect.is_empty()).or_else(|| self.why_not_start()),
            Act::Export if self.tab == Tab::Inspect => {
                (!self.inspect.can_export()).then(|| "Inspect a photo first".to_owned())
            }
            Act::Export if self.session.verdict.is_none() => no("Train, or open a run first"),
            _ => None,
        }
    }

    /// Why no other job can begin, if so.
    fn why_not_start(&self) -> Option<String> {
        let job = self.job.as_ref().filter(|job| !job.may_be_replaced())?;
        Some(format!("Still {}", job.kind.title().to_lowercase()))
    }

    fn why_not_pause(&self, pause: bool) -> Option<String> {
        let Some(job) = self.job.as_ref().filter(|job| job.kind == Kind::Train) else {
            return Some("No training runs".to_owned());
        };
        match (job.is_paused(), pause) {
            (true, true) => Some("It is paused".to_owned()),
            (false, false) => Some("It is not paused".to_owned()),
            (false, true) => job.why_no_pause().map(str::to_owned),
            (true, false) => None,
        }
    }
}
