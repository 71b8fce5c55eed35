//! Colours, spaces, type and icons: the one place where the window's look is decided.

use std::sync::Arc;

use egui::epaint::text::{FontInsert, FontPriority, InsertFontFamily};
use egui::style::{ScrollStyle, Selection, WidgetVisuals};
use egui::{
    Color32, Context, CornerRadius, FontData, FontDefinitions, FontFamily, FontId, Margin, RichText, Shadow, Stroke,
    Style, TextStyle, Theme, Ui, Vec2, Visuals, vec2,
};

use crate::dataset::Class;
use crate::export;

pub use egui_material_icons::MaterialIcon as Icon;

/// The icons that are used, and no others.
pub mod icons {
    macro_rules! used {
        ($($name:ident)*) => {
            pub use egui_material_icons::icons::{$($name),*};
            #[cfg(test)]
            pub(super) const ALL: &[super::Icon] = &[$($name),*];
        };
    }
    used! {
        ICON_ARROW_BACK ICON_ARROW_DOWNWARD ICON_ARROW_FORWARD ICON_ARROW_UPWARD
        ICON_BLOCK ICON_BOOKMARK_ADD ICON_BROKEN_IMAGE ICON_CENTER_FOCUS_STRONG ICON_CHECK ICON_CHEVRON_LEFT
        ICON_CHEVRON_RIGHT ICON_CLOSE ICON_CONTRAST
        ICON_DARK_MODE ICON_DELETE ICON_DOWNLOAD
        ICON_EDIT ICON_ERROR ICON_EXPAND_MORE ICON_FACT_CHECK
        ICON_FILE_COPY ICON_FILTER_ALT ICON_FILTER_ALT_OFF ICON_FIT_SCREEN
        ICON_FOLDER ICON_FOLDER_OPEN ICON_FOLDER_ZIP ICON_FRAME_INSPECT ICON_GRAIN ICON_HIDE_IMAGE
        ICON_HOURGLASS_EMPTY ICON_IMAGE ICON_IMAGE_SEARCH ICON_IOS_SHARE ICON_KEYBOARD ICON_KEYBOARD_TAB ICON_LIGHT_MODE
        ICON_MEMORY ICON_MORE_VERT ICON_NOTES ICON_NOTIFICATIONS ICON_PAUSE_CIRCLE ICON_PHOTO_LIBRARY
        ICON_PLAY_CIRCLE ICON_QUESTION_MARK ICON_REFRESH ICON_RESTART_ALT ICON_RIGHT_PANEL_CLOSE ICON_RIGHT_PANEL_OPEN
        ICON_SCATTER_PLOT ICON_SEARCH ICON_SEARCH_OFF ICON_SELL ICON_TABLE_ROWS ICON_SHOW_CHART ICON_STOP_CIRCLE ICON_TURN_LEFT
        ICON_TURN_RIGHT ICON_WARNING
        ICON_ZOOM_IN ICON_ZOOM_OUT
    }
}

/// Spaces between things, in points. Nothing is set apart by any other amount.
pub mod space {
    /// Between things that belong together.
    pub const XS: f32 = 4.0;
    /// Between controls.
    pub const S: f32 = 8.0;
    /// Inside a panel's edge.
    pub const M: f32 = 12.0;
    /// Between groups.
    pub const L: f32 = 16.0;
    /// Around an empty state.
    pub const XL: f32 = 24.0;
}

/// Colours of what is drawn over photos, the same in both themes and in the pictures that leave the program.
pub mod over_photo {
    use egui::Color32;

    /// Lines along cracks: yellow, the far end of viridis.
    pub const LINE: Color32 = Color32::from_rgb(0xFD, 0xE7, 0x25);
    /// Boxes and outlines.
    pub const BOX: Color32 = Color32::WHITE;
    /// What surrounds lines, so that they are seen on any ground.
    pub const RIM: Color32 = Color32::from_rgb(0x10, 0x10, 0x10);
}

/// Radius of corners.
pub const CORNER: u8 = 6;
/// Height of a row of controls.
pub const ROW: f32 = 28.0;
/// Smallest text.
pub const SMALL: f32 = 12.0;
/// Text.
pub const BODY: f32 = 13.0;
/// Headings of sections.
pub const SECTION: f32 = 16.0;
/// Figures that matter.
pub const NUMBER: f32 = 22.0;

/// Colours of one theme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Palette {
    /// Behind everything.
    pub window: Color32,
    /// Panels.
    pub panel: Color32,
    /// Controls, cards and pop-ups.
    pub raised: Color32,
    /// A control under the pointer.
    pub hovered: Color32,
    /// Edges and rules.
    pub line: Color32,
    /// Text.
    pub text: Color32,
    /// Text that stays back.
    pub quiet: Color32,
    /// The primary action and the selection, nothing else.
    pub accent: Color32,
    /// Text on the accent.
    pub on_accent: Color32,
    /// Cracked.
    pub positive: Color32,
    /// Intact.
    pub negative: Color32,
    /// Something failed.
    pub error: Color32,
    /// Something to look at.
    pub warning: Color32,
    /// Curves of several runs, told apart by lightness as well as by hue.
    pub runs: [Color32; 6],
}

const fn rgb(hex: u32) -> Color32 {
    Color32::from_rgb((hex >> 16) as u8, (hex >> 8) as u8, hex as u8)
}

/// The dark theme.
pub const DARK: Palette = Palette {
    window: rgb(0x0015_171A),
    panel: rgb(0x001C_1F23),
    raised: rgb(0x0026_2A30),
    hovered: rgb(0x002F_343C),
    line: rgb(0x0033_3942),
    text: rgb(0x00E8_EAED),
    quiet: rgb(0x009A_A3AF),
    accent: rgb(0x004C_9AFF),
    on_accent: rgb(0x000B_1420),
    positive: rgb(0x00F2_994A),
    negative: rgb(0x0043_C6AC),
    error: rgb(0x00F0_6B6B),
    warning: rgb(0x00F2_C94C),
    runs: [rgb(0x004C_9AFF), rgb(0x00F2_C94C), rgb(0x00C8_8CF0), rgb(0x008F_D46A), rgb(0x00FF_8FA3), rgb(0x009A_A3AF)],
};

/// The light theme.
pub const LIGHT: Palette = Palette {
    window: rgb(0x00F4_F5F7),
    panel: rgb(0x00FF_FFFF),
    raised: rgb(0x00FF_FFFF),
    hovered: rgb(0x00EC_EEF2),
    line: rgb(0x00DA_DEE4),
    text: rgb(0x001B_1F24),
    quiet: rgb(0x005D_6673),
    accent: rgb(0x000B_63CE),
    on_accent: rgb(0x00FF_FFFF),
    positive: rgb(0x00B5_540A),
    negative: rgb(0x000A_7F6B),
    error: rgb(0x00C6_2828),
    warning: rgb(0x0090_6400),
    runs: [rgb(0x000B_63CE), rgb(0x0090_6400), rgb(0x007A_35B8), rgb(0x003B_7D1A), rgb(0x00C0_2A50), rgb(0x005D_6673)],
};

impl Palette {
    /// The colour of a class, the same in every badge, plot and matrix.
    pub fn class(&self, class: Class) -> Color32 {
        match class {
            Class::Positive => self.positive,
            Class::Negative => self.negative,
        }
    }
}

/// The colours of the theme that `ui` is painted in.
pub fn palette(ui: &Ui) -> &'static Palette {
    of(ui.visuals().dark_mode)
}

/// The colours of the dark or the light theme.
pub fn of(dark: bool) -> &'static Palette {
    if dark { &DARK } else { &LIGHT }
}

/// The shape that tells the classes apart without colour.
pub fn mark(class: Class) -> &'static str {
    match class {
        Class::Positive => "▲",
        Class::Negative => "●",
    }
}

/// `▲ cracked`, in the colour of the class.
pub fn class_text(ui: &Ui, class: Class) -> RichText {
    RichText::new(format!("{} {}", mark(class), class.word())).color(palette(ui).class(class))
}

/// Text in the semi-bold cut.
pub fn strong(text: impl Into<String>) -> RichText {
    RichText::new(text).family(strong_family())
}

/// Text that stays back.
pub fn quiet(ui: &Ui, text: impl Into<String>) -> RichText {
    RichText::new(text).color(palette(ui).quiet)
}

/// The heading of a section.
pub fn section(text: impl Into<String>) -> RichText {
    strong(text).size(SECTION)
}

/// The icon of something that can be opened: a folder, or an archive of photos.
pub fn icon_of(path: &std::path::Path) -> Icon {
    if crate::dataset::archive::is_called_archive(path) { icons::ICON_FOLDER_ZIP } else { icons::ICON_FOLDER }
}

/// An icon followed by a word.
pub fn icon_text(icon: Icon, text: &str) -> String {
    if text.is_empty() { icon.codepoint.to_owned() } else { format!("{} {text}", icon.codepoint) }
}

/// The family of the semi-bold cut.
pub fn strong_family() -> FontFamily {
    FontFamily::Name(STRONG.into())
}

/// Viridis at `t` from 0 to 1, as in pictures that leave the program.
pub fn viridis(t: f32) -> Color32 {
    let [r, g, b] = export::palette::viridis(t).0;
    Color32::from_rgb(r, g, b)
}

/// Gives the window its fonts and both its styles.
pub fn install(ctx: &Context) {
    ctx.set_fonts(fonts());
    ctx.options_mut(|options| options.fallback_theme = Theme::Light);
    for theme in [Theme::Dark, Theme::Light] {
        ctx.set_style_of(theme, style(theme));
    }
}

/// Adds a font for scripts that the window's own lacks, after all others.
pub fn add_fallback(ctx: &Context, name: &str, bytes: Vec<u8>, index: u32) {
    let mut data = FontData::from_owned(bytes);
    data.index = index;
    let families = [FontFamily::Proportional, FontFamily::Monospace, strong_family()]
        .into_iter()
        .map(|family| InsertFontFamily { family, priority: FontPriority::Lowest })
        .collect();
    ctx.add_font(FontInsert::new(name, data, families));
}

const REGULAR: &str = "Inter";
const STRONG: &str = "Inter SemiBold";
const ICONS: &str = egui_material_icons::FONT_FAMILY;

fn fonts() -> FontDefinitions {
    let mut fonts = FontDefinitions::empty();
    let mut add = |name: &str, data: FontData| {
        fonts.font_data.insert(name.to_owned(), Arc::new(data));
    };
    add(REGULAR, FontData::from_static(include_bytes!("../../assets/fonts/Inter-Regular.otf")));
    add(STRONG, FontData::from_static(include_bytes!("../../assets/fonts/Inter-SemiBold.otf")));
    let mut icons = egui_material_icons::font_insert().data;
    icons.tweak.y_offset_factor = 0.01; // centred on Inter's capitals
    icons.tweak.scale = 1.2;
    add(ICONS, icons);
    let mut family = |family: FontFamily, first: &str| {
        fonts.families.insert(family, vec![first.to_owned(), ICONS.to_owned()]);
    };
    family(FontFamily::Proportional, REGULAR);
    family(FontFamily::Monospace, REGULAR);
    family(strong_family(), STRONG);
    family(FontFamily::Name(ICONS.into()), ICONS);
    fonts
}

fn style(theme: Theme) -> Style {
    let mut style = theme.default_style();
    style.visuals = visuals(theme);
    let sized = |size| FontId::new(size, FontFamily::Proportional);
    style.text_styles = [
        (TextStyle::Small, sized(SMALL)),
        (TextStyle::Body, sized(BODY)),
        (TextStyle::Button, sized(BODY)),
        (TextStyle::Monospace, sized(BODY)),
        (TextStyle::Heading, FontId::new(SECTION, strong_family())),
    ]
    .into();
    style.drag_value_text_style = TextStyle::Body;
    let spacing = &mut style.spacing;
    spacing.item_spacing = vec2(space::S, space::S);
    spacing.button_padding = vec2(10.0, 5.0);
    spacing.interact_size = vec2(40.0, ROW);
    spacing.window_margin = Margin::same(space::L as i8);
    spacing.menu_margin = Margin::same(space::S as i8);
    spacing.combo_width = 80.0;
    spacing.icon_width = 18.0;
    spacing.icon_width_inner = 10.0;
    spacing.slider_width = 120.0;
    spacing.slider_rail_height = 4.0;
    spacing.scroll = ScrollStyle { bar_width: 8.0, ..ScrollStyle::floating() };
    spacing.tooltip_width = 360.0;
    style.interaction.selectable_labels = false;
    style.interaction.tooltip_delay = 0.4;
    style.animation_time = 0.1;
    style.url_in_tooltip = true;
    style
}

fn visuals(theme: Theme) -> Visuals {
    let dark = theme == Theme::Dark;
    let colours = of(dark);
    let mut visuals = theme.default_visuals();
    let widget = |fill: Color32, edge: Color32, text: Color32| WidgetVisuals {
        bg_fill: fill,
        weak_bg_fill: fill,
        bg_stroke: Stroke::new(1.0, edge),
        corner_radius: CornerRadius::same(CORNER),
        fg_stroke: Stroke::new(1.0, text),
        expansion: 0.0,
    };
    let widgets = &mut visuals.widgets;
    widgets.noninteractive = widget(colours.panel, colours.line, colours.text);
    widgets.inactive = widget(colours.raised, colours.line, colours.text);
    widgets.inactive.bg_fill = if dark { rgb(0x003F_4650) } else { rgb(0x00D3_D8DF) };
    widgets.hovered = widget(colours.hovered, colours.quiet, colours.text);
    widgets.active = widget(colours.hovered, colours.accent, colours.text);
    widgets.open = widget(colours.hovered, colours.line, colours.text);
    visuals.selection = Selection {
        bg_fill: colours.panel.lerp_to_gamma(colours.accent, if dark { 0.35 } else { 0.2 }),
        stroke: Stroke::new(1.0, if dark { Color32::WHITE } else { rgb(0x0008_3F86) }),
    };
    visuals.override_text_color = None;
    visuals.weak_text_color = Some(colours.quiet);
    visuals.hyperlink_color = colours.accent;
    visuals.faint_bg_color = colours.panel.lerp_to_gamma(colours.line, 0.25);
    visuals.extreme_bg_color = colours.window;
    visuals.text_edit_bg_color = Some(if dark { colours.window } else { colours.panel });
    visuals.code_bg_color = colours.window;
    visuals.warn_fg_color = colours.warning;
    visuals.error_fg_color = colours.error;
    visuals.window_fill = colours.raised;
    visuals.window_stroke = Stroke::new(1.0, colours.line);
    visuals.window_corner_radius = CornerRadius::same(CORNER + 2);
    visuals.menu_corner_radius = CornerRadius::same(CORNER);
    visuals.panel_fill = colours.panel;
    let shadow =
        Shadow { offset: [0, 4], blur: 16, spread: 0, color: Color32::from_black_alpha(if dark { 96 } else { 28 }) };
    visuals.window_shadow = shadow;
    visuals.popup_shadow = shadow;
    visuals.slider_trailing_fill = true;
    visuals.striped = false;
    visuals.interact_cursor = None;
    visuals
}

/// Room inside a panel's edge.
pub fn panel_margin() -> Margin {
    Margin::same(space::M as i8)
}

/// The size of a square button that bears an icon alone.
pub fn icon_button_size() -> Vec2 {
    Vec2::splat(ROW)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance and contrast as WCAG 2 defines them.
    fn contrast(a: Color32, b: Color32) -> f32 {
        let luminance = |colour: Color32| {
            let linear = egui::Rgba::from(colour);
            0.2126 * linear.r() + 0.7152 * linear.g() + 0.0722 * linear.b()
        };
        let (a, b) = (luminance(a) + 0.05, luminance(b) + 0.05);
        a.max(b) / a.min(b)
    }

    #[test]
    fn every_text_colour_can_be_read() {
        for colours in [DARK, LIGHT] {
            let texts = [
                colours.text,
                colours.quiet,
                colours.accent,
                colours.positive,
                colours.negative,
                colours.error,
                colours.warning,
            ];
            for text in texts.into_iter().chain(colours.runs) {
                for ground in [colours.window, colours.panel, colours.raised] {
                    assert!(contrast(text, ground) >= 4.5, "{text:?} on {ground:?}: {}", contrast(text, ground));
                }
            }
            assert!(contrast(colours.on_accent, colours.accent) >= 4.5);
        }
    }

    #[test]
    fn the_fonts_hold_every_symbol_that_is_used() {
        let mut fonts = egui::epaint::text::Fonts::new(Default::default(), fonts());
        for family in [FontFamily::Proportional, strong_family()] {
            assert!(fonts.has_glyphs(&FontId::new(BODY, family), "▲●★−·…×→←↑↓≥≤±✓½–“”’"));
        }
    }

    /// Inter has characters of its own where icons have theirs.
    #[test]
    fn no_icon_is_shadowed_by_the_text_font() {
        let mut text = FontDefinitions::empty();
        for (name, bytes) in fonts().font_data.into_iter().filter(|(name, _)| name.as_str() != ICONS) {
            text.families.entry(FontFamily::Proportional).or_default().push(name.clone());
            text.font_data.insert(name, bytes);
        }
        let mut text = egui::epaint::text::Fonts::new(Default::default(), text);
        for icon in icons::ALL {
            assert!(!text.has_glyphs(&FontId::proportional(BODY), icon.codepoint), "{:x?}", icon.codepoint.chars());
        }
    }

    #[test]
    fn viridis_runs_from_violet_to_yellow() {
        assert_eq!(viridis(-1.0), rgb(0x0044_0154));
        assert_eq!(viridis(2.0), rgb(0x00FD_E725));
    }
}
