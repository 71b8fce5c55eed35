//! The program's icon: `assets/icon/crackscope.svg`, drawn at 128 pixels.

use egui::IconData;
use image::ImageFormat;

const PNG: &[u8] = include_bytes!("../../assets/icon/128.png");

/// The icon for the window's frame and the task bar. Where the desktop knows the program by its `.desktop` file, it
/// takes the one that is named there.
pub(super) fn icon() -> IconData {
    image::load_from_memory_with_format(PNG, ImageFormat::Png).map_or_else(
        |_| IconData::default(),
        |picture| {
            let picture = picture.into_rgba8();
            let (width, height) = picture.dimensions();
            IconData { rgba: picture.into_raw(), width, height }
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_corner_is_clear_and_the_crack_is_dark() {
        let icon = icon();
        let side = icon.width as usize;
        let at = |x: usize, y: usize| &icon.rgba[(y * side + x) * 4..][..4];
        assert_eq!((icon.width, icon.height, icon.rgba.len()), (128, 128, 128 * 128 * 4));
        assert_eq!(at(0, 0)[3], 0);
        assert!(at(72, 10)[0] < 80 && at(40, 56)[0] > 200, "{:?} {:?}", at(72, 10), at(40, 56));
    }
}
