//! A small run for tests.

use std::path::{Path, PathBuf};

use image::{Rgb, RgbImage};

use crate::dataset::split::{Part, SplitConfig};
use crate::dataset::{Class, Layout};
use crate::review::metrics::Metrics;
use crate::review::predictions::Prediction;
use crate::train::config::TrainConfig;
use crate::train::observer::EpochRecord;
use crate::train::run_dir::{DataRecord, Run, RunRecord, WeightsRecord};

/// A prediction for a validation photo in `folder`.
pub fn prediction(folder: &Path, file: &str, truth: Class, p_positive: f32) -> Prediction {
    let path = folder.join(file);
    Prediction {
        sample: 0,
        file: file.into(),
        path,
        part: Some(Part::Validation),
        truth: Some(truth),
        p_positive,
        group: None,
    }
}

/// A run of three epochs of ten over four validation photos, two of them wrong. The photos do not exist.
pub fn run() -> Run {
    run_in(Path::new("/home/somebody/metu"))
}

/// The same, with real photos in `folder`: `a/1.png` and `b/1.png` are false alarms, `c.png` is a miss, `d.png` right.
pub fn run_with_photos(folder: &Path) -> Run {
    let mut run = run_in(folder);
    run.predictions = vec![
        prediction(folder, "a/1.png", Class::Negative, 0.9),
        prediction(folder, "b/1.png", Class::Negative, 0.6),
        prediction(folder, "c.png", Class::Positive, 0.01),
        prediction(folder, "d.png", Class::Positive, 0.99),
    ];
    for (n, prediction) in run.predictions.iter().enumerate() {
        std::fs::create_dir_all(prediction.path.parent().unwrap()).unwrap();
        RgbImage::from_pixel(40 + n as u32, 30, Rgb([90 + 30 * n as u8, 140, 150])).save(&prediction.path).unwrap();
    }
    run
}

fn run_in(folder: &Path) -> Run {
    let epoch = |epoch: usize, val: f64| EpochRecord {
        epoch,
        seconds: 0.25 * epoch as f64,
        learning_rate: 1e-3,
        train_loss: 0.5 / epoch as f64,
        train_accuracy: 0.9,
        val_loss: Some(val),
        val_accuracy: Some(0.95),
    };
    Run {
        path: PathBuf::from("/home/somebody/runs/2026-11-21 metu"),
        record: record(folder),
        epochs: vec![epoch(1, 0.4), epoch(2, 0.2), epoch(3, 0.3)],
        best_epoch: Some(2),
        predictions: vec![
            prediction(folder, "1.jpg", Class::Negative, 0.1),
            prediction(folder, "2.jpg", Class::Negative, 0.9),
            prediction(folder, "3.jpg", Class::Positive, 0.9),
            prediction(folder, "4.jpg", Class::Positive, 0.2),
        ],
        threshold: 0.5.into(),
        temperature: 1.0,
    }
}

fn record(folder: &Path) -> RunRecord {
    RunRecord {
        program: "crackscope 0.1.0".into(),
        created: "2026-11-21T07:30:00Z".into(),
        device: "CPU · 2 threads".into(),
        data: DataRecord {
            folders: vec![folder.to_path_buf()],
            layout: Layout::ClassFolders,
            photos: 7_146,
            positive: 3_584,
            negative: 3_562,
            unreadable: 0,
            train: 5_717,
            validation: 1_429,
            digest: "0123abcd".into(),
            groups: None,
            corrected: 0,
            labels: String::new(),
        },
        weights: WeightsRecord { source: "imagenet".into(), sha256: Some("feed".into()), fingerprint: "f00d".into() },
        train: TrainConfig { split: SplitConfig { seed: 7, ..SplitConfig::default() }, ..TrainConfig::default() },
    }
}

/// The figures of all its predictions.
pub fn validation_metrics(run: &Run) -> Metrics {
    Metrics::of(&run.predictions, run.threshold)
}
