//! The program as a user calls it: texts, JSON, exit statuses and files.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crackscope::nn::bundled;
use serde_json::Value;

use super::shared::samples;

/// The program with folders of its own below `home` and no network.
pub(super) fn crackscope(home: &Path, arguments: &[&str]) -> Output {
    program(home).args(arguments).output().unwrap()
}

/// The same, to be given its arguments.
pub(super) fn program(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crackscope"));
    command
        .current_dir(home)
        .env("HOME", home)
        .env("XDG_CACHE_HOME", home.join("cache"))
        .env("XDG_DATA_HOME", home.join("data"))
        .env("XDG_CONFIG_HOME", home.join("config"))
        .env("HF_HOME", home.join("hub"))
        .env("HF_HUB_OFFLINE", "1")
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY");
    command
}

pub(super) fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub(super) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

pub(super) fn json(home: &Path, arguments: &[&str]) -> Value {
    let arguments = [arguments, &["--json", "--quiet"]].concat();
    serde_json::from_str(&stdout(&crackscope(home, &arguments))).unwrap()
}

/// The text with every number as `#`, runs of spaces as one and the folder `home` as `HOME`, without lines that say how
/// far a job is or name the processor: what does not depend on machine and time.
fn template(text: &str, home: &Path) -> String {
    let text = text.replace(&home.display().to_string(), "HOME");
    let lines = text.lines().filter(|line| !line.ends_with(" left") && !line.starts_with("Training on"));
    let mut out = String::new();
    for c in lines.flat_map(|line| line.chars().chain(['\n'])) {
        let last = out.chars().last();
        match c {
            ' ' if last == Some(' ') => {}
            '0'..='9' if last == Some('#') => {}
            '0'..='9' => out.push('#'),
            // The point within a number.
            '.' | ',' if last == Some('#') => out.push(c),
            _ => out.push(c),
        }
    }
    out.replace("#.#", "#").replace("#,#", "#")
}

pub fn text_of(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn help_tells_what_there_is() {
    let home = tempfile::tempdir().unwrap();
    insta::assert_snapshot!("help", stdout(&crackscope(home.path(), &["--help"])));
    for command in [
        "demo",
        "scan",
        "train",
        "labels",
        "find-lr",
        "cross-validate",
        "sites",
        "duplicates",
        "leaks",
        "suspects",
        "evaluate",
        "classify",
        "inspect",
        "export",
        "weights",
        "model",
        "runs",
    ] {
        let help = stdout(&crackscope(home.path(), &[command, "--help"]));
        insta::assert_snapshot!(format!("help_{command}"), help);
    }
}

#[test]
fn without_a_display_one_sentence_names_the_demonstration() {
    let home = tempfile::tempdir().unwrap();
    let output = crackscope(home.path(), &[]);
    assert_eq!(output.status.code(), Some(1));
    insta::assert_snapshot!("no_display", stderr(&output));
}

#[test]
fn wrong_arguments_end_with_status_2() {
    let home = tempfile::tempdir().unwrap();
    for arguments in [
        &["scan"][..],
        &["train", "x", "--epochs", "many"],
        &["nonsense", "scan", "x"],
        &["--threads", "0", "scan", "x"],
    ] {
        assert_eq!(crackscope(home.path(), arguments).status.code(), Some(2), "{arguments:?}");
    }
    let output = crackscope(home.path(), &["train", text_of(&samples()), "--out", "run", "--epochs", "0"]);
    assert_eq!(output.status.code(), Some(2));
    insta::assert_snapshot!("no_epochs", stderr(&output));
}

#[test]
fn what_is_not_there_is_said_with_status_1() {
    let home = tempfile::tempdir().unwrap();
    let missing = crackscope(home.path(), &["scan", "nowhere"]);
    assert_eq!(missing.status.code(), Some(1));
    insta::assert_snapshot!("no_folder", stderr(&missing));
    fs::create_dir(home.path().join("empty")).unwrap();
    insta::assert_snapshot!("empty_folder", stderr(&crackscope(home.path(), &["scan", "empty"])));
    insta::assert_snapshot!(
        "no_run",
        stderr(&crackscope(home.path(), &["evaluate", "empty", text_of(&samples()), "--quiet"]))
    );
}

#[test]
fn without_network_it_says_how_to_give_weights() {
    let home = tempfile::tempdir().unwrap();
    let output =
        crackscope(home.path(), &["train", text_of(&samples()), "--out", "run", "--weights", "imagenet", "--quiet"]);
    assert_eq!(output.status.code(), Some(1));
    insta::assert_snapshot!("no_weights", template(&stderr(&output), home.path()));
    assert!(!home.path().join("run").exists());
}

#[test]
fn scan_tells_what_a_folder_holds() {
    let home = tempfile::tempdir().unwrap();
    let photos = home.path().join("photos");
    let from = samples();
    for (to, source) in [
        ("Positive/1.jpg", "Positive/00001.jpg"),
        ("Positive/2.JPG", "Positive/00002.jpg"),
        ("Negative/1.jpg", "Negative/00001.jpg"),
        ("Negative/copy.jpg", "Negative/00001.jpg"),
        ("Negative/cracked after all.jpg", "Positive/00001.jpg"),
        (".hidden.jpg", "Negative/00002.jpg"),
    ] {
        let to = photos.join(to);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from.join(source), to).unwrap();
    }
    fs::write(photos.join("Negative/torn.jpg"), &fs::read(from.join("Negative/00003.jpg")).unwrap()[..3000]).unwrap();
    fs::write(photos.join("notes.txt"), "site visit").unwrap();
    insta::assert_snapshot!("scan", stdout(&crackscope(home.path(), &["scan", "photos", "--quiet"])));
    let json = json(home.path(), &["scan", "photos"]);
    assert_eq!((&json["photos"], &json["positive"], &json["negative"]), (&6.into(), &2.into(), &4.into()));
    assert_eq!(json["unreadable"][0]["file"], "Negative/torn.jpg");
    assert_eq!(json["duplicates"].as_array().unwrap().len(), 2);
    assert_eq!(json["conflicts"].as_array().unwrap().len(), 1);
    assert_eq!(json["layout"], "class-folders");
}

#[test]
fn model_lists_the_layers() {
    let home = tempfile::tempdir().unwrap();
    insta::assert_snapshot!("model", stdout(&crackscope(home.path(), &["model", "resnet18"])));
    assert_eq!(json(home.path(), &["model", "resnet18"])["parameters"], 11_177_538);
    let deeper = json(home.path(), &["model", "mobilenet_v2", "--tune", "last-block"]);
    assert_eq!((&deeper["trained_parameters"], &deeper["tune"]), (&1_683_906.into(), &"last-block".into()));
    let parts = deeper["parts"].as_array().unwrap();
    assert_eq!((parts.len(), &parts[20]["kind"]), (21, &"head".into()));
    let sum: u64 = parts.iter().map(|part| part["parameters"].as_u64().unwrap()).sum();
    assert_eq!(deeper["parameters"], sum);
}

#[test]
fn model_looks_into_weights() {
    let home = tempfile::tempdir().unwrap();
    let photo = samples().join("Positive/00001.jpg");
    let run =
        |arguments: &[&str]| stdout(&crackscope(home.path(), &[&["model", "bundled", "--quiet"], arguments].concat()));
    let text = run(&["--histograms"]);
    let first = text.lines().find(|line| line.starts_with("conv1.weight")).unwrap();
    assert!(first.contains("9,408") && first.contains('█'), "{first}");
    let text = run(&["--drawing", "net.svg", "--filters", "f.png", "--maps", text_of(&photo), "--to", "maps"]);
    insta::assert_snapshot!(
        "model_files",
        text.lines().skip_while(|l| !l.starts_with("Drawing")).collect::<Vec<_>>().join("\n")
    );
    assert!(fs::read_to_string(home.path().join("net.svg")).unwrap().ends_with("</svg>\n"));
    let sheet = |name: &str| image::open(home.path().join(name)).unwrap().to_rgb8();
    assert_eq!(sheet("f.png").dimensions(), (8 * 60 + 4, 8 * 60 + 4));
    assert_eq!(fs::read_dir(home.path().join("maps")).unwrap().count(), 9);
    assert_eq!(sheet("maps/maps_08_layer4.1.png").width(), 23 * 60 + 4);
    let found = json(home.path(), &["model", "bundled", "--histograms", "--drawing", "net.png"]);
    let counts = |tensor: &Value| {
        tensor["histogram"]["counts"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).sum::<u64>()
    };
    let weights = found["weights"].as_array().unwrap();
    assert!(weights.iter().all(|tensor| tensor["count"] == counts(tensor)));
    assert_eq!(weights.iter().map(counts).sum::<u64>(), 11_177_538);
    assert!(sheet("net.png").width() > 1000);
}

#[test]
fn model_says_what_it_cannot_look_into() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("empty.pth"), "").unwrap();
    let photo = samples().join("Positive/00001.jpg");
    let inside = samples().join("Positive/maps");
    let cases: [(&[&str], i32); 6] = [
        (&["resnet18", "--histograms"], 2),
        (&["nowhere"], 2),
        (&["empty.pth"], 1),
        (&["resnet18", "--drawing", "net.pdf"], 2),
        (&["bundled", "--filters", "filters.svg"], 2),
        (&["bundled", "--maps", text_of(&photo), "--to", text_of(&inside)], 2),
    ];
    let mut said = String::new();
    for (arguments, status) in cases {
        let output = crackscope(home.path(), &[&["model"], arguments].concat());
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {}", stderr(&output));
        said += &stderr(&output);
    }
    // The samples' folder is named by where the tests are built.
    let said = said.replace(text_of(&samples()), "SAMPLES");
    insta::assert_snapshot!("model_refuses", said);
    assert!(!inside.exists(), "nothing is written among the photos");
}

#[test]
fn weights_are_listed_with_what_is_on_this_machine() {
    let home = tempfile::tempdir().unwrap();
    insta::assert_snapshot!("weights_list", stdout(&crackscope(home.path(), &["weights", "list"])));
    let verified = stdout(&crackscope(home.path(), &["weights", "verify"]));
    insta::assert_snapshot!("weights_verify", verified.replace(bundled::sha256(), "SHA"));
    let unknown = crackscope(home.path(), &["weights", "fetch", "vgg"]);
    assert_eq!(unknown.status.code(), Some(2));
}

#[test]
fn without_a_run_the_programs_own_model_looks_at_photos() {
    let home = tempfile::tempdir().unwrap();
    let photos = samples();
    let said = json(home.path(), &["classify", text_of(&photos)]);
    assert_eq!(said["photos"], json(home.path(), &["scan", text_of(&photos)])["photos"]);
    assert_eq!(json(home.path(), &["classify", "bundled", text_of(&photos)])["predictions"], said["predictions"]);
    let metrics = json(home.path(), &["evaluate", text_of(&photos)]);
    assert!(metrics["balanced_accuracy"].as_f64().unwrap() > 0.7, "{metrics}");
    assert_eq!(json(home.path(), &["model", "bundled"])["backbone"], "resnet18");
    let alone = crackscope(home.path(), &["classify", "bundled"]);
    assert_eq!(alone.status.code(), Some(2));
    insta::assert_snapshot!("no_photos_given", stderr(&alone));
}

#[test]
fn the_whole_job_runs_without_a_window() {
    let home = tempfile::tempdir().unwrap();
    let photos = samples();
    let train = ["train", text_of(&photos), "--out", "run", "--epochs", "3", "--batch-size", "8"];
    let output = crackscope(home.path(), &train);
    insta::assert_snapshot!("train", template(&stdout(&output), home.path()));
    insta::assert_snapshot!("train_progress", template(&stderr(&output), home.path()));

    let again = crackscope(home.path(), &train);
    assert_eq!(again.status.code(), Some(1));
    insta::assert_snapshot!("run_exists", stderr(&again));

    let figures = json(home.path(), &["evaluate", "run", text_of(&photos)]);
    for key in [
        "photos",
        "unreadable",
        "threshold",
        "accuracy",
        "balanced_accuracy",
        "precision",
        "recall",
        "f1",
        "mcc",
        "auroc",
        "average_precision",
        "ece",
        "confusion",
    ] {
        assert!(!figures[key].is_null(), "{key} in {figures}");
    }
    assert_eq!(figures["photos"], 48);
    let confusion: [[usize; 2]; 2] = serde_json::from_value(figures["confusion"].clone()).unwrap();
    assert_eq!(confusion.iter().flatten().sum::<usize>(), 48);

    classify_in_shards(home.path(), &photos);
    export(home.path());
}

#[test]
fn a_run_goes_on_in_the_precision_that_it_began_in() {
    let home = tempfile::tempdir().unwrap();
    let photos = samples();
    let train = |arguments: &[&str]| {
        let all = [&["train", text_of(&photos), "--out", "run", "--quiet"], arguments].concat();
        crackscope(home.path(), &all)
    };
    stdout(&train(&["--epochs", "1", "--precision", "f32"]));
    let config = fs::read_to_string(home.path().join("run/config.toml")).unwrap();
    assert!(config.contains("precision = \"f32\""), "{config}");
    // Refused, because the features would be others or because the processor has none such.
    let other = train(&["--resume", "--epochs", "2", "--precision", "bf16"]);
    assert!(!other.status.success());
    assert!(stderr(&other).contains("bf16"), "{}", stderr(&other));
    stdout(&train(&["--resume", "--epochs", "2", "--precision", "auto"]));
    assert_eq!(fs::read_to_string(home.path().join("run/results.csv")).unwrap().lines().count(), 3);
}

#[test]
fn a_learning_rate_is_suggested() {
    let home = tempfile::tempdir().unwrap();
    let photos = samples();
    let find = ["find-lr", text_of(&photos), "--seed", "1", "--to", "0.1", "--csv", "steps.csv"];
    insta::assert_snapshot!("find_lr", template(&stdout(&crackscope(home.path(), &find)), home.path()));
    let found = json(home.path(), &find);
    let rate = found["suggestion"]["learning_rate"].as_f64().unwrap();
    assert!((1e-4..1.0).contains(&rate), "{rate}");
    let steps = fs::read_to_string(home.path().join("steps.csv")).unwrap();
    assert_eq!(steps.lines().next(), Some("learning_rate,loss,smoothed"));
    assert_eq!(steps.lines().count(), found["steps"].as_array().unwrap().len() + 1);
    let inside = photos.join("steps.csv");
    let refused = crackscope(home.path(), &["find-lr", text_of(&photos), "--csv", text_of(&inside), "--quiet"]);
    assert_eq!((refused.status.code(), inside.exists()), (Some(2), false));
    let backwards = crackscope(home.path(), &["find-lr", text_of(&photos), "--from", "1", "--to", "0.1"]);
    assert_eq!(backwards.status.code(), Some(2));
}

#[test]
fn folds_are_told_figure_by_figure() {
    let home = tempfile::tempdir().unwrap();
    let photos = samples();
    let validate = ["cross-validate", text_of(&photos), "--folds", "3", "--epochs", "3", "--csv", "out of fold.csv"];
    insta::assert_snapshot!("cross_validate", template(&stdout(&crackscope(home.path(), &validate)), home.path()));
    let found = json(home.path(), &validate);
    assert_eq!(found["folds"].as_array().unwrap().len(), 3);
    let accuracy = &found["figures"]["accuracy"];
    let [low, mean, high] = ["low", "mean", "high"].map(|key| accuracy[key].as_f64().unwrap());
    assert!((0.0..=mean).contains(&low) && (mean..=1.0).contains(&high), "{accuracy}");
    assert_eq!((accuracy["folds"].as_array().unwrap().len(), &found["together"]["photos"]), (3, &48.into()));
    let table = fs::read_to_string(home.path().join("out of fold.csv")).unwrap();
    assert!(table.starts_with("sample,file,split,true_label,predicted_label,p_positive,loss,fold\n"), "{table}");
    assert_eq!(table.lines().count(), 49);
    for (arguments, name) in [(["--folds", "25"], "too_many_folds"), (["--tune", "all"], "deeper_folds")] {
        let refused =
            crackscope(home.path(), &[&["cross-validate", text_of(&photos), "--quiet"], &arguments[..]].concat());
        assert!(!refused.status.success());
        insta::assert_snapshot!(name, stderr(&refused));
    }
}

/// Parts of the table, put together, are the table.
fn classify_in_shards(home: &Path, photos: &Path) {
    let classify = |arguments: &[&str]| {
        let all = [&["classify", "run", text_of(photos), "--quiet", "--csv"], arguments].concat();
        stdout(&crackscope(home, &all))
    };
    insta::assert_snapshot!("classify", template(&classify(&["whole.csv"]), home));
    let whole = fs::read_to_string(home.join("whole.csv")).unwrap();
    assert_eq!(whole.lines().count(), 49);
    let mut together = String::new();
    for shard in 1..=3 {
        let (name, part) = (format!("{shard}.csv"), format!("{shard}/3"));
        classify(&[&name, "--shard", &part]);
        together += &fs::read_to_string(home.join(name)).unwrap();
    }
    assert_eq!(together, whole);
}

fn export(home: &Path) {
    let export = || crackscope(home, &["export", "run", "--to", "out", "--scope", "all", "--quiet"]);
    insta::assert_snapshot!("export", template(&stdout(&export()), home));
    for file in ["misclassified.csv", "predictions.csv", "report.html"] {
        assert!(home.join("out").join(file).metadata().unwrap().len() > 0, "{file}");
    }
    let again = export();
    assert_eq!(again.status.code(), Some(1));
    assert!(stderr(&again).contains("nothing was written"), "{}", stderr(&again));
    export_model(home);
}

/// The model leaves as it lies in the run; the program's own goes alone.
fn export_model(home: &Path) {
    let model = |run: &str, to: &str, more: &[&str]| {
        crackscope(home, &[&["export", run, "--to", to, "--quiet"], more].concat())
    };
    stdout(&model("run", "model", &["--safetensors", "--onnx"]));
    let [file, own] = ["model", "run"].map(|folder| fs::read(home.join(folder).join("model.safetensors")).unwrap());
    assert!(file == own, "a run's model is not changed");
    let normalised = fs::read(home.join("model/model.onnx")).unwrap();

    let photos = samples();
    let inside = model("run", text_of(&photos.join("model")), &["--onnx"]);
    assert!(stderr(&inside).contains("lies inside the photos"), "{}", stderr(&inside));
    let again = model("run", "model", &["--onnx-normalize"]);
    assert!(stderr(&again).contains("model.onnx exists already"), "{}", stderr(&again));
    stdout(&model("run", "model", &["--onnx-normalize", "--overwrite"]));
    assert_ne!(fs::read(home.join("model/model.onnx")).unwrap(), normalised);

    stdout(&model("bundled", "bundled model", &["--safetensors"]));
    stdout(&model("bundled model/model.safetensors", "again", &["--safetensors"]));
    let [first, second] =
        ["bundled model", "again"].map(|to| fs::read(home.join(to).join("model.safetensors")).unwrap());
    assert!(first == second, "a model file leaves as it came");
    let results = model("bundled", "out of nothing", &[]);
    assert_eq!(results.status.code(), Some(2));
    insta::assert_snapshot!("no_results", stderr(&results));
    assert!(!home.join("out of nothing").exists());
}

#[test]
fn augmentation_is_asked_for_by_words_and_kept_in_the_run() {
    let home = tempfile::tempdir().unwrap();
    let folder = samples();
    let run = home.path().join("run");
    let train = |more: &[&str]| {
        let given =
            [&["train", text_of(&folder), "--weights", "random", "--epochs", "1", "--out", text_of(&run)], more];
        crackscope(home.path(), &given.concat())
    };
    for (given, says) in [
        (["--augment", "flip"].as_slice(), "no augmentation “flip”"),
        (&["--augment", "light,rotate=90"], "“rotate” must lie between 0 and 45"),
        (&["--augment", "light", "--variants", "17"], "between 1 and 16"),
        (&["--variants", "3"], "--variants needs an augmentation"),
    ] {
        let output = train(given);
        assert_eq!(output.status.code(), Some(2), "{given:?}");
        assert!(stderr(&output).contains(says), "{}", stderr(&output));
    }
    assert!(!run.exists());
    let output = train(&["--augment", "flips,turns,brightness=0.2", "--variants", "1", "--json"]);
    let told: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let computed = told["variants"]["computed"].as_u64().unwrap();
    assert!((38..=40).contains(&computed), "{computed}");
    assert!(stderr(&output).contains(&format!("Variants: {computed} computed")), "{}", stderr(&output));
    let config = fs::read_to_string(run.join("config.toml")).unwrap();
    assert!(config.contains("variants = 1\n") && config.contains("brightness = 0.2\n"), "{config}");
    let resumed = crackscope(home.path(), &["train", "--resume", "--out", text_of(&run), "--epochs", "2"]);
    assert_eq!(resumed.status.code(), Some(0), "{}", stderr(&resumed));
}
