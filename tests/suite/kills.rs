//! The program killed at any moment: what it said was done is there, no half file is taken for a whole one, and a run
//! that goes on ends as one that nobody disturbed.
//!
//! Moments are drawn over the whole length of each job, by a fixed seed. There are few of them as a rule;
//! `CRACKSCOPE_KILLS=200` has as many, those of `labels` among them, and another dozen of programs that share a cache.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use candle_core::Device;
use crackscope::app::settings::{Settings, ThemeChoice};
use crackscope::dataset::group::content_keys;
use crackscope::dataset::scan;
use crackscope::job::Unwatched;
use crackscope::nn::state_dict::StateDict;
use crackscope::review::predictions;
use crackscope::train::cache::FeatureCache;
use crackscope::train::run_dir::{self, Run};

use super::command_line::{program, text_of};
use super::shared::{places, samples};

/// How often the program is killed in a test that asks for `share` of every hundred kills; `few` without the variable.
pub fn count(share: u64, few: u64) -> u64 {
    match std::env::var("CRACKSCOPE_KILLS").ok().and_then(|all| all.parse::<u64>().ok()) {
        Some(all) => (all * share).div_ceil(100),
        None => few,
    }
}

/// Numbers that look random and are the same on every machine.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound.max(1)
    }

    fn part_of(&mut self, length: Duration) -> Duration {
        Duration::from_micros(self.below(length.as_micros() as u64))
    }
}

/// One at a time: moments are drawn from how long a job takes when nothing else runs.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A process whose standard error is read.
struct Started {
    child: Child,
    reader: JoinHandle<Vec<String>>,
}

/// What came of it.
struct Ended {
    /// The lines that it had written, the last one perhaps torn.
    lines: Vec<String>,
    /// Whether it came to its own end, and well.
    finished: bool,
}

impl Started {
    fn of(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let read = move || lines.map_while(Result::ok).collect();
        Self { child, reader: Builder::new().name("lines".to_owned()).spawn(read).unwrap() }
    }

    /// Kills it after `delay`, unless it has ended by then.
    fn killed_after(mut self, delay: Duration) -> Ended {
        let begun = Instant::now();
        while begun.elapsed() < delay && self.child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_micros(500));
        }
        self.child.kill().unwrap();
        let status = self.child.wait().unwrap();
        let lines = self.reader.join().unwrap();
        assert!(status.success() || status.code().is_none(), "it failed by itself: {}", lines.join("\n"));
        Ended { lines, finished: status.success() }
    }

    /// Waits for its end.
    fn undisturbed(self) -> Ended {
        let ended = self.killed_after(Duration::from_secs(600));
        assert!(ended.finished, "{}", ended.lines.join("\n"));
        ended
    }
}

/// How long a job takes when nobody disturbs it.
fn length_of(command: &mut Command) -> Duration {
    let begun = Instant::now();
    Started::of(command).undisturbed();
    begun.elapsed()
}

/// Files of a folder, those that are written for a moment left out.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            files.extend(self::files(&entry.path()));
        } else if !entry.file_name().to_string_lossy().starts_with(".crackscope-") {
            files.push(entry.path());
        }
    }
    files.sort();
    files
}

/// A command that trains, and the run that it leaves when nobody disturbs it.
struct Training {
    home: tempfile::TempDir,
    arguments: Vec<String>,
    /// Whether the photos have been looked at before.
    warm: bool,
    chance: Chance,
    length: Duration,
    kills: u64,
    /// Epochs that were told to be done before a kill.
    acknowledged: usize,
}

impl Training {
    fn of(photos: &Path, settings: &[&str], warm: bool, seed: u64) -> Self {
        let arguments = [&["train", text_of(photos)], settings].concat();
        let mut it = Self {
            home: tempfile::tempdir().unwrap(),
            arguments: arguments.into_iter().map(str::to_owned).collect(),
            warm,
            chance: Chance(seed),
            length: Duration::ZERO,
            kills: 0,
            acknowledged: 0,
        };
        it.length = length_of(&mut it.command("whole", "cache of whole"));
        if warm {
            it.length = length_of(&mut it.command("again", "cache of whole"));
            assert_eq!(it.file("again", run_dir::PREDICTIONS), it.file("whole", run_dir::PREDICTIONS));
        }
        it
    }

    fn run(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn file(&self, run: &str, file: &str) -> Vec<u8> {
        fs::read(self.run(run).join(file)).unwrap()
    }

    fn command(&self, run: &str, cache: &str) -> Command {
        let mut command = program(self.home.path());
        let run = self.run(run);
        command.args(&self.arguments).arg("--out").arg(&run).arg("--cache").arg(self.run(cache));
        if run.join(run_dir::CONFIG).exists() || run.join(".crackscope-renames.json").exists() {
            command.arg("--resume");
        }
        command
    }

    /// Trains again and again, each time killed a few times before it may end.
    fn kill(&mut self, kills: u64) {
        for number in 0.. {
            let run = format!("run {number}");
            let cache = if self.warm { "cache of whole".to_owned() } else { format!("cache {number}") };
            for _ in 0..1 + self.chance.below(5) {
                // On a busy machine it may take longer than it did.
                let moment = self.chance.part_of(self.length * 3 / 2);
                let ended = Started::of(&mut self.command(&run, &cache)).killed_after(moment);
                self.kills += u64::from(!ended.finished);
                self.check(&run, &cache, &ended);
            }
            Started::of(&mut self.command(&run, &cache)).undisturbed();
            for file in [run_dir::PREDICTIONS, run_dir::MISCLASSIFIED, run_dir::MODEL, run_dir::GROUPS] {
                assert!(self.file(&run, file) == self.file("whole", file), "{file} of {run} differs");
            }
            fs::remove_dir_all(self.run(&run)).unwrap();
            if self.kills >= kills {
                eprintln!(
                    "{:?}: {} kills in {} runs of {:?}, {} epochs told before",
                    self.arguments,
                    self.kills,
                    number + 1,
                    self.length,
                    self.acknowledged
                );
                return;
            }
        }
    }

    /// What a run and its cache are after a kill.
    fn check(&mut self, run: &str, cache: &str, ended: &Ended) {
        let folder = self.run(run);
        check_features(&self.home.path().join(cache), &self.run("cache of whole"), &ended.lines);
        let told = epochs_told(&ended.lines);
        let Ok(read) = Run::open(&folder) else {
            assert!(told == 0 && !ended.finished, "{told} epochs were told of a run that cannot be read");
            let left = files(&folder);
            assert!(left.is_empty(), "{left:?} is no run and was begun");
            return;
        };
        self.acknowledged += told;
        for name in [run_dir::MODEL, run_dir::LAST] {
            let path = folder.join(name);
            assert!(!path.exists() || StateDict::load(&path, &Device::Cpu).is_ok(), "{name} is torn");
        }
        let last = folder.join(run_dir::LAST);
        let kept = if last.exists() { epochs_in(&last) } else { 0 };
        assert!(kept >= told, "{told} epochs were told, {kept} are kept");
        // The line of an epoch follows its weights.
        assert!(read.epochs.len() <= kept, "{} epochs are listed, {kept} are kept", read.epochs.len());
        assert_eq!(folder.join(run_dir::MODEL).exists(), folder.join(run_dir::PREDICTIONS).exists());
        if folder.join(run_dir::MODEL).exists() {
            assert!(self.file(run, run_dir::PREDICTIONS) == self.file("whole", run_dir::PREDICTIONS));
        }
        for path in files(&folder).iter().filter(|path| path.extension().is_some_and(|e| e == "png")) {
            image::open(path).unwrap();
        }
    }
}

/// Epochs that lines of a training tell of: they begin with a number.
fn epochs_told(lines: &[String]) -> usize {
    let number = |line: &String| line.split_whitespace().next()?.parse::<usize>().ok();
    lines.iter().filter(|line| line.contains('%')).filter_map(number).max().unwrap_or(0)
}

fn epochs_in(last: &Path) -> usize {
    let notes = StateDict::load(last, &Device::Cpu).unwrap().metadata;
    serde_json::from_str::<Vec<serde_json::Value>>(&notes["epochs"]).unwrap().len()
}

/// Every feature that a cache holds is the one that an undisturbed job computed; all of them where the lines say so. Gives
/// how many there are, and of how many.
fn check_features(cache: &Path, whole: &Path, lines: &[String]) -> (usize, usize) {
    let name = |cache: &Path| {
        let names = fs::read_dir(cache.join("features")).into_iter().flatten().flatten();
        let mut names = names.map(|entry| entry.file_name().into_string().unwrap());
        names.find(|name| name.starts_with("resnet18-3") && name.ends_with(".bin"))
    };
    let (Some(of_whole), Some(torn)) = (name(whole), name(cache)) else { return (0, 0) };
    assert_eq!(of_whole, torn);
    let open = |cache: &Path| FeatureCache::open(cache, torn.strip_suffix(".bin").unwrap(), 512).unwrap();
    let (torn, whole) = (open(cache), open(whole));
    let dataset = scan::scan(&samples(), &Unwatched).unwrap();
    let keys = content_keys(&dataset.samples, &Unwatched).unwrap().keys;
    let (mut held, mut photos) = (0, 0);
    for key in keys.iter().flatten() {
        photos += usize::from(whole.get(key).is_some());
        if let Some(features) = torn.get(key) {
            assert_eq!(Some(features), whole.get(key));
            held += 1;
        }
    }
    assert_eq!(held, torn.len(), "there is nothing else in it");
    let told = lines.iter().any(|line| line.starts_with("Features: "));
    assert!(!told || held == photos, "{held} of {photos} features are kept, and all were told to be computed");
    (held, photos)
}

#[test]
fn training_goes_on_to_the_same_end() {
    let _alone = alone();
    let settings = ["--epochs", "40", "--batch-size", "4"];
    Training::of(&samples(), &settings, true, 1).kill(count(22, 3));
}

#[test]
fn features_that_were_told_of_are_kept() {
    let _alone = alone();
    Training::of(&samples(), &["--epochs", "2"], false, 2).kill(count(14, 2));
}

/// Three parts of a folder at once, killed together. What was taken into the cache after one kill is there after the next.
#[test]
fn parts_that_share_a_cache_lose_nothing_of_it() {
    let _alone = alone();
    let home = tempfile::tempdir().unwrap();
    let place = |name: &str| home.path().join(name);
    let parts = |cache: &str| {
        [1, 2, 3].map(|part| {
            let (part, csv) = (format!("{part}/3"), format!("{part}.csv"));
            let mut command = program(home.path());
            command.args(["classify", "bundled", text_of(&samples()), "--shard", &part, "--csv", &csv, "--cache"]);
            Started::of(command.arg(place(cache)))
        })
    };
    let begun = Instant::now();
    for part in parts("whole") {
        part.undisturbed();
    }
    let length = begun.elapsed();
    let (mut chance, mut killed, mut before, mut rounds) = (Chance(8), 0, 0, 0);
    while killed < count(6, 2) {
        let (begun, moment) = (Instant::now(), chance.part_of(length));
        let ended = parts("torn").map(|part| part.killed_after(moment.saturating_sub(begun.elapsed())));
        killed += ended.iter().filter(|part| !part.finished).count() as u64;
        let (held, photos) = check_features(&place("torn"), &place("whole"), &[]);
        assert!(held >= before, "{before} features were there, {held} are left");
        rounds += 1;
        before = held;
        if held > 0 && held == photos {
            fs::remove_dir_all(place("torn")).unwrap();
            before = 0;
        }
    }
    for part in parts("torn") {
        part.undisturbed();
    }
    let (held, photos) = check_features(&place("torn"), &place("whole"), &[]);
    assert!(held == photos && photos > 0, "{held} of {photos} features are kept");
    eprintln!("three parts at once: {killed} kills in {rounds} rounds of {length:?}");
}

/// Few photos, since deep runs take their time.
fn few(home: &Path) -> PathBuf {
    let folder = home.join("few");
    for class in ["Negative", "Positive"] {
        fs::create_dir_all(folder.join(class)).unwrap();
        for path in files(&samples().join(class)).iter().take(5) {
            fs::copy(path, folder.join(class).join(path.file_name().unwrap())).unwrap();
        }
    }
    folder
}

#[test]
fn deeper_layers_go_on_to_the_same_end() {
    let _alone = alone();
    let home = tempfile::tempdir().unwrap();
    let photos = few(home.path());
    for (tune, warm, seed) in [("last-block", true, 3), ("all", false, 4)] {
        let settings = ["--tune", tune, "--epochs", "3", "--batch-size", "4"];
        Training::of(&photos, &settings, warm, seed).kill(count(7, 1));
    }
}

/// A trained run for what follows, and the folder that it lies in.
fn trained() -> (tempfile::TempDir, PathBuf) {
    let home = tempfile::tempdir().unwrap();
    let run = home.path().join("run");
    let mut command = program(home.path());
    // A threshold at which some photos are wrong, so that there is something to copy and to draw.
    command.args(["train", text_of(&samples()), "--epochs", "3", "--threshold", "0.99", "--out"]).arg(&run);
    Started::of(&mut command).undisturbed();
    (home, run)
}

#[test]
fn an_export_holds_whole_files_alone() {
    let _alone = alone();
    let (home, run) = trained();
    let export = |to: &str| {
        let mut command = program(home.path());
        let what = ["--csv", "--copies", "--contact-sheet", "--report", "--safetensors", "--onnx", "--overwrite"];
        command.arg("export").arg(&run).args(what).arg("--to").arg(home.path().join(to));
        command
    };
    let length = length_of(&mut export("whole"));
    let whole = files(&home.path().join("whole"));
    assert!(whole.len() > 5, "{whole:?}");
    let (mut chance, kills) = (Chance(5), count(10, 2));
    let mut killed = 0;
    while killed < kills {
        let torn = home.path().join("torn");
        let ended = Started::of(&mut export("torn")).killed_after(chance.part_of(length));
        killed += u64::from(!ended.finished);
        for path in files(&torn) {
            let same = home.path().join("whole").join(path.strip_prefix(&torn).unwrap());
            assert!(fs::read(&path).unwrap() == fs::read(&same).unwrap(), "{} is torn", path.display());
        }
        // Every other time into what was left, every other time anew.
        if chance.below(2) == 0 {
            Started::of(&mut export("torn")).undisturbed();
            assert_eq!(files(&torn).len(), whole.len());
            fs::remove_dir_all(&torn).unwrap();
        }
    }
}

#[test]
fn a_run_is_of_one_mind_about_its_threshold() {
    let _alone = alone();
    let (home, run) = trained();
    let set = |at: &str| {
        let mut command = program(home.path());
        command.arg("threshold").arg(&run).args(["--at", at]);
        command
    };
    let state = || {
        let read = Run::open(&run).unwrap();
        let table = predictions::to_csv(&read.predictions, read.threshold).unwrap();
        assert!(table == fs::read(run.join(run_dir::PREDICTIONS)).unwrap(), "table and model differ");
        let said = read.record.train.threshold.to_string();
        assert_eq!(said.parse::<f32>().unwrap(), read.threshold.at, "settings and model differ");
        let card = fs::read_to_string(run.join(run_dir::CARD)).unwrap();
        assert!(card.contains(&said), "the card does not tell of {said}");
        said
    };
    let length = length_of(&mut set("0.3")).max(length_of(&mut set("0.7")));
    let (mut chance, mut killed, mut before) = (Chance(6), 0, "0.7");
    while killed < count(10, 2) {
        let wanted = if before == "0.7" { "0.3" } else { "0.7" };
        let ended = Started::of(&mut set(wanted)).killed_after(chance.part_of(length));
        killed += u64::from(!ended.finished);
        let now = state();
        assert!(now == wanted || (now == before && !ended.finished), "{now} is neither {before} nor {wanted}");
        before = if now == "0.3" { "0.3" } else { "0.7" };
    }
}

/// Where the child of the next test keeps its settings.
const SETTINGS: &str = "CRACKSCOPE_TEST_SETTINGS";

/// Saves other settings for ever, as the window does, and tells each once it is saved.
#[test]
#[ignore = "the child of the next test"]
fn save_settings_until_killed() {
    let Some(path) = std::env::var_os(SETTINGS).map(PathBuf::from) else { return };
    let mut settings = Settings::load(&path).0;
    let mut number = recent(&settings);
    loop {
        number += 1;
        settings.theme = if number.is_multiple_of(2) { ThemeChoice::Light } else { ThemeChoice::Dark };
        settings.remember(Path::new(&format!("photos/{number}")));
        settings.save(&path).unwrap();
        // On its own line, whatever the test harness writes before it.
        writeln!(std::io::stderr(), "\nSAVED {number}").unwrap();
    }
}

/// The number of the folder that was opened last.
fn recent(settings: &Settings) -> u64 {
    let name = settings.recent.first().and_then(|folder| folder.file_name()?.to_str()?.parse().ok());
    name.unwrap_or(0)
}

#[test]
fn settings_are_those_that_were_saved_last() {
    let _alone = alone();
    let (home, _) = places();
    let path = home.path().join("config/window.toml");
    let (mut chance, mut saved) = (Chance(7), 0);
    for kill in 0..count(10, 2) {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "kills::save_settings_until_killed", "--ignored", "--nocapture"]);
        let moment = Duration::from_millis(100) + chance.part_of(Duration::from_millis(150));
        let ended = Started::of(command.env(SETTINGS, &path)).killed_after(moment);
        let told = ended.lines.iter().filter_map(|line| line.strip_prefix("SAVED ")?.parse::<u64>().ok()).max();
        saved = told.unwrap_or(saved);
        let (settings, error) = Settings::load(&path);
        assert_eq!(error, None, "kill {kill}");
        let now = recent(&settings);
        assert!(now == saved || now == saved + 1, "kill {kill}: {now}, and {saved} was told");
        assert_eq!(settings.theme, if now.is_multiple_of(2) { ThemeChoice::Light } else { ThemeChoice::Dark });
        saved = now;
    }
    assert!(saved > 0, "it was killed at work, not before");
}
