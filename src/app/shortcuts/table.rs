//! The table itself.

use egui::{Key, KeyboardShortcut, Modifiers};

use super::{Act, Place, Row};
use crate::app::command::{Command, Tab};
use crate::app::tabs::review::Shown;
use crate::app::tabs::{curate, inspect};
use crate::nn::bundled;

/// Folds of a cross-validation that is asked for without saying how many.
const FOLDS: usize = 5;

/// Everything that can be done by a key or from the palette.
pub const TABLE: &[Row] = &[
    anywhere(Act::Palette, "Do something by its name", &[ctrl(Key::K)], || Command::TogglePalette),
    anywhere(Act::OpenFolder, "Open a folder of photos", &[ctrl(Key::O)], || Command::OpenFolderDialog),
    anywhere(Act::OpenArchive, "Open a .zip of photos", &[ctrl_shift(Key::O)], || Command::OpenArchiveDialog),
    anywhere(Act::OpenByPath, "Open a folder or .zip by its path", &[ctrl(Key::L)], || Command::OpenByPath),
    anywhere(Act::Samples, "Open the sample photos", &[], || Command::MakeSamples),
    anywhere(Act::Show(Tab::Browse), "Browse", &[ctrl(Key::Num1)], || Command::Show(Tab::Browse)),
    anywhere(Act::Show(Tab::Curate), "Curate", &[ctrl(Key::Num2)], || Command::Show(Tab::Curate)),
    anywhere(Act::Show(Tab::Train), "Train", &[ctrl(Key::Num3)], || Command::Show(Tab::Train)),
    anywhere(Act::Show(Tab::Review), "Review", &[ctrl(Key::Num4)], || Command::Show(Tab::Review)),
    anywhere(Act::Show(Tab::Inspect), "Inspect", &[ctrl(Key::Num5)], || Command::Show(Tab::Inspect)),
    anywhere(Act::Show(Tab::Model), "Model", &[ctrl(Key::Num6)], || Command::Show(Tab::Model)),
    anywhere(Act::Find, "Look for a name", &[ctrl(Key::F)], || Command::Find),
    anywhere(Act::Undo, "Undo what was done to labels, or painted", &[ctrl(Key::Z)], || Command::Undo),
    anywhere(Act::Redo, "Redo", &[ctrl_shift(Key::Z), ctrl(Key::Y)], || Command::Redo),
    anywhere(Act::Suspects, "Look for photos with a doubtful label", &[], || show(curate::View::Suspects)),
    anywhere(Act::Groups, "Group photos, look for leaks", &[], || show(curate::View::Groups)),
    anywhere(Act::MapOfPhotos, "Show all photos on a map", &[], || show(curate::View::Map)),
    anywhere(Act::Train, "Start training", &[ctrl(Key::Enter)], || Command::StartTraining),
    anywhere(Act::TrainAgain, "Train again, on the labels in force", &[ctrl(Key::R)], || Command::TrainAgain),
    anywhere(Act::Pause, "Pause training", &[], || Command::PauseTraining(true)),
    anywhere(Act::GoOn, "Go on training", &[], || Command::PauseTraining(false)),
    anywhere(Act::Cancel, "Cancel the running job", &[ctrl(Key::Period)], || Command::CancelJob),
    anywhere(Act::FindRate, "Find a learning rate", &[], || Command::FindRate),
    anywhere(Act::CrossValidate, "Cross-validate with 5 folds", &[], || Command::CrossValidate(FOLDS)),
    anywhere(Act::LeaveSitesOut, "Leave one site out after the other", &[], || Command::LeaveSitesOut),
    anywhere(Act::Classify, "Classify all photos with the bundled model", &[], || {
        Command::Classify(bundled::NAME.into())
    }),
    anywhere(Act::Errors, "Review what the run got wrong", &[], || Command::Review(Shown::Errors)),
    anywhere(Act::InspectPhoto, "Inspect a photo", &[], || inspect::Request::ChoosePhoto.into()),
    anywhere(Act::InspectFolder, "Inspect a folder", &[], || inspect::Request::ChooseFolder.into()),
    anywhere(Act::InspectAll, "Inspect all photos that are left", &[ctrl_shift(Key::Enter)], || {
        inspect::Request::All.into()
    }),
    anywhere(Act::Export, "Export what the run, or the inspection, found", &[ctrl(Key::E)], || Command::ExportForm),
    anywhere(Act::ExportLabels, "Export the labels", &[ctrl_shift(Key::E)], || Command::LabelsForm),
    anywhere(Act::Messages, "Messages", &[ctrl(Key::M)], || Command::ToggleMessages),
    anywhere(Act::Theme, "Light, dark or as the system says", &[ctrl(Key::T)], || Command::NextTheme),
    anywhere(Act::Larger, "Larger letters", &[ctrl(Key::Plus), ctrl(Key::Equals)], || Command::ZoomIn),
    anywhere(Act::Smaller, "Smaller letters", &[ctrl(Key::Minus)], || Command::ZoomOut),
    anywhere(Act::NormalSize, "Letters of normal size", &[ctrl(Key::Num0)], || Command::ZoomReset),
    anywhere(Act::Tour, "Show the first steps", &[], || Command::Tour),
    anywhere(Act::Shortcuts, "This list", &[plain(Key::F1)], || Command::ToggleShortcuts),
    here(Place::Photos, Act::Left, "Move through the photos", &[plain(Key::ArrowLeft)]),
    here(Place::Photos, Act::Right, "Move through the photos", &[plain(Key::ArrowRight)]),
    here(Place::Photos, Act::Up, "Move through the photos", &[plain(Key::ArrowUp)]),
    here(Place::Photos, Act::Down, "Move through the photos", &[plain(Key::ArrowDown)]),
    here(Place::Photos, Act::First, "First and last photo", &[plain(Key::Home)]),
    here(Place::Photos, Act::Last, "First and last photo", &[plain(Key::End)]),
    here(Place::Photos, Act::ScreenUp, "A screen up or down", &[plain(Key::PageUp)]),
    here(Place::Photos, Act::ScreenDown, "A screen up or down", &[plain(Key::PageDown)]),
    with_pointer(
        here(Place::Photos, Act::ChooseTo, "Choose all up to there", &[]),
        "any of these with Shift · Shift+click",
    ),
    with_pointer(here(Place::Photos, Act::ChooseMore, "Choose one more or less", &[]), "Ctrl+click"),
    here(Place::Photos, Act::ChooseAll, "Choose all", &[ctrl(Key::A)]),
    here(Place::Photos, Act::Crack, "Label as crack", &[plain(Key::Num1)]),
    here(Place::Photos, Act::Intact, "Label as intact", &[plain(Key::Num2)]),
    here(Place::Photos, Act::Unsure, "Mark unsure", &[plain(Key::Num0)]),
    here(Place::Photos, Act::Exclude, "Exclude", &[plain(Key::X)]),
    here(Place::Photos, Act::AsFound, "Label as it was found", &[plain(Key::Backspace), plain(Key::Delete)]),
    with_pointer(
        here(Place::Photos, Act::Enlarge, "See the photo large", &[plain(Key::Enter), plain(Key::Space)]),
        "double click",
    ),
    here(Place::Photos, Act::Back, "Back", &[plain(Key::Escape)]),
    here(Place::Photos, Act::Similar, "Similar photos", &[plain(Key::S)]),
    with_pointer(here(Place::Photo, Act::ZoomIn, "Magnify", &[plain(Key::Plus), plain(Key::Equals)]), "wheel"),
    here(Place::Photo, Act::ZoomOut, "Magnify less", &[plain(Key::Minus)]),
    here(Place::Photo, Act::Pixels, "Original pixels, or the whole photo", &[plain(Key::Z)]),
    here(Place::Photo, Act::Activation, "Show where the model looked", &[plain(Key::C)]),
    here(Place::Inspect, Act::Left, "Move through the photos", &[plain(Key::ArrowLeft)]),
    here(Place::Inspect, Act::Right, "Move through the photos", &[plain(Key::ArrowRight)]),
    here(Place::Inspect, Act::First, "First and last photo", &[plain(Key::Home)]),
    here(Place::Inspect, Act::Last, "First and last photo", &[plain(Key::End)]),
    here(Place::Inspect, Act::Fit, "Whole photo", &[plain(Key::F)]),
    here(Place::Inspect, Act::Cells, "Correct cells", &[plain(Key::P)]),
    here(Place::Inspect, Act::HideMap, "Show or hide the map", &[plain(Key::H)]),
    here(Place::Cells, Act::Left, "Move the cursor from cell to cell", &[plain(Key::ArrowLeft)]),
    here(Place::Cells, Act::Right, "Move the cursor from cell to cell", &[plain(Key::ArrowRight)]),
    here(Place::Cells, Act::Up, "Move the cursor from cell to cell", &[plain(Key::ArrowUp)]),
    here(Place::Cells, Act::Down, "Move the cursor from cell to cell", &[plain(Key::ArrowDown)]),
    here(Place::Cells, Act::Crack, "Paint a crack", &[plain(Key::Num1)]),
    here(Place::Cells, Act::NotACrack, "Paint that there is none", &[plain(Key::Num2)]),
    here(Place::Cells, Act::Erase, "Take back what was painted", &[plain(Key::Backspace), plain(Key::Delete)]),
    with_pointer(here(Place::Cells, Act::ChooseTo, "Paint along the way", &[]), "Shift+arrows"),
    here(Place::Cells, Act::Back, "Back to the photos", &[plain(Key::Escape)]),
    here(Place::Map, Act::Left, "Move", &[plain(Key::ArrowLeft)]),
    here(Place::Map, Act::Right, "Move", &[plain(Key::ArrowRight)]),
    here(Place::Map, Act::Up, "Move", &[plain(Key::ArrowUp)]),
    here(Place::Map, Act::Down, "Move", &[plain(Key::ArrowDown)]),
    here(Place::Map, Act::ZoomIn, "Magnify", &[plain(Key::Plus), plain(Key::Equals)]),
    here(Place::Map, Act::ZoomOut, "Magnify less", &[plain(Key::Minus)]),
    here(Place::Map, Act::Fit, "Whole map", &[plain(Key::Z)]),
    here(Place::Map, Act::Select, "Choose the photos that are in view", &[plain(Key::Enter)]),
    here(Place::Runs, Act::Up, "Move through the runs", &[plain(Key::ArrowUp)]),
    here(Place::Runs, Act::Down, "Move through the runs", &[plain(Key::ArrowDown)]),
    here(Place::Runs, Act::ScreenUp, "A screen up or down", &[plain(Key::PageUp)]),
    here(Place::Runs, Act::ScreenDown, "A screen up or down", &[plain(Key::PageDown)]),
    here(Place::Runs, Act::First, "First and last run", &[plain(Key::Home)]),
    here(Place::Runs, Act::Last, "First and last run", &[plain(Key::End)]),
    here(Place::Runs, Act::ChooseAll, "Choose all", &[ctrl(Key::A)]),
    here(Place::Runs, Act::Review, "See what it got wrong", &[plain(Key::Enter)]),
    here(Place::Runs, Act::Tick, "Show its curves", &[plain(Key::Space)]),
    here(Place::Runs, Act::Rename, "Rename", &[plain(Key::F2)]),
    here(Place::Runs, Act::Delete, "Delete", &[plain(Key::Delete)]),
];

fn show(view: curate::View) -> Command {
    Command::Curate(curate::Request::Show(view))
}

const fn anywhere(act: Act, name: &'static str, keys: &'static [KeyboardShortcut], command: fn() -> Command) -> Row {
    Row { place: Place::Anywhere, act, name, keys, also: "", command: Some(command) }
}

const fn here(place: Place, act: Act, name: &'static str, keys: &'static [KeyboardShortcut]) -> Row {
    Row { place, act, name, keys, also: "", command: None }
}

const fn with_pointer(row: Row, also: &'static str) -> Row {
    Row { also, ..row }
}

const fn plain(key: Key) -> KeyboardShortcut {
    KeyboardShortcut::new(Modifiers::NONE, key)
}

const fn ctrl(key: Key) -> KeyboardShortcut {
    KeyboardShortcut::new(Modifiers::COMMAND, key)
}

const fn ctrl_shift(key: Key) -> KeyboardShortcut {
    KeyboardShortcut::new(Modifiers::COMMAND.plus(Modifiers::SHIFT), key)
}
