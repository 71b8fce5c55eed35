//! The command line that repeats a run, or that trains with some settings.

use serde_json::Value;

use super::config::{DeviceChoice, PrecisionChoice, TrainConfig};
use super::grouping::Sources;
use super::run_dir::RunRecord;
use super::settings;
use crate::error::{Error, Result};

/// Options of `crackscope train` and the settings that they set.
const OPTIONS: [(&str, &str); 24] = [
    ("backbone", "--backbone"),
    ("weights", "--weights"),
    ("tune", "--tune"),
    ("epochs", "--epochs"),
    ("batch_size", "--batch-size"),
    ("learning_rate", "--lr"),
    ("backbone_learning_rate", "--backbone-lr"),
    ("warmup_epochs", "--warmup"),
    ("schedule", "--schedule"),
    ("optimizer", "--optimizer"),
    ("weight_decay", "--weight-decay"),
    ("momentum", "--momentum"),
    ("clip_norm", "--clip"),
    ("train_statistics", "--train-statistics"),
    ("balance_classes", "--balance-classes"),
    ("patience", "--patience"),
    ("split.kind", "--split"),
    ("split.val_fraction", "--val-fraction"),
    ("groups.time_gap", "--time-gap"),
    ("groups.file", "--groups"),
    ("seed", "--seed"),
    ("threshold", "--threshold"),
    ("abstain", "--abstain"),
    ("calibrate", "--calibrate"),
];

/// `crackscope train …` with the folders of the run and the options that are not as they are by default.
///
/// # Errors
/// Where the run has a setting that no option sets; the error names it.
pub fn command_line(record: &RunRecord) -> Result<String> {
    let mut words = vec!["crackscope".to_owned(), "train".to_owned()];
    words.extend(record.data.folders.iter().map(|folder| quoted(&folder.display().to_string())));
    words.extend(options(&record.train)?);
    Ok(words.join(" "))
}

/// The options of `crackscope train` that set what is not as it is by default, each word as the shell takes it.
///
/// # Errors
/// Where there is a setting that no option sets; the error names it.
pub fn options(config: &TrainConfig) -> Result<Vec<String>> {
    if config.seed != config.split.seed {
        return Err(no_option("split.seed"));
    }
    let mut words = Vec::new();
    // What is sound for the layers is set with them; seed, device and precision are set apart.
    let mut usual = TrainConfig::for_tune(config.tune);
    (usual.tune, usual.split.seed) = (TrainConfig::default().tune, config.split.seed);
    (usual.device, usual.precision) = (config.device, config.precision);
    let usual_groups = usual.groups.by.clone();
    let usual = settings::by_name(&usual);
    for (name, value) in settings::by_name(config) {
        if usual.get(&name) == Some(&value) || name.starts_with("augment.") || name == "groups.by" {
            continue; // each has one option for all that it sets
        }
        let (_, option) = OPTIONS.iter().find(|(setting, _)| *setting == name).ok_or_else(|| no_option(&name))?;
        words.push((*option).to_owned());
        match &value {
            Value::Bool(true) => {}
            Value::Null if name == "clip_norm" => words.push("0".to_owned()),
            Value::Bool(false) | Value::Null => return Err(no_option(&name)),
            Value::String(text) => words.push(quoted(text)),
            value => words.push(value.to_string()),
        }
    }
    if !config.augment.is_off() {
        words.extend(["--augment".to_owned(), quoted(&config.augment.variation.to_string())]);
        words.extend(["--variants".to_owned(), config.augment.variants.to_string()]);
    }
    if config.groups.by != usual_groups {
        words.extend(["--group-by".to_owned(), Sources(config.groups.by.clone()).to_string()]);
    }
    let compute = settings::by_name(config);
    for (name, unset) in
        [("device", config.device == DeviceChoice::Auto), ("precision", config.precision == PrecisionChoice::Auto)]
    {
        if let Some(Value::String(value)) = compute.get(name).filter(|_| !unset) {
            words.extend([format!("--{name}"), value.clone()]);
        }
    }
    Ok(words)
}

fn no_option(name: &str) -> Error {
    Error::new(format!("No option of `crackscope train` sets {name} as this run has it"))
}

/// A word as the shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./=:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else if cfg!(windows) {
        format!("\"{word}\"")
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::train::config::{Schedule, Tune, WeightsSource};
    use crate::train::run_list::tests::record;

    #[test]
    fn only_what_is_not_usual_is_said() {
        let mut plain = record("2026-01-01T00:00:00Z", TrainConfig::default());
        assert_eq!(command_line(&plain).unwrap(), "crackscope train /photos/bridge");
        plain.train = TrainConfig { schedule: Schedule::Constant, ..TrainConfig::for_tune(Tune::LastBlock) };
        assert_eq!(
            command_line(&plain).unwrap(),
            "crackscope train /photos/bridge --schedule constant --tune last-block"
        );
    }

    #[cfg(unix)]
    #[test]
    fn paths_are_quoted_where_the_shell_would_part_them() {
        let train =
            TrainConfig { weights: WeightsSource::File(PathBuf::from("/w/best ever.pth")), ..Default::default() };
        let mut record = record("2026-01-01T00:00:00Z", train);
        record.data.folders = vec![PathBuf::from("/photos/it's"), PathBuf::from("/b")];
        assert_eq!(
            command_line(&record).unwrap(),
            "crackscope train '/photos/it'\\''s' /b --weights '/w/best ever.pth'"
        );
    }

    #[test]
    fn what_no_option_sets_is_named() {
        let mut train = TrainConfig { seed: 1, ..Default::default() };
        let error = command_line(&record("2026-01-01T00:00:00Z", train.clone())).unwrap_err();
        assert!(error.title().contains("split.seed"), "{error}");
        train.split.seed = 1;
        assert!(command_line(&record("2026-01-01T00:00:00Z", train)).unwrap().ends_with("--seed 1"));
    }
}
