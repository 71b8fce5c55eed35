//! A run's event file, as TensorBoard's own reader understands it.

use std::path::Path;
use std::process::Command;

use crackscope::dataset::scan;
use crackscope::job::{Progress, Unwatched, Watch};
use crackscope::train::config::{DeviceChoice, TrainConfig, WeightsSource};
use crackscope::train::observer::{Event, Observer};
use crackscope::train::trainer;

use super::shared::{places, samples};

struct Silent;

impl Watch for Silent {
    fn progress(&self, _: Progress) {}
}

impl Observer for Silent {
    fn event(&self, _: Event) {}
}

/// A Python that has tensorboard: the one named by `CRACKSCOPE_PYTHON`, or `python3`. `None`, said once, without one.
fn python() -> Option<String> {
    let python = std::env::var("CRACKSCOPE_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let answer = Command::new(&python).args(["-c", "import tensorboard"]).output();
    if answer.is_ok_and(|answer| answer.status.success()) {
        return Some(python);
    }
    eprintln!("skipped: {python} has no tensorboard; name one that has by CRACKSCOPE_PYTHON");
    None
}

#[test]
fn tensorboard_reads_what_a_run_wrote() {
    let Some(python) = python() else { return };
    let (_folder, places) = places();
    let run = places.runs.join("run");
    let dataset = scan::scan(&samples(), &Unwatched).unwrap();
    let mut config = TrainConfig {
        weights: WeightsSource::Random,
        epochs: 4,
        batch_size: 8,
        device: DeviceChoice::Cpu,
        ..TrainConfig::default()
    };
    let check = |epochs: &str| {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/check_tensorboard.py");
        let output = Command::new(&python).arg(script).arg(&run).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
        assert!(said.starts_with(epochs), "{said}");
    };
    trainer::train(&dataset, &config, &places, &run, false, &Silent).unwrap();
    check("4 epochs: 20 scalars, 8 histograms");
    // A run that goes on keeps what was there, and has its pictures once.
    config.epochs = 6;
    trainer::train(&dataset, &config, &places, &run, true, &Silent).unwrap();
    check("6 epochs: 30 scalars, 12 histograms");
}
