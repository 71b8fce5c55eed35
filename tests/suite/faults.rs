//! What goes wrong on site: no room, folders that cannot be written to, photos that vanish, change or grow while they are
//! read, clocks that were set back, two copies of the program at once. Each is told, the rest goes on, nothing is lost.
//!
//! A disk is filled by a limit on the length of files, which needs neither rights nor a disk of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use crackscope::dataset::sample::{SampleConfig, write_samples};
use crackscope::dataset::{Dataset, scan};
use crackscope::error::Result;
use crackscope::job::{Phase, Progress, Unwatched, Watch};
use crackscope::places::Places;
use crackscope::train::config::{TrainConfig, Tune};
use crackscope::train::observer::{Event, Observer};
use crackscope::train::run_dir::{self, RunDir};
use crackscope::train::trainer::{self, TrainOutcome};

use super::command_line::{crackscope, json, program, stderr, stdout, text_of};
use super::shared::samples;

/// The program under a limit of the shell, such as `ulimit -f 40`. What goes beyond a length fails then, as on a full
/// disk, in place of ending the program.
fn limited(home: &Path, limit: &str, arguments: &[&str]) -> Output {
    let plain = program(home);
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("trap '' XFSZ; {limit}; exec \"$0\" \"$@\"")).arg(plain.get_program());
    command.args(arguments).current_dir(home);
    for (name, value) in plain.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.output().unwrap()
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = walkdir::WalkDir::new(folder).into_iter().flatten();
    entries.filter(|entry| entry.file_type().is_file()).map(walkdir::DirEntry::into_path).collect()
}

/// Fourteen small photos in a folder of their own.
fn photos(home: &Path) -> PathBuf {
    let folder = home.join("photos");
    write_samples(&folder, &SampleConfig { photos: 14, side: 64, seed: 3 }, &Unwatched).unwrap();
    folder
}

fn failed(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{}", stderr(output));
    let said = stderr(output);
    assert!(said.contains("crackscope: ") && said.contains(" → "), "what to do about it is missing: {said}");
    said
}

#[cfg(unix)]
#[test]
fn a_run_that_found_no_room_goes_on_once_there_is_some() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let photos = samples();
    let train = ["train", text_of(&photos), "--epochs", "3", "--cache", "cache", "--out"];
    stdout(&crackscope(home, &[&train[..], &["whole"]].concat()));
    // Room for all but the model.
    let said = failed(&limited(home, "ulimit -f 4000", &[&train[..], &["run"]].concat()));
    assert!(said.contains("Cannot write run/model.safetensors"), "{said}");
    assert!(home.join("run/last.safetensors").exists() && !home.join("run/predictions.csv").exists());
    let left = files(&home.join("run"));
    assert!(left.iter().all(|path| !path.to_string_lossy().ends_with(".part")), "{left:?}");
    stdout(&crackscope(home, &["train", "--resume", "--out", "run", "--cache", "cache"]));
    for file in [run_dir::PREDICTIONS, run_dir::MODEL] {
        assert!(fs::read(home.join("run").join(file)).unwrap() == fs::read(home.join("whole").join(file)).unwrap());
    }
}

#[cfg(unix)]
#[test]
fn a_cache_without_room_costs_time_and_nothing_else() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let photos = samples();
    let evaluate = ["evaluate", "bundled", text_of(&photos), "--json", "--cache"];
    let whole = stdout(&crackscope(home, &[&evaluate[..], &["whole"]].concat()));
    // A few of the 48 rows of 2 kB.
    let full = limited(home, "ulimit -f 20", &[&evaluate[..], &["full"]].concat());
    let figures = |text: &str| {
        let mut value: serde_json::Value = serde_json::from_str(text).unwrap();
        value.as_object_mut().unwrap().remove("features");
        value
    };
    assert_eq!(figures(&stdout(&full)), figures(&whole));
    // What is there is used, and the rest is added.
    assert_eq!(figures(&stdout(&crackscope(home, &[&evaluate[..], &["full"]].concat()))), figures(&whole));
}

#[cfg(unix)]
#[test]
fn labels_that_find_no_room_are_told_and_those_before_are_kept() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let photos = photos(home);
    let set = |photo: &str, label| ["labels", text_of(&photos), "--set", label, "--photo", photo].map(str::to_owned);
    let list = scan::scan(&photos, &Unwatched).unwrap();
    let mut kept = 0;
    let error = loop {
        let label = if kept % 2 == 0 { "unsure" } else { "excluded" };
        let arguments = set(&list.samples[0].file, label);
        let output = limited(home, "ulimit -f 2", &arguments.each_ref().map(String::as_str));
        if !output.status.success() {
            break failed(&output);
        }
        kept += 1;
        assert!(kept < 100, "there is room without end");
    };
    assert!(kept > 1 && error.contains("check that the disk has room"), "{kept}: {error}");
    let said = json(home, &["labels", text_of(&photos)]);
    let wanted = if kept % 2 == 1 { "unsure" } else { "excluded" };
    assert_eq!(said["corrections"][0]["label"], wanted, "{said}");
    assert_eq!(said["problems"].as_array().map(Vec::len), Some(0));
}

#[cfg(unix)]
#[test]
fn an_export_without_room_leaves_whole_files_alone() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    stdout(&crackscope(home, &["train", text_of(&samples()), "--epochs", "2", "--out", "run"]));
    let export = ["export", "run", "--csv", "--report", "--safetensors", "--overwrite", "--to"];
    stdout(&crackscope(home, &[&export[..], &["whole"]].concat()));
    let said = failed(&limited(home, "ulimit -f 4000", &[&export[..], &["full"]].concat()));
    assert!(said.contains("model.safetensors"), "{said}");
    for path in files(&home.join("full")) {
        let same = home.join("whole").join(path.file_name().unwrap());
        assert!(fs::read(&path).unwrap() == fs::read(same).unwrap(), "{} is torn", path.display());
    }
    stdout(&crackscope(home, &[&export[..], &["full"]].concat()));
}

#[test]
fn a_place_that_cannot_be_written_to_is_named() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let photos = samples();
    fs::write(home.join("in the way"), "a file").unwrap();
    let run = crackscope(home, &["train", text_of(&photos), "--epochs", "1", "--out", "in the way/run"]);
    assert!(failed(&run).contains("in the way/run"));
    // Without a cache the same is computed, and it is told that nothing is kept.
    let train = ["train", text_of(&photos), "--epochs", "1", "--cache", "in the way", "--out", "run"];
    let classify = ["classify", "run", text_of(&photos), "--cache", "in the way"];
    for command in [&train[..], &classify] {
        let output = crackscope(home, command);
        stdout(&output);
        assert!(stderr(&output).contains("Features are not kept: cannot write in the way/"), "{}", stderr(&output));
    }
}

/// Does something once, when a phase has begun, and notes what it is told.
struct Meddler<'a> {
    phase: Phase,
    meddle: Mutex<Option<Box<dyn FnOnce() + Send + 'a>>>,
    epoch: Option<usize>,
    notes: Mutex<Vec<String>>,
}

impl<'a> Meddler<'a> {
    fn during(phase: Phase, meddle: impl FnOnce() + Send + 'a) -> Self {
        Self { phase, meddle: Mutex::new(Some(Box::new(meddle))), epoch: None, notes: Mutex::default() }
    }

    fn after_epoch(epoch: usize, meddle: impl FnOnce() + Send + 'a) -> Self {
        Self { epoch: Some(epoch), ..Self::during(Phase::Download, meddle) }
    }

    fn meddle(&self) {
        if let Some(meddle) = self.meddle.lock().unwrap().take() {
            meddle();
        }
    }
}

impl Watch for Meddler<'_> {
    fn progress(&self, progress: Progress) {
        if progress.phase == self.phase {
            self.meddle();
        }
    }
}

impl Observer for Meddler<'_> {
    fn event(&self, event: Event) {
        match event {
            Event::Epoch { record, .. } if self.epoch == Some(record.epoch) => self.meddle(),
            Event::Note(note) => self.notes.lock().unwrap().push(note),
            _ => {}
        }
    }
}

fn train(dataset: &Dataset, home: &Path, run: &str, tune: Tune, observer: &dyn Observer) -> Result<TrainOutcome> {
    let config = TrainConfig { epochs: 3, batch_size: 4, ..TrainConfig::for_tune(tune) };
    let places = Places::below(home.join("own"));
    trainer::train(dataset, &config, &places, &home.join(run), home.join(run).exists(), observer)
}

struct Quiet;

impl Watch for Quiet {
    fn progress(&self, _: Progress) {}
}

impl Observer for Quiet {
    fn event(&self, _: Event) {}
}

#[test]
fn photos_that_vanish_end_a_run_with_a_word_and_it_goes_on_when_they_are_back() {
    for (tune, run) in [(Tune::Head, "head"), (Tune::LastBlock, "block"), (Tune::All, "all")] {
        let home = tempfile::tempdir().unwrap();
        let home = home.path();
        let (photos, away) = (photos(home), home.join("away"));
        let dataset = scan::scan(&photos, &Unwatched).unwrap();
        let pulled = || fs::rename(&photos, &away).unwrap();
        // What is kept of the photos is enough for all but the last.
        let meddler = match tune {
            Tune::Head => Meddler::during(Phase::Features, pulled),
            Tune::LastBlock => Meddler::during(Phase::Features, pulled),
            Tune::All => Meddler::after_epoch(1, pulled),
        };
        let error = train(&dataset, home, run, tune, &meddler).unwrap_err();
        let told = error.to_string();
        assert!(told.contains("not there any more") || told.contains("can no longer be read"), "{tune:?}: {told}");
        assert!(error.advice().is_some(), "{told}");
        fs::rename(&away, &photos).unwrap();
        let whole = train(&dataset, home, "whole", tune, &Quiet).unwrap();
        let resumed = train(&dataset, home, run, tune, &Quiet).unwrap();
        assert_eq!(resumed.predictions, whole.predictions, "{tune:?}");
    }
}

#[test]
fn a_photo_that_changes_or_grows_while_it_is_read_is_left_out_and_kept_nowhere() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let photos = photos(home);
    let dataset = scan::scan(&photos, &Unwatched).unwrap();
    let (one, other) = (&dataset.samples[1].path, &dataset.samples[9].path);
    let (before, another) = (fs::read(one).unwrap(), fs::read(other).unwrap());
    // Between the first look at all photos and the network's.
    let meddle = || {
        fs::write(one, &another).unwrap();
        fs::write(other, [&another[..], b"still being copied"].concat()).unwrap();
    };
    let outcome = train(&dataset, home, "run", Tune::Head, &Meddler::during(Phase::Features, meddle)).unwrap();
    let mut told: Vec<&str> = outcome.features.unreadable.iter().map(|problem| problem.file.as_str()).collect();
    told.sort_unstable();
    assert_eq!(told, [&dataset.samples[1].file, &dataset.samples[9].file]);
    assert!(outcome.features.unreadable.iter().all(|p| p.reason.contains("has changed since it was first read")));
    assert_eq!(outcome.predictions.len(), 12);
    // Nothing of the one was kept under the other's content.
    fs::write(one, before).unwrap();
    fs::write(other, another).unwrap();
    let now = train(&dataset, home, "again", Tune::Head, &Quiet).unwrap();
    assert_eq!((now.features.computed, now.features.cached), (2, 12));
    let fresh = tempfile::tempdir().unwrap();
    let places = Places::below(fresh.path());
    let config = TrainConfig { epochs: 3, batch_size: 4, ..TrainConfig::default() };
    let never = trainer::train(&dataset, &config, &places, &home.join("fresh"), false, &Quiet).unwrap();
    assert_eq!(now.predictions, never.predictions);
}

#[test]
fn two_copies_of_the_program_share_a_cache_and_no_run() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let photos = samples();
    let start = |run: &str| {
        let mut command = program(home);
        command.args(["train", text_of(&photos), "--epochs", "3", "--cache", "cache", "--out", run]);
        command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::piped()).spawn().unwrap()
    };
    let both = [start("one"), start("two")].map(|child| child.wait_with_output().unwrap());
    assert!(both.iter().all(|output| output.status.success()), "{both:?}");
    let said = |run: &str| fs::read(home.join(run).join(run_dir::PREDICTIONS)).unwrap();
    assert!(said("one") == said("two"));
    let again = json(home, &["train", text_of(&photos), "--epochs", "3", "--cache", "cache", "--out", "three"]);
    assert_eq!(again["features"]["computed"], 0, "what one of them kept is whole");
    assert!(said("three") == said("one"));

    // And into one run: one of them gets it.
    let both = [start("same"), start("same")].map(|child| child.wait_with_output().unwrap());
    let refused: Vec<String> = both.iter().filter(|output| !output.status.success()).map(stderr).collect();
    assert_eq!(refused.len(), 1, "{both:?}");
    let words = ["is being trained or changed", "holds files already"];
    assert!(words.iter().any(|words| refused[0].contains(words)), "{refused:?}");
    assert!(said("same") == said("one"));
}

/// The parts of a folder of samples, of which the first is classified alone, and the others while another program writes
/// the cache. Gives the cache's file, and what the others left beside it.
fn classified_in_parts(home: &Path) -> (PathBuf, Vec<PathBuf>) {
    let classify = |part: &str, csv: &str| {
        let mut command = program(home);
        command.args(["classify", "bundled", text_of(&samples()), "--shard", part, "--csv", csv, "--quiet"]);
        let (out, err) = (std::process::Stdio::piped(), std::process::Stdio::piped());
        command.args(["--cache", "cache"]).stdout(out).stderr(err).spawn().unwrap()
    };
    let ends_well = |child: std::process::Child| stdout(&child.wait_with_output().unwrap());
    ends_well(classify("1/3", "1.csv"));
    let [file] = &files(&home.join("cache/features"))[..] else { panic!("one file") };
    let held = fs::File::options().write(true).open(file).unwrap();
    held.lock().unwrap();
    for part in [classify("2/3", "2.csv"), classify("3/3", "3.csv")] {
        ends_well(part);
    }
    let beside = files(&home.join("cache/features")).into_iter().filter(|other| other != file).collect();
    (file.clone(), beside)
}

#[test]
fn parts_that_share_a_cache_keep_all_that_they_compute() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let (file, beside) = classified_in_parts(home);
    let length = |path: &PathBuf| fs::metadata(path).unwrap().len();
    assert!(!beside.is_empty(), "the second and the third part found the file being written");
    // Rows of 512 numbers, each with its key and checksum, after the header.
    let (header, row) = (16, 32 + 4 * 512 + 4);
    assert_eq!(length(&file), header + 16 * row);
    assert_eq!(beside.iter().map(|segment| length(segment) - header).sum::<u64>(), 32 * row);
    let train = |run| json(home, &["train", text_of(&samples()), "--epochs", "1", "--cache", "cache", "--out", run]);
    let features = &train("one")["features"];
    assert_eq!((&features["computed"], &features["cached"]), (&0.into(), &48.into()));
    assert_eq!(length(&file), header + 48 * row);
    assert!(beside.iter().all(|segment| length(segment) == header), "what was taken in is not there twice");

    let parts: String = (1..=3).map(|part| fs::read_to_string(home.join(format!("{part}.csv"))).unwrap()).collect();
    stdout(&crackscope(home, &["classify", "bundled", text_of(&samples()), "--csv", "whole.csv", "--cache", "new"]));
    assert!(parts == fs::read_to_string(home.join("whole.csv")).unwrap());
}

#[cfg(unix)]
#[test]
fn what_finds_no_room_in_a_cache_stays_beside_it() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let (file, beside) = classified_in_parts(home);
    let before: Vec<Vec<u8>> = beside.iter().map(|segment| fs::read(segment).unwrap()).collect();
    let photos = samples();
    let evaluate = ["evaluate", "bundled", text_of(&photos), "--cache", "cache", "--json"];
    // More than the 16 rows of 2 kB that are there, and less than all 48.
    let full = limited(home, "ulimit -f 72", &evaluate);
    let figures = stdout(&full);
    assert!(fs::metadata(&file).unwrap().len() < 48 << 11, "there was no room");
    assert!(beside.iter().zip(&before).all(|(segment, before)| fs::read(segment).unwrap() == *before));
    assert_eq!(stdout(&crackscope(home, &evaluate)), figures);
    assert!(fs::metadata(&file).unwrap().len() > 48 << 11, "there is room by now");
}

#[test]
fn a_run_that_is_being_written_is_left_alone_by_others() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    stdout(&crackscope(home, &["train", text_of(&samples()), "--epochs", "2", "--out", "run"]));
    let before: Vec<_> = files(&home.join("run")).iter().map(|path| fs::read(path).unwrap()).collect();
    let (_held, _) = RunDir::reopen(&home.join("run")).unwrap();
    for arguments in [&["train", "--resume", "--out", "run", "--epochs", "3"][..], &["threshold", "run", "--at", "0.9"]]
    {
        assert!(failed(&crackscope(home, arguments)).contains("is being trained"), "{arguments:?}");
    }
    let after: Vec<_> = files(&home.join("run")).iter().map(|path| fs::read(path).unwrap()).collect();
    assert!(before == after);
}

#[test]
fn a_clock_that_was_set_back_changes_nothing() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let photos = photos(home);
    let tomorrow = SystemTime::now() + Duration::from_secs(3 * 365 * 86_400);
    let set_ahead = |folder: &Path| {
        for path in files(folder) {
            fs::File::options().append(true).open(path).unwrap().set_modified(tomorrow).unwrap();
        }
    };
    let train = |run: &str| {
        let arguments = ["train", text_of(&photos), "--epochs", "2", "--out", run];
        stdout(&crackscope(home, &arguments));
        fs::read(home.join(run).join(run_dir::PREDICTIONS)).unwrap()
    };
    set_ahead(&photos);
    let ahead = train("ahead");
    // Everything that the program has kept is from the future now.
    set_ahead(home);
    assert!(train("now") == ahead);
    stdout(&crackscope(home, &["train", "--resume", "--out", "ahead", "--epochs", "3"]));
    assert_eq!(json(home, &["runs", text_of(home)])["runs"].as_array().map(Vec::len), Some(2));
    // A change of a label is the last one, whatever the clock says.
    let file = scan::scan(&photos, &Unwatched).unwrap().samples[0].file.clone();
    let label = |label: &str| json(home, &["labels", text_of(&photos), "--set", label, "--photo", &file]);
    label("unsure");
    set_ahead(home);
    assert_eq!(label("excluded")["corrections"][0]["label"], "excluded");
    assert_eq!(json(home, &["labels", text_of(&photos), "--undo"])["corrections"][0]["label"], "unsure");
}

#[cfg(target_os = "linux")]
#[test]
fn too_little_memory_ends_the_program_and_costs_nothing_else() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let train = ["train", text_of(&samples()), "--epochs", "3", "--cache", "cache", "--out"].map(str::to_owned);
    let with = |run: &str| [&train[..], &[run.to_owned()]].concat();
    let texts = |arguments: &[String]| arguments.to_vec();
    let whole = texts(&with("whole"));
    stdout(&crackscope(home, &whole.iter().map(String::as_str).collect::<Vec<_>>()));
    for megabytes in [60, 120, 200, 300] {
        let run = format!("run {megabytes}");
        let arguments = texts(&with(&run));
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let limited_to = |arguments: &[&str]| limited(home, &format!("ulimit -v {}", megabytes * 1024), arguments);
        let limited = limited_to(&arguments);
        if !limited.status.success() {
            // Where not even its code fits, the system ends it without one.
            let loads = limited_to(&["--version"]).status.success();
            assert!(!loads || !limited.stderr.is_empty(), "it ends with a word");
            let run = home.join(&run);
            if run.join(run_dir::CONFIG).exists() {
                stdout(&crackscope(home, &["train", "--resume", "--cache", "cache", "--out", text_of(&run)]));
            } else {
                stdout(&crackscope(home, &arguments));
            }
        }
        let said = |run: &Path| fs::read(run.join(run_dir::PREDICTIONS)).unwrap();
        assert!(said(&home.join(&run)) == said(&home.join("whole")), "with {megabytes} MB");
    }
}
