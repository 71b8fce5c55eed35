//! What keys do: one table, from which keys are obeyed, named beside buttons, listed under F1 and found in the palette.
//!
//! [`TABLE`] has a row for each thing that can be done and for each place where it can. What holds anywhere asks for a
//! [`Command`]; what holds in one place, such as a grid of photos, is carried out by whoever shows that place, who asks
//! [`taken`] whether its keys were pressed.

mod table;

use egui::{Context, Event, Key, KeyboardShortcut, Modifiers, Ui};

use super::command::{Command, Tab};

pub use self::table::TABLE;

/// Where keys hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In every tab, unless a dialog is open.
    Anywhere,
    /// In grids of photos.
    Photos,
    /// Where one photo is shown, large or beside others.
    Photo,
    /// In the tab for whole photos.
    Inspect,
    /// Where cells of a whole photo are painted.
    Cells,
    /// On the map of all photos.
    Map,
    /// In the table of runs.
    Runs,
}

impl Place {
    /// Every place, in the order of the list of shortcuts.
    pub const ALL: [Self; 7] =
        [Self::Anywhere, Self::Photos, Self::Photo, Self::Inspect, Self::Cells, Self::Map, Self::Runs];

    /// What the place is called.
    pub fn title(self) -> &'static str {
        match self {
            Self::Anywhere => "Everywhere",
            Self::Photos => "Among photos",
            Self::Photo => "On a photo",
            Self::Inspect => "In Inspect",
            Self::Cells => "Correcting cells, in Inspect",
            Self::Map => "On the map, in Curate",
            Self::Runs => "In the table of runs, in Train",
        }
    }
}

/// What can be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs)] // the table says what each does
pub enum Act {
    Show(Tab),
    Palette,
    Shortcuts,
    Tour,
    OpenFolder,
    OpenArchive,
    OpenByPath,
    Samples,
    Find,
    Undo,
    Redo,
    Suspects,
    Groups,
    MapOfPhotos,
    Train,
    TrainAgain,
    Pause,
    GoOn,
    Cancel,
    FindRate,
    CrossValidate,
    LeaveSitesOut,
    Classify,
    Errors,
    InspectPhoto,
    InspectFolder,
    InspectAll,
    Export,
    ExportLabels,
    Messages,
    Theme,
    Larger,
    Smaller,
    NormalSize,
    Left,
    Right,
    Up,
    Down,
    First,
    Last,
    ScreenUp,
    ScreenDown,
    ChooseTo,
    ChooseMore,
    ChooseAll,
    Crack,
    Intact,
    Unsure,
    Exclude,
    AsFound,
    Enlarge,
    Back,
    Similar,
    Activation,
    ZoomIn,
    ZoomOut,
    Pixels,
    Fit,
    HideMap,
    Cells,
    NotACrack,
    Erase,
    Review,
    Rename,
    Delete,
    Tick,
    Select,
}

/// One row of the table.
#[derive(Clone, Copy)]
pub struct Row {
    /// Where it holds.
    pub place: Place,
    /// What is done.
    pub act: Act,
    /// The same in words. Rows of one place that have the same words are one line of the list under F1.
    pub name: &'static str,
    /// The keys, of which the first is named beside buttons. Nothing else in the program knows them.
    pub keys: &'static [KeyboardShortcut],
    /// What the pointer does the same with, for the list.
    pub also: &'static str,
    /// What is asked for, where it holds anywhere.
    pub command: Option<fn() -> Command>,
}

/// The row for what is done at a place.
fn row(place: Place, act: Act) -> Option<&'static Row> {
    TABLE.iter().find(|row| row.place == place && row.act == act)
}

/// Takes from the input of this frame the commands whose keys were pressed; of several that fit, the one with most
/// modifiers was meant: Ctrl+Shift+O is not Ctrl+O.
pub fn pressed(ctx: &Context) -> Vec<Command> {
    // A text field undoes what was typed into it.
    let typing = ctx.text_edit_focused();
    let mut pressed = Vec::new();
    ctx.input_mut(|input| {
        input.events.retain(|event| {
            let Event::Key { key, pressed: true, modifiers, .. } = event else { return true };
            let Some((keys, command)) = command_of(*key, *modifiers) else { return true };
            if typing && matches!(keys.logical_key, Key::Z | Key::Y) {
                return true;
            }
            pressed.push(command());
            false
        });
    });
    pressed
}

fn command_of(key: Key, modifiers: Modifiers) -> Option<(KeyboardShortcut, fn() -> Command)> {
    let fits = |keys: &&KeyboardShortcut| keys.logical_key == key && modifiers.matches_logically(keys.modifiers);
    let all = TABLE.iter().filter_map(|row| Some((row.keys.iter().find(fits)?, row.command?)));
    let count = |keys: &KeyboardShortcut| usize::from(keys.modifiers.shift) + usize::from(keys.modifiers.alt);
    all.max_by_key(|(keys, _)| count(keys)).map(|(keys, command)| (*keys, command))
}

/// Takes from the input of this frame the keys of what is done at a place; says whether one was pressed. Only for whom the
/// keyboard belongs to.
pub fn taken(ui: &Ui, place: Place, act: Act) -> bool {
    let keys = row(place, act).map_or(&[][..], |row| row.keys);
    // All are taken, not only the first that was pressed.
    ui.input_mut(|input| keys.iter().filter(|keys| input.consume_shortcut(keys)).count() > 0)
}

/// The same of keys with Shift.
pub fn taken_with_shift(ui: &Ui, place: Place, act: Act) -> bool {
    let keys = row(place, act).map_or(&[][..], |row| row.keys);
    ui.input_mut(|input| {
        let mut pressed =
            |keys: &KeyboardShortcut| input.consume_key(keys.modifiers | Modifiers::SHIFT, keys.logical_key);
        keys.iter().filter(|keys| pressed(keys)).count() > 0
    })
}

/// What the keys of this frame asked to be done at a place, of `acts`, in the order in which they were pressed; a key that
/// is held asks once.
pub fn taken_in_order(ui: &Ui, place: Place, acts: &[Act]) -> Vec<Act> {
    let of = |key: Key, modifiers: Modifiers| {
        let fits = |keys: &KeyboardShortcut| keys.logical_key == key && modifiers.matches_logically(keys.modifiers);
        acts.iter().copied().find(|act| row(place, *act).is_some_and(|row| row.keys.iter().any(fits)))
    };
    let mut taken = Vec::new();
    ui.input_mut(|input| {
        input.events.retain(|event| {
            let Event::Key { key, pressed: true, repeat, modifiers, .. } = event else { return true };
            let act = of(*key, *modifiers);
            taken.extend(act.filter(|_| !*repeat));
            act.is_none()
        });
    });
    taken
}

/// The key that does it, in words: `Ctrl+O`. Empty where there is none.
pub fn key(ctx: &Context, place: Place, act: Act) -> String {
    row(place, act).and_then(|row| row.keys.first()).map_or_else(String::new, |keys| text(ctx, keys))
}

/// Words for a tooltip with the key behind them: `Larger (+)`.
pub fn hint(ctx: &Context, words: &str, place: Place, act: Act) -> String {
    match key(ctx, place, act) {
        key if key.is_empty() => words.to_owned(),
        key => format!("{words} ({key})"),
    }
}

/// Keys as they stand on keyboards, in characters that the window's font has.
pub fn text(ctx: &Context, keys: &KeyboardShortcut) -> String {
    let modifiers = ctx.format_modifiers(keys.modifiers);
    let plus = if modifiers.is_empty() || modifiers.ends_with('+') || ctx.os().is_mac() { "" } else { "+" };
    let key = match keys.logical_key {
        Key::ArrowLeft => "←",
        Key::ArrowRight => "→",
        Key::ArrowUp => "↑",
        Key::ArrowDown => "↓",
        Key::Plus => "+",
        Key::Equals => "=",
        Key::Minus => "−",
        Key::Period => ".",
        Key::Escape => "Esc",
        Key::Delete => "Del",
        key => key.name(),
    };
    format!("{modifiers}{plus}{key}")
}

/// The lines of the list for a place: keys, and what they do.
pub fn lines(ctx: &Context, place: Place) -> Vec<(String, &'static str)> {
    let mut lines: Vec<(String, &str)> = Vec::new();
    for row in TABLE.iter().filter(|row| row.place == place) {
        let keys =
            row.keys.iter().map(|keys| text(ctx, keys)).chain((!row.also.is_empty()).then(|| row.also.to_owned()));
        let keys = keys.collect::<Vec<_>>().join(" · ");
        match lines.iter_mut().find(|line| line.1 == row.name) {
            _ if keys.is_empty() => {}
            Some((before, _)) => *before = format!("{before} · {keys}"),
            None => lines.push((keys, row.name)),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_asks_for_two_things_in_one_place() {
        for (i, a) in TABLE.iter().enumerate() {
            for b in TABLE.iter().skip(i + 1).filter(|b| b.place == a.place) {
                assert_ne!(a.act, b.act, "{}", a.name);
                assert!(a.keys.iter().all(|keys| !b.keys.contains(keys)), "{} and {}", a.name, b.name);
            }
        }
    }

    #[test]
    fn what_holds_anywhere_takes_no_key_from_a_place() {
        for anywhere in TABLE.iter().filter(|row| row.place == Place::Anywhere) {
            assert!(anywhere.command.is_some(), "{}", anywhere.name);
            for other in TABLE.iter().filter(|row| row.place != Place::Anywhere) {
                assert!(other.command.is_none(), "{}", other.name);
                let taken = |keys: &KeyboardShortcut| command_of(keys.logical_key, keys.modifiers).is_some();
                assert!(!other.keys.iter().any(taken), "{} takes a key of {}", anywhere.name, other.name);
            }
        }
    }

    #[test]
    fn more_modifiers_mean_another_thing() {
        let command = |modifiers| command_of(Key::O, modifiers).map(|(_, command)| command());
        assert!(matches!(command(Modifiers::COMMAND), Some(Command::OpenFolderDialog)));
        assert!(matches!(command(Modifiers::COMMAND | Modifiers::SHIFT), Some(Command::OpenArchiveDialog)));
        assert!(command(Modifiers::NONE).is_none());
        // On many keyboards + is typed with Shift.
        let larger = command_of(Key::Plus, Modifiers::COMMAND | Modifiers::SHIFT).map(|(_, command)| command());
        assert!(matches!(larger, Some(Command::ZoomIn)));
    }

    #[test]
    fn keys_read_as_they_stand_on_keyboards() {
        let ctx = Context::default();
        ctx.set_os(egui::os::OperatingSystem::Nix);
        assert_eq!(key(&ctx, Place::Anywhere, Act::OpenArchive), "Ctrl+Shift+O");
        assert_eq!(key(&ctx, Place::Anywhere, Act::Shortcuts), "F1");
        assert_eq!(key(&ctx, Place::Anywhere, Act::Cancel), "Ctrl+.");
        assert_eq!(hint(&ctx, "Smaller", Place::Photo, Act::ZoomOut), "Smaller (−)");
        assert_eq!(hint(&ctx, "Samples", Place::Anywhere, Act::Samples), "Samples");
        let lines = lines(&ctx, Place::Photos);
        assert_eq!(lines.first().map(|line| line.0.as_str()), Some("← · → · ↑ · ↓"));
    }
}
