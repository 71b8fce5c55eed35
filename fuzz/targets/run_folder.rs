//! The files of a run folder (`config.toml` foremost), the window's settings and the notes of an archive, each by its
//! first byte, beside others that are sound.

#![no_main]

mod place;

use std::path::Path;

use crackscope::app::settings::Settings;
use crackscope::atomic_file;
use crackscope::dataset::group::hand::ByHand;
use crackscope::train::run_dir::{Run, RunSummary};
use libfuzzer_sys::fuzz_target;

/// A record that is sound.
const CONFIG: &[u8] = include_bytes!("../seeds/run_folder/config");

fuzz_target!(|data: &[u8]| {
    let Some((which, data)) = data.split_first() else { return };
    let run = place::folder().join("run");
    let _ = std::fs::remove_dir_all(&run);
    place::file("outside", b"mine");
    place::file("run/config.toml", &CONFIG[1..]);
    let name = match which {
        b'p' => "predictions.csv",
        b'r' => "results.csv",
        b'g' => "groups.csv",
        b'n' => {
            place::file("run/.crackscope-a.part", b"new");
            ".crackscope-renames.json"
        }
        b's' => return settings(data),
        _ => "config.toml",
    };
    place::file(&format!("run/{name}"), data);
    if let Ok(read) = Run::open(&run) {
        assert!(RunSummary::read(&run).is_ok());
        assert!(read.record.to_toml().is_ok());
        let folders = &read.record.data.folders;
        let climbs = |path: &Path| path.components().any(|part| part.as_os_str() == "..");
        let inside = |path: &Path| folders.iter().any(|folder| path.starts_with(folder)) || folders.len() != 1;
        assert!(read.predictions.iter().all(|p| inside(&p.path) && !climbs(Path::new(&p.file))));
    }
    let _ = ByHand::read(&run.join(name));
    let _ = atomic_file::complete(&run);
    assert_eq!(std::fs::read(place::folder().join("outside")).expect("it is still there"), b"mine");
});

/// What can be read can be written, and is the same then.
fn settings(data: &[u8]) {
    let path = place::file("window.toml", data);
    let (settings, error) = Settings::load(&path);
    if error.is_none() {
        settings.save(&path).expect("what was read can be written");
        let (again, error) = Settings::load(&path);
        assert!(error.is_none() && again == settings);
    }
}
