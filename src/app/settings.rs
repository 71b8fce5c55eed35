//! What the window remembers from one start to the next, in a TOML file of its own.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::app::tabs::inspect::Remembered;
use crate::atomic_file;
use crate::bounded;
use crate::error::{Context, Error, Result};
use crate::places::Places;
use crate::train::config::TrainConfig;

/// Recent folders that are kept.
const RECENT: usize = 8;

/// Light, dark, or as the system says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ThemeChoice {
    /// As the system says.
    #[default]
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl ThemeChoice {
    /// The choice after this one.
    pub fn next(self) -> Self {
        match self {
            Self::System => Self::Light,
            Self::Light => Self::Dark,
            Self::Dark => Self::System,
        }
    }

    /// The choice in words.
    pub fn title(self) -> &'static str {
        match self {
            Self::System => "as the system says",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

impl From<ThemeChoice> for egui::ThemePreference {
    fn from(choice: ThemeChoice) -> Self {
        match choice {
            ThemeChoice::System => Self::System,
            ThemeChoice::Light => Self::Light,
            ThemeChoice::Dark => Self::Dark,
        }
    }
}

/// Everything that is remembered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// The theme.
    pub theme: ThemeChoice,
    /// How much larger than the system says, 1 to 2.
    pub zoom: f32,
    /// The window's inner size in points.
    pub window: Option<[f32; 2]>,
    /// Folders opened lately, newest first.
    pub recent: Vec<PathBuf>,
    /// Where runs are kept, if not in the usual place.
    pub runs_folder: Option<PathBuf>,
    /// The folder in which the last export's folder, or the last drawing, lies.
    pub export_folder: Option<PathBuf>,
    /// Whether labelling a photo goes on to the next one.
    pub advance: bool,
    /// The training form as it was last used.
    pub train: TrainConfig,
    /// How whole photos are looked at and shown.
    pub inspect: Remembered,
    /// Whether the first steps were shown.
    pub toured: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            theme: ThemeChoice::System,
            zoom: 1.0,
            window: None,
            recent: Vec::new(),
            runs_folder: None,
            export_folder: None,
            advance: true,
            train: TrainConfig::default(),
            inspect: Remembered::default(),
            toured: false,
        }
    }
}

impl Settings {
    /// The file among the program's own places.
    pub fn file_in(places: &Places) -> PathBuf {
        places.config.join("window.toml")
    }

    /// The folder of the runs: the one that was chosen, or the usual one.
    pub fn runs_folder<'a>(&'a self, places: &'a Places) -> &'a Path {
        self.runs_folder.as_deref().unwrap_or(&places.runs)
    }

    /// Reads the file. Where there is none, the defaults; where it makes no sense, the defaults and why.
    pub fn load(path: &Path) -> (Self, Option<Error>) {
        path.parent().into_iter().for_each(atomic_file::tidy);
        let text = match bounded::read_to_string(path, bounded::NOTES) {
            Ok(text) => text,
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return (Self::default(), None),
            Err(cause) => return (Self::default(), Some(Error::file("read the settings in", path, cause))),
        };
        match toml::from_str::<Self>(&text) {
            Ok(settings) => (settings.within_bounds(), None),
            Err(cause) => {
                let error = Error::file("understand the settings in", path, cause.message());
                (Self::default(), Some(error.hint("The window starts as if for the first time")))
            }
        }
    }

    /// Writes the file, whole or not at all.
    ///
    /// # Errors
    /// Where the folder cannot be made or written to.
    pub fn save(&self, path: &Path) -> Result<()> {
        let text = toml::to_string(self).on_file("write the settings to", path)?;
        let folder = path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).on_file("create", folder)?;
        atomic_file::write(path, text.as_bytes())
    }

    /// Puts a folder first among the recent ones.
    pub fn remember(&mut self, folder: &Path) {
        self.recent.retain(|other| other != folder);
        self.recent.insert(0, folder.to_owned());
        self.recent.truncate(RECENT);
    }

    fn within_bounds(mut self) -> Self {
        self.zoom = if self.zoom.is_finite() { self.zoom.clamp(1.0, 2.0) } else { 1.0 };
        self.window = self.window.filter(|size| size.iter().all(|side| (200.0..20_000.0).contains(side)));
        self.recent.truncate(RECENT);
        self.inspect = self.inspect.within_bounds();
        if self.train.validate().is_err() {
            self.train = TrainConfig::default();
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_read_back_as_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deeper/window.toml");
        let mut settings = Settings { theme: ThemeChoice::Dark, zoom: 1.5, ..Settings::default() };
        settings.train.epochs = 7;
        settings.train.patience = Some(3);
        settings.remember(Path::new("写真/橋"));
        settings.save(&path).unwrap();
        assert_eq!(Settings::load(&path), (settings, None));
    }

    #[test]
    fn a_file_that_makes_no_sense_is_told_of_and_survived() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("window.toml");
        std::fs::write(&path, "zoom = \"large\"").unwrap();
        let (settings, error) = Settings::load(&path);
        assert_eq!(settings, Settings::default());
        assert!(error.unwrap().title().contains("window.toml"));
        std::fs::write(&path, "zoom = 40.0\n[train]\nepochs = 0").unwrap();
        let (settings, error) = Settings::load(&path);
        assert_eq!((settings.zoom, settings.train.epochs, error), (2.0, 10, None));
    }

    #[test]
    fn recent_folders_are_few_and_each_once() {
        let mut settings = Settings::default();
        for i in 0..20 {
            settings.remember(Path::new(&format!("{}", i % 10)));
        }
        assert_eq!(settings.recent.len(), RECENT);
        assert_eq!(settings.recent[0], Path::new("9"));
    }
}
