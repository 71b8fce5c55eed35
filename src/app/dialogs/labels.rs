//! In what form the labels leave, and where to.

use std::path::Path;

use egui::{Context, Ui};

use super::modal;
use crate::app::command::Command;
use crate::app::theme::{self, space};
use crate::app::widgets::form::{choices, primary};
use crate::app::widgets::path_form::PathField;
use crate::dataset::Dataset;
use crate::dataset::layout::table::FILE_NAME;
use crate::export::labels::{Form, LabelsOrder};
use crate::format;

const FORMS: [(Form, &str, &str); 2] = [
    (
        Form::Table,
        "labels.csv",
        "file and label of each photo, and tags where there are any: a table that this program reads",
    ),
    (Form::Copies, "Copies in folders", "Positive, Negative and Unlabelled; excluded photos are left out"),
];

/// The form.
pub(super) struct LabelsForm {
    form: Form,
    table: PathField,
    copies: PathField,
}

impl LabelsForm {
    /// Suggests names within `below`, or among the user's documents.
    pub(super) fn new(below: Option<&Path>, name: &str) -> Self {
        let table = PathField::suggested(below, &format!("{name} {FILE_NAME}"));
        let copies = PathField::suggested(below, &format!("{name} relabelled"));
        Self { form: Form::Table, table, copies }
    }

    /// A folder was chosen in the system's dialog: what is written keeps its name.
    pub(super) fn export_to(&mut self, folder: &Path) {
        for field in [&mut self.table, &mut self.copies] {
            if let Some(name) = field.path().as_deref().and_then(Path::file_name) {
                field.set(&folder.join(name));
            }
        }
    }

    /// Says that the path must be typed, and gives its field the keyboard.
    pub(super) fn no_system_dialog(&mut self) {
        self.field().no_system_dialog();
    }

    /// Returns whether it stays open.
    pub(super) fn ui(&mut self, ctx: &Context, dataset: &Dataset, commands: &mut Vec<Command>) -> bool {
        let mut open = true;
        let response = modal(ctx, "export labels", |ui| {
            ui.label(theme::section("Export the labels"));
            ui.label(theme::quiet(ui, summary(dataset)));
            ui.add_space(space::S);
            ui.horizontal_wrapped(|ui| choices(ui, &mut self.form, &FORMS));
            ui.add_space(space::S);
            self.path_ui(ui, commands);
            ui.add_space(space::S);
            ui.horizontal(|ui| {
                let to = self.field().path();
                if primary(ui, to.is_some(), "Export").clicked()
                    && let Some(to) = to
                {
                    commands.push(Command::ExportLabels(LabelsOrder { form: self.form, to }));
                    open = false;
                }
                if ui.button("Cancel").clicked() {
                    open = false;
                }
            });
        });
        open && !response.should_close()
    }

    fn field(&mut self) -> &mut PathField {
        match self.form {
            Form::Table => &mut self.table,
            Form::Copies => &mut self.copies,
        }
    }

    fn path_ui(&mut self, ui: &mut Ui, commands: &mut Vec<Command>) {
        let name = match self.form {
            Form::Table => "File to write; nothing is replaced, and nothing written among the photos",
            Form::Copies => "Folder to make; nothing is replaced, and nothing written among the photos",
        };
        self.field().ui(ui, (name, "a folder"), commands, || Command::LabelsFolderDialog);
    }
}

/// `7,146 photos, 12 labels corrected, 3 photos excluded`.
fn summary(dataset: &Dataset) -> String {
    let excluded = dataset.samples.iter().filter(|sample| sample.is_excluded()).count();
    let mut parts = vec![format::photos(dataset.samples.len())];
    parts.push(format::counted(dataset.corrected(), "label corrected", "labels corrected"));
    if excluded > 0 {
        parts.push(format!("{} excluded", format::count(excluded as u64)));
    }
    parts.join(", ")
}
