//! Which colour each drawn run has, wherever it is drawn.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use egui::{Color32, Ui};

use super::live::Live;
use crate::app::theme;

/// The places of the drawn runs among the colours.
#[derive(Default)]
pub(super) struct RunColours {
    places: HashMap<PathBuf, usize>,
}

impl RunColours {
    /// Each drawn run takes the first colour that is free, and keeps it; the first one is this session's.
    pub(super) fn give(&mut self, drawn: &BTreeSet<PathBuf>, live: Option<&Live>) {
        let own = live.and_then(|live| live.run.as_ref());
        let first = usize::from(live.is_some());
        self.places.retain(|path, place| drawn.contains(path) && own != Some(path) && *place >= first);
        for path in drawn.iter().filter(|path| own != Some(path)) {
            if !self.places.contains_key(path) {
                let free = (first..).find(|place| !self.places.values().any(|taken| taken == place));
                self.places.insert(path.clone(), free.unwrap_or(first));
            }
        }
        self.places.extend(own.map(|own| (own.clone(), 0)));
    }

    /// The colour of a run that is drawn.
    pub(super) fn of(&self, ui: &Ui, run: &Path) -> Option<Color32> {
        let colours = theme::palette(ui).runs;
        self.places.get(run).and_then(|place| colours.get(place % colours.len()).copied())
    }

    /// The colour of this session's run.
    pub(super) fn of_live(ui: &Ui) -> Color32 {
        theme::palette(ui).runs[0]
    }

    /// A run has another path, or none any more.
    pub(super) fn run_moved(&mut self, from: &Path, to: Option<&Path>) {
        if let (Some(place), Some(to)) = (self.places.remove(from), to) {
            self.places.insert(to.to_owned(), place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_keeps_its_colour_while_others_come_and_go() {
        let mut colours = RunColours::default();
        let mut drawn = BTreeSet::from(["/c".into(), "/d".into()]);
        colours.give(&drawn, None);
        drawn.insert("/a".into());
        drawn.remove(Path::new("/c"));
        colours.give(&drawn, None);
        assert_eq!(colours.places, HashMap::from([("/d".into(), 1), ("/a".into(), 0)]));
        colours.run_moved(Path::new("/d"), Some(Path::new("/b")));
        assert_eq!(colours.places.get(Path::new("/b")), Some(&1));
        colours.run_moved(Path::new("/b"), None);
        assert_eq!(colours.places.len(), 1);
    }

    #[test]
    fn the_first_colour_is_this_sessions() {
        let mut colours = RunColours::default();
        let drawn = BTreeSet::from(["/a".into(), "/b".into()]);
        colours.give(&drawn, None);
        let mut live = Live::new("photos".to_owned(), 3);
        colours.give(&drawn, Some(&live));
        assert_eq!(colours.places, HashMap::from([("/a".into(), 2), ("/b".into(), 1)]), "before it has a folder");
        live.run = Some("/c".into());
        colours.give(&drawn, Some(&live));
        assert_eq!(colours.places.get(Path::new("/c")), Some(&0));
        live.run = Some("/d".into());
        colours.give(&BTreeSet::from(["/b".into(), "/c".into()]), Some(&live));
        assert_eq!(colours.places, HashMap::from([("/b".into(), 1), ("/c".into(), 2), ("/d".into(), 0)]));
    }
}
