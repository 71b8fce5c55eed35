//! The system's file dialogs, on a thread of their own.

use std::path::PathBuf;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};
use egui::Context;

/// A dialog that ends sooner was not closed by a person: there was none.
const AT_ONCE: Duration = Duration::from_millis(250);

/// What a file is chosen for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A folder of photos to open.
    Photos,
    /// A `.zip` of photos to open.
    Archive,
    /// A file of weights to start from.
    Weights,
    /// The folder that runs are kept in.
    Runs,
    /// A folder of labelled photos to test a run on.
    Field,
    /// The folder to export to.
    Export,
    /// The folder that labels are exported to.
    Labels,
    /// The file that the drawing of a network is written to.
    Drawing,
    /// A photo whose feature maps are to be seen.
    MapsPhoto,
    /// A photo to inspect.
    WholePhoto,
    /// A folder of photos to inspect.
    WholeFolder,
    /// The folder that an inspection is exported to.
    Inspection,
    /// The file that a model is written to.
    Model,
}

/// How a dialog ended.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// What for.
    pub purpose: Purpose,
    /// What was chosen; `None` where the user closed the dialog, or there was none.
    pub path: Option<PathBuf>,
    /// Whether it ended sooner than a person could have closed it.
    pub at_once: bool,
}

/// At most one dialog of the system.
pub(super) struct Native {
    out: Sender<Chosen>,
    chosen: Receiver<Chosen>,
    thread: Option<JoinHandle<()>>,
    /// A dialog of this window.
    plain: rfd::FileDialog,
}

impl Default for Native {
    fn default() -> Self {
        let (out, chosen) = bounded(1);
        Self { out, chosen, thread: None, plain: rfd::FileDialog::new() }
    }
}

impl Native {
    pub(super) fn belong_to(&mut self, window: &eframe::Frame) {
        self.plain = rfd::FileDialog::new().set_parent(window);
    }

    pub(super) fn open(&mut self, ctx: &Context, purpose: Purpose, start: Option<&PathBuf>) {
        if self.thread.as_ref().is_some_and(|thread| !thread.is_finished()) {
            return; // it is open already
        }
        let (out, ctx, start, plain) = (self.out.clone(), ctx.clone(), start.cloned(), self.plain.clone());
        let ask = move || {
            let begun = Instant::now();
            let path = purpose.ask(plain, start);
            let at_once = path.is_none() && begun.elapsed() < AT_ONCE;
            out.send(Chosen { purpose, path, at_once }).ok();
            ctx.request_repaint();
        };
        // Not joined where the window closes before the dialog, which only the user can end.
        self.thread = std::thread::Builder::new().name("file dialog".into()).spawn(ask).ok();
        if self.thread.is_none() {
            self.out.try_send(Chosen { purpose, path: None, at_once: true }).ok();
        }
    }

    pub(super) fn take(&mut self) -> Option<Chosen> {
        let chosen = self.chosen.try_recv().ok()?;
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
        Some(chosen)
    }
}

impl Purpose {
    fn ask(self, plain: rfd::FileDialog, start: Option<PathBuf>) -> Option<PathBuf> {
        let dialog = plain.set_title(self.title());
        let dialog = match start {
            Some(folder) => dialog.set_directory(folder),
            None => dialog,
        };
        match self {
            Self::Weights => dialog.add_filter("Weights", &["safetensors", "pth", "pt"]).pick_file(),
            Self::Runs | Self::Export | Self::Labels | Self::Inspection => {
                dialog.set_can_create_directories(true).pick_folder()
            }
            Self::Photos | Self::Field | Self::WholeFolder => dialog.pick_folder(),
            Self::Archive => dialog.add_filter("Archives", &["zip", "ZIP"]).pick_file(),
            Self::Drawing => {
                let dialog = dialog.add_filter("SVG", &["svg"]).add_filter("PNG", &["png"]);
                dialog.set_file_name("network.svg").save_file()
            }
            Self::MapsPhoto | Self::WholePhoto => dialog.pick_file(),
            Self::Model => dialog.add_filter("Model", &["safetensors"]).set_file_name("model.safetensors").save_file(),
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Photos => "Open a folder of photos",
            Self::Archive => "Open a .zip of photos",
            Self::Weights => "Start from weights",
            Self::Runs => "Keep runs in",
            Self::Field => "Test on the labelled photos in",
            Self::Export => "Export to",
            Self::Labels => "Export the labels to",
            Self::Drawing => "Save the drawing",
            Self::WholePhoto => "Inspect a photo",
            Self::WholeFolder => "Inspect the photos in",
            Self::Inspection => "Export the inspection to",
            Self::Model => "Keep the model",
            Self::MapsPhoto => "Photo to see the feature maps of",
        }
    }
}
