//! What the tabs are shown, and what runs.

use std::path::Path;
use std::time::Instant;

use super::command::Command;
use super::session::Session;
use super::settings::Settings;
use super::thumbnails::Thumbnails;
use super::worker::Controls;
use super::worker::inspection::Task;
use super::worker::jobs::Job;
use crate::job::{Phase, Progress};
use crate::train::run_dir::RunSummary;

/// All that a tab may look at, and where it says what the user wants.
pub struct Scene<'a> {
    /// The open photos and what a run said of them.
    pub session: &'a Session,
    /// The photo that is selected in Browse: an index into the data set.
    pub selected: Option<usize>,
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
    /// Epochs done, once training has come to them.
    pub epochs: Option<usize>,
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
    /// Training the last layer again.
    TrainAgain,
    /// Looking for suspects.
    Suspects,
    /// Computing features.
    Features,
    /// Drawing the map.
    Map,
    /// Looking for a learning rate.
    FindRate,
    /// Cross-validating.
    CrossValidate,
    /// Grouping photos.
    Group,
    /// Looking for leaks.
    FindLeaks,
    /// Leaving out sites.
    LeaveSitesOut,
    /// Testing on another folder.
    CheckField,
    /// Opening a run.
    OpenRun,
    /// Classifying.
    Classify,
    /// Exporting.
    Export,
    /// Listing photos to inspect.
    ListWhole,
    /// Inspecting photos.
    Inspect,
    /// Inspecting the photo that is shown.
    InspectOne,
    /// Training on corrections.
    Correct,
    /// Writing a model.
    KeepModel,
    /// Writing what was found on whole photos.
    WriteInspection,
}

impl Kind {
    /// What `job` does.
    pub fn of(job: &Job) -> Self {
        match job {
            Job::Open(_) => Self::Scan,
            Job::Samples => Self::Samples,
            Job::Train { .. } => Self::Train,
            Job::TrainAgain { .. } => Self::TrainAgain,
            Job::Suspects { .. } => Self::Suspects,
            Job::Features { .. } => Self::Features,
            Job::Map { .. } => Self::Map,
            Job::FindRate { .. } => Self::FindRate,
            Job::CrossValidate { .. } => Self::CrossValidate,
            Job::Group { .. } => Self::Group,
            Job::FindLeaks { .. } => Self::FindLeaks,
            Job::LeaveSitesOut { .. } => Self::LeaveSitesOut,
            Job::CheckField { .. } => Self::CheckField,
            Job::OpenRun { .. } => Self::OpenRun,
            Job::Classify { .. } => Self::Classify,
            Job::Export(_) | Job::ExportLabels { .. } => Self::Export,
            Job::Whole(Task::List(_)) => Self::ListWhole,
            Job::Whole(Task::Inspect(_)) => Self::Inspect,
            Job::Whole(Task::Correct(_)) => Self::Correct,
            Job::Whole(Task::Keep(_)) => Self::KeepModel,
            Job::Whole(Task::Write(_)) => Self::WriteInspection,
        }
    }

    /// In words.
    pub fn title(self) -> &'static str {
        match self {
            Self::Scan => "Listing photos",
            Self::Samples => "Making sample photos",
            Self::Train => "Training",
            Self::TrainAgain => "Training again",
            Self::Suspects => "Looking for suspects",
            Self::Features => "Computing features",
            Self::Map => "Drawing the map",
            Self::FindRate => "Looking for a learning rate",
            Self::CrossValidate => "Cross-validating",
            Self::Group => "Grouping photos",
            Self::FindLeaks => "Looking for leaks",
            Self::LeaveSitesOut => "Leaving out sites",
            Self::CheckField => "Testing on another folder",
            Self::OpenRun => "Opening the run",
            Self::Classify => "Classifying",
            Self::Export | Self::WriteInspection => "Exporting",
            Self::ListWhole => "Listing photos",
            Self::Inspect | Self::InspectOne => "Inspecting",
            Self::Correct => "Training on corrections",
            Self::KeepModel => "Saving the model",
        }
    }
}

impl Running {
    /// Whether another job may end it unasked, since nothing is lost by it: unpacking may have taken minutes.
    pub fn may_be_replaced(&self) -> bool {
        let unpacks = self.progress.is_some_and(|progress| progress.phase == Phase::Unpack);
        matches!(self.kind, Kind::Scan | Kind::OpenRun | Kind::InspectOne) && !unpacks
    }

    /// Whether it brings photos.
    pub fn opens_photos(&self) -> bool {
        matches!(self.kind, Kind::Scan | Kind::Samples)
    }

    /// Whether the user holds it, where it can be held.
    pub fn is_paused(&self) -> bool {
        self.controls.pause.get() && self.why_no_pause().is_none()
    }

    /// Why it cannot be held now, if so.
    pub fn why_no_pause(&self) -> Option<&'static str> {
        match self.progress.map(|progress| progress.phase) {
            _ if self.is_finishing() => Some("The epochs are done; what the model says is being worked out"),
            Some(phase) if phase.can_wait() => None,
            Some(Phase::Download) => Some("A download cannot wait; stop it, and the next one goes on from there"),
            _ => Some("This step cannot wait; computing features and training can"),
        }
    }

    /// What leaving a training comes to that [is finishing](Self::is_finishing).
    pub const LEAVING_MEANS: &str =
        "Keeps the epochs without what the best one says of the photos; crackscope train --resume goes on from there";

    /// What stopping comes to now.
    pub fn stopping_means(&self) -> &'static str {
        match (self.epochs, self.progress.map(|progress| progress.phase)) {
            _ if self.is_finishing() => "The epochs are done; what the best one says of the photos is being worked out",
            (Some(1..), _) => "Ends the training and keeps its best epoch",
            (Some(0), _) => "Ends the training; before its first epoch is done there is no model to keep",
            (None, Some(Phase::Download)) => "Ends the download; the next one goes on from there",
            (None, Some(Phase::Features | Phase::Variants)) => "Ends it; the features computed so far are kept",
            (None, _) => "Ends it before training has begun",
        }
    }

    /// Whether the epochs are done and the trained layers compute features, which cannot wait and can only be left.
    pub fn is_finishing(&self) -> bool {
        self.epochs.is_some() && self.progress.is_some_and(|progress| progress.phase == Phase::Features)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn training(phase: Option<Phase>, epochs: Option<usize>) -> Running {
        let progress = phase.map(|phase| Progress { phase, done: 1, total: Some(2), per_second: 1.0 });
        let controls = Controls::default();
        controls.pause.set(true);
        Running { number: 1, kind: Kind::Train, controls, progress, begun: Instant::now(), epochs }
    }

    #[test]
    fn what_has_taken_long_is_not_replaced_unasked() {
        let scan = |phase| Running { kind: Kind::Scan, ..training(phase, None) }.may_be_replaced();
        assert!(scan(None) && scan(Some(Phase::Scan)));
        assert!(!scan(Some(Phase::Unpack)));
        assert!(!training(None, None).may_be_replaced());
    }

    #[test]
    fn only_what_waits_is_called_paused() {
        for phase in [Phase::Features, Phase::Variants, Phase::Train, Phase::Tune] {
            assert!(training(Some(phase), None).is_paused(), "{phase:?}");
        }
        for phase in [Phase::Scan, Phase::Hash, Phase::Check, Phase::Download] {
            assert!(!training(Some(phase), None).is_paused(), "{phase:?}");
        }
        assert!(!training(None, None).is_paused());
        let finishing = training(Some(Phase::Features), Some(3));
        assert!(!finishing.is_paused() && finishing.is_finishing());
    }

    #[test]
    fn a_best_epoch_is_promised_only_where_there_is_one() {
        let promises = |phase, epochs| training(Some(phase), epochs).stopping_means().contains("keeps its best epoch");
        assert!(promises(Phase::Train, Some(1)));
        assert!(!promises(Phase::Train, Some(0)));
        assert!(!promises(Phase::Download, None));
        assert!(!promises(Phase::Features, None));
    }
}
