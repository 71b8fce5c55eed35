//! Fonts of the system for file names in scripts that the window's own font lacks.

use std::path::{Path, PathBuf};

/// A font of the system.
pub struct Font {
    /// Its name.
    pub name: String,
    /// The file's content.
    pub bytes: Vec<u8>,
    /// Which of the file's fonts.
    pub index: u32,
}

/// A script, told by its characters, and fonts that have it, best first.
type Script = (fn(char) -> bool, &'static [&'static str]);

/// Scripts of file names, each with fonts that usually come with one system or another.
const SCRIPTS: &[Script] = &[
    (
        |c| matches!(c, '\u{2E80}'..='\u{9FFF}' | '\u{AC00}'..='\u{D7FF}' | '\u{F900}'..='\u{FAFF}' | '\u{FF00}'..='\u{FFEF}'),
        &[
            "opentype/noto/NotoSansCJK-Regular.ttc",
            "noto-cjk/NotoSansCJK-Regular.ttc",
            "google-noto-sans-cjk-fonts/NotoSansCJK-Regular.ttc",
            "truetype/droid/DroidSansFallbackFull.ttf",
            "YuGothR.ttc",
            "msyh.ttc",
            "malgun.ttf",
            "ヒラギノ角ゴシック W3.ttc",
            "PingFang.ttc",
            "AppleSDGothicNeo.ttc",
        ],
    ),
    (
        |c| !c.is_ascii(),
        &[
            "truetype/noto/NotoSans-Regular.ttf",
            "noto/NotoSans-Regular.ttf",
            "truetype/dejavu/DejaVuSans.ttf",
            "TTF/DejaVuSans.ttf",
            "dejavu-sans-fonts/DejaVuSans.ttf",
            "segoeui.ttf",
            "seguisym.ttf",
            "Supplemental/Arial Unicode.ttf",
            "Arial Unicode.ttf",
        ],
    ),
];

/// Characters that the window's own font has for certain: Latin, Greek, Cyrillic and common punctuation.
pub fn is_common(c: char) -> bool {
    matches!(c, '\u{20}'..='\u{24F}' | '\u{300}'..='\u{52F}' | '\u{1E00}'..='\u{1FFF}' | '\u{2010}'..='\u{2044}')
        || c.is_control()
}

/// The first font of each script that `text` needs and the system has. Reads files; not for the window's thread.
pub fn find(text: &str) -> Vec<Font> {
    let folders = folders();
    let mut rest: Vec<char> = text.chars().filter(|c| !is_common(*c)).collect();
    let mut fonts = Vec::new();
    for (belongs, names) in SCRIPTS {
        if rest.iter().any(|c| belongs(*c)) {
            rest.retain(|c| !belongs(*c));
            fonts.extend(names.iter().find_map(|name| folders.iter().find_map(|folder| read(&folder.join(name)))));
        }
    }
    fonts
}

fn read(path: &Path) -> Option<Font> {
    let bytes = std::fs::read(path).ok()?;
    let name = path.file_stem()?.to_string_lossy().into_owned();
    Some(Font { name, bytes, index: 0 })
}

fn folders() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> =
        ["/usr/share/fonts", "/usr/local/share/fonts", "/System/Library/Fonts", "/Library/Fonts"]
            .map(Into::into)
            .into();
    folders.extend(std::env::var_os("WINDIR").map(|windows| Path::new(&windows).join("Fonts")));
    if let Some(dirs) = directories::BaseDirs::new() {
        folders.push(dirs.data_dir().join("fonts"));
    }
    folders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_other_scripts_need_another_font() {
        assert!("Brücke_Übersicht Θέση Мост (1).jpg".chars().all(is_common));
        assert!(!"ひび割れ.jpg".chars().all(is_common));
        assert!(find("Brücke.jpg").is_empty());
    }
}
