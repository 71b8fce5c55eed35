//! A `.zip` of photos in the place of a folder, in every command, and folders of tensors as courses hand them out.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::Value;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::command_line::{crackscope, json, stderr, text_of};
use super::shared::samples;

/// The sample photos as somebody else would hand them on: in a folder in a `.zip`.
fn archive(home: &Path) -> PathBuf {
    let path = home.join("handed on.zip");
    let mut writer = ZipWriter::new(File::create(&path).unwrap());
    for class in ["Positive", "Negative"] {
        for entry in fs::read_dir(samples().join(class)).unwrap() {
            let entry = entry.unwrap();
            let name = format!("concrete/{class}/{}", entry.file_name().to_str().unwrap());
            writer.start_file(name, SimpleFileOptions::default()).unwrap();
            writer.write_all(&fs::read(entry.path()).unwrap()).unwrap();
        }
    }
    writer.finish().unwrap();
    path
}

fn unpacked(home: &Path) -> PathBuf {
    home.join("cache/crackscope/unpacked")
}

fn files_below(folder: &Path) -> usize {
    walkdir::WalkDir::new(folder).into_iter().flatten().filter(|entry| entry.file_type().is_file()).count()
}

#[test]
fn every_command_takes_an_archive_for_a_folder() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let zip = archive(home);
    let zip = text_of(&zip);

    let first = crackscope(home, &["scan", zip, "--quick"]);
    assert!(stderr(&first).contains("Unpacking: 48 of 48"), "{}", stderr(&first));
    let again = crackscope(home, &["scan", zip, "--quick"]);
    assert!(!stderr(&again).contains("Unpacking"), "{}", stderr(&again));
    let scanned = json(home, &["scan", zip]);
    assert_eq!((&scanned["photos"], &scanned["positive"]), (&48.into(), &24.into()));
    assert_eq!((&scanned["folders"][0], &scanned["verdict"]["trainable"]), (&zip.into(), &true.into()));

    let train = ["train", zip, "--out", "run", "--weights", "random", "--epochs", "2"];
    json(home, &train);
    let config = fs::read_to_string(home.join("run/config.toml")).unwrap();
    assert!(config.contains("handed on.zip") && !config.contains("unpacked"), "{config}");
    let table = fs::read_to_string(home.join("run/predictions.csv")).unwrap();
    assert!(table.contains(",concrete/Positive/00001.jpg,"), "{table}");

    assert_eq!(json(home, &["evaluate", "run", zip])["photos"], 48);
    let from_folder = json(home, &["classify", "run", text_of(&samples())]);
    let from_archive = json(home, &["classify", "run", zip]);
    let said = |value: &Value| -> Vec<Value> {
        value["predictions"].as_array().unwrap().iter().map(|p| p["p_positive"].clone()).collect()
    };
    assert_eq!(said(&from_archive), said(&from_folder));
    assert_eq!(json(home, &["classify", zip])["photos"], 48, "the bundled model");

    // Whoever empties the cache finds the photos again.
    fs::remove_dir_all(unpacked(home)).unwrap();
    let exported = json(home, &["export", "run", "--to", "out", "--copies", "--contact-sheet", "--scope", "all"]);
    assert_eq!(exported["problems"], Value::Array(Vec::new()), "{exported}");
    assert_eq!(files_below(&unpacked(home)), 49, "48 photos and a note");
    let wrong = fs::read_to_string(home.join("run/misclassified.csv")).unwrap().lines().count() - 1;
    assert!(files_below(&home.join("out")) >= wrong.min(1));

    // Without the archive tables can still be written.
    fs::remove_file(zip).unwrap();
    fs::remove_dir_all(unpacked(home)).unwrap();
    let without = crackscope(home, &["export", "run", "--to", "tables", "--csv"]);
    assert!(without.status.success() && stderr(&without).contains("There is no file"), "{}", stderr(&without));
    let gone = crackscope(home, &["train", zip, "--out", "other"]);
    assert_eq!(gone.status.code(), Some(1));
}

#[test]
fn tensors_mixed_with_photos_are_trained_on_and_copied_as_they_are() {
    #[derive(serde::Deserialize)]
    struct Cases {
        inputs: Vec<Case>,
    }
    #[derive(serde::Deserialize)]
    struct Case {
        file: String,
    }
    use base64::Engine;
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let text = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tensor_cases.json")).unwrap();
    let cases: Cases = serde_json::from_str(&text).unwrap();
    let from = samples();
    for class in ["Positive", "Negative"] {
        let folder = home.join("mixed").join(format!("{class}_tensors"));
        fs::create_dir_all(&folder).unwrap();
        for n in 1..=8 {
            fs::copy(from.join(format!("{class}/{n:05}.jpg")), folder.join(format!("{n}.jpg"))).unwrap();
        }
        // The same tensors under both labels, so that some are bound to be misclassified.
        for (n, case) in cases.inputs.iter().enumerate() {
            let bytes = base64::engine::general_purpose::STANDARD.decode(&case.file).unwrap();
            fs::write(folder.join(format!("{n}.pt")), bytes).unwrap();
        }
    }
    let scanned = json(home, &["scan", "mixed"]);
    assert_eq!((&scanned["photos"], &scanned["unreadable"]), (&26.into(), &Value::Array(Vec::new())));
    json(home, &["train", "mixed", "--out", "run", "--weights", "random", "--epochs", "1", "--split", "random"]);
    json(home, &["export", "run", "--to", "out", "--copies", "--contact-sheet", "--scope", "all"]);
    let copies: Vec<_> = walkdir::WalkDir::new(home.join("out"))
        .into_iter()
        .flatten()
        .filter(|entry| entry.path().extension().is_some_and(|extension| extension == "pt"))
        .collect();
    assert!(!copies.is_empty());
    for copy in copies {
        let bytes = fs::read(copy.path()).unwrap();
        let known = cases.inputs.iter().any(|c| base64::engine::general_purpose::STANDARD.encode(&bytes) == c.file);
        assert!(known, "{}", copy.path().display());
    }
    let sheet = walkdir::WalkDir::new(home.join("out"))
        .into_iter()
        .flatten()
        .find(|e| e.file_name().to_string_lossy().starts_with("contact"));
    assert!(sheet.is_some());
}
