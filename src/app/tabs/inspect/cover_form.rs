//! What the user says of the job, for the cover of the report.

use egui::{Grid, ScrollArea, TextEdit, Ui};

use crate::app::theme::{self, space};
use crate::export::inspection::report::Cover;

/// Width of a field.
const FIELD: f32 = 320.0;

/// Whether there is to be a report, and what its cover says. Kept while the program runs.
#[derive(Default)]
pub(super) struct CoverForm {
    wanted: bool,
    cover: Cover,
}

impl CoverForm {
    /// The cover, if there is to be a report.
    pub(super) fn cover(&self) -> Option<Cover> {
        self.wanted.then(|| self.cover.clone())
    }

    pub(super) fn ui(&mut self, ui: &mut Ui) {
        ui.checkbox(&mut self.wanted, "Report").on_hover_text(
            "report.pdf on A4, and the same as one page, report.html: for whoever ordered the inspection",
        );
        if !self.wanted {
            return;
        }
        let Cover { title, structure, site, client, inspector, date, job, notes, .. } = &mut self.cover;
        let fields = [
            ("Title", title, "Crack inspection"),
            ("Structure", structure, ""),
            ("Place", site, ""),
            ("Client", client, ""),
            ("Inspector", inspector, ""),
            ("Date", date, ""),
            ("Job", job, ""),
            ("Notes", notes, ""),
        ];
        ScrollArea::vertical().max_height(280.0).show(ui, |ui| {
            Grid::new("cover").num_columns(2).spacing([space::S, space::XS]).show(ui, |ui| {
                for (name, value, hint) in fields {
                    let label = ui.label(theme::quiet(ui, name));
                    let mut text = value.take().unwrap_or_default();
                    let field = match name {
                        "Notes" => TextEdit::multiline(&mut text).desired_rows(2),
                        _ => TextEdit::singleline(&mut text),
                    };
                    ui.add(field.desired_width(FIELD).hint_text(hint)).labelled_by(label.id);
                    *value = (!text.is_empty()).then_some(text);
                    ui.end_row();
                }
            });
        });
    }
}
