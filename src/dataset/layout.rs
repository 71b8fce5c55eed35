//! What folder names and `labels.csv` say a photo shows.

pub mod table;

use std::path::Path;

use super::{Class, Layout, Mark, Sample};

/// The class that a folder's name or a word in a table stands for: `Positive`, `no-crack`, `Negative_tensors`, ….
/// Case, and whether words are joined by `_`, `-` or a space, make no difference.
pub fn class_of_name(name: &str) -> Option<Class> {
    match fold(name).as_str() {
        "positive" | "cracked" | "crack" | "positive_tensors" => Some(Class::Positive),
        // `non_cracked` is what a widespread copy of SDNET2018 calls its folders.
        "negative" | "uncracked" | "intact" | "no_crack" | "non_crack" | "non_cracked" | "negative_tensors" => {
            Some(Class::Negative)
        }
        _ => None,
    }
}

/// Reads a value of the column `label`; `None` for a word that means nothing here. That nobody knows is said by
/// nothing, `unsure` or `unknown`.
pub fn mark_of_word(word: &str) -> Option<Mark> {
    match fold(word).as_str() {
        "" | "unsure" | "unknown" => Some(Mark::Unsure),
        "excluded" => Some(Mark::Excluded),
        "1" => Some(Mark::Class(Class::Positive)),
        "0" => Some(Mark::Class(Class::Negative)),
        _ => class_of_name(word).map(Mark::Class),
    }
}

/// What the folders around a photo say: the nearest one that names a class decides.
///
/// `folders` are those below the opened folder, outermost first. `opened` is the opened folder's own name: it names no
/// class, but when it is SDNET2018's `D`, `P` or `W`, the folders `CD`, `UD`, … below it are understood.
pub fn class_of_folders(folders: &[&str], opened: &str) -> Option<(Class, Layout)> {
    let parents = std::iter::once(opened).chain(folders.iter().copied());
    let pairs: Vec<_> = folders.iter().copied().zip(parents).collect();
    pairs.into_iter().rev().find_map(|(name, parent)| match sdnet_class(name) {
        Some((class, surface)) if Surface::of_folder(parent) == Some(surface) => Some((class, Layout::Sdnet)),
        _ => class_of_name(name).map(|class| (class, Layout::ClassFolders)),
    })
}

/// The layout of a whole folder. `by_table` says whether a `labels.csv` spoke of any photo, `by_sdnet` whether the
/// folder names of SDNET2018 gave any label, and the samples carry their labels already.
pub fn layout_of(samples: &[Sample], by_table: bool, by_sdnet: bool) -> Layout {
    let tensors = samples.iter().filter(|sample| is_tensor(&sample.path)).count();
    if by_table {
        Layout::LabelsCsv
    } else if 2 * tensors > samples.len() {
        Layout::IbmTensors
    } else if by_sdnet {
        Layout::Sdnet
    } else if samples.iter().any(|sample| sample.label.is_some()) {
        Layout::ClassFolders
    } else {
        Layout::Unlabelled
    }
}

/// Whether a file is a stored tensor, by its extension.
pub fn is_tensor(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("pt"))
}

/// The kind of structure that SDNET2018 photographed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Surface {
    /// Bridge decks: `D`.
    Deck,
    /// Pavements: `P`.
    Pavement,
    /// Walls: `W`.
    Wall,
}

impl Surface {
    /// The surface that a folder is named after: `D` or `Decks`, `P` or `Pavements`, `W` or `Walls`, in any case.
    pub fn of_folder(name: &str) -> Option<Self> {
        match fold(name).as_str() {
            "d" | "decks" => Some(Self::Deck),
            "p" | "pavements" => Some(Self::Pavement),
            "w" | "walls" => Some(Self::Wall),
            _ => None,
        }
    }
}

/// The photo of SDNET2018 that a patch was cut from: `…/D/CD/7001-115.jpg` is patch 115 of deck photo 7001.
///
/// The patch must lie in one of SDNET2018's own folders, or in folders such as `Decks/Non-cracked`, in which the set
/// is handed on as well. Photo numbers have three or four digits, patch numbers no leading zero; so a date is seldom
/// taken for one.
pub fn sdnet_photo(path: &Path) -> Option<(Surface, u32)> {
    let stem = path.file_stem()?.to_str()?;
    let surface = surface_of(path)?;
    let (photo, patch) = stem.split_once('-')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let plausible = (3..=4).contains(&photo.len()) && (1..=3).contains(&patch.len()) && !patch.starts_with('0');
    (plausible && digits(photo) && digits(patch)).then(|| photo.parse().ok().map(|photo| (surface, photo)))?
}

/// What a photo shows that lies in one of SDNET2018's own folders, or in folders such as `Decks/Non-cracked`.
pub fn surface_of(path: &Path) -> Option<Surface> {
    let mut above = path.ancestors().skip(1).map(|folder| folder.file_name().and_then(|name| name.to_str()));
    let (folder, parent) = (above.next()??, above.next().flatten().unwrap_or_default());
    match sdnet_class(folder) {
        Some((_, surface)) => Some(surface).filter(|_| Surface::of_folder(parent) == Some(surface)),
        None => class_of_name(folder).and(Surface::of_folder(parent)).filter(|_| parent.trim().len() > 1),
    }
}

/// `CD` is a cracked deck, `UW` an uncracked wall.
fn sdnet_class(name: &str) -> Option<(Class, Surface)> {
    match fold(name).as_str() {
        "cd" => Some((Class::Positive, Surface::Deck)),
        "ud" => Some((Class::Negative, Surface::Deck)),
        "cp" => Some((Class::Positive, Surface::Pavement)),
        "up" => Some((Class::Negative, Surface::Pavement)),
        "cw" => Some((Class::Positive, Surface::Wall)),
        "uw" => Some((Class::Negative, Surface::Wall)),
        _ => None,
    }
}

/// Lower case, trimmed, words joined by `_`.
fn fold(name: &str) -> String {
    name.trim().chars().map(|c| if matches!(c, '-' | ' ') { '_' } else { c.to_ascii_lowercase() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use Class::{Negative, Positive};

    #[test]
    fn every_documented_folder_name_is_understood() {
        for name in ["positive", "Positive", "CRACKED", "crack", "Crack", "Positive_tensors", "positive-tensors"] {
            assert_eq!(class_of_name(name), Some(Positive), "{name}");
        }
        let negative =
            ["negative", "Uncracked", "no_crack", "No Crack", "no-crack", "non_crack", "non-crack", "Intact"];
        for name in negative.into_iter().chain(["Negative_tensors", "Non-cracked"]) {
            assert_eq!(class_of_name(name), Some(Negative), "{name}");
        }
        for name in ["", "photos", "cracked2", "not cracked at all", "CD", "1"] {
            assert_eq!(class_of_name(name), None, "{name}");
        }
    }

    #[test]
    fn words_of_the_table() {
        assert_eq!(mark_of_word(" 1 "), Some(Mark::Class(Positive)));
        assert_eq!(mark_of_word("0"), Some(Mark::Class(Negative)));
        assert_eq!(mark_of_word("Cracked"), Some(Mark::Class(Positive)));
        assert_eq!(mark_of_word("intact"), Some(Mark::Class(Negative)));
        for word in ["", "  ", "Unsure", "unknown"] {
            assert_eq!(mark_of_word(word), Some(Mark::Unsure), "{word:?}");
        }
        for word in ["craked", "2", "yes"] {
            assert_eq!(mark_of_word(word), None, "{word:?}");
        }
    }

    #[test]
    fn the_nearest_folder_decides() {
        let run =
            |folders: &[&str], opened, expected| assert_eq!(class_of_folders(folders, opened), expected, "{folders:?}");
        run(&["Positive"], "x", Some((Positive, Layout::ClassFolders)));
        run(&["Positive", "Negative", "2024"], "x", Some((Negative, Layout::ClassFolders)));
        run(&["2024"], "Positive", None);
        run(&[], "Positive", None);
        run(&["D", "CD"], "x", Some((Positive, Layout::Sdnet)));
        run(&["walls", "uw"], "x", Some((Negative, Layout::Sdnet)));
        run(&["CP"], "Pavements", Some((Positive, Layout::Sdnet)));
        run(&["D", "CW"], "x", None);
        run(&["CD"], "x", None);
        run(&["Decks", "Non-cracked"], "x", Some((Negative, Layout::ClassFolders)));
    }

    #[test]
    fn patches_know_their_photo() {
        let run = |path, expected| assert_eq!(sdnet_photo(Path::new(path)), expected, "{path}");
        run("s/D/CD/7001-115.jpg", Some((Surface::Deck, 7001)));
        run("s/d/ud/7001-3.jpg", Some((Surface::Deck, 7001)));
        run("s/P/UP/001-12.jpg", Some((Surface::Pavement, 1)));
        run("Walls/Cracked/7069-1.jpg", Some((Surface::Wall, 7069)));
        run("s/W/CD/7001-115.jpg", None);
        run("d/cracked/7001-115.jpg", None);
        run("s/D/CD/2024-03.jpg", None);
        run("s/D/CD/7001-115b.jpg", None);
        run("s/D/CD/7001.jpg", None);
        run("7001-115.jpg", None);
    }
}
