//! The labels in force, corrections included, as others take them: a `labels.csv`, or a folder of copies.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::{Exported, copies};
use crate::atomic_file;
use crate::dataset::keep_out::keep_out;
use crate::dataset::{Class, Dataset, Problem, Sample};
use crate::error::{Context, Error, Result};
use crate::job::{Meter, Phase, Watch};

/// The folder for copies of photos that carry no label.
const UNLABELLED: &str = "Unlabelled";

/// In what form the labels leave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// A table: a file.
    #[default]
    Table,
    /// Copies of the photos in `Positive`, `Negative` and `Unlabelled`: a folder.
    Copies,
}

/// What to write, and where to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelsOrder {
    /// In what form.
    pub form: Form,
    /// The file or the folder. Nothing is replaced.
    pub to: PathBuf,
}

/// Writes the labels of `dataset`.
///
/// # Errors
/// Where the place lies inside the photos, is taken already or cannot be written to, and where the user stops it;
/// nothing is left behind then. A photo that cannot be copied is reported, and the rest go on.
pub fn write(dataset: &Dataset, order: &LabelsOrder, watch: &dyn Watch) -> Result<Exported> {
    keep_out(&order.to, &dataset.roots)?;
    match order.form {
        Form::Table => write_table(dataset, &order.to),
        Form::Copies => write_copies(dataset, &order.to, watch),
    }
}

/// The table as CSV: `file,label`, and `tags` where there are any. Photos that nothing is said of are left out.
///
/// A folder of the same photos with this table as its `labels.csv` carries the same labels.
///
/// # Errors
/// Where a row cannot be written, which does not happen in memory.
pub fn to_csv(dataset: &Dataset) -> Result<Vec<u8>> {
    let tagged = dataset.samples.iter().any(|sample| !sample.tags.is_empty());
    let mut writer = csv::Writer::from_writer(Vec::new());
    let heading = ["file", "label", "tags"];
    let columns = if tagged { 3 } else { 2 };
    writer.write_record(heading.iter().take(columns)).context("Cannot write the table of labels")?;
    for sample in dataset.samples.iter().filter(|sample| sample.said().is_some() || !sample.tags.is_empty()) {
        let label = sample.said().map_or("", |mark| mark.name());
        let row = [sample.file.as_str(), label, &sample.tags.join("; ")];
        writer.write_record(row.iter().take(columns)).context("Cannot write the table of labels")?;
    }
    writer.into_inner().map_err(|error| error.into_error()).context("Cannot write the table of labels")
}

fn write_table(dataset: &Dataset, path: &Path) -> Result<Exported> {
    if path.exists() {
        return Err(taken(path));
    }
    let table = to_csv(dataset)?;
    atomic_file::write_new_with(path, |file: &mut dyn Write| file.write_all(&table))?;
    Ok(Exported { files: 1, problems: Vec::new() })
}

/// The folder appears whole or not at all: copies are made beside it, and it is renamed once they are all there.
fn write_copies(dataset: &Dataset, folder: &Path, watch: &dyn Watch) -> Result<Exported> {
    let is_empty = || folder.read_dir().is_ok_and(|mut entries| entries.next().is_none());
    if folder.exists() && !is_empty() {
        return Err(taken(folder));
    }
    let above = match folder.parent() {
        Some(above) if !above.as_os_str().is_empty() => above,
        _ => Path::new("."),
    };
    std::fs::create_dir_all(above).on_file("make the folder", above)?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(".crackscope-").suffix(".part");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o777));
    let beside = builder.tempdir_in(above).on_file("make a folder in", above)?;
    let plan = plan(dataset);
    let mut meter = Meter::new(watch, Phase::Export, Some(plan.len() as u64));
    let mut exported = Exported::default();
    for (sample, to) in plan {
        watch.check()?;
        let path = beside.path().join(&to);
        if let Some(class) = path.parent() {
            std::fs::create_dir_all(class).on_file("make the folder", class)?;
        }
        match copy(&sample.path, &path) {
            Ok(()) => exported.files += 1,
            Err(Fault::Photo(cause)) => {
                let reason = format!("was not copied: {cause}");
                exported.problems.push(Problem { file: sample.file.clone(), reason });
            }
            Err(Fault::Copy(cause)) => return Err(Error::file("write", &folder.join(&to), cause)),
        }
        meter.add(1);
    }
    if folder.exists() {
        std::fs::remove_dir(folder).on_file("replace the empty folder", folder)?;
    }
    std::fs::rename(beside.path(), folder).on_file("write", folder)?;
    // It has another name now, and stays.
    _ = beside.keep();
    Ok(exported)
}

/// The photos that are copied, and where to: `Positive/a.jpg`. Those of one name are told apart by their folders.
fn plan(dataset: &Dataset) -> Vec<(&Sample, PathBuf)> {
    let mut by_folder: BTreeMap<&str, Vec<&Sample>> = BTreeMap::new();
    for sample in dataset.samples.iter().filter(|sample| !sample.is_excluded()) {
        by_folder.entry(sample.label.map_or(UNLABELLED, Class::name)).or_default().push(sample);
    }
    let copies = by_folder.into_iter().flat_map(|(folder, photos)| {
        let names = copies::unique_names(&photos.iter().map(|photo| photo.file.as_str()).collect::<Vec<_>>());
        photos.into_iter().zip(names).map(move |(photo, name)| (photo, Path::new(folder).join(name)))
    });
    copies.collect()
}

/// Which of the two files is at fault.
enum Fault {
    Photo(io::Error),
    Copy(io::Error),
}

/// Copies the content and the date of a photo.
fn copy(from: &Path, to: &Path) -> std::result::Result<(), Fault> {
    let mut photo = File::open(from).map_err(Fault::Photo)?;
    let modified = photo.metadata().and_then(|found| found.modified());
    let mut copy = File::create_new(to).map_err(Fault::Copy)?;
    io::copy(&mut photo, &mut copy).map_err(Fault::Copy)?;
    if let Ok(modified) = modified {
        // A date is welcome, and not worth failing for.
        _ = copy.set_modified(modified);
    }
    Ok(())
}

fn taken(path: &Path) -> Error {
    let what = if path.is_dir() { "holds files already" } else { "is there already" };
    Error::new(format!("{} {what}", path.display())).hint("choose another name: nothing is replaced")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::dataset::{Mark, scan};
    use crate::job::{Progress, Unwatched};

    /// Photos of one name in several folders, relabelled in every way.
    fn bench() -> (tempfile::TempDir, PathBuf, Dataset) {
        let folder = tempfile::tempdir().unwrap();
        let photos = folder.path().join("photos");
        for file in
            ["Positive/1.jpg", "Positive/2.jpg", "Negative/1.jpg", "Negative/3.jpg", "Negative/4.jpg", "other/5.jpg"]
        {
            fs::create_dir_all(photos.join(file).parent().unwrap()).unwrap();
            fs::write(photos.join(file), file).unwrap();
        }
        let mut dataset = scan::scan(&photos, &Unwatched).unwrap();
        let marks = [
            ("Negative/1.jpg", Mark::Class(Class::Positive)),
            ("Negative/3.jpg", Mark::Unsure),
            ("Negative/4.jpg", Mark::Excluded),
        ];
        for (file, mark) in marks {
            let sample = dataset.samples.iter_mut().find(|sample| sample.file == file).unwrap();
            sample.correct(Some(mark));
        }
        (folder, photos, dataset)
    }

    fn order(form: Form, to: &Path) -> LabelsOrder {
        LabelsOrder { form, to: to.to_owned() }
    }

    fn said(dataset: &Dataset) -> Vec<(String, Option<Class>, bool)> {
        let mut said: Vec<_> = dataset.samples.iter().map(|s| (s.file.clone(), s.label, s.is_excluded())).collect();
        said.sort();
        said
    }

    #[test]
    fn a_folder_with_the_table_carries_the_same_labels() {
        let (folder, photos, dataset) = bench();
        let table = folder.path().join("labels.csv");
        write(&dataset, &order(Form::Table, &table), &Unwatched).unwrap();
        assert!(fs::read_to_string(&table).unwrap().starts_with("file,label\n"));
        fs::copy(&table, photos.join("labels.csv")).unwrap();
        let again = scan::scan(&photos, &Unwatched).unwrap();
        assert_eq!(again.problems, []);
        assert_eq!(said(&again), said(&dataset));
        assert_eq!(again.corrected(), 0, "now it is found so");
    }

    #[test]
    fn tags_are_a_third_column_where_there_are_any() {
        let (_folder, _, mut dataset) = bench();
        dataset.samples[0].tags = vec!["joint".into(), "wet, oily".into()];
        let text = String::from_utf8(to_csv(&dataset).unwrap()).unwrap();
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some("file,label,tags"));
        assert!(text.contains("\nNegative/1.jpg,Positive,\"joint; wet, oily\"\n"), "{text}");
        assert!(text.contains("\nNegative/4.jpg,excluded,\n"), "{text}");
        assert!(!text.contains("other/5.jpg"), "nothing is said of it");
    }

    #[test]
    fn copies_carry_the_labels_in_force_and_names_that_clash_are_kept_apart() {
        let (folder, photos, dataset) = bench();
        let to = folder.path().join("new/copies");
        let exported = write(&dataset, &order(Form::Copies, &to), &Unwatched).unwrap();
        assert_eq!((exported.files, exported.problems.len()), (5, 0), "the excluded one is not copied");
        let copies = scan::scan(&to, &Unwatched).unwrap();
        assert_eq!([copies.count(Class::Positive), copies.count(Class::Negative), copies.samples.len()], [3, 0, 5]);
        let names: Vec<_> = copies.samples.iter().map(|sample| sample.file.as_str()).collect();
        let expected = [
            "Positive/2.jpg",
            "Positive/Negative_1.jpg",
            "Positive/Positive_1.jpg",
            "Unlabelled/3.jpg",
            "Unlabelled/5.jpg",
        ];
        assert_eq!(names, expected);
        assert_eq!(fs::read(to.join("Positive/Negative_1.jpg")).unwrap(), b"Negative/1.jpg");
        let date = |path: &Path| fs::metadata(path).unwrap().modified().unwrap();
        assert_eq!(date(&to.join("Positive/2.jpg")), date(&photos.join("Positive/2.jpg")));
    }

    #[test]
    fn nothing_is_replaced_and_nothing_lands_among_the_photos() {
        let (folder, photos, dataset) = bench();
        for form in [Form::Table, Form::Copies] {
            let error = write(&dataset, &order(form, &photos.join("new")), &Unwatched).unwrap_err();
            assert!(error.title().contains("lies inside the photos"), "{error}");
        }
        let (file, full) = (folder.path().join("mine.csv"), folder.path().join("mine"));
        fs::write(&file, "mine").unwrap();
        fs::create_dir(&full).unwrap();
        fs::write(full.join("a"), "mine").unwrap();
        for (form, path) in [(Form::Table, &file), (Form::Copies, &full), (Form::Copies, &file)] {
            let error = write(&dataset, &order(form, path), &Unwatched).unwrap_err();
            assert!(error.advice().unwrap().contains("nothing is replaced"), "{error}");
        }
        assert_eq!(fs::read(&file).unwrap(), b"mine");
        fs::remove_file(full.join("a")).unwrap();
        assert!(write(&dataset, &order(Form::Copies, &full), &Unwatched).is_ok(), "an empty folder may be filled");
    }

    #[test]
    fn what_is_cancelled_leaves_nothing_and_a_photo_that_is_gone_is_told_of() {
        struct Stopped;
        impl Watch for Stopped {
            fn progress(&self, _: Progress) {}
            fn is_cancelled(&self) -> bool {
                true
            }
        }
        let (folder, photos, dataset) = bench();
        let to = folder.path().join("copies");
        assert!(write(&dataset, &order(Form::Copies, &to), &Stopped).unwrap_err().is_cancelled());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "only the photos are there");
        fs::remove_file(photos.join("Positive/2.jpg")).unwrap();
        let exported = write(&dataset, &order(Form::Copies, &to), &Unwatched).unwrap();
        assert_eq!((exported.files, exported.problems.len()), (4, 1));
        assert_eq!(exported.problems[0].file, "Positive/2.jpg");
    }
}
