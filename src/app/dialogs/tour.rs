//! The first steps: four cards beside the window's own contents, once.

use egui::{Align2, Context, Label, Window, vec2};

use crate::app::shortcuts::{self, Act, Place};
use crate::app::theme::{self, space};
use crate::app::widgets::form;

/// Width of a card.
const WIDTH: f32 = 300.0;

/// Which card is shown.
#[derive(Default)]
pub struct Tour {
    step: usize,
}

impl Tour {
    /// Shows the card; returns whether there is another to come.
    pub(super) fn ui(&mut self, ctx: &Context) -> bool {
        let cards = cards(ctx);
        let Some((title, text)) = cards.get(self.step) else { return false };
        let mut open = true;
        Window::new("First steps")
            .open(&mut open)
            .anchor(Align2::RIGHT_BOTTOM, vec2(-space::L, -space::XL - theme::ROW))
            .collapsible(false)
            .resizable(false)
            .show(ctx, |ui| {
                ui.set_width(WIDTH);
                ui.label(theme::section(*title));
                ui.add(Label::new(text).wrap());
                ui.add_space(space::S);
                ui.horizontal(|ui| {
                    let last = self.step + 1 == cards.len();
                    if form::primary(ui, true, if last { "Begin" } else { "Next" }).clicked() {
                        self.step += 1;
                    }
                    if self.step > 0 && !last && ui.button("Before").clicked() {
                        self.step -= 1;
                    }
                    ui.label(theme::quiet(ui, format!("{} of {}", (self.step + 1).min(cards.len()), cards.len())));
                });
            });
        open && self.step < cards.len()
    }
}

/// Titles and texts, with the keys as they are.
fn cards(ctx: &Context) -> [(&'static str, String); 4] {
    let key = |act| shortcuts::key(ctx, Place::Anywhere, act);
    let label = |act| shortcuts::key(ctx, Place::Photos, act);
    [
        (
            "Open photos",
            format!(
                "A folder or a .zip: drop it here, or press {}. Folder names such as cracked and intact are labels.",
                key(Act::OpenFolder)
            ),
        ),
        (
            "Say what they show",
            format!(
                "Among the photos, {} says crack and {} intact. Your folder stays as it is.",
                label(Act::Crack),
                label(Act::Intact)
            ),
        ),
        (
            "Train, and put right",
            format!(
                "{} trains on your labels. Review shows what the model got wrong; put labels right and train again with {}.",
                key(Act::Train),
                key(Act::TrainAgain)
            ),
        ),
        (
            "Inspect, and hand over",
            format!(
                "Inspect shows where cracks are on whole photos, and how long. {} exports; {} does anything by its name.",
                key(Act::Export),
                key(Act::Palette)
            ),
        ),
    ]
}
