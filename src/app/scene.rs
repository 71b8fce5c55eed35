//! What the tabs are shown, and what runs.

use std::path::Path;
use std::time::Instant;

use super::command::Command;
use super::session::Session;
use super::settings::Settings;
use super::thumbnails::Thumbnails;
use super::worker::Controls;
use super::worker::jobs::Job;
use crate::job::Progress;
use crate::train::run_dir::RunSummary;

/// All that a tab may look at, and where it says what the user wants.
pub struct Scene<'a> {
    /// The open photos and what a run said of them.
    pub session: &'a Session,
    /// The remembered settings, the training form among them.
    pub settings: &'a mut Settings,
    /// The runs in the runs folder, newest first.
    pub runs: &'a [RunSummary],
    /// The folder of the runs.
    pub runs_folder: &'a Path,
    /// The job that runs.
    pub job: Option<&'a Running>,
    /// Pictures of photos.
    pub thumbnails: &'a mut Thumbnails,
    /// What the user asks for.
    pub commands: &'a mut Vec<Command>,
}

/// The job that runs.
pub struct Running {
    /// Its number.
    pub number: u64,
    /// What it does.
    pub kind: Kind,
    /// How to hold and stop it.
    pub controls: Controls,
    /// How far it is.
    pub progress: Option<Progress>,
    /// When it was asked for.
    pub begun: Instant,
}

/// What a job does, as far as the window minds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Listing folders.
    Scan,
    /// Making sample photos.
    Samples,
    /// Training.
    Train,
    /// Opening a run.
    OpenRun,
    /// Classifying.
    Classify,
    /// Exporting.
    Export,
}

impl Kind {
    /// What `job` does.
    pub fn of(job: &Job) -> Self {
        match job {
            Job::Open(_) => Self::Scan,
            Job::Samples => Self::Samples,
            Job::Train { .. } => Self::Train,
            Job::OpenRun { .. } => Self::OpenRun,
            Job::Classify { .. } => Self::Classify,
            Job::Export(_) => Self::Export,
        }
    }

    /// In words.
    pub fn title(self) -> &'static str {
        match self {
            Self::Scan => "Listing photos",
            Self::Samples => "Making sample photos",
            Self::Train => "Training",
            Self::OpenRun => "Opening the run",
            Self::Classify => "Classifying",
            Self::Export => "Exporting",
        }
    }

    /// Whether another job may end it unasked, since nothing is lost by it.
    pub fn may_be_replaced(self) -> bool {
        matches!(self, Self::Scan | Self::OpenRun)
    }
}

impl Running {
    /// Whether it brings photos.
    pub fn opens_photos(&self) -> bool {
        matches!(self.kind, Kind::Scan | Kind::Samples)
    }

    /// Whether the user holds it.
    pub fn is_paused(&self) -> bool {
        self.controls.pause.get()
    }
}
