//! The palette: anything is done by its name, without a pointer.

use egui::{
    Align2, Color32, Context, FontId, Key, Modifiers, Rect, Role, ScrollArea, Sense, TextEdit, TextStyle, Ui,
    WidgetInfo, vec2,
};

use crate::app::command::Command;
use crate::app::shortcuts::{self, Act, Place};
use crate::app::theme::{self, space};

/// Rows that are seen at once.
const ROWS: f32 = 11.0;
/// Letters of a word from which on others may stand between them.
const LOOSE: usize = 3;

/// One thing that can be asked for.
pub struct Offer {
    /// Its name.
    pub name: String,
    /// The key that does the same, in words; empty where there is none.
    pub key: String,
    /// Why it cannot be done now, if so.
    pub why_not: Option<String>,
    /// What is asked for.
    pub command: Command,
}

/// What was typed, and which of the names that fit is chosen.
#[derive(Default)]
pub struct Palette {
    text: String,
    at: usize,
    focused: bool,
    /// Whether what is chosen is to be brought into view.
    reveal: bool,
}

impl Palette {
    /// Returns whether it stays open.
    pub fn ui(&mut self, ctx: &Context, offers: &[Offer], commands: &mut Vec<Command>) -> bool {
        let mut open = true;
        let modal = super::modal(ctx, "palette", |ui| {
            let found = found(offers, &self.text);
            open &= !shortcuts::taken(ui, Place::Anywhere, Act::Palette);
            let entered = self.keys(ui, found.len());
            self.field(ui);
            let clicked = self.list(ui, &found);
            let chosen = clicked.or(Some(self.at).filter(|_| entered)).and_then(|at| found.get(at));
            if let Some(offer) = chosen.filter(|offer| offer.why_not.is_none()) {
                commands.push(offer.command.clone());
                open = false;
            }
        });
        open && !modal.should_close()
    }

    /// Arrows choose; whether Enter was pressed.
    fn keys(&mut self, ui: &Ui, count: usize) -> bool {
        let last = count.saturating_sub(1);
        let pressed = |key| ui.input_mut(|input| input.consume_key(Modifiers::NONE, key));
        let page = ROWS as usize - 1;
        let before = self.at;
        for (key, to) in [
            (Key::ArrowUp, before.checked_sub(1).unwrap_or(last)),
            (Key::ArrowDown, if before >= last { 0 } else { before + 1 }),
            (Key::PageUp, before.saturating_sub(page)),
            (Key::PageDown, before + page),
        ] {
            if pressed(key) {
                (self.at, self.reveal) = (to, true);
            }
        }
        self.at = self.at.min(last);
        pressed(Key::Enter)
    }

    fn field(&mut self, ui: &mut Ui) {
        let label = ui.label(theme::section("What is to be done?"));
        let edit =
            TextEdit::singleline(&mut self.text).desired_width(f32::INFINITY).hint_text("a few letters of its name");
        let field = ui.add(edit).labelled_by(label.id);
        if !std::mem::replace(&mut self.focused, true) {
            field.request_focus();
        }
        if field.changed() {
            (self.at, self.reveal) = (0, true);
        }
    }

    /// The names that fit; gives the one that was clicked.
    fn list(&mut self, ui: &mut Ui, found: &[&Offer]) -> Option<usize> {
        let mut clicked = None;
        ui.spacing_mut().item_spacing.y = 0.0;
        ScrollArea::vertical().max_height(ROWS * theme::ROW).auto_shrink(false).show(ui, |ui| {
            if found.is_empty() {
                ui.add_space(space::S);
                ui.label(theme::quiet(ui, "Nothing is called so"));
            }
            for (at, offer) in found.iter().enumerate() {
                let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), theme::ROW), Sense::CLICK);
                if response.hovered() && ui.input(|input| input.pointer.delta() != egui::Vec2::ZERO) {
                    self.at = at;
                }
                let chosen = self.at == at;
                if chosen && std::mem::take(&mut self.reveal) {
                    ui.scroll_to_rect(rect, None);
                }
                response.widget_info(|| {
                    let enabled = offer.why_not.is_none();
                    let reason = offer.why_not.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
                    WidgetInfo::selected(Role::Button, enabled, chosen, format!("{}{reason}", offer.name))
                });
                if ui.is_rect_visible(rect) {
                    row(ui, rect, offer, chosen);
                }
                if response.clicked() {
                    clicked = Some(at);
                }
            }
        });
        clicked
    }
}

/// Name to the left, key to the right; what cannot be done stays back, and says why.
fn row(ui: &Ui, rect: Rect, offer: &Offer, chosen: bool) {
    let colours = theme::palette(ui);
    if chosen {
        ui.painter().rect_filled(rect, theme::CORNER, ui.visuals().selection.bg_fill);
    }
    let inside = rect.shrink2(vec2(space::S, 0.0));
    let font = TextStyle::Body.resolve(ui.style());
    let put = |text: String, font: FontId, colour: Color32, width: f32, align: Align2| {
        let mut job = egui::text::LayoutJob::simple_singleline(text, font, colour);
        job.wrap = egui::text::TextWrapping::truncate_at_width(width);
        let galley = ui.fonts_mut(|fonts| fonts.layout_job(job));
        let place = align.anchor_size(align.pos_in_rect(&inside), galley.size());
        ui.painter().galley(place.min, galley, colour);
        place.width()
    };
    let small = FontId::new(theme::SMALL, font.family.clone());
    let (side, name) = match &offer.why_not {
        Some(reason) => (reason.clone(), colours.quiet),
        None => (offer.key.clone(), colours.text),
    };
    let right = put(side, small, colours.quiet, inside.width() * 0.6, Align2::RIGHT_CENTER);
    put(offer.name.clone(), font, name, inside.width() - right - space::M, Align2::LEFT_CENTER);
}

/// The offers whose names fit what was typed, the best first; what can be done now comes before what cannot.
fn found<'a>(offers: &'a [Offer], typed: &str) -> Vec<&'a Offer> {
    let words: Vec<String> = typed.split_whitespace().map(str::to_lowercase).collect();
    let fits = |offer: &'a Offer| Some((fit(&offer.name.to_lowercase(), &words)?, offer));
    let mut found: Vec<_> = offers.iter().filter_map(fits).collect();
    if !words.is_empty() {
        found.sort_by_key(|(fit, offer)| (std::cmp::Reverse(*fit), offer.why_not.is_some()));
    }
    found.into_iter().map(|(_, offer)| offer).collect()
}

/// How well a name fits words, all in small letters: none where one of them is not in it. A word counts for more where it
/// begins one of the name's, and for less where other letters stand between its own.
fn fit(name: &str, words: &[String]) -> Option<usize> {
    let parts = || name.split(|letter: char| !letter.is_alphanumeric()).filter(|part| !part.is_empty());
    let mut sum = 0;
    for word in words {
        sum += match () {
            () if parts().any(|part| part == word) => 4,
            () if parts().any(|part| part.starts_with(word.as_str())) => 3,
            () if name.contains(word.as_str()) => 2,
            () if word.chars().count() >= LOOSE && in_order(name, word) => 1,
            () => return None,
        };
    }
    Some(sum)
}

/// Whether the letters of `word` come in `name` one after the other.
fn in_order(name: &str, word: &str) -> bool {
    let mut letters = name.chars();
    word.chars().all(|letter| letters.any(|other| other == letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offers(names: &[&str]) -> Vec<Offer> {
        let offer =
            |name: &&str| Offer { name: (*name).to_owned(), key: String::new(), why_not: None, command: Command::Find };
        names.iter().map(offer).collect()
    }

    fn names(offers: &[Offer], typed: &str) -> Vec<String> {
        found(offers, typed).into_iter().map(|offer| offer.name.clone()).collect()
    }

    #[test]
    fn names_are_found_by_parts_of_their_words() {
        let offers = offers(&["Start training", "Train again, on the labels in force", "Export the labels", "Train"]);
        assert_eq!(names(&offers, "train"), ["Train again, on the labels in force", "Train", "Start training"]);
        assert_eq!(names(&offers, "TR ag"), ["Train again, on the labels in force"]);
        assert_eq!(names(&offers, "lab ex"), ["Export the labels"]);
        assert_eq!(names(&offers, "xprt"), ["Export the labels"], "letters may be left out");
        assert!(names(&offers, "zz").is_empty() && names(&offers, "export train").is_empty());
        assert_eq!(
            names(&offers, " "),
            ["Start training", "Train again, on the labels in force", "Export the labels", "Train"]
        );
    }

    #[test]
    fn letters_beyond_ascii_are_found_in_either_case() {
        let offers = offers(&["Open Brücke Größe", "Open photos"]);
        assert_eq!(names(&offers, "GRÖ"), ["Open Brücke Größe"]);
    }

    #[test]
    fn what_cannot_be_done_comes_after_what_can() {
        let mut offers = offers(&["Export the labels", "Export the run"]);
        offers[0].why_not = Some("No photos are open".to_owned());
        assert_eq!(names(&offers, "export"), ["Export the run", "Export the labels"]);
    }
}
