//! Which files an export consists of.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::{ExportRequest, REPORT, Source, contact_sheet, copies, onnx};
use crate::review::predictions::{self, Prediction};
use crate::train::run_dir::{MISCLASSIFIED, MODEL, PREDICTIONS};

/// All files of an export, known before the first photo is opened.
pub struct Plan {
    /// Whether `model.safetensors` is written.
    pub safetensors: bool,
    /// What `model.onnx` takes, if it is written.
    pub onnx: Option<onnx::Input>,
    /// Whether `misclassified.csv` is written.
    pub misclassified: bool,
    /// Whether `predictions.csv` is written.
    pub predictions: bool,
    /// Whether the report is written.
    pub report: bool,
    /// The misclassified photos, worst first.
    pub wrong: Vec<Prediction>,
    /// The photos to copy.
    pub copies: Vec<copies::Copy>,
    /// The names of the contact sheets.
    pub sheets: Vec<String>,
}

impl Plan {
    /// What `request` asks for.
    pub fn new(request: &ExportRequest, source: &Source<'_>) -> Self {
        let what = request.what;
        let wrong = predictions::misclassified(source.predictions, source.threshold);
        Self {
            safetensors: what.safetensors,
            onnx: what.onnx,
            misclassified: what.misclassified,
            predictions: what.predictions,
            report: what.report,
            copies: if what.copies {
                let unsure = |p: &&Prediction| source.threshold.is_unsure(p.p_positive);
                let unsure: Vec<Prediction> = source.predictions.iter().filter(unsure).cloned().collect();
                copies::plan(&[wrong.as_slice(), &unsure].concat(), source.threshold)
            } else {
                Vec::new()
            },
            sheets: if what.contact_sheet { contact_sheet::file_names(wrong.len()) } else { Vec::new() },
            wrong,
        }
    }

    /// The files, relative to the folder of the export.
    pub fn files(&self) -> Vec<PathBuf> {
        let named = [
            (self.safetensors, MODEL),
            (self.onnx.is_some(), onnx::FILE),
            (self.misclassified, MISCLASSIFIED),
            (self.predictions, PREDICTIONS),
            (self.report, REPORT),
        ];
        let mut files: Vec<PathBuf> = named.into_iter().filter(|n| n.0).map(|n| PathBuf::from(n.1)).collect();
        files.extend(self.sheets.iter().map(PathBuf::from));
        files.extend(self.copies.iter().map(|copy| copy.to.clone()));
        files
    }

    /// Files in `folder` that are no part of this export but would pass for it: in which place, and how many.
    pub fn others(&self, folder: &Path) -> Vec<(&'static str, usize)> {
        let ours: BTreeSet<PathBuf> = self.files().into_iter().collect();
        let count = |below: &str, kind: &dyn Fn(&str) -> bool| {
            let entries = std::fs::read_dir(folder.join(below)).into_iter().flatten().flatten();
            let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
            names.filter(|name| kind(name) && !ours.contains(&Path::new(below).join(name))).count()
        };
        let mut others = Vec::new();
        if !self.copies.is_empty() {
            others.extend(copies::folders().map(|below| (below, count(below, &|name| !name.starts_with('.')))));
        }
        if !self.sheets.is_empty() {
            let is_sheet = |name: &str| name.starts_with("contact_sheet") && name.ends_with(".png");
            others.push(("contact_sheet", count("", &is_sheet)));
        }
        others.retain(|place| place.1 > 0);
        others
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::{Contents, fixture};

    #[test]
    fn files_of_an_earlier_export_are_counted_where_they_would_mislead() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("false_negative")).unwrap();
        for name in ["contact_sheet.png", "contact_sheet_02.png", "thesis.png", "false_negative/old.jpg"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let run = fixture::run();
        let others = |what| {
            let request = ExportRequest { what, folder: folder.path().to_path_buf(), overwrite: true };
            Plan::new(&request, &Source::of_run(&run)).others(folder.path())
        };
        assert_eq!(others(Contents::RESULTS), [("false_negative", 1), ("contact_sheet", 1)]);
        assert_eq!(others(Contents { report: true, ..Contents::NONE }), []);
    }
}
