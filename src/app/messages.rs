//! What the user was told: it fades from the status line, and stays in a list that can be opened again.

use std::time::{Duration, Instant};

use egui::{Align2, Color32, Label, RichText, ScrollArea, Ui, Window, vec2};

use super::command::Command;
use super::theme::{self, icons, space};
use crate::error::Error;

/// How long a message stands in the status line.
const STANDS: Duration = Duration::from_secs(8);
/// Messages that are kept.
const KEPT: usize = 200;

/// How much a message matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// It went as asked.
    Note,
    /// Something to look at.
    Warning,
    /// It failed.
    Failure,
}

/// One message.
#[derive(Clone, Debug)]
pub struct Message {
    /// How much it matters.
    pub weight: Weight,
    /// What happened, in one line.
    pub title: String,
    /// More, if there is more.
    pub details: Vec<String>,
    /// What to do about it.
    pub advice: Option<String>,
    /// What can be done at once: the word on a button, and what it asks for.
    pub action: Option<(&'static str, Command)>,
    told: Instant,
}

/// Every message since the start.
#[derive(Default)]
pub struct Messages {
    all: Vec<Message>,
    unread: usize,
    /// Whether something has gone well since the newest one.
    settled: bool,
    /// Whether the list is open.
    pub open: bool,
}

impl Messages {
    /// Tells that something went as asked.
    pub fn note(&mut self, title: impl Into<String>) {
        self.push(Weight::Note, title.into(), Vec::new(), None);
    }

    /// Tells that something went as asked, with a button. It takes the place of one that was told before it with a
    /// button, so that a hundred of them in a row are one line in the list.
    pub fn note_with(&mut self, title: impl Into<String>, word: &'static str, command: Command) {
        if self.all.last().is_some_and(|last| last.action.is_some()) {
            self.all.pop();
        }
        self.push(Weight::Note, title.into(), Vec::new(), None);
        if let Some(last) = self.all.last_mut() {
            last.action = Some((word, command));
        }
    }

    /// Tells of something to look at.
    pub fn warn(&mut self, title: impl Into<String>, details: Vec<String>) {
        self.push(Weight::Warning, title.into(), details, None);
    }

    /// Tells of a failure; what the user stopped is no failure.
    pub fn error(&mut self, error: &Error) {
        let weight = if error.is_cancelled() { Weight::Note } else { Weight::Failure };
        self.push(weight, error.title().to_owned(), error.details().to_vec(), error.advice().map(str::to_owned));
    }

    /// Every message, oldest first.
    pub fn all(&self) -> &[Message] {
        &self.all
    }

    /// The newest one, as long as it stands in the status line. Failures stand until the list is opened, or something
    /// has gone well.
    pub fn standing(&self) -> Option<&Message> {
        let failure = |m: &Message| m.weight == Weight::Failure && self.unread > 0;
        self.all.last().filter(|m| !self.settled && (m.told.elapsed() < STANDS || failure(m)))
    }

    /// Something has gone well: what failed before is history.
    pub fn settle(&mut self) {
        self.settled = true;
    }

    fn push(&mut self, weight: Weight, title: String, details: Vec<String>, advice: Option<String>) {
        if self.all.len() >= KEPT {
            self.all.remove(0);
        }
        self.all.push(Message { weight, title, details, advice, action: None, told: Instant::now() });
        self.unread += 1;
        self.settled = false;
    }

    /// The newest message and the button that opens the list, from right to left.
    pub fn status_ui(&mut self, ui: &mut Ui, commands: &mut Vec<Command>) {
        if !self.all.is_empty() {
            let text = crate::format::counted(self.all.len(), "message", "messages");
            let button = ui.button(theme::icon_text(icons::ICON_NOTIFICATIONS, &text));
            if button.on_hover_text("Everything that was said since the start").clicked() {
                self.open = !self.open;
            }
        }
        if let Some(message) = self.standing() {
            if message.weight != Weight::Failure {
                ui.ctx().request_repaint_after(STANDS.saturating_sub(message.told.elapsed()));
            }
            if let Some((word, command)) = &message.action
                && ui.button(*word).clicked()
            {
                commands.push(command.clone());
            }
            let text = theme::icon_text(icon(message.weight), &message.title);
            ui.add(Label::new(RichText::new(text).color(colour(ui, message.weight))).truncate());
        }
        if self.open {
            self.unread = 0;
        }
    }

    /// The list, where it is open.
    pub fn list_ui(&mut self, ui: &mut Ui) {
        let mut open = self.open;
        Window::new("Messages")
            .open(&mut open)
            .anchor(Align2::RIGHT_BOTTOM, vec2(-space::L, -space::XL - theme::ROW))
            .default_width(440.0)
            .collapsible(false)
            .resizable(false)
            .show(ui.ctx(), |ui| {
                ScrollArea::vertical().max_height(320.0).auto_shrink([false, true]).show(ui, |ui| {
                    if self.all.is_empty() {
                        ui.label(theme::quiet(ui, "Nothing yet. What happens to your photos and runs is told here."));
                    }
                    for message in self.all.iter().rev() {
                        message_ui(ui, message);
                    }
                });
            });
        self.open = open;
    }
}

/// One message in full.
pub fn message_ui(ui: &mut Ui, message: &Message) {
    let colour = colour(ui, message.weight);
    // On one line that wraps, a path too long for a line would begin left of the edge.
    ui.horizontal_top(|ui| {
        ui.label(RichText::new(icon(message.weight).codepoint).color(colour));
        ui.add(Label::new(RichText::new(&message.title).color(colour)).wrap());
    });
    for line in message.details.iter().take(12) {
        ui.label(theme::quiet(ui, line));
    }
    if let Some(advice) = &message.advice {
        ui.label(format!("→ {advice}"));
    }
    ui.add_space(space::XS);
}

/// An error in full, where it stands in the way of a tab.
pub fn error_ui(ui: &mut Ui, error: &Error) {
    ui.label(RichText::new(theme::icon_text(icons::ICON_ERROR, error.title())).color(theme::palette(ui).error));
    for line in error.details().iter().take(12) {
        ui.label(theme::quiet(ui, line));
    }
    if let Some(advice) = error.advice() {
        ui.label(format!("→ {advice}"));
    }
}

fn icon(weight: Weight) -> theme::Icon {
    match weight {
        Weight::Note => icons::ICON_CHECK,
        Weight::Warning => icons::ICON_WARNING,
        Weight::Failure => icons::ICON_ERROR,
    }
}

fn colour(ui: &Ui, weight: Weight) -> Color32 {
    let colours = theme::palette(ui);
    match weight {
        Weight::Note => colours.text,
        Weight::Warning => colours.warning,
        Weight::Failure => colours.error,
    }
}

#[cfg(test)]
mod tests {
    use egui_kittest::Harness;
    use egui_kittest::kittest::Queryable as _;

    use super::*;

    #[test]
    fn a_path_longer_than_a_line_begins_after_the_icon() {
        let title = format!("There is no folder /{}", "a".repeat(120));
        let mut messages = Messages::default();
        messages.warn(&title, Vec::new());
        let message = messages.all[0].clone();
        let harness = Harness::builder().with_size([300.0, 200.0]).build_ui(move |ui| {
            theme::install(ui.ctx());
            message_ui(ui, &message);
        });
        let icon = harness.get_by_label(icons::ICON_WARNING.codepoint).rect();
        let text = harness.get_by_label(&title).rect();
        assert!(text.left() >= icon.right(), "{text:?} {icon:?}");
        assert!(text.right() <= 300.0 && text.height() > 2.0 * icon.height(), "{text:?}");
    }

    #[test]
    fn a_failure_stands_until_it_was_read_and_the_list_has_an_end() {
        let mut messages = Messages::default();
        messages.error(&Error::new("It failed"));
        messages.all[0].told -= STANDS * 2;
        assert_eq!(messages.standing().unwrap().title, "It failed");
        messages.unread = 0;
        assert!(messages.standing().is_none());
        messages.error(&Error::new("It failed again"));
        messages.settle();
        assert!(messages.standing().is_none(), "something has gone well since");
        messages.note("done");
        assert_eq!(messages.standing().unwrap().title, "done");
        for _ in 0..KEPT + 5 {
            messages.note("done");
        }
        assert_eq!(messages.all().len(), KEPT);
    }
}
