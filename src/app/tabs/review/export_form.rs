//! What to export and where to, and the question before anything is replaced.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use egui::{Button, Context, ScrollArea, Ui};

use super::list::Scope;
use crate::app::command::Command;
use crate::app::dialogs;
use crate::app::session::Session;
use crate::app::theme::{self, space};
use crate::app::widgets::form::{choices, primary};
use crate::app::widgets::path_form::PathField;
use crate::app::worker::jobs::ExportOrder;
use crate::export::{Contents, ExportRequest, onnx};
use crate::format;

/// The form.
pub(super) struct ExportForm {
    folder: PathField,
    what: Contents,
    /// Whether an ONNX model is to normalise photos itself.
    pixels: bool,
    scope: Scope,
}

/// Files that an export would replace.
pub(super) struct Replace {
    /// The export.
    pub(super) order: Box<ExportOrder>,
    /// What is there.
    pub(super) existing: Vec<PathBuf>,
}

impl ExportForm {
    /// Suggests a folder of the run's name within `below`, or among the user's documents.
    pub(super) fn new(below: Option<&Path>, name: &str, scope: Scope, labelled: bool) -> Self {
        let folder = PathField::suggested(below, &format!("{name} export"));
        // Without labels nothing is misclassified; the table of probabilities is what there is.
        let what = if labelled { Contents::RESULTS } else { Contents { predictions: true, ..Contents::NONE } };
        Self { folder, what, pixels: false, scope }
    }

    /// Chooses what an earlier form chose.
    pub(super) fn chosen_as_before(mut self, order: &ExportOrder) -> Self {
        (self.what, self.scope) = (order.request.what, order.scope);
        self.pixels = self.what.onnx == Some(onnx::Input::Pixels);
        self
    }

    pub(super) fn export_to(&mut self, folder: &Path) {
        self.folder.set(folder);
    }

    /// Says that the path must be typed, and gives its field the keyboard.
    pub(super) fn no_system_dialog(&mut self) {
        self.folder.no_system_dialog();
    }

    /// Returns whether it stays open.
    pub(super) fn ui(&mut self, ctx: &Context, session: &Session, commands: &mut Vec<Command>) -> bool {
        let Some(verdict) = session.verdict.clone() else { return false };
        let labelled = verdict.predictions.iter().any(|p| p.truth.is_some());
        let mut open = true;
        let modal = dialogs::modal(ctx, "export", |ui| {
            ui.label(theme::section(format!("Export {}", verdict.name)));
            let name = "Folder to export to; made if it is not there";
            self.folder.ui(ui, (name, "a folder"), commands, || Command::ExportFolderDialog);
            ui.add_space(space::S);
            if Scope::can_be_chosen(&verdict) {
                ui.label(theme::quiet(ui, "Photos"));
                ui.horizontal_wrapped(|ui| choices(ui, &mut self.scope, &super::SCOPES));
                ui.add_space(space::S);
            }
            ui.label(theme::quiet(ui, "What to write"));
            ui.scope(|ui| self.contents_ui(ui, labelled));
            if verdict.run.is_some() {
                ui.add_space(space::S);
                ui.label(theme::quiet(ui, "The model itself"));
                ui.scope(|ui| self.model_ui(ui));
            }
            ui.add_space(space::S);
            ui.horizontal(|ui| {
                let folder = self.folder.path().filter(|_| self.what != Contents::NONE);
                if (primary(ui, folder.is_some(), "Export").clicked() || self.folder.is_entered())
                    && let Some(folder) = folder
                {
                    let request = ExportRequest { what: self.what, folder, overwrite: false };
                    let roots = session.dataset.as_ref().map(|d| d.roots.clone()).unwrap_or_default();
                    let threshold = session.threshold();
                    let order =
                        ExportOrder { request, scope: self.scope, verdict: Arc::clone(&verdict), threshold, roots };
                    commands.push(Command::Export(Box::new(order)));
                    open = false;
                }
                if ui.button("Cancel").clicked() {
                    open = false;
                }
            });
        });
        open && !modal.should_close()
    }

    fn contents_ui(&mut self, ui: &mut Ui, labelled: bool) {
        let what = &mut self.what;
        ui.spacing_mut().item_spacing.y = 2.0;
        ui.add_enabled_ui(labelled, |ui| {
            ui.checkbox(&mut what.misclassified, "Table of errors")
                .on_hover_text("misclassified.csv, worst first: label, prediction, probability, loss");
            ui.checkbox(&mut what.copies, "Copies of the photos that are wrong")
                .on_hover_text("In the folders false_positive and false_negative");
            ui.checkbox(&mut what.contact_sheet, "Contact sheet of the errors").on_hover_text("contact_sheet.png");
            ui.checkbox(&mut what.report, "Report")
                .on_hover_text("report.html: figures, curves and errors on one page");
        });
        ui.checkbox(&mut what.predictions, "Table of all predictions")
            .on_hover_text("predictions.csv: every photo with its probability");
    }

    fn model_ui(&mut self, ui: &mut Ui) {
        ui.spacing_mut().item_spacing.y = 2.0;
        ui.checkbox(&mut self.what.safetensors, "For PyTorch")
            .on_hover_text("model.safetensors, with torchvision's names: 45 MB of ResNet18, 9 MB of MobileNetV2");
        let mut onnx = self.what.onnx.is_some();
        ui.checkbox(&mut onnx, "For ONNX Runtime and others")
            .on_hover_text("model.onnx, of the same size: from photos to logits and the probability of a crack");
        ui.add_enabled_ui(onnx, |ui| {
            ui.indent("onnx input", |ui| {
                ui.checkbox(&mut self.pixels, "Takes plain pixels").on_hover_text(
                    "8-bit RGB, 0 to 255, which the ONNX model normalises itself; else it takes normalised photos",
                );
            });
        });
        let input = if self.pixels { onnx::Input::Pixels } else { onnx::Input::Normalised };
        self.what.onnx = onnx.then_some(input);
    }
}

impl Replace {
    /// Shows the question.
    pub(super) fn ui(&mut self, ctx: &Context, commands: &mut Vec<Command>) -> Answer {
        let mut answer = Answer::Open;
        let modal = dialogs::modal(ctx, "replace files", |ui| {
            let count = self.existing.len();
            let title = match count {
                1 => "A file is there already".to_owned(),
                _ => format!("{} files are there already", format::count(count as u64)),
            };
            ui.label(theme::section(title));
            ui.label(theme::quiet(ui, self.order.request.folder.display().to_string()));
            ScrollArea::vertical().max_height(140.0).show(ui, |ui| {
                for path in self.existing.iter().take(100) {
                    let name = path.strip_prefix(&self.order.request.folder).unwrap_or(path);
                    ui.label(name.display().to_string());
                }
            });
            ui.add_space(space::S);
            ui.horizontal(|ui| {
                let replace = if count == 1 { "Replace it" } else { "Replace them" };
                let text = theme::strong(replace).color(theme::palette(ui).error);
                if ui.add(Button::new(text)).clicked() {
                    let mut order = self.order.clone();
                    order.request.overwrite = true;
                    commands.push(Command::Export(order));
                    answer = Answer::Done;
                }
                if ui.button("Choose another folder…").clicked() {
                    answer = Answer::Elsewhere;
                }
                if ui.button("Cancel").clicked() {
                    answer = Answer::Done;
                }
            });
        });
        if modal.should_close() { Answer::Done } else { answer }
    }
}

/// What became of the question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It still stands.
    Open,
    /// It is settled.
    Done,
    /// Export to another folder.
    Elsewhere,
}

#[cfg(test)]
mod tests {
    use egui_kittest::Harness;
    use egui_kittest::kittest::{NodeT as _, Queryable as _};

    use super::*;
    use crate::app::session::Verdict;

    #[test]
    fn without_a_dialog_the_form_says_so_and_takes_the_keyboard() {
        let verdict = Verdict {
            run: Some(PathBuf::from("/runs/first")),
            name: "first".to_owned(),
            threshold: 0.5.into(),
            predictions: Vec::new(),
            of_sample: Vec::new(),
            classified: true,
        };
        let session = Session { verdict: Some(Arc::new(verdict)), ..Session::default() };
        let form = ExportForm::new(Some(Path::new("/exports")), "first", Scope::All, false);
        let mut harness = Harness::builder().with_size([800.0, 600.0]).build_ui_state(
            |ui, form: &mut ExportForm| {
                theme::install(ui.ctx());
                form.ui(ui.ctx(), &session, &mut Vec::new());
            },
            form,
        );
        harness.run_steps(2);
        harness.get_by_label_contains("Choose…").focus();
        harness.run_steps(2);
        assert!(harness.query_by_label_contains("no dialog").is_none());
        harness.state_mut().no_system_dialog();
        harness.run_steps(3);
        harness.get_by_label_contains("This system has no dialog to choose a folder in");
        let field =
            harness.get_by_role_and_label(egui::Role::TextInput, "Folder to export to; made if it is not there");
        assert!(field.accesskit_node().is_focused());
    }

    #[test]
    fn the_model_leaves_only_when_asked_for() {
        let verdict = Verdict {
            run: Some(PathBuf::from("bundled")),
            name: "the bundled model".to_owned(),
            threshold: 0.5.into(),
            predictions: Vec::new(),
            of_sample: Vec::new(),
            classified: true,
        };
        let session = Session { verdict: Some(Arc::new(verdict)), ..Session::default() };
        let form = ExportForm::new(Some(Path::new("/exports")), "bundled", Scope::All, false);
        let state = (form, Vec::new());
        let mut harness = Harness::builder().with_size([800.0, 700.0]).build_ui_state(
            |ui, (form, commands): &mut (ExportForm, Vec<Command>)| {
                theme::install(ui.ctx());
                form.ui(ui.ctx(), &session, commands);
            },
            state,
        );
        let mut exported_after = |clicks: &[&str]| {
            harness.run_steps(2);
            for label in [clicks, &["Export"]].concat() {
                harness.get_by_label(label).click();
                harness.run_steps(3);
            }
            match harness.state_mut().1.pop() {
                Some(Command::Export(order)) => order,
                other => panic!("{other:?} instead of an export"),
            }
        };
        let table = Contents { predictions: true, ..Contents::NONE };
        assert_eq!(exported_after(&[]).request.what, table);
        // It is greyed until there is an ONNX model that could take them.
        assert_eq!(exported_after(&["Takes plain pixels"]).request.what, table);
        let onnx = Some(onnx::Input::Normalised);
        assert_eq!(exported_after(&["For ONNX Runtime and others"]).request.what, Contents { onnx, ..table });
        let all = Contents { onnx: Some(onnx::Input::Pixels), safetensors: true, ..Contents::NONE };
        let order = exported_after(&["Takes plain pixels", "For PyTorch", "Table of all predictions"]);
        assert_eq!(order.request.what, all);
        // As after "Choose another folder…".
        let again = ExportForm::new(None, "bundled", Scope::All, false).chosen_as_before(&order);
        assert_eq!((again.what, again.pixels), (all, true));
    }
}
